"""Does everything still say the same thing? Ledger, records, stores and the sealed files' own witness are held against one another."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import Condition
from sealing.ledger import BrokenLedger, Tree
from station.assemble import FILE_NAME
from station.records.ledger import head_at, verify_ledger
from station.records.tables import Archive, Document, LedgerRow, Original
from station.workstation import Workstation


@dataclass(frozen=True, slots=True)
class Audited:
    """One question and its answer."""

    name: str
    ok: bool
    detail: str


def audit_ledger(workstation: Workstation) -> Iterator[Audited]:
    """The chain from its first entry, then what it says against what is kept, then the heads that sealed files carry."""
    with workstation.database.reading() as session:
        try:
            trees = verify_ledger(session)
        except BrokenLedger as error:
            yield Audited("chain", False, str(error))
            return
        yield Audited(
            "chain",
            True,
            "; ".join(f"{name}: {tree.size} entries, head {tree.root.hex()}" for name, tree in trees.items()) or "no entry yet",
        )
        yield _same_archives(session)
        yield _kept("originals", [(sha, "") for sha in session.scalars(sa.select(Original.sha256))], workstation.originals.verify)
        archives = [(sha, ".pdf") for sha in session.scalars(sa.select(Archive.sha256))]
        yield _kept("archives", archives, workstation.archives.verify)
        yield _witnesses(session, workstation, trees)


def _same_archives(session: Session) -> Audited:
    """Every archive has its `sealed` entry and every such entry its archive."""
    entries = (json.loads(entry) for entry in session.scalars(sa.select(LedgerRow.entry).order_by(LedgerRow.entity, LedgerRow.sequence)))
    told = {entry["objects"].get("archive") for entry in entries if entry["type"] == "sealed"}
    kept = set(session.scalars(sa.select(Archive.sha256)))
    if told == kept:
        return Audited("records", True, f"{len(kept)} archives, each with its entry")
    return Audited("records", False, f"without entry: {sorted(kept - told)}; without archive: {sorted(t for t in told - kept if t)}")


def _kept(name: str, files: list[tuple[str, str]], verify: Callable[[str, str], Condition]) -> Audited:
    bad = [(sha, condition) for sha, suffix in files if (condition := verify(sha, suffix)) is not Condition.SOUND]
    if not bad:
        return Audited(name, True, f"{len(files)} files read again, each has its fingerprint")
    return Audited(name, False, "; ".join(f"{sha}: {condition}" for sha, condition in bad[:20]))


def _witnesses(session: Session, workstation: Workstation, trees: dict[str, Tree]) -> Audited:
    """Each sealed, timestamped file carries the head of the log at its time: a log rewritten since does not match it."""
    rows = session.execute(sa.select(Archive.sha256, Document.entity).join(Document)).all()
    for sha256, entity in rows:
        carried = _carried_head(workstation.archives.path(sha256, ".pdf"))
        if carried is None:
            return Audited("witnesses", False, f"{sha256} cannot be read, so the head that it carries is not known")
        size, root = carried
        head = head_at(session, entity, size) if size else Tree().root
        if size > trees.get(entity, Tree()).size or head is None or head.hex() != root:
            return Audited("witnesses", False, f"{sha256} carries a head at size {size} that the log does not have")
    return Audited("witnesses", True, f"the heads inside {len(rows)} sealed files are those of the log")


def _carried_head(path: Path) -> tuple[int, str] | None:
    """Size and root of the log as the file has seen it; None where it can no longer be read."""
    try:
        with pikepdf.open(path) as pdf:
            head = json.loads(pdf.attachments[FILE_NAME].get_file().read_bytes())["ledger"]
        return int(head["size"]), str(head["root"])
    except (OSError, pikepdf.PdfError, KeyError, ValueError):
        return None
