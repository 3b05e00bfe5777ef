"""Active expiry: keys past their deadline are looked for, a few at a time, so that they do not fill memory unseen.

The rule is Redis' (expire.c, `activeExpireCycle`): sample some keys that have a deadline; while more than an accepted
share of them is found dead, sample again, until the time that one call may take is used up. The work resumes where it
stopped. A replica does not expire anything: it waits for its primary's DEL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from pycluster.keyspace.database import REMOVE, Database

KEYS_PER_LOOP = 20
SLOW_TIME_PERCENT = 25  # of the CPU, at effort 1
ACCEPTED_STALE_PERCENT = 10


@dataclass(slots=True)
class ExpiryCycle:
    """The cycle of one server, with its figures for INFO."""

    stale_share: float = 0.0  # an estimate: how many of the keys with a deadline are dead and still here
    time_cap_reached: int = 0
    spent_us: int = 0
    _next_db: int = 0

    def info(self) -> dict[str, int | float]:
        """The fields of Stats about the cycle."""
        return {
            "expired_stale_perc": 100 * self.stale_share,
            "expired_time_cap_reached_count": self.time_cap_reached,
            "expire_cycle_cpu_milliseconds": self.spent_us // 1000,
        }

    def run(self, databases: list[Database], hz: int, effort: int, now_us: Callable[[], int]) -> None:
        """One cycle, of those that come `hz` times a second; `effort` is active-expire-effort, 1 to 10."""
        effort -= 1
        per_loop = KEYS_PER_LOOP + KEYS_PER_LOOP // 4 * effort
        limit_us = (SLOW_TIME_PERCENT + 2 * effort) * 1_000_000 // hz // 100
        accepted = ACCEPTED_STALE_PERCENT - effort
        started = now_us()
        sampled = expired = 0
        for _ in range(len(databases)):
            db = databases[self._next_db % len(databases)]
            self._next_db += 1
            while db.volatile and db.keyspace.expired_keys == REMOVE:
                looked_at, dead = expire_some(db, per_loop)
                sampled += looked_at
                expired += dead
                if now_us() - started > limit_us:
                    self.time_cap_reached += 1
                    break
                if dead * 100 <= looked_at * accepted:
                    break
        self.spent_us += now_us() - started
        current = expired / sampled if sampled else 0.0
        self.stale_share = current * 0.05 + self.stale_share * 0.95


def expire_some(db: Database, count: int) -> tuple[int, int]:
    """Looks at some keys with a deadline and removes the dead: (how many were looked at, how many were dead).

    Slots take turns, and in a slot the keys do: one that lives goes behind the others.
    """
    looked_at = dead = 0
    reserved = db.keyspace.reserved
    for slot in list(islice(db.volatile_slots(), count)):
        db.enter(slot)
        due = db.due
        for key in list(islice(due, count - looked_at)):
            looked_at += 1
            deadline = due[key]
            if deadline <= db.clock.now and key not in reserved:
                db.expire(key)
                db.journal.commit(db.index, [])
                dead += 1
            else:
                del due[key]
                due[key] = deadline
        if slot in db.volatile:
            del db.volatile[slot]
            db.volatile[slot] = None
        if looked_at >= count:
            break
    return looked_at, dead
