"""Snapshots: written, written by a child, and read again."""

import asyncio
import errno
import os
import signal
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from pycluster.datatypes.hash import Hash
from pycluster.files.writer import Disk
from pycluster.keyspace import accesses
from pycluster.keyspace.database import Database
from pycluster.keyspace.functions import Functions
from pycluster.persistence.loading import Loader
from pycluster.persistence.snapshot import Request, Snapshots, delay_s
from pycluster.rdb.errors import Unreadable
from pycluster.rdb.reader import FileReader
from tests.unit.persistence.conftest import World


class FullDisk(Disk):
    def write(self, fd: int, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def filled(world: World) -> World:
    world.databases[0].put(b"k", b"v")
    world.databases[1].put(b"h", Hash([(b"f", b"v")]))
    world.databases[1].set_deadline(b"h", 1 << 42)
    world.journal.changes = 7
    return world


def test_what_was_saved_is_loaded_again(world: World) -> None:
    assert filled(world).snapshots.save()
    again = World(world.directory)
    loading = again.load()
    assert (loading.keys, again.databases[1].peek(b"h"), again.databases[1].deadlines[0]) == (
        2,
        Hash([(b"f", b"v")]),
        {b"h": 1 << 42},
    )
    assert "Done loading RDB, keys loaded: 2, keys expired: 0." in again.log


def test_a_save_counts_changes_from_then_on(world: World) -> None:
    assert filled(world).snapshots.changes == 7
    world.snapshots.save()
    world.journal.changes += 2
    assert world.snapshots.info()["rdb_changes_since_last_save"] == 2
    assert "DB saved on disk" in world.log


def test_a_full_disk_is_told_in_redis_words_and_leaves_the_old_file(tmp_path: Path) -> None:
    filled(World(tmp_path)).snapshots.save()
    before = (tmp_path / "dump.rdb").read_bytes()
    world = filled(World(tmp_path, FullDisk()))
    assert not world.snapshots.save()
    assert "Write error while saving DB to the disk(rdbSaveRio): No space left on device" in world.log
    assert (tmp_path / "dump.rdb").read_bytes() == before and os.listdir(tmp_path) == ["dump.rdb"]


def test_a_directory_that_is_gone_is_told_too(tmp_path: Path) -> None:
    world = World(tmp_path / "gone")
    assert not world.snapshots.save()
    assert "Failed opening the temp RDB file temp-" in world.log


def test_a_child_saves_what_was_there_when_it_was_forked(world: World) -> None:
    assert filled(world).save_in_background(during=lambda: world.databases[0].put(b"late", b"x"))
    again = World(world.directory)
    assert again.load().keys == 2
    assert "Background saving terminated with success" in world.log


def test_changes_made_while_a_child_saves_still_count(world: World) -> None:
    def change() -> None:
        world.journal.changes += 3

    filled(world).save_in_background(during=change)
    assert world.snapshots.changes == 3


def test_a_child_that_fails_is_an_error_in_info(tmp_path: Path) -> None:
    world = filled(World(tmp_path, FullDisk()))
    assert not world.save_in_background()
    assert world.snapshots.info()["rdb_last_bgsave_status"] == "err"
    assert "Background saving error" in world.log


def test_a_child_that_was_not_wanted_any_more_is_no_error(world: World) -> None:
    assert not filled(world).save_in_background(during=world.snapshots.cancel)
    assert world.snapshots.info()["rdb_last_bgsave_status"] == "ok"
    assert f"Background saving terminated by signal {signal.SIGUSR1.value}" in world.log


def in_slices(world: World, keys: int = 3000) -> World:
    """A server that may not fork, and takes its time."""
    world.forks.may_fork, world.forks.slice_s = False, 0
    for number in range(keys):
        world.databases[0].put(b"%d" % number, b"x" * 100)
    return filled(world)


def test_a_server_that_must_not_fork_saves_in_slices(world: World) -> None:
    turns = []
    world.loop.call_soon(lambda: turns.append(world.snapshots.is_saving))
    assert in_slices(world).save_in_background()
    assert turns == [True] and world.forks.count == 0
    assert World(world.directory).load().keys == 3002
    assert "Background saving terminated with success" in world.log


def test_what_changes_between_slices_is_for_the_next_save(world: World) -> None:
    def change() -> None:
        world.databases[0].put(b"k", b"new")
        hash_ = world.databases[1].get(b"h", Hash)
        assert hash_ is not None
        hash_.put(b"new", b"field")
        world.journal.changes += 2

    in_slices(world).save_in_background(during=change)
    assert world.snapshots.changes == 2
    again = World(world.directory)
    again.load()
    assert again.databases[0].peek(b"k") == b"v" and again.databases[1].peek(b"h") == Hash([(b"f", b"v")])


def test_how_far_the_slices_are_is_told_too(world: World) -> None:
    seen = []

    def look() -> None:
        seen.append(world.forks.progress_info())
        if world.snapshots.is_saving:
            world.loop.call_soon(look)

    in_slices(world).save_in_background(during=look)
    processed = [info["current_save_keys_processed"] for info in seen if "current_save_keys_total" in info]
    assert processed == sorted(processed) and len(set(processed)) > 2
    assert all(info.get("current_save_keys_total", 3002) == 3002 for info in seen)


def test_slices_that_are_not_wanted_any_more_leave_the_old_file(world: World) -> None:
    in_slices(world).snapshots.save()
    before = (world.directory / "dump.rdb").read_bytes()
    world.databases[0].put(b"k", b"new")
    assert not world.save_in_background(during=world.snapshots.cancel)
    assert world.snapshots.info()["rdb_last_bgsave_status"] == "ok"
    assert (world.directory / "dump.rdb").read_bytes() == before and os.listdir(world.directory) == ["dump.rdb"]
    assert world.databases[0].__class__ is Database


def test_slices_on_a_full_disk_are_an_error_in_info(tmp_path: Path) -> None:
    world = in_slices(World(tmp_path, FullDisk()))
    assert not world.save_in_background()
    assert world.snapshots.info()["rdb_last_bgsave_status"] == "err"
    assert os.listdir(tmp_path) == []


def test_a_stopped_server_leaves_no_slices(world: World) -> None:
    in_slices(world).snapshots.save_in_background()
    world.snapshots.stop()
    world.loop.run_until_complete(asyncio.sleep(0))
    assert os.listdir(world.directory) == [] and not world.snapshots.is_saving


def test_a_snapshot_can_be_collected_in_memory(world: World) -> None:
    collected = world.loop.create_future()
    assert in_slices(world).snapshots.collect_in_background(Request(), collected.set_result)
    assert len(FileReader().feed(world.loop.run_until_complete(collected))) == 3002


def test_a_save_point_starts_a_save_when_its_time_has_come(world: World) -> None:
    world.config.save = ((60, 7),)
    filled(world).snapshots.cron()
    assert not world.snapshots.is_saving
    world.snapshots.last_save_s -= 61
    world.snapshots.cron()
    assert world.snapshots.is_saving and "7 changes in 60 seconds. Saving..." in world.log
    world.snapshots.stop()


def test_a_stopped_server_leaves_no_child_and_no_temporary_file(world: World) -> None:
    assert filled(world).snapshots.save_in_background()
    world.snapshots.stop()
    assert not world.snapshots.is_saving
    assert not [name for name in os.listdir(world.directory) if name.startswith("temp")]


def test_a_primary_leaves_out_what_has_expired_and_knows_it(world: World) -> None:
    world.databases[0].put(b"old", b"v")
    world.databases[0].set_deadline(b"old", 1)
    world.snapshots.save()
    again = World(world.directory)
    assert again.load(expire=True).expired == [(0, b"old")] and again.databases[0].size() == 0


def test_a_replica_takes_what_has_expired_too(world: World) -> None:
    world.databases[0].put(b"old", b"v")
    world.databases[0].set_deadline(b"old", 1)
    world.snapshots.save()
    again = World(world.directory)
    again.load(expire=False)
    assert again.databases[0].size() == 1


def test_no_file_is_no_dataset(world: World) -> None:
    assert world.load() is None


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"*1\r\n$4\r\n", "Wrong signature trying to load DB from file"),
        (b"REDIS0099", "Can't handle RDB format version 99"),
        (b"REDIS0010\x00", "Short read or OOM loading DB. Unrecoverable error, aborting now."),
        (
            b"REDIS0010\xfe\x09\x00\x01k\x01v\xff",
            "FATAL: Data file was created with a Redis server configured to handle",
        ),
        (b"REDIS0010\xf5\x05#!lua\xff" + bytes(8), "Failed loading library, Invalid library metadata"),
        (b"REDIS0010" + b"\xf5\x0d#!lua name=a\n" * 2 + b"\xff" + bytes(8), "library, Library 'a' already"),
        (b"REDIS0010" + b"\x00\x01k\x01v" * 2 + b"\xff" + bytes(8), "-> RDB has duplicated key 'k' in DB 0"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_of_in_redis_words(world: World, content: bytes, line: str) -> None:
    (world.directory / "dump.rdb").write_bytes(content)
    with pytest.raises(Unreadable):
        world.load()
    assert line in world.log


def test_reloading_goes_through_the_file_and_back(world: World) -> None:
    filled(world).snapshots.reload(save=True, flush=True)
    assert [db.size() for db in world.databases] == [1, 1]


@pytest.mark.parametrize(("interval", "slices"), [(1024, 30), (2 << 20, 1)])
def test_others_are_served_each_so_many_bytes_of_the_file(world: World, interval: int, slices: int) -> None:
    world.config.loading_process_events_interval_bytes = interval
    in_slices(world, keys=300).snapshots.save()
    again, seen = World(world.directory, loading_process_events_interval_bytes=interval), set()

    def look() -> None:
        if again.snapshots.loading is not None:
            seen.add(again.snapshots.loading.read)
        again.loop.call_soon(look)

    look()
    again.load()
    assert len(seen) >= slices and (slices > 1 or len(seen) < 3)


def test_a_file_that_announces_more_keys_than_it_can_hold_is_not_believed(world: World) -> None:
    (world.directory / "dump.rdb").write_bytes(b"REDIS0010\xfb\x81" + b"\x7f" * 8 + b"\x00" + bytes(4000) + b"\xff")
    tracemalloc.start()
    with pytest.raises(Unreadable):
        world.load()
    assert tracemalloc.get_traced_memory()[1] < 2 << 20
    tracemalloc.stop()


def test_libraries_can_be_kept_apart_from_those_that_are_there(world: World) -> None:
    there, apart = world.databases[0].keyspace.functions, Functions()
    there.load(b"#!lua name=a\n")
    loader = Loader(world.databases, 0, world.log.write, expire=False, functions=apart)
    loader.feed(b"REDIS0010\xf5\x0d#!lua name=a\n\xf5\x0d#!lua name=b\n\xff" + bytes(8))
    loader.end()
    assert list(there.libraries) == [b"a"] and list(apart.libraries) == [b"a", b"b"]
    there.replace(apart)
    assert list(there.libraries) == [b"a", b"b"]


# What is told of the child, and what is not to stay on the disk


def test_a_child_tells_how_far_it_is(world: World) -> None:
    for number in range(3000):
        world.databases[0].put(b"%d" % number, b"value")
    world.save_in_background()
    assert world.forks.progress.keys == 3000
    assert world.forks.progress_info()["rdb_last_cow_size"] > 0


def test_a_slow_save_takes_its_time_for_each_key(world: World) -> None:
    assert delay_s(500, 10) == 0.005
    assert delay_s(-500, 1000) == 2e-6


def test_a_flush_leaves_no_keys_on_the_disk_where_there_are_save_points(tmp_path: Path) -> None:
    world = filled(World(tmp_path, save=((3600, 1),)))
    world.snapshots.save()
    for db in world.databases:
        db.flush()
    world.snapshots.save_emptiness()
    assert World(tmp_path).load().keys == 0


def test_a_flush_leaves_the_file_alone_where_there_are_none(tmp_path: Path) -> None:
    world = filled(World(tmp_path))
    world.snapshots.save()
    world.databases[0].flush()
    world.snapshots.save_emptiness()
    assert World(tmp_path).load().keys == 2


@pytest.mark.parametrize(("directives", "stays"), [
    ({"rdb_del_sync_files": True}, False), ({"rdb_del_sync_files": False}, True),
    ({"rdb_del_sync_files": True, "save": ((3600, 1),)}, True),
    ({"rdb_del_sync_files": True, "appendonly": True}, True),
])  # fmt: skip
def test_files_of_full_syncs_go_where_nothing_is_to_stay(tmp_path: Path, directives: Any, stays: bool) -> None:
    for remove in (Snapshots.remove_what_replicas_got, Snapshots.remove_what_primary_sent):
        world = World(tmp_path, **directives)
        world.snapshots.keep_for_replicas()
        world.snapshots.save()
        remove(world.snapshots)
        assert (tmp_path / "dump.rdb").exists() is stays


def test_a_file_that_somebody_asked_for_stays(tmp_path: Path) -> None:
    world = World(tmp_path, rdb_del_sync_files=True)
    world.snapshots.save()
    world.snapshots.remove_what_replicas_got()
    assert (tmp_path / "dump.rdb").exists()


@pytest.mark.parametrize(("by", "number"), [("lru", 100), ("lfu", 33)])
def test_what_is_known_of_uses_goes_through_the_file(world: World, by: str, number: int) -> None:
    world.config.lfu_decay_time = 0
    now_ms = int(time.time() * 1000)
    accesses.begin(world.databases, by, now_ms)
    accesses.take(filled(world).databases[1], 0, b"h", by, number, now_ms)
    world.snapshots.reload(save=True, flush=True)
    later_ms = now_ms + 500  # idle times are whole seconds
    assert accesses.told(world.databases[1], 0, b"h", later_ms, 0) == number
