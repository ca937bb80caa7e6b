"""The registers of suppliers and customers as the screens and the checks ask for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.tables import Customer, ImportRun, Person, Supplier, SupplierAccount

APPROVED, WAITING, REFUSED = "approved", "waiting", "refused"


@dataclass(frozen=True, slots=True)
class SupplierPage:
    """One screenful of the register."""

    rows: Sequence[Supplier]
    total: int
    page: int
    pages: int


def key_of(siren: str, vat_id: str, number: str) -> str:
    """By what a supplier is known, the surest first; empty where there is nothing. The first two are as `invoice_key` has them."""
    kinds = (("siren", siren), ("vat", vat_id), ("number", number))
    return next((f"{kind}:{value}" for kind, value in kinds if value), "")


def find_supplier(session: Session, entity: str, key: str) -> Supplier | None:
    return session.scalar(sa.select(Supplier).where(Supplier.entity == entity, Supplier.key == key))


def suppliers_by(session: Session, entity: str, keys: Sequence[str]) -> dict[str, Supplier]:
    """Those that the register has, by key."""
    query = sa.select(Supplier).where(Supplier.entity == entity, Supplier.key.in_(keys))
    return {row.key: row for row in session.scalars(query)} if keys else {}


def get_supplier(session: Session, entity: str, number: int) -> Supplier | None:
    """By its row; None where it is of another company."""
    return session.scalar(sa.select(Supplier).where(Supplier.entity == entity, Supplier.id == number))


def list_suppliers(session: Session, entity: str, typed: str = "", page: int = 1, size: int = 50) -> SupplierPage:
    """By name; `typed` is sought in name, numbers and accounts."""
    query = sa.select(Supplier).where(Supplier.entity == entity)
    if typed.strip():
        pattern = _pattern(typed)
        bare = _pattern(typed.replace(" ", "").upper())
        accounts = sa.exists().where(SupplierAccount.supplier_id == Supplier.id, SupplierAccount.iban.like(bare, escape="\\"))
        numbers = (column.like(bare, escape="\\") for column in (Supplier.siren, Supplier.vat_id))
        names = (column.ilike(pattern, escape="\\") for column in (Supplier.name, Supplier.number))
        query = query.where(sa.or_(*names, *numbers, accounts))
    total = session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
    pages = max(1, -(-total // size))
    page = min(max(1, page), pages)
    rows = session.scalars(query.order_by(sa.func.lower(Supplier.name), Supplier.id).limit(size).offset((page - 1) * size))
    return SupplierPage(list(rows), total, page, pages)


def all_suppliers(session: Session, entity: str) -> list[Supplier]:
    return list(session.scalars(sa.select(Supplier).where(Supplier.entity == entity)))


def all_customers(session: Session, entity: str) -> list[Customer]:
    return list(session.scalars(sa.select(Customer).where(Customer.entity == entity).order_by(sa.func.lower(Customer.name))))


def accounts_of(session: Session, suppliers: Sequence[int]) -> dict[int, list[SupplierAccount]]:
    """By supplier, in the order in which they came."""
    found: dict[int, list[SupplierAccount]] = {number: [] for number in suppliers}
    for row in session.scalars(sa.select(SupplierAccount).where(SupplierAccount.supplier_id.in_(suppliers)).order_by(SupplierAccount.id)):
        found[row.supplier_id].append(row)
    return found


def all_accounts(session: Session, entity: str, *, practice: bool = True) -> dict[int, set[str]]:
    """Every account of the register, by supplier, whatever was said of it; without `practice` those that practice people left are not."""
    found: dict[int, set[str]] = {}
    query = sa.select(SupplierAccount.supplier_id, SupplierAccount.iban).where(SupplierAccount.entity == entity)
    if not practice:
        query = query.where(_by_real())
    for number, iban in session.execute(query):
        found.setdefault(number, set()).add(iban)
    return found


def waiting_accounts(session: Session, entity: str, *, lock: bool = False) -> list[tuple[SupplierAccount, Supplier]]:
    """Accounts that wait for a second person, by supplier. `lock`: as they are now, and nobody else decides on them or says whose they are
    until the transaction ends (PostgreSQL; SQLite has one writer anyway)."""
    query = (
        sa.select(SupplierAccount, Supplier)
        .join(Supplier, Supplier.id == SupplierAccount.supplier_id)
        .where(SupplierAccount.entity == entity, SupplierAccount.state == WAITING)
        .order_by(sa.func.lower(Supplier.name), SupplierAccount.id)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return [(account, supplier) for account, supplier in session.execute(query)]


def count_waiting(session: Session, entity: str) -> int:
    where = (SupplierAccount.entity == entity, SupplierAccount.state == WAITING)
    return session.scalar(sa.select(sa.func.count()).select_from(SupplierAccount).where(*where)) or 0


def approved_ibans(session: Session, entity: str, keys: Sequence[str], *, practice: bool, by: datetime | None = None) -> list[str]:
    """Accounts that two people answer for, of the supplier known by the surest of these keys that the register has; without `practice`
    those that practice people left do not count. `by`: those alone that had been approved at that moment."""
    for key in keys:
        supplier = find_supplier(session, entity, key)
        if supplier is not None:
            where = [SupplierAccount.supplier_id == supplier.id, SupplierAccount.state == APPROVED]
            if not practice:
                where.append(_by_real())
            if by is not None:
                where.append(SupplierAccount.approved_at <= by)
            return list(session.scalars(sa.select(SupplierAccount.iban).where(*where).order_by(SupplierAccount.id)))
    return []


def approved_of(session: Session, suppliers: Sequence[int], *, practice: bool) -> dict[int, list[SupplierAccount]]:
    """Accounts that two people answer for, by supplier, in the order in which they came; `practice` as in `approved_ibans`."""
    query = sa.select(SupplierAccount).where(SupplierAccount.supplier_id.in_(suppliers), SupplierAccount.state == APPROVED)
    found: dict[int, list[SupplierAccount]] = {number: [] for number in suppliers}
    for row in session.scalars((query if practice else query.where(_by_real())).order_by(SupplierAccount.id)) if suppliers else ():
        found[row.supplier_id].append(row)
    return found


def _by_real() -> sa.ColumnElement[bool]:
    """Neither brought nor decided by a practice account."""
    trying = sa.select(Person.pseudonym).where(Person.practice)
    decided = sa.func.coalesce(SupplierAccount.approved_by, "")
    return sa.and_(SupplierAccount.verified_by.not_in(trying), decided.not_in(trying))


# --- imports ---


def last_mapping(session: Session, entity: str, kind: str) -> dict[str, str]:
    """How the columns of the newest list of the kind were named; empty where there was none."""
    query = sa.select(ImportRun.mapping).where(ImportRun.entity == entity, ImportRun.kind == kind, ImportRun.done_at.is_not(None))
    return dict(session.scalar(query.order_by(ImportRun.done_at.desc()).limit(1)) or {})


def list_runs(session: Session, entity: str, kinds: Sequence[str], limit: int = 20) -> list[ImportRun]:
    """The newest lists that were taken over."""
    query = sa.select(ImportRun).where(ImportRun.entity == entity, ImportRun.kind.in_(kinds), ImportRun.done_at.is_not(None))
    return list(session.scalars(query.order_by(ImportRun.done_at.desc()).limit(limit)))


def get_run(session: Session, entity: str, kind: str, number: str) -> ImportRun | None:
    return session.scalar(sa.select(ImportRun).where(ImportRun.id == number, ImportRun.entity == entity, ImportRun.kind == kind))


def _pattern(typed: str) -> str:
    return "%" + typed.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
