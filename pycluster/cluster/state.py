"""The cluster as one node sees it: a value, and nothing happens here.

The rules (gossip.py, failover.py and their neighbours) are functions on this state. They change it, and they append
to `effects` what is to be done in the world. What is better done once at the end, however often it was asked for,
they note in `todo`. The verbs of core.py run the rules, settle what was noted, and hand out the effects.

Time stands still during a verb: `now_ms` is set when it begins. It is the wall clock, in milliseconds, because times
are shown to users and gossiped to other nodes.
"""

from dataclasses import dataclass, field
from random import Random

from pycluster.cluster.effects import Disconnect, Effect, Log
from pycluster.cluster.host import Host
from pycluster.cluster.message import KINDS
from pycluster.cluster.node import Link, Node
from pycluster.cluster.settings import Settings
from pycluster.cluster.slot_map import SlotMap

TICK_MS = 100  # time is looked at no more often than this


@dataclass(slots=True)
class Election:
    """A replica's attempt to be voted into its primary's place."""

    begins_ms: int = 0  # when votes are, or were, asked for; 0: no attempt yet
    rank: int = 0  # how many sister replicas have more of the data
    asked: bool = False
    epoch: int = 0
    votes: dict[Node, None] = field(default_factory=dict)


@dataclass(slots=True)
class ManualFailover:
    """CLUSTER FAILOVER, at the primary that is to step back and at the replica that is to take its place."""

    ends_ms: int = 0  # 0: none is under way
    replica: Node | None = None  # at the primary: who asked for it
    primary_offset: int | None = None  # at the replica: where the primary stands still
    may_start: bool = False  # at the replica: it has all the data, the election may begin

    @property
    def is_under_way(self) -> bool:
        return self.ends_ms != 0


@dataclass(slots=True)
class Todo:
    """What was noted for the end of the verb."""

    save: bool = False
    fsync: bool = False
    judge: bool = False  # is the cluster still ok?
    failover: bool = False  # can the election go on?
    manual_failover: bool = False  # has the offset arrived?
    serve: bool = False


@dataclass(slots=True, eq=False, repr=False)
class ClusterState:
    settings: Settings
    host: Host
    rng: Random
    myself: Node
    nodes: dict[str, Node] = field(default_factory=dict)
    slots: SlotMap = field(default_factory=SlotMap)

    current_epoch: int = 0
    last_vote_epoch: int = 0
    forgotten: dict[str, int] = field(default_factory=dict)  # ids not to be learned again, until when (s)
    forgiven: dict[str, int] = field(default_factory=dict)  # met again: a forgetting that ends then (s) is an old one

    is_ok: bool = False
    size: int = 1  # primaries with slots: they vote
    first_judged_ms: int = 0
    in_minority_ms: int = 0  # when I last belonged to one

    election: Election = field(default_factory=Election)
    manual_failover: ManualFailover = field(default_factory=ManualFailover)
    excuse: str = ""  # why there is no failover, as last logged
    excuse_logged_ms: int = 0

    last_tick_ms: int = 0
    next_tick_ms: int = 0
    announced_ms: int = 0  # when all nodes were last told what I own
    must_announce: bool = False  # the next tick tells them
    chance_ping_ms: int = 0  # when a node is pinged by chance next
    pfail_count: int = 0
    messages_sent: list[int] = field(default_factory=lambda: [0] * len(KINDS))
    messages_received: list[int] = field(default_factory=lambda: [0] * len(KINDS))
    links_over_limit: int = 0
    dropped_kind: int = -1  # DEBUG DROP-CLUSTER-PACKET-FILTER

    now_ms: int = 0
    todo: Todo = field(default_factory=Todo)
    effects: list[Effect] = field(default_factory=list)

    # Who is who

    def replicas_of(self, node: Node) -> list[Node]:
        return [replica for replica in self.nodes.values() if replica.primary is node]

    @property
    def slot_holder(self) -> Node:
        """Whose slots and epoch I speak for: my own, or my primary's."""
        if self.myself.is_replica and self.myself.primary:
            return self.myself.primary
        return self.myself

    @property
    def quorum(self) -> int:
        return self.size // 2 + 1

    def reachable_peers(self) -> list[Node]:
        """The nodes that a broadcast goes to."""
        return [node for node in self.nodes.values() if node.link and not node.is_myself and not node.in_handshake]

    # What the rules say

    def emit(self, effect: Effect) -> None:
        self.effects.append(effect)

    def log(self, level: str, text: str) -> None:
        self.effects.append(Log(level, text))

    def save(self, fsync: bool = False) -> None:
        self.todo.save = True
        self.todo.fsync |= fsync

    def save_and_judge(self, fsync: bool = False) -> None:
        self.save(fsync)
        self.todo.judge = True
        self.hurry()

    def hurry(self) -> None:
        """Something has changed that time does something about: a link to open, say, or an election to begin."""
        self.next_tick_ms = min(self.next_tick_ms, max(self.now_ms, self.last_tick_ms + TICK_MS))

    def close(self, link: Link | None) -> None:
        if link and link.is_open:
            self.detach(link)
            self.emit(Disconnect(link))

    def detach(self, link: Link) -> None:
        """The link is gone; its node must not go on believing in it."""
        link.is_open = False
        if link.node and link.node.link is link:
            link.node.link = None
            self.hurry()
        elif link.node and link.node.inbound is link:
            link.node.inbound = None
