"""Big things are freed a bite at a time, and what somebody still holds not at all."""

from collections.abc import Callable
from typing import Any

import pytest

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.keyspace.database import Database
from pycluster.keyspace.freeing import BITE, MANY, Freeing

MEMBERS = [b"%d" % number for number in range(5000)]


def always() -> bool:
    return True


def work_off(freeing: Freeing) -> int:
    """Works to the end; in how many slices?"""
    slices = 1
    while freeing.work(always):
        slices += 1
    return slices


@pytest.mark.parametrize("make", [
    Set, List, lambda members: Hash((m, m) for m in members), lambda members: SortedSet((m, 1.0) for m in members)
])  # fmt: skip
def test_a_big_value_goes_in_slices(make: Callable[[Any], Any]) -> None:
    freeing = Freeing()
    freeing.take(make(MEMBERS))
    assert (freeing.pending, freeing.freed) == (1, 0)
    assert work_off(freeing) >= len(MEMBERS) // BITE // 4
    assert (freeing.pending, freeing.freed) == (0, 1)


@pytest.mark.parametrize("small", [b"x" * 1_000_000, Set(MEMBERS[:MANY]), List(MEMBERS[:MANY])])
def test_a_small_value_is_no_matter(small: object) -> None:
    freeing = Freeing()
    freeing.take(small)
    assert freeing.pending == 0


def test_somebody_is_woken_when_there_is_work() -> None:
    woken: list[bool] = []
    freeing = Freeing(lambda: woken.append(True))
    freeing.take(Set(MEMBERS))
    freeing.take(Set(MEMBERS))
    assert woken == [True]


def test_what_has_another_holder_is_left_alone() -> None:
    freeing, value = Freeing(), Set(MEMBERS)
    freeing.take(value)
    work_off(freeing)
    assert (len(value), freeing.pending, freeing.freed) == (len(MEMBERS), 0, 0)


def test_a_renamed_value_lives_on() -> None:
    db = Database()
    db.put(b"a", Set(MEMBERS))
    value = db.lookup_to_change(b"a")
    db.delete(b"a")
    db.put(b"b", value)
    del value
    work_off(db.keyspace.freeing)
    assert len(db.peek(b"b")) == len(MEMBERS)


@pytest.mark.parametrize("slots", [1, 16384])
def test_a_flushed_database_is_empty_at_once_and_freed_later(slots: int) -> None:
    db = Database(0, slots)
    for member in MEMBERS:
        db.enter_slot_of(member)
        db.put(member, b"value")
        db.set_deadline(member, 1)
    assert db.flush() == len(MEMBERS)
    assert (db.size(), list(db.keys()), dict(db.volatile)) == (0, [], {})
    freeing = db.keyspace.freeing
    assert freeing.pending == len(MEMBERS)
    assert work_off(freeing) > 10
    assert (freeing.pending, freeing.freed) == (0, len(MEMBERS))


def test_a_flushed_database_frees_big_values_in_slices_too() -> None:
    db = Database(0, 16384)
    db.put(b"big", Set(MEMBERS))
    db.flush()
    assert work_off(db.keyspace.freeing) > 10
