"""Pages that lie on their side or on their head: boxes turned with the page, for whoever reads it, and back, for whoever shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ocr.text import Box, Line, PageText, Word
from ocr.values import Field, LineItem

TURNS = (0, 90, 180, 270)
"""Degrees clockwise."""


def turn_box(box: Box, size: tuple[int, int], degrees: int) -> Box:
    """Where the box lies once the page of `size` (width, height) was turned clockwise by a multiple of 90 degrees."""
    (x0, y0, x1, y1), (width, height) = box, size
    match degrees % 360:
        case 90:
            return height - y1, x0, height - y0, x1
        case 180:
            return width - x1, height - y1, width - x0, height - y0
        case 270:
            return y0, width - x1, y1, width - x0
    return box


def turn_page(page: PageText, degrees: int) -> PageText:
    """The page turned clockwise; its lines keep their order."""
    if not degrees % 360:
        return page
    size = page.width, page.height
    lines = tuple(Line(_turned_words(line.words, size, degrees)) for line in page.lines)
    width, height = size if degrees % 180 == 0 else size[::-1]
    return replace(page, width=width, height=height, lines=lines, turned=(page.turned - degrees) % 360)


def upright_page(page: PageText) -> PageText:
    """The page as it has to be held to be read."""
    return turn_page(page, page.turned)


def shown_fields(fields: Mapping[str, Field], pages: Sequence[PageText]) -> dict[str, Field]:
    """Fields found on upright pages, with their boxes and words as the pages are shown."""
    askew = {page.page: page for page in pages if page.turned}
    return {name: _shown(field, askew) for name, field in fields.items()} if askew else dict(fields)


def shown_box(box: Box, number: int, pages: Sequence[PageText]) -> Box:
    """A box of the upright page `number`, as that page is shown."""
    page = next((page for page in pages if page.page == number and page.turned), None)
    return turn_box(box, _upright_size(page), -page.turned) if page else box


def _shown(field: Field, askew: Mapping[int, PageText]) -> Field:
    if isinstance(field.value, tuple):
        rows: Any = tuple(_shown_row(row, askew) if isinstance(row, LineItem) else row for row in field.value)
        field = replace(field, value=rows)
    page = askew.get(field.page)
    if page is None:
        return field
    size, back = _upright_size(page), -page.turned
    return replace(field, box=field.box and turn_box(field.box, size, back), words=_turned_words(field.words, size, back))


def _shown_row(row: LineItem, askew: Mapping[int, PageText]) -> LineItem:
    page = askew.get(row.page)
    return replace(row, box=turn_box(row.box, _upright_size(page), -page.turned)) if page and row.box else row


def _upright_size(page: PageText) -> tuple[int, int]:
    return (page.width, page.height) if page.turned % 180 == 0 else (page.height, page.width)


def _turned_words(words: Sequence[Word], size: tuple[int, int], degrees: int) -> tuple[Word, ...]:
    return tuple(Word(word.text, *turn_box(word.box, size, degrees), word.confidence) for word in words)
