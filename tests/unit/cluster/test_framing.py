import pytest

from pycluster.cluster.framing import BadStream, PacketReader
from pycluster.cluster.message import Gossip, Kind, Message, Publication, encode

PING = encode(Message(Kind.PING, "a" * 40, Gossip()))
PUBLISH = encode(Message(Kind.PUBLISH, "a" * 40, Publication(b"news", b"x" * 5000)))
LIGHT = b"RCmb" + (20).to_bytes(4, "big") + b"\0\1" + b"\0\0" + b"\x80\x04" + b"\0\0" + b"abcd"


def fed(reader: PacketReader, received: bytes) -> list[bytes]:
    return list(reader.feed(received))


@pytest.mark.parametrize("step", [1, 7, 100, 3000, 20000])
def test_packets_come_out_whole_however_the_bytes_come_in(step: int) -> None:
    reader, stream = PacketReader(), PING + PUBLISH + LIGHT + PING
    packets = [packet for at in range(0, len(stream), step) for packet in fed(reader, stream[at : at + step])]
    assert packets == [PING, PUBLISH, LIGHT, PING]


@pytest.mark.parametrize("start", [b"X", b"RCmX", b"GET / HTTP/1.1\r\n", b"RCmb\0\0\0\0" + bytes(8)])
def test_another_protocol_is_noticed_at_once(start: bytes) -> None:
    with pytest.raises(BadStream):
        fed(PacketReader(), start)


@pytest.mark.parametrize("length", [0, 15, 2255, 2**31, 2**32 - 1])
def test_a_length_that_no_message_has_ends_the_connection(length: int) -> None:
    with pytest.raises(BadStream):
        fed(PacketReader(), PING[:4] + length.to_bytes(4, "big") + PING[8:])


def test_good_packets_before_the_bad_place_are_still_given() -> None:
    packets = PacketReader().feed(PING + b"nonsense")
    assert next(packets) == PING
    with pytest.raises(BadStream):
        next(packets)
