"""Memory that is limited and asked about: refusals, uses of keys, MEMORY. Sizes are each server's own."""

import pytest

from tests.differential.comparing import Pair

LIMIT, NO_LIMIT = "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"
BY_DEFAULT = "CONFIG SET maxmemory-policy noeviction"


def test_full_memory_refuses_what_takes_more(compare: Pair) -> None:
    compare(
        "SET a 1", "RPUSH l 1 2", LIMIT, "SET a 2", "INCR a", "APPEND a x", "LPUSH l 3", "HSET h f v", "SETRANGE a 5 x",
        "GET a", "LPOP l", "EXPIRE a 100", "PERSIST a", "RENAME a b", "DEL b", "PING", "PUBLISH c m", "FLUSHALL",
        "SET a 1", NO_LIMIT, "SET a 1",
    )  # fmt: skip


def test_errors_that_come_before_that_of_full_memory(compare: Pair) -> None:
    compare(LIMIT, "SET a", "NOSUCH", "SET a 1 NX XX", "INCRBY a x", NO_LIMIT)


def test_full_memory_refuses_to_queue_anything(compare: Pair) -> None:
    compare(LIMIT, "MULTI", "GET a", "PING", "SET a 1", "MULTI", "WATCH a", "EXEC", NO_LIMIT)
    compare(LIMIT, "MULTI", "DISCARD", "MULTI", "EXEC", "MULTI", "RESET", NO_LIMIT)


def test_full_memory_aborts_transactions_that_would_take_more(compare: Pair) -> None:
    compare("MULTI", "SET a 1", f"b: {LIMIT}", "EXEC", f"b: {NO_LIMIT}", "GET a", "EXEC")
    compare("SET a 1", "MULTI", "GET a", "DEL a", f"b: {LIMIT}", "EXEC", f"b: {NO_LIMIT}")


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"])
def test_volatile_policies_refuse_when_nothing_may_expire(compare: Pair, policy: str) -> None:
    compare(
        "SET a 1", "SET b 1 EX 100", f"CONFIG SET maxmemory-policy {policy}", LIMIT, "SET c 1", "EXISTS a b c",
        NO_LIMIT, BY_DEFAULT,
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_limit_below_everything_evicts_everything(compare: Pair, policy: str) -> None:
    compare(
        "SET a 1", "RPUSH l 1 2 3", f"CONFIG SET maxmemory-policy {policy}", LIMIT, "SET c 1", "EXISTS a l c", "DBSIZE",
        NO_LIMIT, BY_DEFAULT,
    )  # fmt: skip


def test_evictions_are_told_of(compare: Pair) -> None:
    compare(
        "CONFIG SET notify-keyspace-events KEA maxmemory-policy allkeys-random", "SET a 1",
        "s: SUBSCRIBE __keyevent@0__:evicted __keyevent@0__:del", f"b: {LIMIT}", "b: GET x", "s: <-", f"b: {NO_LIMIT}",
        f"b: {BY_DEFAULT}", "b: CONFIG SET notify-keyspace-events ''",
    )  # fmt: skip


def test_how_keys_are_used_is_told_by_the_policy(compare: Pair) -> None:
    compare("SET a 1", "[near] OBJECT IDLETIME a", "OBJECT FREQ a", "OBJECT FREQ nosuch", "OBJECT IDLETIME nosuch")
    compare(
        "CONFIG SET maxmemory-policy allkeys-lfu", "SET a x", "OBJECT FREQ a", "OBJECT IDLETIME a",
        "OBJECT IDLETIME nosuch", "GET a", "OBJECT FREQ a", "EXISTS a", "TYPE a", "TTL a", "OBJECT FREQ a", BY_DEFAULT,
    )  # fmt: skip
    compare(
        "CONFIG SET maxmemory-policy volatile-lru", "SET a x", "GET a", "[near] OBJECT IDLETIME a", "OBJECT FREQ a",
        BY_DEFAULT,
    )  # fmt: skip


def test_keys_that_are_never_forgiven_a_use_without_a_factor(compare: Pair) -> None:
    compare(
        "CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 0", "SET a x", "GET a", "GET a", "STRLEN a", "SET a y",
        "OBJECT FREQ a", "HSET h f v", "HGET h f", "OBJECT FREQ h", "CONFIG SET lfu-log-factor 10", BY_DEFAULT,
    )  # fmt: skip


def test_memory_usage(compare: Pair) -> None:
    compare("MEMORY USAGE nosuch", "SET a 1", "[shape] MEMORY USAGE a", "[shape] MEMORY USAGE a SAMPLES 0")
    compare(
        "MEMORY USAGE", "MEMORY USAGE a SAMPLES", "MEMORY USAGE a SAMPLES x", "MEMORY USAGE a SAMPLES -1",
        "MEMORY USAGE a b", "MEMORY USAGE a SAMPLES 1 b",
    )  # fmt: skip


def test_memory_help_and_what_it_does_not_name(compare: Pair) -> None:
    compare("[shape] MEMORY HELP", "MEMORY", "MEMORY NOSUCH", "MEMORY STATS x", "MEMORY PURGE")


def test_memory_of_a_server_without_data(compare: Pair) -> None:
    compare("MEMORY DOCTOR")


