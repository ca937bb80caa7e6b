"""Everything that may be done to a sealed file, and who notices: the file's own seal where it can, the ledger's fingerprint always."""

import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest
from practice import NOON, compose, noisy, png_leaf, practice_keys, sealed, sealer
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfTimeStamper

from capture.originals import Condition, Vault
from sealing.seal import append_timestamp, seal_file
from sealing.syntax import revision_ends
from sealing.verify import verify_file

MEASUREMENTS = Path(__file__).parent.parent / "docs" / "measurements.md"


@dataclass(frozen=True, slots=True)
class Material:
    """A sealed file, another one sealed with the same key, and the first one renewed."""

    pdf: bytes
    other: bytes
    renewed: bytes


def turned(pdf: bytes, at: int) -> bytes:
    return pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def in_stream(find: Callable[[pikepdf.Pdf], pikepdf.Object]) -> Callable[[Material], bytes]:
    """One byte in the middle of a stream."""

    def tamper(material: Material) -> bytes:
        with pikepdf.open(io.BytesIO(material.pdf)) as pdf:
            raw = find(pdf).read_raw_bytes()
        return turned(material.pdf, material.pdf.index(raw) + len(raw) // 2)

    return tamper


def contents(pdf: bytes) -> list[tuple[int, int]]:
    """Begin and end of the hexadecimal digits of each signature, the oldest first."""
    return [found.span(1) for found in re.finditer(rb"/Contents <([0-9A-Fa-f]+)>", pdf)]


def digit(pdf: bytes, at: int) -> bytes:
    """Another hexadecimal digit at that place."""
    return pdf[:at] + (b"1" if pdf[at : at + 1] != b"1" else b"2") + pdf[at + 1 :]


def appended(change: Callable[[IncrementalPdfFileWriter], None], *, stamped: bool = False) -> Callable[[Material], bytes]:
    """A revision by another program, as every editor writes one; with a good timestamp over it where `stamped`."""

    def tamper(material: Material) -> bytes:
        file = io.BytesIO(material.pdf)
        writer = IncrementalPdfFileWriter(file)
        change(writer)
        if stamped:
            PdfTimeStamper(sealer().timestamper).timestamp_pdf(writer, "sha256", in_place=True)
        else:
            writer.write_in_place()
        return file.getvalue()

    return tamper


def page_of(writer: IncrementalPdfFileWriter) -> generic.DictionaryObject:
    return writer.root["/Pages"]["/Kids"][0]


def annotate(writer: IncrementalPdfFileWriter) -> None:
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/FreeText"),
            pdf_name("/Rect"): generic.ArrayObject(generic.NumberObject(n) for n in (0, 0, 9, 9)),
            pdf_name("/Contents"): generic.pdf_string("payé"),
        }
    )
    page = page_of(writer)
    page["/Annots"] = generic.ArrayObject([*page.get("/Annots", []), writer.add_object(note)])
    writer.update_container(page)


def fill_form(writer: IncrementalPdfFileWriter) -> None:
    field = generic.DictionaryObject(
        {pdf_name("/FT"): pdf_name("/Tx"), pdf_name("/T"): generic.pdf_string("net"), pdf_name("/V"): generic.pdf_string("1")}
    )
    form = writer.root["/AcroForm"]
    form["/Fields"].append(writer.add_object(field))
    writer.update_container(form["/Fields"])


def add_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    page = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Page"),
            pdf_name("/Parent"): writer.root.raw_get("/Pages"),
            pdf_name("/MediaBox"): generic.ArrayObject(generic.NumberObject(n) for n in (0, 0, 9, 9)),
        }
    )
    pages["/Kids"].append(writer.add_object(page))
    pages["/Count"] = generic.NumberObject(2)
    writer.update_container(pages)


def paint_over(writer: IncrementalPdfFileWriter) -> None:
    page = page_of(writer)
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"1 g 0 0 900 900 re f"))
    writer.update_container(page)


def replace_attachment(writer: IncrementalPdfFileWriter) -> None:
    stream = writer.root["/Names"]["/EmbeddedFiles"]["/Names"][1]["/EF"]["/F"]
    stream._data, stream._encoded_data = b"{}", None
    writer.update_container(stream)


def change_language(writer: IncrementalPdfFileWriter) -> None:
    writer.root["/Lang"] = generic.pdf_string("xx")
    writer.update_root()


def other_range(material: Material) -> bytes:
    """The first byte range of the last timestamp is one byte shorter."""
    found = list(re.finditer(rb"/ByteRange \[0 (\d+) ", material.pdf))[-1]
    shorter = str(int(found[1]) - 1).encode().rjust(len(found[1]), b"0")
    return material.pdf[: found.start(1)] + shorter + material.pdf[found.end(1) :]


def borrow_seal(material: Material) -> bytes:
    """The CMS of the seal of one file in the other."""
    (begin, end), (first, last) = contents(material.pdf)[0], contents(material.other)[0]
    return material.pdf[:begin] + material.other[first:last].ljust(end - begin, b"0")[: end - begin] + material.pdf[end:]


def resave(material: Material) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(material.pdf)) as pdf:
        pdf.save(out)
    return out.getvalue()


def in_table(material: Material) -> bytes:
    """A byte of the first cross-reference stream."""
    at = int(re.findall(rb"startxref\s+(\d+)", material.pdf)[0])
    return turned(material.pdf, material.pdf.index(b"stream", at) + 12)


def in_attachment(pdf: pikepdf.Pdf) -> pikepdf.Object:
    return pdf.attachments["capture-data.json"].get_file().obj


ROWS: dict[str, tuple[Callable[[Material], bytes], str]] = {
    "one byte of the header": (lambda m: turned(m.pdf, 7), "seal"),
    "one byte of the page content": (in_stream(lambda pdf: pdf.pages[0].Contents), "seal"),
    "one byte of the image stream": (in_stream(lambda pdf: pdf.pages[0].Resources.XObject.Im0), "seal"),
    "one byte of the XMP": (in_stream(lambda pdf: pdf.Root.Metadata), "seal"),
    "one byte of an attachment": (in_stream(in_attachment), "seal"),
    "one byte of the names of attachments": (lambda m: turned(m.pdf, m.pdf.index(b"stream\n") + 200), "coverage"),
    "one digit of the seal's /Contents": (lambda m: digit(m.pdf, contents(m.pdf)[0][0] + 4000), "coverage"),
    "one digit in the padding of the seal's /Contents": (lambda m: digit(m.pdf, contents(m.pdf)[0][1] - 3), "time"),
    "one digit in the padding of the last /Contents": (lambda m: digit(m.pdf, contents(m.pdf)[-1][1] - 3), "coverage"),
    "one byte of the cross-references": (in_table, "syntax"),
    "a wrong /ByteRange": (other_range, "coverage"),
    "an annotation appended": (appended(annotate), "coverage"),
    "a form value appended": (appended(fill_form), "coverage"),
    "a page appended": (appended(add_page), "coverage"),
    "shadow content painted over": (appended(paint_over), "coverage"),
    "an attachment replaced": (appended(replace_attachment), "coverage"),
    "the catalogue changed": (appended(change_language), "coverage"),
    "an annotation appended and timestamped": (appended(annotate, stamped=True), "seal"),
    "shadow content painted over and timestamped": (appended(paint_over, stamped=True), "seal"),
    "an attachment replaced and timestamped": (appended(replace_attachment, stamped=True), "seal"),
    "the seal of another file": (borrow_seal, "seal"),
    "a full re-save": (resave, "coverage"),
    "junk after the end": (lambda m: m.pdf + b"\njunk", "coverage"),
    "one line end after the end": (lambda m: m.pdf + b"\n", "coverage"),
    "the seal stripped": (lambda m: m.pdf[: revision_ends(m.pdf)[0]], "coverage"),
    "the document timestamp stripped": (lambda m: m.pdf[: revision_ends(m.pdf)[1]], "coverage"),
    "a renewal taken back": (lambda m: m.renewed[: len(m.pdf)], ""),
    "another sealed file in its place": (lambda m: m.other, ""),
}
"""What is done → who does it, and the check of the file that must fail; empty where the file alone cannot know."""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    path = sealed(folder)
    draft = compose(folder, [png_leaf(folder, noisy(seed=9), 2)], "other.pdf")
    seal_file(draft, draft, sealer())
    append_timestamp(path, folder / "renewed.pdf", sealer(NOON + timedelta(days=30)))
    return Material(path.read_bytes(), draft.read_bytes(), (folder / "renewed.pdf").read_bytes())


@pytest.mark.parametrize("what", ROWS)
def test_the_file_notices_what_it_can_and_the_ledger_everything(what, material, tmp_path):
    tamper, check = ROWS[what]
    before = material.renewed if what == "a renewal taken back" else material.pdf
    path = tmp_path / "changed.pdf"
    path.write_bytes(tamper(material))
    assert path.read_bytes() != before
    found = {each.name for each in verify_file(path, practice_keys().trust, NOON + timedelta(days=40)).checks if not each.ok}
    assert (check in found) if check else not found
    assert kept_condition(tmp_path, before, path) is Condition.DAMAGED


def kept_condition(folder: Path, before: bytes, changed: Path) -> Condition:
    """What fixity says when the changed file lies where the ledger's fingerprint says that the true one does."""
    vault = Vault(folder / "archive")
    sha256 = hashlib.sha256(before).hexdigest()
    vault.path(sha256, ".pdf").parent.mkdir(parents=True)
    vault.path(sha256, ".pdf").write_bytes(changed.read_bytes())
    return vault.verify(sha256, ".pdf")


def test_what_nothing_was_done_to_holds(material, tmp_path):
    for pdf in (material.pdf, material.other, material.renewed):
        (tmp_path / "a.pdf").write_bytes(pdf)
        assert verify_file(tmp_path / "a.pdf", practice_keys().trust, NOON + timedelta(days=40)).valid


def test_the_table_in_the_documentation_has_these_rows():
    told = MEASUREMENTS.read_text().partition("## Tampering")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| `?([a-z]*|—)`? \|", told, flags=re.MULTILINE))
    rows.pop("Done to the file", None)
    assert {what: rows.get(what, "?").strip("—") for what in ROWS} == {what: check for what, (_, check) in ROWS.items()}
