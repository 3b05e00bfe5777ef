from random import Random

import pytest

from pycluster.cluster import nodes_conf
from pycluster.cluster.node import FAIL, MYSELF, NOFAILOVER, PRIMARY, REPLICA, Link
from pycluster.cluster.settings import Settings
from pycluster.cluster.slot_map import slot_ranges
from pycluster.cluster.state import ClusterState
from tests.unit.cluster.peers import NOON_MS, THIRDS, Core, Host

A, B, C, SHARD = "a" * 40, "b" * 40, "c" * 40, "5" * 40
TLS = f"tls-port=0,shard-id={SHARD}"

# As redis-server 7.2.4 and 7.0.15 wrote them
OF_72 = f"""\
{A} 127.0.0.1:7001@17001,,{TLS} myself,master - 0 1700000000123 2 connected 0-5460 [5-<-{B}] [93->-{B}]
{B} 127.0.0.1:7002@17002,b.net,tls-port=0,nodename=second,shard-id={C} master - 0 1700000000456 3 connected 5461 5463
{C} 127.0.0.1:7003@17003,,{TLS} slave,fail,nofailover {A} 1700000000001 1700000000000 2 disconnected
vars currentEpoch 6 lastVoteEpoch 5
"""
OF_70 = f"""\
{A} 127.0.0.1:7001@17001 myself,slave {B} 0 1700000000123 2 connected
{B} ::1:7002@17002,b.example master - 0 1700000000456 3 connected 0-16383
vars currentEpoch 2 lastVoteEpoch 0
"""


def read(text: str) -> ClusterState:
    return nodes_conf.read(text, Settings(), Host(), Random(1), NOON_MS)


def test_a_file_of_redis_72_is_read() -> None:
    state = read(OF_72)
    a, b, c = (state.nodes[node_id] for node_id in (A, B, C))
    assert state.myself is a and a.flags == MYSELF | PRIMARY and a.shard_id == SHARD
    assert list(slot_ranges(b.slots)) == [(5461, 5461), (5463, 5463)] and (b.hostname, b.human_nodename) == (
        "b.net",
        "second",
    )
    assert c.flags == REPLICA | FAIL | NOFAILOVER and c.primary is a and c.failed_ms == NOON_MS
    assert (state.slots.migrating, state.slots.importing) == ({93: b}, {5: b})
    assert (state.current_epoch, state.last_vote_epoch) == (6, 5)


def test_it_is_written_as_it_was_but_for_the_times_and_links() -> None:
    expected = OF_72.replace("1700000000123", "T").replace("1700000000456", "T").replace("1700000000001", "T")
    written = nodes_conf.write(read(OF_72)).replace(str(NOON_MS), "T")
    assert written == expected.replace(str(NOON_MS), "T").replace("3 connected 5461", "3 disconnected 5461")


def test_a_file_of_redis_70_is_read() -> None:
    state = read(OF_70)
    b = state.nodes[B]
    assert (b.ip, b.port, b.bus_port, b.hostname) == ("::1", 7002, 17002, "b.example")
    assert state.myself.primary is b and state.myself.shard_id == b.shard_id


def test_the_current_epoch_is_never_behind_a_config_epoch() -> None:
    assert read(OF_70).current_epoch == 3


def test_a_replicas_own_epoch_is_not_in_the_file() -> None:
    assert read(OF_70).myself.config_epoch == 0


def test_a_replica_belongs_to_its_primarys_shard_whatever_the_file_says() -> None:
    state = read(OF_72.replace(f"shard-id={SHARD} slave", f"shard-id={C} slave"))
    assert state.nodes[C].shard_id == SHARD


def test_a_line_without_bus_port_means_ten_thousand_more() -> None:
    assert read(OF_70.replace("@17002", "")).nodes[B].bus_port == 17002


def test_blank_lines_and_unknown_variables_are_skipped() -> None:
    state = read(OF_70.replace("vars", "\n\nvars sideEpoch 9"))
    assert state.last_vote_epoch == 0
    assert "Skipping unknown cluster config variable 'sideEpoch'" in state.effects[0].text


@pytest.mark.parametrize(
    "damage",
    [
        ("myself,", ""),
        ("myself,master", "myself,boss"),
        (f"{C} 127", "c 127"),
        (" 2 disconnected", ""),
        ("0-5460", "0-16384"),
        ("0-5460", "zero"),
        ("[93->-", "[93-?-"),
        ("[93->-b", "[93->-!"),
        ("7002@17002", "port@17002"),
        ("127.0.0.1:7001@17001", "127.0.0.1"),
        ("tls-port=0", "color=blue"),
        (f"shard-id={SHARD}", "shard-id=short"),
        ("lastVoteEpoch 5", "lastVoteEpoch"),
        ("currentEpoch 6", "currentEpoch six"),
    ],
    ids=lambda damage: damage[1] or "no myself",
)
def test_a_damaged_file_is_refused(damage: tuple[str, str]) -> None:
    with pytest.raises(nodes_conf.Corrupt, match='^Unrecoverable error: corrupted cluster config file ".*"\\.$'):
        read(OF_72.replace(*damage, 1))


def test_what_a_node_forgets_by_a_restart_is_nothing_that_matters() -> None:
    me = Core(announce_hostname="me.example")
    a = me.meets("a", slots=THIRDS[0], config_epoch=7)
    me.meets("e", replica_of=a.id)
    me.orders("meet", "10.0.0.9", 7009, 17009)
    me.orders("add_slots", range(6000, 7000))
    me.orders("set_slot_migrating", 6000, a.id)
    text = nodes_conf.write(me.state)
    assert "handshake" not in text and "10.0.0.9" not in text
    assert nodes_conf.write(read(text)).replace(" disconnected", " connected") == text


def test_the_contents_have_no_times_and_no_links() -> None:
    state = read(OF_72)
    before = nodes_conf.contents(state)
    state.nodes[B].ping_sent_ms += 1
    state.nodes[B].pong_received_ms += 1
    state.nodes[B].link = Link(inbound=False, created_ms=0)
    assert nodes_conf.contents(state) == before


@pytest.mark.parametrize(
    ("before", "after"), [("lastVoteEpoch 5", "lastVoteEpoch 6"), ("456 3 ", "456 4 "), ("5463", "5462"), ("fail,", "")]
)
def test_the_contents_have_all_else(before: str, after: str) -> None:
    assert nodes_conf.contents(read(OF_72.replace(before, after, 1))) != nodes_conf.contents(read(OF_72))
