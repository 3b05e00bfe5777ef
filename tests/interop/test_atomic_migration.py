"""CLUSTER MIGRATESLOTS between our nodes and valkey-server's, in both directions, with replicas of both makes: the
words on the wire are the same."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from pycluster.testing import Cluster, Node, wait_until
from tests.integration.atomic import (
    count,
    held_before_pause,
    held_migration,
    job,
    jobs,
    migrate,
    move,
    tag_in,
    wait_held,
    wait_state,
    why_not_owner,
)
from tests.integration.loads import Application
from tests.integration.shards import id_of, wait
from tests.integration.test_atomic_migration import digests, fill, refusal
from tests.interop.mixed import values_of_every_type
from tests.interop.test_reshard import streams

ROLES = ["ours to valkey", "valkey to ours"]


@pytest.fixture(scope="module")
def mixed(
    our_server: list[str], valkey_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A master of ours and one of Valkey's; the replica of each is of the other make."""
    directives = [("enable-debug-command", "yes"), ("save", ""), ("repl-ping-replica-period", 600)]
    directory = tmp_path_factory.mktemp("atomic")
    cluster = Cluster(2, 1, directory=directory, program=our_server, directives=directives, node_timeout_ms=5000)
    for node in (cluster.nodes[1], cluster.nodes[2]):
        node.program = tuple(valkey_server)
    with cluster:
        for replica in cluster.nodes[2:]:
            wait(lambda node=replica: "" if node.info("replication")["master_link_status"] == "up" else "no link")
        yield cluster


class Sides:
    """Who gives, who takes, the replica of who takes, and the slots that move: some that are the giver's."""

    def __init__(self, source: Node, target: Node, replica: Node, first: int):
        self.source, self.target, self.replica = source, target, replica
        self.first, self.last = first, first + 50
        self.tags = tag_in(first, first), tag_in(first + 5, first + 5)

    def held_migration(self) -> AbstractContextManager[bytes]:
        return held_migration(self.source, self.target, self.first, self.last)


@pytest.fixture(params=ROLES)
def sides(mixed: Cluster, request: pytest.FixtureRequest) -> Iterator[Sides]:
    ours, valkey, replica_of_ours, replica_of_valkey = mixed.nodes
    if request.param == "ours to valkey":
        yield Sides(ours, valkey, replica_of_valkey, 100)
    else:
        yield Sides(valkey, ours, replica_of_ours, 9000)
    for node in (ours, valkey):
        node.ask("FLUSHALL")


def test_values_of_every_type_arrive_as_they_were(sides: Sides) -> None:
    source, target = sides.source, sides.target
    with source.connect() as connection:
        for command in (*values_of_every_type(sides.tags[0]), *streams(sides.tags[1])):
            connection.ask(*command)
    before = digests(source, sides.first, sides.last)
    move(source, target, sides.first, sides.last)
    assert len(before) > 20 and digests(target, sides.first, sides.last) == before
    wait_until(lambda: "" if sides.replica.ask("DBSIZE") == len(before) else "the replica has not all keys")
    move(target, source, sides.first, sides.last)
    assert digests(source, sides.first, sides.last) == before


def test_an_application_notices_nothing(sides: Sides, mixed: Cluster) -> None:
    with Application(mixed.nodes) as application:
        for giver, taker in ((sides.source, sides.target), (sides.target, sides.source)):
            name = migrate(giver, taker, sides.first, sides.first + 3000)
            wait_state(giver, name, b"success")
            wait_until(lambda node=taker: why_not_owner(node, sides.first, sides.replica))
            application.wait_progress()


def test_incoming_keys_are_hidden_by_replicas_too(sides: Sides) -> None:
    tag = sides.tags[0]
    fill(sides.source, tag, 10)
    with sides.held_migration() as name:
        wait_until(lambda: "" if count(sides.replica, tag) == 10 else "the replica has not all keys")
        for node in (sides.target, sides.replica):
            assert node.ask("DBSIZE") == 0 and node.ask("KEYS", "*") == [] and node.ask("RANDOMKEY") is None
        sides.source.ask("CLUSTER", "CANCELSLOTMIGRATIONS")
    assert wait_state(sides.target, name, b"failed")[b"message"].startswith(b"Connection lost to source.")
    wait_until(lambda: "" if count(sides.replica, tag) == count(sides.target, tag) == 0 else "there are keys left")
    assert count(sides.source, tag) == 10
    wait_until(lambda: "" if job(sides.replica, name)[b"state"] == b"failed" else "the replica does not know yet")


def test_changes_made_meanwhile_arrive(sides: Sides) -> None:
    tag = sides.tags[0]
    fill(sides.source, tag)
    with sides.held_migration() as name:
        sides.source.ask("INCRBY", f"{tag}7", 100)
        sides.source.ask("DEL", f"{tag}8", f"{tag}9")
        sides.source.ask("ZADD", f"{tag}new", 1, "x")
        sides.source.ask("ZPOPMIN", f"{tag}new")
        before = digests(sides.source, sides.first, sides.last)
    wait_state(sides.source, name, b"success")
    assert digests(sides.target, sides.first, sides.last) == before
    move(sides.target, sides.source, sides.first, sides.last)


def test_the_target_is_flushed(sides: Sides) -> None:
    fill(sides.source, sides.tags[0])
    with sides.held_migration() as name:
        sides.target.ask("FLUSHALL")
        assert job(sides.target, name)[b"message"] == b"Data was flushed"
        message = wait_state(sides.source, name, b"failed")[b"message"]
    assert message.startswith(b"Connection lost to target.")
    assert count(sides.source, sides.tags[0]) == 100


@pytest.mark.parametrize(
    "words",
    ["x 1", "01 1", "+1 1", "-0 1", "-1 1", "1 x", "1", "2 1", f"{1 << 63} 1", f"{(1 << 63) - 1} 1", f"1 {1 << 63}"],
)
def test_both_refuse_the_same_ranges(mixed: Cluster, words: str) -> None:
    ours, valkey, _, _ = mixed.nodes
    order = ("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *words.split(), "NODE", id_of(valkey))
    assert refusal(ours, *order) == refusal(valkey, *order)


def test_both_tell_the_same_of_a_job(sides: Sides) -> None:
    move(sides.source, sides.target, sides.first, sides.last)
    gives, takes = jobs(sides.source)[0], jobs(sides.target)[0]
    assert list(gives) == list(takes)
    same = ("name", "slot_ranges", "target_node", "source_node", "state", "message")
    assert [gives[word.encode()] for word in same] == [takes[word.encode()] for word in same]
    move(sides.target, sides.source, sides.first, sides.last)


def test_fields_that_expire_cannot_come_to_us(mixed: Cluster) -> None:
    ours, valkey, _, _ = mixed.nodes
    tag = tag_in(9000, 9000)
    valkey.ask("HSETEX", f"{tag}hash", "EX", 1000, "FIELDS", 1, "field", "value")
    name = migrate(valkey, ours, 9000, 9000)
    wait_state(valkey, name, b"failed")
    assert job(ours, name)[b"message"] == (
        b"Failed to process command during slot migration. Check logs for more information"
    )
    assert count(ours, tag) == 0 and valkey.ask("HGET", f"{tag}hash", "field") == b"value"
    valkey.ask("FLUSHALL")


@pytest.mark.long
def test_a_replica_of_ours_that_comes_late_to_a_valkey_primary(mixed: Cluster) -> None:
    """Valkey makes no snapshot that such a replica could read while slots come; afterwards it does."""
    ours, valkey, _, replica = mixed.nodes
    tag = tag_in(100, 100)
    fill(ours, tag, 10)
    with held_before_pause(ours):
        replica.stop()
        name = migrate(ours, valkey, 100, 100)
        wait_held(ours, valkey, name)
        valkey.ask("DEBUG", "CHANGE-REPL-ID")
        replica.restart()
        wait_until(lambda: "" if "Can't store slot migrations in RDB version" in valkey.log() else "not asked yet")
    wait_state(ours, name, b"success")
    wait(lambda: "" if replica.ask("DBSIZE") == 10 else "not synchronized")
    move(valkey, ours, 100, 100)
    ours.ask("FLUSHALL")
