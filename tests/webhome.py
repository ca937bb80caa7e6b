"""A workstation's home with real rows for the pages: documents in every state, written through the records as the pipeline writes them."""

import importlib
import io
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from sqlalchemy.orm import Session

from capture.catalogue import finding
from capture.findings import Finding
from capture.scan import Model, Page
from capture.separate import Kind, Recipe
from config.settings import Settings
from sealing.ledger import Actor, ActorKind, Event
from station import acts, batches
from station.records import batches as rows
from station.records import documents, intake, people
from station.records.intake import Incoming
from station.records.ledger import append_event
from station.records.tables import Archive, Batch, Document, FieldRow, State
from station.workstation import Workstation, open_workstation

NOON = datetime(2026, 11, 20, 9, 42, 7, tzinfo=UTC)
SYSTEM = Actor("system", ActorKind.SYSTEM)
CODING = asdict(Page(1, "lzw", True, 2480, 3508, 8, 3, Model.RGB, (300.0, 300.0)))
INK, GREY, BLUE = (28, 30, 38), (120, 124, 132), (36, 62, 120)


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed on a drawn invoice, and so what a reader would read from it."""

    supplier: str
    number: str
    day: str
    net: str
    tax: str
    gross: str
    siren: str = "732829320"
    iban: str = "FR7630006000011234567890189"


PAPERS = (
    Paper("Imprimerie des Quais", "F-2026-0417", "2026-11-17", "1028.80", "205.76", "1234.56"),
    Paper("Menuiserie Le Goff", "2026/318", "2026-11-16", "4860.00", "486.00", "5346.00"),
    Paper("Fournitures Bertin", "BT-90211", "2026-11-14", "86.45", "17.29", "103.74"),
    Paper("Électricité Marchand", "FA 77120", "2026-11-13", "742.50", "148.50", "891.00"),
    Paper("Cabinet Aubry & Fils", "H-26-1108", "2026-11-12", "2400.00", "480.00", "2880.00"),
    Paper("Transports Vasseur", "TV-55031", "2026-11-10", "315.20", "63.04", "378.24"),
)


def open_home(folder: Path, mode: str = "practice") -> Workstation:
    """A home with its database and vaults, its clock stopped at NOON. Modes that cannot be set yet are tried all the same."""
    folder.mkdir(parents=True, exist_ok=True)
    if "SCEAU_TEST_POSTGRES" in os.environ:
        importlib.import_module("onpostgres").people_home(folder)
    elif not (folder / "sceau.db").exists():
        (folder / "sceau.db").write_bytes(_blank_database())
    settings = Settings(home=folder)
    opened = open_workstation(settings.model_copy(update={"sealing": settings.sealing.model_copy(update={"mode": mode})}))
    return Workstation(opened.settings, opened.database, opened.originals, opened.archives, clock=lambda: NOON)


@cache
def _blank_database() -> bytes:
    """Tables and practice account, made once: migrating and argon2 are slow on purpose, and tested elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        opened = open_workstation(Settings(home=Path(folder)))
        with opened.database.writing() as session:
            people.ensure_practice(session)
        opened.database.close()
        return (Path(folder) / "sceau.db").read_bytes()


def fill(workstation: Workstation) -> dict[str, str]:
    """One document of each kind; returns their identifiers by kind."""
    ids = {
        "working": received(workstation, "transport-55031.tif", PAPERS[5], hours=0),
        "failed": failed(workstation, "honoraires-aubry.tif", PAPERS[4], hours=5),
        "paper": sealed(workstation, "electricite-novembre.pdf", PAPERS[3], [lossy()], hours=4, paper_stays=True),
        "held": held(workstation, "copieur-rdc-00017.jpg", PAPERS[2], hours=3),
        "review": sealed(
            workstation, "SCAN_2026-11-19_0931.png", PAPERS[1], [finding("resolution-inferred", page=1, measured="300 × 300 ppp")], hours=2
        ),
        "conform": sealed(workstation, "facture-quais-0417.tif", PAPERS[0], hours=1),
    }
    again(workstation, "facture-quais-0417 (2).tif", PAPERS[0])
    with workstation.database.writing() as session:
        told = {"facture.part.tif": ("still-writing", ""), "raccourci vers scans": ("refused-symlink", "")}
        intake.tell_sightings(session, "demo", told, NOON - timedelta(minutes=3))
        documents.beat(session, "serve-1", "serve", 1, NOON)
        session.flush()
        documents.note_look(session, "serve-1", NOON, taken=False)
    workstation.settings.folder_of(workstation.settings.stations[0]).mkdir(parents=True, exist_ok=True)
    return ids


def lossy() -> Finding:
    return finding("lossy-compression", page=1, measured="JPEG (q≈75)", limit="sans perte")


def received(workstation: Workstation, name: str, paper: Paper, hours: int, at: datetime | None = None) -> str:
    """Taken in, with the light images that the first look makes."""
    at = at or NOON - timedelta(hours=hours)
    document_id = _receive(workstation, name, _png(paper), at)
    for kind, width in (("page", 900), ("thumb", 160)):
        path = workstation.home / "light" / document_id / f"0001-{kind}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_light(paper, width))
    with workstation.database.writing() as session:
        original = documents.get_document(session, document_id).arrivals[0].sha256
        documents.replace_pages(session, document_id, [documents.PageFact(1, original, CODING, original)])
    return document_id


def again(workstation: Workstation, name: str, paper: Paper) -> str:
    """The same bytes under another name: a duplicate."""
    return _receive(workstation, name, _png(paper), NOON)


def held(workstation: Workstation, name: str, paper: Paper, hours: int = 0) -> str:
    document_id = received(workstation, name, paper, hours)
    with workstation.database.writing() as session:
        document = _judge(session, document_id, "blocked", [lossy(), finding("grey-image", page=1, measured="gris 8 bits")])
        _enter(session, document, State.HELD, "held", {"verdict": "blocked"})
    return document_id


def failed(workstation: Workstation, name: str, paper: Paper, hours: int = 0) -> str:
    document_id = received(workstation, name, paper, hours)
    with workstation.database.writing() as session:
        document = _judge(session, document_id, "conform", [])
        document.problem, document.problem_detail = "key-unusable", "PKCS#12: mac verify failure"
        _enter(session, document, State.FAILED, "failed", {"problem": "key-unusable"})
    return document_id


def sealed(
    workstation: Workstation, name: str, paper: Paper, findings: Sequence[Finding] = (), hours: int = 0, paper_stays: bool = False
) -> str:
    document_id = received(workstation, name, paper, hours)
    archive = _keep(workstation.archives, b"%PDF-1.7\n" + document_id.encode() * 900, workstation.home, ".pdf")
    with workstation.database.writing() as session:
        verdict = "blocked" if paper_stays else "review" if findings else "conform"
        if paper_stays:
            document = _judge(session, document_id, verdict, findings)
            _enter(session, document, State.HELD, "held", {"verdict": verdict})
            person = people.ensure_practice(session)
            acts.decide(session, document_id, "treat", "Facture à payer sans attendre, le papier est classé", person, document.changed_at)
        document = _judge(session, document_id, verdict, findings)
        documents.replace_fields(session, document_id, field_rows(document_id, paper))
        _enter(session, document, State.READ, "read", {})
        session.add(
            Archive(
                sha256=archive,
                document_id=document_id,
                version=1,
                size=2_431_877,
                attached=6_210,
                level="B-LTA",
                practice=True,
                checks=[
                    {"name": "syntax", "ok": True, "detail": "3 révisions"},
                    {"name": "coverage", "ok": True, "detail": "2 431 877 octets"},
                    {"name": "seal", "ok": True, "detail": "PAdES B-LTA, certificat d'essai"},
                    {"name": "time", "ok": True, "detail": "20/11/2026"},
                    {"name": "pdfa", "ok": True, "detail": "PDF/A-3b"},
                    {"name": "attachments", "ok": True, "detail": "capture-data.json"},
                    {"name": "pixels", "ok": True, "detail": "1 page, sceau-raster-1"},
                ],
                sealed_at=document.received_at + timedelta(seconds=9),
            )
        )
        session.flush()
        _enter(session, document, State.SEALED, "sealed", {"level": "B-LTA"}, {"archive": archive})
    return document_id


# --- a batch at the desk ---


def wait_until(page: Any, expression: str, seconds: float = 30.0) -> None:
    """Asked from outside: `wait_for_function` evaluates its second look within the page, which the policy of the pages forbids."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        time.sleep(0.05)


def open_batch(workstation: Workstation, **known: object) -> str:
    """An open batch at the station « demo »; `known` as in `station.batches.Opening`."""
    with workstation.database.writing() as session:
        person = people.ensure_practice(session)
        opening = batches.Opening(**known)  # type: ignore[arg-type]
        return batches.begin_batch(session, "demo", "essai", f"lot-{os.urandom(3).hex()}", person, opening, NOON - timedelta(minutes=12)).id


def fed(workstation: Workstation, name: str, paper: Paper, findings: Sequence[Finding] = (), *, blank: bool = False) -> str:
    """A sheet that is judged and waits for the end of its batch."""
    document_id = received(workstation, name, paper, 0)
    with workstation.database.writing() as session:
        document = documents.get_document(session, document_id)
        documents.replace_findings(session, document_id, findings)
        document.verdict = "blocked" if findings else "conform"
        document.current_pages[0].seen = {"blank": blank, "codes": []}
        documents.move_document(document, State.WAITING, NOON)
    return document_id


def feed(workstation: Workstation) -> str:
    """An open batch of four sheets, of which one is blank and one bad, in two documents; returns its identifier."""
    batch = open_batch(workstation, expected_sheets=5, box="A-17", recipe=Recipe(Kind.NONE))
    sheets = ((PAPERS[0], [], False), (PAPERS[1], [], True), (PAPERS[2], [], False), (PAPERS[3], [lossy()], False))
    for number, (paper, findings, blank) in enumerate(sheets, 1):
        fed(workstation, f"scan-{number:03d}.tif", replace(paper, number=f"{paper.number}-lot"), findings, blank=blank)
    with workstation.database.writing() as session:
        found = session.get(Batch, batch)
        stacks = rows.stacks_in(session, batch, State.WAITING)
        batches.edit_batch(session, found, Recipe(), {"do": "split", "key": batches.page_key(stacks[2].current_pages[0])})
    return batch


def field_rows(document_id: str, paper: Paper) -> list[FieldRow]:
    values = {
        "supplier_name": (paper.supplier, 0.97),
        "supplier_siren": (paper.siren, 0.996),
        "invoice_number": (paper.number, 0.997),
        "issue_date": (paper.day, 0.992),
        "total_net": (paper.net, 0.9965),
        "total_tax": (paper.tax, 0.72),
        "total_gross": (paper.gross, 0.9964),
        "currency": ("EUR", 0.99),
        "iban": (paper.iban, 0.41),
    }
    return [
        FieldRow(document_id=document_id, name=name, source="read", value=value, raw=value, page=1, confidence=confidence)
        for name, (value, confidence) in values.items()
    ]


def _judge(session: Session, document_id: str, verdict: str, findings: Sequence[Finding]) -> Document:
    document = documents.get_document(session, document_id)
    documents.replace_findings(session, document_id, findings)
    document.verdict = verdict
    _enter(session, document, State.JUDGED, "judged", {"verdict": verdict})
    session.flush()
    session.refresh(document, ["findings"])
    return document


def _enter(
    session: Session, document: Document, state: State, kind: str, body: dict[str, str], objects: dict[str, str] | None = None
) -> None:
    at = document.changed_at + timedelta(seconds=2)
    documents.move_document(document, state, at)
    append_event(session, Event(document.entity, kind, {"document": document.id, **(objects or {})}, SYSTEM, at, "system", body))


def _receive(workstation: Workstation, name: str, content: bytes, at: datetime) -> str:
    sha256 = _keep(workstation.originals, content, workstation.home)
    with workstation.database.writing() as session:
        incoming = Incoming(
            entity="essai", station="demo", operator="atelier", document_type="invoice", profile="a102-b2", name=name, inode=1,
            mtime_ns=len(name), size=len(content), sha256=sha256, at=at, document_id=os.urandom(16).hex(),
        )  # fmt: skip
        return intake.receive(session, incoming).document_id


def _keep(vault: object, content: bytes, home: Path, suffix: str = "") -> str:
    source = home / f"draft-{os.urandom(4).hex()}"
    source.write_bytes(content)
    kept = vault.keep(source, suffix)  # type: ignore[attr-defined]
    source.unlink()
    return str(kept.sha256)


@cache
def _png(paper: Paper) -> bytes:
    buffer = io.BytesIO()
    draw_page(paper).quantize(32, dither=Image.Dither.NONE).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@cache
def _light(paper: Paper, width: int) -> bytes:
    """What the first look makes of it, a JPEG of so many pixels across."""
    image, buffer = Image.open(io.BytesIO(_png(paper))).convert("RGB"), io.BytesIO()
    image.resize((width, width * image.height // image.width)).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()


def draw_page(paper: Paper) -> Image.Image:
    """An A4 invoice at 110 dpi, as a flatbed sees it: slightly warm paper, ink, a stamp."""
    page = Image.new("RGB", (910, 1287), (252, 250, 244))
    pen = ImageDraw.Draw(page)

    def write(x: int, y: int, text: str, size: int = 20, colour: tuple[int, int, int] = INK, right: bool = False) -> None:
        pen.text((x, y), text, colour, _font(size), anchor="ra" if right else "la")

    pen.rectangle((70, 70, 118, 118), BLUE)
    write(136, 72, paper.supplier, 34, BLUE)
    write(136, 114, f"SIREN {paper.siren} · 12 quai de la Fosse, 44000 Nantes", 16, GREY)
    write(70, 220, f"FACTURE {paper.number}", 30)
    write(70, 264, "Date : " + "/".join(reversed(paper.day.split("-"))), 19)
    write(560, 220, "Atelier Sceau SARL", 19)
    write(560, 246, "8 rue des Archives, 75003 Paris", 17, GREY)
    pen.line((70, 350, 840, 350), INK, 2)
    write(70, 362, "Désignation", 17, GREY)
    write(840, 362, "Montant HT", 17, GREY, right=True)
    pen.line((70, 392, 840, 392), GREY, 1)
    for line in range(6):
        write(70, 412 + 42 * line, f"Prestation n° {line + 1}, selon devis et bon de livraison", 18)
        write(840, 412 + 42 * line, f"{float(paper.net) / 6:.2f}".replace(".", ","), 18, right=True)
    for line, (label, value) in enumerate((("Total HT", paper.net), ("TVA", paper.tax), ("Total TTC", paper.gross))):
        write(560, 730 + 40 * line, label, 21)
        write(840, 730 + 40 * line, value.replace(".", ",") + " €", 21, right=True)
    pen.rectangle((540, 720, 850, 850), outline=INK, width=2)
    pen.ellipse((120, 820, 320, 960), outline=(150, 40, 50), width=4)
    write(160, 878, "BON À PAYER", 20, (150, 40, 50))
    write(70, 1180, f"IBAN {paper.iban}", 17, GREY)
    write(70, 1206, "Pénalités de retard : trois fois le taux légal. Indemnité forfaitaire : 40 €.", 15, GREY)
    return page


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with French letters where the machine has one."""
    for name in ("LiberationSans-Regular.ttf", "DejaVuSans.ttf"):
        with suppress(OSError):
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)
