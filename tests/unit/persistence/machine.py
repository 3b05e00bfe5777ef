"""A whole server without sockets, on a disk of the test's choice, whose turns and clock the test moves."""

import asyncio
from concurrent.futures import Executor, Future
from pathlib import Path
from random import Random
from typing import Any

from pycluster.admin.catalogue import GROUPS
from pycluster.files.writer import Disk
from pycluster.keyspace.digest import digest_all
from pycluster.server import data_part
from pycluster.server.config import Config
from pycluster.server.replay import Nobody
from pycluster.server.server import Server
from tests.unit.persistence.conftest import Log


class Died(BaseException):
    """The server has ended its process."""


class Task(Future[Any]):
    """Whoever waits for it has it done."""

    def __init__(self, thread: "Later") -> None:
        super().__init__()
        self.thread = thread

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self.thread.run()
        return super().exception(timeout)


class Later(Executor):
    """A thread for syncs that gets to work when the test says so, or when somebody waits for it."""

    def __init__(self) -> None:
        self.due: list[tuple[Task, Any, tuple[Any, ...]]] = []

    def submit(self, work: Any, /, *args: Any, **_: Any) -> Future[Any]:
        future = Task(self)
        self.due.append((future, work, args))
        return future

    def run(self) -> None:
        while self.due:
            future, work, args = self.due.pop(0)
            try:
                future.set_result(work(*args))
            except OSError as error:
                future.set_exception(error)


class Machine:
    """`start`, then any number of `turn`s of commands; what a turn returns is what clients have been told."""

    def __init__(self, directory: Path, disk: Disk | None = None, **directives: Any) -> None:
        directory.mkdir(exist_ok=True)
        self.loop = asyncio.new_event_loop()
        self.log = Log()
        config = Config(dir=str(directory), **{"appendonly": True, "save": (), **directives})
        self.now_s = 1_700_000_000.0
        self.server = Server(config, GROUPS, self.log, self.loop, Random(1), disk, may_fork=False)  # type: ignore
        self.server.wall_ms = lambda: int(self.now_s * 1000)  # type: ignore[method-assign]
        self.server.die = self._die  # type: ignore[method-assign]
        self.server.forks.slice_s = float("inf")  # what a child would do is done in the turn that follows
        self.thread = Later()
        self.server.aof.tail.background.thread = self.thread
        self.client = self.server.new_client(Nobody())

    def _die(self) -> None:
        raise Died

    def start(self) -> bool:
        """Loads what there is; False: it does not start."""
        return self.loop.run_until_complete(data_part.load(self.server))

    def turn(self, *commands: str) -> list[object]:
        """Commands that arrive together; when they have been answered."""
        self.server.begin_batch()
        replies = [self.server.execute(self.client, command.encode().split()) for command in commands]
        self.end_turn()
        return replies

    def end_turn(self) -> None:
        self.server.turn._end()
        self.loop.run_until_complete(asyncio.sleep(0))

    def pass_time(self, seconds: float) -> None:
        """The clock goes on, and with it what is done ten times a second."""
        self.now_s += seconds
        self.server.aof.tick()
        self.server.disk_trouble.look()

    def get(self, key: str) -> object:
        return self.turn(f"GET {key}")[0]

    @property
    def digest(self) -> str:
        return str(digest_all(self.server.databases))

    def close(self) -> None:
        self.server.aof.tail.close()
        self.loop.close()
