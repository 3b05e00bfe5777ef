"""MULTI, EXEC, WATCH: commands are queued, and run as one unit if nothing they depend on has changed.

Source: https://redis.io/docs/latest/develop/interact/transactions/ (multi.c).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pycluster.keyspace.database import FOREVER_MS, Database
from pycluster.protocol.errors import ExecAborted
from pycluster.protocol.replies import NULL_ARRAY, Spoken, Wait
from pycluster.server.blocking import Underway
from pycluster.server.client import IN_TRANSACTION, Client, Transaction

TRANSACTION = "transaction"  # the purpose of the pause of all other clients, while a command of one takes time


def begin(client: Client) -> None:
    """MULTI: from now on commands are queued."""
    client.transaction = Transaction()
    client.up(IN_TRANSACTION)


def discard(client: Client) -> None:
    """The transaction is over, run or not, and so is what it watched."""
    client.transaction = None
    client.down(IN_TRANSACTION)
    client.unwatch()


def run(server: Any, client: Client) -> object:
    """EXEC: the replies of all queued commands, in order; null if a watched key has changed; raises ExecAborted."""
    transaction = client.transaction
    assert transaction is not None
    broken = client.watch_broken or any(watched.expired_meanwhile() for watched in client.watched.values())
    discard(client)
    if transaction.refused:
        raise ExecAborted
    if broken:
        return NULL_ARRAY
    return _Execution(server, client, transaction.queue).begin()


class _Execution:
    """The queue of a transaction, while it runs.

    A command in it may take time (MIGRATE). Then the transaction stands still, and so does every other client: nobody
    may see what it has done so far. The event loop goes on, and with it the cluster bus.
    """

    def __init__(self, server: Any, client: Client, queue: list[tuple[Any, list[bytes]]]) -> None:
        self._server = server
        self._client = client
        self._left = iter(queue)
        self._replies: list[object] = []
        self._resp = client.resp
        self._was_denied = client.denies_blocking
        self._wait = Wait([], object, 0, is_firm=True)

    def begin(self) -> object:
        """Runs to the end: the replies; or up to a command that takes time: the wait for the replies."""
        self._server.journal.begin_unit()
        return self._go_on()

    def _go_on(self) -> object:
        server, client = self._server, self._client
        client.denies_blocking = server.timing.frozen = True
        try:
            for command, args in self._left:
                server.routing.enter_anyway(client, command, args)
                reply = server.perform(client, command, args)
                if isinstance(reply, Underway):
                    self._stand_still(reply)
                    return self._wait
                self._replies.append(reply if client.resp == self._resp else Spoken(reply, client.resp))
            server.journal.end_unit()
            return self._replies
        except BaseException:
            server.journal.end_unit()
            raise
        finally:
            client.denies_blocking = self._was_denied
            server.timing.frozen = False

    def _stand_still(self, underway: Underway) -> None:
        server = self._server
        unit, now = server.journal.set_unit_aside(), server.clock.now
        server.pause.begin(TRANSACTION, FOREVER_MS, all_commands=True)
        server.blocking.is_held = True
        underway.when_done(lambda finish: self._resume(finish, unit, now))

    def _resume(self, finish: Callable[[], object], unit: Any, now: int) -> None:
        """The command that took time is done; what is behind it runs at the time at which the transaction began."""
        server = self._server
        server.journal.begin_unit(unit)
        server.clock.now = now
        self._replies.append(finish())
        came = self._go_on()
        if came is self._wait:
            return
        server.begin_batch()
        server.pause.end(TRANSACTION)
        server.blocking.is_held = False
        server.blocking.serve()
        server.blocking.end_wait(self._client, self._wait, came)


@dataclass(slots=True, eq=False)
class WatchedKey:
    """A key that a client watches. One that had expired already when WATCH came is not there for the client, and to
    remove it then is no change."""

    client: Client
    db: Database
    key: bytes
    was_there: bool

    def touched(self, key: bytes) -> None:
        """The key has changed."""
        if self.was_there or self.db.peek(key) is not None:
            self.client.watch_broken = True

    def expired_meanwhile(self) -> bool:
        """Was it there, has it passed its deadline, and has nobody removed it yet?"""
        self.db.enter_slot_of(self.key)
        return self.was_there and self.db.peek(self.key) is None

    def stop(self) -> None:
        """Watches no more."""
        self.db.stop_listening(self.key, self.touched)


def watch(client: Client, key: bytes) -> None:
    """WATCH: a change of this key before EXEC makes EXEC do nothing."""
    db = client.db
    if (db.index, key) in client.watched:
        return
    db.enter_slot_of(key)
    watched = WatchedKey(client, db, key, db.peek(key) is not None)
    client.watched[db.index, key] = watched
    db.listen(key, watched.touched)
