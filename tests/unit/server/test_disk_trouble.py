"""What clients and replicas are told when changes can't be saved."""

import errno
from pathlib import Path
from typing import Any

import pytest

from pycluster.protocol.errors import ReplyError
from pycluster.server.client import FROM_PRIMARY
from tests.unit.files.forgetful import HastyDisk
from tests.unit.persistence.machine import Died, Machine


def troubled(tmp_path: Path, **directives: Any) -> Machine:
    """A server whose append-only file has just failed to be written."""
    machine = Machine(tmp_path, HastyDisk(), **directives)
    assert machine.start()
    machine.server.aof.tail.error = OSError(errno.EIO, "Input/output error")
    machine.server.disk_trouble.look()
    return machine


def told(machine: Machine, *commands: str) -> list[str]:
    replies = machine.turn(*commands)
    machine.close()
    return [reply.text if isinstance(reply, ReplyError) else str(reply) for reply in replies]


def test_writes_and_pings_are_refused_and_reads_are_not(tmp_path: Path) -> None:
    error = "MISCONF Errors writing to the AOF file: Input/output error"
    assert told(troubled(tmp_path), "SET k v", "PING", "GET k") == [error, error, "None"]


def test_a_transaction_that_writes_is_aborted(tmp_path: Path) -> None:
    assert told(troubled(tmp_path), "MULTI", "SET k v", "EXEC")[1:] == [
        "MISCONF Errors writing to the AOF file: Input/output error",
        "EXECABORT Transaction discarded because of previous errors.",
    ]


@pytest.mark.parametrize("stops, answer", [(True, "MISCONF Redis is configured to save RDB snap"), (False, "OK")])
def test_a_failed_snapshot_that_save_points_asked_for_stops_writes_too(
    tmp_path: Path, stops: bool, answer: str
) -> None:
    machine = Machine(tmp_path, HastyDisk(), save=((3600, 1),), stop_writes_on_bgsave_error=stops)
    assert machine.start()
    machine.server.snapshots.last_background_save_well = False
    machine.server.disk_trouble.look()
    [reply] = told(machine, "SET k v")
    assert reply.startswith(answer)


def test_a_replica_dies_of_it(tmp_path: Path) -> None:
    machine = troubled(tmp_path)
    machine.client.gate = FROM_PRIMARY
    with pytest.raises(Died):
        machine.turn("SET k v")
    assert "Replica was unable to write command to disk." in machine.log


def test_a_replica_that_is_told_to_goes_on(tmp_path: Path) -> None:
    machine = troubled(tmp_path, replica_ignore_disk_write_errors=True)
    machine.client.gate = FROM_PRIMARY
    machine.turn("SET k v", "SET l v")
    assert machine.server.databases[0].size() == 2
    assert sum("even though it is unable to write to disk." in line for line in machine.log.lines) == 1
