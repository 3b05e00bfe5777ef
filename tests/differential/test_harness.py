"""The harness finds differences: a comparison that cannot fail proves nothing. Both servers here are real ones."""

from collections.abc import Iterator

import pytest

from tests.differential.comparing import Difference, Pair, alike, start_pair
from tests.differential.dialogue import split_words


@pytest.fixture(scope="module")
def twins(redis_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two real servers, of which one has another hash-max-listpack-entries."""
    with start_pair(tmp_path_factory.mktemp("twins"), redis_server, redis_server) as pair:
        pair.ours.ask("CONFIG", "SET", "hash-max-listpack-entries", 1)
        yield pair


def test_equal_servers_give_equal_answers(twins: Pair) -> None:
    twins("SET a 1", "GET a", "HSET h f v", "HGETALL h", "LPUSH a x", 'ECHO "\\x00\\r\\n"', ("ECHO", b"\xff"))


def test_a_difference_is_found(twins: Pair) -> None:
    with pytest.raises(AssertionError, match=r"OBJECT ENCODING h\n +redis: '\$8.*listpack.*\n +ours: +'\$9.*hashtable"):
        twins("HSET h f 1 g 2", "OBJECT ENCODING h")


def test_a_listed_difference_is_accepted(twins: Pair) -> None:
    listed = Difference("OBJECT ENCODING h", b"$9\r\nhashtable\r\n", "set so above")
    twins.redis_is_7_0 = True
    twins("HSET h f 1 g 2", "OBJECT ENCODING h", differs=(listed,))


def test_a_listed_difference_that_is_none_is_found(twins: Pair) -> None:
    listed = Difference("GET a", b"$1\r\n1\r\n", "nowhere")
    twins.redis_is_7_0 = True
    with pytest.raises(AssertionError, match="listed as different, but it is not"):
        twins("SET a 1", "GET a", differs=(listed,))


def test_several_clients_take_part(twins: Pair) -> None:
    twins("""
        a: BLPOP queue 0 &
        b: BLPOP queue 0 &
        s: SUBSCRIBE news
        RPUSH queue one two
        PUBLISH news hello
        b: <-
        a: <-
        s: <-
    """)


def test_a_reply_too_many_is_found(twins: Pair) -> None:
    twins.ours.ask("CONFIG", "SET", "notify-keyspace-events", "KA")
    try:
        with pytest.raises(AssertionError, match="at the end"):
            twins("s: PSUBSCRIBE *", "SET a 1")
    finally:
        twins.ours.ask("CONFIG", "SET", "notify-keyspace-events", "")


def test_a_closed_connection_is_an_answer(twins: Pair) -> None:
    twins('=> "*1\\r\\n$x\\r\\n"', "<-")


def test_a_dialogue_that_redis_does_not_answer_is_wrong(twins: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.differential.dialogue.SILENCE_AFTER_S", 0.05)
    with pytest.raises(AssertionError, match="waits for replies"):
        twins("SET a 1", "<-")


def test_tags_say_what_may_differ() -> None:
    ab, ba = b"*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"*2\r\n$1\r\nb\r\n$1\r\na\r\n"
    assert alike(ab, ba, "unordered")
    assert not alike(ab, ba, "")
    assert not alike(ab, ba, "pairs")
    assert alike(b":100\r\n", b":99\r\n", "near")
    assert not alike(b":100\r\n", b":90\r\n", "near")
    assert alike(b"-ERR one\r\n", b"-ERR two\r\n", "code")
    assert not alike(b"-ERR one\r\n", b"-WRONGTYPE one\r\n", "code")
    assert alike(b"$1\r\na\r\n", b"$2\r\nbc\r\n", "shape")
    assert not alike(ab, b"*1\r\n$1\r\na\r\n", "shape")


def test_words_are_quoted_as_in_redis_cli() -> None:
    assert split_words(r"""SET "a b" 'c "d"' "\x00\n\"" """.strip()) == [b"SET", b"a b", b'c "d"', b'\x00\n"']
