"""Packages of which both verifiers must say the same, with what they must say: an insider's who signs all anew, and a stranger's."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asn1crypto import cms, core
from handmade import Hand, LedgerKey, checkpoint, make_package, peaks, small_log, token_over, zip_of

from sealing.keys import make_practice

NOTE, SEAL, LEDGER = "manifest.sha256.note", "manifest.sha256.p7s", "ledger/ledger.json"


@dataclass(frozen=True, slots=True)
class Case:
    """What is handed in, and the verdict: holds, fails or incomplete."""

    parts: Mapping[str, bytes]
    verdict: str
    known: Mapping[str, str] = field(default_factory=dict)


@cache
def base() -> Hand:
    return make_package()


def copied() -> Hand:
    return Hand(dict(base().files), base().key)


def altered(name: str, change: Callable[[Any], object]) -> Hand:
    hand = copied()
    value = json.loads(hand.files[name])
    change(value)
    hand.files[name] = json.dumps(value).encode()
    return hand.finish()


def replaced(name: str, before: bytes, after: bytes) -> Hand:
    hand = copied()
    assert before in hand.files[name]
    hand.files[name] = hand.files[name].replace(before, after, 1)
    return hand.finish()


def added(name: str, content: bytes) -> Hand:
    return Hand({**base().files, name: content}, base().key).finish()


def without(name: str) -> Hand:
    return Hand({each: data for each, data in base().files.items() if each != name}, base().key).finish()


def with_last_note(text: Callable[[str], str], token: Callable[[str], str | None] = lambda _: None) -> Hand:
    """The newest checkpoint, said otherwise and signed anew."""

    def change(ledger: dict[str, Any]) -> None:
        told = text(ledger["checkpoints"][-1]["note"].rpartition("\n\n")[0] + "\n")
        ledger["checkpoints"][-1].update(note=base().key.note(told), token=token(told))

    return altered(LEDGER, change)


def quiet_day() -> Hand:
    """A daily checkpoint over an unchanged tree links back to its own size."""
    log = small_log()[0]
    size = len(log.entries)
    return altered(LEDGER, lambda ledger: ledger["checkpoints"].append(checkpoint(log, size, "2026-03-06", base().key, [("day", size)])))


def foreign_token(text: str) -> str:
    """By an authority that is not among the roots, dated years ago."""
    with TemporaryDirectory() as folder:
        keys = make_practice(Path(folder) / "keys", datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC), True)
    return token_over(text, datetime(2021, 1, 1, tzinfo=UTC), keys)


def strangers_line() -> Hand:
    hand, stranger = copied(), LedgerKey("stranger/x")
    note = hand.files[NOTE].decode()
    hand.files[NOTE] = (note + stranger.note(note.rpartition("\n\n")[0] + "\n").rpartition("\n\n")[2]).encode()
    return hand


class Attribute(core.Sequence):  # type: ignore[misc, unused-ignore]
    """Of a kind that no library knows."""

    _fields = [("type", core.ObjectIdentifier), ("values", core.SetOf, {"spec": core.OctetString})]  # noqa: RUF012 the library changes it


def unsigned_attribute() -> Hand:
    hand = copied()
    signed = cms.ContentInfo.load(hand.files[SEAL])
    info = signed["content"]["signer_infos"][0]
    more = cms.CMSAttribute.load(Attribute({"type": "1.2.3.4.5", "values": [core.OctetString(b"anything")]}).dump())
    info["unsigned_attrs"] = cms.CMSAttributes([*info["unsigned_attrs"], more])
    hand.files[SEAL] = signed.dump(force=True)
    return hand


def left_out() -> Hand:
    """An entry in the period dated before it: the segment begins after it, and what was sealed before it is nowhere."""
    hand = copied()
    ledger = json.loads(hand.files[LEDGER])
    lines = hand.files["ledger/segment.jsonl"].splitlines(keepends=True)
    log = small_log()[0]
    ledger |= {"first": 8, "peaks": [each.hex() for each in peaks(log.leaves[:8])]}
    rows = json.loads(hand.files["index.json"])
    kept = [row for row in rows if row["document"] != "d2"]
    hand.files["index.json"] = ("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in kept) + "\n]\n").encode()
    for name in [name for name in hand.files if name.startswith("documents/d2/")]:
        del hand.files[name]
    hand.files["ledger/segment.jsonl"] = b"".join(lines[8 - 5 :])
    hand.files[LEDGER] = json.dumps(ledger).encode()
    package = json.loads(hand.files["package.json"])
    package["counts"].update(documents=2, archives=4, entries=14)
    hand.files["package.json"] = json.dumps(package).encode()
    return hand.finish()


def in_volumes(*, name: str = "OUT-001.zip") -> dict[str, bytes]:
    """An index part and one volume with the sealed files, saved under this name."""
    pdfs = {path: data for path, data in base().files.items() if path.endswith(".pdf")}
    volume = zip_of(pdfs)
    told = [{"name": "OUT-001.zip", "files": len(pdfs), "bytes": len(volume)}]
    whole = altered("package.json", lambda package: package.update(volumes=told))
    return {"OUT.zip": zip_of({path: data for path, data in whole.files.items() if path not in pdfs}), name: volume}


def kept_by_witness(size: int, key: LedgerKey | None = None) -> dict[str, str]:
    log = small_log()[0]
    for number in range(5):
        log.write("read", "2026-06-01", {"document": "d2"}, n=number)
    return {"checkpoint": checkpoint(log, size, "2026-06-01", key or base().key, stamped=False)["note"]}


def commented(raw: bytes, comment: bytes) -> bytes:
    return raw[:-2] + len(comment).to_bytes(2, "little") + comment


TRAIL = "documents/d2/trail.json"
_HANDS: dict[str, tuple[Callable[[], Hand], str]] = {
    "nothing changed": (copied, "holds"),
    "the extract of one document": (lambda: make_package(extract="d2"), "holds"),
    "a day on which nothing came": (quiet_day, "holds"),
    "an extension line that nobody knows": (lambda: with_last_note(lambda text: text + "x-more hello\n"), "holds"),
    "a token by an unknown authority": (lambda: with_last_note(lambda text: text, foreign_token), "holds"),
    "a payload that nothing says was erased": (
        lambda: altered(TRAIL, lambda trail: trail["events"][0].update(payload=None, salt=None)),
        "fails",
    ),
    "an original without a size": (lambda: altered(TRAIL, lambda trail: trail.update(originals=[{"size": None}])), "holds"),
    "checks of another form": (lambda: altered(TRAIL, lambda trail: trail.update(checks=[{"name": None, "by": "x"}])), "holds"),
    "two times in a checkpoint": (lambda: with_last_note(lambda text: text + "at 2026-03-07T23:00:00.000Z\n"), "fails"),
    "a key of package.json twice": (lambda: replaced("package.json", b'"practice": true', b'"practice": false, "practice": true'), "fails"),
    "a key of index.json twice": (lambda: replaced("index.json", b'"gross": "120.00"', b'"gross": "9.00", "gross": "120.00"'), "fails"),
    "a key of a trail twice": (lambda: replaced(TRAIL, b'"checks": []', b'"checks": [], "checks": []'), "fails"),
    "an escaped key twice": (lambda: replaced(TRAIL, b'"checks": []', b'"checks": [], "\\u0063hecks": []'), "fails"),
    "half a letter": (lambda: replaced(TRAIL, b'"checks": []', b'"checks": [{"x": "\\ud83d"}]'), "fails"),
    "a number out of range": (lambda: replaced(TRAIL, b'"checks": []', b'"checks": [{"x": 9007199254740992}]'), "fails"),
    "a nest too deep": (lambda: replaced(TRAIL, b'"checks": []', b'"checks": [{"x": ' + b"[" * 70 + b"]" * 70 + b"}]"), "fails"),
    "a version that was never sealed": (lambda: added("documents/d2/v9.pdf", b"%PDF-1.7\nnever sealed"), "fails"),
    "a document that no row has": (lambda: added("documents/d9/v1.pdf", b"%PDF-1.7\nnever sealed"), "fails"),
    "a program": (lambda: added("setup.exe", b"MZ"), "fails"),
    "no script": (lambda: without("verify.py"), "fails"),
    "no guide": (lambda: without("LISEZMOI.txt"), "fails"),
    "no index for spreadsheets": (lambda: without("index.csv"), "fails"),
    "no statistics": (lambda: without("statistics.json"), "fails"),
    "statistics that are no JSON": (lambda: added("statistics.json", b"{not json"), "fails"),
    "controls that are no JSON": (lambda: added("controls/catalogue.json", b"nope"), "fails"),
    "the index on one line": (lambda: altered("index.json", lambda _: None), "fails"),
    "an entry withheld twice": (lambda: altered("package.json", lambda package: package.update(withheld=package["withheld"] * 2)), "fails"),
    "a key that signed nothing": (lambda: altered("package.json", lambda package: package["keys"].append(LedgerKey().vkey)), "fails"),
    "a stranger's line in the note": (strangers_line, "fails"),
    "an attribute that nothing signs": (unsigned_attribute, "fails"),
    "the beginning left out": (left_out, "fails"),
}  # fmt: skip


@cache
def cases() -> dict[str, Case]:
    """By name; made before a browser is opened, for both want the thread's event loop."""
    whole = zip_of(base().files)
    framed = {
        "bytes before the ZIP": b"MZ" + bytes(100) + whole,
        "bytes after the ZIP": whole + b"hello",
        "a comment": commented(whole, b"hello"),
    }
    found = {name: Case({"OUT.zip": zip_of(make().files)}, verdict) for name, (make, verdict) in _HANDS.items()}
    found |= {name: Case({"OUT.zip": raw}, "fails") for name, raw in framed.items()}
    found["volumes"] = Case(in_volumes(), "holds")
    found["a volume saved under another name"] = Case(in_volumes(name="OUT-001 (1).zip"), "holds")
    found["a volume that is not there"] = Case({"OUT.zip": in_volumes()["OUT.zip"]}, "incomplete")
    honest = {"OUT.zip": whole}
    found["a witness of the segment"] = Case(honest, "holds", kept_by_witness(12))
    found["a witness of what is older"] = Case(honest, "incomplete", kept_by_witness(2))
    found["a witness of what is newer"] = Case(honest, "incomplete", kept_by_witness(30))
    found["a witness's note by another key"] = Case(honest, "fails", kept_by_witness(12, LedgerKey()))
    found["a witness's note that nobody signed"] = Case(
        honest, "fails", {"checkpoint": kept_by_witness(12)["checkpoint"].rpartition("\n\n")[0]}
    )
    return found
