"""What replication asks of the server that it is a part of, and what it is told by it.

Both roles are written against this, so that they know no session, no gate and no socket of the server's.
"""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any, Protocol

from pycluster.keyspace.database import Database, Keyspace
from pycluster.keyspace.journal import Journal
from pycluster.persistence.snapshot import Snapshots


class Link(Protocol):
    """A connection that a client talks through. Writing never blocks: what the peer does not take piles up."""

    def send_bytes(self, raw: bytes) -> None:
        """The stream: leaves at the end of the turn, behind what was sent before."""

    def close(self, after_replies: bool = False) -> None: ...

    def join_packets(self) -> None:
        """Fewer packets, each somewhat later."""

    def held_output(self) -> int:
        """Bytes that the peer has not taken."""

    def when_taken(self, go_on: "Callback") -> None:
        """Calls once when the peer has taken most of what was sent."""

    @property
    def address(self) -> str: ...


class Callback(Protocol):
    def __call__(self) -> None: ...


class Host(Protocol):
    """The server, as replication sees it."""

    config: Any
    log: Any
    loop: asyncio.AbstractEventLoop
    rng: Random
    keyspace: Keyspace
    journal: Journal
    databases: Sequence[Database]
    statistics: Any
    snapshots: Snapshots

    def panic(self, why: str) -> None:
        """Ends the process at once, where going on would do harm."""

    def set_replica(self, is_replica: bool) -> None:
        """The role has changed: what clients may do, who is in charge of expiry, the letter in the log."""

    def set_loading(self, is_loading: bool, beside: bool = False) -> None:
        """The dataset is being replaced: clients are told to wait. `beside`: only those who would change it."""

    def set_few_replicas(self, too_few: bool) -> None:
        """Fewer replicas than min-replicas-to-write are well: writes are refused."""

    def suspend_aof(self) -> None:
        """The dataset is about to be replaced: the append-only file ends here."""

    def resume_aof(self) -> None:
        """The dataset is whole: it is to be in the append-only file again, if there is to be one."""

    def wants_aof(self) -> bool:
        """Is there to be an append-only file?"""

    def synced_offset(self) -> int:
        """Up to where in the stream is our append-only file safe on the disk? -1: there is none."""

    def set_failing_over(self, is_so: bool) -> None:
        """FAILOVER has begun, or ended: meanwhile writes stand still."""

    def is_failing_over(self) -> bool:
        """Writes stand still until a replica has all of them: the stream must not grow meanwhile."""

    def new_primary_client(self, link: Any) -> Any:
        """A client whose commands come from our primary: never refused, never answered."""

    def drop_client(self, client: Any) -> None: ...

    def begin_batch(self) -> None:
        """Commands are about to run: what time is it?"""

    def execute(self, client: Any, args: list[bytes]) -> object:
        """Runs a command of the primary's."""

    def is_postponed(self, reply: object) -> bool:
        """Does the reply to a command of the primary's say that it takes time, and is to be handed in again?"""

    def mark_replica(self, client: Any) -> None:
        """From now on this client is one of our replicas."""

    def fell_too_far_behind(self, client: Any, waiting: int) -> bool:
        """Is this replica beyond its output buffer limit with so many bytes waiting?"""

    def end_wait(self, client: Any, reply: object) -> None:
        """A client that waited for replicas (WAIT) gets its answer."""

    def unblock_clients(self) -> None:
        """We are no primary any more: who waits for a key here waits in vain."""
