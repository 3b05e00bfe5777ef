"""A disk that forgets at a power cut what was not synced, in every way that file systems are allowed to.

What a server writes really lands in a directory, so that it can read it again; beside that is kept what would be left
of it. Of a file: what was synced, and any beginning of what was written behind that, perhaps with zeros for the rest.
Of a directory: the names that were synced, and of each name on its own any beginning of the changes made since (a
rename may have lost its one half, or both). A name may last without the content it stands for, the content without its
name.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from pycluster.files.writer import Disk


@dataclass(eq=False)
class File:
    """What is safe of it, and the changes since: pieces written, or sizes it was cut to."""

    safe: bytes = b""
    changes: list[bytes | int] = field(default_factory=list)

    def survives(self, rng: Random) -> bytes:
        content = self.safe
        kept = rng.randint(0, len(self.changes))
        for number, change in enumerate(self.changes[:kept], start=1):
            if isinstance(change, int):
                content = content[:change]
            elif number < kept:
                content += change
            else:
                written = rng.randint(0, len(change))
                content += change[:written].ljust(len(change) if rng.randint(0, 1) else written, b"\0")
        return content

    def sync(self) -> None:
        for change in self.changes:
            self.safe = self.safe[:change] if isinstance(change, int) else self.safe + change
        self.changes.clear()


@dataclass(eq=False)
class Directory:
    """Its names as they are safe, the changes since, and as the living see it."""

    safe: dict[str, "File | Directory"] = field(default_factory=dict)
    changes: list[tuple[str, "File | Directory | None"]] = field(default_factory=list)
    now: dict[str, "File | Directory"] = field(default_factory=dict)

    def change(self, name: str, to: "File | Directory | None") -> None:
        self.changes.append((name, to))
        if to is None:
            self.now.pop(name, None)
        else:
            self.now[name] = to

    def sync(self) -> None:
        self.safe = self.now.copy()
        self.changes.clear()

    def survives(self, rng: Random) -> dict[str, "File | Directory"]:
        names = self.safe.copy()
        for name in dict.fromkeys(name for name, _ in self.changes):
            history = [to for changed, to in self.changes if changed == name]
            kept = rng.randint(0, len(history))
            to = history[kept - 1] if kept else names.get(name)
            names.pop(name, None)
            if to is not None:
                names[name] = to
        return names


class Pessimist(Random):
    """Nothing survives that need not."""

    def randint(self, a: int, b: int) -> int:
        return a


class Optimist(Random):
    """Everything survives, as at a kill -9."""

    def randint(self, a: int, b: int) -> int:
        return b


class ForgetfulDisk(Disk):
    """Works in `root`. `before_step` is called before each thing that is done to the disk."""

    def __init__(self, root: str, before_step: Callable[[], None] = lambda: None) -> None:
        self.root = root
        self.before_step = before_step
        self._top = Directory()
        self._open: dict[int, File] = {}

    def survivors(self, rng: Random) -> dict[str, bytes]:
        """What there is after a power cut now: content by path, directories left out that hold nothing."""
        found: dict[str, bytes] = {}

        def walk(directory: Directory, path: str) -> None:
            for name, thing in directory.survives(rng).items():
                if isinstance(thing, File):
                    found[os.path.join(path, name)] = thing.survives(rng)
                else:
                    walk(thing, os.path.join(path, name))

        walk(self._top, "")
        return found

    # What is done to the disk

    def create(self, path: str) -> int:
        self.before_step()
        file = self._file(path)
        file.changes.append(0)
        fd = super().create(path)
        self._open[fd] = file
        return fd

    def append(self, path: str) -> int:
        self.before_step()
        file = self._file(path)
        fd = super().append(path)
        self._open[fd] = file
        return fd

    def write(self, fd: int, content: bytes) -> None:
        self.before_step()
        self._open[fd].changes.append(bytes(content))
        super().write(fd, content)

    def truncate(self, fd: int, size: int) -> None:
        self.before_step()
        self._open[fd].changes.append(size)
        super().truncate(fd, size)

    def sync(self, fd: int) -> None:
        self.before_step()
        self._open[fd].sync()

    sync_content = sync

    def rename(self, source: str, target: str) -> None:
        self.before_step()
        thing = self._directory_of(source).now[os.path.basename(source)]
        self._directory_of(source).change(os.path.basename(source), None)
        self._directory_of(target).change(os.path.basename(target), thing)
        super().rename(source, target)

    def link(self, source: str, target: str) -> None:
        self.before_step()
        thing = self._directory_of(source).now[os.path.basename(source)]
        self._directory_of(target).change(os.path.basename(target), thing)
        super().link(source, target)

    def remove(self, path: str) -> None:
        self.before_step()
        super().remove(path)
        self._directory_of(path).change(os.path.basename(path), None)

    def make_directory(self, path: str) -> None:
        self.before_step()
        super().make_directory(path)
        self._directory_of(path).change(os.path.basename(path), Directory())

    def sync_directory(self, path: str) -> None:
        self.before_step()
        self._directory(path).sync()

    def _file(self, path: str) -> File:
        directory, name = self._directory_of(path), os.path.basename(path)
        if name not in directory.now:
            directory.change(name, File())
        file: Any = directory.now[name]
        return file

    def _directory_of(self, path: str) -> Directory:
        return self._directory(os.path.dirname(path))

    def _directory(self, path: str) -> Directory:
        directory: Any = self._top
        relative = os.path.relpath(path, self.root)
        for name in [] if relative == "." else relative.split(os.sep):
            directory = directory.now[name]
        return directory


class HastyDisk(Disk):
    """One that syncs nothing: for tests in which no power is cut, and which have no time to lose."""

    def sync(self, fd: int) -> None: ...

    sync_content = sync

    def sync_directory(self, path: str) -> None: ...


def restore(survivors: dict[str, bytes], root: str) -> None:
    """Puts what survived into a directory, for the next start."""
    for path, content in survivors.items():
        target = os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
