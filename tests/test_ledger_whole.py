"""A log with an entry missing or changed is noticed before anything is built on it: at the start, at the next checkpoint."""

import pytest
from backdoor import behind_the_back
from test_witnesses import place  # noqa: F401  the fixture

from station.checkpoints import contradictions
from station.contradiction import TreeContradicted
from station.records.ledger import first_break
from station.walks import Walks, tend_walk
from station.witnesses import stand_by_witnesses


@pytest.fixture
def grown(place):  # noqa: F811
    """Six entries under a checkpoint, three after it."""
    place.grow(6)
    place.point()
    place.grow(3)
    return place


def broken_at(place):  # noqa: F811
    return place.ask(first_break, "essai", 6)


def test_a_whole_log_breaks_nowhere_whatever_is_known_of_it(grown):
    assert [grown.ask(first_break, "essai", since) for since in (0, 6, 9)] == [None, None, None]
    stand_by_witnesses(grown.station)


@pytest.mark.parametrize("gone", [0, 3, 7])
def test_an_entry_taken_out_anywhere_is_named_and_nothing_begins(grown, gone):
    behind_the_back(grown.home, f"DELETE FROM ledger WHERE sequence = {gone}")  # noqa: S608
    assert broken_at(grown) == gone
    with pytest.raises(TreeContradicted) as refused:
        stand_by_witnesses(grown.station)
    assert f"l'inscription {gone} manque" in refused.value.words()
    assert "rien de nouveau n'est pris" in refused.value.words()


@pytest.mark.parametrize("column", ["entry", "root", "peaks"])
def test_an_entry_changed_since_the_newest_checkpoint_is_named(grown, column):
    behind_the_back(grown.home, f"UPDATE ledger SET {column} = x'{'00' * 64}' WHERE sequence = 7")  # noqa: S608
    assert broken_at(grown) == (7 if column != "peaks" else None)  # what is not asked for there is found by the full check


def test_no_checkpoint_is_signed_over_a_broken_log(grown):
    behind_the_back(grown.home, "DELETE FROM ledger WHERE sequence = 2")
    with pytest.raises(TreeContradicted):
        grown.point()


def test_peaks_changed_at_the_newest_checkpoint_are_noticed_where_the_walk_begins(grown):
    behind_the_back(grown.home, f"UPDATE ledger SET peaks = x'{'00' * 64}' WHERE sequence = 5")  # noqa: S608
    assert broken_at(grown) == 5


def test_the_whole_log_is_walked_once_a_day_and_what_it_found_outlasts_the_process(grown):
    assert tend_walk(grown.station).broken is None
    assert tend_walk(grown.station) is None
    behind_the_back(grown.home, "UPDATE ledger SET entry = x'00' WHERE sequence = 1")
    grown.clock.turn(days=1)
    assert tend_walk(grown.station).broken.sequence == 1
    assert Walks(grown.home).last.broken.sequence == 1


def test_a_log_that_shrank_between_two_walks_is_noticed_though_it_is_sound(grown):
    tend_walk(grown.station)
    behind_the_back(grown.home, "DELETE FROM ledger_payload WHERE sequence > 6", "DELETE FROM ledger WHERE sequence > 6")
    grown.clock.turn(days=1)
    assert tend_walk(grown.station).broken.sequence == 8


def test_a_broken_log_is_told_as_one_claim_of_the_records(grown):
    behind_the_back(grown.home, "DELETE FROM ledger WHERE sequence = 2")
    (claim,) = grown.ask(contradictions, grown.station.settings, "essai")
    assert (claim.holder, claim.size, claim.reason) == ("records", 2, "broken")
