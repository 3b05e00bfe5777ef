"""What a forked child tells of itself while it works: how many keys it has written, how much memory it has made double.

Both processes see one page of memory: the child writes numbers there, the server reads them when somebody asks. A copy
of a page is made whenever either of them changes it, so the child's private memory is what the fork costs beside the
dataset. To read that takes the kernel some time; the child does so for a hundredth of its own at the most.
"""

import mmap
import struct
from time import perf_counter

DUTY = 100  # readings cost a hundredth of the time
TELL_EVERY = 1024  # keys

_NUMBERS = struct.Struct("<QQQd")  # keys, copied bytes now, at the most, and when that was read


class Progress:
    """The child's side is `passed` and `measure`, the server's are the figures."""

    __slots__ = ("_page", "_is_child", "_is_at_work", "_keys", "_copied", "_peak", "_read_at", "_cost", "_readings",
                 "_sum")  # fmt: skip

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._is_child = self._is_at_work = False
        self.begin()

    def begin(self) -> None:
        """A child is about to be forked."""
        self._keys = self._copied = self._peak = self._readings = self._sum = 0
        self._read_at = self._cost = 0.0
        self._tell()

    # The child's side

    def become_child(self) -> None:
        self._is_child = self._is_at_work = True

    def work_here(self) -> None:
        """There is no child: the server itself writes, and copies nothing by that which could be measured."""
        self._is_at_work = True

    def end(self) -> None:
        """The server itself writes no more."""
        self._is_at_work = False

    def passed(self, keys: int) -> None:
        """So many more keys are written. (While everybody waits for a save, nobody needs to know.)"""
        if not self._is_at_work:
            return
        before, self._keys = self._keys, self._keys + keys
        if not self._is_child:
            self._tell()
            return
        if before // TELL_EVERY == self._keys // TELL_EVERY and self._readings:
            return
        if perf_counter() - self._read_at > self._cost * DUTY:
            self.measure()
        self._tell()

    def measure(self) -> tuple[int, int, int]:
        """Reads how much has been copied: now, at the most, on average."""
        before = perf_counter()
        self._copied = _private_bytes()
        self._read_at = perf_counter()
        self._cost = self._read_at - before
        self._peak = max(self._peak, self._copied)
        self._readings += 1
        self._sum += self._copied
        self._tell()
        return self._copied, self._peak, self._sum // self._readings

    def _tell(self) -> None:
        _NUMBERS.pack_into(self._page, 0, self._keys, self._copied, self._peak, self._read_at)

    # The server's side

    @property
    def keys(self) -> int:
        return self._figures()[0]

    @property
    def copied(self) -> int:
        return self._figures()[1]

    @property
    def most_copied(self) -> int:
        return self._figures()[2]

    @property
    def age_s(self) -> int:
        """How old the figure of what is copied is."""
        read_at = self._figures()[3]
        return int(perf_counter() - read_at) if read_at else 0

    def _figures(self) -> tuple[int, int, int, float]:
        keys, copied, peak, read_at = _NUMBERS.unpack_from(self._page)
        return keys, copied, peak, read_at


def _private_bytes() -> int:
    """What of this process' memory no other one shares (Private_Dirty, as Redis counts it)."""
    try:
        with open("/proc/self/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Private_Dirty:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # a kernel without it
    return 0
