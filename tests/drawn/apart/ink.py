"""The tools of this family: facts as pairs of label and value, sums as steps from the lines to what is due, tables, addresses, pages."""

import random
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from html import escape

from ..content import ZERO, Invoice, Row, cents
from ..identities import COUNTRY_NAMES, Party
from ..sheet import Drawn, Sheet, group, row_cell
from . import words

Pair = tuple[str, str]
"""Label and value, both HTML."""
Step = tuple[str, str, str]
"""Key, label, amount."""


class Ink(Sheet):
    """A sheet whose labels are the layout's own; it knows what an invoice may say beyond the names of the truth."""

    def __init__(self, invoice: Invoice, rng: random.Random) -> None:
        super().__init__(invoice, rng, words)
        self.period_form = rng.choice(words.PERIODS[self.language])

    def told(self, key: str) -> str:
        """The printed value under a name of the truth or one of the further keys; empty where the invoice has none."""
        one = self.invoice
        further: dict[str, Callable[[], str | None]] = {
            "customer": lambda: one.customer_number,
            "delivery_note": lambda: one.delivery_note,
            "quote": lambda: one.quote_number,
            "file": lambda: one.file_reference,
            "preceding": lambda: one.preceding_number,
            "preceding_date": lambda: self.day(one.preceding_date) if one.preceding_date else None,
            "order_date": lambda: self.day(one.order_date) if one.order_date else None,
            "period": lambda: one.period and self.period_form.format(self.day(one.period[0]), self.day(one.period[1])),
            "salesperson": lambda: one.salesperson,
            "how": lambda: words.PAID_BY[self.language][one.terms.how] if one.terms else None,
            "mandate": lambda: one.mandate,
            "supplier_vat": lambda: self.vat_id(one.supplier),
            "supplier_siret": lambda: self.siret(one.supplier),
            "supplier_siren": lambda: self.siren(one.supplier),
            "buyer_vat": lambda: self.vat_id(one.buyer),
            "buyer_siret": lambda: self.siret(one.buyer),
            "buyer_siren": lambda: self.siren(one.buyer),
            "tax_number": lambda: one.supplier.tax_number,
            "register": lambda: one.supplier.register,
            "ape": lambda: one.supplier.activity_code,
            "phone": lambda: one.supplier.phone,
            "email": lambda: one.supplier.email,
            "web": lambda: one.supplier.web,
            "director": lambda: one.supplier.director,
            "bank": lambda: one.accounts[0].bank,
            "iban": lambda: self.iban(one.accounts[0]),
            "bic": lambda: self.bic(one.accounts[0]),
            "second_iban": lambda: self.iban(one.accounts[1]) if len(one.accounts) > 1 else None,
        }
        if key not in further:
            return self.put(key)
        value = further[key]() or ""
        return value if "&" in value else escape(value, quote=False)

    def facts(self, *pairs: Pair) -> list[Pair]:
        """Those of the pairs (label, key) that this invoice has something to say for."""
        return [(label, value) for label, value in ((label, self.told(key)) for label, key in pairs) if value]

    def mention(self) -> str:
        """Why there is no VAT, as the law of the supplier's country wants it said."""
        said = words.MENTIONS.get((self.language, self.invoice.regime), {})
        return said.get(self.invoice.supplier.country, said.get("", ""))

    def titled(self, invoice: str, credit: str, deposit: str, selfbilled: str) -> str:
        """The title for the kind of document."""
        return {"380": invoice, "381": credit, "386": deposit, "389": selfbilled}[self.invoice.kind]

    def logo(self) -> str:
        """What the supplier calls itself."""
        return escape(self.invoice.supplier.trade_name or self.told("supplier_name"), quote=False).replace("&amp;amp;", "&amp;")

    def notes(self) -> str:
        """One paragraph for each note."""
        return "".join(f"<p>{escape(note, quote=False)}</p>" for note in self.invoice.notes)

    def steps(self, says: dict[str, str]) -> list[Step]:
        """From the lines to what is due: one step for each key of `says` that matters here; {rate} {base} {percent} stand in labels.

        Keys: rows, discount, shipping, packing, fuel, ecotax, net, vat, vat_in (where prices hold it), tax, tax0, gross, paid, carried,
        withheld, rounding, due; "due" appears where it differs from the gross amount, "due!" always.
        """
        return [*self._before_tax(says), *self._with_tax(says), *self._after_tax(says)]

    def _before_tax(self, says: dict[str, str]) -> list[Step]:
        one, found = self.invoice, []
        if one.adjustments:
            if "rows" in says:
                found.append(("rows", says["rows"], self.money(one.rows_total)))
            for each in one.adjustments:
                percent = f"{each.percent.normalize():f}{self.pick(' %', '%')}" if each.percent else ""
                found.append((each.key, says[each.key].format(percent=percent).strip(), self.money(each.amount)))
        return found

    def _with_tax(self, says: dict[str, str]) -> list[Step]:
        one = self.invoice
        net = [("net", says["net"], self.put("total_net"))] if "net" in says else []
        gross = [("gross", says["gross"], self.put("total_gross"))] if "gross" in says else []
        taxes = []
        told = says.get("vat_in" if one.prices_include_tax and "vat_in" in says else "vat", "")
        if told and one.total_tax:
            for line in one.vat:
                label = told.format(rate=self.with_percent(line.rate), base=self.money(line.base) if "{base}" in told else "")
                taxes.append(("vat", label, self.money(line.tax)))
            if "{base}" in told:
                self.shown.add("vat_breakdown")
            if len(one.vat) == 1:
                self.shown.add("total_tax")
        if "tax" in says and one.total_tax and (not told or len(one.vat) > 1):
            taxes.append(("tax", says["tax"], self.put("total_tax")))
        if "tax0" in says and not one.total_tax:
            taxes.append(("tax", says["tax0"], self.put("total_tax")))
        return gross + taxes + net if one.prices_include_tax else net + taxes + gross

    def _after_tax(self, says: dict[str, str]) -> list[Step]:
        one, found = self.invoice, []
        if one.paid and "deposits" in says and abs(one.paid) < abs(one.total_gross):
            first = cents(one.paid * 2 / 5)
            days = (one.order_date or one.issue, one.issue)
            for day, part in zip(days, (first, one.paid - first), strict=True):
                found.append(("part", says["deposits"].format(date=self.day(day)), self.money(-part)))
        if one.paid:
            self.shown.add("paid_amount")
            found.append(("paid", says["paid"], self.money(one.paid if self.chance(0.5) else -one.paid)))
        found += [
            (key, says[key].format(percent="5 %"), self.money(amount))
            for key, amount in (("carried", one.carried), ("withheld", -one.withheld), ("rounding", one.rounding))
            if amount
        ]
        if "due!" in says or one.amount_due != one.total_gross:
            found.append(("due", says.get("due!", says.get("due", "")), self.put("amount_due")))
        return found

    def vat_table(self, cls: str, *heads: tuple[str, str]) -> str:
        """One row for each rate; columns rate, base, tax, total, code."""
        if {"rate", "base", "tax"} <= {column for column, _ in heads}:
            self.shown.add("vat_breakdown")
        rows = []
        for number, line in enumerate(self.invoice.vat, 1):
            cells = {
                "rate": self.rate(line.rate),
                "base": self.cell(line.base),
                "tax": self.cell(line.tax),
                "total": self.cell(line.base + line.tax),
                "code": str(number),
            }
            rows.append([cells[column] for column, _ in heads])
        return table(cls, [label for _, label in heads], rows)

    def rows(self, cls: str, heads: Sequence[tuple[str, str]], first: int = 99, later: int = 99, carry: Pair | None = None) -> str:
        """The lines under these heads (column, label); after `first` and then every `later` lines a new page, with the sum carried over."""
        heads = [(column, label) for column, label in heads if self._has(column)]
        self.show_rows(tuple(column for column, _ in heads))
        columns = [column for column, _ in heads]
        head = "".join(f"<th class=c-{column}>{label}</th>" for column, label in heads)
        parts: list[str] = []
        at, room, total = 0, first, ZERO
        rows = self.invoice.rows
        while at < len(rows):
            chunk = rows[at : at + _fitting_rows(rows[at:], room)]
            body = self._carried(carry[1], total, columns) if carry and at else ""
            for number, row in enumerate(chunk, at + 1):
                body += "<tr>" + "".join(f"<td class=c-{column}>{self._cell(row, column, number)}</td>" for column in columns) + "</tr>"
            total += sum((row.net for row in chunk), ZERO)
            at, room = at + len(chunk), later
            if carry and at < len(rows):
                body += self._carried(carry[0], total, columns)
            parts.append(f"<table class='rows {cls}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        return "<div class=newpage></div>".join(parts)

    def _has(self, column: str) -> bool:
        """Printers drop a column that stays empty, mostly."""
        filled = {"code": lambda row: row.code, "discount": lambda row: row.discount, "unit": lambda row: row.unit}.get(column)
        return filled is None or any(filled(row) for row in self.invoice.rows) or self.chance(0.15)

    def _carried(self, label: str, total: Decimal, columns: Sequence[str]) -> str:
        before = columns.index("net")
        after = "<td></td>" * (len(columns) - before - 1)
        return f"<tr class=carried><td colspan={before}>{label}</td><td class=c-net>{self.cell(total)}</td>{after}</tr>"

    def _cell(self, row: Row, column: str, number: int) -> str:
        return str(number) if column == "pos" else row_cell(self, row, column)

    def _aside(self) -> str:
        """For one in three, a sentence whose date or amount is none of the invoice's."""
        if not self.chance(0.33):
            return ""
        day = self.invoice.issue + timedelta(days=self.rng.randint(20, 400))
        amount = self.bare(Decimal(self.rng.randint(50, 90000)) / self.pick(1, 100))
        told = self.pick(*words.ASIDES[self.language]).format(day=self.day(day), amount=f"{amount} {self.invoice.currency}")
        return f"<p class=aside>{told}</p>"

    def _conditions(self) -> str:
        """For one in fourteen, the conditions of sale on a sheet of their own."""
        if not self.chance(0.07):
            return ""
        said = words.CONDITIONS[self.language]
        return "<div class=terms>" + "".join(f"<p>{number}. {text}</p>" for number, text in enumerate(said, 1)) + "</div>"

    def finish(self, css: str, body: str, foot: str = "", foot_mm: int = 0, margin: str = "12mm 14mm", size: str = "A4") -> Drawn:
        """The page with a footer that stands at the bottom of every sheet."""
        body += self._aside() + self._conditions()
        if re.search(rf"\b{self.invoice.currency}\b", re.sub(r"<style.*?</style>", "", body + foot, flags=re.DOTALL)):
            self.shown.add("currency")
        room = f"<tfoot><tr><td style='height:{foot_mm}mm'></td></tr></tfoot>"
        inner = f"<table class=frame><tbody><tr><td>{body}</td></tr></tbody>{room}</table>"
        return self.drawn(
            f"<!doctype html><meta charset=utf-8><style>@page{{size:{size};margin:{margin}}}{BASE}{css}</style>"
            f"{inner if foot else body}{f'<div class=foot>{foot}</div>' if foot else ''}"
        )


BASE = """
*{box-sizing:border-box}body{margin:0;font:9.5pt 'Liberation Sans';line-height:1.25}p{margin:1mm 0}table{border-collapse:collapse}
td,th{vertical-align:top;text-align:left;padding:.5mm 1mm}.frame{width:100%}.frame>tbody>tr>td,.frame>tfoot>tr>td{padding:0}
.foot{position:fixed;bottom:0;left:0;right:0}.rows{width:100%}.newpage{break-after:page}tr{break-inside:avoid}.frame>tbody>tr{break-inside:auto}
.c-quantity,.c-price,.c-net,.c-rate,.c-discount{text-align:right;white-space:nowrap}.c-unit,.c-code{white-space:nowrap}
.sums td:last-child,.sums th:last-child{text-align:right;white-space:nowrap}.keep{break-inside:avoid}
.two{display:flex;justify-content:space-between;align-items:flex-start}
.terms{break-before:page;columns:2;font-size:7pt}.aside{font-size:85%;margin-top:3mm}
small{font-size:85%}h1,h2{margin:0}.right{margin-left:auto}
"""


def _fitting_rows(rows: Sequence[Row], room: int) -> int:
    """How many of the rows fit in so many printed lines; one at least."""
    used = 0
    for count, row in enumerate(rows):
        used += 1 + len(row.details)
        if used > room:
            return max(1, count)
    return len(rows)


def table(cls: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Heads over columns."""
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table class='{cls}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def over_values(cls: str, pairs: Sequence[Pair]) -> str:
    """One row of labels over one row of values."""
    return table(cls, [label for label, _ in pairs], [[value for _, value in pairs]])


def ladder(cls: str, pairs: Sequence[Pair]) -> str:
    """Label at the left, value at the right of it, one under the other."""
    return f"<table class='{cls}'>" + "".join(f"<tr><td>{label}</td><td>{value}</td></tr>" for label, value in pairs) + "</table>"


def stacked(cls: str, pairs: Sequence[Pair]) -> str:
    """Each value under its label, in a box of its own."""
    return f"<div class='{cls}'>" + "".join(f"<div><span>{label}</span><br><b>{value}</b></div>" for label, value in pairs) + "</div>"


def spoken(pairs: Sequence[Pair], between: str = " - ", colon: str = ": ") -> str:
    """One after the other in a line."""
    return between.join(f"{label}{colon}{value}" if label else value for label, value in pairs)


def sums(cls: str, steps: Sequence[Step]) -> str:
    """The steps one under the other."""
    return (
        f"<table class='sums keep {cls}'>"
        + "".join(f"<tr class='s-{key}'><td>{label}</td><td>{amount}</td></tr>" for key, label, amount in steps)
        + "</table>"
    )


def sums_across(cls: str, steps: Sequence[Step]) -> str:
    """The steps as a row of labels over a row of amounts."""
    return over_values(f"keep {cls}", [(label, amount) for _, label, amount in steps])


def address(ink: Ink, party: Party, *, upper: bool = False, name: bool = True, between: str = "<br>") -> str:
    """Name, street, place, country where it is another one."""
    side = "supplier_name" if party is ink.invoice.supplier else "buyer_name" if party is ink.invoice.buyer else ""
    told = (ink.told(side) if side else escape(party.name, quote=False)) if name else ""
    rest = [party.extra, party.street, place(party)]
    if party.country != ink.invoice.supplier.country:
        rest.append(COUNTRY_NAMES[ink.language][party.country])
    lines = [escape(part, quote=False) for part in rest if part]
    if upper:
        lines = [line.upper().replace("&AMP;", "&amp;") for line in lines]
    return between.join([told, *lines] if told else lines)


def place(party: Party) -> str:
    """Postcode and city in the order of the country."""
    return f"{party.city} {party.postcode}" if party.country in {"GB", "IE", "US"} else f"{party.postcode} {party.city}"


def capital(party: Party) -> str:
    """With spaces between thousands."""
    return f"{party.capital:,}".replace(",", " ")


__all__ = [
    "Ink",
    "Pair",
    "Step",
    "address",
    "capital",
    "group",
    "ladder",
    "over_values",
    "place",
    "spoken",
    "stacked",
    "sums",
    "sums_across",
    "table",
]
