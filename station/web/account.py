"""One's own account: password, second factor, deputies; and showing again who one is before what cannot be undone."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from station import people as acts
from station import totp
from station.people import Act, Refused, RoleDays
from station.records import entrance, people
from station.records.tables import Person, Visit
from station.web import codes, desk, visits
from station.web.addresses import local_address
from station.web.entrance import passwords_open
from station.web.oidc import label_of
from station.web.visits import address_of
from station.web.wards import typed_form
from station.web.words import Words
from workflow.roles import DELEGABLE, Role

log = logging.getLogger("sceau.web")
router = APIRouter()
Text = Annotated[str, Form(max_length=200)]
Secret = Annotated[str, Form(max_length=1024)]
Typed = tuple[tuple[str, str], ...]
OWN_FIELDS = frozenset({"step_password", "step_code", "step_to"})
"""Of the page that asks again; everything else in its form is what was typed before."""


@dataclass(frozen=True, slots=True)
class ShownDelegation:
    number: int
    text: str
    mine: bool


@dataclass(frozen=True, slots=True)
class ShownVisit:
    """One place where somebody is signed in under this account."""

    begun: str
    browser: str
    address: str
    here: bool


@router.get("/account")
def account_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    return _page(request, session, person)


@router.post("/account/password")
def choose_password(
    request: Request, session: desk.InReading, person: desk.SignedIn, present: Secret = "", password: Secret = "", repeated: Secret = ""
) -> Response:
    """Another password, by whoever knows the present one."""
    if password != repeated:
        return _page(request, session, person, "repeated")
    wait = request.app.state.throttle.wait_for(person.login, address_of(request))
    if wait or not _knows(request, person, present):
        return _page(request, session, person, "wait" if wait else "present")
    try:
        with desk.workstation_of(request).database.writing() as writing:
            here = people.find_by_pseudonym(writing, person.pseudonym) or person
            acts.choose_password(writing, _act(request, here), here, password)
            visits.renew_badge(request, here)
    except Refused as error:
        return _page(request, session, person, error.reason)
    visits.make_sure(request)
    visits.tell(request, "password chosen", person)
    return desk.go_to(request, "/account", "flash.password")


@router.post("/account/code")
def change_code(request: Request, session: desk.InReading, person: desk.SignedIn, step: Text = "", code: Text = "") -> Response:
    """begin: a secret to scan; prove: the first code from it, answered by codes in reserve; renew: others; drop: none is asked any more."""
    home, reserve = desk.workstation_of(request).home, []
    try:
        with desk.workstation_of(request).database.writing() as writing:
            here = people.find_by_pseudonym(writing, person.pseudonym) or person
            act = _act(request, here)
            match step:
                case "begin":
                    acts.begin_code(here, totp.code_key(home))
                case "prove":
                    reserve = acts.prove_code(writing, act, here, code, visits.moment_of(request), totp.code_key(home))
                case "renew":
                    reserve = acts.renew_recovery(writing, act, here)
                case "drop":
                    acts.drop_code(writing, act, here)
                case _:
                    raise Refused("gone")
            visits.renew_badge(request, here)
    except Refused as error:
        return _page(request, session, person, error.reason)
    except totp.LostKey:
        log.exception("keys/codes is not the key of this database, or none: put it back from the backup")
        return _page(request, session, person, "code-key")
    visits.tell(request, f"second factor: {step}", person)
    if reserve:
        # Shown by this answer and by no other: only their hashes are kept.
        session.expire_all()
        return _page(request, session, person, reserve=reserve)
    return desk.go_to(request, "/account", None if step == "begin" else f"flash.code-{step}")


@router.post("/account/visits")
def end_others(request: Request, person: desk.SignedIn) -> Response:
    """Whatever is open under this account elsewhere ends; this visit goes on."""
    house = desk.workstation_of(request)
    with house.database.writing() as session:
        ended = entrance.end_others(session, person.pseudonym, str(request.session.get("visit") or ""), house.clock())
    visits.tell(request, "other visits ended", person, count=ended)
    return desk.go_to(request, "/account", "flash.visits")


@router.post("/account/delegations")
def delegate(
    request: Request, session: desk.InReading, person: desk.SignedIn, to: Text = "", role: Text = "", starts: Text = "", ends: Text = ""
) -> Response:
    try:
        first, last = acts.read_days(starts.strip(), ends.strip())
        with desk.workstation_of(request).database.writing() as writing:
            taker = people.find(writing, to.strip())
            if taker is None or not people.works_in(taker, desk.entity_of(request)) or role not in set(Role):
                raise Refused("deputy")
            acts.delegate_role(writing, _act(request, person), person, taker, RoleDays(Role(role), first, last))
    except Refused as error:
        return _page(request, session, person, error.reason)
    return desk.go_to(request, "/account", "flash.delegated")


@router.post("/account/delegations/{number}/end")
def end_delegation(request: Request, session: desk.InReading, person: desk.SignedIn, number: int) -> Response:
    try:
        with desk.workstation_of(request).database.writing() as writing:
            acts.end_delegation(writing, _act(request, person), person, number)
    except Refused as error:
        return _page(request, session, person, error.reason)
    return desk.go_to(request, "/account", "flash.delegation-ended")


# --- showing again who one is ---


@router.get("/confirm")
def confirm_first(request: Request, to: str = "/") -> Response:
    """Before a form is sent; one that was sent already comes with what was typed."""
    return confirm_page(request, local_address(to), None)


@router.post("/confirm")
def confirm(
    request: Request,
    person: desk.SignedIn,
    form: Annotated[Typed | None, Depends(typed_form)],
    step_password: Secret = "",
    step_code: Text = "",
    step_to: Text = "/",
) -> Response:
    """Right: the form goes on to where it was sent, by a redirection that keeps it (307); nothing has to be typed twice."""
    to, typed = local_address(step_to), tuple(pair for pair in form or () if pair[0] not in OWN_FIELDS)
    throttle, address = request.app.state.throttle, address_of(request)
    if throttle.wait_for(person.login, address):
        return confirm_page(request, to, typed, status=429, trouble="wait")
    if visits.by_provider(request) and not step_password and not step_code.strip():
        # They showed it there, in another page, and came back to go on here.
        if not visits.is_sure(request):
            return confirm_page(request, to, typed, status=401, trouble="provider-first")
        return RedirectResponse(to, status_code=307 if typed else 303)
    try:
        right = _proves(request, person, step_code) if step_code.strip() and person.totp_secret else _knows(request, person, step_password)
    except people.TooMany:
        return confirm_page(request, to, typed, status=429, trouble="busy")
    if not right:
        visits.tell(request, "confirmation refused", person, level=logging.WARNING)
        return confirm_page(request, to, typed, status=401, trouble="wrong")
    visits.make_sure(request)
    visits.tell(request, "confirmed", person)
    return RedirectResponse(to, status_code=307 if typed else 303)


def confirm_page(request: Request, to: str, typed: Typed | None, *, status: int = 200, trouble: str = "") -> Response:
    """Asks for password or code; `typed` None: there is nothing to send on, or it held a file."""
    kept = tuple(pair for pair in typed or () if pair[0] not in OWN_FIELDS)
    code = request.state.person.totp_secret is not None
    return desk.show(request, "confirm.html", status, to=to, typed=kept, lost=typed is None and status == 401, code=code, trouble=trouble,
        provider=label_of(request) if visits.by_provider(request) else "", password=request.state.person.password_hash is not None,
    )  # fmt: skip


def _knows(request: Request, person: Person, password: str) -> bool:
    """Whether this is the person's password; failures count with those of signing in. Raises TooMany."""
    right = people.fits(person, password) and passwords_open(request, person.login)
    throttle, address = request.app.state.throttle, address_of(request)
    (throttle.note_success if right else throttle.note_failure)(person.login, address)
    return right


def _proves(request: Request, person: Person, typed: str) -> bool:
    if codes.shows_code(request, person, typed):
        return True
    request.app.state.throttle.note_failure(person.login, address_of(request))
    return False


# --- the page ---


def _act(request: Request, person: Person) -> Act:
    workstation = desk.workstation_of(request)
    return Act(workstation.settings.entity, person, workstation.clock())


def _page(request: Request, session: Session, person: Person, wrong: str = "", reserve: Sequence[str] = ()) -> Response:
    t, today = desk.words_of(request), desk.workstation_of(request).clock().date()
    # Its person may just have changed it, beside this request's own reading.
    with desk.workstation_of(request).database.reading() as fresh:
        person = people.find_by_pseudonym(fresh, person.pseudonym) or person
        opened = entrance.open_visits(fresh, person.pseudonym, desk.workstation_of(request).clock() - codes.open_since())
        left = entrance.count_recovery(fresh, person.pseudonym)
        fresh.expunge_all()
    pending = codes.pending_secret(request, person)
    own = people.own_roles(session, person.pseudonym, today)
    others = [
        each
        for each in people.list_people(session)
        if each.pseudonym != person.pseudonym and each.ended_at is None and people.works_in(each, desk.entity_of(request))
    ]
    practice = desk.is_practice(desk.workstation_of(request))
    return desk.show(
        request,
        "account.html",
        422 if wrong else 200,
        roles=[t(f"role.{role}") for role in Role if role in own],
        pending=pending,
        choosing=person.password_ends is not None and not visits.by_provider(request),
        coded=person.totp_secret is not None,
        password=person.password_hash is not None and passwords_open(request, person.login),
        reserve=reserve,
        left=left,
        visits=_visits(request, opened, t),
        picture=pending and codes.qr_address(totp.enrolment_address(pending, person.login)),
        grouped=pending and " ".join(pending[at : at + 4] for at in range(0, len(pending), 4)),
        delegations=_shown(session, person, others, today, t),
        delegable=[(role, t(f"role.{role}")) for role in Role if role in own & DELEGABLE],
        # Whoever watches or administers is nobody's deputy: the list does not offer them.
        others=[
            each.login
            for each in others
            if people.may_enter(each, practice=practice) and people.own_roles(session, each.pseudonym, today) & DELEGABLE
        ],
        today=today.isoformat(),
        shortest=people.SHORTEST_PASSWORD,
        wrong=wrong and t(f"people.wrong-{wrong}"),
    )


def _shown(session: Session, person: Person, others: Sequence[Person], today: date, t: Words) -> list[ShownDelegation]:
    logins = {each.pseudonym: each.login for each in others}
    shown = []
    for row in people.delegations_of(session, person.pseudonym, today):
        mine = row.giver == person.pseudonym
        login, role = logins.get(row.taker if mine else row.giver, "—"), t(f"role.{row.role}")
        starts, ends = t.day(date.fromisoformat(row.starts)), t.day(date.fromisoformat(row.ends))
        text = t("account.delegated-to" if mine else "account.delegated-by", login=login, role=role, starts=starts, ends=ends)
        shown.append(ShownDelegation(row.id, text, mine))
    return shown


def _visits(request: Request, opened: Sequence[Visit], t: Words) -> list[ShownVisit]:
    mine = entrance.digest_of(str(request.session.get("visit") or ""))
    return [
        ShownVisit(t.moment(each.begun_at), each.browser or t("account.browser-unknown"), each.address, each.id == mine) for each in opened
    ]
