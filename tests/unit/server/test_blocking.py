"""Waiting for keys, inside the server: turns, fairness, and nothing left behind."""

import asyncio
from collections.abc import Iterator

import pytest

from pycluster.protocol.replies import NULL_ARRAY
from pycluster.server.blocking import BLOCKED
from pycluster.server.client import MUTED, SKIPPING, Client
from tests.unit.server.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def waiting(stage: Stage, request: str) -> Client:
    client = stage.client()
    assert stage.ask(client, request) is BLOCKED
    return client


def left_behind(stage: Stage) -> list[object]:
    blocking = stage.server.blocking
    return [blocking.clients, blocking.waiters, blocking.ready, *(db.interested for db in stage.server.databases)]


def test_who_came_first_is_served_first(stage: Stage) -> None:
    first, second = waiting(stage, "BLPOP l 0"), waiting(stage, "BLPOP l 0")
    stage.ask(stage.client(), "RPUSH l 1 2 3")
    assert stage.heard(first) == [[b"l", b"1"]] and stage.heard(second) == [[b"l", b"2"]]
    assert first.link.resumed == 1 and first.waiter is None  # type: ignore[attr-defined]
    assert not any(left_behind(stage))


def test_what_served_a_waiter_is_recorded_as_what_it_did(stage: Stage) -> None:
    waiting(stage, "BRPOP x l 0")
    stage.ask(stage.client(), "RPUSH l 1")
    assert stage.records() == [b"RPUSH l 1", b"RPOP l"]


def test_a_waiter_who_finds_nothing_keeps_its_place(stage: Stage) -> None:
    first, second = waiting(stage, "BLPOP l 0"), waiting(stage, "BLPOP l 0")
    client = stage.client()
    for request in ["SET l x", "DEL l", "SADD l x", "DEL l", "RPUSH l 1"]:
        stage.ask(client, request)
    assert stage.heard(first) == [[b"l", b"1"]] and not stage.heard(second)


def test_a_waiter_is_one_though_it_waits_for_many_keys(stage: Stage) -> None:
    client = waiting(stage, "BLPOP x y x 0")
    stage.ask(stage.client(), "RPUSH y 1")
    stage.ask(stage.client(), "RPUSH x 1")
    assert stage.heard(client) == [[b"y", b"1"]]
    assert not any(left_behind(stage))


def test_one_who_is_served_may_serve_the_next(stage: Stage) -> None:
    first, second = waiting(stage, "BLMOVE a b LEFT LEFT 0"), waiting(stage, "BLMOVE b c LEFT LEFT 0")
    third = waiting(stage, "BLPOP c 0")
    stage.ask(stage.client(), "RPUSH a 1")
    assert [stage.heard(client) for client in (first, second, third)] == [[b"1"], [b"1"], [[b"c", b"1"]]]


def test_a_list_that_turns_in_a_circle_does_not_hang(stage: Stage) -> None:
    waiting(stage, "BLMOVE a b LEFT LEFT 0")
    waiting(stage, "BLMOVE b a LEFT LEFT 0")
    waiting(stage, "BLMOVE a b LEFT LEFT 0")
    stage.ask(stage.client(), "RPUSH a 1")
    assert stage.server.databases[0].size() == 1
    assert not any(left_behind(stage))


def test_databases_are_apart(stage: Stage) -> None:
    client, other = waiting(stage, "BLPOP l 0"), stage.client()
    stage.ask(other, "SELECT 1")
    stage.ask(other, "RPUSH l 1")
    assert not stage.heard(client)
    stage.ask(other, "MOVE l 0")
    assert stage.heard(client) == [[b"l", b"1"]]


def test_a_wait_ends_with_its_time(stage: Stage) -> None:
    client = waiting(stage, "BLPOP l 0.001")

    async def until_answered() -> None:
        while not client.link.sent:  # type: ignore[attr-defined]
            await asyncio.sleep(0)

    stage.loop.run_until_complete(until_answered())
    assert stage.heard(client) == [NULL_ARRAY] and not any(left_behind(stage))


def test_served_means_the_time_does_not_matter_any_more(stage: Stage) -> None:
    client = waiting(stage, "BLPOP l 1000")
    timer = client.waiter.timer
    stage.ask(stage.client(), "RPUSH l 1")
    assert timer.cancelled()


def test_a_client_that_goes_takes_its_wait_along(stage: Stage) -> None:
    client = waiting(stage, "BLPOP a b 1000")
    stage.server.drop_client(client)
    assert not any(left_behind(stage))
    stage.ask(stage.client(), "RPUSH a 1")
    assert stage.server.databases[0].size() == 1


@pytest.mark.parametrize(
    ("reason", "expected"), [("", "NULL_ARRAY"), (" TIMEOUT", "NULL_ARRAY"), (" ERROR", "UNBLOCKED")]
)
def test_somebody_else_ends_the_wait(stage: Stage, reason: str, expected: str) -> None:
    client = waiting(stage, "BLPOP l 0")
    assert stage.ask(stage.client(), f"CLIENT UNBLOCK {client.id}{reason}") == 1
    [reply] = stage.heard(client)
    assert str(reply).startswith(expected)
    assert stage.ask(stage.client(), f"CLIENT UNBLOCK {client.id}") == 0


def test_nobody_waits_inside_a_transaction(stage: Stage) -> None:
    client = stage.client()
    for request in ["MULTI", "BLPOP l 0", "BLMOVE a b LEFT LEFT 0"]:
        stage.ask(client, request)
    assert stage.ask(client, "EXEC") == [NULL_ARRAY, None]
    assert client.waiter is None


@pytest.mark.parametrize("gate", [MUTED, SKIPPING])
def test_one_whose_replies_are_off_waits_all_the_same(stage: Stage, gate: int) -> None:
    client = stage.client()
    client.up(gate)
    assert stage.ask(client, "BLPOP l 0") is BLOCKED
    assert client.gate & gate  # the link swallows what comes


def test_a_demotion_ends_all_waits_and_closes_the_connections(stage: Stage) -> None:
    client = waiting(stage, "BLPOP l 0")
    stage.server.unblock_clients()
    [reply] = stage.heard(client)
    assert str(reply).startswith("UNBLOCKED force unblock from blocking operation, instance state changed")
    assert client.link.closed == [True]  # type: ignore[attr-defined]


def test_keys_that_come_at_once_are_served_in_their_order(stage: Stage) -> None:
    first, second = waiting(stage, "BLPOP x y 0"), waiting(stage, "BLPOP y x 0")
    client = stage.client()
    for request in ["MULTI", "RPUSH y 1", "RPUSH x 2"]:
        stage.ask(client, request)
    stage.ask(client, "EXEC")
    assert stage.heard(first) == [[b"x", b"2"]] and stage.heard(second) == [[b"y", b"1"]]
