"""How a snapshot gets to replicas: as a file that was written first, or straight from the child that makes it.

Neither waits: a piece is sent when the peer has taken most of what came before. So a slow replica takes no memory here;
of several that are fed by one child, the slowest sets the pace (repl-timeout ends one that takes nothing at all).
"""

import asyncio
import os
from collections.abc import Callable, Iterable

from pycluster.replication.attached import AttachedReplica

PIECE = 128 * 1024
FAR_BEHIND = 1 << 20  # bytes not taken by a replica: then the others wait too


class FileDelivery:
    """Sends one replica a file that lies on the disk, or in memory."""

    def __init__(self, replica: AttachedReplica, fd: int, done: Callable[[AttachedReplica], None]) -> None:
        self._replica = replica
        self._fd = fd
        self._done = done
        replica.client.link.send_bytes(b"$%d\r\n" % os.fstat(fd).st_size)
        self._send()

    def stop(self) -> None:
        """The replica has gone, or has everything."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _send(self) -> None:
        if self._fd < 0:
            return
        piece = os.read(self._fd, PIECE)
        if not piece:
            self.stop()
            self._done(self._replica)
            return
        self._replica.client.link.send_bytes(piece)
        self._replica.client.link.when_taken(self._send)


class PipeDelivery:
    """Passes on what a child writes into a pipe, to all replicas that wait for it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pipe: int,
        replicas: Iterable[AttachedReplica],
        *,
        drained: Callable[[], None],
        abandoned: Callable[[], None],
    ) -> None:
        """`drained` is called at the end of what the child wrote, `abandoned` when no replica is left to want it."""
        self.replicas = list(replicas)
        self._loop = loop
        self._pipe = pipe
        self._drained = drained
        self._abandoned = abandoned
        self._slow: set[AttachedReplica] = set()
        os.set_blocking(pipe, False)
        loop.add_reader(pipe, self._pass_on)

    @property
    def is_drained(self) -> bool:
        """Has the child's end of the pipe been closed?"""
        return self._pipe < 0

    def remove(self, replica: AttachedReplica) -> None:
        """This replica has gone."""
        if replica not in self.replicas:
            return
        self.replicas.remove(replica)
        if self._pipe < 0:
            return
        if not self.replicas:
            self._close()
            self._abandoned()
        else:
            self._caught_up(replica)

    def _pass_on(self) -> None:
        try:
            piece = os.read(self._pipe, PIECE)
        except BlockingIOError:
            return
        if not piece:
            self._close()
            self._drained()
            return
        for replica in self.replicas:
            replica.client.link.send_bytes(piece)
            if replica.client.link.held_output() > FAR_BEHIND:
                self._slow.add(replica)
        if self._slow:
            self._loop.remove_reader(self._pipe)
            for replica in list(self._slow):
                replica.stuck_since = self._loop.time()
                replica.client.link.when_taken(lambda replica=replica: self._caught_up(replica))

    def _caught_up(self, replica: AttachedReplica) -> None:
        replica.stuck_since = 0.0
        if replica not in self._slow:
            return
        self._slow.discard(replica)
        if not self._slow and self._pipe >= 0:
            self._loop.add_reader(self._pipe, self._pass_on)

    def _close(self) -> None:
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
