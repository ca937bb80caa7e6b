"""Draws the files that the fuzzing begins with, each as small as its form allows. Run once: `python tests/fuzz/draw_corpus.py [ENTRY…]`.

What is kept in `corpus/` is what was drawn; libraries may write other bytes tomorrow, and the mutants of a seed must stay the same.
"""

import io
import struct
import sys
import tempfile
import zlib
from collections.abc import Collection, Iterator
from email.message import EmailMessage
from pathlib import Path

import electronic_papers
import lists as trusted_lists
import numpy as np
import papers
import pikepdf
import tifffile
from PIL import Image
from pki import company

from workflow.vocabulary import Kind

CORPUS = Path(__file__).parent / "corpus"
REPORT = b"""\
Content-Type: multipart/report; report-type=delivery-status; boundary=b4

--b4
Content-Type: text/plain

It did not arrive.
--b4
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; a@b.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such mailbox
--b4
Content-Type: text/rfc822-headers

Message-ID: <7@sceau.example>
Subject: Rappel
--b4--
"""
PAGE = papers.draw_page(["FACTURE 12"], size=(48, 32), dpi=40)
GREY = PAGE[..., 0].copy()
BITS = GREY < 200


def draw_all() -> Iterator[tuple[str, str, bytes]]:
    """Entry point, name, bytes."""
    with tempfile.TemporaryDirectory() as folder:
        for entry, draw in DRAWN.items():
            for name, data in draw(Path(folder)):
                yield entry, name, data
        for name, data in jbig2s():
            yield "jbig2", name, data
        for name, data in messages():
            yield "mail", name, data


def tiffs(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group3", "group4", "raw"):
        yield f"{name}.tif", papers.write_tiff(folder / "a.tif", PAGE, None if name == "raw" else name).read_bytes()
    yield "two-pages.tif", papers.write_tiff(folder / "a.tif", [PAGE, PAGE[:20]], "tiff_lzw").read_bytes()
    yield "grey.tif", papers.write_tiff(folder / "a.tif", GREY, "packbits").read_bytes()
    for name, kind in {"big-endian": {"big_endian": True}, "big": {"big": True}, "planes": {"planarconfig": "separate"}}.items():
        page = np.ascontiguousarray(PAGE.transpose(2, 0, 1)) if name == "planes" else PAGE
        yield f"{name}.tif", papers.write_special_tiff(folder / "a.tif", page, compression="zlib", **kind).read_bytes()
    with tifffile.TiffWriter(folder / "t.tif") as file:
        file.write(GREY, tile=(16, 16), compression="zlib", resolution=(300, 300), resolutionunit="INCH", metadata=None)
    yield "tiled.tif", (folder / "t.tif").read_bytes()
    Image.fromarray(PAGE).quantize(8).save(folder / "p.tif", dpi=(300, 300))
    yield "palette.tif", (folder / "p.tif").read_bytes()


def pngs(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "colour.png", papers.write_png(folder / "a.png", PAGE).read_bytes()
    yield "grey.png", papers.write_png(folder / "a.png", GREY).read_bytes()
    pictures = {"bits": Image.fromarray(BITS), "palette": Image.fromarray(PAGE).quantize(8), "alpha": Image.fromarray(PAGE).convert("RGBA")}
    for name, picture in pictures.items():
        picture.save(folder / "b.png", dpi=(300, 300))
        yield f"{name}.png", (folder / "b.png").read_bytes()
    Image.fromarray(GREY.astype(np.uint16) * 200).save(folder / "c.png")
    yield "sixteen.png", (folder / "c.png").read_bytes()


def jpegs(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "colour.jpg", papers.write_jpeg(folder / "a.jpg", PAGE).read_bytes()
    yield "grey.jpg", papers.write_jpeg(folder / "a.jpg", GREY).read_bytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PAGE).save(folder / "b.jpg", progressive=True, exif=exif, dpi=(300, 300))
    yield "progressive.jpg", (folder / "b.jpg").read_bytes()


def jpxs(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "lossless.jp2", papers.write_jp2(folder / "a.jp2", PAGE, dpi=300).read_bytes()
    yield "lossy.jp2", papers.write_jp2(folder / "a.jp2", PAGE, lossless=False).read_bytes()
    grey = papers.write_jp2(folder / "a.jp2", GREY).read_bytes()
    yield "grey.jp2", grey
    yield "stream.j2k", grey[grey.index(b"\xff\x4f\xff\x51") :]
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "JPEG2000", tile_size=(16, 16), num_resolutions=2)
    yield "tiles.jp2", buffer.getvalue()


def fax_of(bits: np.ndarray) -> bytes:
    """One strip of CCITT G4, as JBIG2's MMR has it, too."""
    buffer = io.BytesIO()
    Image.fromarray(~bits).save(buffer, "TIFF", compression="group4")
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        page = file.pages[0]
        return buffer.getvalue()[page.dataoffsets[0] : page.dataoffsets[0] + page.databytecounts[0]]


def segment(number: int, kind: int, body: bytes) -> bytes:
    """ITU-T T.88, 7.2, of page 1."""
    return struct.pack(">IBBBI", number, kind, 0, 1, len(body)) + body


def jbig2s() -> Iterator[tuple[str, bytes]]:
    height, width = BITS.shape
    page = segment(0, 48, struct.pack(">IIIIBH", width, height, 11811, 11811, 0, 0))
    place = struct.pack(">IIIIB", width, height, 0, 0, 0)
    fax = segment(1, 38, place + b"\x01" + fax_of(BITS))
    noise = np.random.default_rng(1).bytes(120)
    arithmetic = segment(1, 38, place + b"\x00" + bytes([3, 255, 253, 255, 2, 254, 254, 254]) + noise)
    symbols = segment(2, 0, struct.pack(">H", 0) + bytes([3, 255, 253, 255, 2, 254, 254, 254]) + struct.pack(">II", 2, 2) + noise[:40])
    text = struct.pack(">IBBBBI", 3, 6, 1 << 5, 2, 1, 60) + place + struct.pack(">HI", 0x0C08, 4) + noise[:37]
    halftone = segment(4, 22, place + b"\x01" + struct.pack(">IIiiHH", 8, 8, 0, 0, 256, 0) + noise[:20])
    yield "fax.jb2", page + fax + segment(9, 49, b"")
    yield "arithmetic.jb2", page + arithmetic
    yield "symbols.jb2", page + symbols + text
    yield "halftone.jb2", page + segment(3, 16, b"\x01\x04\x04" + struct.pack(">I", 3) + noise[:20]) + halftone


def pdfs(folder: Path) -> Iterator[tuple[str, bytes]]:
    for name in ("flate", "dct"):
        yield f"{name}.pdf", papers.write_pdf(folder / "a.pdf", PAGE, filter_=name).read_bytes()
    yield "two-turned.pdf", papers.write_pdf(folder / "a.pdf", [PAGE, GREY], rotate=90).read_bytes()
    over = b"BT 3 Tr /F0 8 Tf (FACTURE) Tj ET q 1 0 0 1 2 2 cm BI /W 2 /H 2 /BPC 8 /CS /G ID abcd EI Q"
    yield "over.pdf", papers.write_pdf(folder / "a.pdf", GREY, over=over).read_bytes()
    yield "plain.pdf", _unpacked(folder / "a.pdf")
    yield "fax.pdf", _with_image(fax_of(BITS), "/CCITTFaxDecode", 1, "<< /K -1 /Columns 48 /Rows 32 >>")
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "JPEG2000")
    yield "jpx.pdf", _with_image(buffer.getvalue(), "/JPXDecode", 8, "null")
    runs = b"".join(bytes([257 - 48, value]) for value in range(32))
    yield "runs.pdf", _with_image(runs + b"\x80", "/RunLengthDecode", 8, "null")
    yield "form.pdf", _hand_made()
    path = electronic_papers.carrier(folder / "c.pdf", {"factur-x.xml": electronic_papers.cii(electronic_papers.MINIMUM)}, ("FACTURE",))
    with pikepdf.open(path) as pdf:
        pdf.remove_unreferenced_resources()
        for page in pdf.pages:
            page.Resources = pikepdf.Dictionary()
            page.Contents = pdf.make_stream(b"0 0 50 50 re f")
        pdf.save(folder / "d.pdf", object_stream_mode=pikepdf.ObjectStreamMode.disable)
    yield "carrier.pdf", (folder / "d.pdf").read_bytes()


def _unpacked(path: Path) -> bytes:
    with pikepdf.open(path) as pdf:
        buffer = io.BytesIO()
        pdf.save(buffer, stream_decode_level=pikepdf.StreamDecodeLevel.generalized, compress_streams=False, qdf=True)
        return buffer.getvalue()


def _with_image(data: bytes, coding: str, bits: int, parameters: str) -> bytes:
    image = f"<< /Type /XObject /Subtype /Image /Width 48 /Height 32 /BitsPerComponent {bits} /ColorSpace /DeviceGray /Filter {coding} "
    image += f"/DecodeParms {parameters} /Length {len(data)} >>\nstream\n"
    return one_page(image.encode() + data + b"\nendstream", b"q 12 0 0 8 0 0 cm /I Do Q")


def one_page(image: bytes, content: bytes) -> bytes:
    """A PDF of one page with one image, its table of objects in order."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 12 8] /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        image,
    ]
    made, places = b"%PDF-1.5\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return made + b"xref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (table, len(made))


def _hand_made() -> bytes:
    """A form that draws itself, an image that is its own mask, layers, fields, scripts."""
    image = b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] "
    image += b"/Resources << /XObject << /I 5 0 R >> /ExtGState << /G << /ca 0.5 /SMask /None >> >> >> "
    image += b"/Length 40 >>\nstream\n/G gs q 2 0 0 2 0 0 cm /I Do Q /OC /L BDC EMC\nendstream"
    made = one_page(image, b"q /I Do Q q 9 0 0 9 0 0 cm /I Do Q")
    extra = b"/OpenAction << /S /JavaScript /JS (1) >> /AcroForm << /Fields [1 0 R 2 0 R] >> "
    extra += b"/OCProperties << /D << /OFF [5 0 R] >> >> /AF [5 0 R] "
    return made.replace(b"/Type /Catalog", extra + b"/Type /Catalog")


def xmls(_folder: Path) -> Iterator[tuple[str, bytes]]:
    for level in (electronic_papers.EN_16931, electronic_papers.MINIMUM):
        yield f"cii-{zlib.crc32(level.encode()):08x}.xml", electronic_papers.cii(level)
    yield "zugferd.xml", electronic_papers.zugferd_1()
    for root in ("Invoice", "CreditNote"):
        yield f"{root.lower()}.xml", electronic_papers.ubl(root)
    text = electronic_papers.ubl().decode().replace('encoding="UTF-8"', 'encoding="UTF-16"')
    yield "wide.xml", text.encode("utf-16")


def lists(_folder: Path) -> Iterator[tuple[str, bytes]]:
    suppliers = "Nom;SIREN;N° TVA;Code;IBAN;E-mail\nAtelier Berthier;732829320;FR44732829320;401BER;FR7630006000011234567890189;a@b.fr\n"
    yield "suppliers.csv", suppliers.encode()
    yield "suppliers-1252.csv", suppliers.encode("cp1252")
    yield "suppliers-16.csv", suppliers.encode("utf-16")
    yield "told.csv", b'sep=,\nNom,SIREN,Code\n"Berthier, SARL",732829320,"4""1"\n'
    yield (
        "invoices.csv",
        (
            "Numéro;Client;Date;Échéance;Montant TTC;Régime\nF-1;411DUP;14/10/2026;13/11/2026;1 234,56;privé\n"
            "F-2;411DUP;2026-10-15;;-12.5;\n"
        ).encode(),
    )
    yield "payments.csv", "Numéro\tDate\tMontant\tRéférence\nF-1\t01/12/2026\t100,00\tVIR 1\n".encode()
    yield "people.csv", "Nom;Identifiant;E-mail;Rôles;Fin\nZoé;zoe;z@b.fr;clerk;31/12/2026\n".encode()
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.append(["Nom", "SIREN", "Code", "Montant"])
    sheet.append(["Berthier", "732829320", "401BER", "=1+1"])
    buffer = io.BytesIO()
    book.save(buffer)
    yield "small.xlsx", buffer.getvalue()


def tables(_folder: Path) -> Iterator[tuple[str, bytes]]:
    """As `entries.LOOKUP` asks of them: a code, then a column for each type."""
    columns = [f"d{number}" for number, _ in enumerate(Kind)]
    cell = {Kind.NUMBER: "1 234,5", Kind.WHOLE: "30", Kind.AMOUNT: "12,50", Kind.DATE: "2026-10-14", Kind.YES_NO: "oui"}
    values = [cell.get(kind, "Berthier") for kind in Kind]
    for name, separator in (("semicolons", ";"), ("commas", ","), ("tabs", "\t")):
        rows = [["code", *columns], ["401DUP", *([""] * len(columns))], ["401BER", *(f'"{value}"' for value in values)]]
        yield f"{name}.csv", "\r\n".join(separator.join(row) for row in rows).encode()


def trusted(_folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "fr.xml", trusted_lists.national(trusted_lists.Service(company().issuing)).encode()
    yield "lotl.xml", trusted_lists.list_of_lists().encode()


def messages() -> Iterator[tuple[str, bytes]]:
    """Boundaries are named: a drawn one would be another each time."""
    whole = message("Facture n° 7 – août", "a")
    whole.add_attachment(electronic_papers.cii()[:600], "application", "xml", filename="facture été.xml")
    whole.add_attachment(b"%PDF-1.4\n%%EOF\n", "application", "pdf", filename="facture.pdf")
    whole.set_boundary("b1")
    yield "attachments.eml", whole.as_bytes()
    outer = message("Fwd: Facture n° 7", "b")
    outer.add_attachment(whole)
    outer.set_boundary("b2")
    yield "forwarded.eml", outer.as_bytes()
    shown = message("Avec logo", "c")
    shown.set_content("<p>Voir <img src='cid:logo@x'></p>", "html")
    picture = io.BytesIO()
    Image.fromarray(GREY).save(picture, "PNG")
    shown.add_related(picture.getvalue(), "image", "png", cid="<logo@x>", filename="logo.png")
    shown.set_boundary("b3")
    yield "shown.eml", shown.as_bytes()
    yield "report.eml", REPORT


def message(subject: str, name: str) -> EmailMessage:
    drawn = EmailMessage()
    drawn["Message-ID"], drawn["From"], drawn["Subject"] = f"<{name}@berthier.example>", "Zoé Berthier <z@berthier.example>", subject
    drawn.set_content("Bonjour,\nci-joint notre facture.\n")
    return drawn


DRAWN = {
    "tiff": tiffs, "png": pngs, "jpeg": jpegs, "jpx": jpxs, "pdf": pdfs, "xml": xmls, "csv": lists, "lookup": tables, "trusted": trusted,
}  # fmt: skip


def keep_all(asked: Collection[str] = ()) -> int:
    """Bytes written, of these entry points or of all."""
    total = 0
    for entry, name, data in draw_all():
        if asked and entry not in asked:
            continue
        path = CORPUS / entry / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        total += len(data)
    return total


if __name__ == "__main__":
    print(keep_all(sys.argv[1:]))
