"""Who leads, who follows, and whose claim to slots is believed."""

import pytest

from pycluster.cluster.effects import DropKeys, Follow, Persist, Serve
from pycluster.cluster.message import Kind, NewerClaim
from pycluster.cluster.slot_map import slot_range, slots_on_wire
from tests.unit.cluster.peers import THIRDS, Core, Peer, logged, of_kind, sent


def test_unowned_slots_go_to_who_claims_them() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0])
    assert me.node(a).slots == THIRDS[0]


def test_an_owned_slot_goes_only_to_a_greater_epoch() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=2)
    b = me.meets("b", slots=THIRDS[0], config_epoch=2)
    assert me.node(a).slots == THIRDS[0]
    b.config_epoch = 3
    me.hears(b, Kind.PING)
    assert (me.node(a).slots, me.node(b).slots) == (0, THIRDS[0])


def test_what_i_have_granted_is_taken_even_under_my_own_epoch() -> None:
    me = Core()
    me.orders("set_config_epoch", 5)
    me.orders("add_slots", range(10))
    f = me.meets("f", slots=THIRDS[2], config_epoch=4)
    me.host.granted[f.id] = slot_range(0, 4)
    f.slots, f.config_epoch = f.slots | slot_range(0, 9), 5
    me.hears(f, Kind.PING)
    assert (me.myself.slots, me.node(f).slots) == (slot_range(5, 9), THIRDS[2] | slot_range(0, 4))


def test_a_claim_is_on_disk_before_anything_is_answered() -> None:
    me = Core()
    a = me.meets("a")
    a.slots, a.config_epoch = THIRDS[0], 2
    assert me.hears(a, Kind.PING)[0] == Persist(fsync=True)


def test_who_claims_what_others_own_by_a_greater_epoch_is_told() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=5)
    b = me.meets("b", slots=THIRDS[0] | THIRDS[1], config_epoch=4)
    (update,) = sent(me.hears(b, Kind.PING), Kind.UPDATE)
    assert update.body == NewerClaim(5, a.id, me.node(a).slots_on_wire)


def test_an_update_is_believed_if_its_epoch_is_greater_than_what_i_knew() -> None:
    me = Core()
    a, b = me.meets("a", slots=THIRDS[0], config_epoch=1), me.meets("b", config_epoch=2)
    claim = me.node(a).slots_on_wire
    me.hears(a, Kind.UPDATE, NewerClaim(2, b.id, claim))
    assert me.node(a).slots == THIRDS[0]
    me.hears(a, Kind.UPDATE, NewerClaim(3, b.id, claim))
    assert (me.node(a).slots, me.node(b).slots, me.node(b).config_epoch) == (0, THIRDS[0], 3)


def test_an_update_about_myself_is_discarded() -> None:
    me = Core()
    a = me.meets("a")
    effects = me.hears(a, Kind.UPDATE, NewerClaim(9, me.id, bytes([255]) * 2048))
    assert me.myself.slots == 0
    assert "Discarding UPDATE message about myself." in logged(effects)


def test_a_slot_that_its_owner_drops_stays_bound_but_anybody_may_claim_it() -> None:
    me = Core()
    a = me.meets("a", slots=slot_range(0, 9), config_epoch=5)
    a.slots = slot_range(0, 8)
    me.hears(a, Kind.PING)
    assert me.state.slots.owner[9] is me.node(a)
    b = me.meets("b", slots=slot_range(9, 9), config_epoch=1)
    assert me.state.slots.owner[9] is me.node(b)


def test_no_update_is_sent_about_a_slot_that_its_owner_drops() -> None:
    me = Core()
    a = me.meets("a", slots=slot_range(0, 9), config_epoch=5)
    a.slots = slot_range(0, 8)
    me.hears(a, Kind.PING)
    b = me.meets("b", slots=slot_range(8, 9), config_epoch=1)
    (update,) = sent(me.hears(b, Kind.PING, slots=slot_range(8, 9).to_bytes(2048, "little")), Kind.UPDATE)
    assert slots_on_wire(update.body.slots) == slot_range(0, 8)


def test_losing_some_slots_drops_their_keys() -> None:
    me = Core()
    me.orders("add_slots", range(10))
    me.host.keys = {3: 1, 7: 2}
    a = me.meets("a")
    a.slots, a.config_epoch = slot_range(0, 4), 9
    effects = me.hears(a, Kind.PING)
    assert of_kind(effects, DropKeys) == [DropKeys((3,))]
    assert of_kind(effects, Serve) == [Serve(released=slot_range(0, 4))]
    assert me.myself.is_primary


def test_losing_all_slots_makes_a_replica_that_keeps_its_keys() -> None:
    me = Core()
    me.orders("add_slots", range(10))
    me.host.keys = {3: 1}
    a = me.meets("a")
    a.slots, a.config_epoch = slot_range(0, 9), 9
    effects = me.hears(a, Kind.PING)
    assert of_kind(effects, Follow) == [Follow(a.id, "10.0.0.2", a.port)]
    assert not of_kind(effects, DropKeys)
    assert f"Reconfiguring myself as a replica of {a.id} ()" in logged(effects)


@pytest.mark.parametrize(("more_slots", "follows"), [(0, True), (THIRDS[1], False)])
def test_without_replica_migration_i_follow_only_who_took_nothing_but_my_slots(more_slots: int, follows: bool) -> None:
    me = Core(allow_replica_migration=False)
    me.orders("add_slots", range(10))
    a = me.meets("a")
    a.slots, a.config_epoch = slot_range(0, 9) | more_slots, 9
    me.hears(a, Kind.PING)
    assert me.myself.is_replica is follows


def replica_of(me: Core, letter: str) -> Peer:
    primary = me.meets(letter, slots=THIRDS[0], config_epoch=1)
    me.orders("replicate", primary.id)
    return primary


def test_a_replica_goes_with_its_primarys_slots() -> None:
    me = Core()
    replica_of(me, "a")
    b = me.meets("b", slots=THIRDS[0], config_epoch=2)
    assert me.myself.primary is me.node(b)


def test_a_replica_speaks_of_its_primarys_slots_and_epoch_but_of_its_own_offset() -> None:
    me = Core()
    a = replica_of(me, "a")
    me.host.offset = 77
    (pong,) = sent(me.hears(a, Kind.PING), Kind.PONG)
    assert (pong.replica_of, pong.config_epoch, pong.offset) == (a.id, 1, 77)
    assert slots_on_wire(pong.slots) == THIRDS[0]


def test_a_replica_of_a_replica_moves_up() -> None:
    me = Core()
    a, b = replica_of(me, "a"), me.meets("b", slots=THIRDS[1], config_epoch=2)
    a.replica_of, a.slots = b.id, 0
    me.hears(a, Kind.PING)
    effects = me.passes(0.1)
    assert me.myself.primary is me.node(b)
    assert f"I'm a sub-replica! Reconfiguring myself as a replica of grandmaster {b.id} ()" in logged(effects)


def test_a_primary_that_becomes_a_replica_lets_go_of_its_slots() -> None:
    me = Core()
    a, b = me.meets("a", slots=THIRDS[0], config_epoch=1), me.meets("b")
    a.replica_of = b.id
    me.hears(a, Kind.PING)
    assert me.node(a).slots == 0 and me.node(a).primary is me.node(b)


def test_two_that_changed_places_are_never_replicas_of_each_other() -> None:
    me = Core()
    a = me.meets("a", slots=THIRDS[0], config_epoch=1)
    b = me.meets("b", replica_of=a.id)
    a.replica_of = b.id
    me.hears(a, Kind.PING)
    assert (me.node(a).primary, me.node(b).primary) == (me.node(b), None)
    assert me.node(b).is_primary


def test_of_two_primaries_with_one_epoch_the_smaller_id_moves_on() -> None:
    me = Core()
    me.orders("set_config_epoch", 5)
    a = me.meets("0", config_epoch=5)
    assert me.myself.config_epoch == 5
    a.id = "f" * 40
    f = me.meets("f", config_epoch=5)
    assert me.myself.config_epoch == me.state.current_epoch == 6
    f.config_epoch = 6
    effects = me.hears(f, Kind.PING)
    assert effects[0] == Persist(fsync=True)
    assert f"configEpoch collision with node {f.id} (). configEpoch set to 7" in logged(effects)


def test_the_current_epoch_follows_the_greatest_that_is_heard() -> None:
    me = Core()
    a = me.meets("a", current_epoch=41)
    assert me.state.current_epoch == 41
    a.current_epoch = 3
    me.hears(a, Kind.PING)
    assert me.state.current_epoch == 41
