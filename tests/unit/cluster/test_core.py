"""The verbs as a whole: what they hand out, in which order, and what happens at the beginning."""

from random import Random

from pycluster.cluster import nodes_conf
from pycluster.cluster.core import Cluster
from pycluster.cluster.effects import Deliver, Disconnect, Log, Persist, Send
from pycluster.cluster.message import Kind, Publication, decode, encode
from pycluster.cluster.settings import Settings
from tests.unit.cluster.peers import NOON_MS, THIRDS, Core, Host, logged, of_kind, sent


def test_a_new_node_saves_its_name_before_anything_else() -> None:
    cluster = Cluster.open(Settings(), Host(), Random(1), NOON_MS)
    effects = cluster.start(NOON_MS)
    assert effects[0] == Persist(fsync=True)
    assert f"No cluster configuration found, I'm {cluster.state.myself.id}" in logged(effects)


def test_a_node_with_a_past_is_who_it_was() -> None:
    me = Core()
    cluster = Cluster.open(Settings(), Host(), Random(2), NOON_MS, nodes_conf.write(me.state))
    effects = cluster.start(NOON_MS)
    assert cluster.state.myself.id == me.id
    assert not of_kind(effects, Persist)
    assert f"Node configuration loaded, I'm {me.id}" in logged(effects)


def test_there_is_one_persist_and_it_comes_first() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=3)
    a.slots, a.config_epoch = THIRDS[1], 4
    effects = me.hears(a, Kind.PING)
    assert effects[0] == Persist(fsync=True) and len(of_kind(effects, Persist)) == 1


def test_in_ordinary_life_nothing_is_saved() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=3)
    me.hears(a, Kind.PING)
    assert not of_kind(me.hears(a, Kind.PING) + me.lives(3, a), Persist)


def test_a_tick_too_early_does_nothing() -> None:
    me = Core()
    me.passes(0)
    assert me.cluster.next_tick_ms() == me.now_ms + 100
    assert me.cluster.tick(me.now_ms + 99) == [] and me.state.last_tick_ms == me.now_ms


def test_several_packets_at_once_are_read_until_the_link_is_closed() -> None:
    me = Core()
    a = me.meets("a")
    ping = encode(a.message(Kind.PING))
    effects = me.cluster.receive(a.inbound, ping + ping + b"nonsense", me.now_ms)
    assert len(sent(effects, Kind.PONG)) == 2 and of_kind(effects, Disconnect)


def test_what_is_sent_can_be_read() -> None:
    me = Core(announce_hostname="me.example")
    a = me.meets("a", slots=THIRDS[0], config_epoch=3)
    sends = [effect for effect in me.hears(a, Kind.PING) if isinstance(effect, Send)]
    assert all(decode(encode(effect.message)) == effect.message for effect in sends)


def test_publish_goes_to_all_and_spublish_to_my_shard() -> None:
    me = Core()
    me.orders("add_slots", range(10))
    me.meets("a", slots=THIRDS[1])
    me.meets("e", replica_of=me.id)
    effects = me.cluster.publish(b"news", b"hello", sharded=False, now_ms=me.now_ms)
    assert [message.body for message in sent(effects, Kind.PUBLISH)] == [Publication(b"news", b"hello")] * 2
    effects = me.cluster.publish(b"news", b"hello", sharded=True, now_ms=me.now_ms)
    assert len(sent(effects, Kind.PUBLISHSHARD)) == 1


def test_what_others_publish_is_delivered_and_goes_no_further() -> None:
    me = Core()
    a = me.meets("a")
    effects = me.hears(a, Kind.PUBLISH, Publication(b"news", b"hello"))
    assert effects == [Deliver(b"news", b"hello", sharded=False)]


def test_a_link_with_too_much_waiting_is_closed() -> None:
    me = Core()
    a = me.meets("a")
    link = me.node(a).link
    effects = me.cluster.overflowed(link, 4096, me.now_ms)
    assert effects[1] == Disconnect(link) and me.state.links_over_limit == 1
    assert effects[0] == Log(
        "warning",
        f"Freeing cluster link(to node {a.id}, used memory: 4096) due to exceeding send buffer memory limit.",
    )


def test_a_connection_that_comes_too_late_is_not_used() -> None:
    me = Core()
    a = me.meets("a")
    link = me.node(a).link
    me.orders("forget", a.id)
    assert me.cluster.connected(link, "10.0.0.1", "10.0.0.2", 1, me.now_ms) == []


def test_dropped_kinds_are_dropped_before_they_do_anything() -> None:
    me = Core()
    a = me.meets("a")
    me.cluster.drop_packets_of(Kind.PING)
    effects = me.hears(a, Kind.PING)
    assert effects == [Log("warning", "Dropping packet that matches debug drop filter")]


def test_settings_can_change_while_it_runs() -> None:
    me = Core(announce_ip="192.0.2.1")
    effects = me.cluster.configure(Settings(port=7000, announce_hostname="new.example", replica_no_failover=True), 0)
    assert me.myself.hostname == "new.example" and me.myself.ip == ""
    assert of_kind(effects, Persist)
