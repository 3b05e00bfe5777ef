"""What all tests share: which server programs there are.

Two environment variables put other programs in their places: PYCLUSTER_TEST_SERVER for ours, PYCLUSTER_TEST_REDIS for
the real one that we are compared with.
"""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pycluster.testing import PYCLUSTER
from tests.integration.replicas import Servers


@pytest.fixture(scope="session")
def our_server() -> list[str]:
    return shlex.split(os.environ.get("PYCLUSTER_TEST_SERVER", "")) or list(PYCLUSTER)


@pytest.fixture(scope="session")
def redis_server() -> list[str]:
    return [os.environ.get("PYCLUSTER_TEST_REDIS") or _program("redis-server")]


@pytest.fixture(scope="session")
def redis_cli() -> str:
    return _program("redis-cli")


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"there is no {name} (Debian: apt-get install redis-server redis-tools)")
    return path


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Starts servers, of any program, that end with the test."""
    started = Servers(tmp_path)
    yield started
    started.stop()
