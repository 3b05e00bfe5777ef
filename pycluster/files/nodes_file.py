"""The file nodes.conf on the disk: locked while its node lives, replaced as a whole, never changed in place.

A new version is written beside the old one and renamed over it, so that whoever starts after a crash at any moment
finds one of the two. The lock (flock) tells a second process, started in the same directory by mistake, to go away.
It belongs to an open file, not to a name: so the new version is locked before it gets the name, and the old one let
go after. Forked children must close `lock_fd`, or they would hold the lock when the node is gone.
"""

import fcntl
import os

from pycluster.files.writer import Disk, WriteFailed


class InUse(Exception):
    """Another process has the lock, or it cannot be had: the text is Redis' own, for the log."""


class NodesFile:
    __slots__ = ("path", "lock_fd", "_disk")

    def __init__(self, path: str, disk: Disk) -> None:
        self.path = path
        self.lock_fd = -1
        self._disk = disk

    def lock(self) -> None:
        """Creates the file, empty, if there is none. Raises InUse."""
        while self.lock_fd < 0:
            try:
                fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise InUse(f"Can't open {self.path} in order to acquire a lock: {error.strerror}") from error
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if is_still_at(self.path, fd):
                    self.lock_fd, fd = fd, -1
            except BlockingIOError:
                raise InUse(
                    f"Sorry, the cluster configuration file {os.path.basename(self.path)} is already used by a "
                    "different Redis Cluster node. Please make sure that different nodes use different cluster "
                    "configuration files."
                ) from None
            except OSError as error:
                raise InUse(f"Impossible to lock {self.path}: {error.strerror}") from error
            finally:
                if fd >= 0:
                    os.close(fd)

    def read(self) -> str:
        """ "" for a new node."""
        with open(self.path, encoding="latin-1") as file:
            return file.read()

    def save(self, text: str, fsync: bool) -> None:
        """Raises WriteFailed, and then the file is what it was."""
        disk, draft = self._disk, f"{self.path}.tmp-{os.getpid()}"
        step, fd = "open", -1
        try:
            fd = disk.create(draft)
            step = "write"
            disk.write(fd, text.encode("latin-1"))
            step = "fsync"
            if fsync:
                disk.sync(fd)
            step = "lock"
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            step = "rename"
            disk.rename(draft, self.path)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
                disk.remove(draft)
            raise WriteFailed(step, error) from error
        self.unlock()
        self.lock_fd = fd
        if fsync:
            try:
                disk.sync_directory(os.path.dirname(self.path) or ".")
            except OSError as error:
                raise WriteFailed("fsync directory", error) from error

    def unlock(self) -> None:
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
            self.lock_fd = -1


def is_still_at(path: str, fd: int) -> bool:
    """Whether the file that was opened has not been replaced by another since."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
