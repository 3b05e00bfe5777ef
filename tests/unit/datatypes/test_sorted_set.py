"""A sorted set against a sorted list of pairs: order, ranks and ranges, small and big."""

from bisect import bisect_left, bisect_right
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pycluster.datatypes.big_dict import SMALL, BigDict
from pycluster.datatypes.score_order import FULL
from pycluster.datatypes.sorted_set import SortedSet

MEMBERS = st.binary(max_size=2)
SCORES = st.sampled_from([-inf, -2.5, -1.0, 0.0, 1.0, 1.5, 2.0, 1e300, inf]) | st.floats(-10, 10)


class LikeSortedPairs(RuleBasedStateMachine):
    """Whatever is done to both, a SortedSet answers as a dict that is sorted each time."""

    def __init__(self) -> None:
        super().__init__()
        self.zset = SortedSet()
        self.plain: dict[bytes, float] = {}

    @initialize(count=st.sampled_from([0, 0, 400, 1500]), modulus=st.sampled_from([1, 7, 10_000]))
    def fill(self, count: int, modulus: int) -> None:
        for number in range(count):
            self.put(b"m%d" % (number * 7919 % count), float(number * 31 % modulus))

    def pairs(self) -> list[tuple[float, bytes]]:
        return sorted((score, member) for member, score in self.plain.items())

    @rule(member=MEMBERS, score=SCORES)
    def put(self, member: bytes, score: float) -> None:
        assert self.zset.put(member, score) == self.plain.get(member)
        self.plain[member] = score

    @rule(score=SCORES, count=st.integers(1, 600))
    def put_many(self, score: float, count: int) -> None:
        for number in range(count):
            self.put(b"n%d" % number, score)

    @rule(member=MEMBERS)
    def remove(self, member: bytes) -> None:
        assert self.zset.remove(member) == (self.plain.pop(member, None) is not None)

    @rule(start=st.floats(0, 1), stop=st.floats(0, 1))
    def remove_slice(self, start: float, stop: float) -> None:
        first, last = int(start * len(self.plain)), int(stop * len(self.plain))
        expected = [(member, score) for score, member in self.pairs()[first:last]]
        assert self.zset.remove_slice(first, last) == expected
        for member, _ in expected:
            del self.plain[member]

    @rule(start=st.floats(0, 1), stop=st.floats(0, 1))
    def slice(self, start: float, stop: float) -> None:
        first, last = int(start * len(self.plain)), int(stop * len(self.plain))
        pairs = self.pairs()[first:last]
        assert self.zset.slice(first, last) == [(member, score) for score, member in pairs]
        assert self.zset.slice_members(first, last) == [member for _, member in pairs]

    @rule(score=SCORES, behind=st.booleans())
    def rank_of_score(self, score: float, behind: bool) -> None:
        scores = [score for score, _ in self.pairs()]
        assert self.zset.rank_of_score(score, behind) == (bisect_right if behind else bisect_left)(scores, score)

    @precondition(lambda self: len(set(self.plain.values())) == 1)
    @rule(member=MEMBERS, behind=st.booleans())
    def rank_of_member(self, member: bytes, behind: bool) -> None:
        members = [member for _, member in self.pairs()]
        assert self.zset.rank_of_member(member, behind) == (bisect_right if behind else bisect_left)(members, member)

    @rule(member=MEMBERS)
    def rank(self, member: bytes) -> None:
        members = [other for _, other in self.pairs()]
        assert self.zset.rank(member) == (members.index(member) if member in self.plain else None)

    @rule()
    def copy(self) -> None:
        self.zset = self.zset.copy()

    @rule()
    def iterate(self) -> None:
        assert [(score, member) for member, score in self.zset.items()] == self.pairs()

    @invariant()
    def is_the_same(self) -> None:
        assert len(self.zset) == len(self.plain)
        assert dict(self.zset.scores.items()) == self.plain

    @invariant()
    def its_order_is_sound(self) -> None:
        order = self.zset.order
        if order is None:
            assert len(self.plain) <= SMALL
            return
        assert [(score, member) for member, score in order.items()] == self.pairs()
        assert order.lengths == [len(scores) for scores in order.scores] == [len(names) for names in order.members]
        assert order.count == sum(order.lengths)
        assert max(order.lengths) <= FULL
        assert len(order.cut_scores) == len(order.cut_members) == len(order.lengths) - 1
        for number, cut in enumerate(zip(order.cut_scores, order.cut_members, strict=True)):
            assert (order.scores[number][-1], order.members[number][-1]) < cut
            assert cut <= (order.scores[number + 1][0], order.members[number + 1][0])


TestLikeSortedPairs = LikeSortedPairs.TestCase
TestLikeSortedPairs.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def numbered(count: int) -> SortedSet:
    return SortedSet((b"%d" % number, float(number)) for number in range(count))


def test_put_returns_the_score_there_was() -> None:
    zset = SortedSet()
    assert zset.put(b"a", 1.0) is None
    assert zset.put(b"a", 2.0) == 1.0


def test_equal_scores_are_ordered_by_bytes() -> None:
    zset = SortedSet([(b"b", 1.0), (b"aa", 1.0), (b"B", 1.0), (b"a", 1.0)])
    assert zset.slice_members(0, 4) == [b"B", b"a", b"aa", b"b"]


def test_minus_zero_becomes_zero() -> None:
    zset = SortedSet()
    zset.put(b"a", -0.0)
    assert str(zset.scores[b"a"]) == "0.0"


def test_a_small_set_that_is_only_written_to_has_no_order() -> None:
    zset = numbered(SMALL)
    assert zset.order is None
    assert zset.rank(b"3") == 3
    assert zset.order is not None


def test_a_set_that_grows_gets_its_order_and_a_big_dict() -> None:
    zset = numbered(SMALL + 1)
    assert zset.order is not None
    assert zset.scores.__class__ is BigDict


def test_members_that_come_in_order_fill_their_blocks() -> None:
    zset = numbered(10 * FULL)
    assert zset.order is not None
    assert set(zset.order.lengths) == {FULL}


@pytest.mark.parametrize("rising", [True, False])
def test_ranks_stay_right_between_reads_and_writes(rising: bool) -> None:
    zset = numbered(3000)
    for number in range(0, 3000, 100) if rising else range(2900, -1, -100):
        zset.put(b"new%d" % number, number - 0.5)
        rank = zset.rank(b"new%d" % number)
        assert rank is not None
        assert zset.slice_members(rank, rank + 2) == [b"new%d" % number, b"%d" % number]


def test_a_set_can_run_empty_and_begin_again() -> None:
    zset = numbered(2000)
    zset.remove_slice(0, 2000)
    assert len(zset) == 0
    assert list(zset.items()) == []
    zset.put(b"a", 1.0)
    assert zset.slice(0, 1) == [(b"a", 1.0)]


def test_sets_with_the_same_scores_are_equal() -> None:
    one, other = numbered(600), numbered(601)
    assert one != other
    other.remove(b"600")
    assert one == other


def test_a_copy_goes_its_own_way() -> None:
    zset = numbered(600)
    twin = zset.copy()
    twin.remove_slice(0, 600)
    assert len(zset) == 600
    assert zset.rank(b"599") == 599


def test_what_was_removed_is_remembered() -> None:
    zset = SortedSet([(b"a long member", 1.0), (b"a", 2.0), (b"b", 3.0)])
    zset.remove_slice(0, 2)
    zset.remove(b"b")
    assert (zset.most, zset.longest) == (3, 13)
