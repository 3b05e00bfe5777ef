"""Which key is to go when memory is full: the eight policies of maxmemory-policy (evict.c).

No order of all keys is kept. At each choice some keys are looked at (maxmemory-samples, in every database), and a pool
of the sixteen best candidates is carried from choice to choice; the best that still exists goes. The random policies
take any key. A pool may name keys that are gone, or were used since: it is a hint, and that is what Redis makes of it.
"""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from pycluster.datatypes.big_dict import SMALL, random_key
from pycluster.keyspace.accesses import frequency, noted
from pycluster.keyspace.database import Database

POOL = 16
THROWS = 32  # slots tried at random before the ones with keys are counted out

Score = Callable[[Database, int, bytes], int]  # of a key in a slot: the higher, the sooner it goes


@dataclass(slots=True, frozen=True)
class Policy:
    """A policy's name, taken apart."""

    volatile: bool  # only keys with a deadline go
    by: str  # "lru", "lfu", "random", "ttl"

    @classmethod
    def named(cls, name: str) -> "Policy | None":
        """None is noeviction."""
        scope, _, by = name.partition("-")
        return cls(scope == "volatile", by) if by else None

    @property
    def notes_uses(self) -> bool:
        return self.by in ("lru", "lfu")


class Candidates:
    """The choice of keys on one server."""

    def __init__(self, databases: Sequence[Database], rng: Random) -> None:
        self._databases = databases
        self._rng = rng
        self._pool: list[tuple[int, int, int, bytes]] = []  # ascending: score, database, slot, key
        self._next_db = 0
        self._occupied: list[int] = []  # slots that had keys when they were counted out last

    def choose(self, policy: Policy, samples: int, score: Score) -> tuple[Database, bytes] | None:
        """The key that is to go next, with its slot entered; None if there is none that may."""
        if policy.by == "random":
            return self._any(policy)
        reserved, fruitless = self._databases[0].keyspace.reserved, 0
        while True:
            seen = False
            for db in self._databases:
                for slot, key in self._sample(db, policy.volatile, samples):
                    if key in reserved:
                        fruitless += 1
                        continue
                    seen = True
                    self._consider((score(db, slot, key), db.index, slot, key))
            if not seen and 0 < fruitless < THROWS:
                continue  # there may be others
            if not seen:
                self._pool.clear()
                return None
            while self._pool:
                _, index, slot, key = self._pool.pop()
                db = self._databases[index]
                if key in (db.deadlines if policy.volatile else db.slots)[slot] and key not in reserved:
                    db.enter(slot)
                    return db, key

    def forget(self) -> None:
        """The policy has changed: the scores mean something else now."""
        self._pool.clear()

    def _consider(self, entry: tuple[int, int, int, bytes]) -> None:
        pool = self._pool
        if len(pool) == POOL and entry <= pool[0] or entry in pool:
            return
        insort(pool, entry)
        if len(pool) > POOL:
            del pool[0]

    def _any(self, policy: Policy) -> tuple[Database, bytes] | None:
        """Any key, of each database in turn; if it is reserved, another one."""
        reserved = self._databases[0].keyspace.reserved
        for _ in range(len(self._databases) * (THROWS if reserved else 1)):
            self._next_db = (self._next_db + 1) % len(self._databases)
            db = self._databases[self._next_db]
            for slot, key in self._sample(db, policy.volatile, 1):
                if key in reserved:
                    continue
                db.enter(slot)
                return db, key
        return None

    def _sample(self, db: Database, volatile: bool, count: int) -> list[tuple[int, bytes]]:
        """Some keys of a database, with their slots."""
        if volatile:
            return self._sample_volatile(db, count)
        slot = self._random_slot(db)
        if slot is None:
            return []
        found: dict[tuple[int, bytes], None] = {}
        for _ in range(count):
            found[slot, random_key(db.slots[slot], self._rng)] = None
            if len(db.slots) > 1:
                slot = self._random_slot(db)
                assert slot is not None
        return list(found)

    def _random_slot(self, db: Database) -> int | None:
        """A slot with keys, a full one rather than an empty one."""
        slots, hidden, random = db.slots, db.hidden, self._rng.random
        if len(slots) == 1:
            return 0 if slots[0] else None
        for _ in range(THROWS):
            slot = int(random() * len(slots))
            if slots[slot] and slot not in hidden:
                return slot
        for _ in range(THROWS):
            if not self._occupied:
                break
            slot = self._occupied[int(random() * len(self._occupied))]
            if slots[slot] and slot not in hidden:
                return slot
        self._occupied = [slot for slot, keys in enumerate(slots) if keys and slot not in hidden]
        return self._occupied[int(random() * len(self._occupied))] if self._occupied else None

    def _sample_volatile(self, db: Database, count: int) -> list[tuple[int, bytes]]:
        """Slots take turns, and in a slot the keys do, as in active expiry: those looked at go behind the others."""
        found: list[tuple[int, bytes]] = []
        for slot in list(islice(db.volatile_slots(), count)):
            due = db.deadlines[slot]
            if len(due) <= SMALL:
                keys = self._rng.sample(list(due), min(count - len(found), len(due)))
            else:
                keys = list(islice(due, count - len(found)))
                for key in keys:
                    due[key] = due.pop(key)
            found += [(slot, key) for key in keys]
            del db.volatile[slot]
            db.volatile[slot] = None
            if len(found) >= count:
                break
        return found


def score_by(policy: Policy, now_ms: int, decay_minutes: int) -> Score:
    """How gladly a key is let go, under this policy at this moment."""
    match policy.by:
        case "ttl":
            return lambda db, slot, key: -db.deadlines[slot][key]
        case "lru":
            return lambda db, slot, key: now_ms - (noted(db, slot, key) or 0)
        case _:
            return lambda db, slot, key: 255 - frequency(noted(db, slot, key), now_ms, decay_minutes)
