"""What is archived is a PDF/A-3b in every revision; what is none is refused before it is sealed; veraPDF is asked where it is there."""

import io
import json
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pikepdf
import pikepdf.pdfa
import pytest
from pikepdf import Array, Dictionary, Name
from practice import METADATA, NOON, compose, noisy, png_leaf, practice_keys, sealed, sealer
from typer.testing import CliRunner

from sealing import verapdf
from sealing.keys import CachedSigner
from sealing.pdfa import Attachment, Relation, compose_pdfa
from sealing.seal import Officer, append_signature, append_timestamp, seal_file
from sealing.standard import check_written
from sealing.syntax import BrokenSyntax, revision_ends
from sealing.verapdf import read_report, validate_pdfa
from sealing.verify import CHECKS, prove_unsealed, verify_file
from station.cli import app
from station.doctor import _program

Spoil = Callable[[pikepdf.Pdf], None]


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("draft")
    return compose(folder, [png_leaf(folder, noisy())])


# Broken variants, before the seal.


def no_intent(pdf: pikepdf.Pdf) -> None:
    del pdf.Root.OutputIntents


def loose_font(pdf: pikepdf.Pdf) -> None:
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier)
    pdf.pages[0].Resources.Font = Dictionary(F9=pdf.make_indirect(font))
    pdf.pages[0].Contents = pdf.make_stream(pdf.pages[0].Contents.read_bytes() + b"\nBT /F9 9 Tf (a) Tj ET")


def no_relation(pdf: pikepdf.Pdf) -> None:
    for spec in pdf.Root.AF:
        del spec["/AFRelationship"]


def other_part(pdf: pikepdf.Pdf) -> None:
    raw = pdf.Root.Metadata.read_bytes()
    assert b"<pdfaid:part>3<" in raw or b'pdfaid:part="3"' in raw
    pdf.Root.Metadata.write(raw.replace(b"<pdfaid:part>3<", b"<pdfaid:part>1<").replace(b'pdfaid:part="3"', b'pdfaid:part="1"'))


def see_through(pdf: pikepdf.Pdf) -> None:
    """A blend mode that does not exist (6.2.10)."""
    pdf.pages[0].Resources.ExtGState = Dictionary(G0=Dictionary(Type=Name.ExtGState, BM=Name("/Glow")))
    pdf.pages[0].Contents = pdf.make_stream(b"/G0 gs\n" + pdf.pages[0].Contents.read_bytes())


def torn_page(pdf: pikepdf.Pdf) -> None:
    """A text that is begun and not ended: told by a warning."""
    pdf.pages[0].Contents = pdf.make_stream(pdf.pages[0].Contents.read_bytes() + b"\n(abc")


def scripted(pdf: pikepdf.Pdf) -> None:
    pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS="app.alert(1)")


def annotated(pdf: pikepdf.Pdf) -> None:
    """Without an appearance (6.3.3)."""
    note = Dictionary(Type=Name.Annot, Subtype=Name.Text, Rect=Array([0, 0, 9, 9]), F=4)
    pdf.pages[0].Annots = Array([pdf.make_indirect(note)])


BROKEN: dict[str, Spoil] = {
    "a missing OutputIntent": no_intent,
    "a font that is not embedded": loose_font,
    "a missing AFRelationship": no_relation,
    "another part in the XMP": other_part,
    "a blend mode that is none": see_through,
    "a text that is not ended": torn_page,
    "a script": scripted,
    "an annotation without appearance": annotated,
}


def spoilt(draft: Path, target: Path, spoil: Spoil) -> Path:
    with pikepdf.open(draft) as pdf:
        spoil(pdf)
        pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return target


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_variant_fails_before_it_is_sealed(what, draft, tmp_path):
    path = spoilt(draft, tmp_path / "broken.pdf", BROKEN[what])
    assert not pikepdf.pdfa.validate_written(path, "3b").passed
    assert not {check.name: check.ok for check in prove_unsealed(path, None).checks}["pdfa"]


def test_the_draft_that_nothing_was_done_to_passes(draft):
    assert pikepdf.pdfa.validate_written(draft, "3b").passed
    assert {check.name: check.ok for check in prove_unsealed(draft, None).checks}["pdfa"]


class WarnedOf(io.BytesIO):
    """A file while whose bytes are read something else in the process warns, up to `times` times: a connection that nobody closed."""

    def __init__(self, data: bytes, times: int) -> None:
        super().__init__(data)
        self.times, self.warned = times, 0

    def readinto(self, buffer):
        if self.warned < self.times:
            self.warned += 1
            warnings.warn("<Connection> was deleted while still open", ResourceWarning, stacklevel=1)
        return super().readinto(buffer)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_warning_of_something_else_in_the_process_is_no_fault_of_the_paper(draft):
    data = draft.read_bytes()
    always = WarnedOf(data, 10**9)
    assert "was deleted while still open" in str(pikepdf.pdfa.validate_written(always, "3b").findings[0])
    once = WarnedOf(data, always.warned)
    assert check_written(once).passed and once.warned == once.times


class Slow(io.BytesIO):
    """A file whose reader gives way at each read, as of a disk."""

    def readinto(self, buffer):
        time.sleep(0.001)
        return super().readinto(buffer)


def test_checks_at_once_each_get_their_own_verdict(draft, tmp_path):
    torn = spoilt(draft, tmp_path / "torn.pdf", torn_page)
    with ThreadPoolExecutor(4) as pool:
        passed = list(pool.map(lambda path: check_written(Slow(path.read_bytes())).passed, [draft, torn] * 5))
    assert passed == [True, False] * 5


def test_equal_inputs_give_an_equal_archive_and_its_record_comes_out_again(draft, tmp_path):
    again = compose(tmp_path, [png_leaf(tmp_path, noisy())])
    assert again.read_bytes() == draft.read_bytes()
    with pikepdf.open(draft) as pdf:
        assert json.loads(pdf.attachments["capture-data.json"].get_file().read_bytes())["pages"][0]["number"] == 1


@pytest.mark.parametrize("name", ["factur-x.xml", "Factur-X.XML"])
def test_a_scan_carries_no_attachment_that_a_reader_takes_for_an_invoice(name, tmp_path):
    with pytest.raises(ValueError, match="factur-x"):
        compose_pdfa([png_leaf(tmp_path, noisy())], tmp_path / "a.pdf", METADATA, [Attachment(name, b"<x/>", "text/xml", Relation.DATA)])


# Every revision that is appended.


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sealed with room for an officer, signed, and renewed."""
    folder = tmp_path_factory.mktemp("grown")
    path = compose(folder, [png_leaf(folder, noisy())])
    seal_file(path, path, sealer(), signable=True)
    keys = practice_keys()
    officer = Officer(CachedSigner(keys.seal), keys.trust, keys.crls)
    append_signature(path, folder / "signed.pdf", officer, sealer(NOON + timedelta(days=1)))
    append_timestamp(folder / "signed.pdf", folder / "renewed.pdf", sealer(NOON + timedelta(days=30)))
    return folder / "renewed.pdf"


def test_seal_signature_and_renewal_are_written_as_pdfa_wants_them(grown):
    ends = revision_ends(grown.read_bytes())
    assert len(ends) == 6  # as composed, seal, its time, signature, its time, renewal
    checks = {check.name: check for check in verify_file(grown, practice_keys().trust, NOON + timedelta(days=31)).checks}
    assert all(check.ok for check in checks.values()), checks
    assert "PDF/A-3b" in checks["pdfa"].detail


@pytest.mark.parametrize(
    ("what", "into"),
    [
        (b"endobj\n", b"endobj\n% hidden\n"),
        (b"\nendstream", b"x\nendstream"),
        (b"%%EOF\n", b"%%EOF\n% hidden\n"),
        (b" 0 obj\n", b" 0 obj "),
        (b"startxref\n", b"startxref "),
    ],
)
def test_nothing_hides_in_any_appended_revision(grown, what, into):
    pdf = grown.read_bytes()
    ends = revision_ends(pdf)
    for begin, end in pairwise(ends):
        part = pdf[begin:end]
        assert what in part
        with pytest.raises(BrokenSyntax):
            revision_ends(pdf[:begin] + part.replace(what, into, 1) + pdf[end:])


# veraPDF, where it is there.

RIGHT = """<?xml version="1.0" encoding="utf-8"?>
<report>
  <buildInformation><releaseDetails id="core" version="1.26.1" buildDate="2024-05-16T14:30:00Z"></releaseDetails></buildInformation>
  <jobs><job>
    <item size="10230"><name>a.pdf</name></item>
    <validationReport jobEndStatus="normal" profileName="PDF/A-3B validation profile"
      statement="PDF file is compliant with Validation Profile requirements." isCompliant="true">
      <details passedRules="146" failedRules="0" passedChecks="504" failedChecks="0"></details>
    </validationReport>
    <duration start="1485134290404" finish="1485134290797">00:00:00.393</duration>
  </job></jobs>
  <batchSummary totalJobs="1" failedToParse="0" encrypted="0" outOfMemory="0" veraExceptions="0"></batchSummary>
</report>
"""
WRONG = (
    RIGHT.replace('isCompliant="true"', 'isCompliant="false"')
    .replace('failedRules="0"', 'failedRules="1"')
    .replace(
        "</details>",
        '<rule specification="ISO 19005-3:2012" clause="6.2.11.4.1" testNumber="1" status="failed" passedChecks="0" failedChecks="2">'
        "<description>The font programs for all fonts used for rendering\n  within a conforming file shall be embedded</description>"
        "<object>PDFont</object></rule></details>",
    )
)


@pytest.fixture
def program(tmp_path, monkeypatch) -> Callable[[str], None]:
    """A `verapdf` on the PATH that runs this shell."""

    def write(body: str) -> None:
        path = tmp_path / "bin" / "verapdf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")

    return write


def saying(report: str) -> str:
    return f"cat <<'END'\n{report}END"


def test_where_verapdf_is_not_there_nobody_asks_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert validate_pdfa(tmp_path / "a.pdf") is None
    path = sealed(tmp_path)
    assert [check.name for check in verify_file(path, practice_keys().trust, NOON).checks] == list(CHECKS)
    assert "not installed" in _program("verapdf", lambda _french, english: english, ("", ""), "").detail


def test_its_yes_is_one_more_check_and_its_no_a_failure(tmp_path, program):
    path = sealed(tmp_path)
    program(saying(RIGHT))
    good = verify_file(path, practice_keys().trust, NOON)
    assert good.valid and good.checks[-1].detail == "veraPDF : PDF/A-3b, 146 règles"
    program(saying(WRONG) + "\nexit 1")
    bad = verify_file(path, practice_keys().trust, NOON)
    assert not bad.valid
    assert bad.checks[-1].detail.startswith(
        "veraPDF : pas un PDF/A-3b : 6.2.11.4.1-1 The font programs for all fonts used for rendering within"
    )


def test_it_is_asked_for_part_3_level_b_and_about_this_file(tmp_path, program):
    program(f'echo "$@" > {tmp_path}/asked\n{saying(RIGHT)}')
    assert validate_pdfa(tmp_path / "a.pdf").compliant
    assert (tmp_path / "asked").read_text().split() == ["--flavour", "3b", str(tmp_path / "a.pdf")]


@pytest.mark.parametrize("body", ["exit 3", "echo 'java: not found' >&2; exit 127", "echo '<report><jobs>'", "echo '{}'"])
def test_that_it_gives_no_verdict_says_nothing_against_the_file(tmp_path, program, body):
    program(body)
    told = validate_pdfa(tmp_path / "a.pdf")
    assert told.compliant is None and "avis" in told.detail
    assert verify_file(sealed(tmp_path), practice_keys().trust, NOON).valid


def test_it_is_not_waited_for_without_end(tmp_path, program, monkeypatch):
    monkeypatch.setattr(verapdf, "SECONDS", 0.2)
    program("exec sleep 20")
    assert validate_pdfa(tmp_path / "a.pdf").compliant is None


def test_the_verdict_of_another_profile_or_of_two_files_is_none():
    assert read_report(RIGHT.replace("3B", "1B").encode()).compliant is None
    job = RIGHT[RIGHT.index("<job>") : RIGHT.index("</jobs>")]
    assert read_report(RIGHT.replace("</jobs>", f"{job}</jobs>").encode()).compliant is None
    assert read_report(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><report>&b;</report>').compliant is None


def test_sceau_verify_tells_its_verdict_and_the_doctor_its_place(tmp_path, program, monkeypatch):
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path / "home"))
    program(saying(WRONG))
    told = CliRunner().invoke(app, ["verify", str(sealed(tmp_path)), "--json"])
    assert told.exit_code == 4 and "6.2.11.4.1-1" in told.stdout
    assert str(tmp_path / "bin" / "verapdf") in _program("verapdf", lambda _french, english: english, ("", ""), "").detail
