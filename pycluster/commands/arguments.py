"""Arguments that commands of several families take alike: counts, numbers of keys, timeouts, ranges of indexes."""

from math import ceil, isinf
from typing import Annotated

from pycluster.commands.table import Convert
from pycluster.protocol.errors import (
    BadSyntax,
    CountTooSmall,
    NumkeysTooSmall,
    OutOfSymmetricRange,
    ReplyError,
    TimeoutNegative,
    TimeoutNotAFloat,
    TimeoutNotAnInteger,
    TimeoutOutOfRange,
)
from pycluster.protocol.numbers import INT_MAX, INT_MIN, parse_float, parse_int

LATEST_MS = INT_MAX - (1 << 41)  # a timeout and the time of day together must fit into 64 bits


def parse_at_least(least: int, digits: bytes, error: type[ReplyError]) -> int:
    """An integer that is not below the least; one complaint for all that can be wrong with it."""
    value = parse_int(digits, error)
    if value < least:
        raise error
    return value


def parse_numkeys(digits: bytes) -> int:
    """The number of keys that follow, as LMPOP and others take it."""
    return parse_at_least(1, digits, NumkeysTooSmall)


NumKeys = Annotated[int, Convert(parse_numkeys)]


def parse_timeout(text: bytes) -> float:
    """How long a command may block, in seconds: 0 is for ever."""
    seconds = parse_float(text, TimeoutNotAFloat)
    if isinf(seconds) and seconds < 0:
        raise TimeoutNegative
    if isinf(seconds) or seconds * 1000 > INT_MAX:
        raise TimeoutOutOfRange
    timeout_ms = ceil(seconds * 1000)
    if timeout_ms < 0:
        raise TimeoutNegative
    if timeout_ms > LATEST_MS:
        raise TimeoutOutOfRange
    return timeout_ms / 1000


def parse_timeout_ms(digits: bytes) -> float:
    """The same for a command that is told milliseconds; in seconds all the same."""
    timeout_ms = parse_int(digits, TimeoutNotAnInteger)
    if timeout_ms < 0:
        raise TimeoutNegative
    if timeout_ms > LATEST_MS:
        raise TimeoutOutOfRange
    return timeout_ms / 1000


def parse_symmetric(digits: bytes) -> int:
    """An integer whose sign is a choice of its own; the smallest one of all has no positive twin."""
    count = parse_int(digits)
    if count == INT_MIN:
        raise OutOfSymmetricRange
    return count


def read_pop(
    numkeys: int, rest: tuple[bytes, ...], ends: tuple[bytes, bytes]
) -> tuple[tuple[bytes, ...], bytes, int]:
    """`key [key ...] end [COUNT count]` of LMPOP and ZMPOP: (keys, end, count)."""
    if numkeys >= len(rest) or (end := rest[numkeys].upper()) not in ends:
        raise BadSyntax
    count = 1
    options = rest[numkeys + 1 :]
    if options:
        if len(options) == 1 or options[0].upper() != b"COUNT":
            raise BadSyntax
        count = parse_at_least(1, options[1], CountTooSmall)
        if len(options) > 2:
            raise BadSyntax
    return rest[:numkeys], end, count


def index_range(start: int, stop: int, length: int) -> tuple[int, int]:
    """A range as users give it, negative from the end and with its last index, as (from, up to); empty: (0, 0)."""
    start = max(start + length, 0) if start < 0 else start
    stop = stop + length if stop < 0 else min(stop, length - 1)
    return (start, stop + 1) if start <= stop else (0, 0)
