"""The signatures that a PDF brings along: intact, broken or not verifiable, and the file itself is never touched."""

import hashlib
import io
import json
from contextlib import suppress
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import draw_page, write_pdf
from practice import METADATA, NOON, practice_keys, sealer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

from capture.coding import Caps, examine
from capture.findings import Level
from capture.raster import fingerprint
from capture.scan import Format
from config.settings import Settings
from sealing.foreign import convert_pdf, native_file
from sealing.incoming import IncomingSignature, Seen, _examine, incoming_signatures, signature_findings, signatures_json
from sealing.keys import CachedSigner
from sealing.seal import seal_file
from station import pixels

DRAWN = b"BT /F0 12 Tf 20 40 Td (Facture 2026-117) Tj ET"


def drawn_pdf(path: Path, drawing: bytes = DRAWN) -> Path:
    """An electronic invoice: text, no image."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(300, 200))
        if b"/F0" in drawing:
            font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
            page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F0=font))
        page.Contents = pdf.make_stream(drawing)
        pdf.save(path)
    return path


def sign(path: Path, name: str = "Signature1", **options: object) -> Path:
    """Signed with a practice key; `certify` makes it a certification."""
    writer = IncrementalPdfFileWriter(io.BytesIO(path.read_bytes()))
    metadata = signers.PdfSignatureMetadata(field_name=name, md_algorithm="sha256", **options)
    out = signers.PdfSigner(metadata, CachedSigner(practice_keys().seal)).sign_pdf(writer)
    path.write_bytes(out.getbuffer())
    return path


@pytest.fixture(scope="module")
def signed(tmp_path_factory) -> Path:
    return sign(drawn_pdf(tmp_path_factory.mktemp("signed") / "a.pdf"))


def changed(signed: Path, target: Path, old: bytes, new: bytes) -> Path:
    data = signed.read_bytes()
    assert old in data
    target.write_bytes(data.replace(old, new))
    return target


def test_a_signed_pdf_is_told_from_its_bytes(signed, tmp_path):
    assert [(f.code, f.measured) for f in examine(signed).findings] == [
        ("signed-document", "1"),
        ("electronic-document", "0 image(s), 1 tracé(s) / mark(s)"),
    ]
    assert "signed-document" not in [f.code for f in examine(drawn_pdf(tmp_path / "b.pdf")).findings]
    with pikepdf.open(signed) as pdf:
        del pdf.Root.AcroForm.Fields[0].V
        pdf.save(tmp_path / "c.pdf")
    assert "signed-document" not in [f.code for f in examine(tmp_path / "c.pdf").findings]


def test_an_intact_signature_says_who_when_and_how_much(signed):
    (found,) = incoming_signatures(signed)
    assert (found.field, found.kind, found.state, found.coverage, found.trusted) == ("Signature1", "signature", Seen.INTACT, "file", None)
    assert found.signer
    assert "ESSAI" in found.signer
    assert (found.time_from, found.reason) == ("signer", "")
    assert [(f.code, f.level) for f in signature_findings([found])] == [("signature-intact", Level.INFO)]
    assert json.loads(json.dumps(signatures_json([found])))[0]["state"] == "intact"


def test_a_root_that_one_trusts_makes_the_signer_known_and_another_does_not(signed):
    assert [each.trusted for each in incoming_signatures(signed, practice_keys().trust)] == [True]
    assert [each.trusted for each in incoming_signatures(signed, practice_keys(3000).trust)] == [False]


def test_a_changed_byte_breaks_the_signature(signed, tmp_path):
    (found,) = incoming_signatures(changed(signed, tmp_path / "a.pdf", b"/MediaBox [ 0 0 300 200 ]", b"/MediaBox [ 0 0 300 100 ]"))
    assert (found.state, found.reason.split(" / ")[1]) == (Seen.BROKEN, "the signed bytes have changed")
    assert [(f.code, f.level) for f in signature_findings([found])] == [("signature-broken", Level.BLOCKING)]


@pytest.fixture(scope="module")
def intact(signed) -> Path:
    assert [each.state for each in _examine(signed, [])] == [Seen.INTACT]
    return signed


@given(st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_whatever_bit_is_changed_outside_the_signature_itself_it_is_never_told_as_intact(intact, data):
    written = bytearray(intact.read_bytes())
    begins = written.index(b"/Contents <") + len(b"/Contents <")
    ends = written.index(b">", begins)
    written[data.draw(st.sampled_from([*range(begins), *range(ends, len(written))]))] ^= 1 << data.draw(st.integers(0, 7))
    mutant = intact.with_name("mutant.pdf")
    mutant.write_bytes(written)
    told = []
    with suppress(Exception):  # The process that looks breaks off, which is told as not verifiable.
        told = _examine(mutant, [])
    assert Seen.INTACT not in [each.state for each in told]


def updated(path: Path, target: Path) -> Path:
    """Another number on the page, written behind the signature as a proper revision."""
    writer = IncrementalPdfFileWriter(io.BytesIO(path.read_bytes()))
    stream = writer.root["/Pages"]["/Kids"][0]["/Contents"]
    stream._data, stream._encoded_data = DRAWN.replace(b"117", b"999"), None
    writer.update_container(stream)
    out = io.BytesIO()
    writer.write(out)
    target.write_bytes(out.getvalue())
    return target


def test_a_page_changed_by_an_update_after_signing_is_broken_too(signed, tmp_path):
    (found,) = incoming_signatures(updated(signed, tmp_path / "a.pdf"))
    assert (found.state, found.coverage) == (Seen.BROKEN, "revision")
    assert found.reason.endswith("the document was changed after it was signed")


def test_two_signatures_are_both_intact_and_the_first_covers_its_revision(signed, tmp_path):
    (tmp_path / "a.pdf").write_bytes(signed.read_bytes())
    sign(tmp_path / "a.pdf", "Signature2")
    assert [(each.field, each.state, each.coverage) for each in incoming_signatures(tmp_path / "a.pdf")] == [
        ("Signature1", Seen.INTACT, "revision"),
        ("Signature2", Seen.INTACT, "file"),
    ]
    assert examine(tmp_path / "a.pdf").findings[0].measured == "2"


def test_a_seal_of_ours_is_a_certification_and_a_timestamp(tmp_path):
    path = write_pdf(tmp_path / "a.pdf", draw_page(size=(300, 300)))
    seal_file(path, path, sealer())
    assert [(each.kind, each.state, each.time_from) for each in incoming_signatures(path)] == [
        ("certification", Seen.INTACT, "timestamp"),
        ("timestamp", Seen.INTACT, "timestamp"),
    ]
    assert incoming_signatures(path)[1].signed_at == NOON.isoformat(timespec="seconds")


def test_a_certified_document_that_was_changed_is_broken(tmp_path):
    path = sign(drawn_pdf(tmp_path / "a.pdf"), certify=True, docmdp_permissions=fields.MDPPerm.FILL_FORMS)
    assert [(each.kind, each.state) for each in incoming_signatures(path)] == [("certification", Seen.INTACT)]
    assert [(each.kind, each.state) for each in incoming_signatures(updated(path, path))] == [("certification", Seen.BROKEN)]


def test_a_signature_over_a_part_only_is_broken(signed, tmp_path):
    data = signed.read_bytes()
    at = data.index(b"/ByteRange [") + len(b"/ByteRange [")
    end = data.index(b"]", at)
    first, *_ = data[at:end].split()
    assert first == b"0"
    numbers = [int(number) for number in data[at:end].split()]
    part = f"{numbers[0]} {numbers[1]} {numbers[2]} {numbers[3] - 50}".encode().ljust(end - at)
    (tmp_path / "a.pdf").write_bytes(data[:at] + part + data[end:])
    assert [each.state for each in incoming_signatures(tmp_path / "a.pdf")] == [Seen.BROKEN]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"/adbe.pkcs7.detached", b"/adbe.x509.rsa_sha1 "), (b"/ByteRange [", b"/ByteRange [["), (b"/Contents <3", b"/Contents <9")],
)
def test_what_cannot_be_verified_is_said_and_never_raised(signed, tmp_path, old, new):
    found = incoming_signatures(changed(signed, tmp_path / "a.pdf", old, new))
    assert {each.state for each in found} <= {Seen.UNVERIFIABLE, Seen.BROKEN}
    assert all(each.reason for each in found)


def test_no_signature_no_pdf_and_no_time_are_answers(signed, tmp_path):
    assert incoming_signatures(drawn_pdf(tmp_path / "a.pdf")) == ()
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.7")
    assert [each.state for each in incoming_signatures(tmp_path / "b.pdf")] == [Seen.UNVERIFIABLE]
    assert incoming_signatures(signed, seconds=0.01) == (
        IncomingSignature("?", "signature", Seen.UNVERIFIABLE, reason="plus de 0.01 s / more than 0.01 s"),
    )
    assert [f.code for f in signature_findings(incoming_signatures(signed, seconds=0.01))] == ["signature-unverifiable"]


def test_a_form_that_is_its_own_child_ends(tmp_path):
    path = drawn_pdf(tmp_path / "a.pdf")
    with pikepdf.open(path, allow_overwriting_input=True) as pdf:
        field = pdf.make_indirect(pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="x"))
        field.Kids = pikepdf.Array([field, field])
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]))
        pdf.save(path)
    assert "signed-document" not in [f.code for f in examine(path).findings]


def test_the_view_of_a_signed_pdf_is_not_signed_and_holds_the_file_byte_for_byte(tmp_path):
    native = sign(drawn_pdf(tmp_path / "a.pdf", b"1 0 0 RG 10 10 40 20 re S"))
    before = native.read_bytes()
    convert_pdf(native, tmp_path / "view.pdf", METADATA, [native_file(native, Format.PDF)])
    with pikepdf.open(tmp_path / "view.pdf") as view:
        assert view.attachments["original.pdf"].get_file().read_bytes() == before == native.read_bytes()
        assert not {"/AcroForm", "/Perms", "/DSS"} & set(view.Root.keys())
        assert b"10 10 40 20 re" in view.pages[0].Contents.read_bytes()
    assert incoming_signatures(tmp_path / "view.pdf") == ()
    assert {each.name for each in tmp_path.iterdir()} == {"a.pdf", "view.pdf"}


def test_a_signed_scan_is_sealed_as_a_view_with_the_file_and_what_was_found_of_its_signatures(tmp_path):
    scanned = sign(write_pdf(tmp_path / "scan.pdf", draw_page(size=(300, 300))))
    original = hashlib.sha256(scanned.read_bytes()).hexdigest()
    scan = pixels.examine_file(scanned, Caps(), "scan.pdf")
    assert [found.code for found in scan.findings] == ["signed-document", "signature-intact"]
    (tmp_path / "data.json").write_text(
        json.dumps({"findings": [{"code": found.code} for found in scan.findings], "pages": [{"number": 1, "original": original}]})
    )
    source = pixels.PageSource(scanned, Format.PDF, scan.pages[0], 10**6)
    leaves = (pixels.LeafPlan(source, "", (300.0, 300.0)),)
    plan = pixels.Plan(
        leaves, (fingerprint(source.decode()),), tmp_path / "none.json", tmp_path / "data.json", METADATA, view_allowed=False
    )
    proved = pixels.seal_and_prove(plan, tmp_path / "sealed.pdf", Settings(home=tmp_path))
    assert proved.verification.valid, proved.verification
    with pikepdf.open(tmp_path / "sealed.pdf") as archive:
        assert archive.attachments["original.pdf"].get_file().read_bytes() == scanned.read_bytes()
        told = json.loads(archive.attachments["capture-data.json"].get_file().read_bytes())
    assert [(each["field"], each["state"]) for each in told["signatures"]] == [("Signature1", "intact")]
    assert "view" in told
