"""Puts together what the sealed file says of itself: `capture-data.json`, and the words of its invisible text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capture.catalogue import OF_INVOICES, finding_json
from ocr.text import PageText
from sealing.evidence import EvidenceProfile
from sealing.ledger import Tree
from sealing.pdfa import TextRun
from station.acts import profile_of
from station.records.documents import finding_of
from station.records.tables import Batch, Document
from station.versions import is_about, newest_archive

FILE_NAME = "capture-data.json"
FORMAT = "sceau-capture-data-1"


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The ledger as it stood just before sealing: each sealed and timestamped file thereby witnesses the log up to here."""

    entity: str
    tree: Tree


def capture_data(
    document: Document,
    names: Sequence[str],
    times: Mapping[str, str],
    verdict: Mapping[str, Any],
    reading: Mapping[str, Any],
    fields: Mapping[str, Any],
    witnessed: Witnessed,
    practice: bool,
    profile: EvidenceProfile = EvidenceProfile.FISCAL_SEAL,
) -> bytes:
    """The capture record (JSON, sorted keys, UTF-8): context, verdict, findings, rasters, values read and the ledger's head.

    Values are told as `ocr.values.fields_json` tells them. Clauses I, II and III-1 are judged in here (`station.verdicts.verdict_note`);
    what is true only after sealing stands in the ledger.
    """
    data = {
        "format": FORMAT,
        "evidence": evidence_words(profile, practice=practice),
        "evidence_profile": profile.value,
        "document": document.id,
        "entity": document.entity,
        "context": {
            "station": document.station,
            "operator": document.operator,
            "document_type": document.document_type,
            "profile": profile_of(document),
            "names": list(names),
            "batch": batch_note(document.batch),
            "times": dict(times),
        },
        "verdict": document.verdict,
        **verdict,
        "paper_remains_original": document.paper_stays,
        "decisions": [
            {"choice": d.choice, "reason": d.reason, "actor": d.actor, "at": d.decided_at.isoformat(timespec="milliseconds")}
            for d in document.decisions
        ],
        # What is said of the invoice itself follows its values and the records, which go on changing.
        "findings": [finding_json(finding_of(row)) for row in document.findings if row.code not in OF_INVOICES],
        "raster_format": "sceau-raster-1",
        "pages": [
            {
                "number": page.number,
                "original": page.sha256,
                "coding": page.coding,
                "raster": page.raster,
                "blank": bool((page.seen or {}).get("blank")),
                "codes": (page.seen or {}).get("codes", []),
            }
            for page in document.current_pages
        ],
        "replaces": replaced_note(document),
        "reading": dict(reading),
        "fields": dict(fields),
        "ledger": {"entity": witnessed.entity, "size": witnessed.tree.size, "root": witnessed.tree.root.hex()},
    }
    return json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8")


def evidence_words(profile: EvidenceProfile, *, practice: bool) -> str:
    """What the file may say of itself, and no more: what is qualified stands in the trusted lists, never in here."""
    if practice:
        return "essai, sans valeur probante"
    return "empreinte" if profile is EvidenceProfile.FISCAL_MIN else "cachet"


def kind_note(document: Document) -> dict[str, Any]:
    """What kind of document it is taken for, and under which text its copy is made."""
    return {"kind": document.document_type, "profile": profile_of(document)}


def batch_note(batch: Batch) -> dict[str, Any]:
    """What a person or a slip said of what was fed together."""
    return {
        "id": batch.id,
        "kind": batch.kind,
        "opened_by": batch.opened_by,
        "expected_sheets": batch.expected_sheets,
        "arrival_date": batch.arrival_date,
        "box": batch.box,
    }


def replaced_note(document: Document) -> dict[str, Any] | None:
    """What this version corrects: a sealed one, pages that a new scan replaced, other documents; None where it is the first and whole."""
    worn = [page for page in document.pages if page.superseded]
    newest, correction = newest_archive(document), correction_note(document)
    if newest is None and not worn and correction is None:
        return None
    return {
        "archive": newest.sha256 if newest else None,
        "version": newest.version if newest else None,
        "pages": [{"number": page.number, "original": page.sha256, "raster": page.raster} for page in worn],
        "correction": correction,
    }


def correction_note(document: Document) -> dict[str, Any] | None:
    """Who changed what and why, since the newest sealed version; None where nobody did."""
    made = [decision for decision in document.decisions if decision.detail and is_about(decision, document)]
    if not made:
        return None
    told = {name: value for name, value in (made[-1].detail or {}).items() if name != "before"}
    return {**told, "author": made[-1].actor, "reason": made[-1].reason, "at": made[-1].decided_at.isoformat(timespec="milliseconds")}


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
