"""What child processes do: each function takes paths and plain values, and can be repeated. The parent never decodes an image."""

import hashlib
import json
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import pikepdf
import pypdfium2 as pdfium
from PIL import Image

from capture.codes import patch_code, read_codes
from capture.coding import Caps, examine
from capture.decode import Undecodable, decode, upright
from capture.findings import Finding
from capture.likeness import perceptual_hash
from capture.raster import Raster, fingerprint
from capture.scan import Format, Page, Scan
from capture.slips import TargetMark, parse_slip
from config.settings import Settings
from conformity.baseline import Baseline
from conformity.checks import Inspection, inspect_raster
from conformity.limits import Limits
from conformity.target import read_target
from ocr.engines import ReaderOptions, ReadingFailed, as_grey, prepare_copy, view_copy, warm_engine, write_copy
from ocr.fields import extract
from ocr.reading import read_page
from ocr.second import Place, SecondReading, read_again, read_from
from ocr.text import PageText, from_json
from ocr.values import Field, Known
from sealing.certificate import codestream_digest
from sealing.codestream import CannotArchive, code_page
from sealing.evidence import EvidenceProfile
from sealing.foreign import convert_pdf, native_files
from sealing.incoming import incoming_signatures, signatures_json, signed_findings
from sealing.pdfa import Attachment, Leaf, Metadata, Relation, compose_pdfa
from sealing.seal import CannotSeal, Sealer, seal_file
from sealing.stampers import is_own
from sealing.verify import Verification, prove_file, prove_unsealed, verify_file
from station.assemble import FILE_NAME, text_runs
from station.evidence import qualified_parts
from station.keyring import open_sealer, require_key, state_of_keys
from station.timekeeping import stamper_of

if TYPE_CHECKING:
    from ocr.structured import Structured
    from station.electronic import Invoice, Looked

Pixels: TypeAlias = npt.NDArray[np.uint8]
RENDER_DPI, MAX_RENDERED_SIDE = 300, 10_000
DRAWN = (Format.PDF, Format.XML)
"""Formats whose pages may be drawn rather than stored as one image."""
THUMB_SIDE, LIGHT_SIDE = 240, 1400
"""Pixels of the longest side of the screens' images."""


@dataclass(frozen=True, slots=True)
class PageSource:
    """A page as it arrived: the file in which it lies, and how it is coded there."""

    original: Path
    format: Format
    page: Page
    max_pixels: int
    """What this station decodes at most."""

    def decode(self) -> Raster:
        """Raises Undecodable."""
        return decode(self.original, self.page, self.format, self.max_pixels)


@dataclass(frozen=True, slots=True)
class Copies:
    """Where the images that are made of a page are to lie."""

    reading: Path | None
    """None where the copy for reading is not wanted yet."""
    whole: Path | None
    """Every pixel in grey, from which a second look cuts its places; None where it is not wanted yet."""
    light: Path
    thumb: Path


@dataclass(frozen=True, slots=True)
class JudgedPage:
    """What one look at a page's pixels gave."""

    page: Page
    raster: str | None
    findings: tuple[Finding, ...]
    scale: float
    """Pixels of the reading copy per pixel of the page."""
    shown: bool
    """Whether the page could be shown at all: decoded, or drawn by the renderer."""
    seen: dict[str, Any]
    """What a batch needs to know of the page, as plain JSON: `note_seen`."""


def examine_file(path: Path, caps: Caps, name: str) -> Scan:
    """`capture.coding.examine` with OpenCV kept to this one core, and a look at the signatures that the file brought along."""
    cv2.setNumThreads(1)
    scan = view_scan(examine(path, caps, name), path, caps)
    return replace(scan, findings=(*scan.findings, *signed_findings(path, scan.findings)))


def view_scan(scan: Scan, path: Path, caps: Caps) -> Scan:
    """An XML invoice has as many pages as its view; other files stay as they are."""
    if scan.format is not Format.XML or not scan.pages:
        return scan
    # Loaded only here: few documents come this way.
    from station.listing import view_pages

    pages = range(min(view_pages(path), caps.max_pages))
    return replace(scan, pages=tuple(replace(scan.pages[0], number=index + 1, index=index) for index in pages))


def find_invoice(path: Path, format: Format, name: str) -> "Looked":
    """`station.electronic.find_invoice`, loaded only here."""
    from station import electronic

    return electronic.find_invoice(path, format, name)


def rules_told(invoice: "Invoice", structured: "Structured") -> tuple[Finding, ...]:
    """`station.electronic.rules_told`, loaded only here."""
    from station import electronic

    return electronic.rules_told(invoice, structured)


def judge_pixels(source: PageSource, mixed: bool, limits: Limits, baseline: Baseline, options: ReaderOptions, copies: Copies) -> JudgedPage:
    """Decode one page once: its raster's hash, what its pixels betray, the copy for reading and the small images for the screens.

    A `mixed` page shows more than its one image, so that image's raster would not be the page's: it has none, and is drawn.
    """
    cv2.setNumThreads(1)
    page = source.page
    trouble: tuple[Finding, ...] = ()
    try:
        raster = None if mixed else source.decode()
    except Undecodable as error:
        raster, trouble = None, (error.finding(page.number),)
    if raster is None:
        drawn = render_source(source)
        scale = make_copies(drawn, options, copies) if drawn is not None else 1.0
        return JudgedPage(page, None, trouble, scale, drawn is not None, {})
    inspection = inspect_raster(raster, page, limits, baseline)
    shown = upright(raster)
    scale = make_copies(shown, options, copies)
    seen = note_seen(inspection, shown)
    if any(isinstance(parse_slip(text), TargetMark) for _, text, _ in seen["codes"]):
        target = read_target(raster, page)
        seen["target"] = target.as_json() if target else None
    return JudgedPage(page, fingerprint(raster), inspection.findings, scale, True, seen)


def note_seen(inspection: Inspection, shown: Pixels) -> dict[str, Any]:
    """Blankness, codes, patch, likeness and the scanner's signature; `shown` is the page upright, grey or BGR."""
    grey = shown if shown.ndim == 2 else np.ascontiguousarray(shown[..., 1])
    return {
        "blank": any(found.code == "blank-page" for found in inspection.findings),
        "codes": [code.as_json() for code in read_codes(grey)],
        "patch": patch_code(grey),
        "likeness": f"{perceptual_hash(grey):016x}",
        "signature": inspection.signature.as_json() if inspection.signature else None,
    }


def make_copies(image: Pixels, options: ReaderOptions, copies: Copies) -> float:
    """The copy for reading, where one is wanted now, and the small images for the screens; returns the copy's scale."""
    prepared, scale = prepare_copy(image, options)
    if copies.reading is not None:
        _write_atomically(copies.reading, lambda draft: write_copy(prepared, draft))
    if copies.whole is not None:
        _write_atomically(copies.whole, lambda draft: write_copy(as_grey(image), draft))
    write_light(prepared, copies.light, copies.thumb)
    return scale


def copy_page(source: PageSource, drawn: bool, options: ReaderOptions, copy: Path) -> None:
    """The copy for reading alone, of a page whose turn has come; `drawn` where no raster stands for it. Raises Undecodable."""
    image = page_image(source, drawn)
    _write_atomically(copy, lambda draft: write_copy(prepare_copy(image, options)[0], draft))


def page_image(source: PageSource, drawn: bool) -> Pixels:
    """The page as a person reads it: its raster upright, or, of a PDF page that is `drawn`, what PDFium shows. Raises Undecodable."""
    if not (drawn and source.format in DRAWN):
        return upright(source.decode())
    image = render_source(source)
    if image is None:
        raise Undecodable("page impossible à afficher / page that cannot be shown")
    return image


def _shown(source: PageSource) -> Pixels | None:
    """The page upright; None where it does not decode."""
    try:
        return upright(source.decode())
    except Undecodable:
        return None


def render_source(source: PageSource) -> Pixels | None:
    """A page that is drawn, as PDFium shows it: of a PDF, or of the view of an XML invoice; None where it cannot, and for images."""
    if source.format is Format.XML:
        from station.listing import draw_view

        return render_page(draw_view(source.original), source.page.index)
    return render_page(source.original, source.page.index) if source.format is Format.PDF else None


def render_page(original: Path | bytes, index: int) -> Pixels | None:
    """A drawn PDF page as PDFium shows it at 300 dpi, BGR; None where it cannot. Never evidence of a scan."""
    try:
        with pdfium.PdfDocument(original) as pdf:
            bitmap = pdf[index].render(scale=min(RENDER_DPI / 72, MAX_RENDERED_SIDE / max(pdf[index].get_size())))
            shown = bitmap.to_numpy()
            return np.ascontiguousarray(shown[:, :, :3] if shown.ndim == 3 else shown.squeeze())
    except (pdfium.PdfiumError, ValueError, IndexError):
        return None


def write_light(image: Pixels, light: Path, thumb: Path) -> None:
    """Two small JPEGs for the screens, marked there as working images."""
    for path, side, quality in ((light, LIGHT_SIDE, 80), (thumb, THUMB_SIDE, 75)):
        image = _smaller(image, side)
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        write_whole(path, coded)


def _smaller(image: Pixels, side: int) -> Pixels:
    factor = min(1.0, side / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) if factor < 1 else image


def read_copy(copy: Path, scale: float, number: int, options: ReaderOptions) -> PageText:
    """Read one page from its copy with this process's warm engine."""
    return read_page(warm_engine(options), copy, scale, number)


def read_original(source: PageSource, drawn: bool, options: ReaderOptions, copy: Path) -> PageText:
    """Decode a page, make its reading copy and read it, in one go. Raises Undecodable, ReadingFailed, OSError."""
    cv2.setNumThreads(1)
    prepared, scale = prepare_copy(page_image(source, drawn), options)
    write_copy(prepared, copy)
    return read_copy(copy, scale, source.page.number, options)


def look_again(
    source: PageSource, drawn: bool, whole: Path | None, places: tuple[Place, ...], options: ReaderOptions
) -> tuple[SecondReading, ...]:
    """Doubtful places of one page, read from its full pixels by the other engine: from its `whole` copy, where there is one.
    Raises Undecodable."""
    cv2.setNumThreads(1)
    image: Pixels | None = None
    if whole is not None:
        with suppress(ReadingFailed):  # Not made, or not whole: the page itself is decoded again.
            image = view_copy(whole)
    return read_again(page_image(source, drawn) if image is None else image, places, options)


def find_fields(texts: Sequence[PageText], known: Known) -> dict[str, Field]:
    """What the pages of one document say."""
    return extract(texts, known)


def load_second(path: Path) -> tuple[SecondReading, ...]:
    """What the second look read, beside the texts."""
    return read_from(json.loads(path.read_text(encoding="utf-8")).get("second", ())) if path.exists() else ()


def warm_reader(options: ReaderOptions) -> str:
    """Load the engine; returns its name."""
    return warm_engine(options).name


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """One page of the archive to be."""

    source: PageSource
    sha256: str
    dpi: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Proved:
    """A sealed file that was opened again and looked at."""

    sha256: str
    size: int
    attached: int
    practice: bool
    verification: Verification
    qualified: str = ""
    """What in it is qualified by a trusted list at hand: seal, timestamp; empty: nothing."""
    own_time: bool = True
    """Dated by the workstation's own time authority, not by one outside."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one archive is made of."""

    leaves: tuple[LeafPlan, ...]
    rasters: tuple[str, ...]
    """As noted at judging; empty strings where there are none."""
    texts: Path
    data: Path
    """capture-data.json, ready."""
    metadata: Metadata
    view_allowed: bool
    """A person decided to go on with the original kept: where the pixels cannot enter a PDF/A, a view may, with the native file inside."""
    native: bool = False
    """The file itself is the original: it travels inside in any case, and what is shown is a view of it."""
    beside: tuple[Attachment, ...] = ()
    """What else travels inside: a scanner's passport as a person reads it."""
    profile: EvidenceProfile = EvidenceProfile.FISCAL_SEAL
    """FISCAL_MIN: composed and proved, without a seal."""
    signable: bool = False
    """The seal leaves room for an officer's signature (A102 B-1)."""


def seal_and_prove(plan: Plan, sealed: Path, settings: Settings) -> Proved:
    """Build the PDF/A-3b, seal it (unless its profile does without), then open what was written and prove it: its pages are
    those whose raster hashes were noted at judging.

    Repeating it is harmless: a sealed file that a process left behind before it could say so is proved again and taken.
    Raises CannotArchive, KeyRefused, KeyAway, UnusableKey, CannotSeal, TimestampUnavailable; a proof that fails is a value.
    """
    cv2.setNumThreads(1)
    # A fingerprint alone needs no key, and waits for none.
    sealer = None if plan.profile is EvidenceProfile.FISCAL_MIN else warm_sealer(settings)
    if not sealed.exists():
        draft = sealed.with_suffix(".draft")
        _compose(plan, draft)
        if sealer is not None:
            _seal(draft, plan, sealer, settings)
        draft.rename(sealed)
    with pikepdf.open(sealed) as pdf:
        attached = sum(len(spec.get_file().read_bytes()) for spec in pdf.attachments.values())
        is_view = "view" in json.loads(pdf.attachments[FILE_NAME].get_file().read_bytes())
    verification = _proof(plan, sealed, is_view, sealer)
    with sealed.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    qualified = qualified_parts(sealed, settings, _now()) if sealer is not None else ""
    own_time = sealer is None or not verification.authority or is_own(sealer.timestamper, verification.authority)
    practice = sealer.practice if sealer is not None else settings.sealing.mode == "practice"
    return Proved(sha256, sealed.stat().st_size, attached, practice, verification, qualified, own_time)


def _proof(plan: Plan, sealed: Path, is_view: bool, sealer: Sealer | None) -> Verification:
    if sealer is None:
        return prove_unsealed(sealed, None if is_view else plan.rasters)
    return verify_file(sealed, sealer.roots) if is_view else prove_file(sealed, plan.rasters, sealer.roots)


def _seal(draft: Path, plan: Plan, sealer: Sealer, settings: Settings) -> None:
    """A seal that cannot be made for the certificate's sake says so: it may have ended, or been revoked, since it was opened."""
    try:
        seal_file(draft, draft, sealer, signable=plan.signable)
    except CannotSeal:
        require_key(settings, sealer)
        raise


def _compose(plan: Plan, draft: Path) -> None:
    data = plan.data.read_bytes()
    if plan.native or _signed(data):
        _compose_view(plan, draft, data)
        return
    try:
        if not all(plan.rasters):
            raise CannotArchive("page dessinée, non scannée", "drawn page, not scanned")
        compose_pdfa(_leaves(plan), draft, plan.metadata, [_capture(_with_codestreams(plan, data)), *plan.beside])
    except CannotArchive:
        if not plan.view_allowed:
            raise
        _compose_view(plan, draft, data)


def _signed(data: bytes) -> bool:
    """Whether the file came with signatures: then it is the file itself that must be kept, whatever its pages are."""
    return any(found["code"] == "signed-document" for found in json.loads(data)["findings"])


def _with_codestreams(plan: Plan, data: bytes) -> bytes:
    """The record also holds the hash of a codestream whose pixels hang on its decoder: JBIG2 has no second one, those of JPEG change."""
    kept = {leaf.source.page.number: leaf.source for leaf in plan.leaves if _by_decoder(leaf.source.page.codec)}
    if not kept:
        return data
    told = json.loads(data)
    for entry in told["pages"]:
        source = kept.get(entry["number"])
        if source is not None:
            entry["codestream"] = codestream_digest(code_page(source.original, source.format, source.page, source.decode))
    return json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8")


def _by_decoder(codec: str) -> bool:
    return codec.startswith("jbig2") or codec in ("jpeg", "dct")


def _compose_view(plan: Plan, draft: Path, data: bytes) -> None:
    """A PDF/A that shows the document's pages, with every file in which they lie inside: what is proved is those files, byte for byte."""
    files = {leaf.source.original: leaf.source.format for leaf in plan.leaves}
    natives = native_files(list(files.items()))
    told = {**json.loads(data), "view": [{"name": each.name, "sha256": hashlib.sha256(each.data).hexdigest()} for each in natives]}
    if _signed(data):
        papers = (path for path, format in files.items() if format is Format.PDF)
        told["signatures"] = signatures_json([each for path in papers for each in incoming_signatures(path)])
    attachments = [_capture(json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8")), *natives]
    if _is_whole_xml(plan.leaves):
        _convert_xml(plan, draft, attachments)
        return
    if _is_whole_pdf(plan.leaves):
        with suppress(CannotArchive):
            convert_pdf(plan.leaves[0].source.original, draft, plan.metadata, attachments)
            return
    with tempfile.TemporaryDirectory(dir=draft.parent) as folder:
        compose_pdfa(_shown_leaves(plan, Path(folder)), draft, plan.metadata, attachments)


def _is_whole_xml(leaves: Sequence[LeafPlan]) -> bool:
    sources = [leaf.source for leaf in leaves]
    alone = all(source.format is Format.XML and source.original == sources[0].original for source in sources)
    return alone and [source.page.index for source in sources] == list(range(len(sources)))


def _convert_xml(plan: Plan, draft: Path, attachments: Sequence[Attachment]) -> None:
    """The view of an XML invoice, drawn anew: its text is text, and the XML travels inside."""
    from station.listing import draw_view

    drawn = draft.with_suffix(".listing.pdf")
    try:
        drawn.write_bytes(draw_view(plan.leaves[0].source.original))
        convert_pdf(drawn, draft, plan.metadata, attachments)
    finally:
        drawn.unlink(missing_ok=True)


def _is_whole_pdf(leaves: Sequence[LeafPlan]) -> bool:
    """Whether the pages are one PDF's, all of them and in its order: only then may the file be shown in their place."""
    first = leaves[0].source
    if first.format is not Format.PDF or any(leaf.source.original != first.original for leaf in leaves):
        return False
    try:
        with pikepdf.open(first.original) as pdf:
            return [leaf.source.page.index for leaf in leaves] == list(range(len(pdf.pages)))
    except pikepdf.PdfError:
        return False


def _leaves(plan: Plan) -> Iterator[Leaf]:
    texts = _texts_by_page(plan)
    for leaf in plan.leaves:
        yield _leaf(leaf, texts.get(leaf.source.page.number))


def _shown_leaves(plan: Plan, folder: Path) -> Iterator[Leaf]:
    """Each page as a person sees it, as lossless RGB of its own."""
    texts = _texts_by_page(plan)
    for leaf in plan.leaves:
        source, number = leaf.source, leaf.source.page.number
        shown = render_source(source) if source.format in DRAWN else _shown(source)
        if shown is None:
            raise CannotArchive(f"page {number} impossible à afficher", f"page {number} cannot be shown")
        path = folder / f"{number}.tif"
        dpi = (float(RENDER_DPI),) * 2 if source.format in DRAWN else leaf.dpi
        Image.fromarray(cv2.cvtColor(shown, cv2.COLOR_GRAY2RGB if shown.ndim == 2 else cv2.COLOR_BGR2RGB)).save(path, "TIFF", dpi=dpi)
        (page,) = examine(path).pages
        # Drawn by us, whatever the station takes in.
        own = PageSource(path, Format.TIFF, page, page.width * page.height)
        yield _leaf(LeafPlan(own, "", dpi), texts.get(number))


def _texts_by_page(plan: Plan) -> dict[int, PageText]:
    return {text.page: text for text in load_texts(plan.texts)}


def _capture(data: bytes) -> Attachment:
    return Attachment(FILE_NAME, data, "application/json", Relation.DATA, "Données de capture")


_SEALERS: dict[str, Sealer] = {}
"""The sealer of this process, by the state of the keys at which it was opened: settings, key file, lists."""


def warm_sealer(settings: Settings) -> Sealer:
    """The process's sealer, its key opened once, and again where key file or lists have changed.

    Raises KeyRefused, UnusableKey, KeyAway.
    """
    state = state_of_keys(settings)
    if state not in _SEALERS:
        _SEALERS.clear()
        _SEALERS[state] = open_sealer(settings, _now, stamper_of(settings, _now))
    return _SEALERS[state]


def open_keys(settings: Settings) -> bool:
    """Make or open the keys before the first document asks for them; whether they are practice keys."""
    return warm_sealer(settings).practice


def load_texts(path: Path) -> list[PageText]:
    """Pages as `write_json` wrote them; none where reading wrote none."""
    return [from_json(page) for page in json.loads(path.read_text(encoding="utf-8"))["pages"]] if path.exists() else []


def write_json(path: Path, value: object) -> None:
    """Whole or not at all."""
    write_whole(path, json.dumps(value, ensure_ascii=False).encode("utf-8"))


def write_whole(path: Path, data: bytes) -> None:
    """A file that appears with all its bytes or not at all."""
    _write_atomically(path, lambda draft: draft.write_bytes(data))


def _leaf(plan: LeafPlan, text: PageText | None) -> Leaf:
    source = plan.source
    return Leaf(source.original, source.format, source.page, plan.dpi, source.decode, text_runs(text) if text else (), plan.sha256)


def _now() -> datetime:
    return datetime.now(UTC)


def _write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
