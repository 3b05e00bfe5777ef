"""List commands, compared with the real server."""

import pytest

from tests.differential.comparing import Difference, Pair

TIMEOUT_CHECKED = "redis 7.2 (#11338): a timeout that overflows is out of range, not negative"
RANGE_CHECKED = "redis 7.2 (#12167): LPOS refuses the smallest integer as RANK"


def test_push_and_read(compare: Pair) -> None:
    compare(
        "RPUSH l a b c", "LPUSH l x y", "LRANGE l 0 -1", "LLEN l", "LLEN none", "TYPE l", "LPUSH l", "RPUSH",
        "LLEN",
    )
    compare(
        "LPUSHX l a", "RPUSHX l a", "EXISTS l", "RPUSH l a", "LPUSHX l b c", "RPUSHX l d e", "LRANGE l 0 -1",
        "LPUSHX l",
    )


def test_pop(compare: Pair) -> None:
    compare(
        "RPUSH l a b c d", "LPOP l", "RPOP l", "LRANGE l 0 -1", "LPOP l", "LPOP l", "LPOP l", "EXISTS l",
        "RPOP none",
    )
    compare(
        "RPUSH l a b c d e f", "LPOP l 2", "RPOP l 2", "LPOP l 0", "LPOP l 10", "EXISTS l", "LPOP l 1",
        "RPOP none 0",
    )
    compare(
        "RPUSH l a", "LPOP l -1", "LPOP l x", "LPOP l 1.5", "LPOP l 9223372036854775808", "LPOP l 1 2",
        "RPOP l 1 2", "LPOP", "RPOP l -1", "RPOP l 0", "RPOP l 9223372036854775807",
    )
    compare("RPUSH l a b", "EXPIRE l 100", "LPOP l 2", "RPUSH l a", "TTL l")


@pytest.mark.parametrize("start", ["0", "1", "-1", "-2", "2", "5", "-5", "100"])
def test_ranges(compare: Pair, start: str) -> None:
    for stop in ["0", "1", "-1", "-2", "2", "5", "-5", "100"]:
        compare(
            "RPUSH l a b c", f"LRANGE l {start} {stop}", f"LTRIM l {start} {stop}", "LRANGE l 0 -1", "EXISTS l",
            protocols=(2,),
        )


def test_range_arguments(compare: Pair) -> None:
    compare(
        "RPUSH l a", "LRANGE l x 1", "LRANGE l 0 x", "LRANGE l 0", "LRANGE l 0 1 2", "LRANGE none 0 -1",
        "LRANGE none x 1", "LTRIM l x 1", "LTRIM l 0 x", "LTRIM none 0 1", "LTRIM l 0",
        "LRANGE l -9223372036854775808 9223372036854775807", "LRANGE l -9223372036854775809 0",
    )


def test_index_and_set(compare: Pair) -> None:
    compare(
        "RPUSH l a b c", "LINDEX l 0", "LINDEX l 2", "LINDEX l 3", "LINDEX l -1", "LINDEX l -3", "LINDEX l -4",
        "LINDEX l x", "LINDEX none x", "LINDEX none 0", "LINDEX l", "LINDEX l 9223372036854775807",
    )
    compare(
        "RPUSH l a b c", "LSET l 0 x", "LSET l -1 z", "LRANGE l 0 -1", "LSET l 3 y", "LSET l -4 y", "LSET none 0 y",
        "LSET l x y", "LSET none x y", "LSET l 0",
    )


def test_insert(compare: Pair) -> None:
    compare(
        "RPUSH l a b c b", "LINSERT l BEFORE b x", "LINSERT l after b y", "LINSERT l AFTER nobody y",
        "LRANGE l 0 -1",
    )
    compare(
        "LINSERT none BEFORE a b", "EXISTS none", "RPUSH l a", "LINSERT l BESIDE a b", "LINSERT none BESIDE a b",
        "LINSERT l BEFORE a", "LINSERT l BEFORE a x", "LINSERT l AFTER a y", "LRANGE l 0 -1",
    )


def test_remove(compare: Pair) -> None:
    items = "RPUSH l a b a c a b a"
    for count in ["0", "1", "2", "-1", "-2", "3", "-3", "10", "-10"]:
        compare(items, f"LREM l {count} a", "LRANGE l 0 -1", protocols=(2,))
    compare(
        items, "LREM l x a", "LREM l 1 nobody", "LREM none 1 a", "LREM none x a", "LREM l 1", "LREM l 0 a",
        "LREM l 0 b", "LREM l 0 c", "EXISTS l",
    )


def test_position(compare: Pair) -> None:
    compare(
        "RPUSH l a b c 1 2 3 c c", "LPOS l c", "LPOS l x", "LPOS l c RANK 2", "LPOS l c RANK -1",
        "LPOS l c RANK -2", "LPOS l c RANK 4", "LPOS l c COUNT 2", "LPOS l c COUNT 0", "LPOS l c COUNT 2 RANK -1",
        "LPOS l x COUNT 1", "LPOS l c COUNT 0 RANK 2", "LPOS l c MAXLEN 3", "LPOS l c MAXLEN 2",
        "LPOS l c MAXLEN 0", "LPOS l 1", "LPOS l c RANK -1 MAXLEN 1", "LPOS l a RANK -1 MAXLEN 7",
        "LPOS l c COUNT 0 MAXLEN 7 RANK 1", "LPOS l c RANK -2 COUNT 5 MAXLEN 3", "LPOS l c count 1 COUNT 3",
        "LPOS none a", "LPOS none a COUNT 1",
    )
    compare(
        "RPUSH l a", "LPOS l a RANK 0", "LPOS l a RANK x", "LPOS l a COUNT -1", "LPOS l a COUNT x",
        "LPOS l a MAXLEN -1", "LPOS l a MAXLEN x", "LPOS l a FOO 1", "LPOS l a RANK", "LPOS l a COUNT", "LPOS l",
        "LPOS none a RANK 0", "LPOS l a RANK 9223372036854775807 COUNT 9223372036854775807",
    )


def test_position_at_the_smallest_integer(compare: Pair) -> None:
    line = "LPOS l a RANK -9223372036854775808"
    refusal = b"-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"
    compare("RPUSH l a", line, differs=(Difference(line, refusal, RANGE_CHECKED),))


def test_move(compare: Pair) -> None:
    for wherefrom in ["LEFT", "right"]:
        for whereto in ["left", "RIGHT"]:
            compare(
                "RPUSH a 1 2 3", "RPUSH b x", f"LMOVE a b {wherefrom} {whereto}", "LRANGE a 0 -1", "LRANGE b 0 -1",
                f"LMOVE a a {wherefrom} {whereto}", "LRANGE a 0 -1", f"LMOVE b c {wherefrom} {whereto}",
                f"LMOVE b c {wherefrom} {whereto}", "LRANGE c 0 -1", "EXISTS b", protocols=(2,),
            )
    compare(
        "LMOVE none b LEFT LEFT", "RPUSH a 1", "LMOVE a b UP LEFT", "LMOVE a b LEFT UP", "LMOVE none b UP LEFT",
        "LMOVE a b LEFT", "LMOVE a a LEFT RIGHT", "LRANGE a 0 -1",
    )
    compare(
        "RPUSH a 1 2", "RPOPLPUSH a b", "RPOPLPUSH a a", "RPOPLPUSH a b", "RPOPLPUSH a b", "LRANGE b 0 -1",
        "RPOPLPUSH a",
    )


def test_pop_from_several(compare: Pair) -> None:
    compare(
        "RPUSH a 1 2 3", "RPUSH b x y", "LMPOP 3 none a b LEFT", "LMPOP 2 a b RIGHT COUNT 5", "LMPOP 2 a b left",
        "LMPOP 2 a b left count 1", "LMPOP 2 a b LEFT", "EXISTS a b",
    )
    compare(
        "RPUSH a 1", "LMPOP 0 a LEFT", "LMPOP -1 a LEFT", "LMPOP x a LEFT", "LMPOP 2 a LEFT", "LMPOP 1 a UP",
        "LMPOP 1 a LEFT COUNT 0", "LMPOP 1 a LEFT COUNT -1", "LMPOP 1 a LEFT COUNT x", "LMPOP 1 a LEFT COUNT",
        "LMPOP 1 a LEFT FOO 1", "LMPOP 1 a LEFT COUNT 1 COUNT 1", "LMPOP 1 a LEFT COUNT 0 x", "LMPOP 1 a",
        "LMPOP 9223372036854775807 a LEFT", "LMPOP 1 a b LEFT", "LLEN a",
    )


def test_blocking_commands_that_need_not_wait(compare: Pair) -> None:
    compare(
        "RPUSH l a b c d e f", "BLPOP none l 0", "BRPOP l none 1.5", "BLMOVE l m LEFT RIGHT 0", "BRPOPLPUSH l m 0",
        "BLMPOP 0 2 none l LEFT", "BLMPOP 0.1 2 none l RIGHT COUNT 9", "EXISTS l", "LRANGE m 0 -1",
    )


def test_timeouts(compare: Pair) -> None:
    compare(
        "BLPOP l x", "BLPOP l -1", "BLPOP l nan", "BLPOP l -inf", "BLPOP l ''",
        "BLPOP l -0.1", "BLPOP l 0.01", "BRPOP l m 0.01", "BLPOP l",
        "BLMOVE l m LEFT LEFT x", "BLMOVE l m UP LEFT x", "BLMOVE l m LEFT LEFT -1", "BLMOVE l m LEFT LEFT 0.01",
        "BRPOPLPUSH l m 0.01", "BRPOPLPUSH l m x", "BLMPOP x 1 l LEFT", "BLMPOP x 0 l LEFT", "BLMPOP -1 1 l LEFT",
        "BLMPOP 0.01 1 l LEFT", "BLMPOP 0.01 1 l LEFT COUNT 0", "BLMPOP 0 1 l", "RPUSH l a", "BLPOP l x",
        "BLPOP l -1",
    )


def test_timeouts_beyond_64_bits(compare: Pair) -> None:
    lines = ["BLPOP l inf", "BLPOP l 1e300", "BLPOP l 9223372036854775807", "BLMPOP 1e300 1 l LEFT"]
    refusal = b"-ERR timeout is out of range\r\n"
    compare(*lines, differs=tuple(Difference(line, refusal, TIMEOUT_CHECKED) for line in lines))


def test_blocking_in_a_transaction(compare: Pair) -> None:
    compare("MULTI", "BLPOP l 0", "BRPOP l 0", "BLMPOP 0 1 l LEFT", "RPUSH l a b", "BLPOP l 0", "BLPOP l 0", "EXEC")


def test_waiting_for_an_item(compare: Pair) -> None:
    compare("b: BLPOP l 0 &", "RPUSH l a b", "b: <-", "LRANGE l 0 -1")
    compare("b: BRPOP x l y 0 &", "RPUSH l a b", "b: <-", "LRANGE l 0 -1")
    compare("b: BLMPOP 0 2 x l LEFT COUNT 2 &", "RPUSH l a b c", "b: <-", "LRANGE l 0 -1")
    compare("b: BLMOVE l m LEFT LEFT 0 &", "RPUSH l a", "b: <-", "LRANGE m 0 -1", "EXISTS l")
    compare("b: BRPOPLPUSH l m 0 &", "RPUSH l a b", "b: <-", "LRANGE m 0 -1", "LRANGE l 0 -1")


def test_waiters_are_served_in_turn(compare: Pair) -> None:
    compare(
        "b: BLPOP l 0 &", "c: BLPOP l 0 &", "d: BLPOP l 0 &", "RPUSH l 1 2", "b: <-", "c: <-", "RPUSH l 3", "d: <-",
    )


def test_waiting_through_other_types(compare: Pair) -> None:
    compare("b: BLPOP l 0 &", "SET l x", "DEL l", "SADD l x", "DEL l", "RPUSH l a", "b: <-")
    compare("b: BLMOVE l m LEFT LEFT 0 &", "SET m x", "RPUSH l a", "b: <-", "LRANGE l 0 -1")


def test_waiting_chains(compare: Pair) -> None:
    compare(
        "b: BLMOVE x y LEFT LEFT 0 &", "c: BLMOVE y z LEFT LEFT 0 &", "d: BLPOP z 0 &", "RPUSH x 1", "b: <-",
        "c: <-", "d: <-", "EXISTS x y z",
    )


def test_waiting_across_a_transaction(compare: Pair) -> None:
    compare("b: BLPOP l 0 &", "MULTI", "RPUSH l a", "LPOP l", "EXEC", "RPUSH l b", "b: <-")


def test_waiting_for_renamed_lists(compare: Pair) -> None:
    compare("b: BLPOP l 0 &", "RPUSH m a", "RENAME m l", "b: <-", "EXISTS l m")


def test_wrong_type(compare: Pair) -> None:
    compare(
        "SET s x", "RPUSH l a", "LPUSH s a", "RPUSH s a", "LPUSHX s a", "RPUSHX s a", "LPOP s", "RPOP s 1",
        "LPOP s 0", "LPOP s x", "LLEN s", "LINDEX s 0", "LINDEX s x", "LSET s 0 a", "LSET s x a",
        "LINSERT s BEFORE a b", "LREM s 0 a", "LREM s x a", "LRANGE s 0 1", "LTRIM s 0 1", "LPOS s a",
        "LPOS s a RANK 0", "LMOVE s l LEFT LEFT", "LMOVE l s LEFT LEFT", "LMOVE none s LEFT LEFT", "RPOPLPUSH l s",
        "LMPOP 2 none s LEFT", "LMPOP 2 l s LEFT", "BLPOP none s 0", "BLPOP s 0", "BLMOVE s l LEFT LEFT 0",
        "RPUSH l a", "BLMOVE l s LEFT LEFT 0", "BLMPOP 0 1 s LEFT", "LRANGE l 0 -1", "GET s",
    )


def test_long_lists(compare: Pair) -> None:
    items = " ".join(str(number) for number in range(1000))
    compare(
        f"RPUSH l {items}", f"LPUSH l {items}", "LLEN l", "LINDEX l 999", "LINDEX l 1000", "LINDEX l -400",
        "LRANGE l 120 400", "LSET l 777 x", "LINSERT l BEFORE 500 here", "LINDEX l 499", "LINDEX l 500",
        "LPOS l 500 COUNT 0", "LREM l 0 500", "LREM l -1 3", "LPOP l 300", "RPOP l 300", "LRANGE l 0 -1",
        "LTRIM l 130 -130", "LRANGE l 0 -1", "LPOS l 5 RANK -1", "LPOS l 300 RANK -1 MAXLEN 200",
    )


def test_events(compare: Pair) -> None:
    compare(
        "CONFIG SET notify-keyspace-events KEA", "b: PSUBSCRIBE __keyevent@0__:*", "RPUSH l a b c d", "b: <-",
        "LPUSH l x", "b: <-", "LPOP l", "b: <-", "RPOP l 1", "b: <-", "LINSERT l BEFORE a y", "b: <-", "LSET l 0 z",
        "b: <-", "LREM l 0 z", "b: <-", "LTRIM l 0 -1", "b: <-", "LMOVE l m LEFT LEFT", "b: <-", "b: <-",
        "LTRIM l 5 6", "b: <-", "b: <-", "BLPOP m 0", "b: <-", "b: <-", "RPUSH l a", "b: <-", "LMPOP 1 l RIGHT",
        "b: <-", "b: <-", "CONFIG SET notify-keyspace-events ''",
    )
