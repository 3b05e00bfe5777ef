"""Slots move between our nodes and real ones, by redis-cli, under load: all types of values arrive as they were."""

from collections.abc import Iterator

import pytest

from pycluster.keyspace.slots import key_slot
from pycluster.testing import Cluster, Node
from pycluster.testing.connection import Word
from tests.integration.loads import Application
from tests.integration.tools import Tools
from tests.interop.mixed import values_of_every_type

MOVED = 20  # the first slots of the first node, with keys in them


@pytest.fixture(scope="module")
def mixed(
    our_server: list[str], real_server: list[str], redis_cli: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tools]:
    """Two of our nodes, the first with data, and between them a real one. (Two, as an election needs a majority.)"""
    directives = [("enable-debug-command", "yes"), ("save", "")]
    cluster = Cluster(3, 0, directory=tmp_path_factory.mktemp("mixed"), program=our_server, directives=directives)
    cluster.nodes[1].program = tuple(real_server)
    with cluster:
        fill(cluster.nodes[0])
        yield Tools(cluster, redis_cli)


def tags() -> list[str]:
    """A tag for each of the slots that move."""
    found: dict[int, str] = {}
    for number in range(1_000_000):
        slot = key_slot(b"%d" % number)
        if slot < MOVED and slot not in found:
            found[slot] = f"{{{number}}}"
            if len(found) == MOVED:
                break
    return [found[slot] for slot in sorted(found)]


def streams(tag: str) -> Iterator[tuple[Word, ...]]:
    for number in range(1, 300):
        yield ("XADD", f"{tag}stream", f"{number}-1", "n", number, "text", "x" * (number % 70))
    yield ("XDEL", f"{tag}stream", "7-1", "100-1")
    yield ("XGROUP", "CREATE", f"{tag}stream", "readers", "5-1")
    yield ("XREADGROUP", "GROUP", "readers", "ann", "COUNT", "20", "STREAMS", f"{tag}stream", ">")
    yield ("XACK", f"{tag}stream", "readers", "9-1")


def fill(node: Node) -> None:
    with node.connect() as connection:
        for tag in tags():
            connection.ask("SET", f"{tag}small", tag)
        for command in (*values_of_every_type(tags()[0]), *streams(tags()[1]), *values_of_every_type(tags()[-1])):
            connection.ask(*command)


def contents(node: Node) -> dict[bytes, tuple[bytes, int]]:
    """The digest of each key in the slots that move, and its deadline, near enough (MIGRATE sends a time to live)."""
    with node.connect() as connection:
        keys = [key for slot in range(MOVED) for key in connection.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000)]
        told = {key: connection.ask("DEBUG", "DIGEST-VALUE", key)[0] for key in keys}
        return {key: (bytes(told[key]), round(connection.ask("PEXPIRETIME", key) / 10_000)) for key in keys}


def test_slots_go_from_us_to_a_real_server_and_back(mixed: Tools) -> None:
    ours, real, _ = mixed.nodes
    before = contents(ours)
    assert len(before) > 50
    with Application(mixed.nodes) as application:
        for source, target in ((ours, real), (real, ours)):
            mixed.reshard(source, target, MOVED)
            application.wait_progress()
            mixed.wait_agreed()
            after = contents(target)
            assert {key: after.get(key) for key in before} == before
    mixed.check()


def test_a_value_keeps_its_group_of_readers(mixed: Tools) -> None:
    ours, real, _ = mixed.nodes
    stream = f"{tags()[1]}stream"
    asked = [("XINFO", "GROUPS", stream), ("XPENDING", stream, "readers"), ("XRANGE", stream, "-", "+")]
    before = [ours.ask(*question) for question in asked]
    mixed.reshard(ours, real, MOVED)
    assert [real.ask(*question) for question in asked] == before
