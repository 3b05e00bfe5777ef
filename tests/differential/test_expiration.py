"""When keys end, compared with the real server."""

import pytest

from pycluster.testing import wait_until
from tests.differential.comparing import Pair

NEVER = 99999999999  # seconds since 1970: nobody will see it


def test_times_to_live(compare: Pair) -> None:
    compare("""
        TTL a
        PTTL a
        EXPIRETIME a
        PEXPIRETIME a
        SET a 1
        TTL a
        PTTL a
        EXPIRETIME a
        PEXPIRETIME a
        PERSIST a
        EXPIRE a 100
        [near] TTL a
        [near] PTTL a
        PEXPIREAT a 99999999999499
        EXPIRETIME a
        PEXPIREAT a 99999999999500
        EXPIRETIME a
        PEXPIRETIME a
        PERSIST a
        PERSIST a
        PERSIST b
        TTL a
        TTL
        TTL a b
        PERSIST a b
    """)


@pytest.mark.parametrize("command", ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"])
def test_arguments(compare: Pair, command: str) -> None:
    for when in [
        "x",
        "",
        "1.5",
        "9223372036854775807",
        "9223372036854775",
        "-9223372036854775808",
        "9223372036854775808",
    ]:
        compare("SET a 1", f'{command} a "{when}"', f'{command} nosuch "{when}"', "EXISTS a")
    compare(f"{command}", f"{command} a", f"{command} a x FOO", f"{command} a 10 FOO", f"{command} nosuch 10 FOO")
    for conditions in [
        "NX XX",
        "GT LT",
        "NX GT",
        "NX LT",
        "XX GT LT",
        "NX NX",
        "XX XX GT",
        "XX FOO",
        "nx",
        "FOO NX XX",
    ]:
        compare("SET a 1", f"{command} a {NEVER}000 {conditions}", f"{command} nosuch {NEVER} {conditions}")


@pytest.mark.parametrize("before", ["PERSIST a", f"EXPIREAT a {NEVER}"])
@pytest.mark.parametrize("condition", ["NX", "XX", "GT", "LT", "XX GT", "XX LT"])
def test_conditions(compare: Pair, before: str, condition: str) -> None:
    for when in [NEVER - 1, NEVER, NEVER + 1, 1, -1]:
        compare("SET a 1", before, f"EXPIREAT a {when} {condition}", "EXPIRETIME a")


@pytest.mark.parametrize(
    "command", ["EXPIRE a 0", "EXPIRE a -1", "PEXPIRE a -9223372036854775807", "EXPIREAT a 0", "PEXPIREAT a 1"]
)
def test_a_deadline_in_the_past_deletes(compare: Pair, command: str) -> None:
    compare("SET a 1", command, "EXISTS a", "DBSIZE", command)


def test_values_of_any_type_expire(compare: Pair) -> None:
    compare(
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "HSET h f v",
        "RPUSH l 1",
        "SADD s a",
        "ZADD z 1 a",
        "PEXPIRE h 1",
        "PEXPIRE l 1",
        """
        PEXPIRE s 1
        PEXPIRE z 1
        DEBUG SLEEP 0.005
        HGET h f
        LLEN l
        SCARD s
        ZSCORE z a
        DBSIZE
        DEBUG SET-ACTIVE-EXPIRE 1
    """,
    )


def test_an_expired_key_is_as_good_as_new(compare: Pair) -> None:
    compare(
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "PSETEX a 1 x",
        "PSETEX b 1 x",
        "PSETEX c 1 x",
        "PSETEX d 1 5",
        "PSETEX e 1 x",
        """
        PSETEX f 1 x
        PSETEX g 1 x
        DEBUG SLEEP 0.005
        RPUSH a 1
        TTL a
        SETNX b y
        TTL b
        SET c y XX
        INCR d
        TTL d
        PERSIST e
        GETSET f y
        TTL f
        SET g y KEEPTTL
        TTL g
        MSETNX a 1 b 1
        DEBUG SET-ACTIVE-EXPIRE 1
    """,
    )


@pytest.mark.parametrize(
    "command",
    "SET a 2|SET a 2 KEEPTTL|GETSET a 2|INCR a|INCRBYFLOAT a 1|APPEND a 1|SETRANGE a 0 2|MSET a 2|SETNX a 2|GETEX a|"
    "RENAME a a|COPY b a REPLACE|SETEX a 1000 x|DEL a".split("|"),
)
def test_what_keeps_a_deadline_and_what_does_not(compare: Pair, command: str) -> None:
    compare("SET b 1", "SET a 1 EX 100", command, "[near] TTL a")


def test_time_stands_still_in_a_transaction(compare: Pair) -> None:
    compare("SET k v PX 20", "DEBUG SLEEP 0.05", "GET k")
    compare("MULTI", "SET k v PX 20", "DEBUG SLEEP 0.05", "GET k", "EXEC", "GET k")
    compare(r'=> "SET k v PX 20\r\nDEBUG SLEEP 0.05\r\nGET k\r\n"', "<-", "<-")


def test_active_expiry(compare: Pair) -> None:
    for node in (compare.redis, compare.ours):
        node.ask("FLUSHALL")
        node.ask("SET", "a", 1, "PX", 1)
        wait_until(lambda: "" if node.ask("DBSIZE") == 0 else "the key is still there")  # noqa: B023
