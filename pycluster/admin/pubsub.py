"""SUBSCRIBE, PUBLISH and their sisters, PUBSUB: the commands; who listens to what is server/pubsub.py's (pubsub.c)."""

from collections.abc import Callable, Sequence

from pycluster.commands.table import Group, KeySpec, Range
from pycluster.protocol.errors import SubcommandMisused
from pycluster.protocol.glob import glob_match
from pycluster.protocol.replies import Push, Several
from pycluster.server.client import Client
from pycluster.server.pubsub import Subscribers, update_gate

group = Group("pubsub")

ONE_CHANNEL = KeySpec("not_key", 1, Range(0))
CHANNELS = KeySpec("not_key", 1, Range(-1))


@group.command("pubsub noscript loading stale", arity=-2)
def subscribe(client: Client, *channels: bytes) -> Several:
    """SUBSCRIBE channel [channel ...]

    Listens for messages published to channels.
    Since 2.0.0. O(N) where N is the number of channels to subscribe to.
    """
    return _for_each(client, channels, client.server.pubsub.subscribe)


@group.command("pubsub noscript loading stale", arity=-2)
def psubscribe(client: Client, *patterns: bytes) -> Several:
    """PSUBSCRIBE pattern [pattern ...]

    Listens for messages published to channels that match one or more patterns.
    Since 2.0.0. O(N) where N is the number of patterns to subscribe to.
    """
    return _for_each(client, patterns, client.server.pubsub.psubscribe)


@group.command("pubsub noscript loading stale", keys=CHANNELS, arity=-2)
def ssubscribe(client: Client, *shardchannels: bytes) -> Several:
    """SSUBSCRIBE shardchannel [shardchannel ...]

    Listens for messages published to shard channels.
    Since 7.0.0. O(N) where N is the number of shard channels to subscribe to.
    """
    return _for_each(client, shardchannels, client.server.pubsub.ssubscribe)


@group.command("pubsub noscript loading stale")
def unsubscribe(client: Client, *channels: bytes) -> Several:
    """UNSUBSCRIBE [channel [channel ...]]

    Stops listening to messages posted to channels.
    Since 2.0.0. O(N) where N is the number of channels to unsubscribe.
    """
    return _for_each(client, channels or (*client.channels,) or (None,), client.server.pubsub.unsubscribe)


@group.command("pubsub noscript loading stale")
def punsubscribe(client: Client, *patterns: bytes) -> Several:
    """PUNSUBSCRIBE [pattern [pattern ...]]

    Stops listening to messages published to channels that match one or more patterns.
    Since 2.0.0. O(N) where N is the number of patterns to unsubscribe.
    """
    return _for_each(client, patterns or (*client.patterns,) or (None,), client.server.pubsub.punsubscribe)


@group.command("pubsub noscript loading stale", keys=CHANNELS, arity=-1)
def sunsubscribe(client: Client, *shardchannels: bytes) -> Several:
    """SUNSUBSCRIBE [shardchannel [shardchannel ...]]

    Stops listening to messages posted to shard channels.
    Since 7.0.0. O(N) where N is the number of shard channels to unsubscribe.
    """
    names = shardchannels or (*client.shard_channels,) or (None,)
    return _for_each(client, names, client.server.pubsub.sunsubscribe)


def _for_each(client: Client, names: Sequence[bytes | None], act: Callable[..., Push]) -> Several:
    """One confirmation for each name, in their order."""
    confirmations = Several(act(client, name) for name in names)
    update_gate(client)
    return confirmations


@group.command("pubsub loading stale fast may_replicate")
def publish(client: Client, channel: bytes, message: bytes) -> int:
    """PUBLISH channel message

    Posts a message to a channel.
    Since 2.0.0. O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total
    number of subscribed patterns (by any client).
    """
    server = client.server
    receivers: int = server.pubsub.publish(channel, message)
    if server.cluster is not None:
        server.cluster.publish(channel, message)
    else:
        server.journal.record_message(channel, message)
    return receivers


@group.command("pubsub loading stale fast may_replicate", keys=ONE_CHANNEL)
def spublish(client: Client, shardchannel: bytes, message: bytes) -> int:
    """SPUBLISH shardchannel message

    Post a message to a shard channel
    Since 7.0.0. O(N) where N is the number of clients subscribed to the receiving shard channel.
    """
    server = client.server
    receivers: int = server.pubsub.spublish(shardchannel, message)
    if server.cluster is not None:
        server.cluster.spublish(shardchannel, message)
    else:
        server.journal.record_message(shardchannel, message)
    return receivers


# PUBSUB

pubsub = group.container("pubsub", categories="")


@pubsub.command("pubsub loading stale")
def pubsub_channels(client: Client, *pattern: bytes) -> list[bytes]:
    """PUBSUB CHANNELS [pattern]

    Returns the active channels.
    Since 2.8.0. O(N) where N is the number of active channels, and assuming constant time pattern matching
    (relatively short channels and patterns)
    """
    return _matching(client.server.pubsub.channels, pattern)


@pubsub.command("pubsub loading stale")
def pubsub_shardchannels(client: Client, *pattern: bytes) -> list[bytes]:
    """PUBSUB SHARDCHANNELS [pattern]

    Returns the active shard channels.
    Since 7.0.0. O(N) where N is the number of active shard channels, and assuming constant time pattern matching
    (relatively short shard channels).
    """
    return _matching(client.server.pubsub.shard_channels, pattern)


def _matching(subscribers: Subscribers, pattern: tuple[bytes, ...]) -> list[bytes]:
    if len(pattern) > 1:
        raise SubcommandMisused
    return [name for name in subscribers if not pattern or glob_match(pattern[0], name)]


@pubsub.command("pubsub loading stale")
def pubsub_numpat(client: Client) -> int:
    """PUBSUB NUMPAT

    Returns a count of unique pattern subscriptions.
    Since 2.8.0. O(1).
    """
    return len(client.server.pubsub.patterns)


@pubsub.command("pubsub loading stale")
def pubsub_numsub(client: Client, *channels: bytes) -> list[object]:
    """PUBSUB NUMSUB [channel [channel ...]]

    Returns a count of subscribers to channels.
    Since 2.8.0. O(N) for the NUMSUB subcommand, where N is the number of requested channels
    """
    return _counts(client.server.pubsub.channels, channels)


@pubsub.command("pubsub loading stale")
def pubsub_shardnumsub(client: Client, *shardchannels: bytes) -> list[object]:
    """PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]

    Returns the count of subscribers of shard channels.
    Since 7.0.0. O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels
    """
    return _counts(client.server.pubsub.shard_channels, shardchannels)


def _counts(subscribers: Subscribers, names: tuple[bytes, ...]) -> list[object]:
    return [value for name in names for value in (name, len(subscribers.get(name, ())))]


pubsub.help("""
CHANNELS [<pattern>]
    Return the currently active channels matching a <pattern> (default: '*').
NUMPAT
    Return number of subscriptions to patterns.
NUMSUB [<channel> ...]
    Return the number of subscribers for the specified channels, excluding
    pattern subscriptions(default: no channels).
SHARDCHANNELS [<pattern>]
    Return the currently active shard level channels matching a <pattern> (default: '*').
SHARDNUMSUB [<shardchannel> ...]
    Return the number of subscribers for the specified shard level channel(s)
""")
