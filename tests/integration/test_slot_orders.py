"""CLUSTER SETSLOT at primaries with replicas: the replicas know of it first, and go on from there when they lead."""

from collections.abc import Iterator

import pytest
from hiredis import ReplyError

from pycluster.testing import Cluster, Node
from tests.integration.shards import Shards, id_of, wait


@pytest.fixture(scope="module")
def cluster(our_server: list[str]) -> Iterator[Cluster]:
    with Cluster(program=our_server, directives=[("enable-debug-command", "yes"), ("save", "")]) as cluster:
        yield cluster


@pytest.fixture
def nodes(cluster: Cluster) -> Iterator[list[Node]]:
    """A, B and their replicas; no slot is open."""
    a, b, _, a1, b1, _ = cluster.nodes
    yield [a, b, a1, b1]
    for node in (a, b):
        for slot in {int(word.strip("[").partition("-")[0]) for word in open_slots(node)}:
            node.ask("CLUSTER", "SETSLOT", slot, "STABLE")


def open_slots(node: Node) -> list[str]:
    mine = next(line for line in node.ask("CLUSTER", "NODES").decode().splitlines() if "myself" in line)
    return [word for word in mine.split() if word.startswith("[")]


def test_replicas_have_what_is_open_when_the_client_hears_ok(nodes: list[Node]) -> None:
    a, b, a1, b1 = nodes
    assert b.ask("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a)) == b"OK"
    assert open_slots(b1) == open_slots(b) == [f"[7-<-{id_of(a)}]"]
    assert a.ask("CLUSTER", "SETSLOT", 7, "MIGRATING", id_of(b)) == b"OK"
    assert open_slots(a1) == open_slots(a) == [f"[7->-{id_of(b)}]"]


def test_they_have_it_on_their_disks(nodes: list[Node]) -> None:
    a, b, _, b1 = nodes
    b.ask("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a))
    wait(lambda: "" if f"[7-<-{id_of(a)}]" in (b1.directory / "nodes.conf").read_text() else "not written")


def test_a_replica_that_does_not_answer_keeps_the_order_from_counting(nodes: list[Node]) -> None:
    a, b, _, b1 = nodes
    b1.pause()
    with pytest.raises(ReplyError, match="^NOREPLICAS Not enough good replicas to write.$"):
        b.ask("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a), "TIMEOUT", 100)
    assert open_slots(b) == []
    b1.resume()
    b.ask("WAIT", 1, 5000)
    wait(lambda: "" if open_slots(b1) == [] else "the replica has what its primary has not")


def test_an_order_in_a_transaction_waits_for_nobody(nodes: list[Node]) -> None:
    a, b, _, b1 = nodes
    with b.connect() as connection:
        for command in (("MULTI",), ("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a))):
            connection.ask(*command)
        assert connection.ask("EXEC") == [b"OK"]
    wait(lambda: "" if open_slots(b1) == open_slots(b) != [] else "the replica has not heard of it")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("STABLE", "TIMEOUT"), "ERR Missing timeout value"),
        (("STABLE", "TIMEOUT", "x"), "ERR timeout is not an integer or out of range"),
        (("STABLE", "TIMEOUT", -1), "ERR timeout is negative"),
        (("STABLE", "TIMEOUT", 1, 2), "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"),
    ],
)
def test_timeouts_that_are_none(nodes: list[Node], words: tuple[object, ...], error: str) -> None:
    with pytest.raises(ReplyError) as refusal:
        nodes[0].ask("CLUSTER", "SETSLOT", 7, *words)
    assert str(refusal.value) == error


def test_a_client_of_a_replica_is_refused(nodes: list[Node]) -> None:
    with pytest.raises(ReplyError, match="^ERR Please use SETSLOT only with masters.$"):
        nodes[3].ask("CLUSTER", "SETSLOT", 7, "STABLE")


def test_a_replica_that_gets_the_whole_dataset_is_told_what_is_open(cluster: Cluster, nodes: list[Node]) -> None:
    a, b, _, b1 = nodes
    b1.kill()
    b.ask("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a))
    b.ask("CLUSTER", "SETSLOT", 8, "IMPORTING", id_of(a))
    b.ask("DEBUG", "CHANGE-REPL-ID")
    b1.start()
    cluster.wait_ok()
    wait(lambda: "" if open_slots(b1) == open_slots(b) != [] else "the replica has not heard of it")
    assert "Full resync from master" in b1.log()


def test_a_replica_that_comes_back_forgets_what_was_closed(cluster: Cluster, nodes: list[Node]) -> None:
    a, b, _, b1 = nodes
    b.ask("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a))
    b1.kill()
    b.ask("CLUSTER", "SETSLOT", 7, "STABLE")
    b1.start()
    cluster.wait_ok()
    wait(lambda: "" if open_slots(b1) == [] else "the replica has it open")


def test_a_master_that_was_silent_forgets_what_its_successor_has_closed(cluster: Cluster, nodes: list[Node]) -> None:
    a, b, _, b1 = nodes
    b.ask("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a))
    b.pause()
    wait(lambda: "" if b1.info("replication")["role"] == "master" else "no failover yet")
    b1.ask("CLUSTER", "SETSLOT", 7, "STABLE")
    b.resume()
    wait(lambda: "" if b.info("replication").get("master_link_status") == "up" else "no replica yet")
    wait(lambda: "" if open_slots(b) == [] else "the slot is open at the old master")
    assert "Full resync from master" not in b.log()
    Shards(cluster.nodes).fail_over("B")


def test_a_failover_goes_on_with_what_is_open_on_both_sides(cluster: Cluster, nodes: list[Node]) -> None:
    a, b, _, b1 = nodes
    b.ask("CLUSTER", "SETSLOT", 7, "IMPORTING", id_of(a))
    a.ask("CLUSTER", "SETSLOT", 7, "MIGRATING", id_of(b))
    Shards(cluster.nodes).fail_over("B")
    wait(lambda: "" if open_slots(a) == [f"[7->-{id_of(b1)}]"] else "the source has not heard of it")
    assert open_slots(b1) == [f"[7-<-{id_of(a)}]"]
    b1.ask("CLUSTER", "SETSLOT", 7, "STABLE")
