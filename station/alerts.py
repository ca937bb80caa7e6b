"""What the house is told of its own workstation: once when something begins, once when it is over, by e-mail and webhook.

What is so is read off the figures (`station/figures.py`) and the settings' thresholds; a row of `alert` remembers what was told. A
message leaves by the outbox and names machines, stations and identifiers of documents, never what a document says.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.settings import Settings
from station import outbox, outgoing
from station.figures import LOST, LOST_KEPT, Figures, Room, figures_now, in_one_unit, rooms_left
from station.mail import put_mail
from station.outbox import Parcel, Undelivered
from station.records.tables import Alert, Gauge
from station.webhooks import message_id, signed_headers
from station.workstation import Workstation

KIND = "alert"
SECRET_VARIABLE = "SCEAU_ALERT_SECRET"  # noqa: S105 its name
SECONDS = 15.0
_LASTING = re.compile(r"PT(\d+)S")
_GIGABYTES = re.compile(r"(\d+\.\d) GB")
UNITS: Mapping[str, tuple[str, str]] = {"second": ("s", "s"), "minute": ("min", "min"), "hour": ("h", "h"), "day": ("jours", "days")}
TOKENS: Mapping[str, tuple[str, str]] = {
    "never": ("jamais", "never"),
    "taken-over": ("repris", "taken over"),
    "late": ("la dernière est trop ancienne", "the last one is too old"),
    "flawed": ("la dernière est incomplète", "the last one is incomplete"),
    "drill-failed": ("leur restauration répétée n'a pas tenu", "their rehearsed restore did not hold"),
    "drill-late": ("leur restauration n'a pas été répétée à temps", "their restore was not rehearsed in time"),
}
"""French and English."""
KEPT = timedelta(days=90)
GIGABYTE = 1_000_000_000
_TELLING = 0x5CEA1
"""Advisory lock of whoever tells."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is so now and should be told."""

    code: str
    object: str
    """What it is about; empty where there is one only."""
    measured: str
    """Values one after another, sent to programs as they are: a count, `PT71940S` (ISO 8601), a size, `never`; `words_of` says them."""
    after: timedelta = timedelta(0)
    """It is told once it has lasted so long."""


WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "queue": (
        "La file attend depuis {1} : {0}",
        "Rien n'est perdu. Vérifiez qu'un poste de travail tourne (sceau serve, sceau work), puis la page Exploitation.",
        "The queue has waited for {1}: {0}",
        "Nothing is lost. See that a worker runs (sceau serve, sceau work), then the page Operations.",
    ),
    "worker": (
        "Un poste de travail ne répond plus : {object} ({measured})",
        "Ses documents sont repris par les autres. Redémarrez-le, ou voyez pourquoi sa machine s'est tue.",
        "A worker is silent: {object} ({measured})",
        "Its documents are taken over by the others. Start it again, or see why its machine fell silent.",
    ),
    "disk": (
        "Le disque se remplit sur {object} : {measured}",
        "Libérez de la place ou agrandissez le disque ; plein, le poste cesse de prendre, sans rien perdre.",
        "The disk is filling up on {object}: {measured}",
        "Free some space or enlarge the disk; once it is full the station takes nothing in, and loses nothing.",
    ),
    "checkpoint": (
        "Le registre « {object} » n'a pas de point de contrôle récent : {measured}",
        "Lancez sceau ledger checkpoint, et voyez le journal du processus.",
        "The ledger “{object}” has no recent checkpoint: {measured}",
        "Run sceau ledger checkpoint, and see the process's log.",
    ),
    "witness": (
        "Un point de contrôle n'atteint pas son témoin {object} : {measured}",
        "Vérifiez l'adresse du témoin et le réseau ; il est envoyé de nouveau tout seul.",
        "A checkpoint does not reach its witness {object}: {measured}",
        "Check the witness's address and the network; it is sent again by itself.",
    ),
    "tsa": (
        "Des documents attendent un horodatage depuis {1} : {0}",
        "Rien n'est perdu : ils seront scellés tout seuls. sceau doctor dit quelle autorité ne répond pas.",
        "Documents have waited for a timestamp for {1}: {0}",
        "Nothing is lost: they are sealed by themselves. sceau doctor says which authority does not answer.",
    ),
    "backup": (
        "Pas de sauvegarde réussie récente : {measured}",
        "Lancez sceau backup, et vérifiez son programme.",
        "No recent good backup: {measured}",
        "Run sceau backup, and check its schedule.",
    ),
    "unproven": (
        "Les sauvegardes ne sont pas en ordre : {measured}",
        "Rien n'est perdu. La page Sauvegardes dit depuis quand, et ce qui manque ou ne tient pas.",
        "The backups are not in order: {measured}",
        "Nothing is lost. The page Backups says since when, and what is missing or does not hold.",
    ),
    "poison": (
        "Un document attend une personne : {object}",
        "La machine y a renoncé ; les autres documents continuent. Ouvrez-le pour décider.",
        "A document waits for a person: {object}",
        "The machine gave up on it; other documents go on. Open it to decide.",
    ),
    "clock": (
        "L'horloge de cette machine n'est pas crue : rien n'est scellé",
        "Réglez l'heure (NTP), puis lancez sceau clock.",
        "This machine's clock is not believed: nothing is sealed",
        "Set the time (NTP), then run sceau clock.",
    ),
    "share": (
        "Le dossier du poste « {object} » ne peut pas servir",
        "Ce qui y est y reste. Vérifiez le partage et ses droits ; l'accueil dit ce qui ne va pas.",
        "The folder of station “{object}” cannot be used",
        "What lies there stays. Check the share and its rights; the first page says what is wrong.",
    ),
}
"""French and English: what happened, and what to do."""


# --- what is so ---


def troubles_now(settings: Settings, figures: Figures, rooms: Sequence[Room]) -> list[Trouble]:
    """By the thresholds of [alerts]; 0 there: never told."""
    return [trouble for look in LOOKS for trouble in look(settings, figures, rooms)]


def _queue(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    oldest, most = figures.of("queue-oldest", "documents") or 0.0, settings.alerts.queue_minutes
    if most and oldest > most * 60:
        count = int(figures.of("queue-depth", "documents") or 0)
        yield Trouble("queue", "", f"{_documents(count)}, {_lasting(oldest)}")


def _worker(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    most = settings.alerts.worker_minutes
    silence = figures.all_of("worker-silence")
    if most:
        lost = {name for name in figures.all_of(LOST) if name not in silence}
        silent = {name for name, seconds in silence.items() if seconds > most * 60}
        for name in sorted(lost | silent):
            yield Trouble("worker", name, _lasting(silence[name]) if name in silence else "taken-over")


def _disk(settings: Settings, _figures: Figures, rooms: Sequence[Room]) -> Iterator[Trouble]:
    alerts = settings.alerts
    for room in rooms:
        little = room.free < alerts.disk_gigabytes * GIGABYTE
        soon = room.days is not None and room.days < alerts.disk_days
        if little or soon:
            days = "" if room.days is None else f", {_lasting(room.days * 86400)}"
            yield Trouble("disk", room.host, f"{room.free / GIGABYTE:.1f} GB{days}")


def _checkpoint(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    most = settings.alerts.checkpoint_hours
    for entity, age in figures.all_of("checkpoint-age").items():
        if most and age > most * 3600 and (figures.of("ledger-unchecked", entity) or 0) > 0:
            yield Trouble("checkpoint", entity, _lasting(age))


def _witness(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    most = settings.alerts.witness_hours
    for witness, age in figures.all_of("witness-behind").items():
        if most and age > most * 3600:
            yield Trouble("witness", witness, _lasting(age))


def _tsa(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    most, age = settings.alerts.tsa_minutes, figures.of("time-waiting-age") or 0.0
    if most and age > most * 60:
        yield Trouble("tsa", "", f"{_documents(int(figures.of('time-waiting') or 0))}, {_lasting(age)}")


def _backup(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    most, age = settings.alerts.backup_hours, figures.of("backup-age", "backup")
    if most and (age is None or age > most * 3600):
        yield Trouble("backup", "", "never" if age is None else _lasting(age))


def _unproven(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    """What the page of the backups has in red, but for a house that has set up none."""
    told = set(figures.all_of("backup-alert")) - {"none-set", *(["late"] if settings.alerts.backup_hours else ())}
    for code in told if settings.alerts.backups else ():
        yield Trouble("unproven", "", code)


def _poison(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    for document_id in figures.all_of("poison") if settings.alerts.poison else ():
        yield Trouble("poison", document_id, "")


def _clock(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    if settings.alerts.clock and figures.of("clock-believed") == 0.0:
        yield Trouble("clock", "", "")


def _share(settings: Settings, figures: Figures, _rooms: Sequence[Room]) -> Iterator[Trouble]:
    for station, works in figures.all_of("folder-works").items():
        if settings.alerts.share_minutes and not works:
            yield Trouble("share", station, "", timedelta(minutes=settings.alerts.share_minutes))


LOOKS: tuple[Callable[[Settings, Figures, Sequence[Room]], Iterator[Trouble]], ...] = (
    *(_queue, _worker, _disk, _checkpoint, _witness, _tsa, _backup, _unproven, _poison, _clock, _share),
)


# --- what was told ---


def tend_alerts(workstation: Workstation) -> int:
    """One turn of a worker: what is so is noted, what is new or over is put into the outbox; returns how many messages.

    Nothing is told while the figures are old: they would tell of a past that nobody measured since.
    """
    now, settings = workstation.clock(), workstation.settings
    with workstation.database.writing() as session:
        _alone(session)
        _forget_lost(session, now)
        figures = figures_now(session)
        if figures.at is None or now - figures.at > timedelta(minutes=3):
            return 0
        note_troubles(session, troubles_now(settings, figures, rooms_left(session, figures, now)), now)
        put = tell_due(session, settings, now) + tell_digest(session, settings, now)
        session.execute(sa.delete(Alert).where(Alert.cleared_at < now - KEPT))
        return put


def _alone(session: Session) -> None:
    """Of several workers one tells at a time; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_TELLING)))


def _forget_lost(session: Session, now: datetime) -> None:
    session.execute(sa.delete(Gauge).where(Gauge.name == LOST, Gauge.at < now - LOST_KEPT))


def note_troubles(session: Session, troubles: Iterable[Trouble], now: datetime) -> None:
    """One open row for each trouble; what is so no longer has ended. What ended before it was told needs no telling."""
    rows = {(row.code, row.object): row for row in session.scalars(sa.select(Alert).where(Alert.ended_at.is_(None)))}
    found = {(trouble.code, trouble.object[:120]): trouble for trouble in troubles}
    for key, trouble in found.items():
        row = rows.get(key)
        if row is None:
            session.add(Alert(code=key[0], object=key[1], measured=trouble.measured, since=now + trouble.after))
        else:
            row.measured = trouble.measured
    for key, row in rows.items():
        if key not in found:
            row.ended_at = now
            if row.told_at is None:
                row.cleared_at = now
    session.flush()


def tell_due(session: Session, settings: Settings, now: datetime) -> int:
    """What is to be told now leaves in one message to each; beyond `most_an_hour` it waits for the next one."""
    begun = sa.select(Alert).where(Alert.told_at.is_(None), Alert.ended_at.is_(None), Alert.since <= now)
    over = sa.select(Alert).where(Alert.ended_at.is_not(None), Alert.cleared_at.is_(None))
    new, ended = list(session.scalars(begun.order_by(Alert.id))), list(session.scalars(over.order_by(Alert.id)))
    if not (new or ended) or _told_lately(session, now) >= settings.alerts.most_an_hour:
        return 0
    key = f"alert:{int(now.timestamp() * 1000)}"
    put = _put(session, settings, key, _subject(settings, new, ended), new, ended, now)
    for row in new:
        row.told_at = now
    for row in ended:
        row.cleared_at = now
    return put


def _told_lately(session: Session, now: datetime) -> int:
    """Messages of the last hour: what was told together has one moment."""
    since = now - timedelta(hours=1)
    moments = set(session.scalars(sa.select(Alert.told_at).where(Alert.told_at > since)))
    return len(moments | set(session.scalars(sa.select(Alert.cleared_at).where(Alert.cleared_at > since, Alert.told_at.is_not(None)))))


def tell_digest(session: Session, settings: Settings, now: datetime) -> int:
    """Once a day, at the hour that is set: everything that lasts, and what ended within a day. Nothing where all is well."""
    if now.hour != settings.alerts.digest_hour:
        return 0
    lasting = list(session.scalars(sa.select(Alert).where(Alert.ended_at.is_(None), Alert.since <= now).order_by(Alert.id)))
    ended = list(session.scalars(sa.select(Alert).where(Alert.ended_at > now - timedelta(days=1), Alert.told_at.is_not(None))))
    if not (lasting or ended):
        return 0
    title = "Daily digest" if settings.language == "en" else "Résumé du jour"
    # The day is the key: the outbox has it once, whoever puts it and however often.
    return _put(session, settings, f"digest:{now:%Y-%m-%d}", title, lasting, ended, now)


def open_alerts(session: Session) -> list[Alert]:
    """What lasts, oldest first, told or about to be."""
    return list(session.scalars(sa.select(Alert).where(Alert.ended_at.is_(None)).order_by(Alert.since, Alert.id)))


def words_of(row: Alert, language: str = "fr") -> tuple[str, str]:
    """What happened, and what to do."""
    french, todo, english, to_do = WORDS[row.code]
    said, then = (english, to_do) if language == "en" else (french, todo)
    parts = [_said(each, language) for each in row.measured.split(", ")]
    return said.format(*parts, *("–",) * 2, object=row.object, measured=", ".join(parts)), then


def _documents(count: int) -> str:
    """The same in both languages."""
    return f"{count} document{'s' if count > 1 else ''}"


def _lasting(seconds: float) -> str:
    """ISO 8601, whole seconds."""
    return f"PT{max(0, seconds):.0f}S"


def _said(value: str, language: str) -> str:
    """One measured value: a time in the one unit that a person would use, as pages do (`station.web.ages`)."""
    english = language == "en"
    if found := _LASTING.fullmatch(value):
        unit, count = in_one_unit(timedelta(seconds=int(found[1])))
        return f"{count} {UNITS[unit][english]}"
    if value in TOKENS:
        return TOKENS[value][english]
    return value if english else _GIGABYTES.sub(lambda size: f"{size[1].replace('.', ',')} Go", value)


def _subject(settings: Settings, new: Sequence[Alert], ended: Sequence[Alert]) -> str:
    english = settings.language == "en"
    first = (new or ended)[0]
    told = words_of(first, settings.language)[0]
    more = len(new) + len(ended) - 1
    over = "" if new else ("Over: " if english else "Terminé : ")
    return f"Sceau : {over}{told}" + (f" (+{more})" if more else "")


def _put(session: Session, settings: Settings, key: str, subject: str, new: Sequence[Alert], ended: Sequence[Alert], now: datetime) -> int:
    alerts, put = settings.alerts, 0
    body = _body(settings, new, ended)
    for number, address in enumerate(alerts.to):
        put_mail(session, settings.entity, f"{key}:{number}", address, subject, body, now)
        put += 1
    if alerts.webhook:
        message = {"type": "sceau.alert", "timestamp": now.isoformat(), "data": {"begun": _told(new), "ended": _told(ended)}}
        outbox.put(session, settings.entity, KIND, key, {"message": message}, now)
        put += 1
    return put


def _told(rows: Sequence[Alert]) -> list[dict[str, Any]]:
    return [
        {"id": row.id, "code": row.code, "object": row.object, "measured": row.measured, "since": row.since.isoformat()} for row in rows
    ]


def _body(settings: Settings, new: Sequence[Alert], ended: Sequence[Alert]) -> str:
    english = settings.language == "en"
    lines = []
    for row in new:
        said, then = words_of(row, settings.language)
        since = f"since {row.since:%Y-%m-%d %H:%M} UTC" if english else f"depuis le {row.since:%d/%m/%Y %H:%M} UTC"
        lines += [f"• {said} — {since}", f"  {then}", ""]
    if ended:
        lines += ["Over:" if english else "Terminé :"]
        lines += [f"• {words_of(row, settings.language)[0]}" for row in ended] + [""]
    where = f"{settings.server.public_address}/exploitation"
    lines += [
        where,
        "Sent by Sceau; nobody reads answers." if english else "Envoyé par Sceau ; personne ne lit les réponses.",
    ]
    return "\n".join(lines)


def deliver_alert(workstation: Workstation, parcel: Parcel, environment: Mapping[str, str] = os.environ) -> None:
    """A `station.outbox.Sender`: POST to the settings' own address, which may lie in the house's network."""
    url, secret = workstation.settings.alerts.webhook, environment.get(SECRET_VARIABLE, "")
    if not url:
        raise Undelivered("aucune adresse n'est réglée / no address is set", dropped=True)
    body = rfc8785.dumps(parcel.payload["message"])
    name = message_id(parcel)
    headers = {"Content-Type": "application/json", "webhook-id": name}
    if secret:
        headers = signed_headers(secret, name, workstation.clock(), body)
    try:
        answer = outgoing.post(outgoing.checked(url, True), headers, body, SECONDS)
    except outgoing.NotAllowed as error:
        raise Undelivered(f"l'adresse n'est pas admise / the address is not allowed ({error})", lasting=True) from error
    if not 200 <= answer.status < 300:
        raise Undelivered(f"le service répond {answer.status} / the service answers {answer.status}")
