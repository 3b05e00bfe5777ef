"""CLUSTER FAILOVER, at the replica that asks and at the primary that steps back."""

import pytest

from pycluster.cluster.effects import Follow, PauseWrites, Persist, ResumeWrites, TakeOver
from pycluster.cluster.message import FORCE_ACK, PAUSED, Failed, Kind
from pycluster.protocol import errors
from tests.unit.cluster.peers import THIRDS, Core, Peer, logged, of_kind, sent


def replica() -> tuple[Core, Peer, Peer]:
    """Me, a replica of a; b is the other primary: both their votes are a majority."""
    me = Core()
    a = me.meets("a", slots=THIRDS[0] | THIRDS[1], config_epoch=1)
    b = me.meets("b", slots=THIRDS[2], config_epoch=2)
    me.orders("replicate", a.id)
    me.host.offset = 100
    me.lives(0.1, a, b)
    return me, a, b


def test_the_replica_asks_its_primary_to_pause() -> None:
    me, a, b = replica()
    effects = me.orders("fail_over")
    assert len(sent(effects, Kind.MFSTART)) == 1
    assert not me.state.manual_failover.may_start


def test_it_starts_when_it_has_what_the_paused_primary_had() -> None:
    me, a, b = replica()
    me.orders("fail_over")
    me.hears(a, Kind.PING, offset=150, mflags=PAUSED)
    assert not me.state.manual_failover.may_start
    me.host.offset = 150
    effects = me.cluster.tick(me.now_ms + 1)
    requests = sent(effects, Kind.FAILOVER_AUTH_REQUEST)
    assert requests[0].mflags == FORCE_ACK and requests[0].current_epoch == 3
    assert effects[0] == Persist(fsync=True)


def test_an_offset_from_before_the_pause_starts_nothing() -> None:
    me, a, b = replica()
    me.orders("fail_over")
    me.hears(a, Kind.PING, offset=100)
    assert me.state.manual_failover.primary_offset is None


def test_while_it_waits_for_the_stream_it_wants_to_be_called_soon() -> None:
    me, a, b = replica()
    me.orders("fail_over")
    me.hears(a, Kind.PING, offset=150, mflags=PAUSED)
    assert me.cluster.next_tick_ms() - me.now_ms <= 5


def test_with_the_votes_it_takes_over() -> None:
    me, a, b = replica()
    me.orders("fail_over")
    me.hears(a, Kind.PING, offset=100, mflags=PAUSED)
    a.current_epoch = b.current_epoch = 3
    me.hears(a, Kind.FAILOVER_AUTH_ACK)
    effects = me.hears(b, Kind.FAILOVER_AUTH_ACK)
    assert of_kind(effects, TakeOver)
    assert me.myself.config_epoch == 3 and not me.state.manual_failover.is_under_way


def test_force_does_not_talk_to_the_primary_but_asks_for_votes() -> None:
    me, a, b = replica()
    me.hears(b, Kind.FAIL, Failed(a.id))
    effects = me.orders("fail_over", force=True) + me.passes(0.1)
    assert not sent(effects, Kind.MFSTART)
    assert sent(effects, Kind.FAILOVER_AUTH_REQUEST)[0].mflags == FORCE_ACK


def test_takeover_asks_nobody() -> None:
    me, a, b = replica()
    effects = me.orders("fail_over", takeover=True)
    assert of_kind(effects, TakeOver) and effects[0] == Persist(fsync=True)
    assert (me.myself.config_epoch, me.myself.slots) == (3, THIRDS[0] | THIRDS[1])
    assert len(sent(effects, Kind.PONG)) == 2


def test_a_second_attempt_does_not_inherit_the_first_ones_waiting_times() -> None:
    me, a, b = replica()
    me.orders("fail_over", force=True)
    me.passes(0.1)
    assert sent(me.orders("fail_over", force=True) + me.passes(0.1), Kind.FAILOVER_AUTH_REQUEST)


def test_after_five_seconds_it_gives_up() -> None:
    me, a, b = replica()
    me.orders("fail_over")
    assert "Manual failover timed out." in logged(me.lives(5.2, a, b))
    assert not me.state.manual_failover.is_under_way


@pytest.mark.parametrize("is_failing", [True, False])
def test_without_force_the_primary_must_be_there(is_failing: bool) -> None:
    me, a, b = replica()
    if is_failing:
        me.hears(b, Kind.FAIL, Failed(a.id))
    else:
        me.cluster.lost(me.node(a).link, me.now_ms)
    with pytest.raises(errors.FailoverOfDeadPrimary):
        me.orders("fail_over")


def test_only_a_replica_fails_over() -> None:
    with pytest.raises(errors.FailoverAtPrimary):
        Core().orders("fail_over", takeover=True)


# The primary


def paused_primary() -> tuple[Core, Peer, list]:
    me = Core()
    me.orders("add_slots", range(16384))
    r = me.meets("e", replica_of=me.id)
    me.host.offset = 500
    return me, r, me.hears(r, Kind.MFSTART)


def test_the_primary_pauses_and_says_at_which_offset() -> None:
    me, r, effects = paused_primary()
    assert of_kind(effects, PauseWrites) == [PauseWrites(me.now_ms + 10_000)]
    (ping,) = sent(effects, Kind.PING)
    assert (ping.offset, ping.mflags & PAUSED) == (500, PAUSED)
    assert f"Manual failover requested by replica {r.id} ()." in logged(effects)


def test_it_goes_on_saying_so() -> None:
    me, r, _ = paused_primary()
    assert len(sent(me.passes(0.5), Kind.PING)) >= 5


def test_only_my_own_replica_can_pause_me() -> None:
    me = Core()
    a = me.meets("a")
    assert not of_kind(me.hears(a, Kind.MFSTART), PauseWrites)


def test_the_pause_ends_when_the_replica_has_won() -> None:
    me, r, _ = paused_primary()
    r.replica_of, r.slots, r.config_epoch = "", me.myself.slots, 9
    effects = me.hears(r, Kind.PING)
    assert of_kind(effects, Follow) and of_kind(effects, ResumeWrites)


def test_the_pause_ends_when_nothing_comes_of_it() -> None:
    me, r, _ = paused_primary()
    assert of_kind(me.lives(5.2, r), ResumeWrites)


def test_the_pause_ends_when_the_replica_is_forgotten() -> None:
    me, r, _ = paused_primary()
    assert of_kind(me.orders("forget", r.id), ResumeWrites)
