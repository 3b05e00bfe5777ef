"""A connection to a target of MIGRATE: so many replies are waited for, and no longer than they take."""

import asyncio
from collections.abc import Iterator
from typing import Any

import hiredis
import pytest

from pycluster.server.targets import AHEAD, Connection


class Transport:
    """A connection that leads nowhere."""

    def __init__(self) -> None:
        self.written = b""
        self.is_aborted = False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == AHEAD

    def write(self, raw: bytes) -> None:
        self.written += raw

    def abort(self) -> None:
        self.is_aborted = True


class Stage:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.transport: Any = Transport()
        self.connection = Connection(self.loop)
        self.connection.connection_made(self.transport)

    def expect(self, count: int) -> list[tuple[list[Any], Exception | None]]:
        heard: list[tuple[list[Any], Exception | None]] = []
        self.connection.expect(count, 60, lambda replies, problem: heard.append((replies, problem)))
        return heard

    def turn(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.loop.close()


def test_all_replies_are_heard_at_once(stage: Stage) -> None:
    heard = stage.expect(2)
    stage.connection.data_received(b"+OK\r\n-ERR no")
    assert not heard
    stage.connection.data_received(b"\r\n")
    ((ok, error), problem), *more = heard
    assert (ok, str(error), problem, more) == (b"OK", "ERR no", None, []) and isinstance(error, hiredis.ReplyError)


def test_nobody_waits_for_no_replies(stage: Stage) -> None:
    """All keys have expired before it was their turn."""
    heard = stage.expect(0)
    stage.turn()
    assert heard == [([], None)]


def test_what_has_come_before_it_was_expected_counts(stage: Stage) -> None:
    stage.connection.data_received(b"+OK\r\n")
    heard = stage.expect(1)
    stage.turn()
    assert heard == [([b"OK"], None)]


def test_a_connection_that_breaks_tells_what_came_and_why_there_is_no_more(stage: Stage) -> None:
    heard = stage.expect(2)
    stage.connection.data_received(b"+OK\r\n")
    stage.connection.connection_lost(None)
    ((replies, problem),) = heard
    assert replies == [b"OK"] and isinstance(problem, ConnectionResetError) and not stage.connection.is_open


def test_a_broken_one_says_so_when_it_is_used(stage: Stage) -> None:
    stage.connection.connection_lost(None)
    heard = stage.expect(1)
    stage.turn()
    assert isinstance(heard[0][1], ConnectionResetError)
    with pytest.raises(ConnectionResetError):
        stage.connection.write(b"x")


def test_what_is_no_reply_ends_it(stage: Stage) -> None:
    heard = stage.expect(1)
    stage.connection.data_received(b"what\r\n")
    assert isinstance(heard[0][1], hiredis.ProtocolError)
