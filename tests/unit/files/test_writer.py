"""Files that are there whole or not at all."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pycluster.files.writer import Disk, WriteFailed, replace_file


class FaultyDisk(Disk):
    """Notes every call; the one named fails, from its nth time on."""

    def __init__(self, failing: str = "", nth: int = 1) -> None:
        self.calls: list[str] = []
        for name in ("create", "write", "sync", "close", "rename", "remove", "sync_directory"):
            setattr(self, name, self._wrap(name, getattr(super(), name), failing, nth))

    def _wrap(self, name: str, call: Callable[..., Any], failing: str, nth: int) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            self.calls.append(name)
            if name == failing and self.calls.count(name) >= nth:
                raise OSError(errno.ENOSPC, "No space left on device")
            return call(*args)

        return wrapped


def replace(disk: Disk, directory: Path, *content: bytes, sync_every: int | None = None) -> int:
    path, temporary = str(directory / "file"), str(directory / "temp-1")
    return replace_file(disk, path, content, temporary=temporary, sync_every=sync_every)


def test_a_file_is_replaced_by_what_was_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    assert replace(Disk(), tmp_path, b"new ", b"content") == 11
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"new content"


def test_the_file_is_synced_before_it_is_renamed_and_the_directory_after(tmp_path: Path) -> None:
    disk = FaultyDisk()
    replace(disk, tmp_path, b"x")
    assert disk.calls == ["create", "write", "sync", "close", "rename", "sync_directory"]


def test_a_long_file_is_synced_on_the_way(tmp_path: Path) -> None:
    disk = FaultyDisk()
    replace(disk, tmp_path, *[b"x" * 10] * 10, sync_every=30)
    assert disk.calls.count("sync") == 4


@pytest.mark.parametrize(
    ("failing", "step"),
    [("create", "open"), ("write", "write"), ("sync", "fsync"), ("close", "fsync"), ("rename", "rename")],
)
def test_a_failure_leaves_the_old_file_and_says_at_which_step(tmp_path: Path, failing: str, step: str) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(WriteFailed) as caught:
        replace(FaultyDisk(failing), tmp_path, b"new")
    assert (caught.value.step, caught.value.error.errno) == (step, errno.ENOSPC)
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == b"old"


def test_what_cannot_be_made_is_not_written(tmp_path: Path) -> None:
    def content() -> Any:
        yield b"half"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        replace_file(Disk(), str(tmp_path / "file"), content(), temporary=str(tmp_path / "temp-1"))
    assert os.listdir(tmp_path) == []
