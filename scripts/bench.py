"""How fast, beside redis-server: `make bench`, or `make bench ARGS="--rounds 5 --tests get,set"`.

redis-benchmark drives a real redis-server and ours in turn, test by test, so that whatever else the machine does falls
on both. Both are cluster nodes that have all slots, with persistence off. Printed are the ratios of throughput with
their spread over the rounds, and the CPU time per request of both servers as the operating system counts it (utime +
stime): the steadier figure, since redis-benchmark itself wants a core. Then what our nodes use when idle, and how long
clusters take to start.
"""

import argparse
import csv
import io
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from pycluster.testing import PYCLUSTER, Cluster, Node

TESTS = ["set", "get", "incr", "lpush", "sadd", "hset", "zadd", "mset", "lrange_100"]
PIPELINES = [1, 16]
CLIENTS = 50
KEYS = 100_000
NODE_TIMEOUT_MS = 15000  # Redis' default, of the idle nodes: it says how often they ping
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.split("\n")[0])
    parser.add_argument("--tests", type=lambda text: text.split(","), default=TESTS, help="default: all nine")
    parser.add_argument("--pipelines", type=lambda text: list(map(int, text.split(","))), default=PIPELINES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100_000, help="per test, unpipelined; three times as many else")
    parser.add_argument("--idle-s", type=float, default=10.0, help="how long to look at idle nodes; 0: not at all")
    parser.add_argument("--starts", type=int, default=3, help="how often to start clusters; 0: not at all")
    parser.add_argument("--redis", default=shutil.which("redis-server"))
    parser.add_argument("--ours", type=shlex.split, default=PYCLUSTER)
    arguments = parser.parse_args()
    if not arguments.redis or not shutil.which("redis-benchmark"):
        sys.exit("This needs redis-server and redis-benchmark (Debian: apt-get install redis-server redis-tools).")
    programs = {"redis-server": [arguments.redis], "pycluster": arguments.ours}
    console = Console(width=max(Console().width, 108), highlight=False)

    console.print(throughput_table(measure_throughput(programs, arguments)))
    if arguments.idle_s:
        console.print(idle_table(programs, arguments.idle_s))
    if arguments.starts:
        console.print(start_table(programs, arguments.starts))


# ---- throughput and CPU time per request


@dataclass(slots=True)
class Result:
    """One test at one depth of pipeline: a figure per round and server."""

    test: str
    pipeline: int
    per_s: dict[str, list[float]] = field(default_factory=lambda: {"redis-server": [], "pycluster": []})
    cpu_us: dict[str, list[float]] = field(default_factory=lambda: {"redis-server": [], "pycluster": []})


def measure_throughput(programs: dict[str, Sequence[str]], arguments: argparse.Namespace) -> list[Result]:
    results = [Result(test, pipeline) for pipeline in arguments.pipelines for test in arguments.tests]
    with ExitStack() as stack:
        nodes = {name: stack.enter_context(node_with_all_slots(program)) for name, program in programs.items()}
        work = [(result, name) for _ in range(arguments.rounds) for result in results for name in nodes]
        for result, name in track(work, "redis-benchmark", transient=True):
            requests = arguments.requests if result.pipeline == 1 else 3 * arguments.requests
            per_s, cpu_us = run_benchmark(nodes[name], result.test, result.pipeline, requests)
            result.per_s[name].append(per_s)
            result.cpu_us[name].append(cpu_us)
    return results


@contextmanager
def node_with_all_slots(program: Sequence[str]) -> Iterator[Node]:
    with Cluster(1, 0, program=program, directives=[("save", "")]) as cluster:
        yield cluster.nodes[0]


def run_benchmark(node: Node, test: str, pipeline: int, requests: int) -> tuple[float, float]:
    """Requests per second, and the server's CPU time per request in microseconds."""
    node.ask("FLUSHALL")
    command = ["redis-benchmark", "-h", node.host, "-p", node.port, "-c", CLIENTS, "-n", requests, "-P", pipeline]
    command.append("--csv")
    if test == "lrange_100":  # not by its name: then redis-benchmark would fill the list within what we measure
        node.ask("RPUSH", "mylist", *["xxx"] * 1000)
        command += ["LRANGE", "mylist", 0, 99]
    elif test == "mset":  # ten random keys would have ten slots
        command += ["-t", test]
    else:
        if test == "get":
            fill(node)
        command += ["-t", test, "-r", KEYS]
    before = cpu_s(node)
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    spent_s = cpu_s(node) - before
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    return float(row["rps"]), spent_s / requests * 1e6


def fill(node: Node) -> None:
    """The keys that redis-benchmark's GET asks for: to find nothing is less work."""
    with node.connect() as connection:
        for first in range(0, KEYS, 1000):
            for number in range(first, first + 1000):
                connection.send("SET", f"key:{number:012d}", "xxx")
            for _ in range(1000):
                connection.receive()


def cpu_s(node: Node) -> float:
    """What the node's process has used so far."""
    fields = Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / TICKS_PER_S


def throughput_table(results: list[Result]) -> Table:
    table = Table(title=f"redis-benchmark, {CLIENTS} clients: median of the rounds (lowest-highest)")
    for title in ("test", "-P", "redis/s", "ours/s", "ours : redis", "redis CPU us", "ours CPU us", "ours : redis"):
        table.add_column(title, justify="left" if title == "test" else "right", no_wrap=":" in title)
    for result in results:
        redis_us, ours_us = (median(result.cpu_us[name]) for name in ("redis-server", "pycluster"))
        table.add_row(
            result.test.upper(),
            str(result.pipeline),
            *(f"{median(result.per_s[name]):,.0f}" for name in ("redis-server", "pycluster")),
            spread(result.per_s),
            f"{redis_us:.2f}",
            f"{ours_us:.2f}",
            spread(result.cpu_us),
        )
    return table


def spread(figures: dict[str, list[float]]) -> str:
    """Ours divided by redis-server's, round by round."""
    ratios = [ours / theirs for ours, theirs in zip(figures["pycluster"], figures["redis-server"], strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


# ---- idle nodes, and starting


def idle_table(programs: dict[str, Sequence[str]], seconds: float) -> Table:
    table = Table(title=f"six idle nodes over {seconds:g} s, cluster-node-timeout {NODE_TIMEOUT_MS}")
    for title in ("server", "CPU of a core, mean of the nodes", "highest", "resident memory of a node"):
        table.add_column(title, justify="left" if title == "server" else "right")
    for name, program in programs.items():
        with Cluster(program=program, node_timeout_ms=NODE_TIMEOUT_MS) as cluster:
            before = [cpu_s(node) for node in cluster.nodes]
            time.sleep(seconds)
            used = [(cpu_s(node) - start) / seconds for node, start in zip(cluster.nodes, before, strict=True)]
            memory = median(resident_mb(node) for node in cluster.nodes)
        table.add_row(name, f"{sum(used) / len(used):.2%}", f"{max(used):.2%}", f"{memory:.0f} MB")
    return table


def resident_mb(node: Node) -> float:
    pages = int(Path(f"/proc/{node.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def start_table(programs: dict[str, Sequence[str]], times: int) -> Table:
    table = Table(title="from the first process to cluster_state:ok on every node: median (lowest-highest)")
    for title in ("server", "six nodes with a ready nodes.conf", "three masters that meet"):
        table.add_column(title, justify="left" if title == "server" else "right")
    for name, program in programs.items():
        ready = [timed_start_s(program, formed=True) for _ in range(times)]
        meeting = [timed_start_s(program, formed=False) for _ in range(times)]
        table.add_row(name, *(f"{median(s):.1f} s ({min(s):.1f}-{max(s):.1f})" for s in (ready, meeting)))
    return table


def timed_start_s(program: Sequence[str], formed: bool) -> float:
    cluster = Cluster(3, 1 if formed else 0, program=program, formed=formed)
    began = time.monotonic()
    try:
        cluster.start()
        if not formed:
            meet(cluster)
        return time.monotonic() - began
    finally:
        cluster.close()


def meet(cluster: Cluster) -> None:
    for node, (first, last) in zip(cluster.nodes, [(0, 5460), (5461, 10922), (10923, 16383)], strict=True):
        node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
    for epoch, node in enumerate(cluster.nodes, 1):
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        cluster.nodes[0].ask("CLUSTER", "MEET", node.host, node.port)
    cluster.wait_ok()


if __name__ == "__main__":
    main()
