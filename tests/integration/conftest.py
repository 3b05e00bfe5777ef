"""Stories: modules whose tests are steps in order, each going on from where the one before it ended."""

import sys
from pathlib import Path

import pytest

from pycluster.testing.node import Node
from tests.integration.replicas import Servers, follow


@pytest.fixture(scope="module", params=["pycluster", "redis-server"])
def server(request: pytest.FixtureRequest) -> list[str]:
    """The program to tell a story with. A step that fails on redis-server is a wrong step."""
    if request.param == "redis-server":
        return request.getfixturevalue("redis_server")
    ours = request.getfixturevalue("our_server")
    script = Path(sys.executable).with_name("pycluster-server")
    return [str(script)] if ours[0] == sys.executable and script.exists() else ours


@pytest.fixture(params=["ours to ours", "redis to ours", "ours to redis"])
def programs(request: pytest.FixtureRequest) -> tuple[list[str], list[str]]:
    """What runs the primary, and what the replica."""
    ours: list[str] = request.getfixturevalue("our_server")
    if request.param == "ours to ours":
        return ours, ours
    real: list[str] = request.getfixturevalue("redis_server")
    return (real, ours) if request.param == "redis to ours" else (ours, real)


@pytest.fixture
def pair(servers: Servers, programs: tuple[list[str], list[str]]) -> tuple[Node, Node]:
    """A primary and its replica, in step."""
    primary, replica = servers.start(programs[0]), servers.start(programs[1])
    follow(replica, primary)
    return primary, replica


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """That a story is right on redis-server too, is seen in `make long`: it is we who change from day to day."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec and item.get_closest_marker("story") and "redis-server" in callspec.params.values():
            item.add_marker(pytest.mark.long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.failed and item.get_closest_marker("story"):
        item.parent.failed_step = item  # type: ignore[union-attr]
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """After a failed step the rest of a story proves nothing."""
    failed = getattr(item.parent, "failed_step", None)
    if failed and _teller(failed) == _teller(item):
        pytest.skip(f"an earlier step failed: {failed.name}")


def _teller(item: pytest.Item) -> tuple[int | None, int | None]:
    """Which program tells the story, and on which hosts: one and the same module may tell it several times."""
    indices = getattr(getattr(item, "callspec", None), "indices", {})
    return indices.get("server"), indices.get("story")
