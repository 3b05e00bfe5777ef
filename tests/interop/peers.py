"""Cluster nodes of several makes side by side, and the words that tests about them are written in.

A picture is what one node believes of all: who is there, in which role, with which slots, under which epoch. Nodes of
one cluster must come to have the same picture, whoever made them.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import hiredis

from pycluster.testing import Node, reserve_port, wait_until
from pycluster.testing.node import Directive
from tests.integration.tutorial import Row, read_row

NODE_TIMEOUT_MS = 1000

CLUSTERED: tuple[Directive, ...] = (
    ("cluster-enabled", "yes"),
    ("cluster-node-timeout", NODE_TIMEOUT_MS),
    ("repl-diskless-sync-delay", 0),
    ("enable-debug-command", "yes"),
    ("save", ""),
)


class Peers:
    """Starts nodes in directories of their own, and ends them all."""

    def __init__(self, directory: Path, our_server: list[str], real_server: list[str]):
        self._directory = directory
        self._our_server = our_server
        self._real_server = real_server
        self._stack = ExitStack()

    def ours(self, *directives: Directive) -> Node:
        return self._start(self._our_server, directives)

    def real(self, *directives: Directive) -> Node:
        return self._start(self._real_server, directives)

    def _start(self, program: list[str], directives: Sequence[Directive]) -> Node:
        port = reserve_port()
        self._stack.callback(port.release)
        node = Node(
            port.number,
            self._directory / str(port.number),
            program=program,
            directives=[*CLUSTERED, *directives],
        )
        self._stack.callback(node.kill)
        node.start()
        return node

    def __enter__(self) -> "Peers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


# ---- what nodes believe


def rows(observer: Node) -> dict[str, Row]:
    """CLUSTER NODES as a table by id."""
    lines = observer.ask("CLUSTER", "NODES").decode().splitlines()
    return {row.id: row for row in map(read_row, lines)}


def row(node: Node, observer: Node | None = None) -> Row:
    return rows(observer or node)[id_of(node)]


def id_of(node: Node) -> str:
    found: bytes = node.ask("CLUSTER", "MYID")
    return found.decode()


def picture(observer: Node) -> dict[str, tuple[object, ...]]:
    return {
        id_: (row.address, row.role, row.master, row.epoch, row.slots) for id_, row in rows(observer).items()
    }


def why_not_one_cluster(nodes: Sequence[Node]) -> str:
    """What keeps these nodes from being a cluster of exactly them; an empty string if nothing does."""
    ids = {id_of(node) for node in nodes}
    first = picture(nodes[0])
    for node in nodes:
        seen = rows(node)
        if set(seen) != ids:
            return f"{node} knows {sorted(seen)}, not {sorted(ids)}"
        for row in seen.values():
            if row.link != "connected" or any(flag in row.flags for flag in ("fail", "fail?", "handshake", "noaddr")):
                return f"{node} sees {row}"
        if picture(node) != first:
            return f"{node} believes {picture(node)}, {nodes[0]} believes {first}"
    return ""


def why_not_ok(nodes: Sequence[Node]) -> str:
    return next((f"{node} says that the cluster is down" for node in nodes if not is_ok(node)), "")


def is_ok(node: Node) -> bool:
    return node.cluster_info()["cluster_state"] == "ok"


def wait(why_not: Callable[[], str], timeout_s: float = 60) -> None:
    """As wait_until, with patience for a node that only says what it can't answer yet (-LOADING)."""

    def ask() -> str:
        try:
            return why_not()
        except hiredis.ReplyError as error:
            return str(error)

    wait_until(ask, timeout_s)


# ---- forming a cluster


def meet(node: Node, other: Node) -> None:
    assert node.ask("CLUSTER", "MEET", other.host, other.port) in (b"OK", "OK")


def wait_one_cluster(*nodes: Node) -> None:
    wait(lambda: why_not_one_cluster(nodes))


def wait_ok(*nodes: Node) -> None:
    wait(lambda: why_not_ok(nodes))


def share_slots(*masters: Node) -> None:
    for number, node in enumerate(masters):
        first, after = 16384 * number // len(masters), 16384 * (number + 1) // len(masters)
        node.ask("CLUSTER", "ADDSLOTSRANGE", first, after - 1)


# ---- over some time


def links(node: Node) -> set[tuple[bytes, bytes, int]]:
    """The connections of the bus, each with its birth: a connection that is lost and made again is another one."""
    replies = [reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True)) for reply in
               node.ask("CLUSTER", "LINKS")]
    return {(reply[b"direction"], reply[b"node"], reply[b"create-time"]) for reply in replies}


def wait_pongs(count: int, *nodes: Node) -> None:
    """Until each of the nodes has had so many more of its pings answered."""
    goals = {node.port: pongs(node) + count for node in nodes}
    wait(lambda: next((f"{node} gets no pongs" for node in nodes if pongs(node) < goals[node.port]), ""))


def pongs(node: Node) -> int:
    return int(node.cluster_info().get("cluster_stats_messages_pong_received", 0))


def complaints(node: Node) -> list[str]:
    """The warnings in a node's log since it took connections (before, it speaks of the machine it runs on)."""
    *_, since = node.log().partition("Ready to accept connections")
    return [line for line in since.splitlines() if re.match(r"\d+:[MSC] .{24} # ", line)]
