"""The cluster as all its nodes tell it: the value that everything else here is decided on.

Each node is asked for itself, as nodes may disagree, and what one says of itself counts more than what others say of
it. Nothing here talks to a node; gathering.py does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pycluster.cluster.slot_map import slots_in
from pycluster.keyspace.slots import SLOTS
from pycluster.tools.node_lines import Address, NodeLine

ALL_SLOTS = (1 << SLOTS) - 1
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class NodeView:
    """What one node says of itself, and of all that it knows."""

    asked_at: Address
    lines: tuple[NodeLine, ...]
    cluster: Mapping[str, str] = field(default_factory=dict)  # CLUSTER INFO
    replication: Mapping[str, str] = field(default_factory=dict)  # INFO replication
    server: Mapping[str, str] = field(default_factory=dict)  # INFO server
    keys: int = 0
    keys_in_slot: Mapping[int, int] = field(default_factory=dict)  # of the slots that somebody asked about

    @property
    def me(self) -> NodeLine:
        return next(line for line in self.lines if "myself" in line.flags)

    @property
    def id(self) -> str:
        return self.me.id

    @property
    def address(self) -> Address:
        """Where it was found: nodes that have met nobody don't know their address."""
        return self.asked_at

    @property
    def slots(self) -> int:
        return self.me.slots

    @property
    def is_master(self) -> bool:
        return self.me.is_master

    @property
    def open_slots(self) -> frozenset[int]:
        return frozenset({*self.me.migrating, *self.me.importing})

    def line_of(self, id_: str) -> NodeLine | None:
        return next((line for line in self.lines if line.id == id_), None)


@dataclass(frozen=True, slots=True)
class ClusterView:
    nodes: tuple[NodeView, ...]
    silent: Mapping[Address, str] = field(default_factory=dict)  # who does not answer, and what happens instead

    @property
    def masters(self) -> tuple[NodeView, ...]:
        return tuple(node for node in self.nodes if node.is_master)

    @property
    def open_slots(self) -> tuple[int, ...]:
        """As masters have it: replicas of Valkey repeat it, and get no orders about slots."""
        return tuple(sorted(frozenset().union(*(node.open_slots for node in self.masters))))

    @property
    def covered(self) -> int:
        """The slots that a node which answers says it has."""
        slots = 0
        for node in self.masters:
            slots |= node.slots
        return slots

    @property
    def uncovered(self) -> int:
        return ALL_SLOTS & ~self.covered

    @property
    def strays(self) -> dict[int, list[NodeView]]:
        """Which masters have keys in which slots that are not theirs, of the slots that were asked about."""
        strays: dict[int, list[NodeView]] = {}
        for node in self.masters:
            for slot, keys in node.keys_in_slot.items():
                if keys and not node.slots >> slot & 1:
                    strays.setdefault(slot, []).append(node)
        return strays

    def node(self, id_: str) -> NodeView | None:
        return next((node for node in self.nodes if node.id == id_), None)

    def replicas_of(self, id_: str) -> tuple[NodeView, ...]:
        return tuple(node for node in self.nodes if node.me.master == id_)

    def name(self, id_: str) -> str:
        """The node's address, for people."""
        if found := self.node(id_):
            return str(found.address)
        known = next((line for node in self.nodes if (line := node.line_of(id_))), None)
        return f"{known.address} ({id_[:8]})" if known and known.address.host else id_[:8]

    def lost_masters(self) -> dict[str, NodeLine]:
        """Masters with slots that nobody reaches, as the others know them, by id."""
        here = {node.id for node in self.nodes}
        lines = (line for node in self.nodes for line in node.lines)
        return {line.id: line for line in lines if line.id not in here and line.is_master and line.slots}

    def is_reached(self, id_: str) -> bool:
        """Some node that answers us is connected to this one, and does not think that it has failed."""
        lines = (line for node in self.nodes if (line := node.line_of(id_)))
        return any(line.is_linked and not line.is_failed for line in lines)

    def find(self, text: str) -> list[NodeView]:
        """The nodes that somebody may mean by an id, the beginning of one, or an address."""
        exact = [node for node in self.nodes if text in (node.id, str(node.address), str(node.me.address))]
        return exact or [node for node in self.nodes if len(text) >= 4 and node.id.startswith(text)]

    def find_lost(self, text: str) -> list[NodeLine]:
        """The same of nodes that do not answer, as the others know them."""
        here = {node.id for node in self.nodes}
        lost = {line.id: line for node in self.nodes for line in node.lines if line.id not in here}
        exact = [line for line in lost.values() if text in (line.id, str(line.address))]
        return exact or [line for line in lost.values() if len(text) >= 4 and line.id.startswith(text)]


def owners(view: NodeView) -> dict[int, str]:
    """Who has which slot, as this node sees it."""
    return {slot: line.id for line in view.lines for slot in slots_in(line.slots)}


def by_shard(view: ClusterView) -> Iterator[NodeView]:
    """Masters in the order of their slots, each followed by its replicas; then whoever is left."""

    def place(node: NodeView) -> tuple[bool, int, Address]:
        return not node.slots, (node.slots & -node.slots).bit_length(), node.address

    shown = set()
    for master in sorted(view.masters, key=place):
        for node in (master, *sorted(view.replicas_of(master.id), key=lambda node: node.address)):
            shown.add(node.address)
            yield node
    yield from (node for node in view.nodes if node.address not in shown)
