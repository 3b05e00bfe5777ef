"""The payload of DUMP: a value (or a function library) with the version of its format and a checksum behind it.

A body is what RDB files hold of the same thing: a byte that says the type, and the value. RESTORE takes it in any
server that knows the version; what we write is for redis-server 7.0 and all later ones. A big value is sealed in
pieces and read in steps, so that nobody has to stand still for a hash of a million fields.
"""

from collections.abc import Generator, Iterable, Iterator

from pycluster.protocol.errors import PayloadSpoiled
from pycluster.rdb import opcodes
from pycluster.rdb.crc64 import CHECKSUM_LENGTH, crc64
from pycluster.rdb.errors import Damaged
from pycluster.rdb.streams import UnfinishedStream
from pycluster.rdb.strings import Short, put_string, read_string
from pycluster.rdb.values import NEWEST_REDIS, VALKEY, VERSION, Unfinished, Value, begin, put_value, type_of
from pycluster.rdb.volatile_hashes import UnfinishedVolatileHash

VERSION_LENGTH = 2
FOOTER_LENGTH = VERSION_LENGTH + CHECKSUM_LENGTH

_STRING = bytes((opcodes.STRING,))
_VERSION = VERSION.to_bytes(VERSION_LENGTH, "little")

MORE_OR_LESS = "The payload holds an empty value, or more than a value"

# Bytes of one step: what takes a millisecond or so.
SEALED_A_STEP = 1 << 18
CHECKED_A_STEP = 1 << 18
READ_A_STEP = 1 << 13


def seal(body: bytes) -> bytes:
    """The payload of this body: behind it version and checksum, both the low bytes first."""
    return b"".join(seal_pieces((body,)))


def seal_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same of a body that comes in pieces."""
    crc = 0
    for piece in pieces:
        crc = crc64(piece, crc)
        yield piece
    yield _VERSION + crc64(_VERSION, crc).to_bytes(CHECKSUM_LENGTH, "little")


def unseal(payload: bytes) -> bytes:
    """The body of a payload; raises PayloadSpoiled where the version is not known or the checksum is wrong."""
    if not has_known_version(payload) or crc64(payload):  # that of bytes with their checksum behind them is 0
        raise PayloadSpoiled
    return payload[:-FOOTER_LENGTH]


def has_known_version(payload: bytes) -> bool:
    """Is it long enough to be a payload, and of a version that we read?"""
    if len(payload) < FOOTER_LENGTH:
        return False
    if payload[-FOOTER_LENGTH:-CHECKSUM_LENGTH] == _VERSION:
        return True
    version = version_of(payload)
    return version <= NEWEST_REDIS or version == VALKEY


def version_of(payload: bytes) -> int:
    """The version of the format that the payload claims for itself."""
    return int.from_bytes(payload[-FOOTER_LENGTH:-CHECKSUM_LENGTH], "little")


def checksum_of(payload: bytes) -> int:
    """The checksum that the payload claims for all of itself but these last bytes."""
    return int.from_bytes(payload[-CHECKSUM_LENGTH:], "little")


# Values


def dump(value: Value, compress: bool = True) -> bytes:
    """The payload of a value."""
    if value.__class__ is bytes:  # the most of what is moved, on a short road
        body = b"".join((_STRING, put_string(value, compress), _VERSION))
    else:
        body = b"".join((bytes((type_of(value),)), *put_value(value, compress), _VERSION))
    return body + crc64(body).to_bytes(CHECKSUM_LENGTH, "little")


def pieces_of(value: Value, compress: bool = True) -> Iterator[bytes]:
    """The payload of a value, in pieces of bounded size. The value must hold still meanwhile."""
    return seal_pieces(_body_of(value, compress))


def _body_of(value: Value, compress: bool) -> Iterator[bytes]:
    yield bytes((type_of(value),))
    for piece in put_value(value, compress):
        if len(piece) <= SEALED_A_STEP:
            yield piece
        else:
            for start in range(0, len(piece), SEALED_A_STEP):
                yield piece[start : start + SEALED_A_STEP]


def restore(payload: bytes) -> Value:
    """The value of a payload. Raises PayloadSpoiled, or Unreadable where it is not well formed, or empty."""
    body = unseal(payload)
    if not body:
        raise Damaged("The payload is empty")
    try:
        if body[0] == opcodes.STRING:  # the short road again
            string, at = read_string(body, 1)
            if at == len(body):
                return string
            raise Damaged(MORE_OR_LESS)
        unfinished = begin(body[0], is_valkey=version_of(payload) == VALKEY)
        at = unfinished.read(body, 1)
    except Short as short:
        raise Damaged("The payload ends too early", short.at) from None
    return _whole(unfinished, at, len(body))


def restore_in_steps(payload: bytes) -> Generator[None, None, Value]:
    """As `restore`, in steps that take about a millisecond or two; returns the value."""
    if not has_known_version(payload):
        raise PayloadSpoiled
    crc, end = 0, len(payload) - CHECKSUM_LENGTH
    with memoryview(payload) as view:
        for start in range(0, end, CHECKED_A_STEP):
            crc = crc64(view[start : min(start + CHECKED_A_STEP, end)], crc)
            yield
    if crc != checksum_of(payload):
        raise PayloadSpoiled
    return (yield from _read_in_steps(payload, len(payload) - FOOTER_LENGTH, version_of(payload) == VALKEY))


def _read_in_steps(payload: bytes, end: int, is_valkey: bool) -> Generator[None, None, Value]:
    """Reads the value that lies in front of `end`, a piece of the payload at a time."""
    if not end:
        raise Damaged("The payload is empty")
    unfinished = begin(payload[0], is_valkey=is_valkey)
    at, length = 1, READ_A_STEP
    while True:
        piece = payload[at : min(at + length, end)]
        try:
            at += unfinished.read(piece, 0)
            break
        except Short as short:
            if at + len(piece) == end:
                raise Damaged("The payload ends too early", at + short.at) from None
            at, length = at + short.at, max(READ_A_STEP, short.need - short.at)
        yield
    return _whole(unfinished, at, end)


def _whole(unfinished: Unfinished | UnfinishedStream | UnfinishedVolatileHash, at: int, end: int) -> Value:
    """The value, if that is all there is."""
    if at != end or unfinished.is_empty:
        raise Damaged(MORE_OR_LESS)
    return unfinished.value
