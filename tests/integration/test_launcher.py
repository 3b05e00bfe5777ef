"""pycluster.testing: clusters as anybody's tests would use them."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import hiredis
import pytest

from pycluster.testing import Cluster, Node, StartFailed, reserve_port, wait_until


def test_a_cluster_is_up_inside_and_gone_after_the_with_block(server: list[str]) -> None:
    with Cluster(masters=3, replicas=1, program=server) as cluster:
        assert len(cluster.nodes) == 6
        assert cluster.why_not_ok() == ""
        assert [node.info("replication")["role"] for node in cluster.nodes] == ["master"] * 3 + ["slave"] * 3
        pids = [node.pid for node in cluster.nodes]
    assert not cluster.directory.exists()
    assert not any(Path(f"/proc/{pid}/cwd").exists() for pid in pids)


def test_a_killed_master_is_replaced_and_comes_back_as_replica(server: list[str]) -> None:
    with Cluster(program=server) as cluster:
        master, replica = cluster.nodes[0], cluster.nodes[3]
        assert cluster.node(master.port) is master
        master.ask("SET", "age", 18)
        assert master.ask("WAIT", 1, 5000) == 1
        master.kill()
        assert not master.is_running
        wait_until(lambda: "" if replica.info("replication")["role"] == "master" else "no failover yet", 60)
        cluster.wait_ok()
        assert replica.ask("GET", "age") == b"18"
        master.restart()
        wait_until(lambda: "" if master.info("replication")["role"] == "slave" else "still a master", 60)
        cluster.wait_ok()


def test_a_cluster_keeps_its_ids_and_data_in_a_directory_of_ones_own(server: list[str], tmp_path: Path) -> None:
    def ids(cluster: Cluster) -> list[bytes]:
        return [node.ask("CLUSTER", "MYID") for node in cluster.nodes]

    cluster = Cluster(3, 0, program=server, directory=tmp_path, directives=[("save", "3600 1")])
    try:
        cluster.start()
        before = ids(cluster)
        cluster.nodes[0].ask("SET", "age", 18)
        cluster.stop()
        assert not any(node.is_running for node in cluster.nodes)
        cluster.start()
        assert ids(cluster) == before
        assert cluster.nodes[0].ask("GET", "age") == b"18"
    finally:
        cluster.close()


def test_a_paused_node_is_missed_and_a_resumed_one_is_taken_back(server: list[str]) -> None:
    with Cluster(3, 0, program=server) as cluster:
        paused, other, _ = cluster.nodes
        paused.pause()
        wait_until(lambda: "" if other.cluster_info()["cluster_state"] == "fail" else "not noticed yet", 60)
        paused.resume()
        cluster.wait_ok()


def test_strangers_stay_strangers(server: list[str]) -> None:
    cluster = Cluster(2, 0, program=server, formed=False)
    try:
        cluster.start()
        assert [node.cluster_info()["cluster_known_nodes"] for node in cluster.nodes] == ["1", "1"]
    finally:
        cluster.close()


def test_a_node_that_cannot_start_says_why(server: list[str], tmp_path: Path) -> None:
    node = Node(1, tmp_path, program=server, directives=[("no-such-directive", "1")])
    with pytest.raises(StartFailed, match="Bad directive or wrong number of arguments"):
        node.start()


def test_an_error_reply_is_raised(server: list[str]) -> None:
    with Cluster(1, 0, program=server) as cluster, pytest.raises(hiredis.ReplyError, match="unknown command"):
        cluster.nodes[0].ask("NOSUCH")


def test_nodes_end_with_the_process_that_started_them(server: list[str], tmp_path: Path) -> None:
    program = f"""
import sys, time
from pycluster.testing import Cluster
cluster = Cluster(1, 0, program={server!r}, directory={str(tmp_path)!r})
cluster.start()
print(cluster.nodes[0].pid, flush=True)
time.sleep(1000)
"""
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert starter.stdout
    pid = int(starter.stdout.readline())
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    wait_until(lambda: "the node is still there" if _is_alive(pid) else "", 30)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_reserved_port_is_nobody_elses() -> None:
    mine = reserve_port()
    try:
        others = [reserve_port() for _ in range(20)]
        assert mine.number not in [other.number for other in others]
        for other in others:
            other.release()
        for number in (mine.number, mine.number + 10000):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", number))
    finally:
        mine.release()


def test_waiting_in_vain_says_what_for() -> None:
    with pytest.raises(TimeoutError, match=r"after 0.05 s still: it rains"):
        wait_until(lambda: "it rains", 0.05)
