import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycluster.cluster.message import (
    EXTENSION_DATA,
    BadPacket,
    Failed,
    ForgottenNode,
    Gossip,
    GossipEntry,
    Hostname,
    HumanNodename,
    Kind,
    Message,
    ModuleData,
    NewerClaim,
    Publication,
    ShardId,
    UnknownExtension,
    decode,
    encode,
)

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.jsonl.gz"))
A, B = "a" * 40, "b" * 40
ENTRY = GossipEntry(B, 1_700_000_000, 1_700_000_001, "10.0.0.2", 7001, 17001, 1, 0)
EXTENSIONS = (Hostname("node-a.example"), HumanNodename("first"), ForgottenNode(B, 59), ShardId("c" * 40))


def recorded(path: Path) -> list[bytes]:
    with gzip.open(path, "rt") as lines:
        return [bytes.fromhex(json.loads(line)["bytes"]) for line in lines]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_what_real_servers_sent_is_read_and_written_back_to_the_same_bytes(path: Path) -> None:
    packets = recorded(path)
    read = [(packet, decode(packet)) for packet in packets]
    assert all(encode(message) == packet for packet, message in read if message)
    light = [packet for packet, message in read if message is None]
    assert len(light) == (2 if "valkey" in path.name else 0)  # Valkey's short PUBLISH and PUBLISHSHARD


def test_the_recordings_have_nearly_every_kind() -> None:
    kinds = {message.kind for path in RECORDINGS for packet in recorded(path) if (message := decode(packet))}
    assert kinds == set(Kind) - {Kind.UPDATE, Kind.MODULE}


@pytest.mark.parametrize(
    "message",
    [
        Message(Kind.PING, A, Gossip((ENTRY, ENTRY), EXTENSIONS), mflags=EXTENSION_DATA, port=7000, ip="10.0.0.1"),
        Message(Kind.PONG, A, Gossip((), (UnknownExtension(4, b"12345678"),)), mflags=EXTENSION_DATA),
        Message(Kind.MEET, A, Gossip()),
        Message(Kind.FAIL, A, Failed(B)),
        Message(Kind.PUBLISH, A, Publication(b"channel", b"\0\r\n\xff")),
        Message(Kind.PUBLISHSHARD, A, Publication(b"", b"")),
        Message(Kind.FAILOVER_AUTH_REQUEST, A, current_epoch=2**64 - 1, mflags=2),
        Message(Kind.UPDATE, A, NewerClaim(7, B, bytes(range(256)) * 8)),
        Message(Kind.MFSTART, A, offset=12345, replica_of=B),
        Message(Kind.MODULE, A, ModuleData(b"module-1", 3, b"anything")),
    ],
    ids=lambda message: message.kind.name,
)
def test_a_message_is_the_same_after_its_journey(message: Message) -> None:
    assert decode(encode(message)) == message


def test_labels_are_those_of_cluster_info() -> None:
    assert [kind.label for kind in (Kind.PING, Kind.FAILOVER_AUTH_REQUEST, Kind.FAILOVER_AUTH_ACK)] == [
        "ping",
        "auth-req",
        "auth-ack",
    ]


@pytest.mark.parametrize("type_", [11, 0x8004, 0x800A])
def test_kinds_of_newer_nodes_are_ignored_in_silence(type_: int) -> None:
    packet = bytearray(encode(Message(Kind.PING, A, Gossip())))
    packet[12:14] = type_.to_bytes(2, "big")
    assert decode(bytes(packet)) is None


def test_another_protocol_version_is_ignored_in_silence() -> None:
    packet = bytearray(encode(Message(Kind.PING, A, Gossip())))
    packet[9] = 2
    assert decode(bytes(packet)) is None


def test_a_kind_that_nobody_knows_is_worth_a_warning() -> None:
    packet = bytearray(encode(Message(Kind.PING, A, Gossip())))
    packet[13] = 99
    with pytest.raises(BadPacket, match="Received unknown packet type: 99"):
        decode(bytes(packet))


def resized(packet: bytes) -> bytes:
    return packet[:4] + len(packet).to_bytes(4, "big") + packet[8:]


@pytest.mark.parametrize(
    "packet",
    [
        resized(encode(Message(Kind.PING, A, Gossip((ENTRY,))))[:-1]),
        resized(encode(Message(Kind.PING, A, Gossip((ENTRY,)))) + b"\0" * 8),
        resized(encode(Message(Kind.FAIL, A, Failed(B)))[:-1]),
        resized(encode(Message(Kind.UPDATE, A, NewerClaim(1, B, bytes(2048)))) + b"\0"),
        resized(encode(Message(Kind.MFSTART, A)) + b"\0"),
        resized(encode(Message(Kind.PUBLISH, A, Publication(b"a", b"b")))[:-1]),
        resized(encode(Message(Kind.MODULE, A, ModuleData(b"12345678", 1, b"b")))[:-2]),
    ],
)
def test_a_length_that_does_not_fit_the_kind_is_refused(packet: bytes) -> None:
    with pytest.raises(BadPacket, match="of length .* but expected length"):
        decode(packet)


def with_extension(length: int, type_: int = 3, payload: bytes = bytes(40)) -> bytes:
    packet = encode(Message(Kind.PING, A, Gossip((), (UnknownExtension(type_, payload),)), mflags=EXTENSION_DATA))
    return packet[:2256] + length.to_bytes(4, "big") + packet[2260:]


@pytest.mark.parametrize(
    ("length", "complaint"),
    [
        (0, "without proper padding"),
        (7, "without proper padding"),
        (56, "exceeds total packet length"),
        (2**32 - 8, "exceeds total packet length"),
        (40, "extension of type 3 of 32 bytes"),
    ],
)
def test_an_extension_of_impossible_length_is_refused(length: int, complaint: str) -> None:
    with pytest.raises(BadPacket, match=complaint):
        decode(with_extension(length))


def test_more_extensions_announced_than_there_are_is_refused() -> None:
    packet = bytearray(with_extension(48))
    packet[2215] = 2
    with pytest.raises(BadPacket):
        decode(bytes(packet))


def test_extensions_without_the_flag_do_not_count() -> None:
    packet = bytearray(encode(Message(Kind.PING, A, Gossip())))
    packet[2215] = 200
    assert decode(bytes(packet)).body == Gossip()


@given(st.sampled_from([packet for path in RECORDINGS for packet in recorded(path)]), st.data())
def test_mangled_bytes_are_read_or_refused(packet: bytes, data: st.DataObject) -> None:
    mangled = bytearray(packet)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(8, len(packet) - 1) | st.sampled_from([*range(8, 16), 2214, 2215, 2253]))
        if at < len(packet):
            mangled[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 60))
    try:
        decode(resized(bytes(mangled[: len(mangled) - cut])))
    except BadPacket:
        pass
