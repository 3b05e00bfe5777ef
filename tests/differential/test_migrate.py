"""MIGRATE: what it answers and what it leaves behind, compared with the real server. The target is a third one."""

from collections.abc import Iterator

import pytest

from pycluster.testing import Cluster, Node, reserve_port
from pycluster.testing.ports import ReservedPort
from tests.differential.comparing import Pair
from tests.differential.test_propagation import Leaves, comparison


@pytest.fixture(scope="module")
def target(redis_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    port = reserve_port()
    node = Node(port.number, tmp_path_factory.mktemp("target"), program=redis_server, directives=[("save", "")])
    node.start()
    node.ask("SET", "taken", "already")
    yield node
    node.kill()
    port.release()


@pytest.fixture
def nobody() -> Iterator[ReservedPort]:
    """A port that nobody listens to."""
    port = reserve_port()
    yield port
    port.release()


def to(target: Node) -> str:
    return f"MIGRATE 127.0.0.1 {target.port}"


def test_keys_are_sent_and_gone(compare: Pair, target: Node) -> None:
    migrate = to(target)
    compare(
        "SET k v", f"{migrate} k 0 1000 REPLACE", "EXISTS k", f"{migrate} k 0 1000 REPLACE",
        "SET a 1", "RPUSH b 1 2", f'{migrate} "" 0 1000 REPLACE KEYS a nosuch b', "EXISTS a b",
        "SET c 1 EX 100", f"{migrate} c 5 1000 COPY REPLACE", "GET c", f"{migrate} nosuch 0 1000",
        f'{migrate} "" 0 1000 KEYS', "SET mortal v PX 1", "DEBUG SLEEP 0.01", f"{migrate} mortal 0 1000",
    )  # fmt: skip
    with target.connect() as connection:
        assert connection.ask("LRANGE", "b", 0, -1) == [b"1", b"2"]
        assert connection.ask("MGET", "k", "a") == [b"v", b"1"]
        connection.ask("SELECT", 5)
        assert 0 < connection.ask("TTL", "c") <= 100


def test_what_the_target_refuses_stays(compare: Pair, target: Node) -> None:
    migrate = to(target)
    compare(
        "SET taken mine", f"{migrate} taken 0 1000", "GET taken", "SET free 1", f"{migrate} free 99 1000",
        f'{migrate} "" 0 1000 KEYS taken free', "EXISTS taken free", "SET k 1", f"{migrate} k 0 1000 AUTH secret",
        f"{migrate} k 0 1000 AUTH2 nobody secret", "GET k", f"{migrate} k 0 1000 REPLACE", "GET k",
        "SET free 1", f'{migrate} "" 0 1000 REPLACE KEYS free',
    )  # fmt: skip
    assert target.ask("GET", "taken") == b"already"


def test_refusals_come_in_order(compare: Pair) -> None:
    migrate = "MIGRATE 127.0.0.1 1"
    compare(
        "SET k v", "MIGRATE", f"{migrate} k 0", f"{migrate} k x y NOSUCH", f"{migrate} k x y", f"{migrate} k x 1000",
        f"{migrate} k 0 1000 AUTH", f"{migrate} k 0 1000 AUTH2 u", f"{migrate} k 0 1000 KEYS a b",
        f'{migrate} "" x y KEYS a b', f'{migrate} "" 0 1000 KEYS a b', f"{migrate} nosuch 99 -5 COPY REPLACE",
    )  # fmt: skip


def test_a_target_that_is_not_there(compare: Pair, nobody: ReservedPort) -> None:
    compare("SET k v", f"MIGRATE 127.0.0.1 {nobody.number} k 0 1000", "GET k", "MIGRATE 127.0.0.1 x k 0 1000")


@pytest.mark.parametrize("port", ["99999", "-1", "+1", "1x", "", "9" * 5000, "4294967297"])
def test_ports_as_atoi_reads_them(compare: Pair, port: str) -> None:
    compare("SET k v", f'MIGRATE 127.0.0.1 "{port}" k 0 1000', "GET k")


@pytest.mark.parametrize("host", ["a" * 300, "a..b", "\\xff", "a\\x00b"])
def test_hosts_that_are_none(compare: Pair, host: str) -> None:
    compare("SET k v", f'MIGRATE "{host}" 1 k 0 1000', "GET k")


def test_a_target_that_does_not_answer(compare: Pair, target: Node) -> None:
    target.pause()
    try:
        compare("SET k v", f"{to(target)} k 0 50 REPLACE", "GET k", protocols=(2,))
    finally:
        target.resume()


def test_in_a_transaction_all_is_done_in_order(compare: Pair, target: Node) -> None:
    migrate = to(target)
    compare(
        "SET k v", "MULTI", "SET other 1", f"{migrate} k 0 1000 REPLACE", "EXISTS k", "INCR other",
        f"{migrate} other 0 1000 REPLACE", "GET other", f"{migrate} other 0 1000", "EXEC", "EXISTS k other",
    )  # fmt: skip
    compare("SET k v", "MULTI", f"{migrate} k 99 1000", "GET k", "EXEC", "WATCH k", "b: SET k w", "MULTI",
            f"{migrate} k 0 1000", "EXEC", "GET k")  # fmt: skip


def test_which_arguments_are_keys(compare: Pair) -> None:
    compare(
        "COMMAND GETKEYS MIGRATE h 1 k 0 1", 'COMMAND GETKEYS MIGRATE h 1 "" 0 1 KEYS a b',
        "COMMAND GETKEYS MIGRATE h 1 k 0 1 COPY REPLACE", 'COMMAND GETKEYS MIGRATE h 1 "" 0 1 AUTH keys KEYS a b',
        'COMMAND GETKEYS MIGRATE h 1 "" 0 1 AUTH2 keys keys REPLACE KEYS a b', "COMMAND GETKEYS MIGRATE h 1 k 0 1 KEYS",
        'COMMAND GETKEYS MIGRATE h 1 "" 0 1 KEYS', "COMMAND GETKEYS MIGRATE h 1 k 0",
    )  # fmt: skip


def test_what_is_propagated(compare: Pair, target: Node) -> None:
    leaves_the_same: Leaves = comparison(compare)
    migrate = to(target)
    leaves_the_same(
        "SET k v", f"{migrate} k 0 1000 REPLACE", "MSET a 1 b 2", f'{migrate} "" 0 1000 REPLACE KEYS a nosuch b',
        "SET k v", f"{migrate} k 0 1000 COPY REPLACE", f"{migrate} taken 0 1000", f"{migrate} k 99 1000",
        "MULTI", "SET other 1", f"{migrate} k 0 1000 REPLACE", "INCR other", "EXEC",
    )  # fmt: skip


def test_keys_go_though_others_use_other_slots_meanwhile(our_server: list[str], target: Node) -> None:
    """A SET in another slot that is read in the same turn as the MIGRATE."""
    with Cluster(1, 0, program=our_server) as cluster:
        node = cluster.nodes[0]
        node.ask("SET", "key", "value")
        with node.connect() as one, node.connect() as other:
            assert (one.ask("PING"), other.ask("PING")) == (b"PONG", b"PONG")
            node.pause()
            one.send("MIGRATE", "127.0.0.1", target.port, "key", 0, 1000, "REPLACE")
            other.send("SET", "elsewhere", "value")
            node.resume()
            assert (one.receive(), other.receive()) == (b"OK", b"OK")
        assert node.ask("EXISTS", "key") == 0
