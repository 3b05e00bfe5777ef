"""The end of an append-only file: the file that changes are written to, and when it is synced.

What a turn of the event loop has changed is one write, before the replies of that turn leave. Then, by appendfsync:
always: it is synced before the replies; everysec: in the background, each second; no: whenever the system likes. While
a background sync runs, the system might make a write wait for it: so the write itself is put off, up to two seconds.

A write that fails is tried again until it succeeds, and meanwhile no more changes are accepted (`trouble`). With
`always` that can't be: replies to earlier commands of the turn have promised what is not on the disk. So the process
ends, and what was not promised is cut off.
"""

import errno
import os
from collections.abc import Callable
from time import time
from typing import Any

from pycluster.files.writer import Disk
from pycluster.persistence.background_sync import BackgroundSync

PATIENCE_S = 2  # a write is put off for so long because of a sync
SAY_AGAIN_S = 30  # a problem that stays is said again in the log


class Tail:
    """The open file, or none. `size` is what is written, `synced` what is safe, `waiting` what is not written yet."""

    def __init__(
        self,
        config: Any,
        log: Any,
        disk: Disk,
        *,
        die: Callable[[], None],
        child_is_writing: Callable[[], bool] = lambda: False,
        now_s: Callable[[], float] = time,
        place: Callable[[], int] = lambda: 0,
        background: BackgroundSync | None = None,
    ) -> None:
        """`place`: where in the stream of changes what has been fed ends."""
        self.size = 0
        self.synced = 0
        self.waiting = 0
        self.synced_place = 0  # up to there in the stream of changes all is safe
        self.error: OSError | None = None
        self.delayed_syncs = 0
        self.background = background or BackgroundSync(disk, log)
        self._config = config
        self._log = log
        self._disk = disk
        self._die = die
        self._child_is_writing = child_is_writing
        self._now_s = now_s
        self._place = place
        self._written_place = 0
        self._place_of_sync = 0  # what the background sync under way will have reached
        self._fd = -1
        self._pieces: list[bytes] = []
        self._last_sync_s = 0
        self._put_off_since: float | None = None
        self._said_s = 0.0

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    @property
    def trouble(self) -> OSError | None:
        """Why no changes must be accepted now, if so."""
        return self.error or self.background.error

    # Life

    def open(self, fd: int) -> None:
        """Goes on with this file, behind what it holds."""
        assert self._fd < 0
        self._fd = fd
        self.size = self.synced = self._disk.size(fd)
        self.synced_place = self._written_place = self._place()
        self._last_sync_s = int(self._now_s())

    def close(self) -> None:
        """Lets the file go as it is."""
        self.background.wait()
        if self._fd >= 0:
            self._disk.close(self._fd)
        self._fd = -1
        self._pieces.clear()
        self.size = self.synced = self.waiting = 0
        self._put_off_since = None

    def forgive(self) -> None:
        """The file of which something failed is not ours any more."""
        if self.background.error is not None:
            self._log.warning("AOF reopen, just ignore the AOF fsync error in bio job")
            self.background.error = None
        if self.error is not None:
            self._log.warning("AOF reopen, just ignore the last error.")
            self.error = None

    # Writing

    def feed(self, stream: bytes) -> None:
        """Takes the next bytes; `write` writes them."""
        self._pieces.append(stream)
        self.waiting += len(stream)

    def write(self, force: bool = False) -> None:
        """Writes what has come, and syncs if it is time to. `force`: even while a sync is under way."""
        if self._fd < 0:
            return
        self._settle()
        if self._pieces:
            if not force and self._config.appendfsync == "everysec" and self._puts_off():
                return
            if not self._write_out():
                return
        if self.size != self.synced:
            self._sync_if_due()

    def sync(self) -> None:
        """All that is written is safe when this returns. Raises OSError."""
        self.background.wait()
        if self._fd >= 0:
            self._disk.sync_content(self._fd)
            self.synced, self.synced_place = self.size, self._written_place
            self._last_sync_s = int(self._now_s())

    def _settle(self) -> None:
        reached = self.background.settle()
        if reached is not None:
            self.synced = max(self.synced, reached)
            self.synced_place = max(self.synced_place, self._place_of_sync)

    def _puts_off(self) -> bool:
        """Is the write to wait for the sync under way?"""
        if not self.background.is_running:
            return False
        now = self._now_s()
        if self._put_off_since is None:
            self._put_off_since = now
        if now - self._put_off_since < PATIENCE_S:
            return True
        self.delayed_syncs += 1
        self._log.notice(
            "Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for "
            "fsync to complete, this may slow down Redis."
        )
        return False

    def _write_out(self) -> bool:
        content = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._put_off_since = None
        try:
            self._disk.write(self._fd, content)
        except OSError as error:
            self._keep(content, error)
            return False
        self._pieces.clear()
        self.waiting = 0
        self.size += len(content)
        self._written_place = self._place()
        if self.error is not None:
            self._log.notice("AOF write error looks solved, Redis can write again.")
            self.error = None
        return True

    def _keep(self, content: bytes, error: OSError) -> None:
        """The write failed: what it left is taken back, if that can be, and all of it is to be written again."""
        now = self._now_s()
        say = self._log.warning if now - self._said_s > SAY_AGAIN_S else _say_nothing
        written = self._disk.size(self._fd) - self.size
        if written > 0:
            say(f"Short write while writing to the AOF file: (nwritten={written}, expected={len(content)})")
            error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            try:
                self._disk.truncate(self._fd, self.size)
            except OSError as failure:
                say(
                    "Could not remove short write from the append-only file.  Redis may refuse to load the AOF the "
                    f"next time it starts.  ftruncate: {failure.strerror}"
                )
                self.size += written
                content = content[written:]
        else:
            say(f"Error writing to the AOF file: {error.strerror}")
        if say is not _say_nothing:
            self._said_s = now
        self._pieces[:] = [content]
        self.waiting = len(content)
        self.error = error
        if self._config.appendfsync == "always":
            self._log.warning("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...")
            self._die()

    def _sync_if_due(self) -> None:
        if self._config.no_appendfsync_on_rewrite and self._child_is_writing():
            return
        match self._config.appendfsync:
            case "always":
                try:
                    self.sync()
                except OSError as error:
                    self._log.warning(
                        "Can't persist AOF for fsync error when the AOF fsync policy is 'always': "
                        f"{error.strerror}. Exiting..."
                    )
                    self._die()
            case "everysec":
                now = int(self._now_s())
                if now != self._last_sync_s and not self.background.is_running:
                    self._last_sync_s = now
                    self._place_of_sync = self._written_place
                    self.background.start(self._fd, self.size)


def _say_nothing(text: str) -> None:
    """The log has been told lately."""
