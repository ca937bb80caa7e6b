"""What the house owes, and the accounting export: the same acts as the accounts' pages."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from station import accounting, payables
from station.acts import shown_document
from station.payables import Owed, Payment
from station.records.tables import AccountingBatch, Document
from station.web import desk
from station.web.api.problems import Trouble, words_of
from station.web.api.shapes import (
    Amount,
    Asking,
    Cursor,
    Day,
    DocumentId,
    Limit,
    Line,
    Number,
    Page,
    Reason,
    Sent,
    Shape,
    cursor_values,
    entity_of,
    page_of,
    workstation_of,
)
from workflow.accounting import Entry
from workflow.interest import MissingRate
from workflow.payables import Cost

router = APIRouter()


class ShownLine(Shape):
    account: str
    account_label: str
    auxiliary: str
    debit: str
    credit: str
    rate: str = Field(description="Of VAT, per cent; empty: none, or not known")


class ShownEntry(Shape):
    document_id: str
    supplier: str
    number: str
    gross: str = Field(description="EUR with tax; less than nothing of a credit note")
    lines: list[ShownLine]


class Held(Shape):
    document_id: str
    supplier: str
    number: str
    trouble: str = Field(description="amount, nothing, currency, sums, number, date, own")


class NextBatch(Shape):
    """What a batch would hold if it were made now."""

    digest: str = Field(description="To be sent back to make it")
    debit: str
    credit: str
    later: int = Field(description="Approved beyond what one batch takes")
    entries: list[ShownEntry]
    held: list[Held] = Field(description="What waits, and why")


class ShownBatch(Shape):
    id: int
    year: int
    number: int = Field(description="Without gaps in each company and year")
    day: str
    invoices: int
    debit: str
    credit: str
    sha256: str = Field(description="Of its file, as the ledger holds it")
    plan: int = Field(description="Version of the settings by which the file is written")
    made_by: str
    reversed_by: str | None
    reason: str | None


class MakeBatch(Sent):
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Reverse(Sent):
    reason: Reason


class ShownPayment(Shape):
    stage: str = Field(description="sent (the bank has the order), paid")
    day: str
    amount: str
    reference: str
    source: str = Field(description="hand, list, api")


class ShownStep(Shape):
    step: str
    day: str
    reason: str


class Payable(Shape):
    """An invoice as a debt of the house."""

    document_id: str
    state: str | None
    amount: str | None
    currency: str
    open: str | None = Field(description="EUR still to be paid")
    due: date | None = Field(description="Last day in time; null while nothing runs")
    basis: str = Field(description="printed, agreed, law, public, balance, suspended, rejected")
    regime: str = Field(description="private, public")
    days_late: int
    interest: str | None = Field(description="EUR outside VAT if it is paid today; null: not computed")
    indemnity: str | None
    missing_rate: str | None = Field(description="Half-year whose rate is not in the table")
    steps: list[ShownStep]
    payments: list[ShownPayment]


class NewPayment(Sent):
    stage: Literal["sent", "paid"]
    day: Day
    amount: Amount
    reference: Annotated[str, Field(max_length=80, pattern=r"^[^\x00]*$")] = Field("", description="The same again is the same payment")


class NewStep(Sent):
    step: Literal["service done", "suspended", "resumed", "received", "disputed", "settled"]
    day: Day
    reason: Line = Field("", description="Needed to suspend, to contest and to settle")


@router.get("/accounting/next", tags=["payables"], summary="What waits for the accounting export, as entries, and what cannot go yet")
def following(request: Request, session: desk.InReading) -> NextBatch:
    found = accounting.preview(session, workstation_of(request))
    debit, credit = found.totals
    return NextBatch(
        digest=found.digest, debit=f"{debit:.2f}", credit=f"{credit:.2f}", later=found.later,
        entries=[_entry(each) for each in found.ready],
        held=[Held(document_id=bill.document, supplier=bill.supplier, number=bill.number, trouble=trouble) for bill, trouble in found.held],
    )  # fmt: skip


def _entry(entry: Entry) -> ShownEntry:
    lines = [
        ShownLine(
            account=line.account, account_label=line.account_label, auxiliary=line.auxiliary, debit=f"{line.debit:.2f}",
            credit=f"{line.credit:.2f}", rate=line.rate,
        )
        for line in entry.lines
    ]  # fmt: skip
    bill = entry.bill
    return ShownEntry(document_id=bill.document, supplier=bill.supplier, number=bill.number, gross=f"{entry.gross:.2f}", lines=lines)


@router.get("/accounting/batches", tags=["payables"], summary="Batches that were made, the newest first")
def batches(request: Request, response: Response, session: desk.InReading, limit: Limit = 50, cursor: Cursor = "") -> Page[ShownBatch]:
    place = cursor_values(cursor, int)
    rows = accounting.list_batches(session, entity_of(request), limit + 1, place[0] if place else 0)
    return page_of(request, response, rows, limit, lambda row: (row.id,), ShownBatch.model_validate)


@router.post("/accounting/batches", tags=["payables"], summary="Make the batch of what was seen; its invoices are in the accounts then")
def make(request: Request, session: desk.InWriting, person: Asking, said: MakeBatch) -> ShownBatch:
    made = accounting.make_batch(session, workstation_of(request), said.digest, person)
    if isinstance(made, str):
        raise _wrong(request, "accounting", made)
    return ShownBatch.model_validate(made)


@router.get("/accounting/batches/{number}", tags=["payables"], summary="One batch, by its id")
def batch(request: Request, session: desk.InReading, number: Number) -> ShownBatch:
    return ShownBatch.model_validate(_batch(request, session, number))


@router.get(
    "/accounting/batches/{number}/file",
    tags=["payables"],
    summary="Its file for the accounting program: the same bytes whenever it is asked for",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def file(request: Request, session: desk.InReading, number: Number) -> Response:
    try:
        data = accounting.file_of(session, _batch(request, session, number))
    except accounting.Altered as error:
        raise Trouble(409, "not-offered") from error
    return Response(data, media_type="application/octet-stream")


@router.post(
    "/accounting/batches/{number}/reverse", tags=["payables"], summary="A second person takes a batch back; its invoices wait again"
)
def reverse(request: Request, session: desk.InWriting, person: Asking, number: Number, said: Reverse) -> ShownBatch:
    found = _batch(request, session, number)
    wrong = accounting.reverse_batch(session, workstation_of(request), found, said.reason, person)
    if wrong is not None:
        raise _wrong(request, "accounting", wrong)
    return ShownBatch.model_validate(found)


@router.get("/payables/{document_id}", tags=["payables"], summary="An invoice as a debt: its day, what delay costs, its payments")
def payable(request: Request, session: desk.InReading, document_id: DocumentId) -> Payable:
    return _payable(request, session, shown_document(session, document_id))


@router.post("/payables/{document_id}/payments", tags=["payables"], summary="What the bank did; the same again is the same payment")
def pay(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: NewPayment) -> Payable:
    document = shown_document(session, document_id)
    payment = Payment(said.stage, said.day, Decimal(said.amount), said.reference)
    wrong = payables.record_payment(session, workstation_of(request), document, payment, person, "api")
    if wrong is not None:
        raise _wrong(request, "payables", wrong)
    return _payable(request, session, document)


@router.post(
    "/payables/{document_id}/steps", tags=["payables"], summary="Service done, suspended, resumed, received anew, contested, settled"
)
def step(request: Request, session: desk.InWriting, person: Asking, document_id: DocumentId, said: NewStep) -> Payable:
    document = shown_document(session, document_id)
    wrong = payables.note_step(session, workstation_of(request), document, said.step, said.day, said.reason, person)
    if wrong is not None:
        raise _wrong(request, "payables", wrong)
    return _payable(request, session, document)


def _wrong(request: Request, family: str, reason: str) -> Trouble:
    words = words_of(request).known(family, f"wrong-{reason}")
    return Trouble(409, "wrong-values", errors=[{"reason": reason, "words": words}])


def _batch(request: Request, session: Session, number: int) -> AccountingBatch:
    found = accounting.get_batch(session, entity_of(request), number)
    if found is None:
        raise Trouble(404, "unknown")
    return found


def _payable(request: Request, session: Session, document: Document) -> Payable:
    session.flush()
    workstation = workstation_of(request)
    owed: Owed = payables.owed_of(session, workstation.settings, document, payables.today_of(workstation))
    cost = owed.cost if isinstance(owed.cost, Cost) else None
    return Payable(
        document_id=document.id,
        state=str(owed.state) if owed.state else None,
        amount=f"{owed.amount}" if owed.amount is not None else None,
        currency=owed.currency,
        open=f"{owed.open:.2f}" if owed.open is not None else None,
        due=owed.deadline.day,
        basis=owed.deadline.basis,
        regime=owed.regime,
        days_late=cost.late if cost else 0,
        interest=f"{cost.interest.total:.2f}" if cost else None,
        indemnity=f"{cost.indemnity:.2f}" if cost else None,
        missing_rate=owed.cost.half if isinstance(owed.cost, MissingRate) else None,
        steps=[ShownStep(step=row.step, day=row.day, reason=row.reason) for row in owed.events],
        payments=[ShownPayment.model_validate(row) for row in owed.payments],
    )
