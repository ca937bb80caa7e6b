"""Is this page a faithful copy? One small function per question; every answer is a finding or nothing.

Art. A102 B-2 LPF asks for an identical copy, colours, no treatment, no loss; figures such as 300 dpi are house policy.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from capture.catalogue import finding
from capture.findings import Finding, Level
from capture.raster import Raster
from capture.scan import Model, Page
from conformity import forensics
from conformity.baseline import SMALLEST, Baseline, Signature, indicators, sign
from conformity.limits import COARSE_DPI, EXACT_SHEET, SHEETS, USUAL_DPI, Limits
from conformity.paper import PlainPaper, count_levels, find_plain

Check: TypeAlias = Callable[[Page, Limits], Finding | None]
CODEC_NAMES = {"dct": "JPEG", "jpeg": "JPEG", "jpeg2000_9_7": "JPEG 2000 (9-7)", "jpx_9_7": "JPEG 2000 (9-7)", "webp_lossy": "WebP"}
CODEC_NAMES |= dict.fromkeys(("jpeg2000_5_3", "jpx_5_3"), "JPEG 2000 (5-3, plans de bits manquants / bit-planes left out)")


# --- from the coding alone ---


def loses_detail(page: Page, _limits: Limits) -> Finding | None:
    if page.lossless is not False:
        return None
    return finding("lossy-compression", page=page.number, measured=CODEC_NAMES.get(page.codec, page.codec))


def proves_nothing(page: Page, _limits: Limits) -> Finding | None:
    """Codecs whose bytes do not tell whether they lose; JBIG2 with symbols may even change a character."""
    if page.lossless is not None:
        return None
    if page.codec == "jbig2_symbols":
        return finding("symbol-compression", page=page.number, measured=page.codec)
    return finding("unproven-compression", page=page.number, measured=page.codec)


def lacks_colour(page: Page, limits: Limits) -> Finding | None:
    codes = {Model.BILEVEL: "bilevel-image", Model.GRAY: "grey-image", Model.PALETTE: "palette-image"}
    if page.model in codes:
        return finding(codes[page.model], page=page.number, measured=page.codec)
    if page.model is Model.RGB and page.bits < limits.min_bits:
        return finding("few-bits", page=page.number, measured=str(page.bits), limit=str(limits.min_bits))
    return None


def unsupported(page: Page, _limits: Limits) -> Finding | None:
    """Codings that the archive cannot yet prove, held with a reason."""
    if page.model is Model.CMYK:
        return finding("cmyk", page=page.number, measured="CMYK")
    if page.model is Model.OTHER:
        return finding("unsupported-coding", page=page.number, measured=f"{page.codec}, {page.channels} × {page.bits} bits")
    if page.bits > 8:
        return finding("16-bit", page=page.number, measured=str(page.bits))
    return None


def transparent(page: Page, _limits: Limits) -> Finding | None:
    return finding("alpha", page=page.number) if page.alpha else None


def too_coarse(page: Page, limits: Limits) -> Finding | None:
    """On either axis; the computed value counts, not the tag."""
    if page.dpi is None or min(page.dpi) >= limits.floor_dpi:
        return None
    return finding("too-coarse", page=page.number, measured=_times(page.dpi), limit=f"{limits.min_dpi:g}")


def resolution_unknown(page: Page, limits: Limits) -> Finding | None:
    """Where the file is silent, pixels that fit a sheet at a usual resolution are taken for it, for a person to confirm.

    JPEG 2000 leaves the resolution to an optional box that most writers omit (ISO/IEC 15444-1 I.5.3.7): its silence is told, and holds
    the page only where its pixels fit a sheet below the policy (decision 0017).
    """
    if page.dpi is not None:
        return None
    limit, usual = f"{limits.min_dpi:g}", page.codec.startswith("jpeg2000")
    if fitting := fitting_sheet(page, limits):
        measured = f"{fitting[0]}, {fitting[1]:g} ppp / dpi"
        return finding("resolution-inferred", page=page.number, measured=measured, limit=limit, level=Level.INFO if usual else None)
    code = "resolution-unwritten" if usual and coarse_sheet(page, limits) is None else "resolution-unknown"
    return finding(code, page=page.number, measured=f"{page.width} × {page.height}", limit=limit)


def doubtful_resolution(page: Page, limits: Limits) -> Finding | None:
    """A device may write any figure. Pixels that are exactly a usual sheet at a coarse setting, and no known sheet at the stated one, are
    for a person to look at; a postcard may look so too.
    """
    if page.dpi is None or min(page.dpi) < limits.floor_dpi or _known_sheet(page, limits):
        return None
    coarse = coarse_sheet(page, limits)
    if coarse is None:
        return None
    measured = f"{_times(page.dpi)} ppp / dpi ; {page.width} × {page.height} = {coarse[0]}, {coarse[1]:g} ppp / dpi"
    return finding("doubtful-resolution", page=page.number, measured=measured, limit=f"{limits.min_dpi:g}")


def odd_sheet(page: Page, limits: Limits) -> Finding | None:
    """Told, and nothing more: receipts and small delivery notes are real paper."""
    if page.dpi is None or _known_sheet(page, limits):
        return None
    across, down = _millimetres(page, page.dpi)
    return finding("odd-sheet", page=page.number, measured=f"{across:.0f} × {down:.0f} mm")


def _known_sheet(page: Page, limits: Limits) -> bool:
    size = _millimetres(page, page.dpi) if page.dpi else (0.0, 0.0)
    return any(_near(size, way, limits.sheet_tolerance) for sheet in SHEETS.values() for way in (sheet, sheet[::-1]))


def _millimetres(page: Page, dpi: tuple[float, float]) -> tuple[float, float]:
    return round(page.width / dpi[0] * 25.4, 1), round(page.height / dpi[1] * 25.4, 1)


CHECKS: tuple[Check, ...] = (
    loses_detail,
    proves_nothing,
    lacks_colour,
    unsupported,
    transparent,
    too_coarse,
    resolution_unknown,
    doubtful_resolution,
    odd_sheet,
)


def judge_page(page: Page, limits: Limits) -> tuple[Finding, ...]:
    """What the coding alone says. A drawn page is no image; the scan's own finding says so."""
    if page.codec == "vector":
        return ()
    return tuple(found for check in CHECKS if (found := check(page, limits)) is not None)


def fitting_sheet(page: Page, limits: Limits) -> tuple[str, float] | None:
    """The known sheet, upright or lying, that the page's pixels fit at a usual resolution of the policy or more; the closest fit wins."""
    return _closest_sheet(page, [dpi for dpi in USUAL_DPI if dpi >= limits.floor_dpi], limits.sheet_tolerance)


def coarse_sheet(page: Page, limits: Limits) -> tuple[str, float] | None:
    """The known sheet that the page's pixels are, at a usual setting below the policy."""
    return _closest_sheet(page, [dpi for dpi in (*COARSE_DPI, *USUAL_DPI) if dpi < limits.floor_dpi], EXACT_SHEET)


def _closest_sheet(page: Page, settings: Sequence[float], tolerance: float) -> tuple[str, float] | None:
    best: tuple[float, str, float] | None = None
    for name, sheet in SHEETS.items():
        for dpi in settings:
            for across, down in (sheet, sheet[::-1]):
                wanted = (across / 25.4 * dpi, down / 25.4 * dpi)
                miss = max(abs(page.width / wanted[0] - 1), abs(page.height / wanted[1] - 1))
                if miss <= tolerance and (best is None or miss < best[0]):
                    best = (miss, name, dpi)
    return (best[1], best[2]) if best else None


# --- from the pixels ---


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one look at a page's pixels gave."""

    findings: tuple[Finding, ...]
    """Facts and strong traces first, then indicators (`capture.catalogue.certainty_of`)."""
    signature: Signature | None
    """To learn the scanner's baseline from, once the page is accepted; None where the page cannot teach anything."""


def inspect_raster(raster: Raster, page: Page, _limits: Limits, baseline: Baseline | None = None) -> Inspection:
    """What the pixels say beyond the coding, for 8-bit grey and colour; without `baseline` the scanner counts as unknown."""
    if raster.bits != 8 or raster.model not in (Model.RGB, Model.GRAY) or raster.channels not in (1, 3):
        return Inspection((), None)
    samples = raster.samples
    grey = np.ascontiguousarray(samples if samples.ndim == 2 else samples[..., 1]).view(np.uint8)
    found: list[Finding] = []
    signature = None
    if forensics.nearly_blank(grey):
        found.append(finding("blank-page", page=page.number))
    if levels := forensics.few_levels(grey):
        found.append(finding("few-levels", page=page.number, measured=str(levels), limit="4"))
    elif raster.model is Model.RGB and forensics.colourless(samples.view(np.uint8)):
        found.append(finding("grey-in-colour", page=page.number))
    if page.lossless is not False:  # A page that is lossy already is held for that.
        counts, paper = count_levels(samples.view(np.uint8)), find_plain(grey)
        found += _past_treatment(grey, paper, page)
        # What has no noise at all was drawn, and its histogram is the drawing program's.
        stretched = None if paper.drawn else forensics.stretched_tones(counts)
        if stretched:
            found.append(finding("stretched-tones", page=page.number, measured=str(stretched), limit=str(forensics.STRETCHED)))
        if raster.model is Model.RGB and min(grey.shape) >= SMALLEST:
            signature = sign(samples.view(np.uint8), grey, counts, paper)
            # What a fact explains needs no indicator: a JPEG or an enlargement smooths, a curve makes louder.
            if all(each.code == "blank-page" for each in found):
                found += indicators(signature, baseline or Baseline(), page.number)
    return Inspection(tuple(found), signature)


def _past_treatment(grey: forensics.Levels, paper: PlainPaper, page: Page) -> list[Finding]:
    """Odd and even sensor elements differ, and so may half steps of the feed: doubling alone is therefore for a person to look at."""
    grid, enlarged = forensics.find_traces(grey)
    found = []
    if grid:
        found.append(finding("lossy-history", page=page.number, measured=f"× {grid.strength:.1f}", limit=f"{forensics.GRID_PEAK:g}"))
    elif not enlarged and (quiet := forensics.quiet_blocks(paper)):
        found.append(finding("lossy-history", page=page.number, measured=f"× {quiet.strength:.1f}", limit=f"{forensics.QUIETER:g}"))
    if enlarged:
        level = Level.REVIEW if enlarged.what == "2:1" else None
        measured = f"{enlarged.what}, × {enlarged.strength:.1f}"
        found.append(finding("upsampled", page=page.number, measured=measured, limit=f"{forensics.ENLARGED_PEAK:g}", level=level))
    return found


# --- the whole ---


def verdict(findings: Iterable[Finding]) -> str:
    """conform, review or blocked, by the heaviest finding."""
    levels = {found.level for found in findings}
    if Level.BLOCKING in levels:
        return "blocked"
    return "review" if Level.REVIEW in levels else "conform"


def _times(pair: tuple[float, float]) -> str:
    x, y = (f"{value:.1f}".removesuffix(".0") for value in pair)
    return x if x == y else f"{x} × {y}"


def _near(size: tuple[float, float], sheet: tuple[float, float], tolerance: float) -> bool:
    return all(abs(a / b - 1) <= tolerance for a, b in zip(size, sheet, strict=True))
