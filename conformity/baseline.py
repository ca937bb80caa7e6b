"""What a scanner's pages usually look like, learned from its own accepted pages, and what on a new page is not like them.

A signature is a handful of numbers per page; a baseline is the middle and the spread of each over a scanner's pages. Whatever lies far
outside is an *indicator*: told to compliance, never shown to the operator, never blocking. Before it has learned enough pages a
baseline only tells what no scanner is expected to do.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.catalogue import finding
from capture.findings import Finding
from capture.raster import Raster
from capture.scan import Model
from conformity.paper import Levels, PlainPaper, count_levels, find_plain, flat_border, plain_noise, solid_white, white_share

LEAST_PAGES = 20
"""Accepted pages of one scanner before its baseline speaks: fewer do not tell the spread of papers and layouts."""
SMALLEST = 256
"""Pixels per side below which nothing is measured."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What one page's pixels show, each a plain number; None where the page has too little plain paper to tell."""

    noise: float | None = None
    """Base-2 logarithm of the finest noise of plain paper, in grey levels: one less is half as loud."""
    corner: float | None = None
    """Base-2 logarithm: how the finest detail falls off where both axes are fine; about 0 for a sensor."""
    white: float | None = None
    """Share of pixels at the highest level in every channel, 0 to 1. Bright paper under a bright lamp has many."""
    solid: float | None = None
    """Share of the page in blocks of pure white without any noise, 0 to 1."""
    border: float | None = None
    """Share of the page's rim without any noise, beyond that within the page, 0 to 1."""

    def as_json(self) -> dict[str, float | None]:
        """By name, rounded to six digits."""
        return {name: None if value is None else round(value, 6) for name, value in _values(self).items()}

    @classmethod
    def from_json(cls, told: Mapping[str, float | None]) -> "Signature":
        """Names that this version does not know are passed over, so that signatures noted by another version still load."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in told.items() if name in known})


@dataclass(frozen=True, slots=True)
class Usual:
    """The middle of one measure over a scanner's pages, and its spread (1.4826 times the median absolute deviation)."""

    middle: float
    spread: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """One scanner's usual pages, at one resolution. `Baseline()` has learned nothing."""

    pages: int = 0
    usual: Mapping[str, Usual] = field(default_factory=dict)

    @property
    def learned(self) -> bool:
        return self.pages >= LEAST_PAGES

    def as_json(self) -> dict[str, object]:
        """Pages seen, and [middle, spread] by the name of the measure."""
        return {"pages": self.pages, "usual": {name: [each.middle, each.spread] for name, each in sorted(self.usual.items())}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Baseline":
        """Raises KeyError, TypeError or ValueError where `told` is not what `as_json` wrote."""
        usual = {str(name): Usual(float(middle), float(spread)) for name, (middle, spread) in told["usual"].items()}
        return cls(int(told["pages"]), usual)


@dataclass(frozen=True, slots=True)
class Watch:
    """How far one measure may stray before it is told, and as what."""

    measure: str
    code: str
    side: int
    """+1 where too much is told, -1 where too little is."""
    room: float
    """What a page may differ from its scanner's middle at least, however alike the learned pages were."""
    prior: float | None
    """The bound for a scanner that has learned too little, and for its baseline itself; None where only a baseline can tell."""


SPREADS = 6.0
"""Spreads from the middle at which a page counts as unlike its scanner's others."""
WATCHES: tuple[Watch, ...] = (
    # Plain paper gets half as loud under a median or a turn, 1.6 times as loud under a sharpening; temperature and tone change it by less.
    Watch("noise", "smoothed-noise", -1, 0.3, None),
    Watch("corner", "smoothed-noise", -1, 0.5, -0.8),
    Watch("noise", "sharpened-noise", +1, 0.45, None),
    Watch("solid", "clipped-white", +1, 0.1, 0.5),
    Watch("white", "clipped-white", +1, 0.15, None),
    Watch("border", "flat-border", +1, 0.05, 0.08),
)


def measure(raster: Raster) -> Signature | None:
    """The page's signature; None for what is not 8-bit colour, for its noise is another one, or is smaller than 256 pixels a side."""
    if raster.bits != 8 or raster.model is not Model.RGB or raster.channels != 3 or min(raster.width, raster.height) < SMALLEST:
        return None
    samples = raster.samples.view(np.uint8)
    green = np.ascontiguousarray(samples[..., 1])
    return sign(samples, green, count_levels(samples), find_plain(green))


def sign(samples: Levels, green: Levels, counts: npt.NDArray[np.int64], paper: PlainPaper) -> Signature:
    """The signature from what is known of an 8-bit colour page: its samples, one channel, its histogram and its plain paper."""
    noise = plain_noise(paper)
    return Signature(
        noise=math.log2(noise.fine) if noise else None,
        corner=noise.corner if noise else None,
        white=white_share(counts),
        solid=solid_white(green),
        border=flat_border(samples),
    )


def learn(signatures: Iterable[Signature]) -> Baseline:
    """A baseline from the signatures of a scanner's accepted pages, in any order: all of them, or the last few hundred.

    Median and median absolute deviation, so that a third of odd pages among them moves it little.
    """
    known = list(signatures)
    usual = {}
    for each in fields(Signature):
        values = [value for signature in known if (value := getattr(signature, each.name)) is not None]
        if len(values) >= LEAST_PAGES:
            middle = float(np.median(values))
            usual[each.name] = Usual(middle, 1.4826 * float(np.median(np.abs(np.array(values) - middle))))
    return Baseline(len(known), usual)


def indicators(signature: Signature, baseline: Baseline, page: int | None = None) -> tuple[Finding, ...]:
    """What is not as this scanner's pages usually are, each code once; every finding's certainty is INDICATOR and its level INFO."""
    found: dict[str, Finding] = {}
    for watch in WATCHES:
        value, bound = getattr(signature, watch.measure), _bound(watch, baseline)
        if value is not None and bound is not None and watch.side * (value - bound) > 0:
            found.setdefault(watch.code, finding(watch.code, page=page, measured=_told(watch, value), limit=_told(watch, bound)))
    return tuple(found.values())


def doubts(baseline: Baseline) -> tuple[Finding, ...]:
    """What no scanner is expected to do on all its pages: a device that always treats them looks usual page by page."""
    if not baseline.learned:
        return ()
    middles = {name: usual.middle for name, usual in baseline.usual.items()}
    return indicators(Signature.from_json(middles), Baseline())


def _bound(watch: Watch, baseline: Baseline) -> float | None:
    usual = baseline.usual.get(watch.measure) if baseline.learned else None
    return watch.prior if usual is None else usual.middle + watch.side * max(watch.room, SPREADS * usual.spread)


def _told(watch: Watch, value: float) -> str:
    """As a person reads it: noise in grey levels, shares in percent."""
    if watch.measure == "noise":
        return f"{2**value:.2f}"
    return f"{100 * value:.1f} %" if watch.measure in ("white", "solid", "border") else f"{value:.2f}"


def _values(signature: Signature) -> dict[str, float | None]:
    return {each.name: getattr(signature, each.name) for each in fields(signature)}
