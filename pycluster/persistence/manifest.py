"""The manifest of an append-only file: which files it is made of, in which order.

    file appendonly.aof.2.base.rdb seq 2 type b
    file appendonly.aof.1.incr.aof seq 1 type h
    file appendonly.aof.2.incr.aof seq 2 type i

At most one base (b), the dataset at one moment; behind it the incremental files (i), what was changed since; and the
history (h), what a rewrite has made superfluous and nobody has removed yet. A change is made to a copy, which takes
the old one's place when it is safe on the disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from pycluster.protocol.quoting import quote, split_arguments

LONGEST_LINE = 1024


class Kind(Enum):
    BASE = "b"
    HISTORY = "h"
    INCREMENTAL = "i"


@dataclass(slots=True, frozen=True)
class Part:
    """One file of an append-only file."""

    name: str
    number: int
    kind: Kind

    def line(self) -> str:
        return f"file {_quoted_if_need_be(self.name)} seq {self.number} type {self.kind.value}\n"


class BadManifest(Exception):
    """The text is no manifest: why, in Redis' words, and the line in question, if it is one line's fault."""

    def __init__(self, reason: str, number: int = 0, line: str = "") -> None:
        super().__init__(reason, number, line)
        self.reason = reason
        self.number = number
        self.line = line


@dataclass(slots=True)
class Manifest:
    """The parts, and the numbers given out last. `name` is appendfilename."""

    name: str
    base: Part | None = None
    history: list[Part] = field(default_factory=list)
    incremental: list[Part] = field(default_factory=list)
    base_number: int = 0
    incremental_number: int = 0

    @property
    def file_name(self) -> str:
        return f"{self.name}.manifest"

    @property
    def parts(self) -> list[Part]:
        """What is to be loaded, in order."""
        return ([self.base] if self.base else []) + self.incremental

    def text(self) -> str:
        """As it stands in the file: the base, the history, the incremental files."""
        bases = [self.base] if self.base else []
        return "".join(part.line() for part in (*bases, *self.history, *self.incremental))

    def copy(self) -> "Manifest":
        return replace(self, history=self.history.copy(), incremental=self.incremental.copy())

    # Changes

    def add_incremental(self) -> Part:
        """A new file to write changes to."""
        self.incremental_number += 1
        part = Part(f"{self.name}.{self.incremental_number}.incr.aof", self.incremental_number, Kind.INCREMENTAL)
        self.incremental.append(part)
        return part

    def put_base(self, *, is_snapshot: bool) -> Part:
        """A new base, in Redis' RDB format or as commands; the old one is history."""
        if self.base is not None:
            self.history.insert(0, replace(self.base, kind=Kind.HISTORY))
        self.base_number += 1
        suffix = "rdb" if is_snapshot else "aof"
        self.base = Part(f"{self.name}.{self.base_number}.base.{suffix}", self.base_number, Kind.BASE)
        return self.base

    def retire_incremental(self, keep: int) -> None:
        """All incremental files but the last `keep` are history: the base has what they say."""
        count = len(self.incremental) - keep
        for part in reversed(self.incremental[:count]):
            self.history.insert(0, replace(part, kind=Kind.HISTORY))
        del self.incremental[:count]


def read_manifest(name: str, text: str) -> Manifest:
    """Raises BadManifest."""
    manifest = Manifest(name)
    if not text:
        raise BadManifest("Found an empty AOF manifest")
    for number, line in _lines(text):
        part = _read_part(line, number)
        match part.kind:
            case Kind.BASE:
                if manifest.base is not None:
                    raise BadManifest("Found duplicate base file information", number, line)
                manifest.base, manifest.base_number = part, part.number
            case Kind.HISTORY:
                manifest.history.append(part)
            case Kind.INCREMENTAL:
                if part.number <= manifest.incremental_number:
                    raise BadManifest("Found a non-monotonic sequence number", number, line)
                manifest.incremental.append(part)
                manifest.incremental_number = part.number
    return manifest


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are no comments, with their numbers."""
    *lines, rest = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            continue
        if len(line) >= LONGEST_LINE:
            raise BadManifest("The AOF manifest file contains too long line", number)
        yield number, line.strip(" \t\r")
    if rest and not rest.startswith("#"):  # a last line without an end: Redis takes it for one that goes on
        raise BadManifest("The AOF manifest file contains too long line", len(lines) + 1)


def _read_part(line: str, number: int) -> Part:
    """Words in pairs, name and value; names that are not known here may come from a later version."""
    words = split_arguments(line.encode("utf-8", "surrogateescape"))
    if words is None or len(words) < 6 or len(words) % 2:
        raise BadManifest("Invalid AOF manifest file format", number, line)
    said = {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}
    file, sequence, kind = said.get(b"file", b""), said.get(b"seq", b""), said.get(b"type", b"")
    if b"/" in file:
        raise BadManifest("File can't be a path, just a filename", number, line)
    if not file or not sequence.isdigit() or not int(sequence) or not kind:
        raise BadManifest("Invalid AOF manifest file format", number, line)
    try:
        return Part(file.decode("utf-8", "surrogateescape"), int(sequence), Kind(chr(kind[0])))
    except ValueError:
        raise BadManifest("Unknown AOF file type", number, line) from None


def _quoted_if_need_be(name: str) -> str:
    """A name with blanks, quotes or what can't be printed stands in quotes (sds.c, `sdsneedsrepr`)."""
    is_plain = name.isascii() and name.isprintable() and not any(letter in name for letter in " \"'\\")
    return name if is_plain else quote(name.encode("utf-8", "surrogateescape"))
