"""Loading an append-only file: the base, then the commands behind it, in slices.

A crash may have cut the last file anywhere. What is not whole at its end, a command or a transaction, never was
acknowledged as safe: it is cut off (aof-load-truncated), so that the next command is written behind a whole one. A cut
in any other file, or something that is no command at all, is not a crash's work: then the server does not start.

Every command is performed by `Replay`, which the server hands in: in the name of a client that nobody is, with nothing
expiring meanwhile.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from time import perf_counter
from typing import Any, Protocol

from pycluster.files.writer import Disk
from pycluster.keyspace.database import Database
from pycluster.persistence.aof_files import AofFiles, CannotGoOn
from pycluster.persistence.command_file import BadFormat, Cut, is_cut_by_zeros, read_command
from pycluster.persistence.loading import SLICE, Loader, Loading, note_sanitized, tell_unreadable
from pycluster.persistence.manifest import Part
from pycluster.rdb.errors import Unreadable


class UnknownCommand(Exception):
    """The file holds a command that is none here."""


class Replay(Protocol):
    """Who performs what was recorded."""

    def begin(self) -> None:
        """Commands are about to run: what time is it?"""

    def perform(self, args: list[bytes]) -> bool:
        """Runs the command, or queues it; is the dataset as a whole after it, outside of a transaction?

        Raises UnknownCommand.
        """

    def took_base(self, loading: Loading) -> None:
        """The base was a snapshot, and is loaded; commands follow."""

    def start_over(self) -> None:
        """Another file begins: nothing of the last one is open any more."""


class AofLoader:
    """Puts an append-only file into databases."""

    def __init__(
        self, files: AofFiles, databases: Sequence[Database], replay: Replay, config: Any, log: Any, disk: Disk
    ) -> None:
        self._files = files
        self._databases = databases
        self._replay = replay
        self._config = config
        self._log = log
        self._disk = disk
        self._slice = min(SLICE, config.loading_process_events_interval_bytes)

    def load(self) -> Iterator[Loading]:
        """Loads all files; yields after each slice how far it is. Raises CannotGoOn when the log has been told why."""
        manifest = self._files.manifest
        sizes = {part: self._files.size(part) for part in manifest.parts}
        loading = Loading(sum(sizes.values()))
        yield loading
        for part in manifest.parts:
            begun = perf_counter()
            self._replay.start_over()
            yield from self._load_part(part, loading, is_last=part is manifest.parts[-1])
            if not sizes[part]:
                continue
            kind = "base" if part is manifest.base else "incr"
            self._log.notice(f"DB loaded from {kind} file {part.name}: {perf_counter() - begun:.3f} seconds")

    def _load_part(self, part: Part, loading: Loading, is_last: bool) -> Iterator[Loading]:
        try:
            fd = os.open(self._files.path(part.name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._log.warning(f"Fatal error: can't open the append log file {part.name} for reading: {error.strerror}")
            raise CannotGoOn from error
        try:
            start, rest = 0, os.read(fd, self._slice)
            if rest.startswith((b"REDIS", b"VALKEY")):
                start, rest = yield from self._load_snapshot(fd, rest, part, loading)
            yield from self._load_commands(fd, start, rest, part, loading, is_last)
        except OSError as error:
            self._log.warning(f"Unrecoverable error reading the append only file {part.name}: {error.strerror}")
            raise CannotGoOn from error
        finally:
            os.close(fd)

    def _load_snapshot(
        self, fd: int, piece: bytes, part: Part, loading: Loading
    ) -> Generator[Loading, None, tuple[int, bytes]]:
        """A base in Redis' RDB format: where the commands behind it begin, and the bytes of them that were read."""
        is_old_style = part.name == self._config.appendfilename
        preamble = "RDB preamble of the AOF file" if is_old_style else "RDB base file"
        self._log.notice(
            "Reading RDB preamble from AOF file..." if is_old_style else "Reading RDB base file on AOF loading..."
        )
        loader = Loader(self._databases, loading.total, self._log.write, expire=False, verify=self._config.rdbchecksum)
        before, position = loading.read, 0
        try:
            while piece:
                position += len(piece)
                loader.feed(piece)
                loading.read, loading.keys = before + position, loader.loading.keys
                loading.aux = loader.loading.aux
                if loader.is_whole:
                    break
                yield loading
                piece = os.read(fd, self._slice)
            note_sanitized(loader.end(), self._databases, self._config)
            self._replay.took_base(loader.loading)
        except Unreadable as error:
            tell_unreadable(error, self._log.write)
            self._log.warning(f"Error reading the {preamble} {part.name}, AOF loading aborted")
            raise CannotGoOn from error
        if is_old_style:
            self._log.notice("Reading the remaining AOF tail...")
        loading.read -= len(loader.rest)
        return position - len(loader.rest), loader.rest

    def _load_commands(
        self, fd: int, start: int, content: bytes, part: Part, loading: Loading, is_last: bool
    ) -> Iterator[Loading]:
        """`content` has been read already; it begins at `start`."""
        perform, whole = self._replay.perform, start
        is_whole = True
        loading.read += len(content)
        while True:
            self._replay.begin()
            at, size = 0, len(content)
            try:
                while at < size:
                    args, behind = read_command(content, at)
                    if args is not None:
                        is_whole = perform(args)
                        loading.commands += 1
                    at = behind
                    if is_whole:
                        whole = start + at
            except Cut:
                pass
            except BadFormat as error:
                if is_cut_by_zeros(content[at:]) and _is_blank(fd):
                    break
                self._log.warning(
                    f"Bad file format reading the append only file {part.name}: "
                    "make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
                )
                raise CannotGoOn from error
            except UnknownCommand as error:
                self._log.warning(f"Unknown command '{error}' reading the append only file {part.name}")
                raise CannotGoOn from error
            yield loading
            # What is left is one command at most: a large one is given more at once, or it would be read too often.
            piece = os.read(fd, max(self._slice, size - at))
            if not piece:
                break
            start, content = start + at, content[at:] + piece
            loading.read += len(piece)
        if whole < start + size:
            self._cut_off(part, whole, in_transaction=not is_whole, is_last=is_last)

    def _cut_off(self, part: Part, whole: int, *, in_transaction: bool, is_last: bool) -> None:
        """The file ends in the middle of something that began at `whole`."""
        name, warning = part.name, self._log.warning
        if in_transaction:
            warning(f"Revert incomplete MULTI/EXEC transaction in AOF file {name}")
            self._replay.start_over()
        if self._config.aof_load_truncated and not is_last:
            warning("Fatal error: the truncated file is not the last file")
            raise CannotGoOn
        if self._config.aof_load_truncated:
            warning(f"!!! Warning: short read while loading the AOF file {name}!!!")
            warning(f"!!! Truncating the AOF {name} at offset {whole} !!!")
            try:
                self._truncate(self._files.path(name), whole)
            except OSError as error:
                warning(f"Error truncating the AOF file {name}: {error.strerror}")
            else:
                warning(f"AOF {name} loaded anyway because aof-load-truncated is enabled")
                return
        warning(
            f"Unexpected end of file reading the append only file {name}. You can: "
            "1) Make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. "
            "2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server."
        )
        raise CannotGoOn

    def _truncate(self, path: str, size: int) -> None:
        fd = self._disk.append(path)
        try:
            self._disk.truncate(fd, size)
            self._disk.sync_content(fd)
        finally:
            self._disk.close(fd)


def _is_blank(fd: int) -> bool:
    """Is there nothing but zeros from here to the end?"""
    while piece := os.read(fd, SLICE):
        if piece.strip(b"\0"):
            return False
    return True
