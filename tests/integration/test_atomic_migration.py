"""CLUSTER MIGRATESLOTS between two of our masters, each with a replica: what clients see, and what goes wrong."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import hiredis
import pytest

from pycluster.keyspace.slots import key_slot
from pycluster.testing import Cluster, Node, wait_until
from tests.integration.atomic import (
    count,
    held_before_claim,
    held_migration,
    job,
    jobs,
    migrate,
    move,
    tag_in,
    wait_state,
    why_not_owner,
)
from tests.integration.loads import Application
from tests.integration.shards import id_of, why_not_same
from tests.interop.mixed import values_of_every_type
from tests.interop.test_reshard import streams

MANY = 5000  # fields of a hash that is sent in slices


@pytest.fixture(scope="module")
def nodes(our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Two masters and their replicas; every test leaves the masters' slots where they were."""
    directory = tmp_path_factory.mktemp("atomic")
    directives = [("enable-debug-command", "yes"), ("save", ""), ("repl-ping-replica-period", 600)]
    with Cluster(2, 1, directory=directory, program=our_server, directives=directives) as cluster:
        wait_until(lambda: why_not_same(cluster.nodes[2], cluster.nodes[0]))
        wait_until(lambda: why_not_same(cluster.nodes[3], cluster.nodes[1]))
        yield cluster.nodes


@pytest.fixture
def sides(nodes: list[Node]) -> Iterator[tuple[Node, Node, Node]]:
    """Source, target and the target's replica; afterwards all slots are the source's again, and empty."""
    source, target, _, replica = nodes
    yield source, target, replica
    for node in (source, target):
        node.ask("DEBUG", "SLOTMIGRATION", "PREVENT-PAUSE", 0)
        node.ask("DEBUG", "SLOTMIGRATION", "PREVENT-FAILOVER", 0)
        node.ask("FLUSHALL")
    wait_until(lambda: "" if replica.ask("DBSIZE") == 0 else "the replica has keys")


def fill(node: Node, tag: str, keys: int = 100) -> None:
    with node.connect() as connection:
        for number in range(keys):
            connection.ask("SET", f"{tag}{number}", number)


def digests(node: Node, first: int, last: int) -> dict[bytes, tuple[bytes, int]]:
    """Of each key in these slots; and its deadline."""
    with node.connect() as connection:
        slots = range(first, last + 1)
        keys = [key for slot in slots for key in connection.ask("CLUSTER", "GETKEYSINSLOT", slot, 10_000)]
        return {
            key: (bytes(connection.ask("DEBUG", "DIGEST-VALUE", key)[0]), connection.ask("PEXPIRETIME", key))
            for key in keys
        }


def refusal(node: Node, *words: object) -> str:
    with pytest.raises(hiredis.ReplyError) as refused:
        node.ask(*words)  # type: ignore[arg-type]
    return str(refused.value)


# What moves


def test_values_of_every_type_arrive_as_they_were(sides: tuple[Node, Node, Node]) -> None:
    source, target, replica = sides
    tags = tag_in(100, 100), tag_in(105, 105)
    with source.connect() as connection:
        for command in (*values_of_every_type(tags[0]), *streams(tags[1])):
            connection.ask(*command)
        connection.ask("HSET", f"{tags[1]}big", *range(2 * MANY))
    before = digests(source, 100, 110)
    move(source, target, 100, 110)
    assert len(before) > 20 and digests(target, 100, 110) == before
    wait_until(lambda: why_not_same(replica, target))
    wait_until(lambda: "" if source.ask("DBSIZE") == 0 else "the source has keys")
    move(target, source, 100, 110)
    assert digests(source, 100, 110) == before


def test_an_application_notices_nothing(sides: tuple[Node, Node, Node], nodes: list[Node]) -> None:
    source, target, replica = sides
    for number in range(10):
        fill(source, tag_in(500 * number, 500 * number + 499), 300)
    with Application(nodes) as application:
        for giver, taker in ((source, target), (target, source)):
            name = migrate(giver, taker, 0, 5000)
            wait_state(giver, name, b"success")
            wait_until(lambda node=taker: why_not_owner(node, 5000, replica))
            application.wait_progress()
    wait_until(lambda: why_not_same(replica, target))


def test_changes_made_meanwhile_arrive(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    with held_migration(source, target) as name:
        source.ask("SET", f"{tag}new", "x")
        source.ask("INCRBY", f"{tag}7", 100)
        source.ask("DEL", f"{tag}8", f"{tag}9")
        source.ask("SET", f"{tag}short", "x", "PX", 1)
        wait_until(lambda: "expired" if source.ask("EXISTS", f"{tag}short") else "")
    wait_state(source, name, b"success")
    wait_until(lambda: why_not_owner(target, 50, source))
    found = [target.ask("GET", f"{tag}{name}") for name in ("new", "7", "8", "9", "short")]
    assert found == [b"x", b"107", None, None, None]
    move(target, source, 0, 50)


def test_several_ranges_go_to_several_targets(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    words = ("SLOTSRANGE", 1, 2, 5, 5, "NODE", id_of(target), "SLOTSRANGE", 7, 7, "NODE", id_of(target))
    source.ask("CLUSTER", "MIGRATESLOTS", *words)
    for found in jobs(source)[:2]:
        wait_state(source, found[b"name"], b"success")
    wait_until(lambda: why_not_owner(target, 7, source) or why_not_owner(target, 5, source))
    assert [found[b"slot_ranges"] for found in jobs(source)[:2]] == [b"7-7", b"1-2 5-5"]
    move(target, source, 1, 2)
    move(target, source, 5, 5)
    move(target, source, 7, 7)


@pytest.mark.long
def test_all_slots_go_and_the_source_becomes_a_replica(our_server: list[str], tmp_path: Path) -> None:
    with Cluster(2, 0, directory=tmp_path, program=our_server, directives=[("save", "")]) as cluster:
        source, target = cluster.nodes
        fill(source, tag_in(1, 1))
        migrate(source, target, 0, 8191)
        wait_until(lambda: "" if source.info("replication")["role"] == "slave" else "still a master")
        wait_until(lambda: "" if source.ask("DBSIZE") == 100 else "not synchronized")


# What is seen meanwhile


def test_incoming_keys_are_hidden(sides: tuple[Node, Node, Node]) -> None:
    source, target, replica = sides
    tag = tag_in(1, 50)
    fill(source, tag, 10)
    with held_migration(source, target) as name:
        wait_until(lambda: "" if count(replica, tag) == 10 else "the replica has not all keys")
        for node in (target, replica):
            assert node.ask("DBSIZE") == 0 and node.ask("KEYS", "*") == [] and node.ask("RANDOMKEY") is None
            assert node.ask("SCAN", 0, "COUNT", 1000) == [b"0", []] and "db0" not in node.info("keyspace")
            assert count(node, tag) == 10
        assert refusal(target, "GET", f"{tag}1").startswith("MOVED")
        source.ask("CLUSTER", "CANCELSLOTMIGRATIONS")
    wait_state(target, name, b"failed")


def test_incoming_keys_do_not_expire_by_themselves(sides: tuple[Node, Node, Node]) -> None:
    """One of the target's own does, with a later deadline: only the source's word lets the other one go."""
    source, target, _ = sides
    tag, other = tag_in(1, 50), tag_in(9000, 9000)
    source.ask("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    source.ask("SET", f"{tag}key", "x")
    with held_migration(source, target) as name:
        deadline_ms = int(time.time() * 1000) + 500
        source.ask("PEXPIREAT", f"{tag}key", deadline_ms)
        target.ask("SET", other, "x", "PXAT", deadline_ms + 100)
        wait_until(lambda: "" if count(target, other) == 0 else "nothing has expired")
        assert count(target, tag) == 1
        assert source.ask("PEXPIRETIME", f"{tag}key") == -2
        wait_until(lambda: "" if count(target, tag) == 0 else "its source has not said so yet")
        source.ask("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    wait_state(source, name, b"success")
    move(target, source, 0, 50)


def test_what_is_told_of_a_job(sides: tuple[Node, Node, Node]) -> None:
    source, target, replica = sides
    move(source, target, 0, 1)
    move(target, source, 0, 1)
    wait_until(lambda: "" if jobs(replica)[0][b"state"] == b"success" else "the replica does not know yet")
    fields = (
        b"name operation slot_ranges target_node source_node create_time last_update_time last_ack_time state message "
        b"cow_size remaining_repl_size"
    ).split()
    assert [list(jobs(node)[0]) for node in (source, target)] == [fields, fields]
    assert list(jobs(replica)[0]) == [name for name in fields if not name.endswith(b"_node")]
    assert jobs(target)[0][b"operation"] == b"EXPORT" and jobs(replica)[0][b"operation"] == b"IMPORT"


def test_the_client_of_a_source_is_marked(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    with held_migration(source, target) as name:
        assert b" flags=i " in target.ask("CLIENT", "LIST")
        source.ask("CLUSTER", "CANCELSLOTMIGRATIONS")
    wait_state(target, name, b"failed")


# What goes wrong


def assert_nothing_has_happened(sides: tuple[Node, Node, Node], name: bytes, tag: str, keys: int) -> None:
    source, target, replica = sides
    wait_state(target, name, b"failed")
    wait_state(replica, name, b"failed")
    slot = key_slot(tag.encode())
    assert why_not_owner(source, slot, source) == why_not_owner(source, slot, target) == ""
    assert count(source, tag) == keys and count(target, tag) == 0
    wait_until(lambda: "" if count(replica, tag) == 0 else "the replica has keys")
    assert source.ask("SET", f"{tag}again", "x") == b"OK"


def test_cancelled(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    with held_migration(source, target) as name:
        source.ask("CLUSTER", "CANCELSLOTMIGRATIONS")
    wait_state(source, name, b"cancelled")
    assert_nothing_has_happened(sides, name, tag, 100)


@pytest.mark.parametrize("what", ["FLUSHALL", "FLUSHDB", "DEBUG RELOAD"])
def test_the_target_is_flushed(sides: tuple[Node, Node, Node], what: str) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    with held_migration(source, target) as name:
        target.ask(*what.split())
        assert job(target, name)[b"message"] == b"Data was flushed"
        wait_state(source, name, b"failed")
    assert_nothing_has_happened(sides, name, tag, 100)


@pytest.mark.parametrize(("what", "left"), [("FLUSHALL", 0), ("DEBUG RELOAD", 100)])
def test_the_source_is_flushed(sides: tuple[Node, Node, Node], what: str, left: int) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    with held_migration(source, target) as name:
        source.ask(*what.split())
        assert job(source, name)[b"message"] == b"Data was flushed"
    assert_nothing_has_happened(sides, name, tag, left)


def test_the_connection_is_cut(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    with held_migration(source, target) as name:
        line = next(line for line in target.ask("CLIENT", "LIST").splitlines() if b" flags=i " in line)
        target.ask("CLIENT", "KILL", "ID", line.split(b" ")[0].removeprefix(b"id="))
        wait_state(source, name, b"failed")
    assert job(source, name)[b"message"].startswith(b"Connection lost to target.")
    assert_nothing_has_happened(sides, name, tag, 100)


def test_the_target_is_out_of_memory(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    target.ask("CONFIG", "SET", "maxmemory", 1)
    name = migrate(source, target, 0, 50)
    wait_state(source, name, b"failed")
    target.ask("CONFIG", "SET", "maxmemory", 0)
    assert job(target, name)[b"message"] == b"Ran out of memory (OOM) during slot import"
    assert_nothing_has_happened(sides, name, tag, 100)


@pytest.mark.long
def test_the_target_does_not_take_the_slots_in_time(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    source.ask("CONFIG", "SET", "cluster-manual-failover-timeout", 1)
    target.ask("DEBUG", "SLOTMIGRATION", "PREVENT-FAILOVER", 1)
    name = migrate(source, target, 0, 50)
    wait_state(source, name, b"failed")
    source.ask("CONFIG", "SET", "cluster-manual-failover-timeout", 5000)
    assert_nothing_has_happened(sides, name, tag, 100)


def test_slots_are_not_moved_by_hand_meanwhile(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    with held_migration(source, target) as name:
        words = ("CLUSTER", "SETSLOT", 99, "MIGRATING", id_of(target))
        assert refusal(source, *words) == "ERR Slot export in progress."
        assert refusal(target, *words) == "ERR Slot import in progress."
        assert refusal(source, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", 50, 60, "NODE", id_of(target)) == (
            "ERR I am already migrating slot 50."
        )
        source.ask("CLUSTER", "CANCELSLOTMIGRATIONS")
    wait_state(target, name, b"failed")


def test_a_replica_is_refused_as_target(sides: tuple[Node, Node, Node]) -> None:
    source, _, replica = sides
    name = migrate(source, replica, 0, 50)
    message = wait_state(source, name, b"failed")[b"message"]
    assert message == (
        b"Received error during handshake to target: -ERR Slot migration can only be used on primary nodes.\r\n"
    )


def test_keys_that_were_left_at_the_target_are_not_mixed_with_what_comes(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tag = tag_in(1, 50)
    fill(source, tag)
    target.ask("DEBUG", "POPULATE", 1, f"{tag}left")
    name = migrate(source, target, 0, 50)
    message = wait_state(source, name, b"failed")[b"message"]
    assert b"-ERR Slot %d has keys on the target node already" % key_slot(tag.encode()) in message
    assert count(source, tag) == 100 and count(target, tag) == 1


@pytest.mark.parametrize("what", ["ACK", "PAUSED", "SNAPSHOT-EOF", "REQUEST-PAUSE", "FAILOVER-GRANTED"])
def test_the_words_of_the_protocol_are_not_for_everybody(nodes: list[Node], what: str) -> None:
    why = refusal(nodes[0], "CLUSTER", "SYNCSLOTS", what)
    assert why == f"ERR CLUSTER SYNCSLOTS {what} should only be used by slot migration clients"


def test_slots_go_in_both_directions_at_once(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tags = tag_in(1, 50), tag_in(9000, 9050)
    fill(source, tags[0], 1000)
    fill(target, tags[1], 1000)
    there, back = migrate(source, target, 0, 50), migrate(target, source, 9000, 9050)
    wait_state(source, there, b"success")
    wait_state(target, back, b"success")
    wait_until(lambda: "" if count(target, tags[0]) == count(source, tags[1]) == 1000 else "keys are missing")
    wait_until(lambda: "" if count(source, tags[0]) == count(target, tags[1]) == 0 else "keys are left")
    move(target, source, 0, 50)
    move(source, target, 9000, 9050)


def test_each_side_takes_slots_of_the_other_before_it_hears_of_the_others_claim(sides: tuple[Node, Node, Node]) -> None:
    source, target, _ = sides
    tags = tag_in(1, 50), tag_in(9000, 9050)
    fill(source, tags[0])
    fill(target, tags[1])
    with held_before_claim(source, target):
        there, back = migrate(source, target, 0, 50), migrate(target, source, 9000, 9050)
        wait_state(source, there, b"failover-granted")
        wait_state(target, back, b"failover-granted")
    for node, name in itertools.product((source, target), (there, back)):
        wait_state(node, name, b"success")
    wait_until(lambda: why_not_owner(target, 50, source) or why_not_owner(source, 9050, target))
    assert count(target, tags[0]) == count(source, tags[1]) == 100
    move(target, source, 0, 50)
    move(source, target, 9000, 9050)
