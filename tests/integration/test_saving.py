"""Snapshots of a real process: told to be slow, refused by the disk, taken away. redis-server does the same."""

import os
import shutil
import signal
from pathlib import Path

import hiredis
import pytest

from pycluster.rdb.writer import put_idle
from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.integration.replicas import Servers, follow

SAVE_POINT = ("save", "3600 1")


@pytest.fixture(params=["ours", "redis"])
def program(request: pytest.FixtureRequest) -> list[str]:
    found: list[str] = request.getfixturevalue("our_server" if request.param == "ours" else "redis_server")
    return found


def wait_for(node: Node, field: str, value: str) -> None:
    def why_not() -> str:
        now = node.info("persistence")[field]
        return "" if now == value else f"{field} is {now}"

    wait_until(why_not)


def save_in_background(node: Node, outcome: str) -> None:
    node.ask("BGSAVE")
    wait_for(node, "rdb_bgsave_in_progress", "0")
    wait_for(node, "rdb_last_bgsave_status", outcome)


def refusal(node: Node, *words: str) -> str:
    with pytest.raises(hiredis.ReplyError) as raised:
        node.ask(*words)
    return str(raised.value)


def test_a_server_that_cannot_save_takes_no_writes_until_it_can(servers: Servers, program: list[str]) -> None:
    node = servers.start(program, SAVE_POINT)
    node.ask("SET", "key", "value")
    in_the_way = node.directory / "dump.rdb"
    in_the_way.mkdir()
    (in_the_way / "file").touch()
    save_in_background(node, "err")
    assert refusal(node, "SET", "key", "again").startswith("MISCONF")
    assert refusal(node, "PING").startswith("MISCONF Redis is configured to save RDB snapshots, but it's currently")
    assert node.ask("GET", "key") == b"value"
    (in_the_way / "file").unlink()
    in_the_way.rmdir()
    save_in_background(node, "ok")
    node.ask("SET", "key", "again")
    node.ask("PING")


def _error(node: Node, *words: str) -> str:
    try:
        node.ask(*words)
    except hiredis.ReplyError as error:
        return str(error)
    return ""


def test_writes_go_on_where_nobody_minds_failed_saves(servers: Servers, program: list[str]) -> None:
    node = servers.start(program, SAVE_POINT, ("stop-writes-on-bgsave-error", "no"))
    (node.directory / "dump.rdb").mkdir()
    (node.directory / "dump.rdb" / "file").touch()
    save_in_background(node, "err")
    node.ask("SET", "key", "value")


def test_a_child_tells_how_far_it_is(servers: Servers, program: list[str]) -> None:
    node = servers.start(program, ("rdb-key-save-delay", 100))
    node.ask("DEBUG", "POPULATE", 20000)
    node.ask("BGSAVE")
    wait_until(lambda: "" if int(node.info("persistence")["current_save_keys_processed"]) > 1000 else "nothing told")
    told = node.info("persistence")
    assert told["current_save_keys_total"] == "20000"
    assert float(told["current_fork_perc"]) == pytest.approx(int(told["current_save_keys_processed"]) / 200, abs=0.01)
    assert int(told["current_cow_size"]) > 0
    node.ask("CONFIG", "SET", "rdb-key-save-delay", 0)
    wait_for(node, "rdb_bgsave_in_progress", "0")
    told = node.info("persistence")
    assert (told["current_save_keys_total"], told["current_cow_size"]) == ("0", "0")
    assert int(told["rdb_last_cow_size"]) > 0
    assert node.info("stats")["total_forks"] == "1"
    assert int(node.info("stats")["latest_fork_usec"]) > 0


def test_a_second_save_waits_only_if_it_is_told_to(servers: Servers, program: list[str]) -> None:
    node = servers.start(program, ("rdb-key-save-delay", 100_000), ("appendonly", "yes"))
    wait_for(node, "aof_rewrite_in_progress", "0")
    node.ask("DEBUG", "POPULATE", 10)
    assert node.ask("BGREWRITEAOF")
    assert refusal(node, "BGSAVE").startswith("ERR Another child process is active (AOF?): can't BGSAVE right now.")
    assert node.ask("BGSAVE", "SCHEDULE") == b"Background saving scheduled"
    wait_until(lambda: "" if "Background saving started" in node.log() else "it still waits")
    assert node.log().index("AOF rewrite terminated with success") < node.log().index("Background saving started")


def test_a_killed_child_is_a_failed_save_that_leaves_the_old_file(servers: Servers, program: list[str]) -> None:
    node = servers.start(program, SAVE_POINT)
    node.ask("SET", "key", "value")
    node.ask("SAVE")
    before = (node.directory / "dump.rdb").read_bytes()
    node.ask("CONFIG", "SET", "rdb-key-save-delay", 1_000_000)
    node.ask("DEBUG", "POPULATE", 100)
    node.ask("BGSAVE")
    (child,) = children(node)
    os.kill(child, signal.SIGKILL)
    wait_for(node, "rdb_last_bgsave_status", "err")
    assert "Background saving terminated by signal 9" in node.log()
    assert refusal(node, "SET", "key", "again").startswith("MISCONF")
    assert (node.directory / "dump.rdb").read_bytes() == before
    assert not list(node.directory.glob("temp-*.rdb"))


def children(node: Node) -> list[int]:
    """The processes that the server has forked, as any tool for processes shows them."""
    return list(map(int, Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()))


def test_the_time_of_the_last_save_is_told(servers: Servers, program: list[str]) -> None:
    node = servers.start(program)
    started = node.ask("LASTSAVE")
    wait_until(lambda: "" if int(node.ask("TIME")[0]) > started else "it is the same second")
    assert node.ask("LASTSAVE") == started
    node.ask("SAVE")
    assert started < node.ask("LASTSAVE") <= int(node.ask("TIME")[0])
    assert node.info("persistence")["rdb_last_save_time"] == str(node.ask("LASTSAVE"))


def test_the_replication_id_can_be_changed(servers: Servers, program: list[str]) -> None:
    node = servers.start(program)
    before = node.info("replication")["master_replid"]
    node.ask("DEBUG", "CHANGE-REPL-ID")
    assert node.info("replication")["master_replid"] != before


def test_loading_can_be_made_slow_and_tells_so(servers: Servers, program: list[str]) -> None:
    node = servers.start(program, ("loading-process-events-interval-bytes", 1024))
    node.ask("DEBUG", "POPULATE", 20000, "key", 100)
    node.ask("SAVE")
    node.ask("CONFIG", "SET", "key-load-delay", 500)
    node.ask("CONFIG", "REWRITE")
    node.kill()
    node.launch()
    wait_until(lambda: "" if "LOADING" in _error_or_none(node) else "not loading yet")
    with node.connect() as connection:
        assert b"\r\nloading:1\r\n" in connection.ask("INFO", "persistence")
    node.kill()


def _error_or_none(node: Node) -> str:
    try:
        return _error(node, "GET", "key:1")
    except OSError:
        return ""


def test_flushall_leaves_no_keys_on_the_disk(servers: Servers, program: list[str]) -> None:
    node = servers.start(program, SAVE_POINT)
    node.ask("SET", "key", "value")
    node.ask("SAVE")
    node.ask("FLUSHALL")
    assert node.info("persistence")["rdb_changes_since_last_save"] == "0"
    node.kill()
    node.start()
    assert node.ask("DBSIZE") == 0


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_full_syncs_leave_no_files_where_nothing_is_to_stay(
    servers: Servers, program: list[str], diskless: str
) -> None:
    nodes = [servers.start(program, ("rdb-del-sync-files", "yes"), ("repl-diskless-sync", diskless)) for _ in range(2)]
    nodes[0].ask("SET", "key", "value")
    follow(nodes[1], nodes[0])
    for node in nodes:
        wait_until(lambda: "there is a dump.rdb" if (node.directory / "dump.rdb").exists() else "")  # noqa: B023
    if diskless == "no":
        assert "Removing the RDB file used to feed replicas in a persistence-less instance" in nodes[0].log()
    assert "Removing the RDB file obtained from the master" in nodes[1].log()


# What files say of the uses of keys


def exchange(one: Node, other: Node) -> None:
    """What one server has goes by its file to the other."""
    one.ask("SAVE")
    shutil.copy(one.directory / "dump.rdb", other.directory / "dump.rdb")
    other.ask("DEBUG", "RELOAD", "NOSAVE")


@pytest.mark.parametrize("to_us", [True, False])
def test_how_often_keys_are_used_is_in_the_file(
    servers: Servers, our_server: list[str], redis_server: list[str], to_us: bool
) -> None:
    counting = ("maxmemory-policy", "allkeys-lfu"), ("lfu-log-factor", 0), ("lfu-decay-time", 0)
    one, other = (servers.start(program, *counting) for program in (redis_server, our_server)[:: 1 if to_us else -1])
    for count in (1, 20, 300):
        for _ in range(count):
            one.ask("SET", f"key:{count}", "value")
        one.ask("LPUSH", f"list:{count}", *range(count))
    exchange(one, other)
    keys = sorted(one.ask("KEYS", "*"))
    assert [other.ask("OBJECT", "FREQ", key) for key in keys] == [one.ask("OBJECT", "FREQ", key) for key in keys]


@pytest.mark.parametrize("to_us", [True, False])
def test_for_how_long_keys_have_not_been_used_is_in_the_file(
    servers: Servers, our_server: list[str], redis_server: list[str], to_us: bool
) -> None:
    noting = ("maxmemory-policy", "allkeys-lru")
    one, other = (servers.start(program, noting) for program in (redis_server, our_server)[:: 1 if to_us else -1])
    record = put_idle(1000) + b"\x00\x03old\x01v" + put_idle(0) + b"\x00\x03new\x01v"
    (one.directory / "dump.rdb").write_bytes(b"REDIS0010" + record + b"\xff" + bytes(8))
    one.ask("DEBUG", "RELOAD", "NOSAVE")
    exchange(one, other)
    for node in (one, other):
        assert 1000 <= node.ask("OBJECT", "IDLETIME", "old") < 1100 and node.ask("OBJECT", "IDLETIME", "new") < 100


# What is looked at in full


@pytest.mark.parametrize(("told", "counts"), [("yes", True), ("clients", False), ("no", False)])
def test_structures_of_a_file_are_looked_at_in_full(
    servers: Servers, our_server: list[str], redis_server: list[str], told: str, counts: bool
) -> None:
    one, other = (servers.start(program, ("sanitize-dump-payload", told)) for program in (redis_server, our_server))
    one.ask("HSET", "hash", "f", "v")
    one.ask("ZADD", "sorted", 1, "m")
    one.ask("SADD", "integers", 1, 2)
    one.ask("RPUSH", "list", *["x" * 3000] * 5)
    one.ask("XADD", "stream", "*", "f", "v")
    one.ask("SET", "string", "v")
    one.ask("DEBUG", "RELOAD")
    exchange(one, other)
    sanitized = [node.info("stats")["dump_payload_sanitizations"] for node in (one, other)]
    assert sanitized[0] == sanitized[1] and (int(sanitized[0]) > 5) is counts
