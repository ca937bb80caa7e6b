"""What a person says of a value, what Sceau learns from it, and how that is undone. Each act is one transaction with its ledger entry.

A word of a person stands beside what was read, never in its place, and never in the sealed file.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from capture.stores import StoreAway
from config.settings import Settings
from ocr.amounts import CODES, CURRENCIES, parse_amount
from ocr.dates import parse_date
from ocr.identifiers import compact, valid_iban, valid_siren, valid_siret
from ocr.locate import locate_value
from ocr.second import SecondReading, read_from
from ocr.suppliers import AMOUNTS, IDENTIFIERS, learn, lesson_json, supplier_keys
from ocr.text import PageText, from_json
from ocr.turning import shown_box
from ocr.values import LISTS, NAMES, Value
from sealing.ledger import Event
from station.acts import actor_of, shown_document
from station.derived import derived_path, lies_here
from station.particulars import held_alike, is_vouched, judge_again, texts_of
from station.reading import Memory, Told, field_row, fields_of, known_of, own_numbers
from station.records import documents, learned, people
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import OF_THE_PAGE, Document, FieldRow, LessonRow, LessonUse, Person
from station.stored import field_text, fields_hash
from station.workstation import Workstation

TYPED = tuple(name for name in NAMES if name not in LISTS)
"""Values that a person may type; tables of several rows are not typed in one line."""
AT_ONCE = 20
"""Values read anew in one transaction, which others wait for: some 50 ms each, a long document more."""
IDENTITY = frozenset({"supplier_name", "supplier_siren", "supplier_siret", "supplier_vat_id", "iban", "buyer_name", "buyer_siren"})
"""Fields that tell whose paper it is: what the paper taught goes with them."""
_TYPES = frozenset({"380", "381", "384", "386", "389"})
"""UNTDID 1001, as far as invoices are told apart here."""
_TWO_READINGS = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}")
"""One thousand two hundred thirty-four in one country, one and a quarter in another."""
_OTHER_YEAR = re.compile(r"\b(?:1\d|2[1-9])\d\d\b", re.ASCII)
_KEYED: Mapping[str, tuple[int, Callable[[str], bool]]] = {"_siren": (9, valid_siren), "_siret": (14, valid_siret), "iban": (0, valid_iban)}
"""By the end of a field's name: how many figures it has (0: by country), and whether its control key fits."""
MAX_TYPED = 300
log = logging.getLogger(__name__)


class Unreadable(ValueError):
    """What was typed is no value of this field; carries the kind that was expected: date, amount, currency, type, identifier or text.

    Or what is wrong with it: years (none of 2000 to 2099), thousands (one sign, three figures: two readings), siren, siret (their length),
    key (its control key does not fit, which a person may confirm).
    """

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
    more: bool
    """There are others, which `read_on` reads anew."""


def parse_typed(name: str, text: str, *, confirmed: bool = False) -> Value | None:
    """A typed value as it is kept; None for an empty one: the paper does not say. Raises Unreadable.

    `confirmed`: a number whose control key does not fit is taken, for a paper may print one.

    Dates as 12/03/2024, 12.3.24 or 2024-03-12; amounts as 1 234,56 or 1234.56, with or without their sign.
    """
    text = " ".join(text.split())
    if not text:
        return None
    if len(text) > MAX_TYPED or name not in TYPED:
        raise Unreadable("text")
    kind = kind_of_value(name)
    value = _READ[kind](text)
    if kind == "amount" and _TWO_READINGS.fullmatch(text.removesuffix("€").strip()):
        raise Unreadable("thousands")
    if value is None:
        raise Unreadable("years" if kind == "date" and _OTHER_YEAR.search(text) else kind)
    if kind == "identifier":
        _check_number(name, str(value), confirmed=confirmed)
    return value


def _check_number(name: str, number: str, *, confirmed: bool) -> None:
    """A SIREN has nine figures and a SIRET fourteen (art. R. 123-221 C. com.); what else is wrong may be as the paper prints it."""
    for kind, (figures, valid) in _KEYED.items():
        if name.endswith(kind):
            if figures and (len(number) != figures or not number.isdigit()):
                raise Unreadable(kind.removeprefix("_"))
            if not confirmed and not valid(number):
                raise Unreadable("key")


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

    Row, lesson and ledger entry are one transaction. Raises Unknown, Reserved; ValueError for a name that is no field's.
    """
    document, now = shown_document(session, document_id), workstation.clock()
    if name not in NAMES:
        raise ValueError(name)
    read = _best(document, name, said=False)
    text = None if value is None else field_text(value)
    same = learned.same_value(name, text, read.value if read else None)
    pages = pages_of(workstation, document)
    spot = None if value is None else locate_value(pages, name, value)
    row = FieldRow(document_id=document.id, name=name, source="person", value=text, actor=person.pseudonym, said_at=now)
    if spot is not None:
        row.raw, row.page, row.box, row.confidence = spot.raw, spot.sheet.page, list(shown_box(spot.box, spot.sheet.page, pages)), 1.0
    elif same and read is not None:
        row.raw, row.page, row.box, row.confidence = read.raw, read.page, read.box, 1.0
    learned.replace_said(session, row)
    session.expire(document, ["fields"])
    for earlier in learned.lessons_taught(session, document.id, name):
        again = learned.same_value(name, text, learned.lesson_of(earlier).value)
        # Papers that were read in between took the earlier word: they are read anew, unless it is the same.
        _withdraw(earlier, person, now, "" if again else learned.CORRECTED)
    lesson = None if same else _teach(session, document, pages, name, value, read, own_numbers(workstation.settings), person, now)
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
    if "iban" in names and not is_vouched(session, document, compact(best["iban"].value or ""), workstation.settings):
        # Whose account it is takes two people (`station.review.confirm_all`).
        names.remove("iban")
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

    `AT_ONCE` documents, the newest, are read anew in this transaction; the others wait for `read_on`, as do those whose text lies in a
    bucket alone, and each has its ledger entry.
    Raises NoLesson; ValueError where the reason is missing.
    """
    row, now = learned.get_lesson(session, number), workstation.clock()
    if not reason.strip():
        raise ValueError("undoing needs its reason")
    _withdraw(row, person, now, reason.strip())
    session.flush()
    # A text that has to be fetched would let every other writer wait.
    uses = [each for each in learned.unsettled_uses(session, AT_ONCE, number) if _lies_here(workstation, each[1])]
    reread, reviewed = _settle(session, workstation, uses)
    more = bool(learned.unsettled_uses(session, 1, number))
    # The reason may quote the paper that taught it and goes with that paper; every other document has an entry of its own.
    told = {
        "lesson": number,
        "field": row.field,
        "reason": reason.strip(),
        "read_again": len(reread),
        "reviewed": len(reviewed),
        "more": more,
    }
    objects = {"lesson": str(number), "document": row.document_id}
    append_event(session, Event(row.entity, "unlearned", objects, actor_of(person), now, "system", told))
    return Undone(row, tuple(reread), tuple(reviewed), more)


def read_on(workstation: Workstation) -> int:
    """Read anew what undone lessons decided and is still as they left it, one value in each transaction; returns how many were.

    What is to be done stands in the records, so that it goes on after a stop; a value that fails is told in the log and tried again at the
    next call. Several processes may do this at the same time.
    """
    done, passed = 0, set[int]()
    while True:
        with workstation.database.reading() as session:
            numbers = [use.id for use, _ in learned.unsettled_uses(session, AT_ONCE, passed=passed)]
        if not numbers:
            return done
        for number in numbers:
            passed.add(number)
            try:
                done += _settle_one(workstation, number)
            except SQLAlchemyError:
                raise  # The records themselves do not answer: the others would fail as well.
            except StoreAway as error:
                log.info("use %s of an undone lesson: read anew later: %s", number, error)
            except Exception:
                log.exception("use %s of an undone lesson: its value could not be read anew", number)


def _settle_one(workstation: Workstation, number: int) -> int:
    """How many were settled; what takes long is done before others wait for the records."""
    with workstation.database.reading() as session:
        use, document = session.get_one(LessonUse, number), session.get_one(Document, session.get_one(LessonUse, number).document_id)
        said = learned.said_row(session, document.id, use.field) is not None
        told, revision = None if said else _told_anew(session, workstation, document), document.revision
        for other in () if said else held_alike(session, [document.id]):
            texts_of(other, workstation.settings)  # Fetched, where a bucket has them.
    with workstation.database.writing() as session:
        claimed = learned.claim_use(session, number)
        if claimed is None or claimed[1].revision != revision:
            return 0  # Another process did it, or the document changed meanwhile: at the next call.
        _settle(session, workstation, [claimed], told)
    return 1


def export_lessons(session: Session, entity: str) -> dict[str, Any]:
    """Everything that was learned, with author, date and the documents it influenced, as plain JSON values."""
    rows = learned.list_lessons(session, entity, learned.MOST_LESSONS)
    uses = learned.influenced(session, [row.id for row in rows])
    count = learned.count_lessons(session, entity)
    who = people.logins_of(session, [name for row in rows for name in (row.actor, row.undone_by)])
    return {"format": "sceau-memory-1", "entity": entity, "count": count, "lessons": [_told_lesson(row, uses[row.id], who) for row in rows]}


def told_lesson(session: Session, row: LessonRow) -> dict[str, Any]:
    """One lesson as plain JSON values; of one that a confidential document taught, nothing of what that contains."""
    who = people.logins_of(session, [row.actor, row.undone_by])
    told = _told_lesson(row, learned.influenced(session, [row.id])[row.id], who)
    if not session.get_one(Document, row.document_id).confidential:
        return told
    return {**told, **dict.fromkeys(_QUOTING), "keys": [], "confidential": True}


def _told_lesson(row: LessonRow, uses: Sequence[tuple[LessonUse, Document]], who: Mapping[str, str]) -> dict[str, Any]:
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
        "author": who.get(row.actor, row.actor),
        "taught_at": row.taught_at.isoformat(),
        "undone_at": row.undone_at.isoformat() if row.undone_at else None,
        "undone_by": who.get(row.undone_by or "", row.undone_by),
        "undone_reason": row.undone_reason,
        "influenced": [
            {"document": use.document_id, "field": use.field, "before": use.before, "after": use.after, "at": use.used_at.isoformat()}
            for use, document in uses
            if not document.confidential
        ],
    }


_QUOTING = ("supplier", "title", "value", "instead_of", "left", "above", "place", "shape", "undone_reason")
"""What of a lesson may quote the paper that taught it."""


# --- for the pipeline ---


def memory_of(session: Session, settings: Settings, entity: str) -> Memory:
    """What speaks when a document is read."""
    return Memory(learned.standing_lessons(session, entity), own_numbers(settings))


def pages_of(workstation: Workstation, document: Document) -> tuple[PageText, ...]:
    """The newest text that is kept of a document; empty where there is none."""
    return kept_text(workstation, document)[0]


# --- how ---


def kept_text(workstation: Workstation, document: Document) -> tuple[tuple[PageText, ...], tuple[SecondReading, ...]]:
    """A text that cannot be read any more is as none: the log tells it, and what hangs on it goes on.

    Raises StoreAway where it lies in a bucket that cannot be asked.
    """
    newest = max(document.readings, key=lambda reading: reading.version, default=None)
    path = derived_path(workstation.settings, Path(newest.path)) if newest else None
    if path is None or not path.is_file():
        return (), ()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return tuple(from_json(page) for page in kept.get("pages", ())), read_from(kept.get("second", ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
        log.exception("document %s: its kept text cannot be read", document.id)
        return (), ()


def _lies_here(workstation: Workstation, document: Document) -> bool:
    newest = max(document.readings, key=lambda reading: reading.version, default=None)
    return newest is None or lies_here(workstation.settings, Path(newest.path))


def _teach(
    session: Session,
    document: Document,
    pages: Sequence[PageText],
    name: str,
    value: Value | None,
    read: FieldRow | None,
    own: frozenset[str],
    person: Person,
    at: datetime,
) -> LessonRow | None:
    if value is None:
        return None
    values = _values(document)
    buyer = values.get("buyer_siren")
    own = own | {buyer} if buyer else own
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
        own=own,
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
    """An empty reason: a newer word of a person took its place and says the same."""
    row.undone_at, row.undone_by, row.undone_reason = at, person.pseudonym, reason


def _settle(
    session: Session, workstation: Workstation, uses: Iterable[tuple[LessonUse, Document]], told: Told | None = None
) -> tuple[list[str], list[str]]:
    """Documents whose value is read anew, and those on which a person had said it; `told`: what was read anew already, of the one use."""
    reread: list[str] = []
    reviewed: list[str] = []
    for use, document in uses:
        said = learned.said_row(session, document.id, use.field) is not None
        if not said:
            _read_anew(session, workstation, document, use, told or _told_anew(session, workstation, document))
        (reviewed if said else reread).append(document.id)
        use.settled_at = workstation.clock()
    session.flush()
    return reread, reviewed


def _told_anew(session: Session, workstation: Workstation, document: Document) -> Told | None:
    """What the kept text says without what was unlearned; None where none is kept, or it cannot be understood any more."""
    pages, second = kept_text(workstation, document)
    if not pages:
        return None
    memory = memory_of(session, workstation.settings, document.entity)
    try:
        return fields_of(pages, known_of(workstation.settings, document), lambda _places: second, memory)
    except Exception:
        log.exception("document %s: its kept text could not be read anew", document.id)
        return None


def _read_anew(session: Session, workstation: Workstation, document: Document, use: LessonUse, told: Told | None) -> None:
    """One value as `told`; where nothing is told, what had been read before the lesson spoke."""
    now, name = workstation.clock(), use.field
    if told is not None:
        learned.note_uses(session, document.id, told.uses, now, only=name)
        learned.replace_read(session, document.id, name, field_row(document.id, told.page[name]) if name in told.page else None)
    else:
        kept = use.before and FieldRow(document_id=document.id, name=name, source="read", value=use.before, confidence=0.0)
        learned.replace_read(session, document.id, name, kept or None)
    session.expire(document, ["fields"])
    documents.touch(document, now)
    judge_again(session, document, workstation.settings)
    left = {row.name: row.value for row in document.fields if row.source in OF_THE_PAGE}
    identity = {"document": document.id, "fields": fields_hash(left)}
    append_event(session, Event(document.entity, "read", identity, SYSTEM, now, "system", {"because": "unlearned", "field": name}))


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
    return min(rows, key=lambda row: row.rank, default=None)


def _values(document: Document) -> dict[str, str | None]:
    best = {name: _best(document, name, said=True) for name in IDENTITY}
    return {name: row.value for name, row in best.items() if row is not None}


def _title(values: Mapping[str, str | None]) -> str:
    """The supplier as a person calls it."""
    return values.get("supplier_name") or values.get("supplier_siren") or values.get("supplier_vat_id") or values.get("iban") or ""
