"""What is written in the background, one thing at a time: a snapshot, a rewritten append-only file.

A forked child does it: its copy of the memory holds still, the server goes on. Two would copy twice the memory and
fight for the disk; who finds one at work waits for its turn. A server that lives in somebody else's process must not
fork it (`may_fork`): there the dataset is frozen (keyspace/frozen.py), and the same work is done in slices.
"""

import asyncio
import signal
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter, sleep

from pycluster.files.child import Child, Ended, fork_child
from pycluster.files.progress import Progress
from pycluster.files.writer import Steps, finish
from pycluster.keyspace.database import Database
from pycluster.keyspace.frozen import Frozen
from pycluster.persistence.slices import SLICE_S, Slices

# What is to be done, in steps; it returns False if it has failed. If no frozen dataset is handed in, the living one
# holds still.
Work = Callable[[Frozen | None], Steps[object]]


class Forks:
    """The work under way, if there is any, and the figures of all. (`child` is what does it, even if it is none.)"""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        may_fork: bool = True,
        *,
        databases: Callable[[], Sequence[Database]] = tuple,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`databases` are what is to be written, `say` puts a child's last words into the log."""
        self.may_fork = may_fork
        self.child: Child | Slices | None = None
        self.count = 0
        self.last_us = 0
        self.progress = Progress()
        self.keys_total = 0  # that the child has to write
        self.last_copied = {"RDB": 0, "AOF rewrite": 0}  # bytes that the last child of each kind made double
        self.slice_s = SLICE_S
        self._databases = databases
        self._say = say
        self._loop = loop
        self._frozen: Frozen | None = None

    @property
    def is_busy(self) -> bool:
        return self.child is not None

    def start(
        self, title: str, work: Work, ended: Callable[[Ended], None], *, keep: Iterable[int] = ()
    ) -> Child | Slices:
        """Starts the work; `ended` is called when it is over. Raises OSError if there can be no fork.

        `work` is called at once, in the child or here: what it reads before its first step is of this moment.
        """
        assert self.child is None
        databases = self._databases()
        self.keys_total = sum(db.size() for db in databases)
        purpose = "AOF rewrite" if title == "pycluster-aof" else "RDB"
        self.progress.begin()

        def note_end(how: Ended) -> None:
            self._let_go()
            if how.well and self.may_fork:
                self.last_copied[purpose] = self.progress.most_copied
            ended(how)

        if not self.may_fork:
            self.progress.work_here()
            self._frozen = Frozen(databases)
            self.child = Slices(self._loop, work(self._frozen), note_end, self._say, self.slice_s)
            return self.child
        before = perf_counter()
        child = fork_child(title, lambda: self._work(purpose, work), keep=keep)
        self.count += 1
        self.last_us = int((perf_counter() - before) * 1_000_000)
        self.child = child
        child.watch(self._loop, note_end)
        return child

    def _work(self, purpose: str, work: Work) -> object:
        """What the child does."""
        self.progress.become_child()
        came = finish(work(None))
        if came is not False:
            now, peak, average = (size >> 20 for size in self.progress.measure())
            self._say(f"Fork CoW for {purpose}: current {now} MB, peak {peak} MB, average {average} MB")
        return came

    def rest(self, seconds: float) -> None:
        """Called by the work: it is not to be done too quickly (rdb-key-save-delay)."""
        if isinstance(self.child, Slices):
            self.child.rest(seconds)
        else:
            sleep(seconds)

    def stop(self, by: int = signal.SIGKILL) -> None:
        """Ends the work and waits until it has ended; nobody is told."""
        child = self.child
        self._let_go()
        if isinstance(child, Slices):
            child.abandon()
        elif child is not None:
            self._loop.remove_reader(child.pidfd)
            child.kill(by)
            child.wait()

    def _let_go(self) -> None:
        self.child = None
        self.progress.end()
        if self._frozen is not None:
            self._frozen.release()
            self._frozen = None

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
