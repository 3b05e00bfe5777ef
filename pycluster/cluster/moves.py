"""Slots on the move, while the nodes that they move between change: what becomes of them when a failover or an operator
puts another node in a side's place.

A slot stays open through a failover: who takes over has the same keys and, by its primary's orders, the same slots
open. It is closed when somebody else altogether owns it: then an operator has ended the move, or begun another one.
The rules, and what the log says, are those of Valkey 8; Redis 7.2 leaves the names of the dead behind.
"""

from pycluster.cluster.node import Node
from pycluster.cluster.slot_map import slot_set
from pycluster.cluster.state import ClusterState

LATE_TIMEOUTS = 2  # so many node timeouts a message may be under way: links that bring nothing are closed after one


def owner_changes(state: ClusterState, claimer: Node, taken: int) -> None:
    """These slots are about to be the claimer's, because it says so."""
    slots, myself = state.slots, state.myself
    for slot, target in list(slots.migrating.items()):
        if taken >> slot & 1 and claimer.shard_id != myself.shard_id:
            state.log("notice", f"Slot {slot} is no longer being migrated to node {in_shard(target)}.")
            del slots.migrating[slot]
    for slot, source in list(slots.importing.items()):
        if not taken >> slot & 1 or source is claimer:
            continue
        if source.shard_id == claimer.shard_id:
            state.log(
                "notice",
                f"Failover occurred in migration source. Update importing source for slot {slot} "
                f"to node {in_shard(claimer)}.",
            )
            slots.importing[slot] = claimer
        else:
            state.log("notice", f"Slot {slot} is no longer being imported from node {in_shard(source)}.")
            del slots.importing[slot]


def note_received(state: ClusterState, slots: int) -> None:
    """Their owners have granted me these slots, and I am about to claim them."""
    until_ms = state.now_ms + LATE_TIMEOUTS * state.settings.node_timeout_ms
    for node in state.nodes.values():
        if granted := node.slots & slots:
            state.slots.received[node] = granted | still_received(state, node), until_ms


def still_received(state: ClusterState, node: Node) -> int:
    """The slots that this node has granted me a moment ago, and that do not go back to it. If it claims them, it has
    said so before it heard of my claim: its epoch says nothing then, as it may have got a new one meanwhile, by slots
    that it has taken itself."""
    slots, until_ms = state.slots.received.get(node, (0, 0))
    if state.now_ms > until_ms:
        state.slots.received.pop(node, None)
        return 0
    going_back = slot_set(slot for slot, target in state.slots.migrating.items() if target is node)
    return slots & ~going_back & ~state.host.granted_to(node.id)


def note_successor(state: ClusterState, primary: Node, config_epoch: int) -> None:
    """A primary speaks. If it has taken another's place, what was to go to that one goes to it."""
    migrating = state.slots.migrating
    for slot, target in list(migrating.items()):
        if target is primary or target.shard_id != primary.shard_id:
            continue
        if target.is_replica or target.config_epoch < config_epoch:
            state.log(
                "notice",
                f"Failover occurred in migration target. Slot {slot} is now being migrated to node "
                f"{in_shard(primary)}.",
            )
            migrating[slot] = primary
            state.slots.changed = True
            state.save(fsync=True)


def in_shard(node: Node) -> str:
    return f"{node.label} in shard {node.shard_id}"
