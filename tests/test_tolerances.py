"""Missing colours are accepted by a person's word only, where and as long as it says; what was captured decides what is a copy."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import atwork
import papers
import pikepdf
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from capture.catalogue import finding
from capture.findings import Finding, Level
from config.settings import Station
from conformity.circumstances import Source
from conformity.policy import Policy
from station import acts
from station.acts import profile_of, source_of
from station.records import documents, intake
from station.records.intake import Incoming
from station.records.tables import Document, LedgerPayload, State, Tolerance
from station.sources import BY_STATION, can_say, say_source, source_at
from station.tolerances import (
    NoTolerance,
    declare_tolerance,
    list_tolerances,
    revoke_tolerance,
    supplier_key,
    tolerated,
    weigh_document,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALWAYS = (date(2026, 1, 1), None)
GREY = finding("grey-image", page=1, measured="png")
REASON = "logo seul en couleur"


@pytest.fixture
def home(tmp_path):
    return atwork.open_home(tmp_path)


@pytest.fixture
def session(home):
    with home.database.writing() as session:
        yield session


def received(
    session, number: int = 1, *found: Finding, station: str = "demo", entity: str = "essai", supplier: str | None = None
) -> Document:
    """A document as it came in; with findings, judged and held for them."""
    sha256 = f"{number:064x}"
    incoming = Incoming(entity, station, "atelier", "invoice", "a102-b2", f"{number}.png", number, 1, 10, sha256, NOON, f"{number:032x}")
    document = documents.get_document(session, intake.receive(session, replace(incoming, supplier=supplier)).document_id)
    if found:
        documents.replace_findings(session, document.id, found)
        documents.move_document(document, State.HELD, NOON)
        session.flush()
        session.refresh(document)
    return document


def declare(session, scope: str = "station", value: str = "demo", days=ALWAYS, reason: str = REASON) -> Tolerance:
    return declare_tolerance(session, "essai", scope, value, reason, days, atwork.somebody(session), NOON)


def told(session, kind: str) -> list[dict]:
    rows = session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == kind).order_by(LedgerPayload.sequence))
    return [json.loads(row.body) for row in rows]


# --- which documents a decision covers ---


@pytest.mark.parametrize(
    ("scope", "value", "covered"),
    [
        ("station", "demo", True),
        ("station", "other", False),
        ("batch", f"{1:032x}", True),
        ("batch", f"{2:032x}", False),
        ("supplier", "imprimerie des QUAIS", True),
        ("supplier", "Imprimerie", False),
    ],
)
def test_a_tolerance_covers_its_own_batch_station_or_supplier_and_no_other(session, scope, value, covered):
    document = received(session, supplier="Imprimerie des Quais")
    declare(session, scope, value)
    assert (tolerated(session, document) is not None) == covered


def test_a_supplier_that_nobody_named_has_no_tolerance(session):
    document = received(session)
    declare(session, "supplier", "Imprimerie des Quais")
    assert tolerated(session, document) is None


@pytest.mark.parametrize(("first", "last", "covered"), [(0, 0, True), (-5, None, True), (1, None, False), (-5, -1, False)])
def test_a_tolerance_covers_arrivals_from_its_first_to_its_last_day(session, first, last, covered):
    day = NOON.date()
    declare(session, days=(day + timedelta(first), None if last is None else day + timedelta(last)))
    assert (tolerated(session, received(session)) is not None) == covered


def test_another_company_s_tolerance_covers_nothing_here(session):
    declare(session)
    assert tolerated(session, received(session, entity="autre")) is None


def test_of_two_that_cover_a_document_the_narrower_is_named(session):
    document = received(session, supplier="Imprimerie des Quais")
    declare(session)
    narrow = declare(session, "supplier", "Imprimerie des Quais")
    declare(session)
    assert tolerated(session, document) is narrow


@pytest.mark.parametrize("name", ["732 829 320", "73282932000074", "732829320"])
def test_a_siren_and_its_siret_are_one_supplier(name):
    assert supplier_key(name) == "732829320"


@given(st.text())
def test_blanks_and_capitals_make_no_other_supplier(name):
    assert supplier_key(f" {name.upper().lower()} ") == supplier_key(name.upper())


# --- decisions ---


def test_a_decision_and_its_end_stand_in_the_ledger_with_author_and_reason(session):
    tolerance = declare(session)
    revoke_tolerance(session, tolerance.id, "le fournisseur tamponne en rouge", atwork.somebody(session), NOON)
    assert [(entry["act"], entry["reason"]) for entry in told(session, "tolerance")] == [
        ("declared", REASON),
        ("revoked", "le fournisseur tamponne en rouge"),
    ]
    assert tolerance.actor == atwork.somebody(session).pseudonym
    assert tolerated(session, received(session)) is None
    assert list_tolerances(session, "essai") == [tolerance]


@pytest.mark.parametrize(
    ("scope", "value", "reason", "days"),
    [
        ("station", "demo", " ", ALWAYS),
        ("station", "", REASON, ALWAYS),
        ("world", "demo", REASON, ALWAYS),
        ("station", "demo", REASON, (date(2026, 2, 1), date(2026, 1, 1))),
    ],
)
def test_a_decision_without_reason_scope_or_sensible_days_is_none(session, scope, value, reason, days):
    with pytest.raises(ValueError, match="scope"):
        declare(session, scope, value, days, reason)


def test_what_is_ended_cannot_be_ended_again(session):
    tolerance = declare(session)
    revoke_tolerance(session, tolerance.id, REASON, atwork.somebody(session), NOON)
    for number in (tolerance.id, 99):
        with pytest.raises(NoTolerance):
            revoke_tolerance(session, number, REASON, atwork.somebody(session), NOON)


def test_documents_that_only_their_colours_hold_are_judged_again(session):
    grey = received(session, 1, GREY)
    spoilt = received(session, 2, GREY, finding("lossy-compression", page=1))
    elsewhere = received(session, 3, GREY, station="other")
    declare(session)
    assert [document.state for document in (grey, spoilt, elsewhere)] == [State.RECEIVED, State.HELD, State.HELD]
    assert told(session, "tolerance")[0]["judged_again"] == [grey.id]
    assert grey.attempt == 2


# --- how findings then weigh ---


def test_a_document_notes_the_policy_that_judged_it_and_the_decision_that_covers_it(session):
    document, tolerance = received(session), declare(session)
    found = weigh_document(session, document, Policy(), [GREY])
    assert {each.level for each in found} == {Level.INFO}
    assert document.tolerance_id == tolerance.id
    assert document.policy == Policy().as_json()


def test_a_colour_page_needs_no_tolerance_and_names_none(session):
    document = received(session)
    declare(session)
    assert weigh_document(session, document, Policy(), []) == ()
    assert document.tolerance_id is None


def test_a_policy_that_accepts_grey_is_named_where_no_person_decided(session):
    document = received(session)
    found = weigh_document(session, document, Policy(name="guichet", grey="accept", grey_reason="reçus sans couleur"), [GREY])
    assert {each.limit for each in found} == {"politique guichet, version 1"}
    assert document.tolerance_id is None


@pytest.mark.parametrize(("codes", "stays"), [(["electronic-document"], True), (["electronic-document", "active-content"], False)])
def test_a_native_file_stays_the_original_unless_something_endangers_it(session, codes, stays):
    document = received(session)
    document.source = Source.ELECTRONIC
    weigh_document(session, document, Policy(), [finding(code) for code in codes])
    assert document.paper_stays is stays


# --- what was captured ---


def test_every_setting_of_a_station_is_a_source():
    assert set(BY_STATION) == set(Station.model_fields["source"].annotation.__args__)


@pytest.mark.parametrize(
    ("settings", "source"), [({}, Source.ELECTRONIC), ({"source": "paper"}, Source.PAPER), ({"kind": "folder"}, Source.PAPER)]
)
def test_what_comes_to_a_mailbox_is_electronic_unless_its_setting_says_otherwise(settings, source):
    station = Station(**{"name": "courriel", "kind": "mailbox", "host": "mail.example", "user": "factures"} | settings)
    assert source_at(station) is source


def test_saying_the_source_sends_the_document_back_and_enters_the_ledger(session):
    document = received(session, 1, GREY)
    document.paper_stays = True
    say_source(session, document.id, Source.PRINT, "Quais", "le fournisseur envoie des PDF", atwork.somebody(session), NOON)
    assert (document.source, document.supplier, document.state, document.paper_stays) == ("print", "Quais", State.RECEIVED, False)
    assert told(session, "source") == [
        {"before": "paper", "reason": "le fournisseur envoie des PDF", "source": "print", "supplier": "Quais", "paper_stays": False}
    ]


@pytest.mark.parametrize("code", ["electronic-document", "signed-document"])
def test_a_drawn_or_signed_file_is_electronic_wherever_nobody_said_otherwise(session, code):
    document = received(session)
    documents.replace_findings(session, document.id, [finding(code)])
    session.expire(document)
    assert (source_of(document), profile_of(document)) == (Source.ELECTRONIC, "native-file")
    document.document_type = "letter"
    assert profile_of(document) == "house"
    document.source, document.source_said = Source.PAPER.value, True
    assert source_of(document) is Source.PAPER
    document.source, document.source_said = Source.PRINT.value, False
    assert source_of(document) is Source.PRINT


def test_nothing_is_said_of_a_document_at_work_nor_without_a_reason(session):
    document = received(session)
    assert not can_say(document)
    with pytest.raises(acts.NotOffered):
        say_source(session, document.id, Source.PRINT, "", REASON, atwork.somebody(session), NOON)
    held = received(session, 2, GREY)
    for source, reason in ((Source.PRINT, " "), (Source.UNKNOWN, REASON)):
        with pytest.raises(ValueError, match="reason"):
            say_source(session, held.id, source, "", reason, atwork.somebody(session), NOON)


# --- the whole way ---


@pytest.fixture
def station(tmp_path, practice_keys):
    return atwork.open_home(tmp_path / "home", practice_keys)


def scan_of(path):
    return papers.write_png(path, papers.draw_page(["Facture 2026-9"], size=(1000, 600)))


def sealed_record(station, document) -> dict:
    with pikepdf.open(atwork.archive_path(station, document)) as pdf:
        return json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())


def of_source(station, source: str):
    stations = (station.settings.stations[0].model_copy(update={"source": source}),)
    return replace(station, settings=station.settings.model_copy(update={"stations": stations}))


def write_grey(path):
    Image.fromarray(papers.draw_page(["Facture 2026-9"], size=(1000, 600))).convert("L").save(path, dpi=(300, 300))
    return path


def test_a_grey_page_under_a_tolerance_is_sealed_and_its_file_names_the_decision(station, tmp_path):
    path = write_grey(tmp_path / "grey.png")
    with station.database.writing() as session:
        declare_tolerance(session, station.settings.entity, "station", "demo", REASON, ALWAYS, atwork.somebody(session), NOON)
    with atwork.pipeline_of(station) as work:
        document = work(atwork.take_in(station, path))
    record = sealed_record(station, document)
    rows = {row["clause"]: row for row in record["clauses"]}
    assert document.verdict == "conform"
    assert record["tolerance"]["reason"] == REASON
    assert (rows["I-2"]["outcome"], rows["III-1"]["outcome"], rows["III-2"]["outcome"]) == ("conforme", "conforme", "après scellement")
    assert "tolérance n° 1" in rows["I-2"]["measured"]["fr"]
    assert record["policy"] == Policy().as_json()
    assert record["reading"]["reviewed"] is False


def test_a_station_that_asks_holds_each_document_until_its_source_is_said(station, tmp_path):
    station = of_source(station, "ask")
    with atwork.pipeline_of(station) as work:
        document = work(atwork.take_in(station, scan_of(tmp_path / "a.png")))
        assert (document.state, atwork.codes(document)) == (State.HELD, {"odd-sheet", "source-unknown"})
        with station.database.writing() as session:
            say_source(session, document.id, Source.PAPER, "", "vu sur la feuille", atwork.somebody(session), station.clock())
        assert work(document.id).state is State.SEALED


def test_a_print_of_an_electronic_invoice_is_sealed_as_no_copy_and_only_when_a_person_says_so(station, tmp_path):
    with atwork.pipeline_of(station) as work:
        document = work(atwork.take_in(of_source(station, "ask"), scan_of(tmp_path / "a.png")))
        with station.database.writing() as session:
            say_source(session, document.id, Source.PRINT, "", "portail du fournisseur", atwork.somebody(session), station.clock())
        document = work(document.id)
        assert (document.state, atwork.codes(document)) == (State.HELD, {"odd-sheet", "print-of-electronic"})
        with station.database.writing() as session:
            acts.decide(session, document.id, "treat", "à payer", atwork.somebody(session), station.clock())
        record = sealed_record(station, work(document.id))
    assert (record["source"], record["paper_remains_original"]) == ("print", True)
    assert next(row["outcome"] for row in record["clauses"] if row["clause"] == "I-1") == "non conforme"


def test_a_file_from_a_mailbox_goes_on_by_itself_as_a_view_with_the_native_file_inside(station, tmp_path):
    path = papers.write_jpeg(tmp_path / "facture.jpg", papers.draw_page(["Facture 2026-9"], size=(1000, 600)))
    with atwork.pipeline_of(station) as work:
        document = work(atwork.take_in(of_source(station, "electronic"), path))
    record = sealed_record(station, document)
    assert (document.verdict, document.paper_stays) == ("conform", True)
    assert {row["outcome"] for row in record["clauses"]} == {"sans objet"}
    with pikepdf.open(atwork.archive_path(station, document)) as pdf:
        assert pdf.attachments[record["view"][0]["name"]].get_file().read_bytes() == path.read_bytes()
