"""MEMORY: what keys and the whole server take (object.c). The figures are server/memory.py's."""

import ctypes
import gc

from pycluster.commands.table import Group, LookKey
from pycluster.keyspace.memory import ENTRY, SAMPLES, size_of_key
from pycluster.protocol.errors import BadSyntax
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.replies import Verbatim
from pycluster.server.client import Client
from pycluster.server.info_memory import diagnose, statistics

group = Group("server")

memory_ = group.container("memory")

FROM_EACH_SHARD = ("nondeterministic_output", "request_policy:all_shards", "response_policy:special")


@memory_.command("readonly")
def memory_usage(client: Client, key: LookKey, *options: bytes) -> int | None:
    """MEMORY USAGE key [SAMPLES count]

    Estimates the memory usage of a key.
    Since 4.0.0. O(N) where N is the number of samples.
    """
    samples: int | None = SAMPLES
    words = iter(options)
    for word in words:
        count = next(words, None)
        if word.upper() != b"SAMPLES" or count is None:
            raise BadSyntax
        samples = parse_int(count)
        if samples < 0:
            raise BadSyntax
        samples = samples or None
    size = size_of_key(client.db, key, samples)
    return size + ENTRY if size else None


@memory_.command(tips=FROM_EACH_SHARD)
def memory_stats(client: Client) -> dict[str, object]:
    """MEMORY STATS

    Returns details about memory usage.
    Since 4.0.0. O(1).
    """
    return statistics(client.server)


@memory_.command(tips=FROM_EACH_SHARD)
def memory_doctor(client: Client) -> Verbatim:
    """MEMORY DOCTOR

    Outputs a memory problems report.
    Since 4.0.0. O(1).
    """
    return Verbatim(diagnose(client.server).encode())


@memory_.command(tips=FROM_EACH_SHARD)
def memory_malloc_stats(client: Client) -> bytes:
    """MEMORY MALLOC-STATS

    Returns the allocator statistics.
    Since 4.0.0. Depends on how much memory is allocated, could be slow
    """
    return b"Stats not supported for the current allocator"


@memory_.command(tips=("request_policy:all_shards", "response_policy:all_succeeded"))
def memory_purge(client: Client) -> str:
    """MEMORY PURGE

    Asks the allocator to release memory.
    Since 4.0.0. Depends on how much memory is allocated, could be slow
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)
    return "OK"


memory_.help("""
DOCTOR
    Return memory problems reports.
MALLOC-STATS
    Return internal statistics report from the memory allocator.
PURGE
    Attempt to purge dirty pages for reclamation by the allocator.
STATS
    Return information about the memory usage of the server.
USAGE <key> [SAMPLES <count>]
    Return memory in bytes used by <key> and its value. Nested values are
    sampled up to <count> times (default: 5, 0 means sample all).
""")
