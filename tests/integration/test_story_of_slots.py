"""The tutorials' second half: a cluster grows, its slots move, it shrinks, restarts, and begins anew.

As test_story.py, which tells the first half: steps in order, by the real redis-cli and redis-py, on pycluster and (in
`make long`) on redis-server. What takes redis-cli six requests a slot is done with few slots in CI and whole in
`make long`.
"""

import shutil
import subprocess
from collections.abc import Iterator

import pytest
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot

from pycluster.testing import Node, wait_until
from tests.integration.loads import Application
from tests.integration.shards import id_of, why_not_ok, why_not_one_cluster
from tests.integration.tutorial import Tutorial, covers, width

pytestmark = [pytest.mark.story, pytest.mark.timeout(900)]  # 5,461 slots, six requests each

NAMES = {"age": 741, "name": 5798, "a": 15495, "e": 15363, "dgd": 14644}
KEYS = [f"key:{number}" for number in range(300)] + [*NAMES]


class Story(Tutorial):
    """The first six nodes are the cluster, the seventh and the eighth are new, the ninth is to be a copy."""

    whole = False
    # What the application got acknowledged up to now: the next one begins there.
    acknowledged: dict[str, int]

    def application(self) -> Application:
        return Application(self.nodes[:6], self.acknowledged)

    def client(self) -> RedisCluster:
        return RedisCluster(startup_nodes=[ClusterNode(node.host, node.port) for node in self.nodes[:6]])

    def wait_one_cluster(self, nodes: list[Node]) -> None:
        """Until these nodes, and no others, know each other, agree, and redis-cli has nothing to say against them."""
        wait_until(lambda: why_not_one_cluster(nodes) or why_not_ok(nodes) or self.why_not_linked(nodes), 60)
        said = self.cli_cluster("check", nodes[0].address)
        assert "[OK] All 16384 slots covered." in said and "[WARNING]" not in said, said

    def why_not_linked(self, nodes: list[Node]) -> str:
        links = {node.address: node.info("replication").get("master_link_status", "up") for node in nodes}
        return "" if set(links.values()) == {"up"} else f"replicas without a link: {links}"

    def slots_of(self, node: Node) -> int:
        return sum(map(width, self.row(node).slots))

    def reshard(self, sources: list[Node], target: Node, slots: int) -> None:
        from_ = ",".join(map(id_of, sources)) or "all"
        options = ("--cluster-from", from_, "--cluster-to", id_of(target), "--cluster-slots", slots, "--cluster-yes")
        self.cli_cluster("reshard", self.node(1).address, *options, "--cluster-pipeline", 100)

    def assert_data_is_there(self) -> None:
        with self.client() as redis:
            assert [redis.get(key) for key in KEYS] == [f"value of {key}".encode() for key in KEYS]


def old_masters(story: Story) -> list[Node]:
    """Those of the first six, in the order of their slots."""
    return [node for node in story.masters(story.node(1)) if node in story.nodes[:6]]


ONE_HOST = ["127.0.0.1"] * 9
FOUR_HOSTS = ["127.0.0.21"] * 2 + ["127.0.0.22"] * 2 + ["127.0.0.23"] * 2 + ["127.0.0.24"] * 3


@pytest.fixture(
    scope="module",
    params=[pytest.param(ONE_HOST, id="one-host"), pytest.param(FOUR_HOSTS, id="four-hosts", marks=pytest.mark.long)],
)
def story(
    request: pytest.FixtureRequest, server: list[str], redis_cli: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    story = Story(server, redis_cli, tmp_path_factory.mktemp("story"), request.param)
    story.whole = request.param is FOUR_HOSTS
    story.acknowledged = {}
    yield story
    story.close()


# ---- 1: it grows


def test_1_six_nodes_are_a_cluster_with_data(story: Story) -> None:
    six = story.nodes[:6]
    story.start(*six)
    story.create(six)
    story.wait_one_cluster(six)
    with story.client() as redis:
        for key in KEYS:
            redis.set(key, f"value of {key}")


def test_1_two_nodes_meet_the_cluster(story: Story) -> None:
    first, seven, eight = story.node(1), story.node(7), story.node(8)
    story.start(seven, eight)
    for new in (seven, eight):
        assert story.cli(first, "cluster", "meet", new.host, new.port) == "OK"
    story.wait_one_cluster(story.nodes[:8])
    assert (story.row(seven, first).role, story.row(seven, first).slots) == ("master", ())


def test_1_a_node_without_slots_redirects_every_key(story: Story) -> None:
    owner = story.owner(NAMES["age"], story.node(7))
    assert story.cli(story.node(7), "get", "age") == f"MOVED 741 {owner.address}"


def test_1_one_of_them_becomes_the_others_replica(story: Story) -> None:
    seven, eight = story.node(7), story.node(8)
    assert story.cli(eight, "cluster", "replicate", id_of(seven)) == "OK"
    story.wait_role(eight, "slave", story.nodes[:8])
    story.wait_one_cluster(story.nodes[:8])
    said = story.cli(story.node(2), "cluster", "replicas", id_of(seven))
    assert said.startswith(f"{id_of(eight)} {eight.address}@{eight.port + 10000} slave ")


# ---- 2: the new master gets slots


def test_2_redis_cli_says_that_no_rebalancing_is_needed(story: Story) -> None:
    said = story.cli_cluster("rebalance", story.node(1).address)
    assert "*** No rebalancing needed! All nodes are within the 2.00% threshold." in said


def test_2_it_gives_slots_to_the_empty_master_if_asked(story: Story) -> None:
    seven = story.node(7)
    share = () if story.whole else ("--cluster-weight", f"{id_of(seven)}=0.01")
    with story.application() as application:
        options = ("--cluster-use-empty-masters", "--cluster-pipeline", 100, *share)
        story.cli_cluster("rebalance", story.node(1).address, *options)
        application.wait_progress()
    story.wait_one_cluster(story.nodes[:8])
    assert story.slots_of(seven) == (4096 if story.whole else 55)
    assert len(story.row(seven, story.node(5)).slots) == 3  # a range from each master
    story.assert_data_is_there()


# ---- 3: a manual failover


def test_3_a_manual_failover_swaps_roles_and_loses_no_write(story: Story) -> None:
    seven, eight = story.node(7), story.node(8)
    with story.application() as application:
        assert story.cli(eight, "cluster", "failover") == "OK"
        story.wait_role(eight, "master", story.nodes[:8])
        story.wait_role(seven, "slave", story.nodes[:8])
        application.wait_progress()
    story.wait_one_cluster(story.nodes[:8])
    assert story.row(seven, story.node(3)).master == id_of(eight)
    assert (story.row(seven).slots, story.slots_of(eight)) == ((), 4096 if story.whole else 55)


# ---- 4: a node is forgotten, and comes back as another


def test_4_one_node_forgets_the_replica(story: Story) -> None:
    first, gone = story.node(1), story.node(7)
    others = [node for node in story.nodes[:8] if node not in (first, gone)]
    assert story.cli(first, "cluster", "forget", id_of(gone)) == "OK"
    assert gone.address not in story.rows(first)
    if first.info("server")["redis_version"] < "7.2":
        # Redis up to 7.0 leaves it to the operator to tell each node.
        assert all(gone.address in story.rows(node) for node in others)
        for node in others:
            assert story.cli(node, "cluster", "forget", id_of(gone)) == "OK"
    wait_until(lambda: "" if all(gone.address not in story.rows(node) for node in others) else "it is still known")
    assert len(story.rows(gone)) == 8  # nobody tells the node itself


def test_4_with_a_new_id_it_may_come_back_at_once(story: Story) -> None:
    """The old id is shut out for a minute."""
    seven, old = story.node(7), id_of(story.node(7))
    assert story.cli(seven, "cluster", "reset", "hard") == "OK"
    assert id_of(seven) != old
    assert (story.row(seven).flags, story.cli(seven, "dbsize")) == (("myself", "master"), "0")
    assert story.cli(story.node(1), "cluster", "meet", seven.host, seven.port) == "OK"
    story.wait_one_cluster(story.nodes[:8])


# ---- 5: three slots by hand


@pytest.mark.parametrize("key", ["a", "e", "dgd"])
def test_5_a_slot_moves_step_by_step(story: Story, key: str) -> None:
    slot, eight = NAMES[key], story.node(8)
    source = story.owner(slot, eight)
    assert source is not eight

    assert story.cli(eight, "cluster", "setslot", slot, "importing", id_of(source)) == "OK"
    assert story.cli(source, "cluster", "setslot", slot, "migrating", id_of(eight)) == "OK"
    assert f"[{slot}->-{id_of(eight)}]" in story.row(source).slots
    assert f"[{slot}-<-{id_of(source)}]" in story.row(eight).slots
    assert story.cli(source, "get", key) == f"value of {key}"
    assert story.cli(source, "get", f"{{{key}}}new") == f"ASK {slot} {eight.address}"

    keys = story.cli(source, "cluster", "getkeysinslot", slot, 100).split()
    assert key in keys
    assert story.cli(source, "migrate", eight.host, eight.port, "", 0, 5000, "keys", *keys) == "OK"
    assert story.cli(source, "cluster", "countkeysinslot", slot) == "0"
    assert story.cli(eight, "get", key) == f"MOVED {slot} {source.address}"
    said = story.cli(source, "-c", "--no-raw", typed=f"get {key}\n").splitlines()
    assert said == [f"-> Redirected to slot [{slot}] located at {eight.address}", f'"value of {key}"']

    for node in (eight, source):
        assert story.cli(node, "cluster", "setslot", slot, "node", id_of(eight)) == "OK"
    assert story.cli(source, "get", key) == f"MOVED {slot} {eight.address}"
    wait_until(lambda: "" if all(covers(story.row(eight, node), slot) for node in story.nodes[:8]) else "not all know")


def test_5_nothing_is_open_afterwards(story: Story) -> None:
    story.wait_one_cluster(story.nodes[:8])
    story.assert_data_is_there()


# ---- 6: by reshard, from one to two, and from all to one


def test_6_reshard_asks_how_many_slots_go_where(story: Story) -> None:
    source, eight = old_masters(story)[1], story.node(8)
    before = story.slots_of(source), story.slots_of(eight)
    answers = [
        ("How many slots do you want to move (from 1 to 16384)? ", 10),
        ("What is the receiving node ID? ", id_of(eight)),
        ("Source node #1: ", id_of(source)),
        ("Source node #2: ", "done"),
        ("Do you want to proceed with the proposed reshard plan (yes/no)? ", "yes"),
    ]
    with story.application():
        story.converse("reshard", story.node(1).address, answers=answers)
    story.wait_one_cluster(story.nodes[:8])
    assert (story.slots_of(source), story.slots_of(eight)) == (before[0] - 10, before[1] + 10)


def test_6_the_same_master_gives_to_another_too(story: Story) -> None:
    target, source, _ = old_masters(story)
    before = story.slots_of(source), story.slots_of(target)
    with story.application():
        story.reshard([source], target, 10)
    story.wait_one_cluster(story.nodes[:8])
    assert (story.slots_of(source), story.slots_of(target)) == (before[0] - 10, before[1] + 10)


def test_6_a_new_master_gets_slots_from_all(story: Story) -> None:
    seven, givers = story.node(7), story.masters(story.node(1))
    before = {node: story.slots_of(node) for node in givers}
    count = 5461 if story.whole else 60
    with story.application():
        story.reshard([], seven, count)
    story.wait_one_cluster(story.nodes[:8])
    assert count - len(givers) < story.slots_of(seven) <= count  # redis-cli rounds each one's part down
    assert all(story.slots_of(node) < before[node] for node in givers if before[node] > 1000)
    story.assert_data_is_there()


# ---- 7: a master loses all


@pytest.fixture(scope="module")
def followers(story: Story) -> list[Node]:
    """The replicas of two old masters."""
    return [story.replica_of(node) for node in old_masters(story)[:2]]


def test_7_replicas_change_their_master(story: Story, followers: list[Node]) -> None:
    seven = story.node(7)
    for node in followers:
        assert story.cli(node, "cluster", "replicate", id_of(seven)) == "OK"
    story.wait_one_cluster(story.nodes[:8])
    assert {story.row(node, story.node(8)).master for node in followers} == {id_of(seven)}


def test_7_a_master_gives_away_all_its_slots_and_its_replicas_follow(story: Story, followers: list[Node]) -> None:
    seven, (target, *_) = story.node(7), old_masters(story)
    count = story.slots_of(seven)
    before = story.slots_of(target)
    with story.application():
        story.reshard([seven], target, count)
    story.wait_one_cluster(story.nodes[:8])
    assert (story.slots_of(seven), story.slots_of(target)) == (0, before + count)
    for node in (seven, *followers):
        wait_until(lambda: "" if story.row(node).master == id_of(target) else f"{node} does not follow")  # noqa: B023
    story.wait_one_cluster(story.nodes[:8])
    story.assert_data_is_there()


# ---- 8: it shrinks


def test_8_a_replica_leaves(story: Story) -> None:
    seven = story.node(7)
    said = story.cli_cluster("del-node", story.node(1).address, id_of(seven))
    assert ">>> Sending CLUSTER RESET SOFT to the deleted node." in said
    assert list(map(len, (story.rows(seven), story.rows(story.node(8))))) == [1, 7]
    story.shutdown(seven)
    story.wait_one_cluster([*story.nodes[:6], story.node(8)])


def test_8_a_master_with_slots_does_not(story: Story) -> None:
    eight = story.node(8)
    said = story.cli_cluster("del-node", story.node(1).address, id_of(eight), fails=True)
    assert f"[ERR] Node {eight.address} is not empty! Reshard data away and try again." in said


def test_8_an_emptied_one_leaves(story: Story) -> None:
    """One that stays a master: by default it would have become a replica of the one that got its last slot."""
    eight, (_, target, _) = story.node(8), old_masters(story)
    assert story.cli(eight, "config", "set", "cluster-allow-replica-migration", "no") == "OK"
    with story.application() as application:
        story.reshard([eight], target, story.slots_of(eight))
        assert (story.row(eight).role, story.row(eight).slots) == ("master", ())
        story.cli_cluster("del-node", story.node(1).address, id_of(eight))
        story.shutdown(eight)
        application.wait_progress()
    story.wait_one_cluster(story.nodes[:6])
    story.assert_data_is_there()


# ---- 9: a node whose directory is a copy


@pytest.fixture(scope="module")
def original(story: Story) -> Node:
    return old_masters(story)[1]


def test_9_a_node_on_a_copied_directory_takes_the_slots_of_the_keys(story: Story, original: Node) -> None:
    copy = story.node(9)
    shutil.rmtree(copy.directory)
    shutil.copytree(original.directory, copy.directory, ignore=shutil.ignore_patterns("redis.log", "redis.pid"))
    text = copy.config_path.read_text().replace(str(original.port), str(copy.port))
    copy.config_path.write_text(text.replace(original.host, copy.host))
    story.start(copy)
    assert story.cli(copy, "dbsize") == story.cli(original, "dbsize")
    assert "Taking responsibility for it" in copy.log()
    slots = {slot for key in KEYS if covers(story.row(original), slot := key_slot(key.encode()))}
    assert story.row(copy).role == "master" and slots
    assert all(covers(story.row(copy), slot) for slot in slots)
    assert story.row(copy).id != id_of(original)  # nodes.conf has its port in its name


def test_9_it_meets_the_cluster_and_becomes_a_replica(story: Story, original: Node) -> None:
    copy = story.node(9)
    assert story.cli(story.node(1), "cluster", "meet", copy.host, copy.port) == "OK"
    wait_until(lambda: "" if story.row(copy).master == id_of(original) else "it is no replica of the original", 60)
    story.wait_one_cluster([*story.nodes[:6], copy])
    assert story.row(original, copy).slots == story.row(original).slots
    story.assert_data_is_there()


def test_9_it_is_reset_and_met_again_as_an_empty_master(story: Story) -> None:
    copy = story.node(9)
    assert story.cli(copy, "cluster", "reset") == "OK"
    assert (len(story.rows(copy)), story.cli(copy, "dbsize")) == (1, "0")
    assert story.cli(story.node(1), "cluster", "meet", copy.host, copy.port) == "OK"
    story.wait_one_cluster([*story.nodes[:6], copy])
    assert (story.row(copy, story.node(2)).role, story.row(copy, story.node(2)).slots) == ("master", ())


def test_9_it_leaves(story: Story) -> None:
    """Redis' reset leaves the append-only file as it was: started again, the node would have its keys once more."""
    copy = story.node(9)
    story.cli_cluster("del-node", story.node(1).address, id_of(copy))
    story.shutdown(copy)
    story.wait_one_cluster(story.nodes[:6])


# ---- 10: all of them


def test_10_after_a_restart_of_all_everything_is_as_before(story: Story) -> None:
    nodes = story.nodes[:6]
    masters = [node for node in nodes if story.row(node).role == "master"]
    before = {row.id: (row.role, row.master, row.slots) for row in story.rows(nodes[0]).values()}
    replicas = [node for node in nodes if node not in masters]
    story.shutdown(*replicas)
    story.shutdown(*masters)
    story.start(*masters)
    story.wait_state("ok", masters)
    story.start(*replicas)  # with their masters away for longer than the node timeout they would take over, and rightly
    story.wait_one_cluster(nodes)
    assert {row.id: (row.role, row.master, row.slots) for row in story.rows(nodes[0]).values()} == before
    story.assert_data_is_there()
    with story.application():
        pass  # it begins by asking for what was acknowledged


# ---- 11: a fresh start


def remove(story: Story, files: str) -> None:
    """Stops all nodes and deletes files from their directories."""
    running = [node for node in story.nodes if node.is_running]
    story.shutdown(*running)
    for node in running:
        subprocess.run(f"rm -rf {files}", shell=True, cwd=node.directory, check=True)


def test_11_without_nodes_conf_nodes_are_strangers_with_data(story: Story) -> None:
    """As old tutorials delete it, from before Redis 7: the append-only file is a directory now, and stays."""
    remove(story, "nodes-*.conf dump.rdb appendonly.aof")
    six = story.nodes[:6]
    story.start(*six)
    assert {len(story.rows(node)) for node in six} == {1}
    said = story.create(six, fails=True)
    assert "is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or contains" in said


def test_11_without_their_data_they_become_a_new_cluster(story: Story) -> None:
    remove(story, "nodes-*.conf dump.rdb appendonlydir")
    six = story.nodes[:6]
    story.start(*six)
    said = story.create(six)
    assert said.rstrip().endswith("[OK] All 16384 slots covered."), said
    story.wait_one_cluster(six)
    assert {story.cli(node, "dbsize") for node in six} == {"0"}
