"""nodes.conf: what a node must not forget, as text, in the form that Redis 7.2 writes.

One line a node, and one for the epochs:

    <id> <ip>:<port>@<bus port>,<hostname>,tls-port=0,shard-id=<id> <flags> <primary> <ping> <pong> <epoch> <link> 0-99
    vars currentEpoch 6 lastVoteEpoch 5

My own line ends with the slots that I am handing over, `[93->-<node>]`, or taking in, `[77-<-<node>]`. Files of Redis
7.0, without the fields behind the hostname, are read too. Here is only text; files/nodes_file.py does the writing.
"""

from random import Random
from typing import NamedTuple

from pycluster.cluster.host import Host
from pycluster.cluster.node import (
    BUS_PORT_OFFSET,
    FAIL,
    FLAG_NAMES,
    MYSELF,
    Node,
    flag_names,
    is_node_id,
    random_id,
)
from pycluster.cluster.settings import Settings
from pycluster.cluster.slot_map import slot_range
from pycluster.cluster.state import ClusterState
from pycluster.keyspace.slots import SLOTS

FLAGS_BY_NAME = {name: flag for flag, name in FLAG_NAMES}


class Corrupt(Exception):
    """The text is not a nodes.conf; the server must not start with it."""

    def __init__(self, line: str) -> None:
        super().__init__(f'Unrecoverable error: corrupted cluster config file "{line}".')


# State into text


class Lasting(NamedTuple):
    """What of a node's line says something to who reads it: all but when it was pinged and heard, and whether there is
    a connection."""

    who: str
    config_epoch: int
    slots: str  # each behind a blank


class Contents(NamedTuple):
    """What of the file says something: if that is as it was, the file need not be written again."""

    nodes: list[Lasting]
    epochs: str


def contents(state: ClusterState) -> Contents:
    nodes = [lasting(state, node, with_fields=True) for node in saved_nodes(state)]
    return Contents(nodes, f"vars currentEpoch {state.current_epoch} lastVoteEpoch {state.last_vote_epoch}\n")


def write(state: ClusterState, known: Contents | None = None) -> str:
    """The text; of contents that are known already, if they are."""
    known = known or contents(state)
    return "".join([*map(line, saved_nodes(state), known.nodes), known.epochs])


def saved_nodes(state: ClusterState) -> list[Node]:
    return [node for node in state.nodes.values() if not node.in_handshake]


def node_line(state: ClusterState, node: Node, with_fields: bool) -> str:
    """A node's line, here and in CLUSTER NODES, which does not show the fields behind the hostname."""
    return line(node, lasting(state, node, with_fields))


def line(node: Node, known: Lasting) -> str:
    link = "connected" if node.link or node.is_myself else "disconnected"
    return f"{known.who} {node.ping_sent_ms} {node.pong_received_ms} {known.config_epoch} {link}{known.slots}\n"


def lasting(state: ClusterState, node: Node, with_fields: bool) -> Lasting:
    place = f"{node.ip}:{node.port}@{node.bus_port}"
    if with_fields:
        nodename = f",nodename={node.human_nodename}" if node.human_nodename else ""
        place += f",{node.hostname},tls-port={node.tls_port}{nodename},shard-id={node.shard_id}"
    elif node.hostname:
        place += f",{node.hostname}"
    primary = node.primary.id if node.primary else "-"
    config_epoch = node.primary.config_epoch if node.is_replica and node.primary else node.config_epoch
    slots = [""]
    if node.slots:
        slots.append(state.slots.text_of(node))
    if node.is_myself:
        slots += open_slots(state)
    return Lasting(f"{node.id} {place} {flag_names(node.flags)} {primary}", config_epoch, " ".join(slots))


def open_slots(state: ClusterState) -> list[str]:
    migrating, importing = state.slots.migrating, state.slots.importing
    return [
        f"[{slot}->-{migrating[slot].id}]" if slot in migrating else f"[{slot}-<-{importing[slot].id}]"
        for slot in sorted(migrating | importing)
    ]


# Text into state


def read(text: str, settings: Settings, host: Host, rng: Random, now_ms: int) -> ClusterState:
    nobody = Node("", MYSELF, now_ms, shard_id="")
    state = ClusterState(settings, host, rng, myself=nobody, now_ms=now_ms)
    line = ""
    for line in text.splitlines():
        words = line.split()
        try:
            if words and words[0].lower() == "vars":
                read_vars(state, words)
            elif words:
                read_node(state, words)
        except (ValueError, IndexError, KeyError):
            raise Corrupt(line) from None
    if state.myself is nobody:
        raise Corrupt(line)
    for node in state.nodes.values():
        # A shard's nodes may disagree on its id, after an upgrade say. That must not keep a node from starting.
        if node.primary:
            node.shard_id = node.primary.shard_id
    # Should the file have been edited by hand:
    state.current_epoch = max(state.current_epoch, *(node.config_epoch for node in state.nodes.values()))
    return state


def read_vars(state: ClusterState, words: list[str]) -> None:
    for name, value in zip(words[1::2], words[2::2], strict=True):
        if name.lower() == "currentepoch":
            state.current_epoch = int(value)
        elif name.lower() == "lastvoteepoch":
            state.last_vote_epoch = int(value)
        else:
            state.log("notice", f"Skipping unknown cluster config variable '{name}'")


def read_node(state: ClusterState, words: list[str]) -> None:
    node_id, place, flags, primary_id, ping_sent, pong_received, config_epoch, _, *slots = words
    node = named_node(state, node_id)
    read_place(node, place)
    for name in flags.lower().split(","):
        node.flags |= FLAGS_BY_NAME[name] if name != "noflags" else 0
    if node.flags & MYSELF:
        if state.myself.id:
            raise ValueError("two lines about myself")
        state.myself = node
    if node.flags & FAIL:
        node.failed_ms = state.now_ms
    if primary_id != "-":
        node.primary = named_node(state, primary_id)
    # The clocks begin again: what was unanswered then is not a failure of now.
    node.ping_sent_ms = state.now_ms if int(ping_sent) else 0
    node.pong_received_ms = state.now_ms if int(pong_received) else 0
    # In a replica's line stands its primary's.
    node.config_epoch = 0 if node.is_replica and node.primary else int(config_epoch)
    for word in slots:
        read_slots(state, node, word)


def named_node(state: ClusterState, node_id: str) -> Node:
    """A node may be mentioned before its own line comes."""
    if not is_node_id(node_id):
        raise ValueError
    if node_id not in state.nodes:
        state.nodes[node_id] = Node(node_id, 0, state.now_ms, shard_id=random_id(state.rng))
    return state.nodes[node_id]


def read_place(node: Node, place: str) -> None:
    """<ip>:<port>[@<bus port>][,<hostname>[,<field>=<value>]…]"""
    address, *more = place.split(",")
    node.hostname = more[0] if more else ""
    node.ip, _, ports = address.rpartition(":")
    port, _, bus_port = ports.partition("@")
    node.port = int(port)
    node.bus_port = int(bus_port) if bus_port else node.port + BUS_PORT_OFFSET
    for field in more[1:]:
        name, _, value = field.partition("=")
        match name:
            case "shard-id" if is_node_id(value):
                node.shard_id = value
            case "nodename" if value:
                node.human_nodename = value
            case "tls-port":
                node.tls_port = int(value)
            case "tcp-port":
                node.tls_port, node.port = node.port, int(value)  # written by a node whose cluster runs over TLS
            case _:
                raise ValueError


def read_slots(state: ClusterState, node: Node, word: str) -> None:
    """5460, 0-5460, [93->-<node>] or [77-<-<node>]"""
    if word.startswith("["):
        slot, _, peer = word.strip("[]").partition("-")
        peers = {">-": state.slots.migrating, "<-": state.slots.importing}[peer[:2]]
        peers[slot_number(slot)] = named_node(state, peer[2:])
        return
    first, _, last = word.partition("-")
    slots = slot_range(slot_number(first), slot_number(last or first))
    state.slots.bind(slots & ~state.slots.assigned, node)


def slot_number(text: str) -> int:
    slot = int(text)
    if not 0 <= slot < SLOTS:
        raise ValueError
    return slot
