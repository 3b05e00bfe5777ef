"""The append-only file: every change of the data, on the disk before the reply to it leaves.

It is made of parts (manifest.py): a base, which is the dataset at one moment, and what was changed since. It is `ON`,
or `OFF`, or, when it was switched on in a running server, waits for its first base: then changes go to a temporary
file, which becomes a part with that base.

A rewrite replaces the base. From the moment the child is forked, changes go to a new incremental file; when the child
is done, its file and that one are all that is needed. If it fails, nothing is lost: the parts go on as they were, with
one more among them.

    aof.write()             a duty of each turn's end, before replies leave: written, synced if appendfsync says so
    aof.rewrite()           BGREWRITEAOF
    aof.turn_on(), turn_off()
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from time import time
from typing import Any

from pycluster.files.child import UNWANTED, Ended
from pycluster.files.writer import Disk
from pycluster.keyspace.database import Database
from pycluster.keyspace.frozen import Frozen
from pycluster.keyspace.journal import Journal
from pycluster.persistence.aof_base import BaseWriter, Content
from pycluster.persistence.aof_files import AofFiles, CannotGoOn
from pycluster.persistence.aof_loading import AofLoader, Replay
from pycluster.persistence.aof_tail import Tail
from pycluster.persistence.forks import Forks
from pycluster.persistence.loading import Loading
from pycluster.persistence.manifest import Manifest
from pycluster.persistence.rewrite_limit import RewriteLimit
from pycluster.persistence.rewriting import write_commands


class State(Enum):
    OFF = "off"
    WAITING = "waiting for the first base"
    ON = "on"


class AppendOnly:
    """The append-only file of one server. `snapshot` makes the dataset in RDB format, as a base.

    `passed` is told of keys as a base of commands is written, some at a time.
    """

    def __init__(
        self,
        config: Any,
        log: Any,
        loop: asyncio.AbstractEventLoop,
        databases: Sequence[Database],
        journal: Journal,
        forks: Forks,
        *,
        snapshot: Content,
        passed: Callable[[int], None] = lambda keys: None,
        die: Callable[[], None],
        in_unit: Callable[[], bool] = lambda: False,
        troubled: Callable[[bool], None] = lambda is_troubled: None,
        disk: Disk | None = None,
        now_s: Callable[[], float] = time,
        place: Callable[[], int] = lambda: 0,
        kept: Callable[[], None] = lambda: None,
        synced: Callable[[], None] = lambda: None,
        openings: Callable[[], list[list[bytes]]] = list,
    ) -> None:
        """`place` says how far the stream of changes is; `kept` is called for each piece of it that is taken, `synced`
        when more of it is safe. `openings` are commands that come first in a base of commands."""
        self.state = State.OFF
        self.loading: Loading | None = None
        self.disk = disk or Disk()
        self.files = AofFiles(config, log, self.disk)
        self.tail = Tail(
            config, log, self.disk, die=die, child_is_writing=lambda: forks.is_busy, now_s=now_s, place=place
        )
        self.synced_offset = -1  # up to where in the stream a power cut takes nothing from us; -1: we keep nothing
        self.rewrites = 0
        self.limit = RewriteLimit(log)
        self.is_scheduled = False
        self.last_rewrite_well = True
        self._config = config
        self._log = log
        self._loop = loop
        self._databases = databases
        self._journal = journal
        self._forks = forks
        self._snapshot = snapshot
        self._passed = passed
        self._base_writer = BaseWriter(config, log, self.disk, forks, self._base, now_s)
        self._in_unit = in_unit
        self._troubled = troubled
        self._is_troubled = False
        self._now_s = now_s
        self._place = place
        self._kept = kept
        self._when_synced = synced
        self._openings = openings
        self._before_tail = 0  # bytes of the parts that are complete
        self._base_size = 0
        self._stamped_s = 0

    @property
    def is_rewriting(self) -> bool:
        return self._base_writer.is_at_work

    # The start

    def load(self, replay: Replay) -> Iterator[Loading]:
        """Loads what the last run left; yields after each slice. Nothing is yielded if there is nothing at all.

        Raises CannotGoOn.
        """
        self.state = State.ON
        self.files.read()
        self.files.upgrade()
        parts = self.files.manifest.parts
        if not parts:
            return
        loader = AofLoader(self.files, self._databases, replay, self._config, self._log, self.disk)
        try:
            for loading in loader.load():
                self.loading = loading
                yield loading
        finally:
            self.loading = None
        base = self.files.manifest.base
        self._base_size = self.files.size(base) if base is not None else 0

    def reload(self, replay: Replay) -> None:
        """DEBUG LOADAOF: reads all parts into databases that are empty. Raises CannotGoOn."""
        self.files.read()
        self.files.remove_history()
        loader = AofLoader(self.files, self._databases, replay, self._config, self._log, self.disk)
        for _ in loader.load():
            pass

    def open(self) -> None:
        """From now on changes are written. A server that starts with nothing begins with an empty base.

        Raises CannotGoOn.
        """
        files = self.files
        files.make_directory()
        manifest = files.manifest.copy()
        had_incremental = bool(manifest.incremental)
        if not manifest.parts:
            base = manifest.put_base(is_snapshot=self._config.aof_use_rdb_preamble)
            if not self._base_writer.write(files.path(base.name)):
                raise CannotGoOn
            self._log.notice(f"Creating AOF base file {base.name} on server start")
        part = manifest.incremental[-1] if had_incremental else manifest.add_incremental()
        try:
            fd = self.disk.append(files.path(part.name))
        except OSError as error:
            self._log.warning(f"Can't open the append-only file {part.name}: {error.strerror}")
            raise CannotGoOn from error
        if manifest != files.manifest:
            files.replace_manifest(manifest)
        self.tail.open(fd)
        self.synced_offset = self._place()
        self._before_tail = sum(files.size(other) for other in manifest.parts if other is not part)
        if not self._base_size and manifest.base is not None:
            self._base_size = files.size(manifest.base)
        self._log.notice(f"{'Opening' if had_incremental else 'Creating'} AOF incr file {part.name} on server start")
        self._listen()
        files.remove_history()

    # Changes

    def take(self, stream: bytes) -> None:
        """The journal's listener: the changes of a turn."""
        self._kept()
        if not self.tail.is_open:
            return  # nothing is kept until the next rewrite starts, which has it all in its base
        if self._config.aof_timestamp_enabled and (now := int(self._now_s())) > self._stamped_s:
            self._stamped_s = now
            self.tail.feed(b"#TS:%d\r\n" % now)
        self.tail.feed(stream)

    def write(self, force: bool = False) -> None:
        """Writes what the turn has changed, and syncs what is to be synced, before the replies leave."""
        tail = self.tail
        if tail.waiting or tail.size != tail.synced:
            tail.write(force)
            if (tail.trouble is not None) is not self._is_troubled:
                self._is_troubled = not self._is_troubled
                self._troubled(self._is_troubled)
        if self.state is State.ON and not self._journal.has_pending:
            self._note_synced()

    def _note_synced(self) -> None:
        """How far is the stream safe now? A file without a base is not, whatever was synced. And what is no change (a
        PING) is in no file, and need not be waited for."""
        tail = self.tail
        all_is_safe = tail.is_open and not tail.waiting and tail.size == tail.synced
        reached = self._place() if all_is_safe else tail.synced_place
        if reached != self.synced_offset:
            self.synced_offset = reached
            self._when_synced()

    def _listen(self) -> None:
        """Records come here, the first with the database that it belongs to."""
        self._journal.start_over()
        if self.take not in self._journal.listeners:
            self._journal.listeners.append(self.take)

    def _stop_listening(self) -> None:
        if self.take in self._journal.listeners:
            self._journal.listeners.remove(self.take)

    # On and off

    def turn_on(self) -> bool:
        """appendonly yes in a running server, or again behind a full sync; False if it can't be, the log says why."""
        assert self.state is State.OFF
        self.state = State.WAITING
        self._before_tail = self._base_size = 0
        self._listen()
        if self._forks.is_busy and not self.is_rewriting:
            self.is_scheduled = True
            self._log.notice(
                "AOF was enabled but there is already another background operation. "
                "An AOF background was scheduled to start when possible."
            )
        elif self._in_unit():
            self.is_scheduled = True
            self._log.notice(
                "AOF was enabled during a transaction. An AOF background was scheduled to start when possible."
            )
        else:
            if self.is_rewriting:
                self._log.notice(
                    "AOF was enabled but there is already an AOF rewriting in background. "
                    "Stopping background AOF and starting a rewrite now."
                )
                self._kill_rewrite()
            if not self.rewrite():
                self.tail.close()
                self.state = State.OFF
                self._stop_listening()
                self._log.warning(
                    "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. "
                    "Check the above logs for more info about the error."
                )
                return False
        self.tail.forgive()
        self.write()
        return True

    def turn_off(self) -> None:
        """appendonly no in a running server, or a dataset that is about to be replaced."""
        assert self.state is not State.OFF
        self._journal.flush()
        self.write(force=True)
        self._sync("Fail to fsync the AOF file: {}")
        self.tail.close()
        self.tail.forgive()
        self.state = State.OFF
        self.synced_offset = -1
        self.is_scheduled = False
        self._stop_listening()
        self._kill_rewrite()
        if self._is_troubled:
            self._is_troubled = False
            self._troubled(False)

    def leave(self, force: bool) -> bool:
        """The server ends: all is written and synced. False if that would lose the dataset, which no base has yet."""
        if self.is_rewriting:
            if self.state is State.WAITING:
                if not force:
                    self._log.warning("Writing initial AOF, can't exit.")
                    return False
                self._log.warning("Writing initial AOF. Exit anyway.")
            self._log.warning("There is a child rewriting the AOF. Killing it!")
            self._kill_rewrite()
        if self.state is not State.OFF:
            self._log.notice("Calling fsync() on the AOF file.")
            self._journal.flush()
            self.write(force=True)
            self._sync("Fail to fsync the AOF file: {}.")
        return True

    def _sync(self, complaint: str) -> None:
        try:
            self.tail.sync()
        except OSError as error:
            self._log.warning(complaint.format(error.strerror))

    # Rewriting

    def schedule(self) -> None:
        """A rewrite is to start as soon as there can be one, whatever has failed before."""
        self.is_scheduled = True
        self.limit.failures = 0

    def rewrite(self) -> bool:
        """Starts a child that writes a new base; False if there can be none, the log says why."""
        assert not self._forks.is_busy
        self._journal.flush()
        self.write(force=True)
        try:
            self.files.make_directory()
            self._begin_next_part()
        except CannotGoOn:
            self.last_rewrite_well = False
            return False
        self._journal.start_over()
        self.rewrites += 1
        was_scheduled, self.is_scheduled = self.is_scheduled, False
        if not self._base_writer.start(self._rewritten):
            self.last_rewrite_well, self.is_scheduled = False, was_scheduled
            return False
        return True

    def _begin_next_part(self) -> None:
        """From now on changes go to a new file: what is before is the child's. Raises CannotGoOn.

        What was written so far is synced first. Else a power cut could leave the file before the last one cut short,
        and nobody could say what is missing between the two. (Redis syncs it in the background, and would not start.)
        """
        if self.state is State.OFF:
            return
        manifest = self.files.manifest.copy()
        is_first = self.state is State.WAITING
        if is_first:
            self.synced_offset = 0
        name = self._temporary_part if is_first else manifest.add_incremental().name
        fd = -1
        try:
            if self.tail.waiting:  # it could not be written; the child would have it, and then it would come again
                raise self.tail.error or OSError(0, "the last changes are not written")
            fd = self.disk.append(self.files.path(name))
            self.disk.truncate(fd, 0)
            if not is_first:
                self.tail.sync()
                self.files.replace_manifest(manifest)
        except OSError as error:
            self._log.warning(f"Can't open the append-only file {name}: {error.strerror}")
            self._close(fd)
            raise CannotGoOn from error
        except CannotGoOn:
            self._close(fd)
            raise
        self._log.notice(f"Creating AOF incr file {name} on background rewrite")
        self._before_tail += self.tail.size
        self.tail.close()
        self.tail.open(fd)

    def _close(self, fd: int) -> None:
        if fd >= 0:
            self.disk.close(fd)

    def _base(self, frozen: Frozen | None) -> Iterator[bytes]:
        """The dataset as it is now, in the format of a base."""
        if self._config.aof_use_rdb_preamble:
            return self._snapshot(frozen)
        stamp = b"#TS:%d\r\n" % int(self._now_s()) if self._config.aof_timestamp_enabled else b""
        sources = self._databases[0].keyspace.functions.sources()
        if frozen is None:
            return write_commands(self._databases, stamp, sources, self._passed, openings=self._openings())
        return write_commands(frozen.databases, stamp, sources, self._passed, frozen.hold, self._openings())

    def _rewritten(self, how: Ended) -> None:
        """The child has ended."""
        if not self.is_rewriting:
            return  # it was not wanted any more
        if how.signal:
            self._log.warning(f"Background AOF rewrite terminated by signal {how.signal}")
        elif how.well:
            self._log.notice("Background AOF rewrite terminated with success")
        else:
            self._log.warning("Background AOF rewrite terminated with error")
        if how.well and self._take_new_base():
            self.last_rewrite_well = True
            self.limit.failures = 0
            self._log.notice("Background AOF rewrite finished successfully")
        elif how.signal != UNWANTED:
            self.last_rewrite_well = False
            self.limit.failures += 1
        self._base_writer.note_end()
        self._end_rewrite()

    def _take_new_base(self) -> bool:
        """The child's file, and what was changed since, take the place of all there was."""
        files, manifest = self.files, self.files.manifest.copy()
        made = self._base_writer.path
        base = manifest.put_base(is_snapshot=self._config.aof_use_rdb_preamble)
        if not self._rename("base", made, files.path(base.name)):
            return False
        if self.state is State.WAITING:
            first = manifest.add_incremental()
            if not self._rename("incr", files.path(self._temporary_part), files.path(first.name)):
                files.remove(base.name)
                return False
        manifest.retire_incremental(keep=0 if self.state is State.OFF else 1)
        try:
            files.replace_manifest(manifest)
            size = files.size(base)
        except CannotGoOn:
            self._undo(manifest)
            return False
        if self.state is not State.OFF:
            self.state = State.ON
            self._before_tail = size
            self._base_size = size + self.tail.size
        files.remove_history()
        return True

    def _rename(self, kind: str, source: str, target: str) -> bool:
        shown = os.path.basename(source)
        try:
            self.disk.rename(source, target)
        except OSError as error:
            self._log.warning(
                f"Error trying to rename the temporary AOF {kind} file {shown} into {target}: {error.strerror}"
            )
            return False
        self._log.notice(f"Successfully renamed the temporary AOF {kind} file {shown} into {os.path.basename(target)}")
        return True

    def _undo(self, manifest: Manifest) -> None:
        """The manifest could not be replaced: its new files are nobody's."""
        if self.files.manifest is manifest:
            return  # nor could it be put back
        assert manifest.base is not None
        self.files.remove(manifest.base.name)
        if self.state is State.WAITING:
            self.files.remove(manifest.incremental[-1].name)

    def _kill_rewrite(self) -> None:
        if not self.is_rewriting:
            return
        self._log.notice(f"Killing running AOF rewrite child: {self._base_writer.pid}")
        self._forks.stop(signal.SIGKILL)
        self._end_rewrite()

    def _end_rewrite(self) -> None:
        """What the child may have left is removed. A file that has no base yet begins again."""
        self._base_writer.clean_up()
        if self.state is State.WAITING:
            self._log.notice(f"Removing the temp incr aof file {self._temporary_part} in the background")
            self.tail.close()
            self.files.remove(self._temporary_part)
            self.is_scheduled = True

    @property
    def _temporary_part(self) -> str:
        return f"temp-{self._config.appendfilename}.incr"

    # As time goes by

    def tick(self) -> None:
        """Some ten times a second: what was put off, what failed, and rewrites that are due."""
        if self.state is not State.OFF:
            self.write()
        if self._forks.is_busy or self.loading is not None:
            return
        if self.is_scheduled:
            if not self.limit.forbids(self._now_s()):
                self._rewrite_unasked()
        elif self.state is State.ON and self._has_grown() and not self.limit.forbids(self._now_s()):
            self._log.notice(f"Starting automatic rewriting of AOF on {self._growth_percent}% growth")
            self._rewrite_unasked()

    def _rewrite_unasked(self) -> None:
        """One that can't even start counts as failed, or it would be tried, and open a file, ten times a second."""
        if not self.rewrite():
            self.limit.failures += 1

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return self._before_tail + self.tail.size

    @property
    def _growth_percent(self) -> int:
        return self.size * 100 // (self._base_size or 1) - 100

    def _has_grown(self) -> bool:
        """Is a rewrite worth its while (auto-aof-rewrite-percentage and -min-size)?"""
        percentage = self._config.auto_aof_rewrite_percentage
        return (
            self.tail.is_open
            and bool(percentage)
            and self.size > self._config.auto_aof_rewrite_min_size
            and self._growth_percent >= percentage
        )

    # INFO

    def info(self) -> dict[str, int | str]:
        """The fields of Persistence that the append-only file knows."""
        since = self._base_writer.since
        fields: dict[str, int | str] = {}
        if self.loading is not None:
            fields |= {"loading": 1} | self.loading.info()
        fields |= {
            "aof_enabled": int(self.state is not State.OFF),
            "aof_rewrite_in_progress": int(since is not None),
            "aof_rewrite_scheduled": int(self.is_scheduled),
            "aof_last_rewrite_time_sec": self._base_writer.last_duration_s,
            "aof_current_rewrite_time_sec": -1 if since is None else int(self._now_s() - since),
            "aof_last_bgrewrite_status": "ok" if self.last_rewrite_well else "err",
            "aof_rewrites": self.rewrites,
            "aof_rewrites_consecutive_failures": self.limit.failures,
            "aof_last_write_status": "ok" if self.tail.trouble is None else "err",
        }
        if not self._config.appendonly:
            return fields
        return fields | {
            "module_fork_last_cow_size": 0,  # the last field of the form: what follows comes behind it
            "aof_current_size": self.size,
            "aof_base_size": self._base_size,
            "aof_pending_rewrite": int(self.is_scheduled),
            "aof_buffer_length": self.tail.waiting,
            "aof_pending_bio_fsync": int(self.tail.background.is_running),
            "aof_delayed_fsync": self.tail.delayed_syncs,
        }
