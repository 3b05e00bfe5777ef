"""A whole file, in pieces: version 10, which redis-server 7.0 and all later ones load.

The pieces come from a generator, so that a forked child can write them to a disk or a pipe as they are made. The
dataset must hold still meanwhile: a child's copy does, and so does a server that does nothing else.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from pycluster.datatypes.big_dict import BigDict
from pycluster.keyspace.frozen import Rows
from pycluster.rdb import opcodes
from pycluster.rdb.crc64 import CHECKSUM_LENGTH, crc64
from pycluster.rdb.strings import put_length, put_string
from pycluster.rdb.values import VERSION, put_value, type_of

# What is said of the uses of a key in a slot of a database: `put_idle` or `put_frequency`.
Uses = Callable[[Rows, int, bytes], bytes]

PIECE_LENGTH = 1 << 16  # about as much is collected before it is handed on
SMALL_KEYS = 512  # so many short strings at the most, without counting their bytes


def write_file(
    databases: Iterable[Rows],
    aux: Mapping[str, str | int],
    *,
    functions: Iterable[bytes] = (),
    compress: bool = True,
    checksum: bool = True,
    uses: Uses | None = None,
    passed: Callable[[int], None] = lambda keys: None,
    hold: Callable[[Any], Any] | None = None,
) -> Iterator[bytes]:
    """The file, in pieces of some 64 KB. Without a checksum it says 0, and readers do not look.

    `uses` says how a key is used, where an LRU or LFU policy wants to know. `passed` is told of keys as they are
    written, some at a time. `hold` says what is to be written for a value, if that is not itself (keyspace/frozen.py).
    """
    crc = 0
    for piece in joined(_put_all(databases, aux, functions, compress, uses, passed, hold)):
        if checksum:
            crc = crc64(piece, crc)
        yield piece
    yield crc.to_bytes(CHECKSUM_LENGTH, "little")


def joined(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Joins small parts to pieces that are worth a system call."""
    collected: list[bytes] = []
    length = 0
    for part in parts:
        collected.append(part)
        length += len(part)
        if length >= PIECE_LENGTH:
            yield b"".join(collected)
            collected.clear()
            length = 0
    if collected:
        yield b"".join(collected)


def _put_all(
    databases: Iterable[Rows],
    aux: Mapping[str, str | int],
    functions: Iterable[bytes],
    compress: bool,
    uses: Uses | None,
    passed: Callable[[int], None],
    hold: Callable[[Any], Any] | None,
) -> Iterator[bytes]:
    yield b"REDIS%04d" % VERSION
    for name, content in aux.items():
        yield _opcode(opcodes.AUX) + put_string(name.encode()) + put_string(str(content).encode())
    for source in functions:
        yield _opcode(opcodes.FUNCTION) + put_string(source, compress)
    for database in databases:
        count = sum(map(len, database.slots))
        if not count:
            continue
        yield _opcode(opcodes.SELECT_DB) + put_length(database.index)
        yield _opcode(opcodes.RESIZE_DB) + put_length(count) + put_length(sum(map(len, database.deadlines)))
        for slot, (mapping, deadlines) in enumerate(zip(database.slots, database.deadlines, strict=True)):
            use = None if uses is None else partial(uses, database, slot)
            for keys in mapping.dicts() if isinstance(mapping, BigDict) else (mapping,) if mapping else ():
                yield from _put_keys(keys, deadlines, compress, use, hold)
                passed(len(keys))
    yield _opcode(opcodes.END)


def _put_keys(
    mapping: dict[bytes, Any],
    deadlines: Mapping[bytes, int],
    compress: bool,
    use: Callable[[bytes], bytes] | None,
    hold: Callable[[Any], Any] | None,
) -> Iterator[bytes]:
    """Keys of a slot. Small strings that do not expire, the most of most datasets, on a short road."""
    parts: list[bytes] = []
    for key, value in mapping.items():
        if deadlines and (deadline := deadlines.get(key)) is not None:
            parts.append(_EXPIRE.pack(opcodes.EXPIRE_MS, deadline))
        if use is not None:
            parts.append(use(key))
        if value.__class__ is bytes and len(value) < 64 and len(key) < 64:
            parts += (_SHORT_KEY[len(key)], key, _SHORT[len(value)], value)
            if len(parts) >= 4 * SMALL_KEYS:
                yield b"".join(parts)
                parts.clear()
        else:
            if hold is not None:
                value = hold(value)
            parts.append(_opcode(type_of(value)) + put_string(key, compress))
            yield b"".join(parts)
            parts.clear()
            yield from put_value(value, compress)
    yield b"".join(parts)


def put_idle(seconds: int) -> bytes:
    """In front of a key: so long has it not been used (LRU)."""
    return _opcode(opcodes.IDLE) + put_length(seconds)


def put_frequency(count: int) -> bytes:
    """In front of a key: its counter of uses, a byte (LFU)."""
    return bytes((opcodes.FREQUENCY, count))


def _opcode(number: int) -> bytes:
    return bytes((number,))


_EXPIRE = struct.Struct("<Bq")
_SHORT = [put_length(length) for length in range(64)]
_SHORT_KEY = [_opcode(opcodes.STRING) + length for length in _SHORT]
