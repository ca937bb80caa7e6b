"""The second factor as pages ask for it: a code of this moment, or one in reserve."""

import logging
from datetime import timedelta
from pathlib import Path

import segno
from fastapi import Request
from sqlalchemy.orm import Session

from station import people as acts
from station import totp
from station.people import Act
from station.records import people
from station.records.tables import Person
from station.web import desk, visits

log = logging.getLogger("sceau.web")


def shows_code(request: Request, person: Person, typed: str) -> bool:
    """Whether the code is this moment's, or one in reserve; each serves once."""
    house = desk.workstation_of(request)
    if person.totp_secret is None:
        return False
    if not totp.looks_so(typed):
        return _in_reserve(request, person, typed)
    try:
        secret = totp.unlock_secret(totp.code_key(house.home), person.pseudonym, person.totp_secret)
    except totp.LostKey:
        log.exception("keys/codes is not the key of this database: put it back from the backup; codes in reserve serve meanwhile")
        return False
    step = totp.accepted_step(secret, typed, visits.moment_of(request), person.totp_step)
    if step is None:
        return False
    with house.database.writing() as session:
        return people.accept_step(session, person, step)


def _in_reserve(request: Request, person: Person, typed: str) -> bool:
    house = desk.workstation_of(request)
    with house.database.writing() as session:
        used = acts.spend_recovery(session, Act(house.settings.entity, person, house.clock()), person, typed)
    if used:
        visits.tell(request, "recovery code used", person)
    return used


def pending_secret(request: Request, person: Person) -> str | None:
    """The secret that waits for its first code, in base32."""
    if person.totp_secret is not None or person.totp_pending is None:
        return None
    try:
        return totp.unlock_secret(totp.code_key(desk.workstation_of(request).home), person.pseudonym, person.totp_pending)
    except totp.LostKey:
        return None


def lock_old(session: Session, home: Path) -> None:
    """At the start: what an older version kept open is locked away."""
    try:
        locked = acts.lock_old_secrets(session, totp.code_key(home))
    except totp.LostKey:
        log.exception("keys/codes is no key: put it back from the backup; codes in reserve serve meanwhile, and so do passwords")
        return
    if locked:
        log.info("%s secrets of codes are locked away now", locked)


def qr_address(text: str) -> str:
    """A QR code as an address that an image shows without asking anybody."""
    return str(segno.make(text, error="m").svg_data_uri(scale=4, border=4, dark="#000", light="#fff", nl=False))


def open_since() -> timedelta:
    """Visits older than this are over by themselves."""
    return timedelta(seconds=visits.WORKDAY)
