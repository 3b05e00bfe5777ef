"""DUMP and RESTORE: options, refusals and traces, compared with the real server."""

import pytest

from pycluster.datatypes.block_list import List
from pycluster.rdb.payload import dump, seal
from tests.differential.comparing import Pair
from tests.differential.test_propagation import Leaves, leaves_the_same, servers  # noqa: F401

ONE = dump(b"one")
TWO = dump(b"two")
LIST = dump(List([b"a", b"b"]))
NEVER_SEEN = b"\x00\x01v" + (4000).to_bytes(2, "little") + bytes(8)


def test_restoring(compare: Pair) -> None:
    compare(
        ("RESTORE", "k", 0, ONE), "GET k", "TTL k", ("RESTORE", "l", 0, LIST), "LRANGE l 0 -1",
        ("RESTORE", "t", 100_000, ONE), "[near] PTTL t", ("RESTORE", "a", 4_102_444_800_000, ONE, "ABSTTL"),
        "PEXPIRETIME a", ("restore", "r", 0, ONE, "replace", "abSttl"), "GET r", "DUMP nosuch",
    )  # fmt: skip


def test_a_key_that_is_there_is_replaced_only_if_asked(compare: Pair) -> None:
    compare(
        "SET k v EX 100", ("RESTORE", "k", 0, ONE), "GET k", ("RESTORE", "k", 0, TWO, "REPLACE"), "GET k", "TTL k",
        "SET mortal v PX 1", "DEBUG SLEEP 0.01", ("RESTORE", "mortal", 0, ONE), "GET mortal",
    )  # fmt: skip


def test_a_deadline_in_the_past(compare: Pair) -> None:
    compare(
        ("RESTORE", "k", 1, ONE, "ABSTTL"), "EXISTS k", "SET k v", ("RESTORE", "k", 1, ONE, "ABSTTL"),
        ("RESTORE", "k", 1, ONE, "ABSTTL", "REPLACE"), "EXISTS k",
    )  # fmt: skip


def test_refusals_come_in_order(compare: Pair) -> None:
    compare(
        "SET there v", "RESTORE", "RESTORE k 0", ("RESTORE", "there", "x", b"junk", "NOSUCH"),
        ("RESTORE", "there", "x", b"junk"), ("RESTORE", "k", "x", b"junk"), ("RESTORE", "k", -1, b"junk"),
        ("RESTORE", "k", 0, b"junk"), ("RESTORE", "k", 0, b""), ("RESTORE", "k", 0, ONE[:-1] + b"x"),
        ("RESTORE", "k", 0, NEVER_SEEN), ("RESTORE", "k", "9223372036854775808", ONE), "EXISTS k",
    )  # fmt: skip


@pytest.mark.parametrize("body", ["", "63", "0f00", "01", "01020161", "0400", "0c00"])
def test_payloads_that_hold_no_value(compare: Pair, body: str) -> None:
    compare(("RESTORE", "k", 0, seal(bytes.fromhex(body))), "EXISTS k")


@pytest.mark.parametrize(
    "options",
    [
        "IDLETIME 5", "IDLETIME -1", "IDLETIME x", "IDLETIME", "FREQ 5", "FREQ 256", "FREQ -1", "FREQ", "FREQ x",
        "IDLETIME 5 FREQ 5", "FREQ 5 IDLETIME 5", "IDLETIME 1 IDLETIME 2", "REPLACE REPLACE", "ABSTTL ABSTTL", "NX",
    ],
)  # fmt: skip
def test_options(compare: Pair, options: str) -> None:
    compare(("RESTORE", "k", 0, ONE, *options.split()), "GET k")


@pytest.mark.parametrize(
    ("policy", "options", "question"),
    [
        ("allkeys-lru", "IDLETIME 1000", "[near] OBJECT IDLETIME k"),
        ("allkeys-lru", "FREQ 100", "[near] OBJECT IDLETIME k"),
        ("allkeys-lfu", "FREQ 100", "OBJECT FREQ k"),
        ("allkeys-lfu", "IDLETIME 1000", "OBJECT FREQ k"),
        ("allkeys-lfu", "", "OBJECT FREQ k"),
    ],
)
def test_uses_are_restored_too(compare: Pair, policy: str, options: str, question: str) -> None:
    compare(
        f"CONFIG SET maxmemory-policy {policy}", ("RESTORE", "k", 0, ONE, *options.split()), question,
        "CONFIG SET maxmemory-policy noeviction",
    )  # fmt: skip


def test_watchers_and_waiters_hear_of_it(compare: Pair) -> None:
    compare("b: WATCH k", ("RESTORE", "k", 0, ONE), "b: MULTI", "b: PING", "b: EXEC")
    compare("b: BLPOP l 0 &", ("RESTORE", "l", 0, LIST), "b: <-", "LRANGE l 0 -1")


def test_in_transactions(compare: Pair) -> None:
    compare("MULTI", ("RESTORE", "k", 0, ONE), ("RESTORE", "k", 0, ONE), "DUMP nosuch", "EXEC", "GET k")


def test_what_is_propagated(leaves_the_same: Leaves) -> None:  # noqa: F811
    leaves_the_same(
        ("RESTORE", "k", 0, ONE), ("RESTORE", "k", 0, ONE), ("restore", "k", 0, TWO, "replace"),
        ("RESTORE", "a", 4_102_444_800_000, ONE, "ABSTTL"), ("RESTORE", "gone", 1, ONE, "ABSTTL"),
        ("RESTORE", "k", 1, ONE, "ABSTTL", "REPLACE"), ("RESTORE-ASKING", "q", 0, ONE, "IDLETIME", 3),
        ("RESTORE", "l", 0, b"junk"), "DEBUG SET-ACTIVE-EXPIRE 0", "SET mortal v PX 1", "DEBUG SLEEP 0.01",
        ("RESTORE", "mortal", 0, ONE, "REPLACE"), "DEBUG SET-ACTIVE-EXPIRE 1",
    )  # fmt: skip


def test_restore_asking_needs_no_asking(compare_routing: Pair) -> None:
    importing = ("CLUSTER", "SETSLOT", 12182, "IMPORTING", "2" * 40)  # foo's slot, which is the other's
    compare_routing(
        ("RESTORE", "foo", 0, ONE), ("RESTORE-ASKING", "foo", 0, ONE), importing, ("RESTORE", "foo", 0, ONE),
        ("RESTORE-ASKING", "foo", 0, ONE), "ASKING", "GET foo", ("RESTORE-ASKING", "foo", 0, ONE),
        ("RESTORE-ASKING", "foo", 0, TWO, "REPLACE"), "ASKING", "GET foo", "CLUSTER COUNTKEYSINSLOT 12182",
        "ASKING", "DEL foo", "CLUSTER SETSLOT 12182 STABLE",
    )  # fmt: skip
