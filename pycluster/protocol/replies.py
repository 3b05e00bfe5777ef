"""Replies are values; this module turns them into RESP2 or RESP3. Commands never see either.

    bytes  bulk string          list, tuple  array              NULL_ARRAY  null array (RESP3: null)
    str    status               dict         map                Pairs       [(a, b), …]: nested in RESP3, flat in RESP2
    int    integer              set          set                Verbatim    text with a format (RESP2: bulk)
    None   null                 float        double             Push        out of band (RESP2: array)
    ReplyError  error           bool         boolean (RESP2: 0/1)           Several  replies one after another

`NO_REPLY` is no reply at all. Speed is bought here: lengths, statuses and small integers are ready-made, and parts
are only collected: the connection joins them once (89 ns against 270 for pack_command, 180 for % formatting).
Sources: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pycluster.protocol.errors import ReplyError
from pycluster.protocol.numbers import format_float

LENGTHS = [b"$%d\r\n" % n for n in range(1024)]  # the head of a bulk of n bytes
INTEGERS = [b":%d\r\n" % n for n in range(10000)]
ARRAYS = [b"*%d\r\n" % n for n in range(1024)]
OK = b"+OK\r\n"
STATUSES = {"OK": OK, "PONG": b"+PONG\r\n", "QUEUED": b"+QUEUED\r\n"}
CRLF = b"\r\n"

Put = Callable[[bytes], None]


class Pairs(list):
    """Two by two: members with scores, fields with values where order matters and RESP3 nests."""

    __slots__ = ()


class ByKey(list):
    """Two by two: a map in RESP3, an array of two-element arrays in RESP2; a key may come twice (XREAD)."""

    __slots__ = ()


class Members(list):
    """A set whose members are told in an order of ours, and may be maps (COMMAND INFO)."""

    __slots__ = ()


class Push(list):
    """Out of band: a message of pub/sub or tracking. An array for RESP2."""

    __slots__ = ()


class Several(list):
    """Several replies to one command, one after another (SUBSCRIBE a b)."""

    __slots__ = ()


@dataclass(slots=True, frozen=True)
class Verbatim:
    """Text in a format of three letters, such as "txt"."""

    text: bytes
    format: str = "txt"


@dataclass(slots=True, frozen=True)
class Attributed:
    """A reply, and something about it that only RESP3 can say."""

    attributes: dict[bytes, object]
    reply: object


@dataclass(slots=True, frozen=True)
class Spoken:
    """A reply in a protocol of its own: the client has changed it in the middle of a transaction."""

    reply: object
    resp: int


@dataclass(slots=True, frozen=True)
class BigNumber:
    """An integer beyond 64 bits."""

    value: int


class _Nothing:
    """A reply value that is not an ordinary value: there is one of each."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NULL_ARRAY = _Nothing("NULL_ARRAY")
NO_REPLY = _Nothing("NO_REPLY")


@dataclass(slots=True)
class Wait:
    """Blocking is a reply: the client waits until one of the keys has a value of the kind, then the request runs again.

    `timeout` in seconds (0: for ever); `otherwise` is the reply when it is over, `denied` the one where nobody may
    wait (MULTI); `request`, where given, is what runs again instead of the request as received (`$` resolved, say);
    `until_gone`: it runs again too when a key is no more, or holds something else.

    Without keys it is a task that is waited for, and that ends the wait itself. `is_firm`: CLIENT UNBLOCK can't.
    `runs_again`: no reply will come, but the request is to be handed in again, from the start, when the task is done.
    """

    keys: list[bytes]
    kind: type
    timeout: float
    otherwise: object = NULL_ARRAY
    denied: object = NULL_ARRAY
    request: list[bytes] | None = None
    until_gone: bool = False
    is_firm: bool = False
    runs_again: bool = False


def encode(value: Any, resp: int, put: Put) -> None:
    """Hands the parts of the reply to `put`, in order."""
    kind = value.__class__
    if kind is bytes:
        length = len(value)
        put(LENGTHS[length] if length < 1024 else b"$%d\r\n" % length)
        put(value)
        put(CRLF)
    elif kind is str:
        put(STATUSES.get(value) or b"+%b\r\n" % one_line(value))
    elif kind is int:
        put(INTEGERS[value] if 0 <= value < 10000 else b":%d\r\n" % value)
    elif value is None:
        put(b"$-1\r\n" if resp == 2 else b"_\r\n")
    elif kind is list or kind is tuple:
        length = len(value)
        put(ARRAYS[length] if length < 1024 else b"*%d\r\n" % length)
        encode_all(value, resp, put)
    else:
        (_encode_rare_2 if resp == 2 else _encode_rare_3)(value, put)


def encode_all(values: Iterable[Any], resp: int, put: Put) -> None:
    """The elements of an aggregate, without its head. Bulk strings, nearly always, on a short road."""
    for value in values:
        if value.__class__ is bytes:
            length = len(value)
            put(LENGTHS[length] if length < 1024 else b"$%d\r\n" % length)
            put(value)
            put(CRLF)
        else:
            encode(value, resp, put)


def _encode_rare_2(value: object, put: Put) -> None:
    match value:
        case ReplyError():
            put(error_line(value))
        case bytes():
            encode(bytes(value), 2, put)
        case bool():
            put(b":1\r\n" if value else b":0\r\n")
        case float():
            encode(format_float(value), 2, put)
        case dict():
            put(b"*%d\r\n" % (2 * len(value)))
            for pair in value.items():
                encode_all(pair, 2, put)
        case Pairs():
            put(b"*%d\r\n" % (2 * len(value)))
            for pair in value:
                encode_all(pair, 2, put)
        case ByKey():
            put(b"*%d\r\n" % len(value))
            for pair in value:
                put(b"*2\r\n")
                encode_all(pair, 2, put)
        case set() | frozenset() | Members() | Push():
            put(b"*%d\r\n" % len(value))
            encode_all(value, 2, put)
        case Verbatim():
            encode(value.text, 2, put)
        case BigNumber():
            encode(b"%d" % value.value, 2, put)
        case Several():
            encode_all(value, 2, put)
        case Attributed():
            encode(value.reply, 2, put)
        case Spoken():
            encode(value.reply, value.resp, put)
        case _ if value is NULL_ARRAY:
            put(b"*-1\r\n")
        case _:
            _refuse(value)


def _encode_rare_3(value: object, put: Put) -> None:
    match value:
        case ReplyError():
            put(error_line(value))
        case bytes():
            encode(bytes(value), 3, put)
        case bool():
            put(b"#t\r\n" if value else b"#f\r\n")
        case float():
            put(b",%b\r\n" % format_float(value))
        case dict():
            put(b"%%%d\r\n" % len(value))
            for pair in value.items():
                encode_all(pair, 3, put)
        case Pairs():
            put(b"*%d\r\n" % len(value))
            for pair in value:
                put(b"*2\r\n")
                encode_all(pair, 3, put)
        case ByKey():
            put(b"%%%d\r\n" % len(value))
            for pair in value:
                encode_all(pair, 3, put)
        case set() | frozenset() | Members():
            put(b"~%d\r\n" % len(value))
            encode_all(value, 3, put)
        case Push():
            put(b">%d\r\n" % len(value))
            encode_all(value, 3, put)
        case Verbatim():
            put(b"=%d\r\n%b:%b\r\n" % (len(value.text) + 4, value.format.encode(), value.text))
        case BigNumber():
            put(b"(%d\r\n" % value.value)
        case Several():
            encode_all(value, 3, put)
        case Attributed():
            put(b"|%d\r\n" % len(value.attributes))
            for pair in value.attributes.items():
                encode_all(pair, 3, put)
            encode(value.reply, 3, put)
        case Spoken():
            encode(value.reply, value.resp, put)
        case _ if value is NULL_ARRAY:
            put(b"_\r\n")
        case _:
            _refuse(value)


def _refuse(value: object) -> None:
    assert value is NO_REPLY, f"{value!r} is no reply"


def error_line(error: ReplyError) -> bytes:
    """An error as a line of its own."""
    return b"-%b\r\n" % one_line(error.text)


def one_line(text: str) -> bytes:
    """CR and LF never pass into a simple reply, whoever wrote them (CVE-2025-67733)."""
    line = text.encode("latin-1", "replace")
    return line.replace(b"\r", b" ").replace(b"\n", b" ") if b"\r" in line or b"\n" in line else line


def to_bytes(value: object, resp: int = 2) -> bytes:
    """The whole reply as bytes."""
    parts: list[bytes] = []
    encode(value, resp, parts.append)
    return b"".join(parts)


def encode_request(args: list[bytes]) -> bytes:
    """A command as an array of bulk strings: how the journal, the stream to replicas and the AOF hold it."""
    return encode_requests([args])


def request_size(args: list[bytes]) -> int:
    """How many bytes a command is as an array of bulk strings."""
    return len(b"*%d\r\n" % len(args)) + sum(bulk_size(len(arg)) for arg in args)


def bulk_size(length: int) -> int:
    """How many bytes a string of this length is as a bulk string."""
    return len(b"$%d\r\n" % length) + length + len(CRLF)


def encode_requests(requests: Iterable[list[bytes] | bytes]) -> bytes:
    """Several commands; bytes are some that are encoded already."""
    parts: list[bytes] = []
    for args in requests:
        if isinstance(args, bytes):
            parts.append(args)
            continue
        count = len(args)
        parts.append(ARRAYS[count] if count < 1024 else b"*%d\r\n" % count)
        for arg in args:
            length = len(arg)
            parts += (LENGTHS[length] if length < 1024 else b"$%d\r\n" % length, arg, CRLF)
    return b"".join(parts)
