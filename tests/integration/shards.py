"""A cluster of shards with a master and a replica each, and what its nodes believe of each other.

Who is master changes as tests go on: a shard has a name, and who is what in it now is asked, not remembered. A picture
is what one node believes of all: who is there, in which role, with which slots, under which epoch. The nodes of one
cluster must come to have the same picture.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import hiredis

from pycluster.testing import Node, wait_until
from tests.integration.tutorial import Row, read_row


class Shards:
    """Shards A, B, C …, made of nodes of which the first half began as masters and the others as their replicas."""

    def __init__(self, nodes: Sequence[Node]):
        self.nodes = nodes
        self._silent: list[Node] = []

    def shard(self, name: str) -> tuple[Node, Node]:
        index = "ABCDEF".index(name)
        return self.nodes[index], self.nodes[len(self.nodes) // 2 + index]

    def master(self, name: str) -> Node:
        masters = [node for node in self.shard(name) if row(node).role == "master"]
        assert len(masters) == 1, f"shard {name} has these masters: {masters}"
        return masters[0]

    def replica(self, name: str) -> Node:
        master = self.master(name)
        return next(node for node in self.shard(name) if node is not master)

    @property
    def running(self) -> list[Node]:
        return [node for node in self.nodes if node.is_running and node not in self._silent]

    @contextmanager
    def silenced(self, node: Node) -> Iterator[None]:
        """A node that is stopped for a while, in the midst of what it was doing (SIGSTOP)."""
        self._silent.append(node)
        node.pause()
        try:
            yield
        finally:
            node.resume()
            self._silent.remove(node)

    def wait_well(self) -> None:
        """All are there and agree, and every replica has its link."""
        wait(lambda: why_not_one_cluster(self.nodes) or why_not_ok(self.nodes) or self._why_not_linked())

    def _why_not_linked(self) -> str:
        for node in self.nodes:
            if node.info("replication").get("master_link_status", "up") != "up":
                return f"{node} has no link to its master"
        return ""

    def wait_role(self, node: Node, role: str) -> None:
        id_ = id_of(node)

        def why_not() -> str:
            others = [other for other in self.running if rows(other)[id_].role != role]
            return f"{node} is not {role} to {others}" if others else ""

        wait(why_not)

    def wait_taken_over(self, heir: Node) -> None:
        """Until everybody who is there knows the new master, and the cluster is ok again."""
        self.wait_role(heir, "master")
        wait(lambda: why_not_ok(self.running))

    def fail_over(self, name: str, *how: str) -> tuple[Node, Node]:
        """Makes the shard's replica its master, by order: the old one and the new one."""
        master, replica = self.master(name), self.replica(name)

        def why_not() -> str:
            if row(replica).role == "master":
                return ""
            # A voter votes for one master's replicas once in two node timeouts, so a try may come to nothing.
            replica.ask("CLUSTER", "FAILOVER", *how)
            wait_outcome(replica)
            return f"{replica} has not become master"

        wait(why_not)
        self.wait_well()
        return master, replica


def wait_outcome(replica: Node) -> None:
    """Until a failover that was ordered is over, well or not: a new order would begin it anew."""
    before = failures(replica)

    def why_not() -> str:
        is_over = row(replica).role == "master" or failures(replica) > before
        return "" if is_over else "the failover is under way"

    wait(why_not)


def failures(replica: Node) -> int:
    return replica.log().count("Manual failover timed out")


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
    return {id_: (row.address, row.role, row.master, epoch(row), owned(row)) for id_, row in rows(observer).items()}


def owned(row: Row) -> tuple[str, ...]:
    """Ranges of slots; what is open ([7->-…]) each node says only of itself."""
    return tuple(word for word in row.slots if not word.startswith("["))


def epoch(row: Row) -> int:
    """A master without slots that was reset says a lower epoch than others remember; it counts for nothing."""
    return row.epoch if row.role == "slave" or owned(row) else 0


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


# ---- what they have


def offset(node: Node) -> int:
    """How far the node is in the stream of its shard."""
    fields = node.info("replication")
    return int(fields["slave_repl_offset" if fields["role"] == "slave" else "master_repl_offset"])


def digest(node: Node) -> str:
    found = node.ask("DEBUG", "DIGEST")
    return found.decode() if isinstance(found, bytes) else str(found)


def why_not_same(replica: Node, master: Node) -> str:
    mine, its = offset(replica), offset(master)
    if mine != its:
        return f"{replica} is at {mine} of {its}"
    return "" if digest(replica) == digest(master) else f"{replica} and {master} have different data"


def syncs(node: Node) -> tuple[int, int]:
    """How many replicas got everything from this node, and how many only what they lacked."""
    stats = node.info("stats")
    return int(stats["sync_full"]), int(stats["sync_partial_ok"])


def wait(why_not: Callable[[], str], timeout_s: float = 60) -> None:
    """As wait_until, with patience for a node that only says what it can't answer yet (-LOADING)."""

    def ask() -> str:
        try:
            return why_not()
        except hiredis.ReplyError as error:
            return str(error)

    wait_until(ask, timeout_s)
