"""The subcommands of CLUSTER that change something: what they refuse, and what they do."""

import pytest

from pycluster.cluster.effects import Disconnect, DropEverything, Effect, Follow, Persist, Serve, TakeOver
from pycluster.cluster.message import Kind
from pycluster.cluster.slot_map import slot_range, slot_set, slots_on_wire
from pycluster.protocol.errors import ReplyError
from tests.unit.cluster.peers import THIRDS, Core, Peer, logged, of_kind, sent


def refused(me: Core, verb: str, *args: object, **options: object) -> str:
    with pytest.raises(ReplyError) as refusal:
        me.orders(verb, *args, **options)
    return str(refusal.value)


# Slots


def test_added_slots_are_mine() -> None:
    me = Core()
    effects = me.orders("add_slots", [3, 1, 2])
    assert me.myself.slots == slot_range(1, 3)
    assert effects[0] == Persist(fsync=False) and of_kind(effects, Serve)


@pytest.mark.parametrize(
    ("slots", "refusal"), [([1, 2, 1], "Slot 1 specified multiple times"), ([2, 5], "Slot 5 is already busy")]
)
def test_slots_are_added_all_or_none(slots: list[int], refusal: str) -> None:
    me = Core()
    me.orders("add_slots", [5])
    assert refused(me, "add_slots", slots) == "ERR " + refusal
    assert me.myself.slots == slot_set([5])


def test_adding_a_slot_ends_its_import() -> None:
    me = Core()
    a = me.meets("a")
    me.orders("set_slot_importing", 7, a.id)
    me.orders("add_slots", [7])
    assert not me.state.slots.importing


def test_slots_are_deleted_all_or_none_whoever_owns_them() -> None:
    me = Core()
    a = me.meets("a", slots=slot_range(0, 9))
    assert refused(me, "del_slots", [3, 3]) == "ERR Slot 3 specified multiple times"
    assert refused(me, "del_slots", [3, 20]) == "ERR Slot 20 is already unassigned"
    me.orders("del_slots", range(5))
    assert me.node(a).slots == slot_range(5, 9)


def test_flushslots_wants_an_empty_database() -> None:
    me = Core()
    me.orders("add_slots", range(10))
    me.host.keys = {1: 1}
    assert refused(me, "flush_slots") == "ERR DB must be empty to perform CLUSTER FLUSHSLOTS."
    me.host.keys = {}
    me.orders("flush_slots")
    assert me.myself.slots == 0


def test_what_setslot_migrating_refuses() -> None:
    me = Core()
    a = me.meets("a")
    r = me.meets("e", replica_of=a.id)
    assert refused(me, "set_slot_migrating", 1, a.id) == "ERR I'm not the owner of hash slot 1"
    me.orders("add_slots", [1])
    assert refused(me, "set_slot_migrating", 1, "nobody") == "ERR I don't know about node nobody"
    assert refused(me, "set_slot_migrating", 1, r.id) == "ERR Target node is not a master"


def test_what_setslot_importing_refuses() -> None:
    me = Core()
    a = me.meets("a")
    me.orders("add_slots", [1])
    assert refused(me, "set_slot_importing", 1, a.id) == "ERR I'm already the owner of hash slot 1"
    assert refused(me, "set_slot_importing", 2, "nobody") == "ERR I don't know about node nobody"


def test_what_setslot_node_refuses() -> None:
    me = Core()
    a = me.meets("a")
    me.orders("add_slots", [1])
    me.host.keys = {1: 1}
    assert refused(me, "set_slot_node", 1, "nobody") == "ERR Unknown node nobody"
    assert refused(me, "set_slot_node", 1, a.id) == (
        "ERR Can't assign hashslot 1 to a different node while I still hold keys for this hash slot."
    )


def test_setslot_node_at_the_target_takes_a_new_epoch_and_says_so_to_all() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=4)
    me.orders("set_slot_importing", 7, a.id)
    effects = me.orders("set_slot_node", 7, me.id)
    assert me.state.slots.owner[7] is me.myself and not me.state.slots.importing
    assert me.myself.config_epoch == 5 and effects[0] == Persist(fsync=True)
    assert len(sent(effects, Kind.PONG)) == 1
    assert "configEpoch updated after importing slot 7" in logged(effects)


def takes_slots(me: Core, source: Peer, *slots: int) -> list[Effect]:
    """By SETSLOT, one after another."""
    effects: list[Effect] = []
    for slot in slots:
        me.orders("set_slot_importing", slot, source.id)
        effects += me.orders("set_slot_node", slot, me.id)
    return effects


def test_of_slots_that_come_one_after_another_all_are_told_at_the_next_tick() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=4)
    takes_slots(me, a, 7)
    assert not sent(takes_slots(me, a, 8, 9), Kind.PONG)
    (pong,) = sent(me.passes(0.1), Kind.PONG)
    assert slots_on_wire(pong.slots) == slot_set([7, 8, 9])
    assert not sent(me.passes(0.2), Kind.PONG)


def test_of_a_slot_that_comes_alone_all_are_told_at_once() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=4)
    takes_slots(me, a, 7)
    me.passes(0.1)
    assert len(sent(takes_slots(me, a, 8), Kind.PONG)) == 1


def test_slots_that_are_taken_at_once_take_one_new_epoch_and_all_are_told() -> None:
    me = Core()
    a, _ = me.meets("a", slots=slot_range(0, 99), config_epoch=5), me.meets("b")
    effects = me.orders("take_slots", frozenset(range(10)))
    assert effects[0] == Persist(fsync=True)
    assert (me.myself.config_epoch, me.myself.slots, me.node(a).slots) == (6, slot_range(0, 9), slot_range(10, 99))
    assert len(sent(effects, Kind.PONG)) == 2


def test_setslot_node_at_the_source_ends_the_migration() -> None:
    me = Core()
    a = me.meets("a")
    me.orders("add_slots", [1, 2])
    me.orders("set_slot_migrating", 1, a.id)
    me.orders("set_slot_node", 1, a.id)
    assert me.node(a).slots == slot_set([1]) and not me.state.slots.migrating
    assert me.myself.is_primary


@pytest.mark.parametrize("may_migrate", [True, False])
def test_a_primary_that_gives_its_last_slot_away_follows(may_migrate: bool) -> None:
    me = Core(allow_replica_migration=may_migrate)
    a = me.meets("a")
    me.orders("add_slots", [1])
    effects = me.orders("set_slot_node", 1, a.id)
    assert bool(of_kind(effects, Follow)) is me.myself.is_replica is may_migrate


def test_setslot_stable_closes_both_ways() -> None:
    me = Core()
    a = me.meets("a")
    me.orders("add_slots", [1])
    me.orders("set_slot_migrating", 1, a.id)
    me.orders("set_slot_importing", 2, a.id)
    for slot in (1, 2):
        me.orders("set_slot_stable", slot)
    assert not me.state.slots.migrating and not me.state.slots.importing


# Members and roles


@pytest.mark.parametrize(("ip", "port"), [("nowhere", 7000), ("10.0.0.2", 0), ("10.0.0.2", 65536)])
def test_meet_wants_an_address(ip: str, port: int) -> None:
    assert refused(Core(), "meet", ip, port, port + 10000) == f"ERR Invalid node address specified: {ip}:{port}"


def test_what_forget_refuses() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0])
    me.orders("replicate", a.id)
    assert refused(me, "forget", "nobody") == "ERR Unknown node nobody"
    assert refused(me, "forget", me.id) == "ERR I tried hard but I can't forget myself..."
    assert refused(me, "forget", a.id) == "ERR Can't forget my master!"


def test_forgetting_cuts_all_ties_and_may_be_repeated() -> None:
    me = Core()
    a, r = me.meets("a", slots=THIRDS[0]), me.meets("e")
    r.replica_of = a.id
    for peer in (a, r):
        me.hears(peer, Kind.PING)
    effects = me.orders("forget", a.id)
    assert len(of_kind(effects, Disconnect)) == 2
    assert me.state.slots.assigned == 0 and me.node(r).primary is None
    me.orders("forget", a.id)


def test_what_replicate_refuses() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0])
    r = me.meets("e", replica_of=a.id)
    assert refused(me, "replicate", me.id) == "ERR Can't replicate myself"
    assert refused(me, "replicate", r.id) == "ERR I can only replicate a master, not a replica."
    me.host.keys = {1: 1}
    refusal = "ERR To set a master the node must be empty and without assigned slots."
    assert refused(me, "replicate", a.id) == refusal
    me.host.keys = {}
    me.orders("add_slots", [9000])
    assert refused(me, "replicate", a.id) == refusal


def test_replicate_follows_and_takes_the_shard_id() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0])
    effects = me.orders("replicate", a.id)
    assert of_kind(effects, Follow) == [Follow(a.id, "10.0.0.2", a.port)]
    assert me.myself.is_replica and me.myself.shard_id == me.node(a).shard_id


def test_after_a_start_a_replica_follows_when_it_knows_where() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0])
    me.orders("replicate", a.id)
    me.host.following = False
    assert of_kind(me.passes(0.1), Follow)


def test_set_config_epoch_is_for_a_new_and_lonely_node() -> None:
    me = Core()
    assert refused(me, "set_config_epoch", -1) == "ERR Invalid config epoch specified: -1"
    me.orders("set_config_epoch", 3)
    assert (me.myself.config_epoch, me.state.current_epoch) == (3, 3)
    assert refused(me, "set_config_epoch", 4) == "ERR Node config epoch is already non-zero"
    me.meets("a")
    assert "does not know any other node" in refused(me, "set_config_epoch", 4)


def test_bumpepoch_moves_only_if_mine_is_not_the_greatest() -> None:
    me = Core()
    assert me.cluster.bump_epoch(me.now_ms)[0] and me.myself.config_epoch == 1
    assert not me.cluster.bump_epoch(me.now_ms)[0]
    me.meets("a", config_epoch=9)
    assert me.cluster.bump_epoch(me.now_ms)[0] and me.myself.config_epoch == 10


def test_reset_soft_is_alone_under_the_same_name() -> None:
    me = Core()
    old_id = me.id
    me.meets("a", slots=THIRDS[0], config_epoch=4)
    me.orders("add_slots", [9000])
    effects = me.orders("reset", hard=False)
    assert list(me.state.nodes) == [old_id] and me.state.slots.assigned == 0
    assert me.state.current_epoch == 4 and effects[0] == Persist(fsync=True)


def test_reset_hard_is_a_new_node() -> None:
    me = Core()
    old_id, old_shard = me.id, me.myself.shard_id
    me.meets("a", config_epoch=4)
    me.orders("reset", hard=True)
    assert old_id != me.id and me.state.nodes == {me.id: me.myself} and me.myself.shard_id != old_shard
    assert (me.state.current_epoch, me.state.last_vote_epoch, me.myself.config_epoch) == (0, 0, 0)


def test_reset_makes_a_replica_an_empty_primary_and_refuses_a_primary_with_keys() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0])
    me.orders("replicate", a.id)
    me.host.keys = {1: 1}
    effects = me.orders("reset", hard=False)
    assert of_kind(effects, TakeOver) and of_kind(effects, DropEverything) and me.myself.is_primary
    assert refused(me, "reset", hard=True) == "ERR CLUSTER RESET can't be called with master nodes containing keys"


# Loaded data


def test_loaded_keys_in_nobodys_slots_claim_them_and_in_others_show_an_import() -> None:
    me = Core()
    me.meets("a", slots=slot_range(0, 9))
    me.host.keys = {5: 1, 100: 2}
    effects = me.cluster.check_loaded_keys(me.now_ms)
    assert me.myself.slots == slot_set([100]) and list(me.state.slots.importing) == [5]
    assert effects[0] == Persist(fsync=True)
    assert "I have keys for unassigned slot 100. Taking responsibility for it." in logged(effects)


def test_a_replicas_loaded_keys_are_not_looked_at() -> None:
    me = Core()
    a = me.meets("a", slots=slot_range(0, 9))
    me.orders("replicate", a.id)
    me.host.keys = {5: 1}
    me.cluster.check_loaded_keys(me.now_ms)
    assert not me.state.slots.importing
