"""A job: some slots on their way from one node to another, as one of the two sees it, or a replica of the target."""

from dataclasses import dataclass, field
from enum import Enum

from pycluster.slot_migration.ranges import Ranges, slots_of, text_of

NAME_LENGTH = 40

COMMAND_FAILED = "Failed to process command during slot migration. Check logs for more information"


class State(Enum):
    """Where a job stands; the values are what GETSLOTMIGRATIONS and the log show."""

    # At the target
    WAITING_FOR_ACK = "waiting-for-ack"
    RECEIVING_SNAPSHOT = "receiving-snapshot"
    WAITING_FOR_PAUSED = "waiting-for-paused"
    FAILOVER_REQUESTED = "failover-requested"
    CLEANING_UP = "cleaning-up"

    # At the source
    CONNECTING = "connecting"
    READING_AUTH = "reading-auth-response"
    READING_ESTABLISH = "reading-establish-response"
    WAITING_TO_SNAPSHOT = "waiting-to-snapshot"
    SNAPSHOTTING = "snapshotting"
    REPLICATING = "replicating"
    WAITING_TO_PAUSE = "waiting-to-pause"
    FAILOVER_PAUSED = "failover-paused"

    # At both
    FAILOVER_GRANTED = "failover-granted"

    # At a replica of the target: all it knows is that its primary has begun
    TRACKED = "occurring-on-primary"

    # The end
    SUCCESS = "success"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDED = (State.SUCCESS, State.CANCELLED, State.FAILED)

# States in which the other side must not be sent anything but what is due: it would take it for the answer.
SILENT = (State.WAITING_FOR_ACK, State.CONNECTING, State.READING_AUTH, State.READING_ESTABLISH, State.TRACKED)


@dataclass(slots=True, eq=False)
class Job:
    """One migration of slots. `source` and `target` are node ids; a replica of the target knows neither."""

    name: str
    is_export: bool
    ranges: Ranges
    source: str
    target: str
    created_ms: int
    state: State
    peer_name: str = ""  # what people call the other node (cluster-announce-human-nodename)
    message: str = ""  # why it ended so
    updated_ms: int = 0
    acked_ms: int = 0  # when the other side last said that it is there
    heard_ms: int = 0  # when anything came from it
    sent_ack_ms: int = 0
    pause_ends_ms: int = 0  # a source in a pause lets writes go on then; 0: it is in none
    slots: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self.updated_ms = self.acked_ms = self.heard_ms = self.created_ms
        self.slots = frozenset(slots_of(self.ranges))

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def has_granted(self) -> bool:
        """May the target take the slots? Then nothing that happens here calls that off: to go on with writes would be
        to lose them."""
        return self.is_export and self.state is State.FAILOVER_GRANTED

    @property
    def is_tracked(self) -> bool:
        """Is it our primary's, so that we only look on?"""
        return self.state is State.TRACKED

    @property
    def description(self) -> str:
        """The job as the log names it."""
        peer, role = (self.target, "target_node") if self.is_export else (self.source, "source_node")
        human = f"{role}_human_name: {self.peer_name}, " if self.peer_name else ""
        operation = "export" if self.is_export else "import"
        return (
            f"{{name: {self.name}, operation: {operation}, {role}_id: {peer or 'unknown'}, "
            f"{human}slots: {text_of(self.ranges)}}}"
        )
