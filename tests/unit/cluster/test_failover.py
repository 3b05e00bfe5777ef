"""The election of a replica into its failed primary's place, seen from the voter and from the candidate."""

import pytest

from pycluster.cluster.effects import Persist, TakeOver
from pycluster.cluster.message import FORCE_ACK, Failed, Kind
from pycluster.cluster.node import NOFAILOVER
from tests.unit.cluster.peers import THIRDS, Core, Peer, is_saved_before_sending, logged, of_kind, sent

# The voter: me, with the first third. a has the second, and r is its replica.


def voter() -> tuple[Core, Peer, Peer]:
    me = Core()
    a = me.meets("a", slots=THIRDS[1], config_epoch=1)
    r = me.meets("e", slots=THIRDS[1], config_epoch=1, replica_of=a.id)
    me.orders("add_slots", range(5461))
    me.hears(r, Kind.FAIL, Failed(a.id))
    r.current_epoch = 2
    return me, a, r


def test_a_vote_is_on_disk_before_it_is_sent() -> None:
    me, a, r = voter()
    effects = me.hears(r, Kind.FAILOVER_AUTH_REQUEST)
    assert is_saved_before_sending(effects)
    assert sent(effects, Kind.FAILOVER_AUTH_ACK)[0].current_epoch == 2
    assert me.state.last_vote_epoch == 2
    assert f"Failover auth granted to {r.id} () for epoch 2" in logged(effects)


def denied(me: Core, candidate: Peer, **changes: object) -> str:
    effects = me.hears(candidate, Kind.FAILOVER_AUTH_REQUEST, **changes)
    assert not sent(effects, Kind.FAILOVER_AUTH_ACK)
    return logged(effects)


def test_one_vote_per_epoch() -> None:
    me, a, r = voter()
    me.hears(r, Kind.FAILOVER_AUTH_REQUEST)
    other = me.meets("f", slots=THIRDS[1], config_epoch=1, replica_of=a.id, current_epoch=2)
    assert f"denied to {other.id} (): already voted for epoch 2" in denied(me, other)


def test_no_vote_for_an_epoch_that_is_past() -> None:
    me, a, r = voter()
    me.meets("f", config_epoch=9)
    assert "reqEpoch (2) < curEpoch(9)" in denied(me, r)


def test_no_vote_for_a_primary() -> None:
    me, a, r = voter()
    b = me.meets("b", slots=THIRDS[2], config_epoch=1, current_epoch=2)
    assert f"denied to {b.id} (): it is a master node" in denied(me, b)


def test_no_vote_for_a_replica_of_a_stranger() -> None:
    me, a, r = voter()
    other = me.meets("f", replica_of="0" * 40, current_epoch=2)
    assert "I don't know its master" in denied(me, other)


def test_no_vote_while_its_primary_is_up_unless_it_is_forced() -> None:
    me, a, r = voter()
    me.node(a).flags &= ~8
    assert "its master is up" in denied(me, r)
    assert sent(me.hears(r, Kind.FAILOVER_AUTH_REQUEST, mflags=FORCE_ACK), Kind.FAILOVER_AUTH_ACK)


def test_one_vote_per_failed_primary_in_two_timeouts() -> None:
    me, a, r = voter()
    me.hears(r, Kind.FAILOVER_AUTH_REQUEST)
    me.now_ms += 1999
    assert f"denied to {r.id} : can't vote about this master before 1 milliseconds" in denied(me, r, current_epoch=3)
    me.now_ms += 1
    assert sent(me.hears(r, Kind.FAILOVER_AUTH_REQUEST, current_epoch=4), Kind.FAILOVER_AUTH_ACK)


def test_no_vote_if_a_claimed_slot_has_a_newer_owner() -> None:
    me, a, r = voter()
    b = me.meets("b", slots=1 << 5461, config_epoch=7)
    r.current_epoch = 8
    assert f"denied to {r.id} (): slot 5461 epoch ({b.config_epoch}) > reqEpoch (1)" in denied(me, r)


def test_a_slot_that_its_newer_owner_dropped_is_no_obstacle() -> None:
    me, a, r = voter()
    b = me.meets("b", slots=1 << 5461, config_epoch=7)
    b.slots = 0
    me.hears(b, Kind.PING)
    r.current_epoch = 8
    assert sent(me.hears(r, Kind.FAILOVER_AUTH_REQUEST), Kind.FAILOVER_AUTH_ACK)


def test_without_slots_i_have_no_vote() -> None:
    me, a, r = voter()
    me.orders("flush_slots")
    assert denied(me, r) == ""


# The candidate: me, a replica of a; b and c vote


def candidate(**settings: object) -> tuple[Core, Peer, Peer, Peer]:
    me = Core(**settings)
    a, b, c = (
        me.meets(letter, slots=slots, config_epoch=i + 1)
        for i, (letter, slots) in enumerate(zip("abc", THIRDS, strict=True))
    )
    me.host.offset = 100
    me.orders("replicate", a.id)
    return me, a, b, c


def my_primary_fails(me: Core, a: Peer, b: Peer, c: Peer) -> str:
    """The log of the moment."""
    me.hears(b, Kind.FAIL, Failed(a.id))
    return logged(me.lives(0.1, b, c))


def test_an_election_is_delayed_by_half_a_second_or_more() -> None:
    me, a, b, c = candidate()
    assert "Start of election delayed for" in my_primary_fails(me, a, b, c)
    assert 500 <= me.state.election.begins_ms - me.now_ms < 1000
    assert "(rank #0, offset 100)." in my_primary_fails(*candidate())


def test_votes_are_asked_for_under_a_new_epoch_that_is_on_disk() -> None:
    me, a, b, c = candidate()
    my_primary_fails(me, a, b, c)
    effects = me.lives(1.1, b, c)
    requests = sent(effects, Kind.FAILOVER_AUTH_REQUEST)
    assert len(requests) == 3 and requests[0].current_epoch == 4 and requests[0].mflags == 0
    assert requests[0].slots == me.node(a).slots_on_wire
    assert Persist(fsync=True) in effects
    assert "Starting a failover election for epoch 4." in logged(effects)


def elected(me: Core, a: Peer, b: Peer, c: Peer) -> None:
    my_primary_fails(me, a, b, c)
    me.lives(1.1, b, c)
    for voter in (b, c):
        voter.current_epoch = me.state.election.epoch


def test_with_a_majority_of_votes_i_take_over() -> None:
    me, a, b, c = candidate()
    elected(me, a, b, c)
    assert me.myself.is_replica
    me.hears(b, Kind.FAILOVER_AUTH_ACK)
    effects = me.hears(c, Kind.FAILOVER_AUTH_ACK)
    assert of_kind(effects, TakeOver)
    assert is_saved_before_sending(effects) and len(sent(effects, Kind.PONG)) == 2
    assert (me.myself.slots, me.myself.config_epoch) == (THIRDS[0], 4)
    assert "Failover election won: I'm the new master." in logged(effects)


def test_a_voter_counts_once() -> None:
    me, a, b, c = candidate()
    elected(me, a, b, c)
    me.hears(b, Kind.FAILOVER_AUTH_ACK)
    me.hears(b, Kind.FAILOVER_AUTH_ACK)
    assert me.myself.is_replica


def test_votes_of_an_earlier_epoch_or_of_who_has_no_vote_do_not_count() -> None:
    me, a, b, c = candidate()
    elected(me, a, b, c)
    slotless, replica = me.meets("d", current_epoch=4), me.meets("e", replica_of=b.id, current_epoch=4)
    for voter in (slotless, replica):
        me.hears(voter, Kind.FAILOVER_AUTH_ACK)
    me.hears(b, Kind.FAILOVER_AUTH_ACK, current_epoch=3)
    me.hears(c, Kind.FAILOVER_AUTH_ACK, current_epoch=3)
    assert not me.state.election.votes


def test_votes_before_i_asked_do_not_count() -> None:
    me, a, b, c = candidate()
    my_primary_fails(me, a, b, c)
    me.hears(b, Kind.FAILOVER_AUTH_ACK)
    assert not me.state.election.votes


def test_sisters_with_more_data_go_first_and_my_rank_only_gets_worse() -> None:
    me, a, b, c = candidate()
    sister = me.meets("e", replica_of=a.id, slots=THIRDS[0], config_epoch=1, offset=90)
    my_primary_fails(me, a, b, c)
    begins_ms = me.state.election.begins_ms
    sister.offset = 101
    me.hears(sister, Kind.PONG)
    assert "Replica rank updated to #1, added 1000 milliseconds of delay." in logged(me.lives(0.1, b, c))
    sister.offset = 1
    me.hears(sister, Kind.PONG)
    me.lives(0.1, b, c)
    assert me.state.election.begins_ms == begins_ms + 1000


def test_a_sister_that_may_not_fail_over_does_not_outrank_me() -> None:
    me, a, b, c = candidate()
    me.meets("e", replica_of=a.id, slots=THIRDS[0], config_epoch=1, offset=101, flags=NOFAILOVER)
    assert "rank #0" in my_primary_fails(me, a, b, c)


def test_sisters_are_told_my_offset_when_an_election_is_scheduled() -> None:
    me, a, b, c = candidate()
    me.meets("e", replica_of=a.id, slots=THIRDS[0], config_epoch=1)
    me.hears(b, Kind.FAIL, Failed(a.id))
    (pong,) = sent(me.passes(0.1), Kind.PONG)
    assert pong.offset == 100


def test_an_election_without_result_is_repeated_after_a_while() -> None:
    me, a, b, c = candidate()
    elected(me, a, b, c)
    effects = me.lives(2.5, b, c)
    assert not sent(effects, Kind.FAILOVER_AUTH_REQUEST)
    effects = me.lives(4, b, c)
    assert sent(effects, Kind.FAILOVER_AUTH_REQUEST)[0].current_epoch == 5


def test_votes_for_an_epoch_that_my_primary_has_left_behind_are_no_victory() -> None:
    me, a, b, c = candidate()
    elected(me, a, b, c)
    a.config_epoch = me.state.election.epoch + 1
    me.hears(a, Kind.PING)
    assert not of_kind([effect for peer in (b, c) for effect in me.hears(peer, Kind.FAILOVER_AUTH_ACK)], TakeOver)


def test_an_epoch_that_another_shards_replica_has_won_is_lost_and_the_next_attempt_comes_soon() -> None:
    me, a, b, c = candidate()
    elected(me, a, b, c)
    b.config_epoch = me.state.election.epoch
    me.hears(b, Kind.PING)
    effects = me.lives(1.5, b, c)
    assert sent(effects, Kind.FAILOVER_AUTH_REQUEST)[0].current_epoch == b.config_epoch + 1


@pytest.mark.parametrize(("age_ms", "runs"), [(21_000, True), (21_001, False)])
def test_too_old_data_is_no_candidate(age_ms: int, runs: bool) -> None:
    me, a, b, c = candidate()
    me.host.age_ms = age_ms  # node timeout x validity factor + repl-ping-replica-period, and the timeout once more
    my_primary_fails(me, a, b, c)
    assert (me.state.election.begins_ms > 0) is runs


def test_why_there_is_no_failover_is_logged_when_it_takes_long() -> None:
    me, a, b, c = candidate()
    me.host.age_ms = 10**9
    my_primary_fails(me, a, b, c)
    log = logged(me.lives(20, b, c))
    assert log.count("Currently unable to failover: Disconnected from master for longer than allowed.") == 2


def test_validity_factor_zero_asks_for_no_age() -> None:
    me, a, b, c = candidate(replica_validity_factor=0)
    me.host.age_ms = 10**9
    assert "Start of election" in my_primary_fails(me, a, b, c)


def test_a_replica_that_may_not_fail_over_does_not() -> None:
    me, a, b, c = candidate(replica_no_failover=True)
    assert me.myself.flags & NOFAILOVER
    assert "Start of election" not in my_primary_fails(me, a, b, c)


def test_a_loser_follows_the_winner_and_forgets_its_votes() -> None:
    me, a, b, c = candidate()
    elected(me, a, b, c)
    me.hears(b, Kind.FAILOVER_AUTH_ACK)
    winner = me.meets("e", slots=THIRDS[0], config_epoch=5)
    assert me.myself.primary is me.node(winner)
    me.hears(c, Kind.FAILOVER_AUTH_ACK)
    assert me.myself.is_replica and not me.state.election.votes
