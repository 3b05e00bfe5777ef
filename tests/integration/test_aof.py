"""The append-only file of real processes: over kill -9 and restarts, to and from a redis-server, on a full disk."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import hiredis
import pytest

from pycluster.testing.connection import Connection
from pycluster.testing.node import Node, parse_fields
from pycluster.testing.waiting import wait_until
from tests.differential.rdb_dataset import commands
from tests.integration.replicas import Servers, digest, follow, wait_in_step, write_at_random

APPEND = ("appendonly", "yes")


def fill(node: Node) -> None:
    with node.connect() as connection:
        connection.ask_all(commands())


def parts(node: Node) -> list[str]:
    """The manifest, line by line."""
    return (node.directory / "appendonlydir" / "appendonly.aof.manifest").read_text().splitlines()


def part(node: Node, name: str) -> Path:
    return node.directory / "appendonlydir" / f"appendonly.aof.{name}"


def rewrite(node: Node) -> None:
    node.ask("BGREWRITEAOF")
    wait_rewritten(node)


def wait_rewritten(node: Node) -> None:
    def why_not() -> str:
        info = node.info("persistence")
        busy = info["aof_rewrite_in_progress"] == "1" or info["aof_rewrite_scheduled"] == "1"
        return f"{node} rewrites: {info}" if busy else ""

    wait_until(why_not)


def revive(node: Node) -> None:
    """kill -9, and a new start in the same directory."""
    node.kill()
    node.start()


# Life and death


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_what_was_acknowledged_is_there_after_kill_9(servers: Servers, our_server: list[str], policy: str) -> None:
    node = servers.start(our_server, APPEND, ("appendfsync", policy))
    fill(node)
    before = digest(node)
    revive(node)
    assert digest(node) == before


def test_the_first_start_makes_an_empty_base_and_a_file_to_write_to(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    assert parts(node) == [
        "file appendonly.aof.1.base.rdb seq 1 type b",
        "file appendonly.aof.1.incr.aof seq 1 type i",
    ]
    log = node.log()
    assert "Creating AOF base file appendonly.aof.1.base.rdb on server start" in log
    assert "Creating AOF incr file appendonly.aof.1.incr.aof on server start" in log
    revive(node)
    assert "Opening AOF incr file appendonly.aof.1.incr.aof on server start" in node.log()


def test_replies_leave_only_when_their_commands_are_written(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    with node.connect() as connection:
        connection.ask("SET", "k", "v")
        assert part(node, "1.incr.aof").read_bytes().endswith(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n")


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_rewrite_leaves_a_base_and_what_came_since(servers: Servers, our_server: list[str], preamble: str) -> None:
    node = servers.start(our_server, APPEND, ("aof-use-rdb-preamble", preamble))
    fill(node)
    rewrite(node)
    node.ask("SET", "behind", "the base")
    suffix = "rdb" if preamble == "yes" else "aof"
    assert parts(node) == [
        f"file appendonly.aof.2.base.{suffix} seq 2 type b",
        "file appendonly.aof.2.incr.aof seq 2 type i",
    ]
    before = digest(node)
    revive(node)
    assert digest(node) == before and node.ask("GET", "behind") == b"the base"
    wait_until(lambda: "" if len(list((node.directory / "appendonlydir").iterdir())) == 3 else "history remains")


def test_a_file_that_has_doubled_is_rewritten_by_itself(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND, ("auto-aof-rewrite-min-size", "64kb"))
    with node.connect() as connection:
        for _ in range(40):
            connection.ask("SET", "k", "x" * 4000)
    wait_until(lambda: "" if node.info("persistence")["aof_rewrites"] != "0" else "no rewrite")
    wait_rewritten(node)
    assert re.search(r"Starting automatic rewriting of AOF on \d+% growth", node.log())
    assert int(node.info("persistence")["aof_current_size"]) < 100_000


def test_a_rewrite_waits_for_a_save(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    node.ask("DEBUG", "POPULATE", 300_000)
    with node.connect() as connection:
        connection.send("BGSAVE")
        connection.send("BGREWRITEAOF")
        assert connection.receive() == b"Background saving started"
        assert connection.receive() == b"Background append only file rewriting scheduled"
    wait_rewritten(node)
    assert node.info("persistence")["aof_last_bgrewrite_status"] == "ok"


def test_a_killed_rewriter_leaves_all_as_it_was(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    node.ask("SET", "k", "v")
    node.ask("DEBUG", "POPULATE", 300_000)
    node.ask("BGREWRITEAOF")
    started = re.search(r"rewriting started by pid (\d+)", node.log())
    assert started is not None
    os.kill(int(started[1]), signal.SIGKILL)
    wait_rewritten(node)
    node.ask("SET", "l", "w")
    assert "Background AOF rewrite terminated by signal 9" in node.log()
    revive(node)
    assert node.ask("MGET", "k", "l") == [b"v", b"w"]
    assert len(parts(node)) == 3


def test_it_is_switched_on_and_off_in_a_running_server(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server)
    fill(node)
    node.ask("CONFIG", "SET", "appendonly", "yes")
    node.ask("SET", "while", "it rewrites")
    wait_rewritten(node)
    before = digest(node)
    node.directives.append(APPEND)
    node.config_path.unlink()
    revive(node)
    assert digest(node) == before
    node.ask("CONFIG", "SET", "appendonly", "no")
    node.ask("SET", "not", "written")
    assert node.info("persistence")["aof_enabled"] == "0"
    revive(node)
    assert digest(node) == before


def test_a_shutdown_syncs_and_saves_no_snapshot_that_nobody_asked_for(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    node.ask("SET", "k", "v")
    node.stop()
    assert "Calling fsync() on the AOF file." in node.log()
    assert not (node.directory / "dump.rdb").exists()


def test_a_replica_writes_its_own(servers: Servers, our_server: list[str]) -> None:
    primary, replica = servers.start(our_server), servers.start(our_server, APPEND)
    fill(primary)
    follow(replica, primary)
    with primary.connect() as connection:
        write_at_random(connection, 2000)
    wait_in_step(replica, primary)
    wait_rewritten(replica)
    before = digest(replica)
    revive(replica)
    assert digest(replica) == before


def test_debug_loadaof_reads_all_again(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    fill(node)
    before, size = digest(node), part(node, "1.incr.aof").stat().st_size
    node.ask("DEBUG", "LOADAOF")
    assert (digest(node), part(node, "1.incr.aof").stat().st_size) == (before, size)


def test_a_transaction_is_written_as_one_and_cut_off_as_one(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    node.ask("SET", "k", "v")
    with node.connect() as connection:
        for words in (["MULTI"], ["SET", "k", "w"], ["SET", "l", "w"], ["EXEC"]):
            connection.ask(*words)
    node.kill()
    file = part(node, "1.incr.aof")
    file.write_bytes(file.read_bytes()[: -len(b"*1\r\n$4\r\nEXEC\r\n")])
    node.start()
    assert node.ask("MGET", "k", "l") == [b"v", None]
    assert "Revert incomplete MULTI/EXEC transaction in AOF file appendonly.aof.1.incr.aof" in node.log()


def test_while_it_is_loaded_clients_are_told_so(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    with node.connect() as connection:
        for number in range(5000):
            connection.ask("SET", f"key:{number}", "x" * 50)
    node.stop()
    node.directives.append(("key-load-delay", 500))
    node.config_path.unlink()
    node.launch()
    with connected(node) as connection:
        with pytest.raises(hiredis.ReplyError, match="^LOADING "):
            connection.ask("GET", "key:1")
        info = parse_fields(connection.ask("INFO", "persistence"))
    assert (info["loading"], info["aof_enabled"]) == ("1", "1")
    size = sum(part(node, name).stat().st_size for name in ("1.base.rdb", "1.incr.aof"))
    assert int(info["loading_total_bytes"]) == size
    assert 0 < int(info["loading_loaded_bytes"]) < size


def connected(node: Node) -> Connection:
    """A connection to a server that is only just starting."""
    found: list[Connection] = []

    def why_not() -> str:
        found.append(node.connect())
        return ""

    wait_until(why_not)
    return found[0]


# What can't be loaded


def refuses(node: Node) -> str:
    """The server does not start: the end of its log."""
    before = len(node.log())
    node.launch()
    assert node.process is not None
    assert node.process.wait(timeout=30) == 1
    return node.log()[before:]


def test_a_truncated_file_is_refused_when_told_so(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND, ("aof-load-truncated", "no"))
    node.ask("SET", "k", "v")
    node.kill()
    file = part(node, "1.incr.aof")
    file.write_bytes(file.read_bytes()[:-1])
    assert "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof. You can: " in refuses(node)


@pytest.mark.parametrize(
    "harm, complaint",
    [
        (lambda node: part(node, "1.incr.aof").write_bytes(b"nonsense\r\n"), "Bad file format reading the append only"),
        (lambda node: part(node, "1.incr.aof").write_bytes(b"*1\r\n$4\r\nNOPE\r\n"), "Unknown command 'NOPE' reading"),
        (lambda node: part(node, "1.incr.aof").unlink(), "Unable to obtain the AOF file appendonly.aof.1.incr.aof len"),
        (lambda node: part(node, "1.base.rdb").write_bytes(b"REDIS0010"), "Error reading the RDB base file"),
        (lambda node: part(node, "manifest").write_text("file x seq 1\n"), "Invalid AOF manifest file format"),
        (lambda node: part(node, "manifest").write_text(""), "Found an empty AOF manifest"),
    ],
)
def test_what_no_crash_could_have_made_ends_the_start(
    servers: Servers, our_server: list[str], harm: object, complaint: str
) -> None:
    node = servers.start(our_server, APPEND)
    node.kill()
    assert callable(harm)
    harm(node)
    assert complaint in refuses(node)


# With redis-server


@pytest.mark.parametrize("preamble", ["yes", "no"])
@pytest.mark.parametrize("direction", ["ours to redis", "redis to ours"])
def test_each_side_goes_on_with_the_other_ones_files(
    servers: Servers, our_server: list[str], redis_server: list[str], preamble: str, direction: str
) -> None:
    first, second = (our_server, redis_server) if direction == "ours to redis" else (redis_server, our_server)
    node = servers.start(first, APPEND, ("aof-use-rdb-preamble", preamble), ("aof-timestamp-enabled", "yes"))
    fill(node)
    rewrite(node)
    with node.connect() as connection:
        write_at_random(connection, 2000)
    before = digest(node)
    node.stop()
    node.program = tuple(second)
    node.start()
    assert digest(node) == before
    with node.connect() as connection:
        write_at_random(connection, 500)
    rewrite(node)
    before = digest(node)
    node.stop()
    node.program = tuple(first)
    node.start()
    assert digest(node) == before


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_redis_check_aof_finds_nothing_wrong(servers: Servers, our_server: list[str], preamble: str) -> None:
    checker = shutil.which("redis-check-aof")
    if checker is None:
        pytest.skip("there is no redis-check-aof (Debian: apt-get install redis-tools)")
    node = servers.start(our_server, APPEND, ("aof-use-rdb-preamble", preamble), ("aof-timestamp-enabled", "yes"))
    fill(node)
    rewrite(node)
    with node.connect() as connection:
        for words in (["MULTI"], ["SET", "k", "w"], ["SET", "l", "w"], ["EXEC"]):
            connection.ask(*words)
    node.kill()
    checked = subprocess.run([checker, str(part(node, "manifest"))], capture_output=True, text=True, timeout=60)
    assert "All AOF files and manifest are valid" in checked.stdout and checked.returncode == 0


def test_redis_check_aof_goes_back_to_any_second(servers: Servers, our_server: list[str]) -> None:
    checker = shutil.which("redis-check-aof") or pytest.skip("there is no redis-check-aof")
    node = servers.start(our_server, APPEND, ("aof-timestamp-enabled", "yes"))
    node.ask("SET", "k", "before")
    second = int(node.ask("TIME")[0])
    wait_until(lambda: "" if int(node.ask("TIME")[0]) > second + 1 else "too early")
    node.ask("SET", "k", "after")
    node.kill()
    words = [checker, "--truncate-to-timestamp", str(second + 1), str(part(node, "manifest"))]
    checked = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert "Successfully truncated AOF" in checked.stdout, checked.stdout
    node.start()
    assert node.ask("GET", "k") == b"before"


def test_a_single_file_of_old_becomes_the_base(
    servers: Servers, our_server: list[str], redis_server: list[str]
) -> None:
    node = servers.start(redis_server, APPEND, ("aof-use-rdb-preamble", "yes"))
    fill(node)
    rewrite(node)
    node.ask("SET", "behind", "the preamble")
    before = digest(node)
    node.stop()
    # Before version 7 the snapshot and the commands behind it were one file.
    old = b"".join(part(node, name).read_bytes() for name in ("2.base.rdb", "2.incr.aof"))
    shutil.rmtree(node.directory / "appendonlydir")
    (node.directory / "appendonly.aof").write_bytes(old)
    node.program = tuple(our_server)
    node.start()
    assert digest(node) == before
    assert "Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory" in node.log()
    assert parts(node)[0] == "file appendonly.aof seq 1 type b"


# A disk that is full


def limit_files(node: Node, size: int) -> None:
    """Makes every file of a running server end at so many bytes, as if the disk were full."""
    assert node.pid is not None
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_stops_writes_until_there_is_room(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, APPEND)
    node.ask("SET", "k", "v")
    room = part(node, "1.incr.aof").stat().st_size
    limit_files(node, room + 20)
    with node.connect() as connection:
        connection.ask("SET", "k", "w" * 1000)  # it was accepted before the disk was found full
        for words in (["SET", "l", "v"], ["PING"]):
            with pytest.raises(hiredis.ReplyError, match="^MISCONF Errors writing to the AOF file: No space left on d"):
                connection.ask(*words)
        assert connection.ask("GET", "l") is None
        assert part(node, "1.incr.aof").stat().st_size == room
        limit_files(node, resource.RLIM_INFINITY)
        wait_until(lambda: "" if node.info("persistence")["aof_last_write_status"] == "ok" else "still full")
        connection.ask("SET", "l", "v")
        # With everysec a write waits for a sync that is under way, and its reply does not.
        wait_until(lambda: "" if node.info("persistence")["aof_buffer_length"] == "0" else "it is not written yet")
    assert "AOF write error looks solved, Redis can write again." in node.log()
    revive(node)
    assert node.ask("MGET", "k", "l") == [b"w" * 1000, b"v"]


def test_with_always_a_full_disk_ends_the_server_and_nothing_acknowledged_is_lost(
    servers: Servers, our_server: list[str]
) -> None:
    node = servers.start(our_server, APPEND, ("appendfsync", "always"))
    node.ask("SET", "large", "x" * 100_000)  # there must be room for the log
    node.ask("SET", "k", "v")
    limit_files(node, part(node, "1.incr.aof").stat().st_size + 20)
    with pytest.raises((ConnectionError, EOFError, OSError)):
        node.ask("SET", "k", "w" * 1000)
    assert node.process is not None and node.process.wait(timeout=30) == 1
    assert "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..." in node.log()
    node.start()
    assert node.ask("GET", "k") == b"v"


# Killed again and again


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_four_kills_under_load_lose_nothing(policy: str) -> None:
    script = Path(__file__).parents[2] / "scripts" / "kill9.py"
    command = [sys.executable, str(script), "--rounds", "4", "--appendfsync", policy]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
