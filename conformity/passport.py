"""The scanner passport: what a scanned target says of the device, line by line, and how that drifts. The control of clause II-3.

Every figure is house policy, for the arrêté asks for an identical copy, its colours, no treatment and no loss (A102 B-2 LPF, I-1 to I-4)
and names no number. Each line that is not well names the setting to change on the device. Sharpness is indicative: an office print
certifies neither sharpness nor colour, only a bought and measured target does (ISO 12653-3).
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeAlias

from capture import targets
from capture.findings import Authority, Finding, Level
from conformity.target import Measures, TargetReading
from conformity.target import from_json as reading_from_json

FORMAT = 1
"""Of the JSON of a passport; it is sealed, so that it may only grow."""


class Outcome(StrEnum):
    """How a line stands; told is a figure without a limit."""

    OK = "ok"
    TOLD = "told"
    WARN = "warn"
    FAIL = "fail"


OUTCOME_WORDS: dict[Outcome, tuple[str, str]] = {
    Outcome.OK: ("Bien", "Good"),
    Outcome.TOLD: ("Indicatif", "Indicative"),
    Outcome.WARN: ("À surveiller", "To watch"),
    Outcome.FAIL: ("À régler", "To fix"),
}
"""French, English."""

VERDICT_WORDS: dict[Outcome, tuple[str, str]] = {
    Outcome.OK: (
        "Ni traitement ni perte trouvés ; les mesures tiennent la politique de la maison.",
        "Neither treatment nor loss was found; the figures keep the house policy.",
    ),
    Outcome.WARN: ("Rien de grave, mais des lignes sont à surveiller.", "Nothing grave, but some lines are to be watched."),
    Outcome.FAIL: (
        "Un réglage de l’appareil est à changer : les lignes disent lequel. Les numérisations déjà faites restent telles quelles.",
        "A setting of the device is to be changed: the lines say which. Scans made so far stay as they are.",
    ),
}
"""The whole in one sentence."""

_WEIGHT = {Outcome.OK: 0, Outcome.TOLD: 0, Outcome.WARN: 1, Outcome.FAIL: 2}


@dataclass(frozen=True, slots=True)
class PassportLimits:
    """What a device must keep; house policy, each figure with its reason. Levels run from 0 to 255."""

    min_dpi: float = 300.0
    """Dots per inch on each axis; NF Z42-026 practice."""
    dpi_tolerance: float = 0.01
    """Share; an office printer's own scale is hardly better."""
    stated_tolerance: float = 0.02
    """Share by which the file's own statement may differ from what is measured."""
    proportions_warn: float = 1.0
    """Per cent between both axes."""
    proportions_fail: float = 1.5
    detail_warn: float = 0.15
    """Contrast kept at 100 line pairs per inch, two thirds of what 300 dpi can carry. An enlarged 200-dpi scan keeps less than 0.11."""
    detail_fail: float = 0.05
    straight: float = 0.1
    """Degrees: a target printed askew by 1.5° that comes out straighter than this was straightened."""
    fringe: float = 8.0
    """Times chance. Simulated: honest devices at most 4, resampled pages 22 and more, JPEG 28 and more."""
    slow_fringe: float = 16.0
    """The same for fringes of less than 0.6°: uneven light on overexposed paper gives up to 6.3 there, straightening 30 and more."""
    white_warn: float = 0.02
    """Share of the empty paper at the very top."""
    white_fail: float = 0.9
    """Less than that may be a bright exposure; nearly all of it is a background that was taken away."""
    clipped_black: float = 0.5
    """Share of the black step at the very bottom."""
    light_step: float = 5.0
    """Levels by which 10 % of black must stand off the paper."""
    missing_levels: int = 6
    """Levels that never occur, where every level should: stretched contrast or gamma by table."""
    few_levels: int = 16
    min_noise: float = 0.25
    """Levels: less than that is no sensor."""
    max_noise: float = 8.0
    smooth: float = 0.45
    """Correlation of neighbouring pixels' noise; median and bilateral filters give more than 0.5."""
    overshoot: float = 0.08
    """Share of the edge's height."""
    dots_warn: float = 0.9
    dots_fail: float = 0.5
    """Share of the 0.35-mm dots that can be seen."""
    faint: float = 4.0
    """Levels below the paper that the faintest line must keep."""
    chroma: float = 25.0
    """Levels between the strongest and the weakest channel of the most colourful patch."""
    lost_colour: float = 15.0
    """Levels from the paper in any channel: a patch nearer than this has dropped out."""
    room_warn: float = 2.5
    """Millimetres beyond the border marks, which lie 5 mm inside the sheet; printers miss their place by 2 mm."""
    frame_warn: float = 0.85
    """Share of the border marks that can be seen on each edge."""
    frame_fail: float = 0.5
    misfit: float = 0.5
    """Millimetres by which the feed may be uneven."""
    skew_warn: float = 3.0
    """Degrees."""


@dataclass(frozen=True, slots=True)
class LineWords:
    """How a line is called, which clause it serves, and what to change on the device; in French, then in English."""

    clause: str
    fr: str
    en: str
    remedy_fr: str
    remedy_en: str
    authority: Authority = Authority.HOUSE


LINES: dict[str, LineWords] = {
    "marks": LineWords(
        "I-1", "Repères de la mire", "Marks of the target",
        "Les cinq repères ronds n’ont pas tous été trouvés. Désactivez le recadrage automatique, réglez le format sur A4, puis "
        "renumérisez la mire entière.",
        "The five round marks were not all found. Switch automatic cropping off, set the size to A4, then scan the whole target again.",
    ),
    "sides": LineWords(
        "I-1", "Recto et verso", "Front and back",
        "Vérifiez le réglage recto verso : ordre des faces, reliure bord long, rotation automatique désactivée, pas d’effet miroir.",
        "Check the duplex setting: order of the sides, long-edge binding, automatic rotation off, no mirror effect.",
    ),
    "resolution": LineWords(
        "I-1", "Résolution réelle", "Real resolution",
        "Vérifiez d’abord que la règle imprimée mesure 150 mm. Puis réglez la résolution de l’appareil sur 300 ppp ou plus, échelle 100 %, "
        "sans ajustement à la page.",
        "First check that the printed ruler measures 150 mm. Then set the device to 300 dpi or more, scale 100 %, no fitting to the page.",
    ),
    "proportions": LineWords(
        "I-1", "Proportions", "Proportions",
        "Les deux axes n’ont pas la même échelle : nettoyez les rouleaux d’entraînement et faites étalonner l’avance du papier.",
        "The two axes differ in scale: clean the feed rollers and have the paper feed calibrated.",
    ),
    "feed": LineWords(
        "I-1", "Régularité de l’avance", "Evenness of the feed",
        "L’avance du papier est irrégulière : nettoyez les rouleaux, remettez la mire bien à plat et renumérisez.",
        "The paper feed is uneven: clean the rollers, lay the target flat and scan again.",
    ),
    "skew": LineWords(
        "I-1", "Feuille posée de travers", "Sheet fed askew",
        "Serrez les guides du chargeur contre le papier. Ne demandez pas à l’appareil de redresser l’image.",
        "Set the feeder’s guides against the paper. Do not ask the device to straighten the image.",
    ),
    "borders": LineWords(
        "I-1", "Bords de la feuille", "Borders of the sheet",
        "Désactivez le recadrage automatique et l’effacement des bords, et réglez le format sur A4 ou sur « détection sans recadrage ».",
        "Switch automatic cropping and edge erasing off, and set the size to A4 or to “detect without cropping”.",
    ),
    "lossless": LineWords(
        "I-4", "Chemin sans perte", "Lossless path",
        "Choisissez TIFF sans compression ou LZW, PNG, ou PDF sans perte ; refusez JPEG, « PDF compact » et « haute compression ».",
        "Choose TIFF uncompressed or LZW, PNG, or a lossless PDF; refuse JPEG, “compact PDF” and “high compression”.",
        Authority.LAW,
    ),
    "detail": LineWords(
        "I-1", "Détail réellement vu", "Detail really seen",
        "Choisissez la résolution optique (300 ppp ou plus, sans interpolation) ; nettoyez la vitre si l’image reste molle.",
        "Choose the optical resolution (300 dpi or more, no interpolation); clean the glass if the image stays soft.",
    ),
    "enlarged": LineWords(
        "I-3", "Image agrandie", "Enlarged image",
        "L’appareil agrandit une image plus grossière : choisissez sa résolution optique, sans interpolation ni mise à l’échelle.",
        "The device enlarges a coarser image: choose its optical resolution, without interpolation or scaling.",
    ),
    "straightened": LineWords(
        "I-3", "Redressement automatique", "Automatic straightening",
        "Désactivez le redressement automatique (« deskew », « correction d’inclinaison »), puis numérisez la mire encore une fois.",
        "Switch automatic straightening off (“deskew”, “skew correction”), then scan the target once more.",
    ),
    "paper": LineWords(
        "I-3", "Blanc du papier", "White of the paper",
        "Désactivez la suppression du fond, l’exposition automatique et l’amélioration du blanc.",
        "Switch background removal, automatic exposure and white enhancement off.",
    ),
    "greys": LineWords(
        "I-3", "Échelle de gris", "Grey scale",
        "Désactivez le contraste automatique et réglez contraste, luminosité et gamma sur neutre.",
        "Switch automatic contrast off and set contrast, brightness and gamma to neutral.",
    ),
    "levels": LineWords(
        "I-3", "Niveaux employés", "Levels in use",
        "Des niveaux manquent : désactivez contraste automatique et courbes de tons ; choisissez couleur 24 bits, pas « noir et blanc ».",
        "Levels are missing: switch automatic contrast and tone curves off; choose 24-bit colour, not “black and white”.",
    ),
    "colours": LineWords(
        "I-2", "Couleurs", "Colours",
        "Choisissez couleur 24 bits ; désactivez la détection automatique de couleur et la couleur à éliminer (« drop-out »). "
        "Imprimez la mire en couleur.",
        "Choose 24-bit colour; switch automatic colour detection and drop-out colour off. Print the target in colour.",
    ),
    "noise": LineWords(
        "I-3", "Bruit du capteur", "Sensor noise",
        "Trop peu de bruit : désactivez lissage et suppression du fond. Trop de bruit : nettoyez la vitre et relancez l’étalonnage.",
        "Too little noise: switch smoothing and background removal off. Too much: clean the glass and calibrate again.",
    ),
    "smoothing": LineWords(
        "I-3", "Lissage", "Smoothing",
        "Désactivez la réduction du bruit, le lissage et le détramage (« descreen »).",
        "Switch noise reduction, smoothing and descreening off.",
    ),
    "sharpening": LineWords(
        "I-3", "Accentuation", "Sharpening",
        "Désactivez l’accentuation (netteté, « sharpen », « texte »).",
        "Switch sharpening off (“sharpness”, “text enhancement”).",
    ),
    "specks": LineWords(
        "I-3", "Petits points", "Small dots",
        "Désactivez le dépoussiérage et la suppression des points isolés (« despeckle »).",
        "Switch despeckling and the removal of isolated dots off.",
    ),
    "fine-lines": LineWords(
        "I-1", "Traits fins et pâles", "Fine and faint lines",
        "Les traits pâles se perdent : désactivez suppression du fond et seuillage, et baissez le contraste.",
        "Faint lines are lost: switch background removal and thresholding off, and lower the contrast.",
    ),
    "sharpness": LineWords("I-1", "Netteté (indicative)", "Sharpness (indicative)", "", ""),
    "judged": LineWords(
        "I-3", "Contrôle ordinaire de la page", "Ordinary checks of the page",
        "Les contrôles de chaque page retiennent déjà celle-ci : voyez leurs remèdes sur la page du document.",
        "The checks of every page object to this one already: see their remedies on the document’s page.",
    ),
}  # fmt: skip
"""Every line of a passport, in its order."""


@dataclass(frozen=True, slots=True)
class Line:
    """One question and its answer."""

    name: str
    """A key of `LINES`."""
    side: int | None
    """1 front, 2 back; None where the line is about the sheet."""
    outcome: Outcome
    measured: str
    """Figures with their unit, a point before decimals, words as {français|English}: see `figure_in`."""
    limit: str = ""

    def as_json(self) -> dict[str, Any]:
        """With the words of both languages, so that a sealed passport needs nothing else to be understood."""
        words = LINES[self.name]
        told = {"clause": words.clause, "authority": words.authority.value, "title": {"fr": words.fr, "en": words.en}}
        if self.outcome in (Outcome.WARN, Outcome.FAIL):
            told["remedy"] = {"fr": words.remedy_fr, "en": words.remedy_en}
        return {**asdict(self), "outcome": self.outcome.value, **told}


@dataclass(frozen=True, slots=True)
class Passport:
    """What one scanned target tells of its device."""

    target: str
    outcome: Outcome
    """ok, warn or fail, by the heaviest line."""
    lines: tuple[Line, ...]
    readings: tuple[TargetReading, ...]
    """In the order of the pages."""
    limits: PassportLimits

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "target": self.target,
            "outcome": self.outcome.value,
            "lines": [line.as_json() for line in self.lines],
            "limits": asdict(self.limits),
            "readings": [reading.as_json() for reading in self.readings],
        }


def from_json(value: Mapping[str, Any]) -> Passport:
    """The inverse of `Passport.as_json`. Raises KeyError or ValueError where the value was not made by it."""
    lines = tuple(
        Line(line["name"], line["side"], Outcome(line["outcome"]), line["measured"], line["limit"])
        for line in value["lines"]
        if line["name"] in LINES
    )
    known = {field.name for field in fields(PassportLimits)}
    limits = PassportLimits(**{name: limit for name, limit in value["limits"].items() if name in known})
    readings = tuple(reading_from_json(reading) for reading in value["readings"])
    return Passport(value["target"], Outcome(value["outcome"]), lines, readings, limits)


def assess_passport(readings: Sequence[TargetReading], findings: Iterable[Finding] = (), limits: PassportLimits | None = None) -> Passport:
    """Judge the sides of one target. `findings` are those of the same document's pages, as judging made them.

    Raises ValueError where there is no reading, or readings of more than one target.
    """
    targets_seen = {reading.target for reading in readings}
    if len(targets_seen) != 1:
        raise ValueError("a passport needs the readings of one target")
    limits, ordered = limits or PassportLimits(), sorted(readings, key=lambda reading: reading.page)
    judged = tuple(findings)
    lines = [_sides(ordered)]
    for reading in ordered:
        lines += _lines_of(reading, [found for found in judged if found.page in (None, reading.page)], limits)
    worst = max(_WEIGHT[line.outcome] for line in lines)
    return Passport(targets_seen.pop(), (Outcome.OK, Outcome.WARN, Outcome.FAIL)[worst], tuple(lines), tuple(ordered), limits)


def figure_in(text: str, language: str) -> str:
    """Measured figures and limits as a reader writes them: of `{fr|en}` the reader's words, and a comma before decimals in French."""
    chosen = re.sub(r"\{([^|{}]*)\|([^|{}]*)\}", r"\1" if language == "fr" else r"\2", text)
    return re.sub(r"(\d)\.(\d)", r"\1,\2", chosen) if language == "fr" else chosen


# --- line by line ---

Answer: TypeAlias = tuple[Outcome, str, str]
"""Outcome, measured, limit."""


def _lines_of(reading: TargetReading, findings: Sequence[Finding], limits: PassportLimits) -> list[Line]:
    answers: dict[str, Answer] = {"lossless": _lossless(reading, findings), "judged": _judged(findings)}
    if reading.measures is None:
        answers["marks"] = (Outcome.FAIL, "", "5")
    else:
        answers |= {name: question(reading.measures, limits) for name, question in QUESTIONS.items()}
        answers["resolution"] = _resolution(reading, reading.measures, limits)
        answers["colours"] = _colours(reading, reading.measures, limits)
    return [Line(name, reading.side, *answers[name]) for name in LINES if name in answers]


def _sides(readings: Sequence[TargetReading]) -> Line:
    """Order, upside down, mirrored: what the duplex path does to a sheet."""
    sides = [reading.side for reading in readings]
    turned = [reading.measures.turned for reading in readings if reading.measures]
    mirrored = any(reading.measures.mirrored for reading in readings if reading.measures)
    told = ", ".join(str(side) for side in sides)
    told += "".join(f", {angle}°" for angle in turned if angle) + (", {en miroir|mirrored}" if mirrored else "")
    if mirrored or sides not in ([1], [1, 2], [2]) or len(set(turned)) > 1:
        return Line("sides", None, Outcome.FAIL, told, "1, 2")
    if any(turned) or sides == [2]:
        return Line("sides", None, Outcome.WARN, told, "1, 2")
    return Line("sides", None, Outcome.OK if sides == [1, 2] else Outcome.TOLD, told, "1, 2")


def _lossless(reading: TargetReading, findings: Sequence[Finding]) -> Answer:
    """The coding, what judging found of an earlier one, and the rhythm of 8 pixels that JPEG leaves in the noise."""
    codes = {found.code for found in findings}
    past = codes & {"lossy-compression", "lossy-history"}
    grid = reading.measures is not None and _in_eighths(reading.measures) and reading.measures.fringe > PassportLimits().fringe
    if reading.lossless is False or past or grid:
        return Outcome.FAIL, ", ".join([reading.codec, *sorted(past), *(["8 × 8"] if grid else [])]), ""
    doubt = reading.lossless is None or codes & {"symbol-compression", "unproven-compression"}
    return (Outcome.WARN if doubt else Outcome.OK), reading.codec, ""


def _judged(findings: Sequence[Finding]) -> Answer:
    """What the checks of every page said about treatment, colour and loss; a target's odd look is otherwise its own affair."""
    about = [found for found in findings if found.clause in ("I-2", "I-3", "I-4")]
    told = ", ".join(sorted({found.code for found in about if found.level is not Level.INFO}))
    if any(found.level is Level.BLOCKING for found in about):
        return Outcome.FAIL, told, ""
    return (Outcome.WARN, told, "") if told else (Outcome.OK, "–", "")


def _resolution(reading: TargetReading, measures: Measures, limits: PassportLimits) -> Answer:
    across, down = measures.dpi
    told = f"{across:.1f} × {down:.1f} {{ppp|dpi}}"
    limit = f"≥ {limits.min_dpi:g} {{ppp|dpi}} (± {limits.dpi_tolerance * 100:g} %)"
    stated = reading.stated_dpi
    lies = stated is not None and any(
        abs(said / real - 1) > limits.stated_tolerance for said, real in zip(stated, measures.dpi, strict=True)
    )
    if stated is None or lies:
        told += ", {le fichier dit|the file says} " + (f"{stated[0]:.0f} × {stated[1]:.0f} {{ppp|dpi}}" if stated else "{rien|nothing}")
    if lies or min(measures.dpi) < limits.min_dpi * (1 - limits.dpi_tolerance):
        return Outcome.FAIL, told, limit
    return (Outcome.WARN if stated is None else Outcome.OK), told, limit


def _proportions(measures: Measures, limits: PassportLimits) -> Answer:
    off = _anisotropy(measures)
    return _rising(off, limits.proportions_warn, limits.proportions_fail), f"{off:.2f} %", f"≤ {limits.proportions_warn:g} %"


def _feed(measures: Measures, limits: PassportLimits) -> Answer:
    return _rising(measures.misfit, limits.misfit), f"{measures.misfit:.2f} mm", f"≤ {limits.misfit:g} mm"


def _skew(measures: Measures, limits: PassportLimits) -> Answer:
    outcome = Outcome.WARN if abs(measures.skew) > limits.skew_warn else Outcome.TOLD
    return outcome, _signed(measures.skew), f"≤ {limits.skew_warn:g}°"


def _borders(measures: Measures, limits: PassportLimits) -> Answer:
    room, seen = min(measures.room), min(measures.frame)
    told = " · ".join(f"{value:.1f}" for value in measures.room) + f" mm, {{repères vus :|marks seen:}} {seen * 100:.0f} %"
    limit = f"≥ {limits.room_warn:g} mm, ≥ {limits.frame_warn * 100:g} %"
    if room < 0 or seen < limits.frame_fail:
        return Outcome.FAIL, told, limit
    return (Outcome.WARN if room < limits.room_warn or seen < limits.frame_warn else Outcome.OK), told, limit


def _detail(measures: Measures, limits: PassportLimits) -> Answer:
    """The weaker direction at 100 line pairs per inch."""
    kept = _kept_at_100(measures)
    return _falling(kept, limits.detail_warn, limits.detail_fail), f"{kept * 100:.0f} %", f"≥ {limits.detail_warn * 100:g} %"


def _enlarged(measures: Measures, limits: PassportLimits) -> Answer:
    found = measures.fringe > limits.fringe and measures.fringe_rate >= _STEEPEST and not _in_eighths(measures)
    told = f"× {measures.fringe:.1f}, {measures.fringe_rate:.3f}" if found else "–"
    return (Outcome.FAIL if found else Outcome.OK), told, f"≤ × {limits.fringe:g}"


def _straightened(measures: Measures, limits: PassportLimits) -> Answer:
    """Either the tilt of the print is gone, or the noise has the fringes of a page that was turned."""
    tilt = measures.skew + targets.TILT
    told, limit = _signed(tilt), f"≥ {limits.straight:g}°, ≤ × {limits.fringe:g}"
    enough = limits.slow_fringe if measures.fringe_rate < _SLOW else limits.fringe
    if SLIGHTEST <= measures.fringe_rate < _STEEPEST and measures.fringe > enough:
        return Outcome.FAIL, f"{told}, × {measures.fringe:.1f}, {math.degrees(math.asin(measures.fringe_rate)):.1f}°", limit
    if abs(tilt) >= limits.straight:
        return Outcome.OK, told, limit
    # A sheet that was fed 1.5° askew the other way looks the same; where there is noise without fringes, that is the likelier story.
    return (Outcome.FAIL if min(measures.noise) < limits.min_noise else Outcome.WARN), told, limit


def _paper(measures: Measures, limits: PassportLimits) -> Answer:
    told = " · ".join(f"{value:.0f}" for value in measures.paper) + f", {measures.white_share * 100:.0f} % {{saturés|saturated}}"
    return _rising(measures.white_share, limits.white_warn, limits.white_fail), told, f"≤ {limits.white_warn * 100:g} %"


def _greys(measures: Measures, limits: PassportLimits) -> Answer:
    """Never brighter towards black, nothing swallowed at either end. Office printers print 3 % hardly and 90 % like black."""
    wedge = measures.wedge
    told = " · ".join(f"{value:.0f}" for value in wedge)
    limit = f"{{pas à 10 % : ≥|step of 10%: ≥}} {limits.light_step:g}"
    if any(after > before + 3 for before, after in pairwise(wedge)):
        return Outcome.FAIL, told, limit
    tenth = wedge[0] - wedge[targets.WEDGE_INKS.index(10)]
    swallowed = tenth < limits.light_step or measures.black_share > limits.clipped_black
    return (Outcome.FAIL if swallowed else Outcome.OK), told, limit


def _levels(measures: Measures, limits: PassportLimits) -> Answer:
    told = f"{measures.levels}, {{manquants :|missing:}} {measures.missing}"
    bad = measures.levels < limits.few_levels or measures.missing >= limits.missing_levels
    return (Outcome.FAIL if bad else Outcome.OK), told, f"{{manquants : ≤|missing: ≤}} {limits.missing_levels - 1}"


def _colours(reading: TargetReading, measures: Measures, limits: PassportLimits) -> Answer:
    """Kept, none dropped out, and in their places: red is red."""
    limit = f"≥ {limits.chroma:g}"
    if reading.model in ("gray", "bilevel") or measures.colourless:
        return Outcome.FAIL, "{noir et blanc|black and white}" if reading.model == "bilevel" else "{gris|grey}", limit
    chroma = max(max(patch) - min(patch) for patch in measures.colours)
    if chroma < limits.chroma:
        # Its channels differ, so that the device sees colour: most likely the print is grey.
        return Outcome.WARN, f"{chroma:.0f}", limit
    lost = lost_colours(measures, limits)
    if lost:
        return Outcome.FAIL, f"{chroma:.0f}, {{sans|without}} {', '.join(f'{{{_FRENCH[name]}|{name}}}' for name in lost)}", limit
    red, green, blue = (measures.colours[[name for name, _ in targets.COLOURS].index(name)] for name in ("red", "green", "blue"))
    swapped = not (red[0] == max(red) and green[1] == max(green) and blue[2] == max(blue))
    return (
        (Outcome.FAIL if swapped else Outcome.OK),
        f"{chroma:.0f}" + (", {couleurs interverties|colours swapped}" if swapped else ""),
        limit,
    )


_FRENCH = {
    "red": "rouge", "green": "vert", "blue": "bleu", "cyan": "cyan", "magenta": "magenta", "yellow": "jaune", "orange": "orange",
    "violet": "violet", "pink": "rose", "pale-yellow": "jaune pâle", "pale-green": "vert pâle", "pale-blue": "bleu pâle",
}  # fmt: skip
"""Names of the colour patches."""


def lost_colours(measures: Measures, limits: PassportLimits) -> tuple[str, ...]:
    """Names of the patches that look like paper."""
    return tuple(
        name
        for (name, _), seen in zip(targets.COLOURS, measures.colours, strict=True)
        if max(abs(a - b) for a, b in zip(seen, measures.paper, strict=True)) < limits.lost_colour
    )


def _noise(measures: Measures, limits: PassportLimits) -> Answer:
    told = " · ".join(f"{value:.2f}" for value in measures.noise)
    fair = limits.min_noise <= min(measures.noise) and max(measures.noise) <= limits.max_noise
    return (Outcome.OK if fair else Outcome.WARN), told, f"{limits.min_noise:g} – {limits.max_noise:g}"


def _smoothing(measures: Measures, limits: PassportLimits) -> Answer:
    most = max(measures.likeness)
    return _rising(most, limits.smooth), f"{max(0.0, most):.2f}", f"≤ {limits.smooth:g}"


def _sharpening(measures: Measures, limits: PassportLimits) -> Answer:
    return _rising(measures.overshoot, limits.overshoot), f"{measures.overshoot * 100:.0f} %", f"≤ {limits.overshoot * 100:g} %"


def _specks(measures: Measures, limits: PassportLimits) -> Answer:
    return _falling(measures.dots, limits.dots_warn, limits.dots_fail), f"{measures.dots * 100:.0f} %", f"≥ {limits.dots_warn * 100:g} %"


def _fine_lines(measures: Measures, limits: PassportLimits) -> Answer:
    told = " · ".join(f"{value:.0f}" for value in measures.strokes)
    return _falling(min(measures.strokes), limits.faint), told, f"≥ {limits.faint:g}"


def _sharpness(measures: Measures, _limits: PassportLimits) -> Answer:
    halves = " × ".join(f"{value:.1f}" for value in measures.mtf50)
    tenths = " × ".join(f"{value:.1f}" for value in measures.mtf10)
    return Outcome.TOLD, f"MTF50 {halves}, MTF10 {tenths} {{pl/mm|lp/mm}}", ""


QUESTIONS: dict[str, Callable[[Measures, PassportLimits], Answer]] = {
    "proportions": _proportions,
    "feed": _feed,
    "skew": _skew,
    "borders": _borders,
    "detail": _detail,
    "enlarged": _enlarged,
    "straightened": _straightened,
    "paper": _paper,
    "greys": _greys,
    "levels": _levels,
    "noise": _noise,
    "smoothing": _smoothing,
    "sharpening": _sharpening,
    "specks": _specks,
    "fine-lines": _fine_lines,
    "sharpness": _sharpness,
}
"""Those that need the measures alone."""

SLIGHTEST = 0.003
"""Cycles per pixel: fringes of a page turned by 0.2°."""
_SLOW = 0.01
"""Fringes of a page turned by 0.6°."""
_STEEPEST = 0.09
"""Fringes of a page turned by 5°; no device straightens more, and enlargement leaves faster ones."""


def _signed(degrees: float) -> str:
    """Two decimals, and no minus before nothing."""
    return f"{round(degrees, 2) + 0.0:+.2f}°"


def _anisotropy(measures: Measures) -> float:
    """Per cent between both axes."""
    return abs(measures.dpi[0] / measures.dpi[1] - 1) * 100


def _kept_at_100(measures: Measures) -> float:
    at = targets.LINE_PAIRS.index(100)
    return min(measures.modulation[at], measures.modulation[at + len(targets.LINE_PAIRS)])


def _in_eighths(measures: Measures) -> bool:
    """JPEG codes blocks of 8 pixels."""
    return any(abs(measures.fringe_rate - eighth / 8) < 0.0015 for eighth in (1, 2, 3))


def _rising(value: float, warn: float, fail: float = math.inf) -> Outcome:
    return Outcome.FAIL if value > fail else Outcome.WARN if value > warn else Outcome.OK


def _falling(value: float, warn: float, fail: float = -math.inf) -> Outcome:
    return Outcome.FAIL if value < fail else Outcome.WARN if value < warn else Outcome.OK


# --- over time ---


@dataclass(frozen=True, slots=True)
class Drift:
    """How one figure of one side changed since an earlier passport."""

    name: str
    """A key of `LINES`."""
    side: int
    outcome: Outcome
    """told where another print of the target was used, which differs by itself; warn beyond the limit; else ok."""
    before: float
    now: float
    limit: float
    """Largest change that is not told as drift, in the figure's unit."""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "outcome": self.outcome.value}


DRIFTS: tuple[tuple[str, Callable[[Measures], float], float, bool], ...] = (
    ("resolution", lambda m: math.sqrt(m.dpi[0] * m.dpi[1]), 1.5, True),
    ("proportions", _anisotropy, 0.4, True),
    ("detail", _kept_at_100, 0.12, False),
    ("sharpness", lambda m: min(m.mtf50), 0.8, False),
    ("noise", lambda m: max(m.noise), 1.0, False),
    ("smoothing", lambda m: max(m.likeness), 0.15, False),
    ("paper", lambda m: sum(m.paper) / 3, 6.0, True),
    ("colours", lambda m: max(max(patch) - min(patch) for patch in m.colours), 20.0, True),
)
"""Line, figure, limit (house policy), and whether it hangs on the print as much as on the device."""


def compare_passports(old: Passport, new: Passport) -> tuple[Drift, ...]:
    """What changed on each side that both have; one figure per line of `DRIFTS`."""
    before = {reading.side: reading.measures for reading in old.readings}
    same_print = old.target == new.target
    drifts = []
    for reading in new.readings:
        earlier = before.get(reading.side)
        if reading.measures is None or earlier is None:
            continue
        for name, figure, limit, by_print in DRIFTS:
            was, now = figure(earlier), figure(reading.measures)
            far = Outcome.TOLD if by_print and not same_print else Outcome.WARN
            outcome = far if abs(now - was) > limit else Outcome.OK
            drifts.append(Drift(name, reading.side, outcome, round(was, 4), round(now, 4), limit))
    return tuple(drifts)


def overdue(passport_day: date | None, today: date, max_days: int) -> bool:
    """Whether a station's control is due again (clause II-3); one that was never made is."""
    return passport_day is None or today - passport_day > timedelta(days=max_days)
