"""The verdict of one document, clause by clause: a page that can be printed, and the same as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from conformity.clauses import HOUSE_ROW, ClauseRow, Outcome, Said, text_on, worst_of
from station.acts import source_of
from station.evidence import gauge_of
from station.records import documents
from station.records.tables import Document
from station.verdicts import policy_in_force, tolerance_note, verdict_json, verdict_of
from station.web import desk, show
from station.web.show import Badge, Tone
from station.web.words import Words, typeset

router = APIRouter()
OUTCOME_LOOKS: dict[Outcome, tuple[Tone, str]] = {
    Outcome.CONFORM: ("good", "circle-check"),
    Outcome.REVIEW: ("watch", "triangle-alert"),
    Outcome.AGAINST: ("bad", "circle-x"),
    Outcome.ORGANISATION: ("calm", "scroll-text"),
    Outcome.LATER: ("busy", "clock"),
    Outcome.APART: ("calm", "info"),
}
PARTS = ("I", "II", "III")


@dataclass(frozen=True, slots=True)
class ShownRow:
    clause: str
    quotation: str
    badge: Badge
    measured: str
    limit: str
    authority: str
    remedy: str | None
    covered_by: str | None


@dataclass(frozen=True, slots=True)
class ShownPart:
    """One part of the article, with the heaviest outcome in it."""

    name: str
    badge: Badge
    rows: tuple[ShownRow, ...]


@router.get("/documents/{document_id}/verdict")
def verdict_page(request: Request, session: desk.InReading, document_id: str) -> Response:
    """Each clause with its words, outcome, measure, limit and remedy; complete once the document is sealed."""
    document = documents.get_document(session, document_id)
    t, settings = desk.words_of(request), desk.workstation_of(request).settings
    verdict, found = verdict_of(session, document, settings), gauge_of(session, document, settings)
    return desk.show(
        request,
        "verdict.html",
        document=document,
        source=source_of(document).value,
        card=show.card_of(document, t, has_thumb=False, findings=0),
        judged=document.verdict is not None,
        parts=show_parts(verdict.rows, t),
        house=show_row(verdict.house, t),
        law=text_on(document.received_at.date()),
        policy=policy_in_force(document, settings),
        tolerance=document.tolerance,
        steps=show.evidence_steps(found, t),
        lack=show.lack_words(found, t),
    )


@router.get("/documents/{document_id}/verdict.json")
def verdict_data(request: Request, session: desk.InReading, document_id: str) -> Response:
    """The rows for programs, in both languages."""
    document = documents.get_document(session, document_id)
    settings = desk.workstation_of(request).settings
    return JSONResponse(told_verdict(document, verdict_json(verdict_of(session, document, settings))))


def told_verdict(document: Document, rows: dict[str, Any]) -> dict[str, Any]:
    """For programs, in both languages."""
    law = text_on(document.received_at.date())
    return {
        "document": document.id,
        "verdict": document.verdict,
        "original_stays": document.paper_stays,
        "source": source_of(document).value,
        "policy": document.policy,
        "tolerance": tolerance_note(document.tolerance),
        "law": {"article": law.article, "source": law.source, "in_force": law.in_force.isoformat()},
        "reading_reviewed": False,
        **rows,
    }


def show_parts(rows: Sequence[ClauseRow], t: Words) -> tuple[ShownPart, ...]:
    """The rows under the three parts of the article."""
    parts = []
    for name in PARTS:
        inside = [row for row in rows if row.clause.split("-")[0] == name]
        parts.append(ShownPart(name, outcome_badge(worst_of(inside), t), tuple(show_row(row, t) for row in inside)))
    return tuple(parts)


def show_row(row: ClauseRow, t: Words) -> ShownRow:
    return ShownRow(
        clause=t("clauses.house-name") if row.clause == HOUSE_ROW else row.clause,
        quotation=row.quotation and typeset(f"« {row.quotation} »"),
        badge=outcome_badge(row.outcome, t),
        measured=_words(row.measured, t) or "",
        limit=_words(row.limit, t) or "",
        authority=t(f"authority.{row.authority.name.lower()}"),
        remedy=_words(row.remedy, t),
        covered_by=_words(row.covered_by, t),
    )


def outcome_badge(outcome: Outcome, t: Words) -> Badge:
    tone, symbol = OUTCOME_LOOKS[outcome]
    return Badge(t(f"outcome.{outcome.name.lower()}"), tone, symbol)


def _words(said: Said | None, t: Words) -> str | None:
    return None if said is None else typeset(said.en if t.language == "en" else said.fr)
