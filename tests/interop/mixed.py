"""A cluster of six in which every shard is mixed: who is not ours has a replica that is, and the other way round.

Three shards, A, B and C. A and C have one of ours as master and a real replica, B is the other way round. With three
masters an election needs the votes of the two that are left, so ours and a real one have to agree on each.
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
from tests.integration.shards import Shards, wait
from tests.interop.peers import NODE_TIMEOUT_MS

TAGS = {"A": "{shard:0}", "B": "{shard:1}", "C": "{shard:3}"}  # each lies in the third of the slots that is its shard's


@contextmanager
def start_mixed(directory: Path, our_server: list[str], real_server: list[str]) -> Iterator[Shards]:
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
        mixed = Shards(cluster.nodes)
        mixed.wait_well()
        yield mixed


def client(shards: Shards) -> RedisCluster:
    return RedisCluster(startup_nodes=[ClusterNode(node.host, node.port) for node in shards.nodes])


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


# ---- a load


class Load(threading.Thread):
    """Writes counters to one shard without pause; remembers what was acknowledged, and what a replica confirmed."""

    def __init__(self, shards: Shards, tag: str):
        super().__init__(daemon=True)
        self.redis = client(shards)
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
