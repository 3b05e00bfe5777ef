"""How nodes come to know each other, and where each other is."""

from pycluster.cluster.effects import Connect, Disconnect, Follow, Log
from pycluster.cluster.message import (
    ForgottenNode,
    Gossip,
    GossipEntry,
    Hostname,
    HumanNodename,
    Kind,
    ShardId,
    encode,
)
from pycluster.cluster.node import EXTENSIONS, FAIL, HANDSHAKE, NOADDR, PRIMARY
from tests.unit.cluster.peers import NOON_MS, THIRDS, Core, logged, of_kind, sent


def test_meet_connects_and_says_meet() -> None:
    me = Core()
    me.orders("meet", "10.0.0.2", 7001, 17001)
    (connect,) = of_kind(me.passes(0), Connect)
    assert (connect.ip, connect.port) == ("10.0.0.2", 17001)
    effects = me.cluster.connected(connect.link, "10.0.0.1", "10.0.0.2", 17001, NOON_MS)
    assert len(sent(effects, Kind.MEET)) == 1


def test_a_node_that_was_met_has_a_made_up_id_until_it_answers() -> None:
    me = Core()
    me.orders("meet", "10.0.0.2", 7001, 17001)
    (node,) = [node for node in me.state.nodes.values() if node.in_handshake]
    a = me.meets("a")
    assert me.node(a).flags == PRIMARY
    assert node.id != a.id


def test_meeting_the_same_address_twice_is_one_handshake() -> None:
    me = Core()
    me.orders("meet", "10.0.0.2", 7001, 17001)
    me.orders("meet", "10.0.0.2", 7001, 17001)
    assert len(me.state.nodes) == 2


def test_a_handshake_that_nobody_answers_ends() -> None:
    me = Core()
    me.orders("meet", "10.0.0.2", 7001, 17001)
    me.passes(1.2)
    assert list(me.state.nodes) == [me.id]


def test_a_ping_from_a_stranger_is_answered_but_adds_nobody() -> None:
    me, link = Core(), None
    stranger = Core().meets("a")
    stranger.inbound = link = me.cluster.accepted("10.0.0.1", "10.0.0.2", 1, NOON_MS)
    assert len(sent(me.hears(stranger, Kind.PING), Kind.PONG)) == 1
    assert list(me.state.nodes) == [me.id]
    assert link.is_open


def test_my_address_is_learned_from_the_socket_of_a_meet() -> None:
    me = Core()
    me.meets("a")
    assert me.myself.ip == "10.0.0.1"


def test_a_later_ping_does_not_change_my_address_but_a_meet_does() -> None:
    me = Core()
    a = me.meets("a")
    a.inbound.local_ip = "10.9.9.9"
    me.hears(a, Kind.PING)
    assert me.myself.ip == "10.0.0.1"
    me.hears(a, Kind.MEET)
    assert me.myself.ip == "10.9.9.9"


def test_an_announced_address_is_not_overridden() -> None:
    me = Core(announce_ip="192.0.2.1", announce_port=1, announce_bus_port=2)
    a = me.meets("a")
    assert me.myself.ip == "192.0.2.1"
    (ping,) = sent(me.hears(a, Kind.PING), Kind.PONG)
    assert (ping.ip, ping.port, ping.bus_port) == ("192.0.2.1", 1, 2)


def test_a_nodes_pings_say_where_it_is() -> None:
    me = Core()
    a = me.meets("a")
    a.inbound.peer_ip = "10.0.0.77"
    effects = me.hears(a, Kind.PING)
    assert me.node(a).ip == "10.0.0.77"
    assert of_kind(effects, Disconnect)
    assert f"Address updated for node {a.id} (), now 10.0.0.77:{a.port}" in logged(effects)


def test_a_pong_does_not_move_a_node() -> None:
    me = Core()
    a = me.meets("a")
    me.hears_answer(a, ip="10.0.0.77")
    assert me.node(a).ip == "10.0.0.2"


def test_when_my_primary_moves_i_follow() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    me.orders("replicate", a.id)
    a.inbound.peer_ip = "10.0.0.77"
    assert of_kind(me.hears(a, Kind.PING), Follow) == [Follow(a.id, "10.0.0.77", a.port)]


def test_another_node_at_an_address_is_not_taken_for_the_one_that_was_there() -> None:
    me = Core()
    a = me.meets("a")
    node, link = me.node(a), me.node(a).link
    a.id = "b" * 40
    me.cluster.handle(link, a.message(Kind.PONG), NOON_MS)
    assert node.flags & NOADDR and node.ip == "" and node.link is None and not link.is_open
    assert "b" * 40 not in me.state.nodes


def test_a_node_that_is_met_again_is_not_doubled() -> None:
    me = Core()
    a = me.meets("a")
    me.orders("meet", "10.0.0.2", a.port, a.port + 10000)
    connect = of_kind(me.passes(0), Connect)[-1]
    me.cluster.connected(connect.link, "10.0.0.1", "10.0.0.2", connect.port, me.now_ms)
    effects = me.cluster.handle(connect.link, a.message(Kind.PONG), me.now_ms)
    assert sorted(me.state.nodes) == sorted([me.id, a.id])
    assert Disconnect(connect.link) in effects


def test_a_second_node_with_the_id_of_one_that_is_well_is_refused_and_named_once() -> None:
    me = Core()
    a = me.meets("a")
    me.hears(a, Kind.PING)
    first, logs = a.inbound, []
    for _ in range(2):
        a.inbound = me.cluster.accepted("10.0.0.1", "10.0.0.99", 40001, me.now_ms)
        logs.append(logged(me.hears(a, Kind.PING)))
    assert me.node(a).inbound is first and me.node(a).ip == "10.0.0.2" and not a.inbound.is_open
    assert "Two nodes use the id of" in logs[0] and not logs[1]


def test_a_node_that_moved_without_a_word_is_followed_when_it_was_silent_for_its_timeout() -> None:
    me = Core()
    a = me.meets("a")
    me.hears(a, Kind.PING)
    me.passes(1)
    a.inbound = me.cluster.accepted("10.0.0.1", "10.0.0.99", 40001, me.now_ms)
    me.hears(a, Kind.PING)
    assert me.node(a).ip == "10.0.0.99"


def test_a_second_link_from_one_node_replaces_the_first() -> None:
    me = Core()
    a = me.meets("a")
    me.hears(a, Kind.PING)
    old, a.inbound = a.inbound, me.cluster.accepted("10.0.0.1", "10.0.0.2", 40001, me.now_ms)
    assert Disconnect(old) in me.hears(a, Kind.PING)
    assert me.node(a).inbound is a.inbound


def test_gossip_of_a_known_node_brings_in_others_under_their_own_ids() -> None:
    me = Core()
    a, stranger = me.meets("a"), Core().meets("b")
    me.hears_gossip(a, about=stranger)
    node = me.state.nodes[stranger.id]
    assert (node.ip, node.port, node.flags & HANDSHAKE) == ("10.0.0.2", stranger.port, 0)


def test_gossip_does_not_bring_in_a_node_without_address_or_with_an_unreadable_name() -> None:
    me, stranger = Core(), Core().meets("b")
    a = me.meets("a")
    me.hears_gossip(a, about=stranger, flags=PRIMARY | NOADDR)
    me.hears(a, Kind.PING, Gossip((GossipEntry("x\nvars y", 0, 0, "10.0.0.3", 1, 2, 1, 0),)))
    me.hears(a, Kind.PING, Gossip((GossipEntry("c" * 40, 0, 0, "10.0.0.3\n", 1, 2, 1, 0),)))
    assert sorted(me.state.nodes) == sorted([me.id, a.id])


def test_a_lost_node_is_looked_for_where_others_see_it() -> None:
    me = Core()
    a, b = me.meets("a"), me.meets("b")
    me.node(b).flags |= FAIL
    me.hears_gossip(a, about=b, port=7999)
    assert (me.node(b).port, me.node(b).link) == (7999, None)


def test_gossip_that_does_not_say_where_a_node_is_changes_no_address() -> None:
    me = Core()
    a, b = me.meets("a"), me.meets("b")
    me.node(b).flags |= FAIL
    nowhere = GossipEntry(b.id, 0, 0, "10.0.0.2", 0, 0, PRIMARY, 0)
    me.hears(a, Kind.PING, Gossip((nowhere, nowhere._replace(node_id="c" * 40))))
    assert me.node(b).port == b.port and "c" * 40 not in me.state.nodes


def test_a_forgotten_node_stays_away_for_a_minute() -> None:
    me = Core()
    a, b = me.meets("a"), me.meets("b")
    me.orders("forget", b.id)
    me.hears_gossip(a, about=b)
    assert b.id not in me.state.nodes
    me.now_ms += 62_000
    me.hears_gossip(a, about=b)
    assert b.id in me.state.nodes


def test_forgetting_is_gossiped() -> None:
    me = Core()
    a, b = me.meets("a"), me.meets("b")
    effects = me.hears(a, Kind.PING, Gossip((), (ForgottenNode(b.id, 30),)))
    assert b.id not in me.state.nodes and b.id in me.state.forgotten
    assert ForgottenNode(b.id, 30) in sent(me.hears(a, Kind.PING), Kind.PONG)[0].body.extensions
    assert of_kind(effects, Disconnect)


def test_who_is_met_again_is_not_forgotten_again_because_of_old_news() -> None:
    me = Core()
    a, b = me.meets("a"), me.meets("b")
    me.orders("forget", b.id)
    me.now_ms += 5000
    b = me.meets("b")
    effects = me.hears(a, Kind.PING, Gossip((), (ForgottenNode(b.id, 55),)))
    assert b.id in me.state.nodes
    assert ForgottenNode not in map(type, sent(effects, Kind.PONG)[0].body.extensions)


def test_who_is_met_again_and_then_forgotten_is_gone() -> None:
    me = Core()
    a, b = me.meets("a"), me.meets("b")
    me.orders("forget", b.id)
    b = me.meets("b")
    me.now_ms += 5000
    me.hears(a, Kind.PING, Gossip((), (ForgottenNode(b.id, 60),)))
    assert b.id not in me.state.nodes


def test_my_primary_is_not_forgotten_on_hearsay() -> None:
    me = Core()
    a, b = me.meets("a", slots=THIRDS[0], config_epoch=1), me.meets("b")
    me.orders("replicate", a.id)
    me.hears(b, Kind.PING, Gossip((), (ForgottenNode(a.id, 30), ForgottenNode(me.id, 30))))
    assert sorted(me.state.nodes) == sorted([me.id, a.id, b.id])


def test_names_are_learned_and_unlearned() -> None:
    me = Core()
    a = me.meets("a")
    me.hears(a, Kind.PING, Gossip((), (Hostname("a.example"), HumanNodename("first"))))
    assert (me.node(a).hostname, me.node(a).human_nodename) == ("a.example", "first")
    me.hears(a, Kind.PING)
    assert (me.node(a).hostname, me.node(a).human_nodename) == ("", "")


def test_a_hostname_that_would_spoil_nodes_conf_is_not_learned() -> None:
    me = Core()
    a = me.meets("a")
    me.hears(a, Kind.PING, Gossip((), (Hostname("evil\nvars currentEpoch 99"),)))
    assert me.node(a).hostname == ""


def test_extensions_that_redis_70_does_not_know_go_only_to_who_speaks_them() -> None:
    me = Core(announce_hostname="me.example", announce_human_nodename="me")
    a, b = me.meets("a"), me.meets("b", flags=EXTENSIONS)
    said_to_a = sent(me.hears(a, Kind.PING), Kind.PONG)[0].body.extensions
    said_to_b = sent(me.hears(b, Kind.PING), Kind.PONG)[0].body.extensions
    assert said_to_a == (Hostname("me.example"),)
    assert said_to_b == (Hostname("me.example"), HumanNodename("me"), ShardId(me.myself.shard_id))


def test_who_sends_a_shard_id_understands_one() -> None:
    me = Core()
    a = me.meets("a")
    answer = sent(me.hears(a, Kind.PING, Gossip((), (ShardId("5" * 40),))), Kind.PONG)[0]
    assert answer.body.extensions == (ShardId(me.myself.shard_id),)
    assert me.node(a).shard_id == "5" * 40


def test_my_primarys_shard_id_is_mine() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    me.orders("replicate", a.id)
    me.hears(a, Kind.PING, Gossip((), (ShardId("5" * 40),)))
    assert me.myself.shard_id == "5" * 40


def test_a_bad_stream_closes_the_link_and_a_bad_packet_does_not() -> None:
    me = Core()
    a = me.meets("a")
    packet = encode(a.message(Kind.PING))
    spoilt = packet[:15] + b"\7" + packet[16:]
    effects = me.cluster.receive(a.inbound, spoilt, NOON_MS)
    assert effects == [Log("warning", "Received invalid ping packet of length 2256 but expected length 2984")]
    effects = me.cluster.receive(a.inbound, b"nonsense", NOON_MS)
    assert Disconnect(a.inbound) in effects
    assert "Bad message length or signature received on the Cluster bus from 10.0.0.2:40000" in logged(effects)


def test_a_loading_primary_takes_no_connections_and_a_loading_replica_does() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    me.host.loading = True
    assert not me.cluster.accepts()
    me.orders("replicate", a.id)
    assert me.cluster.accepts()
