"""Streams as they lie in a file: nodes of entries, each a listpack, then what is known of the stream, then its groups.

A node's listpack begins with a master entry: how many entries live, how many are deleted, the names of the fields of
the first one, 0. Then each entry: flags, its id as a difference to the node's, its fields (only the values, if the
names are the master entry's), and how many parts all that were, for those who walk backwards.

We write what redis-server 7.0 does, the second version of three. The first does not say what once was in the stream,
the third also when a consumer was last given something.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from pycluster.datatypes.listpack_size import FRAME, size_of_integer
from pycluster.datatypes.stream import DELETED, SAME_FIELDS, SEQUENCES, Node, Stream, delta
from pycluster.datatypes.stream_group import Consumer, Group, Pending
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged
from pycluster.rdb.listpack import put_listpack, read_listpack
from pycluster.rdb.strings import Short, put_length, put_string, read_length, read_string

ID_LENGTH = 16
TIME_LENGTH = 8


# Writing


def put_stream(stream: Stream, compress: bool = True) -> Iterator[bytes]:
    """The stream without its type, a piece for each node and for each group."""
    yield put_length(len(stream.nodes))
    for node in stream.nodes:
        packed = put_listpack(_parts_of(node))
        yield put_string(_put_id(node.start)) + put_string(packed, compress)
    yield b"".join((
        put_length(stream.length),
        *_put_halves(stream.last_id),
        *_put_halves(stream.first_id),
        *_put_halves(stream.max_deleted_id),
        put_length(stream.added),
        put_length(len(stream.groups)),
    ))  # fmt: skip
    for name, group in sorted(stream.groups.items()):
        yield put_string(name, compress) + b"".join(_put_group(group, compress))


def _parts_of(node: Node) -> list[bytes | int]:
    parts: list[bytes | int] = [node.live, len(node.ids) - node.live, len(node.fields), *node.fields, 0]
    for id, entry in zip(node.ids, node.entries, strict=True):
        if entry is None:  # only that it was there is kept
            parts += (DELETED, *delta(id, node.start), 0, 4)
        elif entry[::2] == node.fields:
            parts += (SAME_FIELDS, *delta(id, node.start), *entry[1::2], len(entry) // 2 + 3)
        else:
            parts += (0, *delta(id, node.start), len(entry) // 2, *entry, len(entry) + 4)
    return parts


def _put_group(group: Group, compress: bool) -> Iterator[bytes]:
    yield from _put_halves(group.last_id)
    yield put_length(group.entries_read % SEQUENCES)
    yield put_length(len(group.pending))
    for id, pending in group.pending.items():
        yield _put_id(id) + _put_time(pending.delivered_at) + put_length(pending.deliveries)
    yield put_length(len(group.consumers))
    for name, consumer in sorted(group.consumers.items()):
        yield put_string(name, compress) + _put_time(consumer.seen_at) + put_length(len(consumer.pending))
        for id in sorted(consumer.pending):
            yield _put_id(id)


def _put_halves(id: int) -> tuple[bytes, bytes]:
    return put_length(id >> 64), put_length(id % SEQUENCES)


def _put_id(id: int) -> bytes:
    return id.to_bytes(ID_LENGTH, "big")


def _put_time(ms: int) -> bytes:
    return ms.to_bytes(TIME_LENGTH, "little", signed=True)


# Reading. A generator says what it wants to be read next, and is sent it: so it may be read in slices.

Reader = Callable[[bytes, int], tuple[Any, int]]
Reading = Generator[Reader, Any, Any]


class UnfinishedStream:
    """A stream on its way, as `values.Unfinished` is for the other types."""

    __slots__ = ("value", "_parts", "_wanted")

    @property
    def packed(self) -> int:
        """Packed structures it is made of."""
        return len(self.value.nodes)

    is_empty = False  # a stream without entries is a key all the same

    def __init__(self, kind: int) -> None:
        self.value = Stream()
        self._parts = _fill(self.value, kind)
        self._wanted: Reader | None = next(self._parts)

    def read(self, received: bytes, at: int) -> int:
        """Reads on, to the end of the stream: the place behind it. Raises Short where the bytes end before."""
        while self._wanted is not None:
            part, at = self._wanted(received, at)
            try:
                self._wanted = self._parts.send(part)
            except StopIteration:
                self._wanted = None
        return at


def _fill(stream: Stream, kind: int) -> Reading:
    has_past, has_active_time = kind != opcodes.STREAM_1, kind == opcodes.STREAM_3
    for _ in range((yield read_length)):
        start = yield read_string
        node = _unpack(start, (yield read_string))
        if stream.nodes and node.start <= stream.nodes[-1].ids[-1]:
            raise Damaged("Stream listpacks are not in the order of their ids")
        stream.nodes.append(node)
    length = yield read_length
    if length and not stream.nodes:
        raise Damaged("Stream length inconsistent with rax entries")
    stream.length = sum(node.live for node in stream.nodes)  # early files of Redis 5 say something else; it loads them
    stream.last_id = yield from _read_halves()
    if stream.last_id < stream.newest_id:
        raise Damaged("Stream last id is smaller than that of its last entry")
    if has_past:
        stream.first_id = yield from _read_halves()
        stream.max_deleted_id = yield from _read_halves()
        stream.added = yield read_length
    else:
        stream.added = stream.length
        stream.find_first()
    for _ in range((yield read_length)):
        name = yield read_string
        if name in stream.groups:
            raise Damaged("Duplicated consumer group name")
        group = stream.groups[name] = Group((yield from _read_halves()))
        group.entries_read = (yield from _read_signed()) if has_past else stream.count_up_to(group.last_id)
        yield from _fill_group(group, has_active_time)


def _fill_group(group: Group, has_active_time: bool) -> Reading:
    unowned: dict[int, tuple[int, int]] = {}
    for _ in range((yield read_length)):
        id = yield _read_id
        if id in unowned:
            raise Damaged("Duplicated global PEL entry loading stream consumer group")
        delivered_at = yield _read_time
        unowned[id] = delivered_at, (yield read_length)
    for _ in range((yield read_length)):
        name = yield read_string
        if name in group.consumers:
            raise Damaged("Duplicate stream consumer detected.")
        consumer = group.add_consumer(name, (yield _read_time))
        consumer.active_at = (yield _read_time) if has_active_time else consumer.seen_at
        yield from _fill_consumer(group, consumer, unowned)
    if unowned:
        raise Damaged("NACK entry without consumer")


def _fill_consumer(group: Group, consumer: Consumer, unowned: dict[int, tuple[int, int]]) -> Reading:
    for _ in range((yield read_length)):
        id = yield _read_id
        if id not in unowned:
            raise Damaged("Consumer entry not found in group global PEL")
        pending = Pending(consumer.name, *unowned.pop(id))
        group.pending.put(id, pending)
        consumer.pending.put(id, pending)


def _read_halves() -> Reading:
    ms = yield read_length
    return ms << 64 | (yield read_length)


def _read_signed() -> Reading:
    number = yield read_length
    return number - SEQUENCES if number >= SEQUENCES // 2 else number


def _read_id(received: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(_take(received, at, ID_LENGTH), "big"), at + ID_LENGTH


def _read_time(received: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(_take(received, at, TIME_LENGTH), "little", signed=True), at + TIME_LENGTH


def _take(received: bytes, at: int, length: int) -> bytes:
    if at + length > len(received):
        raise Short(at, at + length)
    return received[at : at + length]


# Nodes


def _unpack(start: bytes, packed: bytes) -> Node:
    """The node whose listpack this is."""
    if len(start) != ID_LENGTH:
        raise Damaged("Stream node key entry is not the size of a stream ID")
    parts = read_listpack(packed)
    try:
        node = _read_node(int.from_bytes(start, "big"), parts)
    except (ValueError, IndexError):
        raise Damaged("Stream listpack integrity check failed.") from None
    counters = size_of_integer(node.live) + size_of_integer(len(node.ids) - node.live)
    node.body = len(packed) - FRAME - counters
    return node


def _read_node(start: int, parts: list[bytes]) -> Node:
    """The same from its parts; raises ValueError or IndexError where they are not as they have to be."""
    live, deleted, width = map(int, parts[:3])
    at = 3 + width
    fields = tuple(parts[3:at])
    if width < 0 or int(parts[at]) != 0:
        raise ValueError
    node = Node(start, fields)
    at += 1
    while at < len(parts):
        begin = at
        flags, ms, sequence = map(int, parts[at : at + 3])
        at += 3
        if flags & SAME_FIELDS:
            values = parts[at : at + width]
            entry = tuple(part for pair in zip(fields, values, strict=True) for part in pair)
            at += width
        else:
            count = int(parts[at])
            if count < 0:
                raise ValueError
            entry = tuple(parts[at + 1 : at + 1 + 2 * count])
            at += 1 + 2 * count
        if int(parts[at]) != at - begin:
            raise ValueError
        at += 1
        id = ((start >> 64) + ms) % SEQUENCES << 64 | (start + sequence) % SEQUENCES
        if id <= (node.ids[-1] if node.ids else start - 1):
            raise ValueError
        node.ids.append(id)
        node.entries.append(None if flags & DELETED else entry)
        node.live += not flags & DELETED
    if (node.live, len(node.ids) - node.live) != (live, deleted) or not node.ids:
        raise ValueError
    return node
