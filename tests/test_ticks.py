"""The clock is believed while servers say so or while nobody has set it; what is not believed seals nothing."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import atwork
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tsaserver import ntp_serving

from config.settings import Time
from sealing.ledger import Event
from sealing.ticks import (
    DELAY_SECONDS,
    Answer,
    Health,
    Look,
    Tick,
    health_now,
    look_at,
    median_offset,
    step_between,
    word_of,
)
from station.problems import problem_of
from station.records.clock import newest_look, note_look, tick_now, word_here
from station.records.intake import SYSTEM
from station.records.ledger import append_event, written_entries
from station.records.people import PRACTICE_LOGIN, NoPerson
from station.records.tables import ClockCheck
from station.timekeeping import (
    ClockStepped,
    ClockWrong,
    ask_server,
    check_clock,
    clock_word,
    clock_words,
    confirm_clock,
    in_true_time,
    latest_time,
    require_clock,
    tend_clock,
)
from station.workstation import Workstation

START = datetime(2026, 11, 2, 12, tzinfo=UTC)


def tick(steady: float, ahead: float = 0.0, boot: str = "a") -> Tick:
    """After so many seconds of the steady clock, with the wall clock so far ahead of it."""
    return Tick(START + timedelta(seconds=steady + ahead), steady, boot)


def said(*offsets: float) -> list[Answer]:
    return [Answer(f"ntp{number}", offset, 0.01) for number, offset in enumerate(offsets)]


# --- pure ---


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_step_is_what_the_wall_clock_went_beyond_the_steady_one(step, passed):
    assert step_between(tick(0), tick(passed, step)) == pytest.approx(step, abs=1e-3)


@given(st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=4), st.floats(-1e5, 1e5))
def test_one_lying_server_among_three_or_more_moves_nothing(honest, lie):
    assert -0.1 <= median_offset(said(*honest, honest[0], lie)[1:]) <= 0.1


def test_an_answer_that_was_long_on_its_way_says_nothing():
    assert median_offset([Answer("far", 99.0, DELAY_SECONDS + 0.1)]) is None


@pytest.mark.parametrize(
    ("offset", "health"),
    [(0.0, Health.TRUE), (1.0, Health.TRUE), (-1.01, Health.OFF), (5.0, Health.OFF), (5.01, Health.WRONG), (-3600.0, Health.WRONG)],
)
def test_more_than_a_second_is_told_and_more_than_five_stop_sealing(offset, health):
    assert look_at(None, tick(0), said(offset), 3).health is health


def test_a_clock_that_was_set_is_believed_again_once_servers_say_so():
    before = look_at(None, tick(0), said(0), 3)
    stepped = look_at(before, tick(60, 30), (), 3)
    assert stepped.health is Health.STEPPED
    assert look_at(stepped, tick(9999, 30), (), 3).health is Health.STEPPED
    assert look_at(stepped, tick(120, 30), said(0.2), 3).health is Health.TRUE


def test_a_wrong_clock_stays_wrong_while_servers_are_silent():
    wrong = look_at(None, tick(0), said(7), 1)
    assert look_at(wrong, tick(60), (), 1).health is Health.WRONG


def test_without_servers_ten_even_minutes_make_a_clock_that_was_set_believed():
    before = look_at(None, tick(0), (), 0)
    found = [before.health]
    for steady in (60, 300, 659, 661):
        before = look_at(before, tick(steady, -40), (), 0)
        found.append(before.health)
    assert found == [Health.ALONE, Health.STEPPED, Health.STEPPED, Health.STEPPED, Health.ALONE]


def test_even_minutes_before_a_restart_of_the_machine_do_not_count():
    stepped = look_at(look_at(None, tick(0), (), 0), tick(60, 40), (), 0)
    assert look_at(stepped, tick(9000, boot="b"), (), 0).health is Health.STEPPED


def test_a_clock_that_went_back_over_a_restart_is_noticed_and_one_that_went_on_is_not():
    before = look_at(None, tick(5000), (), 0)
    assert look_at(before, tick(5, boot="b"), (), 0).health is Health.STEPPED
    assert look_at(before, tick(6000, boot="b"), (), 0).health is Health.ALONE


def test_a_step_between_two_looks_is_noticed_before_the_next_look():
    look = look_at(None, tick(0), said(0), 1)
    assert health_now(look, tick(30)) is Health.TRUE
    assert health_now(look, tick(30, 6)) is Health.STEPPED


def test_slow_correction_by_ntp_is_no_step():
    look = look_at(None, tick(0), (), 0)
    assert look_at(look, tick(3600, 1.8), (), 0).health is Health.ALONE


def test_the_word_of_an_entry_names_a_fresh_measure_only():
    look = Look(tick(0), Health.TRUE, 0.0123)
    assert [word_of(look, tick(steady), 100) for steady in (0, 100, 101)] == ["ntp +0.012", "ntp +0.012", "system"]
    assert word_of(Look(tick(0), Health.TRUE, -1.5), tick(1), 9) == "ntp -1.500"
    assert word_of(look, tick(1, 60), 100) == word_of(None, tick(1), 100) == "system"


# --- a station, and time servers on loopback ---


@pytest.fixture
def home(tmp_path: Path) -> Workstation:
    return atwork.open_home(tmp_path / "home")


def with_servers(workstation: Workstation, *servers: str) -> Workstation:
    settings = workstation.settings.model_copy(update={"time": Time(servers=list(servers))})
    return Workstation(settings, workstation.database, workstation.originals, workstation.archives)


def test_the_offset_is_measured_by_real_servers_and_stands_in_the_next_entries(home):
    with ExitStack() as stack:
        servers = [stack.enter_context(ntp_serving(offset)) for offset in (0.012, 0.012, 3600.0)]
        look = check_clock(with_servers(home, *servers))
    assert look.health is Health.TRUE and look.offset == pytest.approx(0.012, abs=0.05) and len(look.answers) == 3
    word = clock_word(home)
    assert word == f"ntp {look.offset:+.3f}"
    with home.database.writing() as session:
        append_event(session, Event("essai", "judged", {}, SYSTEM, home.clock(), "system", {}))
        assert [entry.entry for entry in written_entries(session, "essai")][-1].decode().count(f'"clock":"{word}"') == 1


def test_a_wrong_clock_seals_nothing_and_says_so(home):
    with ntp_serving(12.0) as server:
        check_clock(with_servers(home, server))
    with pytest.raises(ClockWrong) as told:
        require_clock(home)
    assert problem_of(told.value).code == "clock-wrong" and problem_of(told.value).retry is not None


def test_servers_that_nobody_has_asked_yet_are_asked_before_the_first_seal(home):
    with ntp_serving(12.0) as server, pytest.raises(ClockWrong):
        require_clock(with_servers(home, server))


@pytest.mark.parametrize("silent", [{"stratum": 0}, {"stratum": 16}, {"leap": 3}])
def test_a_server_without_time_of_its_own_says_nothing(silent):
    with ntp_serving(0.0, **silent) as server:
        assert ask_server(server) is None


def test_servers_that_do_not_answer_leave_an_even_clock_believed(home):
    look = check_clock(with_servers(home, "127.0.0.1:9"), ask=lambda _: None)
    assert look.health is Health.SILENT
    require_clock(home)


def test_a_clock_that_was_set_stops_sealing_until_a_person_confirms_it(home):
    with home.database.writing() as session:
        note_look(session, Look(replace_wall(tick_now(), -3600), Health.ALONE))
    with pytest.raises(ClockStepped):
        require_clock(home)
    confirm_clock(home, PRACTICE_LOGIN)
    require_clock(home)
    with home.database.reading() as session:
        assert session.scalar(sa.select(ClockCheck.actor).order_by(ClockCheck.id.desc()).limit(1))
        assert [entry for entry in written_entries(session, "essai") if b'"type":"clock"' in entry.entry]


def test_what_cannot_be_taken_back_waits_while_the_clock_is_in_doubt(home):
    turns = []
    turn = in_true_time(home, lambda: turns.append(1))
    turn()
    with home.database.writing() as session:
        now = tick_now()
        note_look(session, Look(replace(now, wall=now.wall - timedelta(days=10)), Health.ALONE))
    turn()
    assert turns == [1]
    confirm_clock(home, PRACTICE_LOGIN)
    turn()
    assert turns == [1, 1]


def test_restarting_the_machine_makes_no_clock_right(home):
    now = tick_now()
    with home.database.writing() as session:
        note_look(session, Look(Tick(now.wall - timedelta(days=1), 5e6, "before"), Health.WRONG, 99.0))
    with pytest.raises(ClockWrong):
        require_clock(home)


def test_a_clock_that_went_back_while_the_machine_was_off_is_not_believed_at_its_first_look(home):
    now = tick_now()
    with home.database.writing() as session:
        note_look(session, Look(Tick(now.wall + timedelta(hours=1), 5e6, "before"), Health.ALONE))
    with pytest.raises(ClockStepped):
        require_clock(home)


def test_a_person_does_not_overrule_servers_that_fell_silent_unless_the_clock_was_set_to_them(home):
    silent, now = with_servers(home, "127.0.0.1:9"), tick_now()
    with home.database.writing() as session:
        note_look(session, Look(now, Health.WRONG, 60.0, tuple(said(60.0))))
    with pytest.raises(ClockWrong):
        confirm_clock(silent, PRACTICE_LOGIN)
    with home.database.writing() as session:
        note_look(session, Look(replace_wall(now, -60), Health.WRONG, 60.0, tuple(said(60.0))))
        note_look(session, Look(now, Health.STEPPED))
    confirm_clock(silent, PRACTICE_LOGIN)


def replace_wall(now: Tick, seconds: float) -> Tick:
    return Tick(now.wall + timedelta(seconds=seconds), now.steady, now.boot)


def test_nobody_unknown_confirms_and_nobody_overrules_the_servers(home):
    with pytest.raises(NoPerson):
        confirm_clock(home, "personne")
    with ntp_serving(60.0) as server, pytest.raises(ClockWrong):
        confirm_clock(with_servers(home, server), PRACTICE_LOGIN)


def test_a_confirmation_frees_the_internal_authority_of_a_time_that_was_wrong(home):
    latest = latest_time(home.settings)
    latest.rise(lambda: home.clock() + timedelta(days=9))
    assert latest.rise(home.clock) is None
    confirm_clock(home, PRACTICE_LOGIN)
    assert latest.rise(home.clock) is not None


def test_the_clock_is_looked_at_when_its_time_has_come_or_when_it_was_set(home):
    now = tick_now()

    def at(seconds: float, ahead: float = 0.0):
        return lambda: Tick(now.wall + timedelta(seconds=seconds + ahead), now.steady + seconds, now.boot)

    found = [tend_clock(home, tick=at(*moment)) for moment in ((0,), (60,), (120, 30.0), (180, 30.0), (800, 30.0), (860, 30.0))]
    assert [look and look.health for look in found] == [Health.ALONE, None, Health.STEPPED, Health.STEPPED, Health.ALONE, None]


def test_an_entry_whose_clock_nobody_measured_says_system(home):
    with home.database.reading() as session:
        assert newest_look(session) is None and word_here(session) == "system"


def test_what_was_found_is_told_in_both_languages():
    look = Look(tick(0), Health.TRUE, 0.0123, tuple(said(0.0123)))
    assert clock_words(look) == "horloge à l'heure des serveurs (+0,012 s ; 1 serveur)"
    assert clock_words(look, "en") == "the clock is right by the servers (+0.012 s; 1 server)"
    assert clock_words(Look(tick(0), Health.ALONE)) == "pas de serveur d'heure ; l'horloge marche régulièrement"
