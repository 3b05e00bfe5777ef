"""What a server propagates: a raw replica that reads its stream, and what each line of a dialogue left in it.

The replica asks for everything (PSYNC ? -1), throws the snapshot away, and from then on keeps the stream. After each
line the server says in INFO how long its stream is and how many changes it has counted, so nothing here waits for what
may never come.

What two servers cannot have in common is taken out: PINGs and GETACKs, and a few seconds between two moments.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from pycluster.testing import Connection, Node
from pycluster.testing.connection import pack_request
from pycluster.testing.node import parse_fields
from tests.differential.dialogue import Line, Step, empty, perform, read_dialogue
from tests.differential.frames import Incomplete, frame_end, parse_frame

Request = list[bytes]

EOF_MARK_LENGTH = 40
ACKNOWLEDGE_EVERY_S = 0.1
SILENCE_AFTER_S = 10.0
CLOCKS_APART_MS = 60_000

_MOMENT = re.compile(rb"(\d{13})(-\d+)?").fullmatch  # milliseconds since 1970; the ID of a stream's entry begins so


@dataclass(slots=True)
class Effect:
    """What one line of a dialogue left."""

    line: str
    changes: int  # how much it added to rdb_changes_since_last_save
    records: list[Request] = field(default_factory=list)
    events: list[str] = field(default_factory=list)  # of keys: "set a", "expire a"

    def __str__(self) -> str:
        return f"{self.changes:+d} " + "; ".join(b" ".join(record).decode("latin-1") for record in self.records)


class RawReplica:
    """A replica that applies nothing. The stream is read as requests, each in the one way in which Redis writes it."""

    def __init__(self, node: Node, streamed_file: bool = False):
        self._received = bytearray()
        self._socket = socket.create_connection((node.host, node.port), ACKNOWLEDGE_EVERY_S)
        self.offset = 0
        for words in [("REPLCONF", "capa", "eof")] * streamed_file + [("PSYNC", "?", "-1")]:
            self._socket.sendall(pack_request(*words))
            answer = self._read_line()
        name, _, offset = answer.split()
        assert name == b"+FULLRESYNC", answer
        self.offset = int(offset)
        self._skip_snapshot()
        self._acknowledge()

    def read_to(self, offset: int) -> list[Request]:
        """The requests up to this offset of the stream, which the server says it has reached."""
        stream = self._take(offset - self.offset)
        self.offset = offset
        return [request for request in _requests(stream) if not _is_idle_talk(request)]

    def close(self) -> None:
        self._socket.close()

    def _skip_snapshot(self) -> None:
        line = b""
        while not line:  # newlines come while it is being made
            line = self._read_line()
        if not line.startswith(b"$EOF:"):
            self._take(int(line[1:]))
            return
        mark = line.removeprefix(b"$EOF:")
        assert len(mark) == EOF_MARK_LENGTH
        while (at := self._received.find(mark)) < 0:
            self._receive()
        del self._received[: at + EOF_MARK_LENGTH]

    def _read_line(self) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            self._receive()
        return self._take(end + 1).strip()

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._receive()
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _receive(self) -> None:
        deadline = monotonic() + SILENCE_AFTER_S
        while True:
            try:
                piece = self._socket.recv(65536)
                break
            except TimeoutError:
                # Behind a streamed snapshot the stream begins when the server, done with its child, hears of us.
                assert monotonic() < deadline, "the server has more to send, and does not"
                self._acknowledge()
        assert piece, "the server has closed the replica's connection"
        self._received += piece

    def _acknowledge(self) -> None:
        self._socket.sendall(pack_request("REPLCONF", "ACK", self.offset))


class EventListener:
    """A subscriber to all events of all keys."""

    def __init__(self, node: Node):
        node.ask("CONFIG", "SET", "notify-keyspace-events", "EAmn")
        self._connection = node.connect()
        self._connection.ask("PSUBSCRIBE", "__keyevent@*__:*")

    def events(self) -> list[str]:
        """What has happened since."""
        self._connection.send("PING")
        found = []
        while (message := self._connection.receive())[0] == b"pmessage":
            found.append(f"{message[2].decode().partition(':')[2]} {message[3].decode('latin-1')}")
        return found

    def close(self) -> None:
        self._connection.close()


def effects(lines: Iterable[Line], node: Node, streamed_file: bool = False) -> list[Effect]:
    """What each line of a dialogue leaves in a server that is empty; where it names no database yet."""
    found: list[Effect] = []
    with node.connect() as control:
        empty(control)
        replica = RawReplica(node, streamed_file)
        listener = EventListener(node)
        try:
            changes, _ = _counts(control)

            def take(step: Step) -> None:
                nonlocal changes
                events = listener.events()
                before = changes
                changes, offset = _counts(control)
                records = replica.read_to(offset)
                if step.tag == "unordered":
                    records.sort()
                    events.sort()
                found.append(Effect(step.text, changes - before, records, events))

            perform(read_dialogue(lines), node, 2, control, take)
        finally:
            listener.close()
            replica.close()
    return found


def as_since_7_2(effect: Effect) -> Effect:
    """What Redis 7.0 left, with SELECT where it stands since 7.2: inside of the transaction, not in front of it."""
    match effect.records:
        case [[b"SELECT", _] as select, [b"MULTI"], *others]:
            return Effect(effect.line, effect.changes, [[b"MULTI"], select, *others])
    return effect


def differences(theirs: list[Effect], ours: list[Effect], expected: dict[str, str]) -> Iterator[str]:
    """The lines that left another thing with us. `expected` says what we leave where Redis 7.0 is not like 7.2."""
    unused = set(expected) - {effect.line for effect in theirs}
    assert not unused, f"differences of lines that are not in the dialogue: {unused}"
    for their, our in zip(theirs, ours, strict=True):
        if their.line in expected:
            if _timeless(str(our)) != _timeless(expected[their.line]) or are_alike(their, our):
                yield f"  {their.line}\n    expected: {expected[their.line]}\n    redis: {their}\n    ours:  {our}"
        elif not are_alike(their, our):
            yield f"  {their.line}\n    redis: {their}\n    ours:  {our}"


def _timeless(text: str) -> str:
    return re.sub(r"\b\d{13}\b", "<now>", text)


def event_differences(theirs: list[Effect], ours: list[Effect]) -> Iterator[str]:
    """The lines of which we tell other events."""
    for their, our in zip(theirs, ours, strict=True):
        if their.events != our.events:
            yield f"  {their.line}\n    redis: {'; '.join(their.events)}\n    ours:  {'; '.join(our.events)}"


def are_alike(theirs: Effect, ours: Effect) -> bool:
    return (
        theirs.changes == ours.changes
        and len(theirs.records) == len(ours.records)
        and all(map(_are_equal, theirs.records, ours.records))
    )


def _are_equal(theirs: Request, ours: Request) -> bool:
    return len(theirs) == len(ours) and all(map(_are_equal_words, theirs, ours))


def _are_equal_words(theirs: bytes, ours: bytes) -> bool:
    if theirs == ours:
        return True
    their, our = _MOMENT(theirs), _MOMENT(ours)
    if their is None or our is None or their[2] != our[2]:
        return False
    return abs(int(their[1]) - int(our[1])) < CLOCKS_APART_MS


def _counts(control: Connection) -> tuple[int, int]:
    """(changes since the last save, length of the stream), of one moment."""
    fields = parse_fields(control.ask("INFO"))
    return int(fields["rdb_changes_since_last_save"]), int(fields["master_repl_offset"])


def _requests(stream: bytes) -> Iterator[Request]:
    while stream:
        try:
            end = frame_end(stream)
        except Incomplete:
            raise AssertionError(f"the stream ends within a request: {stream!r}") from None
        request = [part.text for part in parse_frame(stream[:end]).parts]
        assert pack_request(*request) == stream[:end]
        yield request
        stream = stream[end:]


def _is_idle_talk(request: Request) -> bool:
    return request[0].upper() == b"PING" or request[:2] == [b"REPLCONF", b"GETACK"]
