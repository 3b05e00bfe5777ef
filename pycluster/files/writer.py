"""Files that are there whole or not at all, on one thin layer over the system calls.

`Disk` is that layer: everything the server writes to a file goes through one, handed in, so that a test can put a
faulty one in its place (full, slow, or one that forgets at a power cut what was not synced). `replace_file` is what
snapshots and nodes.conf are written with: a temporary file beside the old one, fsync, rename, fsync of the directory.
Whoever reads, after a crash at any moment, finds the old file or the new one.
"""

import os
from collections.abc import Generator, Iterable
from typing import TypeAlias, TypeVar


class Disk:
    """The real one. Each method is one system call, or the loop that a system call may need."""

    def create(self, path: str) -> int:
        """Opens an empty file for writing; what was there is gone."""
        return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o644)

    def append(self, path: str) -> int:
        """Opens a file for writing behind what is there already."""
        return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def write(self, fd: int, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[os.write(fd, left) :]

    def sync(self, fd: int) -> None:
        os.fsync(fd)

    def sync_content(self, fd: int) -> None:
        """As `sync`, without what no reader needs (times): for a file that grows all the time."""
        os.fdatasync(fd)

    def close(self, fd: int) -> None:
        os.close(fd)

    def rename(self, source: str, target: str) -> None:
        os.rename(source, target)

    def link(self, source: str, target: str) -> None:
        """Gives a file a second name."""
        os.link(source, target)

    def remove(self, path: str) -> None:
        os.unlink(path)

    def make_directory(self, path: str) -> None:
        os.mkdir(path, 0o755)

    def sync_directory(self, path: str) -> None:
        """Makes the names in a directory last: a rename is lost at a power cut without it."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


Result = TypeVar("Result")
Steps: TypeAlias = Generator[None, None, Result]  # work that can be interrupted between two


def finish(steps: Steps[Result]) -> Result:
    """Does the work in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Result = stop.value
            return result


class WriteFailed(Exception):
    """A file could not be replaced: at which step ("open", "write", "fsync", "rename", "fsync directory"), and why."""

    def __init__(self, step: str, error: OSError) -> None:
        super().__init__(step, error)
        self.step = step
        self.error = error

    def __str__(self) -> str:
        return f"{self.step}: {self.error.strerror}"


def replace_file(
    disk: Disk, path: str, content: Iterable[bytes], *, temporary: str, sync_every: int | None = None
) -> int:
    """Puts a new file in the place of an old one; returns its length. On failure the old one stays, nothing beside it.

    `sync_every` syncs each time so many bytes are written: the last sync of a large file would otherwise have all
    of it to write, and every other user of the disk would wait for that.
    """
    return finish(replacing_file(disk, path, content, temporary=temporary, sync_every=sync_every))


def replacing_file(
    disk: Disk, path: str, content: Iterable[bytes], *, temporary: str, sync_every: int | None = None
) -> Steps[int]:
    """The same in steps, a piece each, for who has other things to do. Given up between two, it leaves the old file."""
    step, fd = "open", -1
    try:
        fd = disk.create(temporary)
        step, written, synced = "write", 0, 0
        for piece in content:
            disk.write(fd, piece)
            written += len(piece)
            if sync_every and written - synced >= sync_every:
                step = "fsync"
                disk.sync(fd)
                step, synced = "write", written
            yield
        step = "fsync"
        disk.sync(fd)
        disk.close(fd)
        step, fd = "rename", -1
        disk.rename(temporary, path)
        step = "fsync directory"
        disk.sync_directory(os.path.dirname(path) or ".")
        return written
    except OSError as error:
        _clean_up(disk, fd, temporary)
        raise WriteFailed(step, error) from error
    except BaseException:
        _clean_up(disk, fd, temporary)
        raise


def _clean_up(disk: Disk, fd: int, temporary: str) -> None:
    """What can't be undone is let be: the reason why writing failed is the one worth telling."""
    try:
        if fd >= 0:
            disk.close(fd)
    except OSError:
        pass
    try:
        disk.remove(temporary)
    except OSError:
        pass
