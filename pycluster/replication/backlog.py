"""The end of the replication stream, kept for replicas that were away for a moment.

It holds at least the last `size` bytes once so many have come, in blocks that are dropped whole: what is dropped costs
nothing, and neither does what is added.
"""

from collections import deque

BLOCK_LEAST = 16 * 1024
BLOCKS = 64  # a full backlog has about so many


class Backlog:
    """Bytes by their offset in the stream: `first` is the offset of the first byte held, or of the next to come."""

    __slots__ = ("size", "first", "length", "_blocks", "_block_size")

    def __init__(self, size: int, first: int) -> None:
        self.size = size
        self.first = first
        self.length = 0
        self._block_size = max(BLOCK_LEAST, size // BLOCKS)
        self._blocks: deque[bytearray] = deque()

    def feed(self, stream: bytes) -> None:
        """Takes the next bytes of the stream."""
        blocks = self._blocks
        if not blocks or len(blocks[-1]) >= self._block_size:
            blocks.append(bytearray())
            self._trim()  # only here: what one block holds too much is little
        blocks[-1] += stream
        self.length += len(stream)

    def holds(self, offset: int) -> bool:
        """Can a replica that wants the bytes from this offset on be served?"""
        return self.first <= offset <= self.first + self.length

    def read_from(self, offset: int) -> bytes:
        """All bytes from this offset on."""
        assert self.holds(offset)
        skipped = offset - self.first
        parts = []
        for block in self._blocks:
            if skipped < len(block):
                parts.append(block[skipped:] if skipped else block)
            skipped = max(0, skipped - len(block))
        return b"".join(parts)

    def resize(self, size: int) -> None:
        """From now on at least so many bytes are kept."""
        self.size = size
        self._block_size = max(BLOCK_LEAST, size // BLOCKS)
        self._trim()

    def _trim(self) -> None:
        while self._blocks and self.length - len(self._blocks[0]) >= self.size:
            dropped = len(self._blocks.popleft())
            self.first += dropped
            self.length -= dropped
