"""Clients that wait: for a key to get a value (BLPOP …), and for time to pass.

A command that cannot go on returns `Wait`; here the client is parked, with its request. When one of its keys changes
and holds a value of the kind waited for, the request simply runs again: it may be served, or answer Wait once more,
and then it keeps its place in the row and its first deadline. Ready keys are served after each command, transaction or
script, in order of readiness, each over a snapshot of its waiters, until no key is ready (blocked.c,
`handleClientsBlockedOnKeys`).

Nothing here knows a command; commands are handed to `perform` as they came. WAIT waits for offsets, not keys:
replication/ uses `park` with no keys and calls `end`.
"""

from asyncio import TimerHandle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pycluster.commands.table import Command
from pycluster.protocol.errors import UnblockedByClient, UnblockedByDemotion
from pycluster.protocol.replies import Wait
from pycluster.server.client import Client

Args = list[bytes]


class _Blocked:
    """The reply value of a request whose client waits now."""

    def __repr__(self) -> str:
        return "BLOCKED"


BLOCKED = _Blocked()


class _Postponed:
    """The reply value of a request that is to be handed in again when clients go on."""

    def __repr__(self) -> str:
        return "POSTPONED"


POSTPONED = _Postponed()


class Underway:
    """The reply value, inside a transaction, of a command that takes time: the transaction goes on when it is done."""

    def __init__(self) -> None:
        self._go_on: Callable[[Callable[[], object]], None] | None = None

    def when_done(self, go_on: Callable[[Callable[[], object]], None]) -> None:
        """`go_on` is to be called with a function that does the rest, what changes data, and gives the reply."""
        self._go_on = go_on

    @property
    def is_in_transaction(self) -> bool:
        """Does a transaction wait for it?"""
        return self._go_on is not None

    def done(self, finish: Callable[[], object]) -> bool:
        """The command has come to its end, but for `finish`; was it in a transaction?"""
        if self._go_on is None:
            return False
        self._go_on(finish)
        return True


@dataclass(slots=True, eq=False)
class Waiter:
    """One waiting client."""

    client: Client
    command: Command
    request: Args
    wait: Wait
    slot: int
    timer: TimerHandle | None = None
    served: Callable[[object], None] = lambda reply: None  # told when the wait was not in vain


class Blocking:
    """The waiting clients of one server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.waiters: dict[tuple[int, bytes], dict[Waiter, None]] = {}  # by database and key, in order of arrival
        self.clients: dict[Waiter, None] = {}
        self.ready: dict[tuple[int, bytes], None] = {}  # keys that changed while somebody waits for them, in order
        self._kept_back: dict[tuple[int, bytes], None] = {}  # keys that were ready when a waiter could not be served
        self._serving = False
        self.is_held = False  # a transaction stands still in the middle: nobody may see what it has done so far
        self._on_change = [partial(self._mark_ready, db.index) for db in server.databases]

    def park(self, client: Client, command: Command, args: Args, wait: Wait) -> object:
        """The client waits from now on. (Inside a transaction, and in the primary's stream, nobody waits.)"""
        if wait.runs_again:
            return POSTPONED
        if client.denies_blocking:
            return wait.denied
        waiter = Waiter(client, command, wait.request or args, wait, client.db.slot)
        client.waiter = waiter
        self.clients[waiter] = None
        for key in dict.fromkeys(wait.keys):
            self._listen(waiter, key)
        if wait.timeout:
            loop = self._server.loop
            waiter.timer = loop.call_later(wait.timeout, self.end, waiter, wait.otherwise)
        return BLOCKED

    def _listen(self, waiter: Waiter, key: bytes) -> None:
        db = waiter.client.db
        place = (db.index, key)
        waiters = self.waiters.get(place)
        if waiters is None:
            waiters = self.waiters[place] = {}
            db.listen(key, self._on_change[db.index])
        waiters[waiter] = None

    def _mark_ready(self, index: int, key: bytes) -> None:
        self.ready[index, key] = None

    def end(self, waiter: Waiter, reply: object) -> None:
        """The wait is over: served, timed out, unblocked, redirected. Requests sent behind it run now."""
        client = waiter.client
        if client.waiter is not waiter:
            return
        self.forget(client)
        client.link.send(reply() if callable(reply) else reply)
        client.link.resume()

    def end_wait(self, client: Client, wait: Wait, reply: object) -> None:
        """The task that was waited for is done. (The client may have gone, and with it the wait.)"""
        if client.waiter is not None and client.waiter.wait is wait:
            client.waiter.served(reply)
            self.end(client.waiter, reply)

    def forget(self, client: Client) -> None:
        """The client waits no more, and gets nothing (its connection has ended)."""
        waiter = client.waiter
        if waiter is None:
            return
        client.waiter = None
        del self.clients[waiter]
        if waiter.timer is not None:
            waiter.timer.cancel()
        for key in dict.fromkeys(waiter.wait.keys):
            place = (client.db.index, key)
            waiters = self.waiters[place]
            del waiters[waiter]
            if not waiters:
                del self.waiters[place]
                client.db.stop_listening(key, self._on_change[client.db.index])

    def serve(self) -> None:
        """Runs the requests of those whose keys are ready, until no key is."""
        if self._serving or self.is_held:
            return
        self._serving = True
        try:
            while self.ready:
                place = next(iter(self.ready))
                del self.ready[place]
                self._serve_key(place)
        finally:
            self._serving = False

    def _serve_key(self, place: tuple[int, bytes]) -> None:
        db = self._server.databases[place[0]]
        for waiter in list(self.waiters.get(place, ())):
            client = waiter.client
            if client.waiter is not waiter:
                continue
            db.enter(waiter.slot)
            value = db.peek(place[1])
            if value.__class__ is not waiter.wait.kind and not waiter.wait.until_gone:
                continue
            if self._must_wait_on(waiter):
                self._kept_back[place] = None
                continue
            reply = self._server.perform_again(client, waiter.command, waiter.request)
            if reply.__class__ is not Wait:
                waiter.served(reply)
                self.end(waiter, reply)

    def _must_wait_on(self, waiter: Waiter) -> bool:
        """Is data to stand still, or has a task reserved a key of its (BLMOVE to a list that MIGRATE sends, and deletes
        then)?"""
        server, command = self._server, waiter.command
        if server.pause.holds("write" in command.flags):
            return True
        return bool(server.reservations.hold_back(waiter.client, command, waiter.request))

    def look_again(self) -> None:
        """A pause is over, or reserved keys are everybody's again: who could not be served may be now."""
        if self._kept_back:
            self.ready.update(self._kept_back)
            self._kept_back.clear()
            self._server.loop.call_soon(self._serve_in_turn)

    def _serve_in_turn(self) -> None:
        self._server.begin_batch()
        self.serve()

    def unblock(self, client: Client, with_error: bool) -> bool:
        """CLIENT UNBLOCK: ends a wait as if its time were up, or with an error; was there one?"""
        if client.waiter is None or client.waiter.wait.is_firm:
            return False
        self.end(client.waiter, UnblockedByClient() if with_error else client.waiter.wait.otherwise)
        return True

    def end_all_by_demotion(self) -> None:
        """This server became a replica: nobody will be served here. Redis tells them so and closes the connection."""
        for waiter in list(self.clients):
            if not waiter.wait.keys:
                continue
            self.end(waiter, UnblockedByDemotion())
            waiter.client.link.close(after_replies=True)
