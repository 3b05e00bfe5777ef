"""The end of a turn of the event loop: an explicit step that keeps Redis' order of duty for all clients served in it.

First nodes.conf if it must be saved, then the journal goes to the AOF and the replicas, then the replies leave
(server.c, `beforeSleep`). So no client ever holds a reply to a write that is nowhere else yet.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Protocol

Outlet = tuple[Callable[[bytes], None], bytes]  # who takes the bytes, and the bytes


class Collector(Protocol):
    """Something that gathers bytes until the turn's end."""

    def flush(self, nothing: bytes) -> None: ...


@dataclass(slots=True)
class Cycles:
    """What INFO tells of the turns that had an end."""

    count: int = 0
    nanoseconds: int = 0  # from the first reply, or other duty, to the end
    writes: int = 0  # connections that got replies


class Turn:
    """What is to be done at the end of the current turn. Anybody may ask for an end; it comes once.

    `outlets` are the replies that leave then, in this order. Who puts the first one in schedules the end.
    """

    __slots__ = ("loop", "cycles", "outlets", "_duties", "_scheduled", "_began")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.cycles = Cycles()
        self._began = 0
        self._duties: list[Callable[[], None]] = []
        self.outlets: list[Outlet] = []
        self._scheduled = False

    def always(self, duty: Callable[[], None], first: bool = False) -> None:
        """A duty of every turn that has an end, before the replies: in the order of naming, or first of all."""
        self._duties.insert(0 if first else len(self._duties), duty)

    def schedule(self) -> None:
        """There is something to do at the end of this turn."""
        if not self._scheduled:
            self._scheduled = True
            self._began = perf_counter_ns()
            self.loop.call_soon(self._end)

    def hold(self, collector: Collector, first: bool = False) -> None:
        """This connection has replies that leave at the end of the turn; `first`: before those of all others."""
        if not self.outlets:
            self.schedule()
        self.outlets.insert(0 if first else len(self.outlets), (collector.flush, b""))

    def _end(self) -> None:
        self._scheduled = False
        for duty in self._duties:
            duty()
        outlets = self.outlets.copy()
        self.outlets.clear()
        for take, raw in outlets:
            take(raw)
        cycles = self.cycles
        cycles.count += 1
        cycles.writes += len(outlets)
        cycles.nanoseconds += perf_counter_ns() - self._began
