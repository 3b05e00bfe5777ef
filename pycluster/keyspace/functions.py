"""Libraries of functions: what a dataset has beside its keys. They survive FLUSHALL, and travel with every file.

A library is kept as the text that it is written in. Its first line says the engine it is for and its name,
`#!lua name=mylib`; what functions it has only its engine could say, and there is none here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pycluster.protocol.errors import (
    BadLibraryName,
    EngineNotFound,
    LibraryExists,
    LibraryMetadataInvalid,
    LibraryMetadataMissing,
    LibraryNamedTwice,
    LibraryNameMissing,
    LibraryOptionUnknown,
    LibraryToRestoreExists,
)
from pycluster.protocol.quoting import split_arguments

ENGINE = "LUA"

_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(slots=True, frozen=True)
class Library:
    name: bytes
    source: bytes


def read_library(source: bytes) -> Library:
    """The library that is written so. Raises BadLibrary where the first line does not say what it must."""
    if not source.startswith(b"#!"):
        raise LibraryMetadataMissing
    first_line, end, _ = source.partition(b"\0")[0].partition(b"\n")
    words = split_arguments(first_line)
    if not end or not words:
        raise LibraryMetadataInvalid
    name: bytes | None = None
    for word in words[1:]:
        if word[:5].lower() != b"name=":
            raise LibraryOptionUnknown(word)
        if name is not None:
            raise LibraryNamedTwice
        name = word[5:]
    if name is None:
        raise LibraryNameMissing
    if not name or not _NAME.issuperset(name):
        raise BadLibraryName
    if words[0][2:].upper() != ENGINE.encode():
        raise EngineNotFound(words[0][2:])
    return Library(name, source)


class Functions:
    """The libraries of one server, by name."""

    __slots__ = ("libraries",)

    def __init__(self) -> None:
        self.libraries: dict[bytes, Library] = {}

    def load(self, source: bytes, *, replace: bool = False) -> Library:
        """Takes one library. Raises BadLibrary, also where there is one of this name that may not be replaced."""
        library = read_library(source)
        if library.name in self.libraries and not replace:
            raise LibraryExists(library.name)
        self.libraries.pop(library.name, None)
        self.libraries[library.name] = library
        return library

    def join(self, other: "Functions", *, replace: bool) -> None:
        """Takes all libraries of another set, or none. Raises BadLibrary."""
        for name in other.libraries:
            if name in self.libraries and not replace:
                raise LibraryToRestoreExists(name)
        for name, library in other.libraries.items():
            self.libraries.pop(name, None)
            self.libraries[name] = library

    def replace(self, other: "Functions") -> None:
        """Takes the place of all there was."""
        self.libraries = other.libraries.copy()

    def clear(self) -> None:
        self.libraries.clear()

    def sources(self) -> Iterable[bytes]:
        return [library.source for library in self.libraries.values()]
