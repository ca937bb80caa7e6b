"""The codes printed on a page: QR, Code 128 and Code 39, read by zxing-cpp, and the bars of a Patch T sheet.

Codes are missed on good pages where one reader looks once. So each page is read at full and at half size, QR codes also after small
repairs, and what looks like bars but was not read is turned upright, smeared along its bars and read again. About 45 ms for an A4 page
at 300 dpi without codes. Where two readings of one code disagree the majority counts, and without one the code is left out: a missed
code is caught by counts and page numbers, a misread one by nothing.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

Levels: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[int, int, int, int]
"""x0, y0, x1, y1 in stored pixels of the page, origin top left."""

MAX_CODES = 32
"""Of one page; a sheet of labels has fewer."""
MAX_TEXT = 1000
"""Characters kept of one code: a payment code has up to 997; those of Sceau have at most 250."""

_NAMES = {
    zxingcpp.BarcodeFormat.QRCode: "qr",
    zxingcpp.BarcodeFormat.QRCodeModel2: "qr",
    zxingcpp.BarcodeFormat.Code128: "code128",
    zxingcpp.BarcodeFormat.Code39: "code39",
    zxingcpp.BarcodeFormat.Code39Std: "code39",
}
_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel2])
_BARS = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.Code39Std])
_ALL = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCodeModel2, zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.Code39Std])
_SMALLEST = 24
"""Pixels per side below which no code can be."""
_SMALL_PIXELS = 4_500_000
"""Of the image made smaller: A3 at 150 dpi, so that the search for bars needs at most 60 MB."""

_CELL = 8
"""Pixels of the small image: cells in which the direction of edges is averaged."""
_COHERENCE = 0.7
"""Share of edges that run one way: bars have 0.8 to 0.95, text 0.1 to 0.5."""
_STRONGER = 4.0
"""Times the page's median of edges."""
_FAINTEST = 250.0
"""Squared grey levels per pixel, so that sensor noise on an empty page is no code; bars of a tenth of full contrast have 500."""
_MOST_HINTS = 6
_WAYS = (0.0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)
"""Across the bars."""

_PATCHES = {"T": (8, 8, 20, 8, 8, 8, 20)}
"""Bar, space, bar, … in hundredths of an inch from the leading edge: narrow, wide, narrow, wide (Kodak A-61599)."""
_BLURRED_EDGE = 0.035
"""Share of a patch's width by which an edge may be off: copies make bars thicker; narrow and wide differ by 0.15."""
_PATCH_INK = 0.02
"""Share of the sheet that may be dark beside its patches: title and instructions; a letter has 0.03 and more."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code on a page."""

    kind: str
    """qr, code128, code39."""
    text: str
    """Without control characters, at most `MAX_TEXT` characters."""
    box: Box

    def as_json(self) -> list[Any]:
        """[kind, text, [x0, y0, x1, y1]]."""
        return [self.kind, self.text, list(self.box)]


def from_json(value: list[Any]) -> Code:
    """The inverse of `Code.as_json`. Raises TypeError or ValueError where the value was not made by it."""
    kind, text, (x0, y0, x1, y1) = value
    return Code(str(kind), str(text), (int(x0), int(y0), int(x1), int(y1)))


def read_codes(grey: Levels) -> tuple[Code, ...]:
    """The codes of one page from the top; `grey` is its raster at native resolution, (height, width). Unreadable is the same as absent."""
    if min(grey.shape) < _SMALLEST:
        return ()
    small, scale = _smaller(grey)
    seen = [*_read(grey, _ALL), *_read(small, _ALL, scale)]
    if not any(code.kind == "qr" for code in seen):
        seen += [code for repaired in _repaired(small) for code in _read(repaired, _QR, scale)]
    for hint in _striped(small, seen, scale):
        seen += _read_upright(grey, hint)
    return tuple(sorted(_agreed(seen), key=lambda code: (code.box[1], code.box[0]))[:MAX_CODES])


def patch_code(grey: Levels) -> str | None:
    """ "T" where an otherwise almost empty sheet bears the bars of Patch T, in any direction; None where it does not.

    Read from its other end a T is a Patch 3, which separates as well: a sheet fed upside down counts.
    """
    if min(grey.shape) < _SMALLEST:
        return None
    step = max(1, round(max(grey.shape) / 900))
    coarse = cv2.resize(grey, (grey.shape[1] // step, grey.shape[0] // step), interpolation=cv2.INTER_AREA)
    shares = np.cumsum(np.bincount(coarse.ravel(), minlength=256)) / coarse.size
    ink, paper = (int(np.searchsorted(shares, share)) for share in (0.005, 0.5))
    if paper - ink < 40:
        return None
    dark = np.asarray(coarse < (paper + ink) / 2, np.uint8)
    if np.mean(dark) > 4 * _PATCH_INK:
        return None
    groups = list(_patch_groups(_bars_in(dark)))
    rest = np.count_nonzero(dark) - sum(bar.length * bar.width for bar in {bar for group in groups for bar in group})
    return "T" if groups and rest <= _PATCH_INK * dark.size else None


def patch_bars(name: str = "T") -> tuple[int, ...]:
    """Widths of bar, space, bar, … in hundredths of an inch, from the leading edge. Raises KeyError for a patch other than T.

    The bars should be 2 inches long at least (Kodak A-61599).
    """
    return _PATCHES[name]


# --- readings ---


def _smaller(grey: Levels) -> tuple[Levels, int]:
    """Half the size, or less where the page is very large; and how many times smaller."""
    scale = max(2, math.ceil(math.sqrt(grey.size / _SMALL_PIXELS)))
    size = max(1, grey.shape[1] // scale), max(1, grey.shape[0] // scale)
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _repaired(small: Levels) -> Iterator[Levels]:
    """Dots taken out, dark scratches, light scratches, both."""
    square = np.ones((3, 3), np.uint8)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, square)
    yield np.asarray(cv2.medianBlur(small, 3), np.uint8)
    yield np.asarray(closed, np.uint8)
    yield np.asarray(cv2.morphologyEx(small, cv2.MORPH_OPEN, square), np.uint8)
    yield np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, square), np.uint8)


def _read(image: Levels, formats: Any, scale: int = 1, **options: Any) -> list[Code]:
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(image), formats=formats, try_invert=False, text_mode=zxingcpp.TextMode.Plain, **options
    )
    return [Code(_NAMES[code.format], _clean(code.text), _box_of(code.position, scale)) for code in found if code.format in _NAMES]


def _clean(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text[:MAX_TEXT]).split())


def _box_of(position: Any, scale: int) -> Box:
    corners = position.top_left, position.top_right, position.bottom_left, position.bottom_right
    xs, ys = [corner.x * scale for corner in corners], [corner.y * scale for corner in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _agreed(seen: Sequence[Code]) -> Iterator[Code]:
    """One code for each place: the text that most readings have; none where two have as many."""
    places: list[list[Code]] = []
    for code in seen:
        place = next((place for place in places if place[0].kind == code.kind and _overlap(place[0].box, code.box)), None)
        if place is None:
            places.append([code])
        else:
            place.append(code)
    for place in places:
        votes = Counter(code.text for code in place).most_common(2)
        if votes[0][0] and (len(votes) == 1 or votes[0][1] > votes[1][1]):
            yield next(code for code in place if code.text == votes[0][0])


def _overlap(one: Box, other: Box) -> bool:
    """The middle of one lies in the other: a bar code's box may be a single line."""
    return _holds(one, other) or _holds(other, one)


def _holds(outer: Box, inner: Box, margin: int = 24) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] - margin <= x <= outer[2] + margin and outer[1] - margin <= y <= outer[3] + margin


# --- bars that nobody read ---


@dataclass(frozen=True, slots=True)
class _Hint:
    """A region whose edges all run one way; pixels of the page."""

    box: Box
    angle: float
    """Degrees from the x axis to the direction across the bars."""
    bar: float
    """Length of the bars."""


def _striped(small: Levels, seen: Sequence[Code], scale: int) -> list[_Hint]:
    """Regions that may be bar codes and hold none that was read, the largest first."""
    columns, rows = small.shape[1] // _CELL, small.shape[0] // _CELL
    if min(columns, rows) < 3:
        return []
    whole = small[: rows * _CELL, : columns * _CELL]
    across, along = (cv2.Scharr(whole, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    xx, yy, xy = (
        cv2.blur(cv2.resize(cv2.multiply(a, b), (columns, rows), interpolation=cv2.INTER_AREA), (3, 3))
        for a, b in ((across, across), (along, along), (across, along))
    )
    energy, cosine, sine = xx + yy, xx - yy, 2 * xy
    strong = (np.hypot(cosine, sine) > _COHERENCE * energy) & (energy > max(_STRONGER * float(np.median(energy)), _FAINTEST))
    found = [hint for way in _WAYS for hint in _hints(strong & _runs(cosine, sine, way), cosine, sine, scale * _CELL)]
    found.sort(key=lambda hint: -(hint.box[2] - hint.box[0]) * (hint.box[3] - hint.box[1]))
    hints: list[_Hint] = []
    for hint in found:
        if not any(_holds(hint.box, code.box, 0) for code in seen) and not any(_same(hint, other) for other in hints):
            hints.append(hint)
    return hints[:_MOST_HINTS]


def _same(one: _Hint, other: _Hint) -> bool:
    aslant = abs(one.angle - other.angle) % 180
    return min(aslant, 180 - aslant) < 10 and _holds(other.box, one.box, 0)


def _runs(cosine: Any, sine: Any, way: float) -> Any:
    """Where edges run within 30° of `way`, so that a code pasted over the rules of a table is not taken for one thing with them."""
    return cosine * math.cos(2 * way) + sine * math.sin(2 * way) > 0.5 * np.hypot(cosine, sine)


def _hints(strong: Any, cosine: Any, sine: Any, cell: int) -> list[_Hint]:
    mask = cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    largest = sorted(range(1, count), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))[:16]
    return [hint for i in largest if (hint := _hint(labels, stats[i], i, cosine, sine, cell))]


def _hint(labels: Any, stats: Any, label: int, cosine: Any, sine: Any, cell: int) -> _Hint | None:
    """None where the region is no wider across its bars than three fifths of their length, as rules and lines of text are."""
    x, y, width, height = (int(n) for n in stats[:4])
    here = slice(y, y + height), slice(x, x + width)
    inside = labels[here] == label
    turn = math.atan2(float(sine[here][inside].sum()), float(cosine[here][inside].sum())) / 2
    ys, xs = np.nonzero(inside)
    across, along = (np.ptp(xs * math.cos(t) + ys * math.sin(t)) + 1 for t in (turn, turn + math.pi / 2))
    if across < 10 or across < 0.6 * along:
        return None
    return _Hint((x * cell, y * cell, (x + width) * cell, (y + height) * cell), math.degrees(turn), float(along) * cell)


def _read_upright(grey: Levels, hint: _Hint) -> list[Code]:
    """The region turned so that its bars stand, smeared along them: what crosses or dots them fades."""
    x0, y0, x1, y1 = hint.box
    size = math.ceil(math.hypot(x1 - x0, y1 - y0)) + 80
    turn = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), hint.angle, 1.0)
    turn[:, 2] += size / 2 - (x0 + x1) / 2, size / 2 - (y0 + y1) / 2
    height = math.ceil(hint.bar) + 80
    turn[1, 2] -= (size - height) / 2
    upright = cv2.warpAffine(grey, turn, (size, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    smeared = cv2.blur(upright, (1, int(min(41.0, max(5.0, hint.bar / 4)))))
    return [Code(code.kind, code.text, hint.box) for code in _read(np.asarray(smeared, np.uint8), _BARS, try_rotate=False)]


# --- patches ---


@dataclass(frozen=True, slots=True)
class _Bar:
    """One dark bar of a coarse image."""

    x: float
    y: float
    """Its middle."""
    length: float
    width: float
    angle: float
    """Of its length, radians, 0 to π."""


def _bars_in(dark: npt.NDArray[np.uint8]) -> list[_Bar]:
    """The forty largest parts that are long and straight, and filled."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    largest = sorted(range(1, count), key=lambda i: -int(stats[i, cv2.CC_STAT_AREA]))[:40]
    bars = []
    for i in largest:
        x, y, width, height, area = (int(n) for n in stats[i])
        points = np.argwhere(labels[y : y + height, x : x + width] == i)[:, ::-1].astype(np.float32)
        (cx, cy), (one, other), turn = cv2.minAreaRect(points)
        length, thick = max(one, other) + 1, min(one, other) + 1
        if length > 2.5 * thick and area > 0.8 * length * thick and thick >= 2:
            bars.append(_Bar(cx + x, cy + y, length, thick, math.radians(turn + (90 if other > one else 0)) % math.pi))
    return bars


def _patch_groups(bars: Sequence[_Bar]) -> Iterator[tuple[_Bar, ...]]:
    """Four bars side by side, of one length, whose edges are those of Patch T from one end or the other."""
    for first in bars:
        beside = [bar for bar in bars if bar is not first and _beside(first, bar)]
        for others in combinations(beside[:8], 3):
            group = sorted((first, *others), key=lambda bar: _distance(first, bar))
            if group[0] is first and _is_patch(group):
                yield tuple(group)


def _beside(one: _Bar, other: _Bar) -> bool:
    aslant = abs(one.angle - other.angle)
    shift = (other.x - one.x) * math.cos(one.angle) + (other.y - one.y) * math.sin(one.angle)
    return (
        min(aslant, math.pi - aslant) < 0.06
        and abs(one.length - other.length) < 0.15 * one.length
        and abs(shift) < 0.15 * one.length
        and abs(_distance(one, other)) < 1.2 * one.length
    )


def _distance(one: _Bar, other: _Bar) -> float:
    """Across the first bar, signed."""
    return (other.y - one.y) * math.cos(one.angle) - (other.x - one.x) * math.sin(one.angle)


def _is_patch(group: Sequence[_Bar]) -> bool:
    edges = [edge for bar in group for edge in (_distance(group[0], bar) - bar.width / 2, _distance(group[0], bar) + bar.width / 2)]
    width = edges[-1] - edges[0]
    shares = np.asarray([(edge - edges[0]) / width for edge in edges])
    expected = np.cumsum((0, *_PATCHES["T"])) / sum(_PATCHES["T"])
    return min(float(np.abs(shares - expected).max()), float(np.abs(1 - shares[::-1] - expected).max())) <= _BLURRED_EDGE
