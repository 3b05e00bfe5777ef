"""Ranges of sorted sets, compared with the real server."""

import pytest

from tests.differential.comparing import Pair

SCORED = "ZADD z 1 a 2 b 2 c 3.5 d inf e -inf f"
NAMED = "ZADD z 0 a 0 b 0 ba 0 c 0 d 0 ''"


@pytest.mark.parametrize("start", ["0", "1", "-1", "-3", "3", "100", "-100"])
def test_ranks(compare: Pair, start: str) -> None:
    for stop in ["0", "2", "-1", "-3", "100", "-100"]:
        compare(
            SCORED, f"ZRANGE z {start} {stop}", f"ZREVRANGE z {start} {stop} WITHSCORES",
            f"ZRANGE z {start} {stop} REV", f"ZRANGESTORE y z {start} {stop} REV", "ZRANGE y 0 -1",
            f"ZREMRANGEBYRANK z {start} {stop}", "ZRANGE z 0 -1", protocols=(2,),
        )


@pytest.mark.parametrize("low", ["-inf", "(-inf", "1", "(1", "2", "(2", "3", "inf", "(inf"])
def test_scores(compare: Pair, low: str) -> None:
    for high in ["-inf", "1", "2", "(2", "(3.5", "+inf", "(inf"]:
        compare(
            SCORED, f"ZRANGEBYSCORE z {low} {high}", f"ZREVRANGEBYSCORE z {high} {low} WITHSCORES",
            f"ZCOUNT z {low} {high}", f"ZRANGE z {low} {high} BYSCORE", f"ZRANGE z {high} {low} BYSCORE REV",
            f"ZRANGESTORE y z {low} {high} BYSCORE", f"ZREMRANGEBYSCORE z {low} {high}", "ZRANGE z 0 -1",
            "EXISTS y", protocols=(2,),
        )


@pytest.mark.parametrize("low", ["-", "+", "[a", "(a", "[bb", "[c", "(d", "[", "("])
def test_members(compare: Pair, low: str) -> None:
    for high in ["-", "+", "[a", "(b", "[ba", "(c", "[z"]:
        compare(
            NAMED, f"ZRANGEBYLEX z {low} {high}", f"ZREVRANGEBYLEX z {high} {low}", f"ZLEXCOUNT z {low} {high}",
            f"ZRANGE z {low} {high} BYLEX", f"ZRANGE z {high} {low} BYLEX REV",
            f"ZRANGESTORE y z {low} {high} BYLEX", f"ZREMRANGEBYLEX z {low} {high}", "ZRANGE z 0 -1", "EXISTS y",
            protocols=(2,),
        )


@pytest.mark.parametrize(
    "limit", ["0 0", "0 2", "1 2", "2 -1", "0 -1", "0 -7", "10 1", "-1 2", "-1 -1", "1 9223372036854775807"]
)
def test_limits(compare: Pair, limit: str) -> None:
    compare(
        SCORED, f"ZRANGEBYSCORE z -inf 3.5 LIMIT {limit}", f"ZREVRANGEBYSCORE z +inf 2 WITHSCORES LIMIT {limit}",
        f"ZRANGE z -inf 3.5 BYSCORE LIMIT {limit}", f"ZRANGE z inf (1 BYSCORE REV LIMIT {limit} WITHSCORES",
        f"ZRANGESTORE y z -inf 2 BYSCORE LIMIT {limit}", "ZRANGE y 0 -1",
    )
    compare(
        NAMED, f"ZRANGEBYLEX z - [c LIMIT {limit}", f"ZREVRANGEBYLEX z + (a LIMIT {limit}",
        f"ZRANGE z [a + BYLEX LIMIT {limit}", f"ZRANGE z + [a BYLEX REV LIMIT {limit}",
    )


def test_scores_in_replies(compare: Pair) -> None:
    compare(
        SCORED, "ZRANGE z 0 -1 WITHSCORES", "ZRANGE z 0 -1 withscores rev",
        "ZRANGEBYSCORE z 2 2 WITHSCORES WITHSCORES", "ZRANGE z 9 10 WITHSCORES", "ZRANGE none 0 -1 WITHSCORES",
        "ZRANGEBYSCORE none 0 1", "ZRANGEBYLEX none - +", "ZREVRANGE none 0 1", "ZCOUNT none 0 1",
        "ZLEXCOUNT none - +", "ZREMRANGEBYRANK none 0 1", "ZREMRANGEBYSCORE none 0 1", "ZREMRANGEBYLEX none - +",
    )


def test_arguments_of_zrange(compare: Pair) -> None:
    compare(
        SCORED, "ZRANGE z x 1", "ZRANGE z 0 x", "ZRANGE z 0 1 FOO", "ZRANGE z 0 1 LIMIT 0 1",
        "ZRANGE z 0 1 LIMIT 0 -1", "ZRANGE z 0 1 LIMIT 0", "ZRANGE z 0 1 LIMIT x 1", "ZRANGE z 0 1 LIMIT 0 x",
        "ZRANGE z - + BYLEX WITHSCORES", "ZRANGE z 0 1 BYSCORE BYLEX", "ZRANGE z 0 1 BYLEX", "ZRANGE z x 1 BYSCORE",
        "ZRANGE z (1 2", "ZRANGE z 0 1 BYSCORE BYSCORE", "ZRANGE z 0", "ZRANGE z 0 1 REV REV", "ZRANGE none x 1",
        "ZRANGE none 0 1 FOO", "ZRANGE z nan 1 BYSCORE", "ZRANGE z 1.5 2",
        "ZRANGE z 0 1 BYSCORE LIMIT 1 2 LIMIT 0 1",
    )


def test_arguments_of_its_sisters(compare: Pair) -> None:
    compare(
        SCORED, "ZREVRANGE z x 1", "ZREVRANGE z 0 1 REV", "ZREVRANGE z 0 1 BYSCORE", "ZREVRANGE z 0 1 LIMIT 0 1",
        "ZRANGEBYSCORE z x 1", "ZRANGEBYSCORE z 0 1 REV", "ZRANGEBYSCORE z 0 1 BYSCORE", "ZRANGEBYSCORE z '' 1",
        "ZRANGEBYSCORE z ( 5", "ZRANGEBYSCORE z ' 1' 5", "ZRANGEBYSCORE z '( 1' 5", "ZRANGEBYSCORE z ((1 5",
        "ZRANGEBYSCORE z 1 5x", "ZRANGEBYSCORE z nan 5", "ZRANGEBYSCORE z [1 5", "ZREVRANGEBYSCORE z 5 x",
        "ZRANGEBYLEX z a b", "ZRANGEBYLEX z -a +", "ZRANGEBYLEX z '' +", "ZRANGEBYLEX z - + WITHSCORES",
        "ZRANGEBYLEX z - + LIMIT 0", "ZREVRANGEBYLEX z + a", "ZCOUNT z x 1", "ZCOUNT z 0", "ZLEXCOUNT z a b",
        "ZLEXCOUNT none a b", "ZREMRANGEBYRANK z x 1", "ZREMRANGEBYRANK z 0 1.5", "ZREMRANGEBYSCORE z x 1",
        "ZREMRANGEBYLEX z a b", "ZREMRANGEBYLEX none a b", "ZREMRANGEBYLEX z -", "ZCARD z",
    )


def test_store(compare: Pair) -> None:
    compare(
        SCORED, "SET y x", "EXPIRE y 100", "ZRANGESTORE y z 1 2", "TTL y", "ZRANGE y 0 -1 WITHSCORES",
        "ZRANGESTORE y none 0 1", "EXISTS y", "ZRANGESTORE y none 0 1", "ZRANGESTORE z z 0 1", "ZRANGE z 0 -1",
        "ZRANGESTORE y z 5 6", "EXISTS y", "ZRANGESTORE y z 0 1 WITHSCORES", "ZRANGESTORE y z x 1",
        "ZRANGESTORE y z 0 1 LIMIT 0 1", "ZRANGESTORE y z 0", "ZRANGESTORE y z 0 9 BYSCORE REV",
        "ZRANGESTORE y z - + BYLEX LIMIT 0 1",
    )


def test_wrong_type(compare: Pair) -> None:
    compare(
        "SET s x", "ZRANGE s 0 1", "ZRANGE s x 1", "ZREVRANGE s 0 1", "ZRANGEBYSCORE s 0 1",
        "ZREVRANGEBYSCORE s 1 0", "ZRANGEBYLEX s - +", "ZREVRANGEBYLEX s + -", "ZCOUNT s 0 1", "ZCOUNT s x 1",
        "ZLEXCOUNT s - +", "ZREMRANGEBYRANK s 0 1", "ZREMRANGEBYSCORE s 0 1", "ZREMRANGEBYLEX s - +",
        "ZRANGESTORE y s 0 1", "ZRANGESTORE y s x 1", "GET s",
    )
