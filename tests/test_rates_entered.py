"""A half-year's rates come from the shipped table, or from two people; a missing one is refused until then."""

from dataclasses import replace
from datetime import date

import atwork
import pytest
import webhome
from hypothesis import given
from hypothesis import strategies as st
from test_approvals import someone
from typer.testing import CliRunner

from config.legal import load_rates
from station import rates
from station.cli import app
from station.rates import Refused, Typed, completed, decide_half, enter_half, rates_here, rates_of
from station.records import people
from station.web.words import words_in
from workflow.interest import MissingRate
from workflow.roles import Role

NOON = webhome.NOON
TODAY = date(2027, 1, 4)
NEW = Typed(
    "2027-H1", "2,65 %", "16/09/2026", "BCE, taux directeurs, page du 16/09/2026", "text", "2,81", "6,9",
    "arrêté du 21/12/2026, JORF du 24/12/2026", "secondary",
)  # fmt: skip


@pytest.fixture
def home(tmp_path):
    workstation = atwork.open_home(tmp_path)
    with workstation.database.writing() as session:
        for login in ("rita", "rose"):
            someone(session, login, Role.RECEIVABLES)
    yield workstation
    workstation.database.close()


def enter(home, typed=NEW, who="rita"):
    with home.database.writing() as session:
        return enter_half(session, "essai", typed, people.find(session, who), NOON, TODAY).id


def decide(home, number, who, **told):
    with home.database.writing() as session:
        decide_half(session, "essai", number, people.find(session, who), NOON, **({"confirmed": True} | told))


def table(home):
    with home.database.reading() as session:
        return rates_of(session, "essai")


def test_a_half_year_is_used_once_another_person_confirmed_it_and_not_before(home):
    number = enter(home)
    with pytest.raises(MissingRate):
        table(home).of_half("2027-H1")
    with pytest.raises(Refused, match="own"):
        decide(home, number, "rita")
    decide(home, number, "rose")
    found = table(home).of_half("2027-H1")
    assert (f"{found.ecb}", found.ecb_since, f"{found.legal}", found.legal_grade) == ("2.65", date(2026, 9, 16), "2.81", "secondary")
    assert rates_here(home.settings) == table(home)
    assert atwork.ledger_types(home).count("register") == 2


def test_the_command_uses_what_two_people_entered(home, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(home.settings.home))
    words = ["interest", "1000", "--due", "31/12/2026", "--paid", "31/01/2027", "--regime", "private"]
    assert CliRunner().invoke(app, words).exit_code == 1
    decide(home, enter(home), "rose")
    found = CliRunner().invoke(app, words)
    assert "12,65" in found.stdout, found.output
    assert "BCE, taux directeurs, page du 16/09/2026" in found.stdout


def test_a_refusal_has_its_reason_and_leaves_the_half_year_missing(home):
    number = enter(home)
    with pytest.raises(Refused, match="reason"):
        decide(home, number, "rose", confirmed=False)
    decide(home, number, "rose", confirmed=False, reason="taux du 17 juin")
    with pytest.raises(MissingRate):
        table(home).of_half("2027-H1")
    with pytest.raises(Refused, match="gone"):
        decide(home, number, "rose")


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"half": "2026-H2"}, "shipped"), ({"half": "2027-H3"}, "half"), ({"half": "janvier"}, "half"), ({"half": "2027-H2"}, "early"),
        ({"ecb": "deux"}, "rate"), ({"ecb": "51"}, "rate"), ({"legal": "2,815"}, "rate"), ({"persons": "-1"}, "rate"),
        ({"ecb": "nan"}, "rate"),
        ({"ecb_since": "2027-01-02"}, "since-later"), ({"ecb_since": "hier"}, "since"), ({"ecb_source": "BCE"}, "source"),
        ({"legal_source": ""}, "source"), ({"ecb_grade": "unverified"}, "grade"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_half_years_rate_is_refused_and_nothing_is_written(home, change, flaw):
    with pytest.raises(Refused, match=f"^{flaw}$"):
        enter(home, replace(NEW, **change))
    with home.database.reading() as session:
        assert rates.listed_rows(session, "essai") == []


@given(st.lists(st.sampled_from(load_rates().halves), max_size=4))
def test_no_entered_row_takes_the_place_of_a_shipped_one(rows):
    wrong = [replace(row, ecb=row.ecb + 1) for row in rows]
    assert completed(load_rates(), wrong) == load_rates()


def test_every_refusal_has_its_words_in_both_languages():
    for language in ("fr", "en"):
        for name in ["half", "shipped", "early", "since", "since-later", "source", "grade", "rate", "waits", "gone", "own", "reason"]:
            assert not words_in(language)(f"rates.wrong-{name}").startswith("rates.")
