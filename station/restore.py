"""Restoration: a backup becomes an installation of its own in an empty place, and everything in it is checked before it gets its name.

It is built beside the place (`.NAME.restoring-…`) and moved there whole. What a witness has seen, a restored ledger must not take back:
it is refused, unless a person takes the loss upon themselves, by name, for good, in the ledger.
"""

import fcntl
import io
import json
import logging
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from alembic import command
from pydantic import ValidationError

from capture.originals import CHUNK, Vault
from config.secrets import write_private
from config.settings import FILE_NAME, Settings, make_folder
from sealing.checkpoint import BadNote, parse_vkey, read_checkpoint, read_note
from sealing.verify import verify_file
from station.audit import Audited, audit_ledger
from station.backup import NAMED, SEALED_KEYS, SUFFIXES, open_keys
from station.checkpoints import (
    EVERY_NOTE,
    NOTE_FILE,
    accept_contradictions,
    contradictions,
    is_signed,
    known_entities,
    known_keys,
    log_vkey_file,
    memory_file,
    newest_checkpoint,
    write_whole,
)
from station.contradiction import TreeContradicted
from station.copies import BadBackup, Opened, Raw, Readable
from station.evidence import with_ledger
from station.keyring import known_roots, known_seal_roots
from station.records import people
from station.records.database import Database, alembic_config, migrate, open_database
from station.records.ledger import tree_of
from station.records.tables import Archive
from station.rehearsal import known_schema, newest_schema
from station.rows import follow_numbers, kept_tables, read_rows
from station.witnesses import ask_witnesses
from station.workstation import Workstation, now

log = logging.getLogger("sceau.restore")
Tell: TypeAlias = Callable[[str, int], None]
"""What is done now, and how much of it."""
OF_ROWS = ("chain", "records", "payloads")
"""Checks that need no file and no key, by `Audited.name`."""
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class NotEmpty(Exception):
    """Where the backup should go something lies already; nothing was changed."""


class NotRestored(Exception):
    """The backup's settings or rows cannot be used here; nothing was put in place."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A person takes it upon themselves that entries which somebody outside has seen are not in the backup."""

    reason: str
    login: str


@dataclass(slots=True)
class Restored:
    """What came of a restoration."""

    backup: str
    made_at: str
    home: str
    schema: str
    """Of the backup."""
    migrated: bool = False
    """Whether its tables were brought to this version."""
    rows: int = 0
    files: int = 0
    originals: int = 0
    """Of the files, what documents were made of."""
    bytes: int = 0
    rows_only: bool = False
    """Of tables alone, as an upgrade keeps them on PostgreSQL: files, settings and keys stayed in the home of which they are."""
    keys: str = "absent"
    """absent or restored."""
    logs: dict[str, int] = field(default_factory=dict)
    seals: int = 0
    """Sealed files of which every check was made."""
    bad: list[str] = field(default_factory=list)
    """The first of them: files that are missing or not what their name says, seals that do not hold."""
    bad_count: int = 0
    checks: list[dict[str, Any]] = field(default_factory=list)
    """`station.audit.Audited`: name, ok, detail, english."""
    backups_went: str = ""
    """Folder of the backed-up home's own backups, by its settings; it counts no more here, and is empty where none was set."""
    lost: dict[str, int] = field(default_factory=dict)
    """Legal entity → size that somebody outside has seen, where that loss was accepted."""
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.bad_count and all(check["ok"] for check in self.checks)

    def note_bad(self, what: str) -> None:
        self.bad_count += 1
        self.bad = [*self.bad, what][:20]

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be restored, where, and how it is looked at."""

    source: Path
    home: Path
    database_url: str | None = None
    """Of an empty database; None: a file in the home."""
    passphrase: str | None = None
    seals: bool = False
    """Whether every sealed file is verified whole; hashes, rows and ledger are checked in any case."""
    loss: Loss | None = None
    witnesses: tuple[Path, ...] = ()
    """Checkpoints that somebody kept: files, or folders of them."""
    ask: bool = True
    """Whether witnesses on the network are asked what they have seen."""


def restore_backup(wish: Wish, clock: Callable[[], datetime] = now, tell: Tell | None = None) -> Restored:
    """Raises NotEmpty, BadBackup, NotRestored, WrongPassphrase, TreeContradicted, people.NoPerson, OSError: nothing is in place then."""
    begun = clock()
    opened = Opened(wish.source)
    _refuse_newer(opened.head)
    _refuse_full(wish)
    wish.home.parent.mkdir(parents=True, exist_ok=True)
    with _staged(wish.home) as stage:
        url = wish.database_url or f"sqlite:///{stage / 'sceau.db'}"
        database = open_database(url)
        try:
            done = _built(wish, opened, stage, database, clock, tell or (lambda _what, _count: None))
            database.close()
            _put_in_place(stage, wish.home)
        except BaseException:
            if wish.database_url is not None:
                _empty(database)
            raise
        finally:
            database.close()
    done.home, done.seconds = str(wish.home), round((clock() - begun).total_seconds(), 1)
    return done


def _built(wish: Wish, opened: Opened, stage: Path, database: Database, clock: Callable[[], datetime], tell: Tell) -> Restored:
    """The story of a restoration, up to where it only has to get its name."""
    head = opened.head
    done = Restored(str(opened.source), str(head["made_at"]), str(stage), str(head["schema"]), rows_only=bool(head.get("rows_only")))
    # 1. Tables as they were when the rows were written; then rows and files, in the order of the backup.
    command.upgrade(alembic_config(database.writer), done.schema)
    _load(opened, stage, database, done, wish.passphrase, tell)
    # 2. This version's tables.
    done.migrated = done.schema != newest_schema()
    migrate(database)
    # 3. The settings are of this place.
    settings = _settings_of(stage, wish.database_url, done)
    workstation = Workstation(settings, database, Vault(stage / "originals"), Vault(stage / "archive"), clock)
    public = _public_logs(workstation, head)
    # 4. What somebody outside has seen.
    _meet_witnesses(workstation, wish, done)
    # 5. Everything is held against everything.
    if not done.rows_only:
        _check_files(workstation, opened, done, tell)
    done.checks = [_told(each) for each in audit_ledger(workstation) if not done.rows_only or each.name in OF_ROWS]
    tell("audit", len(done.checks))
    if wish.seals and not done.rows_only:
        _check_seals(workstation, done, tell)
    with database.reading() as session:
        done.logs = {entity: tree_of(session, entity).size for entity in known_entities(session, settings)}
    for path in public:
        path.unlink(missing_ok=True)
    return done


# --- before ---


def _refuse_newer(head: Mapping[str, Any]) -> None:
    if not known_schema(str(head.get("schema"))):
        raise BadBackup("newer", f"{head.get('version', '')}, {head.get('schema')}")


def _refuse_full(wish: Wish) -> None:
    if wish.home.exists() and (not wish.home.is_dir() or any(wish.home.iterdir())):
        raise NotEmpty(str(wish.home))
    if wish.database_url is None:
        return
    engine = sa.create_engine(wish.database_url)
    try:
        with engine.connect() as connection:
            if sa.inspect(connection).get_table_names():
                raise NotEmpty(str(sa.make_url(wish.database_url)))
    finally:
        engine.dispose()


@contextmanager
def _staged(home: Path) -> Iterator[Path]:
    """A folder beside the place, locked while we live; those that killed restorations left there go first."""
    prefix = f".{home.name}.restoring-"
    for left in [each for each in home.parent.iterdir() if each.name.startswith(prefix)]:
        with suppress(OSError), _locked(left):
            log.warning("removed what a restoration that was killed left: %s", left)
            shutil.rmtree(left, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=prefix, dir=home.parent))
    try:
        with ExitStack() as held:
            # Without locks nobody removes it either, should we be killed.
            with suppress(OSError):
                held.enter_context(_locked(stage))
            yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises OSError where somebody else has it, or the file system has no locks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _empty(database: Database) -> None:
    """A database that was empty before is empty again."""
    if database.writer.dialect.name != "postgresql":
        return
    with database.writer.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))


# --- rows and files ---


def _load(opened: Opened, stage: Path, database: Database, done: Restored, passphrase: str | None, tell: Tell) -> None:
    vaults = {name: Vault(stage / name) for name in SUFFIXES}
    with database.writer.begin() as connection:
        tables = {table.name: table for table in kept_tables(connection)}
        for member in opened.members():
            first, _, rest = member.path.partition("/")
            if first == "rows":
                table = tables.get(rest.removesuffix(".jsonl"))
                if table is None:
                    raise BadBackup("damaged", member.path)
                done.rows += read_rows(connection, table, io.BufferedReader(cast(Any, Raw(member.stream)), CHUNK))
                follow_numbers(connection, table)
                tell("rows", done.rows)
            elif first in vaults:
                _keep(vaults[first], rest, SUFFIXES[first], member.stream)
                done.files += 1
                done.originals += first == "originals"
                tell("files", done.files)
            elif first == "home":
                _write(_inside(stage, rest), member.stream)
            elif member.path == SEALED_KEYS and passphrase is not None:
                for name, content in open_keys(member.stream.read(), passphrase).items():
                    write_private(_inside(stage, name), content)
                done.keys = "restored"
        done.bytes = opened.size


def _keep(vault: Vault, name: str, suffix: str, stream: Readable) -> None:
    """Under its name, where its bytes have it; else it is missing, and told so later."""
    sha256 = name.removesuffix(suffix)
    if not _HASH.fullmatch(sha256):
        raise BadBackup("damaged", name)
    vault.put(iter(lambda: stream.read(CHUNK), b""), sha256, suffix)


def _inside(stage: Path, name: str) -> Path:
    """Never outside of the place, whatever a backup calls its files."""
    path = (stage / name).resolve()
    if not path.is_relative_to(stage.resolve()) or path == stage.resolve():
        raise BadBackup("damaged", name)
    return path


def _write(path: Path, stream: Readable) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as file:
        shutil.copyfileobj(stream, file, CHUNK)
    path.chmod(0o600)


def _settings_of(stage: Path, database_url: str | None, done: Restored) -> Settings:
    """Those of the backup, with the database and the store of this place, and without the folder of the other one's backups."""
    path = stage / FILE_NAME
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    text, done.backups_went = elsewhere(written), _backups_of(written)
    if database_url is not None:
        text = f"database_url = {json.dumps(database_url)}\n{text}"
    if text:
        path.write_text(text, encoding="utf-8")
    try:
        return Settings.model_validate({**tomllib.loads(text), "home": stage})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise NotRestored(f"{FILE_NAME}: {str(error).splitlines()[0]}") from error


def _backups_of(text: str) -> str:
    """`backup.folder` of settings; empty where there is none, or they cannot be read."""
    try:
        care = tomllib.loads(text).get("backup")
    except tomllib.TOMLDecodeError:
        return ""
    return str(care.get("folder", "")) if isinstance(care, dict) else ""


def elsewhere(text: str) -> str:
    """Settings in which the backup's own database, store and folder of backups, which are another installation's, stay to be read and
    count no more: two homes that thin out one folder would take each other's backups away."""
    section, lines = "", list[str]()
    for line in text.splitlines(keepends=True):
        if found := re.match(r"\s*\[+\s*([A-Za-z_.]+)", line):
            section = found[1]
        away = section.split(".")[0] == "store" or (not section and re.match(r"\s*(database_url|store)\b.*=", line))
        away = away or (section == "backup" and re.match(r"\s*folder\s*=", line))
        away = away or (not section and re.match(r"\s*backup\s*(\.\s*folder\s*)?=", line))
        lines.append(f"# {line}" if away and line.strip() and not line.lstrip().startswith("#") else line)
    return "".join(lines)


# --- what somebody outside has seen ---


def _public_logs(workstation: Workstation, head: Mapping[str, Any]) -> list[Path]:
    """While it is checked: the public keys of the logs, where the private ones are not in the backup."""
    made = []
    for entity, told in dict(head.get("logs", {})).items():
        path = log_vkey_file(workstation.home, str(entity))
        if not path.with_suffix(".pem").exists():
            make_folder(path.parent)
            path.write_text(parse_vkey(str(told["key"])).vkey, encoding="utf-8")
            made.append(path)
    return made


def _meet_witnesses(workstation: Workstation, wish: Wish, done: Restored) -> None:
    """Raises TreeContradicted, unless a person accepts it."""
    settings, database = workstation.settings, workstation.database
    with database.reading() as session:
        names = known_entities(session, settings)
    for entity in names:
        _remember_newest(workstation, entity, wish.witnesses)
        if wish.ask and settings.ledger.witness and done.keys == "restored":
            ask_witnesses(workstation, entity)
        with database.reading() as session:
            size = tree_of(session, entity).size
            claims = contradictions(session, settings, entity, EVERY_NOTE)
        if not claims:
            continue
        seen = max(claim.size for claim in claims)
        if wish.loss is None:
            raise TreeContradicted(entity, size, claims)
        with database.reading() as session:
            person = people.named(session, wish.loss.login, practice=workstation.practice)
            session.expunge(person)
        accept_contradictions(workstation, entity, _reason(done, size, seen, wish.loss.reason), person)
        done.lost[entity] = seen


def _reason(done: Restored, size: int, seen: int, reason: str) -> str:
    missing = f"les inscriptions {size} à {seen - 1} manquent" if seen > size else "le registre est un autre que celui qui fut attesté"
    what = f"elle compte {size} inscriptions, {seen} furent attestées : {missing}"
    return f"Sauvegarde du {done.made_at} restaurée ; {what}. Motif : {reason}"


def _remember_newest(workstation: Workstation, entity: str, kept: Sequence[Path]) -> None:
    """The largest checkpoint that this log's key has signed, of the backup's own and of those that somebody kept: it is remembered here."""
    with workstation.database.reading() as session:
        keys = known_keys(session, workstation.settings, entity)
        own = newest_checkpoint(session, entity)
    notes = [own.note.encode()] if own is not None else []
    notes += [written for path in _note_files(kept) if is_signed(written := path.read_bytes(), keys)]
    if notes:
        write_whole(memory_file(workstation.home, entity), max(notes, key=_size_of))


def _note_files(kept: Sequence[Path]) -> Iterator[Path]:
    for path in kept:
        yield from sorted(path.rglob(f"*{NOTE_FILE}")) if path.is_dir() else [path]


def _size_of(written: bytes) -> int:
    try:
        return read_checkpoint(read_note(written).text).size
    except BadNote:
        return -1


# --- everything against everything ---


def _check_files(workstation: Workstation, opened: Opened, done: Restored, tell: Tell) -> None:
    """Each file that a row names is there: its bytes were those of its name when they were put. What was erased since is no loss."""
    erased = {line.path for line in opened.gone if line.missing == "erased"}
    for line in opened.gone:
        if line.missing != "erased":
            done.note_bad(f"{line.path}: {line.missing}")
    told = {line.path for line in opened.gone}
    count = 0
    with workstation.database.reading() as session:
        for folder, suffix in SUFFIXES.items():
            vault = workstation.originals if folder == "originals" else workstation.archives
            for table, column, where in NAMED:
                if where != folder:
                    continue
                query: sa.Select[Any] = sa.select(sa.column(column)).select_from(sa.table(table)).where(sa.column(column).is_not(None))
                for sha256 in session.scalars(query.execution_options(yield_per=1000)):
                    count += 1
                    path = f"{folder}/{sha256}{suffix}"
                    if path not in told and path not in erased and not vault.holds(sha256, suffix):
                        done.note_bad(f"{path}: missing")
    for path in opened.bad:
        if not path.startswith(("originals/", "archive/")):
            done.note_bad(f"{path}: damaged")
    tell("files", count)


def _check_seals(workstation: Workstation, done: Restored, tell: Tell) -> None:
    """Every sealed file by all checks of `sceau verify`; of one that is meant to bear no seal, what the ledger says of it."""
    roots, seals = known_roots(workstation.settings), known_seal_roots(workstation.settings)
    with workstation.database.reading() as session:
        archives = list(session.scalars(sa.select(Archive.sha256).order_by(Archive.sha256)))
    for sha256 in archives:
        path = workstation.archives.path(sha256, ".pdf")
        if not path.is_file():
            continue
        found = verify_file(path, roots, seals=seals)
        if not found.valid:
            found = with_ledger(workstation, path, found)
        done.seals += 1
        if not found.valid:
            done.note_bad(f"archive/{sha256}.pdf: {', '.join(check.name for check in found.checks if not check.ok)}")
        tell("seals", done.seals)


def _told(audited: Audited) -> dict[str, Any]:
    return {"name": audited.name, "ok": audited.ok, "detail": audited.detail, "english": audited.english, "bare": audited.bare}


def _put_in_place(stage: Path, home: Path) -> None:
    """At once, where the place is a folder like any other; a mounted one gets its content, the database last."""
    try:
        if home.exists():
            home.rmdir()
        stage.rename(home)
    except OSError:
        home.mkdir(exist_ok=True, mode=0o700)
        for each in sorted(stage.iterdir(), key=lambda path: path.name.startswith("sceau.db")):
            shutil.move(str(each), home / each.name)
        os.sync()


def refused_words(error: Exception, language: str) -> str:
    """Why nothing was put in place: what happened, that nothing is lost, what to do."""
    english = language == "en"
    if isinstance(error, BadBackup):
        return error.words(language)
    if isinstance(error, TreeContradicted):
        seen = max(claim.size for claim in error.claims)
        holder = max(error.claims, key=lambda claim: claim.size).holder
        values = {"entity": error.entity, "size": error.size, "seen": seen, "holder": holder}
        return (_SEEN_EN if english else _SEEN_FR).format(**values)
    if isinstance(error, NotEmpty):
        return (_FULL_EN if english else _FULL_FR).format(place=error)
    if isinstance(error, NotRestored):
        told = "The backup's settings cannot be used here" if english else "Les réglages de la sauvegarde ne peuvent pas servir ici"
        rest = "Nothing was restored" if english else "Rien n'a été restauré"
        return f"{told} ({error}). {rest}."
    return _KEYS_EN if english else _KEYS_FR


_SEEN_FR = (
    "Le registre de {entity} compte {size} inscriptions dans cette sauvegarde, et {holder} en a vu {seen}, ou un autre registre : elle est "
    "plus ancienne que ce qui fut attesté. Rien n'a été restauré. Restaurez une sauvegarde plus récente. S'il n'y en a pas, une personne "
    "nommée accepte la perte, et cela reste inscrit au registre : --accept-loss MOTIF --login NOM"
)
_SEEN_EN = (
    "The ledger of {entity} has {size} entries in this backup, and {holder} saw {seen}, or another ledger: it is older than what "
    "was witnessed. Nothing was restored. Restore a newer backup. If there is none, a named person accepts the loss, which stays in the "
    "ledger: --accept-loss REASON --login NAME"
)
_FULL_FR = (
    "{place} n'est pas vide. Rien n'a été restauré ni changé : une sauvegarde n'est jamais mise par-dessus autre chose. Donnez un dossier "
    "(ou une base) vide."
)
_FULL_EN = "{place} is not empty. Nothing was restored or changed: a backup never goes over anything. Name an empty folder or database."
_KEYS_FR = (
    "La phrase de SCEAU_BACKUP_PASSPHRASE n'ouvre pas les clés de cette sauvegarde. Rien n'a été restauré. Corrigez-la, ou retirez-la pour "
    "restaurer sans les clés."
)
_KEYS_EN = (
    "The passphrase in SCEAU_BACKUP_PASSPHRASE does not open this backup's keys. Nothing was restored. Correct it, or take it away to "
    "restore without keys."
)


_ROWS_FR = (
    "Ce sont les tables seules, d'avant une mise à niveau : fichiers, réglages et clés sont restés dans leur SCEAU_HOME et n'ont pas été "
    "vérifiés ici. Donnez à celui-ci cette base (database_url), puis lancez sceau verify --ledger."
)
_ROWS_EN = (
    "These are the tables alone, of before an upgrade: files, settings and keys stayed in their SCEAU_HOME and were not checked here. "
    "Give that one this database (database_url), then run sceau verify --ledger."
)

_NO_BACKUPS_FR = (
    "Cette installation ne fait pas encore de sauvegardes : celles de l'ancienne allaient à {place}, et deux installations dans un même "
    "dossier s'y retireraient l'une l'autre les leurs. Réglez [backup] folder dans son sceau.toml ; si elle remplace l'ancienne, le même "
    "dossier convient."
)
_NO_BACKUPS_EN = (
    "This installation makes no backups yet: those of the old one went to {place}, and two installations in one folder would remove each "
    "other's there. Set [backup] folder in its sceau.toml; where it replaces the old one, the same folder will do."
)


def describe_restored(done: Restored, language: str) -> list[str]:
    """For people."""
    english = language == "en"
    size = f"{done.bytes / 1e6:.1f}".replace(".", "." if english else ",")
    logs = ", ".join(f"{entity} {count}" for entity, count in done.logs.items()) or "–"
    made = f"{datetime.fromisoformat(done.made_at):{'%Y-%m-%d %H:%M' if english else '%d/%m/%Y à %H:%M'}} UTC"
    if english:
        seals = f"{done.seals} seals verified" if done.seals else "seals not verified (--verify)"
        lines = [
            f"Restored: {done.home}, from the backup of {made}",
            f"{done.rows} rows, {done.files} kept files, {size} MB, {seals}, in {done.seconds:g} s. Ledger entries: {logs}.",
        ]
        lines += ["The tables were brought to this version."] if done.migrated else []
        lines += [_ROWS_EN] if done.rows_only else []
        lines += ["Keys are not in it: put SCEAU_HOME/keys back before starting."] if done.keys == "absent" and not done.rows_only else []
        lines += [_NO_BACKUPS_EN.format(place=done.backups_went)] if done.backups_went else []
        lines += [f"{entity}: the loss of entries up to {seen} stands in the ledger." for entity, seen in done.lost.items()]
    else:
        seals = f"{done.seals} cachets vérifiés" if done.seals else "cachets non vérifiés (--verify)"
        took = f"{done.seconds:g}".replace(".", ",")
        lines = [
            f"Restauré : {done.home}, depuis la sauvegarde du {made}",
            f"{done.rows} lignes, {done.files} fichiers conservés, {size} Mo, {seals}, en {took} s. Inscriptions au registre : {logs}.",
        ]
        lines += ["Les tables ont été amenées à cette version."] if done.migrated else []
        lines += [_ROWS_FR] if done.rows_only else []
        absent = done.keys == "absent" and not done.rows_only
        lines += ["Les clés n'y sont pas : remettez SCEAU_HOME/keys avant de démarrer."] if absent else []
        lines += [_NO_BACKUPS_FR.format(place=done.backups_went)] if done.backups_went else []
        lines += [f"{entity} : la perte d'inscriptions jusqu'à {seen} est inscrite au registre." for entity, seen in done.lost.items()]
    lines += [f"✗ {each}" for each in done.bad]
    for check in done.checks:
        mark = "–" if check["bare"] else "✓" if check["ok"] else "✗"
        lines.append(f"{mark} {check['name']}: {check['english' if english else 'detail']}")
    return lines
