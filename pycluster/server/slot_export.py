"""A source's connection to the target of a migration of slots: commands go out, words of the protocol come back.

The slots are read in slices, as fast as the target takes them: between two slices everybody else has a turn.
"""

import asyncio
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import hiredis

from pycluster.persistence.slot_stream import SlotStream
from pycluster.protocol.replies import encode_request
from pycluster.slot_migration.job import Job

SLICE_S = 0.001
MUCH = 1 << 20  # bytes on their way: no more is read of the slots until the target has taken them


class Export(asyncio.Protocol):
    """One job's. `part` is the server's SlotMigrations, which hears of what happens."""

    def __init__(self, part: Any, job: Job) -> None:
        self._part = part
        self._job = job
        self._transport: Any = None
        self._reader = hiredis.Reader()
        self._stream: SlotStream | None = None
        self._pieces: Iterator[bytes] | None = None
        self._is_behind = False
        self._is_closed = False

    # What the loop says

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._is_closed:
            transport.abort()
            return
        transport.set_write_buffer_limits(high=MUCH)
        self._part.connected(self._job)

    def data_received(self, received: bytes) -> None:
        self._reader.feed(received)
        try:
            while not self._is_closed and (said := self._reader.gets()) is not False:
                self._part.heard(self._job, said)
        except hiredis.ProtocolError:
            self._part.lost(self._job)

    def connection_lost(self, problem: Exception | None) -> None:
        if not self._is_closed:
            self._part.lost(self._job)
        self.stop_stream()

    def pause_writing(self) -> None:
        self._is_behind = True

    def resume_writing(self) -> None:
        self._is_behind = False
        self._pump_soon()

    # What the job wants

    def send(self, args: tuple[bytes, ...]) -> None:
        self._write(encode_request(list(args)))

    def begin_stream(self, stream: SlotStream) -> None:
        """Sends the slots, and then tells that all are sent; changes go on to be sent."""
        self._stream = stream
        self._pieces = stream.read()
        self._pump_soon()

    def stop_stream(self) -> None:
        """No change belongs to the target any more."""
        self._pieces = None
        if self._stream is not None:
            self._stream.close()

    def close(self) -> None:
        self._is_closed = True
        self.stop_stream()
        if self._transport is not None:
            self._transport.abort()

    @property
    def waiting(self) -> int:
        """Bytes that have not left yet."""
        written = self._transport.get_write_buffer_size() if self._transport is not None else 0
        return int(written) + (self._stream.later_bytes if self._stream is not None else 0)

    def take_changes(self, changes: bytes) -> None:
        """Changes of slots that were sent before; or none, but there are more that will have to be sent."""
        if changes:
            self._write(changes)
        if self._part.is_too_much(self.waiting):
            self._part.soon(self._part.lost, self._job)  # not now: the journal is calling its listeners

    # Inside

    def _write(self, raw: bytes) -> None:
        if not self._is_closed and self._transport is not None:
            self._transport.write(raw)
            self._part.count_sent(len(raw))

    def _pump_soon(self) -> None:
        if self._pieces is not None:
            self._part.soon(self._pump)

    def _pump(self) -> None:
        """Reads and sends for a moment."""
        end = perf_counter() + SLICE_S
        while self._pieces is not None and not self._is_behind:
            try:
                piece = next(self._pieces, None)
            except Exception as problem:  # a collection is copied when its turn comes: there may be no memory for it
                self._part.cannot_read(self._job, problem)
                return
            if piece is None:
                self._pieces = None
                self._part.sent_slots(self._job)
                return
            if piece:
                self._write(piece)
            if perf_counter() > end:
                self._pump_soon()
                return
