"""What goes by itself: the keys of a slot lost to another node, a dataset that gives way to another."""

from collections.abc import Sequence

from pycluster.keyspace.database import Database


def drop_keys_in_slot(db: Database, slot: int, record: bytes = b"DEL") -> int:
    """Deletes the keys of a slot one by one; how many there were. `record`: what replicas are told, DEL or UNLINK.

    Who watches a key or waits for it hears of it, but there is no keyspace event: to users the key is not deleted, it
    is elsewhere.
    """
    db.enter(slot)
    keys = db.keys_in_slot(slot)
    for key in keys:
        db.persist(key)  # one that has expired goes like any other
        db.delete(key)
        db.touched(key)
        db.noted(key)
        db.record(record, key)
        db.journal.commit(db.index, [])
    return len(keys)


def empty_dataset(databases: Sequence[Database]) -> None:
    """All keys go, and the libraries of functions too (FLUSHALL leaves those): nothing of this dataset is to stay."""
    for db in databases:
        db.flush()
    databases[0].keyspace.functions.clear()
