"""Who somebody is here whom the provider of identities showed: found by issuer and subject, linked once, with roles that it tells."""

from sqlalchemy.orm import Session

from config.settings import Provider
from sealing.ledger import Actor, ActorKind, Event
from station.oidc import Shown
from station.people import LOGIN, Act, Refused, RoleDays, enrol_person
from station.records import entrance, people
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Person, PersonRole
from workflow.roles import Role

PROVIDER = "provider"
"""Stands where the pseudonym of who gave a role would."""


class NoAccount(Exception):
    """The provider showed somebody for whom there is no account, or none that may be linked; `reason`: "nobody", "linked", "refused"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def admit(session: Session, act: Act, provider: Provider, shown: Shown) -> Person:
    """The person behind this subject. An account that nobody used by this provider before is linked if it was made for them.

    `act`: by nobody; the provider says so. Raises NoAccount.
    """
    person = entrance.find_identity(session, shown.issuer, shown.subject)
    if person is None:
        person = _invited(session, provider, shown)
        if person is not None and entrance.is_linked(session, shown.issuer, person.pseudonym):
            raise NoAccount("linked")
        if person is None:
            person = _made(session, act, provider, shown)
        entrance.link_identity(session, shown.issuer, shown.subject, person.pseudonym, act.at)
        _enter(session, act, person, {"what": "linked to the provider"})
    if person.ended_at is not None:
        raise NoAccount("nobody")
    _sync_roles(session, act, provider, shown, person)
    session.flush()
    return person


def _invited(session: Session, provider: Provider, shown: Shown) -> Person | None:
    """The account that an administrator made for them, if it is not over."""
    match provider.match:
        case "email":
            email = shown.email(trusted=provider.trust_email)
            found = None if email is None else people.find_by_email(session, email)
        case "login":
            login = shown.claims.get(provider.login_claim)
            found = people.find(session, login.strip().lower()) if isinstance(login, str) else None
        case "none":
            found = None
    return None if found is None or found.ended_at is not None or found.practice else found


def _made(session: Session, act: Act, provider: Provider, shown: Shown) -> Person:
    wanted = wanted_roles(provider, shown)
    if not provider.create or not wanted:
        raise NoAccount("nobody")
    email = shown.email(trusted=provider.trust_email) or ""
    told = shown.claims.get(provider.login_claim)
    login = (told if isinstance(told, str) else email).partition("@")[0].strip().lower()
    name = shown.claims.get("name")
    try:
        given = [RoleDays(role) for role in sorted(wanted)]
        person = enrol_person(session, act, login if LOGIN.fullmatch(login) else "", name if isinstance(name, str) else "", email, given)
    except Refused as error:
        raise NoAccount("refused") from error
    for row in people.grants_of(session, person.pseudonym):
        row.given_by = PROVIDER
    return person


def wanted_roles(provider: Provider, shown: Shown) -> frozenset[Role]:
    """What the settings give for what the provider says."""
    return frozenset(Role(each.role) for each in provider.roles if shown.carries(each.claim, each.value))


def _sync_roles(session: Session, act: Act, provider: Provider, shown: Shown, person: Person) -> None:
    """Roles that came by the provider go by it; what an administrator gave is theirs to take."""
    if not provider.roles:
        return
    wanted, rows = wanted_roles(provider, shown), people.grants_of(session, person.pseudonym)
    held = {row.role: row for row in rows if row.given_by == PROVIDER}
    for role in sorted(wanted - set(held)):
        session.add(PersonRole(pseudonym=person.pseudonym, role=role, given_by=PROVIDER, given_at=act.at))
        _enter(session, act, person, {"what": "role given", "role": role.value, "by": PROVIDER})
    for name in sorted(set(held) - wanted):
        held[name].taken_at, held[name].taken_by = act.at, PROVIDER
        _enter(session, act, person, {"what": "role taken", "role": str(name), "by": PROVIDER})
    if wanted != set(held):
        people.end_sessions(person)


def _enter(session: Session, act: Act, person: Person, told: dict[str, str]) -> None:
    actor = SYSTEM if act.by is None else Actor(act.by.pseudonym, ActorKind.HUMAN)
    append_event(session, Event(act.entity, "person", {}, actor, act.at, "system", {"person": person.pseudonym, **told}))
