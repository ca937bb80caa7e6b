"""Does everything still say the same thing? Ledger, records, stores and the sealed files' own witness are held against one another."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import sqlalchemy as sa
from sqlalchemy.orm import Session

from capture.originals import Condition
from sealing.ledger import BrokenLedger, Tree
from station.assemble import FILE_NAME
from station.checkpoints import known_entities
from station.contradiction import TreeContradicted
from station.custody import house_papers
from station.erasure import ERASED_TITLE, certificate_path, fingerprint
from station.logbook import broken_checkpoints, outside_claims
from station.passports import body_hash
from station.records.ledger import head_at, tree_of, verify_ledger
from station.records.tables import (
    OF_THE_PAGE,
    Archive,
    CheckpointRow,
    Decision,
    Document,
    FieldRow,
    Hold,
    LedgerPayload,
    LedgerRow,
    Mandate,
    Original,
    PageRow,
    PassportRow,
    RetentionRow,
    State,
)
from station.stored import fields_hash, rasters_hash
from station.witnesses import outside_of
from station.workstation import Workstation

_AT_ONCE = 500
"""Documents whose records are in memory together."""
_TOLD = 20
"""So many are named where something is wrong."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One question and its answer."""

    name: str
    ok: bool
    detail: str
    """In French; the same in English beside it."""
    english: str
    bare: bool = False
    """Nothing is wrong, and nothing was there to be compared: told with a mark of its own."""


def audit_ledger(workstation: Workstation) -> Iterator[Audited]:
    """The chain from its first entry, then what it says against what is kept, then the heads that sealed files carry."""
    with workstation.database.reading() as session:
        try:
            trees = verify_ledger(session)
        except BrokenLedger as error:
            french = f"{error.entity}, écriture {error.sequence} : elle n'est plus ce qui fut inscrit, ou plus à sa place ({error.reason})"
            yield Audited("chain", False, french, str(error))
            return
        yield Audited(
            "chain",
            True,
            " ; ".join(f"{name} : {_french(tree.size, 'écriture')}, tête {tree.root.hex()}" for name, tree in trees.items())
            or "encore aucune écriture",
            "; ".join(f"{name}: {_english(tree.size, 'entry', 'entries')}, head {tree.root.hex()}" for name, tree in trees.items())
            or "no entry yet",
        )
        yield _same_records(session)
        yield _same_facts(session)
        yield _same_duties(session)
        yield _kept("originals", [(sha, "") for sha in session.scalars(sa.select(Original.sha256))], workstation.originals.verify)
        # The dossiers and slips of the house lie beside the documents' files.
        archives = [(sha, ".pdf") for sha in (*session.scalars(sa.select(Archive.sha256)), *house_papers(session))]
        yield _kept("archives", archives, workstation.archives.verify)
        erasures = _erasures(session)
        yield _erased_payloads(session, erasures)
        yield _certified(erasures, workstation)
        yield _witnesses(session, workstation, trees)
        yield _checkpoints(session, workstation)
        yield _outside(session, workstation)


def _same_records(session: Session) -> Audited:
    """Each document, original and archive has the entry of its coming, and each such entry what it tells of."""
    told = _told_objects(session)
    kept = {
        "document": sa.select(Document.id),
        "original": sa.select(Original.sha256),
        "archive": sa.select(Archive.sha256 + " of " + Archive.document_id),
    }
    counts, alone = dict.fromkeys(kept, 0), list[tuple[str, str]]()
    for kind, query in kept.items():
        # What is found is taken off: in the end only what is not there is left, and no second list of all is held.
        for name in session.scalars(query.order_by(sa.text("1")).execution_options(yield_per=1000)):
            counts[kind] += 1
            if name in told[kind]:
                told[kind].remove(name)
            else:
                alone.append((kind, name))
    empty = [(kind, name) for kind in kept for name in sorted(told[kind])]
    if alone or empty:
        french = [f"{kind} sans écriture : {name}" for kind, name in alone] + [f"écriture sans {kind} : {name}" for kind, name in empty]
        english = [f"{kind} without entry: {name}" for kind, name in alone] + [f"entry without {kind}: {name}" for kind, name in empty]
        return Audited("records", False, " ; ".join(french[:20]), "; ".join(english[:20]))
    told_french = ", ".join(_french(count, *_KINDS[kind]) for kind, count in counts.items())
    told_english = ", ".join(_english(count, kind) for kind, count in counts.items())
    return Audited("records", True, f"{told_french}, chacun avec son écriture", f"{told_english}, each with its entry")


def _told_objects(session: Session) -> dict[str, set[str]]:
    """What must be there by the entries: what came into being, without what an erasure names; what came again afterwards counts again."""
    gone: dict[tuple[str, str], tuple[str, str, int]] = {}
    for entry in _entries_of(session, "erased"):
        objects = entry["objects"]
        for role, value in objects.items():
            if role.startswith(("original-", "archive-")):
                kind = role.partition("-")[0]
                name = value if kind == "original" else _with_document({**objects, "archive": value})
                gone[kind, name] = max(gone.get((kind, name), ("", "", 0)), _moment(entry))
    told: dict[str, set[str]] = {"document": set(), "original": set(), "archive": set()}
    for entry in _entries_of(session, *_TELLS):
        for made in _TELLS[entry["type"]]:
            name = _with_document(entry["objects"]) if made == "archive" else entry["objects"].get(made, "")
            if (made, name) not in gone or gone[made, name] < _moment(entry):
                told[made].add(name)
    return told


def _moment(entry: dict[str, Any]) -> tuple[str, str, int]:
    """Entries of all logs, one after the other."""
    return entry["at"], entry["entity"], entry["sequence"]


def _entries_of(session: Session, *kinds: str) -> Iterator[dict[str, Any]]:
    """Entries of these types, in order; streams. Only what may be one is parsed: a log may have a million entries."""
    begins = [f'"type":"{kind}"'.encode() for kind in kinds]
    query = sa.select(LedgerRow.entry).order_by(LedgerRow.entity, LedgerRow.sequence)
    for stored in session.scalars(query.execution_options(yield_per=1000)):
        if any(begin in stored for begin in begins) and (entry := json.loads(stored))["type"] in kinds:
            yield entry


@dataclass(frozen=True, slots=True)
class Erasures:
    """What the entries of erasures name."""

    last: Mapping[tuple[str, str], int]
    """Entity and document → sequence of its newest `erased` entry."""
    originals: frozenset[str]
    certificates: frozenset[tuple[str, str]]
    """Document that was asked for, and its certificate's SHA-256."""


def _erasures(session: Session) -> Erasures:
    last, originals, certificates = {}, set[str](), set[tuple[str, str]]()
    for entry in _entries_of(session, "erased"):
        objects = entry["objects"]
        last[entry["entity"], objects.get("document", "")] = entry["sequence"]
        originals |= {value for name, value in objects.items() if name.startswith("original-")}
        certificates.add((objects.get("asked", ""), objects.get("certificate", "")))
    return Erasures(last, frozenset(originals), frozenset(certificates))


def _erased_payloads(session: Session, erasures: Erasures) -> Audited:
    """A payload may be gone only where a later `erased` entry names its document, or, of a message, the original that went."""
    beside = sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence)
    query = (
        sa.select(LedgerRow.entry)
        .join(LedgerPayload, beside, isouter=True)
        .where(LedgerPayload.sequence.is_(None))
        .order_by(LedgerRow.entity, LedgerRow.sequence)
    )
    count, bad = 0, list[str]()
    for stored in session.scalars(query.execution_options(yield_per=1000)):
        entry, count = json.loads(stored), count + 1
        if not _may_be_gone(entry, erasures) and len(bad) < _TOLD:
            bad.append(f"{entry['entity']} {entry['sequence']}")
    if bad:
        told = ", ".join(bad)
        return Audited("payloads", False, f"détail absent sans effacement inscrit : {told}", f"payload gone and no erasure of it: {told}")
    french = f"{_french(count, 'détail effacé', 'détails effacés')}, chacun avec l'écriture de son effacement"
    english = f"{_english(count, 'payload')} erased, each with the entry of its erasure"
    return Audited("payloads", True, french, english)


def _may_be_gone(entry: dict[str, Any], erasures: Erasures) -> bool:
    objects = entry["objects"]
    later = erasures.last.get((entry["entity"], objects.get("document", "")), -1) > entry["sequence"]
    return later or ("document" not in objects and objects.get("original") in erasures.originals)


_KINDS = {"document": ("document",), "original": ("original", "originaux"), "archive": ("archive",)}


def _french(count: int, one: str, many: str = "") -> str:
    """The number and its noun: none is singular, too."""
    return f"{count} {one if count < 2 else many or one + 's'}"


def _english(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _certified(erasures: Erasures, workstation: Workstation) -> Audited:
    """Each erasure has its certificate, with the fingerprint that its entry names."""
    named = erasures.certificates
    bad = [name for name, sha256 in sorted(named) if fingerprint(certificate_path(workstation, name)) != sha256]
    if bad:
        told = ", ".join(bad[:_TOLD])
        return Audited(
            "certificates", False, f"certificat d'effacement absent ou modifié : {told}", f"certificate missing or changed: {told}"
        )
    french = f"{_french(len(named), 'certificat')} d'effacement, chacun a son empreinte"
    return Audited("certificates", True, french, f"{_english(len(named), 'certificate')} of erasure, each has its fingerprint")


def _same_facts(session: Session) -> Audited:
    """What the records say of each document (verdict, pages, marks, decisions, passports, values read) against its newest entries."""
    told: dict[str, dict[str, Any]] = {}
    query = sa.select(LedgerRow.entry, LedgerPayload.body).join_from(
        LedgerRow,
        LedgerPayload,
        sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence),
        isouter=True,
    )
    for stored, body in session.execute(query.order_by(LedgerRow.entity, LedgerRow.sequence).execution_options(yield_per=500)):
        entry, payload = json.loads(stored), {} if body is None else json.loads(body)
        facts = told.setdefault(entry["objects"].get("document", ""), {"decisions": [], "confidential": False, "erased": False})
        facts |= {name: entry["objects"][name] for name in ("rasters", "fields", "said") if name in entry["objects"]}
        facts |= {name: payload[name] for name in ("verdict", "paper_stays", "kind", "confidential") if name in payload}
        if entry["type"] == "passport":
            facts.setdefault("passports", set()).add(entry["objects"].get("passport"))
        if "choice" in payload:
            facts["decisions"].append((payload["choice"], payload.get("reason")))
        facts["erased"] = facts["erased"] or entry["type"] == "erased"
    wrong = [f"{each.id}: {name}" for each in _compared(session) for name in _differing(session, each, told.get(each.id, {}))]
    passports = session.scalars(sa.select(PassportRow).order_by(PassportRow.id))
    wrong += [f"{p.document_id}: passport" for p in passports if body_hash(p.body) not in told.get(p.document_id, {}).get("passports", ())]
    differ = "; ".join(wrong[:20])
    return Audited(
        "facts",
        not wrong,
        differ or "verdicts, pages, marques, décisions, passeports et valeurs lues sont ceux des écritures",
        differ or "verdicts, pages, marks, decisions, passports and read values are those of the entries",
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """What the records say of one document, as far as entries tell it, too."""

    id: str
    state: State
    kind: str | None
    verdict: str | None
    paper_stays: bool
    confidential: bool
    rasters: list[str | None]
    read: dict[str, str | None]
    said: dict[str, str | None]
    decisions: list[tuple[str, str]]


def _compared(session: Session) -> Iterator[Compared]:
    """Every document; plain columns of hundreds at once, for a house may have a hundred thousand."""
    query = sa.select(
        Document.id, Document.state, Document.document_type, Document.verdict, Document.paper_stays, Document.confidential
    ).order_by(Document.id)
    for part in session.execute(query.execution_options(yield_per=_AT_ONCE)).partitions():
        ids = [row.id for row in part]
        pages: dict[str, list[str | None]] = {each: [] for each in ids}
        found = sa.select(PageRow.document_id, PageRow.raster).where(PageRow.document_id.in_(ids), PageRow.superseded == 0)
        for document, raster in session.execute(found.order_by(PageRow.number)):
            pages[document].append(raster)
        read: dict[str, dict[str, str | None]] = {each: {} for each in ids}
        said: dict[str, dict[str, str | None]] = {each: {} for each in ids}
        values = sa.select(FieldRow.document_id, FieldRow.source, FieldRow.name, FieldRow.value).where(FieldRow.document_id.in_(ids))
        for document, source, name, value in session.execute(values.order_by(FieldRow.id)):
            if source in OF_THE_PAGE:
                read[document][name] = value
            elif source == "person":
                said[document][name] = value
        choices: dict[str, list[tuple[str, str]]] = {each: [] for each in ids}
        taken = sa.select(Decision.document_id, Decision.choice, Decision.reason).where(Decision.document_id.in_(ids))
        for document, choice, reason in session.execute(taken.order_by(Decision.id)):
            choices[document].append((choice, reason))
        for row in part:
            beside = (pages[row.id], read[row.id], said[row.id], choices[row.id])
            yield Compared(row.id, row.state, row.document_type, row.verdict, row.paper_stays, row.confidential, *beside)


def _differing(session: Session, document: Compared, told: dict[str, Any]) -> Iterator[str]:
    """Names of what a document's rows say otherwise than its entries; what no entry tells is not compared."""
    if told.get("erased") or document.state == State.ERASED:
        yield from _left_over(session.get_one(Document, document.id), bool(told.get("erased")))
        return
    now = {
        "verdict": document.verdict,
        "rasters": rasters_hash(document.rasters),
        "paper_stays": document.paper_stays,
        "fields": fields_hash(document.read),
        "said": fields_hash(document.said),
        "decisions": document.decisions,
        "confidential": document.confidential,
    }
    if document.state != State.RECEIVED:
        # A separator's word counts at once, and is told when the document is judged.
        now["kind"] = document.kind
    yield from (name for name, value in now.items() if name in told and told[name] != value)


def _left_over(document: Document, told: bool) -> Iterator[str]:
    """An erased document has its entry, and nothing but its number."""
    if not told or document.state != State.ERASED:
        yield "erased"
    rows = (document.pages, document.fields, document.findings, document.archives, document.readings, document.decisions)
    if any(rows) or document.title != ERASED_TITLE:
        yield "left over"


_DUTIES = ("hold", "mandate", "retention")
"""Entries about what keeps documents, and what may be sealed."""


def _same_duties(session: Session) -> Audited:
    """Legal holds, mandates and what persons say of terms against their entries: what was lifted by hand has none."""
    told = _told_duties(session)
    counts = {"hold": 0, "mandate": 0}
    wrong = list[str]()
    for kind, rows in (("hold", session.scalars(sa.select(Hold))), ("mandate", session.scalars(sa.select(Mandate)))):
        for row in rows:
            counts[kind] += 1
            if not _same_duty(row, told[kind].pop((row.entity, str(row.id)), [])):
                wrong.append(f"{kind} {row.id}")
        wrong += [f"{kind} {number}" for _, number in told[kind]]
    terms = sa.select(RetentionRow, Document.entity).join(Document, Document.id == RetentionRow.document_id)
    for term, entity in session.execute(terms.execution_options(yield_per=_AT_ONCE)):
        if not _same_term(term, told["retention"].get((entity, term.document_id), [])):
            wrong.append(f"retention {term.document_id}")
    if wrong:
        named = "; ".join(wrong[:_TOLD])
        french = f"gel, mandat ou durée de conservation autre que ce que disent les écritures (levé, changé ou ajouté sans elles) : {named}"
        return Audited("duties", False, french, f"hold, mandate or term other than the entries say (lifted, changed or added): {named}")
    french = (
        f"{_french(counts['hold'], 'gel')}, {_french(counts['mandate'], 'mandat')} et les durées de conservation sont ceux des écritures"
    )
    english = f"{_english(counts['hold'], 'hold')}, {_english(counts['mandate'], 'mandate')} and the terms are those of the entries"
    return Audited("duties", True, french, english)


Told = tuple[dict[str, Any], dict[str, Any] | None]
"""An entry and its payload; None where that was erased."""


def _told_duties(session: Session) -> dict[str, dict[tuple[str, str], list[Told]]]:
    """By type, then entity and number (of a term its document): the entries, in order."""
    told: dict[str, dict[tuple[str, str], list[Told]]] = {kind: {} for kind in _DUTIES}
    for entry in list(_entries_of(session, *_DUTIES)):
        beside = (LedgerPayload.entity == entry["entity"], LedgerPayload.sequence == entry["sequence"])
        body = session.scalar(sa.select(LedgerPayload.body).where(*beside))
        name = entry["objects"].get("document" if entry["type"] == "retention" else entry["type"], "")
        payload = None if body is None else json.loads(body)
        told[entry["type"]].setdefault((entry["entity"], name), []).append((entry, payload))
    return told


def _same_duty(row: Hold | Mandate, told: Sequence[Told]) -> bool:
    """The first entry says what was placed or recorded, a second one that it ended; there are no others."""
    if isinstance(row, Hold):
        begun, ended = (row.placed_at, row.actor), (row.lifted_at, row.lifted_by, row.lifted_reason)
    else:
        begun, ended = (row.recorded_at, row.recorded_by), (row.revoked_at, row.revoked_by, row.revoked_reason)
    if len(told) != (1 if ended[0] is None else 2) or not _by(told[0], *begun):
        return False
    names = ("scope", "value", "reason", "starts", "ends") if isinstance(row, Hold) else ("scope", "third_party", "starts", "ends")
    first, payload = told[0]
    same = payload is None or all(payload.get(name) == getattr(row, name) for name in names)
    if isinstance(row, Mandate):
        same = same and first["objects"].get("original") == row.sha256
    if ended[0] is None:
        return same
    last = told[1][1]
    return same and _by(told[1], ended[0], ended[1]) and (last is None or last.get("reason") == ended[2])


def _by(told: Told, at: datetime, actor: str | None) -> bool:
    """Whether the entry is of this person and moment."""
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return (told[0]["at"], told[0]["actor"]["pseudonym"]) == (moment, actor)


def _same_term(row: RetentionRow, told: Sequence[Told]) -> bool:
    """What a person said last of an asset and the last operation; and no day before the latest of its own reasons."""
    payload = told[-1][1] if told else {"asset": False, "last_operation": None}
    said = payload is None or (payload["asset"], payload["last_operation"]) == (row.asset, row.last_operation)
    latest = max((str(each["until"]) for each in row.components if each.get("until")), default="")
    return said and latest <= (row.until or "")


_CONDITIONS = {Condition.DAMAGED: "abîmé", Condition.MISSING: "absent"}
_TELLS = {
    "received": ("document", "original"),
    "mail": ("original",),
    "mandate": ("original",),
    "formed": ("document",),
    "sealed": ("archive",),
    "renewed": ("archive",),
    "signed": ("archive",),
}
"""Type of entry → what comes into being with it."""


def _with_document(objects: dict[str, str]) -> str:
    """An archive and whose it is, for it must not become another document's."""
    return f"{objects.get('archive')} of {objects.get('document')}"


def _kept(name: str, files: list[tuple[str, str]], verify: Callable[[str, str], Condition]) -> Audited:
    bad = [(sha, condition) for sha, suffix in files if (condition := verify(sha, suffix)) is not Condition.SOUND]
    if not bad:
        french = f"{_french(len(files), 'fichier relu', 'fichiers relus')}, chacun a son empreinte"
        return Audited(name, True, french, f"{_english(len(files), 'file')} read again, each has its fingerprint")
    french = " ; ".join(f"{sha} : {_CONDITIONS[condition]}" for sha, condition in bad[:20])
    return Audited(name, False, french, "; ".join(f"{sha}: {condition}" for sha, condition in bad[:20]))


def _witnesses(session: Session, workstation: Workstation, trees: dict[str, Tree]) -> Audited:
    """Each sealed, timestamped file carries the head of the log at its time: a log rewritten since does not match it."""
    rows = session.execute(sa.select(Archive.sha256, Document.entity).join(Document)).all()
    for sha256, entity in rows:
        carried = _carried_head(workstation.archives.path(sha256, ".pdf"))
        if carried is None:
            french = f"{sha256} ne se lit pas : la tête qu'il porte est inconnue"
            return Audited("witnesses", False, french, f"{sha256} cannot be read, so the head that it carries is not known")
        size, root = carried
        head = head_at(session, entity, size) if size else Tree().root
        if size > trees.get(entity, Tree()).size or head is None or head.hex() != root:
            french = f"{sha256} porte, à la taille {size}, une tête que le journal n'a pas"
            return Audited("witnesses", False, french, f"{sha256} carries a head at size {size} that the log does not have")
    french = f"{_french(len(rows), 'fichier scellé porte', 'fichiers scellés portent')} une tête qui est du journal"
    return Audited("witnesses", True, french, f"the head inside {_english(len(rows), 'sealed file')} is one of the log")


def _checkpoints(session: Session, workstation: Workstation) -> Audited:
    """Each checkpoint is signed by its log's key and says a tree that the log had; so do its links; its timestamp is its own."""
    names = known_entities(session, workstation.settings)
    wrong = [each for entity in names for each in broken_checkpoints(session, workstation.settings, entity)]
    if wrong:
        told = "; ".join(wrong[:20])
        return Audited("checkpoints", False, f"points de contrôle que le journal n'a pas : {told}", f"not checkpoints of this log: {told}")
    count = session.scalar(sa.select(sa.func.count()).select_from(CheckpointRow)) or 0
    bare = session.scalar(sa.select(sa.func.count()).select_from(CheckpointRow).where(CheckpointRow.token.is_(None))) or 0
    return Audited(
        "checkpoints",
        True,
        f"{_french(count, 'point de contrôle signé', 'points de contrôle signés')}, dont {bare} sans horodatage ; le journal continue",
        f"{_english(count, 'signed checkpoint')}, {bare} of them without a timestamp; the log continues",
    )


def _outside(session: Session, workstation: Workstation) -> Audited:
    """What witnesses keep is what the log was; who they are, and what they have not got yet."""
    settings = workstation.settings
    names = known_entities(session, settings)
    wrong = [
        TreeContradicted(each, tree_of(session, each).size, claims) for each in names if (claims := outside_claims(session, settings, each))
    ]
    if wrong:
        return Audited("outside", False, " ".join(each.words("fr") for each in wrong), " ".join(each.words("en") for each in wrong))
    kept = [(each, told) for each in names for told in outside_of(session, settings, each)]
    if not kept:
        french = "personne hors de ce poste ne garde de point de contrôle : qui l'administre peut tout réécrire ([ledger])"
        return Audited("outside", True, french, _NOBODY, bare=True)
    told = "; ".join(f"{entity} → {each.witness}: {each.size if each.at else each.trouble or '–'}" for entity, each in kept)
    return Audited("outside", True, f"les témoins gardent : {told}", f"witnesses keep: {told}")


_NOBODY = "nobody outside keeps a checkpoint: whoever administers this machine can rewrite it all"


def _carried_head(path: Path) -> tuple[int, str] | None:
    """Size and root of the log as the file has seen it; None where it can no longer be read."""
    try:
        with pikepdf.open(path) as pdf:
            head = json.loads(pdf.attachments[FILE_NAME].get_file().read_bytes())["ledger"]
        return int(head["size"]), str(head["root"])
    except (OSError, pikepdf.PdfError, KeyError, ValueError):
        return None
