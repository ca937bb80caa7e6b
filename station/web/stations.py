"""The stations: how each scanner joins, its printed target, and the passports that its scans gave."""

import secrets
import socket
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from capture.catalogue import message
from config.settings import Station
from conformity.baseline import LEAST_PAGES, Baseline, doubts
from conformity.passport import LINES, OUTCOME_WORDS, VERDICT_WORDS, Drift, Line, Outcome, Passport, figure_in
from station import passports
from station.baselines import learn_baseline
from station.post import mailbox_health
from station.print import passport_report_pdf, target_pdf
from station.probe import folder_health
from station.records.tables import PassportRow
from station.web import desk
from station.web.show import Badge, Tone
from station.web.words import Words, typeset
from station.workstation import Workstation

router = APIRouter()
HISTORY = 24
"""Passports listed on a station's page."""
LOOKS: dict[Outcome, tuple[Tone, str]] = {
    Outcome.OK: ("good", "circle-check"),
    Outcome.TOLD: ("calm", "info"),
    Outcome.WARN: ("watch", "triangle-alert"),
    Outcome.FAIL: ("bad", "circle-x"),
}
WAYS = ("share", "sftp", "escl", "usb")
"""How a scanner may join."""


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of a passport in the reader's language."""

    title: str
    side: str
    badge: Badge
    measured: str
    limit: str
    clause: str
    remedy: str | None
    """The setting to change on the device; None where the line is well."""


@dataclass(frozen=True, slots=True)
class ShownPassport:
    """A passport on the screen."""

    id: int
    target: str
    device: str
    made: str
    badge: Badge
    sentence: str
    objections: tuple[ShownLine, ...]
    """What is not well, the heaviest first."""
    lines: tuple[ShownLine, ...]
    drifts: tuple[ShownLine, ...]
    document_id: str


@dataclass(frozen=True, slots=True)
class ShownStation:
    """One station in the list and at the head of its page."""

    name: str
    folder: str
    badge: Badge
    newest: str | None
    overdue: bool
    days: int


@router.get("/stations")
def stations_page(request: Request, session: desk.InReading) -> Response:
    """Every station with the state of its passport."""
    workstation = desk.workstation_of(request)
    shown = [show_station(request, session, station) for station in workstation.settings.stations]
    return desk.show(request, "stations.html", stations=shown)


@router.get("/stations/{name}")
def station_page(request: Request, session: desk.InReading, name: str, htmx: desk.FromHtmx = None, seen: str = "") -> Response:
    """The whole page; for HTMX its live part, or 204 where nothing is new since `seen`."""
    station, t = station_named(request, name), desk.words_of(request)
    rows = passports.list_passports(session, name, HISTORY)
    shown, health = show_station(request, session, station), show_health(session, desk.workstation_of(request), name, t)
    change = desk.fingerprint_of(shown, health, *((row.id, row.made_at) for row in rows), t.language)
    if htmx and seen == change:
        return desk.nothing_new()
    return desk.show(
        request,
        "_station.html" if htmx else "station.html",
        station=shown,
        health=health,
        mailbox=station.mailbox if station.kind == "mailbox" else None,
        change=change,
        passport=show_passport(session, rows[0], t) if rows else None,
        history=[(row.id, t.moment(row.made_at), row.target.upper(), outcome_badge(Outcome(row.outcome), t)) for row in rows],
        ways=WAYS,
        host=socket.gethostname(),
    )


@dataclass(frozen=True, slots=True)
class ShownHealth:
    """How files come in at a station, now."""

    badge: Badge
    sentences: tuple[str, ...]
    usual: tuple[str, ...]
    """What its own accepted pages say of the device: told here, to compliance, and never to the operator who feeds it."""
    last_taken: str | None


def show_health(session: Session, workstation: Workstation, name: str, t: Words) -> ShownHealth:
    """Its folder as probed and watched; of a mailbox, its server, too."""
    settings = workstation.settings
    folder = next(each for each in folder_health(session, settings, workstation.clock()) if each.station == name)
    mail = [each for each in mailbox_health(session, settings) if each.station == name]
    ok = folder.ok and all(each.ok for each in mail)
    badge = Badge(t("stations.health-good"), "good", "circle-check") if ok else Badge(t("stations.health-bad"), "bad", "circle-x")
    sentences = (*(words for each in mail for words in each.words(t.language)), *folder.words(t.language))
    last_taken = t.moment(folder.last_taken) if folder.last_taken else None
    return ShownHealth(badge, sentences, usual_words(learn_baseline(session, name), t), last_taken)


def usual_words(baseline: Baseline, t: Words) -> tuple[str, ...]:
    """How much was learned of a scanner, and what no scanner is expected to do on all its pages."""
    key = "stations.baseline" if baseline.learned else "stations.baseline-learning"
    return (t(key, n=baseline.pages, least=LEAST_PAGES), *(message(found, t.language) for found in doubts(baseline)))


@router.get("/stations/{name}/target.pdf")
def print_target(request: Request, name: str) -> Response:
    """A target to print; each has a name of its own, so that every sheet of paper can be told from the others."""
    station_named(request, name)
    code = secrets.token_hex(4)
    data = target_pdf(code, desk.words_of(request).language)
    return _pdf(data, f"mire-{name}-{code}.pdf")


@router.get("/stations/{name}/passports/{number}.json")
def passport_data(session: desk.InReading, name: str, number: int) -> Response:
    """The passport as it was written, and the hash under which the ledger holds it."""
    row = passport_row(session, name, number)
    head = {"station": row.station, "device": row.device, "made_at": row.made_at.isoformat(), "document": row.document_id}
    return JSONResponse({**head, "sha256": passports.body_hash(row.body), "passport": row.body})


@router.get("/stations/{name}/passports/{number}.pdf")
def passport_report(request: Request, session: desk.InReading, name: str, number: int) -> Response:
    row, t = passport_row(session, name, number), desk.words_of(request)
    heading = [t("stations.station", name=name) + (f" · {row.device}" if row.device else ""), t.moment(row.made_at)]
    data = passport_report_pdf(passports.passport_of(row), passports.drift_of(session, row), t.language, heading)
    return _pdf(data, f"passeport-{name}-{number}.pdf")


@router.get("/stations/{name}/passports/{number}")
def passport_page(request: Request, session: desk.InReading, name: str, number: int) -> Response:
    """One passport, line by line."""
    row, t = passport_row(session, name, number), desk.words_of(request)
    return desk.show(request, "passport.html", name=name, passport=show_passport(session, row, t))


def station_named(request: Request, name: str) -> Station:
    """The station of the settings; 404 where there is none."""
    for station in desk.workstation_of(request).settings.stations:
        if station.name == name:
            return station
    raise HTTPException(404)


def passport_row(session: Session, name: str, number: int) -> PassportRow:
    row = passports.find_passport(session, name, number)
    if row is None:
        raise HTTPException(404)
    return row


def show_station(request: Request, session: Session, station: Station) -> ShownStation:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    newest = passports.newest_passport(session, station.name)
    overdue = passports.is_overdue(session, station, workstation.clock().date())
    return ShownStation(
        name=station.name,
        folder=str(workstation.settings.folder_of(station)),
        badge=_standing(newest, overdue, t),
        newest=t.moment(newest.made_at) if newest else None,
        overdue=overdue and newest is not None,
        days=station.passport_days,
    )


def show_passport(session: Session, row: PassportRow, t: Words) -> ShownPassport:
    passport = passports.passport_of(row)
    lines = tuple(show_line(line, t) for line in passport.lines)
    bad = sorted((line for line in passport.lines if line.outcome in (Outcome.WARN, Outcome.FAIL)), key=_heaviest_first)
    return ShownPassport(
        id=row.id,
        target=row.target.upper(),
        device=row.device,
        made=t.moment(row.made_at),
        badge=outcome_badge(passport.outcome, t),
        sentence=_sentence(passport, t),
        objections=tuple(show_line(line, t) for line in bad),
        lines=lines,
        drifts=tuple(show_drift(drift, t) for drift in passports.drift_of(session, row)),
        document_id=row.document_id,
    )


def show_line(line: Line, t: Words) -> ShownLine:
    words = LINES[line.name]
    remedy = _in(t, words.remedy_fr, words.remedy_en) if line.outcome in (Outcome.WARN, Outcome.FAIL) else None
    return ShownLine(
        title=_in(t, words.fr, words.en),
        side="" if line.side is None else t(f"stations.side-{line.side}"),
        badge=outcome_badge(line.outcome, t),
        measured=_figure(line.measured, t),
        limit=_figure(line.limit, t),
        clause=f"{words.clause} · {t('authority.' + words.authority.name.lower())}",
        remedy=remedy,
    )


def show_drift(drift: Drift, t: Words) -> ShownLine:
    """Before and now in the place of the measure, the largest quiet change in that of the limit."""
    words = LINES[drift.name]
    return ShownLine(
        title=_in(t, words.fr, words.en),
        side=t(f"stations.side-{drift.side}"),
        badge=outcome_badge(drift.outcome, t),
        measured=_figure(f"{drift.before:.4g} → {drift.now:.4g}", t),
        limit=_figure(f"± {drift.limit:g}", t),
        clause="",
        remedy=None,
    )


def outcome_badge(outcome: Outcome, t: Words) -> Badge:
    return Badge(_in(t, *OUTCOME_WORDS[outcome]), *LOOKS[outcome])


def _standing(newest: PassportRow | None, overdue: bool, t: Words) -> Badge:
    """A device whose last passport failed stays so, however old that is."""
    if newest is None:
        return Badge(t("stations.no-passport"), "watch" if overdue else "calm", "circle-dashed")
    if newest.outcome != Outcome.FAIL and overdue:
        return Badge(t("stations.overdue"), "watch", "clock")
    return outcome_badge(Outcome(newest.outcome), t)


def _sentence(passport: Passport, t: Words) -> str:
    return _in(t, *VERDICT_WORDS[passport.outcome])


def _heaviest_first(line: Line) -> int:
    return 0 if line.outcome is Outcome.FAIL else 1


def _figure(text: str, t: Words) -> str:
    told = figure_in(text, t.language)
    return _in(t, told, told)


def _in(t: Words, french: str, english: str) -> str:
    return typeset(french) if t.language == "fr" else english


def _pdf(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data, media_type="application/pdf", headers=headers)
