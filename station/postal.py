"""Letters on paper: the print queue, registered letters handed to a provider, and the proofs that come back, each sealed."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from sealing.ledger import Event
from sealing.pdfa import Attachment, Relation
from station.acts import actor_of
from station.dunning import MOST_REASON, NotPossible, objects_of
from station.formal import Head, KeptPaper, dropped_unless_noted, keep_paper
from station.letters_out import proof_paper
from station.records import dunning as records
from station.records.ledger import append_event, tree_of
from station.records.tables import Person, Sending
from station.workstation import Workstation
from workflow.dunning import Channel

RECEIPTS = ("delivered", "refused", "unclaimed", "returned")
"""What became of a registered letter."""
MOST_PROOF = 10 << 20
"""Bytes of a provider's file."""
KINDS = {b"%PDF-": ("application/pdf", ".pdf"), b"\x89PNG": ("image/png", ".png"), b"\xff\xd8\xff": ("image/jpeg", ".jpg")}
"""What a proof may be, by its first bytes."""
COLUMNS = ("fichier", "sha256", "reference", "facture", "destinataire", "ligne1", "ligne2", "ligne3", "ligne4", "ligne5", "accuse")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a person notes of a registered letter, with the provider's file where there is one."""

    day: date
    tracking: str = ""
    receipt: str = ""
    """One of RECEIPTS; empty of a deposit."""
    name: str = ""
    content: bytes = b""


def letter_bytes(workstation: Workstation, sending: Sending) -> bytes:
    """The sealed PDF. Raises NotPossible where there is none, OSError."""
    if sending.sha256 is None:
        raise NotPossible("letter")
    return workstation.archives.path(sending.sha256, ".pdf").read_bytes()


def mark_printed(session: Session, workstation: Workstation, numbers: Sequence[int], person: Person) -> int:
    """A person printed these letters and gave them to the post; how many. Raises NotPossible."""
    found = [_queued(session, workstation, number, Channel.LETTER) for number in dict.fromkeys(numbers)]
    if not found:
        raise NotPossible("none")
    for sending in found:
        _put_state(session, sending, records.PRINTED, person)
        _enter(session, workstation, sending, "printed", person, {})
    return len(found)


def export_registered(session: Session, workstation: Workstation, numbers: Sequence[int], person: Person) -> bytes:
    """A ZIP for the provider: one line per letter in `recommandes.csv` and its sealed PDF. The same letters give the same bytes.

    Raises NotPossible, OSError.
    """
    found = [_queued(session, workstation, number, Channel.REGISTERED) for number in dict.fromkeys(numbers)]
    if not found:
        raise NotPossible("none")
    made = zip_of(workstation, found)
    digest = hashlib.sha256(made).hexdigest()
    for sending in found:
        _put_state(session, sending, records.EXPORTED, person)
        _enter(session, workstation, sending, "exported", person, {"package": digest})
    return made


def _put_state(session: Session, sending: Sending, state: str, person: Person) -> None:
    """Of a letter, with every invoice that it lists."""
    for each in records.members_of(session, sending):
        each.state, each.actor = state, person.pseudonym


def zip_of(workstation: Workstation, letters: Sequence[Sending]) -> bytes:
    """Raises NotPossible, OSError."""
    table = io.StringIO()
    lines = csv.writer(table, delimiter=";")
    lines.writerow(COLUMNS)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for sending in sorted(letters, key=lambda each: each.id):
            name = f"lettre-{sending.agenda_id}-{sending.revision}.pdf"
            address = sending.recipient.splitlines()
            reference, spare = f"{sending.agenda_id}.{sending.revision}", [""] * (6 - len(address))
            row = [name, sending.sha256 or "", reference, sending.subject, *address, *spare]
            lines.writerow([_harmless(cell) for cell in (*row[:10], "oui")])
            _put(archive, name, letter_bytes(workstation, sending))
        _put(archive, "recommandes.csv", table.getvalue().encode("utf-8-sig"))
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is text."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def note_deposit(workstation: Workstation, number: int, proof: Proof, person: Person) -> None:
    """The provider took the letter: its number, its day and its proof, sealed. Raises NotPossible, and what `keep_paper` raises."""
    if not proof.tracking.strip():
        raise NotPossible("tracking")
    _note_proof(workstation, number, proof, person, "deposit", (records.EXPORTED, records.QUEUED))


def note_receipt(workstation: Workstation, number: int, proof: Proof, person: Person) -> None:
    """What became of the letter, sealed. Raises NotPossible, and what `keep_paper` raises."""
    if proof.receipt not in RECEIPTS:
        raise NotPossible("receipt")
    _note_proof(workstation, number, proof, person, "receipt", (records.DEPOSITED,))


def _note_proof(workstation: Workstation, number: int, proof: Proof, person: Person, what: str, states: tuple[str, ...]) -> None:
    entity, now = workstation.settings.entity, workstation.clock()
    attached = _attached(proof)
    if proof.day > now.date():
        raise NotPossible("day")
    with workstation.database.reading() as session:
        sending = _registered(session, entity, number, states)
        told = {
            "what": what, "day": proof.day.isoformat(), "tracking": proof.tracking.strip()[:40] or sending.tracking,
            "receipt": proof.receipt, "letter": sending.sha256 or "", "by": person.pseudonym,
            "file_name": attached.name if attached else "",
            "file": hashlib.sha256(proof.content).hexdigest() if attached else "",
        }  # fmt: skip
        paper = proof_paper(sending, entity, told, attached, now)
        head = Head(entity, tree_of(session, entity))
    kept = keep_paper(workstation, paper, head)
    with dropped_unless_noted(workstation, kept), workstation.database.writing() as session:
        sending = _registered(session, entity, number, states)
        for each in records.members_of(session, sending):
            _keep_proof(each, proof, what, kept)
        _enter(session, workstation, sending, what, person, told, kept)


def _keep_proof(sending: Sending, proof: Proof, what: str, kept: KeptPaper) -> None:
    if what == "deposit":
        sending.state, sending.tracking = records.DEPOSITED, proof.tracking.strip()[:40]
        sending.deposited_on, sending.deposit_sha256 = proof.day.isoformat(), kept.sha256
    else:
        sending.state, sending.receipt = records.RECEIVED, proof.receipt
        sending.received_on, sending.receipt_sha256 = proof.day.isoformat(), kept.sha256


def _attached(proof: Proof) -> Attachment | None:
    """Raises NotPossible for a file that is too large, or neither PDF nor image."""
    if not proof.content:
        return None
    if len(proof.content) > MOST_PROOF:
        raise NotPossible("size")
    kind = next((told for first, told in KINDS.items() if proof.content.startswith(first)), None)
    if kind is None:
        raise NotPossible("kind")
    return Attachment(f"preuve{kind[1]}", proof.content, kind[0], Relation.SUPPLEMENT, proof.name.strip()[:120] or "Preuve du prestataire")


def _queued(session: Session, workstation: Workstation, number: int, channel: Channel) -> Sending:
    sending = records.get_sending(session, workstation.settings.entity, number)
    if sending is None or sending.channel != channel or sending.state != records.QUEUED:
        raise NotPossible("state")
    return sending


def _registered(session: Session, entity: str, number: int, states: tuple[str, ...]) -> Sending:
    sending = records.get_sending(session, entity, number)
    if sending is None or sending.channel != Channel.REGISTERED or sending.state not in states:
        raise NotPossible("state")
    return sending


def _enter(
    session: Session,
    workstation: Workstation,
    sending: Sending,
    act: str,
    person: Person,
    told: dict[str, str],
    kept: KeptPaper | None = None,
) -> None:
    objects = objects_of(records.members_of(session, sending)) | {"letter": sending.sha256 or ""} | ({"proof": kept.sha256} if kept else {})
    payload = {"act": act, "level": sending.level, "sending": sending.id, "note": sending.note[:MOST_REASON], **told}
    append_event(session, Event(sending.entity, "reminder", objects, actor_of(person), workstation.clock(), "system", payload))
