"""When, or how often, keys are used: known only while maxmemory-policy asks for it (LRU, LFU).

`Database.accesses` holds a number for each key. Under an LRU policy it is the time of the last use. Under an LFU policy
it is Redis' (evict.c): a counter of a byte, which rises the more slowly the higher it is (lfu-log-factor) and falls by
one each lfu-decay-time minutes, with the minute at which that was last seen to in front of it.
"""

from random import Random

from pycluster.datatypes.big_dict import SMALL, BigDict
from pycluster.keyspace.database import Database

FIRST_COUNT = 5  # of a new key, so that it is not the first to go
HIGHEST_COUNT = 255
_COUNT_BITS = 8


def begin(databases: list[Database]) -> None:
    """Uses are noted from now on; whatever was noted before is forgotten."""
    for db in databases:
        db.accesses = [{} for _ in db.slots]


def stop(databases: list[Database]) -> None:
    for db in databases:
        db.accesses = None


def note(db: Database, slot: int, key: bytes, entry: int) -> None:
    """What is known of a key's uses."""
    assert db.accesses is not None
    mapping = db.accesses[slot]
    mapping[key] = entry
    if len(mapping) > SMALL and isinstance(mapping, dict):
        db.accesses[slot] = BigDict(mapping.items())


def noted(db: Database, slot: int, key: bytes) -> int | None:
    """What is known of a key's uses; None where it has not been used since they are noted."""
    return None if db.accesses is None else db.accesses[slot].get(key)


# LFU


def counted(entry: int | None, now_ms: int, log_factor: int, decay_minutes: int, rng: Random) -> int:
    """The entry of a key that is used now."""
    if entry is None:
        return _entry(FIRST_COUNT, now_ms)
    count = frequency(entry, now_ms, decay_minutes)
    if count < HIGHEST_COUNT and rng.random() * (max(0, count - FIRST_COUNT) * log_factor + 1) < 1:
        count += 1
    return _entry(count, now_ms)


def counted_as(count: int, now_ms: int) -> int:
    """The entry of a key that is said to be used so often."""
    return _entry(count, now_ms)


def frequency(entry: int | None, now_ms: int, decay_minutes: int) -> int:
    """How often a key is used: its counter, less what has decayed since."""
    if entry is None:
        return FIRST_COUNT
    count = entry & HIGHEST_COUNT
    if not decay_minutes:
        return count
    minutes = now_ms // 60_000 - (entry >> _COUNT_BITS)
    return max(0, count - max(0, minutes) // decay_minutes)


def _entry(count: int, now_ms: int) -> int:
    return now_ms // 60_000 << _COUNT_BITS | count
