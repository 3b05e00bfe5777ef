"""The base of an append-only file: the dataset at one moment, in RDB format or as commands (aof-use-rdb-preamble).

It is written under a temporary name, by a child or in slices. What becomes of it is aof.py's: only a manifest that
names it makes it a base.
"""

import os
from collections.abc import Callable, Iterator
from time import time
from typing import Any

from pycluster.files.child import Ended
from pycluster.files.writer import Disk, Steps, WriteFailed, finish, replacing_file
from pycluster.keyspace.frozen import Frozen
from pycluster.persistence.forks import Forks

SYNC_EVERY = 4 << 20  # aof-rewrite-incremental-fsync

Content = Callable[[Frozen | None], Iterator[bytes]]  # of the living dataset, or of a frozen one


class BaseWriter:
    """Writes bases for one server, one at a time. `content` makes the dataset in the format that is configured."""

    def __init__(
        self, config: Any, log: Any, disk: Disk, forks: Forks, content: Content, now_s: Callable[[], float] = time
    ) -> None:
        self.since: float | None = None  # when the one under way was begun
        self.last_duration_s = -1
        self.pid = 0  # of who writes
        self._config = config
        self._log = log
        self._disk = disk
        self._forks = forks
        self._content = content
        self._now_s = now_s

    @property
    def is_at_work(self) -> bool:
        return self.since is not None

    @property
    def path(self) -> str:
        """Where the one that has been written is."""
        return self._path_of(self.pid)

    def start(self, ended: Callable[[Ended], None]) -> bool:
        """Begins one of the dataset as it is now; False if it can't be, the log says why."""
        try:
            child = self._forks.start("pycluster-aof", self._work, ended)
        except OSError as error:
            self._log.warning(f"Can't rewrite append only file in background: fork: {error.strerror}")
            return False
        self.pid, self.since = child.pid, self._now_s()
        self._log.notice(f"Background append only file rewriting started by pid {child.pid}")
        return True

    def write(self, path: str) -> bool:
        """Writes one while everything waits. What went wrong stands in the log."""
        return finish(self._write(path, self._content(None)))

    def note_end(self) -> None:
        """It is written, or will not be: for INFO."""
        if self.since is not None:
            self.last_duration_s = int(self._now_s() - self.since)

    def clean_up(self) -> None:
        """What may be left of it is removed."""
        for name in (f"temp-rewriteaof-bg-{self.pid}.aof", f"temp-rewriteaof-{self.pid}.aof"):
            try:
                self._disk.remove(self._config.path(name))
            except OSError:
                pass  # it had not got that far, or has become the base
        self.since = None

    def _path_of(self, pid: int) -> str:
        return str(self._config.path(f"temp-rewriteaof-bg-{pid}.aof"))

    def _work(self, frozen: Frozen | None) -> Steps[bool]:
        return self._write_for_later(self._path_of(os.getpid()), self._content(frozen))

    def _write_for_later(self, path: str, content: Iterator[bytes]) -> Steps[bool]:
        if not (yield from self._write(path, content)):
            return False
        self._log.notice(f"Successfully created the temporary AOF base file {os.path.basename(path)}")
        return True

    def _write(self, path: str, content: Iterator[bytes]) -> Steps[bool]:
        config = self._config
        temporary = config.path(f"temp-rewriteaof-{os.getpid()}.aof")
        sync_every = SYNC_EVERY if config.aof_rewrite_incremental_fsync else None
        try:
            yield from replacing_file(self._disk, path, content, temporary=temporary, sync_every=sync_every)
        except WriteFailed as failure:
            problem = "Write error writing append only file on disk"
            if failure.step == "open":
                problem = "Opening the temp file for AOF rewrite in rewriteAppendOnlyFile()"
            elif failure.step == "rename":
                problem = "Error moving temp append only file on the final destination"
            self._log.warning(f"{problem}: {failure.error.strerror}")
            return False
        return True
