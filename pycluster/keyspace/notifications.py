"""Keyspace events: what happens to keys, told over pub/sub to who asked for it with notify-keyspace-events.

Source: https://redis.io/docs/latest/develop/use/keyspace-notifications/ (notify.c).
"""

from collections.abc import Callable, Collection

# The class of each event: the letters of notify-keyspace-events.
_EVENTS = {
    "g": "del rename_from rename_to move_from move_to copy_to restore expire persist",
    "$": "set setrange incrby incrbyfloat append",
    "l": "lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
    "s": "sadd srem spop sinterstore sunionstore sdiffstore",
    "h": "hset hincrby hincrbyfloat hdel",
    "z": "zadd zincr zrem zremrangebyrank zremrangebyscore zremrangebylex zpopmin zpopmax "
    "zunionstore zinterstore zdiffstore zrangestore geosearchstore",
    "t": "xadd xdel xtrim xsetid xgroup-create xgroup-setid xgroup-destroy xgroup-createconsumer xgroup-delconsumer",
    "x": "expired",
    "e": "evicted",
    "m": "keymiss",
    "n": "new",
}
CLASS_OF = {event: letter for letter, events in _EVENTS.items() for event in events.split()}

Publish = Callable[[bytes, bytes], object]


def notifier(classes: Collection[str], publish: Publish) -> Callable[[str, bytes, int], None] | None:
    """The function that tells of an event (its name, the key, the database), or None where nobody is to hear any.

    `publish` is local: each node tells of its own keys.
    """
    by_key, by_event = "K" in classes, "E" in classes
    if not by_key and not by_event:
        return None

    def notify(event: str, key: bytes, index: int) -> None:
        if CLASS_OF[event] not in classes:
            return
        if by_key:
            publish(b"__keyspace@%d__:%b" % (index, key), event.encode())
        if by_event:
            publish(b"__keyevent@%d__:%b" % (index, event.encode()), key)

    return notify
