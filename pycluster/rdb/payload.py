"""Payloads: what DUMP and FUNCTION DUMP hand out is closed by a footer that RESTORE and FUNCTION RESTORE look at first.

`<body> <version of the format: 2> <CRC-64 of all before it: 8>`, little-endian. It tells a payload that is whole, and
of a version that is understood, from anything else; it does not say that the body makes sense.
"""

from pycluster.protocol.errors import PayloadSpoiled
from pycluster.rdb.crc64 import CHECKSUM_LENGTH, crc64
from pycluster.rdb.values import NEWEST_REDIS, VALKEY, VERSION

VERSION_LENGTH = 2
FOOTER_LENGTH = VERSION_LENGTH + CHECKSUM_LENGTH


def seal(body: bytes) -> bytes:
    """The payload: the body and its footer, with the version of the format that we write."""
    closed = body + VERSION.to_bytes(VERSION_LENGTH, "little")
    return closed + crc64(closed).to_bytes(CHECKSUM_LENGTH, "little")


def unseal(payload: bytes) -> bytes:
    """The body of a payload. Raises PayloadSpoiled if it is not whole, or of a version that is not known."""
    closed, checksum = payload[:-CHECKSUM_LENGTH], payload[-CHECKSUM_LENGTH:]
    if len(payload) < FOOTER_LENGTH or crc64(closed) != int.from_bytes(checksum, "little"):
        raise PayloadSpoiled
    version = int.from_bytes(closed[-VERSION_LENGTH:], "little")
    if version > NEWEST_REDIS and version != VALKEY:
        raise PayloadSpoiled
    return closed[:-VERSION_LENGTH]
