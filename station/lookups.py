"""Look-ups that circuits name: those every station has, answered from its own records; a CSV or a SELECT that the settings declare.

A look-up changes nothing. One row answers; none is « introuvable », two are a fault that is told.
"""

import csv
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config.rulebook import OUTSIDE
from config.settings import Lookup, Settings
from ocr.layout import fold
from station.records import circuits as records
from station.records import dunning, receivables
from station.records.tables import CircuitRun, InvoiceStanding, Review
from station.stored import rule_value_in
from workflow.calendar import Calendar, add_business_days
from workflow.circuit_file import Outside, Signature
from workflow.dunning import covers
from workflow.duplicates import plain_number
from workflow.invoicing import InvoiceState
from workflow.receivables import State as Standing
from workflow.receivables import standing_of
from workflow.vocabulary import Kind, Value, plain

LARGEST_CSV = 32 << 20
"""Bytes."""
TRUE, FALSE = frozenset({"oui", "true", "1", "vrai"}), frozenset({"non", "false", "0", "faux"})
LARGEST_EXPONENT = 30
"""Of ten; what is counted here is far below, and a number of a million digits takes minutes to be made one."""
_TICKS = 2000
"""Steps of SQLite's machine between two looks at the clock."""


class LookupFailed(Exception):
    """It could not be asked, or answered with what does not fit; the text says why, in French."""


Found: TypeAlias = Mapping[str, Value] | None
BuiltIn: TypeAlias = Callable[[Session, str, Mapping[str, Value], date], Found]
"""Session, legal entity, parameters, today."""


def outside_of(settings: Settings) -> Outside:
    """What circuits of this installation may name: what every station has, and what the settings declare."""
    sources = {each.name: _signature(each.takes, each.gives) for each in settings.lookups}
    services = {each.name: _signature(each.takes, each.gives) for each in settings.connectors}
    sources = {**sources, **OUTSIDE.sources}
    # A form's button fills fields by any of them.
    return Outside(sources, {**sources, **services, **_functions(), **OUTSIDE.services})


def outside_nowhere() -> Outside:
    """What every installation has; what else a file names cannot be looked up."""
    return Outside(OUTSIDE.sources, {**OUTSIDE.sources, **_functions(), **OUTSIDE.services}, whole=False)


def _functions() -> dict[str, Signature]:
    return {name: signature for name, (signature, _) in FUNCTIONS.items()}


def _signature(takes: Mapping[str, str], gives: Mapping[str, str]) -> Signature:
    return Signature({name: Kind(word) for name, word in takes.items()}, {name: Kind(word) for name, word in gives.items()})


def typed_value(kind: Kind, value: Any) -> Value:
    """What a file, a database or a service gave, as this type. Raises LookupFailed."""
    if value is None or (value == "" and kind is not Kind.TEXT):
        return None
    try:
        return _READERS[kind](value)
    except (ValueError, InvalidOperation, TypeError) as error:
        raise LookupFailed(f"« {str(value)[:40]} » n'est pas de type {kind.value}") from error


def _number(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise TypeError("a truth is no number")
    number = Decimal(re.sub(r"[\s€]", "", value).replace(",", ".")) if isinstance(value, str) else Decimal(str(value))
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        raise ValueError("not finite, or beyond reason")
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise ValueError("not whole")
    return int(number)


def _amount(value: Any) -> Decimal:
    number = _number(value)
    if number != number.quantize(Decimal("0.01")):
        raise ValueError("more than two decimals")
    return number.quantize(Decimal("0.01"))


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value).strip())


def _yes(value: Any) -> bool:
    word = str(value).strip().casefold()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError("neither yes nor no")


def _words(value: Any) -> str:
    if not isinstance(value, str | int | Decimal | float | date) or isinstance(value, bool):
        raise TypeError("no text")
    return str(value).strip()[:2000]


_READERS: Mapping[Kind, Callable[[Any], Value]] = {
    Kind.TEXT: _words, Kind.CHOICE: _words, Kind.NUMBER: _number, Kind.WHOLE: _whole, Kind.AMOUNT: _amount, Kind.DATE: _day,
    Kind.YES_NO: _yes,
}  # fmt: skip


# --- those that the settings declare ---


def ask_lookup(lookup: Lookup, home: Path, parameters: Mapping[str, Value], environment: Mapping[str, str] = os.environ) -> Found:
    """Raises LookupFailed."""
    rows = _csv_rows(lookup, home, parameters) if lookup.csv else _database_rows(lookup, parameters, environment)
    if len(rows) > 1:
        raise LookupFailed(f"la source « {lookup.name} » donne plusieurs lignes : une seule répond")
    return {name: typed_value(Kind(word), rows[0].get(name)) for name, word in lookup.gives.items()} if rows else None


def _csv_rows(lookup: Lookup, home: Path, parameters: Mapping[str, Value]) -> list[Mapping[str, Any]]:
    root = (home / "lookups").resolve()
    path = (root / lookup.csv).resolve()
    if not path.is_relative_to(root):
        raise LookupFailed(f"« {lookup.csv} » mène hors de {root}")
    ends = time.monotonic() + lookup.seconds
    found: list[Mapping[str, Any]] = []
    try:
        if path.stat().st_size > LARGEST_CSV:
            raise LookupFailed(f"« {lookup.csv} » dépasse {LARGEST_CSV >> 20} Mo")
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=max(";,\t", key=first.count))
            if missing := sorted({*lookup.takes, *lookup.gives} - set(reader.fieldnames or ())):
                raise LookupFailed(f"« {lookup.csv} » : il manque la colonne « {missing[0]} »")
            for row in reader:
                if all(_same(Kind(word), row.get(name), parameters.get(name)) for name, word in lookup.takes.items()):
                    found.append(dict(row))
                if len(found) > 1 or time.monotonic() > ends:
                    break
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LookupFailed(f"« {lookup.csv} » ne peut pas être lu ({type(error).__name__})") from error
    if time.monotonic() > ends:
        raise LookupFailed(f"« {lookup.csv} » : plus de {lookup.seconds:g} s")
    return found


def _same(kind: Kind, cell: Any, wanted: Value) -> bool:
    try:
        return typed_value(kind, cell) == wanted
    except LookupFailed:
        return False


def _database_rows(lookup: Lookup, parameters: Mapping[str, Value], environment: Mapping[str, str]) -> list[Mapping[str, Any]]:
    address = environment.get(lookup.url_variable, "")
    if not address:
        raise LookupFailed(f"l'adresse de la base manque : {lookup.url_variable}")
    try:
        with _read_only(address, lookup.seconds) as connection:
            bound = {name: _bindable(value, connection) for name, value in parameters.items() if name in lookup.takes}
            answer = connection.execute(sa.text(lookup.select), bound)
            return [dict(row) for row in answer.mappings().fetchmany(2)]
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        # The driver's words may hold the address with its password: they go to nobody.
        raise LookupFailed(f"la base « {lookup.database} » n'a pas répondu ({type(error).__name__})") from None


def _bindable(value: Value, connection: sa.Connection) -> Any:
    """SQLite knows no decimals: texts that look like numbers compare as numbers there where the column is one."""
    if connection.dialect.name == "sqlite" and isinstance(value, Decimal | date):
        return plain(value)
    return value


@contextmanager
def _read_only(address: str, seconds: float) -> Iterator[sa.Connection]:
    """A connection that can change nothing, and whose question ends after so many seconds."""
    url = make_url(address)
    engine = sa.create_engine(
        url,
        poolclass=sa.NullPool,
        **({"connect_args": {"connect_timeout": max(1, int(seconds))}} if url.get_backend_name() == "postgresql" else {}),
    )
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                raw, ends = connection.connection.driver_connection, time.monotonic() + seconds
                raw.execute("PRAGMA query_only = ON")  # type: ignore[union-attr]  # sqlite3's own connection
                raw.set_progress_handler(lambda: time.monotonic() > ends, _TICKS)  # type: ignore[union-attr]  # as above
            elif connection.dialect.name == "postgresql":
                connection.execute(sa.text("SET TRANSACTION READ ONLY"))
                connection.execute(sa.text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
            try:
                yield connection
            finally:
                connection.rollback()
    finally:
        engine.dispose()


# --- those that every station has ---


def invoice_found(session: Session, entity: str, parameters: Mapping[str, Value], today: date) -> Found:  # noqa: ARG001 a BuiltIn
    """The invoice of a supplier by its number, what of it is still to be paid, and whether an amount is more than that."""
    number, supplier = plain_number(str(parameters.get("numero") or "")), fold(str(parameters.get("fournisseur") or ""))
    if not number:
        return None
    rows = session.scalars(sa.select(Review).where(Review.entity == entity, Review.stage != "gone"))
    found = [row for row in rows if plain_number(row.number) == number and fold(row.supplier) == supplier]
    gross = _gross_of(found[0]) if len(found) == 1 else None
    if gross is None or found[0].gross is None:
        return None
    rest = gross - _credited(session, entity, number, supplier)
    standing = session.get(InvoiceStanding, found[0].document_id)
    if standing is not None and standing.state in (InvoiceState.PAID, InvoiceState.CANCELLED, InvoiceState.REFUSED):
        rest = Decimal("0.00")
    rest, amount = max(rest, Decimal("0.00")), parameters.get("montant")
    return {"trouvee": True, "reste": rest, "depasse": isinstance(amount, Decimal) and amount > rest}


def _gross_of(row: Review) -> Decimal | None:
    try:
        return Decimal(row.gross or "")
    except InvalidOperation:
        return None


def _credited(session: Session, entity: str, number: str, supplier: str) -> Decimal:
    """What earlier credit notes took off this invoice."""
    query = sa.select(CircuitRun).where(CircuitRun.entity == entity, CircuitRun.standing == records.ENDED, CircuitRun.outcome == "imputé")
    total = Decimal(0)
    for run in session.scalars(query):
        values = {name: rule_value_in(value) for name, value in run.state.get("values", {}).items()}
        same = (
            plain_number(str(values.get("numero_origine") or "")) == number and fold(str(values.get("nom_fournisseur") or "")) == supplier
        )
        amount = values.get("montant_avoir")
        total += amount if same and isinstance(amount, Decimal) else Decimal(0)
    return total


def customer_balance(session: Session, entity: str, parameters: Mapping[str, Value], today: date) -> Found:
    """Where a customer's invoice stands at the end of a day; a promise and proceedings suspend as a person does."""
    row = receivables.find_item(session, entity, str(parameters.get("numero") or ""))
    listed = receivables.listed_one(session, entity, row.id) if row is not None else None
    if listed is None:
        return None
    standing = standing_of(listed.item, listed.events, today)
    rests = standing.state in (Standing.PROMISED, Standing.INSOLVENT) or _is_suspended(session, listed, today)
    return {
        "reste_du": standing.balance,
        "jours_de_retard": (today - listed.item.due).days,
        "litige": standing.state is Standing.DISPUTED,
        "suspendue": rests,
        "regime": {"private": "prive", "public": "public"}.get(listed.customer.regime, "consommateur"),
    }


def _is_suspended(session: Session, listed: receivables.Listed, today: date) -> bool:
    """As the reminders take it: a customer's or an invoice's number is none of its own."""
    item = dunning.reminded(listed)
    return any(rest.starts <= today and covers(rest, item) for rest in dunning.rests_of(session, listed.row.entity, today))


BUILT_IN: Mapping[str, BuiltIn] = {"factures": invoice_found, "solde-client": customer_balance}


# --- functions: a closed list, which forms' buttons may call ---


def _due_day(parameters: Mapping[str, Value], calendar: Calendar) -> Found:
    day, count = parameters.get("jour"), parameters.get("jours")
    if not isinstance(day, date) or not isinstance(count, int) or abs(count) > 400:
        return None
    return {"jour": add_business_days(calendar, day, count)}


def _with_tax(parameters: Mapping[str, Value], calendar: Calendar) -> Found:  # noqa: ARG001 as its neighbour
    net, rate = parameters.get("montant_ht"), parameters.get("taux")
    if not isinstance(net, Decimal | int) or not isinstance(rate, Decimal | int):
        return None
    tax = (Decimal(net) * Decimal(rate) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {"montant_tva": tax, "montant_ttc": Decimal(net) + tax}


FUNCTIONS: Mapping[str, tuple[Signature, Callable[[Mapping[str, Value], Calendar], Found]]] = {
    "jours-ouvres": (Signature({"jour": Kind.DATE, "jours": Kind.WHOLE}, {"jour": Kind.DATE}), _due_day),
    "montant-ttc": (
        Signature({"montant_ht": Kind.AMOUNT, "taux": Kind.NUMBER}, {"montant_tva": Kind.AMOUNT, "montant_ttc": Kind.AMOUNT}),
        _with_tax,
    ),
}
"""A day so many business days on; an amount with its tax, rate in per cent."""
