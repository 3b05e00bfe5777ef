"""The stream between a primary and its replicas: SEMANTICS told by pycluster and by redis-server alike.

Where what goes over the wire matters, the test itself is the replica, or the primary.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import hiredis
import pytest

from pycluster.testing import Node, wait_until
from pycluster.testing.connection import Word, pack_request
from tests.integration.replicas import Servers, follow, full_syncs, wait_in_step

EMPTY_RDB = b"REDIS0009\xff" + bytes(8)  # a checksum of zeros is none
STREAM_ID = "5" * 40


# 49: promotion


class RawReplica:
    """A replica that keeps nothing but the bytes of the stream."""

    def __init__(self, primary: Node):
        self.socket = socket.create_connection((primary.host, primary.port), 10)
        self.socket.sendall(pack_request("REPLCONF", "capa", "psync2"))
        assert self.line() == b"+OK"

    def line(self) -> bytes:
        """The next line that is no mere sign of life."""
        text = b""
        while not text.endswith(b"\r\n") or not text.strip():
            byte = self.socket.recv(1)
            assert byte, "the primary closed the link"
            text += byte
        return text.strip()

    def synchronize(self, id: str, offset: int) -> bytes:
        self.socket.sendall(pack_request("PSYNC", id, offset))
        return self.line()

    def skip_file(self) -> None:
        """The snapshot behind +FULLRESYNC, sent as a file of known length."""
        length = int(self.line().removeprefix(b"$"))
        while length:
            length -= len(self.socket.recv(min(length, 65536)))

    def command(self) -> list[bytes]:
        """The next command of the stream."""
        count = int(self.line().removeprefix(b"*"))
        words = []
        for _ in range(count):
            self.line()
            words.append(self.line())
        return words


def position(node: Node) -> tuple[str, int]:
    fields = node.info("replication")
    return fields["master_replid"], int(fields["master_repl_offset"])


def test_who_followed_the_old_primary_goes_on_with_the_new_one(servers: Servers, server: list[str]) -> None:
    no_pings = ("repl-ping-replica-period", 3600)
    primary, heir = servers.start(server, no_pings), servers.start(server, no_pings)
    follow(heir, primary)
    primary.ask("SET", "k", 1)
    wait_in_step(heir, primary)
    old_id, offset = position(heir)
    below = RawReplica(heir)
    assert below.synchronize("?", -1).startswith(b"+FULLRESYNC " + old_id.encode())
    below.skip_file()
    heir.ask("REPLICAOF", "NO", "ONE")
    wait_until_closed(below.socket)  # whoever hangs below it comes again, and learns the new id
    new_id, _ = position(heir)
    again = RawReplica(heir)
    assert again.synchronize(old_id, offset + 1) == b"+CONTINUE " + new_id.encode()
    heir.ask("SET", "k", 2)
    assert [again.command(), again.command()] == [[b"SELECT", b"0"], [b"SET", b"k", b"2"]]
    ahead = RawReplica(heir)
    assert ahead.synchronize(old_id, offset + 2).startswith(b"+FULLRESYNC " + new_id.encode())


def wait_until_closed(link: socket.socket) -> None:
    try:
        while link.recv(65536):
            pass
    except ConnectionError:
        pass


# 53: what has expired is alive for the primary


class RawPrimary:
    """A primary without data, whose stream is what a test says."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.stream: socket.socket | None = None

    def take_replica(self) -> None:
        """The whole handshake, up to the end of the (empty) snapshot."""
        self.listener.settimeout(30)
        self.stream, _ = self.listener.accept()
        requests = hiredis.Reader()
        while True:
            request = requests.gets()
            if request is False:
                received = self.stream.recv(4096)
                assert received, "the replica went away"
                requests.feed(received)
                continue
            match request[0].upper():
                case b"PING":
                    self.stream.sendall(b"+PONG\r\n")
                case b"PSYNC":
                    break
                case _:
                    self.stream.sendall(b"+OK\r\n")
        self.stream.sendall(b"+FULLRESYNC %b 0\r\n" % STREAM_ID.encode())
        self.stream.sendall(b"$%d\r\n%b" % (len(EMPTY_RDB), EMPTY_RDB))
        self.say("SELECT", 0)

    def say(self, *words: Word) -> None:
        assert self.stream
        self.stream.sendall(pack_request(*words))

    def close(self) -> None:
        self.listener.close()
        if self.stream:
            self.stream.close()


@pytest.fixture
def led(servers: Servers, server: list[str]) -> Iterator[tuple[RawPrimary, Node]]:
    """A replica, and the primary that leads it."""
    primary = RawPrimary()
    replica = servers.start(server)
    replica.ask("REPLICAOF", "127.0.0.1", primary.port)
    primary.take_replica()
    yield primary, replica
    primary.close()


def wait_for(replica: Node, expected: object, *words: Word) -> None:
    wait_until(lambda: "" if (reply := replica.ask(*words)) == expected else f"{words}: {reply!r}")


def test_an_expired_key_is_alive_for_the_primary_and_gone_for_readers(led: tuple[RawPrimary, Node]) -> None:
    primary, replica = led
    primary.say("SET", "k", 5, "PXAT", 1)
    primary.say("SET", "mark", 1)
    wait_for(replica, b"1", "GET", "mark")
    assert replica.ask("GET", "k") is None
    assert replica.ask("EXISTS", "k") == 0
    assert replica.ask("DBSIZE") == 2
    primary.say("INCR", "k")
    primary.say("PERSIST", "k")
    wait_for(replica, b"6", "GET", "k")


def test_a_deadline_in_the_past_deletes_nothing_on_a_replica(led: tuple[RawPrimary, Node]) -> None:
    primary, replica = led
    primary.say("SET", "k", 5)
    primary.say("PEXPIREAT", "k", 1)
    primary.say("SET", "mark", 1)
    wait_for(replica, b"1", "GET", "mark")
    assert (replica.ask("GET", "k"), replica.ask("DBSIZE")) == (None, 2)
    primary.say("PERSIST", "k")
    wait_for(replica, b"5", "GET", "k")
    primary.say("PEXPIREAT", "k", 1)
    primary.say("DEL", "k")
    wait_for(replica, 1, "DBSIZE")


# 50: what breaks off in the middle of a transaction


def test_the_offset_does_not_move_inside_a_transaction(led: tuple[RawPrimary, Node]) -> None:
    primary, replica = led
    primary.say("SET", "mark", 1)
    wait_for(replica, b"1", "GET", "mark")
    before = position(replica)[1]
    primary.say("MULTI")
    primary.say("SET", "k", 1)
    primary.say("REPLCONF", "GETACK", "*")
    primary.close()
    wait_until(lambda: "" if replica.info("replication")["master_link_status"] == "down" else "its link is up")
    assert position(replica)[1] == before
    assert replica.ask("GET", "k") is None


# 52: WAIT


def test_wait_in_a_transaction_does_not_wait(servers: Servers, server: list[str]) -> None:
    with servers.start(server).connect() as client:
        for words in (("MULTI",), ("SET", "k", 1), ("WAIT", 1, 0)):
            client.ask(*words)
        assert client.ask("EXEC") == [b"OK", 0]


# 56: who is idle


def test_a_timeout_closes_only_clients_that_have_nothing_to_wait_for(servers: Servers, server: list[str]) -> None:
    primary, replica = (servers.start(server, ("timeout", 1), ("repl-ping-replica-period", 3600)) for _ in range(2))
    follow(replica, primary)
    with ExitStack() as stack:
        blocked, subscribed = (stack.enter_context(primary.connect(60)) for _ in range(2))
        blocked.send("BLPOP", "list", 0)
        subscribed.ask("SUBSCRIBE", "news")
        for _ in range(2):
            wait_until_closed(stack.enter_context(primary.connect(60)).socket)
        assert primary.ask("PUBLISH", "news", "x") == 1
        assert subscribed.receive() == [b"message", b"news", b"x"]
        primary.ask("RPUSH", "list", "v")
        assert blocked.receive() == [b"list", b"v"]
    wait_in_step(replica, primary)
    assert (full_syncs(primary), int(primary.info("stats")["sync_partial_ok"])) == (1, 0)
