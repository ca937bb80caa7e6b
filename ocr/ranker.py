"""How likely each candidate is each field: boosted trees, fitted to drawn invoices by `tests/train_reading.py`, evaluated here with numpy.

The trees are a table in `ocr/models/`; what is loaded has the hash that is written here, or nothing is loaded.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ocr.features import Rows

MODEL = Path(__file__).parent / "models" / "reading.npz"
SHA256 = "e02d5489c77e7b3e4635e2a7c45583f8d9d973623110a70388078a3b4a0d687b"
"""Of the model file; a file that differs is not used."""
_DEEPEST = 64
"""No branch is longer: a broken table ends too."""

SURE = "sure"
"""The trees that say how sure a decided value is."""
TARGETS: dict[str, tuple[str, ...]] = {
    "numbers": ("invoice_number", "order_reference"),
    "days": ("issue_date", "due_date", "delivery_date"),
    "companies": ("supplier", "buyer"),
    "accounts": ("iban",),
    "names": ("supplier_name", "buyer_name"),
    "amounts": ("total_net", "total_tax", "total_gross", "amount_due", "paid_amount"),
}
"""What is asked of each kind of candidate."""


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of trees: nodes of all trees in one table, the children of a leaf are itself."""

    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int16]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]

    def logits(self, rows: Rows) -> npt.NDArray[np.float64]:
        """Log-odds of each row: the sum of the leaves that it falls into."""
        node = np.repeat(self.roots[None, :], len(rows), axis=0)
        lines = np.arange(len(rows))[:, None]
        for _ in range(_DEEPEST):
            below = np.where(rows[lines, self.feature[node]] <= self.threshold[node], self.left[node], self.right[node])
            if np.array_equal(below, node):
                break
            node = below
        return np.asarray(self.value[node].sum(axis=1, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Ranker:
    """All trees by target, and what they are called in the record."""

    trees: Mapping[str, Trees]
    version: str
    scale: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    """By field (or `no_` and its name, where it is missing): log-odds of the trees « sure », rising, over the share that was right."""

    def odds(self, target: str, rows: Rows) -> npt.NDArray[np.float64]:
        """Log-odds of each row; -30 where the target is unknown."""
        if target not in self.trees or not len(rows):
            return np.full(len(rows), -30.0)
        return np.clip(self.trees[target].logits(rows), -30.0, 30.0)

    def sureness(self, kinds: Sequence[str], rows: Rows) -> npt.NDArray[np.float64]:
        """For each row the share of such values that was right where it was measured; 0.5 where its kind was not."""
        odds = self.odds(SURE, rows)
        told = [np.interp(one, *self.scale[kind]) if kind in self.scale else 0.5 for kind, one in zip(kinds, odds, strict=True)]
        return np.asarray(told, np.float64)


@lru_cache(maxsize=1)
def own_ranker() -> Ranker | None:
    """The model of this version; None where its file is missing or not the one that was measured."""
    try:
        data = MODEL.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() != SHA256:
        return None
    return read_model(data, f"reading {SHA256[:8]}")


def read_model(data: bytes, version: str) -> Ranker:
    """The inverse of `write_model`. Raises ValueError or KeyError where the bytes are no model."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        targets = [str(name) for name in stored["targets"]]
        parts = [stored[name] for name in ("feature", "threshold", "left", "right", "value")]
        trees = {}
        for index, target in enumerate(targets):
            begin, end = (int(place) for place in stored["places"][index])
            feature, threshold, left, right, value = (part[begin:end] for part in parts)
            trees[target] = Trees(stored["roots"][stored["owners"] == index], feature, threshold, left, right, value)
        scale = {str(name): stored["scale"][:, index] for index, name in enumerate(stored["scaled"])}
    return Ranker(trees, version, scale)


def write_model(trees: Mapping[str, Trees], scale: Mapping[str, npt.NDArray[np.float64]]) -> bytes:
    """All trees in one compressed file without a date or a path, the same bytes for the same trees."""
    sizes = np.cumsum([0, *(len(own.feature) for own in trees.values())])
    scales = np.stack(list(scale.values()), axis=1) if scale else np.zeros((2, 0, 2))
    stored = io.BytesIO()
    np.savez_compressed(
        stored,
        targets=np.asarray(list(trees)),
        places=np.stack([sizes[:-1], sizes[1:]], axis=1).astype(np.int32),
        roots=np.concatenate([own.roots for own in trees.values()]),
        owners=np.concatenate([np.full(len(own.roots), index, np.int16) for index, own in enumerate(trees.values())]),
        feature=np.concatenate([own.feature for own in trees.values()]),
        threshold=np.concatenate([own.threshold for own in trees.values()]),
        left=np.concatenate([own.left for own in trees.values()]),
        right=np.concatenate([own.right for own in trees.values()]),
        value=np.concatenate([own.value for own in trees.values()]),
        scaled=np.asarray(list(scale), dtype=str),
        scale=scales,
    )
    return stored.getvalue()
