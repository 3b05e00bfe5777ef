"""What a replica and its primary say to each other, as a dialogue of bytes."""

import pytest

from pycluster.protocol.replies import encode_request
from pycluster.replication.handshake import Action, Continue, FullSync, GiveUp, Handshake, Introduction, Log, Send
from pycluster.replication.history import NO_ID

ID, OTHER = "a" * 40, "b" * 40


def sent(actions: list[Action]) -> bytes:
    return b"".join(action.request for action in actions if isinstance(action, Send))


def said(actions: list[Action]) -> str:
    return "\n".join(action.text for action in actions if isinstance(action, Log))


def outcome(actions: list[Action]) -> Action | None:
    return next((action for action in actions if isinstance(action, (FullSync, Continue, GiveUp))), None)


def asked_for_stream(position: tuple[str, int] | None = None) -> tuple[Handshake, list[Action]]:
    """A handshake whose introduction was accepted, and what was said last."""
    handshake = Handshake(Introduction(port=7002, position=position))
    handshake.begin()
    handshake.receive(b"+PONG\r\n")
    return handshake, handshake.receive(b"+OK\r\n+OK\r\n+OK\r\n")


def answer(reply: bytes, position: tuple[str, int] | None = (ID, 101)) -> list[Action]:
    return asked_for_stream(position)[0].receive(reply)


def test_ping_comes_first_and_alone() -> None:
    assert sent(Handshake(Introduction(port=7002)).begin()) == encode_request([b"PING"])


def test_then_the_replica_introduces_itself_in_one_go() -> None:
    handshake = Handshake(Introduction(port=7002, ip="10.0.0.1", user=b"me", password=b"secret"))
    handshake.begin()
    assert sent(handshake.receive(b"-NOAUTH Authentication required.\r\n")) == b"".join(
        encode_request(request)
        for request in (
            [b"AUTH", b"me", b"secret"],
            [b"REPLCONF", b"listening-port", b"7002"],
            [b"REPLCONF", b"ip-address", b"10.0.0.1"],
            [b"REPLCONF", b"capa", b"eof", b"capa", b"psync2"],
            [b"REPLCONF", b"version", b"8.0.0"],
        )
    )


def test_who_has_nothing_asks_for_everything() -> None:
    _, actions = asked_for_stream()
    assert sent(actions) == encode_request([b"PSYNC", b"?", b"-1"])
    assert "Partial resynchronization not possible (no cached master)" in said(actions)


def test_who_has_something_asks_for_the_next_byte() -> None:
    _, actions = asked_for_stream((ID, 101))
    assert sent(actions) == encode_request([b"PSYNC", ID.encode(), b"101"])


def test_an_answer_may_come_byte_by_byte() -> None:
    handshake = Handshake(Introduction(port=7002))
    handshake.begin()
    actions = [action for byte in b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n" for action in handshake.receive(bytes([byte]))]
    assert encode_request([b"PSYNC", b"?", b"-1"]) in sent(actions)


def test_empty_lines_are_signs_of_life() -> None:
    handshake, _ = asked_for_stream()
    assert handshake.receive(b"\n\n") == []
    assert outcome(handshake.receive(b"\n+FULLRESYNC %b 5\r\n" % ID.encode())) == FullSync(ID, 5)


def test_what_comes_behind_the_last_answer_is_handed_on() -> None:
    handshake, _ = asked_for_stream()
    handshake.receive(b"+FULLRESYNC %b 5\r\n$10\r\nREDIS" % ID.encode())
    assert handshake.rest == b"$10\r\nREDIS"


def test_a_full_sync_without_a_proper_id_can_not_be_continued_later() -> None:
    assert outcome(answer(b"+FULLRESYNC abc 5\r\n")) == FullSync(NO_ID, 0)


def test_a_primary_may_go_on_under_the_same_id_or_another() -> None:
    assert outcome(answer(b"+CONTINUE\r\n")) == Continue(None)
    assert outcome(answer(b"+CONTINUE %b\r\n" % ID.encode())) == Continue(None)
    assert outcome(answer(b"+CONTINUE %b\r\n" % OTHER.encode())) == Continue(OTHER)


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (b"-NOMASTERLINK Can't SYNC\r\n", "Master is currently unable to PSYNC but should be in the future"),
        (b"-LOADING Redis is loading\r\n", "Master is currently unable to PSYNC but should be in the future"),
    ],
)
def test_a_primary_that_cannot_serve_now_is_asked_again_later(reply: bytes, line: str) -> None:
    actions = answer(reply)
    assert outcome(actions) == GiveUp(refused=True) and line in said(actions)


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (b"-ERR unknown command\r\n", "Master does not support PSYNC or is in error state"),
        (b"+WHAT\r\n", "Unexpected reply to PSYNC from master: +WHAT"),
    ],
)
def test_a_primary_that_does_not_know_psync_is_asked_by_sync(reply: bytes, line: str) -> None:
    actions = answer(reply)
    assert outcome(actions) == FullSync(NO_ID, 0) and line in said(actions)
    assert sent(actions) == b"SYNC\r\n"


def test_who_is_to_change_places_is_not_asked_for_a_full_sync_instead() -> None:
    handshake = Handshake(Introduction(port=7002, position=(ID, 101), is_failover=True))
    handshake.begin()
    handshake.receive(b"+PONG\r\n+OK\r\n")
    handshake.receive(b"+OK\r\n+OK\r\n")
    assert outcome(handshake.receive(b"-ERR unknown\r\n")) == GiveUp(refused=True)


def test_a_wrong_password_ends_the_attempt() -> None:
    handshake = Handshake(Introduction(port=7002, password=b"wrong"))
    handshake.begin()
    handshake.receive(b"+PONG\r\n")
    actions = handshake.receive(b"-WRONGPASS invalid\r\n+OK\r\n+OK\r\n+OK\r\n")
    assert outcome(actions) == GiveUp() and "Unable to AUTH to MASTER: -WRONGPASS invalid" in said(actions)


def test_a_primary_that_does_not_know_an_introduction_is_no_obstacle() -> None:
    handshake = Handshake(Introduction(port=7002))
    handshake.begin()
    handshake.receive(b"+PONG\r\n")
    actions = handshake.receive(b"-ERR unknown\r\n+OK\r\n+OK\r\n")
    assert "(Non critical) Master does not understand REPLCONF listening-port" in said(actions)
    assert b"PSYNC" in sent(actions)


def test_something_that_is_no_primary_ends_the_attempt() -> None:
    handshake = Handshake(Introduction(port=7002))
    handshake.begin()
    assert outcome(handshake.receive(b"HTTP/1.1 400 Bad Request\r\n")) == GiveUp()
