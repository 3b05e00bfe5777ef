"""Moves slots between masters that serve clients, one slot after the other, key by key.

A slot is opened on both sides, its keys go over by MIGRATE, and then it is the target's: to the target first, so that
at no moment nobody has it, then to the source, then to the other masters, who would hear of it anyway.

It may end at any moment, by an error or by Ctrl-C: a slot that was under way stays open, its keys in two places and
served from both; `Mover.open_slot` says which. `fixing.py` knows how to go on from each of these moments.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pycluster.cluster.slot_map import slots_in
from pycluster.tools.connections import ASK_EVERY_S, Connections, Word
from pycluster.tools.node_lines import Address
from pycluster.tools.outcomes import NodeSaid, Refused, Trouble
from pycluster.tools.plans import Move
from pycluster.tools.view import ClusterView, NodeView

NO_REPLICAS = "Not enough good replicas"
BUSY_KEY = "Target key name already exists"
RECOVERY_S = 10.0  # as long as a node may wait after a failure, twice


@dataclass(frozen=True, slots=True)
class MoveSettings:
    timeout_ms: int = 60_000  # of one MIGRATE's socket, as redis-cli
    pipeline: int = 100  # keys in one MIGRATE; redis-cli's 10 are three times slower with small keys
    replace: bool = False  # overwrite what is at the target already


AS_USUAL = MoveSettings()


@dataclass(frozen=True, slots=True)
class SlotOpened:
    slot: int
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class KeysMoved:
    slot: int
    count: int


@dataclass(frozen=True, slots=True)
class SlotMoved:
    slot: int


Event = SlotOpened | KeysMoved | SlotMoved
Report = Callable[[Event], None]


class KeysInTheWay(Trouble):
    """Keys that are to be moved are at the target already."""

    def __init__(self, target: Address, keys: Sequence[bytes]):
        super().__init__(f"{target} has keys already that were to be moved there, among them {keys[0]!r}.")
        self.keys = keys


class Mover:
    def __init__(
        self,
        connections: Connections,
        view: ClusterView,
        settings: MoveSettings = AS_USUAL,
        report: Report = lambda event: None,
    ):
        self.connections = connections
        self.view = view
        self.settings = settings
        self.report = report
        self.open_slot: SlotOpened | None = None
        # How long a big key takes nobody knows: these requests wait as long as there is a connection.
        self.patient = Connections(connections.credentials, None, connections.interruption)

    def close(self) -> None:
        self.patient.close()

    def __enter__(self) -> "Mover":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def move(self, moves: Sequence[Move]) -> None:
        for move in moves:
            source, target = self._master(move.source), self._master(move.target)
            for slot in slots_in(move.slots):
                self.move_slot(slot, source, target)

    def move_slot(self, slot: int, source: NodeView, target: NodeView) -> None:
        self.open_slot = SlotOpened(slot, source.id, target.id)
        self.report(self.open_slot)
        try:
            self.set_slot(target, slot, "IMPORTING", source.id)
        except NodeSaid:
            self.open_slot = None  # nothing has begun
            raise
        self.set_slot(source, slot, "MIGRATING", target.id)
        for keys in self.keys_in(slot, source):
            self.migrate(slot, source, target, keys)
        with self.connections.interruption.held_off():
            self.hand_over(slot, source, target)
            self.open_slot = None
            self.report(SlotMoved(slot))

    def hand_over(self, slot: int, source: NodeView, target: NodeView) -> None:
        """Tell all masters whose slot it is now."""
        self.set_slot(target, slot, "NODE", target.id)
        others = [node for node in self.view.masters if node.id != target.id]
        for node in sorted(others, key=lambda node: node.id != source.id):
            try:
                self.connections.ask(node.asked_at, "CLUSTER", "SETSLOT", slot, "NODE", target.id)
            except NodeSaid as error:
                # Who gave its last slot away, and has heard so from the target, is a replica by now. And they all hear
                # of it anyway: nobody needs to wait for their replicas.
                if "only with masters" not in error.error and NO_REPLICAS not in error.error:
                    raise

    def set_slot(self, node: NodeView, slot: int, *words: str) -> None:
        """SETSLOT, which is refused while a replica does not agree: it may be busy, or have died a moment ago."""
        deadline = time.monotonic() + RECOVERY_S
        while True:
            try:
                self.connections.ask(node.asked_at, "CLUSTER", "SETSLOT", slot, *words)
                return
            except NodeSaid as error:
                if NO_REPLICAS not in error.error or time.monotonic() > deadline:
                    raise
                time.sleep(ASK_EVERY_S)

    def keys_in(self, slot: int, node: NodeView) -> Iterator[list[bytes]]:
        """Some keys of the slot after the other, until there are none: whoever asks takes them away."""
        while keys := self.connections.ask(node.asked_at, "CLUSTER", "GETKEYSINSLOT", slot, self.settings.pipeline):
            yield keys

    def migrate(
        self, slot: int, source: NodeView, target: NodeView, keys: Sequence[bytes], replace: bool | None = None
    ) -> None:
        """Moves these keys, or raises what the nodes say to it, KeysInTheWay among it."""
        deadline = time.monotonic() + RECOVERY_S
        while True:
            try:
                self._migrate(source, target, keys, replace)
                break
            except NodeSaid as error:
                if BUSY_KEY in error.error:
                    raise KeysInTheWay(target.asked_at, keys) from None
                # Nodes that are new, or that were cut off, wait some seconds before they believe that all is well.
                if "cluster is down" not in error.error or time.monotonic() > deadline:
                    raise
                time.sleep(ASK_EVERY_S)
        self.report(KeysMoved(slot, len(keys)))

    def _migrate(self, source: NodeView, target: NodeView, keys: Sequence[bytes], replace: bool | None) -> None:
        there = _place_of(target, source)
        options: list[Word] = []
        if self.settings.replace if replace is None else replace:
            options.append("REPLACE")
        options += self.connections.credentials.for_migrate
        self.patient.ask(
            source.asked_at,
            *("MIGRATE", there.host, there.port, "", 0, self.settings.timeout_ms),
            *options,
            "KEYS",
            *keys,
        )

    def _master(self, id_: str) -> NodeView:
        node = self.view.node(id_)
        if node is None or not node.is_master:
            raise Refused(f"{self.view.name(id_)} is not a master that answers.")
        return node


def _place_of(target: NodeView, source: NodeView) -> Address:
    """The target's address as the source knows it: ours may lead nowhere from there."""
    line = source.line_of(target.id)
    return line.address if line and line.address.host else target.asked_at
