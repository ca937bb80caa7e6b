"""Reads one page: held so that it can be read, the engine's lines put back to the size of the page and into reading order."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ocr.engines import Engine, ReadingFailed, copy_size, write_copy
from ocr.text import Line, PageText, Word
from ocr.turning import turn_page

FEW_LETTERS = 30
"""With fewer on a page nothing can be told of how it lies."""
_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A page as it was read when turned clockwise by so many degrees; lines in pixels of the turned copy."""

    turned: int
    lines: tuple[Line, ...]

    @property
    def letters(self) -> int:
        return sum(len(line.text) for line in self.lines)

    @property
    def sureness(self) -> float:
        """Confidence 0…1, weighed by letters."""
        return sum(len(line.text) * line.confidence for line in self.lines) / max(1, self.letters)

    @property
    def sideways(self) -> bool:
        """Most lines of some length run up or down the page."""
        long = [line.box for line in self.lines if len(line.text) > 3]
        return 2 * sum(y1 - y0 > 1.5 * (x1 - x0) for x0, y0, x1, y1 in long) > len(long)

    def doubtful(self, sure: float) -> bool:
        """Whether the page may have to be held otherwise; where there is little to read nothing is asked."""
        return self.letters >= FEW_LETTERS and (self.sideways or self.sureness < sure)


def read_page(engine: Engine, copy: Path, scale: float, number: int) -> PageText:
    """The text of a page from its reading copy, written by `ocr.engines.write_copy`.

    `scale` is what `Engine.prepare` gave, `number` counts from 1. Boxes come back in pixels of the page at full size, as it is shown;
    a page that lies on its side or on its head is read upright and says by how much it was turned. Raises `ocr.engines.ReadingFailed`.
    """
    width, height = copy_size(copy)
    best = read_upright(engine, copy)
    size = round(width / scale), round(height / scale)
    seen = size if best.turned % 180 == 0 else size[::-1]
    lines = tuple(_full_size(line, scale, seen) for line in best.lines)
    upright = PageText(number, *seen, in_order(lines), engine.name)
    return turn_page(upright, -best.turned)


def read_upright(engine: Engine, copy: Path) -> Attempt:
    """As it lies; where that gives doubts, also turned, at most twice more, and the surest reading is taken."""
    best = Attempt(0, engine.read(copy))
    if not best.doubtful(engine.sure):
        return best
    for degrees in (270, 90) if best.sideways else (180,):
        again = Attempt(degrees, _read_turned(engine, copy, degrees))
        if _weight(again) > _weight(best):
            best = again
        if not best.doubtful(engine.sure):
            break
    return best


def _weight(attempt: Attempt) -> float:
    """Letters that are surely read; those of lines that run down the page count half."""
    return attempt.letters * attempt.sureness**2 * (0.5 if attempt.sideways else 1.0)


def _read_turned(engine: Engine, copy: Path, degrees: int) -> tuple[Line, ...]:
    image = cv2.imread(str(copy), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ReadingFailed(f"the reading copy {copy.name} cannot be opened")
    turned = copy.with_name(f"{copy.stem}-{degrees}{copy.suffix}")
    try:
        write_copy(np.asarray(cv2.rotate(image, _ROTATIONS[degrees]), np.uint8), turned)
        return engine.read(turned)
    finally:
        turned.unlink(missing_ok=True)


def in_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Row after row from the top, each row from the left, along the slope of the sheet on the glass."""
    return tuple(line for row in rows_of(lines) for line in row)


def rows_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines that stand at the same height: their middles differ by less than half the smaller height. Each row from left to right."""
    slope = slope_of(lines)
    rows: list[list[Line]] = []
    reach: list[tuple[float, float]] = []
    for line in sorted(lines, key=lambda line: level_of(line, slope)):
        level, height = level_of(line, slope), height_of(line)
        if rows and abs(level - reach[-1][0]) < 0.5 * min(height, reach[-1][1]):
            rows[-1].append(line)
            count = len(rows[-1])
            reach[-1] = (reach[-1][0] + (level - reach[-1][0]) / count, min(height, reach[-1][1]))
        else:
            rows.append([line])
            reach.append((level, height))
    return [sorted(row, key=lambda line: line.box[0]) for row in rows]


def slope_of(lines: Sequence[Line]) -> float:
    """Rise per pixel to the right, from the first to the last word of the longer lines; 0 where there are too few to tell."""
    slopes, weights = [], []
    for line in lines:
        first, last = line.words[0], line.words[-1]
        run = _middle_x(last) - _middle_x(first)
        if run > 8 * max(1, first.y1 - first.y0):
            slopes.append((_middle_y(last) - _middle_y(first)) / run)
            weights.append(run)
    if len(slopes) < 3:
        return 0.0
    return _weighted_median(slopes, weights)


def level_of(line: Line, slope: float) -> float:
    """The height of a line's middle, had the sheet lain straight."""
    return statistics.fmean(_middle_y(word) - slope * _middle_x(word) for word in line.words)


def height_of(line: Line) -> float:
    return max(1.0, statistics.median(word.y1 - word.y0 for word in line.words))


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    half, passed = sum(weights) / 2, 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        passed += weight
        if passed >= half:
            return value
    return 0.0


def _middle_x(word: Word) -> float:
    return (word.x0 + word.x1) / 2


def _middle_y(word: Word) -> float:
    return (word.y0 + word.y1) / 2


def _full_size(line: Line, scale: float, size: tuple[int, int]) -> Line:
    return Line(tuple(_full_word(word, scale, size) for word in line.words))


def _full_word(word: Word, scale: float, size: tuple[int, int]) -> Word:
    """Outwards to whole pixels, within the page."""
    width, height = size
    x0, y0 = max(0, math.floor(word.x0 / scale)), max(0, math.floor(word.y0 / scale))
    x1, y1 = min(width, math.ceil(word.x1 / scale)), min(height, math.ceil(word.y1 / scale))
    return replace(word, x0=min(x0, width), y0=min(y0, height), x1=max(x0, x1), y1=max(y0, y1))
