"""FAILOVER: a primary waits until a replica has everything, and then follows it; or everything stays as it was."""

from pathlib import Path

import pytest

from pycluster.protocol.errors import NoSyncWhileFailingOver
from pycluster.protocol.replies import encode_request
from pycluster.replication.failover import FailoverState
from pycluster.replication.replica import State
from pycluster.replication.replication import Replication
from tests.unit.replication.conftest import Client, Host, Snapshots, World

HEIR = ("10.0.0.9", 7002)


class Led(World):
    """A primary with a replica, both roles of it."""

    def __init__(self, directory: Path) -> None:
        self.host = Host(Snapshots(str(directory / "dump.rdb")))
        self.replication = Replication(self.host)  # type: ignore[arg-type]
        self.history, self.primary = self.replication.history, self.replication.primary
        self.failover = self.replication.failover
        self.heir = self.attached(HEIR[1])
        self.write(b"SET", b"k", b"v")

    def acknowledge(self, client: Client) -> None:
        self.primary.acknowledge(client, self.history.offset)
        self.host.loop.turn()

    def pass_time(self, seconds: float) -> None:
        self.host.loop.now += seconds
        self.failover.look()

    def answer_psync(self, answer: bytes) -> bytes:
        """The heir's answers to the handshake: how it was asked."""
        line = self.host.loop.line
        line.say(b"+PONG\r\n")
        line.say(b"+OK\r\n+OK\r\n+OK\r\n")
        asked: bytes = line.heard()
        line.say(answer)
        return asked


@pytest.fixture
def led(tmp_path: Path) -> Led:
    return Led(tmp_path)


def test_it_waits_until_a_replica_has_everything(led: Led) -> None:
    led.failover.begin(None, 0, False)
    led.host.loop.turn()
    assert led.failover.state == FailoverState.WAITS_FOR_SYNC and led.host.failing_over
    led.acknowledge(led.heir)
    assert led.failover.state == FailoverState.IN_PROGRESS
    assert led.replication.replica.address == HEIR
    assert "Failover target 10.0.0.9:7002 is synced, failing over." in led.host.log


def test_a_replica_that_has_everything_already_is_not_waited_for(led: Led) -> None:
    led.acknowledge(led.heir)
    led.failover.begin(None, 0, False)
    led.host.loop.turn()
    assert led.failover.is_in_progress


def test_only_the_target_counts(led: Led) -> None:
    other = led.attached(7003)
    led.failover.begin(HEIR, 0, False)
    led.acknowledge(other)
    assert not led.failover.is_in_progress
    led.acknowledge(led.heir)
    assert led.failover.is_in_progress


def test_the_heir_is_asked_to_take_over_where_we_stand(led: Led) -> None:
    place = led.history.offset
    led.acknowledge(led.heir)
    led.failover.begin(None, 0, False)
    led.host.loop.turn()
    asked = led.answer_psync(b"+CONTINUE " + b"b" * 40 + b"\r\n")
    id = led.history.old_id.encode()
    assert asked.endswith(encode_request([b"PSYNC", id, b"%d" % (place + 1), b"FAILOVER"]))
    assert not led.failover.is_under_way and not led.host.failing_over
    assert led.replication.replica.state == State.CONNECTED


@pytest.mark.parametrize("answer", [b"-ERR PSYNC FAILOVER replid must match my replid.\r\n", b"-LOADING wait\r\n"])
def test_a_heir_that_refuses_leaves_us_primary(led: Led, answer: bytes) -> None:
    led.acknowledge(led.heir)
    led.failover.begin(None, 0, False)
    led.host.loop.turn()
    led.answer_psync(answer)
    assert not led.replication.is_replica and not led.failover.is_under_way and not led.host.failing_over
    assert "FAILOVER to 10.0.0.9:7002 aborted: Failover target rejected psync request" in led.host.log


def test_a_heir_that_dies_before_it_answers_leaves_us_primary(led: Led) -> None:
    led.acknowledge(led.heir)
    led.failover.begin(None, 0, False)
    led.host.loop.turn()
    led.answer_psync(b"")
    led.host.loop.line.cut()
    assert not led.replication.is_replica and not led.failover.is_under_way


def test_who_aborts_in_time_has_lost_nothing(led: Led) -> None:
    led.failover.begin(None, 0, False)
    led.failover.abort("Failover manually aborted")
    assert not led.host.failing_over and led.host.log.lines[-1] == (
        "FAILOVER to any replica aborted: Failover manually aborted"
    )


def test_a_deadline_ends_it(led: Led) -> None:
    led.failover.begin(HEIR, 500, False)
    led.pass_time(0.4)
    assert led.failover.is_under_way
    led.pass_time(0.2)
    assert not led.failover.is_under_way and not led.replication.is_replica
    assert "FAILOVER to 10.0.0.9:7002 aborted: Replica never caught up before timeout" in led.host.log


def test_with_force_the_deadline_is_when_it_goes_on(led: Led) -> None:
    led.failover.begin(HEIR, 500, True)
    led.pass_time(0.6)
    assert led.failover.is_in_progress
    assert "FAILOVER to 10.0.0.9:7002 time out exceeded, failing over." in led.host.log


def test_nobody_synchronizes_with_us_meanwhile(led: Led) -> None:
    led.failover.begin(None, 0, False)
    assert isinstance(led.primary.synchronize(led.introduced(7003), "?", -1), NoSyncWhileFailingOver)


@pytest.mark.parametrize(("timeout_ms", "pings"), [(0, True), (60_000, False)])
def test_replicas_get_their_pings_unless_there_is_a_deadline(led: Led, timeout_ms: int, pings: bool) -> None:
    led.failover.begin(None, timeout_ms, False)
    led.heir.link.take()
    led.primary.cron()
    assert (b"ping" in led.heir.link.take()) is pings
