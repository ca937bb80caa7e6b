"""Lists of suppliers, customers, invoices, payments and people from spreadsheets: columns, checks by line, what would change, the change.

A list is repeatable: the same again changes nothing, a changed line updates, and who stands in it no more is told and never removed.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from uuid import uuid4

from sqlalchemy.orm import Session

from ocr.identifiers import compact, valid_iban, valid_siren, valid_siret, valid_vat, vat_siren
from sealing.ledger import Actor, ActorKind, Event
from station import deadlines, groups, payables
from station import people as accounts
from station import register as acts
from station.apart import work_apart
from station.children import OverBudget, PoisonPage
from station.payables import Payment
from station.people import Act, RoleDays
from station.receivables import By, Issued, Noted, issue_many, issued_of, note_payments, put_terms, terms_of, terms_text
from station.records import documents, people, receivables, register
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Customer, ImportRun, OpenItem, Person, PersonRole, Supplier
from station.tabular import LARGEST_FILE, Sheet, Uncalculated, Unreadable, read_sheet
from station.workstation import Workstation
from workflow.receivables import What, standing_of
from workflow.roles import EXPIRING, Role
from workflow.terms import Counting, due_date, read_term, term_text, unlawful

KINDS = ("suppliers", "customers", "invoices", "payments", "remittances", "people")
_EMAIL = re.compile(r"[^@\s<>,;\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
LARGEST_UPLOAD = LARGEST_FILE
SHEET_SECONDS = 60.0
MOST_PEOPLE = 500
"""Of one list of people: each is an account that somebody has to know."""

Read = Callable[[str], str]
"""A cell as its field keeps it. Raises ValueError with the code of what is wrong, a key under `imports.wrong-…`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a kind of list."""

    name: str
    read: Read
    synonyms: tuple[str, ...]
    """Headings, folded, French and English; the first is that of our own templates."""
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line."""

    line: int
    column: str
    """Field; empty: the line as a whole."""
    code: str
    """Key under `imports.wrong-…`."""
    value: str = ""
    """As it was sent."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, read."""

    number: int
    values: Mapping[str, str]
    """Of the columns that are mapped."""
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What a line would do."""

    line: Line
    act: str
    """new, changed, same."""
    name: str
    changes: tuple[tuple[str, str, str], ...] = ()
    """Field, before, after."""
    row: int | str | None = None
    """Of the supplier or customer that is there; a person's pseudonym."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a list would do, before it does."""

    kind: str
    steps: tuple[Step, ...] = ()
    faults: tuple[Fault, ...] = ()
    absent: tuple[str, ...] = ()
    """Names that are in the register and not in the list: told, never removed."""

    @property
    def unlawful(self) -> list[tuple[int, str, str]]:
        """Line, name and terms of those between professionals that the law refuses (art. L. 441-10, I C. com.): taken over, and told."""
        found = []
        for step in self.steps if self.kind in ("customers", "suppliers") else ():
            text = step.line.values.get("terms", "")
            private = (step.line.values.get("regime") or "private") == "private"
            if step.act != "same" and text and private and unlawful(read_term(text)) is not None:
                found.append((step.line.number, step.name, text))
        return found

    @property
    def counts(self) -> dict[str, int]:
        told = {act: sum(step.act == act for step in self.steps) for act in ("new", "changed", "same")}
        return told | {"wrong": len({fault.line for fault in self.faults}), "absent": len(self.absent)}


@dataclass(slots=True)
class _Seen:
    """Earlier lines of the same list; a long one asks for each what a dictionary knows, never all of them."""

    first: dict[str, Line] = field(default_factory=dict)
    """By what it is known by."""
    ibans: dict[tuple[str, str], int] = field(default_factory=dict)
    """Line, by that and the account."""
    codes: dict[str, dict[str, int]] = field(default_factory=dict)
    """By a supplier's code, the first line of each supplier that bears it."""
    emails: dict[str, int] = field(default_factory=dict)


# --- cells ---


def fold(text: str) -> str:
    """« N° TVA intra. » → « n tva intra »."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def _text(longest: int) -> Read:
    def read(cell: str) -> str:
        if len(cell) > longest:
            raise ValueError("long")
        return cell

    return read


def _siren(cell: str) -> str:
    digits = re.sub(r"[\s.\-]", "", cell)
    if len(digits) == 14 and valid_siret(digits):
        return digits[:9]
    if not valid_siren(digits):
        raise ValueError("siren")
    return digits


def _vat(cell: str) -> str:
    number = compact(cell)
    if not valid_vat(number):
        raise ValueError("vat")
    return number


def _iban(cell: str) -> str:
    number = compact(cell)
    if not valid_iban(number):
        raise ValueError("iban")
    return number


def _email(cell: str) -> str:
    if len(cell) > 200 or not _EMAIL.fullmatch(cell):
        raise ValueError("email")
    return cell.lower()


def _choice(code: str, words: Mapping[str, str]) -> Read:
    def read(cell: str) -> str:
        try:
            return words[fold(cell)]
        except KeyError as error:
            raise ValueError(code) from error

    return read


def _choices(code: str, words: Mapping[str, str]) -> Read:
    one = _choice(code, words)

    def read(cell: str) -> str:
        return " ".join(sorted({one(each) for each in re.split(r"[,;/+|]", cell) if each.strip()}))

    return read


def _terms(cell: str) -> str:
    """« 45 jours fin de mois » → « 45 fdm »."""
    try:
        return term_text(read_term(cell))
    except ValueError as error:
        raise ValueError("terms") from error


def _supplier_terms(cell: str) -> str:
    """Of a supplier days are kept, and whether they run to the end of the month: what is more is refused and not half kept."""
    told = _terms(cell)
    if read_term(told).counting is Counting.FROM_MONTH_END or read_term(told).on is not None:
        raise ValueError("terms-plain")
    return told


def _day(cell: str) -> str:
    french = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", cell)
    try:
        return (date(int(french[3]), int(french[2]), int(french[1])) if french else date.fromisoformat(cell)).isoformat()
    except ValueError as error:
        raise ValueError("day") from error


def _amount(cell: str) -> str:
    """« 1 234,56 € », « 1.234,56 », « 1,234.56 » → « 1234.56 ». One sign before three figures may mean thousands or a fraction: refused."""
    plain = re.sub(r"[\s\u00a0\u202f'’]|€|EUR", "", cell)
    if re.fullmatch(r"\d{1,3}(\.\d{3})+,\d{1,2}|\d{1,3}(,\d{3})+\.\d{1,2}", plain):
        plain = re.sub(r"[.,](?=\d{3})", "", plain)
    if not re.fullmatch(r"\d{1,11}(?:[.,]\d{1,2}0*)?", plain):
        raise ValueError("amount")
    amount = Decimal(plain.replace(",", "."))
    if amount <= 0:
        raise ValueError("amount")
    return f"{amount:.2f}"


def _login(cell: str) -> str:
    if not accounts.LOGIN.fullmatch(cell.lower()):
        raise ValueError("login")
    return cell.lower()


_SIZES = {
    "ge": "GE", "grande entreprise": "GE", "large": "GE", "eti": "ETI", "taille intermediaire": "ETI", "pme": "PME", "sme": "PME",
    "petite et moyenne entreprise": "PME", "micro": "MICRO", "tpe": "MICRO", "micro entreprise": "MICRO", "microentreprise": "MICRO",
}  # fmt: skip
_SURPLUS = {"garder": "keep", "credit": "keep", "oui": "keep", "keep": "keep", "yes": "keep"}
_REGIMES = {
    "private": "private", "prive": "private", "entreprise": "private", "professionnel": "private", "company": "private", "b2b": "private",
    "public": "public", "secteur public": "public", "administration": "public", "collectivite": "public", "b2g": "public",
    "consumer": "consumer", "consommateur": "consumer", "particulier": "consumer", "b2c": "consumer",
}  # fmt: skip
_LANGUAGES = {"fr": "fr", "francais": "fr", "french": "fr", "en": "en", "anglais": "en", "english": "en"}
_ROLES = {
    "mailroom": "mailroom", "courrier": "mailroom", "numerisation": "mailroom", "accueil": "mailroom",
    "clerk": "clerk", "comptable": "clerk", "comptable fournisseurs": "clerk", "comptabilite fournisseurs": "clerk",
    "approver": "approver", "valideur": "approver", "approbateur": "approver",
    "receivables": "receivables", "comptable clients": "receivables", "comptabilite clients": "receivables", "recouvrement": "receivables",
    "compliance": "compliance", "conformite": "compliance",
    "auditor": "auditor", "auditeur": "auditor", "auditrice": "auditor",
    "administrator": "administrator", "administrateur": "administrator", "administratrice": "administrator", "admin": "administrator",
}  # fmt: skip
_NUMBER = ("code fournisseur", "numero fournisseur", "n fournisseur", "supplier number", "vendor number", "vendor code")
_CUSTOMER = ("numero client", "code client", "n client", "customer number", "customer code", "compte client", "account number")
_SIREN = ("siren", "n siren", "numero siren", "siret", "n siret", "siren siret", "siren number", "company number")
_VAT = ("numero de tva", "n tva", "tva intracommunautaire", "n tva intracommunautaire", "tva", "vat number", "vat id", "vat", "tva intra")
_MAIL = ("courriel", "e mail", "email", "mail", "adresse electronique", "adresse mail", "email address")
_TERMS = ("conditions de paiement", "delai de paiement", "echeance", "delai", "payment terms", "terms", "reglement", "jours")

_INVOICE = ("numero de facture", "n facture", "n de facture", "facture", "invoice number", "invoice no", "invoice", "piece", "numero")
_PRICE = ("montant ttc", "total ttc", "ttc", "montant", "amount", "gross amount", "total amount", "total")

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "suppliers": (
        Column("number", _text(40), (*_NUMBER, "code", "numero", "compte auxiliaire", "compte", "number")),
        Column(
            "name", _text(200), ("nom", "raison sociale", "fournisseur", "denomination", "name", "supplier", "company name"), needed=True
        ),
        Column("siren", _siren, _SIREN),
        Column("vat_id", _vat, _VAT),
        Column("iban", _iban, ("iban", "compte bancaire", "n iban", "rib", "bank account", "coordonnees bancaires")),
        Column("size", _choice("size", _SIZES), ("taille", "taille d entreprise", "categorie", "size", "company size")),
        Column("terms", _supplier_terms, _TERMS),
        Column("email", _email, _MAIL),
    ),
    "customers": (
        Column("number", _text(40), (*_CUSTOMER, "code", "numero", "compte auxiliaire", "compte", "number"), needed=True),
        Column("name", _text(200), ("nom", "raison sociale", "client", "denomination", "name", "customer", "company name"), needed=True),
        Column("siren", _siren, _SIREN),
        Column("vat_id", _vat, _VAT),
        Column("regime", _choice("regime", _REGIMES), ("regime", "type de client", "type", "nature", "regime client", "kind")),
        Column("language", _choice("language", _LANGUAGES), ("langue", "language")),
        Column("address", _text(500), ("adresse", "adresse postale", "address", "adresse de facturation", "billing address")),
        Column("contact", _text(120), ("contact", "interlocuteur", "nom du contact", "contact name")),
        Column("email", _email, _MAIL),
        Column("phone", _text(40), ("telephone", "tel", "phone", "phone number")),
        Column("terms", _terms, _TERMS),
    ),
    "invoices": (
        Column("number", _text(80), _INVOICE, needed=True),
        Column("customer", _text(40), (*_CUSTOMER, "client", "customer", "compte auxiliaire", "compte"), needed=True),
        Column("amount", _amount, _PRICE, needed=True),
        Column("issued", _day, ("date de facture", "date d emission", "emise le", "date", "issue date", "invoice date"), needed=True),
        Column("due", _day, ("date d echeance", "echeance", "due date", "due", "a payer le")),
    ),
    "payments": (
        Column("number", _text(80), _INVOICE, needed=True),
        Column("day", _day, ("date de paiement", "date de valeur", "date", "value date", "payment date"), needed=True),
        Column("amount", _amount, ("montant", "montant paye", "credit", "amount", "amount paid"), needed=True),
        Column(
            "reference",
            _text(80),
            ("reference bancaire", "reference", "reference de paiement", "bank reference", "payment reference"),
            needed=True,
        ),
        Column("surplus", _choice("surplus", _SURPLUS), ("trop percu", "surplus", "credit du client", "overpayment")),
    ),
    "remittances": (
        Column("number", _text(80), _INVOICE, needed=True),
        Column("siren", _siren, ("siren du fournisseur", *_SIREN)),
        Column("day", _day, ("date de paiement", "date de valeur", "date", "value date", "payment date"), needed=True),
        Column("amount", _amount, ("montant", "montant paye", "debit", "amount", "amount paid"), needed=True),
        Column("reference", _text(80), ("reference bancaire", "reference", "reference de paiement", "bank reference", "payment reference")),
    ),
    "people": (
        Column("login", _login, ("identifiant", "login", "utilisateur", "user", "username", "user name")),
        Column("name", _text(120), ("nom", "nom complet", "prenom et nom", "name", "full name"), needed=True),
        Column("email", _email, _MAIL),
        Column("roles", _choices("role", _ROLES), ("roles", "role", "fonction", "droits", "profil"), needed=True),
        Column("starts", _day, ("du", "debut", "a partir du", "from", "start")),
        Column("ends", _day, ("au", "fin", "jusqu au", "to", "end", "until")),
    ),
}
"""By kind, in the order of our templates."""


# --- columns ---


def propose_mapping(kind: str, headings: Sequence[str], remembered: Mapping[str, str]) -> dict[str, str]:
    """Field to heading: as the last list of the kind had it, else by the words of the headings; each heading once."""
    by_words = {fold(heading): heading for heading in reversed(headings)}
    mapping = {name: heading for name, heading in remembered.items() if heading in headings}
    for exact in (True, False):
        for column in COLUMNS[kind]:
            free = {words: heading for words, heading in by_words.items() if heading not in mapping.values()}
            if column.name not in mapping and (found := _heading_for(column, free, exact=exact)):
                mapping[column.name] = found
    return mapping


def _heading_for(column: Column, free: Mapping[str, str], *, exact: bool) -> str | None:
    for synonym in column.synonyms:
        if synonym in free:
            return free[synonym]
    if exact:
        return None
    # « IBAN du fournisseur »: only words that are long enough to mean something stand within others.
    within = (
        heading for synonym in column.synonyms if len(synonym) > 3 for words, heading in free.items() if f" {synonym} " in f" {words} "
    )
    return next(within, None)


def missing_columns(kind: str, mapping: Mapping[str, str]) -> tuple[str, ...]:
    """Fields without which a list of the kind says nothing; of suppliers, at least one thing by which they are known."""
    missing = [column.name for column in COLUMNS[kind] if column.needed and column.name not in mapping]
    known = {"suppliers": ("siren", "vat_id", "number"), "people": ("login", "email")}.get(kind, ())
    if known and not any(name in mapping for name in known):
        missing.append(known[0])
    return tuple(missing)


def read_lines(kind: str, sheet: Sheet, mapping: Mapping[str, str]) -> tuple[Line, ...]:
    """Every line with what is wrong with it."""
    places = {column: sheet.headings.index(mapping[column.name]) for column in COLUMNS[kind] if mapping.get(column.name) in sheet.headings}
    seen = _Seen()
    lines = []
    for number, cells in sheet.rows:
        line = _line_of(kind, number, {column: cells[place] for column, place in places.items()})
        lines.append(line if line.faults else _compared(kind, line, seen))
    return tuple(lines)


def _line_of(kind: str, number: int, cells: Mapping[Column, str]) -> Line:
    values, faults = {}, []
    for column, cell in cells.items():
        if isinstance(cell, Uncalculated):
            faults.append(Fault(number, column.name, "formula", cell))
            continue
        try:
            values[column.name] = column.read(cell) if cell else ""
        except ValueError as error:
            faults.append(Fault(number, column.name, str(error), cell))
        if column.needed and not cell:
            faults.append(Fault(number, column.name, "missing"))
    if not faults:
        faults += _as_a_whole(kind, number, values)
    return Line(number, values, tuple(faults))


def _as_a_whole(kind: str, number: int, values: dict[str, str]) -> Iterable[Fault]:
    """What no cell says alone. A person without a login gets that of their address."""
    vat, siren = values.get("vat_id", ""), values.get("siren", "")
    if vat.startswith("FR") and siren and vat_siren(vat) not in (None, siren):
        yield Fault(number, "vat_id", "vat-other", vat)
    if vat.startswith("FR") and not siren and kind == "suppliers":
        values["siren"] = vat_siren(vat) or ""
    if kind == "suppliers" and not register.key_of(values.get("siren", ""), vat, values.get("number", "")):
        yield Fault(number, "", "unknown")
    if kind == "people":
        if not values.get("login") and values.get("email"):
            values["login"] = _login_from(values["email"])
        if not accounts.LOGIN.fullmatch(values.get("login", "")):
            yield Fault(number, "login", "login", values.get("login", ""))
        if set(values["roles"].split()) & set(EXPIRING) and not values.get("ends"):
            yield Fault(number, "ends", "expiring")
        if values.get("starts") and values.get("ends") and values["ends"] < values["starts"]:
            yield Fault(number, "ends", "days", values["ends"])


def _login_from(email: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", fold(email.split("@", maxsplit=1)[0]).replace(" ", "."))[:40].strip("._-")


def _compared(kind: str, line: Line, seen: _Seen) -> Line:
    """Twice in one list: a supplier may have a second account, everything else is told."""
    key, values = _key_of(kind, line.values), line.values
    fault = _twice(kind, line, key, seen)
    if kind == "suppliers" and values.get("number"):
        same = seen.codes.setdefault(values["number"], {})
        other = next((number for each, number in same.items() if each != key), None)
        fault = fault or (Fault(line.number, "number", "contradicts", str(other)) if other else None)
        same.setdefault(key, line.number)
    email = values.get("email", "") if kind == "people" else ""
    if fault is None and email in seen.emails:
        fault = Fault(line.number, "email", "twice", str(seen.emails[email]))
    if fault is not None:
        return Line(line.number, values, (fault,))
    seen.first.setdefault(key, line)
    seen.ibans.setdefault((key, values.get("iban", "")), line.number)
    if email:
        seen.emails[email] = line.number
    return line


def _twice(kind: str, line: Line, key: str, seen: _Seen) -> Fault | None:
    first = seen.first.get(key)
    if first is None:
        return None
    same = seen.ibans.get((key, line.values.get("iban", ""))) if kind == "suppliers" else first.number
    if same is not None:
        return Fault(line.number, "", "twice", str(same))
    return None if _but_iban(line) == _but_iban(first) else Fault(line.number, "", "contradicts", str(first.number))


def _but_iban(line: Line) -> dict[str, str]:
    return {name: value for name, value in line.values.items() if name != "iban"}


def _key_of(kind: str, values: Mapping[str, str]) -> str:
    if kind == "suppliers":
        return register.key_of(values.get("siren", ""), values.get("vat_id", ""), values.get("number", ""))
    if kind == "payments":
        return f"{kind}:{values.get('number', '')}:{values.get('reference', '')}"
    if kind == "remittances":
        return f"{kind}:" + ":".join(values.get(name, "") for name in ("siren", "number", "reference", "day", "amount"))
    return f"{kind}:{values.get('login' if kind == 'people' else 'number', '')}"


# --- what it would do ---


def plan_import(
    session: Session, entity: str, kind: str, lines: Sequence[Line], by: Person | None = None, today: date | None = None
) -> Plan:
    """Nothing is written. `by`: who imports people; nobody widens their own account. `today`: no payment came later."""
    faults = [fault for line in lines for fault in line.faults]
    good = [line for line in lines if not line.faults]
    planners: dict[str, Callable[[Session, str, Sequence[Line]], _Planned]] = {
        "suppliers": partial(_plan_suppliers, by=by),
        "customers": _plan_customers,
        "invoices": _plan_invoices,
        "payments": partial(_plan_payments, today=today),
        "remittances": partial(_plan_remittances, today=today),
    }
    if kind in planners:
        steps, more, absent = planners[kind](session, entity, good)
    else:
        steps, more, absent = _plan_people(session, good, by)
    return Plan(kind, tuple(steps), tuple(sorted([*faults, *more], key=lambda fault: fault.line)), tuple(absent))


_Planned = tuple[list[Step], list[Fault], list[str]]
SUPPLIER_FIELDS = ("number", "name", "siren", "vat_id", "size", "terms", "email")
CUSTOMER_FIELDS = ("number", "name", "siren", "vat_id", "regime", "language", "address", "contact", "email", "phone", "terms")


def _plan_suppliers(session: Session, entity: str, lines: Sequence[Line], by: Person | None) -> _Planned:
    known = register.all_suppliers(session, entity)
    by_key, by_number = {row.key: row for row in known}, {row.number: row for row in known if row.number}
    ibans = register.all_accounts(session, entity, practice=by is None or by.practice)
    steps, faults, met = [], [], set()
    for line in lines:
        values = line.values
        row = by_key.get(_key_of("suppliers", values))
        namesake = by_number.get(values.get("number", ""))
        if row is None and namesake is not None:
            # The list says more, or something else, of a number that is known: filled up, but never made another company.
            if any(
                getattr(namesake, name) and values.get(name) and getattr(namesake, name) != values[name] for name in ("siren", "vat_id")
            ):
                faults.append(Fault(line.number, "number", "other-company", values["number"]))
                met.add(namesake.id)
                continue
            row = namesake
        # An empty cell is no reason to forget who a supplier is: whoever is known by less could become another company.
        known_by = {name: value for name, value in values.items() if value or name not in ("siren", "vat_id")}
        changes = _changes(known_by, supplier_values(row) if row else {}, SUPPLIER_FIELDS)
        iban = values.get("iban", "")
        if iban and (row is None or iban not in ibans.get(row.id, set())):
            changes.append(("iban", "", iban))
        if row is not None:
            met.add(row.id)
        steps.append(Step(line, _act_of(row, changes), values["name"], tuple(changes), row.id if row else None))
    return steps, faults, [row.name for row in known if row.id not in met]


def _plan_customers(session: Session, entity: str, lines: Sequence[Line]) -> _Planned:
    known = {row.number: row for row in register.all_customers(session, entity)}
    steps = []
    for line in lines:
        row = known.get(line.values["number"])
        values = {**line.values}
        for name, usual in (("regime", "private"), ("language", "fr")):
            if name in values and not values[name]:
                values[name] = usual
        changes = _changes(values, customer_values(row) if row else {}, CUSTOMER_FIELDS)
        steps.append(Step(Line(line.number, values), _act_of(row, changes), values["name"], tuple(changes), row.id if row else None))
    met = {step.row for step in steps}
    return steps, [], [row.name for row in known.values() if row.id not in met]


def _plan_invoices(session: Session, entity: str, lines: Sequence[Line]) -> _Planned:
    """An invoice that was issued does not change: the same number with other values is told."""
    customers = {row.number: row for row in register.all_customers(session, entity)}
    known = receivables.items_by_number(session, entity, (line.values["number"] for line in lines))
    steps, faults = [], []
    for line in lines:
        values, customer = line.values, customers.get(line.values["customer"])
        if customer is None:
            faults.append(Fault(line.number, "customer", "customer-unknown", values["customer"]))
            continue
        issued = date.fromisoformat(values["issued"])
        if not 2000 <= issued.year <= 2100:
            faults.append(Fault(line.number, "issued", "day", values["issued"]))
            continue
        usual = due_date(terms_of(customer), issued)
        values = {**values, "due": values.get("due") or usual.isoformat()}
        if not issued <= date.fromisoformat(values["due"]) <= issued + timedelta(days=366):
            faults.append(Fault(line.number, "due", "due", values["due"]))
            continue
        row = known.get(values["number"])
        if row is not None and issued_of(row) != (customer.id, _cents_of(values["amount"]), values["issued"], values["due"]):
            faults.append(Fault(line.number, "number", "invoice-other", values["number"]))
            continue
        changes = [(name, "", values[name]) for name in ("number", "amount", "issued", "due")] if row is None else []
        step = Step(Line(line.number, {**values, "row": str(customer.id)}), _act_of(row, changes), values["number"], tuple(changes))
        steps.append(replace(step, row=row.id if row else None))
    return steps, faults, []


def _plan_payments(session: Session, entity: str, lines: Sequence[Line], today: date | None) -> _Planned:
    """By invoice and bank reference: what came once is noted once."""
    items = receivables.items_by_number(session, entity, (line.values["number"] for line in lines))
    known = receivables.references_of(session, entity, What.PAYMENT, (row.id for row in items.values()))
    left, steps, faults = _left_open(session, list(items.values()), today), [], []
    for line in lines:
        values, item = line.values, items.get(line.values["number"])
        if item is None:
            faults.append(Fault(line.number, "number", "invoice-unknown", values["number"]))
            continue
        if today is not None and values["day"] > today.isoformat():
            faults.append(Fault(line.number, "day", "day-later", values["day"]))
            continue
        event = known.get((item.id, values["reference"]))
        if event is not None and (event.cents, event.day) != (_cents_of(values["amount"]), values["day"]):
            faults.append(Fault(line.number, "reference", "reference-other", values["reference"]))
            continue
        if event is None:
            if _cents_of(values["amount"]) > left[item.id] and values.get("surplus") != "keep":
                faults.append(Fault(line.number, "amount", "over", values["amount"]))
                continue
            left[item.id] = max(0, left[item.id] - _cents_of(values["amount"]))
        changes = [(name, "", values[name]) for name in ("day", "amount", "reference")] if event is None else []
        steps.append(Step(line, _act_of(event, changes), values["number"], tuple(changes), item.id))
    return steps, faults, []


def _left_open(session: Session, items: Sequence[OpenItem], today: date | None) -> dict[int, int]:
    """Cents that a payment may bring on each item before it is too much."""
    events = receivables.events_by_item(session, [row.id for row in items])
    found = {}
    for row in items:
        standing = standing_of(receivables.item_of(row), events.get(row.id, ()), today or date.max)
        found[row.id] = int((standing.balance + standing.written_off) * 100)
    return found


def _plan_remittances(session: Session, entity: str, lines: Sequence[Line], today: date | None) -> _Planned:
    """What we paid, by the number of the invoice and where needed its supplier; what came before is noted once."""
    steps, faults = [], []
    left: dict[str, Decimal] = {}
    for line in lines:
        found = payables.invoices_numbered(session, entity, line.values["number"], line.values.get("siren", ""))
        if len(found) != 1:
            faults.append(Fault(line.number, "number", "invoice-ambiguous" if found else "invoice-unknown", line.values["number"]))
            continue
        document, payment = found[0], _payment_of(line.values)
        known = payables.is_known(session, document, payment)
        balance = payables.balance_of(session, document)
        rest = left.get(document.id, balance.open if balance.open is not None else payment.amount)
        wrong = payables.wrong_payment(replace(balance, open=rest), payment, today or payment.day)
        if wrong is not None and not known:
            faults.append(Fault(line.number, "day" if wrong == "future" else "amount", f"paid-{wrong}", line.values["amount"]))
            continue
        left[document.id] = rest if known else rest - payment.amount
        changes = [] if known else [(name, "", line.values.get(name, "")) for name in ("day", "amount", "reference")]
        steps.append(Step(line, _act_of(known or None, changes), line.values["number"], tuple(changes), document.id))
    return steps, faults, []


def _payment_of(values: Mapping[str, str]) -> Payment:
    return Payment(payables.PAID, date.fromisoformat(values["day"]), Decimal(values["amount"]), values.get("reference", ""))


def _write_remittances(session: Session, plan: Plan, by: Person | None, at: datetime) -> None:
    for step in plan.steps:
        if step.act == "new":
            document, payment = documents.get_document(session, str(step.row)), _payment_of(step.line.values)
            if payables.note_payment(session, document, payment, by, "list", at, max(payment.day, at.date())) is not None:
                # Somebody else noted a payment since the page was shown: nothing of the list is written.
                raise accounts.Refused("gone")


def _cents_of(amount: str) -> int:
    return int(Decimal(amount) * 100)


def _plan_people(session: Session, lines: Sequence[Line], by: Person | None) -> _Planned:
    """Of an account that is not `by`'s to look after no more is told than the form for one person tells: that it is taken."""
    everybody = people.list_people(session)
    known = [row for row in everybody if groups.may_administer(by, row)]
    mine = {row.pseudonym for row in known}
    by_login = {row.login: row for row in everybody}
    by_email = {row.email: row for row in everybody if row.email}
    steps, faults, met = [], [], set()
    for line in lines:
        values = line.values
        row, holder = by_login.get(values["login"]), by_email.get(values.get("email", ""))
        fault = _taken_fault(line, row, holder, mine)
        if fault is None:
            row = row or holder
            held = people.grants_of(session, row.pseudonym) if row else []
            fault = _person_fault(row, line, by) or _days_fault(line, held)
        if fault is None and row is not None and by is not None and row.pseudonym == by.pseudonym:
            fault = _own_fault(line, held)
        if fault is not None:
            faults.append(fault)
            continue
        changes = _changes(values, {"name": row.name or "", "email": row.email or ""} if row else {}, ("name", "email"))
        before = {grant.role for grant in held}
        roles = set(values["roles"].split()) - before
        if roles:
            changes.append(("roles", " ".join(sorted(before)), " ".join(sorted(before | roles))))
        if row is not None:
            met.add(row.pseudonym)
        steps.append(Step(line, _act_of(row, changes), values["name"], tuple(changes), row.pseudonym if row else None))
    if len(steps) > MOST_PEOPLE:
        faults += [Fault(step.line.number, "", "too-many", str(MOST_PEOPLE)) for step in steps[MOST_PEOPLE:]]
        steps = steps[:MOST_PEOPLE]
    absent = [
        row.name or row.login
        for row in known
        if row.pseudonym not in met and row.ended_at is None and people.grants_of(session, row.pseudonym)
    ]
    return steps, faults, absent


def _taken_fault(line: Line, row: Person | None, holder: Person | None, mine: Collection[str]) -> Fault | None:
    """Login (`row`) or address (`holder`) belong to an account elsewhere, or to two accounts."""
    values = line.values
    if row is not None and row.pseudonym not in mine:
        return Fault(line.number, "login", "taken", values["login"])
    elsewhere = holder is not None and holder.pseudonym not in mine
    if elsewhere or (holder is not None and holder is not row and (row is not None or values["login"] != _login_from(values["email"]))):
        return Fault(line.number, "email", "email-taken", values["email"])
    return None


def _own_fault(line: Line, held: Sequence[PersonRole]) -> Fault | None:
    more = set(line.values["roles"].split()) - {grant.role for grant in held}
    return Fault(line.number, "roles", "own", " ".join(sorted(more))) if more else None


def _days_fault(line: Line, held: Sequence[PersonRole]) -> Fault | None:
    """A role that is held keeps its days; a list that names others is not passed over in silence. An empty cell says nothing."""
    for role in line.values["roles"].split():
        given = [grant for grant in held if grant.role == role]
        for name in ("starts", "ends"):
            day = line.values.get(name)
            if given and day and day not in {getattr(grant, name) for grant in given}:
                return Fault(line.number, name, "role-days", day)
    return None


def _person_fault(row: Person | None, line: Line, by: Person | None) -> Fault | None:
    if row is None:
        return None
    if row.ended_at is not None:
        return Fault(line.number, "login", "ended", row.login)
    if row.practice and by is not None and not by.practice:
        return Fault(line.number, "login", "practice", row.login)
    return None


def _changes(values: Mapping[str, str], before: Mapping[str, str], names: Sequence[str]) -> list[tuple[str, str, str]]:
    """Of the columns that the list has; a list without a column says nothing about it."""
    return [(name, before.get(name, ""), values[name]) for name in names if name in values and values[name] != before.get(name, "")]


def _act_of(row: object | None, changes: Sequence[object]) -> str:
    return "new" if row is None else "changed" if changes else "same"


def supplier_values(row: Supplier) -> dict[str, str]:
    """As a list would say it."""
    terms = "" if row.terms_days is None else f"{row.terms_days} fdm" if row.terms_end_of_month else str(row.terms_days)
    return {name: getattr(row, name) for name in SUPPLIER_FIELDS if name != "terms"} | {"terms": terms}


def customer_values(row: Customer) -> dict[str, str]:
    """As a list would say it."""
    return {name: getattr(row, name) for name in CUSTOMER_FIELDS if name != "terms"} | {"terms": terms_text(row)}


# --- doing it ---


def apply_import(session: Session, run: ImportRun, plan: Plan, by: Person | None, at: datetime) -> dict[str, int]:
    """The good lines are taken over, in one transaction with their ledger entry; returns the counts.

    Accounts of suppliers wait for a second person. People get no password: an administrator makes one, or the company's sign-in lets
    them enter. Raises `station.people.Refused` where a person's line fails after all; nothing is written then.
    """
    if plan.kind in ("invoices", "payments"):
        _write_money(session, run, plan, SYSTEM if by is None else Actor(by.pseudonym, ActorKind.HUMAN), at)
    elif plan.kind == "remittances":
        _write_remittances(session, plan, by, at)
    elif plan.kind == "suppliers":
        _write_suppliers(session, run, plan.steps, _name_of(by), at)
    elif plan.kind == "customers":
        _write_customers(session, run.entity, plan.steps, _name_of(by), at)
    else:
        _write_people(session, Act(run.entity, by, at), plan.steps)
    run.counts, run.done_at = plan.counts, at
    actor = SYSTEM if by is None else Actor(by.pseudonym, ActorKind.HUMAN)
    payload = {"what": "import", "kind": plan.kind, "file": run.sha256, "counts": plan.counts}
    if by is None:
        # Whoever holds the shell of the machine is believed; nobody is named who is not known.
        payload["way"] = "command line"
    append_event(session, Event(run.entity, "register", {}, actor, at, "system", payload))
    return plan.counts


def _name_of(by: Person | None) -> str:
    return "system" if by is None else by.pseudonym


def _write_suppliers(session: Session, run: ImportRun, steps: Sequence[Step], by: str, at: datetime) -> None:
    """Who sent the list had a hand in its accounts, too."""
    hands = [(run.actor, run.at)]
    made: dict[str, Supplier] = {}
    for step in steps:
        if step.act == "same":
            continue
        values = step.line.values
        key = _key_of("suppliers", values)
        row = session.get_one(Supplier, step.row) if step.row else made.get(key)
        if row is None:
            row = made[key] = Supplier(entity=run.entity, key=key, name=values["name"], changed_by=by, changed_at=at, added_at=at)
            row.number = row.siren = row.vat_id = row.size = row.email = ""
            session.add(row)
        _fill(row, {name: after for name, _, after in step.changes if name != "iban"}, by, at)
        key = register.key_of(row.siren, row.vat_id, row.number)
        session.flush()
        if any(name == "terms" for name, _, _ in step.changes):
            deadlines.forget_due(session, row)
        if row.key != key:
            row.key = key
            acts.say_anew(session, row, by, at, hands)
        if values.get("iban"):
            acts.add_account(session, row, values["iban"], by, at, hands)


def _write_customers(session: Session, entity: str, steps: Sequence[Step], by: str, at: datetime) -> None:
    for step in steps:
        if step.act == "same":
            continue
        row = session.get(Customer, step.row) if step.row else None
        if row is None:
            row = Customer(entity=entity, number=step.line.values["number"], name=step.name, regime="private", language="fr")
            row.siren = row.vat_id = row.address = row.contact = row.email = row.phone = ""
            session.add(row)
        _fill(row, {name: after for name, _, after in step.changes}, by, at)
    session.flush()


def _write_money(session: Session, run: ImportRun, plan: Plan, actor: Actor, at: datetime) -> None:
    """Open items or payments, one entry for the list; that of the list itself follows."""
    by, new = By(actor, at, at.date(), "list"), [step for step in plan.steps if step.act == "new"]
    if plan.kind == "payments":
        told = [(int(step.row or 0), step.line.values) for step in new]
        paid = [
            (
                item,
                Noted(
                    What.PAYMENT,
                    date.fromisoformat(values["day"]),
                    _cents_of(values["amount"]),
                    reference=values["reference"],
                    keep=values.get("surplus") == "keep",
                ),
            )
            for item, values in told
        ]
        note_payments(session, run.entity, paid, by)
        return
    issue_many(session, run.entity, ((int(step.line.values["row"]), _issued(step.line.values, run.id)) for step in new), by)


def _issued(values: Mapping[str, str], batch: str) -> Issued:
    issued, due = date.fromisoformat(values["issued"]), date.fromisoformat(values["due"])
    return Issued(values["number"], _cents_of(values["amount"]), issued, due, batch=batch)


def _fill(row: Supplier | Customer, values: Mapping[str, str], by: str, at: datetime) -> None:
    for name, value in values.items():
        if name == "terms" and isinstance(row, Customer):
            put_terms(row, value)
        elif name == "terms" and isinstance(row, Supplier):
            row.terms_days = int(value.split()[0]) if value else None
            row.terms_end_of_month = value.endswith("fdm")
        else:
            setattr(row, name, value)
    row.changed_by, row.changed_at = by, at


def _write_people(session: Session, act: Act, steps: Sequence[Step]) -> None:
    for step in steps:
        if step.act == "same":
            continue
        values = step.line.values
        starts, ends = accounts.read_days(values.get("starts", ""), values.get("ends", ""))
        person = people.find_by_pseudonym(session, str(step.row)) if step.row else None
        if person is None:
            made = accounts.enrol_person(
                session, act, values["login"], values["name"], values.get("email", ""),
                [RoleDays(Role(role), starts, ends) for role in values["roles"].split()],
            )  # fmt: skip
            groups.place_beside(session, act, made)
            continue
        told = {name: after for name, _, after in step.changes}
        accounts.describe_person(session, act, person, told.get("name", person.name or ""), told.get("email", person.email or ""))
        held = {grant.role for grant in people.grants_of(session, person.pseudonym)}
        for role in sorted(set(told.get("roles", "").split()) - held):
            accounts.give_role(session, act, person, RoleDays(Role(role), starts, ends))


# --- the file between two pages ---


@dataclass(frozen=True, slots=True)
class Upload:
    """A list as it was sent, and read: that takes a second, for which nobody who writes need wait."""

    name: str
    data: bytes
    sheet: Sheet


def read_upload(workstation: Workstation, name: str, data: bytes) -> Upload:
    """Raises `station.tabular.Unreadable`."""
    return Upload(name[:200], data, _read_apart(workstation, data))


def _read_apart(workstation: Workstation, data: bytes) -> Sheet:
    """In a confined child of its own: lists come from strangers, too. Raises `station.tabular.Unreadable`."""
    try:
        return work_apart(workstation, read_sheet, SHEET_SECONDS, data)
    except (OverBudget, PoisonPage) as error:
        raise Unreadable("form") from error


def keep_upload(session: Session, workstation: Workstation, entity: str, kind: str, sent: Upload, by: Person | None) -> ImportRun:
    """The list is kept until it is taken over, dropped, or a day old."""
    mapping, data = propose_mapping(kind, sent.sheet.headings, register.last_mapping(session, entity, kind)), sent.data
    run = ImportRun(
        id=uuid4().hex, entity=entity, kind=kind, name=sent.name, sha256=hashlib.sha256(data).hexdigest(), mapping=mapping, counts={},
        actor=_name_of(by), at=workstation.clock(),
    )  # fmt: skip
    path = upload_of(workstation, run)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(data)
    session.add(run)
    session.flush()
    return run


def upload_of(workstation: Workstation, run: ImportRun) -> Path:
    return workstation.home / "imports" / f"{run.id}.list"


def open_upload(workstation: Workstation, run: ImportRun) -> Sheet | None:
    """The list as it was sent; None where it was taken over or dropped meanwhile, or is no longer what was sent."""
    try:
        data = upload_of(workstation, run).read_bytes()
    except FileNotFoundError:
        return None
    return _read_apart(workstation, data) if hashlib.sha256(data).hexdigest() == run.sha256 else None


def drop_uploads(workstation: Workstation, older: float) -> None:
    """Lists that nobody took over: names and accounts do not lie about. `older`: seconds since 1970."""
    folder = workstation.home / "imports"
    for path in folder.glob("*.list") if folder.is_dir() else ():
        if path.stat().st_mtime < older:
            path.unlink(missing_ok=True)


# --- from the machine's own command line ---


def answer_import(
    workstation: Workstation, entity: str, kind: str, file: Path, *, dry: bool, login: str = ""
) -> tuple[Plan, tuple[str, ...]]:
    """`sceau import`: the plan, and the columns that are missing; written unless `dry`, or columns are missing.

    `login`: who brings it, and will not approve its accounts. Raises `station.tabular.Unreadable`, OSError, `station.people.Refused`,
    `station.records.people.NoPerson`.
    """
    sent = read_upload(workstation, file.name, file.read_bytes())
    with workstation.database.reading() as session:
        by = people.named(session, login, practice=workstation.practice) if login else None
        mapping = propose_mapping(kind, sent.sheet.headings, register.last_mapping(session, entity, kind))
    if missing := missing_columns(kind, mapping):
        return Plan(kind), missing
    lines, at = read_lines(kind, sent.sheet, mapping), workstation.clock()
    with workstation.database.writing() as session:
        plan = plan_import(session, entity, kind, lines, by, at.date())
        if not dry:
            run = ImportRun(
                id=uuid4().hex, entity=entity, kind=kind, name=sent.name, sha256=hashlib.sha256(sent.data).hexdigest(), mapping=mapping,
                counts={}, actor=_name_of(by), at=at,
            )  # fmt: skip
            session.add(run)
            apply_import(session, run, plan, by, at)
    return plan, ()
