"""Ranges of sorted sets: by rank, by score, by the bytes of members; to read, count, store and remove (t_zset.c).

Whatever a range is said in, it comes to two ranks (`ranks`), and what is done with it needs no more than these.
"""

from dataclasses import dataclass
from typing import Protocol

from pycluster.commands.arguments import index_range
from pycluster.commands.table import DeleteKey, Group, Int, OverwriteKey, ReadKey
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import (
    BadSyntax,
    LimitOfRanks,
    MinOrMaxNotAFloat,
    MinOrMaxNotAStringRange,
    ScoresOfLexRange,
)
from pycluster.protocol.numbers import parse_float, parse_int
from pycluster.protocol.replies import Pairs

group = Group("sorted-set", "sortedset")


class Range(Protocol):
    """A part of any sorted set."""

    def ranks(self, zset: SortedSet) -> tuple[int, int]:
        """The rank of its first member in this one, and the rank behind its last; empty if they are not ascending."""


@dataclass(slots=True)
class RankRange:
    """From one index to another, the last one included; negative ones count from the end."""

    start: int
    stop: int
    reverse: bool = False

    def ranks(self, zset: SortedSet) -> tuple[int, int]:
        length = len(zset)
        start, stop = index_range(self.start, self.stop, length)
        return (length - stop, length - start) if self.reverse else (start, stop)


@dataclass(slots=True)
class ScoreRange:
    """From one score to another, either of them included or not."""

    low: float
    high: float
    above_low: bool
    below_high: bool

    def ranks(self, zset: SortedSet) -> tuple[int, int]:
        return zset.rank_of_score(self.low, self.above_low), zset.rank_of_score(self.high, not self.below_high)


@dataclass(slots=True)
class LexBound:
    """A member, or what comes before (-1) or after (1) all members."""

    member: bytes = b""
    exclusive: bool = False
    infinite: int = 0

    def rank(self, zset: SortedSet, behind: bool) -> int:
        if self.infinite:
            return 0 if self.infinite < 0 else len(zset)
        return zset.rank_of_member(self.member, behind)


@dataclass(slots=True)
class LexRange:
    """From one member to another, by their bytes. It makes sense where all scores are equal."""

    low: LexBound
    high: LexBound

    def ranks(self, zset: SortedSet) -> tuple[int, int]:
        return self.low.rank(zset, self.low.exclusive), self.high.rank(zset, not self.high.exclusive)


def parse_score_range(low: bytes, high: bytes) -> ScoreRange:
    """`1 5`, `(1 (5`, `-inf +inf`."""
    return ScoreRange(_parse_score(low), _parse_score(high), low[:1] == b"(", high[:1] == b"(")


def _parse_score(bound: bytes) -> float:
    """A score as strtod reads it, which skips spaces and takes nothing for 0."""
    text = bound.removeprefix(b"(").lstrip()
    return parse_float(text, MinOrMaxNotAFloat) if text else 0.0


def parse_lex_range(low: bytes, high: bytes) -> LexRange:
    """`[a (b`, `- +`."""
    return LexRange(_parse_member(low), _parse_member(high))


def _parse_member(bound: bytes) -> LexBound:
    match bound[:1]:
        case b"[":
            return LexBound(bound[1:])
        case b"(":
            return LexBound(bound[1:], exclusive=True)
        case b"-" if len(bound) == 1:
            return LexBound(infinite=-1)
        case b"+" if len(bound) == 1:
            return LexBound(infinite=1)
    raise MinOrMaxNotAStringRange


# ZRANGE and its sisters


@dataclass(slots=True)
class Request:
    """What is asked for: a range, read in which direction, cut by LIMIT, with or without scores."""

    range: Range
    reverse: bool = False
    offset: int = 0
    count: int = -1
    with_scores: bool = False

    def ranks(self, zset: SortedSet) -> tuple[int, int]:
        """What LIMIT leaves of the range."""
        start, stop = self.range.ranks(zset)
        if self.offset < 0:
            return 0, 0
        if self.reverse:
            stop -= self.offset
            return start if self.count < 0 else max(start, stop - self.count), stop
        start += self.offset
        return start, stop if self.count < 0 else min(stop, start + self.count)

    def reply(self, zset: SortedSet | None) -> list[bytes] | Pairs:
        """The members, with their scores if these are wanted."""
        if zset is None:
            return []
        if self.with_scores:
            pairs = zset.slice(*self.ranks(zset))
            return Pairs(reversed(pairs) if self.reverse else pairs)
        members = zset.slice_members(*self.ranks(zset))
        return members[::-1] if self.reverse else members


RANK, SCORE, LEX = b"RANK", b"BYSCORE", b"BYLEX"


def read_request(
    first: bytes,
    second: bytes,
    options: tuple[bytes, ...],
    by: bytes | None = None,
    reverse: bool | None = None,
    store: bool = False,
) -> Request:
    """Reads the arguments of a range command. Older commands have a kind and a direction of their own (`by`,
    `reverse`); where there is none, options say it. A range read in reverse is given as maximum and minimum."""
    limit = 0, -1
    with_scores = False
    while options:
        match options[0].upper(), options[1:]:
            case b"WITHSCORES", others if not store:
                with_scores = True
            case b"LIMIT", (offset, count, *others):
                limit = parse_int(offset), parse_int(count)
            case b"REV", others if reverse is None:
                reverse = True
            case (b"BYLEX" | b"BYSCORE") as kind, others if by is None:
                by = kind
            case _:
                raise BadSyntax
        options = tuple(others)
    by, reverse = by or RANK, bool(reverse)
    if by == RANK and limit[1] != -1:
        raise LimitOfRanks
    if by == LEX and with_scores:
        raise ScoresOfLexRange
    if by == RANK:
        return Request(RankRange(parse_int(first), parse_int(second), reverse), reverse, with_scores=with_scores)
    low, high = (second, first) if reverse else (first, second)
    part = parse_score_range(low, high) if by == SCORE else parse_lex_range(low, high)
    return Request(part, reverse, *limit, with_scores)


@group.command("readonly")
def zrange(db: Database, key: ReadKey, start: bytes, stop: bytes, *options: bytes) -> object:
    """ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]

    Returns the members of a sorted set from one rank to another, or between two scores or two members.
    Since 1.2.0. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements
    returned.
    """
    return read_request(start, stop, options).reply(db.read(key, SortedSet))


@group.command("readonly")
def zrevrange(db: Database, key: ReadKey, start: bytes, stop: bytes, *options: bytes) -> object:
    """ZREVRANGE key start stop [WITHSCORES]

    Returns the members of a sorted set from one rank to another, counted from the highest score down.
    Since 1.2.0. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements
    returned.
    Deprecated since 6.2.0, use `ZRANGE` with the `REV` argument.
    """
    return read_request(start, stop, options, RANK, reverse=True).reply(db.read(key, SortedSet))


@group.command("readonly")
def zrangebyscore(db: Database, key: ReadKey, min: bytes, max: bytes, *options: bytes) -> object:
    """ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]

    Returns the members of a sorted set with scores between two bounds.
    Since 1.0.5. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being
    returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
    Deprecated since 6.2.0, use `ZRANGE` with the `BYSCORE` argument.
    """
    return read_request(min, max, options, SCORE, reverse=False).reply(db.read(key, SortedSet))


@group.command("readonly")
def zrevrangebyscore(db: Database, key: ReadKey, max: bytes, min: bytes, *options: bytes) -> object:
    """ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]

    Returns the members of a sorted set with scores between two bounds, from the highest score down.
    Since 2.2.0. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being
    returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
    Deprecated since 6.2.0, use `ZRANGE` with the `REV` and `BYSCORE` arguments.
    """
    return read_request(max, min, options, SCORE, reverse=True).reply(db.read(key, SortedSet))


@group.command("readonly")
def zrangebylex(db: Database, key: ReadKey, min: bytes, max: bytes, *options: bytes) -> object:
    """ZRANGEBYLEX key min max [LIMIT offset count]

    Returns the members of a sorted set, in which all have the same score, between two members.
    Since 2.8.9. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being
    returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
    Deprecated since 6.2.0, use `ZRANGE` with the `BYLEX` argument.
    """
    return read_request(min, max, options, LEX, reverse=False).reply(db.read(key, SortedSet))


@group.command("readonly")
def zrevrangebylex(db: Database, key: ReadKey, max: bytes, min: bytes, *options: bytes) -> object:
    """ZREVRANGEBYLEX key max min [LIMIT offset count]

    Returns the members of a sorted set, in which all have the same score, between two members, from the last one down.
    Since 2.8.9. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements being
    returned. If M is constant (e.g. always asking for the first 10 elements with LIMIT), you can consider it O(log(N)).
    Deprecated since 6.2.0, use `ZRANGE` with the `REV` and `BYLEX` arguments.
    """
    return read_request(max, min, options, LEX, reverse=True).reply(db.read(key, SortedSet))


@group.command("write denyoom")
def zrangestore(
    db: Database, dst: OverwriteKey, src: ReadKey, min: bytes, max: bytes, *options: bytes
) -> int:
    """ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]

    Stores a range of a sorted set as a sorted set, and returns how many members it has.
    Since 6.2.0. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements stored
    into the destination key.
    """
    request = read_request(min, max, options, store=True)
    zset = db.read(src, SortedSet)
    return store(db, dst, SortedSet() if zset is None else SortedSet(zset.slice(*request.ranks(zset))), "zrangestore")


def store(db: Database, destination: bytes, zset: SortedSet, event: str) -> int:
    """Puts a sorted set in the place of whatever was there; an empty one is nothing."""
    if zset:
        db.lookup_to_change(destination)
        db.replace(destination, zset)
        db.changed(destination, event)
    elif db.delete(destination):
        db.changed(destination, "del")
    return len(zset)


# Counting and removing


@group.command("readonly fast")
def zcount(db: Database, key: ReadKey, min: bytes, max: bytes) -> int:
    """ZCOUNT key min max

    Returns how many members of a sorted set have scores between two bounds.
    Since 2.0.0. O(log(N)) with N being the number of elements in the sorted set.
    """
    return _count(db, key, parse_score_range(min, max))


@group.command("readonly fast")
def zlexcount(db: Database, key: ReadKey, min: bytes, max: bytes) -> int:
    """ZLEXCOUNT key min max

    Returns how many members of a sorted set, in which all have the same score, are between two members.
    Since 2.8.9. O(log(N)) with N being the number of elements in the sorted set.
    """
    return _count(db, key, parse_lex_range(min, max))


def _count(db: Database, key: bytes, part: Range) -> int:
    zset = db.read(key, SortedSet)
    if zset is None:
        return 0
    start, stop = part.ranks(zset)
    return max(0, stop - start)


@group.command("write")
def zremrangebyrank(db: Database, key: DeleteKey, start: Int, stop: Int) -> int:
    """ZREMRANGEBYRANK key start stop

    Removes the members of a sorted set from one rank to another, and returns how many they were.
    Since 2.0.0. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed
    by the operation.
    """
    return _remove(db, key, RankRange(start, stop), "zremrangebyrank")


@group.command("write")
def zremrangebyscore(db: Database, key: DeleteKey, min: bytes, max: bytes) -> int:
    """ZREMRANGEBYSCORE key min max

    Removes the members of a sorted set with scores between two bounds, and returns how many they were.
    Since 1.2.0. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed
    by the operation.
    """
    return _remove(db, key, parse_score_range(min, max), "zremrangebyscore")


@group.command("write")
def zremrangebylex(db: Database, key: DeleteKey, min: bytes, max: bytes) -> int:
    """ZREMRANGEBYLEX key min max

    Removes the members of a sorted set, in which all have the same score, between two members, and returns how many
    they were.
    Since 2.8.9. O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements removed
    by the operation.
    """
    return _remove(db, key, parse_lex_range(min, max), "zremrangebylex")


def _remove(db: Database, key: bytes, part: Range, event: str) -> int:
    zset = db.get(key, SortedSet)
    if zset is None:
        return 0
    removed = zset.remove_slice(*part.ranks(zset))
    if removed:
        db.removed_if_empty(key, zset, event, len(removed))
    return len(removed)
