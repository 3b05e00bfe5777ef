"""What is done about a slot in each state that an interruption or a failure leaves behind."""

import pytest

from pycluster.tools.fixing import (
    Announce,
    Assign,
    BringKeys,
    Close,
    FinishMove,
    Release,
    SlotFacts,
    decide,
    plan_fix,
    show_steps,
    slots_to_fix,
)
from pycluster.tools.outcomes import Refused
from tests.unit.tools.clusters import A, B, C, three_masters, view_of

EMPTIEST = C


def steps(
    claims: str = "A",
    migrating: dict[str, str] | None = None,
    importing: dict[str, str] | None = None,
    keys: dict[str, int] | None = None,
    is_doubted: bool = False,
) -> list[object]:
    return list(decide(SlotFacts(5, claims, migrating or {}, importing or {}, keys or {}, is_doubted), EMPTIEST[0]))


def test_a_slot_that_is_well_needs_nothing() -> None:
    assert steps("A", keys={"A": 3}) == []


# ---- a move was interrupted


def test_open_on_both_sides_the_move_goes_on() -> None:
    found = steps("A", migrating={"A": "B"}, importing={"B": "A"}, keys={"A": 2, "B": 3})
    assert found == [FinishMove(5, "A", "B")]


def test_open_only_at_the_target_it_is_closed() -> None:
    """Interrupted before the source was told."""
    assert steps("A", importing={"B": "A"}, keys={"A": 2}) == [Close(5, "B")]


def test_open_only_at_the_source_it_is_closed() -> None:
    assert steps("A", migrating={"A": "B"}, keys={"A": 2}) == [Close(5, "A")]


def test_given_to_the_target_which_the_source_has_not_heard() -> None:
    """Interrupted between the two SETSLOT NODE: both claim it, the target by a newer epoch."""
    found = steps("BA", migrating={"A": "B"}, keys={"B": 5})
    assert found == [Release(5, "A"), Announce(5, "B"), Close(5, "A")]


def test_the_target_has_forgotten_that_it_takes_the_slot_and_has_keys() -> None:
    """The source closes first: a slot that is given away sends RESTORE to the target."""
    found = steps("A", migrating={"A": "B"}, keys={"A": 2, "B": 3})
    assert found == [Close(5, "A"), BringKeys(5, "B", "A"), Close(5, "B")]


def test_the_source_has_forgotten_that_it_gives_the_slot() -> None:
    """Keys that went over are missing at the owner: they come back."""
    found = steps("A", importing={"B": "A"}, keys={"A": 2, "B": 3})
    assert found == [BringKeys(5, "B", "A"), Close(5, "B")]


# ---- stranger states


def test_several_take_it_one_rightly() -> None:
    found = steps("A", migrating={"A": "B"}, importing={"B": "A", "C": "A"}, keys={"A": 2, "C": 1})
    assert found == [FinishMove(5, "A", "B"), BringKeys(5, "C", "B"), Close(5, "C")]


def test_the_source_of_a_take_was_replaced_by_another_owner() -> None:
    """The master that gave it has failed, and its heir knows nothing of the move."""
    found = steps("a", importing={"B": "A"}, keys={"a": 2, "B": 3})
    assert found == [BringKeys(5, "B", "a"), Close(5, "B")]


def test_keys_at_a_node_that_has_nothing_to_do_with_the_slot() -> None:
    assert steps("A", keys={"A": 2, "C": 1}) == [BringKeys(5, "C", "A"), Close(5, "C")]


def test_of_several_owners_who_has_most_keys_wins() -> None:
    found = steps("BA", keys={"A": 5, "B": 1})
    assert found == [Release(5, "B"), Announce(5, "A"), BringKeys(5, "B", "A"), Close(5, "B")]


def test_of_several_owners_without_keys_the_newer_claim_wins() -> None:
    assert steps("BA") == [Release(5, "A"), Announce(5, "B")]


def test_an_uncovered_slot_goes_to_who_has_most_of_its_keys() -> None:
    found = steps("", keys={"A": 1, "B": 4})
    assert found == [Assign(5, "B"), Announce(5, "B"), BringKeys(5, "A", "B"), Close(5, "A")]


def test_an_uncovered_slot_without_keys_goes_to_the_emptiest() -> None:
    assert steps("") == [Assign(5, "C"), Announce(5, "C")]


def test_an_uncovered_slot_that_is_being_taken_goes_to_who_takes_it_with_keys() -> None:
    found = steps("", importing={"B": "A"}, keys={"B": 4})
    assert found == [Assign(5, "B"), Announce(5, "B"), Close(5, "B")]


def test_a_slot_whose_owner_is_doubted_is_announced() -> None:
    assert steps("A", is_doubted=True) == [Announce(5, "A")]


@pytest.mark.parametrize("claims", ["", "A", "AB", "ABC"])
@pytest.mark.parametrize("giver", ["", "AB", "BA", "CA"])
@pytest.mark.parametrize("taker", ["", "AB", "BA", "CB"])
@pytest.mark.parametrize("holders", ["", "A", "B", "AB", "ABC"])
def test_whatever_the_state_all_keys_end_at_one_owner_and_nothing_stays_open(
    claims: str, giver: str, taker: str, holders: str
) -> None:
    """The steps are played on a table of who has what."""
    migrating = {giver[0]: giver[1]} if giver else {}
    importing = {taker[0]: taker[1]} if taker else {}
    owners, is_open, keys = set(claims), {*migrating, *importing}, set(holders)
    for step in steps(claims, migrating, importing, dict.fromkeys(holders, 1)):
        match step:
            case Assign(_, node):
                owners.add(node)
            case Release(_, node):
                owners.remove(node)
            case BringKeys(_, source, owner):
                assert owner in owners
                is_open.add(source)
                keys = keys - {source} | {owner}
            case FinishMove(_, source, target):
                owners = {target}
                is_open -= {source, target}
                keys = keys - {source} | {target} if keys else keys
            case Close(_, node):
                is_open.remove(node)
    assert len(owners) == 1
    assert not is_open
    assert keys <= owners


# ---- from the view


def test_all_that_needs_fixing_is_found() -> None:
    nodes = three_masters()
    nodes["A"].slots &= ~(1 << 7)
    nodes["A"].open = f"[9->-{B}]"
    nodes["C"].slots |= 1 << 11
    assert slots_to_fix(view_of(nodes)) == [7, 9, 11]


def test_whose_the_slots_are_is_settled_before_any_key_moves() -> None:
    nodes = three_masters()
    nodes["A"].slots &= ~(1 << 9)
    view = view_of(nodes, keys_in_slot={"A": {5: 3}, "B": {5: 7}})
    assert plan_fix(view) == [Assign(9, A), Announce(9, A), BringKeys(5, B, A), Close(5, B)]


def test_stray_keys_are_found_too() -> None:
    view = view_of(three_masters(), keys_in_slot={"A": {5: 3}, "B": {5: 7, 6: 0}})
    assert plan_fix(view) == [BringKeys(5, B, A), Close(5, B)]


def test_uncovered_slots_are_spread_over_the_emptiest() -> None:
    nodes = three_masters()
    nodes["A"].slots &= ~0b1111
    assigned = [step.node for step in plan_fix(view_of(nodes)) if isinstance(step, Assign)]
    assert assigned == [A, A, A, A]


def test_each_heir_gets_a_stretch_of_the_uncovered_slots() -> None:
    nodes = three_masters()
    nodes["A"].slots &= ~0b111111
    nodes["B"].slots &= ~(0b111 << 6000)
    assigned = [step.node for step in plan_fix(view_of(nodes)) if isinstance(step, Assign)]
    assert assigned == [A] * 7 + [B] * 2


def test_the_slots_of_a_lost_master_are_given_away_only_if_told_to() -> None:
    nodes = three_masters()
    for node in nodes.values():
        node.says["B"] = nodes["B"].line(flags="fail", link="disconnected")
    view = view_of(nodes, silent={"B": "refused"})
    with pytest.raises(Refused, match="would give up the keys there"):
        plan_fix(view)
    assigned = [step for step in plan_fix(view, with_lost_masters=True) if isinstance(step, Assign)]
    assert len(assigned) == 5462


def test_the_slots_of_a_master_that_only_others_reach_are_never_given_away() -> None:
    view = view_of(three_masters(), silent={"B": "refused"})
    with pytest.raises(Refused, match="it is alive, and its slots are not free"):
        plan_fix(view, with_lost_masters=True)


def test_a_claim_that_others_doubt_is_announced() -> None:
    nodes = three_masters()
    nodes["C"].says["A"] = nodes["A"].line(slots="1-5460")
    assert plan_fix(view_of(nodes)) == [Announce(0, A)]


def test_steps_are_told_in_words() -> None:
    view = view_of(three_masters())
    assert list(show_steps(view, [FinishMove(5, A, B), Close(6, B)])) == [
        "slot 5: finish the move from 10.0.0.1:7065 to 10.0.0.1:7066",
        "slot 6: close it at 10.0.0.1:7066",
    ]


def test_what_is_done_with_many_slots_is_told_once() -> None:
    steps = [step for slot in (1, 2, 3, 9) for step in (Assign(slot, A), Announce(slot, A))]
    assert list(show_steps(view_of(three_masters()), steps)) == [
        "slots 1-3,9: give them to 10.0.0.1:7065",
        "slots 1-3,9: tell all masters that they are 10.0.0.1:7065's",
    ]
