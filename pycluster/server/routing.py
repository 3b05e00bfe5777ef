"""Is this node the one to run a command on these keys? If not, which error sends the client elsewhere.

The order of the questions is getNodeByQuery's (cluster.c), and it shows: an unbound slot says "not served" even while
the cluster is down, CROSSSLOT is found before "The cluster is down", and both before MOVED. Look-ups of keys made here
leave no trace: no statistics, no expiry.

`execute` asks only if the slot is not simply ours (`Server.served`).
"""

from typing import Any

from pycluster.cluster.node import Node
from pycluster.commands.table import Command
from pycluster.keyspace.slots import front_with_tag, key_slot
from pycluster.protocol.errors import (
    ClusterDown,
    ClusterDownReadOnly,
    CrossSlot,
    ReplyError,
    SlotNotServed,
    TryAgain,
    ask,
    moved,
)
from pycluster.server.client import ASKING, Client

Args = list[bytes]

_SHARD_PUBSUB = frozenset(("ssubscribe", "sunsubscribe", "spublish"))


class Routing:
    """Routes the commands of one server; `server.cluster` is None where there is no cluster to route in."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def enter(self, client: Client, command: Command, args: Args) -> ReplyError | None:
        """As `refusal`, with the keys still to be found; if there is none, their slot is entered."""
        slot, keys = self._slot_and_keys(client, command, args)
        if slot is None:
            return CrossSlot() if keys else None
        if not self._server.served[slot]:
            error = self.refusal(client, command, slot, keys)
            if error is not None:
                return error
        client.db.enter(slot)
        return None

    def slot_of(self, client: Client, command: Command, args: Args) -> int | None:
        """The one slot of all keys; None: there are no keys, or they lie in several."""
        if command.first or command.name == "exec":
            return self._slot_and_keys(client, command, args)[0]
        return None

    def enter_anyway(self, client: Client, command: Command, args: Args) -> None:
        """Enters the slot of the command's keys without asking: it was asked before, or the primary has asked."""
        if self._server.cluster is None or not command.first:
            return
        if keys := _keys(command, args):
            client.db.enter(key_slot(keys[0]))

    def redirect_of_waiter(self, client: Client, command: Command, keys: list[bytes]) -> ReplyError | None:
        """Why a client that waits for these keys waits here in vain: the cluster is down, or the slot has gone."""
        state = self._server.cluster.state
        if not state.is_ok:
            return ClusterDown()
        slot = key_slot(keys[0])
        owner = state.slots.owner[slot]
        if owner is state.myself or slot in state.slots.importing:
            return None
        if client.readonly and "write" not in command.flags and self._is_my_primary(owner):
            return None
        return SlotNotServed() if owner is None else self._moved(slot, owner, client)

    def _slot_and_keys(self, client: Client, command: Command, args: Args) -> tuple[int | None, list[bytes]]:
        """The one slot of all keys, and the keys. No slot: there are no keys, or (keys given) they lie in several."""
        if command.name == "exec":
            queue = client.transaction.queue if client.transaction is not None else []
            keys = [key for queued, queued_args in queue for key in _keys(queued, queued_args)]
        else:
            keys = _keys(command, args)
        if not keys:
            return None, keys
        slot = key_slot(keys[0])
        front = front_with_tag(keys[0])
        for key in keys[1:] if front is None else [key for key in keys if not key.startswith(front)]:
            if key_slot(key) != slot:
                first_owner = self._server.cluster.state.slots.owner[slot]
                return (slot, keys) if first_owner is None else (None, keys)
        return slot, keys

    def refusal(self, client: Client, command: Command, slot: int, keys: list[bytes]) -> ReplyError | None:
        """Why this node does not run a command on these keys, which are of one slot; or None."""
        state = self._server.cluster.state
        owner = state.slots.owner[slot]
        if owner is None:
            return SlotNotServed()
        sharded = command.name in _SHARD_PUBSUB
        if not state.is_ok:
            error = self._refusal_while_down(client, command, sharded)
            if error is not None:
                return error
        migrating_to, importing = None, False
        if state.myself.is_primary or client.readonly:  # a replica has the same slots open as its primary
            migrating_to = state.slots.migrating.get(slot) if owner is (state.myself.primary or state.myself) else None
            importing = migrating_to is None and slot in state.slots.importing
        asks = client.gate & ASKING or "asking" in command.flags
        if importing and asks and len(keys) == 1:
            return None  # whether it is there makes no difference: so all keys come that are moved here
        missing = 0
        if migrating_to is not None or importing:
            if command.name == "migrate" and state.myself.is_primary:
                return None
            if not sharded:
                client.db.enter(slot)
                missing = sum(client.db.peek(key) is None for key in keys)
        if migrating_to is not None and missing:
            return TryAgain() if missing < len(keys) else ask(slot, self._endpoint(migrating_to, client))
        if importing and asks:
            return TryAgain() if missing and len(set(keys)) > 1 else None
        if owner is state.myself:
            return None
        if (client.readonly or sharded) and self._is_my_primary(owner) and not _writes(client, command):
            return None
        return self._moved(slot, owner, client)

    def _refusal_while_down(self, client: Client, command: Command, sharded: bool) -> ReplyError | None:
        config = self._server.config
        if sharded:
            return None if config.cluster_allow_pubsubshard_when_down else ClusterDown()
        if not config.cluster_allow_reads_when_down:
            return ClusterDown()
        return ClusterDownReadOnly() if _writes(client, command) else None

    def _is_my_primary(self, owner: Node | None) -> bool:
        myself = self._server.cluster.state.myself
        return myself.is_replica and myself.primary is owner

    def _moved(self, slot: int, owner: Node, client: Client) -> ReplyError:
        return moved(slot, self._endpoint(owner, client))

    def _endpoint(self, node: Node, client: Client) -> str:
        """Where the client is to go, in the form of cluster-preferred-endpoint-type."""
        return self._server.cluster.address_for_clients(node)


def _keys(command: Command, args: Args) -> list[bytes]:
    """The keys of a command; of one whose arguments make no sense none (it will say so itself)."""
    if not command.first:
        return []
    try:
        return command.keys(args)
    except ReplyError:
        return []


def _writes(client: Client, command: Command) -> bool:
    if command.name != "exec" or client.transaction is None:
        return "write" in command.flags
    return any("write" in queued.flags for queued, _ in client.transaction.queue)
