"""Commands of the append-only file, performed in the name of a client that nobody is.

They were accepted once, so no gate is asked and no answer sent; statistics don't count them. A command that fails now
says that the dataset is not what it was: that is shouted about, and loading goes on, as in Redis (networking.c,
`afterErrorReply`). What has expired stays until all is loaded: the file says itself, by its DELs, what went when.
"""

from time import perf_counter_ns
from typing import Any

from pycluster.keyspace.database import IGNORE
from pycluster.persistence.aof_loading import UnknownCommand
from pycluster.persistence.loading import Loading
from pycluster.protocol.errors import ReplyError
from pycluster.server.client import FROM_PRIMARY, IN_TRANSACTION, Client
from pycluster.server.execute import find


class Nobody:
    """The link of a client that is not connected to anything."""

    address = local_address = ""
    file_number = -1

    def send(self, reply: object) -> None:
        """Nobody hears it."""

    def resume(self) -> None:
        """Nobody waits."""

    def yield_turn(self) -> None:
        """Nobody has turns."""

    def close(self, after_replies: bool = False) -> None:
        """There is nothing to close."""

    def check_output(self) -> None:
        """Nothing is sent."""

    def held_input(self) -> int:
        return 0

    def held_output(self) -> int:
        return 0

    def authenticated(self, is_so: bool = True) -> None:
        """Nobody needs a password."""


class Replay:
    """Performs recorded commands on one server. `begin` before each slice, `end` when all is done."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._client = self._new_client()

    def begin(self) -> None:
        server = self._server
        server.timing.begin_batch(perf_counter_ns())
        server.clock.now = server.wall_ms()
        server.keyspace.expired_keys = IGNORE

    def took_base(self, loading: Loading) -> None:
        self._server.adopt_slot_imports(loading)

    def start_over(self) -> None:
        self._client = self._new_client()

    def end(self) -> None:
        self._server.choose_expiry()

    def perform(self, args: list[bytes]) -> bool:
        server, client = self._server, self._client
        command = server.table.get(args[0])
        if command is None or not command.min_args <= len(args) <= command.max_args:
            try:
                command = find(server.table, args)
            except ReplyError as error:
                if error.text.startswith(("ERR unknown command", "ERR unknown subcommand")):
                    raise UnknownCommand(args[0].decode("latin-1")) from None
                self._shout(error, None)
                return client.transaction is None
        if client.gate & IN_TRANSACTION and command.name != "exec":
            assert client.transaction is not None
            client.transaction.queue.append((command, args))
            return False
        server.routing.enter_anyway(client, command, args)
        try:
            reply = command.run(client, args)
        except ReplyError as error:
            server.journal.forget()
            reply = error
        journal = server.journal
        if journal.dirty or journal.early:
            journal.commit(client.db.index, args)
        if reply.__class__ is list or isinstance(reply, ReplyError):
            for part in reply if isinstance(reply, list) else (reply,):
                if isinstance(part, ReplyError):
                    self._shout(part, command)
        return client.transaction is None

    def _shout(self, error: ReplyError, command: Any) -> None:
        name = command.name if command is not None else "<unknown>"
        self._server.log.warning(
            f"== CRITICAL == This server is sending an error to its AOF-loading-client: '{error.text}' "
            f"after processing the command '{name}'"
        )
        self._server.statistics.unexpected_errors += 1
        if self._server.config.propagation_error_behavior == "panic":
            self._server.panic(
                f"This server panicked sending an error to its AOF-loading-client after processing the command '{name}'"
            )

    def _new_client(self) -> Client:
        server = self._server
        client = Client(0, server, server.databases[0], Nobody(), server.wall_ms())
        client.gate = FROM_PRIMARY
        client.denies_blocking = True
        return client
