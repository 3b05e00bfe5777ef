"""MULTI, EXEC, DISCARD, WATCH, UNWATCH: the commands; what they do is server/transactions.py's (multi.c)."""

from pycluster.commands.table import Group, LookKey
from pycluster.protocol.errors import DiscardWithoutMulti, ExecWithoutMulti, NestedMulti, WatchInsideMulti
from pycluster.server import transactions
from pycluster.server.client import Client

group = Group("transactions", "transaction")


@group.command("noscript loading stale fast allow_busy")
def multi(client: Client) -> str:
    """MULTI

    Starts a transaction.
    Since 1.2.0. O(1).
    """
    if client.transaction is not None:
        raise NestedMulti
    transactions.begin(client)
    return "OK"


@group.command("noscript loading stale skip_slowlog")
def exec_(client: Client) -> object:
    """EXEC

    Executes all commands in a transaction.
    Since 1.2.0. Depends on commands in the transaction
    """
    if client.transaction is None:
        raise ExecWithoutMulti
    return transactions.run(client.server, client)


@group.command("noscript loading stale fast allow_busy")
def discard(client: Client) -> str:
    """DISCARD

    Discards a transaction.
    Since 2.0.0. O(N), when N is the number of queued commands
    """
    if client.transaction is None:
        raise DiscardWithoutMulti
    transactions.discard(client)
    return "OK"


@group.command("noscript loading stale fast allow_busy")
def watch(client: Client, *keys: LookKey) -> str:
    """WATCH key [key ...]

    Monitors changes to keys to determine the execution of a transaction.
    Since 2.2.0. O(1) for every key.
    """
    if client.transaction is not None:
        raise WatchInsideMulti
    if not client.watch_broken:
        for key in keys:
            transactions.watch(client, key)
    return "OK"


@group.command("noscript loading stale fast allow_busy")
def unwatch(client: Client) -> str:
    """UNWATCH

    Forgets about watched keys of a transaction.
    Since 2.2.0. O(1).
    """
    client.unwatch()
    return "OK"
