"""Invoices to be reviewed: drawn, sealed for good as a file, their words and values as a reader would have found them."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import practice
import sqlalchemy as sa
import webhome
from webhome import NOON, PAPERS, Paper

from capture.scan import Model, Page
from ocr.text import Line, PageText, Word
from sealing.seal import seal_file
from station.records import documents, register
from station.records.tables import Archive, FieldRow, PageRow, Reading, Supplier
from station.register import add_account
from station.workstation import Workstation

SIZE = (910, 1287)
CODING = asdict(Page(1, "png", True, *SIZE, 8, 3, Model.RGB, (110.0, 110.0)))
DOUBTFUL = {"total_tax": 0.72, "iban": 0.41}
"""As unsure as the reader is of these."""
SIRENS = ("732829320", "552100554", "542065479")
THREE = tuple(replace(paper, iban="FR7630006000011234567890189") for paper in PAPERS[:3])


def invoice(
    workstation: Workstation, paper: Paper, hours: int = 1, doubtful: dict[str, float] | None = None, *, vouch: bool = True, **values: str
) -> str:
    """One sealed invoice with its text; `values` stand in place of what the paper says, as a misreading would."""
    document_id = webhome.sealed(workstation, f"{paper.number.replace('/', '-')}.tif", paper, hours=hours)
    text = page_text(paper)
    path = Path("readings") / f"{document_id}.json"
    (workstation.home / path).parent.mkdir(exist_ok=True)
    (workstation.home / path).write_text(json.dumps({"pages": [text.as_json()]}), encoding="utf-8")
    draft = workstation.home / f"sealed-{document_id}.pdf"
    draft.write_bytes(_sealed_bytes(paper))
    archive = workstation.archives.keep(draft, ".pdf").sha256
    with workstation.database.writing() as session:
        session.execute(sa.update(PageRow).where(PageRow.document_id == document_id).values(coding=CODING))
        # A second version: what is sealed is never changed.
        session.add(
            Archive(
                sha256=str(archive), document_id=document_id, version=2, size=len(_sealed_bytes(paper)), attached=0, level="B-LTA",
                practice=True, checks=[], sealed_at=NOON,
            )
        )  # fmt: skip
        session.execute(sa.delete(FieldRow).where(FieldRow.document_id == document_id))
        session.add_all(_fields(document_id, paper, text, DOUBTFUL if doubtful is None else doubtful, values))
        session.add(Reading(document_id=document_id, version=1, engine="drawn", path=str(path), words=30, in_archive=True, read_at=NOON))
        documents.touch(documents.get_document(session, document_id), NOON)
    if vouch:
        vouch_for(workstation, paper)
    return document_id


def vouch_for(workstation: Workstation, paper: Paper) -> None:
    """Its account is in the register, approved: nobody has to be asked about it."""
    with workstation.database.writing() as session:
        found = register.find_supplier(session, "essai", f"siren:{paper.siren}")
        told = {"siren": paper.siren, "name": paper.supplier, "changed_by": "x", "changed_at": NOON}
        row = found or Supplier(entity="essai", key=f"siren:{paper.siren}", **told)
        session.add(row)
        session.flush()
        account = add_account(session, row, paper.iban, "p-1", NOON)
        if account is not None:
            account.state, account.approved_by, account.approved_at = register.APPROVED, "p-2", NOON


def three(workstation: Workstation) -> list[str]:
    """Three small invoices of different suppliers and of one day, so that they are due on one; the oldest arrival first."""
    told = (replace(paper, siren=siren, day=THREE[0].day) for paper, siren in zip(THREE, SIRENS, strict=True))
    return [invoice(workstation, paper, 5 - n) for n, paper in enumerate(told)]


def _fields(document_id: str, paper: Paper, text: PageText, doubtful: dict[str, float], values: dict[str, str]) -> Iterator[FieldRow]:
    printed = {
        "supplier_name": (paper.supplier, paper.supplier), "supplier_siren": (paper.siren, paper.siren),
        "invoice_number": (paper.number, paper.number), "issue_date": (paper.day, "/".join(reversed(paper.day.split("-")))),
        "total_net": (paper.net, _euros(paper.net)), "total_tax": (paper.tax, _euros(paper.tax)),
        "total_gross": (paper.gross, _euros(paper.gross)), "currency": ("EUR", "€"), "iban": (paper.iban, paper.iban),
    }  # fmt: skip
    for name, (value, raw) in printed.items():
        box = _box_of(text, raw)
        yield FieldRow(
            document_id=document_id, name=name, source="read", value=values.get(name, value), raw=raw, page=1, box=box,
            confidence=doubtful.get(name, 0.999), reason="its label",
        )  # fmt: skip
    lines = [
        {
            "description": f"Prestation n° {n}",
            "quantity": "1",
            "unit_price": paper.net,
            "net": paper.net,
            "rate": "20.00",
            "page": 1,
            "box": None,
        }
        for n in (1,)
    ]
    yield FieldRow(document_id=document_id, name="lines", source="read", value=json.dumps(lines), page=1, confidence=0.999)
    taxes = [{"rate": "20.00", "base": paper.net, "tax": paper.tax}]
    yield FieldRow(document_id=document_id, name="vat_breakdown", source="read", value=json.dumps(taxes), page=1, confidence=0.999)


def _euros(value: str) -> str:
    return value.replace(".", ",")


def _box_of(text: PageText, raw: str) -> list[int] | None:
    wanted = raw.split()
    for line in text.lines:
        words = line.words
        for start in range(len(words) - len(wanted) + 1):
            if [word.text for word in words[start : start + len(wanted)]] == wanted:
                found = words[start : start + len(wanted)]
                return [found[0].x0, min(w.y0 for w in found), found[-1].x1, max(w.y1 for w in found)]
    return None


@cache
def page_text(paper: Paper) -> PageText:
    """The words that `webhome.draw_page` draws, where it draws them."""
    day = "/".join(reversed(paper.day.split("-")))
    said: Sequence[tuple[int, int, str, int, bool]] = (
        (136, 72, paper.supplier, 34, False),
        (136, 114, f"SIREN {paper.siren} · 12 quai de la Fosse, 44000 Nantes", 16, False),
        (70, 220, f"FACTURE {paper.number}", 30, False),
        (70, 264, f"Date : {day}", 19, False),
        *((560, 730 + 40 * n, label, 21, False) for n, label in enumerate(("Total HT", "TVA", "Total TTC"))),
        *((840, 730 + 40 * n, f"{_euros(value)} €", 21, True) for n, value in enumerate((paper.net, paper.tax, paper.gross))),
        (70, 1180, f"IBAN {paper.iban}", 17, False),
    )  # fmt: skip
    return PageText(1, *SIZE, tuple(_drawn_line(*each) for each in said), "drawn")


def _drawn_line(x: int, y: int, text: str, size: int, right: bool) -> Line:
    font = webhome._font(size)
    left = x - int(font.getlength(text)) if right else x
    words, at = [], 0
    for part in text.split(" "):
        start = left + int(font.getlength(text[:at]))
        words.append(Word(part, start, y, start + int(font.getlength(part)), y + size + 4, 0.97))
        at += len(part) + 1
    return Line(tuple(words))


@cache
def _sealed_bytes(paper: Paper) -> bytes:
    """In a thread of its own: a browser test has an event loop in this one, and sealing begins one, too."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_seal, paper).result()


def _seal(paper: Paper) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = practice.compose(Path(folder), [practice.png_leaf(Path(folder), np.asarray(webhome.draw_page(paper)))])
        seal_file(path, path, practice.sealer())
        return path.read_bytes()
