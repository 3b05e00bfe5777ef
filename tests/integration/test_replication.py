"""Replication between processes: ours with ours, and each side with a real redis-server on the other."""


import hiredis
import pytest

from pycluster.testing.connection import Connection
from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.differential.rdb_dataset import commands
from tests.integration.replicas import (
    Servers,
    assert_same,
    digest,
    follow,
    full_syncs,
    partial_syncs,
    pending,
    wait_in_step,
    write_at_random,
)


def fill(node: Node) -> None:
    with node.connect() as connection:
        connection.ask_all(commands())


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_full_sync_brings_every_type(servers: Servers, programs: tuple[list[str], list[str]], diskless: str) -> None:
    primary = servers.start(programs[0], ("repl-diskless-sync", diskless))
    replica = servers.start(programs[1])
    fill(primary)
    follow(replica, primary)
    assert digest(replica) == digest(primary)
    assert full_syncs(primary) == 1


def test_random_traffic_leaves_both_with_the_same_data(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    with primary.connect() as connection:
        write_at_random(connection, 20_000)
    assert_same(replica, primary)


def test_what_is_pending_in_streams_is_so_on_both_sides(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    with primary.connect() as connection:
        write_at_random(connection, 5_000)
    assert_same(replica, primary)
    assert pending(replica) == pending(primary)
    assert any(told for _, told in pending(primary).values())


def test_a_link_that_was_cut_goes_on_where_it_was(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    with primary.connect() as connection:
        for seed in range(5):
            write_at_random(connection, 500, seed)
            connection.ask("CLIENT", "KILL", "TYPE", "replica")
            write_at_random(connection, 500, seed + 100)
    assert_same(replica, primary)
    assert full_syncs(primary) == 1
    assert partial_syncs(primary) >= 1


def test_writes_during_a_full_sync_are_not_lost(servers: Servers, programs: tuple[list[str], list[str]]) -> None:
    primary, replica = servers.start(programs[0]), servers.start(programs[1])
    primary.ask("DEBUG", "POPULATE", 100_000)
    with primary.connect() as connection:
        replica.ask("REPLICAOF", primary.host, primary.port)
        for seed in range(10):
            write_at_random(connection, 300, seed)
    assert_same(replica, primary)


def test_wait_counts_the_replica(pair: tuple[Node, Node]) -> None:
    primary, _ = pair
    with primary.connect() as connection:
        connection.ask("SET", "k", "v")
        assert connection.ask("WAIT", 1, 5000) == 1
        assert connection.ask("WAIT", 2, 10) == 1


def test_a_replica_refuses_writes_and_never_expires_on_its_own(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    with pytest.raises(hiredis.ReplyError, match="READONLY"):
        replica.ask("SET", "k", "v")
    primary.ask("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    primary.ask("SET", "k", "v", "PX", 1)
    wait_until(lambda: "it lives" if replica.ask("GET", "k") else "")
    wait_in_step(replica, primary)
    assert replica.ask("DBSIZE") == 1
    assert primary.ask("GET", "k") is None  # found dead, and so deleted
    wait_until(lambda: "it is still counted" if replica.ask("DBSIZE") else "")


def test_databases_are_selected_in_the_stream(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    with primary.connect() as connection:
        for db in (0, 5, 5, 3, 0):
            connection.ask("SELECT", db)
            connection.ask("RPUSH", "where", db)
    assert_same(replica, primary)


def test_a_replica_that_was_restarted_goes_on_from_its_snapshot(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    write_at_random(primary.connect(), 1000)
    wait_in_step(replica, primary)
    stop_with_snapshot(replica)
    replica.directives.append(("replicaof", f"{primary.host} {primary.port}"))
    replica.config_path.unlink()
    write_at_random(primary.connect(), 100, seed=2)
    replica.start()
    assert_same(replica, primary)
    assert full_syncs(primary) == 1


def stop_with_snapshot(node: Node) -> None:
    try:
        node.ask("SHUTDOWN", "SAVE")
    except (ConnectionError, OSError):
        pass
    node.wait_gone()


def test_a_promoted_replica_is_followed_without_a_full_sync(
    servers: Servers, programs: tuple[list[str], list[str]]
) -> None:
    primary = servers.start(programs[0])
    heir, other = servers.start(programs[1]), servers.start(programs[0])
    for replica in (heir, other):
        follow(replica, primary)
    write_at_random(primary.connect(), 1000)
    for replica in (heir, other):
        wait_in_step(replica, primary)
    heir.ask("REPLICAOF", "NO", "ONE")
    write_at_random(heir.connect(), 100, seed=2)
    for replica in (other, primary):
        follow(replica, heir)
        assert digest(replica) == digest(heir)
    assert full_syncs(heir) == 0
    assert partial_syncs(heir) == 2


def test_a_replica_of_a_replica_gets_the_same_stream(servers: Servers, programs: tuple[list[str], list[str]]) -> None:
    primary, between, last = (servers.start(program) for program in (programs[0], programs[1], programs[0]))
    follow(between, primary)
    follow(last, between)
    write_at_random(primary.connect(), 2000)
    assert_same(between, primary)
    assert_same(last, between)
    assert last.info("replication")["master_replid"] == primary.info("replication")["master_replid"]


def test_a_primary_with_a_password_lets_in_who_knows_it(
    servers: Servers, programs: tuple[list[str], list[str]]
) -> None:
    primary = servers.start(programs[0], ("requirepass", "secret"))
    replica = servers.start(programs[1])
    replica.ask("REPLICAOF", primary.host, primary.port)
    wait_until(lambda: "" if "Unable to" in replica.log() or "NOAUTH" in replica.log() else "it has not been refused")
    replica.ask("CONFIG", "SET", "masterauth", "secret")
    wait_until(lambda: "" if replica.info("replication")["master_link_status"] == "up" else "it has no link")


def test_role_tells_both_sides(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    wait_until(lambda: "" if primary.ask("ROLE")[2] else "it has no replica online")
    who, _, replicas = primary.ask("ROLE")
    assert (who, replicas[0][:2]) == (b"master", [b"127.0.0.1", b"%d" % replica.port])
    assert replica.ask("ROLE")[:4] == [b"slave", b"127.0.0.1", primary.port, b"connected"]


def test_a_replica_cut_off_in_the_middle_of_a_transaction_applies_all_of_it_or_nothing(
    servers: Servers, our_server: list[str], redis_server: list[str]
) -> None:
    primary, replica = servers.start(redis_server), servers.start(our_server)
    follow(replica, primary)
    with primary.connect() as connection:
        for number in range(200):
            connection.send("MULTI")
            connection.send("INCR", "a")
            connection.send("INCR", "b")
            connection.send("EXEC")
            if number % 20 == 0:
                replica.ask("CLIENT", "KILL", "TYPE", "master")
        for _ in range(800):
            connection.receive()
    assert_same(replica, primary)
    assert replica.ask("MGET", "a", "b") == [b"200", b"200"]


def test_a_command_that_is_not_known_here_is_shouted_about_and_costs_a_full_sync(
    servers: Servers, our_server: list[str], redis_server: list[str]
) -> None:
    primary, replica = servers.start(redis_server), servers.start(our_server, ("rename-command", 'APPEND ""'))
    follow(replica, primary)
    primary.ask("APPEND", "k", "v")
    wait_until(lambda: "" if "== CRITICAL ==" in replica.log() else "nothing in the log")
    wait_until(lambda: "" if full_syncs(primary) == 2 else "it does not ask for everything")
    assert_same(replica, primary)
    assert replica.ask("GET", "k") == b"v"


def test_a_primary_whose_replica_goes_in_the_middle_of_a_sync_lives_on(servers: Servers, our_server: list[str]) -> None:
    primary = servers.start(our_server)
    primary.ask("DEBUG", "POPULATE", 200_000, "key", 500)
    with Connection(primary.host, primary.port) as connection:
        connection.send("PSYNC", "?", -1)
        assert connection.socket.recv(12) == b"+FULLRESYNC "
    wait_until(lambda: "" if primary.info("persistence")["rdb_bgsave_in_progress"] == "0" else "its child is at work")
    wait_until(lambda: "" if primary.info("replication")["connected_slaves"] == "0" else "it still has a replica")
    assert primary.ask("SET", "k", "v") in (b"OK", "OK")


def test_a_primary_without_psync_is_followed_by_sync(servers: Servers, programs: tuple[list[str], list[str]]) -> None:
    primary = servers.start(programs[0], ("rename-command", 'PSYNC ""'))
    replica = servers.start(programs[1])
    primary.ask("SET", "k", "v")
    replica.ask("REPLICAOF", primary.host, primary.port)
    wait_until(lambda: "" if replica.info("replication")["master_link_status"] == "up" else "it has no link")
    primary.ask("APPEND", "k", "v")
    wait_until(lambda: "" if replica.ask("GET", "k") == b"vv" else "the stream does not come")
    assert "Retrying with SYNC..." in replica.log()
