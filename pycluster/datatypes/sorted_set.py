"""A sorted set: members with scores, ordered by score and, where scores are equal, by their bytes.

`scores` is the mapping (a dict, a BigDict beyond 512, as in hash.py); `order` is the same pairs in order. While the
set is small and only written to and looked up in, there is no order: the first question that needs one sorts the
members, and from then on it is kept up to date. A set that grows beyond 512 gets its order at that moment, so that
nobody waits while a million members are sorted.

Ranges are ranges of ranks: a range by score or by member is two ranks, and counting is their difference.
"""

from collections.abc import Iterable, Iterator

from pycluster.datatypes.big_dict import SMALL, Mapping, equal, grown
from pycluster.datatypes.score_order import ScoreOrder


class SortedSet:
    """Members with scores. Write through the methods, look scores up in `scores`."""

    __slots__ = ("scores", "order", "longest", "most")

    def __init__(self, items: Iterable[tuple[bytes, float]] = ()) -> None:
        self.scores: Mapping[float] = {}
        self.order: ScoreOrder | None = None
        self.longest = 0  # length of the longest member that was removed
        self.most = 0  # members there were when one was removed, at most
        if items:
            self.scores = grown(dict(items))
            if len(self.scores) > SMALL:
                self.in_order()

    def put(self, member: bytes, score: float) -> float | None:
        """Gives a member a score; returns the one it had, None if it is new."""
        score += 0.0  # -0 becomes 0, as it does in Redis while a set is small
        scores = self.scores
        old = scores.get(member)
        if old is None:
            scores[member] = score
            if self.order is not None:
                self.order.add(score, member)
            if len(scores) == SMALL + 1:
                self.scores = grown(scores)
                self.in_order()
        elif old != score:
            scores[member] = score
            if self.order is not None:
                self.order.discard(old, member)
                self.order.add(score, member)
        return old

    def remove(self, member: bytes) -> bool:
        """Takes a member out; was it there?"""
        count = len(self.scores)
        score = self.scores.pop(member, None)
        if score is None:
            return False
        if self.order is not None:
            self.order.discard(score, member)
        self._note(count, len(member))
        return True

    def remove_slice(self, start: int, stop: int) -> list[tuple[bytes, float]]:
        """Takes out what stands from one rank up to another, and returns it in order."""
        removed = self.slice(start, stop)
        if removed:
            self._note(len(self.scores), max(len(member) for member, _ in removed))
            self.in_order().remove_slice(start, stop)
            for member, _ in removed:
                del self.scores[member]
        return removed

    def _note(self, count: int, length: int) -> None:
        """What the content will no longer tell decides the encoding that clients see (keyspace/encoding.py)."""
        self.most = max(self.most, count)
        self.longest = max(self.longest, length)

    # Order

    def in_order(self) -> ScoreOrder:
        if self.order is None:
            self.order = ScoreOrder(self.scores.items())
        return self.order

    def rank(self, member: bytes) -> int | None:
        """How many members stand before it, None if it is not there."""
        score = self.scores.get(member)
        return None if score is None else self.in_order().rank(score, member)

    def rank_of_score(self, score: float, behind: bool = False) -> int:
        """The rank of the first member with at least this score, or of the first with a larger one (`behind`)."""
        return self.in_order().rank_of_score(score, behind)

    def rank_of_member(self, member: bytes, behind: bool = False) -> int:
        """The same by members, which makes sense where all scores are equal."""
        return self.in_order().rank_of_member(member, behind)

    def slice(self, start: int, stop: int) -> list[tuple[bytes, float]]:
        """Members with scores, from one rank up to another."""
        return self.in_order().slice(start, stop)

    def slice_members(self, start: int, stop: int) -> list[bytes]:
        return self.in_order().slice_members(start, stop)

    def items(self) -> Iterator[tuple[bytes, float]]:
        """Members with scores, in order."""
        return self.in_order().items()

    # As a whole

    def copy(self) -> "SortedSet":
        twin = SortedSet()
        twin.scores, twin.longest, twin.most = self.scores.copy(), self.longest, self.most
        if len(self.scores) > SMALL:
            twin.in_order()
        return twin

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.scores)

    def __eq__(self, other: object) -> bool:
        return equal(self.scores, other.scores) if isinstance(other, SortedSet) else NotImplemented

    def __repr__(self) -> str:
        return f"SortedSet({list(self.items())!r})"
