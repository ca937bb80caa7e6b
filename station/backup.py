"""A backup: everything that an installation would need on another machine, taken while it works, in a form that needs no Sceau to be read.

Rows are those of one moment (one read transaction); the files that these rows name are copied after it, for their names are their content.
"""

import base64
import fcntl
import importlib.metadata
import io
import json
import logging
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256 as hash_of
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy.orm import Session

from config.settings import Settings
from sealing.ledger import Actor, ActorKind, Event
from station.checkpoints import checkpoint_now, log_vkey, newest_checkpoint
from station.contradiction import TreeContradicted
from station.copies import COMPLETE, FORMAT, HEAD, MANIFEST, RUNS, FolderSink, Line, Sink, busy_file, tar_sink
from station.derived import shared_readings
from station.problems import problem_of
from station.records.ledger import append_event, entities, tree_of
from station.records.tables import BackupRun
from station.rows import kept_tables, schema_of, snapshot_of, spooled_rows
from station.slots import SlotTaken, hold_slot, is_held
from station.workstation import Workstation

log = logging.getLogger("sceau.backup")
PASSPHRASE_VARIABLE = "SCEAU_BACKUP_PASSPHRASE"  # noqa: S105 its name
SHORTEST_PASSPHRASE = 12
LONGEST_ELSEWHERE = timedelta(days=2)
SEALED_KEYS = "keys.sealed"
SCRYPT = {"n": 1 << 17, "r": 8, "p": 1}
"""RFC 7914; 128 MiB for each guess (OWASP's first choice of parameters)."""
ENTRY = "backup"
SYSTEM = Actor("system", ActorKind.SYSTEM)
Tell: TypeAlias = Callable[[int, int], None]
"""Files done, of how many."""
NAMED: tuple[tuple[str, str, str], ...] = (
    ("original", "sha256", "originals"),
    ("archive", "sha256", "archive"),
    ("dossier", "sha256", "archive"),
    ("destruction_slip", "sha256", "archive"),
    ("sending", "sha256", "archive"),
    ("sending", "deposit_sha256", "archive"),
    ("sending", "receipt_sha256", "archive"),
    ("backup_run", "sha256", "archive"),
)
"""Columns that name kept files: table, column, vault."""
SUFFIXES = {"originals": "", "archive": ".pdf"}
NOT_COPIED = frozenset(
    {
        *("originals", "archive", "keys", "work", "light", "tiles", "exports", "imports", "lookups", "slots", "essai", "stations"),
        *("witness-memory", "before-upgrade", "restore-drill", "fetched", "store.json"),
    }
)
"""Rooms of SCEAU_HOME that are copied otherwise, or are made anew, or are not this installation's to keep."""


class NoPassphrase(Exception):
    """Keys were asked for, and no passphrase of twelve signs or more was given; nothing was written."""


class WrongPassphrase(Exception):
    """It does not open the keys of this backup."""


@dataclass(slots=True)
class Made:
    """What a backup holds."""

    place: str
    schema: str
    made_at: str
    """UTC: the moment of the rows."""
    logs: dict[str, int]
    """Legal entity → entries of its ledger."""
    tables: int = 0
    rows: int = 0
    files: int = 0
    """Kept originals and archives."""
    originals: int = 0
    """Of them, what documents were made of: archives are also papers of the station's own, such as reports of rehearsals."""
    copied: int = 0
    """Of them, those that did not lie in the folder already."""
    others: int = 0
    bytes: int = 0
    """Of all that it holds, also of what was there before."""
    keys: str = "left"
    """left or sealed; keys of tokens and services are named in `backup.json`."""
    erased: int = 0
    """Files erased while it was made."""
    bad: list[str] = field(default_factory=list)
    """Files that were missing or damaged in the store already."""
    bad_count: int = 0

    @property
    def whole(self) -> bool:
        return not self.bad_count

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def back_up(workstation: Workstation, target: Path, *, keys: str | None = None, tell: Tell | None = None) -> Made:
    """Into a folder of backups that is there (or a new one where `target` does not end in `.tar`), or into a tar.

    `keys`: the passphrase under which keys go along; None: they stay here. Raises NoPassphrase, FileExistsError, OSError.
    """
    if keys is not None and len(keys) < SHORTEST_PASSPHRASE:
        raise NoPassphrase
    now = workstation.clock()
    _tended(workstation)
    if target.suffix == ".tar" and not target.is_dir():
        if target.exists():
            raise FileExistsError(17, os.strerror(17), str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        with tar_sink(target, int(now.timestamp())) as sink:
            return _write(workstation, sink, str(target), keys, tell)
    with folder_sink(target, now) as folder:
        return _write(workstation, folder, str(folder.run), keys, tell)


@contextmanager
def folder_sink(place: Path, now: datetime) -> Iterator[FolderSink]:
    """What broke off stays without `complete.json`, and counts for nothing."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    note = place / "LISEZMOI.txt"
    if not note.exists():
        note.write_text(_README, encoding="utf-8")
    with busy_file(place).open("w") as busy:
        with suppress(OSError):  # A share that knows no locks; there nothing is ever removed.
            fcntl.flock(busy, fcntl.LOCK_SH)
        yield FolderSink(place, f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z")


def _tended(workstation: Workstation) -> None:
    """The newest entries are covered by a checkpoint, where one can be made; a backup is made in any case."""
    for entity in workstation.settings.entities:
        try:
            with workstation.database.reading() as session:
                grown = tree_of(session, entity).size > 0
            if grown:
                checkpoint_now(workstation, entity)
        except (TreeContradicted, OSError) as error:
            log.warning("no checkpoint before the backup: %s", error)


def _write(workstation: Workstation, sink: Sink, place: str, keys: str | None, tell: Tell | None) -> Made:
    with tempfile.TemporaryFile() as manifest, tempfile.TemporaryFile() as named:
        writing = _Writing(sink, cast(BinaryIO, manifest), Made(place, "", "", {}))
        with snapshot_of(workstation.database.reader) as connection:
            head = head_of(connection, workstation.settings, workstation.clock(), keys is not None)
            made = writing.made
            made.schema, made.made_at = str(head["schema"]), str(head["made_at"])
            made.logs = {entity: int(told["size"]) for entity, told in head["logs"].items()}
            made.keys = "sealed" if keys is not None else "left"
            writing.plain(HEAD, _pretty(head))
            for table in kept_tables(connection):
                with spooled_rows(connection, table) as (stream, size, count):
                    writing.stream(f"rows/{table.name}.jsonl", cast(BinaryIO, stream), size)
                made.tables, made.rows = made.tables + 1, made.rows + count
            total = _name_files(connection, cast(BinaryIO, named))
        for name, path in other_files(workstation.settings):
            writing.file(name, path)
        if keys is not None:
            writing.plain(SEALED_KEYS, seal_keys(_key_files(workstation.settings.home), keys))
        named.seek(0)
        for done, line in enumerate(named, 1):
            folder, sha256 = line.decode().split()
            writing.kept(workstation, folder, sha256)
            if tell is not None:
                tell(done, total)
        writing.finish()
        return made


@dataclass(slots=True)
class _Writing:
    """One backup on its way."""

    sink: Sink
    manifest: BinaryIO
    made: Made

    def plain(self, path: str, content: bytes) -> None:
        self.stream(path, io.BytesIO(content), len(content))

    def stream(self, path: str, source: BinaryIO, size: int) -> None:
        self._note(self.sink.put(path, source, size))

    def file(self, name: str, path: Path) -> None:
        """A file of the house, read at once; one that was removed at this moment is left."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        self.plain(name, content)
        self.made.others += 1

    def kept(self, workstation: Workstation, folder: str, sha256: str) -> None:
        vault, suffix = vault_of(workstation, folder), SUFFIXES[folder]
        path = f"{folder}/{sha256}{suffix}"
        self.made.files += 1
        self.made.originals += folder == "originals"
        if (there := self.sink.has(sha256)) is not None:
            self._note(Line(path, sha256, there))
            return
        try:
            with vault.open(sha256, suffix) as source:
                source.seek(0, os.SEEK_END)
                size = source.tell()
                source.seek(0)
                line = self.sink.put(path, source, size)
        except FileNotFoundError:
            self._missing(workstation, path, folder, sha256)
            return
        self.made.copied += 1
        self._note(line)
        if line.sha256 != sha256:
            self._bad(path)

    def _missing(self, workstation: Workstation, path: str, folder: str, sha256: str) -> None:
        """What the rows no longer name was erased since the moment of the backup; anything else is missing."""
        with workstation.database.reading() as session:
            lost = is_named(session.connection(), folder, sha256)
        self._note(Line(path, sha256, 0, "missing" if lost else "erased"))
        if lost:
            self._bad(path)
        else:
            self.made.erased += 1

    def _bad(self, path: str) -> None:
        self.made.bad_count += 1
        self.made.bad = [*self.made.bad, path][:20]

    def _note(self, line: Line) -> None:
        self.made.bytes += line.size
        self.manifest.write(line.as_json())

    def finish(self) -> None:
        self.manifest.seek(0)
        digest = hash_of()
        while part := self.manifest.read(1 << 20):
            digest.update(part)
        size = self.manifest.tell()
        self.manifest.seek(0)
        self.sink.finish(MANIFEST, self.manifest, size)
        told = {"manifest": digest.hexdigest(), **{k: v for k, v in self.made.as_json().items() if k != "place"}}
        content = _pretty(told)
        self.sink.finish(COMPLETE, io.BytesIO(content), len(content))


def vault_of(workstation: Workstation, folder: str) -> Any:
    """The store behind `originals/` or `archive/`."""
    return workstation.originals if folder == "originals" else workstation.archives


# --- what goes along ---


def head_of(connection: sa.Connection, settings: Settings, now: datetime, with_keys: bool) -> dict[str, Any]:
    """`backup.json`: who, when, which version, and where each ledger stands, with its newest checkpoint and the key that signed it."""
    logs = {}
    with Session(connection) as session:
        for entity in entities(session):
            tree, newest = tree_of(session, entity), newest_checkpoint(session, entity)
            logs[entity] = {
                "size": tree.size,
                "root": tree.root.hex(),
                "key": log_vkey(settings, entity).vkey,
                "checkpoint": newest.note if newest else None,
                "token": base64.b64encode(newest.token).decode() if newest and newest.token else None,
            }
    return {
        "format": FORMAT,
        "made_at": now.isoformat(),
        "version": importlib.metadata.version("sceau"),
        "schema": schema_of(connection),
        "database": connection.dialect.name,
        "entity": settings.entity,
        "practice": settings.sealing.mode == "practice",
        "logs": logs,
        "keys": {"file": SEALED_KEYS if with_keys else None, "elsewhere": _keys_elsewhere(settings)},
    }


def _keys_elsewhere(settings: Settings) -> list[dict[str, str]]:
    """Keys that no copy holds, by where they are."""
    sealing = settings.sealing
    if sealing.mode == "practice" or sealing.source == "pkcs12":
        return []
    if sealing.source == "pkcs11":
        return [{"source": "pkcs11", "module": sealing.module, "token": sealing.token, "key": sealing.key}]
    return [{"source": "csc", "service": sealing.service_url, "credential": sealing.credential}]


def _name_files(connection: sa.Connection, target: BinaryIO) -> int:
    """A line for each kept file that these rows name; returns how many."""
    count = 0
    inspector = sa.inspect(connection)
    for folder in SUFFIXES:
        queries: list[sa.Select[Any]] = [
            sa.select(sa.column(column)).select_from(sa.table(table)).where(sa.column(column).is_not(None))
            for table, column, where in NAMED
            if where == folder and inspector.has_table(table)
        ]
        for (sha256,) in connection.execute(sa.union(*queries).execution_options(yield_per=1000)):
            target.write(f"{folder} {sha256}\n".encode())
            count += 1
    return count


def is_named(connection: sa.Connection, folder: str, sha256: str) -> bool:
    """Whether a row names this file now."""
    return any(
        connection.scalar(sa.select(sa.literal(1)).select_from(sa.table(table)).where(sa.column(column) == sha256).limit(1))
        for table, column, where in NAMED
        if where == folder
    )


def other_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Settings and what they name, readings, certificates, trust; of keys what is public. Name in the backup, and where it lies."""
    home = settings.home
    kept_away = {settings.folder_of(station).resolve() for station in settings.stations}
    kept_away |= {(home / named).resolve() for named in (settings.ledger.folder, settings.backup.folder) if named}
    for path in sorted(home.iterdir()) if home.is_dir() else ():
        if path.is_symlink() or path.name in NOT_COPIED or path.name.startswith((".", "sceau.db", "engine.db")):
            continue
        yield from ((f"home/{each.relative_to(home)}", each) for each in _files_under(path, kept_away))
    # Of a store that several machines share; those in this home went by above.
    yield from ((f"home/{name}", path) for name, path in shared_readings(settings))
    for path in _files_under(home / "keys", set()):
        if is_public(path.read_bytes()):
            yield f"home/{path.relative_to(home)}", path


def _files_under(path: Path, kept_away: set[Path]) -> Iterator[Path]:
    if path.is_symlink() or path.resolve() in kept_away:
        return
    if path.is_file():
        yield path
    elif path.is_dir():
        for each in sorted(path.iterdir()):
            if not each.name.startswith("."):
                yield from _files_under(each, kept_away)


def is_public(content: bytes) -> bool:
    """Certificates and revocation lists in PEM, and nothing else: whatever may be a secret is none of them."""
    begins = [line for line in content.splitlines() if line.startswith(b"-----BEGIN ")]
    return bool(begins) and all(line in (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN X509 CRL-----") for line in begins)


# --- keys ---


def _key_files(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in _files_under(home / "keys", set())}


def seal_keys(files: Mapping[str, bytes], passphrase: str, costs: Mapping[str, int] = SCRYPT) -> bytes:
    """JSON: scrypt's parameters, and the files encrypted by AES-256-GCM (NIST SP 800-38D), which vouches for the parameters too."""
    salt, nonce = os.urandom(16), os.urandom(12)
    head = {"format": "sceau-keys-1", "kdf": "scrypt", **costs, "cipher": "AES-256-GCM", "salt": salt.hex(), "nonce": nonce.hex()}
    plain = json.dumps({name: base64.b64encode(content).decode() for name, content in files.items()}).encode()
    sealed = AESGCM(_derived(passphrase, salt, costs)).encrypt(nonce, plain, _canonical(head))
    return _pretty({**head, "sealed": base64.b64encode(sealed).decode()})


def open_keys(sealed: bytes, passphrase: str) -> dict[str, bytes]:
    """Relative path → content. Raises WrongPassphrase, also of what was changed."""
    try:
        told = json.loads(sealed)
        content = base64.b64decode(told.pop("sealed"))
        costs = {name: int(told[name]) for name in SCRYPT}
        if costs["n"] > 1 << 20 or costs["r"] > 32 or costs["p"] > 16:
            raise WrongPassphrase
        key = _derived(passphrase, bytes.fromhex(told["salt"]), costs)
        plain = json.loads(AESGCM(key).decrypt(bytes.fromhex(told["nonce"]), content, _canonical(told)))
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise WrongPassphrase from error
    return {name: base64.b64decode(each) for name, each in plain.items()}


def _derived(passphrase: str, salt: bytes, costs: Mapping[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, n=costs["n"], r=costs["r"], p=costs["p"]).derive(passphrase.encode())


def _canonical(head: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(head), sort_keys=True, separators=(",", ":")).encode()


def _pretty(told: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(told), ensure_ascii=False, indent=1).encode() + b"\n"


# --- runs ---


def noted_backup(workstation: Workstation, target: Path, *, keys: str | None = None, tell: Tell | None = None, run: int = 0) -> Made:
    """`back_up`, with a row that tells of it and an entry in the ledger; raises what that raises, once the row says so.

    `run`: a row that a person asked for; raises SlotTaken where another machine took it.
    """
    end_broken(workstation)
    with begun_run(workstation, "backup", str(target), run) as number:
        try:
            made = back_up(workstation, target, keys=keys, tell=tell)
        except BaseException as error:
            figures = {"machine": platform.node(), "problem": problem_of(error).code}
            end_run(workstation, number, "failed", figures=figures, trouble=str(error) or type(error).__name__)
            raise
        end_run(workstation, number, "whole" if made.whole else "flawed", made.bytes, made.as_json(), place=made.place)
    manifest = hash_of((Path(made.place) / COMPLETE).read_bytes()).hexdigest() if Path(made.place).is_dir() else ""
    told = {"rows": made.rows, "files": made.files, "bad": made.bad_count, "logs": made.logs, "keys": made.keys}
    with workstation.database.writing() as session:
        objects = {"run": str(number), **({"complete": manifest} if manifest else {})}
        append_event(session, Event(workstation.settings.entity, ENTRY, objects, SYSTEM, workstation.clock(), "system", told))
    return made


def begin_run(workstation: Workstation, kind: str, place: str) -> int:
    with workstation.database.writing() as session:
        return _running_row(session, workstation, kind, place, 0)


@contextmanager
def begun_run(workstation: Workstation, kind: str, place: str, run: int = 0) -> Iterator[int]:
    """A row that says that it runs, a new one or one that was asked for, and its lock: from before others see the row to after its end.

    Raises SlotTaken where what was asked for is at work or done already.
    """
    with ExitStack() as held:
        with workstation.database.writing() as session:
            number = _running_row(session, workstation, kind, place, run)
            held.enter_context(held_run(workstation, number))
        yield number


def _running_row(session: Session, workstation: Workstation, kind: str, place: str, run: int) -> int:
    asked = session.get_one(BackupRun, run) if run else None
    if asked is not None and asked.outcome != "asked":
        raise SlotTaken(f"run-{run}")
    row = asked or BackupRun(kind=kind, place=place, size=0)
    row.outcome, row.started_at, row.figures = "running", workstation.clock(), {"machine": platform.node()}
    session.add(row)
    session.flush()
    return row.id


@contextmanager
def held_run(workstation: Workstation, run: int) -> Iterator[None]:
    """Around a backup or a rehearsal: a lock that the kernel takes away when its process dies, whoever started it."""
    try:
        with hold_slot(workstation.home, f"run-{run}", 1):
            yield
    finally:
        (workstation.home / "slots" / f"run-{run}-0").unlink(missing_ok=True)


def end_broken(workstation: Workstation) -> None:
    """What says that it runs and what no living process holds broke off: it is told as failed. Of another machine, after two days."""
    now = workstation.clock()
    with workstation.database.reading() as session:
        running = list(session.scalars(sa.select(BackupRun).where(BackupRun.outcome == "running")))
    for row in running:
        elsewhere = row.figures.get("machine", platform.node()) != platform.node()
        if (elsewhere and now - row.started_at < LONGEST_ELSEWHERE) or is_held(workstation.home, f"run-{row.id}-0"):
            continue
        end_run(workstation, row.id, "failed", trouble="interrompu : le processus s'est arrêté / the process ended", broken=True)


def end_run(
    workstation: Workstation,
    run: int,
    outcome: str,
    size: int = 0,
    figures: Mapping[str, Any] | None = None,
    trouble: str | None = None,
    place: str = "",
    broken: bool = False,
) -> None:
    """`broken`: nobody holds it; one that ended by itself between two looks keeps its own end."""
    with workstation.database.writing() as session:
        row = session.get_one(BackupRun, run)
        if broken and row.outcome != "running":
            return
        row.ended_at, row.outcome, row.size, row.figures, row.trouble = workstation.clock(), outcome, size, dict(figures or {}), trouble
        row.place = place or row.place


def backups_in(place: Path) -> Sequence[Path]:
    """Every backup of a folder, the youngest first; those without `complete.json` did not finish."""
    return sorted((place / RUNS).glob("*"), reverse=True)


def describe_made(made: Made, language: str) -> list[str]:
    """For people."""
    english = language == "en"
    size = f"{made.bytes / 1e6:.1f}".replace(".", "." if english else ",")
    logs = ", ".join(f"{entity} {count}" for entity, count in made.logs.items()) or "–"
    if english:
        lines = [
            f"Backup: {made.place}",
            f"{made.rows} rows of {made.tables} tables, {made.files} kept files ({made.copied} copied now), "
            f"{made.others} others, {size} MB",
            f"Ledger entries: {logs}. Keys: {'inside, encrypted' if made.keys == 'sealed' else 'not inside: keep SCEAU_HOME/keys apart'}.",
        ]
        return lines + [f"✗ missing or damaged in the store already: {each}" for each in made.bad]
    keys = "dedans, chiffrées" if made.keys == "sealed" else "absentes : gardez SCEAU_HOME/keys à part, ou ajoutez --keys"
    lines = [
        f"Sauvegarde : {made.place}",
        f"{made.rows} lignes de {made.tables} tables, {made.files} fichiers conservés (dont {made.copied} copiés cette fois), "
        f"{made.others} autres, {size} Mo",
        f"Inscriptions au registre : {logs}. Clés : {keys}.",
    ]
    return lines + [f"✗ manquait ou était abîmé dans le coffre, déjà : {each}" for each in made.bad]


_README = """Sauvegardes de Sceau / backups of Sceau

backups/<heure>/manifest.jsonl   chaque ligne : chemin, SHA-256, taille / each line: path, SHA-256, size
backups/<heure>/complete.json    écrit en dernier : sans lui la sauvegarde n'est pas terminée / written last
contents/ab/cd/<SHA-256>         les octets, une seule fois pour toutes les sauvegardes / the bytes, once for all

Restaurer / restore : sceau restore CE_DOSSIER --to NOUVEAU_SCEAU_HOME --verify
"""
