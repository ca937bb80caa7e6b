"""The review of an invoice by a clerk: what is said of each field is an event, and only what is submitted becomes a person's word.

Until then nothing of it counts anywhere else: not for the sealed file, the checks, or the next paper of the supplier.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from math import inf
from typing import Any

from sqlalchemy.orm import Session

from config.settings import Settings
from ocr.amounts import find_amounts
from ocr.confidence import Thresholds, doubts
from ocr.dates import find_dates
from ocr.identifiers import compact
from ocr.layout import Sheet, lay_out
from ocr.locate import label_fit, locate_on
from ocr.second import SecondReading
from ocr.text import PageText, Word
from ocr.turning import shown_box
from ocr.values import LISTS, NAMES, Value
from sealing.ledger import Event
from station import deadlines, drift, learning, tasks
from station.acts import NotOffered, actor_of, shown_document
from station.particulars import bearer_of, field_from, is_vouched, known_accounts, seems_ours
from station.records import documents, learned, people
from station.records import review as records
from station.records.ledger import append_event
from station.records.tables import AccountChange, Document, FieldRow, LessonRow, Person, Review, ReviewEvent, State
from station.records.totals import look_since, looked_through
from station.stored import field_text
from station.workstation import Workstation
from workflow.kinds import INVOICES

best_rows = documents.best_rows
AT_ONCE = 200
"""Documents noted in one transaction."""
MOST_ALTERNATIVES = 6
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "vat_breakdown": ("rate", "base", "tax"),
    "lines": ("description", "quantity", "unit_price", "net", "rate"),
}
"""What each row of a list tells, in the order of the paper."""
_MONEY = frozenset({"base", "tax", "net", "unit_price"})
MOST_ROWS = 500
_PLAIN_NUMBER = re.compile(r"-?\d{1,12}(?:[.,]\d{1,6})?")
_CONFUSED = frozenset("O0QDIl1|SZ25B8G6")
"""Signs that readers take for one another."""
UNSURE_WORD = 0.95
"""Confidence of a word below which a confusable sign in it is underlined."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a clerk says of one field, not yet submitted."""

    state: str
    """confirmed, said, absent; unclear: what was typed is no value of the field, and is kept as typed."""
    typed: str
    value: str | None
    """Canonical text; None of what is absent or unclear."""
    base: str | None
    """The value that counted when it was said."""
    page: int | None = None
    box: tuple[int, ...] | None = None
    """Where the page shows it, in pixels of the page as it is shown."""
    wrong: str | None = None
    """What is wrong with an unclear one (`station.learning.Unreadable`)."""
    by: str = ""
    """Pseudonym."""


@dataclass(frozen=True, slots=True)
class Typed:
    """One field as a form or a key sent it."""

    name: str
    text: str
    """Of a list: its rows as JSON, each cell as typed."""
    absent: bool = False
    sure: bool = False
    """Asked once more, the clerk says that the paper prints it so."""
    page: int | None = None
    box: tuple[int, ...] | None = None
    """Of words that were clicked."""
    clear: bool = False
    """Nothing is said of it any more."""


@dataclass(frozen=True, slots=True)
class Clash:
    """One field of which somebody else said something meanwhile."""

    name: str
    mine: str
    """As typed."""
    theirs: str | None
    """Canonical text; None: absent, or nothing said."""
    who: str
    """Pseudonym; empty where a page outside the review changed it."""
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a save or of a submission."""

    done: bool
    revision: int
    clashes: tuple[Clash, ...] = ()
    unclear: tuple[str, ...] = ()
    """Fields whose text is no value."""
    unlooked: tuple[str, ...] = ()
    """Doubtful values on which nobody said anything."""
    account: bool = False
    """The account waits for a second person."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The words of a document, laid out."""

    pages: tuple[PageText, ...]
    second: tuple[SecondReading, ...]
    sheets: tuple[Sheet, ...]


Crop = Callable[[Document, FieldRow], bytes | None]
"""The piece of the page that shows a value, as JPEG."""


# --- the queue ---


def tend_reviews(workstation: Workstation) -> None:
    """Note for the queue whatever changed."""
    while catch_up(workstation) == AT_ONCE:
        pass


def catch_up(workstation: Workstation, limit: int = AT_ONCE) -> int:
    """Note what changed since the queue was noted last, at most so many documents; returns how many. Writes only where something did."""
    with workstation.database.reading() as session:
        since = look_since(session, "reviews", workstation.clock())
        if not records.stale_documents(session, 1, since) and not records.gone_reviews(session, 1, since):
            if since is None:
                looked_through(session, "reviews")
            return 0
    with workstation.database.writing() as session:
        stale = records.stale_documents(session, limit, since)
        sure = {entity: drift.thresholds_of(session, entity) for entity in {document.entity for document in stale}}
        for document in stale:
            noted = note_review(session, document, sure[document.entity], workstation.settings)
            if records.is_settled(noted) and noted.done_at is None:
                # Nobody need open it: who approves is asked at once.
                tasks.ask_approval(session, workstation, document, workstation.clock())
        gone = records.gone_reviews(session, limit, since)
        for review in gone:
            # What a « pli confidentiel » says is told by no queue.
            review.stage, review.title, review.supplier, review.number, review.gross, review.due = "gone", "", "", "", None, None
        return len(stale) + len(gone)


def note_review(session: Session, document: Document, thresholds: Thresholds, settings: Settings | None = None) -> Review:
    """What the queue shows of a document, from its newest values. Without `settings` nobody vouches for an account, and the queue looks
    at it again."""
    review = session.get(Review, document.id)
    best = best_rows(document)
    if review is None:
        review = Review(document_id=document.id, entity=document.entity, received_at=document.received_at, seen=0, stage="open")
        review.revision, review.held = 0, False
    found = doubtful_names(document, thresholds)
    if found and review.done_by is None:
        # It went through unopened; what is there now is no longer sure.
        review.done_at = None
    stage = _stage_of(session, review)
    if not found and review.done_at is None and not _is_account_vouched(session, document, best, settings):
        # However surely it was read, it is not paid before two people stand for it.
        found = ("iban",)
    if not found and review.done_at is None and settings is not None and seems_ours(document, settings):
        # Nobody is owed for what we sold: a person says whose invoice it is before it counts as one to pay.
        found = ("supplier_name",)
    found = (*(name for name in review.doubts or () if name in records.RETURNED and review.done_at is None), *found)
    values = {name: row.value for name, row in best.items()}
    review.stage, review.doubts, review.doubtful = stage, list(found), bool(found)
    review.title, review.supplier = document.title, (values.get("supplier_name") or values.get("supplier_siren") or "")[:200]
    review.number, review.currency = (values.get("invoice_number") or "")[:80], (values.get("currency") or "")[:3] or None
    review.gross, review.due = _amount_or_none(values.get("total_gross")), _day_or_none(values.get("due_date"))
    review.seen = document.revision if settings is not None else 0
    session.add(review)
    session.flush()
    if settings is not None:
        deadlines.note_due(session, settings, document, best)
    return review


def _is_account_vouched(session: Session, document: Document, best: Mapping[str, FieldRow], settings: Settings | None) -> bool:
    row = best.get("iban")
    iban = compact(row.value or "") if row is not None else ""
    if row is None or not iban or row.source == "person":
        return True
    return settings is not None and is_vouched(session, document, iban, settings)


def _stage_of(session: Session, review: Review) -> str:
    if records.pending_accounts(session, review.entity, review.document_id):
        return "account"
    return "done" if review.done_at is not None else "open"


def doubtful_names(document: Document, thresholds: Thresholds) -> tuple[str, ...]:
    """Names of values that a person should look at; « reading » where a page could not be read."""
    best = best_rows(document)
    sure = {name: inf if row.source == "person" else row.confidence or 0.0 for name, row in best.items()}
    found = doubts(sure, thresholds)
    unread = any(row.code.startswith("reading-") for row in document.findings)
    looked = any(row.source == "person" for row in best.values())
    return (*found, "reading") if unread and not looked else found


def _amount_or_none(text: str | None) -> str | None:
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return text if number is not None and number.is_finite() and abs(number.adjusted()) < 13 else None


def _day_or_none(text: str | None) -> str | None:
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        return None


def get_review(session: Session, document_id: str) -> Review:
    """The review of an invoice that is sealed. Raises Unknown, Reserved; NotOffered of what is no such invoice."""
    document = shown_document(session, document_id)
    if document.state != State.SEALED or document.document_type not in INVOICES:
        raise NotOffered(document_id)
    review = session.get(Review, document_id)
    return review if review is not None else note_review(session, document, drift.thresholds_of(session, document.entity))


def ensure_review(workstation: Workstation, document_id: str) -> None:
    """Note the review of a document that is opened before the queue knew of it. Raises as `get_review`."""
    with workstation.database.reading() as session:
        document, review = shown_document(session, document_id), session.get(Review, document_id)
        if review is not None and review.seen == document.revision and document.state == State.SEALED:
            return
    with workstation.database.writing() as session:
        get_review(session, document_id)
        document = documents.get_document(session, document_id)
        note_review(session, document, drift.thresholds_of(session, document.entity), workstation.settings)


# --- who has it open, and when it is to be looked at ---


def take_review(session: Session, document_id: str, person: Person, now: datetime, *, over: bool = False) -> Review:
    """Hold it while working; a colleague who has it keeps it unless he was silent for `records.SILENT`, or it is taken `over`."""
    review = get_review(session, document_id)
    if over or held_by_other(review, person, now) is None:
        review.holder, review.active_at = person.pseudonym, now
    return review


def held_by_other(review: Review, person: Person, now: datetime) -> str | None:
    """Pseudonym of the colleague who has it open."""
    if review.holder in (None, person.pseudonym) or review.active_at is None or now - review.active_at > records.SILENT:
        return None
    return review.holder


def release_review(review: Review, person: Person) -> None:
    if review.holder == person.pseudonym:
        review.holder = review.active_at = None


def postpone(session: Session, document_id: str, until: date, person: Person, now: datetime) -> None:
    """Out of the queue until that day. Raises ValueError where it is no day to come."""
    if until <= now.date():
        raise ValueError("a day to come is needed")
    review = get_review(session, document_id)
    review.postponed_until = until.isoformat()
    release_review(review, person)
    records.add_event(session, review, "postpone", "", (None, {"until": review.postponed_until}), person.pseudonym, now)


def hold_review(session: Session, document_id: str, reason: str, person: Person, now: datetime) -> None:
    """Out of the queue until somebody takes it up again. Raises ValueError without a reason."""
    if not reason.strip():
        raise ValueError("a reason is needed")
    review = get_review(session, document_id)
    review.held, review.hold_reason, review.hold_by = True, reason.strip(), person.pseudonym
    release_review(review, person)
    records.add_event(session, review, "hold", "", (None, {"reason": review.hold_reason}), person.pseudonym, now)


def hand_over(session: Session, document_id: str, to: Person, reason: str, person: Person, now: datetime) -> None:
    """To a colleague, whose queue it heads from now on."""
    review = get_review(session, document_id)
    review.assigned_to, review.assigned_by = to.pseudonym, person.pseudonym
    review.held, review.postponed_until = False, None
    review.hold_reason, review.hold_by = reason.strip() or None, person.pseudonym
    release_review(review, person)
    records.add_event(session, review, "hand", "", (None, {"to": to.pseudonym, "reason": reason.strip()}), person.pseudonym, now)


def resume_review(session: Session, document_id: str, person: Person, now: datetime) -> None:
    """Back in the queue: what was held, postponed or submitted."""
    review = get_review(session, document_id)
    review.held, review.postponed_until, review.hold_reason, review.hold_by = False, None, None, None
    review.done_at = review.done_by = None
    review.stage = _stage_of(session, review)
    records.add_event(session, review, "resume", "", (None, None), person.pseudonym, now)


# --- what is said and not yet submitted ---


def mark_from(stored: Mapping[str, Any] | None) -> Mark | None:
    """The inverse of `dataclasses.asdict` on a Mark."""
    if stored is None:
        return None
    return Mark(**{**stored, "box": tuple(stored["box"]) if stored.get("box") else None})


def stacks_of(events: Iterable[ReviewEvent]) -> tuple[list[ReviewEvent], list[ReviewEvent]]:
    """Events in force since the last submission, oldest first, and those that were undone, the next to be redone last."""
    done: list[ReviewEvent] = []
    undone: list[ReviewEvent] = []
    for event in events:
        match event.kind:
            case "set":
                done.append(event)
                undone.clear()
            case "undo" if done:
                undone.append(done.pop())
            case "redo" if undone:
                done.append(undone.pop())
            case "submit":
                done.clear()
                undone.clear()
    return done, undone


def draft_of(events: Iterable[ReviewEvent]) -> dict[str, Mark]:
    """By field, what is said and not yet submitted."""
    draft: dict[str, Mark | None] = {}
    for event in stacks_of(events)[0]:
        draft[event.field] = mark_from(event.after)
    return {name: mark for name, mark in draft.items() if mark is not None}


def save_typed(
    session: Session, workstation: Workstation, document_id: str, typed: Typed, revision: int, person: Person
) -> tuple[Outcome, Mark | None]:
    """One field as it was typed, confirmed or taken away; nothing is written where somebody said something else since `revision`.

    Raises Unknown, Reserved, NotOffered; ValueError for a name that is no field's.
    """
    review, document = get_review(session, document_id), documents.get_document(session, document_id)
    events = records.events_of(session, document_id)
    draft, now = draft_of(events), workstation.clock()
    mark = None if typed.clear else _mark_of(workstation, document, typed, person)
    clash = _clash(events, draft, typed, mark, revision)
    if clash is not None:
        return Outcome(False, review.revision, (clash,)), draft.get(typed.name)
    if _as_said(draft.get(typed.name)) != _as_said(mark):
        _append(session, review, "set", typed.name, draft.get(typed.name), mark, person, now)
    take_review(session, document_id, person, now)
    return Outcome(True, review.revision), mark


def _as_said(mark: Mark | None) -> Mark | None:
    return replace(mark, by="") if mark else None


def _append(
    session: Session, review: Review, kind: str, name: str, before: Mark | None, after: Mark | None, person: Person, now: datetime
) -> None:
    change = (asdict(before) if before else None, asdict(after) if after else None)
    records.add_event(session, review, kind, name, change, person.pseudonym, now)


def _clash(events: Sequence[ReviewEvent], draft: Mapping[str, Mark], typed: Typed, mark: Mark | None, revision: int) -> Clash | None:
    """Somebody said something else of this very field since the revision that the sender knows."""
    since = [event for event in events if event.revision > revision and event.field == typed.name]
    theirs = draft.get(typed.name)
    if not since or (theirs and mark and (theirs.state, theirs.value, theirs.typed) == (mark.state, mark.value, mark.typed)):
        return None
    return Clash(typed.name, typed.text, (theirs.value or theirs.typed) if theirs else None, since[-1].actor, since[-1].at)


def step_back(session: Session, workstation: Workstation, document_id: str, person: Person, *, forward: bool = False) -> str | None:
    """Undo the newest event in force, or redo what was undone last; the field it was about, None where there is none."""
    review, events = get_review(session, document_id), records.events_of(session, document_id)
    done, undone = stacks_of(events)
    if not (undone if forward else done):
        return None
    event = (undone if forward else done)[-1]
    change = (event.before, event.after) if forward else (event.after, event.before)
    records.add_event(session, review, "redo" if forward else "undo", event.field, change, person.pseudonym, workstation.clock())
    return event.field


# --- reading what was typed ---


def _mark_of(workstation: Workstation, document: Document, typed: Typed, person: Person) -> Mark | None:
    """None where nothing stood there and nothing was typed. Raises ValueError for a name that is no field's."""
    if typed.name not in NAMES:
        raise ValueError(typed.name)
    best = best_rows(document).get(typed.name)
    base = best.value if best else None
    if typed.absent or not typed.text.strip():
        return Mark("absent", "", None, base, by=person.pseudonym) if typed.absent or base else None
    try:
        value = read_rows(typed.name, typed.text, base) if typed.name in LISTS else _read_one(typed)
    except learning.Unreadable as error:
        return Mark("unclear", typed.text, None, base, wrong=error.kind, by=person.pseudonym)
    if value is None:
        return None
    text = field_text(value)
    page, box = (typed.page, typed.box) if typed.page and typed.box else _place_of(workstation, document, typed.name, value, best)
    state = "confirmed" if same_text(typed.name, text, base) else "said"
    return Mark(state, typed.text, base if state == "confirmed" else text, base, page, box, by=person.pseudonym)


def _read_one(typed: Typed) -> Value | None:
    return learning.parse_typed(typed.name, re.sub(r"[\s\u00a0\u202f]+", " ", typed.text), confirmed=typed.sure)


def _place_of(
    workstation: Workstation, document: Document, name: str, value: Value, best: FieldRow | None
) -> tuple[int | None, tuple[int, ...] | None]:
    """Where the page shows what was typed, else nowhere; a confirmed value stays where it was read."""
    if best is not None and best.box and same_text(name, field_text(value), best.value):
        return best.page, tuple(best.box)
    kept = kept_of(workstation, document)
    spot = locate_on(kept.sheets, name, value)
    return (spot.sheet.page, shown_box(spot.box, spot.sheet.page, kept.pages)) if spot else (None, None)


def kept_of(workstation: Workstation, document: Document) -> Kept:
    pages, second = learning.kept_text(workstation, document)
    return Kept(pages, second, lay_out(pages))


def same_text(name: str, one: str | None, other: str | None) -> bool:
    """Whether two canonical texts say the same; rows are compared as rows."""
    if name not in LISTS:
        return learned.same_value(name, one, other)
    return _plain_rows(name, one) == _plain_rows(name, other)


def _plain_rows(name: str, text: str | None) -> list[tuple[Any, ...]]:
    return [tuple(_as_number(row.get(key)) for key in COLUMNS[name]) for row in rows_of(text)]


def _as_number(cell: object) -> object:
    try:
        return Decimal(str(cell)) if cell is not None else None
    except InvalidOperation:
        return str(cell)


def rows_of(text: str | None) -> list[dict[str, Any]]:
    """The rows of a list as it is kept; none of what is no such list."""
    try:
        kept = json.loads(text or "[]")
    except ValueError:
        return []
    return [row for row in kept if isinstance(row, dict)] if isinstance(kept, list) else []


def read_rows(name: str, text: str, base: str | None) -> Value | None:
    """Rows as typed (JSON, cells in the form of people) as a value; None of no row. Raises `learning.Unreadable`."""
    typed, before = rows_of(text)[:MOST_ROWS], rows_of(base)
    made: list[dict[str, Any]] = []
    for row in typed:
        cells = {key: _read_cell(key, str(row.get(key) or "")) for key in COLUMNS[name]}
        if all(cell in (None, "") for cell in cells.values()):
            continue
        if name == "vat_breakdown" and None in cells.values():
            raise learning.Unreadable("row")
        made.append({key: str(cell) if isinstance(cell, Decimal) else cell for key, cell in cells.items()})
    if name == "lines":
        # A line that stays where it was keeps its place on the page.
        places = {str(row.get("description")): row for row in before}
        for row in made:
            old = places.get(str(row["description"]), {})
            row |= {"description": row["description"] or "", "page": old.get("page", 0), "box": old.get("box")}
    if not made:
        return None
    field = field_from(FieldRow(name=name, source="person", value=json.dumps(made)))
    if field is None:
        raise learning.Unreadable("row")
    return field.value


def _read_cell(key: str, text: str) -> Decimal | str | None:
    plain = re.sub(r"[\s\u00a0\u202f€%]+", "", text)
    if key == "description":
        return " ".join(text.split())[:300]
    if not plain:
        return None
    if key in _MONEY and not _PLAIN_NUMBER.fullmatch(plain):
        value = learning.parse_typed("total_net", " ".join(text.split()))
        return value if isinstance(value, Decimal) else None
    if not _PLAIN_NUMBER.fullmatch(plain):
        raise learning.Unreadable("row")
    return Decimal(plain.replace(",", "."))


# --- submitting ---


def save_form(
    session: Session, workstation: Workstation, document_id: str, fields: Sequence[Typed], revision: int, person: Person
) -> Outcome:
    """Every field of a form that its sender changed; what clashes is left as it is and told."""
    outcomes = [save_typed(session, workstation, document_id, typed, revision, person)[0] for typed in fields]
    clashes = tuple(clash for outcome in outcomes for clash in outcome.clashes)
    return Outcome(not clashes, get_review(session, document_id).revision, clashes)


def submit(session: Session, workstation: Workstation, document_id: str, person: Person, crop: Crop, *, whole: bool = False) -> Outcome:
    """What was said becomes a person's word, each with its ledger entry; `whole`: the rest was looked at too, and is right.

    Refused, and nothing is written, while something typed is unclear, a doubtful value was passed over, or a value changed elsewhere.
    """
    review, document = get_review(session, document_id), documents.get_document(session, document_id)
    events, now = records.events_of(session, document_id), workstation.clock()
    draft, best = draft_of(events), best_rows(document)
    refused = _refusal(session, review, document, draft, best, whole=whole)
    if refused is not None:
        return refused
    account = _account_to_hold(session, workstation, document, draft, best)
    for name, mark in draft.items():
        if name != "iban" or account is None:
            learning.say_value(session, workstation, document_id, name, _value_of(name, mark.value), person)
    if account is not None:
        _ask_account(session, document, account, person, now, crop)
        rest = [name for name, row in best.items() if row.source != "person" and name in learning.TYPED and name not in draft]
        for name in rest if whole else ():
            if name != "iban":
                learning.say_value(session, workstation, document_id, name, _value_of(name, best[name].value), person)
    elif whole:
        learning.confirm_rest(session, workstation, document_id, person)
    review.done_at, review.done_by = now, person.pseudonym
    review.held, review.postponed_until, review.hold_reason, review.hold_by = False, None, None, None
    review.holder = review.active_at = None
    records.add_event(session, review, "submit", "", (None, None), person.pseudonym, now)
    session.expire(document, ["fields", "findings"])
    note_review(session, document, drift.thresholds_of(session, document.entity), workstation.settings)
    if review.stage == "done":
        tasks.ask_approval(session, workstation, document, now)
    return Outcome(True, review.revision, account=account is not None)


def _refusal(
    session: Session, review: Review, document: Document, draft: Mapping[str, Mark], best: Mapping[str, FieldRow], *, whole: bool
) -> Outcome | None:
    unclear = tuple(name for name, mark in draft.items() if mark.state == "unclear")
    moved = tuple(
        Clash(name, mark.typed, best[name].value if name in best else None, (best[name].actor or "") if name in best else "", None)
        for name, mark in draft.items()
        if name in best
        and mark.state != "unclear"
        and not same_text(name, best[name].value, mark.base)
        and not same_text(name, best[name].value, mark.value)
    )
    found = doubtful_names(document, drift.thresholds_of(session, document.entity))
    unlooked = () if whole else tuple(name for name in found if name not in draft and name != "reading")
    if not (unclear or moved or unlooked):
        return None
    return Outcome(False, review.revision, moved, unclear, unlooked)


def _value_of(name: str, text: str | None) -> Value | None:
    field = field_from(FieldRow(name=name, source="person", value=text)) if text else None
    return field.value if field else None


# --- accounts ---


def say_ours(session: Session, workstation: Workstation, document_id: str, person: Person) -> None:
    """A person says that the company issued it: who was read as its seller is its customer. Raises Unknown, Reserved; ValueError where
    nothing on it is ours, or the settings do not tell by what number the company is known."""
    document = shown_document(session, document_id)
    settings = workstation.settings.of_company(document.entity)
    if not seems_ours(document, workstation.settings):
        raise ValueError(document_id)
    company = settings.company_named(document.entity)
    alone = company is None and not workstation.settings.is_group
    siren = company.siren if company else next(iter(settings.identity.sirens), "") if alone else ""
    vat = company.vat_id if company else next(iter(settings.identity.vat_ids), "") if alone else ""
    name = company.name if company else next(iter(settings.identity.names), "") if alone else ""
    if not (siren or vat):
        raise ValueError(document_id)
    best = best_rows(document)
    read = {each: best[each].value if each in best else None for each in ("supplier_name", "supplier_siren")}
    said = {
        "buyer_name": read["supplier_name"], "buyer_siren": read["supplier_siren"], "supplier_name": name, "supplier_siren": siren,
        "supplier_vat_id": vat, "supplier_siret": "",
    }  # fmt: skip
    for field, text in said.items():
        if text or field in best:
            learning.say_value(session, workstation, document_id, field, text or None, person)


@dataclass(frozen=True, slots=True)
class _Account:
    iban: str
    supplier: str
    known: tuple[str, ...]
    page: int | None
    box: tuple[int, ...] | None


def _account_to_hold(
    session: Session, workstation: Workstation, document: Document, draft: Mapping[str, Mark], best: Mapping[str, FieldRow]
) -> _Account | None:
    """An account that nobody but its first invoice, or whoever typed it, answers for."""
    mark, row = draft.get("iban"), best.get("iban")
    iban = compact((mark.value or "") if mark else (row.value or "") if row else "")
    if not iban or (mark is None and row is not None and row.source == "person"):
        return None
    if is_vouched(session, document, iban, workstation.settings):
        return None
    supplier, known = known_accounts(session, document, iban, workstation.settings)
    place = (mark.page, mark.box) if mark and mark.box else (row.page, tuple(row.box or ())) if row else (None, None)
    return _Account(iban, supplier, _other_than(iban, known), place[0], place[1] or None)


def _other_than(iban: str, known: Iterable[str]) -> tuple[str, ...]:
    """Accounts to compare with. That an earlier invoice, for whose account nobody stood either, bore the same one makes it no known one."""
    return tuple(each for each in known if each != iban)


def _ask_account(session: Session, document: Document, account: _Account, person: Person, now: datetime, crop: Crop) -> None:
    """The account waits for a second person, with what both pages show of it."""
    _drop_asked(session, document, person, now)
    shown = FieldRow(name="iban", page=account.page, box=list(account.box) if account.box else None)
    bearer = bearer_of(session, document, account.known) if account.known else None
    old = documents.get_document(session, bearer) if bearer else None
    old_row = next((row for iban in account.known for row in [records.bearer_row(session, old.id, iban)] if row), None) if old else None
    asked = AccountChange(
        document_id=document.id, entity=document.entity, supplier=account.supplier, iban=account.iban, known=list(account.known),
        earlier_id=bearer, crop=crop(document, shown), earlier_crop=crop(old, old_row) if old and old_row else None,
        asked_by=person.pseudonym, asked_at=now,
    )  # fmt: skip
    session.add(asked)
    session.flush()
    _enter_account(session, asked, "asked", person, now)


def decide_account(
    session: Session, workstation: Workstation, number: int, person: Person, reason: str, *, approved: bool
) -> AccountChange:
    """A second person has compared both crops. Approved, the account becomes the invoice's and is known; refused, the
    invoice is in the queue again.

    Raises NotOffered where nothing waits or the same person asked, ValueError for a refusal without its reason.
    """
    asked, now = session.get(AccountChange, number), workstation.clock()
    if asked is None or asked.decided_at is not None or is_barred(session, asked, person, now):
        raise NotOffered(str(number))
    if not approved and not reason.strip():
        raise ValueError("a refusal needs its reason")
    document = shown_document(session, asked.document_id)
    if not records.claim_account(session, asked, person.pseudonym, now):
        raise NotOffered(str(number))
    asked.approved, asked.reason = approved, reason.strip() or None
    session.flush()
    _enter_account(session, asked, "approved" if approved else "refused", person, now)
    review = get_review(session, document.id) if _is_reviewable(document) else None
    if approved:
        learning.say_value(session, workstation, document.id, "iban", asked.iban, person)
    elif review is not None:
        records.return_review(session, review, records.ACCOUNT_REFUSED, reason.strip(), person.pseudonym, now)
    _note_again(session, workstation, document)
    if review is not None and review.stage == "done":
        tasks.ask_approval(session, workstation, document, now)
    return asked


def is_barred(session: Session, asked: AccountChange, person: Person, now: datetime) -> bool:
    """Whether this person brought the account, by typing it or by submitting it, or stands in for who did."""
    typed = records.typists_of(session, asked.document_id).get("iban", frozenset())
    brought = {asked.asked_by, *(who for who, text in typed if compact(text) == compact(asked.iban))}
    return any(people.are_one(session, who, person.pseudonym, asked.asked_at, now) for who in brought)


def _drop_asked(session: Session, document: Document, person: Person, now: datetime) -> None:
    """What waited and was said otherwise since."""
    for earlier in records.pending_accounts(session, document.entity, document.id):
        earlier.decided_at, earlier.decided_by, earlier.reason = now, person.pseudonym, "replaced"


def say_account(
    session: Session, workstation: Workstation, document_id: str, value: Value, person: Person, crop: Crop
) -> tuple[LessonRow | None, bool]:
    """A person says the account of an invoice outside its review: what was learned, and whether it waits for a second person, as one does
    that nobody else answers for. Raises Unknown, Reserved."""
    document, iban = shown_document(session, document_id), compact(field_text(value))
    if is_vouched(session, document, iban, workstation.settings):
        _drop_asked(session, document, person, workstation.clock())
        return learning.say_value(session, workstation, document_id, "iban", value, person), False
    row = best_rows(document).get("iban")
    here = row if row is not None and compact(row.value or "") == iban else None
    supplier, known = known_accounts(session, document, iban, workstation.settings)
    place = (here.page, tuple(here.box or ()) or None) if here is not None else (None, None)
    _ask_account(session, document, _Account(iban, supplier, _other_than(iban, known), *place), person, workstation.clock(), crop)
    _note_again(session, workstation, document)
    return None, True


def confirm_all(session: Session, workstation: Workstation, document_id: str, person: Person, crop: Crop) -> tuple[tuple[str, ...], bool]:
    """« J'ai tout relu »: what nobody said anything about is right, but for an account that has to wait; its names, and whether one waits.

    Raises Unknown, Reserved.
    """
    document = shown_document(session, document_id)
    account = _account_to_hold(session, workstation, document, {}, best_rows(document))
    names = learning.confirm_rest(session, workstation, document_id, person)
    if account is not None and not records.pending_accounts(session, document.entity, document.id):
        _ask_account(session, document, account, person, workstation.clock(), crop)
        _note_again(session, workstation, document)
    return names, account is not None


def _is_reviewable(document: Document) -> bool:
    return document.state == State.SEALED and document.document_type in INVOICES


def _note_again(session: Session, workstation: Workstation, document: Document) -> None:
    session.expire(document, ["fields", "findings"])
    if _is_reviewable(document):
        note_review(session, document, drift.thresholds_of(session, document.entity), workstation.settings)


def _enter_account(session: Session, asked: AccountChange, decision: str, person: Person, now: datetime) -> None:
    """The entry commits to the account and to both crops by their hashes; its leaf holds no account and no name."""
    hashed = {"account": asked.iban.encode(), "crop": asked.crop, "earlier-crop": asked.earlier_crop}
    objects = {"document": asked.document_id} | {name: hashlib.sha256(data).hexdigest() for name, data in hashed.items() if data}
    payload = {"decision": decision, "reason": asked.reason or ""}
    append_event(session, Event(asked.entity, "account", objects, actor_of(person), now, "system", payload))


# --- what helps to decide ---


def alternatives_of(document: Document, name: str, kept: Kept) -> tuple[str, ...]:
    """What else the value may be, canonical, the likeliest first: other sources, the second reading, the sums, other places on the page."""
    best = best_rows(document).get(name)
    found: list[str | None] = [row.value for row in sorted(document.fields, key=lambda row: row.rank) if row.name == name and row.value]
    found += [_parsed(name, each.text) for each in kept.second if each.name == name]
    found += [_from_sums(document, name)]
    found += _on_the_page(name, kept)
    there = best.value if best else None
    unique = dict.fromkeys(text for text in found if text and not learned.same_value(name, text, there))
    return tuple(unique)[:MOST_ALTERNATIVES]


def _parsed(name: str, text: str) -> str | None:
    try:
        value = learning.parse_typed(name, text)
    except learning.Unreadable:
        return None
    return None if value is None else field_text(value)


def _from_sums(document: Document, name: str) -> str | None:
    """The amount that the two others ask for."""
    best = best_rows(document)
    try:
        net, tax, gross = (Decimal(best[each].value or "") if each in best and each != name else None for each in _SUMS)
    except InvalidOperation:
        return None
    sums = {"total_gross": (net, tax, 1), "total_net": (gross, tax, -1), "total_tax": (gross, net, -1)}
    if name not in sums:
        return None
    one, other, sign = sums[name]
    return None if one is None or other is None else f"{one + sign * other:.2f}"


_SUMS = ("total_net", "total_tax", "total_gross")


def _on_the_page(name: str, kept: Kept) -> list[str]:
    kind = learning.kind_of_value(name)
    if kind not in ("date", "amount"):
        return []
    find = find_dates if kind == "date" else find_amounts
    spots = [(label_fit(each.spot, name), field_text(each.value)) for sheet in kept.sheets for each in find(sheet)]
    return [text for _, text in sorted(spots, key=lambda each: -each[0])]


def doubtful_signs(name: str, shown: str, raw: str | None, words: Sequence[Word], second: Iterable[SecondReading]) -> tuple[bool, ...]:
    """For each sign of the shown value, whether it may be another: read otherwise by the second reader, else easily confused in a word
    that the reader was not sure of."""
    other = next((each.text for each in second if each.name == name), None)
    plain = [(place, sign) for place, sign in enumerate(shown) if sign.isalnum()]
    marked: set[int] = set()
    if other is not None and (bones := [sign for sign in other if sign.isalnum()]):
        matcher = SequenceMatcher(None, [sign.upper() for _, sign in plain], [sign.upper() for sign in bones], autojunk=False)
        for kind, start, end, _, _ in matcher.get_opcodes():
            if kind in ("replace", "delete"):
                marked |= {plain[i][0] for i in range(start, end)}
    elif raw and min((word.confidence for word in words), default=1.0) < UNSURE_WORD:
        marked = {place for place, sign in plain if sign in _CONFUSED}
    return tuple(place in marked for place in range(len(shown)))


def words_in(pages: Iterable[PageText], page: int | None, box: Sequence[int] | None) -> tuple[Word, ...]:
    """Words of which the middle lies in a box."""
    if not page or not box or len(box) != 4:
        return ()
    x0, y0, x1, y1 = box
    found = (word for text in pages if text.page == page for word in text.words)
    return tuple(word for word in found if x0 <= (word.x0 + word.x1) / 2 <= x1 and y0 <= (word.y0 + word.y1) / 2 <= y1)
