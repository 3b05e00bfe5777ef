"""From silence to PFAIL, from opinions to FAIL, and back."""

from dataclasses import replace

from pycluster.cluster.effects import Connect, Disconnect
from pycluster.cluster.message import Failed, Kind
from pycluster.cluster.node import FAIL, PFAIL, PRIMARY
from tests.unit.cluster.peers import THIRDS, Core, Peer, logged, of_kind, sent


def three_primaries() -> tuple[Core, Peer, Peer]:
    """Me with a third of the slots, a and b with the others: two of us are a majority."""
    me = Core()
    a = me.meets("a", slots=THIRDS[1], config_epoch=1)
    b = me.meets("b", slots=THIRDS[2], config_epoch=2)
    me.orders("add_slots", range(5461))
    me.lives(3, a, b)  # the delay of a primary that has just started
    assert me.state.is_ok
    return me, a, b


def test_a_node_is_pinged_when_half_its_timeout_has_passed() -> None:
    me, a, b = three_primaries()
    assert not sent(me.passes(0.4), Kind.PING)
    assert len(sent(me.passes(0.3), Kind.PING)) == 2


def test_a_node_that_does_not_answer_for_its_timeout_is_pfail() -> None:
    me, a, b = three_primaries()
    me.lives(1.5, b)
    assert not me.node(a).is_pfail
    me.lives(0.3, b)
    assert me.node(a).is_pfail and not me.node(a).is_fail


def test_before_it_is_suspected_another_connection_is_tried() -> None:
    me, a, b = three_primaries()
    effects = me.lives(1.4, b)
    assert of_kind(effects, Disconnect) and of_kind(effects, Connect)
    assert not me.node(a).is_pfail


def test_a_new_connection_does_not_forget_the_ping_that_waits() -> None:
    me, a, b = three_primaries()
    me.passes(0.6)
    waiting_since_ms = me.node(a).ping_sent_ms
    me.cluster.lost(me.node(a).link, me.now_ms)
    connects = of_kind(me.passes(0.3), Connect)
    me.cluster.connected(connects[0].link, "10.0.0.1", "10.0.0.2", connects[0].port, me.now_ms)
    assert me.node(a).ping_sent_ms == waiting_since_ms


def test_a_failed_connection_counts_as_a_ping_without_answer() -> None:
    me, a, b = three_primaries()
    me.cluster.lost(me.node(a).link, me.now_ms)
    connects = of_kind(me.passes(0.1), Connect)
    me.cluster.connect_failed(connects[0].link, "Connection refused", me.now_ms)
    assert me.node(a).ping_sent_ms == me.now_ms


def failed_and_refused() -> tuple[Core, Peer, Peer]:
    """a is in FAIL, and its port was closed a moment ago."""
    me, a, b = three_primaries()
    me.node(a).flags |= FAIL
    me.cluster.lost(me.node(a).link, me.now_ms)
    connect = of_kind(me.passes(0.1), Connect)[0]
    me.cluster.connect_failed(connect.link, "Connection refused", me.now_ms)
    return me, a, b


def test_a_failed_node_that_refuses_connections_is_tried_once_a_second() -> None:
    me, a, b = failed_and_refused()
    assert not of_kind(me.lives(0.9, b), Connect)
    assert of_kind(me.lives(0.3, b), Connect)


def test_a_failed_node_that_speaks_is_tried_at_once() -> None:
    me, a, b = failed_and_refused()
    me.hears(a, Kind.PING)
    assert of_kind(me.lives(0.1, b), Connect)


def test_time_is_looked_at_when_a_node_is_due_and_not_before() -> None:
    me = Core(node_timeout_ms=15000)
    a, b = me.meets("a", slots=THIRDS[1], config_epoch=1), me.meets("b", slots=THIRDS[2], config_epoch=2)
    me.orders("add_slots", range(5461))
    me.lives(3, a, b)
    assert me.cluster.next_tick_ms() == me.state.chance_ping_ms  # once a second a node is pinged by chance
    me.node(a).pong_received_ms = me.now_ms - 7300
    me.cluster.tick(me.cluster.next_tick_ms())
    assert me.node(a).ping_sent_ms > 0


def test_a_lost_link_brings_the_next_look_forward() -> None:
    me, a, b = three_primaries()
    me.state.next_tick_ms = me.now_ms + 1000
    me.cluster.lost(me.node(a).link, me.now_ms)
    assert me.cluster.next_tick_ms() <= me.now_ms + 100


def test_anything_that_a_node_sends_is_a_sign_of_life() -> None:
    me, a, b = three_primaries()
    for _ in range(20):
        me.hears(a, Kind.PING)
        me.lives(0.1, b)
    assert me.node(a).ping_sent_ms and not me.node(a).is_pfail


def test_only_an_answer_on_my_own_link_ends_pfail() -> None:
    me, a, b = three_primaries()
    me.passes(2)
    assert me.node(a).is_pfail
    me.hears(a, Kind.PING)
    me.hears(a, Kind.PONG)
    assert me.node(a).is_pfail
    me.lives(0.1, a)
    assert not me.node(a).is_pfail


def test_pong_times_from_gossip_save_pings() -> None:
    me, a, b = three_primaries()
    me.now_ms += 450
    me.hears_gossip(a, about=b, pong_s=me.now_ms // 1000)
    assert me.node(b).pong_received_ms == me.now_ms // 1000 * 1000


def test_gossiped_pong_times_are_not_believed_from_the_future_or_while_a_ping_waits() -> None:
    me, a, b = three_primaries()
    before_ms = me.node(b).pong_received_ms
    me.hears_gossip(a, about=b, pong_s=me.now_ms // 1000 + 2)
    assert me.node(b).pong_received_ms == before_ms
    me.passes(0.6)
    me.hears_gossip(a, about=b, pong_s=me.now_ms // 1000 + 1)
    assert me.node(b).pong_received_ms == before_ms


def test_pfail_becomes_fail_when_a_majority_says_so() -> None:
    me, a, b = three_primaries()
    me.lives(1.7, b)
    assert me.node(a).is_pfail
    effects = me.hears_gossip(b, about=a, flags=PRIMARY | PFAIL)
    assert me.node(a).is_fail and not me.node(a).is_pfail
    assert sent(effects, Kind.FAIL)[0].body == Failed(a.id)
    assert f"Marking node {a.id} () as failing (quorum reached)." in logged(effects)


def test_others_opinions_alone_do_not_make_it_fail() -> None:
    me, a, b = three_primaries()
    me.hears_gossip(b, about=a, flags=PRIMARY | PFAIL)
    assert not me.node(a).flags & (FAIL | PFAIL)
    assert me.cluster.count_failure_reports(a.id, me.now_ms) == 1


def test_opinions_count_for_two_timeouts_and_can_be_taken_back() -> None:
    me, a, b = three_primaries()
    me.hears_gossip(b, about=a, flags=PRIMARY | FAIL)
    assert me.cluster.count_failure_reports(a.id, me.now_ms + 2000) == 1
    assert me.cluster.count_failure_reports(a.id, me.now_ms + 2001) == 0
    me.hears_gossip(b, about=a, flags=PRIMARY | FAIL)
    me.hears_gossip(b, about=a)
    assert me.cluster.count_failure_reports(a.id, me.now_ms) == 0


def test_a_replicas_opinion_does_not_count() -> None:
    me, a, b = three_primaries()
    c = me.meets("c", replica_of=b.id)
    me.hears_gossip(c, about=a, flags=PRIMARY | FAIL)
    assert me.cluster.count_failure_reports(a.id, me.now_ms) == 0


def test_fail_is_believed_from_any_known_node() -> None:
    me, a, b = three_primaries()
    effects = me.hears(b, Kind.FAIL, Failed(a.id))
    assert me.node(a).is_fail
    assert f"FAIL message received from {b.id} () about {a.id} ()" in logged(effects)


def test_fail_from_a_stranger_or_about_me_is_not() -> None:
    me, a, b = three_primaries()
    me.hears(b, Kind.FAIL, Failed(me.id))
    assert not me.myself.is_fail
    stranger = Peer("f" * 40, 7777, inbound=me.cluster.accepted("10.0.0.1", "10.0.0.2", 1, me.now_ms))
    effects = me.hears(stranger, Kind.FAIL, Failed(a.id))
    assert not me.node(a).is_fail
    assert f"Ignoring FAIL message from unknown node {stranger.id} about {a.id}" in logged(effects)


def test_fail_of_a_primary_with_slots_clears_only_after_two_timeouts() -> None:
    me, a, b = three_primaries()
    me.hears(b, Kind.FAIL, Failed(a.id))
    me.lives(2, a, b)
    assert me.node(a).is_fail
    me.lives(0.1, a, b)
    assert not me.node(a).is_fail


def test_fail_of_a_replica_clears_at_once() -> None:
    me, a, b = three_primaries()
    c = me.meets("c", replica_of=b.id)
    me.hears(b, Kind.FAIL, Failed(c.id))
    me.hears_answer(c)
    assert not me.node(c).is_fail


def test_full_coverage_looks_at_fail_not_at_pfail() -> None:
    me, a, b = three_primaries()
    me.lives(1.7, b)
    assert me.node(a).is_pfail and me.state.is_ok
    me.hears(b, Kind.FAIL, Failed(a.id))
    assert not me.state.is_ok


def test_a_minority_notices_by_pfail_alone() -> None:
    me, a, b = three_primaries()
    effects = me.passes(2)
    assert not me.state.is_ok
    assert "Cluster state changed: fail" in logged(effects)


def test_without_full_coverage_a_failed_primary_is_borne() -> None:
    me, a, b = three_primaries()
    me.cluster.configure(replace(me.state.settings, require_full_coverage=False), me.now_ms)
    me.hears(b, Kind.FAIL, Failed(a.id))
    assert me.state.is_ok


def test_back_from_a_minority_a_primary_waits() -> None:
    me, a, b = three_primaries()
    me.passes(2)
    me.lives(0.9, a, b)
    assert not me.state.is_ok
    me.lives(0.3, a, b)
    assert me.state.is_ok


def test_a_primary_that_has_just_started_waits_two_seconds() -> None:
    me = Core()
    me.orders("add_slots", range(16384))
    me.passes(1.9)
    assert not me.state.is_ok
    me.passes(0.2)
    assert me.state.is_ok
