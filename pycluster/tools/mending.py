"""Performs what fixing.py decided, and settles the keys that are in two places.

That happens when a MIGRATE lost its connection: the target has the key and the source never heard so. Of the two,
clients are served the one at the source while the slot is being moved, and the one at the owner otherwise. If both are
equal, either will do. If they differ, nothing is thrown away unless one says `--replace`, and then what clients are
served stays.
"""

from collections.abc import Callable, Sequence

from pycluster.tools.connections import Connections
from pycluster.tools.fixing import Announce, Assign, BringKeys, Close, FinishMove, Release, Step
from pycluster.tools.moving import KeysInTheWay, KeysMoved, Mover
from pycluster.tools.node_lines import Address
from pycluster.tools.outcomes import NodeSaid, Refused
from pycluster.tools.view import NodeView

UNASSIGNED = "is already unassigned"
IS_REPLICA = "only with masters"


class Mender:
    def __init__(self, mover: Mover, began: Callable[[Step], None] = lambda step: None):
        self.mover = mover
        self.connections = mover.connections
        self.began = began

    def perform(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self.began(step)
            self._perform(step)

    def _perform(self, step: Step) -> None:
        match step:
            case Assign(slot, node):
                self._assign(slot, self._node(node))
            case Release(slot, node):
                self._order(self._node(node), "DELSLOTS", slot, but=UNASSIGNED)
            case BringKeys(slot, source, owner):
                self._bring_keys(slot, self._node(source), self._node(owner))
            case FinishMove(slot, source, target):
                self._finish(slot, self._node(source), self._node(target))
            case Close(slot, node):
                self._close(slot, self._node(node))
            case Announce(slot, owner):
                self.mover.hand_over(slot, self._node(owner), self._node(owner))

    def _assign(self, slot: int, node: NodeView) -> None:
        """ADDSLOTS refuses a slot that the node believes to be another's, as it may do of a master that is lost."""
        self.mover.set_slot(node, slot, "STABLE")
        self._order(node, "DELSLOTS", slot, but=UNASSIGNED)
        self._order(node, "ADDSLOTS", slot)
        self._order(node, "BUMPEPOCH")

    def _close(self, slot: int, node: NodeView) -> None:
        try:
            self.mover.set_slot(node, slot, "STABLE")
        except NodeSaid as error:
            if IS_REPLICA not in error.error:
                raise

    def _bring_keys(self, slot: int, source: NodeView, owner: NodeView) -> None:
        """The source must have the slot open, or it would send MIGRATE away. The owner takes RESTORE as it is."""
        if slot not in source.me.importing:
            self.mover.set_slot(source, slot, "IMPORTING", owner.id)
        for keys in self.mover.keys_in(slot, source):
            self._migrate(slot, source, owner, keys, winner=owner)

    def _finish(self, slot: int, source: NodeView, target: NodeView) -> None:
        for keys in self.mover.keys_in(slot, source):
            self._migrate(slot, source, target, keys, winner=source)
        self.mover.hand_over(slot, source, target)

    # ---- keys in two places

    def _migrate(self, slot: int, source: NodeView, target: NodeView, keys: Sequence[bytes], winner: NodeView) -> None:
        try:
            self.mover.migrate(slot, source, target, keys, replace=False)
            return
        except KeysInTheWay:
            pass
        # Some may have gone before the one that stood in the way; who is left is asked again.
        for key in next(self.mover.keys_in(slot, source), []):
            self._migrate_one(slot, source, target, key, winner)

    def _migrate_one(self, slot: int, source: NodeView, target: NodeView, key: bytes, winner: NodeView) -> None:
        if not exists(self.connections, target.asked_at, key):
            self.mover.migrate(slot, source, target, [key], replace=False)
            return
        if not same_value(self.connections, source.asked_at, target.asked_at, key) and not self.mover.settings.replace:
            loser = target if winner is source else source
            raise Refused(
                f"{key!r} in slot {slot} is at {source.asked_at} and at {target.asked_at}, with different values. "
                f"Clients are served the one at {winner.asked_at}. Look at both; `fix --replace` keeps that one and "
                f"throws the one at {loser.asked_at} away."
            )
        if winner is source:
            self.mover.migrate(slot, source, target, [key], replace=True)
        else:
            _ask_asking(self.connections, source.asked_at, "DEL", key)
            self.mover.report(KeysMoved(slot, 1))

    # ---- words

    def _order(self, node: NodeView, *words: str | int, but: str = "") -> None:
        """CLUSTER …; an error that contains `but` is none."""
        try:
            self.connections.ask(node.asked_at, "CLUSTER", *words)
        except NodeSaid as error:
            if not but or but not in error.error:
                raise

    def _node(self, id_: str) -> NodeView:
        node = self.mover.view.node(id_)
        if node is None:
            raise Refused(f"{self.mover.view.name(id_)} is needed and does not answer.")
        return node


def exists(connections: Connections, address: Address, key: bytes) -> bool:
    return bool(_ask_asking(connections, address, "EXISTS", key))


def same_value(connections: Connections, one: Address, other: Address, key: bytes) -> bool:
    """By DEBUG DIGEST-VALUE where both allow it; else by DUMP, which may tell equal values of unlike servers apart."""
    digests = [connections.ask_all(place, [("DEBUG", "DIGEST-VALUE", key)])[0] for place in (one, other)]
    if any(isinstance(digest, NodeSaid) for digest in digests):
        digests = [_ask_asking(connections, place, "DUMP", key) for place in (one, other)]
    return bool(digests[0] == digests[1])


def _ask_asking(connections: Connections, address: Address, *words: str | bytes) -> object:
    """A command on a key in a slot that the node takes: it would send us away without ASKING."""
    _, reply = connections.ask_all(address, [("ASKING",), words])
    if isinstance(reply, NodeSaid):
        raise reply
    return reply
