"""Interest whose half-year's rate is not known ends the day before it: every place that shows the sum says so."""

import html
import re
from datetime import UTC, date, datetime

from owed import open_owing
from test_web import enter

from station import ticking

LATER = datetime(2027, 3, 1, 6, tzinfo=UTC)
TOLD = "intérêts arrêtés au 31/12/2026 : taux du 1er semestre 2027 absent"


def plain(page: str) -> str:
    return re.sub(r"[\s\xa0\u202f]+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page))).casefold()


def test_interest_that_ends_for_want_of_a_rate_is_said_by_the_command_the_preview_the_letter_and_the_item(tmp_path):
    owing = open_owing(tmp_path / "home", now=LATER)
    item = owing.owes("F-1", date(2026, 9, 30))
    told = ticking.describe_turn(owing.station, LATER.date())
    assert [(each["interest_until"], each["rate_missing"]) for each in told] == [("2026-12-31", "2027-H1")]
    assert list(ticking.tick_lines(told, LATER.date(), "fr"))[-1] == f"  F-1 : {TOLD}"
    browser = enter(owing.station)
    for address in ("/relances", "/relances?vue=une", f"/encours/{item}"):
        assert TOLD.casefold() in plain(browser.get(address).text), address
    assert "rien n’est calculé" not in plain(browser.get(f"/encours/{item}").text)


def test_of_a_delay_whose_first_half_year_is_unknown_nothing_is_counted_and_that_is_said(tmp_path):
    owing = open_owing(tmp_path / "home", now=LATER)
    owing.owes("F-1", date(2027, 1, 31))
    lines = list(ticking.tick_lines(ticking.describe_turn(owing.station, LATER.date()), LATER.date(), "fr"))
    assert lines[-1] == "  F-1 : aucun intérêt compté : taux du 1er semestre 2027 absent"
