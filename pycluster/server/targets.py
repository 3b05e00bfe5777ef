"""Connections to the servers that MIGRATE sends keys to: kept for a while, as thousands of MIGRATEs go to one target.

One exchange at a time goes over a connection; who comes meanwhile waits for its turn. A connection remembers which
database it has selected, and is closed when it has not been used for ten seconds, or when there are too many.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import hiredis

MOST = 64
IDLE_S = 10
PIECE = 1 << 16  # bytes read at a time
AHEAD = 1 << 18  # bytes that may wait for the target to take them


class Target:
    """One server that keys are sent to, whether or not there is a connection to it."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.turn = asyncio.Lock()  # held by whose exchange it is
        self.selected: int | None = None  # the database that the connection is on; None: not known
        self.used_at = 0.0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._replies: Any = None

    @property
    def is_connected(self) -> bool:
        return self._writer is not None

    async def connect(self, timeout_s: float) -> None:
        """Raises OSError or TimeoutError."""
        async with asyncio.timeout(timeout_s):
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        self._writer.transport.set_write_buffer_limits(high=AHEAD)
        self._replies = hiredis.Reader()
        self.selected = None

    async def write(self, piece: bytes, timeout_s: float) -> None:
        """Sends bytes, and waits while too many are not taken. Raises OSError or TimeoutError."""
        assert self._writer is not None
        self._writer.write(piece)
        if self._writer.transport.get_write_buffer_size() <= AHEAD:
            return
        async with asyncio.timeout(timeout_s):
            await self._writer.drain()

    async def read(self, timeout_s: float) -> Any:
        """The next reply; an error reply is returned. Raises OSError, TimeoutError, or hiredis.ProtocolError."""
        assert self._reader is not None
        while (reply := self._replies.gets()) is False:
            async with asyncio.timeout(timeout_s):
                received = await self._reader.read(PIECE)
            if not received:
                raise ConnectionResetError
            self._replies.feed(received)
        return reply

    def close(self) -> None:
        """Drops the connection."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


class Targets:
    """The targets of one server."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: Random) -> None:
        self._loop = loop
        self._rng = rng
        self._targets: dict[tuple[str, int], Target] = {}

    def at(self, host: str, port: int) -> Target:
        """The target with this address."""
        known = self._targets.get((host, port))
        if known is not None:
            return known
        idle = [target for target in self._targets.values() if not target.turn.locked()]
        if len(self._targets) >= MOST and idle:
            self._forget(self._rng.choice(idle))
        target = self._targets[host, port] = Target(host, port)
        return target

    @contextmanager
    def in_use(self, target: Target) -> Iterator[None]:
        """Around an exchange: a connection is as old as its last use."""
        try:
            yield
        finally:
            target.used_at = self._loop.time()

    def close_idle(self) -> None:
        """Closes the connections that nobody has used for a while."""
        now = self._loop.time()
        for target in list(self._targets.values()):
            if not target.turn.locked() and now - target.used_at > IDLE_S:
                self._forget(target)

    def _forget(self, target: Target) -> None:
        target.close()
        del self._targets[target.host, target.port]

    @property
    def connections(self) -> int:
        """How many are open."""
        return sum(target.is_connected for target in self._targets.values())
