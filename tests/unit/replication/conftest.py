"""A server that replication can be told of, without a socket, a child or a clock that runs by itself."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.files.writer import Disk
from pycluster.keyspace.database import Database, Keyspace
from pycluster.keyspace.functions import Functions
from pycluster.persistence.incoming import IncomingFile
from pycluster.persistence.loading import Loader, Loading
from pycluster.protocol.errors import ReplyError
from pycluster.protocol.replies import Wait
from pycluster.replication.attached import AttachedReplica
from pycluster.replication.history import History
from pycluster.replication.primary import Primary


class Panicked(BaseException):
    """The server has ended its process."""


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, level: str, text: str) -> None:
        self.lines.append(text)

    def notice(self, text: str) -> None:
        self.lines.append(text)

    warning = notice

    def __contains__(self, part: str) -> bool:
        return any(part in line for line in self.lines)


class Loop:
    """Time stands still until it is told; what is to be called soon is called by `turn`."""

    def __init__(self) -> None:
        self.line: Line
        self.refuses = False
        self.now = 1000.0
        self._soon: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, work: Callable[..., None], *args: Any) -> None:
        self._soon.append(lambda: work(*args))

    def turn(self) -> None:
        while self._soon:
            self._soon.pop(0)()

    def create_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Nothing here ever has to wait."""
        with pytest.raises(StopIteration):
            work.send(None)

    async def create_connection(self, make: Callable[[], Any], ip: str, port: int, local_addr: Any = None) -> None:
        if self.refuses:
            raise ConnectionRefusedError(111, "Connection refused")
        self.line = Line(make())


class Line:
    """The primary's end of a connection that a replica has opened."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.is_closed = False
        self.is_paused = False
        self._received = b""
        protocol.connection_made(self)

    def write(self, raw: bytes) -> None:
        self._received += raw

    def heard(self) -> bytes:
        """What the replica has said since the last question."""
        received, self._received = self._received, b""
        return received

    def say(self, raw: bytes) -> None:
        self.protocol.data_received(raw)

    def cut(self) -> None:
        self.protocol.connection_lost(None)

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


@dataclass(eq=False)
class Link:
    """Keeps what was sent; the peer takes everything at once, unless it is told not to."""

    loop: Loop
    address: str = "10.0.0.9:55555"
    sent: bytes = b""
    is_closed: bool = False
    unsent: int = 0
    joins_packets: bool = False

    def send_bytes(self, raw: bytes) -> None:
        self.sent += raw

    def close(self, after_replies: bool = False) -> None:
        self.is_closed = True

    def join_packets(self) -> None:
        self.joins_packets = True

    def held_output(self) -> int:
        return self.unsent

    def when_taken(self, go_on: Callable[[], None]) -> None:
        self.loop.call_soon(go_on)

    def take(self) -> bytes:
        sent, self.sent = self.sent, b""
        return sent


@dataclass(eq=False)
class Client:
    link: Link
    replica: AttachedReplica | None = None
    last_write: list[int] = field(default_factory=lambda: [0])
    denies_blocking: bool = False
    reply: Any = None
    waiter: Any = None


@dataclass
class Snapshots:
    """A child is started and ended by the test."""

    path: str
    may_fork: bool = True
    is_saving: bool = False
    is_saving_to_disk: bool = False
    cancelled: bool = False
    done: Callable[[bool], None] | None = None
    hand_over: Callable[[bytes | None], None] | None = None
    loading: Loading | None = field(default_factory=lambda: Loading(0, aux={b"repl-stream-db": b"0"}))

    @property
    def must_wait(self) -> bool:
        return self.is_saving

    def save_in_background(self, done: Callable[[bool], None]) -> bool:
        self.is_saving = self.is_saving_to_disk = True
        self.done = done
        return True

    def end(self, content: bytes = b"FILE", well: bool = True) -> None:
        """The child has written its file, or failed."""
        Path(self.path).write_bytes(content)
        self.is_saving = self.is_saving_to_disk = False
        done, self.done = self.done, None
        assert done is not None
        done(well)

    def keep_for_replicas(self) -> None: ...

    def remove_what_replicas_got(self) -> None: ...

    def remove_what_primary_sent(self) -> None: ...

    def collect_in_background(self, request: Any, done: Callable[[bytes | None], None]) -> bool:
        self.hand_over = done
        return True

    def cancel(self) -> None:
        self.cancelled = True

    def load_directly(self, databases: Any, size: int, functions: Functions, beside: bool) -> Loader:
        return Loader(databases, size, lambda level, text: None, expire=False, functions=functions)

    def loaded_directly(self, loading: Loading | None) -> None: ...

    def incoming(self) -> IncomingFile:
        return IncomingFile(Disk(), self.path)

    async def load(self, expire: bool) -> Loading | None:
        """What is "loaded" is what the test says; the file itself needs to be no RDB."""
        return self.loading


@dataclass
class Host:
    """As replication.host.Host asks for."""

    snapshots: Snapshots
    log: Log = field(default_factory=Log)
    loop: Any = field(default_factory=Loop)
    rng: Random = field(default_factory=lambda: Random(1))
    keyspace: Keyspace = field(default_factory=Keyspace)
    statistics: Any = field(
        default_factory=lambda: SimpleNamespace(
            full_syncs=0, partial_syncs=0, refused_partial_syncs=0, replication_input=0, unexpected_errors=0
        )
    )
    performed: list[list[bytes]] = field(default_factory=list)
    failing_over: bool = False
    is_replica: bool = False
    too_few: bool = False
    limit: int = 1 << 30
    synced: int = -1
    loading: str = ""

    def __post_init__(self) -> None:
        self.journal = self.keyspace.journal
        self.databases = [Database(0, keyspace=self.keyspace)]
        self.config = SimpleNamespace(
            repl_backlog_size=1 << 20,
            repl_backlog_ttl=3600,
            repl_diskless_sync=False,
            repl_diskless_sync_delay=0,
            repl_diskless_sync_max_replicas=0,
            repl_ping_replica_period=10,
            repl_timeout=60,
            repl_diskless_load="disabled",
            repl_disable_tcp_nodelay=False,
            propagation_error_behavior="ignore",
            min_replicas_to_write=0,
            min_replicas_max_lag=10,
            save=(),
            bind_source_addr="",
            replica_announce_port=0,
            replica_announce_ip="",
            port=7002,
            masteruser="",
            masterauth=b"",
            replica_serve_stale_data=True,
            replica_priority=100,
            replica_read_only=True,
            replica_announced=True,
            on_change=lambda names, hook: None,
        )

    def mark_replica(self, client: Client) -> None: ...

    def set_replica(self, is_replica: bool) -> None:
        self.is_replica = is_replica

    def set_loading(self, is_loading: bool, beside: bool = False) -> None:
        self.loading = ("beside" if beside else "instead") if is_loading else ""

    def adopt_slot_imports(self, loading: Loading) -> None: ...

    def suspend_aof(self) -> None: ...

    def resume_aof(self) -> None: ...

    def unblock_clients(self) -> None: ...

    def drop_client(self, client: Client) -> None: ...

    def begin_batch(self) -> None: ...

    def new_primary_client(self, link: Any) -> Any:
        return SimpleNamespace(link=link, db=self.databases[0], transaction=None)

    def execute(self, client: Any, args: list[bytes]) -> object:
        """Notes the command; FAIL is not known here."""
        self.performed.append(args)
        return ReplyError("ERR unknown command 'FAIL'") if args[0] == b"FAIL" else "OK"

    def is_postponed(self, reply: object) -> bool:
        return False

    def set_few_replicas(self, too_few: bool) -> None:
        self.too_few = too_few

    def panic(self, why: str) -> None:
        raise Panicked(why)

    def wants_aof(self) -> bool:
        return self.synced >= 0

    def synced_offset(self) -> int:
        return self.synced

    def set_failing_over(self, is_so: bool) -> None:
        self.failing_over = is_so

    def is_failing_over(self) -> bool:
        return self.failing_over

    def fell_too_far_behind(self, client: Client, waiting: int) -> bool:
        return waiting > self.limit

    def end_wait(self, client: Client, reply: object) -> None:
        client.reply = reply


class World:
    """A primary and what happens to it."""

    def __init__(self, directory: Path) -> None:
        self.host = Host(Snapshots(str(directory / "dump.rdb")))
        self.history = History("a" * 40)
        self.primary = Primary(self.host, self.history)

    def client(self) -> Client:
        return Client(Link(self.host.loop))

    def write(self, *args: bytes, client: Client | None = None) -> None:
        """A command that changed something, to the end of its turn."""
        self.host.journal.dirty += 1
        self.host.journal.commit(0, list(args))
        if client is not None and self.host.journal.listeners:
            client.last_write = self.host.journal.place
        self.host.journal.flush()

    def introduced(self, port: int = 7002, **traits: Any) -> Client:
        """A client that has said that it is a replica."""
        client = self.client()
        known = self.primary.knowledge_of(client)
        known.port = port
        known.takes_new_ids = True
        for name, value in traits.items():
            setattr(known, name, value)
        return client

    def attached(self, port: int = 7002, **traits: Any) -> Client:
        """A replica that has been sent a file and is online."""
        client = self.introduced(port, **traits)
        self.primary.synchronize(client, "?", -1)
        self.host.snapshots.end()
        self.host.loop.turn()
        client.link.take()
        return client

    def wait(self, client: Client, replicas: int) -> Any:
        """WAIT: a number, or the fact that it waits."""
        reply = self.primary.wait(client, replicas, 0)
        if isinstance(reply, Wait):
            client.waiter = SimpleNamespace(wait=reply)
        self.host.loop.turn()
        return "waits" if isinstance(reply, Wait) else reply


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)
