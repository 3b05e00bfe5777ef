"""Zipmaps: small hashes as one string, up to Redis 2.4.

`<pairs: 1> (<length> field <length> <free: 1> value free-bytes) … <0xFF>`. A length is one byte below 254, or 254 and
four bytes, little-endian.
"""

from pycluster.rdb.errors import Damaged

END = 0xFF
UNCOUNTED = 254  # from here on the first byte does not say how many pairs there are


def read_zipmap(packed: bytes) -> list[bytes]:
    """Fields and values in turn."""
    parts: list[bytes] = []
    at = 1
    try:
        while packed[at] != END:
            length, at = _read_length(packed, at)
            parts.append(packed[at : at + length])
            length, at = _read_length(packed, at + length)
            free = packed[at]
            at += 1
            parts.append(packed[at : at + length])
            at += length + free
    except IndexError:
        raise Damaged("Zipmap integrity check failed.") from None
    if at != len(packed) - 1 or (packed[0] < UNCOUNTED and packed[0] * 2 != len(parts)):
        raise Damaged("Zipmap integrity check failed.")
    return parts


def _read_length(packed: bytes, at: int) -> tuple[int, int]:
    length = packed[at]
    if length < 254:
        return length, at + 1
    if length == END:
        raise Damaged("Zipmap integrity check failed.")
    return int.from_bytes(packed[at + 1 : at + 5], "little"), at + 5
