"""Connections to the servers that MIGRATE sends keys to: kept for a while, as thousands of MIGRATEs go to one target.

One exchange at a time goes over a connection; who comes meanwhile waits for its turn. A connection remembers which
database it has selected, and is closed when it has not been used for ten seconds, or when there are too many.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

import hiredis

MOST = 64
IDLE_S = 10
AHEAD = 1 << 18  # bytes that may wait for the target to take them

Heard = Callable[[list[Any], Exception | None], None]  # the replies that came, and why there are not more


class Connection(asyncio.Protocol):
    """A connection to a target: requests leave, and somebody waits for so many replies."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: Any = None
        self._reader: Any = hiredis.Reader()
        self._replies: list[Any] = []
        self._expected = 0
        self._timeout_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._heard: Heard | None = None
        self._taken: asyncio.Future[None] | None = None  # for who waits until the target has taken what is sent
        self._is_behind = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(high=AHEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.resume_writing()
        self._tell(exc or ConnectionResetError())

    # Requests

    def write(self, requests: bytes) -> None:
        """Sends bytes; those that the target does not take at once wait here."""
        if self._transport is None:
            raise ConnectionResetError
        self._transport.write(requests)

    async def write_all(self, requests: bytes, timeout_s: float) -> None:
        """Sends bytes, and waits while too many are not taken. Raises OSError or TimeoutError."""
        self.write(requests)
        if self._is_behind:
            self._taken = self._loop.create_future()
            async with asyncio.timeout(timeout_s):
                await self._taken

    def pause_writing(self) -> None:
        self._is_behind = True

    def resume_writing(self) -> None:
        self._is_behind = False
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    # Replies

    def expect(self, count: int, timeout_s: float, heard: Heard) -> None:
        """`heard` is called once, later: with so many replies (an error among them is one, too), or with those that
        came before the connection broke, or nothing came for so long, and the exception that says which."""
        self._replies, self._expected, self._timeout_s, self._heard = [], count, timeout_s, heard
        self._timer = self._loop.call_later(timeout_s, self._tell, TimeoutError())
        if self._transport is None:
            self._loop.call_soon(self._tell, ConnectionResetError())
        elif not count or self._reader.has_data():
            self._loop.call_soon(self._collect)

    async def hear(self, count: int, timeout_s: float) -> tuple[list[Any], Exception | None]:
        """Waits for them: what `heard` is called with."""
        over = asyncio.Event()
        outcome: list[tuple[list[Any], Exception | None]] = []

        def heard(replies: list[Any], problem: Exception | None) -> None:
            outcome.append((replies, problem))
            over.set()

        self.expect(count, timeout_s, heard)
        await over.wait()
        return outcome[0]

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._collect()

    def _collect(self) -> None:
        if self._heard is None:
            return
        before = len(self._replies)
        try:
            while len(self._replies) < self._expected and (reply := self._reader.gets()) is not False:
                self._replies.append(reply)
        except hiredis.ProtocolError as problem:
            self._tell(problem)
            return
        if len(self._replies) == self._expected:
            self._tell(None)
        elif len(self._replies) != before:
            self._stop_timer()
            self._timer = self._loop.call_later(self._timeout_s, self._tell, TimeoutError())

    def _tell(self, problem: Exception | None) -> None:
        self._stop_timer()
        heard, self._heard = self._heard, None
        if heard is not None:
            heard(self._replies, problem)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Drops the connection."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None


class Target:
    """One server that keys are sent to, whether or not there is a connection to it."""

    def __init__(self, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.host = host
        self.port = port
        self.is_taken = False  # by somebody's exchange
        self.selected: int | None = None  # the database that the connection is on; None: not known
        self.used_at = 0.0
        self.connection: Connection | None = None
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()  # for their turn

    @property
    def is_connected(self) -> bool:
        return self.connection is not None and self.connection.is_open

    async def take(self) -> None:
        """Waits for one's turn."""
        if self.is_taken:
            turn = self._loop.create_future()
            self._waiting.append(turn)
            await turn
        self.is_taken = True

    def leave(self) -> None:
        """It is the next one's turn. A connection is as old as its last use."""
        self.used_at = self._loop.time()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # nobody has given up waiting
                turn.set_result(None)
                return
        self.is_taken = False

    async def connect(self, timeout_s: float) -> Connection:
        """Raises OSError; ValueError or OverflowError where the address is none."""
        if self.port < 0:
            raise OverflowError  # uvloop would take the low 16 bits
        connection = Connection(self._loop)
        async with asyncio.timeout(timeout_s):
            await self._loop.create_connection(lambda: connection, self.host, self.port)
        self.selected = None
        self.connection = connection
        return connection

    def close(self) -> None:
        """Drops the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


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
        idle = [target for target in self._targets.values() if not target.is_taken]
        if len(self._targets) >= MOST and idle:
            self._forget(self._rng.choice(idle))
        target = self._targets[host, port] = Target(host, port, self._loop)
        return target

    def close_idle(self) -> None:
        """Closes the connections that nobody has used for a while."""
        now = self._loop.time()
        for target in list(self._targets.values()):
            if not target.is_taken and now - target.used_at > IDLE_S:
                self._forget(target)

    def _forget(self, target: Target) -> None:
        target.close()
        del self._targets[target.host, target.port]

    @property
    def connections(self) -> int:
        """How many are open."""
        return sum(target.is_connected for target in self._targets.values())
