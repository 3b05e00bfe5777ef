"""The algebra of sorted sets: weights, aggregates, plain sets among them, and what infinities come to."""

from collections.abc import Callable
from itertools import islice
from math import inf

import pytest

from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.sorted_set_algebra import Source, add, difference, higher, intersection, lower, union

A = SortedSet([(b"x", 1.0), (b"y", 2.0), (b"z", 3.0)])
B = SortedSet([(b"y", 10.0), (b"z", -20.0), (b"w", 30.0)])
PLAIN = Set([b"x", b"w"])


def test_a_union_has_all_members_with_their_sums() -> None:
    assert dict(union([Source(A), Source(B)], add)) == {b"x": 1, b"y": 12, b"z": -17, b"w": 30}


def test_an_intersection_has_the_common_members() -> None:
    assert dict(intersection([Source(A), Source(B)], add)) == {b"y": 12, b"z": -17}


def test_a_difference_keeps_the_scores_of_the_first() -> None:
    assert dict(difference([Source(A), Source(B), Source(PLAIN)])) == {}
    assert dict(difference([Source(A), Source(B)])) == {b"x": 1}
    assert dict(difference([Source(PLAIN), Source(A)])) == {b"w": 1}


@pytest.mark.parametrize("aggregate, score", [(add, 0.0), (lower, -10.0), (higher, 10.0)])
def test_scores_are_weighted_first(aggregate: Callable[[float, float], float], score: float) -> None:
    pairs = dict(union([Source(A, 5.0), Source(B, -1.0)], aggregate))
    assert pairs[b"y"] == score


def test_members_of_plain_sets_have_the_score_1() -> None:
    assert dict(union([Source(PLAIN, 2.0), Source(A)], add)) == {b"x": 3, b"y": 2, b"z": 3, b"w": 2}
    assert dict(intersection([Source(A), Source(PLAIN, 7.0)], add)) == {b"x": 8}


def test_where_no_number_comes_out_the_score_is_0() -> None:
    endless, negative = SortedSet([(b"a", inf)]), SortedSet([(b"a", -inf)])
    assert dict(union([Source(endless), Source(negative)], add)) == {b"a": 0}
    assert dict(union([Source(endless, 0.0)], add)) == {b"a": 0}


def test_the_sources_stay_as_they_are() -> None:
    dict(union([Source(A, 5.0), Source(B)], add))
    assert A.scores == {b"x": 1.0, b"y": 2.0, b"z": 3.0}


def test_an_intersection_is_found_one_by_one() -> None:
    big = SortedSet((b"%d" % number, 1.0) for number in range(2000))
    assert len(list(islice(intersection([Source(big), Source(big.copy())], add), 3))) == 3
