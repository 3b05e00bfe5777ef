"""One server: an assembly of named parts, each with its own state.

Built here in the order of dependence, once; what a part needs of another it finds by name. Nothing is global: several
servers can live in one process and one event loop. What is *done* with the parts is elsewhere: requests in execute.py,
the passage of time in cron.py, the start in `__main__`.
"""

import asyncio
import os
import traceback
from collections.abc import Callable, Iterable
from random import Random
from time import monotonic_ns, perf_counter_ns, time
from typing import Any

from pycluster.commands.table import Command, Group, build_table, commands_of
from pycluster.files.writer import Disk
from pycluster.keyspace.database import FOREVER_MS, HIDE, REMOVE, Clock, Database, Keyspace
from pycluster.keyspace.expiry import ExpiryCycle
from pycluster.keyspace.journal import Journal
from pycluster.keyspace.notifications import notifier
from pycluster.keyspace.slots import SLOTS
from pycluster.persistence.forks import Forks
from pycluster.persistence.loading import Loading
from pycluster.protocol.errors import ProtectedMode, ReplyError, TooManyClients, TooManyConnections
from pycluster.protocol.replies import Push, Several
from pycluster.rdb.opcodes import SLOT_IMPORTS
from pycluster.server import clients, data_part
from pycluster.server.admission import FEW_REPLICAS, LOADING, LOADING_BESIDE, REPLICA, Admission
from pycluster.server.big_values import BigValues
from pycluster.server.blocking import POSTPONED, Blocking
from pycluster.server.client import FROM_PRIMARY, IMPORTS_SLOTS, IS_REPLICA, SUBSCRIBED, UNAUTHENTICATED, Client, Link
from pycluster.server.config import Config
from pycluster.server.cron import Cron, collect_garbage
from pycluster.server.directive_kinds import OutputLimit
from pycluster.server.execute import build_execute
from pycluster.server.info_server import build_info
from pycluster.server.log import Log
from pycluster.server.memory import Memory
from pycluster.server.migration import Migration
from pycluster.server.pause import FAILOVER, Pause
from pycluster.server.pubsub import PubSub
from pycluster.server.reservations import Reservations
from pycluster.server.routing import Routing
from pycluster.server.shutdown import Shutdown
from pycluster.server.slot_drops import SlotDrops
from pycluster.server.slot_migrations import SlotMigrations
from pycluster.server.slot_stats import SlotStats
from pycluster.server.statistics import Statistics, Timing
from pycluster.server.turn import Turn


def _now_us() -> int:
    return monotonic_ns() // 1000


class Server:
    """The parts of one server. `groups` are the families of commands it knows."""

    def __init__(
        self,
        config: Config,
        groups: Iterable[Group],
        log: Log,
        loop: asyncio.AbstractEventLoop,
        rng: Random | None = None,
        disk: Disk | None = None,
        may_fork: bool = True,
    ) -> None:
        """`may_fork`: is the process ours, so that it may have children? Who embeds a server says no."""
        self.config = config
        self.log = log
        self.loop = loop
        self.rng = rng or Random()
        self.disk = disk or Disk()
        self.forks = Forks(
            loop,
            may_fork,
            databases=lambda: self.databases,
            say=lambda line: self.log.notice(line),
        )
        self.run_id = f"{self.rng.getrandbits(160):040x}"
        self.started_ms = self.wall_ms()
        self.gate = 0
        self.statistics = Statistics()
        self.timing = Timing()
        self.turn = Turn(loop)

        self.clustered: bool = config.cluster_enabled
        self.cluster: Any = None  # server.cluster_part.ClusterPart, once it has started
        self.served = bytearray(SLOTS)  # 1: mine, stable, and the cluster is ok; the cluster rewrites it
        self.clock = Clock(self.started_ms)
        self.journal = Journal(self.turn.schedule)
        self.keyspace = Keyspace(self.clock, self.rng, self.journal)
        self.databases = [
            Database(index, SLOTS if self.clustered else 1, self.keyspace)
            for index in range(1 if self.clustered else config.databases)
        ]
        self.clients: dict[int, Client] = {}
        self._next_client_id = 1
        self._warned_of_attack_ms = 0
        self.pubsub = PubSub()
        self._tell_events(config)
        config.on_change("notify-keyspace-events", self._tell_events)
        self._name_expiry(config)
        config.on_change("lazyfree-lazy-expire", self._name_expiry)
        self._size_stream_nodes(config)
        config.on_change("stream-node-max-bytes", self._size_stream_nodes)
        config.on_change("stream-node-max-entries", self._size_stream_nodes)
        self.pause = Pause(self)
        self.running: Link | None = None  # the connection whose batch of requests runs now
        self.pushes: list[Push] = []  # for its client, by its own command: they come behind the reply to that
        self.blocking = Blocking(self)
        self.reservations = Reservations(self)
        self.big_values = BigValues(self)
        self.routing = Routing(self)
        self.admission = Admission(self)
        self.table: dict[bytes, Command] = build_table(groups)
        self.refuse: Callable[[Client, Command | None, ReplyError], ReplyError]
        self.execute, self.perform = build_execute(self)
        self.turn.always(self.journal.flush)
        self.expiry = ExpiryCycle()
        self.expires_actively = True  # DEBUG SET-ACTIVE-EXPIRE
        self.cron = Cron(self)
        self.memory = Memory(self)
        self.info = build_info(self)
        self.shutdown = Shutdown(self)
        self.migration = Migration(self)
        self.slot_drops = SlotDrops(self)
        self.slot_migrations = SlotMigrations(self)
        self.snapshots, self.aof, self.disk_trouble, self.replication = data_part.build(self)
        self.replication.replica.synchronized.append(self.adopt_slot_imports)
        self.slot_stats = SlotStats(self)
        self.cron.each_tick(self.expire_keys)
        self.cron.each_tick(self.memory.tick)
        self.cron.each_second(self.memory.count_buffers)
        self.cron.each_second(self.sample_rates)
        self.cron.each_second(self.close_idle_clients)
        self.cron.each_second(collect_garbage)

    @staticmethod
    def wall_ms() -> int:
        """The wall clock, milliseconds since 1970."""
        return int(time() * 1000)

    @property
    def role(self) -> str:
        """"master" or "slave", as clients are told."""
        return "slave" if self.gate & REPLICA else "master"

    # Clients

    def new_client(self, link: Link) -> Client:
        """A client for a connection that has just come in."""
        client = Client(self._next_client_id, self, self.databases[0], link, self.wall_ms())
        client.last_active_ms = client.created_ms
        self._next_client_id += 1
        if self.config.requirepass:
            client.up(UNAUTHENTICATED)
        self.clients[client.id] = client
        self.statistics.connections += 1
        return client

    def refuse_connection(self, link: Link) -> ReplyError | None:
        """Why this connection is not wanted, if it is not."""
        if len(self.clients) >= self.config.maxclients:
            self.statistics.rejected_connections += 1
            return TooManyClients() if not self.clustered else TooManyConnections()
        if self.config.protected_mode and not self.config.requirepass and not clients.is_local(link.address):
            self.statistics.rejected_connections += 1
            return ProtectedMode()
        return None

    def drop_client(self, client: Client) -> None:
        """The client's connection has ended: nothing of it remains."""
        if self.clients.pop(client.id, None) is None:
            return
        self.replication.primary.forget(client)
        self.blocking.forget(client)
        self.pause.forget(client)
        self.big_values.forget(client)
        self.pubsub.forget(client)
        self.slot_migrations.forget(client)
        client.unwatch()
        client.transaction = None

    def describe(self, client: Client) -> str:
        """The client as CLIENT LIST shows it."""
        return clients.describe(client, self.clock.now)

    def output_limits(self, client: Client) -> OutputLimit:
        """How far behind clients of this one's class may be."""
        limits = self.config.client_output_buffer_limit
        if client.gate & IS_REPLICA:
            return limits.replica
        if client.gate & SUBSCRIBED or client.subscriptions or client.shard_channels:
            return limits.pubsub
        return limits.normal

    def close_idle_clients(self) -> None:
        """`timeout`: who has said nothing for that long goes, unless it waits for us (networking.c, clientsCron)."""
        patience_ms = self.config.timeout * 1000
        for client in list(self.clients.values()):
            client.link.check_output()
            if not patience_ms or client.gate & (IS_REPLICA | FROM_PRIMARY | IMPORTS_SLOTS):
                continue
            if client.waiter is not None or self.pause.holds_back(client):
                continue
            if client.channels or client.patterns or client.shard_channels:
                continue
            if self.clock.now - client.last_active_ms > patience_ms:
                self.log.verbose("Closing idle client")
                client.link.close()

    # Periodic work

    def expire_keys(self) -> None:
        """Active expiry, unless data is to stand still."""
        if self.expires_actively and not self.pause.stops_changes:
            self.expiry.run(self.databases, self.config.hz, self.config.active_expire_effort, _now_us)
            if self.blocking.ready:
                self.blocking.serve()

    def sample_rates(self) -> None:
        """INFO's figures per second."""
        statistics, now = self.statistics, self.wall_ms()
        statistics.commands.take(self.commands_processed, now)
        statistics.cycles.take(self.turn.cycles.count, now)
        statistics.cycle_us.take(self.turn.cycles.nanoseconds // 1000, now)
        statistics.input_rate.take(statistics.net_input + statistics.replication_input, now)
        statistics.output_rate.take(statistics.net_output + statistics.replication_output, now)
        statistics.replication_input_rate.take(statistics.replication_input, now)
        statistics.replication_output_rate.take(statistics.replication_output, now)

    @property
    def commands_processed(self) -> int:
        """All calls of all commands."""
        entries = commands_of(self.table)
        return sum(entry.calls + sum(sub.calls for sub in entry.subcommands.values()) for entry in entries)

    def _tell_events(self, config: Config) -> None:
        """notify-keyspace-events says who is to hear of changes of keys."""
        self.keyspace.notify = notifier(config.notify_keyspace_events, self.pubsub.publish)
        for db in self.databases:
            db.tell_of_new_keys("n" in config.notify_keyspace_events)

    def _name_expiry(self, config: Config) -> None:
        """lazyfree-lazy-expire says what others are told of a key that has expired."""
        self.keyspace.expire_record = b"UNLINK" if config.lazyfree_lazy_expire else b"DEL"

    def _size_stream_nodes(self, config: Config) -> None:
        """stream-node-max-bytes and -entries say when a node of a stream is full."""
        self.keyspace.stream_node_bytes = config.stream_node_max_bytes
        self.keyspace.stream_node_entries = config.stream_node_max_entries

    def choose_expiry(self) -> None:
        """Who finds a key past its deadline removes it, unless that is the primary's to do or data must stand still."""
        may_not = self.gate & REPLICA or self.pause.stops_changes
        self.keyspace.expired_keys = HIDE if may_not else REMOVE

    # What replication asks for (replication.host.Host)

    def set_replica(self, is_replica: bool) -> None:
        """The role has changed: what clients may do, who removes expired keys, the letter in the log."""
        self._set_gate(REPLICA, is_replica)
        self.log.is_replica = is_replica
        self.choose_expiry()

    def set_loading(self, is_loading: bool, beside: bool = False) -> None:
        """The dataset is being read or replaced: clients are told to wait. `beside`: only those who must."""
        self._set_gate(LOADING, is_loading and not beside)
        self._set_gate(LOADING_BESIDE, is_loading and beside)

    def set_few_replicas(self, too_few: bool) -> None:
        """Fewer replicas than min-replicas-to-write are well: writes are refused."""
        self._set_gate(FEW_REPLICAS, too_few)

    def _set_gate(self, gate: int, up: bool) -> None:
        self.gate = self.gate | gate if up else self.gate & ~gate

    @property
    def is_loading(self) -> bool:
        return bool(self.gate & (LOADING | LOADING_BESIDE))

    def adopt_slot_imports(self, loading: Loading) -> None:
        """A dataset has been loaded: were slots on their way to where it was made?"""
        self.slot_migrations.adopt(loading.aux.get(SLOT_IMPORTS, b""))

    def suspend_aof(self) -> None:
        """The dataset is about to be replaced."""
        data_part.suspend_aof(self)

    def resume_aof(self) -> None:
        """The dataset is whole again: it is to be in the append-only file, if there is to be one."""
        data_part.resume_aof(self)

    def wants_aof(self) -> bool:
        """Is there to be an append-only file?"""
        return bool(self.config.appendonly)

    def synced_offset(self) -> int:
        """Up to where in the stream is our append-only file safe on the disk? -1: there is none."""
        return self.aof.synced_offset

    def set_failing_over(self, is_so: bool) -> None:
        """FAILOVER has begun, or ended: meanwhile writes stand still."""
        if is_so:
            self.pause.begin(FAILOVER, FOREVER_MS, all_commands=False)
        else:
            self.pause.end(FAILOVER)

    def is_failing_over(self) -> bool:
        """Writes stand still until a replica has all of them: the stream must not grow meanwhile."""
        return self.pause.is_failover

    def begin_batch(self) -> None:
        """Commands of our primary's are about to run: what time is it?"""
        self.timing.begin_batch(perf_counter_ns())
        self.clock.now = self.wall_ms()

    def new_primary_client(self, link: Link) -> Client:
        """A client whose commands come from our primary: never refused, never answered, never made to wait."""
        client = self.new_client(link)
        client.gate = FROM_PRIMARY
        client.denies_blocking = client.takes_again = True
        return client

    @staticmethod
    def is_postponed(reply: object) -> bool:
        """Does the reply to a command of our primary's say that it takes time, and is to be handed in again?"""
        return reply is POSTPONED

    def mark_replica(self, client: Client) -> None:
        """From now on this client is one of our replicas."""
        client.up(IS_REPLICA)

    def fell_too_far_behind(self, client: Client, waiting: int) -> bool:
        """Is this replica, with so many bytes waiting for it, beyond the limit that no replica may reach?"""
        hard = self.output_limits(client).hard_bytes
        return bool(hard) and waiting >= hard

    def end_wait(self, client: Client, reply: object) -> None:
        """A client that waited for replicas (WAIT) gets its answer."""
        if client.waiter is not None:
            self.blocking.end(client.waiter, reply)

    def unblock_clients(self) -> None:
        """We are no primary any more: who waits for a key here waits in vain."""
        self.blocking.end_all_by_demotion()

    # Books

    def with_pushes(self, client: Client, reply: object) -> object:
        """The reply of a command, and behind it what the client has been sent meanwhile by its own doing."""
        if client.link is not self.running:
            return reply
        pushes = self.pushes.copy()
        self.pushes.clear()
        return Several([reply, *pushes])

    def warn_of_attack(self, client: Client) -> None:
        """Somebody speaks HTTP to us: a web page may have been told to. Said once a minute."""
        if self.clock.now - self._warned_of_attack_ms > 60_000:
            self._warned_of_attack_ms = self.clock.now
            self.log.warning(
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. "
                "This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis "
                f"instance. Connection from {client.link.address} aborted."
            )

    def log_exception(self, problem: Exception, client: Client, command: Command) -> None:
        """A command failed by our own fault: everything about it goes to the log, and the server lives on."""
        self.log_problem(f"Exception in command '{command.name}' of client {self.describe(client)}", problem)

    def log_problem(self, where: str, problem: BaseException) -> None:
        """An exception that should not have been, with its traceback."""
        self.log.warning(where)
        for line in "".join(traceback.format_exception(problem)).splitlines():
            self.log.warning(line)

    def perform_again(self, client: Client, command: Command, args: list[bytes]) -> object:
        """Runs the request of a waiting client once more."""
        self.journal.interrupt()
        return self.perform(client, command, args)

    def panic(self, why: str) -> None:
        """The same, with Redis' famous last words."""
        self.log.warning("------------------------------------------------")
        self.log.warning("!!! Software Failure. Press left mouse button to continue")
        self.log.warning(f"Guru Meditation: {why}")
        self.log.warning("------------------------------------------------")
        self.die()

    def die(self) -> None:
        """Ends the process at once, where going on would do harm. (Who embeds a server puts something else here.)"""
        os._exit(1)

    def path(self, name: str) -> str:
        """A file of this server, inside its `dir`."""
        return os.path.join(self.config.dir, name)
