"""The front door: which words start what, and what is refused before there is a server."""

import re
from pathlib import Path

import pytest

from pycluster.__main__ import can_do_what_is_asked, read_configuration, run
from pycluster.server.config import Config
from pycluster.server.log import Log
from pycluster.server.version import VERSION


def read(*words: str) -> Config | None:
    config = Config()
    return config if read_configuration(list(words), config, Log(config)) else None


def test_the_version_is_the_one_that_is_installed() -> None:
    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert re.findall(r'^version = "(.+)"', pyproject, re.M) == [VERSION]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("Redis server v=7.2.4 sha=00000000:0 ")


def test_help_ends_with_status_1_as_redis_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-h"]) == 1
    assert capsys.readouterr().err.startswith("Usage: pycluster-server ")


def test_there_is_no_sentinel(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sentinel.conf", "--sentinel"]) == 1
    assert "no Sentinel mode" in capsys.readouterr().err


def test_a_configuration_knows_its_file(tmp_path: Path) -> None:
    (tmp_path / "redis.conf").write_text("port 7001")
    config = read(str(tmp_path / "redis.conf"), "--timeout", "5")
    assert config is not None
    assert (config.port, config.timeout, config.file) == (7001, 5, str(tmp_path / "redis.conf"))


def test_commands_that_are_there_can_be_renamed() -> None:
    config = read("--rename-command", "config", "geheim")
    assert config is not None and config.renamed_commands == [(b"config", b"geheim")]


def test_a_bad_configuration_is_told_and_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert read("--port", "x") is None
    assert "FATAL CONFIG FILE ERROR" in capfd.readouterr().err


@pytest.mark.parametrize("words", [["--tls-port", "1"], ["--loadmodule", "/x.so"], ["--search.x", "1"]], ids=" ".join)
def test_what_cannot_be_done_ends_the_start(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    config = read(*words)
    assert config is not None and not can_do_what_is_asked(config, Log(config))
    assert re.search(r" # .*(TLS|abort)", capfd.readouterr().out)


CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.conf")), ids=lambda path: str(path.relative_to(CONF)))
def test_the_example_files_can_be_read(path: Path, tmp_path: Path) -> None:
    text = re.sub(r"^(dir|logfile) .*$", "", path.read_text(), flags=re.M)  # directories that a reader makes first
    (tmp_path / "redis.conf").write_text(text)
    config = read(str(tmp_path / "redis.conf"))
    assert config is not None and config.cluster_enabled


def test_the_tutorial_has_six_nodes() -> None:
    texts = [path.read_text() for path in sorted(CONF.glob("tutorial/*/redis.conf"))]
    ports = [int(re.findall(r"^port (\d+)$", text, re.M)[0]) for text in texts]
    assert ports == [7001, 7002, 7003, 7004, 7005, 7006]
    assert len({re.sub(r"700\d", "", text) for text in texts}) == 1
