"""In which order the reasons to refuse a command are found (server.c, processCommand): a server with all of them."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.admin.catalogue import GROUPS
from pycluster.protocol.errors import ReplyError, moved
from pycluster.server.admission import DISK_TROUBLE, MEMORY
from pycluster.server.blocking import POSTPONED
from pycluster.server.client import SUBSCRIBED, UNAUTHENTICATED, Client
from pycluster.server.config import Config
from pycluster.server.log import Log
from pycluster.server.pause import BY_CLIENT
from pycluster.server.server import Server


class Troubled:
    """A server, and a client of it, in all the trouble that there is; what is `over` is no trouble any more."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        config = Config(requirepass=b"secret")
        config.loglevel = "nothing"
        self.server: Any = Server(config, GROUPS, Log(config), loop)
        self.client: Client = self.server.new_client(SimpleNamespace(address="127.0.0.1:1"))
        self.over: set[str] = set()
        self.client.up(UNAUTHENTICATED | SUBSCRIBED)
        self.server.clustered = True
        self.server.routing.enter = lambda *_: None if "redirect" in self.over else moved(1, "127.0.0.1:7002")
        self.server.gate |= MEMORY | DISK_TROUBLE
        self.server.memory.is_full = lambda: "memory" not in self.over
        self.server.disk_trouble = SimpleNamespace(reason=lambda: ReplyError("MISCONF no space left"))
        self.server.set_few_replicas(True)
        self.server.set_replica(True)
        self.server.replication.is_stale = lambda: "stale" not in self.over
        self.server.set_loading(True)
        self.server.pause.begin(BY_CLIENT, self.server.wall_ms() + 60_000, all_commands=True)

    def ask(self, *words: bytes) -> Any:
        return self.server.execute(self.client, list(words))

    def end(self, trouble: str) -> None:
        self.over.add(trouble)
        match trouble:
            case "no password":
                self.client.down(UNAUTHENTICATED)
            case "disk":
                self.server.gate &= ~DISK_TROUBLE
            case "few replicas":
                self.server.set_few_replicas(False)
            case "read only":
                self.server.config.replica_read_only = False
            case "subscribed":
                self.client.down(SUBSCRIBED)
            case "loading":
                self.server.set_loading(False)


@pytest.fixture
def troubled() -> Iterator[Troubled]:
    loop = asyncio.new_event_loop()
    yield Troubled(loop)
    loop.close()


WRITE = {
    "no password": "NOAUTH",
    "redirect": "MOVED",
    "memory": "OOM",
    "disk": "MISCONF",
    "few replicas": "NOREPLICAS",
    "read only": "READONLY",
    "subscribed": "ERR",
    "stale": "MASTERDOWN",
    "loading": "LOADING",
}
READ = {trouble: code for trouble, code in WRITE.items() if code not in ("OOM", "MISCONF", "NOREPLICAS", "READONLY")}


@pytest.mark.parametrize(
    ("words", "expected"), [((b"SET", b"k", b"v"), WRITE), ((b"GET", b"k"), READ)], ids=["a write", "a read"]
)
def test_reasons_come_in_redis_order_and_the_pause_last(
    troubled: Troubled, words: tuple[bytes, ...], expected: dict[str, str]
) -> None:
    found = {}
    for trouble in expected:
        found[trouble] = troubled.ask(*words).code
        troubled.end(trouble)
    assert found == expected
    assert troubled.ask(*words) is POSTPONED


def test_before_all_of_them_it_must_be_a_command(troubled: Troubled) -> None:
    assert str(troubled.ask(b"NOSUCH")).startswith("ERR unknown command")
    assert str(troubled.ask(b"GET")).startswith("ERR wrong number of arguments")
