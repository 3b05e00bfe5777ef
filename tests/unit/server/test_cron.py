"""What time brings: periodic work, clients that say nothing, and clients that are far behind."""

from collections.abc import Iterator

import pytest

from pycluster.server.blocking import BLOCKED
from pycluster.server.client import FROM_PRIMARY, IS_REPLICA
from pycluster.server.cron import Cron
from pycluster.server.directive_kinds import OutputLimit
from pycluster.server.limits import Arrears
from pycluster.server.log import Log
from pycluster.server.pause import BY_CLIENT
from tests.unit.server.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def test_work_is_done_each_tick_or_each_second(stage: Stage) -> None:
    cron, done = Cron(stage.server), list[str]()
    cron.each_tick(lambda: done.append("tick"))
    cron.each_second(lambda: done.append("second"))
    for now in range(5_000_000, 5_002_100, 100):
        stage.at(now)
        cron._tick()
    cron.stop()
    assert done.count("tick") == 21 and done.count("second") == 3


def test_the_clock_is_set_first(stage: Stage) -> None:
    cron, seen = Cron(stage.server), list[int]()
    cron.each_tick(lambda: seen.append(stage.server.clock.now))
    stage.server.clock.now = 0
    stage.at(7_000_000)
    stage.server.clock.now = 0
    cron._tick()
    cron.stop()
    assert seen == [7_000_000]


def test_work_that_fails_is_logged_and_the_rest_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    logged, done = list[str](), list[str]()
    monkeypatch.setattr(Log, "warning", lambda log, line: logged.append(line))
    cron = Cron(stage.server)
    cron.each_tick(lambda: 1 // 0)
    cron.each_tick(lambda: done.append("still"))
    cron._tick()
    cron.stop()
    assert done == ["still"] and any("ZeroDivisionError" in line for line in logged)


def test_who_says_nothing_is_closed_unless_it_waits_for_us() -> None:
    stage = Stage(timeout=10)
    idle, waiting, subscriber, paused, replica, primary, busy = (stage.client() for _ in range(7))
    assert stage.ask(waiting, "BLPOP l 0") is BLOCKED
    stage.ask(subscriber, "SUBSCRIBE a")
    stage.server.pause.begin(BY_CLIENT, stage.server.wall_ms() + 60_000, all_commands=True)
    stage.server.pause.postpone(paused)
    replica.up(IS_REPLICA)
    primary.up(FROM_PRIMARY)
    for client in (idle, waiting, subscriber, paused, replica, primary):
        client.last_active_ms = 1_000_000
    stage.at(1_010_500)
    busy.last_active_ms = 1_009_000
    stage.server.close_idle_clients()
    stage.at(1_010_501)
    stage.server.close_idle_clients()
    closed = [bool(client.link.closed) for client in (idle, waiting, subscriber, paused, replica, primary, busy)]  # type: ignore[attr-defined]
    assert closed == [True, False, False, False, False, False, False]
    stage.close()


def test_without_a_timeout_nobody_is_closed(stage: Stage) -> None:
    client = stage.client()
    client.last_active_ms = 0
    stage.server.close_idle_clients()
    assert not client.link.closed  # type: ignore[attr-defined]


def test_a_hard_limit_counts_at_once_and_a_soft_one_after_its_time() -> None:
    limit, arrears = OutputLimit(1000, 100, 5), Arrears()
    assert arrears.exceed(limit, 1000, now_ms=1)
    assert not arrears.exceed(limit, 99, now_ms=1)
    assert not arrears.exceed(limit, 100, now_ms=1000)
    assert not arrears.exceed(limit, 500, now_ms=6000)
    assert arrears.exceed(limit, 100, now_ms=6001)


def test_who_catches_up_starts_over() -> None:
    limit, arrears = OutputLimit(0, 100, 5), Arrears()
    assert not arrears.exceed(limit, 100, now_ms=1000)
    assert not arrears.exceed(limit, 99, now_ms=5000)
    assert not arrears.exceed(limit, 10**9, now_ms=9000)


def test_a_limit_of_zero_is_none() -> None:
    assert not Arrears().exceed(OutputLimit(0, 0, 0), 10**12, now_ms=1)


def test_too_many_clients_and_strangers_are_refused() -> None:
    stage = Stage(maxclients=2)
    assert stage.server.refuse_connection(stage.client().link) is None
    stranger = stage.client("192.0.2.7:1234")
    assert str(stage.server.refuse_connection(stranger.link)) == "ERR max number of clients reached"
    stage.server.config.maxclients = 10
    assert str(stage.server.refuse_connection(stranger.link)).startswith("DENIED Redis is running in protected mode")
    stage.server.config.requirepass = b"secret"
    assert stage.server.refuse_connection(stranger.link) is None
    assert stage.server.statistics.rejected_connections == 2
    stage.close()


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "/tmp/redis.sock:0"]
)
def test_who_is_local(stage: Stage, address: str) -> None:
    assert stage.server.refuse_connection(stage.client(address).link) is None
