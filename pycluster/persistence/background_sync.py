"""Syncing in a thread of its own, so that the event loop does not wait for the disk (appendfsync everysec).

One sync at a time. Nobody is called when it ends: whoever writes looks (`settle`) before it goes on.
"""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from pycluster.files.writer import Disk


class BackgroundSync:
    """The syncs of one file after another. `error` says why the last one that has ended failed, if it did.

    `thread` is what they run in; one is made when it is needed.
    """

    def __init__(self, disk: Disk, log: Any, thread: Executor | None = None) -> None:
        self.error: OSError | None = None
        self._disk = disk
        self._log = log
        self.thread = thread
        self._running: Future[None] | None = None
        self._reached = 0

    @property
    def is_running(self) -> bool:
        """Is one under way, or ended but not settled yet?"""
        return self._running is not None

    def start(self, fd: int, size: int) -> None:
        """Syncs what there is of the file now: so many bytes."""
        assert self._running is None
        if self.thread is None:
            self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pycluster-sync")
        self._reached = size
        self._running = self.thread.submit(self._disk.sync_content, fd)

    def settle(self) -> int | None:
        """Has a sync ended since this was asked last? Then how much of the file is safe; None if nothing is new."""
        running = self._running
        if running is None or not running.done():
            return None
        self._running = None
        try:
            running.result()
        except OSError as error:
            if self.error is None:
                self._log.warning(f"Fail to fsync the AOF file: {error.strerror}")
            self.error = error
            return None
        self.error = None
        return self._reached

    def wait(self) -> int | None:
        """Waits for the sync under way, and settles it."""
        if self._running is not None:
            self._running.exception()
        return self.settle()
