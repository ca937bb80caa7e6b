"""An auditor's package built by hand from `docs/auditor-package.md`, with fresh keys: the double of the exporter.

Its PDF files are none but in name.
"""

import asyncio
import base64
import functools
import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from asn1crypto import pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealing.authority import TimeAuthority
from sealing.keys import CachedSigner, Practice, make_practice

LAST_THREE = ("manifest.sha256", "manifest.sha256.note", "manifest.sha256.p7s")
ENTITY = "essai"
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


@functools.cache
def house_keys() -> Practice:
    """Valid before the first entry already: checkpoints are stamped when they are made."""
    with tempfile.TemporaryDirectory() as folder:
        return make_practice(Path(folder) / "keys", datetime(2025, 12, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC), True)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def head(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + head(leaves[:cut]) + head(leaves[cut:])).digest()


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 §2.1.1."""
    if len(leaves) == 1:
        return []
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    if index < cut:
        return [*inclusion(index, leaves[:cut]), head(leaves[cut:])]
    return [*inclusion(index - cut, leaves[cut:]), head(leaves[:cut])]


def consistency(size: int, leaves: Sequence[bytes], known: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 §2.1.2."""
    if size == len(leaves):
        return [] if known else [head(leaves)]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    if size <= cut:
        return [*consistency(size, leaves[:cut], known), head(leaves[cut:])]
    return [*consistency(size - cut, leaves[cut:], False), head(leaves[:cut])]


def peaks(leaves: Sequence[bytes]) -> list[bytes]:
    found, at = [], 0
    for bit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> bit & 1:
            found.append(head(leaves[at : at + (1 << bit)]))
            at += 1 << bit
    return found


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """An Ed25519 key under a name."""

    name: str = f"sceau/{ENTITY}"
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return b"\x01" + self.key.public_key().public_bytes_raw()

    @property
    def short(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.short.hex()}+{base64.b64encode(self.public).decode()}"

    def note(self, text: str) -> str:
        signature = base64.b64encode(self.short + self.key.sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.name} {signature}\n"


@dataclass(slots=True)
class Log:
    """Entries with their payloads, written one after the other."""

    entries: list[bytes] = field(default_factory=list)
    payloads: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def leaves(self) -> list[bytes]:
        return [hashlib.sha256(b"\x00" + each).digest() for each in self.entries]

    def write(self, kind: str, at: str, objects: Mapping[str, str], **payload: Any) -> int:
        body, salt, sequence = rfc8785.dumps(payload).decode(), bytes([len(self.entries) + 1]) * 16, len(self.entries)
        entry = {
            "version": 1,
            "sequence": sequence,
            "entity": ENTITY,
            "type": kind,
            "objects": dict(objects),
            "actor": {"pseudonym": "p-7", "kind": "human", "rule_version": None},
            "at": f"{at}T09:00:00.{sequence:03d}Z",
            "clock": "system",
            "payload_commitment": sha(salt + body.encode()),
        }
        self.entries.append(rfc8785.dumps(entry))
        self.payloads.append((body, salt))
        return sequence


@dataclass(slots=True)
class Hand:
    """The package as paths with bytes, and the keys to sign it again."""

    files: dict[str, bytes]
    key: LedgerKey

    def finish(self) -> "Hand":
        """Manifest, note and seal over the files as they are now."""
        paths = sorted((name for name in self.files if name not in LAST_THREE), key=str.encode)
        manifest = "".join(f"{sha(self.files[name])}  {name}\n" for name in paths).encode()
        self.files["manifest.sha256"] = manifest
        self.files["manifest.sha256.note"] = self.key.note(f"sceau-manifest-1\n{ENTITY}\n{sha(manifest)}\n").encode()
        keys = house_keys()
        signer = CachedSigner(keys.seal)
        authority = TimeAuthority(keys.time, lambda: NOW)
        signed = asyncio.run(signer.async_sign_general_data(manifest, "sha256", timestamper=authority, detached=True))
        self.files["manifest.sha256.p7s"] = signed.dump()
        return self


def zip_of(files: Mapping[str, bytes]) -> bytes:
    """As the page lays it down: sorted, the three of the manifest last, PDF stored, everything else deflated."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files, key=lambda name: (name in LAST_THREE, name.encode())):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_STORED if name.endswith(".pdf") else zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return out.getvalue()


def small_log() -> tuple[Log, dict[str, list[dict[str, Any]]], dict[str, bytes]]:
    """Five documents over three months: renewed, plain, signed, confidential, and erased; with their files as the index tells them."""
    log, told, pdfs = Log(), {}, {}

    def sealed(document: str, kind: str, at: str, body: bytes, before: dict[str, Any] | None = None) -> None:
        whole = (pdfs[before["path"]] if before else b"%PDF-1.7\n") + body
        objects = {"document": document, "archive": sha(whole)} | ({"extends": before["sha256"]} if before else {})
        entry = log.write(kind, at, objects, title=f"Facture {document}")
        version = len(told.setdefault(document, [])) + 1
        path = f"documents/{document}/v{version}.pdf"
        pdfs[path] = whole
        told[document].append(
            {"path": path, "sha256": sha(whole), "size": len(whole), "version": version, "entry": entry}
            | {"extends": before and before["sha256"], "extends_size": before and before["size"]}
        )

    def received(document: str, at: str) -> None:
        log.write("received", at, {"document": document, "original": sha(document.encode())}, name=f"{document}.png")
        log.write("judged", at, {"document": document}, verdict="conform")

    received("d1", "2026-01-10")
    sealed("d1", "sealed", "2026-01-10", b"first" * 40)
    received("d0", "2026-01-30")
    received("d2", "2026-02-03")
    sealed("d2", "sealed", "2026-02-03", b"second" * 50)
    received("d3", "2026-02-04")
    received("d4", "2026-02-05")
    sealed("d4", "sealed", "2026-02-05", b"fourth" * 20)
    sealed("d3", "sealed", "2026-02-10", b"third" * 30)
    sealed("d3", "signed", "2026-02-11", b"officer" * 10, told["d3"][0])
    received("d5", "2026-02-12")
    sealed("d5", "sealed", "2026-02-12", b"fifth" * 20)
    sealed("d1", "renewed", "2026-02-20", b"renewed" * 10, told["d1"][0])
    received("d6", "2026-02-27")
    log.write("read", "2026-03-02", {"document": "d6"}, words=12)
    log.write("erased", "2026-03-03", {"document": "d5", "archive-1": told["d5"][0]["sha256"]}, reason="duty over")
    log.write("said", "2026-03-04", {"document": "d2"}, name="number")
    log.write("read", "2026-03-05", {"document": "d0"}, words=3)
    return log, told, pdfs


def row_of(document: str, log: Log, files: list[dict[str, Any]]) -> dict[str, Any]:
    sealed = max(each["entry"] for each in files if json.loads(log.entries[each["entry"]])["type"] == "sealed")
    blank = dict.fromkeys(("supplier_siren", "customer", "customer_siren", "verdict", "dossier", "level"))
    return blank | {
        "document": document,
        "type": "invoice",
        "title": f"Facture n\u00ba {document} \U0001f4c4",
        "direction": "in",
        "supplier": "=Papeterie",
        "number": f"F-{document}",
        "issued": "2026-01-31",
        "net": "100.00",
        "tax": "20.00",
        "gross": "120.00",
        "currency": "EUR",
        "state": "sealed",
        "paper_stays": False,
        "sealed": sealed,
        "sealed_at": json.loads(log.entries[sealed])["at"],
        "gaps": [],
        "links": [],
        "files": files,
    }


def trail_of(document: str, log: Log, row: dict[str, Any]) -> dict[str, Any]:
    events = []
    for raw, (body, salt) in zip(log.entries, log.payloads, strict=True):
        entry = json.loads(raw)
        if entry["objects"].get("document") == document:
            told = {name: entry[name] for name in ("sequence", "type", "at", "clock", "objects")}
            events.append(told | {"actor": entry["actor"]["pseudonym"], "payload": body, "salt": salt.hex()})
    reading: dict[str, Any] = {key: [] for key in ("fields", "findings", "decisions", "clauses", "originals", "pages", "checks")}
    start = {"format": "sceau-trail-1", "document": document, "entity": ENTITY, "row": row, "events": events}
    return start | reading | {"retention": {}, "gaps": []}


def checkpoint(log: Log, size: int, at: str, key: LedgerKey, links: Sequence[tuple[str, int]] = (), stamped: bool = True) -> dict[str, Any]:
    def root(size: int) -> str:
        return base64.b64encode(head(log.leaves[:size])).decode()

    lines = [key.name, str(size), root(size), f"at {at}T23:00:00.000Z", *(f"{kind} {back} {root(back)}" for kind, back in links)]
    text = "".join(f"{line}\n" for line in lines)
    token = token_over(text, datetime.fromisoformat(f"{at}T23:00:00+00:00")) if stamped else None
    return {"size": size, "note": key.note(text), "token": token}


def token_over(text: str, moment: datetime, keys: Practice | None = None) -> str:
    """As `ledger.json` holds it."""
    authority = TimeAuthority((keys or house_keys()).time, lambda: moment)
    return base64.b64encode(asyncio.run(authority.async_timestamp(hashlib.sha256(text.encode()).digest(), "sha256")).dump()).decode()


def make_package(key: LedgerKey | None = None, extract: str | None = None) -> Hand:
    """February, or the extract of one document."""
    key = key or LedgerKey()
    log, told, pdfs = small_log()
    shown = [extract] if extract else ["d2", "d3", "d1"]
    # From the newest checkpoint before the month to the first one after it.
    first, last = (0, 0) if extract else (5, 22)
    size = len(log.entries)
    times = [json.loads(raw) for raw in log.entries]
    named = {each["sequence"] for each in times if each["objects"].get("document") in shown or each["type"] == "erased"}
    kept = [
        n for n in sorted(named) if 0 <= n < size and not first <= n < last and (not extract or times[n]["objects"]["document"] == extract)
    ]
    heads = [checkpoint(log, 3, "2026-01-10", key), checkpoint(log, 5, "2026-01-31", key, [("day", 3)])]
    heads.append(checkpoint(log, 12, "2026-02-04", key, [("day", 5), ("month", 3)]))
    heads.append(checkpoint(log, 22, "2026-03-02", key, [("day", 12)]))
    heads.append(checkpoint(log, size, "2026-03-05", key, [("day", 22)], stamped=False))
    outside = sorted({h["size"] for h in heads if not first <= h["size"] <= last} | {last})
    proofs = [{"from": n, "to": size, "path": [p.hex() for p in consistency(n, log.leaves)]} for n in outside if 0 < n < size]
    ledger = {"entity": ENTITY, "first": first, "last": last, "peaks": [p.hex() for p in peaks(log.leaves[:first])], "size": size}
    others = [{"sequence": n, "entry": log.entries[n].decode(), "path": [p.hex() for p in inclusion(n, log.leaves)]} for n in kept]
    rows = {name: row_of(name, log, told[name]) for name in shown}
    rows = dict(sorted(rows.items(), key=lambda each: (each[1]["sealed"], each[0])))
    withheld = [] if extract else [{"document": "d4", "entry": told["d4"][0]["entry"], "reason": "confidential"}]
    counts = {
        "documents": len(rows),
        "archives": sum(len(row["files"]) for row in rows.values()),
        "entries": last - first,
        "others": len(others),
    }
    package = {
        "format": "sceau-package-1",
        "entity": ENTITY,
        "scope": {"document": extract} if extract else {"from": "2026-02-01", "to": "2026-02-28"},
        "practice": True,
        "counts": counts,
        "volumes": [],
        "checkpoint": size,
        "keys": [key.vkey],
        "withheld": withheld,
        "generator": "by hand",
    }
    files = {
        "package.json": _json(package),
        "index.json": ("[\n" + ",\n".join(_json(row).decode() for row in rows.values()) + "\n]\n").encode(),
        "ledger/segment.jsonl": b"".join(raw + b"\n" for raw in log.entries[first:last]),
        "ledger/others.jsonl": b"".join(_json(each) + b"\n" for each in others),
        "ledger/ledger.json": _json(ledger | {"checkpoints": heads, "consistency": proofs}),
        "trust/roots.pem": b"".join(pem.armor("CERTIFICATE", each.dump()) for each in house_keys().trust),
        "controls/catalogue.json": b"[]",
        "statistics.json": b"{}",
    }
    for name in ("LISEZMOI.txt", "README.txt", "verifier.html", "verify.py", "index.csv", "statistics.csv", "controls/results.csv"):
        files[name] = name.encode() + b"\n"
    for name, row in rows.items():
        files[f"documents/{name}/trail.json"] = _json(trail_of(name, log, row))
        files |= {each["path"]: pdfs[each["path"]] for each in row["files"]}
    return Hand(files, key).finish()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
