"""Whether the cluster is ok, as this node sees it: are all slots covered, and do I belong to the majority?

A primary that comes back, from a restart or out of a minority, waits a little before it says yes: a replica of it may
have been elected meanwhile, and what clients wrote here then would be lost when the news arrives.
"""

from pycluster.cluster.slot_map import ALL_SLOTS
from pycluster.cluster.state import ClusterState

WRITABLE_DELAY_MS = 2000  # after a start
REJOIN_DELAY_MIN_MS = 500  # after a partition: the node timeout, within these limits
REJOIN_DELAY_MAX_MS = 5000


def judge(state: ClusterState) -> None:
    now_ms = state.now_ms
    state.todo.judge = False
    # Counted from the first time somebody asked, so that the time to load data is not part of it.
    state.first_judged_ms = state.first_judged_ms or now_ms
    if state.myself.is_primary and not state.is_ok and now_ms - state.first_judged_ms < WRITABLE_DELAY_MS:
        return

    is_ok = is_covered(state)
    voters = [node for node in state.nodes.values() if node.is_primary and node.slot_count]
    state.size = len(voters)
    # Coverage looks at FAIL alone, this at PFAIL too: a minority cannot agree on FAIL, and must notice by itself.
    reachable = sum(1 for node in voters if not node.is_fail and not node.is_pfail)
    if reachable < state.quorum:
        is_ok = False
        state.in_minority_ms = now_ms

    if is_ok == state.is_ok:
        return
    rejoin_delay_ms = min(max(state.settings.node_timeout_ms, REJOIN_DELAY_MIN_MS), REJOIN_DELAY_MAX_MS)
    if is_ok and state.myself.is_primary and now_ms - state.in_minority_ms < rejoin_delay_ms:
        return
    state.is_ok = is_ok
    state.todo.serve = True
    state.log("notice" if is_ok else "warning", "Cluster state changed: " + ("ok" if is_ok else "fail"))


def is_covered(state: ClusterState) -> bool:
    if not state.settings.require_full_coverage:
        return True
    return state.slots.assigned == ALL_SLOTS and not any(
        node.is_fail and node.slot_count for node in state.nodes.values()
    )
