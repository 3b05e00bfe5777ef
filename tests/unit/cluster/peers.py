"""The language of tests about one node's core: a node, and peers that exist only by what they say.

`me = Core()` is the node under test; `peer = me.meets("a", slots=…)` is a node that it has come to know, by the real
handshake. `me.hears(peer, kind, …)` lets the peer send a message and returns the effects; what a peer claims (slots,
epochs, role, offset) stays the same in all its messages until the test changes it.
"""

from dataclasses import dataclass, field
from random import Random

from pycluster.cluster.core import Cluster
from pycluster.cluster.effects import Connect, Effect, Log, Persist, Send
from pycluster.cluster.message import Body, Gossip, GossipEntry, Kind, Message
from pycluster.cluster.node import PRIMARY, REPLICA, Link, Node
from pycluster.cluster.settings import Settings
from pycluster.cluster.slot_map import slot_range

NOON_MS = 1_700_000_000_000


@dataclass
class Host:
    offset: int = 0
    age_ms: int = 0
    following: bool = True
    loading: bool = False
    keys: dict[int, int] = field(default_factory=dict)
    granted: dict[str, int] = field(default_factory=dict)  # slots by node

    def replication_offset(self) -> int:
        return self.offset

    def data_age_ms(self) -> int:
        return self.age_ms

    def is_following(self) -> bool:
        return self.following

    def is_loading(self) -> bool:
        return self.loading

    def keys_in_slot(self, slot: int) -> int:
        return self.keys.get(slot, 0)

    def granted_to(self, node_id: str) -> int:
        return self.granted.get(node_id, 0)

    def key_count(self) -> int:
        return sum(self.keys.values())


@dataclass
class Peer:
    """What a node that is not there says of itself."""

    id: str
    port: int
    slots: int = 0
    config_epoch: int = 0
    current_epoch: int = 0
    replica_of: str = ""
    offset: int = 0
    flags: int = 0
    mflags: int = 0
    ip: str = ""
    inbound: Link | None = None

    def message(self, kind: Kind, body: Body = None, **changes: object) -> Message:
        if body is None and kind <= Kind.MEET:
            body = Gossip()
        return Message(
            kind,
            self.id,
            body,
            port=self.port,
            bus_port=self.port + 10000,
            ip=self.ip,
            current_epoch=max(self.current_epoch, self.config_epoch),
            config_epoch=self.config_epoch,
            offset=self.offset,
            slots=self.slots.to_bytes(2048, "little"),
            replica_of=self.replica_of,
            flags=self.flags | (REPLICA if self.replica_of else PRIMARY),
            mflags=self.mflags,
        )._replace(**changes)


class Core:
    def __init__(self, **settings: object) -> None:
        self.now_ms = NOON_MS
        self.host = Host()
        self.cluster = Cluster.open(
            Settings(**{"port": 7000, "node_timeout_ms": 1000} | settings), self.host, Random(1), NOON_MS
        )
        self.cluster.start(NOON_MS)
        self.state = self.cluster.state
        self.peers: dict[str, Peer] = {}

    @property
    def myself(self) -> Node:
        return self.state.myself

    @property
    def id(self) -> str:
        return self.myself.id

    def node(self, peer: Peer) -> Node:
        return self.state.nodes[peer.id]

    # Others

    def meets(self, letter: str, **claims: object) -> Peer:
        """A peer whose id is this letter, forty times, says MEET; both links are up when this returns."""
        peer = Peer(letter * 40, 7000 + ord(letter), **claims)
        peer.inbound = self.cluster.accepted("10.0.0.1", "10.0.0.2", 40000, self.now_ms)
        self.hears(peer, Kind.MEET)
        connect = [effect for effect in self.passes(0) if isinstance(effect, Connect)][-1]
        self.cluster.connected(connect.link, "10.0.0.1", "10.0.0.2", connect.port, self.now_ms)
        for _ in range(2):  # who it is; then what it claims
            self.hears_answer(peer)
        return peer

    def hears(self, peer: Peer, kind: Kind, body: Body = None, **changes: object) -> list[Effect]:
        """On the link that the peer opened."""
        assert peer.inbound
        return self.cluster.handle(peer.inbound, peer.message(kind, body, **changes), self.now_ms)

    def hears_answer(self, peer: Peer, **changes: object) -> list[Effect]:
        """A PONG, on the link that I opened."""
        links = [node.link for node in self.state.nodes.values() if node.bus_port == peer.port + 10000]
        assert links and links[0]
        return self.cluster.handle(links[0], peer.message(Kind.PONG, **changes), self.now_ms)

    def hears_gossip(
        self, peer: Peer, about: Peer, flags: int = PRIMARY, pong_s: int = 0, port: int = 0
    ) -> list[Effect]:
        entry = GossipEntry(about.id, 0, pong_s, "10.0.0.2", port or about.port, about.port + 10000, flags, 0)
        return self.hears(peer, Kind.PING, Gossip((entry,)))

    # Time

    def passes(self, seconds: float) -> list[Effect]:
        """Time passes in ticks. Nobody answers, unless the test says so."""
        effects: list[Effect] = []
        end_ms = self.now_ms + int(seconds * 1000)
        while True:
            effects += self.cluster.tick(self.now_ms)
            if self.now_ms >= end_ms:
                return effects
            self.now_ms = min(end_ms, self.now_ms + 100)

    def lives(self, seconds: float, *peers: Peer) -> list[Effect]:
        """Time passes, and these peers answer on links that hold."""
        effects: list[Effect] = []
        for _ in range(round(seconds * 10)):
            self.now_ms += 100
            ticked = self.cluster.tick(self.now_ms)
            effects += ticked
            for connect in ticked:
                if isinstance(connect, Connect):
                    effects += self.cluster.connected(connect.link, "10.0.0.1", connect.ip, connect.port, self.now_ms)
            for peer in peers:
                effects += self.hears_answer(peer)
        return effects

    # Orders

    def orders(self, verb: str, *args: object, **options: object) -> list[Effect]:
        return getattr(self.cluster, verb)(*args, now_ms=self.now_ms, **options)


def sent(effects: list[Effect], kind: Kind) -> list[Message]:
    return [effect.message for effect in effects if isinstance(effect, Send) and effect.message.kind is kind]


def logged(effects: list[Effect]) -> str:
    return "\n".join(effect.text for effect in effects if isinstance(effect, Log))


def of_kind(effects: list[Effect], kind: type) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def is_saved_before_sending(effects: list[Effect]) -> bool:
    return effects[0] == Persist(fsync=True) and any(isinstance(effect, Send) for effect in effects)


THIRDS = [slot_range(0, 5460), slot_range(5461, 10921), slot_range(10922, 16383)]
