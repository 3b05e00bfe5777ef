"""MIGRATE: keys are serialized, sent to another server as RESTOREs, and deleted here when it has said OK to them.

A task, not a call (cluster.c's `migrateCommand` stops everything for as long as it takes): the client that asked waits,
the keys are reserved, and all else goes on, the cluster bus too. Serializing and sending are done in slices. What the
target acknowledged is deleted at the end, and recorded as one DEL; if the exchange breaks off in the middle, the keys
that were acknowledged before are gone here, and the others are not.

An exchange that breaks off before the first reply is tried once more over a new connection: the old one may just have
been closed for being idle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hiredis

from pycluster.commands.table import Command
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import ReplyError, UnblockedByDemotion, cannot_reach_target, target_replied
from pycluster.protocol.replies import Wait, encode_requests
from pycluster.server.admission import REPLICA
from pycluster.server.big_values import Work, serializing
from pycluster.server.blocking import Underway
from pycluster.server.client import Client
from pycluster.server.targets import Target, Targets

FRAME = b"\r\n"
JOINED = 1 << 16  # bytes that are worth a call


@dataclass(frozen=True, slots=True)
class Order:
    """What MIGRATE asks for."""

    host: str
    port: int
    database: int
    timeout_s: float
    is_copy: bool
    replaces: bool
    credentials: tuple[bytes, ...]  # what stands behind AUTH


@dataclass(slots=True)
class Parcel:
    """A key that is to be moved."""

    key: bytes
    value: Any
    deadline: int | None
    payload: list[bytes]


class _BrokenOff(Exception):
    """The connection to the target failed while it was written to, or read from."""

    def __init__(self, doing: str, may_retry: bool) -> None:
        super().__init__()
        self.doing = doing
        self.may_retry = may_retry


class Migration:
    """The keys of one server that are on their way to others."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.targets = Targets(server.loop, server.rng)
        server.cron.each_second(self.targets.close_idle)
        server.info.add("Stats", lambda: {"migrate_cached_sockets": self.targets.connections})

    def begin(self, client: Client, order: Order, keys: list[bytes]) -> object:
        """Begins to move those of the keys that are here: the wait for what comes of it, or NOKEY."""
        db = client.db
        parcels = []
        for key in keys:
            value = db.lookup(key)
            if value is not None:
                parcels.append(Parcel(key, value, db.deadline(key), []))
        if not parcels:
            return "NOKEY"
        underway = Underway()
        wait = Wait([], object, 0, denied=underway, is_firm=True)
        self._server.reservations.reserve(parcel.key for parcel in parcels)
        self._server.big_values.begin(self._move(client, db, db.slot, order, parcels, wait, underway))
        return wait

    async def _move(
        self,
        client: Client,
        db: Database,
        slot: int,
        order: Order,
        parcels: list[Parcel],
        wait: Wait,
        underway: Underway,
    ) -> None:
        """`slot` is where the keys are: when this runs, others' commands have made the database enter theirs."""
        server, command = self._server, client.last_command
        moved: list[Parcel] = []
        reply: object
        try:
            for parcel in parcels:
                work: Work[list[bytes]] = serializing(parcel.value)
                await work.finish()
                parcel.payload = work.outcome
            reply = await self._send(order, parcels, moved)
        except ReplyError as error:
            reply = error
        except Exception as problem:
            server.log_problem("Exception while keys were migrated", problem)
            reply = cannot_reach_target("writing to target instance")

        def finish() -> object:
            if server.gate & REPLICA:
                return UnblockedByDemotion()  # what is deleted here is not for us to say any more
            if not order.is_copy:
                _let_go(db, slot, moved)
            server.journal.writers[client] = None
            if isinstance(reply, ReplyError):
                self._count(command, reply)
            return reply

        server.reservations.release(parcel.key for parcel in parcels)
        server.begin_batch()
        if not underway.done(finish):
            server.blocking.end_wait(client, wait, finish())
            server.blocking.serve()

    def _count(self, command: Command, error: ReplyError) -> None:
        command.failed += 1
        errors = self._server.statistics.errors
        errors[error.code] = errors.get(error.code, 0) + 1

    # The exchange

    async def _send(self, order: Order, parcels: list[Parcel], moved: list[Parcel]) -> object:
        """Sends the keys; appends to `moved` those that were acknowledged. Raises the error for the client."""
        target = self.targets.at(order.host, order.port)
        async with target.turn:
            with self.targets.in_use(target):
                try:
                    return await self._exchange(target, order, parcels, moved)
                except _BrokenOff as broken:
                    target.close()
                    if not broken.may_retry:
                        raise cannot_reach_target(f"{broken.doing} to target instance") from None
                try:
                    return await self._exchange(target, order, parcels, moved)
                except _BrokenOff as broken:
                    target.close()
                    raise cannot_reach_target(f"{broken.doing} to target instance") from None

    async def _exchange(self, target: Target, order: Order, parcels: list[Parcel], moved: list[Parcel]) -> object:
        if not target.is_connected:
            try:
                await target.connect(order.timeout_s)
            except ConnectionError:  # refused: Redis hears of it when it writes
                raise _BrokenOff("writing", may_retry=False) from None
            except (OSError, TimeoutError):
                target.close()
                raise cannot_reach_target("connecting to the client") from None
        selects = target.selected != order.database
        sent = self._alive(parcels)
        try:
            for piece in _joined(self._requests(order, selects, sent)):
                await target.write(piece, order.timeout_s)
        except (OSError, TimeoutError) as problem:
            raise _BrokenOff("writing", not isinstance(problem, TimeoutError)) from None
        return await self._read_replies(target, order, selects, sent, moved)

    async def _read_replies(
        self, target: Target, order: Order, selects: bool, sent: list[Parcel], moved: list[Parcel]
    ) -> object:
        refusal: hiredis.ReplyError | None = None
        complaint: ReplyError | None = None
        try:
            for _ in range(bool(order.credentials) + selects):
                reply = await target.read(order.timeout_s)
                if isinstance(reply, hiredis.ReplyError) and refusal is None:
                    refusal = reply
            for parcel in sent:
                reply = await target.read(order.timeout_s)
                problem = refusal or (reply if isinstance(reply, hiredis.ReplyError) else None)
                if problem is None:
                    moved.append(parcel)
                elif complaint is None:
                    target.selected = None
                    complaint = target_replied(str(problem))
        except (OSError, TimeoutError, hiredis.ProtocolError) as problem:
            if complaint is not None:
                target.close()
                raise complaint from None
            raise _BrokenOff("reading", not moved and not isinstance(problem, TimeoutError)) from None
        if complaint is not None:
            raise complaint
        target.selected = order.database
        return "OK"

    def _alive(self, parcels: list[Parcel]) -> list[Parcel]:
        """Those whose time is not over: serializing may have taken long."""
        now = self._server.wall_ms()
        return [parcel for parcel in parcels if parcel.deadline is None or parcel.deadline >= now]

    def _requests(self, order: Order, selects: bool, parcels: list[Parcel]) -> Iterator[bytes]:
        head = []
        if order.credentials:
            head.append([b"AUTH", *order.credentials])
        if selects:
            head.append([b"SELECT", b"%d" % order.database])
        yield encode_requests(head)
        name = b"RESTORE-ASKING" if self._server.clustered else b"RESTORE"
        tail = b"$7\r\nREPLACE\r\n" if order.replaces else b""
        for parcel in parcels:
            lifetime = 0 if parcel.deadline is None else max(1, parcel.deadline - self._server.wall_ms())
            ttl = b"%d" % lifetime
            yield b"*%d\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n" % (
                5 if order.replaces else 4, len(name), name, len(parcel.key), parcel.key, len(ttl), ttl,
                sum(map(len, parcel.payload)),
            )  # fmt: skip
            yield from parcel.payload
            yield FRAME + tail


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Small pieces are put together to such as are worth sending."""
    collected: list[bytes] = []
    length = 0
    for piece in pieces:
        collected.append(piece)
        length += len(piece)
        if length >= JOINED:
            yield b"".join(collected)
            collected.clear()
            length = 0
    if collected:
        yield b"".join(collected)


def _let_go(db: Database, slot: int, moved: list[Parcel]) -> None:
    """The keys are the target's now. One that somebody has changed meanwhile, who asks nobody, stays."""
    gone = []
    for parcel in moved:
        db.enter(slot)
        if db.here.get(parcel.key) is not parcel.value:
            continue
        db.persist(parcel.key)
        db.delete(parcel.key)
        db.changed(parcel.key, "del")
        gone.append(parcel.key)
    if gone:
        db.record(b"DEL", *gone)
        db.journal.commit(db.index, [])
