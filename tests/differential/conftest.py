"""The pairs of servers that dialogues are held with. They live as long as the test run, so a dialogue leaves nothing
behind but keys: a directive that it changes it puts back.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pycluster.testing import wait_until
from pycluster.testing.node import Directive
from tests.differential.comparing import Pair, start_pair

# Both servers of a pair call themselves 127.0.0.9:7001, so that what they say of their cluster is equal to the byte.
ME, PEER = "1" * 40, "2" * 40
CLUSTERED: tuple[Directive, ...] = (
    ("cluster-enabled", "yes"),
    ("cluster-node-timeout", 3_600_000),
    ("cluster-announce-ip", "127.0.0.9"),
    ("cluster-announce-port", 7001),
    ("cluster-announce-bus-port", 17001),
)
ALL_SLOTS = f"{ME} 127.0.0.9:7001@17001 myself,master - 0 0 1 connected 0-16383\nvars currentEpoch 1 lastVoteEpoch 0\n"
HALF_THE_SLOTS = (
    f"{ME} 127.0.0.9:7001@17001 myself,master - 0 0 1 connected 0-8191\n"
    f"{PEER} 127.0.0.9:7002@17002 master - 0 0 2 connected 8192-16383\n"
    "vars currentEpoch 2 lastVoteEpoch 0\n"
)

MakePair = Callable[..., Pair]


@pytest.fixture(scope="session")
def compare(redis_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Servers outside of cluster mode."""
    with start_pair(tmp_path_factory.mktemp("plain"), redis_server, our_server) as pair:
        yield pair


@pytest.fixture(scope="session")
def compare_in_cluster(
    redis_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Clusters of one node that has all slots."""
    directory = tmp_path_factory.mktemp("clustered")
    with start_pair(directory, redis_server, our_server, *CLUSTERED, nodes_conf=ALL_SLOTS) as pair:
        _wait_ok(pair)
        yield pair


@pytest.fixture(scope="session")
def compare_routing(
    redis_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Nodes with the slots 0-8191. The others belong to 127.0.0.9:7002, not there but not missed for an hour."""
    directory = tmp_path_factory.mktemp("routing")
    with start_pair(directory, redis_server, our_server, *CLUSTERED, nodes_conf=HALF_THE_SLOTS) as pair:
        _wait_ok(pair)
        yield pair


@pytest.fixture
def make_pair(redis_server: list[str], our_server: list[str], tmp_path: Path) -> Iterator[MakePair]:
    """Starts a pair with directives of its own: `compare = make_pair(("maxclients", 2))`."""
    with ExitStack() as stack:

        def make(*directives: Directive, nodes_conf: str = "", password: str = "") -> Pair:
            pair = start_pair(
                tmp_path, redis_server, our_server, *directives, nodes_conf=nodes_conf, password=password
            )
            return stack.enter_context(pair)

        yield make


def _wait_ok(pair: Pair) -> None:
    """A master that has just come up with slots takes no writes for two seconds."""
    for node in (pair.redis, pair.ours):
        wait_until(lambda: "" if node.cluster_info()["cluster_state"] == "ok" else f"{node} is not ok")  # noqa: B023
