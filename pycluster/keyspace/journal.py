"""What is to be written down: every change of the data, as commands, for the AOF and for replicas.

A command that changed something is recorded as it was received, or as what it says is to be recorded instead of
itself (SPOP → SREM, EX → PXAT); keys that expired or were evicted on the way get a DEL *before* it. What one execution
(a command, an EXEC, a script) left, if it is more than one record, is wrapped in MULTI / EXEC, so that whoever replays
it sees all of it or nothing (server.c, `propagatePendingCommands`).

Records stay argument lists until the end of the turn of the event loop; then they are encoded once and handed to all
listeners. Nothing is kept while nobody listens, but changes are counted all the same (`save` points, INFO).
"""

from collections.abc import Callable
from typing import Any

from pycluster.protocol.replies import encode_request

Record = list[bytes]

MULTI: Record = [b"MULTI"]
EXEC: Record = [b"EXEC"]


class Journal:
    """The records of one server, from the command that causes them to the listeners that keep them.

    `dirty` counts the changes of the command that is running; `early` holds the DELs of keys found expired by it.
    `due` is called once when the first record of a turn comes in, so that somebody calls `flush` at the turn's end.
    """

    __slots__ = ("changes", "dirty", "early", "instead", "listeners", "writers", "_due", "_pending", "_unit",
                 "_selected")  # fmt: skip

    def __init__(self, due: Callable[[], None] = lambda: None) -> None:
        self.changes = 0  # ever; INFO rdb_changes_since_last_save is a difference of these
        self.dirty = 0
        self.early: list[tuple[int, Record]] = []
        self.instead: list[Record] | None = None
        self.listeners: list[Callable[[bytes], None]] = []
        self.writers: dict[Any, None] = {}  # who has written in this turn: WAIT asks where in the stream that ended
        self._due = due
        self._pending: list[tuple[int, Record]] = []
        self._unit: list[tuple[int, Record]] | None = None
        self._selected = -1

    def record_instead(self, *args: bytes) -> None:
        """The running command is to be recorded as this; called again, as this and that."""
        if self.instead is None:
            self.instead = []
        self.instead.append(list(args))

    def record_nothing(self) -> None:
        """The running command's changes are to leave no record (they are nobody else's business)."""
        self.instead = []

    def commit(self, index: int, args: Record) -> None:
        """The command received as `args`, on database `index`, is done: takes its records."""
        if not self.listeners:
            self.changes += self.dirty
            self.dirty = 0
            self.early.clear()
            self.instead = None
            return
        records, self.early = self.early, []
        if self.dirty:
            self.changes += self.dirty
            self.dirty = 0
            if self.instead is None:
                records.append((index, args))
            else:
                records += [(index, record) for record in self.instead]
        self.instead = None
        if records:
            self._add(records)

    def forget(self) -> None:
        """The command failed before it changed anything: what it asked to be recorded is void; what expired is not."""
        self.instead = None

    def begin_unit(self) -> None:
        """From here to `end_unit` all commands are one execution (EXEC, a script)."""
        self._unit = []

    def end_unit(self) -> None:
        """The execution is over: its records go out as one."""
        unit, self._unit = self._unit, None
        if unit:
            self._add(unit)

    def append(self, index: int, *args: bytes) -> None:
        """A record that no command caused: an expired or evicted key, a PING to replicas, a slot's keys dropped."""
        if self.listeners:
            self._add([(index, list(args))])

    def _add(self, records: list[tuple[int, Record]]) -> None:
        if self._unit is not None:
            self._unit += records
            return
        if not self._pending:
            self._due()
        if len(records) > 1:
            index = records[0][0]
            self._pending += [(index, MULTI), *records, (records[-1][0], EXEC)]
        else:
            self._pending += records

    @property
    def selected(self) -> int:
        """The database that the last record belongs to; -1: the next record will say its own."""
        return self._selected

    def start_over(self) -> None:
        """A new listener knows of no SELECT yet: the next record says its database again."""
        self._selected = -1

    def flush(self) -> None:
        """Encodes what the turn recorded, once, and hands it to every listener."""
        if not self._pending:
            self.writers.clear()
            return
        pending, self._pending = self._pending, []
        if not self.listeners:
            return
        parts = []
        for index, args in pending:
            if index != self._selected:
                self._selected = index
                parts.append(encode_request([b"SELECT", b"%d" % index]))
            parts.append(encode_request(args))
        stream = b"".join(parts)
        for listener in self.listeners:
            listener(stream)
        self.writers.clear()
