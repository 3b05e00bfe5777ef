"""What is published at one node is heard at the others, whoever made them; in a shard channel, by its shard alone."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pycluster.testing import Connection, Node
from tests.integration.shards import Shards
from tests.interop.mixed import TAGS, start_mixed


@pytest.fixture(scope="module")
def mixed(our_server: list[str], real_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shards]:
    with start_mixed(tmp_path_factory.mktemp("pubsub"), our_server, real_server) as mixed:
        yield mixed


@pytest.fixture
def listeners(mixed: Shards) -> Iterator[dict[int, Connection]]:
    """A connection to each of the nodes, by port."""
    with ExitStack() as stack:
        yield {node.port: stack.enter_context(node.connect()) for node in mixed.nodes}


def hear(listener: Connection, count: int) -> set[bytes]:
    """The next messages; one that came twice, or one too many, shows as one that is missing."""
    messages = [listener.receive() for _ in range(count)]
    assert {message[0] for message in messages} <= {b"message", b"smessage"}
    return {message[2] for message in messages}


def publish_at_each(nodes: list[Node], command: str, channel: str) -> set[bytes]:
    for node in nodes:
        assert node.ask(command, channel, node.port) == 1  # who listens elsewhere is not counted
    return {b"%d" % node.port for node in nodes}


def test_publish_reaches_every_node(mixed: Shards, listeners: dict[int, Connection]) -> None:
    for listener in listeners.values():
        assert listener.ask("SUBSCRIBE", "news") == [b"subscribe", b"news", 1]
    published = publish_at_each(mixed.nodes, "PUBLISH", "news")
    for listener in listeners.values():
        assert hear(listener, 6) == published


@pytest.mark.parametrize("name", ["A", "B"])
def test_spublish_reaches_its_shard(mixed: Shards, listeners: dict[int, Connection], name: str) -> None:
    shard, channel = list(mixed.shard(name)), TAGS[name] + "news"
    for node in shard:
        assert listeners[node.port].ask("SSUBSCRIBE", channel) == [b"ssubscribe", channel.encode(), 1]
    published = publish_at_each(shard, "SPUBLISH", channel)
    for node in shard:
        assert hear(listeners[node.port], 2) == published
