"""Runs one request: find the command, ask the gates, find the slot, call the function, keep the books.

The road of the ordinary request is `execute`, and it is bought: one function with everything it reads in local names.
What is rare leaves it at once: a name in odd letters or a subcommand (`find`), a gate that is up (admission.py), a
slot that is not simply ours (routing.py). `perform` is its part behind all questions; EXEC, blocked clients and the
primary's stream use it too.

What a request comes to is a reply value. Two of them mean that there is none now: BLOCKED (the command waits; the
reply will be sent) and POSTPONED (clients are paused, or the keys reserved; the request is to be handed in
again).
"""

from binascii import crc_hqx
from collections.abc import Callable
from time import perf_counter_ns, time
from typing import Any

from pycluster.commands.table import Command
from pycluster.keyspace.slots import key_slot
from pycluster.protocol.errors import (
    InternalError,
    ReplyError,
    SubcommandMisused,
    subcommand_misused,
    unknown_command,
    unknown_subcommand,
    wrong_number_of_arguments,
)
from pycluster.protocol.replies import Wait
from pycluster.server.client import Client
from pycluster.server.statistics import WALL_CLOCK_EVERY_NS

Args = list[bytes]
Execute = Callable[[Client, Args], object]
Perform = Callable[[Client, Command, Args], object]


def build_execute(server: Any) -> tuple[Execute, Perform]:
    """The `execute` and the `perform` of one server."""
    table: dict[bytes, Command] = server.table
    journal = server.journal
    errors = server.statistics.errors
    timing = server.timing
    clustered: bool = server.clustered
    served: bytearray = server.served
    admit = server.admission.admit
    refuse_unknown = server.admission.refuse_unknown
    route = server.routing.refusal
    enter = server.routing.enter
    ready = server.blocking.ready
    pushes = server.pushes
    now_ns = perf_counter_ns

    def execute(client: Client, args: Args, command: Command | None = None) -> object:
        """The reply to one request. If its command is given, all questions have been asked before."""
        if command is None:
            command = table.get(args[0])
            if command is None or not command.min_args <= len(args) <= command.max_args:
                try:
                    command = find(table, args)
                except ReplyError as unknown:
                    return refuse_unknown(client, args, unknown)
            if client.gate or server.gate:
                return admit(client, command, args)
            if clustered and (first := command.first):
                if first > 0:
                    key = args[first]
                    slot = key_slot(key) if 123 in key else crc_hqx(key, 0) & 16383
                    if not served[slot] and (elsewhere := route(client, command, slot, [key])) is not None:
                        return refuse(client, command, elsewhere)
                    db = client.db
                    db.slot = slot
                    db.here = db.slots[slot]
                    db.due = db.deadlines[slot]
                elif (elsewhere := enter(client, command, args)) is not None:
                    return refuse(client, command, elsewhere)

        client.last_command = command
        run = command.run
        try:
            reply = run(client, args)
        except ReplyError as error:
            reply = error if error.__class__ is not SubcommandMisused else subcommand_misused(args)
            journal.forget()
            count_failure(command, reply)
        except Exception as problem:
            reply = InternalError()
            journal.forget()
            count_failure(command, reply)
            server.log_exception(problem, client, command)
        if journal.dirty or journal.early:
            journal.commit(client.db.index, args)
            if journal.listeners:
                client.last_write = journal.place
        now = now_ns()
        spent = now - timing.then
        timing.then = now
        command.nanoseconds += spent
        command.histogram[spent.bit_length()] += 1
        if now > timing.wall_due and not timing.frozen:
            timing.wall_due = now + WALL_CLOCK_EVERY_NS
            server.clock.now = int(time() * 1000)
        if ready and not timing.frozen:
            server.blocking.serve()
        if reply.__class__ is Wait:
            return server.blocking.park(client, command, args, reply)
        if pushes and not timing.frozen:
            return server.with_pushes(client, reply)
        return reply

    def perform(client: Client, command: Command, args: Args) -> object:
        """Calls the command; then journal, statistics, and whoever waited for its keys."""
        return execute(client, args, command)

    def refuse(client: Client, command: Command | None, error: ReplyError) -> ReplyError:
        """The command is not run at all; in a transaction, that spoils the transaction."""
        if command is not None:
            command.rejected += 1
        errors[error.code] = errors.get(error.code, 0) + 1
        if client.transaction is not None:
            client.transaction.refused = True
        return error

    def count_failure(command: Command, error: ReplyError) -> None:
        command.failed += 1
        errors[error.code] = errors.get(error.code, 0) + 1

    server.refuse = refuse
    return execute, perform


def find(table: dict[bytes, Command], args: Args) -> Command:
    """The command of a request, whatever the letter case, and its subcommand; raises the error that says why not."""
    command = table.get(args[0]) or table.get(args[0].lower())
    if command is None:
        raise unknown_command(args)
    if command.subcommands and len(args) > 1:
        subcommand = command.subcommands.get(args[1].lower())
        if subcommand is None:
            raise unknown_subcommand(command.name, args[1])
        command = subcommand
    elif command.subcommands and command.declaration.arity == -1:
        return command  # COMMAND alone
    if not command.min_args <= len(args) <= command.max_args:
        raise wrong_number_of_arguments(command.name)
    return command


