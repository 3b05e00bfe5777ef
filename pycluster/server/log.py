"""The server's log, in Redis' form: people wait for its lines, and their tools cut them apart.

    4711:M 26 Jun 2024 10:00:00.123 * Ready to accept connections tcp

Process, role, time, level, text. The roles: M a primary, S a replica, C a forked child or a process that is not a
server yet. The file is opened for each line, so that it can be moved away and deleted at any time; a log that cannot be
written stops nobody.
"""

import os
import sys
import syslog
import time
from collections.abc import Callable

from pycluster.server.config import Config

LEVELS = ("debug", "verbose", "notice", "warning", "nothing")
LETTERS = ".-*#"
SYSLOG_LEVELS = (syslog.LOG_DEBUG, syslog.LOG_INFO, syslog.LOG_NOTICE, syslog.LOG_WARNING)


class Log:
    """One server's log: where to and how much, its config says at each line."""

    __slots__ = ("clock", "config", "is_replica", "pid", "syslog_is_open")

    def __init__(self, config: Config, clock: Callable[[], float] = time.time, pid: int | None = None) -> None:
        self.config = config
        self.clock = clock
        self.pid = os.getpid() if pid is None else pid  # the server's; a line of any other process is a child's
        self.is_replica = False
        self.syslog_is_open = False

    def debug(self, text: str) -> None:
        self.write("debug", text)

    def verbose(self, text: str) -> None:
        self.write("verbose", text)

    def notice(self, text: str) -> None:
        self.write("notice", text)

    def warning(self, text: str) -> None:
        self.write("warning", text)

    def write(self, level: str, text: str) -> None:
        """A line, if the server is to say so much."""
        importance = LEVELS.index(level)
        if importance < LEVELS.index(self.config.loglevel):
            return
        self.put(f"{self.heading()} {LETTERS[importance]} {text}\n")
        if self.config.syslog_enabled:
            self.tell_system(SYSLOG_LEVELS[importance], text)

    def signal(self, text: str) -> None:
        """A signal has come: Redis says so from within its handler, and therefore in another form."""
        if LEVELS.index("warning") >= LEVELS.index(self.config.loglevel):
            self.put(f"{os.getpid()}:signal-handler ({int(self.clock())}) {text}\n")

    def heading(self) -> str:
        now = self.clock()
        pid = os.getpid()
        role = "C" if pid != self.pid else "S" if self.is_replica else "M"
        moment = time.strftime("%d %b %Y %H:%M:%S", time.localtime(now))
        return f"{pid}:{role} {moment}.{int(now * 1000) % 1000:03d}"

    def put(self, text: str) -> None:
        """Text as it is, at once: to the log file or, without one, to standard output."""
        try:
            if self.config.logfile:
                with open(self.config.path(self.config.logfile), "ab", buffering=0) as file:
                    file.write(os.fsencode(text))
            else:
                sys.stdout.buffer.write(os.fsencode(text))
                sys.stdout.buffer.flush()
        except OSError:
            pass

    def tell_system(self, level: int, text: str) -> None:
        if not self.syslog_is_open:
            facility = getattr(syslog, f"LOG_{self.config.syslog_facility.upper()}")
            syslog.openlog(self.config.syslog_ident, syslog.LOG_PID | syslog.LOG_NDELAY | syslog.LOG_NOWAIT, facility)
            self.syslog_is_open = True
        syslog.syslog(level, text)
