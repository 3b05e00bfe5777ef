"""String commands, compared with the real server."""

import pytest

from tests.differential.comparing import Pair


def test_get_and_set(compare: Pair) -> None:
    compare("PING", "GET a", "SET a 1", "GET a", "SET a 2", "GET a", "DEL a a b", "GET a", "EXISTS a")


def test_set_conditions(compare: Pair) -> None:
    compare("SET a 1 XX", "SET a 1 NX", "SET a 2 NX", "SET a 3 XX", "GET a", "SET a 4 nx xx", "SET a 4 XX NX GET")


def test_set_get(compare: Pair) -> None:
    compare(
        "SET a 1 GET", "SET a 2 GET", "SET a 3 XX GET", "SET b 1 XX GET", "SET a 5 NX GET", "GET a", "SET c 1 NX GET",
    )
    compare("LPUSH l x", "SET l 1 GET", "SET l 1", "GET l")


@pytest.mark.parametrize("option", ["EX", "PX", "EXAT", "PXAT"])
def test_set_refuses_bad_expiry(compare: Pair, option: str) -> None:
    for value in ["0", "-1", "x", "1.5", "9223372036854775807", "9223372036854775808", ""]:
        compare(f'SET a 1 {option} "{value}"', "TTL a")
    compare(f"SET a 1 {option}", f"SET a 1 {option} 1 {option} 1", f"SET a 1 {option} 1 KEEPTTL")


def test_set_with_expiry(compare: Pair) -> None:
    compare("SET a 1 EX 100", "[near] TTL a", "[near] PTTL a", "SET a 2 KEEPTTL", "[near] TTL a", "SET a 3", "TTL a")
    compare("SET a 1 PXAT 99999999999999", "PEXPIRETIME a", "SET b 1 EXAT 99999999999", "EXPIRETIME b")
    compare("SET a 1 PXAT 1", "GET a", "EXISTS a", "SET a 1 EX 10 PX 10", "SET a 1 EX 10 PERSIST")


def test_setex_and_its_sisters(compare: Pair) -> None:
    compare("SETEX a 100 v", "[near] TTL a", "PSETEX a 100000 v", "[near] PTTL a", "SETNX a w", "SETNX b w", "MGET a b")
    compare("SETEX a 0 v", "SETEX a -1 v", "SETEX a x v", "PSETEX a 0 v", "SETEX a 9223372036854775807 v", "SETEX a 1")


def test_getex_and_getdel(compare: Pair) -> None:
    compare(
        "GETEX a", "SET a 1", "GETEX a EX 100", "[near] TTL a", "GETEX a PERSIST", "TTL a", "GETEX a PXAT 1", "GET a",
    )
    compare("SET a 1", "GETEX a EX 0", "GETEX a EX", "GETEX a PERSIST EX 1", "GETEX a KEEPTTL", "GETDEL a", "GETDEL a")
    compare("LPUSH l x", "GETEX l", "GETDEL l", "GETSET l 1", "GETSET a 1", "GETSET a 2")


def test_counters(compare: Pair) -> None:
    compare("INCR a", "INCRBY a 41", "DECR a", "DECRBY a 10", "GET a", "INCRBY a x", "INCRBY a 1.5", "INCRBY a ''")
    compare(
        "SET a x", "INCR a", "SET a ' 1'", "INCR a", "SET a 1.0", "INCR a", "SET a 01", "INCR a", "LPUSH l x",
        "INCR l",
    )


def test_counters_overflow(compare: Pair) -> None:
    compare("SET a 9223372036854775807", "INCR a", "DECR a", "SET a -9223372036854775808", "DECR a", "INCRBY a -1")
    compare(
        "SET a 1", "DECRBY a -9223372036854775808", "INCRBY a 9223372036854775807", "SET a 9223372036854775808",
        "INCR a",
    )


def test_incrbyfloat(compare: Pair) -> None:
    compare(
        "INCRBYFLOAT a 10.5", "INCRBYFLOAT a 0.1", "INCRBYFLOAT a -5e3", "GET a", "INCRBYFLOAT a x",
        "INCRBYFLOAT a nan",
    )
    compare(
        "SET a 3.0e3", "INCRBYFLOAT a 200", "INCRBYFLOAT a 1e17", "INCRBYFLOAT a 0.00000000000000001",
        "INCRBYFLOAT a inf",
    )
    compare(
        "SET a ' 1'", "INCRBYFLOAT a 1", "SET a 1x", "INCRBYFLOAT a 1", "LPUSH l 1", "INCRBYFLOAT l 1", "SET a 1",
        "INCRBYFLOAT a 1e4000",
    )
    compare(
        "SET a 0.1", "INCRBYFLOAT a 0.2", "INCRBYFLOAT b 3.14159265358979323846", "INCRBYFLOAT c 1e-18",
        "INCRBYFLOAT d 123456789012345678",
    )


def test_append_and_ranges(compare: Pair) -> None:
    compare(
        "APPEND a Hello", "APPEND a ' World'", "STRLEN a", "STRLEN b", "GETRANGE a 0 4", "GETRANGE a -5 -1",
        "SUBSTR a 0 3",
    )
    compare(
        "SET a abc", "GETRANGE a 5 1", "GETRANGE a -100 100", "GETRANGE a 2 -3", "GETRANGE a -1 -3", "GETRANGE a x 1",
        "GETRANGE b 0 1",
    )
    compare(
        "SETRANGE a 5 xyz", "GET a", "SETRANGE a -1 x", "SETRANGE b 5 ''", "EXISTS b", "SETRANGE a 0 ''",
        "SETRANGE a 536870911 xx",
    )
    compare(
        "LPUSH l x", "APPEND l x", "SETRANGE l 0 x", "SETRANGE l 0 ''", "GETRANGE l 0 1", "STRLEN l",
        "SETRANGE a x y",
    )


def test_many_at_once(compare: Pair) -> None:
    compare(
        "MSET a 1 b 2", "MGET a b c", "MSET a", "MSET a 1 b", "MSETNX a 1 z 1", "MSETNX y 1 z 1", "MGET a z y",
        "LPUSH l x", "MGET l a",
    )


def test_encodings(compare: Pair) -> None:
    for value in ["1", "-5", "9223372036854775807", "9223372036854775808", "01", "x" * 44, "x" * 45, ""]:
        compare(f'SET a "{value}"', "OBJECT ENCODING a")
    compare(
        "SET a 1", "APPEND a 2", "OBJECT ENCODING a", "INCR a", "OBJECT ENCODING a", "SETRANGE a 0 3",
        "OBJECT ENCODING a",
    )


def test_arity_and_types(compare: Pair) -> None:
    compare(
        "GET", "GET a b", "SET a", "INCR", "STRLEN", "MGET", "APPEND a", "LPUSH l x", "GET l", "NOSUCH a", "get",
        "SeT a 1", "SET a 1 FOO",
    )


def test_set_nx_with_get_of_a_wrong_type(compare: Pair) -> None:
    compare("LPUSH l x", "SET l 1 NX GET", "TYPE l")


def test_keys_and_expiry_of_strings(compare: Pair) -> None:
    compare(
        "SET a 1", "EXPIRE a 100", "[near] TTL a", "EXPIRE a 50 GT", "EXPIRE a 200 GT", "EXPIRE a 10 LT",
        "EXPIRE a 5 NX", "PERSIST a",
    )
    compare(
        "EXPIRE a 10 XX", "EXPIRE a 10 NX", "EXPIRE a 10 NX XX", "EXPIRE a 10 GT LT", "EXPIRE a x", "EXPIRE a -1",
        "SET a 1", "EXPIRE a -1",
    )
    compare(
        "SET a 1", "RENAME a b", "RENAMENX b c", "RENAME a b", "TYPE c", "TYPE a", "UNLINK a c", "RANDOMKEY",
        "KEYS *", "DBSIZE",
    )

