"""The codes printed on a page: QR, Code 128 and their kin, read by zxing-cpp, and the bars of a Patch T sheet."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import zxingcpp

Levels: TypeAlias = npt.NDArray[np.uint8]
Box: TypeAlias = tuple[int, int, int, int]
"""x0, y0, x1, y1 in stored pixels of the page, origin top left."""

MAX_CODES = 32
"""Of one page; a sheet of labels has fewer."""
MAX_TEXT = 512
"""Characters kept of one code; those of Sceau have at most 200."""

FORMATS = {
    zxingcpp.BarcodeFormat.QRCode: "qr",
    zxingcpp.BarcodeFormat.DataMatrix: "data-matrix",
    zxingcpp.BarcodeFormat.Code128: "code128",
    zxingcpp.BarcodeFormat.Code39: "code39",
}
"""What is looked for, and how it is named."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code on a page."""

    kind: str
    """qr, data-matrix, code128, code39."""
    text: str
    """Without control characters, at most `MAX_TEXT` characters."""
    box: Box

    def as_json(self) -> list[Any]:
        """[kind, text, [x0, y0, x1, y1]]."""
        return [self.kind, self.text, list(self.box)]


def from_json(value: list[Any]) -> Code:
    """The inverse of `Code.as_json`. Raises TypeError or ValueError where the value was not made by it."""
    kind, text, (x0, y0, x1, y1) = value
    return Code(str(kind), str(text), (int(x0), int(y0), int(x1), int(y1)))


def read_codes(grey: Levels) -> tuple[Code, ...]:
    """The codes of one page from the top; `grey` is its raster at native resolution, (height, width). None found is ()."""
    raise NotImplementedError


def patch_code(grey: Levels) -> str | None:
    """ "T" where the sheet bears the bars of Patch T, in any of four directions; None where it does not."""
    raise NotImplementedError


def patch_bars(name: str = "T") -> tuple[int, ...]:
    """Widths of bar, space, bar, … in hundredths of an inch, from the leading edge. Raises KeyError for a patch other than T."""
    raise NotImplementedError
