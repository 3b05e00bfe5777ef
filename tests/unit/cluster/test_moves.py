"""Slots on the move through a failover of either side, seen by a primary and by a replica."""

import pytest

from pycluster.cluster.message import Kind
from pycluster.cluster.nodes_conf import open_slots
from pycluster.cluster.slot_map import slot_range
from tests.unit.cluster.peers import Core, Peer, logged
from tests.unit.cluster.test_orders import refused

THIRDS = slot_range(0, 5460), slot_range(5461, 10922), slot_range(10923, 16383)
SLOT = 7  # of a


@pytest.fixture
def me() -> Core:
    return Core()


def replica_of(me: Core, name: str, slots: int, epoch: int) -> Peer:
    primary = me.meets(name, slots=slots, config_epoch=epoch)
    me.orders("replicate", primary.id)
    return primary


def replaces(me: Core, successor: Peer, primary: Peer, epoch: int, slots: int | None = None) -> str:
    """A replica has been elected and says so; what the log says."""
    successor.replica_of, successor.config_epoch = "", epoch
    successor.slots = primary.slots if slots is None else slots
    return logged(me.hears(successor, Kind.PONG))


# What a replica makes of its primary's orders


def test_a_replica_keeps_what_its_primary_opens_and_shows_it(me: Core) -> None:
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    b = replica_of(me, "b", THIRDS[1], 2)
    me.orders("set_slot_importing", SLOT, a.id)
    me.orders("set_slot_migrating", 6000, a.id)
    assert open_slots(me.state) == [f"[{SLOT}-<-{a.id}]", f"[6000->-{a.id}]"]
    assert me.node(b) is me.myself.primary


def test_a_replica_closes_what_its_primary_closes(me: Core) -> None:
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    replica_of(me, "b", THIRDS[1], 2)
    me.orders("set_slot_importing", SLOT, a.id)
    me.orders("set_slot_stable", SLOT)
    assert open_slots(me.state) == []


def test_a_replica_believes_its_primary_that_a_replica_leads_now(me: Core) -> None:
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    r = me.meets("e", replica_of=a.id)
    replica_of(me, "b", THIRDS[1], 2)
    me.orders("set_slot_importing", SLOT, r.id)
    assert me.state.slots.importing == {SLOT: me.node(r)}


def test_a_replica_of_the_source_gives_the_slot_away_with_its_primary(me: Core) -> None:
    b = me.meets("b", slots=THIRDS[1], config_epoch=1)
    replica_of(me, "a", THIRDS[0], 2)
    me.orders("set_slot_migrating", SLOT, b.id)
    me.orders("set_slot_node", SLOT, b.id)
    assert me.state.slots.owner[SLOT] is me.node(b) and open_slots(me.state) == []


def test_a_replica_goes_with_the_last_slot(me: Core) -> None:
    b = me.meets("b", slots=THIRDS[1], config_epoch=1)
    replica_of(me, "a", 1 << SLOT, 2)
    me.orders("set_slot_node", SLOT, b.id)
    assert me.myself.primary is me.node(b)


# A slot that its primary was told to take over


@pytest.fixture
def promised(me: Core) -> tuple[Core, Peer, Peer]:
    """A replica of b, whose primary ends the import from a."""
    a = me.meets("a", slots=THIRDS[0], config_epoch=5)
    b = replica_of(me, "b", THIRDS[1], 2)
    me.orders("set_slot_importing", SLOT, a.id)
    me.orders("set_slot_node", SLOT, b.id)
    return me, a, b


def test_it_is_its_primarys_when_that_one_says_so(promised: tuple[Core, Peer, Peer]) -> None:
    me, a, b = promised
    assert me.state.slots.owner[SLOT] is me.node(a)
    b.slots, b.config_epoch = b.slots | 1 << SLOT, 6
    me.hears(b, Kind.PONG)
    assert me.state.slots.owner[SLOT] is me.node(b)
    assert not me.state.slots.promised and open_slots(me.state) == []


def test_votes_are_not_asked_for_it(promised: tuple[Core, Peer, Peer]) -> None:
    me, _, b = promised
    assert me.state.slot_holder is me.node(b) and not me.node(b).slots >> SLOT & 1


def test_it_is_its_own_when_it_takes_over(promised: tuple[Core, Peer, Peer]) -> None:
    me, _, _ = promised
    me.orders("fail_over", takeover=True)
    assert me.myself.slots == THIRDS[1] | 1 << SLOT
    assert me.myself.config_epoch == 6 and open_slots(me.state) == []


def test_it_is_not_if_the_order_was_withdrawn(promised: tuple[Core, Peer, Peer]) -> None:
    me, a, _ = promised
    me.orders("set_slot_importing", SLOT, a.id)
    me.orders("fail_over", takeover=True)
    assert me.myself.slots == THIRDS[1] and open_slots(me.state) == [f"[{SLOT}-<-{a.id}]"]


# Promotion and demotion


def test_who_takes_over_has_the_same_slots_open(me: Core) -> None:
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    replica_of(me, "b", THIRDS[1], 2)
    me.orders("set_slot_importing", SLOT, a.id)
    me.orders("fail_over", takeover=True)
    assert open_slots(me.state) == [f"[{SLOT}-<-{a.id}]"]
    me.orders("set_slot_node", SLOT, me.id)
    assert me.myself.slots >> SLOT & 1


def test_who_has_been_replaced_by_its_replica_keeps_them_too(me: Core) -> None:
    b = me.meets("b", slots=THIRDS[1], config_epoch=1)
    me.orders("add_slots", [SLOT])
    r = me.meets("e", replica_of=me.id)
    me.orders("set_slot_migrating", SLOT, b.id)
    replaces(me, r, r, 9, slots=1 << SLOT)
    assert me.myself.primary is me.node(r) and open_slots(me.state) == [f"[{SLOT}->-{b.id}]"]


def test_who_joins_another_shard_has_none_open(me: Core) -> None:
    b = me.meets("b", slots=THIRDS[1], config_epoch=1)
    me.orders("set_slot_importing", 6000, b.id)
    me.orders("replicate", b.id)
    assert open_slots(me.state) == []


def test_a_primary_without_slots_makes_way_for_its_elected_replica(me: Core) -> None:
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    r = me.meets("e", replica_of=me.id)
    me.orders("set_slot_importing", SLOT, a.id)
    replaces(me, r, r, 9, slots=0)
    assert me.myself.primary is me.node(r) and open_slots(me.state) == [f"[{SLOT}-<-{a.id}]"]


def test_it_does_not_for_a_replica_that_was_only_reset(me: Core) -> None:
    me.orders("set_config_epoch", 3)
    r = me.meets("e", replica_of=me.id)
    replaces(me, r, r, 0, slots=0)
    assert me.myself.is_primary


def test_who_comes_back_when_its_successor_has_given_a_slot_away_belongs_to_its_shard_all_the_same(me: Core) -> None:
    b = me.meets("b", slots=THIRDS[1], config_epoch=1)
    me.orders("add_slots", [SLOT, 8])
    r = me.meets("e", replica_of=me.id)
    replaces(me, r, r, 9, slots=1 << 8)
    b.slots, b.config_epoch = b.slots | 1 << SLOT, 10
    me.hears(b, Kind.PONG)
    assert me.myself.primary is me.node(r)


# The other side fails over


def test_the_source_of_an_import_is_replaced_by_its_successor(me: Core) -> None:
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    r = me.meets("e", replica_of=a.id)
    me.orders("set_slot_importing", SLOT, a.id)
    said = replaces(me, r, a, 9)
    assert me.state.slots.importing == {SLOT: me.node(r)} and me.state.slots.owner[SLOT] is me.node(r)
    assert f"Failover occurred in migration source. Update importing source for slot {SLOT} to node {r.id}" in said


def test_the_target_of_a_migration_is_replaced_by_its_successor(me: Core) -> None:
    b = me.meets("b", slots=THIRDS[1], config_epoch=1)
    r = me.meets("e", replica_of=b.id)
    me.orders("add_slots", [SLOT])
    me.orders("set_slot_migrating", SLOT, b.id)
    said = replaces(me, r, b, 9)
    assert me.state.slots.migrating == {SLOT: me.node(r)}
    assert f"Failover occurred in migration target. Slot {SLOT} is now being migrated to node {r.id}" in said


def test_so_is_a_target_that_had_no_slots_yet(me: Core) -> None:
    b = me.meets("b", config_epoch=1)
    r = me.meets("e", replica_of=b.id)
    me.orders("add_slots", [SLOT])
    me.orders("set_slot_migrating", SLOT, b.id)
    replaces(me, r, b, 9)
    assert me.state.slots.migrating == {SLOT: me.node(r)}


def test_who_hears_that_the_target_owns_the_slot_is_done_with_it(me: Core) -> None:
    b = me.meets("b", slots=THIRDS[1], config_epoch=1)
    me.orders("add_slots", [SLOT, 8])
    me.orders("set_slot_migrating", SLOT, b.id)
    b.slots, b.config_epoch = b.slots | 1 << SLOT, 9
    me.hears(b, Kind.PONG)
    assert me.state.slots.owner[SLOT] is me.node(b) and open_slots(me.state) == []


def test_an_import_ends_when_a_third_node_owns_the_slot(me: Core) -> None:
    a, c = me.meets("a", slots=THIRDS[0], config_epoch=1), me.meets("c", config_epoch=2)
    me.orders("set_slot_importing", SLOT, a.id)
    c.slots = 1 << SLOT
    assert f"Slot {SLOT} is no longer being imported from node {a.id} ()" in logged(me.hears(c, Kind.PONG))
    assert open_slots(me.state) == [] and me.state.slots.owner[SLOT] is me.node(c)


# What is refused as ever


def test_a_primary_refuses_as_ever(me: Core) -> None:
    a = me.meets("a", slots=THIRDS[0])
    assert refused(me, "set_slot_migrating", SLOT, a.id) == f"ERR I'm not the owner of hash slot {SLOT}"


def test_an_order_about_who_leads_no_more_does_not_leave_the_slot_with_it(me: Core) -> None:
    c = me.meets("c", slots=THIRDS[2], config_epoch=9)
    c1 = me.meets("e", replica_of=c.id, config_epoch=9)
    b = replica_of(me, "b", THIRDS[1], 2)
    me.orders("set_slot_node", 6000, c1.id)
    assert me.state.slots.owner[6000] is me.node(c1)
    me.hears(c1, Kind.PING)
    me.hears(b, Kind.PING)
    assert me.state.slots.owner[6000] is me.node(b)


# Atomic migrations


def granted_slots(me: Core) -> Peer:
    """A peer that has granted me a slot, and does not know yet that I have taken it."""
    me.orders("set_config_epoch", 2)
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    me.orders("take_slots", [SLOT])
    return a


def test_what_was_granted_is_not_lost_to_what_the_source_said_before(me: Core) -> None:
    a = granted_slots(me)
    a.config_epoch = 3
    me.hears(a, Kind.PING)
    assert me.state.slots.owner[SLOT] is me.myself and me.myself.config_epoch == 4


def test_some_time_later_the_source_may_claim_it_again(me: Core) -> None:
    a = granted_slots(me)
    a.config_epoch = 3
    me.now_ms += 2001
    me.hears(a, Kind.PING)
    assert me.state.slots.owner[SLOT] is me.node(a)


def test_the_source_may_claim_it_again_when_it_was_granted_back(me: Core) -> None:
    a = granted_slots(me)
    a.config_epoch = 3
    me.host.granted[a.id] = slot_range(SLOT, SLOT)
    me.hears(a, Kind.PING)
    assert me.state.slots.owner[SLOT] is me.node(a) and me.myself.config_epoch == 2


def test_the_source_may_claim_it_again_when_it_is_moved_back_by_hand(me: Core) -> None:
    a = granted_slots(me)
    me.orders("set_slot_migrating", SLOT, a.id)
    a.config_epoch = 3
    me.hears(a, Kind.PING)
    assert me.state.slots.owner[SLOT] is me.node(a)


def test_another_node_may_claim_it(me: Core) -> None:
    granted_slots(me)
    me.meets("b", slots=slot_range(SLOT, SLOT), config_epoch=3)
    assert me.state.slots.owner[SLOT] is not me.myself
