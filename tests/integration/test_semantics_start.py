"""Restarts, files and children: SEMANTICS of a node's life, told by pycluster and by redis-server alike.

Each test has a node of its own. `b` is a key of slot 3300, `a` of 15495, `c` of 7365.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pycluster.testing import Cluster, Connection, Node, StartFailed, reserve_port
from pycluster.testing.node import Directive
from tests.differential.conftest import ME, PEER
from tests.integration.shards import row, wait

StartNode = Callable[..., Node]

CLUSTERED: tuple[Directive, ...] = (("cluster-enabled", "yes"), ("cluster-node-timeout", 3_600_000))


@pytest.fixture
def make_node(server: list[str], tmp_path: Path) -> Iterator[StartNode]:
    """Makes a node that keeps its directory: `make_node(("save", ""))`. It isn't started."""
    port = reserve_port()
    nodes: list[Node] = []

    def make(*directives: Directive) -> Node:
        common = [("save", ""), ("enable-debug-command", "yes"), *directives]
        node = Node(port.number, tmp_path / "node", program=server, directives=common)
        node.directory.mkdir(exist_ok=True)
        node.config_path.unlink(missing_ok=True)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.kill()
    port.release()


def write_nodes_conf(node: Node, mine: str, others: str) -> None:
    (node.directory / "nodes.conf").write_text(
        f"{ME} 127.0.0.1:{node.port}@{node.port + 10000} myself,master - 0 0 1 connected {mine}\n"
        f"{PEER} 127.0.0.9:7002@17002 master - 0 0 2 connected {others}\n"
        "vars currentEpoch 2 lastVoteEpoch 0\n"
    )


def save_and_kill(node: Node) -> None:
    node.ask("SAVE")
    node.kill()


# 45: loaded data and slots that don't fit together


def test_loaded_keys_of_nobodys_slots_are_claimed_and_those_of_others_are_imports(make_node: StartNode) -> None:
    node = make_node(*CLUSTERED)
    write_nodes_conf(node, "0-16383", "")
    node.start()
    wait(lambda: "" if node.cluster_info()["cluster_state"] == "ok" else "not ok")
    for key in ("a", "b", "c"):
        node.ask("SET", key, "v")
    save_and_kill(node)
    write_nodes_conf(node, "4000-8191", "8192-16383")
    node.start()
    assert row(node).slots == ("3300", "4000-8191", f"[15495-<-{PEER}]")
    assert "I have keys for unassigned slot 3300. Taking responsibility for it." in node.log()
    assert "I have keys for slot 15495, but the slot is assigned to another node. Setting it to importing" in node.log()
    assert node.ask("DBSIZE") == 3


def test_keys_beyond_database_0_are_no_cluster(make_node: StartNode) -> None:
    alone = make_node()
    alone.start()
    if alone.info("server")["redis_version"].startswith("7.0."):
        pytest.skip("Redis 7.0 does not refuse them, it crashes")
    with alone.connect() as client:
        client.ask("SELECT", 3)
        client.ask("SET", "k", "v")
    save_and_kill(alone)
    node = make_node(*CLUSTERED)
    with pytest.raises(StartFailed, match="configured to handle more than 1 databases. Exiting"):
        node.start()
    assert node.process is not None
    assert node.process.wait() == 1


# 47: what was acknowledged is on the disk


def test_nodes_conf_is_written_before_the_reply_leaves(make_node: StartNode) -> None:
    node = make_node(*CLUSTERED)
    node.start()
    with node.connect() as client:
        for slot in range(0, 100, 2):
            client.ask("CLUSTER", "ADDSLOTS", slot)
            (line,) = (line for line in (node.directory / "nodes.conf").read_text().splitlines() if "myself" in line)
            assert line.split()[-1] == str(slot)


# 46: what a child inherits


def test_a_node_can_start_again_while_a_child_of_its_former_life_is_alive(make_node: StartNode) -> None:
    node = make_node(*CLUSTERED, ("repl-diskless-sync", "yes"), ("repl-diskless-sync-delay", 0))
    node.start()
    node.ask("DEBUG", "POPULATE", 50_000, "key", 1000)
    with Connection(node.host, node.port) as replica:  # if it went first, the node would end the child
        child = child_that_sends_a_snapshot(node, replica)
        try:
            node.kill()
            node.start()
            assert os.path.exists(f"/proc/{child}")
        finally:
            os.kill(child, signal.SIGKILL)


def child_that_sends_a_snapshot(node: Node, replica: Connection) -> int:
    """A child stopped in the midst of its work; the replica that it works for does not read."""
    replica.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    replica.ask("REPLCONF", "capa", "eof", "capa", "psync2")
    replica.send("PSYNC", "?", -1)
    wait(lambda: "" if children(node) else f"{node} has no child")
    (child,) = children(node)
    os.kill(child, signal.SIGSTOP)
    return child


def children(node: Node) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue
        if int(rest.rpartition(") ")[2].split()[1]) == node.pid:
            found.append(int(pid))
    return found


# Loading takes its time: what others say meanwhile could contradict what is loaded, so nobody is listened to
# (cluster.c, `clusterAcceptHandler`)


def test_a_node_that_loads_at_its_start_is_not_back_before_it_has_loaded(server: list[str]) -> None:
    directives = [("save", ""), ("enable-debug-command", "yes"), ("loading-process-events-interval-bytes", 1024)]
    with Cluster(masters=3, replicas=0, program=server, directives=directives) as cluster:
        node, other, _ = cluster.nodes
        node.ask("DEBUG", "POPULATE", 3000, "key", 100)
        node.ask("SAVE")
        node.ask("CONFIG", "SET", "key-load-delay", 1000)
        node.ask("CONFIG", "REWRITE")
        name = node.ask("CLUSTER", "MYID").decode()
        node.kill()
        gone_ms = int(time.time() * 1000)
        node.launch()
        wait(lambda: "" if half_loaded(node) else f"{node} does not load")
        assert pong_ms(other, name) < gone_ms
        wait(lambda: "" if pong_ms(other, name) > gone_ms else f"{other} has not heard of {node}")
        assert node.info("persistence")["loading"] == "0"


def half_loaded(node: Node) -> bool:
    try:
        return float(node.info("persistence").get("loading_loaded_perc", 0)) > 50
    except OSError:
        return False


def pong_ms(node: Node, name: str) -> int:
    """When a node has heard of another one last."""
    lines = node.ask("CLUSTER", "NODES").decode().splitlines()
    return int(next(line.split()[5] for line in lines if line.startswith(name)))
