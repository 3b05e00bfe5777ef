"""The forked child of a server: one at a time, whatever it writes (a snapshot, a rewritten append-only file).

Two would copy twice the memory and fight for the disk. Who finds one at work waits for its turn. A server that lives
in somebody else's process must not fork it (`may_fork`); then the work is done at once.
"""

import asyncio
import signal
from collections.abc import Callable, Iterable
from time import perf_counter

from pycluster.files.child import Child, Ended, fork_child
from pycluster.files.progress import Progress


class Forks:
    """The child at work, if there is one, and the figures of all."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        may_fork: bool = True,
        *,
        count_keys: Callable[[], int] = lambda: 0,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`count_keys` tells how many keys a child will have to write, `say` puts its last words into the log."""
        self.may_fork = may_fork
        self.child: Child | None = None
        self.count = 0
        self.last_us = 0
        self.progress = Progress()
        self.keys_total = 0  # that the child has to write
        self.last_copied = {"RDB": 0, "AOF rewrite": 0}  # bytes that the last child of each kind made double
        self._count_keys = count_keys
        self._say = say
        self._loop = loop

    @property
    def is_busy(self) -> bool:
        return self.child is not None

    def start(
        self, title: str, work: Callable[[], object], ended: Callable[[Ended], None], *, keep: Iterable[int] = ()
    ) -> Child:
        """Starts a child; `ended` is called when it is no more. Raises OSError if there can be no fork."""
        assert self.child is None and self.may_fork
        purpose = "AOF rewrite" if title == "pycluster-aof" else "RDB"
        keys = self._count_keys()
        self.progress.begin()
        before = perf_counter()
        child = fork_child(title, lambda: self._work(purpose, work), keep=keep)
        self.count += 1
        self.last_us = int((perf_counter() - before) * 1_000_000)
        self.child = child
        self.keys_total = keys

        def note_end(how: Ended) -> None:
            self.child = None
            if how.well:
                self.last_copied[purpose] = self.progress.most_copied
            ended(how)

        child.watch(self._loop, note_end)
        return child

    def _work(self, purpose: str, work: Callable[[], object]) -> object:
        """What the child does."""
        self.progress.become_child()
        came = work()
        if came is not False:
            now, peak, average = (size >> 20 for size in self.progress.measure())
            self._say(f"Fork CoW for {purpose}: current {now} MB, peak {peak} MB, average {average} MB")
        return came

    def stop(self, by: int = signal.SIGKILL) -> None:
        """Ends the child and waits until it has ended; nobody is told."""
        child, self.child = self.child, None
        if child is not None:
            self._loop.remove_reader(child.pidfd)
            child.kill(by)
            child.wait()

    def progress_info(self) -> dict[str, int | float]:
        """The fields of Persistence about the child at work, and what the last ones cost."""
        last: dict[str, int | float] = {
            "rdb_last_cow_size": self.last_copied["RDB"],
            "aof_last_cow_size": self.last_copied["AOF rewrite"],
        }
        if self.child is None:
            return last
        progress, total = self.progress, self.keys_total
        return last | {
            "current_cow_peak": progress.most_copied,
            "current_cow_size": progress.copied,
            "current_cow_size_age": progress.age_s,
            "current_fork_perc": 100 * progress.keys / total if total else 0.0,
            "current_save_keys_processed": progress.keys,
            "current_save_keys_total": total,
        }

    def info(self) -> dict[str, int]:
        """The fields of Stats about forks."""
        return {"latest_fork_usec": self.last_us, "total_forks": self.count}
