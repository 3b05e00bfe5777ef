"""repl-diskless-load between processes: our datasets into real servers' memory, and theirs into ours."""


import hiredis
import pytest

from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.differential.rdb_dataset import commands
from tests.integration.replicas import Servers, assert_same, digest, follow, full_syncs, write_at_random

SLOW_KEYS = 20_000
SLOWLY = ("CONFIG", "SET", "rdb-key-save-delay", 200)  # microseconds a key: about 4 s for all

OFTEN = ("loading-process-events-interval-bytes", 1024)  # a real server serves nobody in between


@pytest.mark.parametrize("diskless", ["yes", "no"])
@pytest.mark.parametrize("manner", ["on-empty-db", "swapdb"])
def test_a_dataset_of_every_type_arrives(
    servers: Servers, programs: tuple[list[str], list[str]], manner: str, diskless: str
) -> None:
    primary = servers.start(programs[0], ("repl-diskless-sync", diskless))
    replica = servers.start(programs[1], ("repl-diskless-load", manner))
    with primary.connect() as connection:
        connection.ask_all(commands())
    follow(replica, primary)
    write_at_random(primary.connect(), 500)
    assert_same(replica, primary)
    assert "to parser" in replica.log()
    assert not list(replica.directory.glob("*.rdb"))


def start_slow_resync(servers: Servers, programs: tuple[list[str], list[str]]) -> tuple[Node, Node]:
    """A replica that has the key `old`, and is about to get a large dataset of the same history, slowly."""
    primary = servers.start(programs[0], ("repl-backlog-size", 16_384))
    replica = servers.start(programs[1], ("repl-diskless-load", "swapdb"), OFTEN)
    primary.ask("SET", "old", "1")
    follow(replica, primary)
    replica.pause()
    primary.ask("CLIENT", "KILL", "TYPE", "replica")
    primary.ask("DEL", "old")
    primary.ask(*SLOWLY)
    primary.ask("DEBUG", "POPULATE", SLOW_KEYS)
    for seed in range(5):
        write_at_random(primary.connect(), 1000, seed)  # more than the backlog holds, which drops it in pieces
    replica.resume()
    wait_until(lambda: "" if replica.info("persistence")["async_loading"] == "1" else "it does not load")
    return primary, replica


def test_reads_are_served_from_the_old_dataset_meanwhile(
    servers: Servers, programs: tuple[list[str], list[str]]
) -> None:
    primary, replica = start_slow_resync(servers, programs)
    assert replica.ask("GET", "old") == b"1"
    assert replica.info("persistence")["loading"] == "0"
    with pytest.raises(hiredis.ReplyError, match="LOADING"):
        replica.ask("SAVE")
    assert_same(replica, primary)
    assert replica.ask("GET", "old") is None
    assert full_syncs(primary) == 2


def test_a_primary_that_dies_meanwhile_takes_nothing_away(
    servers: Servers, programs: tuple[list[str], list[str]]
) -> None:
    primary, replica = start_slow_resync(servers, programs)
    before = digest(replica)
    primary.kill()
    wait_until(lambda: "" if replica.info("persistence")["async_loading"] == "0" else "it loads")
    assert digest(replica) == before
    assert replica.ask("GET", "old") == b"1"
