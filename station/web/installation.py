"""The set-up assistant: step by step in plain words; what will be written is shown before it is."""

import re
import smtplib
from email.message import EmailMessage
from hmac import compare_digest
from typing import Annotated, TypeAlias

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from config.secrets import forget_secret, keep_secret, load_secrets
from config.settings import Settings, Unusable, load_settings
from station import installation as acts
from station import mail, people
from station.doctor import diagnose
from station.installation import Refused
from station.keyring import look_at_keys
from station.outbox import Undelivered
from station.people import Act, RoleDays
from station.problems import problem_of
from station.records import documents
from station.records.tables import OPEN_STATES
from station.web import desk
from station.web.words import Words
from station.workstation import Workstation
from workflow.roles import Role

router = APIRouter()
open_router = APIRouter()
ADDRESS = "/installation"
UPLOAD_PATH = f"{ADDRESS}/seal"
LARGEST = 200_000
"""Bytes of a certificate's file."""
Text = Annotated[str, Form(max_length=2000)]
Filled: TypeAlias = dict[str, dict[str, str]]
"""Form → field → what it holds."""
_FIELDS = {
    "company": ("entity", "name", "siren", "vat_id", "address", "year_end", "public"),
    "mail": ("host", "port", "tls", "user", "sender"),
    "station": ("name", "folder"),
}


# --- the first administrator ---


def first_code(workstation: Workstation) -> str:
    """In production, while nobody administers: the code that whoever started the process reads on its terminal; else empty."""
    if workstation.practice:
        return ""
    with workstation.database.reading() as session:
        return people.new_password() if acts.people_missing(session, workstation.clock()) == "administrator" else ""


@open_router.get(f"{ADDRESS}/debut")
def first_page(request: Request) -> Response:
    if not request.app.state.first_code:
        raise HTTPException(404)
    return desk.show(request, "installation_first.html", wrong="", login="")


@open_router.post(f"{ADDRESS}/debut")
def first_administrator(request: Request, code: Text = "", login: Text = "", password: Text = "") -> Response:
    """The code serves once; the account is entered with the password chosen here."""
    workstation, expected, t = desk.workstation_of(request), request.app.state.first_code, desk.words_of(request)
    if not expected:
        raise HTTPException(404)
    try:
        if not compare_digest(code.strip().lower().encode(), expected.encode()):
            # 79 bits: nobody finds it by trying.
            raise people.Refused("code")
        with workstation.database.writing() as session:
            if acts.people_missing(session, workstation.clock()) != "administrator":
                raise HTTPException(404)
            act = Act(workstation.settings.entity, None, workstation.clock())
            person = people.enrol_person(session, act, login, "", "", [RoleDays(Role.ADMINISTRATOR)])
            people.choose_password(session, act, person, password)
    except people.Refused as error:
        key = "installation.wrong-code" if error.reason == "code" else f"people.wrong-{error.reason}"
        return desk.show(request, "installation_first.html", 422, wrong=t(key), login=login)
    request.app.state.first_code = ""
    return desk.go_to(request, "/sign-in?next=/installation")


# --- the steps ---


@router.get(ADDRESS)
def steps_page(request: Request, session: desk.InReading) -> Response:
    return _page(request, session)


@router.post(f"{ADDRESS}/seal/request")
def request_seal(request: Request) -> Response:
    """The request for a certificate, to be sent to the authority."""
    settings = _written(request)
    company = settings.company_named(settings.entity)
    data = acts.request_seal(settings.home, company.name if company else settings.entity, company.siren if company else "")
    return Response(data, media_type="application/pkcs10", headers={"Content-Disposition": 'attachment; filename="cachet.csr"'})


@router.post(f"{ADDRESS}/seal")
def import_seal(
    request: Request, person: desk.SignedIn, file: Annotated[UploadFile, File()], password: Text = "", trust: Text = ""
) -> Response:
    """Judged at once; kept only where nothing stands against it, and with a root that is new only if it was said to trust it."""
    workstation, settings, t = desk.workstation_of(request), _written(request), desk.words_of(request)
    try:
        taken = acts.take_seal(settings, file.file.read(LARGEST), password, workstation.clock(), trust=bool(trust))
        if not isinstance(taken, acts.TakenSeal):
            raise Refused("unfit", f"{problem_of_code(taken[0].problem, t)} ({taken[0].detail})")
        with workstation.database.writing() as session:
            text = acts.seal_text(settings, acts.read_text(settings.home), taken)
            acts.write_text(session, settings, text, "seal", person, workstation.clock())
    except Refused as error:
        return _again(request, error)
    acts.end_request(settings.home)
    load_secrets(settings.home)
    return desk.go_to(request, f"{ADDRESS}#seal", "flash.installation-seal")


def problem_of_code(code: str, t: Words) -> str:
    from sealing.keys import KeyRefused

    return problem_of(KeyRefused(code, "")).words(t.language)


@router.post(f"{ADDRESS}/mail/test")
def test_mail(request: Request, to: Text = "") -> Response:
    """One message, now, by the server that the settings name."""
    t, settings = desk.words_of(request), _written(request)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail.sender, to.strip(), t("installation.test-subject")
    message.set_content(t("installation.test-body"))
    try:
        if not mail.ADDRESS.fullmatch(to.strip()):
            raise Undelivered(to)
        load_secrets(settings.home)
        mail.send_message(settings.mail, message)
    except (Undelivered, OSError, smtplib.SMTPException) as error:
        return _again(request, Refused("mail", str(error)))
    return desk.go_to(request, f"{ADDRESS}#mail", "flash.installation-mail")


@router.post(f"{ADDRESS}/apply")
def apply(request: Request, now: Text = "") -> Response:
    """The process starts again with what was written, where it can and nothing is at work, or it was asked for all the same."""
    with desk.workstation_of(request).database.reading() as session:
        busy = _at_work(session)
    restart = request.app.state.restart
    if restart is not None and (not busy or now):
        restart()
    return desk.go_to(request, ADDRESS)


@router.post(f"{ADDRESS}/{{step}}")
async def answer_step(request: Request, step: str) -> Response:
    return await run_in_threadpool(_answer_step, request, step, await request.form())


def _answer_step(request: Request, step: str, form: FormData) -> Response:
    """The change is shown first; sent again with « write » it is written, and a password with it."""
    if step not in _FIELDS:
        raise HTTPException(404)
    workstation, settings = desk.workstation_of(request), _written(request)
    values = {name: str(form.get(name, "")).strip().replace("\r\n", "\n") for name in _FIELDS[step]}
    try:
        if form.get("write"):
            with workstation.database.writing() as session:
                # Read where nobody else writes meanwhile.
                after = _text_with(request, settings, acts.read_text(settings.home), step, values, write=True)
                acts.write_text(session, settings, after, step, request.state.person, workstation.clock())
            if step == "mail":
                _keep_password(settings, values, str(form.get("password", "")))
            return desk.go_to(request, f"{ADDRESS}#{step}", "flash.installation-written")
        before = acts.read_text(settings.home)
        after = _text_with(request, settings, before, step, values)
        acts.check_text(settings.home, after)
    except (Refused, ValueError) as error:
        return _again(request, error if isinstance(error, Refused) else Refused("settings", str(error)), {step: values})
    return desk.show(
        request,
        "installation_diff.html",
        step=step,
        values={name: value for name, value in values.items() if value},
        changes=acts.changes_of(before, after),
    )


def _keep_password(settings: Settings, values: dict[str, str], typed: str) -> None:
    """The mail server's; the one that was kept serves no other server, and no other account on it."""
    told = settings.mail
    same = (told.host, str(told.port), told.tls, told.user) == tuple(values[name] for name in ("host", "port", "tls", "user"))
    if typed:
        keep_secret(settings.home, mail.PASSWORD_VARIABLE, typed)
    elif not same:
        forget_secret(settings.home, mail.PASSWORD_VARIABLE)
    load_secrets(settings.home)


def _text_with(request: Request, settings: Settings, text: str, step: str, values: dict[str, str], *, write: bool = False) -> str:
    if step == "company":
        told = {**values, "siren": re.sub(r"\s", "", values["siren"]), "vat_id": re.sub(r"\s", "", values["vat_id"]).upper()}
        told["year_end"] = _month_first(values["year_end"])
        kept = {name: value for name, value in told.items() if value and name != "public"}
        # Nothing typed: the installation's own.
        return acts.with_row(text, "company", "entity", {"entity": settings.entity} | kept | {"public": bool(values["public"])})
    if step == "mail":
        if not values["port"].isdecimal():
            raise Refused("settings", "port")
        return acts.with_values(text, "mail", values | {"port": int(values["port"])})
    workstation = desk.workstation_of(request)
    text = acts.with_row(text, "station", "name", {name: value for name, value in values.items() if value})
    acts.check_text(settings.home, text)
    folder, language = values["folder"] or f"stations/{values['name']}", desk.words_of(request).language
    fit, words = acts.try_folder(settings, folder, workstation.clock(), language, make=write)
    if not fit:
        raise Refused("folder", words)
    return text


def _month_first(typed: str) -> str:
    """« 30/09 » as the settings have it, 09-30; anything else as it is, for the settings to judge."""
    day = re.fullmatch(r"(\d{1,2})\s*[/.]\s*(\d{1,2})", typed)
    return f"{int(day[2]):02}-{int(day[1]):02}" if day else typed


def _day_first(year_end: str) -> str:
    """As people here write it: 09-30 is 30/09."""
    month, dash, day = year_end.partition("-")
    return f"{day}/{month}" if dash else year_end


def _forms(settings: Settings, typed: Filled) -> Filled:
    """What the fields hold: as it was typed where it was refused, else as the settings have it. Of companies, one form each."""
    forms: Filled = {}
    for entity in settings.entities:
        told = settings.company_named(entity)
        forms[f"company {entity}"] = {
            "entity": entity,
            "name": told.name if told else "",
            "siren": told.siren if told else "",
            "vat_id": told.vat_id if told else "",
            "address": told.address if told else "",
            "year_end": _day_first(settings.year_end_of(entity)),
            "public": "yes" if told and told.public else "",
        }
    forms["company "] = dict.fromkeys(_FIELDS["company"], "")
    forms["mail"] = {name: str(getattr(settings.mail, name)) for name in _FIELDS["mail"]}
    forms["station"] = dict.fromkeys(_FIELDS["station"], "")
    for step, values in typed.items():
        name = f"company {values['entity'] or settings.entity}" if step == "company" else step
        forms[name if name in forms else "company "] = values
    return forms


# --- the page ---


def _written(request: Request) -> Settings:
    """The settings as the file says now; what runs may be older."""
    running = desk.workstation_of(request).settings
    try:
        return load_settings({"SCEAU_HOME": str(running.home)})
    except Unusable:
        return running


def _at_work(session: Session) -> int:
    return sum(count for state, count in documents.count_states(session).items() if state in OPEN_STATES)


def _wrong(error: Refused, t: Words) -> str:
    detail = t.known("installation", error.detail) if error.reason == "form" else error.detail
    return t(f"installation.wrong-{error.reason}", detail=detail)


def _again(request: Request, error: Refused, typed: Filled | None = None) -> Response:
    with desk.workstation_of(request).database.reading() as session:
        return _page(request, session, error, typed)


def _page(request: Request, session: Session, error: Refused | None = None, typed: Filled | None = None) -> Response:
    t, workstation, settings = desk.words_of(request), desk.workstation_of(request), _written(request)
    now = workstation.clock()
    look = look_at_keys(settings, now)
    seal = "" if look.fit or look.trouble is None else problem_of(look.trouble).words(t.language)
    steps = acts.steps_of(session, settings, seal, now)
    running = request.app.state.workstation.settings
    changed = settings.model_copy(update={"server": running.server}) != running
    ready = all(step.done for step in steps if step.name != "mail")
    return desk.show(
        request,
        "installation.html",
        422 if error else 200,
        steps={step.name: step for step in steps},
        order=[step.name for step in steps],
        why=seal,
        forms=_forms(settings, typed or {}),
        own=settings.entity,
        settings=settings,
        changed=changed,
        can_restart=request.app.state.restart is not None,
        busy=_at_work(session) if changed else 0,
        ready=ready,
        doctor=list(diagnose(settings)) if ready else [],
        key_lines=look.lines(t.language) if look.fit else [],
        wrong=_wrong(error, t) if error else "",
    )
