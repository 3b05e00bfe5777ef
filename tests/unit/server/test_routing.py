"""Which node runs a command: every answer that a client of a cluster can get, and in which order reasons are found.

Keys: `b` (slot 3300), `{b}…` and `f` (3168) are ours, `k` (7629) is the other node's, `a` (15495) is nobody's.
"""

from collections.abc import Iterator

import pytest

from pycluster.cluster.node import PRIMARY, Node
from pycluster.keyspace.slots import key_slot
from pycluster.protocol.errors import ReplyError
from pycluster.server.blocking import BLOCKED
from tests.unit.server.stage import Clustered

OURS, THEIRS, NOBODYS = 3300, 7629, 15495


@pytest.fixture
def stage() -> Iterator[Clustered]:
    stage = Clustered()
    yield stage
    stage.close()


def said(reply: object) -> str:
    """An error as the client reads it; of anything else, that it was served."""
    return str(reply) if isinstance(reply, ReplyError) else "served"


def code(reply: object) -> str:
    return said(reply).split()[0]


def test_the_keys_lie_where_these_tests_think() -> None:
    assert [key_slot(key) for key in (b"b", b"{b}2", b"f", b"k", b"a")] == [OURS, OURS, 3168, THEIRS, NOBODYS]


def test_each_slot_has_its_answer(stage: Clustered) -> None:
    client = stage.client()
    assert said(stage.ask(client, "SET b 1")) == "served"
    assert said(stage.ask(client, "SET k 1")) == "MOVED 7629 127.0.0.1:7002"
    assert said(stage.ask(client, "SET a 1")) == "CLUSTERDOWN Hash slot not served"


def test_keys_of_several_slots(stage: Clustered) -> None:
    client = stage.client()
    assert said(stage.ask(client, "MGET b k")) == "CROSSSLOT Keys in request don't hash to the same slot"
    assert code(stage.ask(client, "MGET a b")) == "CLUSTERDOWN"  # the first key's slot is looked at first
    assert code(stage.ask(client, "MGET b a")) == "CROSSSLOT"
    assert said(stage.ask(client, "MGET {b}1 b")) == "served"
    assert code(stage.ask(client, "MGET k {k}2")) == "MOVED"


def test_commands_without_keys_are_served_whatever_the_state(stage: Clustered) -> None:
    stage.fail()
    client = stage.client()
    for command in ["KEYS *", "DBSIZE", "PUBLISH c m", "PING", "FLUSHALL", "SCAN 0", "MULTI", "DBSIZE", "EXEC"]:
        assert said(stage.ask(client, command)) == "served"


def test_in_a_cluster_that_is_down_the_reason_found_first_is_told(stage: Clustered) -> None:
    stage.fail()
    client = stage.client()
    assert said(stage.ask(client, "GET b")) == "CLUSTERDOWN The cluster is down"
    assert said(stage.ask(client, "GET k")) == "CLUSTERDOWN The cluster is down"
    assert said(stage.ask(client, "GET a")) == "CLUSTERDOWN Hash slot not served"
    assert code(stage.ask(client, "MGET b k")) == "CROSSSLOT"


def test_reads_may_be_allowed_while_the_cluster_is_down() -> None:
    stage = Clustered(cluster_allow_reads_when_down=True)
    stage.fail()
    client = stage.client()
    assert said(stage.ask(client, "GET b")) == "served"
    assert said(stage.ask(client, "SET b 1")) == "CLUSTERDOWN The cluster is down and only accepts read commands"
    assert code(stage.ask(client, "GET k")) == "MOVED"
    stage.close()


def test_shard_channels_of_a_cluster_that_is_down(stage: Clustered) -> None:
    stage.fail()
    client = stage.client()
    assert said(stage.ask(client, "SSUBSCRIBE b")) == "served"  # cluster-allow-pubsubshard-when-down yes
    stage.server.config.cluster_allow_pubsubshard_when_down = False
    assert said(stage.ask(client, "SPUBLISH b x")) == "CLUSTERDOWN The cluster is down"


@pytest.mark.parametrize(
    ("here", "request_", "expected"),
    [
        ("", "GET b", "ASK 3300 127.0.0.1:7002"),
        ("b", "GET b", "served"),
        ("", "MGET b {b}2", "ASK 3300 127.0.0.1:7002"),
        ("b", "MGET b {b}2", "TRYAGAIN Multiple keys request during rehashing of slot"),
        ("b {b}2", "MGET b {b}2", "served"),
        ("b", "SET {b}2 x", "ASK 3300 127.0.0.1:7002"),
        ("b", "RENAME b {b}2", "TRYAGAIN Multiple keys request during rehashing of slot"),
        ("", "SSUBSCRIBE b", "served"),
    ],
)
def test_a_slot_that_is_moving_away(stage: Clustered, here: str, request_: str, expected: str) -> None:
    client = stage.client()
    for key in here.split():
        stage.ask(client, f"SET {key} 1")
    stage.migrate(OURS)
    assert said(stage.ask(client, request_)) == expected


@pytest.mark.parametrize(
    ("here", "request_", "expected"),
    [
        ("", "GET k", "served"),
        ("", "SET k 1", "served"),
        ("", "MGET k k", "served"),
        ("", "MGET k {k}2", "TRYAGAIN"),
        ("k", "MGET k {k}2", "TRYAGAIN"),
        ("k {k}2", "MGET k {k}2", "served"),
    ],
)
def test_a_slot_that_is_coming_in_serves_who_says_asking(
    stage: Clustered, here: str, request_: str, expected: str
) -> None:
    stage.import_(THEIRS)
    client = stage.client()
    for key in here.split():
        stage.ask(client, "ASKING")
        stage.ask(client, f"SET {key} 1")
    assert code(stage.ask(client, request_)) == "MOVED"
    assert stage.ask(client, "ASKING") == "OK"
    assert code(stage.ask(client, request_)) == expected


def test_asking_lasts_for_one_command(stage: Clustered) -> None:
    stage.import_(THEIRS)
    client = stage.client()
    for between in ["PING", "GET k", "NOSUCH", "GET", "GET b"]:
        stage.ask(client, "ASKING")
        stage.ask(client, between)
        assert code(stage.ask(client, "GET k")) == "MOVED", between


def test_asking_lasts_for_a_whole_transaction(stage: Clustered) -> None:
    stage.import_(THEIRS)
    client = stage.client()
    for request in ["ASKING", "MULTI", "SET k 1", "GET k", "INCR k"]:
        assert said(stage.ask(client, request)) == "served"
    assert stage.ask(client, "EXEC") == ["OK", b"1", 2]
    assert code(stage.ask(client, "GET k")) == "MOVED"


def test_a_slot_that_is_ours_and_coming_in_too_is_simply_ours(stage: Clustered) -> None:
    stage.import_(OURS)
    assert said(stage.ask(stage.client(), "GET b")) == "served"


def test_looking_for_keys_leaves_no_trace(stage: Clustered) -> None:
    client = stage.client()
    stage.ask(client, "SET b 1 PX 5")
    stage.migrate(OURS)
    stage.at(2_000_000)
    statistics = stage.server.keyspace.statistics
    before = statistics.hits, statistics.misses
    assert code(stage.ask(client, "GET b")) == "ASK"
    assert (statistics.hits, statistics.misses, statistics.expired) == (*before, 0)
    assert stage.server.databases[0].size() == 1


def test_a_redirect_in_a_transaction_spoils_it(stage: Clustered) -> None:
    client = stage.client()
    stage.ask(client, "MULTI")
    assert code(stage.ask(client, "SET k 1")) == "MOVED"
    assert stage.ask(client, "SET b 1") == "QUEUED"
    assert code(stage.ask(client, "EXEC")) == "EXECABORT"
    assert code(stage.ask(client, "EXEC")) == "ERR"


def test_at_exec_all_keys_are_looked_at_together(stage: Clustered) -> None:
    client = stage.client()
    for request in ["MULTI", "SET b 1", "SET f 1"]:
        assert said(stage.ask(client, request)) == "served"
    assert code(stage.ask(client, "EXEC")) == "CROSSSLOT"
    assert said(stage.ask(client, "EXEC")) == "ERR EXEC without MULTI"


def test_a_redirect_at_exec_replaces_execabort_and_ends_the_transaction(stage: Clustered) -> None:
    client = stage.client()
    for request in ["WATCH b", "MULTI", "SET b 1", "NOSUCH"]:
        stage.ask(client, request)
    stage.slots.rebind(stage.myself.slots, stage.other)
    stage.settle()
    assert said(stage.ask(client, "EXEC")) == "MOVED 3300 127.0.0.1:7002"
    assert said(stage.ask(client, "EXEC")) == "ERR EXEC without MULTI"
    assert not client.watched


def test_a_replica_serves_readers_of_its_own_primary_only(stage: Clustered) -> None:
    stage.follow(stage.other)
    stage.server.replication.is_stale = lambda: False
    client = stage.client()
    assert code(stage.ask(client, "GET k")) == "MOVED"
    assert stage.ask(client, "READONLY") == "OK"
    assert said(stage.ask(client, "GET k")) == "served"
    assert said(stage.ask(client, "SET k 1")) == "MOVED 7629 127.0.0.1:7002"  # before READONLY is thought of
    assert code(stage.ask(client, "GET a")) == "CLUSTERDOWN"
    for request in ["MULTI", "GET k", "MGET k {k}2"]:
        stage.ask(client, request)
    assert said(stage.ask(client, "EXEC")) == "served"
    assert stage.ask(client, "READWRITE") == "OK"
    assert code(stage.ask(client, "GET k")) == "MOVED"


@pytest.mark.parametrize(
    ("word", "request_", "expected"),
    [
        ("READONLY", "GET k", "ASK"),
        ("READONLY", "SET k 1", "ASK"),
        ("READONLY", "MIGRATE 127.0.0.1 7003 k 0 100", "ASK"),
        ("READWRITE", "GET k", "MOVED"),
    ],
)
def test_a_replica_sends_its_readers_behind_keys_that_its_primary_has_given_away(
    stage: Clustered, word: str, request_: str, expected: str
) -> None:
    stage.follow(stage.other)
    stage.server.replication.is_stale = lambda: False
    stage.migrate(THEIRS)
    client = stage.client()
    stage.ask(client, word)
    assert code(stage.ask(client, request_)) == expected


def test_a_replica_of_who_takes_a_slot_serves_readers_who_say_asking(stage: Clustered) -> None:
    stage.follow(stage.other)
    stage.server.replication.is_stale = lambda: False
    stage.slots.rebind(1 << THEIRS, Node("3" * 40, PRIMARY, 0, "", port=7003))
    stage.import_(THEIRS)
    client = stage.client()
    stage.ask(client, "ASKING")
    assert code(stage.ask(client, "GET k")) == "MOVED"
    for request, expected in {"GET k": "served", "SET k 1": "READONLY"}.items():
        stage.ask(client, "READONLY")
        stage.ask(client, "ASKING")
        assert code(stage.ask(client, request)) == expected


def test_a_replica_serves_shard_channels_to_everybody(stage: Clustered) -> None:
    stage.follow(stage.other)
    stage.server.replication.is_stale = lambda: False
    client = stage.client()
    client.resp = 3
    assert said(stage.ask(client, "SSUBSCRIBE k")) == said(stage.ask(client, "SPUBLISH k x")) == "served"
    assert code(stage.ask(client, "SSUBSCRIBE b")) == "CLUSTERDOWN"


def test_a_write_without_keys_is_refused_by_a_replica_and_not_redirected(stage: Clustered) -> None:
    stage.follow(stage.other)
    assert code(stage.ask(stage.client(), "FLUSHALL")) == "READONLY"


def test_a_node_without_slots_redirects_every_key(stage: Clustered) -> None:
    stage.slots.rebind(stage.myself.slots, stage.other)
    stage.settle()
    client = stage.client()
    assert {code(stage.ask(client, f"GET {key}")) for key in ("b", "k", "f")} == {"MOVED"}


def test_a_waiter_follows_its_slot(stage: Clustered) -> None:
    client = stage.client()
    assert stage.ask(client, "BLPOP b 0") is BLOCKED
    waiter = client.waiter

    def redirect() -> str:
        return said(stage.server.routing.redirect_of_waiter(client, waiter.command, waiter.wait.keys))

    assert redirect() == "served"
    stage.migrate(OURS)
    assert redirect() == "served"
    stage.slots.rebind(1 << OURS, stage.other)
    assert redirect() == "MOVED 3300 127.0.0.1:7002"
    stage.import_(OURS)
    assert redirect() == "served"
    stage.slots.importing.clear()
    stage.slots.release(1 << OURS)
    assert redirect() == "CLUSTERDOWN Hash slot not served"
    stage.fail()
    assert redirect() == "CLUSTERDOWN The cluster is down"
