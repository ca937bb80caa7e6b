"""What is installed, what is in force, what is missing and how to get it."""

import importlib.metadata
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from capture.catalogue import message
from capture.stores import Store, StoreAway, StoreUnfit, refuses_rewriting
from config.options import reader_of
from config.settings import FILE_NAME, Settings, Unusable
from ocr.engines import ReadingFailed, warm_engine
from sealing.ticks import BLOCKS, Health, health_now
from station.dossier import NoDossier, require_dossier
from station.drift import drift_now
from station.drills import standing_of
from station.keyring import look_at_keys, practice_folder
from station.machines import missing_workers
from station.probe import probe_folder
from station.problems import problem_of
from station.records.clock import newest_look, tick_now
from station.records.database import DatabaseRefused, NetworkFileSystem, Server, look_at_server, open_database, place_of
from station.records.documents import DEAD_AFTER, living_workers
from station.renewal import terms_of
from station.stores import KEY, SECRET, open_stores, store_words
from station.timekeeping import ask_authorities, clock_words, latest_time, waiting_for_time
from station.trustlists import list_texts, trusted_lists
from station.workstation import now


@dataclass(frozen=True, slots=True)
class Diagnosis:
    name: str
    ok: bool
    needed: bool
    """Whether the station cannot do its main work without it."""
    detail: str
    remedy: str = ""
    """How to mend it; empty where nothing is to be mended."""


PACKAGES = (
    "opencv-python",
    "pytesseract",
    "pillow",
    "img2pdf",
    "ocrmypdf",
    "pyhanko",
    "watchdog",
    "sqlalchemy",
    "pikepdf",
    "dbos",
    "rapidocr",
)


_LOCAL_DISK = (
    "mettez SCEAU_HOME sur un disque local, ou prenez PostgreSQL (database_url)",
    "put SCEAU_HOME on a local disk, or use PostgreSQL (database_url)",
)
CLOCKS_APART_SECONDS = 2.0
"""Between this machine and the database server; heartbeats and due times are compared across both."""
CONNECTIONS_LEFT = 10
"""Fewer would keep a further worker out."""
_SERVER = "vérifiez database_url et le serveur", "check database_url and the server"


_BACKUP_REMEDIES = {
    "none-set": (
        "réglez backup.folder dans sceau.toml, ou lancez sceau backup vers un autre disque",
        "set backup.folder in sceau.toml, or run sceau backup to another disk",
    ),
    "late": (
        "vérifiez que le disque des sauvegardes est là, puis lancez sceau backup",
        "check that the disk of the backups is there, then run sceau backup",
    ),
    "flawed": ("/sauvegardes nomme les fichiers à remettre", "/sauvegardes names the files to put back"),
    "drill-failed": ("lisez le rapport dans /sauvegardes, sauvegardez de nouveau", "read the report in /sauvegardes, back up again"),
    "drill-late": ("refaites un essai de restauration dans /sauvegardes", "rehearse a restoration again in /sauvegardes"),
}


def diagnose(settings: Settings) -> Iterator[Diagnosis]:
    """One after the other, cheap ones first."""
    yield Diagnosis("packages", True, True, ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    say, file = _speaker(settings), settings.home / FILE_NAME
    unwritten = say(f"tels que livrés ; {file} est écrit au premier démarrage", f"as shipped; {file} is written at the first start")
    yield Diagnosis("settings", True, True, f"{file}" if file.exists() else unwritten)
    yield _policy(settings)
    yield _database(settings)
    yield from _workers(settings)
    yield _promise(settings)
    yield _disk(settings)
    yield from _store(settings)
    yield _backup(settings)
    for station in settings.stations:
        yield _folder(settings, station.name)
    yield _reader(settings)
    yield _confinement(settings)
    yield from _programs(say)
    yield from _keys(settings)
    yield from _dossier(settings)
    yield _outside(settings)
    yield from _time(settings)
    yield from _lasting(settings)


def _policy(settings: Settings) -> Diagnosis:
    say = _speaker(settings)
    unit = say("ppp", "dpi")
    told = "; ".join(f"{p.name} {p.version}: {p.min_dpi:g} {unit} ± {p.dpi_tolerance_percent:g} %" for p in settings.policies)
    whose = say("votre politique ; l'arrêté ne donne aucun chiffre", "your policy; the arrêté names no figure")
    return Diagnosis("policy", True, True, f"{told} ({whose})")


def _database(settings: Settings) -> Diagnosis:
    say = _speaker(settings)
    try:
        database = open_database(settings.url)
        with database.reading():
            found, place = look_at_server(database), place_of(database)
        database.close()
    except NetworkFileSystem as error:
        return Diagnosis("database", False, True, str(error), say(*_LOCAL_DISK))
    except (DatabaseRefused, SQLAlchemyError) as error:
        problem = problem_of(error)
        why = " ".join(str(getattr(error, "orig", None) or error).split())
        told, todo = (problem.happened, problem.todo) if settings.language == "fr" else (problem.happened_en, problem.todo_en)
        known = problem.code.startswith("database-")
        return Diagnosis("database", False, True, f"{told} ({why})" if known else why, todo if known else say(*_SERVER))
    return Diagnosis("database", True, True, place) if found is None else _served(settings, found, place)


def _served(settings: Settings, found: Server, place: str) -> Diagnosis:
    """A PostgreSQL server: what it promises, and what it should."""
    say = _speaker(settings)
    tables = say(f"tables {found.revision or 'à faire'}", f"tables {found.revision or 'to be made'}")
    line = say("connexion chiffrée", "encrypted") if found.encrypted else say("connexion en clair", "not encrypted")
    left = max(0, found.limit - found.connections)
    used = say(f"{left} connexions libres sur {found.limit}", f"{left} of {found.limit} connections left")
    order = say(f"ordre des mots {found.collation}", f"words sorted by {found.collation}")
    clock = say(f"horloge à {found.offset:+.1f} s de la nôtre", f"its clock {found.offset:+.1f} s from ours")
    told = f"{place}, {found.version}, {tables}, {line}, {used}, {order}, {clock}"
    if not found.durable:
        remedy = say(
            "mettez fsync, full_page_writes et synchronous_commit à « on » : une coupure de courant y perdrait des documents",
            "turn fsync, full_page_writes and synchronous_commit on at the server: a power cut would lose documents there",
        )
        return Diagnosis("database", False, True, told, remedy)
    if abs(found.offset) > CLOCKS_APART_SECONDS:
        remedy = say("réglez les deux horloges (NTP)", "set both clocks (NTP)")
        return Diagnosis("database", False, False, told, remedy)
    if left < CONNECTIONS_LEFT:
        remedy = say("élevez max_connections, ou ôtez des programmes", "raise max_connections, or take programs away")
        return Diagnosis("database", False, False, told, remedy)
    if found.password_written:
        remedy = say(
            "le mot de passe est écrit dans sceau.toml : ôtez-le de database_url et donnez-le dans SCEAU_DATABASE_PASSWORD",
            "the password stands in sceau.toml: take it out of database_url and give it in SCEAU_DATABASE_PASSWORD",
        )
        return Diagnosis("database", False, False, told, remedy)
    return Diagnosis("database", True, True, told)


def _store(settings: Settings) -> Iterator[Diagnosis]:
    """Where originals and archives lie, whether each place answers, what it protects, and whether it is write-once: tried."""
    say, told = _speaker(settings), store_words(settings, settings.language)
    if not settings.store.url and not (settings.home / "originals").is_dir():
        yield from (Diagnosis(name, True, True, f"{told} ; {say(*_UNMADE)}") for name in ("store originals", "store archives"))
        return
    try:
        stores = open_stores(settings.home, settings.store, now)
    except StoreAway as error:
        yield _store_away(settings, "store", told, error)
        return
    except Unusable as error:
        yield Diagnosis("store", False, True, str(error), say("corrigez [store] dans sceau.toml", "correct [store] in sceau.toml"))
        return
    for name, store in (("store originals", stores.originals), ("store archives", stores.archives)):
        try:
            store.holds("0" * 64)
            once = _tried_once(store)
        except (StoreAway, OSError) as error:
            yield _store_away(settings, name, told, error)
            continue
        except StoreUnfit as error:
            yield Diagnosis(name, False, True, str(error), say("corrigez [store] dans sceau.toml", "correct [store] in sceau.toml"))
            continue
        if store.locks and not once:
            remedy = say(
                "le service a laissé supprimer ce qui était verrouillé : ce n'est pas un lieu de conservation",
                "the service let go what was locked: it is no place to keep evidence",
            )
            yield Diagnosis(name, False, True, told, remedy)
            continue
        yield Diagnosis(name, True, True, f"{told} ; {_ONCE[store.locks, once][settings.language == 'en']}")


_ONCE = {
    (True, True): ("suppression essayée : refusée", "removal tried: refused"),
    (False, True): ("réécriture essayée par ce compte : refusée", "rewriting tried by this account: refused"),
    (False, False): ("réécriture essayée par ce compte : possible", "rewriting tried by this account: possible"),
}
"""By whether the store has locks, and what the trial said."""
_UNMADE = "fait au premier démarrage", "made at the first start"


def _tried_once(store: Store) -> bool:
    """Whether it refused."""
    if store.locks:
        from capture.objects import Bucket

        return isinstance(store, Bucket) and store.refuses_removal()
    return refuses_rewriting(store.root)


def _store_away(settings: Settings, name: str, told: str, error: Exception) -> Diagnosis:
    remedy = _speaker(settings)(
        "montez le partage, ou vérifiez le service et ses clés", "mount the share, or check the service and its keys"
    )
    return Diagnosis(name, False, True, f"{told} ({error})", f"{remedy} : {KEY}, {SECRET}")


def _backup(settings: Settings) -> Diagnosis:
    """How old the newest backup is, and whether its restoration was rehearsed."""
    say = _speaker(settings)
    try:
        with _records(settings) as session:
            found = standing_of(session, settings, now())
            age = now() - found.last.started_at if found.last else None
    except (DatabaseRefused, NetworkFileSystem, SQLAlchemyError):
        return Diagnosis("backup", True, False, say("aucune encore : pas de tables", "none yet: no tables"))
    told = say("aucune sauvegarde faite", "no backup made")
    if age is not None:
        hours = int(age.total_seconds() // 3600)
        told = say(f"dernière sauvegarde il y a {hours} h", f"last backup {hours} h ago")
    if found.alert is None:
        return Diagnosis("backup", True, False, told)
    remedy = say(*_BACKUP_REMEDIES.get(found.alert, _BACKUP_REMEDIES["late"]))
    return Diagnosis("backup", False, False, f"backup-{found.alert}: {told}", remedy)


def _workers(settings: Settings) -> Iterator[Diagnosis]:
    """Who works, and who fell silent: of the latter each by name. A home where nobody was started yet lacks nothing."""
    say = _speaker(settings)
    try:
        with _records(settings) as session:
            moment = now()
            living = [worker.executor for worker in living_workers(session, moment, DEAD_AFTER)]
            missing = missing_workers(session, moment)
    except (DatabaseRefused, NetworkFileSystem, SQLAlchemyError):
        return
    if not missing:
        none = say("aucun au travail : sceau serve en démarre un", "none at work: sceau serve starts one")
        yield Diagnosis("workers", True, False, ", ".join(sorted(living)) or none)
    for each in missing:
        said, then = each.words(settings.language)
        yield Diagnosis("workers", False, False, said, then)


def _promise(settings: Settings) -> Diagnosis:
    """Whether values shown green are as seldom wrong here as they promise."""
    say = _speaker(settings)
    try:
        with _records(settings) as session:
            found = drift_now(session, settings.entity)
    except (DatabaseRefused, NetworkFileSystem, SQLAlchemyError):
        return Diagnosis("reading", True, False, say("aucune valeur relue : pas encore de tables", "no values reviewed yet: no tables"))
    told = say(
        f"{found.wrong} des {found.reviewed} valeurs vertes relues récemment étaient fausses (promis : 0,5 %)",
        f"{found.wrong} of {found.reviewed} green values reviewed lately were wrong (promised: 0.5 %)",
    )
    if not found.alarm:
        return Diagnosis("reading", True, False, told)
    remedy = say(
        "relisez aussi les valeurs vertes ; /memory montre les champs qui se trompent",
        "review green values as well; see /memory for the fields that err",
    )
    return Diagnosis("reading", False, False, f"reading-drift: {told}", remedy)


def _disk(settings: Settings) -> Diagnosis:
    settings.home.mkdir(parents=True, exist_ok=True)
    free, say = shutil.disk_usage(settings.home).free, _speaker(settings)
    room = say(f"{free >> 30} Go libres", f"{free >> 30} GB free")
    if free > 2 << 30:
        return Diagnosis("disk", True, True, room)
    remedy = say("libérez de la place : environ 30 Mo par page en couleur", "free some space: about 30 MB per colour page")
    return Diagnosis("disk", False, True, room, remedy)


def _folder(settings: Settings, name: str) -> Diagnosis:
    folder, say = settings.folder_of(next(s for s in settings.stations if s.name == name)), _speaker(settings)
    if not folder.is_dir():
        made = say(f"{folder} : fait au premier démarrage", f"{folder}: made at the first start")
        return Diagnosis(f"station {name}", True, True, made)
    found = probe_folder(folder, now())
    remedy = say(f"chmod u+rwx {folder}, ou vérifiez les droits du partage", f"chmod u+rwx {folder}, or check the share's rights")
    told = f"{folder}: {found.words(settings.language)}"
    return Diagnosis(f"station {name}", found.ok, True, told, "" if found.ok else remedy)


def _confinement(settings: Settings) -> Diagnosis:
    """What children that parse strangers' files are kept from, on this kernel."""
    from station.confinement import powers_here

    say, powers = _speaker(settings), powers_here()
    if not settings.work.confined:
        return Diagnosis("confinement", False, False, say("éteint (work.confined)", "off (work.confined)"), "[work] confined = true")
    remedy = say(
        "un noyau 6.2 ou plus récent avec Landlock (lsm=landlock,…), sur x86-64 ou arm64",
        "a kernel of 6.2 or later with Landlock (lsm=landlock,…), on x86-64 or arm64",
    )
    return Diagnosis("confinement", powers.whole, False, powers.words(settings.language), "" if powers.whole else remedy)


def _reader(settings: Settings) -> Diagnosis:
    try:
        return Diagnosis("reader", True, False, warm_engine(reader_of(settings)).name)
    except ReadingFailed as error:
        remedy = _speaker(settings)(
            "les documents sont scellés sans texte tant que le lecteur n'est pas installé",
            "documents are sealed without text until the reader is installed",
        )
        return Diagnosis("reader", False, False, str(error), remedy)


def _programs(say: Callable[[str, str], str]) -> Iterator[Diagnosis]:
    yield _program("tesseract", say, ("l'autre lecteur", "the other reader"), "apt install tesseract-ocr tesseract-ocr-fra", _languages)
    feeding = "alimenter des scanners d'ici ; les dossiers s'en passent", "feeding scanners from here; folders work without"
    yield _program("scanimage", say, feeding, "apt install sane-utils sane-airscan")
    reference = (
        "le contrôle de référence du PDF/A, un de plus à chaque scellement s'il est dans le PATH",
        "the reference check of PDF/A, one more of every seal where it is on the PATH",
    )
    yield _program("verapdf", say, reference, "https://verapdf.org")
    second = "le second rendu du contrôle d'intégrité", "the second renderer of the fixity check"
    yield _program("pdftoppm", say, second, "apt install poppler-utils")
    yield _program("pdfsig", say, ("un regard indépendant sur les cachets", "an independent look at seals"), "apt install poppler-utils")


def _languages(say: Callable[[str, str], str]) -> str:
    listed = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, timeout=20, check=False).stdout.split()
    return say("langues ", "languages ") + ", ".join(word for word in listed if len(word) == 3 and word.islower())


def _dossier(settings: Settings) -> Iterator[Diagnosis]:
    """Whether sealing waits for an organisation dossier."""
    say = _speaker(settings)
    try:
        with _records(settings) as session:
            require_dossier(session, settings)
    except NoDossier:
        told = say("aucun dossier d'organisation en vigueur : rien n'est scellé", "no organisation dossier in force: nothing is sealed")
        remedy = say(
            "préparez-en un à /organisation ; une autre personne le contresigne",
            "prepare one at /organisation; another person countersigns it",
        )
        yield Diagnosis("dossier", False, True, told, remedy)
    except (DatabaseRefused, NetworkFileSystem, SQLAlchemyError):
        return


def _outside(settings: Settings) -> Diagnosis:
    """Who keeps checkpoints of the ledger that this machine's administrator cannot rewrite."""
    from station.checkpoints import witness_names

    say, kept = _speaker(settings), ", ".join(witness_names(settings))
    if kept:
        told = say(f"les points de contrôle du registre vont à {kept}", f"checkpoints of the ledger go to {kept}")
        return Diagnosis("witnesses", True, False, told)
    told = say(
        "personne hors de ce poste ne garde de point de contrôle du registre : qui administre cette machine peut le réécrire",
        "nobody outside keeps checkpoints of the ledger: whoever administers this machine can rewrite it from its beginning",
    )
    remedy = say(
        "réglez folder, [ledger.mail] ou [[ledger.witness]] sous [ledger]", "set folder, [ledger.mail] or [[ledger.witness]] under [ledger]"
    )
    return Diagnosis("witnesses", False, False, told, remedy)


def _program(
    name: str,
    say: Callable[[str, str], str],
    purpose: tuple[str, str],
    remedy: str,
    more: Callable[[Callable[[str, str], str]], str] | None = None,
) -> Diagnosis:
    path = shutil.which(name)
    if path is None:
        return Diagnosis(name, False, False, f"{say('pas installé', 'not installed')} ({say(*purpose)})", remedy)
    return Diagnosis(name, True, False, f"{path} {more(say) if more else ''}".strip())


def _keys(settings: Settings) -> Iterator[Diagnosis]:
    """The key in use, opened here as it is for sealing; then what is to be watched: ends, revocation lists, trusted lists."""
    folder, say = practice_folder(settings.home), _speaker(settings)
    if settings.sealing.mode == "practice":
        new = say(f"{folder} : faites au premier démarrage", f"{folder}: made at the first start")
        where = str(folder) if folder.exists() else new
        told_here = say("clés d'essai", "practice keys")
        yield Diagnosis("keys", True, True, f"{where} ; {told_here} : « essai, sans valeur probante »")
        return
    moment = now()
    told = look_at_keys(settings, moment)
    if told.trouble is not None:
        problem = problem_of(told.trouble)
        yield Diagnosis("keys", False, True, str(told.trouble), say(problem.todo, problem.todo_en))
    else:
        yield Diagnosis("keys", True, True, "; ".join(told.lines(settings.language)[:3]))
    for warning in told.warnings:
        yield Diagnosis("trust", False, False, message(warning, settings.language), "sceau keys --fetch")
    lists = trusted_lists(settings).lists
    yield Diagnosis(
        "trusted lists",
        bool(lists),
        False,
        "; ".join(list_texts(lists)) or say("aucune en main", "none at hand"),
        "" if lists else "sceau keys --fetch",
    )


def _time(settings: Settings) -> Iterator[Diagnosis]:
    """Who gives the time, whether they do, how the clock is, and what waits for time."""
    say = _speaker(settings)
    for name, trouble in ask_authorities(settings, now) if settings.time.authorities else ():
        yield Diagnosis(
            f"time {name}",
            trouble is None,
            False,
            trouble or say("donne des horodatages", "gives timestamps"),
            "" if trouble is None else say("demandez à l'autorité", "ask the authority"),
        )
    if not settings.time.authorities or settings.time.internal_fallback:
        yield _own_time(settings)
    try:
        with _records(settings) as session:
            look, waiting = newest_look(session), waiting_for_time(session)
    except (DatabaseRefused, NetworkFileSystem, SQLAlchemyError):
        yield Diagnosis("clock", True, False, say("pas encore vérifiée : aucune table", "not checked yet: no tables"))
        return
    health = health_now(look, tick_now())
    unseen = say("pas encore vérifiée", "not checked yet")
    told = unseen if look is None else clock_words(replace(look, health=health), settings.language)
    good = health in (Health.TRUE, Health.ALONE, Health.SILENT)
    yield Diagnosis(
        "clock",
        good,
        health in BLOCKS,
        told,
        "" if good else say("réglez l'horloge (NTP), puis sceau clock", "set the clock (NTP), then sceau clock"),
    )
    if waiting.count:
        since = f"{waiting.since:%Y-%m-%d %H:%M} UTC" if waiting.since else "?"
        french, english = (
            f"{waiting.count} documents attendent l'heure, depuis {since}",
            f"{waiting.count} documents wait for time, since {since}",
        )
        remedy = say("ils seront scellés d'eux-mêmes", "they are sealed by themselves")
        yield Diagnosis("waiting", False, False, say(french, english), remedy)


def _own_time(settings: Settings) -> Diagnosis:
    latest, say = latest_time(settings).read(), _speaker(settings)
    if latest is None or latest <= now():
        return Diagnosis("time internal", True, True, f"{say('politique', 'policy')} {settings.sealing.policy_oid}")
    moment = f"{latest:%Y-%m-%d %H:%M:%S} UTC"
    told = say(
        f"l'horodatage le plus récent ({moment}) est postérieur à l'horloge : aucun n'est donné avant",
        f"the newest timestamp ({moment}) is later than the clock: it gives none before then",
    )
    remedy = say(
        "vérifiez l'horloge ; si elle est juste à présent : sceau clock --confirm --login NOM",
        "check the clock; if it is right now: sceau clock --confirm --login NAME",
    )
    return Diagnosis("time internal", False, True, told, remedy)


def _lasting(settings: Settings) -> Iterator[Diagnosis]:
    """Whether timestamps are renewed before they end."""
    say = _speaker(settings)
    try:
        with _records(settings) as session:
            terms = terms_of(session, now(), settings.time.renew_days)
    except (DatabaseRefused, NetworkFileSystem, SQLAlchemyError):
        return
    if terms.late:
        yield Diagnosis(
            "renewal",
            False,
            False,
            say(f"fichiers scellés non renouvelés à temps : {terms.late}", f"{terms.late} sealed files were not renewed in time"),
            say("sceau renew --dry-run les énumère", "sceau renew --dry-run lists them"),
        )
    elif terms.due:
        yield Diagnosis(
            "renewal",
            False,
            False,
            say(f"fichiers scellés à renouveler : {terms.due}", f"{terms.due} sealed files are due"),
            say("sceau renew, ou attendez : la station en renouvelle peu à peu", "sceau renew, or wait: the station renews some at a time"),
        )
    else:
        none = say("aucun horodatage noté", "no timestamps noted yet")
        ends = f"{terms.first:%Y-%m-%d}" if terms.first else ""
        until = say(f"le premier horodatage finit le {ends}", f"the first timestamp ends {ends}") if ends else none
        yield Diagnosis("renewal", True, False, until)


def _speaker(settings: Settings) -> Callable[[str, str], str]:
    """Of a French and an English sentence the one that this installation speaks."""
    return lambda french, english: english if settings.language == "en" else french


@contextmanager
def _records(settings: Settings) -> Iterator[Session]:
    database = open_database(settings.url)
    try:
        with database.reading() as session:
            yield session
    finally:
        database.close()
