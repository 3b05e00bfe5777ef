"""Keys that a task works on over several turns of the loop: whoever else wants them waits until they are released.

Redis does nothing else while it serializes a key, sends it or restores it. Here the loop goes on: MIGRATE, and DUMP and
RESTORE of big values, reserve their keys, and commands on these keys (a transaction that has one among its own, too)
are postponed: their connections keep the requests and hand them in again when keys are released. Commands that change
keys without naming them (FLUSHALL) wait for all. Who waits for a key (BLMOVE) and would change a reserved one is served
when that is released. Expiry and eviction pass reserved keys over. The primary's stream asks nobody: a task that finds
its value changed has to bear it.

A key is reserved in all databases at once, so that COPY and MOVE need no thought.
"""

from collections.abc import Iterable
from typing import Any

from pycluster.commands.table import Command
from pycluster.protocol.errors import ReplyError
from pycluster.server.admission import RESERVED
from pycluster.server.client import Client

Args = list[bytes]


class Reservations:
    """The reserved keys of one server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.keys: dict[bytes, int] = server.keyspace.reserved  # by how many tasks

    def reserve(self, keys: Iterable[bytes]) -> None:
        """From now on others must wait for these keys. (A RESTORE of the primary's may come upon a client's DUMP.)"""
        for key in dict.fromkeys(keys):
            self.keys[key] = self.keys.get(key, 0) + 1
        self._server.gate |= RESERVED

    def release(self, keys: Iterable[bytes]) -> None:
        """These keys are everybody's again, unless another task has them."""
        for key in dict.fromkeys(keys):
            self.keys[key] -= 1
            if not self.keys[key]:
                del self.keys[key]
        if not self.keys:
            self._server.gate &= ~RESERVED
        self._server.pause.retry()

    def hold_back(self, client: Client, command: Command, args: Args) -> bool:
        """Must the command wait for a key?"""
        if not self.keys:
            return False
        if command.name == "exec":
            queue = client.transaction.queue if client.transaction is not None else []
            return any(self._wants_reserved(queued, queued_args) for queued, queued_args in queue)
        return self._wants_reserved(command, args)

    def _wants_reserved(self, command: Command, args: Args) -> bool:
        if not command.first:
            return command.writes
        try:
            return any(key in self.keys for key in command.keys(args))
        except ReplyError:
            return False  # arguments that make no sense: the command will say so
