"""The cluster state as clients are shown it: the replies of CLUSTER NODES, INFO, SLOTS, SHARDS, LINKS, REPLICAS, and
what routing needs to know per slot.

Which address a client is told depends on cluster-preferred-endpoint-type, so `endpoint` is asked for it once, here.
"""

from pycluster.cluster import nodes_conf
from pycluster.cluster.message import KINDS
from pycluster.cluster.node import Link, Node
from pycluster.cluster.slot_map import slot_ranges
from pycluster.cluster.state import ClusterState

Reply = bytes | int | None | list["Reply"] | dict[bytes, "Reply"]

# For routing


def served_slots(state: ClusterState) -> int:
    """The slots of which any key may be served here without another thought: mine, not on the move, and the cluster is
    ok. All else takes the long way through the routing rules."""
    if not state.is_ok:
        return 0
    served = state.myself.slots
    for slot in (*state.slots.migrating, *state.slots.importing):
        served &= ~(1 << slot)
    return served


def endpoint(node: Node, endpoint_type: str) -> str:
    """Where a client is sent by MOVED and ASK; "" means the address that it dialled."""
    match endpoint_type:
        case "hostname":
            return node.hostname or "?"
        case "unknown-endpoint":
            return ""
        case _:
            return node.ip


# Texts


def nodes_text(state: ClusterState) -> str:
    return "".join(nodes_conf.node_line(state, node, with_fields=False) for node in state.nodes.values())


def replicas(state: ClusterState, primary: Node) -> Reply:
    return [
        nodes_conf.node_line(state, replica, with_fields=False).rstrip("\n").encode()
        for replica in state.replicas_of(primary)
    ]


def info_text(state: ClusterState) -> str:
    slots_pfail = sum(node.slot_count for node in state.nodes.values() if node.is_pfail and not node.is_fail)
    slots_fail = sum(node.slot_count for node in state.nodes.values() if node.is_fail)
    assigned = state.slots.assigned.bit_count()
    lines = [
        f"cluster_state:{'ok' if state.is_ok else 'fail'}",
        f"cluster_slots_assigned:{assigned}",
        f"cluster_slots_ok:{assigned - slots_pfail - slots_fail}",
        f"cluster_slots_pfail:{slots_pfail}",
        f"cluster_slots_fail:{slots_fail}",
        f"cluster_known_nodes:{len(state.nodes)}",
        f"cluster_size:{state.size}",
        f"cluster_current_epoch:{state.current_epoch}",
        f"cluster_my_epoch:{state.slot_holder.config_epoch}",
    ]
    for direction, counts in (("sent", state.messages_sent), ("received", state.messages_received)):
        lines += [f"cluster_stats_messages_{kind.label}_{direction}:{counts[kind]}" for kind in KINDS if counts[kind]]
        lines.append(f"cluster_stats_messages_{direction}:{sum(counts)}")
    lines.append(f"total_cluster_links_buffer_limit_exceeded:{state.links_over_limit}")
    return "".join(line + "\r\n" for line in lines)


# CLUSTER SLOTS


def slots(state: ClusterState, endpoint_type: str) -> Reply:
    """[first, last, primary, replicas…] for each run of slots with one owner, in the order of slots."""
    runs = [(first, last, node) for node in state.nodes.values() for first, last in slot_ranges(node.slots)]
    found: list[Reply] = []
    for first, last, node in sorted(runs, key=lambda run: run[0]):
        ready = [replica for replica in state.replicas_of(node) if is_ready(state, replica)]
        found.append([first, last, *(place(member, endpoint_type) for member in [node, *ready])])
    return found


def is_ready(state: ClusterState, replica: Node) -> bool:
    """A replica that failed, or has no data yet, is no use to a client."""
    return not replica.is_fail and offset_of(state, replica) != 0


def place(node: Node, endpoint_type: str) -> Reply:
    more: dict[bytes, Reply] = {}
    if endpoint_type != "ip":
        more[b"ip"] = node.ip.encode()
    if endpoint_type != "hostname" and node.hostname:
        more[b"hostname"] = node.hostname.encode()
    address = None if endpoint_type == "unknown-endpoint" else endpoint(node, endpoint_type).encode()
    return [address, node.port, node.id.encode(), more]


def offset_of(state: ClusterState, node: Node) -> int:
    return state.host.replication_offset() if node.is_myself else node.offset


# CLUSTER SHARDS


def shards(state: ClusterState, endpoint_type: str) -> Reply:
    members: dict[str, list[Node]] = {}
    for node in state.nodes.values():
        if not node.in_handshake:
            members.setdefault(node.shard_id, []).append(node)
    return [shard(state, nodes, endpoint_type) for nodes in members.values()]


def shard(state: ClusterState, nodes: list[Node], endpoint_type: str) -> Reply:
    holder = nodes[0]
    while holder.primary:
        holder = holder.primary
    ranges: list[Reply] = [slot for run in slot_ranges(holder.slots) for slot in run]
    return {b"slots": ranges, b"nodes": [member(state, node, endpoint_type) for node in nodes]}


def member(state: ClusterState, node: Node, endpoint_type: str) -> Reply:
    offset = offset_of(state, node)
    health = "fail" if node.is_fail else "loading" if node.is_replica and offset == 0 else "online"
    found: dict[bytes, Reply] = {b"id": node.id.encode()}
    if node.port:
        found[b"port"] = node.port
    if node.tls_port:
        found[b"tls-port"] = node.tls_port
    found[b"ip"] = node.ip.encode()
    found[b"endpoint"] = endpoint(node, endpoint_type).encode()
    if node.hostname:
        found[b"hostname"] = node.hostname.encode()
    found[b"role"] = b"replica" if node.is_replica else b"master"
    found[b"replication-offset"] = offset
    found[b"health"] = health.encode()
    return found


# CLUSTER LINKS


def links(state: ClusterState, queued_bytes: dict[Link, int]) -> Reply:
    """`queued_bytes`: what waits to be sent on each link; the bus knows."""
    return [
        describe_link(link, node, queued_bytes.get(link, 0))
        for node in state.nodes.values()
        for link in (node.link, node.inbound)
        if link
    ]


def describe_link(link: Link, node: Node, queued_bytes: int) -> Reply:
    return {
        b"direction": b"from" if link.inbound else b"to",
        b"node": node.id.encode(),
        b"create-time": link.created_ms,
        b"events": b"rw" if queued_bytes else b"r",
        b"send-buffer-allocated": queued_bytes,
        b"send-buffer-used": queued_bytes,
    }
