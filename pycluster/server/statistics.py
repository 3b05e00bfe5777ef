"""What a server counts about itself, for INFO and CONFIG RESETSTAT, and the clock readings that commands share."""

from dataclasses import dataclass, field

WALL_CLOCK_EVERY_NS = 500_000  # within a batch of pipelined commands the wall clock is read again after this long


@dataclass(slots=True)
class Timing:
    """The readings of the monotonic clock that `execute` and the connections pass on to each other, in nanoseconds."""

    then: int = 0  # when the command that runs now began, which is when the one before it ended
    wall_due: int = 0  # when the wall clock is to be read again
    frozen: bool = False  # inside EXEC or a script time stands still

    def begin_batch(self, now_ns: int) -> None:
        """Commands are about to run, and the wall clock has just been read."""
        self.then = now_ns
        self.wall_due = now_ns + WALL_CLOCK_EVERY_NS


@dataclass(slots=True)
class Samples:
    """A figure per second, over the last 16 readings (INFO's instantaneous_*)."""

    last_value: int = 0
    last_ms: int = 0
    rates: list[float] = field(default_factory=list)

    def take(self, value: int, now_ms: int) -> None:
        """One reading."""
        if self.last_ms and now_ms > self.last_ms:
            self.rates = [*self.rates[-15:], (value - self.last_value) * 1000 / (now_ms - self.last_ms)]
        self.last_value, self.last_ms = value, now_ms

    @property
    def rate(self) -> float:
        """Per second, on average."""
        return sum(self.rates) / 16 if self.rates else 0.0


@dataclass(slots=True)
class Statistics:
    """Counters since the start, or since CONFIG RESETSTAT."""

    connections: int = 0
    rejected_connections: int = 0
    net_input: int = 0
    net_output: int = 0
    replication_input: int = 0
    replication_output: int = 0
    output_limit_disconnections: int = 0
    full_syncs: int = 0
    partial_syncs: int = 0
    refused_partial_syncs: int = 0
    reads: int = 0
    auth_failures: int = 0
    unexpected_errors: int = 0  # by commands of our primary's, or of the append-only file
    errors: dict[str, int] = field(default_factory=dict)  # error replies by their first word
    commands: Samples = field(default_factory=Samples)
    input_rate: Samples = field(default_factory=Samples)
    output_rate: Samples = field(default_factory=Samples)
    cycles: Samples = field(default_factory=Samples)
    cycle_us: Samples = field(default_factory=Samples)  # microseconds spent in turns, each second
    replication_input_rate: Samples = field(default_factory=Samples)
    replication_output_rate: Samples = field(default_factory=Samples)
