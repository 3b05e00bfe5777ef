"""What is to be written down: every change of the data, as commands, for the AOF and for replicas.

A command that changed something is recorded as it was received, or as what it says is to be recorded instead of
itself (SPOP → SREM, EX → PXAT); keys that expired or were evicted on the way get a DEL *before* it. What one execution
(a command, an EXEC, a script) left, if it is more than one record, is wrapped in MULTI / EXEC, so that whoever replays
it sees all of it or nothing (server.c, `propagatePendingCommands`).

Records stay argument lists until the end of the turn of the event loop; then they are encoded once and handed to all
listeners. Nothing is kept while nobody listens, but changes are counted all the same (`save` points, INFO).

Most of what a busy server records is what it has just received. So the connection marks where in the records a chunk
of requests begins (`mark`), and if in the end each of them was recorded as it came, one behind the other, the chunk
itself is the record (`take_verbatim`): nothing is to be encoded.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from pycluster.protocol.replies import encode_requests

Record: TypeAlias = list[bytes]

AS_RECEIVED = b""  # in front of a record: the name of the command, in the letters in which it came

MULTI: Record = [b"MULTI"]
EXEC: Record = [b"EXEC"]


class Message(list[bytes]):
    """A record that is no change: it goes to replicas, but no file keeps it (PUBLISH)."""

    __slots__ = ()


class Journal:
    """The records of one server, from the command that causes them to the listeners that keep them.

    `dirty` counts the changes of the command that is running; `early` holds the DELs of keys found expired by it.
    `due` is called once when the first record of a turn comes in, so that somebody calls `flush` at the turn's end.
    """

    __slots__ = ("changes", "dirty", "early", "instead", "listeners", "place", "keeper", "_due", "_pending",
                 "_unit", "_selected", "_composed", "_has_messages")  # fmt: skip

    def __init__(self, due: Callable[[], None] = lambda: None) -> None:
        self.changes = 0  # ever; INFO rdb_changes_since_last_save is a difference of these
        self.dirty = 0
        self.early: list[tuple[int, Record]] = []
        self.instead: list[Record] | None = None
        self.listeners: list[Callable[[bytes], None]] = []
        self.place = [0]  # where in the stream this turn's records end, once that is known: WAIT asks for it
        self.keeper: Callable[[bytes], None] | None = None  # which of the listeners is a file, if any
        self._due = due
        self._pending: list[Record | bytes] = []  # bytes: several records, encoded
        self._unit: list[tuple[int, Record]] | None = None
        self._selected = -1
        self._composed = 0  # how often something else was recorded than a command as received; `mark` compares
        self._has_messages = False

    def record_instead(self, *args: bytes) -> None:
        """The running command is to be recorded as this; called again, as this and that."""
        if self.instead is None:
            self.instead = []
        self.instead.append(list(args))

    def record_message(self, *args: bytes) -> None:
        """The running command is to go to replicas as it came, though it changes nothing that a file would keep."""
        self.record_anyway()
        self.instead = [Message((AS_RECEIVED, *args))]

    def record_anyway(self) -> None:
        """The running command is to be recorded even if it changes nothing; that by itself is no change."""
        self.dirty += 1
        self.changes -= 1

    def record_nothing(self) -> None:
        """The running command is not to be recorded as it came, but as `record_instead` says, or not at all."""
        if self.instead is None:
            self.instead = []

    def commit(self, index: int, args: Record) -> None:
        """The command received as `args`, on database `index`, is done: takes its records."""
        self.changes += self.dirty
        if not self.listeners:
            self.dirty = 0
            self.early.clear()
            self.instead = None
            return
        if self.dirty and self.instead is None and not self.early and self._unit is None:
            self.dirty = 0
            pending = self._pending
            if not pending:
                self._due()
            if index != self._selected:
                self._select(index)
            pending.append(args)
            return
        records, self.early = self.early, []
        if self.dirty and self.instead is None:
            records.append((index, args))
        elif self.dirty and self.instead is not None:
            for record in self.instead:
                if record[0] == AS_RECEIVED:
                    record[0] = args[0]
                records.append((index, record))
        self.dirty = 0
        self.instead = None
        if records:
            self._add(records)

    def forget(self) -> None:
        """The command failed before it changed anything: what it asked to be recorded is void; what expired is not."""
        self.instead = None

    def begin_unit(self, unit: list[tuple[int, Record]] | None = None) -> None:
        """From here to `end_unit` all commands are one execution (EXEC, a script); or it goes on, once set aside."""
        self._unit = [] if unit is None else unit

    def set_unit_aside(self) -> list[tuple[int, Record]]:
        """The execution stands still for a while; what is recorded meanwhile is not of it."""
        unit, self._unit = self._unit, None
        assert unit is not None
        return unit

    def end_unit(self) -> None:
        """The execution is over: its records go out as one."""
        unit, self._unit = self._unit, None
        if unit:
            self._add(unit)

    def append(self, index: int, *args: bytes) -> None:
        """A record that no command caused: an expired or evicted key, a slot's keys dropped."""
        if self.listeners:
            self._add([(index, list(args))])

    def _add(self, records: list[tuple[int, Record]]) -> None:
        """Takes the records of one execution, which are not, or not all, a command as received."""
        if self._unit is not None:
            self._unit += records
            return
        if not self._pending:
            self._due()
        self._composed += 1
        if len(records) > 1:
            self._pending.append(MULTI)
        for index, record in records:
            if index != self._selected:
                self._select(index)  # inside of MULTI, as Redis does since 7.2
            if record.__class__ is Message:
                self._has_messages = True
            self._pending.append(record)
        if len(records) > 1:
            self._pending.append(EXEC)

    def _select(self, index: int) -> None:
        self._selected = index
        self._composed += 1
        self._pending.append([b"SELECT", b"%d" % index])

    # Chunks of requests, recorded as they came

    def mark(self) -> tuple[int, int]:
        """Here a chunk of requests begins."""
        return len(self._pending), self._composed

    def size_since(self, mark: tuple[int, int]) -> int:
        """How many bytes of the stream have been recorded since the mark, in this turn; no command causes a SELECT."""
        records = self._pending[mark[0] :]
        return len(encode_requests(record for record in records if record[0] != b"SELECT"))

    def interrupt(self) -> None:
        """What is recorded next is not of the chunk whose requests run now: somebody else is served."""
        self._composed += 1

    def take_verbatim(self, mark: tuple[int, int], chunk: bytes, requests: int) -> None:
        """If each request of the chunk since the mark has been recorded as it came, the chunk is the record.

        Who read the chunk answers for its counts and lengths, and that no argument holds a CR. But what stands behind
        an argument nobody looks at, and a careless client may put anything there: so the ends of lines are counted.
        """
        begin, composed = mark
        records: Any = self._pending[begin:]
        if len(records) != requests or composed != self._composed:
            return
        if chunk.count(b"\r\n") == requests + 2 * sum(map(len, records)):
            self._pending[begin:] = [chunk]

    def take_single(self, args: Record, chunk: bytes) -> None:
        """The same for a chunk that is this one request, to the byte, if that was recorded last and as it came."""
        pending: Any = self._pending
        if pending and pending[-1] is args:
            pending[-1] = chunk

    # The stream

    @property
    def selected(self) -> int:
        """The database that the last record belongs to; -1: the next record will say its own."""
        return self._selected

    @property
    def has_pending(self) -> bool:
        """Is there something that the listeners have not heard of?"""
        return bool(self._pending)

    def start_over(self) -> None:
        """A new listener knows of no SELECT yet: the next record says its database again."""
        self._selected = -1

    def flush(self) -> None:
        """Encodes what the turn recorded, once, and hands it to every listener."""
        pending = self._pending
        if pending:
            self._pending = []
            first: Any = pending[0]
            stream = kept = first if len(pending) == 1 and first.__class__ is bytes else encode_requests(pending)
            if self._has_messages:
                self._has_messages = False
                kept = encode_requests(record for record in pending if record.__class__ is not Message)
            for listener in self.listeners:
                piece = kept if listener == self.keeper else stream
                if piece:
                    listener(piece)
            self.place = self.place.copy()  # what is written from now on ends elsewhere
