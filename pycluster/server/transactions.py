"""MULTI, EXEC, WATCH: commands are queued, and run as one unit if nothing they depend on has changed.

Source: https://redis.io/docs/latest/develop/interact/transactions/ (multi.c).
"""

from dataclasses import dataclass
from typing import Any

from pycluster.keyspace.database import Database
from pycluster.protocol.errors import ExecAborted
from pycluster.protocol.replies import NULL_ARRAY, Spoken
from pycluster.server.client import IN_TRANSACTION, Client, Transaction


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
    timing, journal, was_denied, resp = server.timing, server.journal, client.denies_blocking, client.resp
    client.denies_blocking = timing.frozen = True
    journal.begin_unit()
    try:
        replies = []
        for command, args in transaction.queue:
            server.routing.enter_anyway(client, command, args)
            reply = server.perform(client, command, args)
            replies.append(reply if client.resp == resp else Spoken(reply, client.resp))
        return replies
    finally:
        journal.end_unit()
        client.denies_blocking = was_denied
        timing.frozen = False


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
