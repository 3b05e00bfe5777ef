"""What all tests share: which server programs there are, and which tests stay together.

Two environment variables put other programs in their places: PYCLUSTER_TEST_SERVER for ours, PYCLUSTER_TEST_REDIS for
the real one that we are compared with.
"""

import os
import shlex
import shutil

import pytest

from pycluster.testing import PYCLUSTER


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one file that share real processes go to one worker of xdist, in the order in which they stand."""
    for item in items:
        if item.path.parent.name in {"integration", "interop"}:
            server = getattr(item, "callspec", None) and item.callspec.params.get("server", "")  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {server or ''}"))
