"""The cluster bus on asyncio: performs what the core wants done on the disk and the network.

No rule lives here. Bytes, connections and time go to the core; its effects come back. Those on data and on the log
are handed to the server at once. The others are gathered until the end of the loop's turn; then nodes.conf is written,
once (`flush`, which the server calls before it lets its replies go), and in the next turn what was to leave leaves.

So a client has its reply before the other nodes hear of what it ordered, as in Redis. It matters when slots move: the
one who moves them tells source and bystanders himself, and who is told by an order need not sync its nodes.conf, while
who hears it on the bus must.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import cast

from pycluster.cluster import nodes_conf
from pycluster.cluster.core import Cluster
from pycluster.cluster.effects import Connect, Disconnect, Effect, Persist, Send
from pycluster.cluster.message import Message, encode
from pycluster.cluster.node import Link
from pycluster.cluster.state import TICK_MS
from pycluster.files.nodes_file import NodesFile
from pycluster.files.writer import WriteFailed

BACKLOG = 511  # as tcp-backlog's default: uvloop listens anew with what it is told


class Bus:
    def __init__(
        self,
        cluster: Cluster,
        nodes_file: NodesFile,
        perform_locally: Callable[[Effect], None],
        clock_ms: Callable[[], int],
        cannot_write: Callable[[], None],
        link_limit_bytes: int = 0,
    ) -> None:
        self.cluster = cluster
        self.link_limit_bytes = link_limit_bytes  # cluster-link-sendbuf-limit; 0: none
        self._nodes_file = nodes_file
        self._perform_locally = perform_locally
        self._clock_ms = clock_ms
        self._cannot_write = cannot_write  # called when nodes.conf cannot be saved
        self._loop = asyncio.get_running_loop()
        self._outbox: list[Connect | Disconnect | Send] = []
        self._save: Persist | None = None
        self._written: nodes_conf.Contents | None = None  # what the nodes.conf that is on the disk says
        self._is_synced = False
        self._flush_call: asyncio.Handle | None = None
        self._deliver_call: asyncio.Handle | None = None
        self._tick_call: asyncio.Handle | None = None
        self._tick_due = 0.0  # by the loop's clock (uvloop's handles do not tell)
        self._transports: dict[Link, asyncio.Transport] = {}
        self._connecting: dict[Link, asyncio.Task[None]] = {}
        self._waiting: dict[Link, list[bytes]] = {}  # for links that are not up yet
        self._servers: list[asyncio.Server] = []

    # Life

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Takes other nodes' connections on these, which are bound and listening."""
        for one in sockets:
            server = await self._loop.create_server(lambda: Connection(self, None), sock=one, backlog=BACKLOG)
            self._servers.append(server)

    def start(self) -> None:
        """Lets time pass for the core, from now on."""
        self.perform(self.cluster.tick(self._clock_ms()))

    async def close(self) -> None:
        for call in (self._tick_call, self._flush_call, self._deliver_call):
            if call:
                call.cancel()
        self._tick_call = self._flush_call = self._deliver_call = None
        for server in self._servers:
            server.close()
        for task in self._connecting.values():
            task.cancel()
        for transport in list(self._transports.values()):
            transport.abort()
        self._transports.clear()
        await asyncio.gather(*self._connecting.values(), return_exceptions=True)

    # Effects

    def perform(self, effects: list[Effect]) -> None:
        """What a verb of the core returned, whoever called it."""
        for effect in effects:
            match effect:
                case Send() | Connect() | Disconnect():
                    self._outbox.append(effect)
                case Persist(fsync):
                    self._save = Persist(fsync or (self._save is not None and self._save.fsync))
                case _:
                    self._perform_locally(effect)
        if (self._outbox or self._save) and self._flush_call is None:
            self._flush_call = self._loop.call_soon(self.flush)
        self._schedule_tick()

    def flush(self) -> None:
        """The end of a turn: nodes.conf is written. If it cannot be nothing may leave either (WriteFailed)."""
        if self._flush_call:
            self._flush_call.cancel()
            self._flush_call = None
        self._write_nodes_conf()
        if self._outbox and self._deliver_call is None:
            self._deliver_call = self._loop.call_soon(self._deliver)

    def _write_nodes_conf(self) -> None:
        if self._save is None:
            return
        fsync, self._save = self._save.fsync, None
        contents = nodes_conf.contents(self.cluster.state)
        if contents == self._written and (self._is_synced or not fsync):
            return  # the bus has told before what was ordered now, say
        try:
            self._replace_nodes_conf(contents, fsync)
        except WriteFailed:
            self._cannot_write()
            raise

    def save_anyway(self) -> None:
        """Writes nodes.conf at once, whether or not anything of it has changed; raises WriteFailed, and lives on."""
        self._replace_nodes_conf(nodes_conf.contents(self.cluster.state), fsync=True)

    def _replace_nodes_conf(self, contents: nodes_conf.Contents, fsync: bool) -> None:
        self._nodes_file.save(nodes_conf.write(self.cluster.state, contents), fsync)
        self._written, self._is_synced = contents, fsync

    def _deliver(self) -> None:
        """What was to leave leaves, and with it what has come up meanwhile."""
        self._deliver_call = None
        self._write_nodes_conf()
        outbox, self._outbox = self._outbox, []
        message: Message | None = None
        packet = b""
        for effect in outbox:
            match effect:
                case Send(link, to_send):
                    if to_send is not message:  # a broadcast is encoded once
                        message, packet = to_send, encode(to_send)
                    self._write(link, packet)
                case Connect(link, ip, port):
                    self._waiting[link] = []
                    self._connecting[link] = self._loop.create_task(self._connect(link, ip, port))
                case Disconnect(link):
                    self._disconnect(link)

    def _write(self, link: Link, packet: bytes) -> None:
        if transport := self._transports.get(link):
            transport.write(packet)
        elif link in self._waiting:
            self._waiting[link].append(packet)

    async def _connect(self, link: Link, ip: str, port: int) -> None:
        try:
            await self._loop.create_connection(lambda: Connection(self, link), ip, port)
        except OSError as error:
            self._waiting.pop(link, None)
            self.perform(self.cluster.connect_failed(link, error.strerror or str(error), self._clock_ms()))
        finally:
            self._connecting.pop(link, None)

    def _disconnect(self, link: Link) -> None:
        self._waiting.pop(link, None)
        if task := self._connecting.get(link):
            task.cancel()
        if transport := self._transports.pop(link, None):
            transport.abort()

    # What happens on connections

    def connection_made(self, link: Link | None, transport: asyncio.Transport) -> Link | None:
        """The link that the connection is; None if it is not wanted."""
        local_ip, peer_ip, peer_port = addresses(transport)
        if link is None:
            if not self.cluster.accepts():
                transport.abort()
                return None
            link = self.cluster.accepted(local_ip, peer_ip, peer_port, self._clock_ms())
            self._transports[link] = transport
            return link
        if link not in self._waiting:  # given up in the meantime
            transport.abort()
            return None
        self._transports[link] = transport
        for packet in self._waiting.pop(link):
            transport.write(packet)
        self.perform(self.cluster.connected(link, local_ip, peer_ip, peer_port, self._clock_ms()))
        return link

    def received(self, link: Link, data: bytes) -> None:
        self.perform(self.cluster.receive(link, data, self._clock_ms()))

    def connection_lost(self, link: Link) -> None:
        if self._transports.pop(link, None):
            self.perform(self.cluster.lost(link, self._clock_ms()))

    def queued_bytes(self) -> dict[Link, int]:
        return {link: transport.get_write_buffer_size() for link, transport in self._transports.items()}

    # Time

    def _schedule_tick(self) -> None:
        """The timer runs at the moment that the core wants; a verb may have brought that forward. (The limit of what
        may wait on a link is looked at in between.)"""
        delay_s = max(0, self.cluster.next_tick_ms() - self._clock_ms()) / 1000
        if self.link_limit_bytes:
            delay_s = min(delay_s, TICK_MS / 1000)
        when = self._loop.time() + delay_s
        if self._tick_call is None or when < self._tick_due - 0.001:
            if self._tick_call:
                self._tick_call.cancel()
            self._tick_due = when
            self._tick_call = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._tick_call = None
        self._enforce_limit()
        self.perform(self.cluster.tick(self._clock_ms()))

    def _enforce_limit(self) -> None:
        if not self.link_limit_bytes:
            return
        for link, queued in self.queued_bytes().items():
            if queued > self.link_limit_bytes:
                self.perform(self.cluster.overflowed(link, queued, self._clock_ms()))


class Connection(asyncio.Protocol):
    """One connection of the bus, opened by us (it has its link already) or to us."""

    def __init__(self, bus: Bus, link: Link | None) -> None:
        self._bus = bus
        self._link = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # (uvloop's transports are whole, though they are not of asyncio's class)
        self._link = self._bus.connection_made(self._link, cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        if self._link and self._link.is_open:
            self._bus.received(self._link, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._link:
            self._bus.connection_lost(self._link)


def addresses(transport: asyncio.Transport) -> tuple[str, str, int]:
    """Our IP, the peer's, and its port, as far as the socket still knows them."""
    local, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return (local[0] if local else ""), (peer[0] if peer else ""), (peer[1] if peer else 0)
