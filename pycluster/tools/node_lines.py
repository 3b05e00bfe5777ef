"""CLUSTER NODES as a value: one line, one node, as the node that was asked sees it.

The forms of Redis 3 to 7 and of Valkey are read: `ip:port`, `ip:port@cport`, with `,hostname` and with more fields
behind it (`,shard-id=…`); slots, ranges of slots, and the slots that are open, `[93->-id]` and `[77-<-id]`.
Sets of slots are integers, one bit a slot, as in `cluster/slot_map.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pycluster.cluster.slot_map import slot_range, slot_ranges


class Address(NamedTuple):
    """Where clients reach a node."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class NodeLine:
    id: str
    address: Address
    bus_port: int
    flags: frozenset[str]
    master: str  # an id; empty for masters
    epoch: int
    is_linked: bool
    slots: int = 0
    hostname: str = ""
    migrating: Mapping[int, str] = field(default_factory=dict)
    importing: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_master(self) -> bool:
        return "master" in self.flags

    @property
    def is_failed(self) -> bool:
        return "fail" in self.flags

    @property
    def is_member(self) -> bool:
        """A node that has been met and can be found: not one whose name or address is still to be learned."""
        return not self.flags & {"handshake", "noaddr"}


def read_address(text: str) -> Address:
    """`host:port`, as one types it. ValueError tells what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"'{text}' is not an address: write host:port, as in 127.0.0.1:7001")
    return Address(host.strip("[]") or "127.0.0.1", int(port))


def read_node_lines(text: str) -> tuple[NodeLine, ...]:
    return tuple(map(read_node_line, filter(None, text.splitlines())))


def read_node_line(line: str) -> NodeLine:
    id_, place, flags, master, _ping, _pong, epoch, link, *words = line.split(" ")
    where, hostname, *_ = *place.split(","), ""
    endpoint, _, bus_port = where.partition("@")
    host, _, port = endpoint.rpartition(":")
    slots, migrating, importing = _read_slots(words)
    return NodeLine(
        id_,
        Address(host, int(port)),
        int(bus_port or int(port) + 10000),
        frozenset(flags.split(",")) - {"noflags"},
        "" if master == "-" else master,
        int(epoch),
        link == "connected",
        slots,
        hostname,
        migrating,
        importing,
    )


def _read_slots(words: Iterable[str]) -> tuple[int, dict[int, str], dict[int, str]]:
    slots, migrating, importing = 0, {}, {}
    for word in filter(None, words):
        if "->-" in word:
            slot, _, id_ = word.strip("[]").partition("->-")
            migrating[int(slot)] = id_
        elif "-<-" in word:
            slot, _, id_ = word.strip("[]").partition("-<-")
            importing[int(slot)] = id_
        else:
            slots |= read_range(word)
    return slots, migrating, importing


# ---- sets of slots as people write them


def read_range(word: str) -> int:
    """`93` or `0-5460`; ValueError if it is neither."""
    first, dash, last = word.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()):
        raise ValueError(f"'{word}' is not a slot or a range of slots: write 93 or 0-5460")
    low, high = int(first), int(last if dash else first)
    if not low <= high < 16384:
        raise ValueError(f"'{word}' is not within 0-16383")
    return slot_range(low, high)


def read_ranges(text: str) -> int:
    """`0-99,200`."""
    slots = 0
    for word in text.replace(",", " ").split():
        slots |= read_range(word)
    return slots


def show_ranges(slots: int) -> str:
    """`0-99,200`."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in slot_ranges(slots))


def show_count(count: int, noun: str) -> str:
    """`1 slot`, `2 slots`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "es" if noun.endswith("s") else "s")
