"""Business days are counted as France counts them, and moving a day never goes the wrong way."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.calendar import (
    FRANCE,
    Calendar,
    NoBusinessDay,
    add_business_days,
    bank_holidays,
    business_days,
    is_business_day,
    may_leave,
    move_earlier,
    move_later,
    why_closed,
)

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
CALENDARS = st.builds(
    Calendar,
    alsace_moselle=st.booleans(),
    closed=st.frozensets(st.dates(date(2026, 8, 1), date(2026, 8, 31)), max_size=20),
    forbidden=st.frozensets(st.dates(date(2026, 8, 1), date(2026, 9, 30)), max_size=20),
    forbidden_weekdays=st.frozensets(st.integers(0, 4), max_size=3),
)


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2026, 4, 6), "Lundi de Pâques"),
        (date(2026, 5, 14), "Ascension"),
        (date(2026, 5, 25), "Lundi de Pentecôte"),
        (date(2026, 7, 14), "Fête nationale"),
        (date(2027, 3, 29), "Lundi de Pâques"),
        (date(2026, 4, 3), None),
        (date(2026, 12, 26), "samedi"),
        (date(2028, 12, 26), None),
    ],
)
def test_bank_holidays_move_with_easter(day: date, why: str | None) -> None:
    assert why_closed(FRANCE, day) == why


def test_alsace_and_moselle_have_two_more() -> None:
    assert why_closed(Calendar(alsace_moselle=True), date(2026, 4, 3)) == "Vendredi saint"
    more = bank_holidays(2028, True).keys() - bank_holidays(2028).keys()
    assert more == {date(2028, 4, 14), date(2028, 12, 26)}


def test_a_year_has_eleven_bank_holidays() -> None:
    assert {len(bank_holidays(year)) for year in range(2020, 2035)} == {11}


def test_the_companys_closing_days_are_no_business_days_and_forbidden_days_are() -> None:
    calendar = Calendar(closed=frozenset({date(2026, 8, 10)}), forbidden=frozenset({date(2026, 8, 11)}), forbidden_weekdays=frozenset({2}))
    assert why_closed(calendar, date(2026, 8, 10)) == "fermeture de l'entreprise"
    assert is_business_day(calendar, date(2026, 8, 11))
    assert not may_leave(calendar, date(2026, 8, 11))
    assert move_later(calendar, date(2026, 8, 8)) == date(2026, 8, 13)


def test_three_business_days_over_easter() -> None:
    assert add_business_days(FRANCE, date(2026, 4, 2), 3) == date(2026, 4, 8)
    assert add_business_days(FRANCE, date(2026, 4, 8), -3) == date(2026, 4, 2)


def test_a_calendar_without_a_free_day_says_so_instead_of_searching_for_ever() -> None:
    with pytest.raises(NoBusinessDay):
        move_later(Calendar(forbidden_weekdays=frozenset(range(7))), date(2026, 1, 1))


@given(CALENDARS, DAYS)
def test_a_moved_day_may_be_used_lies_on_its_side_and_is_the_nearest(calendar: Calendar, day: date) -> None:
    later, earlier = move_later(calendar, day), move_earlier(calendar, day)
    assert may_leave(calendar, later)
    assert may_leave(calendar, earlier)
    assert earlier <= day <= later
    between = [day + timedelta(days=n) for n in range((earlier - day).days + 1, (later - day).days)]
    assert not any(may_leave(calendar, each) for each in between if each != day) or may_leave(calendar, day)
    assert (earlier == later) == may_leave(calendar, day)


@given(CALENDARS, DAYS, st.integers(0, 20), st.integers(0, 20))
def test_business_days_add_up(calendar: Calendar, day: date, first: int, second: int) -> None:
    assert add_business_days(calendar, add_business_days(calendar, day, first), second) == add_business_days(calendar, day, first + second)
    reached = add_business_days(calendar, day, first)
    assert business_days(calendar, day, reached) == first
    assert not is_business_day(calendar, day) or business_days(calendar, reached, day) == -first
    assert first == 0 or is_business_day(calendar, reached)


@given(CALENDARS, DAYS, st.integers(1, 20))
def test_going_back_comes_home_from_a_business_day(calendar: Calendar, day: date, count: int) -> None:
    home = day if is_business_day(calendar, day) else add_business_days(calendar, day, 1)
    assert add_business_days(calendar, add_business_days(calendar, home, count), -count) == home
