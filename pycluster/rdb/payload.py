"""The payload of DUMP: a value (or a function library) with the version of its format and a checksum behind it.

A body is what RDB files hold of the same thing: a byte that says the type, and the value. RESTORE takes it in any
server that knows the version; what we write is for redis-server 7.0 and all later ones. A big value is sealed in
pieces, so that nobody has to stand still for a hash of a million fields.
"""

from collections.abc import Iterable, Iterator

from pycluster.protocol.errors import PayloadSpoiled
from pycluster.rdb.crc64 import CHECKSUM_LENGTH, crc64
from pycluster.rdb.errors import Damaged
from pycluster.rdb.strings import Short
from pycluster.rdb.values import NEWEST_REDIS, VALKEY, VERSION, Value, begin, put_value, type_of

VERSION_LENGTH = 2
FOOTER_LENGTH = VERSION_LENGTH + CHECKSUM_LENGTH


def seal(body: bytes) -> bytes:
    """The payload of this body: behind it version and checksum, both the low bytes first."""
    return b"".join(seal_pieces((body,)))


def seal_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same of a body that comes in pieces."""
    crc = 0
    for piece in pieces:
        crc = crc64(piece, crc)
        yield piece
    version = VERSION.to_bytes(VERSION_LENGTH, "little")
    yield version + crc64(version, crc).to_bytes(CHECKSUM_LENGTH, "little")


def unseal(payload: bytes) -> bytes:
    """The body of a payload; raises PayloadSpoiled where the version is not known or the checksum is wrong."""
    if not has_known_version(payload):
        raise PayloadSpoiled
    if crc64(payload[:-CHECKSUM_LENGTH]) != checksum_of(payload):
        raise PayloadSpoiled
    return payload[:-FOOTER_LENGTH]


def has_known_version(payload: bytes) -> bool:
    """Is it long enough to be a payload, and of a version that we read?"""
    if len(payload) < FOOTER_LENGTH:
        return False
    version = int.from_bytes(payload[-FOOTER_LENGTH:-CHECKSUM_LENGTH], "little")
    return version <= NEWEST_REDIS or version == VALKEY


def checksum_of(payload: bytes) -> int:
    """The checksum that the payload claims for all of itself but these last bytes."""
    return int.from_bytes(payload[-CHECKSUM_LENGTH:], "little")


# Values


def dump(value: Value, compress: bool = True) -> bytes:
    """The payload of a value."""
    return b"".join(pieces_of(value, compress))


def pieces_of(value: Value, compress: bool = True) -> Iterator[bytes]:
    """The payload of a value, in pieces of bounded size. The value must hold still meanwhile."""
    return seal_pieces(_body_of(value, compress))


def _body_of(value: Value, compress: bool) -> Iterator[bytes]:
    yield bytes((type_of(value),))
    yield from put_value(value, compress)


def restore(payload: bytes) -> Value:
    """The value of a payload. Raises PayloadSpoiled, or Unreadable where it is not well formed, or empty."""
    return read_value(unseal(payload))


def read_value(body: bytes) -> Value:
    """The value of a payload's body. Raises Unreadable where it is not well formed, or empty."""
    if not body:
        raise Damaged("The payload is empty")
    unfinished = begin(body[0])
    try:
        at = unfinished.read(body, 1)
    except Short as short:
        raise Damaged("The payload ends too early", short.at) from None
    if at != len(body) or unfinished.is_empty:
        raise Damaged("The payload holds an empty value, or more than a value")
    return unfinished.value
