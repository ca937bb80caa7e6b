"""A seal may leave room for one officer's signature, and for nothing else."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from practice import NOON, compose, noisy, png_leaf, practice_keys
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper
from years import House

from sealing.authority import TimeAuthority
from sealing.keys import CachedSigner
from sealing.seal import OFFICER_FIELD, CannotSeal, Officer, Sealer, append_signature, append_timestamp, seal_file
from sealing.verify import CHECKS, Verification, verify_file

BEGIN, END = NOON - timedelta(days=9), NOON + timedelta(days=900)


@pytest.fixture(scope="module")
def house() -> House:
    return House(BEGIN)


@pytest.fixture(scope="module")
def sealer(house: House) -> Sealer:
    return house.sealer(house.issue("Cachet", BEGIN, END), house.time(BEGIN, END), NOON)


@pytest.fixture(scope="module")
def officer(house: House) -> Officer:
    return Officer(CachedSigner(house.issue("Jeanne Martin", BEGIN, END)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("copies")


@pytest.fixture(scope="module")
def sealed(folder, sealer) -> Path:
    seal_file(compose(folder, [png_leaf(folder, noisy())]), folder / "sealed.pdf", sealer, signable=True)
    return folder / "sealed.pdf"


@pytest.fixture(scope="module")
def signed(folder, sealed, officer, sealer) -> Path:
    append_signature(sealed, folder / "signed.pdf", officer, sealer)
    return folder / "signed.pdf"


def verify(path: Path, house: House) -> Verification:
    return verify_file(path, house.trust, NOON + timedelta(days=1))


def seal_detail(path: Path, house: House) -> str:
    return next(check.detail for check in verify(path, house).checks if check.name == "seal")


def test_a_copy_with_room_holds_in_every_respect_before_anybody_signs(sealed, house):
    found = verify(sealed, house)
    assert [(check.name, check.ok) for check in found.checks] == [(name, True) for name in CHECKS]
    assert (found.officer, found.practice) == ("", False)


def test_the_room_is_one_empty_field_that_nobody_sees(sealed):
    with sealed.open("rb") as file:
        reader = PdfFileReader(file)
        assert reader.embedded_signatures[0].docmdp_level is MDPPerm.FILL_FORMS
        fields = {str(field.get_object()["/T"]): field.get_object() for field in reader.root["/AcroForm"]["/Fields"]}
    assert list(fields[OFFICER_FIELD]["/Rect"]) == [0, 0, 0, 0] and "/V" not in fields[OFFICER_FIELD]


def test_the_officer_signs_and_is_named(signed, sealed, house):
    found = verify(signed, house)
    assert [(check.name, check.ok) for check in found.checks] == [(name, True) for name in CHECKS]
    assert (found.officer, found.authority) == ("Jeanne Martin", "Horodatage")
    assert signed.read_bytes().startswith(sealed.read_bytes())
    assert seal_detail(signed, house).endswith("signé par le responsable : Jeanne Martin")


def test_a_signed_copy_is_renewed_like_any_other(signed, sealer, house, tmp_path):
    append_timestamp(signed, tmp_path / "renewed.pdf", sealer)
    assert verify(tmp_path / "renewed.pdf", house).valid


def test_a_renewed_copy_may_still_be_signed(sealed, officer, sealer, house, tmp_path):
    append_timestamp(sealed, tmp_path / "renewed.pdf", sealer)
    append_signature(tmp_path / "renewed.pdf", tmp_path / "signed.pdf", officer, sealer)
    assert verify(tmp_path / "signed.pdf", house).officer == "Jeanne Martin"


def test_an_officers_signature_outlives_its_certificate(sealed, sealer, house, tmp_path):
    short = Officer(CachedSigner(house.issue("Paul Durand", BEGIN, NOON + timedelta(days=30))))
    append_signature(sealed, tmp_path / "signed.pdf", short, sealer)
    found = verify_file(tmp_path / "signed.pdf", house.trust, NOON + timedelta(days=300))
    assert found.valid and found.officer == "Paul Durand"


def test_a_practice_officer_makes_the_whole_copy_a_trial(sealed, sealer, tmp_path, house):
    keys = practice_keys()
    append_signature(sealed, tmp_path / "signed.pdf", Officer(CachedSigner(keys.seal), keys.trust, keys.crls), sealer)
    found = verify_file(tmp_path / "signed.pdf", (*house.trust, *keys.trust), NOON)
    assert found.valid and found.practice


# --- what is refused ---


def test_a_copy_without_room_is_not_signed(folder, officer, sealer, tmp_path):
    seal_file(folder / "archive.pdf", tmp_path / "closed.pdf", sealer)
    with pytest.raises(CannotSeal):
        append_signature(tmp_path / "closed.pdf", tmp_path / "signed.pdf", officer, sealer)
    assert not (tmp_path / "signed.pdf").exists()


def test_a_signed_copy_is_not_signed_twice(signed, officer, sealer, tmp_path):
    with pytest.raises(CannotSeal):
        append_signature(signed, tmp_path / "twice.pdf", officer, sealer)


@pytest.mark.parametrize("begin_end", [(BEGIN, NOON - timedelta(days=1)), (NOON + timedelta(days=1), END)], ids=["ended", "not yet"])
def test_an_officers_certificate_that_does_not_hold_signs_nothing(begin_end, house, sealed, sealer, tmp_path):
    with pytest.raises(CannotSeal):
        append_signature(sealed, tmp_path / "signed.pdf", Officer(CachedSigner(house.issue("X", *begin_end))), sealer)


def test_an_officer_whose_authority_is_not_known_is_told(sealed, sealer, house, tmp_path):
    stranger = House(BEGIN)
    unknown = Officer(CachedSigner(stranger.issue("X", BEGIN, END)), stranger.trust, (stranger.crl(NOON),))
    append_signature(sealed, tmp_path / "signed.pdf", unknown, sealer)
    assert "signature du responsable non valable" in seal_detail(tmp_path / "signed.pdf", house)


def timestamped(path: Path, stamper: TimeStamper, change: Callable[[IncrementalPdfFileWriter], None]) -> None:
    """A change by somebody else, with a document timestamp over it."""
    from pyhanko.sign.signers.pdf_signer import PdfTimeStamper

    with path.open("r+b") as file:
        writer = IncrementalPdfFileWriter(file)
        change(writer)
        PdfTimeStamper(stamper).timestamp_pdf(writer, "sha256", in_place=True)


def set_language(writer: IncrementalPdfFileWriter) -> None:
    writer.root["/Lang"] = generic.pdf_string("xx")
    writer.update_root()


def add_note(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/Text"),
            generic.pdf_name("/Rect"): generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 9, 9)]),
        }
    )
    page[generic.pdf_name("/Annots")] = generic.ArrayObject([writer.add_object(note)])
    writer.update_container(page)


@pytest.mark.parametrize("change", [set_language, add_note])
@pytest.mark.parametrize("which", ["sealed", "signed"])
def test_no_other_change_is_allowed_by_the_room(change, which, request, sealer, house, tmp_path):
    path = tmp_path / "changed.pdf"
    path.write_bytes(request.getfixturevalue(which).read_bytes())
    timestamped(path, sealer.timestamper, change)
    assert "seal" in {check.name for check in verify(path, house).checks if not check.ok}


def test_a_signature_in_another_field_is_no_officers(sealed, officer, sealer, house, tmp_path):
    path = tmp_path / "changed.pdf"
    path.write_bytes(sealed.read_bytes())
    with path.open("r+b") as file:
        writer = IncrementalPdfFileWriter(file)
        append_signature_field(writer, SigFieldSpec("Autre", box=(0, 0, 0, 0)))
        PdfSigner(PdfSignatureMetadata("Autre"), officer.signer).sign_pdf(writer, in_place=True)
    timestamped(path, sealer.timestamper, lambda _: None)
    assert "2 cachets au lieu d'un" in {check.detail for check in verify(path, house).checks}


def test_a_seal_that_permits_filling_without_the_officers_room_is_noticed(folder, sealer, house, tmp_path, monkeypatch):
    monkeypatch.setattr("sealing.seal.append_signature_field", lambda *_: None)
    seal_file(folder / "archive.pdf", tmp_path / "open.pdf", sealer, signable=True)
    assert seal_detail(tmp_path / "open.pdf", house) == "le cachet ne défend pas les modifications"


def test_time_that_fails_in_the_middle_leaves_no_half_signed_copy(sealed, officer, sealer, house, tmp_path):
    moments = iter([NOON, NOON, NOON - timedelta(hours=1)])
    failing = TimeAuthority(house.time(BEGIN, END), lambda: next(moments))
    with pytest.raises(CannotSeal):
        append_signature(sealed, tmp_path / "signed.pdf", officer, Sealer(sealer.signer, failing, sealer.trust, sealer.crls, sealer.clock))
    assert not (tmp_path / "signed.pdf").exists()
