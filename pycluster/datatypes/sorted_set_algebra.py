"""Union, intersection and difference of sorted sets, and of plain sets as if all their members had the score 1.

Results are pairs of member and score, in no order; SortedSet makes one of them. Where infinities meet zeros or each
other and no number comes out, the score is 0.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pycluster.datatypes.big_dict import Mapping
from pycluster.datatypes.set import Set
from pycluster.datatypes.sorted_set import SortedSet

Pair = tuple[bytes, float]
Aggregate = Callable[[float, float], float]


@dataclass(slots=True)
class Source:
    """One of the sets, with the weight that its scores are multiplied by."""

    content: Set | SortedSet
    weight: float = 1.0

    @property
    def members(self) -> Mapping[None] | Mapping[float]:
        return self.content.members if isinstance(self.content, Set) else self.content.scores

    def score(self, member: bytes) -> float:
        """The score of a member that is there, without the weight."""
        return 1.0 if isinstance(self.content, Set) else self.content.scores[member]

    def scored(self) -> Iterable[Pair]:
        """All members with their scores, without the weight."""
        if isinstance(self.content, Set):
            return ((member, 1.0) for member in self.content)
        return self.content.scores.items()

    def weighted(self) -> Iterator[Pair]:
        """All members with their scores times the weight."""
        for member, score in self.scored():
            yield member, _number(score * self.weight)


def union(sources: Iterable[Source], aggregate: Aggregate) -> Iterable[Pair]:
    """Members that any of the sets has."""
    total: dict[bytes, float] = {}
    for source in _smallest_first(sources):
        for member, score in source.weighted():
            old = total.get(member)
            total[member] = score if old is None else aggregate(old, score)
    return total.items()


def intersection(sources: Iterable[Source], aggregate: Aggregate) -> Iterator[Pair]:
    """Members that all of the sets have, found one by one: who needs only a few stops early."""
    first, *others = _smallest_first(sources)
    for member, score in first.weighted():
        for other in others:
            if member not in other.members:
                break
            score = aggregate(score, other.score(member) * other.weight)
        else:
            yield member, score


def difference(sources: Sequence[Source]) -> Iterator[Pair]:
    """Members of the first set that no other one has, with their scores in the first."""
    first, *others = sources
    for member, score in first.scored():
        if not any(member in other.members for other in others):
            yield member, score


def add(one: float, other: float) -> float:
    """The aggregate SUM."""
    return _number(one + other)


def lower(one: float, other: float) -> float:
    """The aggregate MIN. (Not `min`: where the other is no number, the one stays.)"""
    return other if other < one else one


def higher(one: float, other: float) -> float:
    """The aggregate MAX."""
    return other if other > one else one


def _smallest_first(sources: Iterable[Source]) -> list[Source]:
    """In the order in which Redis adds up, which shows in the last digits of sums."""
    return sorted(sources, key=lambda source: len(source.content))


def _number(score: float) -> float:
    return score if score == score else 0.0
