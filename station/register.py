"""What two people do with the accounts of suppliers: one brings them, another approves; only what both stand for counts as known."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station.acts import NotOffered
from station.records import people, register
from station.records.ledger import append_event
from station.records.register import APPROVED, REFUSED, WAITING
from station.records.tables import Person, Supplier, SupplierAccount


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a bulk approval."""

    done: int
    own: int
    """Left waiting: whoever approves brought them, or stands in for who did."""


def add_account(session: Session, supplier: Supplier, iban: str, by: str, at: datetime) -> SupplierAccount | None:
    """An account that waits for a second person; None where the supplier has it already, whatever was said of it."""
    known = {row.iban for row in register.accounts_of(session, [supplier.id])[supplier.id]}
    if iban in known:
        return None
    row = SupplierAccount(supplier_id=supplier.id, entity=supplier.entity, iban=iban, state=WAITING, verified_by=by, verified_at=at)
    session.add(row)
    session.flush()
    return row


def decide_accounts(
    session: Session, entity: str, numbers: Iterable[int], person: Person, at: datetime, *, approved: bool, reason: str = ""
) -> Decided:
    """A second person has compared these accounts and approves or refuses them all; one ledger entry commits to each.

    What the same person brought, or a deputy of theirs, stays waiting. Raises NotOffered where nothing waits among them;
    ValueError for a refusal without its reason.
    """
    if not approved and not reason.strip():
        raise ValueError("a refusal needs its reason")
    wanted = set(numbers)
    rows = [account for account, _ in register.waiting_accounts(session, entity) if account.id in wanted]
    if not rows:
        raise NotOffered("no account waits")
    one = {who: people.are_one(session, who, person.pseudonym, since, at) for who, since in _earliest(rows).items()}
    decided = [row for row in rows if not one[row.verified_by]]
    for row in decided:
        row.state, row.approved_by, row.approved_at = APPROVED if approved else REFUSED, person.pseudonym, at
        row.reason = reason.strip() or None
    if decided:
        _enter(session, entity, decided, "approved" if approved else "refused", person, at)
    return Decided(len(decided), len(rows) - len(decided))


def _earliest(rows: Sequence[SupplierAccount]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for row in rows:
        found[row.verified_by] = min(row.verified_at, found.get(row.verified_by, row.verified_at))
    return found


def _enter(session: Session, entity: str, rows: Sequence[SupplierAccount], decision: str, person: Person, at: datetime) -> None:
    """The leaf holds neither account nor name nor a hash of them: the payload tells them one by one, and the leaf commits to it."""
    told = [{"number": row.id, "by": row.verified_by, "sha256": hashlib.sha256(row.iban.encode()).hexdigest()} for row in rows]
    payload = {"what": "accounts", "decision": decision, "accounts": told}
    append_event(session, Event(entity, "register", {}, Actor(person.pseudonym, ActorKind.HUMAN), at, "system", payload))
