"""Whose opinions of a node count, and who else may say aloud what most primaries think."""

from pycluster.cluster.message import Failed, Kind
from pycluster.cluster.node import PFAIL, PRIMARY
from tests.unit.cluster.peers import THIRDS, Core, Peer, sent


def replica_of_a() -> tuple[Core, Peer, Peer, Peer]:
    """Me, a replica of a; b and c are the other primaries with slots."""
    me = Core()
    a, b, c = (
        me.meets(letter, slots=slots, config_epoch=i + 1)
        for i, (letter, slots) in enumerate(zip("abc", THIRDS, strict=True))
    )
    me.orders("replicate", a.id)
    me.lives(0.1, a, b, c)
    return me, a, b, c


def test_a_replica_may_declare_what_most_primaries_think() -> None:
    me, a, b, c = replica_of_a()
    me.lives(1.7, b, c)
    assert me.node(a).is_pfail
    me.hears_gossip(b, about=a, flags=PRIMARY | PFAIL)
    assert not me.node(a).is_fail  # its own opinion is none
    effects = me.hears_gossip(c, about=a, flags=PRIMARY | PFAIL)
    assert me.node(a).is_fail
    assert [message.body for message in sent(effects, Kind.FAIL)] == [Failed(a.id)] * 3


def test_a_primary_without_slots_may_report_but_is_no_part_of_the_quorum() -> None:
    me, a, b, c = replica_of_a()
    slotless = me.meets("d")
    me.lives(1.7, b, c, slotless)
    me.hears_gossip(slotless, about=a, flags=PRIMARY | PFAIL)
    assert (me.state.size, me.state.quorum) == (3, 2)
    me.hears_gossip(b, about=a, flags=PRIMARY | PFAIL)
    assert me.node(a).is_fail


def test_failed_primaries_are_part_of_the_quorum() -> None:
    me, a, b, c = replica_of_a()
    me.hears(b, Kind.FAIL, Failed(c.id))
    me.lives(1.7, b)
    me.hears_gossip(b, about=a, flags=PRIMARY | PFAIL)
    assert me.state.quorum == 2
    assert not me.node(a).is_fail


def test_fail_of_a_primary_without_slots_clears_at_once() -> None:
    me, a, b, c = replica_of_a()
    slotless = me.meets("d")
    me.hears(b, Kind.FAIL, Failed(slotless.id))
    assert me.node(slotless).is_fail
    me.hears_answer(slotless)
    assert not me.node(slotless).is_fail
