"""The connections of MIGRATE: kept for the next one, opened anew when they were closed, and let go when idle."""

from collections.abc import Iterator
from pathlib import Path

import hiredis
import pytest

from pycluster.testing import Node, reserve_port, wait_until


@pytest.fixture(scope="module")
def servers(our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    ports = [reserve_port() for _ in range(3)]
    nodes = []
    for port, password in zip(ports, ("", "", "secret"), strict=True):
        directory: Path = tmp_path_factory.mktemp("server")
        directives = [("save", ""), *([("requirepass", password)] if password else [])]
        nodes.append(Node(port.number, directory, program=our_server, directives=directives))
        nodes[-1].start()
    yield nodes
    for node in nodes:
        node.kill()
    for port in ports:
        port.release()


def migrate(source: Node, target: Node, key: str, *options: str) -> object:
    source.ask("SET", key, "value")
    return source.ask("MIGRATE", target.host, target.port, key, 0, 5000, "REPLACE", *options)


def connections(source: Node) -> int:
    return int(source.info("stats")["migrate_cached_sockets"])


def calls(target: Node, command: str) -> int:
    return int(target.info("commandstats").get(f"cmdstat_{command}", "calls=0,").partition(",")[0].partition("=")[2])


def test_one_connection_and_one_select_serve_many_migrates(servers: list[Node]) -> None:
    source, target, _ = servers
    before = calls(target, "select"), int(target.info("stats")["total_connections_received"])
    for number in range(5):
        assert migrate(source, target, f"k{number}") == b"OK"
    assert connections(source) == 1
    assert calls(target, "select") <= before[0] + 1
    assert int(target.info("stats")["total_connections_received"]) <= before[1] + 5  # ours, that ask, are among them


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(servers: list[Node]) -> None:
    source, target, _ = servers
    migrate(source, target, "a")
    target.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert migrate(source, target, "b") == b"OK"
    assert target.ask("GET", "b") == b"value"


def test_a_target_that_was_restarted_is_found_again(servers: list[Node]) -> None:
    source, target, _ = servers
    migrate(source, target, "a")
    target.restart()
    assert migrate(source, target, "b") == b"OK"


def test_an_idle_connection_is_closed(servers: list[Node]) -> None:
    source, target, _ = servers
    migrate(source, target, "a")
    wait_until(lambda: "" if connections(source) == 0 else "it is still there", 30)


def test_a_password_is_given(servers: list[Node]) -> None:
    source, _, guarded = servers
    with pytest.raises(hiredis.ReplyError, match="^ERR Target instance replied with error: NOAUTH Auth"):
        migrate(source, guarded, "a")
    with pytest.raises(hiredis.ReplyError, match="^ERR Target instance replied with error: WRONGPASS"):
        migrate(source, guarded, "a", "AUTH", "wrong")
    assert migrate(source, guarded, "a", "AUTH", "secret") == b"OK"
    assert migrate(source, guarded, "a", "AUTH2", "default", "secret") == b"OK"


def test_migrates_of_several_clients_to_one_target_go_one_after_another(servers: list[Node]) -> None:
    source, target, _ = servers
    links = [source.connect() for _ in range(10)]
    try:
        for number, link in enumerate(links):
            link.ask("SET", f"many:{number}", number)
        for number, link in enumerate(links):
            link.send("MIGRATE", target.host, target.port, f"many:{number}", 0, 5000)
        assert [link.receive() for link in links] == [b"OK"] * 10
    finally:
        for link in links:
            link.close()
    assert [target.ask("GET", f"many:{number}") for number in range(10)] == [b"%d" % n for n in range(10)]


def test_a_client_that_goes_does_not_keep_its_keys_from_arriving(servers: list[Node]) -> None:
    source, target, _ = servers
    link = source.connect()
    link.ask("SET", "orphan", "value")
    link.send("MIGRATE", target.host, target.port, "orphan", 0, 5000)
    link.close()
    wait_until(lambda: "" if target.ask("GET", "orphan") == b"value" else "it has not arrived")
    wait_until(lambda: "" if source.ask("EXISTS", "orphan") == 0 else "it is still at the source, too")
