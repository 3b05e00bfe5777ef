"""Unions, intersections and differences of sorted sets, compared with the real server."""

import pytest

from tests.differential.comparing import Pair

SETS = ("ZADD a 1 x 2 y 3 z", "ZADD b 10 y 20 z 30 w", "ZADD c -1.5 z 0 v", "SADD p x z q")


@pytest.mark.parametrize("name", ["ZUNION", "ZINTER"])
def test_union_and_intersection(compare: Pair, name: str) -> None:
    compare(
        *SETS, f"{name} 2 a b", f"{name} 2 a b WITHSCORES", f"{name} 3 a b c WITHSCORES", f"{name} 1 a",
        f"{name} 2 a none WITHSCORES", f"{name} 2 a a WITHSCORES", f"{name} 2 a p WITHSCORES",
        f"{name} 2 p p WITHSCORES", f"{name} 1 none", f"{name} 2 a b WEIGHTS 2 0.5 WITHSCORES",
        f"{name} 2 a b AGGREGATE MIN WITHSCORES", f"{name} 2 a b AGGREGATE max withscores",
        f"{name} 2 a b aggregate sum weights 1 -1 withscores",
        f"{name} 3 a b p WEIGHTS 1 2 3 AGGREGATE MIN WITHSCORES", f"{name} 2 a b WITHSCORES WITHSCORES",
        f"{name} 2 a b WEIGHTS 1 1 WEIGHTS 2 2 WITHSCORES",
    )


def test_difference(compare: Pair) -> None:
    compare(
        *SETS, "ZDIFF 2 a b", "ZDIFF 2 a b WITHSCORES", "ZDIFF 1 a WITHSCORES", "ZDIFF 2 a a", "ZDIFF 2 none a",
        "ZDIFF 2 a none", "ZDIFF 3 a b p", "ZDIFF 2 p a WITHSCORES", "ZDIFF 2 a p WITHSCORES",
        "ZDIFF 2 a b WEIGHTS 1 2", "ZDIFF 2 a b AGGREGATE SUM",
    )


@pytest.mark.parametrize("name", ["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"])
def test_stored(compare: Pair, name: str) -> None:
    compare(
        *SETS, f"{name} d 2 a b", "ZRANGE d 0 -1 WITHSCORES", f"{name} a 2 a c", "ZRANGE a 0 -1 WITHSCORES",
        f"{name} d 1 none", "EXISTS d", f"{name} d 1 none", f"{name} d 2 a b WITHSCORES", "SET s x", "EXPIRE s 100",
        f"{name} s 2 p c", "TTL s", "TYPE s",
    )


def test_infinities(compare: Pair) -> None:
    compare(
        "ZADD a inf x -inf y 0 z", "ZADD b -inf x -inf y inf z", "ZUNION 2 a b WITHSCORES",
        "ZINTER 2 a b WITHSCORES", "ZUNION 2 a b WEIGHTS 0 1 WITHSCORES", "ZINTER 2 a b WEIGHTS 0 1 WITHSCORES",
        "ZINTER 2 a b WEIGHTS 1 0 WITHSCORES", "ZUNION 2 a b WEIGHTS inf 0 AGGREGATE MIN WITHSCORES",
        "ZINTER 2 a b WEIGHTS inf 0 AGGREGATE MAX WITHSCORES", "ZINTER 2 a b WEIGHTS 0 0 AGGREGATE MIN WITHSCORES",
    )


def test_intersection_cardinality(compare: Pair) -> None:
    compare(
        *SETS, "ZINTERCARD 2 a b", "ZINTERCARD 2 a p", "ZINTERCARD 2 a none", "ZINTERCARD 2 a b LIMIT 1",
        "ZINTERCARD 2 a b limit 0", "ZINTERCARD 2 a b LIMIT -1", "ZINTERCARD 2 a b LIMIT x",
        "ZINTERCARD 2 a b LIMIT", "ZINTERCARD 2 a b WITHSCORES", "ZINTERCARD 2 a b WEIGHTS 1 1", "ZINTERCARD 0 a",
        "ZINTERCARD 3 a b", "ZINTERCARD x a", "ZINTERCARD 1",
    )


@pytest.mark.parametrize("name", ["ZUNION", "ZINTER", "ZDIFF", "ZUNIONSTORE d", "ZINTERSTORE d", "ZDIFFSTORE d"])
def test_arguments(compare: Pair, name: str) -> None:
    compare(
        *SETS, f"{name} 0 a", f"{name} -1 a", f"{name} x a", f"{name} 3 a b", f"{name} 1", f"{name} 2 a b FOO",
        f"{name} 2 a b WEIGHTS", f"{name} 2 a b WEIGHTS 1", f"{name} 2 a b WEIGHTS 1 x",
        f"{name} 2 a b WEIGHTS x 1 FOO", f"{name} 2 a b AGGREGATE", f"{name} 2 a b AGGREGATE AVG",
        f"{name} 2 a b LIMIT 1", f"{name} 1 a b", f"{name} 9223372036854775807 a", f"{name} 2 a b WEIGHTS 1 2 3",
        f"{name} 2 a b WEIGHTS nan 1", "EXISTS d",
    )


@pytest.mark.parametrize(
    "name", ["ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD", "ZUNIONSTORE d", "ZINTERSTORE d", "ZDIFFSTORE d"]
)
def test_wrong_type(compare: Pair, name: str) -> None:
    compare(
        *SETS, "SET s x", f"{name} 1 s", f"{name} 2 a s", f"{name} 2 none s", f"{name} 2 a s FOO", f"{name} 3 a s",
        "EXISTS d",
    )


def test_many_members(compare: Pair) -> None:
    first = " ".join(f"{number} m{number}" for number in range(1200))
    second = " ".join(f"{number} m{number}" for number in range(600, 1800, 3))
    compare(
        f"ZADD a {first}", f"ZADD b {second}", "ZUNION 2 a b WITHSCORES", "ZINTER 2 a b WITHSCORES", "ZDIFF 2 a b",
        "ZDIFF 2 b a", "ZINTERCARD 2 a b", "ZUNIONSTORE d 2 a b", "ZCARD d", "ZDIFFSTORE d 2 d b", "ZRANGE d 0 -1",
        "ZRANK d m100",
    )
