"""The language of tests in which a node dies while a slot moves: the move step by step, the death, and who mends it.

One cluster serves many deaths: which node leads a shard, and which shard has the slot, is asked each time.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread

import hiredis

from pycluster.keyspace.slots import key_slot
from pycluster.testing import Cluster, Node
from tests.integration.shards import Shards, id_of, owned, row, wait
from tests.integration.tutorial import covers

TAG = "{shard:0}"  # of A, to begin with
SLOT = key_slot(TAG.encode())
KEYS = 1000
BATCH = 100

DIRECTIVES = [("enable-debug-command", "yes"), ("save", ""), ("appendonly", "yes"), ("appendfsync", "no")]

STEPS = [
    "importing is set",
    "migrating is set",
    "some batches are moved",
    "a batch is on its way",
    "a batch is somewhere",
    "all keys are moved",
    "the target is told",
    "the source is told",
]

Mend = Callable[[Node], None]


class Move:
    """The slot, with 1,000 keys, moves from the one of two shards that has it to the other one."""

    def __init__(self, shards: Shards, mend: Mend, between: str = "AB"):
        self.shards = shards
        self.mend = mend
        a, b = ((shards.master(name), shards.replica(name)) for name in between)
        (self.source, source_heir), (self.target, target_heir) = (a, b) if owns(a[0]) else (b, a)
        self.heirs = {"source": source_heir, "target": target_heir}
        self.values = {f"{TAG}{number}".encode(): b"value of %d" % number for number in range(KEYS)}
        with self.source.connect() as connection:
            for key, value in self.values.items():
                connection.ask("SET", key, value)
            connection.ask("WAIT", 1, 5000)

    # The steps

    def go(self, step: str) -> None:
        """All steps up to this one. What takes time (a batch on its way) goes on when this returns."""
        last = STEPS.index(step)
        self.order(self.target, "IMPORTING", id_of(self.source))
        if last >= 1:
            self.order(self.source, "MIGRATING", id_of(self.target))
        if last >= 2:
            for _ in range(3):
                self.move_batch()
        if step == "a batch is on its way":  # the target has it, and has not looked at it yet
            self.target.pause()
            self.begin_batch()
        if step == "a batch is somewhere":
            self.begin_batch(5 * BATCH)
        if last >= 5:
            while self.move_batch():
                pass
        if last >= 6:
            self.order(self.target, "NODE", id_of(self.target))
        if last >= 7:
            with suppress(hiredis.ReplyError):  # it has heard so from the target, and given its last slot away
                self.order(self.source, "NODE", id_of(self.target))

    def order(self, node: Node, *words: str) -> None:
        node.ask("CLUSTER", "SETSLOT", SLOT, *words)

    def move_batch(self, count: int = BATCH, timeout_ms: int = 5000) -> int:
        """MIGRATE of some keys; how many there were."""
        keys = self.source.ask("CLUSTER", "GETKEYSINSLOT", SLOT, count)
        if keys:
            there = self.target.host, self.target.port
            self.source.ask("MIGRATE", *there, "", 0, timeout_ms, "KEYS", *keys)
        return len(keys)

    def begin_batch(self, count: int = BATCH) -> None:
        def move() -> None:
            with suppress(hiredis.ReplyError, OSError):
                self.move_batch(count)

        before = int(self.source.info("commandstats").get("cmdstat_migrate", "calls=0").split(",")[0][6:])
        Thread(target=move, daemon=True).start()

        def has_begun() -> str:
            calls = self.source.info("commandstats").get("cmdstat_migrate", "calls=0")
            return "" if int(calls.split(",")[0][6:]) > before else "MIGRATE has not begun"

        wait(has_begun)

    # Deaths

    def kill(self, side: str) -> Node:
        dead = self.source if side == "source" else self.target
        dead.kill()
        self.target.resume()
        return dead

    def replace(self, side: str) -> Node:
        """kill -9, and the replica leads; the dead one."""
        dead = self.kill(side)
        self.shards.wait_taken_over(self.heirs[side])
        return dead

    # What must be so in the end

    def ends_well(self) -> None:
        """Mended, all are there again, and each key is once, where its slot is."""
        running = next(node for node in self.shards.nodes[2:] if node.is_running)
        wait(lambda: why_not_agreed(self.shards.running))
        self.mend(running)
        for node in self.shards.nodes:
            if not node.is_running:
                node.start()
        self.shards.wait_well()
        wait(lambda: why_open(self.shards.nodes))
        masters = [node for node in self.shards.nodes if node.info("replication")["role"] == "master"]
        assert [found(node) for node in masters if owns(node)] == [self.values]
        assert [found(node) for node in masters if not owns(node)] == [{}] * (len(masters) - 1)


def owns(node: Node) -> bool:
    return covers(row(node), SLOT)


def found(node: Node) -> dict[bytes, bytes]:
    """All keys of the slot that are there, with their values, whoever may be asked for them."""
    with node.connect() as connection:
        keys = connection.ask("CLUSTER", "GETKEYSINSLOT", SLOT, 2 * KEYS)
        return {key: connection.ask("GET", key) for key in keys} if owns(node) else dict.fromkeys(keys, b"?")


def why_open(nodes: list[Node]) -> str:
    lines = (line for node in nodes for line in node.ask("CLUSTER", "NODES").decode().splitlines() if "[" in line)
    return next(lines, "")


def why_not_agreed(nodes: list[Node]) -> str:
    """Those who are there are one cluster again, but for who is dead."""
    for node in nodes:
        if node.cluster_info()["cluster_state"] != "ok":
            return f"{node} says that the cluster is down"
    return ""


# Who mends it


def mend_with_redis_cli(redis_cli: str) -> Mend:
    def mend(node: Node) -> None:
        said = subprocess.run(
            [redis_cli, "--cluster", "fix", node.address, "--cluster-yes", "--cluster-fix-with-unreachable-masters"],
            input="yes\n" * 20,
            capture_output=True,
            text=True,
            timeout=60,
        )
        print(said.stdout, said.stderr)  # what it comes to is looked at afterwards

    return mend


def mend_with_pycluster(node: Node) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "pycluster.tools", "fix", node.address, "--yes"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    print(said.stdout, said.stderr)
    assert "All slots are covered, and none is open." in said.stdout, said.stdout + said.stderr


def start_shards(our_server: list[str], masters: int = 3) -> Iterator[Shards]:
    with Cluster(masters, program=our_server, directives=DIRECTIVES) as cluster:
        shards = Shards(cluster.nodes)
        shards.wait_well()
        yield shards


def take_all_slots(shards: Shards, loser: str, gainer: str) -> None:
    """Afterwards the loser is as a master that has just come to the cluster."""
    (word,) = owned(row(shards.master(loser)))
    first, _, last = word.partition("-")

    def take() -> str:
        for node in (shards.master(loser), *shards.nodes):
            with suppress(hiredis.ReplyError):  # it is nobody's there already
                node.ask("CLUSTER", "DELSLOTSRANGE", first, last)
        shards.master(gainer).ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        return ""

    wait(take)  # a ping of the loser that was on its way claims them once more
    shards.master(gainer).ask("CLUSTER", "BUMPEPOCH")
    shards.wait_well()
