"""One file from its bytes to its verdict, without database: what `sceau check` tells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from capture.catalogue import finding, finding_json
from capture.coding import Caps, examine
from capture.decode import Undecodable, decode
from capture.findings import Finding, Level
from capture.scan import Format, Page, Scan
from conformity.checks import inspect_raster, judge_page, verdict
from conformity.clauses import ClauseFacts, ClauseRow, Organisation, judge_clauses, judge_policy, row_json
from conformity.limits import Limits
from conformity.policy import Policy


@dataclass(frozen=True, slots=True)
class Check:
    """A scan with everything that was found."""

    scan: Scan
    findings: tuple[Finding, ...]
    """Of the file first, then page by page."""
    verdict: str
    """conform, review or blocked."""
    decoded: int = 0
    """Pages whose pixels were decoded in full."""


def check_scan(path: Path, caps: Caps | None = None, limits: Limits | None = None) -> Check:
    """Examine, judge and decode every page, one at a time. Raises OSError only where the file cannot be opened."""
    caps, limits = caps or Caps(), limits or Limits()
    scan = examine(path, caps)
    spoilt = {found.page for found in scan.findings if found.level is Level.BLOCKING}
    findings, decoded = list(scan.findings), 0
    for page in scan.pages:
        findings += judge_page(page, limits)
        whole, seen = _look_at_pixels(path, scan, page, caps, limits, known=page.number in spoilt)
        findings += seen
        decoded += whole
    return Check(scan, tuple(findings), verdict(findings), decoded)


def with_findings(check: Check, more: Iterable[Finding]) -> Check:
    """The check with what others found about the same file."""
    findings = (*check.findings, *more)
    return replace(check, findings=findings, verdict=verdict(findings))


def not_checked(reason: str) -> Check:
    """The answer for what cannot be opened as a file."""
    found = finding("not-taken", measured=reason)
    return Check(Scan(Format.UNKNOWN, 0, ()), (found,), verdict([found]))


def _look_at_pixels(path: Path, scan: Scan, page: Page, caps: Caps, limits: Limits, *, known: bool) -> tuple[bool, tuple[Finding, ...]]:
    """Whether the page was decoded, and what was found; a page that cannot be is said once."""
    if page.codec == "vector":
        return False, ()
    try:
        raster = decode(path, page, scan.format, caps.max_pixels)
    except Undecodable as error:
        return False, () if known else (error.finding(page.number),)
    return True, inspect_raster(raster, page, limits).findings


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


def clause_rows(check: Check, policy: Policy, organisation: Organisation, day: date) -> tuple[ClauseRow, ...]:
    """The rows of the article, and last that of the house, for a file that is taken for a scan of paper and is not sealed."""
    facts = ClauseFacts(check.scan.pages, check.decoded, policy, day, organisation)
    return (*judge_clauses(check.findings, facts), judge_policy(check.findings, facts))


def check_json(path: Path, check: Check, rows: Sequence[ClauseRow], language: str = "fr") -> dict[str, object]:
    """The object that `check --json` prints for one file; `rows` as `clause_rows` gives them."""
    return {
        "file": str(path),
        "verdict": check.verdict,
        "pages": [page_json(page) for page in check.scan.pages],
        "findings": [finding_json(found, language) for found in check.findings],
        "clauses": [row_json(row) for row in rows[:-1]],
        "house": row_json(rows[-1]),
    }
