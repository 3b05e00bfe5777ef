"""The replica's side of replication: to find the primary, to get its dataset or what was missed, to follow its stream.

An attempt goes CONNECTING, HANDSHAKE, SYNC (only if everything must be sent), CONNECTED. Whatever breaks leads back to
CONNECT, and from there on; what the replica has meanwhile stays as it is, and `position` says that the stream can be
taken up again where it broke off. A whole dataset goes to the disk first and takes the old one's place when it is
complete.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pycluster.keyspace.database import HIDE, IGNORE
from pycluster.keyspace.dropping import empty_dataset
from pycluster.persistence.incoming import IncomingFile
from pycluster.persistence.loading import Loading
from pycluster.protocol.errors import ProtocolError, ReplyError
from pycluster.protocol.replies import encode_request
from pycluster.rdb.errors import Unreadable
from pycluster.replication import direct_load, handshake
from pycluster.replication.direct_load import DirectLoad
from pycluster.replication.failover import Failover
from pycluster.replication.handshake import Action, Handshake, Introduction
from pycluster.replication.history import NO_ID, History
from pycluster.replication.host import Host
from pycluster.replication.link import PrimaryLink
from pycluster.replication.primary import Primary
from pycluster.replication.stream import PrimaryStream
from pycluster.replication.transfer import Transfer, TransferFailed

COMMANDS_A_TURN = 1000  # of the primary's; then others go first


class State(StrEnum):
    """What a replica is about, in the words of ROLE."""

    NONE = "none"  # it is no replica
    CONNECT = "connect"  # it will try again within a second
    CONNECTING = "connecting"
    HANDSHAKE = "handshake"
    SYNC = "sync"
    CONNECTED = "connected"


def stream_db(loading: Loading, databases: int) -> int | None:
    """The database selected in the stream at the place where a dataset was saved; None if it does not say."""
    said = loading.aux.get(b"repl-stream-db", b"")
    return int(said) if said.isdigit() and int(said) < databases else None


class Diverged(Exception):
    """The primary did what cannot be done here: from now on the datasets would differ."""


class Replica:
    """One server's life as a replica; while it is none, `address` is None."""

    def __init__(self, host: Host, history: History, primary: Primary) -> None:
        self.address: tuple[str, int] | None = None
        self.state = State.NONE
        self.position: int | None = None  # the database selected where the stream can be taken up; None: it can't be
        self.transfer: Transfer | None = None
        self.last_heard = 0.0
        self.down_since: float | None = None
        self.failover: Failover | None = None  # of this server, if it is one to a replica of its own
        self._host = host
        self._history = history
        self._primary = primary
        self._link: PrimaryLink | None = None
        self._client: Any = None
        self._handshake: Handshake | None = None
        self._stream: PrimaryStream | None = None
        self._incoming: IncomingFile | None = None
        self._direct: DirectLoad | None = None
        self._loads_directly = False
        self._offered: tuple[str, int] = ("", 0)  # id and offset of the dataset that is on its way
        self._task: asyncio.Task[None] | None = None
        self._is_loading = False
        self._acknowledgement_due = False
        self._is_applying = False
        self._next_primary: tuple[str, int] | None = None
        self.synchronized: list[Callable[[Loading], None]] = []  # called when the dataset was replaced

    # Roles

    def follow(self, ip: str, port: int, *, was_primary: bool) -> None:
        """From now on this is our primary. If it is in the stream that we are told so, we first say that we have it:
        the old primary waits for that."""
        if self._is_applying:
            self._next_primary = ip, port
            return
        self._leave()
        self.address = (ip, port)
        if was_primary and self.position is None:
            self._host.log.notice(
                "Before turning into a replica, using my own master parameters to synthesize a cached master: "
                "I may be able to synchronize with the new master with just a partial transfer."
            )
            self.position = 0  # the new primary's stream begins with SELECT
        self._try()

    def stop(self) -> None:
        """We are no replica any more."""
        self._leave()
        if self.position is not None:
            self._host.log.notice("Discarding previously cached master state.")
        self.address = self.position = self.down_since = None
        self.state = State.NONE

    def _leave(self) -> None:
        """Ends whatever goes on with the primary so far."""
        if self.state == State.CONNECTED:
            self._host.log.notice("Connection with master lost.")
            self.down_since = self._host.loop.time()
        self._hang_up()

    def _hang_up(self) -> None:
        """Drops the link and what hangs on it. A dataset that was half loaded is none."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._is_loading:
            self._end_of_loading()
            self._flush_all()
        if self._link is not None:
            self._link.drop()
            self._link = None
        self._let_client_go()
        if self._incoming is not None:
            self._incoming.abandon()
        if self._direct is not None:
            self._direct.abandon()
        self._handshake = self.transfer = self._incoming = self._direct = None
        if self.state != State.NONE:
            self.state = State.CONNECT

    # An attempt

    def _try(self, why: str = "Connecting to MASTER") -> None:
        """Begins an attempt now."""
        assert self.address is not None
        ip, port = self.address
        self._host.log.notice(f"{why} {ip}:{port}")
        self._host.log.notice("MASTER <-> REPLICA sync started")
        self.state = State.CONNECTING
        self.last_heard = self._host.loop.time()
        self._link = PrimaryLink(self._receive, self._lost)
        self._task = self._host.loop.create_task(self._connect(self._link, ip, port))

    async def _connect(self, link: PrimaryLink, ip: str, port: int) -> None:
        source = self._host.config.bind_source_addr
        try:
            await self._host.loop.create_connection(lambda: link, ip, port, local_addr=(source, 0) if source else None)
        except OSError as error:
            self._host.log.warning(f"Error condition on socket for SYNC: {error.strerror or error}")
            self._task = None
            self._hang_up()
            return
        self._task = None
        self.state = State.HANDSHAKE
        self._handshake = Handshake(self._introduction())
        self._do(self._handshake.begin())

    def _introduction(self) -> Introduction:
        config = self._host.config
        return Introduction(
            port=config.replica_announce_port or config.port,
            ip=config.replica_announce_ip,
            user=config.masteruser,
            password=config.masterauth,
            position=None if self.position is None else (self._history.id, self._history.offset + 1),
            is_failover=self.failover is not None and self.failover.is_in_progress,
        )

    # What the link says

    def _receive(self, piece: bytes) -> None:
        self.last_heard = self._host.loop.time()
        self._host.statistics.replication_input += len(piece)
        match self.state:
            case State.HANDSHAKE:
                assert self._handshake is not None
                self._do(self._handshake.receive(piece))
            case State.SYNC:
                self._take_file(piece)
            case State.CONNECTED:
                self._take_stream(piece)

    def _lost(self) -> None:
        """The connection has ended."""
        log, before = self._host.log, self.state
        if self._is_loading:
            self._link = None  # the dataset is here; how the stream goes on is seen when it is loaded
            return
        if before == State.CONNECTED:
            log.notice("Connection with master lost.")
            log.notice("Caching the disconnected master state.")
            self.down_since = self._host.loop.time()
        asked = self._handshake is not None and self._handshake.waits_for_stream
        self._hang_up()
        match before:
            case State.CONNECTED:
                self._try("Reconnecting to MASTER")
            case State.SYNC:
                log.warning("I/O error trying to sync with MASTER: connection lost")
                self._try()
            case State.HANDSHAKE if asked:
                log.warning("Master did not reply to PSYNC, will try later")
                self._psync_is_answered(False)
            case State.HANDSHAKE:
                log.warning("Master did not respond to command during SYNC handshake")

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case handshake.Send(request):
                    assert self._link is not None
                    self._link.send_bytes(request)
                case handshake.Log(level, text):
                    self._host.log.write(level, text)
                case handshake.Continue(id):
                    self._psync_is_answered(True)
                    self._go_on(id)
                case handshake.FullSync(id, offset):
                    self._psync_is_answered(True)
                    self._expect_file(id, offset)
                case handshake.GiveUp(refused):
                    self._hang_up()
                    if refused:
                        self._psync_is_answered(False)

    def _psync_is_answered(self, accepted: bool) -> None:
        """Who has been asked to change places with us has done so, or won't."""
        if self.failover is not None:
            (self.failover.accepted if accepted else self.failover.rejected)()

    # Going on where we were

    def _go_on(self, id: str | None) -> None:
        """The primary has what we lack."""
        assert self._handshake is not None
        if id is not None:
            self._history.rename(id)
            self._primary.disconnect_all()  # our replicas are to learn of it
        self._host.log.notice("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.")
        self._begin_stream(self.position or 0, self._handshake.rest)

    def _begin_stream(self, db: int, rest: bytes) -> None:
        """The link is up: what arrives from now on are commands."""
        assert self._link is not None
        self.state = State.CONNECTED
        self.down_since = None
        self._handshake = self.transfer = None
        self._client = client = self._host.new_primary_client(self._link)
        client.db = self._host.databases[db]
        self.position = db
        self._stream = PrimaryStream(self._perform, lambda: client.transaction is not None)
        if self._primary.backlog is None:
            self._primary.open_backlog()
        if rest:
            self._take_stream(rest)

    # The whole dataset

    def _expect_file(self, id: str, offset: int) -> None:
        assert self._handshake is not None
        rest = self._handshake.rest
        self._offered = (id, offset)
        self.transfer = Transfer()
        self.state = State.SYNC
        self._loads_directly = direct_load.is_wanted(self._host)
        try:
            if not self._loads_directly:
                self._incoming = self._host.snapshots.incoming()
        except OSError as error:
            self._host.log.warning(
                f"Opening the temp file needed for MASTER <-> REPLICA synchronization: {error.strerror}"
            )
            self._hang_up()
            return
        self._handshake = None
        if rest:
            self._take_file(rest)

    def _take_file(self, piece: bytes) -> None:
        transfer, log = self.transfer, self._host.log
        assert transfer is not None
        had_begun = transfer.has_begun
        try:
            content = transfer.receive(piece)
            if transfer.has_begun and not had_begun:
                self._begin_to_take(transfer)
            if self._direct is not None:
                self._take_into_memory(transfer, content)
                return
            if self._incoming is not None:
                self._incoming.write(content)
                if transfer.done:
                    self._incoming.finish()
        except TransferFailed as error:
            log.warning(str(error))
            self._hang_up()
            return
        except OSError as error:
            log.warning(
                "Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA "
                f"synchronization: {error.strerror}"
            )
            self._hang_up()
            return
        if transfer.done:
            assert self._link is not None
            self._link.pause_reading()
            self._incoming = None
            self._task = self._host.loop.create_task(self._load(transfer))

    def _begin_to_take(self, transfer: Transfer) -> None:
        what = "streamed RDB from master with EOF" if transfer.is_streamed else f"{transfer.size} bytes from master"
        where = "parser" if self._loads_directly else "disk"
        self._host.log.notice(f"MASTER <-> REPLICA sync: receiving {what} to {where}")
        if self._loads_directly:
            is_same_history = self._offered[0] == self._history.id
            self._direct = DirectLoad(
                self._host, transfer.size or 0, is_same_history=is_same_history, attach=self._forget_dataset
            )

    def _take_into_memory(self, transfer: Transfer, content: bytes) -> None:
        """Raises TransferFailed."""
        assert self._direct is not None
        self._direct.write(content)
        if transfer.done:
            loading = self._direct.finish()
            self._direct = None
            self._finish_sync(loading, transfer)

    def _forget_dataset(self) -> None:
        """What we have is no moment of the primary's history any more. Whoever hangs below us must begin anew too."""
        self.position = self.down_since = None  # without data there is nothing to be elected for
        self._primary.disconnect_all()
        self._primary.drop_backlog()

    async def _load(self, transfer: Transfer) -> None:
        """Puts the new dataset in the old one's place."""
        host, log = self._host, self._host.log
        host.suspend_aof()
        host.snapshots.cancel()  # what it saves is not to be our dataset any more
        self._forget_dataset()
        log.notice("MASTER <-> REPLICA sync: Flushing old data")
        self._flush_all()
        log.notice("MASTER <-> REPLICA sync: Loading DB in memory")
        self._is_loading = True
        host.set_loading(True)
        try:
            loading = await host.snapshots.load(expire=False)
        except (Unreadable, OSError):
            loading = None
        host.snapshots.remove_what_primary_sent()
        self._task = None
        self._end_of_loading()
        if loading is None:
            log.warning("Failed trying to load the MASTER synchronization DB from disk, check server logs.")
            self._flush_all()
            self._hang_up()
            return
        self._finish_sync(loading, transfer)

    def _end_of_loading(self) -> None:
        self._is_loading = False
        self._host.set_loading(False)

    def _finish_sync(self, loading: Loading, transfer: Transfer) -> None:
        """The dataset is the primary's, and so is its history; now for what has changed since."""
        self._history.adopt(*self._offered)
        self.position = stream_db(loading, len(self._host.databases)) or 0
        self._primary.open_backlog()
        for tell in self.synchronized:  # before the dataset goes to a file
            tell(loading)
        self._host.log.notice("MASTER <-> REPLICA sync: Finished with success")
        self._host.resume_aof()
        if self._link is None:
            self.down_since = self._host.loop.time()
            self._hang_up()
            self._try("Reconnecting to MASTER")
            return
        self._begin_stream(self.position, transfer.rest)
        if transfer.is_streamed:
            self.acknowledge()
        if self._link is not None:
            self._link.resume_reading()

    def _flush_all(self) -> None:
        empty_dataset(self._host.databases)

    # The stream

    def _take_stream(self, piece: bytes) -> None:
        assert self._stream is not None
        self._stream.feed(piece)
        self._apply()

    def _apply(self) -> None:
        """Runs what has arrived, for a bounded time, and passes on what was applied."""
        stream, keyspace = self._stream, self._host.keyspace
        assert stream is not None
        self._is_applying = True
        self._host.begin_batch()
        keyspace.expired_keys = IGNORE  # what has expired is alive for the primary until it says DEL
        try:
            applied, more = stream.apply(COMMANDS_A_TURN)
        except (ProtocolError, Diverged) as error:
            self._break_off(error)
            return
        finally:
            keyspace.expired_keys = HIDE
            self._is_applying = False
        self._primary.feed(applied)
        if self._client is None:
            return
        if self._client.transaction is None:
            self.position = self._client.db.index
        if self._next_primary is not None:
            self._change_primary()
            return
        if self._acknowledgement_due:
            self.acknowledge()
        if more and self._link is not None:
            self._link.pause_reading()
            self._host.loop.call_soon(self._apply_more, stream)

    def _change_primary(self) -> None:
        assert self._next_primary is not None and self._link is not None
        ip, port = self._next_primary
        self._next_primary = None
        self.acknowledge()
        self._link.drop(after_writes=True)
        self._link = None
        self.follow(ip, port, was_primary=False)

    def _apply_more(self, stream: PrimaryStream) -> None:
        if stream is self._stream and self._link is not None:
            self._link.resume_reading()
            self._apply()

    def _perform(self, args: list[bytes]) -> bool:
        """Runs a command; False: it takes time, and is to be run again."""
        reply = self._host.execute(self._client, args)
        if self._host.is_postponed(reply):
            return False
        if isinstance(reply, ReplyError):
            self._shout(args, reply)
        elif isinstance(reply, list):  # EXEC's, perhaps
            for member in reply:
                if isinstance(member, ReplyError):
                    self._shout(args, member)
        return True

    def _shout(self, args: list[bytes], error: ReplyError) -> None:
        """What the primary did failed here: then the datasets differ, and somebody must know."""
        unknown = error.text.startswith(("ERR unknown command", "ERR unknown subcommand"))
        name = "<unknown>" if unknown else args[0].decode("latin-1").lower()
        self._host.log.warning(
            f"== CRITICAL == This replica is sending an error to its master: '{error.text}' "
            f"after processing the command '{name}'"
        )
        self._host.statistics.unexpected_errors += 1
        if self._host.config.propagation_error_behavior != "ignore" and self._host.config.replica_read_only:
            self._host.panic(
                f"This replica panicked sending an error to its master after processing the command '{name}'"
            )
        if unknown:
            raise Diverged(error.text)

    def _break_off(self, error: Exception) -> None:
        """The stream can't be followed, and behind this place neither: the next attempt asks for everything."""
        self._host.log.warning(f"Protocol error from master: {error}. The link is dropped, and a full sync is next.")
        self.down_since = self._host.loop.time()
        self._hang_up()
        self.position = None

    def acknowledge(self) -> None:
        """Tells the primary how much of its stream we have applied, and how much of it is on our disk."""
        self._acknowledgement_due = False
        if self.state == State.CONNECTED and self._link is not None:
            words = [b"REPLCONF", b"ACK", b"%d" % self._history.offset]
            synced = self._host.synced_offset()
            if synced >= 0:
                words += [b"FACK", b"%d" % synced]
            self._link.send_bytes(encode_request(words))

    def acknowledge_soon(self) -> None:
        """The primary asks for it (GETACK), in the midst of its stream: at the end of what is being applied now."""
        self._acknowledgement_due = True

    def _let_client_go(self) -> None:
        client, self._client, self._stream = self._client, None, None
        if client is not None:
            self._host.drop_client(client)

    # Each second

    def cron(self) -> None:
        if self.address is None:
            return
        if self._is_loading:
            if self._link is not None:
                self._link.send_bytes(b"\n")  # we are busy, not dead
            return
        late = self._host.loop.time() - self.last_heard > self._host.config.repl_timeout
        if self._direct is not None and self._link is not None and not late:
            self._link.send_bytes(b"\n")
        match self.state:
            case State.CONNECT:
                self._try()
            case State.CONNECTING | State.HANDSHAKE if late:
                self._host.log.warning("Timeout connecting to the MASTER...")
                self._try_after_failure()
            case State.SYNC if late:
                self._host.log.warning(
                    "Timeout receiving bulk data from MASTER... If the problem persists try to set the "
                    "'repl-timeout' parameter in redis.conf to a larger value."
                )
                self._try_after_failure()
            case State.CONNECTED if late:
                self._host.log.warning("MASTER timeout: no data nor PING received...")
                self._lost()
            case State.CONNECTED if self._history.id != NO_ID:  # one that was asked by SYNC would not know what it is
                self.acknowledge()

    def _try_after_failure(self) -> None:
        self._hang_up()
        assert self.address is not None
        ip, port = self.address
        self._host.log.notice(f"Reconnecting to MASTER {ip}:{port} after failure")
        self._try()

    # For others to know

    @property
    def is_connected(self) -> bool:
        return self.state == State.CONNECTED

    def silent_for_s(self) -> float | None:
        """How long ago the primary was heard last; None if it never was since we follow it."""
        now = self._host.loop.time()
        if self.state == State.CONNECTED:
            return now - self.last_heard
        return None if self.down_since is None else now - self.down_since

    def info(self) -> dict[str, int | str]:
        """The fields of Replication that only a replica has."""
        if self.address is None:
            return {}
        now, config = self._host.loop.time(), self._host.config
        up = self.state == State.CONNECTED
        offset = self._history.offset if self.position is not None else 1
        fields: dict[str, int | str] = {
            "master_host": self.address[0],
            "master_port": self.address[1],
            "master_link_status": "up" if up else "down",
            "master_last_io_seconds_ago": int(now - self.last_heard) if up else -1,
            "master_sync_in_progress": int(self.state == State.SYNC),
            "slave_read_repl_offset": offset,
            "slave_repl_offset": offset,
        }
        if self.state == State.SYNC and self.transfer is not None:
            size, received = self.transfer.size or 0, self.transfer.received
            fields |= {
                "master_sync_total_bytes": size,
                "master_sync_read_bytes": received,
                "master_sync_left_bytes": size - received,
                "master_sync_perc": f"{100 * received / size if size else 0:.2f}",
                "master_sync_last_io_seconds_ago": int(now - self.last_heard),
            }
        if not up:
            fields["master_link_down_since_seconds"] = -1 if self.down_since is None else int(now - self.down_since)
        return fields | {
            "slave_priority": config.replica_priority,
            "slave_read_only": int(config.replica_read_only),
            "replica_announced": int(config.replica_announced),
        }
