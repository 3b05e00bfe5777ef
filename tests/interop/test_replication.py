"""A real server follows ours, and ours a real one: nothing is lost on the way, in either direction."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.differential.rdb_dataset import commands
from tests.integration.replicas import Servers, assert_same, follow, full_syncs, partial_syncs, write_at_random


@pytest.fixture(params=["ours leads", "ours follows"])
def pair(
    request: pytest.FixtureRequest, our_server: list[str], real_server: list[str], tmp_path: Path
) -> Iterator[tuple[Node, Node]]:
    """A primary with a dataset of every type, and a server that does not follow it yet."""
    servers = Servers(tmp_path)
    programs = [our_server, real_server] if request.param == "ours leads" else [real_server, our_server]
    primary, replica = map(servers.start, programs)
    with primary.connect() as connection:
        connection.ask_all(commands())
    yield primary, replica
    servers.stop()


def test_a_dataset_of_every_type_and_the_traffic_behind_it_arrive(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    follow(replica, primary)
    with primary.connect() as connection:
        write_at_random(connection, 5000)
    assert_same(replica, primary)


def test_a_link_that_breaks_again_and_again_costs_no_second_full_sync(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    follow(replica, primary)
    with primary.connect() as connection:
        for seed in range(5):
            write_at_random(connection, 200, seed)
            connection.ask("CLIENT", "KILL", "TYPE", "replica")
            write_at_random(connection, 200, seed + 100)
    assert_same(replica, primary)
    assert full_syncs(primary) == 1 and partial_syncs(primary) >= 1


def test_failover_makes_the_two_change_places_and_change_again(pair: tuple[Node, Node]) -> None:
    leader, follower = pair
    follow(follower, leader)
    for _ in range(2):
        leader.ask("FAILOVER", "TO", follower.host, follower.port, "TIMEOUT", 20_000)
        wait_until(lambda: "" if follower.info("replication")["role"] == "master" else "it follows")  # noqa: B023
        write_at_random(follower.connect(), 500)
        leader, follower = follower, leader
        assert_same(follower, leader)
    assert full_syncs(pair[0]) == 1 and full_syncs(pair[1]) == 0


def test_a_dataset_goes_straight_into_memory(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    replica.ask("CONFIG", "SET", "repl-diskless-load", "swapdb")
    follow(replica, primary)
    write_at_random(primary.connect(), 500)
    assert_same(replica, primary)
    assert "to parser" in replica.log()
