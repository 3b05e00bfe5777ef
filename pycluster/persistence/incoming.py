"""A dataset that a primary sends, written beside the old file until it is whole; only then it takes its place.

So a replica whose primary dies in the middle still has what it had, in memory and on the disk, and one that restarts
goes on from what it received last.
"""

import os
from time import time

from pycluster.files.writer import Disk

SYNC_EVERY = 8 << 20  # else the last sync would have to wait for all of it


class IncomingFile:
    """Written piece by piece; then either `finish` or `abandon`. Both may raise OSError, as every write may."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._path = path
        self._directory = os.path.dirname(path) or "."
        self._temporary = os.path.join(self._directory, f"temp-{int(time())}.{os.getpid()}.rdb")
        self._fd = disk.create(self._temporary)
        self._unsynced = 0

    def write(self, piece: bytes) -> None:
        self._disk.write(self._fd, piece)
        self._unsynced += len(piece)
        if self._unsynced >= SYNC_EVERY:
            self._disk.sync(self._fd)
            self._unsynced = 0

    def finish(self) -> None:
        """All of it is there."""
        self._disk.sync(self._fd)
        self._disk.close(self._fd)
        self._fd = -1
        self._disk.rename(self._temporary, self._path)
        self._disk.sync_directory(self._directory)

    def abandon(self) -> None:
        """The rest will not come."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        try:
            self._disk.close(fd)
            self._disk.remove(self._temporary)
        except OSError:
            pass  # it is in nobody's way
