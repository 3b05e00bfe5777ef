"""A cluster of six in which every shard is mixed: who is not ours has a replica that is, and the other way round.

Three shards, A, B and C. A and C have one of ours as master and a real replica, B is the other way round. With three
masters an election needs the votes of the two that are left, so ours and a real one have to agree on each. Roles
change as tests go on; who is what now is asked, not remembered.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisError

from pycluster.testing import Cluster, Node
from pycluster.testing.connection import Word
from tests.interop.peers import NODE_TIMEOUT_MS, id_of, row, rows, wait, why_not_ok, why_not_one_cluster

TAGS = {"A": "{shard:0}", "B": "{shard:1}", "C": "{shard:3}"}  # each lies in the third of the slots that is its shard's


class MixedCluster:
    def __init__(self, cluster: Cluster, our_server: list[str]):
        self.nodes = cluster.nodes
        self._our_program = tuple(our_server)
        self._silent: list[Node] = []

    def is_ours(self, node: Node) -> bool:
        return node.program == self._our_program

    def shard(self, name: str) -> tuple[Node, Node]:
        """The two nodes of a shard, ours first."""
        first, second = (self.nodes["ABC".index(name) + at] for at in (0, 3))
        return (first, second) if self.is_ours(first) else (second, first)

    def master(self, name: str) -> Node:
        masters = [node for node in self.shard(name) if row(node).role == "master"]
        assert len(masters) == 1, f"shard {name} has {masters}"
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

    def client(self) -> RedisCluster:
        return RedisCluster(startup_nodes=[ClusterNode(node.host, node.port) for node in self.nodes])

    # ---- waiting

    def wait_well(self) -> None:
        """All six are there and agree, every replica has its link."""
        wait(lambda: why_not_one_cluster(self.nodes) or why_not_ok(self.nodes) or self.why_not_linked())

    def why_not_linked(self) -> str:
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


@contextmanager
def start_mixed(directory: Path, our_server: list[str], real_server: list[str]) -> Iterator[MixedCluster]:
    cluster = Cluster(
        3,
        1,
        directory=directory,
        program=our_server,
        directives=[
            ("enable-debug-command", "yes"),
            ("save", ""),
            # One PING too many in the stream of a master that has been replaced, and Redis resynchronizes all of it.
            ("repl-ping-replica-period", 600),
            ("repl-timeout", 3600),
        ],
        node_timeout_ms=NODE_TIMEOUT_MS,
    )
    a, b, c, replica_of_a, replica_of_b, replica_of_c = cluster.nodes
    for node in (b, replica_of_a, replica_of_c):
        node.program = tuple(real_server)
    with cluster:
        mixed = MixedCluster(cluster, our_server)
        mixed.wait_well()
        yield mixed


# ---- data


def values_of_every_type(tag: str, seed: int = 1) -> Iterator[tuple[Word, ...]]:
    """Commands that make some keys of one slot, small and large, whose digest servers of all makes agree on."""
    dice = random.Random(seed)
    for size in (1, 100, 1000):
        members = [b"%d:%s" % (number, dice.randbytes(8)) for number in range(size)]
        yield ("SET", f"{tag}string{size}", dice.randbytes(size))
        yield ("RPUSH", f"{tag}list{size}", *members)
        yield ("SADD", f"{tag}set{size}", *members)
        yield ("SADD", f"{tag}integers{size}", *range(size))
        yield ("HSET", f"{tag}hash{size}", *members, *members)
        yield ("ZADD", f"{tag}sorted{size}", *(word for m in members for word in (dice.randrange(1000) / 4, m)))
        yield ("SET", f"{tag}mortal{size}", "x", "PXAT", 4_102_444_800_000)


def fill(node: Node, tag: str, seed: int = 1) -> None:
    with node.connect() as connection:
        for command in values_of_every_type(tag, seed):
            connection.ask(*command)


def digest(node: Node) -> str:
    found = node.ask("DEBUG", "DIGEST")
    return found.decode() if isinstance(found, bytes) else str(found)


def why_not_same(replica: Node, master: Node) -> str:
    mine, its = offset(replica), offset(master)
    if mine != its:
        return f"{replica} is at {mine} of {its}"
    return "" if digest(replica) == digest(master) else f"{replica} and {master} have different data"


def offset(node: Node) -> int:
    fields = node.info("replication")
    return int(fields["slave_repl_offset" if fields["role"] == "slave" else "master_repl_offset"])


def syncs(node: Node) -> tuple[int, int]:
    """How many replicas got everything from this node, and how many only what they lacked."""
    stats = node.info("stats")
    return int(stats["sync_full"]), int(stats["sync_partial_ok"])


# ---- a load


class Load(threading.Thread):
    """Writes counters to one shard without pause; remembers what was acknowledged, and what a replica confirmed."""

    def __init__(self, mixed: MixedCluster, tag: str):
        super().__init__(daemon=True)
        self.redis = mixed.client()
        self.tag = tag
        self.acknowledged: list[str] = []
        self.confirmed: list[str] = []
        self.ends = threading.Event()
        self.unexpected: Exception | None = None

    def run(self) -> None:
        number = 0
        while not self.ends.is_set():
            number += 1
            key = f"{self.tag}load:{number}"
            try:
                self.redis.set(key, number)
                self.acknowledged.append(key)
                # Over the connection that has just written: one thread has one per node.
                if self.redis.wait(1, 100, target_nodes=self.redis.get_node_from_key(key)) >= 1:
                    self.confirmed.append(key)
            except (RedisError, OSError):
                continue  # nothing was promised
            except Exception as error:
                self.unexpected = error
                return

    def wait_progress(self, count: int = 30) -> None:
        target = len(self.confirmed) + count
        wait(lambda: "" if len(self.confirmed) >= target or self.unexpected else "the load does not get on")

    def __enter__(self) -> "Load":
        self.start()
        self.wait_progress()
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        self.join(60)
        assert self.unexpected is None, self.unexpected

    def lost(self, keys: list[str]) -> list[str]:
        return [key for key in keys if self.redis.get(key) != key.rpartition(":")[2].encode()]
