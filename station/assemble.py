"""Puts together what the sealed file says of itself: `capture-data.json`, and the words of its invisible text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capture.catalogue import finding_json
from ocr.fields import Field, fields_json
from ocr.text import PageText
from sealing.ledger import Tree
from sealing.pdfa import TextRun
from station.records.documents import finding_of
from station.records.tables import Document

FILE_NAME = "capture-data.json"
FORMAT = "sceau-capture-data-1"


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The ledger as it stood just before sealing: each sealed and timestamped file thereby witnesses the log up to here."""

    entity: str
    tree: Tree


def capture_data(
    document: Document,
    times: Mapping[str, str],
    reading: Mapping[str, Any],
    fields: Mapping[str, Field],
    witnessed: Witnessed,
    practice: bool,
) -> bytes:
    """The capture record (JSON, sorted keys, UTF-8): context, verdict, findings, rasters, values read and the ledger's head.

    Clauses I, II and III-1 are judged in here; what is true only after sealing stands in the ledger.
    """
    data = {
        "format": FORMAT,
        "evidence": "essai, sans valeur probante" if practice else "cachet",
        "document": document.id,
        "entity": document.entity,
        "context": {
            "station": document.station,
            "operator": document.operator,
            "document_type": document.document_type,
            "names": [arrival.name for arrival in document.arrivals if not arrival.duplicate],
            "times": dict(times),
        },
        "verdict": document.verdict,
        "paper_remains_original": document.paper_stays,
        "decisions": [
            {"choice": d.choice, "reason": d.reason, "actor": d.actor, "at": d.decided_at.isoformat(timespec="milliseconds")}
            for d in document.decisions
        ],
        "findings": [finding_json(finding_of(row)) for row in document.findings],
        "raster_format": "sceau-raster-1",
        "pages": [
            {"number": page.number, "original": page.sha256, "coding": page.coding, "raster": page.raster} for page in document.pages
        ],
        "reading": dict(reading),
        "fields": fields_json(fields),
        "ledger": {"entity": witnessed.entity, "size": witnessed.tree.size, "root": witnessed.tree.root.hex()},
    }
    return json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8")


def text_runs(page: PageText) -> tuple[TextRun, ...]:
    """The words of a page as the archive's invisible text takes them."""
    return tuple(TextRun(word.text, word.x0, word.y0, word.x1, word.y1) for word in page.words)


def reading_note(pages: Sequence[PageText], trouble: str | None) -> dict[str, Any]:
    """What the sealed file says about its text."""
    return {
        "engine": pages[0].engine if pages else None,
        "words": sum(len(page.words) for page in pages),
        "in_this_file": bool(pages),
        "trouble": trouble,
        "reviewed": False,
        "note": "Valeurs lues automatiquement, non relues par une personne.",
    }
