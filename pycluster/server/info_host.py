"""What INFO tells that the operating system knows: which machine, how much memory, how much time of the processor.

Python doesn't count its allocations, so `used_memory` is what the process has resident, and what Redis measures
between its allocator and the system is nothing here. Servers that share a process tell the same of it.
"""

import os
import resource
from collections.abc import Callable

from pycluster.server.config import Config
from pycluster.server.info import Value, human

PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
TOTAL_MEMORY = os.sysconf("SC_PHYS_PAGES") * PAGE_SIZE


def resident_memory() -> int:
    """Bytes of memory that the process has now."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_SIZE
    except OSError:  # not Linux: the most it ever had is the best there is
        return peak_memory()


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_fields(config: Config) -> Callable[[], dict[str, Value]]:
    """The fields of Memory for a server that starts now: what is there is the server's, what comes is its data."""
    at_start = resident_memory()

    def fields() -> dict[str, Value]:
        used = resident_memory()
        peak = max(used, peak_memory())
        data = max(0, used - at_start)
        return {
            "used_memory": used,
            "used_memory_human": human(used),
            "used_memory_rss": used,
            "used_memory_rss_human": human(used),
            "used_memory_peak": peak,
            "used_memory_peak_human": human(peak),
            "used_memory_peak_perc": f"{100 * used / peak:.2f}%",
            "used_memory_overhead": used - data,
            "used_memory_startup": at_start,
            "used_memory_dataset": data,
            "used_memory_dataset_perc": f"{100 if data else 0:.2f}%",
            "allocator_allocated": used,
            "allocator_active": used,
            "allocator_resident": used,
            "total_system_memory": TOTAL_MEMORY,
            "total_system_memory_human": human(TOTAL_MEMORY),
            "maxmemory": config.maxmemory,
            "maxmemory_human": human(config.maxmemory),
            "maxmemory_policy": config.maxmemory_policy,
        }

    return fields


def processor_fields() -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for who, suffix in (
        (resource.RUSAGE_SELF, ""),
        (resource.RUSAGE_CHILDREN, "_children"),
        (resource.RUSAGE_THREAD, "_main_thread"),
    ):
        usage = resource.getrusage(who)
        fields[f"used_cpu_sys{suffix}"] = f"{usage.ru_stime:.6f}"
        fields[f"used_cpu_user{suffix}"] = f"{usage.ru_utime:.6f}"
    return fields


def machine() -> str:
    """System, release, hardware."""
    name = os.uname()
    return f"{name.sysname} {name.release} {name.machine}"
