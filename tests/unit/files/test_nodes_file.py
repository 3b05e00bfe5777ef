import errno
import os
from pathlib import Path

import pytest

from pycluster.files.nodes_file import InUse, NodesFile
from pycluster.files.writer import Disk, WriteFailed


class FailingDisk(Disk):
    """Fails at the step that a test names."""

    def __init__(self, step: str) -> None:
        self.step = step

    def write(self, fd: int, content: bytes) -> None:
        self._fail_at("write")
        super().write(fd, content)

    def sync(self, fd: int) -> None:
        self._fail_at("fsync")
        super().sync(fd)

    def rename(self, source: str, target: str) -> None:
        self._fail_at("rename")
        super().rename(source, target)

    def _fail_at(self, step: str) -> None:
        if step == self.step:
            raise OSError(errno.ENOSPC, "No space left on device")


def locked(path: Path, disk: Disk | None = None) -> NodesFile:
    file = NodesFile(str(path), disk or Disk())
    file.lock()
    return file


def test_a_new_node_finds_an_empty_file(tmp_path: Path) -> None:
    assert locked(tmp_path / "nodes.conf").read() == ""


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    file = locked(tmp_path / "nodes.conf")
    file.save("first\n", fsync=False)
    file.save("second\n", fsync=True)
    assert file.read() == "second\n"
    assert os.listdir(tmp_path) == ["nodes.conf"]


def test_a_second_node_is_refused_in_redis_words(tmp_path: Path) -> None:
    path = tmp_path / "nodes.conf"
    first = locked(path)
    with pytest.raises(InUse) as refusal:
        locked(path)
    assert str(refusal.value) == (
        "Sorry, the cluster configuration file nodes.conf is already used by a different Redis Cluster node. "
        "Please make sure that different nodes use different cluster configuration files."
    )
    first.unlock()


def test_the_lock_survives_the_rename(tmp_path: Path) -> None:
    path = tmp_path / "nodes.conf"
    file = locked(path)
    for version in range(3):
        file.save(f"{version}\n", fsync=False)
        with pytest.raises(InUse):
            locked(path)
    file.unlock()
    assert locked(path).read() == "2\n"


def test_the_lock_is_not_inherited_by_programs_that_are_started(tmp_path: Path) -> None:
    file = locked(tmp_path / "nodes.conf")
    file.save("x\n", fsync=False)
    assert not os.get_inheritable(file.lock_fd)


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "nodes.conf"
    with pytest.raises(InUse, match=f"Can't open {path} in order to acquire a lock: No such file or directory"):
        locked(path)


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_when_writing_fails_the_old_file_stays_and_stays_locked(tmp_path: Path, step: str) -> None:
    path = tmp_path / "nodes.conf"
    path.write_text("old\n")
    file = locked(path, FailingDisk(step))
    with pytest.raises(WriteFailed, match=f"{step}: No space left on device"):
        file.save("new\n", fsync=True)
    assert file.read() == "old\n" and os.listdir(tmp_path) == ["nodes.conf"]
    with pytest.raises(InUse):
        locked(path)
