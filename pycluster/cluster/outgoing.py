"""What this node says: the headers of its messages, the gossip it puts into pings, and to whom each goes."""

from functools import lru_cache

from pycluster.cluster.effects import Send
from pycluster.cluster.message import (
    EXTENSION_DATA,
    PAUSED,
    SLOT_BYTES,
    Body,
    Extension,
    ForgottenNode,
    Gossip,
    GossipEntry,
    Hostname,
    HumanNodename,
    Kind,
    Message,
    NewerClaim,
    Publication,
    ShardId,
)
from pycluster.cluster.node import EXTENSIONS, HANDSHAKE, MYSELF, NOADDR, PFAIL, Link, Node
from pycluster.cluster.state import TICK_MS, ClusterState

UNMENTIONED = MYSELF | HANDSHAKE | NOADDR | PFAIL  # by chance, that is: who is in PFAIL is always mentioned


def message(state: ClusterState, kind: Kind, body: Body = None, mflags: int = 0) -> Message:
    """A message from me. A replica speaks of its primary's slots and epoch, but of its own offset and flags."""
    myself, primary = state.myself, state.myself.primary
    holder = primary or myself
    if state.manual_failover.is_under_way and myself.is_primary:
        mflags |= PAUSED
    # By place, not by name: it is made for every ping.
    return Message(
        kind,
        myself.id,
        body,
        myself.port,
        myself.bus_port,
        0,
        state.settings.announce_ip,
        state.current_epoch,
        holder.config_epoch,
        state.host.replication_offset(),
        holder.slots_on_wire,
        primary.id if primary else "",
        myself.flags | EXTENSIONS,
        0 if state.is_ok else 1,
        mflags,
    )


def send(state: ClusterState, link: Link | None, message: Message) -> None:
    """What cannot be sent now is not sent: every rule of the bus bears the loss of a message."""
    if link:
        state.messages_sent[message.kind] += 1
        state.emit(Send(link, message))


def broadcast(state: ClusterState, message: Message) -> None:
    for node in state.reachable_peers():
        send(state, node.link, message)


def publish(state: ClusterState, channel: bytes, payload: bytes, sharded: bool) -> None:
    """To every node, or to those of my shard; nobody passes it on."""
    kind = Kind.PUBLISHSHARD if sharded else Kind.PUBLISH
    publication = message(state, kind, Publication(channel, payload))
    for node in state.reachable_peers():
        if not sharded or node.shard_id == state.myself.shard_id:
            send(state, node.link, publication)


def update(state: ClusterState, link: Link | None, owner: Node) -> None:
    """Tells a node with old ideas who owns slots now, leaving out those that the owner claims no more."""
    claimed = owner.slots & ~state.slots.unclaimed
    body = NewerClaim(owner.config_epoch, owner.id, claimed.to_bytes(SLOT_BYTES, "little"))
    send(state, link, message(state, Kind.UPDATE, body))


# Pings, which carry gossip


def ping(state: ClusterState, link: Link, kind: Kind = Kind.PING) -> None:
    """PING, PONG or MEET. A PING on a link that I opened starts the clock of failure detection."""
    if kind is Kind.PING and not link.inbound:
        assert link.node
        link.node.ping_sent_ms = state.now_ms
    entries = tuple([gossip_entry(node) for node in nodes_to_mention(state)])
    # The flag says that I understand extensions, even when there are none to send: Valkey waits for it.
    send(state, link, message(state, kind, Gossip(entries, extensions(state, link)), mflags=EXTENSION_DATA))


def announce_slot(state: ClusterState) -> None:
    """A slot is mine now, under an epoch that all know. They hear of it at once; but where slot comes after slot, as in
    a rebalance, they hear ten times a second of all that have come meanwhile. Who moves slots tells the others himself,
    and else the bus would tell them before him, which costs each a message and two syncs a slot."""
    if state.now_ms - state.announced_ms >= TICK_MS:
        pong_to_all(state)
    else:
        state.must_announce = True
        state.hurry()


def pong_to_all(state: ClusterState) -> None:
    """Pongs carry my slots, role and epoch: this is how a change of them gets around at once."""
    state.announced_ms, state.must_announce = state.now_ms, False
    for node in state.reachable_peers():
        if node.link:
            ping(state, node.link, Kind.PONG)


def pong_to_sisters(state: ClusterState) -> None:
    """To the other replicas of my primary (or mine), which compare offsets before an election."""
    myself = state.myself
    for node in state.reachable_peers():
        if node.link and node.is_replica and node.primary and node.primary in (myself, myself.primary):
            ping(state, node.link, Kind.PONG)


def nodes_to_mention(state: ClusterState) -> list[Node]:
    """A few nodes by chance, a tenth of all and at least three, and every one that seems to fail.

    A tenth is enough: within the two node timeouts in which a failure report counts, two nodes exchange at least
    eight packets, so most primaries' opinion of any one node comes by.
    """
    everybody = list(state.nodes.values())
    count, chance = len(everybody), state.rng.random
    wanted = min(max(3, count // 10), count - 2)  # not me, not the receiver
    chosen: dict[Node, None] = {}
    for _ in range(3 * wanted):
        node = everybody[int(chance() * count)]
        if not node.flags & UNMENTIONED and (node.link or node.slot_count):
            chosen[node] = None
            if len(chosen) == wanted:
                break
    if state.pfail_count:
        for node in everybody:
            if node.flags & PFAIL and not node.flags & (HANDSHAKE | NOADDR):
                chosen[node] = None
    return list(chosen)


def gossip_entry(node: Node) -> GossipEntry:
    return GossipEntry(
        node.id,
        node.ping_sent_ms // 1000,
        node.pong_received_ms // 1000,
        node.ip,
        node.port,
        node.bus_port,
        node.flags,
        node.tls_port,
    )


def extensions(state: ClusterState, link: Link) -> tuple[Extension, ...]:
    """Redis 7.0 knows the hostname only, and logs a warning for each of the others: those go to who speaks them."""
    myself = state.myself
    found: list[Extension] = []
    if myself.hostname:
        found.append(Hostname(myself.hostname))
    if link.speaks_extensions or (link.node and link.node.speaks_extensions):
        if not found and not myself.human_nodename and not state.forgotten:
            return (my_shard(myself.shard_id),)  # nearly always
        if myself.human_nodename:
            found.append(HumanNodename(myself.human_nodename))
        now_s = state.now_ms // 1000
        for node_id, until_s in state.forgotten.items():
            if until_s >= now_s:
                found.append(ForgottenNode(node_id, until_s - now_s))
        found.append(ShardId(myself.shard_id))
    return tuple(found)


my_shard = lru_cache(maxsize=64)(ShardId)
