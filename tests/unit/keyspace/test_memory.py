"""What values and keyspaces take, against what Python says of each object."""

from itertools import count
from random import Random
from sys import getsizeof

import pytest

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Stream
from pycluster.datatypes.stream_group import Group
from pycluster.keyspace.database import Database
from pycluster.keyspace.memory import LARGE, ROUNDING, Survey, size_of, size_of_key


def never() -> bool:
    return False


def after(steps: int):  # type: ignore[no-untyped-def]
    """Says stop after so many dicts."""
    passed = count(1)
    return lambda: next(passed) >= steps


def filled(keys: int, slots: int = 1, length: int = 100) -> Database:
    db = Database(0, slots)
    random = Random(5)
    for number in range(keys):
        key = b"key:%d" % number
        db.enter_slot_of(key)
        db.put(key, random.randbytes(random.randrange(2 * length)))
        db.changed(key, "set")
    db.journal.commit(0, [])
    return db


# One value


def test_a_string_takes_what_its_object_does() -> None:
    assert size_of(b"x" * 1000) == getsizeof(b"x" * 1000) + ROUNDING


@pytest.mark.parametrize("make", [
    lambda members: Hash((member, member) for member in members), Set, List,
    lambda members: SortedSet((member, 1.5) for member in members),
])  # fmt: skip
@pytest.mark.parametrize("size", [10, 5000])
def test_a_collection_takes_more_than_its_members(make, size: int) -> None:  # type: ignore[no-untyped-def]
    members = [b"member:%04d" % number for number in range(size)]
    least = sum(map(getsizeof, members))
    assert least < size_of(make(members), None) < 6 * least


def test_some_members_speak_for_all() -> None:
    value = Set([b"member:%05d" % number for number in range(20000)])
    assert size_of(value) == pytest.approx(size_of(value, None), rel=0.2)


def test_entries_of_a_stream_share_the_names_of_their_fields() -> None:
    stream = Stream()
    for id in range(1, 2001):
        stream.add(id, (b"a long name of a field", b"%010d" % id))
    assert 2000 * (getsizeof(b"0123456789") + getsizeof((1, 2))) < size_of(stream, None) < 2000 * 200
    assert size_of(stream) == pytest.approx(size_of(stream, None), rel=0.1)


def test_entries_that_wait_for_an_acknowledgement_take_more() -> None:
    stream = Stream()
    stream.add(1, (b"field", b"value"))
    before = size_of(stream)
    group = stream.groups[b"group"] = Group()
    group.assign(1, group.add_consumer(b"consumer", 0), 0)
    assert before + 200 < size_of(stream) < before + 1000


def test_an_order_holds_no_members_of_its_own() -> None:
    value = SortedSet((b"%05d" % number, float(number)) for number in range(300))
    before = size_of(value, None)
    value.in_order()
    assert before < size_of(value, None) < before * 1.3


def test_a_key_that_is_not_there_takes_nothing() -> None:
    db = Database()
    assert size_of_key(db, b"nosuch") == 0
    db.put(b"key", b"value")
    without_deadline = size_of_key(db, b"key")
    db.set_deadline(b"key", 1)
    assert 0 < without_deadline < size_of_key(db, b"key")


# All keys


@pytest.mark.parametrize("slots", [1, 16384])
def test_a_small_keyspace_is_added_up_in_one_step(slots: int) -> None:
    db = filled(1000, slots)
    survey = Survey([db])
    assert survey.step(never)
    everything = sum(getsizeof(key) + getsizeof(value) for slot in db.slots for key, value in slot.items())
    assert everything < survey.size() < everything * 3


@pytest.mark.parametrize("slots", [1, 16384])
def test_a_stretch_of_the_walk_tells_of_the_whole(slots: int) -> None:
    db = filled(20000, slots)
    whole, part = Survey([db]), Survey([db])
    whole.step(never)
    assert not part.step(after(40 if slots == 1 else 2000))
    assert part.size() == pytest.approx(whole.size(), rel=0.1)


def test_it_falls_with_deletions_before_the_walk_comes_round() -> None:
    db = filled(5000)
    survey = Survey([db])
    survey.step(never)
    before = survey.size()
    for number in range(0, 5000, 2):
        db.delete(b"key:%d" % number)
    assert survey.size() == pytest.approx(before / 2, rel=0.05)


def test_nothing_takes_nothing() -> None:
    db = filled(5000)
    survey = Survey([db])
    survey.step(never)
    db.flush()
    assert survey.size() == 0


def test_a_large_value_is_counted_once_and_gone_when_it_goes() -> None:
    db = filled(2000)
    survey = Survey([db])
    survey.step(never)
    before = survey.size()
    db.put(b"large", b"x" * 10 * LARGE)
    db.changed(b"large", "set")
    db.journal.commit(0, [])
    survey.step(never)
    assert survey.size() - before == pytest.approx(10 * LARGE, rel=0.01)
    db.delete(b"large")
    survey.step(never)
    assert survey.size() == pytest.approx(before, rel=0.01)


def test_a_walk_survives_whatever_happens_meanwhile() -> None:
    db = filled(20000)
    survey, random = Survey([db]), Random(1)
    for turn in range(300):
        for _ in range(100):
            number = random.randrange(40000)
            if turn < 200:
                db.put(b"key:%d" % number, b"x" * 100)
            else:
                db.delete(b"key:%d" % number)
            db.journal.changes += 1
        survey.step(after(3))
    exact = Survey([db])
    exact.step(never)
    assert survey.size() == pytest.approx(exact.size(), rel=0.15)


def test_a_walk_does_not_go_on_in_a_database_that_was_flushed() -> None:
    db = filled(20000)
    survey = Survey([db])
    survey.step(after(3))
    db.flush()
    db.put(b"large", Set([b"%d" % number for number in range(20000)]))
    db.changed(b"large", "sadd")
    survey.step(never)
    survey.step(never)
    assert survey.size() == pytest.approx(size_of(db.peek(b"large")), rel=0.01)
