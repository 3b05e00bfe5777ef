"""Memory that runs full in a process: the limit holds under load, replicas and files lose what the primary does."""


import pytest

from pycluster.testing.node import Node
from pycluster.testing.waiting import wait_until
from tests.integration.replicas import Servers, assert_same, follow

MB = 1 << 20


def fill(node: Node, keys: int, *options: str, prefix: str = "key", length: int = 1000) -> list[object]:
    """Sets keys, a hundred at a time; the replies."""
    replies: list[object] = []
    value = b"x" * length
    with node.connect() as connection:
        for first in range(0, keys, 100):
            for number in range(first, first + 100):
                connection.send("SET", f"{prefix}:{number}", value, *options)
            replies += [connection.receive() for _ in range(100)]
    return replies


def used(node: Node) -> int:
    return int(node.info("memory")["used_memory"])


def wait_until_it_fits(node: Node, limit: int) -> None:
    def why_not() -> str:
        now = used(node)
        return "" if now <= limit else f"{node} uses {now}"

    wait_until(why_not)


@pytest.mark.parametrize(
    "policy",
    ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"],
)  # fmt: skip
def test_the_limit_holds_under_load(servers: Servers, our_server: list[str], policy: str) -> None:
    node = servers.start(our_server, ("maxmemory", 8 * MB), ("maxmemory-policy", policy))
    replies = fill(node, 12000, "EX", "1000")
    assert set(replies) == {b"OK"}
    wait_until_it_fits(node, 8 * MB + MB // 8)
    told = node.info("stats", "keyspace")
    keys = int(told["db0"].partition(",")[0].removeprefix("keys="))
    assert 4000 < keys < 9000
    assert keys + int(told["evicted_keys"]) == 12000


def test_replicas_lose_what_their_primary_evicts(
    servers: Servers, our_server: list[str], redis_server: list[str]
) -> None:
    primary = servers.start(our_server, ("maxmemory-policy", "allkeys-lru"))
    replicas = [servers.start(program, ("maxmemory", MB)) for program in (our_server, redis_server)]
    for replica in replicas:
        follow(replica, primary)
    primary.ask("CONFIG", "SET", "maxmemory", 4 * MB)
    fill(primary, 6000)
    wait_until_it_fits(primary, 4 * MB + MB // 8)
    primary.ask("CONFIG", "SET", "maxmemory", 0)  # nothing more goes while the two are compared
    for replica in replicas:
        assert_same(replica, primary)
        assert replica.info("stats")["evicted_keys"] == "0"


def test_an_append_only_file_brings_back_no_evicted_key(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, ("maxmemory", 4 * MB), ("maxmemory-policy", "allkeys-lru"), ("appendonly", "yes"))
    fill(node, 6000)
    wait_until_it_fits(node, 4 * MB + MB // 8)
    node.ask("CONFIG", "SET", "maxmemory", 0)  # nothing more goes behind the digest
    before = node.ask("DEBUG", "DIGEST")
    node.ask("DEBUG", "LOADAOF")
    assert node.ask("DEBUG", "DIGEST") == before


def test_a_limit_set_at_run_time_is_met_without_further_commands(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server, ("maxmemory-policy", "allkeys-random"))
    fill(node, 6000)
    node.ask("CONFIG", "SET", "maxmemory", 3 * MB)
    wait_until(lambda: "" if node.ask("DBSIZE") < 3000 else "too many keys")
    assert "is smaller than the current memory usage" in node.log()


def test_a_million_flushed_members_are_freed_beside_other_work(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server)
    node.ask("DEBUG", "POPULATE", 300_000)
    node.ask("FLUSHALL")
    assert node.ask("DBSIZE") == 0
    wait_until(lambda: "" if node.info("memory")["lazyfree_pending_objects"] == "0" else "not all is freed")
    assert node.info("memory")["lazyfreed_objects"] == "300000"
    assert used(node) < MB


def test_used_memory_is_near_what_the_process_has_grown_by(servers: Servers, our_server: list[str]) -> None:
    node = servers.start(our_server)
    before = node.info("memory")
    node.ask("DEBUG", "POPULATE", 200_000, "key", 200)
    after = node.info("memory")
    wait_until(lambda: "" if used(node) > 200_000 * 200 else "not surveyed yet")
    grown = int(after["used_memory_rss"]) - int(before["used_memory_rss"])
    assert used(node) - int(before["used_memory"]) == pytest.approx(grown, rel=0.15)
