"""The accounts: what would go into the next batch, the batches there are, and how entries are written. A person makes each batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from ocr.identifiers import compact
from station import accounting
from station.accounting import Preview
from station.records import people, register
from station.records.tables import AccountingBatch, AccountingItem, AccountingLine, Person
from station.web import desk
from station.web.words import Words
from workflow.accounting import ENCODINGS, FEC, FEC_PLAN, FIELDS, FORMATS, SEPARATORS, SIMPLE_PLAN, Bill, Entry, Plan, Trouble

router = APIRouter()
ADDRESS = "/comptabilite"
SHOWN = 200
"""Entries of a preview or a batch that the page shows; the file holds all."""
RATES = ("20", "10", "8.5", "5.5", "2.1")
"""For which the form has a line: those of the mainland and of the overseas departments (art. 278 and following, 296 CGI)."""
BLANK = 3
"""Empty lines of the form for suppliers."""
PRESETS: Mapping[str, Mapping[str, Any]] = {"simple": SIMPLE_PLAN, "fec": FEC_PLAN}
Text = Annotated[str, Form(max_length=2000)]
Texts = Annotated[list[str], Form(max_length=500)]


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """One invoice of a preview or a batch."""

    document: str
    supplier: str
    number: str
    issued: str
    due: str
    gross: str
    credit: bool
    lines: tuple[tuple[str, str, str, str], ...]
    """Account, what it is, debit, credit."""


# --- what waits ---


@router.get(ADDRESS)
def accounting_page(request: Request, session: desk.InReading) -> Response:
    """The next batch as it would be, and those that were made."""
    return _page(request, session)


@router.post(f"{ADDRESS}/lots")
def make(request: Request, session: desk.InWriting, person: desk.SignedIn, digest: Annotated[str, Form(max_length=64)] = "") -> Response:
    """The batch of what was shown; where something changed meanwhile, the page comes back and says so."""
    made = accounting.make_batch(session, desk.workstation_of(request), digest, person)
    if isinstance(made, str):
        return _page(request, session, made)
    return desk.go_to(request, f"{ADDRESS}/lots/{made.id}", "flash.batch-made")


def _page(request: Request, session: Session, wrong: str = "") -> Response:
    workstation, t, entity = desk.workstation_of(request), desk.words_of(request), desk.entity_of(request)
    found = accounting.preview(session, workstation)
    batches = accounting.list_batches(session, entity)
    who = people.logins_of(session, [each.made_by for each in batches])
    return desk.show(
        request,
        "accounting.html",
        409 if wrong else 200,
        found=found,
        entries=[show_entry(each, t) for each in found.ready[:SHOWN]],
        more=max(0, len(found.ready) - SHOWN),
        held=[_held(bill, trouble, t) for bill, trouble in found.held[:SHOWN]],
        debit=money(found.totals[0], t),
        credit=money(found.totals[1], t),
        batches=[(each, accounting.name_of(each), t.moment(each.made_at), who.get(each.made_by, each.made_by)) for each in batches],
        suspense=_suspense(found),
        untaxed=sum(not any(line.rate or line.account.startswith("445") for line in each.lines) for each in found.ready),
        wrong=wrong and t(f"accounting.wrong-{wrong}"),
    )


def _suspense(found: Preview) -> int:
    """How many entries go to the account for what nobody named."""
    return sum(any(line.account == found.plan.expense_account for line in each.lines) for each in found.ready)


def show_entry(entry: Entry, t: Words) -> ShownEntry:
    bill = entry.bill
    lines = tuple((line.account, line.account_label, side(line.debit, t), side(line.credit, t)) for line in entry.lines)
    issued, due = (t.day(day) if day else "" for day in (bill.issued, bill.due))
    return ShownEntry(bill.document, bill.supplier, bill.number, issued, due, money(entry.gross, t), entry.gross < 0, lines)


def _held(bill: Bill, trouble: Trouble, t: Words) -> tuple[Bill, str, str]:
    amount = t("accounting.no-amount") if bill.gross is None else t.amount(f"{bill.gross}", bill.currency or None)
    return bill, amount, t(f"accounting.trouble-{trouble}")


def money(amount: Decimal, t: Words) -> str:
    return t.amount(f"{amount:.2f}", "EUR")


def side(amount: Decimal | str, t: Words) -> str:
    """Empty for nothing: each line has one side."""
    text = f"{amount:.2f}" if isinstance(amount, Decimal) else amount
    return "" if text == "0.00" else t.amount(text)


# --- one batch ---


@router.get(f"{ADDRESS}/lots/{{number}}")
def batch_page(request: Request, session: desk.InReading, person: desk.SignedIn, number: int) -> Response:
    """What it holds, its hash, who made it; and taking it back, for somebody else."""
    return _batch(request, session, person, _found(request, session, number))


@router.get(f"{ADDRESS}/lots/{{number}}/lot.csv")
def batch_file(request: Request, session: desk.InReading, number: int) -> Response:
    """The file of the batch: the same bytes whenever it is asked for."""
    batch = _found(request, session, number)
    try:
        data = accounting.file_of(session, batch)
    except accounting.Altered as error:
        raise HTTPException(409) from error
    plan = accounting.plan_at(session, batch.entity, batch.plan)
    ending = "csv" if plan.separator in ("semicolon", "comma") else "txt"
    name = f"{plan.journal}-{batch.year}-{batch.number:04d}.{ending}"
    charset = {"utf-8-bom": "utf-8", "latin-9": "iso-8859-15", "windows": "windows-1252"}.get(plan.encoding, "utf-8")
    media = f"{'text/csv' if ending == 'csv' else 'text/plain'}; charset={charset}"
    return Response(data, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.post(f"{ADDRESS}/lots/{{number}}/annuler")
def reverse(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, reason: Text = "") -> Response:
    """A second person takes the batch back; its invoices wait again."""
    batch = _found(request, session, number)
    wrong = accounting.reverse_batch(session, desk.workstation_of(request), batch, reason, person)
    if wrong is not None:
        return _batch(request, session, person, batch, wrong, reason)
    return desk.go_to(request, f"{ADDRESS}/lots/{number}", "flash.batch-reversed")


def _found(request: Request, session: Session, number: int) -> AccountingBatch:
    batch = accounting.get_batch(session, desk.entity_of(request), number)
    if batch is None:
        raise HTTPException(404)
    return batch


def _batch(request: Request, session: Session, person: Person, batch: AccountingBatch, wrong: str = "", typed: str = "") -> Response:
    t, items = desk.words_of(request), accounting.items_of(session, batch)
    shown = items[:SHOWN]
    lines = accounting.lines_of(session, shown)
    who = people.logins_of(session, [batch.made_by, batch.reversed_by])
    bar = accounting.why_not_reverse(session, desk.workstation_of(request), batch, person)
    taken = ""
    if batch.reversed_at is not None and batch.reversed_by is not None:
        taken = t("accounting.reversed", at=t.moment(batch.reversed_at), who=who.get(batch.reversed_by, batch.reversed_by))
    return desk.show(
        request,
        "accounting_batch.html",
        (422 if wrong == "reason" else 409) if wrong else 200,
        batch=batch,
        name=accounting.name_of(batch),
        made=t("accounting.made", at=t.moment(batch.made_at), who=who.get(batch.made_by, batch.made_by)),
        taken=taken,
        debit=t.amount(batch.debit, "EUR"),
        credit=t.amount(batch.credit, "EUR"),
        entries=[_shown_item(item, lines[item.id], t) for item in shown],
        more=len(items) - len(shown),
        bar=bar and bar != "gone" and t(f"accounting.wrong-{bar}"),
        wrong=wrong and t(f"accounting.wrong-{wrong}"),
        typed=typed,
    )


def _shown_item(item: AccountingItem, lines: Sequence[AccountingLine], t: Words) -> ShownEntry:
    told = tuple((line.account, line.account_label, side(line.debit, t), side(line.credit, t)) for line in lines)
    due = _day_words(item.due or "", t)
    gross = t.amount(item.gross, "EUR")
    return ShownEntry(
        item.document_id, item.supplier, item.number, _day_words(item.issued, t), due, gross, item.gross.startswith("-"), told
    )


def _day_words(text: str, t: Words) -> str:
    try:
        return t.day(date.fromisoformat(text))
    except ValueError:
        return ""


# --- how entries are written ---


@router.get(f"{ADDRESS}/reglages")
def settings_page(request: Request, session: desk.InReading, modele: str = "") -> Response:
    """Journal, accounts, columns, form of the file; a preset fills the form and is saved only by its button."""
    _, plan = accounting.plan_now(session, desk.entity_of(request))
    return _settings(request, session, accounting.with_preset(plan, PRESETS[modele]) if modele in PRESETS else plan, preset=modele)


@router.post(f"{ADDRESS}/reglages")
def save_settings(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    journal: Text = "",
    journal_label: Text = "",
    supplier_account: Text = "",
    supplier_label: Text = "",
    expense_account: Text = "",
    expense_label: Text = "",
    vat_account: Text = "",
    vat_label: Text = "",
    separator: Text = "",
    encoding: Text = "",
    days: Text = "",
    decimal: Text = "",
    entry_day: Text = "",
    rate: Texts = [],  # noqa: B006 FastAPI copies it
    rate_account: Texts = [],  # noqa: B006
    supplier: Texts = [],  # noqa: B006
    expense: Texts = [],  # noqa: B006
    auxiliary: Texts = [],  # noqa: B006
    place: Texts = [],  # noqa: B006
    heading: Texts = [],  # noqa: B006
) -> Response:
    """A new version; batches made before keep theirs."""
    told = {
        "journal": journal, "journal_label": journal_label, "supplier_account": supplier_account, "supplier_label": supplier_label,
        "expense_account": expense_account, "expense_label": expense_label, "vat_account": vat_account, "vat_label": vat_label,
    }  # fmt: skip
    keys = [_supplier_key(each) for each in supplier]
    plan = replace(
        Plan(),
        **{name: " ".join(value.split())[:100] for name, value in told.items()},
        separator=separator, encoding=encoding, days=days, decimal=decimal, entry_day=entry_day,
        vat={accounting.rate_text(one): account.strip() for one, account in zip(rate, rate_account, strict=False) if account.strip()},
        expenses={key: account.strip() for key, account in zip(keys, expense, strict=False) if key and account.strip()},
        auxiliaries={key: account.strip() for key, account in zip(keys, auxiliary, strict=False) if key and account.strip()},
        columns=_columns(place, heading),
    )  # fmt: skip
    wrong = accounting.wrong_plan(plan)
    if wrong is not None:
        return _settings(request, session, plan, wrong)
    accounting.save_plan(session, desk.workstation_of(request), plan, person)
    return desk.go_to(request, f"{ADDRESS}/reglages", "flash.accounting-saved")


def _columns(places: Sequence[str], headings: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Those with a number, in its order; two with the same number in the order of the form."""
    rows = [
        (int(place), name, " ".join(heading.split())[:60])
        for name, place, heading in zip(FIELDS, places, headings, strict=False)
        if place.strip().isdigit()
    ]
    return tuple((name, heading) for _, name, heading in sorted(rows, key=lambda row: row[0]))


def _supplier_key(typed: str) -> str:
    """SIREN, VAT number or our number, as the register writes it; empty for an empty line."""
    text = compact(typed)
    if not text:
        return ""
    if typed.strip().startswith(("siren:", "vat:", "number:")):
        return typed.strip()[:120]
    if len(text) == 9 and text.isdigit():
        return f"siren:{text}"
    vat = len(text) > 4 and text[:2].isalpha() and any(each.isdigit() for each in text[2:4])
    return f"vat:{text}" if vat else f"number:{typed.strip()[:40]}"


def _settings(request: Request, session: Session, plan: Plan, wrong: str = "", preset: str = "") -> Response:
    t, entity = desk.words_of(request), desk.entity_of(request)
    versions = accounting.versions_of(session, entity)
    who = people.logins_of(session, [each.actor for each in versions])
    named = {name: (place, heading) for place, (name, heading) in enumerate(plan.columns, 1)}
    usual = dict(FEC)
    known = {row.key: row.name for row in register.all_suppliers(session, entity)}
    keys = sorted({*plan.expenses, *plan.auxiliaries})
    return desk.show(
        request,
        "accounting_settings.html",
        422 if wrong else 200,
        plan=plan,
        preset=preset if preset in PRESETS else "",
        presets=tuple(PRESETS),
        rates=[(rate, plan.vat.get(rate, "")) for rate in dict.fromkeys((*RATES, *plan.vat))],
        suppliers=[(key, known.get(key, ""), plan.expenses.get(key, ""), plan.auxiliaries.get(key, "")) for key in keys],
        blank=BLANK,
        known=list(known.items())[:500],
        columns=[
            (name, t(f"accounting.field-{name}"), *(named.get(name) or ("", usual.get(name) or t(f"accounting.field-{name}"))))
            for name in FIELDS
        ],
        choices={
            "separator": tuple(SEPARATORS),
            "encoding": tuple(ENCODINGS),
            "days": tuple(FORMATS),
            "decimal": (",", "."),
            "entry_day": ("invoice", "batch"),
        },
        versions=[(each.version, t.moment(each.at), who.get(each.actor, each.actor)) for each in versions[:20]],
        wrong=wrong and t(f"accounting.wrong-{wrong}"),
    )
