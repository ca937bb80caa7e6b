"""What is to leave the house: what waits, what failed and why; and the addresses to which events are told."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from station import outbox, webhooks
from station.outbox import Gone
from station.outbox import Sent as Where
from station.records import people
from station.records.documents import Unknown
from station.records.tables import OutboxRow
from station.web import desk
from station.web.words import Words

router = APIRouter()
ADDRESS = "/envois"
SHOWN = 100
Text = Annotated[str, Form(max_length=500)]
LOOKS = {
    Where.WAITING: ("busy", "hourglass"),
    Where.SENT: ("good", "circle-check"),
    Where.DEAD: ("bad", "circle-x"),
    Where.DROPPED: ("calm", "archive"),
}


@router.get(ADDRESS)
def sendings_page(request: Request, session: desk.InReading) -> Response:
    """What failed first, then what waits, then what left lately; and the subscriptions."""
    return _page(request, session)


@router.post(f"{ADDRESS}/{{number}}/retry")
def retry(request: Request, session: desk.InWriting, number: int) -> Response:
    """It is due at once, its tries counted anew."""
    return _act(request, lambda: outbox.retry_now(session, desk.entity_of(request), number, desk.workstation_of(request).clock()), "retry")


@router.post(f"{ADDRESS}/{{number}}/drop")
def drop(request: Request, session: desk.InWriting, number: int) -> Response:
    """It will not be sent, and what was written is removed."""
    return _act(request, lambda: outbox.give_up(session, desk.entity_of(request), number, desk.workstation_of(request).clock()), "drop")


@router.post(f"{ADDRESS}/webhooks")
def subscribe(
    request: Request,
    session: desk.InReading,
    person: desk.SignedIn,
    url: Text = "",
    events: Annotated[list[str], Form(max_length=len(webhooks.NAMES))] = [],  # noqa: B006 FastAPI copies it
) -> Response:
    """A subscription; its secret is shown on this answer and nowhere else."""
    workstation = desk.workstation_of(request)
    try:
        with workstation.database.writing() as writing:
            row = webhooks.subscribe(writing, workstation, desk.entity_of(request), url.strip(), events, person)
    except webhooks.BadSubscription as error:
        return _page(request, session, error.reason, {"url": url, "events": events})
    return desk.show(request, "webhook.html", webhook=row)


@router.post(f"{ADDRESS}/webhooks/{{number}}/end")
def unsubscribe(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int) -> Response:
    now = desk.workstation_of(request).clock()
    return _act(request, lambda: webhooks.unsubscribe(session, desk.entity_of(request), number, person, now), "end")


def _act(request: Request, act: Any, flash: str) -> Response:
    try:
        act()
    except Gone as error:
        raise Unknown(str(error)) from error
    return desk.go_to(request, ADDRESS, f"flash.sending-{flash}")


def show_row(row: OutboxRow, t: Words) -> dict[str, Any]:
    """One line. Of a message neither address nor text is shown: who it is for is told by its key."""
    tone, icon = LOOKS[Where(row.state)]
    when = row.done_at or row.try_at
    return {
        "id": row.id,
        "kind": t.known("sendings.kind", row.kind),
        "key": row.key,
        "state": t(f"sendings.state-{row.state}"),
        "tone": tone,
        "icon": icon,
        "tries": row.tries,
        "put": t.moment(row.put_at),
        "when": t(f"sendings.when-{row.state}", at=t.moment(when)),
        "trouble": _in_language(row.trouble, t),
        "open": row.state in (Where.WAITING, Where.DEAD),
    }


def _in_language(trouble: str | None, t: Words) -> str:
    """Troubles are noted in both languages, « français / English »."""
    french, slash, english = (trouble or "").partition(" / ")
    return english if slash and t.language == "en" else french


def _page(request: Request, session: Session, wrong: str = "", typed: dict[str, Any] | None = None) -> Response:
    t, entity = desk.words_of(request), desk.entity_of(request)
    rows = [*outbox.rows_of(session, entity, (Where.DEAD,), SHOWN), *outbox.rows_of(session, entity, (Where.WAITING,), SHOWN)]
    done = outbox.rows_of(session, entity, (Where.SENT, Where.DROPPED), 20)
    subscribed = webhooks.subscriptions(session, entity)
    who = people.logins_of(session, [row.made_by for row in subscribed])
    counts = outbox.counts_of(session, entity)
    return desk.show(
        request,
        "sendings.html",
        422 if wrong else 200,
        counts=[(state, t(f"sendings.state-{state}"), counts[state], *LOOKS[state]) for state in Where],
        rows=[show_row(row, t) for row in rows],
        done=[show_row(row, t) for row in done],
        webhooks=[
            {"id": row.id, "url": row.url, "events": row.events, "by": who.get(row.made_by, row.made_by), "at": t.moment(row.made_at)}
            for row in subscribed
        ],
        names=[(name, t(f"sendings.event-{name}")) for name in webhooks.NAMES],
        mail_set=bool(desk.workstation_of(request).settings.mail.host),
        typed=typed or {"url": "", "events": []},
        wrong=wrong and t(f"sendings.wrong-{wrong}"),
    )
