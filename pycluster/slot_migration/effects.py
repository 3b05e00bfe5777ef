"""What a migration of slots wants done; the order of effects is the order of duty."""

from dataclasses import dataclass
from typing import NamedTuple

from pycluster.slot_migration.job import Job


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection to the job's target; then say `connected` or `connect_failed`."""

    job: Job


@dataclass(frozen=True, slots=True)
class Send:
    """Send the other side a command, behind everything sent before."""

    job: Job
    args: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the job's connection, stop its snapshot and its stream; nothing is to be said of it any more."""

    job: Job


@dataclass(frozen=True, slots=True)
class SendSlots:
    """Send the keys of the job's slots and, from when each slot was read on, what changes in it; say `sent_slots`."""

    job: Job


@dataclass(frozen=True, slots=True)
class StopStream:
    """What changes from now on is not for the target any more: the slots are its own."""

    job: Job


@dataclass(frozen=True, slots=True)
class Pause:
    """Let clients' writes wait until then, and all that was written before be sent."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Unpause:
    """End that pause."""


@dataclass(frozen=True, slots=True)
class Hide:
    """Keys in these slots are on their way here, and not to be seen yet."""

    slots: frozenset[int]


@dataclass(frozen=True, slots=True)
class Show:
    """Keys in these slots are to be seen again."""

    slots: frozenset[int]


@dataclass(frozen=True, slots=True)
class DropKeys:
    """Delete the keys of these slots, and tell replicas."""

    slots: frozenset[int]


@dataclass(frozen=True, slots=True)
class TakeSlots:
    """The slots are ours now: claim them in the cluster, under a new epoch."""

    slots: frozenset[int]


@dataclass(frozen=True, slots=True)
class Record:
    """Replicas and the append-only file are to hear this."""

    args: tuple[bytes, ...]


class Log(NamedTuple):
    level: str
    text: str


Effect = (
    Connect
    | Send
    | HangUp
    | SendSlots
    | StopStream
    | Pause
    | Unpause
    | Hide
    | Show
    | DropKeys
    | TakeSlots
    | Record
    | Log
)
