"""The forked child: a frozen copy of the whole process that writes the dataset down while the server goes on.

The child shares the parent's open files, and that is where forks go wrong: a client's connection would not close
before the child ends too, a restarted server would find its port taken and nodes.conf locked, and a signal for the
child would wake the parent's event loop through the wakeup descriptor. So the child first gives up everything that
it was not told to keep. It never returns into the parent's code: `os._exit`, whatever happens.
"""

import asyncio
import gc
import os
import signal
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# The server kills a child that is no longer wanted by this signal; it tells that end from a crash.
UNWANTED = signal.SIGUSR1

_STANDARD = (0, 1, 2)


@dataclass(slots=True)
class Ended:
    """How a child ended: by leaving with a status, or by a signal (0 if by none)."""

    status: int
    signal: int

    @property
    def well(self) -> bool:
        return self.status == 0 and self.signal == 0


@dataclass(slots=True, eq=False)
class Child:
    """A child at work. `ended` is called once, from the event loop, when it is no more."""

    pid: int
    title: str
    pidfd: int

    def kill(self, by: int = UNWANTED) -> None:
        """Asks the child to go; that it went is told through `ended` as ever."""
        try:
            signal.pidfd_send_signal(self.pidfd, by)
        except OSError:
            pass  # gone already, perhaps reaped

    def watch(self, loop: asyncio.AbstractEventLoop, ended: Callable[[Ended], None]) -> None:
        loop.add_reader(self.pidfd, self._reap, loop, ended)

    def wait(self) -> Ended:
        """Waits for the end, without an event loop: for a server on its way out."""
        return self._collect()

    def _reap(self, loop: asyncio.AbstractEventLoop, ended: Callable[[Ended], None]) -> None:
        loop.remove_reader(self.pidfd)
        ended(self._collect())

    def _collect(self) -> Ended:
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self.pidfd = -1
        if os.WIFSIGNALED(status):
            return Ended(status=0, signal=os.WTERMSIG(status))
        return Ended(status=os.WEXITSTATUS(status), signal=0)


def fork_child(title: str, work: Callable[[], object], *, keep: Iterable[int] = ()) -> Child:
    """Starts a child that does the work and leaves: status 0 if it returned, 1 if it raised or returned False.

    `keep` names the descriptors it needs beside the standard ones (a log, a pipe). What the work opens is its own.
    Raises OSError if there can be no fork.
    """
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _become_child(title, keep)
            status = int(work() is False)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)
    return Child(pid, title, os.pidfd_open(pid))


def _become_child(title: str, keep: Iterable[int]) -> None:
    """Gives up what is the parent's: its signals, its descriptors, its name, its garbage collector."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD, UNWANTED):
        signal.signal(number, signal.SIG_DFL)
    # A Ctrl-C at the terminal goes to the whole group; what becomes of the child is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # a collection would touch, and so copy, every page
    kept = {*_STANDARD, *keep}
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd not in kept:
            try:
                os.close(fd)
            except OSError:
                pass  # the descriptor that listed the directory
    try:
        with open("/proc/self/comm", "w") as comm:
            comm.write(title)
    except OSError:
        pass  # a name in `ps` is nothing to fail for
