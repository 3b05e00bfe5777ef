"""How long a rewrite that fails again and again is left alone: a minute, then two, four, at most an hour.

Each attempt opens one more file to write to, and somebody's disk is in trouble anyway (aof.c, AOF_REWRITE_LIMITE).
"""

from typing import Any

FAILURES = 3  # so many in a row are nothing yet
LONGEST_MINUTES = 60


class RewriteLimit:
    """Counts failures; asked before each attempt that nobody has asked for by a command."""

    def __init__(self, log: Any) -> None:
        self.failures = 0
        self._log = log
        self._minutes = 0
        self._not_before_s = 0.0

    def forbids(self, now_s: float) -> bool:
        """Is it too early?"""
        if self.failures < FAILURES:
            self._minutes, self._not_before_s = 0, 0.0
            return False
        if self._not_before_s:
            if now_s < self._not_before_s:
                return True
            self._not_before_s = 0.0
            return False
        self._minutes = min(max(1, 2 * self._minutes), LONGEST_MINUTES)
        self._not_before_s = now_s + 60 * self._minutes
        self._log.warning(
            "Background AOF rewrite has repeatedly failed and triggered the limit, "
            f"will retry in {self._minutes} minutes"
        )
        return True
