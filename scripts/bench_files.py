"""What files cost, beside redis-server: `python scripts/bench_files.py`, or `--keys 100000 --rounds 3`.

A node is filled with small strings. Then it saves, saves in the background while a client writes all the time,
restarts, and gives everything to a replica. Meanwhile another client sends PING after PING: the longest it waited is
the stall. Of several rounds the median is printed, with both extremes.
"""

import argparse
import re
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pycluster.testing import PYCLUSTER, Node, reserve_port, wait_until
from pycluster.testing.connection import Word
from pycluster.testing.node import Directive

DIRECTIVES: Sequence[Directive] = (("save", ""), ("enable-debug-command", "yes"), ("repl-diskless-sync-delay", 0))
MB = 1 << 20
PATIENCE_S = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--redis", default=shutil.which("redis-server"))
    parser.add_argument("--ours", type=shlex.split, default=PYCLUSTER)
    arguments = parser.parse_args()
    if not arguments.redis:
        sys.exit("This needs redis-server (Debian: apt-get install redis-server).")
    measured: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.rounds):
        theirs, ours = (measure(program, arguments.keys) for program in ([arguments.redis], arguments.ours))
        for name, figure in ours.items():
            measured.setdefault(name, []).append((figure, theirs[name]))
    print(f"| {arguments.keys:,} keys | pycluster | redis-server |\n| --- | --- | --- |")
    for name, pairs in measured.items():
        print(f"| {name} | {shown([ours for ours, _ in pairs])} | {shown([theirs for _, theirs in pairs])} |")


def shown(figures: list[float]) -> str:
    spread = f" ({min(figures):.3g}–{max(figures):.3g})" if len(figures) > 1 else ""
    return f"{median(figures):.3g}{spread}"


def measure(program: Sequence[str], keys: int) -> dict[str, float]:
    with TemporaryDirectory() as directory, node_of(program, Path(directory) / "primary") as node:
        ask(node, "DEBUG", "POPULATE", keys)
        figures = {"SAVE, s": timed(lambda: ask(node, "SAVE"))}
        with busy(node) as prober:
            before = resident(node)
            node.ask("BGSAVE")
            seconds = timed(lambda: wait_for_save(node))
            info = node.info("persistence", "stats")
            figures |= {
                "BGSAVE while somebody writes, s": seconds,
                "fork, ms": int(info["latest_fork_usec"]) / 1000,
                "longest PING meanwhile, ms": prober.longest_s * 1000,
                "memory the child made double, MB": int(info["rdb_last_cow_size"]) / MB,
                "memory the server grew by, MB": max(0, resident(node) - before) / MB,
            }
        ask(node, "SAVE")
        node.stop()
        node.start(PATIENCE_S)
        figures["load, s"] = float(re.findall(r"DB loaded from disk: ([\d.]+) seconds", node.log())[-1])
        with node_of(program, Path(directory) / "replica") as replica, busy(node) as prober:
            figures["full sync of an empty replica, s"] = timed(lambda: follow(replica, node))
            figures["longest PING at the primary meanwhile, ms"] = prober.longest_s * 1000
    return figures


@contextmanager
def node_of(program: Sequence[str], directory: Path) -> Iterator[Node]:
    port = reserve_port()
    node = Node(port.number, directory, program=program, directives=DIRECTIVES)
    node.start()
    try:
        yield node
    finally:
        node.kill()
        port.release()


def ask(node: Node, *words: Word) -> None:
    """Asks for what takes its time."""
    with node.connect(PATIENCE_S) as connection:
        connection.ask(*words)


def timed(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def wait_for_save(node: Node) -> None:
    def why_not() -> str:
        return "" if node.info("persistence")["rdb_bgsave_in_progress"] == "0" else "it is saving"

    wait_until(why_not, timeout_s=PATIENCE_S)


def follow(replica: Node, primary: Node) -> None:
    def why_not() -> str:
        return "" if replica.info("replication").get("master_link_status") == "up" else "there is no link"

    replica.ask("REPLICAOF", primary.host, primary.port)
    wait_until(why_not, timeout_s=PATIENCE_S)


def resident(node: Node) -> int:
    """Bytes of memory that the server has now."""
    status = Path(f"/proc/{node.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) * 1024


class Prober:
    """Two clients: one writes some 500 keys a second, the other wants an answer at once."""

    def __init__(self, node: Node) -> None:
        self.longest_s = 0.0
        self._node = node
        self._is_over = False
        self._threads = [threading.Thread(target=work) for work in (self._write, self._ping)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        with self._node.connect(PATIENCE_S) as connection:
            number = 0
            while not self._is_over:
                number += 1
                connection.ask("SET", f"key:{number * 7919 % 100_000}", "another value")
                time.sleep(0.002)

    def _ping(self) -> None:
        with self._node.connect(PATIENCE_S) as connection:
            while not self._is_over:
                self.longest_s = max(self.longest_s, timed(lambda: connection.ask("PING")))
                time.sleep(0.001)


@contextmanager
def busy(node: Node) -> Iterator[Prober]:
    prober = Prober(node)
    prober.start()
    try:
        yield prober
    finally:
        prober.stop()


if __name__ == "__main__":
    main()
