"""What a change of role, or of a slot's owner, does to clients and data: SEMANTICS told by real processes.

A cluster of two shards, A with slots 0-8191 and B with the others; the same tests run on pycluster and on redis-server.
`{b}` is a tag in A's slots (3300), `{a}` one in B's (15495).
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import hiredis
import pytest

from pycluster.testing import Cluster, Connection, Node
from pycluster.testing.connection import Word
from tests.integration.shards import Shards, id_of, offset, row, wait, wait_outcome, why_not_same
from tests.integration.tutorial import covers

SLOT_OF_B = 3300
TAGS = {"A": "{b}", "B": "{a}"}


@pytest.fixture(scope="module")
def shards(server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    cluster = Cluster(
        2,
        1,
        directory=tmp_path_factory.mktemp("roles"),
        program=server,
        directives=[("enable-debug-command", "yes"), ("save", ""), ("repl-ping-replica-period", 1)],
    )
    with cluster:
        shards = Shards(cluster.nodes)
        shards.wait_well()
        yield shards


@pytest.fixture(autouse=True)
def well(shards: Shards) -> Iterator[None]:
    """Each test finds the cluster well and without keys, whatever the one before did to it."""
    shards.wait_well()
    for name in "AB":
        shards.master(name).ask("FLUSHALL")
        wait(lambda: why_not_same(shards.replica(name), shards.master(name)))  # noqa: B023
    yield


# ---- clients that wait


@contextmanager
def waiting(node: Node, *words: Word) -> Iterator[Connection]:
    """A client whose command doesn't come back: it blocks, or a pause holds it."""
    before = blocked_clients(node)
    with node.connect() as client:
        client.send(*words)
        wait(lambda: "" if blocked_clients(node) > before else f"{words} does not wait")
        yield client


def blocked_clients(node: Node) -> int:
    return int(node.info("clients")["blocked_clients"])


def is_closed(client: Connection) -> bool:
    try:
        return client.socket.recv(1) == b""
    except (TimeoutError, ConnectionError):
        return False


# 10, 11: what a replica serves


def test_readonly_serves_the_slots_of_my_master_only(shards: Shards) -> None:
    master, replica = shards.master("A"), shards.replica("A")
    master.ask("SET", "b", "v")
    wait(lambda: why_not_same(replica, master))
    with replica.connect() as client:
        assert_moved(client, "GET", "b", to=master)
        client.ask("READONLY")
        assert client.ask("GET", "b") == b"v"
        assert_moved(client, "GET", "a", to=shards.master("B"))
        assert_moved(client, "SET", "b", "x", to=master)
        client.ask("READWRITE")
        assert_moved(client, "GET", "b", to=master)


def assert_moved(client: Connection, *words: Word, to: Node) -> None:
    with pytest.raises(hiredis.ReplyError, match=rf"^MOVED \d+ {to.address}$"):
        client.ask(*words)


def test_readonly_serves_a_transaction_of_reads(shards: Shards) -> None:
    master, replica = shards.master("A"), shards.replica("A")
    with replica.connect() as client:
        for word in ("READONLY", "MULTI"):
            client.ask(word)
        client.ask("GET", "b")
        client.ask("GET", "{b}2")
        assert client.ask("EXEC") == [None, None]
        client.ask("MULTI")
        client.ask("GET", "b")
        assert_moved(client, "SET", "b", "x", to=master)


def test_shard_channels_work_on_a_replica_without_readonly(shards: Shards) -> None:
    with shards.replica("A").connect() as listener, shards.replica("A").connect() as client:
        assert listener.ask("SSUBSCRIBE", "b") == [b"ssubscribe", b"b", 1]
        assert client.ask("SPUBLISH", "b", "m") == 1
        assert listener.receive() == [b"smessage", b"b", b"m"]
        assert_moved(client, "SPUBLISH", "a", "m", to=shards.master("B"))


def test_a_write_without_keys_is_refused_by_a_replica(shards: Shards) -> None:
    with pytest.raises(hiredis.ReplyError, match="^READONLY "):
        shards.replica("A").ask("FLUSHALL")


def test_a_stale_replica_redirects_before_it_says_that_its_master_is_down(shards: Shards) -> None:
    master, replica = shards.master("A"), shards.replica("A")
    replica.ask("CONFIG", "SET", "replica-serve-stale-data", "no")
    with replica.connect() as client, severed(replica, master):
        assert_moved(client, "GET", "b", to=master)
        client.ask("READONLY")
        with pytest.raises(hiredis.ReplyError, match="^MASTERDOWN "):
            client.ask("GET", "b")
        assert_moved(client, "SET", "b", "x", to=master)
        with pytest.raises(hiredis.ReplyError, match="^READONLY "):
            client.ask("FLUSHALL")
    replica.ask("CONFIG", "SET", "replica-serve-stale-data", "yes")


@contextmanager
def severed(replica: Node, master: Node) -> Iterator[None]:
    """Nothing of the master's stream reaches the replica, which tries in vain to log in; the bus goes on."""
    replica.ask("CONFIG", "SET", "masterauth", "a password that nobody asked for")
    master.ask("CLIENT", "KILL", "TYPE", "replica")
    wait(lambda: "" if replica.info("replication")["master_link_status"] == "down" else f"{replica} has its master")
    try:
        yield
    finally:
        replica.ask("CONFIG", "SET", "masterauth", "")


# 12: blocked clients


def test_who_waits_at_a_master_that_steps_back_is_disconnected(shards: Shards) -> None:
    master = shards.master("A")
    with waiting(master, "BLPOP", "b", 0) as one, waiting(master, "WAIT", 5, 0) as other:
        shards.fail_over("A")
        for client in (one, other):
            assert str(client.receive()).startswith("UNBLOCKED force unblock from blocking operation, instance state ")
            assert is_closed(client)


# 16 to 18: the pause of a failover


@contextmanager
def held_failover(shards: Shards, name: str) -> Iterator[tuple[Node, Node]]:
    """A failover that does not get on, since the replica lacks the last write of a master that stands still already.

    (For five seconds at most, then both give up.)
    """
    master, replica = shards.master(name), shards.replica(name)
    asked = requests_to_step_back(master)
    with severed(replica, master):
        master.ask("SET", TAGS[name] + "last", "v")
        replica.ask("CLUSTER", "FAILOVER")
        wait(lambda: "" if requests_to_step_back(master) > asked else "the master has not been asked")
        yield master, replica
    wait_outcome(replica)
    assert row(replica).role == "master"


def requests_to_step_back(master: Node) -> int:
    return master.log().count("Manual failover requested by")


def test_a_write_that_a_failover_held_back_is_sent_to_the_new_master(shards: Shards) -> None:
    with held_failover(shards, "A") as (master, replica):
        client = master.connect()
        client.send("SET", "b", "v")
        wait(lambda: "" if blocked_clients(master) else "the write is not held back")
    assert str(client.receive()) == f"MOVED {SLOT_OF_B} {replica.address}"
    client.close()


def test_the_pause_of_a_failover_does_not_end_by_client_unpause(shards: Shards) -> None:
    with held_failover(shards, "B") as (master, _), waiting(master, "SET", "a", "v"):
        master.ask("CLIENT", "PAUSE", 10_000, "WRITE")
        master.ask("CLIENT", "UNPAUSE")
        assert blocked_clients(master) == 1
        assert master.ask("GET", "a") is None


def test_nothing_expires_during_a_failover(shards: Shards) -> None:
    shards.master("B").ask("SET", "a", "v", "PX", 200)
    with held_failover(shards, "B") as (master, _):
        stands_at = offset(master)
        wait(lambda: "it lives" if master.ask("GET", "a") else "")
        assert (master.ask("DBSIZE"), offset(master)) == (2, stands_at)
    shards.wait_well()
    wait(lambda: "" if shards.master("B").ask("DBSIZE") == 1 else "it is not deleted")


def test_a_master_under_a_heavy_load_stands_still_where_it_says(shards: Shards) -> None:
    master, replica = shards.master("A"), shards.replica("A")
    with Flood(master), Flood(master):
        replica.ask("CLUSTER", "FAILOVER")
        wait_outcome(replica)
    said = last_number(replica, "Received replication offset for paused master manual failover: ")
    assert last_number(replica, "valid up to offset: ") == said + 1


def last_number(node: Node, text: str) -> int:
    """The number behind the last such text in the log."""
    return int(re.findall(text + r"(\d+)", node.log())[-1])


class Flood(threading.Thread):
    """A client that writes as fast as it can, until it is sent away."""

    def __init__(self, master: Node):
        super().__init__(daemon=True)
        self.client = master.connect()
        self.writes = 0

    def run(self) -> None:
        while True:
            for _ in range(20):
                self.client.send("INCR", "{b}count")
            for reply in [self.client.receive() for _ in range(20)]:
                if isinstance(reply, hiredis.ReplyError):
                    return
            self.writes += 1

    def __enter__(self) -> "Flood":
        self.start()
        wait(lambda: "" if self.writes > 10 else "it has not begun")
        return self

    def __exit__(self, *_: object) -> None:
        self.join(60)
        self.client.close()
        assert not self.is_alive()


# 12: blocked clients, again (slots change hands only behind the failovers: Redis 7.0 may mix up the two)


def test_who_waits_for_a_key_is_sent_after_its_slot(shards: Shards) -> None:
    master, other = shards.master("A"), shards.master("B")
    with waiting(master, "BLPOP", "b", 0) as client:
        master.ask("CLUSTER", "SETSLOT", SLOT_OF_B, "NODE", id_of(other))
        assert str(client.receive()) == f"MOVED {SLOT_OF_B} {other.address}"
        master.ask("CLUSTER", "SETSLOT", SLOT_OF_B, "NODE", id_of(master))
        assert client.ask("LPUSH", "b", "v") == 1


def test_who_waits_hears_that_the_cluster_is_down(shards: Shards) -> None:
    master = shards.master("A")
    with waiting(master, "BLPOP", "b", 0) as client:
        master.ask("CLUSTER", "DELSLOTS", 0)
        assert str(client.receive()) == "CLUSTERDOWN The cluster is down"
        master.ask("CLUSTER", "ADDSLOTS", 0)


def test_who_waits_hears_that_nobody_has_its_slot(shards: Shards) -> None:
    master = shards.master("A")
    master.ask("CONFIG", "SET", "cluster-require-full-coverage", "no")
    with waiting(master, "BLPOP", "b", 0) as client:
        master.ask("CLUSTER", "DELSLOTS", SLOT_OF_B)
        assert str(client.receive()) == "CLUSTERDOWN Hash slot not served"
        master.ask("CLUSTER", "ADDSLOTS", SLOT_OF_B)
    master.ask("CONFIG", "SET", "cluster-require-full-coverage", "yes")


# 29: a slot that another one took, with keys in it


@contextmanager
def taken(slot: int, owner: Node, taker: Node) -> Iterator[None]:
    """By an operator's order at the taker alone: the owner learns of it from the bus. At last it takes it back."""
    take(slot, owner, taker)
    try:
        yield
    finally:
        take(slot, taker, owner)


def take(slot: int, owner: Node, taker: Node) -> None:
    taker.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", id_of(owner))
    taker.ask("CLUSTER", "SETSLOT", slot, "NODE", id_of(taker))
    wait(lambda: "" if covers(row(taker, owner), slot) else f"{owner} has not heard of it")


def test_a_slot_that_is_lost_takes_its_keys_along(shards: Shards) -> None:
    master, replica = shards.master("A"), shards.replica("A")
    if master.info("server")["redis_version"].startswith("7.0."):
        pytest.skip("Redis 7.0 does not tell who watches the keys (cluster.c, delKeysInSlot)")
    master.ask("MSET", "b", 1, "{b}2", 2)
    master.ask("SET", "c", 3)
    wait(lambda: why_not_same(replica, master))
    master.ask("CONFIG", "SET", "notify-keyspace-events", "KEA")
    with master.connect() as client, master.connect() as listener:
        client.ask("WATCH", "b")
        listener.ask("PSUBSCRIBE", "__key*")
        with taken(SLOT_OF_B, master, shards.master("B")):
            wait(lambda: "" if master.ask("KEYS", "*") == [b"c"] else "the keys are still there")
            wait(lambda: why_not_same(replica, master))
            assert replica.ask("DBSIZE") == 1
        client.ask("MULTI")
        client.ask("PING")
        assert client.ask("EXEC") is None
        master.ask("DEL", "c")  # its event is the first: for users the other keys are not deleted, they are elsewhere
        assert listener.receive()[2:] == [b"__keyspace@0__:c", b"del"]
    master.ask("CONFIG", "SET", "notify-keyspace-events", "")
