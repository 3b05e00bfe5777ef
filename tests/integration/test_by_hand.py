"""A cluster made by hand, without redis-cli --cluster, and each CLUSTER command of the tutorials run and checked.

The tests are steps in order, told by pycluster and by redis-server (see test_story.py).
"""

from collections.abc import Iterator

import pytest

from pycluster.testing import wait_until
from tests.integration.tutorial import Tutorial, covers

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def story(server: list[str], redis_cli: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    story = Tutorial(server, redis_cli, tmp_path_factory.mktemp("by-hand"), ["127.0.0.1"] * 6)
    yield story
    story.close()


def test_nodes_are_strangers_at_first(story: Tutorial) -> None:
    story.start(*story.nodes)
    for node in story.nodes:
        assert len(story.rows(node)) == 1
        assert story.row(node).flags == ("myself", "master")
        assert story.cli(node, "cluster", "myid") == story.row(node).id
        assert "cluster_state:fail" in story.cli(node, "cluster", "info")


def test_meet(story: Tutorial) -> None:
    first = story.node(1)
    for node in story.nodes[1:]:
        assert story.cli(first, "cluster", "meet", node.host, node.port) == "OK"
    wait_until(lambda: why_not_met(story), 60)
    assert story.cli(first, "cluster", "meet", "nowhere", 1).startswith("ERR Invalid node address specified")


def why_not_met(story: Tutorial) -> str:
    for node in story.nodes:
        rows = story.rows(node).values()
        if len(rows) != len(story.nodes) or not all(row.link == "connected" for row in rows):
            return f"{node.address} is not connected to all: {rows}"
        if any("handshake" in row.flags for row in rows):
            return f"{node.address} still shakes hands"
    return ""


def test_addslots_takes_thousands_of_arguments(story: Tutorial) -> None:
    assert story.cli(story.node(1), "cluster", "addslots", *range(5500)) == "OK"
    assert story.row(story.node(1)).slots == ("0-5499",)


def test_addslotsrange(story: Tutorial) -> None:
    assert story.cli(story.node(2), "cluster", "addslotsrange", 5500, 10999) == "OK"
    assert story.cli(story.node(3), "cluster", "addslotsrange", 11000, 12000, 12001, 16383) == "OK"
    story.wait_state("ok", story.nodes)
    assert story.row(story.node(3)).slots == ("11000-16383",)


def test_addslots_refuses_what_is_taken_or_no_slot(story: Tutorial) -> None:
    first = story.node(1)
    assert story.cli(first, "cluster", "addslots", 16383) == "ERR Slot 16383 is already busy"
    assert story.cli(first, "cluster", "addslots", 16384) == "ERR Invalid or out of range slot"
    said = story.cli(first, "cluster", "addslotsrange", 5, 1)
    assert said == "ERR start slot number 5 is greater than end slot number 1"


def test_replicate(story: Tutorial) -> None:
    for master, replica in zip(story.nodes[:3], story.nodes[3:], strict=True):
        assert story.cli(replica, "cluster", "replicate", story.row(master).id) == "OK"
    for replica in story.nodes[3:]:
        story.wait_role(replica, "slave", story.nodes)
    story.wait_ok()
    said = story.cli(story.node(1), "cluster", "replicate", story.row(story.node(2)).id)
    assert said.startswith("ERR To set a master")
    assert story.cli(story.node(4), "cluster", "replicate", "nobody") == "ERR Unknown node nobody"


def test_replicas(story: Tutorial) -> None:
    master, replica = story.node(1), story.node(4)
    for word in ("replicas", "slaves"):
        said = story.cli(story.node(2), "cluster", word, story.row(master).id)
        assert said.startswith(f"{story.row(replica).id} {replica.address}@{replica.port + 10000} slave ")
    said = story.cli(story.node(2), "cluster", "replicas", story.row(replica).id)
    assert said == "ERR The specified node is not a master"


def test_slots(story: Tutorial) -> None:
    def why_not_all() -> str:
        # A replica is listed once its master's PINGs have told of an offset beyond 0.
        shown = [entry for entry in story.node(5).ask("CLUSTER", "SLOTS") if len(entry) == 4]
        return "" if len(shown) == 3 else "not all replicas are listed"

    wait_until(why_not_all, 60)
    entries = sorted(story.node(5).ask("CLUSTER", "SLOTS"))
    assert [tuple(entry[:2]) for entry in entries] == [(0, 5499), (5500, 10999), (11000, 16383)]
    for entry, master, replica in zip(entries, story.nodes[:3], story.nodes[3:], strict=True):
        for shown, node in zip(entry[2:], (master, replica), strict=True):
            assert shown[:3] == [node.host.encode(), node.port, story.row(node).id.encode()]


def test_keyslot_and_countkeysinslot(story: Tutorial) -> None:
    owner = story.node(1)
    assert story.cli(owner, "cluster", "keyslot", "age") == "741"
    assert story.cli(owner, "cluster", "keyslot", "{age}.of.somebody") == "741"
    assert story.cli(owner, "mset", "age", 1, "{age}2", 2) == "OK"
    assert story.cli(owner, "cluster", "countkeysinslot", 741) == "2"
    assert set(story.cli(owner, "cluster", "getkeysinslot", 741, 10).split()) == {"age", "{age}2"}
    assert len(story.cli(owner, "cluster", "getkeysinslot", 741, 1).split()) == 1


def test_setslot_migrating_and_importing_are_shown(story: Tutorial) -> None:
    source, target = story.node(1), story.node(2)
    source_id, target_id = story.row(source).id, story.row(target).id
    assert story.cli(target, "cluster", "setslot", 741, "importing", source_id) == "OK"
    assert story.cli(source, "cluster", "setslot", 741, "migrating", target_id) == "OK"
    assert f"[741->-{target_id}]" in story.row(source).slots
    assert f"[741-<-{source_id}]" in story.row(target).slots
    assert story.cli(source, "get", "age") == "1"
    assert story.cli(source, "get", "{age}3") == f"ASK 741 {target.address}"
    assert story.cli(source, "mget", "age", "{age}3").startswith("TRYAGAIN ")
    assert story.cli(target, "get", "age") == f"MOVED 741 {source.address}"
    said = story.cli(target, typed="asking\nset {age}3 there\nasking\nget {age}3\n")
    assert said.split() == ["OK", "OK", "OK", "there"]


def test_setslot_stable_closes_them(story: Tutorial) -> None:
    source, target = story.node(1), story.node(2)
    assert story.cli(source, "cluster", "setslot", 741, "node", story.row(target).id).startswith("ERR Can't assign")
    for node in (source, target):
        assert story.cli(node, "cluster", "setslot", 741, "stable") == "OK"
        assert not any(slot.startswith("[") for slot in story.row(node).slots)


def test_setslot_node_gives_an_empty_slot_away(story: Tutorial) -> None:
    source, target = story.node(1), story.node(2)
    id_ = story.row(target).id
    assert story.cli(target, "cluster", "setslot", 100, "importing", story.row(source).id) == "OK"
    assert story.cli(target, "cluster", "setslot", 100, "node", id_) == "OK"
    assert story.cli(source, "cluster", "setslot", 100, "node", id_) == "OK"
    wait_until(lambda: "" if all(covers(story.row(target, node), 100) for node in story.nodes) else "not known to all")
    assert story.row(source).slots == ("0-99", "101-5499")


def test_delslots(story: Tutorial) -> None:
    owner = story.node(3)
    assert story.cli(owner, "cluster", "delslots", 16000, 16000) == "ERR Slot 16000 specified multiple times"
    assert story.cli(owner, "cluster", "delslots", 16000, 16001) == "OK"
    assert story.cli(owner, "cluster", "delslots", 16000) == "ERR Slot 16000 is already unassigned"
    assert story.row(owner).slots == ("11000-15999", "16002-16383")
    story.wait_state("fail", [owner])
    assert story.cli(owner, "cluster", "addslots", 16000, 16001) == "OK"
    story.wait_state("ok", story.nodes)


def test_saveconfig(story: Tutorial) -> None:
    node = story.node(1)
    path = node.directory / f"nodes-{node.port}.conf"
    path.unlink()
    assert story.cli(node, "cluster", "saveconfig") == "OK"
    text = path.read_text()
    assert all(row.id in text for row in story.rows(node).values())
    assert text.splitlines()[-1].startswith("vars currentEpoch ")


def test_failover(story: Tutorial) -> None:
    master, replica = story.node(1), story.node(4)
    assert story.cli(master, "cluster", "failover") == "ERR You should send CLUSTER FAILOVER to a replica"
    assert story.cli(replica, "cluster", "failover", "hard") == "ERR syntax error"
    assert story.cli(replica, "cluster", "failover") == "OK"
    story.wait_role(replica, "master", story.nodes)
    story.wait_role(master, "slave", story.nodes)
    story.wait_ok()
    assert story.cli(replica, "get", "age") == "1"


def test_failover_takeover_needs_nobodys_vote(story: Tutorial) -> None:
    old, heir = story.node(1), story.node(4)
    assert story.cli(old, "cluster", "failover", "takeover") == "OK"
    assert story.row(old).role == "master"
    story.wait_role(heir, "slave", story.nodes)
    story.wait_ok()


def test_forget(story: Tutorial) -> None:
    lonely, others = story.node(6), story.nodes[:5]
    id_ = story.row(lonely).id
    assert story.cli(lonely, "cluster", "forget", id_) == "ERR I tried hard but I can't forget myself..."
    assert story.cli(lonely, "cluster", "forget", story.row(story.node(3)).id) == "ERR Can't forget my master!"
    assert story.cli(lonely, "cluster", "forget", "nobody") == "ERR Unknown node nobody"
    for node in others:
        assert story.cli(node, "cluster", "forget", id_) == "OK"
        assert lonely.address not in story.rows(node)


def test_reset_is_soft_by_default(story: Tutorial) -> None:
    lonely = story.node(6)
    id_, epoch = story.row(lonely).id, lonely.cluster_info()["cluster_current_epoch"]
    assert story.cli(lonely, "cluster", "reset") == "OK"
    assert len(story.rows(lonely)) == 1
    assert (story.row(lonely).id, story.row(lonely).flags) == (id_, ("myself", "master"))
    assert lonely.cluster_info()["cluster_current_epoch"] == epoch
    assert story.cli(lonely, "dbsize") == "0"


def test_reset_hard_gives_a_new_id(story: Tutorial) -> None:
    lonely = story.node(6)
    id_ = story.row(lonely).id
    assert story.cli(lonely, "cluster", "reset", "hard") == "OK"
    assert story.row(lonely).id != id_
    assert lonely.cluster_info()["cluster_current_epoch"] == "0"
    said = story.cli(story.node(1), "cluster", "reset")
    assert said == "ERR CLUSTER RESET can't be called with master nodes containing keys"


def test_flushslots(story: Tutorial) -> None:
    lonely, with_keys = story.node(6), story.node(1)
    assert story.cli(with_keys, "cluster", "flushslots") == "ERR DB must be empty to perform CLUSTER FLUSHSLOTS."
    assert story.cli(lonely, "cluster", "addslotsrange", 0, 100) == "OK"
    assert story.row(lonely).slots == ("0-100",)
    assert story.cli(lonely, "cluster", "flushslots") == "OK"
    assert story.row(lonely).slots == ()


def test_set_config_epoch_is_for_a_fresh_node(story: Tutorial) -> None:
    lonely, member = story.node(6), story.node(1)
    assert story.cli(lonely, "cluster", "set-config-epoch", 7) == "OK"
    assert story.row(lonely).epoch == 7
    assert "non-zero" in story.cli(lonely, "cluster", "set-config-epoch", 8)
    assert "does not know any other node" in story.cli(member, "cluster", "set-config-epoch", 8)
