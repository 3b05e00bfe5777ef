"""MIGRATE: keys are serialized, sent to another server as RESTOREs, and deleted here when it has said OK to them.

A task, not a call (cluster.c's `migrateCommand` stops everything for as long as it takes): the client that asked waits,
the keys are reserved, and all else goes on, the cluster bus too. Serializing and sending are done in slices. What the
target acknowledged is deleted at the end, and recorded as one DEL; if the exchange breaks off in the middle, the keys
that were acknowledged before are gone here, and the others are not.

An exchange that breaks off before the first reply is tried once more over a new connection: the old one may just have
been closed for being idle.

Small keys, the most of what is moved, are sent at once if their target's connection is there and free (`_send_now`):
then nothing of it is a task, and the reply comes when the target's have come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import hiredis

from pycluster.commands.table import Command
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import ReplyError, UnblockedByDemotion, cannot_reach_target, target_replied
from pycluster.protocol.replies import Wait, encode_request
from pycluster.rdb.writer import joined
from pycluster.server.admission import REPLICA
from pycluster.server.big_values import Work, payload_if_small, serializing
from pycluster.server.blocking import Underway
from pycluster.server.client import Client
from pycluster.server.targets import Target, Targets

LOOK_AGAIN_S = 0.01
FEW = 100  # keys that are sent at once, if they are small


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
        self.may_retry = may_retry
        self.for_client = cannot_reach_target(f"{doing} to target instance")


class Migration:
    """The keys of one server that are on their way to others."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._name = b"RESTORE-ASKING" if server.clustered else b"RESTORE"
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
        self._server.reservations.reserve([parcel.key for parcel in parcels])
        if not self._send_now(move):
            self._server.big_values.begin(self._carry_out(move, may_retry=True))
        return move.wait

    def _send_now(self, move: _Move) -> bool:
        """Sends the keys, if they are few and small and their target can take them at once; did it?"""
        target = self.targets.at(move.order.host, move.order.port)
        connection = target.connection
        if connection is None or not connection.is_open or target.is_taken or len(move.parcels) > FEW:
            return False
        for parcel in move.parcels:
            payload = payload_if_small(parcel.value)
            if payload is None:
                return False
            parcel.payload = [payload]
        target.is_taken = True
        selects = target.selected != move.order.database
        connection.write(b"".join(self._requests(move.order, selects, move.parcels)))
        count = _count_replies(move.order, selects, move.parcels)
        connection.expect(count, move.order.timeout_s, partial(self._heard, move, target, selects))
        return True

    def _heard(
        self, move: _Move, target: Target, selects: bool, replies: list[Any], problem: Exception | None
    ) -> None:
        """What came of keys that were sent at once."""
        reply: object
        target.leave()
        try:
            reply = _judge(move, target, selects, move.parcels, replies, problem)
        except _BrokenOff as broken:
            target.close()
            if broken.may_retry:
                self._server.big_values.begin(self._carry_out(move, may_retry=False))
                return
            reply = broken.for_client
        except ReplyError as error:
            reply = error
        self._settle(move, reply)

    async def _carry_out(self, move: _Move, may_retry: bool) -> None:
        reply: object
        try:
            for parcel in move.parcels:
                await _serialize(parcel)
            reply = await self._send(move, may_retry)
        except ReplyError as error:
            reply = error
        except Exception as problem:
            self._server.log_problem("Exception while keys were migrated", problem)
            reply = cannot_reach_target("writing to target instance")
        self._settle(move, reply)

    def _settle(self, move: _Move, reply: object) -> None:
        """The exchange is over: the client has its reply, and the keys are everybody's again, if they are here."""
        server = self._server
        if server.pause.stops_changes and not move.underway.is_in_transaction:
            # In a failover a DEL would come too late for the replica.
            server.loop.call_later(LOOK_AGAIN_S, self._settle, move, reply)
            return
        server.reservations.release([parcel.key for parcel in move.parcels])
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

    async def _send(self, move: _Move, may_retry: bool) -> object:
        """Sends the keys and takes note of those that are acknowledged. Raises the error for the client."""
        target = self.targets.at(move.order.host, move.order.port)
        await target.take()
        try:
            try:
                return await self._exchange(target, move)
            except _BrokenOff as broken:
                target.close()
                if not (broken.may_retry and may_retry):
                    raise broken.for_client from None
            try:
                return await self._exchange(target, move)
            except _BrokenOff as broken:
                target.close()
                raise broken.for_client from None
        finally:
            target.leave()

    async def _exchange(self, target: Target, move: _Move) -> object:
        order, connection = move.order, target.connection
        if connection is None or not connection.is_open:
            try:
                connection = await target.connect(order.timeout_s)
            except ConnectionError:  # refused: Redis hears of it when it writes
                raise _BrokenOff("writing", may_retry=False) from None
            except (OSError, ValueError, OverflowError):
                raise cannot_reach_target("connecting to the client") from None
        selects = target.selected != order.database
        sent = self._alive(move.parcels)
        try:
            for piece in joined(self._requests(order, selects, sent)):
                await connection.write_all(piece, order.timeout_s)
        except (OSError, TimeoutError) as problem:
            raise _BrokenOff("writing", not isinstance(problem, TimeoutError)) from None
        count = _count_replies(order, selects, sent)
        return _judge(move, target, selects, sent, *await connection.hear(count, order.timeout_s))

    def _alive(self, parcels: list[Parcel]) -> list[Parcel]:
        """Those whose time is not over: serializing may have taken long."""
        now = self._server.wall_ms()
        return [parcel for parcel in parcels if parcel.deadline is None or parcel.deadline >= now]

    def _requests(self, order: Order, selects: bool, parcels: list[Parcel]) -> Iterator[bytes]:
        if order.credentials:
            yield encode_request([b"AUTH", *order.credentials])
        if selects:
            yield encode_request([b"SELECT", b"%d" % order.database])
        name = self._name
        begin = b"*%d\r\n$%d\r\n%b\r\n" % (5 if order.replaces else 4, len(name), name)
        end = b"\r\n$7\r\nREPLACE\r\n" if order.replaces else b"\r\n"
        for parcel in parcels:
            ttl = b"0"
            if parcel.deadline is not None:
                ttl = b"%d" % max(1, parcel.deadline - self._server.wall_ms())
            key, payload = parcel.key, parcel.payload
            if len(payload) == 1:
                (whole,) = payload
                yield b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b%b" % (
                    begin, len(key), key, len(ttl), ttl, len(whole), whole, end
                )  # fmt: skip
                continue
            length = sum(map(len, payload))
            yield b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n" % (begin, len(key), key, len(ttl), ttl, length)
            yield from payload
            yield end


def _count_replies(order: Order, selects: bool, sent: list[Parcel]) -> int:
    return bool(order.credentials) + selects + len(sent)


def _judge(
    move: _Move, target: Target, selects: bool, sent: list[Parcel], replies: list[Any], problem: Exception | None
) -> str:
    """What the target's replies mean: OK, or the exception that says what went wrong. Notes which keys have moved."""
    if problem is None and replies == [b"OK"] * len(replies):  # nearly always
        move.moved += sent
        target.selected = move.order.database
        return "OK"
    head = bool(move.order.credentials) + selects
    refusal = next((reply for reply in replies[:head] if isinstance(reply, hiredis.ReplyError)), None)
    complaint: ReplyError | None = None
    for parcel, reply in zip(sent, replies[head:], strict=False):
        trouble = refusal or (reply if isinstance(reply, hiredis.ReplyError) else None)
        if trouble is None:
            move.moved.append(parcel)
        elif complaint is None:
            target.selected = None
            complaint = target_replied(str(trouble))
    if problem is not None and complaint is not None:
        target.close()
    elif problem is not None:
        raise _BrokenOff("reading", not move.moved and not isinstance(problem, TimeoutError))
    if complaint is not None:
        raise complaint
    target.selected = move.order.database
    return "OK"


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
    slot = -1
    for parcel in moved:
        if parcel.slot != slot:  # in a cluster they are all of one
            slot = parcel.slot
            db.enter(slot)
        if db.here.get(parcel.key) is not parcel.value:
            continue
        if db.due:
            db.persist(parcel.key)  # or its deletion could be an expiry
        db.delete(parcel.key)
        db.changed(parcel.key, "del")
        gone.append(parcel.key)
    if gone:
        db.record(b"DEL", *gone)
        db.journal.commit(db.index, [])
