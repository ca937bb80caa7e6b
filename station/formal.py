"""Papers that the house itself writes and seals: HTML and CSS in, a PDF/A-3b of several pages out, sealed as every document is.

Such a paper is a view of its data: the JSON from which it was drawn travels inside and is what is proved, so that `sceau verify` and who
has a reader of PDF both find what they need. The font is Noto Sans (SIL Open Font License 1.1), which ships with OCRmyPDF.
"""

import hashlib
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pikepdf
import rfc8785
from fontTools.ttLib import TTFont
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from PIL import ImageFile

from sealing.ledger import Tree
from sealing.pdfa import Attachment, Relation, attach_files
from sealing.seal import seal_file
from sealing.standard import PdfaError, save_checked
from sealing.verify import verify_file
from station.assemble import FILE_NAME
from station.keyring import open_sealer
from station.timekeeping import require_clock, stamper_of
from station.workstation import Workstation

FORMS = Path(str(resources.files("station"))) / "forms"
PICTURED = str.maketrans({"≥": "min. ", "≤": "max. ", "→": "–", "↔": "–", "−": "-", "\u202f": "\u00a0"})
"""Signs that the font lacks, and what is written for them."""


class NotPdfA(Exception):
    """The paper is no PDF/A-3b, and is not sealed: our mistake, of which nothing is lost."""


class Unproved(Exception):
    """What was sealed did not prove; nothing was kept."""


@dataclass(frozen=True, slots=True)
class KeptPaper:
    """A sealed paper in the vault."""

    sha256: str
    size: int
    practice: bool


@dataclass(frozen=True, slots=True)
class Paper:
    """What is printed, and what it is printed from."""

    form: str
    """Name of the template in `station/forms`."""
    title: str
    name: str
    """Of the JSON inside: `dossier.json`."""
    data: Mapping[str, Any]
    """What it shows, as canonical JSON will hold it; the template gets it as `data`."""
    moment: datetime
    words: Mapping[str, Any]
    """What else the template needs, derived from the data."""
    files: tuple[Attachment, ...] = ()
    """What came from elsewhere and goes inside as it is: a provider's proof."""


@dataclass(frozen=True, slots=True)
class Head:
    """The ledger as it stood just before sealing, which the paper thereby witnesses."""

    entity: str
    tree: Tree


def compose_paper(paper: Paper, head: Head, *, practice: bool) -> bytes:
    """The PDF/A-3b before its seal: the same data and moment give the same bytes. Raises NotPdfA."""
    native = rfc8785.dumps(dict(paper.data))
    page_bytes = _draw(paper, native, practice=practice)
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(page_bytes)) as pdf:
        capture = _capture(paper, native, len(pdf.pages), head, practice=practice)
        files = (
            Attachment(FILE_NAME, capture, "application/json", Relation.DATA, "Données du papier"),
            Attachment(paper.name, native, "application/json", Relation.SOURCE, "Ce que ce papier montre"),
            *paper.files,
        )
        attach_files(pdf, files, paper.moment)
        _drop_empty(pdf)
        try:
            save_checked(pdf, out)
        except PdfaError as error:
            raise NotPdfA(str(next(iter(error.report.findings), error))) from error
    return out.getvalue()


def keep_paper(workstation: Workstation, paper: Paper, head: Head) -> KeptPaper:
    """Draw, seal and prove a paper as a document is, then put it into the vault of archives; slow, outside of any transaction.

    Raises ClockWrong, ClockStepped, NotPdfA, Unproved, CannotSeal, TimestampUnavailable, UnusableKey, OSError: nothing is kept then.
    """
    require_clock(workstation)
    settings, clock = workstation.settings, workstation.clock
    sealer = open_sealer(settings, clock, stamper_of(settings, clock))
    with tempfile.TemporaryDirectory(prefix="paper-", dir=workstation.home / "work") as folder:
        draft = Path(folder) / "paper.pdf"
        draft.write_bytes(compose_paper(paper, head, practice=sealer.practice))
        seal_file(draft, draft, sealer)
        proof = verify_file(draft, sealer.trust)
        if not proof.valid:
            raise Unproved("; ".join(f"{check.name}: {check.detail}" for check in proof.checks if not check.ok))
        kept = workstation.archives.keep(draft, ".pdf")
    return KeptPaper(kept.sha256, kept.size, sealer.practice)


@contextmanager
def dropped_unless_noted(workstation: Workstation, kept: KeptPaper) -> Iterator[None]:
    """Around the transaction that notes a kept paper: where it fails, nothing names the file, and it goes."""
    try:
        yield
    except BaseException:
        workstation.archives.drop(kept.sha256, ".pdf")
        raise


def _draw(paper: Paper, native: bytes, *, practice: bool) -> bytes:
    # A second of imports that no other work needs.
    import weasyprint  # type: ignore[import-untyped]

    # WeasyPrint has Pillow fill cut images with grey, for the whole process: here a cut scan must stay refused.
    ImageFile.LOAD_TRUNCATED_IMAGES = False

    html = (
        _forms()
        .get_template(paper.form)
        .render(
            data=paper.data,
            title=paper.title,
            moment=paper.moment,
            practice=practice,
            font=_font().as_uri(),
            fingerprint=hashlib.sha256(native).hexdigest(),
            **paper.words,
        )
    )
    # Files of ours only: the font and the style sheet. What somebody typed is text, and loads nothing.
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols={"file"}, fail_on_errors=True)
    document = weasyprint.HTML(string=_printable(html), base_url=FORMS.as_uri() + "/", url_fetcher=fetcher)
    drawn: bytes = document.write_pdf(pdf_variant="pdf/a-3b", pdf_identifier=hashlib.sha256(native).digest()[:16])
    return drawn


def _drop_empty(pdf: pikepdf.Pdf) -> None:
    """WeasyPrint names kinds of resources that it does not use, and the PDF/A check judges some of them not at all."""
    for found in pdf.objects:
        if isinstance(found, pikepdf.Dictionary):
            for name in ("/Pattern", "/Shading"):
                if name in found and len(found[name]) == 0:
                    del found[name]


def _capture(paper: Paper, native: bytes, pages: int, head: Head, *, practice: bool) -> bytes:
    """What `sceau verify` reads: the paper is a view of the data beside it."""
    sha256 = hashlib.sha256(native).hexdigest()
    told = {
        "format": "sceau-paper-1",
        "evidence": "essai, sans valeur probante" if practice else "cachet",
        "entity": head.entity,
        "title": paper.title,
        "made_at": paper.moment.isoformat(timespec="milliseconds"),
        "view": [{"name": paper.name, "sha256": sha256}],
        "pages": [{"number": number, "original": sha256} for number in range(1, pages + 1)],
        "ledger": {"entity": head.entity, "size": head.tree.size, "root": head.tree.root.hex()},
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1).encode()


def _printable(text: str) -> str:
    """The text with what the font can show: a sign from another font would make the paper depend on the machine."""
    known = _glyphs()
    return "".join(sign if ord(sign) in known or sign in "\n\t\r" else "?" for sign in text.translate(PICTURED))


@cache
def _glyphs() -> frozenset[int]:
    with TTFont(str(_font()), lazy=True) as font:
        return frozenset(font.getBestCmap())


@cache
def _font() -> Path:
    return Path(str(resources.files("ocrmypdf"))) / "data" / "NotoSans-Regular.ttf"


@cache
def _forms() -> Environment:
    return Environment(
        loader=FileSystemLoader(FORMS),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
