"""Ctrl-C strikes between two requests, not within one: what was asked is answered, and it is known how things stand.
Nor does it strike between a few requests that belong together, as those that give a slot to its new owner.

A second Ctrl-C strikes at once. Where nothing is under way (a question to the user, a pause) the first one does, too.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    def __init__(self) -> None:
        self._is_held_off = False
        self._has_come = False

    def install(self) -> None:
        """From now on Ctrl-C is ours."""
        signal.signal(signal.SIGINT, self.strike)

    def strike(self, number: int = signal.SIGINT, frame: FrameType | None = None) -> None:
        if self._is_held_off and not self._has_come:
            self._has_come = True
            return
        self._has_come = False
        raise KeyboardInterrupt

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Around a request, or around several; it may be nested. (Signals are the main thread's; what other threads ask
        is nothing that must be ended.)"""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before, self._is_held_off = self._is_held_off, True
        try:
            yield
        finally:
            self._is_held_off = before
            if self._has_come and not before:  # whatever came of the request
                self._has_come = False
                raise KeyboardInterrupt
