"""What goes by itself: the keys of a slot lost to another node, a dataset that gives way to another."""

from collections.abc import Sequence

from pycluster.keyspace.database import Database

PORTION = 64  # keys that one record deletes


def drop_keys_in_slot(db: Database, slot: int, record: bytes = b"DEL") -> int:
    """Deletes the keys of a slot; how many there were. `record`: what replicas are told, DEL or UNLINK.

    Who watches a key or waits for it hears of it, but there is no keyspace event: to users the key is not deleted, it
    is elsewhere. The slot goes as a whole, and is freed in slices: it may hold a million keys.
    """
    keys, due = db.slots[slot], db.deadlines[slot]
    if not keys:
        return 0
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
    for start in range(0, len(names), PORTION):
        portion = names[start : start + PORTION]
        db.journal.dirty += len(portion)
        db.record(record, *portion)
        db.journal.commit(db.index, [])
    return len(names)


def empty_dataset(databases: Sequence[Database]) -> None:
    """All keys go, and the libraries of functions too (FLUSHALL leaves those): nothing of this dataset is to stay."""
    for db in databases:
        db.flush()
    databases[0].keyspace.functions.clear()
