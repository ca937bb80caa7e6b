"""The register of suppliers: who they are, on which accounts they are paid, and the accounts that wait for a second person."""

import re
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from ocr.identifiers import compact, valid_iban
from sealing.ledger import Actor, ActorKind, Event
from station import register as acts
from station.acts import NotOffered
from station.imports import supplier_values
from station.records import people, register
from station.records.ledger import append_event
from station.records.tables import Person, Supplier, SupplierAccount
from station.web import desk, show
from station.web.terms import text_words
from station.web.words import Words

router = APIRouter()
ADDRESS = "/fournisseurs"
Text = Annotated[str, Form(max_length=2000)]


@router.get(ADDRESS)
def list_page(request: Request, session: desk.InReading, q: str = "", page: int = 1) -> Response:
    """By name, or whatever is sought."""
    entity, t = desk.entity_of(request), desk.words_of(request)
    found = register.list_suppliers(session, entity, q[:100], page)
    accounts = register.accounts_of(session, [row.id for row in found.rows])
    return desk.show(
        request,
        "suppliers.html",
        found=found,
        shown=[
            (row, _facts(row, t), len(accounts[row.id]), sum(each.state == register.WAITING for each in accounts[row.id]))
            for row in found.rows
        ],
        typed=q[:100],
        waiting=register.count_waiting(session, entity),
    )


@router.get(f"{ADDRESS}/comptes")
def waiting_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """Every account that waits, with what is known already, to be decided at once."""
    return _waiting(request, session, person)


@router.post(f"{ADDRESS}/comptes")
def decide(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    account: Annotated[list[str], Form()] = [],  # noqa: B006 FastAPI copies it
    choice: Text = "",
    reason: Text = "",
) -> Response:
    """The second person approves or refuses those that are ticked, as they were shown: `account` is number-digest."""
    approved = choice == "approve"
    shown = {int(number): digest for number, _, digest in (each.partition("-") for each in account) if re.fullmatch("[0-9]{1,9}", number)}
    try:
        told = acts.decide_accounts(
            session, desk.entity_of(request), shown, person, desk.workstation_of(request).clock(), approved=approved, reason=reason
        )
    except ValueError:
        return _waiting(request, session, person, "reason")
    except acts.Changed:
        return _waiting(request, session, person, "changed")
    except NotOffered:
        return _waiting(request, session, person, "none")
    if not told.done:
        return _waiting(request, session, person, "own")
    return desk.go_to(request, f"{ADDRESS}/comptes", "flash.accounts-approved" if approved else "flash.accounts-refused")


@router.get(f"{ADDRESS}/{{number}}")
def supplier_page(request: Request, session: desk.InReading, number: int) -> Response:
    return _supplier(request, session, number)


@router.post(f"{ADDRESS}/{{number}}/comptes")
def add_account(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, iban: Text = "") -> Response:
    """An account typed by hand: it waits for somebody else, as those of a list do."""
    found, at = _found(request, session, number), desk.workstation_of(request).clock()
    typed = compact(iban)
    if not valid_iban(typed):
        return _supplier(request, session, number, iban, "iban")
    row = acts.add_account(session, found, typed, person.pseudonym, at)
    if row is None:
        return _supplier(request, session, number, iban, "known")
    payload = {"what": "account", "supplier": found.id, "account": row.id}
    append_event(session, Event(found.entity, "register", {}, Actor(person.pseudonym, ActorKind.HUMAN), at, "system", payload))
    return desk.go_to(request, f"{ADDRESS}/{number}", "flash.account-waits")


def _found(request: Request, session: Session, number: int) -> Supplier:
    found = register.get_supplier(session, desk.entity_of(request), number)
    if found is None:
        raise HTTPException(404)
    return found


def _facts(row: Supplier, t: Words) -> dict[str, str]:
    """What is known of a supplier, in words; empty where it is not."""
    terms = supplier_values(row)["terms"]
    return {
        "number": row.number,
        "siren": show.show_value("supplier_siren", row.siren, None, t) if row.siren else "",
        "vat_id": row.vat_id,
        "size": t(f"imports.size-{row.size}") if row.size else "",
        "terms": text_words(terms, t) if terms else "",
        "email": row.email,
    }


def _supplier(request: Request, session: Session, number: int, typed: str = "", wrong: str = "") -> Response:
    t, row = desk.words_of(request), _found(request, session, number)
    rows = register.accounts_of(session, [row.id])[row.id]
    who = people.logins_of(session, [name for each in rows for name in (each.verified_by, each.approved_by)])
    return desk.show(
        request,
        "supplier.html",
        422 if wrong else 200,
        row=row,
        facts=[(t(f"imports.suppliers-{name}"), value) for name, value in _facts(row, t).items()],
        accounts=[(each, show.show_value("iban", each.iban, None, t), _history(each, who, t)) for each in rows],
        typed=typed,
        wrong=wrong and t(f"register.wrong-{wrong}"),
    )


def _history(row: SupplierAccount, who: dict[str, str], t: Words) -> str:
    brought = t("register.brought", who=who.get(row.verified_by, row.verified_by), at=t.moment(row.verified_at))
    if row.approved_at is None or row.approved_by is None:
        return brought
    decided = t(f"register.{row.state}-by", who=who.get(row.approved_by, row.approved_by), at=t.moment(row.approved_at))
    return f"{brought} · {decided}" + (f" · « {row.reason} »" if row.reason else "")


def _waiting(request: Request, session: Session, person: Person, wrong: str = "") -> Response:
    t, entity = desk.words_of(request), desk.entity_of(request)
    waiting = register.waiting_accounts(session, entity)
    known = register.accounts_of(session, [supplier.id for _, supplier in waiting])
    who = people.logins_of(session, [account.verified_by for account, _ in waiting])
    now = desk.workstation_of(request).clock()
    own = acts.own_accounts(session, [account for account, _ in waiting], person, now)

    def shown(iban: str) -> str:
        return show.show_value("iban", iban, None, t)

    return desk.show(
        request,
        "supplier_accounts.html",
        422 if wrong else 200,
        waiting=[
            {
                "account": account,
                "shown": f"{account.id}-{acts.digest_of(account, supplier)}",
                "supplier": supplier,
                "iban": shown(account.iban),
                "known": [shown(each.iban) for each in known[supplier.id] if each.state == register.APPROVED],
                "by": t("register.brought", who=who.get(account.verified_by, account.verified_by), at=t.moment(account.verified_at)),
                "own": account.id in own,
            }
            for account, supplier in waiting
        ],
        others=len(waiting) - len(own),
        wrong=wrong and t(f"register.wrong-{wrong}"),
    )
