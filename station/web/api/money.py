"""Approvals, and the registers of suppliers and customers."""

from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from station import register as registers
from station import tasks
from station.acts import shown_document
from station.ageing import nature_of
from station.receivables import terms_of
from station.records import register
from station.records import tasks as records
from station.records.tables import Customer, Supplier, SupplierAccount, Task
from station.tasks import Act
from station.web import desk
from station.web.api.problems import Trouble, answer, words_of
from station.web.api.shapes import (
    Asking,
    Cursor,
    Limit,
    Line,
    Number,
    Page,
    Sent,
    Shape,
    asking,
    cursor_values,
    entity_of,
    page_of,
    workstation_of,
)
from workflow.approvals import Bar, Bound
from workflow.receivables import Customer as Nature
from workflow.terms import unlawful

router = APIRouter()


class ShownTask(Shape):
    """Something that one person is asked to decide or to answer."""

    id: int
    kind: str = Field(description="approval, question")
    document_id: str
    title: str
    state: str = Field(description="open, done, cancelled")
    due: str | None
    place: int = Field(description="First or second approval")
    needed: int
    question: str | None
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    opened_at: datetime
    revision: int = Field(description="To be sent back with a decision")
    digest: str = Field(description="Of what the decision is about; to be sent back with it")
    bound: dict[str, Any] = Field(description="What the decision is about")
    bar: str | None = Field(description="Why the token's person may not decide this approval; null: they may")


class DecideTask(Sent):
    choice: Literal["approve", "refuse", "answer", "ask", "delegate", "reassign"]
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)]
    digest: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")] = ""
    reason: Line = Field("", description="Of a refusal; or the question, or the answer")
    to: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = Field(
        "", description="Login of the colleague: ask, delegate, reassign"
    )


class Decided(Shape):
    following: int | None = Field(description="The task that came of it: the second approval, the one asked again")


class ShownAccount(Shape):
    id: int
    iban: str
    state: str = Field(description="waiting, approved, refused")
    verified_by: str
    approved_by: str | None
    digest: str = Field(description="Of the account and whose it is; to be sent back with a decision")


class ShownSupplier(Shape):
    id: int
    key: str
    number: str
    siren: str
    name: str
    vat_id: str
    size: str
    terms_days: int | None
    terms_end_of_month: bool
    email: str
    accounts: list[ShownAccount]


class ShownCustomer(Shape):
    id: int
    number: str
    name: str
    siren: str
    vat_id: str
    regime: str
    language: str
    address: str
    contact: str
    email: str
    phone: str
    terms_days: int | None
    terms: str = Field(description="Terms that are more than days, as a list says them: 45 fdm, fdm 45, 30 fdm le 10; else empty")
    terms_warning: Literal["", "too-long", "month-end", "beyond"] = Field(
        "", description="Why the law refuses these terms between professionals (art. L. 441-10, I C. com.); empty where it does not"
    )


class DecidedAccount(Sent):
    number: Annotated[int, Field(ge=1, le=2**31 - 1)]
    digest: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")]


class DecideAccounts(Sent):
    accounts: Annotated[list[DecidedAccount], Field(min_length=1, max_length=200)]
    approved: bool
    reason: Line = Field("", description="Needed for a refusal")


@router.get("/approvals", tags=["approvals"], summary="What the token's person is asked, what is due first at the top")
def asked(request: Request, person: Asking, done: Annotated[bool, Query()] = False) -> list[ShownTask]:
    workstation, entity = workstation_of(request), entity_of(request)
    tasks.catch_up(workstation)
    with workstation.database.reading() as session:
        seat = tasks.seat_of(session, person, entity, workstation.clock().date())
        where = records.decided_by(entity, person.pseudonym) if done else records.asked_of(entity, seat)
        return [_show(request, session, task) for task in records.list_tasks(session, where, done=done, size=200).rows]


@router.get("/approvals/{number}", tags=["approvals"], summary="One of them, with what the decision is about")
def one(request: Request, number: Number) -> ShownTask:
    tasks.catch_up(workstation_of(request))
    with workstation_of(request).database.reading() as session:
        return _show(request, session, _task(request, session, number))


@router.post(
    "/approvals/{number}/decision",
    tags=["approvals"],
    summary="Approve, refuse, answer, ask a colleague, hand on",
    response_model=Decided,
)
def decide(request: Request, session: desk.InWriting, person: Asking, number: Number, said: DecideTask) -> Decided | Response:
    task = _task(request, session, number)
    act = Act(person, said.revision, said.digest, said.reason)
    outcome = tasks.carry_out(session, workstation_of(request), task, said.choice, act, said.to)
    if outcome is None:
        raise Trouble(409, "not-offered")
    if outcome.wrong == "nobody":
        raise Trouble(422, "nobody")
    if not outcome.done:
        t = words_of(request)
        key = f"{'bar' if outcome.wrong in set(Bar) else 'wrong'}-{outcome.wrong}"
        told = [{"reason": outcome.wrong, "words": t.known("approval", key)}]
        # An answer, not an exception: what was written on the way (an approval that is void now) stays, as on the page.
        return answer(request, 409, "wrong-values", errors=told, revision=task.revision)
    return Decided(following=outcome.following)


def _task(request: Request, session: Session, number: int) -> Task:
    task = records.get_task(session, entity_of(request), number)
    if task is None:
        raise Trouble(404, "unknown")
    shown_document(session, task.document_id)
    return task


def _show(request: Request, session: Session, task: Task) -> ShownTask:
    bar = tasks.bar_for(session, task, asking(request), workstation_of(request).clock()) if task.kind == "approval" else None
    digest = Bound(**task.bound).digest() if task.bound else ""
    told = {name: getattr(task, name) for name in ShownTask.model_fields if name not in ("digest", "bar")}
    return ShownTask(**told, digest=digest, bar=None if bar is None else str(bar))


# --- registers ---


@router.get("/suppliers", tags=["suppliers"], summary="The register of suppliers, with their accounts")
def suppliers(request: Request, response: Response, session: desk.InReading, limit: Limit = 50, cursor: Cursor = "") -> Page[ShownSupplier]:
    place = cursor_values(cursor, int)
    where = [Supplier.entity == entity_of(request), *([Supplier.id > place[0]] if place else [])]
    rows = list(session.scalars(sa.select(Supplier).where(*where).order_by(Supplier.id).limit(limit + 1)))
    accounts = register.accounts_of(session, [row.id for row in rows])
    return page_of(request, response, rows, limit, lambda row: (row.id,), lambda row: _supplier(row, accounts[row.id]))


@router.get("/suppliers/{number}", tags=["suppliers"], summary="One supplier")
def supplier(request: Request, session: desk.InReading, number: Number) -> ShownSupplier:
    row = register.get_supplier(session, entity_of(request), number)
    if row is None:
        raise Trouble(404, "unknown")
    return _supplier(row, register.accounts_of(session, [row.id])[row.id])


def _supplier(row: Supplier, accounts: list[SupplierAccount]) -> ShownSupplier:
    told = {name: getattr(row, name) for name in ShownSupplier.model_fields if name != "accounts"}
    return ShownSupplier(**told, accounts=[_account(each, row) for each in accounts])


def _account(row: SupplierAccount, supplier: Supplier) -> ShownAccount:
    told = {name: getattr(row, name) for name in ShownAccount.model_fields if name != "digest"}
    return ShownAccount(**told, digest=registers.digest_of(row, supplier))


@router.post("/suppliers/accounts/decision", tags=["accounts"], summary="A second person approves or refuses accounts of the register")
def decide_accounts(request: Request, session: desk.InWriting, person: Asking, said: DecideAccounts) -> dict[str, int]:
    if not said.approved and not said.reason:
        raise Trouble(422, "reason")
    now, shown = workstation_of(request).clock(), {each.number: each.digest for each in said.accounts}
    try:
        done = registers.decide_accounts(session, entity_of(request), shown, person, now, approved=said.approved, reason=said.reason)
    except ValueError as error:
        raise Trouble(422, "reason") from error
    return {"decided": done.done, "own": done.own}


@router.get("/customers", tags=["suppliers"], summary="The register of customers")
def customers(request: Request, response: Response, session: desk.InReading, limit: Limit = 50, cursor: Cursor = "") -> Page[ShownCustomer]:
    place = cursor_values(cursor, int)
    where = [Customer.entity == entity_of(request), *([Customer.id > place[0]] if place else [])]
    rows = list(session.scalars(sa.select(Customer).where(*where).order_by(Customer.id).limit(limit + 1)))
    return page_of(request, response, rows, limit, lambda row: (row.id,), _shown_customer)


def _shown_customer(row: Customer) -> ShownCustomer:
    why = unlawful(terms_of(row)) if nature_of(row) is Nature.PRIVATE else None
    return ShownCustomer.model_validate(row).model_copy(update={"terms_warning": why or ""})
