"""Slots on their way here: their keys are there, and who lists keys, counts them or picks any does not see them."""

from random import Random

import pytest

from pycluster.keyspace.database import Database
from pycluster.keyspace.eviction import Candidates, Policy, score_by
from pycluster.keyspace.expiry import expire_some
from pycluster.keyspace.scan import scan_keys
from pycluster.keyspace.slots import SLOTS, key_slot

SHOWN, HIDDEN = [b"{a}%d" % number for number in range(5)], [b"{b}%d" % number for number in range(50)]


@pytest.fixture
def db() -> Database:
    """Five keys that are shown, and fifty that are not; all of them are past their deadline."""
    db = Database(slots=SLOTS)
    db.clock.now = 1000
    for key in (*SHOWN, *HIDDEN):
        db.enter_slot_of(key)
        db.put(key, b"x")
        db.set_deadline(key, 500)
    db.hidden[key_slot(b"{b}")] = None
    return db


def test_they_do_not_count(db: Database) -> None:
    assert (db.shown_size(), db.size()) == (5, 55)


def test_they_are_not_listed(db: Database) -> None:
    assert sorted(db.keys()) == SHOWN


def test_they_are_not_scanned(db: Database) -> None:
    assert scan_keys(db, 0, 1000) == (0, SHOWN)


def test_they_are_not_picked(db: Database) -> None:
    assert {db.random_key() for _ in range(50)} <= set(SHOWN)


def test_nothing_is_picked_if_there_is_nothing_else(db: Database) -> None:
    db.hidden[key_slot(b"{a}")] = None
    assert db.random_key() is None


def test_they_do_not_expire(db: Database) -> None:
    assert expire_some(db, 100) == (5, 5)
    assert len(db.slots[key_slot(b"{b}")]) == 50


def test_many_of_them_do_not_keep_others_from_expiring(db: Database) -> None:
    for number in range(100):
        key = b"{many%d}" % number
        db.enter_slot_of(key)
        db.set_deadline(key, 500)
        db.hidden[db.slot] = None
    db.enter_slot_of(b"{c}")
    db.put(b"{c}", b"x")
    db.set_deadline(b"{c}", 500)
    assert expire_some(db, 20) == (6, 6)


@pytest.mark.parametrize("name", ["allkeys-random", "volatile-random", "allkeys-lfu", "volatile-ttl"])
def test_they_are_not_evicted(db: Database, name: str) -> None:
    policy = Policy.named(name)
    assert policy is not None
    candidates = Candidates([db], Random(1))
    for _ in range(5):
        chosen = candidates.choose(policy, 5, score_by(policy, 1000, 1) if "random" not in name else lambda *_: 0)
        assert chosen is not None
        db.evict(chosen[1], b"DEL")
    assert candidates.choose(policy, 5, lambda *_: 0) is None and db.size() == 50


def test_all_go_when_all_goes(db: Database) -> None:
    assert db.flush() == 55 and db.size() == 0
