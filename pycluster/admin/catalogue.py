"""All families of commands that a server knows, data first. Who adds a family adds it here."""

from pycluster.admin import clients, connection, pubsub, transactions
from pycluster.commands import expiration, keys, strings
from pycluster.commands.table import Group

GROUPS: tuple[Group, ...] = (
    strings.group,
    keys.group,
    expiration.group,
    connection.group,
    clients.group,
    transactions.group,
    pubsub.group,
)
