"""Entries of the purchase journal from approved invoices, and the file in which an accounting program takes them: debit equals credit.

Values in, values out. What does not add up, has no amount or is in another currency makes no entry: it is told, never guessed.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any, TypeAlias

NOTHING = Decimal("0.00")
CENT = Decimal("0.01")
EURO = "EUR"


@dataclass(frozen=True, slots=True)
class VatShare:
    """One rate of an invoice."""

    rate: str
    """Per cent, canonical: « 20 », « 5.5 »; empty where it is not known."""
    base: Decimal | None
    tax: Decimal


class Treatment(StrEnum):
    """What a person decided of a tax that is not entered unasked."""

    COST = "cost"
    """Not deductible here: part of the expense."""
    DEDUCT = "deduct"
    """Deductible, though its rate is not known; never of a foreign tax."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """The rate of one day, as a person gave it with its source; nothing is looked up and nothing guessed."""

    currency: str
    rate: Decimal
    """Units of the currency for one euro."""
    day: date
    source: str

    def euros(self, amount: Decimal) -> Decimal:
        """To the cent, half a cent up (art. 5, Regulation (EC) 1103/97)."""
        return (amount / self.rate).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Bill:
    """What of an invoice goes into the accounts."""

    document: str
    supplier: str
    key: str = ""
    """Of the register of suppliers: « siren:732829320 »."""
    auxiliary: str = ""
    """The supplier's number in the house's accounts."""
    number: str = ""
    issued: date | None = None
    due: date | None = None
    gross: Decimal | None = None
    """With tax; of a credit note as it is printed, whatever its sign."""
    net: Decimal | None = None
    tax: Decimal | None = None
    vat: tuple[VatShare, ...] = ()
    currency: str = EURO
    credit: bool = False
    """A credit note."""
    sealed: str = ""
    """SHA-256 of the sealed file."""
    own: bool = False
    """We are the seller: it belongs in another journal."""
    rates: frozenset[str] | None = None
    """Rates of French VAT on its day; None: nobody said which."""
    abroad: bool = False
    """The seller's VAT number is of another country: its tax is that country's, whatever the rate."""
    contradiction: str = ""
    """Which of its sums contradict one another, or the page: checks, page; empty: none."""
    conversion: Conversion | None = None
    treatment: Treatment | None = None
    vouched: bool = False
    """A second person stands for sums that contradict one another."""


class Trouble(StrEnum):
    """Why an invoice makes no entry yet."""

    AMOUNT = "amount"
    """No amount with tax was read."""
    NOTHING = "nothing"
    """Its amount is nothing: there is nothing to enter."""
    CURRENCY = "currency"
    """Another one, and nobody gave its rate."""
    NO_CURRENCY = "no-currency"
    """None was read, and none is guessed."""
    ABROAD = "abroad"
    """VAT of another country, which no French return deducts (art. 271 CGI), or of a rate that is none in France."""
    UNRATED = "unrated"
    """A tax of which the rate is not known."""
    CONTRADICTED = "contradicted"
    """The sums contradict the page, the lines of tax, or one another; a second person has to stand for them."""
    SUMS = "sums"
    """Amounts without tax and taxes do not make up the amount with tax."""
    NUMBER = "number"
    """Without its number and date no entry names its paper (A. 47 A-1 LPF: PieceRef, PieceDate)."""
    DATE = "date"
    OWN = "own"


FORMATS: Mapping[str, str] = {"compact": "%Y%m%d", "french": "%d/%m/%Y", "iso": "%Y-%m-%d"}
SEPARATORS: Mapping[str, str] = {"semicolon": ";", "comma": ",", "tab": "\t", "bar": "|"}
ENCODINGS: Mapping[str, str] = {"utf-8": "utf-8", "utf-8-bom": "utf-8-sig", "latin-9": "iso8859-15", "windows": "cp1252"}
FEC: tuple[tuple[str, str], ...] = (
    ("journal", "JournalCode"), ("journal-label", "JournalLib"), ("entry", "EcritureNum"), ("day", "EcritureDate"),
    ("account", "CompteNum"), ("account-label", "CompteLib"), ("auxiliary", "CompAuxNum"), ("auxiliary-label", "CompAuxLib"),
    ("reference", "PieceRef"), ("reference-day", "PieceDate"), ("label", "EcritureLib"), ("debit", "Debit"), ("credit", "Credit"),
    ("lettering", "EcritureLet"), ("lettering-day", "DateLet"), ("valid-day", "ValidDate"), ("foreign-amount", "Montantdevise"),
    ("foreign-currency", "Idevise"),
)  # fmt: skip
"""The eighteen fields of art. A. 47 A-1 VII LPF, in their order."""
SIMPLE: tuple[tuple[str, str], ...] = (
    ("journal", "Journal"), ("entry", "Écriture"), ("day", "Date"), ("account", "Compte"), ("auxiliary", "Auxiliaire"),
    ("reference", "Pièce"),
    ("label", "Libellé"), ("debit", "Débit"), ("credit", "Crédit"), ("due", "Échéance"),
)  # fmt: skip
FIELDS: tuple[str, ...] = (*(name for name, _ in FEC), "due", "rate", "side", "amount", "batch", "document", "sealed")
"""Every column that a file may have."""
TEXTS = frozenset({"journal-label", "account-label", "auxiliary", "auxiliary-label", "reference", "label", "journal"})
"""Columns that hold what others wrote: a spreadsheet must not compute them."""
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the house enters what it buys; one version of it is kept for each batch."""

    journal: str = "AC"
    journal_label: str = "Achats"
    supplier_account: str = "401000"
    supplier_label: str = "Fournisseurs"
    expense_account: str = "471000"
    """Where nothing else is said of a supplier: a suspense account, for the nature of an expense is not guessed."""
    expense_label: str = "Compte d'attente"
    vat_account: str = "445660"
    """Of every rate that has none of its own."""
    vat_label: str = "TVA déductible"
    vat: Mapping[str, str] = field(default_factory=dict)
    """Rate → account."""
    expenses: Mapping[str, str] = field(default_factory=dict)
    """Supplier (key of the register) → account."""
    auxiliaries: Mapping[str, str] = field(default_factory=dict)
    """Supplier → its account in the house's books, where the register has none."""
    columns: tuple[tuple[str, str], ...] = SIMPLE
    """Field and heading, in their order."""
    separator: str = "semicolon"
    encoding: str = "utf-8-bom"
    days: str = "french"
    decimal: str = ","
    entry_day: str = "invoice"
    """invoice, batch: which day an entry bears."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"columns": [list(each) for each in self.columns]}

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def plan_from(told: Mapping[str, Any]) -> Plan:
    """A plan as it was kept; what it does not name is as shipped."""
    known = {name: told[name] for name in Plan.__slots__ if name in told}
    if "columns" in known:
        known["columns"] = tuple((str(name), str(heading)) for name, heading in known["columns"])
    return Plan(**known)


FEC_PLAN = {"columns": FEC, "separator": "tab", "encoding": "utf-8", "days": "compact", "decimal": ","}
"""What the preset of the FEC sets (A. 47 A-1 XII LPF)."""
SIMPLE_PLAN = {"columns": SIMPLE, "separator": "semicolon", "encoding": "utf-8-bom", "days": "french", "decimal": ","}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an entry; exactly one of debit and credit is more than nothing."""

    account: str
    account_label: str
    auxiliary: str
    auxiliary_label: str
    label: str
    debit: Decimal
    credit: Decimal
    rate: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One invoice in the journal."""

    bill: Bill
    lines: tuple[Line, ...]

    @property
    def debit(self) -> Decimal:
        return sum((line.debit for line in self.lines), NOTHING)

    @property
    def credit(self) -> Decimal:
        return sum((line.credit for line in self.lines), NOTHING)

    @property
    def gross(self) -> Decimal:
        """What the supplier is owed by it; less than nothing of a credit note."""
        last = self.lines[-1]
        return last.credit - last.debit


def entry_of(bill: Bill, plan: Plan) -> Entry | Trouble:
    """Expense, taxes by rate, supplier; a credit note the other way round. The supplier's line is the last. In euros: of another
    currency by the rate that a person gave."""
    trouble = _trouble_of(bill)
    if trouble is not None or bill.gross is None:
        return trouble or Trouble.AMOUNT
    shares = _shares(bill, bill.gross)
    if shares is None:
        return Trouble.SUMS
    if _contradicts(bill) and not bill.vouched:
        return Trouble.CONTRADICTED
    judged = _judged(bill, plan, *shares)
    if isinstance(judged, Trouble):
        return judged
    net, taxes = judged
    gross = bill.gross
    if bill.conversion is not None and bill.currency != EURO:
        gross = bill.conversion.euros(gross)
        taxes = tuple(replace(share, tax=bill.conversion.euros(share.tax)) for share in taxes)
        # What rounding leaves is in the expense: the supplier is owed the amount converted as a whole.
        net = gross - sum((share.tax for share in taxes), NOTHING)
        if gross == 0:
            return Trouble.NOTHING
    return Entry(bill, _lines(bill, plan, gross, net, taxes))


def _lines(bill: Bill, plan: Plan, gross: Decimal, net: Decimal, taxes: tuple[VatShare, ...]) -> tuple[Line, ...]:
    sign = -1 if gross < 0 else 1
    turned = bill.credit or gross < 0
    auxiliary = plan.auxiliaries.get(bill.key) or bill.auxiliary
    label = " ".join(f"{bill.supplier} {bill.number}".split())[:200]

    def line(amount: Decimal, account: str, words: str, rate: str = "", *, owed: bool = False) -> Line:
        debit = (amount >= 0) ^ turned ^ owed
        there = abs(amount).quantize(CENT)
        side = (there, NOTHING) if debit else (NOTHING, there)
        return Line(account, words, auxiliary if owed else "", bill.supplier if owed and auxiliary else "", label, *side, rate)

    expense = plan.expenses.get(bill.key)
    lines = (
        [line(sign * net, expense or plan.expense_account, plan.expense_label if expense is None else plan.journal_label)] if net else []
    )
    lines += [
        line(sign * share.tax, plan.vat.get(share.rate, plan.vat_account), f"{plan.vat_label} {_rate_words(share.rate)}", share.rate)
        for share in taxes
        if share.tax
    ]
    return (*lines, line(sign * gross, plan.supplier_account, plan.supplier_label, owed=True))


def _rate_words(rate: str) -> str:
    """« 5,5 % », as a French journal writes it."""
    return f"{rate.replace('.', ',')} %" if rate else "(taux non lu)"


def _trouble_of(bill: Bill) -> Trouble | None:
    if bill.own:
        return Trouble.OWN
    if bill.currency != EURO and (bill.conversion is None or bill.conversion.currency != bill.currency):
        return Trouble.CURRENCY if bill.currency else Trouble.NO_CURRENCY
    if bill.gross is None:
        return Trouble.AMOUNT
    if bill.gross == 0:
        return Trouble.NOTHING
    if not bill.number:
        return Trouble.NUMBER
    return Trouble.DATE if bill.issued is None else None


def _contradicts(bill: Bill) -> bool:
    """Whether a check said so, or the lines of tax and the totals are more than a cent a line apart: that much is rounding."""
    if bill.contradiction or bill.gross is None:
        return bool(bill.contradiction)
    leeway, taxes = CENT * max(1, len(bill.vat)), sum((share.tax for share in bill.vat), NOTHING)
    apart = [abs(bill.net + bill.tax - bill.gross)] if bill.net is not None and bill.tax is not None else []
    if bill.vat and bill.tax is not None:
        apart.append(abs(taxes - bill.tax))
    bases = [share.base for share in bill.vat if share.base is not None]
    if bill.vat and len(bases) == len(bill.vat):
        apart.append(abs(sum(bases, NOTHING) + taxes - bill.gross))
    return any(gap > leeway for gap in apart)


def _judged(bill: Bill, plan: Plan, net: Decimal, taxes: tuple[VatShare, ...]) -> tuple[Decimal, tuple[VatShare, ...]] | Trouble:
    """Each tax with its rate, or joined to the expense by a person's word; else why it is not entered."""
    taxes = tuple(
        replace(share, rate=share.rate or _only_rate(bill, share.base if share.base is not None else net, share)) for share in taxes
    )
    due = [share for share in taxes if share.tax]
    if bill.treatment is Treatment.COST:
        return net + sum((share.tax for share in due), NOTHING), ()
    # A house that gave a rate an account of its own has decided where it goes; of another country's tax its rate says nothing.
    odd = [share for share in due if share.rate and bill.rates is not None and share.rate not in bill.rates | plan.vat.keys()]
    if odd or (bill.abroad and due):
        return Trouble.ABROAD
    if any(not share.rate for share in due) and bill.treatment is not Treatment.DEDUCT:
        return Trouble.UNRATED
    return net, taxes


def _only_rate(bill: Bill, base: Decimal, share: VatShare) -> str:
    """The rate of French VAT that makes this tax of this base to the cent, where exactly one does and it is the invoice's only tax."""
    if not bill.rates or len(bill.vat) > 1 or not base or not share.tax:
        return ""
    fits = [each for each in sorted(bill.rates) if abs(base * Decimal(each) / 100 - share.tax) < CENT]
    return fits[0] if len(fits) == 1 else ""


def _shares(bill: Bill, gross: Decimal) -> tuple[Decimal, tuple[VatShare, ...]] | None:
    """What is without tax and the taxes, where they make up the gross to the cent; None where nothing that was read does."""
    bases = [share.base for share in bill.vat]
    taxes = sum((share.tax for share in bill.vat), NOTHING)
    known = [base for base in bases if base is not None]
    cents = all(each == each.quantize(CENT) for each in (gross, *known, *(share.tax for share in bill.vat)))
    if bill.vat and cents and len(known) == len(bases) and sum(known, NOTHING) + taxes == gross:
        return sum(known, NOTHING), bill.vat
    tax = bill.tax if bill.tax is not None else taxes if bill.vat else NOTHING if bill.net == gross else None
    if tax is None:
        return None
    net = bill.net if bill.net is not None else gross - tax
    if net + tax != gross or tax != tax.quantize(CENT) or gross != gross.quantize(CENT):
        return None
    if bill.vat and cents and taxes == tax:
        return net, bill.vat
    if len(bill.vat) == 1 and abs(taxes - tax) <= CENT:
        return net, (VatShare(bill.vat[0].rate, None, tax),)
    return net, (VatShare("", None, tax),)


def totals_of(entries: Iterable[Entry]) -> tuple[Decimal, Decimal]:
    """Debit and credit."""
    listed = list(entries)
    return sum((each.debit for each in listed), NOTHING), sum((each.credit for each in listed), NOTHING)


def entry_order(bill: Bill) -> tuple[str, str, str, str]:
    """Oldest paper first; the same set is always in the same order."""
    return bill.issued.isoformat() if bill.issued else "", bill.supplier, bill.number, bill.document


Cells: TypeAlias = Mapping[str, str | date | None]
"""One line of the file by field: days as such, amounts with a point."""


def write_file(rows: Sequence[Cells], plan: Plan) -> bytes:
    """The same rows and plan give the same bytes. No value holds the separator, a quotation mark or a line end: no cell needs quoting."""
    separator = SEPARATORS[plan.separator]
    lines = [separator.join(_plain(heading, separator) for _, heading in plan.columns)]
    lines += [separator.join(_cell(name, row.get(name), plan, separator) for name, _ in plan.columns) for row in rows]
    return _coded("\r\n".join(lines) + "\r\n", ENCODINGS[plan.encoding])


def _cell(name: str, value: str | date | None, plan: Plan, separator: str) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, date):
        return value.strftime(FORMATS[plan.days])
    if name in ("debit", "credit", "amount", "rate"):
        text = value.replace(".", plan.decimal)
        # A comma as decimal sign and as separator: the point stays.
        return value if plan.decimal == separator else text
    text = _plain(value, separator)
    return f"'{text}" if name in TEXTS and text.startswith(_FORMULA) else text


def _plain(text: str, separator: str) -> str:
    for sign in (separator, '"', "\r", "\n", "\t", "\x00"):
        text = text.replace(sign, " ")
    return " ".join(text.split())


def _coded(text: str, encoding: str) -> bytes:
    """What the encoding does not have is written by its nearest plain letter, else as a question mark."""
    if encoding.startswith("utf"):
        return text.encode(encoding)
    return b"".join(_letter(each, encoding) for each in text)


def _letter(sign: str, encoding: str) -> bytes:
    try:
        return sign.encode(encoding)
    except UnicodeEncodeError:
        plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore")
        return plain or b"?"
