"""INFO: the report that all parts of the server write in (server/info.py)."""

from typing import Any

from pycluster.commands.table import Group
from pycluster.protocol.replies import Verbatim

group = Group("server", "dangerous")


@group.command(
    "loading stale", tips=("nondeterministic_output", "request_policy:all_shards", "response_policy:special")
)
def info(server: Any, *section: bytes) -> Verbatim:
    """INFO [section [section ...]]

    Returns information and statistics about the server.
    Since 1.0.0. O(1).
    """
    return Verbatim(server.info.report(section))
