"""BigDict against a plain dict, its walks under change, its fairness, and hashes that somebody made."""

from collections import Counter
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from pycluster.datatypes.big_dict import (
    FULL,
    HASH_BITS,
    SMALL,
    BigDict,
    equal,
    grown,
    random_key,
    random_keys,
    random_keys_with_repeats,
    scan,
)


def numbered(count: int) -> list[bytes]:
    return [b"member:%d" % number for number in range(count)]


def big(count: int) -> BigDict[int]:
    return BigDict((key, number) for number, key in enumerate(numbered(count)))


def walk(mapping: BigDict[int], count: int = 10) -> list[bytes]:
    cursor, found = mapping.scan(0, count)
    while cursor:
        cursor, more = mapping.scan(cursor, count)
        found += more
    return found


class Chosen(bytes):
    """A key whose hash is the number it shows: only what stands before the colon counts."""

    def __hash__(self) -> int:
        return int(self.split(b":")[0], 16)


class LikeADict(RuleBasedStateMachine):
    """Whatever is done to both, a BigDict answers as a dict."""

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.big: BigDict[int] = BigDict()
        self.plain: dict[bytes, int] = {}

    @rule(target=keys, number=st.integers(0, 2000))
    def name(self, number: int) -> bytes:
        return b"key:%d" % number

    @rule(start=st.integers(0, 2000), count=st.integers(1, 700))
    def put_many(self, start: int, count: int) -> None:
        for number in range(start, start + count):
            self.big[b"key:%d" % number] = self.plain[b"key:%d" % number] = number

    @rule(start=st.integers(0, 2000), count=st.integers(1, 700))
    def pop_many(self, start: int, count: int) -> None:
        for number in range(start, start + count):
            assert self.big.pop(b"key:%d" % number, None) == self.plain.pop(b"key:%d" % number, None)

    @rule(key=keys, value=st.integers())
    def put(self, key: bytes, value: int) -> None:
        self.big[key] = self.plain[key] = value

    @rule(key=keys)
    def look_up(self, key: bytes) -> None:
        assert self.big.get(key) == self.plain.get(key)
        assert (key in self.big) == (key in self.plain)

    @rule()
    def copy(self) -> None:
        self.big = self.big.copy()

    @rule()
    def clear(self) -> None:
        self.big.clear()
        self.plain.clear()

    @rule(count=st.integers(1, 300))
    def walk_all(self, count: int) -> None:
        assert Counter(walk(self.big, count)) == Counter(list(self.plain))

    @invariant()
    def is_the_same(self) -> None:
        assert len(self.big) == len(self.plain)
        assert dict(self.big.items()) == self.plain
        assert sorted(self.big) == sorted(self.plain)

    @invariant()
    def its_directory_is_sound(self) -> None:
        assert len(self.big.table) == len(self.big.depths) == 1 << self.big.depth
        assert self.big.deepest == self.big.depths.count(self.big.depth) > 0
        for place, (members, depth) in enumerate(zip(self.big.table, self.big.depths, strict=True)):
            first = place >> self.big.depth - depth << self.big.depth - depth
            assert self.big.table[first] is members
            assert len(members) <= FULL + 1


TestLikeADict = LikeADict.TestCase
TestLikeADict.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_a_missing_key_is_a_key_error() -> None:
    mapping = big(1000)
    with pytest.raises(KeyError):
        mapping[b"nobody"]
    with pytest.raises(KeyError):
        mapping.pop(b"nobody")
    with pytest.raises(KeyError):
        del mapping[b"nobody"]


def test_del_takes_a_key_out() -> None:
    mapping = big(1000)
    del mapping[b"member:7"]
    assert b"member:7" not in mapping
    assert len(mapping) == 999


def test_a_copy_goes_its_own_way() -> None:
    mapping = big(1000)
    twin = mapping.copy()
    twin[b"member:7"] = -1
    twin.pop(b"member:8")
    assert mapping[b"member:7"] == 7
    assert mapping[b"member:8"] == 8


@pytest.mark.parametrize("count", [0, 1, 600, 5000])
def test_room_can_be_made_beforehand(count: int) -> None:
    roomy, plain = BigDict[int].sized(5000), big(count)
    places = len(roomy.table)
    assert [roomy.add(key, number) for number, key in enumerate(numbered(count))] == [True] * count
    assert roomy == plain and len(roomy.table) == places
    assert sorted(walk(roomy)) == sorted(plain)
    assert all(roomy.add(key, 0) is False for key in numbered(count))


def test_room_that_was_made_beforehand_goes_when_it_is_not_needed() -> None:
    roomy = BigDict[int].sized(5000)
    roomy.update((key, 0) for key in numbered(5000))
    for key in numbered(5000):
        del roomy[key]
    assert len(roomy.table) == 1 and not roomy


def test_a_mapping_that_empties_gives_its_directory_back() -> None:
    mapping = big(50_000)
    assert len(mapping.table) > 300
    for key in numbered(50_000):
        mapping.pop(key)
    assert len(mapping.table) == 1


def test_a_walk_meets_everything_that_stays_while_others_come_and_go() -> None:
    mapping, random = big(3000), Random(7)
    others = [b"other:%d" % number for number in range(20_000)]
    cursor, met = mapping.scan(0, 10)
    for step in range(2000):
        for key in random.sample(others, 60):
            mapping[key] = step
        for key in random.sample(others, 60 if step % 400 < 200 else 2000):
            mapping.pop(key, None)
        if not cursor:
            break
        cursor, more = mapping.scan(cursor, 10)
        met += more
    assert not cursor
    assert set(numbered(3000)) <= set(met)


def test_a_step_returns_about_as_many_as_asked_for() -> None:
    _, found = big(10_000).scan(0, 1000)
    assert 1000 <= len(found) <= 1000 + FULL


@pytest.mark.parametrize("cursor", [1, 12345, 1 << HASH_BITS, (1 << 64) - 1])
def test_any_cursor_is_taken(cursor: int) -> None:
    following, _ = big(10_000).scan(cursor, 10)
    assert 0 <= following < 1 << HASH_BITS


def test_each_key_is_as_likely_as_the_other() -> None:
    # Hashes that fill one half of the directory four times as densely: dicts of different depth and size.
    hashes = [number * 0x9E3779B1 % (1 << 31) | (number % 5 == 0) << 31 for number in range(600)]
    mapping: BigDict[None] = BigDict((Chosen(b"%x:%d" % (of, number)), None) for number, of in enumerate(hashes))
    assert len(set(mapping.depths)) > 1
    random = Random(3)
    thrown = Counter(mapping.random_key(random) for _ in range(60_000))
    assert len(thrown) == 600
    assert min(thrown.values()) > 50  # 100 is the mean, 10 the deviation
    assert max(thrown.values()) < 150


def test_equal_hashes_do_not_double_the_directory_for_ever() -> None:
    mapping: BigDict[int] = BigDict((Chosen(b"ab12cd34:%d" % number), number) for number in range(5000))
    assert len(mapping.table) <= 5000
    assert [mapping[Chosen(b"ab12cd34:%d" % number)] for number in (0, 4999)] == [0, 4999]
    assert len(walk(mapping)) == 5000


def test_keys_of_one_crowded_dict_can_all_be_thrown() -> None:
    mapping: BigDict[None] = BigDict((Chosen(b"ab12cd34:%d" % number), None) for number in range(300))
    random = Random(5)
    assert len({mapping.random_key(random) for _ in range(6000)}) == 300


@pytest.mark.parametrize("count", [1, SMALL, 5000])
def test_either_kind_scans_throws_and_compares(count: int) -> None:
    plain = dict.fromkeys(numbered(count), 1)
    mapping = grown(plain)
    assert (mapping.__class__ is dict) == (count <= SMALL)
    assert equal(mapping, plain)
    assert random_key(mapping, Random(1)) in plain
    cursor, found = scan(mapping, 0, count)
    assert cursor or sorted(found) == sorted(plain)


def test_mappings_with_other_values_or_keys_differ() -> None:
    assert big(1000) != big(1001)
    assert not equal({b"a": 1}, {b"a": 2})
    assert not equal({b"a": 1}, {b"b": 1})
    assert big(3) == {b"member:0": 0, b"member:1": 1, b"member:2": 2}


@pytest.mark.parametrize("size", [10, 5000])
@pytest.mark.parametrize("count", [0, 1, 5, 4000, 9000])
def test_random_keys_differ_and_are_as_many_as_asked_for(size: int, count: int) -> None:
    mapping = grown(dict.fromkeys(numbered(size), 1))
    found = random_keys(mapping, count, Random(1))
    assert len(set(found)) == len(found) == min(size, count)
    assert all(key in mapping for key in found)


@pytest.mark.parametrize("size", [10, 5000])
@pytest.mark.parametrize("count", [0, 1, 5, 9000])
def test_random_keys_with_repeats_are_exactly_as_many(size: int, count: int) -> None:
    mapping = grown(dict.fromkeys(numbered(size), 1))
    found = random_keys_with_repeats(mapping, count, Random(1))
    assert len(found) == count
    assert all(key in mapping for key in found)
