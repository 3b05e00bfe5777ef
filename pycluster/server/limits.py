"""How far behind a client may fall before it is dropped: client-output-buffer-limit, for each class of clients."""

from dataclasses import dataclass

from pycluster.server.directive_kinds import OutputLimit


@dataclass(slots=True)
class Arrears:
    """Replies that one client has not taken: since when are they more than the soft limit?"""

    beyond_soft_since_ms: int = 0

    def exceed(self, limit: OutputLimit, waiting: int, now_ms: int) -> bool:
        """Is a client with this many bytes waiting for it to be dropped now? A limit of zero is none."""
        if limit.hard_bytes and waiting >= limit.hard_bytes:
            return True
        if not limit.soft_bytes or waiting < limit.soft_bytes:
            self.beyond_soft_since_ms = 0
            return False
        if not self.beyond_soft_since_ms:
            self.beyond_soft_since_ms = now_ms
            return False
        return now_ms - self.beyond_soft_since_ms > limit.soft_seconds * 1000
