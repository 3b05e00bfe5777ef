"""CLUSTER SLOT-STATS: what the slots of this shard hold and cost. An addition to Redis 7.2, as Valkey 8 made it."""

from pycluster.admin.cluster import cluster, part, syntax_error
from pycluster.admin.cluster import group as cluster_group
from pycluster.cluster.slot_map import slot_range, slots_in
from pycluster.keyspace.slots import SLOTS, parse_slot
from pycluster.protocol.errors import (
    BadSyntax,
    LimitBeyondSlots,
    RepeatedFilter,
    UnknownSortMetric,
    slot_stats_backwards,
)
from pycluster.protocol.numbers import parse_int
from pycluster.server.client import Client

group = cluster_group

KEY_COUNT = b"key-count"

Row = tuple[int, dict[bytes, int]]


@cluster.command("loading stale", tips=("nondeterministic_output", "request_policy:all_shards"))
def cluster_slot_stats(client: Client, by: bytes, first: bytes, *more: bytes) -> list[Row]:
    """CLUSTER SLOT-STATS <SLOTSRANGE start-slot end-slot | ORDERBY <metric [LIMIT limit] [ASC | DESC]>>

    Return an array of slot usage statistics for slots assigned to the current node.
    Since 8.0.0. O(N) where N is the total number of slots based on arguments. O(N*log(N)) with ORDERBY subcommand.
    """
    part(client)
    match by.upper():
        case b"SLOTSRANGE" if len(more) == 1:
            start, end = parse_slot(first), parse_slot(more[0])
            if start > end:
                raise slot_stats_backwards(start, end)
            return _rows(client, slot_range(start, end))
        case b"ORDERBY":
            return _in_order(client, first.lower(), more)
    raise syntax_error(b"SLOT-STATS")


def _in_order(client: Client, metric: bytes, options: tuple[bytes, ...]) -> list[Row]:
    if metric not in _row(client, 0)[1]:
        raise UnknownSortMetric
    limit: int | None = None
    descends: bool | None = None
    words = iter(range(len(options)))
    for at in words:
        match options[at].upper():
            case b"LIMIT" if at + 1 < len(options):
                repeats, limit = limit is not None, _limit(options[at + 1])
                next(words)
            case b"ASC" | b"DESC" as order:
                repeats, descends = descends is not None, order == b"DESC"
            case _:
                raise BadSyntax
        if repeats:
            raise RepeatedFilter
    sign = 1 if descends is False else -1
    rows = _rows(client, slot_range(0, SLOTS - 1))
    return sorted(rows, key=lambda row: (sign * row[1][metric], row[0]))[:limit]


def _limit(word: bytes) -> int:
    limit = parse_int(word, LimitBeyondSlots)
    if not 1 <= limit <= SLOTS:
        raise LimitBeyondSlots
    return limit


def _rows(client: Client, slots: int) -> list[Row]:
    """Of those slots that are my shard's."""
    return [_row(client, slot) for slot in slots_in(slots & part(client).state.slot_holder.slots)]


def _row(client: Client, slot: int) -> Row:
    stats = client.server.slot_stats
    shown = {KEY_COUNT: part(client).keys_in_slot(slot)}
    if stats.counts:
        figures = stats.of(slot)
        shown[b"cpu-usec"] = figures.cpu_ns // 1000
        shown[b"network-bytes-in"] = figures.bytes_in
        shown[b"network-bytes-out"] = figures.bytes_out
    return slot, shown
