"""Commands about keys of any type, compared with the real server."""

import pytest

from tests.differential.comparing import Difference, Pair


def help_of_7_0(line: str, ours: bytes) -> Difference:
    return Difference(line, ours, "7.2 says Print instead of Prints (networking.c, addReplyHelp)")


ONE_OF_EACH = """
    SET str 1
    RPUSH list 1 2
    HSET hash f v
    SADD set a
    ZADD zset 1 a
"""


def test_types(compare: Pair) -> None:
    compare(
        ONE_OF_EACH, "TYPE str", "TYPE list", "TYPE hash", "TYPE set", "TYPE zset", "TYPE nosuch", "TYPE", "TYPE a b"
    )


def test_deleting_counts_each_key_once(compare: Pair) -> None:
    compare(
        ONE_OF_EACH, "EXISTS str str nosuch", "TOUCH str list nosuch", "DEL str str nosuch", "UNLINK list list hash"
    )
    compare(
        "DEL", "UNLINK", "EXISTS", "TOUCH", "DBSIZE", "DBSIZE x", "RANDOMKEY", "SET a 1", "RANDOMKEY", "RANDOMKEY x"
    )


@pytest.mark.parametrize(
    "pattern",
    [
        "*", "**", "?", "h?llo", "h*llo", "h*l*o", "h[ae]llo", "h[^e]llo", "h[a-b]llo", "h[b-a]llo", "h[]llo",
        "h[^]llo", "h[a", "h[", "h[a-", "h[\\\\a]llo", "[[]a]", "\\\\[a\\\\]", "\\\\\\\\a", "\\\\", "*\\\\", "",
        "HELLO", "h\\nllo", "*a*", "[^a-z]*", "h[a-zA-Z]llo*", "h\\\\*llo",
    ],
)  # fmt: skip
def test_patterns(compare: Pair, pattern: str) -> None:
    keys = r'hello hallo hxllo hllo heello h*llo HELLO "h\nllo" "[a]" "\\a" "\\" h[a "" "\xff"'
    compare(f"MSET {keys.replace(' ', ' 1 ')} 1", f'[unordered] KEYS "{pattern}"')


def test_scan_options(compare: Pair) -> None:
    compare("""
        SCAN 0 COUNT 0
        SCAN 0 COUNT -1
        SCAN 0 COUNT x
        SCAN 0 COUNT
        SCAN 0 MATCH
        SCAN 0 TYPE
        SCAN 0 FOO
        SCAN 0 FOO 1
        SCAN 0 COUNT 9223372036854775808
        SCAN 0 COUNT 1 COUNT x
        SCAN 0 COUNT x MATCH
        SCAN 0 MATCH a COUNT
        SCAN 0 TYPE foo
    """)
    compare(
        ONE_OF_EACH,
        """
        [unordered] SCAN 0
        [unordered] SCAN 0 COUNT 1000 MATCH *s*
        SCAN 0 TYPE STRING
        SCAN 0 TYPE zset COUNT 100
        SCAN 0 COUNT 100 MATCH l* TYPE list
        SCAN 0 TYPE list TYPE hash COUNT 100
        SCAN 0 MATCH l* MATCH h* COUNT 100
        [unordered] SCAN 0 MATCH * COUNT 9223372036854775807
    """,
    )


@pytest.mark.parametrize(
    "cursor",
    ["", "+0", "-0", " 0", "0 ", "x", "1.5", "00", "0x0", r"0\x00x", "+", "-", "18446744073709551616", "9" * 5000],
)
def test_cursors(compare: Pair, cursor: str) -> None:
    compare(f'SCAN "{cursor}"')


def test_rename(compare: Pair) -> None:
    compare("""
        RENAME nosuch a
        RENAMENX nosuch a
        RENAME nosuch nosuch
        SET a 1
        RENAME a a
        RENAMENX a a
        RENAMENX a b
        EXPIRE b 100
        SET c 2
        RENAMENX b c
        RENAME b c
        [near] TTL c
        GET c
        RENAME c d e
        RPUSH l 1
        RENAME c l
        TYPE l
    """)


def test_copy(compare: Pair) -> None:
    compare("""
        COPY a b
        SET a 1 EX 100
        COPY a b
        [near] TTL b
        COPY a b
        SET a 2
        COPY a b REPLACE
        TTL b
        GET b
        COPY a a
        COPY a a REPLACE
        COPY a a DB 1
        COPY a b DB 1 REPLACE
        SELECT 1
        MGET a b
        COPY a b DB
        COPY a b DB 16
        COPY a b DB -1
        COPY a b DB x
        COPY a b DB 99999999999
        COPY a b FOO
        COPY a b REPLACE REPLACE DB 1 DB 0
    """)


def test_a_copy_shares_nothing_with_its_original(compare: Pair) -> None:
    compare(
        ONE_OF_EACH,
        """
        COPY list l
        RPUSH l 3
        LRANGE list 0 -1
        COPY hash h
        HSET h f w
        HGET hash f
        COPY set s
        SREM s a
        SCARD set
        COPY zset z
        ZADD z 5 a
        ZSCORE zset a
        COPY str str2
        APPEND str2 x
        GET str
    """,
    )


def test_move(compare: Pair) -> None:
    compare("""
        SET a 1 EX 100
        MOVE a 1
        EXISTS a
        MOVE a 1
        SET a 2
        MOVE a 1
        MOVE a 0
        MOVE a 16
        MOVE a -1
        MOVE a x
        MOVE a 99999999999
        MOVE a
        SELECT 1
        GET a
        [near] TTL a
    """)


def test_databases(compare: Pair) -> None:
    compare("""
        SET a 0
        SELECT 1
        SET b 1
        DBSIZE
        FLUSHDB ASYNC
        DBSIZE
        SWAPDB 0 1
        GET a
        SWAPDB 1 1
        SWAPDB 0 16
        SWAPDB -1 0
        SWAPDB 0
        SWAPDB x 1
        SWAPDB 1 x
        SWAPDB 99999999999 1
        FLUSHDB FOO
        FLUSHDB SYNC ASYNC
        FLUSHALL FOO
        GET a
        FLUSHALL SYNC
        DBSIZE
        FLUSHALL ASYNC
    """)


def test_objects(compare: Pair) -> None:
    compare("OBJECT", "OBJECT FOO", "OBJECT ENCODING", "OBJECT ENCODING a", "OBJECT ENCODING a b", "OBJECT HELP x")
    compare("OBJECT REFCOUNT a", "OBJECT IDLETIME a", "OBJECT FREQ a", "SET a x", "OBJECT IDLETIME a", "OBJECT FREQ a")
    for value in ["0", "9999", "10000", "-1", "007", "x", "", "1.0"]:
        compare(f"SET a '{value}'", "OBJECT REFCOUNT a", "object encoding a")


def test_object_help(compare: Pair) -> None:
    with compare.redis.connect() as connection:
        lines = [line.replace(b"Prints", b"Print") for line in connection.ask("OBJECT", "HELP")]
    ours = b"*%d\r\n" % len(lines) + b"".join(b"+%b\r\n" % line for line in lines)
    compare("OBJECT HELP", differs=(help_of_7_0("OBJECT HELP", ours),))


def test_renamed_moved_and_copied_keys_are_not_looked_for_in_a_cluster(compare_in_cluster: Pair) -> None:
    compare_in_cluster("SELECT 0", "SELECT 1", "SELECT x", "MOVE a 1", "SWAPDB 0 1", "COPY a a DB 0", "COPY a b DB 1")
    compare_in_cluster("SET {a}1 x", "RENAME {a}1 {a}2", "COPY {a}2 {a}3", "RENAME {a}3 b", "MGET {a}2 {a}3", "DBSIZE")


def test_keys_of_many_slots_are_found(compare_in_cluster: Pair) -> None:
    compare_in_cluster("SET a 1", "SET b 1", "SET c 1", "[unordered] KEYS *", "KEYS b", "DBSIZE", "FLUSHALL", "DBSIZE")


def test_expired_keys_are_not_found(compare: Pair) -> None:
    compare("""
        DEBUG SET-ACTIVE-EXPIRE 0
        MSET a 1 b 1 c 1 d 1 e 1 keep 1
        PEXPIRE a 1
        PEXPIRE b 1
        PEXPIRE c 1
        PEXPIRE d 1
        PEXPIRE e 1
        DEBUG SLEEP 0.01
        DBSIZE
        EXISTS a
        TYPE b
        DBSIZE
        DEL c
        DBSIZE
        RENAME d x
        SCAN 0 COUNT 100
        DBSIZE
        KEYS *
        RANDOMKEY
        DEBUG SET-ACTIVE-EXPIRE 1
    """)
