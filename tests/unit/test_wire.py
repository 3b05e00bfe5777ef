"""A connection without a socket: bytes in, and what its server records of them for replicas.

The journal takes chunks of plain writes as they came. Whatever a client sends, and however it is cut, the stream is
the same as if each request had been encoded anew.
"""

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycluster import wire
from pycluster.admin.catalogue import GROUPS
from pycluster.keyspace.journal import Journal
from pycluster.protocol.replies import encode_request, encode_requests
from pycluster.protocol.requests import StrictReader
from pycluster.server.config import Config
from pycluster.server.log import Log
from pycluster.server.server import Server
from pycluster.wire import connections_of

NEVER = 1 << 30


class NoSocket:
    """A peer that takes everything."""

    def set_write_buffer_limits(self, **limits: int) -> None: ...

    def get_extra_info(self, name: str) -> object:
        return None if name == "socket" else ("127.0.0.1", 5)

    def write(self, raw: bytes) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def a_server(loop: asyncio.AbstractEventLoop) -> Server:
    config = Config()
    config.loglevel = "nothing"
    return Server(config, GROUPS, Log(config), loop, Random(1))


def stream_of(chunks: list[bytes], chunks_a_turn: int = 1) -> bytes:
    """What a server records of these chunks."""
    loop = asyncio.new_event_loop()
    try:
        server = a_server(loop)
        stream: list[bytes] = []
        server.journal.listeners.append(stream.append)
        connection = connections_of(server)()
        connection.connection_made(NoSocket())
        for number, chunk in enumerate(chunks, 1):
            connection.data_received(chunk)
            if number % chunks_a_turn == 0:
                loop.run_until_complete(asyncio.sleep(0))
        server.turn.schedule()
        loop.run_until_complete(asyncio.sleep(0))
        return b"".join(stream)
    finally:
        loop.close()


def stream_when_taking_from(requests: int, chunks: list[bytes], chunks_a_turn: int) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "WORTH_TAKING", requests)
        return stream_of(chunks, chunks_a_turn)


words = st.sampled_from(
    [b"a", b"b", b"1", b"-5", b"", b"\r\n", b"\r", b"x\r\n$1\r\n", b"*1\r\n", b"\n+OK", b"\xff" * 20]
)
key = st.sampled_from([b"a", b"b", b"n"])
requests = st.one_of(
    st.tuples(st.sampled_from([b"SET", b"set", b"APPEND", b"GETSET", b"SETNX", b"RPUSH", b"SADD"]), key, words),
    st.tuples(st.sampled_from([b"INCR", b"GET", b"DEL", b"SPOP", b"GETDEL", b"RPOP", b"EXISTS"]), key),
    st.tuples(st.just(b"SET"), key, words, st.sampled_from([b"GET", b"NX", b"XX"])),
    st.tuples(st.just(b"SET"), key, words, st.just(b"PXAT"), st.sampled_from([b"1", b"9000000000000"])),
    st.tuples(st.just(b"MSET"), key, words, key, words),
    st.tuples(st.sampled_from([b"HSET", b"HINCRBYFLOAT"]), key, st.just(b"f"), words),
    st.tuples(st.just(b"SELECT"), st.sampled_from([b"0", b"1"])),
    st.tuples(st.sampled_from([b"MULTI", b"EXEC", b"FLUSHALL", b"PING", b"nonsense", b"DBSIZE"])),
    st.tuples(st.just(b"WAIT"), st.just(b"0"), st.just(b"0")),
)
encoded = requests.map(lambda request: encode_request(list(request)))
careless = encoded.map(lambda raw: raw[:-2] + b"xx")  # nobody looks at what stands behind an argument
written = st.one_of(encoded, encoded, encoded, careless, st.sampled_from([b"SET a 1\r\n", b"*0\r\n", b"\r\n"]))


@settings(max_examples=150, deadline=None)
@given(st.lists(written, min_size=1, max_size=40), st.integers(1, 300), st.integers(1, 3), st.booleans())
def test_the_stream_is_the_same_with_and_without_the_shortcut(
    raws: list[bytes], size: int, chunks_a_turn: int, cut_anywhere: bool
) -> None:
    raw = b"".join(raws)
    chunks = [raw[at : at + size] for at in range(0, len(raw), size)] if cut_anywhere else [raw]
    stream = stream_when_taking_from(1, chunks, chunks_a_turn)
    assert stream == stream_when_taking_from(NEVER, chunks, chunks_a_turn)
    assert stream == as_redis_writes_it(stream)


plain = st.tuples(st.sampled_from([b"SET", b"append"]), key, words).map(lambda words: encode_request(list(words)))
careless_plain = plain.map(lambda raw: raw[:-2] + b"xx")
chunk_of_writes = st.lists(st.one_of(plain, plain, encoded, careless_plain), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(chunk_of_writes.map(b"".join), min_size=1, max_size=8), st.integers(1, 3))
def test_so_it_is_where_chunks_are_whole(chunks: list[bytes], chunks_a_turn: int) -> None:
    chunks = [SELECT + WRITES, *chunks]
    stream = stream_when_taking_from(1, chunks, chunks_a_turn)
    assert stream == stream_when_taking_from(NEVER, chunks, chunks_a_turn)
    assert stream == as_redis_writes_it(stream)


def as_redis_writes_it(stream: bytes) -> bytes:
    reader = StrictReader()
    reader.feed(stream)
    return encode_requests(iter(reader.gets, None))


SELECT = encode_request([b"SELECT", b"0"])
WRITES = encode_request([b"SET", b"k", b"v"]) * 5


def taken(monkeypatch: pytest.MonkeyPatch, *chunks: bytes) -> list[int]:
    """How many records are left for the chunks that the journal was offered: 1, if it took one as it came."""
    sizes: list[int] = []
    take = Journal.take_verbatim

    def note(journal: Journal, mark: Any, chunk: bytes, requests: int) -> None:
        take(journal, mark, chunk, requests)
        sizes.append(len(journal._pending) - mark[0])

    monkeypatch.setattr(Journal, "take_verbatim", note)
    stream_of([SELECT + WRITES[:1], WRITES[1:], *chunks])  # from here on the database is selected
    return sizes


def test_a_chunk_of_writes_is_taken_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(monkeypatch, WRITES, WRITES) == [1, 1]


def test_a_chunk_that_ends_within_a_request_is_not_even_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(monkeypatch, WRITES[:-1], WRITES[-1:]) == []


def test_a_chunk_with_a_read_in_it_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(monkeypatch, WRITES + encode_request([b"GET", b"k"])) == [5]


def test_an_argument_with_the_end_of_a_line_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(monkeypatch, WRITES + encode_request([b"SET", b"k", b"\r\n"])) == []


class Witness(NoSocket):
    """A peer that notes what it gets, and that it was it who got it."""

    def __init__(self, seen: list[tuple[str, bytes]], name: str) -> None:
        self.seen, self.name = seen, name

    def write(self, raw: bytes) -> None:
        self.seen.append((self.name, raw))


def test_what_replicas_get_leaves_before_any_reply() -> None:
    """Else a client could hold an OK to a write that a killed master has told nobody of."""
    loop = asyncio.new_event_loop()
    seen: list[tuple[str, bytes]] = []
    connect = connections_of(a_server(loop))
    client, replica = connect(), connect()
    client.connection_made(Witness(seen, "client"))
    replica.connection_made(Witness(seen, "replica"))
    client.send("OK")
    replica.send_bytes(b"SET")
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert seen == [("replica", b"SET"), ("client", b"+OK\r\n")]


@pytest.mark.parametrize("is_sent_first", [True, False])
def test_replies_and_what_others_send_leave_in_their_order(is_sent_first: bool) -> None:
    loop = asyncio.new_event_loop()
    seen: list[tuple[str, bytes]] = []
    client = connections_of(a_server(loop))()
    client.connection_made(Witness(seen, "client"))
    steps = [lambda: client.send(b"sent"), lambda: client.data_received(encode_request([b"ECHO", b"reply"]))]
    for step in steps if is_sent_first else reversed(steps):
        step()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    expected = [b"$4\r\nsent\r\n", b"$5\r\nreply\r\n"]
    assert b"".join(raw for _, raw in seen) == b"".join(expected if is_sent_first else reversed(expected))
