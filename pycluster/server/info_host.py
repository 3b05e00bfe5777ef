"""What INFO tells that the operating system knows: which machine, how much memory, how much time of the processor.

Servers that share a process tell the same of it.
"""

import os
import resource

from pycluster.server.info import Value

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
