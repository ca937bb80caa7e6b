"""Interest rates for late payment, half-year by half-year: what is shipped, and what one person entered and another confirms."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from config.legal import load_rates
from station import rates
from station.derivation import half_words
from station.rates import CONFIRMED, WAITING, Refused, Typed
from station.records import people
from station.records.tables import Person, RateRow
from station.web import desk
from station.web.words import Words
from workflow.interest import HalfRate, Rates, half_of

router = APIRouter()
ADDRESS = "/taux"
Short = Annotated[str, Form(max_length=300)]
Text = Annotated[str, Form(max_length=2000)]


@router.get(ADDRESS)
def rates_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """The table that counts, what waits for a second person, and the form of a new half-year."""
    return _page(request, session, person)


@router.post(ADDRESS)
def enter_half(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    half: Short = "",
    ecb: Short = "",
    ecb_since: Short = "",
    ecb_source: Short = "",
    ecb_grade: Short = "",
    legal: Short = "",
    persons: Short = "",
    legal_source: Short = "",
    legal_grade: Short = "",
) -> Response:
    """A half-year's rates, with their sources; they wait for another person."""
    typed = Typed(half, ecb, ecb_since, ecb_source, ecb_grade, legal, persons, legal_source, legal_grade)
    now, t = desk.workstation_of(request).clock(), desk.words_of(request)
    try:
        rates.enter_half(session, desk.entity_of(request), typed, person, now, t.today(now))
    except Refused as error:
        return _page(request, session, person, typed, error.reason)
    return desk.go_to(request, ADDRESS, "flash.rates-entered")


@router.post(f"{ADDRESS}/{{number}}")
def decide_half(
    request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, outcome: Short = "", reason: Text = ""
) -> Response:
    """Another person read the sources again: confirmed, and used from now on; or refused, with a reason."""
    confirmed, now = outcome == "confirm", desk.workstation_of(request).clock()
    try:
        rates.decide_half(session, desk.entity_of(request), number, person, now, confirmed=confirmed, reason=reason)
    except Refused as error:
        return _page(request, session, person, wrong=error.reason)
    return desk.go_to(request, ADDRESS, f"flash.rates-{'confirmed' if confirmed else 'refused'}")


def _page(request: Request, session: Session, person: Person, typed: Typed | None = None, wrong: str = "") -> Response:
    t, entity, now = desk.words_of(request), desk.entity_of(request), desk.workstation_of(request).clock()
    table, rows = rates.rates_of(session, entity), rates.listed_rows(session, entity)
    who = people.logins_of(session, [name for row in rows for name in (row.actor, row.decided_by or "") if name])
    shipped = {each.half for each in load_rates().halves}
    known = {each.half for each in table.halves}
    today = half_of(t.today(now))
    return desk.show(
        request,
        "rates.html",
        422 if wrong else 200,
        table=[_half(each, table, t, shipped=each.half in shipped) for each in reversed(table.halves)],
        missing="" if today in known else half_words(today, t.language),
        rows=[_row(row, who, t, own=people.are_one(session, row.actor, person.pseudonym, row.at, now)) for row in rows],
        typed=asdict(typed or Typed(half=_following(max(known)))),
        grades=rates.GRADES,
        wrong=wrong and t(f"rates.wrong-{wrong}"),
        wrong_form=bool(wrong) and typed is not None,
    )


def _following(half: str) -> str:
    year, number = half.split("-H")
    return f"{year}-H2" if number == "1" else f"{int(year) + 1}-H1"


def _half(each: HalfRate, table: Rates, t: Words, *, shipped: bool) -> dict[str, str]:
    return {
        "half": half_words(each.half, t.language),
        "ecb": _percent(each.ecb, t),
        "private": _percent(each.ecb + table.private_margin, t),
        "public": _percent(each.ecb + table.public_margin, t),
        "legal": _percent(each.legal, t),
        "floor": _percent(each.legal * table.floor_times, t),
        "grade": t(f"rates.grade-{each.ecb_grade}"),
        "legal_grade": t(f"rates.grade-{each.legal_grade}"),
        "source": each.ecb_source,
        "legal_source": each.legal_source,
        "from": t("rates.shipped") if shipped else t("rates.entered"),
    }


def _row(row: RateRow, who: Mapping[str, str], t: Words, *, own: bool) -> dict[str, Any]:
    decided = ""
    if row.decided_at is not None and row.decided_by:
        decided = t(f"rates.{row.state}-by", who=who.get(row.decided_by, row.decided_by), at=t.moment(row.decided_at))
    return {
        "id": row.id,
        "half": half_words(row.half, t.language),
        "facts": [
            (t("rates.ecb"), f"{_percent(Decimal(row.ecb), t)} % · {t.day(date.fromisoformat(row.ecb_since))}"),
            (t("rates.source-ecb"), f"{row.ecb_source} ({t(f'rates.grade-{row.ecb_grade}')})"),
            (t("rates.legal"), f"{_percent(Decimal(row.legal), t)} %"),
            (t("rates.persons"), f"{_percent(Decimal(row.persons), t)} %"),
            (t("rates.source-legal"), f"{row.legal_source} ({t(f'rates.grade-{row.legal_grade}')})"),
        ],
        "state": t(f"rates.state-{row.state}"),
        "tone": {WAITING: "busy", CONFIRMED: "good"}.get(row.state, "calm"),
        "icon": {WAITING: "clock", CONFIRMED: "circle-check"}.get(row.state, "circle-x"),
        "waits": row.state == WAITING,
        "own": own,
        "entered": t("rates.entered-by", who=who.get(row.actor, row.actor), at=t.moment(row.at)),
        "decided": decided,
        "reason": row.reason,
    }


def _percent(rate: Decimal, t: Words) -> str:
    """Two decimals, as the table of the ECB has them."""
    told = f"{rate:.2f}"
    return told if t.language == "en" else told.replace(".", ",")
