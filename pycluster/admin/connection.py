"""Commands about the connection itself: who is there, in which protocol, on which database (networking.c, acl.c)."""

import hmac

from pycluster.commands.table import Group
from pycluster.protocol.errors import (
    BadSyntax,
    DatabaseOutOfRange,
    HelloNoAuth,
    NoPasswordSet,
    ProtocolVersionNotAnInteger,
    ReplyError,
    SelectInCluster,
    UnsupportedProtocol,
    WrongPassword,
    text_of,
    wrong_number_of_arguments,
)
from pycluster.protocol.numbers import parse_int, parse_int32
from pycluster.server import transactions
from pycluster.server.client import (
    ASKING,
    FROM_PRIMARY,
    IS_REPLICA,
    MUTED,
    SKIPPING,
    SUBSCRIBED,
    UNAUTHENTICATED,
    Client,
)
from pycluster.server.clients import is_printable, owes_password
from pycluster.server.pubsub import update_gate
from pycluster.server.version import REDIS_VERSION

group = Group("connection", "connection")
routing_group = Group("cluster", "connection")  # what a client says of itself to a node of a cluster


@group.command("fast", tips=("request_policy:all_shards", "response_policy:all_succeeded"))
def ping(client: Client, *message: bytes) -> object:
    """PING [message]

    Returns the server's liveliness response.
    Since 1.0.0. O(1).
    """
    if len(message) > 1:
        raise wrong_number_of_arguments("ping")
    if client.gate & SUBSCRIBED:
        return [b"pong", message[0] if message else b""]
    return message[0] if message else "PONG"


@group.command("loading stale fast")
def echo(client: Client, message: bytes) -> bytes:
    """ECHO message

    Returns the given string.
    Since 1.0.0. O(1).
    """
    return message


@group.command("noscript loading stale fast no_auth allow_busy", arity=-1)
def quit_(client: Client, *ignored: bytes) -> str:
    """QUIT

    Closes the connection.
    Since 1.0.0. O(1).
    Deprecated since 7.2.0, use just closing the connection.
    """
    client.link.close(after_replies=True)
    return "OK"


@group.command("noscript loading stale fast no_auth allow_busy")
def reset(client: Client) -> str:
    """RESET

    Resets the connection.
    Since 6.2.0. O(1).
    """
    if client.gate & (IS_REPLICA | FROM_PRIMARY):
        raise ReplyError("ERR can only reset normal client connections")
    transactions.discard(client)
    client.server.pubsub.forget(client)
    client.resp = 2
    update_gate(client)
    client.db = client.server.databases[0]
    client.name = b""
    client.readonly = client.no_evict = client.no_touch = False
    client.down(ASKING | MUTED | SKIPPING)
    if client.server.config.requirepass:
        client.up(UNAUTHENTICATED)
        client.link.authenticated(False)
    return "RESET"


@group.command("loading stale fast")
def select(client: Client, index: bytes) -> str:
    """SELECT index

    Changes the selected database.
    Since 1.0.0. O(1).
    """
    server = client.server
    number = parse_int32(index)
    if server.clustered and number != 0:
        raise SelectInCluster
    if not 0 <= number < len(server.databases):
        raise DatabaseOutOfRange
    client.db = server.databases[number]
    return "OK"


# Who is it?


@group.command("noscript loading stale fast no_auth allow_busy sentinel")
def auth(client: Client, first: bytes, *more: bytes) -> str:
    """AUTH [username] password

    Authenticates the connection.
    Since 1.0.0. O(N) where N is the number of passwords defined for the user
    """
    if len(more) > 1:
        raise BadSyntax
    if not more and not client.server.config.requirepass:
        raise NoPasswordSet
    user, password = (first, more[0]) if more else (b"default", first)
    authenticate(client, user, password)
    return "OK"


def authenticate(client: Client, user: bytes, password: bytes) -> None:
    """Lets the client in, if it is the default user (there is no other) and knows the password; else WrongPassword."""
    server = client.server
    wanted = server.config.requirepass
    if user != b"default" or (wanted and not hmac.compare_digest(password, wanted)):
        server.statistics.auth_failures += 1
        raise WrongPassword
    client.down(UNAUTHENTICATED)
    client.link.authenticated()


@group.command("noscript loading stale fast no_auth allow_busy sentinel")
def hello(client: Client, *arguments: bytes) -> dict[bytes, object]:
    """HELLO [protover [AUTH username password] [SETNAME clientname]]

    Handshakes with the Redis server.
    Since 6.0.0. O(1).
    """
    version = client.resp
    if arguments:
        version = parse_int(arguments[0], ProtocolVersionNotAnInteger)
        if version not in (2, 3):
            raise UnsupportedProtocol
    credentials, name = _read_hello_options(arguments[1:])
    if credentials is not None:
        authenticate(client, *credentials)
    if owes_password(client):
        raise HelloNoAuth
    if name is not None:
        set_name(client, name)
    client.resp = version
    update_gate(client)
    server = client.server
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": client.resp,
        b"id": client.id,
        b"mode": b"cluster" if server.clustered else b"standalone",
        b"role": server.role.encode(),
        b"modules": [],
    }


def _read_hello_options(options: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes] | None, bytes | None]:
    credentials, name = None, None
    at = 0
    while at < len(options):
        match options[at].upper(), len(options) - at - 1:
            case b"AUTH", more if more >= 2:
                credentials = options[at + 1], options[at + 2]
                at += 3
            case b"SETNAME", more if more >= 1:
                name = options[at + 1]
                if not is_printable(name):
                    raise ReplyError("ERR Client names cannot contain spaces, newlines or special characters.")
                at += 2
            case _:
                raise ReplyError(f"ERR Syntax error in HELLO option '{text_of(options[at])}'")
    return credentials, name


def set_name(client: Client, name: bytes) -> None:
    """Gives the connection a name, or takes it away; it must fit into a line of CLIENT LIST."""
    if not is_printable(name):
        raise ReplyError("ERR Client names cannot contain spaces, newlines or special characters.")
    client.name = name


# Which slots may it use?


@routing_group.command("fast")
def asking(client: Client) -> str:
    """ASKING

    Signals that a cluster client is following an -ASK redirect.
    Since 3.0.0. O(1).
    """
    _must_be_cluster(client)
    client.up(ASKING)
    return "OK"


@routing_group.command("loading stale fast")
def readonly(client: Client) -> str:
    """READONLY

    Enables read-only queries for a connection to a Redis Cluster replica node.
    Since 3.0.0. O(1).
    """
    _must_be_cluster(client)
    client.readonly = True
    return "OK"


@routing_group.command("loading stale fast")
def readwrite(client: Client) -> str:
    """READWRITE

    Enables read-write queries for a connection to a Reids Cluster replica node.
    Since 3.0.0. O(1).
    """
    _must_be_cluster(client)
    client.readonly = False
    return "OK"


def _must_be_cluster(client: Client) -> None:
    if not client.server.clustered:
        raise ReplyError("ERR This instance has cluster support disabled")
