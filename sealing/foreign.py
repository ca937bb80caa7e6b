"""Views of what cannot enter a PDF/A as it is: electronic PDFs through OCRmyPDF; the native file travels inside, untouched.

A102 B-2 is about copies of paper; an electronic invoice must be kept as its native file (L. 102 B LPF). So the PDF/A-3 made here is a view:
what it proves is the attached original, byte for byte. Image scans never come this way.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pikepdf

from capture.scan import Format
from sealing.codestream import CannotArchive
from sealing.pdfa import Attachment, Metadata, Relation, attach_files, describe_archive
from sealing.standard import PdfaError, save_checked

SHOWING = frozenset(
    {"/Type", "/Pages", "/Metadata", "/Lang", "/MarkInfo", "/StructTreeRoot", "/PageLabels", "/OCProperties", "/OutputIntents"}
)
"""Entries of the catalogue (ISO 32000-1 table 28) that a view keeps; how a viewer opens the file is not among them."""
PRIVATE = re.compile(r"/[A-Z0-9]{3,4}_|/(Trans|Dur|PieceInfo|LastModified)$")
"""Entries that show nothing on a page: second-class names of producers (ISO 32000-1 annex E), slide shows, producers' own data."""


def native_files(sources: Sequence[tuple[Path, Format]]) -> list[Attachment]:
    """The native files as attachments, byte for byte; several are numbered in the order in which they come."""
    if len(sources) == 1:
        return [native_file(*sources[0])]
    return [native_file(source, format, f"original-{number}") for number, (source, format) in enumerate(sources, 1)]


def native_file(source: Path, format: Format, stem: str = "original") -> Attachment:
    """One native file as an attachment, byte for byte."""
    mime = f"application/{format}" if format in (Format.PDF, Format.XML) else f"image/{format}"
    return Attachment(f"{stem}.{format}", source.read_bytes(), mime, Relation.SOURCE, "Fichier électronique d'origine")


def convert_pdf(source: Path, target: Path, metadata: Metadata, attachments: Sequence[Attachment]) -> None:
    """Write `target`, a PDF/A-3b view of a drawn PDF with `attachments` inside. The view is never signed, whatever the native file is.

    Pinned to OCRmyPDF's internal PDF/A writer at -O0, without reading: images keep their bytes, and Ghostscript, which may
    re-compress them, is never called. Raises CannotArchive where the file cannot become PDF/A so.
    """
    # Loaded only here: it costs every process of the station 40 MB and a second, and few documents come this way.
    import ocrmypdf
    from ocrmypdf.exceptions import ExitCodeException

    draft, plain = target.with_suffix(".view.pdf"), target.with_suffix(".plain.pdf")
    logging.getLogger("ocrmypdf").setLevel(logging.CRITICAL)
    try:
        _plain_copy(source, plain)
        ocrmypdf.ocr(
            plain, draft, output_type="pdfa-3", pdfa_backend="internal", optimize=0, mode="skip", ocr_engine="none", jobs=1,
            progress_bar=False,
        )  # fmt: skip
        with pikepdf.open(draft) as pdf:
            _detach_files(pdf)
            attach_files(pdf, attachments, metadata.created)
            describe_archive(pdf, metadata)
            save_checked(pdf, target, repair=True)
    except (ExitCodeException, PdfaError, pikepdf.PdfError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CannotArchive(
            f"PDF électronique non convertible en PDF/A : {reason}", f"electronic PDF that cannot become PDF/A: {reason}"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
        plain.unlink(missing_ok=True)


def _plain_copy(source: Path, plain: Path) -> None:
    """What the pages show, without forms, signatures and producers' own entries, which the check of PDF/A does not know.

    What fields show becomes part of the pages. A signature that travelled on would be broken.
    """
    with pikepdf.open(source) as pdf:
        if "/AcroForm" in pdf.Root:
            pdf.generate_appearance_streams()
            pdf.flatten_annotations("print")
            for page in pdf.pages:
                page.Annots = pikepdf.Array([note for note in page.get("/Annots", ()) if note.get("/Subtype") != "/Widget"])
        for key in set(pdf.Root.keys()) - SHOWING:
            del pdf.Root[key]
        for key in set(pdf.trailer.keys()) - {"/Root", "/Info", "/ID", "/Size"}:
            del pdf.trailer[key]
        for thing in pdf.objects:
            for key in _private_keys(thing):
                del thing[key]
        pdf.save(plain)


def _private_keys(thing: Any) -> list[str]:
    """Of one object; a part's own metadata (a font's) are among them, those of the document are not."""
    if not isinstance(thing, (pikepdf.Stream, pikepdf.Dictionary)):
        return []
    names = thing.keys()  # A stream iterated by itself gives its bytes.
    return [name for name in names if PRIVATE.match(name) or (name == "/Metadata" and isinstance(thing, pikepdf.Stream))]


def _detach_files(pdf: pikepdf.Pdf) -> None:
    """What the native file had attached travels inside the native file."""
    for name in list(pdf.attachments):
        del pdf.attachments[name]
    for holder, key in ((pdf.Root, "/AF"), (pdf.Root, "/Names")):
        if key in holder:
            del holder[key]
