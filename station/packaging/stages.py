"""What the records hold of an invoice after its seal: who approved it, which entry it has in the accounts, what was paid.

Each stage is told among the decisions of the trail, and takes its gap away; what is only partly there is told, and its gap stays.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.packaging.forms import moment_text
from station.records import receivables
from station.records.tables import (
    AccountingBatch,
    AccountingItem,
    AccountingLine,
    Disbursement,
    InvoiceStanding,
    ItemEvent,
    OpenItem,
    PayableEvent,
    Task,
    TaskEvent,
)
from station.records.tasks import APPROVAL, DONE
from workflow.invoicing import InvoiceState
from workflow.payables import Step
from workflow.receivables import State, What, standing_of

DELIVERY, APPROVED, ENTRY, PAYMENT = "no-delivery", "no-approval", "no-accounting-entry", "no-payment"
"""Gaps that a stage takes away (`station.packaging.gaps`)."""


@dataclass(slots=True)
class Stages:
    """Of one document."""

    told: list[dict[str, Any]] = field(default_factory=list)
    """In the form of the trail's decisions."""
    filled: set[str] = field(default_factory=set)
    """Codes of gaps that are none."""


def stages_of(session: Session, ids: Sequence[str], day: date) -> dict[str, Stages]:
    """By document, in one question for each kind of stage; `day`: what is open of our own invoices is told as of it."""
    found: dict[str, Stages] = defaultdict(Stages)
    states = dict(
        session.execute(sa.select(InvoiceStanding.document_id, InvoiceStanding.state).where(InvoiceStanding.document_id.in_(ids))).all()
    )
    _add_service(session, ids, found)
    _add_approvals(session, ids, found)
    _add_entries(session, ids, found)
    _add_payments(session, ids, found, states)
    _add_receipts(session, ids, found, day)
    return found


def _decision(choice: str, actor: str, at: Any, reason: str = "", **detail: Any) -> dict[str, Any]:
    return {"choice": choice, "reason": reason, "actor": actor, "at": moment_text(at), "was": None, "detail": detail}


def _add_service(session: Session, ids: Sequence[str], found: dict[str, Stages]) -> None:
    query = sa.select(PayableEvent).where(PayableEvent.document_id.in_(ids), PayableEvent.step == str(Step.SERVICE_DONE))
    for row in session.scalars(query.order_by(PayableEvent.id)):
        found[row.document_id].told.append(_decision("service-done", row.actor, row.at, row.reason, day=row.day))
        found[row.document_id].filled.add(DELIVERY)


def _add_approvals(session: Session, ids: Sequence[str], found: dict[str, Stages]) -> None:
    """Each yes and no; the gap goes where all approvals that the newest round needs were given."""
    query = sa.select(TaskEvent, Task).join(Task, Task.id == TaskEvent.task_id)
    query = query.where(TaskEvent.document_id.in_(ids), Task.kind == APPROVAL, TaskEvent.what.in_(("approved", "refused")))
    given: dict[str, dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for event, task in session.execute(query.order_by(TaskEvent.id)):
        detail = {"task": task.id, "round": task.round, "place": task.place, "rule": task.rule, "rule_version": task.rule_version}
        told = _decision(f"approval-{event.what}", event.actor, event.at, str(event.told.get("reason") or ""), **detail)
        found[event.document_id].told.append(told)
        if event.what == "approved" and task.state == DONE:
            given[event.document_id][task.round][task.id] = task.needed
    newest = sa.select(Task.document_id, sa.func.max(Task.round)).where(Task.document_id.in_(ids), Task.kind == APPROVAL)
    for document_id, last in session.execute(newest.group_by(Task.document_id)):
        round_ = given[document_id].get(last, {})
        if round_ and len(round_) >= max(round_.values()):
            found[document_id].filled.add(APPROVED)


def _add_entries(session: Session, ids: Sequence[str], found: dict[str, Stages]) -> None:
    """Entries of batches that stand: one that was taken back holds no invoice."""
    query = sa.select(AccountingItem, AccountingBatch).join(AccountingBatch, AccountingBatch.id == AccountingItem.batch_id)
    rows = session.execute(query.where(AccountingItem.held.in_(ids)).order_by(AccountingItem.id)).all()
    lines: dict[int, list[dict[str, str]]] = defaultdict(list)
    held = sa.select(AccountingLine).where(AccountingLine.item_id.in_([item.id for item, _ in rows])).order_by(AccountingLine.place)
    for line in session.scalars(held):
        lines[line.item_id].append({"account": line.account, "label": line.label, "debit": line.debit, "credit": line.credit})
    for item, batch in rows:
        told: dict[str, Any] = {
            "batch": f"{batch.year}-{batch.number}",
            "entry": f"{item.year}-{item.entry}",
            "sha256": batch.sha256,
            "lines": lines[item.id],
        }
        found[item.document_id].told.append(_decision("accounting-entry", batch.made_by, batch.made_at, **told))
        found[item.document_id].filled.add(ENTRY)


def _add_payments(session: Session, ids: Sequence[str], found: dict[str, Stages], states: dict[str, str]) -> None:
    for row in session.scalars(
        sa.select(Disbursement).where(Disbursement.document_id.in_(ids)).order_by(Disbursement.day, Disbursement.id)
    ):
        detail = {"day": row.day, "amount": row.amount, "reference": row.reference, "source": row.source}
        found[row.document_id].told.append(_decision(f"payment-{row.stage}", row.actor, row.at, **detail))
        if row.stage == "paid" and states.get(row.document_id) == InvoiceState.PAID:
            found[row.document_id].filled.add(PAYMENT)


def _add_receipts(session: Session, ids: Sequence[str], found: dict[str, Stages], day: date) -> None:
    """What customers paid on our own invoices."""
    items = session.scalars(sa.select(OpenItem).where(OpenItem.document_id.in_(ids))).all()
    events = receivables.events_by_item(session, [row.id for row in items])
    documents = {row.id: str(row.document_id) for row in items}
    query = sa.select(ItemEvent).where(ItemEvent.item_id.in_(documents), ItemEvent.what.in_((What.PAYMENT, What.CREDIT, What.END)))
    for event in session.scalars(query.order_by(ItemEvent.day, ItemEvent.id)):
        ends = event.of if event.what == What.END else None
        detail = {"event": event.id, "day": event.day, "amount": f"{receivables.euros(event.cents):.2f}", "ends": ends}
        detail |= {"reference": event.reference or "", "source": event.source}
        found[documents[event.item_id]].told.append(_decision(f"receipt-{event.what}", event.actor, event.at, event.reason, **detail))
    for row in items:
        if standing_of(receivables.item_of(row), events.get(row.id, ()), day).state is State.PAID:
            found[documents[row.id]].filled.add(PAYMENT)
