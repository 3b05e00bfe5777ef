"""Asks every node of a cluster what it knows, all at the same time, and makes a ClusterView of it.

One node is enough to begin with: whom it names is asked next, and whom those name, until there is nobody new. So nodes
that only some know are found, too.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from pycluster.cluster.slot_map import slots_in
from pycluster.testing.node import parse_fields
from pycluster.tools.connections import Connections
from pycluster.tools.node_lines import Address, read_node_lines
from pycluster.tools.outcomes import NodeSaid, Trouble, Unreachable
from pycluster.tools.view import ALL_SLOTS, ClusterView, NodeView

AT_ONCE = 32
IN_ONE_GO = 1024  # requests: other clients have their turn in between

Item = TypeVar("Item")
Result = TypeVar("Result")


def gather(connections: Connections, start: Address) -> ClusterView:
    """The whole cluster that the node at `start` belongs to. Raises if that one does not answer."""
    answered: dict[Address, NodeView] = {start: ask_node(connections, start)}
    silent: dict[Address, str] = {}
    while wave := sorted(_named_by(answered.values()) - answered.keys() - silent.keys()):
        for address, outcome in zip(wave, side_by_side(lambda it: _try(connections, it), wave), strict=True):
            if isinstance(outcome, NodeView):
                answered[address] = outcome
            else:
                silent[address] = outcome
    view = ClusterView(tuple(_each_once(answered.values())), silent)
    return count_keys(connections, view, view.open_slots)


def ask_node(connections: Connections, address: Address) -> NodeView:
    """What one node says. Raises Unreachable, or NodeSaid if it is no node of a cluster."""
    requests = (
        ("CLUSTER", "NODES"),
        ("CLUSTER", "INFO"),
        ("INFO", "replication"),
        ("INFO", "server"),
        ("DBSIZE",),
    )
    replies = connections.ask_all(address, requests)
    for reply in replies:
        if isinstance(reply, NodeSaid):
            raise reply
    nodes, cluster, replication, server, keys = replies
    return NodeView(
        address,
        read_node_lines(nodes.decode()),
        parse_fields(cluster),
        parse_fields(replication),
        parse_fields(server),
        keys,
    )


def count_keys(connections: Connections, view: ClusterView, slots: Sequence[int]) -> ClusterView:
    """The same view with the number of keys that each master has in these slots."""
    if not slots:
        return view
    counted = side_by_side(lambda node: _counted(connections, node, slots), view.masters)
    by_place = {node.asked_at: node for node in counted}
    return replace(view, nodes=tuple(by_place.get(node.asked_at, node) for node in view.nodes))


def count_strays(connections: Connections, view: ClusterView) -> ClusterView:
    """The same view with the counts of keys that masters have in slots that are not theirs, where there are any.

    They are what a failover in the midst of a move can leave behind, when nobody remembers the move any more. Asking
    for them takes some 16,000 small requests a master.
    """
    counted = side_by_side(
        lambda node: _counted(connections, node, list(slots_in(ALL_SLOTS & ~node.slots))), view.masters
    )
    strays = sorted({slot for node in counted for slot, keys in node.keys_in_slot.items() if keys})
    return count_keys(connections, view, strays)


def _counted(connections: Connections, node: NodeView, slots: Sequence[int]) -> NodeView:
    """The same node with the number of keys that it has in each of these slots."""
    counts = dict(node.keys_in_slot)
    for begin in range(0, len(slots), IN_ONE_GO):
        some = slots[begin : begin + IN_ONE_GO]
        replies = connections.ask_all(node.asked_at, [("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in some])
        counts |= {slot: keys for slot, keys in zip(some, replies, strict=True) if isinstance(keys, int)}
    return replace(node, keys_in_slot=counts)


def side_by_side(do: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Results in the order of the items."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(do, items))


def _try(connections: Connections, address: Address) -> NodeView | str:
    try:
        return ask_node(connections, address)
    except Unreachable as error:
        return error.why
    except Trouble as error:
        return str(error)


def _named_by(nodes: Iterable[NodeView]) -> set[Address]:
    return {line.address for node in nodes for line in node.lines if line.is_member and line.address.host}


def _each_once(nodes: Iterable[NodeView]) -> list[NodeView]:
    """One process may have been asked under two addresses; the one that it announces itself stays.

    Two processes with one id are another matter: both stay, and problems.py has something to say.
    """
    kept: dict[tuple[str, str], NodeView] = {}
    for node in nodes:
        process = (node.id, node.server.get("run_id", str(node.asked_at)))
        if process not in kept or node.asked_at == node.me.address:
            kept[process] = node
    return list(kept.values())
