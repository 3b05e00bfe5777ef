"""Who may go on from where: ids and offsets."""

from pycluster.replication.history import NO_ID, History

A, B, C = "a" * 40, "b" * 40, "c" * 40


def test_a_stream_covers_every_offset_of_its_own_id() -> None:
    history = History(A, offset=100)
    assert history.covers(A, 1) and history.covers(A.upper(), 1000) and not history.covers(B, 1)


def test_after_a_promotion_the_old_id_is_good_up_to_the_next_byte() -> None:
    history = History(A, offset=50)
    history.rename(B)
    assert (history.id, history.old_id, history.old_until) == (B, A, 51)
    assert history.covers(A, 51) and not history.covers(A, 52)


def test_of_two_promotions_only_the_last_is_remembered() -> None:
    history = History(A, offset=50)
    history.rename(B)
    history.offset = 70
    history.rename(C)
    assert history.covers(B, 71) and not history.covers(A, 10)


def test_a_full_sync_forgets_every_earlier_past() -> None:
    history = History(A, offset=50)
    history.rename(B)
    history.adopt(C, 7)
    assert (history.id, history.offset, history.old_id, history.old_until) == (C, 7, NO_ID, -1)
    assert not history.covers(B, 1)


def test_nobody_goes_on_from_no_id() -> None:
    assert not History(A).covers(NO_ID, 1)
