"""Values that leave one server as DUMP's payload and come into another: every type, every encoding, each direction."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hiredis
import pytest

from pycluster.testing import Connection, Node, reserve_port
from tests.differential.rdb_dataset import commands

Start = Callable[[list[str]], Node]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    nodes, ports = [], []

    def start_one(program: list[str]) -> Node:
        ports.append(reserve_port())
        directory: Path = tmp_path_factory.mktemp("server")
        directives = [("save", ""), ("enable-debug-command", "yes")]
        nodes.append(Node(ports[-1].number, directory, program=program, directives=directives))
        nodes[-1].start()
        return nodes[-1]

    yield start_one
    for node in nodes:
        node.kill()
    for port in ports:
        port.release()


@pytest.fixture(scope="module")
def ours(start: Start, our_server: list[str]) -> Node:
    return start(our_server)


@pytest.fixture(scope="module")
def real(start: Start, real_server: list[str]) -> Node:
    return start(real_server)


def copied(giver: Node, taker: Node) -> list[str]:
    """Carries the whole dataset over by DUMP and RESTORE: what is not equal afterwards."""
    giver.ask("FLUSHALL")
    taker.ask("FLUSHALL")
    with giver.connect() as source, taker.connect() as target:
        source.ask_all(commands())
        keys = source.ask("KEYS", "*")
        assert len(keys) > 100
        return [str(key) for key in keys if not _is_carried(source, target, key)]


def _is_carried(source: Connection, target: Connection, key: bytes) -> bool:
    deadline = max(0, source.ask("PEXPIRETIME", key))
    target.ask("RESTORE", key, deadline, source.ask("DUMP", key), "ABSTTL")
    before, after = (connection.ask("DEBUG", "DIGEST-VALUE", key) for connection in (source, target))
    return bool(before == after and target.ask("PEXPIRETIME", key) == source.ask("PEXPIRETIME", key))


def test_our_payloads_are_restored_by_a_real_server(ours: Node, real: Node) -> None:
    assert copied(giver=ours, taker=real) == []


def test_a_real_servers_payloads_are_restored_by_us(ours: Node, real: Node) -> None:
    assert copied(giver=real, taker=ours) == []


def test_our_payloads_are_restored_by_us(ours: Node, start: Start, our_server: list[str]) -> None:
    assert copied(giver=ours, taker=start(our_server)) == []


def test_redis_7_0_refuses_what_we_take_from_valkey(
    ours: Node, start: Start, redis_server: list[str], valkey_server: list[str]
) -> None:
    valkey, redis = start(valkey_server), start(redis_server)
    valkey.ask("SET", "k", "value")
    payload = valkey.ask("DUMP", "k")
    with pytest.raises(hiredis.ReplyError, match="^ERR DUMP payload version or checksum are wrong$"):
        redis.ask("RESTORE", "taken", 0, payload)
    ours.ask("RESTORE", "taken", 0, payload, "REPLACE")
    assert ours.ask("GET", "taken") == b"value"
