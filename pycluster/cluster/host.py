"""What the cluster core asks of the server that it lives in. It asks only; what is to be done it says by effects."""

from typing import Protocol


class Host(Protocol):
    def replication_offset(self) -> int:
        """A primary's own offset, or what a replica has applied of its primary's stream (0 before the first sync)."""

    def data_age_ms(self) -> int:
        """How long ago a replica last heard from its primary; if never since it started, longer than any limit."""

    def is_following(self) -> bool:
        """Whether replication from some primary is configured, connected or not."""

    def is_loading(self) -> bool: ...

    def keys_in_slot(self, slot: int) -> int: ...

    def granted_to(self, node_id: str) -> int:
        """The slots of mine that an atomic migration lets this node take now, as a bitmap."""

    def key_count(self) -> int:
        """Of database 0, the only one a cluster has."""
