"""What an operator can order: the subcommands of CLUSTER that change something.

Each looks first whether the order makes sense, in Redis' order and words, and changes nothing if it does not.
"""

from collections.abc import Iterable

from pycluster.cluster import epochs, failover, manual_failover, membership, moves, outgoing, roles
from pycluster.cluster.effects import DropEverything, TakeOver
from pycluster.cluster.message import Kind
from pycluster.cluster.node import Node, normal_ip, random_id
from pycluster.cluster.slot_map import ALL_SLOTS, slot_set
from pycluster.cluster.state import ClusterState
from pycluster.protocol import errors

# Members


def meet(state: ClusterState, ip: str, port: int, bus_port: int) -> None:
    address = normal_ip(ip)
    if address is None or not 0 < port <= 65535 or not 0 < bus_port <= 65535:
        raise errors.invalid_node_address(ip, str(port))
    membership.start_handshake(state, address, port, bus_port)


def forget(state: ClusterState, node_id: str) -> None:
    node = state.nodes.get(node_id)
    if node is None:
        if membership.is_forgotten(state, node_id):
            return  # another node was told before, and told us
        raise errors.unknown_node(node_id)
    if node.is_myself:
        raise errors.CannotForgetMyself
    if node is state.myself.primary:
        raise errors.CannotForgetMyPrimary
    membership.forget(state, node)


def reset(state: ClusterState, hard: bool) -> None:
    """Back to a node that is alone; hard: also under a new name, as if it had never been in a cluster."""
    myself = state.myself
    if myself.is_primary and state.host.key_count():
        raise errors.ResetWithKeys
    if myself.is_replica:
        roles.lead(state, myself)
        state.emit(TakeOver())
        state.emit(DropEverything())
    state.slots.close_all()
    manual_failover.reset(state)
    state.slots.release(ALL_SLOTS)
    for node in list(state.nodes.values()):
        if not node.is_myself:
            membership.remove(state, node)
    state.forgotten.clear()
    state.forgiven.clear()
    if hard:
        state.current_epoch = state.last_vote_epoch = myself.config_epoch = 0
        state.log("notice", "configEpoch set to 0 via CLUSTER RESET HARD")
        membership.rename(state, myself, random_id(state.rng))
        myself.shard_id = random_id(state.rng)
        state.log("notice", f"Node hard reset, now I'm {myself.id}")
    state.save_and_judge(fsync=True)


# Roles


def replicate(state: ClusterState, node_id: str) -> None:
    myself, node = state.myself, known_node(state, node_id)
    if node is myself:
        raise errors.CannotReplicateMyself
    if node.is_replica:
        raise errors.CannotReplicateReplica
    if myself.is_primary and (myself.slot_count or state.host.key_count()):
        raise errors.CannotReplicateWithData
    roles.follow(state, node)
    state.save_and_judge(fsync=True)  # Redis does not sync this; its OK is not worth much if the power goes then


def fail_over(state: ClusterState, force: bool, takeover: bool) -> None:
    primary = state.myself.primary
    if state.myself.is_primary:
        raise errors.FailoverAtPrimary
    if primary is None:
        raise errors.FailoverWithoutPrimary
    if not force and not takeover and (primary.is_fail or primary.link is None):
        raise errors.FailoverOfDeadPrimary
    manual_failover.begin_at_replica(state)
    if takeover:
        failover.take_over_by_force(state)
    elif force:
        state.log("notice", "Forced failover user request accepted.")
        state.manual_failover.may_start = True
    else:
        state.log("notice", "Manual failover user request accepted.")
        outgoing.send(state, primary.link, outgoing.message(state, Kind.MFSTART))


def set_config_epoch(state: ClusterState, epoch: int) -> None:
    """Only for a node that is new and alone: whoever creates a cluster spares it the collisions."""
    if epoch < 0:
        raise errors.invalid_config_epoch(epoch)
    if len(state.nodes) > 1:
        raise errors.ConfigEpochWithPeers
    if state.myself.config_epoch:
        raise errors.ConfigEpochTaken
    state.myself.config_epoch = epoch
    state.current_epoch = max(state.current_epoch, epoch)
    state.log("notice", f"configEpoch set to {epoch} via CLUSTER SET-CONFIG-EPOCH")
    state.save_and_judge()


# Slots


def add_slots(state: ClusterState, slots: Iterable[int]) -> None:
    wanted: dict[int, None] = {}
    for slot in slots:
        if state.slots.owner[slot]:
            raise errors.slot_already_busy(slot)
        if slot in wanted:
            raise errors.slot_specified_twice(slot)
        wanted[slot] = None
    for slot in wanted:
        state.slots.importing.pop(slot, None)
    state.slots.bind(slot_set(wanted), state.myself)
    state.save_and_judge()


def del_slots(state: ClusterState, slots: Iterable[int]) -> None:
    """Of any owner, but here only: the owner's next ping brings them back, unless it is me."""
    unwanted: dict[int, None] = {}
    for slot in slots:
        if state.slots.owner[slot] is None:
            raise errors.slot_already_unassigned(slot)
        if slot in unwanted:
            raise errors.slot_specified_twice(slot)
        unwanted[slot] = None
    for slot in unwanted:
        state.slots.importing.pop(slot, None)
    state.slots.release(slot_set(unwanted))
    state.save_and_judge()


def flush_slots(state: ClusterState) -> None:
    if state.host.key_count():
        raise errors.FlushSlotsWithKeys
    state.slots.release(state.myself.slots)
    state.save_and_judge()


def forget_open_slots(state: ClusterState) -> None:
    state.slots.close_all()
    state.save()


# SETSLOT, which opens and closes slots. A primary has its replicas follow its order first, so that whichever of them
# takes its place goes on from there; at a replica the same orders come from its primary, and from nobody else.


def set_slot_migrating(state: ClusterState, slot: int, node_id: str) -> None:
    state.slots.migrate(slot, to=slot_target(state, slot, node_id))
    state.save_and_judge()


def set_slot_importing(state: ClusterState, slot: int, node_id: str) -> None:
    state.slots.import_(slot, source=slot_source(state, slot, node_id))
    state.save_and_judge()


def set_slot_stable(state: ClusterState, slot: int) -> None:
    state.slots.close(slot)
    state.save_and_judge()


def set_slot_node(state: ClusterState, slot: int, node_id: str) -> None:
    """The end of a migration, ordered at its target, at its source, and at whoever shall know at once."""
    slots, myself, holder = state.slots, state.myself, state.slot_holder
    node = slot_taker(state, slot, node_id)
    if node is holder and node is not myself and slots.owner[slot] is not node:
        slots.promise(slot)
        state.save_and_judge()
        return
    was_ours = slots.owner[slot] is holder
    if myself.is_replica or not state.host.keys_in_slot(slot):  # (my primary has looked whether there are any)
        slots.migrating.pop(slot, None)
    slots.rebind(1 << slot, node)
    if was_ours and node is not holder and not holder.slot_count and state.settings.allow_replica_migration:
        state.log("notice", f"Configuration change detected. Reconfiguring myself as a replica of {node.label}")
        roles.follow(state, node)
        state.save(fsync=True)
    if node is myself and slot in slots.importing:
        # Nobody voted for this change of owner: a new epoch makes the others believe it.
        is_new_epoch = epochs.bump(state)
        if is_new_epoch:
            state.log("notice", f"configEpoch updated after importing slot {slot}")
        del slots.importing[slot]
        if is_new_epoch:
            outgoing.pong_to_all(state)
        else:
            outgoing.announce_slot(state)
    state.save_and_judge()


def take_slots(state: ClusterState, slots: Iterable[int]) -> None:
    """The end of an atomic migration, at its target: all slots at once, under one new epoch that nobody voted for."""
    wanted = slot_set(slots)
    epochs.bump(state)
    moves.note_received(state, wanted)
    state.slots.rebind(wanted, state.myself)
    outgoing.pong_to_all(state)
    state.save_and_judge(fsync=True)


def slot_target(state: ClusterState, slot: int, node_id: str) -> Node:
    """Whom a slot of mine is to go to; raises why it can't be."""
    if state.myself.is_primary and state.slots.owner[slot] is not state.myself:
        raise errors.not_owner_of_slot(slot)
    return slot_peer(state, node_id)


def slot_source(state: ClusterState, slot: int, node_id: str) -> Node:
    """Whom a slot is to come from; raises why it can't be."""
    if state.slots.owner[slot] is state.myself:
        raise errors.already_owner_of_slot(slot)
    return slot_peer(state, node_id)


def slot_taker(state: ClusterState, slot: int, node_id: str) -> Node:
    """Who is to own a slot; raises why it can't be."""
    node = known_node(state, node_id)
    if node.is_replica and state.myself.is_primary:
        raise errors.SlotPeerNotAPrimary
    is_mine = state.slots.owner[slot] is state.myself
    if is_mine and node is not state.myself and state.host.keys_in_slot(slot):
        raise errors.slot_still_has_keys(slot)
    return node


def slot_peer(state: ClusterState, node_id: str) -> Node:
    node = state.nodes.get(node_id)
    if node is None:
        raise errors.slot_peer_unknown(node_id)
    # A replica may not have heard yet that a node leads now; its primary has.
    if node.is_replica and state.myself.is_primary:
        raise errors.SlotPeerNotAPrimary
    return node


def require_primary(state: ClusterState) -> None:
    """SETSLOT asks this before it looks at its arguments."""
    if state.myself.is_replica:
        raise errors.SetSlotAtReplica


def known_node(state: ClusterState, node_id: str) -> Node:
    if node := state.nodes.get(node_id):
        return node
    raise errors.unknown_node(node_id)
