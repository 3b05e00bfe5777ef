"""Members in the order of their scores, and of their bytes where scores are equal: the ordered half of a sorted set.

Scores and members stand in parallel blocks of at most `FULL`, so that a place is found by bisection over plain floats
(tuples cost several times that) and an insertion moves one block's worth of pointers. In front of every block but the
first lies a cut, a score and a member: all entries before it are smaller, none behind it is. A removal leaves the cuts
alone, since what was between two entries once still is. `lengths`, one number a block, turns places into ranks.

Everything that reads a range speaks in ranks from 0: scores and members are turned into ranks first.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain

FULL = 512  # entries in a block: at a million entries some 3000 lengths to add up, and 2 KB to move


class ScoreOrder:
    """Pairs of a score and a member, ascending; whoever holds it knows which members are in it, with which score."""

    __slots__ = ("scores", "members", "cut_scores", "cut_members", "lengths", "ends", "count")

    def __init__(self, items: Iterable[tuple[bytes, float]]) -> None:
        entries = sorted([(score, member) for member, score in items])
        chunks = [entries[start : start + FULL] for start in range(0, len(entries), FULL)] or [[]]
        self.scores = [[score for score, _ in chunk] for chunk in chunks]
        self.members = [[member for _, member in chunk] for chunk in chunks]
        self.cut_scores = [scores[0] for scores in self.scores[1:]]
        self.cut_members = [members[0] for members in self.members[1:]]
        self.lengths = [len(chunk) for chunk in chunks]
        self.ends: list[int] | None = None  # the rank behind each block, when somebody asked since the last change
        self.count = len(entries)

    # Entries

    def add(self, score: float, member: bytes) -> None:
        number = self._block(score, member) if self.cut_scores else 0
        scores = self.scores[number]
        members = self.members[number]
        at = place(scores, members, score, member)
        scores.insert(at, score)
        members.insert(at, member)
        self.lengths[number] += 1
        self.ends = None
        self.count += 1
        if len(scores) > FULL:
            # Entries that come in order (times, counters) always land at the very end: they leave full blocks behind.
            self._split(number, FULL if at == FULL and number == len(self.scores) - 1 else FULL // 2)

    def discard(self, score: float, member: bytes) -> None:
        number, at = self._find(score, member)
        del self.scores[number][at], self.members[number][at]
        self.lengths[number] -= 1
        self.ends = None
        self.count -= 1
        if not self.lengths[number] and self.cut_scores:
            self._drop(number, number + 1)

    def rank(self, score: float, member: bytes) -> int:
        """How many entries stand before this one."""
        number, at = self._find(score, member)
        return self._start(number) + at

    # From scores and members to ranks

    def rank_of_score(self, score: float, behind: bool) -> int:
        """The rank of the first entry with at least this score, or of the first with a larger one (`behind`)."""
        bisect = bisect_right if behind else bisect_left
        number = bisect(self.cut_scores, score)
        return self._start(number) + bisect(self.scores[number], score)

    def rank_of_member(self, member: bytes, behind: bool) -> int:
        """The same by members, which makes sense where all scores are equal."""
        bisect = bisect_right if behind else bisect_left
        number = bisect(self.cut_members, member)
        return self._start(number) + bisect(self.members[number], member)

    # Ranges of ranks

    def slice(self, start: int, stop: int) -> list[tuple[bytes, float]]:
        """Members with scores, from one rank up to another."""
        found: list[tuple[bytes, float]] = []
        for number, first, last in self._parts(start, stop):
            found += zip(self.members[number][first:last], self.scores[number][first:last], strict=True)
        return found

    def slice_members(self, start: int, stop: int) -> list[bytes]:
        """The members alone."""
        found: list[bytes] = []
        for number, first, last in self._parts(start, stop):
            found += self.members[number][first:last]
        return found

    def remove_slice(self, start: int, stop: int) -> None:
        """Takes out the entries from one rank up to another."""
        parts = self._parts(start, stop)
        for number, first, last in parts:
            del self.scores[number][first:last], self.members[number][first:last]
            self.lengths[number] -= last - first
            self.ends = None
            self.count -= last - first
        # Blocks may be empty now, but only neighbours.
        empty = [number for number, _, _ in parts if not self.lengths[number]]
        if empty:
            self._drop(empty[0], empty[-1] + 1)

    def items(self) -> Iterator[tuple[bytes, float]]:
        """All of it, members with their scores, in order."""
        return zip(chain.from_iterable(self.members), chain.from_iterable(self.scores), strict=True)

    # Blocks

    def _block(self, score: float, member: bytes) -> int:
        """The number of the block in which an entry stands or would stand: that of the cuts that are not behind it."""
        return place(self.cut_scores, self.cut_members, score, member, bisect_right)

    def _find(self, score: float, member: bytes) -> tuple[int, int]:
        """The block and the index there of an entry that exists."""
        number = self._block(score, member)
        at = place(self.scores[number], self.members[number], score, member)
        assert self.members[number][at] == member
        return number, at

    def _start(self, number: int) -> int:
        """The rank of the first entry of a block."""
        if not number:
            return 0
        return self.ends[number - 1] if self.ends else sum(self.lengths[:number])

    def _at_rank(self, rank: int) -> tuple[int, int]:
        """The block and the index there of the entry with a rank. Both ends, asked for most, need no sums."""
        if rank < self.lengths[0]:
            return 0, rank
        if rank >= self.count - self.lengths[-1]:
            return len(self.lengths) - 1, rank - self.count + self.lengths[-1]
        if self.ends is None:
            self.ends = list(accumulate(self.lengths))
        number = bisect_right(self.ends, rank)
        return number, rank - self.ends[number - 1]

    def _parts(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """A range of ranks as (block, from index, to index)."""
        if start >= stop:
            return []
        number, first = self._at_rank(start)
        last = first + stop - start
        parts = []
        while last > (length := self.lengths[number]):
            parts.append((number, first, length))
            number, first, last = number + 1, 0, last - length
        parts.append((number, first, last))
        return parts

    def _split(self, number: int, at: int) -> None:
        scores, members = self.scores[number], self.members[number]
        self.scores[number : number + 1] = [scores[:at], scores[at:]]
        self.members[number : number + 1] = [members[:at], members[at:]]
        self.cut_scores.insert(number, scores[at])
        self.cut_members.insert(number, members[at])
        self.lengths[number : number + 1] = [at, len(scores) - at]

    def _drop(self, first: int, last: int) -> None:
        """Takes out neighbouring blocks, empty ones, and the cuts before them; one block always remains."""
        if last - first == len(self.lengths):
            last -= 1
        cut = max(first - 1, 0)
        del self.scores[first:last], self.members[first:last], self.lengths[first:last]
        del self.cut_scores[cut : cut + last - first], self.cut_members[cut : cut + last - first]


def place(
    scores: list[float], members: list[bytes], score: float, member: bytes, bisect: Callable[..., int] = bisect_left
) -> int:
    """Where an entry belongs in parallel lists: by its score, and within a run of equal scores by its member."""
    at = bisect_left(scores, score)
    if at < len(scores) and scores[at] == score:
        return bisect(members, member, at, bisect_right(scores, score, at))
    return at
