"""Servers without sockets, each test's in a directory of its own: some save their data (FLUSHALL, `save` points)."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
