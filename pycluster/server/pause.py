"""Clients told to wait: CLIENT PAUSE, and the pause of a manual failover. One does not end the other.

While a purpose is in force the gate PAUSED is up; requests it holds back are kept by their connections, which hand
them in again when the last purpose that held them is over (networking.c, `pauseActions`), or keys were released
(reservations.py).
"""

from dataclasses import dataclass
from typing import Any

from pycluster.server.admission import PAUSED
from pycluster.server.client import Client

BY_CLIENT = "client pause"  # CLIENT PAUSE
SLOT_MIGRATION = "slot migration"  # slots are about to change hands: writes stand still until they have
FAILOVER = "failover"  # CLUSTER FAILOVER, FAILOVER: writes, expiry, eviction and PINGs to replicas stand still


@dataclass(slots=True)
class _Purpose:
    until_ms: int
    all_commands: bool  # or writes only


class Pause:
    """The pauses of one server."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._purposes: dict[str, _Purpose] = {}
        self._postponed: dict[Client, None] = {}
        self._timer: Any = None

    def begin(self, purpose: str, until_ms: int, all_commands: bool) -> None:
        """Pauses until a time; a pause of the same purpose is never shortened, nor made milder."""
        known = self._purposes.get(purpose)
        if known is not None:
            until_ms = max(until_ms, known.until_ms)
            all_commands = all_commands or known.all_commands
        self._purposes[purpose] = _Purpose(until_ms, all_commands)
        self._rearm()

    def end(self, purpose: str) -> None:
        """Ends the pause of this purpose, if there is one."""
        if self._purposes.pop(purpose, None) is not None:
            self._rearm()

    def holds(self, writes: bool) -> bool:
        """Must a command of this kind wait?"""
        return any(purpose.all_commands or writes for purpose in self._purposes.values())

    @property
    def stops_changes(self) -> bool:
        """Must data stand still, so that expiry and eviction wait too?"""
        return bool(self._purposes)

    @property
    def is_failover(self) -> bool:
        """Is it a failover that pauses writes?"""
        return FAILOVER in self._purposes

    def postpone(self, client: Client) -> None:
        """The client's request was held back: it is to be told when to try again."""
        self._postponed[client] = None

    def holds_back(self, client: Client) -> bool:
        """Is a request of this client held back?"""
        return client in self._postponed

    def forget(self, client: Client) -> None:
        """The client has gone."""
        self._postponed.pop(client, None)

    @property
    def postponed(self) -> int:
        """How many clients wait."""
        return len(self._postponed)

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        server = self._server
        if self._purposes:
            server.gate |= PAUSED
            soonest = min(purpose.until_ms for purpose in self._purposes.values())
            self._timer = server.loop.call_later(max(0, soonest - server.wall_ms()) / 1000, self._look)
        else:
            server.gate &= ~PAUSED
        server.choose_expiry()
        self.retry()

    def retry(self) -> None:
        """Something that requests may have waited for is over: they are handed in again."""
        waiting, self._postponed = self._postponed, {}
        for client in waiting:
            client.link.resume()
        self._server.blocking.look_again()

    def _look(self) -> None:
        now = self._server.wall_ms()
        self._purposes = {name: purpose for name, purpose in self._purposes.items() if purpose.until_ms > now}
        self._rearm()
