"""The checks of law and of duplicates, run with what the records and the settings know; their findings stand beside the others.

They are made anew whenever the values change: after a reading, and after a person said a value. They never hold a document, and never
change its verdict, which is about the copy.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from capture.catalogue import OF_INVOICES
from capture.findings import Finding
from config.legal import load_law
from config.settings import Settings
from conformity.circumstances import Source as Nature
from ocr.identifiers import compact
from ocr.text import PageText, from_json
from ocr.values import Field, LineItem, Source, Value, VatLine
from station.derived import derived_path
from station.records import documents, register
from station.records.tables import AccountChange, Document, FieldRow, FindingRow, InvoiceRow, Reading, State
from station.workstation import Workstation
from workflow.duplicates import Earlier, InvoiceKey, changed_account, find_twice, key_of
from workflow.invoices import Circumstances, Invoice, invoice_of
from workflow.kinds import INVOICES
from workflow.law import Size
from workflow.particulars import check_invoice

log = logging.getLogger("sceau.particulars")
GONE = (State.SET_ASIDE, State.REPLACED, State.ERASED, State.DUPLICATE)
"""States in which a document is no invoice to compare with."""
TWICE = ("invoice-twice", "invoice-nearly-twice")
OLD_AT_ONCE = 200
"""Old invoices that are noted in one transaction."""
MOST_TWINS = 20
"""Documents held to be the same invoice that are judged again."""
MOST_EARLIER = 200
"""Invoices of one supplier that are compared with a new one: those with its number, amount or day, which are few."""


def judge_particulars(session: Session, document: Document, texts: Sequence[PageText], settings: Settings) -> list[Finding]:
    """What the newest values and words of a document give reason to say, in place of what was said before; to be called with its fields
    already in the records, in the same transaction."""
    documents.drop_findings(session, document.id, tuple(OF_INVOICES))
    session.flush()
    session.expire(document, ["fields", "findings"])
    found: list[Finding] = []
    if document.document_type in INVOICES:
        fields = fields_of(document.fields)
        invoice = invoice_of(fields, texts, whole=len(texts) >= len(document.current_pages) > 0)
        captured = document.source != Nature.PRINT
        found = list(check_invoice(invoice, circumstances_of(settings, document.received_at.date(), captured=captured)))
        found = [each for each in found if not _asked_before(session, document, each)]
        found += _compared(session, document, key_of(invoice), settings)
    else:
        session.execute(sa.delete(InvoiceRow).where(InvoiceRow.document_id == document.id))
    for each in found:
        documents.add_finding(session, document.id, each)
    session.flush()
    session.expire(document, ["findings"])
    return found


def judge_again(session: Session, document: Document, settings: Settings) -> list[Finding]:
    """After a person said a value: the checks once more, with the words that were read last; and of those documents that were held to be
    the same invoice as this one."""
    found = judge_particulars(session, document, texts_of(document, settings), settings)
    judge_twins(session, held_alike(session, [document.id]), settings)
    return found


def held_alike(session: Session, ids: Sequence[str]) -> list[Document]:
    """Other documents of which it is told that they are the same invoice as one of these."""
    query = (
        sa.select(Document)
        .where(Document.id.in_(sa.select(FindingRow.document_id).where(FindingRow.code.in_(TWICE), FindingRow.limit.in_(ids))))
        .where(Document.id.not_in(ids))
        .order_by(Document.id)
    )
    return list(session.scalars(query))


def judge_twins(session: Session, others: Iterable[Document], settings: Settings) -> None:
    """The checks once more of documents that were held to be the same invoice as one whose values changed, or that is gone."""
    for other in list(others)[:MOST_TWINS]:
        if other.state not in GONE and not other.confidential:
            judge_particulars(session, other, texts_of(other, settings), settings)


def forget_twins(session: Session, ids: Sequence[str]) -> None:
    """Title, day and amount of a document that is concealed or erased stand in findings of others as well: they go."""
    others = held_alike(session, ids)
    session.execute(sa.delete(FindingRow).where(FindingRow.code.in_(TWICE), FindingRow.limit.in_(ids), FindingRow.document_id.not_in(ids)))
    for other in others:
        session.expire(other, ["findings"])


def plain_findings(
    fields: Mapping[str, Field], texts: Sequence[PageText], pages: int, *, settings: Settings, today: date
) -> tuple[Finding, ...]:
    """What the page alone gives reason to say, without the records; `pages` is how many the file has."""
    return tuple(check_invoice(invoice_of(fields, texts, whole=len(texts) >= pages > 0), circumstances_of(settings, today)))


def circumstances_of(settings: Settings, today: date, *, captured: bool = True) -> Circumstances:
    """What the settings say of both sides."""
    return Circumstances(
        law=load_law(),
        day=today,
        sizes={siren: Size(size) for siren, size in settings.suppliers.sizes.items()},
        names=tuple(settings.identity.names),
        sirens=tuple(settings.identity.sirens),
        public=settings.channel.public,
        captured=captured,
    )


def key_in(document: Document) -> InvoiceKey:
    """What tells a document from others: its fields say it, what else is printed is not asked and need not be read."""
    return key_of(invoice_of(fields_of(document.fields), ()))


def invoice_in(document: Document, settings: Settings) -> Invoice:
    """A document as the checks see it."""
    texts = texts_of(document, settings)
    return invoice_of(fields_of(document.fields), texts, whole=len(texts) >= len(document.current_pages) > 0)


# --- the records' side ----------------------------------------------------------------------------


def _compared(session: Session, document: Document, key: InvoiceKey, settings: Settings) -> Iterator[Finding]:
    """Against all other invoices; then this one is noted for those that come."""
    known = _known_accounts(session, document, key, settings)
    others = list(_earlier(session, document, key)) if key.number else []
    iban = _note_key(session, document, key, known, settings)
    twice = find_twice(key, others)
    if twice is not None:
        yield twice
    changed = changed_account(key, known) if iban else None
    if changed is not None:
        yield changed


def _note_key(session: Session, document: Document, key: InvoiceKey, known: Sequence[str], settings: Settings) -> str:
    """A row for each way in which its supplier may be known again, one where there is none; its account, unless that is our own."""
    iban = "" if key.iban in settings.own_ibans else key.iban
    session.execute(sa.delete(InvoiceRow).where(InvoiceRow.document_id == document.id))
    for supplier in key.suppliers or ("",):
        row = InvoiceRow(
            document_id=document.id,
            supplier=supplier,
            number=key.number,
            likeness=key.likeness,
            issued=key.issued.isoformat() if key.issued else None,
            gross=_plain_gross(key.gross),
            credit=key.credit,
            iban=iban,
            iban_known=bool(iban) and (not known or iban in known),
        )
        session.add(row)
    session.flush()
    return iban


def _earlier(session: Session, document: Document, key: InvoiceKey) -> Iterator[Earlier]:
    """Other invoices that have number, day or amount in common with this one; an index answers."""
    mine = sa.and_(
        InvoiceRow.supplier.in_(key.suppliers),
        sa.or_(InvoiceRow.likeness == key.likeness, InvoiceRow.issued == (key.issued.isoformat() if key.issued else "")),
    )
    misread = sa.and_(InvoiceRow.number == key.number, InvoiceRow.gross == _plain_gross(key.gross))
    found = session.execute(
        sa.select(Document.id, Document.received_at)
        .join(InvoiceRow, Document.id == InvoiceRow.document_id)
        .where(_another(document), sa.or_(mine, misread) if key.suppliers else misread)
        .distinct()
        .order_by(Document.received_at, Document.id)
        .limit(MOST_EARLIER)
    )
    ids = [row.id for row in found]
    rows: dict[str, list[InvoiceRow]] = {each: [] for each in ids}
    for row in session.scalars(sa.select(InvoiceRow).where(InvoiceRow.document_id.in_(ids))):
        rows[row.document_id].append(row)
    for each in ids:
        other = session.get_one(Document, each)
        yield Earlier(other.id, other.title, other.received_at.date(), _key_from(rows[each]))


def _known_accounts(session: Session, document: Document, key: InvoiceKey, settings: Settings) -> list[str]:
    """Those of the settings and of the register, else that of its first invoice; and those that two people approved. One person who
    confirms a reading says what is printed, not whose account it is.

    The supplier is the same as `workflow.duplicates.same_supplier` has it: nothing surer that both have may differ.
    """
    if not key.iban:
        return []
    agreed = sa.select(AccountChange.iban).where(AccountChange.supplier.in_(key.suppliers), AccountChange.approved)
    approved = session.scalars(agreed.where(AccountChange.entity == document.entity)).all()
    told = [*map(compact, settings.suppliers.ibans.get(key.siren, [])), *_registered(session, document, key, settings)]
    if told:
        return [*told, *approved]
    if key.iban in approved:
        return [key.iban]
    ways = [
        sa.and_(InvoiceRow.supplier == supplier, *(~_bears(kind.split(":")[0]) for kind in key.suppliers[:place]))
        for place, supplier in enumerate(key.suppliers)
    ]
    query = (
        sa.select(InvoiceRow.iban)
        .join(Document, Document.id == InvoiceRow.document_id)
        .where(_another(document), sa.or_(sa.false(), *ways), InvoiceRow.iban_known)
    )
    # Nearly always: the account is the one that all its invoices bear, and the first of thousands says so.
    if session.scalar(query.where(InvoiceRow.iban == key.iban).limit(1)) is not None:
        return [key.iban]
    return sorted(session.scalars(query.distinct()))


def known_accounts(session: Session, document: Document, iban: str, settings: Settings) -> tuple[str, list[str]]:
    """By what the supplier of this invoice is known, and its accounts as far as they are; `iban` alone where that is one of them."""
    key = replace(key_in(document), iban=iban)
    return next(iter(key.suppliers), ""), _known_accounts(session, document, key, settings) if iban not in settings.own_ibans else []


def is_vouched(session: Session, document: Document, iban: str, settings: Settings) -> bool:
    """Whether the house stands for an account of the supplier of this invoice, or the account is its own: named in the settings, or
    approved by a second person in the register or on an invoice. That its first invoice bore it is no reason to pay to it."""
    if iban in settings.own_ibans:
        return True
    key = replace(key_in(document), iban=iban)
    told = (*settings.suppliers.ibans.get(key.siren, []), *settings.suppliers.ibans.get(key.vat, []))
    if iban in map(compact, told) or iban in _registered(session, document, key, settings):
        return True
    agreed = (AccountChange.entity == document.entity, AccountChange.supplier.in_(key.suppliers), AccountChange.iban == iban)
    return session.scalar(sa.select(AccountChange.id).where(*agreed, AccountChange.approved).limit(1)) is not None


def _registered(session: Session, document: Document, key: InvoiceKey, settings: Settings) -> list[str]:
    """What people only tried in a home that seals for good by now is nobody's word."""
    return register.approved_ibans(session, document.entity, key.suppliers, practice=settings.sealing.mode == "practice")


def bearer_of(session: Session, document: Document, accounts: Sequence[str]) -> str | None:
    """The newest other invoice that bears one of these accounts, to be compared with."""
    query = (
        sa.select(InvoiceRow.document_id)
        .join(Document, Document.id == InvoiceRow.document_id)
        .where(_another(document), InvoiceRow.iban.in_(accounts), InvoiceRow.iban_known)
    )
    return session.scalar(query.order_by(Document.received_at.desc()).limit(1))


def _bears(kind: str) -> sa.ColumnElement[bool]:
    """Whether the supplier of a row's document is known by this as well."""
    beside = aliased(InvoiceRow)
    return sa.exists().where(beside.document_id == InvoiceRow.document_id, beside.supplier.startswith(f"{kind}:"))


def note_old_keys(workstation: Workstation) -> int:
    """Invoices read by a version that compared none, noted before the first new one comes; how many there were.

    The oldest first, since the first account of a supplier is the one that counts. Killed within, the next start goes on.
    """
    unnoted = ~sa.exists().where(InvoiceRow.document_id == Document.id)
    read = sa.exists().where(Reading.document_id == Document.id)
    query = sa.select(Document.id).where(Document.document_type.in_(INVOICES), read, unnoted).order_by(Document.received_at, Document.id)
    with workstation.database.reading() as session:
        ids = list(session.scalars(query))
    if ids:
        log.info("%d invoices of before are noted, so that those that come are compared with them; some seconds a thousand", len(ids))
    for start in range(0, len(ids), OLD_AT_ONCE):
        with workstation.database.writing() as session:
            # Another process may have started as well: it waits here, and then finds them noted.
            wanted = sa.select(Document).where(Document.id.in_(ids[start : start + OLD_AT_ONCE]), unnoted)
            for document in session.scalars(wanted.order_by(Document.received_at, Document.id).with_for_update()):
                key = key_of(invoice_of(fields_of(document.fields), ()))
                _note_key(session, document, key, _known_accounts(session, document, key, workstation.settings), workstation.settings)
    return len(ids)


def _another(document: Document) -> sa.ColumnElement[bool]:
    """Not itself, of the same company, nothing that is gone, and nothing of a « pli confidentiel », whose name must not show elsewhere."""
    standing = (Document.state.not_in(GONE), Document.confidential.is_(False))
    return sa.and_(Document.id != document.id, Document.entity == document.entity, *standing)


def _asked_before(session: Session, document: Document, found: Finding) -> bool:
    """The size of a supplier is asked on one of its invoices only."""
    if found.code != "supplier-size-unknown":
        return False
    query = (
        sa.select(FindingRow.id)
        .join(Document, Document.id == FindingRow.document_id)
        .where(FindingRow.code == found.code, FindingRow.measured == found.measured, _another(document))
        .limit(1)
    )
    return session.scalar(query) is not None


def _plain_gross(gross: Decimal | None) -> str | None:
    return None if gross is None else f"{gross:.2f}"[:40]


def _key_from(rows: Sequence[InvoiceRow]) -> InvoiceKey:
    row = rows[0]
    told = dict(each.supplier.split(":", 1) for each in rows if each.supplier)
    return InvoiceKey(
        told.get("siren", ""),
        told.get("vat", ""),
        told.get("name", ""),
        row.number,
        date.fromisoformat(row.issued) if row.issued else None,
        Decimal(row.gross) if row.gross else None,
        row.credit,
        row.iban,
    )


# --- rows as values -------------------------------------------------------------------------------


def texts_of(document: Document, settings: Settings) -> list[PageText]:
    """The words that were read last; none where the reading is no longer there. Raises StoreAway where a bucket cannot be asked for it."""
    newest: Reading | None = max(document.readings, key=lambda reading: reading.version, default=None)
    if newest is None:
        return []
    path = derived_path(settings, Path(newest.path))
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return [from_json(page) for page in stored["pages"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("document %s: the reading cannot be read back: %s", document.id, error)
        return []


def seems_ours(document: Document, settings: Settings) -> bool:
    """Whether the page bears an account of our own though somebody else was read as its seller: perhaps we issued it. A supplier who
    debits our account prints it as well, so that a person has to say."""
    accounts = settings.of_company(document.entity).own_ibans
    if not accounts or document.document_type not in INVOICES:
        return False
    key = key_in(document)
    if key.siren in settings.identity.sirens or key.vat in settings.identity.vat_ids:
        return False
    if any(key.siren == each.siren != "" or key.vat == each.vat_id != "" for each in settings.company):
        return False
    printed = compact("".join(word.text for page in texts_of(document, settings) for word in page.words)).upper()
    return any(each in printed for each in accounts)


def fields_of(rows: Iterable[FieldRow]) -> dict[str, Field]:
    """The value that counts of each name: a person's before the electronic invoice's, before what was concluded or read."""
    best: dict[str, FieldRow] = {}
    for row in rows:
        if row.name not in best or row.rank < best[row.name].rank:
            best[row.name] = row
    made = {name: field_from(row) for name, row in best.items()}
    return {name: field for name, field in made.items() if field is not None}


def field_from(row: FieldRow) -> Field | None:
    """The inverse of the row that a field was stored as; None where it holds no value, or none of its kind."""
    try:
        value = _value_from(row.name, row.value) if row.value else None
    except (ValueError, InvalidOperation, KeyError, TypeError):
        return None
    if value is None:
        return None
    source = Source(row.source) if row.source in set(Source) else Source.READ
    confidence = row.confidence if row.confidence is not None else 0.0 if source is Source.READ else 1.0
    box = tuple(row.box) if row.box and len(row.box) == 4 else None
    return Field(row.name, value, row.raw or "", row.page or 0, box, confidence, row.reason or "", (), source)


def _value_from(name: str, text: str) -> Value:
    if name.startswith("total_") or name in ("paid_amount", "amount_due"):
        amount = Decimal(text)
        if not amount.is_finite():
            raise ValueError(text)
        return amount
    if name.endswith("_date"):
        return date.fromisoformat(text)
    if name == "vat_breakdown":
        return tuple(VatLine(Decimal(row["rate"]), Decimal(row["base"]), Decimal(row["tax"])) for row in json.loads(text))
    if name == "lines":
        return tuple(_line_from(row) for row in json.loads(text))
    return text


def _line_from(row: Mapping[str, Any]) -> LineItem:
    def number(name: str) -> Decimal | None:
        return None if row.get(name) is None else Decimal(row[name])

    return LineItem(str(row.get("description") or ""), number("quantity"), number("unit_price"), number("net"), number("rate"))
