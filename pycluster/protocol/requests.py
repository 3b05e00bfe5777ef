"""Requests: bytes as received → argument lists.

Two readers stand behind one face. hiredis, a parser of *replies* in C, reads the ordinary request; `StrictReader`,
in Python, is the law: inline commands, Redis' limits and Redis' error texts. hiredis is given a chunk of bytes only
where both must agree: it would take `*1 +PING` for a request, refuse `PING`, and never look at a length's size.
Whatever it hands back that is not a list of bytes, and whatever it leaves unfinished, is read again strictly from the
bytes kept of the chunk; when the strict reader has nothing left, hiredis is back in service.

    reader.feed(chunk)
    while (args := reader.next()) is not None: …        # raises ProtocolError

The connection's loop (wire.py) inlines `next` up to the call of `second_look`.
"""

import re
from collections.abc import Callable
from typing import Any

import hiredis

from pycluster.protocol.errors import NotAnInteger, ProtocolError
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.quoting import split_arguments

INLINE_LIMIT = 64 * 1024  # the longest line, be it an inline command or a count that never ends
MAX_ARGUMENTS = (1 << 31) - 1
MAX_BULK = 512 * 1024 * 1024  # proto-max-bulk-len's default
UNAUTHENTICATED_ARGUMENTS = 10  # CVE-2021-32675: who has not said a password yet may not make us hold much
UNAUTHENTICATED_BULK = 16384

# What hiredis takes for bytes (or a list) although it is no `$`: a status, verbatim text, big number, set, attribute.
_TOO_KIND = re.compile(rb"(?:^|\n)[+=(~|]").search
_join = b"".join


class RequestReader:
    """Reads one connection's requests. `gets` is always the reader in service: hiredis' or the strict one's."""

    __slots__ = ("_chunk", "_feed", "_pinned", "_strictly", "gets", "has_data", "strict")

    gets: Callable[[], object]
    has_data: Callable[[], bool]

    def __init__(self, max_bulk: int = MAX_BULK, unauthenticated: bool = False) -> None:
        self.strict = StrictReader(max_bulk)
        self.strict.unauthenticated = unauthenticated
        self._pinned = unauthenticated
        self._chunk = b""
        self._use_hiredis()
        if unauthenticated:
            self._use_strict()

    def pin_strict(self, pinned: bool, unauthenticated: bool = False) -> None:
        """Read strictly from the next chunk on (before AUTH; from a primary, whose bytes are counted), or no longer."""
        self.strict.unauthenticated = unauthenticated
        self._pinned = pinned

    def feed(self, chunk: bytes) -> None:
        """Takes bytes as received."""
        if self._strictly:
            self.strict.feed(chunk)
            return
        if self._pinned or (
            (43 in chunk or 61 in chunk or 40 in chunk or 126 in chunk or 124 in chunk) and _TOO_KIND(chunk)
        ):
            self._use_strict()
            self.strict.feed(chunk)
            return
        self._chunk = chunk
        self._feed(chunk)

    def next(self) -> list[bytes] | None:
        """The next request, None when more bytes are needed; raises ProtocolError."""
        try:
            args = self.gets()
        except hiredis.ProtocolError:
            args = None
        if args.__class__ is list:
            try:
                _join(args)  # the cheapest way to ask whether all are bytes
                if args:
                    return args
            except TypeError:
                pass
        return self.second_look(args)

    def second_look(self, odd: Any) -> list[bytes] | None:
        """What `gets` gave is no ordinary request: the request that it should have been, or None: nothing more yet."""
        if self._strictly:
            if odd is not None:
                return odd
            if not self._pinned and not self.strict.has_data():
                self._use_hiredis()
            return None
        if odd is False and not self.has_data():
            return None
        chunk, self._chunk = self._chunk, b""
        if odd is False:
            self._read_strictly(chunk, self._start_of_tail(chunk))
        else:
            self._read_strictly(chunk, None)
        return self.strict.gets()

    def _read_strictly(self, chunk: bytes, start: int | None) -> None:
        """Goes on strictly, at a place known, or else behind the requests that hiredis had read well."""
        self._use_strict()
        if start is not None:
            self.strict.feed(chunk[start:])
            return
        taken, _ = _count_ordinary(chunk)
        self.strict.feed(chunk)
        for _ in range(taken):
            self.strict.gets()

    @staticmethod
    def _start_of_tail(chunk: bytes) -> int | None:
        """Where the unfinished request begins: at the last `*` that opens a line, if what stands before it is whole."""
        start = chunk.rfind(b"\r\n*") + 2
        if start < 2:
            return 0
        _, whole = _count_ordinary(chunk[:start])
        return start if whole else None

    def _use_hiredis(self) -> None:
        reader = hiredis.Reader(notEnoughData=False)
        reader.setmaxbuf(0)
        self._strictly = False
        self._feed = reader.feed
        self.gets = reader.gets
        self.has_data = reader.has_data

    def _use_strict(self) -> None:
        self._strictly = True
        self.gets = self.strict.gets
        self.has_data = self.strict.has_data


def _count_ordinary(chunk: bytes) -> tuple[int, bool]:
    """How many ordinary requests (empty ones too) hiredis reads from the chunk's start; is nothing left behind them."""
    reader = hiredis.Reader(notEnoughData=False)
    reader.setmaxbuf(0)
    reader.feed(chunk)
    taken = 0
    while True:
        try:
            args = reader.gets()
            if args.__class__ is not list:
                return taken, args is False and not reader.has_data()
            _join(args)
        except (hiredis.ProtocolError, TypeError):
            return taken, False
        if args:
            taken += 1


class StrictReader:
    """The request protocol to the letter (networking.c, processMultibulkBuffer and processInlineBuffer).

    `consumed` counts the bytes of all requests taken: a replica's offset is made of it.
    """

    __slots__ = ("max_bulk", "unauthenticated", "from_primary", "consumed", "_buffer", "_at", "_args", "_missing",
                 "_bulk")  # fmt: skip

    def __init__(self, max_bulk: int = MAX_BULK) -> None:
        self.max_bulk = max_bulk
        self.unauthenticated = False
        self.from_primary = False
        self.consumed = 0
        self._buffer = bytearray()
        self._at = 0  # what stands before it is taken
        self._args: list[bytes] = []
        self._missing = 0  # arguments still to come
        self._bulk = -1  # length of the argument that is coming, -1: not known yet

    def feed(self, chunk: bytes) -> None:
        """Takes bytes as received."""
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += chunk

    def has_data(self) -> bool:
        """Is anything held that belongs to a request not complete yet?"""
        return self._missing > 0 or self._at < len(self._buffer)

    def held(self) -> int:
        """Bytes received and not taken."""
        return len(self._buffer) - self._at + sum(map(len, self._args))

    def gets(self) -> list[bytes] | None:
        """The next request that is not empty; None when more bytes are needed; raises ProtocolError."""
        while True:
            if not self._missing:
                if self._at >= len(self._buffer):
                    return None
                if self._buffer[self._at] != 42:
                    args = self._read_inline()
                    if args is None or args:
                        return args
                    continue
                if not self._read_count():
                    return None
                continue  # an empty or negative count is nothing at all
            if not self._read_arguments():
                return None
            args, self._args = self._args, []
            return args

    def _read_inline(self) -> list[bytes] | None:
        end = self._buffer.find(b"\n", self._at)
        if end < 0:
            if len(self._buffer) - self._at > INLINE_LIMIT:
                raise ProtocolError("too big inline request")
            return None
        line = bytes(self._buffer[self._at : end])
        args = split_arguments(line[:-1] if line[-1:] == b"\r" else line)
        if args is None:
            raise ProtocolError("unbalanced quotes in request")
        if args and self.from_primary:
            raise ProtocolError("Master using the inline protocol. Desync?")
        self._advance(end + 1)
        return args

    def _read_count(self) -> bool:
        line = self._read_line("too big mbulk count string")
        if line is None:
            return False
        count = _parse_length(line[1:], MAX_ARGUMENTS)
        if count is None:
            raise ProtocolError("invalid multibulk length")
        if self.unauthenticated and count > UNAUTHENTICATED_ARGUMENTS:
            raise ProtocolError("unauthenticated multibulk length")
        self._missing = max(0, count)
        return True

    def _read_arguments(self) -> bool:
        """Reads arguments into _args until none is missing (True) or bytes are (False)."""
        while self._missing:
            if self._bulk < 0 and not self._read_bulk_length():
                return False
            end = self._at + self._bulk
            if len(self._buffer) < end + 2:
                return False
            self._args.append(bytes(self._buffer[self._at : end]))
            self._advance(end + 2)
            self._bulk = -1
            self._missing -= 1
        return True

    def _read_bulk_length(self) -> bool:
        line = self._read_line("too big bulk count string", b"$")
        if line is None:
            return False
        length = _parse_length(line[1:], MAX_ARGUMENTS if self.from_primary else self.max_bulk)
        if length is None or length < 0:
            raise ProtocolError("invalid bulk length")
        if self.unauthenticated and length > UNAUTHENTICATED_BULK:
            raise ProtocolError("unauthenticated bulk length")
        self._bulk = length
        return True

    def _read_line(self, too_long: str, opening: bytes = b"") -> bytes | None:
        """The line up to CR (LF is taken on trust, as Redis does), which must open with `opening`."""
        end = self._buffer.find(b"\r", self._at)
        if end < 0:
            if len(self._buffer) - self._at > INLINE_LIMIT:
                raise ProtocolError(too_long)
            return None
        if end + 2 > len(self._buffer):
            return None
        line = bytes(self._buffer[self._at : end])
        if opening and line[:1] != opening:
            got = chr(line[0]) if line else "\r"
            raise ProtocolError(f"expected '{opening.decode()}', got '{got}'")
        self._advance(end + 2)
        return line

    def _advance(self, to: int) -> None:
        self.consumed += to - self._at
        self._at = to
        if to == len(self._buffer):
            self._buffer.clear()
            self._at = 0


def _parse_length(digits: bytes, limit: int) -> int | None:
    try:
        number = parse_int(digits)
    except NotAnInteger:
        return None
    return number if number <= limit else None
