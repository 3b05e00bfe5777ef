"""redis-cli --cluster's other subcommands, while an application reads and writes: no error reaches it, nothing is lost.

create, check, info, reshard, del-node and the plain rebalance are part of the story in test_story_of_slots.py. Here all
share one cluster, which each test leaves as it found it, but for who has which slots.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pycluster.testing import Cluster, Node, reserve_port, wait_until
from tests.integration.replicas import Servers
from tests.integration.shards import id_of, row
from tests.integration.tools import Tools

DIRECTIVES = [("enable-debug-command", "yes"), ("save", "")]


@pytest.fixture(scope="module")
def tools(our_server: list[str], redis_cli: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    directory = tmp_path_factory.mktemp("tools")
    with Cluster(3, 0, directory=directory, program=our_server, directives=DIRECTIVES) as cluster:
        yield Tools(cluster, redis_cli)


@pytest.fixture
def newcomer(tools: Tools, our_server: list[str], tmp_path: Path) -> Iterator[Node]:
    """A node that belongs to no cluster yet, and belongs to none in the end."""
    port = reserve_port()
    own = [("cluster-enabled", "yes"), ("cluster-node-timeout", 1000), ("repl-diskless-sync-delay", 0)]
    node = Node(port.number, tmp_path / "newcomer", program=our_server, directives=[*own, *DIRECTIVES])
    node.start()
    yield node
    if node in tools.nodes:
        tools("del-node", id_of(node))
        tools.nodes.remove(node)
        tools.wait_agreed()
    node.kill()
    port.release()


def adopt(tools: Tools, newcomer: Node, *options: object) -> None:
    said = tools.run("--cluster", "add-node", newcomer.address, tools.nodes[0].address, *options)
    assert "[OK] New node added correctly." in said
    tools.nodes.append(newcomer)
    tools.wait_agreed()


# ---- info


def test_info_tells_who_has_how_many_keys(tools: Tools) -> None:
    with tools.application() as application:
        application.wait_progress()
        assert " keys in 3 masters." in tools("info")
    said = tools("info")
    for node in tools.nodes:
        assert f"{node.address} ({id_of(node)[:8]}...) -> {node.ask('DBSIZE')} keys | 546" in said


# ---- rebalance


def test_a_simulated_rebalance_moves_nothing(tools: Tools) -> None:
    heavier = ("--cluster-weight", f"{id_of(tools.nodes[0])}=1.03")
    said = tools("rebalance", *heavier, "--cluster-simulate", "--cluster-threshold", 1)
    assert said.count("Moving ") == 2
    assert [tools.slots_of(node) for node in tools.nodes] == [5461, 5462, 5461]


def test_rebalance_by_weight_and_threshold(tools: Tools) -> None:
    weights = ("--cluster-weight", *(f"{id_of(node)}={w}" for node, w in zip(tools.nodes, (1.03, 1, 1), strict=True)))
    with tools.application() as application:
        assert "No rebalancing needed" in tools("rebalance", *weights, "--cluster-threshold", 5)
        tools("rebalance", *weights, "--cluster-threshold", 1, "--cluster-pipeline", 100)
        application.wait_progress()
    tools.check()
    first, *others = map(tools.slots_of, tools.nodes)
    assert first in (5569, 5570) and first + sum(others) == 16384


# ---- add-node


def test_add_node_makes_an_empty_master(tools: Tools, newcomer: Node) -> None:
    with tools.application() as application:
        adopt(tools, newcomer)
        application.wait_progress()
    tools.check()
    assert {(row(newcomer, node).role, row(newcomer, node).slots) for node in tools.nodes} == {("master", ())}


def test_add_node_makes_a_replica_of_the_master_named(tools: Tools, newcomer: Node) -> None:
    master = tools.nodes[2]
    with tools.application():
        adopt(tools, newcomer, "--cluster-slave", "--cluster-master-id", id_of(master))
        wait_until(lambda: "" if row(newcomer).master == id_of(master) else "it is no replica yet")
        wait_until(lambda: "" if newcomer.info("replication")["master_link_status"] == "up" else "it has no link")
    tools.check()
    wait_until(lambda: "" if newcomer.ask("DBSIZE") == master.ask("DBSIZE") else "the replica lags")


# ---- fix


def open_slot(source: Node, target: Node, slot: int) -> None:
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", id_of(source))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", id_of(target))


def test_fix_closes_an_open_slot_whose_keys_are_on_both_sides(tools: Tools) -> None:
    source, target, _ = tools.nodes
    slot = source.ask("CLUSTER", "KEYSLOT", "{b}")
    source.ask("MSET", *(word for number in range(50) for word in (f"{{b}}{number}", number)))
    open_slot(source, target, slot)
    source.ask("MIGRATE", target.host, target.port, "", 0, 5000, "KEYS", *(f"{{b}}{number}" for number in range(20)))
    assert f"[{slot}->-{id_of(target)}]" in row(source).slots and f"[{slot}-<-{id_of(source)}]" in row(target).slots
    with tools.application():
        assert "The following slots are open" in tools("check", status=1)
        tools("fix")
    tools.check()
    owner = next(node for node in tools.nodes if node.ask("CLUSTER", "COUNTKEYSINSLOT", slot))
    assert owner.ask("MGET", *(f"{{b}}{number}" for number in range(50))) == [b"%d" % n for n in range(50)]


def test_fix_covers_slots_that_nobody_has(tools: Tools) -> None:
    """Slots with keys, too, so no application is content meanwhile; its keys are there in the end."""
    for node in tools.nodes:
        node.ask("CLUSTER", "DELSLOTSRANGE", 500, 520)
    assert "[ERR] Not all 16384 slots are covered by nodes." in tools("check", status=1)
    tools("fix")
    tools.check()
    with tools.application():
        pass


# ---- import, and the others


def test_import_takes_the_keys_of_a_server_outside(tools: Tools, redis_server: list[str], servers: Servers) -> None:
    outside = servers.start(redis_server)
    with outside.connect() as connection:
        for number in range(200):
            connection.ask("HSET", f"outside:{number}", "f", number)
    with tools.application() as application:
        tools("import", "--cluster-from", outside.address, "--cluster-copy")
        assert outside.ask("DBSIZE") == 200
        tools("import", "--cluster-from", outside.address, "--cluster-replace")
        taken = [application.redis.hget(f"outside:{number}", "f") for number in range(200)]
    assert outside.ask("DBSIZE") == 0 and taken == [b"%d" % number for number in range(200)]


def test_call_and_set_timeout_reach_all(tools: Tools) -> None:
    with tools.application():
        assert tools("call", "PING").count("PONG") == 3
        assert ">>> New node timeout set. 3 OK, 0 ERR." in tools("set-timeout", 2000)
    assert {node.ask("CONFIG", "GET", "cluster-node-timeout")[1] for node in tools.nodes} == {b"2000"}
    tools("set-timeout", 1000)


def test_backup_leaves_files_that_redis_loads(
    tools: Tools, redis_server: list[str], servers: Servers, tmp_path: Path
) -> None:
    directory = tmp_path / "backup"
    directory.mkdir()
    with tools.application():
        tools("backup", directory)
    found = json.loads((directory / "nodes.json").read_text())
    assert {node["name"] for node in found} == {id_of(node) for node in tools.nodes}
    files = sorted(directory.glob("*.rdb"))
    loaded = [servers.start(redis_server, ("dir", directory), ("dbfilename", file.name)) for file in files]
    assert sum(node.ask("DBSIZE") for node in loaded) == sum(node.ask("DBSIZE") for node in tools.nodes)
