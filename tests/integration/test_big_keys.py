"""Big keys move while everybody else goes on: only who wants one of these keys waits, on either side."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hiredis
import pytest

from pycluster.testing import Cluster, Node, wait_until
from tests.integration.shards import id_of

FIELDS = 80_000
NODE_TIMEOUT_MS = 10_000  # DEBUG DIGEST-VALUE of a big key stops a node for a second where the machine is slow
SLOT = 3300  # of {b}
BIG = ("{b}hash", "{b}sorted", "{b}list")


class Migrating:
    """A MIGRATE of big keys under way, from one node to another."""

    def __init__(self, source: Node, target: Node, *keys: str):
        self.reply: object = None
        request = ("MIGRATE", target.host, target.port, "", 0, 60_000, "KEYS", *keys)
        self._thread = threading.Thread(target=self._run, args=(source, request))
        self._thread.start()
        wait_until(lambda: "" if source.info("clients")["blocked_clients"] != "0" else "it has not begun")

    def _run(self, source: Node, request: tuple[str | int, ...]) -> None:
        with source.connect(120) as connection:
            connection.send(*request)
            self.reply = connection.receive()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> object:
        self._thread.join(120)
        return self.reply


@pytest.fixture(scope="module")
def nodes(our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    directory: Path = tmp_path_factory.mktemp("big")
    directives = [("enable-debug-command", "yes"), ("save", "")]
    cluster = Cluster(
        3, 1, directory=directory, program=our_server, directives=directives, node_timeout_ms=NODE_TIMEOUT_MS
    )
    with cluster:
        yield cluster.nodes


@pytest.fixture
def opened(nodes: list[Node]) -> Iterator[tuple[Node, Node]]:
    """A source with a big hash, and two small keys, in a slot that is open towards the target; closed afterwards."""
    source, target = nodes[:2]
    with source.connect(60) as connection:
        for start in range(0, FIELDS, 10_000):
            some = range(start, start + 10_000)
            connection.ask("HSET", BIG[0], *(word for n in some for word in (f"field:{n}", f"value:{n}")))
        connection.ask("ZADD", BIG[1], 1, "one")
        connection.ask("RPUSH", BIG[2], "one")
    target.ask("CLUSTER", "SETSLOT", SLOT, "IMPORTING", id_of(source))
    source.ask("CLUSTER", "SETSLOT", SLOT, "MIGRATING", id_of(target))
    yield source, target
    with target.connect(60) as connection:
        for key in BIG:
            connection.ask("ASKING")
            connection.ask("DEL", key)
    source.ask("CLUSTER", "SETSLOT", SLOT, "STABLE")
    target.ask("CLUSTER", "SETSLOT", SLOT, "STABLE")
    source.ask("FLUSHALL")


def asking(node: Node, *words: str) -> object:
    with node.connect(60) as connection:
        connection.ask("ASKING")
        return connection.ask(*words)


def digests(ask: Callable[..., object]) -> list[object]:
    return [ask("DEBUG", "DIGEST-VALUE", key) for key in BIG]


def test_other_clients_go_on_meanwhile(opened: tuple[Node, Node], nodes: list[Node]) -> None:
    source, target = opened
    migrating = Migrating(source, target, BIG[0])
    with source.connect() as one, target.connect() as other:
        served = 0
        while not migrating.is_over:
            one.ask("DBSIZE"), other.ask("PING")
            served += 1
    assert migrating.wait() == b"OK" and served > 20
    assert all(node.cluster_info()["cluster_state"] == "ok" for node in nodes)


def test_several_big_keys_arrive_as_they_were_and_at_the_replica_too(
    opened: tuple[Node, Node], nodes: list[Node]
) -> None:
    source, target = opened
    with source.connect(60) as connection:
        for start in range(0, FIELDS, 10_000):
            some = range(start, start + 10_000)
            connection.ask("ZADD", BIG[1], *(word for n in some for word in (n / 4, f"member:{n}")))
            connection.ask("RPUSH", BIG[2], *(f"item:{n}" for n in some))
    before = digests(source.ask)
    assert Migrating(source, target, *BIG).wait() == b"OK"
    assert source.ask("DBSIZE") == 0
    assert digests(target.ask) == before
    replica = nodes[4]
    wait_until(lambda: "" if replica.ask("DBSIZE") == 3 else "the replica has not got all of them yet", 60)
    assert digests(replica.ask) == before
    wait_until(lambda: "" if nodes[3].ask("DBSIZE") == 0 else "the source's replica still has them", 60)


def test_who_wants_the_key_waits_at_the_source_and_is_then_sent_to_the_target(opened: tuple[Node, Node]) -> None:
    source, target = opened
    migrating = Migrating(source, target, BIG[0])
    with source.connect(60) as connection:
        connection.send("HLEN", BIG[0])
        reply = connection.receive()
    assert migrating.wait() == b"OK"
    assert isinstance(reply, hiredis.ReplyError) and str(reply) == f"ASK {SLOT} {target.address}"
    assert asking(target, "HLEN", BIG[0]) == FIELDS


def test_who_wants_the_key_at_the_target_sees_all_of_it_or_nothing(opened: tuple[Node, Node]) -> None:
    source, target = opened
    migrating = Migrating(source, target, BIG[0])
    seen = []
    while not migrating.is_over:
        seen.append(asking(target, "HLEN", BIG[0]))
    assert migrating.wait() == b"OK"
    assert set(seen) <= {0, FIELDS} and 0 in seen


def test_a_transaction_with_such_a_key_waits_as_a_whole(opened: tuple[Node, Node]) -> None:
    source, target = opened
    migrating = Migrating(source, target, BIG[0])
    with source.connect(60) as connection:
        connection.ask("MULTI")
        connection.ask("HSET", BIG[0], "late", "1")
        connection.send("EXEC")
        reply = connection.receive()
    assert migrating.wait() == b"OK"
    assert str(reply) == f"ASK {SLOT} {target.address}"
    assert asking(target, "HEXISTS", BIG[0], "late") == 0


def test_nobody_sees_the_half_of_a_transaction_that_migrates(opened: tuple[Node, Node]) -> None:
    source, target = opened
    with source.connect(60) as connection, source.connect(60) as other:
        connection.ask("MULTI")
        connection.ask("RPUSH", BIG[2], "one more")
        connection.ask("MIGRATE", target.host, target.port, BIG[0], 0, 60_000)
        connection.ask("RPUSH", BIG[2], "and another")
        connection.send("EXEC")
        other.send("LLEN", BIG[2])
        assert connection.receive() == [2, b"OK", 3]
        assert other.receive() == 3


def test_a_pause_of_writes_holds_up_the_deletion_too(opened: tuple[Node, Node]) -> None:
    source, target = opened
    migrating = Migrating(source, target, BIG[0])
    source.ask("CLIENT", "PAUSE", 60_000, "WRITE")
    wait_until(lambda: "" if asking(target, "EXISTS", BIG[0]) else "it has not arrived")
    assert source.ask("DBSIZE") == 3 and not migrating.is_over
    source.ask("CLIENT", "UNPAUSE")
    assert migrating.wait() == b"OK" and source.ask("DBSIZE") == 2


def test_a_connection_that_breaks_leaves_the_key_where_it_was(opened: tuple[Node, Node]) -> None:
    source, target = opened
    before = source.ask("DEBUG", "DIGEST-VALUE", BIG[0])
    migrating = Migrating(source, target, BIG[0])

    def kill_connections() -> str:
        if not migrating.is_over:
            target.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return "" if migrating.is_over else "it is not over"

    wait_until(kill_connections)
    assert str(migrating.wait()).startswith("IOERR error or timeout")
    assert source.ask("DEBUG", "DIGEST-VALUE", BIG[0]) == before
