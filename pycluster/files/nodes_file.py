"""The file nodes.conf on the disk: locked while its node lives, replaced as a whole, never changed in place.

A new version is written beside the old one and renamed over it, so that whoever starts after a crash at any moment
finds one of the two. The lock (flock) tells a second process, started in the same directory by mistake, to go away.
It belongs to an open file, not to a name: so the new version is locked before it gets the name, and the old one let
go after. Forked children must close `lock_fd`, or they would hold the lock when the node is gone.
"""

import fcntl
import os
import time


class InUse(Exception):
    """Another process has the lock, or it cannot be had: the text is Redis' own, for the log."""


class NodesFile:
    __slots__ = ("path", "lock_fd")

    def __init__(self, path: str) -> None:
        self.path = path
        self.lock_fd = -1

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
                    f"Sorry, the cluster configuration file {self.path} is already used by a different Redis Cluster "
                    "node. Please make sure that different nodes use different cluster configuration files."
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
        """Raises OSError, and then the file is what it was."""
        draft = f"{self.path}.tmp-{os.getpid()}-{time.time_ns() // 1_000_000}"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            content = memoryview(text.encode("latin-1"))
            while content:
                content = content[os.write(fd, content) :]
            if fsync:
                os.fsync(fd)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(draft, self.path)
        except BaseException:
            os.close(fd)
            os.unlink(draft)
            raise
        self.unlock()
        self.lock_fd = fd
        if fsync:
            sync_directory_of(self.path)

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


def sync_directory_of(path: str) -> None:
    """Makes a rename last through a power failure."""
    fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
