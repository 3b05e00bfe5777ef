"""Cluster nodes of several makes that don't know each other yet, and the words to make a cluster of them."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pycluster.testing import Node, reserve_port
from pycluster.testing.node import Directive
from tests.integration.shards import wait, why_not_ok, why_not_one_cluster

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
    found = (dict(zip(link[::2], link[1::2], strict=True)) for link in node.ask("CLUSTER", "LINKS"))
    return {(link[b"direction"], link[b"node"], link[b"create-time"]) for link in found}


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
