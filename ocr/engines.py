"""The two readers behind one seam. An engine reads a copy of the page from disk; it never sees the archived image.

Importing this module is cheap: the heavy libraries are loaded with the first engine of a process, which then stays warm.
"""

import errno
import importlib
import importlib.metadata
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ocr.recognition import Recogniser
from ocr.text import Line, Word, clean_text

Pixels = npt.NDArray[np.uint8]
"""Shape (height, width) for grey, (height, width, 3) for B, G, R; the page upright."""

_A4_ASPECT = math.sqrt(2)
DETECTION_STEP = 64
"""Pixels: the picture in which lines are looked for has multiples of it as sides, for OpenVINO keeps memory for every shape that it saw."""


class Reader(StrEnum):
    """Which program reads."""

    RAPIDOCR = "rapidocr"
    TESSERACT = "tesseract"


class BackEnd(StrEnum):
    """What computes rapidocr's networks; the same models cost half on OpenVINO."""

    AUTO = "auto"
    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How pages are read."""

    reader: Reader = Reader.RAPIDOCR
    back_end: BackEnd = BackEnd.AUTO
    """rapidocr only. `auto` is OpenVINO where it loads, onnxruntime elsewhere."""
    languages: tuple[str, ...] = ("fra", "eng", "deu", "nld")
    """Tesseract only (rapidocr's model reads all Latin scripts). Those not installed are left out."""
    longest_side: int = 2000
    """rapidocr only: the reading copy of an A4-shaped page, in pixels; other shapes get the same number of pixels. Never enlarged.
    Measured: 1500 loses nothing that matters at 300 dpi but small print; full size costs three times as much and gains nothing."""
    detection_side: int = 1280
    """rapidocr only: the size at which lines are looked for; below 1280 words were missed, above nothing was gained."""
    threads: int = 1
    """Per process; several processes beat several threads."""
    min_confidence: float = 0.5
    """Lines (rapidocr) below this are noise: dust, stamps, logos."""
    timeout: float = 120.0
    """Seconds for one page. Tesseract only: a reader that runs inside this process is stopped by whoever started the process."""


class ReadingFailed(Exception):
    """A page could not be read. The document can still be sealed without text."""


class OverBudget(ReadingFailed):
    """Reading took longer than allowed."""


class EngineMissing(ReadingFailed):
    """The reader is not installed, or none of its languages is."""


class Engine(Protocol):
    """The seam."""

    @property
    def name(self) -> str:
        """Engine, its version and its back end, for the record."""

    @property
    def sure(self) -> float:
        """Mean confidence of a page, 0…1, below which it may stand on its head."""

    def read(self, copy: Path) -> tuple[Line, ...]:
        """Lines in pixels of the copy, in the engine's own order. Raises ReadingFailed."""


@lru_cache(maxsize=2)
def warm_engine(options: ReaderOptions) -> Engine:
    """The process's engine for these options, loaded at the first call. Raises EngineMissing."""
    if options.reader is Reader.TESSERACT:
        return TesseractEngine(options)
    return RapidEngine(options)


def prepare_copy(upright: Pixels, options: ReaderOptions) -> tuple[Pixels, float]:
    """The reading copy of an upright page, and how many of its pixels make one of the page's (at most 1).

    Needs no engine loaded: the process that decodes the page makes the copy, another one reads it.
    """
    if options.reader is Reader.TESSERACT:
        return as_grey(upright), 1.0
    height, width = upright.shape[:2]
    area = options.longest_side**2 / _A4_ASPECT
    scale = min(1.0, math.sqrt(area / (height * width)))
    colour = upright if upright.ndim == 3 else np.asarray(cv2.cvtColor(upright, cv2.COLOR_GRAY2BGR), np.uint8)
    if scale == 1.0:
        return colour, 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8), size[0] / width


def as_grey(image: Pixels) -> Pixels:
    """Shape (height, width)."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def write_copy(image: Pixels, path: Path) -> None:
    """Uncompressed on purpose: binary PGM for grey, PPM for colour (netpbm P5 and P6). Raises OSError."""
    height, width = image.shape[:2]
    kind, samples = ("P5", image) if image.ndim == 2 else ("P6", image[:, :, ::-1])
    with path.open("wb") as file:
        file.write(_copy_header(kind, width, height))
        file.write(np.ascontiguousarray(samples).data)


def _copy_header(kind: str, width: int, height: int) -> bytes:
    return f"{kind}\n{width} {height}\n255\n".encode("ascii")


def view_copy(path: Path) -> Pixels:
    """A grey copy that `write_copy` wrote, of which only what is looked at is loaded. Raises ReadingFailed."""
    width, height = copy_size(path)
    header = len(_copy_header("P5", width, height))
    if path.stat().st_size != header + width * height:
        raise ReadingFailed(f"the copy {path.name} is not grey, or not whole")
    return np.memmap(path, np.uint8, "r", header, (height, width))


def copy_size(path: Path) -> tuple[int, int]:
    """Width and height of a copy that `write_copy` wrote, from its header. Raises ReadingFailed."""
    try:
        with path.open("rb") as file:
            kind, size = file.readline(8).strip(), file.readline(32).split()
        if kind in {b"P5", b"P6"}:
            width, height = map(int, size)
            return width, height
    except (OSError, ValueError) as error:
        raise ReadingFailed(f"the reading copy {path.name} cannot be opened") from error
    raise ReadingFailed(f"the reading copy {path.name} is not a netpbm file")


class RapidEngine:
    """PP-OCRv6 small through rapidocr; the models lie in its wheel, nothing is downloaded."""

    def __init__(self, options: ReaderOptions) -> None:
        self._options = options
        self._back_end = _best_back_end(options.back_end)
        rapidocr = _load("rapidocr", "pip install rapidocr")
        engine_type = rapidocr.EngineType(self._back_end.value)
        cv2.setNumThreads(options.threads)
        self._reader = rapidocr.RapidOCR(
            params={
                "Global.log_level": "error",
                # The page is upright already: asking of every line whether it stands on its head costs 15 % and can only err.
                "Global.use_cls": False,
                "Global.return_word_box": True,
                "Global.text_score": options.min_confidence,
                # The copy is made by `prepare`; the library's own limit must never shrink a long receipt a second time.
                "Global.max_side_len": 1_000_000,
                "Det.engine_type": engine_type,
                "Cls.engine_type": engine_type,
                "Rec.engine_type": engine_type,
                "Det.limit_type": "max",
                "Det.limit_side_len": options.detection_side,
                "EngineConfig.openvino.inference_num_threads": options.threads,
                "EngineConfig.onnxruntime.intra_op_num_threads": options.threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )
        # A picture with a sign on it loads both networks.
        sign = np.full((96, 192, 3), 255, np.uint8)
        self._reader(cv2.putText(sign, "A1", (30, 70), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 4))
        self._reader.text_rec = Recogniser(self._reader.text_rec, options.threads)

    @property
    def name(self) -> str:
        version = importlib.metadata.version
        return f"rapidocr {version('rapidocr')} PP-OCRv6 small, {self._back_end} {version(self._back_end.value)}"

    @property
    def sure(self) -> float:
        """0.96 to 0.99 was measured upright, 0.62 to 0.71 upside down."""
        return 0.85

    def read(self, copy: Path) -> tuple[Line, ...]:
        image = cv2.imread(str(copy), cv2.IMREAD_COLOR)
        if image is None:
            raise ReadingFailed(f"the reading copy {copy.name} cannot be opened")
        image = _rounded(image, round(DETECTION_STEP / self._detection_ratio))
        # Lines are looked for at a fixed ratio to the copy, so that a long receipt keeps its letters.
        self._reader.text_det.limit_side_len = max(32, round(max(image.shape[:2]) * self._detection_ratio))
        try:
            found = self._reader(image)
        except Exception as error:
            raise ReadingFailed(f"rapidocr: {_first_line(error)}") from error
        if found.txts is None:
            return ()
        return tuple(filter(None, map(_rapid_line, found.txts, found.scores, found.boxes, found.word_results)))

    @property
    def _detection_ratio(self) -> float:
        return min(1.0, self._options.detection_side / self._options.longest_side)


class TesseractEngine:
    """Tesseract's command line through pytesseract, which is handed the name of a grey, full-size, uncompressed copy."""

    def __init__(self, options: ReaderOptions) -> None:
        self._tesseract = _load("pytesseract", "pip install pytesseract")
        self._timeout = options.timeout
        # pytesseract passes on this process's environment. More threads cost more CPU for the same page.
        os.environ["OMP_THREAD_LIMIT"] = str(options.threads)
        try:
            installed = set(self._tesseract.get_languages(config=""))
            self._version = str(self._tesseract.get_tesseract_version()).splitlines()[0]
        except self._tesseract.TesseractNotFoundError as error:
            raise EngineMissing("Tesseract is not installed: apt install tesseract-ocr tesseract-ocr-fra") from error
        except SystemExit as error:  # so pytesseract takes a version that it cannot read
            raise EngineMissing(f"Tesseract does not tell its version: {_first_line(error)}") from None
        languages = [language for language in options.languages if language in installed]
        if not languages:
            raise EngineMissing(f"none of Tesseract's languages {', '.join(options.languages)} is installed: apt install tesseract-ocr-fra")
        self._languages = "+".join(languages)

    @property
    def name(self) -> str:
        return f"tesseract {self._version}, {self._languages}"

    @property
    def sure(self) -> float:
        """0.51 to 0.81 was measured on scanned pages upright, 0.01 to 0.11 upside down."""
        return 0.3

    def read(self, copy: Path) -> tuple[Line, ...]:
        """Raises OSError (ENOSPC) where its answer was cut: it lies in a temporary file, of which Tesseract does not see that its end found
        no room."""
        try:
            told: bytes = self._tesseract.image_to_data(
                str(copy), lang=self._languages, config="--dpi 300", timeout=self._timeout, output_type=self._tesseract.Output.BYTES
            )
        except RuntimeError as error:  # TesseractError is one, and so is the time-out
            if "timeout" in str(error).lower():
                raise OverBudget(f"Tesseract took longer than {self._timeout:g} s") from error
            raise ReadingFailed(f"Tesseract: {_first_line(error)}") from error
        if not told.endswith(b"\n"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return _tesseract_lines(told.decode("utf-8"))


def _rounded(image: Pixels, step: int) -> Pixels:
    """With a margin of the paper's own colour to the right and below, so that both sides are multiples of `step`."""
    down, right = -image.shape[0] % step, -image.shape[1] % step
    if not (down or right):
        return image
    paper = [float(level) for level in np.median(image[::16, ::16], axis=(0, 1))]
    return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_CONSTANT, value=paper), np.uint8)


def _first_line(error: BaseException) -> str:
    """What a person may read, and what may be sealed into a record: no traceback and no path of this machine."""
    words = str(error).strip().splitlines()
    return f"{type(error).__name__} {words[0][:120] if words and '/' not in words[0] else ''}".strip()


def _load(module: str, remedy: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineMissing(f"{module} is not installed: {remedy}") from error


def _best_back_end(wanted: BackEnd) -> BackEnd:
    """OpenVINO reports each import to its maker by default; a null module takes it to its own documented stub instead."""
    if wanted is BackEnd.ONNXRUNTIME:
        return wanted
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # None is how Python is told that a module is not to be had
    try:
        importlib.import_module("openvino").Core()
    except (ImportError, RuntimeError, OSError) as error:
        if wanted is BackEnd.OPENVINO:
            raise EngineMissing(f"OpenVINO does not load here: {error}") from error
        return BackEnd.ONNXRUNTIME
    return BackEnd.OPENVINO


def _rapid_line(text: str, score: float, quad: npt.NDArray[np.float32], pieces: Sequence[tuple[str, float, Any]]) -> Line | None:
    """The library's pieces follow gaps, not only spaces: they are joined again along the words of the line's text."""
    words = []
    waiting = list(pieces)
    for token in text.split():
        corners, waiting = _take_pieces(token, waiting)
        words.append((token, corners))
    if waiting or any(corners is None for _, corners in words):
        words = _split_quad(text, quad)
    made = [_word(clean_text(token), corners, score) for token, corners in words]
    line = Line(tuple(word for word in made if word.text))
    return line if line.words else None


def _take_pieces(token: str, pieces: list[tuple[str, float, Any]]) -> tuple[npt.NDArray[np.float64] | None, list[tuple[str, float, Any]]]:
    """The corners of the pieces that spell the token, and the pieces left; None where they do not spell it."""
    spelt = ""
    for taken, piece in enumerate(pieces, 1):
        spelt += piece[0]
        if spelt == token:
            return np.concatenate([np.asarray(p[2], np.float64).reshape(-1, 2) for p in pieces[:taken]]), pieces[taken:]
        if not token.startswith(spelt):
            break
    return None, pieces


def _split_quad(text: str, quad: npt.NDArray[np.float32]) -> list[tuple[str, npt.NDArray[np.float64] | None]]:
    """Words share the line's box by their number of letters."""
    top_left, top_right, bottom_right, bottom_left = np.asarray(quad, np.float64)
    words: list[tuple[str, npt.NDArray[np.float64] | None]] = []
    position = 0
    for token in text.split(" "):
        start, end = position / len(text), (position + len(token)) / len(text)
        position += len(token) + 1
        if token:
            edges = [a + (b - a) * share for share in (start, end) for a, b in ((top_left, top_right), (bottom_left, bottom_right))]
            words.append((token, np.array(edges)))
    return words


def _word(text: str, corners: npt.NDArray[np.float64] | None, confidence: float) -> Word:
    """`text` may hold spaces after cleaning only where a wide character became one; a word has none."""
    assert corners is not None  # noqa: S101 - _rapid_line replaced those without corners
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return Word(text.replace(" ", ""), round(float(x0)), round(float(y0)), round(float(x1)), round(float(y1)), round(float(confidence), 3))


def _tesseract_lines(table: str) -> tuple[Line, ...]:
    """Words of level 5 of its TSV, grouped by Tesseract's own block, paragraph and line numbers."""
    lines: dict[tuple[str, ...], list[Word]] = {}
    names, *cells = (row.split("\t") for row in table.rstrip("\n").split("\n"))
    for row in (dict(zip(names, each, strict=False)) for each in cells):
        text = clean_text(row.get("text", "")).replace(" ", "")
        if row["level"] != "5" or not text:
            continue
        x, y, w, h = (int(row[key]) for key in ("left", "top", "width", "height"))
        word = Word(text, x, y, x + w, y + h, round(max(0.0, float(row["conf"])) / 100, 3))
        lines.setdefault((row["block_num"], row["par_num"], row["line_num"]), []).append(word)
    return tuple(Line(tuple(words)) for words in lines.values())
