"""The counter of LFU policies, as Redis' rises and falls."""

from random import Random

from pycluster.keyspace import accesses
from pycluster.keyspace.accesses import FIRST_COUNT, HIGHEST_COUNT, counted, frequency
from pycluster.keyspace.database import Database

MINUTE = 60_000


def used(times: int, log_factor: int = 10) -> int:
    random, entry = Random(3), None
    for _ in range(times + 1):
        entry = counted(entry, 0, log_factor, 1, random)
    return frequency(entry, 0, 1)


def test_a_new_key_is_not_the_first_to_go() -> None:
    assert used(0) == frequency(None, 0, 1) == FIRST_COUNT


def test_the_first_use_always_counts() -> None:
    assert used(1) == FIRST_COUNT + 1


def test_the_count_rises_ever_more_slowly() -> None:
    # redis.conf has this table for a factor of 10: 100 hits 10, 1000 hits 18, 100K hits 142
    assert 8 <= used(100) <= 13
    assert 14 <= used(1000) <= 22
    assert 120 <= used(100_000) <= 160


def test_without_a_factor_each_use_counts_up_to_the_top() -> None:
    assert used(100, log_factor=0) == FIRST_COUNT + 100
    assert used(1000, log_factor=0) == HIGHEST_COUNT


def test_the_count_falls_by_one_each_decay_time() -> None:
    entry = counted(None, 10 * MINUTE, 10, 1, Random())
    assert [frequency(entry, (10 + minutes) * MINUTE, 1) for minutes in (0, 1, 3, 100)] == [5, 4, 2, 0]
    assert frequency(entry, 14 * MINUTE, 2) == 3
    assert frequency(entry, 1000 * MINUTE, 0) == 5


def test_what_is_noted_goes_with_the_key() -> None:
    db = Database()
    accesses.begin([db], "lfu", 0)
    db.put(b"key", b"value")
    accesses.note(db, 0, b"key", 7)
    assert accesses.noted(db, 0, b"key") == 7
    db.delete(b"key")
    assert accesses.noted(db, 0, b"key") is None


def test_very_many_keys_are_noted_without_one_large_dict() -> None:
    db = Database()
    accesses.begin([db], "lfu", 0)
    for number in range(2000):
        accesses.note(db, 0, b"%d" % number, number)
    assert db.accesses is not None and db.accesses[0].__class__ is not dict
    assert all(accesses.noted(db, 0, b"%d" % number) == number for number in range(2000))


def test_what_a_file_says_of_a_use_is_what_it_is_told_again() -> None:
    for by, number in [("lru", 100), ("lfu", 33)]:
        db = Database()
        accesses.begin([db], by, 0)
        accesses.take(db, 0, b"key", by, number, 10 * MINUTE)
        assert accesses.told(db, 0, b"key", 10 * MINUTE, 1) == number


def test_what_a_file_says_of_another_policy_is_of_no_use() -> None:
    db = Database()
    accesses.begin([db], "lfu", 0)
    accesses.take(db, 0, b"key", "lru", 100, 10 * MINUTE)
    assert accesses.noted(db, 0, b"key") is None


def test_a_key_that_was_never_used_is_idle_since_uses_are_noted() -> None:
    db = Database()
    accesses.begin([db], "lru", MINUTE)
    assert accesses.told(db, 0, b"key", 3 * MINUTE, 1) == 120
