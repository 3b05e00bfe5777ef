"""How clients are shown: the lines of CLIENT LIST, and who counts as local."""

import ipaddress

from pycluster.server.client import (
    CLOSING,
    FROM_PRIMARY,
    IMPORTS_SLOTS,
    IN_TRANSACTION,
    IS_REPLICA,
    UNAUTHENTICATED,
    Client,
)


def is_local(address: str) -> bool:
    """Does this peer, `host:port`, sit on the loopback interface (or on a Unix socket)?"""
    host = address.rpartition(":")[0].strip("[]")
    if host.startswith("/") or host == "?":
        return True
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


def owes_password(client: Client) -> bool:
    """Is there a password (CONFIG SET may take it away), and has this client not given it?"""
    return bool(client.gate & UNAUTHENTICATED and client.server.config.requirepass)


def may_debug(client: Client) -> bool:
    """Does enable-debug-command allow this client DEBUG?"""
    allowed = client.server.config.enable_debug_command
    return allowed == "yes" or (allowed == "local" and is_local(client.link.address))


def is_printable(name: bytes) -> bool:
    """Can it stand in a line of CLIENT LIST, which is split at spaces?"""
    return all(33 <= byte <= 126 for byte in name)


def flags_of(client: Client) -> str:
    """One letter for each thing that is special about a client, N for none (CLIENT LIST)."""
    letters = [
        ("S", client.gate & IS_REPLICA),
        ("M", client.gate & FROM_PRIMARY),
        ("P", client.channels or client.patterns or client.shard_channels),
        ("i", client.gate & IMPORTS_SLOTS),  # as Valkey has it
        ("x", client.gate & IN_TRANSACTION),
        ("b", client.waiter is not None or client.server.pause.holds_back(client)),
        ("d", client.watch_broken),
        ("c", client.gate & CLOSING),
        ("r", client.readonly),
        ("e", client.no_evict),
        ("T", client.no_touch),
    ]
    return "".join(letter for letter, holds in letters if holds) or "N"


def type_of(client: Client) -> str:
    """normal, master, replica or pubsub: the classes that CLIENT LIST TYPE and CLIENT KILL TYPE know."""
    if client.gate & FROM_PRIMARY:
        return "master"
    if client.gate & IS_REPLICA:
        return "replica"
    return "pubsub" if client.channels or client.patterns or client.shard_channels else "normal"


def describe(client: Client, now_ms: int) -> str:
    """The client's line in CLIENT LIST, fields in 7.2's order."""
    link = client.link
    queued = len(client.transaction.queue) if client.transaction is not None else -1
    fields = {
        "id": client.id,
        "addr": link.address,
        "laddr": link.local_address,
        "fd": link.file_number,
        "name": client.name.decode("latin-1"),
        "age": max(0, now_ms - client.created_ms) // 1000,
        "idle": max(0, now_ms - client.last_active_ms) // 1000,
        "flags": flags_of(client),
        "db": client.db.index,
        "sub": len(client.channels),
        "psub": len(client.patterns),
        "ssub": len(client.shard_channels),
        "multi": queued,
        "qbuf": link.held_input(),
        "qbuf-free": 0,
        "argv-mem": 0,
        "multi-mem": 0,
        "rbs": 0,
        "rbp": 0,
        "obl": link.held_output(),
        "oll": 0,
        "omem": 0,
        "tot-mem": link.held_input() + link.held_output(),
        "events": "r",
        "cmd": client.last_command.name if client.last_command is not None else "NULL",
        "user": client.user,
        "redir": -1,
        "resp": client.resp,
        "lib-name": client.library_name.decode("latin-1"),
        "lib-ver": client.library_version.decode("latin-1"),
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())
