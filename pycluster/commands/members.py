"""Walks and samples: what HSCAN, SSCAN, ZSCAN and HRANDFIELD, SRANDMEMBER, ZRANDMEMBER have in common."""

from random import Random
from typing import Annotated, Any

from pycluster.commands.arguments import parse_symmetric
from pycluster.commands.scanning import parse_cursor, parse_scan_options
from pycluster.commands.table import Convert
from pycluster.datatypes.big_dict import Mapping, random_keys, random_keys_with_repeats, scan
from pycluster.protocol.errors import BadSyntax, OutOfRange
from pycluster.protocol.numbers import INT_MAX

LARGEST_SAMPLE = 1 << 24  # with repeats a sample has no natural end: it ends before memory does

Cursor = Annotated[int, Convert(parse_cursor)]


def scan_members(mapping: Mapping[Any], cursor: int, options: tuple[bytes, ...]) -> tuple[bytes, list[bytes]]:
    """One step of a walk through a collection: (the next cursor as it is told, the members that match)."""
    wanted = parse_scan_options(options)
    following, members = scan(mapping, cursor, wanted.count)
    if wanted.pattern is not None:
        members = [member for member in members if wanted.matches(member)]
    return b"%d" % following, members


def sample(mapping: Mapping[Any], count: int, random: Random) -> list[bytes]:
    """Different members, as many as asked for if there are so many; with a negative count each throw for itself."""
    if count >= 0:
        return random_keys(mapping, count, random)
    if -count > LARGEST_SAMPLE:
        raise OutOfRange
    return random_keys_with_repeats(mapping, -count, random)


def read_sample_options(options: tuple[bytes, ...], word: bytes) -> tuple[int, bool]:
    """`count [WITHVALUES]` of HRANDFIELD, `count [WITHSCORES]` of ZRANDMEMBER: (count, with what belongs to them)."""
    count = parse_symmetric(options[0])
    match options[1:]:
        case ():
            return count, False
        case (given,) if given.upper() == word:
            if abs(count) > INT_MAX // 2:
                raise OutOfRange
            return count, True
    raise BadSyntax
