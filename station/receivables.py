"""Acts on open items of customers: an invoice is owed, something happens to it; each with its entry in the ledger.

What an item's events mean is never kept: whoever acts on one (a page, a reminder at the moment it leaves) derives it anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from ocr.identifiers import compact
from ocr.layout import fold
from sealing.ledger import Actor, ActorKind, Event
from station.deadlines import is_credit
from station.records import documents
from station.records import receivables as records
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Customer, CustomerContact, Document, FieldRow, InvoiceRow, ItemEvent, OpenItem, Review, State
from station.workstation import Workstation
from workflow.interest import Rates, Regime, Terms, rate_of
from workflow.kinds import INVOICES
from workflow.receivables import NOTHING, Standing, What, in_force, standing_of
from workflow.receivables import Customer as Nature
from workflow.receivables import State as ItemState
from workflow.terms import DEFAULT_DAYS, Counting, Term, due_date, read_term, term_text

AT_ONCE = 200
"""Documents taken in one transaction."""
MOST_TENDED = 2000
"""Documents looked at in one turn: those that bar themselves stay in the way until a person looks."""
PREPAID = "acompte"
"""Reference of what an invoice itself counts as paid."""
MOST_CENTS = 10**13
"""Of one amount: a hundred thousand million euros."""
LONGEST_PROMISE = timedelta(days=366)
CLOSING = frozenset({What.CANCEL, What.INSOLVENCY, What.WRITE_OFF})
"""By which nothing is asked for any more: the pages ask for the password again."""
_PRICED = frozenset({What.PAYMENT, What.CREDIT, What.GIVEN})
_REASONED = frozenset(What) - {What.PAYMENT, What.CREDIT, What.PROMISE}
_ALONE = {What.DISPUTE: ItemState.DISPUTED, What.INSOLVENCY: ItemState.INSOLVENT, What.WRITE_OFF: ItemState.WRITTEN_OFF}
_OPEN = frozenset({ItemState.NOT_DUE, ItemState.OVERDUE, ItemState.DISPUTED, ItemState.PROMISED, ItemState.INSOLVENT})
OFFERED: Mapping[ItemState, tuple[What, ...]] = {
    ItemState.UNISSUED: (What.CANCEL,),
    ItemState.CANCELLED: (What.PAYMENT,),
    ItemState.PAID: (What.PAYMENT, What.CREDIT),
    ItemState.WRITTEN_OFF: (What.PAYMENT, What.CREDIT, What.INTERRUPTION),
    **{
        state: tuple(what for what in What if what not in (What.END, What.GIVEN) and _ALONE.get(what) is not state)
        for state in (ItemState.INSOLVENT, ItemState.DISPUTED, ItemState.PROMISED, ItemState.OVERDUE, ItemState.NOT_DUE)
    },
}
"""What may be noted of an item as it stands; money that came is always noted, and what was noted can always be ended."""


class Refused(Exception):
    """It is not noted; `reason` is a key under `receivables.wrong-…` of the words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, when, by which way."""

    actor: Actor
    at: datetime
    today: date
    """On the wall clock: nothing is noted of a later day."""
    source: str = "hand"
    """document, list, api, hand."""


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice as it was issued."""

    number: str
    cents: int
    issued: date
    due: date
    mentions: bool | None = None
    document_id: str | None = None
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that happened to an item."""

    what: What
    day: date
    cents: int = 0
    of: int | None = None
    until: date | None = None
    reference: str = ""
    reason: str = ""
    keep: bool = False
    """Of a payment that is more than what is open: the rest is kept as the customer's credit. Without it such a payment is refused."""


def by_person(pseudonym: str, at: datetime, today: date, source: str = "hand") -> By:
    return By(Actor(pseudonym, ActorKind.HUMAN), at, today, source)


# --- acts ---


def issue_item(session: Session, entity: str, customer: Customer, issued: Issued, by: By) -> OpenItem:
    """The customer owes an invoice from now on; the same again is the same. Raises Refused where the number is another invoice's."""
    if (flaw := _flaw_of_issue(issued)) is not None:
        raise Refused(flaw)
    there = records.find_item(session, entity, issued.number)
    if there is not None:
        if issued_of(there) == (customer.id, issued.cents, issued.issued.isoformat(), issued.due.isoformat()):
            return there
        raise Refused("number-taken")
    row = OpenItem(
        entity=entity, customer_id=customer.id, number=issued.number, cents=issued.cents, issued=issued.issued.isoformat(),
        due=issued.due.isoformat(), mentions=issued.mentions, document_id=issued.document_id, source=by.source, batch=issued.batch,
        actor=by.actor.pseudonym, made_at=by.at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    told = {"number": row.number, "cents": row.cents, "issued": row.issued, "due": row.due, "customer": customer.id}
    _enter(session, row, "issued", by, told)
    return row


def issued_of(row: OpenItem) -> tuple[int, int, str, str]:
    """What makes an invoice the same: whose, how much, of when, due when."""
    return row.customer_id, row.cents, row.issued, row.due


def note_event(session: Session, row: OpenItem, noted: Noted, by: By) -> ItemEvent:
    """Something happened; the same reference again is the same event. Raises Refused; nothing is written then."""
    if noted.reference:
        there = records.find_event(session, row.id, noted.what, noted.reference)
        if there is not None:
            if (there.cents, there.day) == (noted.cents, noted.day.isoformat()):
                return there
            raise Refused("reference-taken")
    if (flaw := flaw_of(session, row, noted, by.today)) is not None:
        raise Refused(flaw)
    event = ItemEvent(
        entity=row.entity, item_id=row.id, what=noted.what, day=noted.day.isoformat(), cents=noted.cents, of=noted.of,
        until=noted.until.isoformat() if noted.until else None, reference=noted.reference or None, reason=noted.reason, source=by.source,
        actor=by.actor.pseudonym, at=by.at,
    )  # fmt: skip
    # Both halves or none: whoever shows the refusal ends the transaction as always.
    with session.begin_nested():
        session.add(event)
        session.flush()
        told = {"day": event.day, "cents": event.cents, "of": event.of, "until": event.until, "reference": event.reference}
        told |= {"kept": True} if noted.keep else {}
        _enter(session, row, noted.what, by, {"event": event.id, **told, "reason": event.reason})
        if noted.what is What.END:
            _end_other_half(session, row, noted, by)
    return event


def use_credit(session: Session, row: OpenItem, cents: int, day: date, reason: str, by: By, to: OpenItem | None = None) -> ItemEvent:
    """Of what was paid too much on an invoice, so much is counted on another one of the same customer, or was paid back. Raises Refused."""
    if to is not None:
        if to.customer_id != row.customer_id or to.id == row.id:
            raise Refused("credit-elsewhere")
        open_there = standing_of(records.item_of(to), map(records.happening_of, records.event_rows(session, to.id)), by.today).balance
        if not 0 < records.euros(cents) <= open_there:
            raise Refused("credit-over")
    with session.begin_nested():
        given = note_event(session, row, Noted(What.GIVEN, day, cents, reason=reason), by)
        if to is not None:
            note_event(session, to, Noted(What.PAYMENT, day, cents, of=given.id, reason=reason), by)
    return given


def _end_other_half(session: Session, row: OpenItem, noted: Noted, by: By) -> None:
    """A credit that was counted on another invoice is one act: where one half is withdrawn, the other is."""
    ended = session.get(ItemEvent, noted.of)
    if ended is None or not (ended.what == What.GIVEN or (ended.what == What.PAYMENT and ended.of is not None)):
        return
    half = (ItemEvent.of == ended.id, ItemEvent.what == What.PAYMENT) if ended.what == What.GIVEN else _given_by(ended.of)
    query = sa.select(ItemEvent).join(OpenItem, OpenItem.id == ItemEvent.item_id).where(*half, ItemEvent.cents == ended.cents)
    other = session.scalar(query.where(ItemEvent.entity == row.entity, OpenItem.customer_id == row.customer_id))
    if other is None:
        return
    theirs = session.get_one(OpenItem, other.item_id)
    held = in_force(map(records.happening_of, records.event_rows(session, theirs.id)), by.today)
    if any(event.id == other.id for event in held):
        note_event(session, theirs, replace(noted, of=other.id), by)


def _given_by(number: int | None) -> tuple[sa.ColumnElement[bool], ...]:
    return ItemEvent.id == number, ItemEvent.what == What.GIVEN


def _is_half(session: Session, row: OpenItem, noted: Noted) -> bool:
    """Whether a payment names what it came from: as much, given back of the same customer's, and counted nowhere yet."""
    query = sa.select(ItemEvent.id).join(OpenItem, OpenItem.id == ItemEvent.item_id)
    query = query.where(*_given_by(noted.of), ItemEvent.entity == row.entity, ItemEvent.cents == noted.cents)
    counted = sa.select(ItemEvent.id).where(ItemEvent.of == noted.of)
    given = session.scalar(query.where(OpenItem.customer_id == row.customer_id))
    return noted.what is What.PAYMENT and given is not None and session.scalar(counted.limit(1)) is None


def issue_many(session: Session, entity: str, listed: Iterable[tuple[int, Issued]], by: By) -> None:
    """A whole list, each line a customer's row and an invoice that was checked already: one entry tells them all."""
    rows = [
        OpenItem(
            entity=entity, customer_id=customer, number=each.number, cents=each.cents, issued=each.issued.isoformat(),
            due=each.due.isoformat(), mentions=each.mentions, document_id=each.document_id, source=by.source, batch=each.batch,
            actor=by.actor.pseudonym, made_at=by.at,
        )
        for customer, each in listed
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    told = [{"item": row.id, "number": row.number, "cents": row.cents, "issued": row.issued, "due": row.due} for row in rows]
    _enter_many(session, entity, "issued", told, by)


def note_payments(session: Session, entity: str, listed: Iterable[tuple[int, Noted]], by: By) -> None:
    """The same for payments, each line an item's row and what came."""
    rows = [
        ItemEvent(
            entity=entity, item_id=item, what=What.PAYMENT, day=each.day.isoformat(), cents=each.cents, reference=each.reference,
            reason=each.reason, source=by.source, actor=by.actor.pseudonym, at=by.at,
        )
        for item, each in listed
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    told = [{"item": row.item_id, "event": row.id, "day": row.day, "cents": row.cents, "reference": row.reference} for row in rows]
    _enter_many(session, entity, What.PAYMENT, told, by)


def _enter_many(session: Session, entity: str, what: str, told: Sequence[Mapping[str, object]], by: By) -> None:
    if told:
        append_event(session, Event(entity, "receivable", {}, by.actor, by.at, "system", {"what": str(what), "items": list(told)}))


def flaw_of(session: Session, row: OpenItem, noted: Noted, today: date) -> str | None:
    """Why it cannot be noted; None where it can."""
    rows = records.event_rows(session, row.id)
    standing = standing_of(records.item_of(row), map(records.happening_of, rows), today)
    if noted.day > today:
        return "day-later"
    if noted.day.year < 2000 or (noted.what not in _PRICED and noted.day.isoformat() < row.issued and noted.what is not What.END):
        return "day-before"
    if noted.what in _REASONED and not noted.reason.strip():
        return "reason"
    if noted.what is What.END:
        return _flaw_of_end(row, rows, noted, today)
    if noted.what not in (*OFFERED[standing.state], What.GIVEN) or (noted.of is not None and not _is_half(session, row, noted)):
        return "not-offered"
    return _flaw_of_amount(noted, standing) or _flaw_of_promise(noted)


def _flaw_of_amount(noted: Noted, standing: Standing) -> str | None:
    if noted.what in _PRICED and not 0 < noted.cents <= MOST_CENTS:
        return "amount"
    if noted.what is What.GIVEN and records.euros(noted.cents) > standing.overpaid:
        return "given-large"
    if noted.what is What.PAYMENT and not noted.keep and records.euros(noted.cents) > standing.balance + standing.written_off:
        return "over"
    if noted.what is What.CREDIT:
        if not noted.reference:
            return "reference"
        if records.euros(noted.cents) > standing.balance + standing.paid + standing.written_off:
            return "credit-large"
    return None


def _flaw_of_promise(noted: Noted) -> str | None:
    if noted.what is What.PROMISE:
        if noted.until is None or not noted.day <= noted.until <= noted.day + LONGEST_PROMISE:
            return "until"
        if not 0 <= noted.cents <= MOST_CENTS:
            return "amount"
    return None


def _flaw_of_end(row: OpenItem, rows: Iterable[ItemEvent], noted: Noted, today: date) -> str | None:
    holding = {event.id: event for event in in_force(map(records.happening_of, rows), max(today, noted.day))}
    ended = holding.pop(noted.of or 0, None)
    if ended is None:
        return "not-in-force"
    if noted.day < ended.day:
        return "day-before"
    left = standing_of(records.item_of(row), [event for event in holding.values() if event.what is not What.GIVEN], today)
    given = sum((event.amount for event in holding.values() if event.what is What.GIVEN), NOTHING)
    # What was given back of too much, or counted elsewhere, is withdrawn before the payment that it came from.
    return "given" if given > left.overpaid else None


def _flaw_of_issue(issued: Issued) -> str | None:
    if not issued.number.strip() or len(issued.number) > 80:
        return "number"
    if not 0 < issued.cents <= MOST_CENTS:
        return "amount"
    if not 2000 <= issued.issued.year <= 2100:
        return "issued"
    return None if issued.issued <= issued.due <= issued.issued + timedelta(days=366) else "due"


def _enter(session: Session, row: OpenItem, what: str, by: By, told: Mapping[str, object]) -> None:
    """The leaf names the item and its document; amounts, numbers and reasons lie in the payload, which it commits to."""
    objects = {"item": str(row.id)} | ({"document": row.document_id} if row.document_id else {})
    append_event(session, Event(row.entity, "receivable", objects, by.actor, by.at, "system", {"what": str(what), **told}))


# --- customers ---


@dataclass(frozen=True, slots=True)
class Manner:
    """How a customer is treated."""

    regime: str
    language: str
    ladder: str = ""
    contract_rate: str = ""
    """Per cent a year, decimal with a point; empty: the law's."""
    terms: str = ""
    """As people say them, « 45 jours fin de mois »; empty: nothing was agreed."""


def terms_of(customer: Customer | None) -> Term:
    """What was agreed with a customer, else what the law sets."""
    if customer is None:
        return Term(DEFAULT_DAYS)
    if customer.terms:
        return read_term(customer.terms)
    return Term(DEFAULT_DAYS if customer.terms_days is None else customer.terms_days)


def terms_text(customer: Customer) -> str:
    """The same as it is kept and as a list says it, « 45 fdm »; empty where nothing was agreed."""
    return customer.terms or ("" if customer.terms_days is None else str(customer.terms_days))


def put_terms(customer: Customer, text: str) -> bool:
    """Whether they changed; empty: nothing was agreed. Raises ValueError where they cannot be read."""
    before = terms_text(customer)
    term = read_term(text) if text.strip() else None
    plain = term is not None and term.counting is Counting.DAYS and term.on is None
    customer.terms = "" if term is None or plain else term_text(term)
    customer.terms_days = term.days if term is not None and plain else None
    return terms_text(customer) != before


def change_customer(session: Session, customer: Customer, manner: Manner, rates: Rates, by: By) -> bool:
    """Whether anything changed. Raises Refused, BelowFloor (art. L. 441-10, II C. com.: three times the legal rate is the least)."""
    if manner.regime not in set(Nature) or manner.language not in ("fr", "en"):
        raise Refused("manner")
    rate = read_rate(manner.contract_rate)
    if rate is not None and manner.regime != Nature.PRIVATE:
        raise Refused("rate-public" if manner.regime == Nature.PUBLIC else "rate-consumer")
    if rate is not None:
        newest = max(rates.halves, key=lambda each: each.half)
        rate_of(newest.half, Terms(Regime.PRIVATE, contract_rate=rate), rates)
    told = {"regime": manner.regime, "language": manner.language, "ladder": manner.ladder[:40], "contract_rate": str(rate or "")}
    changed = {name: value for name, value in told.items() if getattr(customer, name) != value}
    try:
        again = put_terms(customer, manner.terms)
    except ValueError as error:
        raise Refused("terms") from error
    for name, value in changed.items():
        setattr(customer, name, value)
    changed |= {"terms": terms_text(customer)} if again else {}
    if changed:
        customer.changed_by, customer.changed_at = by.actor.pseudonym, by.at
        _enter_customer(session, customer, "manner", by, changed)
    return bool(changed)


def read_rate(text: str) -> Decimal | None:
    """« 12,5 % » → 12.5; None of an empty text. Raises Refused."""
    plain = text.strip().removesuffix("%").strip().replace(",", ".")
    if not plain:
        return None
    try:
        rate = Decimal(plain)
    except InvalidOperation as error:
        raise Refused("rate") from error
    if not rate.is_finite() or not 0 < rate < 100 or rate != rate.quantize(Decimal("0.01")):
        raise Refused("rate")
    return rate.normalize() if rate != rate.to_integral() else rate.quantize(Decimal(1))


@dataclass(frozen=True, slots=True)
class Named:
    """A contact as it was typed."""

    name: str
    part: str = ""
    email: str = ""
    phone: str = ""
    reminded: bool = True


def add_contact(session: Session, customer: Customer, named: Named, by: By) -> CustomerContact:
    """Raises Refused."""
    if not named.name.strip():
        raise Refused("contact-name")
    if named.reminded and not named.email:
        raise Refused("contact-email")
    row = CustomerContact(
        entity=customer.entity, customer_id=customer.id, name=named.name[:120], part=named.part[:80], email=named.email[:200],
        phone=named.phone[:40], reminded=named.reminded, actor=by.actor.pseudonym, made_at=by.at, ended_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    _enter_customer(session, customer, "contact", by, {"contact": row.id, "reminded": row.reminded})
    return row


def end_contact(session: Session, customer: Customer, number: int, by: By) -> None:
    """Raises Refused where there is no such contact any more."""
    row = next((each for each in records.contacts_of(session, customer.id) if each.id == number), None)
    if row is None:
        raise Refused("contact-gone")
    row.ended_at = by.at
    _enter_customer(session, customer, "contact ended", by, {"contact": row.id})


def _enter_customer(session: Session, customer: Customer, what: str, by: By, told: Mapping[str, object]) -> None:
    payload = {"what": what, "customer": customer.id, **told}
    append_event(session, Event(customer.entity, "receivable", {"customer": str(customer.id)}, by.actor, by.at, "system", payload))


def note_proceedings(session: Session, customer: Customer, day: date, reason: str, by: By) -> int:
    """Insolvency proceedings are a customer's, not an invoice's: noted of each open invoice issued by that day; how many.

    What is issued later is no earlier debt, and is owed as before (art. L. 622-17 C. com.). Raises Refused.
    """
    noted, count = Noted(What.INSOLVENCY, day, reason=reason), 0
    with session.begin_nested():
        for listed in records.list_items(session, customer.entity, customer.id):
            standing = standing_of(listed.item, listed.events, by.today)
            if What.INSOLVENCY in OFFERED[standing.state] and listed.item.issued <= day:
                note_event(session, listed.row, noted, by)
                count += 1
    if not count:
        raise Refused("nothing-open")
    return count


# --- from sealed documents ---


@dataclass(frozen=True, slots=True)
class Sale:
    """A sealed invoice or credit note of which we are the seller, and that is no open item yet."""

    document: Document
    number: str
    buyer: str
    buyer_siren: str
    customer: Customer | None
    cents: int | None
    issued: date | None
    due: date | None
    prepaid: int
    """Cents that the invoice itself counts as paid."""
    credit: bool
    bar: str = ""
    """Why it was not taken by itself: a key under `receivables.bar-…`; empty where nothing bars it."""


def own_keys(settings: Settings) -> tuple[str, ...]:
    """By what the company that a workstation shows is known as a seller; none where the settings do not tell one company from another."""
    company = settings.company_named(settings.entity)
    if company is not None:
        sirens, vats = [company.siren], [company.vat_id]
    elif len(settings.entities) == 1:
        sirens, vats = settings.identity.sirens, settings.identity.vat_ids
    else:
        return ()
    return (*(f"siren:{each}" for each in sirens if each), *(f"vat:{each}" for each in vats if each))


def sales_of(session: Session, settings: Settings, limit: int = AT_ONCE, *, told: bool = False) -> list[Sale]:
    """Our own sealed invoices that are no open items yet, the oldest first. A credit note counts as taken once an item names its number.

    `told`: only those whose values a review or an XML told.
    """
    keys = own_keys(settings)
    if not keys:
        return []
    ours = sa.exists().where(InvoiceRow.document_id == Document.id, InvoiceRow.supplier.in_(keys))
    taken = sa.exists().where(OpenItem.document_id == Document.id)
    query = sa.select(Document).where(Document.entity == settings.entity, Document.state == State.SEALED, Document.confidential.is_(False))
    query = query.where(Document.document_type.in_(INVOICES), ours, ~taken).order_by(Document.received_at, Document.id).limit(limit)
    if told:
        reviewed = sa.exists().where(Review.document_id == Document.id, Review.stage == "done")
        by_xml = sa.exists().where(FieldRow.document_id == Document.id, FieldRow.name == "total_gross", FieldRow.source == "xml")
        query = query.where(sa.or_(reviewed, by_xml))
    found = [sale_of(session, document) for document in session.scalars(query)]
    # Of a house whose settings do not tell its companies apart, what one of them sold to another is nobody's claim here.
    apart = settings.company_named(settings.entity) is not None
    credited = _credits(session, settings.entity, [sale.number for sale in found if sale.credit])
    return [sale for sale in found if (apart or sale.buyer_siren not in settings.identity.sirens) and sale.number not in credited]


def is_ours(session: Session, document: Document, settings: Settings) -> bool:
    """Whether a sealed invoice was issued by the company itself."""
    where = (InvoiceRow.document_id == document.id, InvoiceRow.supplier.in_(own_keys(settings)))
    return document.state == State.SEALED and bool(session.scalar(sa.select(sa.func.count()).select_from(InvoiceRow).where(*where)))


def _credits(session: Session, entity: str, numbers: list[str]) -> set[str]:
    """Of these credit notes, those that an item counts."""
    where = (ItemEvent.entity == entity, ItemEvent.what == What.CREDIT, ItemEvent.reference.in_(numbers))
    return {str(each) for each in session.scalars(sa.select(ItemEvent.reference).where(*where))} if numbers else set()


def sale_of(session: Session, document: Document) -> Sale:
    """What a document says of itself as our invoice, and what bars it from being taken without a person."""
    best = documents.best_rows(document)
    gross, due_amount = _cents(best, "total_gross"), _cents(best, "amount_due")
    issued, due = _day(best, "issue_date"), _day(best, "due_date")
    customer = _customer_of(session, document.entity, _text(best, "buyer_siren"), _text(best, "buyer_name"))
    if due is None and issued is not None:
        due = due_date(terms_of(customer), issued)
    prepaid = gross - due_amount if gross is not None and due_amount is not None and 0 <= due_amount < gross else 0
    credit = is_credit(document, best) or (gross is not None and gross < 0)
    sale = Sale(
        document, _text(best, "invoice_number"), _text(best, "buyer_name"), compact(_text(best, "buyer_siren"))[:9], customer,
        abs(gross) if gross is not None else None, issued, due, prepaid, credit,
    )  # fmt: skip
    return replace(sale, bar=next(_bars(session, sale, best), ""))


def _bars(session: Session, sale: Sale, best: Mapping[str, FieldRow]) -> Iterator[str]:
    """A value that a machine read off paper makes nobody a debtor: the review, or the invoice's own XML, has to say it."""
    if _text(best, "currency") not in ("", "EUR"):
        yield "currency"
    if sale.credit:
        yield "credit"
    if not sale.number or not sale.cents or sale.issued is None:
        yield "incomplete"
    review = session.get(Review, sale.document.id)
    told = all(best[name].source in ("person", "xml") for name in ("invoice_number", "total_gross", "issue_date") if name in best)
    if not told and (review is None or review.stage != "done"):
        yield "unreviewed"
    if sale.customer is None:
        yield "customer"
    if sale.number and records.find_item(session, sale.document.entity, sale.number) is not None:
        yield "number"
    if sale.issued is not None and sale.due is not None and not sale.issued <= sale.due <= sale.issued + timedelta(days=366):
        yield "due"


def _customer_of(session: Session, entity: str, siren: str, name: str) -> Customer | None:
    """The only customer with this SIREN, else the only one of exactly this name; a likeness is for a person to judge."""
    rows = sa.select(Customer).where(Customer.entity == entity)
    if siren := compact(siren)[:9]:
        found = list(session.scalars(rows.where(Customer.siren == siren).limit(2)))
        return found[0] if len(found) == 1 else None
    if not (wanted := fold(name)):
        return None
    alike = [row for row in session.scalars(rows) if fold(row.name) == wanted]
    return alike[0] if len(alike) == 1 else None


def _text(best: Mapping[str, FieldRow], name: str) -> str:
    return (best[name].value or "") if name in best else ""


def _cents(best: Mapping[str, FieldRow], name: str) -> int | None:
    try:
        amount = Decimal(_text(best, name))
    except InvalidOperation:
        return None
    whole = amount.is_finite() and abs(amount) * 100 <= MOST_CENTS and amount == amount.quantize(Decimal("0.01"))
    return int(amount * 100) if whole else None


def _day(best: Mapping[str, FieldRow], name: str) -> date | None:
    try:
        return date.fromisoformat(_text(best, name))
    except ValueError:
        return None


_PENALTIES = frozenset({"late-penalties", "recovery-indemnity"})


def _mentions(document: Document) -> bool:
    """Whether the checks of the page found no lack of penalties and indemnity."""
    lacking = [row.measured or "" for row in document.findings if row.code == "mentions-missing"]
    return not any(name in told for told in lacking for name in _PENALTIES)


def take_sale(session: Session, sale: Sale, by: By, customer: Customer | None = None) -> OpenItem:
    """A document becomes an open item; what it counts as paid is noted as a payment of its own day. Raises Refused."""
    owner = customer or sale.customer
    if owner is None or sale.cents is None or sale.issued is None or sale.due is None or sale.credit:
        raise Refused("incomplete")
    issued = Issued(
        sale.number, sale.cents, sale.issued, sale.due, _mentions(sale.document), sale.document.id, sale.document.batch_id[:32]
    )  # fmt: skip
    with session.begin_nested():
        row = issue_item(session, sale.document.entity, owner, issued, by)
        if sale.prepaid and sale.issued <= by.today:
            paid = Noted(What.PAYMENT, sale.issued, sale.prepaid, reference=PREPAID, reason="acompte porté sur la facture")
            note_event(session, row, paid, by)
    return row


def tend_receivables(workstation: Workstation) -> int:
    """Take what nothing bars, of every company; returns how many. Writes only where there is something."""
    return sum(_take_of(workstation, entity) for entity in workstation.settings.entities)


def _take_of(workstation: Workstation, entity: str) -> int:
    settings = workstation.settings.of_company(entity)
    with workstation.database.reading() as session:
        if all(sale.bar for sale in sales_of(session, settings, MOST_TENDED, told=True)):
            return 0
    with workstation.database.writing() as session:
        now = workstation.clock()
        by = By(SYSTEM, now, now.astimezone(ZoneInfo(settings.calendar.time_zone)).date(), "document")
        ready = [sale for sale in sales_of(session, settings, MOST_TENDED, told=True) if not sale.bar]
        for sale in ready:
            take_sale(session, sale, by)
        return len(ready)
