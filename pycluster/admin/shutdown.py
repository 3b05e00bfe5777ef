"""SHUTDOWN: the end of the server, asked for by a client (db.c, `shutdownCommand`)."""

from pycluster.commands.table import Group
from pycluster.protocol.errors import BadSyntax, NoShutdown, ShutdownFailed, ShutdownWouldBlock
from pycluster.protocol.replies import Wait
from pycluster.server.client import Client
from pycluster.server.shutdown import Manner

group = Group("server")


@group.command("admin noscript loading stale no_multi allow_busy")
def shutdown(client: Client, *options: bytes) -> object:
    """SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]

    Synchronously saves the database(s) to disk and shuts down the Redis server.
    Since 1.0.0. O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)
    """
    words = {option.decode("latin-1").lower() for option in options}
    if not words <= {"nosave", "save", "now", "force", "abort"} or {"nosave", "save"} <= words:
        raise BadSyntax
    server = client.server
    if "abort" in words:
        if len(words) > 1:
            raise BadSyntax
        if not server.shutdown.abort():
            raise NoShutdown
        return "OK"
    if client.denies_blocking and "now" not in words:
        raise ShutdownWouldBlock

    def given_up() -> None:
        if client.waiter is not None:
            server.blocking.end(client.waiter, ShutdownFailed())

    if not server.shutdown.begin(Manner.named(tuple(words)), given_up):
        raise ShutdownFailed
    return Wait(keys=[], kind=type(None), timeout=0)  # whoever ended the server gets no reply, it just ends
