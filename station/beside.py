"""What the records know beside documents of one company: accounts that wait or were agreed on, words about their entry, the register.

A lot of documents is asked about at once: one by one, the questions cost more than the rules that follow.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from ocr.identifiers import compact
from station.deadlines import keys_of
from station.particulars import key_in
from station.records import register
from station.records.documents import best_rows
from station.records.tables import AccountChange, AccountingWord, Document, FieldRow, Supplier, SupplierAccount
from workflow.duplicates import InvoiceKey

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Beside:
    """Rows by what they belong to, the oldest first; of the register what is known of these documents' suppliers, and no other."""

    keys: Mapping[str, InvoiceKey]
    """By document."""
    changes: Mapping[str, Sequence[AccountChange]]
    """By document, decided or not."""
    words: Mapping[str, Sequence[AccountingWord]]
    """By document, ended or not."""
    suppliers: Mapping[str, Supplier]
    """By key (`register.key_of`)."""
    approved: Mapping[int, Sequence[SupplierAccount]]
    """Accounts that two people answer for, by supplier."""
    agreed: Mapping[str, Sequence[AccountChange]]
    """Accounts that a second person agreed to on an invoice, by the supplier's key."""

    def pending(self, document: Document) -> list[AccountChange]:
        """Accounts on this document that wait for a second person."""
        return [row for row in self.changes.get(document.id, ()) if row.decided_at is None]

    def supplier(self, keys: Iterable[str]) -> Supplier | None:
        """Known by the surest of these keys that the register has."""
        return next((self.suppliers[key] for key in keys if key in self.suppliers), None)


def beside(session: Session, settings: Settings, entity: str, documents: Sequence[Document]) -> Beside:
    """Five questions, however many documents there are (some hundreds at most: each is named in them)."""
    ids, keys = [each.id for each in documents], {each.id: key_in(each) for each in documents}
    printed = {name for each in documents for name in keys_of(best_rows(each))}
    named = sorted(printed.union(*(key.suppliers for key in keys.values())))
    words = sa.select(AccountingWord).where(AccountingWord.document_id.in_(ids)).order_by(AccountingWord.id)
    changes = sa.select(AccountChange).where(AccountChange.entity == entity).order_by(AccountChange.id)
    suppliers = register.suppliers_by(session, entity, named)
    return Beside(
        keys=keys,
        changes=_by("document_id", session.scalars(changes.where(AccountChange.document_id.in_(ids)))),
        words=_by("document_id", session.scalars(words)),
        suppliers=suppliers,
        approved=register.approved_of(session, [each.id for each in suppliers.values()], practice=settings.sealing.mode == "practice"),
        agreed=_by("supplier", session.scalars(changes.where(AccountChange.supplier.in_(named), AccountChange.approved))),
    )


def vouched_before(known: Beside, document: Document, settings: Settings) -> tuple[list[str], bool]:
    """Accounts of the supplier of this invoice that the house stood for when it arrived, and whether it knew the supplier then.

    What was confirmed on this very invoice, or on any other since, does not count: the first purchase stays the first one.
    """
    key, arrived = known.keys[document.id], document.received_at
    told = [*settings.suppliers.ibans.get(key.siren, []), *settings.suppliers.ibans.get(key.vat, [])]
    accounts = [*map(compact, [*told, *settings.own_ibans])]
    row = known.supplier(key.suppliers)
    registered = row is not None and (row.added_at is None or row.added_at <= arrived)
    if row is not None and registered:
        accounts += [each.iban for each in known.approved.get(row.id, ()) if each.approved_at is not None and each.approved_at <= arrived]
    rows = (row for name in key.suppliers for row in known.agreed.get(name, ()))
    before = [row.iban for row in rows if row.document_id != document.id and row.decided_at is not None and row.decided_at <= arrived]
    return [*accounts, *before], bool(told) or registered or bool(before)


def text_of(best: Mapping[str, FieldRow], name: str) -> str | None:
    """A value in one line, of 300 signs at most; None where there is none."""
    text = (best[name].value or "").strip() if name in best else ""
    return " ".join(text.split())[:300] or None


def _by(name: str, rows: Iterable[T]) -> dict[str, list[T]]:
    belongs = attrgetter(name)
    return {key: list(group) for key, group in groupby(sorted(rows, key=belongs), belongs)}
