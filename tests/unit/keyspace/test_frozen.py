"""A dataset that goes on changing while what it was is written down."""

from collections.abc import Callable

import pytest

from pycluster.commands import hashes, keys, lists, sets, sorted_sets, stream_groups, stream_reads, streams, strings
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.string import RawString
from pycluster.keyspace.database import Announcing, Database
from pycluster.keyspace.frozen import Frozen
from pycluster.rdb.reader import FileReader
from pycluster.rdb.writer import write_file


def filled() -> Database:
    db = Database()
    strings.set_(db, b"string", b"value")
    strings.append(db, b"raw", b"bytes")
    lists.rpush(db, b"list", b"a", b"b")
    hashes.hset(db, b"hash", b"f", b"v")
    sets.sadd(db, b"set", b"m")
    sorted_sets.zadd(db, b"sorted", b"1", b"m")
    streams.xadd(db, b"stream", b"1-1", b"f", b"v")
    stream_groups.xgroup_create(db, b"stream", b"group", b"0")
    for number in range(2000):
        strings.set_(db, b"%d" % number, b"v")
    db.set_deadline(b"string", 1 << 42)
    return db


State = dict[bytes, object]


def state(db: Database) -> State:
    """All keys, with their values as they are now and their deadlines."""
    return {
        key: (value if isinstance(value, bytes) else value.copy(), db.deadlines[0].get(key))
        for key, value in db.slots[0].items()
    }


def read(content: bytes) -> State:
    return {key: (value, deadline) for _, key, value, deadline in FileReader().feed(content)}


def written(frozen: Frozen) -> State:
    return read(b"".join(write_file(frozen.databases, {}, hold=frozen.hold)))


CHANGES: list[Callable[[Database], object]] = [
    lambda db: strings.set_(db, b"string", b"other"),
    lambda db: strings.append(db, b"raw", b"more"),
    lambda db: strings.set_(db, b"new", b"key"),
    lambda db: keys.del_(db, b"hash", b"1", b"2"),
    lambda db: db.persist(b"string"),
    lambda db: db.set_deadline(b"list", 1 << 42),
    lambda db: lists.lpush(db, b"list", b"new"),
    lambda db: lists.lpop(db, b"list"),
    lambda db: hashes.hset(db, b"hash", b"new", b"field"),
    lambda db: hashes.hdel(db, b"hash", b"f"),
    lambda db: sets.sadd(db, b"set", b"new"),
    lambda db: sorted_sets.zadd(db, b"sorted", b"2", b"m"),
    lambda db: streams.xadd(db, b"stream", b"*", b"f", b"v"),
    lambda db: stream_groups.xgroup_destroy(db, b"stream", b"group"),
    lambda db: keys.exists(db, b"hash") and (keys.rename(db, b"hash", b"moved"), hashes.hset(db, b"moved", b"n", b"f")),
    lambda db: (keys.del_(db, b"set"), sets.sadd(db, b"set", b"another")),
    lambda db: db.flush(),
    lambda db: (db.flush(), db.keyspace.freeing.work(lambda: False)),
    lambda db: [strings.set_(db, b"more:%d" % number, b"v") for number in range(3000)],
    lambda db: [keys.del_(db, b"%d" % number) for number in range(2000)],
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_meanwhile_is_written_as_it_was(change: Callable[[Database], object]) -> None:
    db = filled()
    before = state(db)
    frozen = Frozen([db])
    change(db)
    assert state(db) != before
    assert written(frozen) == before


@pytest.mark.parametrize("change", CHANGES)
def test_changes_in_the_middle_of_the_writing_do_no_harm(change: Callable[[Database], object]) -> None:
    db = filled()
    hashes.hset(db, b"large", *[word for number in range(5000) for word in (b"%d" % number, b"v")])
    before = state(db)
    frozen = Frozen([db])
    content = b""
    for piece in write_file(frozen.databases, {}, hold=frozen.hold):
        content += piece
        if len(content) < 70_000:
            change(db)
            hashes.hdel(db, b"large", b"1", b"4999")
    assert read(content) == before


def test_an_acknowledged_entry_is_still_pending_in_what_was() -> None:
    db = filled()
    stream_reads.xreadgroup(db, b"GROUP", b"group", b"me", b"STREAMS", b"stream", b">")
    before = state(db)
    frozen = Frozen([db])
    assert stream_groups.xack(db, b"stream", b"group", b"1-1") == 1
    assert written(frozen) == before


def test_a_value_that_changes_often_is_copied_once() -> None:
    db = Database()
    db.put(b"hash", Hash([(b"f", b"v")]))
    frozen = Frozen([db])
    for number in range(10):
        hashes.hset(db, b"hash", b"%d" % number, b"v")
    assert len(frozen._copies) == 1
    assert frozen.hold(next(iter(frozen.databases[0].slots[0].values()))) == Hash([(b"f", b"v")])


def test_when_it_is_over_nothing_is_kept_any_more() -> None:
    db = filled()
    db.tell_of_new_keys(True)
    frozen = Frozen([db])
    frozen.release()
    assert db.__class__ is Announcing
    hashes.hset(db, b"hash", b"new", b"field")
    assert not frozen._copies and not frozen.databases
    db.tell_of_new_keys(False)
    assert db.__class__ is Database


def test_new_keys_are_told_of_all_the_while() -> None:
    db, told = Database(), []
    db.keyspace.notify = lambda event, key, index: told.append((event, key))
    for wanted in (False, True):
        frozen = Frozen([db])
        db.tell_of_new_keys(wanted)
        db.put(b"%d" % wanted, b"value")
        frozen.release()
    db.put(b"2", RawString(b"value"))
    assert told == [("new", b"1"), ("new", b"2")]
