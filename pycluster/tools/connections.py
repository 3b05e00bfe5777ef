"""Connections to nodes, one to each, kept while the command runs: the thin edge on redis-py.

Replies are as the wire has them: redis-py would make dicts of CLUSTER NODES and hide what it can't read. Each address
is used by one thread at a time.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.retry import Retry

from pycluster.tools.interruption import Interruption
from pycluster.tools.node_lines import Address
from pycluster.tools.outcomes import NodeSaid, Unreachable

Word = bytes | str | int | float

# Who waits for ever for a reply shall notice within a minute that the other's machine is gone.
KEEP_ALIVE = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 3}
ASK_EVERY_S = 0.1  # who waits for nodes to come to something asks them again so often


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str | None = None
    password: str | None = None

    @property
    def for_migrate(self) -> tuple[str, ...]:
        """The words of MIGRATE with which the source enters the target."""
        if self.password is None:
            return ()
        return ("AUTH2", self.user, self.password) if self.user else ("AUTH", self.password)


NONE = Credentials()


class Connections:
    def __init__(
        self,
        credentials: Credentials = NONE,
        timeout_s: float | None = 5.0,
        interruption: Interruption | None = None,
    ):
        """`timeout_s` is how long a reply may take; None waits for ever. Connecting never takes more than 5 s."""
        self.credentials = credentials
        self.timeout_s = timeout_s
        self.interruption = interruption or Interruption()
        self._open: dict[Address, Connection] = {}

    def ask(self, address: Address, *words: Word) -> Any:
        """One request, one reply. An error reply is raised as NodeSaid."""
        (reply,) = self.ask_all(address, [words])
        if isinstance(reply, NodeSaid):
            raise reply
        return reply

    def ask_all(self, address: Address, requests: Sequence[Sequence[Word]]) -> list[Any]:
        """Several requests in one go, and their replies. Error replies stand in the list as NodeSaid."""
        if not requests:
            return []
        with self.interruption.held_off():
            return self._ask_all(address, requests)

    def _ask_all(self, address: Address, requests: Sequence[Sequence[Word]]) -> list[Any]:
        try:
            connection = self._connect(address)
            connection.send_packed_command(connection.pack_commands(requests))
            return [_receive(connection, address) for _ in requests]
        except AuthenticationError as error:
            self.drop(address)
            raise NodeSaid(address, str(error)) from None
        except (RedisError, OSError) as error:
            self.drop(address)
            raise Unreachable(address, _why(error)) from None
        except BaseException:
            self.drop(address)  # interrupted: a reply that is still to come would answer the next request
            raise

    def drop(self, address: Address) -> None:
        if connection := self._open.pop(address, None):
            connection.disconnect()

    def close(self) -> None:
        for address in list(self._open):
            self.drop(address)

    def __enter__(self) -> "Connections":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, address: Address) -> Connection:
        if address not in self._open:
            self._open[address] = Connection(
                host=address.host,
                port=address.port,
                username=self.credentials.user,
                password=self.credentials.password,
                socket_timeout=self.timeout_s,
                socket_connect_timeout=min(self.timeout_s or 5.0, 5.0),
                socket_keepalive=True,
                socket_keepalive_options=KEEP_ALIVE,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
            )
        return self._open[address]


def _receive(connection: Connection, address: Address) -> Any:
    try:
        return _plain(connection.read_response(), address)
    except BusyLoadingError as error:
        return NodeSaid(address, f"LOADING {error}")  # an answer like others, though redis-py takes it for none
    except AuthenticationError:
        raise
    except ResponseError as error:
        return NodeSaid(address, _said(error))


def _plain(reply: Any, address: Address) -> Any:
    """Errors within EXEC's reply are values, too."""
    if isinstance(reply, list):
        return [_plain(item, address) for item in reply]
    return NodeSaid(address, _said(reply)) if isinstance(reply, ResponseError) else reply


def _said(error: ResponseError) -> str:
    """With the word in front that redis-py makes a class of, as MOVED; ERR says nothing."""
    code = getattr(error, "status_code", None)
    return f"{code} {error}" if code and code != "ERR" else str(error)


def _why(error: Exception) -> str:
    """What the system said, without redis-py's own words around it."""
    cause = error.__cause__ or error.__context__ or error
    if isinstance(error, TimeoutError) or "imeout" in type(error).__name__ or "timed out" in str(error).lower():
        return "timed out"
    return getattr(cause, "strerror", None) or str(error) or type(error).__name__
