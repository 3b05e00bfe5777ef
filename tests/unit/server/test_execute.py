"""The road of a request: found, run, booked, journalled; and what becomes of mistakes, the client's and ours."""

from collections.abc import Iterator

import pytest

from pycluster.protocol.errors import ReplyError
from pycluster.protocol.replies import NO_REPLY, Push, Several
from pycluster.server.client import MUTED, SKIPPING
from pycluster.server.execute import find
from pycluster.server.log import Log
from tests.unit.server.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def calls(stage: Stage, name: str) -> tuple[int, int, int]:
    command = find(stage.server.table, [word.encode() for word in name.split("|")] + [b"x"] * 3 * ("|" not in name))
    return command.calls, command.rejected, command.failed


def test_letter_case_is_no_matter(stage: Stage) -> None:
    client = stage.client()
    assert stage.ask(client, "sEt k v") == "OK" and stage.ask(client, "GET k") == b"v"
    assert stage.ask(client, "cLiEnT gEtNaMe") is None


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ("NOSUCH a b", "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "),
        ("GET", "ERR wrong number of arguments for 'get' command"),
        ("CLIENT", "ERR wrong number of arguments for 'client' command"),
        ("CLIENT NOSUCH", "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP."),
        ("CLIENT ID x", "ERR wrong number of arguments for 'client|id' command"),
        ("client pause 1 all x", "ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP."),
        ("EXEC x", "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"),
    ],
)
def test_what_is_no_command(stage: Stage, request_: str, text: str) -> None:
    assert str(stage.ask(stage.client(), request_)) == text


def test_calls_refusals_and_failures_are_counted(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "SET k v")
    stage.ask(client, "INCR k")
    stage.ask(client, "INCR k")
    stage.ask(client, "INCR")
    incr = stage.server.table[b"incr"]
    assert (incr.calls, incr.failed, incr.rejected) == (2, 2, 1)
    assert stage.server.statistics.errors == {"ERR": 3}


def test_a_mistake_of_ours_is_told_and_logged_and_the_server_lives(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = list[str]()
    monkeypatch.setattr(Log, "warning", lambda log, line: logged.append(line))
    client = stage.client()
    stage.server.table[b"get"].run = lambda client, args: 1 // 0
    assert str(stage.ask(client, "GET k")) == "ERR internal error"
    assert any("ZeroDivisionError" in line for line in logged)
    assert stage.ask(client, "PING") == "PONG"


def test_a_write_is_journalled_and_a_read_is_not(stage: Stage) -> None:
    client = stage.client()
    for request in ["SET k v", "GET k", "DEL none", "DEL k", "INCR k x", "NOSUCH"]:
        stage.ask(client, request)
    assert stage.records() == [b"SET k v", b"DEL k"]


def test_what_expired_on_the_way_comes_before_the_command_and_as_one(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "SET k 1 PXAT 1000005")
    stage.records()
    stage.at(1_000_010)
    stage.ask(client, "INCR k")
    assert stage.records() == [b"MULTI", b"DEL k", b"INCR k", b"EXEC"]


def test_a_reader_that_finds_a_dead_key_leaves_only_its_deletion(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "SET k 1 PXAT 1000005")
    stage.records()
    stage.at(1_000_010)
    assert stage.ask(client, "GET k") is None
    assert stage.records() == [b"DEL k"]
    assert stage.server.journal.changes == 1


def test_a_command_that_failed_leaves_no_record(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "SET k v")
    stage.records()
    stage.ask(client, "INCRBYFLOAT k 1")
    stage.ask(client, "SET k 1 EX 0")
    assert stage.records() == []


def test_the_last_command_is_remembered_even_if_it_was_refused(stage: Stage) -> None:
    client = stage.client()
    stage.ask(client, "MULTI")
    stage.ask(client, "SET a 1")
    assert client.last_command.name == "set"
    stage.ask(client, "NOSUCH")
    assert client.last_command is None


@pytest.mark.parametrize("words", [("POST", "/"), ("host:", "a")])
def test_http_ends_the_connection(stage: Stage, words: tuple[str, ...]) -> None:
    client = stage.client()
    assert stage.ask(client, *words) is NO_REPLY
    assert client.link.closed == [False]  # type: ignore[attr-defined]


def test_off_swallows_replies_and_refusals_alike(stage: Stage) -> None:
    client = stage.client()
    client.up(MUTED)
    for request in ["PING", "NOSUCH", "GET", "MULTI", "SET a 1", "EXEC"]:
        assert stage.ask(client, request) is NO_REPLY
    assert stage.ask(client, "CLIENT REPLY ON") == "OK"
    assert stage.ask(client, "GET a") == b"1"


def test_skip_swallows_one_reply(stage: Stage) -> None:
    client = stage.client()
    for request in ["PING", "NOSUCH", "GET", "CLIENT REPLY x"]:
        assert stage.ask(client, "CLIENT REPLY SKIP") is NO_REPLY
        assert stage.ask(client, request) is NO_REPLY
        assert stage.ask(client, "PING") == "PONG"
    stage.ask(client, "CLIENT REPLY SKIP")
    stage.ask(client, "CLIENT REPLY SKIP")
    assert client.gate & SKIPPING
    assert stage.ask(client, "PING") is NO_REPLY
    assert stage.ask(client, "PING") == "PONG"


def test_pushes_pass_where_replies_do_not(stage: Stage) -> None:
    client = stage.client()
    client.up(MUTED)
    assert stage.ask(client, "SUBSCRIBE a") == Several([Push([b"subscribe", b"a", 1])])


def test_what_a_command_sends_its_own_client_comes_behind_the_reply(stage: Stage) -> None:
    client = stage.client()
    stage.server.running = client.link
    stage.server.table[b"ping"].run = lambda client, args: stage.server.pushes.append(Push([b"a"])) or "PONG"
    assert stage.ask(client, "PING") == Several(["PONG", Push([b"a"])])
    assert not stage.server.pushes


def test_in_a_transaction_it_comes_behind_the_whole(stage: Stage) -> None:
    client = stage.client()
    stage.server.running = client.link
    stage.server.table[b"ping"].run = lambda client, args: stage.server.pushes.append(Push([b"a"])) or "PONG"
    for request in ["MULTI", "PING", "PING"]:
        stage.ask(client, request)
    assert stage.ask(client, "EXEC") == Several([["PONG", "PONG"], Push([b"a"]), Push([b"a"])])


def test_debug_is_refused_where_it_is_not_allowed(stage: Stage) -> None:
    client = stage.client()
    assert "DEBUG command not allowed" in str(stage.ask(client, "DEBUG SLEEP 0"))
    stage.ask(client, "MULTI")
    assert isinstance(stage.ask(client, "DEBUG SLEEP 0"), ReplyError)
    assert str(stage.ask(client, "EXEC")).startswith("EXECABORT")
