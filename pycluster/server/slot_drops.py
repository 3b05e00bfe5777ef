"""The keys of slots that are another node's now: gone at once here, while replicas and the append-only file are told in
slices.

A slot is taken away as a whole, whatever is in it. To tell of a million keys takes nearly a second, so that is done a
little in each turn of the loop. What must not be told before waits in the same queue. If such a slot is to have keys
again, all is told first: a late UNLINK would delete the new ones.
"""

from collections.abc import Iterable, Iterator
from time import perf_counter_ns
from typing import Any

from pycluster.keyspace.database import Mapping
from pycluster.keyspace.dropping import detach_slot, record_dropped

SLICE_NS = 1_000_000


class SlotDrops:
    """The drops of one server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._dropped: list[tuple[int, Mapping, Iterator[bytes]]] = []  # slots, their keys, those still to be told
        self._behind: list[tuple[bytes, ...]] = []  # records that come behind all that
        self._is_scheduled = False
        server.shutdown.add_duty(lambda manner: self.finish())

    def drop(self, slots: Iterable[int]) -> None:
        """The keys of these slots go."""
        db = self._server.databases[0]
        for slot in slots:
            keys = detach_slot(db, slot)
            if keys:
                self._dropped.append((slot, keys, iter(keys)))
        self._go_on()

    def record_behind(self, args: tuple[bytes, ...]) -> None:
        """This is to be journalled when all that was dropped has been."""
        if self._dropped:
            self._behind.append(args)
        else:
            self._server.journal.append(0, *args)

    def settle_before_use(self) -> None:
        """Owners have changed: if keys may come into one of the slots again, all is told first."""
        if self._dropped:
            state = self._server.cluster.state
            slots = state.slots
            if any(slots.owner[slot] is state.myself or slot in slots.importing for slot, _, _ in self._dropped):
                self.finish()

    def finish(self) -> None:
        """Tells all that is still to be told."""
        self._work(None)

    def abandon(self) -> None:
        """This node is no primary any more: its replicas hear from somebody else."""
        while self._dropped:
            self._free_last()
        self._behind.clear()

    def _go_on(self) -> None:
        if not self._is_scheduled and not self._work(perf_counter_ns() + SLICE_NS):
            self._is_scheduled = True
            self._server.loop.call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._is_scheduled = False
        self._go_on()

    def _free_last(self) -> None:
        """The keys of the last slot are told, or will not be: they go, in slices too."""
        _, keys, _ = self._dropped.pop()
        self._server.databases[0].keyspace.freeing.take_all(keys, len(keys))

    def _work(self, until_ns: int | None) -> bool:
        """Tells for a while; is all told?"""
        server = self._server
        db = server.databases[0]
        record = b"UNLINK" if server.config.lazyfree_lazy_server_del else b"DEL"
        while self._dropped:
            if not record_dropped(db, self._dropped[-1][2], record):
                self._free_last()
            if until_ns is not None and perf_counter_ns() > until_ns:
                break
        if not self._dropped:
            for args in self._behind:
                server.journal.append(0, *args)
            self._behind.clear()
        return not self._dropped
