"""CLUSTER SLOT-STATS beside valkey-server's, which it comes from: replies, refusals, and what is counted for whom.

Time is not compared. Nor are the replies of transactions of several commands: Valkey adds up the reply so far for each
command in it, we count what was sent.
"""

from collections.abc import Iterator

import pytest

from pycluster.testing import Cluster, Node, wait_until
from tests.differential.comparing import Pair, start_pair
from tests.differential.conftest import CLUSTERED, HALF_THE_SLOTS, PEER, _wait_ok
from tests.differential.dialogue import empty, perform, read_dialogue

SILENTLY = '=> "' + "".join(
    "".join((f"*{len(words)}\\r\\n", *(f"${len(word)}\\r\\n{word}\\r\\n" for word in words)))
    for words in (("CLIENT", "REPLY", "OFF"), ("SET", "k2", "v"), ("CLIENT", "REPLY", "ON"))
) + '"'

Figures = dict[int, tuple[int, int, int]]  # of slots with any: keys, bytes in, bytes out


@pytest.fixture(scope="module")
def compare(
    valkey_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Nodes that have the slots 0-8191 (k2 is in 449, k3 in 4576, k1 elsewhere)."""
    directory = tmp_path_factory.mktemp("slot-stats")
    with start_pair(directory, valkey_server, our_server, *CLUSTERED, nodes_conf=HALF_THE_SLOTS) as pair:
        _wait_ok(pair)
        yield pair


@pytest.fixture
def counting(compare: Pair) -> Iterator[Pair]:
    """The same, and both count."""
    for node in (compare.redis, compare.ours):
        node.ask("CONFIG", "SET", "cluster-slot-stats-enabled", "yes")
    yield compare
    for node in (compare.redis, compare.ours):
        node.ask("CONFIG", "SET", "cluster-slot-stats-enabled", "no")


def figures(node: Node) -> Figures:
    found = {}
    for slot, (_, keys, _, _, _, bytes_in, _, bytes_out) in node.ask("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 0, 16383):
        if keys or bytes_in or bytes_out:
            found[slot] = (keys, bytes_in, bytes_out)
    return found


def count_alike(pair: Pair, *lines: str) -> None:
    """Both servers count the same for this dialogue, and something."""
    for protocol in (2, 3):
        counted = []
        for node in (pair.redis, pair.ours):
            with node.connect() as control:
                empty(control)
                control.ask("CONFIG", "RESETSTAT")
                perform(read_dialogue(lines), node, protocol, control)
            counted.append(figures(node))
        assert counted[1] == counted[0] != {}, f"{lines} in RESP{protocol}"


# What is said


def test_slots_of_a_range(compare: Pair) -> None:
    compare(
        "CLUSTER SLOT-STATS SLOTSRANGE 0 1", "CLUSTER SLOT-STATS slotsrange 8191 8193",
        "CLUSTER SLOT-STATS SLOTSRANGE 9000 9001", "SET k2 v", "CLUSTER SLOT-STATS SLOTSRANGE 448 449",
    )  # fmt: skip


def test_slots_in_order(compare: Pair) -> None:
    compare(
        "SET k2 v", "SET {k2}b v", "SET k3 v", "CLUSTER SLOT-STATS ORDERBY key-count LIMIT 3",
        "CLUSTER SLOT-STATS orderby KEY-COUNT limit 2 asc", "CLUSTER SLOT-STATS ORDERBY key-count DESC LIMIT 1",
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        "", "X", "X Y", "SLOTSRANGE 0", "SLOTSRANGE 0 1 2", "SLOTSRANGE 1 0", "SLOTSRANGE x 0", "SLOTSRANGE 0 16384",
        "ORDERBY", "ORDERBY x", "ORDERBY x y", "ORDERBY cpu-usec", "ORDERBY memory-bytes", "ORDERBY key-count LIMIT 0",
        "ORDERBY key-count LIMIT 16385", "ORDERBY key-count LIMIT x", "ORDERBY key-count LIMIT",
        "ORDERBY key-count LIMIT 1 LIMIT 2", "ORDERBY key-count LIMIT 1 LIMIT x", "ORDERBY key-count ASC DESC",
        "ORDERBY key-count ASC x", "ORDERBY key-count ASC LIMIT 2 DESC x",
    ],
)  # fmt: skip
def test_refusals(compare: Pair, arguments: str) -> None:
    compare(f"CLUSTER SLOT-STATS {arguments}")


def test_the_directive(compare: Pair) -> None:
    compare("CONFIG GET *slot-stats*", "CONFIG SET cluster-slot-stats-enabled maybe")


def test_metrics_while_it_counts(counting: Pair) -> None:
    counting(
        "CONFIG RESETSTAT", "CLUSTER SLOT-STATS SLOTSRANGE 5 5", "CLUSTER SLOT-STATS ORDERBY cpu-usec LIMIT 1",
        "CLUSTER SLOT-STATS ORDERBY network-bytes-in LIMIT 1", "CLUSTER SLOT-STATS ORDERBY network-bytes-out LIMIT 1",
        "CLUSTER SLOT-STATS ORDERBY memory-bytes",
    )  # fmt: skip


# What is counted


@pytest.mark.parametrize(
    "dialogue",
    [
        pytest.param("SET k2 v\nGET k2\nMSET {k2}a 1 {k2}b 2\nGET k3\nset k3 wide", id="commands"),
        pytest.param("SET k2 v\nLPUSH k2 x\nSET k3", id="errors"),
        pytest.param("SET k2 v\nKEYS *\nCLUSTER KEYSLOT k2\nWAIT 0 0\nSUBSCRIBE c", id="without keys"),
        pytest.param(f"CLUSTER SETSLOT 449 MIGRATING {PEER}\nGET k2\nGET k1\nCLUSTER SETSLOT 449 STABLE", id="moved"),
        pytest.param("MULTI\nSET k2 v\nDISCARD", id="a discarded transaction"),
        pytest.param("MULTI\nSET k2 v\nGET k1\nEXEC", id="a refused transaction"),
        pytest.param("WATCH k2\nSET k2 1\nMULTI\nGET k2\nEXEC", id="a broken transaction"),
        pytest.param("b: BLPOP k2 0 &\nLPUSH k2 a\nb: <-", id="who waits"),
        pytest.param("b: BLMOVE k2 {k2}c LEFT LEFT 0 &\nLPUSH k2 a\nb: <-", id="who waits and moves"),
        pytest.param("BLPOP k2 0.01\nGET k2", id="who waits in vain"),
        pytest.param("b: SSUBSCRIBE k2\nc: SSUBSCRIBE k2\nb: SUNSUBSCRIBE k2\nb: SUNSUBSCRIBE", id="shard channels"),
        pytest.param(SILENTLY, id="without replies"),
        pytest.param("SET k2 v\nDUMP k2\nMIGRATE 127.0.0.1 1 k2 0 10", id="a failed MIGRATE"),
        pytest.param("SET k2 v\nCLUSTER DELSLOTS 449\nCLUSTER ADDSLOTS 449", id="a slot that comes anew"),
    ],
)
def test_bytes(counting: Pair, dialogue: str) -> None:
    count_alike(counting, *dialogue.splitlines())


def test_the_requests_of_a_transaction(counting: Pair) -> None:
    lines = read_dialogue(["MULTI", "SET k2 v", "GET k2", "EXEC"])
    for node in (counting.redis, counting.ours):
        with node.connect() as control:
            empty(control)
            control.ask("CONFIG", "RESETSTAT")
            perform(lines, node, 2, control)
        assert figures(node)[449][:2] == (1, 15 + 28 + 21 + 14)
    assert figures(counting.ours)[449][2] == len("*2\r\n+OK\r\n$1\r\nv\r\n")


def test_nothing_is_counted_unless_it_is_told_to(compare: Pair) -> None:
    compare.ours.ask("CONFIG", "RESETSTAT")
    compare.ours.ask("SET", "k2", "v")
    compare.ours.ask("CONFIG", "SET", "cluster-slot-stats-enabled", "yes")
    assert figures(compare.ours) == {449: (1, 0, 0)}
    compare.ours.ask("CONFIG", "SET", "cluster-slot-stats-enabled", "no")


@pytest.mark.long
def test_what_goes_to_replicas_and_subscribers_of_a_shard(valkey_server: list[str], our_server: list[str]) -> None:
    theirs, ours = map(figures_of_a_shard, (valkey_server, our_server))
    assert ours == theirs


def figures_of_a_shard(program: list[str]) -> list[tuple[Figures, Figures]]:
    """At the primary and at the replica, behind each request."""
    with Cluster(masters=1, replicas=1, program=program, directives=[("cluster-slot-stats-enabled", "yes")]) as cluster:
        primary, replica = sorted(cluster.nodes, key=lambda node: node.info("replication")["role"])  # master, slave
        wait_until(lambda: "" if "state=online" in primary.info("replication").get("slave0", "") else "not online")
        subscribers = [node.connect() for node in (primary, replica)]
        for subscriber in subscribers:
            subscriber.ask("SSUBSCRIBE", "k2")
        counted = []
        for request in ("SET k2 v", "SET k2 v EX 100", "SPUBLISH k2 hello"):
            for node in (primary, replica):
                node.ask("CONFIG", "RESETSTAT")
            primary.ask(*request.split())
            if request.startswith("SPUBLISH"):
                [subscriber.receive() for subscriber in subscribers]
            else:
                wait_until(lambda: "" if figures(replica)[449][1] else "not there yet")  # noqa: B023
            counted.append((figures(primary), figures(replica)))
        for subscriber in subscribers:
            subscriber.close()
        return counted
