"""The review desk: the clerk's queue, one invoice beside its sealed page, and accounts that wait for a second person.

Every page is a plain form; `review.js` adds keys, deep zoom and autosave on the same addresses.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from ocr.confidence import WATCHED
from ocr.suppliers import AMOUNTS
from ocr.values import LISTS, NAMES
from station import drift, learning, review
from station.acts import shown_document
from station.particulars import seems_ours
from station.records import documents, people
from station.records import review as records
from station.records.tables import AccountChange, Document, FieldRow, Person, Review
from station.review import COLUMNS, Clash, Mark, Outcome, Typed
from station.tiles import Pyramid, pyramid_of, tile_folder, tile_path
from station.web import desk, grants, show
from station.web.learning import Line, crop_in, cut_crop, show_lines, upright_size
from station.web.show import Badge
from station.web.words import Words
from station.workstation import Workstation

router = APIRouter()
ADDRESS = "/relecture"
APPROVALS = "/approbations"
SIZE = 25
ALWAYS = (
    "supplier_name", "supplier_siren", "supplier_vat_id", "invoice_number", "issue_date", "due_date", "total_net", "total_tax",
    "total_gross", "currency", "iban", "order_reference",
)  # fmt: skip
"""Shown even where nothing was read: what the paper should say."""
SPARE_ROWS = 1
"""Empty rows under a table, to be filled."""
Text = Annotated[str, Form(max_length=2000)]
Rows = Annotated[str, Form(max_length=400_000)]

KEYS: Mapping[str, str] = {
    "next": "Tab",
    "previous": "Shift+Tab",
    "confirm": "Enter",
    "submit": "Ctrl+Enter",
    "edit": "F2",
    "page-next": "Alt+PageDown",
    "page-previous": "Alt+PageUp",
    "zoom": "Alt+Z",
    "rotate": "Alt+R",
    "hold": "Alt+H",
    "keys": "Alt+?",
    "alternative": "F4",
    "below": "ArrowDown",
    "above": "ArrowUp",
    "undo": "Ctrl+Z",
    "redo": "Ctrl+Y",
}
"""What each key does, in the order of the overlay; each person may choose others."""
_PLAIN_KEYS = frozenset({"Tab", "Enter", "ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", *(f"F{n}" for n in range(1, 13))})
_BROWSERS = frozenset(
    {"F1", "F5", "F6", "F7", "F11", "F12", "Alt+F4", "Alt+ArrowLeft", "Alt+ArrowRight", "Alt+Home", "Alt+D"}
    | {f"Ctrl+{key}" for key in "ACFLNOPRSTVWX"}
)
"""What browsers and editing take for themselves."""


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    label: str
    text: str
    numeric: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the form."""

    name: str
    label: str
    kind: str
    """date, amount, currency, type, identifier, text or rows."""
    text: str
    """As a person types it; of a list its rows as JSON."""
    was: str
    """The text that the sender of the form was shown, before what he typed."""
    line: Line | None
    state: str
    """Of what the clerk said: confirmed, said, absent, unclear; empty where nothing was."""
    badge: Badge
    source: Badge | None
    stop: bool
    """To be looked at: the keys stop here."""
    needed: bool
    """The document cannot be submitted before something is said of it."""
    wrong: str | None
    sure: bool
    """Typed once more, the number is taken although its key does not fit."""
    signs: tuple[tuple[str, bool], ...]
    """The signs of the value, each with whether it is in doubt."""
    alternatives: tuple[str, ...]
    page: int | None
    box: tuple[int, ...] | None
    crop: str | None
    rows: tuple[tuple[Cell, ...], ...] = ()
    head: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """The strip of totals, or of a column."""

    text: str
    good: bool | None
    """None where it cannot be told."""


# --- the queue ---


@router.get(ADDRESS)
def queue_page(
    request: Request,
    person: desk.SignedIn,
    state: str = "waiting",
    mine: str = "",
    supplier: str = "",
    doubt: str = "",
    due: str = "",
    sort: str = "due",
    page: int = 1,
) -> Response:
    """What waits to be looked at, with its figures and filters."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    # What the queue notes of documents is brought up to date first, so that nothing that came a moment ago is missing.
    review.catch_up(workstation)
    wanted = records.Wanted(
        state if state in records.STATES else "waiting",
        bool(mine),
        supplier[:80],
        doubt if doubt in NAMES else "",
        due if re.fullmatch(r"\d{4}-\d\d-\d\d", due) else "",
        sort if sort in records.SORTS else "due",
    )
    with workstation.database.reading() as session:
        entity, now = workstation.settings.entity, workstation.clock()
        today = t.today(now)
        found = records.list_queue(session, entity, wanted, person.pseudonym, today, page, SIZE)
        who = people.logins_of(session, [name for row in found.rows for name in (row.holder, row.assigned_to, row.hold_by, row.done_by)])
        accounts = {asked.document_id: asked.id for asked in records.pending_accounts(session, entity)} if wanted.state == "account" else {}
        return desk.show(
            request,
            "review_queue.html",
            counts=records.count_queue(session, entity, person.pseudonym, today),
            found=found,
            rows=[show_row(row, who, person, now, t, accounts.get(row.document_id)) for row in found.rows],
            wanted=wanted,
            states=records.STATES,
            sorts=records.SORTS,
            watched=[(name, t.known("field", name)) for name in WATCHED],
            views=saved_views(session, person),
            query=urlencode([(key, value) for key, value in query_of(wanted).items() if value]),
            first=records.next_review(session, entity, person.pseudonym, now, sure=wanted.state == "sure"),
        )


def query_of(wanted: records.Wanted) -> dict[str, str]:
    """The address of a filtered queue."""
    told = {"state": wanted.state, "mine": "yes" if wanted.mine else "", "supplier": wanted.supplier, "doubt": wanted.doubt}
    return told | {"due": wanted.due, "sort": wanted.sort}


def show_row(row: Review, who: Mapping[str, str], person: Person, now: datetime, t: Words, account: int | None = None) -> dict[str, Any]:
    """One line of the queue."""
    late = row.due is not None and row.due < now.date().isoformat()
    other = review.held_by_other(row, person, now)
    return {
        "address": f"{ADDRESS}/comptes/{account}" if account else f"{ADDRESS}/{row.document_id}",
        "id": row.document_id,
        "supplier": row.supplier or row.title,
        "number": row.number,
        "gross": t.amount(row.gross, row.currency) if row.gross else "",
        "due": t.day(date.fromisoformat(row.due)) if row.due else "",
        "late": late,
        "doubts": [doubt_words(name, t) for name in row.doubts if name not in records.RETURNED],
        "returned": next((t(f"review.returned-{name}") for name in row.doubts if name in records.RETURNED), ""),
        "received": t.moment(row.received_at),
        "holder": t("review.held-by", who=who.get(other, other), minutes=_minutes(now, row.active_at)) if other else None,
        "assigned": who.get(row.assigned_to or "", row.assigned_to),
        "reason": row.hold_reason,
        "by": who.get(row.hold_by or "", row.hold_by),
        "until": t.day(date.fromisoformat(row.postponed_until)) if row.postponed_until else None,
        "done": _done_words(row, who, t),
    }


def _done_words(row: Review, who: Mapping[str, str], t: Words) -> str | None:
    if row.done_at is None:
        return None
    if row.done_by is None:
        return t("review.done-unopened", at=t.moment(row.done_at))
    return t("review.done-by", who=who.get(row.done_by, row.done_by), at=t.moment(row.done_at))


def doubt_words(name: str, t: Words) -> str:
    return t("review.unread") if name == "reading" else t.known("field", name)


def _minutes(now: datetime, then: datetime | None) -> int:
    return max(0, int((now - then).total_seconds() // 60)) if then else 0


def saved_views(session: Session, person: Person) -> list[dict[str, str]]:
    return list(records.preference(session, person.pseudonym, "views").get("views", []))


@router.post(f"{ADDRESS}/vues")
def save_view(
    request: Request, session: desk.InWriting, person: desk.SignedIn, name: Text = "", query: Text = "", drop: Text = ""
) -> Response:
    """Keep this filter under a name, or forget one."""
    views = [view for view in saved_views(session, person) if view["name"] not in (name.strip()[:40], drop)]
    if name.strip() and not drop:
        views = [*views, {"name": name.strip()[:40], "query": query[:300]}][-12:]
    records.set_preference(session, person.pseudonym, "views", {"views": views})
    return desk.go_to(request, f"{ADDRESS}?{query[:300]}" if query and not drop else ADDRESS, "flash.review-view")


# --- keys ---


def keys_of(session: Session, person: Person) -> dict[str, str]:
    """The keys in force for this person."""
    chosen = records.preference(session, person.pseudonym, "keys")
    return {action: str(chosen.get(action, usual)) for action, usual in KEYS.items()}


def key_trouble(chosen: Mapping[str, str]) -> str | None:
    """What is wrong with a set of keys: « single » letters, which screen readers own; « taken » by browsers; « twice »; « unknown »."""
    for combo in chosen.values():
        *held, key = combo.split("+") if not combo.endswith("++") else [*combo[:-2].split("+"), "+"]
        if not key or set(held) - {"Ctrl", "Alt", "Shift"} or (len(key) > 1 and key not in _PLAIN_KEYS):
            return "unknown"
        if key not in _PLAIN_KEYS and not {"Ctrl", "Alt"} & set(held):
            return "single"
        if combo in _BROWSERS:
            return "taken"
    return "twice" if len(set(chosen.values())) < len(chosen) else None


def key_words(t: Words, combo: str) -> str:
    """A key as it is written on the keyboard of who reads: « Maj+Tab », « ↓ »."""
    held, plus, key = combo.rpartition("+") if not combo.endswith("++") else (combo[:-2], "+", "+")
    return plus.join(t.catalogue.get(f"key.{each}", each) for each in (*filter(None, held.split("+")), key))


def _plain_combo(text: str) -> str:
    """« ctrl + alt+z » as `Ctrl+Alt+Z`."""
    parts = [part.strip() for part in text.strip().split("+")]
    parts = [part for part in parts if part] + (["+"] if text.strip().endswith("+") else [])
    if not parts:
        return ""
    named = {each.lower(): each for each in (*_PLAIN_KEYS, "Ctrl", "Alt", "Shift")}
    *held, key = [named.get(part.lower(), part.upper() if len(part) == 1 else part) for part in parts]
    return "+".join([*(each for each in ("Ctrl", "Alt", "Shift") if each in held), *(h for h in held if h not in named.values()), key])


@router.get(f"{ADDRESS}/touches")
def keys_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """Every key and what it does, each to be chosen anew."""
    return desk.show(
        request,
        "review_keys.html",
        keys=keys_of(session, person),
        usual=KEYS,
        wrong=None,
        key_words=partial(key_words, desk.words_of(request)),
    )


@router.post(f"{ADDRESS}/touches")
async def choose_keys(request: Request) -> Response:
    """Keep the keys of this person, or go back to the usual ones."""
    form = await request.form()
    return await run_in_threadpool(_choose_keys, request, {name: str(form.get(f"key-{name}", "")) for name in KEYS}, usual="usual" in form)


def _choose_keys(request: Request, typed: Mapping[str, str], *, usual: bool) -> Response:
    person: Person = request.state.person
    chosen = dict(KEYS) if usual else {name: _plain_combo(text) or KEYS[name] for name, text in typed.items()}
    wrong = key_trouble(chosen)
    if wrong is not None:
        return desk.show(
            request, "review_keys.html", 422, keys=typed, usual=KEYS, wrong=wrong, key_words=partial(key_words, desk.words_of(request))
        )
    with desk.workstation_of(request).database.writing() as session:
        records.set_preference(session, person.pseudonym, "keys", {} if usual else chosen)
    return desk.go_to(request, f"{ADDRESS}/touches", "flash.review-keys")


# --- accounts that wait for a second person ---


@router.get(f"{ADDRESS}/comptes/{{number}}")
def account_page(request: Request, session: desk.InReading, person: desk.SignedIn, number: int) -> Response:
    """Both crops side by side, and the two buttons of the second person."""
    return _account_page(request, session, person, number)


@router.get(f"{ADDRESS}/comptes/{{number}}/{{which}}.jpg")
def account_crop(session: desk.InReading, number: int, which: str) -> Response:
    """The piece of a page as it was when the account was asked for."""
    asked = _shown_account(session, number)
    data = {"new": asked.crop, "known": asked.earlier_crop}.get(which)
    if data is None:
        raise HTTPException(404)
    return Response(data, media_type="image/jpeg")


@router.post(f"{ADDRESS}/comptes/{{number}}")
def decide_account(
    request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, choice: Text = "", reason: Text = "", back: Text = ""
) -> Response:
    """The second person approves the account, or refuses it with a reason."""
    _shown_account(session, number)
    try:
        review.decide_account(session, desk.workstation_of(request), number, person, reason, approved=choice == "approve")
    except ValueError:
        return _account_page(request, session, person, number, 422)
    came = _back_of(request) if back != APPROVALS else APPROVALS
    return desk.go_to(request, came, "flash.account-approved" if choice == "approve" else "flash.account-refused")


def _back_of(request: Request) -> str:
    """Where somebody finds further accounts that wait: an approver is not shown the clerks' queue."""
    from_approvals = request.query_params.get("retour") == "approbations" or not grants.may(request.state.roles, "GET", ADDRESS)
    return APPROVALS if from_approvals else f"{ADDRESS}?state=account"


def _shown_account(session: Session, number: int) -> AccountChange:
    asked = session.get(AccountChange, number)
    if asked is None:
        raise HTTPException(404)
    shown_document(session, asked.document_id)
    return asked


def _account_page(request: Request, session: Session, person: Person, number: int, status: int = 200) -> Response:
    t, asked = desk.words_of(request), _shown_account(session, number)
    row = session.get(Review, asked.document_id)
    who = people.logins_of(session, [asked.asked_by, asked.decided_by])
    return desk.show(
        request,
        "review_account.html",
        status,
        asked=asked,
        iban=show.show_value("iban", asked.iban, None, t),
        known=[show.show_value("iban", iban, None, t) for iban in asked.known if iban != asked.iban],
        supplier=row.supplier if row else "",
        by=t("review.account-asked", who=who.get(asked.asked_by, asked.asked_by), at=t.moment(asked.asked_at)),
        own=review.is_barred(session, asked, person, desk.workstation_of(request).clock()),
        missing=status == 422,
        back=_back_of(request),
    )


# --- one invoice ---


@router.get(f"{ADDRESS}/{{document_id}}")
def review_page(request: Request, person: desk.SignedIn, document_id: str, page: int = 1) -> Response:
    """The sealed page beside its values."""
    workstation = desk.workstation_of(request)
    review.ensure_review(workstation, document_id)
    with workstation.database.reading() as session:
        return _review_page(request, session, person, document_id, number=page)


@router.post(f"{ADDRESS}/{{document_id}}")
async def send_form(request: Request, document_id: str) -> Response:
    """The whole form: kept (« save »), or submitted, and then the next one opens."""
    return await run_in_threadpool(_send_form, request, document_id, await request.form())


def _send_form(request: Request, document_id: str, form: FormData) -> Response:
    person: Person = request.state.person
    workstation = desk.workstation_of(request)
    revision = _whole_number(form.get("revision"))
    picks = {name: str(form.get(f"pick-{name}", "")) for name in NAMES}
    fields = [typed for typed in form_fields(form) if picks[typed.name] != "theirs"]
    # What was typed is kept whatever comes of the rest: first the events, then the submission, each a transaction.
    with workstation.database.writing() as session:
        kept = [typed for typed in fields if picks[typed.name] != "mine"]
        mine = [typed for typed in fields if picks[typed.name] == "mine"]
        outcome = review.save_form(session, workstation, document_id, kept, revision, person)
        if mine:
            review.save_form(session, workstation, document_id, mine, outcome.revision, person)
        seen = {typed.name for typed in mine} | {name for name, pick in picks.items() if pick}
        missed = missed_fields(session, document_id, revision, person)
        clashes = {clash.name: clash for clash in (*missed, *outcome.clashes) if clash.name not in seen}
        outcome = replace(outcome, clashes=tuple(clashes.values()), done=not clashes)
    if not outcome.done or form.get("action") != "submit":
        return _after_form(request, document_id, form, outcome, 409 if outcome.clashes else 200)
    with workstation.database.writing() as session:
        crop = crop_in(workstation)
        sure = records.is_sure(session, document_id)
        outcome = review.submit(session, workstation, document_id, person, crop, whole=form.get("whole") == "yes")
        following = records.next_review(session, desk.entity_of(request), person.pseudonym, workstation.clock(), document_id, sure=sure)
    if not outcome.done:
        return _after_form(request, document_id, form, outcome, 409 if outcome.clashes else 422)
    if following is None and review.catch_up(workstation):
        # Perhaps only because the queue was not noted yet.
        with workstation.database.reading() as session:
            following = records.next_review(session, desk.entity_of(request), person.pseudonym, workstation.clock(), document_id, sure=sure)
    flash = "flash.review-account" if outcome.account else "flash.review-done" if following else "flash.review-last"
    return desk.go_to(request, f"{ADDRESS}/{following}" if following else ADDRESS, flash)


def _after_form(request: Request, document_id: str, form: FormData, outcome: Outcome, status: int) -> Response:
    if status == 200:
        return desk.go_to(request, f"{ADDRESS}/{document_id}", "flash.review-saved")
    with desk.workstation_of(request).database.reading() as session:
        return _review_page(request, session, request.state.person, document_id, status, outcome, {f.name: f for f in form_fields(form)})


def missed_fields(session: Session, document_id: str, revision: int, person: Person) -> tuple[Clash, ...]:
    """What others said since the revision that the sender of a form saw."""
    events = records.events_of(session, document_id)
    draft = review.draft_of(events)
    found: dict[str, Clash] = {}
    for event in events:
        if event.revision > revision and event.actor != person.pseudonym and event.field:
            theirs = draft.get(event.field)
            found[event.field] = Clash(event.field, "", (theirs.value or theirs.typed) if theirs else None, event.actor, event.at)
    return tuple(found.values())


def form_fields(form: FormData) -> list[Typed]:
    """Fields of which the text is another than the form showed, and those that were ticked."""
    found = []
    for name in NAMES:
        text, was = _form_text(form, name), str(form.get(f"was-{name}", ""))
        ticked, absent = f"ok-{name}" in form, f"absent-{name}" in form
        sure = bool(text) and str(form.get(f"sure-{name}", "")) == text
        if text is None or not (text != was or ticked or absent or sure):
            continue
        found.append(Typed(name, text, absent=absent, sure=sure))
    return found


def _form_text(form: FormData, name: str) -> str | None:
    """Of a list, its cells `rows-<name>-<row>-<column>` as JSON."""
    if name not in LISTS:
        return str(form[f"v-{name}"]).strip() if f"v-{name}" in form else None
    if f"was-{name}" not in form:
        return None
    rows = []
    for number in range(review.MOST_ROWS):
        cells = {key: str(form.get(f"rows-{name}-{number}-{key}", "")).strip() for key in COLUMNS[name]}
        if f"rows-{name}-{number}-{COLUMNS[name][0]}" not in form:
            break
        if any(cells.values()):
            rows.append(cells)
    return rows_text(rows)


def rows_text(rows: Sequence[Mapping[str, str]]) -> str:
    return json.dumps([dict(row) for row in rows], ensure_ascii=False, separators=(",", ":")) if rows else ""


def _whole_number(text: object) -> int:
    return int(str(text)) if str(text).isdecimal() and len(str(text)) < 10 else 0


# --- one field at a time, for the script ---


@router.post(f"{ADDRESS}/{{document_id}}/champs")
def save_field(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    name: Text,
    text: Rows = "",
    revision: Annotated[int, Form()] = 0,
    seen: Annotated[int, Form()] = 0,
    absent: Text = "",
    sure: Text = "",
    page: Annotated[int | None, Form()] = None,
    box: Text = "",
) -> Response:
    """One field as it is typed; 409 where somebody said something else since the revision that the sender knows."""
    if name not in NAMES:
        raise HTTPException(404)
    corners = tuple(int(each) for each in box.split(",")) if re.fullmatch(r"\d{1,6}(,\d{1,6}){3}", box) else None
    typed = Typed(name, text.strip(), absent=bool(absent), sure=bool(sure), page=page, box=corners)
    outcome, _ = review.save_typed(session, desk.workstation_of(request), document_id, typed, revision, person)
    return _answer(request, session, document_id, outcome, [name], seen)


@router.post(f"{ADDRESS}/{{document_id}}/etat")
def field_state(request: Request, session: desk.InReading, document_id: str, name: Text = "", seen: Annotated[int, Form()] = 0) -> Response:
    """How a field stands, for who takes what somebody else said; without a name only what was said since."""
    shown_document(session, document_id)
    row = session.get(Review, document_id)
    return _answer(request, session, document_id, Outcome(True, row.revision if row else 0), [name], seen)


@router.post(f"{ADDRESS}/{{document_id}}/pas")
def step(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    way: Text = "undo",
    seen: Annotated[int, Form()] = 0,
    script: Text = "",
) -> Response:
    """Undo or redo, across fields."""
    name = review.step_back(session, desk.workstation_of(request), document_id, person, forward=way == "redo")
    if not script:
        return desk.go_to(request, f"{ADDRESS}/{document_id}", "flash.review-undone" if name else "flash.review-nothing")
    outcome = Outcome(name is not None, review.get_review(session, document_id).revision)
    return _answer(request, session, document_id, outcome, [name] if name else [], seen)


@router.post(f"{ADDRESS}/{{document_id}}/presence")
def presence(request: Request, session: desk.InWriting, person: desk.SignedIn, document_id: str) -> Response:
    """« I have it open »: who else has it, and since when nothing came from there."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    row = review.take_review(session, document_id, person, workstation.clock())
    return JSONResponse({"notice": _holder_words(session, row, person, workstation.clock(), t), "revision": row.revision})


def _holder_words(session: Session, row: Review, person: Person, now: datetime, t: Words) -> str:
    other = review.held_by_other(row, person, now)
    if other is None:
        return ""
    who = people.logins_of(session, [other]).get(other, other)
    return t("review.held-by", who=who, minutes=_minutes(now, row.active_at))


def _answer(request: Request, session: Session, document_id: str, outcome: Outcome, names: Sequence[str], seen: int) -> Response:
    """What the script shows: each field anew, what was said elsewhere meanwhile, the sums, and when it was saved."""
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    document = documents.get_document(session, document_id)
    # Of one's own, too: a page that was left, or another window, may have said them.
    since = (event.field for event in records.events_of(session, document_id) if event.revision > seen and event.field)
    others = [name for name in dict.fromkeys(since) if name not in names]
    wanted = {*names, *others}
    entries = {entry.name: entry for entry in entries_of(session, document, workstation, t, only=wanted)}
    told = {
        "ok": outcome.done,
        "revision": outcome.revision,
        "saved": t("review.saved", at=t.moment(workstation.clock()).split(" ")[1]),
        "fields": [_entry_json(entries[name], t) for name in names if name in entries],
        "others": [_entry_json(entries[name], t) for name in others if name in entries],
        "clashes": [_clash_json(clash, session, document, t) for clash in outcome.clashes],
        "strip": _strip_json(strip_of(session, document, t)),
    }
    return JSONResponse(told, 200 if outcome.done or not outcome.clashes else 409)


def _entry_json(entry: Entry, t: Words) -> dict[str, Any]:
    return {
        "name": entry.name,
        "text": entry.text,
        "state": entry.state,
        "stop": entry.stop,
        "needed": entry.needed,
        "tone": entry.badge.tone,
        "badge": entry.badge.text,
        "icon": str(desk.icon(entry.badge.icon)),
        "wrong": entry.wrong,
        "sure": entry.sure,
        "page": entry.page,
        "box": entry.box,
        "label": entry.label,
        "rows": [[cell.text for cell in row] for row in entry.rows],
        "place": t("document.page", n=entry.page) if entry.page else "",
    }


def _clash_json(clash: Clash, session: Session, document: Document, t: Words) -> dict[str, Any]:
    told = clash_words(clash, session, document, t)
    return {"name": clash.name, "mine": clash.mine, "theirs": told["theirs"], "words": told["words"]}


def clash_words(clash: Clash, session: Session, document: Document, t: Words) -> dict[str, str]:
    """Who says what of a field, as the clerk reads it."""
    currency = next((row.value for row in document.fields if row.name == "currency"), None)
    theirs = show.show_value(clash.name, clash.theirs, currency, t) if clash.theirs else t("review.nothing-said")
    who = people.logins_of(session, [clash.who]).get(clash.who, clash.who) or t("review.elsewhere")
    at = t.moment(clash.at).split(" ")[1] if clash.at else ""
    return {"name": clash.name, "theirs": theirs, "mine": clash.mine, "words": t("review.clash", who=who, at=at, value=theirs)}


def _strip_json(strip: Sum) -> dict[str, Any]:
    return {"text": strip.text, "good": strip.good}


@router.post(f"{ADDRESS}/{{document_id}}/file")
def set_aside(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    what: Text = "",
    reason: Text = "",
    until: Text = "",
    to: Text = "",
) -> Response:
    """Hold with a reason, postpone until a day, hand to a colleague, take it over, or take it up again."""
    workstation = desk.workstation_of(request)
    now, wrong = workstation.clock(), None
    review.get_review(session, document_id)
    try:
        match what:
            case "hold":
                review.hold_review(session, document_id, reason, person, now)
            case "postpone":
                review.postpone(session, document_id, date.fromisoformat(until), person, now)
            case "hand":
                review.hand_over(session, document_id, _colleague(session, request, to), reason, person, now)
            case "take":
                review.take_review(session, document_id, person, now, over=True)
            case "ours":
                review.say_ours(session, workstation, document_id, person)
            case "resume":
                review.resume_review(session, document_id, person, now)
            case _:
                raise HTTPException(404)
    except ValueError:
        wrong = what
    if wrong:
        return _review_page(request, session, person, document_id, 422, wrong_aside=wrong)
    if what in ("take", "resume", "ours"):
        return desk.go_to(request, f"{ADDRESS}/{document_id}", f"flash.review-{what}")
    following = records.next_review(session, desk.entity_of(request), person.pseudonym, now, document_id)
    return desk.go_to(request, f"{ADDRESS}/{following}" if following else ADDRESS, f"flash.review-{what}")


def _colleague(session: Session, request: Request, login: str) -> Person:
    found = {each.login: each for each in records.colleagues(session, practice=desk.is_practice(desk.workstation_of(request)))}
    if login not in found:
        raise ValueError(login)
    return found[login]


# --- images ---


@router.get(f"{ADDRESS}/{{document_id}}/image/{{number}}.json")
def image_facts(request: Request, session: desk.InReading, document_id: str, number: int) -> Response:
    """How the sealed page is cut into tiles, or that there is only the working image."""
    document, workstation, t = shown_document(session, document_id), desk.workstation_of(request), desk.words_of(request)
    archive = show.newest(document.archives)
    cut = pyramid_of(workstation, document_id, archive.sha256, number) if archive and 1 <= number <= 9999 else None
    if archive is None or cut is None:
        return JSONResponse({"sealed": False, "words": t("document.working-image")})
    told = {"width": cut.width, "height": cut.height, "side": cut.side, "levels": cut.levels}
    base = f"{ADDRESS}/{document_id}/image/{number}/{archive.sha256[:16]}"
    return JSONResponse({"sealed": True, "tiles": base, "words": t("review.sealed-image"), **told})


@router.get(f"{ADDRESS}/{{document_id}}/image/{{number}}/{{version}}/{{level}}-{{column}}-{{row}}")
def image_tile(
    request: Request, session: desk.InReading, document_id: str, number: int, version: str, level: int, column: int, row: int
) -> Response:
    """One tile of the sealed page; the last level without loss."""
    document, workstation = shown_document(session, document_id), desk.workstation_of(request)
    archive = next((each for each in document.archives if each.sha256.startswith(version) and len(version) == 16), None)
    cut = pyramid_of(workstation, document_id, archive.sha256, number) if archive and 1 <= number <= 9999 else None
    if archive is None or cut is None:
        raise HTTPException(404)
    path = _tile(workstation, document_id, archive.sha256, number, cut, (level, column, row))
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    return FileResponse(path, media_type="image/png" if path.suffix == ".png" else "image/jpeg", headers=headers)


def _tile(workstation: Workstation, document_id: str, sha256: str, number: int, cut: Pyramid, place: tuple[int, int, int]) -> Any:
    path = tile_path(tile_folder(workstation, document_id, sha256, number), *place, cut.levels)
    if not path.is_file():
        raise HTTPException(404)
    return path


@router.get(f"{ADDRESS}/{{document_id}}/mots.json")
def words_of_pages(request: Request, session: desk.InReading, document_id: str) -> Response:
    """The words of each page with their boxes, to be clicked, in pixels of the page as it is shown."""
    document = shown_document(session, document_id)
    pages = learning.pages_of(desk.workstation_of(request), document)
    told = {str(page.page): [[word.text, *word.box] for word in page.words] for page in pages}
    return JSONResponse({"pages": told})


@router.get(f"{ADDRESS}/{{document_id}}/extrait/{{number}}.jpg")
def crop_of_box(request: Request, session: desk.InReading, document_id: str, number: int, box: str = "") -> Response:
    """A piece of the working image, to be shown above a field."""
    corners = [int(each) for each in box.split(",")] if re.fullmatch(r"\d{1,6}(,\d{1,6}){3}", box) else None
    cut = cut_crop(desk.workstation_of(request), shown_document(session, document_id), number, corners)
    if cut is None:
        raise HTTPException(404)
    return Response(cut, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.get(f"{ADDRESS}/{{document_id}}/fenetre")
def image_window(request: Request, session: desk.InReading, document_id: str, page: int = 1) -> Response:
    """The image alone, for a second screen; it follows the field that has the focus in the other window."""
    document, workstation, t = shown_document(session, document_id), desk.workstation_of(request), desk.words_of(request)
    entries = entries_of(session, document, workstation, t)
    return desk.show(request, "review_window.html", document=document, entries=entries, **page_values(document, workstation, page))


# --- what the page shows ---


def _review_page(
    request: Request,
    session: Session,
    person: Person,
    document_id: str,
    status: int = 200,
    outcome: Outcome | None = None,
    typed: Mapping[str, Typed] | None = None,
    *,
    number: int = 1,
    wrong_aside: str | None = None,
) -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    document, now = shown_document(session, document_id), workstation.clock()
    row = session.get_one(Review, document_id)
    events = records.events_of(session, document_id)
    entries = entries_of(session, document, workstation, t, typed=typed or {}, outcome=outcome)
    clashes = [clash_words(clash, session, document, t) for clash in outcome.clashes] if outcome else []
    sure = records.is_sure(session, document_id)
    following = records.next_review(session, document.entity, person.pseudonym, now, document_id, sure=sure)
    done, undone = review.stacks_of(events)
    people_here = records.colleagues(session, practice=desk.is_practice(workstation))
    keys = keys_of(session, person)
    who = people.logins_of(session, [row.hold_by, row.done_by, row.assigned_to])
    return desk.show(
        request,
        "review.html",
        status,
        document=document,
        ours=seems_ours(document, workstation.settings),
        row=row,
        about=show_row(row, who, person, now, t),
        revision=row.revision,
        core=[entry for entry in entries if entry.kind != "rows" and (entry.line or entry.state or entry.name in ALWAYS)],
        rest=[entry for entry in entries if entry.kind != "rows" and not (entry.line or entry.state or entry.name in ALWAYS)],
        tables=[entry for entry in entries if entry.kind == "rows"],
        strip=strip_of(session, document, t),
        sums={name: table_sums(name, entries, t) for name in LISTS},
        unlooked=[t.known("field", name) for name in outcome.unlooked] if outcome else [],
        first_unlooked=outcome.unlooked[0] if outcome and outcome.unlooked else "",
        unclear=[t.known("field", name) for name in outcome.unclear] if outcome else [],
        clashes=clashes,
        labels={name: t.known("field", name) for name in NAMES},
        notice=_holder_words(session, row, person, now, t),
        following=following,
        following_image=_light_address(session, following, workstation) if following else "",
        last_field=done[-1].field if done else "",
        can_undo=bool(done),
        can_redo=bool(undone),
        colleagues=[each.login for each in people_here if each.login != person.login],
        keys=keys,
        key_words=partial(key_words, t),
        keys_json=json.dumps(keys),
        accounts=records.pending_accounts(session, document.entity, document_id),
        wrong_aside=wrong_aside,
        to_look=sum(entry.needed for entry in entries),
        **page_values(document, workstation, number),
    )


def _light_address(session: Session, document_id: str, workstation: Workstation) -> str:
    """Of a document's first page, as its own review asks for it, so that the browser has it already; empty where there is none."""
    document = documents.get_document(session, document_id)
    return f"/documents/{document_id}/pages/1/page.jpg?r={document.attempt}" if workstation.light_image(document, 1).is_file() else ""


def page_values(document: Document, workstation: Workstation, number: int) -> dict[str, Any]:
    """Which page is shown, and how large each is in its own pixels."""
    pages = [{"number": page.number, "size": upright_size(page)} for page in document.current_pages]
    shown = number if any(page["number"] == number for page in pages) else 1
    light = workstation.light_image(document, shown).is_file()
    image = f"/documents/{document.id}/pages/{shown}/page.jpg?r={document.attempt}" if light else None
    sizes = {str(page["number"]): page["size"] for page in pages}
    return {"pages": pages, "shown_page": shown, "light": image, "sizes": json.dumps(sizes)}


def entries_of(
    session: Session,
    document: Document,
    workstation: Workstation,
    t: Words,
    *,
    typed: Mapping[str, Typed] | None = None,
    outcome: Outcome | None = None,
    only: "set[str] | None" = None,
) -> list[Entry]:
    """Every field in the order in which a clerk checks; `typed`: what a form brought that could not be taken."""
    thresholds = drift.thresholds_of(session, document.entity)
    lines = {line.name: line for line in show_lines(session, document, thresholds, t)}
    best = review.best_rows(document)
    draft = review.draft_of(records.events_of(session, document.id))
    needed = {name for name in review.doubtful_names(document, thresholds) if name not in draft}
    kept = review.kept_of(workstation, document)
    order = [*show.FIELD_ORDER, *(name for name in NAMES if name not in show.FIELD_ORDER and name not in LISTS), *LISTS]
    clashing = {clash.name for clash in outcome.clashes} if outcome else set()
    made = []
    for name in order:
        if only is not None and name not in only:
            continue
        sent = (typed or {}).get(name)
        again = sent.text if sent and (name in clashing or sent.absent is False) else None
        made.append(_entry(document, name, lines.get(name), best.get(name), draft.get(name), name in needed, kept, t, again))
    return made


def _entry(
    document: Document,
    name: str,
    line: Line | None,
    row: FieldRow | None,
    mark: Mark | None,
    needed: bool,
    kept: review.Kept,
    t: Words,
    again: str | None,
) -> Entry:
    text = typed_form(name, mark.value if mark and mark.state != "unclear" else row.value if row else None, t)
    if mark and mark.state == "unclear":
        text = mark.typed
    page, box = (mark.page, mark.box) if mark and mark.box else _read_place(row, mark)
    second_look = kept.second if line and not mark else ()
    raw = row.raw if row else None
    words = review.words_in(kept.pages, page, box)
    signs = review.doubtful_signs(name, text, raw, words, second_look) if name not in LISTS and not mark else ()
    others = [typed_form(name, each, t) for each in review.alternatives_of(document, name, kept)] if name not in LISTS else []
    kind = "rows" if name in LISTS else learning.kind_of_value(name)
    unsure = line is not None and line.colour.tone in ("watch", "bad") and name in (*ALWAYS, *WATCHED)
    entry = Entry(
        name=name,
        label=t.known("field", name),
        kind=kind,
        text=text if again is None else again,
        was=text,
        line=line,
        state=mark.state if mark else "",
        badge=_badge(line, mark, needed, t),
        source=Badge(t("origin.person"), "good", "user") if mark and mark.state == "said" else line.source if line else None,
        stop=(needed or unsure) and (mark is None or mark.state == "unclear"),
        needed=needed or (mark is not None and mark.state == "unclear"),
        wrong=_wrong_words(mark, t),
        sure=mark is not None and mark.wrong == "key",
        signs=tuple(zip(text, signs, strict=True)) if any(signs) else (),
        alternatives=tuple(dict.fromkeys(each for each in others if each != text)),
        page=page,
        box=box,
        crop=f"{ADDRESS}/{document.id}/extrait/{page}.jpg?box={','.join(map(str, box))}" if page and box else None,
    )
    return entry if kind != "rows" else _with_rows(entry, t)


def _read_place(row: FieldRow | None, mark: Mark | None) -> tuple[int | None, tuple[int, ...] | None]:
    """Of a value that was typed and found nowhere, no place at all."""
    if row is None or not row.box or (mark is not None and mark.state == "said"):
        return None, None
    return row.page, tuple(row.box)


def _badge(line: Line | None, mark: Mark | None, needed: bool, t: Words) -> Badge:
    """A colour, a symbol and a word."""
    if mark is not None:
        looks = {
            "confirmed": ("good", "check"),
            "said": ("good", "user"),
            "absent": ("calm", "circle-x"),
            "unclear": ("bad", "circle-alert"),
        }
        tone, symbol = looks[mark.state]
        return Badge(t(f"review.mark-{mark.state}"), tone, symbol)
    if line is not None:
        return line.colour
    return Badge(t("review.missing"), "bad" if needed else "calm", "circle-help")


def _wrong_words(mark: Mark | None, t: Words) -> str | None:
    if mark is None or mark.wrong is None:
        return None
    if mark.wrong == "row":
        return t("review.wrong-row")
    places = {"typed": mark.typed}
    if mark.wrong == "thousands":
        whole, _, rest = re.sub(r"[^\d.,-]", "", mark.typed).replace(",", ".").partition(".")
        places |= {"thousands": t.amount(whole + rest), "decimals": t.amount(f"{whole}.{rest[:2]}")}
    key = f"learn.wrong-{mark.wrong}"
    return t(key, **places) if "{" in t.catalogue.get(key, "") else t(key)


def typed_form(name: str, value: str | None, t: Words) -> str:
    """A canonical value as a person types it: 1 234,56 without its sign, JJ/MM/AAAA, an IBAN in fours; of a list its rows as JSON."""
    if not value:
        return ""
    if name in LISTS:
        return rows_text([{key: cell_form(key, row.get(key), t) for key in COLUMNS[name]} for row in review.rows_of(value)])
    return show.show_value(name, value, None, t) if name in AMOUNTS or name.endswith("_date") or name == "iban" else value


def cell_form(key: str, cell: object, t: Words) -> str:
    if cell is None:
        return ""
    return str(cell) if key == "description" else t.plain(str(cell)) if key in ("rate", "quantity") else t.amount(str(cell))


def _with_rows(entry: Entry, t: Words) -> Entry:
    names = COLUMNS[entry.name]
    kept = [*review.rows_of(entry.text), *({} for _ in range(SPARE_ROWS))]
    rows = tuple(
        tuple(
            Cell(f"rows-{entry.name}-{number}-{key}", t("review.cell", row=number + 1, column=t(f"rows.{key}")), str(row.get(key) or ""),
                 key != "description")
            for key in names
        )
        for number, row in enumerate(kept)
    )  # fmt: skip
    return replace(entry, rows=rows, head=tuple(t(f"rows.{key}") for key in names))


# --- sums ---


def strip_of(session: Session, document: Document, t: Words) -> Sum:
    """HT + TVA − TTC as it stands with what the clerk said."""
    draft, best = review.draft_of(records.events_of(session, document.id)), review.best_rows(document)
    values = []
    for name in ("total_net", "total_tax", "total_gross"):
        mark = draft.get(name)
        values.append(mark.value if mark else best[name].value if name in best else None)
    try:
        net, tax, gross = (Decimal(value or "") for value in values)
    except InvalidOperation:
        return Sum(t("review.strip-unknown"), None)
    rest = net + tax - gross
    places = {"net": t.amount(f"{net}"), "tax": t.amount(f"{tax}"), "gross": t.amount(f"{gross}"), "rest": t.amount(f"{rest:.2f}")}
    return Sum(t("review.strip", **places), rest == 0)


def table_sums(name: str, entries: Sequence[Entry], t: Words) -> list[Sum]:
    """The totals of a table's columns against those of the document."""
    texts = {entry.name: entry.text for entry in entries}
    pairs = (("base", "total_net"), ("tax", "total_tax")) if name == "vat_breakdown" else (("net", "total_net"),)
    rows = review.rows_of(texts.get(name, ""))
    return [_column_sum(column, total, rows, texts.get(total, ""), t) for column, total in pairs] if rows else []


def _column_sum(column: str, total: str, rows: Sequence[Mapping[str, Any]], wanted: str, t: Words) -> Sum:
    found = sum((_number(str(row.get(column) or "")) or Decimal(0) for row in rows), Decimal(0))
    asked = _number(wanted)
    places = {"column": t(f"rows.{column}"), "sum": t.amount(f"{found:.2f}"), "field": t.known("field", total)}
    if asked is None:
        return Sum(t("review.column-sum", **places), None)
    return Sum(t("review.column-rest", **places, rest=t.amount(f"{found - asked:.2f}")), found == asked)


def _number(text: str) -> Decimal | None:
    plain = re.sub(r"[\s\u00a0\u202f€%]", "", text)
    try:
        # 1.234,56 and 1,234.56 alike: the last sign is the decimal one.
        whole, mark, cents = plain.replace(",", ".").rpartition(".")
        return Decimal(f"{whole.replace('.', '')}{mark}{cents}") if plain else None
    except InvalidOperation:
        return None
