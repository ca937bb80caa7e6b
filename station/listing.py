"""What a person sees of an XML invoice: its values on A4 pages that say they are a view, for the screens and inside the sealed file."""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pikepdf

from capture.targets import BLACK, Colour
from ocr.en16931 import NoInvoice
from ocr.structured import read_invoice
from ocr.values import NAMES, Field, LineItem, VatLine, plain_amount, plain_value
from station.print import FONT, GREY, MARGIN, Sheet

VIEW_LINES = 2000
"""Lines of the invoice that are drawn; how many more there are is said."""
VIEW_WORDS = "Vue lisible : l’original est le fichier XML, joint à cette archive."
LONGEST_WORD = 40
"""Characters; a longer one is cut."""
LONGEST_VALUE, LONGEST_LINE = 40, 3
"""Rows on the page of one value, and of the description of one line of the invoice: two hundred pages at most."""


def view_pages(path: Path) -> int:
    with pikepdf.open(io.BytesIO(draw_view(path))) as pdf:
        return len(pdf.pages)


def draw_view(path: Path) -> bytes:
    """A PDF of A4 pages that lists what an XML invoice says; of bytes that cannot be read, a page saying so. Equal in, equal out.

    It is asked for page after page: each process keeps the one that it drew last.
    """
    told = path.stat()
    return _draw_file(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=1)
def _draw_file(path: Path, _size: int, _changed: int) -> bytes:
    sheet = _View()
    try:
        structured = read_invoice(path.read_bytes())
    except NoInvoice as error:
        sheet.add_title("Fichier XML illisible")
        sheet.add_row("", str(error))
        return sheet.as_bytes()
    sheet.add_title(f"Facture électronique ({structured.name})")
    for name in NAMES:
        if (field := structured.fields.get(name)) is not None and not isinstance(field.value, tuple):
            sheet.add_row(TITLES[name], _plain(field))
    vat = structured.fields.get("vat_breakdown")
    if vat is not None and isinstance(vat.value, tuple):
        sheet.add_heading("TVA : taux, base, montant")
        for row in vat.value:
            if isinstance(row, VatLine):
                sheet.add_row(f"{row.rate.normalize():f} %", f"base {plain_amount(row.base)}, TVA {plain_amount(row.tax)}")
    lines = structured.fields.get("lines")
    if lines is not None and isinstance(lines.value, tuple):
        sheet.add_heading("Lignes : désignation, quantité × prix unitaire, montant hors taxe")
        _draw_lines(sheet, [row for row in lines.value if isinstance(row, LineItem)])
    return sheet.as_bytes()


TITLES = {
    "document_type_code": "Type (BT-3)", "invoice_number": "Numéro", "issue_date": "Date", "due_date": "Échéance",
    "delivery_date": "Livraison", "arrival_date": "Arrivée", "supplier_name": "Fournisseur", "supplier_siren": "SIREN",
    "supplier_siret": "SIRET", "supplier_vat_id": "N° de TVA", "buyer_name": "Client", "buyer_siren": "SIREN du client",
    "order_reference": "Commande", "contract_reference": "Contrat", "engagement_number": "N° d’engagement",
    "service_code": "Code service", "market_reference": "Marché", "currency": "Devise", "total_net": "Total hors taxe",
    "total_tax": "TVA", "total_gross": "Total TTC", "paid_amount": "Déjà payé", "amount_due": "Net à payer", "iban": "IBAN",
    "bic": "BIC", "payment_terms": "Conditions de paiement",
}  # fmt: skip


def _draw_lines(sheet: "_View", rows: Sequence[LineItem]) -> None:
    for row in rows[:VIEW_LINES]:
        price = plain_amount(row.unit_price) if row.unit_price is not None else "?"
        count = f"{row.quantity.normalize():f} × {price}" if row.quantity is not None else ""
        sheet.add_line(row.description, f"{count}   {plain_amount(row.net) if row.net is not None else ''}")
    if len(rows) > VIEW_LINES:
        sheet.add_row("", f"… et {len(rows) - VIEW_LINES} autres lignes : voir le fichier XML")
    if sheet.shortened:
        sheet.add_row("", "Désignations abrégées par « … » : voir le fichier XML")


def _plain(field: Field) -> str:
    return str(plain_value(field.value))


class _View(Sheet):
    """Rows from the top, a new page where one is full; each page says what it is."""

    TOP, END = 18.0, 280.0
    TEXT, VALUES = 9.5, 62.0
    """Points; millimetres from the left."""

    def __init__(self) -> None:
        super().__init__()
        self._at = self.END
        self.shortened = False
        """Whether a text did not find room, and ends in « … »."""

    def add_title(self, text: str) -> None:
        self._next(10)
        self._put(MARGIN, self._at - 10, text, 15)

    def add_heading(self, text: str) -> None:
        self._next(9)
        self._put(MARGIN, self._at - 6, text, self.TEXT, GREY)

    def add_row(self, name: str, value: str) -> None:
        for part, text in enumerate(self._wrapped(value, 210 - self.VALUES - MARGIN, LONGEST_VALUE)):
            self._next(5)
            if part == 0:
                self._put(MARGIN, self._at - 5, name, self.TEXT, GREY)
            self._put(self.VALUES, self._at - 5, text, self.TEXT)

    def add_line(self, words: str, amounts: str) -> None:
        parts = self._wrapped(words, 115, LONGEST_LINE)
        for part, text in enumerate(parts):
            self._next(5)
            self._put(MARGIN, self._at - 5, text, self.TEXT)
            if part == 0:
                self._put(135, self._at - 5, amounts, self.TEXT)

    def _put(self, x: float, y: float, text: str, size: float, colour: Colour = BLACK) -> None:
        """Signs that no font draws (controls, half a pair) would stop the drawing, and so would nothing at all."""
        plain = "".join(sign if sign.isprintable() else " " for sign in text)
        if plain.strip():
            self.write_at(x, y, plain, size, colour)

    def _next(self, height: float) -> None:
        if self._at + height > self.END:
            self.add_page()
            self._put(MARGIN, 8, VIEW_WORDS, 8, GREY)
            self._at = self.TOP
        self._at += height

    def _wrapped(self, text: str, width: float, most: int) -> list[str]:
        """Whole words where they fit; a word longer than the line is cut, and so is what needs more rows than `most`."""
        self.set_font(FONT, size=self.TEXT)
        lines, line = [], ""
        for piece in (piece for word in text.split() for piece in _pieces(word)):
            longer = f"{line} {piece}".strip()
            if line and self.get_string_width(longer) > width:
                lines.append(line)
                longer = piece
            line = longer
            if len(lines) == most:
                self.shortened = True
                return [*lines[:-1], f"{lines[-1]} …"]
        return [*lines, line]


def _pieces(word: str) -> list[str]:
    return [word[at : at + LONGEST_WORD] for at in range(0, len(word), LONGEST_WORD)] or [""]
