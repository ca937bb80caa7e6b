"""The turn of the agenda: what is to come is planned anew, what is due is handed to whoever acts on its kind, from the set hour on.

A turn may be made as often as one likes: a row leaves the agenda once per revision, and whoever acts reads everything again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from config.options import calendar_of
from station import agenda, dunning, outbox, prompts
from station.agenda import Action
from station.outbox import Parcel, Sender
from station.workstation import Workstation
from workflow.calendar import may_leave

ACTIONS: Mapping[str, Action] = {dunning.KIND: dunning.remind, prompts.KIND: prompts.remind, prompts.DIGEST: prompts.send_digest}
"""Who acts on a kind of the agenda. Kinds that are only for people do not stand here and are not enqueued."""
PLANNERS: tuple[Callable[[Workstation, date], int], ...] = (dunning.plan_reminders, prompts.plan_prompts)
"""What looks at the world and says what is to come, for one company."""
TURN_SECONDS = 60.0
MOST_LOTS = 40
"""Lots of the outbox in one turn: some thousand reminders, then the agenda is looked at again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did, or would do."""

    planned: int
    """Rows that changed."""
    due: int


def companies_of(workstation: Workstation) -> list[Workstation]:
    """The house as each of its companies sees it."""
    return [replace(workstation, settings=workstation.settings.of_company(entity)) for entity in workstation.settings.entities]


def tick(workstation: Workstation, today: date) -> Turn:
    """Plan, then enqueue what is due. Idempotent. Raises what a planner raises, after all others had their turn."""
    planned, trouble = _plan_all(workstation, today)
    due = sum(_enqueue(company, today) for company in companies_of(workstation))
    if trouble is not None:
        raise trouble
    return Turn(planned, due)


def _plan_all(workstation: Workstation, today: date) -> tuple[int, Exception | None]:
    """How many rows changed, and the first trouble: a ladder that is not admitted must not silence what approvers are told."""
    planned, trouble = 0, None
    for company in companies_of(workstation):
        for plan in PLANNERS:
            try:
                planned += plan(company, today)
            except Exception as error:  # noqa: BLE001 told by the caller, once all had their turn
                trouble = trouble or error
    return planned, trouble


def _enqueue(company: Workstation, today: date) -> int:
    if not may_leave(calendar_of(company.settings), today):
        return 0
    kinds = [kind for kind in ACTIONS if kind != dunning.KIND or company.settings.dunning.active]
    with company.database.reading() as session:
        if not agenda.due_rows(session, company.settings.entity, today, kinds):
            return 0
    with company.database.writing() as session:
        return agenda.enqueue_due(session, company.settings.entity, today, company.clock(), kinds)


def act_on(workstation: Workstation, parcel: Parcel) -> None:
    """A `station.outbox.Sender`: hands a row that is still due to whoever acts on it, as its company."""
    number, revision = int(parcel.payload["agenda"]), int(parcel.payload["revision"])
    company = replace(workstation, settings=workstation.settings.of_company(parcel.entity))
    today = dunning.today_of(company)
    with company.database.reading() as session:
        due = agenda.still_due(session, number, revision, today)
    if due is not None and due.kind in ACTIONS:
        ACTIONS[due.kind](company, due, today)


def real_day(workstation: Workstation) -> date:
    """Today by the company's own clock."""
    return dunning.today_of(workstation)


def describe_turn(workstation: Workstation, day: date) -> list[dict[str, Any]]:
    """What would leave on a day as things stand, as JSON; nothing is written. Raises BadLadders, BadTemplate, OSError, NoBusinessDay."""
    found = list[dict[str, Any]]()
    for company in companies_of(workstation):
        entity = company.settings.entity
        with company.database.reading() as session:
            found += [_told(entity, each) for each in dunning.preview(session, company, day, day, first=day)]
            others = [kind for kind in ACTIONS if kind != dunning.KIND]
            for row in agenda.due_rows(session, entity, day, others):
                found.append({"company": entity, "kind": row.kind, "object": row.object, "level": row.level, "day": row.day})
    return found


def _told(entity: str, each: dunning.Coming) -> dict[str, Any]:
    return {
        "company": entity,
        "kind": dunning.KIND,
        "object": str(each.listed.row.id),
        "invoice": each.listed.row.number,
        "customer": each.listed.customer.name,
        "level": each.action.level.name,
        "channel": str(each.action.level.channel),
        "day": each.action.day.isoformat(),
        "balance": f"{each.claim.balance:.2f}",
        "asked": f"{each.claim.total:.2f}",
        "to": list(each.address),
        "warned": [str(code) for code in each.action.warned],
    }


def tick_lines(told: Sequence[Mapping[str, Any]], day: date, language: str) -> Iterator[str]:
    """The same as people read it."""
    english = language == "en"
    shown = day.strftime("%d/%m/%Y")
    if not told:
        yield f"{shown}: nothing would leave." if english else f"{shown} : rien ne partirait."
        return
    yield (
        f"{shown}: {len(told)} would leave; nothing left."
        if english
        else f"{shown} : {len(told)} action(s) partiraient ; rien n'est parti."
    )
    for each in told:
        if "invoice" not in each:
            yield f"  {each['company']}  {each['kind']}  {each['object']}  {each['level']}"
            continue
        where = ", ".join(each["to"]) or ("no address" if english else "sans adresse")
        asked = "" if each["asked"] == each["balance"] else f" ({each['asked']})"
        what = f"{each['customer']}, {each['invoice']}: {each['level']}, {each['channel']}, {each['balance']} EUR{asked}, {where}"
        yield f"  {each['company']}  {what}"


SENDERS: Mapping[str, Sender] = {agenda.KIND: act_on}


def tend_agenda(workstation: Workstation) -> int:
    """One turn of a running worker: plans; from the set hour on enqueues and acts. Returns how many left. Raises what a planner raises,
    once all that could leave has left."""
    local = workstation.clock().astimezone(ZoneInfo(workstation.settings.calendar.time_zone))
    _, trouble = _plan_all(workstation, local.date())
    if local.hour >= workstation.settings.dunning.hour:
        for company in companies_of(workstation):
            _enqueue(company, local.date())
    left = _deliver_lots(workstation)
    if trouble is not None:
        raise trouble
    return left


def _deliver_lots(workstation: Workstation) -> int:
    left = 0
    for _ in range(MOST_LOTS):
        lot = outbox.deliver_due(workstation, SENDERS)
        left += lot
        if not lot:
            break
    return left
