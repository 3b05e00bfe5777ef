"""Which nodes `pycluster up` brings back: those that the first one of a directory remembers."""

from pathlib import Path

import pytest

from pycluster.tools.local import ports_of_old
from tests.unit.tools.clusters import three_masters


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Where 7065-7067 and 7097-7099 are a cluster, and one that has left it is 7100; 7099 lives elsewhere."""
    for port in (7065, 7066, 7067, 7097, 7098, 7100):
        (tmp_path / str(port)).mkdir()
    lines = [node.line("myself" if letter == "A" else "") for letter, node in three_masters().items()]
    (tmp_path / "7065" / "nodes.conf").write_text("\n".join([*lines, "vars currentEpoch 3 lastVoteEpoch 0", ""]))
    return tmp_path


def test_they_are_the_members_that_live_there(run: Path) -> None:
    assert ports_of_old(run, 7065) == [7065, 7066, 7067, 7097, 7098]


def test_the_first_one_is_among_them_though_it_may_not_know_its_address(run: Path) -> None:
    conf = run / "7065" / "nodes.conf"
    conf.write_text(conf.read_text().replace("10.0.0.1:7065@17065", ":0@0"))
    assert ports_of_old(run, 7065)[0] == 7065


def test_where_nobody_was_a_new_cluster_begins(run: Path) -> None:
    assert ports_of_old(run, 8001) == []
