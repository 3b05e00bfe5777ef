"""Intsets: sets of nothing but integers as one string.

`<width: 4> <count: 4> number …`, little-endian; a number takes 2, 4 or 8 bytes, and each is larger than the one before.
"""

import sys
from array import array

from pycluster.rdb.errors import Damaged

HEADER_LENGTH = 8

_CODES = {2: "h", 4: "i", 8: "q"}


def read_intset(packed: bytes) -> list[bytes]:
    """The members as digits, in ascending order."""
    width = int.from_bytes(packed[:4], "little")
    count = int.from_bytes(packed[4:8], "little")
    if width not in _CODES or len(packed) != HEADER_LENGTH + width * count:
        raise Damaged("Intset integrity check failed.")
    numbers = array(_CODES[width], packed[HEADER_LENGTH:])
    if sys.byteorder == "big":
        numbers.byteswap()
    if any(left >= right for left, right in zip(numbers, numbers[1:], strict=False)):
        raise Damaged("Intset integrity check failed.")
    return [b"%d" % number for number in numbers]
