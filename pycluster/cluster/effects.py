"""What the cluster core wants done. Its verbs return lists of these; their order is the order of duty.

* Effects on data and on the log are performed at once and in order: the server must not serve a request between
  being told that it is no primary any more and behaving so.
* Persist comes before all that leaves for the network. Whoever performs effects may gather those of one turn of the
  event loop: nodes.conf is then written once, with fsync if any of them asks for it, and only then may anything be
  sent. So a vote or a claim to a new epoch is never forgotten by who made it.
"""

from dataclasses import dataclass
from typing import NamedTuple

from pycluster.cluster.message import Message
from pycluster.cluster.node import Link

# On the disk and the network: the bus performs these


@dataclass(frozen=True, slots=True)
class Persist:
    """Write nodes.conf (nodes_conf.write)."""

    fsync: bool


@dataclass(frozen=True, slots=True)
class Connect:
    """Open this link; then say `connected` or `connect_failed`. What is sent on it until then waits."""

    link: Link
    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close this link; nothing is to be said of it any more."""

    link: Link


class Send(NamedTuple):
    link: Link
    message: Message


# On the data and its clients: the server performs these


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Stop replicating and be a primary, with the data as it is."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Be a replica of the node at this address. Comes again when its address changes."""

    node_id: str
    ip: str
    port: int


@dataclass(frozen=True, slots=True)
class DropKeys:
    """Delete the keys in these slots, which others own now: propagated, and seen by who watches them."""

    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DropEverything:
    """A replica that is reset forgets its data."""


@dataclass(frozen=True, slots=True)
class Serve:
    """Owners, open slots or the state of the cluster have changed: rebuild what routing looks at. `released` is a
    bitmap of slots that changed hands: their shard channels lose their subscribers."""

    released: int


@dataclass(frozen=True, slots=True)
class PauseWrites:
    """Let clients' writes wait, and whatever else would move the replication offset."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class ResumeWrites:
    """End that pause (and no other)."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """To the subscribers here: another node published this."""

    channel: bytes
    payload: bytes
    sharded: bool


class Log(NamedTuple):
    level: str  # "debug", "verbose", "notice" or "warning"
    text: str


Effect = (
    Persist
    | Connect
    | Disconnect
    | Send
    | TakeOver
    | Follow
    | DropKeys
    | DropEverything
    | Serve
    | PauseWrites
    | ResumeWrites
    | Deliver
    | Log
)
