"""How the memory of a server is told: the figures behind INFO memory, MEMORY STATS and MEMORY DOCTOR, taken at once.

Python's allocators tell nothing of themselves. What is allocated is the estimate of memory.py; what they hold is what
the process has resident, less what it had before there was any data: the program. Servers that share a process see the
same resident memory.
"""

from dataclasses import dataclass
from typing import Any

from pycluster.server.client import IS_REPLICA
from pycluster.server.info import Value, human
from pycluster.server.info_host import TOTAL_MEMORY, resident_memory

MB = 1 << 20


@dataclass(slots=True, frozen=True)
class Overview:
    """The memory of one server at one moment, in bytes."""

    used: int
    peak: int
    startup: int
    overhead: int
    resident: int
    program: int  # of that, what is no data: the interpreter and its modules
    clients: int
    replicas: int
    backlog: int
    journal_file: int
    keys: int

    @property
    def held(self) -> int:
        """What the allocators have from the system."""
        return max(self.used, self.resident - self.program)

    @property
    def dataset(self) -> int:
        return self.used - self.overhead

    @property
    def net(self) -> int:
        """What is used since the start."""
        return max(1, self.used - self.startup)

    @property
    def dataset_percent(self) -> float:
        return 100 * self.dataset / self.net


def look_at(server: Any) -> Overview:
    """The figures as they are now."""
    memory = server.memory
    memory.refresh()
    return Overview(
        memory.used, memory.peak, memory.startup, memory.overhead, resident_memory(), memory.program, memory.of_clients,
        memory.of_replicas, memory.of_backlog, memory.of_journal_file, sum(db.size() for db in server.databases),
    )  # fmt: skip


def memory_fields(server: Any) -> dict[str, Value]:
    """The fields of INFO memory."""
    seen, config, freeing = look_at(server), server.config, server.keyspace.freeing
    return {
        "used_memory": seen.used,
        "used_memory_human": human(seen.used),
        "used_memory_rss": seen.resident,
        "used_memory_rss_human": human(seen.resident),
        "used_memory_peak": seen.peak,
        "used_memory_peak_human": human(seen.peak),
        "used_memory_peak_perc": f"{100 * seen.used / seen.peak:.2f}%",
        "used_memory_overhead": seen.overhead,
        "used_memory_startup": seen.startup,
        "used_memory_dataset": seen.dataset,
        "used_memory_dataset_perc": f"{seen.dataset_percent:.2f}%",
        "allocator_allocated": seen.used,
        "allocator_active": seen.held,
        "allocator_resident": seen.held,
        "total_system_memory": TOTAL_MEMORY,
        "total_system_memory_human": human(TOTAL_MEMORY),
        "number_of_libraries": len(server.keyspace.functions.libraries),
        "maxmemory": config.maxmemory,
        "maxmemory_human": human(config.maxmemory),
        "maxmemory_policy": config.maxmemory_policy,
        "allocator_frag_ratio": seen.held / seen.used,
        "allocator_frag_bytes": seen.held - seen.used,
        "rss_overhead_ratio": seen.resident / seen.held,
        "rss_overhead_bytes": seen.resident - seen.held,
        "mem_fragmentation_ratio": seen.resident / seen.used,
        "mem_fragmentation_bytes": seen.resident - seen.used,
        "mem_not_counted_for_evict": server.memory.not_counted,
        "mem_replication_backlog": seen.backlog,
        "mem_total_replication_buffers": seen.backlog + seen.replicas,
        "mem_clients_slaves": seen.replicas,
        "mem_clients_normal": seen.clients,
        "mem_aof_buffer": seen.journal_file,
        "lazyfree_pending_objects": freeing.pending,
        "lazyfreed_objects": freeing.freed,
    }


def statistics(server: Any) -> dict[str, object]:
    """The reply to MEMORY STATS."""
    seen = look_at(server)
    databases: dict[str, object] = {}
    for db in server.databases:
        if db.size():
            main, expires = server.memory.places_of(db)
            databases[f"db.{db.index}"] = {
                b"overhead.hashtable.main": main,
                b"overhead.hashtable.expires": expires,
                b"overhead.hashtable.slot-to-keys": 0,  # a slot is a mapping of its own: there is no index beside it
            }
    figures: dict[str, object] = {
        "peak.allocated": seen.peak,
        "total.allocated": seen.used,
        "startup.allocated": seen.startup,
        "replication.backlog": seen.backlog,
        "clients.slaves": seen.replicas,
        "clients.normal": seen.clients,
        "cluster.links": 0,
        "aof.buffer": seen.journal_file,
        "lua.caches": 0,
        "functions.caches": 0,
        **databases,
        "overhead.total": seen.overhead,
        "keys.count": seen.keys,
        "keys.bytes-per-key": seen.net // seen.keys if seen.keys else 0,
        "dataset.bytes": seen.dataset,
        "dataset.percentage": seen.dataset_percent,
        "peak.percentage": 100 * seen.used / seen.peak,
        "allocator.allocated": seen.used,
        "allocator.active": seen.held,
        "allocator.resident": seen.held,
        "allocator-fragmentation.ratio": seen.held / seen.used,
        "allocator-fragmentation.bytes": seen.held - seen.used,
        "allocator-rss.ratio": 1.0,
        "allocator-rss.bytes": 0,
        "rss-overhead.ratio": seen.resident / seen.held,
        "rss-overhead.bytes": seen.resident - seen.held,
        "fragmentation": seen.resident / seen.used,
        "fragmentation.bytes": seen.resident - seen.used,
    }
    return {name.encode(): value for name, value in figures.items()}  # type: ignore[misc]


# MEMORY DOCTOR: Redis' frame, and under its headings what is true of us

NOTHING_TO_FIND = (
    "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n"
)
TOO_EMPTY = (
    "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these "
    "conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to "
    "our programming as soon as I finished rebooting.\n"
)
OPENING = "Sam, I detected a few issues in this Redis instance memory implants:\n\n"
CLOSING = "I'm here to keep you safe, Sam. I want to help you.\n"


def diagnose(server: Any) -> str:
    """The reply to MEMORY DOCTOR (object.c, `getMemoryDoctorReport`)."""
    seen = look_at(server)
    if seen.used < 5 * MB:
        return TOO_EMPTY
    replicas = sum(bool(client.gate & IS_REPLICA) for client in server.clients.values())
    clients = len(server.clients) - replicas
    found = []
    if seen.peak > 1.5 * seen.used:
        found.append(
            "Peak memory: this instance has used more than 150% of what it uses now. What Python has once taken from "
            "the system it gives back only where a whole region is free; the rest is ready for new data. MEMORY PURGE "
            "returns what can be returned, a restart all of it."
        )
    if seen.held > 1.4 * seen.used and seen.held - seen.used > 10 * MB:
        found.append(
            "High allocator fragmentation: the process holds more than 1.4 times the memory that its data takes. "
            "Usually that is what a peak, or many deletions and overwritten values, leave behind: new data fills it."
        )
    if clients and seen.clients > clients * 200 * 1024:
        found.append(
            "Big client buffers: clients have more than 200 KB each waiting, on average. They read their replies too "
            "slowly, or send very long pipelines: CLIENT LIST shows which."
        )
    if replicas and seen.replicas > 10 * MB:
        found.append(
            "Big replica buffers: more than 10 MB wait for replicas that do not take the stream as fast as it comes. "
            "INFO replication shows how far behind each is, CLIENT LIST its buffers."
        )
    if not found:
        return NOTHING_TO_FIND
    return OPENING + "".join(f" * {issue}\n\n" for issue in found) + CLOSING
