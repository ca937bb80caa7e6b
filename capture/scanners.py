"""Scanners as SANE tells of them: who they are, what they can do, and the one way in which they are made to scan.

Words in, values out: nothing is run here. The words are those of `scanimage -f`, `scanimage -A` and of eSCL's ScannerCapabilities.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

LIST_FORMAT = "%d\t%v\t%m\t%t%n"
"""What `scanimage -f` is asked for: device, vendor, model and type."""
_LONGEST_ANSWER = 1_000_000
"""Characters of a device's own description that are looked at; more is no description."""


class Source(StrEnum):
    """Where the sheets lie."""

    FLATBED = "flatbed"
    FEEDER = "feeder"
    DUPLEX = "duplex"
    """The feeder, both sides of each sheet."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """A device as SANE lists it now; `identity` is what stays its own tomorrow."""

    device: str
    """SANE's name: may hold a place in a list or on a USB bus, and change when another device is switched off."""
    vendor: str
    model: str
    kind: str
    identity: str
    """uuid:…, serial:… or, where the device gives neither, name:…"""
    stable: bool
    """Whether the identity comes from the device itself or from its address, never from the order in which devices were found."""
    formats: tuple[str, ...] = ()
    """Media types in which a network device (eSCL) hands over an image; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a device, as `scanimage -A` prints it."""

    name: str
    values: tuple[str, ...] = ()
    """What may be chosen; empty for a range or free text."""
    low: float | None = None
    high: float | None = None
    step: float = 0.0
    unit: str = ""
    """dpi, mm, %, pel, bit, us; empty for plain numbers."""
    now: str = ""
    active: bool = True
    settable: bool = True

    def takes(self, number: float) -> bool:
        """Whether this very number may be set."""
        if self.values:
            return any(_number(value) == number for value in self.values)
        if self.low is None or self.high is None or not self.low <= number <= self.high:
            return False
        return not self.step or abs((number - self.low) / self.step - round((number - self.low) / self.step)) < 1e-6


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of a device. How it scans is not asked: colour, without loss, no treatment."""

    source: Source | None = None
    """None: the feeder where there is one, else the glass."""
    dpi: float = 300.0
    """The least that the house accepts; its policy, for the arrêté names no figure."""
    sheet: tuple[float, float] = (210.0, 297.0)
    """Width and height of the scanned area in millimetres."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How `scanimage` is told to scan."""

    arguments: tuple[str, ...]
    source: Source
    dpi: float
    notes: tuple[str, ...] = ()
    """What a person should know: narrower than the sheet, treatment that cannot be switched off, way of the image unknown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a device cannot be scanned with: no-colour, too-coarse, no-lossless, no-source, no-8-bit, only-jpeg."""

    code: str
    offered: str = ""


# --- who they are ---


def parse_devices(listed: str) -> tuple[Scanner, ...]:
    """Devices of `scanimage -f LIST_FORMAT`, each with the identity that its name alone tells."""
    rows = (line.split("\t") for line in listed.splitlines())
    return tuple(_named(*(cell.strip() for cell in row)) for row in rows if len(row) == 4 and row[0].strip())


def _named(device: str, vendor: str, model: str, kind: str) -> Scanner:
    identity, stable = _own_name(device, vendor, model)
    return Scanner(device, vendor, model, kind, identity, stable)


def _own_name(device: str, vendor: str, model: str) -> tuple[str, bool]:
    serial = parse_qs(urlsplit(device).query).get("serial", [""])[0]
    # fujitsu, canon_dr and others write the model and its serial number; pixma writes vendor and product, then the serial number.
    told = re.fullmatch(r"(?:fujitsu|canon_dr|kodakaio):.+:(\w*\d{4,}\w*)|pixma:[0-9A-F]{8}_(\w{4,})", device)
    if told and usb_place(device) is None:
        serial = serial or told[1] or told[2]
    if serial:
        return f"serial:{serial}", True
    if address := url_of(device):
        return f"name:{address}", True
    # libusb:001:004 is a place on a bus; e0, w1 and a bare number count devices in the order in which they were found.
    counted = usb_place(device) is not None or bool(re.search(r"(?::[ew]\d+:|:\d+$|bus\d+;dev\d+)", device))
    return (f"name:{vendor} {model}".strip() if counted else f"name:{device}"), not counted


def usb_place(device: str) -> tuple[int, int] | None:
    """Bus and device number in a name such as `genesys:libusb:001:004`; None for other names."""
    found = re.search(r"libusb:(\d{1,3}):(\d{1,3})$", device)
    return (int(found[1]), int(found[2])) if found else None


def url_of(device: str) -> str:
    """The web address in a name such as `escl:http://192.0.2.7:80` or `airscan:escl:Copier:http://192.0.2.7/eSCL`; empty without one."""
    found = re.match(r"(?:escl|airscan:(?:escl|e\d*):[^:]*):?(https?://\S+)$", device)
    return found[1] if found else ""


def parse_discovered(listed: str) -> dict[str, str]:
    """`airscan-discover`: name of the device → its eSCL address."""
    rows = re.findall(r"^\s*(.+?) = (https?://\S+?), eSCL\s*$", listed, re.M)
    return dict(rows)


def address_of(scanner: Scanner, discovered: Mapping[str, str]) -> str:
    """Where a network device may be asked for its description; empty for one that is not on the network or not found."""
    if url := url_of(scanner.device):
        return url if "/escl" in url.lower() else url.rstrip("/") + "/eSCL"
    found = re.fullmatch(r"airscan:e\d+:(.+)", scanner.device)
    return discovered.get(found[1], "") if found else ""


def with_serial(scanner: Scanner, serial: str) -> Scanner:
    """The same device, known by its serial number."""
    return replace(scanner, identity=f"serial:{serial}", stable=True) if serial else scanner


def with_description(scanner: Scanner, description: str) -> Scanner:
    """The same device, known by what its eSCL ScannerCapabilities (Mopria eSCL 2.x) say: UUID, else serial number; and image formats."""
    if len(description) > _LONGEST_ANSWER or "<!DOCTYPE" in description.upper():
        return scanner
    try:
        said = [(element.tag.rpartition("}")[2], (element.text or "").strip()) for element in ElementTree.fromstring(description).iter()]  # noqa: S314 no document type, bounded
    except ElementTree.ParseError:
        return scanner
    uuid = next((text.lower().removeprefix("urn:uuid:") for name, text in said if name == "UUID" and text), "")
    serial = next((text for name, text in said if name == "SerialNumber" and text), "")
    formats = tuple(dict.fromkeys(text for name, text in said if name in ("DocumentFormat", "DocumentFormatExt") and text))
    known = replace(scanner, identity=f"uuid:{uuid}", stable=True) if uuid else with_serial(scanner, serial)
    return replace(known, formats=formats)


def tell_apart(scanners: Iterable[Scanner]) -> tuple[Scanner, ...]:
    """Two devices that have the same identity have none: each then keeps its SANE name, which is not stable."""
    listed = list(scanners)
    counts = [scanner.identity for scanner in listed]
    return tuple(s if counts.count(s.identity) == 1 else replace(s, identity=f"name:{s.device}", stable=False) for s in listed)


def find_scanner(wanted: str, scanners: Sequence[Scanner]) -> Scanner | None:
    """The device of this identity or SANE name; without a wish, the only one there is."""
    if not wanted:
        return scanners[0] if len(scanners) == 1 else None
    return next((scanner for scanner in scanners if wanted in (scanner.identity, scanner.device)), None)


# --- what they can do ---


_OPTION = re.compile(r"^ {4}(-{1,2}[A-Za-z0-9][A-Za-z0-9-]*)(\[=\((?P<bool>[^)]*)\)\])?(?: (?P<rest>.*))?$")
_RANGE = re.compile(r"(?P<low>-?[\d.]+)\.\.(?P<high>-?[\d.]+)(?P<unit>[a-zA-Z%]*)(?:,\.\.\.)?(?: \(in steps of (?P<step>[\d.]+)\))?")


def parse_options(listed: str) -> dict[str, Option]:
    """Options of `scanimage -A`, by name without hyphens."""
    options = (_option(line) for line in listed.splitlines())
    return {option.name: option for option in options if option is not None}


def _option(line: str) -> Option | None:
    found = _OPTION.match(line)
    if found is None:
        return None
    rest = found["rest"] or ""
    marks: list[str] = []
    while mark := re.search(r"(?:^| )\[([^\[\]]*)\]$", rest):
        marks.insert(0, mark[1])
        rest = rest[: mark.start()]
    flags = {"inactive", "read-only", "hardware", "emulated", "advanced"}
    now = next((mark for mark in marks if mark not in flags), "")
    plain = Option(found[1].lstrip("-"), now=now, active="inactive" not in marks, settable="read-only" not in marks)
    if found["bool"]:
        return replace(plain, values=tuple(found["bool"].split("|")))
    rest = rest.removeprefix("auto|")
    if ranged := _RANGE.fullmatch(rest):
        return replace(plain, low=float(ranged["low"]), high=float(ranged["high"]), step=float(ranged["step"] or 0), unit=ranged["unit"])
    if rest and not rest.startswith("<"):
        values = tuple(rest.split("|"))
        unit = re.fullmatch(r"-?[\d.]+([a-zA-Z%]+)", values[-1])
        numbers = unit and all(_number(value) is not None for value in values[:-1])
        return (
            replace(plain, values=(*values[:-1], values[-1][: unit.start(1)]), unit=unit[1])
            if unit and numbers
            else replace(plain, values=values)
        )
    return plain


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def sources_of(options: Mapping[str, Option]) -> dict[Source, tuple[str, ...]]:
    """Where sheets may lie, and the arguments that say so. A device that names no source has one only: its glass, or its feeder."""
    option = options.get("source")
    values = option.values if option is not None else ()
    found: dict[Source, tuple[str, ...]] = {}
    for value in values:
        # "ADF Back" and "ADF Rear" are one side alone, the wrong one.
        if (kind := _kind_of(value)) is not None:
            found.setdefault(kind, (f"--source={value}",))
    if not found:
        found[Source.FLATBED] = ()
    found |= _other_duplex(options, found)
    return found


def _kind_of(value: str) -> Source | None:
    plain = value.lower()
    if "duplex" in plain or "both" in plain:
        return Source.DUPLEX
    if any(word in plain for word in ("back", "rear", "card", "transparen", "negative", "slide", "tma", "tpu")):
        return None
    if any(word in plain for word in ("adf", "feed", "adf front")):
        return Source.FEEDER
    return Source.FLATBED if any(word in plain for word in ("flatbed", "platen", "glass", "table", "normal")) else None


def _other_duplex(options: Mapping[str, Option], found: Mapping[Source, tuple[str, ...]]) -> dict[Source, tuple[str, ...]]:
    """Epson's `--adf-mode` and others' `--duplex` are set beside the source; the feeder is then one-sided unless asked."""
    feeder = found.get(Source.FEEDER)
    if feeder is None or Source.DUPLEX in found:
        return {}
    for name in ("adf-mode", "duplex"):
        values = options[name].values if name in options else ()
        for value in values:
            if value.lower() in ("duplex", "yes"):
                one = next((other for other in values if other.lower() in ("simplex", "no")), None)
                single = feeder if one is None else (*feeder, f"--{name}={one}")
                return {Source.FEEDER: single, Source.DUPLEX: (*feeder, f"--{name}={value}")}
    return {}


# --- the one way in which they are made to scan ---


NEUTRAL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("swdeskew", "swcrop", "autocrop", "auto-crop", "deskew", "hwdeskewcrop", "crop", "overscan-crop"), ("no", "Off", "None")
    ),
    **dict.fromkeys(("swdespeck", "despeck", "swskip", "swskip-percent", "blank-page-skip", "threshold-curve"), ("0", "no", "Off")),
    **dict.fromkeys(("skip-blank", "remove-blank", "blank-page", "ald", "adf-auto-scan"), ("no", "Off")),
    **dict.fromkeys(("brightness", "contrast", "sharpness", "saturation", "highlight-boost", "shadow"), ("0", "Off", "None")),
    **dict.fromkeys(
        ("sharpen", "filter", "enhancement", "auto-enhance", "descreen", "denoise", "noise-removal"), ("None", "Off", "no", "0")
    ),
    **dict.fromkeys(
        ("dropout", "dropout-front", "dropout-back", "color-filter", "rif", "emphasis", "smooth"), ("None", "none", "no", "Off", "0")
    ),
    **dict.fromkeys(("bgcolor-removal", "background-removal", "negative", "punch-hole-removal", "invert"), ("no", "Off", "None")),
}
"""Treatments of the image that drivers offer, and how each is switched off. A102 B-2, I: « dispositifs de traitements … interdits »."""
UNCOMPRESSED = ("None", "none", "Off", "no", "Uncompressed", "RAW")


def plan_scan(scanner: Scanner, options: Mapping[str, Option], wish: Wish) -> Plan | Refusal:
    """Arguments for `scanimage`, or why this device cannot give a page in colour, without loss, at the resolution of the house."""
    sources = sources_of(options)
    source = wish.source or next(s for s in (Source.FEEDER, Source.FLATBED, Source.DUPLEX) if s in sources)
    if source not in sources:
        return Refusal("no-source", ", ".join(sources))
    if "image/jpeg" in scanner.formats and "image/png" not in scanner.formats:
        # sane-airscan takes PNG where it is offered, and JPEG before anything else.
        return Refusal("only-jpeg", ", ".join(scanner.formats))
    parts: list[Refusal | tuple[str, ...]] = [
        sources[source],
        _colour(options),
        _depth(options),
        _resolution(options, wish.dpi),
        _plain(options),
    ]
    for part in parts:
        if isinstance(part, Refusal):
            return part
    area, narrow = _area(options, wish.sheet)
    neutral, stubborn = _untreated(options)
    arguments = tuple(word for part in parts if not isinstance(part, Refusal) for word in part)
    unknown = ("way-unknown",) if scanner.device.startswith(("escl:", "airscan:")) and not scanner.formats else ()
    notes = (*narrow, *(f"treated:{name}" for name in stubborn), *unknown)
    return Plan((*arguments, *neutral, *area), source, _chosen_dpi(arguments), notes)


def _colour(options: Mapping[str, Option]) -> Refusal | tuple[str, ...]:
    option = options.get("mode")
    if option is None:
        return Refusal("no-colour")
    colours = [
        v for v in option.values if "colo" in v.lower() and not re.search(r"halftone|dither|gr[ae]y|bw|black|16|48|30|36", v.lower())
    ]
    best = next((value for value in colours if value.lower() in ("color", "colour")), colours[0] if colours else None)
    return (f"--mode={best}",) if best else Refusal("no-colour", ", ".join(option.values))


def _depth(options: Mapping[str, Option]) -> Refusal | tuple[str, ...]:
    option = options.get("depth")
    if option is None or not option.active or not option.settable:
        return ()
    return ("--depth=8",) if option.takes(8) else Refusal("no-8-bit", ", ".join(option.values))


def _resolution(options: Mapping[str, Option], least: float) -> Refusal | tuple[str, ...]:
    """The least resolution from the house's on; both axes where they are set apart."""
    names = [name for name in ("resolution", "x-resolution", "y-resolution") if name in options and options[name].settable]
    if not names:
        return Refusal("too-coarse")
    chosen = [_least_from(options[name], least) for name in names]
    offered = "; ".join(", ".join(option.values) or f"{option.low:g}–{option.high:g}" for option in (options[n] for n in names))
    if any(each is None for each in chosen) or len(set(chosen)) > 1:
        return Refusal("too-coarse", offered)
    return tuple(f"--{name}={value:g}" for name, value in zip(names, chosen, strict=True) if value is not None and options[name].active)


def _least_from(option: Option, least: float) -> float | None:
    numbers = sorted(number for value in option.values if (number := _number(value)) is not None and number >= least)
    if numbers:
        return numbers[0]
    if option.low is None or option.high is None or option.high < least:
        return None
    if option.takes(least):
        return least
    steps = -(-(least - option.low) // option.step) if option.step else 0.0
    return max(option.low + steps * option.step, option.low)


def _plain(options: Mapping[str, Option]) -> Refusal | tuple[str, ...]:
    """No compression between device and computer."""
    for name in ("compression", "compress", "jpeg-compression", "image-compression"):
        option = options.get(name)
        if option is None or not option.values or (not option.active and option.now in ("", *UNCOMPRESSED)):
            continue
        off = next((value for value in option.values if value in UNCOMPRESSED), None)
        if off is None or not option.settable:
            return Refusal("no-lossless", ", ".join(option.values))
        return (f"--{name}={off}",) if option.active else ()
    return ()


def _area(options: Mapping[str, Option], sheet: tuple[float, float]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Arguments of the scanned area, and the note that it is smaller than the sheet. Areas that are not in millimetres are left alone."""
    arguments: list[str] = []
    notes: list[str] = []
    for name, wanted in zip(("page-width", "page-height", "l", "t", "x", "y"), (*sheet, 0.0, 0.0, *sheet), strict=True):
        option = options.get(name)
        if option is None or option.unit != "mm" or option.low is None or option.high is None or not option.settable:
            continue
        value = min(max(wanted, option.low), option.high)
        if value + 1 < wanted and name in "xy":
            notes.append(f"narrow:{option.high:g}")
        # A page size must be told before the area within it; inactive ones belong to another source.
        if option.active:
            arguments += [f"--{name}={value:g}"] if len(name) > 1 else [f"-{name}", f"{value:g}"]
    return tuple(arguments), tuple(notes[:1])


def _untreated(options: Mapping[str, Option]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Arguments that switch treatments off, and names of those that cannot be."""
    arguments: list[str] = []
    stubborn: list[str] = []
    for name, off in NEUTRAL.items():
        option = options.get(name)
        if option is None or not option.active or _is_off(option, off):
            continue
        value = next((value for value in off if _may_be(option, value)), None)
        if value is None or not option.settable:
            stubborn.append(name)
        else:
            arguments.append(f"--{name}={value}")
    return tuple(arguments), tuple(stubborn)


def _is_off(option: Option, off: tuple[str, ...]) -> bool:
    return option.now in off or (_number(option.now) == 0 and "0" in off) or option.now in ("", "Default")


def _may_be(option: Option, value: str) -> bool:
    number = _number(value)
    return value in option.values or (number is not None and option.takes(number))


def _chosen_dpi(arguments: tuple[str, ...]) -> float:
    return next(float(word.partition("=")[2]) for word in arguments if "resolution=" in word)


# --- what they say while they scan ---


class Stop(StrEnum):
    """Why a device stopped; each has its words in `station.problems`."""

    EMPTY = "scan-no-paper"
    JAM = "scan-jam"
    COVER = "scan-cover-open"
    BUSY = "scan-busy"
    DENIED = "scan-denied"
    LOST = "scan-device-lost"
    FAILED = "scan-failed"


_STOPS = {3: Stop.BUSY, 6: Stop.JAM, 7: Stop.EMPTY, 8: Stop.COVER, 9: Stop.LOST, 11: Stop.DENIED}
"""SANE_Status (SANE standard 1.06, 4.2.7), which `scanimage` returns as its exit code."""
_SAID = {
    "out of documents": Stop.EMPTY,
    "feeder jammed": Stop.JAM,
    "cover is open": Stop.COVER,
    "device busy": Stop.BUSY,
    "access to resource has been denied": Stop.DENIED,
    "error during device i/o": Stop.LOST,
    "invalid argument": Stop.LOST,
}


def names_trouble(said: str) -> bool:
    """Whether `scanimage` has told that a page failed, after which it ends; what a driver says besides does not count."""
    return re.search(r"\bsane_(start|read): ", said) is not None


def why_stopped(exit_code: int, said: str) -> Stop:
    """Why `scanimage` ended: by its exit code, which is 0 where the feeder ran empty, and by its last words."""
    words = said.lower()
    named = [(words.rfind(text), stop) for text, stop in _SAID.items() if text in words]
    if exit_code in _STOPS:
        return _STOPS[exit_code]
    if named:
        return max(named)[1]
    return Stop.FAILED if exit_code else Stop.EMPTY


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a device offers, for the screens: sources, resolutions, whether it may be used and why not."""

    sources: tuple[Source, ...]
    usable: bool
    refusal: Refusal | None = None
    notes: tuple[str, ...] = ()
    plan: Plan | None = field(default=None, compare=False)


def abilities_of(scanner: Scanner, options: Mapping[str, Option], wish: Wish) -> Abilities:
    """What would happen if this device were asked to scan."""
    planned = plan_scan(scanner, options, wish)
    sources = tuple(sources_of(options))
    if isinstance(planned, Refusal):
        return Abilities(sources, usable=False, refusal=planned)
    return Abilities(sources, usable=True, notes=planned.notes, plan=planned)
