"""What clients are shown, in the words and the order of Redis 7.2."""

from dataclasses import replace

from pycluster.cluster import views
from pycluster.cluster.message import Failed, Gossip, Hostname, Kind
from pycluster.cluster.slot_map import slot_range, slot_set
from tests.unit.cluster.peers import NOON_MS, THIRDS, Core, Peer


def shard() -> tuple[Core, Peer, Peer]:
    """Me with a third, a with another, e as my replica."""
    me = Core()
    me.orders("add_slots", range(5461))
    a = me.meets("a", slots=THIRDS[1], config_epoch=3)
    e = me.meets("e", replica_of=me.id, offset=7)
    return me, a, e


def test_cluster_nodes_has_one_line_a_node_without_the_fields_behind_the_hostname() -> None:
    me, a, e = shard()
    me.hears(a, Kind.PING, Gossip((), (Hostname("a.example"),)))
    assert views.nodes_text(me.state) == (
        f"{me.id} 10.0.0.1:7000@17000 myself,master - 0 0 0 connected 0-5460\n"
        f"{a.id} 10.0.0.2:{a.port}@{a.port + 10000},a.example master - 0 {NOON_MS} 3 connected 5461-10921\n"
        f"{e.id} 10.0.0.2:{e.port}@{e.port + 10000} slave {me.id} 0 {NOON_MS} 0 connected\n"
    )


def test_a_node_in_handshake_is_shown() -> None:
    me = Core()
    me.orders("meet", "10.0.0.9", 7009, 17009)
    assert " 10.0.0.9:7009@17009 handshake - 0 0 0 disconnected\n" in views.nodes_text(me.state)


def test_open_slots_stand_at_the_end_of_my_own_line_in_order() -> None:
    me, a, e = shard()
    me.orders("set_slot_importing", 9000, a.id)
    me.orders("set_slot_migrating", 10, a.id)
    assert f" connected 0-5460 [10->-{a.id}] [9000-<-{a.id}]\n" in views.nodes_text(me.state)


def test_cluster_replicas() -> None:
    me, a, e = shard()
    (line,) = views.replicas(me.state, me.myself)
    assert line.startswith(e.id.encode()) and line.endswith(b"connected")
    assert views.replicas(me.state, me.node(a)) == []


def test_cluster_info_counts_only_messages_that_occurred() -> None:
    me, a, e = shard()
    lines = views.info_text(me.state).split("\r\n")
    assert lines[:9] == [
        "cluster_state:fail",
        "cluster_slots_assigned:10922",
        "cluster_slots_ok:10922",
        "cluster_slots_pfail:0",
        "cluster_slots_fail:0",
        "cluster_known_nodes:3",
        "cluster_size:1",
        "cluster_current_epoch:3",
        "cluster_my_epoch:0",
    ]
    assert lines[9:] == [
        "cluster_stats_messages_ping_sent:2",
        "cluster_stats_messages_pong_sent:2",
        "cluster_stats_messages_sent:4",
        "cluster_stats_messages_pong_received:4",
        "cluster_stats_messages_meet_received:2",
        "cluster_stats_messages_received:6",
        "total_cluster_links_buffer_limit_exceeded:0",
        "",
    ]


def test_cluster_info_tells_failed_slots_and_a_replicas_primarys_epoch() -> None:
    me = Core()
    a, b = me.meets("a", slots=THIRDS[1], config_epoch=3), me.meets("b", slots=THIRDS[2], config_epoch=4)
    me.orders("replicate", a.id)
    me.hears(a, Kind.FAIL, Failed(b.id))
    text = views.info_text(me.state)
    assert "cluster_slots_ok:5461\r\n" in text and "cluster_slots_fail:5462\r\n" in text
    assert "cluster_my_epoch:3\r\n" in text


def test_cluster_slots_is_in_the_order_of_slots_with_replicas_that_are_ready() -> None:
    me, a, e = shard()
    a.slots |= 1 << 16383
    me.hears(a, Kind.PING)
    mine, of_e = [b"10.0.0.1", 7000, me.id.encode(), {}], [b"10.0.0.2", e.port, e.id.encode(), {}]
    of_a = [b"10.0.0.2", a.port, a.id.encode(), {}]
    assert views.slots(me.state, "ip") == [[0, 5460, mine, of_e], [5461, 10921, of_a], [16383, 16383, of_a]]
    me.hears(a, Kind.FAIL, Failed(e.id))
    assert views.slots(me.state, "ip")[0] == [0, 5460, mine]


def test_a_replica_without_data_is_not_in_cluster_slots_but_in_cluster_shards() -> None:
    me, a, e = shard()
    e.offset = 0
    me.hears(e, Kind.PING)
    assert len(views.slots(me.state, "ip")[0]) == 3
    assert views.shards(me.state, "ip")[0][b"nodes"][1][b"health"] == b"loading"


def test_the_preferred_endpoint_comes_first_and_the_rest_behind() -> None:
    me, a, e = shard()
    me.hears(a, Kind.PING, Gossip((), (Hostname("a.example"),)))
    node, id_ = me.node(a), a.id.encode()
    assert views.place(node, "ip") == [b"10.0.0.2", a.port, id_, {b"hostname": b"a.example"}]
    assert views.place(node, "hostname") == [b"a.example", a.port, id_, {b"ip": b"10.0.0.2"}]
    both = {b"ip": b"10.0.0.2", b"hostname": b"a.example"}
    assert views.place(node, "unknown-endpoint") == [None, a.port, id_, both]
    assert views.place(me.node(e), "hostname") == [b"?", e.port, e.id.encode(), {b"ip": b"10.0.0.2"}]


def test_cluster_shards() -> None:
    me, a, e = shard()
    me.host.offset = 70
    ours, theirs = views.shards(me.state, "ip")
    assert ours[b"slots"] == [0, 5460]
    assert ours[b"nodes"][0] == {
        b"id": me.id.encode(),
        b"port": 7000,
        b"ip": b"10.0.0.1",
        b"endpoint": b"10.0.0.1",
        b"role": b"master",
        b"replication-offset": 70,
        b"health": b"online",
    }
    assert [node[b"role"] for node in ours[b"nodes"]] == [b"master", b"replica"]
    assert theirs[b"slots"] == [5461, 10921]


def test_a_failed_replica_is_in_cluster_shards() -> None:
    me, a, e = shard()
    me.hears(a, Kind.FAIL, Failed(e.id))
    assert views.shards(me.state, "ip")[0][b"nodes"][1][b"health"] == b"fail"


def test_cluster_links() -> None:
    me, a, e = shard()
    me.hears(a, Kind.PING)
    found = views.links(me.state, {me.node(a).link: 2300})
    assert [(link[b"direction"], link[b"node"]) for link in found] == [
        (b"to", a.id.encode()),
        (b"from", a.id.encode()),
        (b"to", e.id.encode()),
    ]
    assert (found[0][b"events"], found[0][b"send-buffer-used"]) == (b"rw", 2300)


def test_served_slots_are_mine_while_the_cluster_is_ok_and_they_do_not_move() -> None:
    me, a, e = shard()
    assert not views.served_slots(me.state)
    me.cluster.configure(replace(me.state.settings, require_full_coverage=False), me.now_ms)
    me.lives(2.5, a, e)
    me.orders("set_slot_migrating", 10, a.id)
    assert views.served_slots(me.state) == slot_range(0, 5460) & ~slot_set([10])


def test_where_clients_are_sent() -> None:
    me, a, e = shard()
    node = me.node(a)
    assert [views.endpoint(node, kind) for kind in ("ip", "hostname", "unknown-endpoint")] == ["10.0.0.2", "?", ""]


def test_ranges_survive_gaps() -> None:
    me = Core()
    me.orders("add_slots", [0, 2, 3, 5])
    assert " 0 2-3 5\n" in views.nodes_text(me.state)
    assert me.myself.slots == slot_range(0, 5) & ~0b10010
