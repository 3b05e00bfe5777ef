"""redis-cli --cluster moves slots while an application reads and writes: no error reaches it, nothing is lost."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pycluster.testing import Cluster, Node, reserve_port, wait_until
from tests.integration.loads import Application
from tests.integration.shards import id_of, row, rows
from tests.integration.tutorial import width

FEW = 150  # slots that are left to a master that is to be emptied: to move all of its own would take a minute

Make = Callable[..., "Tools"]


class Tools:
    """A cluster and redis-cli --cluster."""

    def __init__(self, cluster: Cluster, redis_cli: str):
        self.cluster = cluster
        self.redis_cli = redis_cli

    @property
    def nodes(self) -> list[Node]:
        return self.cluster.nodes

    def __call__(self, what: str, *words: object, node: int = 0, status: int = 0) -> str:
        """Runs a subcommand on a node's address and returns what it prints."""
        return self.run("--cluster", what, self.nodes[node].address, *words, status=status)

    def run(self, *words: object, status: int = 0) -> str:
        command = [self.redis_cli, *map(str, words)]
        env = os.environ | {"TERM": "dumb"}
        done = subprocess.run(command, input="yes\n", capture_output=True, text=True, timeout=180, env=env)
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        return said

    def reshard(self, source: Node | str, target: Node, slots: int, *options: object) -> str:
        from_ = source if isinstance(source, str) else id_of(source)
        return self("reshard", "--cluster-from", from_, "--cluster-to", id_of(target), "--cluster-slots", slots,
                    "--cluster-yes", *options)  # fmt: skip

    def slots_of(self, node: Node) -> int:
        return sum(map(width, row(node).slots))

    def leave_few(self, giver: Node, taker: Node) -> None:
        """Most of a master's slots, which are empty, go to another without being moved."""
        first, last = map(int, row(giver).slots[0].split("-"))
        for node in self.nodes:
            node.ask("CLUSTER", "DELSLOTSRANGE", first, last - FEW)
        taker.ask("CLUSTER", "ADDSLOTSRANGE", first, last - FEW)
        self.cluster.wait_ok()
        self.wait_agreed()

    def wait_agreed(self) -> None:
        """Until every node shows the same owners, and nobody an open slot."""
        wait_until(self._why_not_agreed, 60)

    def _why_not_agreed(self) -> str:
        pictures = [{id_: row.slots for id_, row in rows(node).items()} for node in self.nodes]
        if any("[" in slot for picture in pictures for slots in picture.values() for slot in slots):
            return "a slot is open"
        return "" if all(picture == pictures[0] for picture in pictures) else f"nodes do not agree: {pictures}"

    def check(self) -> None:
        self.wait_agreed()
        said = self("check")
        assert "[OK] All nodes agree about slots configuration." in said, said
        assert "[OK] All 16384 slots covered." in said and "[WARNING]" not in said, said


@pytest.fixture
def make(our_server: list[str], redis_cli: str, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def start(masters: int = 3, replicas: int = 0, *directives: tuple[str, object]) -> Tools:
            own = [("enable-debug-command", "yes"), ("save", ""), *directives]
            cluster = Cluster(masters, replicas, directory=tmp_path, program=our_server, directives=own)
            return Tools(stack.enter_context(cluster), redis_cli)

        yield start


@pytest.fixture
def newcomer(our_server: list[str], tmp_path: Path) -> Iterator[Node]:
    """A node that belongs to no cluster yet."""
    port = reserve_port()
    directives = [
        ("cluster-enabled", "yes"),
        ("cluster-node-timeout", 1000),
        ("save", ""),
        ("enable-debug-command", "yes"),
    ]
    node = Node(port.number, tmp_path / "newcomer", program=our_server, directives=directives)
    node.start()
    yield node
    node.kill()
    port.release()


def adopt(tools: Tools, newcomer: Node, *options: object) -> str:
    said = tools.run("--cluster", "add-node", newcomer.address, tools.nodes[0].address, *options)
    tools.nodes.append(newcomer)
    return said


# reshard


def test_slots_of_one_master_go_to_another(make: Make) -> None:
    tools = make()
    source, target, _ = tools.nodes
    with Application(tools.nodes) as application:
        tools.reshard(source, target, 500)
        application.wait_progress()
    tools.check()
    assert (tools.slots_of(source), tools.slots_of(target)) == (5461 - 500, 5462 + 500)


def test_slots_of_all_masters_go_to_one_with_replicas(make: Make) -> None:
    tools = make(3, 1)
    with Application(tools.nodes) as application:
        tools.reshard("all", tools.nodes[1], 300, "--cluster-pipeline", 2)
        application.wait_progress()
    tools.check()
    assert tools.slots_of(tools.nodes[1]) == 5462 + 300
    replica = tools.nodes[4]
    wait_until(lambda: "" if replica.ask("DBSIZE") == tools.nodes[1].ask("DBSIZE") else "the replica lags")


def test_an_emptied_master_becomes_the_new_owners_replica(make: Make) -> None:
    tools = make(3, 1)
    source, target = tools.nodes[:2]
    tools.leave_few(source, target)
    with Application(tools.nodes):
        tools.reshard(source, target, FEW)
        wait_until(lambda: "" if row(source).master == id_of(target) else "it is no replica yet")
        wait_until(lambda: "" if row(tools.nodes[3]).master == id_of(target) else "its replica has not followed")
    tools.check()


def test_an_emptied_master_stays_one_if_it_may_not_migrate(make: Make) -> None:
    tools = make(3, 0, ("cluster-allow-replica-migration", "no"))
    source, target = tools.nodes[:2]
    tools.leave_few(source, target)
    tools.reshard(source, target, FEW)
    tools.check()
    assert row(source).role == "master" and row(source).slots == ()


# rebalance


def test_rebalance_is_not_needed_at_first(make: Make) -> None:
    tools = make()
    assert "*** No rebalancing needed! All nodes are within the 2.00% threshold." in tools("rebalance")


def test_rebalance_gives_slots_to_a_new_master_only_if_asked(make: Make, newcomer: Node) -> None:
    tools = make()
    with Application(tools.nodes) as application:
        assert "[OK] New node added correctly." in adopt(tools, newcomer)
        tools.wait_agreed()
        assert "No rebalancing needed" in tools("rebalance")
        light = ("--cluster-use-empty-masters", "--cluster-weight", f"{id_of(newcomer)}=0.05")
        simulated = tools("rebalance", *light, "--cluster-simulate")
        assert "Moving " in simulated and tools.slots_of(newcomer) == 0
        tools("rebalance", *light)
        application.wait_progress()
    tools.check()
    assert 250 < tools.slots_of(newcomer) < 300


def test_rebalance_by_weight_and_threshold(make: Make) -> None:
    tools = make()
    first, second, third = tools.nodes
    with Application(tools.nodes):
        tools("rebalance", "--cluster-weight", f"{id_of(first)}=1.06", f"{id_of(second)}=1", f"{id_of(third)}=1")
        tools.wait_agreed()
        assert "No rebalancing needed" in tools("rebalance", "--cluster-threshold", 10)
    tools.check()
    assert tools.slots_of(first) == 5676 and tools.slots_of(second) + tools.slots_of(third) == 16384 - 5676


# fix


def open_slot(source: Node, target: Node, slot: int) -> None:
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", id_of(source))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", id_of(target))


def test_fix_closes_an_open_slot_whose_keys_are_on_both_sides(make: Make) -> None:
    tools = make()
    source, target, _ = tools.nodes
    slot = source.ask("CLUSTER", "KEYSLOT", "{b}")
    source.ask("MSET", *(word for number in range(50) for word in (f"{{b}}{number}", number)))
    open_slot(source, target, slot)
    source.ask("MIGRATE", target.host, target.port, "", 0, 5000, "KEYS", *(f"{{b}}{number}" for number in range(20)))
    assert f"[{slot}->-{id_of(target)}]" in row(source).slots and f"[{slot}-<-{id_of(source)}]" in row(target).slots
    assert "The following slots are open" in tools("check", status=1)
    tools("fix")
    tools.check()
    owner = next(node for node in tools.nodes if node.ask("CLUSTER", "COUNTKEYSINSLOT", slot))
    assert owner.ask("MGET", *(f"{{b}}{number}" for number in range(50))) == [b"%d" % n for n in range(50)]


def test_fix_covers_slots_that_nobody_has(make: Make) -> None:
    tools = make(3, 0, ("cluster-require-full-coverage", "no"))
    for node in tools.nodes:
        node.ask("CLUSTER", "DELSLOTSRANGE", 100, 120)
    said = tools("check", status=1)
    assert "[ERR] Not all 16384 slots are covered by nodes." in said
    tools("fix")
    tools.check()


# import, add-node, del-node, and the others


def test_import_takes_the_keys_of_a_server_outside(make: Make, redis_server: list[str], tmp_path: Path) -> None:
    tools = make()
    port = reserve_port()
    outside = Node(port.number, tmp_path / "outside", program=redis_server, directives=[("save", "")])
    try:
        outside.start()
        with outside.connect() as connection:
            for number in range(200):
                connection.ask("HSET", f"outside:{number}", "f", number)
        with Application(tools.nodes) as application:
            tools("import", "--cluster-from", outside.address, "--cluster-copy")
            taken = [application.redis.hget(f"outside:{number}", "f") for number in range(200)]
        assert outside.ask("DBSIZE") == 200 and taken == [b"%d" % number for number in range(200)]
    finally:
        outside.kill()
        port.release()


def test_add_node_makes_a_replica_of_the_master_named(make: Make, newcomer: Node) -> None:
    tools = make()
    master = tools.nodes[2]
    with Application(tools.nodes):
        adopt(tools, newcomer, "--cluster-slave", "--cluster-master-id", id_of(master))
        wait_until(lambda: "" if row(newcomer).master == id_of(master) else "it is no replica yet")
        wait_until(lambda: "" if newcomer.info("replication")["master_link_status"] == "up" else "it has no link")
    tools.check()


def test_del_node_refuses_a_master_with_slots(make: Make) -> None:
    tools = make()
    node = tools.nodes[1]
    said = tools("del-node", id_of(node), status=1)
    assert f"[ERR] Node {node.address} is not empty! Reshard data away and try again." in said


def test_del_node_removes_an_emptied_master(make: Make) -> None:
    tools = make(3, 0, ("cluster-allow-replica-migration", "no"))
    gone, target, other = tools.nodes
    tools.leave_few(gone, target)
    with Application([target, other]) as application:
        tools.reshard(gone, target, FEW)
        tools.wait_agreed()
        tools("del-node", id_of(gone), node=1)
        tools.nodes.remove(gone)
        application.wait_progress()
    assert all(id_of(gone) not in rows(node) for node in tools.nodes)
    tools.check()


def test_call_set_timeout_and_backup(make: Make, tmp_path: Path) -> None:
    tools = make()
    with Application(tools.nodes):
        assert tools("call", "PING").count("PONG") == 3
        assert ">>> New node timeout set. 3 OK, 0 ERR." in tools("set-timeout", 2000)
        assert tools.nodes[2].ask("CONFIG", "GET", "cluster-node-timeout")[1] == b"2000"
        (tmp_path / "backup").mkdir()
        tools("backup", tmp_path / "backup")
    assert len(list((tmp_path / "backup").glob("*.rdb"))) == 3
