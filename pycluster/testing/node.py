"""One server process in a directory of its own: started, asked, paused, killed, started again.

The directory is the node: its redis.conf, its log, its nodes.conf and its dump. So a node can be left running by one
process (`daemon=True`) and taken up by another that knows the directory. What the nodes of a cluster are to each other
is cluster.py's business.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import hiredis

from pycluster.testing.connection import Connection, Word
from pycluster.testing.waiting import wait_until

PYCLUSTER = (sys.executable, "-m", "pycluster")

Directive = tuple[str, object]


class StartFailed(Exception):
    """The process ended instead of taking connections; the text is the end of its log."""


class Node:
    def __init__(
        self,
        port: int,
        directory: Path | str,
        *,
        host: str = "127.0.0.1",
        program: Sequence[str] = PYCLUSTER,
        directives: Iterable[Directive] = (),
        daemon: bool = False,
    ):
        """`directives` go to redis.conf after the node's own, so they win. A redis.conf that is there already is kept.

        A daemon outlives the process that starts it; any other node is gone when that process is.
        """
        self.host = host
        self.port = port
        self.directory = Path(directory).resolve()  # as /proc shows it
        self.program = tuple(program)
        self.directives = list(directives)
        self.daemon = daemon
        self.process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<Node {self.address} in {self.directory}>"

    # ---- life and death

    def start(self, timeout_s: float = 30.0) -> None:
        self.launch()
        self.wait_ready(timeout_s)

    def launch(self) -> None:
        """Start the process and don't wait for it: many nodes come up faster side by side."""
        assert not self.is_running, f"{self} is running already"
        self.write_config()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, str(self.config_path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the test's to handle, not each node's
                preexec_fn=None if self.daemon or not _in_main_thread() else _die_with_parent,
            )

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Until it takes commands: not merely listening, loaded too."""
        wait_until(self._why_not_ready, timeout_s)
        if self.daemon:
            self._forget_launcher()

    def stop(self, timeout_s: float = 30.0) -> None:
        """End it in good order (SIGTERM) and wait until it has."""
        self.terminate()
        self.wait_gone(timeout_s)

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        if self.daemon:
            self._forget_launcher()
        self.signal(signal.SIGKILL)
        self.wait_gone()

    def restart(self) -> None:
        """Start it again in its directory, whether it was killed, stopped or still running."""
        if self.is_running:
            self.stop()
        self.start()

    def pause(self) -> None:
        """Take the processor away from it: to its peers it looks like a node behind a dead network."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: int) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def wait_gone(self, timeout_s: float = 30.0) -> None:
        wait_until(lambda: f"{self} is running" if self.is_running else "", timeout_s)

    @property
    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        if not self.daemon:
            return self.process.pid if self.process and self.process.poll() is None else None
        try:
            pid = int(self.pid_path.read_text())
            # The file may be a leftover, its number another program's by now: a server stands in its directory.
            return pid if Path(f"/proc/{pid}/cwd").readlink() == self.directory else None
        except (OSError, ValueError):
            return None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    # ---- asking it

    def connect(self, timeout_s: float = 10.0) -> Connection:
        return Connection(self.host, self.port, timeout_s)

    def ask(self, *words: Word) -> Any:
        """Send one command over a connection of its own; an error reply is raised as hiredis.ReplyError."""
        with self.connect() as connection:
            return connection.ask(*words)

    def info(self, *sections: str) -> dict[str, str]:
        return parse_fields(self.ask("INFO", *sections))

    def cluster_info(self) -> dict[str, str]:
        return parse_fields(self.ask("CLUSTER", "INFO"))

    # ---- its directory

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def config_path(self) -> Path:
        return self.directory / "redis.conf"

    @property
    def log_path(self) -> Path:
        return self.directory / "redis.log"

    @property
    def pid_path(self) -> Path:
        return self.directory / "redis.pid"

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_end(self, lines: int = 20) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def write_config(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.config_path.exists():
            return
        own: list[Directive] = [("port", self.port), ("bind", self.host), ("dir", self.directory)]
        if self.daemon:
            own += [("daemonize", "yes"), ("pidfile", self.pid_path), ("logfile", self.log_path)]
        lines = [f"{name} {_quoted(str(value))}\n" for name, value in [*own, *self.directives]]
        self.config_path.write_text("".join(lines))

    def _why_not_ready(self) -> str:
        if not self.is_running:
            self.refuse_failed_start()
            return f"{self} has no process:\n{self.log_end()}"
        try:
            self.ask("PING")
        except hiredis.ReplyError as error:
            if str(error).startswith("LOADING"):
                raise
            # -NOAUTH or -MASTERDOWN is the answer of a server that is up.
        return ""

    def refuse_failed_start(self) -> None:
        """Raise if it was launched and has ended. A daemon's launcher ends, too, but with status 0, and before the
        daemon has written its pid file."""
        if self.process and self.process.poll() is not None and not (self.daemon and self.process.returncode == 0):
            raise StartFailed(f"{self} ended instead of taking connections:\n{self.log_end()}")

    def _forget_launcher(self) -> None:
        """Let the process go that leaves the daemon behind, but not before the daemon can be found by its pid file."""
        launcher, self.process = self.process, None
        if launcher and launcher.wait() == 0:
            try:
                wait_until(lambda: "" if self.is_running else f"{self} has no process", timeout_s=1)
            except TimeoutError:
                pass  # it has come and gone


def parse_fields(text: bytes) -> dict[str, str]:
    """INFO's and CLUSTER INFO's `name:value` lines."""
    pairs = (line.partition(":") for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in pairs if colon}


def _quoted(value: str) -> str:
    """As a word or words of redis.conf: `save ""` needs its quotes, `save 900 1` must stay two words."""
    return value if value else '""'


_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Run in the child: a node must not stay behind when the tests are killed."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _in_main_thread() -> bool:
    """Linux means by "parent" the thread that forked; a worker thread's end must not take the node along."""
    return threading.current_thread() is threading.main_thread()
