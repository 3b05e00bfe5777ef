"""A node stops, starts again or is replaced in the midst of an atomic migration: the source stays the owner, and the
target comes up without the keys that it had got."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pycluster.testing import Cluster, Node, wait_until
from pycluster.testing.node import Directive
from tests.integration.atomic import (
    count,
    held_before_pause,
    job,
    jobs,
    migrate,
    tag_in,
    wait_held,
    wait_state,
    why_not_owner,
)
from tests.integration.shards import row, wait, why_not_same

TAG = tag_in(1, 50)

Start = Callable[..., list[Node]]


@pytest.fixture
def start(our_server: list[str], tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(replicas: int = 0, *directives: Directive) -> list[Node]:
            """Two masters and their replicas, and keys in the first one's slots."""
            own: list[Directive] = [("enable-debug-command", "yes"), ("save", ""), *directives]
            cluster = stack.enter_context(
                Cluster(2, replicas, directory=tmp_path, program=our_server, directives=own)
            )
            with cluster.nodes[0].connect() as connection:
                for number in range(100):
                    connection.ask("SET", f"{TAG}{number}", number)
            return cluster.nodes

        yield begin


def begin_migration(source: Node, target: Node) -> bytes:
    name = migrate(source, target, 0, 50)
    wait_held(source, target, name)
    wait_until(lambda: "" if count(target, TAG) == 100 else "not all keys have come")
    return name


def assert_source_owns(source: Node, target: Node) -> None:
    wait(lambda: why_not_owner(source, 50, source) or why_not_owner(source, 50, target))
    assert count(source, TAG) == 100 and count(target, TAG) == 0
    wait(lambda: "" if source.cluster_info()["cluster_state"] == "ok" else "the cluster is down")
    assert source.ask("SET", f"{TAG}again", "x") == b"OK"
    assert target.ask("DBSIZE") == 0 and "[" not in target.ask("CLUSTER", "NODES").decode()


APPENDING: list[Directive] = [("appendonly", "yes"), ("appendfsync", "always")]


@pytest.mark.parametrize("preamble", ["yes", pytest.param("no", marks=pytest.mark.long)])
def test_a_target_with_an_append_only_file_starts_again(start: Start, preamble: str) -> None:
    source, target = start(0, *APPENDING, ("aof-use-rdb-preamble", preamble))
    with held_before_pause(source):
        begin_migration(source, target)
        target.kill()
        wait_until(lambda: "" if jobs(source)[0][b"state"] == b"failed" else "the source has not noticed")
    target.restart()
    assert_source_owns(source, target)
    assert (jobs(target)[0][b"state"], jobs(target)[0][b"message"]) == (b"failed", b"Process restarted")


@pytest.mark.long
@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_target_whose_file_was_rewritten_meanwhile_starts_again(start: Start, preamble: str) -> None:
    source, target = start(0, *APPENDING, ("aof-use-rdb-preamble", preamble))
    with held_before_pause(source):
        begin_migration(source, target)
        target.ask("BGREWRITEAOF")
        wait_until(lambda: "" if target.info("persistence")["aof_rewrite_in_progress"] == "0" else "rewriting")
        target.kill()
    target.restart()
    assert_source_owns(source, target)


@pytest.mark.long
def test_a_target_that_saved_meanwhile_starts_again(start: Start) -> None:
    source, target = start()
    with held_before_pause(source):
        begin_migration(source, target)
        target.ask("SAVE")
        target.kill()
    target.restart()
    assert_source_owns(source, target)


@pytest.mark.long
def test_what_has_come_is_kept_in_the_append_only_file(start: Start) -> None:
    source, target = start(0, *APPENDING)
    with held_before_pause(source):
        name = begin_migration(source, target)
        target.ask("BGREWRITEAOF")
        wait_until(lambda: "" if target.info("persistence")["aof_rewrite_in_progress"] == "0" else "rewriting")
    wait_state(target, name, b"success")
    target.kill()
    target.restart()
    assert target.ask("DBSIZE") == 100 and why_not_owner(target, 50, target) == ""


@pytest.mark.long
def test_a_source_that_starts_again_is_still_the_owner(start: Start) -> None:
    source, target = start(0, *APPENDING)
    with held_before_pause(source):
        name = begin_migration(source, target)
        source.kill()
    assert wait_state(target, name, b"failed")[b"message"].startswith(b"Connection lost to source.")
    source.restart()
    assert_source_owns(source, target)


def test_the_target_is_replaced_by_its_replica(start: Start) -> None:
    source, target, _, replica = start(1)
    with held_before_pause(source):
        name = begin_migration(source, target)
        wait_until(lambda: "" if count(replica, TAG) == 100 else "the replica has not all keys")
        replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        wait(lambda: "" if row(replica).role == "master" else "no master yet")
        wait_state(source, name, b"failed")
    assert_source_owns(source, replica)
    assert job(replica, name)[b"message"] == b"A failover occurred during slot import"
    wait(lambda: "" if row(target).role == "slave" else "the old target is still a master")
    wait(lambda: why_not_same(target, replica))
    assert job(target, name)[b"state"] in (b"failed", b"not there") and target.ask("DBSIZE") == 0


@pytest.mark.long
def test_the_source_is_replaced_by_its_replica(start: Start) -> None:
    source, target, heir, _ = start(1)
    wait(lambda: why_not_same(heir, source))
    with held_before_pause(source):
        name = begin_migration(source, target)
        heir.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        wait_state(target, name, b"failed")
        wait_state(source, name, b"failed")
    assert_source_owns(heir, target)


@pytest.mark.long
def test_a_replica_that_comes_late_hides_what_its_primary_hides(start: Start) -> None:
    source, target, _, replica = start(1)
    replica.kill()
    with held_before_pause(source):
        name = begin_migration(source, target)
        target.ask("DEBUG", "CHANGE-REPL-ID")  # so that it needs the whole dataset
        replica.restart()
        wait(lambda: "" if replica.info("replication")["master_link_status"] == "up" else "no link")
        assert count(replica, TAG) == 100 and replica.ask("DBSIZE") == 0
    wait_state(source, name, b"success")
    wait(lambda: "" if replica.ask("DBSIZE") == 100 else "still hidden")
    assert job(replica, name)[b"state"] == b"success"


@pytest.mark.long
def test_a_replica_has_what_its_promoted_primary_has_taken(start: Start) -> None:
    source, target, _, replica = start(1)
    with held_before_pause(source):
        name = begin_migration(source, target)
    wait_state(target, name, b"success")
    wait(lambda: "" if replica.ask("DBSIZE") == 100 else "still hidden")
    replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
    wait(lambda: why_not_owner(replica, 50, source))
    assert replica.ask("DBSIZE") == 100


@pytest.mark.long
def test_a_failover_of_the_target_lets_the_stream_wait(start: Start) -> None:
    source, target, _, replica = start(1)
    wait(lambda: why_not_same(replica, target))
    with held_before_pause(source):
        name = begin_migration(source, target)
        replica.ask("CLUSTER", "FAILOVER")
        wait(lambda: "" if row(replica).role == "master" else "no master yet")
        wait_state(source, name, b"failed")
    assert_source_owns(source, replica)
