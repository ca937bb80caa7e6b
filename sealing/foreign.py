"""Views of what cannot enter a PDF/A as it is: electronic PDFs through OCRmyPDF; the native file travels inside, untouched.

A102 B-2 is about copies of paper; an electronic invoice must be kept as its native file (L. 102 B LPF). So the PDF/A-3 made here is a view:
what it proves is the attached original, byte for byte. Image scans never come this way.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import pikepdf

from capture.scan import Format
from sealing.codestream import CannotArchive
from sealing.pdfa import Attachment, Metadata, Relation, attach_files, describe_archive


def native_name(format: Format) -> str:
    """Name under which the native file is attached."""
    return f"original.{format}"


def native_file(source: Path, format: Format) -> Attachment:
    """The native file as an attachment, byte for byte."""
    mime = "application/pdf" if format is Format.PDF else f"image/{format}"
    return Attachment(native_name(format), source.read_bytes(), mime, Relation.SOURCE, "Fichier électronique d'origine")


def convert_pdf(source: Path, target: Path, metadata: Metadata, attachments: Sequence[Attachment]) -> None:
    """Write `target`, a PDF/A-3b view of a drawn PDF with `attachments` inside.

    Pinned to OCRmyPDF's internal PDF/A writer at -O0, without reading: images keep their bytes, and Ghostscript, which may
    re-compress them, is never called. Raises CannotArchive where the file cannot become PDF/A so.
    """
    # Loaded only here: it costs every process of the station 40 MB and a second, and few documents come this way.
    import ocrmypdf
    from ocrmypdf.exceptions import ExitCodeException

    draft = target.with_suffix(".view.pdf")
    logging.getLogger("ocrmypdf").setLevel(logging.CRITICAL)
    try:
        ocrmypdf.ocr(
            source, draft, output_type="pdfa-3", pdfa_backend="internal", optimize=0, mode="skip", ocr_engine="none", jobs=1,
            progress_bar=False,
        )  # fmt: skip
        with pikepdf.open(draft) as pdf:
            _detach_files(pdf)
            attach_files(pdf, attachments, metadata.created)
            describe_archive(pdf, metadata)
            pikepdf.pdfa.save(pdf, target, "3b", static_id=True)
    except (ExitCodeException, pikepdf.pdfa.PdfaError, pikepdf.PdfError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CannotArchive(
            f"PDF électronique non convertible en PDF/A : {reason}", f"electronic PDF that cannot become PDF/A: {reason}"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _detach_files(pdf: pikepdf.Pdf) -> None:
    """What the native file had attached travels inside the native file."""
    for name in list(pdf.attachments):
        del pdf.attachments[name]
    for holder, key in ((pdf.Root, "/AF"), (pdf.Root, "/Names")):
        if key in holder:
            del holder[key]
