"""What was read on a page: words with boxes, in lines, in reading order. How it was read is the business of `ocr.engines`."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

Box: TypeAlias = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels of the upright page at full resolution, origin top left."""

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""U+FF01…U+FF5E are ASCII drawn at double width (Unicode 16, block Halfwidth and Fullwidth Forms)."""
_LOOKALIKES = str.maketrans({"\u3000": " ", "、": ",", "。": ".", "￥": "¥", "￡": "£", "〔": "[", "〕": "]", "【": "[", "】": "]"})


@dataclass(frozen=True, slots=True)
class Word:
    """One word without spaces; the box is in pixels of the upright page at full resolution."""

    text: str
    x0: int
    y0: int
    x1: int
    y1: int
    confidence: float
    """0…1, as the engine says; not calibrated, not comparable between engines."""

    @property
    def box(self) -> Box:
        return self.x0, self.y0, self.x1, self.y1


@dataclass(frozen=True, slots=True)
class Line:
    """Words printed side by side; an engine may cut one printed line into several where the gap is wide."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def box(self) -> Box:
        return around(self.words)

    @property
    def confidence(self) -> float:
        """The weakest word's."""
        return min((word.confidence for word in self.words), default=0.0)


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of one page in reading order."""

    page: int
    """From 1."""
    width: int
    """Pixels of the upright page."""
    height: int
    lines: tuple[Line, ...]
    engine: str
    """Engine, its version and its back end, for the record."""
    turned: int = 0
    """Degrees clockwise, 0, 90, 180 or 270, by which the page has to be turned to be read. Boxes are those of the page as shown."""

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for line in self.lines for word in line.words)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """Plain values; one line is a list of words, one word [text, x0, y0, x1, y1, confidence]."""
        lines = [[[w.text, w.x0, w.y0, w.x1, w.y1, w.confidence] for w in line.words] for line in self.lines]
        told = {"page": self.page, "width": self.width, "height": self.height, "engine": self.engine, "lines": lines}
        return told | ({"turned": self.turned} if self.turned else {})


def from_json(value: dict[str, Any]) -> PageText:
    """The inverse of `PageText.as_json`. Raises KeyError, TypeError or ValueError where the value was not made by it."""
    lines = tuple(Line(tuple(Word(*word) for word in line)) for line in value["lines"])
    return PageText(value["page"], value["width"], value["height"], lines, value["engine"], value.get("turned", 0))


def around(words: Iterable[Word]) -> Box:
    """The smallest box that holds all words; (0, 0, 0, 0) where there are none."""
    boxes = [word.box for word in words]
    if not boxes:
        return 0, 0, 0, 0
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def clean_text(text: str) -> str:
    """Composed (NFC), full-width forms as ASCII, without control characters (they would break a text layer), single spaces."""
    text = unicodedata.normalize("NFC", text.translate(_FULL_WIDTH).translate(_LOOKALIKES))
    visible = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return " ".join(visible.split())
