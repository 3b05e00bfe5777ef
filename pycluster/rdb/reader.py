"""A whole file, read as its bytes come: from a disk, or from a primary's socket that does not say how long it will be.

`FileReader` is fed pieces of any size and returns the keys that became whole with each. It does no I/O and never goes
back: what stands in the middle of something when a piece ends is kept for the next one, a collection with the
elements it has so far. So the work of a call is bounded by the length of its piece, and the memory by what the file
really holds: no claimed length is believed before the bytes are there.
"""

from collections.abc import Callable

from pycluster.rdb import opcodes
from pycluster.rdb.crc64 import CHECKSUM_LENGTH, crc64
from pycluster.rdb.errors import Damaged, Unreadable, Unsupported
from pycluster.rdb.strings import Short, read_length, read_string
from pycluster.rdb.values import NEWEST_REDIS, VALKEY, UnfinishedValue, Value, begin

# A key as it lies in the file: database, key, value, deadline (in ms since 1970; None: it does not expire).
Entry = tuple[int, bytes, Value, int | None]

MAGIC_LENGTH = 9
FIRST_WITH_CHECKSUM = 5


class FileReader:
    """Fed with bytes, returns keys; what else the file said stands in the attributes.

    `uses` says of some of the keys returned last, by their place among them, how they are used: a number behind the
    opcode that says of what (IDLE: seconds, FREQUENCY). `aux` are the fields in front (redis-ver, repl-id …) in order,
    `functions` the libraries' source texts, `sizes` the number of keys announced per database, `empty_keys` those left
    out because their collections were empty, `packed` the number of packed structures (listpacks …) that were taken
    apart and found to be sound, `modules` those whose data was passed over, `rest` what came after the end.
    """

    def __init__(self, verify: bool = True, now_ms: int = 0) -> None:
        """`verify` the checksum. `now_ms`: when fields of hashes are taken as expired."""
        self.version = 0
        self._is_valkey = False
        self._now_ms = now_ms
        self.aux: dict[bytes, bytes] = {}
        self.functions: list[bytes] = []
        self.sizes: dict[int, int] = {}
        self.empty_keys: list[bytes] = []
        self.packed = 0
        self.modules: list[str] = []
        self.uses: list[tuple[int, int, int]] = []
        self.done = False
        self.checked = False  # the file had a checksum, and it was right
        self.rest = b""
        self.offset = 0  # bytes read and understood
        self._verify = verify
        self._crc = 0
        self._entries: list[Entry] = []
        self._returned = 0  # keys, last time
        self._kept: list[bytes] = []  # pieces that are not enough yet, `_missing` bytes short of being worth a look
        self._missing = 0
        self._next: Callable[[bytes, int], int] = self._read_header
        self._db = 0
        self._key = b""
        self._deadline: int | None = None
        self._unfinished: UnfinishedValue | None = None

    def feed(self, piece: bytes) -> list[Entry]:
        """Takes more of the file: the keys that are whole now. Raises Unreadable with the offset of what is wrong."""
        if self.uses:
            self._forget_uses()
        if self.done:
            self.rest += piece
            return []
        self._kept.append(piece)
        self._missing -= len(piece)
        if self._missing > 0:
            return []
        received = piece if len(self._kept) == 1 else b"".join(self._kept)
        self._kept.clear()
        at = self._read(received)
        self.offset += at
        self._keep(received[at:])
        entries, self._entries = self._entries, []
        self._returned = len(entries)
        return entries

    def _forget_uses(self) -> None:
        """Those of the keys returned last; what is said already of the next one stays."""
        returned = self._returned
        self.uses = [(place - returned, kind, number) for place, kind, number in self.uses if place >= returned]
        self._returned = 0

    def _keep(self, left: bytes) -> None:
        """What was not taken waits for the next piece, or for whoever reads on behind the file."""
        if self.done:
            self.rest = left
        elif left:
            self._kept.append(left)

    def end(self) -> None:
        """There are no more bytes: raises Damaged if the file is not whole."""
        if not self.done:
            raise Damaged("Unexpected EOF reading RDB file", self.offset + sum(map(len, self._kept)))

    def _read(self, received: bytes) -> int:
        """Reads on from `_next` to `_next`, as far as the bytes go: the place up to which all is taken."""
        at = 0
        try:
            while not self.done:
                at = self._next(received, at)
        except Short as short:
            at, self._missing = short.at, short.need - len(received)
            if self._verify:
                self._crc = crc64(received[:at], self._crc)
        except Unreadable as error:
            error.offset = self.offset + (at if error.offset is None else error.offset)
            raise
        return at

    def _read_header(self, received: bytes, at: int) -> int:
        """`REDIS` and four digits, or `VALKEY` and three."""
        magic = received[:MAGIC_LENGTH]
        if not b"REDIS".startswith(magic[:5]) and not b"VALKEY".startswith(magic[:6]):
            raise Damaged("Wrong signature trying to load DB from file")
        if len(magic) < MAGIC_LENGTH:
            raise Short(0, MAGIC_LENGTH)
        self._is_valkey = magic.startswith(b"V")
        digits = magic.removeprefix(b"REDIS").removeprefix(b"VALKEY")
        self.version = int(digits) if digits.isdigit() else 0
        known = self.version == VALKEY if self._is_valkey else 1 <= self.version <= NEWEST_REDIS
        if not known:
            raise Unsupported(f"Can't handle RDB format version {self.version}")
        self._next = self._read_records
        return MAGIC_LENGTH

    def _read_records(self, received: bytes, at: int) -> int:
        """Keys and what stands between them. Small strings, the most of most files, are read in place."""
        append, size = self._entries.append, len(received)
        db, deadline = self._db, self._deadline
        start = at
        try:
            while True:
                start = at
                kind = received[at]
                if kind == opcodes.STRING:
                    length = received[at + 1]
                    if length < 64:
                        behind = at + 2 + length
                        key = received[at + 2 : behind]
                    else:
                        key, behind = read_string(received, at + 1)
                    length = received[behind]
                    if length < 64:
                        at = behind + 1 + length
                        value = received[behind + 1 : at]
                    else:
                        value, at = read_string(received, behind)
                    if at > size:
                        raise Short(start, at)
                    append((db, key, value, deadline))
                    deadline = None
                elif kind == opcodes.EXPIRE_MS:
                    at += 9
                    if at > size:
                        raise Short(start, at)
                    deadline = int.from_bytes(received[start + 1 : at], "little", signed=True)
                else:
                    # What is rarer is read by a method of its own, which leaves its traces in the attributes.
                    self._deadline = deadline
                    at = self._read_rarer(kind, received, at + 1)
                    if self._next != self._read_records:
                        return at
                    db, deadline = self._db, self._deadline
        except IndexError:
            self._deadline = deadline
            raise Short(start, size + 1) from None
        except Short as short:
            self._deadline = deadline
            raise Short(start, short.need) from None
        except Unreadable as error:
            error.offset = start
            raise

    def _read_rarer(self, kind: int, received: bytes, at: int) -> int:
        """One record whose first byte, before `at`, is not one of the everyday ones."""
        match kind:
            case opcodes.EXPIRE_S:
                _require(received, at, 4)
                self._deadline = int.from_bytes(received[at : at + 4], "little", signed=True) * 1000
                at += 4
            case opcodes.SELECT_DB:
                self._db, at = read_length(received, at)
            case opcodes.RESIZE_DB:
                size, at = read_length(received, at)
                _, at = read_length(received, at)
                self.sizes[self._db] = size
            case opcodes.SLOT_INFO:  # slot, keys, keys that expire: a hint, since Redis 7.4
                for _ in range(3):
                    _, at = read_length(received, at)
            case opcodes.SLOT_IMPORT if self._is_valkey:  # which slots were on their way here
                name, at = read_string(received, at)
                count, at = read_length(received, at)
                ranges = []
                for _ in range(count):
                    first, at = read_length(received, at)
                    last, at = read_length(received, at)
                    ranges.append(b"%d-%d" % (first, last))
                known = self.aux.get(opcodes.SLOT_IMPORTS, b"")
                self.aux[opcodes.SLOT_IMPORTS] = b"%b;%b %b" % (known, name, b" ".join(ranges))
            case opcodes.AUX:
                name, at = read_string(received, at)
                self.aux[name], at = read_string(received, at)
            case opcodes.IDLE:
                seconds, at = read_length(received, at)
                self.uses.append((len(self._entries), kind, seconds))
            case opcodes.FREQUENCY:
                _require(received, at, 1)
                self.uses.append((len(self._entries), kind, received[at]))
                at += 1
            case opcodes.FUNCTION:
                source, at = read_string(received, at)
                self.functions.append(source)
            case opcodes.FUNCTION_PRE_RELEASE:
                raise Unsupported("Pre-release function format not supported.")
            case opcodes.MODULE_AUX:
                module, at = read_length(received, at)
                self.modules.append(_module_name(module))
                self._next = self._skip_module
            case opcodes.END:
                self._next = self._read_checksum
            case _:
                unfinished = begin(kind, is_valkey=self._is_valkey, now_ms=self._now_ms)
                self._key, at = read_string(received, at)
                self._unfinished = unfinished
                self._next = self._read_value
        return at

    def _read_value(self, received: bytes, at: int) -> int:
        """A collection, or as much of it as is there."""
        unfinished = self._unfinished
        assert unfinished is not None
        at = unfinished.read(received, at)
        self.packed += unfinished.packed
        if unfinished.is_empty:
            self.empty_keys.append(self._key)
            while self.uses and self.uses[-1][0] == len(self._entries):
                self.uses.pop()  # they were this key's, not the next one's
        else:
            self._entries.append((self._db, self._key, unfinished.value, self._deadline))
        self._unfinished = self._deadline = None
        self._next = self._read_records
        return at

    def _skip_module(self, received: bytes, at: int) -> int:
        """What a module keeps in the file beside the keys: parts that say themselves how long they are."""
        while True:
            start = at
            try:
                part, at = read_length(received, at)
                match part:
                    case opcodes.MODULE_END:
                        self._next = self._read_records
                        return at
                    case opcodes.MODULE_SIGNED | opcodes.MODULE_UNSIGNED:
                        _, at = read_length(received, at)
                    case opcodes.MODULE_FLOAT | opcodes.MODULE_DOUBLE:
                        width = 4 if part == opcodes.MODULE_FLOAT else 8
                        _require(received, at, width)
                        at += width
                    case opcodes.MODULE_STRING:
                        _, at = read_string(received, at)
                    case _:
                        raise Damaged("Unknown part of a module's data", start)
            except Short as short:
                raise Short(start, short.need) from None

    def _read_checksum(self, received: bytes, at: int) -> int:
        """What the file says its checksum is; 0 says that it was written without."""
        if self.version >= FIRST_WITH_CHECKSUM:
            _require(received, at, CHECKSUM_LENGTH)
            said = int.from_bytes(received[at : at + CHECKSUM_LENGTH], "little")
            if self._verify and said:
                crc = crc64(received[:at], self._crc)
                if said != crc:
                    raise Damaged(f"Wrong RDB checksum expected: ({crc:x}) but got ({said:x})")
                self.checked = True
            at += CHECKSUM_LENGTH
        self.done = True
        return at


def _require(received: bytes, at: int, length: int) -> None:
    if at + length > len(received):
        raise Short(at, at + length)


def _module_name(number: int) -> str:
    """Nine characters of six bits each, above ten bits of version."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(letters[number >> shift & 63] for shift in range(58, 4, -6))
