"""The language of tests about a server's parts: a real Server without sockets, and clients whose links only remember.

`stage = Stage()`, `client = stage.client()`, `stage.ask(client, "SET k v")`. Time passes only when a test says so.
"""

import asyncio
from types import SimpleNamespace
from typing import Any

from pycluster.admin.catalogue import GROUPS
from pycluster.cluster.node import MYSELF, PRIMARY, REPLICA, Node
from pycluster.cluster.slot_map import SlotMap, slot_range
from pycluster.keyspace.slots import SLOTS
from pycluster.server.client import Client
from pycluster.server.config import Config
from pycluster.server.log import Log
from pycluster.server.server import Server


class Link:
    """A connection that is none: what it was told is in its lists."""

    def __init__(self, address: str = "127.0.0.1:50000") -> None:
        self.address = address
        self.local_address = "127.0.0.1:7001"
        self.file_number = 9
        self.sent: list[object] = []
        self.resumed = 0
        self.closed: list[bool] = []  # with or without the replies so far

    def send(self, reply: object) -> None:
        self.sent.append(reply)

    def resume(self) -> None:
        self.resumed += 1

    def close(self, after_replies: bool = False) -> None:
        self.closed.append(after_replies)

    def authenticated(self, is_so: bool = True) -> None:
        """Nothing is read here that could be limited."""

    def check_output(self) -> None:
        """Nothing is written that could pile up."""

    def held_input(self) -> int:
        return 0

    def held_output(self) -> int:
        return 0


class Stage:
    """One server, its clock in the hands of the test, and what it journals."""

    def __init__(self, **directives: Any) -> None:
        self.loop = asyncio.new_event_loop()
        config = Config(**directives)
        config.loglevel = "nothing"
        self.server: Any = Server(config, GROUPS, Log(config), self.loop)
        self.stream = b""
        self.server.journal.listeners.append(self._hear)
        self.at(1_000_000)

    def close(self) -> None:
        self.loop.close()

    def _hear(self, stream: bytes) -> None:
        self.stream += stream

    def at(self, now_ms: int) -> None:
        self.server.clock.now = now_ms
        self.server.wall_ms = lambda: now_ms
        self.server.timing.frozen = False
        self.server.timing.wall_due = 1 << 62  # far ahead: `perform` does not look at the real clock

    def client(self, address: str = "127.0.0.1:50000") -> Client:
        client: Client = self.server.new_client(Link(address))
        return client

    def ask(self, client: Client, *words: str | bytes) -> Any:
        """A request's reply value; one string is split at its blanks."""
        if len(words) == 1 and isinstance(words[0], str):
            words = tuple(words[0].split())
        return self.server.execute(client, [word.encode() if isinstance(word, str) else word for word in words])

    def heard(self, client: Client) -> list[Any]:
        """What has been sent to the client since it was last asked for."""
        sent, client.link.sent = client.link.sent, []  # type: ignore[attr-defined]
        return sent

    def records(self) -> list[bytes]:
        """What was journalled since it was last asked for, a command a line, without SELECT."""
        self.server.journal.flush()
        stream, self.stream = self.stream, b""
        lines = [b" ".join(part.split(b"\r\n")[2::2]) for part in stream.split(b"*")[1:]]
        return [line for line in lines if not line.startswith(b"SELECT")]


class Clustered(Stage):
    """A server of a cluster of three: slots 0-5999 are ours, 6000-11999 of `other`, and the rest nobody's."""

    def __init__(self, **directives: Any) -> None:
        super().__init__(cluster_enabled=True, **directives)
        self.myself = Node("1" * 40, MYSELF | PRIMARY, 0, "", port=7001)
        self.other = Node("2" * 40, PRIMARY, 0, "", port=7002)
        self.slots = SlotMap()
        self.slots.bind(slot_range(0, 5999), self.myself)
        self.slots.bind(slot_range(6000, 11999), self.other)
        self.state = SimpleNamespace(myself=self.myself, slots=self.slots, is_ok=True)
        self.server.cluster = SimpleNamespace(
            state=self.state,
            address_for_clients=lambda node: f"127.0.0.1:{node.port}",
            publish=lambda channel, message: None,
            spublish=lambda channel, message: None,
        )
        self.settle()

    def settle(self) -> None:
        """What the cluster's part of a server keeps up to date: which slots need no question."""
        slots = self.slots
        for slot in range(SLOTS):
            is_mine = slots.owner[slot] is self.myself
            is_open = slot in slots.migrating or slot in slots.importing
            self.server.served[slot] = self.state.is_ok and is_mine and not is_open

    def migrate(self, slot: int) -> None:
        self.slots.migrate(slot, to=self.other)
        self.settle()

    def import_(self, slot: int) -> None:
        self.slots.import_(slot, source=self.other)
        self.settle()

    def fail(self) -> None:
        self.state.is_ok = False
        self.settle()

    def follow(self, primary: Node) -> None:
        """We are a replica of that node from now on."""
        self.slots.release(self.myself.slots)
        self.myself.flags = MYSELF | REPLICA
        self.myself.primary = primary
        self.server.set_replica(True)
        self.settle()
