"""Measures the reading of fields against known truth.

SAMPLES=dir .venv/bin/python tests/measure_reading.py [--reader tesseract] [--seed 1] [--misses]

SAMPLES holds invoices as PDF, a JSON of the same name with the true fields beside each (null: not on the page).
Pages are rendered at 300 dpi and degraded as a scanner would, by the seed;
SCANS=dir takes ready scans instead (<name>.p1*.png, <name>.p2*.png …).
Credit notes compare by absolute amount. Prints a table and exits with 0: what is good enough is for the reader to say.
"""

import argparse
import json
import os
import re
import resource
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pypdfium2 as pdfium

from ocr.engines import Engine, Reader, ReaderOptions, prepare_copy, warm_engine, write_copy
from ocr.fields import extract
from ocr.reading import read_page
from ocr.values import fields_json

EIGHT = ("invoice_number", "issue_date", "due_date", "supplier_id", "total_gross", "total_net", "total_tax", "iban")
MORE = (
    "supplier_siren",
    "supplier_siret",
    "supplier_vat_id",
    "amount_due",
    "currency",
    "order_reference",
    "document_type_code",
    "supplier_name",
    "buyer_name",
)


def main() -> int:
    samples = os.environ.get("SAMPLES")
    if not samples:
        print("Not measured: say SAMPLES=dir, a folder of invoices (PDF) with their truth (JSON).")
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("--reader", choices=[str(reader) for reader in Reader], default=str(Reader.RAPIDOCR))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", action="store_true", help="name every wrong field")
    chosen = parser.parse_args()
    options = ReaderOptions(reader=Reader(chosen.reader))
    engine = warm_engine(options)
    right, asked, extra, whole, costs = Counter(), Counter(), Counter(), 0, []
    truths = sorted(Path(samples).glob("*.json"))
    if not truths:
        print(f"Not measured: no JSON with true fields in {samples}.")
        return 0
    for path in truths:
        truth = with_supplier_id(json.loads(path.read_text()))
        pages = []
        for number, image in enumerate(pages_of(path, chosen.seed), 1):
            started = cpu()
            pages.append(read_image(engine, options, image, number))
            costs.append(cpu() - started)
        found = with_supplier_id(fields_json(extract(pages)), truth)
        wrong = [name for name in (*EIGHT, *MORE) if truth.get(name) is not None and not same(truth[name], found[name])]
        for name in (*EIGHT, *MORE):
            asked[name] += truth.get(name) is not None
            right[name] += truth.get(name) is not None and name not in wrong
            extra[name] += truth.get(name) is None and found[name] is not None
        whole += not set(wrong) & set(EIGHT)
        if chosen.misses:
            for name in set(wrong) & set(EIGHT):
                print(f"{path.stem[:60]}: {name}: true {truth[name]!r}, read {found[name]!r}")
    print(f"{engine.name}; {len(truths)} invoices, {len(costs)} pages, seed {chosen.seed}")
    print(f"CPU s per page: median {statistics.median(costs):.2f}, mean {statistics.fmean(costs):.2f}")
    for name in (*EIGHT, *MORE):
        print(f"{name:20s} {right[name]:3d} of {asked[name]:3d}   not on the page, yet read: {extra[name]}")
    eight = sum(right[name] for name in EIGHT) / sum(asked[name] for name in EIGHT)
    print(f"eight fields {100 * eight:.1f} %; invoices with all eight right {whole} of {len(truths)}")
    return 0


def pages_of(truth: Path, seed: int) -> Iterator[np.ndarray]:
    if scans := os.environ.get("SCANS"):
        for path in sorted(Path(scans).glob(f"{truth.stem}.p[0-9]*.png")):
            yield cv2.imread(str(path))
        return
    with pdfium.PdfDocument(truth.with_suffix(".pdf")) as document:
        for index in range(len(document)):
            clean = document[index].render(scale=300 / 72, rev_byteorder=False).to_numpy()[:, :, :3]
            yield scanned(clean, np.random.default_rng([seed, index, *truth.stem.encode()]))


def scanned(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Askew by up to one degree, a little out of focus, tinted, noisy."""
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1, 1), 1)
    turned = cv2.warpAffine(page, turn, (width, height), borderValue=(238, 238, 238))
    soft = cv2.GaussianBlur(turned, (0, 0), rng.uniform(0.6, 0.95)).astype(np.float32)
    dark = 35 + soft * (215 / 255) * (1 - rng.uniform(0, 0.04, 3).astype(np.float32))
    return np.clip(dark + rng.normal(0, rng.uniform(2, 4), page.shape), 0, 255).astype(np.uint8)


def read_image(engine: Engine, options: ReaderOptions, image: np.ndarray, number: int):
    with tempfile.TemporaryDirectory() as folder:
        copy, scale = prepare_copy(image, options)
        path = Path(folder) / "copy.ppm"
        write_copy(copy, path)
        return read_page(engine, path, scale, number)


def with_supplier_id(fields: dict, truth: dict | None = None) -> dict:
    """The VAT number where the truth has one, else SIREN, else SIRET: one field, as others measure it."""
    names = ("supplier_vat_id", "supplier_siren", "supplier_siret")
    name = next((name for name in names if (truth or fields).get(name)), names[0])
    return {**fields, "supplier_id": fields.get(name)}


def same(true, read) -> bool:
    if isinstance(true, int | float):
        return read is not None and abs(abs(true) - abs(read)) < 0.005
    return read is not None and plain(true) == plain(read)


def plain(value) -> str:
    return re.sub(r"[\s.]", "", str(value)).upper()


def cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    sys.exit(main())
