"""CLUSTER SETSLOT at a primary with replicas: they have the order first, and it counts when all of them say so.

So whatever a client was told OK to is known to whoever takes over, and a move of slots goes on from there; Valkey does
so since 8.0, and our nodes and its can be each other's replicas. The order goes down the replication stream as it came.
Redis' replicas refuse it: if there are only such ones, it counts at once, as with Redis.

A replica that is new, or was away, is told which slots are open when it has the dataset.
"""

from collections.abc import Callable
from typing import Any

from pycluster.persistence.loading import Loading
from pycluster.protocol.errors import NotEnoughReplicas, ReplyError
from pycluster.protocol.replies import Wait
from pycluster.server.client import FROM_PRIMARY, Client


class SlotOrders:
    """The orders about slots of one server, from its clients or its primary to the cluster core."""

    def __init__(self, server: Any, part: Any) -> None:
        self._server = server
        self._part = part
        self._untold: dict[int, None] = {}  # slots that changed while no replica was there to be told
        server.replication.primary.came_online = self._tell_all
        server.replication.replica.synchronized.append(self._forget_all)

    def give(
        self, client: Client, request: list[bytes], slot: int, carry_out: Callable[[], None], timeout_s: float
    ) -> object:
        """The reply to a request that has been looked at and makes sense."""
        server = self._server
        if client.gate & FROM_PRIMARY:
            carry_out()
            return "OK"
        if server.is_failing_over() and not client.denies_blocking:
            return Wait([], object, 0, runs_again=True)  # the stream must stand still now

        def conclude(is_agreed: bool) -> object:
            if not is_agreed:
                self._tell(slot)  # some may have followed
                return NotEnoughReplicas()
            if not server.replication.primary.tells_orders:
                self._untold[slot] = None
            try:
                carry_out()
            except ReplyError as changed_meanwhile:
                self._tell(slot)
                return changed_meanwhile
            return "OK"

        return server.replication.primary.agree(client, request, timeout_s, conclude)

    def _tell(self, slot: int) -> None:
        """Tells the replicas how it stands with a slot."""
        slots = self._part.state.slots
        if (target := slots.migrating.get(slot)) is not None:
            words = [b"MIGRATING", target.id.encode()]
        elif (source := slots.importing.get(slot)) is not None:
            words = [b"IMPORTING", source.id.encode()]
        else:
            words = [b"STABLE"]
        self._server.replication.primary.tell(b"CLUSTER", b"SETSLOT", b"%d" % slot, *words)

    def _tell_all(self) -> None:
        """A replica has come. It may be new, or have been our primary, with slots open that are closed by now."""
        slots = self._part.state.slots
        for slot in sorted({*slots.migrating, *slots.importing, *self._untold}):
            self._tell(slot)
        self._untold.clear()

    def _forget_all(self, loading: Loading) -> None:
        """The primary's dataset has come. Ours tell now what is open; Valkey's don't: what we know may still be so."""
        slots = self._part.state.slots
        if b"valkey-ver" not in loading.aux and (slots.migrating or slots.importing):
            self._part.order(self._part.core.forget_open_slots)
