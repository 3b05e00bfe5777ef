"""The dataset as the commands that make it: a base file for aof-use-rdb-preamble no.

Large collections come in portions, so that no single command holds up the server that reads them.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from pycluster.datatypes.block_list import List
from pycluster.datatypes.hash import Hash
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.datatypes.stream import Stream
from pycluster.keyspace.frozen import Rows
from pycluster.persistence.stream_commands import make_stream
from pycluster.protocol.numbers import format_float
from pycluster.protocol.replies import encode_request

PORTION = 64  # items in a command
PIECE_LENGTH = 1 << 16


def write_commands(
    databases: Iterable[Rows],
    stamp: bytes = b"",
    sources: Iterable[bytes] = (),
    passed: Callable[[int], None] = lambda keys: None,
    hold: Callable[[Any], Any] = lambda value: value,
    openings: Iterable[list[bytes]] = (),
) -> Iterator[bytes]:
    """The file, in pieces that are worth a system call: the stamp, libraries of functions by their sources, keys.

    `openings` are commands that must come before all keys.

    `passed` is told of each key that is written; `hold` says what is to be written for a value (keyspace/frozen.py).
    """
    collected = [stamp, *[encode_request([b"FUNCTION", b"LOAD", source]) for source in sources]]
    collected += map(encode_request, openings)
    length = 0
    for args in _commands(databases, passed, hold):
        encoded = encode_request(args)
        collected.append(encoded)
        length += len(encoded)
        if length >= PIECE_LENGTH:
            yield b"".join(collected)
            collected.clear()
            length = 0
    yield b"".join(collected)


def _commands(
    databases: Iterable[Rows], passed: Callable[[int], None], hold: Callable[[Any], Any]
) -> Iterator[list[bytes]]:
    for database in databases:
        if not database.size():
            continue
        yield [b"SELECT", b"%d" % database.index]
        for mapping, deadlines in zip(database.slots, database.deadlines, strict=True):
            for key, value in mapping.items():
                yield from make_key(key, hold(value))
                if (deadline := deadlines.get(key)) is not None:
                    yield [b"PEXPIREAT", key, b"%d" % deadline]
                passed(1)


def make_key(key: bytes, value: Any) -> Iterator[list[bytes]]:
    """The commands that make one key."""
    match value:
        case bytes():
            yield [b"SET", key, value]
        case List():
            yield from _in_portions(b"RPUSH", key, value, 1)
        case Set():
            yield from _in_portions(b"SADD", key, value, 1)
        case Hash():
            yield from _in_portions(b"HMSET", key, chain.from_iterable(value.fields.items()), 2)
        case SortedSet():
            scored = ((format_float(score), member) for member, score in value.scores.items())
            yield from _in_portions(b"ZADD", key, chain.from_iterable(scored), 2)
        case Stream():
            yield from make_stream(key, value)
        case _:
            raise AssertionError(f"a {type(value).__name__} is not known here")


def _in_portions(name: bytes, key: bytes, words: Iterable[bytes], words_an_item: int) -> Iterator[list[bytes]]:
    rest = iter(words)
    while portion := list(islice(rest, PORTION * words_an_item)):
        yield [name, key, *portion]
