"""CLUSTER NODES as Redis 3 to 7 and Valkey 9 write it."""

import pytest

from pycluster.cluster.slot_map import slot_range
from pycluster.tools.node_lines import Address, read_address, read_node_line, read_ranges, show_ranges

ID = "508d9bb900110b774d6adf47fd8c4331c3363ec3"
OTHER = "a1f0a450856f4e2ad06aa7d414ddd01f56f67eda"


def test_a_line_of_redis_7_0_with_hostname_and_open_slots() -> None:
    line = read_node_line(
        f"{ID} 127.0.0.1:17220@27220,one.example myself,master - 0 1795819842000 1 connected "
        f"0-76 78-8191 [77-<-{OTHER}] [93->-{OTHER}]"
    )
    assert (line.id, line.address, line.bus_port, line.hostname) == (ID, ("127.0.0.1", 17220), 27220, "one.example")
    assert line.slots == slot_range(0, 8191) & ~(1 << 77)
    assert (line.migrating, line.importing) == ({93: OTHER}, {77: OTHER})
    assert line.is_master and line.is_linked and line.is_member


def test_a_replica_names_its_master() -> None:
    line = read_node_line(f"{ID} 127.0.0.1:18466@28466 slave,fail {OTHER} 0 1795819842522 7 disconnected")
    assert (line.master, line.epoch, line.slots) == (OTHER, 7, 0)
    assert line.is_failed and not line.is_master and not line.is_linked


def test_further_fields_behind_the_hostname_are_passed_over() -> None:
    line = read_node_line(f"{ID} 10.0.0.1:7000@17000,,tls-port=0,shard-id={OTHER} master - 0 0 1 connected 5")
    assert (line.address, line.hostname, line.slots) == (Address("10.0.0.1", 7000), "", 1 << 5)


def test_redis_3_names_no_bus_port() -> None:
    assert read_node_line(f"{ID} 10.0.0.1:7000 master - 0 0 1 connected").bus_port == 17000


def test_an_ipv6_address_keeps_its_colons() -> None:
    assert read_node_line(f"{ID} fe80::1:7000@17000 master - 0 0 1 connected").address == ("fe80::1", 7000)


def test_a_node_that_has_met_nobody_does_not_know_its_host() -> None:
    assert read_node_line(f"{ID} :7000@17000 myself,master - 0 0 0 connected").address.host == ""


@pytest.mark.parametrize("flags", ["handshake", "master,noaddr", "slave,fail,noaddr"])
def test_who_has_no_name_or_no_address_yet_is_no_member(flags: str) -> None:
    assert not read_node_line(f"{ID} :0@0 {flags} - 0 0 0 disconnected").is_member


def test_noflags_is_no_flag() -> None:
    assert read_node_line(f"{ID} 10.0.0.1:7000@17000 noflags - 0 0 0 connected").flags == frozenset()


# ---- what people type


def test_ranges_are_read_as_they_are_shown() -> None:
    assert show_ranges(read_ranges("0-99, 200,16383")) == "0-99,200,16383"


@pytest.mark.parametrize("text", ["x", "5-", "-5", "7-5", "16384", "1-2-3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        read_ranges(text)


def test_an_address_is_a_host_and_a_port() -> None:
    assert read_address("example.org:7001") == ("example.org", 7001)
    assert read_address("[::1]:7001") == ("::1", 7001)


@pytest.mark.parametrize("text", ["7001", "host", "host:", "host:x", "host:0", "host:65536"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write host:port"):
        read_address(text)
