"""Several sorted sets: union, intersection, difference, with weights and an aggregate (t_zset.c).

Plain sets take part too: their members have the score 1.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from pycluster.commands.arguments import parse_at_least
from pycluster.commands.sorted_set_ranges import store
from pycluster.commands.table import Group, OverwriteKey, Some, numkeys
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.sorted_set_algebra import (
    Aggregate,
    Source,
    add,
    difference,
    higher,
    intersection,
    lower,
    union,
)
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import BadSyntax, LimitNegative, WeightNotAFloat, WrongType, at_least_one_key
from pycluster.protocol.numbers import parse_float, parse_int
from pycluster.protocol.replies import Pairs

group = Group("sorted-set", "sortedset")

AGGREGATES = {b"SUM": add, b"MIN": lower, b"MAX": higher}

COMBINING = frozenset((b"WEIGHTS", b"AGGREGATE"))  # the options of unions and intersections
READING = frozenset((b"WITHSCORES",))  # of those that answer with members


@group.command("readonly", keys=numkeys(1))
def zunion(db: Database, number: bytes, *rest: Some) -> object:
    """ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]

    Returns the members that any of the sets has. Scores are multiplied by WEIGHTS and added up, or the lowest or
    highest is taken.
    Since 6.2.0. O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of
    elements in the resulting sorted set.
    """
    operands = read_operands(db, "zunion", number, rest, COMBINING | READING)
    return _answer(union(operands.sources, operands.aggregate), operands)


@group.command("readonly", keys=numkeys(1))
def zinter(db: Database, number: bytes, *rest: Some) -> object:
    """ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]

    Returns the members that all of the sets have. Scores are multiplied by WEIGHTS and added up, or the lowest or
    highest is taken.
    Since 6.2.0. O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input
    sorted sets and M being the number of elements in the resulting sorted set.
    """
    operands = read_operands(db, "zinter", number, rest, COMBINING | READING)
    return _answer(intersection(operands.sources, operands.aggregate), operands)


@group.command("readonly", keys=numkeys(1))
def zdiff(db: Database, number: bytes, *rest: Some) -> object:
    """ZDIFF numkeys key [key ...] [WITHSCORES]

    Returns the members of the first set that none of the others has.
    Since 6.2.0. O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of
    the first set, and K is the size of the result set.
    """
    operands = read_operands(db, "zdiff", number, rest, READING)
    return _answer(difference(operands.sources), operands)


@group.command("write denyoom", keys=numkeys(2))
def zunionstore(db: Database, destination: OverwriteKey, number: bytes, *rest: Some) -> int:
    """ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]

    Stores what ZUNION would return, and returns how many members that are.
    Since 2.0.0. O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of
    elements in the resulting sorted set.
    """
    operands = read_operands(db, "zunionstore", number, rest, COMBINING)
    return store(db, destination, SortedSet(union(operands.sources, operands.aggregate)), "zunionstore")


@group.command("write denyoom", keys=numkeys(2))
def zinterstore(db: Database, destination: OverwriteKey, number: bytes, *rest: Some) -> int:
    """ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]

    Stores what ZINTER would return, and returns how many members that are.
    Since 2.0.0. O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input
    sorted sets and M being the number of elements in the resulting sorted set.
    """
    operands = read_operands(db, "zinterstore", number, rest, COMBINING)
    return store(db, destination, SortedSet(intersection(operands.sources, operands.aggregate)), "zinterstore")


@group.command("write denyoom", keys=numkeys(2))
def zdiffstore(db: Database, destination: OverwriteKey, number: bytes, *rest: Some) -> int:
    """ZDIFFSTORE destination numkeys key [key ...]

    Stores what ZDIFF would return, and returns how many members that are.
    Since 6.2.0. O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of
    the first set, and K is the size of the result set.
    """
    operands = read_operands(db, "zdiffstore", number, rest, frozenset())
    return store(db, destination, SortedSet(difference(operands.sources)), "zdiffstore")


@group.command("readonly", keys=numkeys(1))
def zintercard(db: Database, number: bytes, *rest: Some) -> int:
    """ZINTERCARD numkeys key [key ...] [LIMIT limit]

    Returns how many members all of the sets have; it stops counting at LIMIT (0: never).
    Since 7.0.0. O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.
    """
    operands = read_operands(db, "zintercard", number, rest, frozenset((b"LIMIT",)))
    return sum(1 for _ in islice(intersection(operands.sources, add), operands.limit))


@dataclass(slots=True)
class Operands:
    """What a command of this family is given: its sets with their weights, and what its options say."""

    sources: list[Source]
    aggregate: Aggregate = add
    with_scores: bool = False
    limit: int | None = None


def read_operands(
    db: Database, command: str, number: bytes, rest: tuple[bytes, ...], allowed: frozenset[bytes]
) -> Operands:
    """Reads `numkeys key [key ...]` and the options that the command allows. Redis looks the keys up in between."""
    count = parse_int(number)
    if count < 1:
        raise at_least_one_key(command)
    if count > len(rest):
        raise BadSyntax
    operands = Operands([Source(_read_set(db, key)) for key in rest[:count]])
    options = rest[count:]
    while options:
        word = options[0].upper()
        if word not in allowed:
            raise BadSyntax
        match word, options[1:]:
            case b"WEIGHTS", weights if len(weights) >= count:
                for source, weight in zip(operands.sources, weights[:count], strict=True):
                    source.weight = parse_float(weight, WeightNotAFloat)
                options = weights[count:]
            case b"AGGREGATE", (name, *others) if name.upper() in AGGREGATES:
                operands.aggregate = AGGREGATES[name.upper()]
                options = tuple(others)
            case b"WITHSCORES", others:
                operands.with_scores = True
                options = tuple(others)
            case b"LIMIT", (digits, *others):
                operands.limit = parse_at_least(0, digits, LimitNegative) or None
                options = tuple(others)
            case _:
                raise BadSyntax
    return operands


def _read_set(db: Database, key: bytes) -> Set | SortedSet:
    value = db.lookup(key)
    if value is None:
        return Set()
    if not isinstance(value, Set | SortedSet):
        raise WrongType
    return value


def _answer(pairs: Iterable[tuple[bytes, float]], operands: Operands) -> list[bytes] | Pairs:
    result = SortedSet(pairs)
    if operands.with_scores:
        return Pairs(result.slice(0, len(result)))
    return result.slice_members(0, len(result))
