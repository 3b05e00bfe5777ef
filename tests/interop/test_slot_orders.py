"""Slots that are open, and replicas of another make: Valkey's and ours tell each other of them, Redis' are not told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hiredis import ReplyError

from pycluster.keyspace.slots import key_slot
from pycluster.testing import Node
from tests.integration.killed_moves import mend_with_pycluster
from tests.integration.shards import Shards, id_of, offset, row, wait
from tests.integration.tutorial import covers
from tests.interop.mixed import TAGS, start_mixed
from tests.interop.peers import Peers, meet, share_slots, wait_ok, wait_one_cluster

SLOT = key_slot(TAGS["A"].encode())
KEYS = 100


@pytest.fixture(scope="module")
def mixed(
    our_server: list[str], valkey_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shards]:
    """A has one of ours as master and a Valkey as replica; B the other way round."""
    with start_mixed(tmp_path_factory.mktemp("orders"), our_server, valkey_server) as mixed:
        yield mixed


@pytest.fixture
def opened(mixed: Shards) -> Iterator[Shards]:
    """The slot is on its way between A and B, whoever has it; both masters said OK to that."""
    source, target = sides(mixed)
    assert mixed.master(target).ask("CLUSTER", "SETSLOT", SLOT, "IMPORTING", id_of(mixed.master(source))) == b"OK"
    assert mixed.master(source).ask("CLUSTER", "SETSLOT", SLOT, "MIGRATING", id_of(mixed.master(target))) == b"OK"
    yield mixed
    for name in "AB":
        mixed.master(name).ask("CLUSTER", "SETSLOT", SLOT, "STABLE")


def sides(mixed: Shards) -> tuple[str, str]:
    return ("A", "B") if has(mixed.master("A")) else ("B", "A")


def has(node: Node) -> bool:
    return covers(row(node), SLOT)


def open_slots(node: Node) -> list[str]:
    return [word for word in row(node).slots if word.startswith("[")]


@pytest.mark.parametrize("name", ["A", "B"])
def test_a_replica_of_the_other_make_has_it_when_the_client_hears_ok(opened: Shards, name: str) -> None:
    assert open_slots(opened.replica(name)) == open_slots(opened.master(name)) != []


@pytest.mark.parametrize("name", ["A", "B"])
def test_no_replica_complains_of_the_order(opened: Shards, name: str) -> None:
    assert "CRITICAL" not in opened.replica(name).log()


@pytest.mark.parametrize("name", ["A", "B"])
def test_it_is_closed_there_too(opened: Shards, name: str) -> None:
    opened.master(name).ask("CLUSTER", "SETSLOT", SLOT, "STABLE")
    assert open_slots(opened.replica(name)) == []


@pytest.mark.parametrize("name", ["A", "B"])
def test_our_orders_wait_for_a_replica_of_the_other_make(opened: Shards, name: str) -> None:
    master, replica = opened.master(name), opened.replica(name)
    with opened.silenced(replica), pytest.raises(ReplyError, match="^NOREPLICAS Not enough good replicas to write.$"):
        master.ask("CLUSTER", "SETSLOT", SLOT, "STABLE", "TIMEOUT", 100)
    opened.wait_well()


# The words


@pytest.mark.parametrize(
    "words",
    [
        "CLUSTER SETSLOT 1 STABLE TIMEOUT",
        "CLUSTER SETSLOT 1 STABLE TIMEOUT x",
        "CLUSTER SETSLOT 1 STABLE timeout -1",
        "CLUSTER SETSLOT 1 STABLE TIMEOUT 0",
        "CLUSTER SETSLOT 1 NODE nobody TIMEOUT",
        "CLUSTER SETSLOT 1 MIGRATING",
        "REPLCONF version 8.0.0",
        "REPLCONF version 8.0.0.0",
        "REPLCONF version 8.300.0",
        "REPLCONF version eight",
    ],
)
def test_both_answer_the_same(mixed: Shards, words: str) -> None:
    answers = []
    for node in (mixed.master("A"), mixed.master("B")):  # of ours and of Valkey's, as long as nobody has been killed
        with node.connect() as connection:
            connection.send(*words.split())
            answers.append(str(connection.receive()))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", ["A", "B"])
def test_the_heir_of_the_other_make_goes_on_and_fix_brings_the_keys_together(mixed: Shards, name: str) -> None:
    source, target = (mixed.master(side) for side in sides(mixed))
    keys = [f"{TAGS['A']}{number}".encode() for number in range(KEYS)]
    with source.connect() as connection:
        for key in keys:
            connection.ask("SET", key, key)
    target.ask("CLUSTER", "SETSLOT", SLOT, "IMPORTING", id_of(source))
    source.ask("CLUSTER", "SETSLOT", SLOT, "MIGRATING", id_of(target))
    source.ask("MIGRATE", target.host, target.port, "", 0, 5000, "KEYS", *keys[::2])
    source.ask("WAIT", 1, 5000)
    dead, heir = mixed.master(name), mixed.replica(name)
    before = [word[:8] for word in open_slots(dead)]
    dead.kill()
    mixed.wait_taken_over(heir)
    assert [word[:8] for word in open_slots(heir)] == before != []
    dead.start()
    mixed.wait_well()
    mend_with_pycluster(heir)
    _, owner = (mixed.master(side) for side in reversed(sides(mixed)))
    wait(lambda: "" if len(owner.ask("CLUSTER", "GETKEYSINSLOT", SLOT, KEYS * 2)) == KEYS else "keys are missing")
    assert not [word for node in mixed.nodes for word in open_slots(node)]


# Redis


def test_a_replica_of_redis_does_not_get_what_it_would_refuse(
    our_server: list[str], redis_server: list[str], tmp_path: Path
) -> None:
    with Peers(tmp_path, our_server, redis_server) as peers:
        a, b, replica = peers.ours(), peers.ours(), peers.real()
        for node in (b, replica):
            meet(a, node)
        wait_one_cluster(a, b, replica)
        share_slots(a, b)
        wait_ok(a, b)
        replica.ask("CLUSTER", "REPLICATE", id_of(a))
        wait(lambda: "" if replica.info("replication").get("master_link_status") == "up" else "no link yet")
        assert a.ask("CLUSTER", "SETSLOT", SLOT, "MIGRATING", id_of(b)) == b"OK"
        a.ask("PUBLISH", "channel", "behind it")
        wait(lambda: "" if offset(replica) == offset(a) else "not yet there")
        assert open_slots(replica) == [] != open_slots(a) and "CRITICAL" not in replica.log()

        ours = peers.ours()
        meet(a, ours)
        wait_one_cluster(a, b, replica, ours)
        ours.ask("CLUSTER", "REPLICATE", id_of(a))
        wait(lambda: "" if open_slots(ours) == open_slots(a) else "our replica is not told what is open")
