"""The organisation dossier says what is in force, two people answer for it, and every document sealed afterwards names it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import atwork
import papers
import pikepdf
import pikepdf.pdfa
import pytest
from PIL import ImageFile
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from config.places import allowed_countries, load_storage, place_allowed
from config.settings import Company, Organisation, Place, Settings, load_settings, write_example
from sealing.ledger import Tree
from sealing.verify import verify_file
from station import dossier
from station.acts import NotOffered
from station.audit import audit_ledger
from station.cli import app
from station.erasure import SamePerson
from station.formal import Head, compose_paper
from station.keyring import known_roots
from station.records import documents, people
from station.records.ledger import story_of
from station.records.tables import Document, DossierRow, LedgerPayload, Person, State
from station.verdicts import verdict_of
from station.workstation import Workstation

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Workstation]:
    workstation = atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys)
    yield workstation
    workstation.database.close()


@pytest.fixture(scope="module")
def two(station: Workstation) -> tuple[Person, Person]:
    with station.database.writing() as session:
        people.ensure_practice(session)
    with station.database.reading() as session:
        return session.get_one(Person, "atelier"), session.get_one(Person, "responsable")


@pytest.fixture
def fresh(station: Workstation, two: tuple[Person, Person], tmp_path: Path) -> Iterator[Workstation]:
    """A home of its own, with the tables and people of the first."""
    workstation = atwork.open_home(tmp_path / "home")
    shutil.copytree(station.home / "keys" / "practice", workstation.home / "keys" / "practice")
    yield workstation
    workstation.database.close()


def persons(workstation: Workstation) -> tuple[Person, Person]:
    with workstation.database.reading() as session:
        return session.get_one(Person, "atelier"), session.get_one(Person, "responsable")


def prepare(workstation: Workstation, reason: str = "première version") -> int:
    with workstation.database.writing() as session:
        return dossier.prepare_dossier(session, workstation.settings, reason, persons(workstation)[0], workstation.clock()).id


def put_in_force(workstation: Workstation, reason: str = "première version") -> DossierRow:
    return dossier.sign_dossier(workstation, prepare(workstation, reason), persons(workstation)[1])


def say(workstation: Workstation, key: str, text: str) -> None:
    with workstation.database.writing() as session:
        dossier.say_text(session, "essai", key, text, persons(workstation)[0], workstation.clock())


def text_of(path: Path) -> str:
    told = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
    return re.sub(r"\s+", " ", told)


@pytest.fixture(scope="module")
def sealed(station: Workstation, two: tuple[Person, Person]) -> DossierRow:
    say(station, "company", "Quincaillerie Dupont, un site à Lyon")
    return put_in_force(station)


# --- the paper ---


def test_the_sealed_dossier_passes_every_check_of_sceau_verify(station, sealed):
    proof = verify_file(station.archives.path(sealed.sha256, ".pdf"), known_roots(station.settings))
    assert [check.name for check in proof.checks if not check.ok] == []
    assert proof.valid


def test_it_says_what_is_set_and_what_nobody_wrote(station, sealed):
    told = text_of(station.archives.path(sealed.sha256, ".pdf"))
    assert "Quincaillerie Dupont, un site à Lyon" in told
    assert "échantillonnage des numérisations" in told
    assert "300 ppp" in told
    assert told.count("Non renseigné : l’entreprise n’a rien écrit ici.") == len(dossier.TEXTS) - 1


def test_what_it_shows_travels_inside_it(station, sealed):
    with pikepdf.open(station.archives.path(sealed.sha256, ".pdf")) as pdf:
        inside = json.loads(pdf.attachments["dossier.json"].get_file().read_bytes())
    assert dossier.configuration_hash(inside["configuration"]) == sealed.configuration_sha256
    assert inside["signed"]["by"] != inside["prepared"]["by"]


def test_the_same_configuration_gives_the_same_bytes_and_another_does_not(station, sealed):
    head = Head("essai", Tree())
    with station.database.reading() as session:
        row = session.get_one(DossierRow, sealed.id)
        paper = dossier.paper_of(session, row, "p-second", NOW)
        later = dossier.paper_of(session, row, "p-second", NOW + timedelta(days=1))
    first = compose_paper(paper, head, practice=True)
    assert first == compose_paper(paper, head, practice=True)
    assert first != compose_paper(later, head, practice=True)


def test_before_its_seal_it_is_a_pdf_a_of_one_embedded_font(station, sealed, tmp_path):
    with station.database.reading() as session:
        paper = dossier.paper_of(session, session.get_one(DossierRow, sealed.id), "p-second", NOW)
    file = tmp_path / "dossier.pdf"
    file.write_bytes(compose_paper(paper, Head("essai", Tree()), practice=True))
    assert not ImageFile.LOAD_TRUNCATED_IMAGES  # WeasyPrint would have Pillow fill cut scans with grey, in the whole process
    with file.open("rb") as written:
        assert not pikepdf.pdfa.validate_written(written, "3b").findings
    fonts = subprocess.run(["pdffonts", str(file)], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert [line.split()[-5] for line in fonts] == ["yes"]
    assert "Noto" in fonts[0]


def test_typed_text_is_text_and_loads_nothing(fresh):
    say(fresh, "contact", '<img src="file:///etc/passwd"> & 😀 → ≥ 3')
    told = text_of(fresh.archives.path(put_in_force(fresh).sha256, ".pdf"))
    assert '<img src="file:///etc/passwd"> & ? – min. 3' in told


# --- two people, versions ---


def test_whoever_prepared_it_cannot_countersign_it(fresh):
    number = prepare(fresh)
    with pytest.raises(SamePerson):
        dossier.sign_dossier(fresh, number, persons(fresh)[0])
    with fresh.database.reading() as session:
        assert dossier.dossier_in_force(session, "essai", date.max) is None


def test_without_a_change_there_is_no_second_version(fresh):
    put_in_force(fresh)
    with fresh.database.reading() as session:
        assert dossier.pending_changes(session, fresh.settings) is None
    with pytest.raises(NotOffered):
        prepare(fresh)


def test_no_account_of_the_company_is_told_in_it(fresh):
    iban = "FR7630006000011234567890189"
    us = Company(entity=fresh.settings.entity, name="Quais", siren="732829320", iban=iban)
    identity = fresh.settings.identity.model_copy(update={"ibans": [iban]})
    with fresh.database.reading() as session:
        told = dossier.describe(session, fresh.settings.model_copy(update={"company": (us,), "identity": identity}))
    assert ("732829320" in json.dumps(told), iban in json.dumps(told)) == (True, False)


def test_a_change_of_the_settings_is_noticed_and_told(fresh):
    put_in_force(fresh)
    changed = fresh.settings.model_copy(update={"organisation": Organisation(aql="2.5", roles={"exploitation": "informatique"})})
    with fresh.database.reading() as session:
        changes = dossier.pending_changes(session, changed)
    assert [(each.path, each.before, each.after) for each in changes] == [
        ("settings.organisation.aql", "1.0", "2.5"),
        ("settings.organisation.roles.exploitation", None, "informatique"),
    ]


def test_a_version_that_no_longer_fits_is_not_countersigned(fresh):
    number = prepare(fresh)
    say(fresh, "contact", "La comptabilité")
    with pytest.raises(NotOffered):
        dossier.sign_dossier(fresh, number, persons(fresh)[1])


def test_a_withdrawn_version_leaves_its_number_and_is_never_in_force(fresh):
    number = prepare(fresh)
    with fresh.database.writing() as session:
        dossier.withdraw_dossier(session, number, persons(fresh)[0], fresh.clock())
    with pytest.raises(dossier.NoVersion):
        dossier.sign_dossier(fresh, number, persons(fresh)[1])
    assert put_in_force(fresh).version == 2


def test_the_second_version_tells_what_changed_and_which_certificate_sealed_the_first(fresh):
    put_in_force(fresh)
    say(fresh, "people", "Deux personnes formées")
    told = text_of(fresh.archives.path(put_in_force(fresh, "formation").sha256, ".pdf"))
    assert "Niveau essai, sans valeur probante, P-256" in told
    assert "texts.people (absent) Deux personnes formées" in told


def test_between_two_days_are_the_version_of_the_beginning_and_those_that_followed(station):
    rows = [
        DossierRow(
            entity="ailleurs",
            version=number,
            configuration={},
            configuration_sha256="",
            annex={},
            reason="r",
            prepared_by="a",
            prepared_at=NOW,
        )
        for number in (1, 2, 3, 4)
    ]
    for row, days in zip(rows, (0, 10, 20), strict=False):
        row.signed_at = NOW + timedelta(days=days)
    with station.database.writing() as session:
        session.add_all(rows)
    with station.database.reading() as session:

        def between(first: int, last: int) -> list[int]:
            found = dossier.dossiers_between(session, "ailleurs", DAY + timedelta(days=first), DAY + timedelta(days=last))
            return [row.version for row in found]

        assert between(-5, -1) == []
        assert between(-5, 0) == [1]
        assert between(5, 8) == [1]
        assert between(5, 15) == [1, 2]
        assert between(11, 40) == [2, 3]
        assert dossier.dossier_in_force(session, "ailleurs", DAY + timedelta(days=10)).version == 2


def test_each_act_is_in_the_ledger_and_names_no_person(station, sealed):
    with station.database.reading() as session:
        rows = session.query(LedgerPayload).filter_by(type="dossier", entity="essai").order_by(LedgerPayload.sequence)
        acts = [json.loads(row.body)["act"] for row in rows]
        bodies = b"".join(row.body for row in rows)
    assert acts[:3] == ["text", "prepared", "in force"]
    assert b"atelier" not in bodies and b"responsable" not in bodies
    assert [each.name for each in audit_ledger(station) if not each.ok] == []


def test_a_damaged_dossier_is_told_by_the_ledgers_check(fresh):
    path = fresh.archives.path(put_in_force(fresh).sha256, ".pdf")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    assert [each.name for each in audit_ledger(fresh) if not each.ok] == ["archives"]


# --- documents ---


def feed(workstation: Workstation, number: int) -> Document:
    with atwork.pipeline_of(workstation) as work:
        path = workstation.home / f"scan-{number}.png"
        papers.write_png(path, papers.draw_page([f"Facture {number}"], size=(500, 300), seed=number))
        return work(atwork.take_in(workstation, path))


def clause(workstation: Workstation, document: Document, name: str) -> tuple[str, str]:
    with workstation.database.reading() as session:
        rows = verdict_of(session, session.get_one(Document, document.id), workstation.settings).rows
    row = next(row for row in rows if row.clause == name)
    return row.outcome.value, row.covered_by.fr if row.covered_by else ""


def sealed_payload(workstation: Workstation, document: Document) -> dict:
    with workstation.database.reading() as session:
        return next(payload for _, kind, _, payload in story_of(session, document.id) if kind == "sealed")


def test_a_document_names_the_dossier_in_its_file_and_in_the_ledger_and_its_clauses_say_so(station, sealed):
    document = feed(station, 1)
    with pikepdf.open(station.archives.path(document.archives[0].sha256, ".pdf")) as pdf:
        data = json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())
    payload = sealed_payload(station, document)
    assert data["dossier"] == {"version": 1, "sha256": sealed.sha256}
    assert (payload["dossier"], payload["dossier_sha256"]) == (1, sealed.sha256)
    assert clause(station, document, "II-2")[0] == "organisation"
    assert "dossier d’organisation scellé, version 1" in clause(station, document, "II-2")[1]


def test_without_a_dossier_documents_are_sealed_in_practice_and_say_that_none_is_named(fresh):
    document = feed(fresh, 2)
    assert document.state == State.SEALED
    assert "dossier" not in sealed_payload(fresh, document)
    assert clause(fresh, document, "II-2")[0] == "non conforme"


def test_where_one_is_asked_for_nothing_is_sealed_until_it_is_in_force(fresh):
    asked = atwork.open_home(fresh.home, organisation=Organisation(require_dossier="always"))
    try:
        document = feed(asked, 3)
        assert (document.archives, document.problem) == ([], "no-dossier")
        put_in_force(asked)
        with asked.database.reading() as session:
            # Tried at once, not when its next turn would have come.
            assert documents.get_document(session, document.id).try_at <= asked.clock()
    finally:
        asked.database.close()


def test_in_production_one_is_asked_for(station, two):
    production = station.settings.model_copy(update={"sealing": station.settings.sealing.model_copy(update={"mode": "production"})})
    with station.database.reading() as session, pytest.raises(dossier.NoDossier):
        dossier.require_dossier(session, production.model_copy(update={"entity": "personne"}))


# --- storage places ---


def test_the_countries_are_dated_and_each_names_its_text():
    assert all(each.text and re.fullmatch("[A-Z]{2}", each.country) for each in load_storage())
    assert len(set(allowed_countries(DAY)) - {"FR", "NO", "GB"}) == 26
    assert place_allowed("NO", date(2018, 9, 1)) and not place_allowed("NO", date(2018, 8, 31))


@pytest.mark.parametrize("country", ["US", "CH", "CN"])
def test_a_place_in_another_country_is_refused(country, tmp_path):
    with pytest.raises(ValidationError, match=r"L\. 102 C"):
        Settings(home=tmp_path, organisation={"places": [{"name": "nuage", "country": country}]})


def placed(workstation: Workstation, *places: Place) -> Settings:
    return workstation.settings.model_copy(update={"organisation": Organisation(places=list(places))})


def test_a_place_abroad_is_declared_within_a_month_and_a_french_one_is_not(fresh):
    lyon, bonn = Place(name="Lyon"), Place(name="Bonn", country="DE", use="replica")
    with fresh.database.writing() as session:
        assert dossier.notice_places(session, placed(fresh), NOW) is None
        assert dossier.notice_places(session, placed(fresh, lyon), NOW).due is None
        assert dossier.notice_places(session, placed(fresh, lyon), NOW) is None
        notice = dossier.notice_places(session, placed(fresh, lyon, bonn), datetime(2027, 1, 31, tzinfo=UTC))
        assert notice.due == "2027-02-28"
        assert dossier.undeclared_places(session, "essai") == (notice,)
        dossier.declare_places(session, notice.id, "Accusé SIE 42", persons(fresh)[0], NOW)
        assert dossier.undeclared_places(session, "essai") == ()
        assert dossier.notice_places(session, placed(fresh, lyon), NOW).due is not None


def test_the_running_station_notes_a_change_of_places_once(fresh):
    changed = replace(fresh, settings=placed(fresh, Place(name="Bonn", country="DE")))
    assert dossier.tend_places(fresh) is None
    assert dossier.tend_places(changed) is not None
    assert dossier.tend_places(changed) is None


# --- the command line ---


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words], env={"SCEAU_HOME": str(home)})


def test_the_commands_tell_the_dossier_and_the_controls(fresh):
    assert run(fresh.home, "dossier").exit_code == 3
    write_example(fresh.home)
    shipped = replace(fresh, settings=load_settings({"SCEAU_HOME": str(fresh.home)}))
    put_in_force(shipped)
    told = run(fresh.home, "dossier", "--json")
    assert (told.exit_code, json.loads(told.stdout)["standing"]) == (0, "in-force")
    assert "passeport de scanner" in run(fresh.home, "controls").stdout
