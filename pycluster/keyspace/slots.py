"""Where a key belongs: one of 16384 slots, by the CRC16 of the key or of its hash tag.

Source: the cluster specification, "Key distribution model" and "Hash tags". CRC16 is the XMODEM variant, which
`binascii.crc_hqx` computes in C at 50 ns.
"""

from binascii import crc_hqx

from pycluster.protocol.errors import InvalidSlot
from pycluster.protocol.numbers import parse_int

SLOTS = 16384


def key_slot(key: bytes) -> int:
    """The slot of a key: that of what stands between the first `{` and the first `}` after it, unless that is empty."""
    if 123 in key:
        opening = key.index(b"{")
        closing = key.find(b"}", opening + 1)
        if closing > opening + 1:
            key = key[opening + 1 : closing]
    return crc_hqx(key, 0) & 16383


def front_with_tag(key: bytes) -> bytes | None:
    """A key up to the end of its hash tag, None if it has none: all keys that begin like this have the same slot."""
    opening = key.find(b"{")
    closing = key.find(b"}", opening + 1)
    return key[: closing + 1] if 0 <= opening < closing - 1 else None


def parse_slot(word: bytes) -> int:
    """The slot that an argument names; raises InvalidSlot."""
    slot = parse_int(word, InvalidSlot)
    if not 0 <= slot < SLOTS:
        raise InvalidSlot
    return slot
