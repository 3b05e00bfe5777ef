"""SCAN: all keys of a database in steps, without state and whatever changes meanwhile.

The cursor has two parts: the slot reached, and the hash reached in it (BigDict.scan). A slot is walked upward through
the hashes and slots are walked in order, so a key that is there from beginning to end is passed once or more often,
and a whole walk looks at each place once.
"""

from pycluster.datatypes.big_dict import HASH_BITS, scan
from pycluster.keyspace.database import Database

_HASH_MASK = (1 << HASH_BITS) - 1


def scan_keys(db: Database, cursor: int, count: int) -> tuple[int, list[bytes]]:
    """One step: (the next cursor, 0 at the end; about `count` keys, those past their deadline included)."""
    slot, reached = cursor >> HASH_BITS, cursor & _HASH_MASK
    found: list[bytes] = []
    slots = db.slots
    while slot < len(slots):
        if slots[slot] and slot not in db.hidden:
            reached, keys = scan(slots[slot], reached, count - len(found))
            found += keys
            if reached:
                return slot << HASH_BITS | reached, found
        else:
            reached = 0
        slot += 1
        if len(found) >= count:
            break
    return (slot << HASH_BITS if slot < len(slots) else 0), found
