"""Paper goes only by a slip of two people, for a lot that passed and waited; what must stay stays, and nothing goes by itself."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from controlled import House, sha
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Channel, Organisation
from sealing.ticks import Health, Look
from sealing.verify import verify_file
from station import controls, custody
from station.acts import NotOffered
from station.custody import NoSlip, Visa, VisaMissing
from station.erasure import SamePerson
from station.holds import place_hold
from station.keyring import known_roots
from station.records.clock import note_look, tick_now
from station.records.ledger import verify_ledger
from station.records.tables import ControlLot, DestructionSlip, Document, LedgerPayload, State
from station.timekeeping import ClockWrong
from workflow.custody import PAPER_SURVIVES, REASONS, PaperFacts, quarantine_end, why_kept

WHY = "Copies contrôlées, place nécessaire"
FREE = PaperFacts(
    "invoice", sealed=True, same_file=True, conform=True, paper_stays=False, held=False, dossier=True, signature_missing=False, listed=False
)


@pytest.fixture
def house(tmp_path: Path, practice_keys: Path) -> Iterator[House]:
    house = House(tmp_path / "home", practice_keys)
    yield house
    house.close()


def waited(house: House, count: int = 2, **changes: object) -> int:
    lot = house.passed_lot(count, **changes)
    house.later(days=house.settings.organisation.quarantine_days)
    return lot


def prepare(house: House, lot: int) -> int:
    with house.writing() as session:
        return custody.prepare_slip(session, house.settings, controls.find_lot(session, house.entity, lot), house.clerk, house.at).id


def slip_of(house: House, number: int) -> DestructionSlip:
    with house.reading() as session:
        return custody.find_slip(session, house.entity, number)


def standing(house: House, lot: int) -> str:
    with house.reading() as session:
        return custody.paper_lot(session, house.settings, house.lot(lot), house.at.date()).standing


def sorted_papers(house: House, lot: int) -> tuple[list[str], dict[str, str]]:
    with house.reading() as session:
        going, kept = custody.sort_papers(session, house.settings, house.lot(lot), house.at.date())
    return going, dict(kept)


def change(house: House, document: str, **columns: object) -> None:
    with house.writing() as session:
        session.query(Document).filter_by(id=document).update(columns)


# --- what may go ---


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"listed": True}, "listed"),
        ({"sealed": False}, "state"),
        ({"held": True}, "hold"),
        ({"kind": "contract"}, "kind"),
        ({"kind": "cheque"}, "kind"),
        ({"paper_stays": True}, "paper-stays"),
        ({"conform": False}, "verdict"),
        ({"same_file": False}, "corrected"),
        ({"dossier": False}, "dossier"),
        ({"signature_missing": True}, "signature"),
    ],
)
def test_a_paper_stays_for_each_reason(changed, reason):
    assert why_kept(FREE) is None
    assert why_kept(replace(FREE, **changed)) == reason


@given(st.builds(PaperFacts, kind=st.sampled_from(["invoice", "contract", "cheque", "letter"])))
def test_a_paper_goes_only_where_nothing_keeps_it(facts):
    keeps = (
        facts.held
        or facts.paper_stays
        or facts.listed
        or facts.signature_missing
        or facts.kind in PAPER_SURVIVES
        or not (facts.sealed and facts.same_file and facts.conform and facts.dossier)
    )
    assert (why_kept(facts) is not None) == keeps


def test_a_lot_waits_until_its_last_day_of_quarantine(house):
    lot = house.passed_lot()
    assert standing(house, lot) == "quarantine"
    with pytest.raises(NotOffered):
        prepare(house, lot)
    house.later(days=182)
    assert standing(house, lot) == "quarantine"
    house.later(days=1)
    assert standing(house, lot) == "free"
    assert quarantine_end(date(2026, 1, 1), 183) == date(2026, 7, 3)


def test_a_lot_that_failed_or_is_not_looked_at_gives_no_slip(house):
    house.seal_many(2)
    house.later(days=1)
    house.checkpoint()
    lot = house.form()
    house.later(days=400)
    assert standing(house, lot) == "control"
    with pytest.raises(NotOffered):
        prepare(house, lot)
    house.look(lot, faults=[0])
    assert standing(house, lot) == "failed"
    with pytest.raises(NotOffered):
        prepare(house, lot)


def test_a_slip_leaves_out_what_must_stay(house):
    going = house.seal()
    contract, stays, review = house.seal(document_type="contract"), house.seal(paper_stays=True), house.seal(verdict="review")
    undocumented, delivery = house.seal(payload={}), house.seal(document_type="delivery")
    house.later(days=1)
    house.checkpoint()
    lot = house.form("6.5")
    house.look(lot)
    assert sorted_papers(house, lot) == (
        [going],
        {contract: "kind", stays: "paper-stays", review: "verdict", undocumented: "dossier", delivery: "signature"},
    )


def test_a_signed_or_renewed_file_is_the_same_copy_and_a_corrected_one_is_not(house):
    lot = house.passed_lot(2)
    renewed, corrected = sorted_papers(house, lot)[0]
    with house.writing() as session:
        first = session.get_one(Document, renewed).archives[0].sha256
        house.add_file(session, renewed, 2, extends=first)
        house.add_file(session, corrected, 2)
    assert sorted_papers(house, lot) == ([renewed], {corrected: "corrected"})


def test_a_lot_of_which_every_paper_stays_gives_no_slip(house):
    with pytest.raises(NotOffered):
        prepare(house, waited(house, 1, document_type="contract"))


# --- the slip ---


def test_two_people_let_the_paper_go_and_the_sealed_slip_says_what(house):
    lot = waited(house, 2, box="BOITE-7")
    number = prepare(house, lot)
    slip = custody.sign_slip(house.workstation, number, WHY, house.officer)
    path = house.workstation.archives.path(slip.sha256, ".pdf")
    assert verify_file(path, known_roots(house.settings)).valid
    told = re.sub(r"\s+", " ", subprocess.run(["pdftotext", str(path), "-"], capture_output=True, text=True, check=True).stdout)
    assert "BOITE-7" in told and WHY in told and "facture-1.png" in told
    assert "ESSAI, sans valeur probante : ne détruisez aucun papier sur ce bordereau" in told
    with pikepdf.open(path) as pdf:
        inside = json.loads(pdf.attachments["bordereau.json"].get_file().read_bytes())
    assert [each["document"] for each in inside["going"]] == slip.documents
    assert standing(house, lot) == "slip"


def test_whoever_prepared_the_slip_cannot_sign_it(house):
    number = prepare(house, waited(house))
    with pytest.raises(SamePerson):
        custody.sign_slip(house.workstation, number, WHY, house.clerk)
    assert slip_of(house, number).sha256 is None


def test_a_signature_needs_its_reason(house):
    number = prepare(house, waited(house))
    with pytest.raises(ValueError, match="reason"):
        custody.sign_slip(house.workstation, number, " ", house.officer)


def test_a_paper_that_came_to_stay_stops_the_slip_before_and_after_its_signature(house):
    number = prepare(house, waited(house))
    document = slip_of(house, number).documents[0]
    change(house, document, paper_stays=True)
    with pytest.raises(NotOffered):
        custody.sign_slip(house.workstation, number, WHY, house.officer)
    change(house, document, paper_stays=False)
    custody.sign_slip(house.workstation, number, WHY, house.officer)
    change(house, document, paper_stays=True)
    with house.writing() as session, pytest.raises(NotOffered):
        custody.note_destroyed(session, house.settings, number, "broyage", house.officer, house.at)


def test_no_slip_is_sealed_while_the_clock_is_known_to_be_wrong(house):
    number = prepare(house, waited(house))
    with house.writing() as session:
        note_look(session, Look(tick_now(house.workstation.clock), Health.WRONG, offset=99.0))
    with pytest.raises(ClockWrong):
        custody.sign_slip(house.workstation, number, WHY, house.officer)
    assert slip_of(house, number).sha256 is None


def test_a_slip_that_a_hold_stops_at_the_last_moment_leaves_no_file(house, monkeypatch):
    number, keep = prepare(house, waited(house)), custody.keep_paper

    def keep_late(*told: Any) -> Any:
        kept = keep(*told)
        change(house, slip_of(house, number).documents[0], paper_stays=True)
        return kept

    monkeypatch.setattr(custody, "keep_paper", keep_late)
    with pytest.raises(NotOffered):
        custody.sign_slip(house.workstation, number, WHY, house.officer)
    assert list((house.workstation.home / "archive").rglob("*.pdf")) == []


def test_a_signature_on_an_older_version_is_none_on_the_corrected_one(house):
    document = house.seal(document_type="delivery")
    with house.writing() as session:
        first = session.get_one(Document, document).archives[0].sha256
        house.add_file(session, document, 2, extends=first, officer="p-1")
        house.add_file(session, document, 3)
    house.later(days=1)
    house.checkpoint()
    lot = house.form()
    house.look(lot)
    assert sorted_papers(house, lot) == ([], {document: "signature"})


def test_a_dossier_that_was_named_later_covers_nothing_sealed_before(house):
    lot = waited(house, 1, payload={})
    named = house.settings.organisation.model_copy(update={"dossier": "DOS-9"})
    with house.reading() as session:
        settings = house.settings.model_copy(update={"organisation": named})
        _, kept = custody.sort_papers(session, settings, house.lot(lot), house.at.date())
    assert [reason for _, reason in kept] == ["dossier"]
    named_then = waited(house, 1, payload={"dossier_named": "DOS-9"})
    assert len(sorted_papers(house, named_then)[0]) == 1


def test_nothing_is_destroyed_on_an_unsigned_slip(house):
    number = prepare(house, waited(house))
    with house.writing() as session, pytest.raises(NoSlip):
        custody.note_destroyed(session, house.settings, number, "broyage", house.officer, house.at)


def test_a_slip_can_be_taken_back_until_the_paper_is_gone(house):
    lot = waited(house)
    number = prepare(house, lot)
    custody.sign_slip(house.workstation, number, WHY, house.officer)
    with house.writing() as session:
        custody.withdraw_slip(session, number, "litige possible", house.clerk, house.at)
    assert standing(house, lot) == "free"
    number = prepare(house, lot)
    custody.sign_slip(house.workstation, number, WHY, house.officer)
    with house.writing() as session:
        custody.note_destroyed(session, house.settings, number, "broyage DIN 66399 P-4", house.officer, house.at)
    with house.writing() as session, pytest.raises(NoSlip):
        custody.withdraw_slip(session, number, "trop tard", house.clerk, house.at)
    assert standing(house, lot) == "destroyed"


def test_every_act_is_in_the_ledger_and_the_ledger_holds(house):
    lot = waited(house)
    with house.writing() as session:
        custody.place_lot(session, session.get_one(ControlLot, lot), "B-1", "Cave", house.clerk, house.at)
    number = prepare(house, lot)
    custody.sign_slip(house.workstation, number, WHY, house.officer)
    with house.writing() as session:
        custody.note_destroyed(session, house.settings, number, "broyage", house.officer, house.at)
    with house.reading() as session:
        verify_ledger(session)
        rows = session.query(LedgerPayload).filter_by(type="custody").order_by(LedgerPayload.sequence)
        assert [json.loads(row.body)["act"] for row in rows] == ["placed", "slip prepared", "slip signed", "destroyed"]


def test_each_documents_paper_has_its_fate(house):
    lone = house.seal()
    lot = waited(house)
    document = next(each for each in sorted_papers(house, lot)[0] if each != lone)
    stays = house.seal()

    def fate(name: str) -> str:
        with house.reading() as session:
            return custody.fate_of(session, session.get_one(Document, name), house.settings, house.at.date())

    assert (fate(document), fate(stays)) == ("free", "unsampled")
    change(house, lone, paper_stays=True)
    custody.sign_slip(house.workstation, prepare(house, lot), WHY, house.officer)
    assert (fate(document), fate(lone)) == ("slip", "kept")


def test_nothing_goes_by_itself(house):
    lot = waited(house)
    house.later(days=4000)
    with house.reading() as session:
        controls.overdue_controls(session, house.entity, house.at.date())
        custody.paper_lots(session, house.settings, house.at.date())
        assert session.query(DestructionSlip).count() == 0
    assert standing(house, lot) == "free"


# --- public bodies ---


@pytest.fixture
def town(tmp_path: Path, practice_keys: Path) -> Iterator[House]:
    house = House(tmp_path / "town", practice_keys, channel=Channel(public=True), organisation=Organisation(quarantine_days=30))
    yield house
    house.close()


def test_a_public_body_needs_a_visa_with_number_day_and_scan(town):
    number = prepare(town, waited(town))
    day, scan, held = town.at.date(), town.seal(document_type="letter"), town.seal(state=State.HELD)
    for visa in (None, Visa(" ", day, scan), Visa("2027-12", day, ""), Visa("2027-12", day, held)):
        with pytest.raises(VisaMissing):
            custody.sign_slip(town.workstation, number, WHY, town.officer, visa)
    slip = custody.sign_slip(town.workstation, number, WHY, town.officer, Visa("2027-12", day - timedelta(days=3), scan))
    assert (slip.visa, slip.visa_day) == ("2027-12", (day - timedelta(days=3)).isoformat())
    assert slip.visa_sha256 == sha("archive", scan)


def test_every_reason_has_its_words_in_both_languages():
    assert all(french and english and french != english for french, english in REASONS.values())


def test_a_legal_hold_keeps_the_paper(house):
    lot = waited(house)
    first, second = sorted_papers(house, lot)[0]
    with house.writing() as session:
        place_hold(session, house.entity, "document", first, "litige", (house.at.date(), None), house.officer, house.at)
    assert sorted_papers(house, lot) == ([second], {first: "hold"})
