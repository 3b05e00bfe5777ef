"""What this node believes of what others say about third nodes: the gossip section of pings, and their extensions."""

from pycluster.cluster import failures, membership, roles
from pycluster.cluster.message import (
    ForgottenNode,
    Gossip,
    GossipEntry,
    Hostname,
    HumanNodename,
    ShardId,
)
from pycluster.cluster.node import FAIL, MYSELF, NOADDR, NOFAILOVER, PFAIL, PRIMARY, REPLICA, Node, is_node_id, is_plain
from pycluster.cluster.state import ClusterState

CLOCK_TOLERANCE_MS = 500
BELIEVED_FLAGS = PRIMARY | REPLICA | PFAIL | FAIL | NOFAILOVER


def hear_entries(state: ClusterState, sender: Node | None, entries: tuple[GossipEntry, ...]) -> None:
    """`sender` is None for a MEET from somebody unknown, who cannot yet bring in others, nor accuse them."""
    nodes = state.nodes
    accuser = sender if sender and sender.flags & PRIMARY else None
    for entry in entries:
        node = nodes.get(entry.node_id)
        if node:
            hear_of_known(state, accuser, node, entry)
        elif sender:
            hear_of_unknown(state, entry)


def hear_of_known(state: ClusterState, accuser: Node | None, node: Node, entry: GossipEntry) -> None:
    """`accuser`: a primary, whose opinion counts."""
    flags, is_myself = entry.flags, node.flags & MYSELF
    if flags & (FAIL | PFAIL):
        if accuser and not is_myself:
            failures.hear_of_failure(state, node, accuser)
        return
    if accuser and node.failure_reports and not is_myself:
        failures.hear_of_recovery(state, node, accuser)

    # Somebody else had an answer from it, so I need not ask. This is what keeps the pings few.
    if not node.ping_sent_ms and not (node.failure_reports and failures.count_reports(state, node)):
        pong_ms = entry.pong_received_s * 1000
        if node.pong_received_ms < pong_ms <= state.now_ms + CLOCK_TOLERANCE_MS:
            node.pong_received_ms = pong_ms

    # I can't reach it where I believe it to be, but somebody can reach it elsewhere.
    is_lost = node.flags & (FAIL | PFAIL) and not flags & NOADDR and entry.bus_port
    if is_lost and address(node) != address(entry) and is_plain(entry.ip):
        state.close(node.link)
        take_address(node, entry)
        node.flags &= ~NOADDR
        node.connect_after_ms = 0
        state.hurry()


def hear_of_unknown(state: ClusterState, entry: GossipEntry) -> None:
    """A node that others know is a node of the cluster, under that id. To shake hands with its address instead would
    be a mistake: another cluster may live there by now."""
    if entry.flags & NOADDR or membership.is_forgotten(state, entry.node_id):
        return
    if not is_node_id(entry.node_id) or not is_plain(entry.ip) or not entry.bus_port:
        return
    node = membership.new_node(state, entry.flags & BELIEVED_FLAGS, entry.node_id)
    take_address(node, entry)
    membership.add(state, node)


def address(place: Node | GossipEntry) -> tuple[str, int, int, int]:
    return place.ip.lower(), place.port, place.bus_port, place.tls_port


def take_address(node: Node, entry: GossipEntry) -> None:
    node.ip, node.port, node.bus_port, node.tls_port = entry.ip, entry.port, entry.bus_port, entry.tls_port


def hear_extensions(state: ClusterState, sender: Node, gossip: Gossip) -> None:
    """What is not said is not so: a hostname, say, that the sender no longer announces."""
    hostname = human_nodename = ""
    shard_id = None
    for extension in gossip.extensions:
        match extension:
            case ShardId(id_) if id_ == sender.shard_id or is_node_id(id_):
                shard_id = id_
            case Hostname(name) if is_plain(name):
                hostname = name
            case HumanNodename(name) if is_plain(name):
                human_nodename = name
            case ForgottenNode(node_id, ttl_s):
                hear_of_forgotten(state, node_id, ttl_s)
    if sender.hostname != hostname or sender.human_nodename != human_nodename:
        sender.hostname, sender.human_nodename = hostname, human_nodename
        state.save()
    if shard_id is None:
        # Redis 7.0 nodes have none of their own; those of one shard get the one that I made up for their primary.
        holder = sender
        while holder.primary:
            holder = holder.primary
        shard_id = holder.shard_id
    roles.update_shard_id(state, sender, shard_id)


def hear_of_forgotten(state: ClusterState, node_id: str, ttl_s: int) -> None:
    node = state.nodes.get(node_id)
    if membership.is_forgiven(state, node_id, ttl_s):
        return
    if node and not node.is_myself and node is not state.myself.primary:
        membership.forget(state, node, ttl_s)


def speaks_extensions(gossip: Gossip) -> bool:
    return any(isinstance(extension, HumanNodename | ForgottenNode | ShardId) for extension in gossip.extensions)
