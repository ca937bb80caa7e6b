"""What may be done to an auditor's package by whoever has no key, and by an insider who has them all.

Seeded, so that two verifiers see the same.
"""

import base64
import copy
import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from asn1crypto import cms, core, x509
from handmade import LAST_THREE, Hand, LedgerKey, make_package, sha, zip_of

from sealing.keys import make_practice

Files: TypeAlias = dict[str, bytes]
Mutation: TypeAlias = Callable[[random.Random, Files], str]
"""Changes the files in place and says what it did."""

LINED = ("ledger/segment.jsonl", "ledger/others.jsonl", "index.json", "manifest.sha256", "index.csv")
VOUCHED = ("ledger/ledger.json", "ledger/others.jsonl", "ledger/segment.jsonl", "index.json", "package.json")
"""What is checked for its meaning even where every signature is made anew."""


def pick(chance: random.Random, files: Mapping[str, bytes]) -> str:
    return chance.choice(sorted(name for name in files if files[name]))


# On the bytes of a member.


def flip_byte(chance: random.Random, files: Files) -> str:
    """Anywhere in a member; of the CMS file also where no signature reaches."""
    name = pick(chance, files)
    return replace_byte(chance, files, name, chance.randrange(len(files[name])))


def replace_byte(chance: random.Random, files: Files, name: str, at: int) -> str:
    data = bytearray(files[name])
    data[at] ^= chance.randrange(1, 256)
    files[name] = bytes(data)
    return f"byte {at} of {name}"


def signed_places(raw: bytes) -> list[int]:
    """Offsets of the signed attributes, the signature, and the same of its timestamp with what it says.

    What else is in a token of a checkpoint proves nothing, and an insider may have made it so.
    """
    signed = cms.ContentInfo.load(raw)["content"]
    info = signed["signer_infos"][0]
    parts = [info["signed_attrs"].contents, info["signature"].contents]
    stamps = [each["values"][0] for each in info["unsigned_attrs"] or () if each["type"].native == "signature_time_stamp_token"]
    for content in (signed, *(stamp["content"] for stamp in stamps)):
        inner = content["signer_infos"][0]
        parts += [inner["signed_attrs"].contents, inner["signature"].contents]
        if content["encap_content_info"]["content_type"].native == "tst_info":
            parts.append(content["encap_content_info"]["content"].parsed.dump())
    return [raw.index(part) + n for part in parts for n in range(len(part))]


def truncate(chance: random.Random, files: Files) -> str:
    name = pick(chance, files)
    files[name] = files[name][: chance.randrange(len(files[name]))]
    return f"{name} truncated"


def extend(chance: random.Random, files: Files) -> str:
    name = pick(chance, files)
    files[name] += chance.choice((b"\n", b"\0", b" ", b"%%EOF", files[name][-40:] or b"x"))
    return f"{name} extended"


def insert_bytes(chance: random.Random, files: Files) -> str:
    name = pick(chance, files)
    at = chance.randrange(len(files[name]) + 1)
    files[name] = files[name][:at] + chance.randbytes(chance.randrange(1, 9)) + files[name][at:]
    return f"bytes put into {name}"


# On members.


def drop_member(chance: random.Random, files: Files) -> str:
    name = pick(chance, files)
    del files[name]
    return f"{name} dropped"


def add_member(chance: random.Random, files: Files) -> str:
    name = chance.choice(
        (
            "documents/d9/v1.pdf",
            "documents/d2/v9.pdf",
            "organisation/other.pdf",
            "extra.txt",
            "../up.txt",
            "documents/d9/trail.json",
            "trust/x.crl",
        )
    )
    files[name] = b"%PDF-1.7\nadded"
    return f"{name} added"


def rename_member(chance: random.Random, files: Files) -> str:
    name = pick(chance, files)
    target = chance.choice((name.upper() + "x", f"trust/{name.rpartition('/')[2]}x", f"documents/d2/{name.rpartition('/')[2]}", f"/{name}"))
    if target == name:
        target += "x"
    files[target] = files.pop(name)
    return f"{name} renamed {target}"


def swap_members(chance: random.Random, files: Files) -> str:
    one, other = pick(chance, files), pick(chance, files)
    files[one], files[other] = files[other], files[one]
    return f"{one} and {other} swapped"


def swap_pdfs(chance: random.Random, files: Files) -> str:
    one, other = chance.sample(sorted(name for name in files if name.endswith(".pdf")), 2)
    files[one], files[other] = files[other], files[one]
    return f"{one} and {other} swapped"


def drop_document(chance: random.Random, files: Files) -> str:
    """With its row, as somebody who wants it gone would do it."""
    rows = json.loads(files["index.json"])
    gone = rows.pop(chance.randrange(len(rows)))["document"]
    files["index.json"] = lines_of(rows)
    for name in [name for name in files if name.startswith(f"documents/{gone}/")]:
        del files[name]
    package = json.loads(files["package.json"])
    package["counts"]["documents"] = len(rows)
    package["counts"]["archives"] = sum(len(row["files"]) for row in rows)
    files["package.json"] = json.dumps(package).encode()
    return f"document {gone} left out"


def lines_of(rows: list[Any]) -> bytes:
    return ("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n").encode()


# On lines.


def drop_line(chance: random.Random, files: Files) -> str:
    name, lines = _lined(chance, files)
    del lines[chance.randrange(len(lines))]
    files[name] = b"".join(lines)
    return f"line of {name} dropped"


def repeat_line(chance: random.Random, files: Files) -> str:
    name, lines = _lined(chance, files)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    files[name] = b"".join(lines)
    return f"line of {name} repeated"


def move_line(chance: random.Random, files: Files) -> str:
    name, lines = _lined(chance, files)
    lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
    files[name] = b"".join(lines)
    return f"line of {name} moved"


def _lined(chance: random.Random, files: Files) -> tuple[str, list[bytes]]:
    name = chance.choice([each for each in LINED if files.get(each)])
    return name, files[name].splitlines(keepends=True)


# On values.


def change_value(chance: random.Random, files: Files) -> str:
    """One value somewhere in a JSON file that is checked for its meaning, or in a trail's events and row."""
    name = chance.choice([*VOUCHED, *sorted(each for each in files if each.endswith("trail.json"))])
    if name.endswith(".jsonl"):
        lines = files[name].decode().splitlines()
        at = chance.randrange(len(lines))
        value = json.loads(lines[at])
        told = _change_leaf(chance, value)
        lines[at] = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        files[name] = "".join(f"{line}\n" for line in lines).encode()
        return f"{name}, line {at + 1}: {told}"
    value = json.loads(files[name])
    part = {key: value[key] for key in ("document", "entity", "row", "events")} if name.endswith("trail.json") else value
    told = _change_leaf(chance, part)
    files[name] = lines_of(value) if name == "index.json" else json.dumps(value | part if isinstance(value, dict) else value).encode()
    return f"{name}: {told}"


def _change_leaf(chance: random.Random, value: Any) -> str:
    places = [place for place in _leaves(value) if place[1][-1] not in ("generator", "token")]
    holder, way = chance.choice(places)
    key, before = way[-1], holder[way[-1]]
    holder[key] = _other(chance, before)
    return f"{'.'.join(map(str, way))} = {holder[key]!r:.40}"


def _leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(each, dict | list) and each:
            yield from _leaves(each, (*way, key))
        else:
            yield value, (*way, key)


def _other(chance: random.Random, before: Any) -> Any:
    """Another value, often of the same kind. An erased payload is no change of meaning, so that nothing becomes null that might be one."""
    if isinstance(before, bool):
        return not before
    if isinstance(before, int):
        return chance.choice([before + 1, max(before - 1, 0) if before else 7, before + 1000, str(before), 2**60, -1])
    if isinstance(before, str) and before:
        at = chance.randrange(len(before))
        other = chance.choice([c for c in "0123456789abcdef" if c != before[at]])
        return chance.choice([before[:at] + other + before[at + 1 :], before + "0", before[:-1], 7, [before], before.swapcase() + "\u00e9"])
    return chance.choice(["x", 7, ["x"], {"x": 1}])


# On the ledger's proofs.


def swap_notes(chance: random.Random, files: Files) -> str:
    ledger = _ledger(files)
    one, other = chance.sample(range(len(ledger["checkpoints"])), 2)
    key = chance.choice(("note", "token", "size"))
    if ledger["checkpoints"][one][key] == ledger["checkpoints"][other][key]:
        key = "note"
    ledger["checkpoints"][one][key], ledger["checkpoints"][other][key] = ledger["checkpoints"][other][key], ledger["checkpoints"][one][key]
    return _keep(files, ledger, f"{key} of two checkpoints swapped")


def change_token(chance: random.Random, files: Files) -> str:
    ledger = _ledger(files)
    stamped = chance.choice([each for each in ledger["checkpoints"] if each["token"]])
    raw = bytearray(base64.b64decode(stamped["token"]))
    at = chance.choice(signed_places(bytes(raw)))
    raw[at] ^= chance.randrange(1, 256)
    stamped["token"] = base64.b64encode(raw).decode()
    return _keep(files, ledger, f"byte {at} of a checkpoint's token")


def drop_checkpoint(chance: random.Random, files: Files) -> str:
    """The newest; another one may be missing without a lie."""
    ledger = _ledger(files)
    del ledger["checkpoints"][-1]
    return _keep(files, ledger, "newest checkpoint dropped")


def change_peaks(chance: random.Random, files: Files) -> str:
    ledger = _ledger(files)
    peaks = ledger["peaks"]
    way = chance.choice(("drop", "add", "swap", "zero"))
    if way == "drop":
        peaks.pop()
    elif way == "add":
        peaks.append(sha(b"x"))
    elif way == "swap" and len(peaks) > 1 and peaks[0] != peaks[-1]:
        peaks[0], peaks[-1] = peaks[-1], peaks[0]
    else:
        peaks[chance.randrange(len(peaks))] = "00" * 32
    return _keep(files, ledger, f"peaks: {way}")


def change_proof(chance: random.Random, files: Files) -> str:
    ledger = _ledger(files)
    proof = chance.choice(ledger["consistency"])
    way = chance.choice(("drop step", "add step", "swap steps", "drop proof", "repeat proof"))
    path = proof["path"]
    if way == "drop step":
        del path[chance.randrange(len(path))]
    elif way == "add step":
        path.insert(chance.randrange(len(path) + 1), sha(b"x"))
    elif way == "swap steps" and len(set(path)) > 1:
        path.reverse()
        if path == path[::-1]:
            path.append(sha(b"y"))
    elif way == "repeat proof":
        ledger["consistency"].append(proof)
    else:
        ledger["consistency"].remove(proof)
    return _keep(files, ledger, f"consistency: {way}")


def change_inclusion(chance: random.Random, files: Files) -> str:
    lines = files["ledger/others.jsonl"].decode().splitlines()
    at = chance.randrange(len(lines))
    other = json.loads(lines[at])
    way = chance.choice(("drop", "add", "empty"))
    other["path"] = other["path"][:-1] if way == "drop" else [*other["path"], sha(b"x")] if way == "add" else []
    lines[at] = json.dumps(other, ensure_ascii=False)
    files["ledger/others.jsonl"] = "".join(f"{line}\n" for line in lines).encode()
    return f"inclusion proof: {way}"


def sign_anew(chance: random.Random, files: Files) -> str:
    """Every note by another key; the key in `package.json` remains."""
    key = LedgerKey()
    ledger = _ledger(files)
    for each in ledger["checkpoints"]:
        each["note"] = key.note(each["note"].rpartition("\n\n")[0] + "\n")
    files["manifest.sha256.note"] = key.note(files["manifest.sha256.note"].decode().rpartition("\n\n")[0] + "\n").encode()
    return _keep(files, ledger, "all notes signed by another key")


def _ledger(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files["ledger/ledger.json"])
    return found


def _keep(files: Files, ledger: dict[str, Any], told: str) -> str:
    files["ledger/ledger.json"] = json.dumps(ledger).encode()
    return told


# On events.


def change_event(chance: random.Random, files: Files) -> str:
    name = chance.choice(sorted(each for each in files if each.endswith("trail.json")))
    trail = json.loads(files[name])
    events = trail["events"]
    way = chance.choice(("drop", "repeat", "reverse", "payload", "salt", "borrow"))
    full = [each for each in events if each["payload"] is not None]
    if way == "drop":
        del events[chance.randrange(len(events))]
    elif way == "repeat":
        events.append(events[-1])
    elif way == "reverse":
        events.reverse()
    elif way == "payload":
        chance.choice(full)["payload"] = '{"reason":"another"}'
    elif way == "salt":
        chance.choice(full)["salt"] = chance.choice(("", "00" * 16, None))
    else:
        events[0]["objects"] = {"document": "d9"}
    files[name] = json.dumps(trail).encode()
    return f"{name}: events, {way}"


# On the three last.


def swap_seal(chance: random.Random, files: Files) -> str:
    other = make_other().files
    name = chance.choice(LAST_THREE[1:])
    files[name] = other[name]
    return f"{name} of another package"


_OTHER: list[Hand] = []


def make_other() -> Hand:
    if not _OTHER:
        _OTHER.append(make_package(extract="d2"))
    return _OTHER[0]


# On what no signature covers: the note's lines, the seal's bag and attributes.


def change_note(chance: random.Random, files: Files) -> str:
    name = "manifest.sha256.note"
    body, _, tail = files[name].decode().rpartition("\n\n")
    lines = tail.splitlines(keepends=True)
    stranger = LedgerKey(chance.choice(("stranger/x", lines[0].split(" ")[1])))
    way = chance.choice(("stranger", "repeat", "drop", "blank", "shorten"))
    if way == "stranger":
        lines.insert(chance.randrange(2), stranger.note(body + "\n").rpartition("\n\n")[2])
    elif way == "repeat":
        lines *= 2
    elif way == "drop":
        lines.clear()
    elif way == "blank":
        lines.append(chance.choice(("\n", " \n", "# remark\n")))
    else:
        lines[0] = lines[0][: -chance.randrange(2, 20)] + "\n"
    files[name] = f"{body}\n\n{''.join(lines)}".encode()
    return f"note: {way}"


class Attribute(core.Sequence):  # type: ignore[misc, unused-ignore]
    """Of a kind that no library knows."""

    _fields = [("type", core.ObjectIdentifier), ("values", core.SetOf, {"spec": core.OctetString})]  # noqa: RUF012 the library changes it


def change_bag(chance: random.Random, files: Files) -> str:
    """In the seal: an attribute that nothing signs, or a stranger's certificate."""
    signed = cms.ContentInfo.load(files["manifest.sha256.p7s"])
    place, way = signed["content"], chance.choice(("attribute", "certificate"))
    if way == "attribute":
        more = cms.CMSAttribute.load(Attribute({"type": "1.2.3.4.5", "values": [core.OctetString(chance.randbytes(9))]}).dump())
        info = place["signer_infos"][0]
        info["unsigned_attrs"] = cms.CMSAttributes([*info["unsigned_attrs"], more])
    else:
        place["certificates"] = cms.CertificateSet([*place["certificates"], cms.CertificateChoices("certificate", strangers_root())])
    files["manifest.sha256.p7s"] = signed.dump()
    return f"seal: {way}"


@cache
def strangers_root() -> x509.Certificate:
    with TemporaryDirectory() as folder:
        keys = make_practice(Path(folder) / "keys", datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC), True)
    return keys.trust[0]


# What an insider cannot add or leave out.


def add_sealed(chance: random.Random, files: Files) -> str:
    name = chance.choice(
        ("documents/d9/v1.pdf", "documents/d2/v9.pdf", "documents/d9/trail.json", "setup.exe", "notes.txt", "ledger/more.jsonl")
    )
    files[name] = b"%PDF-1.7\nadded"
    return f"{name} added"


def drop_needed(chance: random.Random, files: Files) -> str:
    needed = [name for name in files if name not in LAST_THREE and not name.startswith("controls/")]
    name = chance.choice(sorted(needed))
    del files[name]
    return f"{name} dropped"


def rename_needed(chance: random.Random, files: Files) -> str:
    name = chance.choice(sorted(name for name in files if name not in LAST_THREE and not name.startswith("controls/")))
    target = chance.choice((f"trust/{name.rpartition('/')[2]}x", f"documents/d2/{name.rpartition('/')[2]}x", name + ".bak"))
    files[target] = files.pop(name)
    return f"{name} renamed {target}"


def repeat_key(chance: random.Random, files: Files) -> str:
    """The same value twice under one name: programs differ in which one they take."""
    name = chance.choice(("package.json", "index.json", "ledger/ledger.json", "documents/d2/trail.json"))
    text = files[name].decode()
    places = list(re.finditer(r'"(\w+)": (?=["\d\[])', text))
    at = chance.choice(places)
    files[name] = (text[: at.start()] + f'"{at[1]}": 7, ' + text[at.start() :]).encode()
    return f"{name}: {at[1]} twice"


def withhold_twice(_: random.Random, files: Files) -> str:
    package = json.loads(files["package.json"])
    package["withheld"] *= 2
    files["package.json"] = json.dumps(package).encode()
    return "withheld twice"


def spoil_loose(chance: random.Random, files: Files) -> str:
    name = chance.choice(("statistics.json", "controls/catalogue.json"))
    files[name] = chance.choice((b"", b"{", b"nope", b'{"a": 1, "a": 2}', b"[NaN]", b"\xff"))
    return f"{name} is no JSON"


def write_manifest(files: Files) -> None:
    """What an attacker without the keys can do: the list is right again, its signatures are not."""
    if "manifest.sha256" in files:
        names = sorted((name for name in files if name not in LAST_THREE), key=str.encode)
        files["manifest.sha256"] = "".join(f"{sha(files[name])}  {name}\n" for name in names).encode()


PLAIN: tuple[Mutation, ...] = (
    flip_byte,
    flip_byte,
    truncate,
    extend,
    insert_bytes,
    drop_member,
    add_member,
    rename_member,
    swap_members,
    swap_pdfs,
    drop_document,
    drop_line,
    repeat_line,
    move_line,
    change_value,
    swap_notes,
    change_token,
    drop_checkpoint,
    change_peaks,
    change_proof,
    change_inclusion,
    sign_anew,
    change_event,
    swap_seal,
    change_note,
    change_note,
    change_bag,
    change_bag,
)
INSIDE: tuple[Mutation, ...] = (
    swap_pdfs,
    drop_document,
    change_value,
    change_value,
    change_value,
    swap_notes,
    change_token,
    drop_checkpoint,
    change_peaks,
    change_proof,
    change_inclusion,
    change_event,
    add_sealed,
    drop_needed,
    rename_needed,
    repeat_key,
    withhold_twice,
    spoil_loose,
)
"""What is found even where manifest, note and seal are made anew with the true keys."""


def mutants(seed: int, count: int, base: Hand | None = None) -> Iterator[tuple[str, bytes]]:
    """`count` packages, none of which a verifier may accept: what was done to each, and the bytes of its ZIP."""
    chance = random.Random(seed)
    base = base or make_package()
    whole = zip_of(base.files)
    sealed = members(whole)
    made = 0
    while made < count:
        way = chance.choice(("plain", "plain", "relisted", "relisted", "inside", "raw", "twice", "framed"))
        name, raw = _mutant(chance, way, base, whole)
        if way != "framed" and members(raw) == sealed:
            continue  # every member as it was: not a mutation
        made += 1
        yield f"{made} {way}: {name}", raw


def _mutant(chance: random.Random, way: str, base: Hand, whole: bytes) -> tuple[str, bytes]:
    if way == "raw":
        return _raw(chance, whole)
    if way == "framed":
        return _framed(chance, base.files, whole)
    files = copy.copy(base.files)
    if way == "twice":
        return _twice(chance, files)
    told = chance.choice(INSIDE if way == "inside" else PLAIN)(chance, files)
    if way == "inside" and files != base.files:
        files = Hand(files, base.key).finish().files
    if way == "relisted":
        write_manifest(files)
    return told, zip_of(files)


def _raw(chance: random.Random, whole: bytes) -> tuple[str, bytes]:
    way = chance.choice(("flip", "flip", "flip", "cut", "hole"))
    at = chance.randrange(len(whole))
    if way == "cut":
        return f"ZIP cut at {at}", whole[:at]
    if way == "hole":
        length = chance.randrange(1, 64)
        return f"{length} bytes of the ZIP taken out at {at}", whole[:at] + whole[at + length :]
    data = bytearray(whole)
    data[at] ^= 1 << chance.randrange(8)
    return f"bit in byte {at} of the ZIP", bytes(data)


def _framed(chance: random.Random, files: Files, whole: bytes) -> tuple[str, bytes]:
    """Every member as it was, and something beside them."""
    way, more = chance.choice(("before", "after", "comment", "gap", "remark", "extra")), chance.randbytes(chance.randrange(1, 200))
    if way == "before":
        return "bytes before the ZIP", more + whole
    if way == "after":
        return "bytes after the ZIP", whole + more
    out = io.BytesIO(whole)
    with zipfile.ZipFile(out, "a" if way == "comment" else "w") as archive:
        if way == "comment":
            archive.comment = more
        at = chance.randrange(len(files))
        for number, (name, data) in enumerate(files.items() if way != "comment" else ()):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            if number == at and way == "remark":
                info.comment = more
            if number == at and way == "extra":
                info.extra = b"\x55\xaa" + len(more).to_bytes(2, "little") + more
            if number == at and way == "gap" and archive.fp is not None:
                archive.fp.write(more)
                archive.start_dir = archive.fp.tell()
            archive.writestr(info, data)
    return f"ZIP with a {way}", out.getvalue()


def _twice(chance: random.Random, files: Files) -> tuple[str, bytes]:
    """A member that comes twice, once with other content: programs differ in which one they show."""
    name = pick(chance, files)
    out = io.BytesIO(zip_of(files))
    first = chance.random() < 0.5
    if first:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), b"other content")
            for each, data in files.items():
                archive.writestr(zipfile.ZipInfo(each, (1980, 1, 1, 0, 0, 0)), data) if each != name else None
            _append_quietly(archive, name, files[name])
    else:
        with zipfile.ZipFile(out, "a") as archive:
            _append_quietly(archive, name, b"other content")
    return f"{name} twice, {'the other first' if first else 'the other last'}", out.getvalue()


def _append_quietly(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.NameToInfo.pop(name, None)  # zipfile would warn of the second name
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def members(raw: bytes) -> list[tuple[str, bytes]] | None:
    """What a careless reader sees: names and contents by the central directory alone; None if broken."""
    try:
        end = raw.rindex(b"PK\x05\x06")
        total, _, at = struct.unpack_from("<HLL", raw, end + 10)
        found = []
        for _ in range(total):
            fields = struct.unpack_from("<LHHHHHHLLLHHHHHLL", raw, at)
            if fields[0] != 0x02014B50 or fields[3] & 1:
                return None
            name = raw[at + 46 : at + 46 + fields[10]].decode("latin-1")
            found.append((name, _unpacked(raw, fields[4], fields[8], fields[9], fields[16], fields[7])))
            at += 46 + sum(fields[10:13])
        return sorted(found)
    except (ValueError, struct.error, zlib.error, IndexError):
        return None


def _unpacked(raw: bytes, method: int, packed: int, size: int, at: int, crc: int) -> bytes:
    name, extra = struct.unpack_from("<HH", raw, at + 26)
    begin = at + 30 + name + extra
    data = raw[begin : begin + packed]
    data = zlib.decompressobj(-15).decompress(data, size + 1) if method == 8 else data
    if method not in (0, 8) or len(data) != size or zlib.crc32(data) != crc:
        raise ValueError
    return data
