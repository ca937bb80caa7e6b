"""The second look: a value that the reader was not sure of, or whose checksum fails, is read again by the other engine.

What it says moves the confidence, never the value. Pure decisions stand apart from the engines: which places, what to make of a second
reading, and between them `read_again`.
"""

import importlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ocr.engines import EngineMissing, Pixels, Reader, ReaderOptions, as_grey, warm_engine, write_copy
from ocr.identifiers import valid_iban, valid_siren, valid_siret, valid_vat
from ocr.text import Box, PageText
from ocr.values import LISTS, Field, Source, plain_value

MOST = 12
"""Places of one document, so that its cost is bounded."""
SECONDS = 5.0
"""For one place."""
MARGIN = 0.25
"""Of the height of the place, on every side."""
LARGEST = 2_000_000
"""Pixels of a place; a larger one is no value."""
UNSURE = 0.95
"""Confidence of a word below which its reader may have misread it; on simulated scans nine words in ten stand above."""
AGREES, DIFFERS = 1.1, 0.5
"""Likelihood ratios, right to wrong values. Measured on hard scans: Tesseract reads 80 % of right values the same, 8 % otherwise, and the
rest not at all; and most wrong values are printed well and are another field's, so that both engines agree on them too."""
CHECKS = {
    "iban": valid_iban,
    "supplier_siren": valid_siren,
    "supplier_siret": valid_siret,
    "supplier_vat_id": valid_vat,
    "buyer_siren": valid_siren,
}
FIRST = (
    "total_gross",
    "invoice_number",
    "iban",
    "issue_date",
    "total_net",
    "total_tax",
    "supplier_vat_id",
    "supplier_siren",
    "supplier_siret",
    "due_date",
)
"""Looked at before the others."""
_CONFUSED = str.maketrans("OQDILSBZ", "00011582")
DIGITS = frozenset(
    {"total_gross", "total_net", "total_tax", "paid_amount", "amount_due", "supplier_siren", "supplier_siret", "buyer_siren"}
)
"""Fields of which only the digits are compared."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look again."""

    name: str
    page: int
    box: Box
    """Pixels of the page as it is shown."""
    turned: int
    """Degrees clockwise by which it has to be turned to be read."""


@dataclass(frozen=True, slots=True)
class SecondReading:
    """What the other engine reads at the place of a field."""

    name: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"name": self.name, "text": self.text}


def read_from(stored: Iterable[Mapping[str, str]]) -> tuple[SecondReading, ...]:
    """The inverse of `SecondReading.as_json`."""
    return tuple(SecondReading(each["name"], each["text"]) for each in stored)


def doubtful_places(fields: Mapping[str, Field], pages: Sequence[PageText], sure: float) -> tuple[Place, ...]:
    """The places of values below the confidence `sure` that may have been misread, the most important first, `MOST` at most."""
    turned = {page.page: page.turned for page in pages}
    wanted = sorted(fields.values(), key=lambda field: FIRST.index(field.name) if field.name in FIRST else len(FIRST))
    places = (
        Place(field.name, field.page, field.box, turned[field.page])
        for field in wanted
        if field.box and field.page in turned and field.confidence < sure and maybe_misread(field)
    )
    return tuple(places)[:MOST]


def maybe_misread(field: Field) -> bool:
    """Whether the reader was unsure of one of the words, or the checksum of an identifier does not pass."""
    if field.source is not Source.READ or field.name in LISTS or not field.words:
        return False
    check = CHECKS.get(field.name)
    return min(word.confidence for word in field.words) < UNSURE or (check is not None and not check(str(field.value)))


def weigh(fields: Mapping[str, Field], readings: Iterable[SecondReading]) -> dict[str, Field]:
    """The same values; those read again with another confidence, and with what else was read."""
    weighed = dict(fields)
    for reading in readings:
        field = weighed.get(reading.name)
        if field is not None:
            weighed[reading.name] = weigh_field(field, reading.text)
    return weighed


def weigh_field(field: Field, text: str) -> Field:
    """Agreement raises, another reading of like length lowers; what is nothing like the first says nothing."""
    first, again = _key(field.name, field.raw), _key(field.name, text)
    if not first or not again:
        return field
    if first in again:
        return replace(field, confidence=_moved(field.confidence, AGREES), reason=f"{field.reason}; read twice alike")
    if not _alike(first, again):
        return field
    others = (
        (*field.alternatives, text.strip())[:6]
        if text.strip() not in (*field.alternatives, plain_value(field.value))
        else field.alternatives
    )
    return replace(
        field, confidence=_moved(field.confidence, DIFFERS), reason=f"{field.reason}; the second look differs", alternatives=others
    )


def read_again(image: Pixels, places: Sequence[Place], options: ReaderOptions) -> tuple[SecondReading, ...]:
    """Each place read by the engine that did not read the page. `image` is the whole page as it is shown; no place raises."""
    try:
        read = _recogniser(options) if options.reader is Reader.TESSERACT else _tesseract(options)
    except (EngineMissing, ImportError):
        return ()
    found = []
    for place in places:
        crop = cut_out(image, place.box)
        if crop is not None:
            with suppress(Exception):
                found.append(SecondReading(place.name, read(np.ascontiguousarray(np.rot90(crop, -(place.turned // 90))))))
    return tuple(found)


def cut_out(image: Pixels, box: Box) -> Pixels | None:
    """The box with a margin, grey; None where there is nothing sensible to cut."""
    x0, y0, x1, y1 = box
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    margin = round(MARGIN * (y1 - y0)) + 2
    x0, y0, x1, y1 = max(0, x0 - margin), max(0, y0 - margin), min(image.shape[1], x1 + margin), min(image.shape[0], y1 + margin)
    if x1 <= x0 or y1 <= y0 or (x1 - x0) * (y1 - y0) > LARGEST:
        return None
    return np.ascontiguousarray(as_grey(image[y0:y1, x0:x1]))


def _tesseract(options: ReaderOptions) -> Callable[[Pixels], str]:
    """One line (psm 7). No whitelist of signs: with one Tesseract forces a sign onto what it cannot read, and agrees too easily."""
    tesseract: Any = importlib.import_module("pytesseract")
    os.environ["OMP_THREAD_LIMIT"] = str(options.threads)

    def read(crop: Pixels) -> str:
        return str(
            tesseract.image_to_string(crop, lang="+".join(options.languages[:1]), config="--psm 7 --dpi 300", timeout=SECONDS)
        ).strip()

    return read


def _recogniser(options: ReaderOptions) -> Callable[[Pixels], str]:
    engine = warm_engine(replace(options, reader=Reader.RAPIDOCR))

    def read(crop: Pixels) -> str:
        with tempfile.TemporaryDirectory(prefix="sceau-") as folder:
            copy = Path(folder) / "place.pnm"
            # Paper all around, for the engine looks for lines first.
            write_copy(np.asarray(cv2.copyMakeBorder(crop, 32, 32, 32, 32, cv2.BORDER_REPLICATE), np.uint8), copy)
            return " ".join(line.text for line in engine.read(copy))

    return read


def _key(name: str, text: str) -> str:
    """Letters and digits that engines take for each other are the same."""
    alike = re.sub(r"[\W_]", "", text.upper().replace("|", "1").replace("!", "1")).translate(_CONFUSED)
    return re.sub(r"\D", "", alike) if name in DIGITS else alike


def _alike(first: str, again: str) -> bool:
    """Another reading of the same print: as long, give or take a sign, and at least half of it the same, sign by sign from either end."""
    if abs(len(first) - len(again)) > 1:
        return False
    same = max(
        sum(a == b for a, b in zip(first, again, strict=False)), sum(a == b for a, b in zip(reversed(first), reversed(again), strict=False))
    )
    return 2 * same >= len(first)


def _moved(confidence: float, ratio: float) -> float:
    """By Bayes, odds times likelihood ratio."""
    if not 0 < confidence < 1:
        return confidence
    odds = ratio * confidence / (1 - confidence)
    return round(odds / (1 + odds), 4)
