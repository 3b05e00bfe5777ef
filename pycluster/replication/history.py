"""Which stream of changes a dataset is made of: its id, and how many bytes of it have been applied.

Two datasets with the same id and offset are the same. A primary gives its stream an id; a replica takes over the id
of its primary. Whoever is promoted begins a new stream (its changes from now on are nobody else's), but remembers the
old id and up to where its past is the old one's: so the other replicas, and the old primary, can go on from there
without being sent everything again (PSYNC, replid2).

An offset counts bytes; the first byte of a stream has the offset 1.
"""

from dataclasses import dataclass
from random import Random

NO_ID = "0" * 40
ID_LENGTH = 40


def new_id(rng: Random) -> str:
    return f"{rng.getrandbits(160):040x}"


@dataclass(slots=True)
class History:
    """The stream of one server."""

    id: str
    offset: int = 0  # the last byte applied, or produced
    old_id: str = NO_ID
    old_until: int = -1  # the first byte that the old id does not stand for any more

    def covers(self, wanted_id: str, wanted_offset: int) -> bool:
        """Is what comes from this byte on, in the stream of that id, the same as in mine?"""
        wanted_id = wanted_id.lower()
        return wanted_id == self.id or (wanted_id == self.old_id and wanted_offset <= self.old_until)

    def begin(self, fresh_id: str) -> None:
        """A new stream without a past: nobody can go on from an earlier one."""
        self.id = fresh_id
        self.forget_old()

    def rename(self, id: str) -> None:
        """The stream goes on under another id: I was promoted, or my primary was. Up to here it was the old one's."""
        self.old_id, self.old_until = self.id, self.offset + 1
        self.id = id

    def adopt(self, id: str, offset: int) -> None:
        """The dataset is a copy of the primary's: so is its history."""
        self.id, self.offset = id, offset
        self.forget_old()

    def forget_old(self) -> None:
        self.old_id, self.old_until = NO_ID, -1
