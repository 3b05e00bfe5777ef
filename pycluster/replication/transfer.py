"""How a dataset arrives: `$<length>` and so many bytes, or `$EOF:<40 bytes>`, bytes, and the same 40 bytes again.

The second form is that of a primary that makes the file while it sends it, and does not know how long it will be.
Before either come empty lines, signs of life of a primary that is still preparing.
"""

from pycluster.replication.history import ID_LENGTH as MARK_LENGTH

LONGEST_LINE = 1024


class TransferFailed(Exception):
    """What arrives is no dataset; the text says why, in the words for the log."""


class Transfer:
    """One dataset on its way: fed with what arrives, returns what belongs to the file."""

    def __init__(self) -> None:
        self.has_begun = False
        self.size: int | None = None  # None: not said
        self.received = 0
        self.done = False
        self.rest = b""  # what came behind the file
        self._mark = b""
        self._unread = b""

    def receive(self, piece: bytes) -> bytes:
        """The bytes of the file in this piece. Raises TransferFailed."""
        piece = self._unread + piece
        self._unread = b""
        if not self.has_begun:
            piece = self._read_opening(piece)
            if not self.has_begun:
                return b""
        return self._up_to_mark(piece) if self._mark else self._up_to_size(piece)

    def _read_opening(self, piece: bytes) -> bytes:
        """Reads the line that says what comes: what stands behind it."""
        piece = piece.lstrip(b"\r\n")
        line, newline, behind = piece.partition(b"\n")
        if not newline:
            if len(piece) > LONGEST_LINE:
                raise TransferFailed("I/O error reading bulk count from MASTER: line too long")
            self._unread = piece
            return b""
        line = line.rstrip(b"\r")
        if line.startswith(b"-"):
            raise TransferFailed(f"MASTER aborted replication with an error: {line[1:].decode('latin-1')}")
        said = line[1:]
        if not line.startswith(b"$") or not (said.startswith(b"EOF:") or said.isdigit()):
            raise TransferFailed(
                f"Bad protocol from MASTER, the first byte is not '$' (we received '{line.decode('latin-1')}'), "
                "are you sure the host and port are right?"
            )
        self.has_begun = True
        if said.isdigit():
            self.size = int(said)
        else:
            self._mark = said[4 : 4 + MARK_LENGTH]
            if len(self._mark) < MARK_LENGTH:
                raise TransferFailed("Replication stream EOF marker is broken")
        return behind

    def _up_to_size(self, piece: bytes) -> bytes:
        assert self.size is not None
        content = piece[: self.size - self.received]
        self.received += len(content)
        if self.received == self.size:
            self.done = True
            self.rest = piece[len(content) :]
        return content

    def _up_to_mark(self, piece: bytes) -> bytes:
        """A mark may be cut in two: as many bytes as it could begin with wait for the next piece."""
        end = piece.find(self._mark)
        if end < 0:
            end = max(0, len(piece) - MARK_LENGTH + 1)
            self._unread = piece[end:]
        else:
            self.done = True
            self.rest = piece[end + MARK_LENGTH :]
        self.received += end
        return piece[:end]

    @property
    def is_streamed(self) -> bool:
        """Does the file end with a mark?"""
        return bool(self._mark)
