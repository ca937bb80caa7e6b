"""The policy against which pages are held: each figure with its reason and who gives it. None of them is in the arrêté."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """House policy; changeable per installation, and said as such in every finding."""

    min_dpi: float = 300.0
    """Dots per inch on each axis, computed from pixels and paper size. NF Z42-026 practice; arrêté and doctrine name no figure."""
    dpi_tolerance: float = 0.01
    """Share: A4 at 300 dpi is 2480.3 × 3507.9 pixels, and feeders slip; 297 passes."""
    min_bits: int = 8
    """Bits per colour: 24-bit colour, because stamps, signatures and notes carry meaning (BOI-CF-COM-10-10-30-10)."""
    sheet_tolerance: float = 0.015
    """Share by which a side may differ from a known sheet before the sheet counts as unusual."""

    @property
    def floor_dpi(self) -> float:
        return self.min_dpi * (1 - self.dpi_tolerance)


SHEETS: dict[str, tuple[float, float]] = {
    "A3": (297.0, 420.0),
    "A4": (210.0, 297.0),
    "A5": (148.0, 210.0),
    "Letter": (215.9, 279.4),
    "Legal": (215.9, 355.6),
}
"""Millimetres, upright (ISO 216; ANSI/ASME Y14.1)."""

USUAL_DPI = (300.0, 400.0, 600.0, 1200.0)
"""What scanners are set to. Without this list every page of A proportions would fit some A sheet at some resolution."""

COARSE_DPI = (72.0, 75.0, 96.0, 100.0, 120.0, 150.0, 200.0, 240.0, 250.0)
"""What devices are set to for mail and fax."""

EXACT_SHEET = 0.005
"""Share by which pixels may miss a sheet where that alone is held against a page: a receipt must not be taken for one by chance."""
