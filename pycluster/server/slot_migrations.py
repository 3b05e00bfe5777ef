"""Atomic migrations of slots, as a part of the server: the rules of slot_migration/ on sockets and on data.

At the source a job has a connection to its target (slot_export.py). At the target the source is a client whose commands
are obeyed, as a primary's are, and never answered; what they change goes into the journal like any change. Meanwhile
their slots are hidden: the keys are there, and who lists keys or picks any does not see them.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import hiredis

from pycluster.commands.table import Command
from pycluster.keyspace.database import IGNORE, Database
from pycluster.keyspace.slots import key_slot
from pycluster.persistence.slot_stream import SlotStream
from pycluster.protocol.errors import BadSyntax, MigratesAlready, NoSuchMigration, ReplyError, only_for_migrations
from pycluster.protocol.replies import NO_REPLY, encode_request
from pycluster.server.admission import MEMORY, REPLICA
from pycluster.server.blocking import POSTPONED
from pycluster.server.client import FROM_PRIMARY, IMPORTS_SLOTS, Client
from pycluster.server.config import Config
from pycluster.server.execute import find
from pycluster.server.pause import SLOT_MIGRATION
from pycluster.server.slot_export import Export
from pycluster.slot_migration.core import Migrations
from pycluster.slot_migration.effects import (
    Connect,
    DropKeys,
    Effect,
    HangUp,
    Hide,
    Log,
    Pause,
    Record,
    Send,
    SendSlots,
    Show,
    StopStream,
    TakeSlots,
    Unpause,
)
from pycluster.slot_migration.following import as_text, read_text
from pycluster.slot_migration.host import Settings
from pycluster.slot_migration.job import COMMAND_FAILED, Job
from pycluster.slot_migration.ranges import words_of

SETTINGS = (
    "repl-timeout cluster-manual-failover-timeout slot-migration-max-failover-repl-bytes "
    "cluster-slot-migration-log-max-len masteruser masterauth"
)
BETWEEN_THE_TWO = "ack paused snapshot-eof request-pause request-failover failover-granted".split()

CANNOT_READ = "Failed to send the slots. Check logs for more information"
FINISH_WORDS = 6  # STATE state NAME name MESSAGE text
ARGUMENTS_A_TURN = 2000  # of a source's commands that run before others have a turn

Args = list[bytes]


class SlotMigrations:
    """The migrations of one server; the core's host, too."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.core = Migrations(self, server.rng, settings_from(server.config))
        self._exports: dict[Job, Export] = {}
        self._imports: dict[Job, Client] = {}
        self._connecting: set[asyncio.Task[None]] = set()
        self._share = ARGUMENTS_A_TURN
        server.config.on_change(SETTINGS, self._reconfigure)
        server.cron.each_tick(self._tick)

    # Orders, which may raise a ReplyError

    def migrate(self, client: Client, words: Iterable[bytes]) -> None:
        """CLUSTER MIGRATESLOTS."""
        self._perform(self.core.migrate(list(words), _told_shortly(client), self._now()))

    def cancel(self, client: Client) -> None:
        """CLUSTER CANCELSLOTMIGRATIONS."""
        self._perform(self.core.cancel(_told_shortly(client), self._now()))

    def receive(self, client: Client, subcommand: bytes, words: tuple[bytes, ...]) -> object:
        """CLUSTER SYNCSLOTS: a word of the protocol, from whoever says it."""
        what = subcommand.lower().decode("latin-1")
        if client.gate & FROM_PRIMARY:
            if what in ("establish", "finish"):
                self._server.journal.record_anyway()
                self._perform(self.core.told([subcommand, *words], self._now()))
            return NO_REPLY
        if what == "establish":
            return self._establish(client, words)
        if what == "finish":  # which only a primary can say, or a file
            raise NoSuchMigration if len(words) >= FINISH_WORDS else BadSyntax
        if what == "capa":
            return NO_REPLY  # what the other side can besides: there is nothing that we could make use of
        if client.import_job is None:
            raise only_for_migrations(what.upper()) if what in BETWEEN_THE_TWO else BadSyntax
        self._perform(self.core.hear(client.import_job, subcommand, self._now()))
        return NO_REPLY

    def _establish(self, client: Client, words: tuple[bytes, ...]) -> str:
        if client.import_job is not None:
            raise MigratesAlready
        job, effects = self.core.establish(words, self._now())
        client.import_job = job
        client.denies_blocking = client.takes_again = True
        client.up(IMPORTS_SLOTS)
        self._imports[job] = client
        self._perform(effects)
        return "OK"

    # The source as a client

    def obey(self, client: Client, command: Command, args: Args) -> object:
        """A command of a source: it is not refused, its slots are not ours yet; if it fails, the job does."""
        server, job = self._server, client.import_job
        if server.pause.is_failover:
            return POSTPONED  # what replicas get must not grow now
        job.heard_ms = server.clock.now
        if (first := command.first) and not self._enter(client, command, args, first):
            self.complain(client, f"keys of other slots than its own in '{command.name}'")
            return NO_REPLY
        if server.gate & MEMORY and "denyoom" in command.flags and server.memory.is_full():
            server.log.warning(f"Slot migration {job.description} failed due to OOM")
            self._perform(self.core.failed(job, "Ran out of memory (OOM) during slot import", self._now()))
            return NO_REPLY
        keyspace = server.keyspace
        policy, keyspace.expired_keys = keyspace.expired_keys, IGNORE  # it is the source's to say which keys go
        try:
            reply = server.perform(client, command, args)
        finally:
            keyspace.expired_keys = policy
        if reply is POSTPONED:
            return reply
        if isinstance(reply, ReplyError):
            self.complain(client, f"'{reply.text}' after processing the command '{command.name}'")
        self._share -= len(args)
        if self._share < 0:
            self._share = ARGUMENTS_A_TURN
            client.link.yield_turn()
        return NO_REPLY

    @staticmethod
    def _enter(client: Client, command: Command, args: Args, first: int) -> bool:
        """Goes to the slot of the command's keys, if it is one of those that come."""
        try:
            keys = (args[first],) if first > 0 else command.keys(args)
        except ReplyError:
            return True  # arguments that make no sense: the command will say so
        slots = set(map(key_slot, keys))
        for slot in slots:
            client.db.enter(slot)
        return slots <= client.import_job.slots

    def complain(self, client: Client, what: str) -> None:
        """A command of a source cannot be carried out here: then the two have not the same data."""
        job = client.import_job
        self._server.log.warning(f"Slot migration {job.description}: {what}")
        self._perform(self.core.failed(job, COMMAND_FAILED, self._now()))

    def forget(self, client: Client) -> None:
        """The client has gone."""
        if client.import_job is not None:
            self.lost(client.import_job)

    # What an export tells

    def connected(self, job: Job) -> None:
        self._perform(self.core.connected(job, self._now()))

    def heard(self, job: Job, said: Any) -> None:
        """The target has said something: an answer, or a word of the protocol."""
        if isinstance(said, list) and len(said) >= 3 and said[:2] == [b"CLUSTER", b"SYNCSLOTS"]:
            self._perform(self.core.hear(job, said[2], self._now()))
        elif isinstance(said, hiredis.ReplyError):
            self._perform(self.core.answered(job, f"-{said}", self._now()))
        else:
            self._perform(self.core.answered(job, "+", self._now()))

    def sent_slots(self, job: Job) -> None:
        self._perform(self.core.sent_slots(job, self._now()))

    def lost(self, job: Job) -> None:
        """The connection is gone, or so far behind that it is given up."""
        self._perform(self.core.lost(job, self._now()))

    def cannot_read(self, job: Job, problem: Exception) -> None:
        """The slots are not sent to their end."""
        self._server.log_problem(f"Exception while slots were sent: {job.description}", problem)
        self._perform(self.core.failed(job, CANNOT_READ, self._now()))

    def is_too_much(self, waiting: int) -> bool:
        """Is a target too far behind, as a replica would be?"""
        hard = self._server.config.client_output_buffer_limit.replica.hard_bytes
        return bool(hard) and waiting >= hard

    def count_sent(self, length: int) -> None:
        """So many bytes have gone to a target."""
        self._server.statistics.net_output += length

    def soon(self, what: Callable[..., None], *args: Any) -> None:
        """In the next turn of the loop."""
        self._server.loop.call_soon(what, *args)

    # What happens around

    def told_of_owners(self) -> None:
        """Slots have changed hands, or this node its role."""
        if self.core.is_busy:
            self._perform(self.core.owners_changed(self._now()))

    def flushed(self) -> None:
        """All keys have been deleted."""
        if self.core.is_busy:
            self._perform(self.core.flushed(self._now()))

    def started(self) -> None:
        """We are a primary from the start: nobody carries on what the last run began."""
        self._perform(self.core.end_tracked("Process restarted", self._now()))

    def promoted(self) -> None:
        """We are a primary since now: nobody carries on what the last one began."""
        self._perform(self.core.end_tracked("A failover occurred during slot import", self._now()))

    def adopt(self, imports: bytes) -> None:
        """A dataset was loaded in which these imports were under way, if any."""
        try:
            read = read_text(imports.decode("latin-1"))
        except ValueError:
            self._server.log.warning(f"Slot imports in the dataset make no sense: {imports!r}")
            read = []
        if read or self.core.jobs.all:
            self._perform(self.core.adopt(read, self._now()))

    def imports_as_text(self) -> str:
        """What a snapshot must say of the slots that are on their way here."""
        return as_text(self.core.imports())

    def imports_as_commands(self) -> list[list[bytes]]:
        """The same for a base of commands."""
        head = [b"CLUSTER", b"SYNCSLOTS", b"ESTABLISH", b"NAME"]
        return [[*head, job.name.encode(), b"SLOTSRANGE", *words_of(job.ranges)] for job in self.core.imports()]

    def _tick(self) -> None:
        if self.core.jobs.all:
            self._perform(self.core.tick(self._now()))

    def _reconfigure(self, config: Config) -> None:
        self.core.jobs.settings = settings_from(config)

    def _now(self) -> int:
        return int(self._server.wall_ms())

    # Effects

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._perform_one(effect)

    def _perform_one(self, effect: Effect) -> None:
        server, db = self._server, self._db
        match effect:
            case Log(level, text):
                server.log.write(level, text)
            case Send(job, args):
                self._send(job, args)
            case Connect(job):
                self._connect(job)
            case HangUp(job):
                self._hang_up(job)
            case SendSlots(job):
                export = self._exports[job]
                export.begin_stream(SlotStream(db, server.journal, self._find, job.slots, export.take_changes))
            case StopStream(job):
                self._exports[job].stop_stream()
            case Pause(until_ms):
                server.pause.begin(SLOT_MIGRATION, until_ms, all_commands=False)
                server.journal.flush()  # what was written before goes before whatever is said next
            case Unpause():
                server.pause.end(SLOT_MIGRATION)
            case Hide(slots):
                server.slot_drops.finish()
                db.hidden.update(dict.fromkeys(slots))
            case Show(slots):
                for slot in slots:
                    db.hidden.pop(slot, None)
            case DropKeys(slots):
                server.slot_drops.drop(sorted(slots))
            case TakeSlots(slots):
                server.cluster.order(server.cluster.core.take_slots, slots)
            case Record(args) if not server.gate & REPLICA:
                server.slot_drops.record_behind(args)

    @property
    def _db(self) -> Database:
        """The only one that a cluster has."""
        database: Database = self._server.databases[0]
        return database

    def _find(self, args: Args) -> Command:
        table: dict[bytes, Command] = self._server.table
        command = table.get(args[0])
        if command is None or not command.min_args <= len(args) <= command.max_args:
            command = find(table, args)
        return command

    def _send(self, job: Job, args: tuple[bytes, ...]) -> None:
        if (export := self._exports.get(job)) is not None:
            export.send(args)
        elif (client := self._imports.get(job)) is not None:
            link: Any = client.link
            link.send_bytes(encode_request(list(args)))

    def _connect(self, job: Job) -> None:
        export = self._exports[job] = Export(self, job)
        node = self._server.cluster.state.nodes[job.target]
        self._server.log.notice(f"Connecting slot migration {job.description} (ip: {node.ip}, port {node.port})")
        task = self._server.loop.create_task(self._open(export, job, node.ip, node.port))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _open(self, export: Export, job: Job, ip: str, port: int) -> None:
        source = self._server.config.bind_source_addr
        try:
            await self._server.loop.create_connection(
                lambda: export, ip, port, local_addr=(source, 0) if source else None
            )
        except OSError as problem:
            reason = problem.strerror or str(problem)
            self._perform(self.core.connect_failed(job, reason, self._now()))

    def _hang_up(self, job: Job) -> None:
        export = self._exports.pop(job, None)
        if export is not None:
            export.close()
        client = self._imports.pop(job, None)
        if client is not None:
            client.link.close()

    # slot_migration.host.Host: what the core asks

    def my_id(self) -> str:
        return str(self._server.cluster.state.myself.id)

    def is_primary(self) -> bool:
        return not self._server.cluster.state.myself.is_replica

    def owner_of(self, slot: int) -> str | None:
        owner = self._server.cluster.state.slots.owner[slot]
        return None if owner is None else str(owner.id)

    def knows(self, node_id: str) -> bool:
        return node_id in self._server.cluster.state.nodes

    def human_name(self, node_id: str) -> str:
        node = self._server.cluster.state.nodes.get(node_id)
        return "" if node is None else str(node.human_nodename)

    def is_moving_slots_by_hand(self) -> tuple[bool, bool]:
        slots = self._server.cluster.state.slots
        return bool(slots.importing), bool(slots.migrating)

    def has_keys(self, slot: int) -> bool:
        return bool(self._db.slots[slot])

    def waiting_bytes(self, job: Job) -> int:
        export = self._exports.get(job)
        return 0 if export is None else export.waiting


def _told_shortly(client: Client) -> str:
    """The client as the log names it."""
    link, name = client.link, client.name.decode("latin-1")
    library, version = client.library_name.decode("latin-1"), client.library_version.decode("latin-1")
    return (
        f"id={client.id} addr={link.address} laddr={link.local_address} fd={link.file_number} name={name} "
        f"user={client.user} lib-name={library} lib-ver={version}"
    )


def settings_from(config: Config) -> Settings:
    """The core's settings, as the configuration has them."""
    user = (config.masteruser,) if config.masteruser else ()
    return Settings(
        silence_ms=config.repl_timeout * 1000,
        pause_ms=2 * config.cluster_manual_failover_timeout,
        most_waiting=config.slot_migration_max_failover_repl_bytes,
        log_length=config.cluster_slot_migration_log_max_len,
        credentials=(*user, config.masterauth) if config.masterauth else (),
    )
