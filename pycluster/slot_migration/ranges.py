"""Ranges of slots, as an operator names them and a source names them to its target: `SLOTSRANGE 0 99 200 200`."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pycluster.keyspace.slots import parse_slot
from pycluster.protocol import errors
from pycluster.protocol.numbers import parse_int

Ranges: TypeAlias = tuple[tuple[int, int], ...]  # each as (first, last), in the order in which they were named


def text_of(ranges: Ranges) -> str:
    """`0-99 200-200`: so jobs show their slots."""
    return " ".join(f"{first}-{last}" for first, last in ranges)


def words_of(ranges: Ranges) -> list[bytes]:
    """The ranges as arguments of a command."""
    return [b"%d" % slot for pair in ranges for slot in pair]


def slots_of(ranges: Ranges) -> list[int]:
    """All slots of the ranges."""
    return [slot for first, last in ranges for slot in range(first, last + 1)]


def read_ranges(words: Sequence[bytes], at: int, owner_of: Callable[[int], str | None]) -> tuple[Ranges, str, int]:
    """Reads ranges from a place on up to the first word that is no number: them, whose slots they are, and that place.

    They must all be one node's. Raises what is wrong with them.
    """
    ranges: list[tuple[int, int]] = []
    named: dict[int, int] = {}  # in which of them a slot is
    owner = ""
    while at < len(words) and _is_number(words[at]):
        first = parse_slot(words[at])
        if at + 1 >= len(words):
            raise errors.NoEndOfSlotRange
        last = parse_slot(words[at + 1])
        if first > last:
            raise errors.start_slot_beyond_end(first, last)
        owner = _only_owner(first, last, owner, owner_of)
        slots = range(first, last + 1)
        if twice := [named[slot] for slot in slots if slot in named]:
            raise errors.slot_ranges_overlap((first, last), ranges[min(twice)])
        named |= dict.fromkeys(slots, len(ranges))
        ranges.append((first, last))
        at += 2
    if not ranges:
        raise errors.NoSlotRanges
    return tuple(ranges), owner, at


def read_plain_ranges(words: Sequence[bytes], at: int) -> tuple[Ranges, int]:
    """The same where nobody asks whose slots they are: what a primary or a file says of a job."""
    ranges: list[tuple[int, int]] = []
    while at + 1 < len(words) and _is_number(words[at]):
        first, last = parse_slot(words[at]), parse_slot(words[at + 1])
        if first > last:
            raise errors.start_slot_beyond_end(first, last)
        ranges.append((first, last))
        at += 2
    if not ranges:
        raise errors.NoSlotRanges
    return tuple(ranges), at


def _only_owner(first: int, last: int, owner: str, owner_of: Callable[[int], str | None]) -> str:
    """The owner of all these slots, if there is one and it is the one known so far."""
    for slot in range(first, last + 1):
        its = owner_of(slot)
        if its is None:
            raise errors.slot_without_node(slot)
        if owner and its != owner:
            raise errors.SlotsOfSeveralShards
        owner = its
    return owner


def _is_number(word: bytes) -> bool:
    """What is no integer of 64 bits ends the ranges."""
    try:
        parse_int(word)
    except errors.NotAnInteger:
        return False
    return True
