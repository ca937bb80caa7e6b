"""What attempts leave behind that nobody goes on with: their files, and what they put into the archive and no record names.

Never is dropped what a record names, or what somebody may be about to note: rather something stays for a while.
"""

import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from capture.stores import StillLocked
from station.records import documents
from station.records.scope import lifted
from station.records.tables import OPEN_STATES, Document
from station.versions import is_archived
from station.workstation import Workstation

log = logging.getLogger("sceau.leftovers")
LEFT_SECONDS = 3600.0
"""So long nothing was written into a folder of work, and nobody began there, then it may be left over."""
ADDED = {"renew": "renewed.pdf", "sign": "signed.pdf"}
"""What begins the name of the folder of a renewal or signature, and the file in it that may be kept already and noted nowhere."""
LATE = "late-"
"""What begins the name of the folder of a late reading; its number follows."""
LEFT = "left-"
"""What begins the name of the folder of a renewal or signature once it is taken away from whoever would begin there again."""


def clear_leftovers(workstation: Workstation, moment: float | None = None) -> int:
    """Files of attempts in this home that were started over elsewhere, or ended, go, with what they sealed and no record names.

    A dead or paused worker could not tidy up. `moment`: seconds of the system's clock, now unless told. Returns how many attempts.
    """
    before = (time.time() if moment is None else moment) - LEFT_SECONDS
    folders = [path for path in (workstation.home / "work").glob("*/*") if _is_ours(path.name) and path.is_dir()]
    gone = 0
    for folder in folders:
        with suppress(FileNotFoundError):
            left = _left_in(workstation, folder, before) if folder.stat().st_mtime < before else None
            if left is not None and clear_attempt(workstation, left):
                gone += 1
                with suppress(OSError):
                    folder.parent.rmdir()
    return gone


def clear_attempt(workstation: Workstation, folder: Path) -> bool:
    """An attempt that nobody goes on with leaves nothing: what it sealed and no record names goes first, then its folder. Never raises.

    False: the store does not let that go, or store or records do not answer: what tells what to drop stays for `clear_leftovers`.
    """
    try:
        sha256 = _sealed_in(folder)
        if sha256 is None or _drop_orphan(workstation, folder, sha256):
            shutil.rmtree(folder, ignore_errors=True)
            return True
        _keep_proof(folder, sha256)
    except Exception as error:  # noqa: BLE001 the outcome stands in the records: whatever meets who tidies up is no trouble of the document's
        log.warning("%s: what it sealed is dropped later: %s", folder, error)
    return False


def begin_folder(folder: Path) -> None:
    """To be called by who renews or signs: what is in there is theirs from here on, however long ago it was written. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)


def _is_ours(name: str) -> bool:
    return name.removeprefix(LATE).isdecimal() or name.startswith(LEFT) or name.partition("-")[0] in ADDED


def _left_in(workstation: Workstation, folder: Path, before: float) -> Path | None:
    """Where lies what nobody goes on with; None where somebody does, or may."""
    if folder.name.startswith(LEFT):
        return folder
    if folder.name.partition("-")[0] in ADDED:
        # Who renews or signs begins again, and takes what is whole in here. Taken away first: who comes now finds nothing, and who came
        # since we looked has touched it, notes what was kept or fails, and it is looked at again in an hour.
        taken = _take_away(folder)
        return taken if taken.stat().st_mtime < before else None
    with workstation.database.reading() as session, lifted(session):
        document = session.get(Document, folder.parent.name)
        return folder if document is None or not _is_awaited(document, folder.name) else None


def _take_away(folder: Path) -> Path:
    return folder.rename(folder.with_name(f"{LEFT}{secrets.token_hex(4)}-{folder.name}"))


def _is_awaited(document: Document, name: str) -> bool:
    """Whether the attempt that works in a folder of this name, or one after it, is still to end."""
    if name.startswith(LATE):
        return document.problem == documents.READING_LATE and document.tries <= int(name.removeprefix(LATE))
    return document.state in OPEN_STATES and document.attempt <= int(name)


def _sealed_in(folder: Path) -> str | None:
    """SHA-256 of what was put into the archive from here, or may have been; None where nothing was."""
    told = _proof_in(folder)
    if told.get("valid"):
        return str(told["sha256"])
    return next((_sha256_of(folder / name) for name in ADDED.values() if (folder / name).is_file()), None)


def _proof_in(folder: Path) -> dict[str, Any]:
    """What was proved here; nothing where it is not to be read, for what is sealed is kept after its proof is written."""
    proof = folder / "proof.json"
    try:
        told = json.loads(proof.read_bytes()) if proof.exists() else {}
    except ValueError:
        log.warning("%s: cannot be read; what it told of was not kept", proof)
        return {}
    return told if isinstance(told, dict) else {}


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _drop_orphan(workstation: Workstation, folder: Path, sha256: str) -> bool:
    """Whether no file of this name lies in the archive without its row; False: the store does not let it go yet."""
    if is_archived(workstation, sha256):
        return True
    try:
        workstation.archives.drop(sha256, ".pdf")
    except StillLocked as error:
        log.info("%s: kept by the store for now: %s", folder, error)
        return False
    return True


def _keep_proof(folder: Path, sha256: str) -> None:
    """Of what is dropped later only its name is needed, not what it was made from; asked again in an hour."""
    if folder.name.partition("-")[0] in ADDED:
        folder = _take_away(folder)  # Who begins there again tells of a file of its own.
    proof = folder / "proof.json"
    if not proof.exists():
        proof.write_text(json.dumps({"valid": True, "sha256": sha256}), encoding="utf-8")
    for path in folder.iterdir():
        if path != proof:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    os.utime(folder)
