"""MIGRATE: keys are serialized, sent to another server as RESTOREs, and deleted here when it has said OK to them.

A task, not a call (cluster.c's `migrateCommand` stops everything for as long as it takes): the client that asked waits,
the keys are reserved, and all else goes on, the cluster bus too. Serializing and sending are done in slices. What the
target acknowledged is deleted at the end, and recorded as one DEL; if the exchange breaks off in the middle, the keys
that were acknowledged before are gone here, and the others are not.

An exchange that breaks off before the first reply is tried once more over a new connection: the old one may just have
been closed for being idle.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hiredis

from pycluster.commands.table import Command
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import ReplyError, UnblockedByDemotion, cannot_reach_target, target_replied
from pycluster.protocol.replies import Wait, encode_requests
from pycluster.rdb.writer import joined
from pycluster.server.admission import REPLICA
from pycluster.server.big_values import Work, payload_if_small, serializing
from pycluster.server.blocking import Underway
from pycluster.server.client import Client
from pycluster.server.targets import Target, Targets

LOOK_AGAIN_S = 0.01


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

    slot: int
    key: bytes
    value: Any
    deadline: int | None
    payload: list[bytes]


class _Move:
    """A MIGRATE that is under way."""

    def __init__(self, client: Client, command: Command, db: Database, order: Order, parcels: list[Parcel]) -> None:
        self.client = client
        self.command = command
        self.db = db
        self.order = order
        self.parcels = parcels
        self.moved: list[Parcel] = []  # acknowledged by the target
        self.underway = Underway()
        self.wait = Wait([], object, 0, denied=self.underway, is_firm=True)


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
                parcels.append(Parcel(db.slot, key, value, db.deadline(key), []))
        if not parcels:
            return "NOKEY"
        move = _Move(client, client.last_command, db, order, parcels)
        self._server.reservations.reserve(parcel.key for parcel in parcels)
        self._server.big_values.begin(self._carry_out(move))
        return move.wait

    async def _carry_out(self, move: _Move) -> None:
        server = self._server
        reply: object
        try:
            for parcel in move.parcels:
                await _serialize(parcel)
            reply = await self._send(move)
        except ReplyError as error:
            reply = error
        except Exception as problem:
            server.log_problem("Exception while keys were migrated", problem)
            reply = cannot_reach_target("writing to target instance")
        while server.pause.stops_changes and not move.underway.is_in_transaction:
            await asyncio.sleep(LOOK_AGAIN_S)  # in a failover a DEL would come too late for the replica
        server.reservations.release(parcel.key for parcel in move.parcels)
        server.begin_batch()
        if not move.underway.done(lambda: self._finish(move, reply)):
            server.blocking.end_wait(move.client, move.wait, self._finish(move, reply))
            server.blocking.serve()

    def _finish(self, move: _Move, reply: object) -> object:
        """The last step, which changes data: what was moved is deleted here. The reply that is due."""
        server = self._server
        if server.gate & REPLICA:
            return UnblockedByDemotion()  # what is deleted here is not for us to say any more
        if not move.order.is_copy:
            _let_go(move.db, move.moved)
        move.client.last_write = server.journal.place
        if isinstance(reply, ReplyError):
            self._count(move.command, reply)
        return reply

    def _count(self, command: Command, error: ReplyError) -> None:
        command.failed += 1
        errors = self._server.statistics.errors
        errors[error.code] = errors.get(error.code, 0) + 1

    # The exchange

    async def _send(self, move: _Move) -> object:
        """Sends the keys and takes note of those that are acknowledged. Raises the error for the client."""
        target = self.targets.at(move.order.host, move.order.port)
        async with target.turn:
            with self.targets.in_use(target):
                try:
                    return await self._exchange(target, move)
                except _BrokenOff as broken:
                    target.close()
                    if not broken.may_retry:
                        raise cannot_reach_target(f"{broken.doing} to target instance") from None
                try:
                    return await self._exchange(target, move)
                except _BrokenOff as broken:
                    target.close()
                    raise cannot_reach_target(f"{broken.doing} to target instance") from None

    async def _exchange(self, target: Target, move: _Move) -> object:
        order = move.order
        if not target.is_connected:
            try:
                await target.connect(order.timeout_s)
            except ConnectionError:  # refused: Redis hears of it when it writes
                raise _BrokenOff("writing", may_retry=False) from None
            except (OSError, TimeoutError):
                target.close()
                raise cannot_reach_target("connecting to the client") from None
        selects = target.selected != order.database
        sent = self._alive(move.parcels)
        try:
            for piece in joined(self._requests(order, selects, sent)):
                await target.write(piece, order.timeout_s)
        except (OSError, TimeoutError) as problem:
            raise _BrokenOff("writing", not isinstance(problem, TimeoutError)) from None
        return await self._read_replies(target, move, selects, sent)

    async def _read_replies(self, target: Target, move: _Move, selects: bool, sent: list[Parcel]) -> object:
        order, moved = move.order, move.moved
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
        count, name = (5 if order.replaces else 4), (b"RESTORE-ASKING" if self._server.clustered else b"RESTORE")
        begin = b"*%d\r\n$%d\r\n%b\r\n" % (count, len(name), name)
        end = b"\r\n$7\r\nREPLACE\r\n" if order.replaces else b"\r\n"
        for parcel in parcels:
            ttl = b"0"
            if parcel.deadline is not None:
                ttl = b"%d" % max(1, parcel.deadline - self._server.wall_ms())
            key, payload = parcel.key, parcel.payload
            length = sum(map(len, payload))
            yield b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n" % (begin, len(key), key, len(ttl), ttl, length)
            yield from payload
            yield end


async def _serialize(parcel: Parcel) -> None:
    payload = payload_if_small(parcel.value)
    if payload is not None:
        parcel.payload = [payload]
        return
    work: Work[list[bytes]] = serializing(parcel.value)
    await work.finish()
    parcel.payload = work.outcome


def _let_go(db: Database, moved: list[Parcel]) -> None:
    """The keys are the target's now. One that somebody has changed meanwhile, who asks nobody, stays."""
    gone = []
    for parcel in moved:
        db.enter(parcel.slot)
        if db.here.get(parcel.key) is not parcel.value:
            continue
        db.persist(parcel.key)
        db.delete(parcel.key)
        db.changed(parcel.key, "del")
        gone.append(parcel.key)
    if gone:
        db.record(b"DEL", *gone)
        db.journal.commit(db.index, [])
