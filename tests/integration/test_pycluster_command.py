"""The pycluster command on real processes: a cluster is made, grows, is rebalanced, broken, mended, and shrinks.

The main story is told once, on one cluster of ours: each step goes on from where the one before it ended. A short one
is told on redis-server, too.
"""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from redis.cluster import ClusterNode, RedisCluster

from pycluster.keyspace.slots import key_slot
from pycluster.testing import Cluster, Node, reserve_port, wait_until
from pycluster.tools.command import main
from tests.integration.shards import Shards, id_of, row

pytestmark = pytest.mark.story

BIG = "{big}"  # the tag of a slot with so many keys that a move of it can be interrupted
BIG_SLOT = key_slot(b"{big}")
BIG_KEYS = 2000


@dataclass
class Said:
    status: int
    out: str

    @property
    def value(self) -> object:
        return json.loads(self.out)


class Command:
    """Calls the command in this process, and remembers what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self.capsys = capsys

    def __call__(self, *words: object) -> Said:
        self.capsys.readouterr()
        status = main([str(word) for word in words])
        return Said(status, self.capsys.readouterr().out)


@pytest.fixture
def pycluster(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def nodes(our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Five that don't know each other: three to begin with, two that join later."""
    directory = tmp_path_factory.mktemp("pycluster")
    cluster = Cluster(
        5,
        0,
        directory=directory,
        program=our_server,
        directives=[("enable-debug-command", "yes"), ("save", "")],
        node_timeout_ms=3000,
        formed=False,
    )
    with cluster:
        yield cluster.nodes


@pytest.fixture
def first(nodes: list[Node]) -> str:
    return nodes[0].address


# ---- what is where


def keys_of(node: Node) -> list[bytes]:
    return list(node.ask("KEYS", "*"))


def times_found(nodes: Sequence[Node]) -> Counter[bytes]:
    """How many masters have each key."""
    return Counter(key for node in nodes if row(node).role == "master" for key in keys_of(node))


def slots_of(node: Node) -> int:
    ranges = [word.partition("-") for word in row(node).slots if word[0] != "["]
    return sum(int(last or begin) - int(begin) + 1 for begin, _, last in ranges)


def client(node: Node) -> RedisCluster:
    return RedisCluster(startup_nodes=[ClusterNode(node.host, node.port)])


def fill(node: Node) -> set[bytes]:
    redis = client(node)
    pipeline = redis.pipeline()
    keys = [f"key:{number}" for number in range(500)] + [f"{BIG}:{number}" for number in range(BIG_KEYS)]
    for key in keys:
        pipeline.set(key, f"value of {key}")
    pipeline.execute()
    redis.close()
    return {key.encode() for key in keys}


class Load(threading.Thread):
    """Writes and reads back through redis-py while slots move; no error may reach it."""

    def __init__(self, node: Node):
        super().__init__(daemon=True)
        self.redis = client(node)
        self.written: list[str] = []
        self.ends = threading.Event()
        self.unexpected: Exception | None = None

    def run(self) -> None:
        try:
            for number in count():
                if self.ends.is_set():
                    return
                key = f"{BIG}:load:{number}" if number % 2 else f"load:{number}"
                self.redis.set(key, number)
                self.written.append(key)
                assert self.redis.get(key) == str(number).encode(), key
        except Exception as error:
            self.unexpected = error

    def __enter__(self) -> "Load":
        self.start()
        wait_until(lambda: "" if len(self.written) > 10 or self.unexpected else "the load does not begin")
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        self.join(60)
        assert self.unexpected is None, repr(self.unexpected)

    def lost(self) -> list[str]:
        return [key for key in self.written if self.redis.get(key) != key.rpartition(":")[2].encode()]


# ---- a cluster begins


def test_three_nodes_are_asked_for(pycluster: Command, nodes: list[Node]) -> None:
    assert pycluster("create", nodes[0].address, nodes[1].address, "--yes").status == 3


def test_a_plan_is_shown_and_nothing_done(pycluster: Command, nodes: list[Node]) -> None:
    said = pycluster("create", *(node.address for node in nodes[:3]), "--dry-run")
    assert said.status == 0
    assert f"master {nodes[1].address}: slots 5461-10922; replicas: none" in said.out
    assert [node.cluster_info()["cluster_known_nodes"] for node in nodes[:3]] == ["1", "1", "1"]


def test_a_cluster_is_created(pycluster: Command, nodes: list[Node]) -> None:
    said = pycluster("create", *(node.address for node in nodes[:3]), "--yes")
    assert said.status == 0
    assert "The cluster is there: 3 masters, all 16384 slots covered." in said.out
    assert [row(node).epoch for node in nodes[:3]] == [1, 2, 3]


def test_all_is_well(pycluster: Command, nodes: list[Node], first: str) -> None:
    fill(nodes[0])
    said = pycluster("check", first)
    assert (said.status, said.out.splitlines()[-2]) == (0, "2,500 keys in 3 masters.")
    assert said.out.endswith("[OK] All 3 nodes answer and agree; all 16384 slots are covered.\n")


def test_members_are_not_created_again(pycluster: Command, nodes: list[Node], first: str) -> None:
    assert pycluster("create", *(node.address for node in nodes[:3]), "--yes").status == 3


# ---- it is looked at


def test_info_has_a_line_for_each_master(pycluster: Command, nodes: list[Node], first: str) -> None:
    said = pycluster("info", first)
    assert f"{nodes[2].address} ({id_of(nodes[2])[:8]}...) -> " in said.out
    assert "5,461 slots | 0 replicas" in said.out


def test_nodes_for_scripts(pycluster: Command, nodes: list[Node], first: str) -> None:
    found = pycluster("nodes", first, "--json").value
    assert isinstance(found, list)
    assert [node["id"] for node in found] == [id_of(node) for node in nodes[:3]]
    assert sum(node["keys"] for node in found) == 2500


def test_slots_as_a_picture(pycluster: Command, first: str) -> None:
    said = pycluster("slots", first)
    assert said.out.splitlines()[0] == "    0  " + "A" * 64


def test_a_command_for_all(pycluster: Command, nodes: list[Node], first: str) -> None:
    said = pycluster("call", first, "CONFIG", "GET", "cluster-node-timeout")
    assert said.status == 0
    assert [f"{node.address}: \n  cluster-node-timeout\n  3000" in said.out for node in nodes[:3]] == [True] * 3


def test_a_command_that_all_refuse(pycluster: Command, first: str) -> None:
    assert pycluster("call", first, "NOSUCH").status == 4


def test_nobody_is_there(pycluster: Command) -> None:
    port = reserve_port()
    said = pycluster("check", f"127.0.0.1:{port.number}")
    port.release()
    assert (said.status, "cannot be reached: Connection refused" in said.out) == (4, True)


# ---- it grows


def test_a_node_joins_as_an_empty_master(pycluster: Command, nodes: list[Node], first: str) -> None:
    assert pycluster("add-node", nodes[3].address, first, "--yes").status == 0
    assert (row(nodes[3]).role, slots_of(nodes[3])) == ("master", 0)


def test_a_node_joins_as_a_replica(pycluster: Command, nodes: list[Node], first: str) -> None:
    words = ("add-node", nodes[4].address, first, "--cluster-slave", "--cluster-master-id", id_of(nodes[1]), "--yes")
    assert pycluster(*words).status == 0
    wait_until(lambda: "" if row(nodes[4]).master == id_of(nodes[1]) else "it is no replica")
    assert {row(nodes[4], other).master for other in nodes} == {id_of(nodes[1])}


def test_no_rebalancing_is_needed(pycluster: Command, first: str) -> None:
    assert "No rebalancing needed: all masters are within 2 % of their share." in pycluster("rebalance", first).out


def test_the_empty_master_gets_its_share_under_load(pycluster: Command, nodes: list[Node], first: str) -> None:
    before = times_found(nodes)
    with Load(nodes[0]) as load:
        said = pycluster("rebalance", first, "--use-empty-masters", "--weight", f"{id_of(nodes[3])}=0.02", "--yes")
    assert said.status == 0
    assert [slots_of(node) for node in nodes[:4]] == [5425, 5425, 5425, 109]
    assert load.lost() == []
    assert times_found(nodes) == before + Counter(key.encode() for key in load.written)


def test_named_slots_move(pycluster: Command, nodes: list[Node], first: str) -> None:
    """And a plan is kept as JSON."""
    words = ("reshard", first, "--to", nodes[3].address, "--ranges", "5000-5004", "--yes", "--json")
    moved = pycluster(*words).value
    assert isinstance(moved, dict)
    source = {"source": id_of(nodes[0]), "target": id_of(nodes[3]), "count": 5, "slots": "5000-5004"}
    assert (moved["plan"], moved["moved"]["slots"]) == ([source], 5)
    assert slots_of(nodes[3]) == 114


# ---- it is broken and mended


def test_a_move_is_interrupted_under_load_explained_and_mended(
    pycluster: Command, nodes: list[Node], first: str
) -> None:
    giver = next(node for node in nodes[:3] if node.ask("CLUSTER", "COUNTKEYSINSLOT", BIG_SLOT))
    with Load(nodes[0]) as load:
        output = interrupted_reshard(first, nodes[3])
        assert f"Slot {BIG_SLOT} is open: it was on its way from {giver.address} to {nodes[3].address}." in output
        check = pycluster("check", first)
        assert (check.status, f"slot {BIG_SLOT} is open: {giver.address} gives it to" in check.out) == (1, True)
        assert pycluster("reshard", first, "--to", id_of(giver), "--slots", 1, "--yes").status == 1
        assert pycluster("fix", first, "--yes").status == 0
    assert load.lost() == []
    assert set(times_found(nodes).values()) == {1}
    assert nodes[3].ask("CLUSTER", "COUNTKEYSINSLOT", BIG_SLOT) >= BIG_KEYS
    assert pycluster("check", first).out.count("[ERR]") == 0


def interrupted_reshard(address: str, target: Node) -> str:
    """Ctrl-C in the midst of the big slot; what was printed."""
    words = f"reshard {address} --to {target.address} --ranges {BIG_SLOT} --pipeline 5 --yes".split()
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-m", "pycluster.tools", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until(lambda: "" if target.ask("CLUSTER", "COUNTKEYSINSLOT", BIG_SLOT) else "no key has moved", 60)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    return output


def test_keys_in_two_places_are_compared(pycluster: Command, nodes: list[Node], first: str) -> None:
    """What a MIGRATE leaves that lost its connection."""
    slot, key = key_slot(b"key:1"), "key:1"
    owner = next(node for node in nodes[:4] if node.ask("CLUSTER", "COUNTKEYSINSLOT", slot))
    other = next(node for node in nodes[:3] if node is not owner)
    other.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", id_of(owner))
    with other.connect() as connection:
        connection.ask("ASKING")
        connection.ask("SET", key, "another value")
    said = pycluster("fix", first, "--yes")
    assert (said.status, "with different values" in said.out) == (3, True)
    assert pycluster("fix", first, "--yes", "--replace").status == 0
    assert (times_found(nodes)[key.encode()], owner.ask("GET", key)) == (1, b"value of key:1")


def test_keys_of_which_nobody_knows_any_more_are_brought_home(
    pycluster: Command, nodes: list[Node], first: str
) -> None:
    """A slot changes its owner by force; what a failover in the midst of a move can come to."""
    slot = key_slot(b"key:2")
    owner = next(node for node in nodes[:4] if node.ask("CLUSTER", "COUNTKEYSINSLOT", slot))
    heir = next(node for node in nodes[:3] if node is not owner)
    owner.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", id_of(heir))
    heir.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", id_of(owner))
    with heir.connect() as connection:
        connection.ask("ASKING")
        connection.ask("SET", "{key:2}new", "value")
    for node in (owner, heir):
        node.ask("CLUSTER", "SETSLOT", slot, "STABLE")
    said = pycluster("check", first, "--keys")
    assert (said.status, f"{heir.address} has 1 key in slot {slot}, not its own" in said.out) == (1, True)
    assert pycluster("fix", first, "--yes").status == 0
    assert client(nodes[0]).get("{key:2}new") == b"value"
    assert set(times_found(nodes).values()) == {1}


def test_uncovered_slots_are_covered(pycluster: Command, nodes: list[Node], first: str) -> None:
    for node in nodes:
        node.ask("CLUSTER", "DELSLOTS", 0)
    said = pycluster("check", first)
    assert (said.status, "slot 0 is nobody's" in said.out) == (1, True)
    assert pycluster("fix", first, "--yes").status == 0
    assert pycluster("check", first).status == 0


def test_who_shuts_out_clients_is_found(pycluster: Command, nodes: list[Node], first: str) -> None:
    """The others reach it, we don't: it tells clients of an address where nobody is."""
    nodes[2].ask("CONFIG", "SET", "cluster-announce-port", 1)
    wait_address(nodes, "127.0.0.1:1")
    said = pycluster("check", first)
    assert (said.status, "127.0.0.1:1 can't be reached from here" in said.out) == (1, True)
    nodes[2].ask("CONFIG", "SET", "cluster-announce-port", 0)
    wait_address(nodes, nodes[2].address)


def wait_address(nodes: list[Node], address: str) -> None:
    """Until all have heard of the third node's address."""

    def why_not() -> str:
        heard = [row(nodes[2], node).address for node in nodes]
        return "" if set(heard) == {address} else f"they have heard {heard}"

    wait_until(why_not)


# ---- it changes and shrinks


def test_a_replica_takes_over(pycluster: Command, nodes: list[Node]) -> None:
    assert pycluster("failover", nodes[1].address, "--yes").status == 3
    said = pycluster("failover", nodes[4].address, "--yes")
    assert (said.status, row(nodes[4]).role, row(nodes[1], nodes[4]).role) == (0, "master", "slave")


def test_a_node_with_slots_does_not_leave(pycluster: Command, nodes: list[Node], first: str) -> None:
    said = pycluster("del-node", first, id_of(nodes[3]), "--yes")
    assert said.status == 3
    assert f"[ERR] Node {nodes[3].address} is not empty! Reshard data away and try again." in said.out


def test_an_emptied_one_leaves(pycluster: Command, nodes: list[Node], first: str) -> None:
    words = ("reshard", first, "--from", id_of(nodes[3]), "--to", id_of(nodes[0]), "--slots", slots_of(nodes[3]))
    assert pycluster(*words, "--yes").status == 0
    assert pycluster("del-node", first, nodes[3].address, "--yes").status == 0
    assert nodes[3].cluster_info()["cluster_known_nodes"] == "1"
    assert pycluster("check", first).status == 0


def test_a_replica_leaves(pycluster: Command, nodes: list[Node], first: str) -> None:
    assert pycluster("del-node", first, id_of(nodes[1]), "--yes").status == 0
    assert id_of(nodes[1]) not in nodes[0].ask("CLUSTER", "NODES").decode()


def test_who_has_left_may_come_back_at_once(pycluster: Command, nodes: list[Node], first: str) -> None:
    """Though the others have been told to keep it away for a minute."""
    assert pycluster("add-node", nodes[1].address, first, "--yes").status == 0
    assert pycluster("check", first).status == 0


def test_a_member_without_slots_is_made_a_replica(pycluster: Command, nodes: list[Node], first: str) -> None:
    """As one whose addition was interrupted."""
    words = ("add-node", nodes[1].address, first, "--yes")
    assert pycluster(*words).status == 3
    assert pycluster(*words, "--replica").status == 0
    assert row(nodes[1], nodes[0]).role == "slave"
    assert pycluster("del-node", first, nodes[1].address, "--yes").status == 0


# ---- a master dies in the midst of a move


@pytest.fixture(scope="module")
def shards(our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    cluster = Cluster(3, 1, directory=tmp_path_factory.mktemp("shards"), program=our_server)
    with cluster:
        shards = Shards(cluster.nodes)
        shards.wait_well()
        yield shards


@pytest.mark.parametrize("dies", ["target", "source"])
def test_each_key_is_found_once_after_a_failover_in_the_midst_of_a_move(
    pycluster: Command, shards: Shards, dies: str
) -> None:
    """B is where the slot is at first; the second time it begins where the first one ended."""
    shard, other = ("B", "A") if dies == "target" else ("A", "C")
    source, target = shards.master(shard), shards.master(other)
    keys = {b"{big}%d" % number for number in range(200)}
    begin_move(source, target, keys)
    dying, heir = (target, shards.replica(other)) if dies == "target" else (source, shards.replica(shard))
    dying.kill()
    shards.wait_role(heir, "master")
    assert pycluster("check", heir.address).status == 1
    assert pycluster("fix", heir.address, "--yes").status == 1  # the dead one is still a problem
    assert times_found(shards.running) == Counter(dict.fromkeys(keys, 1))
    dying.restart()
    shards.wait_well()
    assert pycluster("check", heir.address, "--keys").status == 0


def begin_move(source: Node, target: Node, keys: set[bytes]) -> None:
    """Half of the keys are at the target, and both replicas know."""
    for key in keys:
        source.ask("SET", key, "value")
    target.ask("CLUSTER", "SETSLOT", BIG_SLOT, "IMPORTING", id_of(source))
    source.ask("CLUSTER", "SETSLOT", BIG_SLOT, "MIGRATING", id_of(target))
    half = sorted(keys)[: len(keys) // 2]
    assert source.ask("MIGRATE", target.host, target.port, "", 0, 5000, "KEYS", *half) in (b"OK", "OK")
    for node in (source, target):
        wait_until(lambda node=node: "" if offset_lag(node) == 0 else f"the replica of {node} lags")


def offset_lag(master: Node) -> int:
    fields = master.info("replication")
    replica = dict(pair.split("=") for pair in fields["slave0"].split(","))
    return int(fields["master_repl_offset"]) - int(replica["offset"])


# ---- others' nodes, and a cluster on this machine


def test_a_move_between_redis_servers_is_interrupted_and_mended(pycluster: Command, redis_server: list[str]) -> None:
    with Cluster(3, 0, program=redis_server, directives=[("save", "")]) as cluster:
        first, target = cluster.nodes[0].address, cluster.nodes[2]
        keys = fill(cluster.nodes[0])
        assert pycluster("check", first).status == 0
        assert f"Slot {BIG_SLOT} is open" in interrupted_reshard(first, target)
        assert pycluster("check", first).status == 1
        assert pycluster("fix", first, "--yes").status == 0
        assert pycluster("reshard", first, "--to", target.address, "--slots", 20, "--yes").status == 0
        assert pycluster("check", first).status == 0
        assert times_found(cluster.nodes) == Counter(dict.fromkeys(keys, 1))


def test_nodes_with_a_password(pycluster: Command, our_server: list[str]) -> None:
    directives = [("requirepass", "secret"), ("masterauth", "secret")]
    with Cluster(3, 0, program=our_server, directives=directives, formed=False) as cluster:
        addresses = [node.address for node in cluster.nodes]
        assert pycluster("create", *addresses, "--yes").status == 4
        assert pycluster("create", *addresses, "--yes", "-a", "secret").status == 0
        redis = RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", cluster.nodes[0].port)], password="secret")
        redis.set("key", "value")
        words = ("--to", addresses[0], "--ranges", key_slot(b"key"), "--yes", "--pass", "secret")
        assert "1 slot with 1 key moved" in pycluster("reshard", addresses[1], *words).out
        assert (redis.get("key"), redis.get_node_from_key("key").port) == (b"value", cluster.nodes[0].port)


def test_a_cluster_on_this_machine_comes_and_goes(pycluster: Command, tmp_path: Path) -> None:
    port = reserve_port()
    where = ("--directory", tmp_path / "run")
    up = ("up", "--masters", 1, "--replicas", 0, "--base-port", port.number, *where)
    try:
        assert "12 keys written through one node each" in pycluster(*up).out
        assert "The cluster is running already" in pycluster("up", *up[-4:]).out
        assert pycluster("check", f"127.0.0.1:{port.number}").status == 0
    finally:
        stopped = pycluster("down", *where)
        port.release()
    assert "1 node stopped." in stopped.out
    assert pycluster("down", "--clean", *where).status == 0
    assert not (tmp_path / "run").exists()
