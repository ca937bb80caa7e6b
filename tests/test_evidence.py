"""What a document's evidence is said to be, and that nothing says more than is so."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import atwork
import papers
import pikepdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.settings import Evidence
from sealing.checkpoint import checkpoint_text, sign_note
from sealing.evidence import EvidenceFacts, EvidenceProfile, Rung, gauge, strictest_of
from sealing.verify import verify_file
from station import pixels
from station.audit import audit_ledger
from station.evidence import archive_profile, fingerprint_told, gauge_of, with_ledger
from station.keyring import trust_of
from station.records import documents
from station.records.ledger import story_of, tree_of
from station.records.tables import CheckpointRow, Delivery, Document, State
from station.workstation import Workstation
from workflow.kinds import KINDS, MADE, evidence_profile, needs_signature, refused_profiles

ALL = EvidenceFacts(fingerprint=True, level="B-LTA", qualified=True, witnessed=True)
RUNGS = tuple(Rung)


# --- the gauge ---


@pytest.mark.parametrize(
    ("facts", "level", "missing"),
    [
        (EvidenceFacts(), None, Rung.FINGERPRINT),
        (EvidenceFacts(fingerprint=True), Rung.FINGERPRINT, Rung.PRACTICE),
        (replace(ALL, practice=True), Rung.PRACTICE, Rung.SEAL),
        (replace(ALL, level="B-B"), Rung.SEAL, Rung.TIMED),
        (replace(ALL, level="B-T"), Rung.TIMED, Rung.LTA),
        (replace(ALL, qualified=False), Rung.LTA, Rung.QUALIFIED),
        (replace(ALL, witnessed=False), Rung.QUALIFIED, Rung.WITNESSED),
        (ALL, Rung.WITNESSED, None),
    ],
)
def test_the_gauge_goes_up_rung_by_rung_and_names_what_is_lacking_for_the_next(facts, level, missing):
    found = gauge(facts)
    assert (found.level, found.next) == (level, missing)


@given(
    st.builds(
        EvidenceFacts, st.booleans(), st.booleans(), st.sampled_from(["", "B-B", "B-T", "B-LT", "B-LTA"]), st.booleans(), st.booleans()
    )
)
def test_no_rung_counts_above_one_that_is_lacking(facts):
    found = gauge(facts)
    assert sorted((*found.reached, *found.missing), key=RUNGS.index) == list(RUNGS)
    below = RUNGS[: RUNGS.index(found.level) + 1] if found.level else ()
    assert set(below) <= set(found.reached)
    assert found.next is None or found.level is None or RUNGS.index(found.next) == RUNGS.index(found.level) + 1


@given(st.sampled_from(["", "B-B", "B-T", "B-LT", "B-LTA"]), st.booleans(), st.booleans())
def test_a_practice_key_never_reaches_a_seal_let_alone_qualified(level, qualified, witnessed):
    found = gauge(EvidenceFacts(True, True, level, qualified, witnessed))
    assert found.level in (Rung.FINGERPRINT, Rung.PRACTICE)
    assert not {Rung.SEAL, Rung.QUALIFIED} & set(found.reached)


# --- profiles ---


def test_a_fingerprint_alone_is_refused_in_the_settings_where_the_text_asks_for_a_signature():
    for kind in ("order", "delivery", "contract", "passport"):
        with pytest.raises(ValidationError, match="A102 B-1"):
            Evidence(profiles={kind: "fiscal-min"})
    assert Evidence(profiles={"invoice": "fiscal-min", "order": "copie-fiable"}).profiles["invoice"] is EvidenceProfile.FISCAL_MIN


def test_settings_name_only_kinds_that_exist():
    with pytest.raises(ValidationError, match="type de document"):
        Evidence(profiles={"banknote": "fiscal-seal"})


@given(st.dictionaries(st.sampled_from([kind.code for kind in (*KINDS, *MADE)]), st.sampled_from(EvidenceProfile)))
def test_an_unknown_kind_gets_the_strictest_profile_and_never_a_fingerprint_alone(chosen):
    found = evidence_profile("made up later", chosen)
    assert found is strictest_of(chosen.values())
    assert found is not EvidenceProfile.FISCAL_MIN
    assert all(needs_signature(code) for code in refused_profiles(chosen))


# --- sealed under a profile ---


class Desk:
    def __init__(self, workstation: Workstation, work: atwork.Work) -> None:
        self.workstation, self.work, self.files = workstation, work, 0

    def feed(self, kind: str = "invoice") -> Document:
        self.files += 1
        page = papers.draw_page([f"{self.files}"], size=(500, 300), seed=self.files)
        document_id = atwork.take_in(self.workstation, papers.write_png(self.workstation.home / f"{self.files}.png", page))
        with self.workstation.database.writing() as session:
            documents.get_document(session, document_id).document_type = kind
        return self.work(document_id)

    def path(self, document: Document) -> Path:
        return atwork.archive_path(self.workstation, document)

    def data(self, document: Document) -> dict[str, object]:
        with pikepdf.open(self.path(document)) as pdf:
            told: dict[str, object] = json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())
        return told


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, practice_keys: Path) -> Iterator[Desk]:
    evidence = Evidence(profiles={"invoice": "fiscal-min", "letter": "copie-fiable"})
    workstation = atwork.open_home(tmp_path_factory.mktemp("home"), practice_keys, evidence=evidence)
    with atwork.pipeline_of(workstation) as work:
        yield Desk(workstation, work)
    workstation.database.close()


@pytest.fixture(scope="module")
def unsealed(desk: Desk) -> Document:
    return desk.feed()


def test_a_file_of_the_least_profile_bears_no_seal_and_says_what_holds(desk, unsealed):
    assert (unsealed.state, unsealed.archives[0].level, unsealed.archives[0].profile) == (State.SEALED, "", "fiscal-min")
    told = {check.name: (check.ok, check.detail) for check in verify_file(desk.path(unsealed), trust_of(desk.workstation.settings)).checks}
    assert {name for name, (ok, _) in told.items() if ok} == {"syntax", "pdfa", "attachments", "pixels"}
    assert "FISCAL_MIN" in told["coverage"][1]
    assert "registre" in told["coverage"][1]
    assert desk.data(unsealed)["evidence_profile"] == "fiscal-min"


def test_with_the_ledger_its_fingerprint_holds_and_without_it_nothing_does(desk, unsealed, tmp_path):
    with desk.workstation.database.reading() as session:
        assert "écriture" in str(fingerprint_told(session, desk.path(unsealed)))
        changed = tmp_path / "changed.pdf"
        changed.write_bytes(desk.path(unsealed).read_bytes() + b"\n")
        assert fingerprint_told(session, changed) is None


def test_verify_holds_where_this_ledger_names_the_file_and_nowhere_else(desk, unsealed, tmp_path):
    trust = trust_of(desk.workstation.settings)
    found = with_ledger(desk.workstation, desk.path(unsealed), verify_file(desk.path(unsealed), trust))
    assert (found.valid, found.checks[-1].name) == (True, "ledger")
    with pikepdf.open(desk.path(unsealed)) as pdf:
        pdf.save(tmp_path / "rewritten.pdf")
    assert not with_ledger(desk.workstation, tmp_path / "rewritten.pdf", verify_file(tmp_path / "rewritten.pdf", trust)).valid


def test_a_sealed_file_whose_seal_is_stripped_does_not_become_one_that_needs_none(desk, tmp_path):
    order = desk.feed("order")
    with pikepdf.open(desk.path(order)) as pdf:
        for key in ("/AcroForm", "/Perms", "/DSS"):
            del pdf.Root[key]
        pdf.save(tmp_path / "stripped.pdf")
    path = tmp_path / "stripped.pdf"
    assert not with_ledger(desk.workstation, path, verify_file(path, trust_of(desk.workstation.settings))).valid


def test_its_gauge_stops_at_the_fingerprint(desk, unsealed):
    with desk.workstation.database.reading() as session:
        document = documents.get_document(session, unsealed.id)
        assert gauge_of(session, document, desk.workstation.settings).level is Rung.FINGERPRINT
    assert [f"{each.name}: {each.english}" for each in audit_ledger(desk.workstation) if not each.ok] == []


def test_another_kind_is_sealed_and_the_ledger_names_its_profile(desk):
    order = desk.feed("order")
    assert (order.archives[0].level, order.archives[0].profile) == ("B-LTA", "fiscal-seal")
    with desk.workstation.database.reading() as session:
        payloads = [payload for _, kind, _, payload in story_of(session, order.id) if kind == "sealed"]
        assert gauge_of(session, documents.get_document(session, order.id), desk.workstation.settings).level is Rung.PRACTICE
    assert [each["evidence"] for each in payloads] == ["fiscal-seal"]


def test_a_copie_fiable_of_which_nothing_is_qualified_waits_and_is_not_sealed_under_that_name(desk):
    before = len(list((desk.workstation.home / "archive").rglob("*.pdf")))
    letter = desk.feed("letter")
    assert (letter.state, letter.problem, letter.archives) == (State.RECEIVED, "nothing-qualified", [])
    assert len(list((desk.workstation.home / "archive").rglob("*.pdf"))) == before


def test_or_is_sealed_under_the_lesser_name_and_says_so_where_the_house_chose_that(desk):
    settings = desk.workstation.settings
    chosen = settings.model_copy(update={"evidence": Evidence(profiles={"letter": "copie-fiable"}, unqualified="seal")})
    other = Workstation(chosen, desk.workstation.database, desk.workstation.originals, desk.workstation.archives)
    with atwork.pipeline_of(other) as work:
        letter = Desk(other, work)
        letter.files = 50
        document = letter.feed("letter")
    with other.database.reading() as session:
        payload = next(payload for _, kind, _, payload in story_of(session, document.id) if kind == "sealed")
    assert (document.archives[0].profile, payload["evidence"], payload["evidence_wanted"]) == ("fiscal-seal", "fiscal-seal", "copie-fiable")
    assert letter.data(document)["evidence_profile"] == "fiscal-seal"


def test_a_qualified_seal_makes_a_copie_fiable(desk, monkeypatch):
    children = desk.work.pipeline._sealers

    class Qualified:
        """The children, as if a trusted list called the seal qualified."""

        count = children.count

        def run(self, function: object, seconds: float, *arguments: object) -> object:
            found = children.run(function, seconds, *arguments)
            return replace(found, qualified="seal") if isinstance(found, pixels.Proved) else found

    monkeypatch.setattr(desk.work.pipeline, "_sealers", Qualified())
    letter = desk.feed("letter")
    assert (letter.archives[0].profile, letter.archives[0].qualified) == ("copie-fiable", "seal")
    assert desk.data(letter)["evidence_profile"] == "copie-fiable"


@pytest.mark.parametrize(
    ("place", "branch", "held"),
    [
        ("folder:/mnt/notaire", "this", True),
        ("mail:notaire@exemple.fr", "this", True),
        ("folder:witness", "this", False),
        ("mail:notaire@exemple.fr", "given up", False),
    ],
)
def test_a_checkpoint_of_this_log_that_left_the_house_witnesses_what_it_covers_and_a_folder_at_home_does_not(desk, place, branch, held):
    order = desk.feed("order")
    with desk.workstation.database.writing() as session:
        tree, now = tree_of(session, "essai"), desk.workstation.clock()
        root = tree.root if branch == "this" else bytes(32)
        note = sign_note(checkpoint_text("essai", tree.size, root, now), "essai", Ed25519PrivateKey.generate())
        row = CheckpointRow(entity="essai", size=tree.size, note=note, token=None, made_at=now)
        session.add(row)
        session.flush()
        session.add(Delivery(checkpoint_id=row.id, entity="essai", witness=place, try_at=now, done_at=now))
        session.flush()
        document = documents.get_document(session, order.id)
        assert (Rung.WITNESSED in gauge_of(session, document, desk.workstation.settings).reached) is held
        session.rollback()


def test_a_file_of_the_version_before_stands_where_its_seal_stands(desk):
    order = desk.feed("order")
    with desk.workstation.database.writing() as session:
        document = documents.get_document(session, order.id)
        document.archives[0].profile = document.archives[0].qualified = None
        assert gauge_of(session, document, desk.workstation.settings).level is Rung.PRACTICE
        assert archive_profile(document.archives[0]) is EvidenceProfile.FISCAL_SEAL
        session.rollback()


# --- words ---


def test_no_screen_and_no_message_says_valeur_probante_but_to_deny_it():
    root = Path(__file__).parents[1]
    rooms = [root / room for room in ("capture", "conformity", "config", "ocr", "sealing", "station", "workflow")]
    texts = [
        path for room in rooms for path in room.rglob("*") if path.suffix in {".py", ".toml", ".html", ".js"} and "vendor" not in path.parts
    ]
    claims = []
    for path in texts:
        for line in path.read_text(encoding="utf-8").splitlines():
            plain = line.lower().replace("sans valeur probante", "").replace("never « valeur probante »", "")
            if "valeur probante" in plain:
                claims.append(f"{path.relative_to(root)}: {line.strip()}")
    assert claims == []
