"""Ziplists: what listpacks were before Redis 7.

`<total bytes: 4> <offset of the last entry: 4> <entries: 2> entry … <0xFF>`, little-endian. An entry begins with the
length of the entry before it (one byte, or 0xFE and four), then its encoding and its bytes.
"""

from pycluster.rdb.errors import Damaged

HEADER_LENGTH = 10
END = 0xFF
UNCOUNTED = 0xFFFF  # so many entries that the header does not say how many

_INTEGER_WIDTHS = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}


def read_ziplist(packed: bytes) -> list[bytes]:
    """The entries, in order."""
    size = len(packed)
    if size <= HEADER_LENGTH or int.from_bytes(packed[:4], "little") != size or packed[-1] != END:
        raise Damaged("Ziplist integrity check failed.")
    entries: list[bytes] = []
    at, end = HEADER_LENGTH, size - 1
    last, before = at, 0  # where the entry before this one begins, and how long it is
    try:
        while at < end:
            start = at
            said = packed[at]
            at += 1
            if said == 0xFE:
                said = int.from_bytes(packed[at : at + 4], "little")
                at += 4
            if said != before:
                raise Damaged("Ziplist integrity check failed.")
            entry, at = _read_entry(packed, at)
            entries.append(entry)
            last, before = start, at - start
    except IndexError:
        raise Damaged("Ziplist integrity check failed.") from None
    count = int.from_bytes(packed[8:10], "little")
    if at != end or last != int.from_bytes(packed[4:8], "little") or count not in (len(entries), UNCOUNTED):
        raise Damaged("Ziplist integrity check failed.")
    return entries


def _read_entry(packed: bytes, at: int) -> tuple[bytes, int]:
    """The entry whose encoding stands at `at`, and the place behind it."""
    first = packed[at]
    at += 1
    if first < 0xC0:
        if first < 0x40:
            length = first
        elif first < 0x80:
            length = (first & 0x3F) << 8 | packed[at]
            at += 1
        else:
            length = int.from_bytes(packed[at : at + 4], "big")
            at += 4
        return packed[at : at + length], at + length
    if 0xF1 <= first <= 0xFD:
        return b"%d" % ((first & 0x0F) - 1), at
    width = _INTEGER_WIDTHS.get(first)
    if width is None:
        raise Damaged("Ziplist integrity check failed.")
    return b"%d" % int.from_bytes(packed[at : at + width], "little", signed=True), at + width
