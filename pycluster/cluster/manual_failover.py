"""CLUSTER FAILOVER: a replica and its primary change places without losing a write.

The replica asks its primary to pause its clients (MFSTART). A paused primary says so in every message, with its
offset, which now stands still. The replica waits until it has applied the stream up to there, and then lets itself
be elected like any other replica, only that the voters are told not to mind that the primary is alive. Whatever goes
wrong, after a few seconds both give up, and the primary's clients go on.
"""

from pycluster.cluster.effects import PauseWrites, ResumeWrites
from pycluster.cluster.node import Node
from pycluster.cluster.state import ClusterState, Election, ManualFailover

PAUSE_TIMES = 2  # longer than the attempt: the old primary shall not take writes while votes are under way


def begin_at_replica(state: ClusterState) -> None:
    reset(state)
    state.manual_failover.ends_ms = state.now_ms + state.settings.manual_failover_timeout_ms
    state.election = Election()  # an attempt of before, and its waiting times, are no concern of this one
    state.hurry()


def begin_at_primary(state: ClusterState, replica: Node) -> None:
    reset(state)
    timeout_ms = state.settings.manual_failover_timeout_ms
    state.manual_failover.ends_ms = state.now_ms + timeout_ms
    state.manual_failover.replica = replica
    state.hurry()
    state.emit(PauseWrites(state.now_ms + PAUSE_TIMES * timeout_ms))
    state.log("notice", f"Manual failover requested by replica {replica.label}.")


def learn_offset(state: ClusterState, offset: int) -> None:
    """My paused primary says where its stream stands still. What it said before the pause is worth nothing."""
    if state.manual_failover.is_under_way and state.manual_failover.primary_offset is None:
        state.manual_failover.primary_offset = offset
        state.todo.manual_failover = True
        state.log("notice", f"Received replication offset for paused master manual failover: {offset}")


def advance(state: ClusterState) -> None:
    """At the replica: may the election begin?"""
    failover = state.manual_failover
    if not is_waiting_for_stream(state):
        return
    if failover.primary_offset == state.host.replication_offset():
        failover.may_start = True
        state.todo.failover = True
        state.log("notice", "All master replication stream processed, manual failover can start.")


def is_waiting_for_stream(state: ClusterState) -> bool:
    failover = state.manual_failover
    return failover.is_under_way and not failover.may_start and failover.primary_offset is not None


def give_up_if_late(state: ClusterState) -> None:
    if state.manual_failover.is_under_way and state.manual_failover.ends_ms < state.now_ms:
        state.log("warning", "Manual failover timed out.")
        reset(state)


def reset(state: ClusterState) -> None:
    if state.manual_failover.replica:
        state.emit(ResumeWrites())
    state.manual_failover = ManualFailover()
