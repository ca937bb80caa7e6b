"""One invoice on its way to paper: it says every value in one chosen manner, and remembers what it has shown."""

import random
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from html import escape
from types import ModuleType
from typing import Any

from .content import Invoice, Row
from .identities import Account, Party

NBSP = "\N{NO-BREAK SPACE}"
NUMBER_FORMS = {
    "fr": ((" ", ","), (" ", ","), ("", ","), (".", ","), (" ", "."), ("", ".")),
    "de": ((".", ","), (".", ","), ("", ",")),
    "nl": ((".", ","), (".", ","), ("", ",")),
    "en": ((",", "."), (",", "."), ("", ".")),
}
"""Separator of thousands, decimal sign."""
DATE_FORMS = {
    "fr": ("{d:02d}/{m:02d}/{Y}",) * 6
    + (
        "{d} {month} {Y}",
        "{d:02d}/{m:02d}/{y:02d}",
        "{d:02d}.{m:02d}.{Y}",
        "{d:02d}-{m:02d}-{Y}",
        "{d} {MONTH} {Y}",
        "{Y}-{m:02d}-{d:02d}",
        "{d:02d} {abbr} {Y}",
        "{nth} {month} {Y}",
    ),
    "de": ("{d:02d}.{m:02d}.{Y}",) * 6
    + ("{d}. {month} {Y}", "{d:02d}.{m:02d}.{y:02d}", "{d}.{m}.{Y}", "{Y}-{m:02d}-{d:02d}", "{d:02d}. {abbr} {Y}", "{d:02d}/{m:02d}/{Y}"),
    "nl": ("{d:02d}-{m:02d}-{Y}",) * 5
    + (
        "{d} {month} {Y}",
        "{d:02d}/{m:02d}/{Y}",
        "{d:02d}-{m:02d}-{y:02d}",
        "{d}-{m}-{Y}",
        "{Y}-{m:02d}-{d:02d}",
        "{d:02d}.{m:02d}.{Y}",
        "{d} {abbr} {Y}",
    ),
    "en": ("{d:02d}/{m:02d}/{Y}",) * 3
    + (
        "{d} {month} {Y}",
        "{month} {d}, {Y}",
        "{d:02d} {abbr} {Y}",
        "{d:02d}-{abbr}-{Y}",
        "{Y}-{m:02d}-{d:02d}",
        "{abbr} {d}, {Y}",
        "{d:02d}.{m:02d}.{Y}",
    ),
}
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$", "CHF": "CHF"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page that waits for the printer, and which names of the truth it shows."""

    html: str
    shown: frozenset[str]


class Sheet:
    """The manner is drawn once per invoice: separators, dates, colons, capitals, words."""

    def __init__(self, invoice: Invoice, rng: random.Random, words: ModuleType) -> None:
        self.invoice, self.rng, self.words, self.language = invoice, rng, words, invoice.language
        self.shown: set[str] = {"document_type_code"}
        self.thousands, self.decimal = ("'", ".") if invoice.currency == "CHF" else rng.choice(NUMBER_FORMS[self.language])
        self.dates = (
            "{m:02d}/{d:02d}/{Y}" if invoice.supplier.country == "US" and rng.random() < 0.6 else rng.choice(DATE_FORMS[self.language])
        )
        self.money_form = rng.choice(("{n} {s}", "{n} {s}", "{n} {s}", "{n} {c}", "{s} {n}", "{s}{n}", "{n}", "{n}{s}", "{c} {n}"))
        if self.language == "en" and rng.random() < 0.6:
            self.money_form = rng.choice(("{s}{n}", "{s} {n}"))
        if self.language == "nl" and rng.random() < 0.5:
            self.money_form = "{s} {n}"
        self.rows_with_currency = rng.random() < 0.4
        self.negative = rng.choice(("-{}", "-{}", "-{}", "- {}", "\N{MINUS SIGN}{}", "({})", "{}-" if self.language == "de" else "-{}"))
        colons = {"fr": (" :", " :", " :", ":", "")}.get(self.language, (":", ":", ":", ""))
        self.colon = rng.choice(colons)
        self.case = rng.choice(("", "", "", "", "upper", "lower" if rng.random() < 0.3 else ""))
        self.bilingual = rng.random() < 0.06 and self.language != "en"
        self.grouped = {
            "iban": rng.random() < 0.85,
            "siren": rng.random() < 0.55,
            "vat": rng.choice(("", "", "", " ", "groups")),
            "dots": rng.random() < 0.15,
        }
        self.rate_form = rng.choice(("{} %", "{}%", "{} %", "{p} %", "{p}%", "{p}"))
        self._said: dict[str, str] = {}

    def chance(self, share: float) -> bool:
        """True for that share of the draws."""
        return self.rng.random() < share

    def pick(self, *these: Any) -> Any:
        """One of these."""
        return self.rng.choice(these)

    def say(self, key: str) -> str:
        """The word that this invoice uses for it, the same every time."""
        if key not in self._said:
            text = self.rng.choice(self.words.LABELS[self.language][key])
            if self.bilingual and "{" not in text and not key.startswith(("page", "letter", "dear", "regards", "c_", "v_")):
                text = f"{text} / {self.rng.choice(self.words.LABELS['en'][key])}"
            self._said[key] = text
        text = self._said[key]
        text = (
            text.upper()
            if self.case == "upper" and "{" not in text
            else text.lower()
            if self.case == "lower" and "{" not in text and key != "title"
            else text
        )
        return escape(text, quote=False)

    def label(self, key: str) -> str:
        """The word with the colon that this invoice likes."""
        word = self.say(key).rstrip(": ")
        return word + self.colon

    def bare(self, value: Decimal, places: int = 2) -> str:
        """A number in this invoice's manner, two decimals unless it has more."""
        exponent = value.normalize().as_tuple().exponent
        places = max(places, -exponent if isinstance(exponent, int) else 0)
        whole, _, rest = f"{abs(value):,.{places}f}".partition(".")
        text = whole.replace(",", self.thousands.replace(" ", NBSP)) + (self.decimal + rest if rest else "")
        return self.negative.format(text).replace(" ", NBSP) if value < 0 else text

    def money(self, value: Decimal) -> str:
        """With the currency, if this invoice prints it; that shows it."""
        if "{s}" in self.money_form or "{c}" in self.money_form:
            self.shown.add("currency")
        return escape(
            self.money_form.format(n=self.bare(value), s=SYMBOLS[self.invoice.currency], c=self.invoice.currency).replace(" ", NBSP)
        )

    def cell(self, value: Decimal) -> str:
        """As it stands in a table of lines."""
        return self.money(value) if self.rows_with_currency else escape(self.bare(value))

    def rate(self, value: Decimal) -> str:
        """A VAT rate."""
        plain, padded = f"{value.normalize():f}".replace(".", self.decimal), f"{value:.2f}".replace(".", self.decimal)
        return self.rate_form.format(plain, p=padded).replace(" ", NBSP)

    def with_percent(self, value: Decimal) -> str:
        """A rate that always bears its sign, for labels."""
        text = self.rate(value)
        return text if "%" in text else f"{text}{NBSP}%"

    def quantity(self, value: Decimal) -> str:
        """As few decimals as it has, or two."""
        plain = f"{value.normalize():f}"
        return self.bare(value, 2 if self.rate_form.startswith("{p}") else len(plain.partition(".")[2]))

    def day(self, value: date) -> str:
        """In this invoice's form of date."""
        month = self.words.MONTHS[self.language][value.month - 1]
        abbr = month[:4] if self.language == "fr" and len(month) > 4 else month[:3]
        nth = "1er" if value.day == 1 else str(value.day)
        return escape(
            self.dates.format(
                d=value.day, m=value.month, Y=value.year, y=value.year % 100, month=month, MONTH=month.upper(), abbr=abbr, nth=nth
            )
        )

    def put(self, name: str) -> str:
        """The printed value of a name of the truth, marked as shown; empty where the invoice has none."""
        invoice = self.invoice
        if name in {"issue_date", "due_date", "delivery_date"}:
            value = {"issue_date": invoice.issue, "due_date": invoice.due, "delivery_date": invoice.delivery}[name]
            text = self.day(value) if value else ""
        elif name in {"total_net", "total_tax", "total_gross", "paid_amount", "amount_due"}:
            text = self.money(invoice.paid if name == "paid_amount" else getattr(invoice, name))
        else:
            text = self._text(name)
        if text:
            self.shown.add(name)
        return text

    def _text(self, name: str) -> str:
        invoice = self.invoice
        plain: dict[str, str | None] = {
            "invoice_number": invoice.number,
            "supplier_name": invoice.supplier.name,
            "buyer_name": invoice.buyer.name,
            "order_reference": invoice.order_reference,
            "contract_reference": invoice.contract_reference,
            "engagement_number": invoice.engagement_number,
            "service_code": invoice.service_code,
            "market_reference": invoice.market_reference,
            "payment_terms": invoice.terms.words if invoice.terms else None,
            "currency": invoice.currency,
        }
        return escape(plain[name] or "", quote=False)

    def siren(self, party: Party) -> str:
        """Nine digits, in threes if this invoice groups them."""
        return self._marked(party, "siren", group(party.siren, 3, 3, 3) if self.grouped["siren"] else party.siren)

    def siret(self, party: Party) -> str:
        """Fourteen digits; the SIREN is shown with them."""
        if party is self.invoice.supplier and party.siren:
            self.shown.add("supplier_siren")
        if party is self.invoice.buyer and party.siren:
            self.shown.add("buyer_siren")
        return self._marked(party, "siret", group(party.siret, 3, 3, 3, 5) if self.grouped["siren"] else party.siret)

    def vat_id(self, party: Party) -> str:
        """The VAT number, with or without spaces."""
        plain = party.vat_id or ""
        if plain.startswith("FR") and self.grouped["vat"]:
            plain = f"FR {plain[2:4]} {plain[4:]}" if self.grouped["vat"] == " " else f"FR{plain[2:4]} {group(plain[4:], 3, 3, 3)}"
        elif plain.startswith(("DE", "BE", "GB", "NL")) and self.grouped["vat"] == " ":
            plain = f"{plain[:2]} {plain[2:]}"
        elif plain.startswith("BE") and self.grouped["vat"] == "groups":
            plain = f"BE {plain[2:6]}.{plain[6:9]}.{plain[9:]}"
        return self._marked(party, "vat_id", plain)

    def _marked(self, party: Party, kind: str, text: str | None) -> str:
        side = "supplier" if party is self.invoice.supplier else "buyer" if party is self.invoice.buyer else ""
        if text and side:
            self.shown.add(f"{side}_{kind}")
        return escape(text or "")

    def iban(self, account: Account) -> str:
        """In fours, mostly."""
        if account is self.invoice.accounts[0]:
            self.shown.add("iban")
        return " ".join(account.iban[at : at + 4] for at in range(0, len(account.iban), 4)) if self.grouped["iban"] else account.iban

    def bic(self, account: Account) -> str:
        """Eight or eleven characters."""
        if account is self.invoice.accounts[0]:
            self.shown.add("bic")
        return account.bic

    def show_rows(self, columns: tuple[str, ...]) -> None:
        """Marks the lines as shown with these columns."""
        named = {"quantity": "lines.quantity", "price": "lines.unit_price", "net": "lines.net", "rate": "lines.rate"}
        self.shown |= {"lines"} | {named[column] for column in columns if column in named}

    def drawn(self, html: str) -> Drawn:
        """What is printed, and what can be known from it: equal sums that are printed once are both known."""
        invoice, shown = self.invoice, set(self.shown)
        if any(sign in html for sign in (SYMBOLS[invoice.currency], f"{invoice.currency} ", f"{invoice.currency}<")):
            shown.add("currency")
        if invoice.amount_due == invoice.total_gross and shown & {"amount_due", "total_gross"}:
            shown |= {"amount_due", "total_gross"}
        if not invoice.total_tax and shown & {"total_gross", "total_net"}:
            shown |= {"total_net", "total_gross"}
            if invoice.amount_due == invoice.total_gross:
                shown.add("amount_due")
        if {"total_net", "total_tax"} <= shown and len(invoice.vat) == 1 and invoice.total_tax:
            shown.add("vat_breakdown")
        return Drawn(html, frozenset(shown))


def group(text: str | None, *lengths: int) -> str | None:
    """Cut into pieces of these lengths, joined by spaces."""
    if not text:
        return text
    pieces, at = [], 0
    for length in lengths:
        pieces.append(text[at : at + length])
        at += length
    return " ".join(pieces)


def row_cell(sheet: Sheet, row: Row, column: str) -> str:  # noqa: PLR0911 - one answer per column
    """One value of a line, as it stands in its column."""
    match column:
        case "code":
            return escape(row.code)
        case "description":
            return escape(row.description, quote=False) + "".join(f"<br><small>{escape(text, quote=False)}</small>" for text in row.details)
        case "quantity":
            return escape(sheet.quantity(row.quantity))
        case "unit":
            return escape(row.unit)
        case "price":
            return sheet.cell(row.unit_price)
        case "discount":
            return f"{row.discount.normalize():f}{NBSP}%" if row.discount else ""
        case "rate":
            return sheet.rate(row.rate)
    return sheet.cell(row.net)
