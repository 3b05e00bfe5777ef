"""Clients that wait for keys: who is served, with what, in which order; compared with the real server."""

import pytest

from tests.differential.comparing import Difference, Pair

SERVED_IN_ORDER = "7.2 serves keys in the order in which they became ready, to a snapshot of who waits (blocked.c)"
TOO_LONG = "7.2 has a message of its own (timeout.c, getTimeoutFromObjectOrReply)"


def test_first_come_first_served(compare: Pair) -> None:
    compare("""
        a: BLPOP l 0 &
        b: BLPOP l 0 &
        c: BRPOP l 0 &
        RPUSH l 1 2 3 4
        a: <-
        b: <-
        c: <-
        LRANGE l 0 -1
    """)


def test_one_value_for_many(compare: Pair) -> None:
    compare(
        "a: BLPOP l 0 &",
        "b: BLPOP l 0 &",
        "RPUSH l 1",
        "a: <-",
        "c: BLPOP l 0 &",
        "RPUSH l 2",
        "b: <-",
        "RPUSH l 3",
        "c: <-",
    )


def test_the_first_key_that_has_something(compare: Pair) -> None:
    compare(
        "a: BLPOP x y z 0 &", "RPUSH y 1", "a: <-", "RPUSH z 2", "RPUSH x 3", "b: BLPOP x y z 0", "b: BLPOP x y z 0"
    )


def test_of_several_ready_keys_the_first_named(compare: Pair) -> None:
    first = Difference("a: <-", b"*2\r\n$1\r\nx\r\n$1\r\n2\r\n", SERVED_IN_ORDER)
    compare("a: BLPOP x y x 0 &", "MULTI", "RPUSH y 1", "RPUSH x 2", "EXEC", "a: <-", differs=(first,))


def test_keys_are_served_in_the_order_in_which_they_became_ready(compare: Pair) -> None:
    answers = b"*2\r\n$1\r\nx\r\n$1\r\n1\r\n", b"*2\r\n$1\r\ny\r\n$1\r\n2\r\n"
    differs = (Difference("a: <-", answers[0], SERVED_IN_ORDER), Difference("b: <-", answers[1], SERVED_IN_ORDER))
    compare(
        """
        a: BLPOP x y 0 &
        b: BLPOP y x 0 &
        MULTI
        RPUSH y 2
        RPUSH x 1
        EXEC
        a: <-
        b: <-
    """,
        differs=differs,
    )


def test_moving_from_waiter_to_waiter(compare: Pair) -> None:
    compare(
        "a: BLPOP l 0 &",
        "b: BLMOVE l m LEFT RIGHT 0 &",
        "c: BLPOP m 0 &",
        "RPUSH l 1 2",
        "a: <-",
        "b: <-",
        "c: <-",
        "DBSIZE",
    )
    compare("a: BLMOVE l l LEFT RIGHT 0 &", "RPUSH l 1", "a: <-", "LRANGE l 0 -1")
    compare("a: BRPOPLPUSH l m 0 &", "b: BRPOPLPUSH m l 0 &", "RPUSH l 1", "a: <-", "b: <-", "LLEN l", "LLEN m")


def test_a_target_of_the_wrong_type_fails_the_waiter_and_keeps_the_value(compare: Pair) -> None:
    compare("a: BLMOVE l text LEFT LEFT 0 &", "b: BLPOP l 0 &", "SET text x", "RPUSH l 1", "a: <-", "b: <-")


def test_a_value_of_another_type_serves_nobody(compare: Pair) -> None:
    compare("a: BLPOP k 0 &", "SET k 1", "DEL k", "SADD k 1", "DEL k", "ZADD k 1 a", "DEL k", "RPUSH k 1", "a: <-")
    compare("a: BLPOP k 0 &", "b: BZPOPMIN k 0 &", "ZADD k 1 x", "b: <-", "RPUSH k 1", "a: <-")


def test_a_value_that_is_gone_at_the_end_of_the_transaction(compare: Pair) -> None:
    compare("a: BLPOP l 0 &", "MULTI", "RPUSH l 1", "DEL l", "EXEC", "RPUSH l 2", "a: <-")
    compare("a: BLPOP l 0 &", "MULTI", "RPUSH l 1", "PEXPIRE l 1", "DEBUG SLEEP 0.01", "EXEC", "RPUSH l 2", "a: <-")


def test_values_come_on_many_ways(compare: Pair) -> None:
    compare("a: BLPOP l 0 &", "RPUSH x 1", "RENAME x l", "a: <-", "a: BLPOP l 0 &", "RPUSH x 2", "COPY x l", "a: <-")
    compare(
        "a: BLPOP l 0 &",
        "SELECT 1",
        "RPUSH l 1",
        "MOVE l 0",
        "a: <-",
        "a: BLPOP l 0 &",
        "RPUSH l 2",
        "SWAPDB 0 1",
        "a: <-",
    )
    compare(
        "a: BLPOP l 0 &",
        "RPUSH x 1",
        "LMOVE x l LEFT LEFT",
        "a: <-",
        "a: BLPOP l 0 &",
        "RPOPLPUSH l l",
        "LPUSH l 1",
        "a: <-",
    )
    compare(
        "a: BZPOPMIN z 0 &", "ZADD x 1 a", "ZUNIONSTORE z 1 x", "a: <-", "a: BZPOPMAX z 0 &", "ZINCRBY z 2 a", "a: <-"
    )


def test_sorted_sets(compare: Pair) -> None:
    compare("""
        a: BZPOPMIN z 0 &
        b: BZPOPMAX z 0 &
        c: BZMPOP 0 2 y z MIN COUNT 2 &
        ZADD z 1 a 2 b 3 c 4 d 5 e
        a: <-
        b: <-
        c: <-
        ZRANGE z 0 -1
    """)


def test_several_values_at_once(compare: Pair) -> None:
    compare("a: BLMPOP 0 2 x l RIGHT COUNT 3 &", "RPUSH l 1 2 3 4 5", "a: <-", "LRANGE l 0 -1")


@pytest.mark.parametrize(
    "command",
    ["BLPOP l {}", "BRPOP l m {}", "BLMOVE l m LEFT LEFT {}", "BRPOPLPUSH l m {}", "BZPOPMIN z {}", "BZPOPMAX z y {}",
     "BLMPOP {} 1 l LEFT", "BZMPOP {} 1 z MIN"],
)  # fmt: skip
def test_timeouts(compare: Pair, command: str) -> None:
    compare(
        *[
            command.format(timeout)
            for timeout in ["0.01", "0.001", "-1", "x", "''", "nan", "1e-2", "0x0.1p-3"]
        ]
    )
    for timeout in ["inf", "1e300", "9223372036854775807"]:
        line = command.format(timeout)
        compare(line, differs=(Difference(line, b"-ERR timeout is out of range\r\n", TOO_LONG),))


def test_what_is_there_is_not_waited_for(compare: Pair) -> None:
    compare(
        "RPUSH l 1 2 3",
        "ZADD z 1 a",
        "BLPOP l 0",
        "BRPOP x l 0",
        "BLMOVE l m LEFT LEFT 0",
        "BZPOPMIN y z 0",
        "BRPOPLPUSH m l 0",
    )
    compare(
        "SET s 1",
        "BLPOP s 0",
        "BLPOP l s 0",
        "BZPOPMIN s 0",
        "BLMOVE s l LEFT LEFT 0",
        "RPUSH l 1",
        "BLMOVE l s LEFT LEFT 0",
    )
    compare(
        "BLPOP",
        "BLPOP l",
        "BLMOVE l m LEFT 0",
        "BLMOVE l m LEFT FOO 0",
        "BLMPOP 0 0 l LEFT",
        "BLMPOP 0 2 l LEFT",
        "BRPOPLPUSH l m",
    )


def test_requests_behind_one_that_waits_are_kept(compare: Pair) -> None:
    waits = r"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n"
    compare(f'a: => "{waits}*1\\r\\n$4\\r\\nPING\\r\\nECHO x\\r\\n" &', "RPUSH l 1", "a: <-", "a: <-", "a: <-")
    compare(
        f'a: => "{waits}{waits}SET b 1\\r\\n" &',
        "RPUSH l 1",
        "a: <-",
        "EXISTS b",
        "RPUSH l 2",
        "a: <-",
        "a: <-",
        "GET b",
    )


def test_who_waits_and_goes_takes_nothing(compare: Pair) -> None:
    compare("a: BLPOP l 0 &", "b: BLPOP l 0 &", "CLIENT KILL TYPE normal", "RPUSH l 1", "LLEN l")


def test_an_empty_database_serves_nobody(compare: Pair) -> None:
    compare("a: BLPOP l 0 &", "FLUSHALL", "SWAPDB 3 4", "RPUSH l 1", "a: <-")


def test_a_watched_key_is_taken_from_by_a_waiter(compare: Pair) -> None:
    compare("RPUSH l 0", "w: WATCH l", "LPOP l", "w: MULTI", "w: PING", "w: EXEC")
    compare("a: BLPOP l 0 &", "w: WATCH l", "RPUSH l 1", "a: <-", "w: MULTI", "w: PING", "w: EXEC")


def test_waiting_inside_and_behind_reply_off(compare: Pair) -> None:
    compare(r'a: => "CLIENT REPLY SKIP\r\nBLPOP l 0\r\n" &', "RPUSH l 1", "a: PING", "LLEN l")
    compare(r'a: => "CLIENT REPLY OFF\r\nBLPOP l 0\r\nCLIENT REPLY ON\r\n" &', "RPUSH l 1", "a: <-", "LLEN l")


def test_a_slot_of_another_node_is_not_waited_for(compare_routing: Pair) -> None:
    compare_routing(
        "BLPOP foo 0", "BLPOP bar foo 0", "BLPOP bar 0.01", "BLMOVE bar {bar}2 LEFT LEFT 0.01", "BLMPOP 0 1 foo LEFT"
    )
