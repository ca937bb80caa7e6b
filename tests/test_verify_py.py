"""verify.py on packages made by hand from the page of the format: what holds, what does not, and that no package can hurt it."""

import ast
import base64
import hashlib
import io
import json
import random
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import handmade
import onerule
import packages
import pytest
import rfc8785
from asn1crypto import cms
from handmade import Hand, LedgerKey, make_package, sha, small_log, zip_of
from hypothesis import given
from hypothesis import strategies as st
from mutations import lines_of, write_manifest

from station.verifiers import verify

SCRIPT = Path(verify.__file__)


@pytest.fixture(scope="module")
def february() -> Hand:
    return make_package()


def look(folder: Path, hand: Hand, **options: Any) -> verify.Verdict:
    target = folder / "OUT.zip"
    target.write_bytes(zip_of(hand.files))
    return verify.verify([target], **options)


def failed(verdict: verify.Verdict) -> list[str]:
    return [name for name in verdict.report.names if verdict.report.outcome(name) == verify.FAILS]


def altered(hand: Hand, name: str, change: Callable[[Any], Any]) -> Hand:
    """The package with one JSON file changed, and everything signed anew with the true keys: an insider's work."""
    value = json.loads(hand.files[name])
    value = change(value) or value
    body = lines_of(value) if name == "index.json" else json.dumps(value).encode()
    return Hand({**hand.files, name: body}, hand.key).finish()


# What holds.


def test_a_package_of_a_month_holds(tmp_path, february):
    verdict = look(tmp_path, february)
    assert verdict.code == 0
    assert [verdict.report.outcome(name) for name in verify.CHECKS] == ["holds"] * 13


def test_the_extract_of_one_document_holds(tmp_path):
    assert look(tmp_path, make_package(extract="d3")).code == 0


def test_the_package_that_sceau_writes_holds(tmp_path):
    verdict = verify.verify([packages.small_package(tmp_path)])
    assert verdict.code == 0, verify.told_text(verdict, "fr")


def test_an_unpacked_folder_holds(tmp_path, february):
    with zipfile.ZipFile(io.BytesIO(zip_of(february.files))) as archive:
        archive.extractall(tmp_path / "all")
    assert verify.verify([tmp_path / "all"]).code == 0


def test_it_runs_alone_and_without_the_project(tmp_path, february):
    (tmp_path / "verify.py").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "OUT.zip").write_bytes(zip_of(february.files))
    ran = subprocess.run(
        [sys.executable, "-I", "verify.py", "OUT.zip"], cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin"}
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert february.key.public[1:] and hashlib.sha256(february.key.public[1:]).hexdigest() in ran.stdout
    assert "ESSAI" in ran.stdout


def test_it_imports_nothing_but_the_standard_library_and_cryptography():
    nodes = list(ast.walk(ast.parse(SCRIPT.read_text())))
    told = [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    names = {name.partition(".")[0] for name in [*told, *(str(node.module) for node in nodes if isinstance(node, ast.ImportFrom))]}
    assert names - set(sys.stdlib_module_names) == {"cryptography"}
    assert not {"socket", "ssl", "urllib", "http"} & names


def test_python_3_9_can_read_it():
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 9))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match | ast.TryStar)]
    assert "from __future__ import annotations" in SCRIPT.read_text()
    assert not {"UTC", "StrEnum", "Self"} & {
        each.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for each in node.names
    }


def test_it_answers_a_program_in_json_and_a_person_in_english(tmp_path, february):
    verdict = look(tmp_path, february)
    told = json.loads(verify.told_json(verdict))
    assert told["exit"] == 0
    assert {each["outcome"] for each in told["checks"]} == {"holds"}
    assert "All holds." in verify.told_text(verdict, "en")


# Trust begins outside.


def test_the_right_key_or_its_fingerprint_is_recognised(tmp_path, february):
    fingerprint = hashlib.sha256(february.key.public[1:]).hexdigest()
    assert look(tmp_path, february, key=february.key.vkey).code == 0
    assert look(tmp_path, february, key=fingerprint.upper()).code == 0


def test_another_key_is_refused(tmp_path, february):
    assert failed(look(tmp_path, february, key=LedgerKey().vkey)) == ["key"]


def test_a_ledger_rewritten_with_another_key_passes_only_where_nobody_compares(tmp_path, february):
    forged = make_package(LedgerKey())
    assert look(tmp_path, forged).code == 0
    assert failed(look(tmp_path, forged, key=february.key.vkey)) == ["key"]


@pytest.mark.parametrize("size", [12, 17, 25])
def test_the_checkpoint_of_a_witness_is_compared_at_any_size_of_the_segment(tmp_path, february, size):
    log = small_log()[0]
    kept = handmade.checkpoint(log, size, "2026-03-01", february.key)["note"]
    assert look(tmp_path, february, checkpoint=kept).code == 0
    log.entries[5] = log.entries[6]
    fork = handmade.checkpoint(log, size, "2026-03-01", february.key)["note"]
    assert failed(look(tmp_path, february, checkpoint=fork)) == ["witness"]


@pytest.mark.parametrize("size", [2, 24, 26])
def test_a_witness_that_saw_what_the_package_does_not_hold_proves_nothing_either_way(tmp_path, february, size):
    log = small_log()[0]
    log.write("read", "2026-03-09", {"document": "d0"})
    kept = handmade.checkpoint(log, size, "2026-03-09", february.key)["note"]
    verdict = look(tmp_path, february, checkpoint=kept)
    assert (verdict.code, failed(verdict), verdict.report.outcome("witness")) == (3, [], verify.UNSEEN)
    assert f"taille {size}" in verdict.report.words("witness").french
    assert failed(look(tmp_path, february, checkpoint=LedgerKey().note(kept.rpartition("\n\n")[0] + "\n"))) == ["witness"]


# One rule for both verifiers: tests/test_verifier_page.py asks the page.


def test_the_script_says_what_the_contract_says(tmp_path):
    said = {}
    for what, case in onerule.cases().items():
        for name, raw in case.parts.items():
            (tmp_path / name).write_bytes(raw)
        verdict = verify.verify([tmp_path / name for name in case.parts], checkpoint=case.known.get("checkpoint"))
        said[what] = {0: "holds", 1: "fails", 3: "incomplete"}[verdict.code]
        assert "examen impossible" not in verify.told_text(verdict, "fr")
    assert said == {what: case.verdict for what, case in onerule.cases().items()}


def test_a_token_by_an_unknown_authority_does_not_count(tmp_path):
    (tmp_path / "OUT.zip").write_bytes(onerule.cases()["a token by an unknown authority"].parts["OUT.zip"])
    told = verify.verify([tmp_path / "OUT.zip"]).report.words("checkpoints").french
    assert told == "5 points de contrôle signés, 4 horodatés ; 1 d'autorité inconnue, qui ne comptent pas"


# Volumes.


def in_volumes(hand: Hand, folder: Path) -> list[Path]:
    """An index part and two volumes with the sealed files."""
    pdfs = sorted(name for name in hand.files if name.endswith(".pdf"))
    parts = []
    for number, names in enumerate((pdfs[:2], pdfs[2:]), 1):
        parts.append(folder / f"OUT-00{number}.zip")
        parts[-1].write_bytes(zip_of({name: hand.files[name] for name in names}))
    told = [{"name": part.name, "files": n, "bytes": part.stat().st_size} for part, n in zip(parts, (2, len(pdfs) - 2), strict=True)]
    whole = altered(hand, "package.json", lambda package: package | {"volumes": told})
    index = folder / "OUT.zip"
    index.write_bytes(zip_of({name: data for name, data in whole.files.items() if not name.endswith(".pdf")}))
    return [index, *parts]


def test_a_package_in_volumes_holds_in_any_order(tmp_path, february):
    parts = in_volumes(february, tmp_path)
    assert verify.verify(parts).code == 0
    assert verify.verify(parts[::-1]).code == 0


def test_the_index_alone_proves_all_but_the_files(tmp_path, february):
    verdict = verify.verify(in_volumes(february, tmp_path)[:1])
    assert verdict.code == 3
    assert verdict.report.outcome("files") == verify.UNSEEN
    assert "OUT-001.zip" in verdict.report.words("files").french
    assert verdict.report.outcome("complete") == verify.HOLDS


def test_one_volume_of_two_is_looked_at(tmp_path, february):
    parts = in_volumes(february, tmp_path)
    assert verify.verify(parts[:2]).code == 3
    raw = bytearray(parts[1].read_bytes())
    raw[raw.index(b"%PDF") + 60] ^= 1
    parts[1].write_bytes(raw)
    assert verify.verify(parts[:2]).code == 1


def test_a_volume_of_another_package_is_refused(tmp_path, february):
    parts = in_volumes(february, tmp_path)
    parts[2].write_bytes(zip_of({"documents/d9/v1.pdf": b"%PDF-1.7"}))
    assert verify.verify(parts).code == 1


# What an insider with every key cannot do.


def drop_row(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows[1:]


INSIDER = {
    "a row left out": ("index.json", drop_row, "complete"),
    "another amount in the index": ("index.json", lambda rows: rows[0].update(gross="1.00"), "trails"),
    "a day without form": ("index.json", lambda rows: rows[0].update(issued="31/01/2026"), "form"),
    "an unknown key": ("index.json", lambda rows: rows[0].update(extra=1), "form"),
    "another sealing entry": ("index.json", lambda rows: rows[0].update(sealed=rows[0]["sealed"] + 1), "index"),
    "another time of sealing": ("index.json", lambda rows: rows[0].update(sealed_at="2026-02-03T10:00:00.000Z"), "index"),
    "a file that extends another than it does": ("index.json", lambda rows: rows[0]["files"][1].update(extends=sha(b"")), "index"),
    "a length of what is extended": ("index.json", lambda rows: rows[0]["files"][1].update(extends_size=7), "files"),
    "a wider scope": ("package.json", lambda p: p["scope"].update(to="2026-03-31"), "complete"),
    "an earlier scope": ("package.json", lambda p: p["scope"].update({"from": "2026-01-30"}), "complete"),
    "other counts": ("package.json", lambda p: p["counts"].update(documents=2), "package"),
    "another checkpoint": ("package.json", lambda p: p.update(checkpoint=24), "package"),
    "a trial that is none": ("package.json", lambda p: p.update(practice=False), "seal"),
    "nothing withheld": ("package.json", lambda p: p.update(withheld=[]), "complete"),
    "a damaged file": ("package.json", lambda p: p["withheld"][0].update(reason="damaged"), "complete"),
    "a file withheld that is here": ("package.json", lambda p: p["withheld"][0].update(document="d2", entry=7), "complete"),
    "a key too many": ("package.json", lambda p: p["keys"].append("sceau/essai+00000000+AAAA"), "form"),
    "another entity": ("package.json", lambda p: p.update(entity="autre"), "segment"),
    "a checkpoint left out": ("ledger/ledger.json", lambda x: x["checkpoints"].pop(), "checkpoints"),
    "tokens swapped": ("ledger/ledger.json", lambda x: x["checkpoints"][0].update(token=x["checkpoints"][1]["token"]), "checkpoints"),
    "a proof left out": ("ledger/ledger.json", lambda x: x["consistency"].pop(), "consistency"),
    "a segment that begins earlier": ("ledger/ledger.json", lambda x: x.update(first=x["first"] - 1), "segment"),
    "a segment that ends later": ("ledger/ledger.json", lambda x: x.update(last=x["last"] + 1), "segment"),
    "an event left out": ("documents/d2/trail.json", lambda x: x["events"].pop(), "trails"),
    "another reason": ("documents/d2/trail.json", lambda x: x["events"][0].update(payload="{}"), "trails"),
    "another actor": ("documents/d2/trail.json", lambda x: x["events"][0].update(actor="p-8"), "trails"),
    "another row": ("documents/d2/trail.json", lambda x: x["row"].update(title="autre"), "trails"),
}  # fmt: skip


@pytest.mark.parametrize("what", INSIDER)
def test_an_insider_who_signs_everything_anew_is_found(tmp_path, february, what):
    name, change, check = INSIDER[what]
    verdict = look(tmp_path, altered(february, name, lambda value: change(value) if change is drop_row else (change(value), None)[1]))
    assert verdict.code == 1
    assert check in failed(verdict)


def test_a_payload_that_nothing_says_was_erased_is_refused(tmp_path, february):
    def erase(trail: dict[str, Any]) -> None:
        trail["events"][0].update(payload=None, salt=None)

    verdict = look(tmp_path, altered(february, "documents/d2/trail.json", erase))
    assert failed(verdict) == ["trails"]
    assert "aucune écriture ne dit qu'il fut effacé" in verdict.report.words("trails").french


def test_entries_that_were_rewritten_do_not_fit_the_checkpoints(tmp_path, february):
    lines = february.files["ledger/segment.jsonl"].splitlines(keepends=True)
    entry = json.loads(lines[2]) | {"clock": "ntp +0.001"}
    lines[2] = rfc8785.dumps(entry) + b"\n"
    verdict = look(tmp_path, Hand({**february.files, "ledger/segment.jsonl": b"".join(lines)}, february.key).finish())
    assert {"segment", "consistency"} & set(failed(verdict))


def test_a_file_that_is_no_pdf_or_does_not_begin_as_it_should_is_found(tmp_path, february):
    verdict = look(tmp_path, Hand({**february.files, "documents/d3/v2.pdf": b"PK\x03\x04"}, february.key).finish())
    assert {"index", "files"} <= set(failed(verdict))


def test_a_company_whose_name_begins_like_the_word_for_a_trial_is_none():
    practice = verify.Certificate.practice.fget
    assert not practice(SimpleNamespace(names={"2.5.4.10": "ESSAIM SAS"}))
    assert practice(SimpleNamespace(names={"2.5.4.3": "Cachet (ESSAI - sans valeur probante)"}))


# Signatures.


def test_a_manifest_sealed_by_another_is_refused(tmp_path, february):
    other = make_package(extract="d2").files
    for name, check in (("manifest.sha256.note", "note"), ("manifest.sha256.p7s", "seal")):
        assert failed(look(tmp_path, Hand({**february.files, name: other[name]}, february.key))) == [check]


def test_a_seal_without_its_timestamp_is_refused(tmp_path, february):
    signed = cms.ContentInfo.load(february.files["manifest.sha256.p7s"])
    del signed["content"]["signer_infos"][0]["unsigned_attrs"]
    bare = Hand({**february.files, "manifest.sha256.p7s": signed.dump(force=True)}, february.key)
    verdict = look(tmp_path, bare)
    assert failed(verdict) == ["seal"]
    assert "horodat" in verdict.report.words("seal").french


def test_a_root_that_is_another_is_told(tmp_path, february):
    files = {**february.files, "trust/roots.pem": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}
    assert "seal" in failed(look(tmp_path, Hand(files, february.key).finish()))


def test_der_is_read_strictly():
    for broken in (
        b"\x30\x80\x00\x00",
        b"\x30\x81\x01\x00",
        b"\x30\x82\x00\x01\x00",
        b"\x1f\x1f\x00",
        b"\x30\x05\x00",
        b"\x30",
        b"",
        b"\x30\x00\x00",
    ):
        with pytest.raises(verify.Refused):
            verify.whole(broken)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_signatures(raw):
    with pytest.raises(verify.Refused):
        verify.read_cms(raw, verify.DATA, lambda _: b"")


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_notes(text):
    with pytest.raises(verify.Refused):
        verify.read_note(text, [], "note")


# The ledger's arithmetic, against the definitions of the RFC.


@given(st.integers(1, 40), st.data())
def test_proofs_hold_for_their_leaf_and_no_other(size, data):
    leaves = [hashlib.sha256(bytes([n])).digest() for n in range(size)]
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    path = handmade.inclusion(index, leaves)
    assert verify.includes(leaves[index], index, size, path, handmade.head(leaves))
    assert verify.includes(leaves[other], other, size, path, handmade.head(leaves)) == (other == index)


@given(st.integers(1, 40), st.data())
def test_continuity_holds_from_every_size_and_only_from_its_own(size, data):
    leaves = [hashlib.sha256(bytes([n])).digest() for n in range(size + 1)]
    old = data.draw(st.integers(1, size))
    path, roots = handmade.consistency(old, leaves), [handmade.head(leaves[:n]) for n in range(size + 2)]
    assert verify.consistent(old, size + 1, path, roots[old], roots[size + 1])
    assert not verify.consistent(old, size + 1, path[:-1], roots[old], roots[size + 1])
    assert not verify.consistent(old, size + 1, path, roots[old - 1], roots[size + 1])


@given(st.integers(0, 60), st.integers(0, 30))
def test_a_tree_grows_from_its_peaks_as_from_its_leaves(begin, more):
    leaves = [hashlib.sha256(bytes([n])).digest() for n in range(begin + more)]
    tree = verify.Frontier(begin, handmade.peaks(leaves[:begin]))
    for each in leaves[begin:]:
        tree.add(each)
    assert tree.root() == handmade.head(leaves)


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(
    st.dictionaries(
        KEYS, st.one_of(KEYS, st.integers(0, 2**53 - 1), st.none(), st.dictionaries(KEYS, st.booleans(), max_size=3)), max_size=6
    )
)
def test_canonical_json_is_that_of_the_rfc(value):
    assert verify.canonical(value) == rfc8785.dumps(value)


# Packages that would hurt.


def hurt(tmp_path: Path, february: Hand, name: str, body: bytes) -> verify.Verdict:
    return look(tmp_path, Hand({**february.files, name: body}, february.key).finish())


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b'{"format":1e999999}',
        b'{"format":NaN}',
        b'{"a":1,"a":2}',
        b"\xff\xfe",
        b'"\\ud800"',
        b"",
        b"null",
    ],
)
def test_absurd_json_is_a_clear_no(tmp_path, february, body):
    for name in ("package.json", "ledger/ledger.json", "documents/d2/trail.json", "ledger/others.jsonl"):
        verdict = hurt(tmp_path, february, name, body + b"\n" * name.endswith("l"))
        assert verdict.code == 1
        assert "Traceback" not in verify.told_text(verdict, "fr")
        assert "examen impossible" not in verify.told_text(verdict, "fr")


def test_a_zip_bomb_is_not_unpacked(tmp_path, february):
    target = tmp_path / "OUT.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in february.files.items():
            archive.writestr(name, data)
        archive.writestr("organisation/bomb.bin", bytes(100 << 20))
    verdict = verify.verify([target])
    assert verdict.code == 2
    assert "bombe" in verdict.report.words("form").french


def test_a_stream_longer_than_it_says_is_refused(tmp_path, february):
    raw = bytearray(zip_of(february.files))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        info = archive.getinfo("README.txt")
    at = raw.index(b"README.txt", raw.index(b"PK\x01\x02")) - 46
    raw[at + 16 : at + 20] = zlib.crc32(february.files["README.txt"][:-1]).to_bytes(4, "little")
    raw[at + 24 : at + 28] = (info.file_size - 1).to_bytes(4, "little")
    (tmp_path / "OUT.zip").write_bytes(raw)
    assert "manifest" in failed(verify.verify([tmp_path / "OUT.zip"]))


def test_a_large_member_is_read_in_pieces(tmp_path, february):
    body = b"abc" * 700_000 + random.Random(1).randbytes(1 << 20) + b"\0" * 2_100_000
    assert hurt(tmp_path, february, "organisation/large.bin", body).code == 0


@pytest.mark.parametrize(
    "name", ["../up.txt", "/etc/passwd", "documents/../x", "documents//x", "a\\b", "nul\0.txt", "organisation/é", "dir/"]
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path, february, name):
    verdict = look(tmp_path, Hand({**february.files, name: b"x"}, february.key))
    assert "form" in failed(verdict)


def test_a_link_in_a_folder_is_refused(tmp_path, february):
    with zipfile.ZipFile(io.BytesIO(zip_of(february.files))) as archive:
        archive.extractall(tmp_path / "all")
    (tmp_path / "all" / "README.txt").unlink()
    (tmp_path / "all" / "README.txt").symlink_to("/etc/passwd")
    assert "form" in failed(verify.verify([tmp_path / "all"]))


def test_what_is_no_package_is_told_in_a_sentence(tmp_path, capsys):
    for body in (b"", b"PK\x05\x06", b"%PDF-1.7", bytes(1000), zip_of({"README.txt": b"x"})):
        (tmp_path / "x.zip").write_bytes(body)
        assert verify.main([str(tmp_path / "x.zip")]) == 2
    assert verify.main([str(tmp_path / "nowhere.zip")]) == 2
    assert "Demandez-le" in capsys.readouterr().out


def test_control_characters_of_a_package_do_not_reach_the_terminal(tmp_path, february):
    verdict = look(tmp_path, Hand({**february.files, "\x1b[2Jx": b""}, february.key))
    assert "\x1b" not in verify.told_text(verdict, "fr")


def test_a_manifest_without_the_keys_gives_a_forger_away(tmp_path, february):
    files = {**february.files, "documents/d2/v1.pdf": b"%PDF-1.7\nforged"}
    write_manifest(files)
    assert {"note", "seal", "index", "files"} <= set(failed(look(tmp_path, Hand(files, february.key))))


def test_base64_has_one_form():
    assert verify.unbase64(base64.b64encode(b"abcd").decode()) == b"abcd"
    assert verify.unbase64("YWJjZB==") == b""
    assert verify.unbase64("YWJj ZA==") == b""
