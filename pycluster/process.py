"""What a process does to be a server: leave the terminal, write its number down, get files enough, warn of a bad host.

Nobody but `__main__` calls these: a server that lives in somebody else's process leaves that process alone.
"""

import os
import resource
import signal
import socket
import sys

from pycluster.server.config import Config
from pycluster.server.log import Log

DEFAULT_PID_FILE = "/var/run/redis.pid"
RESERVED_FILES = 32  # beside those of clients: listeners, the log, dump.rdb, nodes.conf
PR_SET_THP_DISABLE = 41  # <linux/prctl.h>


# Becoming a daemon


def daemonize() -> None:
    """Goes on in a child without terminal and without standard streams; the process that was started ends at once."""
    sys.stdout.flush()
    if os.fork():
        os._exit(0)
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if nowhere > 2:
        os.close(nowhere)


def supervisor(config: Config, log: Log) -> str:
    """Who watches over this process ("systemd", "upstart"), if anybody is to; then it must not become a daemon."""
    wanted = config.supervised
    if wanted == "auto":
        if "UPSTART_JOB" in os.environ:
            wanted = "upstart"
        elif "NOTIFY_SOCKET" in os.environ:
            wanted = "systemd"
    match wanted:
        case "upstart" if "UPSTART_JOB" not in os.environ:
            log.warning("upstart supervision requested, but UPSTART_JOB not found!")
        case "upstart":
            log.notice("supervised by upstart, will stop to signal readiness.")
            os.kill(os.getpid(), signal.SIGSTOP)
            return "upstart"
        case "systemd" if "NOTIFY_SOCKET" not in os.environ:
            log.warning("systemd supervision error: NOTIFY_SOCKET not found!")
        case "systemd":
            log.notice(
                "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and "
                "TimeoutStopSec in your service unit."
            )
            tell_systemd("STATUS=Redis is loading...")
            return "systemd"
    return "no"


def tell_systemd(text: str) -> None:
    """A message of the sd_notify protocol to the socket that systemd has named; without one, to nobody."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.sendto(text.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            pass  # a supervisor that doesn't listen is no reason not to serve


# The pid file


def write_pid_file(config: Config, log: Log) -> None:
    """As good as it can be done: a server that cannot write its number down serves all the same."""
    if not config.pidfile:
        if not config.daemonize:
            return
        config.pidfile = DEFAULT_PID_FILE
    try:
        with open(config.path(config.pidfile), "w") as file:
            file.write(f"{os.getpid()}\n")
    except OSError as error:
        log.warning(f"Failed to write PID file: {os.strerror(error.errno or 0)}")


def remove_pid_file(config: Config, log: Log) -> None:
    if config.pidfile:
        log.notice("Removing the pid file.")
        try:
            os.unlink(config.path(config.pidfile))
        except OSError:
            pass  # it is gone, or never was


# Files enough


def allow_clients(config: Config, log: Log) -> bool:
    """Raises the limit of open files to what maxclients needs; what cannot be had lowers maxclients.

    False if not even a few clients fit: then there is no point in starting.
    """
    wanted = config.maxclients + RESERVED_FILES
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY or limit >= wanted:
        return True
    got, problem = raise_limit(limit, wanted)
    if got >= wanted:
        log.notice(f"Increased maximum number of open files to {wanted} (it was originally set to {limit}).")
        return True
    if got <= RESERVED_FILES:
        log.warning(
            f"Your current 'ulimit -n' of {limit} is not enough for the server to start. "
            f"Please increase your open file limit to at least {wanted}. Exiting."
        )
        return False
    asked, config.maxclients = config.maxclients, got - RESERVED_FILES
    log.warning(f"You requested maxclients of {asked} requiring at least {wanted} max file descriptors.")
    log.warning(f"Server can't set maximum open files to {wanted} because of OS error: {problem}.")
    log.warning(
        f"Current maximum open files is {got}. maxclients has been reduced to {config.maxclients} to compensate for "
        "low ulimit. If you need higher maxclients increase 'ulimit -n'."
    )
    return True


def raise_limit(limit: int, wanted: int) -> tuple[int, str]:
    """The highest limit of open files to be had, in Redis' steps, and what stood in the way of more."""
    problem = ""
    for best in range(wanted, limit, -16):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (best, best))
            return best, problem
        except (OSError, ValueError) as error:
            problem = os.strerror(getattr(error, "errno", None) or 1)  # Python says ValueError for EPERM
    return limit, problem


# The host


def warn_of_host(config: Config, log: Log) -> None:
    """What is known to hurt a server that forks, as far as the kernel can be asked."""
    if read_line("/proc/sys/vm/overcommit_memory") not in ("1", ""):
        log.warning(
            "WARNING Memory overcommit must be enabled! Without it, a background save or replication may fail under "
            "low memory condition. To fix this issue add 'vm.overcommit_memory = 1' to /etc/sysctl.conf and then "
            "reboot or run the command 'sysctl vm.overcommit_memory=1' for this to take effect."
        )
    if "[always]" in read_line("/sys/kernel/mm/transparent_hugepage/enabled"):
        if config.disable_thp and disable_huge_pages():
            return
        log.warning(
            "WARNING You have Transparent Huge Pages (THP) support enabled in your kernel. This will create latency "
            "and memory usage issues with Redis. To fix this issue run the command 'echo madvise > "
            "/sys/kernel/mm/transparent_hugepage/enabled' as root, and add it to your /etc/rc.local in order to "
            "retain the setting after a reboot. Redis must be restarted after THP is disabled (set to 'madvise' or "
            "'never')."
        )


def disable_huge_pages() -> bool:
    """For this process only: a forked child's page of 2 MB is copied as a whole for one byte written."""
    import ctypes  # needed on few hosts, and slow to load

    return bool(ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0)


def warn_of_backlog(config: Config, log: Log) -> None:
    allowed = read_line("/proc/sys/net/core/somaxconn")
    if allowed.isdigit() and 0 < int(allowed) < config.tcp_backlog:
        log.warning(
            f"WARNING: The TCP backlog setting of {config.tcp_backlog} cannot be enforced because "
            f"/proc/sys/net/core/somaxconn is set to the lower value of {allowed}."
        )


def read_line(path: str) -> str:
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return ""
