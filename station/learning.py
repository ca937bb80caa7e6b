"""What a person says of a value, what Sceau learns from it, and how that is undone. Each act is one transaction with its ledger entry.

A word of a person stands beside what was read, never in its place, and never in the sealed file.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from config.settings import Settings
from ocr.amounts import CODES, CURRENCIES, parse_amount
from ocr.dates import parse_date
from ocr.fields import extract
from ocr.identifiers import compact
from ocr.locate import locate_value
from ocr.suppliers import AMOUNTS, IDENTIFIERS, apply_lessons, learn, lesson_json, supplier_keys
from ocr.text import PageText, from_json
from ocr.values import LISTS, NAMES, Field, Known, Value
from sealing.ledger import Event
from station.acts import actor_of, shown_document
from station.particulars import judge_again
from station.records import documents, learned
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Document, FieldRow, LessonRow, LessonUse, Person
from station.stored import field_text, fields_hash
from station.workstation import Workstation

TYPED = tuple(name for name in NAMES if name not in LISTS)
"""Values that a person may type; tables of several rows are not typed in one line."""
CURRENT = ("person", "xml", "rule", "read")
"""Whose word counts where several are known."""
IDENTITY = frozenset({"supplier_name", "supplier_siren", "supplier_siret", "supplier_vat_id", "iban", "buyer_name", "buyer_siren"})
"""Fields that tell whose paper it is: what the paper taught goes with them."""
_TYPES = frozenset({"380", "381", "384", "386", "389"})
"""UNTDID 1001, as far as invoices are told apart here."""
MAX_TYPED = 300


class Unreadable(ValueError):
    """What was typed is no value of this field; carries the kind that was expected: date, amount, currency, type, identifier or text."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Undone:
    """What the undoing of a lesson did."""

    row: LessonRow
    reread: tuple[str, ...]
    """Documents whose value is read anew without it."""
    reviewed: tuple[str, ...]
    """Documents on which a person had said the value: it stays."""


def parse_typed(name: str, text: str) -> Value | None:
    """A typed value as it is kept; None for an empty one: the paper does not say. Raises Unreadable.

    Dates as 12/03/2024, 12.3.24 or 2024-03-12; amounts as 1 234,56 or 1234.56, with or without their sign.
    """
    text = " ".join(text.split())
    if not text:
        return None
    if len(text) > MAX_TYPED or name not in TYPED:
        raise Unreadable("text")
    kind = kind_of_value(name)
    value = _READ[kind](text)
    if value is None:
        raise Unreadable(kind)
    return value


def kind_of_value(name: str) -> str:
    """What is typed in this field: date, amount, currency, type, identifier or text."""
    kinds = {"currency": "currency", "document_type_code": "type"}
    if name in IDENTIFIERS:
        return "identifier"
    return "date" if name.endswith("_date") else "amount" if name in AMOUNTS else kinds.get(name, "text")


def _read_currency(text: str) -> str | None:
    code = CURRENCIES.get(text, text.upper())
    return code if code in CODES else None


def _read_identifier(text: str) -> str | None:
    number = compact(text)
    return number if number.isalnum() and number.isascii() and len(number) >= 4 else None


def _read_amount(text: str) -> Decimal | None:
    """Spaces of any kind between thousands; a whole number gets its cents."""
    plain = text.removesuffix("€").strip()
    if re.fullmatch(r"-?\d+[.,]\d", plain):
        plain += "0"
    return parse_amount(f"{plain},00" if re.fullmatch(r"-?(?:\d{1,3}(?: \d{3})+|\d+)", plain) else plain)


_READ: dict[str, Callable[[str], Value | None]] = {
    "date": parse_date,
    "amount": _read_amount,
    "currency": _read_currency,
    "type": lambda text: text if text in _TYPES else None,
    "identifier": _read_identifier,
    "text": lambda text: text,
}
"""How a typed value of each kind is read; None where it is none."""


def say_value(
    session: Session, workstation: Workstation, document_id: str, name: str, value: Value | None, person: Person
) -> LessonRow | None:
    """A person corrects or confirms a value (None: the paper does not say); returns what Sceau learned from it.

    Row, lesson and ledger entry are one transaction. Raises Unknown, Reserved; ValueError for a field that is not typed.
    """
    document, now = shown_document(session, document_id), workstation.clock()
    if name not in TYPED:
        raise ValueError(name)
    read = _best(document, name, said=False)
    text = None if value is None else field_text(value)
    same = learned.same_value(name, text, read.value if read else None)
    pages = pages_of(workstation, document)
    spot = None if value is None else locate_value(pages, name, value)
    row = FieldRow(document_id=document.id, name=name, source="person", value=text, actor=person.pseudonym, said_at=now)
    if spot is not None:
        row.raw, row.page, row.box, row.confidence = spot.raw, spot.sheet.page, list(spot.box), 1.0
    elif same and read is not None:
        row.raw, row.page, row.box, row.confidence = read.raw, read.page, read.box, 1.0
    learned.replace_said(session, row)
    session.expire(document, ["fields"])
    for earlier in learned.lessons_taught(session, document.id, name):
        _withdraw(earlier, person, now, "")
    lesson = None if same else _teach(session, document, pages, name, value, read, person, now)
    if name in IDENTITY:
        _rekey(session, document)
    documents.touch(document, now)
    judge_again(session, document, workstation.settings)
    _enter_said(session, document, {name: "confirmed" if same else "absent" if value is None else "corrected"}, lesson, person, now)
    return lesson


def confirm_rest(session: Session, workstation: Workstation, document_id: str, person: Person) -> tuple[str, ...]:
    """A person looked at the whole document: every value on which nobody said anything yet is right. Raises Unknown, Reserved."""
    document, now = shown_document(session, document_id), workstation.clock()
    best = {row.name: row for row in (_best(document, name, said=False) for name in TYPED) if row is not None and row.value}
    names = [name for name in TYPED if name in best and learned.said_row(session, document_id, name) is None]
    for name in names:
        row = best[name]
        session.add(
            FieldRow(
                document_id=document.id, name=name, source="person", value=row.value, raw=row.raw, page=row.page, box=row.box,
                confidence=1.0, actor=person.pseudonym, said_at=now,
            )
        )  # fmt: skip
    if names:
        session.flush()
        session.expire(document, ["fields"])
        documents.touch(document, now)
        judge_again(session, document, workstation.settings)
        _enter_said(session, document, dict.fromkeys(names, "confirmed"), None, person, now)
    return tuple(names)


def undo_lesson(session: Session, workstation: Workstation, number: int, reason: str, person: Person) -> Undone:
    """Forget a lesson: it stays to be seen, speaks no more, and what it decided is read anew where no person has said the value.

    Raises NoLesson; ValueError where the reason is missing.
    """
    row, now = learned.get_lesson(session, number), workstation.clock()
    if not reason.strip():
        raise ValueError("undoing needs its reason")
    _withdraw(row, person, now, reason.strip())
    session.flush()
    reread, reviewed = [], []
    for _use, document in learned.influenced(session, row):
        if learned.said_row(session, document.id, row.field) is not None:
            reviewed.append(document.id)
            continue
        _read_anew(session, workstation, document, row.field, _use)
        reread.append(document.id)
    payload = {"lesson": number, "field": row.field, "reason": reason.strip(), "read_again": reread, "reviewed": reviewed}
    append_event(session, Event(row.entity, "unlearned", {"lesson": str(number)}, actor_of(person), now, "system", payload))
    return Undone(row, tuple(reread), tuple(reviewed))


def export_lessons(session: Session, entity: str) -> dict[str, Any]:
    """Everything that was learned, with author, date and the documents it influenced, as plain JSON values."""
    rows = learned.list_lessons(session, entity, learned.MOST_LESSONS)
    return {"format": "sceau-memory-1", "entity": entity, "lessons": [told_lesson(session, row) for row in rows]}


def told_lesson(session: Session, row: LessonRow) -> dict[str, Any]:
    """One lesson as plain JSON values."""
    taught = lesson_json(learned.lesson_of(row))
    return {
        "number": row.id,
        "supplier": row.supplier,
        "title": row.title,
        "field": row.field,
        "value": taught["value"],
        "instead_of": taught["instead_of"],
        "left": (taught["place"] or {}).get("left"),
        "above": (taught["place"] or {}).get("above"),
        "place": taught["place"],
        "shape": taught["shape"],
        "keys": list(taught["keys"]),
        "document": row.document_id,
        "author": row.actor,
        "taught_at": row.taught_at.isoformat(),
        "undone_at": row.undone_at.isoformat() if row.undone_at else None,
        "undone_by": row.undone_by,
        "undone_reason": row.undone_reason,
        "influenced": [
            {"document": use.document_id, "field": use.field, "before": use.before, "after": use.after, "at": use.used_at.isoformat()}
            for use, _ in learned.influenced(session, row)
        ],
    }


# --- for the pipeline ---


def taught_fields(
    session: Session, settings: Settings, document: Document, pages: Sequence[PageText], fields: Mapping[str, Field], at: datetime
) -> dict[str, Field]:
    """The fields of a document as it is read, with what was learned of its supplier; which lessons spoke is noted."""
    made, uses = apply_lessons(pages, fields, learned.standing_lessons(session, document.entity), own_numbers(settings))
    learned.note_uses(session, document.id, uses, at)
    return made


def recalled_fields(
    session: Session, settings: Settings, document: Document, pages: Sequence[PageText], fields: Mapping[str, Field]
) -> dict[str, Field]:
    """The same once more, from the lessons that spoke then: what was taught since changes nothing of what is being sealed."""
    return apply_lessons(pages, fields, learned.lessons_used(session, document.id), own_numbers(settings))[0]


def own_numbers(settings: Settings) -> frozenset[str]:
    """SIREN, VAT numbers and accounts of the companies that this installation works for."""
    identity = settings.identity
    return frozenset({*identity.sirens, *identity.vat_ids, *identity.ibans})


def pages_of(workstation: Workstation, document: Document) -> tuple[PageText, ...]:
    """The newest text that is kept of a document; empty where there is none."""
    newest = max(document.readings, key=lambda reading: reading.version, default=None)
    path = workstation.home / Path(newest.path) if newest else None
    if path is None or not path.is_file():
        return ()
    return tuple(from_json(page) for page in json.loads(path.read_text(encoding="utf-8"))["pages"])


# --- how ---


def _teach(
    session: Session,
    document: Document,
    pages: Sequence[PageText],
    name: str,
    value: Value | None,
    read: FieldRow | None,
    person: Person,
    at: datetime,
) -> LessonRow | None:
    if value is None:
        return None
    values = _values(document)
    lesson = learn(
        pages,
        name,
        value,
        locate_value(pages, name, value),
        supplier_keys(values),
        instead_of=read.value if read else None,
        author=person.pseudonym,
        day=at.date(),
        document=document.id,
    )
    return learned.keep_lesson(session, document.entity, _title(values), lesson, at) if lesson else None


def _rekey(session: Session, document: Document) -> None:
    """Whose paper it is was corrected: what the paper taught belongs to that supplier."""
    values = _values(document)
    keys = supplier_keys(values)
    for row in learned.lessons_taught(session, document.id):
        if keys:
            row.supplier, row.title, row.data = keys[0][:120], _title(values), {**row.data, "keys": list(keys)}
    session.flush()


def _withdraw(row: LessonRow, person: Person, at: datetime, reason: str) -> None:
    """An empty reason: a newer word of a person on the same value took its place."""
    row.undone_at, row.undone_by, row.undone_reason = at, person.pseudonym, reason


def _read_anew(session: Session, workstation: Workstation, document: Document, name: str, use: LessonUse) -> None:
    """One value from the kept text, without the lesson; where no text is kept, what had been read before it spoke."""
    now, pages = workstation.clock(), pages_of(workstation, document)
    if pages:
        fields = extract(pages, known_of(workstation.settings, document))
        standing = learned.standing_lessons(session, document.entity)
        made, uses = apply_lessons(pages, fields, standing, own_numbers(workstation.settings))
        learned.note_uses(session, document.id, uses, now, only=name)
        learned.replace_read(session, document.id, name, field_row(document.id, made[name]) if name in made else None)
    else:
        kept = use.before and FieldRow(document_id=document.id, name=name, source="read", value=use.before, confidence=0.0)
        learned.replace_read(session, document.id, name, kept or None)
    session.expire(document, ["fields"])
    documents.touch(document, now)
    judge_again(session, document, workstation.settings)
    told = {row.name: row.value for row in document.fields if row.source == "read"}
    identity = {"document": document.id, "fields": fields_hash(told)}
    append_event(session, Event(document.entity, "read", identity, SYSTEM, now, "system", {"because": "unlearned", "field": name}))


def known_of(settings: Settings, document: Document) -> Known:
    """What the installation knows before it reads."""
    identity, slip = settings.identity, document.batch.arrival_date
    arrival = date.fromisoformat(slip) if slip and re.fullmatch(r"\d{4}-\d\d-\d\d", slip) else document.received_at.date()
    return Known(tuple(identity.names), tuple(identity.sirens), tuple(identity.vat_ids), tuple(identity.ibans), arrival)


def field_row(document_id: str, field: Field) -> FieldRow:
    """A field as it is kept."""
    return FieldRow(
        document_id=document_id,
        name=field.name,
        source="read",
        value=field_text(field.value),
        raw=field.raw,
        page=field.page,
        box=list(field.box) if field.box else None,
        confidence=field.confidence,
        reason=field.reason,
    )


def _enter_said(
    session: Session, document: Document, said: Mapping[str, str], lesson: LessonRow | None, person: Person, at: datetime
) -> None:
    """The values themselves are committed to by their hash; the entry's leaf holds no value and no name."""
    values = {row.name: row.value for row in document.fields if row.source == "person"}
    objects = {"document": document.id, "said": fields_hash(values)}
    payload = {"said": dict(said), "lesson": lesson.id if lesson else None}
    append_event(session, Event(document.entity, "said", objects, actor_of(person), at, "system", payload))


def _best(document: Document, name: str, *, said: bool) -> FieldRow | None:
    """The word that counts; without `said`, what was there before a person spoke."""
    rows = [row for row in document.fields if row.name == name and (said or row.source != "person")]
    return min(rows, key=lambda row: CURRENT.index(row.source) if row.source in CURRENT else len(CURRENT), default=None)


def _values(document: Document) -> dict[str, str | None]:
    best = {name: _best(document, name, said=True) for name in IDENTITY}
    return {name: row.value for name, row in best.items() if row is not None}


def _title(values: Mapping[str, str | None]) -> str:
    """The supplier as a person calls it."""
    return values.get("supplier_name") or values.get("supplier_siren") or values.get("supplier_vat_id") or values.get("iban") or ""
