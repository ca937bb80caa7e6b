"""Bars as SVG, for the documents: parts of a whole, or sizes on one scale."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDE, LINE, TOP, LEFT, RIGHT = 720, 34, 64, 250, 120
INK = "#1c1e26"
BLUE, AMBER, RED = "#2a6f97", "#e09f3e", "#9e2a2b"
STYLE = f'font-family="sans-serif" font-size="13" fill="{INK}"'
Legend = Sequence[tuple[str, str]]
"""Colour and word."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A name and its pieces, one for each colour of the legend."""

    name: str
    pieces: Sequence[float]


def as_parts(title: str, bars: Sequence[Bar], legend: Legend, say: Callable[[float], str]) -> str:
    """Stacked bars, each by its own sum as parts of a whole, with the sum in words: where sizes differ by powers of ten."""
    drawn = [line for row, bar in enumerate(bars) for line in _stacked(bar, row, sum(bar.pieces), legend, say)]
    return _framed(title, drawn, len(bars), legend)


def on_scale(title: str, bars: Sequence[Bar], legend: Legend, say: Callable[[float], str]) -> str:
    """Bars of one scale, a row for each piece."""
    whole, lines, row = max(size for bar in bars for size in bar.pieces), list[str](), 0
    for bar in bars:
        for place, (size, entry) in enumerate(zip(bar.pieces, legend, strict=True)):
            lines += _stacked(Bar("" if place else bar.name, (size,)), row, whole, (entry,), say)
            row += 1
    return _framed(title, lines, row, legend)


def _stacked(bar: Bar, row: int, whole: float, legend: Legend, say: Callable[[float], str]) -> Iterator[str]:
    y, x = TOP + LINE * row, float(LEFT)
    yield f'<text x="{LEFT - 10}" y="{y + 16}" {STYLE} text-anchor="end">{escape(bar.name)}</text>'
    for size, (colour, _) in zip(bar.pieces, legend, strict=True):
        wide = (WIDE - LEFT - RIGHT) * size / whole
        yield f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="22" fill="{colour}"/>'
        x += wide
    yield f'<text x="{x + 10:.1f}" y="{y + 16}" {STYLE}>{escape(say(sum(bar.pieces)))}</text>'


def _framed(title: str, drawn: Sequence[str], rows: int, legend: Legend) -> str:
    tall, place = TOP + LINE * rows + 20, 12
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {tall}" role="img" aria-label="{escape(title)}">']
    parts.append(f'<rect width="{WIDE}" height="{tall}" fill="#ffffff"/>')
    parts.append(f'<text x="12" y="22" {STYLE} font-weight="bold">{escape(title)}</text>')
    for colour, word in legend:
        parts.append(f'<rect x="{place}" y="34" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{place + 18}" y="45" {STYLE}>{escape(word)}</text>')
        place += 34 + 8 * len(word)
    return "\n".join([*parts, *drawn, "</svg>"]) + "\n"
