"""Times that users give: seconds or milliseconds, from now or since 1970, become a deadline in milliseconds since
1970."""

from dataclasses import dataclass

from pycluster.protocol.errors import invalid_expire_time
from pycluster.protocol.numbers import INT_MAX, INT_MIN, parse_int


@dataclass(slots=True, frozen=True)
class Unit:
    """How a time is given: its unit ("s" or "ms"), and whether it is a span from now or a moment."""

    name: str
    span: bool


def deadline_after(unit: Unit, given: bytes, now_ms: int, command: str) -> int:
    """The deadline that SET, GETEX and their like are given, which must be positive."""
    amount = parse_int(given)
    if amount <= 0:
        raise invalid_expire_time(command)
    return to_deadline(unit, amount, now_ms, command)


def to_deadline(unit: Unit, amount: int, now_ms: int, command: str) -> int:
    """The deadline, past or future; refused where 64 bits do not hold it."""
    deadline = amount
    if unit.name == "s":
        deadline *= 1000
        if not INT_MIN <= deadline <= INT_MAX:
            raise invalid_expire_time(command)
    if unit.span:
        deadline += now_ms
    if deadline > INT_MAX:
        raise invalid_expire_time(command)
    return deadline
