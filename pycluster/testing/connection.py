"""A small blocking client: enough to ask a node a question, and no more.

It speaks RESP through hiredis and depends on no client library, so that tests can use whichever they like.
"""

import socket
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import hiredis

Word = bytes | str | int | float

ON_THEIR_WAY = 100  # requests of a batch whose replies have not been read yet


class Connection:
    """One connection to one server. `ask` is a request and its reply; an error reply is raised."""

    def __init__(self, host: str, port: int, timeout_s: float = 10.0):
        self.socket = socket.create_connection((host, port), timeout_s)
        self.reader = hiredis.Reader()

    def ask(self, *words: Word) -> Any:
        self.send(*words)
        reply = self.receive()
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def ask_all(self, requests: Iterable[Sequence[Word]]) -> list[Any]:
        """Many requests, many of them on their way at the same time, and their replies; an error reply is raised."""
        waiting, replies = iter(requests), []
        while batch := list(islice(waiting, ON_THEIR_WAY)):
            self.socket.sendall(b"".join(pack_request(*words) for words in batch))
            replies += [self.receive() for _ in batch]
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise reply
        return replies

    def send(self, *words: Word) -> None:
        self.socket.sendall(pack_request(*words))

    def receive(self) -> Any:
        """The next reply; an error reply is returned, not raised."""
        while (reply := self.reader.gets()) is False:
            received = self.socket.recv(65536)
            if not received:
                raise ConnectionError("the server closed the connection")
            self.reader.feed(received)
        return reply

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pack_request(*words: Word) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)
