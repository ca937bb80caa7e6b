"""Verification finds every change to an archive and says no without ever failing."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import write_jpeg
from practice import METADATA, NOON, capture_data, compose, noisy, png_leaf, practice_keys, sealed, sealer
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper

from capture.coding import examine
from capture.decode import decode
from capture.raster import Raster, fingerprint
from capture.scan import Format, Model
from sealing.certificate import codestream_digest
from sealing.codestream import code_page
from sealing.keys import make_practice
from sealing.pdfa import Attachment, Leaf, Relation, compose_pdfa
from sealing.seal import Pdf17Signer, seal_file
from sealing.syntax import BrokenSyntax, revision_ends
from sealing.verify import CHECKS, Verification, _compare_native, _No, prove_file, verify_file

Tamper = Callable[[bytes], bytes]


def verify(path: Path, days: int = 0) -> Verification:
    return verify_file(path, practice_keys().trust, NOON + timedelta(days=days))


def failed(verification: Verification) -> set[str]:
    return {check.name for check in verification.checks if not check.ok}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed(tmp_path_factory.mktemp("archive"))


def test_a_pdf_locked_by_a_password_is_an_answer_in_words(tmp_path):
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(tmp_path / "a.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    (check,) = verify(tmp_path / "a.pdf").checks
    assert (check.ok, check.detail.startswith("ce PDF est protégé par un mot de passe")) == (False, True)


@pytest.fixture
def changed(archive: Path, tmp_path: Path) -> Callable[[Tamper], Path]:
    def change(tamper: Tamper) -> Path:
        path = tmp_path / "changed.pdf"
        path.write_bytes(tamper(archive.read_bytes()))
        return path

    return change


def turn_byte(at: int) -> Tamper:
    return lambda pdf: pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :]


def stream_of(archive: Path, find: Callable[[pikepdf.Pdf], pikepdf.Object]) -> int:
    """Where, in the file, the middle of a stream is."""
    with pikepdf.open(archive) as pdf:
        raw = find(pdf).read_raw_bytes()
    return archive.read_bytes().index(raw) + len(raw) // 2


def test_a_fresh_archive_holds_in_every_respect(archive: Path) -> None:
    verification = verify(archive)
    assert [(check.name, check.ok) for check in verification.checks] == [(name, True) for name in CHECKS]
    assert verification.valid and verification.practice


def test_an_expired_seal_certificate_holds_as_long_as_the_time_authority_does(tmp_path: Path) -> None:
    keys = practice_keys(seal_days=365)
    assert verify_file(sealed(tmp_path, keys=keys), keys.trust, NOON + timedelta(days=400)).valid


def test_an_archive_outlives_its_time_authority_only_if_its_timestamp_is_renewed(tmp_path: Path) -> None:
    keys = practice_keys(days=365)
    path = sealed(tmp_path, keys=keys)
    assert verify_file(path, keys.trust, NOON + timedelta(days=300)).valid
    assert failed(verify_file(path, keys.trust, NOON + timedelta(days=400))) == {"seal", "time"}


def test_one_byte_of_the_image_is_noticed(archive: Path, changed: Callable[[Tamper], Path]) -> None:
    at = stream_of(archive, lambda pdf: pdf.pages[0].Resources.XObject.Im0)
    assert {"seal", "pixels"} <= failed(verify(changed(turn_byte(at))))


def test_one_byte_of_an_attachment_is_noticed(archive: Path, changed: Callable[[Tamper], Path]) -> None:
    at = stream_of(archive, lambda pdf: pdf.attachments["capture-data.json"].get_file().obj)
    assert {"seal", "attachments"} <= failed(verify(changed(turn_byte(at))))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_byte_before_the_document_timestamp_can_change_unnoticed(
    archive: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    pdf = archive.read_bytes()
    placeholder = [m.span(1) for m in re.finditer(rb"/Contents <([0-9A-Fa-f]+)>", pdf)][-1]
    at = data.draw(st.integers(0, placeholder[0] - 1))
    path = tmp_path_factory.mktemp("byte") / "changed.pdf"
    path.write_bytes(turn_byte(at)(pdf))
    assert not verify(path).valid


def test_junk_after_the_end_is_noticed(changed: Callable[[Tamper], Path]) -> None:
    assert {"syntax", "coverage"} <= failed(verify(changed(lambda pdf: pdf + b"\njunk")))
    assert {"syntax", "coverage"} <= failed(verify(changed(lambda pdf: pdf + b"\n")))


def test_a_revision_appended_by_another_program_is_noticed(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.pdf"
    path.write_bytes(archive.read_bytes())
    with path.open("r+b") as file:
        writer = IncrementalPdfFileWriter(file)
        writer.root["/Lang"] = generic.pdf_string("xx")
        writer.update_root()
        writer.write_in_place()
    assert {"coverage", "seal"} <= failed(verify(path))


def test_a_change_dressed_up_with_a_new_timestamp_is_noticed(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.pdf"
    path.write_bytes(archive.read_bytes())
    with path.open("r+b") as file:
        writer = IncrementalPdfFileWriter(file)
        writer.root["/Lang"] = generic.pdf_string("xx")
        writer.update_root()
        PdfTimeStamper(sealer().timestamper).timestamp_pdf(writer, "sha256", in_place=True)
    answers = {check.name: check for check in verify(path).checks}
    assert answers["coverage"].ok and answers["seal"].detail == "le document a été modifié après le cachet"


def test_a_renewed_timestamp_alone_is_no_change(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "renewed.pdf"
    path.write_bytes(archive.read_bytes())
    with path.open("r+b") as file:
        PdfTimeStamper(sealer().timestamper).timestamp_pdf(IncrementalPdfFileWriter(file), "sha256", in_place=True)
    assert verify(path).valid


def test_a_second_seal_is_noticed(archive: Path, tmp_path: Path) -> None:
    class Careless(PdfSigner):
        def _enforce_certification_constraints(self, reader: object) -> None:
            pass

    path = tmp_path / "changed.pdf"
    path.write_bytes(archive.read_bytes())
    with path.open("r+b") as file:
        Careless(PdfSignatureMetadata("Autre"), sealer().signer).sign_pdf(IncrementalPdfFileWriter(file), in_place=True)
    assert "2 cachets au lieu d'un" in {check.detail for check in verify(path).checks}


def spoilt(folder: Path, spoil: Callable[[pikepdf.Pdf], None]) -> Path:
    """An archive that was changed before it was sealed, properly."""
    draft, path = compose(folder, [png_leaf(folder, noisy())]), folder / "spoilt.pdf"
    with pikepdf.open(draft) as pdf:
        spoil(pdf)
        pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    seal_file(path, path, sealer())
    return path


def test_a_sealed_file_that_was_no_pdfa_is_noticed(tmp_path: Path) -> None:
    def spoil(pdf: pikepdf.Pdf) -> None:
        del pdf.Root.OutputIntents

    assert failed(verify(spoilt(tmp_path, spoil))) == {"pdfa"}


def test_an_attachment_that_is_not_what_its_checksum_says_is_noticed(tmp_path: Path) -> None:
    def spoil(pdf: pikepdf.Pdf) -> None:
        pdf.attachments["capture-data.json"].get_file().obj.Params.CheckSum = pikepdf.String(bytes(16))

    assert failed(verify(spoilt(tmp_path, spoil))) == {"attachments"}


def test_an_archive_without_its_record_is_noticed(tmp_path: Path) -> None:
    def spoil(pdf: pikepdf.Pdf) -> None:
        del pdf.attachments["capture-data.json"]

    assert {"attachments", "pixels"} <= failed(verify(spoilt(tmp_path, spoil)))


def test_a_seal_that_leaves_pdfa_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pdf17Signer, "register_extensions", PdfSigner.register_extensions)
    assert failed(verify(sealed(tmp_path))) == {"pdfa"}


def test_a_seal_that_allows_changes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealing.seal.MDPPerm", SimpleNamespace(NO_CHANGES=MDPPerm.FILL_FORMS))
    assert failed(verify(sealed(tmp_path))) == {"seal"}


def test_a_stripped_seal_is_noticed(archive: Path, changed: Callable[[Tamper], Path]) -> None:
    ends = revision_ends(archive.read_bytes())
    bare, untimed = verify(changed(lambda pdf: pdf[: ends[0]])), verify(changed(lambda pdf: pdf[: ends[1]]))
    assert {"coverage", "seal", "time"} <= failed(bare) and not bare.practice
    assert "coverage" in failed(untimed)


def test_a_file_written_anew_by_a_library_is_noticed(archive: Path, tmp_path: Path) -> None:
    with pikepdf.open(archive) as pdf:
        pdf.save(tmp_path / "changed.pdf")
    assert {"coverage", "seal", "time"} <= failed(verify(tmp_path / "changed.pdf"))


def test_a_raster_that_is_not_that_of_the_scan_is_noticed(tmp_path: Path) -> None:
    leaf, other = png_leaf(tmp_path, noisy()), Raster(noisy(seed=2), 8, Model.RGB)
    path = tmp_path / "archive.pdf"
    compose_pdfa([leaf], path, METADATA, [capture_data([other])])
    seal_file(path, path, sealer())
    assert failed(verify(path)) == {"pixels"}


def decoded_otherwise(folder: Path, leaf: Leaf, **told: object) -> Path:
    """Sealed with the raster of other pixels, as if decoders had changed since; `told` is what the record says of the page besides."""
    other = Raster(noisy(seed=2), 8, Model.RGB)
    data = json.dumps({"pages": [{"number": 1, "raster": fingerprint(other), **told}]}).encode()
    path = folder / "archive.pdf"
    compose_pdfa([leaf], path, METADATA, [replace(capture_data([other]), data=data)])
    seal_file(path, path, sealer())
    return path


def jpeg_leaf(folder: Path) -> Leaf:
    path = write_jpeg(folder / "a.jpg", noisy())
    (page,) = examine(path).pages
    return Leaf(path, Format.JPEG, page, (300, 300), partial(decode, path, page, Format.JPEG, 10_000))


def test_a_jpeg_that_is_decoded_otherwise_later_is_proved_by_its_codestream(tmp_path: Path) -> None:
    leaf = jpeg_leaf(tmp_path)
    kept = hashlib.sha256(leaf.source.read_bytes()).hexdigest()
    path = decoded_otherwise(tmp_path, leaf, codestream=kept, coding={"lossless": False})
    answer = verify(path)
    assert answer.valid
    assert "flux JPEG identique ; décodé autrement par ce logiciel" in answer.checks[-1].detail
    at_the_gate = [fingerprint(leaf.decode())]
    assert failed(prove_file(path, at_the_gate, practice_keys().trust, NOON)) == {"pixels"}


@pytest.mark.parametrize("told", [{}, {"coding": {"lossless": False}}, {"codestream": "0" * 64, "coding": {"lossless": False}}])
def test_a_jpeg_whose_codestream_is_not_recorded_or_another_is_proved_by_its_pixels_alone(told: dict[str, object], tmp_path: Path) -> None:
    assert failed(verify(decoded_otherwise(tmp_path, jpeg_leaf(tmp_path), **told))) == {"pixels"}


@pytest.mark.parametrize("lossless", [True, False])
def test_the_pixels_of_a_lossless_codestream_decide_whatever_the_record_says(lossless: bool, tmp_path: Path) -> None:
    leaf = png_leaf(tmp_path, noisy())
    kept = codestream_digest(code_page(leaf.source, leaf.format, leaf.page, leaf.decode))
    path = decoded_otherwise(tmp_path, leaf, codestream=kept, coding={"lossless": lossless})
    assert failed(verify(path)) == {"pixels"}


NATIVES = {"original-1.pdf": b"un", "original-2.tiff": b"deux"}


def told_of_view(**changes: object) -> dict[str, object]:
    """What the record of a view of those two files says, with changes."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in NATIVES.items()}
    view = [{"name": name, "sha256": digest} for name, digest in digests.items()]
    return {"view": view, "pages": [{"original": digest} for digest in digests.values()], **changes}


def test_a_view_proves_every_native_file_inside_it() -> None:
    assert "original-1.pdf, original-2.tiff" in _compare_native(NATIVES, told_of_view())[0]


def test_a_view_of_one_file_is_read_as_it_was_first_written() -> None:
    digest = hashlib.sha256(b"un").hexdigest()
    told = {"view": {"name": "original.pdf", "sha256": digest}, "pages": [{"original": digest}]}
    assert "celui qui est arrivé (original.pdf)" in _compare_native({"original.pdf": b"un"}, told)[0]


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        (NATIVES | {"original-2.tiff": b"autre"}, {}),
        ({"original-1.pdf": b"un"}, {}),
        (NATIVES, {"pages": [{"original": "0" * 64}]}),
        (NATIVES, {"pages": [{"original": hashlib.sha256(b"un").hexdigest()}]}),
        (NATIVES, {"pages": [{}]}),
        (NATIVES, {"view": [], "pages": []}),
        (NATIVES, {"view": "original-1.pdf"}),
    ],
)
def test_a_view_whose_files_are_not_those_of_its_pages_is_noticed(files: dict[str, bytes], changes: dict[str, object]) -> None:
    with pytest.raises(_No):
        _compare_native(files, told_of_view(**changes))


def test_a_view_that_shows_another_number_of_pages_than_it_lists_is_noticed(tmp_path: Path) -> None:
    leaves = [png_leaf(tmp_path, noisy()), png_leaf(tmp_path, noisy(seed=2), 2)]
    native = Attachment("original.pdf", b"%PDF", "application/pdf", Relation.SOURCE)
    digest = hashlib.sha256(native.data).hexdigest()
    answers = []
    for listed in (2, 1):
        told = {"pages": [{"original": digest}] * listed, "view": [{"name": native.name, "sha256": digest}]}
        path = tmp_path / f"{listed}.pdf"
        compose_pdfa(leaves, path, METADATA, [replace(capture_data([]), data=json.dumps(told).encode()), native])
        seal_file(path, path, sealer())
        answers.append(failed(verify(path)))
    assert answers == [set(), {"pixels"}]


def test_the_gate_wants_the_pixels_it_was_told(tmp_path: Path) -> None:
    path = sealed(tmp_path, pages=2)
    expected = [fingerprint(Raster(noisy(seed=number), 8, Model.RGB)) for number in (1, 2)]
    at = NOON
    assert prove_file(path, expected, practice_keys().trust, at).valid
    assert failed(prove_file(path, expected[::-1], practice_keys().trust, at)) == {"pixels"}
    assert failed(prove_file(path, expected[:1], practice_keys().trust, at)) == {"pixels"}


def test_an_unknown_authority_is_told_apart_from_a_broken_seal(archive: Path, tmp_path: Path) -> None:
    stranger = make_practice(tmp_path / "keys", NOON - timedelta(days=1), NOON + timedelta(days=9), True)
    for trust in ((), stranger.trust):
        answers = {check.name: check for check in verify_file(archive, trust, NOON).checks}
        assert answers["seal"].detail.startswith("cachet intact, autorité non reconnue")
        assert not answers["seal"].ok and answers["pixels"].ok


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"hello" * 999, b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n%%EOF\n"])
def test_what_is_not_an_archive_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.pdf"
    path.write_bytes(content)
    verification = verify(path)
    assert not verification.valid and verification.checks[0].detail


def test_a_missing_file_is_refused_in_words(tmp_path: Path) -> None:
    assert failed(verify(tmp_path / "none.pdf")) == {"syntax"}


def test_a_plain_pdf_is_not_an_archive(tmp_path: Path) -> None:
    path = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    answers = {check.name: check for check in verify(path).checks}
    assert answers["coverage"].detail == "aucun cachet" and answers["pixels"].ok and answers["pdfa"].ok


@settings(max_examples=40, deadline=None)
@given(cut=st.floats(0, 1))
def test_a_cut_file_never_verifies_and_never_fails(archive: Path, tmp_path_factory: pytest.TempPathFactory, cut: float) -> None:
    pdf = archive.read_bytes()
    path = tmp_path_factory.mktemp("cut") / "cut.pdf"
    path.write_bytes(pdf[: int(cut * (len(pdf) - 1))])
    assert not verify(path).valid


@pytest.mark.parametrize(
    ("what", "into"),
    [(rb"endobj\n(?=\d+ 0 obj)", b"endobj\n% \n"), (rb"/Length (\d)", rb"/Length 1\1"), (rb"startxref\n", b"startxref  \n")],
)
def test_appended_bytes_are_written_as_pdfa_wants_them(archive: Path, what: bytes, into: bytes) -> None:
    pdf = archive.read_bytes()
    begin = revision_ends(pdf)[0]
    with pytest.raises(BrokenSyntax):
        revision_ends(pdf[:begin] + re.sub(what, into, pdf[begin:], count=1))


def test_an_object_that_the_table_does_not_name_is_noticed(archive: Path) -> None:
    pdf = archive.read_bytes()
    begin = revision_ends(pdf)[0]
    renamed = re.sub(rb"^\d(?= 0 obj)", lambda found: b"9" if found[0] != b"9" else b"8", pdf[begin:], count=1)
    with pytest.raises(BrokenSyntax, match="table"):
        revision_ends(pdf[:begin] + renamed)


def test_junk_under_a_repeated_end_is_noticed(archive: Path) -> None:
    pdf = archive.read_bytes()
    with pytest.raises(BrokenSyntax):
        revision_ends(pdf + b"junk\n" + pdf[pdf.rindex(b"startxref") :])


def test_the_file_is_the_same_after_it_was_verified(archive: Path) -> None:
    before = hashlib.sha256(archive.read_bytes()).digest()
    verify(archive)
    assert hashlib.sha256(archive.read_bytes()).digest() == before
