"""A scanner that is none: it draws invoices and writes them into a station's folder, honestly, or the way the worst devices do.

For a first try without a device, for training and for tests. Chance and pauses are handed in, so that a seed plays the same again.
Names, numbers and firms are invented.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import numpy as np
import tifffile
from PIL import Image, ImageDraw, ImageFilter, ImageFont

A4 = (2480, 3508)
"""Pixels of a sheet at 300 dpi."""
DPI = 300
PAPER, INK, STAMP = (246, 243, 236), (28, 26, 30), (40, 60, 170)
_FIRMS = ("Atelier Berthier", "Menuiserie du Lac", "Imprimerie Caron", "Garage des Alpes", "Papeterie Morel", "Transports Vidal")
_TOWNS = ("69005 Lyon", "74000 Annecy", "38000 Grenoble", "73100 Aix-les-Bains", "01000 Bourg-en-Bresse")
_THINGS = ("Reliure de registres", "Dorure à chaud", "Papier vergé", "Pose de rayonnages", "Révision annuelle", "Transport et livraison")


# --- what lies in its feeder ---


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invented invoice whose sums are right."""

    firm: str
    town: str
    number: str
    dated: date
    lines: tuple[tuple[str, int, Decimal], ...]
    """What, how many, price of one in euros without tax."""
    part: str = ""
    """"Page 2/3" where it is one of several sheets."""

    @property
    def net(self) -> Decimal:
        return sum((count * price for _, count, price in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return (self.net * Decimal("0.20")).quantize(Decimal("0.01"))

    def text(self) -> list[str]:
        """Its lines, as they are printed."""
        bought = [f"{what}   {count} x {_euros(price)}   {_euros(count * price)}" for what, count, price in self.lines]
        return [
            self.firm,
            self.town,
            f"FACTURE N° {self.number}",
            f"Date : {self.dated:%d/%m/%Y}   Échéance : {self.dated + timedelta(days=30):%d/%m/%Y}",
            *bought,
            f"Total HT   {_euros(self.net)} EUR",
            f"TVA 20 %   {_euros(self.tax)} EUR",
            f"Total TTC   {_euros(self.net + self.tax)} EUR",
            *([self.part] if self.part else []),
        ]


def _euros(amount: Decimal) -> str:
    return f"{amount:,.2f}".replace(",", " ").replace(".", ",")


def invent_invoice(chance: Random, number: int, part: str = "") -> Invoice:
    """Another one each time; `number` keeps two of one run apart."""
    bought = tuple(
        (what, chance.randint(1, 20), Decimal(chance.randint(150, 24_000)) / 100) for what in chance.sample(_THINGS, chance.randint(1, 3))
    )
    dated = date(2026, 1, 1) + timedelta(days=chance.randint(0, 300))
    return Invoice(chance.choice(_FIRMS), chance.choice(_TOWNS), f"F-{chance.randint(100, 999)}-{number:04d}", dated, bought, part)


def draw_invoice(invoice: Invoice, chance: Random, size: tuple[int, int] = A4, dpi: float = DPI) -> Image.Image:
    """The sheet as a sensor sees it: tinted paper, a stamp in colour, letters with soft edges, grain. `size` in pixels; 24-bit colour."""
    width, height = size
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)
    letter = max(10.0, min(dpi * 0.16, width / 30, height / 16))
    font = _font(round(letter))
    for row, line in enumerate(invoice.text()):
        pen.text((width * 0.08, height * 0.07 + row * letter * 1.6), line, INK, font=font)
    radius = letter * 1.6
    middle = (width * 0.85, height * 0.85)
    pen.ellipse(
        (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), outline=STAMP, width=max(2, round(letter / 8))
    )
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.7)), np.float32)
    grain = np.random.default_rng(chance.getrandbits(32)).normal(0, 2.0, soft.shape)
    return Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def encode(pages: Sequence[Image.Image], kind: str, dpi: float | None = DPI) -> bytes:
    """The bytes of a file: png, tiff (LZW), tiff-plain, tiff-jpeg or jpeg; a TIFF may have several pages."""
    buffer = io.BytesIO()
    told: dict[str, Any] = {"dpi": (dpi, dpi)} if dpi else {}
    if kind == "png":
        pages[0].save(buffer, "PNG", compress_level=1, **told)
    elif kind == "jpeg":
        pages[0].save(buffer, "JPEG", quality=85, **told)
    else:
        coding = {"tiff": "tiff_lzw", "tiff-plain": None, "tiff-jpeg": "jpeg"}[kind]
        pages[0].save(buffer, "TIFF", compression=coding, save_all=len(pages) > 1, append_images=list(pages[1:]), **told)
    return buffer.getvalue()


# --- how it writes ---


@dataclass(slots=True)
class Scanner:
    """The hand of a device. Each way of writing is a generator, one step per `next`: others decide what happens between two steps."""

    folder: Path

    def dribble(self, name: str, content: bytes, piece: int = 1000) -> Iterator[int]:
        """Writes piece by piece and closes at the end; yields the bytes written so far."""
        with (self.folder / name).open("wb", buffering=0) as file:
            for start in range(0, len(content), piece):
                file.write(content[start : start + piece])
                yield start + piece

    def page_by_page(self, name: str, pages: list[bytes]) -> Iterator[int]:
        """Closes the file after each page and opens it again for the next, as some copiers do."""
        for number, page in enumerate(pages, 1):
            with (self.folder / name).open("ab", buffering=0) as file:
                file.write(page)
            yield number

    def jam(self, name: str, content: bytes, at: int) -> Iterator[int]:
        """Stops in the middle and never comes back."""
        (self.folder / name).write_bytes(content[:at])
        yield at

    def rename(self, name: str, content: bytes) -> Iterator[int]:
        """Writes under another name, then gives the right one: the polite way."""
        draft = self.folder / f"{name}.part"
        draft.write_bytes(content)
        yield 0
        draft.rename(self.folder / name)
        yield len(content)

    def drop(self, name: str | bytes, content: bytes = b"scan") -> Path:
        """A whole file at once; the name may be bytes that are no UTF-8."""
        path = self.folder / os.fsdecode(name)
        path.write_bytes(content)
        return path


# --- what it does ---


@dataclass(frozen=True, slots=True)
class Deed:
    """A file that it left behind: the truth against which a station is held."""

    trick: str
    file: str
    """Its name; bytes that are no UTF-8 are surrogates, as Python has them."""
    sha256: str
    """Hexadecimal, of the bytes that it wrote."""
    size: int
    """Bytes."""
    whole: bool
    """False: it stopped in the middle, and this is a fragment."""

    def as_json(self) -> dict[str, object]:
        return {"trick": self.trick, "file": self.file, "sha256": self.sha256, "bytes": self.size, "whole": self.whole}


@dataclass(slots=True)
class Device:
    """One run: where it writes, what it draws, how it pauses."""

    folder: Path
    chance: Random
    rest: Callable[[float], object]
    """Told how long to pause, in seconds."""
    seconds: float = 1.0
    """Between two sheets; every other pause is in proportion."""
    size: tuple[int, int] = A4
    label: str = "scan"
    sheets: int = field(default=0, init=False)

    @property
    def hand(self) -> Scanner:
        return Scanner(self.folder)

    def next_sheet(self, part: str = "") -> Image.Image:
        self.sheets += 1
        return draw_invoice(invent_invoice(self.chance, self.sheets, part), self.chance, self.size)

    def name(self, ending: str) -> str:
        return f"{self.label}-{self.sheets:04d}{ending}"

    def pause(self, share: float) -> None:
        self.rest(share * self.seconds)

    def lossless(self) -> tuple[str, str]:
        """A kind of file without loss, and its ending."""
        return self.chance.choice((("png", ".png"), ("tiff", ".tif"), ("tiff-plain", ".tif")))

    def tell(self, trick: str, name: str, content: bytes, whole: bool = True) -> Deed:
        return Deed(trick, name, hashlib.sha256(content).hexdigest(), len(content), whole)


Trick: TypeAlias = Callable[[Device], Iterator[Deed]]


def honest(device: Device) -> Iterator[Deed]:
    """A whole file without loss, under its name only when it is finished."""
    kind, ending = device.lossless()
    content = encode([device.next_sheet()], kind)
    name = device.name(ending)
    for _ in device.hand.rename(name, content):
        device.pause(0.05)
    yield device.tell("honest", name, content)


def dribble(device: Device) -> Iterator[Deed]:
    """Writes slowly, piece by piece, under its own name."""
    kind, ending = device.lossless()
    content = encode([device.next_sheet()], kind)
    name = device.name(ending)
    for _ in device.hand.dribble(name, content, max(1, len(content) // 7)):
        device.pause(device.chance.uniform(0, 0.3))
    yield device.tell("dribble", name, content)


def empty_first(device: Device) -> Iterator[Deed]:
    """Makes an empty file, thinks, then fills it."""
    content = encode([device.next_sheet()], "png")
    name = device.name(".png")
    device.hand.drop(name, b"")
    device.pause(device.chance.uniform(0, 1))
    device.hand.drop(name, content)
    yield device.tell("empty-first", name, content)


def reopen(device: Device) -> Iterator[Deed]:
    """Closes a TIFF after each page and opens it again for the next. Was it taken meanwhile, the pages left begin a new file."""
    pages = [device.next_sheet() for _ in range(device.chance.randint(2, 3))]
    name = device.name(".tif")
    done, content = 0, b""
    while done < len(pages):
        try:
            content = _appended(device.folder / name, content, pages[done])
        except FileNotFoundError:
            yield device.tell("reopen", name, content)
            content = b""
            continue
        done += 1
        device.pause(device.chance.uniform(0.1, 1) if done < len(pages) else 0)
    yield device.tell("reopen", name, content)


def _appended(path: Path, content: bytes, page: Image.Image) -> bytes:
    """One more page in the file, whose content so far is known; returns the new content. Raises FileNotFoundError when it is gone."""
    buffer = io.BytesIO(content)
    with tifffile.TiffWriter(buffer, append=bool(content)) as file:
        file.write(np.asarray(page), photometric="rgb", resolution=(DPI, DPI), resolutionunit="INCH", metadata=None)
    grown = buffer.getvalue()
    with path.open("r+b" if content else "xb", buffering=0) as written:
        written.write(grown)
    return grown


def jam(device: Device) -> Iterator[Deed]:
    """Stops in the middle, is cleared, and scans the sheet anew; the fragment stays."""
    content = encode([device.next_sheet()], "png")
    name, again = device.name(".png"), device.name("-bis.png")
    at = device.chance.randrange(1, len(content))
    for _ in device.hand.jam(name, content[:at], at):
        device.pause(1)
    yield device.tell("jam", name, content[:at], whole=False)
    device.hand.drop(again, content)
    yield device.tell("jam", again, content)


def start_over(device: Device) -> Iterator[Deed]:
    """Stops in the middle and writes the sheet anew under the same name."""
    content = encode([device.next_sheet()], "png")
    name = device.name(".png")
    device.hand.drop(name, content[: len(content) // 2])
    device.pause(0.5)
    device.hand.drop(name, content)
    yield device.tell("start-over", name, content)


def duplicate(device: Device) -> Iterator[Deed]:
    """The same bytes twice, under two names."""
    content = encode([device.next_sheet()], "png")
    for name in (device.name(".png"), device.name(" (2).png")):
        device.hand.drop(name, content)
        yield device.tell("duplicate", name, content)
        device.pause(0.2)


def lie(device: Device) -> Iterator[Deed]:
    """Claims a resolution that it did not scan at, or none."""
    content = encode([device.next_sheet()], "png", device.chance.choice((72, 150, 200, 600, None)))
    name = device.name(".png")
    device.hand.drop(name, content)
    yield device.tell("lie", name, content)


def jpeg_inside(device: Device) -> Iterator[Deed]:
    """Compresses with loss under a name that promises none."""
    kind, ending = device.chance.choice((("jpeg", ".png"), ("jpeg", ".tif"), ("tiff-jpeg", ".tif"), ("jpeg", ".jpg")))
    content = encode([device.next_sheet()], kind)
    name = device.name(ending)
    device.hand.drop(name, content)
    yield device.tell("jpeg-inside", name, content)


def flip(device: Device) -> Iterator[Deed]:
    """Two sides in one file: the back first, the front upside down."""
    front, back = device.next_sheet("Page 1/2"), device.next_sheet("Page 2/2")
    content = encode([back, front.transpose(Image.Transpose.ROTATE_180)], "tiff")
    name = device.name(".tif")
    device.hand.drop(name, content)
    yield device.tell("flip", name, content)


def drop_page(device: Device) -> Iterator[Deed]:
    """Two sheets at once through the feeder: page 2 of 3 is missing."""
    content = encode([device.next_sheet("Page 1/3"), device.next_sheet("Page 3/3")], "tiff")
    name = device.name(".tif")
    device.hand.drop(name, content)
    yield device.tell("drop-page", name, content)


def odd_name(device: Device) -> Iterator[Deed]:
    """A name that nobody would think of."""
    content = encode([device.next_sheet()], "png")
    stem = device.name("")
    odd = (
        f" {stem} copie (1).PNG",
        f"-rf {stem}.png",
        f"Numérisation n° {stem}.png",
        f"{stem}\n.png",
        f"{stem}",
        f"{stem}.pdf",
        f"{stem}{'é' * 90}.png",
        os.fsdecode(b"\xe9t\xe9 " + stem.encode() + b".png"),
        f"'{stem}';--.png",
    )
    name = device.chance.choice(odd)
    device.hand.drop(name, content)
    yield device.tell("odd-name", name, content)


TRICKS: tuple[Trick, ...] = (
    honest,
    dribble,
    empty_first,
    reopen,
    jam,
    start_over,
    duplicate,
    lie,
    jpeg_inside,
    flip,
    drop_page,
    odd_name,
)
"""Everything it may do; each is as likely."""


def play(device: Device, files: int, tricks: Sequence[Trick] = (honest,)) -> Iterator[Deed]:
    """Write `files` files or a few more, for a trick ends what it began; yields each deed when its bytes lie there. Raises OSError."""
    written = 0
    while written < files:
        for deed in device.chance.choice(tricks)(device):
            written += 1
            yield deed
        if written < files:
            device.pause(1)
