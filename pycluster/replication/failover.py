"""FAILOVER: a primary and one of its replicas change places without losing a write.

    NONE ──FAILOVER──> WAITS_FOR_SYNC ──a replica has everything──> IN_PROGRESS ──it accepts──> NONE, as its replica
              writes stand still         (or FORCE, and the time is over)     ──it does not──> NONE, as primary again

The primary follows the replica before that one knows: it asks for the stream by `PSYNC id offset FAILOVER`, and whoever
is asked so by its own primary, in the stream that it follows, takes over and answers +CONTINUE. Whatever goes wrong,
the primary has every write, and becomes one again. (CLUSTER FAILOVER is another matter: cluster/manual_failover.py.)
"""

from collections.abc import Callable
from enum import StrEnum

from pycluster.replication.attached import AttachedReplica, State
from pycluster.replication.host import Host
from pycluster.replication.primary import Primary

Address = tuple[str, int]


class FailoverState(StrEnum):
    """How far it is, in the words of INFO."""

    NONE = "no-failover"
    WAITS_FOR_SYNC = "waiting-for-sync"
    IN_PROGRESS = "failover-in-progress"


class Failover:
    """The failover of one server. `follow` and `take_over` change its role."""

    def __init__(
        self, host: Host, primary: Primary, follow: Callable[[str, int], None], take_over: Callable[[], None]
    ) -> None:
        self.state = FailoverState.NONE
        self._host = host
        self._primary = primary
        self._follow = follow
        self._take_over = take_over
        self._target: Address | None = None  # None: whichever replica has everything first
        self._deadline: float | None = None
        self._is_forced = False

    @property
    def is_under_way(self) -> bool:
        return self.state is not FailoverState.NONE

    @property
    def is_in_progress(self) -> bool:
        """Do we follow the target already, though it may not know yet?"""
        return self.state is FailoverState.IN_PROGRESS

    @property
    def stops_pings(self) -> bool:
        """Must not even a PING move the offset? Without a deadline it may take long: then replicas need their PINGs."""
        return self.is_under_way and self._deadline is not None

    def begin(self, target: Address | None, timeout_ms: int, force: bool) -> None:
        """Writes stand still from now on, until a replica has all of them. A timeout of 0 is none."""
        whom = f"{target[0]}:{target[1]}" if target else "any replica"
        self._host.log.notice(f"FAILOVER requested to {whom}.")
        self._target, self._is_forced = target, force
        self._deadline = self._host.loop.time() + timeout_ms / 1000 if timeout_ms else None
        self.state = FailoverState.WAITS_FOR_SYNC
        self._host.set_failing_over(True)
        self._host.journal.flush()
        self.look_soon()

    def look_soon(self) -> None:
        """A replica has said how far it is."""
        if self.state is FailoverState.WAITS_FOR_SYNC:
            self._host.loop.call_soon(self.look)

    def look(self) -> None:
        """Is it time to go on?"""
        if self.state is not FailoverState.WAITS_FOR_SYNC:
            return
        if self._deadline is not None and self._host.loop.time() >= self._deadline:
            if not self._is_forced:
                self.abort("Replica never caught up before timeout")
                return
            assert self._target is not None
            self._change_places(self._target, "FAILOVER to {}:{} time out exceeded, failing over.")
            return
        synced = self._find_synced()
        if synced is not None:
            target = self._target or (synced.shown_ip, synced.port)
            self._change_places(target, "Failover target {}:{} is synced, failing over.")

    def accepted(self) -> None:
        """The target lets us follow it: it is the primary now."""
        if self.is_in_progress:
            self._clear()

    def rejected(self) -> None:
        """The target does not let us follow it."""
        if self.is_in_progress:
            self.abort("Failover target rejected psync request")

    def abort(self, why: str) -> None:
        """Everything stays, or becomes again, as it was."""
        whom = f"{self._target[0]}:{self._target[1]}" if self._target else "any replica"
        self._host.log.notice(f"FAILOVER to {whom} aborted: {why}")
        if self.is_in_progress:
            self._take_over()
        self._clear()

    def _find_synced(self) -> AttachedReplica | None:
        replicas = self._primary.replicas if self._target is None else [self._primary.find_replica(*self._target)]
        offset = self._primary.history.offset
        for replica in replicas:
            if replica is not None and replica.state == State.ONLINE and replica.acknowledged == offset:
                return replica
        return None

    def _change_places(self, target: Address, line: str) -> None:
        self._target, self.state = target, FailoverState.IN_PROGRESS
        self._host.log.notice(line.format(*target))
        self._follow(*target)

    def _clear(self) -> None:
        self.state, self._target, self._deadline, self._is_forced = FailoverState.NONE, None, None, False
        self._host.set_failing_over(False)
