"""The functions that meet hostile bytes first, one harness for each form: what they may answer is known, everything else is a finding."""

import base64
import functools
import re
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from asn1crypto import x509
from draw_corpus import CORPUS, one_page

from capture.coding import Caps, complete, examine
from capture.decode import Undecodable, decode, upright
from capture.mailbox import attachments_of, bounce_of, read_heading
from capture.markers import jbig2_codec
from capture.scan import Format
from config.settings import Lookup
from conformity.inspect import check_scan
from ocr.en16931 import NoInvoice
from ocr.structured import read_invoice
from sealing.codestream import CannotArchive, code_page
from sealing.trust import UntrustedList, read_list
from station.electronic import find_invoice
from station.imports import KINDS, missing_columns, propose_mapping, read_lines
from station.lookups import LookupFailed, ask_lookup
from station.tabular import Unreadable, read_sheet
from workflow.vocabulary import Kind

CAPS = Caps(max_pixels=1_000_000, max_pages=40)
"""A page may be as large as its header says: here, so small that its decoding costs nothing. Above, the header alone is read."""
ROOM = Path("/dev/shm")  # The files are of no account, and a disk would be the slowest part.
FOLDER = tempfile.TemporaryDirectory(prefix="sceau-fuzz-", dir=ROOM if ROOM.is_dir() else None)
FILE = Path(FOLDER.name) / "scan"
TABLE = Path(FOLDER.name) / "lookups" / "table.csv"
TABLE.parent.mkdir()
EVERY_KIND = {f"d{number}": kind.value for number, kind in enumerate(Kind)}
LOOKUP = Lookup(name="table", csv=TABLE.name, takes={"code": Kind.TEXT.value}, gives=EVERY_KIND, seconds=10)


@dataclass(frozen=True, slots=True)
class Entry:
    """One form: `run` returns for whatever bytes, or raises what nobody expects. `share`: of all executions, out of 1000."""

    name: str
    run: Callable[[bytes], None]
    share: int
    guided: bool = True
    """Whether coverage guides well: the reading is Python of ours, not a library of C."""

    def corpus(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())]


def look_at(data: bytes) -> None:
    """As the watcher and the intake do: is it complete, what is it, is it sound; then as the archive would store it."""
    FILE.write_bytes(data)
    complete(FILE)
    check_scan(FILE, CAPS)
    scan = examine(FILE, CAPS)
    for page in scan.pages[:3]:
        try:
            raster = decode(FILE, page, scan.format, CAPS.max_pixels)
        except Undecodable:
            continue
        upright(raster)
        try:
            code_page(FILE, scan.format, page, lambda raster=raster: raster)
        except CannotArchive:
            continue


def look_at_pdf(data: bytes) -> None:
    look_at(data)
    find_invoice(FILE, Format.PDF)


def look_at_jpx(data: bytes) -> None:
    """Every fourth inside a PDF, where another decoder reads it."""
    if zlib.crc32(data) % 4:
        look_at(data)
    else:
        look_at(_in_pdf(data, b"/JPXDecode", 8))


def look_at_jbig2(data: bytes) -> None:
    """Its segments are walked; every fourth is decoded inside a PDF, half of them with shared segments."""
    jbig2_codec(data, data[:80])
    if zlib.crc32(data) % 4 == 0:
        look_at(_in_pdf(data, b"/JBIG2Decode", 1))


def _in_pdf(data: bytes, coding: bytes, bits: int) -> bytes:
    image = b"<< /Type /XObject /Subtype /Image /Width 48 /Height 32 /BitsPerComponent %d /ColorSpace /DeviceGray /Filter %s /Length %d >>"
    return one_page(image % (bits, coding, len(data)) + b"\nstream\n" + data + b"\nendstream", b"q 12 0 0 8 0 0 cm /I Do Q")


def look_at_xml(data: bytes) -> None:
    FILE.write_bytes(data)
    complete(FILE)
    examine(FILE, CAPS)
    with suppress(NoInvoice):
        read_invoice(data)


def look_at_list(data: bytes) -> None:
    try:
        sheet = read_sheet(data)
    except Unreadable:
        return
    for kind in KINDS:
        mapping = propose_mapping(kind, sheet.headings, {})
        # What the clerk would have to choose is chosen: any column for what is missing.
        mapping |= dict(zip(missing_columns(kind, mapping), cycle(sheet.headings), strict=False))
        read_lines(kind, sheet, mapping)


def look_at_table(data: bytes) -> None:
    """A file that a house laid down for its circuits: one row is found by its code, each of its columns of another type."""
    TABLE.write_bytes(data)
    with suppress(LookupFailed):
        ask_lookup(LOOKUP, TABLE.parents[1], {"code": "401BER"})


def look_at_trusted(data: bytes) -> None:
    """A trusted list as it was fetched, from wherever; what is not UTF-8 is refused before."""
    with suppress(UnicodeDecodeError, UntrustedList):
        read_list(data.decode("utf-8"), _list_signers(), "http://lists.example/fr.xml")


@functools.cache
def _list_signers() -> list[x509.Certificate]:
    """Who signed the drawn lists."""
    found = (re.search(rb"<ds:X509Certificate>([^<]+)<", path.read_bytes()) for path in sorted((CORPUS / "trusted").iterdir()))
    return [x509.Certificate.load(base64.b64decode(each[1])) for each in found if each]


def look_at_message(data: bytes) -> None:
    """As a mailbox's reader does; parts in parts beyond reason are what it may refuse."""
    read_heading(data)
    with suppress(RecursionError):
        attachments_of(data)
        bounce_of(data)


ENTRIES = (
    Entry("tiff", look_at, 180),
    Entry("png", look_at, 150),
    Entry("jpeg", look_at, 60),
    Entry("pdf", look_at_pdf, 80, guided=False),
    Entry("jbig2", look_at_jbig2, 180),
    Entry("jpx", look_at_jpx, 100),
    Entry("xml", look_at_xml, 100),
    Entry("csv", look_at_list, 80),
    Entry("mail", look_at_message, 40),
    Entry("lookup", look_at_table, 25),
    Entry("trusted", look_at_trusted, 5),
)
