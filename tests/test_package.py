"""The auditor's package: what is in it, what it says is missing, that it is the same twice, and that others can check it without us."""

import errno
import hashlib
import json
import os
import pwd
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import atwork
import packages
import papers
import pytest
import sqlalchemy as sa
from backdoor import behind_the_back
from hypothesis import given
from hypothesis import strategies as st
from packages import LATER, NOVEMBER, day, export, members
from typer.testing import CliRunner
from webhome import PAPERS

from capture.catalogue import finding
from sealing.verify import CHECKS
from station import erasure
from station import package as package_module
from station.access import Wanted, read_access
from station.cli import app
from station.package import CannotExport, Extract, Period, Progress, scope_of
from station.packaging import parts
from station.packaging.forms import csv_cell
from station.packaging.parts import Part
from station.packaging.placing import disk_trouble, error_name
from station.records import batches, documents, people
from station.records.tables import (
    ClockCheck,
    ControlLot,
    ControlResult,
    CorrectiveAction,
    DossierRow,
    Mandate,
    Original,
    PassportRow,
    Person,
    State,
)
from station.workstation import Workstation

VERIFIER = Path(__file__).parent.parent / "station" / "verifiers" / "verify.py"


def verified(folder: Path, *paths: Path) -> int:
    """Exit code of the package's own verifier, alone in an empty folder, isolated from everything of ours."""
    alone = folder / "elsewhere"
    alone.mkdir(exist_ok=True)
    (alone / "verify.py").write_bytes(VERIFIER.read_bytes())
    command = [sys.executable, "-I", "verify.py", *map(str, paths)]
    return subprocess.run(command, cwd=alone, env={"PATH": os.defpath}, capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workstation]:
    """Thirty invoices of November, nobody changes anything."""
    workstation = packages.small_home(tmp_path_factory.mktemp("large"), 30)
    yield workstation
    workstation.database.close()


@pytest.fixture(scope="module")
def package(large: Workstation) -> Path:
    return export(large, large.home / "novembre.zip").paths[0]


@pytest.fixture(scope="module")
def _pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed home of three invoices, to be copied."""
    home = tmp_path_factory.mktemp("pattern") / "home"
    packages.small_home(home).database.close()
    return home


@pytest.fixture
def home(_pattern: Path, tmp_path: Path) -> Iterator[Workstation]:
    """A copy for one test."""
    shutil.copytree(_pattern, tmp_path / "home")
    workstation = packages.new_home(tmp_path / "home")
    yield workstation
    workstation.database.close()


def first_of_november(workstation: Workstation) -> str:
    return f"{10:032x}"


def refused(workstation: Workstation, target: Path, scope: Period | Extract = NOVEMBER, **options: object) -> str:
    with pytest.raises(CannotExport) as caught:
        export(workstation, target, scope, **options)  # type: ignore[arg-type]
    for language in ("fr", "en"):
        assert len(caught.value.words(language)) > 40
    return caught.value.code


# --- what it is ---


def test_the_package_opens_and_holds_on_a_machine_without_the_product(package: Path, tmp_path: Path) -> None:
    assert verified(tmp_path, package) == 0


def test_a_changed_package_does_not(package: Path, tmp_path: Path) -> None:
    """Each kind of file once; the verifiers' own tests change everything else."""
    for name in ("index.json", "ledger/segment.jsonl", f"documents/{10:032x}/v1.pdf"):
        spoilt = tmp_path / "spoilt.zip"
        with zipfile.ZipFile(package) as source, zipfile.ZipFile(spoilt, "w") as target:
            for info in source.infolist():
                data = source.read(info)
                target.writestr(info, data.replace(b"0", b"1", 1) if info.filename == name else data)
        assert verified(tmp_path, spoilt) == 1, name


def test_members_stand_in_the_order_of_their_paths_with_one_date_and_pdf_files_as_they_are(package: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        infos = opened.infolist()
    names = [info.filename for info in infos]
    last = ["manifest.sha256", "manifest.sha256.note", "manifest.sha256.p7s"]
    assert names == [*sorted(set(names) - set(last), key=str.encode), *last]
    assert {info.date_time for info in infos} == {parts.LONG_AGO}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}
    assert all((info.compress_type == zipfile.ZIP_STORED) == info.filename.endswith(".pdf") for info in infos)


def test_the_manifest_is_what_sha256sum_checks(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path)
    told = subprocess.run(["sha256sum", "-c", "--quiet", "manifest.sha256"], cwd=tmp_path, capture_output=True, check=False)
    assert (told.returncode, told.stdout) == (0, b"")


def test_the_same_records_and_checkpoint_give_the_same_bytes_but_for_the_seal(large: Workstation, package: Path, tmp_path: Path) -> None:
    later = packages.at(large, LATER + timedelta(days=3))
    again = export(later, tmp_path / "again.zip").paths[0]
    one, other = members(package), members(again)
    assert one.pop("manifest.sha256.p7s") != other.pop("manifest.sha256.p7s")
    assert one == other


def test_volumes_are_the_same_twice_byte_for_byte(home: Workstation, tmp_path: Path) -> None:
    first = export(home, tmp_path / "a.zip", volume_bytes=100_000)
    second = export(home, tmp_path / "b.zip", volume_bytes=100_000)
    assert [path.read_bytes() for path in first.paths[1:]] == [path.read_bytes() for path in second.paths[1:]]


def test_sealed_files_that_do_not_fit_go_to_volumes_below_the_limit(home: Workstation, tmp_path: Path) -> None:
    done = export(home, tmp_path / "essai.zip", volume_bytes=100_000)
    index, *volumes = done.paths
    assert [path.name for path in volumes] == ["essai-001.zip", "essai-002.zip"]
    assert all(path.stat().st_size <= 100_000 for path in volumes)
    assert not [name for name in members(index) if name.endswith(".pdf")]
    assert verified(tmp_path, index, *volumes) == 0
    assert verified(tmp_path, index, volumes[0]) == 3
    assert verified(tmp_path, index) == 3


# --- traced both ways, by a script that reads the package and nothing else ---


class Reader:
    """What somebody who knows only the page of the format would write."""

    def __init__(self, package: Path) -> None:
        self.files = members(package)
        self.index = json.loads(self.files["index.json"])
        lines = [line for line in self.files["ledger/segment.jsonl"].decode().split("\n") if line]
        others = [json.loads(line)["entry"] for line in self.files["ledger/others.jsonl"].decode().split("\n") if line]
        self.entries = {entry["sequence"]: entry for entry in map(json.loads, [*lines, *others])}

    def forward(self, row: dict) -> tuple[str, str, str]:
        """From an invoice to its scan: document, sealed file, original."""
        trail = json.loads(self.files[f"documents/{row['document']}/trail.json"])
        (file,) = row["files"]
        assert hashlib.sha256(self.files[file["path"]]).hexdigest() == file["sha256"]
        sealed = self.entries[file["entry"]]
        assert (sealed["type"], sealed["objects"]["archive"], sealed["objects"]["document"]) == ("sealed", file["sha256"], row["document"])
        told = [event["type"] for event in trail["events"]]
        assert [step for step in told if step in ("received", "judged", "read", "sealed")] == ["received", "judged", "read", "sealed"]
        for event in trail["events"]:
            entry = self.entries[event["sequence"]]
            payload = bytes.fromhex(event["salt"]) + event["payload"].encode()
            assert hashlib.sha256(payload).hexdigest() == entry["payload_commitment"]
        (original,) = trail["originals"]
        assert trail["events"][0]["objects"]["original"] == original["sha256"]
        assert {field["name"]: field["value"] for field in trail["fields"]}["invoice_number"] == row["number"]
        return row["document"], file["sha256"], original["sha256"]

    def backward(self, original: str) -> tuple[str, str, str]:
        """From a scan to its invoice, through the entries."""
        (received,) = [each for each in self.entries.values() if each["type"] == "received" and each["objects"]["original"] == original]
        document = received["objects"]["document"]
        (sealed,) = [each for each in self.entries.values() if each["type"] == "sealed" and each["objects"]["document"] == document]
        (row,) = [row for row in self.index if row["files"][0]["entry"] == sealed["sequence"]]
        return row["document"], sealed["objects"]["archive"], original


def test_twenty_five_invoices_drawn_by_lot_are_traced_both_ways(package: Path) -> None:
    reader = Reader(package)
    for row in random.Random(25).sample(reader.index, 25):
        there = reader.forward(row)
        assert reader.backward(there[2]) == there


def test_the_sum_of_the_index_is_the_sum_of_the_statistics_and_of_the_papers(package: Path) -> None:
    from decimal import Decimal

    reader = Reader(package)
    (told,) = json.loads(reader.files["statistics.json"])["sums"]
    assert Decimal(told["gross"]) == sum(Decimal(row["gross"]) for row in reader.index)
    assert Decimal(told["gross"]) == sum(Decimal(PAPERS[n % len(PAPERS)].gross) for n in range(30))


def test_what_is_not_recorded_of_an_invoice_is_listed_with_words(package: Path) -> None:
    reader = Reader(package)
    gaps = {"no-order", "no-delivery", "no-approval", "no-accounting-entry", "no-payment"}
    assert all(set(row["gaps"]) == gaps for row in reader.index)
    told = {gap["code"]: gap for gap in json.loads(reader.files["statistics.json"])["gaps"]}
    assert set(told) == gaps
    assert told["no-payment"]["count"] == 30
    assert told["no-payment"]["french"] == "aucun paiement noté"
    assert "not recorded here" in reader.files["statistics.csv"].decode()


# --- which documents, and which of them are withheld ---


def test_an_extract_is_one_document_with_its_proofs(home: Workstation, tmp_path: Path) -> None:
    document = first_of_november(home)
    path = export(home, tmp_path / "extrait.zip", Extract(document)).paths[0]
    assert verified(tmp_path, path) == 0
    assert [row["document"] for row in json.loads(members(path)["index.json"])] == [document]
    assert members(path)["ledger/segment.jsonl"] == b""


def test_no_package_is_made_of_a_log_that_was_rewritten_under_its_checkpoints(home: Workstation, tmp_path: Path) -> None:
    behind_the_back(home.home, "UPDATE ledger SET entry = (SELECT entry FROM ledger WHERE sequence = 2) WHERE sequence = 1")
    assert refused(home, tmp_path / "out.zip") == "ledger-broken"
    assert not (tmp_path / "out.zip").exists()


def test_a_renewed_file_stands_beside_the_one_it_extends(home: Workstation, tmp_path: Path) -> None:
    document = first_of_november(home)
    renewed = packages.renew_one(home, document, day("2024-12-02"))
    path = export(home, tmp_path / "essai.zip").paths[0]
    row = next(row for row in json.loads(members(path)["index.json"]) if row["document"] == document)
    first, second = row["files"]
    assert (second["sha256"], second["extends"], second["extends_size"]) == (renewed, first["sha256"], first["size"])
    assert verified(tmp_path, path) == 0


def test_of_a_confidential_document_nothing_is_told_but_its_number(home: Workstation, tmp_path: Path) -> None:
    document = first_of_november(home)
    with home.database.writing() as session:
        documents.get_document(session, document).confidential = True
    done = export(home, tmp_path / "essai.zip")
    files = members(done.paths[0])
    assert [(each.document, each.reason) for each in done.withheld] == [(document, "confidential")]
    assert done.complete
    assert done.documents == 2
    assert not [name for name in files if document in name]
    assert "facture-é-0".encode() not in b"".join(files.values())
    assert verified(tmp_path, done.paths[0]) == 0
    assert refused(home, tmp_path / "one.zip", Extract(document)) == "confidential"


def test_a_confidential_document_is_named_by_its_entries_and_by_nothing_else(home: Workstation, tmp_path: Path) -> None:
    """Neither by its controls, nor the scanner's passport, nor a lot's sample, nor by a document that it resembles."""
    hidden, second, third = (f"{10 + n:032x}" for n in range(3))
    organise(home)
    with home.database.writing() as session:
        batches.link(session, hidden, second, "distinct", LATER)
        documents.add_finding(session, third, finding("invoice-twice", measured="F-1", limit=hidden))
        bought = ControlResult(
            entity="essai", control="paper", version=1, at=day("2024-11-13"), actor="p", outcome="fail", document_id=hidden, page=1,
            note="licenciement de Mme X", sequence=4,
        )  # fmt: skip
        session.add(bought)
        session.flush()
        session.add(
            CorrectiveAction(
                entity="essai", result_id=bought.id, what="dossier de Mme X", owner="DRH", due="2024-12-01",
                opened_at=day("2024-11-13"), opened_by="p",
            )
        )  # fmt: skip
        session.add(
            ControlLot(
                entity="essai", name="2024-11-02/demo", station="demo", day="2024-11-02", pages=2, plan={}, items_sha256="0" * 64,
                checkpoint=4, seed="0" * 64, sample=[f"{hidden}:1", f"{second}:1"], drawn_at=day("2024-11-14"), drawn_by="p",
            )
        )  # fmt: skip
        documents.get_document(session, hidden).confidential = True
    path = export(home, tmp_path / "essai.zip").paths[0]
    files = members(path)
    assert {name for name, data in files.items() if hidden.encode() in data} == {"ledger/segment.jsonl", "package.json"}
    assert b"Mme X" not in b"".join(files.values())
    assert json.loads(files["controls/lots.json"])[0]["sample"] == [f"{second}:1"]
    assert b'"paper";"1"' in files["controls/results.csv"]
    assert verified(tmp_path, path) == 0


def test_of_an_erased_document_only_its_entries_are_left(home: Workstation, tmp_path: Path) -> None:
    letter = packages.seal_one(home, "lettre.png", PAPERS[0], day("2024-11-30"), seed=99, kind="letter")
    # Made before it is erased: that the other entries come later is what is shown.
    erase(home, letter)
    done = export(home, tmp_path / "essai.zip")
    files = members(done.paths[0])
    assert (done.withheld, done.documents) == ((), 3)
    assert not [name for name in files if letter in name]
    assert letter.encode() in files["ledger/segment.jsonl"]
    assert b'"erased"' in files["ledger/segment.jsonl"] + files["ledger/others.jsonl"].replace(b"\\", b"")
    assert verified(tmp_path, done.paths[0]) == 0


def erase(workstation: Workstation, document_id: str) -> None:
    with workstation.database.writing() as session:
        people.ensure_practice(session)
        document = documents.get_document(session, document_id)
        documents.move_document(document, State.SET_ASIDE, LATER)
        clerk, officer = (session.get_one(Person, login) for login in ("atelier", "responsable"))
        asked = erasure.ask_erasure(session, document, "courrier reçu par erreur", clerk, LATER)
        erasure.confirm_erasure(session, document, officer, LATER)
    erasure.finish_erasure(workstation, asked.id)


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_file_that_is_missing_or_damaged_is_listed_and_nothing_claims_to_be_complete(
    home: Workstation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    document = first_of_november(home)
    with home.database.reading() as session:
        path = home.archives.path(documents.get_document(session, document).archives[0].sha256, ".pdf")
    path.chmod(0o600)
    path.unlink() if harm == "missing" else path.write_bytes(b"%PDF-1.7\n")
    done = export(home, tmp_path / "essai.zip")
    assert [(each.document, each.reason) for each in done.withheld] == [(document, harm)]
    assert not done.complete
    assert json.loads(members(done.paths[0])["package.json"])["withheld"][0]["reason"] == harm
    assert verified(tmp_path, done.paths[0]) == 1
    home.database.close()
    monkeypatch.setenv("SCEAU_HOME", str(home.home))
    told = CliRunner().invoke(app, ["export", "--from", "2024-11-01", "--to", "2024-11-30", str(tmp_path / "cli.zip")])
    assert told.exit_code == 3, told.output
    assert document in told.stdout


def test_a_document_in_two_versions_of_which_one_is_lost_keeps_the_other_and_says_so(home: Workstation, tmp_path: Path) -> None:
    document = first_of_november(home)
    renewed = packages.renew_one(home, document, day("2024-11-20"))
    home.archives.path(renewed, ".pdf").unlink()
    done = export(home, tmp_path / "essai.zip")
    row = next(row for row in json.loads(members(done.paths[0])["index.json"]) if row["document"] == document)
    assert (len(row["files"]), "file-missing" in row["gaps"], done.gaps["file-missing"]) == (1, True, 1)


def test_where_the_clock_was_set_back_the_segment_still_holds_the_whole_period(home: Workstation, tmp_path: Path) -> None:
    packages.seal_one(home, "reculée.png", PAPERS[1], day("2024-10-20"), seed=70)
    inside = packages.seal_one(home, "remise.png", PAPERS[2], day("2024-11-20"), seed=71)
    path = export(home, tmp_path / "essai.zip").paths[0]
    rows = json.loads(members(path)["index.json"])
    assert [row["document"] for row in rows] == [*(f"{10 + n:032x}" for n in range(3)), inside]
    assert verified(tmp_path, path) == 0


@pytest.mark.parametrize(
    ("first", "last", "documents"),
    [
        ("2024-10-30", "2024-10-30", 1),
        ("2024-11-02", "2024-11-02", 3),
        ("2024-01-01", "2024-12-31", 5),
        ("2024-12-01", "2024-12-01", 1),
        ("2024-10-31", "2024-12-03", 4),
    ],
    ids=["first day", "one day", "everything", "last day", "without the first"],
)
def test_any_period_has_its_documents_and_proves_its_ends(home: Workstation, tmp_path: Path, first: str, last: str, documents: int) -> None:
    done = export(home, tmp_path / "essai.zip", scope_of(first, last))
    assert done.documents == documents
    assert verified(tmp_path, done.paths[0]) == 0


def test_what_is_written_while_it_is_exported_is_not_in_it(home: Workstation, tmp_path: Path) -> None:
    def meanwhile(progress: Progress) -> None:
        if progress.done == 1:
            packages.seal_one(home, "pendant.png", PAPERS[0], day("2024-11-28"), seed=80)

    done = export(home, tmp_path / "essai.zip", tell=meanwhile)
    assert done.documents == 3
    assert verified(tmp_path, done.paths[0]) == 0
    assert export(home, tmp_path / "après.zip").documents == 4


def test_links_tell_what_came_out_of_what_and_which_may_be_the_same_invoice(home: Workstation, tmp_path: Path) -> None:
    first, second, third = (f"{10 + n:032x}" for n in range(3))
    with home.database.writing() as session:
        batches.link(session, first, second, "corrected", LATER)
        documents.add_finding(session, third, finding("invoice-twice", measured="F-1", limit=second))
    rows = {row["document"]: row["links"] for row in json.loads(members(export(home, tmp_path / "essai.zip").paths[0])["index.json"])}
    assert rows == {
        first: [{"kind": "corrected-to", "document": second}],
        second: [{"kind": "corrected-from", "document": first}],
        third: [{"kind": "invoice-twice", "document": second}],
    }


def test_what_the_pipeline_itself_sealed_is_exported_with_all_that_it_found(tmp_path: Path, practice_keys: Path) -> None:
    """From a scan in the folder to both ways of checking, nothing made up in between."""
    workstation = atwork.open_home(tmp_path / "home", practice_keys)
    scan = papers.write_png(tmp_path / "scan-é.png", papers.draw_page(papers.INVOICE[3:6], size=(1000, 300)))
    with atwork.pipeline_of(workstation) as work:
        document = work(atwork.take_in(workstation, scan))
    today = workstation.clock().date()
    path = export(workstation, tmp_path / "essai.zip", Period(today - timedelta(days=1), today)).paths[0]
    trail = json.loads(members(path)[f"documents/{document.id}/trail.json"])
    workstation.database.close()
    assert {each["name"] for each in trail["checks"]} == set(CHECKS)
    assert [clause["clause"] for clause in trail["clauses"]][:2] == ["I-1", "I-2"]
    assert trail["originals"][0]["names"] == ["scan-é.png"]
    assert all(found["french"] and found["english"] for found in trail["findings"])
    assert verified(tmp_path, path) == 0


# --- what goes with the documents ---


@pytest.fixture(scope="module")
def organised(_pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """Members of a package of a house with two dossiers, a mandate, passports, a control that failed and its correction."""
    folder = tmp_path_factory.mktemp("organised")
    shutil.copytree(_pattern, folder / "home")
    workstation = packages.new_home(folder / "home")
    organise(workstation)
    path = export(workstation, folder / "essai.zip").paths[0]
    workstation.database.close()
    assert verified(folder, path) == 0
    assert [*members(path)][:-3] == sorted([*members(path)][:-3], key=str.encode)
    yield members(path)


def organise(workstation: Workstation) -> None:
    paper, signed = (workstation.home / name for name in ("dossier.pdf", "mandat.pdf"))
    paper.write_bytes(b"%PDF-1.7 dossier")
    signed.write_bytes(b"%PDF-1.7 mandat")
    archive, mandate = workstation.archives.keep(paper, ".pdf"), workstation.originals.keep(signed)
    with workstation.database.writing() as session:
        for version, month in ((1, "2024-09"), (2, "2024-10"), (3, "2024-11"), (4, "2024-12")):
            moment = day(f"{month}-10")
            session.add(
                DossierRow(
                    entity="essai", version=version, configuration={}, configuration_sha256="0" * 64, annex={}, reason="essai",
                    prepared_by="p", prepared_at=moment, signed_by="q", signed_at=moment, sha256=archive.sha256, size=archive.size,
                )
            )  # fmt: skip
        for number, month in enumerate(("2024-08", "2024-09", "2024-11", "2024-12")):
            session.add(
                PassportRow(
                    entity="essai", station="demo", device="", target=f"mire-{number}", made_at=day(f"{month}-05"), outcome="ok", body={},
                    document_id=first_of_november(workstation),
                )
            )  # fmt: skip
        session.add(Original(sha256=mandate.sha256, size=mandate.size, kept_at=LATER))
        session.flush()
        session.add(
            Mandate(
                entity="essai", third_party="Tiers", scope="tout", starts="2024-01-01", ends=None, name="mandat signé.pdf",
                sha256=mandate.sha256, recorded_by="p", recorded_at=day("2024-01-01"),
            )
        )  # fmt: skip
        failed = ControlResult(
            entity="essai", control="clock", version=1, at=day("2024-11-12"), actor="p", outcome="fail", note='=HYPERLINK("x")', sequence=3
        )
        session.add_all([failed, ClockCheck(at=day("2024-11-03"), steady=1.0, boot="b", health="true", offset=0.01, answers=[])])
        session.flush()
        session.add(
            CorrectiveAction(
                entity="essai",
                result_id=failed.id,
                what="régler",
                owner="DSI",
                due="2024-12-01",
                opened_at=day("2024-11-12"),
                opened_by="p",
            )
        )


def test_the_dossiers_in_force_are_inside_with_their_sealed_papers(organised: dict[str, bytes]) -> None:
    there = {name for name in organised if name.startswith("organisation/dossier")}
    assert there == {f"organisation/dossier-000{version}.{ending}" for version in (2, 3) for ending in ("json", "pdf")}
    told = json.loads(organised["organisation/dossier-0002.json"])
    assert hashlib.sha256(organised[told["file"]]).hexdigest() == told["sha256"]


def test_the_mandate_is_inside_with_its_signed_file(organised: dict[str, bytes]) -> None:
    told = json.loads(organised["organisation/mandate-0001.json"])
    assert organised[told["file"]] == b"%PDF-1.7 mandat"
    assert told["third_party"] == "Tiers"


def test_the_passports_of_the_period_and_the_one_in_force_before_it_are_inside(organised: dict[str, bytes]) -> None:
    told = [json.loads(data)["target"] for name, data in sorted(organised.items()) if name.startswith("scanners/")]
    assert told == ["mire-1", "mire-2"]


def test_the_plan_of_controls_its_results_and_corrections_are_inside(organised: dict[str, bytes]) -> None:
    assert {control["code"] for control in json.loads(organised["controls/catalogue.json"])} >= {"clock", "passport", "sampling"}
    assert "\"'=HYPERLINK(" in organised["controls/results.csv"].decode()
    assert json.loads(organised["controls/actions.json"])[0]["owner"] == "DSI"


def test_roots_lists_and_checks_of_the_clock_are_inside(organised: dict[str, bytes]) -> None:
    assert organised["trust/roots.pem"].startswith(b"-----BEGIN CERTIFICATE-----")
    assert json.loads(organised["trust/clock.json"])[0]["offset"] == 0.01
    assert [name for name in organised if name.endswith(".crl")] == ["trust/01.crl", "trust/02.crl"]


# --- what cannot be exported leaves nothing behind ---


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("home", "elsewhere"))


def test_a_period_in_which_nothing_was_sealed_is_said_and_nothing_written(home: Workstation, tmp_path: Path) -> None:
    quiet = replace(NOVEMBER, first=day("2024-09-01").date(), last=day("2024-09-30").date())
    assert refused(home, tmp_path / "essai.zip", quiet) == "empty-period"
    assert left(tmp_path) == []


def test_an_unknown_document_is_said(home: Workstation, tmp_path: Path) -> None:
    assert refused(home, tmp_path / "essai.zip", Extract("f" * 32)) == "no-document"


def test_a_package_that_is_there_is_only_replaced_when_one_says_so(home: Workstation, tmp_path: Path) -> None:
    export(home, tmp_path / "essai.zip", volume_bytes=50_000)
    before = (tmp_path / "essai.zip").read_bytes()
    assert refused(home, tmp_path / "essai.zip") == "target-exists"
    assert (tmp_path / "essai.zip").read_bytes() == before
    export(home, tmp_path / "essai.zip", force=True)
    assert left(tmp_path) == ["essai.zip"]  # no volume of the one before stays beside it
    assert verified(tmp_path, tmp_path / "essai.zip") == 0


def test_a_folder_that_is_not_there_is_said(home: Workstation, tmp_path: Path) -> None:
    assert refused(home, tmp_path / "nowhere" / "essai.zip") == "no-folder"
    assert refused(home, tmp_path) == "not-a-file"


def test_only_a_file_is_replaced(home: Workstation, tmp_path: Path) -> None:
    (tmp_path / "nothing.zip").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    for there in (Path("/dev/null"), tmp_path / "nothing.zip", tmp_path / "pipe", tmp_path):
        assert refused(home, there, force=True) == "not-a-file"
    assert Path("/dev/null").is_char_device()


def test_where_the_new_one_cannot_be_put_in_place_the_old_one_stays(
    home: Workstation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(home, tmp_path / "essai.zip", volume_bytes=50_000)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.zip")}
    rename = Path.replace

    def failing(path: Path, target: Path) -> Path:
        if (path.name, Path(target).name) == (".essai.zip.part", "essai.zip"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    assert refused(home, tmp_path / "essai.zip", force=True, volume_bytes=100_000) == "unwritable"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_of_two_exports_to_one_place_the_second_is_told_and_the_first_goes_on(home: Workstation, tmp_path: Path) -> None:
    told: list[str] = []

    def meanwhile(progress: Progress) -> None:
        if progress.done == 1:
            told.append(refused(home, tmp_path / "essai.zip"))

    assert export(home, tmp_path / "essai.zip", tell=meanwhile).documents == 3
    assert (told, left(tmp_path)) == (["target-busy"], ["essai.zip"])
    assert verified(tmp_path, tmp_path / "essai.zip") == 0


def test_packages_and_all_that_is_written_on_the_way_are_for_this_account_alone(home: Workstation, tmp_path: Path) -> None:
    seen: set[int] = set()
    umask = os.umask(0o022)
    try:
        done = export(
            home,
            tmp_path / "essai.zip",
            volume_bytes=50_000,
            tell=lambda _: seen.update(path.stat().st_mode & 0o777 for path in tmp_path.glob(".essai*")),
        )
    finally:
        os.umask(umask)
    assert seen == {0o600}
    assert {path.stat().st_mode & 0o777 for path in done.paths} == {0o600}


def test_without_a_verifier_there_is_no_package(home: Workstation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(package_module.VERIFIERS, "verifier.html", tmp_path / "nowhere.html")
    assert refused(home, tmp_path / "essai.zip") == "no-verifier"
    assert left(tmp_path) == []


@pytest.mark.parametrize("paper", ["dossier", "mandate"])
def test_a_dossier_or_mandate_that_the_vault_lost_is_a_gap_and_nothing_claims_to_be_complete(
    home: Workstation, tmp_path: Path, paper: str
) -> None:
    organise(home)
    with home.database.reading() as session:
        row = session.scalars(sa.select(DossierRow if paper == "dossier" else Mandate)).first()
    (home.archives.path(row.sha256, ".pdf") if paper == "dossier" else home.originals.path(row.sha256)).unlink()
    done = export(home, tmp_path / "essai.zip")
    assert (f"{paper}-missing" in done.gaps, done.complete) == (True, False)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "../x", "a" * 65, "é"])
def test_what_can_be_no_document_is_none(home: Workstation, tmp_path: Path, name: str) -> None:
    assert refused(home, tmp_path / "essai.zip", Extract(name)) == "no-document"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "x"), "disk-full"),
        (OSError(errno.EDQUOT, "x"), "disk-full"),
        (sqlite3.OperationalError("database or disk is full"), "disk-full"),
        (OSError(errno.EFBIG, "x"), "file-too-large"),
        (OSError(errno.EROFS, "x"), "not-allowed"),
        (PermissionError(errno.EACCES, "x"), "not-allowed"),
        (OSError(errno.EIO, "x"), "unwritable"),
        (sqlite3.OperationalError("disk I/O error"), "scratch-broken"),
    ],
)
def test_what_the_disk_refuses_is_told_in_words_of_our_own(tmp_path: Path, error: OSError | sqlite3.Error, code: str) -> None:
    assert disk_trouble(error, tmp_path / "essai.zip") == code
    assert disk_trouble(sqlite3.OperationalError("unable to open database file"), tmp_path / "nowhere" / "essai.zip") == "no-folder"
    for language in ("fr", "en"):
        words = CannotExport(code, NOVEMBER, path="p", folder="f", detail=error_name(error)).words(language)
        assert ("EIO" in words) == (code == "unwritable")


def test_a_file_that_is_larger_than_the_disk_takes_is_told_and_leaves_nothing(home: Workstation, tmp_path: Path) -> None:
    """With the limit of the process, as a file system has its own."""
    home.database.close()
    command = [str(Path(sys.executable).parent / "sceau"), "export", "--document", first_of_november(home), str(tmp_path / "essai.zip")]
    limited = ["prlimit", "--fsize=100000", *command]
    told = subprocess.run(limited, env={**os.environ, "SCEAU_HOME": str(home.home)}, capture_output=True, text=True, check=False)
    assert (told.returncode, left(tmp_path)) == (1, [])
    assert "n'accepte pas un fichier aussi grand" in " ".join(told.stderr.split()), told.stderr


def test_a_document_of_which_nothing_is_whole_is_named_as_one() -> None:
    assert "Aucun fichier scellé du document ab n'est intact" in CannotExport("nothing-whole", Extract("ab")).words()


@pytest.mark.parametrize("call", [3, 9, 20])
def test_a_disk_that_fills_up_leaves_nothing_that_looks_whole(
    home: Workstation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    calls, write = 0, parts.Member.write

    def full(member: parts.Member, data: bytes) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(member, data)

    monkeypatch.setattr(parts.Member, "write", full)
    assert refused(home, tmp_path / "essai.zip", volume_bytes=50_000) == "disk-full"
    assert left(tmp_path) == []


def test_too_little_room_is_said_before_anything_is_written(home: Workstation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("station.package.shutil.disk_usage", lambda _path: usage._replace(free=10_000))
    assert refused(home, tmp_path / "essai.zip") == "no-room"
    assert left(tmp_path) == []


def test_an_export_that_is_stopped_leaves_nothing_and_the_package_before_it_stays(home: Workstation, tmp_path: Path) -> None:
    export(home, tmp_path / "essai.zip")
    before = (tmp_path / "essai.zip").read_bytes()
    seen: list[int] = []
    code = refused(home, tmp_path / "essai.zip", force=True, tell=lambda progress: seen.append(progress.done), stop=lambda: 2 in seen)
    assert (code, left(tmp_path)) == ("cancelled", ["essai.zip"])
    assert (tmp_path / "essai.zip").read_bytes() == before


def test_progress_goes_from_none_to_all(home: Workstation, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    export(home, tmp_path / "essai.zip", tell=lambda progress: seen.append((progress.done, progress.total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


# --- small parts ---


@given(st.text())
def test_no_cell_of_the_csv_is_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell in (text, f"'{text}")


@pytest.mark.parametrize("name", ["../essai", "/etc/essai", "a//b", "a/./b", "é.pdf", "a b", "a\\b", "", ".", "a/.."])
def test_a_path_that_the_format_does_not_allow_is_refused(tmp_path: Path, name: str) -> None:
    part = Part(tmp_path / "part.zip", lambda *_: None, lambda: None)
    with pytest.raises(ValueError, match="not a path"):
        part.add(name, b"")
    part.drop()


@pytest.mark.parametrize(
    ("typed", "scope"),
    [
        (("2024-11-01", "2024-11-30", ""), NOVEMBER),
        (("", "", "abc"), Extract("abc")),
        (("2024-11-30", "2024-11-01", ""), None),
        (("2024-11-01", "", ""), None),
        (("2026-02-30", "2026-03-01", ""), None),
        (("2024-11-01", "2024-11-30", "abc"), None),
        (("", "", ""), None),
    ],
)
def test_a_scope_is_two_days_in_their_order_or_a_document(typed: tuple[str, str, str], scope: object) -> None:
    assert scope_of(*typed) == scope


def test_the_command_writes_a_package_and_tells_it_as_json(home: Workstation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.database.close()
    monkeypatch.setenv("SCEAU_HOME", str(home.home))
    words = ["export", "--json", "--from", "2024-11-01", "--to", "2024-11-30", str(tmp_path / "essai.zip")]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["documents"] == 3
    with home.database.reading() as session:
        (noted,) = read_access(session, "essai", Wanted())
    assert (noted.act, noted.object_id) == ("export", "2024-11-01 2024-11-30 essai.zip")
    assert noted.who == f"sceau export : {pwd.getpwuid(os.getuid()).pw_name}"
    assert verified(tmp_path, tmp_path / "essai.zip") == 0
    assert CliRunner().invoke(app, words).exit_code == 1
    assert CliRunner().invoke(app, ["export", str(tmp_path / "x.zip")]).exit_code == 2
