"""Who belongs to a cluster of several makes, and what nodes tell each other of themselves in extensions of their pings:
hostnames, names for people, ids of shards, and whom to forget. Redis 7.0 knows the hostname only.
"""

import subprocess

import pytest

from pycluster.testing import Node
from tests.integration.shards import id_of, row, wait
from tests.interop.peers import Peers, meet, share_slots, wait_ok, wait_one_cluster, wait_pongs


def cluster_of(*nodes: Node) -> tuple[Node, ...]:
    for other in nodes[1:]:
        meet(nodes[0], other)
    wait_one_cluster(*nodes)
    return nodes


def needs_extensions(real: Node) -> None:
    version = real.info("server")["redis_version"]
    if version < "7.2":
        pytest.skip(f"Redis {version} does not speak of this")


def test_a_node_that_all_were_told_to_forget_is_not_brought_back(peers: Peers) -> None:
    first, second, third = cluster_of(peers.ours(), peers.real(), peers.ours())
    id_ = id_of(third)
    for node in (first, second):
        node.ask("CLUSTER", "FORGET", id_)
    wait_pongs(2, first, second)
    wait_one_cluster(first, second)


@pytest.mark.parametrize("told", ["ours", "real"])
def test_who_is_told_to_forget_a_node_tells_others(peers: Peers, told: str) -> None:
    real = peers.real()
    needs_extensions(real)
    ours, real, third = cluster_of(peers.ours(), real, peers.ours())
    wait_speaks_extensions(ours, real)
    id_ = id_of(third)
    {"ours": ours, "real": real}[told].ask("CLUSTER", "FORGET", id_)
    wait_one_cluster(ours, real)


def wait_speaks_extensions(ours: Node, real: Node) -> None:
    """Until ours has heard the other's shard id: extensions go to who has shown that it knows them."""
    wait(lambda: "" if shard_id(real) in nodes_conf(ours) else "its shard id has not arrived")


def shard_id(node: Node) -> str:
    found: bytes = node.ask("CLUSTER", "MYSHARDID")
    return found.decode()


def nodes_conf(node: Node) -> str:
    node.ask("CLUSTER", "SAVECONFIG")
    return (node.directory / "nodes.conf").read_text()


def test_hostnames_are_seen_by_each_other(peers: Peers) -> None:
    ours = peers.ours(("cluster-announce-hostname", "ours.example.com"))
    real = peers.real(("cluster-announce-hostname", "real.example.com"))
    cluster_of(ours, real)
    for node in (ours, real):
        wait(lambda: why_not_named(node))  # noqa: B023
    for node, name in ((ours, "ours.moved.com"), (real, "")):
        node.ask("CONFIG", "SET", "cluster-announce-hostname", name)
    wait(lambda: "" if ",ours.moved.com " in lines(real) else "the real one has not heard of the new name")
    wait(lambda: "" if ",real.example.com " not in lines(ours) else "ours has not heard that there is no name any more")


def why_not_named(observer: Node) -> str:
    missing = [name for name in (",ours.example.com ", ",real.example.com ") if name not in lines(observer)]
    return f"{observer} does not know {missing}" if missing else ""


def lines(observer: Node) -> str:
    found: bytes = observer.ask("CLUSTER", "NODES")
    return found.decode()


def test_shard_ids_and_names_for_people_are_kept_in_nodes_conf(peers: Peers) -> None:
    real = peers.real()
    needs_extensions(real)
    ours = peers.ours(("cluster-announce-human-nodename", "one-of-ours"))
    real.ask("CONFIG", "SET", "cluster-announce-human-nodename", "a-real-one")
    cluster_of(ours, real)
    for node, other, name in ((ours, real, "a-real-one"), (real, ours, "one-of-ours")):
        for text in (f",nodename={name}", f",shard-id={shard_id(other)}"):
            wait(lambda: "" if text in nodes_conf(node) else f"{node} has not heard {text}")  # noqa: B023
    assert ",shard-id=" not in lines(ours)


def test_a_replica_has_its_masters_shard_id(peers: Peers) -> None:
    ours, real = peers.ours(), peers.real()
    cluster_of(ours, real)
    share_slots(real)
    wait_one_cluster(ours, real)
    ours.ask("CLUSTER", "REPLICATE", id_of(real))
    wait_ok(ours, real)
    wait(lambda: "" if len(ours.ask("CLUSTER", "SHARDS")) == 1 else "there are two shards")
    if real.info("server")["redis_version"] >= "7.2":
        assert shard_id(ours) == shard_id(real)
        assert len(real.ask("CLUSTER", "SHARDS")) == 1


def test_redis_cli_adds_a_real_node_as_replica(peers: Peers, redis_cli: str) -> None:
    ours, other, real = peers.ours(), peers.ours(), peers.real()
    cluster_of(ours, other)
    share_slots(ours, other)
    wait_ok(ours, other)
    command = [redis_cli, "--cluster", "add-node", real.address, ours.address]
    options = ["--cluster-slave", "--cluster-master-id", id_of(ours)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert "[OK] New node added correctly." in done.stdout, done.stdout + done.stderr
    wait_one_cluster(ours, other, real)
    assert row(real, other).master == id_of(ours)
    wait(lambda: "" if real.info("replication")["master_link_status"] == "up" else "it has no link to its master")
