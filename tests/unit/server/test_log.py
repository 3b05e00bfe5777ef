"""The log's lines, in Redis' form: what tools cut apart must stay where it is."""

import os
import time
from pathlib import Path

import pytest

from pycluster.server.config import Config
from pycluster.server.log import Log

NOON = 1719396000.1234  # 26 Jun 2024, 10:00:00.123 UTC
ME = os.getpid()


@pytest.fixture(autouse=True)
def in_greenwich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.localtime", time.gmtime)


def log(tmp_path: Path, pid: int | None = None, **values: object) -> Log:
    return Log(Config(logfile="redis.log", dir=str(tmp_path), **values), clock=lambda: NOON, pid=pid)


def written(log: Log) -> str:
    return Path(log.config.path(log.config.logfile)).read_text(errors="surrogateescape")


def test_a_line_has_process_role_time_level_and_text(tmp_path: Path) -> None:
    lines = log(tmp_path)
    lines.notice("Ready to accept connections tcp")
    assert written(lines) == f"{ME}:M 26 Jun 2024 10:00:00.123 * Ready to accept connections tcp\n"


def test_each_level_has_its_character(tmp_path: Path) -> None:
    lines = log(tmp_path, loglevel="debug")
    for say in (lines.debug, lines.verbose, lines.notice, lines.warning):
        say("x")
    assert [line.split()[-2] for line in written(lines).splitlines()] == [".", "-", "*", "#"]


def test_what_matters_less_than_loglevel_is_not_said(tmp_path: Path) -> None:
    lines = log(tmp_path, loglevel="warning")
    lines.notice("no")
    lines.warning("yes")
    lines.config.loglevel = "nothing"
    lines.warning("no")
    assert written(lines).endswith("# yes\n")


def test_a_replica_and_a_child_have_letters_of_their_own(tmp_path: Path) -> None:
    lines = log(tmp_path)
    lines.is_replica = True
    lines.notice("replica")
    lines.pid = ME + 1
    lines.notice("child")
    assert [line.split()[0] for line in written(lines).splitlines()] == [f"{ME}:S", f"{ME}:C"]


def test_a_log_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    lines = log(tmp_path)
    lines.notice("old")
    (tmp_path / "redis.log").rename(tmp_path / "redis.log.1")
    lines.notice("new")
    assert written(lines).endswith(" * new\n") and "old" not in written(lines)


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    lines = log(tmp_path / "nowhere")
    lines.notice("x")
    assert not (tmp_path / "nowhere").exists()


def test_without_a_file_lines_go_to_standard_output_at_once(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    Log(Config(), clock=lambda: NOON).notice("caf\udce9")
    assert capfdbinary.readouterr().out.endswith(b"10:00:00.123 * caf\xe9\n")


def test_the_system_log_is_told_if_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr("syslog.openlog", lambda *how: told.append(how[::2]))
    monkeypatch.setattr("syslog.syslog", lambda *what: told.append(what))
    lines = log(tmp_path, syslog_enabled=True, syslog_ident="node", syslog_facility="local3")
    lines.warning("a")
    lines.notice("b")
    assert told == [("node", 19 << 3), (4, "a"), (5, "b")]
