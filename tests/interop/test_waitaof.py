"""WAITAOF, with valkey-server on either side: what one says about its disk, the other counts."""

from pathlib import Path

import pytest

from pycluster.testing.node import Directive, Node
from tests.differential.comparing import start_pair
from tests.integration.replicas import Servers, follow

KEPT: Directive = ("appendonly", "yes")


@pytest.fixture(params=["ours to ours", "ours to valkey", "valkey to ours"])
def programs(request: pytest.FixtureRequest) -> tuple[list[str], list[str]]:
    ours: list[str] = request.getfixturevalue("our_server")
    if request.param == "ours to ours":
        return ours, ours
    valkey: list[str] = request.getfixturevalue("valkey_server")
    return (ours, valkey) if request.param == "ours to valkey" else (valkey, ours)


def write_and_wait(node: Node, local: int, replicas: int, timeout_ms: int = 20_000) -> list[int]:
    with node.connect() as connection:
        connection.ask("SET", "k", "v")
        done: list[int] = connection.ask("WAITAOF", local, replicas, timeout_ms)
        return done


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_a_write_is_on_both_disks(servers: Servers, programs: tuple[list[str], list[str]], policy: str) -> None:
    primary, replica = (servers.start(program, KEPT, ("appendfsync", policy)) for program in programs)
    follow(replica, primary)
    assert write_and_wait(primary, 1, 1) == [1, 1]
    assert write_and_wait(primary, 0, 1)[1] == 1


def test_a_replica_that_keeps_nothing_does_not_count(servers: Servers, programs: tuple[list[str], list[str]]) -> None:
    primary, replica = servers.start(programs[0], KEPT), servers.start(programs[1])
    follow(replica, primary)
    assert write_and_wait(primary, 1, 0) == [1, 0]
    assert write_and_wait(primary, 1, 1, timeout_ms=1200) == [1, 0]


def test_a_disk_that_is_not_asked_to_sync_does_not_count(
    servers: Servers, programs: tuple[list[str], list[str]]
) -> None:
    primary = servers.start(programs[0], KEPT, ("appendfsync", "no"))
    assert write_and_wait(primary, 1, 0, timeout_ms=300) == [0, 0]


def test_a_replica_whose_file_is_switched_on_counts_from_then_on(
    servers: Servers, programs: tuple[list[str], list[str]]
) -> None:
    primary, replica = servers.start(programs[0]), servers.start(programs[1], ("appendfsync", "always"))
    follow(replica, primary)
    assert write_and_wait(primary, 0, 1, timeout_ms=300)[1] == 0
    replica.ask("CONFIG", "SET", "appendonly", "yes")
    assert write_and_wait(primary, 0, 1)[1] == 1


@pytest.mark.parametrize("kept", ["yes", "no"])
def test_both_say_the_same(our_server: list[str], valkey_server: list[str], tmp_path: Path, kept: str) -> None:
    with start_pair(tmp_path, valkey_server, our_server, ("appendonly", kept), ("appendfsync", "always")) as compare:
        compare(
            "WAITAOF 0 0 0",
            "WAITAOF 1 0 0",
            "SET k v",
            "WAITAOF 1 0 0",
            "WAITAOF 0 1 1",
            "WAITAOF 1 1 1",
            "WAITAOF 2 0 0",
            "WAITAOF -1 0 0",
            "WAITAOF one 0 0",
            "WAITAOF 0 -1 0",
            "WAITAOF 0 one 0",
            "WAITAOF 0 0 -1",
            "WAITAOF 0 0 soon",
            "MULTI",
            "SET k v",
            "WAITAOF 0 1 0",
            "EXEC",
        )


def test_a_replica_has_nothing_to_wait_for(our_server: list[str], valkey_server: list[str], tmp_path: Path) -> None:
    with start_pair(tmp_path, valkey_server, our_server) as compare:
        compare("REPLICAOF 127.0.0.1 1", "WAITAOF 1 0 0", "WAITAOF 0 0 0", "WAITAOF 2 0 0", "REPLICAOF NO ONE")
