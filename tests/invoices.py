"""Invoices as the checks see them: a complete one to spoil, what is known beside, and a house that keeps them."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import webhome

from capture.findings import Finding
from config.legal import load_law
from config.settings import Settings
from ocr.text import Line, PageText, Word
from ocr.values import Field, LineItem, Source, Value, VatLine
from station.learning import field_row, say_value
from station.particulars import judge_particulars
from station.records import documents, people
from station.records.tables import Reading
from station.workstation import Workstation
from workflow.invoices import Circumstances, Invoice, invoice_of
from workflow.law import Size

SUPPLIER, BUYER = "732829320", "552100554"
GOOD: dict[str, Value] = {
    "document_type_code": "380",
    "invoice_number": "F-2026-0417",
    "issue_date": date(2026, 11, 17),
    "due_date": date(2026, 12, 17),
    "supplier_name": "Imprimerie des Quais",
    "supplier_siren": SUPPLIER,
    "supplier_siret": "73282932000074",
    "supplier_vat_id": "FR44732829320",
    "buyer_name": "Atelier Sceau SARL",
    "buyer_siren": BUYER,
    "currency": "EUR",
    "total_net": Decimal("1028.80"),
    "total_tax": Decimal("205.76"),
    "total_gross": Decimal("1234.56"),
    "iban": "FR7630006000011234567890189",
    "vat_breakdown": (VatLine(Decimal(20), Decimal("1028.80"), Decimal("205.76")),),
    "lines": (LineItem("Affiches", Decimal(100), Decimal("10.288"), Decimal("1028.80"), Decimal(20)),),
}
WORDS = (
    "FACTURE n° F-2026-0417",
    "TVA 20 % : 205,76 €",
    "Nature des opérations : prestation de services",
    "En cas de retard de paiement : pénalités de trois fois le taux d'intérêt légal,",
    "indemnité forfaitaire pour frais de recouvrement de 40 €. Pas d'escompte pour paiement anticipé.",
)


def pages_of(words: Sequence[str]) -> list[PageText]:
    """One page that bears these lines."""
    lines = tuple(Line(tuple(Word(word, 0, 40 * row, 10, 40 * row + 30, 0.9) for word in text.split())) for row, text in enumerate(words))
    return [PageText(1, 2480, 3508, lines, "drawn")]


def fields_of(values: Mapping[str, Value], confidence: float = 0.97, source: Source = Source.READ) -> dict[str, Field]:
    return {name: Field(name, value, "", 1, None, confidence, "", source=source) for name, value in values.items()}


def invoice(*without: str, words: Sequence[str] = WORDS, source: Source = Source.READ, whole: bool = True, **values: Any) -> Invoice:
    """The good invoice, without some of its fields and with others in their place."""
    told = {name: value for name, value in {**GOOD, **values}.items() if name not in without}
    return invoice_of(fields_of(told, source=source), pages_of(words), whole=whole)


def known(size: Size | None = Size.PME, **more: Any) -> Circumstances:
    """What the house knows: the supplier's size, where one is given."""
    return Circumstances(load_law(), date(2026, 11, 20), {} if size is None else {SUPPLIER: size}, **more)


class House:
    """A workstation that keeps invoices: their rows and words, as a reading leaves them, then judged."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.workstation = with_settings(webhome.open_home(folder), **settings)

    @property
    def settings(self) -> Settings:
        return self.workstation.settings

    def keep(self, name: str, words: Sequence[str] = WORDS, hours: int = 0, source: str = "paper", **values: Any) -> str:
        """The good invoice with other values, received some hours ago; returns the document."""
        at = webhome.NOON - timedelta(hours=hours)
        document_id = webhome._receive(self.workstation, name, f"{name} {values}".encode(), at)
        pages = pages_of(words)
        path = self.workstation.home / "readings" / document_id / "1.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"pages": [page.as_json() for page in pages]}), encoding="utf-8")
        with self.workstation.database.writing() as session:
            document = documents.get_document(session, document_id)
            document.source = source
            sha256 = document.arrivals[0].sha256
            documents.replace_pages(session, document_id, [documents.PageFact(1, sha256, webhome.CODING, sha256)])
            fields = fields_of({name: value for name, value in {**GOOD, **values}.items() if value is not None})
            documents.replace_fields(session, document_id, [field_row(document_id, field) for field in fields.values()])
            told = str(path.relative_to(self.workstation.home))
            session.add(Reading(document_id=document_id, version=1, engine="drawn", path=told, words=9, in_archive=True, read_at=at))
            session.flush()
            session.expire_all()
            judge_particulars(session, document, pages, self.settings)
        return document_id

    def say(self, document_id: str, name: str, value: Value | None) -> None:
        with self.workstation.database.writing() as session:
            say_value(session, self.workstation, document_id, name, value, people.ensure_practice(session))

    def findings(self, document_id: str) -> dict[str, Finding]:
        """By code."""
        with self.workstation.database.reading() as session:
            return {row.code: documents.finding_of(row) for row in documents.get_document(session, document_id).findings}

    def change(self, document_id: str, **values: Any) -> None:
        with self.workstation.database.writing() as session:
            for name, value in values.items():
                setattr(documents.get_document(session, document_id), name, value)


def with_settings(workstation: Workstation, **sections: Mapping[str, Any]) -> Workstation:
    """The same home under other settings: `identity={"sirens": [...]}`."""
    changed = {name: getattr(workstation.settings, name).model_copy(update=dict(values)) for name, values in sections.items()}
    settings = workstation.settings.model_copy(update=changed)
    return Workstation(settings, workstation.database, workstation.originals, workstation.archives, clock=workstation.clock)
