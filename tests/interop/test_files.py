"""Files between valkey-server and us, whose format has gone its own way: what either writes, the other loads."""


import pytest

from pycluster.rdb.errors import Unsupported
from pycluster.rdb.payload import restore
from pycluster.testing.node import Node, StartFailed
from pycluster.testing.waiting import wait_until
from tests.differential.rdb_dataset import commands
from tests.integration.replicas import Servers, digest

LATER_MS, SOON_MS = 1 << 42, 1


def take_over(node: Node, program: list[str]) -> None:
    """The node saves, ends, and another program starts with what it left."""
    node.ask("SAVE")
    node.stop()
    node.program = tuple(program)
    node.start()


def fill(node: Node) -> None:
    with node.connect() as connection:
        connection.ask_all(commands())


def test_a_dataset_of_every_type_is_the_same_on_both_sides(
    servers: Servers, our_server: list[str], valkey_server: list[str]
) -> None:
    node = servers.start(valkey_server)
    fill(node)
    before = digest(node)
    assert before != b"0" * 40
    for program in (our_server, valkey_server):
        take_over(node, program)
        assert digest(node) == before


def test_a_hash_whose_fields_do_not_expire_any_more_is_a_hash(
    servers: Servers, our_server: list[str], valkey_server: list[str]
) -> None:
    node = servers.start(valkey_server)
    node.ask("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    for key in ("partly", "wholly"):
        node.ask("HSET", key, "a", 1, "b", "x" * 100)
    node.ask("HPEXPIRE", "partly", SOON_MS, "FIELDS", 1, "a")
    node.ask("HPEXPIRE", "wholly", SOON_MS, "FIELDS", 2, "a", "b")
    wait_until(lambda: "" if node.ask("HGET", "wholly", "b") is None else "the field is still there")
    take_over(node, our_server)
    assert node.ask("HGETALL", "partly") == [b"b", b"x" * 100]
    assert node.ask("EXISTS", "wholly") == 0


def test_a_hash_with_a_field_that_is_to_expire_refuses_the_start(
    servers: Servers, our_server: list[str], valkey_server: list[str]
) -> None:
    node = servers.start(valkey_server)
    node.ask("HSET", "key", "field", "value")
    node.ask("HPEXPIREAT", "key", LATER_MS, "FIELDS", 1, "field")
    with pytest.raises(StartFailed) as failed:
        take_over(node, our_server)
    assert "A hash has the field 'field' that is to expire, and fields cannot expire here" in str(failed.value)
    assert "Terminating server after rdb file reading failure." in str(failed.value)
    node.program = tuple(valkey_server)
    node.start()
    assert node.ask("HPEXPIRETIME", "key", "FIELDS", 1, "field") == [LATER_MS]


def test_a_payload_of_valkey_is_read_as_valkey_meant_it(servers: Servers, valkey_server: list[str]) -> None:
    node = servers.start(valkey_server)
    node.ask("HSET", "key", "field", "value")
    node.ask("HPEXPIREAT", "key", LATER_MS, "FIELDS", 1, "field")
    payload = node.ask("DUMP", "key")
    with pytest.raises(Unsupported):
        restore(payload)
