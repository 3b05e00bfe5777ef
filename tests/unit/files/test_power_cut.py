"""nodes.conf after a power cut: the last version that was saved, or the one that was being saved, and always whole."""

from pathlib import Path
from random import Random

import pytest

from pycluster.files.nodes_file import NodesFile
from pycluster.files.writer import Disk
from tests.unit.files.forgetful import ForgetfulDisk, Optimist, Pessimist

VERSIONS = [f"version {number}\n" * number for number in range(1, 6)]


def test_a_power_cut_at_any_step_leaves_a_whole_version_that_is_not_older_than_promised(tmp_path: Path) -> None:
    saved: list[str] = []
    cuts = 0

    def cut() -> None:
        nonlocal cuts
        for way in (Pessimist(), Optimist(), *map(Random, range(20))):
            left = disk.survivors(way).get("nodes.conf", b"").decode()
            assert left in (VERSIONS[len(saved) - 1 :] if saved else ["", *VERSIONS])
            cuts += 1

    disk = ForgetfulDisk(str(tmp_path), cut)
    file = NodesFile(str(tmp_path / "nodes.conf"), disk)
    file.lock()
    for version in VERSIONS:
        file.save(version, fsync=True)
        saved.append(version)
    cut()
    file.unlock()
    assert cuts > 200


@pytest.mark.parametrize("forgotten", ["sync", "sync_directory"])
def test_this_would_notice_if_a_sync_were_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    monkeypatch.setattr(ForgetfulDisk, forgotten, getattr(Disk, forgotten))
    with pytest.raises(AssertionError):
        test_a_power_cut_at_any_step_leaves_a_whole_version_that_is_not_older_than_promised(tmp_path)
