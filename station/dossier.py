"""The organisation dossier (art. A. 102 B-2 LPF, II): what is in force, as a versioned paper that two people answer for and that is sealed.

It is described from the settings, the plan of controls and the texts that only the company knows. Another configuration asks for another
version: one person prepares it, another countersigns it, and from then on each document that is sealed names it.
"""

import calendar
import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.places import HOME
from config.settings import Settings
from sealing.ledger import Event
from station.acts import NotOffered, actor_of
from station.controls import control_catalogue
from station.erasure import SamePerson
from station.formal import Head, Paper, dropped_unless_noted, keep_paper
from station.keyring import LEVELS, kept_certificate, key_in_use
from station.mandates import let_go_on
from station.passports import body_hash, newest_passport
from station.records import people
from station.records.ledger import append_event, tree_of
from station.records.tables import Document, DossierRow, DossierText, LedgerPayload, Person, StorageNotice
from station.timekeeping import clock_word
from station.workstation import Workstation
from workflow.controls import Control, in_force
from workflow.kinds import DUTIES, KINDS, MADE, SIGNED, evidence_profile, kind_of

FORMAT = "sceau-dossier-1"
ENTRY = "dossier"
UNTOLD = ("home", "server", "work", "suppliers", "database_url", "language")
"""Settings that describe a machine or other companies, not the organisation."""
TEXTS: tuple[str, ...] = ("company", "preparation", "people", "security", "backup", "incidents", "paper", "contact")
"""What only the company knows; the questions are in the words of the page and of the form."""
QUESTIONS: dict[str, str] = {
    "company": "Entreprise et périmètre : sociétés, sites et documents concernés",
    "preparation": "Réception et préparation du papier : qui ouvre, trie, dégrafe, compte",
    "people": "Personnes : formation, remplacement, séparation des tâches",
    "security": "Sécurité : locaux, accès aux scanners, aux serveurs et aux sauvegardes",
    "backup": "Sauvegarde et reprise : fréquence, lieux, délais (RPO, RTO), essais de restauration",
    "incidents": "Incidents : qui est prévenu, où c'est noté, ce qui est repris",
    "paper": "Sort du papier : classement, quarantaine, destruction, exceptions",
    "contact": "Interlocuteur de l'administration : fonction, adresse, comment consulter",
}
PROFILES = {"fiscal-min": "empreinte", "fiscal-seal": "cachet et empreinte", "copie-fiable": "copie fiable"}
STEPS: tuple[tuple[str, str], ...] = (
    ("Réception", "Le fichier du scanner est copié, daté et inscrit au registre sous son empreinte SHA-256 avant tout traitement."),
    (
        "Contrôle",
        "Codage, résolution, profondeur et couleur sont lus dans les octets, les pixels sont examinés ; ce qui ne va pas est retenu.",
    ),
    ("Décision", "Une personne décide, avec son motif, de ce qui est retenu : renumériser, garder le papier, accepter par tolérance."),
    ("Lecture", "Le texte et les valeurs sont lus ; une valeur douteuse est montrée ; l'image n'est jamais modifiée."),
    ("Scellement", "Un PDF/A-3 est composé, scellé et horodaté, puis relu : ses pixels doivent être ceux du scan."),
    ("Conservation", "Les empreintes sont relues ; le registre est clos par des points de contrôle signés, gardés aussi par des tiers."),
    ("Contrôle interne", "Un échantillon est comparé au papier ; résultats et actions correctives sont inscrits au registre."),
    ("Papier", "Le papier attend en quarantaine ; il n'est détruit que sur bordereau signé, jamais de lui-même."),
)


class NoDossier(Exception):
    """Sealing waits: this installation asks for an organisation dossier in force, and there is none."""


class NoVersion(Exception):
    """There is no such version, or nothing can be done with it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two configurations."""

    path: str
    """Dotted; parts of a list by their name or code."""
    before: str | None
    """None where it is new."""
    after: str | None
    """None where it is gone."""


# --- what is in force ---


def dossier_in_force(session: Session, entity: str, day: date) -> DossierRow | None:
    """The version in force at the end of a day (UTC); None where there is none yet."""
    return session.scalars(
        sa.select(DossierRow).where(*_signed_before(entity, _end_of(day))).order_by(DossierRow.version.desc()).limit(1)
    ).first()


def dossiers_between(session: Session, entity: str, start: date, end: date) -> tuple[DossierRow, ...]:
    """Versions that were in force on one of the days, both included: that of the beginning and all countersigned since, oldest first."""
    versions = session.scalars(sa.select(DossierRow).where(*_signed_before(entity, _end_of(end))).order_by(DossierRow.version)).all()
    opening = datetime.combine(start, time.min, UTC)
    earlier = [row for row in versions if row.signed_at is not None and row.signed_at <= opening]
    return tuple(earlier[-1:] + [row for row in versions if row not in earlier])


def _signed_before(entity: str, end: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return DossierRow.entity == entity, DossierRow.signed_at.is_not(None), DossierRow.signed_at < end


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)


def newest_dossier(session: Session, entity: str) -> DossierRow | None:
    """The version in force now."""
    return dossier_in_force(session, entity, date.max)


def dossier_of(session: Session, document: Document) -> DossierRow | None:
    """The version under which a document's newest file was made, as its entry says; of one that is not sealed yet, that in force."""
    body = session.scalars(
        sa.select(LedgerPayload.body)
        .where(LedgerPayload.document_id == document.id, LedgerPayload.type == "sealed")
        .order_by(LedgerPayload.sequence.desc())
        .limit(1)
    ).first()
    if body is None:
        return newest_dossier(session, document.entity)
    version = json.loads(body).get("dossier")
    if version is None:
        return None
    return session.scalars(sa.select(DossierRow).where(DossierRow.entity == document.entity, DossierRow.version == int(version))).first()


def dossier_note(row: DossierRow | None) -> dict[str, Any] | None:
    """How a sealed file and its entry name the version in force."""
    return None if row is None else {"version": row.version, "sha256": row.sha256}


def dossier_payload(note: Mapping[str, Any] | None, named: str) -> dict[str, Any]:
    """The same for the payload of the entry `sealed`, and the company's own dossier as the settings name it; nothing where none is."""
    sealed = {} if note is None else {"dossier": note["version"], "dossier_sha256": note["sha256"]}
    return sealed | ({"dossier_named": named} if named else {})


def require_dossier(session: Session, settings: Settings) -> DossierRow | None:
    """The version in force, under which a document is about to be sealed. Raises NoDossier where sealing waits for one."""
    found, wanted = newest_dossier(session, settings.entity), settings.organisation.require_dossier
    if found is None and (wanted == "always" or (wanted == "as-mode" and settings.sealing.mode == "production")):
        raise NoDossier(settings.entity)
    return found


def list_dossiers(session: Session, entity: str) -> list[DossierRow]:
    """Newest first, those that wait for their signature and those withdrawn among them."""
    return list(session.scalars(sa.select(DossierRow).where(DossierRow.entity == entity).order_by(DossierRow.version.desc())))


def pending_dossier(session: Session, entity: str) -> DossierRow | None:
    """The version that waits for its second person."""
    waiting = (DossierRow.entity == entity, DossierRow.signed_at.is_(None), DossierRow.withdrawn_at.is_(None))
    return session.scalars(sa.select(DossierRow).where(*waiting).order_by(DossierRow.version.desc()).limit(1)).first()


# --- what it describes ---


def describe(session: Session, settings: Settings) -> dict[str, Any]:
    """The configuration in force as JSON: what the dossier is about, and the reason for a new version when it changes."""
    # Of one company, with its own stations: nothing of its neighbours belongs into its dossier.
    told: dict[str, Any] = settings.of_company(settings.entity).model_dump(mode="json", exclude=set(UNTOLD))
    told["identity"].pop("ibans", None)
    for company in told["company"]:
        company.pop("iban", None)
    told["ledger"].pop("mail", None)
    return {
        "format": FORMAT,
        "entity": settings.entity,
        "software": {"name": "sceau", "version": importlib.metadata.version("sceau")},
        "settings": told,
        "kinds": [_kind_told(kind.code, settings) for kind in (*KINDS, *MADE)],
        "retention": [
            {"kinds": sorted(duty.kinds), "years": duty.years, "starts": duty.starts, "authority": duty.authority} for duty in DUTIES
        ],
        "plan": [_control_told(control) for control in in_force(control_catalogue(session, settings.entity))],
        "texts": {key: text.text for key, text in texts_of(session, settings.entity).items()},
    }


def _kind_told(code: str, settings: Settings) -> dict[str, str]:
    kind = kind_of(code)
    profile = evidence_profile(code, settings.evidence.profiles)
    return {"code": code, "french": kind.french, "text": SIGNED[kind.profile].asked, "profile": profile.value}


def _control_told(control: Control) -> dict[str, Any]:
    return {
        "code": control.code,
        "name": control.french,
        "version": control.version,
        "purpose": control.purpose,
        "owner": control.owner,
        "every_days": control.every_days,
        "procedure": control.procedure,
    }


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of the canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(configuration))).hexdigest()


def annex_of(session: Session, settings: Settings, at: datetime) -> dict[str, Any]:
    """What stands today and changes without a new version: the scanners' passports, the certificate that sealed last."""
    passports = [
        {
            "station": station.name,
            "device": row.device,
            "made_at": row.made_at.isoformat(timespec="milliseconds"),
            "outcome": row.outcome,
            "sha256": body_hash(row.body),
        }
        for station in settings.stations
        if (row := newest_passport(session, station.name)) is not None
    ]
    certificates = kept_certificate(settings)
    key = key_in_use(settings, certificates, at) if certificates else None
    return {
        "passports": passports,
        "key": None
        if key is None
        else {
            "holder": key.holder,
            "issuer": key.issuer,
            "level": key.level,
            "kind": key.key,
            "ends": key.ends.isoformat(timespec="seconds"),
            "sha256": key.fingerprint,
        },
    }


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs, by path."""
    old, new = dict(_flat("", before)), dict(_flat("", after))
    return tuple(Change(path, old.get(path), new.get(path)) for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path))


def _flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Each single value with its path; a part of a list goes by its name, code or place."""
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from _flat(f"{path}.{key}" if path else str(key), inner)
        case list() if value and all(isinstance(each, Mapping) for each in value):
            for place, inner in enumerate(value, 1):
                name = "/".join(str(inner[key]) for key in ("name", "code", "authority", "version") if inner.get(key)) or place
                yield from _flat(f"{path}[{name}]", inner)
        case list():
            yield path, ", ".join(map(str, value))
        case None:
            yield path, ""
        case bool():
            yield path, "oui" if value else "non"
        case _:
            yield path, str(value)


def pending_changes(session: Session, settings: Settings) -> tuple[Change, ...] | None:
    """What differs from the newest version that is not withdrawn; None where nothing does, all of it where there is no version."""
    rows = (DossierRow.entity == settings.entity, DossierRow.withdrawn_at.is_(None))
    newest = session.scalars(sa.select(DossierRow).where(*rows).order_by(DossierRow.version.desc()).limit(1)).first()
    now = describe(session, settings)
    if newest is not None and newest.configuration_sha256 == configuration_hash(now):
        return None
    return changes_between({} if newest is None else newest.configuration, now)


# --- texts ---


def texts_of(session: Session, entity: str) -> dict[str, DossierText]:
    """The newest text of each question that was answered."""
    rows = session.scalars(sa.select(DossierText).where(DossierText.entity == entity).order_by(DossierText.id))
    return {row.key: row for row in rows if row.key in TEXTS}


def say_text(session: Session, entity: str, key: str, text: str, person: Person, at: datetime, clock: str = "system") -> DossierText:
    """Answer a question of the dossier; older answers stay. Raises ValueError for a question that there is not."""
    if key not in TEXTS:
        raise ValueError(key)
    row = DossierText(entity=entity, key=key, text=text.strip(), author=person.pseudonym, said_at=at)
    session.add(row)
    sha256 = hashlib.sha256(row.text.encode()).hexdigest()
    append_event(session, Event(entity, ENTRY, {"text": sha256}, actor_of(person), at, clock, {"act": "text", "key": key}))
    return row


# --- versions ---


def prepare_dossier(session: Session, settings: Settings, reason: str, person: Person, at: datetime, clock: str = "system") -> DossierRow:
    """One person prepares a version of what is in force. Raises NotOffered where one waits or nothing changed; ValueError: no reason."""
    if not reason.strip():
        raise ValueError("a version needs its reason")
    if pending_dossier(session, settings.entity) is not None or pending_changes(session, settings) is None:
        raise NotOffered("dossier: prepare")
    configuration = describe(session, settings)
    last = session.scalar(sa.select(sa.func.max(DossierRow.version)).where(DossierRow.entity == settings.entity))
    row = DossierRow(
        entity=settings.entity,
        version=(last or 0) + 1,
        configuration=configuration,
        configuration_sha256=configuration_hash(configuration),
        annex=annex_of(session, settings, at),
        reason=reason.strip(),
        prepared_by=person.pseudonym,
        prepared_at=at,
    )
    session.add(row)
    _enter(session, row, "prepared", person, at, clock, {"reason": row.reason})
    return row


def withdraw_dossier(session: Session, number: int, person: Person, at: datetime, clock: str = "system") -> DossierRow:
    """Take back a version that waits for its signature; its number is not used again. Raises NoVersion."""
    row = _waiting(session, number)
    row.withdrawn_at = at
    _enter(session, row, "withdrawn", person, at, clock, {})
    return row


def sign_dossier(workstation: Workstation, number: int, person: Person) -> DossierRow:
    """Another person countersigns: the paper is drawn, sealed and proved, then in force.

    Raises SamePerson, NoVersion, NotOffered where the configuration changed meanwhile, ClockWrong, ClockStepped, Unproved, CannotSeal,
    KeyRefused.
    """
    settings, moment = workstation.settings, workstation.clock()
    with workstation.database.reading() as session:
        row = _signable(session, settings, number, person, moment)
        paper = paper_of(session, row, person.pseudonym, moment)
        head = Head(row.entity, tree_of(session, row.entity))
    kept = keep_paper(workstation, paper, head)
    with dropped_unless_noted(workstation, kept), workstation.database.writing() as session:
        row = _signable(session, settings, number, person, moment)
        row.signed_by, row.signed_at, row.sha256, row.size, row.practice = person.pseudonym, moment, kept.sha256, kept.size, kept.practice
        told = {"size": str(kept.size), "practice": kept.practice}
        _enter(session, row, "in force", person, moment, clock_word(workstation), told)
        let_go_on(session, "no-dossier", moment)
    return row


def _signable(session: Session, settings: Settings, number: int, person: Person, moment: datetime) -> DossierRow:
    row = _waiting(session, number)
    if people.are_one(session, row.prepared_by, person.pseudonym, row.prepared_at, moment):
        raise SamePerson(person.pseudonym)
    if configuration_hash(describe(session, settings)) != row.configuration_sha256:
        raise NotOffered("dossier: changed since it was prepared")
    return row


def _waiting(session: Session, number: int) -> DossierRow:
    row = session.get(DossierRow, number)
    if row is None or row.signed_at is not None or row.withdrawn_at is not None:
        raise NoVersion(str(number))
    return row


def _enter(session: Session, row: DossierRow, act: str, person: Person, at: datetime, clock: str, payload: Mapping[str, Any]) -> None:
    session.flush()
    objects = {"configuration": row.configuration_sha256} | ({"dossier": row.sha256} if row.sha256 else {})
    told = {"act": act, "version": row.version, **payload}
    append_event(session, Event(row.entity, ENTRY, objects, actor_of(person), at, clock, told))


# --- its face ---


def paper_of(session: Session, row: DossierRow, signer: str, moment: datetime) -> Paper:
    """The paper as it will be sealed, signed by this pseudonym."""
    earlier = session.scalars(
        sa.select(DossierRow)
        .where(DossierRow.entity == row.entity, DossierRow.version < row.version, DossierRow.signed_at.is_not(None))
        .order_by(DossierRow.version.desc())
        .limit(1)
    ).first()
    changes = () if earlier is None else changes_between(earlier.configuration, row.configuration)
    logins = people.logins_of(session, [row.prepared_by, signer])
    texts = texts_of(session, row.entity)
    data = {
        "format": FORMAT,
        "entity": row.entity,
        "version": row.version,
        "configuration": row.configuration,
        "configuration_sha256": row.configuration_sha256,
        "annex": row.annex,
        "previous": None if earlier is None else {"version": earlier.version, "sha256": earlier.sha256},
        "changes": [{"path": each.path, "before": each.before, "after": each.after} for each in changes],
        "reason": row.reason,
        "prepared": {"by": row.prepared_by, "at": row.prepared_at.isoformat(timespec="milliseconds")},
        "signed": {"by": signer, "at": moment.isoformat(timespec="milliseconds")},
        "authors": {key: {"by": text.author, "at": text.said_at.isoformat(timespec="milliseconds")} for key, text in texts.items()},
    }
    kinds = {kind.code: kind.french for kind in (*KINDS, *MADE)}
    words = {
        "kinds": kinds,
        "profiles": PROFILES,
        "levels": {code: french for code, (french, _) in LEVELS.items()},
        "questions": QUESTIONS,
        "steps": STEPS,
        "logins": logins,
        "flat": dict(_flat("", row.configuration["settings"])),
    }
    title = f"Dossier d’organisation de la numérisation, {row.entity}, version {row.version}"
    return Paper("dossier.html", title, "dossier.json", data, moment, words)


# --- where invoices lie ---


def places_now(settings: Settings, day: date) -> list[dict[str, Any]]:
    """Storage places in use on a day, by name."""
    used = (place for place in settings.organisation.places if place.since <= day and (place.until is None or day < place.until))
    return sorted((place.model_dump(mode="json") for place in used), key=lambda told: str(told["name"]))


def newest_notice(session: Session, entity: str) -> StorageNotice | None:
    return session.scalars(
        sa.select(StorageNotice).where(StorageNotice.entity == entity).order_by(StorageNotice.id.desc()).limit(1)
    ).first()


def notice_places(session: Session, settings: Settings, at: datetime) -> StorageNotice | None:
    """Note that the storage places changed, with the day until which it must be declared; None where they did not.

    L. 102 C LPF: a place outside France, and any change of it, is told to the tax service; within one month (R*. 102 C-1 LPF).
    """
    now, before = places_now(settings, at.date()), newest_notice(session, settings.entity)
    known = before.places if before is not None else []
    if now == known:
        return None
    abroad = [place for place in (*now, *known) if place["country"] != HOME and (place not in now or place not in known)]
    due = month_after(at.date()).isoformat() if abroad else None
    row = StorageNotice(entity=settings.entity, places=now, noticed_at=at, due=due)
    session.add(row)
    session.flush()
    return row


def tend_places(workstation: Workstation) -> StorageNotice | None:
    """Look for each company whether the storage places are those that were noted; nothing is written where they are. The newest notice
    of the installation's own company."""
    settings = workstation.settings
    found = [_tend_company(workstation, settings.of_company(entity)) for entity in settings.entities]
    return found[0]


def _tend_company(workstation: Workstation, settings: Settings) -> StorageNotice | None:
    day = workstation.clock().date()
    with workstation.database.reading() as session:
        newest = newest_notice(session, settings.entity)
        if (newest.places if newest is not None else []) == places_now(settings, day):
            return None
    with workstation.database.writing() as session:
        return notice_places(session, settings, workstation.clock())


def standing_of(row: DossierRow, newest: DossierRow | None) -> str:
    """in-force, earlier, waiting (for its second person) or withdrawn."""
    if row.withdrawn_at is not None:
        return "withdrawn"
    if row.signed_at is None:
        return "waiting"
    return "in-force" if newest is not None and newest.id == row.id else "earlier"


def dossier_lines(session: Session, settings: Settings) -> list[dict[str, Any]]:
    """Every version for a program, newest first; what changed since stands with the one in force."""
    newest, changes = newest_dossier(session, settings.entity), pending_changes(session, settings)
    return [
        {
            "version": row.version,
            "standing": standing_of(row, newest),
            "reason": row.reason,
            "prepared_at": row.prepared_at.isoformat(timespec="milliseconds"),
            "signed_at": row.signed_at.isoformat(timespec="milliseconds") if row.signed_at else None,
            "sha256": row.sha256,
            "configuration_sha256": row.configuration_sha256,
            "changes": len(changes or ()) if row is newest else None,
        }
        for row in list_dossiers(session, settings.entity)
    ]


def declare_places(session: Session, number: int, note: str, person: Person, at: datetime, clock: str = "system") -> StorageNotice:
    """A person says that the tax service was told. Raises NoVersion, ValueError without a note."""
    row = session.get(StorageNotice, number)
    if row is None or row.due is None or row.declared_at is not None:
        raise NoVersion(str(number))
    if not note.strip():
        raise ValueError("a declaration needs its reference")
    row.declared_at, row.declared_by, row.note = at, person.pseudonym, note.strip()
    sha256 = hashlib.sha256(rfc8785.dumps(list(row.places))).hexdigest()
    told = {"act": "places declared", "note": row.note, "due": row.due}
    append_event(session, Event(row.entity, ENTRY, {"places": sha256}, actor_of(person), at, clock, told))
    return row


def undeclared_places(session: Session, entity: str) -> tuple[StorageNotice, ...]:
    """Changes that the tax service is still to be told of, oldest first."""
    waiting = (StorageNotice.entity == entity, StorageNotice.due.is_not(None), StorageNotice.declared_at.is_(None))
    return tuple(session.scalars(sa.select(StorageNotice).where(*waiting).order_by(StorageNotice.id)))


def month_after(day: date) -> date:
    """The same day of the next month, or its last where it has no such day."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
