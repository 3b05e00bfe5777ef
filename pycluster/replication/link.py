"""The connection to a primary: bytes in, bytes out, and the client in whose name its commands run."""

import asyncio
from collections.abc import Callable
from typing import Any


class PrimaryLink(asyncio.Protocol):
    """Hands what arrives to `receive`, and says by `lost` that the connection is no more; a link that was closed here
    says nothing any more. To the server it is its client's link, on which replies are not wanted."""

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._transport: Any = None
        self._closed = False

    # What the event loop says

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._closed:
            transport.abort()  # it came too late

    def data_received(self, piece: bytes) -> None:
        if not self._closed:
            self._receive(piece)

    def connection_lost(self, problem: Exception | None) -> None:
        if not self._closed:
            self._closed = True
            self._lost()

    # For the replica

    def send_bytes(self, raw: bytes) -> None:
        if not self._closed:
            self._transport.write(raw)

    def pause_reading(self) -> None:
        if not self._closed:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._closed:
            self._transport.resume_reading()

    # For the server, as the client's link

    def send(self, reply: object) -> None:
        """A primary gets no replies."""

    def resume(self) -> None:
        """Its commands never wait."""

    def close(self, after_replies: bool = False) -> None:
        """Asked for by the server (CLIENT KILL): the link is lost like any other."""
        if self._transport is not None and not self._closed:
            self._transport.abort()

    def drop(self, after_writes: bool = False) -> None:
        """The replica has no use for this link any more: nothing of it is heard again. `after_writes`: what it has said
        last is still to arrive."""
        self._closed = True
        if self._transport is not None:
            (self._transport.close if after_writes else self._transport.abort)()

    def check_output(self) -> None:
        """What it is sent is little, and it is never behind."""

    def authenticated(self, is_so: bool = True) -> None:
        """A primary needs no password."""

    @property
    def address(self) -> str:
        return self._shown("peername")

    @property
    def local_address(self) -> str:
        return self._shown("sockname")

    def _shown(self, end: str) -> str:
        address = self._transport.get_extra_info(end) if self._transport is not None else None
        return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "?:0"

    def held_input(self) -> int:
        return 0

    def held_output(self) -> int:
        return int(self._transport.get_write_buffer_size()) if self._transport is not None else 0

    @property
    def file_number(self) -> int:
        socket = self._transport.get_extra_info("socket") if self._transport is not None else None
        return socket.fileno() if socket is not None else -1
