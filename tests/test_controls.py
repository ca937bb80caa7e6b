"""The plan of controls has versions, lots are drawn so that nobody can choose, each result is in the ledger, and what is late is told."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from controlled import BAD, GOOD, NOBODY, House

from sealing.checkpoint import checkpoint_text, sign_note
from sealing.ledger import Event
from station import controls
from station.acts import NotOffered, actor_of
from station.checkpoints import checkpoint_now
from station.records.intake import SYSTEM
from station.records.ledger import append_event, story_of, verify_ledger
from station.records.tables import CheckpointRow, Document, FixityRun, LedgerPayload, PageRow, State, StorageNotice
from workflow.controls import CODES, PLAN, Control, in_force, overdue_on, plan_with
from workflow.sampling import Severity

FAR = timedelta(days=400)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "home")
    yield house
    house.close()


def entries(house: House) -> list[dict]:
    with house.reading() as session:
        rows = session.query(LedgerPayload).filter_by(type="control").order_by(LedgerPayload.sequence)
        return [json.loads(row.body) for row in rows]


# --- the plan ---


def test_the_shipped_plan_names_why_who_when_and_how():
    assert len(CODES) == len(PLAN) == 7
    assert all(each.purpose and each.owner and each.every_days and each.procedure and each.english for each in PLAN)


def test_a_change_is_a_further_version_and_the_first_ends(house):
    with house.writing() as session:
        controls.change_control(session, house.entity, "clock", ("DSI", 7, "Lire l’écart."), "certificat", house.clerk, house.at)
    with house.reading() as session:
        first, second = (each for each in controls.control_catalogue(session, house.entity) if each.code == "clock")
    assert (first.version, first.until, second.version, second.until) == (1, house.at.date(), 2, None)
    assert (second.owner, second.every_days) == ("DSI", 7)
    assert entries(house)[0]["act"] == "plan"


def test_another_entity_keeps_the_shipped_plan(house):
    with house.writing() as session:
        controls.change_control(session, house.entity, "clock", ("DSI", 7, "x"), "y", house.clerk, house.at)
        assert {each.version for each in in_force(controls.control_catalogue(session, "autre"))} == {1}


@pytest.mark.parametrize("change", [("", 7, "x"), ("DSI", -1, "x"), ("DSI", 7, " ")])
def test_a_change_without_owner_days_or_procedure_is_refused(house, change):
    with house.writing() as session, pytest.raises(ValueError):
        controls.change_control(session, house.entity, "clock", change, "y", house.clerk, house.at)


def test_a_plan_orders_versions_whatever_order_they_come_in():
    changes = [Control("clock", "h", "c", "", "b", 1, "", version, date(2026, 12, version)) for version in (3, 2)]
    assert [(each.version, each.until) for each in plan_with(changes) if each.code == "clock"] == [
        (1, date(2026, 12, 2)),
        (2, date(2026, 12, 3)),
        (3, None),
    ]


# --- lots and the draw ---


def test_a_day_becomes_a_lot_once_it_is_over(house):
    house.seal_many(3, 2)
    assert house.ready() == ()
    house.later(days=1)
    (ready,) = house.ready()
    assert (ready.station, ready.pages, len(ready.documents), ready.covered) == ("demo", 6, 3, False)


def test_only_sealed_papers_that_anybody_may_see_are_in_a_lot(house):
    kept = house.seal()
    house.seal(source="electronic")
    house.seal(source="print")
    house.seal(confidential=True)
    house.seal(document_type="passport")
    house.seal(state=State.SET_ASIDE)
    house.later(days=1)
    assert [ready.documents for ready in house.ready()] == [(kept,)]


def test_each_station_has_its_lot(house):
    house.seal()
    house.seal(station="annexe")
    house.later(days=1)
    assert [ready.station for ready in house.ready()] == ["annexe", "demo"]


def test_no_page_is_drawn_before_a_checkpoint_covers_the_lot(house):
    house.checkpoint("before")
    house.seal()
    house.later(days=1)
    with pytest.raises(controls.NoCheckpoint):
        house.form()


def test_the_first_checkpoint_after_the_lot_seeds_it_whatever_came_later(house):
    house.seal_many(100)
    house.later(days=1)
    text = house.checkpoint("first")
    with house.writing() as session:
        controls.note_result(session, house.entity, "clock", "pass", SYSTEM, house.at)
    house.checkpoint("second")
    lot = house.lot(house.form())
    assert lot.seed == hashlib.sha256(text.encode()).hexdigest()
    assert len(lot.sample) == lot.plan["size"] == 13
    with house.reading() as session:
        assert controls.redraw(session, lot)


def test_a_checkpoint_of_the_day_itself_seeds_nothing(house):
    house.seal_many(3)
    house.checkpoint("early")
    house.later(days=1)
    assert [ready.covered for ready in house.ready()] == [False]
    text = house.checkpoint("late")
    assert house.lot(house.form()).seed == hashlib.sha256(text.encode()).hexdigest()


def test_sealing_a_document_again_moves_no_seed(house):
    (name, *_) = house.seal_many(3)
    house.later(days=1)
    house.checkpoint("first")
    with house.writing() as session:
        house.add_file(session, name, 2)
        objects = {"document": name, "archive": "e" * 64}
        append_event(session, Event(house.entity, "sealed", objects, SYSTEM, house.at, "system", {"kind": "invoice"}))
    house.checkpoint("second")
    assert house.lot(house.form()).checkpoint == 3


def test_the_station_forms_each_lot_by_itself_once_its_checkpoint_has_come(house):
    ids = house.seal_many(3)
    house.later(days=1)
    assert controls.tend_lots(house.workstation) == 0
    house.checkpoint()
    assert (controls.tend_lots(house.workstation), controls.tend_lots(house.workstation)) == (1, 0)
    with house.reading() as session:
        assert controls.documents_of(session, 1) == sorted(ids)
    assert house.lot(1).drawn_by == SYSTEM.pseudonym
    with house.writing() as session:
        session.get_one(Document, ids[0]).confidential = True
    assert any(item.startswith(ids[0]) for item in house.lot(1).sample)


def test_a_real_checkpoint_seeds_a_draw_that_can_be_repeated_from_its_note(tmp_path, practice_keys):
    house = House(tmp_path / "home", practice_keys)
    try:
        house.seal_many(20)
        house.later(days=1)
        note = checkpoint_now(house.workstation, house.entity).note
        lot = house.lot(house.form())
        assert lot.seed == hashlib.sha256((note.split("\n\n")[0] + "\n").encode()).hexdigest()
    finally:
        house.close()


def test_a_page_changed_since_shows_in_the_redraw(house):
    house.seal_many(3)
    house.later(days=1)
    house.checkpoint()
    lot = house.form()
    with house.writing() as session:
        session.query(PageRow).filter_by(document_id=house.lot(lot).sample[0].split(":")[0]).update({"superseded": 1})
    with house.reading() as session:
        assert not controls.redraw(session, house.lot(lot))


def test_the_draw_is_in_the_ledger_before_anybody_looks(house):
    house.seal_many(3)
    house.later(days=1)
    house.checkpoint()
    lot = house.lot(house.form())
    assert entries(house)[-1]["sample"] == lot.sample
    assert house.ready() == ()


def test_the_same_result_sent_twice_is_noted_once_and_later_again(house):
    for seconds in (0, 5, 90):
        house.later(seconds=seconds)
        with house.writing() as session:
            controls.note_result(session, house.entity, "access", "pass", actor_of(house.clerk), house.at, "rien à dire")
    with house.writing() as session:
        controls.note_result(session, house.entity, "access", "void", actor_of(house.clerk), house.at, "rien à dire")
    assert [each["outcome"] for each in entries(house)] == ["pass", "pass", "void"]


def test_a_control_never_carried_out_is_told_until_it_is(house):
    with house.reading() as session:
        assert controls.never_done(session, house.entity, house.at.date()) == ()
    house.seal()
    with house.writing() as session:
        assert "access" in {each.code for each in controls.never_done(session, house.entity, house.at.date())}
        controls.note_result(session, house.entity, "access", "pass", actor_of(house.clerk), house.at)
        assert "access" not in {each.code for each in controls.never_done(session, house.entity, house.at.date())}


def test_a_checkpoint_of_a_branch_that_was_given_up_seeds_no_lot(house):
    house.seal()
    house.later(days=1)
    with house.writing() as session:
        note = sign_note(checkpoint_text("sceau", 1, bytes(32), house.at), "nobody", NOBODY)
        session.add(CheckpointRow(entity=house.entity, size=1, note=note, token=None, made_at=house.at))
    assert [each.covered for each in house.ready()] == [False]
    house.checkpoint()
    assert [each.covered for each in house.ready()] == [True]


# --- results ---


def test_a_lot_whose_pages_are_all_good_passes(house):
    lot = house.passed_lot()
    assert house.lot(lot).outcome == "pass"
    assert [each["act"] for each in entries(house)] == ["drawn", "result", "result", "result", "lot closed"]


def test_each_result_is_in_its_documents_trail_with_the_three_answers(house):
    lot = house.lot(house.passed_lot())
    document, page = lot.sample[0].split(":")
    with house.reading() as session:
        told = [payload for _, kind, _, payload in story_of(session, document) if kind == "control"]
        verify_ledger(session)
    assert [(each["page"], each["answers"], each["outcome"]) for each in told] == [(int(page), GOOD, "pass")]


def test_a_fault_needs_its_words_and_every_question_its_answer(house):
    house.seal()
    house.later(days=1)
    house.checkpoint()
    lot = house.form()
    with house.writing() as session:
        row = controls.find_lot(session, house.entity, lot)
        for answers, note in ((BAD, " "), ({"identical": True}, "x")):
            with pytest.raises(ValueError):
                controls.note_page(session, row, row.sample[0], answers, note, house.clerk, house.at)


def test_a_page_that_was_not_drawn_or_is_answered_is_refused(house):
    lot = house.passed_lot()
    with house.writing() as session:
        row = controls.find_lot(session, house.entity, lot)
        for item in ("f" * 32 + ":1", row.sample[0]):
            with pytest.raises(NotOffered):
                controls.note_page(session, row, item, GOOD, "", house.clerk, house.at)


def failed_lot(house: House) -> int:
    house.seal_many(3)
    house.later(days=1)
    house.checkpoint()
    lot = house.form()
    assert house.look(lot, faults=[0]) == "fail"
    return lot


def test_a_failed_lot_asks_for_an_action_and_is_submitted_anew_when_it_is_done(house):
    lot = failed_lot(house)
    with house.writing() as session:
        (failure,) = controls.unanswered_failures(session, house.entity)
        assert [each.kind for each in controls.overdue_controls(session, house.entity, house.at.date())] == ["lot"]
        task = ("Régler le guide papier", "atelier", house.at.date() + timedelta(days=5))
        action = controls.open_action(session, failure, task, house.clerk, house.at)
        assert controls.unanswered_failures(session, house.entity) == []
        assert controls.ready_lots(session, house.entity, house.at.date()) == ()
        controls.finish_action(session, action.id, "Guide réglé, passeport refait", house.clerk, house.at)
    (ready,) = house.ready()
    assert (ready.again.id, ready.covered) == (lot, False)
    house.checkpoint()
    again = house.lot(house.form())
    assert again.name == f"{house.lot(lot).name}/2"
    assert again.seed != house.lot(lot).seed
    assert house.look(again.id) == "pass"
    assert house.ready() == ()


def test_two_failed_lots_tighten_the_next(house):
    for _ in range(2):
        failed_lot(house)
        house.later(days=1)
    with house.reading() as session:
        assert [passed for _, passed in controls.outcomes_of(session, house.entity, "demo")] == [False, False]
    house.seal_many(3)
    house.later(days=1)
    house.checkpoint()
    assert house.lot(house.form()).plan["severity"] == Severity.TIGHTENED


def test_an_action_in_the_past_or_without_an_owner_is_refused(house):
    failed_lot(house)
    with house.writing() as session:
        (failure,) = controls.unanswered_failures(session, house.entity)
        for task in (("x", "", house.at.date()), ("", "y", house.at.date()), ("x", "y", house.at.date() - timedelta(days=1))):
            with pytest.raises(ValueError):
                controls.open_action(session, failure, task, house.clerk, house.at)


def test_results_of_a_period_are_those_of_its_days(house):
    for _ in range(3):
        with house.writing() as session:
            controls.note_result(session, house.entity, "clock", "pass", SYSTEM, house.at)
        house.later(days=1)
    first = house.at.date() - timedelta(days=3)
    with house.reading() as session:
        assert len(controls.control_results(session, house.entity, first, first)) == 1
        assert len(controls.control_results(session, house.entity, first, first + timedelta(days=2))) == 3
        assert controls.control_results(session, "autre", first, first + FAR) == []


# --- alerts ---


def test_nothing_is_late_where_nothing_ever_came(house):
    with house.reading() as session:
        assert controls.overdue_controls(session, house.entity, house.at.date() + FAR) == ()


def test_a_control_is_late_the_day_after_its_time(house):
    house.seal()
    with house.writing() as session:
        controls.note_result(session, house.entity, "clock", "fail", SYSTEM, house.at, "dérive")
    with house.reading() as session:

        def late(days: int) -> set[str]:
            return {each.code for each in controls.overdue_controls(session, house.entity, house.at.date() + timedelta(days=days))}

        assert "clock" not in late(31)
        assert "clock" in late(32)
        assert "restore" not in late(92)
        assert "restore" in late(93)


def test_a_control_that_could_not_be_carried_out_was_not_done():
    assert overdue_on(PLAN, {}, date(2026, 1, 1), date(2026, 1, 31)) == ()
    assert {each.code for each in overdue_on(PLAN, {}, date(2026, 1, 1), date(2026, 2, 2))} >= {"clock", "fixity"}
    assert overdue_on([PLAN[0]], {"passport": date(2026, 2, 1)}, date(2026, 1, 1), date(2026, 2, 2)) == ()


def test_what_the_station_does_itself_counts_as_done(house):
    house.seal()
    later = house.at + timedelta(days=60)
    with house.writing() as session:
        session.add(FixityRun(trigger="schedule", started_at=later, ended_at=later, counts={}))
    with house.reading() as session:
        late = {each.code for each in controls.overdue_controls(session, house.entity, later.date())}
    assert "fixity" not in late
    assert "clock" in late


def test_sampling_is_late_only_where_papers_wait_for_it(house):
    house.passed_lot()
    day = house.at.date() + FAR
    with house.reading() as session:
        assert "sampling" not in {each.code for each in controls.overdue_controls(session, house.entity, day)}
    house.seal()
    with house.reading() as session:
        assert "sampling" in {each.code for each in controls.overdue_controls(session, house.entity, day)}


def test_a_late_action_and_an_undeclared_place_are_told(house):
    failed_lot(house)
    with house.writing() as session:
        (failure,) = controls.unanswered_failures(session, house.entity)
        controls.open_action(session, failure, ("Régler", "atelier", house.at.date()), house.clerk, house.at)
        session.add(StorageNotice(entity=house.entity, places=[], noticed_at=house.at, due=house.at.date().isoformat()))
    with house.reading() as session:
        told = controls.overdue_controls(session, house.entity, house.at.date() + timedelta(days=1))
    assert [each.kind for each in told] == ["action", "storage"]
