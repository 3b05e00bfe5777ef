"""Lengths and strings: what everything else in the format is made of.

A length takes its first two bits to say how long it is itself: 00 six bits, 01 fourteen, 10 four or eight bytes
behind it, 11 not a length but a packed string (an integer, or LZF). Readers are functions from (bytes, place) to
(what stood there, the place behind it). Where the bytes end too early they raise `Short`, which says how many it
would take: more may be on their way.
"""

from pycluster.rdb import lzf, opcodes
from pycluster.rdb.errors import Damaged

# Shorter strings are not worth trying to compress: a million small values would take more seconds than the disk.
COMPRESS_FROM = 128

SIX_BITS = [bytes((length,)) for length in range(64)]


class Short(Exception):
    """The bytes end in the middle of something: begins at `at`, and can't be whole before there are `need` bytes."""

    def __init__(self, at: int, need: int) -> None:
        super().__init__()
        self.at = at
        self.need = need


def put_length(length: int) -> bytes:
    if length < 64:
        return SIX_BITS[length]
    if length < 16384:
        return bytes((0x40 | length >> 8, length & 255))
    if length < 1 << 32:
        return b"\x80" + length.to_bytes(4, "big")
    return b"\x81" + length.to_bytes(8, "big")


def put_string(string: bytes, compress: bool = True) -> bytes:
    """The string behind its length, packed where it is long enough to be worth it and becomes shorter by it."""
    if compress and len(string) >= COMPRESS_FROM and lzf.repeats_itself(string):
        packed = lzf.compress(string)
        if packed is not None:
            return b"\xc3" + put_length(len(packed)) + put_length(len(string)) + packed
    return put_length(len(string)) + string


def read_length(received: bytes, at: int) -> tuple[int, int]:
    try:
        first = received[at]
        if first < 0x40:
            return first, at + 1
        if first < 0x80:
            return (first & 0x3F) << 8 | received[at + 1], at + 2
    except IndexError:
        raise Short(at, len(received) + 1) from None
    width = {0x80: 4, 0x81: 8}.get(first)
    if width is None:
        raise Damaged(f"Unknown length encoding {first >> 6} in rdbLoadLen()", at)
    behind = at + 1 + width
    if behind > len(received):
        raise Short(at, behind)
    return int.from_bytes(received[at + 1 : behind], "big"), behind


def read_string(received: bytes, at: int) -> tuple[bytes, int]:
    if at >= len(received):
        raise Short(at, at + 1)
    length, start = received[at], at + 1
    if length >= 0xC0:
        return _read_packed(received, at)
    if length >= 0x40:
        length, start = read_length(received, at)
    behind = start + length
    if behind > len(received):
        raise Short(at, behind)
    return received[start:behind], behind


def _read_packed(received: bytes, at: int) -> tuple[bytes, int]:
    """An integer as its digits, or a string compressed by LZF."""
    kind = received[at] & 0x3F
    if kind == opcodes.LZF:
        try:
            packed_length, start = read_length(received, at + 1)
            length, start = read_length(received, start)
        except Short as short:
            raise Short(at, short.need) from None
        behind = start + packed_length
        if behind > len(received):
            raise Short(at, behind)
        return lzf.decompress(received[start:behind], length), behind
    if kind > opcodes.LZF:
        raise Damaged(f"Unknown RDB string encoding type {kind}", at)
    behind = at + 1 + (1 << kind)
    if behind > len(received):
        raise Short(at, behind)
    return b"%d" % int.from_bytes(received[at + 1 : behind], "little", signed=True), behind
