"""repl-diskless-load: what goes straight into memory, in the old one's place, or beside it until it is whole."""

from pathlib import Path

import pytest

from pycluster.keyspace.database import Database
from pycluster.rdb.writer import write_file
from pycluster.replication.replica import State
from tests.unit.replication.test_replica import ID, SET, Follower

MARK = b"m" * 40


def dataset(*libraries: bytes, **keys: bytes) -> bytes:
    db = Database(0)
    for key, value in keys.items():
        db.put(key.encode(), value)
    return b"".join(write_file([db], {}, functions=libraries, compress=False, checksum=True))


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    """Has a key of its own; the dataset that it is about to get has another."""
    made = Follower(tmp_path)
    made.host.databases[0].put(b"old", b"1")
    made.host.config.repl_diskless_load = "swapdb"
    made.replication.follow("10.0.0.1", 7001)
    made.introduce()
    return made


def keys(follower: Follower) -> set[bytes]:
    return set(follower.host.databases[0].keys())


def offer(follower: Follower, content: bytes, id: str = ID) -> None:
    """Everything but the mark at its end."""
    follower.line.say(b"+FULLRESYNC %b 100\r\n$EOF:%b\r\n" % (id.encode(), MARK) + content)


def test_the_old_data_are_there_until_the_new_ones_are_whole(follower: Follower) -> None:
    offer(follower, dataset(new=b"2"))
    assert keys(follower) == {b"old"}
    follower.line.say(MARK + SET)
    assert keys(follower) == {b"new"}
    assert follower.host.performed == [[b"SET", b"k", b"v"]]
    assert "MASTER <-> REPLICA sync: Swapping active DB with loaded DB" in follower.host.log


LIBRARY = b"#!lua name=new\nreturn 1"


def libraries(follower: Follower) -> set[bytes]:
    return set(follower.host.databases[0].keyspace.functions.libraries)


@pytest.mark.parametrize("mode", ["swapdb", "on-empty-db"])
def test_libraries_take_the_place_of_those_that_were_there(follower: Follower, mode: str) -> None:
    follower.host.config.repl_diskless_load = mode
    follower.host.databases[0].flush()
    follower.host.databases[0].keyspace.functions.load(b"#!lua name=old\nreturn 1")
    offer(follower, dataset(LIBRARY))
    assert (b"old" in libraries(follower)) == (mode == "swapdb")
    follower.line.say(MARK)
    assert libraries(follower) == {b"new"}


def test_libraries_of_a_dataset_that_does_not_come_are_not_there(follower: Follower) -> None:
    follower.host.databases[0].keyspace.functions.load(b"#!lua name=old\nreturn 1")
    offer(follower, dataset(LIBRARY) + b"more than there should be")
    follower.line.say(MARK)
    assert libraries(follower) == {b"old"}


def test_nothing_is_written_to_the_disk(follower: Follower) -> None:
    offer(follower, dataset(new=b"2"))
    follower.line.say(MARK)
    assert follower.replica.state == State.CONNECTED and not Path(follower.host.snapshots.path).exists()


@pytest.mark.parametrize(("id", "how"), [("same", "beside"), (ID, "instead")])
def test_reads_go_on_if_it_is_the_same_history(follower: Follower, id: str, how: str) -> None:
    offer(follower, dataset(new=b"2")[:20], follower.replication.history.id if id == "same" else id)
    assert follower.host.loading == how
    follower.line.cut()
    assert follower.host.loading == ""


def test_a_dataset_that_breaks_off_costs_nothing(follower: Follower) -> None:
    offer(follower, dataset(new=b"2")[:20])
    follower.line.cut()
    assert keys(follower) == {b"old"} and follower.replica.position is not None
    assert "MASTER <-> REPLICA sync: Discarding temporary DB in background" in follower.host.log


def test_a_damaged_dataset_costs_nothing(follower: Follower) -> None:
    offer(follower, b"REDIS0011" + b"\x63" * 60)
    assert keys(follower) == {b"old"} and follower.replica.state == State.CONNECT
    assert "Failed trying to load the MASTER synchronization DB from socket, check server logs." in follower.host.log


def test_more_than_a_dataset_before_the_mark_is_none(follower: Follower) -> None:
    offer(follower, dataset(new=b"2") + b"more")
    follower.line.say(MARK)
    assert keys(follower) == {b"old"} and "Replication stream EOF marker is broken" in follower.host.log


def test_on_empty_db_means_what_it_says(follower: Follower) -> None:
    follower.host.config.repl_diskless_load = "on-empty-db"
    offer(follower, dataset(new=b"2"))
    assert "receiving streamed RDB from master with EOF to disk" in follower.host.log


def test_an_empty_replica_is_filled_in_place_and_emptied_if_that_fails(follower: Follower) -> None:
    follower.host.config.repl_diskless_load = "on-empty-db"
    follower.host.databases[0].flush()
    offer(follower, dataset(new=b"2", large=b"x" * 100))
    assert keys(follower) == {b"new"} and follower.host.loading == "instead"
    follower.line.cut()
    assert keys(follower) == set() and follower.replica.position is None
