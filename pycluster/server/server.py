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
from time import time
from typing import Any

from pycluster.commands.table import Command, Group, build_table
from pycluster.keyspace.database import Clock, Database, Keyspace
from pycluster.keyspace.journal import Journal
from pycluster.keyspace.slots import SLOTS
from pycluster.protocol.errors import ProtectedMode, ReplyError, TooManyClients
from pycluster.server import clients
from pycluster.server.admission import REPLICA, Admission
from pycluster.server.blocking import Blocking
from pycluster.server.client import IS_REPLICA, SUBSCRIBED, UNAUTHENTICATED, Client, Link
from pycluster.server.config import Config
from pycluster.server.cron import Cron, collect_garbage
from pycluster.server.directive_kinds import OutputLimit
from pycluster.server.execute import build_execute
from pycluster.server.log import Log
from pycluster.server.pause import Pause
from pycluster.server.pubsub import PubSub
from pycluster.server.routing import Routing
from pycluster.server.statistics import Statistics, Timing
from pycluster.server.turn import Turn

READ_BUFFER = 16 * 1024


class Server:
    """The parts of one server. `groups` are the families of commands it knows."""

    def __init__(
        self,
        config: Config,
        groups: Iterable[Group],
        log: Log,
        loop: asyncio.AbstractEventLoop,
        rng: Random | None = None,
    ) -> None:
        self.config = config
        self.log = log
        self.loop = loop
        self.rng = rng or Random()
        self.run_id = f"{self.rng.getrandbits(160):040x}"
        self.started_ms = self.wall_ms()
        self.gate = 0
        self.statistics = Statistics()
        self.timing = Timing()
        self.turn = Turn(loop)
        self.read_buffer = bytearray(READ_BUFFER)

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
        self.pubsub = PubSub()
        self.pause = Pause(self)
        self.blocking = Blocking(self)
        self.routing = Routing(self)
        self.admission = Admission(self)
        self.table: dict[bytes, Command] = build_table(groups)
        self.refuse: Callable[[Client, Command | None, ReplyError], ReplyError]
        self.execute, self.perform = build_execute(self)
        self.turn.always(self.journal.flush)
        self.cron = Cron(self)
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
        if len(self.clients) > self.config.maxclients:
            self.statistics.rejected_connections += 1
            return TooManyClients()
        if self.config.protected_mode and not self.config.requirepass and not clients.is_local(link.address):
            self.statistics.rejected_connections += 1
            return ProtectedMode()
        return None

    def drop_client(self, client: Client) -> None:
        """The client's connection has ended: nothing of it remains."""
        if self.clients.pop(client.id, None) is None:
            return
        self.blocking.forget(client)
        self.pause.forget(client)
        self.pubsub.forget(client)
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

    # Books

    def note_batch(self, nanoseconds: int) -> None:
        """A connection has run a batch of requests."""
        self.statistics.turns += 1
        self.statistics.turns_ns += nanoseconds

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
        return self.perform(client, command, args)

    def path(self, name: str) -> str:
        """A file of this server, inside its `dir`."""
        return os.path.join(self.config.dir, name)
