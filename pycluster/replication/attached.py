"""A replica, as its primary knows it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pycluster.persistence.snapshot import Request


class State(StrEnum):
    """How far a replica is, in the words of INFO."""

    INTRODUCED = ""  # it has said REPLCONF, but not asked for anything
    WAITS_FOR_SAVE = "wait_bgsave"  # for a snapshot to begin, and then to end
    GETS_FILE = "send_bulk"
    ONLINE = "online"


@dataclass(slots=True, eq=False)
class AttachedReplica:
    """One replica. What changes while it gets its snapshot is held back for it, or has begun to be sent."""

    client: Any
    port: int = 0
    ip: str = ""  # only if it announced one
    takes_streamed_file: bool = False  # capa eof
    takes_new_ids: bool = False  # capa psync2
    takes_slot_orders: bool = False  # SETSLOT: Valkey's since 8.0, and ours; known by its version
    wants_file_only: bool = False  # redis-cli --rdb
    speaks_psync: bool = True  # or the old SYNC: then it never acknowledges
    request: Request = field(default_factory=Request)

    state: State = State.INTRODUCED
    save_has_begun: bool = False  # the snapshot it waits for: from then on it needs every change
    streams_on_ack: bool = False  # it has the file; its first REPLCONF ACK proves that it saw where the file ends
    has_seen_end: bool = False  # it has said so before we knew ourselves that the child had ended
    held: list[bytes] = field(default_factory=list)
    held_length: int = 0
    sync_offset: int = 0  # of the stream, at the moment of its snapshot
    waiting_since: float = 0.0
    stuck_since: float = 0.0  # it does not take the file any more

    acknowledged: int = 0
    synced: int = 0  # up to there the stream is on its disk, as it says
    acknowledged_at: float = 0.0

    @property
    def name(self) -> str:
        """As the log calls it."""
        return f"{self.shown_ip}:{self.port or '<unknown-replica-port>'}"

    @property
    def shown_ip(self) -> str:
        return self.ip or str(self.client.link.address).rpartition(":")[0].strip("[]")

    @property
    def needs_changes(self) -> bool:
        """Must it get, now or later, what changes from now on?"""
        return (self.state != State.WAITS_FOR_SAVE or self.save_has_begun) and not self.wants_file_only

    def hold(self, stream: bytes) -> None:
        """Keeps a piece of the stream for later."""
        self.held.append(stream)
        self.held_length += len(stream)

    def take_held(self) -> bytes:
        held, self.held, self.held_length = self.held, [], 0
        return b"".join(held)
