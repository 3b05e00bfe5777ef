"""The digest of a dataset: 20 bytes that are equal where the data are, whatever order they lie in.

DEBUG DIGEST and DIGEST-VALUE of every Redis compute the same, so one comparison tells whether two servers hold the
same. What has no order (keys, members, fields) is mixed by exclusive or; what has one (a list) goes into a chain.
An expiring key is mixed with the fact, not the time.
"""

from collections.abc import Iterable
from hashlib import sha1

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Stream, format_id
from pycluster.datatypes.string import RawString
from pycluster.keyspace.database import Database
from pycluster.protocol.numbers import format_float

Value = bytes | List | Set | SortedSet | Hash | Stream

LENGTH = 20
NOTHING = bytes(LENGTH)

_TYPE_NUMBERS = {bytes: 0, RawString: 0, List: 1, Set: 2, SortedSet: 3, Hash: 4, Stream: 6}


def digest_all(databases: Iterable[Database]) -> str:
    """The digest of a whole dataset, as 40 hexadecimal digits; all zeros if there is no key."""
    total = NOTHING
    for database in databases:
        if not any(database.slots):
            continue
        total = _mix(total, database.index.to_bytes(4, "big"))
        for mapping, deadlines in zip(database.slots, database.deadlines, strict=True):
            for key, value in mapping.items() if mapping else ():
                total = _add(total, _digest(_mix(NOTHING, key), value, expires=key in deadlines))
    return total.hex()


def digest_value(value: Value | None, expires: bool) -> str:
    """The digest of one key's value, as 40 hexadecimal digits; all zeros for a key that is not there."""
    return (NOTHING if value is None else _digest(NOTHING, value, expires)).hex()


def _digest(digest: bytes, value: Value, expires: bool) -> bytes:
    """Goes on from a digest with a value."""
    digest = _mix(digest, _TYPE_NUMBERS[value.__class__].to_bytes(4, "big"))
    match value:
        case bytes():
            digest = _mix(digest, value)
        case List():
            for item in value:
                digest = _mix(digest, item)
        case Set():
            for member in value.members:
                digest = _add(digest, member)
        case Hash():
            for field, content in value.fields.items():
                digest = _add(digest, _mix(_mix(NOTHING, field), content))
        case SortedSet():
            for member, score in value.scores.items():
                digest = _add(digest, _mix(_mix(NOTHING, member), format_float(score)))
        case Stream():  # its entries, that is: of groups the digest says nothing
            for id, entry in value.range():
                digest = _mix(digest, format_id(id).replace(b"-", b"."))
                for part in entry:
                    digest = _mix(digest, part)
    return _add(digest, b"!!expire!!") if expires else digest


def _add(digest: bytes, content: bytes) -> bytes:
    """One of several things whose order does not matter."""
    summed = int.from_bytes(digest, "big") ^ int.from_bytes(sha1(content).digest(), "big")
    return summed.to_bytes(LENGTH, "big")


def _mix(digest: bytes, content: bytes) -> bytes:
    """One link of a chain: what comes later depends on what came before."""
    return sha1(_add(digest, content)).digest()
