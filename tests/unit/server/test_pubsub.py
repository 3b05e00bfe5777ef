"""Who hears what: subscriptions and messages, inside the server."""

from collections.abc import Iterator

import pytest

from pycluster.keyspace.slots import key_slot
from pycluster.protocol.errors import ReplyError
from pycluster.protocol.replies import Push
from pycluster.server.client import SUBSCRIBED
from tests.unit.server.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def test_a_message_goes_to_channels_and_to_patterns(stage: Stage) -> None:
    a, b, publisher = stage.client(), stage.client(), stage.client()
    stage.ask(a, "SUBSCRIBE news")
    stage.ask(a, "PSUBSCRIBE n*")
    stage.ask(b, "PSUBSCRIBE ?ews other")
    assert stage.ask(publisher, "PUBLISH news x") == 3
    assert stage.heard(a) == [Push([b"message", b"news", b"x"]), Push([b"pmessage", b"n*", b"news", b"x"])]
    assert stage.heard(b) == [Push([b"pmessage", b"?ews", b"news", b"x"])]


def test_shard_channels_are_another_world(stage: Stage) -> None:
    a, b = stage.client(), stage.client()
    stage.ask(a, "SSUBSCRIBE news")
    stage.ask(b, "SUBSCRIBE news")
    assert stage.ask(stage.client(), "SPUBLISH news x") == 1
    assert stage.heard(a) == [Push([b"smessage", b"news", b"x"])] and not stage.heard(b)


def test_the_gate_is_up_while_there_is_any_subscription_in_resp2(stage: Stage) -> None:
    client = stage.client()
    for subscribe, unsubscribe in [
        ("SUBSCRIBE", "UNSUBSCRIBE"),
        ("PSUBSCRIBE", "PUNSUBSCRIBE"),
        ("SSUBSCRIBE", "SUNSUBSCRIBE"),
    ]:
        stage.ask(client, f"{subscribe} a b")
        stage.ask(client, f"{unsubscribe} a")
        assert client.gate & SUBSCRIBED and isinstance(stage.ask(client, "GET x"), ReplyError)
        stage.ask(client, unsubscribe)
        assert not client.gate & SUBSCRIBED and stage.ask(client, "GET x") is None


def test_the_gate_follows_the_protocol(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "HELLO 3")
    stage.ask(client, "SUBSCRIBE a")
    assert not client.gate & SUBSCRIBED
    stage.ask(client, "HELLO 2")
    assert client.gate & SUBSCRIBED
    assert stage.ask(client, "PING") == [b"pong", b""]


@pytest.mark.parametrize("end", ["UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE", "RESET", ""])
def test_nothing_is_left_of_a_subscriber(stage: Stage, end: str) -> None:
    client, pubsub = stage.client(), stage.server.pubsub
    for request in ["SUBSCRIBE a b a", "PSUBSCRIBE p q", "SSUBSCRIBE s t"]:
        stage.ask(client, request)
    for request in end.split():
        stage.ask(client, request)
    if not end:
        stage.server.drop_client(client)
    assert not pubsub.channels and not pubsub.patterns and not pubsub.shard_channels
    assert not client.channels and not client.patterns and not client.shard_channels


def test_who_loses_a_slot_loses_its_shard_channels_and_is_told(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "SSUBSCRIBE {a}1 {a}2 b")
    stage.server.pubsub.leave_slot(key_slot(b"a"))
    assert sorted(push[1] for push in stage.heard(client)) == [b"{a}1", b"{a}2"]
    assert list(client.shard_channels) == [b"b"] and client.gate & SUBSCRIBED
    stage.server.pubsub.leave_slot(key_slot(b"b"))
    assert stage.heard(client) == [Push([b"sunsubscribe", b"b", 0])] and not client.gate & SUBSCRIBED


def test_a_message_goes_to_replicas_and_to_no_file(stage: Stage) -> None:
    stage.ask(stage.client(), "PUBLISH news x")
    assert stage.records() == [b"PUBLISH news x"]
    assert stage.server.journal.changes == 0


def test_a_subscriber_counts_as_one_for_its_limits(stage: Stage) -> None:
    client, limits = stage.client(), stage.server.config.client_output_buffer_limit
    assert stage.server.output_limits(client) is limits.normal
    stage.ask(client, "SUBSCRIBE a")
    assert stage.server.output_limits(client) is limits.pubsub
