"""Work in slices, in the place of a forked child: a little of it, then whoever else is due in the event loop.

To those who started it, it looks like a child: it has a process id (the server's own), can be told to go, and ends with
a status. Between two slices everything is served; a sync of the disk holds it up, as a slow command would.
"""

import asyncio
import os
import traceback
from collections.abc import Callable
from time import perf_counter

from pycluster.files.child import UNWANTED, Ended
from pycluster.files.writer import Steps

SLICE_S = 0.001


class Slices:
    """Some work under way. `ended` is called once, from the event loop, when it is done or was told to go."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        steps: Steps[object],
        ended: Callable[[Ended], None],
        say: Callable[[str], None],
        slice_s: float = SLICE_S,
    ) -> None:
        """`say` puts it into the log if the work ends by an error that nobody foresaw."""
        self.pid = os.getpid()
        self._loop = loop
        self._steps = steps
        self._ended = ended
        self._say = say
        self._slice_s = slice_s
        self._rest_s = 0.0
        self._next = loop.call_soon(self._go_on)

    def rest(self, seconds: float) -> None:
        """Nothing more is to be done for a while."""
        self._rest_s += seconds

    def kill(self, by: int = UNWANTED) -> None:
        """Gives the work up; `ended` is told of it as of a signal."""
        self.abandon()
        self._next = self._loop.call_soon(self._ended, Ended(status=0, signal=by))

    def abandon(self) -> None:
        """Gives the work up, and nobody is told."""
        self._next.cancel()
        self._steps.close()

    def _go_on(self) -> None:
        end = perf_counter() + self._slice_s
        try:
            while True:
                next(self._steps)
                if self._rest_s or perf_counter() > end:
                    break
        except StopIteration as stop:
            self._ended(Ended(status=int(stop.value is False), signal=0))
            return
        except Exception:
            self._say(traceback.format_exc())
            self._ended(Ended(status=1, signal=0))
            return
        rest_s, self._rest_s = self._rest_s, 0.0
        self._next = self._loop.call_later(rest_s, self._go_on) if rest_s else self._loop.call_soon(self._go_on)
