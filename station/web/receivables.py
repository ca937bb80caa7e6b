"""What customers owe: the ageing balance, a customer's statement, and each invoice with what happened to it and what its delay costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.settings import Settings
from ocr.identifiers import valid_siren
from station import acts, derivation, receivables
from station.access import Act
from station.ageing import Ageing, Debtor, Look, ageing_on, nature_of
from station.dunning import ladders_of
from station.ladder_versions import BadLadders
from station.letters_out import delay_on
from station.packaging.forms import csv_line
from station.rates import rates_of
from station.receivables import CLOSING, OFFERED, By, Issued, Manner, Named, Noted, Refused, Sale, by_person
from station.records import documents, people
from station.records import receivables as records
from station.records.receivables import Listed, euros
from station.records.tables import Customer, ItemEvent, Person
from station.web import desk
from station.web.access import note_document
from station.web.direction import Cell, Chart, Row
from station.web.terms import due_words, text_words, warning_words
from station.web.words import Words
from station.wording import BadTemplate
from workflow.claims import Delay
from workflow.interest import BelowFloor, Regime
from workflow.receivables import BUCKETS, Standing, What, in_force, limitation_alert, limitation_of, standing_of
from workflow.receivables import State as ItemState
from workflow.terms import due_date

router = APIRouter()
ADDRESS = "/encours"
PAGE = 100
"""Customers of the ageing balance on one page."""
SHOWN = 50
"""Of what somebody should look at."""
Text = Annotated[str, Form(max_length=2000)]
Short = Annotated[str, Form(max_length=200)]
TONES = {
    ItemState.OVERDUE: "bad", ItemState.NOT_DUE: "calm", ItemState.PAID: "good", ItemState.DISPUTED: "watch", ItemState.PROMISED: "busy",
    ItemState.INSOLVENT: "watch", ItemState.WRITTEN_OFF: "calm", ItemState.CANCELLED: "calm", ItemState.UNISSUED: "calm",
}  # fmt: skip
ICONS = {
    ItemState.OVERDUE: "hourglass", ItemState.PAID: "circle-check", ItemState.DISPUTED: "triangle-alert", ItemState.PROMISED: "clock",
    ItemState.CANCELLED: "circle-x", ItemState.WRITTEN_OFF: "circle-x",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    """A form as it was sent, to be shown again beside what is wrong with it."""

    what: str = ""
    day: str = ""
    amount: str = ""
    until: str = ""
    reference: str = ""
    reason: str = ""
    keep: str = ""
    wrong: str = ""
    """In words."""


# --- the whole ---


@router.get(ADDRESS)
def balance_page(request: Request, session: desk.InReading, page: Annotated[int, Query(ge=1, le=100_000)] = 1) -> Response:
    """What customers owe today, by age and by customer, and what somebody should look at."""
    t, found = desk.words_of(request), _ageing(request, session)
    pages = max(1, -(-len(found.debtors) // PAGE))
    page = min(page, pages)
    return desk.show(
        request,
        "receivables.html",
        today=t.day(found.day),
        charts=(ageing_chart(found, t), dso_chart(found, t)),
        heads=[t(f"receivables.column-{name}") for name in BUCKETS],
        debtors=[_debtor(each, t) for each in found.debtors[(page - 1) * PAGE : page * PAGE]],
        total=[_euro(found.columns[name], t) for name in BUCKETS],
        balance=_euro(found.balance, t),
        looks=[(name, looks[:SHOWN], max(0, len(looks) - SHOWN)) for name, looks in _looks(found, t) if looks],
        sales=[_shown_sale(each, t) for each in _sales(request, session)],
        page=page,
        pages=pages,
    )


@router.get(f"{ADDRESS}/balance.csv")
def balance_csv(request: Request, session: desk.InReading) -> Response:
    """The ageing balance by customer, as a spreadsheet counts it."""
    t, found = desk.words_of(request), _ageing(request, session)
    names = ("customer-number", "customer", *(f"column-{name}" for name in BUCKETS), "total")
    body = csv_line(t(f"receivables.{name}") for name in names)
    for each in found.debtors:
        body += csv_line(
            (each.customer.number, each.customer.name, *(f"{each.columns[name]:.2f}" for name in BUCKETS), f"{each.balance:.2f}")
        )
    named = f"attachment; filename=sceau-encours-{found.day.isoformat()}.csv"
    return Response(b"\xef\xbb\xbf" + body, media_type="text/csv; charset=utf-8", headers={"content-disposition": named})


def _ageing(request: Request, session: Session) -> Ageing:
    return ageing_on(session, desk.entity_of(request), _today(request))


def _sales(request: Request, session: Session) -> list[Sale]:
    return receivables.sales_of(session, desk.workstation_of(request).settings, SHOWN)


def ageing_chart(found: Ageing, t: Words) -> Chart:
    rows = tuple(
        Row(t(f"receivables.column-{name}"), (Cell(t.number(found.counts[name]), str(found.counts[name])), _money(found.columns[name], t)))
        for name in BUCKETS
    )
    late = found.balance - found.columns[BUCKETS[0]]
    said = (
        t("receivables.ageing-said", amount=_euro(found.balance, t), late=_euro(late, t)) if found.balance else t("receivables.owed-none")
    )
    head = (t("receivables.head-age"), t("receivables.head-invoices"), t("receivables.head-amount"))
    return Chart("ageing", said, head, rows, "bar", (1,), "euro", (t("receivables.ageing-note"),))


def dso_chart(found: Ageing, t: Words) -> Chart:
    told = [*((end.strftime("%m/%Y"), value) for end, value in found.history), (t("receivables.today"), found.dso)]
    rows = tuple(Row(label, (_days(value, t),)) for label, value in told)
    said = t("receivables.dso-none") if found.dso is None else t("receivables.dso-said", days=t.plain(str(found.dso)))
    notes = [t("receivables.dso-note")]
    if found.dso is not None and found.dso_days < 365:
        notes.append(t("receivables.dso-short", days=t.number(found.dso_days)))
    return Chart("dso", said, (t("receivables.head-month"), t("receivables.head-dso")), rows, "line", (0,), "days", tuple(notes))


def _debtor(each: Debtor, t: Words) -> dict[str, Any]:
    return {
        "id": each.customer.id,
        "name": each.customer.name,
        "number": each.customer.number,
        "regime": t(f"imports.regime-{nature_of(each.customer)}"),
        "columns": [_euro(each.columns[name], t) if each.columns[name] else "" for name in BUCKETS],
        "balance": _euro(each.balance, t),
        "overpaid": _euro(each.overpaid, t) if each.overpaid else "",
        "unlawful": warning_words(receivables.terms_of(each.customer), nature_of(each.customer), t),
    }


def _looks(found: Ageing, t: Words) -> Iterator[tuple[str, list[tuple[Look, str]]]]:
    def told(look: Look, key: str) -> tuple[Look, str]:
        return look, t(f"receivables.look-{key}", amount=_euro(look.amount, t), day=t.day(look.day))

    yield "limits", [told(each, "past" if each.months == 0 else "limit") for each in found.limits]
    yield "broken", [told(each, "broken") for each in found.broken]
    yield "overpaid", [told(each, "overpaid") for each in found.overpaid]


def _shown_sale(sale: Sale, t: Words) -> dict[str, str]:
    return {
        "id": sale.document.id,
        "number": sale.number or sale.document.title,
        "buyer": sale.customer.name if sale.customer else sale.buyer or t("receivables.nobody"),
        "amount": _euro(euros(sale.cents), t) if sale.cents else "",
        "bar": t(f"receivables.bar-{sale.bar}") if sale.bar else t("receivables.bar-soon"),
        "open": "" if sale.credit else "yes",
    }


# --- a new invoice ---


@router.get(f"{ADDRESS}/nouvelle")
def new_page(
    request: Request, session: desk.InReading, person: desk.SignedIn, document: Annotated[str, Query(max_length=32)] = ""
) -> Response:
    """An invoice typed by hand, or filled from one of our own sealed documents. Raises Unknown, Reserved."""
    typed: dict[str, str] = {}
    if document:
        sale = _sale_of(request, session, document)
        note_document(request, person, Act.SEEN, document)
        typed = _sale_typed(sale)
    return _new(request, session, typed)


@router.post(f"{ADDRESS}/nouvelle")
def add_item(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    customer: Short = "",
    number: Short = "",
    amount: Short = "",
    issued: Short = "",
    due: Short = "",
    document: Short = "",
) -> Response:
    """The invoice is owed from now on."""
    typed = {"customer": customer, "number": number, "amount": amount, "issued": issued, "due": due, "document": document}
    entity, by = desk.entity_of(request), _by(request, person)
    owner = records.find_customer(session, entity, customer.strip())
    if owner is None:
        return _new(request, session, typed, "customer")
    try:
        sale = _sale_of(request, session, document) if document else None
        begun = _day(issued, "issued")
        read = Issued(number.strip(), _cents(amount), begun, _day(due, "due") if due else due_date(receivables.terms_of(owner), begun))
        if sale is not None:
            row = receivables.take_sale(session, _as_typed(sale, read), by, owner)
        else:
            row = receivables.issue_item(session, entity, owner, read, by)
    except Refused as error:
        return _new(request, session, typed, error.reason)
    return desk.go_to(request, f"{ADDRESS}/{row.id}", "flash.item-added")


def _as_typed(sale: Sale, read: Issued) -> Sale:
    """The person has the last word on what the document says; its other values stay."""
    return replace(sale, number=read.number, cents=read.cents, issued=read.issued, due=read.due)


def _sale_of(request: Request, session: Session, document_id: str) -> Sale:
    """Raises Unknown, Reserved."""
    document = acts.shown_document(session, document_id)
    if not receivables.is_ours(session, document, _settings(request)):
        raise documents.Unknown(document_id)
    return receivables.sale_of(session, document)


def _sale_typed(sale: Sale) -> dict[str, str]:
    return {
        "customer": sale.customer.number if sale.customer else "",
        "number": sale.number,
        "amount": f"{euros(sale.cents):.2f}".replace(".", ",") if sale.cents else "",
        "issued": sale.issued.isoformat() if sale.issued else "",
        "due": sale.due.isoformat() if sale.due else "",
        "document": sale.document.id,
        "buyer": " ".join(filter(None, (sale.buyer, f"SIREN {sale.buyer_siren}" if valid_siren(sale.buyer_siren) else ""))),
    }


def _new(request: Request, session: Session, typed: Mapping[str, str], wrong: str = "") -> Response:
    t = desk.words_of(request)
    known = records.customer_names(session, desk.entity_of(request))
    names = ("customer", "number", "amount", "issued", "due", "document", "buyer")
    return desk.show(
        request,
        "receivable_new.html",
        422 if wrong else 200,
        typed={name: typed.get(name, "") for name in names},
        known=known,
        wrong=wrong and t(f"receivables.wrong-{wrong}"),
    )


# --- one customer ---


@router.get(f"{ADDRESS}/clients/{{number}}")
def customer_page(request: Request, session: desk.InReading, number: int) -> Response:
    """The statement of a customer, its contacts, and how it is treated."""
    return _customer(request, session, _customer_of(request, session, number))


@router.post(f"{ADDRESS}/clients/{{number}}")
def change_customer(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    number: int,
    regime: Short = "",
    language: Short = "",
    ladder: Annotated[str, Form(max_length=40)] = "",
    contract_rate: Short = "",
    terms: Short = "",
) -> Response:
    """By which law, in which language and by which ladder it is reminded, and what was agreed on when it pays."""
    row = _customer_of(request, session, number)
    manner = Manner(regime, language, ladder.strip(), contract_rate, terms.strip())
    try:
        receivables.change_customer(session, row, manner, rates_of(session, row.entity), _by(request, person))
    except BelowFloor as error:
        return _customer(request, session, row, wrong=_below(error, desk.words_of(request)), kept=manner)
    except Refused as error:
        return _customer(request, session, row, wrong=desk.words_of(request)(f"receivables.wrong-{error.reason}"), kept=manner)
    return desk.go_to(request, f"{ADDRESS}/clients/{number}", "flash.customer-kept")


@router.post(f"{ADDRESS}/clients/{{number}}/contacts")
def add_contact(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    number: int,
    name: Short = "",
    part: Short = "",
    email: Short = "",
    phone: Short = "",
    reminded: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Somebody at the customer's."""
    row = _customer_of(request, session, number)
    named = Named(name.strip(), part.strip(), email.strip().lower(), phone.strip(), reminded == "yes")
    try:
        receivables.add_contact(session, row, named, _by(request, person))
    except Refused as error:
        words = desk.words_of(request)(f"receivables.wrong-{error.reason}")
        return _customer(request, session, row, wrong_contact=words, contact=named)
    return desk.go_to(request, f"{ADDRESS}/clients/{number}", "flash.contact-added")


@router.post(f"{ADDRESS}/clients/{{number}}/contacts/{{contact}}/fin")
def end_contact(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, contact: int) -> Response:
    """Nobody is reminded there any more."""
    row = _customer_of(request, session, number)
    try:
        receivables.end_contact(session, row, contact, _by(request, person))
    except Refused as error:
        raise HTTPException(404) from error
    return desk.go_to(request, f"{ADDRESS}/clients/{number}", "flash.contact-ended")


@router.post(f"{ADDRESS}/clients/{{number}}/procedure")
def note_proceedings(
    request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, day: Short = "", reason: Text = ""
) -> Response:
    """Insolvency proceedings were opened: of every open invoice issued by then nothing is asked any more."""
    row = _customer_of(request, session, number)
    try:
        receivables.note_proceedings(session, row, _day(day, "day"), reason.strip(), _by(request, person))
    except Refused as error:
        return _customer(request, session, row, wrong_proceedings=desk.words_of(request)(f"receivables.wrong-{error.reason}"))
    return desk.go_to(request, f"{ADDRESS}/clients/{number}", "flash.noted-insolvency")


@router.post(f"{ADDRESS}/clients/{{number}}/credits")
def use_credit(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    number: int,
    item: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
    to: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
    amount: Short = "",
    day: Short = "",
    reason: Text = "",
) -> Response:
    """What was paid too much is counted on another invoice, or was paid back."""
    row, entity = _customer_of(request, session, number), desk.entity_of(request)
    source, other = records.get_item(session, entity, item), records.get_item(session, entity, to) if to else None
    if source is None or source.customer_id != row.id or (to and other is None):
        raise HTTPException(404)
    try:
        receivables.use_credit(session, source, _cents(amount), _day(day, "day"), reason.strip(), _by(request, person), other)
    except Refused as error:
        return _customer(request, session, row, wrong_credit=desk.words_of(request)(f"receivables.wrong-{error.reason}"))
    return desk.go_to(request, f"{ADDRESS}/clients/{number}", "flash.noted-given-back")


def _customer_of(request: Request, session: Session, number: int) -> Customer:
    row = records.get_customer(session, desk.entity_of(request), number)
    if row is None:
        raise HTTPException(404)
    return row


def _customer(
    request: Request,
    session: Session,
    row: Customer,
    *,
    wrong: str = "",
    kept: Manner | None = None,
    wrong_contact: str = "",
    wrong_proceedings: str = "",
    wrong_credit: str = "",
    contact: Named | None = None,
) -> Response:
    t, today = desk.words_of(request), _today(request)
    items = [(each, standing_of(each.item, each.events, today)) for each in records.list_items(session, row.entity, row.id)]
    still = [(each, standing) for each, standing in items if standing.balance]
    return desk.show(
        request,
        "receivable_customer.html",
        422 if wrong or wrong_contact or wrong_proceedings or wrong_credit else 200,
        row=row,
        today=t.day(today),
        balance=_euro(sum((standing.balance for _, standing in still), Decimal(0)), t),
        late=_euro(sum((standing.balance for _, standing in still if standing.days_late), Decimal(0)), t),
        still=[_line(each, standing, t) for each, standing in still],
        closed=[_line(each, standing, t) for each, standing in items if not standing.balance],
        facts=[(t(f"imports.customers-{name}"), getattr(row, name)) for name in ("number", "siren", "vat_id", "address", "email", "phone")],
        contacts=records.contacts_of(session, row.id),
        manner=kept or Manner(str(nature_of(row)), row.language, row.ladder, row.contract_rate.replace(".", ","), _terms(row, t)),
        unlawful=warning_words(receivables.terms_of(row), nature_of(row), t),
        credits=[_credit(each, standing, t) for each, standing in items if standing.overpaid],
        credited_to=[(each.row.id, each.row.number, _euro(standing.balance, t)) for each, standing in still],
        wrong_credit=wrong_credit,
        wrong=wrong,
        ladders=_ladders(request, session, row),
        wrong_contact=wrong_contact,
        wrong_proceedings=wrong_proceedings,
        last=today.isoformat(),
        contact=contact or Named(""),
    )


def _terms(row: Customer, t: Words) -> str:
    kept = receivables.terms_text(row)
    return text_words(kept, t) if kept else ""


def _credit(each: Listed, standing: Standing, t: Words) -> dict[str, Any]:
    return {
        "id": each.row.id,
        "number": each.row.number,
        "amount": _euro(standing.overpaid, t),
        "plain": f"{standing.overpaid:.2f}".replace(".", ","),
    }


def _ladders(request: Request, session: Session, row: Customer) -> list[tuple[str, str]]:
    """Name and title of those that are for the customer's regime; none while the file of ladders is not admitted, which /relances tells."""
    try:
        found = ladders_of(session, _settings(request)).ladders
    except (BadLadders, BadTemplate, OSError):
        return []
    return [(each.name, each.title) for each in found if nature_of(row) in each.regimes]


def _line(each: Listed, standing: Standing, t: Words) -> dict[str, Any]:
    return {
        "id": each.row.id,
        "number": each.row.number,
        "issued": t.day(each.item.issued),
        "due": t.day(each.item.due),
        "amount": _euro(each.item.amount, t),
        "balance": _euro(standing.balance, t),
        "late": t.count("receivables.late", standing.days_late) if standing.days_late else "",
        **_state(standing, t),
    }


def _state(standing: Standing, t: Words) -> dict[str, str]:
    return {
        "state": t(f"receivables.state-{standing.state}"),
        "tone": TONES[standing.state],
        "icon": ICONS.get(standing.state, "info"),
    }


# --- one invoice ---


@router.get(f"{ADDRESS}/{{number}}")
def item_page(request: Request, session: desk.InReading, number: int) -> Response:
    """What is left of an invoice, what happened to it, and what its delay costs, line by line."""
    return _item(request, session, _listed(request, session, number))


@router.post(f"{ADDRESS}/{{number}}/evenements")
def note_event(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    number: int,
    what: Short = "",
    day: Short = "",
    amount: Short = "",
    until: Short = "",
    reference: Annotated[str, Form(max_length=80)] = "",
    reason: Text = "",
    of: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
    keep: Annotated[str, Form(max_length=5)] = "",
) -> Response:
    """Money that came, a credit note, a dispute, a promise, an interruption; or the end of one of them."""
    return _note(request, session, person, number, Typed(what, day, amount, until, reference, reason, keep), of, closing=False)


@router.post(f"{ADDRESS}/{{number}}/cloture")
def close_item(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    number: int,
    what: Short = "",
    day: Short = "",
    reason: Text = "",
    of: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """Nothing is asked for any more: cancelled, given up, insolvent; or such a thing taken back."""
    return _note(request, session, person, number, Typed(what, day, reason=reason), of, closing=True)


def _note(request: Request, session: Session, person: Person, number: int, typed: Typed, of: int, *, closing: bool) -> Response:
    listed = _listed(request, session, number)
    try:
        noted = _noted(typed, of, _today(request))
        ended = next((event.what for event in listed.events if event.id == of), None)
        if ((ended if noted.what is What.END else noted.what) in CLOSING) is not closing:
            raise Refused("not-offered")
        receivables.note_event(session, listed.row, noted, _by(request, person))
    except Refused as error:
        return _item(request, session, listed, typed, error.reason)
    return desk.go_to(request, f"{ADDRESS}/{number}", f"flash.noted-{noted.what}")


def _noted(typed: Typed, of: int, today: date) -> Noted:
    """Raises Refused."""
    if typed.what not in set(What) - {What.GIVEN}:
        raise Refused("not-offered")
    what = What(typed.what)
    priced = what in (What.PAYMENT, What.CREDIT) or (what is What.PROMISE and typed.amount.strip())
    return Noted(
        what,
        _day(typed.day, "day") if typed.day else today,
        _cents(typed.amount) if priced else 0,
        of or None if what is What.END else None,
        _day(typed.until, "until") if what is What.PROMISE else None,
        typed.reference.strip() if what in (What.PAYMENT, What.CREDIT) else "",
        typed.reason.strip(),
        keep=typed.keep == "yes",
    )


def _listed(request: Request, session: Session, number: int) -> Listed:
    found = records.listed_one(session, desk.entity_of(request), number)
    if found is None:
        raise HTTPException(404)
    return found


def _item(request: Request, session: Session, listed: Listed, typed: Typed = Typed(), wrong: str = "") -> Response:
    t, today = desk.words_of(request), _today(request)
    standing, rates = standing_of(listed.item, listed.events, today), rates_of(session, listed.row.entity)
    rows = records.event_rows(session, listed.row.id)
    who = people.logins_of(session, [listed.row.actor, *(row.actor for row in rows)])
    nature = nature_of(listed.customer)
    last = limitation_of(listed.item, nature, listed.events, today)
    alert = limitation_alert(last, today) if standing.balance else None
    owed = delay_on(listed, _settings(request), today, rates)
    return desk.show(
        request,
        "receivable_item.html",
        422 if wrong else 200,
        row=listed.row,
        customer=listed.customer,
        state=t(f"receivables.state-{standing.state}"),
        tone=TONES[standing.state],
        icon_name=ICONS.get(standing.state, "info"),
        balance=_euro(standing.balance, t),
        facts=list(_facts(listed, standing, t)),
        reminded=t("receivables.reminded") if standing.may_remind else t(f"receivables.not-reminded-{standing.why_not}"),
        events=[_event(row, listed, who, today, t) for row in reversed(rows)],
        made=t(f"receivables.made-{listed.row.source}", who=who.get(listed.row.actor, listed.row.actor), at=t.moment(listed.row.made_at)),
        derivation=_derivation(owed, rates.private_margin, rates.public_margin, t),
        limit=t("receivables.limit", day=t.day(last)),
        limit_law=t(f"receivables.limit-{nature}"),
        alert="" if alert is None else t("receivables.limit-past") if alert == 0 else t("receivables.limit-alert", n=alert),
        acts=[what for what in OFFERED[standing.state] if what not in CLOSING],
        closing=[what for what in OFFERED[standing.state] if what in CLOSING],
        today=today.isoformat(),
        typed=typed,
        wrong=wrong and t(f"receivables.wrong-{wrong}"),
        over=wrong == "over",
        due_derived=_due_derived(listed, t),
    )


def _due_derived(listed: Listed, t: Words) -> str:
    """How the due date follows from the customer's terms; empty where it is another one, which the invoice itself said."""
    term = receivables.terms_of(listed.customer)
    return due_words(term, listed.item.issued, t) if due_date(term, listed.item.issued) == listed.item.due else ""


def _facts(listed: Listed, standing: Standing, t: Words) -> Iterator[tuple[str, str]]:
    yield t("receivables.amount"), _euro(listed.item.amount, t)
    for name in ("paid", "credited", "written_off", "overpaid", "given"):
        if amount := getattr(standing, name):
            yield t(f"receivables.{name}"), _euro(amount, t)
    yield t("receivables.issued"), t.day(listed.item.issued)
    yield t("receivables.due"), t.day(listed.item.due)
    if standing.days_late:
        yield t("receivables.lateness"), t.count("receivables.late", standing.days_late)
    if standing.promised_until:
        yield t("receivables.promised"), t.day(standing.promised_until)
    if listed.row.mentions is False:
        yield t("receivables.mentions"), t("receivables.mentions-missing")


def _event(row: ItemEvent, listed: Listed, who: Mapping[str, str], today: date, t: Words) -> dict[str, Any]:
    holds = {event.id for event in in_force(listed.events, today)}
    ended = next((event for event in listed.events if event.id == row.of), None) if row.what == What.END else None
    what = t(f"receivables.what-{row.what}")
    if ended is not None:
        what = t(f"receivables.end-{ended.what}", day=t.day(ended.day))
    parts = [row.reference or "", t("receivables.until", day=t.day(date.fromisoformat(row.until))) if row.until else ""]
    return {
        "id": row.id,
        "day": t.day(date.fromisoformat(row.day)),
        "what": what,
        "kind": row.what,
        "amount": _euro(euros(row.cents), t) if row.cents else "",
        "detail": " · ".join(filter(None, parts)),
        "reason": row.reason,
        "by": t("receivables.by", who=who.get(row.actor, row.actor), at=t.moment(row.at)),
        "holds": row.id in holds,
        "address": f"{ADDRESS}/{row.item_id}/{'cloture' if row.what in CLOSING else 'evenements'}",
        "route": f"{ADDRESS}/{{number}}/{'cloture' if row.what in CLOSING else 'evenements'}",
    }


def _derivation(owed: Delay, private: Decimal, public: Decimal, t: Words) -> list[str]:
    """Why the delay costs what it costs, or why nothing is reckoned."""
    if owed.regime is None:
        return [t("receivables.interest-consumer")]
    if owed.below is not None:
        return [_below(owed.below, t)]
    missing = []
    if owed.missing is not None:
        # What is reckoned is shown with the day on which it ends; what to do about the rate stands where nothing is.
        missing = [derivation.stopped_words(owed.missing.half, owed.until if owed.interest else None, t.language).capitalize() + "."]
        missing += [] if owed.interest else [derivation.missing_words(owed.missing, t.language)]
    if owed.interest is None:
        return missing or [t("receivables.interest-none")]
    margin = public if owed.regime is Regime.PUBLIC else private
    return [*derivation.derivation_lines(owed.interest, owed.regime, owed.indemnity, margin, t.language), *missing]


def _below(error: BelowFloor, t: Words) -> str:
    return t("receivables.wrong-floor", rate=t.plain(str(error.rate)), floor=t.plain(str(error.floor)), half=error.half, text=error.text)


# --- what was typed ---


def _by(request: Request, person: Person) -> By:
    return by_person(person.pseudonym, desk.workstation_of(request).clock(), _today(request))


def _today(request: Request) -> date:
    return desk.words_of(request).today(desk.workstation_of(request).clock())


def _settings(request: Request) -> Settings:
    return desk.workstation_of(request).settings


def _cents(text: str) -> int:
    """Raises Refused."""
    try:
        return int(derivation.read_amount(text) * 100)
    except ValueError as error:
        raise Refused("amount") from error


def _day(text: str, field_name: str) -> date:
    """Raises Refused."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(field_name) from error


def _euro(amount: Decimal, t: Words) -> str:
    return t.amount(f"{amount:.2f}", "EUR")


def _money(amount: Decimal, t: Words) -> Cell:
    return Cell(_euro(amount, t), f"{amount:.2f}")


def _days(value: Decimal | None, t: Words) -> Cell:
    return Cell("–", "") if value is None else Cell(t.plain(str(value)), str(value))
