"""An electronic invoice as fields; and what its page shows otherwise. The XML is the invoice, the page only its picture (L. 102 B LPF).

The table of `ocr.en16931` says where each business term (BT) stands.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import accumulate

from lxml import etree

from capture.catalogue import finding
from capture.findings import Finding
from ocr.amounts import find_amounts
from ocr.dates import find_dates
from ocr.en16931 import PATHS, Node, NoInvoice, Syntax, all_nodes, all_texts, first_text, level_of, parse_xml, plain_text, syntax_of
from ocr.identifiers import vat_siren
from ocr.layout import lay_out
from ocr.text import PageText
from ocr.values import Field, LineItem, Source, Value, VatLine, plain_value

MAX_LINES = 10_000
"""Lines of the invoice that are read; there are no more in real ones."""
PRICE_DIGITS = Decimal("0.000001")
"""A unit price has six decimals at most (BR-FR-DEC-02)."""


@dataclass(frozen=True, slots=True)
class Structured:
    """What an electronic invoice says."""

    syntax: Syntax
    guideline: str | None
    """BT-24 as it stands."""
    name: str
    """As a person calls it: Factur-X EN 16931, ZUGFeRD 1 COMFORT, UBL Invoice."""
    frame: str | None
    """BT-23."""
    fields: dict[str, Field]
    """By the names of `ocr.values.NAMES`; confidence 1, no page."""
    troubles: tuple[str, ...] = ()
    """Values that are none: « BT-2: 20241345 »."""


def read_invoice(xml: bytes, *, attached: bool = False) -> Structured:
    """The fields of one invoice; `attached`: it came inside a PDF, so that its CII is called Factur-X. Raises NoInvoice."""
    root = parse_xml(xml)
    syntax = syntax_of(root)
    if syntax is None:
        raise NoInvoice("not-invoice", etree.QName(root).localname[:80])
    guideline = first_text(root, syntax, PATHS["BT-24"])
    name = _format_name(syntax, guideline, attached)
    reader = _Reader(root, syntax, name)
    fields = reader.fields()
    return Structured(syntax, guideline, name, first_text(root, syntax, PATHS["BT-23"]), fields, tuple(reader.troubles))


def _format_name(syntax: Syntax, guideline: str | None, attached: bool) -> str:
    factur_x = attached or "factur-x" in (guideline or "").casefold()
    families = {
        Syntax.CII: "Factur-X" if factur_x else "CII",
        Syntax.ZUGFERD_1: "ZUGFeRD 1",
        Syntax.UBL_INVOICE: "UBL Invoice",
        Syntax.UBL_CREDIT_NOTE: "UBL CreditNote",
    }
    return f"{families[syntax]} {level_of(guideline)}".strip()


# --- the page beside the XML ---

COMPARED = (
    "invoice_number",
    "issue_date",
    "total_net",
    "total_tax",
    "total_gross",
    "amount_due",
    "iban",
    "supplier_siren",
    "supplier_vat_id",
    "currency",
)
"""What a clerk is told of where page and XML say different things."""


def merge(structured: Structured, read: Mapping[str, Field]) -> dict[str, Field]:
    """The XML's values; where the page says the same they have its place, where it says another it is told among the alternatives.

    What the XML is silent about is the page's.
    """
    return {**read, **told_by_xml(structured, read)}


def told_by_xml(structured: Structured | None, read: Mapping[str, Field]) -> dict[str, Field]:
    """The XML's values alone, with the places at which the page shows them; empty where there is no XML."""
    return {name: _placed(field, read.get(name)) for name, field in structured.fields.items()} if structured else {}


def differences(structured: Structured, read: Mapping[str, Field], pages: Sequence[PageText]) -> tuple[Finding, ...]:
    """`structured-differs` for each value of `COMPARED` that the page shows otherwise; measured: the page's, limit: the XML's.

    Nothing is said where the page does not show the value, and nothing where the reading only took another value of the same invoice:
    that of the XML is printed too; and an amount is another of its amounts, read where net and tax did not make the gross.
    """
    pairs = [(structured.fields[name], read[name]) for name in COMPARED if name in structured.fields and name in read]
    apart = [(ours, seen) for ours, seen in pairs if seen.source is Source.READ and not same_value(ours.value, seen.value)]
    if not apart:
        return ()
    shown, known, sound = _Shown(pages), set(_amounts_of(structured.fields)), _adds_up(read)

    def is_told(ours: Value, seen: Value) -> bool:
        foreign = isinstance(seen, Decimal) and abs(seen) not in known
        return foreign or (not shown.has(ours) and (sound or not isinstance(seen, Decimal)))

    return tuple(
        finding("structured-differs", page=seen.page or None, measured=_told(seen), limit=_told(ours))
        for ours, seen in apart
        if is_told(ours.value, seen.value)
    )


def _adds_up(read: Mapping[str, Field]) -> bool:
    net, tax, gross = (read[name].value if name in read else None for name in ("total_net", "total_tax", "total_gross"))
    return isinstance(net, Decimal) and isinstance(tax, Decimal) and net + tax == gross


def _placed(field: Field, seen: Field | None) -> Field:
    if seen is None:
        return field
    if same_value(field.value, seen.value):
        return replace(field, raw=seen.raw or field.raw, page=seen.page, box=seen.box, words=seen.words)
    if isinstance(seen.value, tuple):
        return field
    return replace(field, alternatives=(*field.alternatives, str(plain_value(seen.value))))


def same_value(ours: Value, theirs: Value) -> bool:
    """A credit note may be printed with a minus; a reference with blanks, strokes or in small letters."""
    if isinstance(ours, Decimal) and isinstance(theirs, Decimal):
        return abs(ours) == abs(theirs)
    if isinstance(ours, str) and isinstance(theirs, str):
        return _bare(ours) == _bare(theirs)
    return ours == theirs


def _told(field: Field) -> str:
    return f"{field.name} {plain_value(field.value)}"


def _bare(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _amounts_of(fields: Mapping[str, Field]) -> Iterator[Decimal]:
    """Every amount that the XML knows, without its sign."""
    for field in fields.values():
        match field.value:
            case Decimal():
                yield abs(field.value)
            case tuple():
                for row in field.value:
                    yield from (abs(each) for each in _row_amounts(row) if each is not None)


def _row_amounts(row: VatLine | LineItem) -> Iterable[Decimal | None]:
    return (row.base, row.tax, row.base + row.tax) if isinstance(row, VatLine) else (row.net, row.unit_price)


TOGETHER = 8
"""Signs of a text from which it counts as shown where it is printed in groups with blanks between them."""


class _Shown:
    """What is printed anywhere on the pages."""

    def __init__(self, pages: Sequence[PageText]) -> None:
        sheets = lay_out(pages)
        self._dates = {day.value for sheet in sheets for day in find_dates(sheet)}
        self._amounts = {abs(amount.value) for sheet in sheets for amount in find_amounts(sheet)}
        words = [word for page in pages for word in page.text.casefold().split()]
        self._words = [parts for word in words if (parts := re.findall(r"[^\W_]+", word))]
        self._text = "".join(part for word in self._words for part in word)
        self._edges = {0, *accumulate(len(part) for word in self._words for part in word)}

    def has(self, value: Value) -> bool:
        match value:
            case date():
                return value in self._dates
            case Decimal():
                return abs(value) in self._amounts
        return self._has_text(_bare(str(value)))

    def _has_text(self, wanted: str) -> bool:
        """From the edge of a word to the edge of one; what is short stands in one word, for two neighbours may look like anything.

        A SIREN is shown by the SIRET that begins with it, and by the VAT number that ends in it; a currency stands right behind an amount.
        """
        if len(wanted) < TOGETHER:
            return any(_is_part(parts, wanted) for parts in self._words)
        siren, at = len(wanted) == 9 and wanted.isdigit(), -1
        while (at := self._text.find(wanted, at + 1)) >= 0:
            edges = (at in self._edges, at + len(wanted) in self._edges)
            if all(edges) or (siren and any(edges)):
                return True
        return False


def _is_part(parts: Sequence[str], wanted: str) -> bool:
    """Whether it is some of a word's parts, which strokes and points divide."""
    text = "".join(parts)
    if wanted not in text:
        return False
    if wanted.isalpha():
        return any(wanted == part.strip("0123456789") for part in parts)
    edges = {0, *accumulate(map(len, parts))}
    return any(at in edges and at + len(wanted) in edges for at in range(len(text)) if text.startswith(wanted, at))


# --- how a text is understood ---


def to_amount(text: str) -> Decimal:
    """Decimal of XML Schema, which has no exponent. Raises ValueError."""
    if not re.fullmatch(r"[+-]?\d{0,18}(\.\d{0,12})?", text) or not re.search(r"\d", text):
        raise ValueError(text)
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error


def to_date(text: str) -> date:
    """CCYYMMDD (UN/EDIFACT 2379 format 102), or ISO 8601 with or without time and zone. Raises ValueError."""
    digits = re.fullmatch(r"(\d{4})-?(\d{2})-?(\d{2})(?:T.*|[Z+-].*)?", text)
    if digits is None:
        raise ValueError(text)
    return date(int(digits[1]), int(digits[2]), int(digits[3]))


def to_siren(text: str) -> str:
    """Nine digits, of a SIRET the first nine. Raises ValueError."""
    digits = re.sub(r"\s", "", text)
    if not re.fullmatch(r"\d{9}|\d{14}", digits):
        raise ValueError(text)
    return digits[:9]


def to_siret(text: str) -> str:
    digits = re.sub(r"\s", "", text)
    if not re.fullmatch(r"\d{14}", digits):
        raise ValueError(text)
    return digits


def to_code(text: str) -> str:
    """Without blanks, in capitals: VAT numbers, BIC, currencies."""
    return re.sub(r"[\s.-]", "", text).upper()


def to_iban(text: str) -> str:
    """Raises ValueError where it is another kind of account."""
    iban = to_code(text)
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}", iban):
        raise ValueError(text)
    return iban


def to_reference(text: str) -> str:
    """Raises ValueError for what only fills an element that a network wants filled."""
    if text.upper() in ("NA", "N/A", "-", "."):
        raise ValueError(text)
    return text


@dataclass(frozen=True, slots=True)
class Term:
    """One field, the business term that holds it, and how its text is understood."""

    field: str
    term: str
    understand: Callable[[str], Value] = str
    picky: bool = False
    """Whether a text that is no such value is no fault of the invoice: the place may hold something else."""


TERMS = (
    Term("document_type_code", "BT-3"),
    Term("invoice_number", "BT-1"),
    Term("issue_date", "BT-2", to_date),
    Term("due_date", "BT-9", to_date),
    Term("delivery_date", "BT-72", to_date),
    Term("supplier_name", "BT-27"),
    Term("supplier_siren", "BT-30", to_siren, picky=True),
    Term("supplier_siret", "BT-29", to_siret, picky=True),
    Term("supplier_vat_id", "BT-31", to_code),
    Term("buyer_name", "BT-44"),
    Term("buyer_siren", "BT-47", to_siren, picky=True),
    Term("order_reference", "BT-13", to_reference, picky=True),
    Term("contract_reference", "BT-12", to_reference, picky=True),
    Term("market_reference", "BT-17", to_reference, picky=True),
    Term("currency", "BT-5", to_code),
    Term("total_net", "BT-109", to_amount),
    Term("total_gross", "BT-112", to_amount),
    Term("paid_amount", "BT-113", to_amount),
    Term("amount_due", "BT-115", to_amount),
    Term("iban", "BT-84", to_iban, picky=True),
    Term("bic", "BT-86", to_code),
    Term("payment_terms", "BT-20"),
)
"""Fields of one value at one place; `_Reader` adds those that hang on others."""
CHORUS_FRAME = re.compile(r"A\d{1,2}")
"""BT-23 of an invoice for Chorus Pro: there BT-13 is the commitment, BT-10 the service, BT-12 the contract of the market."""


class _Reader:
    """One invoice on its way into fields; what is no value is noted and left out."""

    def __init__(self, root: Node, syntax: Syntax, name: str) -> None:
        self.troubles: list[str] = []
        self._root, self._syntax, self._name = root, syntax, name

    def fields(self) -> dict[str, Field]:
        told = {term.field: found for term in TERMS if (found := self._field(term)) is not None}
        if "document_type_code" not in told and self._syntax is Syntax.UBL_CREDIT_NOTE:
            told["document_type_code"] = self._made("document_type_code", "381", "", "CreditNote")
        currency = told["currency"].raw if "currency" in told else None
        if (tax := self._tax(currency)) is not None:
            told["total_tax"] = self._made("total_tax", tax, str(tax), "BT-110")
        told |= self._siren_from_vat(told) | self._chorus(told)
        if vat := self._vat_lines(currency):
            told["vat_breakdown"] = self._made("vat_breakdown", vat, "", "BG-23")
        if lines := self._lines():
            told["lines"] = self._made("lines", lines, "", "BG-25")
        return told

    def _field(self, term: Term) -> Field | None:
        found: list[tuple[Value, str]] = []
        for text in all_texts(self._root, self._syntax, PATHS[term.term]):
            value = self._understood(term, text)
            if value is not None and value not in [each for each, _ in found]:
                found.append((value, text))
            if len(found) == 10:
                break
        if not found:
            return None
        several = term.field in ("iban", "due_date")
        others = tuple(text for _, text in found[1:]) if several else ()
        return self._made(term.field, *found[0], term.term, others)

    def _understood(self, term: Term, text: str) -> Value | None:
        try:
            return term.understand(text)
        except ValueError:
            if not term.picky:
                self._note(term.term, text)
            return None

    def _note(self, term: str, text: str) -> None:
        if len(self.troubles) < 20:
            self.troubles.append(f"{term}: {text[:80]}")

    def _made(self, name: str, value: Value, raw: str, term: str, others: tuple[str, ...] = ()) -> Field:
        return Field(name, value, raw, 0, None, 1.0, f"{term}, {self._name}", source=Source.XML, alternatives=others)

    def _tax(self, currency: str | None) -> Decimal | None:
        """BT-110: that of the invoice's currency; the other one is BT-111."""
        found = list(all_nodes(self._root, self._syntax, PATHS["BT-110"]))
        fitting = [node for node in found if node.get("currencyID") in (None, currency)] or found
        return self._amount(fitting[0], "BT-110") if fitting else None

    def _siren_from_vat(self, told: dict[str, Field]) -> dict[str, Field]:
        """A French VAT number ends in the SIREN (art. 286 ter CGI; BOI-TVA-DECLA-20-10); one of Monaco does not."""
        vat = told.get("supplier_vat_id")
        siren = vat_siren(str(vat.value)) if vat is not None else None
        if "supplier_siren" in told or vat is None or siren is None:
            return {}
        return {"supplier_siren": self._made("supplier_siren", siren, vat.raw, "BT-31")}

    def _chorus(self, told: dict[str, Field]) -> dict[str, Field]:
        if not CHORUS_FRAME.fullmatch(first_text(self._root, self._syntax, PATHS["BT-23"]) or ""):
            return {}
        same = (("engagement_number", "BT-13"), ("service_code", "BT-10"), ("market_reference", "BT-12"))
        fields = {name: self._field(Term(name, term, to_reference, picky=True)) for name, term in same}
        return {name: field for name, field in fields.items() if field is not None and name not in told}

    def _vat_lines(self, currency: str | None) -> tuple[VatLine, ...]:
        lines = []
        for row in list(all_nodes(self._root, self._syntax, PATHS["BG-23"]))[:100]:
            base, tax = (self._first(row, term) for term in ("BT-116", "BT-117"))
            if base is None or tax is None or base.get("currencyID") not in (None, currency):
                continue
            taxed, due, rate = self._amount(base, "BT-116"), self._amount(tax, "BT-117"), self._number(row, "BT-119")
            if taxed is None or due is None or (rate is None and due):
                continue
            lines.append(VatLine(rate or Decimal(0), taxed, due))  # Outside the scope of VAT there is no rate.
        return tuple(lines)

    def _lines(self) -> tuple[LineItem, ...]:
        rows = list(all_nodes(self._root, self._syntax, PATHS["BG-25"]))
        if len(rows) > MAX_LINES:
            self._note("BG-25", f"{len(rows)} > {MAX_LINES}")
        return tuple(line for row in rows[:MAX_LINES] if (line := self._line(row)) is not None)

    def _line(self, row: Node) -> LineItem | None:
        """None for a line that sells nothing: a text between the lines, or the sum of a group."""
        kind = first_text(row, self._syntax, PATHS["BT-X-8"])
        net, quantity = self._number(row, "BT-131"), self._number(row, "BT-129")
        if kind in ("GROUP", "INFORMATION") or (net is None and quantity is None):
            return None
        words = first_text(row, self._syntax, PATHS["BT-153"]) or first_text(row, self._syntax, PATHS["BT-154"]) or ""
        return LineItem(words, quantity, self._price(row), net, self._number(row, "BT-152"))

    def _price(self, row: Node) -> Decimal | None:
        """Of one unit: BT-146 is that of BT-149 units."""
        price, per = self._number(row, "BT-146"), self._number(row, "BT-149")
        if price is None:
            return None
        try:
            return (price / per if per else price).quantize(PRICE_DIGITS).normalize()
        except InvalidOperation:
            return price  # More digits than Decimal keeps: no price of this world.

    def _first(self, row: Node, term: str) -> Node | None:
        return next(all_nodes(row, self._syntax, PATHS[term]), None)

    def _number(self, row: Node, term: str) -> Decimal | None:
        node = self._first(row, term)
        return None if node is None else self._amount(node, term)

    def _amount(self, node: Node, term: str) -> Decimal | None:
        text = plain_text(node)
        try:
            return to_amount(text)
        except ValueError:
            self._note(term, text)
            return None
