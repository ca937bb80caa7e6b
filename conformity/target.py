"""Reads a scanned calibration target: what its pixels tell of the device, as plain measures. Judging them is the passport's.

The round marks give the affine map from the sheet's millimetres to pixels; everything else is looked for where that map puts it.
Measured: 0.15 s of CPU for an A4 page at 300 dpi; a page that bears no target's code costs nothing where its codes are known.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from capture import targets
from capture.decode import upright
from capture.raster import Raster
from capture.scan import Page
from capture.slips import TargetMark, parse_slip
from capture.targets import Box, Point

Levels: TypeAlias = npt.NDArray[np.uint8]
Reals: TypeAlias = npt.NDArray[np.float64]
Rgb: TypeAlias = tuple[float, float, float]

SIDES = ("left", "top", "right", "bottom")
COARSE = 4.0
"""Pixels per millimetre of the small copy in which the round marks are found."""
MAX_CANDIDATES = 9
FARTHEST = 1.0
"""Millimetres (root mean square) by which the marks may miss their places."""
FLAT_SIZE = (1400, 900)
"""Pixels across and down that are looked at in the empty area: enough for fringes of 0.2°."""
SLOWEST_FRINGE = 0.003
"""Cycles per pixel: the fringes of a page turned by 0.2°."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What the pixels of one side of the target tell. Levels are 0 (black) to 255."""

    dpi: tuple[float, float]
    """Real dots per inch along pixel columns' and rows' axes (x, y), from the marks."""
    turned: int
    """Degrees clockwise by which the sheet lies in the image: 0, 90, 180, 270."""
    mirrored: bool
    skew: float
    """Degrees clockwise by which the sheet lies askew beyond `turned`; the print's own tilt is taken off."""
    misfit: float
    """Millimetres, root mean square: how far the marks lie from where an even feed would put them."""
    room: tuple[float, float, float, float]
    """Millimetres from the border marks to the end of the image (left, top, right, bottom of the sheet); 5 where nothing is cut."""
    frame: tuple[float, float, float, float]
    """Share of the border marks that can be seen on each edge, in the same order."""
    paper: Rgb
    """Mean level of the empty paper."""
    noise: Rgb
    """Standard deviation of the empty paper, levels, slow changes taken off."""
    likeness: tuple[float, float]
    """Correlation of neighbouring pixels' own noise across and down: near 0 for a sensor, 0.5 and more where it was smoothed."""
    white_share: float
    """Share of the empty paper at the very top level in every channel."""
    fringe: float
    """Strength of the fringes that resampling leaves in the noise, as a multiple of chance."""
    fringe_rate: float
    """Their cycles per pixel: the sine of the angle of a page that was turned, a simple fraction where it was enlarged."""
    levels: int
    """Different levels of the whole page."""
    missing: int
    """Levels between the darkest and the lightest that never occur: a stretched or bent scale."""
    colourless: bool
    """Red, green and blue are equal at every pixel."""
    wedge: tuple[float, ...]
    """Mean level of each grey step, from white to black."""
    black_share: float
    """Share of the black step at level 0."""
    colours: tuple[Rgb, ...]
    """Mean levels of the colour patches."""
    modulation: tuple[float, ...]
    """Contrast of each line group, 0 to 1 of that of large areas: upright lines coarse to fine, then lying ones."""
    mtf50: tuple[float, float]
    """Line pairs per millimetre at which the slanted edge keeps half its contrast, across and down; indicative."""
    mtf10: tuple[float, float]
    """The same for one tenth."""
    overshoot: float
    """Brighter or darker rim along the edge, share of its height: what sharpening adds."""
    dots: float
    """Share of the small dots that can be seen."""
    strokes: tuple[float, ...]
    """Depth of each fine line, levels below the paper."""


@dataclass(frozen=True, slots=True)
class TargetReading:
    """One side of a target as it was found on a page."""

    page: int
    """Number of the page in its document, from 1."""
    target: str
    side: int
    """1 front, 2 back."""
    codec: str
    lossless: bool | None
    model: str
    bits: int
    stated_dpi: tuple[float, float] | None
    """As the file says."""
    measures: Measures | None
    """None where the code was read and the round marks were not found: cut off, covered, or far from their places."""

    def as_json(self) -> dict[str, Any]:
        """Numbers to four decimals."""
        told: dict[str, Any] = _rounded(asdict(self))
        return told


def from_json(value: Mapping[str, Any]) -> TargetReading:
    """The inverse of `as_json`. Raises KeyError where a part is missing."""
    plain = {field.name: _tupled(value[field.name]) for field in fields(TargetReading) if field.name != "measures"}
    told = value["measures"]
    measures = None if told is None else Measures(**{field.name: _tupled(told[field.name]) for field in fields(Measures)})
    return TargetReading(**plain, measures=measures)


def read_target(raster: Raster, page: Page, codes: Sequence[str] | None = None) -> TargetReading | None:
    """What a page tells that bears a target's code; None for every other page.

    `codes` are the texts of the page's codes where they were read already; without them they are looked for here.
    """
    if codes is not None and not any(isinstance(parse_slip(text), TargetMark) for text in codes):
        return None
    image = upright(raster)
    grey = image if image.ndim == 2 else image[..., 1]
    found = _find_code(grey)
    if found is None:
        return None
    mark, per_mm = found
    placing = _place(grey, per_mm)
    stated = page.dpi[::-1] if page.dpi is not None and page.orientation >= 5 else page.dpi
    measures = None if placing is None else _measure(image, placing)
    return TargetReading(page.number, mark.target, mark.side, page.codec, page.lossless, page.model.value, page.bits, stated, measures)


# --- where it lies ---


@dataclass(frozen=True, slots=True)
class Placing:
    """The affine map from content millimetres to pixels."""

    matrix: Reals
    """(2, 3)."""
    misfit: float
    """Millimetres."""

    def at(self, points: Reals) -> Reals:
        """Pixels (x, y) of content points, shape (…, 2)."""
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2], np.float64)

    def back(self, pixels: Reals) -> Reals:
        """Content millimetres of pixels, shape (…, 2)."""
        return np.asarray((pixels - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T, np.float64)

    @property
    def per_mm(self) -> float:
        """Pixels per millimetre, mean of both axes."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))


def _find_code(grey: Levels) -> tuple[TargetMark, float] | None:
    """The target's mark and a first guess of pixels per millimetre, from the code's size."""
    for barcode in zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormat.QRCode):
        mark = parse_slip(barcode.text)
        if isinstance(mark, TargetMark):
            at = barcode.position
            corners = np.array([(p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left)], float)
            side = float(np.mean(np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)))
            return mark, side / targets.CODE.width
    return None


def _place(grey: Levels, per_mm: float) -> Placing | None:
    """Where the round marks put the sheet; None where five of them are not found in their places."""
    candidates = _round_spots(grey, per_mm)
    if len(candidates) < len(targets.MARKS):
        return None
    rough = _fit(candidates)
    if rough is None:
        return None
    order, _ = rough
    exact = np.array([_centre(grey, candidates[i], per_mm) for i in order])
    matrix, misfit = _affine(exact)
    return Placing(matrix, misfit) if misfit <= FARTHEST else None


def _round_spots(grey: Levels, per_mm: float) -> Reals:
    """Middles, in pixels, of dark spots of about the right size and shape, the likeliest first."""
    factor = min(1.0, COARSE / per_mm)
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else grey
    dark = (small < (np.percentile(small, 1) + np.median(small)) / 2).astype(np.uint8)
    _, _, stats, middles = cv2.connectedComponentsWithStats(dark, connectivity=8)
    wanted = targets.MARK_DIAMETER * per_mm * factor
    across, down, area = (stats[1:, i].astype(float) for i in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    miss = abs(area / (across * down) - np.pi / 4) + abs(across / wanted - 1) + abs(down / wanted - 1) + abs(across / down - 1)
    likely = np.argsort(miss)[:MAX_CANDIDATES]
    return np.asarray((middles[1:][likely[miss[likely] < 0.6]] + 0.5) / factor - 0.5, np.float64)


def _fit(spots: Reals) -> tuple[tuple[int, ...], float] | None:
    """Which spot is which mark: of all ways, the one in which an affine map fits best (indices in the order of MARKS, misfit)."""
    marks = np.array(targets.MARKS)
    design = np.column_stack([marks, np.ones(len(marks))])
    outside = np.eye(len(marks)) - design @ np.linalg.pinv(design)
    ways = np.array(list(itertools.permutations(range(len(spots)), len(marks))))
    left = np.einsum("ij,wjk->wik", outside, spots[ways])
    size = np.linalg.norm(np.ptp(spots[ways], axis=1), axis=1)  # Five spots that lie close together fit anything.
    best = int(np.argmin(np.sqrt((left**2).sum(axis=(1, 2))) / size))
    misfit = _affine(spots[ways[best]])[1]
    return (tuple(int(i) for i in ways[best]), misfit) if misfit <= 2 * FARTHEST else None


def _affine(pixels: Reals) -> tuple[Reals, float]:
    """Least squares map from the marks to `pixels`, (2, 3), and its misfit in millimetres."""
    marks = np.array(targets.MARKS)
    design = np.column_stack([marks, np.ones(len(marks))])
    solution = np.linalg.lstsq(design, pixels, rcond=None)[0]
    misses = np.linalg.norm(design @ solution - pixels, axis=1)
    scale = max(float(np.sqrt(abs(np.linalg.det(solution[:2])))), 1e-9)
    return np.asarray(solution.T, np.float64), float(np.sqrt(np.mean(misses**2))) / scale


def _centre(grey: Levels, spot: Reals, per_mm: float) -> Reals:
    """Middle of a round mark to a few hundredths of a pixel: its darkness' centre of gravity."""
    reach = round(0.72 * targets.MARK_DIAMETER * per_mm)
    x, y = (round(value) for value in spot)
    left, top = max(0, x - reach), max(0, y - reach)
    near = grey[top : y + reach + 1, left : x + reach + 1].astype(np.float64)
    paper, ink = np.percentile(near, 90), np.percentile(near, 5)
    weight = np.clip((paper - near) / max(paper - ink, 1.0), 0.0, 1.0)
    weight[weight < 0.25] = 0.0
    rows, columns = np.indices(near.shape)
    middle = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    return np.asarray(middle + np.array([left, top]), np.float64)


# --- what is measured there ---


def _measure(image: Levels, placing: Placing) -> Measures:
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    grey = np.ascontiguousarray(colour[..., 1])
    wedge = tuple(float(_lifted(grey, placing, step.box.shrunk(2)).mean()) for step in targets.wedge())
    swing = max(wedge[0] - wedge[-1], 1.0)
    flat = _window(colour, placing, targets.FLAT.shrunk(3))
    ends = (wedge[0], swing)
    return Measures(
        **_geometry(placing),
        **_borders(grey, placing, ends),
        **_flatness(flat),
        **_scale(colour, flat),
        wedge=wedge,
        black_share=float(np.mean(_lifted(grey, placing, targets.wedge()[-1].box.shrunk(2)) == 0)),
        colours=tuple(_mean_rgb(_lifted(colour, placing, patch.box.shrunk(2.5))) for patch in targets.colours()),
        modulation=tuple(_contrast(grey, placing, group, swing) for group in targets.line_groups()),
        **_sharpness(grey, placing, ends),
        dots=float(np.mean([_dot_seen(grey, placing, dot, ends) for dot in targets.dots()])),
        strokes=tuple(_stroke_depth(grey, placing, stroke) for stroke in targets.strokes()),
    )


def _geometry(placing: Placing) -> dict[str, Any]:
    """The map taken apart: resolution per pixel axis, mirror, quarter turns, skew."""
    sheet = _sheet_map(placing)[:, :2]
    per_axis = np.linalg.norm(sheet, axis=1)
    unit = sheet / per_axis[:, None]
    mirrored = bool(np.linalg.det(unit) < 0)
    if mirrored:
        unit = unit * (-1, 1)
    angle = float(np.degrees(np.arctan2(unit[1, 0] - unit[0, 1], unit[0, 0] + unit[1, 1])))
    quarters = round(angle / 90)
    return {
        "dpi": (float(per_axis[0]) * 25.4, float(per_axis[1]) * 25.4),
        "turned": quarters * 90 % 360,
        "mirrored": mirrored,
        "skew": angle - quarters * 90,
        "misfit": placing.misfit,
    }


def _sheet_map(placing: Placing) -> Reals:
    """The map from sheet millimetres, the tilt of the print taken off, to pixels, (2, 3)."""
    origin, across, down = (placing.at(np.array(targets.off_sheet(point))) for point in ((0, 0), (1, 0), (0, 1)))
    return np.column_stack([across - origin, down - origin, origin])


def _borders(grey: Levels, placing: Placing, ends: tuple[float, float]) -> dict[str, Any]:
    sheet = _sheet_map(placing)
    outward = dict(zip(SIDES, np.array(((-1.0, 0.0), (0.0, -1.0), (1.0, 0.0), (0.0, 1.0))), strict=True))
    rooms: dict[str, list[float]] = {side: [] for side in SIDES}
    seen: dict[str, list[bool]] = {side: [] for side in SIDES}
    for side, box in targets.frame():
        at = sheet[:, :2] @ np.array(box.middle) + sheet[:, 2]
        rooms[side].append(_way_out(at, sheet[:, :2] @ outward[side], grey.shape))
        along = sheet[:, :2] @ outward[side][::-1]
        seen[side].append(_mark_seen(grey, at, along, sheet[:, :2] @ outward[side], ends))
    # The middle value: a sheet fed askew loses one end of a side and not the other.
    return {
        "room": tuple(float(np.median(rooms[side])) for side in SIDES),
        "frame": tuple(float(np.mean(seen[side])) for side in SIDES),
    }


def _way_out(at: Reals, step: Reals, shape: tuple[int, ...]) -> float:
    """Steps (millimetres) from a pixel along `step` until the image ends; negative where it lies outside already."""
    ways = []
    for axis, size in ((0, shape[1]), (1, shape[0])):
        if abs(step[axis]) > 0.5 * np.linalg.norm(step):
            ways.append((size - 0.5 - at[axis]) / step[axis] if step[axis] > 0 else (-0.5 - at[axis]) / step[axis])
    return float(min(ways))


def _mark_seen(grey: Levels, at: Reals, along: Reals, across: Reals, ends: tuple[float, float]) -> bool:
    """Whether a border mark is darker than the paper around it: mean along its length, deepest within 1 mm across."""
    lengths = np.linspace(-0.35, 0.35, 25)[:, None] * targets.FRAME_LENGTH
    widths = np.linspace(-1.2, 1.2, 49)
    points = at + lengths[..., None] * along + widths[None, :, None] * across
    columns, rows = np.rint(points[..., 0]).astype(int), np.rint(points[..., 1]).astype(int)
    inside = (columns >= 0) & (columns < grey.shape[1]) & (rows >= 0) & (rows < grey.shape[0])
    if inside.mean() < 0.6:
        return False
    values = np.where(inside, grey[rows.clip(0, grey.shape[0] - 1), columns.clip(0, grey.shape[1] - 1)], ends[0])
    profile = values.mean(axis=0)
    return bool(profile.max() - profile.min() > 0.25 * ends[1])


def _lifted(image: Levels, placing: Placing, box: Box, per_mm: float = COARSE) -> Levels:
    """The pixels of a content box on an upright grid of `per_mm` samples per millimetre, none of them mixed."""
    matrix = np.column_stack([placing.matrix[:, :2] / per_mm, placing.at(np.array([box.x, box.y]))])
    size = (max(1, round(box.width * per_mm)), max(1, round(box.height * per_mm)))
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _window(image: Levels, placing: Placing, box: Box) -> Levels:
    """The largest upright window of native pixels within a content box."""
    left, top, right, bottom = _bounds(placing, box, image.shape)
    return image[top:bottom, left:right]


def _bounds(placing: Placing, box: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    corners = placing.at(np.array([(box.x + dx, box.y + dy) for dx in (0, box.width) for dy in (0, box.height)]))
    xs, ys = np.sort(corners[:, 0]), np.sort(corners[:, 1])
    left, top = max(0, int(np.ceil(xs[1]))), max(0, int(np.ceil(ys[1])))
    return left, top, max(left + 1, min(shape[1], int(xs[2]))), max(top + 1, min(shape[0], int(ys[2])))


def _mean_rgb(bgr: Levels) -> Rgb:
    blue, green, red = (float(value) for value in bgr.reshape(-1, 3).mean(axis=0))
    return red, green, blue


# --- the empty paper ---


def _flatness(flat: Levels) -> dict[str, Any]:
    middle = _middle(flat, FLAT_SIZE)
    grains = [_grain(np.ascontiguousarray(middle[..., channel])) for channel in (2, 1, 0)]
    grain = grains[1]
    fringe, rate = _fringe(grain)
    across, down = _likeness(grain if (middle[..., 1] == middle[..., 2]).all() else grains[0] - grain)
    return {
        "paper": _mean_rgb(middle),
        "noise": tuple(float(each.std()) for each in grains),
        "likeness": (across, down),
        "white_share": float(np.mean((middle == 255).all(axis=2))),
        "fringe": fringe,
        "fringe_rate": rate,
    }


def _middle(image: Levels, size: tuple[int, int]) -> Levels:
    height, width = image.shape[:2]
    left, top = max(0, (width - size[0]) // 2), max(0, (height - size[1]) // 2)
    return image[top : top + size[1], left : left + size[0]]


def _grain(channel: Levels) -> npt.NDArray[np.float32]:
    """The fast part of one channel, dust and specks clipped."""
    values = channel.astype(np.float32)
    grain = values - cv2.blur(values, (15, 15))
    limit = 4 * max(float(np.std(grain)), 0.5)
    return np.asarray(np.clip(grain, -limit, limit), np.float32)


def _likeness(grain: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Correlation of neighbours across and down, stripes of rows and columns taken off.

    Of the difference of two channels where there are two: what the paper's own grain does is the same in both.
    """
    own = grain - grain.mean(axis=0, keepdims=True) - grain.mean(axis=1, keepdims=True) + grain.mean()
    spread = max(float(np.mean(own**2)), 1e-9)
    return float(np.mean(own[:, 1:] * own[:, :-1])) / spread, float(np.mean(own[1:] * own[:-1])) / spread


def _fringe(grain: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Strength and rate of a waxing and waning of the noise that has the same rate across and down.

    A picture turned by an angle mixes neighbouring pixels more here and less there, with as many fringes per pixel as the angle's sine,
    on both axes; enlargement does the same with a simple fraction. Sensors make stripes on one axis only.
    """
    if min(grain.shape) < 256 or not grain.any():
        return 0.0, 0.0
    energy = np.minimum(grain**2, np.quantile(grain[::4, ::4] ** 2, 0.99) + 1e-6)
    across, down = (_spectrum(energy.mean(axis=axis, dtype=np.float64)) for axis in (0, 1))
    shared = np.sqrt(across * down)
    rates = np.arange(len(shared)) / (2 * (len(shared) - 1))
    shared[rates < SLOWEST_FRINGE] = 0
    best = int(np.argmax(shared))
    return float(shared[best]), float(rates[best])


def _spectrum(profile: Reals, size: int = 4096) -> Reals:
    """Magnitudes over their surroundings, padded to `size` samples so that both axes have the same rates."""
    smooth = profile - np.convolve(np.pad(profile, 200, mode="reflect"), np.ones(401) / 401, "valid")
    magnitude = np.abs(np.fft.rfft(smooth * np.hanning(len(smooth)), size))
    padded = np.pad(magnitude, 100, mode="reflect")
    floor = np.median(np.lib.stride_tricks.sliding_window_view(padded, 201), axis=1)
    return np.asarray(magnitude / (floor + 1e-12), np.float64)


def _scale(colour: Levels, flat: Levels) -> dict[str, Any]:
    """How the levels are used, page-wide."""
    counts = np.bincount(colour[..., 1].ravel(), minlength=256)
    used = np.flatnonzero(counts)
    coarse = colour[::4, ::4]
    same = bool((coarse[..., 0] == coarse[..., 1]).all() and (coarse[..., 1] == coarse[..., 2]).all())
    return {
        "levels": len(used),
        "missing": int(used[-1] - used[0] + 1 - len(used)),
        "colourless": same and bool((flat[..., 0] == flat[..., 1]).all() and (flat[..., 1] == flat[..., 2]).all()),
    }


# --- fine detail ---


def _contrast(grey: Levels, placing: Placing, group: targets.LineGroup, swing: float) -> float:
    """How much of its contrast a line group keeps: the strength of its fundamental, found at its own period and nowhere else.

    Lines that alias show another period and count for nothing. The feed may stretch by half a per cent.
    """
    left, top, right, bottom = _bounds(placing, group.box.shrunk(1), grey.shape)
    if min(right - left, bottom - top) < 16:
        return 0.0
    values = grey[top:bottom, left:right].astype(np.float64)
    window = np.outer(np.hanning(values.shape[0]), np.hanning(values.shape[1]))
    values = (values - np.average(values, weights=window)) * window / window.sum()
    rows, columns = np.indices(values.shape)
    place = placing.back(np.stack([columns + left, rows + top], axis=-1))[..., 0 if group.upright else 1]
    found = [abs(np.sum(values * np.exp(2j * np.pi / (group.period * stretch) * place))) for stretch in np.linspace(0.995, 1.005, 9)]
    # A square wave of height 1 has a fundamental of amplitude 2 / pi.
    return float(2 * max(found) / (2 / np.pi) / swing)


def _sharpness(grey: Levels, placing: Placing, ends: tuple[float, float]) -> dict[str, Any]:
    """MTF 50, MTF 10 and overshoot from the left and the top side of the turned square (ISO 12233, slanted edge)."""
    corners = placing.at(np.array(targets.edge_corners()))
    middle = corners.mean(axis=0)
    # Pixel axes, whatever way the sheet lies: the edge that stands more upright tells of the resolution across.
    edges = sorted(((corners[3], corners[0]), (corners[0], corners[1])), key=lambda pair: abs(pair[1][0] - pair[0][0]))
    profiles = [_edge_profile(grey, start, end, middle, placing.per_mm, ends) for start, end in edges]
    curves = [_transfer(profile) for profile in profiles]
    reach = [(_falls_to(curve, 0.5) * placing.per_mm, _falls_to(curve, 0.1) * placing.per_mm) for curve in curves]
    return {
        "mtf50": (reach[0][0], reach[1][0]),
        "mtf10": (reach[0][1], reach[1][1]),
        "overshoot": max(_overshoot(profile) for profile in profiles),
    }


def _edge_profile(grey: Levels, start: Reals, end: Reals, middle: Reals, per_mm: float, ends: tuple[float, float]) -> Reals:
    """The step from paper (1) to ink (0), in quarters of a pixel, 3 mm to either side."""
    direction = (end - start) / np.linalg.norm(end - start)
    inward = np.array([-direction[1], direction[0]])
    inward = inward if inward @ (middle - start) > 0 else -inward
    centre = (start + end) / 2
    reach, length = 3.0 * per_mm, 6.0 * per_mm
    box = np.rint(centre).astype(int)
    half = int(np.ceil(np.hypot(reach, length)))
    top, left = max(0, box[1] - half), max(0, box[0] - half)
    part = grey[top : box[1] + half, left : box[0] + half].astype(np.float64)
    rows, columns = np.indices(part.shape)
    offset = np.stack([columns + left, rows + top], axis=-1) - centre
    along, across = offset @ direction, offset @ inward
    inside = (abs(along) < length) & (abs(across) < reach)
    along, across, lit = along[inside], across[inside], (part[inside] - ends[0] + ends[1]) / ends[1]
    # The length of ink in each slice tells where the edge crosses it; a line through these places is the edge.
    slices = np.clip(((along / length + 1) * 8).astype(int), 0, 15)
    counts = np.maximum(np.bincount(slices, minlength=16), 1)
    crossing = reach * (2 * np.bincount(slices, lit, 16) / counts - 1)
    slope, shift = np.polyfit((np.arange(16) + 0.5) / 8 * length - length, crossing, 1)
    bins = np.rint((across - (slope * along + shift)) * 4).astype(int)
    limit = int(reach * 4) - 12
    keep = abs(bins) <= limit
    total = np.bincount(bins[keep] + limit, lit[keep], 2 * limit + 1)
    number = np.bincount(bins[keep] + limit, minlength=2 * limit + 1)
    return np.asarray(total / np.maximum(number, 1), np.float64)


def _transfer(profile: Reals) -> Reals:
    """Contrast kept, by frequency: index i is i / 1024 × 4 cycles per pixel."""
    line = -np.diff(profile)
    middle = len(line) // 2
    part = line[max(0, middle - 48) : middle + 48]
    curve = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1024))
    # Binning and differences of quarter pixels blur a little themselves: sinc² of the frequency in samples.
    curve = curve / np.maximum(np.sinc(np.arange(len(curve)) / 1024) ** 2, 0.1)
    return np.asarray(curve / max(curve[0], 1e-9), np.float64)


def _falls_to(curve: Reals, share: float) -> float:
    """First frequency, cycles per pixel, at which the curve falls below `share`; one cycle per pixel at most."""
    below = np.flatnonzero(curve[:257] < share)
    if not len(below):
        return 1.0
    i = int(below[0])
    return float((i - 1 + (curve[i - 1] - share) / max(curve[i - 1] - curve[i], 1e-9)) / 256) if i else 0.0


def _overshoot(profile: Reals) -> float:
    """Height of the brighter or darker rim within 10 pixels of the edge, over the levels farther away."""
    middle = len(profile) // 2
    bright, dark = profile[: max(4, middle - 60)], profile[min(len(profile) - 4, middle + 60) :]
    near = profile[max(0, middle - 40) : middle + 40]
    height = max(float(np.mean(bright) - np.mean(dark)), 1e-6)
    return max(0.0, float(near.max() - np.mean(bright)), float(np.mean(dark) - near.min())) / height


def _dot_seen(grey: Levels, placing: Placing, dot: Point, ends: tuple[float, float]) -> bool:
    box = Box(dot[0] - 0.7, dot[1] - 0.7, 1.4, 1.4)
    near = _lifted(grey, placing, box, placing.per_mm)
    return bool(float(cv2.blur(near, (3, 3)).min()) < ends[0] - 0.12 * ends[1])


def _stroke_depth(grey: Levels, placing: Placing, stroke: targets.Stroke) -> float:
    """Levels below the paper beside it, mean along the line."""
    box = Box(stroke.box.x + 2, stroke.box.y - 1, stroke.box.width - 4, 2 + stroke.box.height)
    profile = _lifted(grey, placing, box, placing.per_mm).mean(axis=1)
    return float(np.median(profile) - profile.min())


# --- as JSON ---


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


def _tupled(value: Any) -> Any:
    return tuple(_tupled(each) for each in value) if isinstance(value, list | tuple) else value
