"""What each slot costs: the time that its commands take, and the bytes that they bring and send (CLUSTER SLOT-STATS).

Off by default, and then nothing is asked: counting stands behind a gate of the server's. While it is up, admission
hands each request in here and gets it back to run (`watch`); behind that the books are kept. What is booked is
Valkey's (cluster_slot_stats.c): the bytes of every request that has keys in one slot, also if it is queued, redirected
or refused; time and bytes of the reply if it was run; what goes to replicas because of it, for each of them; messages
of shard channels. A command that waits is booked when it is served, one that waited in vain only by its time.

Keys are not counted here: the keyspace knows how many there are.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from pycluster.commands.table import Command
from pycluster.keyspace.slots import key_slot
from pycluster.protocol.replies import NO_REPLY, Push, encode, request_size
from pycluster.server.admission import SLOT_STATS
from pycluster.server.blocking import BLOCKED, POSTPONED
from pycluster.server.client import FROM_PRIMARY, UNAUTHENTICATED, Client
from pycluster.server.config import Config

Args = list[bytes]

MULTI_SIZE = request_size([b"MULTI"])  # it belongs to the transaction's slot, which is known only at EXEC


@dataclass(slots=True)
class Figures:
    """The books of one slot."""

    cpu_ns: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class SlotStats:
    """The books of one server's slots; a slot without any has cost nothing yet."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._figures: dict[int, Figures] = {}
        server.config.on_change("cluster-slot-stats-enabled", self._choose)
        self._choose(server.config)

    def _choose(self, config: Config) -> None:
        server = self._server
        counts = config.cluster_slot_stats_enabled and server.clustered
        server.gate = server.gate | SLOT_STATS if counts else server.gate & ~SLOT_STATS
        server.pubsub.on_shard_message = self._book_message if counts else None

    @property
    def counts(self) -> bool:
        """Are books kept?"""
        return bool(self._server.gate & SLOT_STATS)

    def of(self, slot: int) -> Figures:
        """The books of a slot, to be read."""
        return self._figures.get(slot) or Figures()

    def _book(self, slot: int) -> Figures:
        figures = self._figures.get(slot)
        if figures is None:
            figures = self._figures[slot] = Figures()
        return figures

    def reset(self) -> None:
        """CONFIG RESETSTAT."""
        self._figures.clear()

    def forget(self, slots: Iterable[int]) -> None:
        """These slots have another owner: their books begin anew."""
        for slot in slots:
            self._figures.pop(slot, None)

    def watch(
        self, client: Client, command: Command, args: Args, admit: Callable[[Client, Command, Args], object]
    ) -> object:
        """Has the request admitted, and books on the slot of its keys what came of it."""
        slot = self._slot(client, command, args)
        if slot is None:
            return admit(client, command, args)
        refused, mark, began = command.rejected, self._server.journal.mark(), perf_counter_ns()
        reply = admit(client, command, args)
        if reply is POSTPONED:
            return reply
        spent = perf_counter_ns() - began
        size = request_size(args) + (MULTI_SIZE if command.name == "exec" else 0)
        figures = self._book(slot)
        is_queued = client.transaction is not None and (reply is NO_REPLY or reply == "QUEUED")
        if is_queued or command.rejected != refused:
            figures.bytes_in += size
            return reply
        figures.cpu_ns += spent
        figures.bytes_out += self._sent_to_replicas(mark)
        if reply is BLOCKED:
            client.waiter.served = lambda served: self._book_exchange(slot, size, client, served)
        else:
            self._book_exchange(slot, size, client, reply)
        return reply

    def _slot(self, client: Client, command: Command, args: Args) -> int | None:
        if client.gate & UNAUTHENTICATED:
            return None
        transaction = client.transaction
        if command.name == "exec" and (client.watch_broken or (transaction is not None and transaction.refused)):
            return None  # nothing of it will run
        slot: int | None = self._server.routing.slot_of(client, command, args)
        return slot

    def _book_exchange(self, slot: int, size: int, client: Client, reply: object) -> None:
        figures = self._book(slot)
        figures.bytes_in += size
        if not client.gate & FROM_PRIMARY:
            figures.bytes_out += _reply_size(reply, client.resp)

    def _sent_to_replicas(self, mark: tuple[int, int]) -> int:
        replicas = len(self._server.replication.primary.replicas)
        return replicas * self._server.journal.size_since(mark) if replicas else 0

    def _book_message(self, channel: bytes, message: Push, client: Client) -> None:
        """A message of a shard channel went to a subscriber; if it published that itself, it is part of the reply."""
        if client.link is not self._server.running:
            self._book(key_slot(channel)).bytes_out += _reply_size(message, client.resp)


def _reply_size(reply: object, resp: int) -> int:
    if reply is NO_REPLY:
        return 0
    parts: list[bytes] = []
    encode(reply, resp, parts.append)
    return sum(map(len, parts))
