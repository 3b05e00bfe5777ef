"""Sorted sets: members with scores, in order, under one key (t_zset.c).

Here: members and their scores, ranks, and popping at both ends. Ranges are in sorted_set_ranges.py, the algebra of
several in sorted_set_algebra.py, the commands that wait in sorted_set_waits.py.
"""

from collections.abc import Sequence

from pycluster.commands.arguments import NumKeys, read_pop
from pycluster.commands.members import Cursor, read_sample_options, sample, scan_members
from pycluster.commands.table import (
    DeleteKey,
    Float,
    Group,
    LookKey,
    ModifyKey,
    PopKey,
    ReadKey,
    Some,
    Twos,
    UpdateKey,
    numkeys,
    parse_positive,
)
from pycluster.datatypes.big_dict import random_key
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import (
    BadSyntax,
    GtLtNxTogether,
    IncrOfSeveral,
    ScoreNotANumber,
    XxAndNxTogether,
    wrong_number_of_arguments,
)
from pycluster.protocol.numbers import format_float, parse_float
from pycluster.protocol.replies import NULL_ARRAY, Pairs

group = Group("sorted-set", "sortedset")

MIN, MAX = ENDS = b"MIN", b"MAX"
POP_COMMANDS = {MIN: b"ZPOPMIN", MAX: b"ZPOPMAX"}

ZADD_WORDS = frozenset((b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"))


# Members


@group.command("write denyoom fast")
def zadd(db: Database, key: UpdateKey, *arguments: Twos) -> object:
    """ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]

    Gives members of a sorted set their scores; the set is made if there is none. Returns how many are new; with CH, how
    many changed; with INCR, which adds to a score, the new score. NX touches no member that exists, XX adds none; GT
    and LT let a score only rise or only fall.
    Since 1.2.0. O(log(N)) for each item added, where N is the number of elements in the sorted set.
    """
    if len(arguments) > 2 or arguments[0].upper() in ZADD_WORDS:
        return _zadd_with_options(db, key, arguments)
    score = parse_float(arguments[0])
    zset = db.get(key, SortedSet)
    if zset is None:
        zset = SortedSet()
        db.put(key, zset)
    old = zset.put(arguments[1], score)
    if old != score:
        db.changed(key, "zadd")
    return 1 if old is None else 0


def _zadd_with_options(db: Database, key: bytes, arguments: Sequence[bytes]) -> object:
    options = set()
    at = 0
    while at < len(arguments) and (word := arguments[at].upper()) in ZADD_WORDS:
        options.add(word)
        at += 1
    scores, members = arguments[at::2], arguments[at + 1 :: 2]
    if not scores or len(scores) != len(members):
        raise BadSyntax
    if {b"NX", b"XX"} <= options:
        raise XxAndNxTogether
    if len(options & {b"NX", b"GT", b"LT"}) > 1:
        raise GtLtNxTogether
    if b"INCR" in options:
        if len(scores) > 1:
            raise IncrOfSeveral
        return _increment(db, key, parse_float(scores[0]), members[0], options)
    return _put_all(db, key, list(map(parse_float, scores)), members, options)


def _put_all(db: Database, key: bytes, scores: Sequence[float], members: Sequence[bytes], options: set[bytes]) -> int:
    """ZADD without INCR: how many members are new, or have changed (CH)."""
    zset = _find_or_make(db, key, options)
    if zset is None:
        return 0
    added = updated = 0
    for score, member in zip(scores, members, strict=True):
        old = zset.scores.get(member)
        if _allows(options, old, score):
            zset.put(member, score)
            added += old is None
            updated += old is not None and old != score
    if added or updated:
        db.changed(key, "zadd", added + updated)
    return added + updated if b"CH" in options else added


def _increment(db: Database, key: bytes, amount: float, member: bytes, options: set[bytes]) -> float | None:
    """ZADD with INCR, and ZINCRBY: the new score, None where an option forbids it."""
    zset = _find_or_make(db, key, options)
    if zset is None:
        return None
    old = zset.scores.get(member)
    if old is not None and b"NX" in options:
        return None
    score = amount if old is None else old + amount
    if score != score:
        raise ScoreNotANumber
    if not _allows(options, old, score):
        return None
    zset.put(member, score)
    if old != score:
        db.changed(key, "zincr")
    return score


def _find_or_make(db: Database, key: bytes, options: set[bytes]) -> SortedSet | None:
    """The sorted set at a key, made if there is none, unless nothing may be new (XX)."""
    zset = db.get(key, SortedSet)
    if zset is None and b"XX" not in options:
        zset = SortedSet()
        db.put(key, zset)
    return zset


def _allows(options: set[bytes], old: float | None, score: float) -> bool:
    """May the member with this old score (None: it is not there) get the new one?"""
    if old is None:
        return b"XX" not in options
    if b"NX" in options:
        return False
    return not (b"GT" in options and score <= old) and not (b"LT" in options and score >= old)


@group.command("write denyoom fast")
def zincrby(db: Database, key: ModifyKey, increment: Float, member: bytes) -> float | None:
    """ZINCRBY key increment member

    Adds to the score of a member of a sorted set; one that is not there counts as 0. Returns the sum.
    Since 1.2.0. O(log(N)) where N is the number of elements in the sorted set.
    """
    return _increment(db, key, increment, member, set())


@group.command("write fast")
def zrem(db: Database, key: DeleteKey, *members: Some) -> int:
    """ZREM key member [member ...]

    Removes members from a sorted set, and the key with the last of them. Returns how many there were.
    Since 1.2.0. O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be
    removed.
    """
    zset = db.get(key, SortedSet)
    if zset is None:
        return 0
    removed = sum(map(zset.remove, members))
    if removed:
        db.removed_if_empty(key, zset, "zrem", removed)
    return removed


@group.command("readonly fast")
def zscore(db: Database, key: ReadKey, member: bytes) -> float | None:
    """ZSCORE key member

    Returns the score of a member of a sorted set.
    Since 1.2.0. O(1).
    """
    zset = db.read(key, SortedSet)
    return None if zset is None else zset.scores.get(member)


@group.command("readonly fast")
def zmscore(db: Database, key: ReadKey, *members: Some) -> list[float | None]:
    """ZMSCORE key member [member ...]

    Returns the scores of members of a sorted set, a null for each that is not there.
    Since 6.2.0. O(N) where N is the number of members being requested.
    """
    zset = db.read(key, SortedSet)
    return [None] * len(members) if zset is None else [zset.scores.get(member) for member in members]


@group.command("readonly fast")
def zcard(db: Database, key: LookKey) -> int:
    """ZCARD key

    Returns how many members a sorted set has.
    Since 1.2.0. O(1).
    """
    zset = db.read(key, SortedSet)
    return 0 if zset is None else len(zset)


@group.command("readonly", tips=("nondeterministic_output",))
def zrandmember(db: Database, key: ReadKey, *options: bytes) -> object:
    """ZRANDMEMBER key [count [WITHSCORES]]

    Returns some member of a sorted set, or several: different ones, or with a negative count as chance will have it.
    Since 6.2.0. O(N) where N is the number of members returned.
    """
    if not options:
        zset = db.read(key, SortedSet)
        return None if zset is None else random_key(zset.scores, db.rng)
    count, with_scores = read_sample_options(options, b"WITHSCORES")
    zset = db.read(key, SortedSet)
    if zset is None:
        return []
    members = sample(zset.scores, count, db.rng)
    return Pairs((member, zset.scores[member]) for member in members) if with_scores else members


@group.command("readonly", tips=("nondeterministic_output",))
def zscan(db: Database, key: ReadKey, cursor: Cursor, *options: bytes) -> list[object]:
    """ZSCAN key cursor [MATCH pattern] [COUNT count]

    Walks through the members of a sorted set in steps; each step returns members with their scores, and the next
    cursor.
    Since 2.8.0. O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to
    return back to 0. N is the number of elements inside the collection.
    """
    zset = db.read(key, SortedSet)
    if zset is None:
        return [b"0", []]
    following, members = scan_members(zset.scores, cursor, options)
    return [following, [part for member in members for part in (member, format_float(zset.scores[member]))]]


# Ranks


@group.command("readonly fast")
def zrank(db: Database, key: ReadKey, member: bytes, *options: bytes) -> object:
    """ZRANK key member [WITHSCORE]

    Returns how many members of a sorted set stand before a member; with WITHSCORE its score too.
    Since 2.0.0. O(log(N)).
    """
    if len(options) > 1:
        raise wrong_number_of_arguments("zrank")
    return _rank(db, key, member, options, from_right=False)


@group.command("readonly fast")
def zrevrank(db: Database, key: ReadKey, member: bytes, *options: bytes) -> object:
    """ZREVRANK key member [WITHSCORE]

    Returns how many members of a sorted set stand behind a member; with WITHSCORE its score too.
    Since 2.0.0. O(log(N)).
    """
    if len(options) > 1:
        raise wrong_number_of_arguments("zrevrank")
    return _rank(db, key, member, options, from_right=True)


def _rank(db: Database, key: bytes, member: bytes, options: tuple[bytes, ...], from_right: bool) -> object:
    if options and options[0].upper() != b"WITHSCORE":
        raise BadSyntax
    zset = db.read(key, SortedSet)
    rank = None if zset is None else zset.rank(member)
    if zset is None or rank is None:
        return NULL_ARRAY if options else None
    if from_right:
        rank = len(zset) - 1 - rank
    return [rank, zset.scores[member]] if options else rank


# Popping


@group.command("write fast")
def zpopmin(db: Database, key: PopKey, *count: bytes) -> object:
    """ZPOPMIN key [count]

    Takes the member with the lowest score from a sorted set, or so many of the lowest, and returns them with their
    scores.
    Since 5.0.0. O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements
    popped.
    """
    return _pop(db, key, count, MIN)


@group.command("write fast")
def zpopmax(db: Database, key: PopKey, *count: bytes) -> object:
    """ZPOPMAX key [count]

    Takes the member with the highest score from a sorted set, or so many of the highest, and returns them with their
    scores.
    Since 5.0.0. O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements
    popped.
    """
    return _pop(db, key, count, MAX)


def _pop(db: Database, key: bytes, count: tuple[bytes, ...], end: bytes) -> object:
    if len(count) > 1:
        raise BadSyntax
    wanted = parse_positive(count[0]) if count else 1
    zset = db.get(key, SortedSet)
    if zset is None or wanted == 0:
        return []
    taken = take(db, key, zset, end, wanted)
    return Pairs(taken) if count else list(taken[0])


def take(db: Database, key: bytes, zset: SortedSet, end: bytes, count: int) -> list[tuple[bytes, float]]:
    """Takes so many members, or all there are, from an end of a sorted set, and the key away with the last."""
    count = min(count, len(zset))
    if end == MIN:
        taken = zset.remove_slice(0, count)
        db.removed_if_empty(key, zset, "zpopmin", count)
    else:
        taken = zset.remove_slice(len(zset) - count, len(zset))[::-1]
        db.removed_if_empty(key, zset, "zpopmax", count)
    return taken


@group.command("write", keys=numkeys(1, "RW access delete"))
def zmpop(db: Database, numkeys: NumKeys, *rest: Twos) -> object:
    """ZMPOP numkeys key [key ...] <MIN | MAX> [COUNT count]

    Takes members from an end of the first sorted set that has any. Returns its key and the members with their scores.
    Since 7.0.0. O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted
    set, and M being the number of elements popped.
    """
    keys, end, count = read_pop(numkeys, rest, ENDS)
    popped = pop_from_first(db, keys, end, count)
    return NULL_ARRAY if popped is None else popped


def pop_from_first(db: Database, keys: Sequence[bytes], end: bytes, count: int) -> list[object] | None:
    """The key of the first sorted set there is, with what was taken from its end; None if there is no sorted set."""
    for key in keys:
        zset = db.get(key, SortedSet)
        if zset is not None:
            taken = take(db, key, zset, end, count)
            db.record(POP_COMMANDS[end], key, b"%d" % len(taken))
            return [key, taken]
    return None
