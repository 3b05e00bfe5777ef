"""What becomes of a message that arrives: who says it, what everything he says tells us, and then its kind's rule.

The order of things within one message matters: an address before an answer, a role before the slots that go with it,
slots before a collision of epochs, and gossip last.
"""

from pycluster.cluster import epochs, failover, failures, gossip, manual_failover, membership, moves, outgoing, roles
from pycluster.cluster.effects import Deliver, Follow
from pycluster.cluster.message import PAUSED, Failed, Gossip, Kind, Message, NewerClaim, Publication
from pycluster.cluster.node import (
    EXTENSIONS,
    FAIL,
    HANDSHAKE,
    MYSELF,
    NOADDR,
    NOFAILOVER,
    PFAIL,
    PRIMARY,
    REPLICA,
    Link,
    Node,
    is_node_id,
    is_plain,
)
from pycluster.cluster.slot_map import slots_on_wire
from pycluster.cluster.state import ClusterState

DOUBLE_LOGGED_EVERY_MS = 10_000


def receive(state: ClusterState, link: Link, message: Message) -> None:
    kind = message.kind
    state.messages_received[kind] += 1
    if kind == state.dropped_kind:
        state.log("warning", "Dropping packet that matches debug drop filter")
        return
    sender: Node | None
    if link.node and link.node.id == message.sender:
        sender = link.node
    elif is_impostor(link):
        disown_address(state, link)
        return
    else:
        sender = state.nodes.get(message.sender)  # None if I don't know it (yet)
        if sender and is_double(state, sender, link, message):
            refuse_double(state, sender, link, message)
            return
        if sender and link.inbound:
            adopt(state, sender, link)
    if sender:
        sender.data_received_ms = state.now_ms  # whatever it says, it lives
        if sender.link is None and sender.connect_after_ms:
            sender.connect_after_ms = 0
            state.hurry()
        if not sender.in_handshake:
            learn_progress(state, sender, message)

    body = message.body
    if isinstance(body, Gossip):
        receive_ping(state, link, sender, message, body)
    elif sender is None:
        if isinstance(body, Failed):
            state.log("notice", f"Ignoring FAIL message from unknown node {message.sender} about {body.node_id}")
    else:
        receive_from(state, link, sender, message)


def is_impostor(link: Link) -> bool:
    """Whether who speaks, and is not the link's node, answers at the address of one that I wanted to talk to."""
    return link.node is not None and not link.inbound and not link.node.in_handshake


def disown_address(state: ClusterState, link: Link) -> None:
    """The node is not there. It keeps its name and waits until it, or gossip, says where it is now."""
    node = link.node
    assert node
    age_ms = state.now_ms - node.created_ms
    state.log("debug", f"PONG contains mismatching sender ID. About node {node.id} added {age_ms} ms ago")
    node.flags |= NOADDR
    node.ip, node.port, node.bus_port, node.tls_port = "", 0, 0, 0
    state.close(link)
    state.save()


def adopt(state: ClusterState, sender: Node, link: Link) -> None:
    """Only its first message says whose link this is. If there is an older one, its end was not noticed yet."""
    if link.node:
        link.node.inbound = None
    state.close(sender.inbound)
    link.node, sender.inbound = sender, link


def is_double(state: ClusterState, sender: Node, link: Link, message: Message) -> bool:
    """Whether a second process speaks under this id, started from a copy of its nodes.conf say, while the first one is
    well and elsewhere. (One that has moved has let go of its old connections, or they are silent.)"""
    older = sender.inbound
    if not link.inbound or older is None or older is link:
        return False
    is_elsewhere = place_of_sender(link, message) != (sender.ip, sender.port, sender.bus_port, sender.tls_port)
    return is_elsewhere and state.now_ms - sender.data_received_ms < state.settings.node_timeout_ms


def refuse_double(state: ClusterState, node: Node, link: Link, message: Message) -> None:
    """Without this its address would go back and forth between the two, and each would get half of what is meant for
    the other (redis#1703)."""
    if state.now_ms - node.double_logged_ms > DOUBLE_LOGGED_EVERY_MS:
        node.double_logged_ms = state.now_ms
        state.log(
            "warning",
            f"Two nodes use the id of {node.label}, at {node.ip}:{node.port} and at "
            f"{message.ip or link.peer_ip}:{message.port}: were they started from copies of one cluster config file? "
            "Refusing the second one.",
        )
    state.close(link)


def learn_progress(state: ClusterState, sender: Node, message: Message) -> None:
    """Epochs and offset: every message carries them."""
    if message.current_epoch > state.current_epoch:
        state.current_epoch = message.current_epoch
    if message.config_epoch > sender.config_epoch:
        sender.config_epoch = message.config_epoch
        state.save(fsync=True)
        failover.give_up_if_lost(state, sender, message)
    sender.offset = message.offset
    if message.mflags & PAUSED and sender is state.myself.primary:
        manual_failover.learn_offset(state, message.offset)


# PING, PONG, MEET


def receive_ping(state: ClusterState, link: Link, sender: Node | None, message: Message, body: Gossip) -> None:
    kind = message.kind
    is_answer = kind is Kind.PONG
    if message.flags & EXTENSIONS or gossip.speaks_extensions(body):
        link.speaks_extensions = True
        if sender:
            sender.speaks_extensions = True
    if not is_answer:
        learn_my_address(state, link, kind)
        if sender is None and kind is Kind.MEET:
            welcome(state, link, message, body)
        outgoing.ping(state, link, Kind.PONG)
    peer = None if link.inbound else link.node  # whom I wanted to talk to
    if peer and peer.in_handshake and not finish_handshake(state, link, sender, message):
        return
    if sender:
        sender.flags = sender.flags & ~NOFAILOVER | message.flags & NOFAILOVER
        if kind is Kind.PING and not sender.in_handshake:
            follow_address(state, link, sender, message)
    if is_answer and peer:
        note_answer(state, peer)
    if sender:
        learn_claims(state, sender, message)
        gossip.hear_entries(state, sender, body.entries)
        gossip.hear_extensions(state, sender, body)


def learn_my_address(state: ClusterState, link: Link, kind: Kind) -> None:
    """Who says MEET has reached me at the address that I am known under. A PING will do if I know none at all."""
    myself = state.myself
    if state.settings.announce_ip or (kind is not Kind.MEET and myself.ip):
        return
    if link.local_ip and link.local_ip != myself.ip:
        myself.ip = link.local_ip
        state.log("notice", f"IP address for this node updated to {myself.ip}")
        state.save()


def welcome(state: ClusterState, link: Link, message: Message, body: Gossip) -> None:
    """An unknown node wants to be taken in. It is met in turn; its role and slots come with its answers."""
    if not is_plain(message.ip):
        return
    node = membership.new_node(state, HANDSHAKE)
    node.ip = message.ip or link.peer_ip
    node.port, node.bus_port, node.tls_port = message.port, message.bus_port, message.tls_port
    membership.add(state, node)
    gossip.hear_entries(state, None, body.entries)
    state.save()


def finish_handshake(state: ClusterState, link: Link, sender: Node | None, message: Message) -> bool:
    """The node that was met says who it is. False if it is one that I knew already: this link goes then."""
    node = link.node
    assert node
    if sender:
        state.log("verbose", f"Handshake: we already know node {sender.label}, updating the address if needed.")
        if sender.is_myself and (node.ip, node.port) != (sender.ip, sender.port) and sender.ip:
            state.log(
                "warning",
                f"The node at {node.ip}:{node.port} has my own id: either this is me under another address, "
                "or two nodes were started from copies of one cluster config file",
            )
        follow_address(state, link, sender, message)
        membership.remove(state, node)
        return False
    if not is_node_id(message.sender):
        membership.remove(state, node)
        return False
    membership.rename(state, node, message.sender)
    membership.forgive(state, node.id)
    node.flags = node.flags & ~HANDSHAKE | message.flags & (PRIMARY | REPLICA)
    node.speaks_extensions = link.speaks_extensions
    state.log("debug", f"Handshake with node {node.id} completed.")
    state.save()
    return True


def follow_address(state: ClusterState, link: Link, sender: Node, message: Message) -> None:
    """A node's PINGs come from where it is (or say where it wants to be reached); my link to it must lead there."""
    place = ip, port, _, _ = place_of_sender(link, message)
    if link is sender.link or place == (sender.ip, sender.port, sender.bus_port, sender.tls_port):
        return
    if not ip or not is_plain(ip):
        return
    sender.ip, sender.port, sender.bus_port, sender.tls_port = place
    sender.flags &= ~NOADDR
    state.close(sender.link)
    state.log("notice", f"Address updated for node {sender.label}, now {ip}:{port}")
    if sender is state.myself.primary:
        state.emit(Follow(sender.id, sender.ip, sender.port))
    state.save_and_judge()


def place_of_sender(link: Link, message: Message) -> tuple[str, int, int, int]:
    return message.ip or link.peer_ip, message.port, message.bus_port, message.tls_port


def note_answer(state: ClusterState, node: Node) -> None:
    node.pong_received_ms = state.now_ms
    node.ping_sent_ms = 0
    if not node.flags & (PFAIL | FAIL):
        return
    if node.is_pfail:
        failures.clear_pfail(state, node)
    else:
        failures.clear_fail_if_due(state, node)


def learn_claims(state: ClusterState, sender: Node, message: Message) -> None:
    """Role, slots and epoch of a node. If it lives in the past, it is told so."""
    if roles.is_outdated(state, sender, message):
        tell_newer_owner(state, sender, message)
        return
    was_my_replica = sender.primary is state.myself
    roles.learn_role(state, sender, message.replica_of)
    if state.slots.migrating and sender.is_primary:
        moves.note_successor(state, sender, message.config_epoch)
    holder = sender if sender.flags & PRIMARY else sender.primary
    if holder and holder.slots_on_wire != message.slots:
        if sender.is_primary:
            roles.accept_claims(state, sender, message.config_epoch, slots_on_wire(message.slots))
        tell_newer_owner(state, sender, message)
    if was_my_replica and sender.is_primary:
        roles.step_aside(state, sender, message.config_epoch)
    if message.config_epoch == state.myself.config_epoch and sender.is_primary:
        if roles.has_newer_data(state, sender, slots_on_wire(message.slots)):
            roles.step_back(state, sender, slots_on_wire(message.slots))
        else:
            epochs.resolve_collision(state, sender)


def tell_newer_owner(state: ClusterState, sender: Node, message: Message) -> None:
    """A primary that was away may be the last to claim slots that a replica took over, and the replica may be cut off
    from it: so anybody who knows better says it."""
    if owner := roles.newer_owner(state, sender, message.config_epoch, slots_on_wire(message.slots)):
        state.log(
            "verbose",
            f"Node {sender.id} has old slots configuration, sending an UPDATE message about {owner.id}",
        )
        outgoing.update(state, sender.link, owner)


# The other kinds, from nodes that I know


def receive_from(state: ClusterState, link: Link, sender: Node, message: Message) -> None:
    match message.kind, message.body:
        case Kind.FAIL, Failed(node_id):
            receive_fail(state, sender, node_id)
        case Kind.PUBLISH, Publication(channel, payload):
            state.emit(Deliver(channel, payload, sharded=False))
        case Kind.PUBLISHSHARD, Publication(channel, payload):
            state.emit(Deliver(channel, payload, sharded=True))
        case Kind.FAILOVER_AUTH_REQUEST, _:
            failover.vote(state, sender, message)
        case Kind.FAILOVER_AUTH_ACK, _:
            failover.count_vote(state, sender, message)
        case Kind.MFSTART, _:
            if sender.primary is state.myself:
                manual_failover.begin_at_primary(state, sender)
                outgoing.ping(state, link)  # carries the offset at which I stand still
        case Kind.UPDATE, NewerClaim(config_epoch, node_id, slots):
            receive_update(state, node_id, config_epoch, slots_on_wire(slots))
        case Kind.MODULE, _:
            pass  # there are no modules here


def receive_fail(state: ClusterState, sender: Node, node_id: str) -> None:
    node = state.nodes.get(node_id)
    if node and not node.flags & (FAIL | MYSELF):
        state.log("notice", f"FAIL message received from {sender.label} about {node.label}")
        failures.mark(state, node)


def receive_update(state: ClusterState, node_id: str, config_epoch: int, claimed: int) -> None:
    owner = state.nodes.get(node_id)
    if owner is None or owner.config_epoch >= config_epoch:
        return
    roles.lead(state, owner)
    owner.config_epoch = config_epoch
    state.save(fsync=True)
    roles.accept_claims(state, owner, config_epoch, claimed)
