"""What the commands about streams read from their arguments: ids, ends of intervals, how to trim (t_stream.c)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pycluster.commands.table import Args
from pycluster.datatypes.stream import MAX_ID, SEQUENCES, Stream, format_id
from pycluster.keyspace.database import IGNORE, Database
from pycluster.protocol.errors import (
    BadSyntax,
    InvalidEndOfInterval,
    InvalidStartOfInterval,
    InvalidStreamId,
    MaxlenAndMinidTogether,
    TrimLengthNegative,
    TrimLimitAlone,
    TrimLimitNegative,
    TrimLimitOfExact,
    TrimWithoutStrategy,
)
from pycluster.protocol.numbers import is_int, parse_int

LONGEST_ID = 127  # bytes; a longer one is not looked at
LAST_SEQUENCE = SEQUENCES - 1

# Ids


def parse_id(text: bytes, sequence: int = 0) -> int:
    """`ms-seq`, or `ms` alone with the sequence that is meant by that."""
    ms, dash, digits = text.partition(b"-")
    if len(text) > LONGEST_ID:
        raise InvalidStreamId
    return _parse_part(ms) << 64 | (_parse_part(digits) if dash else sequence)


def parse_id_or_end(text: bytes, sequence: int = 0) -> int:
    """The same, or `-` for the smallest id of all, `+` for the largest."""
    match text:
        case b"-":
            return 0
        case b"+":
            return MAX_ID
    return parse_id(text, sequence)


def parse_new_id(text: bytes) -> tuple[int | None, bool]:
    """The id of an entry to add, and whether that is all of it: `ms-*` is the beginning of one, `*` is nothing."""
    if text == b"*":
        return None, False
    if not text.endswith(b"-*"):
        return parse_id(text), True
    if text.count(b"-") > 1:
        raise InvalidStreamId
    return parse_id(text[:-2]), False


_UNSIGNED = re.compile(rb"\s*([+-]?)([0-9]+)")


def _parse_part(text: bytes) -> int:
    """64 bits without a sign. What is no integer in Redis' strict sense is given to C's strtoull, which is generous."""
    found = _UNSIGNED.fullmatch(text)
    if found is None or (found[1] == b"-" and is_int(text)):
        raise InvalidStreamId
    number = int(found[2])
    if number > LAST_SEQUENCE:
        raise InvalidStreamId
    return -number % SEQUENCES if found[1] == b"-" else number


def parse_start(text: bytes) -> int:
    """Where an interval begins: an id, behind one with `(`."""
    if text[:1] != b"(" or len(text) == 1:
        return parse_id_or_end(text)
    first = parse_id(text[1:]) + 1
    if first > MAX_ID:
        raise InvalidStartOfInterval
    return first


def parse_end(text: bytes) -> int:
    """Where an interval ends: with an id, before one with `(`."""
    if text[:1] != b"(" or len(text) == 1:
        return parse_id_or_end(text, LAST_SEQUENCE)
    last = parse_id(text[1:], LAST_SEQUENCE) - 1
    if last < 0:
        raise InvalidEndOfInterval
    return last


# Trimming


@dataclass(slots=True)
class Trimming:
    """What XADD and XTRIM were told of trimming, and where among the arguments the threshold stands."""

    by: bytes = b""  # MAXLEN, MINID, or nothing
    threshold: int = 0
    exact: bool = True
    limit: int | None = None
    at: int = 0

    def read(self, words: Sequence[bytes], at: int) -> int:
        """Reads an option that begins at a place: the place behind it, or the same if it is none of these."""
        word, more = words[at].upper(), len(words) - 1 - at
        if not more or word not in (b"MAXLEN", b"MINID", b"LIMIT"):
            return at
        if word == b"LIMIT":
            self.limit = parse_int(words[at + 1])
            if self.limit < 0:
                raise TrimLimitNegative
            return at + 2
        if self.by:
            raise MaxlenAndMinidTogether
        if more >= 2 and words[at + 1] in (b"~", b"="):
            self.exact = words[at + 1] == b"="
            at += 1
        self.by, self.at = word, at + 1
        if word == b"MAXLEN":
            self.threshold = parse_int(words[self.at])
            if self.threshold < 0:
                raise TrimLengthNegative
        else:
            self.threshold = parse_id(words[self.at])
        return at + 2

    def settle(self, db: Database, *, required: bool) -> None:
        """All options are read: do they go together, and how much work may an approximate trim be?"""
        if self.limit and not self.by:
            raise TrimLimitAlone
        if required and not self.by:
            raise TrimWithoutStrategy
        if db.keyspace.expired_keys == IGNORE:
            self.limit = 0  # a primary or a file says what was done, and that is to be done again
        elif self.limit is not None and self.exact:
            raise TrimLimitOfExact
        elif self.limit is None and not self.exact:
            self.limit = min(100 * db.keyspace.stream_node_entries or 10_000, 1_000_000)

    def apply(self, stream: Stream) -> int:
        """Trims; how many entries were removed."""
        match self.by:
            case b"MAXLEN":
                return stream.trim_to_length(self.threshold, exact=self.exact, limit=self.limit or 0)
            case b"MINID":
                return stream.trim_before(self.threshold, exact=self.exact, limit=self.limit or 0)
        return 0

    def exactly(self, args: Args, stream: Stream) -> Args:
        """The arguments of an approximate trim, telling what came of it: others are to do just that."""
        if self.exact:
            return args
        reached = b"%d" % len(stream) if self.by == b"MAXLEN" else format_id(stream.oldest_id_kept)
        return [*args[: self.at - 1], b"=", reached, *args[self.at + 1 :]]


def read_trimming(db: Database, words: Sequence[bytes]) -> Trimming:
    """The options of XTRIM."""
    trimming, at = Trimming(), 0
    while at < len(words):
        behind = trimming.read(words, at)
        if behind == at:
            raise BadSyntax
        at = behind
    trimming.settle(db, required=True)
    return trimming
