"""Many seeds of the cluster simulation: `python scripts/sim.py [FIRST] [COUNT]`; a seed that fails is printed.

One seed with its transcript: `python scripts/sim.py SEED 1 --transcript`.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.simulation.chaos import live_through  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", nargs="?", type=int, default=0)
    parser.add_argument("count", nargs="?", type=int, default=1000)
    parser.add_argument("--transcript", action="store_true")
    options = parser.parse_args()
    begin_s, virtual_s, failed = time.process_time(), 0.0, []
    for seed in range(options.first, options.first + options.count):
        try:
            world = live_through(seed, options.transcript)
            virtual_s += world.seconds
            if options.transcript:
                print("\n".join(world.transcript))
        except AssertionError as error:
            failed.append(seed)
            print(f"seed {seed}: {str(error).splitlines()[0]}", flush=True)
            if options.transcript:
                print(error)
    cpu_s = time.process_time() - begin_s
    print(
        f"{options.count} seeds, {len(failed)} failed; {virtual_s:.0f} virtual seconds in {cpu_s:.1f} s of CPU: "
        f"{virtual_s / cpu_s:.0f} times as fast as real time"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
