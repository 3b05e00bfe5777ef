"""Sorted set commands as functions: records, events and waits."""

from collections.abc import Callable

import pytest

from pycluster.commands.sorted_set_algebra import zinterstore, zunion, zunionstore
from pycluster.commands.sorted_set_ranges import zrange, zrangestore, zremrangebyrank
from pycluster.commands.sorted_set_waits import bzmpop, bzpopmax, bzpopmin
from pycluster.commands.sorted_sets import zadd, zincrby, zmpop, zpopmin, zrandmember, zscore
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import NotAFloat, OutOfRange, ScoreNotANumber
from pycluster.protocol.replies import Pairs, Wait
from tests.unit.commands.witness import Witness


def with_zset(*members: bytes) -> Witness:
    witness = Witness()
    witness.db.put(b"z", SortedSet((member, float(score)) for score, member in enumerate(members)))
    return witness


def test_an_unchanged_score_is_no_change() -> None:
    witness = with_zset(b"a")
    assert witness.see(zadd, b"z", b"0", b"a") == 0
    assert witness.events == []
    assert witness.see(zadd, b"z", b"1", b"a") == 0
    assert witness.events == ["zadd z"]


def test_a_bad_score_anywhere_changes_nothing() -> None:
    witness = Witness()
    with pytest.raises(NotAFloat):
        witness.see(zadd, b"z", b"1", b"a", b"x", b"b")
    assert witness.db.size() == 0


def test_an_increment_to_no_number_changes_nothing() -> None:
    witness = with_zset(b"a")
    witness.see(zincrby, b"z", float("inf"), b"a")
    assert witness.events == ["zincr z"]
    with pytest.raises(ScoreNotANumber):
        witness.see(zincrby, b"z", float("-inf"), b"a")
    assert zscore(witness.db, b"z", b"a") == float("inf")


@pytest.mark.parametrize(
    "pop, reply, record", [(bzpopmin, [b"z", b"a", 0.0], b"ZPOPMIN"), (bzpopmax, [b"z", b"c", 2.0], b"ZPOPMAX")]
)
def test_a_blocking_pop_that_need_not_wait_is_recorded_as_a_pop(
    pop: Callable[..., object], reply: object, record: bytes
) -> None:
    witness = with_zset(b"a", b"b", b"c")
    assert witness.see(pop, b"none", b"z", b"0") == reply
    assert witness.records == [[record, b"z"]]


def test_pops_from_several_are_recorded_with_the_number_popped() -> None:
    witness = with_zset(b"a", b"b", b"c")
    assert witness.see(zmpop, 2, b"none", b"z", b"min", b"COUNT", b"2") == [b"z", [(b"a", 0.0), (b"b", 1.0)]]
    assert witness.records == [[b"ZPOPMIN", b"z", b"2"]]
    assert witness.see(bzmpop, b"0", 1, b"z", b"MAX", b"COUNT", b"9") == [b"z", [(b"c", 2.0)]]
    assert witness.records == [[b"ZPOPMAX", b"z", b"1"]]
    assert witness.events == ["zpopmax z", "del z"]


def test_blocking_pops_wait_for_sorted_sets() -> None:
    assert bzpopmin(Database(), b"a", b"b", b"1.5") == Wait([b"a", b"b"], SortedSet, 1.5)
    assert bzmpop(Database(), b"0", 1, b"a", b"MIN") == Wait([b"a"], SortedSet, 0)


def test_a_pop_without_a_count_is_flat_and_one_with_a_count_is_pairs() -> None:
    witness = with_zset(b"a", b"b")
    assert witness.see(zpopmin, b"z") == [b"a", 0.0]
    popped = witness.see(zpopmin, b"z", b"1")
    assert popped == [(b"b", 1.0)]
    assert isinstance(popped, Pairs)


def test_a_stored_range_replaces_whatever_was_there() -> None:
    witness = with_zset(b"a", b"b")
    witness.db.put(b"d", b"a string")
    witness.db.set_deadline(b"d", 10)
    assert witness.see(zrangestore, b"d", b"z", b"0", b"0") == 1
    assert witness.events == ["zrangestore d"]
    assert witness.db.deadline(b"d") is None
    assert witness.see(zrangestore, b"d", b"z", b"5", b"6") == 0
    assert witness.events == ["del d"]


def test_stored_algebra_tells_of_its_destination() -> None:
    witness = with_zset(b"a", b"b")
    assert witness.see(zunionstore, b"d", b"1", b"z") == 2
    assert witness.events == ["zunionstore d"]
    assert witness.see(zinterstore, b"d", b"2", b"z", b"none") == 0
    assert witness.events == ["del d"]


def test_a_removed_range_tells_of_the_key_when_nothing_is_left() -> None:
    witness = with_zset(b"a", b"b")
    assert witness.see(zremrangebyrank, b"z", 1, 5) == 1
    assert witness.events == ["zremrangebyrank z"]
    assert witness.see(zremrangebyrank, b"z", 0, 5) == 1
    assert witness.events == ["zremrangebyrank z", "del z"]
    assert witness.see(zremrangebyrank, b"z", 0, 5) == 0
    assert witness.events == []


def test_sums_are_made_from_the_smallest_set_on() -> None:
    # 1e16 + 1 is 1e16 again, twice: which scores are added first shows.
    db = Database()
    db.put(b"large", SortedSet([(b"a", 1e16), (b"b", 0.0), (b"c", 0.0)]))
    db.put(b"one", SortedSet([(b"a", 1.0)]))
    db.put(b"two", SortedSet([(b"a", 1.0), (b"b", 0.0)]))
    assert zunion(db, b"3", b"large", b"one", b"two", b"WITHSCORES")[-1] == (b"a", 1e16 + 2)  # type: ignore[index]


def test_the_reply_of_zrange_does_not_change_with_the_set() -> None:
    witness = with_zset(b"a", b"b")
    reply = zrange(witness.db, b"z", b"0", b"-1")
    witness.see(zpopmin, b"z")
    assert reply == [b"a", b"b"]


def test_a_sample_that_would_take_all_memory_is_refused() -> None:
    with pytest.raises(OutOfRange):
        zrandmember(with_zset(b"a").db, b"z", b"-9000000000000")
