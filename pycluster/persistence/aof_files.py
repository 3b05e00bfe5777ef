"""The files of an append-only file: where they are, and how their manifest is replaced so that it never lies.

Whoever starts after a power cut believes the manifest: a file that it names must be there, whole. So names are made
last (fsync of the directory) before the manifest that speaks of them takes its place, and that is made last before
what it no longer speaks of is removed. Redis leaves the first of the three to the file system.
"""

import os
from typing import Any

from pycluster.files.writer import Disk
from pycluster.persistence.manifest import BadManifest, Kind, Manifest, Part, read_manifest


class CannotGoOn(Exception):
    """The append-only file cannot be opened, read or changed: the log says why."""


class AofFiles:
    """The directory of one server's append-only file. `manifest` is what the disk has."""

    def __init__(self, config: Any, log: Any, disk: Disk) -> None:
        self.manifest = Manifest(config.appendfilename)
        self._config = config
        self._log = log
        self._disk = disk

    # Where

    @property
    def directory(self) -> str:
        return str(self._config.path(self._config.appenddirname))

    @property
    def old_path(self) -> str:
        """Where versions before 7 had their only file."""
        return str(self._config.path(self._config.appendfilename))

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def size(self, part: Part) -> int:
        """Raises CannotGoOn if the file is not there."""
        try:
            return os.stat(self.path(part.name)).st_size
        except OSError as error:
            self._log.warning(f"Unable to obtain the AOF file {part.name} length. stat: {error.strerror}")
            raise CannotGoOn from error

    # The manifest

    def read(self) -> None:
        """Takes the manifest from the disk; an empty one if there is none. Raises CannotGoOn."""
        self.manifest = Manifest(self._config.appendfilename)
        path = self.path(self.manifest.file_name)
        if not os.path.isdir(self.directory):
            self._log.debug(f"The AOF directory {self._config.appenddirname} doesn't exist")
            return
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                text = file.read()
        except FileNotFoundError:
            self._log.debug(f"The AOF manifest file {self.manifest.file_name} doesn't exist")
            return
        except OSError as error:
            self._log.warning(f"Fatal error: can't open the AOF manifest file {path} for reading: {error.strerror}")
            raise CannotGoOn from error
        try:
            self.manifest = read_manifest(self.manifest.name, text)
        except BadManifest as error:
            self._log.warning("\n*** FATAL AOF MANIFEST FILE ERROR ***\n")
            if error.line:
                self._log.warning(f"Reading the manifest file, at line {error.number}\n")
                self._log.warning(f">>> '{error.line}'\n")
            self._log.warning(f"{error.reason}\n")
            raise CannotGoOn from error

    def replace_manifest(self, manifest: Manifest) -> None:
        """From now on this is the manifest, on the disk and here. Raises CannotGoOn, and then the old one holds."""
        disk, name = self._disk, manifest.file_name
        temporary = f"temp-{name}"
        fd = -1
        problem = f"Can't open the AOF manifest file {temporary}"
        try:
            fd = disk.create(self.path(temporary))
            problem = f"Error trying to write the temporary AOF manifest file {temporary}"
            disk.write(fd, manifest.text().encode("utf-8", "surrogateescape"))
            problem = f"Fail to fsync the temp AOF file {temporary}"
            disk.sync(fd)
            disk.close(fd)
            fd = -1
            problem = f"Fail to fsync AOF directory {self.directory}"
            disk.sync_directory(self.directory)  # the files that it names
            problem = f"Error trying to rename the temporary AOF manifest file {temporary} into {name}"
            disk.rename(self.path(temporary), self.path(name))
        except OSError as error:
            self._log.warning(f"{problem}: {error.strerror}")
            if fd >= 0:
                disk.close(fd)
            raise CannotGoOn from error
        old, self.manifest = self.manifest, manifest
        try:
            disk.sync_directory(self.directory)
        except OSError as error:
            self._log.warning(f"Fail to fsync AOF directory {self.directory}: {error.strerror}")
            self._put_back(old)
            raise CannotGoOn from error

    def _put_back(self, old: Manifest) -> None:
        """The new manifest is there, but may not last: whoever starts now is to find the old one, if that can be.

        `manifest` says in the end which of the two it is. Files that it names must not be removed.
        """
        disk, name = self._disk, old.file_name
        try:
            if not old.parts:
                disk.remove(self.path(name))
            else:
                fd = disk.create(self.path(f"temp-{name}"))
                try:
                    disk.write(fd, old.text().encode("utf-8", "surrogateescape"))
                    disk.sync(fd)
                finally:
                    disk.close(fd)
                disk.rename(self.path(f"temp-{name}"), self.path(name))
        except OSError:
            return
        self.manifest = old

    def make_directory(self) -> None:
        """The directory is there, and stays. Raises CannotGoOn."""
        try:
            self._disk.make_directory(self.directory)
            self._disk.sync_directory(self._config.dir)
        except OSError as error:
            if isinstance(error, FileExistsError) and os.path.isdir(self.directory):
                return
            self._log.warning(f"Can't open or create append-only dir {self._config.appenddirname}: {error.strerror}")
            raise CannotGoOn from error

    # Of old, and no longer wanted

    def upgrade(self) -> None:
        """A single file of a version before 7 becomes the base. Raises CannotGoOn.

        Cut short at whatever step, it is done again at the next start: the manifest then names nothing but a base
        that still is where it was. The file gets its new name before it loses the old one, since a power cut may undo
        one half of a rename.
        """
        name, old = self._config.appendfilename, self.manifest
        if not os.path.exists(self.old_path):
            return
        is_half_done = (
            not old.incremental
            and old.base is not None
            and old.base.name == name
            and not os.path.exists(self.path(name))
        )
        if old.parts and not is_half_done:
            if old.base is not None and old.base.name == name and os.path.samefile(self.old_path, self.path(name)):
                self._disk.remove(self.old_path)
            return
        if os.path.exists(self.path(name)):
            self._log.warning(f"There is a file {name} in {self._config.dir} and one in {self.directory}: which holds?")
            raise CannotGoOn
        self.make_directory()
        manifest = Manifest(name, base=Part(name, 1, Kind.BASE), base_number=1)
        self.replace_manifest(manifest)
        try:
            self._disk.link(self.old_path, self.path(name))
            self._disk.sync_directory(self.directory)
            self._disk.remove(self.old_path)
        except OSError as error:
            self._log.warning(
                f"Error trying to move the old AOF file {name} into dir {self._config.appenddirname}: {error.strerror}"
            )
            raise CannotGoOn from error
        self._log.notice(
            f"Successfully migrated an old-style AOF file ({name}) into the AOF directory "
            f"({self._config.appenddirname})."
        )

    def remove_history(self) -> None:
        """What a rewrite has made superfluous goes, unless somebody collects it (aof-disable-auto-gc)."""
        if self._config.aof_disable_auto_gc or not self.manifest.history:
            return
        manifest = self.manifest.copy()
        for part in manifest.history:
            self._log.notice(f"Removing the history file {part.name} in the background")
            self.remove(part.name)
        manifest.history.clear()
        try:
            self.replace_manifest(manifest)
        except CannotGoOn:
            pass  # the old manifest names files that are gone, but only as history, which nobody reads

    def remove(self, name: str) -> None:
        """A file of the directory goes, if it is there."""
        try:
            self._disk.remove(self.path(name))
        except OSError:
            pass  # it is in nobody's way
