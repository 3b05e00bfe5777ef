"""The append-only file of a server without sockets: what is written when, what is loaded, what goes wrong."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pycluster.protocol.errors import ReplyError
from pycluster.protocol.replies import encode_request
from tests.unit.files.forgetful import HastyDisk
from tests.unit.persistence.machine import Died, Machine

Start = Callable[..., Machine]


class Trouble(HastyDisk):
    """Has so much room; its syncs may fail."""

    room = 1 << 40
    can_sync = True
    directory_syncs = 1 << 40  # so many succeed

    def write(self, fd: int, content: bytes) -> None:
        super().write(fd, content[: self.room])
        if len(content) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")

    def sync_directory(self, path: str) -> None:
        self.directory_syncs -= 1
        if self.directory_syncs < 0:
            raise OSError(errno.EIO, "Input/output error")

    def sync_content(self, fd: int) -> None:
        if not self.can_sync:
            raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server on the directory of this test, again and again."""
    machines: list[Machine] = []

    def start(*, disk: Any = None, starts: bool = True, **directives: Any) -> Machine:
        machine = Machine(tmp_path, disk or HastyDisk(), **directives)
        machines.append(machine)
        assert machine.start() is starts
        return machine

    yield start
    for machine in machines:
        machine.close()


def file(tmp_path: Path, name: str) -> Path:
    return tmp_path / "appendonlydir" / f"appendonly.aof.{name}"


def refusal(machine: Machine, command: str) -> str:
    [reply] = machine.turn(command)
    return reply.text if isinstance(reply, ReplyError) else ""


# Writing and loading


def test_the_commands_of_a_turn_are_one_write(start: Start, tmp_path: Path) -> None:
    start().turn("SET k v", "GET k", "INCR n")
    assert file(tmp_path, "1.incr.aof").read_bytes() == (
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
    )


def test_a_timestamp_stands_before_what_is_of_another_second(start: Start, tmp_path: Path) -> None:
    machine = start(aof_timestamp_enabled=True)
    machine.turn("SET k v")
    machine.turn("SET k w")
    machine.now_s += 1
    machine.turn("SET k x")
    content = file(tmp_path, "1.incr.aof").read_bytes()
    assert content.startswith(b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT") and content.count(b"#TS:") == 2
    assert start().get("k") == b"x"


def test_what_has_expired_meanwhile_is_loaded_and_gone_when_somebody_asks(start: Start) -> None:
    machine = start()
    machine.turn("SET k v PX 100", "SET l v")
    again = start()
    assert again.server.databases[0].size() == 2
    again.now_s += 1
    assert again.get("k") is None


def test_the_last_file_cut_at_any_byte_loads_to_the_last_whole_command(start: Start, tmp_path: Path) -> None:
    machine = start()
    last, ends = file(tmp_path, "1.incr.aof"), {0: machine.digest}
    for commands in (["SET k v"], ["RPUSH l 1 2 3"], ["MULTI", "INCR n", "DEL k", "EXEC"], ["SET k w"]):
        machine.turn(*commands)
        ends[last.stat().st_size] = machine.digest
    content = last.read_bytes()
    for size in range(len(content)):
        last.write_bytes(content[:size])
        whole = max(end for end in ends if end <= size)
        assert start().digest == ends[whole]
        # A SELECT is whole by itself.
        assert last.stat().st_size in (whole, 23)


def test_a_cut_file_is_refused_when_told_so_and_left_as_it_is(start: Start, tmp_path: Path) -> None:
    start().turn("SET k v")
    last = file(tmp_path, "1.incr.aof")
    content = last.read_bytes()
    for size in range(24, len(content)):
        last.write_bytes(content[:size])
        machine = start(starts=False, aof_load_truncated=False)
        assert "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof." in machine.log
        assert last.stat().st_size == size


def test_what_is_written_behind_a_cut_is_loaded_too(start: Start, tmp_path: Path) -> None:
    start().turn("SET k v", "SET l v")
    last = file(tmp_path, "1.incr.aof")
    last.write_bytes(last.read_bytes()[:-3])
    start().turn("SET m v")
    assert start().turn("MGET k l m") == [[b"v", None, b"v"]]


def test_only_the_last_file_may_be_cut(start: Start, tmp_path: Path) -> None:
    start().turn("SET k v")
    file(tmp_path, "2.incr.aof").write_bytes(b"")
    with file(tmp_path, "manifest").open("a") as manifest:
        manifest.write("file appendonly.aof.2.incr.aof seq 2 type i\n")
    first = file(tmp_path, "1.incr.aof")
    first.write_bytes(first.read_bytes()[:-3])
    assert "Fatal error: the truncated file is not the last file" in start(starts=False).log


def test_a_command_that_fails_now_is_shouted_about(start: Start, tmp_path: Path) -> None:
    start()
    commands = encode_request([b"INCR", b"k"]) + encode_request([b"LPUSH", b"k", b"v"])
    file(tmp_path, "1.incr.aof").write_bytes(commands)
    assert (
        "== CRITICAL == This server is sending an error to its AOF-loading-client: 'WRONGTYPE Operation against a key "
        "holding the wrong kind of value' after processing the command 'lpush'" in start().log
    )


def test_an_upgrade_that_was_cut_short_is_done_again(start: Start, tmp_path: Path) -> None:
    start().turn("SET k v")
    old = tmp_path / "appendonly.aof"
    file(tmp_path, "1.incr.aof").rename(old)
    for left in list((tmp_path / "appendonlydir").iterdir()):
        left.unlink()
    file(tmp_path, "manifest").write_text("file appendonly.aof seq 1 type b\n")
    assert start().get("k") == b"v" and not old.exists()
    assert start().get("k") == b"v"


# When it is synced


def test_everysec_syncs_each_second_and_off_the_loop(start: Start) -> None:
    machine = start()
    machine.turn("SET k v")
    machine.pass_time(0.4)
    assert not machine.thread.due
    machine.pass_time(0.6)
    assert len(machine.thread.due) == 1
    machine.thread.run()
    machine.pass_time(2)
    assert not machine.thread.due  # nothing is new


@pytest.mark.parametrize(("told", "syncs"), [(True, 0), (False, 1)])
def test_while_a_child_writes_syncs_can_be_left_out(start: Start, told: bool, syncs: int) -> None:
    machine = start(no_appendfsync_on_rewrite=told, rdb_key_save_delay=1_000_000)
    machine.turn("SET k v", "BGSAVE", "SET k w")
    machine.end_turn()
    assert machine.server.forks.is_busy
    machine.pass_time(1)
    assert len(machine.thread.due) == syncs
    machine.server.snapshots.stop()


def test_a_write_waits_two_seconds_for_a_sync_and_no_longer(start: Start) -> None:
    machine = start()
    machine.turn("SET k v")
    machine.pass_time(1)  # the sync begins, and takes its time
    size = machine.server.aof.size
    machine.turn("SET k w")
    machine.pass_time(1.9)
    assert machine.server.aof.size == size
    machine.pass_time(0.2)
    assert machine.server.aof.size > size and machine.server.aof.info()["aof_delayed_fsync"] == 1
    assert "Asynchronous AOF fsync is taking too long (disk is busy?)." in machine.log


def test_a_sync_that_fails_in_the_background_stops_writes_until_one_succeeds(start: Start) -> None:
    disk = Trouble()
    machine = start(disk=disk)
    machine.turn("SET k v")
    disk.can_sync = False
    machine.pass_time(1)
    machine.thread.run()
    machine.pass_time(0.1)
    assert refusal(machine, "SET k w") == "MISCONF Errors writing to the AOF file: Input/output error"
    disk.can_sync = True
    machine.pass_time(1)
    machine.thread.run()
    machine.pass_time(0.1)
    assert machine.turn("SET k w") == ["OK"]


def test_with_always_a_sync_that_fails_ends_the_server(start: Start) -> None:
    disk = Trouble()
    machine = start(disk=disk, appendfsync="always")
    disk.can_sync = False
    with pytest.raises(Died):
        machine.turn("SET k v")
    assert "Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input/output error." in machine.log


# A full disk


def test_a_short_write_is_taken_back_and_tried_again(start: Start, tmp_path: Path) -> None:
    disk = Trouble()
    machine = start(disk=disk)
    machine.turn("SET k v")
    before = file(tmp_path, "1.incr.aof").read_bytes()
    disk.room = 10
    machine.turn("SET k wwwww")
    assert file(tmp_path, "1.incr.aof").read_bytes() == before
    assert "Short write while writing to the AOF file: (nwritten=10, expected=31)" in machine.log
    assert refusal(machine, "SET k x") == "MISCONF Errors writing to the AOF file: No space left on device"
    assert refusal(machine, "PING").startswith("MISCONF") and machine.get("k") == b"wwwww"
    disk.room = 1000
    machine.pass_time(0.1)
    assert "AOF write error looks solved, Redis can write again." in machine.log
    assert machine.turn("SET l x") == ["OK"] and start().turn("MGET k l") == [[b"wwwww", b"x"]]


def test_with_always_nobody_is_told_of_what_could_not_be_written(start: Start) -> None:
    disk = Trouble()
    machine = start(disk=disk, appendfsync="always")
    machine.turn("SET k v")
    disk.room = 10
    with pytest.raises(Died):
        machine.turn("SET k w")
    assert start().get("k") == b"v"


# Rewriting


def test_a_rewrite_that_fails_leaves_the_parts_and_is_tried_less_and_less(start: Start) -> None:
    disk = Trouble()
    machine = start(disk=disk, auto_aof_rewrite_min_size=1)
    machine.turn("SET k vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv")
    disk.room = 5000
    machine.server.aof._snapshot = lambda frozen: iter([b"x" * 10_000])
    for _ in range(5):
        machine.pass_time(0.1)
        machine.end_turn()
    assert machine.server.aof.info()["aof_rewrites_consecutive_failures"] == 3
    assert "rewrite has repeatedly failed and triggered the limit, will retry in 1 minutes" in machine.log
    machine.pass_time(61)
    assert machine.server.aof.rewrites == 4
    assert start().get("k") == b"v" * 69


def test_a_rewrite_needs_all_that_came_before_to_be_written(start: Start) -> None:
    disk = Trouble()
    machine = start(disk=disk)
    disk.room = 10
    machine.turn("INCR n")
    assert refusal(machine, "BGREWRITEAOF").startswith("ERR Can't execute an AOF background rewriting.")
    disk.room = 10_000
    machine.pass_time(0.1)
    assert machine.turn("BGREWRITEAOF") == ["Background append only file rewriting started"]
    machine.end_turn()
    assert start().get("n") == b"1"


@pytest.mark.parametrize("syncs", range(8))
def test_a_directory_that_cannot_be_synced_leaves_files_that_load(start: Start, syncs: int) -> None:
    disk = Trouble()
    machine = start(disk=disk)
    machine.turn("SET k v")
    disk.directory_syncs = syncs
    machine.turn("BGREWRITEAOF", "SET l w")
    machine.end_turn()
    assert start().turn("MGET k l") == [[b"v", b"w"]]


def test_a_rewrite_that_cannot_start_is_not_tried_all_the_time(start: Start) -> None:
    disk = Trouble()
    machine = start(disk=disk, auto_aof_rewrite_min_size=1, auto_aof_rewrite_percentage=1)
    machine.turn("SET k v")
    disk.directory_syncs = 0
    for _ in range(10):
        machine.pass_time(0.1)
    assert machine.server.aof.rewrites == 0 and machine.server.aof.limit.failures == 3


def test_a_rewrite_in_a_transaction_is_for_later(start: Start) -> None:
    machine = start()
    machine.turn("MULTI", "SET k v", "BGREWRITEAOF", "EXEC")
    assert machine.server.aof.info()["aof_rewrite_scheduled"] == 1
    machine.pass_time(0.1)
    assert machine.server.aof.rewrites == 1


def test_history_stays_for_who_collects_it(start: Start, tmp_path: Path) -> None:
    machine = start(aof_disable_auto_gc=True)
    machine.turn("SET k v", "BGREWRITEAOF")
    machine.end_turn()
    assert file(tmp_path, "manifest").read_text().count(" type h") == 2
    start()
    assert not file(tmp_path, "1.base.rdb").exists() and " type h" not in file(tmp_path, "manifest").read_text()


def test_a_base_of_commands_tells_how_many_keys_it_has_and_can_be_made_slow(start: Start) -> None:
    machine = start(aof_use_rdb_preamble=False, rdb_key_save_delay=1_000_000)
    machine.turn("MSET a 1 b 2 c 3", "BGREWRITEAOF")
    machine.end_turn()
    told = machine.server.forks.progress_info()
    assert (told["current_save_keys_total"], machine.server.aof.is_rewriting) == (3, True)
    machine.server.aof.turn_off()
