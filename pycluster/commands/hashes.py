"""Hashes: fields with values under one key (t_hash.c)."""

from fractions import Fraction
from typing import Annotated

from pycluster.commands.members import Cursor, read_sample_options, sample, scan_members
from pycluster.commands.table import (
    AppendKey,
    Convert,
    DeleteKey,
    Group,
    Int,
    LookKey,
    ModifyKey,
    ReadKey,
    Some,
    Twos,
    UpdateKey,
)
from pycluster.datatypes.big_dict import random_key
from pycluster.datatypes.hash import Hash
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import (
    HashValueNotAFloat,
    HashValueNotAnInteger,
    IncrementNanOrInfinity,
    WouldBeNanOrInfinity,
    WouldOverflow,
    wrong_number_of_arguments,
)
from pycluster.protocol.numbers import INT_MAX, INT_MIN, add_long_doubles, parse_int, parse_long_double
from pycluster.protocol.replies import Pairs

group = Group("hash", "hash")


# Writing


@group.command("write denyoom fast")
def hset(db: Database, key: UpdateKey, *pairs: Twos) -> int:
    """HSET key field value [field value ...]

    Sets fields of a hash, which is made if there is none. Returns how many of the fields are new.
    Since 2.0.0. O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is called
    with multiple field/value pairs.
    """
    if len(pairs) % 2:
        raise wrong_number_of_arguments("hset")
    fields = db.get(key, Hash)
    if fields is None:
        fields = Hash()
        db.put(key, fields)
    added = fields.put(*pairs) if len(pairs) == 2 else sum(map(fields.put, pairs[::2], pairs[1::2]))
    db.changed(key, "hset", len(pairs) // 2)
    return int(added)


@group.command("write denyoom fast")
def hmset(db: Database, key: UpdateKey, *pairs: Twos) -> str:
    """HMSET key field value [field value ...]

    Sets fields of a hash, which is made if there is none.
    Since 2.0.0. O(N) where N is the number of fields being set.
    Deprecated since 4.0.0, use `HSET` with multiple field-value pairs.
    """
    if len(pairs) % 2:
        raise wrong_number_of_arguments("hmset")
    hset(db, key, *pairs)
    return "OK"


@group.command("write denyoom fast")
def hsetnx(db: Database, key: AppendKey, field: bytes, value: bytes) -> int:
    """HSETNX key field value

    Sets a field of a hash unless it is there already. Returns 1 if it was set.
    Since 2.0.0. O(1).
    """
    fields = db.get(key, Hash)
    if fields is not None and field in fields.fields:
        return 0
    if fields is None:
        fields = Hash()
        db.put(key, fields)
    fields.put(field, value)
    db.changed(key, "hset")
    return 1


@group.command("write fast")
def hdel(db: Database, key: DeleteKey, *names: Some) -> int:
    """HDEL key field [field ...]

    Removes fields of a hash, and the key with the last of them. Returns how many there were.
    Since 2.0.0. O(N) where N is the number of fields to be removed.
    """
    fields = db.get(key, Hash)
    if fields is None:
        return 0
    removed = sum(map(fields.remove, names))
    if removed:
        db.removed_if_empty(key, fields, "hdel", removed)
    return removed


@group.command("write denyoom fast")
def hincrby(db: Database, key: ModifyKey, field: bytes, increment: Int) -> int:
    """HINCRBY key field increment

    Adds to the integer in a field of a hash; a field that is not there counts as 0. Returns the sum.
    Since 2.0.0. O(1).
    """
    fields = db.get(key, Hash)
    old = None if fields is None else fields.fields.get(field)
    new = increment if old is None else parse_int(old, HashValueNotAnInteger) + increment
    if not INT_MIN <= new <= INT_MAX:
        raise WouldOverflow
    _put(db, key, fields, field, b"%d" % new)
    db.changed(key, "hincrby")
    return new


@group.command("write denyoom fast")
def hincrbyfloat(
    db: Database, key: ModifyKey, field: bytes, increment: Annotated[Fraction | float, Convert(parse_long_double)]
) -> bytes:
    """HINCRBYFLOAT key field increment

    Adds to the number in a field of a hash; a field that is not there counts as 0. Returns the sum.
    Since 2.6.0. O(1).
    """
    if isinstance(increment, float):
        raise IncrementNanOrInfinity
    fields = db.get(key, Hash)
    old = None if fields is None else fields.fields.get(field)
    new = add_long_doubles(parse_long_double(b"0" if old is None else old, HashValueNotAFloat), increment)
    if new is None:
        raise WouldBeNanOrInfinity
    _put(db, key, fields, field, new)
    db.changed(key, "hincrbyfloat")
    db.record(b"HSET", key, field, new)  # the sum may come out otherwise where numbers are made otherwise
    return new


def _put(db: Database, key: bytes, fields: Hash | None, field: bytes, value: bytes) -> None:
    if fields is None:
        fields = Hash()
        db.put(key, fields)
    fields.put(field, value)


# Reading


@group.command("readonly fast")
def hget(db: Database, key: ReadKey, field: bytes) -> bytes | None:
    """HGET key field

    Returns the value of a field of a hash.
    Since 2.0.0. O(1).
    """
    fields = db.read(key, Hash)
    return None if fields is None else fields.fields.get(field)


@group.command("readonly fast")
def hmget(db: Database, key: ReadKey, *names: Some) -> list[bytes | None]:
    """HMGET key field [field ...]

    Returns the values of fields of a hash, a null for each that is not there.
    Since 2.0.0. O(N) where N is the number of fields being requested.
    """
    fields = db.read(key, Hash)
    return [None] * len(names) if fields is None else [fields.fields.get(name) for name in names]


@group.command("readonly", tips=("nondeterministic_output_order",))
def hgetall(db: Database, key: ReadKey) -> dict[bytes, bytes]:
    """HGETALL key

    Returns all fields of a hash with their values.
    Since 2.0.0. O(N) where N is the size of the hash.
    """
    fields = db.read(key, Hash)
    return {} if fields is None else dict(fields.fields.items())


@group.command("readonly", tips=("nondeterministic_output_order",))
def hkeys(db: Database, key: ReadKey) -> list[bytes]:
    """HKEYS key

    Returns the names of all fields of a hash.
    Since 2.0.0. O(N) where N is the size of the hash.
    """
    fields = db.read(key, Hash)
    return [] if fields is None else list(fields.fields)


@group.command("readonly", tips=("nondeterministic_output_order",))
def hvals(db: Database, key: ReadKey) -> list[bytes]:
    """HVALS key

    Returns the values of all fields of a hash.
    Since 2.0.0. O(N) where N is the size of the hash.
    """
    fields = db.read(key, Hash)
    return [] if fields is None else list(fields.fields.values())


@group.command("readonly fast")
def hlen(db: Database, key: LookKey) -> int:
    """HLEN key

    Returns how many fields a hash has.
    Since 2.0.0. O(1).
    """
    fields = db.read(key, Hash)
    return 0 if fields is None else len(fields)


@group.command("readonly fast")
def hstrlen(db: Database, key: LookKey, field: bytes) -> int:
    """HSTRLEN key field

    Returns how many bytes the value of a field of a hash has.
    Since 3.2.0. O(1).
    """
    return len(hget(db, key, field) or b"")


@group.command("readonly fast")
def hexists(db: Database, key: LookKey, field: bytes) -> int:
    """HEXISTS key field

    Tells whether a hash has a field.
    Since 2.0.0. O(1).
    """
    fields = db.read(key, Hash)
    return int(fields is not None and field in fields.fields)


@group.command("readonly", tips=("nondeterministic_output",))
def hrandfield(db: Database, key: ReadKey, *options: bytes) -> object:
    """HRANDFIELD key [count [WITHVALUES]]

    Returns some field of a hash, or several: different ones, or with a negative count as chance will have it.
    Since 6.2.0. O(N) where N is the number of fields returned.
    """
    if not options:
        fields = db.read(key, Hash)
        return None if fields is None else random_key(fields.fields, db.rng)
    count, with_values = read_sample_options(options, b"WITHVALUES")
    fields = db.read(key, Hash)
    if fields is None:
        return []
    names = sample(fields.fields, count, db.rng)
    return Pairs((name, fields.fields[name]) for name in names) if with_values else names


@group.command("readonly", tips=("nondeterministic_output",))
def hscan(db: Database, key: ReadKey, cursor: Cursor, *options: bytes) -> list[object]:
    """HSCAN key cursor [MATCH pattern] [COUNT count]

    Walks through the fields of a hash in steps; each step returns fields with their values, and the next cursor.
    Since 2.8.0. O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to
    return back to 0. N is the number of elements inside the collection.
    """
    fields = db.read(key, Hash)
    if fields is None:
        return [b"0", []]
    following, names = scan_members(fields.fields, cursor, options)
    return [following, [part for name in names for part in (name, fields.fields[name])]]
