"""What goes by itself: the keys of a slot lost to another node, a dataset that gives way to another."""

from collections.abc import Sequence

from pycluster.keyspace.database import Database

PORTION = 64  # keys that one record deletes


def detach_slot(db: Database, slot: int) -> list[bytes]:
    """Takes all keys of a slot away at once; which they were. Others are still to be told (`record_dropped`).

    Who watches a key or waits for it hears of it, but there is no keyspace event: to users the key is not deleted, it
    is elsewhere. The slot is freed in slices: it may hold a million keys.
    """
    keys, due = db.slots[slot], db.deadlines[slot]
    if not keys:
        return []
    names = list(keys)
    touched = [key for key in db.interested if key in keys]
    db.slots[slot], db.deadlines[slot] = {}, {}
    db.volatile.pop(slot, None)
    if db.accesses is not None:
        db.accesses[slot] = {}
    db.enter(slot)
    db.keyspace.freeing.take_all(keys, len(names))
    db.keyspace.freeing.take_all(due, 0)
    for key in touched:
        db.touched(key)
    return names


def record_dropped(db: Database, names: list[bytes], record: bytes) -> None:
    """The last portion of these keys, which are gone already, is journalled as DEL or UNLINK, and leaves the list."""
    portion = names[-PORTION:]
    del names[-PORTION:]
    db.journal.dirty += len(portion)
    db.record(record, *portion)
    db.journal.commit(db.index, [])


def empty_dataset(databases: Sequence[Database]) -> None:
    """All keys go, and the libraries of functions too (FLUSHALL leaves those): nothing of this dataset is to stay."""
    for db in databases:
        db.flush()
    databases[0].keyspace.functions.clear()
