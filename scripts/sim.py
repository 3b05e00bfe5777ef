"""Many seeds of the cluster simulation: `python scripts/sim.py [FIRST] [COUNT]`; a seed that fails is printed.

One seed with its transcript: `python scripts/sim.py SEED 1 --transcript`. Six nodes that nothing happens to:
`python scripts/sim.py --quiet`.
"""

import argparse
import gc
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.simulation.chaos import live_through  # noqa: E402
from tests.simulation.clusters import form  # noqa: E402
from tests.simulation.world import World  # noqa: E402

QUIET_S = 300


@dataclass(slots=True)
class Result:
    """What became of one seed."""

    seed: int
    cpu_s: float
    virtual_s: float = 0
    failures: int = 0
    breaks: int = 0
    events: int = 0
    transcript: str = ""
    error: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", nargs="?", type=int, default=0)
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--transcript", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    gc.disable()  # worlds are thrown away one by one, by `live`
    if options.quiet:
        return measure_quiet()
    seeds = range(options.first, options.first + options.count)
    begin_s, results = time.monotonic(), []
    with ProcessPoolExecutor(options.jobs) as pool:
        for result in pool.map(live, seeds, [options.transcript] * len(seeds)):
            report(result, options.transcript)
            results.append(result)
    return summarize(results, time.monotonic() - begin_s)


def live(seed: int, is_recording: bool) -> Result:
    begin_s = time.process_time()
    result = Result(seed, 0)
    try:
        world = live_through(seed, is_recording)
        result.virtual_s, result.events = world.seconds, world.events
        result.failures, result.breaks = world.failures, world.breaks
        result.transcript = "\n".join(world.transcript)
        del world
    except AssertionError as error:
        result.error = str(error)
        result.transcript = "\n".join(getattr(error, "__notes__", ()))
    gc.collect()
    result.cpu_s = time.process_time() - begin_s
    return result


def report(result: Result, in_full: bool) -> None:
    if in_full and result.transcript:
        print(result.transcript)
    if result.error:
        shown = result.error if in_full else result.error.splitlines()[0]
        print(f"seed {result.seed}: {shown}", flush=True)


def summarize(results: list[Result], wall_s: float) -> int:
    failed = sum(1 for result in results if result.error)
    virtual_s, cpu_s = sum(result.virtual_s for result in results), sum(result.cpu_s for result in results)
    failures, breaks = sum(result.failures for result in results), sum(result.breaks for result in results)
    events = sum(result.events for result in results)
    print(
        f"{len(results)} seeds, {failed} failed; {virtual_s:.0f} virtual seconds in {cpu_s:.1f} s of CPU: "
        f"{virtual_s / cpu_s:.0f} times as fast as real time, {events / cpu_s:.0f} events a second\n"
        f"{failures} simulated failures (crashes, cuts, partitions) and {breaks} broken connections in {wall_s:.1f} s: "
        f"{failures / wall_s * 60:.0f} simulated failures per minute of wall time"
    )
    return 1 if failed else 0


def measure_quiet() -> int:
    for node_timeout_ms in (1000, 2000, 15000):
        world = form(World(seed=1), node_timeout_ms=node_timeout_ms)
        begin_s, events = time.process_time(), world.events
        world.run(QUIET_S)
        cpu_s = time.process_time() - begin_s
        print(
            f"six nodes at rest, node timeout {node_timeout_ms} ms: {(world.events - events) / QUIET_S:.0f} events a "
            f"second, {QUIET_S / cpu_s:.0f} times as fast as real time"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
