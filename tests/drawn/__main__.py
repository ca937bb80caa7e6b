"""Draws invoices into a folder: `PYTHONPATH=. python -m tests.drawn OUT --count 3000 --seed 1 --family learn`."""

import argparse
import json
import random
from pathlib import Path

from .family import LANGUAGE_SHARES, Paper, draw_paper
from .render import misread, printer, words_of


def main() -> None:
    """Writes <name>.pdf, <name>.json (truth) and <name>.pages.json (words as a reader gives them)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--start", type=int, default=0, help="number of the first one, so that several runs share the work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--languages", default=",".join(LANGUAGE_SHARES))
    parser.add_argument("--family", default="learn")
    parser.add_argument("--rate", type=float, default=0.005, help="share of numeric words misread in the pages")
    parser.add_argument("--no-pdf", action="store_true")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with printer() as press:
        for number in range(asked.start, asked.start + asked.count):
            paper = draw_paper(asked.seed, number, asked.family, tuple(asked.languages.split(",")))
            _write(asked.out, paper, press.print(paper.html), asked.rate, not asked.no_pdf)


def _write(out: Path, paper: Paper, pdf: bytes, rate: float, keep: bool) -> None:
    rng = random.Random(f"misread {paper.name}")
    pages = misread(words_of(pdf, rng.uniform(0.6, 1.4)), rng, rate)
    truth = {**paper.truth, "_meta": {**paper.truth["_meta"], "pages": len(pages)}}
    (out / f"{paper.name}.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1), encoding="utf-8")
    (out / f"{paper.name}.pages.json").write_text(json.dumps([page.as_json() for page in pages], ensure_ascii=False), encoding="utf-8")
    if keep:
        (out / f"{paper.name}.pdf").write_bytes(pdf)


if __name__ == "__main__":
    main()
