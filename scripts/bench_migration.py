"""Keys that move, beside redis-server: `python scripts/bench_migration.py`, or with `--fields 1000000 --keys 100000`.

Two servers of a kind, and between them: many small keys, ten to a MIGRATE, as redis-cli --cluster reshard sends them;
and one hash of many fields. A bystander asks each server for one small key after another meanwhile. Printed are the
rate, the CPU time of both servers, how long the big key took, and the longest that the bystander waited.
"""

import argparse
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pycluster.testing import PYCLUSTER, Node, reserve_port

KEYS_A_MIGRATE = 10
TIMEOUT_MS = 120_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=50_000)
    parser.add_argument("--fields", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    redis = shutil.which("redis-server") or sys.exit("This needs redis-server (Debian: apt-get install redis-server).")
    ways: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "redis-server": ([redis], [redis]),
        "pycluster": (PYCLUSTER, PYCLUSTER),
        "pycluster to redis-server": (PYCLUSTER, [redis]),
        "redis-server to pycluster": ([redis], PYCLUSTER),
    }
    table = Table("", "keys/s", "CPU s", f"{arguments.fields} fields: s", "longest wait ms, source", "target")
    for _ in range(arguments.rounds):
        for name, (source, target) in ways.items():
            with pair(source, target) as (one, other):
                rate, cpu_s = move_small_keys(one, other, arguments.keys)
            with pair(source, target) as (one, other):
                took_s, waits = move_big_key(one, other, arguments.fields)
            figures = (f"{rate:.0f}", f"{cpu_s:.1f}", f"{took_s:.1f}", *(f"{1000 * wait:.0f}" for wait in waits))
            table.add_row(name, *figures)
    Console(width=max(Console().width, 100)).print(table)


@contextmanager
def pair(source: Sequence[str], target: Sequence[str]) -> Iterator[tuple[Node, Node]]:
    ports = [reserve_port(), reserve_port()]
    with tempfile.TemporaryDirectory() as directory:
        nodes = [
            Node(port.number, Path(directory, str(port.number)), program=program, directives=[("save", "")])
            for port, program in zip(ports, (source, target), strict=True)
        ]
        try:
            for node in nodes:
                node.start()
            yield nodes[0], nodes[1]
        finally:
            for node, port in zip(nodes, ports, strict=True):
                node.kill()
                port.release()


def move_small_keys(source: Node, target: Node, count: int) -> tuple[float, float]:
    """Keys per second, and the CPU time of both servers."""
    with source.connect(TIMEOUT_MS / 1000) as connection:
        for start in range(0, count, 1000):
            some = range(start, min(count, start + 1000))
            connection.ask("MSET", *(word for number in some for word in (f"key:{number}", "x" * 50)))
        before, begun = cpu_s(source, target), time.perf_counter()
        for start in range(0, count, KEYS_A_MIGRATE):
            keys = [f"key:{number}" for number in range(start, start + KEYS_A_MIGRATE)]
            connection.ask("MIGRATE", target.host, target.port, "", 0, TIMEOUT_MS, "KEYS", *keys)
        took_s = time.perf_counter() - begun
    assert target.ask("DBSIZE") == count
    return count / took_s, cpu_s(source, target) - before


def move_big_key(source: Node, target: Node, fields: int) -> tuple[float, list[float]]:
    """How long it took, and the longest wait of a bystander at the source and at the target."""
    with source.connect(TIMEOUT_MS / 1000) as connection:
        for start in range(0, fields, 10_000):
            some = range(start, min(fields, start + 10_000))
            connection.ask("HSET", "big", *(word for n in some for word in (f"field:{n}", f"value:{n}")))
        bystanders = [Bystander(source), Bystander(target)]
        begun = time.perf_counter()
        connection.ask("MIGRATE", target.host, target.port, "big", 0, TIMEOUT_MS)
        took_s = time.perf_counter() - begun
    return took_s, [bystander.longest_wait_s() for bystander in bystanders]


class Bystander(threading.Thread):
    """Asks the same again and again."""

    def __init__(self, node: Node, *words: str):
        super().__init__(daemon=True)
        self._node = node
        self._words = words or ("GET", "small")
        self._ends = threading.Event()
        self._longest_s = 0.0
        self.start()

    def run(self) -> None:
        with self._node.connect(TIMEOUT_MS / 1000) as connection:
            while not self._ends.is_set():
                begun = time.perf_counter()
                connection.ask(*self._words)
                self._longest_s = max(self._longest_s, time.perf_counter() - begun)
                time.sleep(0.001)

    def longest_wait_s(self) -> float:
        self._ends.set()
        self.join()
        return self._longest_s


def cpu_s(*nodes: Node) -> float:
    total = 0
    for node in nodes:
        fields = Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


if __name__ == "__main__":
    main()
