"""Which key goes first, under each policy."""

from collections import Counter
from random import Random

import pytest

from pycluster.keyspace import accesses
from pycluster.keyspace.database import Database
from pycluster.keyspace.eviction import Candidates, Policy, score_by

SLOTS = [1, 16384]


def policy(name: str) -> Policy:
    found = Policy.named(name)
    assert found is not None
    return found


def filled(keys: int, slots: int) -> Database:
    """Keys of which each is used later, more often, and to expire later than the one before; every other may expire."""
    db = Database(0, slots)
    db.clock.now = 1_000_000
    accesses.begin([db], "lfu", 0)
    for number in range(keys):
        key = b"%d" % number
        db.enter_slot_of(key)
        db.put(key, b"value")
        if number % 2:
            db.set_deadline(key, db.clock.now + number)
    return db


def note_all(db: Database, by: str) -> None:
    for number in range(db.size()):
        key = b"%d" % number
        accesses.note(db, db.slot_of(key), key, number if by == "lru" else 16 << 8 | min(255, number))


def evict(db: Database, name: str, count: int, samples: int = 10) -> list[int]:
    """The numbers of the keys that go, in order."""
    chosen = policy(name)
    candidates, score = Candidates([db], Random(2)), score_by(chosen, db.clock.now, 1)
    gone = []
    for _ in range(count):
        found = candidates.choose(chosen, samples, score)
        if found is None:
            break
        db.evict(found[1], b"DEL")
        gone.append(int(found[1]))
    return gone


def test_a_policy_is_named_by_what_may_go_and_by_what() -> None:
    assert Policy.named("noeviction") is None
    assert Policy.named("volatile-ttl") == Policy(volatile=True, by="ttl")
    assert [Policy.named(f"allkeys-{by}") for by in ("lru", "lfu", "random")] == [
        Policy(volatile=False, by=by) for by in ("lru", "lfu", "random")
    ]


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("name", ["allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-lfu", "volatile-ttl"])
def test_the_least_wanted_go_first(name: str, slots: int) -> None:
    db = filled(200, slots)
    note_all(db, "lfu" if name.endswith("lfu") else "lru")
    gone = evict(db, name, 50)
    assert len(set(gone)) == 50
    assert sum(number < 120 for number in gone) > 40  # chance alone would give 30


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("by", ["lru", "lfu", "random", "ttl"])
def test_volatile_policies_take_only_keys_with_a_deadline(by: str, slots: int) -> None:
    db = filled(100, slots)
    gone = evict(db, f"volatile-{by}", 1000)
    assert sorted(gone) == list(range(1, 100, 2))
    assert db.size() == 50


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("by", ["lru", "lfu", "random"])
def test_allkeys_policies_take_every_key_in_the_end(by: str, slots: int) -> None:
    db = filled(1000, slots)
    assert sorted(evict(db, f"allkeys-{by}", 2000)) == list(range(1000))


def test_random_policies_go_from_database_to_database() -> None:
    databases = [Database(index) for index in range(3)]
    for db in databases:
        for number in range(10):
            db.put(b"%d" % number, b"value")
    candidates, chosen = Candidates(databases, Random(1)), policy("allkeys-random")
    hit = Counter(candidates.choose(chosen, 5, lambda *key: 0)[0].index for _ in range(30))  # type: ignore[index]
    assert hit == {0: 10, 1: 10, 2: 10}


def test_a_candidate_that_is_gone_is_passed_over() -> None:
    db = filled(20, 1)
    candidates, chosen = Candidates([db], Random(1)), policy("allkeys-lru")
    score = score_by(chosen, db.clock.now, 1)
    for _ in range(20):
        found = candidates.choose(chosen, 20, score)
        assert found is not None
        db.delete(found[1])
    assert candidates.choose(chosen, 20, score) is None


def test_an_evicted_key_is_journalled_and_told_of() -> None:
    events = []
    db = filled(2, 1)
    db.keyspace.notify = lambda event, key, index: events.append((event, key))
    stream: list[bytes] = []
    db.journal.listeners.append(stream.append)
    db.enter(0)
    db.evict(b"1", b"UNLINK")
    db.journal.flush()
    assert events == [("evicted", b"1")]
    assert b"".join(stream).endswith(b"*2\r\n$6\r\nUNLINK\r\n$1\r\n1\r\n")
    assert (db.keyspace.statistics.evicted, db.deadline(b"1"), dict(db.volatile)) == (1, None, {})
