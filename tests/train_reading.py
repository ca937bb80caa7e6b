"""Fits the ranker and the calibration of the reading to drawn invoices.

PYTHONPATH=tests:. python tests/train_reading.py rows OUT DATA…    words and truth to rows of features (with the project's own environment)
PYTHONPATH=tests:. python tests/train_reading.py fit OUT           rows to ocr/models/reading.npz (with the group « training »)

DATA are folders that `tests/drawn` wrote: NAME.json and NAME.pages.json. Layouts are never on both sides of a fold.
Seeded, one thread: the same rows give the same file.
"""

import argparse
import hashlib
import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

import numpy as np

from ocr.chances import candidate_tables
from ocr.features import Paper
from ocr.fields import choices
from ocr.identifiers import vat_siren
from ocr.layout import fold, lay_out
from ocr.ranker import TARGETS, Trees, write_model
from ocr.text import from_json
from ocr.totals import amount_votes

SEED = 20261122
FOLDS = 5
SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 12,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": SEED,
    "verbosity": -1,
}
ROUNDS = 150


# --- words and truth to rows ---


def rows_of(truth: dict, pages: list) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each kind of candidate its features and, a column for each target, whether it is that: 1, 0; -1 where the truth is silent."""
    sheets = lay_out(pages)
    told = {}
    for kind, table in candidate_tables(Paper(sheets), choices(sheets), amount_votes(sheets)).items():
        labels = [[label_of(name, candidate.value, truth) for name in TARGETS[kind]] for candidate in table.candidates]
        told[kind] = table.rows, np.asarray(labels, np.int8).reshape(len(labels), len(TARGETS[kind]))
    return told


def label_of(name: str, value: object, truth: dict) -> int:
    if name in {"supplier", "buyer"}:
        own = {plain(truth.get(f"{name}_{kind}") or "") for kind in ("siren", "siret", "vat_id")} - {""}
        own |= {number[:9] for number in own if re.fullmatch(r"\d{14}", number)} | {vat_siren(number) or number for number in own}
        return int(plain(value) in own)
    true = truth.get(name)
    if true is not None and name.endswith("_name"):
        return int(same_name(true, value))
    if true is None:
        return 0 if name in truth else -1
    if isinstance(value, Decimal):
        try:
            return int(abs(Decimal(str(true))) == value)
        except InvalidOperation:
            return -1
    return int(plain(true) == plain(value))


def same_name(true: str, value: object) -> bool:
    """Without case, accents and spacing."""
    return re.sub(r"\W", "", fold(true)) == re.sub(r"\W", "", fold(str(value)))


def plain(value: object) -> str:
    return re.sub(r"[\s.]", "", str(value)).upper()


def read_document(path: Path) -> tuple[str, dict]:
    """Layout and rows of one document."""
    truth = json.loads(path.read_text(encoding="utf-8"))
    pages = [from_json(page) for page in json.loads(path.with_suffix(".pages.json").read_text(encoding="utf-8"))]
    return truth.get("_meta", {}).get("layout", path.stem), rows_of(truth, pages)


def write_rows(folders: list[Path], out: Path, jobs: int) -> None:
    paths = sorted(path for folder in folders for path in folder.glob("*.json") if not path.name.endswith(".pages.json"))
    with ProcessPoolExecutor(jobs) as pool:
        documents = list(pool.map(read_document, paths, chunksize=50))
    stored = {"layouts": np.asarray([layout for layout, _ in documents]), "names": np.asarray([path.stem for path in paths])}
    for kind in TARGETS:
        tables = [told[kind] for _, told in documents]
        stored[f"{kind}_rows"] = np.concatenate([rows for rows, _ in tables])
        stored[f"{kind}_labels"] = np.concatenate([labels for _, labels in tables])
        stored[f"{kind}_owner"] = np.repeat(np.arange(len(tables)), [len(rows) for rows, _ in tables])
    np.savez_compressed(out, **stored)


# --- rows to trees ---


def fit(rows: np.ndarray, labels: np.ndarray, rounds: int = ROUNDS):
    import lightgbm

    return lightgbm.train(SETTINGS, lightgbm.Dataset(rows, labels, free_raw_data=False), rounds)


def trees_of(booster) -> Trees:
    """LightGBM's trees as one table."""
    nodes: list = []

    def add(node: dict) -> int:
        place = len(nodes)
        nodes.append(None)
        if "leaf_value" in node:
            nodes[place] = (0, np.float32(0), place, place, np.float32(node["leaf_value"]))
            return place
        if node["decision_type"] != "<=" or node["missing_type"] not in {"None", "Zero"}:
            raise ValueError(f"A split that cannot be evaluated: {node['decision_type']}, {node['missing_type']}")
        threshold = np.float32(node["threshold"])
        if float(threshold) > node["threshold"]:
            threshold = np.nextafter(threshold, np.float32(-np.inf))
        left, right = add(node["left_child"]), add(node["right_child"])
        nodes[place] = (node["split_feature"], threshold, left, right, np.float32(0))
        return place

    roots = [add(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    columns = list(zip(*nodes, strict=True))
    kinds = (np.int16, np.float32, np.int32, np.int32, np.float32)
    return Trees(np.asarray(roots, np.int32), *(np.asarray(column, kind) for column, kind in zip(columns, kinds, strict=True)))


def folds_of(layouts: np.ndarray) -> np.ndarray:
    """The fold of each document: layouts stay together, the larger ones are dealt out first."""
    names, counts = np.unique(layouts, return_counts=True)
    fold_of, sizes = {}, [0] * FOLDS
    for name, size in sorted(zip(names, counts, strict=True), key=lambda each: (-each[1], each[0])):
        fold_of[name] = min(range(FOLDS), key=lambda fold: sizes[fold])
        sizes[fold_of[name]] += size
    return np.asarray([fold_of[name] for name in layouts])


def guess_outside(rows: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Log-odds of each row by trees that never saw its layout."""
    guessed = np.zeros(len(rows))
    for turn in range(FOLDS):
        ours, theirs = (folds != turn) & (labels >= 0), folds == turn
        guessed[theirs] = fit(rows[ours], labels[ours]).predict(rows[theirs], raw_score=True)
    return guessed


def write_ranker(stored: dict, out: Path) -> None:
    """The model file, and beside it what trees that never saw a layout say of its documents."""
    folds = folds_of(stored["layouts"])
    trees, outside = {}, {}
    for kind, targets in TARGETS.items():
        rows, labels, owner = (stored[f"{kind}_{part}"] for part in ("rows", "labels", "owner"))
        for column, target in enumerate(targets):
            own = labels[:, column]
            if (own == 1).sum() < 100:
                continue
            outside[target] = guess_outside(rows, own, folds[owner])
            trees[target] = trees_of(fit(rows[own >= 0], own[own >= 0]))
            print(target, *told_of(own, outside[target], owner), flush=True)
    out.write_bytes(write_model(trees))
    np.savez_compressed(out.with_suffix(".outside.npz"), **outside)
    print(out.stat().st_size, "bytes", hashlib.sha256(out.read_bytes()).hexdigest())


def told_of(labels: np.ndarray, scores: np.ndarray, owner: np.ndarray) -> tuple[int, int]:
    """Documents whose first candidate is right, of those that have a right one."""
    right = of = 0
    for begin, end in spans_of(owner):
        if (labels[begin:end] == 1).any():
            of += 1
            right += int(labels[begin + int(np.argmax(scores[begin:end]))] == 1)
    return right, of


def spans_of(owner: np.ndarray) -> list[tuple[int, int]]:
    """Where the rows of each document begin and end."""
    if not len(owner):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
    return list(pairwise(cuts))


def main() -> int:
    parser = argparse.ArgumentParser(description="Fit the ranker and the calibration of the reading to drawn invoices.")
    steps = parser.add_subparsers(dest="step", required=True)
    rows = steps.add_parser("rows")
    rows.add_argument("out", type=Path)
    rows.add_argument("data", type=Path, nargs="+")
    rows.add_argument("--jobs", type=int, default=1)
    fitted = steps.add_parser("fit")
    fitted.add_argument("rows", type=Path)
    fitted.add_argument("out", type=Path)
    chosen = parser.parse_args()
    if chosen.step == "rows":
        write_rows(chosen.data, chosen.out, chosen.jobs)
    else:
        with np.load(chosen.rows, allow_pickle=False) as stored:
            write_ranker(dict(stored), chosen.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
