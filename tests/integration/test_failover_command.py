"""FAILOVER between processes: ours with ours, and each side with a real redis-server on the other."""

from collections.abc import Iterator
from typing import Any

import hiredis
import pytest

from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.integration.replicas import Servers, assert_same, digest, follow, full_syncs, wait_in_step, write_at_random


@pytest.fixture
def ours_with_deaf_heir(servers: Servers, our_server: list[str]) -> Iterator[tuple[Node, Node]]:
    """A primary of ours and a replica that has stopped to listen before the last write."""
    primary, replica = servers.start(our_server), servers.start(our_server)
    follow(replica, primary)
    wait_until(lambda: "" if primary.ask("ROLE")[2] else "it has no replica online")
    replica.pause()
    primary.ask("SET", "late", "yes")
    yield primary, replica
    replica.resume()


def role(node: Node) -> bytes:
    said: bytes = node.ask("ROLE")[0]
    return said


def failover_state(node: Node) -> str:
    return node.info("replication")["master_failover_state"]


def wait_until_changed(primary: Node, heir: Node) -> None:
    """Until the heir leads, and the old primary follows it."""
    wait_until(lambda: "" if role(heir) == b"master" else f"{heir} follows")
    wait_until(lambda: "" if failover_state(primary) == "no-failover" else "the failover is not over")
    wait_in_step(primary, heir)


def refusal(node: Node, *words: Any) -> str:
    with pytest.raises(hiredis.ReplyError) as raised:
        node.ask(*words)
    return str(raised.value)


def test_both_change_places_and_nothing_is_sent_again(pair: tuple[Node, Node]) -> None:
    primary, heir = pair
    write_at_random(primary.connect(), 2000)
    assert primary.ask("FAILOVER") in ("OK", b"OK")
    wait_until_changed(primary, heir)
    write_at_random(heir.connect(), 500, seed=2)
    assert_same(primary, heir)
    assert full_syncs(heir) == 0


def test_there_and_back_again(pair: tuple[Node, Node]) -> None:
    first, second = pair
    first.ask("FAILOVER", "TO", second.host, second.port, "TIMEOUT", 20_000)
    wait_until_changed(first, second)
    second.ask("SET", "k", "v")
    second.ask("FAILOVER", "TO", first.host, first.port)
    wait_until_changed(second, first)
    assert_same(second, first)
    assert full_syncs(second) == 0


def test_no_write_that_was_answered_is_lost(pair: tuple[Node, Node]) -> None:
    primary, heir = pair
    with primary.connect() as connection:
        for number in range(300):
            connection.send("INCR", "counter")
            if number == 100:
                primary.ask("FAILOVER")
        replies = [_reply(connection) for _ in range(300)]
    wait_until_changed(primary, heir)
    done = [reply for reply in replies if isinstance(reply, int)]
    assert heir.ask("GET", "counter") == b"%d" % len(done)
    assert {str(reply)[:8] for reply in replies[len(done) :]} <= {"READONLY"}


def _reply(connection: Any) -> Any:
    try:
        return connection.receive()
    except hiredis.ReplyError as error:
        return error


def test_the_other_replicas_follow_the_heir_without_a_full_sync(
    servers: Servers, programs: tuple[list[str], list[str]]
) -> None:
    primary, heir, other = (servers.start(program) for program in (programs[0], programs[1], programs[1]))
    for replica in (heir, other):
        follow(replica, primary)
    primary.ask("FAILOVER", "TO", heir.host, heir.port)
    wait_until_changed(primary, heir)
    heir.ask("SET", "k", "v")
    wait_in_step(other, primary)  # it stays below the old primary, which passes the heir's stream on
    assert digest(other) == digest(heir)
    assert full_syncs(primary) <= 2 and full_syncs(heir) == 0


def test_writes_wait_while_no_replica_has_everything(ours_with_deaf_heir: tuple[Node, Node]) -> None:
    primary, heir = ours_with_deaf_heir
    primary.ask("FAILOVER")
    assert failover_state(primary) == "waiting-for-sync"
    with primary.connect() as writer:
        writer.send("SET", "k", "v")
        wait_until(lambda: "" if primary.info("clients")["blocked_clients"] == "1" else "nobody waits")
        assert primary.ask("GET", "late") == b"yes"
        assert primary.ask("FAILOVER", "ABORT") in ("OK", b"OK")
        assert writer.receive() in ("OK", b"OK")
    assert role(primary) == b"master" and failover_state(primary) == "no-failover"


def test_a_timeout_ends_it_and_the_primary_stays(ours_with_deaf_heir: tuple[Node, Node]) -> None:
    primary, _ = ours_with_deaf_heir
    primary.ask("FAILOVER", "TIMEOUT", 100)
    wait_until(lambda: "" if failover_state(primary) == "no-failover" else "it goes on")
    assert role(primary) == b"master"
    assert primary.ask("SET", "k", "v") in ("OK", b"OK")
    assert "FAILOVER to any replica aborted: Replica never caught up before timeout" in primary.log()


def test_force_follows_a_replica_that_has_not_everything(ours_with_deaf_heir: tuple[Node, Node]) -> None:
    primary, heir = ours_with_deaf_heir
    primary.ask("FAILOVER", "TO", heir.host, heir.port, "FORCE", "TIMEOUT", 100)
    wait_until(lambda: "" if failover_state(primary) == "failover-in-progress" else "it waits")
    assert "REPLICAOF not allowed while failing over" in refusal(primary, "REPLICAOF", "NO", "ONE")
    heir.resume()
    wait_until_changed(primary, heir)
    assert_same(primary, heir)


def test_a_failover_under_way_can_be_aborted_even_in_progress(ours_with_deaf_heir: tuple[Node, Node]) -> None:
    primary, heir = ours_with_deaf_heir
    primary.ask("FAILOVER", "TO", heir.host, heir.port, "FORCE", "TIMEOUT", 100)
    wait_until(lambda: "" if failover_state(primary) == "failover-in-progress" else "it waits")
    assert "FAILOVER already in progress" in refusal(primary, "FAILOVER")
    primary.ask("FAILOVER", "ABORT")
    assert role(primary) == b"master"
    heir.resume()
    wait_until(lambda: "" if primary.ask("ROLE")[2] else "it has no replica online")
    assert primary.ask("GET", "late") == b"yes"


def test_a_stranger_cannot_be_made_primary(pair: tuple[Node, Node]) -> None:
    _, replica = pair
    wrong_id = "5" * 40
    with replica.connect() as connection:
        assert "replid must match my replid" in _refused(connection, "PSYNC", wrong_id, 1, "FAILOVER")
    assert role(replica) == b"slave"


def _refused(connection: Any, *words: Any) -> str:
    with pytest.raises(hiredis.ReplyError) as raised:
        connection.ask(*words)
    return str(raised.value)
