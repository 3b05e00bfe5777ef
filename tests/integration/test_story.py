"""The story that every Redis Cluster tutorial tells, with the real redis-cli and with redis-py's RedisCluster.

The tests are its steps: each goes on from where the one before ended. It is told twice, by pycluster and by
redis-server, so that a step which asks for what Redis doesn't do is found out. How it goes on, when slots move, is
told in test_story_of_slots.py.
"""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import RedisError

from pycluster.testing import Node, wait_until
from pycluster.testing.node import parse_fields
from tests.integration.tutorial import Tutorial, covers

pytestmark = pytest.mark.story

TUTORIAL_SLOTS = {"age": 741, "name": 5798, "a": 15495, "e": 15363, "q": 11958, "dgd": 14644, "1": 9842}

ONE_HOST = ["127.0.0.1"] * 6
# As the tutorials lay it out: two nodes on each of three machines.
THREE_HOSTS = ["127.0.0.21"] * 2 + ["127.0.0.22"] * 2 + ["127.0.0.23"] * 2


@pytest.fixture(
    scope="module",
    params=[pytest.param(ONE_HOST, id="one-host"), pytest.param(THREE_HOSTS, id="three-hosts", marks=pytest.mark.long)],
)
def story(
    request: pytest.FixtureRequest, server: list[str], redis_cli: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tutorial]:
    story = Tutorial(server, redis_cli, tmp_path_factory.mktemp("story"), request.param)
    yield story
    story.close()


def six(story: Tutorial) -> list[Node]:
    return story.nodes[:6]


def client(story: Tutorial) -> RedisCluster:
    return RedisCluster(startup_nodes=[ClusterNode(node.host, node.port) for node in six(story)])


# ---- 1 and 2: from six files to a cluster


def test_1_six_nodes_start_from_six_files(story: Tutorial) -> None:
    started = [subprocess.Popen([*node.program, "redis.conf"], cwd=node.directory) for node in six(story)]
    assert [process.wait(30) for process in started] == [0] * 6
    for node in six(story):
        node.wait_ready()
    for node in six(story):
        assert "Ready to accept connections" in node.log()
        for port in (node.port, node.port + 10000):
            socket.create_connection((node.host, port), 5).close()


@pytest.mark.skipif(not shutil.which("ss"), reason="there is no ss (Debian: apt-get install iproute2)")
def test_1_both_ports_listen_with_a_backlog_of_511(story: Tutorial) -> None:
    node = story.node(1)
    for port in (node.port, node.port + 10000):
        line = subprocess.run(
            ["ss", "-Hltn", f"src {node.host}:{port}"], capture_output=True, text=True, check=True
        ).stdout
        assert line.split()[2] == "511"


def test_1_a_node_alone_serves_no_slots(story: Tutorial) -> None:
    assert story.cli(story.node(1), "set", "name", "zhangsan") == "CLUSTERDOWN Hash slot not served"


def test_2_redis_cli_creates_the_cluster(story: Tutorial) -> None:
    said = story.create(six(story))
    assert said.rstrip().endswith("[OK] All 16384 slots covered."), said
    wait_until(lambda: why_not_six(story), 60)


def why_not_six(story: Tutorial) -> str:
    for node in six(story):
        known = len(story.rows(node))
        if known != 6:
            return f"{node.address} knows {known} nodes"
        if node.cluster_info()["cluster_state"] != "ok":
            return f"{node.address} is not ok"
        if node.info("replication").get("master_link_status", "up") != "up":
            return f"{node.address} has no link to its master"
    return ""


def test_2_cluster_info_shows_a_healthy_cluster(story: Tutorial) -> None:
    for node in six(story):
        info = parse_fields(story.cli(node, "cluster", "info").encode())
        expected = {"state": "ok", "slots_assigned": "16384", "slots_ok": "16384", "known_nodes": "6", "size": "3"}
        expected |= {"slots_pfail": "0", "slots_fail": "0"}
        assert {name: info[f"cluster_{name}"] for name in expected} == expected
        assert int(info["cluster_current_epoch"]) >= 6
        assert int(info["cluster_stats_messages_sent"]) > 0


def test_2_cluster_nodes_shows_three_masters_with_a_replica_each(story: Tutorial) -> None:
    for node in six(story):
        rows = story.rows(node)
        masters = [row for row in rows.values() if row.role == "master"]
        assert sorted(row.slots for row in masters) == [("0-5460",), ("10923-16383",), ("5461-10922",)]
        assert sorted(row.master for row in rows.values() if row.role == "slave") == sorted(row.id for row in masters)
        assert all(row.link == "connected" for row in rows.values())
        assert rows[node.address].flags[0] == "myself"


def test_2_redis_cli_check_and_info_are_content(story: Tutorial) -> None:
    said = story.cli_cluster("check", story.node(1).address)
    assert "[OK] All nodes agree about slots configuration." in said
    assert "[OK] All 16384 slots covered." in said
    said = story.cli_cluster("info", story.node(4).address)
    assert len(re.findall(r"-> 0 keys \| 546\d slots \| 1 slaves", said)) == 3, said


# ---- 3: keys


def test_3_the_slots_of_the_tutorial(story: Tutorial) -> None:
    slots = {key: int(story.cli(story.node(1), "cluster", "keyslot", key)) for key in TUTORIAL_SLOTS}
    assert slots == TUTORIAL_SLOTS


def test_3_without_c_another_nodes_key_is_refused(story: Tutorial) -> None:
    first, second, _ = story.masters(story.node(1))
    assert story.cli(first, "--no-raw", "set", "name", "zhangsan") == f"(error) MOVED 5798 {second.address}"


def test_3_with_c_redis_cli_follows(story: Tutorial) -> None:
    first, second, third = story.masters(story.node(1))
    said = story.cli(third, "-c", "--no-raw", typed="set age 18\nset name zhangsan\nget age\nget name\n")
    assert said.splitlines() == [
        f"-> Redirected to slot [741] located at {first.address}",
        "OK",
        f"-> Redirected to slot [5798] located at {second.address}",
        "OK",
        f"-> Redirected to slot [741] located at {first.address}",
        '"18"',
        f"-> Redirected to slot [5798] located at {second.address}",
        '"zhangsan"',
    ]


def test_3_keys_shows_only_the_nodes_own(story: Tutorial) -> None:
    masters = story.masters(story.node(1))
    for key in TUTORIAL_SLOTS:
        assert story.cli(masters[0], "-c", "set", key, f"value of {key}") == "OK"
    expected = [{"age"}, {"name", "1"}, {"a", "e", "q", "dgd"}]
    for master, keys in zip(masters, expected, strict=True):
        assert set(story.cli(master, "keys", "*").split()) == keys
        replica = story.replica_of(master)
        story.wait_keys(replica, keys)


def test_3_a_replica_serves_reads_after_readonly(story: Tutorial) -> None:
    master = story.owner(741, story.node(1))
    replica = story.replica_of(master)
    assert story.cli(replica, "get", "age") == f"MOVED 741 {master.address}"
    said = story.cli(replica, typed="readonly\nget age\nset age 1\nreadwrite\nget age\n").splitlines()
    moved = f"MOVED 741 {master.address}"
    assert [line for line in said if line] == ["OK", "value of age", moved, "OK", moved]


def test_3_keys_of_two_slots_are_refused(story: Tutorial) -> None:
    said = story.cli(story.node(1), "-c", "mset", "age", "1", "name", "2")
    assert said == "CROSSSLOT Keys in request don't hash to the same slot"
    assert story.cli(story.node(1), "-c", "mset", "{user:1}.a", "1", "{user:1}.b", "2") == "OK"


def test_3_redis_py_writes_and_reads_everything(story: Tutorial) -> None:
    with client(story) as redis:
        for i in range(300):
            assert redis.set(f"key:{i}", i)
        assert [redis.get(f"key:{i}") for i in range(300)] == [b"%d" % i for i in range(300)]
        assert redis.dbsize(target_nodes=RedisCluster.PRIMARIES) >= 300


def assert_data_is_there(story: Tutorial) -> None:
    with client(story) as redis:
        assert [redis.get(f"key:{i}") for i in range(300)] == [b"%d" % i for i in range(300)]
        assert redis.get("dgd") == b"value of dgd"


# ---- 4: a master goes and comes back


def test_4_a_master_is_shut_down_and_its_replica_takes_over(story: Tutorial) -> None:
    *_, master = story.masters(story.node(1))
    replica = story.replica_of(master)
    others = [node for node in six(story) if node is not master]
    story.cli(master, "shutdown")
    master.wait_gone()
    story.wait_role(replica, "master", others)
    story.wait_state("ok", others)
    story.wait_flag(master, "fail", others)
    for other in others:
        wait_until(lambda: "" if story.row(master, other).link == "disconnected" else "still a link")  # noqa: B023
        row = story.row(master, other)
        assert row.flags == ("master", "fail")
        assert row.ping_sent != 0
        assert row.slots == ()
        assert story.row(replica, other).slots == ("10923-16383",)
    assert story.cli(others[0], "-c", "get", "a") == "value of a"
    assert story.cli(others[0], "-c", "set", "q", "written meanwhile") == "OK"


def test_4_it_comes_back_as_replica_with_the_data(story: Tutorial) -> None:
    (old,) = [node for node in six(story) if not node.is_running]
    story.start(old)
    story.wait_role(old, "slave", six(story))
    wait_until(lambda: why_not_six(story), 60)
    heir = story.owner(TUTORIAL_SLOTS["q"], old)
    assert story.row(old).master == story.row(heir).id
    said = story.cli(old, typed="readonly\nget q\nget a\n").splitlines()
    assert said == ["OK", "written meanwhile", "value of a"]
    assert_data_is_there(story)


# ---- 5: a pair goes


@pytest.fixture(scope="module")
def pair(story: Tutorial) -> tuple[Node, Node]:
    """The master of the first slots and its replica."""
    master = story.owner(741, story.node(1))
    return master, story.replica_of(master)


def test_5_without_a_pair_the_cluster_is_down(story: Tutorial, pair: tuple[Node, Node]) -> None:
    master, replica = pair
    others = [node for node in six(story) if node not in pair]
    story.shutdown(replica)
    story.shutdown(master)
    story.wait_state("fail", others)
    for other in others:
        assert story.cli(other, "get", "a") == "CLUSTERDOWN The cluster is down"
        assert story.cli(other, "set", "a", "1") == "CLUSTERDOWN The cluster is down"
        assert not story.cli(other, "keys", "*").startswith("CLUSTERDOWN")
        row = story.row(master, other)
        assert "fail" in row.flags
        assert covers(row, 741)


def test_5_the_old_replica_alone_does_not_take_over_and_says_why(story: Tutorial, pair: tuple[Node, Node]) -> None:
    master, replica = pair
    story.start(replica)
    why = "Currently unable to failover: Disconnected from master for longer than allowed"
    wait_until(lambda: "" if why in replica.log() else f"the log of {replica} does not say: {why}", 60)
    assert story.row(replica).role == "slave"
    assert story.cli(replica, "get", "age") in ("CLUSTERDOWN The cluster is down", f"MOVED 741 {master.address}")
    story.wait_state("fail", [node for node in six(story) if node is not master])


def test_5_with_its_master_back_it_heals(story: Tutorial, pair: tuple[Node, Node]) -> None:
    master, replica = pair
    story.start(master)
    wait_until(lambda: why_not_six(story), 60)
    assert story.owner(741, replica) is master
    assert_data_is_there(story)


# ---- 6: most masters go


def test_6_without_most_of_its_masters_the_cluster_is_down_and_then_heals(story: Tutorial) -> None:
    masters = story.masters(story.node(1))
    others = [node for node in six(story) if node not in masters[:2]]
    story.shutdown(*masters[:2])
    story.wait_state("fail", others)
    assert story.cli(masters[2], "get", "a") == "CLUSTERDOWN The cluster is down"
    story.start(*masters[:2])
    wait_until(lambda: why_not_six(story), 60)
    assert_data_is_there(story)


# ---- 7: kill -9 under load


class Load(threading.Thread):
    """Writes without pause, and remembers what was acknowledged and confirmed by a replica (WAIT)."""

    def __init__(self, story: Tutorial, prefix: str):
        super().__init__(daemon=True)
        self.redis = client(story)
        self.prefix = prefix
        self.confirmed: list[str] = []
        self.written: list[str] = []
        self.unexpected: Exception | None = None
        self.ends = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.ends.is_set():
            number += 1
            key = f"{self.prefix}:{number}"
            try:
                self.redis.set(key, number)
                self.written.append(key)
                # One thread, one connection per node: WAIT goes over the connection that has just written.
                if self.redis.wait(1, 100, target_nodes=self.redis.get_node_from_key(key)) >= 1:
                    self.confirmed.append(key)
            except (RedisError, OSError):
                continue  # not acknowledged, or not confirmed: nothing was promised
            except Exception as error:
                self.unexpected = error
                return

    def wait_progress(self, keys: int) -> None:
        target = len(self.confirmed) + keys
        wait_until(lambda: "the writer does not get on" if len(self.confirmed) < target else "", 60)

    def wait_write_between(self, first: int, last: int) -> None:
        """Until a key of these slots, written from now on, is acknowledged."""
        start = len(self.written)

        def why_not() -> str:
            slots = [key_slot(key.encode()) for key in self.written[start:]]
            return "" if any(first <= slot <= last for slot in slots) else f"no write to the slots {first}-{last}"

        wait_until(why_not, 60)

    def stop(self) -> None:
        self.ends.set()
        self.join(60)
        assert self.unexpected is None
        self.redis.close()


def lost(story: Tutorial, keys: list[str]) -> list[str]:
    with client(story) as redis:
        return [key for key in keys if redis.get(key) != key.rpartition(":")[2].encode()]


def test_7_kill_9_under_load_loses_nothing_that_was_confirmed(story: Tutorial) -> None:
    master = story.owner(TUTORIAL_SLOTS["name"], story.node(1))
    heir = story.replica_of(master)
    others = [node for node in six(story) if node is not master]
    load = Load(story, "load")
    load.start()
    load.wait_progress(100)
    master.kill()
    story.wait_role(heir, "master", others)
    story.wait_state("ok", others)
    load.wait_write_between(5461, 10922)
    story.start(master)
    story.wait_role(master, "slave", six(story))
    wait_until(lambda: why_not_six(story), 60)
    load.wait_progress(50)
    load.stop()
    assert lost(story, load.confirmed) == []
    assert_data_is_there(story)
