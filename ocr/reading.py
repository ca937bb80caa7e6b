"""Reads one page: the engine's lines, put back to the size of the page and into reading order."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ocr.engines import Engine, copy_size
from ocr.text import Line, PageText, Word


def read_page(engine: Engine, copy: Path, scale: float, number: int) -> PageText:
    """The text of a page from its reading copy, written by `ocr.engines.write_copy`.

    `scale` is what `Engine.prepare` gave, `number` counts from 1. Boxes come back in pixels of the upright page at full size.
    Raises `ocr.engines.ReadingFailed`.
    """
    width, height = copy_size(copy)
    size = round(width / scale), round(height / scale)
    lines = tuple(_full_size(line, scale, size) for line in engine.read(copy))
    return PageText(number, *size, in_order(lines), engine.name)


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
