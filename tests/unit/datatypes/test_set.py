"""A set behaves as a Python set, small or big; the algebra agrees with Python's; its past decides its encoding."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from pycluster.datatypes.big_dict import SMALL, BigDict
from pycluster.datatypes.set import Set, difference, intersection, union

MEMBERS = st.sampled_from([b"a", b"b", b"c", b"1", b"-2", b"03"])


def test_add_says_whether_the_member_is_new() -> None:
    members = Set()
    assert members.add(b"a")
    assert not members.add(b"a")
    assert b"a" in members.members


@given(st.lists(st.tuples(MEMBERS, st.booleans())))
def test_it_is_a_set_of_its_members(changes: list[tuple[bytes, bool]]) -> None:
    members, plain = Set(), set()
    for member, add in changes:
        if add:
            assert members.add(member) == (member not in plain)
            plain.add(member)
        else:
            assert members.remove(member) == (member in plain)
            plain.discard(member)
    assert len(members) == len(plain)
    assert set(members) == plain


def test_it_grows_into_a_big_dict_and_stays_a_set() -> None:
    members = Set(b"%d" % number for number in range(SMALL))
    assert members.members.__class__ is dict
    assert members.add(b"one more")
    assert members.members.__class__ is BigDict
    assert not members.add(b"0")
    assert members.remove(b"1")
    assert len(members) == SMALL


def test_sets_with_the_same_members_are_equal() -> None:
    assert Set([b"a", b"b"]) == Set([b"b", b"a"])
    assert Set([b"a"]) != Set([b"b"])


def test_a_copy_goes_its_own_way() -> None:
    members = Set([b"a"])
    twin = members.copy()
    twin.add(b"b")
    assert list(members) == [b"a"]


@given(st.lists(st.sets(MEMBERS), min_size=1, max_size=4))
def test_the_algebra_is_that_of_sets(plain: list[set[bytes]]) -> None:
    sets = [Set(sorted(members)) for members in plain]
    assert sorted(intersection(sets)) == sorted(set.intersection(*plain))
    assert sorted(union(sets)) == sorted(set.union(*plain))
    assert sorted(difference(sets[0], sets[1:])) == sorted(plain[0].difference(*plain[1:]))


def test_big_and_small_sets_mix_in_the_algebra() -> None:
    big, small = Set(b"%d" % number for number in range(2000)), Set([b"7", b"1999", b"x"])
    assert list(intersection([big, small])) == [b"7", b"1999"]
    assert list(difference(small, [big])) == [b"x"]
    assert len(union([big, small])) == 2001


def test_an_intersection_is_found_one_by_one() -> None:
    big = Set(b"%d" % number for number in range(2000))
    assert len(list(islice(intersection([big, big.copy()]), 3))) == 3


def test_a_member_that_is_no_integer_is_remembered() -> None:
    members = Set([b"1", b"2", b"3"])
    assert members.integers
    members.add(b"01")
    members.remove(b"01")
    assert not members.integers
    assert members.copy().integers is False


def test_numbers_of_members_are_remembered_apart_for_integers_and_later() -> None:
    members = Set([b"1", b"2", b"3", b"4"])
    members.remove(b"1")
    members.remove(b"2")
    members.add(b"long one")
    members.remove(b"long one")
    assert (members.most_integers, members.most, members.longest) == (4, 3, 8)
