"""Hash commands, compared with the real server."""


from tests.differential.comparing import Pair

WRONG = "SET s x"


def test_set_and_get(compare: Pair) -> None:
    compare(
        "HSET h a 1", "HSET h a 2 b 3 c 4", "HSET h a 1 a 2", "HGET h a", "HGET h x", "HGET none a", "HGETALL h",
    )
    compare("HMSET h a 1 b 2", "HMGET h a x b", "HMGET none a b", "HMGET h", "HLEN h", "HLEN none", "HGETALL none")
    compare("HSETNX h a 1", "HSETNX h a 2", "HSETNX h b 3", "HGETALL h", "TYPE h")


def test_arguments(compare: Pair) -> None:
    compare(
        "HSET h", "HSET h a", "HSET h a 1 b", "HMSET h a 1 b", "HMSET h", "HSETNX h a", "HSETNX h a 1 b",
        "EXISTS h",
    )
    compare("HGET h", "HGET h a b", "HDEL h", "HLEN", "HLEN h a", "HEXISTS h", "HSTRLEN h", "HKEYS", "HVALS h a")


def test_delete(compare: Pair) -> None:
    compare("HSET h a 1 b 2 c 3", "HDEL h a x", "HDEL h b b c", "EXISTS h", "HDEL h a", "HDEL none a")
    compare("HSET h a 1", "EXPIRE h 100", "HDEL h a", "HSET h a 1", "TTL h")


def test_look(compare: Pair) -> None:
    compare("HSET h a 1 b hello c ''", "HEXISTS h a", "HEXISTS h x", "HEXISTS none a", "HSTRLEN h b", "HSTRLEN h c")
    compare("HSET h a 1 b 2", "HKEYS h", "HVALS h", "HKEYS none", "HVALS none", "HSTRLEN h x", "HSTRLEN none x")


def test_names_and_values_are_bytes(compare: Pair) -> None:
    compare(
        r'HSET h "\x00\r\n" "\xff\xfe" "" ""', r'HGET h "\x00\r\n"', 'HGET h ""', "HGETALL h", r'HDEL h "\x00\r\n"',
    )


def test_order_is_that_of_insertion_while_small(compare: Pair) -> None:
    compare("HSET h c 1 a 2 b 3", "HSET h a 9", "HDEL h c", "HSET h c 4", "HGETALL h", "HKEYS h", "HVALS h")


def test_increment(compare: Pair) -> None:
    compare(
        "HINCRBY h a 5", "HINCRBY h a -7", "HGET h a", "HSET h b x", "HINCRBY h b 1", "HSET h c ' 1'",
        "HINCRBY h c 1",
    )
    compare("HINCRBY h a x", "HINCRBY h a 1.5", "HINCRBY h a 9223372036854775808", "EXISTS h", "HINCRBY h a")
    compare(
        "HSET h a 9223372036854775807", "HINCRBY h a 1", "HINCRBY h a -1", "HSET h b -9223372036854775808",
        "HINCRBY h b -1", "HINCRBY h b 9223372036854775807",
    )
    compare("HSET h a 01", "HINCRBY h a 1", "HSET h a 1.0", "HINCRBY h a 1", "HSET h a ''", "HINCRBY h a 1")


def test_increment_by_float(compare: Pair) -> None:
    compare(
        "HINCRBYFLOAT h a 10.5", "HINCRBYFLOAT h a 0.1", "HINCRBYFLOAT h a -5e3", "HGET h a",
        "HINCRBYFLOAT h a 5e3",
    )
    compare(
        "HINCRBYFLOAT h a x", "HINCRBYFLOAT h a nan", "HINCRBYFLOAT h a inf", "HINCRBYFLOAT h a -inf", "EXISTS h",
    )
    compare(
        "HSET h a 3.0e3", "HINCRBYFLOAT h a 200", "HSET h b x", "HINCRBYFLOAT h b 1", "HSET h c ' 1'",
        "HINCRBYFLOAT h c 1", "HSET h d inf", "HINCRBYFLOAT h d 1",
    )
    compare(
        "HSET h a 0.1", "HINCRBYFLOAT h a 0.2", "HINCRBYFLOAT h b 3.14159265358979323846", "HINCRBYFLOAT h c 1e-18",
    )
    compare(
        "HINCRBYFLOAT h a ''", "HINCRBYFLOAT h a ' 1'", "HINCRBYFLOAT h a 0x10", "HINCRBYFLOAT h a 1e5",
        "HINCRBYFLOAT h",
    )


def test_random_fields(compare: Pair) -> None:
    compare(
        "HRANDFIELD none", "HRANDFIELD none 3", "HRANDFIELD none -3 WITHVALUES", "HSET h a 1", "HRANDFIELD h",
        "HRANDFIELD h 5", "HRANDFIELD h -3", "HRANDFIELD h 5 WITHVALUES", "HRANDFIELD h -2 withvalues",
    )
    compare(
        "HSET h a 1 b 2 c 3", "[shape] HRANDFIELD h", "[shape] HRANDFIELD h 2", "[shape] HRANDFIELD h -7",
        "[shape] HRANDFIELD h 2 WITHVALUES", "[unordered] HRANDFIELD h 3", "[unordered] HRANDFIELD h 10",
        "HRANDFIELD h 0", "HRANDFIELD h 0 WITHVALUES",
    )
    compare(
        "HSET h a 1", "HRANDFIELD h x", "HRANDFIELD h 1 FOO", "HRANDFIELD h 1 WITHVALUES x", "HRANDFIELD h 1 2 3 4",
        "HRANDFIELD h -9223372036854775808", "HRANDFIELD h 9223372036854775807 WITHVALUES",
        "HRANDFIELD h -9223372036854775807 WITHVALUES", "HRANDFIELD h 9223372036854775807",
    )


def test_scan(compare: Pair) -> None:
    compare(
        "HSET h a1 1 b1 2 a2 3", "[unordered] HSCAN h 0", "[unordered] HSCAN h 0 MATCH a*", "HSCAN h 0 match x*",
        "[unordered] HSCAN h 0 COUNT 100 MATCH *1", "HSCAN none 0", "[unordered] HSCAN h 0 MATCH *",
    )
    compare(
        "HSET h a 1", "HSCAN h x", "HSCAN h 0 COUNT 0", "HSCAN h 0 COUNT x", "HSCAN h 0 COUNT", "HSCAN h 0 FOO 1",
        "HSCAN h 0 TYPE hash", "HSCAN h", "HSCAN none 0 FOO", "HSCAN none x", "HSCAN h -1", "HSCAN h ''",
        "HSCAN h 18446744073709551616",
    )


def test_wrong_type(compare: Pair) -> None:
    compare(
        WRONG, "HSET s a 1", "HSET s a 1 b", "HMSET s a 1", "HSETNX s a 1", "HGET s a", "HMGET s a", "HGETALL s",
        "HDEL s a", "HLEN s", "HSTRLEN s a", "HEXISTS s a", "HKEYS s", "HVALS s", "HINCRBY s a 1", "HINCRBY s a x",
        "HINCRBYFLOAT s a 1", "HINCRBYFLOAT s a x", "HRANDFIELD s", "HRANDFIELD s 1", "HRANDFIELD s x", "HSCAN s 0",
        "HSCAN s x", "HSCAN s 0 FOO", "GET s",
    )


def test_encodings(compare: Pair) -> None:
    compare(
        "HSET h a 1", "OBJECT ENCODING h", f"HSET h a {'x' * 64}", "OBJECT ENCODING h", f"HSET h a {'x' * 65}",
        "OBJECT ENCODING h", "HSET h a 1", "OBJECT ENCODING h",
    )
    fields = " ".join(f"f{number} v" for number in range(512))
    compare(
        f"HSET h {fields}", "OBJECT ENCODING h", "HSET h one more", "OBJECT ENCODING h", "HDEL h one",
        "OBJECT ENCODING h", "HLEN h",
    )


def test_big_hashes(compare: Pair) -> None:
    fields = " ".join(f"f{number} v{number}" for number in range(1500))
    compare(
        f"HSET h {fields}", "HLEN h", "HGET h f1499", "[pairs] HGETALL h", "[unordered] HKEYS h",
        "HDEL h f0 f1 f2 x", "HEXISTS h f0", "HMGET h f1 f3 f1400", "HSET h f3 new", "HLEN h",
        "[shape] HRANDFIELD h 20",
    )


def test_events(compare: Pair) -> None:
    compare(
        "CONFIG SET notify-keyspace-events KEA", "b: PSUBSCRIBE __key*@0__:*", "HSET h a 1", "b: <-", "b: <-",
        "HSETNX h b 1", "b: <-", "b: <-", "HINCRBY h a 1", "b: <-", "b: <-", "HINCRBYFLOAT h a 1", "b: <-", "b: <-",
        "HDEL h a x", "b: <-", "b: <-", "HDEL h b", "b: <-", "b: <-", "b: <-", "b: <-", "HDEL h b", "HSETNX h b 1",
        "b: <-", "b: <-", "HSETNX h b 1", "CONFIG SET notify-keyspace-events ''",
    )
