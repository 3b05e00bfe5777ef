"""Big values, written and read in slices: DUMP and RESTORE of them hold up nobody but who wants the same key.

Work is a generator. It is driven at once for a moment, which is all that most values need; what is not done then goes
on as a task, a slice in each turn of the loop, with the key reserved (reservations.py). Inside a transaction nobody may
come in between, so there it is driven to its end.
"""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Generic, TypeVar

from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Stream
from pycluster.protocol.errors import InternalError
from pycluster.protocol.replies import Wait
from pycluster.rdb.payload import dump as payload_of
from pycluster.rdb.payload import pieces_of, restore, restore_in_steps
from pycluster.server.client import Client

Outcome = TypeVar("Outcome")
Steps = Generator[Any, None, Outcome]

SLICE_NS = 2_000_000
FOREVER_NS = float("inf")
MOMENT_NS = 1_000_000  # what a command may take before its work becomes a task

# What is so small is written and read in one go, and nobody looks at the clock.
FEW = 64
SHORT = 4096


class Work(Generic[Outcome]):
    """Something that is done in steps."""

    def __init__(self, steps: Steps[Outcome]) -> None:
        self._steps = steps
        self._is_done = False
        self._outcome: Outcome | None = None
        self._problem: Exception | None = None

    def drive(self, for_ns: float) -> bool:
        """Works for so long at the most; is it done?"""
        end = perf_counter_ns() + for_ns
        try:
            while not self._is_done:
                next(self._steps)
                if perf_counter_ns() > end:
                    break
        except StopIteration as done:
            self._is_done, self._outcome = True, done.value
        except Exception as problem:
            self._is_done, self._problem = True, problem
        return self._is_done

    async def finish(self) -> None:
        """Works in slices until all is done; everybody else has a turn between two slices."""
        while not self.drive(SLICE_NS):
            await asyncio.sleep(0)

    def abandon(self) -> None:
        """Nobody wants the outcome any more."""
        self._is_done = True

    @property
    def is_done(self) -> bool:
        return self._is_done

    @property
    def outcome(self) -> Outcome:
        """What came of it; raises what went wrong."""
        if self._problem is not None:
            raise self._problem
        return self._outcome  # type: ignore[return-value]


def payload_if_small(value: Any) -> bytes | None:
    """The payload of a value that is written in no time; None: it may take a while."""
    if value.__class__ is bytes:  # the most of what is moved, on a short road
        return payload_of(value, compress=False) if len(value) <= SHORT else None
    match value:
        case bytes():
            length = len(value)
        case Stream():
            return None
        case _ if len(value) > FEW:
            return None
        case Hash():
            length = sum(map(len, value.fields)) + sum(map(len, value.fields.values()))
        case Set():
            length = sum(map(len, value.members))
        case SortedSet():
            length = sum(map(len, value.scores))
        case _:
            length = sum(map(len, value))
    return payload_of(value, compress=False) if length <= SHORT else None


def serializing(value: Any) -> Work[list[bytes]]:
    """The payload of a value in pieces, as work. (Compressing would take longer than sending.)"""
    return Work(_collect(value))


def _collect(value: Any) -> Steps[list[bytes]]:
    pieces: list[bytes] = []
    for piece in pieces_of(value, compress=False):
        pieces.append(piece)
        yield
    return pieces


@dataclass(slots=True)
class _Restoring:
    """A value that a client's RESTORE has brought and that is being read."""

    payload: bytes
    work: Work[Any]


class _Dumping:
    """A value that a client wants the payload of, and that is being written. Our primary may change it meanwhile."""

    def __init__(self, value: Any, work: Work[list[bytes]]) -> None:
        self._value = value
        self.work = work

    def keep(self, value: Any) -> None:
        """This value is about to change: if it is ours, we go on with a copy, from its beginning."""
        if value is self._value:
            self._value = value.copy()
            self.work = serializing(self._value)


class BigValues:
    """The big values under way on one server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._restoring: dict[Client, _Restoring] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, task: Any) -> None:
        """Lets a coroutine run beside everything else."""
        started = self._server.loop.create_task(task)
        self._tasks.add(started)
        started.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._server.log_problem("Exception in a task beside the commands", problem)

    # DUMP

    def dump(self, client: Client, key: bytes, value: Any) -> object:
        """The payload, or the wait for it."""
        payload = payload_if_small(value)
        if payload is not None:
            return payload
        work = serializing(value)
        if work.drive(FOREVER_NS if client.denies_blocking else MOMENT_NS):
            return b"".join(work.outcome)
        wait = Wait([], object, 0, is_firm=True)
        self._server.reservations.reserve((key,))
        self.begin(self._dump(client, key, _Dumping(value, work), wait))
        return wait

    async def _dump(self, client: Client, key: bytes, dumping: _Dumping, wait: Wait) -> None:
        reply: object
        db = client.db
        db.tell_before_changes(dumping.keep)
        try:
            while not dumping.work.drive(SLICE_NS):
                await asyncio.sleep(0)
            reply = b"".join(dumping.work.outcome)
        except Exception as problem:
            self._server.log_problem("Exception while a key was dumped", problem)
            reply = InternalError()
        finally:
            db.tell_no_more(dumping.keep)
            self._server.reservations.release((key,))
        self._server.blocking.end_wait(client, wait, reply)

    # RESTORE

    def restore(self, client: Client, key: bytes, payload: bytes) -> Any:
        """The value, or the order to run the command again when there is one. Raises what is wrong with the payload."""
        if len(payload) <= SHORT:
            return restore(payload)
        known = self._restoring.get(client)
        if known is None or known.payload is not payload:
            known = _Restoring(payload, Work(restore_in_steps(payload)))
            if not known.work.drive(MOMENT_NS if self._may_come_again(client) else FOREVER_NS):
                self._restoring[client] = known
                self._server.reservations.reserve((key,))
                self.begin(self._restore(key, known.work))
                return Wait([], object, 0, runs_again=True)
        if not known.work.is_done:
            return Wait([], object, 0, runs_again=True)
        self._restoring.pop(client, None)
        return known.work.outcome

    async def _restore(self, key: bytes, work: Work[Any]) -> None:
        try:
            await work.finish()
        finally:
            self._server.reservations.release((key,))

    def forget(self, client: Client) -> None:
        """The client has gone: what it brought is of no use to anybody."""
        known = self._restoring.pop(client, None)
        if known is not None:
            known.work.abandon()

    def _may_come_again(self, client: Client) -> bool:
        return client.takes_again and not self._server.timing.frozen if client.denies_blocking else True
