"""What goes by itself: the keys of a slot lost to another node, a dataset that gives way to another."""

from collections.abc import Iterator, Sequence
from itertools import islice

from pycluster.keyspace.database import Database, Mapping

PORTION = 64  # keys that one record deletes


def detach_slot(db: Database, slot: int) -> Mapping:
    """Takes all keys of a slot away at once; which they were. Others are still to be told (`record_dropped`), and then
    the keys to be freed.

    Who watches a key or waits for it hears of it, but there is no keyspace event: to users the key is not deleted, it
    is elsewhere. There may be a million keys: nothing is done here with each of them.
    """
    keys, due = db.slots[slot], db.deadlines[slot]
    if not keys:
        return {}
    touched = [key for key in db.interested if key in keys]
    db.slots[slot], db.deadlines[slot] = {}, {}
    db.volatile.pop(slot, None)
    if db.accesses is not None:
        db.accesses[slot] = {}
    db.enter(slot)
    db.keyspace.freeing.take_all(due, 0)
    for key in touched:
        db.touched(key)
    return keys


def record_dropped(db: Database, names: Iterator[bytes], record: bytes) -> bool:
    """The next of these keys, which are gone already, are journalled as DEL or UNLINK; were there any?"""
    portion = list(islice(names, PORTION))
    if portion:
        db.journal.dirty += len(portion)
        db.record(record, *portion)
        db.journal.commit(db.index, [])
    return bool(portion)


def empty_dataset(databases: Sequence[Database]) -> None:
    """All keys go, and the libraries of functions too (FLUSHALL leaves those): nothing of this dataset is to stay."""
    for db in databases:
        db.flush()
    databases[0].keyspace.functions.clear()
