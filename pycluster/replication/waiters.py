"""Clients that wait until their writes are safe: WAIT for replicas, WAITAOF for disks, ours and theirs; and until
replicas have an order that is to be carried out here only then (SETSLOT).

What a client waits for is a place in the stream, behind its last write. Replicas say how far they have applied it
(REPLCONF ACK) and how far it is on their disks (FACK); one question (GETACK) serves all who wait.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pycluster.protocol.errors import SetSlotAtReplica, UnblockedByDemotion, WaitForFileThatIsNone
from pycluster.protocol.replies import Wait
from pycluster.replication.attached import AttachedReplica, State
from pycluster.replication.host import Host


@dataclass(slots=True, frozen=True)
class Goal:
    """What is waited for: so many replicas that have the stream up to there; on their disks, if `files` says so."""

    offset: int
    replicas: int
    files: bool = False
    local: bool = False  # our own disk too
    then: Callable[[bool], object] | None = None  # an order: carries it out, or not if False; the reply. Only replicas
    #                                               that take such orders count.


class Waiters:
    """Those of one primary. `ask` has the replicas asked how far they are."""

    def __init__(self, host: Host, replicas: Sequence[AttachedReplica], ask: Callable[[], None]) -> None:
        self._host = host
        self._replicas = replicas
        self._ask = ask
        self._waiting: dict[Any, tuple[Goal, Wait]] = {}

    def wait(self, client: Any, goal: Goal, timeout_ms: int) -> object:
        """The answer if the goal is reached, or else the fact that the client waits for it."""
        if self._is_reached(goal) or client.denies_blocking:
            return self._answer(goal)
        wait = Wait([], type(None), timeout_ms / 1000, partial(self._answer, goal))
        self._waiting[client] = goal, wait
        self._ask()
        return wait

    def serve(self) -> None:
        """Something has got further: whose goal is reached now?"""
        for client, (goal, wait) in list(self._waiting.items()):
            if client not in self._waiting:
                continue  # an order that was carried out made us a replica
            if client.waiter is None or client.waiter.wait is not wait:
                self.forget(client)  # its time was over, or somebody's patience
            elif goal.local and not self._host.wants_aof():
                del self._waiting[client]
                self._host.end_wait(client, WaitForFileThatIsNone())
            elif self._is_reached(goal):
                del self._waiting[client]
                self._host.end_wait(client, self._answer(goal))

    def release(self) -> None:
        """We are no primary any more: nobody will acknowledge anything here.

        Who has given an order hears what a replica says to that. (So redis-cli takes it well if a master has lost its
        last slot by the very order: the slot's new owner has told it before its own replicas have.)
        """
        while self._waiting:
            client, (goal, wait) = self._waiting.popitem()
            if client.waiter is None or client.waiter.wait is not wait:
                continue
            if goal.then is not None:
                self._host.end_wait(client, SetSlotAtReplica())
            else:
                self._host.end_wait(client, UnblockedByDemotion())
                client.link.close(after_replies=True)

    def forget(self, client: Any) -> None:
        """The client has gone."""
        goal, _ = self._waiting.pop(client, (None, None))
        if goal is not None and goal.then is not None:
            goal.then(False)

    def _count(self, goal: Goal) -> int:
        """How many replicas are where they should be?"""
        reached = 0
        for replica in self._replicas:
            place = replica.synced if goal.files else replica.acknowledged
            counts = goal.then is None or replica.takes_slot_orders
            reached += counts and replica.state == State.ONLINE and place >= goal.offset
        return reached

    def _is_synced(self, goal: Goal) -> bool:
        return self._host.synced_offset() >= goal.offset

    def _is_reached(self, goal: Goal) -> bool:
        return self._count(goal) >= goal.replicas and (not goal.local or self._is_synced(goal))

    def _answer(self, goal: Goal) -> object:
        if goal.then is not None:
            return goal.then(self._is_reached(goal))
        return [int(self._is_synced(goal)), self._count(goal)] if goal.files else self._count(goal)
