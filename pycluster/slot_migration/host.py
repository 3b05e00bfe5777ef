"""What a migration of slots asks of the server that it lives in, and what it reads of redis.conf. It asks only."""

from dataclasses import dataclass
from typing import Protocol

from pycluster.slot_migration.job import Job


class Host(Protocol):
    def my_id(self) -> str: ...

    def is_primary(self) -> bool: ...

    def owner_of(self, slot: int) -> str | None:
        """The id of the node that owns a slot; of my primary, too."""

    def knows(self, node_id: str) -> bool: ...

    def human_name(self, node_id: str) -> str:
        """What people call the node, if they do."""

    def is_moving_slots_by_hand(self) -> tuple[bool, bool]:
        """Are there slots that SETSLOT has opened: importing, migrating?"""

    def has_keys(self, slot: int) -> bool:
        """Are there keys in this slot, whoever owns it?"""

    def waiting_bytes(self, job: Job) -> int:
        """How much of a source's stream has not left yet."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The directives, times in milliseconds."""

    silence_ms: int = 60_000  # repl-timeout
    pause_ms: int = 10_000  # twice cluster-manual-failover-timeout
    grace_ms: int = 2_000  # for the news of the hand-over to come round
    most_waiting: int = 0  # slot-migration-max-failover-repl-bytes; -1: no limit
    log_length: int = 1000  # cluster-slot-migration-log-max-len
    credentials: tuple[bytes, ...] = ()  # masteruser and masterauth
