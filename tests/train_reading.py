"""Fits the ranker and the measured confidence of the reading to drawn invoices.

make train DATA="dir dir" [OUT=dir] [JOBS=1]

DATA are folders that `tests/drawn` wrote: NAME.json (truth) and NAME.pages.json (words). Four steps, each of which leaves a file in OUT:
  rows.npz     a row of features for each candidate, and what it is;
  fold0…4.npz  trees that never saw a fifth of the layouts, and all.npz: trees that saw all;
  sure.npz     every field of every document as trees decide that never saw its layout, and whether it is right;
  ocr/models/reading.npz: the trees of all, the trees of confidence and their scale; its hash is written into ocr/ranker.py.
Seeded, one thread: the same words give the same file.
"""

import argparse
import hashlib
import json
import math
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from ocr import labels
from ocr.chances import candidate_tables
from ocr.features import Paper, names_of
from ocr.fields import choices, decide
from ocr.identifiers import vat_siren
from ocr.layout import fold, lay_out
from ocr.ranker import MODEL, SURE, TARGETS, Ranker, Trees, read_model, write_model
from ocr.sureness import COLUMNS, FALLING, RISING, evidence_of
from ocr.text import from_json
from ocr.totals import amount_votes
from ocr.values import LISTS, Field, Known, Source, fields_json

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
LEFT_OUT = {"x0", "x1"}
"""Columns that told layouts apart rather than fields: without them layouts never seen are read as well or better."""
SURE_SETTINGS = SETTINGS | {"num_leaves": 8, "min_data_in_leaf": 40, "learning_rate": 0.05, "monotone_constraints_method": "advanced"}
SURE_ROUNDS = 200
PROMISE = 0.005
"""Of green values, at most this share wrong: the upper end of the one-sided 95 % interval."""
GREEN = 0.995
KNOTS = 24


# --- words and truth to rows ---


def rows_of(truth: dict, pages: list) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each kind of candidate its features and, a column for each target, whether it is that: 1, 0; -1 where the truth is silent."""
    sheets = lay_out(pages)
    told = {}
    for kind, table in candidate_tables(Paper(sheets), choices(sheets), amount_votes(sheets)).items():
        truths = [[label_of(name, candidate.value, truth) for name in TARGETS[kind]] for candidate in table.candidates]
        told[kind] = table.rows, np.asarray(truths, np.int8).reshape(len(truths), len(TARGETS[kind]))
    return told


def label_of(name: str, value: object, truth: dict) -> int:
    if name in {"supplier", "buyer"}:
        return int(plain(value) in companies_of(name, truth))
    true = truth.get(name)
    if true is None:
        return 0 if name in truth and not is_in_table(name, value, truth) else -1
    if name.endswith("_name"):
        return int(same_name(true, value))
    if isinstance(value, Decimal):
        return int(abs(Decimal(str(true))) == value)
    return int(plain(true) == plain(value))


def companies_of(side: str, truth: dict) -> set[str]:
    """Every way to name the company of one side: its SIREN, or its identifiers."""
    own = {plain(truth.get(f"{side}_{kind}") or "") for kind in ("siren", "siret", "vat_id")} - {""}
    return own | {number[:9] for number in own if re.fullmatch(r"\d{14}", number)} | {vat_siren(number) or number for number in own}


def plain(value: object) -> str:
    return re.sub(r"[\s.]", "", str(value)).upper()


def is_in_table(name: str, value: object, truth: dict) -> bool:
    """A sum that the truth does not tell, yet the tax table prints: whether it is on the page is a matter of words."""
    part = {"total_net": "base", "total_tax": "tax"}.get(name)
    sums = [Decimal(str(row[part] or 0)) for row in truth.get("vat_breakdown") or []] if part else []
    return isinstance(value, Decimal) and abs(value) in {*map(abs, sums), abs(sum(sums, Decimal(0)))}


def same_name(true: str, value: object) -> bool:
    """Without case, accents and spacing."""
    return re.sub(r"\W", "", fold(true)) == re.sub(r"\W", "", fold(str(value)))


FORGOTTEN = (0.0, 0.0, 0.08, 0.16)
"""Shares of the labels that are forgotten, each in as many documents: a supplier never seen has words that no list holds, and what was
learned from pages whose every label is known would not hold for it."""


class _Forgetful(dict):
    """Phrases with a share of them left out, the same ones whenever a document is read."""

    def __init__(self, phrases: dict, seed: str, share: float) -> None:
        super().__init__()
        self._phrases, self._seed, self._least = phrases, seed, share * 2**32

    def get(self, phrase, default=None):
        meaning = self._phrases.get(phrase, default)
        return default if meaning and zlib.crc32(f"{self._seed} {phrase}".encode()) < self._least else meaning


@contextmanager
def forgetting(name: str) -> Iterator[None]:
    """Labels are looked up as if this document's share of them had never been listed."""
    share = FORGOTTEN[zlib.crc32(name.encode()) % len(FORGOTTEN)]
    known = labels._phrases
    labels._phrases = lambda vocabulary: (_Forgetful(known(vocabulary)[0], name, share), known(vocabulary)[1])
    labels.labels_in.cache_clear()
    try:
        yield
    finally:
        labels._phrases = known
        labels.labels_in.cache_clear()


def read_document(path: Path) -> tuple[str, dict]:
    """Layout and rows of one document."""
    truth = json.loads(path.read_text(encoding="utf-8"))
    pages = [from_json(page) for page in json.loads(path.with_suffix(".pages.json").read_text(encoding="utf-8"))]
    with forgetting(path.stem):
        return truth.get("_meta", {}).get("layout", path.stem), rows_of(truth, pages)


def write_rows(folders: Sequence[Path], out: Path, jobs: int) -> None:
    paths = paths_in(folders)
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


def fit(rows: np.ndarray, labels: np.ndarray, names: Sequence[str]):
    """A column that is left out is nought in all rows."""
    import lightgbm

    rows = rows.copy()
    rows[:, [index for index, name in enumerate(names) if name in LEFT_OUT]] = 0.0
    return lightgbm.train(SETTINGS, lightgbm.Dataset(rows, labels), ROUNDS)


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


def fit_rankers(stored: dict, out: Path) -> None:
    """Trees of each fold and of all; prints how often the first candidate is right on layouts never seen."""
    folds = folds_of(stored["layouts"])
    made: dict[int, dict[str, Trees]] = {turn: {} for turn in range(FOLDS + 1)}
    for kind, targets in TARGETS.items():
        rows, labels, owner = (stored[f"{kind}_{part}"] for part in ("rows", "labels", "owner"))
        for column, target in enumerate(targets):
            own, guessed = labels[:, column], np.zeros(len(rows))
            for turn in range(FOLDS + 1):
                seen = (folds[owner] != turn) & (own >= 0)
                booster = fit(rows[seen], own[seen], names_of(kind))
                made[turn][target] = trees_of(booster)
                if turn < FOLDS:
                    guessed[folds[owner] == turn] = booster.predict(rows[folds[owner] == turn], raw_score=True)
            right, of = told_of(own, guessed, owner)
            print(f"  {target:18s} first candidate right on layouts never seen: {right} of {of}", flush=True)
    for turn, trees in made.items():
        (out / (f"fold{turn}.npz" if turn < FOLDS else "all.npz")).write_bytes(write_model(trees, {}))


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


# --- decided values to confidence ---


def sure_rows(task: tuple[Path, Path]) -> tuple[list[str], np.ndarray, list[int]]:
    """Kinds of values, their evidence, and whether each is right (1, 0; -1: the truth is silent), as the ranker in a file decides."""
    path, model = task
    truth = json.loads(path.read_text(encoding="utf-8"))
    pages = [from_json(page) for page in json.loads(path.with_suffix(".pages.json").read_text(encoding="utf-8"))]
    with forgetting(path.stem):
        decided = decide(lay_out(pages), Known(), _ranker_in(model))
        names, rows = evidence_of(decided)
    read = fields_json(dict(decided.fields))
    kinds = [name if name in decided.fields else f"no_{name}" for name in names]
    return kinds, rows, [rightness(name, truth, read, decided.fields.get(name)) for name in names]


@lru_cache(maxsize=FOLDS + 1)
def _ranker_in(path: Path) -> Ranker:
    return read_model(path.read_bytes(), path.stem)


def rightness(name: str, truth: dict, read: dict, field: Field | None) -> int:
    if name not in truth:
        return -1
    true = truth[name]
    if field is None:
        return int(true is None)
    if name in LISTS:
        return int(same_rows(name, true, read[name]))
    if true is None:
        return -1 if field.source is not Source.READ or is_in_table(name, field.value, truth) else 0
    return int(same_value(name, true, field))


def same_value(name: str, true: str, field: Field) -> bool:
    if name.endswith("_name"):
        return same_name(true, field.value)
    if isinstance(field.value, Decimal):
        return abs(Decimal(str(true))) == abs(field.value)
    return plain(true) == plain(field.value)


def same_rows(name: str, true: list, read: list) -> bool:
    """Tax lines to the cent; lines of goods by their net amounts."""
    if name == "vat_breakdown":
        return sorted(_told_row(row) for row in true) == sorted(_told_row(row) for row in read)
    return [row["net"] and abs(Decimal(row["net"])) for row in true] == [row["net"] and abs(Decimal(row["net"])) for row in read]


def _told_row(row: dict) -> tuple:
    return tuple(abs(Decimal(str(row[key] or 0))) for key in ("rate", "base", "tax"))


def write_sure(folders: Sequence[Path], out: Path, jobs: int) -> None:
    paths = paths_in(folders)
    with np.load(out / "rows.npz", allow_pickle=False) as stored:
        layouts = stored["layouts"]
    tasks = [(path, out / f"fold{fold}.npz") for path, fold in zip(paths, folds_of(layouts), strict=True)]
    with ProcessPoolExecutor(jobs) as pool:
        told = list(pool.map(sure_rows, tasks, chunksize=50))
    np.savez_compressed(
        out / "sure.npz",
        layouts=layouts,
        kinds=np.asarray([kind for kinds, _, _ in told for kind in kinds]),
        rows=np.concatenate([rows for _, rows, _ in told]),
        right=np.asarray([one for _, _, right in told for one in right], np.int8),
        owner=np.repeat(np.arange(len(told)), [len(kinds) for kinds, _, _ in told]),
    )


def fit_sureness(stored: dict) -> tuple[Trees, dict[str, np.ndarray], np.ndarray]:
    """Trees and scale, and the confidence of each row by trees that never saw its layout."""
    import lightgbm

    folds = folds_of(stored["layouts"])[stored["owner"]]
    rows, right, known = stored["rows"], stored["right"], stored["right"] >= 0
    settings = SURE_SETTINGS | {"monotone_constraints": [int(name in RISING) - int(name in FALLING) for name in COLUMNS]}
    odds = np.zeros(len(rows))
    for turn in range(FOLDS):
        seen = known & (folds != turn)
        odds[folds == turn] = lightgbm.train(settings, lightgbm.Dataset(rows[seen], right[seen]), SURE_ROUNDS).predict(
            rows[folds == turn], raw_score=True
        )
    booster = lightgbm.train(settings, lightgbm.Dataset(rows[known], right[known]), SURE_ROUNDS)
    scale, sure = {}, np.full(len(rows), 0.5)
    for kind in sorted(set(stored["kinds"])):
        own = known & (stored["kinds"] == kind)
        if own.sum() >= 50:
            scale[kind] = scale_of(odds[own], right[own])
            sure[own] = np.interp(odds[own], *scale[kind])
    return trees_of(booster), scale, sure


def scale_of(odds: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Log-odds, rising, over confidence: the share that was right by isotonic regression, cut so that green keeps its promise.

    Green begins where, of all values surer than that, the upper end of the interval of what was wrong is within the promise; where there
    are too few to say so, nothing is green."""
    order = np.argsort(odds, kind="stable")
    odds, right = odds[order], right[order].astype(float)
    levels = rising(right)
    green = green_from(right)
    shares = np.minimum(levels, GREEN - 0.0005)
    if green < len(odds):
        wrong = len(right) - green - right[green:].sum()
        best = 1 - (wrong + 0.5) / (len(right) - green + 1)
        shares[green:] = np.linspace(GREEN, max(GREEN, min(0.9995, best)), len(right) - green)
    places = np.unique(
        np.concatenate([np.linspace(0, len(odds) - 1, KNOTS - 2).round().astype(int), [green - 1, green]]).clip(0, len(odds) - 1)
    )
    places = np.concatenate([places, np.full(KNOTS - len(places), places[-1])])
    return np.stack([odds[places], shares[places]])


def green_from(right: np.ndarray) -> int:
    """The first place from which green keeps its promise; the length where none does. `right` is sorted by odds."""
    wrong = np.cumsum(1 - right[::-1])[::-1]
    for place in range(len(right)):
        if keeps(int(wrong[place]), len(right) - place):
            return place
    return len(right)


def keeps(wrong: int, of: int) -> bool:
    """Whether the upper end of the one-sided 95 % interval of the share (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934) is
    within the promise: were it just the promise, so few wrong ones would be seen in at most one sample of twenty."""
    if wrong > PROMISE * of:
        return False
    chances = (math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * math.log(PROMISE) for k in range(wrong + 1))
    return sum(math.exp(chance + (of - k) * math.log1p(-PROMISE)) for k, chance in enumerate(chances)) <= 0.05


def rising(values: np.ndarray) -> np.ndarray:
    """Isotonic regression by pooling neighbours that fall (M. Ayer and others, Annals of Mathematical Statistics 26, 1955)."""
    pools: list[list[float]] = []
    for value in values:
        pools.append([float(value), 1.0])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (last, many), (before, more) = pools.pop(), pools.pop()
            pools.append([(last * many + before * more) / (many + more), many + more])
    return np.concatenate([np.full(int(size), level) for level, size in pools])


def report_sureness(stored: dict, sure: np.ndarray) -> list[str]:
    """By kind: how many, how many right, how many green and how many of these wrong, on layouts never seen."""
    lines = []
    for kind in sorted(set(stored["kinds"])):
        own = (stored["kinds"] == kind) & (stored["right"] >= 0)
        green = own & (sure >= GREEN)
        right = int((stored["right"][own] == 1).sum())
        wrong = int((stored["right"][green] == 0).sum())
        lines.append(f"  {kind:20s} {own.sum():6d} decided, {right:6d} right, {green.sum():6d} green, {wrong} of them wrong")
    return lines


def keep_hash(data: bytes) -> str:
    """Writes the hash of the model into the module that asks for it."""
    told = hashlib.sha256(data).hexdigest()
    module = MODEL.parent.parent / "ranker.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(re.sub(r'^SHA256 = "[0-9a-f]*"', f'SHA256 = "{told}"', text, flags=re.MULTILINE), encoding="utf-8")
    return told


def paths_in(folders: Iterable[Path]) -> list[Path]:
    return sorted(path for folder in folders for path in folder.glob("*.json") if path.with_suffix(".pages.json").exists())


def main() -> int:
    parser = argparse.ArgumentParser(description="Fit the ranker and the measured confidence of the reading to drawn invoices.")
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("var/training"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--step", choices=["rows", "fit", "sure", "scale"], help="this one alone, on what the others left in OUT")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.step in {None, "rows"}:
        write_rows(chosen.data, chosen.out / "rows.npz", chosen.jobs)
    if chosen.step in {None, "fit"}:
        with np.load(chosen.out / "rows.npz", allow_pickle=False) as stored:
            fit_rankers(dict(stored), chosen.out)
    if chosen.step in {None, "sure"}:
        write_sure(chosen.data, chosen.out, chosen.jobs)
    if chosen.step in {None, "scale"}:
        with np.load(chosen.out / "sure.npz", allow_pickle=False) as stored:
            told = dict(stored)
        trees, scale, sure = fit_sureness(told)
        data = write_model({**read_model((chosen.out / "all.npz").read_bytes(), "").trees, SURE: trees}, scale)
        MODEL.parent.mkdir(exist_ok=True)
        MODEL.write_bytes(data)
        print("\n".join(report_sureness(told, sure)))
        print(f"{len(data)} bytes, {keep_hash(data)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
