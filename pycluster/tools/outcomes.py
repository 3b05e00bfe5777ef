"""How a command ends: the exit statuses, and the exceptions that lead to them."""

from enum import IntEnum

from pycluster.tools.node_lines import Address


class Status(IntEnum):
    OK = 0
    UNWELL = 1  # something is wrong with the cluster
    USAGE = 2  # the command line makes no sense
    REFUSED = 3  # a precondition is not met, a value would be lost, or nobody said yes
    UNREACHABLE = 4  # a node that is needed does not answer, or answered with an error
    INTERRUPTED = 130


class Trouble(Exception):
    """The command ends here; the text says why, and what to do about it."""

    status = Status.REFUSED


class Refused(Trouble):
    """What was asked for would do harm, or make no sense as the cluster is now."""


class Usage(Trouble):
    status = Status.USAGE


class Unwell(Trouble):
    status = Status.UNWELL


class Unreachable(Trouble):
    """A node cannot be talked to."""

    status = Status.UNREACHABLE

    def __init__(self, address: Address, why: str):
        super().__init__(f"{address} cannot be reached: {why}")
        self.address = address
        self.why = why


class NodeSaid(Trouble):
    """A node answered with an error."""

    status = Status.UNREACHABLE

    def __init__(self, address: Address, error: str):
        super().__init__(f"{address} says: {error}")
        self.address = address
        self.error = error
