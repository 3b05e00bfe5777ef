"""The end of a server, in good order: SHUTDOWN, SIGTERM, SIGINT.

First the replicas may catch up (at most shutdown-timeout seconds, while writes wait), then the duties are done in turn:
a part that must not be left as it is (a dataset not saved) names one, and may refuse. Refused, or aborted, the server
goes on as if nothing had been said; otherwise `done` is set, and whoever runs the server lets it go.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pycluster.keyspace.database import FOREVER_MS

PURPOSE = "shutdown"
LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Manner:
    """How to end: the words of SHUTDOWN and of shutdown-on-sigterm."""

    save: bool = False  # even without save points
    nosave: bool = False
    now: bool = False  # without waiting for replicas
    force: bool = False  # whatever fails

    @classmethod
    def named(cls, words: tuple[str, ...]) -> "Manner":
        return cls(**dict.fromkeys(words, True))


class CannotExit(Exception):
    """A duty has failed, so that to end now would lose something. Why, the log says."""


Duty = Callable[[Manner], None]


class Shutdown:
    """How one server ends."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.done: asyncio.Future[None] = server.loop.create_future()
        self.duties: list[Duty] = []
        self.lagging: Callable[[], bool] = lambda: False  # is a replica still behind?
        self.hurry_replicas: Callable[[], None] = lambda: None
        self.manner: Manner | None = None
        self.deadline_ms = 0
        self.given_up: list[Callable[[], None]] = []  # who is to be told if nothing comes of it

    @property
    def is_under_way(self) -> bool:
        return self.manner is not None

    def add_duty(self, duty: Duty) -> None:
        """The duty is done before the server ends, behind those named before; it raises CannotExit to prevent that."""
        self.duties.append(duty)

    def begin(self, manner: Manner, given_up: Callable[[], None] = lambda: None) -> bool:
        """Ends the server as soon as may be. If that fails at once, False; if later, `given_up` is called."""
        if self.is_under_way:
            self.given_up.append(given_up)
            return True
        server = self.server
        if server.is_loading:
            manner = Manner(nosave=True, now=manner.now, force=manner.force)  # half a dataset must not replace a whole
        self.manner = manner
        server.log.notice("User requested shutdown...")
        timeout = server.config.shutdown_timeout
        if manner.now or not timeout or not self.lagging():
            return self.finish()
        self.given_up.append(given_up)
        self.deadline_ms = server.wall_ms() + timeout * 1000
        server.pause.begin(PURPOSE, FOREVER_MS, all_commands=False)
        self.hurry_replicas()
        server.log.notice("Waiting for replicas before shutting down.")
        server.loop.call_later(LOOK_AGAIN_S, self.look_again)
        return True

    def look_again(self) -> None:
        if self.manner is None:
            return
        if self.server.wall_ms() >= self.deadline_ms or not self.lagging():
            self.finish()
        else:
            self.server.loop.call_later(LOOK_AGAIN_S, self.look_again)

    def finish(self) -> bool:
        """Does the duties; did they go well?"""
        assert self.manner is not None
        try:
            for duty in self.duties:
                duty(self.manner)
        except CannotExit:
            self.server.log.warning("Errors trying to shut down the server. Check the logs for more information.")
            self.give_up()
            return False
        self.done.set_result(None)
        return True

    def abort(self) -> bool:
        """SHUTDOWN ABORT: was there anything to abort?"""
        if self.manner is None:
            return False
        self.give_up()
        return True

    def give_up(self) -> None:
        self.manner = None
        self.server.pause.end(PURPOSE)
        waiting, self.given_up = self.given_up, []
        for tell in waiting:
            tell()
