"""What commands about streams leave for replicas: what Redis leaves, entry by entry."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.differential.comparing import Pair, start_pair
from tests.differential.dialogue import Line
from tests.differential.streams import differences, effects, event_differences

Leaves = Callable[..., None]

ENTRIES = tuple(f"XADD s {number}-0 n {number}" for number in range(1, 7))
GROUP = (*ENTRIES, "XGROUP CREATE s g 0", *(f"XGROUP CREATECONSUMER s g {name}" for name in ("alice", "bob")))
READ = "XREADGROUP GROUP g alice COUNT 3 STREAMS s >"


@pytest.fixture(scope="module")
def servers(redis_server: list[str], our_server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("stream_propagation")
    with start_pair(directory, redis_server, our_server, ("repl-diskless-sync-delay", 0)) as pair:
        yield pair


@pytest.fixture(scope="module")
def leaves_the_same(servers: Pair) -> Leaves:
    def compare(*lines: Line, counted: bool = True) -> None:
        theirs, ours = effects(lines, servers.redis), effects(lines, servers.ours)
        if servers.redis_is_7_0 and not counted:
            theirs = [replace(effect, changes=our.changes) for effect, our in zip(theirs, ours, strict=True)]
        problems = [*differences(theirs, ours, {}), *event_differences(theirs, ours)]
        assert not problems, "\n" + "\n".join(problems)

    return compare


def test_entries_are_added_with_the_id_they_got(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "XADD s 1-1 a 1", "XADD s 2-* a 1", "XADD s 2-* a 1", "XADD s 1 a 1", "XADD s NOMKSTREAM 3-* a 1",
        "XADD none NOMKSTREAM 3 a 1", "XADD s MAXLEN 2 4 a 1", "XADD s MAXLEN = 2 5-* a 1", "XADD s MINID 3 6 a 1",
    )  # fmt: skip


def test_trims_are_told_exactly(leaves_the_same: Leaves) -> None:
    add = "\n".join(f"XADD s {number} a 1" for number in range(1, 40))
    leaves_the_same(
        "CONFIG SET stream-node-max-entries 10", add, "XADD s MAXLEN ~ 25 50 a 1",
        "XADD s NOMKSTREAM MAXLEN ~ 25 51-* a 1",
        "XADD s MAXLEN ~ 5 LIMIT 10 52 a 1", "XTRIM s MAXLEN ~ 1000", "XTRIM s MAXLEN ~ 5 LIMIT 10", "XDEL s 31 32",
        "XADD s MINID ~ 33 LIMIT 9 53 a 1", "XTRIM s MINID ~ 45", "XTRIM s MAXLEN 7", "XTRIM s MAXLEN = 6 ",
        "XTRIM s MINID 51", "XTRIM s MINID 51", "XTRIM s MAXLEN ~ 0 LIMIT 0", "CONFIG SET stream-node-max-entries 100",
    )  # fmt: skip


def test_deletions_and_moved_ids(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        *ENTRIES, "XDEL s 1 2 99", "XDEL s 99", "XSETID s 50", "XSETID s 60 ENTRIESADDED 9 MAXDELETEDID 5",
        "XSETID s 1",
        "XDEL s 3 4 5 6",
    )  # fmt: skip


def test_groups_are_told_as_they_came(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        *ENTRIES, "XGROUP CREATE s g $", "XGROUP CREATE s g $", "XGROUP CREATE new g $ MKSTREAM", "XGROUP SETID s g 2",
        "XGROUP CREATECONSUMER s g a", "XGROUP CREATECONSUMER s g a", "XGROUP DELCONSUMER s g a",
        "XGROUP DELCONSUMER s g a",
        "XGROUP DESTROY s g", "XGROUP DESTROY s g",
    )  # fmt: skip


def test_reading_in_a_group_is_told_as_claims(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        *GROUP, READ, "XREADGROUP GROUP g bob COUNT 1 STREAMS s >", "XREADGROUP GROUP g alice STREAMS s 0",
        "XREADGROUP GROUP g bob NOACK COUNT 1 STREAMS s >", "XREADGROUP GROUP g carol NOACK STREAMS s >",
        "XREADGROUP GROUP g bob STREAMS s >", "XACK s g 1 2", "XACK s g 1", "XADD s 7 a 1", "XDEL s 6",
        "XREADGROUP GROUP g alice STREAMS s >", "MULTI", "XADD s 8 a 1", "XREADGROUP GROUP g alice STREAMS s >", "EXEC",
        "XREAD STREAMS s 0",
    )  # fmt: skip


def test_claims_are_told_as_what_they_came_to(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        *GROUP, READ, "XCLAIM s g bob 0 1", "XCLAIM s g bob 0 1 2 JUSTID", "XCLAIM s g bob 99999 3",
        "XCLAIM s g bob 0 5 FORCE",
        "XCLAIM s g bob 0 3 RETRYCOUNT 7 IDLE 100", "XCLAIM s g bob 0 77 LASTID 5", "XCLAIM s g bob 0 1 LASTID 6",
        "XDEL s 2",
        "XCLAIM s g alice 0 2 3", "XAUTOCLAIM s g alice 0 0 COUNT 1", "XDEL s 3", "XAUTOCLAIM s g bob 0 0 JUSTID",
        "XAUTOCLAIM s g bob 99999 0",
    )  # fmt: skip


def test_who_waited_is_told_like_who_did_not(leaves_the_same: Leaves) -> None:
    leaves_the_same(
        "XGROUP CREATE s g $ MKSTREAM", "XGROUP CREATECONSUMER s g b",
        "b: XREADGROUP GROUP g b BLOCK 0 STREAMS s > &", "XADD s 1-1 a 1", "b: <-",
        "b: XREADGROUP GROUP g b NOACK BLOCK 0 STREAMS s > &", "MULTI", "XADD s 2-1 a 1", "XADD s 3-1 a 1", "EXEC",
        "b: <-",
        counted=False,  # Redis 7.0 does not count what the one who waited has changed
    )  # fmt: skip
