"""One node of a simulated cluster: its core, its disk, and what stands for its data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from pycluster.cluster.core import Cluster
from pycluster.cluster.settings import Settings
from pycluster.cluster.state import ClusterState

NEVER_MS = 10**15


@dataclass(slots=True, eq=False)
class Data:
    """The server around a core, as far as the core asks (its Host), and what became of its effects."""

    clock_ms: Callable[[], int]
    offset: int = 0
    following: str | None = None
    last_heard_ms: int = -NEVER_MS
    paused_until_ms: int = 0
    keys: set[int] = field(default_factory=set)  # the slots that have some
    granted: dict[str, int] = field(default_factory=dict)  # by node: slots that it may take, by an atomic migration
    delivered: list[bytes] = field(default_factory=list)

    def replication_offset(self) -> int:
        return self.offset

    def data_age_ms(self) -> int:
        return self.clock_ms() - self.last_heard_ms

    def is_following(self) -> bool:
        return self.following is not None

    def is_loading(self) -> bool:
        return False

    def keys_in_slot(self, slot: int) -> int:
        return 1 if slot in self.keys else 0

    def granted_to(self, node_id: str) -> int:
        return self.granted.get(node_id, 0)

    def key_count(self) -> int:
        return len(self.keys)


@dataclass(slots=True, eq=False)
class Machine:
    """One node's process, when it runs, and its disk."""

    name: str
    port: int
    rng: Random
    data: Data
    settings: Settings
    cluster: Cluster | None = None
    written: str = ""
    synced: str = ""
    tick_at_ms: int = -1
    log: list[str] = field(default_factory=list)

    @property
    def state(self) -> ClusterState:
        assert self.cluster, f"{self.name} is down"
        return self.cluster.state

    @property
    def id(self) -> str:
        return self.state.myself.id

    @property
    def is_up(self) -> bool:
        return self.cluster is not None

    @property
    def is_ok(self) -> bool:
        return self.state.is_ok

    @property
    def is_primary(self) -> bool:
        return self.state.myself.is_primary

    @property
    def slots(self) -> int:
        return self.state.myself.slots

    def has_logged(self, text: str) -> bool:
        return any(text in line for line in self.log)
