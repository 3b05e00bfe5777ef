"""The commands that wait for a list to have an item: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH (t_list.c).

Each is its sister that does not wait, or `Wait`, and leaves in the journal what that sister would have left.
"""

from pycluster.commands.arguments import NumKeys, parse_timeout, read_pop
from pycluster.commands.lists import ENDS, LEFT, POP_COMMANDS, RIGHT, move, parse_end, pop_from_first, take
from pycluster.commands.table import AppendKey, Group, PopKey, Twos, all_but_last, numkeys
from pycluster.datatypes.block_list import List
from pycluster.keyspace.database import Database
from pycluster.protocol.replies import Wait

group = Group("list", "list")


@group.command("write blocking", keys=all_but_last())
def blpop(db: Database, *keys_and_timeout: Twos) -> object:
    """BLPOP key [key ...] timeout

    Takes the first item from the first list that has any, and returns its key and the item. Waits for one if need be.
    Since 2.0.0. O(N) where N is the number of provided keys.
    """
    return _pop_or_wait(db, keys_and_timeout, LEFT)


@group.command("write blocking", keys=all_but_last())
def brpop(db: Database, *keys_and_timeout: Twos) -> object:
    """BRPOP key [key ...] timeout

    Takes the last item from the first list that has any, and returns its key and the item. Waits for one if need be.
    Since 2.0.0. O(N) where N is the number of provided keys.
    """
    return _pop_or_wait(db, keys_and_timeout, RIGHT)


def _pop_or_wait(db: Database, keys_and_timeout: tuple[bytes, ...], end: bytes) -> object:
    *keys, timeout = keys_and_timeout
    seconds = parse_timeout(timeout)
    for key in keys:
        items = db.get(key, List)
        if items is not None:
            item = take(db, key, items, end)
            db.record(POP_COMMANDS[end], key)
            return [key, item]
    return Wait(keys, List, seconds)


@group.command("write blocking", keys=numkeys(2, "RW access delete"))
def blmpop(db: Database, timeout: bytes, numkeys: NumKeys, *rest: Twos) -> object:
    """BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]

    Takes items from an end of the first list that has any, and returns its key and the items. Waits if need be.
    Since 7.0.0. O(N+M) where N is the number of provided keys and M is the number of elements returned.
    """
    keys, end, count = read_pop(numkeys, rest, ENDS)
    seconds = parse_timeout(timeout)
    popped = pop_from_first(db, keys, end, count)
    return Wait(list(keys), List, seconds) if popped is None else popped


@group.command("write denyoom blocking")
def blmove(
    db: Database, source: PopKey, destination: AppendKey, wherefrom: bytes, whereto: bytes, timeout: bytes
) -> object:
    """BLMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout

    Takes an item from an end of a list, puts it to an end of another (or the same), and returns it. Waits for it if
    need be.
    Since 6.2.0. O(1).
    """
    ends = parse_end(wherefrom), parse_end(whereto)
    seconds = parse_timeout(timeout)
    item = move(db, source, destination, *ends)
    if item is None:
        return Wait([source], List, seconds, denied=None)
    db.record(b"LMOVE", source, destination, wherefrom, whereto)
    return item


@group.command("write denyoom blocking")
def brpoplpush(db: Database, source: PopKey, destination: AppendKey, timeout: bytes) -> object:
    """BRPOPLPUSH source destination timeout

    Takes the last item of a list, puts it in front of another (or the same), and returns it. Waits for it if need be.
    Since 2.2.0. O(1).
    Deprecated since 6.2.0, use `BLMOVE` with the `RIGHT` and `LEFT` arguments.
    """
    seconds = parse_timeout(timeout)
    item = move(db, source, destination, RIGHT, LEFT)
    if item is None:
        return Wait([source], List, seconds, denied=None)
    db.record(b"RPOPLPUSH", source, destination)
    return item
