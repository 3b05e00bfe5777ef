"""A stream: entries in the order of their ids, appended at the end, read by range, trimmed at the beginning.

An id is one number: milliseconds in its upper 64 bits, a sequence in its lower ones. An entry is a flat tuple of field,
value, field, value … Entries stand in nodes, as many in each as Redis would put there, since clients can tell: an
approximate trim removes whole nodes only. A deleted entry leaves its id behind in its node (Redis leaves it all), and
a node goes when its last entry is deleted.

Beside its entries a stream knows what once was: the last id, how many entries were ever added, the largest id that
was deleted. From these follows how far a consumer group (stream_group.py) has come, where that can be told at all.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import chain
from operator import attrgetter

from pycluster.datatypes.listpack_size import FRAME, size_of_integer, size_of_string
from pycluster.datatypes.stream_group import UNKNOWN, Group

Entry = tuple[bytes, ...]

SEQUENCES = 1 << 64  # ids of one millisecond
MAX_ID = (1 << 128) - 1

DELETED, SAME_FIELDS = 1, 2  # flags of an entry in its node

NODE_BYTES = 4096  # stream-node-max-bytes, as it is out of the box
NODE_ENTRIES = 100
LARGEST_NODE = 1 << 30  # bytes, whatever the configuration says; also of a single entry

_start = attrgetter("start")


def format_id(id: int) -> bytes:
    return b"%d-%d" % (id >> 64, id & SEQUENCES - 1)


def delta(id: int, start: int) -> tuple[int, int]:
    """What an entry says of its id in its node: the difference to the node's, in signed 64 bits each."""
    return _signed((id >> 64) - (start >> 64)), _signed(id - start)


def _signed(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


class Node:
    """Some entries in a row. `fields` are the names that its first entry had: those that have the same share them."""

    __slots__ = ("start", "fields", "ids", "entries", "live", "body")

    def __init__(self, start: int, fields: Entry) -> None:
        self.start = start  # the id of its first entry ever
        self.fields = fields
        self.ids: list[int] = []  # of deleted entries too
        self.entries: list[Entry | None] = []  # None: deleted
        self.live = 0  # entries that are not
        self.body = sum(map(size_of_string, fields)) + size_of_integer(len(fields)) + size_of_integer(0)

    @property
    def size(self) -> int:
        """How many bytes its listpack would take; deleted entries keep their room."""
        return FRAME + size_of_integer(self.live) + size_of_integer(len(self.ids) - self.live) + self.body

    def append(self, id: int, entry: Entry) -> None:
        names, values = entry[::2], entry[1::2]
        told = [SAME_FIELDS, *delta(id, self.start)]  # the flags are as long whatever they say
        if names == self.fields:
            entry = tuple(chain.from_iterable(zip(self.fields, values, strict=True)))
            strings, parts = values, 3 + len(values)
        else:
            strings, parts = entry, 4 + len(entry)
            told.append(len(names))
        self.body += sum(map(size_of_integer, [*told, parts])) + sum(map(size_of_string, strings))
        self.ids.append(id)
        self.entries.append(entry)
        self.live += 1

    def place(self, id: int) -> int:
        """Where a living entry stands; -1 if there is none with this id."""
        at = bisect_left(self.ids, id)
        return at if at < len(self.ids) and self.ids[at] == id and self.entries[at] is not None else -1

    def delete(self, at: int) -> None:
        self.entries[at] = None
        self.live -= 1

    def delete_first(self, stop: int, most: int) -> int:
        """Deletes the first living entries, before a place, and so many at the most; how many it were."""
        before = self.live
        for at in range(stop):
            if before - self.live == most:
                break
            if self.entries[at] is not None:
                self.delete(at)
        return before - self.live

    def copy(self) -> "Node":
        twin = Node(self.start, self.fields)
        twin.ids, twin.entries, twin.live, twin.body = self.ids.copy(), self.entries.copy(), self.live, self.body
        return twin


class Stream:
    """Entries by id, and groups of consumers that read them by name."""

    __slots__ = ("nodes", "length", "last_id", "first_id", "max_deleted_id", "added", "groups")

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.length = 0
        self.last_id = 0  # of the last entry there was
        self.first_id = 0  # of the first one there is; 0: there is none
        self.max_deleted_id = 0  # by XDEL: trimming leaves no holes
        self.added = 0  # entries, ever
        self.groups: dict[bytes, Group] = {}

    # Writing

    def add(self, id: int, entry: Entry, node_bytes: int = NODE_BYTES, node_entries: int = NODE_ENTRIES) -> None:
        """Appends an entry; its id is beyond all that were. A node is full at so many bytes or entries (0: never)."""
        assert id > self.last_id
        if not self.nodes or self._is_full(self.nodes[-1], entry, node_bytes, node_entries):
            self.nodes.append(Node(id, entry[::2]))
        self.nodes[-1].append(id, entry)
        self.length += 1
        self.added += 1
        self.last_id = id
        if self.length == 1:
            self.first_id = id

    @staticmethod
    def _is_full(node: Node, entry: Entry, node_bytes: int, node_entries: int) -> bool:
        most = node_bytes if 0 < node_bytes <= LARGEST_NODE else LARGEST_NODE
        return node.size + sum(map(len, entry)) >= most or 0 < node_entries <= len(node.ids)

    def delete(self, id: int) -> bool:
        """Deletes an entry; was it there?"""
        number = self._node_of(id)
        at = self.nodes[number].place(id) if self.nodes else -1
        if at < 0:
            return False
        if self.nodes[number].live == 1:
            del self.nodes[number]
        else:
            self.nodes[number].delete(at)
        self.length -= 1
        self.max_deleted_id = max(self.max_deleted_id, id)
        if id == self.first_id or not self.length:
            self.find_first()
        return True

    def trim_to_length(self, most: int, *, exact: bool = True, limit: int = 0) -> int:
        """Removes the oldest entries beyond a number; how many it were.

        Not exactly: only whole nodes go, and those no further than to the limit (0: there is none).
        """
        if self.length <= most:
            return 0
        removed = self._drop_nodes(lambda node: self.length > most and self.length - node.live >= most, limit)
        if exact and self.length > most:
            removed += self._delete_in_first(len(self.nodes[0].ids), self.length - most)
        return self._trimmed(removed)

    def trim_before(self, first: int, *, exact: bool = True, limit: int = 0) -> int:
        """Removes the entries with smaller ids than this one, in the same manner."""
        removed = self._drop_nodes(lambda node: node.ids[-1] < first, limit)
        if exact and self.nodes:
            removed += self._delete_in_first(bisect_left(self.nodes[0].ids, first), self.length)
        return self._trimmed(removed)

    def _drop_nodes(self, may_go: Callable[[Node], bool], limit: int) -> int:
        removed = count = 0
        for node in self.nodes:
            if not may_go(node) or (limit and removed + node.live > limit):
                break
            removed += node.live
            self.length -= node.live
            count += 1
        del self.nodes[:count]
        return removed

    def _delete_in_first(self, stop: int, most: int) -> int:
        removed = self.nodes[0].delete_first(stop, most)
        self.length -= removed
        return removed

    def _trimmed(self, removed: int) -> int:
        if removed:
            self.find_first()
        return removed

    def find_first(self) -> None:
        """Looks for the first entry anew."""
        self.first_id = next((id for id, _ in self.range()), 0)

    # Reading

    def range(self, first: int = 0, last: int = MAX_ID) -> Iterator[tuple[int, Entry]]:
        """Ids and entries from one id to another, both included. Nothing may be added or removed meanwhile."""
        for number in range(self._node_of(first), len(self.nodes)):
            node = self.nodes[number]
            for at in range(bisect_left(node.ids, first), len(node.ids)):
                if node.ids[at] > last:
                    return
                if (entry := node.entries[at]) is not None:
                    yield node.ids[at], entry

    def range_reversed(self, first: int = 0, last: int = MAX_ID) -> Iterator[tuple[int, Entry]]:
        """The same backwards."""
        for number in range(self._node_of(last), -1, -1) if self.nodes else ():
            node = self.nodes[number]
            for at in range(bisect_right(node.ids, last) - 1, -1, -1):
                if node.ids[at] < first:
                    return
                if (entry := node.entries[at]) is not None:
                    yield node.ids[at], entry

    def get(self, id: int) -> Entry | None:
        """The entry with this id."""
        return next((entry for _, entry in self.range(id, id)), None)

    @property
    def newest_id(self) -> int:
        """The id of the last entry there is; 0: there is none."""
        return next((id for id, _ in self.range_reversed()), 0)

    @property
    def oldest_id_kept(self) -> int:
        """The first id that still stands in a node, of a deleted entry too: nothing before it was kept."""
        return self.nodes[0].ids[0] if self.nodes else MAX_ID

    def _node_of(self, id: int) -> int:
        """The number of the node that an id is in, or would be."""
        return max(0, bisect_right(self.nodes, id, key=_start) - 1)

    # How far a group has come

    def deliver(self, group: Group, id: int) -> None:
        """A group is given an entry: if it is beyond all it had, that is where it is now."""
        if id <= group.last_id:
            return
        if group.entries_read != UNKNOWN and not self._has_holes_from(id):
            group.entries_read += 1
        elif self.added:
            group.entries_read = self.count_up_to(id)
        group.last_id = id

    def lag(self, group: Group) -> int | None:
        """How many entries a group has still to read; None where it can't be told."""
        if not self.added:
            return 0
        if group.entries_read != UNKNOWN and not self._has_holes_from(group.last_id):
            return self.added - group.entries_read
        read = self.count_up_to(group.last_id)
        return None if read == UNKNOWN else self.added - read

    def _has_holes_from(self, id: int) -> bool:
        """May an entry with this id or a larger one have been deleted, behind the first one there is?"""
        return self.length > 0 and 0 < self.max_deleted_id >= max(self.first_id, id)

    def count_up_to(self, id: int) -> int:
        """How many entries were ever added with ids up to this one; UNKNOWN where it can't be told."""
        if not self.added:
            return 0
        if id == self.last_id or (not self.length and id < self.last_id):
            return self.added
        if id > self.last_id or 0 < self.max_deleted_id >= self.first_id or id > self.first_id:
            return UNKNOWN
        return self.added - self.length + (id == self.first_id)

    # As a whole

    def copy(self) -> "Stream":
        twin = Stream()
        twin.nodes = [node.copy() for node in self.nodes]
        twin.length, twin.added = self.length, self.added
        twin.last_id, twin.first_id, twin.max_deleted_id = self.last_id, self.first_id, self.max_deleted_id
        twin.groups = {name: group.copy() for name, group in self.groups.items()}
        return twin

    def __len__(self) -> int:
        return self.length

    def __eq__(self, other: object) -> bool:
        return self._state() == other._state() if isinstance(other, Stream) else NotImplemented

    def _state(self) -> tuple[object, ...]:
        ids = self.last_id, self.first_id, self.max_deleted_id
        return list(self.range()), self.length, self.added, ids, self.groups

    def __repr__(self) -> str:
        return f"Stream({[(format_id(id).decode(), entry) for id, entry in self.range()]!r})"
