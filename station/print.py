"""What Sceau prints: calibration targets, batch slips, box labels, separator sheets, the report of a passport. Vector PDFs of A4.

The font is Noto Sans (SIL Open Font License 1.1), which ships with OCRmyPDF.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import TypeAlias

import numpy as np
import pikepdf
import zxingcpp
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from capture import targets
from capture.codes import patch_bars
from capture.slips import BatchSlip, BoxLabel, Separator, Slip, slip_text
from capture.targets import BLACK, Box, Colour, Point
from conformity.passport import LINES, OUTCOME_WORDS, VERDICT_WORDS, Drift, Line, Outcome, Passport, figure_in

FONT = "noto"
GREY: Colour = (90, 90, 90)
MARGIN = 12.0
"""Millimetres at the sides."""
_UNDATED = datetime(2026, 1, 1, tzinfo=UTC)
"""A print is no record: without a date the same sheet is the same bytes."""

Text: TypeAlias = tuple[str, str]
"""French, English."""

_TARGET_TITLE: Text = ("Mire de contrôle du scanner", "Scanner check target")
_TARGET_STEPS: dict[str, Sequence[str]] = {
    "fr": (
        "1. Imprimez à 100 % (taille réelle), en couleur, recto verso bord long.",
        "2. La règle en bas doit mesurer 150 mm : sinon, réimprimez.",
        "3. Numérisez comme d’habitude, recto et verso, sans autre feuille.",
        "Elle est imprimée de travers exprès (1,5°) : ne la redressez pas.",
    ),
    "en": (
        "1. Print at 100 % (actual size), in colour, both sides, long edge.",
        "2. The ruler below must measure 150 mm; if not, print again.",
        "3. Scan as you always do, both sides, no other sheet.",
        "It is printed askew on purpose (1.5°): do not straighten it.",
    ),
}
_HONEST: Text = (
    "Impression de bureau : elle ne certifie ni netteté ni couleur. Seule une mire achetée et mesurée le fait (ISO 12653-3).",
    "Printed in an office: certifies neither sharpness nor colour. Only a bought, measured target does (ISO 12653-3).",
)
_RULER: Text = ("150 mm exactement", "exactly 150 mm")


class Sheet(FPDF):  # type: ignore[misc]  # fpdf2 is not followed by mypy
    """A4 in millimetres with our font; every shape is filled, without outline."""

    def __init__(self) -> None:
        super().__init__(unit="mm", format="A4")
        self.set_auto_page_break(False)
        self.set_margin(0)
        self.set_creation_date(_UNDATED)
        self.set_creator("Sceau")
        self.add_font(FONT, "", str(_font_file()))

    def fill_box(self, box: Box, colour: Colour) -> None:
        self.set_fill_color(*colour)
        self.rect(box.x, box.y, box.width, box.height, style="F")

    def fill_shape(self, corners: Iterable[Point], colour: Colour) -> None:
        self.set_fill_color(*colour)
        self.polygon(list(corners), style="F")

    def fill_disc(self, middle: Point, diameter: float, colour: Colour = BLACK) -> None:
        self.set_fill_color(*colour)
        self.circle(x=middle[0], y=middle[1], radius=diameter / 2, style="F")

    def write_at(self, x: float, y: float, text: str, size: float, colour: Colour = BLACK) -> None:
        """One line of text whose box begins at (x, y); `size` in points, less where the sheet would end before the line."""
        self.set_font(FONT, size=size)
        room = targets.SHEET[0] - x - MARGIN
        if (width := self.get_string_width(text)) > room:
            self.set_font(FONT, size=size * room / width)
        self.set_text_color(*colour)
        self.set_xy(x, y)
        self.cell(text=text, new_x=XPos.LEFT, new_y=YPos.NEXT)

    def write_lines(self, x: float, y: float, lines: Sequence[str], size: float, colour: Colour = BLACK) -> None:
        for i, line in enumerate(lines):
            self.write_at(x, y + i * size * 0.46, line, size, colour)

    @contextmanager
    def askew(self) -> Iterator[None]:
        """Text within stands with the target's tilt."""
        width, height = targets.SHEET
        with self.rotation(-targets.TILT, width / 2, height / 2):
            yield

    def as_bytes(self) -> bytes:
        return bytes(self.output())


# --- the calibration target ---


def target_pdf(code: str, language: str = "fr") -> bytes:
    """The calibration target named `code`: front and back of one A4 sheet. Raises ValueError where the name cannot be printed."""
    sheet = Sheet()
    for side in (1, 2):
        sheet.add_page()
        _draw_patterns(sheet, code, side)
        _draw_words(sheet, code, side, language)
    return sheet.as_bytes()


def _draw_patterns(sheet: Sheet, code: str, side: int) -> None:
    """Shapes are placed point by point rather than turned by a matrix, whose four decimals would move a corner by hundredths of a mm."""
    for _, box in targets.frame():
        sheet.fill_box(box, BLACK)
    for mark in targets.MARKS:
        sheet.fill_disc(targets.on_sheet(mark), targets.MARK_DIAMETER)
    for module in _modules(targets.code_text(code, side), targets.CODE):
        _tilted_box(sheet, module, BLACK)
    for swatch in (*targets.wedge(), *targets.colours()):
        _tilted_box(sheet, swatch.box, swatch.colour)
    sheet.fill_shape(map(targets.on_sheet, targets.edge_corners()), BLACK)
    for dot in targets.dots():
        sheet.fill_disc(targets.on_sheet(dot), targets.DOT_DIAMETER)
    for group in targets.line_groups():
        for line in _bars(group):
            _tilted_box(sheet, line, BLACK)
    for stroke in targets.strokes():
        _tilted_box(sheet, stroke.box, stroke.colour)
    _draw_ruler(sheet)


def _tilted_box(sheet: Sheet, box: Box, colour: Colour) -> None:
    x, y, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    sheet.fill_shape(map(targets.on_sheet, ((x, y), (right, y), (right, bottom), (x, bottom))), colour)


def _bars(group: targets.LineGroup) -> Iterator[Box]:
    box, period = group.box, group.period
    for i in range(int((box.width if group.upright else box.height) / period)):
        at = i * period
        yield Box(box.x + at, box.y, period / 2, box.height) if group.upright else Box(box.x, box.y + at, box.width, period / 2)


def _draw_ruler(sheet: Sheet) -> None:
    ruler = targets.RULER
    for millimetre in range(0, round(ruler.width) + 1, 5):
        length = ruler.height if millimetre % 50 == 0 else ruler.height / 2
        _tilted_box(sheet, Box(ruler.x + millimetre - 0.1, ruler.y, 0.2, length), BLACK)
    _tilted_box(sheet, Box(ruler.x, ruler.y - 0.1, ruler.width, 0.2), BLACK)


def _draw_words(sheet: Sheet, code: str, side: int, language: str) -> None:
    other = "en" if language == "fr" else "fr"
    with sheet.askew():
        sheet.write_at(40, 13, f"{_in(_TARGET_TITLE, language)} · {_in(_TARGET_TITLE, other)} · {code.upper()}", 11)
        sheet.write_lines(targets.TEXT.x, targets.TEXT.y, _TARGET_STEPS[language], 9)
        sheet.write_lines(targets.TEXT.x, targets.TEXT.y + 20, _TARGET_STEPS[other], 8, GREY)
        sheet.write_at(targets.NUMBER.x, targets.NUMBER.y, str(side), 100)
        area = targets.GREY_TEXT
        for i, ink in enumerate(targets.GREY_TEXTS):
            sheet.write_at(area.x, area.y + i * 4.2, f"Texte gris {ink} % · grey text · FR76 3000 6000", 8, targets.grey_of(ink))
        sheet.write_at(targets.RULER.x + 53, targets.RULER.y + 2, f"{_RULER[0]} · {_RULER[1]}", 8)
        sheet.write_lines(targets.FOOT.x, targets.FOOT.y, (_in(_HONEST, language), _in(_HONEST, other)), 7, GREY)
        sheet.write_at(targets.FOOT.x, targets.FOOT.y + 8, targets.code_text(code, side), 8)


def _in(text: Text, language: str) -> str:
    return text[0] if language == "fr" else text[1]


# --- slips, labels, separators ---


def slips_pdf(slips: Sequence[Slip], language: str = "fr") -> bytes:
    """One A4 sheet per slip: its code, and in words what it says. Raises ValueError where a slip cannot be printed."""
    sheet = Sheet()
    for slip in slips:
        sheet.add_page()
        _draw_slip(sheet, slip, language)
    return sheet.as_bytes()


def _draw_slip(sheet: Sheet, slip: Slip, language: str) -> None:
    text = slip_text(slip)
    for module in _modules(text, Box(65, 105, 80, 80)):
        sheet.fill_box(module, BLACK)
    title, lines = _slip_words(slip, language)
    sheet.write_at(20, 25, title, 34)
    sheet.write_lines(20, 50, lines, 18)
    sheet.write_at(20, 200, text, 10, GREY)


def _slip_words(slip: Slip, language: str) -> tuple[str, list[str]]:
    """What a person reads on the sheet: a heading and a few lines."""
    french = language == "fr"
    match slip:
        case BatchSlip():
            sheets = "____" if slip.sheets is None else str(slip.sheets)
            day = slip.arrived.strftime("%d/%m/%Y")
            words = (
                [f"Lot {slip.batch}", f"Station {slip.station}", f"Feuilles, sans ce bordereau : {sheets}", f"Courrier du {day}"]
                if french
                else [f"Batch {slip.batch}", f"Station {slip.station}", f"Sheets, without this slip: {sheets}", f"Mail of {day}"]
            )
            return ("Bordereau de lot" if french else "Batch slip"), words
        case BoxLabel():
            inside = "Le papier numérisé est dans cette boîte." if french else "The scanned paper lies in this box."
            return ("Boîte " if french else "Box ") + slip.box, [inside]
        case Separator():
            told = [slip.document_type, *([slip.company] if slip.company else [])]
            turn = "La feuille suivante ouvre un document." if french else "The next sheet opens a document."
            return ("Séparateur" if french else "Separator"), [*told, turn]
        case _:
            raise ValueError("a target has its own sheet")


def patch_pdf(language: str = "fr") -> bytes:
    """A sheet with the bars of Patch T, which many scanners know by themselves (Kodak A-61599); bars lie across the leading edge."""
    sheet = Sheet()
    sheet.add_page()
    y = 10.0
    for i, hundredths in enumerate(patch_bars("T")):
        height = hundredths * 0.254
        if i % 2 == 0:
            sheet.fill_box(Box(20, y, 170, height), BLACK)
        y += height
    title, text = ("Séparateur Patch T", "Ce bord d’abord. La feuille suivante ouvre un document.")
    if language != "fr":
        title, text = ("Patch T separator", "This edge first. The next sheet opens a document.")
    sheet.write_at(20, 60, title, 34)
    sheet.write_at(20, 80, text, 14, GREY)
    return sheet.as_bytes()


# --- the report of a passport ---

_COLUMNS = (8, 46, 22, 62, 42)
"""Millimetres: side, line, outcome, measured, limit."""
_TINTS: dict[Outcome, Colour] = {
    Outcome.OK: (0, 95, 60),
    Outcome.TOLD: GREY,
    Outcome.WARN: (150, 90, 0),
    Outcome.FAIL: (170, 20, 30),
}
_SIGNS = {Outcome.OK: "=", Outcome.TOLD: "·", Outcome.WARN: "!", Outcome.FAIL: "×"}
"""Beside the colour, for who sees none."""
_NO_GLYPHS = str.maketrans({"≥": "min.", "≤": "max.", "→": "–", "↔": "–", "−": "-"})
"""What the font lacks."""


def passport_report_pdf(passport: Passport, drift: Sequence[Drift] = (), language: str = "fr", heading: Sequence[str] = ()) -> bytes:
    """The passport as a person reads it; `heading` says which station, device and day. Its JSON is the record, this is its face."""
    at = 0 if language == "fr" else 1
    report = Sheet()
    report.set_auto_page_break(True, 16)
    report.set_margins(MARGIN + 3, 14)
    report.set_lang("fr-FR" if at == 0 else "en-GB")
    report.set_title(("Passeport de scanner" if at == 0 else "Scanner passport") + " " + passport.target.upper())
    report.add_page()
    _report_head(report, passport, heading, at)
    _report_lines(report, passport.lines, at)
    if drift:
        _report_drift(report, drift, at)
    _paragraph(report, _in(_HONEST, language), 8, GREY)
    _paragraph(report, _POLICY[at], 8, GREY)
    return _for_keeping(report.as_bytes())


def _for_keeping(data: bytes) -> bytes:
    """Without the zoom that fpdf2 asks of every reader (/OpenAction), which the PDF/A check cannot judge."""
    kept = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        del pdf.Root.OpenAction
        pdf.save(kept, static_id=True)
    return kept.getvalue()


_POLICY: Text = (
    "Les limites sont la politique de la maison ; l’arrêté du 22 mars 2017 (A102 B-2 LPF) n’en chiffre aucune. Ce contrôle est de ceux "
    "que demande sa clause II (contrôles internes).",
    "The limits are house policy; the arrêté of 22 March 2017 (A102 B-2 LPF) gives no figure. This check is one of those that its "
    "clause II asks for (internal controls).",
)


def _report_head(report: Sheet, passport: Passport, heading: Sequence[str], at: int) -> None:
    _paragraph(report, ("Passeport de scanner", "Scanner passport")[at], 20)
    for line in heading:
        _paragraph(report, line, 11)
    _paragraph(report, f"{('Mire', 'Target')[at]} {passport.target.upper()}", 11)
    outcome = passport.outcome
    _paragraph(report, f"{_SIGNS[outcome]} {OUTCOME_WORDS[outcome][at]}. {VERDICT_WORDS[outcome][at]}", 12, _TINTS[outcome])
    report.ln(2)


def _report_lines(report: Sheet, lines: Sequence[Line], at: int) -> None:
    _row(report, ("", ("Ligne", "Line")[at], ("Résultat", "Outcome")[at], ("Mesuré", "Measured")[at], ("Limite", "Limit")[at]), GREY)
    language = ("fr", "en")[at]
    for line in lines:
        words = LINES[line.name]
        outcome = f"{_SIGNS[line.outcome]} {OUTCOME_WORDS[line.outcome][at]}"
        side, title = "" if line.side is None else str(line.side), (words.fr, words.en)[at]
        _row(report, (side, title, outcome, figure_in(line.measured, language), figure_in(line.limit, language)), _TINTS[line.outcome])
        if line.outcome in (Outcome.WARN, Outcome.FAIL):
            _paragraph(report, (words.remedy_fr, words.remedy_en)[at], 9, BLACK, indent=_COLUMNS[0])
    report.ln(3)


def _report_drift(report: Sheet, drifts: Sequence[Drift], at: int) -> None:
    _paragraph(report, ("Depuis le passeport précédent", "Since the passport before")[at], 13)
    language = ("fr", "en")[at]
    for drift in drifts:
        words = LINES[drift.name]
        change = figure_in(f"{drift.before:g} → {drift.now:g}", language)
        outcome = f"{_SIGNS[drift.outcome]} {OUTCOME_WORDS[drift.outcome][at]}"
        cells = (str(drift.side), (words.fr, words.en)[at], outcome, change, figure_in(f"± {drift.limit:g}", language))
        _row(report, cells, _TINTS[drift.outcome])
    report.ln(3)


def _row(report: Sheet, cells: Sequence[str], colour: Colour) -> None:
    """Cells of one line; long ones go on below, and the row is as high as its highest."""
    cells = [text.translate(_NO_GLYPHS) for text in cells]
    report.set_font(FONT, size=8.5)
    report.set_text_color(*colour)
    heights = [
        len(report.multi_cell(width, 4, text or " ", dry_run=True, output="LINES")) * 4 for width, text in zip(_COLUMNS, cells, strict=True)
    ]
    if report.will_page_break(max(heights)):
        report.add_page()
    x, y = report.l_margin, report.get_y()
    for width, text in zip(_COLUMNS, cells, strict=True):
        report.set_xy(x, y)
        report.multi_cell(width, 4, text or " ", align="L")
        x += width
    report.set_xy(report.l_margin, y + max(heights) + 0.8)


def _paragraph(report: Sheet, text: str, size: float, colour: Colour = BLACK, indent: float = 0) -> None:
    report.set_font(FONT, size=size)
    report.set_text_color(*colour)
    report.set_x(report.l_margin + indent)
    report.multi_cell(report.epw - indent, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    report.ln(0.8)


# --- shared ---


def _modules(text: str, box: Box) -> Iterator[Box]:
    """The dark runs of a QR code that fills `box`, row by row; a hair taller than a row, so that no light shows between two."""
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
    dark = np.asarray(barcode.to_image(scale=1, add_quiet_zones=False)) == 0
    size = box.width / len(dark)
    for row, line in enumerate(dark):
        turns = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(np.int8), [0]))))
        for start, end in zip(turns[::2], turns[1::2], strict=True):
            yield Box(box.x + start * size, box.y + row * size, (end - start) * size, size * 1.02)


@cache
def _font_file() -> object:
    return resources.files("ocrmypdf") / "data" / "NotoSans-Regular.ttf"
