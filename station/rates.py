"""The house's table of interest rates: what is shipped, and half-years that one person entered with their sources and another confirmed.

What is shipped always holds: a row of the house fills a half-year that the shipped table does not have, and never another's rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

import sqlalchemy as sa
from sqlalchemy.orm import Session

from config.legal import load_rates
from config.settings import Settings
from sealing.ledger import Event
from station.acts import actor_of
from station.derivation import first_day, read_day
from station.records import people
from station.records.database import open_database
from station.records.ledger import append_event
from station.records.tables import Person, RateRow
from workflow.interest import HalfRate, Rates

WAITING, CONFIRMED, REFUSED = "waiting", "confirmed", "refused"
GRADES = ("text", "secondary")
"""Read in the official text, or in a source that quotes it."""
AHEAD = timedelta(days=31)
"""Before a half-year begins its rates may be known already."""
MOST_RATE = Decimal(50)
LEAST_SOURCE = 12
"""Signs of a source: less names none."""
_KEY = "interest-rates"


class Refused(Exception):
    """It is not entered or not decided; `reason` is a key under `rates.wrong-…` of the words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Typed:
    """A half-year as it was typed."""

    half: str = ""
    """« 2027-H1 »."""
    ecb: str = ""
    ecb_since: str = ""
    ecb_source: str = ""
    ecb_grade: str = "text"
    legal: str = ""
    persons: str = ""
    legal_source: str = ""
    legal_grade: str = "text"


# --- the table that counts ---


def rates_of(session: Session, entity: str) -> Rates:
    """The shipped table with the confirmed half-years of a company, read once a session."""
    known: dict[str, Rates] = session.info.setdefault(_KEY, {})
    if entity not in known:
        query = sa.select(RateRow).where(RateRow.entity == entity, RateRow.state == CONFIRMED)
        known[entity] = completed(load_rates(), [half_of_row(row) for row in session.scalars(query.order_by(RateRow.id))])
    return known[entity]


def completed(shipped: Rates, entered: Sequence[HalfRate]) -> Rates:
    """The newest row of a half-year counts, unless the shipped table has it."""
    halves = {each.half: each for each in entered} | {each.half: each for each in shipped.halves}
    return replace(shipped, halves=tuple(halves[half] for half in sorted(halves)))


def half_of_row(row: RateRow) -> HalfRate:
    return HalfRate(
        row.half, Decimal(row.ecb), date.fromisoformat(row.ecb_since), row.ecb_source, row.ecb_grade, Decimal(row.legal), row.legal_source,
        row.legal_grade, Decimal(row.persons), row.legal_grade,
    )  # fmt: skip


def rates_here(settings: Settings) -> Rates:
    """For a command that asks nothing else of the records: the shipped table alone where there are none yet, or of a version before."""
    if settings.url == settings.own_file and not (settings.home / "sceau.db").exists():
        return load_rates()
    database = open_database(settings.url)
    try:
        with database.reading() as session:
            if not sa.inspect(session.connection()).has_table(RateRow.__tablename__):
                return load_rates()
            return rates_of(session, settings.entity)
    finally:
        database.close()


def listed_rows(session: Session, entity: str) -> list[RateRow]:
    """What was entered, the newest first."""
    return list(session.scalars(sa.select(RateRow).where(RateRow.entity == entity).order_by(RateRow.id.desc())))


# --- entering, deciding ---


def enter_half(session: Session, entity: str, typed: Typed, person: Person, at: datetime, today: date) -> RateRow:
    """It waits for another person. Raises Refused; nothing is written then."""
    row = RateRow(entity=entity, state=WAITING, actor=person.pseudonym, at=at, reason="", **_checked(typed, today))
    if session.scalar(sa.select(RateRow.id).where(RateRow.entity == entity, RateRow.half == row.half, RateRow.state == WAITING).limit(1)):
        raise Refused("waits")
    session.add(row)
    session.flush()
    _enter(session, row, "entered", person, at)
    return row


def decide_half(session: Session, entity: str, number: int, person: Person, at: datetime, *, confirmed: bool, reason: str = "") -> RateRow:
    """Another person read both sources again. Raises Refused."""
    query = sa.select(RateRow).where(RateRow.entity == entity, RateRow.id == number, RateRow.state == WAITING)
    row = session.scalar(query.with_for_update())
    if row is None:
        raise Refused("gone")
    if people.are_one(session, row.actor, person.pseudonym, row.at, at):
        raise Refused("own")
    if not confirmed and not reason.strip():
        raise Refused("reason")
    row.state, row.decided_by, row.decided_at = CONFIRMED if confirmed else REFUSED, person.pseudonym, at
    row.reason = reason.strip()[:2000]
    session.info.pop(_KEY, None)
    _enter(session, row, row.state, person, at)
    return row


def _checked(typed: Typed, today: date) -> dict[str, str]:
    half = typed.half.strip()
    shipped = {each.half for each in load_rates().halves}
    if half in shipped:
        raise Refused("shipped")
    try:
        begins = first_day(half)
    except ValueError as error:
        raise Refused("half") from error
    if half != f"{begins.year}-H{1 if begins.month == 1 else 2}" or not 2000 <= begins.year <= 2100:
        raise Refused("half")
    if begins > today + AHEAD:
        raise Refused("early")
    try:
        since = read_day(typed.ecb_since)
    except ValueError as error:
        raise Refused("since") from error
    if since > begins:
        raise Refused("since-later")
    sources = typed.ecb_source.strip(), typed.legal_source.strip()
    if any(not LEAST_SOURCE <= len(each) <= 300 for each in sources):
        raise Refused("source")
    if typed.ecb_grade not in GRADES or typed.legal_grade not in GRADES:
        raise Refused("grade")
    return {
        "half": half, "ecb": _rate(typed.ecb), "ecb_since": since.isoformat(), "ecb_source": sources[0], "ecb_grade": typed.ecb_grade,
        "legal": _rate(typed.legal), "persons": _rate(typed.persons), "legal_source": sources[1], "legal_grade": typed.legal_grade,
    }  # fmt: skip


def _rate(text: str) -> str:
    """« 2,65 % » → 2.65."""
    try:
        rate = Decimal(text.strip().removesuffix("%").strip().replace(",", "."))
    except InvalidOperation as error:
        raise Refused("rate") from error
    if not rate.is_finite() or not 0 <= rate < MOST_RATE or rate != rate.quantize(Decimal("0.01")):
        raise Refused("rate")
    return f"{rate:.2f}"


def _enter(session: Session, row: RateRow, what: str, person: Person, at: datetime) -> None:
    names = ("half", "ecb", "ecb_since", "ecb_source", "ecb_grade", "legal", "persons", "legal_source", "legal_grade")
    payload = {"what": f"rates {what}", "row": row.id, **{name: getattr(row, name) for name in names}, "reason": row.reason}
    append_event(session, Event(row.entity, "register", {}, actor_of(person), at, "system", payload))
