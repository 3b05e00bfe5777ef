"""Sets: members, each once, under one key, and the algebra of several sets (t_set.c)."""

from collections.abc import Collection
from itertools import islice

from pycluster.commands.arguments import NumKeys, parse_at_least, parse_symmetric
from pycluster.commands.members import Cursor, sample, scan_members
from pycluster.commands.table import (
    AppendKey,
    DeleteKey,
    Group,
    LookKey,
    OverwriteKey,
    PopKey,
    ReadKey,
    Some,
    UpdateKey,
    numkeys,
    parse_positive,
)
from pycluster.datatypes.big_dict import random_key, random_keys
from pycluster.datatypes.set import Set, difference, intersection, union
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import BadSyntax, LimitNegative, NumkeysTooLarge
from pycluster.protocol.replies import Members

group = Group("set", "set")

RECORD_MEMBERS = 1024  # members in one SREM that SPOP leaves in the journal, at most


# Members


@group.command("write denyoom fast")
def sadd(db: Database, key: AppendKey, *members: Some) -> int:
    """SADD key member [member ...]

    Adds members to a set, which is made if there is none. Returns how many are new.
    Since 1.0.0. O(1) for each element added, so O(N) to add N elements when the command is called with multiple
    arguments.
    """
    into = db.get(key, Set)
    if into is None:
        into = Set()
        db.put(key, into)
    added = into.add(*members) if len(members) == 1 else sum(map(into.add, members))
    if added:
        db.changed(key, "sadd", added)
    return int(added)


@group.command("write fast")
def srem(db: Database, key: DeleteKey, *members: Some) -> int:
    """SREM key member [member ...]

    Removes members from a set, and the key with the last of them. Returns how many there were.
    Since 1.0.0. O(N) where N is the number of members to be removed.
    """
    found = db.get(key, Set)
    if found is None:
        return 0
    removed = sum(map(found.remove, members))
    if removed:
        db.removed_if_empty(key, found, "srem", removed)
    return removed


@group.command("write fast")
def smove(db: Database, source: PopKey, destination: AppendKey, member: bytes) -> int:
    """SMOVE source destination member

    Moves a member from one set to another. Returns 1 if it was there.
    Since 1.0.0. O(1).
    """
    origin = db.get(source, Set)
    if origin is None:
        return 0
    target = db.get(destination, Set)
    if origin is target:
        return int(member in origin.members)
    if not origin.remove(member):
        return 0
    db.removed_if_empty(source, origin, "srem")
    sadd(db, destination, member)
    return 1


@group.command("write fast", tips=("nondeterministic_output",))
def spop(db: Database, key: PopKey, *count: bytes) -> object:
    """SPOP key [count]

    Takes some member from a set, or so many, and returns them.
    Since 1.0.0. Without the count argument O(1), otherwise O(N) where N is the value of the passed count.
    """
    if len(count) > 1:
        raise BadSyntax
    if count:
        return _pop_many(db, key, parse_positive(count[0]))
    found = db.get(key, Set)
    if found is None:
        return None
    member = random_key(found.members, db.rng)
    found.remove(member)
    db.removed_if_empty(key, found, "spop")
    db.record(b"SREM", key, member)
    return member


def _pop_many(db: Database, key: bytes, count: int) -> Members:
    """SPOP with a count. Chance does not repeat itself elsewhere: it is recorded what was taken."""
    found = db.get(key, Set)
    if found is None or count == 0:
        return Members()
    if count >= len(found):
        db.delete(key)
        db.changed(key, "spop", len(found))
        db.notify("del", key)
        db.record(b"DEL", key)
        return Members(found.members)
    taken = random_keys(found.members, count, db.rng)
    for member in taken:
        found.remove(member)
    db.changed(key, "spop", count)
    for start in range(0, count, RECORD_MEMBERS):
        db.record(b"SREM", key, *taken[start : start + RECORD_MEMBERS])
    return Members(taken)


@group.command("readonly fast")
def sismember(db: Database, key: LookKey, member: bytes) -> int:
    """SISMEMBER key member

    Tells whether a set has a member.
    Since 1.0.0. O(1).
    """
    found = db.read(key, Set)
    return int(found is not None and member in found.members)


@group.command("readonly fast")
def smismember(db: Database, key: ReadKey, *members: Some) -> list[int]:
    """SMISMEMBER key member [member ...]

    Tells for each of several whether a set has it as a member.
    Since 6.2.0. O(N) where N is the number of elements being checked for membership.
    """
    found = db.read(key, Set)
    return [int(found is not None and member in found.members) for member in members]


@group.command("readonly", tips=("nondeterministic_output_order",))
def smembers(db: Database, key: ReadKey) -> Members:
    """SMEMBERS key

    Returns all members of a set.
    Since 1.0.0. O(N) where N is the set cardinality.
    """
    found = db.read(key, Set)
    return Members() if found is None else Members(found.members)


@group.command("readonly fast")
def scard(db: Database, key: LookKey) -> int:
    """SCARD key

    Returns how many members a set has.
    Since 1.0.0. O(1).
    """
    found = db.read(key, Set)
    return 0 if found is None else len(found)


@group.command("readonly", tips=("nondeterministic_output",))
def srandmember(db: Database, key: ReadKey, *count: bytes) -> object:
    """SRANDMEMBER key [count]

    Returns some member of a set, or several: different ones, or with a negative count as chance will have it.
    Since 1.0.0. Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.
    """
    if len(count) > 1:
        raise BadSyntax
    wanted = parse_symmetric(count[0]) if count else None
    found = db.read(key, Set)
    if wanted is None:
        return None if found is None else random_key(found.members, db.rng)
    return [] if found is None else sample(found.members, wanted, db.rng)


@group.command("readonly", tips=("nondeterministic_output",))
def sscan(db: Database, key: ReadKey, cursor: Cursor, *options: bytes) -> list[object]:
    """SSCAN key cursor [MATCH pattern] [COUNT count]

    Walks through the members of a set in steps; each step returns members and the next cursor.
    Since 2.8.0. O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to
    return back to 0. N is the number of elements inside the collection.
    """
    found = db.read(key, Set)
    return [b"0", []] if found is None else list(scan_members(found.members, cursor, options))


# Several sets


@group.command("readonly", tips=("nondeterministic_output_order",))
def sinter(db: Database, *keys: ReadKey) -> Members:
    """SINTER key [key ...]

    Returns the members that all of the sets have.
    Since 1.0.0. O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.
    """
    return Members(_intersection(db, keys))


@group.command("write denyoom")
def sinterstore(db: Database, destination: UpdateKey, *keys: ReadKey) -> int:
    """SINTERSTORE destination key [key ...]

    Stores the members that all of the sets have, and returns how many they are.
    Since 1.0.0. O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.
    """
    return _store(db, destination, _intersection(db, keys), "sinterstore")


@group.command("readonly", keys=numkeys(1))
def sintercard(db: Database, numkeys: NumKeys, *rest: Some) -> int:
    """SINTERCARD numkeys key [key ...] [LIMIT limit]

    Returns how many members all of the sets have; it stops counting at LIMIT (0: never).
    Since 7.0.0. O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.
    """
    if numkeys > len(rest):
        raise NumkeysTooLarge
    limit = _read_limit(rest[numkeys:])
    return len(_intersection(db, rest[:numkeys], limit))


def _read_limit(options: tuple[bytes, ...]) -> int | None:
    """LIMIT, the last one where there are several; None: no limit."""
    limit = None
    for word, *digits in (options[at : at + 2] for at in range(0, len(options), 2)):
        if word.upper() != b"LIMIT" or not digits:
            raise BadSyntax
        limit = parse_at_least(0, digits[0], LimitNegative) or None
    return limit


def _intersection(db: Database, keys: tuple[bytes, ...], limit: int | None = None) -> list[bytes]:
    sets = [db.read(key, Set) for key in keys]
    present = [found for found in sets if found is not None]
    return list(islice(intersection(present), limit)) if len(present) == len(sets) else []


@group.command("readonly", tips=("nondeterministic_output_order",))
def sunion(db: Database, *keys: ReadKey) -> Members:
    """SUNION key [key ...]

    Returns the members that any of the sets has.
    Since 1.0.0. O(N) where N is the total number of elements in all given sets.
    """
    return Members(_union(db, keys))


@group.command("write denyoom")
def sunionstore(db: Database, destination: OverwriteKey, *keys: ReadKey) -> int:
    """SUNIONSTORE destination key [key ...]

    Stores the members that any of the sets has, and returns how many they are.
    Since 1.0.0. O(N) where N is the total number of elements in all given sets.
    """
    return _store(db, destination, _union(db, keys), "sunionstore")


def _union(db: Database, keys: tuple[bytes, ...]) -> list[bytes]:
    return union([found for key in keys if (found := db.read(key, Set)) is not None])


@group.command("readonly", tips=("nondeterministic_output_order",))
def sdiff(db: Database, *keys: ReadKey) -> Members:
    """SDIFF key [key ...]

    Returns the members of the first set that none of the others has.
    Since 1.0.0. O(N) where N is the total number of elements in all given sets.
    """
    return Members(_difference(db, keys))


@group.command("write denyoom")
def sdiffstore(db: Database, destination: OverwriteKey, *keys: ReadKey) -> int:
    """SDIFFSTORE destination key [key ...]

    Stores the members of the first set that none of the others has, and returns how many they are.
    Since 1.0.0. O(N) where N is the total number of elements in all given sets.
    """
    return _store(db, destination, _difference(db, keys), "sdiffstore")


def _difference(db: Database, keys: tuple[bytes, ...]) -> list[bytes]:
    first, *others = (db.read(key, Set) for key in keys)
    return [] if first is None else list(difference(first, [other for other in others if other is not None]))


def _store(db: Database, destination: bytes, members: Collection[bytes], event: str) -> int:
    """Puts a set of these members in the place of whatever was there; without members, nothing."""
    if members:
        db.lookup_to_change(destination)
        db.replace(destination, Set(members))
        db.changed(destination, event)
    elif db.delete(destination):
        db.changed(destination, "del")
    return len(members)
