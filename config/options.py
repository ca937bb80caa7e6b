"""Each step's own options, composed from the settings; no step reads a setting itself."""

from capture.coding import Caps
from config.settings import Settings
from conformity.limits import Limits
from ocr.engines import Reader, ReaderOptions


def caps_of(settings: Settings) -> Caps:
    """What a file may ask of this machine."""
    intake = settings.intake
    return Caps(intake.max_megapixels * 1_000_000, intake.max_pages, intake.max_file_megabytes << 20)


def limits_of(settings: Settings) -> Limits:
    """The policy against which images are judged."""
    return Limits(min_dpi=settings.conformity.min_dpi, dpi_tolerance=settings.conformity.dpi_tolerance_percent / 100)


def reader_of(settings: Settings) -> ReaderOptions:
    """How pages are read."""
    reading = settings.reading
    return ReaderOptions(reader=Reader(reading.engine), languages=tuple(reading.languages.split("+")), timeout=reading.page_seconds)
