"""The start of a server that cannot be: what is said, to whom, and with which exit status; compared with redis-server.

And the start that can be: what a process looks like to those who wait for it, kill it, and start it again.
"""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pycluster.testing import Node, reserve_port, wait_until
from tests.integration.replicas import Servers

PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process that did not become a server left behind: its exit status, stderr, and the log's last lines."""

    status: int
    complaint: str
    log: list[str]


def start(program: list[str], *words: object, cwd: Path, stdin: str = "") -> Ended:
    command = [*program, *map(str, words)]
    ended = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=PATIENCE_S)
    complaint = re.sub(r"Redis \d+\.\d+\.\d+", "Redis X", ended.stderr)
    # A line of the log without process, role, time and level: levels of some lines changed between 7.0 and 7.2.
    lines = [re.sub(r"^\d+:[XCSM] .{24} [.*#-] ", "", line) for line in ended.stdout.splitlines()]
    return Ended(ended.returncode, complaint, lines)


@pytest.fixture
def port() -> Iterator[int]:
    reserved = reserve_port()
    yield reserved.number
    reserved.release()


# What is no configuration

CONFIGURATIONS = {
    "an unknown directive": "port 1\nnosuch yes",
    "a bad value": "maxmemory much",
    "two words for one": "timeout 1 2",
    "no value": "port",
    "open quotes": '\n\n  requirepass "secret',
    "a bound": "port 70000",
    "a name of several": 'loglevel "loud"\n',
    "save points": "save 900",
    "a directory": "dir /nowhere/at/all",
    "a path for a name": "dbfilename ../x",
    "a log file": "logfile /nowhere/at/all",
    "a replica in a cluster": "cluster-enabled yes\nreplicaof 127.0.0.1 6379",
    "a command to rename": "rename-command NOSUCH x",
    "a name that is taken": "rename-command GET SET",
    "sentinel": "sentinel monitor m 127.0.0.1 6379 2",
    "a module's directive": "search.x",
    "an included file's line": "include more.conf",
    "limits": "client-output-buffer-limit normal 0 0",
}


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_bad_line_is_refused_in_redis_words(
    our_server: list[str], redis_server: list[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "redis.conf").write_text(text)
    (tmp_path / "more.conf").write_text("\n\ntimeout x # ")
    if "loud" in text:
        redis_server = our_server  # 7.2 knows one level more
    ours = start(our_server, "redis.conf", cwd=tmp_path)
    theirs = start(redis_server, "redis.conf", cwd=tmp_path)
    assert (ours.status, ours.complaint) == (theirs.status, theirs.complaint)
    assert ours.status == 1 and "FATAL CONFIG FILE ERROR" in ours.complaint


@pytest.mark.parametrize(
    "words",
    [
        ["--port", "x"], ["--port", "1", "2"], ["--nosuch"], ["--port", "--bind", "::1"], ["--port 1 2"],
        ["--maxmemory", 'a "b" \n'], ["x", "--port", "1"], ["--save", "900"], ["--", "x"],
        ["--port", "1", "-", "--hz", "10"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_bad_options_are_refused_in_redis_words(
    our_server: list[str], redis_server: list[str], tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "x").write_text("timeout 1\ntimeout y")
    ours, theirs = start(our_server, *words, cwd=tmp_path), start(redis_server, *words, cwd=tmp_path)
    assert (ours.status, ours.complaint) == (theirs.status, theirs.complaint)
    assert ours.complaint


def test_standard_input_comes_behind_the_file(our_server: list[str], redis_server: list[str], tmp_path: Path) -> None:
    (tmp_path / "redis.conf").write_text("timeout 1\n")
    endings = [start(one, "redis.conf", "-", cwd=tmp_path, stdin="\nport x") for one in (our_server, redis_server)]
    assert endings[0].complaint == endings[1].complaint
    assert "at line 3\n>>> 'port x'" in endings[0].complaint


def test_a_file_that_is_not_there(our_server: list[str], redis_server: list[str], tmp_path: Path) -> None:
    ours, theirs = (start(one, "nosuch.conf", cwd=tmp_path) for one in (our_server, redis_server))
    assert (ours.status, ours.log[-1]) == (theirs.status, theirs.log[-1])


# What cannot be had


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "*", "-127.0.0.1", "nosuch.invalid", "203.0.113.1"])
def test_an_address_that_is_not_to_be_had(
    our_server: list[str], redis_server: list[str], tmp_path: Path, port: int, address: str
) -> None:
    with socket.create_server(("127.0.0.1", port)):
        words = ("--port", port, "--bind", address)
        ours, theirs = (start(one, *words, cwd=tmp_path) for one in (our_server, redis_server))
    assert (ours.status, ours.log[-2]) == (theirs.status, theirs.log[-2]) == (1, ours.log[-2])
    assert ours.log[-1] == f"Failed listening on port {port} (tcp), aborting."


def test_no_address_at_all(our_server: list[str], redis_server: list[str], tmp_path: Path) -> None:
    for words in (["--port", 0], ["--bind", ""], ["--bind", "-203.0.113.1"]):
        ours, theirs = (start(one, *words, cwd=tmp_path) for one in (our_server, redis_server))
        assert (ours.status, ours.log[-1]) == (theirs.status, theirs.log[-1]), words


def test_a_module_is_not_loaded(our_server: list[str], tmp_path: Path, port: int) -> None:
    ended = start(our_server, "--port", port, "--loadmodule", "/nowhere.so", cwd=tmp_path)
    assert (ended.status, ended.log[-1]) == (1, "Can't load module from /nowhere.so: server aborting")


def test_tls_is_not_pretended(our_server: list[str], redis_server: list[str], tmp_path: Path, port: int) -> None:
    ended = start(our_server, "--tls-port", port, "--port", 0, cwd=tmp_path)
    assert (ended.status, ended.log[-1]) == (1, "Failed finding TLS support.")


# Words about itself


def test_the_version_is_told_in_redis_form(our_server: list[str], redis_server: list[str], tmp_path: Path) -> None:
    form = r"Redis server v=\d+\.\d+\.\d+ sha=[0-9a-f]{8}:\d malloc=\S+ bits=64 build=[0-9a-f]+"
    for program in (our_server, redis_server):
        for word in ("-v", "--version"):
            ended = start(program, word, cwd=tmp_path)
            assert ended.status == 0 and re.match(form, ended.log[0])


def test_help_is_given(our_server: list[str], tmp_path: Path) -> None:
    for word in ("-h", "--help"):
        assert start(our_server, word, cwd=tmp_path).complaint.startswith("Usage: pycluster-server ")


# A server


@pytest.fixture
def node(our_server: list[str], tmp_path: Path, port: int) -> Iterator[Node]:
    """One of ours that is not started yet."""
    node = Node(port, tmp_path / "node", program=our_server)
    yield node
    node.kill()


def test_the_log_tells_the_start_as_redis_does(node: Node) -> None:
    node.start()
    lines = [re.sub(r"^\d+:([CM]) .{24} ([*#]) ", r"\1\2 ", line) for line in node.log().splitlines()]
    expected = [
        "C* oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
        f"C* Redis version=7.2.4, bits=64, commit=00000000, modified=0, pid={node.pid}, just started",
        "C* Configuration loaded",
        "M* monotonic clock: POSIX clock_gettime",
        f"M* Running mode=standalone, port={node.port}.",
        "M* Server initialized",
        "M* Ready to accept connections tcp",
    ]
    assert [line for line in lines if line in expected] == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(node: Node, number: signal.Signals) -> None:
    node.start()
    process = node.process
    node.signal(number)
    assert process is not None and process.wait(PATIENCE_S) == 0
    log = node.log()
    assert f"{process.pid}:signal-handler (" in log and f") Received {number.name} scheduling shutdown..." in log
    assert "* User requested shutdown..." in log and log.endswith("# Redis is now ready to exit, bye bye...\n")


@pytest.mark.parametrize("words", [["NOSAVE"], ["save"], [], ["NOSAVE", "NOW", "FORCE"]], ids=" ".join)
def test_a_client_ends_it(node: Node, words: list[str]) -> None:
    node.start()
    node.ask("SET", "a", 1)
    process = node.process
    with node.connect() as connection, pytest.raises(ConnectionError):
        connection.ask("SHUTDOWN", *words)
    assert process is not None and process.wait(PATIENCE_S) == 0
    assert (node.directory / "dump.rdb").exists() == ("NOSAVE" not in words)


def test_what_cannot_be_saved_is_not_left(node: Node) -> None:
    node.start()
    node.ask("SET", "a", 1)
    (node.directory / "dump.rdb").mkdir()
    with pytest.raises(Exception, match="Errors trying to SHUTDOWN. Check logs."):
        node.ask("SHUTDOWN")
    assert node.ask("GET", "a") == b"1"
    assert "# Error trying to save the DB, can't exit." in node.log()
    with node.connect() as connection, pytest.raises(ConnectionError):
        connection.ask("SHUTDOWN", "FORCE")


def test_the_process_that_was_started_is_the_server(node: Node) -> None:
    node.start()
    assert node.process is not None
    assert node.info("server")["process_id"] == str(node.process.pid)


def test_a_pid_file_is_written_and_removed(node: Node) -> None:
    node.directives = [("pidfile", "here.pid")]
    node.start()
    assert (node.directory / "here.pid").read_text() == f"{node.pid}\n"
    node.stop()
    assert not (node.directory / "here.pid").exists()


def test_a_pid_file_that_cannot_be_written_is_no_obstacle(node: Node) -> None:
    node.directives = [("pidfile", "/nowhere/redis.pid")]
    node.start()
    assert "# Failed to write PID file: No such file or directory" in node.log()


def test_a_daemon_leaves_whoever_started_it(our_server: list[str], tmp_path: Path, port: int) -> None:
    node = Node(port, tmp_path / "node", program=our_server, daemon=True)
    try:
        node.launch()
        launcher = node.process
        node.wait_ready()
        assert launcher is not None and node.pid is not None
        assert os.getpgid(node.pid) == node.pid != launcher.pid
        assert Path(f"/proc/{node.pid}/cwd").readlink() == node.directory
        assert all(Path(f"/proc/{node.pid}/fd/{fd}").readlink() == Path("/dev/null") for fd in (0, 1, 2))
        node.stop()
        assert not node.pid_path.exists()
    finally:
        node.kill()


def test_systemd_is_told_when_it_is_ready(our_server: list[str], tmp_path: Path, port: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        program = ["/usr/bin/env", f"NOTIFY_SOCKET={tmp_path}/notify", *our_server]
        node = Node(port, tmp_path / "node", program=program, directives=[("supervised", "auto"), ("daemonize", "yes")])
        try:
            node.start()
            assert systemd.recv(100) == b"STATUS=Redis is loading..."
            assert systemd.recv(100) == b"STATUS=Ready to accept connections\nREADY=1"
            assert node.info("server")["process_supervised"] == "systemd"
        finally:
            node.kill()


def test_silent_peers_are_asked_whether_they_are_there(node: Node) -> None:
    node.start()
    with node.connect() as connection:
        connection.ask("PING")
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        (timer,) = (row[5] for row in rows if row[1].endswith(f":{node.port:04X}") and row[3] == "01")
    assert timer.startswith("02:")  # the keep-alive timer runs


def test_a_second_node_in_a_directory_goes_away(
    node: Node, our_server: list[str], redis_server: list[str], port: int
) -> None:
    node.directives = [("cluster-enabled", "yes")]
    node.start()
    words = ("--port", port - 1, "--dir", node.directory, "--cluster-enabled", "yes")
    ours, theirs = (start(one, *words, cwd=node.directory) for one in (our_server, redis_server))
    assert (ours.status, ours.log[-1]) == (theirs.status, theirs.log[-1])


def test_a_config_is_set_rewritten_and_read_again(node: Node) -> None:
    node.start()
    node.ask("CONFIG", "SET", "timeout", 77, "maxmemory", "100mb")
    node.ask("CONFIG", "REWRITE")
    node.restart()
    assert node.ask("CONFIG", "GET", "timeout") == [b"timeout", b"77"]
    assert "maxmemory 100mb\n" in node.config_path.read_text()


def test_the_port_can_be_changed(node: Node) -> None:
    node.start()
    other = reserve_port()
    try:
        node.ask("CONFIG", "SET", "port", other.number)
        node.port = other.number
        wait_until(lambda: "" if node.ask("PING") == b"PONG" else "no answer")
        assert node.info("server")["tcp_port"] == str(other.number)
    finally:
        other.release()


def test_a_unix_socket_is_served(node: Node) -> None:
    node.directives = [("unixsocket", "redis.sock"), ("unixsocketperm", "700")]
    node.start()
    path = node.directory / "redis.sock"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        assert client.recv(100) == b"+PONG\r\n"
    assert path.stat().st_mode & 0o777 == 0o700
    assert "* Ready to accept connections unix" in node.log()
    node.stop()
    assert not path.exists()


def test_renamed_commands_are_found_under_their_new_names(node: Node) -> None:
    node.directives = [("rename-command", "GET fetch"), ("rename-command", 'FLUSHALL ""')]
    node.start()
    node.ask("SET", "a", 1)
    assert node.ask("FETCH", "a") == b"1"
    for words in (["GET", "a"], ["FLUSHALL"]):
        with pytest.raises(Exception, match="unknown command"):
            node.ask(*words)


def test_maxclients_follows_the_limit_of_open_files(our_server: list[str], tmp_path: Path, port: int) -> None:
    script = 'ulimit -n 100; exec "$0" "$@"'
    node = Node(port, tmp_path / "node", program=["/bin/sh", "-c", script, *our_server])
    try:
        node.start()
        (maxclients,) = map(int, node.ask("CONFIG", "GET", "maxclients")[1:])
        assert maxclients == 68
        assert "maxclients has been reduced to 68 to compensate for low ulimit." in node.log()
    finally:
        node.kill()


def test_an_order_that_changes_nothing_leaves_nodes_conf_alone(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, ("cluster-enabled", "yes"))
    node.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    file = node.directory / "nodes.conf"
    first = file.stat().st_ino
    node.ask("CLUSTER", "SETSLOT", 5, "NODE", node.ask("CLUSTER", "MYID"))
    assert file.stat().st_ino == first
    node.ask("CLUSTER", "DELSLOTS", 5)
    assert file.stat().st_ino != first
