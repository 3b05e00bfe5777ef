"""The commands that wait for a sorted set to have a member: BZPOPMIN, BZPOPMAX, BZMPOP (t_zset.c)."""

from pycluster.commands.arguments import NumKeys, parse_timeout, read_pop
from pycluster.commands.sorted_sets import ENDS, MAX, MIN, POP_COMMANDS, pop_from_first, take
from pycluster.commands.table import Group, Twos, all_but_last, numkeys
from pycluster.datatypes.sorted_set import SortedSet
from pycluster.keyspace.database import Database
from pycluster.protocol.replies import Wait

group = Group("sorted-set", "sortedset")


@group.command("write fast blocking", keys=all_but_last())
def bzpopmin(db: Database, *keys_and_timeout: Twos) -> object:
    """BZPOPMIN key [key ...] timeout

    Takes the member with the lowest score from the first sorted set that has any, and returns key, member and score.
    Waits for one if need be.
    Since 5.0.0. O(log(N)) with N being the number of elements in the sorted set.
    """
    return _pop_or_wait(db, keys_and_timeout, MIN)


@group.command("write fast blocking", keys=all_but_last())
def bzpopmax(db: Database, *keys_and_timeout: Twos) -> object:
    """BZPOPMAX key [key ...] timeout

    Takes the member with the highest score from the first sorted set that has any, and returns key, member and score.
    Waits for one if need be.
    Since 5.0.0. O(log(N)) with N being the number of elements in the sorted set.
    """
    return _pop_or_wait(db, keys_and_timeout, MAX)


def _pop_or_wait(db: Database, keys_and_timeout: tuple[bytes, ...], end: bytes) -> object:
    *keys, timeout = keys_and_timeout
    seconds = parse_timeout(timeout)
    for key in keys:
        zset = db.get(key, SortedSet)
        if zset is not None:
            ((member, score),) = take(db, key, zset, end, 1)
            db.record(POP_COMMANDS[end], key)
            return [key, member, score]
    return Wait(keys, SortedSet, seconds)


@group.command("write blocking", keys=numkeys(2, "RW access delete"))
def bzmpop(db: Database, timeout: bytes, numkeys: NumKeys, *rest: Twos) -> object:
    """BZMPOP timeout numkeys key [key ...] <MIN | MAX> [COUNT count]

    Takes members from an end of the first sorted set that has any, and returns its key and the members with their
    scores. Waits if need be.
    Since 7.0.0. O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted
    set, and M being the number of elements popped.
    """
    keys, end, count = read_pop(numkeys, rest, ENDS)
    seconds = parse_timeout(timeout)
    popped = pop_from_first(db, keys, end, count)
    return Wait(list(keys), SortedSet, seconds) if popped is None else popped
