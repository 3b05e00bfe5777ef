"""The primary's stream, as it is applied: commands in, and the bytes that are done with out.

An offset counts bytes, but commands are what is applied, and a transaction only as a whole: the offset stands still
inside MULTI … EXEC, so that a link that breaks there goes on from before it. How long a command was on the wire
follows from its arguments, since there is one way to write it; whether that still fits is seen at each batch's end.
"""

from collections.abc import Callable

from pycluster.protocol.errors import ProtocolError
from pycluster.protocol.requests import RequestReader

STAR = 42


class PrimaryStream:
    """Reads commands from what arrives and has each performed. `in_unit` says that a transaction is still open.

    `perform` may say False: the command takes time (a big value is restored in slices), and is to be performed again,
    before all others, the next time.
    """

    def __init__(self, perform: Callable[[list[bytes]], bool], in_unit: Callable[[], bool]) -> None:
        self.received = 0  # bytes, since the link came up
        self._perform = perform
        self._in_unit = in_unit
        self._reader = RequestReader()
        self._reader.strict.from_primary = True
        self._pending = bytearray()  # received, and not applied
        self._again: list[bytes] | None = None  # the command that takes time
        self._read = 0  # of them, how many belong to commands that were performed

    def feed(self, piece: bytes) -> None:
        self.received += len(piece)
        self._pending += piece
        self._reader.feed(piece)

    def apply(self, most: int) -> tuple[bytes, bool]:
        """Performs up to so many commands: the bytes applied by that, and whether there is more to do at once.

        Raises ProtocolError where what arrives is no stream of commands.
        """
        read, done = self._read, 0  # a unit that was open the last time is still to be counted
        following, perform, in_unit = self._reader.next, self._perform, self._in_unit
        more = True
        for _ in range(most):
            args, self._again = self._again or following(), None
            if args is None:
                more = self._reader.waits
                break
            if not perform(args):
                self._again = args
                break
            read += _length(args)
            if not in_unit():
                done = read
        if not more and read < len(self._pending) and self._pending[read] != STAR:
            raise ProtocolError("the primary's stream is not where it should be")
        applied = bytes(self._pending[:done])
        del self._pending[:done]
        self._read = read - done
        return applied, more


def _length(args: list[bytes]) -> int:
    """How many bytes a command takes on the wire."""
    length = 3 + len(str(len(args)))
    for arg in args:
        size = len(arg)
        length += size + (6 if size < 10 else 7 if size < 100 else 5 + len(str(size)))
    return length
