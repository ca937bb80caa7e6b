"""Verification, offline: what an archive claims, looked at again in the written file. A no is a value here, never an exception."""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import hashlib
import io
import json
import logging
import mmap
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pikepdf
from asn1crypto import parser, x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.fields import MDPPerm, enumerate_sig_fields
from pyhanko.sign.general import CMSExtractionError
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from capture.raster import fingerprint
from sealing.certificate import Archive, CannotDecode, holds_jpeg, open_archive, page_codestream, page_raster
from sealing.chain import Chain, judge_chain
from sealing.codestream import sole_image
from sealing.evidence import EvidenceProfile
from sealing.fitness import wrong_usage
from sealing.keys import is_practice
from sealing.pdfa import CAPTURE_DATA
from sealing.seal import OFFICER_FIELD
from sealing.skeleton import CannotRebuild, image_length, skeleton_name
from sealing.standard import Finding, check_written
from sealing.syntax import BrokenSyntax, revision_ends
from sealing.verapdf import validate_pdfa

# What pyHanko would write to the log, tracebacks included, is what the checks say in words.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

CHECKS = ("syntax", "coverage", "seal", "time", "pdfa", "attachments", "pixels")
"""In the order in which they are told."""
VERAPDF = "verapdf"
"""The check that comes after them where veraPDF is on the PATH."""

SLICE = 2**24
"""Bytes hashed at a time."""
SEALED_BY_US = ("/AcroForm", "/Perms", "/DSS")
"""Catalogue entries of a seal that `pikepdf.pdfa` declares out of its reach."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to the file."""

    name: str
    """One of `CHECKS`."""
    ok: bool
    detail: str
    """In French."""
    english: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The answers; valid only if all of them are yes."""

    checks: tuple[Check, ...]
    practice: bool = False
    """Sealed, signed or timestamped with a practice key: whatever the checks say, it proves nothing outside."""
    authority: str = ""
    """Name of the time authority of the newest timestamp, as its certificate says it; empty where there is none."""
    officer: str = ""
    """Name of the officer who signed the copy; empty where nobody did."""

    @property
    def valid(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)


class _No(Exception):
    """The answer to a check is no; never leaves this module."""

    def __init__(self, detail: str, english: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.english = english


Told: TypeAlias = tuple[str, str]


def verify_file(
    path: Path, trust: Sequence[x509.Certificate], moment: datetime | None = None, seals: Sequence[x509.Certificate] | None = None
) -> Verification:
    """Check a sealed archive against the roots one trusts, as of `moment` (with time zone; now if it is not given).

    `seals`: those to which seal and officer must go up, where some of `trust` are for timestamps only.

    `moment` is the time for which certificates are judged. A seal dated after the machine's own clock never holds: pyHanko takes from
    that clock since when a signature is known to exist.

    With no root the seal is still examined, and the answer says that its authority is not known.
    """
    return _examine(path, None, trust, moment, seals)


NO_SEAL = ("aucun cachet", "no seal")
LOCKED = (
    "ce PDF est protégé par un mot de passe : rien n'a pu y être vérifié. Une archive de Sceau ne l'est jamais ; demandez le vrai fichier",
    "this PDF is locked by a password: nothing in it could be verified. An archive of Sceau never is; ask for the true file",
)


def prove_file(path: Path, expected: Sequence[str], trust: Sequence[x509.Certificate], moment: datetime | None = None) -> Verification:
    """The release gate: `verify_file`, and the archive's pages are those whose raster fingerprints are handed in, in their order."""
    return _examine(path, expected, trust, moment)


UNSEALED = (
    "le fichier dit de lui-même ne porter aucun cachet (profil FISCAL_MIN : empreinte au registre) ; rien en lui ne prouve qu'il n'a pas "
    "changé : comparez son empreinte SHA-256 avec celle du registre",
    "the file says of itself that it bears no seal (profile FISCAL_MIN: fingerprint in the ledger); nothing in it proves that it has not "
    "changed: compare its SHA-256 with the one in the ledger",
)
"""What can honestly be said of a file whose evidence lies in the ledger alone."""
UNSEALED_CHECKS = ("syntax", "pdfa", "attachments", "pixels", VERAPDF)
"""Those of `CHECKS` that a file without a seal can pass."""


def prove_unsealed(path: Path, expected: Sequence[str] | None) -> Verification:
    """The release gate of a file that is kept without a seal: what a seal would have made true is not asked. `expected` as in `prove_file`;
    None: the rasters that the file itself records. That it stays as it is, only whoever keeps its SHA-256 can say.
    """
    told = _examine(path, expected, (), None)
    return Verification(tuple(check for check in told.checks if check.name in UNSEALED_CHECKS))


def _examine(
    path: Path,
    expected: Sequence[str] | None,
    trust: Sequence[x509.Certificate],
    moment: datetime | None,
    seals: Sequence[x509.Certificate] | None = None,
) -> Verification:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            view = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            archive = stack.enter_context(open_archive(path))
        except pikepdf.PasswordError:
            return Verification((Check("syntax", False, *LOCKED),))
        except (OSError, ValueError, CannotDecode) as error:
            return Verification((Check("syntax", False, f"ce fichier n'est pas un PDF lisible : {error}", f"not a readable PDF: {error}"),))
        ends = _Answer("syntax", lambda: _check_syntax(view))
        signed = _Answer("coverage", lambda: _read_seal(file, view, trust, moment, seals))
        if _says_unsealed(signed, archive):
            signed.check = Check("coverage", False, *UNSEALED)
        answers = [
            ends.check,
            signed.check,
            *(_follow(signed, name, step) for name, step in (("seal", _check_seal), ("time", _check_time))),
            _follow(ends, "pdfa", lambda found: _check_pdfa(file, found)),
            _Answer("attachments", lambda: _check_attachments(archive)).check,
            _Answer("pixels", lambda: _check_pixels(archive, expected)).check,
            *_ask_verapdf(path),
        ]
        found: _Signed | None = signed.value
        if found is None:
            return Verification(tuple(answers))
        officer = _holder(found.officer) if found.officer else ""
        return Verification(tuple(answers), found.practice, _holder(found.newest), officer)


class _Answer:
    """A check that ran: what it found for the next ones, and what it has to say."""

    def __init__(self, name: str, step: Callable[[], tuple[Any, Told]]) -> None:
        self.value: Any = None
        try:
            self.value, (detail, english) = step()
            self.check = Check(name, True, detail, english)
        except _No as no:
            self.check = Check(name, False, no.detail, no.english)
        except Exception as error:  # noqa: BLE001 - a forged file may break any library; that is an answer, not a crash
            told = f"{type(error).__name__}: {error}"
            self.check = Check(name, False, f"examen impossible : {told}", f"could not be examined: {told}")


def _follow(before: _Answer, name: str, step: Callable[[Any], Told]) -> Check:
    if before.value is None:
        told = before.check
        return Check(name, False, f"non vérifiable ({told.name} : {told.detail})", f"not verifiable ({told.english})")
    return _Answer(name, lambda: (True, step(before.value))).check


def _says_unsealed(signed: _Answer, archive: Archive) -> bool:
    """No seal, and the file's own record expects none. Whoever strips a seal can write that: it changes words, not the answer."""
    if signed.check.detail != NO_SEAL[0]:
        return False
    try:
        return _capture_data(_attached(archive)).get("evidence_profile") == EvidenceProfile.FISCAL_MIN
    except Exception:  # noqa: BLE001 - a record that cannot be read expects nothing; the check of the attachments tells it
        return False


# Syntax: what the seal appended.


def _check_syntax(view: mmap.mmap) -> tuple[tuple[int, ...], Told]:
    try:
        ends = revision_ends(view)
    except BrokenSyntax as broken:
        raise _No(f"octet {broken.offset} : {broken.what}", f"byte {broken.offset}: {broken.english}") from broken
    return ends, (f"{len(ends)} révisions, écrites selon ISO 19005-3", f"{len(ends)} revisions, written as ISO 19005-3 says")


# Seal and time.


class SparseReader(PdfFileReader):  # type: ignore[misc, unused-ignore] # pyHanko's base may be Any to mypy
    """pyHanko's reader without the samples of images: to compare revisions it walks every object, and would keep them all in memory.

    Nothing is lost for the comparison: an image that a later revision replaced is told by its number, not by its content.
    """

    def get_object(self, *args: Any, **kwargs: Any) -> Any:
        return _without_samples(super().get_object(*args, **kwargs))

    def cache_indirect_object(self, generation: int, idnum: int, obj: Any) -> Any:
        return super().cache_indirect_object(generation, idnum, _without_samples(obj))


def _without_samples(found: Any) -> Any:
    if not isinstance(found, generic.StreamObject) or found.get("/Subtype") != "/Image" or not found.encoded_data:
        return found
    bare = generic.StreamObject(dict(found), encoded_data=b"")
    bare.container_ref = found.container_ref
    return bare


@dataclass(frozen=True, slots=True)
class _Signed:
    """What pyHanko found out about the one seal, the officer's signature where there is one, and the document timestamps after them."""

    seal: EmbeddedPdfSignature
    chain: Chain
    newest: EmbeddedPdfSignature
    """The last timestamp."""
    practice: bool
    officer: EmbeddedPdfSignature | None = None
    room: bool = False
    """The seal left an empty field for an officer."""


def _read_seal(
    file: io.BufferedReader,
    view: mmap.mmap,
    trust: Sequence[x509.Certificate],
    moment: datetime | None,
    seals: Sequence[x509.Certificate] | None,
) -> tuple[_Signed, Told]:
    """One seal, document timestamps, where the seal left room for it one officer's signature; the last timestamp covers the whole file."""
    try:
        signatures = SparseReader(file, strict=True).embedded_signatures
    except (PdfError, CMSExtractionError, ValueError) as error:
        raise _No(f"signatures illisibles : {error}", f"unreadable signatures: {error}") from error
    _check_order(signatures)
    _share_digests(view, signatures)
    seal, newest = signatures[0], signatures[-1]
    officer = next((each for each in signatures[1:] if each.sig_object_type == "/Sig"), None)
    chain = asyncio.run(judge_chain(signatures, trust, moment or datetime.now(UTC), seals))
    if newest.evaluate_signature_coverage() is not SignatureCoverageLevel.ENTIRE_FILE:
        raise _No("le dernier horodatage ne couvre pas tout le fichier", "the last timestamp does not cover the entire file")
    _check_padding(newest)
    practice = any(is_practice(each.signer_cert) for each in signatures)
    return _Signed(seal, chain, newest, practice, officer, _leaves_room(seal)), (
        "le dernier horodatage couvre tout le fichier",
        "the last timestamp covers the entire file",
    )


def _check_order(signatures: Sequence[EmbeddedPdfSignature]) -> None:
    """A seal, timestamps, perhaps an officer's signature in its own field, timestamps."""
    kinds = [str(each.sig_object_type) for each in signatures]
    if "/Sig" not in kinds:
        raise _No("aucun cachet", "no seal")
    others = [each for each in signatures[1:] if each.sig_object_type == "/Sig"]
    count = 1 + len(others)
    if kinds[0] == "/Sig" and (len(others) > 1 or any(each.field_name != OFFICER_FIELD for each in others)):
        raise _No(f"{count} cachets au lieu d'un", f"{count} seals instead of one")
    if kinds[0] != "/Sig" or kinds[1:2] != ["/DocTimeStamp"] or kinds[-1] != "/DocTimeStamp" or not set(kinds) <= {"/Sig", "/DocTimeStamp"}:
        raise _No("le cachet n'est pas suivi d'un horodatage du document", "the seal is not followed by a document timestamp")


def _check_padding(newest: EmbeddedPdfSignature) -> None:
    """What fills up the place of the newest signature is covered by none (ISO 32000-1, 12.8.1) and must be empty; older ones are."""
    held = bytes(newest.pkcs7_content)
    if any(held[parser.peek(held) :]):
        raise _No("quelque chose est caché à la suite du dernier horodatage", "something hides behind the last timestamp")


def _leaves_room(seal: EmbeddedPdfSignature) -> bool:
    """Whether the revision that was sealed has the officer's field, and no other beside the seal's own."""
    history = seal.reader.get_historical_resolver(seal.signed_revision)
    names = [str(name) for name, _, _ in enumerate_sig_fields(history)]
    return sorted(names) == sorted([OFFICER_FIELD, seal.field_name])


def _holder(signed: EmbeddedPdfSignature) -> str:
    return str(signed.signer_cert.subject.native.get("common_name", "?"))


def _share_digests(view: mmap.mmap, signatures: Sequence[EmbeddedPdfSignature]) -> None:
    """Hash the file once for all its signatures: each covers the bytes of the one before and some more.

    pyHanko keeps the digests it computes in `external_digests`; they are laid there beforehand. What does not fit is left to pyHanko.
    """
    running, at = hashlib.sha256(), 0
    with memoryview(view) as data:
        for each in signatures:
            ranges = [int(x) for x in each.byte_range]
            plain = each.external_md_algorithm == "sha256" and len(ranges) == 4 and ranges[0] == 0
            if not plain or not at <= ranges[1] <= ranges[2] <= len(data):
                return
            for begin in range(at, ranges[1], SLICE):
                running.update(data[begin : min(begin + SLICE, ranges[1])])
                # Pages of a mapped file count as this process's memory until they are given back.
                view.madvise(mmap.MADV_DONTNEED, begin - begin % mmap.PAGESIZE, SLICE)
            at = ranges[1]
            whole = running.copy()
            whole.update(data[ranges[2] : ranges[2] + ranges[3]])
            each.external_digests["sha256"] = whole.digest()


def _check_seal(signed: _Signed) -> Told:
    """The seal as of the first timestamp after it, provided that the timestamps hold together until now."""
    judged, name = signed.chain.signatures[0], _holder(signed.seal)
    if not judged.intact:
        raise _No("le contenu scellé a changé", "the sealed content has changed")
    allowed = MDPPerm.FILL_FORMS if signed.room else MDPPerm.NO_CHANGES
    if signed.seal.docmdp_level is not allowed:
        raise _No("le cachet ne défend pas les modifications", "the seal does not forbid changes")
    if not judged.unchanged:
        raise _No("le document a été modifié après le cachet", "the document was changed after the seal")
    if judged.trouble is AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND:
        raise _No(f"cachet intact, autorité non reconnue ({name})", f"seal intact, authority not known ({name})")
    if judged.stamped is not None and judged.stamped < signed.seal.signer_cert.not_valid_before:
        raise _No(f"scellé avant que le certificat ne soit valable ({name})", f"sealed before the certificate was valid ({name})")
    if judged.trouble is not None:
        raise _No(f"cachet non valable : {judged.trouble} ({name})", f"seal not valid: {judged.trouble} ({name})")
    if signed.chain.broken is not None:
        raise _No(f"cachet intact, mais {signed.chain.broken[0]}", f"seal intact, but {signed.chain.broken[1]}")
    if told := wrong_usage(signed.seal.signer_cert):
        raise _No(f"ce certificat n'est pas fait pour sceller : {name}, {told}", f"not a certificate for seals: {name}, {told}")
    trial = ("essai, sans valeur probante ; ", "trial, proves nothing; ") if signed.practice else ("", "")
    officer = _check_officer(signed)
    return (
        f"{trial[0]}cachet intact et reconnu, PAdES B-LTA : {name}{officer[0]}",
        f"{trial[1]}seal intact and trusted, PAdES B-LTA: {name}{officer[1]}",
    )


def _check_officer(signed: _Signed) -> Told:
    """What is added to the words about the seal; nothing where nobody signed."""
    if signed.officer is None:
        return "", ""
    judged, name = signed.chain.signatures[1], _holder(signed.officer)
    if not (judged.intact and judged.unchanged):
        raise _No(f"la signature du responsable ne tient pas ({name})", f"the officer's signature does not hold ({name})")
    if judged.trouble is not None:
        raise _No(
            f"signature du responsable non valable : {judged.trouble} ({name})", f"officer's signature not valid: {judged.trouble} ({name})"
        )
    if told := wrong_usage(signed.officer.signer_cert):
        raise _No(f"ce certificat n'est pas fait pour signer : {name}, {told}", f"not a certificate for signatures: {name}, {told}")
    return f" ; signé par le responsable : {name}", f"; signed by the officer: {name}"


def _check_time(signed: _Signed) -> Told:
    stamped, times = signed.chain.signatures[0].stamped, signed.chain.stamps
    if stamped is None:
        raise _No("horodatage du cachet absent ou non reconnu", "timestamp of the seal missing or not trusted")
    if signed.chain.broken is not None:
        raise _No(*signed.chain.broken)
    when = stamped.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    authority = _holder(signed.newest)
    renewed = times[-1].astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if len(times) == 1:
        return f"horodaté le {when} par {authority}", f"timestamped {when} by {authority}"
    return (
        f"horodaté le {when}, et encore le {renewed} par {authority} ({len(times)} horodatages)",
        f"timestamped {when}, and again {renewed} by {authority} ({len(times)} timestamps)",
    )


# PDF/A.


class _Window(io.RawIOBase):
    """The first bytes of an open file as a file of its own."""

    def __init__(self, file: io.BufferedReader, size: int) -> None:
        self._file = file
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._at)
        count = self._file.readinto(memoryview(buffer)[:room])
        self._at += count
        return count


def _check_pdfa(file: io.BufferedReader, ends: tuple[int, ...]) -> Told:
    """The bytes before the seal are a PDF/A-3b; with the seal nothing else comes up than what belongs to a seal."""
    before = check_written(_Window(file, ends[0]))
    if not before.passed:
        raise _No(f"PDF/A-3b non conforme : {before.findings[0]}", f"not PDF/A-3b: {before.findings[0]}")
    after = check_written(_Window(file, ends[-1]))
    foreign = [finding for finding in after.findings if not _of_seal(finding)]
    if foreign:
        raise _No(f"PDF/A-3b après le cachet : {foreign[0]}", f"PDF/A-3b after the seal: {foreign[0]}")
    return "PDF/A-3b", "PDF/A-3b"


def _ask_verapdf(path: Path) -> tuple[Check, ...]:
    """One more check where veraPDF is installed. That it gave no verdict says nothing against the file."""
    told = validate_pdfa(path)
    return () if told is None else (Check(VERAPDF, told.compliant is not False, told.detail, told.english),)


def _of_seal(finding: Finding) -> bool:
    known = finding.rule == "pikepdf:embedded-file" or any(key in f"{finding.where} {finding.message}" for key in SEALED_BY_US)
    return finding.kind == "unsupported" and known


# What is attached, and the pixels.


def _attached(archive: Archive) -> dict[str, bytes]:
    return {name: spec.get_file().read_bytes() for name, spec in archive.pdf.attachments.items()}


def _check_attachments(archive: Archive) -> tuple[bool, Told]:
    files = _attached(archive)
    _capture_data(files)
    for name, spec in archive.pdf.attachments.items():
        digest = spec.get_file().md5
        if digest and digest != hashlib.md5(files[name], usedforsecurity=False).digest():
            raise _No(f"pièce jointe altérée : {name}", f"attachment changed: {name}")
    for page in range(1, archive.pages + 1):
        _check_skeleton(archive, files.get(skeleton_name(page)), page)
    return True, (f"{len(files)} pièces jointes intactes", f"{len(files)} attachments intact")


def _check_skeleton(archive: Archive, skeleton: bytes | None, page: int) -> None:
    if skeleton is None:
        return
    try:
        wanted = image_length(skeleton)
    except (CannotRebuild, KeyError, TypeError, ValueError) as error:
        raise _No(f"squelette PNG illisible, page {page}", f"unreadable PNG skeleton, page {page}") from error
    if wanted != int(sole_image(archive.pdf, page).stream_dict.Length):
        raise _No(f"le PNG d'origine de la page {page} ne peut être reconstitué", f"the original PNG of page {page} cannot be rebuilt")


def _capture_data(files: dict[str, bytes]) -> dict[str, Any]:
    try:
        data = json.loads(files[CAPTURE_DATA])
    except KeyError as error:
        raise _No(f"pièce jointe {CAPTURE_DATA} absente", f"no attachment {CAPTURE_DATA}") from error
    except ValueError as error:
        raise _No(f"{CAPTURE_DATA} illisible", f"unreadable {CAPTURE_DATA}") from error
    if not isinstance(data, dict) or not isinstance(data.get("pages"), list):
        raise _No(f"{CAPTURE_DATA} sans ses pages", f"{CAPTURE_DATA} without its pages")
    return data


def _check_pixels(archive: Archive, expected: Sequence[str] | None) -> tuple[bool, Told]:
    """Each page decoded again: `pages[].raster`, and `pages[].codestream` where it is recorded, of `capture-data.json`."""
    files = _attached(archive)
    data = _capture_data(files)
    entries = data["pages"]
    count = archive.pages
    if "view" in data and len(entries) == count:
        return True, _compare_native(files, data)
    if len(entries) != count or (expected is not None and len(expected) != count):
        raise _No(f"{count} pages, {len(entries)} certifiées", f"{count} pages, {len(entries)} certified")
    otherwise = []
    for page, entry in enumerate(entries, 1):
        wanted = {str(entry.get("raster"))} if expected is None else {str(entry.get("raster")), expected[page - 1]}
        if not _compare_page(archive, page, wanted, entry, gate=expected is not None):
            otherwise.append(str(page))
    same = count - len(otherwise)
    told = f"pixels de {same} page(s) identiques à ceux du scan", f"pixels of {same} page(s) identical to those of the scan"
    if not otherwise:
        return True, told
    return True, (
        f"{told[0]} ; page(s) {', '.join(otherwise)} : flux JPEG identique ; décodé autrement par ce logiciel",
        f"{told[1]}; page(s) {', '.join(otherwise)}: same JPEG codestream; decoded otherwise by this software",
    )


def _compare_native(files: dict[str, bytes], data: dict[str, Any]) -> Told:
    """A view proves the native files that it carries: their bytes are those that came in, and each page lies in one of them.

    `view` names each file with its SHA-256; the first archives name their only one without a list.
    """
    try:
        told = data["view"] if isinstance(data["view"], list) else [data["view"]]
        wanted = {str(each["name"]): str(each["sha256"]) for each in told}
        originals = {str(entry["original"]) for entry in data["pages"]}
    except (KeyError, TypeError) as error:
        raise _No("la vue ne dit pas ce qu'elle montre", "the view does not say what it shows") from error
    same = all(name in files and hashlib.sha256(files[name]).hexdigest() == sha256 for name, sha256 in wanted.items())
    if not wanted or not same or originals != set(wanted.values()):
        if len(wanted) > 1:
            raise _No("les fichiers natifs joints ne sont pas ceux qui sont arrivés", "the native files inside are not those that came in")
        raise _No("le fichier natif joint n'est pas celui qui est arrivé", "the native file inside is not the one that came in")
    names = ", ".join(wanted)
    if len(wanted) > 1:
        return (
            f"vue ; les fichiers natifs joints sont ceux qui sont arrivés ({names})",
            f"view; the native files inside are those that came in ({names})",
        )
    return (
        f"vue ; le fichier natif joint est celui qui est arrivé ({names})",
        f"view; the native file inside is the one that came in ({names})",
    )


def _compare_page(archive: Archive, page: int, wanted: set[str], entry: dict[str, Any], *, gate: bool) -> bool:
    """Whether the pixels are the same; False only where a lossy JPEG stream, proved identical, is decoded otherwise than it was then."""
    codestream = entry.get("codestream")
    try:
        if codestream is not None and page_codestream(archive, page) != codestream:
            raise _No(f"le flux de l'image de la page {page} n'est pas celui du scan", f"page {page} has not the codestream of the scan")
        found = fingerprint(page_raster(archive, page))
        # T.81 leaves the rounding of the inverse DCT to the decoder. At the gate both are decoded today: there the raster decides.
        excused = not gate and codestream is not None and _is_lossy(entry) and holds_jpeg(archive, page)
    except CannotDecode as error:
        raise _No(f"image illisible : {error}", f"unreadable image: {error}") from error
    if wanted != {found} and not excused:
        raise _No(f"les pixels de la page {page} ne sont pas ceux du scan", f"the pixels of page {page} are not those of the scan")
    return wanted == {found}


def _is_lossy(entry: dict[str, Any]) -> bool:
    coding = entry.get("coding")
    return isinstance(coding, dict) and coding.get("lossless") is False
