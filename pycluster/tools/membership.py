"""The subcommands about who is in the cluster, and as what: create, add-node, del-node, failover."""

import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from pycluster.cluster.slot_map import slot_ranges, slots_in
from pycluster.tools.creating import Shard, crowding, plan_cluster
from pycluster.tools.gathering import ask_node, side_by_side
from pycluster.tools.node_lines import Address, show_count, show_ranges
from pycluster.tools.outcomes import NodeSaid, Refused, Status, Unreachable
from pycluster.tools.session import Session, ambiguous, pick, pick_master
from pycluster.tools.view import ClusterView, NodeView

BUS_PORT_HINT = "is the port of the cluster bus reachable between all of them?"

# A node that was removed a moment ago is kept away for a minute: by each node that forgot it, and by what those say to
# each other (Redis 7.2). So it is introduced to each, and again to who does not know it yet.
MEET_EVERY_S = 5.0
MEET_FOR_S = 90.0


def create(session: Session, arguments: Namespace) -> Status:
    nodes = side_by_side(lambda address: ask_node(session.connections, address), arguments.addresses)
    for node in nodes:
        refuse_unless_fresh(node)
    shards = plan_cluster(arguments.addresses, arguments.replicas)
    for shard in shards:
        replicas = ", ".join(map(str, shard.replicas)) or "none"
        session.say(f"master {shard.master}: slots {show_ranges(shard.slots)}; replicas: {replicas}")
    if any(crowding(shard.master, shard.replicas) for shard in shards):
        session.say("Some replicas share a host with their master, or with each other.", "yellow")
    if session.is_confirmed("Make this cluster?"):
        _make(session, shards, {node.asked_at: node.id for node in nodes})
        session.say(f"The cluster is there: {len(shards)} masters, all 16384 slots covered.", "green")
    session.result([shard.as_json() for shard in shards])
    return Status.OK


def refuse_unless_fresh(node: NodeView) -> None:
    """A node with a past would bring it along."""
    if len(node.lines) > 1 or node.keys or node.slots:
        raise Refused(
            f"Node {node.asked_at} is not empty: it knows {show_count(len(node.lines) - 1, 'other node')}, has "
            f"{show_count(node.keys, 'key')} and {show_count(node.slots.bit_count(), 'slot')}. If all of that may go: "
            f"FLUSHALL and CLUSTER RESET there first."
        )


def _make(session: Session, shards: Sequence[Shard], ids: dict[Address, str]) -> None:
    ask = session.connections.ask
    first, *others = ids
    with session.connections.interruption.held_off():
        for epoch, shard in enumerate(shards, 1):
            _add_slots(session, shard.master, shard.slots)
            # Different from the start, or the nodes would have to settle collisions first.
            _ignoring_errors(session, shard.master, "CLUSTER", "SET-CONFIG-EPOCH", epoch)
        for address in others:
            ask(first, "CLUSTER", "MEET", address.host, address.port)
    session.wait("Waiting until all have met", lambda: _why_not_met(session, list(ids)))
    for shard in shards:
        for replica in shard.replicas:
            ask(replica, "CLUSTER", "REPLICATE", ids[shard.master])
    session.wait_agreement(first)
    session.wait("Waiting until the cluster is ok", lambda: _why_not_ok(session, first))


def _add_slots(session: Session, address: Address, slots: int) -> None:
    ranges = [edge for first_last in slot_ranges(slots) for edge in first_last]
    try:
        session.connections.ask(address, "CLUSTER", "ADDSLOTSRANGE", *ranges)
    except NodeSaid as error:
        if "unknown subcommand" not in error.error.lower():
            raise
        session.connections.ask(address, "CLUSTER", "ADDSLOTS", *slots_in(slots))  # Redis before 7.0


def _ignoring_errors(session: Session, address: Address, *words: str | int) -> None:
    try:
        session.connections.ask(address, *words)
    except NodeSaid:
        pass


def _why_not_met(session: Session, addresses: Sequence[Address]) -> str:
    for address in addresses:
        known = [line for line in ask_node(session.connections, address).lines if line.is_member]
        if len(known) < len(addresses):
            return f"{address} knows {len(known)} of {len(addresses)} nodes ({BUS_PORT_HINT})"
    return ""


def _why_not_ok(session: Session, address: Address) -> str:
    for node in session.view(address).nodes:
        if (state := node.cluster.get("cluster_state")) != "ok":
            return f"{node.address} says cluster_state:{state}"
        if not node.is_master and node.replication.get("master_link_status") != "up":
            return f"{node.address} has no link to its master"
    return ""


# ---- one node


def add_node(session: Session, arguments: Namespace) -> Status:
    """A member without slots may still be made a replica: it is what is left if this is interrupted."""
    view = session.settled_view(arguments.address)
    new = ask_node(session.connections, arguments.new)
    as_replica = arguments.replica or arguments.master_id
    is_member = view.node(new.id) is not None
    if not is_member:
        refuse_unless_fresh(new)
    elif not (as_replica and new.is_master and not new.slots and not new.keys):
        raise Refused(f"{arguments.new} is a member already.")
    master = _master_for_replica(view, arguments.master_id) if as_replica else None
    role = f"replica of {master.address}" if master else "master without slots"
    session.say(f"{arguments.new} ({new.id[:8]}...) becomes a {role}.")
    if session.is_confirmed("Add it?"):
        if not is_member:
            _introduce(session, view, new, as_replica=master is not None)
        if master:
            session.connections.ask(new.asked_at, "CLUSTER", "REPLICATE", master.id)
            session.wait("Waiting until all know its role", lambda: _why_not_replica(session, view, new, master))
        if all(node.cluster.get("cluster_state") == "ok" for node in view.nodes):
            session.wait("Waiting until it is ok, too", lambda: _why_not_ok(session, new.asked_at))
        session.say(f"{arguments.new} is a member now.", "green")
    session.result({"id": new.id, "address": str(arguments.new), "master": master.id if master else None})
    return Status.OK


def _master_for_replica(view: ClusterView, name: str | None) -> NodeView:
    """The one that is named, else the one with the fewest replicas."""
    if name:
        return pick_master(view, name)
    masters = [node for node in view.masters if node.slots]
    return min(masters, key=lambda node: (len(view.replicas_of(node.id)), node.address))


def _introduce(session: Session, view: ClusterView, new: NodeView, as_replica: bool) -> None:
    if not as_replica:
        _copy_functions(session, view.masters[0].asked_at, new.asked_at)
    wanted = len(view.nodes) + 1
    next_meeting = 0.0

    def why_not() -> str:
        nonlocal next_meeting
        seen = session.view(new.asked_at)
        strangers = [node for node in view.nodes if not _knows(seen.node(node.id), new.id)]
        if strangers and time.monotonic() >= next_meeting:
            next_meeting = time.monotonic() + MEET_EVERY_S
            for node in strangers:
                _meet(session, new, node)
        if strangers:
            return f"{strangers[0].address} does not know {new.asked_at} ({BUS_PORT_HINT})"
        if len(seen.nodes) < wanted:
            return f"{new.asked_at} knows {len(seen.nodes)} of {wanted} nodes"
        return ""

    session.wait("Waiting until all know the new node", why_not, MEET_FOR_S)


def _knows(node: NodeView | None, id_: str) -> bool:
    line = node.line_of(id_) if node else None
    return line is not None and line.is_member


def _meet(session: Session, new: NodeView, member: NodeView) -> None:
    place = member.me.address if member.me.address.host else member.asked_at
    session.connections.ask(new.asked_at, "CLUSTER", "MEET", place.host, place.port)


def _why_not_replica(session: Session, view: ClusterView, new: NodeView, master: NodeView) -> str:
    """The new one itself may be busy with its master's data."""
    for node in session.view(view.nodes[0].asked_at).nodes:
        if not (line := node.line_of(new.id)) or line.master != master.id:
            return f"{node.address} does not know that {new.asked_at} is a replica of {master.address}"
    return ""


def _copy_functions(session: Session, source: Address, target: Address) -> None:
    """A master must have the functions that all others have. Servers before 7.0 have none."""
    try:
        payload = session.connections.ask(source, "FUNCTION", "DUMP")
    except NodeSaid:
        return
    session.connections.ask(target, "FUNCTION", "RESTORE", payload, "REPLACE")


@dataclass(frozen=True, slots=True)
class Leaver:
    """The node that is to go: `node` is None if it does not answer, and only the others' word is left."""

    id: str
    name: str
    slots: int
    node: NodeView | None = None


def del_node(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    leaver = find_leaver(view, arguments.node)
    if leaver.slots:
        raise Refused(f"[ERR] Node {leaver.name} is not empty! Reshard data away and try again.")
    orphans = view.replicas_of(leaver.id)
    heirs = [master for master in view.masters if master.id != leaver.id and master.slots]
    if orphans and not heirs:
        raise Refused("No other master has slots, so there is none that its replicas could follow: remove those first.")
    session.say(f"All others forget {leaver.name} ({leaver.id[:8]}...)" + (", which is reset." if leaver.node else "."))
    for orphan in orphans:
        session.say(f"Its replica {orphan.address} replicates another master from now on.")
    if session.is_confirmed("Remove it?"):
        _remove(session, view, leaver, orphans, heirs)
        session.say(f"{leaver.name} is no member any more.", "green")
    session.result({"id": leaver.id, "address": leaver.name})
    return Status.OK


def find_leaver(view: ClusterView, text: str) -> Leaver:
    """Whom somebody means, whether or not it answers."""
    found, lost = view.find(text), view.find_lost(text)
    if len(lost) == 1 and not found:
        return Leaver(lost[0].id, str(lost[0].address), lost[0].slots)
    if lost and (not found or any(line.id.startswith(text) for line in lost)):
        raise ambiguous(text)
    node = pick(view, text)
    return Leaver(node.id, str(node.address), node.slots, node)


def _remove(
    session: Session, view: ClusterView, leaver: Leaver, orphans: Sequence[NodeView], heirs: Sequence[NodeView]
) -> None:
    for orphan in orphans:  # a node can't forget its own master
        heir = min(heirs, key=lambda master: (len(view.replicas_of(master.id)), master.address))
        session.connections.ask(orphan.asked_at, "CLUSTER", "REPLICATE", heir.id)
    with session.connections.interruption.held_off():
        for other in view.nodes:
            if other.id != leaver.id:
                _forget(session, other, leaver.id)
        if leaver.node:
            session.connections.ask(leaver.node.asked_at, "CLUSTER", "RESET", "SOFT")


def _forget(session: Session, node: NodeView, id_: str) -> None:
    try:
        session.connections.ask(node.asked_at, "CLUSTER", "FORGET", id_)
    except NodeSaid as error:
        if "unknown node" not in error.error.lower():  # it has heard so from another already
            raise


def failover(session: Session, arguments: Namespace) -> Status:
    view = session.view(arguments.address)
    replica = session.node_at(view, arguments.address)
    if replica.is_master:
        raise Refused(f"{replica.address} is a master. Name the replica that is to take over.")
    how = ["FORCE"] if arguments.force else ["TAKEOVER"] if arguments.takeover else []
    session.say(f"{replica.address} takes over from {view.name(replica.me.master)}.")
    if session.is_confirmed("Do it?"):
        session.connections.ask(replica.asked_at, "CLUSTER", "FAILOVER", *how)
        session.wait("Waiting until it is master", lambda: _why_not_master(session, replica), arguments.wait)
        session.wait_agreement(replica.asked_at)
        session.say(f"{replica.address} is master now.", "green")
    session.result({"id": replica.id, "address": str(replica.address), "was": replica.me.master})
    return Status.OK


def _why_not_master(session: Session, replica: NodeView) -> str:
    try:
        return "" if ask_node(session.connections, replica.asked_at).is_master else "it is a replica"
    except Unreachable as error:
        return str(error)
