"""The kinds of value that a directive of redis.conf can have.

A kind has three methods. `read` turns words into a Python value, or raises BadValue with the sentence that Redis says.
`show` is the answer of CONFIG GET. `lines` are what redis.conf has to say to get the value again, each with whether it
must be said even where the file was silent so far. A kind knows no directive's name and holds no value: which directive
has which kind stands in directives.py, the values live in config.py. Words come as bytes and texts leave as str;
bytes that are no UTF-8 pass through both unharmed (os.fsdecode, os.fsencode).
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pycluster.protocol.errors import ReplyError
from pycluster.protocol.numbers import parse_float, parse_int
from pycluster.protocol.quoting import quote

Lines = list[tuple[str, bool]]

INT_MAX, UINT_MAX = 2**31 - 1, 2**32 - 1
LONG_MAX, ULONG_MAX = 2**63 - 1, 2**64 - 1


class BadValue(Exception):
    """A value is refused; the text is Redis' reason."""


class Kind(Protocol):
    def read(self, words: list[bytes], present: Any) -> Any:
        """What these words mean. `present` is the value until now, for the kinds whose words may say a part only."""

    def show(self, value: Any) -> str: ...

    def lines(self, name: str, value: Any, default: Any) -> Lines: ...


# Yes or no, words


@dataclass(frozen=True, slots=True)
class YesNo:
    allows: Callable[[bool], None] | None = None

    def read(self, words: list[bytes], present: bool) -> bool:
        value = {b"yes": True, b"no": False}.get(words[0].lower())
        if value is None:
            raise BadValue("argument must be 'yes' or 'no'")
        if self.allows:
            self.allows(value)
        return value

    def show(self, value: bool) -> str:
        return "yes" if value else "no"

    def lines(self, name: str, value: bool, default: bool) -> Lines:
        return [(f"{name} {self.show(value)}", value != default)]


@dataclass(frozen=True, slots=True)
class Text:
    """A str. Where an empty one means that the thing is not set at all, CONFIG REWRITE drops its line."""

    unset_if_empty: bool = False
    allows: Callable[[str], None] | None = None

    def read(self, words: list[bytes], present: str) -> str:
        value = os.fsdecode(words[0])
        if self.allows:
            self.allows(value)
        return value

    def show(self, value: str) -> str:
        return value

    def lines(self, name: str, value: str, default: str) -> Lines:
        if self.unset_if_empty and not value:
            return []
        return [(f"{name} {quote(os.fsencode(value))}", value != default)]


@dataclass(frozen=True, slots=True)
class Secret:
    """Bytes that go over the wire as they are: a password, the user's name beside it. Empty means none."""

    def read(self, words: list[bytes], present: bytes) -> bytes:
        return words[0]

    def show(self, value: bytes) -> str:
        return os.fsdecode(value)

    def lines(self, name: str, value: bytes, default: bytes) -> Lines:
        return [(f"{name} {quote(value)}", True)] if value else []


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several names. Of two names for one thing Redis shows the one that stands first in its table."""

    names: tuple[str, ...]
    shown_as: tuple[tuple[str, str], ...] = ()

    def read(self, words: list[bytes], present: str) -> str:
        name = choose(self.names, words[0])
        return dict(self.shown_as).get(name, name)

    def show(self, value: str) -> str:
        return value

    def lines(self, name: str, value: str, default: str) -> Lines:
        return [(f"{name} {value}", value != default)]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some of several names, in the order of the table; the first name stands for none of the others."""

    names: tuple[str, ...]
    allows: Callable[[tuple[str, ...]], None]

    def read(self, words: list[bytes], present: tuple[str, ...]) -> tuple[str, ...]:
        chosen = {choose(self.names, word) for word in words or [b""]}
        value = tuple(name for name in self.names[1:] if name in chosen)
        self.allows(value)
        return value

    def show(self, value: tuple[str, ...]) -> str:
        return " ".join(value or self.names[:1])

    def lines(self, name: str, value: tuple[str, ...], default: tuple[str, ...]) -> Lines:
        return [(f"{name} {self.show(value)}", value != default)]


def choose(names: tuple[str, ...], word: bytes) -> str:
    chosen = next((name for name in names if name.encode() == word.lower()), None)
    if chosen is None:
        raise BadValue(f"argument(s) must be one of the following: {', '.join(names)}")
    return chosen


# Numbers


@dataclass(frozen=True, slots=True)
class Number:
    low: int
    high: int

    def read(self, words: list[bytes], present: int) -> int:
        try:
            value = parse_int(words[0])
        except ReplyError:
            raise BadValue("argument couldn't be parsed into an integer") from None
        return within(value, self.low, self.high)

    def show(self, value: int) -> str:
        return str(value)

    def lines(self, name: str, value: int, default: int) -> Lines:
        return [(f"{name} {value}", value != default)]


@dataclass(frozen=True, slots=True)
class Octal:
    low: int
    high: int

    def read(self, words: list[bytes], present: int) -> int:
        if not re.fullmatch(rb"\s*[+-]?[0-7]+|", words[0]):
            raise BadValue("argument couldn't be parsed as an octal number")
        value = int(words[0] or b"0", 8)
        if not self.low <= value <= self.high:
            raise BadValue(f"argument must be between {self.low:o} and {self.high:o} inclusive")
        return value

    def show(self, value: int) -> str:
        return f"{value:o}"

    def lines(self, name: str, value: int, default: int) -> Lines:
        return [(f"{name} {value:o}", value != default)]


@dataclass(frozen=True, slots=True)
class Memory:
    """A number of bytes, with a unit if one likes: 1kb is 1024, 1k is 1000. Where it may be a percentage, 5% is -5."""

    low: int
    high: int
    or_percent: bool = False

    def read(self, words: list[bytes], present: int) -> int:
        value = parse_memory(words[0])
        if value is None and self.or_percent:
            value = parse_percent(words[0])
        if value is None:
            raise BadValue(f"argument must be a memory{' or percent' if self.or_percent else ''} value")
        if value > LONG_MAX and self.high <= LONG_MAX:
            value -= 2**64  # Redis casts to a signed number here, and says so in its complaint
        if self.or_percent and value < self.low:
            raise BadValue(f"percentage argument must be less or equal to {-self.low}")
        return within(value, self.low, self.high)

    def show(self, value: int) -> str:
        return f"{-value}%" if value < 0 else str(value)

    def lines(self, name: str, value: int, default: int) -> Lines:
        return [(f"{name} {with_unit(value) if value >= 0 else self.show(value)}", value != default)]


def within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise BadValue(f"argument must be between {low} and {high} inclusive")
    return value


UNITS = {b"": 1, b"b": 1, b"k": 1000, b"kb": 1 << 10, b"m": 10**6, b"mb": 1 << 20, b"g": 10**9, b"gb": 1 << 30}


def parse_memory(word: bytes) -> int | None:
    """Digits and a unit. Too much wraps around at 64 bits, no digits at all are 0: so does Redis."""
    match = re.fullmatch(rb"([0-9]*)([a-z]*)", word.lower())
    if not match or match[2] not in UNITS or len(match[1]) > 127:
        return None
    return min(int(match[1] or b"0"), ULONG_MAX) * UNITS[match[2]] % 2**64


def parse_percent(word: bytes) -> int | None:
    match = re.fullmatch(rb"(0|[1-9][0-9]{0,17})%", word)
    return -int(match[1]) if match else None


def with_unit(size: int) -> str:
    for unit, name in ((1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


def parse_long(word: bytes) -> int | None:
    """A number as C's strtoll takes it: a leading blank or a plus passes, and nothing at all is 0."""
    if not re.fullmatch(rb"[ \t\n\v\f\r]*[+-]?[0-9]+|", word):
        return None
    return max(-LONG_MAX - 1, min(int(word or b"0"), LONG_MAX))


# The kinds that only one directive has


@dataclass(frozen=True, slots=True)
class Directory:
    """The working directory, always absolute. Reading it changes nobody's: several servers may share a process."""

    def read(self, words: list[bytes], present: str) -> str:
        path = os.path.join(present, os.fsdecode(words[0]))
        try:
            os.stat(os.path.join(path, ".") if words[0] else "")  # asks what chdir would: a directory one may enter
        except OSError as error:
            raise BadValue(os.strerror(error.errno or 0)) from None
        return os.path.realpath(path)

    def show(self, value: str) -> str:
        return value

    def lines(self, name: str, value: str, default: str) -> Lines:
        return [(f"{name} {quote(os.fsencode(value))}", True)]


class SavePoint(NamedTuple):
    """Save when so much has changed in so long."""

    seconds: int
    changes: int


@dataclass(frozen=True, slots=True)
class SavePoints:
    """Pairs of seconds and changes."""

    def read(self, words: list[bytes], present: object) -> tuple[SavePoint, ...]:
        if words == [b""]:
            return ()
        numbers = [-1 if (number := parse_long(word)) is None else number for word in words]
        points = tuple(map(SavePoint, numbers[::2], numbers[1::2]))
        if len(numbers) % 2 or any(point.seconds < 1 or point.changes < 0 for point in points):
            raise BadValue("Invalid save parameters")
        return points

    def show(self, value: tuple[SavePoint, ...]) -> str:
        return " ".join(f"{seconds} {changes}" for seconds, changes in value)

    def lines(self, name: str, value: tuple[SavePoint, ...], default: object) -> Lines:
        # Always said: for Redis a file that is silent about them has the three default points.
        return [(f"{name} {seconds} {changes}", True) for seconds, changes in value] or [(f'{name} ""', True)]


@dataclass(frozen=True, slots=True)
class OutputLimit:
    """Replies may pile up to the hard limit, and beyond the soft one for some seconds; 0 is no limit."""

    hard_bytes: int
    soft_bytes: int
    soft_seconds: int


@dataclass(frozen=True, slots=True)
class OutputLimits:
    normal: OutputLimit
    replica: OutputLimit
    pubsub: OutputLimit


@dataclass(frozen=True, slots=True)
class LimitPerClass:
    """Three numbers per class of clients; a class not named keeps its own. Shown as `slave`, written as `replica`."""

    def read(self, words: list[bytes], present: OutputLimits) -> OutputLimits:
        if len(words) % 4:
            raise BadValue("Wrong number of arguments in buffer limit configuration.")
        limits = {b"normal": present.normal, b"replica": present.replica, b"pubsub": present.pubsub}
        for at in range(0, len(words), 4):
            name = words[at].lower().replace(b"slave", b"replica")
            if name not in limits:
                raise BadValue("Invalid client class specified in buffer limit configuration.")
            hard, soft, seconds = parse_memory(words[at + 1]), parse_memory(words[at + 2]), parse_long(words[at + 3])
            if hard is None or soft is None or seconds is None or seconds < 0:
                raise BadValue("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
            limits[name] = OutputLimit(hard, soft, seconds)
        return OutputLimits(*limits.values())

    def show(self, value: OutputLimits) -> str:
        classes = (("normal", value.normal), ("slave", value.replica), ("pubsub", value.pubsub))
        return " ".join(f"{name} {one.hard_bytes} {one.soft_bytes} {one.soft_seconds}" for name, one in classes)

    def lines(self, name: str, value: OutputLimits, default: OutputLimits) -> Lines:
        lines = []
        for kind in ("normal", "replica", "pubsub"):
            limit: OutputLimit = getattr(value, kind)
            sizes = f"{with_unit(limit.hard_bytes)} {with_unit(limit.soft_bytes)}"
            lines.append((f"{name} {kind} {sizes} {limit.soft_seconds}", limit != getattr(default, kind)))
        return lines


@dataclass(frozen=True, slots=True)
class OomScores:
    """How readily the kernel may kill a primary, a replica and a child."""

    def read(self, words: list[bytes], present: object) -> tuple[int, ...]:
        if len(words) != 3:
            raise BadValue("wrong number of arguments")
        scores = tuple(score for word in words if (score := parse_long(word)) is not None and -2000 <= score <= 2000)
        if len(scores) != 3:
            raise BadValue("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
        return scores

    def show(self, value: tuple[int, ...]) -> str:
        return " ".join(map(str, value))

    def lines(self, name: str, value: tuple[int, ...], default: object) -> Lines:
        return [(f"{name} {self.show(value)}", value != default)]


ALL_EVENT_CLASSES = "g$lshzxetd"  # what A stands for: all but n (new keys) and m (misses)


@dataclass(frozen=True, slots=True)
class EventClasses:
    """Which keyspace events are published: a set of Redis' letters, with A taken apart."""

    def read(self, words: list[bytes], present: object) -> frozenset[str]:
        letters = frozenset(words[0].decode("latin-1").replace("A", ALL_EVENT_CLASSES))
        if not letters <= frozenset(ALL_EVENT_CLASSES + "KEmn"):
            raise BadValue("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        return letters

    def show(self, value: frozenset[str]) -> str:
        if value >= frozenset(ALL_EVENT_CLASSES):
            classes = "A"  # Redis forgets to show n here
        else:
            classes = "".join(letter for letter in ALL_EVENT_CLASSES + "n" if letter in value)
        return classes + "".join(letter for letter in "KEm" if letter in value)

    def lines(self, name: str, value: frozenset[str], default: object) -> Lines:
        return [(f"{name} {quote(self.show(value).encode())}", bool(value))]


@dataclass(frozen=True, slots=True)
class Addresses:
    """What to listen on: `*` is everything; behind a minus, an address that this host lacks is no reason to give up."""

    def read(self, words: list[bytes], present: object) -> tuple[str, ...]:
        if len(words) > 16:
            raise BadValue("Too many bind addresses specified.")
        return () if words == [b""] else tuple(os.fsdecode(word) for word in words)

    def show(self, value: tuple[str, ...]) -> str:
        return " ".join(value)

    def lines(self, name: str, value: tuple[str, ...], default: object) -> Lines:
        return [] if value == default else [(f"{name} {self.show(value) or quote(b'')}", True)]


HostAndPort = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Primary:
    """Host and port of a replica's primary outside of a cluster, or None."""

    def read(self, words: list[bytes], present: object) -> HostAndPort | None:
        if len(words) != 2:
            raise BadValue("wrong number of arguments")
        if [word.lower() for word in words] == [b"no", b"one"]:
            return None
        port = parse_long(words[1])
        if port is None or not 0 <= port <= 65535:
            raise BadValue("Invalid master port")
        return os.fsdecode(words[0]), port

    def show(self, value: HostAndPort | None) -> str:
        return f"{value[0]} {value[1]}" if value else ""

    def lines(self, name: str, value: HostAndPort | None, default: object) -> Lines:
        return [(f"{name} {self.show(value)}", True)] if value else []


@dataclass(frozen=True, slots=True)
class Percentiles:
    def read(self, words: list[bytes], present: object) -> tuple[float, ...]:
        if words == [b""]:
            return ()
        try:
            values = tuple(parse_float(word) for word in words)
        except ReplyError:
            raise BadValue("Invalid latency-tracking-info-percentiles parameters") from None
        if not all(0 <= value <= 100 for value in values):
            raise BadValue("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
        return values

    def show(self, value: tuple[float, ...]) -> str:
        return " ".join(shortest_decimal(one) for one in value)

    def lines(self, name: str, value: tuple[float, ...], default: object) -> Lines:
        return [(f"{name} {self.show(value) or quote(b'')}", True)]


def shortest_decimal(value: float) -> str:
    """Six digits behind the point at most, without zeros at the end."""
    return f"{value:f}".rstrip("0").rstrip(".")
