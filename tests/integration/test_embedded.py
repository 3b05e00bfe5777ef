"""A server that may not fork, as one in somebody else's process: it saves, syncs and rewrites between requests."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.differential.rdb_dataset import commands
from tests.integration.replicas import Servers, assert_same, digest, wait_in_step, write_at_random

# Server's last default is may_fork: the process is made as any other, but for that.
PROGRAM = """
import runpy
from pycluster.server.server import Server
*others, may_fork = Server.__init__.__defaults__
assert may_fork is True
Server.__init__.__defaults__ = (*others, False)
runpy.run_module("pycluster", run_name="__main__")
"""


@pytest.fixture
def node(servers: Servers, tmp_path: Path) -> Node:
    """A server with values of every type and many small ones."""
    (tmp_path / "embedded.py").write_text(PROGRAM)
    started = servers.start([sys.executable, str(tmp_path / "embedded.py")])
    with started.connect() as connection:
        connection.ask_all(commands())
    started.ask("DEBUG", "POPULATE", 50_000)
    return started


@contextmanager
def writing(node: Node) -> Iterator[None]:
    """Somebody changes values of every type meanwhile."""
    is_over = threading.Event()

    def write() -> None:
        seed = 0
        with node.connect(60) as connection:
            while not is_over.is_set():
                write_at_random(connection, 100, seed)
                seed += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def wait_for(node: Node, **fields: str) -> None:
    def why_not() -> str:
        told = node.info("persistence", "replication")
        return "" if all(told.get(name) == value for name, value in fields.items()) else str(told)

    wait_until(why_not, timeout_s=60)


def test_a_save_has_what_there_was_when_it_was_ordered(node: Node) -> None:
    before = digest(node)
    with node.connect() as connection:
        connection.ask("BGSAVE")
        write_at_random(connection, 500, 1)
    wait_for(node, rdb_bgsave_in_progress="0", rdb_last_bgsave_status="ok")
    node.ask("DEBUG", "RELOAD", "NOSAVE")
    assert digest(node) == before and node.info("stats")["total_forks"] == "0"


def test_a_real_replica_gets_everything_while_it_changes(node: Node, servers: Servers, redis_server: list[str]) -> None:
    replica = servers.start(redis_server)
    with writing(node):
        replica.ask("REPLICAOF", node.host, node.port)
        wait_for(replica, master_link_status="up")
    wait_in_step(replica, node)
    assert_same(replica, node)


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_an_append_only_file_is_begun_while_everything_changes(node: Node, preamble: str) -> None:
    node.ask("CONFIG", "SET", "aof-use-rdb-preamble", preamble)
    with writing(node):
        node.ask("CONFIG", "SET", "appendonly", "yes")
        wait_for(node, aof_rewrite_in_progress="0", aof_rewrite_scheduled="0", aof_last_bgrewrite_status="ok")
    before = digest(node)
    node.ask("DEBUG", "LOADAOF")
    assert digest(node) == before
