"""Libraries of functions as far as they are text: what moves them about, and the files that they travel in."""

from collections.abc import Iterator

import pytest

from pycluster.testing.node import Node
from tests.differential.comparing import Pair
from tests.differential.test_keys import help_of_7_0

LIBRARY = b"#!lua name=%b\nredis.register_function('%b_f', function(keys, args) return 'of %b' end)%b"


def library(name: bytes, comment: bytes = b"") -> bytes:
    return LIBRARY % (name, name, name, comment)


@pytest.fixture
def redis(compare: Pair) -> Iterator[Node]:
    """The real server, whose engine makes the payloads. Both servers have no libraries before and after."""
    for node in (compare.redis, compare.ours):
        node.ask("FUNCTION", "FLUSH")
    yield compare.redis
    for node in (compare.redis, compare.ours):
        node.ask("FUNCTION", "FLUSH")


def payload_of(redis: Node, *names: bytes, comment: bytes = b"") -> bytes:
    """What a real server dumps that has these libraries; it has none afterwards."""
    for name in names:
        redis.ask("FUNCTION", "LOAD", library(name, comment))
    payload: bytes = redis.ask("FUNCTION", "DUMP")
    redis.ask("FUNCTION", "FLUSH")
    return payload


def test_without_libraries(compare: Pair, redis: Node) -> None:
    compare(
        "FUNCTION LIST", "FUNCTION DUMP", "FUNCTION STATS", "FUNCTION LIST LIBRARYNAME x WITHCODE", "FUNCTION FLUSH",
        "FUNCTION DELETE x", "FUNCTION KILL", "FUNCTION FLUSH ASYNC", "FUNCTION FLUSH SYNC",
    )  # fmt: skip


def test_misuse(compare: Pair, redis: Node) -> None:
    compare(
        "FUNCTION", "FUNCTION NOSUCH", "FUNCTION LIST x", "FUNCTION LIST LIBRARYNAME",
        "FUNCTION LIST WITHCODE WITHCODE", "FUNCTION LIST LIBRARYNAME a LIBRARYNAME b",
        "FUNCTION FLUSH x", "FUNCTION FLUSH SYNC x", "FUNCTION DELETE",
        "FUNCTION RESTORE", "FUNCTION RESTORE x", "FUNCTION RESTORE x NOSUCH", "FUNCTION RESTORE x FLUSH x",
        "FUNCTION DUMP x", "FUNCTION STATS x", "FUNCTION LOAD", "FUNCTION LOAD x", "FUNCTION LOAD x y",
        "FUNCTION LOAD REPLACE", "FUNCTION LOAD REPLACE x", '=> "FUNCTION LOAD \\"#!js name=a\\\\n\\"\\r\\n"',
    )  # fmt: skip


def test_help(compare: Pair) -> None:
    with compare.redis.connect() as connection:
        lines = [line.replace(b"Prints", b"Print") for line in connection.ask("FUNCTION", "HELP")]
    ours = b"*%d\r\n" % len(lines) + b"".join(b"+%b\r\n" % line for line in lines)
    compare("FUNCTION HELP", differs=(help_of_7_0("FUNCTION HELP", ours),))


@pytest.mark.parametrize("comment", [b"", b" -- " + b"blah " * 500])
def test_what_redis_dumped_is_restored_and_dumped_again(compare: Pair, redis: Node, comment: bytes) -> None:
    payload = payload_of(redis, b"one", b"two", comment=comment)
    compare.ours.ask("FUNCTION", "RESTORE", payload)
    redis.ask("FUNCTION", "RESTORE", compare.ours.ask("FUNCTION", "DUMP"))
    assert redis.ask("FCALL", "two_f", 0) == b"of two"
    assert codes(redis) == codes(compare.ours)
    assert len(codes(redis)) == 2


def codes(node: Node) -> dict[bytes, bytes]:
    """The sources of all libraries, by name."""
    shown = [dict(zip(entry[::2], entry[1::2], strict=True)) for entry in node.ask("FUNCTION", "LIST", "WITHCODE")]
    return {entry[b"library_name"]: entry[b"library_code"] for entry in shown}


def test_policies_of_restore(compare: Pair, redis: Node) -> None:
    old, new = payload_of(redis, b"a", comment=b"--"), payload_of(redis, b"a")
    other = payload_of(redis, b"b")
    for payload, *policy in [(old,), (new,), (new, "APPEND"), (other,), (new, "REPLACE"), (other, "flush"), (old,)]:
        compare(("FUNCTION", "RESTORE", payload, *policy), protocols=(2,))
        assert codes(redis) == codes(compare.ours)


def test_payloads_that_are_none(compare: Pair, redis: Node) -> None:
    payload = payload_of(redis, b"a")
    redis.ask("SET", "key", "value")
    for spoiled in (payload[:-1], payload[1:], bytes(10), bytes(9), redis.ask("DUMP", "key"), payload + payload):
        compare(("FUNCTION", "RESTORE", spoiled))
    redis.ask("DEL", "key")


def test_only_flush_takes_libraries_away(compare: Pair, redis: Node) -> None:
    payload = payload_of(redis, b"a")
    for node in (compare.redis, compare.ours):
        node.ask("CONFIG", "SET", "rdbcompression", "no")
        node.ask("FUNCTION", "RESTORE", payload)
    compare("FLUSHALL", "FLUSHDB", "FUNCTION DUMP", "FUNCTION LIST LIBRARYNAME b", protocols=(2,))
    compare("FUNCTION DELETE a", "FUNCTION DELETE a", "FUNCTION DUMP", protocols=(2,))
    compare("CONFIG SET rdbcompression yes")
