"""What happens because time passes: links are opened, nodes are pinged, silence is noticed.

Up to ten times a second, as in Redis, when there is something to do. Each tick says when the next one is wanted; what
happens in between may bring it forward (state.hurry), so a node at rest wakes up for its pings and for nothing else.
"""

from pycluster.cluster import availability, failover, manual_failover, membership, outgoing, roles
from pycluster.cluster.effects import Connect, Follow
from pycluster.cluster.message import Kind
from pycluster.cluster.node import FAIL, HANDSHAKE, MEET, MYSELF, NOADDR, PFAIL, Link, Node
from pycluster.cluster.state import TICK_MS, ClusterState

CHANCE_PING_MS = 1000
RANDOM_CANDIDATES = 5
RETRY_FAILED_MS = 1000  # how often a node in FAIL is tried again; if it speaks to me, at once
HANDSHAKE_MIN_MS = 1000  # a short node timeout leaves a handshake this much time all the same


def tick(state: ClusterState) -> None:
    state.last_tick_ms = state.now_ms
    nodes = list(state.nodes.values())
    for node in nodes:
        if node.link is None or node.flags & HANDSHAKE:
            drop_handshake_if_stale(state, node)
            open_link(state, node)
    if state.now_ms >= state.chance_ping_ms:
        if state.chance_ping_ms:
            ping_by_chance(state)
        state.chance_ping_ms = state.now_ms + CHANCE_PING_MS
    if state.must_announce:
        outgoing.pong_to_all(state)
    suspected = attend_to_all(state, nodes)

    roles.leave_sub_replica(state)
    follow_primary_if_not_yet(state)
    manual_failover.give_up_if_late(state)
    if state.myself.is_replica:
        manual_failover.advance(state)
        failover.advance(state)
    if suspected or not state.is_ok:
        availability.judge(state)
    state.next_tick_ms = max(state.now_ms + TICK_MS, next_due_ms(state))
    if state.now_ms < state.election.begins_ms < state.next_tick_ms:
        # To the millisecond: nodes that heard of a failure in one moment tick in one moment, and two of them would ask
        # for votes under the same epoch.
        state.next_tick_ms = state.election.begins_ms


def next_due_ms(state: ClusterState) -> int:
    """When there is something to do, if nothing happens before; 0 for as soon as possible."""
    myself, primary = state.myself, state.myself.primary
    if not state.is_ok or state.manual_failover.is_under_way:
        return 0
    if primary and (primary.is_fail or primary.primary or not state.host.is_following()):
        return 0
    timeout_ms = state.settings.node_timeout_ms
    due_ms = state.chance_ping_ms
    for node in state.nodes.values():
        if node is myself or node.flags & NOADDR:
            continue
        if node.link is None and node.connect_after_ms > state.now_ms:
            due_ms = min(due_ms, node.connect_after_ms)
            continue
        if node.link is None or node.flags & HANDSHAKE:
            return 0
        # A ping, or a closer look because there is no answer.
        since_ms = max(node.ping_sent_ms, node.data_received_ms) if node.ping_sent_ms else node.pong_received_ms
        due_ms = min(due_ms, since_ms + timeout_ms // 2 + 1)
    return due_ms


def drop_handshake_if_stale(state: ClusterState, node: Node) -> None:
    limit_ms = max(state.settings.node_timeout_ms, HANDSHAKE_MIN_MS)
    if node.in_handshake and state.now_ms - node.created_ms > limit_ms:
        membership.remove(state, node)


def open_link(state: ClusterState, node: Node) -> None:
    if node.link or node.flags & (MYSELF | NOADDR) or state.now_ms < node.connect_after_ms:
        return
    if node.id in state.nodes:
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


def attend_to_all(state: ClusterState, nodes: list[Node]) -> bool:
    """True: some of them have come under suspicion."""
    recently_ms = state.now_ms - state.settings.node_timeout_ms // 2
    suspected, pfail_count = False, 0
    for node in nodes:
        if node.flags & (MYSELF | NOADDR | HANDSHAKE):
            continue
        if node.ping_sent_ms or node.pong_received_ms < recently_ms or state.manual_failover.replica:
            suspected |= attend(state, node)
        if node.flags & PFAIL:
            pfail_count += 1
    state.pfail_count = pfail_count
    return suspected


def attend(state: ClusterState, node: Node) -> bool:
    """Pings the node if it is time, and draws conclusions if it does not answer. True: it is under suspicion now."""
    now_ms, timeout_ms, ping_sent_ms = state.now_ms, state.settings.node_timeout_ms, node.ping_sent_ms
    if not ping_sent_ms:
        if node.link and (now_ms - node.pong_received_ms > timeout_ms // 2 or state.manual_failover.replica is node):
            outgoing.ping(state, node.link)  # (the replica waits for the offset at which I am paused)
        return False

    # Whatever it sent counts as life, not only answers: a link full of published messages delays them.
    silent_ms = now_ms - max(ping_sent_ms, node.data_received_ms)
    # Perhaps only the connection is broken: try another one before the node is suspected.
    if silent_ms > timeout_ms // 2 and node.link and now_ms - node.link.created_ms > timeout_ms:
        state.close(node.link)
    if node.link and state.manual_failover.replica is node:
        outgoing.ping(state, node.link)
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
