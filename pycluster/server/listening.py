"""Listening sockets: opened as `bind`, `port` and `unixsocket` say, each failure told in Redis' words.

Opening is plain system calls, done before the event loop takes anything, so that a port in use ends the start and a
CONFIG SET of `port` or `bind` can be refused at once. What becomes of a connection is the protocol factory's business:
the same sockets serve clients and the cluster bus.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Sequence

from pycluster.server.config import Config
from pycluster.server.directive_kinds import BadValue
from pycluster.server.info import Value
from pycluster.server.log import Log

NO_SUCH_FAMILY = {
    errno.ENOPROTOOPT,
    errno.EPROTONOSUPPORT,
    errno.ESOCKTNOSUPPORT,
    errno.EPFNOSUPPORT,
    errno.EAFNOSUPPORT,
}

LONGEST_KEEPALIVE_S = 32767  # the kernel takes no more (MAX_TCP_KEEPIDLE)


class CannotListen(Exception):
    """An address is not to be had; why has been logged."""


def listen_at(addresses: Sequence[str], port: int, backlog: int, log: Log) -> list[socket.socket]:
    """A socket for each address that this host has, or none and CannotListen.

    An address behind a minus may be missing, and so may a whole family (a host without IPv6): nobody else's fault.
    """
    sockets: list[socket.socket] = []
    for address in addresses:
        host = address.removeprefix("-")
        try:
            sockets.append(open_socket(host, port, backlog))
        except OSError as error:
            log.warning(f"Warning: Could not create server TCP listening socket {host}:{port}: {reason(error)}")
            may_be_missing = address.startswith("-") and error.errno == errno.EADDRNOTAVAIL
            if not may_be_missing and error.errno not in NO_SUCH_FAMILY:
                close_all(sockets)
                raise CannotListen from None
    return sockets


def open_socket(host: str, port: int, backlog: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    everywhere = host in ("*", "::*")
    found = socket.getaddrinfo(None if everywhere else host, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(found[0][4])
        opened.listen(backlog)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def open_unix_socket(path: str, permission: int, backlog: int) -> socket.socket:
    """A socket in the file system, in the place of one that an earlier process left."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.exists(path):
            os.unlink(path)
        opened.bind(path)
        if permission:
            os.chmod(path, permission)
        opened.listen(backlog)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def reason(error: OSError) -> str:
    """Redis says which call failed, unless it was the look-up of a name."""
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return f"bind: {os.strerror(error.errno or 0)}"


def keep_alive(opened: socket.socket, interval_s: int) -> None:
    """Has a silent peer asked every so many seconds, and given up after three answers missed; 0: never.

    A connection inherits that from the socket that accepted it.
    """
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, bool(interval_s))
    if interval_s:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, min(interval_s, LONGEST_KEEPALIVE_S))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, min(max(1, interval_s // 3), LONGEST_KEEPALIVE_S))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def stop_listening(opened: socket.socket) -> None:
    """Frees the address now: an event loop closes a socket in its next turn, and another may be bound in this one."""
    opened.shutdown(socket.SHUT_RDWR)


def close_all(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()


class Listeners:
    """The sockets on which one server takes clients, and the event loop's servers over them."""

    def __init__(
        self,
        config: Config,
        log: Log,
        loop: asyncio.AbstractEventLoop,
        make_protocol: Callable[[], asyncio.BaseProtocol],
    ) -> None:
        self.config = config
        self.log = log
        self.loop = loop
        self.make_protocol = make_protocol
        self.tcp: list[socket.socket] = []
        self.unix: list[socket.socket] = []
        self.servers: dict[socket.socket, asyncio.AbstractServer] = {}
        self.accepting: asyncio.Task[None] | None = None
        config.on_change("port", self.change_port)
        config.on_change("bind", self.change_addresses)
        config.on_change("tcp-keepalive", self.change_keepalive)

    def open(self) -> None:
        """Takes the addresses, so that nobody else does; nobody is let in yet. Raises CannotListen."""
        config = self.config
        if config.port:
            try:
                self.listen()
            except CannotListen:
                self.log.warning(f"Failed listening on port {config.port} (tcp), aborting.")
                raise
        if config.unixsocket:
            try:
                path = config.path(config.unixsocket)
                self.unix = [open_unix_socket(path, config.unixsocketperm, config.tcp_backlog)]
            except OSError as error:
                self.log.warning(f"Failed opening Unix socket: {reason(error)}")
                close_all(self.tcp)
                raise CannotListen from None
        if not self.tcp and not self.unix:
            self.log.warning("Configured to not listen anywhere, exiting.")
            raise CannotListen

    def listen(self) -> None:
        config = self.config
        self.tcp = listen_at(config.bind, config.port, config.tcp_backlog, self.log)
        self.change_keepalive(config)

    def change_keepalive(self, config: Config) -> None:
        for one in self.tcp:
            keep_alive(one, config.tcp_keepalive)

    def say_ready(self) -> None:
        """A line in the log for each kind of listener: people's tools wait for them."""
        for kind, sockets in (("tcp", self.tcp), ("unix", self.unix)):
            if sockets:
                self.log.notice(f"Ready to accept connections {kind}")

    async def accept(self) -> None:
        """Lets clients in."""
        for one in self.tcp + self.unix:
            if one in self.servers:
                continue
            create = self.loop.create_unix_server if one.family == socket.AF_UNIX else self.loop.create_server
            server = await create(self.make_protocol, sock=one, backlog=self.config.tcp_backlog)
            self.servers[one] = server

    def change_port(self, config: Config) -> None:
        self.listen_anew("Unable to listen on this port. Check server logs.")

    def change_addresses(self, config: Config) -> None:
        self.listen_anew("Failed to bind to specified addresses.")

    def listen_anew(self, complaint: str) -> None:
        """CONFIG SET port or bind. The old sockets go first, as the new addresses may overlap them."""
        if self.accepting is not None:
            self.accepting.cancel()
        for one in self.tcp:
            stop_listening(one)
            if one in self.servers:
                self.servers.pop(one).close()
            else:
                one.close()
        self.tcp = []
        if not self.config.port:
            return
        try:
            self.listen()
        except CannotListen:
            raise BadValue(complaint) from None
        self.accepting = self.loop.create_task(self.accept())

    def close(self) -> None:
        for server in self.servers.values():
            server.close()
        self.servers.clear()
        close_all(self.tcp + self.unix)
        if self.unix:
            os.unlink(self.config.path(self.config.unixsocket))

    def info(self) -> dict[str, Value]:
        """INFO's listener lines."""
        fields: dict[str, Value] = {"io_threads_active": 0}
        if self.tcp:
            addresses = "".join(f",bind={address}" for address in self.config.bind[: len(self.tcp)])
            fields["listener0"] = f"name=tcp{addresses},port={self.config.port}"
        if self.unix:
            fields["listener1"] = f"name=unix,bind={self.config.unixsocket}"
        return fields
