"""The calibration target as a value: what is printed where, in millimetres. Printing draws it, the passport looks for it.

Everything but the border marks is printed askew by `TILT` on purpose: a device that straightens what it reads then gives 0°, and betrays
itself; an honest one gives `TILT` and whatever the feeder adds. The line patterns reach 150 line pairs per inch, which is all that 300 dpi
can carry. An office print certifies neither sharpness nor colour: only a bought, measured target does (ISO 12653-3, ISO 29861).

Content coordinates: x to the right, y down, origin at the sheet's top left corner, before the tilt.
"""

import math
from dataclasses import dataclass

from capture.slips import TargetMark, slip_text

SHEET = (210.0, 297.0)
"""A4, millimetres (ISO 216)."""
TILT = 1.5
"""Degrees, clockwise as a person sees it, about the middle of the sheet: more than a feeder's own skew, little enough for the margins."""

Point = tuple[float, float]
Colour = tuple[int, int, int]
"""R, G, B of what is asked of the printer, 0 to 255. What comes out is the printer's affair."""

BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the sheet, millimetres."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    def shrunk(self, by: float) -> "Box":
        """Without a rim of `by` millimetres."""
        return Box(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)


@dataclass(frozen=True, slots=True)
class Swatch:
    """A plain area of one colour."""

    name: str
    box: Box
    colour: Colour


@dataclass(frozen=True, slots=True)
class LineGroup:
    """Black and white lines of equal width."""

    per_inch: int
    """Line pairs per inch."""
    upright: bool
    """Upright lines tell of the resolution across the sheet, lying ones along it."""
    box: Box

    @property
    def period(self) -> float:
        """Millimetres from one line to the next."""
        return 25.4 / self.per_inch


@dataclass(frozen=True, slots=True)
class Stroke:
    """A fine line that lies across its area."""

    box: Box
    """As high as the line is wide."""
    colour: Colour


# --- where it lies ---

MARK_DIAMETER = 6.0
MARKS: tuple[Point, ...] = ((17.0, 17.0), (193.0, 17.0), (193.0, 280.0), (17.0, 280.0), (33.0, 17.0))
"""Middles of the round black marks: the four corners clockwise, then the one that tells which corner is the first."""

FRAME = 5.0
"""Millimetres from the edge of the sheet to the border marks, which are printed straight, not tilted."""
FRAME_STROKE, FRAME_LENGTH, FRAME_PITCH = 0.4, 5.0, 15.0
"""Strokes rather than a line: a long straight line would hide the tilt from a device that straightens."""

CODE = Box(17, 27, 30, 30)
NUMBER = Box(163, 25, 30, 38)
TEXT = Box(52, 25, 108, 40)

WEDGE_INKS = (0, 3, 6, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
"""Per cent of black, from paper white; the lightest three are what whitening eats first."""
_WEDGE = Box(17, 68, 13.5, 13)

COLOURS: tuple[tuple[str, Colour], ...] = (
    ("red", (215, 30, 40)),
    ("green", (0, 140, 70)),
    ("blue", (30, 60, 165)),
    ("cyan", (0, 160, 215)),
    ("magenta", (210, 20, 130)),
    ("yellow", (250, 220, 0)),
    ("orange", (240, 130, 20)),
    ("violet", (110, 50, 140)),
    ("pink", (250, 200, 215)),
    ("pale-yellow", (255, 245, 170)),
    ("pale-green", (205, 240, 205)),
    ("pale-blue", (205, 225, 250)),
)
"""Inks of stamps, signatures and markers, then the tints of coloured paper."""
_COLOURS, _COLOURS_ACROSS = Box(17, 86, 14, 13), 6

EDGE = Box(114, 90, 20, 20)
EDGE_TURN = 5.0
"""Degrees by which the black square is turned clockwise about its middle, beyond the tilt (slanted edge, ISO 12233)."""

_DOTS = Box(146, 88, 45, 22)
DOT_DIAMETER, _DOT_PITCH = 0.35, 4.5

LINE_PAIRS = (50, 75, 100, 125, 150)
_LINES = Box(17, 118, 15, 15)
_LINES_GAP = 3.0

_STROKES = Box(113, 118, 80, 3)
STROKES: tuple[tuple[float, int], ...] = ((0.3, 100), (0.2, 100), (0.15, 100), (0.3, 40), (0.2, 40), (0.3, 20))
"""Width in millimetres and per cent of black."""
GREY_TEXT = Box(113, 138, 80, 14)
GREY_TEXTS = (70, 50, 30)
"""Per cent of black."""

FLAT = Box(17, 158, 176, 88)
"""Nothing but paper: what is measured there is the device's own noise."""
RULER = Box(30, 254, 150, 4)
"""Exactly 150 mm, for the person to check the print with a ruler."""
FOOT = Box(30, 262, 150, 14)


def code_text(target: str, side: int) -> str:
    """What the QR code of one side says. Raises ValueError where the name cannot be printed or the side is not 1 or 2."""
    return slip_text(TargetMark(target, side))


def wedge() -> tuple[Swatch, ...]:
    """The grey steps from white to black."""
    return tuple(
        Swatch(str(ink), Box(_WEDGE.x + i * _WEDGE.width, _WEDGE.y, _WEDGE.width, _WEDGE.height), grey_of(ink))
        for i, ink in enumerate(WEDGE_INKS)
    )


def colours() -> tuple[Swatch, ...]:
    """The colour patches, row by row."""
    places = [divmod(i, _COLOURS_ACROSS) for i in range(len(COLOURS))]
    return tuple(
        Swatch(name, Box(_COLOURS.x + column * _COLOURS.width, _COLOURS.y + row * _COLOURS.height, _COLOURS.width, _COLOURS.height), colour)
        for (row, column), (name, colour) in zip(places, COLOURS, strict=True)
    )


def line_groups() -> tuple[LineGroup, ...]:
    """Upright lines above, lying ones below, coarse to fine."""
    step = _LINES.width + _LINES_GAP
    return tuple(
        LineGroup(per_inch, upright, Box(_LINES.x + i * step, _LINES.y + (0 if upright else step), _LINES.width, _LINES.height))
        for upright in (True, False)
        for i, per_inch in enumerate(LINE_PAIRS)
    )


def strokes() -> tuple[Stroke, ...]:
    """The fine lines, one below the other."""
    return tuple(
        Stroke(Box(_STROKES.x, _STROKES.y + i * _STROKES.height, _STROKES.width, width), grey_of(ink))
        for i, (width, ink) in enumerate(STROKES)
    )


def dots() -> tuple[Point, ...]:
    """Middles of the small dots, which a device that removes specks takes away."""
    across, down = int(_DOTS.width // _DOT_PITCH), int(_DOTS.height // _DOT_PITCH)
    return tuple((_DOTS.x + (i + 0.5) * _DOT_PITCH, _DOTS.y + (j + 0.5) * _DOT_PITCH) for j in range(down) for i in range(across))


def frame() -> tuple[tuple[str, Box], ...]:
    """The border marks with their edge (left, top, right, bottom), in sheet coordinates: these are not tilted."""
    width, height = SHEET
    across = _spread(FRAME, width - FRAME)
    down = _spread(FRAME, height - FRAME)
    stroke, length = FRAME_STROKE, FRAME_LENGTH
    return (
        *(("top", Box(x, FRAME, length, stroke)) for x in across),
        *(("bottom", Box(x, height - FRAME - stroke, length, stroke)) for x in across),
        *(("left", Box(FRAME, y, stroke, length)) for y in down),
        *(("right", Box(width - FRAME - stroke, y, stroke, length)) for y in down),
    )


def edge_corners() -> tuple[Point, ...]:
    """The four corners of the turned black square, from its top left clockwise."""
    x, y = EDGE.middle
    a, b = EDGE.width / 2, EDGE.height / 2
    return tuple(_turned((x + dx, y + dy), (x, y), EDGE_TURN) for dx, dy in ((-a, -b), (a, -b), (a, b), (-a, b)))


def on_sheet(point: Point) -> Point:
    """Where a point of the content lies on the sheet once it is printed with its tilt."""
    return _turned(point, (SHEET[0] / 2, SHEET[1] / 2), TILT)


def off_sheet(point: Point) -> Point:
    """The inverse of `on_sheet`: content coordinates of a point of the sheet."""
    return _turned(point, (SHEET[0] / 2, SHEET[1] / 2), -TILT)


def grey_of(ink: int) -> Colour:
    """The grey of so many per cent of black."""
    return (round(255 * (1 - ink / 100)),) * 3


def _spread(low: float, high: float) -> list[float]:
    """Starts of marks between two edges, with the same room at both ends."""
    count = int((high - low - FRAME_LENGTH) // FRAME_PITCH)
    first = (low + high - (count - 1) * FRAME_PITCH - FRAME_LENGTH) / 2
    return [first + i * FRAME_PITCH for i in range(count)]


def _turned(point: Point, about: Point, degrees: float) -> Point:
    """Clockwise as seen, for y points down."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    dx, dy = point[0] - about[0], point[1] - about[1]
    return about[0] + dx * cos - dy * sin, about[1] + dx * sin + dy * cos
