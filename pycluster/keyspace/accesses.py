"""When, or how often, keys are used: known only while maxmemory-policy asks for it (LRU, LFU).

`Database.accesses` holds a number for each key. Under an LRU policy it is the time of the last use. Under an LFU policy
it is Redis' (evict.c): a counter of a byte, which rises the more slowly the higher it is (lfu-log-factor) and falls by
one each lfu-decay-time minutes, with the minute at which that was last seen to in front of it.
"""

from collections.abc import Sequence
from random import Random

from pycluster.datatypes.big_dict import SMALL, BigDict
from pycluster.keyspace.database import Database
from pycluster.keyspace.frozen import Rows

FIRST_COUNT = 5  # of a new key, so that it is not the first to go
HIGHEST_COUNT = 255
_COUNT_BITS = 8


def begin(databases: Sequence[Database], by: str, now_ms: int) -> None:
    """Uses are noted from now on, as an LRU or an LFU policy wants them; whatever was noted before is forgotten."""
    keyspace = databases[0].keyspace
    keyspace.uses_by, keyspace.uses_since_ms = by, now_ms
    for db in databases:
        db.accesses = [{} for _ in db.slots]


def stop(databases: Sequence[Database]) -> None:
    databases[0].keyspace.uses_by = ""
    for db in databases:
        db.accesses = None


def note(db: Database, slot: int, key: bytes, entry: int) -> None:
    """What is known of a key's uses."""
    assert db.accesses is not None
    mapping = db.accesses[slot]
    mapping[key] = entry
    if len(mapping) > SMALL and isinstance(mapping, dict):
        db.accesses[slot] = BigDict(mapping.items())


def noted(db: Rows, slot: int, key: bytes) -> int | None:
    """What is known of a key's uses; None where it has not been used since they are noted."""
    return None if db.accesses is None else db.accesses[slot].get(key)


# LRU


def idle_ms(db: Rows, slot: int, key: bytes, now_ms: int) -> int:
    """For how long a key has not been used."""
    used = noted(db, slot, key)
    return max(0, now_ms - (db.keyspace.uses_since_ms if used is None else used))


# LFU


def counted(entry: int | None, now_ms: int, log_factor: int, decay_minutes: int, rng: Random) -> int:
    """The entry of a key that is used now."""
    if entry is None:
        return _entry(FIRST_COUNT, now_ms)
    count = frequency(entry, now_ms, decay_minutes)
    if count < HIGHEST_COUNT and rng.random() * (max(0, count - FIRST_COUNT) * log_factor + 1) < 1:
        count += 1
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


# Files


def told(db: Rows, slot: int, key: bytes, now_ms: int, decay_minutes: int) -> int:
    """What a file says of a key's uses: for how many seconds it has not been used, or how often it is."""
    if db.keyspace.uses_by == "lfu":
        return frequency(noted(db, slot, key), now_ms, decay_minutes)
    return idle_ms(db, slot, key, now_ms) // 1000


def take(db: Database, slot: int, key: bytes, by: str, number: int, now_ms: int) -> None:
    """A file has said this of a key's uses. If something else is noted here, it is of no use."""
    if db.keyspace.uses_by != by:
        return
    note(db, slot, key, _entry(number, now_ms) if by == "lfu" else max(0, now_ms - number * 1000))
