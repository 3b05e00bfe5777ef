"""The keys of a slot that go with it: what is left, and what others are told."""

from pycluster.keyspace.database import Database
from pycluster.keyspace.dropping import PORTION, detach_slot, record_dropped
from pycluster.keyspace.slots import SLOTS, key_slot
from pycluster.protocol.replies import encode_request

SLOT = key_slot(b"{a}")


def filled(count: int) -> Database:
    db = Database(slots=SLOTS)
    db.enter(SLOT)
    for number in range(count):
        db.put(b"{a}%d" % number, b"x")
        db.set_deadline(b"{a}%d" % number, 10**15)
    return db


def test_nothing_is_left() -> None:
    db = filled(3)
    assert list(detach_slot(db, SLOT)) == [b"{a}0", b"{a}1", b"{a}2"]
    assert not db.size() and not db.deadlines[SLOT] and not db.volatile
    db.enter(SLOT)
    db.put(b"{a}new", b"x")
    assert db.size() == 1


def test_replicas_are_told_in_portions() -> None:
    db, told = filled(PORTION + 1), bytearray()
    db.journal.listeners.append(told.extend)
    names = iter(detach_slot(db, SLOT))
    assert [record_dropped(db, names, b"UNLINK") for _ in range(3)] == [True, True, False]
    db.journal.flush()
    assert told.count(b"UNLINK") == 2 and told.endswith(encode_request([b"UNLINK", b"{a}%d" % PORTION]))
    assert db.journal.changes == PORTION + 1


def test_who_is_interested_in_a_key_hears_of_it() -> None:
    db, heard = filled(3), []
    db.listen(b"{a}1", heard.append)
    db.listen(b"{b}1", heard.append)
    detach_slot(db, SLOT)
    assert heard == [b"{a}1"]


def test_an_empty_slot_has_nothing_to_tell_of() -> None:
    assert not detach_slot(filled(0), SLOT)
