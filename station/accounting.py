"""The accounting export: every approved invoice goes into one batch, once; its file can be written again and has the same bytes.

Nothing is posted by itself: a person looks at the preview, makes the batch and downloads it; a second one may take it back.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.legal import load_law
from ocr.identifiers import compact
from sealing.ledger import Event
from station import accounting_words, payables, tasks
from station.acts import actor_of
from station.receivables import own_keys
from station.records import documents, people
from station.records import tasks as records
from station.records.ledger import append_event
from station.records.tables import (
    AccountingBatch,
    AccountingItem,
    AccountingLine,
    AccountingPlan,
    Disbursement,
    Document,
    FieldRow,
    InvoiceStanding,
    Person,
)
from station.workstation import Workstation
from workflow.accounting import (
    ENCODINGS,
    FIELDS,
    FORMATS,
    SEPARATORS,
    Bill,
    Cells,
    Entry,
    Plan,
    Trouble,
    VatShare,
    entry_of,
    entry_order,
    plan_from,
    totals_of,
    write_file,
)
from workflow.invoicing import InvoiceState

MOST = 5_000
"""Invoices of one batch; what is more waits for the next."""
MOST_WORDS = 2000


class Altered(Exception):
    """The rows of a batch no longer make the file whose hash the ledger holds: nothing is handed out."""


@dataclass(frozen=True, slots=False)
class Preview:
    """What a batch would hold if it were made now."""

    ready: tuple[Entry, ...]
    held: tuple[tuple[Bill, Trouble], ...]
    """What waits, and why."""
    plan: Plan
    version: int
    later: int = 0
    """Approved beyond what one batch takes."""

    @cached_property
    def totals(self) -> tuple[Decimal, Decimal]:
        """Debit and credit, EUR."""
        return totals_of(self.ready)

    @cached_property
    def digest(self) -> str:
        """Of all that is shown: a batch is made of what was seen, or not at all."""
        told = [self.version, [[each.bill.document, each.bill.sealed, [_line_text(line) for line in each.lines]] for each in self.ready]]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def _line_text(line: Any) -> list[str]:
    return [line.account, line.auxiliary, line.label, f"{line.debit}", f"{line.credit}", line.rate]


# --- how entries are written ---


def plan_now(session: Session, entity: str) -> tuple[int, Plan]:
    """The newest version; 0: as shipped."""
    row = session.scalar(sa.select(AccountingPlan).where(AccountingPlan.entity == entity).order_by(AccountingPlan.version.desc()).limit(1))
    return (0, Plan()) if row is None else (row.version, plan_of(row.told))


def plan_at(session: Session, entity: str, version: int) -> Plan:
    row = session.scalar(sa.select(AccountingPlan).where(AccountingPlan.entity == entity, AccountingPlan.version == version))
    return Plan() if row is None else plan_of(row.told)


def plan_of(told: Mapping[str, Any]) -> Plan:
    return plan_from(dict(told)) if told else Plan()


def versions_of(session: Session, entity: str) -> Sequence[AccountingPlan]:
    """The newest first."""
    return session.scalars(sa.select(AccountingPlan).where(AccountingPlan.entity == entity).order_by(AccountingPlan.version.desc())).all()


def wrong_plan(plan: Plan) -> str | None:
    """Key under `accounting.wrong-…`; None: it can be used."""
    return next((code for code, wrong in _plan_checks(plan) if wrong), None)


def _plan_checks(plan: Plan) -> Iterator[tuple[str, bool]]:
    accounts = (plan.supplier_account, plan.expense_account, plan.vat_account, *plan.vat.values(), *plan.expenses.values())
    yield "account", not all(each.isalnum() and each.isascii() and 3 <= len(each) <= 20 and each[0] in "12345678" for each in accounts)
    yield "journal", not (plan.journal.isalnum() and len(plan.journal) <= 10)
    yield "auxiliary", any(len(each) > 40 for each in plan.auxiliaries.values())
    names = [name for name, _ in plan.columns]
    yield "columns", not ({"account", "debit", "credit"} <= set(names) or {"account", "amount", "side"} <= set(names))
    yield (
        "columns",
        len(set(names)) < len(names) or not set(names) <= set(FIELDS) or any(not heading.strip() for _, heading in plan.columns),
    )
    yield "form", not (plan.separator in SEPARATORS and plan.encoding in ENCODINGS and plan.days in FORMATS)
    yield "form", plan.decimal not in (",", ".") or plan.entry_day not in ("invoice", "batch")
    yield "decimal", SEPARATORS.get(plan.separator) == plan.decimal


def save_plan(session: Session, workstation: Workstation, plan: Plan, person: Person) -> int:
    """A new version where something changed; returns the version that holds. Raises ValueError of one that cannot be used."""
    if wrong_plan(plan) is not None:
        raise ValueError(wrong_plan(plan))
    entity, now = workstation.settings.entity, workstation.clock()
    version, before = plan_now(session, entity)
    if plan == before:
        return version
    session.add(AccountingPlan(entity=entity, version=version + 1, told=plan.as_json(), actor=person.pseudonym, at=now))
    session.flush()
    payload = {"what": "settings", "version": version + 1, "sha256": plan.digest()}
    append_event(session, Event(entity, "accounting", {}, actor_of(person), now, "system", payload))
    return version + 1


# --- what waits ---


def preview(session: Session, workstation: Workstation) -> Preview:
    """Every approved invoice that stands in no batch, as it is now: an entry, or why it makes none."""
    entity = workstation.settings.entity
    version, plan = plan_now(session, entity)
    waiting = [bill_of(session, workstation, document) for document in waiting_documents(session, entity)]
    told = [(bill, entry_of(bill, plan)) for bill in sorted(waiting, key=entry_order)]
    ready = [found for _, found in told if isinstance(found, Entry)]
    held = tuple((bill, found) for bill, found in told if isinstance(found, Trouble))
    return Preview(tuple(ready[:MOST]), held, plan, version, max(0, len(ready) - MOST))


def waiting_documents(session: Session, entity: str) -> list[Document]:
    """Approved, the approval still holds, and in no batch that stands."""
    booked = sa.select(AccountingItem.held).where(AccountingItem.held.is_not(None), AccountingItem.entity == entity)
    query = (
        sa.select(Document)
        .join(InvoiceStanding, InvoiceStanding.document_id == Document.id)
        .where(InvoiceStanding.entity == entity, InvoiceStanding.state == InvoiceState.APPROVED, Document.id.not_in(booked))
        .order_by(Document.received_at, Document.id)
    )
    return [document for document in session.scalars(query) if tasks.is_approved(session, document)]


def bill_of(session: Session, workstation: Workstation, document: Document) -> Bill:
    """What of a document goes into the accounts."""
    best = documents.best_rows(document)
    said = accounting_words.said_of(session, document, best)
    owed = payables.owed_of(session, workstation.settings, document, payables.today_of(workstation))
    supplier = payables.supplier_of(session, document.entity, best)
    keys = payables.keys_of(best)
    newest, _ = records.sealed_afresh(session, document.id)
    value = payables.value_of
    name = value(best, "supplier_name") or (supplier.name if supplier else "") or value(best, "supplier_siren") or document.title
    return Bill(
        document=document.id, supplier=name[:200], key=supplier.key if supplier else next(iter(keys), ""),
        auxiliary=supplier.number if supplier else "", number=value(best, "invoice_number")[:100],
        issued=payables.day_of(best, "issue_date"), due=owed.deadline.day, gross=owed.amount, net=payables.amount_of(best, "total_net"),
        tax=payables.amount_of(best, "total_tax"), vat=vat_shares(best), currency=owed.currency,
        credit=payables.is_credit(document, best), sealed=newest, own=bool(set(keys) & set(own_keys(workstation.settings))),
        rates=rates_on(payables.day_of(best, "delivery_date") or payables.day_of(best, "issue_date")), abroad=is_abroad(best),
        contradiction=contradiction_of(document), conversion=said.conversion, treatment=said.treatment, vouched=said.vouched,
    )  # fmt: skip


def trouble_of(session: Session, workstation: Workstation, document: Document) -> Trouble | None:
    """Why an invoice would make no entry as it stands; None: it would make one."""
    made = entry_of(bill_of(session, workstation, document), plan_now(session, document.entity)[1])
    return made if isinstance(made, Trouble) else None


def rates_on(day: date | None) -> frozenset[str]:
    """Rates of French VAT on the day of the tax point; without a day, those of any day."""
    return frozenset(rate_text(each.rate) for each in load_law().rates if day is None or each.period.holds(day))


def is_abroad(best: Mapping[str, FieldRow]) -> bool:
    """Whether the seller shows a VAT number of another country, and none that makes it a French one (Monaco's are French)."""
    vat = compact(payables.value_of(best, "supplier_vat_id")).upper()
    french = payables.value_of(best, "supplier_siren") or payables.value_of(best, "supplier_siret")
    return len(vat) > 4 and vat[:2].isalpha() and vat[:2] != "FR" and not french


def contradiction_of(document: Document) -> str:
    """Which contradiction stands in the way: checks (of the sums, of the lines of tax), page (a person's sums are not those that the
    page adds up to); empty: none."""
    if any(row.code == "amounts-disagree" for row in document.findings):
        return "checks"
    typed = {row.name: row.value for row in document.fields if row.source == "person" and row.name in TOTALS}
    printed: dict[str, FieldRow] = {}
    for row in document.fields:
        if row.source != "person" and row.name in TOTALS and (row.name not in printed or row.rank < printed[row.name].rank):
            printed[row.name] = row
    sums = {name: payables.amount_of(printed, name) for name in TOTALS}
    net, tax, gross = (sums[name] for name in TOTALS)
    if net is None or tax is None or gross is None or net + tax != gross:
        # The page itself was not read so that it holds: whoever corrected it had reason to.
        return ""
    return "page" if any(_number(text) not in (None, sums[name]) for name, text in typed.items()) else ""


TOTALS = ("total_net", "total_tax", "total_gross")


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text or "")
    except ArithmeticError:
        return None


def enter_elsewhere(session: Session, workstation: Workstation, document: Document, reason: str, person: Person) -> str | None:
    """A person says that this invoice is entered by hand in the accounts: no batch will hold it. Why not, or None: done."""
    wrong = accounting_words.say_word(session, workstation, document, accounting_words.ELSEWHERE, {}, reason, person)
    if wrong is None:
        tasks.move_state(session, document, InvoiceState.POSTED, person.pseudonym, workstation.clock())
    return wrong


def enter_here(session: Session, workstation: Workstation, document: Document, person: Person) -> str | None:
    """It was not entered elsewhere after all, and waits for a batch again. Why not, or None: done."""
    row = accounting_words.may_take_back(session, document)
    if row is None:
        return "said-late"
    now = workstation.clock()
    accounting_words.end_word(session, row, person, now)
    standing = tasks.move_state(session, document, InvoiceState.APPROVED, person.pseudonym, now)
    standing.exported_at, standing.seen = None, -1
    session.flush()
    return None


def vat_shares(best: Mapping[str, FieldRow]) -> tuple[VatShare, ...]:
    """The breakdown as it was read; empty where a line of it is none."""
    try:
        rows = json.loads(payables.value_of(best, "vat_breakdown") or "[]")
        return tuple(
            VatShare(rate_text(row.get("rate")), Decimal(row["base"]) if row.get("base") else None, Decimal(row["tax"])) for row in rows
        )
    except (ValueError, ArithmeticError, KeyError, TypeError, AttributeError):
        return ()


def rate_text(rate: object) -> str:
    """« 20.00 » → « 20 »; what is no number is empty."""
    try:
        number = Decimal(str(rate))
    except ArithmeticError:
        return ""
    return f"{number.normalize():f}" if number.is_finite() and 0 <= number <= 100 else ""


# --- making a batch ---


def make_batch(session: Session, workstation: Workstation, digest: str, person: Person) -> AccountingBatch | str:
    """The batch of what was shown, or the key under `accounting.wrong-…` of why not: nothing was written then."""
    found = preview(session, workstation)
    if not found.ready:
        return "empty"
    if digest != found.digest:
        return "changed"
    entity, now, today = workstation.settings.entity, workstation.clock(), payables.today_of(workstation)
    debit, credit = found.totals
    if debit != credit:
        # Cannot be, entry by entry; if it is all the same, no file says so.
        return "balance"
    batch = AccountingBatch(
        entity=entity, year=today.year, number=_next(session, AccountingBatch.number, AccountingBatch, entity, today.year),
        plan=found.version, day=today.isoformat(), invoices=len(found.ready), debit=f"{debit:.2f}", credit=f"{credit:.2f}", sha256="",
        made_by=person.pseudonym, made_at=now,
    )  # fmt: skip
    session.add(batch)
    session.flush()
    first = _next(session, AccountingItem.entry, AccountingItem, entity, today.year)
    for place, entry in enumerate(found.ready):
        _add_item(session, batch, entry, first + place)
        tasks.move_state(session, documents.get_document(session, entry.bill.document), InvoiceState.POSTED, person.pseudonym, now)
    session.flush()
    batch.sha256 = hashlib.sha256(_file_of(session, batch)).hexdigest()
    _enter(session, batch, "batch", person, {"documents": [entry.bill.document for entry in found.ready]})
    return batch


def _next(session: Session, column: Any, table: Any, entity: str, year: int) -> int:
    """Without gaps: of two at once, one finds the number taken and is refused whole."""
    return (session.scalar(sa.select(sa.func.max(column)).where(table.entity == entity, table.year == year)) or 0) + 1


def _add_item(session: Session, batch: AccountingBatch, entry: Entry, number: int) -> None:
    bill = entry.bill
    item = AccountingItem(
        batch_id=batch.id, entity=batch.entity, document_id=bill.document, held=bill.document, year=batch.year, entry=number,
        supplier=bill.supplier, number=bill.number, issued=bill.issued.isoformat() if bill.issued else "",
        due=bill.due.isoformat() if bill.due else None, gross=f"{entry.gross:.2f}", sealed=bill.sealed,
    )  # fmt: skip
    session.add(item)
    session.flush()
    for place, line in enumerate(entry.lines, 1):
        told = {name: getattr(line, name) for name in ("account", "account_label", "auxiliary", "auxiliary_label", "label", "rate")}
        sums = {"debit": f"{line.debit:.2f}", "credit": f"{line.credit:.2f}"}
        session.add(AccountingLine(item_id=item.id, entity=batch.entity, place=place, **told, **sums))


def _enter(session: Session, batch: AccountingBatch, what: str, person: Person, told: Mapping[str, Any]) -> None:
    """The leaf names the file; who, what and how much stand in the payload."""
    at = batch.reversed_at or batch.made_at
    payload = {
        "what": what, "year": batch.year, "number": batch.number, "invoices": batch.invoices, "debit": batch.debit, "credit": batch.credit,
        "plan": batch.plan, "sha256": batch.sha256, **told,
    }  # fmt: skip
    append_event(session, Event(batch.entity, "accounting", {"file": batch.sha256}, actor_of(person), at, "system", payload))


# --- the batches there are ---


def get_batch(session: Session, entity: str, number: int) -> AccountingBatch | None:
    """By its identifier; None where there is none, or it is another entity's."""
    batch = session.get(AccountingBatch, number)
    return batch if batch is not None and batch.entity == entity else None


def list_batches(session: Session, entity: str, limit: int = 50, before: int = 0) -> list[AccountingBatch]:
    """The newest first."""
    query = sa.select(AccountingBatch).where(AccountingBatch.entity == entity)
    query = query.where(AccountingBatch.id < before) if before else query
    return list(session.scalars(query.order_by(AccountingBatch.id.desc()).limit(limit)))


def items_of(session: Session, batch: AccountingBatch) -> list[AccountingItem]:
    return list(session.scalars(sa.select(AccountingItem).where(AccountingItem.batch_id == batch.id).order_by(AccountingItem.entry)))


def lines_of(session: Session, items: Sequence[AccountingItem]) -> dict[int, list[AccountingLine]]:
    """By item, in their places."""
    found: dict[int, list[AccountingLine]] = {item.id: [] for item in items}
    numbers = list(found)
    for start in range(0, len(numbers), 500):
        query = sa.select(AccountingLine).where(AccountingLine.item_id.in_(numbers[start : start + 500]))
        for line in session.scalars(query.order_by(AccountingLine.item_id, AccountingLine.place)):
            found[line.item_id].append(line)
    return found


def batch_with(session: Session, document_id: str) -> AccountingBatch | None:
    """The batch in which an invoice stands."""
    item = session.scalar(sa.select(AccountingItem).where(AccountingItem.held == document_id))
    return None if item is None else session.get(AccountingBatch, item.batch_id)


def file_of(session: Session, batch: AccountingBatch) -> bytes:
    """The file, as it was when the batch was made. Raises Altered."""
    data = _file_of(session, batch)
    if hashlib.sha256(data).hexdigest() != batch.sha256:
        raise Altered(str(batch.id))
    return data


def _file_of(session: Session, batch: AccountingBatch) -> bytes:
    plan, items = plan_at(session, batch.entity, batch.plan), items_of(session, batch)
    lines = lines_of(session, items)
    return write_file([_cells(batch, item, line, plan) for item in items for line in lines[item.id]], plan)


def _cells(batch: AccountingBatch, item: AccountingItem, line: AccountingLine, plan: Plan) -> Cells:
    issued, made = _day(item.issued), _day(batch.day)
    debit = line.debit != "0.00"
    return {
        "journal": plan.journal, "journal-label": plan.journal_label, "entry": entry_name(plan, item),
        "day": (issued if plan.entry_day == "invoice" else None) or made, "account": line.account, "account-label": line.account_label,
        "auxiliary": line.auxiliary, "auxiliary-label": line.auxiliary_label, "reference": item.number, "reference-day": issued,
        "label": line.label, "debit": line.debit, "credit": line.credit, "lettering": "", "lettering-day": "", "valid-day": made,
        "foreign-amount": "", "foreign-currency": "", "due": _day(item.due or ""), "rate": line.rate, "side": "D" if debit else "C",
        "amount": line.debit if debit else line.credit, "batch": name_of(batch), "document": item.document_id, "sealed": item.sealed,
    }  # fmt: skip


def entry_name(plan: Plan, item: AccountingItem) -> str:
    """« AC-2026-00012 »."""
    return f"{plan.journal}-{item.year}-{item.entry:05d}"


def name_of(batch: AccountingBatch) -> str:
    """« 2026-3 »."""
    return f"{batch.year}-{batch.number}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# --- taking one back ---


def why_not_reverse(session: Session, workstation: Workstation, batch: AccountingBatch, person: Person) -> str | None:
    """Key under `accounting.wrong-…`; None: this person may take it back."""
    if batch.reversed_at is not None:
        return "gone"
    if people.are_one(session, batch.made_by, person.pseudonym, batch.made_at, workstation.clock()):
        return "own"
    numbers = [item.document_id for item in items_of(session, batch)]
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        left = sa.select(InvoiceStanding.document_id).where(
            InvoiceStanding.document_id.in_(some), InvoiceStanding.state != InvoiceState.POSTED
        )
        if session.scalar(left.limit(1)) or session.scalar(sa.select(Disbursement.id).where(Disbursement.document_id.in_(some)).limit(1)):
            return "moved"
    return None


def reverse_batch(session: Session, workstation: Workstation, batch: AccountingBatch, reason: str, person: Person) -> str | None:
    """A second person takes a batch back: its invoices wait to be exported anew, its number and its file stay. Why not, or None: done."""
    wrong = why_not_reverse(session, workstation, batch, person) or (None if reason.strip() else "reason")
    if wrong is not None:
        return wrong
    now = workstation.clock()
    batch.reversed_by, batch.reversed_at, batch.reason = person.pseudonym, now, reason.strip()[:MOST_WORDS]
    items = items_of(session, batch)
    for item in items:
        item.held = None
        standing = tasks.move_state(
            session, documents.get_document(session, item.document_id), InvoiceState.APPROVED, person.pseudonym, now
        )
        # The accounts do not have it after all: a closing must count it again.
        standing.exported_at = None
        # Values that changed meanwhile void the approval, as they would have before.
        standing.seen = -1
    session.flush()
    _enter(session, batch, "reversed", person, {"reason": batch.reason, "documents": [item.document_id for item in items]})
    return None


def with_preset(plan: Plan, preset: Mapping[str, Any]) -> Plan:
    """The plan with the form of a preset (`workflow.accounting.FEC_PLAN`)."""
    return replace(plan, **preset)
