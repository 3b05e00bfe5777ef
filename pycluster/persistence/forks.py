"""The forked child of a server: one at a time, whatever it writes (a snapshot, a rewritten append-only file).

Two would copy twice the memory and fight for the disk. Who finds one at work waits for its turn. A server that lives
in somebody else's process must not fork it (`may_fork`); then the work is done at once.
"""

import asyncio
import signal
from collections.abc import Callable, Iterable
from time import perf_counter

from pycluster.files.child import Child, Ended, fork_child


class Forks:
    """The child at work, if there is one, and the figures of all."""

    def __init__(self, loop: asyncio.AbstractEventLoop, may_fork: bool = True) -> None:
        self.may_fork = may_fork
        self.child: Child | None = None
        self.count = 0
        self.last_us = 0
        self._loop = loop

    @property
    def is_busy(self) -> bool:
        return self.child is not None

    def start(
        self, title: str, work: Callable[[], object], ended: Callable[[Ended], None], *, keep: Iterable[int] = ()
    ) -> Child:
        """Starts a child; `ended` is called when it is no more. Raises OSError if there can be no fork."""
        assert self.child is None and self.may_fork
        before = perf_counter()
        child = fork_child(title, work, keep=keep)
        self.count += 1
        self.last_us = int((perf_counter() - before) * 1_000_000)
        self.child = child

        def note_end(how: Ended) -> None:
            self.child = None
            ended(how)

        child.watch(self._loop, note_end)
        return child

    def stop(self, by: int = signal.SIGKILL) -> None:
        """Ends the child and waits until it has ended; nobody is told."""
        child, self.child = self.child, None
        if child is not None:
            self._loop.remove_reader(child.pidfd)
            child.kill(by)
            child.wait()

    def info(self) -> dict[str, int]:
        """The fields of Stats about forks."""
        return {"latest_fork_usec": self.last_us, "total_forks": self.count}
