"""When a node has failed: from PFAIL, which is my opinion, to FAIL, which is the cluster's, and back.

PFAIL comes from silence (heartbeat.py). Primaries' opinions arrive by gossip and count for two node timeouts; with a
majority of them, whoever notices declares FAIL and tells everybody. A majority is counted among primaries with slots.
"""

from pycluster.cluster import outgoing
from pycluster.cluster.message import Failed, Kind
from pycluster.cluster.node import FAIL, PFAIL, Node
from pycluster.cluster.state import ClusterState

REPORT_VALID_TIMEOUTS = 2
UNDO_TIMEOUTS = 2


def hear_of_failure(state: ClusterState, node: Node, reporter: Node) -> None:
    if reporter not in node.failure_reports:
        state.log("verbose", f"Node {reporter.label} reported node {node.label} as not reachable.")
    node.failure_reports[reporter] = state.now_ms
    mark_if_agreed(state, node)


def hear_of_recovery(state: ClusterState, node: Node, reporter: Node) -> None:
    if node.failure_reports.pop(reporter, None) is not None:
        state.log("verbose", f"Node {reporter.label} reported node {node.label} is back online.")


def count_reports(state: ClusterState, node: Node) -> int:
    """How many others say that it fails; what they said long ago does not count."""
    if node.failure_reports:
        oldest_ms = state.now_ms - state.settings.node_timeout_ms * REPORT_VALID_TIMEOUTS
        node.failure_reports = {
            reporter: when_ms for reporter, when_ms in node.failure_reports.items() if when_ms >= oldest_ms
        }
    return len(node.failure_reports)


def mark_if_agreed(state: ClusterState, node: Node) -> None:
    """PFAIL becomes FAIL when most primaries agree. A replica may notice it too: it helps to spread the word."""
    if not node.is_pfail or node.is_fail:
        return
    agreeing = count_reports(state, node) + (1 if state.myself.is_primary else 0)
    if agreeing < state.quorum:
        return
    state.log("notice", f"Marking node {node.label} as failing (quorum reached).")
    mark(state, node)
    outgoing.broadcast(state, outgoing.message(state, Kind.FAIL, Failed(node.id)))


def mark(state: ClusterState, node: Node) -> None:
    node.flags = node.flags & ~PFAIL | FAIL
    node.failed_ms = state.now_ms
    state.save_and_judge()


def clear_pfail(state: ClusterState, node: Node) -> None:
    node.flags &= ~PFAIL
    state.save_and_judge()


def clear_fail_if_due(state: ClusterState, node: Node) -> None:
    """It answers again. A primary with slots stays failed for a while: its replica may be about to take over, and
    two owners of one slot are worse than none."""
    if node.is_replica or node.slot_count == 0:
        what = "replica" if node.is_replica else "master without slots"
        state.log("notice", f"Clear FAIL state for node {node.label}:{what} is reachable again.")
    elif state.now_ms - node.failed_ms > state.settings.node_timeout_ms * UNDO_TIMEOUTS:
        state.log(
            "notice",
            f"Clear FAIL state for node {node.label}: "
            "is reachable again and nobody is serving its slots after some time.",
        )
    else:
        return
    node.flags &= ~FAIL
    state.save_and_judge()
