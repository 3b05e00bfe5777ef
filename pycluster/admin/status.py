"""Small questions about the server as a whole."""

from time import time as wall_clock

from pycluster.commands.table import Group
from pycluster.server.client import Client

group = Group("server")


@group.command("loading stale fast", tips=("nondeterministic_output",))
def time(client: Client) -> list[bytes]:
    """TIME

    Returns the server time.
    Since 2.6.0. O(1).
    """
    seconds, microseconds = divmod(int(wall_clock() * 1_000_000), 1_000_000)
    return [b"%d" % seconds, b"%d" % microseconds]
