"""What two people do with the accounts of suppliers: one brings them, another approves; only what both stand for counts as known."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station.acts import NotOffered
from station.records import people, register
from station.records.ledger import append_event
from station.records.register import APPROVED, REFUSED, WAITING
from station.records.tables import Person, Supplier, SupplierAccount

Hands = Sequence[tuple[str, datetime]]
"""Pseudonyms of who had a hand in something, each with when."""


class Changed(NotOffered):
    """An account or its supplier is no longer as it was shown."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a bulk approval."""

    done: int
    own: int
    """Left waiting: whoever approves brought them, or stands in for who did."""


def add_account(session: Session, supplier: Supplier, iban: str, by: str, at: datetime, hands: Hands = ()) -> SupplierAccount | None:
    """An account that waits for a second person; None where the supplier has it already, whatever was said of it.

    `hands`: who helped to bring it. One that practice people left is brought anew by the first real person.
    """
    row = next((each for each in register.accounts_of(session, [supplier.id])[supplier.id] if each.iban == iban), None)
    if row is None:
        row = SupplierAccount(supplier_id=supplier.id, entity=supplier.entity, iban=iban)
        session.add(row)
    elif not _left_over(session, row, by):
        return None
    row.hands = []
    _bring(row, by, at, hands)
    session.flush()
    return row


def _left_over(session: Session, row: SupplierAccount, by: str) -> bool:
    def tried(who: str | None) -> bool:
        person = people.find_by_pseudonym(session, who) if who else None
        return person is not None and person.practice

    return (tried(row.verified_by) or tried(row.approved_by)) and not tried(by)


def _bring(row: SupplierAccount, by: str, at: datetime, hands: Hands) -> None:
    """It waits, whatever was said of it before; who had a hand in it is not forgotten."""
    others = {who: datetime.fromisoformat(since) for who, since in row.hands}
    for who, since in hands:
        others[who] = min(since, others.get(who, since))
    row.hands = [[who, since.isoformat()] for who, since in sorted(others.items()) if who != by]
    row.state, row.verified_by, row.verified_at = WAITING, by, others.get(by, at)
    row.approved_by = row.approved_at = row.reason = None


def say_anew(session: Session, supplier: Supplier, by: str, at: datetime, hands: Hands) -> None:
    """The supplier is known by something surer than before: whose its accounts are was said by `by` now, and is to be approved anew by
    whoever neither brought them nor said so. What was refused stays refused."""
    for row in register.accounts_of(session, [supplier.id])[supplier.id]:
        if row.state != REFUSED:
            _bring(row, by, at, [(row.verified_by, row.verified_at), *hands])
    session.flush()


def digest_of(row: SupplierAccount, supplier: Supplier) -> str:
    """Of what a second person is shown: whose account it is, and which. 64 signs."""
    return hashlib.sha256("\n".join((str(row.id), supplier.key, supplier.name, row.iban)).encode()).hexdigest()


def own_accounts(session: Session, rows: Sequence[SupplierAccount], person: Person, now: datetime) -> set[int]:
    """Those in which a person had a hand, or whom they stand in for."""
    since: dict[str, datetime] = {}
    for who, begun in (hand for row in rows for hand in _hands_of(row)):
        since[who] = min(begun, since.get(who, begun))
    ones = {who for who, begun in since.items() if people.are_one(session, who, person.pseudonym, begun, now)}
    return {row.id for row in rows if ones & {who for who, _ in _hands_of(row)}}


def _hands_of(row: SupplierAccount) -> list[tuple[str, datetime]]:
    return [(row.verified_by, row.verified_at), *((who, datetime.fromisoformat(since)) for who, since in row.hands)]


def decide_accounts(
    session: Session, entity: str, shown: Mapping[int, str], person: Person, at: datetime, *, approved: bool, reason: str = ""
) -> Decided:
    """A second person has compared these accounts and approves or refuses them all; one ledger entry commits to each.

    `shown`: number and digest (`digest_of`) of each as it was on their screen. What the same person brought, or a deputy of theirs, stays
    waiting. Raises Changed where one of them is not what was shown, NotOffered where nothing waits among them; ValueError for a refusal
    without its reason.
    """
    if not approved and not reason.strip():
        raise ValueError("a refusal needs its reason")
    found = [(row, supplier) for row, supplier in register.waiting_accounts(session, entity, lock=True) if row.id in shown]
    if not found:
        raise NotOffered("no account waits")
    if any(digest_of(row, supplier) != shown[row.id] for row, supplier in found):
        raise Changed("an account changed")
    rows = [row for row, _ in found]
    own = own_accounts(session, rows, person, at)
    decided = [row for row in rows if row.id not in own]
    for row in decided:
        row.state, row.approved_by, row.approved_at = APPROVED if approved else REFUSED, person.pseudonym, at
        row.reason = reason.strip() or None
    if decided:
        _enter(session, entity, decided, "approved" if approved else "refused", person, at)
    return Decided(len(decided), len(own))


def _enter(session: Session, entity: str, rows: Sequence[SupplierAccount], decision: str, person: Person, at: datetime) -> None:
    """The leaf holds neither account nor name nor a hash of them: the payload tells them one by one, and the leaf commits to it."""
    told = [
        {"number": row.id, "by": [who for who, _ in _hands_of(row)], "sha256": hashlib.sha256(row.iban.encode()).hexdigest()}
        for row in rows
    ]
    payload = {"what": "accounts", "decision": decision, "accounts": told}
    append_event(session, Event(entity, "register", {}, Actor(person.pseudonym, ActorKind.HUMAN), at, "system", payload))
