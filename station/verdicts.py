"""The verdict of one document, clause by clause, from what the records hold: for the page, for programs, for the inside of the file."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.options import organisation_of, policies_of, policy_of
from config.settings import Settings
from conformity.clauses import ClauseFacts, ClauseRow, Counted, Organisation, Sealed, judge_clauses, judge_policy, row_json, text_on
from conformity.policy import Policy
from station.acts import is_electronic, source_of
from station.controls import last_done
from station.dossier import dossier_note, dossier_of, newest_dossier
from station.evidence import signature_of
from station.mandates import mandate_in_force
from station.records.documents import finding_of
from station.records.ledger import story_of
from station.records.tables import Document, PassportRow, Tolerance
from station.stored import page_from


@dataclass(frozen=True, slots=True)
class Verdict:
    """The rows of the article, and the row of the house."""

    rows: tuple[ClauseRow, ...]
    house: ClauseRow


def verdict_of(session: Session, document: Document, settings: Settings, *, sealing: bool = False) -> Verdict:
    """Of the document as it stands; `sealing`: for the inside of its file, before what only the seal makes true."""
    findings = [finding_of(row) for row in document.findings]
    facts = facts_of(session, document, settings, sealing=sealing)
    return Verdict(judge_clauses(findings, facts), judge_policy(findings, facts))


def facts_of(session: Session, document: Document, settings: Settings, *, sealing: bool = False) -> ClauseFacts:
    """What the rows rest on, beside the findings."""
    pages = document.current_pages
    passport = passport_then(session, document)
    return ClauseFacts(
        pages=tuple(page_from(page.coding) for page in pages),
        decoded=sum(1 for page in pages if page.raster),
        policy=policy_in_force(document, settings),
        day=document.received_at.date(),
        organisation=organised(session, document, settings),
        document_type=document.document_type,
        source=source_of(document),
        counted=counted_of(document),
        tolerance=accepted_by(document),
        passport=f"n° {passport.id} ({passport.made_at.date().isoformat()})" if passport else None,
        passport_failed=passport is not None and passport.outcome == "fail",
        mandate=mandate_then(session, document, settings),
        sealing=sealing,
        sealed=None if sealing else sealed_of(session, document),
    )


def organised(session: Session, document: Document, settings: Settings) -> Organisation:
    """What the company says of its organisation, with the dossier in force when the document was sealed, and the plan that it holds."""
    told, row = organisation_of(settings), dossier_of(session, document)
    if row is None or row.signed_at is None:
        return told
    day = row.signed_at.date().isoformat()
    newest = max(last_done(session, document.entity).values(), default=None)
    return replace(
        told,
        sealed_dossier=row.sha256 or "",
        dossier_version=str(row.version),
        dossier_date=day,
        control_done="" if newest is None else newest.isoformat(),
    )


def policy_in_force(document: Document, settings: Settings) -> Policy:
    """The very version that judged it; where the settings hold it no longer, or it is not judged yet, that of its day of arrival."""
    told = document.policy or {}
    kept = (policy for policy in policies_of(settings) if policy.as_json() == told)
    return next(kept, policy_of(settings, document.station, document.received_at.date()))


def accepted_by(document: Document) -> str | None:
    """What accepted its missing colours."""
    return next((row.limit for row in document.findings if row.code == "colour-tolerated"), None)


def counted_of(document: Document) -> Counted | None:
    """Sheets of its batch as counted on paper, and sides as they were when it was closed; None where nobody counted, or it is no paper."""
    sheets, pages = document.batch.expected_sheets, document.batch.counted_pages
    return Counted(sheets, pages) if sheets is not None and pages is not None and not is_electronic(document) else None


def passport_then(session: Session, document: Document) -> PassportRow | None:
    """The newest passport of its station's scanner when the document came in."""
    return session.scalars(
        sa.select(PassportRow)
        .where(PassportRow.entity == document.entity, PassportRow.station == document.station, PassportRow.made_at <= document.received_at)
        .order_by(PassportRow.made_at.desc(), PassportRow.id.desc())
        .limit(1)
    ).first()


def sealed_of(session: Session, document: Document) -> Sealed | None:
    """What was proved of the newest sealed file when it was read back."""
    newest = max(document.archives, key=lambda archive: archive.version, default=None)
    if newest is None:
        return None
    failed = tuple(str(check.get("name")) for check in newest.checks if not check.get("ok"))
    return Sealed(newest.level, newest.practice, failed, len(story_of(session, document.id)), _officer(document))


def _officer(document: Document) -> str:
    signed = signature_of(document)
    if signed is None:
        return ""
    if signed.practice:
        return "practice"
    return "qualified" if "signature" in (signed.qualified or "").split() else "signed"


def mandate_then(session: Session, document: Document, settings: Settings) -> str:
    """The mandate of the third party on the day of sealing (today, of what is not sealed), « n° 3 (Coffre SAS) »; empty: none."""
    third_party = settings.organisation.third_party.strip()
    if not third_party:
        return ""
    day = max((archive.sealed_at for archive in document.archives), default=document.changed_at).date()
    found = mandate_in_force(session, document.entity, third_party, day)
    return "" if found is None else f"n° {found.id} ({found.third_party})"


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The rows as JSON: `clauses`, in the article's order, and `house`."""
    return {"clauses": [row_json(row) for row in verdict.rows], "house": row_json(verdict.house)}


def verdict_note(session: Session, document: Document, settings: Settings) -> dict[str, Any]:
    """What the sealed file holds of its verdict: the wording, the policy, the source, the tolerance, the organisation, and the rows.

    Clauses I, II and III-1 are judged in here; II-6, III-2 and III-3 are said to come, since nothing can say of itself that it is sealed.
    """
    text = text_on(document.received_at.date())
    return {
        **verdict_json(verdict_of(session, document, settings, sealing=True)),
        "law": {"article": text.article, "source": text.source, "in_force": text.in_force.isoformat()},
        "policy": document.policy,
        "source": source_of(document).value,
        "supplier_named": document.supplier,
        "tolerance": tolerance_note(document.tolerance),
        "organisation": asdict(organised(session, document, settings)),
        "dossier": dossier_note(newest_dossier(session, document.entity)),
    }


def tolerance_note(tolerance: Tolerance | None) -> dict[str, Any] | None:
    """The decision by which missing colours are accepted, as the sealed file names it."""
    if tolerance is None:
        return None
    return {
        "number": tolerance.id,
        "scope": tolerance.scope,
        "value": tolerance.value,
        "reason": tolerance.reason,
        "actor": tolerance.actor,
        "starts": tolerance.starts,
        "ends": tolerance.ends,
        "decided_at": tolerance.decided_at.isoformat(timespec="milliseconds"),
    }
