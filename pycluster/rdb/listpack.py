"""Listpacks: small hashes, sets, sorted sets and pieces of lists as one string (Redis 7 and later).

`<total bytes: 4> <entries: 2> entry … <0xFF>`, little-endian. An entry is an encoding byte, perhaps a length, the
bytes, and then the length of all that once more, seven bits a byte with the lowest last, for those who walk backwards.
Integers are entries of their own kind; here they come back as the digits they stand for.
"""

from collections.abc import Iterable

from pycluster.protocol.numbers import is_int
from pycluster.rdb.errors import Damaged

HEADER_LENGTH = 6
END = 0xFF
UNCOUNTED = 0xFFFF  # so many entries that the header does not say how many
LONGEST_INTEGER = 20  # -9223372036854775808

_SMALL = [bytes((number, 1)) for number in range(128)]  # entries as they stand
_SHORT = [(bytes((0x80 | length,)), bytes((1 + length,))) for length in range(64)]  # what is around a short string
_INTEGER_WIDTHS = ((16, b"\xf1"), (24, b"\xf2"), (32, b"\xf3"), (64, b"\xf4"))


def read_listpack(packed: bytes) -> list[bytes]:
    """The entries, in order."""
    size = len(packed)
    if size <= HEADER_LENGTH or int.from_bytes(packed[:4], "little") != size or packed[-1] != END:
        raise Damaged("Listpack integrity check failed.")
    entries: list[bytes] = []
    at, end = HEADER_LENGTH, size - 1
    try:
        while at < end:
            first = packed[at]
            if first < 0x80:
                length = 1
                entries.append(b"%d" % first)
            elif first < 0xC0:
                length = 1 + (first & 0x3F)
                entries.append(packed[at + 1 : at + length])
            else:
                entry, length = _read_rarer(packed, at, first)
                entries.append(entry)
            at += length
            if length < 128:
                if packed[at] != length:
                    raise Damaged("Listpack integrity check failed.")
                at += 1
            else:
                at = _skip_length_behind(packed, at, length)
    except IndexError:
        raise Damaged("Listpack integrity check failed.") from None
    count = int.from_bytes(packed[4:6], "little")
    if at != end or count not in (len(entries), UNCOUNTED):
        raise Damaged("Listpack integrity check failed.")
    return entries


def _read_rarer(packed: bytes, at: int, first: int) -> tuple[bytes, int]:
    """An entry that is neither a small number nor a short string, and the length of its encoding and bytes."""
    if first < 0xE0:
        number = (first & 0x1F) << 8 | packed[at + 1]
        return b"%d" % (number - (1 << 13) if number >= 1 << 12 else number), 2
    if first < 0xF0:
        length = (first & 0x0F) << 8 | packed[at + 1]
        return packed[at + 2 : at + 2 + length], 2 + length
    if first == 0xF0:
        length = int.from_bytes(packed[at + 1 : at + 5], "little")
        return packed[at + 5 : at + 5 + length], 5 + length
    width = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}.get(first)
    if width is None:
        raise Damaged("Listpack integrity check failed.")
    return b"%d" % int.from_bytes(packed[at + 1 : at + 1 + width], "little", signed=True), 1 + width


def _skip_length_behind(packed: bytes, at: int, length: int) -> int:
    """Behind the length that follows a long entry, which must say what the entry says."""
    width = 2 if length < 16383 else 3 if length < 2097151 else 4 if length < 268435455 else 5
    said = 0
    for byte in packed[at : at + width]:
        said = said << 7 | byte & 0x7F
    if said != length:
        raise Damaged("Listpack integrity check failed.")
    return at + width


def put_listpack(parts: Iterable[bytes | int]) -> bytes:
    """The listpack of these entries; strings that are integers are packed as such."""
    entries = [_put_entry(part) for part in parts]
    body = b"".join(entries)
    count = min(len(entries), UNCOUNTED)
    return (HEADER_LENGTH + len(body) + 1).to_bytes(4, "little") + count.to_bytes(2, "little") + body + b"\xff"


def _put_entry(part: bytes | int) -> bytes:
    if isinstance(part, int):
        if 0 <= part < 128:
            return _SMALL[part]
        entry = _put_integer(part)
    elif len(part) <= LONGEST_INTEGER and is_int(part):
        return _put_entry(int(part))
    elif len(part) < 64:
        head, behind = _SHORT[len(part)]
        return head + part + behind
    elif len(part) < 1 << 12:
        entry = (0xE000 | len(part)).to_bytes(2, "big") + part
    else:
        entry = b"\xf0" + len(part).to_bytes(4, "little") + part
    return entry + _put_length_behind(len(entry))


def _put_integer(number: int) -> bytes:
    if -(1 << 12) <= number < 1 << 12:
        return (0xC000 | number & 0x1FFF).to_bytes(2, "big")
    bits, first = next((bits, first) for bits, first in _INTEGER_WIDTHS if -(1 << bits - 1) <= number < 1 << bits - 1)
    return first + number.to_bytes(bits // 8, "little", signed=True)


def _put_length_behind(length: int) -> bytes:
    """Seven bits a byte, the lowest last; all but the first have a bit that says: there is more in front."""
    groups = [length & 0x7F]
    while length := length >> 7:
        groups.append(length & 0x7F)
    return bytes(group | (0x80 if at < len(groups) - 1 else 0) for at, group in enumerate(groups))[::-1]
