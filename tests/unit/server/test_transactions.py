"""MULTI, EXEC and WATCH, inside the server: one unit, one time, one record."""

from collections.abc import Iterator

import pytest

from pycluster.protocol.errors import ReplyError
from pycluster.protocol.replies import NULL_ARRAY, Spoken
from pycluster.server.client import IN_TRANSACTION, Client
from tests.unit.server.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def transact(stage: Stage, client: Client, *requests: str) -> object:
    stage.ask(client, "MULTI")
    for request in requests:
        stage.ask(client, request)
    return stage.ask(client, "EXEC")


def test_the_replies_come_together(stage: Stage) -> None:
    client = stage.client()
    assert transact(stage, client, "SET a 1", "INCR a", "GET a", "GET none") == ["OK", 2, b"2", None]
    assert client.transaction is None and not client.gate & IN_TRANSACTION


def test_several_changes_are_recorded_as_one_unit_and_one_change_alone(stage: Stage) -> None:
    client = stage.client()
    transact(stage, client, "SET a 1", "GET a", "INCR a")
    assert stage.records() == [b"MULTI", b"SET a 1", b"INCR a", b"EXEC"]
    transact(stage, client, "GET a", "SET a 2", "GET a")
    assert stage.records() == [b"SET a 2"]
    transact(stage, client, "GET a", "DEL none")
    assert stage.records() == []


def test_an_error_inside_stops_nothing(stage: Stage) -> None:
    client = stage.client()
    replies = transact(stage, client, "SET a x", "INCR a", "SET b 1")
    assert isinstance(replies, list) and isinstance(replies[1], ReplyError)
    assert stage.ask(client, "GET b") == b"1"


def test_time_stands_still(stage: Stage) -> None:
    client = stage.client()
    for request in ["MULTI", "SET k v PX 5", "GET k"]:
        stage.ask(client, request)
    stage.server.timing.wall_due = 0  # the wall clock would be read again after each command
    assert stage.ask(client, "EXEC") == ["OK", b"v"]
    assert not stage.server.timing.frozen


def test_a_refused_command_refuses_the_whole_and_nothing_more_is_kept(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "MULTI")
    stage.ask(client, "SET a 1")
    stage.ask(client, "NOSUCH")
    assert stage.ask(client, "SET a 2") == "QUEUED"
    assert client.transaction is not None and len(client.transaction.queue) == 1
    assert str(stage.ask(client, "EXEC")) == "EXECABORT Transaction discarded because of previous errors."
    assert stage.ask(client, "GET a") is None
    assert stage.server.statistics.errors == {"ERR": 1, "EXECABORT": 1}


def test_exec_that_is_refused_itself_says_why(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "MULTI")
    stage.ask(client, "SET a 1")
    stage.server.set_few_replicas(True)
    reply = stage.ask(client, "EXEC")
    assert str(reply) == "EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write."
    assert client.transaction is None


def test_a_changed_key_makes_exec_answer_null(stage: Stage) -> None:
    client, other = stage.client(), stage.client()
    stage.ask(client, "WATCH a")
    stage.ask(other, "SET a 1")
    assert transact(stage, client, "PING") is NULL_ARRAY
    assert transact(stage, client, "PING") == ["PONG"]


@pytest.mark.parametrize("end", ["UNWATCH", "DISCARD", "EXEC", "RESET"])
def test_watching_ends_and_leaves_nothing_behind(stage: Stage, end: str) -> None:
    client = stage.client()
    stage.ask(client, "WATCH a b a")
    if end in ("DISCARD", "EXEC"):
        stage.ask(client, "MULTI")
    stage.ask(client, end)
    assert not client.watched and not client.watch_broken
    assert not any(db.interested for db in stage.server.databases)


def test_a_client_that_goes_watches_no_more(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "WATCH a")
    stage.server.drop_client(client)
    assert not stage.server.databases[0].interested


def test_a_key_that_had_expired_before_watch_may_be_removed(stage: Stage) -> None:
    client, other = stage.client(), stage.client()
    stage.ask(client, "SET k v PXAT 1000005")
    stage.at(1_000_010)
    stage.ask(client, "WATCH k")
    stage.ask(other, "GET k")
    assert transact(stage, client, "PING") == ["PONG"]


def test_a_key_that_expires_after_watch_is_a_change_removed_or_not(stage: Stage) -> None:
    for somebody_looks in (True, False):
        client, other = stage.client(), stage.client()
        stage.at(1_000_000)
        stage.ask(client, "SET k v PXAT 1000005")
        stage.ask(client, "WATCH k")
        stage.at(1_000_010)
        if somebody_looks:
            stage.ask(other, "GET k")
        assert transact(stage, client, "PING") is NULL_ARRAY


def test_a_dead_key_that_comes_to_life_is_a_change(stage: Stage) -> None:
    client, other = stage.client(), stage.client()
    stage.ask(client, "SET k v PXAT 1000005")
    stage.at(1_000_010)
    stage.ask(client, "WATCH k")
    stage.ask(other, "SET k w")
    assert transact(stage, client, "PING") is NULL_ARRAY


def test_a_protocol_changed_inside_is_spoken_from_there_on(stage: Stage) -> None:
    client = stage.client()
    replies = transact(stage, client, "GET none", "HELLO 3", "GET none")
    assert isinstance(replies, list)
    assert replies[0] is None and isinstance(replies[1], Spoken) and replies[2] == Spoken(None, 3)


def test_waiters_are_served_behind_the_whole(stage: Stage) -> None:
    waiting, client = stage.client(), stage.client()
    stage.ask(waiting, "BLPOP l 0")
    assert transact(stage, client, "RPUSH l 1 2", "LPOP l", "LLEN l") == [2, b"1", 1]
    assert stage.heard(waiting) == [[b"l", b"2"]]
    assert stage.records() == [b"MULTI", b"RPUSH l 1 2", b"LPOP l", b"EXEC", b"LPOP l"]
