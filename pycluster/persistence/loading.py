"""Loading a file into the databases, in slices: between two of them the event loop serves whoever wants something.

Whoever loads decides who is in charge of expiry. A primary leaves out what has expired meanwhile (and says so, since
its replicas may have it); a replica takes everything, its primary will send the DELs.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any

from pycluster.keyspace import accesses
from pycluster.keyspace.database import Database
from pycluster.keyspace.functions import Functions
from pycluster.keyspace.slots import key_slot
from pycluster.protocol.errors import BadLibrary
from pycluster.rdb import opcodes
from pycluster.rdb.errors import Damaged, Unreadable, Unsupported
from pycluster.rdb.reader import FIRST_WITH_CHECKSUM, Entry, FileReader

SLICE = 64 * 1024  # about 2 ms of work: what is read at most between two looks at who else wants something
EMPTY_KEYS_NAMED = 10
LEAST_KEY = 4  # bytes of a file that a key takes

Say = Callable[[str, str], None]  # level, text


@dataclass(slots=True)
class Loading:
    """A file on its way into memory: how far it is (INFO), and in the end what came of it."""

    total: int
    started: float = field(default_factory=time)
    read: int = 0
    keys: int = 0
    commands: int = 0  # behind the keys, if the file is an append-only one
    expired: list[tuple[int, bytes]] = field(default_factory=list)  # database and key
    empty: int = 0
    packed: int = 0  # structures that were looked at in full
    aux: dict[bytes, bytes] = field(default_factory=dict)

    def info(self) -> dict[str, int | str]:
        """The fields that INFO shows while loading."""
        spent = time() - self.started
        left = spent * (self.total - self.read) / self.read if self.read else 1
        return {
            "loading_start_time": int(self.started),
            "loading_total_bytes": self.total,
            "loading_rdb_used_mem": int(self.aux.get(b"used-mem", b"0")),
            "loading_loaded_bytes": self.read,
            "loading_loaded_perc": f"{100 * self.read / self.total if self.total else 0:.2f}",
            "loading_eta_seconds": int(left),
        }


class Loader:
    """Puts what a file holds into databases: fed with its bytes, from a disk or straight from a primary."""

    def __init__(
        self,
        databases: Sequence[Database],
        total: int,
        say: Say,
        *,
        expire: bool,
        verify: bool = True,
        merge: bool = False,
        functions: Functions | None = None,
    ) -> None:
        """`expire`: leave out what has expired. `merge`: a key that is there already gives way. `functions`: where
        libraries go, if the databases are not to have them yet."""
        self.loading = Loading(total)
        self._databases = databases
        self._functions = databases[0].keyspace.functions if functions is None else functions
        self._say = say
        self._merge = merge
        now_ms = int(time() * 1000)
        self._deadline_limit = now_ms if expire else None
        self._verify = verify
        self._reader = FileReader(verify, now_ms)
        self.loading.aux = self._reader.aux
        self._told = 0  # fields
        self._announced = 0  # databases
        self._taken = 0  # libraries

    def feed(self, piece: bytes) -> None:
        """Takes the next bytes of the file. Raises Unreadable."""
        entries = self._reader.feed(piece)
        self.loading.read += len(piece)
        if self._told < len(self._reader.aux):
            self._tell_aux()
        if self._taken < len(self._reader.functions):
            self._take_functions()
        if self._announced < len(self._reader.sizes):
            self._expect_keys()
        if entries:
            self._put(entries)

    def end(self) -> Loading:
        """The file is over: what has come of it. Raises Unreadable if it was not whole."""
        reader, loading = self._reader, self.loading
        reader.end()
        if self._verify and not reader.checked and reader.version >= FIRST_WITH_CHECKSUM:
            self._say("notice", "RDB file was saved with checksum disabled: no check performed.")
        for key in reader.empty_keys[:EMPTY_KEYS_NAMED]:
            self._say("notice", f"rdbLoadObject skipping empty key: {key.decode('latin-1')}")
        for module in reader.modules:
            self._say("warning", f"The RDB file contains AUX module data I can't load: no matching module '{module}'")
        loading.empty = len(reader.empty_keys)
        loading.packed = reader.packed
        skipped = f", empty keys skipped: {loading.empty}" if loading.empty else ""
        self._say(
            "notice", f"Done loading RDB, keys loaded: {loading.keys}, keys expired: {len(loading.expired)}{skipped}."
        )
        return loading

    @property
    def offset(self) -> int:
        """How many bytes of the file have been understood."""
        return self._reader.offset

    @property
    def rest(self) -> bytes:
        """What came behind the file's end."""
        return self._reader.rest

    @property
    def is_whole(self) -> bool:
        return self._reader.done

    def _put(self, entries: list[Entry]) -> None:
        limit, expired = self._deadline_limit, self.loading.expired
        before = len(expired)
        index, db = -1, self._databases[0]
        slotted = len(db.slots) > 1
        for number, key, value, deadline in entries:
            if number != index:
                db, index = self._database(number), number
            if deadline is not None and limit is not None and deadline < limit:
                expired.append((number, key))
                continue
            if slotted:
                db.enter(key_slot(key))
            if not db.add(key, value):
                self._take_place(db, key)
            if deadline is not None:
                db.set_deadline(key, deadline)
        if self._reader.uses and self._databases[0].keyspace.uses_by:
            self._note_uses(entries)
        self.loading.keys += len(entries) - (len(expired) - before)

    def _expect_keys(self) -> None:
        """Room is made for as many keys as are announced, if the file is long enough for them."""
        for index, count in list(self._reader.sizes.items())[self._announced :]:
            if index < len(self._databases):
                self._databases[index].expect(min(count, self.loading.total // LEAST_KEY))
        self._announced = len(self._reader.sizes)

    def _note_uses(self, entries: list[Entry]) -> None:
        """Who evicts by them goes on from what the file says."""
        now_ms = int(time() * 1000)
        for place, kind, count in self._reader.uses:
            if place < len(entries):
                number, key, _, _ = entries[place]
                db = self._databases[number]
                slot = db.slot_of(key)
                if key in db.slots[slot]:  # or it has expired
                    accesses.take(db, slot, key, "lru" if kind == opcodes.IDLE else "lfu", count, now_ms)

    def _take_functions(self) -> None:
        libraries = self._reader.functions
        for source in libraries[self._taken :]:
            try:
                self._functions.load(source, replace=self._merge)
            except BadLibrary as error:
                raise Damaged(f"Failed loading library, {error.reason}", self.offset) from None
        self._taken = len(libraries)

    def _take_place(self, db: Database, key: bytes) -> None:
        """The key was there already: an error, unless two datasets are to become one."""
        if not self._merge:
            raise Damaged(f"RDB has duplicated key '{key.decode('latin-1')}' in DB {db.index}", self.offset)
        db.persist(key)

    def _database(self, index: int) -> Database:
        if index >= len(self._databases):
            raise Unsupported(
                "FATAL: Data file was created with a Redis server configured to handle more than "
                f"{len(self._databases)} databases. Exiting",
                self.offset,
            )
        return self._databases[index]

    def _tell_aux(self) -> None:
        """The log says of what origin and age the file is."""
        for name, content in list(self._reader.aux.items())[self._told :]:
            text = content.decode("latin-1")
            match name.lower():
                case b"redis-ver" | b"valkey-ver":
                    self._say("notice", f"Loading RDB produced by version {text}")
                case b"ctime" if text.isdigit():
                    self._say("notice", f"RDB age {max(0, int(time()) - int(text))} seconds")
                case b"used-mem" if text.isdigit():
                    self._say("notice", f"RDB memory usage when created {int(text) / (1 << 20):.2f} Mb")
                case b"aof-base" | b"aof-preamble" if text == "1":
                    self._say("notice", "RDB is base AOF")
                case _ if name.startswith(b"%"):
                    self._say("notice", f"RDB '{name.decode('latin-1')}': {text}")
        self._told = len(self._reader.aux)


def load_file(
    path: str,
    databases: Sequence[Database],
    say: Say,
    *,
    expire: bool,
    verify: bool = True,
    merge: bool = False,
    slice_bytes: int = SLICE,
) -> Iterator[Loading]:
    """Loads a file into the databases; yields after each slice how far it is, at last when it is done.

    Raises FileNotFoundError, another OSError, or Unreadable after the log was told in Redis' words.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        loader = Loader(databases, os.fstat(fd).st_size, say, expire=expire, verify=verify, merge=merge)
        try:
            while (piece := os.read(fd, slice_bytes)) and not loader.is_whole:
                loader.feed(piece)
                yield loader.loading
            yield loader.end()
        except Unreadable as error:
            tell_unreadable(error, say)
            raise
    finally:
        os.close(fd)


def note_sanitized(loading: Loading, databases: Sequence[Database], config: Any) -> None:
    """Structures are looked at in full, whatever sanitize-dump-payload says; INFO counts it where that asks for it."""
    if config.sanitize_dump_payload == "yes":
        databases[0].keyspace.statistics.sanitized += loading.packed


def tell_unreadable(error: Unreadable, say: Say) -> None:
    """The log says what is wrong with a file as Redis says it."""
    reason = error.reason
    if _is_said_alone(error):
        say("warning", reason)
        return
    if reason.startswith(BAD_LIBRARY):
        say("warning", reason)
        reason = CUT
    if reason.startswith(BAD_CHECKSUM):
        say("warning", f"{reason}. Aborting now.")
        reason = "RDB CRC error"
    if reason == CUT:
        say("warning", "Short read or OOM loading DB. Unrecoverable error, aborting now.")
    say("warning", f"Internal error in RDB reading offset {error.offset} -> {reason}")


def tell_last_words(error: Unreadable, say: Say) -> None:
    """The log says that the process ends, since it could not start with that file."""
    if not _is_said_alone(error):
        say("warning", "Terminating server after rdb file reading failure.")
    elif not error.reason.startswith("FATAL:"):
        say("warning", "Fatal error loading the DB, check server logs. Exiting.")


def _is_said_alone(error: Unreadable) -> bool:
    """Is it no RDB file at all, or one that was never meant for this server?"""
    return error.reason.startswith(("Wrong signature", "Can't handle RDB format", "FATAL:"))


CUT = "Unexpected EOF reading RDB file"
BAD_CHECKSUM = "Wrong RDB checksum"
BAD_LIBRARY = "Failed loading library"
