"""The messages of the cluster bus and their bytes, exactly as Redis sends them.

A message is a header of 2256 bytes, which says who speaks and what it claims (epochs, slots, role, address), and a
body that depends on its kind: gossip about other nodes, the name of a failed one, a published message … All integers
are big-endian. `decode` believes no count and no length that it has not compared with the bytes received. What a
message means lies elsewhere (incoming.py); how a stream is cut into packets, in framing.py.

Pings make up nearly all of the traffic, and they say the same few things again and again: the same ids, the same
entries within a second, the same extensions. What was packed or read before is remembered, a few thousand pieces.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

SIGNATURE = b"RCmb"
VERSION = 1
SLOT_BYTES = 16384 // 8
NO_SLOTS = bytes(SLOT_BYTES)


class Kind(IntEnum):
    PING = 0
    PONG = 1
    MEET = 2  # a PING that asks to be taken into the cluster
    FAIL = 3
    PUBLISH = 4
    FAILOVER_AUTH_REQUEST = 5
    FAILOVER_AUTH_ACK = 6
    UPDATE = 7
    MFSTART = 8
    MODULE = 9
    PUBLISHSHARD = 10

    @property
    def label(self) -> str:
        """What CLUSTER INFO and the log call it."""
        return LABELS.get(self, self.name.lower())


KINDS = tuple(Kind)
LAST_GOSSIP = 2  # the kinds up to MEET carry gossip
LABELS = {Kind.FAILOVER_AUTH_REQUEST: "auth-req", Kind.FAILOVER_AUTH_ACK: "auth-ack"}
VOTE_REFUSED = 11  # newer Valkey nodes say so; older ones just keep silent, and so it is ignored
LIGHT_HEADER = 0x8000  # a bit in the type: Valkey's short form of PUBLISH, sent only to who claims to know it

# The bits of `Message.mflags`
PAUSED = 1  # the sender has paused its clients for a manual failover: its offset stands still
FORCE_ACK = 2  # vote although the primary is up: a manual failover
EXTENSION_DATA = 4  # the gossip is followed by extensions


class GossipEntry(NamedTuple):
    """What the sender knows of a third node. Times are in seconds, the flags are those of node.py."""

    node_id: str
    ping_sent_s: int
    pong_received_s: int
    ip: str
    port: int
    bus_port: int
    flags: int
    tls_port: int


@dataclass(frozen=True, slots=True)
class Hostname:
    name: str


@dataclass(frozen=True, slots=True)
class HumanNodename:
    name: str


@dataclass(frozen=True, slots=True)
class ForgottenNode:
    node_id: str
    ttl_s: int


@dataclass(frozen=True, slots=True)
class ShardId:
    shard_id: str


@dataclass(frozen=True, slots=True)
class UnknownExtension:
    """Type 4 and up mean different things to Redis 8 and to Valkey: kept as bytes, never understood."""

    type: int
    payload: bytes


Extension = Hostname | HumanNodename | ForgottenNode | ShardId | UnknownExtension


class Gossip(NamedTuple):
    """The body of PING, PONG and MEET."""

    entries: tuple[GossipEntry, ...] = ()
    extensions: tuple[Extension, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    node_id: str


@dataclass(frozen=True, slots=True)
class Publication:
    channel: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class NewerClaim:
    """The body of UPDATE: somebody else owns these slots, under a greater epoch than yours."""

    config_epoch: int
    node_id: str
    slots: bytes


@dataclass(frozen=True, slots=True)
class ModuleData:
    module_id: bytes
    type: int
    payload: bytes


Body = Gossip | Failed | Publication | NewerClaim | ModuleData | None


class Message(NamedTuple):
    """One message. `slots` and `config_epoch` are the sender's, or its primary's if the sender is a replica.
    An `ip` of "" asks the receiver to take the address that it sees on the socket."""

    kind: Kind
    sender: str
    body: Body = None
    port: int = 0
    bus_port: int = 0
    tls_port: int = 0
    ip: str = ""
    current_epoch: int = 0
    config_epoch: int = 0
    offset: int = 0
    slots: bytes = NO_SLOTS
    replica_of: str = ""
    flags: int = 0
    state: int = 0
    mflags: int = 0


class BadPacket(Exception):
    """A well-framed packet that makes no sense: the text is for the log, the packet is dropped, the link stays."""


HEADER = Struct(">4sIHHHHQQQ40s2048s40s46sH30sHHHB3s")
ENTRY = Struct(">40sII46sHHHHH")
EXTENSION = Struct(">IHH")
FORGOTTEN = Struct(">40sQ")
LENGTHS = Struct(">II")
CLAIM = Struct(">Q40s2048s")
MODULE = Struct(">8sIB")
ID_BYTES = 40
HEADER_BYTES = HEADER.size
ENTRY_BYTES = ENTRY.size
REMEMBERED = 4096  # pieces of each sort; none is longer than SHORT
SHORT = 256
MFLAGS = tuple(bytes((flags, 0, 0)) for flags in range(256))
assert HEADER_BYTES == 2256 and ENTRY_BYTES == 104


# Values into bytes


def encode(message: Message) -> bytes:
    (
        kind,
        sender,
        body,
        port,
        bus_port,
        tls_port,
        ip,
        current_epoch,
        config_epoch,
        offset,
        slots,
        replica_of,
        flags,
        state,
        mflags,
    ) = message
    count = extension_count = 0
    match body:
        case Gossip(entries, extensions):
            count, extension_count = len(entries), len(extensions)
            payload = b"".join([*map(encode_entry, entries), *map(encode_extension, extensions)])
        case Failed(node_id):
            payload = id_bytes(node_id)
        case Publication(channel, content):
            payload = LENGTHS.pack(len(channel), len(content)) + channel + content
        case NewerClaim(claim_epoch, node_id, claimed):
            payload = CLAIM.pack(claim_epoch, id_bytes(node_id), claimed)
        case ModuleData(module_id, type_, content):
            payload = MODULE.pack(module_id, len(content), type_) + content
        case None:
            payload = b""
    return (
        HEADER.pack(
            SIGNATURE,
            HEADER_BYTES + len(payload),
            VERSION,
            port,
            kind,
            count,
            current_epoch,
            config_epoch,
            offset,
            sender.encode("latin-1"),
            slots,
            replica_of.encode("latin-1"),
            ip.encode("latin-1"),
            extension_count,
            b"",
            tls_port,
            bus_port,
            flags,
            state,
            MFLAGS[mflags],
        )
        + payload
    )


@lru_cache(REMEMBERED)
def encode_entry(entry: GossipEntry) -> bytes:
    node_id, ping_sent_s, pong_received_s, ip, *ports_and_flags = entry
    return ENTRY.pack(
        node_id.encode("latin-1"), ping_sent_s, pong_received_s, ip.encode("latin-1"), *ports_and_flags, 0
    )


def encode_extension(extension: Extension) -> bytes:
    match extension:
        case ShardId(shard_id):
            type_, payload = 3, id_bytes(shard_id)
        case Hostname(name):
            type_, payload = 0, name.encode("latin-1") + b"\0"
        case HumanNodename(name):
            type_, payload = 1, name.encode("latin-1") + b"\0"
        case ForgottenNode(node_id, ttl_s):
            type_, payload = 2, FORGOTTEN.pack(id_bytes(node_id), ttl_s)
        case UnknownExtension(type_, payload):
            pass
    if len(payload) % 8:
        payload += bytes(-len(payload) % 8)
    return EXTENSION.pack(EXTENSION.size + len(payload), type_, 0) + payload


def id_bytes(node_id: str) -> bytes:
    return node_id.encode("latin-1")


# Bytes into values


def decode(packet: bytes) -> Message | None:
    """The message in a packet, or None for one that is ignored in silence: another protocol version, a kind or a
    short form that only newer nodes know. Raises BadPacket."""
    if len(packet) < HEADER_BYTES:
        return None  # framing.py lets nothing shorter pass but light messages
    (
        _,
        total,
        version,
        port,
        type_,
        count,
        current_epoch,
        config_epoch,
        offset,
        sender,
        slots,
        replica_of,
        ip,
        extension_count,
        _,
        tls_port,
        bus_port,
        flags,
        state,
        mflags,
    ) = HEADER.unpack_from(packet)
    assert total == len(packet), "framing.py hands on whole packets"
    if version != VERSION or type_ == VOTE_REFUSED or type_ & LIGHT_HEADER:
        return None
    if type_ >= len(KINDS):
        raise BadPacket(f"Received unknown packet type: {type_}")
    kind = KINDS[type_]
    if not mflags[0] & EXTENSION_DATA:
        extension_count = 0
    body: Body
    body = decode_gossip(kind, packet, count, extension_count) if type_ <= LAST_GOSSIP else decode_body(kind, packet)
    return Message(
        kind,
        name(sender),
        body,
        port,
        bus_port,
        tls_port,
        name(ip),
        current_epoch,
        config_epoch,
        offset,
        slots,
        name(replica_of),
        flags,
        state,
        mflags[0],
    )


def decode_gossip(kind: Kind, packet: bytes, count: int, extension_count: int) -> Gossip:
    end = HEADER_BYTES + count * ENTRY_BYTES
    if len(packet) < end:
        raise wrong_length(kind, len(packet), end)
    entries = tuple([decode_entry(packet[at : at + ENTRY_BYTES]) for at in range(HEADER_BYTES, end, ENTRY_BYTES)])
    if not extension_count:
        expect(kind, packet, end - HEADER_BYTES)
        return Gossip(entries)
    decode = decode_short_extensions if len(packet) - end <= SHORT else decode_extensions
    return Gossip(entries, decode(kind, packet[end:], extension_count, end))


@lru_cache(REMEMBERED)
def decode_entry(packed: bytes) -> GossipEntry:
    node_id, ping_sent_s, pong_received_s, ip, port, bus_port, flags, tls_port, _ = ENTRY.unpack(packed)
    return GossipEntry(name(node_id), ping_sent_s, pong_received_s, name(ip), port, bus_port, flags, tls_port)


def decode_extensions(kind: Kind, section: bytes, count: int, begin: int) -> tuple[Extension, ...]:
    """What stands at `begin` in the packet, up to its end."""
    extensions: list[Extension] = []
    at, packet_bytes = 0, begin + len(section)
    for _ in range(count):
        if len(section) - at < EXTENSION.size:
            raise wrong_length(kind, packet_bytes, begin + at + EXTENSION.size)
        length, type_, _ = EXTENSION.unpack_from(section, at)
        if length % 8 or length < EXTENSION.size:
            raise BadPacket(f"Received a {kind.label} packet without proper padding ({length} bytes)")
        if length > len(section) - at:
            raise BadPacket(
                f"Received invalid {kind.label} packet with extension data that exceeds "
                f"total packet length ({packet_bytes})"
            )
        extensions.append(decode_extension(kind, type_, section[at + EXTENSION.size : at + length]))
        at += length
    if at != len(section):
        raise wrong_length(kind, packet_bytes, begin + at)
    return tuple(extensions)


decode_short_extensions = lru_cache(REMEMBERED)(decode_extensions)


def decode_extension(kind: Kind, type_: int, payload: bytes) -> Extension:
    if type_ == 0:
        return Hostname(text(payload))
    if type_ == 1:
        return HumanNodename(text(payload))
    if type_ == 2 and len(payload) == FORGOTTEN.size:
        node_id, ttl_s = FORGOTTEN.unpack(payload)
        return ForgottenNode(text(node_id), ttl_s)
    if type_ == 3 and len(payload) == ID_BYTES:
        return ShardId(text(payload))
    if type_ <= 3:
        raise BadPacket(f"Received a {kind.label} packet with an extension of type {type_} of {len(payload)} bytes")
    return UnknownExtension(type_, payload)


def decode_body(kind: Kind, packet: bytes) -> Body:
    match kind:
        case Kind.FAIL:
            expect(kind, packet, ID_BYTES)
            return Failed(text(packet[HEADER_BYTES:]))
        case Kind.PUBLISH | Kind.PUBLISHSHARD:
            expect_at_least(kind, packet, LENGTHS.size)
            channel_bytes, content_bytes = LENGTHS.unpack_from(packet, HEADER_BYTES)
            expect(kind, packet, LENGTHS.size + channel_bytes + content_bytes)
            at = HEADER_BYTES + LENGTHS.size
            return Publication(packet[at : at + channel_bytes], packet[at + channel_bytes :])
        case Kind.UPDATE:
            expect(kind, packet, CLAIM.size)
            config_epoch, node_id, slots = CLAIM.unpack_from(packet, HEADER_BYTES)
            return NewerClaim(config_epoch, text(node_id), slots)
        case Kind.MODULE:
            expect_at_least(kind, packet, MODULE.size)
            module_id, content_bytes, type_ = MODULE.unpack_from(packet, HEADER_BYTES)
            expect(kind, packet, MODULE.size + content_bytes)
            return ModuleData(module_id, type_, packet[HEADER_BYTES + MODULE.size :])
        case _:
            expect(kind, packet, 0)
            return None


def expect(kind: Kind, packet: bytes, body_bytes: int) -> None:
    if len(packet) != HEADER_BYTES + body_bytes:
        raise wrong_length(kind, len(packet), HEADER_BYTES + body_bytes)


def expect_at_least(kind: Kind, packet: bytes, body_bytes: int) -> None:
    if len(packet) < HEADER_BYTES + body_bytes:
        raise wrong_length(kind, len(packet), HEADER_BYTES + body_bytes)


def wrong_length(kind: Kind, received: int, expected: int) -> BadPacket:
    return BadPacket(f"Received invalid {kind.label} packet of length {received} but expected length {expected}")


def text(field: bytes) -> str:
    """What stands before the first zero byte, one character a byte, so that no sender can make this fail."""
    end = field.find(0)
    return str(field if end < 0 else field[:end], "latin-1")


name = lru_cache(REMEMBERED)(text)  # for ids and addresses, which are short and few
