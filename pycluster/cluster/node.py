"""What one node knows of another (and of itself), and the connections between the two.

Nodes and links are plain records: they have names for what their flags say, and no rules. The flags are the ones of
the wire, so that what we gossip about a node is what we believe of it.
"""

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from pycluster.cluster.framing import PacketReader
from pycluster.cluster.message import NO_SLOTS, SLOT_BYTES

# Flags of a node, as they stand in message headers, gossip entries and (by name) in nodes.conf.
PRIMARY = 1
REPLICA = 2
PFAIL = 4  # possibly failing: it does not answer me
FAIL = 8  # a majority of the primaries says so
MYSELF = 16
HANDSHAKE = 32  # met, but not heard of yet: its id is made up
NOADDR = 64
MEET = 128  # say MEET, not PING, when the link is up
NOFAILOVER = 512
EXTENSIONS = 1024  # Valkey's, and ours: understands every ping extension of Redis 7.2

FLAG_NAMES = (
    (MYSELF, "myself"),
    (PRIMARY, "master"),
    (REPLICA, "slave"),
    (PFAIL, "fail?"),
    (FAIL, "fail"),
    (HANDSHAKE, "handshake"),
    (NOADDR, "noaddr"),
    (NOFAILOVER, "nofailover"),
)

ID_LENGTH = 40
BUS_PORT_OFFSET = 10000


@dataclass(slots=True, eq=False, repr=False)
class Link:
    """One TCP connection of the bus. There are two between any two nodes, and they carry different things: I ping on
    the one that I opened (`node.link`), and answer on the one that was opened to me (`node.inbound`)."""

    inbound: bool
    created_ms: int
    node: "Node | None" = None  # of an inbound link known only when its first message came
    is_open: bool = True
    local_ip: str = ""
    peer_ip: str = ""
    peer_port: int = 0
    speaks_extensions: bool = False
    reader: PacketReader = field(default_factory=PacketReader)

    def __repr__(self) -> str:
        return f"<Link {'from' if self.inbound else 'to'} {self.node}>"


@dataclass(slots=True, eq=False, repr=False)
class Node:
    id: str
    flags: int
    created_ms: int
    shard_id: str
    ip: str = ""
    port: int = 0
    bus_port: int = 0
    tls_port: int = 0
    hostname: str = ""
    human_nodename: str = ""
    primary: "Node | None" = None  # whom it replicates; a replica's may be unknown
    config_epoch: int = 0
    slots: int = 0  # as a bitmap: bit 5 is slot 5; changed by SlotMap alone
    slot_count: int = 0
    slots_on_wire: bytes = NO_SLOTS
    offset: int = 0  # how far it was in the replication stream when last heard
    ping_sent_ms: int = 0  # 0: no ping is waiting for its answer
    pong_received_ms: int = 0
    data_received_ms: int = 0
    failed_ms: int = 0  # when FAIL was set
    connect_after_ms: int = 0  # nobody was there a moment ago
    double_logged_ms: int = 0  # when I last warned of a second node with this id
    voted_ms: int = 0  # when I last voted for one of its replicas
    failure_reports: "dict[Node, int]" = field(default_factory=dict)  # which primary said so, and when (ms)
    speaks_extensions: bool = False
    link: Link | None = None
    inbound: Link | None = None

    def __repr__(self) -> str:
        return f"<Node {self.id} {flag_names(self.flags)}>"

    @property
    def is_primary(self) -> bool:
        return bool(self.flags & PRIMARY)

    @property
    def is_replica(self) -> bool:
        return bool(self.flags & REPLICA)

    @property
    def is_pfail(self) -> bool:
        return bool(self.flags & PFAIL)

    @property
    def is_fail(self) -> bool:
        return bool(self.flags & FAIL)

    @property
    def is_myself(self) -> bool:
        return bool(self.flags & MYSELF)

    @property
    def in_handshake(self) -> bool:
        return bool(self.flags & HANDSHAKE)

    @property
    def label(self) -> str:
        """How the log names it: its id and, in brackets, the name people gave it (often none)."""
        return f"{self.id} ({self.human_nodename})"

    def claim(self, slots: int) -> None:
        self.slots = slots
        self.slot_count = slots.bit_count()
        self.slots_on_wire = slots.to_bytes(SLOT_BYTES, "little")


@lru_cache(maxsize=256)
def flag_names(flags: int) -> str:
    return ",".join(name for flag, name in FLAG_NAMES if flags & flag) or "noflags"


def random_id(rng: Random) -> str:
    return f"{rng.getrandbits(160):040x}"


def is_node_id(text: str) -> bool:
    return len(text) == ID_LENGTH and text.isascii() and text.isalnum() and text == text.lower()


def is_plain(name: str) -> bool:
    """Whether an address or hostname can stand in nodes.conf. It came from a peer, which may send anything."""
    return name.isascii() and name.isprintable() and not any(char in " ,=" for char in name)


def normal_ip(text: str) -> str | None:
    """The address as inet_ntop would write it, or None if it is not one."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
