"""How a primary feeds its replicas, and when it gives them up: told by pycluster and by redis-server alike."""

import subprocess
from pathlib import Path

import hiredis
import pytest

from pycluster.testing import Node, wait_until
from tests.integration.replicas import Servers, assert_same, digest, follow, wait_in_step, write_at_random
from tests.integration.test_semantics_replication import RawPrimary, RawReplica, wait_until_closed


@pytest.fixture
def pair(servers: Servers, server: list[str]) -> tuple[Node, Node]:
    primary, replica = servers.start(server), servers.start(server)
    follow(replica, primary)
    return primary, replica


def wait_for_info(node: Node, section: str, name: str, value: str) -> None:
    wait_until(lambda: "" if (now := node.info(section).get(name)) == value else f"{name} is {now}")


def wait_for_log(node: Node, words: str) -> None:
    wait_until(lambda: "" if words in node.log() else f"{words!r} is not in the log")


def attach(primary: Node) -> RawReplica:
    """A replica that does what its test says: so far it has taken the snapshot."""
    raw = RawReplica(primary)
    assert raw.synchronize("?", -1).startswith(b"+FULLRESYNC")
    raw.skip_file()
    return raw


# Full syncs


def test_one_child_feeds_all_who_come_within_the_delay(servers: Servers, server: list[str]) -> None:
    primary = servers.start(server, ("repl-diskless-sync-delay", 60), ("repl-diskless-sync-max-replicas", 3))
    write_at_random(primary.connect(), 500)
    replicas = [servers.start(server) for _ in range(3)]
    for replica in replicas:
        replica.ask("REPLICAOF", primary.host, primary.port)
    for replica in replicas:
        assert_same(replica, primary)
    assert primary.info("stats")["total_forks"] == "1"


def test_the_delay_ends_although_fewer_have_come(servers: Servers, server: list[str]) -> None:
    primary = servers.start(server, ("repl-diskless-sync-delay", 1), ("repl-diskless-sync-max-replicas", 3))
    follow(servers.start(server), primary)


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_redis_cli_gets_a_file_that_can_be_loaded(
    servers: Servers, server: list[str], redis_cli: str, tmp_path: Path, diskless: str
) -> None:
    primary = servers.start(server, ("repl-diskless-sync", diskless))
    write_at_random(primary.connect(), 2000)
    fetched = tmp_path / "fetched.rdb"
    subprocess.run([redis_cli, "-p", str(primary.port), "--rdb", str(fetched)], check=True, timeout=60)
    loaded = servers.start(server, ("dbfilename", fetched.name), ("dir", str(tmp_path)))
    assert digest(loaded) == digest(primary)
    wait_for_info(primary, "replication", "connected_slaves", "0")


def test_redis_cli_gets_the_functions_alone(
    servers: Servers, server: list[str], redis_cli: str, tmp_path: Path
) -> None:
    primary = servers.start(server)
    primary.ask("SET", "a key", "v")
    fetched = tmp_path / "functions.rdb"
    subprocess.run([redis_cli, "-p", str(primary.port), "--functions-rdb", str(fetched)], check=True, timeout=60)
    assert fetched.read_bytes().startswith(b"REDIS") and b"a key" not in fetched.read_bytes()


def test_redis_cli_can_be_a_replica(servers: Servers, server: list[str], redis_cli: str) -> None:
    primary = servers.start(server)
    with subprocess.Popen([redis_cli, "-p", str(primary.port), "--replica"], stdout=subprocess.PIPE) as client:
        wait_for_info(primary, "replication", "connected_slaves", "1")
        wait_until(lambda: "" if "state=online" in primary.info("replication")["slave0"] else "it is not online")
        primary.ask("SET", "k", "v")
        assert client.stdout is not None
        seen = iter(client.stdout.readline, b"")
        assert any(b'"SET"' in line or b"SET" in line.split(b",") for line in seen)
        client.kill()


# Signs of life


def test_a_replica_hears_pings(servers: Servers, server: list[str]) -> None:
    raw = attach(servers.start(server, ("repl-diskless-sync", "no"), ("repl-ping-replica-period", 1)))
    assert raw.command() == [b"ping"]


def test_a_replica_that_says_nothing_is_given_up(servers: Servers, server: list[str]) -> None:
    primary = servers.start(server, ("repl-diskless-sync", "no"), ("repl-timeout", 2), ("repl-ping-replica-period", 1))
    wait_until_closed(attach(primary).socket)
    assert "Disconnecting timedout replica (streaming sync)" in primary.log()


def test_a_primary_that_says_nothing_is_given_up(servers: Servers, server: list[str]) -> None:
    primary, replica = servers.start(server), servers.start(server, ("repl-timeout", 2))
    primary.ask("CONFIG", "SET", "repl-ping-replica-period", 1)
    follow(replica, primary)
    primary.pause()
    wait_for_log(replica, "MASTER timeout: no data nor PING received...")
    primary.resume()
    wait_in_step(replica, primary)


def test_a_replica_says_how_far_it_is_when_it_is_asked(servers: Servers, server: list[str]) -> None:
    primary, replica = RawPrimary(), servers.start(server)
    replica.ask("REPLICAOF", "127.0.0.1", primary.port)
    primary.take_replica()
    primary.say("REPLCONF", "GETACK", "*")
    assert primary.stream is not None
    heard = b""
    while b"REPLCONF\r\n$3\r\nACK\r\n" not in heard:
        heard += primary.stream.recv(4096)
    primary.close()


# Limits


def test_a_replica_that_does_not_read_is_dropped(servers: Servers, server: list[str]) -> None:
    primary = servers.start(
        server, ("repl-diskless-sync", "no"), ("client-output-buffer-limit", "replica 2mb 0 0"), ("repl-timeout", 3600)
    )
    deaf = attach(primary)
    with primary.connect() as writer:
        for _ in range(16):
            writer.ask("SET", "k", b"x" * (1 << 20))
    wait_for_info(primary, "replication", "connected_slaves", "0")
    assert "for overcoming of output buffer limits." in primary.log()
    deaf.socket.close()


def test_writes_need_replicas_that_are_not_behind(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    primary.ask("CONFIG", "SET", "min-replicas-to-write", 1, "min-replicas-max-lag", 1)
    wait_for_info(primary, "replication", "min_slaves_good_slaves", "1")
    primary.ask("SET", "k", "v")
    replica.pause()
    wait_for_info(primary, "replication", "min_slaves_good_slaves", "0")
    with pytest.raises(hiredis.ReplyError, match="NOREPLICAS Not enough good replicas to write."):
        primary.ask("SET", "k", "w")
    replica.resume()
    wait_for_info(primary, "replication", "min_slaves_good_slaves", "1")
    primary.ask("SET", "k", "w")


# What a replica says of itself


def test_a_replica_is_shown_as_it_announces_itself(servers: Servers, server: list[str]) -> None:
    primary = servers.start(server)
    follow(
        servers.start(server, ("replica-announce-ip", "10.1.2.3"), ("replica-announce-port", 4567)),
        primary,
    )
    wait_until(lambda: "" if primary.ask("ROLE")[2] else "it has no replica online")
    assert primary.ask("ROLE")[2][0][:2] == [b"10.1.2.3", b"4567"]
    assert primary.info("replication")["slave0"].startswith("ip=10.1.2.3,port=4567,state=online,")


def test_its_priority_is_for_others_to_see(servers: Servers, server: list[str]) -> None:
    primary = servers.start(server)
    replica = servers.start(server, ("replica-priority", 7), ("replica-announced", "no"))
    follow(replica, primary)
    told = replica.info("replication")
    assert (told["slave_priority"], told["replica_announced"]) == ("7", "0")


def test_a_replica_may_be_written_to_if_it_is_told_so(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    replica.ask("CONFIG", "SET", "replica-read-only", "no")
    replica.ask("SET", "mine", "v")
    assert replica.ask("GET", "mine") == b"v" and primary.ask("GET", "mine") is None


# The end of a primary


def lag(primary: Node, replica: Node) -> None:
    """The replica does not listen any more, and lacks a write."""
    replica.pause()
    primary.ask("SET", "last", "word")


def test_a_shutdown_waits_for_replicas(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    lag(primary, replica)
    with primary.connect(60) as client:
        client.send("SHUTDOWN")
        wait_for_log(primary, "Waiting for replicas before shutting down.")
        replica.resume()
        primary.wait_gone()
    assert replica.ask("GET", "last") == b"word"
    assert "1 of 1 replicas are in sync when shutting down." in primary.log()


def test_a_shutdown_can_be_thought_better_of(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    lag(primary, replica)
    with primary.connect(60) as client:
        client.send("SHUTDOWN")
        wait_for_log(primary, "Waiting for replicas before shutting down.")
        assert primary.ask("SHUTDOWN", "ABORT") in ("OK", b"OK")
        with pytest.raises(hiredis.ReplyError, match="Errors trying to SHUTDOWN"):
            reply = client.receive()
            raise reply if isinstance(reply, hiredis.ReplyError) else AssertionError(reply)
    replica.resume()
    primary.ask("SET", "last", "one")


def test_a_shutdown_waits_no_longer_than_it_is_told(servers: Servers, server: list[str]) -> None:
    primary, replica = servers.start(server, ("shutdown-timeout", 1)), servers.start(server)
    follow(replica, primary)
    wait_until(lambda: "" if primary.ask("ROLE")[2] else "it has no replica online")
    lag(primary, replica)
    with primary.connect(60) as client:
        client.send("SHUTDOWN")
        primary.wait_gone()
    replica.resume()
    assert "Lagging replica 127.0.0.1:" in primary.log()
    assert "0 of 1 replicas are in sync when shutting down." in primary.log()


def test_a_shutdown_now_waits_for_nobody(pair: tuple[Node, Node]) -> None:
    primary, replica = pair
    lag(primary, replica)
    with primary.connect(60) as client:
        client.send("SHUTDOWN", "NOW")
        primary.wait_gone()
    replica.resume()
    assert "Waiting for replicas" not in primary.log()
