"""Free ports for cluster nodes, safe between processes.

A cluster node needs two ports: the clients' and the bus port 10000 above it. "Free" is only a moment's truth, so a port
is also reserved against other test runs on this machine (xdist's workers, a second terminal) by a lock on a file in the
temporary directory. The lock ends with the process that holds it, however that ends; the empty file stays.
"""

import fcntl
import os
import random
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

BUS_OFFSET = 10000
# Below the range from which Linux takes the ports of outgoing connections (32768 and up), bus ports included.
LOWEST, HIGHEST = 12000, 20000


@dataclass(slots=True)
class ReservedPort:
    """A port and its bus port, ours until released."""

    number: int
    lock: int

    def release(self) -> None:
        os.close(self.lock)


def reserve_port() -> ReservedPort:
    candidates = range(LOWEST, HIGHEST)
    for number in random.sample(candidates, len(candidates)):
        lock = _lock(number)
        if lock is None:
            continue
        if _is_free(number) and _is_free(number + BUS_OFFSET):
            return ReservedPort(number, lock)
        os.close(lock)
    raise RuntimeError(f"no free port between {LOWEST} and {HIGHEST}")


def _lock(number: int) -> int | None:
    directory = Path(tempfile.gettempdir(), f"pycluster-ports-{os.getuid()}")
    directory.mkdir(exist_ok=True)
    lock = os.open(directory / str(number), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
