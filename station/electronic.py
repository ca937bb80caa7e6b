"""Electronic invoices: the XML is found in its file, a PDF or the XML itself, read, and held against the rules.

The XML is the invoice and is kept in its native file, byte for byte.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pikepdf

from capture.catalogue import finding
from capture.findings import Finding, Level
from capture.scan import Format
from ocr.en16931 import MAX_BYTES, NoInvoice
from ocr.structured import Structured, read_invoice
from station.rules import Checked, check_rules, package_name, rule_findings

NAMES_OF_INVOICES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
"""As the formats want the attachment to be called, in small letters (Factur-X 1.0 §6.2.2; ZUGFeRD 1.0; XRechnung)."""
MAX_ATTACHED = 100
"""Attachments of one PDF that are looked at."""
MAX_INFLATED = 4 * MAX_BYTES
"""Bytes of all of them together: the invoice is looked for among the first."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """The XML of an electronic invoice, as it came."""

    name: str
    xml: bytes
    attached: bool
    """Inside a PDF; else the file itself."""

    def read(self) -> Structured:
        """Raises NoInvoice."""
        return read_invoice(self.xml, attached=self.attached)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one file told when it was asked for an electronic invoice."""

    invoice: Invoice | None
    structured: Structured | None = None
    findings: tuple[Finding, ...] = ()


def find_invoice(path: Path, format: Format, name: str = "") -> Looked:
    """The electronic invoice in a file and its fields, its rules left aside. For a child process: files may be hostile.

    Nothing where there is none. An XML that should be one and cannot be read is told, and attachments of which not all were looked at.
    """
    spoilt: tuple[Finding, ...] = ()
    try:
        for each in _candidates(path, format, name):
            try:
                return Looked(each, each.read())
            except NoInvoice as error:
                if error.reason != "not-invoice" and (not each.attached or each.name.casefold() in NAMES_OF_INVOICES):
                    # Without a page beside it nothing is left to work with.
                    spoilt = (_unreadable(f"{each.name[:80]} ({error.reason})", blocking=not each.attached),)
    except GivenUp as error:
        spoilt = (_unreadable(str(error)),)
    return Looked(None, findings=spoilt)


def unfound(format: Format, error: Exception) -> Finding:
    """What is said where looking for the invoice ended the child, or took too long."""
    return _unreadable(str(error)[:200], blocking=format is Format.XML)


def rules_told(invoice: Invoice, structured: Structured) -> tuple[Finding, ...]:
    """What the rules say of an invoice that was found; takes as long as `station.rules` allows."""
    return _told(invoice, structured, check_rules(invoice.xml))


def rules_untold(invoice: Invoice, structured: Structured, error: Exception) -> tuple[Finding, ...]:
    """Where running them ended the child, or took too long: the invoice is read all the same."""
    return _told(invoice, structured, Checked((), package_name(), trouble=str(error)[:200]))


def _unreadable(words: str, *, blocking: bool = False) -> Finding:
    told = finding("structured-unreadable", measured=words)
    return replace(told, level=Level.BLOCKING) if blocking else told


def _candidates(path: Path, format: Format, name: str) -> Iterable[Invoice]:
    if format is Format.XML:
        return [Invoice(name or path.name, path.read_bytes(), False)]
    return attached_files(path) if format is Format.PDF else ()


def _told(invoice: Invoice, structured: Structured, checked: Checked) -> tuple[Finding, ...]:
    digest = hashlib.sha256(invoice.xml).hexdigest()
    told = f"{invoice.name[:80]}, {structured.name}, SHA-256 {digest[:16]}…"
    found = [finding("structured-invoice", measured=told, limit=checked.rules), *rule_findings(checked)]
    if structured.troubles:
        found.append(finding("structured-invalid", measured="; ".join(structured.troubles)[:300], limit="EN 16931"))
    return tuple(found)


# --- between the steps of the work ---


def keep_invoice(invoice: Invoice, path: Path) -> None:
    """Lay it where a later step finds it: one line that tells what it is, then the XML."""
    head = json.dumps({"name": invoice.name, "attached": invoice.attached}).encode()
    path.write_bytes(head + b"\n" + invoice.xml)


def kept_invoice(path: Path) -> Structured | None:
    """What `keep_invoice` laid there; None where there was no electronic invoice."""
    if not path.exists():
        return None
    head, _, xml = path.read_bytes().partition(b"\n")
    told = json.loads(head)
    return Invoice(told["name"], xml, told["attached"]).read()


# --- out of a PDF ---


class GivenUp(Exception):
    """An attachment that is not looked at, and why."""


def attached_files(path: Path) -> Iterator[Invoice]:
    """XML files attached to a PDF (ISO 32000-2, 7.11.4 and 14.13), those named as an invoice first; none of a PDF that does not open.

    One is inflated when it is asked for, and none is kept. Raises GivenUp at the end where one named as an invoice was left out, or all
    together are larger than any invoice.
    """
    given_up: GivenUp | None = None
    try:
        with pikepdf.open(path) as pdf:
            named = {name: stream for name, stream in islice(_streams(pdf), MAX_ATTACHED) if name.casefold().endswith(".xml")}
            left = MAX_INFLATED
            for name in sorted(named, key=_rank):
                if left <= 0:
                    given_up = given_up or GivenUp(f"{len(named)} XML > {MAX_INFLATED >> 20} Mo")
                    break
                try:
                    xml = _content(named[name])
                except GivenUp as error:
                    left -= MAX_BYTES
                    given_up = GivenUp(f"{name[:80]} : {error}") if name.casefold() in NAMES_OF_INVOICES else given_up
                    continue
                left -= len(xml)
                yield Invoice(name, xml, True)
    except Exception:  # noqa: BLE001 a locked or hostile PDF may raise anything; it holds no invoice that can be read
        return
    if given_up is not None:
        raise given_up


def _rank(name: str) -> tuple[int, str]:
    plain = name.casefold()
    return (NAMES_OF_INVOICES.index(plain) if plain in NAMES_OF_INVOICES else len(NAMES_OF_INVOICES)), name


def _streams(pdf: pikepdf.Pdf) -> Iterator[tuple[str, pikepdf.Stream]]:
    """Of the tree of embedded files, then of /AF: some writers fill only one of them."""
    specs: list[Any] = [(name, spec.obj) for name, spec in islice(pdf.attachments.items(), MAX_ATTACHED)]
    associated = pdf.Root.get("/AF")
    if isinstance(associated, pikepdf.Array):
        specs += [("", spec) for spec in islice(associated, MAX_ATTACHED)]
    for name, spec in specs:
        if not isinstance(spec, pikepdf.Dictionary) or not isinstance(spec.get("/EF"), pikepdf.Dictionary):
            continue
        stream = spec.EF.get("/F", spec.EF.get("/UF"))
        if isinstance(stream, pikepdf.Stream):
            yield str(spec.get("/UF", spec.get("/F", name))) or name, stream


def _content(stream: pikepdf.Stream) -> bytes:
    """Inflated within bounds: an attachment may be a bomb. Raises GivenUp where it is too large, or coded in a way that no writer uses."""
    raw, filters = stream.get_raw_stream_buffer(), stream.get("/Filter")
    names = [str(each) for each in filters] if isinstance(filters, pikepdf.Array) else [str(filters)] if filters is not None else []
    if names not in ([], ["/FlateDecode"]):
        raise GivenUp(" ".join(names)[:80])
    data = b""
    if len(raw) <= MAX_BYTES:
        try:
            data = zlib.decompressobj().decompress(bytes(raw), MAX_BYTES + 1) if names else bytes(raw)
        except zlib.error as error:
            raise GivenUp(str(error)) from error
    if max(len(raw), len(data)) > MAX_BYTES:
        raise GivenUp(f"> {MAX_BYTES >> 20} Mo")
    return data
