"""CLIENT: who is connected, and what may be done to them (networking.c, `clientCommand`)."""

from pycluster.admin.connection import set_name
from pycluster.commands.table import Group
from pycluster.protocol.errors import (
    BadSyntax,
    NotAnInteger,
    ReplyError,
    SubcommandMisused,
    TimeoutNegative,
    TimeoutNotAnInteger,
    TimeoutOutOfRange,
    text_of,
)
from pycluster.protocol.numbers import INT_MAX, parse_int
from pycluster.protocol.replies import NO_REPLY, Verbatim
from pycluster.server.client import MUTED, SKIPPING, Client
from pycluster.server.clients import describe, is_printable, type_of
from pycluster.server.pause import BY_CLIENT

group = Group("connection", "connection")
client_ = group.container("client")

TYPES = {b"normal": "normal", b"replica": "replica", b"slave": "replica", b"pubsub": "pubsub", b"master": "master"}


# One's own connection


@client_.command("noscript loading stale")
def client_id(client: Client) -> int:
    """CLIENT ID

    Returns the unique client ID of the connection.
    Since 5.0.0. O(1).
    """
    return client.id


@client_.command("noscript loading stale", tips=("nondeterministic_output",))
def client_info(client: Client) -> Verbatim:
    """CLIENT INFO

    Returns information about the connection.
    Since 6.2.0. O(1).
    """
    return Verbatim(_line(client))


def _line(client: Client) -> bytes:
    return (describe(client, client.server.clock.now) + "\n").encode("latin-1")


@client_.command("noscript loading stale")
def client_getname(client: Client) -> bytes | None:
    """CLIENT GETNAME

    Returns the name of the connection.
    Since 2.6.9. O(1).
    """
    return client.name or None


@client_.command("noscript loading stale", tips=("request_policy:all_nodes", "response_policy:all_succeeded"))
def client_setname(client: Client, connection_name: bytes) -> str:
    """CLIENT SETNAME connection-name

    Sets the connection name.
    Since 2.6.9. O(1).
    """
    set_name(client, connection_name)
    return "OK"


@client_.command("noscript loading stale", tips=("request_policy:all_nodes", "response_policy:all_succeeded"))
def client_setinfo(client: Client, attribute: bytes, value: bytes) -> str:
    """CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>

    Sets information specific to the client or connection.
    Since 7.2.0. O(1).
    """
    if attribute.lower() not in (b"lib-name", b"lib-ver"):
        raise ReplyError(f"ERR Unrecognized option '{text_of(attribute)}'")
    if not is_printable(value):
        raise ReplyError(f"ERR {text_of(attribute)} cannot contain spaces, newlines or special characters.")
    if attribute.lower() == b"lib-name":
        client.library_name = value
    else:
        client.library_version = value
    return "OK"


@client_.command("noscript loading stale")
def client_reply(client: Client, mode: bytes) -> object:
    """CLIENT REPLY <ON | OFF | SKIP>

    Instructs the server whether to reply to commands.
    Since 3.2.0. O(1).
    """
    match mode.upper():
        case b"ON":
            client.down(MUTED | SKIPPING)
            return "OK"
        case b"OFF":
            client.up(MUTED)
        case b"SKIP":
            if not client.gate & MUTED:
                client.up(SKIPPING)
        case _:
            raise BadSyntax
    return NO_REPLY


@client_.command("admin noscript loading stale", categories="dangerous")
def client_no_evict(client: Client, enabled: bytes) -> str:
    """CLIENT NO-EVICT <ON | OFF>

    Sets the client eviction mode of the connection.
    Since 7.0.0. O(1).
    """
    client.no_evict = _on_or_off(enabled)
    return "OK"


@client_.command("noscript loading stale")
def client_no_touch(client: Client, enabled: bytes) -> str:
    """CLIENT NO-TOUCH <ON | OFF>

    Controls whether commands sent by the client affect the LRU/LFU of accessed keys.
    Since 7.2.0. O(1).
    """
    client.no_touch = _on_or_off(enabled)
    return "OK"


def _on_or_off(word: bytes) -> bool:
    if word.upper() not in (b"ON", b"OFF"):
        raise BadSyntax
    return word.upper() == b"ON"


# The others


@client_.command("admin noscript loading stale", categories="dangerous", tips=("nondeterministic_output",))
def client_list(client: Client, *options: bytes) -> Verbatim:
    """CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]

    Lists open connections.
    Since 2.4.0. O(N) where N is the number of client connections
    """
    everybody = client.server.clients
    match [options[0].upper() if options else b"", *options[1:]]:
        case [b""]:
            chosen = list(everybody.values())
        case [b"TYPE", kind]:
            wanted = _read_type(kind)
            chosen = [other for other in everybody.values() if type_of(other) == wanted]
        case [b"ID", _, *_]:
            ids = [parse_int(word, InvalidClientId) for word in options[1:]]
            chosen = [everybody[id_] for id_ in ids if id_ in everybody]
        case _:
            raise BadSyntax
    return Verbatim(b"".join(map(_line, chosen)))


class InvalidClientId(ReplyError):
    text = "ERR Invalid client ID"


class ClientIdNotPositive(ReplyError):
    text = "ERR client-id should be greater than 0"


def _read_type(word: bytes) -> str:
    wanted = TYPES.get(word.lower())
    if wanted is None:
        raise ReplyError(f"ERR Unknown client type '{text_of(word)}'")
    return wanted


@client_.command("admin noscript loading stale", categories="dangerous", arity=-3)
def client_kill(client: Client, *options: bytes) -> object:
    """CLIENT KILL <ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] |
    [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>]> ...>

    Terminates open connections.
    Since 2.4.0. O(N) where N is the number of client connections
    """
    if len(options) == 1:
        if not _kill(client, {"address": text_of(options[0])}, spare_me=False):
            raise ReplyError("ERR No such client")
        return "OK"
    if not options or len(options) % 2:
        raise BadSyntax
    spare_me, wanted = True, dict[str, object]()
    for word, value in zip(options[::2], options[1::2], strict=True):
        match word.upper():
            case b"ID":
                wanted["id"] = parse_int(value, ClientIdNotPositive)
                if value[:1] == b"-" or value == b"0":
                    raise ClientIdNotPositive
            case b"TYPE":
                wanted["type"] = _read_type(value)
            case b"ADDR":
                wanted["address"] = text_of(value)
            case b"LADDR":
                wanted["local address"] = text_of(value)
            case b"USER":
                if value != b"default":
                    raise ReplyError(f"ERR No such user '{text_of(value)}'")
                wanted["user"] = text_of(value)
            case b"SKIPME" if value.upper() in (b"YES", b"NO"):
                spare_me = value.upper() == b"YES"
            case _:
                raise BadSyntax
    return _kill(client, wanted, spare_me)


def _kill(client: Client, wanted: dict[str, object], spare_me: bool) -> int:
    """Closes the connections that are all of what is wanted; how many."""
    killed = 0
    for other in list(client.server.clients.values()):
        traits = {
            "id": other.id,
            "type": type_of(other),
            "address": other.link.address,
            "local address": other.link.local_address,
            "user": other.user,
        }
        if (other is client and spare_me) or any(traits[name] != value for name, value in wanted.items()):
            continue
        other.link.close(after_replies=other is client)
        killed += 1
    return killed


@client_.command("admin noscript loading stale", categories="dangerous")
def client_unblock(client: Client, client_id: bytes, *reason: bytes) -> int:
    """CLIENT UNBLOCK client-id [TIMEOUT | ERROR]

    Unblocks a client blocked by a blocking command from a different connection.
    Since 5.0.0. O(log N) where N is the number of client connections
    """
    with_error = False
    if len(reason) > 1:
        raise SubcommandMisused
    if reason:
        if reason[0].upper() not in (b"TIMEOUT", b"ERROR"):
            raise ReplyError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
        with_error = reason[0].upper() == b"ERROR"
    other = client.server.clients.get(parse_int(client_id, NotAnInteger))
    return int(other is not None and client.server.blocking.unblock(other, with_error))


@client_.command("admin noscript loading stale", categories="dangerous")
def client_pause(client: Client, timeout: bytes, *mode: bytes) -> str:
    """CLIENT PAUSE timeout [WRITE | ALL]

    Suspends commands processing.
    Since 3.0.0. O(1).
    """
    if len(mode) > 1:
        raise SubcommandMisused
    if mode and mode[0].upper() not in (b"WRITE", b"ALL"):
        raise ReplyError("ERR CLIENT PAUSE mode must be WRITE or ALL")
    milliseconds = parse_int(timeout, TimeoutNotAnInteger)
    if milliseconds < 0:
        raise TimeoutNegative
    until = client.server.wall_ms() + milliseconds
    if until > INT_MAX:
        raise TimeoutOutOfRange
    client.server.pause.begin(BY_CLIENT, until, all_commands=not mode or mode[0].upper() == b"ALL")
    return "OK"


@client_.command("admin noscript loading stale", categories="dangerous")
def client_unpause(client: Client) -> str:
    """CLIENT UNPAUSE

    Resumes processing commands from paused clients.
    Since 6.2.0. O(N) Where N is the number of paused clients
    """
    client.server.pause.end(BY_CLIENT)
    return "OK"


client_.help("""
CACHING (YES|NO)
    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.
GETREDIR
    Return the client ID we are redirecting to when tracking is enabled.
GETNAME
    Return the name of the current connection.
ID
    Return the ID of the current connection.
INFO
    Return information about the current client connection.
KILL <ip:port>
    Kill connection made from <ip:port>.
KILL <option> <value> [<option> <value> [...]]
    Kill connections. Options are:
    * ADDR (<ip:port>|<unixsocket>:0)
      Kill connections made from the specified address
    * LADDR (<ip:port>|<unixsocket>:0)
      Kill connections made to specified local address
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Kill connections by type.
    * USER <username>
      Kill connections authenticated by <username>.
    * SKIPME (YES|NO)
      Skip killing current connection (default: yes).
LIST [options ...]
    Return information about client connections. Options:
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Return clients of specified type.
UNPAUSE
    Stop the current client pause, resuming traffic.
PAUSE <timeout> [WRITE|ALL]
    Suspend all, or just write, clients for <timeout> milliseconds.
REPLY (ON|OFF|SKIP)
    Control the replies sent to the current connection.
SETNAME <name>
    Assign the name <name> to the current connection.
SETINFO <option> <value>
    Set client meta attr. Options are:
    * LIB-NAME: the client lib name.
    * LIB-VER: the client lib version.
UNBLOCK <clientid> [TIMEOUT|ERROR]
    Unblock the specified blocked client.
TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]
         [OPTIN] [OPTOUT] [NOLOOP]
    Control server assisted client side caching.
TRACKINGINFO
    Report tracking status for the current connection.
NO-EVICT (ON|OFF)
    Protect current client connection from eviction.
NO-TOUCH (ON|OFF)
    Will not touch LRU/LFU stats when this mode is on.
""")
