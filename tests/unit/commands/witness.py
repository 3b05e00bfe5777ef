"""A database that remembers what its commands tell others: keyspace events, and records for the journal."""

from collections.abc import Callable
from typing import Any

from pycluster.keyspace.database import Database, Keyspace


class Witness:
    """`see(hset, b"h", b"a", b"1")` runs a command and notes its events and what it asks to be recorded."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.db = Database(keyspace=Keyspace(notify=self._hear))
        self.records: list[list[bytes]] | None = None  # instead of the command itself; None: the command as it came

    def _hear(self, event: str, key: bytes, database: int) -> None:
        if event != "keymiss":  # not a change, and told of by the database, not by a command
            self.events.append(f"{event} {key.decode()}")

    def see(self, command: Callable[..., Any], *arguments: object) -> Any:
        self.events.clear()
        reply = command(self.db, *arguments)
        self.records = self.db.journal.instead
        self.db.journal.commit(0, [b"the command"])
        return reply
