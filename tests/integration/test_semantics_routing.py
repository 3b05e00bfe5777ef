"""Who is served where, and in which order reasons to refuse are found: routing, compared with redis-server.

Each node has slots 0-8191 of a cluster whose other node isn't there, which nobody notices for an hour. In the dialogues
`b` (slot 3300) and `c` (7365) are keys of ours, `a` (15495) is the other's.
"""

from collections.abc import Iterator

import pytest

from pycluster.testing import wait_until
from tests.differential.comparing import Pair, start_pair
from tests.differential.conftest import CLUSTERED, HALF_THE_SLOTS, PEER

# The other node has failed, and slots 16000 and up belong to nobody.
DOWN = HALF_THE_SLOTS.replace("17002 master", "17002 master,fail").replace("8192-16383", "8192-15999")


def pair_of(
    nodes_conf: str, redis_server: list[str], our_server: list[str], factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    with start_pair(factory.mktemp("pair"), redis_server, our_server, *CLUSTERED, nodes_conf=nodes_conf) as pair:
        yield pair


@pytest.fixture(scope="module")
def compare(redis_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    for pair in pair_of(HALF_THE_SLOTS, redis_server, our_server, tmp_path_factory):
        wait_until(lambda: why_not_ok(pair))  # noqa: B023
        yield pair


def why_not_ok(pair: Pair) -> str:
    nodes = (pair.redis, pair.ours)
    return next((f"{node} is not ok" for node in nodes if node.cluster_info()["cluster_state"] != "ok"), "")


@pytest.fixture(scope="module")
def compare_down(
    redis_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    yield from pair_of(DOWN, redis_server, our_server, tmp_path_factory)


# 1, 3: the cluster is down


def test_commands_without_keys_work_while_the_cluster_is_down(compare_down: Pair) -> None:
    compare_down(
        "KEYS *", "DBSIZE", "PUBLISH c m", "PING", "FLUSHALL", "SCAN 0", "RANDOMKEY", "MULTI", "DBSIZE", "EXEC"
    )


def test_which_of_the_texts_of_clusterdown_is_given(compare_down: Pair) -> None:
    compare_down(
        "GET b",
        "GET a",
        "SET b 1",
        ("GET", "key:of:nobody:30"),
        ("MGET", "key:of:nobody:30", "b"),
        ("MGET", "b", "key:of:nobody:30"),
        "MGET b c",
        "MGET b a",
        "SPUBLISH b m",
        "SSUBSCRIBE b",
    )
    compare_down("MULTI", "GET b", "EXEC", "MULTI", ("SET", "key:of:nobody:30", "1"), "EXEC")


def test_reads_may_be_allowed_while_the_cluster_is_down(compare_down: Pair) -> None:
    compare_down(
        "CONFIG SET cluster-allow-reads-when-down yes cluster-allow-pubsubshard-when-down no",
        "GET b",
        "SET b 1",
        "GET a",
        "MULTI",
        "GET b",
        "EXEC",
        "SPUBLISH b m",
        "CONFIG SET cluster-allow-reads-when-down no cluster-allow-pubsubshard-when-down yes",
    )


# 2: the order of refusals


def test_unknown_commands_and_arity_come_before_routing(compare: Pair) -> None:
    compare("NOSUCH a", "GET a x", "SET a", "MULTI", "NOSUCH a", "EXEC", "MULTI", "GET a x", "EXEC", "GET b")


def test_a_redirect_comes_before_too_few_replicas(compare: Pair) -> None:
    compare(
        "CONFIG SET min-replicas-to-write 1",
        "SET b 1",
        "SET a 1",
        "MSET b 1 c 2",
        "GET b",
        "FLUSHALL",
        "PUBLISH c m",
        "MULTI",
        "SET a 1",
        "EXEC",
        "MULTI",
        "SET b 1",
        "EXEC",
        "CONFIG SET min-replicas-to-write 0",
        "SET b 1",
    )


def test_a_redirect_comes_before_the_refusal_of_a_subscriber(compare: Pair) -> None:
    compare("SUBSCRIBE c", "GET a", "GET b", "GET", "NOSUCH", protocols=(2,))


# 4: transactions


def test_a_redirected_command_spoils_the_transaction(compare: Pair) -> None:
    compare("MULTI", "SET b 1", "SET a 1", "SET b 2", "EXEC", "GET b", "EXEC")


def test_the_keys_of_a_transaction_are_looked_at_together(compare: Pair) -> None:
    compare("MULTI", "SET b 1", "SET c 1", "EXEC", "GET b", "EXEC")
    compare("MULTI", "SET b 1", "PING", "SET {b}2 1", "EXEC", "GET b")


def test_a_slot_that_goes_before_exec_redirects_it(compare: Pair) -> None:
    compare(
        "MULTI",
        "GET b",
        f"x: CLUSTER SETSLOT 3300 NODE {PEER}",
        "EXEC",
        "EXEC",
        "x: CLUSTER DELSLOTS 3300",
        "MULTI",
        "GET b",
        "x: CLUSTER ADDSLOTS 3300",
        "EXEC",
        "MULTI",
        "GET b",
        "x: CLUSTER DELSLOTS 3300",
        "EXEC",
        "x: CLUSTER ADDSLOTS 3300",
        "GET b",
    )


# 5 to 9: slots on the move

MIGRATING = f"x: CLUSTER SETSLOT 3300 MIGRATING {PEER}"
IMPORTING = f"x: CLUSTER SETSLOT 15495 IMPORTING {PEER}"


def test_a_migrating_slot(compare: Pair) -> None:
    compare(
        "SET b 1",
        MIGRATING,
        "GET b",
        "GET {b}2",
        "SET {b}2 1",
        "MGET b {b}2",
        "MGET {b}2 {b}3",
        "MGET b b",
        "DEL b {b}2",
        "MULTI",
        "GET b",
        "SET {b}2 1",
        "EXEC",
        "MULTI",
        "GET b",
        "EXEC",
        "SSUBSCRIBE b",
        "SUNSUBSCRIBE b",
        "SPUBLISH b m",
        "CLUSTER SETSLOT 3300 STABLE",
    )


def test_an_importing_slot(compare: Pair) -> None:
    compare(
        IMPORTING,
        "GET a",
        "ASKING",
        "GET a",
        "ASKING",
        "SET a 1",
        "ASKING",
        "MGET a {a}2",
        "ASKING",
        "MGET {a}2 {a}2",
        "ASKING",
        "MSET {a}2 1 {a}3 1",
        "ASKING",
        "MGET a a",
        "ASKING",
        "DEL a",
        "GET a",
        "CLUSTER SETSLOT 15495 STABLE",
    )


def test_migrate_is_run_here_whenever_the_slot_is_open(compare: Pair) -> None:
    nowhere = "MIGRATE 127.0.0.1 1"
    compare(
        f"{nowhere} a 0 100",
        f"{nowhere} b 0 100",
        MIGRATING,
        f"{nowhere} b 0 100",
        f'{nowhere} "" 0 100 KEYS b {{b}}2',
        f'{nowhere} "" 0 100 KEYS b c',
        "CLUSTER SETSLOT 3300 STABLE",
        IMPORTING,
        f"{nowhere} a 0 100",
        f'{nowhere} "" 0 100 KEYS a {{a}}2',
        "CLUSTER SETSLOT 15495 STABLE",
        f"{nowhere} a 0 100",
    )


def test_a_transaction_that_migrates_is_routed_as_any(compare: Pair) -> None:
    compare(
        "MULTI",
        "MIGRATE 127.0.0.1 1 b 0 100",
        "GET b",
        "EXEC",
        "MULTI",
        "MIGRATE 127.0.0.1 1 a 0 100",
        "EXEC",
        MIGRATING,
        "MULTI",
        "MIGRATE 127.0.0.1 1 b 0 100",
        "EXEC",
        "CLUSTER SETSLOT 3300 STABLE",
    )


def test_asking_lasts_for_one_command(compare: Pair) -> None:
    compare(
        IMPORTING,
        "ASKING",
        "PING",
        "GET a",
        "ASKING",
        "GET b",
        "GET a",
        "ASKING",
        "ASKING",
        "GET a",
        "GET a",
        "ASKING",
        "NOSUCH",
        "GET a",
        "ASKING",
        "GET",
        "GET a",
        "ASKING",
        "GET {other}",
        "GET a",
        "CLUSTER SETSLOT 15495 STABLE",
    )


def test_asking_lasts_through_a_whole_transaction(compare: Pair) -> None:
    compare(
        IMPORTING,
        "ASKING",
        "MULTI",
        "SET a 1",
        "INCR a",
        "EXEC",
        "GET a",
        "MULTI",
        "ASKING",
        "GET a",
        "EXEC",
        "ASKING",
        "MULTI",
        "GET a",
        "DISCARD",
        "GET a",
        "ASKING",
        "DEL a",
        "CLUSTER SETSLOT 15495 STABLE",
    )


def test_looking_for_keys_on_the_move_leaves_no_trace(compare: Pair) -> None:
    compare(
        "CONFIG SET notify-keyspace-events KEA",
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "CONFIG RESETSTAT",
        "SET b 1 PX 1",
        "DEBUG SLEEP 0.005",
        MIGRATING,
        "e: SUBSCRIBE __keyevent@0__:expired __keyevent@0__:keymiss",
        "e: <-",
        "GET b",
        "MGET b {b}2",
        "DBSIZE",
        "CLUSTER SETSLOT 3300 STABLE",
        "CONFIG SET notify-keyspace-events ''",
    )
    for node in (compare.redis, compare.ours):
        stats = node.info("stats")
        node.ask("DEBUG", "SET-ACTIVE-EXPIRE", 1)
        assert (stats["keyspace_hits"], stats["keyspace_misses"], stats["expired_keys"]) == ("0", "0", "0"), node


# 13: shard channels of a slot that goes


def test_losing_a_slot_ends_the_subscriptions_of_its_shard_channels(compare: Pair) -> None:
    compare(
        "s: SSUBSCRIBE b {b}2",
        "s: <-",
        "t: SSUBSCRIBE c",
        "CLUSTER DELSLOTS 3300",
        "[unordered] s: <-",
        "[unordered] s: <-",
        "PUBSUB SHARDCHANNELS",
        "CLUSTER ADDSLOTS 3300",
        "SPUBLISH b m",
        "SPUBLISH c m",
        "t: <-",
        "s: PING",
    )


# 15: what time it is


def test_time_stands_still_only_inside_a_transaction(compare: Pair) -> None:
    compare(r'=> "SET b v PX 20\r\nDEBUG SLEEP 0.05\r\nGET b\r\n"', "<-", "<-")
    compare("MULTI", "SET b v PX 20", "DEBUG SLEEP 0.05", "GET b", "EXEC", "GET b")


# 55: watching what expires


def test_a_key_that_had_expired_when_it_was_watched_does_not_break_the_transaction(compare: Pair) -> None:
    compare(
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "SET b v PX 1",
        "DEBUG SLEEP 0.005",
        "WATCH b",
        "x: GET b",
        "MULTI",
        "PING",
        "EXEC",
        "DEBUG SET-ACTIVE-EXPIRE 1",
    )


def test_a_key_that_expires_while_it_is_watched_does(compare: Pair) -> None:
    compare(
        "DEBUG SET-ACTIVE-EXPIRE 0",
        "SET b v PX 10",
        "WATCH b",
        "DEBUG SLEEP 0.02",
        "MULTI",
        "PING",
        "EXEC",
        "SET b v PX 10",
        "WATCH b",
        "DEBUG SLEEP 0.02",
        "x: GET b",
        "MULTI",
        "PING",
        "EXEC",
        "DEBUG SET-ACTIVE-EXPIRE 1",
    )
