"""What a process does to be a server, with a kernel that is made up."""

import os
from pathlib import Path

import pytest

from pycluster import process
from pycluster.server.config import Config


class Lines:
    """A log that remembers."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.notice = self.warning = self.all.append


class Kernel:
    """A process's limits of open files: what it has, and the most that it may have."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, allowed: int) -> None:
        self.soft, self.allowed = soft, allowed
        monkeypatch.setattr("resource.getrlimit", lambda what: (self.soft, self.allowed))
        monkeypatch.setattr("resource.setrlimit", self.set)

    def set(self, what: int, limits: tuple[int, int]) -> None:
        if limits[1] > self.allowed:
            raise ValueError("not allowed to raise maximum limit")
        self.soft = limits[0]


def allow(config: Config) -> tuple[bool, list[str]]:
    log = Lines()
    return process.allow_clients(config, log), log.all  # type: ignore[arg-type]


# Files enough


def test_files_enough_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, config = Kernel(monkeypatch, 20_000, 20_000), Config()
    assert allow(config) == (True, [])
    assert (kernel.soft, config.maxclients) == (20_000, 10_000)


def test_the_limit_is_raised_to_what_clients_need(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, config = Kernel(monkeypatch, 1024, 20_000), Config()
    said = "Increased maximum number of open files to 10032 (it was originally set to 1024)."
    assert allow(config) == (True, [said])
    assert kernel.soft == 10_032


def test_what_the_kernel_does_not_give_lowers_maxclients(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, config = Kernel(monkeypatch, 1024, 4096), Config()
    well, lines = allow(config)
    assert well and (kernel.soft, config.maxclients) == (4096, 4064)
    assert lines[0] == "You requested maxclients of 10000 requiring at least 10032 max file descriptors."
    assert lines[1].endswith("to 10032 because of OS error: Operation not permitted.")
    assert lines[2].startswith("Current maximum open files is 4096. maxclients has been reduced to 4064 to compensate")


def test_with_hardly_any_files_there_is_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(monkeypatch, 32, 32)
    well, lines = allow(Config())
    assert not well
    (line,) = lines
    assert line.startswith("Your current 'ulimit -n' of 32 is not enough for the server to start.")


# The pid file


def test_a_pid_file_is_seen_from_dir(tmp_path: Path) -> None:
    config, log = Config(pidfile="run.pid", dir=str(tmp_path)), Lines()
    process.write_pid_file(config, log)  # type: ignore[arg-type]
    assert (tmp_path / "run.pid").read_text() == f"{os.getpid()}\n"
    process.remove_pid_file(config, log)  # type: ignore[arg-type]
    assert not (tmp_path / "run.pid").exists() and log.all == ["Removing the pid file."]


def test_without_a_daemon_no_pid_file_is_invented(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "DEFAULT_PID_FILE", str(tmp_path / "redis.pid"))
    process.write_pid_file(Config(), Lines())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    process.write_pid_file(Config(daemonize=True), Lines())  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["redis.pid"]


# Who watches over it


def watcher(monkeypatch: pytest.MonkeyPatch, supervised: str, **environment: str) -> tuple[str, list[str]]:
    for name in ("UPSTART_JOB", "NOTIFY_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    log = Lines()
    return process.supervisor(Config(supervised=supervised), log), log.all  # type: ignore[arg-type]


def test_nobody_watches_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watcher(monkeypatch, "no", NOTIFY_SOCKET="/x") == ("no", [])
    assert watcher(monkeypatch, "auto") == ("no", [])


def test_a_watcher_that_is_not_there_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    missed = "systemd supervision error: NOTIFY_SOCKET not found!"
    assert watcher(monkeypatch, "systemd") == ("no", [missed])
    missed = "upstart supervision requested, but UPSTART_JOB not found!"
    assert watcher(monkeypatch, "upstart") == ("no", [missed])


def test_systemd_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(process, "tell_systemd", told.append)
    assert watcher(monkeypatch, "auto", NOTIFY_SOCKET="/run/notify")[0] == "systemd"
    assert told == ["STATUS=Redis is loading..."]


# The host


def warnings(monkeypatch: pytest.MonkeyPatch, **answers: str) -> list[str]:
    monkeypatch.setattr(process, "read_line", lambda path: answers.get(path.rpartition("/")[2], ""))
    log = Lines()
    process.warn_of_host(Config(disable_thp=False), log)  # type: ignore[arg-type]
    process.warn_of_backlog(Config(), log)  # type: ignore[arg-type]
    return [line.split()[1] for line in log.all]


def test_a_good_host_needs_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings(monkeypatch, overcommit_memory="1", enabled="always [madvise] never", somaxconn="4096") == []
    assert warnings(monkeypatch) == []  # not Linux


def test_a_bad_host_gets_its_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings(monkeypatch, overcommit_memory="0") == ["Memory"]
    assert warnings(monkeypatch, enabled="[always] madvise never") == ["You"]
    assert warnings(monkeypatch, somaxconn="128") == ["The"]
