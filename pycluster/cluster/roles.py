"""Who is a primary, who replicates whom, and whose claim to slots is believed.

These are the rules that move slots and change roles when news arrives, my own role too. News of two nodes may
arrive in any order, on different connections and late; the config epoch says which claim is the newer one.
"""

from pycluster.cluster import epochs, manual_failover, moves
from pycluster.cluster.effects import DropKeys, Follow
from pycluster.cluster.message import Message
from pycluster.cluster.node import PRIMARY, REPLICA, Node
from pycluster.cluster.slot_map import first_slot, slots_in
from pycluster.cluster.state import ClusterState, Election
from pycluster.keyspace.slots import SLOTS

# Roles


def lead(state: ClusterState, node: Node) -> None:
    """The node is a primary now, as far as I know."""
    if node.is_primary:
        return
    node.flags = node.flags & ~REPLICA | PRIMARY
    node.primary = None
    state.save_and_judge()


def follow(state: ClusterState, primary: Node) -> None:
    """I become a replica of this node."""
    myself = state.myself
    assert primary is not myself and not myself.slot_count
    if myself.is_primary:
        myself.flags = myself.flags & ~PRIMARY | REPLICA
    if primary.shard_id != myself.shard_id:
        state.slots.close_all()  # else it goes on with what is open, and so would I, if I took its place again
    state.slots.promised = 0
    myself.primary = primary
    update_shard_id(state, myself, primary.shard_id)
    state.election = Election()  # votes were for the place of another primary
    state.emit(Follow(primary.id, primary.ip, primary.port))
    manual_failover.reset(state)
    state.todo.serve = True


def is_outdated(state: ClusterState, sender: Node, message: Message) -> bool:
    """Whether the sender said this before it won what I know it has. Two nodes have two connections, and a message that
    was held up on one of them can arrive behind a newer one on the other: then a new primary would be taken for a
    replica again, and its replicas sent back to the dead one (valkey#3468, valkey#1015).

    Who owned an epoch never again speaks of a smaller current one. Between asking for votes and winning the current
    epoch is the new one already; but then the primary that it names has failed."""
    if message.current_epoch != sender.config_epoch or not message.replica_of:
        return message.current_epoch < sender.config_epoch
    former = state.nodes.get(message.replica_of)
    return sender.is_primary and sender.slot_count > 0 and former is not None and former.is_fail


def learn_role(state: ClusterState, sender: Node, replica_of: str) -> None:
    """A node says that it is a primary (of nobody a replica), or whom it replicates."""
    if not replica_of:
        if not sender.flags & PRIMARY:
            lead(state, sender)
        return
    if sender.is_primary or sender.slots:
        # (A replica has slots in my eyes if I am one, and my primary ordered that it gets them before we heard that it
        # leads no more. Nobody's claim would ever take them away.)
        state.slots.release(sender.slots)
        state.save_and_judge()
    sender.flags = sender.flags & ~PRIMARY | REPLICA
    primary = state.nodes.get(replica_of)
    if primary is None or primary is sender or sender.primary is primary:
        return
    if replicates(primary, sender):
        # They have changed places, and I heard the former primary first. What I knew of the other is older: it leads.
        # Without this, both would be replicas of each other here until it speaks (valkey#1015).
        if primary is state.myself:
            sender.primary = None  # only an operator can bring this about (TAKEOVER twice), and only one can mend it
            return
        lead(state, primary)
    sender.primary = primary
    update_shard_id(state, sender, primary.shard_id)
    state.save()


def replicates(node: Node, other: Node) -> bool:
    """Whether it is a replica of the other, or of a replica of it, and so on."""
    while node.primary:
        node = node.primary
        if node is other:
            return True
    return False


def update_shard_id(state: ClusterState, node: Node, shard_id: str) -> None:
    if node.shard_id != shard_id:
        node.shard_id = shard_id
        state.save()
    myself = state.myself
    if node is not myself and myself.primary is node and myself.shard_id != shard_id:
        # Ids of shards diverge in a cluster that has, or had, Redis 7.0 nodes: they don't say theirs.
        myself.shard_id = shard_id
        state.save(fsync=True)


# Claims


def has_newer_data(state: ClusterState, other: Node, claimed: int) -> bool:
    """Whether another primary of my own shard, with my epoch, claims my slots and has more data. One of us made the
    epoch by a shortcut. That the smaller id moves on, and so wins, would bring back an old primary that has missed
    writes (valkey#974): then it steps back. The other, if its id is the greater one, does nothing."""
    myself = state.myself
    return (
        myself.is_primary
        and other.id > myself.id
        and other.shard_id == myself.shard_id
        and bool(claimed & myself.slots)
        and other.offset > state.host.replication_offset()
    )


def step_back(state: ClusterState, other: Node, claimed: int) -> None:
    """My slots are the other's, and I am its replica if I have none left."""
    state.slots.rebind(claimed & state.myself.slots, other)
    state.log("notice", f"Node {other.label} has my config epoch, my slots, and more of the data: it keeps them")
    if not state.myself.slot_count:
        follow(state, other)
    state.save_and_judge(fsync=True)


def step_aside(state: ClusterState, successor: Node, config_epoch: int) -> None:
    """A replica of mine has been elected while I was away. If I had slots, its claim to them makes me its replica; if I
    had none yet, only an import, it is this that does."""
    myself = state.myself
    if myself.is_primary and not myself.slot_count and config_epoch > myself.config_epoch:
        state.log("notice", f"Configuration change detected. Reconfiguring myself as a replica of {successor.label}")
        follow(state, successor)
        state.save_and_judge(fsync=True)


def accept_claims(state: ClusterState, claimer: Node, config_epoch: int, claimed: int) -> None:
    """A primary says which slots it owns, under which epoch. It gets those that nobody owns, or that belonged to
    somebody with a smaller epoch. I may lose slots by this, or my last one, or my primary."""
    slots, myself = state.slots, state.myself
    if claimer is myself:
        state.log("notice", "Discarding UPDATE message about myself.")
        return
    my_primary = myself if myself.is_primary else myself.primary
    if late := moves.still_received(state, claimer) & myself.slots & claimed:
        claimed &= ~late
        if config_epoch >= myself.config_epoch:
            epochs.move_on(state)  # or the others would believe it

    slots.unclaimed &= ~(claimed & claimer.slots)
    # The owner no longer says so, but nobody else does yet: clients shall rather be redirected once too often than
    # get errors, so the slot stays bound.
    slots.unclaimed |= claimer.slots & ~claimed

    taken = newer_claims(state, claimer, config_epoch, claimed)
    taken_from_us = taken & my_primary.slots if my_primary else 0
    orphaned_keys = tuple(slot for slot in slots_in(taken & myself.slots) if state.host.keys_in_slot(slot))
    if taken:
        moves.owner_changes(state, claimer, taken)
        slots.rebind(taken, claimer)
        state.save_and_judge(fsync=True)

    # Did our shard lose its last slot? If replicas may not move between shards, only to who took nothing but ours.
    leader = successor_in_shard(state, my_primary) or claimer
    is_my_shard = leader.shard_id == myself.shard_id
    may_follow = state.settings.allow_replica_migration or claimed == taken_from_us or is_my_shard
    if my_primary and taken_from_us and my_primary.slot_count == 0 and may_follow:
        state.log("notice", f"Configuration change detected. Reconfiguring myself as a replica of {leader.label}")
        follow(state, leader)
        state.save_and_judge(fsync=True)
    elif orphaned_keys:
        state.emit(DropKeys(orphaned_keys))


def successor_in_shard(state: ClusterState, old_primary: Node | None) -> Node | None:
    """Who has taken this primary's place while it was away. It may since have given slots to other shards, and the last
    of the old one's slots to be claimed may be one of those: that is no reason to go there."""
    if old_primary is None:
        return None
    leaders = [
        node
        for node in state.nodes.values()
        if node.shard_id == state.myself.shard_id
        and node.is_primary
        and not node.is_fail
        and node.config_epoch > old_primary.config_epoch
    ]
    return max(leaders, key=lambda node: node.config_epoch, default=None)


def leave_sub_replica(state: ClusterState) -> None:
    """My primary has become a replica, and it was not its slots that told me (it had none, say, or an operator gave it
    away): then I belong to its primary. Redis asks this only when slots change, and may stay a replica's replica."""
    myself = state.myself
    grand_primary = myself.primary.primary if myself.primary else None
    if grand_primary is None or grand_primary is myself:
        return
    state.log("notice", f"I'm a sub-replica! Reconfiguring myself as a replica of grandmaster {grand_primary.label}")
    follow(state, grand_primary)
    state.save_and_judge(fsync=True)


def newer_claims(state: ClusterState, claimer: Node, config_epoch: int, claimed: int) -> int:
    """The claimed slots that are not the claimer's yet and should be.

    What I have granted to the claimer is its own whatever its epoch: if slots go in both directions at once, both of
    us have taken the same next epoch, without asking anybody.
    """
    slots = state.slots
    wanted = claimed & ~claimer.slots
    free = wanted & (~slots.assigned | slots.unclaimed)
    outdated = 0
    for node in state.nodes.values():
        if node.config_epoch < config_epoch:
            outdated |= node.slots & wanted
    return free | outdated | state.host.granted_to(claimer.id) & wanted & state.myself.slots


def newer_owner(state: ClusterState, node: Node, config_epoch: int, claimed: int) -> Node | None:
    """Who owns one of the claimed slots, and claims it, under a greater epoch (the owner of the first such slot)."""
    found, first = None, SLOTS
    for owner in state.nodes.values():
        if owner is node or owner.config_epoch <= config_epoch:
            continue
        if disputed := owner.slots & claimed & ~state.slots.unclaimed:
            lowest = first_slot(disputed)
            if lowest < first:
                found, first = owner, lowest
    return found
