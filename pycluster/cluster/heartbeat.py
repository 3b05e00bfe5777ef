"""What happens because time passes, ten times a second: links are opened, nodes are pinged, silence is noticed."""

from pycluster.cluster import availability, failover, manual_failover, membership, outgoing, roles
from pycluster.cluster.effects import Connect, Follow
from pycluster.cluster.message import Kind
from pycluster.cluster.node import FAIL, HANDSHAKE, MEET, MYSELF, NOADDR, PFAIL, Link, Node
from pycluster.cluster.state import ClusterState

TICK_MS = 100
TICKS_PER_RANDOM_PING = 10
RANDOM_CANDIDATES = 5
HANDSHAKE_MIN_MS = 1000  # a short node timeout leaves a handshake this much time all the same


def tick(state: ClusterState) -> None:
    state.ticks += 1
    drop_stale_handshakes(state)
    open_links(state)
    if state.ticks % TICKS_PER_RANDOM_PING == 0:
        ping_by_chance(state)
    suspected = False
    for node in list(state.nodes.values()):
        if not node.flags & (MYSELF | NOADDR | HANDSHAKE):
            suspected |= attend(state, node)
    state.pfail_count = sum(1 for node in state.nodes.values() if node.flags & PFAIL)

    roles.leave_sub_replica(state)
    follow_primary_if_not_yet(state)
    manual_failover.give_up_if_late(state)
    if state.myself.is_replica:
        manual_failover.advance(state)
        failover.advance(state)
    if suspected or not state.is_ok:
        availability.judge(state)


def drop_stale_handshakes(state: ClusterState) -> None:
    limit_ms = max(state.settings.node_timeout_ms, HANDSHAKE_MIN_MS)
    for node in list(state.nodes.values()):
        if node.in_handshake and state.now_ms - node.created_ms > limit_ms:
            membership.remove(state, node)


def open_links(state: ClusterState) -> None:
    for node in state.nodes.values():
        if node.link is None and not node.flags & (MYSELF | NOADDR):
            node.link = Link(inbound=False, created_ms=state.now_ms, node=node)
            state.emit(Connect(node.link, node.ip, node.bus_port))


def greet(state: ClusterState, node: Node, link: Link) -> None:
    """A link that I opened is up. It begins with a PING, lest a node be suspected only because it was met a moment ago.
    An older PING that still waits for its answer goes on waiting since then."""
    waiting_since_ms = node.ping_sent_ms
    outgoing.ping(state, link, Kind.MEET if node.flags & MEET else Kind.PING)
    node.ping_sent_ms = waiting_since_ms or node.ping_sent_ms
    node.flags &= ~MEET  # said once; if there is no answer the handshake ends


def ping_by_chance(state: ClusterState) -> None:
    """Of a few nodes, the one that was silent longest. On average this is enough; `attend` sees to the worst case."""
    everybody = list(state.nodes.values())
    oldest: Node | None = None
    for _ in range(RANDOM_CANDIDATES):
        node = everybody[int(state.rng.random() * len(everybody))]
        if node.link is None or node.ping_sent_ms or node.flags & (MYSELF | HANDSHAKE):
            continue
        if oldest is None or node.pong_received_ms < oldest.pong_received_ms:
            oldest = node
    if oldest and oldest.link:
        outgoing.ping(state, oldest.link)


def attend(state: ClusterState, node: Node) -> bool:
    """Pings the node if it is time, and draws conclusions if it does not answer. True: it is under suspicion now."""
    now_ms, timeout_ms = state.now_ms, state.settings.node_timeout_ms
    # Whatever it sent counts as life, not only answers: a link full of published messages delays them.
    silent_ms = now_ms - max(node.ping_sent_ms, node.data_received_ms) if node.ping_sent_ms else 0

    # Perhaps only the connection is broken: try another one before the node is suspected.
    if silent_ms > timeout_ms // 2 and node.link and now_ms - node.link.created_ms > timeout_ms:
        state.close(node.link)

    if node.link and not node.ping_sent_ms and now_ms - node.pong_received_ms > timeout_ms // 2:
        outgoing.ping(state, node.link)
        return False
    if node.link and state.manual_failover.replica is node:
        outgoing.ping(state, node.link)  # it waits for the offset at which I am paused
        return False

    if silent_ms > timeout_ms and not node.flags & (PFAIL | FAIL):
        state.log("debug", f"*** NODE {node.id} possibly failing")
        node.flags |= PFAIL
        return True
    return False


def follow_primary_if_not_yet(state: ClusterState) -> None:
    """After a start, or when its address was not known before."""
    primary = state.myself.primary
    if state.myself.is_replica and primary and not primary.flags & NOADDR and not state.host.is_following():
        state.emit(Follow(primary.id, primary.ip, primary.port))
