"""Varied A4 pages at 300 dpi, three scanners that look at them, and the treatments a scan should not have gone through.

Everything is drawn here from seeds; names and figures are invented. Tuning and reporting use other seeds, typefaces and layouts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import pypdfium2 as pdfium
from fpdf import FPDF

Picture: TypeAlias = npt.NDArray[np.uint8]
"""(height, width, 3) in R, G, B."""
Light: TypeAlias = npt.NDArray[np.float32]
"""The same in grey levels 0 to 255, before any sensor."""
Chance: TypeAlias = np.random.Generator

A4 = (2480, 3508)
DOTS = 300 / 25.4
"""Pixels per millimetre."""
WORDS = ("facture", "reliure", "registre", "livraison", "quantité", "montant", "total", "remise", "échéance", "règlement", "taux", "hors",
         "taxe", "net", "à", "payer", "client", "commande", "référence", "désignation", "unité", "prix", "conditions", "virement", "banque",
         "société", "atelier", "papier", "carton", "toile", "dorure", "presse", "service", "page")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """One printed sheet: its kind, typefaces, seed and size in pixels."""

    kind: str
    seed: int
    faces: tuple[str, ...]
    size: tuple[int, int] = A4


# --- pages ---


def print_sheet(sheet: Sheet) -> Light:
    """The sheet as light, on its paper, fed at its own small angle."""
    chance = np.random.default_rng([sheet.seed, 1])
    width, height = sheet.size
    pdf = FPDF(unit="mm", format=(width / DOTS, height / DOTS))
    pdf.set_auto_page_break(False)
    pdf.add_page()
    with pdf.rotation(chance.uniform(-0.8, 0.8), width / DOTS / 2, height / DOTS / 2):
        KINDS[sheet.kind](pdf, chance, sheet.faces)
    with pdfium.PdfDocument(bytes(pdf.output())) as document:
        shown = document[0].render(scale=300 / 72, rev_byteorder=True).to_numpy()[:height, :width, :3]
    light = cv2.resize(shown, (width, height)) if shown.shape[:2] != (height, width) else shown
    page = light.astype(np.float32)
    for draw in RASTER_PARTS.get(sheet.kind, ()):
        page = draw(page, chance)
    return _on_paper(page, sheet.kind, chance)


def _on_paper(page: Light, kind: str, chance: Chance) -> Light:
    """Ink is no pure black; paper has a tint, a grain of its own and clouds."""
    tint = np.array([1.0, chance.uniform(0.975, 1.0), chance.uniform(0.93, 0.99)], np.float32)
    if kind in COLOURED:
        tint = np.array(((0.98, 0.97, 0.72), (0.80, 0.95, 0.84), (0.98, 0.84, 0.86), (0.82, 0.90, 0.98))[chance.integers(4)], np.float32)
    black = chance.uniform(18, 45)
    page = black + page * ((255 - black) / 255)
    shape = page.shape[:2]
    fine = cv2.GaussianBlur(chance.standard_normal(shape, np.float32), (0, 0), 1.1)
    # Clouds are blurred, not enlarged: an enlargement is what the pages are to be searched for.
    coarse = cv2.GaussianBlur(chance.standard_normal(shape, np.float32), (0, 0), 4)
    grain = chance.uniform(0.6, 1.2) * fine / fine.std() + chance.uniform(0.3, 0.7) * coarse / coarse.std()
    return np.asarray((page + grain[..., None] * (page / 255)) * tint * chance.uniform(0.985, 1.0), np.float32)


def _text(chance: Chance, words: int) -> str:
    return " ".join(WORDS[i] for i in chance.integers(0, len(WORDS), words))


def _amount(chance: Chance) -> str:
    return f"{chance.uniform(5, 4000):,.2f}".replace(",", " ").replace(".", ",")


def _letterhead(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    pdf.set_fill_color(*(int(v) for v in chance.integers(20, 200, 3)))
    pdf.rect(pdf.w * 0.08, pdf.w * 0.07, pdf.w * 0.14, pdf.w * 0.07, style="F")
    pdf.set_font(faces[0], "B", 15)
    pdf.set_xy(pdf.w * 0.27, pdf.w * 0.08)
    pdf.cell(0, 8, _text(chance, 3).upper())
    pdf.set_font(faces[-1], "", 9)
    for i in range(4):
        pdf.set_xy(pdf.w * 0.6, pdf.h * 0.12 + i * 5)
        pdf.cell(0, 5, _text(chance, 4))


def _paragraphs(pdf: FPDF, chance: Chance, faces: Sequence[str], top: float, bottom: float, size: float = 9.5) -> None:
    pdf.set_font(faces[-1], "", size)
    y = top
    while y < bottom:
        pdf.set_xy(pdf.w * 0.09, y)
        pdf.cell(0, size * 0.4, _text(chance, int(pdf.w / size * 0.55)))
        y += size * (0.46 if chance.random() > 0.1 else 1.0)


def _table(pdf: FPDF, chance: Chance, faces: Sequence[str], top: float, rows: int, step: float = 7) -> None:
    pdf.set_font(faces[-1], "", 9)
    pdf.set_draw_color(*((120, 120, 120) if chance.random() < 0.5 else (30, 60, 120)))
    shade = bool(chance.random() < 0.6)
    columns = [pdf.w * part for part in (0.08, 0.48, 0.6, 0.74, 0.9)]
    for row in range(rows):
        y = top + row * step
        if shade and row % 2:
            pdf.set_fill_color(228, 232, 240)
            pdf.rect(columns[0], y, columns[-1] - columns[0], step, style="F")
        pdf.rect(columns[0], y, columns[-1] - columns[0], step)
        for i, text in enumerate((_text(chance, 4), str(chance.integers(1, 90)), _amount(chance), _amount(chance))):
            pdf.set_xy(columns[i] + 1, y)
            pdf.cell(0, step, text)


def _invoice(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    _letterhead(pdf, chance, faces)
    pdf.set_font(faces[0], "B", 13)
    pdf.set_xy(pdf.w * 0.08, pdf.h * 0.24)
    pdf.cell(0, 8, f"FACTURE F-2026-{chance.integers(1000, 9999)}")
    rows = int(chance.integers(6, 18))
    _table(pdf, chance, faces, pdf.h * 0.33, rows)
    pdf.set_font(faces[0], "B", 11)
    for i, label in enumerate(("Total HT", "TVA 20 %", "Total TTC")):
        pdf.set_xy(pdf.w * 0.6, pdf.h * 0.33 + rows * 7 + 8 + i * 7)
        pdf.cell(0, 7, f"{label}   {_amount(chance)} EUR")
    _paragraphs(pdf, chance, faces, pdf.h * 0.9, pdf.h * 0.95, 7)


def _dense(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    _paragraphs(pdf, chance, faces, pdf.h * 0.06, pdf.h * 0.94, float(chance.uniform(7, 10)))


def _grid(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    step = float(chance.uniform(4.5, 7))
    _table(pdf, chance, faces, pdf.h * 0.08, int(pdf.h * 0.84 / step), step)


def _letter(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    _letterhead(pdf, chance, faces)
    _paragraphs(pdf, chance, faces, pdf.h * 0.33, pdf.h * chance.uniform(0.5, 0.75), 11)


def _stamped(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    _invoice(pdf, chance, faces)
    colour = ((30, 50, 160), (170, 30, 40), (20, 110, 60))[chance.integers(3)]
    pdf.set_draw_color(*colour)
    pdf.set_text_color(*colour)
    pdf.set_line_width(0.8)
    x, y = pdf.w * chance.uniform(0.2, 0.6), pdf.h * chance.uniform(0.6, 0.78)
    with pdf.rotation(chance.uniform(-30, 30), x + 20, y + 10):
        pdf.rect(x, y, 46, 20)
        pdf.set_font(faces[0], "B", 20)
        pdf.set_xy(x + 2, y + 3)
        pdf.cell(0, 14, ("PAYE", "RECU LE", "COPIE")[chance.integers(3)])


def _sparse(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    """A back side or a covering note: hardly anything but paper."""
    pdf.set_font(faces[-1], "", 11)
    for i in range(3):
        pdf.set_xy(pdf.w * 0.1, pdf.h * 0.1 + i * 6)
        pdf.cell(0, 5, _text(chance, 6))


def _columns(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    pdf.set_font(faces[-1], "", 8)
    for column in range(2):
        y = pdf.h * 0.1
        while y < pdf.h * 0.9:
            pdf.set_xy(pdf.w * (0.08 + 0.44 * column), y)
            pdf.cell(0, 3.5, _text(chance, int(chance.integers(5, 8)))[:52])
            y += 3.9


def _receipt(pdf: FPDF, chance: Chance, faces: Sequence[str]) -> None:
    y = 8.0
    while y < pdf.h - 10:
        pdf.set_font(faces[-1], "", 9)
        pdf.set_xy(4, y)
        pdf.cell(0, 4, _text(chance, 2))
        pdf.set_xy(pdf.w - 22, y)
        pdf.cell(0, 4, _amount(chance))
        y += 5


KINDS: dict[str, Callable[[FPDF, Chance, Sequence[str]], None]] = {
    "invoice": _invoice, "coloured": _invoice, "photo": _letter, "dense": _dense, "grid": _grid, "letter": _letter, "handwriting": _letter,
    "stamped": _stamped, "sparse": _sparse, "columns": _columns, "coloured-grid": _grid, "photo-dense": _dense, "notes": _stamped,
    "receipt": _receipt, "slip": _letter,
}  # fmt: skip
COLOURED = ("coloured", "coloured-grid")


def _photo(page: Light, chance: Chance) -> Light:
    height, width = page.shape[:2]
    tall, wide = int(height * chance.uniform(0.2, 0.35)), int(width * chance.uniform(0.35, 0.7))
    top, left = int(height * 0.6), int(width * 0.1)
    picture = np.zeros((tall, wide, 3), np.float32)
    for cells, weight in ((3, 110), (9, 60), (40, 30), (160, 14)):
        field = chance.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        picture += weight * cv2.resize(field, (wide, tall), interpolation=cv2.INTER_CUBIC)
    page = page.copy()
    page[top : top + tall, left : left + wide] = np.clip(picture + chance.uniform(90, 160), 0, 255)
    return page


def _strokes(page: Light, chance: Chance) -> Light:
    """Loops of a pen, as thick and as curved as handwriting."""
    ink = np.full(page.shape, 255, np.uint8)
    height, width = page.shape[:2]
    colour = ((40, 50, 150), (30, 30, 34), (150, 30, 40))[chance.integers(3)]
    for line in range(int(chance.integers(4, 12))):
        t = np.linspace(0, chance.uniform(20, 60), 900)
        x = width * 0.12 + t * 22 + 18 * np.sin(t * 2.1 + line)
        y = height * 0.55 + line * 95 + 26 * np.sin(t * 3.3) * (1 + 0.6 * np.sin(t * 0.7))
        points = np.stack([x, y], axis=1).astype(np.int32)
        cv2.polylines(ink, [points[: int(chance.integers(500, 900))]], False, colour, int(chance.integers(3, 7)), cv2.LINE_AA)
    return np.asarray(np.minimum(page, ink), np.float32)


RASTER_PARTS: dict[str, tuple[Callable[[Light, Chance], Light], ...]] = {
    "photo": (_photo,), "photo-dense": (_photo,), "handwriting": (_strokes,), "notes": (_strokes,),
}  # fmt: skip


# --- scanners ---


@dataclass(frozen=True, slots=True)
class Device:
    """One scanner: how it turns light into levels."""

    name: str
    see: Callable[[Light, Chance, Chance], Light]
    """From light, the device's own fixed chance and that of the moment, to levels before rounding."""


def scan(light: Light, device: Device, seed: int) -> Picture:
    """The page as `device` gives it."""
    own = np.random.default_rng([sum(device.name.encode()), 7])
    levels = device.see(light, own, np.random.default_rng([seed, 2]))
    return np.asarray(np.clip(np.rint(levels), 0, 255), np.uint8)


def _line_sensor(light: Light, own: Chance, now: Chance) -> Light:
    """Contact image sensor: colours lit one after the other, segments of unlike gain, noise per line."""
    height, width = light.shape[:2]
    levels = cv2.GaussianBlur(light, (0, 0), 0.75)
    for channel, shift in ((0, -1 / 3), (2, 1 / 3)):
        move = np.array([[1, 0, 0], [0, 1, shift]], np.float32)
        levels[..., channel] = cv2.warpAffine(levels[..., channel], move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    segments = np.repeat(own.normal(0, 0.004, 12), -(-width // 12))[:width]
    gain = 0.955 * (1 + segments + own.normal(0, 0.003, width) + 0.002 * (np.arange(width) % 2))
    levels = levels * gain[None, :, None].astype(np.float32)
    levels += now.normal(0, 0.5, (height, 1, 3)).astype(np.float32)
    return levels + now.standard_normal(levels.shape, np.float32) * np.float32(2.4)


def _area_sensor(light: Light, own: Chance, now: Chance) -> Light:
    """CCD: shot and read noise in linear light, gain per column, 12 bits, then a tone curve; light falls off to the sides."""
    width = light.shape[1]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    gain = (1 + own.normal(0, 0.004, width).astype(np.float32)) * (0.93 - 0.03 * across**2)
    linear = (cv2.GaussianBlur(light, (0, 0), 0.62) / 255).clip(0) ** np.float32(2.2) * gain[None, :, None]
    linear += now.standard_normal(linear.shape, np.float32) * np.sqrt(linear * np.float32(1.6e-4) + np.float32(6e-6))
    linear = np.rint(linear.clip(0, 1) * 4095) / 4095
    return np.asarray(255 * linear ** np.float32(1 / 2.2), np.float32)


def _quiet_sensor(light: Light, own: Chance, now: Chance) -> Light:
    """A low-noise device: what is heard is mostly the paper's grain."""
    width = light.shape[1]
    levels = cv2.GaussianBlur(light, (0, 0), 0.55) * (0.975 + own.normal(0, 0.001, width)[None, :, None].astype(np.float32))
    return levels + now.standard_normal(levels.shape, np.float32) * np.float32(0.7)


DEVICES = (Device("line sensor", _line_sensor), Device("area sensor", _area_sensor), Device("quiet sensor", _quiet_sensor))


# --- treatments ---


def once_jpeg(page: Picture, quality: int, shift: tuple[int, int] = (0, 0), full: bool = False) -> Picture:
    """Through a JPEG of `quality`, then cropped by `shift` pixels and filled up again, so that its grid is displaced."""
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444 if full else cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    coded = cv2.imencode(".jpg", page[..., ::-1], options)[1]
    again = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    return np.ascontiguousarray(again[shift[1] :, shift[0] :])


def greyed(page: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def enlarged(page: Picture, dpi: int, way: int) -> Picture:
    """As if scanned at `dpi` and blown up to 300."""
    height, width = page.shape[:2]
    small = cv2.resize(page, (round(width * dpi / 300), round(height * dpi / 300)), interpolation=cv2.INTER_AREA)
    grain = np.random.default_rng(5).normal(0, 0.7, small.shape)  # A sensor at `dpi` has noise of its own; the mean of many has little.
    small = np.clip(np.rint(small + grain), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=way), np.uint8)


def toned(page: Picture, curve: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> Picture:
    """Each level through `curve`, which maps 0…1 to 0…1."""
    table = np.clip(np.rint(255 * curve(np.arange(256) / 255)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(page, table), np.uint8)


def stretched(page: Picture, low: int, high: int) -> Picture:
    return toned(page, lambda x: np.clip((x * 255 - low) / (high - low), 0, 1))


def thresholded(page: Picture) -> Picture:
    grey = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)[1], cv2.COLOR_GRAY2RGB), np.uint8)


def posterised(page: Picture) -> Picture:
    return toned(page, lambda x: np.floor(np.minimum(x, 0.999) * 4) / 3)


def whitened(page: Picture) -> Picture:
    """Divided by its own background, and the rest clipped."""
    small = cv2.resize(page, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    paper = cv2.GaussianBlur(cv2.dilate(small, np.ones((9, 9), np.uint8)), (0, 0), 4)
    background = cv2.resize(paper, page.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return np.asarray(np.clip(np.rint(page.astype(np.float32) * (260 / np.maximum(background, 1))), 0, 255), np.uint8)


def bleached(page: Picture) -> Picture:
    """Whatever is nearly as light as the paper becomes white."""
    paper = float(np.median(page[::8, ::8]))
    out = page.copy()
    out[(page > paper - 18).all(axis=2)] = 255
    return out


def deskewed(page: Picture, angle: float, way: int, fill: int | None) -> Picture:
    """Turned by `angle` degrees about the middle; corners filled with `fill`, or with what lay at the border."""
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    mode = cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(page, turn, (width, height), flags=way, borderMode=mode, borderValue=(fill or 0,) * 3), np.uint8)


def sharpened(page: Picture, radius: float, amount: float) -> Picture:
    soft = cv2.GaussianBlur(page, (0, 0), radius)
    return np.asarray(cv2.addWeighted(page, 1 + amount, soft, -amount, 0), np.uint8)


def blurred(page: Picture, radius: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(page, (0, 0), radius), np.uint8)


def cropped(page: Picture, share: float) -> Picture:
    height, width = page.shape[:2]
    return np.ascontiguousarray(page[int(height * share) : int(height * (1 - share / 2)), int(width * share) : int(width * (1 - share))])


def noisier(page: Picture, deviation: float) -> Picture:
    grain = np.random.default_rng(6).normal(0, deviation, page.shape)
    return np.asarray(np.clip(np.rint(page + grain), 0, 255), np.uint8)


def evened(page: Picture) -> Picture:
    """Local contrast, on lightness alone (CLAHE)."""
    lab = cv2.cvtColor(page, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(1.5, (8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def less_colour_noise(page: Picture) -> Picture:
    """A median over the two colour differences; lightness stays."""
    parts = cv2.split(cv2.cvtColor(page, cv2.COLOR_RGB2YCrCb))
    mixed = cv2.merge([parts[0], cv2.medianBlur(parts[1], 5), cv2.medianBlur(parts[2], 5)])
    return np.asarray(cv2.cvtColor(mixed, cv2.COLOR_YCrCb2RGB), np.uint8)


def framed(page: Picture, width: int, level: int = 255) -> Picture:
    """Edges erased."""
    out = page.copy()
    out[:width] = out[-width:] = level
    out[:, :width] = out[:, -width:] = level
    return out


@dataclass(frozen=True, slots=True)
class Treatment:
    """What was done to a page, and the findings of which one at least must tell."""

    name: str
    act: Callable[[Picture], Picture]
    expected: frozenset[str]
    certain: bool = True
    """A fact or a strong trace is asked for; else an indicator is enough."""


JPEG, UPSAMPLED, TONES = frozenset({"lossy-history"}), frozenset({"upsampled"}), frozenset({"stretched-tones"})
LEVELS, GREY = frozenset({"few-levels"}), frozenset({"grey-in-colour"})
WHITE = frozenset({"clipped-white", "stretched-tones"})
TURNED = frozenset({"turned-pixels", "smoothed-noise", "flat-border"})
SMOOTHED, SHARPENED, CROPPED = frozenset({"smoothed-noise"}), frozenset({"sharpened-noise"}), frozenset({"odd-sheet"})
WAYS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "Lanczos": cv2.INTER_LANCZOS4, "nearest": cv2.INTER_NEAREST}


def _enlargement(dpi: int, name: str) -> Treatment:
    return Treatment(f"{dpi} → 300 dpi, {name}", lambda page: enlarged(page, dpi, WAYS[name]), UPSAMPLED)


def _turn(name: str, angle: float, way: int, fill: int | None) -> Treatment:
    return Treatment(f"deskew {name}", lambda page: deskewed(page, angle, way, fill), TURNED, False)


TREATMENTS: tuple[Treatment, ...] = (
    *(Treatment(f"JPEG {q}", lambda page, q=q: once_jpeg(page, q), JPEG) for q in (95, 90, 80, 60, 30)),  # type: ignore[misc]
    Treatment("JPEG 90, full colour", lambda page: once_jpeg(page, 90, full=True), JPEG),
    Treatment("JPEG 85, grid shifted", lambda page: once_jpeg(page, 85, (3, 5)), JPEG),
    Treatment("JPEG 80 of a grey page", lambda page: once_jpeg(greyed(page), 80), JPEG),
    *(_enlargement(dpi, name) for dpi in (150, 200, 240) for name in WAYS),
    Treatment("contrast 40…245", lambda page: stretched(page, 40, 245), TONES),
    Treatment("contrast 15…250", lambda page: stretched(page, 15, 250), TONES),
    Treatment("gamma 0.8", lambda page: toned(page, lambda x: x**0.8), TONES),
    Treatment("gamma 1.25", lambda page: toned(page, lambda x: x**1.25), TONES),
    Treatment("thresholded", thresholded, LEVELS),
    Treatment("four levels", posterised, LEVELS),
    Treatment("grey stored as colour", greyed, GREY),
    Treatment("background divided", whitened, WHITE, False),
    Treatment("paper bleached", bleached, WHITE, False),
    Treatment("white point at 225", lambda page: stretched(page, 0, 225), WHITE, False),
    _turn("0.7°, linear, white corners", 0.7, cv2.INTER_LINEAR, 255),
    _turn("0.7°, cubic, white corners", 0.7, cv2.INTER_CUBIC, 255),
    _turn("1.3°, linear", 1.3, cv2.INTER_LINEAR, None),
    _turn("0.4°, cubic", 0.4, cv2.INTER_CUBIC, None),
    _turn("0.2°, linear", 0.2, cv2.INTER_LINEAR, None),
    Treatment("median 3", lambda page: np.asarray(cv2.medianBlur(page, 3), np.uint8), SMOOTHED, False),
    Treatment("median 5", lambda page: np.asarray(cv2.medianBlur(page, 5), np.uint8), SMOOTHED, False),
    Treatment("bilateral", lambda page: np.asarray(cv2.bilateralFilter(page, 5, 25, 3), np.uint8), SMOOTHED, False),
    Treatment("Gaussian 0.6", lambda page: blurred(page, 0.6), SMOOTHED, False),
    Treatment("Gaussian 1.0", lambda page: blurred(page, 1.0), SMOOTHED, False),
    Treatment("sharpened, radius 1", lambda page: sharpened(page, 1.0, 0.7), SHARPENED, False),
    Treatment("sharpened, radius 2", lambda page: sharpened(page, 2.0, 1.0), SHARPENED, False),
    Treatment("edges erased, 8 pixels", lambda page: framed(page, 8), frozenset({"flat-border"}), False),
    Treatment("local contrast", evened, SHARPENED | TONES, False),
    Treatment("cropped 3 %", lambda page: cropped(page, 0.03), CROPPED, False),
)  # fmt: skip

HARDER: tuple[Treatment, ...] = (
    Treatment("JPEG 98", lambda page: once_jpeg(page, 98), JPEG),
    Treatment("JPEG 95, full colour", lambda page: once_jpeg(page, 95, full=True), JPEG),
    Treatment("JPEG 90, then noise", lambda page: noisier(once_jpeg(page, 90), 1.0), JPEG),
    Treatment("JPEG 85, then contrast 15…250", lambda page: stretched(once_jpeg(page, 85), 15, 250), JPEG),
    Treatment("JPEG 80, then turned 0.4°", lambda page: deskewed(once_jpeg(page, 80), 0.4, cv2.INTER_CUBIC, None), JPEG),
    Treatment("250 → 300 dpi, cubic", lambda page: enlarged(page, 250, cv2.INTER_CUBIC), UPSAMPLED),
    Treatment("200 → 300 dpi, cubic, then sharpened", lambda page: sharpened(enlarged(page, 200, cv2.INTER_CUBIC), 1.0, 0.7), UPSAMPLED),
    Treatment("contrast 15…250, then Gaussian", lambda page: blurred(stretched(page, 15, 250), 0.6), TONES | SMOOTHED, False),
    Treatment("contrast 15…250, then noise", lambda page: noisier(stretched(page, 15, 250), 1.0), TONES | SHARPENED, False),
    Treatment("gamma 1.05", lambda page: toned(page, lambda x: x**1.05), TONES),
    Treatment("colour noise smoothed", less_colour_noise, SMOOTHED, False),
    Treatment("Gaussian 0.4", lambda page: blurred(page, 0.4), SMOOTHED, False),
    Treatment("sharpened, radius 1, little", lambda page: sharpened(page, 1.0, 0.25), SHARPENED, False),
)  # fmt: skip
"""Beyond what is promised, and reported apart."""

# --- sets ---

TUNING_KINDS = ("invoice", "coloured", "photo", "dense", "grid", "letter", "handwriting", "stamped")
REPORT_KINDS = (*TUNING_KINDS, "columns", "coloured-grid", "photo-dense", "notes")
SMALL_SIZES = {"receipt": (945, 2000), "slip": (1240, 1748)}
"""80 × 169 mm and A6."""


def tuning_sheets(count: int) -> list[Sheet]:
    """Helvetica and Times, seeds below 1000."""
    faces = (("helvetica",), ("times",), ("helvetica", "times"))
    return [Sheet(TUNING_KINDS[i % len(TUNING_KINDS)], i, faces[i % 3]) for i in range(count)]


def report_sheets(count: int) -> list[Sheet]:
    """Courier among the typefaces, layouts that tuning never saw, seeds from 1000."""
    faces = (("courier",), ("times", "courier"), ("courier", "helvetica"))
    return [Sheet(REPORT_KINDS[i % len(REPORT_KINDS)], 1000 + i, faces[i % 3]) for i in range(count)]


def hard_sheets(count: int) -> list[Sheet]:
    """Mostly white pages and small ones."""
    kinds = ("sparse", "receipt", "slip")
    return [Sheet(kinds[i % 3], 2000 + i, ("courier", "times"), SMALL_SIZES.get(kinds[i % 3], A4)) for i in range(count)]
