"""Config epochs: which of two claims to a slot is the newer one.

Normally an epoch is won by election, so no two nodes have the same. Two shortcuts make one without asking anybody:
closing an import, and a takeover. They may collide, and then one of the two moves on.
"""

from pycluster.cluster.node import Node
from pycluster.cluster.state import ClusterState


def greatest(state: ClusterState) -> int:
    return max(state.current_epoch, *(node.config_epoch for node in state.nodes.values()))


def bump(state: ClusterState) -> bool:
    """Takes the next epoch without consensus, unless mine is the greatest already."""
    myself = state.myself
    if myself.config_epoch and myself.config_epoch == greatest(state):
        return False
    move_on(state)
    state.log("notice", f"New configEpoch set to {myself.config_epoch}")
    return True


def resolve_collision(state: ClusterState, other: Node) -> None:
    """Two primaries with one epoch: the one with the smaller id moves on, so that exactly one of them does."""
    myself = state.myself
    if other.config_epoch != myself.config_epoch or other.id <= myself.id:
        return
    if not (other.is_primary and myself.is_primary):
        return
    move_on(state)
    state.log(
        "verbose",
        f"WARNING: configEpoch collision with node {other.label}. configEpoch set to {myself.config_epoch}",
    )


def move_on(state: ClusterState) -> None:
    state.current_epoch += 1
    state.myself.config_epoch = state.current_epoch
    state.save(fsync=True)
