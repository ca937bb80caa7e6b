"""What a person says of how one invoice is entered: the rate of its currency, its tax, sums that contradict one another, or that it is
entered by hand elsewhere. Each word holds for the amounts of which it was said, and falls with them.

It judges and keeps; entries are made in `station.accounting`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Event
from station.acts import actor_of
from station.records import documents, people
from station.records import tasks as records
from station.records.ledger import append_event
from station.records.tables import AccountingItem, AccountingWord, Disbursement, Document, FieldRow, Person
from station.workstation import Workstation
from workflow.accounting import Conversion, Treatment
from workflow.invoicing import InvoiceState

RATE, TAX, SUMS, ELSEWHERE = "rate", "tax", "sums", "elsewhere"
KINDS = (RATE, TAX, SUMS, ELSEWHERE)
MOST_WORDS = 2000
LARGEST = Decimal(1_000_000)
"""Units of a currency for one euro beyond which a rate is a slip of the pen (ECB, November 2026: the highest is below 20,000)."""
_SUMS = ("total_gross", "total_net", "total_tax", "currency", "vat_breakdown")


@dataclass(frozen=True, slots=True)
class Said:
    """What holds of one invoice now, by kind."""

    rows: Mapping[str, AccountingWord]

    @property
    def conversion(self) -> Conversion | None:
        row = self.rows.get(RATE)
        return None if row is None else conversion_of(row)

    @property
    def treatment(self) -> Treatment | None:
        row = self.rows.get(TAX)
        return None if row is None else Treatment(str(row.told["treatment"]))

    @property
    def vouched(self) -> bool:
        """Whether a second person stands for sums that contradict one another."""
        return SUMS in self.rows


def conversion_of(row: AccountingWord) -> Conversion:
    told = row.told
    return Conversion(str(told["currency"]), Decimal(str(told["rate"])), date.fromisoformat(str(told["day"])), str(told["source"]))


def digest_of(best: Mapping[str, FieldRow]) -> str:
    """Of the amounts as they are now: SHA-256, hexadecimal."""
    told = {name: best[name].value or "" for name in _SUMS if name in best}
    return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def said_of(session: Session, document: Document, best: Mapping[str, FieldRow] | None = None) -> Said:
    """The newest word of each kind that was said of these very amounts and not taken back."""
    return said_in(words_of(session, document), documents.best_rows(document) if best is None else best)


def said_in(rows: Sequence[AccountingWord], best: Mapping[str, FieldRow]) -> Said:
    """The same of words at hand, the oldest first."""
    if not rows:
        return Said({})
    digest = digest_of(best)
    return Said({row.kind: row for row in rows if row.ended_at is None and row.digest == digest})


def words_of(session: Session, document: Document) -> list[AccountingWord]:
    """All that was ever said, the oldest first."""
    return list(session.scalars(sa.select(AccountingWord).where(AccountingWord.document_id == document.id).order_by(AccountingWord.id)))


# --- saying ---


def why_not(session: Session, document: Document, kind: str, person: Person, now: datetime) -> str | None:
    """Key under `accounting.wrong-…`; None: this person may say it now."""
    standing = records.standing_of(session, document.id)
    state = InvoiceState(standing.state) if standing is not None and standing.state in set(InvoiceState) else None
    if kind not in KINDS or state is None or session.scalar(sa.select(AccountingItem.id).where(AccountingItem.held == document.id)):
        return "said-late"
    if kind == ELSEWHERE:
        return None if state is InvoiceState.APPROVED else "said-early"
    if state not in (InvoiceState.IN_REVIEW, InvoiceState.APPROVED, InvoiceState.COMPLETED):
        return "said-late"
    if kind == RATE and state is InvoiceState.APPROVED and RATE in said_of(session, document).rows:
        # The approval was of what it made: another rate would be another amount.
        return "said-approved"
    if kind == SUMS:
        # Who stood for the sums already may do so again.
        prepared, since = records.preparers_of(session, document, records.PREPARING - {SUMS})
        if any(people.are_one(session, one, person.pseudonym, since, now) for one in prepared):
            return "said-own"
    return None


def say_word(
    session: Session, workstation: Workstation, document: Document, kind: str, told: Mapping[str, Any], reason: str, person: Person
) -> str | None:
    """Keep a person's word, with its entry in the ledger. Key under `accounting.wrong-…` of why not, or None: it is said."""
    now = workstation.clock()
    wrong = why_not(session, document, kind, person, now)
    if wrong is None and kind != RATE and not reason.strip():
        wrong = "reason"
    if wrong is not None:
        return wrong
    for row in words_of(session, document):
        if row.kind == kind and row.ended_at is None:
            row.ended_at, row.ended_by = now, person.pseudonym
    row = AccountingWord(
        entity=document.entity, document_id=document.id, kind=kind, told=dict(told), digest=digest_of(documents.best_rows(document)),
        reason=reason.strip()[:MOST_WORDS], actor=person.pseudonym, at=now,
    )  # fmt: skip
    session.add(row)
    # Circuits look at it again: an amount that was missing may be known now.
    documents.touch(document, now)
    session.flush()
    for task in records.open_tasks(session, document.entity, document.id):
        if kind in records.PREPARING and task.kind == records.APPROVAL:
            # It leaves their list at once: they prepared it now.
            task.prepared_by = sorted({*task.prepared_by, person.pseudonym})
    _enter(session, row, f"said-{kind}", person, now)
    return None


def may_take_back(session: Session, document: Document) -> AccountingWord | None:
    """The word that an invoice is entered elsewhere, while nothing followed of it."""
    row = said_of(session, document).rows.get(ELSEWHERE)
    standing = records.standing_of(session, document.id)
    paid = session.scalar(sa.select(Disbursement.id).where(Disbursement.document_id == document.id).limit(1))
    return row if standing is not None and standing.state == InvoiceState.POSTED and not paid else None


def end_word(session: Session, row: AccountingWord, person: Person, now: datetime) -> None:
    """It holds no more; that it was said stays."""
    row.ended_at, row.ended_by = now, person.pseudonym
    session.flush()
    _enter(session, row, f"unsaid-{row.kind}", person, now)


def _enter(session: Session, row: AccountingWord, what: str, person: Person, now: datetime) -> None:
    payload = {"what": what, "told": row.told, "values": row.digest, "reason": row.reason}
    append_event(session, Event(row.entity, "accounting", {"document": row.document_id}, actor_of(person), now, "system", payload))


def read_rate(text: str) -> Decimal | None:
    """« 1,0843 » → 1.0843, units of the currency for one euro; None where it is none."""
    plain = text.replace("\u202f", "").replace("\u00a0", "").replace(" ", "").replace(",", ".")
    try:
        rate = Decimal(plain)
    except InvalidOperation:
        return None
    exponent = rate.as_tuple().exponent
    return rate if isinstance(exponent, int) and abs(exponent) <= 8 and 0 < rate <= LARGEST else None
