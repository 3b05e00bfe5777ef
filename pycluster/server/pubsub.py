"""Publish and subscribe: who listens to which channel, pattern or shard channel.

A shard channel belongs to a slot like a key; who loses the slot loses the channel. Nothing here is remembered: a
message goes to who listens now.

Source: https://redis.io/docs/latest/develop/interact/pubsub/ (pubsub.c).
"""

from collections.abc import Callable

from pycluster.keyspace.slots import key_slot
from pycluster.protocol.glob import glob_match
from pycluster.protocol.replies import Push
from pycluster.server.client import SUBSCRIBED, Client

Subscribers = dict[bytes, dict[Client, None]]


class PubSub:
    """The subscriptions of one server."""

    def __init__(self) -> None:
        self.channels: Subscribers = {}
        self.patterns: Subscribers = {}
        self.shard_channels: Subscribers = {}
        self.on_shard_message: Callable[[bytes, Push, Client], None] | None = None  # told of each that goes out

    # Each of these returns the confirmation for the client.

    def subscribe(self, client: Client, channel: bytes) -> Push:
        """SUBSCRIBE to one channel."""
        _add(self.channels, client.channels, client, channel)
        return Push([b"subscribe", channel, client.subscriptions])

    def psubscribe(self, client: Client, pattern: bytes) -> Push:
        """PSUBSCRIBE to one pattern."""
        _add(self.patterns, client.patterns, client, pattern)
        return Push([b"psubscribe", pattern, client.subscriptions])

    def ssubscribe(self, client: Client, channel: bytes) -> Push:
        """SSUBSCRIBE to one shard channel."""
        _add(self.shard_channels, client.shard_channels, client, channel)
        return Push([b"ssubscribe", channel, len(client.shard_channels)])

    def unsubscribe(self, client: Client, channel: bytes | None) -> Push:
        """UNSUBSCRIBE from one channel (None: there is none to name)."""
        _remove(self.channels, client.channels, client, channel)
        return Push([b"unsubscribe", channel, client.subscriptions])

    def punsubscribe(self, client: Client, pattern: bytes | None) -> Push:
        """PUNSUBSCRIBE from one pattern."""
        _remove(self.patterns, client.patterns, client, pattern)
        return Push([b"punsubscribe", pattern, client.subscriptions])

    def sunsubscribe(self, client: Client, channel: bytes | None) -> Push:
        """SUNSUBSCRIBE from one shard channel."""
        _remove(self.shard_channels, client.shard_channels, client, channel)
        return Push([b"sunsubscribe", channel, len(client.shard_channels)])

    def forget(self, client: Client) -> None:
        """Ends all subscriptions of a client, silently."""
        for everybody, mine in (
            (self.channels, client.channels),
            (self.patterns, client.patterns),
            (self.shard_channels, client.shard_channels),
        ):
            for name in list(mine):
                _remove(everybody, mine, client, name)

    def publish(self, channel: bytes, message: bytes) -> int:
        """Hands a message to the subscribers of a channel and of the patterns that match it; how many that were."""
        receivers = 0
        for client in list(self.channels.get(channel, ())):
            client.link.send(Push([b"message", channel, message]))
            receivers += 1
        for pattern, clients in list(self.patterns.items()):
            if glob_match(pattern, channel):
                for client in list(clients):
                    client.link.send(Push([b"pmessage", pattern, channel, message]))
                    receivers += 1
        return receivers

    def spublish(self, channel: bytes, message: bytes) -> int:
        """Hands a message to the subscribers of a shard channel; how many that were."""
        clients = list(self.shard_channels.get(channel, ()))
        for client in clients:
            push = Push([b"smessage", channel, message])
            client.link.send(push)
            if self.on_shard_message is not None:
                self.on_shard_message(channel, push, client)
        return len(clients)

    def leave_slot(self, slot: int) -> None:
        """The slot belongs to another shard now: its shard channels end, and their subscribers are told."""
        for channel in [channel for channel in self.shard_channels if key_slot(channel) == slot]:
            for client in list(self.shard_channels[channel]):
                client.link.send(self.sunsubscribe(client, channel))
                update_gate(client)


def update_gate(client: Client) -> None:
    """A RESP2 client with any subscription may say little else."""
    if client.resp == 2 and (client.channels or client.patterns or client.shard_channels):
        client.up(SUBSCRIBED)
    else:
        client.down(SUBSCRIBED)


def _add(everybody: Subscribers, mine: dict[bytes, None], client: Client, name: bytes) -> None:
    mine[name] = None
    everybody.setdefault(name, {})[client] = None


def _remove(everybody: Subscribers, mine: dict[bytes, None], client: Client, name: bytes | None) -> None:
    if name is None or name not in mine:
        return
    del mine[name]
    subscribers = everybody[name]
    del subscribers[client]
    if not subscribers:
        del everybody[name]
