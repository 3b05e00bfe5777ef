"""Streams in files: what is written is read again, cut anywhere; versions 1 and 3 as Redis wrote them; damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.stream import Stream
from pycluster.datatypes.stream_group import Group
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged
from pycluster.rdb.listpack import put_listpack, read_listpack
from pycluster.rdb.payload import dump, restore
from pycluster.rdb.streams import UnfinishedStream, put_stream
from pycluster.rdb.strings import Short, put_length, put_string

texts = st.binary(max_size=20) | st.sampled_from([b"x" * 63, b"x" * 64, b"x" * 4095, b"x" * 5000])
numbers = st.integers(-(2**63), 2**63 - 1)
ids = st.integers(1, 2**128 - 1) | st.integers(1, 100)


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Any stream: entries with equal and other names, some deleted, groups with consumers and what is pending."""
    stream = Stream()
    entries = st.lists(st.sampled_from([b"a", b"b"]), min_size=1, max_size=3)
    for id in sorted(draw(st.sets(ids, max_size=12))):
        entry = tuple(part for name in draw(entries) for part in (name, draw(texts)))
        stream.add(id, entry, node_entries=4)
    known = [id for id, _ in stream.range()]
    for id in draw(st.lists(st.sampled_from(known), max_size=6)) if known else ():
        stream.delete(id)
    for name in draw(st.sets(st.binary(max_size=5), max_size=2)):
        group = stream.groups[name] = Group(draw(ids), draw(st.integers(-1, 9)))
        for consumer in draw(st.sets(st.binary(max_size=5), max_size=2)):
            reader = group.add_consumer(consumer, draw(st.integers(0, 2**40)))
            for id in draw(st.lists(ids, max_size=4)):
                group.assign(id, reader, draw(st.integers(0, 2**40))).deliveries = draw(st.integers(0, 2**40))
    return stream


@given(streams())
def test_what_was_dumped_can_be_restored(stream: Stream) -> None:
    again = restore(dump(stream))
    assert isinstance(again, Stream) and again == stream
    assert [node.ids for node in again.nodes] == [node.ids for node in stream.nodes]
    assert sum(node.live for node in again.nodes) == again.length


@given(streams())
def test_nodes_are_as_long_as_was_reckoned(stream: Stream) -> None:
    again = restore(dump(stream))
    assert isinstance(again, Stream)
    whole = [at for at, node in enumerate(stream.nodes) if node.live == len(node.ids)]
    assert [again.nodes[at].size for at in whole] == [stream.nodes[at].size for at in whole]


@given(streams(), st.data())
def test_a_stream_can_be_read_in_pieces_cut_anywhere(stream: Stream, data: st.DataObject) -> None:
    body = b"".join(put_stream(stream))
    unfinished, start = UnfinishedStream(opcodes.STREAM_2), 0
    for cut in sorted(data.draw(st.sets(st.integers(0, len(body) - 1), max_size=8))):
        with pytest.raises(Short) as short:
            unfinished.read(body[start:cut], 0)
        start += short.value.at
    unfinished.read(body[start:], 0)
    assert unfinished.value == stream


@given(streams(), st.data())
def test_mangled_bytes_are_read_or_refused_and_what_was_read_can_be_used(stream: Stream, data: st.DataObject) -> None:
    body = bytearray(b"".join(put_stream(stream, compress=False)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    unfinished = UnfinishedStream(opcodes.STREAM_2)
    try:
        unfinished.read(bytes(body), 0)
    except (Damaged, Short):
        return
    again = unfinished.value
    assert restore(dump(again.copy())) == again
    assert len(list(again.range_reversed())) == again.length
    again.trim_to_length(0)


@given(st.lists(texts | numbers, max_size=30))
def test_a_listpack_is_read_as_it_was_written(parts: list[bytes | int]) -> None:
    assert read_listpack(put_listpack(parts)) == [b"%d" % part if isinstance(part, int) else part for part in parts]


@pytest.mark.parametrize("length", [126, 127, 128, 16382, 16383, 16384, 2097151])
def test_long_entries_of_a_listpack_have_their_length_behind_them(length: int) -> None:
    assert read_listpack(put_listpack([b"x" * length, 1])) == [b"x" * length, b"1"]


def half(*parts: int) -> bytes:
    return b"".join(map(put_length, parts))


NODE = put_string((5 << 64 | 1).to_bytes(16, "big")) + put_string(
    put_listpack([2, 1, 1, b"f", 0, 2, 0, 0, b"v", 4, 3, 0, 1, b"w", 4, 0, 1, -1, 1, b"g", b"x", 6])
)
PENDING = (5 << 64 | 1).to_bytes(16, "big") + (1000).to_bytes(8, "little") + half(3)
OWNED = (5 << 64 | 1).to_bytes(16, "big")


def test_the_first_version_does_not_say_what_once_was() -> None:
    group = put_string(b"g") + half(5, 1, 1) + PENDING + half(1) + put_string(b"c") + (7).to_bytes(8, "little")
    unfinished = UnfinishedStream(opcodes.STREAM_1)
    unfinished.read(half(1) + NODE + half(2, 6, 0, 1) + group + half(1) + OWNED, 0)
    stream = unfinished.value
    assert list(stream.range()) == [(5 << 64 | 1, (b"f", b"v")), (6 << 64, (b"g", b"x"))]
    assert (stream.first_id, stream.added, stream.max_deleted_id) == (5 << 64 | 1, 2, 0)
    readers = stream.groups[b"g"]
    assert (readers.entries_read, readers.consumers[b"c"].active_at) == (1, 7)


def test_the_third_version_says_when_a_consumer_was_active() -> None:
    times = (7).to_bytes(8, "little") + (9).to_bytes(8, "little")
    group = put_string(b"g") + half(5, 1, 1, 0, 1) + put_string(b"c") + times + half(0)
    unfinished = UnfinishedStream(opcodes.STREAM_3)
    unfinished.read(half(1) + NODE + half(2, 6, 0, 5, 1, 0, 0, 3, 1) + group, 0)
    consumer = unfinished.value.groups[b"g"].consumers[b"c"]
    assert (consumer.seen_at, consumer.active_at) == (7, 9)


def node(*parts: bytes | int, start: bytes = (1).to_bytes(16, "big")) -> bytes:
    return half(1) + put_string(start) + put_string(put_listpack(parts))


@pytest.mark.parametrize(
    "body",
    [
        node(1, 0, 1, b"f", 0, 2, 0, 0, b"v", 4, start=b"short"),
        node(),
        node(2, 0, 1, b"f", 0, 2, 0, 0, b"v", 4),  # one entry, said to be two
        node(1, 0, 1, b"f", 1, 2, 0, 0, b"v", 4),  # no 0 behind the names
        node(1, 0, 1, b"f", 0, 2, 0, 0, b"v", 5),  # a wrong number of parts
        node(1, 0, 9, b"f", 0),
        node(1, 0, -1, b"f", 0),
        node(1, 0, 1, b"f", 0, 0, 0, 0, -1, 4),
        node(2, 0, 1, b"f", 0, 2, 0, 1, b"v", 4, 2, 0, 1, b"v", 4),  # an id twice
        node(1, 0, 1, b"f", 0, 2, 0, -1, b"v", 4),  # an id before the node's
        node(1, 0, b"many", b"f", 0),
        half(2) + NODE + NODE,
        half(1) + NODE + half(3),
        half(1) + NODE + half(2, 5, 9),
        half(0, 0, 0, 0, 0, 0, 0, 0, 0, 2) + (put_string(b"g") + half(0, 0, 0, 0, 0)) * 2,
        half(0, 0, 0, 0, 0, 0, 0, 0, 0, 1) + put_string(b"g") + half(0, 0, 0, 1) + PENDING + half(0),
        half(0, 0, 0, 0, 0, 0, 0, 0, 0, 1) + put_string(b"g") + half(0, 0, 0, 2) + PENDING * 2,
        half(0, 0, 0, 0, 0, 0, 0, 0, 0, 1) + put_string(b"g") + half(0, 0, 0, 0, 1) + put_string(b"c") + bytes(8)
        + half(1) + OWNED,
    ],
)  # fmt: skip
def test_what_no_server_would_have_written_is_damage(body: bytes) -> None:
    with pytest.raises(Damaged):
        UnfinishedStream(opcodes.STREAM_2).read(body + bytes(64), 0)


def test_a_stream_without_entries_is_a_key_all_the_same() -> None:
    assert restore(dump(Stream())) == Stream()


def test_a_payload_that_redis_7_2_made_is_restored() -> None:
    # XADD s 5-1 f v, 6-0 g 300, 7-0 f w; XDEL 7-0; XGROUP CREATE s g 0; XREADGROUP GROUP g c COUNT 1 STREAMS s >
    stream = restore(bytes.fromhex(
        "150110000000000000000500000000000000013a3a0000001600020101010101816602000102010001000181760204010001"
        "0101dfff020101816702c12c02060103010201dfff028177020401ff0207000501070003010167050181ffffffffffffffff"
        "010000000000000005000000000000000130107c00a20100000101016330107c00a201000030107c00a20100000100000000"
        "0000000500000000000000010b000883bd2f1ac703e4"
    ))  # fmt: skip
    assert isinstance(stream, Stream)
    assert list(stream.range()) == [(5 << 64 | 1, (b"f", b"v")), (6 << 64, (b"g", b"300"))]
    assert (stream.last_id, stream.max_deleted_id, stream.added) == (7 << 64, 7 << 64, 3)
    group = stream.groups[b"g"]
    pending, consumer = group.pending.get(5 << 64 | 1), group.consumers[b"c"]
    assert pending is consumer.pending.get(5 << 64 | 1) is not None
    assert (group.last_id, group.entries_read, consumer.active_at) == (5 << 64 | 1, -1, 1_795_304_460_336)
