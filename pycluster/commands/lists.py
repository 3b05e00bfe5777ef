"""Lists: items in order under one key, pushed and popped at both ends (t_list.c). What waits is in list_waits.py."""

from collections.abc import Sequence
from itertools import islice

from pycluster.commands.arguments import NumKeys, index_range, parse_at_least, parse_symmetric, read_pop
from pycluster.commands.table import (
    AppendKey,
    DeleteKey,
    Group,
    Int,
    LookKey,
    PopKey,
    ReadKey,
    Some,
    Twos,
    UpdateKey,
    numkeys,
    parse_positive,
)
from pycluster.datatypes.block_list import List
from pycluster.keyspace.database import Database
from pycluster.protocol.errors import (
    BadSyntax,
    CountNegative,
    IndexOutOfRange,
    MaxlenNegative,
    NoSuchKey,
    RankIsZero,
    wrong_number_of_arguments,
)
from pycluster.protocol.numbers import parse_int
from pycluster.protocol.replies import NULL_ARRAY

group = Group("list", "list")

LEFT, RIGHT = ENDS = b"LEFT", b"RIGHT"
POP_COMMANDS = {LEFT: b"LPOP", RIGHT: b"RPOP"}


def parse_end(word: bytes) -> bytes:
    """LEFT or RIGHT, in any letter case."""
    end = word.upper()
    if end not in ENDS:
        raise BadSyntax
    return end


# Pushing


@group.command("write denyoom fast")
def lpush(db: Database, key: AppendKey, *items: Some) -> int:
    """LPUSH key element [element ...]

    Puts items in front of a list one by one; the list is made if there is none. Returns its new length.
    Since 1.0.0. O(1) for each element added, so O(N) to add N elements when the command is called with multiple
    arguments.
    """
    return push(db, key, items, LEFT)


@group.command("write denyoom fast")
def rpush(db: Database, key: AppendKey, *items: Some) -> int:
    """RPUSH key element [element ...]

    Puts items behind a list; the list is made if there is none. Returns its new length.
    Since 1.0.0. O(1) for each element added, so O(N) to add N elements when the command is called with multiple
    arguments.
    """
    return push(db, key, items, RIGHT)


@group.command("write denyoom fast")
def lpushx(db: Database, key: AppendKey, *items: Some) -> int:
    """LPUSHX key element [element ...]

    Puts items in front of a list one by one, if there is one. Returns its new length.
    Since 2.2.0. O(1) for each element added, so O(N) to add N elements when the command is called with multiple
    arguments.
    """
    return 0 if db.get(key, List) is None else push(db, key, items, LEFT)


@group.command("write denyoom fast")
def rpushx(db: Database, key: AppendKey, *items: Some) -> int:
    """RPUSHX key element [element ...]

    Puts items behind a list, if there is one. Returns its new length.
    Since 2.2.0. O(1) for each element added, so O(N) to add N elements when the command is called with multiple
    arguments.
    """
    return 0 if db.get(key, List) is None else push(db, key, items, RIGHT)


def push(db: Database, key: bytes, items: Sequence[bytes], end: bytes) -> int:
    """Puts items at an end of a list one by one, and makes it if need be; returns its length."""
    into = db.get(key, List)
    if into is None:
        into = List()
        db.put(key, into)
    if end == LEFT:
        into.push_left(items)
        db.changed(key, "lpush", len(items))
    else:
        into.push_right(items)
        db.changed(key, "rpush", len(items))
    return into.end - into.begin


# Popping


@group.command("write fast")
def lpop(db: Database, key: PopKey, *count: bytes) -> object:
    """LPOP key [count]

    Takes the first item from a list, or so many of the first, and returns them.
    Since 1.0.0. O(N) where N is the number of elements returned.
    """
    if len(count) > 1:
        raise wrong_number_of_arguments("lpop")
    return _pop(db, key, count, LEFT)


@group.command("write fast")
def rpop(db: Database, key: PopKey, *count: bytes) -> object:
    """RPOP key [count]

    Takes the last item from a list, or so many of the last, and returns them.
    Since 1.0.0. O(N) where N is the number of elements returned.
    """
    if len(count) > 1:
        raise wrong_number_of_arguments("rpop")
    return _pop(db, key, count, RIGHT)


def _pop(db: Database, key: bytes, count: tuple[bytes, ...], end: bytes) -> object:
    if not count:
        items = db.get(key, List)
        return None if items is None else take(db, key, items, end)
    wanted = parse_positive(count[0])
    items = db.get(key, List)
    if items is None:
        return NULL_ARRAY
    return take_many(db, key, items, end, wanted) if wanted else []


def take(db: Database, key: bytes, items: List, end: bytes) -> bytes:
    """Takes an item from an end of a list, and the key away with the last item."""
    if end == LEFT:
        item = items.pop_left()
        db.removed_if_empty(key, items, "lpop")
    else:
        item = items.pop_right()
        db.removed_if_empty(key, items, "rpop")
    return item


def take_many(db: Database, key: bytes, items: List, end: bytes, count: int) -> list[bytes]:
    """Takes so many items, or all there are, from an end of a list, in the order in which single pops would come."""
    length = len(items)
    count = min(count, length)
    if end == LEFT:
        taken = items.slice(0, count)
        items.keep(count, length)
        db.removed_if_empty(key, items, "lpop", count)
    else:
        taken = items.slice(length - count, length)[::-1]
        items.keep(0, length - count)
        db.removed_if_empty(key, items, "rpop", count)
    return taken


@group.command("write", keys=numkeys(1, "RW access delete"))
def lmpop(db: Database, numkeys: NumKeys, *rest: Twos) -> object:
    """LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]

    Takes items from an end of the first list that has any. Returns its key and the items.
    Since 7.0.0. O(N+M) where N is the number of provided keys and M is the number of elements returned.
    """
    keys, end, count = read_pop(numkeys, rest, ENDS)
    popped = pop_from_first(db, keys, end, count)
    return NULL_ARRAY if popped is None else popped


def pop_from_first(db: Database, keys: Sequence[bytes], end: bytes, count: int) -> list[object] | None:
    """The key of the first list there is, with items taken from its end; None if there is no list."""
    for key in keys:
        items = db.get(key, List)
        if items is not None:
            taken = take_many(db, key, items, end, count)
            db.record(POP_COMMANDS[end], key, b"%d" % len(taken))
            return [key, taken]
    return None


# Moving


@group.command("write denyoom")
def lmove(db: Database, source: PopKey, destination: AppendKey, wherefrom: bytes, whereto: bytes) -> bytes | None:
    """LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>

    Takes an item from an end of a list, puts it to an end of another (or the same), and returns it.
    Since 6.2.0. O(1).
    """
    return move(db, source, destination, parse_end(wherefrom), parse_end(whereto))


@group.command("write denyoom")
def rpoplpush(db: Database, source: PopKey, destination: AppendKey) -> bytes | None:
    """RPOPLPUSH source destination

    Takes the last item of a list, puts it in front of another (or the same), and returns it.
    Since 1.2.0. O(1).
    Deprecated since 6.2.0, use `LMOVE` with the `RIGHT` and `LEFT` arguments.
    """
    return move(db, source, destination, RIGHT, LEFT)


def move(db: Database, source: bytes, destination: bytes, wherefrom: bytes, whereto: bytes) -> bytes | None:
    """Takes an item from one list to another and returns it; None if there is none."""
    items = db.get(source, List)
    if items is None:
        return None
    db.get(destination, List)  # must be one, if anything
    item = items.pop_left() if wherefrom == LEFT else items.pop_right()
    push(db, destination, (item,), whereto)
    db.removed_if_empty(source, items, "lpop" if wherefrom == LEFT else "rpop", 0)
    return item


# In the middle


@group.command("write denyoom")
def linsert(db: Database, key: AppendKey, where: bytes, pivot: bytes, item: bytes) -> int:
    """LINSERT key <BEFORE | AFTER> pivot element

    Puts an item before or after the first one that equals the pivot. Returns the new length, -1 without a pivot.
    Since 2.2.0. O(N) where N is the number of elements to traverse before seeing the value pivot. This means that
    inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right
    end (tail) is O(N).
    """
    behind = where.upper() == b"AFTER"
    if not behind and where.upper() != b"BEFORE":
        raise BadSyntax
    items = db.get(key, List)
    if items is None:
        return 0
    at = next(items.find(pivot), None)
    if at is None:
        return -1
    items.insert(at + behind, item)
    db.changed(key, "linsert")
    return len(items)


@group.command("write denyoom")
def lset(db: Database, key: UpdateKey, index: bytes, item: bytes) -> str:
    """LSET key index element

    Replaces the item at an index of a list; a negative index counts from the end.
    Since 1.0.0. O(N) where N is the length of the list. Setting either the first or the last element of the list is
    O(1).
    """
    items = db.get(key, List)
    if items is None:
        raise NoSuchKey
    at = _at(items, index)
    if at is None:
        raise IndexOutOfRange
    items[at] = item
    db.changed(key, "lset")
    return "OK"


@group.command("write")
def lrem(db: Database, key: DeleteKey, count: Int, item: bytes) -> int:
    """LREM key count element

    Removes items that equal the given one: so many of the first, of the last if the count is negative, or all at 0.
    Since 1.0.0. O(N+M) where N is the length of the list and M is the number of elements removed.
    """
    items = db.get(key, List)
    if items is None:
        return 0
    removed = items.remove(item, count)
    if removed:
        db.removed_if_empty(key, items, "lrem", removed)
    return removed


@group.command("write")
def ltrim(db: Database, key: DeleteKey, start: Int, stop: Int) -> str:
    """LTRIM key start stop

    Removes all items of a list but those from one index to another; negative indexes count from the end.
    Since 1.0.0. O(N) where N is the number of elements to be removed by the operation.
    """
    items = db.get(key, List)
    if items is not None:
        length = len(items)
        items.keep(*index_range(start, stop, length))
        db.removed_if_empty(key, items, "ltrim", length - len(items))
    return "OK"


# Reading


@group.command("readonly fast")
def llen(db: Database, key: LookKey) -> int:
    """LLEN key

    Returns how many items a list has.
    Since 1.0.0. O(1).
    """
    items = db.read(key, List)
    return 0 if items is None else len(items)


@group.command("readonly")
def lindex(db: Database, key: ReadKey, index: bytes) -> bytes | None:
    """LINDEX key index

    Returns the item at an index of a list; a negative index counts from the end.
    Since 1.0.0. O(N) where N is the number of elements to traverse to get to the element at index. This makes asking
    for the first or the last element of the list O(1).
    """
    items = db.read(key, List)
    if items is None:
        return None
    at = _at(items, index)
    return None if at is None else items[at]


def _at(items: List, index: bytes) -> int | None:
    """The index as counted from the left; None if it is out of range. (Only here Redis converts after the look-up.)"""
    at = parse_int(index)
    at = at + len(items) if at < 0 else at
    return at if 0 <= at < len(items) else None


@group.command("readonly")
def lrange(db: Database, key: ReadKey, start: Int, stop: Int) -> list[bytes]:
    """LRANGE key start stop

    Returns the items of a list from one index to another; negative indexes count from the end.
    Since 1.0.0. O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or
    TAIL) for large lists; and N is the number of elements in the specified range.
    """
    items = db.read(key, List)
    return [] if items is None else items.slice(*index_range(start, stop, len(items)))


@group.command("readonly")
def lpos(db: Database, key: ReadKey, item: bytes, *options: bytes) -> object:
    """LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]

    Returns the index of the first item that equals the given one, or of several: from the RANKth on (from the end if it
    is negative), COUNT of them (0: all), among the first MAXLEN items (0: all).
    Since 6.0.6. O(N) where N is the number of elements in the list, for the average case. When searching for elements
    near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.
    """
    rank, count, among = _read_lpos(options)
    items = db.read(key, List)
    if items is None:
        return None if count is None else []
    found = items.find(item, among) if rank > 0 else items.find_from_right(item, among)
    found = islice(found, abs(rank) - 1, None)
    return next(found, None) if count is None else list(islice(found, count or None))


def _read_lpos(options: tuple[bytes, ...]) -> tuple[int, int | None, int | None]:
    """(rank, count or None, how many items to look at or None for all)"""
    rank, count, among = 1, None, None
    while options:
        match options[0].upper(), options[1:]:
            case b"RANK", (digits, *others):
                rank = parse_symmetric(digits)
                if rank == 0:
                    raise RankIsZero
            case b"COUNT", (digits, *others):
                count = parse_at_least(0, digits, CountNegative)
            case b"MAXLEN", (digits, *others):
                among = parse_at_least(0, digits, MaxlenNegative) or None
            case _:
                raise BadSyntax
        options = tuple(others)
    return rank, count, among
