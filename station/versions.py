"""What a sealed version consists of, remembered before its document is changed: for whoever gives up, and for the next sealed file."""

from dataclasses import asdict
from typing import Any

from station.records.documents import finding_of
from station.records.scope import lifted
from station.records.tables import Archive, Decision, Document
from station.workstation import Workstation


def newest_archive(document: Document) -> Archive | None:
    """Its newest sealed version; None before the first."""
    return max(document.archives, key=lambda archive: archive.version, default=None)


def is_archived(workstation: Workstation, sha256: str) -> bool:
    """Whether a version with these bytes stands in the records by now, whoever noted it."""
    with workstation.database.reading() as session, lifted(session):
        return session.get(Archive, sha256) is not None


def name_version(document: Document) -> dict[str, Any]:
    """The document and its newest sealed version, as entries and sealed files name them."""
    newest = newest_archive(document)
    return {"document": document.id, "archive": newest and newest.sha256, "version": newest and newest.version}


def remember_change(document: Document, change: dict[str, Any]) -> dict[str, Any]:
    """What a decision keeps of a change to a document that is worked again: the change, what it replaces, and how that was made up."""
    if newest_archive(document) is None:
        return {**change, "replaces": []}
    earlier = open_change(document)
    before = _made_up(document) if earlier is None else (earlier.detail or {})["before"]
    return {**change, "replaces": [name_version(document)], "before": before}


def open_change(document: Document) -> Decision | None:
    """The newest change to a sealed version that has not come to a further one; None once it has, or was given up."""
    newest = newest_archive(document)
    if newest is None:
        return None
    last = next((decision for decision in reversed(document.decisions) if decision.detail or decision.choice == GIVEN_UP), None)
    return last if last is not None and last.detail and "before" in last.detail and is_about(last, document) else None


GIVEN_UP = "give-up"


def is_about(decision: Decision, document: Document) -> bool:
    """Whether the decision changes the newest version, and not one before it or another document's."""
    replaced = (decision.detail or {}).get("replaces", ())
    newest = newest_archive(document)
    return newest is None or any(each["document"] == document.id and each["version"] == newest.version for each in replaced)


def _made_up(document: Document) -> dict[str, Any]:
    pages = [
        {"sha256": page.sha256, "coding": dict(page.coding), "raster": page.raster, "seen": page.seen and dict(page.seen)}
        for page in document.current_pages
    ]
    reading = max((reading.version for reading in document.readings if reading.in_archive), default=None)
    return {
        "kind": document.document_type,
        "pages": pages,
        "reading": reading,
        "verdict": document.verdict,
        "findings": [asdict(finding_of(row)) for row in document.findings],
        "paper_stays": document.paper_stays,
        "policy": document.policy and dict(document.policy),
        "tolerance": document.tolerance_id,
    }
