"""Dialogues: what several clients say to a server, written as text, and what the server answered, byte for byte.

    SET colour red              the client called main sends a request and reads the reply
    b: SUBSCRIBE news           so does another client, called b
    b: BLPOP queue 0 &          b sends a request that blocks; the dialogue goes on once the server says that it does
    b: <-                       b reads what it has been sent since
    b: => "*1\\r\\n$4\\r\\nPING\\r\\n"   b sends these bytes as they are, and reads the reply
    [unordered] SMEMBERS s      a tag says in what the replies of two servers may differ (see comparing.py)
    # a comment

Words are quoted as in redis-cli ("\\x00\\n", 'plain'); a line may also be a tuple of words. When the lines are over,
each client that can still speak sends a PING, so that nothing a server said too much goes unnoticed.
"""

import re
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from pycluster.testing import Connection, Node, wait_until
from pycluster.testing.connection import Word, pack_request
from tests.differential.frames import Incomplete, frame_end

CLOSED = b"<the server closed the connection>"
SILENCE = b"<nothing>"
SILENCE_AFTER_S = 10.0
LAST_WORD = b"is that all?"

Line = str | tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a dialogue."""

    text: str
    client: str
    tag: str
    payload: bytes  # what to send; nothing for `<-`
    blocks: bool


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    tag: str
    raw: bytes


# ---- reading a dialogue

_LINE = re.compile(r"(?:\[(?P<tag>[a-z]+)\]\s+)?(?:(?P<client>[a-z]\w*):\s+)?(?P<request>.*?)(?P<blocks>\s+&)?$", re.S)


def read_dialogue(lines: Iterable[Line]) -> list[Step]:
    steps = []
    for line in lines:
        if isinstance(line, tuple):
            steps.append(Step(repr(line), "main", "", pack_request(*line), False))
            continue
        texts = (text.strip() for text in line.splitlines())
        steps += [_read_step(text) for text in texts if text and not text.startswith("#")]
    return steps


def _read_step(text: str) -> Step:
    found = _LINE.match(text)
    assert found, text
    request = found["request"]
    if request == "<-":
        payload = b""
    elif request.startswith("=> "):
        (payload,) = split_words(request.removeprefix("=> "))
    else:
        payload = pack_request(*split_words(request))
    return Step(text, found["client"] or "main", found["tag"] or "", payload, found["blocks"] is not None)


_WORD = re.compile(r"""\s*(?: "(?P<escaped>(?:[^"\\]|\\.)*)" | '(?P<plain>[^']*)' | (?P<bare>[^\s"']\S*) )""", re.X)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.S)
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def split_words(text: str) -> list[bytes]:
    words, position = [], 0
    while position < len(text):
        found = _WORD.match(text, position)
        assert found, f"cannot split {text!r}"
        position = found.end()
        if found["escaped"] is not None:
            words.append(_ESCAPE.sub(_unescape, found["escaped"].encode()))
        else:
            words.append((found["plain"] if found["plain"] is not None else found["bare"]).encode())
    return words


def _unescape(escape: re.Match[bytes]) -> bytes:
    what = escape[1]
    if what[:1] == b"x" and len(what) == 3:
        return bytes([int(what[1:], 16)])
    return _NAMED.get(what, what)


# ---- performing it


def perform(
    steps: list[Step],
    node: Node,
    protocol: int,
    control: Connection,
    after: Callable[[Step], None] = lambda step: None,
) -> list[Answer]:
    """Say all of it to one server that is empty, and return what it answered. `after` is called behind each line."""
    clients: dict[str, _Client] = {}
    answers = []
    try:
        for step in steps:
            if step.client not in clients:
                clients[step.client] = _Client(node, protocol)
            client = clients[step.client]
            if step.blocks:
                client.block(step.payload, control)
            else:
                client.send(step.payload)
                answers.append(Answer(step.text, step.tag, client.read()))
            after(step)
        for name, client in clients.items():
            answers += [Answer(f"{name}, at the end", "", raw) for raw in client.rest()]
    finally:
        for client in clients.values():
            client.socket.close()
    return answers


class _Client:
    def __init__(self, node: Node, protocol: int):
        self.socket = socket.create_connection((node.host, node.port), SILENCE_AFTER_S)
        self.received = bytearray()
        self.waits = False
        if protocol == 3:
            self.send(pack_request("HELLO", 3))
            self.read()

    def send(self, payload: bytes) -> None:
        with suppress(ConnectionError):  # reading will say so
            self.socket.sendall(payload)

    def read(self) -> bytes:
        """The bytes of the next reply."""
        self.waits = False
        while True:
            try:
                end = frame_end(self.received)
                raw = bytes(self.received[:end])
                del self.received[:end]
                return raw
            except Incomplete:
                pass
            try:
                arrived = self.socket.recv(65536)
            except TimeoutError:
                return SILENCE
            except ConnectionError:
                return CLOSED
            if not arrived:
                return CLOSED
            self.received += arrived

    def block(self, payload: bytes, control: Connection) -> None:
        before = _blocked_clients(control)
        self.send(payload)
        self.waits = True
        wait_until(lambda: "the client does not block" if _blocked_clients(control) <= before else "", 5)

    def rest(self) -> list[bytes]:
        """What the server has sent that the dialogue did not read: only the answer to a last PING, most likely."""
        if self.waits:
            return []
        self.send(pack_request("PING", LAST_WORD))
        rest = [self.read()]
        # An error or a status (in MULTI) is the answer to that PING too.
        while LAST_WORD not in rest[-1] and rest[-1][:1] not in b"-+<":
            rest.append(self.read())
        return rest


def _blocked_clients(control: Connection) -> int:
    info = control.ask("INFO", "clients")
    found = re.search(rb"blocked_clients:(\d+)", info)
    assert found, info
    return int(found[1])


def empty(control: Connection) -> None:
    """Let the clients of the last dialogue go and forget its keys."""
    deadline = time.monotonic() + 10
    while b"\r\nconnected_clients:1\r\n" not in control.ask("INFO", "clients") and time.monotonic() < deadline:
        time.sleep(0.005)
    control.ask("FLUSHALL")
