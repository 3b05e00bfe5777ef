"""MIGRATE, the command; what it does is server/migration.py's (cluster.c)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pycluster.commands.table import Args, Group, KeySpec, Range
from pycluster.protocol.errors import BadSyntax, KeyBesideKeys, text_of
from pycluster.protocol.numbers import parse_int
from pycluster.server.client import Client
from pycluster.server.migration import Order

group = Group("generic", "keyspace dangerous")

FIRST_OPTION = 6
DEFAULT_TIMEOUT_MS = 1000

_NUMBER = re.compile(rb"\s*([+-]?)(\d*)")
_MOST_DIGITS = 20  # more are beyond 64 bits anyway, and Python refuses to read thousands

_SKIPPED = {b"copy": 0, b"replace": 0, b"auth": 1, b"auth2": 2}  # options before KEYS, and how many words follow each


def find_keys(args: Args) -> list[int]:
    """The places of the keys: the third argument, or what stands behind KEYS."""
    at = FIRST_OPTION
    while at < len(args):
        word = args[at].lower()
        if word == b"keys":
            return [3] if args[3] else list(range(at + 1, len(args))) or [3]
        at += 1 + _SKIPPED.get(word, 0)
    return [3]


@group.command(
    "write",
    arity=-6,
    keys=(
        KeySpec("RW access delete", 3, Range(0)),
        KeySpec("RW access delete incomplete", ("KEYS", -2), Range(-1)),
    ),
    find_keys=find_keys,
    tips=("nondeterministic_output",),
)
def migrate(
    client: Client, host: bytes, port: bytes, key: bytes, destination_db: bytes, timeout: bytes, *options: bytes
) -> object:
    """MIGRATE host port <key | ""> destination-db timeout [COPY] [REPLACE]
        [AUTH password | AUTH2 username password] [KEYS key [key ...]]

    Atomically transfers a key from one Redis instance to another.
    Since 2.6.0. This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance.
    See the pages of these commands for time complexity. Also an O(N) data transfer between the two instances is
    performed.
    """
    read = _read_options(key, options)
    timeout_ms = parse_int(timeout)
    database = parse_int(destination_db)
    timeout_s = (timeout_ms if timeout_ms > 0 else DEFAULT_TIMEOUT_MS) / 1000
    order = Order(text_of(host), _port(port), database, timeout_s, read.is_copy, read.replaces, read.credentials)
    answer: object = client.server.migration.begin(client, order, read.keys)
    return answer


@dataclass(slots=True)
class _Options:
    """What stands behind the timeout; the third argument is the key, or there are KEYS."""

    keys: list[bytes]
    is_copy: bool = False
    replaces: bool = False
    credentials: tuple[bytes, ...] = ()


def _read_options(key: bytes, options: Sequence[bytes]) -> _Options:
    read = _Options([key])
    words = iter(range(len(options)))
    for at in words:
        behind = tuple(options[at + 1 :])
        match options[at].upper():
            case b"COPY":
                read.is_copy = True
            case b"REPLACE":
                read.replaces = True
            case b"AUTH" if behind:
                user = read.credentials[:-1]  # AUTH2's stays
                read.credentials = (*user, behind[0])
                next(words)
            case b"AUTH2" if len(behind) >= 2:
                read.credentials = behind[:2]
                next(words), next(words)
            case b"KEYS":
                if key:
                    raise KeyBesideKeys
                read.keys = list(behind)
                break
            case _:
                raise BadSyntax
    return read


def _port(text: bytes) -> int:
    """As C's atoi reads it: as many digits as there are, and of a larger number the low 32 bits. What is no port can't
    be connected to."""
    found = _NUMBER.match(text)
    assert found is not None  # it matches anything
    sign, digits = found.groups()
    size = min(int(digits[:_MOST_DIGITS] or b"0"), (1 << 63) - 1)
    return (((-size if sign == b"-" else size) + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
