"""What can be wrong with bytes that claim to be Redis': they are damaged, or hold what this server does not know.

Both say what and, once the reader has caught them on their way out, at which offset of the file.
"""


class Unreadable(Exception):
    """The bytes cannot be taken: `reason` says why, `offset` where (None while nobody knew)."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason, offset)
        self.reason = reason
        self.offset = offset

    def __str__(self) -> str:
        return self.reason if self.offset is None else f"{self.reason} at offset {self.offset}"


class Damaged(Unreadable):
    """No server would have written this."""


class Unsupported(Unreadable):
    """Well formed as far as can be told, but of a kind that is not known here: modules, newer formats."""
