"""Practice keys and small sealed archives for tests: real certificates, a real seal, a clock that the test holds."""

import functools
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from capture.raster import Raster, fingerprint
from capture.scan import Format, Model, Page
from sealing.keys import Practice, make_practice
from sealing.pdfa import CAPTURE_DATA, Attachment, Leaf, Metadata, Relation, TextRun, compose_pdfa
from sealing.seal import Sealer, practice_sealer, seal_file

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
METADATA = Metadata("Facture 2026-117", bytes(range(16)), NOON)


def practice_keys(days: int = 3650, seal_days: int = 3650) -> Practice:
    """Elliptic, because they are issued in milliseconds; valid from the day before NOON, for so many days after it."""
    return _issued(days, min(days, seal_days))


@functools.cache
def _issued(days: int, seal_days: int) -> Practice:
    begin, end, seal_end = (NOON + timedelta(days=n) for n in (-1, days, seal_days))
    with tempfile.TemporaryDirectory() as folder:
        return make_practice(Path(folder) / "keys", begin, end, True, seal_end)


def sealer(at: datetime = NOON, keys: Practice | None = None) -> Sealer:
    return practice_sealer(keys or practice_keys(), lambda: at)


def noisy(height: int = 40, width: int = 30, channels: int = 3, seed: int = 1) -> npt.NDArray[np.uint8]:
    """A small page of scanner noise on paper white."""
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(180, 256, shape, dtype=np.uint8)


def png_leaf(folder: Path, samples: npt.NDArray[np.uint8], number: int = 1, text: Sequence[TextRun] = ()) -> Leaf:
    path = folder / f"page{number}.png"
    cv2.imwrite(str(path), samples[..., ::-1] if samples.ndim == 3 else samples)
    model = Model.RGB if samples.ndim == 3 else Model.GRAY
    page = Page(number, "png", True, samples.shape[1], samples.shape[0], 8, samples.ndim * 2 - 3, model, (300, 300))
    return Leaf(path, Format.PNG, page, (300, 300), lambda: Raster(samples, 8, model), tuple(text))


def capture_data(rasters: Sequence[Raster]) -> Attachment:
    pages = [{"number": number, "raster": fingerprint(raster)} for number, raster in enumerate(rasters, 1)]
    return Attachment(CAPTURE_DATA, json.dumps({"pages": pages}).encode(), "application/json", Relation.DATA)


def compose(folder: Path, leaves: Sequence[Leaf], name: str = "archive.pdf") -> Path:
    target = folder / name
    compose_pdfa(leaves, target, METADATA, [capture_data([leaf.decode() for leaf in leaves])])
    return target


def sealed(folder: Path, pages: int = 1, keys: Practice | None = None) -> Path:
    """A sealed archive of so many noisy PNG pages."""
    path = compose(folder, [png_leaf(folder, noisy(seed=number), number) for number in range(1, pages + 1)])
    seal_file(path, path, sealer(keys=keys))
    return path
