"""Atomic migrations of slots, as an operator sees them: ordered, looked at, held still before a step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pycluster.keyspace.slots import key_slot
from pycluster.testing import Node, wait_until
from tests.integration.shards import id_of, row

PONG = 1  # the kind of message by which a claim is told to all at once
ENDED = (b"success", b"failed", b"cancelled")


def migrate(source: Node, target: Node, first: int, last: int) -> bytes:
    """Orders it; the name of the job."""
    assert source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", id_of(target)) == b"OK"
    name: bytes = jobs(source)[0][b"name"]
    return name


def jobs(node: Node) -> list[dict[bytes, Any]]:
    told = node.ask("CLUSTER", "GETSLOTMIGRATIONS")
    return [dict(zip(job[::2], job[1::2], strict=True)) for job in told]


def job(node: Node, name: bytes) -> dict[bytes, Any]:
    return next((found for found in jobs(node) if found[b"name"] == name), {b"state": b"not there"})


def wait_state(node: Node, name: bytes, *states: bytes) -> dict[bytes, Any]:
    """Until the job is so far; it must not end before."""

    def why_not() -> str:
        found = job(node, name)
        if found[b"state"] in ENDED and found[b"state"] not in states:
            raise AssertionError(f"it has ended: {found}")
        return "" if found[b"state"] in states else f"{node}: {found}"

    wait_until(why_not, 60)
    return job(node, name)


def move(source: Node, target: Node, first: int, last: int) -> None:
    """Moves slots, and waits until both sides say so."""
    name = migrate(source, target, first, last)
    wait_state(source, name, b"success")
    wait_state(target, name, b"success")


@contextmanager
def held_before_pause(source: Node) -> Iterator[None]:
    """Meanwhile a migration goes as far as to send all changes, and no further."""
    source.ask("DEBUG", "SLOTMIGRATION", "PREVENT-PAUSE", 1)
    try:
        yield
    finally:
        if source.is_running:
            source.ask("DEBUG", "SLOTMIGRATION", "PREVENT-PAUSE", 0)


def wait_held(source: Node, target: Node, name: bytes) -> None:
    wait_state(source, name, b"waiting-to-pause")
    wait_state(target, name, b"waiting-for-paused")


@contextmanager
def held_before_claim(*targets: Node) -> Iterator[None]:
    """Meanwhile migrations go as far as the grant. Then all targets claim their slots, and only then hear of others."""
    for node in targets:
        node.ask("DEBUG", "SLOTMIGRATION", "PREVENT-FAILOVER", 1)
    yield
    for node in targets:
        node.ask("DEBUG", "DROP-CLUSTER-PACKET-FILTER", PONG)
    for node in targets:
        node.ask("DEBUG", "SLOTMIGRATION", "PREVENT-FAILOVER", 0)
    for node in targets:
        wait_until(lambda node=node: "" if imports(node)[0][b"state"] in ENDED else "no claim yet")
    for node in targets:
        node.ask("DEBUG", "DROP-CLUSTER-PACKET-FILTER", -1)


def imports(node: Node) -> list[dict[bytes, Any]]:
    return [found for found in jobs(node) if found[b"operation"] == b"IMPORT"]


@contextmanager
def held_migration(source: Node, target: Node, first: int = 0, last: int = 50) -> Iterator[bytes]:
    """One that has sent everything there is, and goes on afterwards; its name."""
    with held_before_pause(source):
        name = migrate(source, target, first, last)
        wait_held(source, target, name)
        yield name


def owns(node: Node, slot: int, observer: Node | None = None) -> bool:
    for part in row(node, observer).slots:
        first, _, last = part.partition("-")
        if first.isdigit() and int(first) <= slot <= int(last or first):
            return True
    return False


def why_not_owner(node: Node, slot: int, observer: Node) -> str:
    return "" if owns(node, slot, observer) else f"{observer} does not see {node} as the owner of {slot}"


def tag_in(first: int, last: int) -> str:
    """A hash tag whose slot is one of these."""
    return next(f"{{{number}}}" for number in range(1_000_000) if first <= key_slot(b"%d" % number) <= last)


def count(node: Node, tag: str) -> int:
    found: int = node.ask("CLUSTER", "COUNTKEYSINSLOT", key_slot(tag.encode()))
    return found
