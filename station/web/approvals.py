"""The approver's desk: what waits for one's yes, one invoice at a time, on a telephone in one hand; and what waits for whom.

Plain forms, no script: every button sends which state of the task, and which values, it was shown with.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from PIL import Image
from sqlalchemy.orm import Session

from ocr.identifiers import compact
from station import circuits, review, tasks
from station.access import Act as Reading
from station.acts import shown_document
from station.deadlines import is_credit
from station.particulars import is_vouched
from station.records import people
from station.records import review as reviews
from station.records import tasks as records
from station.records.documents import Unknown, best_rows
from station.records.tables import Document, Person, Review, State, Task, TaskEvent
from station.records.tasks import APPROVAL, DONE, OPEN, QUESTION, Seat
from station.tasks import Act, Outcome
from station.web import access, desk, payables, show
from station.web.show import Badge
from station.web.words import Words
from station.workstation import Workstation
from workflow.approvals import Bar, Bound

router = APIRouter()
ADDRESS = "/approbations"
VIEWS = ("miennes", "equipe", "faites")
SIZE = 30
LARGEST_IMAGE = 200_000
"""Bytes of a page's light image: a telephone on a slow network shows it within a second or two."""
UNTYPED = frozenset({"reason", "question", "answer", "person", "nobody"})
"""What is wrong with the form itself; everything else happened meanwhile (409)."""
DONE_WORDS: Mapping[str, str] = {
    "approve": "flash.approval-approved",
    "refuse": "flash.approval-refused",
    "return": "flash.approval-returned",
    "ask": "flash.approval-asked",
    "answer": "flash.approval-answered",
    "delegate": "flash.approval-delegated",
    "reassign": "flash.approval-delegated",
}
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Card:
    """One line of the list."""

    number: int
    title: str
    supplier: str
    reference: str
    amount: str
    due: "Due | None"
    kind: str
    part: str
    """« 1re approbation sur 2 »; empty where there is one."""
    asked: str
    since: str
    nobody: bool = False
    """None of those who are asked may decide."""
    done: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    day: str
    left: str
    badge: Badge


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the history."""

    at: str
    text: str
    quote: str


# --- the list ---


@router.get(ADDRESS)
def approvals_page(request: Request, person: desk.SignedIn, vue: str = "miennes", page: int = 1) -> Response:
    """What waits for me, what is due first at the top; what waits for whom; what I decided."""
    workstation, t, entity = desk.workstation_of(request), desk.words_of(request), desk.entity_of(request)
    # An approval of values that changed a moment ago is not shown as if it were still asked.
    _catch_up(request)
    view, now = vue if vue in VIEWS else "miennes", workstation.clock()
    with workstation.database.reading() as session:
        seat = tasks.seat_of(session, person, entity, now.date())
        mine = records.asked_of(entity, seat)
        where = {"miennes": mine, "equipe": records.everyones(entity), "faites": records.decided_by(entity, person.pseudonym)}[view]
        found = records.list_tasks(session, where, done=view == "faites", page=page, size=SIZE)
        practice = workstation.settings.sealing.mode == "practice"
        seats = tasks.seats_in(session, entity, now.date(), practice=practice) if view == "equipe" else None
        return desk.show(
            request,
            "approvals.html",
            view=view,
            views=VIEWS,
            found=found,
            cards=[_card(session, task, seats, t, now) for task in found.rows],
            counts=records.count_tasks(session, mine, records.everyones(entity), t.today(now)),
            unmailed=_unmailed(workstation, person, t),
            accounts=_waiting_accounts(session, entity, person, now) if view == "miennes" else [],
        )


def _waiting_accounts(session: Session, entity: str, person: Person, now: datetime) -> list[tuple[int, str]]:
    """Accounts that wait for a second person and that this one may decide: number and supplier, the oldest first."""
    found = []
    for asked in reviews.pending_accounts(session, entity)[:SIZE]:
        if not review.is_barred(session, asked, person, now):
            row = session.get(Review, asked.document_id)
            found.append((asked.id, (row.supplier or row.title) if row is not None else asked.supplier))
    return found


def _catch_up(request: Request) -> None:
    tasks.catch_up(desk.workstation_of(request))
    circuits.catch_up(desk.house_of(request))


def _card(session: Session, task: Task, seats: tasks.Seats | None, t: Words, now: datetime) -> Card:
    bound = task.bound
    nobody = seats is not None and task.kind == APPROVAL and not tasks.addressed_people(session, task, now, seats)
    decided = ""
    if task.state == DONE and task.decided_at:
        decided = t("approval.decided-on", what=t(f"approval.decision-{task.decision}"), at=t.moment(task.decided_at))
    return Card(
        number=task.id,
        title=task.title,
        supplier=bound.get("supplier") or task.title,
        reference=bound.get("number") or "",
        amount=t.amount(bound["gross"], bound.get("currency") or None) if bound.get("gross") else t("approval.no-amount"),
        due=_due(task, t, now),
        kind=task.kind,
        part=_part(task, t),
        asked=_asked_words(session, task, t),
        since=t.moment(task.opened_at),
        nobody=nobody,
        done=decided,
    )


def _part(task: Task, t: Words) -> str:
    if task.kind == QUESTION or task.needed < 2:
        return ""
    return t("approval.part-first") if task.place == 1 else t("approval.part-second")


def _due(task: Task, t: Words, now: datetime) -> Due | None:
    if task.due is None:
        return None
    day, today = date.fromisoformat(task.due), t.today(now)
    left = (day - today).days
    words = t("approval.due-today") if left == 0 else t.count("approval.due-in" if left > 0 else "approval.due-late", abs(left))
    tone, symbol = ("bad", "clock") if left < 0 else ("watch", "clock") if records.is_urgent(task, today) else ("calm", "clock")
    return Due(t.day(day), words, Badge(words, tone, symbol))


def _asked_words(session: Session, task: Task, t: Words) -> str:
    """Of whom it is asked."""
    if task.person is not None:
        return t("approval.to-person", who=_login(session, task.person))
    return t("approval.to-group", group=task.group_name) if task.group_name else t("approval.to-role", role=t(f"role.{task.role}"))


def _login(session: Session, pseudonym: str) -> str:
    person = people.find_by_pseudonym(session, pseudonym)
    return (person.name or person.login) if person is not None else pseudonym


def _unmailed(workstation: Workstation, person: Person, t: Words) -> str:
    """Why nothing comes by e-mail; empty where it does."""
    if not workstation.settings.mail.host:
        return t("approval.no-server")
    return "" if person.email else t("approval.no-address")


# --- one task ---


@router.get(f"{ADDRESS}/{{number}}")
def approval_page(request: Request, person: desk.SignedIn, number: int, page: int = 1) -> Response:
    """What is asked, what it rests on, and the buttons of whoever may decide."""
    _catch_up(request)
    with desk.workstation_of(request).database.reading() as session:
        return _page(request, session, person, number, page=page)


@router.get(f"{ADDRESS}/{{number}}/page/{{page}}.jpg")
def approval_image(request: Request, session: desk.InReading, person: desk.SignedIn, number: int, page: int) -> Response:
    """A page as a light image: an image de travail, never evidence."""
    task = records.get_task(session, desk.entity_of(request), number)
    if task is None:
        raise HTTPException(404)
    document = shown_document(session, task.document_id)
    path = desk.workstation_of(request).light_image(document, page)
    if page not in {each.number for each in document.current_pages} or not path.is_file():
        raise HTTPException(404)
    access.note_document(request, person, Reading.IMAGE, f"{document.id} {page}")
    return Response(light_jpeg(path), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})


def light_jpeg(path: Path, largest: int = LARGEST_IMAGE) -> bytes:
    """The working image, coded again and made smaller until it has at most so many bytes."""
    data = path.read_bytes()
    if len(data) <= largest:
        return data
    with Image.open(path) as image:
        page = image.convert("RGB")
    for quality in (75, 60, 45, 30, 20):
        data = _coded(page, quality)
        if len(data) <= largest:
            return data
    while len(data) > largest and min(page.size) > 50:
        page = page.resize((page.width * 3 // 4, page.height * 3 // 4))
        data = _coded(page, 30)
    return data


def _coded(page: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    page.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


@router.post(f"{ADDRESS}/{{number}}")
def act_on_task(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    number: int,
    choice: Text = "",
    reason: Text = "",
    to: Annotated[str, Form(max_length=80)] = "",
    revision: Annotated[int, Form()] = -1,
    digest: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Approve, refuse, ask, answer, hand on; then the next one opens. What could not be done is said on the page."""
    workstation, entity = desk.workstation_of(request), desk.entity_of(request)
    task = records.get_task(session, entity, number)
    if task is None:
        return _gone(request)
    shown_document(session, task.document_id)
    outcome = tasks.carry_out(session, workstation, task, choice, Act(person, revision, digest, reason), to)
    if outcome is None:
        raise HTTPException(422)
    # In the language in which somebody decides they are written to.
    reviews.set_preference(session, person.pseudonym, "language", {"code": desk.words_of(request).language})
    if not outcome.done:
        status = 422 if outcome.wrong in UNTYPED else 409
        return _page(request, session, person, number, status, outcome, {"choice": choice, "reason": reason, "to": to})
    following = _next_task(session, person, entity, workstation.clock(), number)
    flash = "flash.approval-first" if choice == "approve" and outcome.following else DONE_WORDS[choice]
    return desk.go_to(request, f"{ADDRESS}/{following}" if following else ADDRESS, flash)


def _next_task(session: Session, person: Person, entity: str, now: datetime, than: int) -> int | None:
    """What waits for this person next, without what they are barred from."""
    seat = tasks.seat_of(session, person, entity, now.date())
    for task in records.list_tasks(session, records.asked_of(entity, seat), size=SIZE).rows:
        if task.id != than and (task.kind == QUESTION or tasks.bar_for(session, task, person, now) is None):
            return task.id
    return None


def _gone(request: Request) -> Response:
    return desk.show(request, "approval_gone.html", 404)


def _page(
    request: Request,
    session: Session,
    person: Person,
    number: int,
    status: int = 200,
    outcome: Outcome | None = None,
    typed: Mapping[str, str] | None = None,
    page: int = 1,
) -> Response:
    workstation, t, entity = desk.workstation_of(request), desk.words_of(request), desk.entity_of(request)
    task = records.get_task(session, entity, number)
    if task is None:
        return _gone(request)
    try:
        document = shown_document(session, task.document_id)
    except Unknown:
        return _gone(request)
    access.note_document(request, person, Reading.SEEN, document.id)
    now = workstation.clock()
    seat = tasks.seat_of(session, person, entity, now.date())
    credit = is_credit(document, best_rows(document)) or str(task.bound.get("gross") or "").startswith("-")
    bound, numbers = Bound(**task.bound), [each.number for each in document.current_pages]
    page = page if page in numbers else 1
    return desk.show(
        request,
        "approval.html",
        status,
        task=task,
        bound=bound,
        digest=bound.digest(),
        amount=_amount(bound, t, credit=credit),
        credit=credit,
        card=_card(session, task, None, t, now),
        why=_why_words(task, t),
        me=_me_words(session, task, seat, t),
        facts=_facts(session, document, bound, workstation, t),
        checked=show.show_findings(document.findings, t),
        history=_history(session, document.id, t),
        questions=[_question(session, each, t) for each in records.questions_of(session, task)],
        pages=numbers,
        shown_page=page,
        has_image=workstation.light_image(document, page).is_file(),
        document=document,
        debt=payables.debt_of(session, workstation, document, t) if document.state == State.SEALED else None,
        trouble=_trouble_words(session, outcome, task, t) if outcome else "",
        following=outcome.following if outcome and not outcome.done else None,
        stopped=_stopped(session, task, document, t),
        typed=typed or {},
        **_may(session, task, person, seat, now, t, practice=workstation.settings.sealing.mode == "practice"),
    )


def _amount(bound: Bound, t: Words, *, credit: bool) -> str:
    """Of a credit note with a minus, however it prints its amount: it reduces what is owed."""
    if not bound.gross:
        return t("approval.no-amount")
    return t.amount(f"-{bound.gross.removeprefix('-')}" if credit else bound.gross, bound.currency or None)


def _may(session: Session, task: Task, person: Person, seat: Seat, now: datetime, t: Words, *, practice: bool) -> dict[str, Any]:
    """Which buttons this person gets, or why none."""
    if task.kind == QUESTION:
        mine = task.state == OPEN and task.person == person.pseudonym
        return {"decides": False, "answers": mine, "hands": False, "bar": "", "approvers": [], "colleagues": []}
    seats = tasks.seats_in(session, task.entity, now.date(), practice=practice)
    bar = tasks.bar_for(session, task, person, now)
    decides = task.state == OPEN and bar is None
    hands = task.state == OPEN and bar not in (None, Bar.PREPARED) and bool(tasks.HANDING & seat.roles)
    able = tasks.able_people(session, task, now, seats) if decides or hands else {}
    return {
        "decides": decides,
        "answers": False,
        "hands": hands,
        "bar": t(f"approval.bar-{bar}") if bar and task.state == OPEN else "",
        "approvers": _choices(able, person, task.person),
        "colleagues": _choices({name: each for name, (each, held) in seats.items() if tasks.ANSWERING & held.roles}, person, None),
    }


def _choices(found: Mapping[str, Person], person: Person, without: str | None) -> list[tuple[str, str]]:
    """Login and name of those to choose from."""
    others = [each for name, each in found.items() if name not in (person.pseudonym, without)]
    return sorted((each.login, f"{each.name} ({each.login})" if each.name else each.login) for each in others)


def _why_words(task: Task, t: Words) -> str:
    """Which step of the house's table, and why this one."""
    why = task.why
    if "code" not in why:
        return str(why.get("text") or "")
    told = {name: str(why.get(name) or "") for name in ("amount", "least", "below")}
    # What weighs is the amount without its sign: « -3 120 ≥ 500 » would be no true sentence.
    currencies = {"amount": str(why.get("currency") or "") or None}
    places = {name: t.amount(text.removeprefix("-"), currencies.get(name, "EUR")) if text else "" for name, text in told.items()}
    if told["amount"].startswith("-"):
        places["amount"] = t("approval.why-credit", amount=places["amount"])
    step = t(f"approval.why-{why['code']}", **places, currency=str(why.get("currency") or ""))
    return t("approval.why-two", step=step) if why.get("two") else t("approval.why-one", step=step)


def _me_words(session: Session, task: Task, seat: Seat, t: Words) -> str:
    """Why it is this person who is asked; empty where they are not."""
    if not tasks.is_asked(task, seat):
        return ""
    if task.kind == QUESTION:
        return t("approval.me-question", who=_login(session, task.opened_by))
    if task.person is not None and task.person != seat.pseudonym:
        return t("approval.me-deputy", who=_login(session, task.person))
    if task.person is not None:
        return t("approval.me-person")
    if task.group_name:
        return t("approval.me-group", group=task.group_name)
    return t("approval.me-role", role=t(f"role.{task.role}"))


def _facts(session: Session, document: Document, bound: Bound, workstation: Workstation, t: Words) -> list[tuple[str, str, str]]:
    """Label, value, and what is known beside."""
    told = [
        (t.known("field", "supplier_name"), bound.supplier, ""),
        (t.known("field", "supplier_siren"), bound.siren, ""),
        (t.known("field", "invoice_number"), bound.number, ""),
    ]
    if bound.iban:
        vouched = is_vouched(session, document, compact(bound.iban), workstation.settings)
        beside = t("approval.iban-known") if vouched else t("approval.iban-new")
        told.append((t.known("field", "iban"), show.show_value("iban", bound.iban, None, t), beside))
    row = session.get(Review, document.id)
    if row is not None and row.done_at is not None and row.done_by:
        told.append((t("approval.reviewed"), _login(session, row.done_by), t.moment(row.done_at)))
    elif row is not None and reviews.is_settled(row):
        told.append((t("approval.reviewed"), t("approval.reviewed-by-nobody"), ""))
    return [line for line in told if line[1]]


def _question(session: Session, question: Task, t: Words) -> dict[str, str]:
    who, to = _login(session, question.opened_by), _login(session, question.person or "")
    waits = t("approval.waits-answer") if question.state == OPEN else t("approval.unanswered")
    return {
        "asked": t("approval.question-of", who=who, to=to),
        "question": question.question or "",
        "answer": question.reason or "",
        "waits": waits,
    }


def _stopped(session: Session, task: Task, document: Document, t: Words) -> str:
    """Why nobody can decide just now, or any more; empty where they can."""
    if task.state == records.CANCELLED:
        return t(f"approval.cancelled-{task.decision if task.decision in ('changed', 'gone', 'decided', 'withdrawn') else 'changed'}")
    if task.state == DONE:
        return ""
    if task.kind == APPROVAL and reviews.pending_accounts(session, task.entity, document.id):
        return t("approval.wrong-account")
    row = session.get(Review, document.id)
    return t("approval.wrong-review") if task.kind == APPROVAL and row is not None and not reviews.is_settled(row) else ""


def _trouble_words(session: Session, outcome: Outcome, task: Task, t: Words) -> str:
    """What happened, that nothing is lost, what to do."""
    if outcome.wrong in set(Bar):
        return t(f"approval.bar-{outcome.wrong}")
    if outcome.wrong == "faster":
        at = t.moment(task.decided_at) if task.decided_at else ""
        return t("approval.wrong-faster", who=_login(session, outcome.by), what=t(f"approval.decision-{task.decision}"), at=at)
    words = t(f"approval.wrong-{'person' if outcome.wrong == 'nobody' else outcome.wrong}")
    named = ", ".join(t(f"approval.part-{name}") for name in outcome.changes)
    return f"{words} {t('approval.changed-what', what=named)}" if named else words


def _history(session: Session, document_id: str, t: Words) -> list[Line]:
    return [_line(session, event, t) for event in records.events_of(session, document_id)]


def _line(session: Session, event: TaskEvent, t: Words) -> Line:
    who = t("approval.nobody") if event.actor == "system" else _login(session, event.actor)
    to = _login(session, str(event.told["to"])) if event.told.get("to") else ""
    text = t(f"approval.event-{event.what}", who=who, to=to)
    changes = ", ".join(t(f"approval.part-{name}") for name in event.told.get("changes") or ())
    if changes:
        text = f"{text} {t('approval.changed-what', what=changes)}"
    return Line(t.moment(event.at), text, str(event.told.get("question") or event.told.get("reason") or ""))
