"""What INFO tells of commands: how often and how long each ran, how its times spread, which errors there were."""

from collections.abc import Iterable, Iterator, Mapping

from pycluster.commands.table import Command
from pycluster.server.directive_kinds import shortest_decimal
from pycluster.server.info import Value, safe


def with_subcommands(commands: Iterable[Command]) -> Iterator[Command]:
    for command in commands:
        yield command
        yield from command.subcommands.values()


def command_fields(commands: Iterable[Command]) -> dict[str, Value]:
    """Commandstats: the commands that were called, or refused."""
    fields: dict[str, Value] = {}
    for command in with_subcommands(commands):
        if command.calls or command.failed or command.rejected:
            usec = command.nanoseconds // 1000
            each = usec / command.calls if command.calls else 0
            fields[f"cmdstat_{safe(command.name.encode())}"] = (
                f"calls={command.calls},usec={usec},usec_per_call={each:.2f},"
                f"rejected_calls={command.rejected},failed_calls={command.failed}"
            )
    return fields


def error_fields(errors: Mapping[str, int]) -> dict[str, Value]:
    """Errorstats: the codes of the errors replied, by name."""
    return {f"errorstat_{safe(code.encode('latin-1'))}": f"count={errors[code]}" for code in sorted(errors)}


def latency_fields(commands: Iterable[Command], percentiles: tuple[float, ...]) -> dict[str, Value]:
    """Latencystats: within how many microseconds so many percent of the calls were done."""
    fields: dict[str, Value] = {}
    for command in with_subcommands(commands):
        if any(command.histogram):
            shown = (f"p{shortest_decimal(p)}={percentile_usec(command.histogram, p):.3f}" for p in percentiles)
            fields[f"latency_percentiles_usec_{safe(command.name.encode())}"] = ",".join(shown)
    return fields


def percentile_usec(histogram: list[int], percentile: float) -> float:
    """A time that `percentile` percent of the calls did not exceed.

    Bucket b holds the calls that took from 2**(b-1) ns to 2**b; within it they are taken to be spread evenly.
    """
    wanted = max(1.0, sum(histogram) * percentile / 100)
    before = 0
    for bucket, calls in enumerate(histogram):
        if calls and before + calls >= wanted:
            low, high = (1 << bucket >> 1), 1 << bucket
            return (low + (high - low) * (wanted - before) / calls) / 1000
        before += calls
    raise AssertionError("a histogram without calls has no percentiles")
