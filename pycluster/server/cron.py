"""What time brings: the work that is done `hz` times a second, or each second, whether or not anybody asks.

Each part that has such work registers it here; the clock of the keyspace is set first.
"""

import gc
from collections.abc import Callable
from typing import Any


class Cron:
    """The periodic work of one server, on its event loop."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._each_tick: list[Callable[[], None]] = []
        self._each_second: list[Callable[[], None]] = []
        self._timer: Any = None
        self._next_second_ms = 0

    def each_tick(self, work: Callable[[], None]) -> None:
        """Work to be done `hz` times a second."""
        self._each_tick.append(work)

    def each_second(self, work: Callable[[], None]) -> None:
        """Work to be done once a second."""
        self._each_second.append(work)

    def start(self) -> None:
        """Begins; a tick that fails is logged, and the next one comes."""
        self._timer = self._server.loop.call_later(1 / self._server.config.hz, self._tick)

    def stop(self) -> None:
        """Ends all periodic work."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        server = self._server
        self.start()
        now = server.wall_ms()
        server.clock.now = now
        self._do(self._each_tick)
        if now >= self._next_second_ms:
            self._next_second_ms = now + 1000
            self._do(self._each_second)

    def _do(self, works: list[Callable[[], None]]) -> None:
        for work in works:
            try:
                work()
            except Exception as problem:
                self._server.log_problem(f"Exception in periodic work '{work.__qualname__}'", problem)


def collect_garbage() -> None:
    """`__main__` has switched the cyclic collector off, which would stop a large server for 100 ms at a time.

    What survives a collection here is frozen: the next one looks only at what is new (1 ms over a million containers).
    """
    gc.collect()
    gc.freeze()
