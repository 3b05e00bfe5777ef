"""One client's connection: bytes in, replies out.

Bytes are turned into requests, and each request is executed; the replies are collected and leave together at the end
of the turn. A request that comes alone, as from a client that waits for each reply, goes a road of its own (`receive`).

Three things keep a greedy client from hurting others: a batch is bounded (after REQUESTS_A_TURN or BYTES_A_TURN the
connection lets others go first, and is not read meanwhile), requests stay unread while a client does not take its
replies, and one that never takes them is dropped at its output limit.

A connection runs its requests only while nothing holds it (`_hold`): a command that waits, a pause, a peer that is
behind, a close. What arrives meanwhile stays in the reader, so that the end of the connection is still noticed.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns, time
from types import MethodType
from typing import Any

import hiredis

from pycluster.protocol.errors import ProtocolError, ReplyError
from pycluster.protocol.replies import CRLF, INTEGERS, LENGTHS, NO_REPLY, OK, Push, encode, encode_all, error_line
from pycluster.protocol.requests import RequestReader
from pycluster.server.blocking import BLOCKED, POSTPONED
from pycluster.server.client import CLOSING as GONE
from pycluster.server.client import FROM_PRIMARY, IS_REPLICA, MUTED, SKIPPING, UNAUTHENTICATED
from pycluster.server.limits import Arrears
from pycluster.server.server import Server
from pycluster.server.statistics import WALL_CLOCK_EVERY_NS

REQUESTS_A_TURN = 1000
BYTES_A_TURN = 1024 * 1024
WORTH_TAKING = 4  # requests of a chunk from which on it is cheaper to look whether the journal may have it as it is
FAR_BEHIND = 1024 * 1024  # bytes of replies not taken: no more requests are read until they are
MUCH = 16 * 1024  # replies of a turn beyond which the output limit is looked at; cron looks each second anyway

# What holds a connection's requests back
WAITING = 1  # its command blocks
PAUSED = 2  # a request was postponed, and kept
BEHIND = 4  # the peer does not take its replies
YIELDED = 8  # it has had its share of this turn
CLOSING = 16
RESUMING = 32  # what has arrived runs in the next turn

_join = b"".join

Receive = Callable[["Connection", bytes], None]


def connections_of(server: Server) -> Callable[[], "Connection"]:
    """What makes the connections of one server."""
    return partial(Connection, server, _build_receive(server))


def _build_receive(server: Server) -> Receive:
    """What the connections of one server do with bytes that arrive.

    Like `execute` it is bought: the road of a request that comes alone, from clients that wait for each reply, with
    what it reads in local names. What is rare leaves it at once.
    """
    execute = server.execute
    statistics = server.statistics
    timing, clock = server.timing, server.clock
    journal = server.journal
    turn = server.turn
    outlets = turn.outlets
    now_ns = perf_counter_ns

    def receive(connection: Connection, chunk: bytes) -> None:
        """Takes bytes as received. A request that is all there is runs at once."""
        statistics.reads += 1
        statistics.net_input += len(chunk)
        if connection._hold or (args := connection._reader.take_single(chunk)) is None:
            connection.take_chunk(chunk)
            return
        timing.then = started = now_ns()
        if started > timing.wall_due:
            timing.wall_due = started + WALL_CLOCK_EVERY_NS
            clock.now = int(time() * 1000)
        client = connection._client
        client.last_active_ms = clock.now
        resp = client.resp  # a reply may say that the next one speaks another
        server.running = connection
        reply: Any = execute(client, args)
        server.running = None
        if journal.listeners:
            journal.take_single(args, chunk)
        kind = reply.__class__
        if kind is bytes and (length := len(reply)) < 1024:
            raw = LENGTHS[length] + reply + CRLF
        elif kind is int and 0 <= reply < 10000:
            raw = INTEGERS[reply]
        elif reply == "OK":
            raw = OK
        else:
            connection.take_long_reply(reply, resp, args)
            return
        if connection._out or connection._hold:
            connection.take_reply(raw)
            return
        if not outlets:
            turn.schedule()
        outlets.append((connection._write, raw))
        statistics.net_output += len(raw)

    return receive


class Connection(asyncio.Protocol):
    """The protocol object that uvloop talks to; for the server it is the client's `link`."""

    __slots__ = ("_server", "_client", "_transport", "_write", "_reader", "_out", "_hold", "_postponed", "_arrears",
                 "_is_behind", "_when_taken", "data_received")  # fmt: skip

    def __init__(self, server: Server, receive: Receive) -> None:
        self._server = server
        self.data_received = MethodType(receive, self)  # type: ignore[method-assign]  # what uvloop asks for
        self._out: list[bytes] = []  # replies that leave at the turn's end: from the first one on, the turn knows
        self._hold = 0
        self._postponed: list[bytes] | None = None  # a request to be run again; something holds us meanwhile
        self._is_behind = False  # is much of what was sent not taken?
        self._when_taken: Callable[[], None] | None = None

    # What uvloop says (and bytes: `receive`)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._write = transport.write
        server = self._server
        refusal = server.refuse_connection(self)
        if refusal is not None:
            self._hold |= CLOSING
            del self.data_received
            transport.set_protocol(asyncio.Protocol())  # which does nothing: this is nobody's client
            transport.write(error_line(refusal))
            transport.close()
            return
        client = server.new_client(self)
        self._client = client
        self._reader = RequestReader(server.config.proto_max_bulk_len, bool(client.gate & UNAUTHENTICATED))
        self._arrears = Arrears()
        transport.set_write_buffer_limits(high=FAR_BEHIND)

    def eof_received(self) -> bool:
        """Nothing more will come: the connection ends, but what was answered before still leaves."""
        self.close(after_replies=True)
        return True

    def connection_lost(self, problem: Exception | None) -> None:
        self._hold |= CLOSING
        self._server.drop_client(self._client)
        self._out.clear()
        del self._client, self.data_received  # they held each other, and no collector is to be waited for

    def pause_writing(self) -> None:
        self._is_behind = True
        if self._client.gate & IS_REPLICA:
            return  # what it acknowledges is wanted even now
        self._hold |= BEHIND
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_behind = False
        waiting, self._when_taken = self._when_taken, None
        if waiting is not None:
            waiting()
        if self._hold & BEHIND and not self._hold & CLOSING:
            self._hold &= ~BEHIND
            self._transport.resume_reading()
            self._run_soon()

    # The batch

    def take_chunk(self, chunk: bytes) -> None:
        """What has arrived is not one request alone, or has to wait."""
        server, reader = self._server, self._reader
        is_first = reader.idle and self._postponed is None
        reader.feed(chunk)
        if not self._hold:
            self._run(chunk if is_first else None)
        if not reader.idle and reader.held() > server.config.client_query_buffer_limit:
            server.log.warning(f"Closing client that reached max query buffer length: {server.describe(self._client)}")
            self.close()

    def take_reply(self, raw: bytes) -> None:
        """Takes a reply that leaves behind what else this client has been sent in this turn, or is its last."""
        self._expect_replies()
        self._out.append(raw)

    def take_long_reply(self, reply: Any, resp: int, args: list[bytes]) -> None:
        """Takes the reply to a request that came alone, if it is not of the shortest kinds."""
        self._expect_replies()
        if reply.__class__ is list:
            encode(reply, resp, self._out.append)
        else:
            self._take_rare(reply, args)

    def _expect_replies(self) -> None:
        """The turn's end will ask for what is put into `_out`: to be said in front of the first reply."""
        if not self._out:
            self._server.turn.hold(self)

    def _run(self, chunk: bytes | None = None) -> None:
        """Executes the requests that have arrived, until one is missing bytes or something holds the connection.

        A chunk is handed in if it is all there is to read: the journal may take it as it is.
        """
        server, client = self._server, self._client
        execute = server.execute
        server.running = self
        reader, out = self._reader, self._out
        gets = reader.gets
        journal = server.journal
        mark = journal.mark() if chunk is not None and journal.listeners else None
        text = b""
        timing = server.timing
        timing.then = started = perf_counter_ns()
        if started > timing.wall_due:
            timing.wall_due = started + WALL_CLOCK_EVERY_NS
            server.clock.now = int(time() * 1000)
        client.last_active_ms = server.clock.now
        resp = client.resp
        budget = REQUESTS_A_TURN
        size_limit = BYTES_A_TURN
        had_none = not out
        args: Any
        while True:
            if self._postponed is not None:
                args, self._postponed = self._postponed, None
            else:
                try:
                    args = gets()
                    is_odd = args.__class__ is not list or not ((text := _join(args)) or args)
                except (TypeError, hiredis.ProtocolError):
                    args, is_odd = None, True
                if is_odd:
                    try:
                        args = reader.second_look(args)
                    except ProtocolError as error:
                        self._refuse_bytes(error)
                        break
                    if args is None:
                        if reader.waits:
                            size_limit = 0  # the rest of it is looked at in another turn
                        break
                    gets = reader.gets
            if mark is not None and 13 in text:
                mark = None
            reply = execute(client, args)
            kind = reply.__class__
            if kind is bytes:
                length = len(reply)  # type: ignore[arg-type]
                if length < 1024:
                    out += (LENGTHS[length], reply, CRLF)  # type: ignore[arg-type]
                else:
                    out += (b"$%d\r\n" % length, reply, CRLF)  # type: ignore[arg-type]
                    size_limit -= length
            elif kind is int:
                out.append(INTEGERS[reply] if 0 <= reply < 10000 else b":%d\r\n" % reply)  # type: ignore
            elif reply == "OK":
                out.append(OK)
            elif kind is list:
                before = len(out)
                encode(reply, resp, out.append)
                size_limit -= sum(map(len, out[before:]))
            else:
                size = self._take_rare(reply, args)
                if size is None:
                    break
                size_limit -= size
            budget -= 1
            if budget <= 0 or size_limit <= 0:
                break
            resp = client.resp
        server.running = None
        requests = REQUESTS_A_TURN - budget
        if requests >= WORTH_TAKING and mark is not None and chunk is not None and reader.has_read_whole(chunk):
            journal.take_verbatim(mark, chunk, requests)
        if had_none and out:
            server.turn.hold(self)
        if budget <= 0 or size_limit <= 0:
            self.yield_turn()  # behind the turn's end: the replies so far leave first

    def _take_rare(self, reply: object, args: list[bytes]) -> int | None:
        """Takes a reply that is not of the ordinary kinds: how many bytes it is; None if the batch must end here."""
        if reply is BLOCKED:
            self._hold |= WAITING
            encode_all(self._server.pushes, self._client.resp, self._out.append)
            self._server.pushes.clear()
            return None
        if reply is POSTPONED:
            self._postponed = args
            self._hold |= PAUSED
            self._server.pause.postpone(self._client)
            return None
        before = len(self._out)
        if reply is not NO_REPLY:
            encode(reply, self._client.resp, self._out.append)
        return None if self._hold else sum(map(len, self._out[before:]))

    def yield_turn(self) -> None:
        """Others go first: the rest of what has arrived runs in the next turn."""
        if self._hold & (YIELDED | CLOSING):
            return
        self._hold |= YIELDED
        self._transport.pause_reading()
        self._server.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._hold &= ~YIELDED
        if self._hold & CLOSING:
            return
        if not self._hold & BEHIND:
            self._transport.resume_reading()
        if not self._hold:
            self._run()

    def _refuse_bytes(self, error: ProtocolError) -> None:
        """What arrived is no request. The client is told, and nothing it sent behind is looked at."""
        if self._hold & CLOSING:
            return
        server = self._server
        server.log.verbose(f"Protocol error ({error}) from client: {server.describe(self._client)}")
        if not self._client.gate & (FROM_PRIMARY | MUTED | SKIPPING):
            encode(ReplyError(f"ERR Protocol error: {error}"), 2, self._out.append)
        self.close(after_replies=True)

    # What the server asks of it (server.client.Link)

    def send(self, reply: object) -> None:
        if self._hold & CLOSING or reply is NO_REPLY:
            return
        gate = self._client.gate
        if gate & (MUTED | SKIPPING) and reply.__class__ is not Push:
            self._client.down(SKIPPING)
            return
        if self._server.running is self and reply.__class__ is Push:
            self._server.pushes.append(reply)
            return
        self._expect_replies()
        encode(reply, self._client.resp, self._out.append)

    def send_bytes(self, raw: bytes) -> None:
        """Bytes as they are: the replication stream."""
        if self._hold & CLOSING:
            return
        if not self._out:
            self._server.turn.hold(self, first=True)
        self._out.append(raw)

    def when_taken(self, go_on: Callable[[], None]) -> None:
        """Calls once when the peer has taken most of what it was sent: for who sends much, piece by piece."""
        if self._is_behind:
            self._when_taken = go_on
        else:
            self._server.loop.call_soon(go_on)

    def resume(self) -> None:
        self._hold &= ~(WAITING | PAUSED)
        self._run_soon()

    def _run_soon(self) -> None:
        """What has arrived runs in the next turn, unless something holds it."""
        if self._hold:
            return
        self._hold |= RESUMING
        self._server.loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._hold &= ~RESUMING
        if not self._hold:
            self._run()

    def close(self, after_replies: bool = False) -> None:
        if self._hold & CLOSING:
            return
        self._hold |= CLOSING
        self._client.up(GONE)
        if after_replies:
            self._expect_replies()
        else:
            self._out.clear()
            self._transport.abort()

    def flush(self, nothing: bytes) -> None:
        """The turn's end: the replies leave in one write."""
        raw = _join(self._out)
        self._out.clear()
        if raw:
            if self._client.gate & IS_REPLICA:
                self._server.statistics.replication_output += len(raw)
                self._write_now(raw)
            else:
                self._server.statistics.net_output += len(raw)
                self._write(raw)
            if self._is_behind or len(raw) > MUCH:
                self.check_output()
        if self._hold & CLOSING:
            self._transport.close()

    def _write_now(self, stream: bytes) -> None:
        """The stream leaves before any reply does: a client that was told OK, and a replica that has not got the write,
        is what a kill -9 must not find. (The transport writes when the loop has nothing else to do, in any order.)"""
        taken = 0
        if not self._transport.get_write_buffer_size():
            try:
                taken = os.write(self.file_number, stream)
            except OSError:
                pass  # full, or gone: the transport finds out
        if taken < len(stream):
            self._transport.write(stream[taken:])

    def check_output(self) -> None:
        """Drops a client that is too far behind for its class (client-output-buffer-limit)."""
        waiting = self._transport.get_write_buffer_size()
        if waiting and self._arrears.exceed(self._server.output_limits(self._client), waiting, self._server.wall_ms()):
            self._server.log.warning(
                f"Client {self._server.describe(self._client)} scheduled to be closed ASAP for overcoming of output "
                "buffer limits."
            )
            self._server.statistics.output_limit_disconnections += 1
            self._hold |= CLOSING
            self._transport.abort()

    def authenticated(self, is_so: bool = True) -> None:
        """Who has given its password may send requests as large as anybody's."""
        self._reader.pin_strict(not is_so, unauthenticated=not is_so)

    @property
    def address(self) -> str:
        return _text_of_address(self._transport.get_extra_info("peername"))

    @property
    def local_address(self) -> str:
        return _text_of_address(self._transport.get_extra_info("sockname"))

    @property
    def file_number(self) -> int:
        """The socket's descriptor (CLIENT LIST's fd)."""
        sock = self._transport.get_extra_info("socket")
        return sock.fileno() if sock is not None else -1

    def join_packets(self) -> None:
        """Fewer packets, each somewhat later (repl-disable-tcp-nodelay)."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)

    @property
    def transport(self) -> Any:
        """For who takes the connection over: a replica's, a link to the primary."""
        return self._transport

    def held_input(self) -> int:
        return self._reader.held()

    def held_output(self) -> int:
        return sum(map(len, self._out)) + int(self._transport.get_write_buffer_size())


def _text_of_address(address: Any) -> str:
    if not isinstance(address, tuple):
        return "?:0"
    host = address[0]
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"
