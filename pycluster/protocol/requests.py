"""Requests: bytes as received → argument lists.

Two readers stand behind one face. hiredis, a parser of *replies* in C, reads the ordinary request; `StrictReader`,
in Python, is the law: inline commands, Redis' limits and Redis' error texts. hiredis is given a chunk of bytes only
where both must agree: it would take `*1 +PING` for a request, refuse `PING`, and never look at a length's size.

It holds one chunk at a time, and begins each at the beginning of a request. Behind the last request of a chunk it is
given a probe, a value that no request contains: if the probe comes back by itself, all requests were whole. What is not
whole, and whatever it hands back that is not a list of bytes, is read again, strictly, from the bytes of the chunk.
The strict reader hands over again behind a request that was only cut, else when it has nothing left.

In front of both is a short road: the one request that comes alone is read by its lines (`take_single`).

    reader.feed(chunk)
    while (args := reader.next()) is not None: …        # raises ProtocolError

The connection's loop (wire.py) inlines `next` up to the call of `second_look`.
"""

import re
from collections import deque
from collections.abc import Callable
from io import BytesIO
from typing import Any

import hiredis

from pycluster.protocol.errors import NotAnInteger, ProtocolError
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.quoting import split_arguments
from pycluster.protocol.replies import CRLF

INLINE_LIMIT = 64 * 1024  # the longest line, be it an inline command or a count that never ends
MAX_ARGUMENTS = (1 << 31) - 1
MAX_BULK = 512 * 1024 * 1024  # proto-max-bulk-len's default
LARGE_CHUNK = 16 * 1024  # such a one often is the beginning of a large value, and not to be copied for a look at it
LARGE_BULK = 1 << 20  # an argument that is longer, and not here yet, is gathered where it need not be copied again
CHUNKS_A_LOOK = 16  # that waited, of one argument: more are not taken before somebody asks again
UNAUTHENTICATED_ARGUMENTS = 10  # CVE-2021-32675: who has not said a password yet may not make us hold much
UNAUTHENTICATED_BULK = 16384

# What hiredis takes for bytes, a list or our probe although it is no `$`: a status, verbatim text, a big number, a
# set, an attribute, a boolean.
_TOO_KIND = re.compile(rb"\n[+=(~|#]").search
# A count for which hiredis would make room at once, a few bytes sent becoming gigabytes.
_TOO_MANY = re.compile(rb"[*>~]\d{5}").search
_MISLEADING = b"+=(~|#"  # the first bytes of what _TOO_KIND looks for
# The lines of a request. How many ends of lines there are follows from the count, which is of one digit, mostly.
_COUNTS = [None, *(b"*%d" % count for count in range(1, 100))]
_ENDS = [2 * (digit - 48) + 1 if 49 <= digit <= 57 else 0 for digit in range(256)]
_MANY_ENDS = {b"%d\r" % count: 2 * count + 1 for count in range(10, 100)}
_LENGTHS = [b"$%d" % length for length in range(1024)]
_ARGUMENTS = slice(2, None, 2)
_PROBE = b"#t\r\n"
NOTHING_LEFT = True  # what hiredis makes of the probe
_join = b"".join


class RequestReader:
    """Reads one connection's requests. `gets` is hiredis' own while that is in service.

    `idle` says that nothing is held of what was fed. What is fed before the requests in front of it are read waits.
    `_small` is the length up to which a chunk takes the short road without a second thought.
    """

    __slots__ = ("_chunk", "_cut", "_feed", "_pinned", "_small", "_strictly", "_waiting", "gets", "idle",
                 "strict")  # fmt: skip

    gets: Callable[[], Any]
    _chunk: bytes
    _feed: Any  # Callable[[bytes], None], which hiredis says of itself with other types

    def __init__(self, max_bulk: int = MAX_BULK, unauthenticated: bool = False) -> None:
        self.strict = StrictReader(max_bulk)
        self.strict.unauthenticated = unauthenticated
        self.idle = True
        self._pinned = unauthenticated
        self._small = 0 if unauthenticated else min(max_bulk, LARGE_CHUNK)
        self._cut = False  # is the strict reader here only for a request that a chunk's end has cut?
        self._waiting: deque[bytes] = deque()
        self._use_hiredis()

    def pin_strict(self, pinned: bool, unauthenticated: bool = False) -> None:
        """Read strictly from the next chunk on (before AUTH), or no longer than need be."""
        self.strict.unauthenticated = unauthenticated
        self._pinned = pinned
        self._small = 0 if pinned else min(self.strict.max_bulk, LARGE_CHUNK)

    def take_single(self, chunk: bytes) -> list[bytes] | None:
        """The request, if nothing is held and the chunk is one ordinary request and nothing else.

        Else None, and the chunk is still to be fed. The short road of clients that wait for each reply. The lines of a
        request whose arguments hold no CRLF are its count, and then by turns the head of an argument and the argument;
        the last line is empty. Where they agree with each other, the chunk is to the byte what these arguments are when
        written, and no parser is to be asked.
        """
        if not self.idle or (len(chunk) > self._small and not self._may_be_single(chunk)):
            return None
        try:
            ends = _ENDS[chunk[1]] if chunk[2] == 13 else _MANY_ENDS.get(chunk[1:4], 0)
        except IndexError:
            return None
        lines = chunk.split(CRLF, ends)
        args = lines[_ARGUMENTS]
        at = 1
        for arg in args:
            length = len(arg)
            if lines[at] != (_LENGTHS[length] if length < 1024 else b"$%d" % length):
                return None
            at += 2
        return args if lines[0] == _COUNTS[len(args)] and len(lines) > at and not lines[at] else None

    def _may_be_single(self, chunk: bytes) -> bool:
        """Is it worth a look, though it is large, or read strictly?"""
        return not self._pinned and len(chunk) <= self.strict.max_bulk and chunk[-1] == 10

    def feed(self, chunk: bytes) -> None:
        """Takes bytes as received."""
        if not self.idle:
            self._waiting.append(chunk)
        elif len(chunk) < LARGE_CHUNK:
            self._take(chunk)
        else:
            self.idle = False
            self._use_strict(only_cut=True)  # it is, or else hiredis gets the rest
            self.strict.feed(chunk)

    def next(self) -> list[bytes] | None:
        """The next request, None when more bytes are needed; raises ProtocolError."""
        try:
            args = self.gets()
            if args.__class__ is list:
                _join(args)  # the cheapest way to ask whether all are bytes
                if args:
                    return args
        except (hiredis.ProtocolError, TypeError):
            args = None
        return self.second_look(args)

    def second_look(self, odd: Any) -> list[bytes] | None:
        """What `gets` gave is no ordinary request: the request that it should have been, or None: nothing more yet."""
        while not self._strictly:
            if odd is not False or not _is_idle(self._feed, self.gets):
                self._turn_strict(only_cut=odd is False)
                break
            if not self._waiting:
                self.idle = True
                return None
            self._take(self._waiting.popleft())
            if not self._strictly:
                return self.next()
        return self._next_strictly()

    def has_read_whole(self, chunk: bytes) -> bool:
        """Has this chunk, fed when nothing was held, been read by hiredis alone, to the end of its last request?"""
        return self.idle and self._chunk is chunk

    @property
    def waits(self) -> bool:
        """Though nothing more could be read: does something wait that is to be looked at in another turn?"""
        return bool(self._waiting)

    def held(self) -> int:
        """About how many bytes wait to be read, or for the rest of their request."""
        return 0 if self.idle else len(self._chunk) + sum(map(len, self._waiting)) + self.strict.held()

    def _take(self, chunk: bytes) -> None:
        """Gives a chunk to hiredis, which holds nothing, or to the strict reader if hiredis might misread it."""
        self.idle = False
        if (
            self._pinned
            or not chunk
            or chunk[0] != 42
            or len(chunk) > self.strict.max_bulk
            or (
                len(chunk.translate(None, _MISLEADING)) != len(chunk)
                and _TOO_KIND(chunk)
            )
            or _TOO_MANY(chunk)
        ):
            self._use_strict(only_cut=False)
            self.strict.feed(chunk)
            return
        self._chunk = chunk
        self._feed(chunk)

    def _turn_strict(self, only_cut: bool) -> None:
        """Hands hiredis' chunk to the strict reader, without the requests in front that hiredis has read well."""
        chunk = self._chunk
        self._use_strict(only_cut)
        start = _start_of_cut(chunk) if only_cut else None
        if start is not None:
            self.strict.feed(chunk[start:])
            return
        self.strict.feed(chunk)
        for _ in range(_count_ordinary(chunk)[0]):
            self.strict.gets()

    def _next_strictly(self) -> list[bytes] | None:
        strict = self.strict
        for _ in range(CHUNKS_A_LOOK):
            if (args := strict.gets()) is not None or not self._waiting:
                break
            strict.feed(self._waiting.popleft())
        if self._pinned or (strict.has_data() and not (self._cut and args is not None)):
            return args
        rest = strict.take_rest()
        self._use_hiredis()
        if rest:
            self._take(rest)
        else:
            self.idle = not self._waiting  # with something waiting, `gets` finds nothing and `second_look` goes on
        return args

    def _use_hiredis(self) -> None:
        reader = hiredis.Reader(notEnoughData=False)
        reader.setmaxbuf(0)
        self._strictly = False
        self._chunk = b""
        self._feed = reader.feed
        self.gets = reader.gets

    def _use_strict(self, only_cut: bool) -> None:
        self._strictly = True
        self._cut = only_cut
        self._chunk = b""
        self.gets = _leave_it_to_second_look


def _leave_it_to_second_look() -> None:
    """`gets`, while the strict reader is in service."""


def _is_idle(feed: Any, gets: Callable[[], Any]) -> bool:
    """Has hiredis read all it was given, to the end of a request? (After "no" it must not be used any more.)"""
    feed(_PROBE)
    try:
        return gets() is NOTHING_LEFT
    except hiredis.ProtocolError:
        return False


def _start_of_cut(chunk: bytes) -> int | None:
    """Where the request that the chunk's end cuts begins, if that is at the last `*` that opens a line."""
    start = chunk.rfind(b"\r\n*") + 2
    if start < 2:
        start = 0
    elif not _count_ordinary(chunk[:start])[1]:
        return None
    return start if not _count_ordinary(chunk[start:])[0] else None


def _count_ordinary(chunk: bytes) -> tuple[int, bool]:
    """How many ordinary requests hiredis reads from the chunk's start; is nothing left of it behind them?"""
    reader: Any = hiredis.Reader(notEnoughData=False)
    reader.setmaxbuf(0)
    reader.feed(chunk)
    taken = 0
    while True:
        try:
            args = reader.gets()
            if args is False:
                return taken, _is_idle(reader.feed, reader.gets)
            if args.__class__ is not list or not args:
                return taken, False
            _join(args)
        except (hiredis.ProtocolError, TypeError):
            return taken, False
        taken += 1


class StrictReader:
    """The request protocol to the letter (networking.c, processMultibulkBuffer and processInlineBuffer)."""

    __slots__ = ("max_bulk", "unauthenticated", "from_primary", "_buffer", "_at", "_args", "_missing", "_bulk",
                 "_large")  # fmt: skip

    def __init__(self, max_bulk: int = MAX_BULK) -> None:
        self.max_bulk = max_bulk
        self.unauthenticated = False
        self.from_primary = False
        self._buffer = bytearray()
        self._at = 0  # what stands before it is taken
        self._args: list[bytes] = []
        self._missing = 0  # arguments still to come
        self._bulk = -1  # length of the argument that is coming, -1: not known yet
        self._large: BytesIO | None = None  # what is here of an argument that is large: a copy of it takes many ms

    def feed(self, chunk: bytes | bytearray) -> None:
        """Takes bytes as received."""
        if self._large is not None and (missing := self._bulk - self._large.tell()):
            self._large.write(memoryview(chunk)[:missing])
            chunk = chunk[missing:]
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        self._buffer += chunk

    def has_data(self) -> bool:
        """Is anything held that belongs to a request not complete yet?"""
        return self._missing > 0 or self._at < len(self._buffer)

    def held(self) -> int:
        """Bytes received and not read: Redis' query buffer, which knows nothing of arguments that are complete."""
        return len(self._buffer) - self._at + (self._large.tell() if self._large is not None else 0)

    def _awaited(self) -> int:
        """How many bytes are still missing of the argument that is coming."""
        return self._bulk + 2 - self.held()

    def take_rest(self) -> bytes:
        """What stands behind the last request: it is another reader's now."""
        assert not self._missing
        rest = bytes(self._buffer[self._at :])
        self._buffer.clear()
        self._at = 0
        return rest

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
        end = self._find_end_of_line(b"\n", "too big inline request")
        if end < 0:
            return None
        line = bytes(self._buffer[self._at : end]).removesuffix(b"\r")
        args = split_arguments(line)
        if args is None:
            raise ProtocolError("unbalanced quotes in request")
        if line and self.from_primary:  # which sends empty lines, to keep the connection alive
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
            if self._awaited() > 0:
                if self._bulk > LARGE_BULK and self._large is None:
                    self._large = BytesIO()
                    held = self._buffer[self._at :]
                    self._advance(len(self._buffer))
                    self.feed(held)
                return False
            if self._large is not None:
                argument, end = self._large.getvalue(), self._at
                self._large = None
            else:
                end = self._at + self._bulk
                argument = bytes(memoryview(self._buffer)[self._at : end])
            self._args.append(argument)
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
        end = self._find_end_of_line(b"\r", too_long)
        if end < 0 or end + 2 > len(self._buffer):
            return None
        line = bytes(self._buffer[self._at : end])
        if opening and line[:1] != opening:
            got = chr(line[0]) if line else "\r"
            raise ProtocolError(f"expected '{opening.decode()}', got '{got}'")
        self._advance(end + 2)
        return line

    def _find_end_of_line(self, mark: bytes, too_long: str) -> int:
        """Where the line ends, -1 if that has not arrived. A zero byte hides what stands behind it, as from strchr."""
        end = self._buffer.find(mark, self._at)
        if end >= 0 and self._buffer.find(0, self._at, end) >= 0:
            end = -1
        if (end if end >= 0 else len(self._buffer)) - self._at > INLINE_LIMIT:
            raise ProtocolError(too_long)
        return end

    def _advance(self, to: int) -> None:
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
