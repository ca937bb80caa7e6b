"""From HTML to PDF with one browser kept open, from a PDF's own text to the words a reader would give, and what readers get wrong."""

import contextlib
import os
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import pypdfium2 as pdfium
from playwright.sync_api import Page, sync_playwright
from pypdfium2 import raw

from ocr.text import Line, PageText, Word

CHROMIUM = "/usr/bin/chromium-headless-shell"
DPI = 300
ENGINE = "drawn"


class Printer:
    """A browser that prints; give it back with `close`."""

    def __init__(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        self._page: Page = self._browser.new_page(java_script_enabled=False)

    def print(self, html: str) -> bytes:
        """The PDF of one document, on the paper that its style names."""
        self._page.set_content(html, wait_until="domcontentloaded")
        return self._page.pdf(prefer_css_page_size=True, print_background=True)

    def close(self) -> None:
        """Ends the browser."""
        self._browser.close()
        self._playwright.stop()


@contextlib.contextmanager
def printer() -> Iterator[Printer]:
    """A browser for the time of a block."""
    one = Printer()
    try:
        yield one
    finally:
        one.close()


_open: list[Printer] = []


def render_pdf(html: str) -> bytes:
    """The PDF, from a browser that stays open until `close_browser`."""
    if not _open:
        _open.append(Printer())
    return _open[0].print(html)


def close_browser() -> None:
    """Ends the browser of `render_pdf`, if there is one."""
    while _open:
        _open.pop().close()


def words_of(pdf: bytes, widest: float = 0.9) -> list[PageText]:
    """The words of every page in pixels at 300 dpi, cut into lines where the gap is wider than `widest` em, as detectors of text do."""
    document = pdfium.PdfDocument(pdf)
    try:
        return [_words_of_page(page, number, widest) for number, page in enumerate(document, 1)]
    finally:
        document.close()


Char = tuple[str, float, float, float, float]
"""The character, left, top, right, bottom in pixels."""


def _words_of_page(page: pdfium.PdfPage, number: int, widest: float) -> PageText:
    scale = DPI / 72
    width, height = page.get_size()
    text = page.get_textpage()
    rows: dict[int, list[Char]] = {}
    whole = text.get_text_range()
    box = raw.FS_RECTF()
    if len(whole) == text.count_chars():
        chars = whole
    else:
        chars = "".join(chr(raw.FPDFText_GetUnicode(text, at)) for at in range(text.count_chars()))
    for at, char in enumerate(chars):
        if char.isspace() or not char.isprintable() or not raw.FPDFText_GetLooseCharBox(text, at, box):
            continue
        if box.right - box.left <= 0.01:
            continue
        top, bottom = (height - box.top) * scale, (height - box.bottom) * scale
        rows.setdefault(round((top + bottom) / 2), []).append((char, box.left * scale, top, box.right * scale, bottom))
    lines = [line for row in _same_height(rows) for line in _cut(row, widest)]
    lines.sort(key=lambda line: (line.box[1] // 12, line.box[0]))
    return PageText(number, round(width * scale), round(height * scale), tuple(lines), ENGINE)


def _same_height(rows: dict[int, list[Char]]) -> list[list[Char]]:
    """Characters whose middles lie within a few pixels stand on one line."""
    joined: list[list[Char]] = []
    last = -100
    for middle in sorted(rows):
        if joined and middle - last <= 4:
            joined[-1] += rows[middle]
        else:
            joined.append(list(rows[middle]))
        last = middle
    return [sorted(row, key=lambda char: char[1]) for row in joined]


def _cut(row: list[Char], widest: float) -> list[Line]:
    """Words where the gap is a tenth of an em, lines where it is wider than `widest` em."""
    lines: list[Line] = []
    words: list[Word] = []
    word: list[Char] = []
    for char in row:
        if word:
            em = char[4] - char[2]
            gap = char[1] - word[-1][3]
            if gap > widest * em:
                words.append(_joined(word))
                lines.append(Line(tuple(words)))
                words, word = [], []
            elif gap > 0.1 * em:
                words.append(_joined(word))
                word = []
        word.append(char)
    words.append(_joined(word))
    lines.append(Line(tuple(words)))
    return lines


def _joined(chars: list[Char]) -> Word:
    x0, y0 = min(char[1] for char in chars), min(char[2] for char in chars)
    x1, y1 = max(char[3] for char in chars), max(char[4] for char in chars)
    return Word(unicodedata.normalize("NFC", "".join(char[0] for char in chars)), round(x0), round(y0), round(x1), round(y1), 0.99)


MISREAD = {
    "1": "Il",
    "0": "OD",
    "5": "S",
    "8": "B",
    "I": "1l",
    "O": "0",
    "S": "5",
    "B": "8",
    ",": ".",
    ".": ",",
    "l": "1",
    "6": "G",
    "2": "Z",
    "€": "E",
}


def misread(pages: list[PageText], rng: random.Random, rate: float = 0.005) -> list[PageText]:
    """The same pages as a reader gives them: this share of the words with a digit wrong in one place, and with them the lesser slips
    (spaces dropped or doubled, a colon glued, an accent lost); boxes a little off, a doubtful word with a low confidence."""
    return [replace(page, lines=tuple(_misread_line(line, rng, rate) for line in page.lines)) for page in pages]


def _misread_line(line: Line, rng: random.Random, rate: float) -> Line:
    height = line.box[3] - line.box[1]
    top, bottom = line.box[1] - round(height * rng.uniform(0, 0.14)), line.box[3] + round(height * rng.uniform(0, 0.14))
    confidence = round(min(0.9999, 0.9 + 0.1 * rng.random() ** 0.2), 3)
    words: list[Word] = []
    for word in line.words:
        text, sure = _misread_word(word.text, rng, rate), confidence
        if text != word.text:
            sure = round(rng.uniform(0.6, 0.97), 3)
        shift = rng.randint(-3, 3)
        moved = Word(text, word.x0 + shift, top, word.x1 + shift + rng.randint(-2, 2), bottom, sure)
        if words and rng.random() < 3 * rate:
            moved = Word(words[-1].text + text, words[-1].x0, top, moved.x1, bottom, sure)
            words.pop()
        words.append(moved)
    return Line(tuple(word for word in words if word.text))


def _misread_word(text: str, rng: random.Random, rate: float) -> str:
    """One slip, or none."""
    if any(char.isdigit() for char in text):
        if rng.random() < rate:
            places = [at for at, char in enumerate(text) if char in MISREAD]
            if places:
                at = rng.choice(places)
                return text[:at] + rng.choice(MISREAD[text[at]]) + text[at + 1 :]
        return text
    if rng.random() < 2 * rate:
        return "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
    if rng.random() < rate and text.endswith(":"):
        return text[:-1]
    return text
