"""Keys that go because their slot does: a slot lost to another node is emptied, and everybody concerned hears of it."""

from pycluster.keyspace.database import Database


def drop_keys_in_slot(db: Database, slot: int) -> int:
    """Deletes the keys of a slot one by one, with all that a deletion causes; how many there were."""
    db.enter(slot)
    keys = db.keys_in_slot(slot)
    for key in keys:
        if db.delete(key):
            db.changed(key, "del")
            db.record(b"DEL", key)
        db.journal.commit(db.index, [])
    return len(keys)
