"""Set commands, compared with the real server."""


from tests.differential.comparing import Difference, Pair

SMALL_SETS = "redis 7.2 (#11290): sets that are not of integers only begin as listpacks too"


def test_add_and_remove(compare: Pair) -> None:
    compare(
        "SADD s a b a", "SADD s a", "SADD s c", "[unordered] SMEMBERS s", "SCARD s", "SCARD none", "TYPE s",
        "SADD s", "SMEMBERS none", "SMEMBERS", "SCARD s x",
    )
    compare("SADD s a b c", "SREM s a x", "SREM s a", "SREM s b c c", "EXISTS s", "SREM none a", "SREM s")
    compare("SADD s a", "EXPIRE s 100", "SREM s a", "SADD s a", "TTL s")


def test_membership(compare: Pair) -> None:
    compare(
        "SADD s a 1", "SISMEMBER s a", "SISMEMBER s 1", "SISMEMBER s 01", "SISMEMBER none a",
        "SMISMEMBER s a x 1 a", "SMISMEMBER none a b", "SMISMEMBER s", "SISMEMBER s",
    )


def test_members_are_bytes(compare: Pair) -> None:
    compare(
        r'SADD s "" "\x00\r\n" "\xff"', r'SISMEMBER s "\x00\r\n"', 'SISMEMBER s ""', "SCARD s",
        "[unordered] SMEMBERS s",
    )


def test_move(compare: Pair) -> None:
    compare(
        "SADD a 1 2", "SADD b 2 3", "SMOVE a b 1", "SMOVE a b 1", "SMOVE a b 2", "EXISTS a",
        "[unordered] SMEMBERS b", "SMOVE b b 3", "SMOVE b b x", "SMOVE b c 3", "SMEMBERS c", "SMOVE none c 1",
        "SMOVE a b",
    )
    compare("SADD a 1", "SET s x", "SMOVE a s 1", "SMOVE s a 1", "SMOVE none s 1", "SMOVE a s 9", "SCARD a")


def test_pop(compare: Pair) -> None:
    compare(
        "SPOP none", "SPOP none 2", "SADD s a", "SPOP s", "EXISTS s", "SADD s a b c", "[shape] SPOP s",
        "[shape] SPOP s 1", "SCARD s", "SPOP s 0", "[shape] SPOP s 5", "EXISTS s",
    )
    compare(
        "SADD s a b c", "[unordered] SPOP s 3", "EXISTS s", "SADD s a", "SPOP s -1", "SPOP s x", "SPOP s 1 2",
        "SPOP none x", "SPOP none 1 2", "SPOP",
    )


def test_random_members(compare: Pair) -> None:
    compare(
        "SRANDMEMBER none", "SRANDMEMBER none 2", "SRANDMEMBER none -2", "SADD s a", "SRANDMEMBER s",
        "SRANDMEMBER s 3", "SRANDMEMBER s -3", "SRANDMEMBER s 0", "SCARD s",
    )
    compare(
        "SADD s a b c", "[shape] SRANDMEMBER s", "[shape] SRANDMEMBER s 2", "[shape] SRANDMEMBER s -10",
        "[unordered] SRANDMEMBER s 3", "[unordered] SRANDMEMBER s 99", "SRANDMEMBER s x", "SRANDMEMBER s 1 2",
        "SRANDMEMBER s -9223372036854775808", "SRANDMEMBER none x",
    )


def test_algebra(compare: Pair) -> None:
    compare(
        "SADD a 1 2 3 x", "SADD b 2 3 4 x", "SADD c x 3", "[unordered] SINTER a b", "[unordered] SINTER a b c",
        "SINTER a none", "[unordered] SUNION a b c none", "SDIFF a b", "[unordered] SDIFF a none", "SDIFF none a",
        "SDIFF a a", "[unordered] SDIFF a c", "SINTER none", "SUNION none", "SDIFF none", "[unordered] SINTER a",
        "[unordered] SUNION a a", "SINTER", "SUNION", "SDIFF",
    )


def test_stored_algebra(compare: Pair) -> None:
    compare(
        "SADD a 1 2 3", "SADD b 2 3 4", "SINTERSTORE d a b", "[unordered] SMEMBERS d", "SUNIONSTORE d a b",
        "[unordered] SMEMBERS d", "SDIFFSTORE d a b", "SMEMBERS d", "SINTERSTORE d a none", "EXISTS d",
        "SINTERSTORE d a none", "SDIFFSTORE d a a", "SUNIONSTORE d none", "SUNIONSTORE a a b",
        "[unordered] SMEMBERS a", "SINTERSTORE d", "SUNIONSTORE", "SDIFFSTORE d",
    )
    compare(
        "SET d x", "EXPIRE d 100", "SADD a 1", "SUNIONSTORE d a", "TTL d", "TYPE d", "SET d x",
        "SINTERSTORE d a none", "EXISTS d",
    )


def test_intersection_cardinality(compare: Pair) -> None:
    compare(
        "SADD a 1 2 3 x", "SADD b 2 3 4 x", "SINTERCARD 2 a b", "SINTERCARD 1 a", "SINTERCARD 2 a none",
        "SINTERCARD 2 a b LIMIT 2", "SINTERCARD 2 a b LIMIT 0", "SINTERCARD 2 a b limit 9",
        "SINTERCARD 2 a b LIMIT 1 LIMIT 2",
    )
    compare(
        "SADD a 1", "SINTERCARD 0 a", "SINTERCARD -1 a", "SINTERCARD x a", "SINTERCARD 2 a", "SINTERCARD 1 a LIMIT",
        "SINTERCARD 1 a LIMIT -1", "SINTERCARD 1 a LIMIT x", "SINTERCARD 1 a FOO", "SINTERCARD 1 a b",
        "SINTERCARD 1", "SINTERCARD 1 a LIMIT 1 x", "SET s x", "SINTERCARD 1 s LIMIT x",
    )


def test_wrong_type(compare: Pair) -> None:
    compare(
        "SET s x", "SADD a 1", "SADD s a", "SREM s a", "SMEMBERS s", "SCARD s", "SISMEMBER s a", "SMISMEMBER s a",
        "SPOP s", "SPOP s 0", "SPOP s -1", "SRANDMEMBER s", "SRANDMEMBER s 0", "SINTER a s", "SINTER none s",
        "SUNION a s", "SDIFF a s", "SDIFF none s", "SINTERSTORE d a s", "SINTERSTORE d none s", "SUNIONSTORE d s",
        "SDIFFSTORE d a s", "SINTERCARD 2 a s", "SINTERCARD 2 none s", "SSCAN s 0", "SSCAN s x", "EXISTS d",
        "GET s",
    )


def test_scan(compare: Pair) -> None:
    compare(
        "SADD s a1 b1 a2", "[unordered] SSCAN s 0", "[unordered] SSCAN s 0 MATCH a*", "SSCAN s 0 MATCH x*",
        "SSCAN none 0", "[unordered] SSCAN s 0 COUNT 100", "SSCAN s 0 COUNT 0", "SSCAN s 0 COUNT x",
        "SSCAN s 0 FOO", "SSCAN s", "SSCAN s x", "SSCAN s 0 TYPE set", "SSCAN none 0 FOO",
    )


def test_encodings_of_integers(compare: Pair) -> None:
    compare(
        "SADD s 1 2 3", "OBJECT ENCODING s", "SADD s 9223372036854775807", "OBJECT ENCODING s", "SREM s 1",
        "OBJECT ENCODING s",
    )
    members = " ".join(str(number) for number in range(512))
    compare(
        f"SADD s {members}", "OBJECT ENCODING s", "SADD s 512", "OBJECT ENCODING s", "SREM s 512",
        "OBJECT ENCODING s", "[unordered] SMEMBERS s",
    )


def test_encodings_of_words(compare: Pair) -> None:
    def small(line: str) -> Difference:
        return Difference(line, b"$8\r\nlistpack\r\n", SMALL_SETS)

    compare("SADD s 1 a", "OBJECT ENCODING s", differs=(small("OBJECT ENCODING s"),))
    compare("SADD s 9223372036854775808", "OBJECT ENCODING s", differs=(small("OBJECT ENCODING s"),))
    compare(f"SADD s a {'x' * 65}", "OBJECT ENCODING s")
    compare(f"SADD s {' '.join(f'm{number}' for number in range(129))}", "OBJECT ENCODING s")


def test_big_sets(compare: Pair) -> None:
    members = " ".join(f"m{number}" for number in range(1500))
    others = " ".join(f"m{number}" for number in range(1000, 2500))
    compare(
        f"SADD s {members}", f"SADD t {others}", "SCARD s", "[unordered] SMEMBERS s", "[unordered] SINTER s t",
        "SINTERCARD 2 s t", "[unordered] SDIFF s t", "[unordered] SUNION s t", "SISMEMBER s m1499",
        "SREM s m0 m1 x", "SCARD s", "SUNIONSTORE u s t", "SDIFFSTORE u t u", "[shape] SRANDMEMBER s 20",
        "[shape] SPOP s 20", "SCARD s",
    )


def test_events(compare: Pair) -> None:
    compare(
        "CONFIG SET notify-keyspace-events KEA", "b: PSUBSCRIBE __keyevent@0__:*", "SADD s a b c", "b: <-",
        "SADD s a", "SREM s a x", "b: <-", "SREM s x", "SMOVE s t b", "b: <-", "b: <-", "SMOVE s t c", "b: <-",
        "b: <-", "b: <-", "SUNIONSTORE d t", "b: <-", "SINTERSTORE d t none", "b: <-", "SDIFFSTORE d t", "b: <-",
        "[shape] SPOP d 1", "b: <-", "[shape] SPOP d 9",
        "b: <-", "b: <-", "SADD s a", "b: <-", "SPOP s", "b: <-", "b: <-",
        "SINTERSTORE d t", "b: <-", "CONFIG SET notify-keyspace-events ''",
    )
