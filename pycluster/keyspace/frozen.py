"""The dataset as it is at one moment, for somebody who writes it down while it goes on changing.

A forked child has that for nothing. In a process that must not be forked the mappings of the keys are copied (30 to 70
ms for a million; strings never change, they are only replaced), and a collection is copied when it is about to change
for the first time, or when its turn to be written has come. So what is written is what was there when all this began;
what it costs grows with what changes meanwhile. (A collection of many millions is copied in one go.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pycluster.datatypes.stream import Stream
from pycluster.keyspace.database import Database, Keyspace, Mapping

FEW = 64  # members of a collection that is written in one go, so that nobody has to copy it


@dataclass(slots=True, frozen=True)
class FrozenDatabase:
    """One database at that moment, for those who walk through its keys."""

    index: int
    keyspace: Keyspace
    slots: list[Mapping]
    deadlines: list[dict[bytes, int]]
    accesses: Any  # as they are now: a use meanwhile does no harm

    def size(self) -> int:
        return sum([len(keys) for keys in self.slots if keys])


NOTHING: dict[bytes, Any] = {}  # what an empty slot was: shared, nobody writes into it

Rows: TypeAlias = Database | FrozenDatabase  # what can be written down


class Frozen:
    """`databases` are as they were; `release` ends it. One at a time."""

    def __init__(self, databases: Sequence[Database]) -> None:
        self._originals = databases
        self._copies: dict[int, Any] = {}  # of collections that have changed and are not written yet
        self._settled: set[int] = set()  # collections that have been copied, by identity: we hold on to all of them
        self.databases = [
            FrozenDatabase(
                db.index,
                db.keyspace,
                [mapping.copy() if mapping else NOTHING for mapping in db.slots],
                [due.copy() if due else NOTHING for due in db.deadlines],
                db.accesses,
            )
            for db in databases
        ]
        for db in databases:
            db.tell_before_changes(self._keep)

    def hold(self, value: Any) -> Any:
        """A value of that moment, which stays as it is from now on: it is about to be written."""
        if isinstance(value, bytes):
            return value
        kept = self._copies.pop(id(value), None)
        if kept is None:
            self._settled.add(id(value))
            kept = value.copy()
        return kept

    def _keep(self, value: Any) -> None:
        """This value is about to change."""
        if id(value) not in self._settled:
            self._settled.add(id(value))
            self._copies[id(value)] = value.copy()

    def release(self) -> None:
        """It has been written, or nobody wants it any more."""
        for db in self._originals:
            db.tell_no_more(self._keep)
        self._copies.clear()
        self._settled.clear()
        while self.databases:
            frozen = self.databases.pop()
            slots, freeing = frozen.slots, frozen.keyspace.freeing
            del frozen
            freeing.take_all(slots, 0)


class FrozenSlot:
    """One slot, as it is now; `release` ends it. Its keys are copied, its collections when one of two must give way."""

    def __init__(self, db: Database, slot: int) -> None:
        self._db = db
        self._slot = slot
        self._copies: dict[int, Any] = {}  # of collections that have changed and are not written yet
        self._settled: set[int] = set()  # collections that are written, or copied
        self.keys = db.slots[slot].copy()
        self.deadlines = db.deadlines[slot].copy()
        db.tell_before_changes(self._keep)

    def hold(self, value: Any) -> tuple[Any, bool]:
        """A value of that moment, which is about to be written; is that to be done in one go?"""
        if isinstance(value, bytes):
            return value, True
        kept = self._copies.pop(id(value), None)
        self._settled.add(id(value))
        if kept is not None:
            return kept, False
        is_small = not isinstance(value, Stream) and len(value) <= FEW
        return (value, True) if is_small else (value.copy(), False)

    def _keep(self, value: Any) -> None:
        """This value, of this slot or of another, is about to change."""
        if self._db.slot == self._slot and id(value) not in self._settled:
            self._settled.add(id(value))
            self._copies[id(value)] = value.copy()

    def release(self) -> None:
        """It has been written, or nobody wants it any more."""
        self._db.tell_no_more(self._keep)
        self._copies.clear()
        self._settled.clear()
        freeing = self._db.keyspace.freeing
        freeing.take_all(self.keys, 0)
        freeing.take_all(self.deadlines, 0)
        self.keys, self.deadlines = {}, {}
