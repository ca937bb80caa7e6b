"""The turn of the agenda: what is to come is planned anew, what is due is handed to whoever acts on its kind, from the set hour on.

A turn may be made as often as one likes: a row leaves the agenda once per revision, and whoever acts reads everything again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from config.options import calendar_of
from station import agenda, circuits, dunning, outbox, prompts
from station.agenda import Action
from station.derivation import stopped_words
from station.notices import money
from station.outbox import Parcel, Sender, Undelivered
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
        due, left = agenda.still_due(session, number, revision, today), agenda.is_done(session, number, revision)
    if due is None and not left:
        raise Undelivered("cet ordre ne vaut plus : l'agenda a changé / this order no longer counts: the agenda has changed", dropped=True)
    if due is not None and due.kind in ACTIONS:
        ACTIONS[due.kind](company, due, today)


def real_day(workstation: Workstation) -> date:
    """Today by the company's own clock."""
    return dunning.today_of(workstation)


def describe_turn(workstation: Workstation, day: date) -> list[dict[str, Any]]:
    """What would leave on a day as things stand, as JSON; nothing is written. Raises BadLadders, BadTemplate, OSError, NoBusinessDay."""
    found = list[dict[str, Any]]()
    for company in companies_of(workstation):
        if not may_leave(calendar_of(company.settings), day):
            continue
        with company.database.reading() as session:
            found += [_told(company.settings.entity, each) for each in dunning.preview(session, company, day, day, first=day)]
            found += [_told_prompt(company.settings.entity, each) for each in prompts.preview(session, company, day)]
            found += [_told_circuit(company.settings.entity, each) for each in circuits.due_on(session, day, company.settings.entity)]
    return found


def _told_prompt(entity: str, each: prompts.Coming) -> dict[str, Any]:
    return {
        "company": entity,
        "kind": each.kind,
        "object": each.object,
        "title": each.title,
        "level": each.level,
        "channel": "email",
        "day": each.day,
        "to": list(each.to),
    }


def _told_circuit(entity: str, each: circuits.Due) -> dict[str, Any]:
    """A circuit goes on by itself: nobody is written to by that alone."""
    told = {"object": str(each.run), "title": each.title, "level": f"{each.circuit} / {each.step}", "channel": "desk", "day": each.day}
    return {"company": entity, "kind": "circuit", **told, "to": []}


def _told(entity: str, each: dunning.Coming) -> dict[str, Any]:
    return {
        "company": entity,
        "kind": dunning.KIND,
        "object": str(each.listed.row.id),
        "invoice": each.listed.row.number,
        "customer": each.listed.customer.name,
        "level": each.action.level.name,
        "step": each.action.level.title,
        "channel": str(each.action.level.channel),
        "day": each.action.day.isoformat(),
        "balance": f"{each.claim.balance:.2f}",
        "asked": f"{each.claim.total:.2f}",
        "interest_until": each.claim.until.isoformat() if each.claim.interest is not None else None,
        "rate_missing": each.claim.missing,
        "to": list(each.address),
        "warned": [str(code) for code in each.action.warned],
    }


_WORDS: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "nothing": "{day} : rien ne partirait.", "some": "{day} : {count} action(s) partiraient ; rien n'est parti.",
        "done": "{day} : {planned} échéance(s) recalculée(s), {due} action(s) confiée(s) au poste en marche.",
        "no-day": "« {told} » n'est pas une date (exemples : 01/12/2026 ou 2026-12-01). Rien n'est parti.",
        "another-day": "--today demande --dry-run : rien ne part un autre jour qu'aujourd'hui. Rien n'est parti.",
        "nobody": "sans adresse", "with-costs": "{balance} ({asked} avec les frais)",
        "company": "Entité", "kind": "Action", "title": "Objet", "level": "Niveau", "channel": "Voie", "amount": "Montant", "to": "À qui",
        "kind-dunning": "relance client", "kind-approval": "rappel d'approbation", "kind-digest": "récapitulatif",
        "kind-circuit": "circuit", "channel-desk": "poste",
        "level-reminder": "au valideur", "level-deputy": "aussi aux suppléants", "level-manager": "au responsable",
        "channel-email": "courriel", "channel-letter": "lettre", "channel-registered": "lettre recommandée", "channel-call": "appel",
        "title-accounts": "ce qui attend, pour la comptabilité", "title-direction": "les sommes, pour la direction",
        "week": "semaine {week}",
    },
    "en": {
        "nothing": "{day}: nothing would leave.", "some": "{day}: {count} would leave; nothing left.",
        "done": "{day}: {planned} day(s) planned anew, {due} handed to the running station.",
        "no-day": '"{told}" is no date (examples: 2026-12-01 or 01/12/2026). Nothing left.',
        "another-day": "--today needs --dry-run: nothing leaves on another day than today. Nothing left.",
        "nobody": "no address", "with-costs": "{balance} ({asked} with costs)",
        "company": "Entity", "kind": "Action", "title": "About", "level": "Level", "channel": "By", "amount": "Amount", "to": "To",
        "kind-dunning": "reminder to a customer", "kind-approval": "reminder of an approval", "kind-digest": "digest",
        "kind-circuit": "circuit", "channel-desk": "desk",
        "level-reminder": "whoever is asked", "level-deputy": "deputies, too", "level-manager": "whoever manages them",
        "channel-email": "e-mail", "channel-letter": "letter", "channel-registered": "registered letter", "channel-call": "call",
        "title-accounts": "what waits, to the accounts", "title-direction": "the sums, to the direction",
        "week": "week {week}",
    },
}  # fmt: skip
_HEADS = ("company", "kind", "title", "level", "channel", "amount", "to")
NAMED = 5
"""Invoices that a line about several of them names; the others are counted."""
WIDEST = 44
"""Characters of a column; what is longer is cut in the table and whole in the JSON."""


def tick_words(key: str, language: str, **places: object) -> str:
    return _WORDS["en" if language == "en" else "fr"][key].format(**places)


def tick_lines(told: Sequence[Mapping[str, Any]], day: date, language: str) -> Iterator[str]:
    """The same as people read it: a sentence, then a table."""
    shown = day.strftime("%d/%m/%Y")
    if not told:
        yield tick_words("nothing", language, day=shown)
        return
    yield tick_words("some", language, day=shown, count=len(told))
    rows = [tuple(tick_words(head, language) for head in _HEADS), *(_cells(each, language) for each in told)]
    rows = [tuple(cell if len(cell) <= WIDEST else cell[: WIDEST - 1] + "…" for cell in row[:-1]) + row[-1:] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS) - 1)]
    for row in rows:
        yield "  " + "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1])).rstrip()
    shortened = [each for each in told if each.get("rate_missing")]
    for half, until in sorted({(each["rate_missing"], each["interest_until"] or "") for each in shortened}):
        about = [each["invoice"] for each in shortened if (each["rate_missing"], each["interest_until"] or "") == (half, until)]
        named = ", ".join(about[:NAMED]) + (f" (+ {len(about) - NAMED})" if len(about) > NAMED else "")
        yield f"  {named} : {stopped_words(half, date.fromisoformat(until) if until else None, language)}"


def _cells(each: Mapping[str, Any], language: str) -> tuple[str, ...]:
    def word(kind: str, name: str) -> str:
        return _WORDS["en" if language == "en" else "fr"].get(f"{kind}-{name}", name)

    where = ", ".join(each["to"]) or ("" if each["kind"] == "circuit" else tick_words("nobody", language))
    kind, channel = word("kind", each["kind"]), word("channel", each["channel"])
    if "invoice" not in each:
        week = str(each["level"]).rpartition("-W")[2] if each["kind"] == prompts.DIGEST else ""
        level = tick_words("week", language, week=int(week)) if week else word("level", each["level"])
        return each["company"], kind, each["title"] or word("title", each["object"]), level, channel, "", where
    balance, asked = (money(each[name], "EUR", language) for name in ("balance", "asked"))
    amount = balance if balance == asked else tick_words("with-costs", language, balance=balance, asked=asked)
    return each["company"], kind, f"{each['invoice']}, {each['customer']}", each["step"], channel, amount, where


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
