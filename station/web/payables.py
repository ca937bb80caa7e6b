"""One invoice as a debt of the house: its day and why, what delay costs, what happened to it, and its payments."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import accounting, accounting_words, payables
from station.acts import shown_document
from station.payables import EURO, PAID, SENT, Owed, Payment
from station.records import documents, people
from station.records.tables import AccountingWord, Document, PayableEvent, Person
from station.web import desk
from station.web.words import Words
from station.workstation import Workstation
from workflow.accounting import Bill, Treatment, Trouble
from workflow.interest import Interest, MissingRate, Regime
from workflow.invoicing import InvoiceState
from workflow.kinds import INVOICES
from workflow.payables import Basis, Cost

router = APIRouter()
ADDRESS = "/comptabilite/factures"
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class ShownDebt:
    """What other pages say of an invoice as a debt, in words; empty where there is nothing to say."""

    due: str
    """« À payer le 20/12/2026 au plus tard, … »"""
    cost: str
    late: bool
    state: str
    batch: str
    """Name of the batch in which it stands."""
    batch_number: int | None
    address: str


# --- what other pages show ---


def debt_of(session: Session, workstation: Workstation, document: Document, t: Words) -> ShownDebt | None:
    """None where the document is no invoice that anybody reviewed yet."""
    if document.document_type not in INVOICES or document.confidential:
        return None
    owed = payables.owed_of(session, workstation.settings, document, payables.today_of(workstation))
    if owed.standing is None:
        return None
    batch = accounting.batch_with(session, document.id)
    return ShownDebt(
        due=deadline_words(owed, t),
        cost=cost_words(owed, t),
        late=isinstance(owed.cost, Cost) and owed.cost.late > 0,
        state=t.known("invoice-state", str(owed.standing.state).replace(" ", "-")),
        batch=accounting.name_of(batch) if batch else "",
        batch_number=batch.id if batch else None,
        address=f"{ADDRESS}/{document.id}",
    )


def deadline_words(owed: Owed, t: Words) -> str:
    """Until when, and why."""
    deadline = owed.deadline
    if owed.credit:
        return t("payables.due-credit")
    if deadline.day is None:
        since = t.day(deadline.since) if deadline.since else ""
        return t(f"payables.due-{deadline.basis}", since=since, left=t.number(max(30, deadline.left)))
    days = t.number((deadline.day - deadline.starts).days)
    return t(f"payables.due-{deadline.basis}", day=t.day(deadline.day), start=t.day(deadline.starts), days=days)


def cost_words(owed: Owed, t: Words) -> str:
    """What delay costs, or will; empty where nothing can be said."""
    cost = owed.cost
    if isinstance(cost, MissingRate):
        return t("payables.cost-missing", half=cost.half)
    if cost is None:
        if owed.amount is None or owed.currency == EURO:
            return ""
        return t("payables.cost-currency", currency=owed.currency) if owed.currency else t("payables.cost-no-currency")
    if cost.late:
        told = t(
            "payables.cost-late", days=t.number(cost.late), interest=_euros(cost.interest.total, t), indemnity=_euros(cost.indemnity, t),
            total=_euros(cost.total, t),
        )  # fmt: skip
        more = t("payables.cost-more", amount=_euros(cost.per_day, t)) if cost.per_day and cost.open else ""
        return " ".join(part for part in (told, more) if part)
    if not cost.open or cost.per_day is None:
        return ""
    return t("payables.cost-ahead", amount=_euros(cost.per_day, t), indemnity=_euros(Decimal(40), t))


def _euros(amount: Decimal, t: Words) -> str:
    return t.amount(f"{amount:.2f}", "EUR")


# --- its page ---


@router.get(f"{ADDRESS}/{{document_id}}")
def payable_page(request: Request, session: desk.InReading, document_id: str) -> Response:
    """All that is known of the debt, derived line by line."""
    return _page(request, session, document_id)


@router.post(f"{ADDRESS}/{{document_id}}")
def note_step(
    request: Request, session: desk.InWriting, person: desk.SignedIn, document_id: str, step: Text = "", day: Text = "", reason: Text = ""
) -> Response:
    """Service done, suspended, resumed, received anew, contested, settled."""
    workstation, document = desk.workstation_of(request), shown_document(session, document_id)
    typed = {"step": step, "day": day, "reason": reason}
    moment = _day_or_none(day)
    if moment is None:
        return _page(request, session, document_id, "day", typed)
    wrong = payables.note_step(session, workstation, document, step, moment, reason, person)
    return (
        _page(request, session, document_id, wrong, typed)
        if wrong
        else desk.go_to(request, f"{ADDRESS}/{document_id}", "flash.payable-noted")
    )


@router.post(f"{ADDRESS}/{{document_id}}/ecriture")
def say_entry(
    request: Request, session: desk.InWriting, person: desk.SignedIn, document_id: str, kind: Text = "", rate: Text = "", day: Text = "",
    source: Text = "", treatment: Text = "", reason: Text = "",
) -> Response:  # fmt: skip
    """How it is entered: the rate of its currency, its tax, sums that a second person stands for, elsewhere, or here after all."""
    workstation, document = desk.workstation_of(request), shown_document(session, document_id)
    typed = {"kind": kind, "rate": rate, "rate-day": day, "source": source, "treatment": treatment, "entry-reason": reason}
    wrong = _say(session, workstation, document, typed, person)
    if wrong:
        return _page(request, session, document_id, "", typed, entry_wrong=wrong)
    return desk.go_to(request, f"{ADDRESS}/{document_id}", "flash.entry-said")


def _say(session: Session, workstation: Workstation, document: Document, typed: dict[str, str], person: Person) -> str | None:
    """Key under `accounting.wrong-…`, or None: it is said."""
    kind, reason = typed["kind"], typed["entry-reason"]
    if kind == "here":
        return accounting.enter_here(session, workstation, document, person)
    if kind == accounting_words.ELSEWHERE:
        return accounting.enter_elsewhere(session, workstation, document, reason, person)
    told: dict[str, str] = {}
    if kind == accounting_words.RATE:
        number, day = accounting_words.read_rate(typed["rate"]), _day_or_none(typed["rate-day"])
        currency = payables.value_of(documents.best_rows(document), "currency")
        if number is None or currency in ("", EURO):
            return "rate"
        if day is None or day > payables.today_of(workstation) or not typed["source"].strip():
            return "rate-source"
        told = {"currency": currency, "rate": f"{number:f}", "day": day.isoformat(), "source": typed["source"].strip()[:200]}
    if kind == accounting_words.TAX:
        trouble = accounting.trouble_of(session, workstation, document)
        allowed = {Trouble.ABROAD: {Treatment.COST}, Trouble.UNRATED: set(Treatment)}.get(trouble or Trouble.OWN, set())
        if typed["treatment"] not in allowed:
            return "treatment"
        told = {"treatment": typed["treatment"]}
    return accounting_words.say_word(session, workstation, document, kind, told, reason, person)


@router.post(f"{ADDRESS}/{{document_id}}/paiements")
def note_payment(
    request: Request, session: desk.InWriting, person: desk.SignedIn, document_id: str, stage: Text = "", day: Text = "", amount: Text = "",
    reference: Text = "",
) -> Response:  # fmt: skip
    """A payment by hand; the bank's own list comes by « Imports »."""
    workstation, document = desk.workstation_of(request), shown_document(session, document_id)
    typed = {"stage": stage, "payment-day": day, "amount": amount, "reference": reference}
    moment, sum_ = _day_or_none(day), amount_or_none(amount)
    if moment is None or sum_ is None:
        return _page(request, session, document_id, "day" if moment is None else "sum", typed)
    wrong = payables.record_payment(session, workstation, document, Payment(stage, moment, sum_, reference), person, "hand")
    return (
        _page(request, session, document_id, wrong, typed)
        if wrong
        else desk.go_to(request, f"{ADDRESS}/{document_id}", "flash.payment-noted")
    )


def amount_or_none(text: str) -> Decimal | None:
    """« 1 234,56 » → 1234.56."""
    plain = text.replace("\u202f", "").replace("\u00a0", "").replace(" ", "").replace("€", "").replace(",", ".")
    try:
        amount = Decimal(plain)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 13 else None


def _day_or_none(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year < 2100 else None


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """How an invoice is entered, and what may be said of it."""

    trouble: str
    """Why no entry is made yet; empty: one is, or nothing is asked of it yet."""
    code: str
    said: tuple[str, ...]
    """What people said that holds, and what it makes."""
    offers: tuple[str, ...]
    """rate, tax, sums, elsewhere, here."""
    treatments: tuple[str, ...]
    currency: str


def entry_shown(session: Session, workstation: Workstation, document: Document, person: Person, t: Words) -> ShownEntry:
    """For the page: the trouble, the words that hold with their derivation, and the forms that help."""
    now, said = workstation.clock(), accounting_words.said_of(session, document)
    trouble, bill = accounting.trouble_of(session, workstation, document), accounting.bill_of(session, workstation, document)
    who = people.logins_of(session, [row.actor for row in said.rows.values()])
    wanted = {
        Trouble.CURRENCY: ["rate"], Trouble.ABROAD: ["tax"], Trouble.UNRATED: ["tax"], Trouble.CONTRADICTED: ["sums"],
    }.get(trouble or Trouble.OWN, [])  # fmt: skip
    wanted += ["rate"] if trouble is not Trouble.CURRENCY and bill.currency not in ("", EURO) else []
    wanted += ["elsewhere"] if trouble is not None else []
    offers = [kind for kind in wanted if accounting_words.why_not(session, document, kind, person, now) is None]
    if accounting_words.may_take_back(session, document) is not None:
        offers = ["here"]
    barred = trouble is Trouble.CONTRADICTED and accounting_words.why_not(session, document, "sums", person, now) == "said-own"
    return ShownEntry(
        trouble="" if trouble is None or "here" in offers else t(f"accounting.trouble-{trouble}"),
        code=str(trouble or ""),
        said=(
            *(_said_words(row, bill, who.get(row.actor, row.actor), t) for row in said.rows.values()),
            *([t("accounting.wrong-said-own")] if barred else []),
        ),
        offers=tuple(offers),
        treatments=("cost",) if trouble is Trouble.ABROAD else ("cost", "deduct"),
        currency=bill.currency,
    )


def _said_words(row: AccountingWord, bill: Bill, who: str, t: Words) -> str:
    at = t.moment(row.at)
    if row.kind != accounting_words.RATE:
        how = f"-{row.told['treatment']}" if row.kind == accounting_words.TAX else ""
        return t(f"accounting.said-{row.kind}{how}", who=who, at=at, reason=row.reason)
    made = accounting_words.conversion_of(row)
    euros = _euros(made.euros(bill.gross), t) if bill.gross is not None else ""
    amount = t.amount(f"{bill.gross}", bill.currency) if bill.gross is not None else ""
    places = {"rate": t.plain(f"{made.rate:f}"), "currency": made.currency, "day": t.day(made.day), "source": made.source}
    return t("accounting.said-rate", **places, amount=amount, euros=euros, who=who, at=at)


def _page(
    request: Request, session: Session, document_id: str, wrong: str | None = "", typed: dict[str, str] | None = None,
    entry_wrong: str = "",
) -> Response:  # fmt: skip
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    document, today = shown_document(session, document_id), payables.today_of(workstation)
    owed = payables.owed_of(session, workstation.settings, document, today)
    debt = debt_of(session, workstation, document, t)
    who = people.logins_of(session, [*(row.actor for row in owed.events), *(row.actor for row in owed.payments)])

    def login(pseudonym: str) -> str:
        return who.get(pseudonym, t("approval.nobody") if pseudonym == "system" else pseudonym)

    interest = owed.cost.interest if isinstance(owed.cost, Cost) else None
    return desk.show(
        request,
        "payable.html",
        (409 if wrong in ("stands", "ended", "used", "late", "unreviewed") else 422) if wrong else 422 if entry_wrong else 200,
        document=document,
        debt=debt,
        amount=t.amount(f"{owed.amount}", owed.currency or None) if owed.amount is not None else t("accounting.no-amount"),
        open=_euros(owed.open, t) if owed.open is not None else "",
        paid=_euros(owed.paid, t),
        public=owed.regime is Regime.PUBLIC,
        suspended=owed.deadline.basis is Basis.SUSPENDED,
        lines=_lines(interest, t) if interest else [],
        total=_euros(interest.total, t) if interest else "",
        events=[(t.known("payables", f"step-{_slug(row.step)}"), _said_day(row, t), row.reason, login(row.actor)) for row in owed.events],
        payments=[
            (
                t.known("payables", f"stage-{row.stage}"),
                t.day(date.fromisoformat(row.day)),
                t.amount(row.amount, "EUR"),
                row.reference,
                login(row.actor),
            )
            for row in owed.payments
        ],
        steps=[(step, t(f"payables.do-{_slug(step)}")) for step in payables.offered_steps(owed, today)],
        stages=(PAID, SENT) if owed.state not in (InvoiceState.PAYMENT_SENT, InvoiceState.PAID) else (PAID,),
        pays=payables.wrong_payment(owed, Payment(SENT, today, Decimal(1)), today) is None and (owed.open is None or owed.open > 0),
        today=today.isoformat(),
        rest=f"{owed.open:.2f}".replace(".", ",") if owed.open else "",
        typed=typed or {},
        wrong=wrong and t(f"payables.wrong-{wrong}"),
        entry=entry_shown(session, workstation, document, request.state.person, t) if debt else None,
        entry_wrong=entry_wrong and t(f"accounting.wrong-{entry_wrong}"),
    )


def _slug(step: str) -> str:
    return str(step).replace(" ", "-")


def _said_day(row: PayableEvent, t: Words) -> str:
    found = _day_or_none(row.day)
    return t.day(found) if found else row.day


def _lines(interest: Interest, t: Words) -> list[tuple[str, str, str, str, str]]:
    """The derivation: from, to and days; base; rate; amount; source."""
    day: Callable[[date], str] = t.day
    return [
        (
            t("payables.span", first=day(line.first), last=day(line.last), days=t.number(line.days)), _euros(line.base, t),
            t("payables.rate", rate=t.plain(f"{line.rate}")), t.amount(f"{line.amount}"), line.source,
        )
        for line in interest.lines
    ]  # fmt: skip
