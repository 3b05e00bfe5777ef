"""Who belongs to the cluster: nodes that are met, renamed when they say who they are, forgotten.

A node that is met has a made-up id until it answers. A node that was forgotten is not learned again from gossip for a
minute: time enough to tell all the others, who would otherwise bring it back (redis#3948). Who is met again in that
minute is wanted, after all: what others still say of the forgetting is old news then. Redis 7.2 believes it, forgets
the node once more, and never hears of it again, though the node itself takes the whole cluster for its own.
"""

from pycluster.cluster import manual_failover
from pycluster.cluster.node import HANDSHAKE, MEET, Node, random_id
from pycluster.cluster.state import ClusterState

FORGOTTEN_FOR_S = 60
ROUNDED_S = 2  # word of a forgetting tells whole seconds, and is rounded by each node that passes it on


def add(state: ClusterState, node: Node) -> None:
    state.nodes[node.id] = node
    state.next_tick_ms = state.now_ms  # opens its link: a cluster is formed the sooner


def new_node(state: ClusterState, flags: int, node_id: str | None = None) -> Node:
    return Node(node_id or random_id(state.rng), flags, state.now_ms, shard_id=random_id(state.rng))


def start_handshake(state: ClusterState, ip: str, port: int, bus_port: int) -> None:
    """MEET the node at an address, unless one is being met there already. The link is opened by the next tick."""
    for node in state.nodes.values():
        if node.in_handshake and (node.ip, node.port, node.bus_port) == (ip, port, bus_port):
            return
    node = new_node(state, HANDSHAKE | MEET)
    node.ip, node.port, node.bus_port = ip, port, bus_port
    add(state, node)


def rename(state: ClusterState, node: Node, node_id: str) -> None:
    del state.nodes[node.id]
    node.id = node_id
    add(state, node)


def remove(state: ClusterState, node: Node) -> None:
    """Its slots become nobody's, its replicas nobody's replicas, its word on failures counts no more."""
    state.slots.forget(node)
    del state.nodes[node.id]
    for other in state.nodes.values():
        other.failure_reports.pop(node, None)
        if other.primary is node:
            other.primary = None
    if state.manual_failover.replica is node:
        manual_failover.reset(state)
    state.election.votes.pop(node, None)
    state.close(node.link)
    state.close(node.inbound)


def forget(state: ClusterState, node: Node, ttl_s: int = FORGOTTEN_FOR_S) -> None:
    drop_expired(state)
    state.forgotten[node.id] = state.now_ms // 1000 + ttl_s
    state.forgiven.pop(node.id, None)
    remove(state, node)
    state.save_and_judge()


def forgive(state: ClusterState, node_id: str) -> None:
    """The node has been met. If it was forgotten before, that is over."""
    if state.forgotten.pop(node_id, None) is not None:
        state.forgiven[node_id] = state.now_ms // 1000 + FORGOTTEN_FOR_S + ROUNDED_S


def is_forgiven(state: ClusterState, node_id: str, ttl_s: int) -> bool:
    """Whether word of a forgetting that ends in so many seconds is older than the meeting."""
    return state.now_ms // 1000 + ttl_s <= state.forgiven.get(node_id, 0)


def is_forgotten(state: ClusterState, node_id: str) -> bool:
    drop_expired(state)
    return node_id in state.forgotten


def drop_expired(state: ClusterState) -> None:
    if state.forgotten:
        now_s = state.now_ms // 1000
        state.forgotten = {node_id: until_s for node_id, until_s in state.forgotten.items() if until_s >= now_s}
