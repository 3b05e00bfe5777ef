"""One value, as the bytes that stand for it in a file or in a DUMP payload, and back.

Writing: a value becomes one of the five plain types, in pieces of bounded size. Redis (7.0 and later) chooses its
compact encodings anew when it loads them, so nothing is gained by choosing here. (A stream, which has no plain type, is
streams.py's.)

Reading: every type is a row of elements, and `SHAPES` says for each what an element is and what becomes of it. A value
is `Unfinished` until its last element has come, so that a hash of ten million fields is read in slices like anything
else, from bytes that arrive bit by bit. What a length claims is believed only when the bytes have come.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from math import inf, nan
from typing import Any, TypeAlias

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Stream
from pycluster.datatypes.string import RawString
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged, Unreadable, Unsupported
from pycluster.rdb.intset import read_intset
from pycluster.rdb.listpack import read_listpack
from pycluster.rdb.streams import UnfinishedStream, put_stream
from pycluster.rdb.strings import SIX_BITS, Short, put_length, put_string, read_length, read_string
from pycluster.rdb.volatile_hashes import UnfinishedVolatileHash
from pycluster.rdb.ziplist import read_ziplist
from pycluster.rdb.zipmap import read_zipmap

Value = bytes | List | Set | SortedSet | Hash | Stream

# What we write: the newest version that redis-server 7.0 loads. What we read: Redis up to 7.4, and Valkey 9.
VERSION = 10
NEWEST_REDIS = 12
VALKEY = 80

# A piece of a collection that is written: so many elements, or so many bytes.
PIECE_ELEMENTS = 1024
PIECE_LENGTH = 1 << 18
VOLATILE_HASHES = range(opcodes.HASH_WITH_TTL_PRE_RELEASE, opcodes.LISTPACK_WITH_TTL + 1)

PLAIN_NODE, PACKED_NODE = 1, 2  # what an element of a list of listpacks is: one large item, or a listpack

_DOUBLE = struct.Struct("<d")


def type_of(value: Value) -> int:
    """The byte that announces such a value."""
    return _TYPES[value.__class__]


_TYPES = {
    bytes: opcodes.STRING,
    RawString: opcodes.STRING,
    List: opcodes.LIST,
    Set: opcodes.SET,
    SortedSet: opcodes.SORTED_SET,
    Hash: opcodes.HASH,
    Stream: opcodes.STREAM_2,
}


def put_value(value: Value, compress: bool = True) -> Iterator[bytes]:
    """The value without its type, in pieces."""
    match value:
        case bytes():
            yield put_string(value, compress)
            return
        case Stream():
            yield from put_stream(value, compress)
            return
        case SortedSet():
            parts = (put_string(member, compress) + _DOUBLE.pack(score) for member, score in value.scores.items())
            pieces = _in_pieces(parts)
        case Hash():
            pieces = _put_strings(chain.from_iterable(value.fields.items()), compress)
        case Set():
            pieces = _put_strings(iter(value.members), compress)
        case List():
            pieces = _put_strings(iter(value), compress)
        case _:
            raise AssertionError(f"{value.__class__.__name__} is no type of value")
    yield put_length(len(value))
    yield from pieces


def _put_strings(strings: Iterator[bytes], compress: bool) -> Iterator[bytes]:
    """Strings one behind the other. Short ones, the most of most collections, without a call for each."""
    while batch := list(islice(strings, PIECE_ELEMENTS)):
        piece: list[bytes] = []
        length = 0
        for string in batch:
            if len(string) < 64:
                piece += (SIX_BITS[len(string)], string)
                continue
            piece.append(put_string(string, compress))
            length += len(string)
            if length > PIECE_LENGTH:
                yield b"".join(piece)
                piece.clear()
                length = 0
        yield b"".join(piece)


def _in_pieces(parts: Iterator[bytes]) -> Iterator[bytes]:
    piece: list[bytes] = []
    length = 0
    for part in parts:
        piece.append(part)
        length += len(part)
        if len(piece) == PIECE_ELEMENTS or length > PIECE_LENGTH:
            yield b"".join(piece)
            piece.clear()
            length = 0
    yield b"".join(piece)


# Reading


@dataclass(slots=True, frozen=True)
class Shape:
    """How values of one type lie in the file: a row of elements, of one or two parts each, and what becomes of them.

    `read` appends parts to a list while there are bytes, `extend` puts whole elements into the value. A value that is
    not `counted` is one element without a number in front.
    """

    start: Callable[[], Any]
    extend: Callable[[Any, list[Any]], None]
    read: Callable[[bytes, int, int, list[Any]], int]
    counted: bool = True
    parts: int = 1
    packed: bool = False  # each element is a packed structure, whose every byte is looked at


UnfinishedValue: TypeAlias = "Unfinished | UnfinishedStream | UnfinishedVolatileHash"


def begin(kind: int, *, is_valkey: bool = False, now_ms: int = 0) -> UnfinishedValue:
    """A value of this type, of which nothing has been read yet.

    `is_valkey`: the bytes are Valkey's, and not Redis'. `now_ms`: fields of hashes with deadlines before this have
    expired.
    """
    if is_valkey and kind + opcodes.OF_VALKEY == opcodes.HASH_OF_VALKEY:
        return UnfinishedVolatileHash(opcodes.HASH_OF_VALKEY, now_ms)
    if not is_valkey and kind in VOLATILE_HASHES:
        return UnfinishedVolatileHash(kind, now_ms)
    if kind in (opcodes.STREAM_1, opcodes.STREAM_2, opcodes.STREAM_3):
        return UnfinishedStream(kind)
    return Unfinished(kind)


class Unfinished:
    """A value on its way: what has been read of it so far, and how much is still to come."""

    __slots__ = ("packed", "_shape", "_left", "_parts", "_value")

    def __init__(self, kind: int) -> None:
        shape = SHAPES.get(kind)
        if shape is None:
            raise _refusal(kind)
        self.packed = 0  # packed structures it is made of, so far
        self._shape = shape
        self._left = -1 if shape.counted else 1  # parts still to come; -1: their number too
        self._parts: list[Any] = []
        self._value = shape.start()

    def read(self, received: bytes, at: int) -> int:
        """Reads on, to the end of the value: the place behind it. Raises Short where the bytes end before."""
        shape, parts = self._shape, self._parts
        if self._left < 0:
            count, at = read_length(received, at)
            self._left = count * shape.parts
        before = len(parts)
        try:
            return shape.read(received, at, self._left, parts)
        finally:
            self._left -= len(parts) - before
            if shape.packed:
                self.packed += len(parts) - before
            whole = len(parts) - len(parts) % shape.parts
            shape.extend(self._value, parts[:whole])
            del parts[:whole]

    @property
    def is_empty(self) -> bool:
        """A collection without members: an old bug wrote such keys, and they are left out."""
        return self._shape is not _STRING_SHAPE and not self._value

    @property
    def value(self) -> Value:
        return self._value[0] if self._shape is _STRING_SHAPE else self._value


def _refusal(kind: int) -> Unreadable:
    match kind:
        case opcodes.MODULE | opcodes.MODULE_PRE_RELEASE:
            return Unsupported("The RDB file contains module data I can't load")
        case _:
            return Damaged(f"Unknown RDB encoding type {kind}")


# Elements. Each reads up to `count` of them into `parts`; whole ones are there even if Short is raised.


def _read_strings(received: bytes, at: int, count: int, parts: list[Any]) -> int:
    """The most frequent element by far, so its short form is read in place."""
    append, size = parts.append, len(received)
    for _ in range(count):
        if at < size and (length := received[at]) < 64:
            behind = at + 1 + length
            if behind > size:
                raise Short(at, behind)
            append(received[at + 1 : behind])
            at = behind
        else:
            string, at = read_string(received, at)
            append(string)
    return at


def _read_scored(received: bytes, at: int, count: int, parts: list[Any]) -> int:
    """Members with their scores as eight bytes."""
    for _ in range(count):
        member, behind = _read_inside(at, read_string, received, at)
        if behind + 8 > len(received):
            raise Short(at, behind + 8)
        parts.append((member, _DOUBLE.unpack_from(received, behind)[0]))
        at = behind + 8
    return at


def _read_scored_in_ascii(received: bytes, at: int, count: int, parts: list[Any]) -> int:
    """Members with their scores as text behind its length (up to Redis 3.2)."""
    for _ in range(count):
        member, behind = _read_inside(at, read_string, received, at)
        if behind >= len(received):
            raise Short(at, behind + 1)
        length = received[behind]
        behind += 1
        if length in _SPECIAL_SCORES:
            score = _SPECIAL_SCORES[length]
        else:
            behind += length
            if behind > len(received):
                raise Short(at, behind)
            score = _parse_score(received[behind - length : behind])
        parts.append((member, score))
        at = behind
    return at


_SPECIAL_SCORES = {253: nan, 254: inf, 255: -inf}


def _read_nodes(received: bytes, at: int, count: int, parts: list[Any]) -> int:
    """Pieces of a list: lists of items, each a listpack or one large item."""
    for _ in range(count):
        container, behind = _read_inside(at, read_length, received, at)
        if container not in (PLAIN_NODE, PACKED_NODE):
            raise Damaged("Quicklist integrity check failed.", at)
        node, at = _read_inside(at, read_string, received, behind)
        parts.append([node] if container == PLAIN_NODE else read_listpack(node))
    return at


def _read_inside(start: int, read: Callable[[bytes, int], tuple[Any, int]], received: bytes, at: int) -> Any:
    """Reads a part of an element that begins at `start`: if the bytes end here, the element is what is incomplete."""
    try:
        return read(received, at)
    except Short as short:
        raise Short(start, short.need) from None


# Values from elements


def _extend_string(value: list[bytes], parts: list[bytes]) -> None:
    value += parts


def _extend_list(value: List, parts: list[bytes]) -> None:
    value.push_right(parts)


def _extend_set(value: Set, parts: list[bytes]) -> None:
    before = len(value)
    for member in parts:
        value.add(member)
    if len(value) - before != len(parts):
        raise Damaged("Duplicate set members detected")


def _extend_hash(value: Hash, parts: list[bytes]) -> None:
    before = len(value)
    value.put_all(parts[::2], parts[1::2])
    if (len(value) - before) * 2 != len(parts):
        raise Damaged("Duplicate hash fields detected")


def _extend_sorted_set(value: SortedSet, parts: list[tuple[bytes, float]]) -> None:
    before = len(value)
    for member, score in parts:
        if score != score:
            raise Damaged("Zset with NAN score detected")
        value.put(member, score)
    if len(value) - before != len(parts):
        raise Damaged("Duplicate zset fields detected")


def _unpacked(
    extend: Callable[[Any, list[Any]], None], unpack: Callable[[bytes], list[bytes]]
) -> Callable[[Any, list[bytes]], None]:
    """Extends a value by the content of strings that are packed structures themselves."""

    def extend_unpacked(value: Any, parts: list[bytes]) -> None:
        for packed in parts:
            extend(value, unpack(packed))

    return extend_unpacked


def _extend_list_by_nodes(value: List, parts: list[list[bytes]]) -> None:
    for items in parts:
        value.push_right(items)


def _extend_hash_by_entries(value: Hash, entries: list[bytes]) -> None:
    if len(entries) % 2:
        raise Damaged("Hash with a field that has no value")
    _extend_hash(value, entries)


def _extend_sorted_set_by_entries(value: SortedSet, entries: list[bytes]) -> None:
    if len(entries) % 2:
        raise Damaged("Zset with a member that has no score")
    parts = iter(entries)
    _extend_sorted_set(value, [(member, _parse_score(score)) for member, score in zip(parts, parts, strict=True)])


def _parse_score(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        raise Damaged("Zset with a score that is no number") from None


_STRING_SHAPE = Shape(list, _extend_string, _read_strings, counted=False)


def _packed(start: Callable[[], Any], extend: Callable[[Any, list[Any]], None]) -> Shape:
    return Shape(start, extend, _read_strings, counted=False, packed=True)


SHAPES: dict[int, Shape] = {
    opcodes.STRING: _STRING_SHAPE,
    opcodes.LIST: Shape(List, _extend_list, _read_strings),
    opcodes.SET: Shape(Set, _extend_set, _read_strings),
    opcodes.HASH: Shape(Hash, _extend_hash, _read_strings, parts=2),
    opcodes.SORTED_SET: Shape(SortedSet, _extend_sorted_set, _read_scored),
    opcodes.SORTED_SET_ASCII: Shape(SortedSet, _extend_sorted_set, _read_scored_in_ascii),
    opcodes.LIST_OF_ZIPLISTS: Shape(List, _unpacked(_extend_list, read_ziplist), _read_strings, packed=True),
    opcodes.LIST_OF_LISTPACKS: Shape(List, _extend_list_by_nodes, _read_nodes, packed=True),
    opcodes.LIST_ZIPLIST: _packed(List, _unpacked(_extend_list, read_ziplist)),
    opcodes.SET_INTSET: _packed(Set, _unpacked(_extend_set, read_intset)),
    opcodes.SET_LISTPACK: _packed(Set, _unpacked(_extend_set, read_listpack)),
    opcodes.HASH_ZIPMAP: _packed(Hash, _unpacked(_extend_hash_by_entries, read_zipmap)),
    opcodes.HASH_ZIPLIST: _packed(Hash, _unpacked(_extend_hash_by_entries, read_ziplist)),
    opcodes.HASH_LISTPACK: _packed(Hash, _unpacked(_extend_hash_by_entries, read_listpack)),
    opcodes.SORTED_SET_ZIPLIST: _packed(SortedSet, _unpacked(_extend_sorted_set_by_entries, read_ziplist)),
    opcodes.SORTED_SET_LISTPACK: _packed(SortedSet, _unpacked(_extend_sorted_set_by_entries, read_listpack)),
}
