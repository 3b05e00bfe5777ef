"""Snapshots: the dataset as it is at one moment, written to dump.rdb or sent to replicas.

SAVE writes while everybody waits. In the background a forked child writes: its copy of the memory holds still, the
server goes on. There is one such child at a time, whether it writes to the disk (BGSAVE, save points, a full sync with
a file) or into a pipe (a full sync without). A server that lives in somebody else's process must not fork it: there
the same is done in slices, of a dataset that is frozen meanwhile (forks.py).
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from time import time
from typing import Any

from pycluster.files.child import UNWANTED, Child, Ended
from pycluster.files.writer import Disk, Steps, WriteFailed, finish, replacing_file
from pycluster.keyspace import accesses
from pycluster.keyspace.database import Database
from pycluster.keyspace.dropping import empty_dataset
from pycluster.keyspace.frozen import Frozen, Rows
from pycluster.keyspace.functions import Functions
from pycluster.keyspace.journal import Journal
from pycluster.persistence.forks import Forks, Work
from pycluster.persistence.incoming import IncomingFile
from pycluster.persistence.loading import SLICE, Loader, Loading, load_file, note_sanitized
from pycluster.persistence.slices import Slices
from pycluster.protocol.errors import ReloadLoadFailed, ReloadSaveFailed
from pycluster.rdb.errors import Unreadable
from pycluster.rdb.opcodes import SLOT_IMPORTS
from pycluster.rdb.writer import Uses, put_frequency, put_idle, write_file

SYNC_EVERY = 4 << 20  # rdb-save-incremental-fsync
RETRY_AFTER_S = 5  # a failed background save is tried again not sooner

Done = Callable[[bool], None]  # called when a background save has ended: did it succeed?


@dataclass(slots=True)
class Request:
    """What a replica wants of a snapshot: all, or not even the keys (redis-cli --functions-rdb)."""

    keys: bool = True
    functions: bool = True


@dataclass(slots=True)
class _Running:
    """The child at work, and what is to be known when it ends."""

    child: Child | Slices
    to_disk: bool
    started: float
    changes: int  # how many changes there had been when it began: what it will have saved
    done: Done | None


class Snapshots:
    """The snapshots of one server. `replication_fields` gives the aux fields with which a replica can go on."""

    def __init__(
        self,
        config: Any,
        log: Any,
        loop: asyncio.AbstractEventLoop,
        databases: Sequence[Database],
        journal: Journal,
        forks: Forks,
        *,
        replication_fields: Callable[[], Mapping[str, str | int]] = dict,
        used_memory: Callable[[], int] = lambda: 0,
        slot_imports: Callable[[], str] = str,
        redis_version: str = "",
        disk: Disk | None = None,
    ) -> None:
        self.loading: Loading | None = None
        self._loads_beside = False  # what is being loaded is not the dataset yet: whoever reads gets the old one
        self.last_load: Loading | None = None
        self.saved_changes = 0  # of the journal's count, when the last snapshot began
        self.last_save_s = int(time())
        self.last_background_save_well = True
        self.saves = 0
        self._forks = forks
        self._config = config
        self._log = log
        self._loop = loop
        self._databases = databases
        self._journal = journal
        self._replication_fields = replication_fields
        self._used_memory = used_memory
        self._slot_imports = slot_imports
        self._version = redis_version
        self._disk = disk or Disk()
        self._running: _Running | None = None
        self._scheduled = False
        self.when_ended: Callable[[], None] = lambda: None  # called when a save has failed or succeeded
        self._last_duration_s = -1
        self._is_for_replicas = False  # is the file on the disk there for full syncs alone?
        self._last_try = 0.0

    @property
    def path(self) -> str:
        """Where the dataset is kept."""
        return str(self._config.path(self._config.dbfilename))

    @property
    def changes(self) -> int:
        """Changes since the last snapshot."""
        return self._journal.changes - self.saved_changes

    # Writing

    def pieces(
        self, frozen: Frozen | None = None, request: Request | None = None, *, as_base: bool = False
    ) -> Iterator[bytes]:
        """The dataset as it is now, as a file. Nothing may change while it is made, unless it is frozen.

        As the base of an append-only file it says nothing of replication: what stands behind it has moved on.
        """
        request = request or Request()
        aux: dict[str, str | int] = {
            "redis-ver": self._version,
            "redis-bits": 64,
            "ctime": int(time()),
            "used-mem": self._used_memory(),
            **({} if as_base else self._replication_fields()),
            "aof-base": int(as_base),
        }
        if imports := self._slot_imports():
            aux[SLOT_IMPORTS.decode()] = imports
        databases: Sequence[Rows] = self._databases if frozen is None else frozen.databases
        return write_file(
            databases if request.keys else (),
            aux,
            functions=self._databases[0].keyspace.functions.sources() if request.functions else (),
            compress=self._config.rdbcompression,
            checksum=self._config.rdbchecksum,
            uses=self._uses(),
            passed=self.passed,
            hold=None if frozen is None else frozen.hold,
        )

    def _uses(self) -> Uses | None:
        """How keys are used is in the file where maxmemory-policy asks for it."""
        keyspace = self._databases[0].keyspace
        if not keyspace.uses_by:
            return None
        put = put_frequency if keyspace.uses_by == "lfu" else put_idle
        now_ms, decay_minutes = int(time() * 1000), self._config.lfu_decay_time
        return lambda db, slot, key: put(accesses.told(db, slot, key, now_ms, decay_minutes))

    def passed(self, keys: int) -> None:
        """Keys have been written: the server wants to know, and a test may want it to be slow (rdb-key-save-delay)."""
        self._forks.progress.passed(keys)
        if self._config.rdb_key_save_delay:
            self._forks.rest(delay_s(self._config.rdb_key_save_delay, keys))

    def save(self) -> bool:
        """Writes dump.rdb now, while everything waits (SAVE, SHUTDOWN). What went wrong stands in the log."""
        self.saves += 1
        self._journal.flush()  # else the file would have changes that its place in the stream does not count
        changes = self._journal.changes
        if not finish(self._write_to_disk(self.pieces())):
            return False
        self._note_saved(changes)
        return True

    def save_emptiness(self) -> None:
        """FLUSHALL: what a child is saving is gone, and where save points are, a restart must not bring it back."""
        if self._running is not None:
            self.cancel()
        if self._config.save and self.save():
            self.saved_changes += self._journal.dirty  # FLUSHALL's own, which are still to be counted

    def _write_to_disk(self, content: Iterable[bytes]) -> Steps[bool]:
        temporary = f"temp-{os.getpid()}.rdb"
        sync_every = SYNC_EVERY if self._config.rdb_save_incremental_fsync else None
        try:
            yield from replacing_file(
                self._disk, self.path, content, temporary=self._config.path(temporary), sync_every=sync_every
            )
        except WriteFailed as failure:
            self._log.warning(self._explain(failure, temporary))
            return False
        self._log.notice("DB saved on disk")
        return True

    def _explain(self, failure: WriteFailed, temporary: str) -> str:
        """A failed save in Redis' words."""
        reason, here, name = failure.error.strerror, self._config.dir, self._config.dbfilename
        match failure.step:
            case "open":
                return f"Failed opening the temp RDB file {temporary} (in server root dir {here}) for saving: {reason}"
            case "rename":
                return (
                    f"Error moving temp DB file {temporary} on the final destination {name} "
                    f"(in server root dir {here}): {reason}"
                )
            case "fsync directory":
                return f"Failed to fsync directory while saving DB: {reason}"
        operation = "rdbSaveRio" if failure.step == "write" else failure.step
        return f"Write error while saving DB to the disk({operation}): {reason}"

    def _note_saved(self, changes: int) -> None:
        self.saved_changes = changes
        self.last_save_s = int(time())
        self.last_background_save_well = True
        self.when_ended()

    # In the background

    @property
    def is_saving(self) -> bool:
        """Is there a child at work?"""
        return self._running is not None

    @property
    def is_saving_to_disk(self) -> bool:
        return self._running is not None and self._running.to_disk

    @property
    def must_wait(self) -> bool:
        """Is there a child at work, whatever it writes?"""
        return self._forks.is_busy

    @property
    def may_fork(self) -> bool:
        return self._forks.may_fork

    def save_in_background(self, done: Done | None = None) -> bool:
        """Starts a child that writes dump.rdb; False if there can be none (the log says why)."""
        assert self._running is None
        self._scheduled = False
        self.saves += 1
        self._journal.flush()
        started = self._start("pycluster-save", self._save, (), to_disk=True, done=done)
        if started is not None:
            self._log.notice(f"Background saving started by pid {started.pid}")
        return started is not None

    def send_in_background(self, pipe: int, opening: bytes, ending: bytes, request: Request, done: Done) -> bool:
        """Starts a child that writes a snapshot into a pipe, between two marks; False if there can be none."""
        assert self._running is None and self.may_fork

        def send(frozen: Frozen | None) -> Steps[bool]:
            disk = Disk()  # a pipe is none, but it is written in the same way
            try:
                for piece in chain((opening,), self.pieces(frozen, request), (ending,)):
                    disk.write(pipe, piece)
                    yield
            except BrokenPipeError:
                return False  # the server is gone, or nobody wants it any more
            return True

        started = self._start("pycluster-sync", send, (pipe,), to_disk=False, done=done)
        if started is not None:
            self._log.notice(f"Background RDB transfer started by pid {started.pid}")
        return started is not None

    def collect_in_background(self, request: Request, done: Callable[[bytes | None], None]) -> bool:
        """Makes a snapshot in memory, without a child; `done` gets it, or None if it was given up."""
        assert self._running is None and not self.may_fork
        content: list[bytes] = []

        def collect(frozen: Frozen | None) -> Steps[bool]:
            return _collect(self.pieces(frozen, request), content)

        def hand_over(well: bool) -> None:
            done(b"".join(content) if well else None)

        return self._start("pycluster-sync", collect, (), to_disk=False, done=hand_over) is not None

    def schedule(self) -> None:
        """A background save is to start as soon as there can be one."""
        self._scheduled = True

    def cancel(self) -> None:
        """The child's work is not wanted any more."""
        if self._running is not None:
            self._running.child.kill(UNWANTED)

    def _save(self, frozen: Frozen | None) -> Steps[bool]:
        return self._write_to_disk(self.pieces(frozen))

    def _start(
        self, title: str, work: Work, keep: Iterable[int], *, to_disk: bool, done: Done | None
    ) -> Child | Slices | None:
        self._last_try = time()
        try:
            child = self._forks.start(title, work, self._ended, keep=keep)
        except OSError as error:
            self.last_background_save_well = False
            self._log.warning(f"Can't save in background: fork: {error.strerror}")
            return None
        self._running = _Running(child, to_disk, time(), self._journal.changes, done)
        return child

    def _ended(self, how: Ended) -> None:
        running = self._running
        assert running is not None
        self._running = None
        self._last_duration_s = int(time() - running.started)
        if running.to_disk:
            self._note_end_of_save(running, how)
            self.when_ended()
        elif how.signal:
            self._log.warning(f"Background transfer terminated by signal {how.signal}")
        elif how.well:
            self._log.notice("Background RDB transfer terminated with success")
        else:
            self._log.warning("Background transfer error")
        if running.done is not None:
            running.done(how.well)

    def _note_end_of_save(self, running: _Running, how: Ended) -> None:
        if how.well:
            self._log.notice("Background saving terminated with success")
            self._note_saved(running.changes)
        elif not how.signal:
            self._log.warning("Background saving error")
            self.last_background_save_well = False
        else:
            self._log.warning(f"Background saving terminated by signal {how.signal}")
            self._remove(f"temp-{running.child.pid}.rdb")
            if how.signal != UNWANTED:
                self.last_background_save_well = False

    def _remove(self, name: str) -> None:
        try:
            self._disk.remove(self._config.path(name))
        except OSError:
            pass  # it had not got that far

    def stop(self) -> None:
        """The server ends: a child that still works is ended too, and waited for."""
        running = self._running
        if running is None:
            return
        self._running = None
        self._forks.stop()
        self._remove(f"temp-{running.child.pid}.rdb")

    # Each second

    def cron(self) -> None:
        """Starts what is due: a save that was asked for, or that a save point demands."""
        if self._forks.is_busy or self.loading is not None:
            return
        if self._scheduled:
            self.save_in_background()
            return
        now = time()
        if not self.last_background_save_well and now - self._last_try <= RETRY_AFTER_S:
            return
        for seconds, changes in self._config.save:
            if self.changes >= changes and now - self.last_save_s > seconds:
                self._log.notice(f"{changes} changes in {seconds} seconds. Saving...")
                self.save_in_background()
                return

    # Reading

    async def load(self, *, expire: bool) -> Loading | None:
        """Loads dump.rdb while the event loop serves others; None if there is none. Raises OSError, Unreadable."""
        keys = 0
        try:
            for loading in load_file(
                self.path,
                self._databases,
                self._log.write,
                expire=expire,
                verify=self._config.rdbchecksum,
                slice_bytes=min(SLICE, self._config.loading_process_events_interval_bytes),
            ):
                self.loading = loading
                delay = self._config.key_load_delay
                await asyncio.sleep(delay_s(delay, loading.keys - keys) if delay else 0)
                keys = loading.keys
            self.last_load = self.loading
            if self.last_load is not None:
                note_sanitized(self.last_load, self._databases, self._config)
        except FileNotFoundError:
            return None
        finally:
            self.loading = None
        self.saved_changes = self._journal.changes
        return self.last_load

    def load_directly(
        self, databases: Sequence[Database], size: int, functions: Functions, *, beside: bool
    ) -> Loader:
        """A dataset begins to arrive from a primary: what is to be fed with it. A size of 0: nobody knows."""
        verify = self._config.rdbchecksum
        loader = Loader(databases, size, self._log.write, expire=False, verify=verify, functions=functions)
        self.loading, self._loads_beside = loader.loading, beside
        return loader

    def loaded_directly(self, loading: Loading | None) -> None:
        """It is all there, or nothing came of it."""
        self.loading, self._loads_beside = None, False
        if loading is not None:
            self.last_load = loading

    def reload(self, *, save: bool, flush: bool, merge: bool = False) -> None:
        """DEBUG RELOAD: through the file and back, while everything waits."""
        if save and not self.save():
            raise ReloadSaveFailed
        if flush:
            empty_dataset(self._databases)
        try:
            for loading in load_file(self.path, self._databases, self._log.write, expire=True, merge=merge):
                self.last_load = loading
            if self.last_load is not None:
                note_sanitized(self.last_load, self._databases, self._config)
        except (OSError, Unreadable):
            raise ReloadLoadFailed from None

    def keep_for_replicas(self) -> None:
        """The file that is being written now is for replicas: nobody asked for it otherwise."""
        self._is_for_replicas = self._config.rdb_del_sync_files

    def remove_what_replicas_got(self) -> None:
        """No replica needs the file any more: it must not stay where nothing is to stay on the disk."""
        if self._is_for_replicas and self._keeps_nothing() and os.path.exists(self.path):
            self._is_for_replicas = False
            self._log.notice("Removing the RDB file used to feed replicas in a persistence-less instance")
            self._remove(self._config.dbfilename)

    def remove_what_primary_sent(self) -> None:
        """The dataset is in memory: the file it came in must not stay either."""
        if self._keeps_nothing():
            self._log.notice("Removing the RDB file obtained from the master. This replica has persistence disabled")
            self._remove(self._config.dbfilename)

    def _keeps_nothing(self) -> bool:
        """Does the configuration say that neither a full sync nor anything else may leave data on the disk?"""
        return self._config.rdb_del_sync_files and not self._config.save and not self._config.appendonly

    def incoming(self) -> IncomingFile:
        """A file for a dataset that a primary is about to send. Raises OSError."""
        return IncomingFile(self._disk, self.path)

    # INFO

    def info(self) -> dict[str, int | str]:
        """The fields of Persistence that snapshots know."""
        running, last = self._running, self.last_load
        is_loading = self.loading is not None
        fields: dict[str, int | str] = {
            "loading": int(is_loading and not self._loads_beside),
            "async_loading": int(is_loading and self._loads_beside),
        }
        if self.loading is not None:
            fields |= self.loading.info()
        return fields | {
            "rdb_changes_since_last_save": self.changes,
            "rdb_bgsave_in_progress": int(running is not None),
            "rdb_last_save_time": self.last_save_s,
            "rdb_last_bgsave_status": "ok" if self.last_background_save_well else "err",
            "rdb_last_bgsave_time_sec": self._last_duration_s,
            "rdb_current_bgsave_time_sec": -1 if running is None else int(time() - running.started),
            "rdb_saves": self.saves,
            "rdb_last_load_keys_expired": len(last.expired) if last else 0,
            "rdb_last_load_keys_loaded": last.keys if last else 0,
        }


def _collect(pieces: Iterator[bytes], content: list[bytes]) -> Steps[bool]:
    for piece in pieces:
        content.append(piece)
        yield
    return True


def delay_s(directive: int, keys: int) -> float:
    """How long so many keys are to take: as many microseconds each, or, if negative, so many keys one microsecond."""
    return keys * directive / 1e6 if directive > 0 else keys / -directive / 1e6
