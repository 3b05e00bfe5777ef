"""Snapshots without a server: a log that is a list, a configuration that is a handful of values."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pycluster.files.writer import Disk
from pycluster.keyspace.database import Database, Keyspace
from pycluster.persistence.forks import Forks
from pycluster.persistence.snapshot import Snapshots


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, level: str, text: str) -> None:
        self.lines.append(text)

    def notice(self, text: str) -> None:
        self.lines.append(text)

    warning = debug = verbose = notice

    def __contains__(self, part: str) -> bool:
        return any(part in line for line in self.lines)


class World:
    """Two databases in a directory, and what saves them."""

    def __init__(self, directory: Path, disk: Disk | None = None, **directives: Any) -> None:
        self.directory = directory
        self.log = Log()
        self.config = SimpleNamespace(
            dbfilename="dump.rdb",
            dir=str(directory),
            path=lambda name: str(directory / name),
            rdbcompression=True,
            rdbchecksum=True,
            rdb_save_incremental_fsync=True,
            save=(),
            rdb_key_save_delay=0,
            key_load_delay=0,
            sanitize_dump_payload="no",
            loading_process_events_interval_bytes=2 << 20,
            rdb_del_sync_files=False,
            appendonly=False,
        )
        self.config.__dict__.update(directives)
        keyspace = Keyspace()
        self.databases = [Database(index, keyspace=keyspace) for index in range(2)]
        self.journal = keyspace.journal
        self.loop = asyncio.new_event_loop()
        self.forks = Forks(self.loop, databases=lambda: self.databases)
        self.snapshots = Snapshots(
            self.config, self.log, self.loop, self.databases, self.journal, self.forks, disk=disk, redis_version="7.2.4"
        )

    def load(self, expire: bool = True) -> Any:
        return self.loop.run_until_complete(self.snapshots.load(expire=expire))

    def save_in_background(self, during: Any = lambda: None) -> bool:
        """Saves by a child and waits for its end: did it succeed?"""
        ended = self.loop.create_future()
        assert self.snapshots.save_in_background(ended.set_result)
        during()
        return bool(self.loop.run_until_complete(ended))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.loop.close()
