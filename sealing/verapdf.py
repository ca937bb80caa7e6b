"""veraPDF, the reference validator of PDF/A, where a company has installed it: its verdict on a file, from a program of its own.

It is asked what it says of PDF/A-3b and given a limited time. What it cannot say is no verdict, never a yes.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

PROGRAM = "verapdf"
SECONDS = 60
"""Patience for one file; a file takes less than a second, its Java a few."""
MAX_REPORT = 16 << 20
"""Bytes of a report that are read."""


@dataclass(frozen=True, slots=True)
class Validation:
    """What veraPDF said."""

    compliant: bool | None
    """None where it gave no verdict."""
    detail: str
    """In French: the profile, or the first rules that are broken."""
    english: str


def validate_pdfa(path: Path) -> Validation | None:
    """Its verdict on PDF/A-3b; None where it is not installed. Never raises for what the file is or the program does."""
    if shutil.which(PROGRAM) is None:
        return None
    try:
        ran = subprocess.run([PROGRAM, "--flavour", "3b", str(path)], capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Validation(
            None, f"veraPDF n'a pas répondu en {SECONDS} s : aucun avis", f"veraPDF did not answer in {SECONDS} s: no verdict"
        )
    except OSError as error:
        return Validation(None, f"veraPDF ne démarre pas ({error.strerror}) : aucun avis", f"veraPDF does not start ({error.strerror})")
    return read_report(ran.stdout)


def read_report(report: bytes) -> Validation:
    """The XML report of one file (`report/jobs/job/validationReport`), as every version writes it by default."""
    silent = Validation(None, "veraPDF n'a pas rendu d'avis lisible", "veraPDF gave no readable verdict")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        found = etree.fromstring(report[:MAX_REPORT], parser).findall("jobs/job/validationReport")
    except etree.XMLSyntaxError:
        return silent
    if len(found) != 1 or "PDF/A-3B" not in found[0].get("profileName", "") or found[0].get("isCompliant") not in ("true", "false"):
        return silent
    if found[0].get("isCompliant") == "true":
        rules = found[0].find("details").get("passedRules", "?") if found[0].find("details") is not None else "?"
        return Validation(True, f"veraPDF : PDF/A-3b, {rules} règles", f"veraPDF: PDF/A-3b, {rules} rules")
    broken = [_rule(rule) for rule in found[0].iterfind("details/rule[@status='failed']")]
    told = " ; ".join(broken[:3]) or "?"
    return Validation(False, f"veraPDF : pas un PDF/A-3b : {told}", f"veraPDF: not PDF/A-3b: {told}")


def _rule(rule: "etree._Element") -> str:
    words = re.sub(r"\s+", " ", rule.findtext("description", "")).strip()
    return f"{rule.get('clause', '?')}-{rule.get('testNumber', '?')} {words[:120]}".strip()
