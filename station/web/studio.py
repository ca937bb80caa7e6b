"""The studio: rules as grids and circuits beside their drawing; a draft, its trial on documents, its replay, and a second person's yes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, TypeAlias

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from station import acts, replay, studio
from station.access import Act
from station.facts import facts_of
from station.records import documents
from station.records.tables import Document, Person, RuleReplay, RuleRequest, State
from station.replay import RULES, Period
from station.studio import File, NotOffered, Version
from station.web import access, desk
from station.web.words import Words
from workflow.changes import differences
from workflow.circuit import Circuit, Started, step, ways_out
from workflow.circuit import Decided as CircuitDecided
from workflow.drawing import KINDS, draw
from workflow.grid import (
    Grid,
    Trial,
    flaws_at,
    fresh_row,
    from_french,
    grids_of,
    in_french,
    moved,
    trials_of,
    variable_of,
    with_rows,
    with_words,
    words_of,
)
from workflow.marked import Flaw, Word
from workflow.replaying import Turn, in_english
from workflow.tables import RuleSet
from workflow.tracing import LineTrace, explain
from workflow.vocabulary import Kind, Misread, Value, Variable, Vocabulary, plain, value_of

router = APIRouter()
ADDRESS = "/regles"
MOST_CELLS = 4000
"""Fields of one page; a larger table is edited as text."""
MOST_SHOWN = 100
"""Differences of one page."""
RECENT = 30
"""Documents that are offered for a trial."""
Text = Annotated[str, Form(max_length=2000)]
Day: TypeAlias = Annotated[str, Form(max_length=10)]


# --- the list ---


@router.get(ADDRESS)
def list_page(request: Request, session: desk.InReading, person: desk.SignedIn) -> Response:
    """Rules and circuits with what is in force, what waits, and drafts of one's own."""
    return _list(request, session, person)


@router.post(ADDRESS)
def begin(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    kind: Text = "",
    name: Text = "",
    like: Text = "",
    text: Annotated[str, Form(max_length=400_000)] = "",
) -> Response:
    """A new table file or circuit, as a draft of one's own: after one that there is, or as pasted."""
    file = File(kind, name.strip().lower())
    try:
        studio.begin_file(session, desk.entity_of(request), file, like, text, person, desk.workstation_of(request).clock())
    except NotOffered as error:
        return _list(request, session, person, error.why, {"kind": kind, "name": name, "like": like, "text": text})
    return desk.go_to(request, f"{ADDRESS}/{file.address}", "flash.draft")


def _list(request: Request, session: Session, person: Person, wrong: str = "", typed: Mapping[str, str] | None = None) -> Response:
    entity, t = desk.entity_of(request), desk.words_of(request)
    logins = _logins(session)
    files = studio.list_files(session, entity, person.pseudonym)
    shown_files = [(each, _version_words(each.active, logins, t), _asked_words(each.request, logins, t)) for each in files]
    return desk.show(
        request,
        "studio.html",
        422 if wrong else 200,
        files=[(kind, [one for one in shown_files if one[0].file.kind == kind]) for kind in studio.TABLES],
        wrong=wrong and t(f"studio.wrong-{wrong}"),
        typed=dict.fromkeys(("kind", "name", "like", "text"), "") | dict(typed or {}),
    )


def _logins(session: Session) -> dict[str, str]:
    return {person.pseudonym: person.login for person in session.scalars(sa.select(Person))}


def _version_words(row: Version | None, logins: Mapping[str, str], t: Words) -> str:
    if row is None or row.active_from is None:
        return t("studio.no-active")
    by = t("studio.shipped") if row.activated_by in (None, "system") else logins.get(str(row.activated_by), str(row.activated_by))
    return t("studio.active", n=row.number, at=t.moment(row.active_from), by=by)


def _asked_words(asked: RuleRequest | None, logins: Mapping[str, str], t: Words) -> str:
    return "" if asked is None else t("studio.waits", at=t.moment(asked.asked_at), by=logins.get(asked.asked_by, asked.asked_by))


# --- one file ---


@router.get(f"{ADDRESS}/{{file}}")
def file_page(request: Request, session: desk.InReading, person: desk.SignedIn, file: str) -> Response:
    """The draft of whoever looks, or what is in force."""
    return _page(request, session, person, _file(request, session, file, person))


async def sent_form(request: Request) -> FormData:
    """A grid has as many fields as it has cells: they are read as they come."""
    return await request.form()


@router.post(f"{ADDRESS}/{{file}}")
def save(
    request: Request, session: desk.InWriting, person: desk.SignedIn, file: str, form: Annotated[FormData, Depends(sent_form)]
) -> Response:
    """Keep the draft as typed, right or wrong; then, where a button of a line was pressed, add, remove or move it."""
    asked = _file(request, session, file, person)
    typed = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    before = _text_of(session, desk.entity_of(request), asked, person)
    at = desk.workstation_of(request).clock()
    act = typed.get("act", "")
    try:
        text = typed["text"] if "text" in typed else edited(before, typed, act, french=desk.words_of(request).language == "fr")
        studio.save_draft(session, desk.entity_of(request), asked, person, text, typed.get("seen", ""), at)
    except NotOffered as error:
        return _page(request, session, person, asked, wrong=error.why, typed=typed.get("text"), status=409)
    except (ValueError, KeyError):
        return _page(request, session, person, asked, wrong="cell", status=422)
    return desk.go_to(request, f"{ADDRESS}/{asked.address}{_anchor(act)}", None if act else "flash.draft")


def edited(before: str, typed: Mapping[str, str], act: str, *, french: bool = False) -> str:
    """The text with the cells and words of the form, and what a button asks (« add:table:3 »). Raises ValueError, KeyError.

    `french`: they were shown, and are read, with the decimal comma; what nobody touched stays as it is written.
    """
    vocabulary = words_of(before)

    def read(name: str, text: str, variable: Variable | None) -> str:
        told = typed.get(name, text).strip()
        if not french:
            return told
        return text if told == in_french(variable, text).strip() else from_french(variable, told)

    named = {(word.line, word.column): (name, word.text) for one in trials_of(before, ()) for name, word in (*one.given, *one.wanted)}
    words = {place: text for place, (_, text) in named.items()}
    said = {place: read(f"w-{place[0]}-{place[1]}", text, vocabulary.get(name)) for place, (name, text) in named.items()}
    changed = {place: text for place, text in said.items() if text != words[place]}
    if any(sign in text or not text for text in changed.values() for sign in "\n\r"):
        raise ValueError("line")
    text = with_words(before, changed)
    do, table, at = (*act.split(":"), "", "")[:3]
    for grid in grids_of(before):
        kinds = _kinds_of(grid, vocabulary)
        rows = [
            tuple(read(f"c-{grid.table}-{number}-{column}", cell.text, kinds[column]) for column, cell in enumerate(row))
            for number, row in enumerate(grid.rows)
        ]
        if grid.table == table:
            rows = moved(rows, do, int(at), fresh_row(grid, vocabulary))
        text = with_rows(text, grid.table, rows)
    return text


def _kinds_of(grid: Grid, vocabulary: Vocabulary) -> tuple[Variable | None, ...]:
    """The word of each column; of the line's name and of the note none."""
    found = [variable_of(vocabulary, title) for title in grid.head[: grid.inputs + grid.outputs]]
    return (None, *found, *([None] if grid.noted else []))


def _anchor(act: str) -> str:
    """Where to look after a button of a line was pressed: at its table."""
    return f"#table-{act.split(':')[1]}" if act.count(":") == 2 else ""


@router.post(f"{ADDRESS}/{{file}}/jeter")
def drop(request: Request, session: desk.InWriting, person: desk.SignedIn, file: str) -> Response:
    """Throw one's own draft away; what is in force was never touched."""
    asked = _file(request, session, file, person)
    studio.drop_draft(session, desk.entity_of(request), asked, person)
    session.flush()
    left = studio.file_named(session, desk.entity_of(request), asked.address, person.pseudonym)
    return desk.go_to(request, f"{ADDRESS}/{asked.address}" if left else ADDRESS, "flash.draft-dropped")


def _file(request: Request, session: Session, address: str, person: Person) -> File:
    file = studio.file_named(session, desk.entity_of(request), address, person.pseudonym)
    if file is None:
        raise HTTPException(404)
    return file


def _text_of(session: Session, entity: str, file: File, person: Person) -> str:
    draft = studio.find_draft(session, entity, file, person.pseudonym)
    active = studio.active_version(session, entity, file)
    return draft.text if draft else active.text if active else ""


@dataclass(frozen=True, slots=True)
class ShownCell:
    name: str
    text: str
    label: str
    """Its line and column, for who does not see the grid."""
    options: tuple[tuple[str, str], ...]
    """Of a result that is one of a list: code and label."""
    flaws: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownGrid:
    grid: Grid
    columns: tuple[tuple[str, str], ...]
    """Title of each column, and what may stand in it."""
    rows: tuple[tuple[ShownCell, ...], ...]


def show_grid(grid: Grid, vocabulary: Vocabulary, flaws: Sequence[Flaw], t: Words) -> ShownGrid:
    placed = flaws_at(grid, flaws)
    variables = [variable_of(vocabulary, title) for title in grid.head]
    kinds = _kinds_of(grid, vocabulary)
    columns = tuple((title, _hint(variable, t)) for title, variable in zip(grid.head, variables, strict=True))
    rows = tuple(
        tuple(
            ShownCell(
                f"c-{grid.table}-{number}-{at}",
                in_french(kinds[at], cell.text) if t.language == "fr" else cell.text,
                t("studio.cell", line=row[0].text or number + 1, column=grid.head[at - 1] if at else t("studio.line")),
                _options(variables[at - 1], cell.text) if grid.inputs < at <= grid.inputs + grid.outputs else (),
                tuple(_in_place(flaw.message) for flaw in placed.get((number, at), ())),
            )
            for at, cell in enumerate(row)
        )
        for number, row in enumerate(grid.rows)
    )
    return ShownGrid(grid, columns, rows)


def _in_place(message: str) -> str:
    """Without the place, where it stands at its cell."""
    return re.sub(r"^(table « [^»]+ », )?ligne [^:]+ : ", "", message)


def _hint(variable: Variable | None, t: Words) -> str:
    if variable is None:
        return ""
    choices = ", ".join(code if code == label else f"{code} ({label})" for code, label in variable.choices)
    return choices or t.known("studio.kind", variable.kind.name.lower().replace("_", "-"))


def _options(variable: Variable | None, text: str) -> tuple[tuple[str, str], ...]:
    """What may be chosen; a text that is none of them stays, so that nothing typed is lost."""
    if variable is None or variable.kind not in (Kind.CHOICE, Kind.YES_NO):
        return ()
    found = variable.choices or (("oui", "oui"), ("non", "non"))
    empty = (("-", "-"),) if variable.optional else ()
    return (*found, *empty, *(() if text in {code for code, _ in (*found, *empty)} else ((text, text or "…"),)))


def _page(
    request: Request, session: Session, person: Person, file: File, *, wrong: str | None = None, typed: str | None = None, status: int = 200
) -> Response:
    entity, t, settings = desk.entity_of(request), desk.words_of(request), desk.workstation_of(request).settings
    active, draft = studio.active_version(session, entity, file), studio.find_draft(session, entity, file, person.pseudonym)
    text = draft.text if draft else active.text if active else ""
    said = studio.check_text(session, settings, entity, file, text)
    asked, logins = studio.open_request(session, entity, file), _logins(session)
    grids = grids_of(text) if file.kind == RULES else ()
    large = sum(len(grid.rows) * grid.width for grid in grids) > MOST_CELLS
    vocabulary = words_of(text)
    drawing = draw(said.said) if isinstance(said.said, Circuit) else None
    today = t.today(desk.workstation_of(request).clock())
    return desk.show(
        request,
        "studio_file.html",
        status,
        file=file,
        title=said.said.title if said.said else active.title if active else file.name,
        active=active,
        active_words=_version_words(active, logins, t),
        draft=draft,
        text=typed if typed is not None else text,
        seen=studio.digest(text),
        flaws=[_flaw_words(flaw, grids, t) for flaw in said.flaws],
        holds=said.holds,
        grids=[] if large else [show_grid(grid, vocabulary, said.flaws, t) for grid in grids],
        large=large,
        trials=[] if large else _trials(text, said.flaws, vocabulary, french=t.language == "fr"),
        changes=[each.told(t.language) for each in differences(active.text, text)] if draft and active else [],
        drawing=drawing,
        steps=steps_of(said.said, t) if isinstance(said.said, Circuit) else [],
        replayed=_replayed_address(session, entity, file, text, active) if draft and said.holds else None,
        asked=show_request(session, entity, asked, person, logins, t, desk.workstation_of(request).clock()) if asked else None,
        versions=[(row, _history(row, logins, t)) for row in studio.versions_of(session, entity, file)],
        requests=[_told_request(each, logins, t) for each in studio.requests_of(session, entity, file) if each.decided_at is not None],
        first=(today - timedelta(days=30)).isoformat(),
        last=today.isoformat(),
        wrong=wrong and t(f"studio.wrong-{wrong}"),
    )


def _replayed_address(session: Session, entity: str, file: File, text: str, active: Version | None) -> str | None:
    """Where this very text was replayed against what is in force: from there its activation is asked for."""
    if active is not None and active.text == text:
        return None
    row = studio.newest_replay(session, entity, file, text, active.sha256 if active else "")
    return f"{ADDRESS}/{file.address}/rejeu/{row.id}" if row else None


def _flaw_words(flaw: Flaw, grids: Sequence[Grid], t: Words) -> tuple[str, str, str, bool]:
    """Place, message, address of the cell (or of the text), whether it is grave."""
    for grid in grids:
        for number, at in flaws_at(grid, [flaw]):
            return t("studio.place", line=flaw.line, column=flaw.column), flaw.message, f"#c-{grid.table}-{number}-{at}", flaw.grave
    return t("studio.place", line=flaw.line, column=flaw.column), flaw.message, "#text", flaw.grave


@dataclass(frozen=True, slots=True)
class ShownTrial:
    trial: Trial
    given: tuple[tuple[str, str, str], ...]
    """Label, name of the field, text."""
    wanted: tuple[tuple[str, str, str], ...]
    trouble: tuple[str, ...]


def _trials(text: str, flaws: Sequence[Flaw], vocabulary: Vocabulary, *, french: bool = False) -> list[ShownTrial]:
    def named(pairs: Sequence[tuple[str, Word]]) -> tuple[tuple[str, str, str], ...]:
        return tuple(
            (
                vocabulary[name].label if name in vocabulary else name,
                f"w-{word.line}-{word.column}",
                in_french(vocabulary.get(name), word.text) if french else word.text,
            )
            for name, word in pairs
        )

    trials = trials_of(text, flaws)
    return [ShownTrial(each, named(each.given), named(each.wanted), tuple(flaw.message for flaw in each.flaws)) for each in trials]


def _history(row: Version, logins: Mapping[str, str], t: Words) -> str:
    made = t(
        "studio.made", at=t.moment(row.made_at), by=t("studio.shipped") if row.made_by == "system" else logins.get(row.made_by, row.made_by)
    )
    if row.active_from is None:
        return f"{made} {t('studio.never-active')}"
    by = t("studio.shipped") if row.activated_by == "system" else logins.get(str(row.activated_by), str(row.activated_by))
    until = t("studio.until", at=t.moment(row.ended_at)) if row.ended_at else t("studio.still")
    return f"{made} {t('studio.activated', at=t.moment(row.active_from), by=by)} {until}"


def _told_request(row: RuleRequest, logins: Mapping[str, str], t: Words) -> str:
    by, other = logins.get(row.asked_by, row.asked_by), logins.get(str(row.decided_by), str(row.decided_by))
    at = t.moment(row.decided_at) if row.decided_at else ""
    return t(f"studio.told-{row.decision}", by=by, reason=row.reason, at=at, other=other, words=row.words or "")


def steps_of(circuit: Circuit, t: Words) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """The drawing as a list: name, kind, title, and each way on with its words."""
    titles = {name: each.title for name, each in circuit.steps.items()}
    return [
        (name, t.known("studio.activity", KINDS[type(each)]), each.title, [(label, titles[target]) for label, target in ways_out(each)])
        for name, each in circuit.steps.items()
    ]


# --- trying it on a document ---


@dataclass(frozen=True, slots=True)
class Asked:
    """One value of the form of a trial."""

    name: str
    label: str
    hint: str
    text: str
    options: tuple[tuple[str, str], ...]
    trouble: str


@router.get(f"{ADDRESS}/{{file}}/essayer")
def try_page(request: Request, session: desk.InReading, person: desk.SignedIn, file: str, document: str = "", table: str = "") -> Response:
    """What one's draft (or what is in force) makes of a document's values, which may be changed for the trial: nothing is written."""
    asked, entity, t = _file(request, session, file, person), desk.entity_of(request), desk.words_of(request)
    workstation = desk.workstation_of(request)
    said = studio.check_text(session, workstation.settings, entity, asked, _text_of(session, entity, asked, person)).said
    chosen = _chosen(session, document)
    known: dict[str, Value] = facts_of(session, workstation, chosen) if chosen else {}
    if chosen:
        access.note_document(request, person, Act.SEEN, chosen.id)
    name = table if isinstance(said, RuleSet) and table in said.tables else next(iter(said.tables), "") if isinstance(said, RuleSet) else ""
    variables = _variables(said, name)
    fields, values = asked_values(variables, known, request.query_params, t)
    sent = any(f"v-{each.name}" in request.query_params for each in variables)
    ready = (chosen is not None or sent) and not any(each.trouble for each in fields)
    return desk.show(
        request,
        "studio_try.html",
        file=asked,
        said=said,
        title=said.title if said else asked.name,
        draft=studio.find_draft(session, entity, asked, person.pseudonym),
        tables=[(each.name, each.title) for each in said.tables.values()] if isinstance(said, RuleSet) else [],
        table=name,
        recent=_recent(session, t),
        document=chosen,
        unknown=bool(document) and chosen is None,
        fields=fields,
        lines=_lines(said, name, values, t.language) if ready and isinstance(said, RuleSet) else None,
        way=_way(said, values, workstation.clock(), t.language) if ready and isinstance(said, Circuit) else None,
    )


def _chosen(session: Session, document_id: str) -> Document | None:
    if not document_id:
        return None
    try:
        found = acts.shown_document(session, document_id.strip())
    except documents.Unknown:
        return None
    return None if found.state == State.ERASED else found


def _recent(session: Session, t: Words) -> list[tuple[str, str]]:
    """The newest documents that may be shown, by what tells them."""
    query = sa.select(Document).where(Document.state == State.SEALED, Document.confidential.is_(False))
    rows = session.scalars(query.order_by(Document.received_at.desc()).limit(RECENT))
    return [(row.id, f"{row.title or row.id} · {t.day(row.received_at.date())}") for row in rows]


def _variables(said: RuleSet | Circuit | None, table: str) -> tuple[Variable, ...]:
    if isinstance(said, RuleSet) and table:
        return said.tables[table].inputs
    return tuple(said.vocabulary.values()) if isinstance(said, Circuit) else ()


def asked_values(
    variables: Sequence[Variable], known: Mapping[str, Value], typed: Mapping[str, str], t: Words
) -> tuple[list[Asked], dict[str, Value]]:
    """The form's fields, what was typed before what the document has, and the values that can be read of them."""
    fields, values = [], dict(known)
    for each in variables:
        text = typed.get(f"v-{each.name}")
        text = (plain(known[each.name]) or "" if each.name in known else "") if text is None else text.strip()[:300]
        trouble = ""
        if text:
            quoted = f'"{text}"' if each.kind is Kind.TEXT and not text.startswith('"') else text
            value = value_of(each, quoted)
            if isinstance(value, Misread):
                trouble = value.message
            else:
                values[each.name] = value
        elif each.optional:
            values[each.name] = None
        else:
            values.pop(each.name, None)
        options = each.choices or ((("oui", "oui"), ("non", "non")) if each.kind is Kind.YES_NO else ())
        fields.append(Asked(each.name, each.label, _hint(each, t), text, options, trouble))
    return fields, values


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of a table as it was tried."""

    name: str
    fired: bool
    told: str
    cells: tuple[tuple[str, str, bool], ...]
    """Column, its test and what it met, whether it held."""


def _lines(said: RuleSet, table: str, values: Mapping[str, Value], language: str) -> tuple[list[str], list[ShownLine]]:
    """Why there is no decision, if there is none; and each line."""
    trace = explain(said, table, values, language)
    reasons = list(getattr(trace.decision, "reasons", ()))
    return reasons, [_shown_line(line) for line in trace.lines]


def _shown_line(line: LineTrace) -> ShownLine:
    return ShownLine(
        line.line, line.fired, line.told, tuple((cell.label, cell.told, cell.matched) for cell in line.cells if cell.test != "-")
    )


def _way(said: Circuit, values: Mapping[str, Value], at: datetime, language: str) -> tuple[str, list[tuple[str, list[str]]]]:
    """Where it stops first, and each decision on the way there with its trace."""
    known = {name: value for name, value in values.items() if name in said.vocabulary}
    state, commands = step(said, None, Started(at, known))
    told = []
    for command in commands:
        if isinstance(command, CircuitDecided):
            trace = explain(said.rules[command.decision.rules], command.decision.table, {**known, **state.values}, language)
            told.append((said.steps[command.step].title, [line.told for line in trace.lines if line.fired]))
    reasons = [reason for command in commands for reason in getattr(command, "reasons", ())]
    title = said.steps[state.step].title
    return title, [*told, *([(title, reasons)] if reasons else [])]


# --- replay ---


@router.post(f"{ADDRESS}/{{file}}/rejeu")
def run(
    request: Request, session: desk.InReading, person: desk.SignedIn, file: str, version: Text = "", first: Day = "", last: Day = ""
) -> Response:
    """Try one's draft, or a version, on the documents of a period; the result is kept and shown."""
    asked, entity, workstation = _file(request, session, file, person), desk.entity_of(request), desk.workstation_of(request)
    try:
        period = Period(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        return _page(request, session, person, asked, wrong="days", status=422)
    if period.first > period.last or (period.last - period.first).days > 366:
        return _page(request, session, person, asked, wrong="days", status=422)
    row = studio.version_numbered(session, entity, asked, int(version)) if version.isdecimal() else None
    text = row.text if row else _text_of(session, entity, asked, person)
    active = studio.active_version(session, entity, asked)
    if not studio.check_text(session, workstation.settings, entity, asked, text).holds:
        return _page(request, session, person, asked, wrong="flawed", status=422)
    try:
        result = replay.replay_text(workstation, session, entity, asked.kind, asked.name, (active.text if active else text, text), period)
    except replay.Unreadable:
        return _page(request, session, person, asked, wrong="flawed", status=422)
    # Reading may take seconds, and nobody else could write meanwhile: only the result is written.
    with workstation.database.writing() as write:
        shas = (active.sha256 if active else "", studio.digest(text))
        number = replay.store_replay(write, entity, asked.kind, asked.name, shas, result, person.pseudonym, workstation.clock()).id
    return desk.go_to(request, f"{ADDRESS}/{asked.address}/rejeu/{number}")


@router.get(f"{ADDRESS}/{{file}}/rejeu/{{number}}")
def replay_page(request: Request, session: desk.InReading, person: desk.SignedIn, file: str, number: int) -> Response:
    """What would change, document by document; and the request, where the text can be asked for."""
    return _replay(request, session, person, _file(request, session, file, person), number)


@router.post(f"{ADDRESS}/{{file}}/demander")
def ask(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    file: str,
    replayed: Annotated[int, Form()] = 0,
    reason: Text = "",
) -> Response:
    """Ask that the replayed text be put in force; somebody else does it."""
    asked, entity = _file(request, session, file, person), desk.entity_of(request)
    row = studio.get_replay(session, entity, asked, replayed)
    if row is None:
        raise HTTPException(404)
    text = _replayed_text(session, entity, asked, person, row)
    if not reason.strip():
        return _replay(request, session, person, asked, replayed, wrong="reason", status=422)
    try:
        if text is None:
            raise NotOffered("stale")
        studio.ask_activation(session, desk.workstation_of(request), entity, asked, text, row, reason, person)
    except NotOffered as error:
        return _replay(request, session, person, asked, replayed, wrong=error.why, typed=reason, status=409)
    return desk.go_to(request, f"{ADDRESS}/{asked.address}", "flash.activation-asked")


def _replayed_text(session: Session, entity: str, file: File, person: Person, row: RuleReplay) -> str | None:
    """One's draft, or a version, with the hash that was replayed; None where it is gone."""
    draft = studio.find_draft(session, entity, file, person.pseudonym)
    texts = [draft.text] if draft else []
    texts += [version.text for version in studio.versions_of(session, entity, file)]
    return next((text for text in texts if studio.digest(text) == row.sha256), None)


def _replay(
    request: Request,
    session: Session,
    person: Person,
    file: File,
    number: int,
    *,
    wrong: str | None = None,
    typed: str = "",
    status: int = 200,
) -> Response:
    entity, t, settings = desk.entity_of(request), desk.words_of(request), desk.workstation_of(request).settings
    row = studio.get_replay(session, entity, file, number)
    if row is None:
        raise HTTPException(404)
    text = _replayed_text(session, entity, file, person, row)
    bar = "stale" if text is None else studio.bar_to_ask(session, settings, entity, file, text, row)
    active = studio.active_version(session, entity, file)
    return desk.show(
        request,
        "studio_replay.html",
        status,
        file=file,
        title=active.title if active else file.name,
        row=row,
        told=show_replay(session, row, t),
        changes=[each.told(t.language) for each in differences(active.text, text)] if active and text is not None else [],
        bar=bar and t(f"studio.wrong-{bar}"),
        waiting=bar == "open",
        typed=typed,
        wrong=wrong and t(f"studio.wrong-{wrong}"),
    )


@dataclass(frozen=True, slots=True)
class ShownReplay:
    """A replay in words: the sentence of all, and the first of those that change."""

    headline: str
    facts: tuple[str, ...]
    same: bool
    turns: tuple[tuple[str, str, str, str, str, bool], ...]
    """Address or nothing, title, amount, before, after, grave."""
    more: int
    address: str


def show_replay(session: Session, row: RuleReplay, t: Words) -> ShownReplay:
    told = replay.result_of(row)
    days = {"first": t.day(told.period.first), "last": t.day(told.period.last)}
    headline = (
        t("studio.changes-none", n=t.number(told.seen), **days)
        if not told.changed
        else t.count("studio.changes", told.changed).replace("{amount}", _money(told.amount, t))
    )
    facts = [t("studio.seen", n=t.number(told.seen), **days)]
    facts += [t.count("studio.refused", told.refused)] if told.refused else []
    facts += [t.count("studio.older", told.older)] if told.older else []
    facts += [t.count("studio.left", told.left)] if told.left else []
    shown_turns = told.turns[:MOST_SHOWN]
    titles = _titles(session, [turn.key for turn in shown_turns])
    return ShownReplay(
        headline,
        tuple(facts),
        not told.changed,
        tuple(_turn_words(turn, titles.get(turn.key), t) for turn in shown_turns),
        max(told.changed - len({turn.key for turn in shown_turns}), 0),
        f"{ADDRESS}/{row.name}.{row.kind}/rejeu/{row.id}",
    )


def _turn_words(turn: Turn, title: str | None, t: Words) -> tuple[str, str, str, str, str, bool]:
    """Of a document that may not be shown, that it changes and nothing else."""
    if title is None and not turn.key.startswith("run-"):
        return "", t("studio.hidden"), "", "", "", turn.grave
    amount = "" if turn.amount is None else _money(turn.amount, t)
    before, after = (in_english(each) if t.language == "en" else each for each in (turn.before, turn.after))
    return (f"/documents/{turn.key}" if title else "", title or t("studio.no-document"), amount, before, after, turn.grave)


def _money(amount: Decimal, t: Words) -> str:
    return t.amount(f"{amount:.2f}", "EUR")


def _titles(session: Session, keys: Sequence[str]) -> dict[str, str]:
    """Titles of documents that may be shown; others are told without."""
    where = (Document.id.in_(keys), Document.confidential.is_(False), Document.state != State.ERASED)
    return {row.id: row.title or row.id for row in session.scalars(sa.select(Document).where(*where))}


# --- the second person ---


@dataclass(frozen=True, slots=True)
class ShownRequest:
    number: int
    version: int
    told: str
    reason: str
    replay: ShownReplay
    changes: tuple[str, ...]
    mine: bool
    second: bool


def show_request(
    session: Session, entity: str, row: RuleRequest, person: Person, logins: Mapping[str, str], t: Words, now: datetime
) -> ShownRequest:
    version = studio.version_asked(session, row)
    active = studio.active_version(session, entity, File(row.kind, row.name))
    return ShownRequest(
        row.id,
        version.number,
        _asked_words(row, logins, t),
        row.reason,
        show_replay(session, session.get_one(RuleReplay, row.replay_id), t),
        tuple(each.told(t.language) for each in differences(active.text, version.text)) if active else (),
        row.asked_by == person.pseudonym,
        studio.is_second(session, row, person, now),
    )


@router.post(f"{ADDRESS}/{{file}}/decider")
def decide(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    file: str,
    asked_number: Annotated[int, Form(alias="request")] = 0,
    choice: Text = "",
    reason: Text = "",
) -> Response:
    """The second person puts the version in force, or refuses with words."""
    asked, entity = _file(request, session, file, person), desk.entity_of(request)
    row = _request(session, entity, asked, asked_number)
    workstation = desk.workstation_of(request)
    try:
        if choice == "activate":
            studio.activate(session, workstation, row, person)
        else:
            studio.refuse(session, row, reason, person, workstation.clock())
    except NotOffered as error:
        return _page(request, session, person, asked, wrong=error.why, status=409)
    except ValueError:
        return _page(request, session, person, asked, wrong="refusal", status=422)
    return desk.go_to(request, f"{ADDRESS}/{asked.address}", "flash.rules-activated" if choice == "activate" else "flash.rules-refused")


@router.post(f"{ADDRESS}/{{file}}/retirer")
def take_back(
    request: Request, session: desk.InWriting, person: desk.SignedIn, file: str, asked_number: Annotated[int, Form(alias="request")] = 0
) -> Response:
    """Whoever asked takes it back."""
    asked, entity = _file(request, session, file, person), desk.entity_of(request)
    try:
        studio.withdraw(session, _request(session, entity, asked, asked_number), person, desk.workstation_of(request).clock())
    except NotOffered as error:
        return _page(request, session, person, asked, wrong=error.why, status=409)
    return desk.go_to(request, f"{ADDRESS}/{asked.address}", "flash.rules-withdrawn")


def _request(session: Session, entity: str, file: File, number: int) -> RuleRequest:
    row = session.get(RuleRequest, number)
    if row is None or (row.entity, row.kind, row.name) != (entity, file.kind, file.name):
        raise HTTPException(404)
    return row


# --- versions ---


@router.get(f"{ADDRESS}/{{file}}/versions/{{number}}")
def version_page(request: Request, session: desk.InReading, person: desk.SignedIn, file: str, number: int, contre: int = 0) -> Response:
    """One version as it was written, beside another (what is in force, where none is named): what differs, in words."""
    asked, entity, t = _file(request, session, file, person), desk.entity_of(request), desk.words_of(request)
    row = studio.version_numbered(session, entity, asked, number)
    if row is None:
        raise HTTPException(404)
    every = studio.versions_of(session, entity, asked)
    active = studio.active_version(session, entity, asked)
    other = next((each for each in every if each.number == contre), active if active is not None and active.id != row.id else None)
    said = studio.check_text(session, desk.workstation_of(request).settings, entity, asked, row.text).said
    today = t.today(desk.workstation_of(request).clock())
    return desk.show(
        request,
        "studio_version.html",
        file=asked,
        row=row,
        history=_history(row, _logins(session), t),
        other=other,
        others=[each.number for each in every if each.number != row.number],
        changes=[each.told(t.language) for each in differences(row.text, other.text)] if other else [],
        drawing=draw(said) if isinstance(said, Circuit) else None,
        is_active=active is not None and active.id == row.id,
        first=(today - timedelta(days=30)).isoformat(),
        last=today.isoformat(),
    )
