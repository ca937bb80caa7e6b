"""One file from its bytes to its verdict, without database: what `sceau check` tells."""

from dataclasses import dataclass
from pathlib import Path

from capture.catalogue import finding, finding_json
from capture.coding import Caps, examine
from capture.decode import Undecodable, decode
from capture.findings import Finding, Level
from capture.scan import Format, Page, Scan
from conformity.checks import inspect_raster, judge_page, verdict
from conformity.limits import Limits


@dataclass(frozen=True, slots=True)
class Check:
    """A scan with everything that was found."""

    scan: Scan
    findings: tuple[Finding, ...]
    """Of the file first, then page by page."""
    verdict: str
    """conform, review or blocked."""


def check_scan(path: Path, caps: Caps | None = None, limits: Limits | None = None) -> Check:
    """Examine, judge and decode every page, one at a time. Raises OSError only where the file cannot be opened."""
    caps, limits = caps or Caps(), limits or Limits()
    scan = examine(path, caps)
    spoilt = {found.page for found in scan.findings if found.level is Level.BLOCKING}
    findings = list(scan.findings)
    for page in scan.pages:
        findings += judge_page(page, limits)
        findings += _look_at_pixels(path, scan, page, caps, limits, known=page.number in spoilt)
    return Check(scan, tuple(findings), verdict(findings))


def not_checked(reason: str) -> Check:
    """The answer for what cannot be opened as a file."""
    found = finding("not-taken", measured=reason)
    return Check(Scan(Format.UNKNOWN, 0, ()), (found,), verdict([found]))


def _look_at_pixels(path: Path, scan: Scan, page: Page, caps: Caps, limits: Limits, *, known: bool) -> tuple[Finding, ...]:
    """A page that cannot be decoded is said once."""
    if page.codec == "vector":
        return ()
    try:
        raster = decode(path, page, scan.format, caps.max_pixels)
    except Undecodable as error:
        return () if known else (error.finding(page.number),)
    return inspect_raster(raster, page, limits).findings


def page_json(page: Page) -> dict[str, object]:
    """One page as `check --json` prints it; dpi to the hundredth."""
    return {
        "number": page.number,
        "codec": page.codec,
        "lossless": page.lossless,
        "dpi": None if page.dpi is None else [round(value, 2) for value in page.dpi],
        "bits": page.bits,
        "channels": page.channels,
    }


def check_json(path: Path, check: Check, language: str = "fr") -> dict[str, object]:
    """The object that `check --json` prints for one file."""
    return {
        "file": str(path),
        "verdict": check.verdict,
        "pages": [page_json(page) for page in check.scan.pages],
        "findings": [finding_json(found, language) for found in check.findings],
    }
