"""What is wrong with a cluster, in words, and what to do about it: a pure function of a ClusterView.

An error keeps keys from being served, or will as soon as something else happens; a warning is worth knowing. Problems
are told in the order in which one would mend them: first who can be asked at all, then slots, then the rest.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations

from pycluster.cluster.slot_map import slot_set, slots_in
from pycluster.tools.node_lines import Address, show_count, show_ranges
from pycluster.tools.view import ClusterView, NodeView, owners

ERROR, WARNING = "error", "warning"
LAG_BYTES = 1 << 20  # Redis' default backlog: a replica further behind than that may need everything anew
SILENCE_S = 15  # a master sends its replicas something every 10 s


@dataclass(frozen=True, slots=True)
class Problem:
    kind: str
    severity: str
    what: str
    advice: str

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def find_problems(view: ClusterView) -> list[Problem]:
    finders: tuple[Callable[[ClusterView], Iterable[Problem]], ...] = (
        unreachable_nodes,
        nodes_with_one_id,
        slots_with_several_owners,
        open_slots,
        uncovered_slots,
        stray_keys,
        disagreeing_views,
        disagreeing_roles,
        partial_views,
        broken_links,
        suspected_nodes,
        epoch_collisions,
        lagging_replicas,
        chained_replicas,
        nodes_that_are_down,
        masters_without_replica,
    )
    return [problem for find in finders for problem in find(view)]


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity == ERROR for problem in problems)


# ---- who can be asked


def unreachable_nodes(view: ClusterView) -> Iterator[Problem]:
    for address, why in view.silent.items():
        lines = [line for node in view.nodes for line in node.lines if line.address == address]
        if "LOADING" in why:
            yield Problem("loading-node", ERROR, f"{address} is loading its data.", "Wait until it has.")
            continue
        answering = next((node for node in view.nodes for line in lines if node.id == line.id), None)
        if answering is not None:
            yield Problem(
                "unreachable-address",
                ERROR,
                f"{answering.asked_at} answers here, but tells clients to come to {address}, where they can't: {why}.",
                "Set cluster-announce-ip, cluster-announce-port and cluster-announce-bus-port to what clients can "
                "reach (CONFIG SET, and in redis.conf); behind NAT or in a container it can't be found out.",
            )
        elif any(view.is_reached(line.id) for line in lines):
            yield Problem(
                "unreachable-address",
                ERROR,
                f"{address} can't be reached from here ({why}), yet other nodes are connected to it: clients here will "
                "be sent there in vain.",
                f"{'It may be busy or stopped: ask again. ' if why == 'timed out' else ''}"
                "If the node is behind NAT or in a container, set its cluster-announce-ip and -port to what clients "
                "can reach; else look at firewalls, at `bind` and `protected-mode`, and at the password.",
            )
        else:
            gone = (
                "Start it again: it has slots."
                if any(line.slots for line in lines)
                else "Start it again; or, if it will not come back, remove it: "
                f"pycluster del-node {_someone(view)} {lines[0].id if lines else 'ID'}"
            )
            what = f"{address} does not answer ({why}), and other nodes have lost it, too."
            yield Problem("unreachable-node", ERROR, what, gone)


def nodes_with_one_id(view: ClusterView) -> Iterator[Problem]:
    by_id = defaultdict(list)
    for node in view.nodes:
        by_id[node.id].append(node)
    for id_, nodes in by_id.items():
        if len(nodes) > 1:
            yield Problem(
                "same-id",
                ERROR,
                f"{_listed(nodes)} are different servers with the same node id, {id_}: one was probably started on a "
                "copy of the other's nodes.conf.",
                "Stop the one that does not belong here, delete its nodes.conf (and data), start it, and add it again.",
            )


# ---- slots


def slots_with_several_owners(view: ClusterView) -> Iterator[Problem]:
    for one, other in combinations((node for node in _told_apart(view) if node.is_master), 2):
        if both := one.slots & other.slots:
            yield Problem(
                "several-owners",
                ERROR,
                f"{one.address} and {other.address} both say that they own {_slots(both)}.",
                f"If it stays so for more than some seconds: pycluster fix {one.address}",
            )


def open_slots(view: ClusterView) -> Iterator[Problem]:
    for slot in view.open_slots:
        yield Problem(
            "open-slot",
            ERROR,
            f"slot {slot} is open: {'; '.join(_states(view, slot))}.",
            f"If nobody is moving it right now: pycluster fix {_someone(view)}",
        )


def _states(view: ClusterView, slot: int) -> Iterator[str]:
    """What each node says of an open slot."""
    for node in view.masters:
        if target := node.me.migrating.get(slot):
            yield f"{node.address} gives it to {view.name(target)}"
    for node in view.masters:
        if source := node.me.importing.get(slot):
            yield f"{node.address} takes it from {view.name(source)}"
    holders = [(node, node.keys_in_slot.get(slot, 0)) for node in view.masters]
    yield ", ".join(f"{show_count(keys, 'key')} at {node.address}" for node, keys in holders if keys) or "it is empty"


def uncovered_slots(view: ClusterView) -> Iterator[Problem]:
    missing = view.uncovered
    for id_, line in view.lost_masters().items():
        if lost := line.slots & missing:
            missing &= ~lost
            if view.is_reached(id_):
                continue  # served, but not to us: an unreachable address, and told as such
            replicas = view.replicas_of(id_)
            advice = (
                f"Start the master; or promote its replica: pycluster failover {replicas[0].address} --takeover"
                if replicas
                else "Start the master: its data are there. To go on without them: pycluster fix "
                f"{_someone(view)} --cluster-fix-with-unreachable-masters"
            )
            what = f"{_slots(lost)} {_are(lost)} not served: the master, {view.name(id_)}, is gone."
            yield Problem("uncovered-slots", ERROR, what, advice)
    if missing:
        yield Problem(
            "uncovered-slots",
            ERROR,
            f"{_slots(missing)} {_are(missing)} nobody's: keys there get -CLUSTERDOWN Hash slot not served.",
            f"pycluster fix {_someone(view)}",
        )


def stray_keys(view: ClusterView) -> Iterator[Problem]:
    """In slots that are open, keys are in two places by right."""
    for node in view.masters:
        slots = [slot for slot, nodes in view.strays.items() if node in nodes and slot not in view.open_slots]
        if slots:
            keys = sum(node.keys_in_slot[slot] for slot in slots)
            yield Problem(
                "stray-keys",
                ERROR,
                f"{node.address} has {show_count(keys, 'key')} in {_slots(slot_set(slots))}, not its own: clients "
                "don't find them there.",
                f"pycluster fix {node.address}",
            )


# ---- do they agree?


def disagreeing_views(view: ClusterView) -> Iterator[Problem]:
    opinions: dict[tuple[tuple[str, int], ...], list[NodeView]] = defaultdict(list)
    for node in view.nodes:
        opinions[tuple(sorted((line.id, line.slots) for line in node.lines if line.slots))].append(node)
    groups = sorted(opinions.values(), key=len, reverse=True)
    for other in groups[1:]:
        ours, theirs = owners(groups[0][0]), owners(other[0])
        differing = slot_set(slot for slot in ours.keys() | theirs.keys() if ours.get(slot) != theirs.get(slot))
        example = next(slots_in(differing))
        names = [_owner_name(view, mapping, example) for mapping in (ours, theirs)]
        yield Problem(
            "disagreement",
            ERROR,
            f"nodes disagree about {_slots(differing)}: of slot {example} {_listed(groups[0])} "
            f"{_say(groups[0])} that it is {names[0]}, {_listed(other)} that it is {names[1]}.",
            "After a change it takes some seconds until all have heard of it; if it stays, the nodes don't hear of "
            f"each other (look at the links), or: pycluster fix {_someone(view)}",
        )


def _owner_name(view: ClusterView, mapping: Mapping[int, str], slot: int) -> str:
    return f"{view.name(mapping[slot])}'s" if slot in mapping else "nobody's"


def disagreeing_roles(view: ClusterView) -> Iterator[Problem]:
    """Who is a master, and who replicates whom: each node knows best of itself."""
    for node in view.nodes:
        lines = [(other, line) for other in view.nodes if (line := other.line_of(node.id)) and line.is_member]
        if wrong := [(other, line) for other, line in lines if line.master != node.me.master]:
            others = [other for other, _ in wrong]
            yield Problem(
                "disagreement",
                ERROR,
                f"{node.address} says that it is {_role(view, node.me.master)}; {_listed(others)} {_think(others)} "
                f"that it is {_role(view, wrong[0][1].master)}.",
                "After a failover it takes some seconds until all have heard of it; if it stays, look at the links.",
            )


def _role(view: ClusterView, master: str) -> str:
    return f"a replica of {view.name(master)}" if master else "a master"


def partial_views(view: ClusterView) -> Iterator[Problem]:
    for node in view.nodes:
        known = {line.id for line in node.lines if line.is_member}
        if missing := [other for other in view.nodes if other.id not in known]:
            yield Problem(
                "unknown-node",
                ERROR,
                f"{node.address} does not know {_listed(missing)}.",
                "If it is not a node that has just been forgotten, introduce it: pycluster call --only-this "
                f"{node.address} CLUSTER MEET {missing[0].address.host} {missing[0].address.port}",
            )
        for line in node.lines:
            if not line.is_member:
                state = "is still shaking hands with" if "handshake" in line.flags else "has no address of"
                yield Problem(
                    "unknown-node",
                    WARNING,
                    f"{node.address} {state} {line.address if line.address.host else line.id[:8]}.",
                    "If that does not end by itself: the port of the cluster bus (the client port + 10000, if not "
                    f"set otherwise; here {line.bus_port}) must be reachable between all nodes, in both directions.",
                )


def broken_links(view: ClusterView) -> Iterator[Problem]:
    """Links of the bus between nodes that both answer; one problem for all that a node can't reach."""
    one_way: dict[Address, list[NodeView]] = defaultdict(list)
    neither: dict[Address, list[NodeView]] = defaultdict(list)
    for one, other in combinations(_told_apart(view), 2):
        there, back = one.line_of(other.id), other.line_of(one.id)
        if there is None or back is None or there.is_linked and back.is_linked:
            continue
        if there.is_linked or back.is_linked:
            sender, receiver = (one, other) if not there.is_linked else (other, one)
            one_way[sender.asked_at].append(receiver)
        else:
            neither[one.asked_at].append(other)
    by_place = {node.asked_at: node for node in view.nodes}
    for place, others in one_way.items():
        what = (
            f"{by_place[place].address} can't reach {_listed(others)} on the cluster bus, though "
            f"{f'{others[0].address} reaches' if len(others) == 1 else 'those reach'} {by_place[place].address}: "
            f"{'a one-way link' if len(others) == 1 else 'one-way links'}."
        )
        yield Problem("broken-link", ERROR, what, _look_at_the_bus([by_place[place], *others]))
    for place, others in neither.items():
        what = f"{by_place[place].address} and {_listed(others)} don't reach each other on the cluster bus."
        yield Problem("broken-link", ERROR, what, _look_at_the_bus([by_place[place], *others]))


def _look_at_the_bus(nodes: list[NodeView]) -> str:
    ports = ", ".join(str(node.me.bus_port) for node in nodes)
    return f"Look at firewalls and announced addresses; the bus ports are {ports}."


def suspected_nodes(view: ClusterView) -> Iterator[Problem]:
    suspects: dict[tuple[Address, ...], list[NodeView]] = defaultdict(list)
    nodes = _told_apart(view)
    for node in nodes:
        lines = [(other, line) for other in nodes if (line := other.line_of(node.id))]
        if places := tuple(other.asked_at for other, line in lines if line.flags & {"fail", "fail?"}):
            suspects[places].append(node)
    for places, suspected in suspects.items():
        doubters = [node for node in nodes if node.asked_at in places]
        answer, they_have = ("answers", "it has") if len(suspected) == 1 else ("answer", "they have")
        yield Problem(
            "suspected-node",
            ERROR,
            f"{_listed(suspected)} {answer} here, but {_listed(doubters)} {_think(doubters)} that {they_have} failed.",
            "It may have been away or busy for longer than cluster-node-timeout; if it stays so, look at the links.",
        )


def _told_apart(view: ClusterView) -> list[NodeView]:
    """Of servers with one id nobody knows which of them is meant; that is told as such."""
    counts = Counter(node.id for node in view.nodes)
    return [node for node in view.nodes if counts[node.id] == 1]


def epoch_collisions(view: ClusterView) -> Iterator[Problem]:
    by_epoch = defaultdict(list)
    for node in view.masters:
        if node.slots:
            by_epoch[node.me.epoch].append(node)
    for epoch, nodes in by_epoch.items():
        if len({node.id for node in nodes}) > 1:
            yield Problem(
                "epoch-collision",
                WARNING,
                f"{_listed(nodes)} have the same config epoch, {epoch}: if they ever claimed the same slot, nobody "
                "could tell whose claim is newer.",
                "The nodes settle that themselves in some seconds when they hear of each other; if it stays: "
                f"pycluster call --only-this {nodes[0].address} CLUSTER BUMPEPOCH",
            )


# ---- replicas


def lagging_replicas(view: ClusterView) -> Iterator[Problem]:
    for node in view.nodes:
        said = node.replication
        if node.is_master or said.get("role") != "slave":
            continue
        master = view.node(node.me.master)
        name = view.name(node.me.master)
        if said.get("master_link_status") != "up":
            syncing = said.get("master_sync_in_progress") == "1"
            what = "is taking in all data of" if syncing else "has no link to"
            advice = "Wait until it has." if syncing else "Look at both logs, and at masterauth if there is a password."
            yield Problem("lagging-replica", ERROR, f"replica {node.address} {what} its master, {name}.", advice)
            continue
        behind = 0
        if master:  # both were asked in turn: the replica may have gone on meanwhile
            offset = int(master.replication.get("master_repl_offset", 0))
            behind = max(0, offset - int(said.get("slave_repl_offset", 0)))
        silence_s = int(said.get("master_last_io_seconds_ago", 0))
        if behind > LAG_BYTES or silence_s > SILENCE_S:
            heard = f"is {behind:,} bytes behind its master, {name}, and heard of it"
            if master is None:
                heard = f"last heard of its master, {name},"
            yield Problem(
                "lagging-replica",
                WARNING,
                f"replica {node.address} lags: it {heard} {silence_s} s ago.",
                "What is not replicated is lost when the master fails: look at load and network of both.",
            )


def chained_replicas(view: ClusterView) -> Iterator[Problem]:
    for node in view.nodes:
        master = view.node(node.me.master)
        if master and not master.is_master:
            yield Problem(
                "chained-replica",
                ERROR,
                f"{node.address} replicates {master.address}, which is a replica itself.",
                f"pycluster call --only-this {node.address} CLUSTER REPLICATE {master.me.master}",
            )


def masters_without_replica(view: ClusterView) -> Iterator[Problem]:
    alone = [node for node in view.masters if node.slots and not view.replicas_of(node.id)]
    if alone and any(not node.is_master for node in view.nodes):
        yield Problem(
            "no-replica",
            WARNING,
            f"{_listed(alone)} {'has' if len(alone) == 1 else 'have'} no replica, though other masters have.",
            f"pycluster add-node NEW:PORT {alone[0].address} --replica --master-id {alone[0].id}",
        )


def nodes_that_are_down(view: ClusterView) -> Iterator[Problem]:
    down = [node for node in view.nodes if node.cluster.get("cluster_state", "ok") != "ok"]
    if down:
        yield Problem(
            "cluster-down",
            ERROR,
            f"{_all_or_listed(view, down)} {_say(down)} cluster_state:fail: commands get -CLUSTERDOWN there.",
            "It ends when every slot is covered and most masters see each other; after a start or a partition nodes "
            "wait some seconds more.",
        )


# ---- words


def _someone(view: ClusterView) -> str:
    return str(view.nodes[0].address)


def _listed(nodes: list[NodeView]) -> str:
    names = [str(node.address) for node in nodes]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _all_or_listed(view: ClusterView, nodes: list[NodeView]) -> str:
    return f"all {len(nodes)} nodes" if 2 < len(nodes) == len(view.nodes) else _listed(nodes)


def _say(nodes: list[NodeView]) -> str:
    return "says" if len(nodes) == 1 else "say"


def _think(nodes: list[NodeView]) -> str:
    return "thinks" if len(nodes) == 1 else "think"


def _slots(slots: int) -> str:
    text = show_ranges(slots)
    return f"slot {text}" if text.isdigit() else f"{show_count(slots.bit_count(), 'slot')} ({text})"


def _are(slots: int) -> str:
    return "is" if slots.bit_count() == 1 else "are"
