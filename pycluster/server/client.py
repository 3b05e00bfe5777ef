"""A client's session: who it is, what it has said so far. Sockets and bytes are wire.py's.

`gate` is one integer, zero in ordinary life. A bit says that something about this client must be asked or done before
a command runs (admission.py knows what); a client without any goes straight to the command.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol

from pycluster.keyspace.database import Database

# The gates of a client

UNAUTHENTICATED = 1  # has not given the password
IN_TRANSACTION = 2  # between MULTI and EXEC: commands are queued
SUBSCRIBED = 4  # RESP2 with subscriptions: few commands are allowed
ASKING = 8  # the next command may use a slot that is being imported
FROM_PRIMARY = 16  # the stream of the server we replicate from: never refused, never answered
MUTED = 32  # CLIENT REPLY OFF
SKIPPING = 64  # CLIENT REPLY SKIP: the next reply
IS_REPLICA = 128  # a replica's link: it gets the stream, no ordinary replies
IMPORTS_SLOTS = 512  # the source of a migration of slots: obeyed, never answered
CLOSING = 256  # its connection ends; nothing it sent behind runs


class Link(Protocol):
    """What a client's connection can be asked for."""

    def send(self, reply: object) -> None:
        """A reply, or a push, outside of the answer to a request."""

    def resume(self) -> None:
        """The client waits no more: its next requests may run."""

    def yield_turn(self) -> None:
        """Others go first: the rest of what has arrived runs in the next turn."""

    def close(self, after_replies: bool = False) -> None:
        """Ends the connection, at once or when the replies so far are written."""

    @property
    def address(self) -> str: ...

    @property
    def local_address(self) -> str: ...

    def check_output(self) -> None:
        """Drops the client if it is too far behind in taking its replies."""

    def held_input(self) -> int:
        """Bytes received and not run yet."""

    def held_output(self) -> int:
        """Bytes of replies not taken by the peer yet."""

    @property
    def file_number(self) -> int: ...

    def authenticated(self, is_so: bool = True) -> None:
        """The client has given its password (or needs to give it again): how much it may send depends on that."""


@dataclass(slots=True)
class Transaction:
    """What stands between MULTI and EXEC."""

    queue: list[tuple[Any, list[bytes]]] = field(default_factory=list)  # (Command, arguments)
    refused: bool = False  # a command was not even queued: EXEC will say EXECABORT


@dataclass(slots=True, eq=False)
class Client:
    """One client of one server."""

    id: int
    server: Any  # the Server, which a client does not know by name: it is a floor's neighbour that holds clients
    db: Database
    link: Link
    created_ms: int = 0
    gate: int = 0
    resp: int = 2
    name: bytes = b""
    library_name: bytes = b""
    library_version: bytes = b""
    user: str = "default"
    transaction: Transaction | None = None
    watched: dict[tuple[int, bytes], Any] = field(default_factory=dict)  # by database and key: transactions.WatchedKey
    watch_broken: bool = False  # a watched key has changed: EXEC will answer null
    channels: dict[bytes, None] = field(default_factory=dict)
    patterns: dict[bytes, None] = field(default_factory=dict)
    shard_channels: dict[bytes, None] = field(default_factory=dict)
    waiter: Any = None  # server.blocking.Waiter while a command of this client waits
    readonly: bool = False  # READONLY: may read what my primary owns
    last_write: list[int] = field(default_factory=lambda: [0])  # the journal's place of it: what WAIT waits for
    last_command: Any = None  # the Command it ran last
    last_active_ms: int = 0
    import_job: Any = None  # slot_migration.job.Job, when this client is the source of one
    replica: Any = None  # the primary's knowledge of a replica, when this client is one
    no_evict: bool = False
    no_touch: bool = False
    takes_again: bool = False  # nobody may wait in the primary's stream, but it hands in again what takes time
    denies_blocking: bool = False  # inside EXEC or a script a command that would wait answers at once

    def up(self, gate: int) -> None:
        """Puts a gate up."""
        self.gate |= gate

    def down(self, gate: int) -> None:
        """Takes a gate away."""
        self.gate &= ~gate

    @property
    def subscriptions(self) -> int:
        """Channels and patterns, as SUBSCRIBE counts them (shard channels count apart)."""
        return len(self.channels) + len(self.patterns)

    def unwatch(self) -> None:
        """Forgets all WATCHed keys."""
        for watched in self.watched.values():
            watched.stop()
        self.watched.clear()
        self.watch_broken = False
