"""Cuts the stream of a bus connection into packets.

A packet says its own length in its second field. Who sends another signature, or a length that no message can have,
is no cluster node or has lost its place in the stream: the connection must be closed (BadStream). A packet with a
good frame and a bad content is message.py's matter, and costs nobody the connection.
"""

from collections.abc import Iterator
from struct import Struct

from pycluster.cluster.message import HEADER_BYTES, LIGHT_HEADER, SIGNATURE, Kind

START = Struct(">4sIHHH")  # signature, length, version, port, type
LIGHT_BYTES = 16  # the whole header of a light message

# A length is believed before the bytes are there, so it is limited: gossip cannot be longer than its 16-bit counts
# allow; what users publish is limited by proto-max-bulk-len, 512 MB unless configured.
LONGEST = 16 << 20
LONGEST_PUBLISHED = 1 << 30
PUBLISHED = (Kind.PUBLISH, Kind.PUBLISHSHARD, Kind.MODULE)


class BadStream(Exception):
    """Not the bytes of a cluster node: close the connection."""


class PacketReader:
    """Takes bytes as they come, gives whole packets."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, received: bytes) -> Iterator[bytes]:
        """The packets that these bytes complete, in order; raises BadStream behind the last good one."""
        buffer = self._buffer
        if not buffer and received and packet_length(received, 0) == len(received):
            yield received  # one packet, and all of it: nearly always so
            return
        buffer += received
        at = 0
        try:
            while at < len(buffer) and (length := packet_length(buffer, at)):
                if len(buffer) - at < length:
                    return
                at += length
                yield bytes(buffer[at - length : at])
        finally:
            del buffer[:at]


def packet_length(buffer: bytes | bytearray, at: int) -> int:
    """The length that the packet starting here says it has, or 0 if too little of it is there to tell."""
    if len(buffer) - at < START.size:
        if not buffer[at:].startswith(SIGNATURE[: len(buffer) - at]):
            raise BadStream
        return 0
    signature, length, _, _, type_ = START.unpack_from(buffer, at)
    shortest = LIGHT_BYTES if type_ & LIGHT_HEADER else HEADER_BYTES
    if signature != SIGNATURE or length < shortest:
        raise BadStream
    if length > LONGEST and (length > LONGEST_PUBLISHED or type_ & ~LIGHT_HEADER not in PUBLISHED):
        raise BadStream
    return length
