"""The turn of the agenda: what is to come is planned anew, what is due is handed to whoever acts on its kind, from the set hour on.

A turn may be made as often as one likes: a row leaves the agenda once per revision, and whoever acts reads everything again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

from config.options import calendar_of
from station import agenda, dunning, outbox
from station.agenda import Action
from station.outbox import Parcel, Sender
from station.workstation import Workstation
from workflow.calendar import may_leave

ACTIONS: Mapping[str, Action] = {dunning.KIND: dunning.remind}
"""Who acts on a kind of the agenda. Kinds that are only for people do not stand here and are not enqueued."""
PLANNERS: tuple[Callable[[Workstation, date], int], ...] = (dunning.plan_reminders,)
"""What looks at the world and says what is to come, for one company."""
TURN_SECONDS = 60.0


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
    """Plan, then enqueue what is due. Idempotent."""
    planned = due = 0
    for company in companies_of(workstation):
        planned += sum(plan(company, today) for plan in PLANNERS)
        due += _enqueue(company, today)
    return Turn(planned, due)


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


SENDERS: Mapping[str, Sender] = {agenda.KIND: act_on}


def tend_agenda(workstation: Workstation) -> int:
    """One turn of a running worker: plans; from the set hour on enqueues and acts. Returns how many left."""
    local = workstation.clock().astimezone(ZoneInfo(workstation.settings.calendar.time_zone))
    if local.hour >= workstation.settings.dunning.hour:
        tick(workstation, local.date())
    else:
        for company in companies_of(workstation):
            for plan in PLANNERS:
                plan(company, local.date())
    return outbox.deliver_due(workstation, SENDERS)
