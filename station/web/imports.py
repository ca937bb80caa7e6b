"""Lists of suppliers, customers and people: sent, their columns named, looked at line by line, then taken over or dropped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from capture.hotfolder import plain_name
from station import imports
from station.imports import COLUMNS, KINDS, Fault, Line, Plan, Step
from station.people import Refused
from station.records import people, register
from station.records.tables import ImportRun, Person
from station.tabular import Sheet, Unreadable, write_csv, write_xlsx
from station.web import desk
from station.web.grants import may
from station.web.terms import text_words, warning_words
from station.web.words import PARIS, Words
from workflow.terms import read_term

router = APIRouter()
ADDRESS = "/imports"
UPLOAD_PATHS = tuple(f"{ADDRESS}/{kind}" for kind in KINDS)
SHOWN_LINES = 20
SHOWN_FAULTS = 100
SHOWN_NAMES = 50
KEPT_SECONDS = 86_400
"""A list that nobody took over is dropped after a day."""
MEDIA = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


@dataclass(frozen=True, slots=True)
class ShownFault:
    line: int
    column: str
    value: str
    words: str


@dataclass(frozen=True, slots=True)
class ShownStep:
    line: int
    act: str
    cells: tuple[tuple[str, str, bool], ...]
    """Of each mapped field: as it will be, as it is now, whether it changes."""


@router.get(ADDRESS)
def list_page(request: Request, session: desk.InReading) -> Response:
    """What may be taken over, our empty lists, and what was taken over last."""
    return _list(request, session)


@router.get(f"{ADDRESS}/{{kind}}/modele.{{form}}")
def template(request: Request, kind: str, form: str) -> Response:
    """An empty list with the headings that are known by themselves."""
    if kind not in KINDS or form not in MEDIA:
        raise HTTPException(404)
    t = desk.words_of(request)
    headings = [t(f"imports.{kind}-{column.name}") for column in COLUMNS[kind]]
    data = write_csv(headings, ()) if form == "csv" else write_xlsx(t(f"imports.{kind}"), headings)
    name = f"{t(f'imports.{kind}-file')}.{form}"
    return Response(data, media_type=MEDIA[form], headers={"Content-Disposition": f'attachment; filename="{name}"'})


def send(kind: str) -> Callable[..., Response]:
    """The page to which a list of a kind is sent."""

    def send_list(request: Request, person: desk.SignedIn, file: Annotated[UploadFile, File()]) -> Response:
        workstation, entity = desk.workstation_of(request), desk.entity_of(request)
        imports.drop_uploads(workstation, workstation.clock().timestamp() - KEPT_SECONDS)
        data = file.file.read(imports.LARGEST_UPLOAD + 1)
        try:
            sent = imports.read_upload(workstation, plain_name(file.filename or ""), data)
        except Unreadable as error:
            with workstation.database.reading() as session:
                return _list(request, session, kind, error.reason)
        with workstation.database.writing() as session:
            number = imports.keep_upload(session, workstation, entity, kind, sent, person).id
        return desk.go_to(request, f"{ADDRESS}/{kind}/{number}")

    return send_list


def look(kind: str) -> Callable[..., Response]:
    """The page of one list: its columns, its lines as they will be, what is wrong with them."""

    def run_page(request: Request, session: desk.InReading, person: desk.SignedIn, number: str) -> Response:
        return _page(request, session, person, _run_of(request, session, kind, number))

    return run_page


def change(kind: str) -> Callable[..., Response]:
    """The columns as the person names them, or the list dropped."""

    def name_columns(
        request: Request,
        session: desk.InWriting,
        number: str,
        drop: Annotated[str, Form(max_length=5)] = "",
        column: Annotated[list[str], Form(max_length=2000)] = [],  # noqa: B006 FastAPI copies it
    ) -> Response:
        run, workstation = _run_of(request, session, kind, number), desk.workstation_of(request)
        if drop:
            imports.upload_of(workstation, run).unlink(missing_ok=True)
            if run.done_at is None:
                session.delete(run)
            return desk.go_to(request, ADDRESS, "flash.import-dropped")
        if run.done_at is None:
            names = [each.name for each in COLUMNS[kind]]
            run.mapping = {name: heading for name, heading in zip(names, column, strict=False) if heading}
        return desk.go_to(request, f"{ADDRESS}/{kind}/{number}")

    return name_columns


def run(kind: str) -> Callable[..., Response]:
    """The good lines are taken over."""

    def run_list(request: Request, person: desk.SignedIn, number: str, partly: Annotated[str, Form(max_length=5)] = "") -> Response:
        workstation = desk.workstation_of(request)
        with workstation.database.reading() as session:
            looked = _run_of(request, session, kind, number)
        sheet = imports.open_upload(workstation, looked)
        if sheet is None or imports.missing_columns(kind, looked.mapping):
            return desk.go_to(request, f"{ADDRESS}/{kind}/{number}")
        lines = _lines(looked, sheet)
        try:
            with workstation.database.writing() as session:
                found = _run_of(request, session, kind, number)
                if found.done_at is not None or found.mapping != looked.mapping:
                    return desk.go_to(request, f"{ADDRESS}/{kind}/{number}")
                plan = _plan(session, found, lines, person)
                if plan.faults and not partly:
                    return desk.go_to(request, f"{ADDRESS}/{kind}/{number}")
                imports.apply_import(session, found, plan, person, workstation.clock())
        except Refused as error:
            with workstation.database.reading() as session:
                return _page(request, session, person, _run_of(request, session, kind, number), error.reason)
        imports.upload_of(workstation, found).unlink(missing_ok=True)
        return desk.go_to(request, f"{ADDRESS}/{kind}/{number}", "flash.import-done")

    return run_list


def faults(kind: str) -> Callable[..., Response]:
    """What is wrong, as a list for whoever mends it."""

    def faults_file(request: Request, session: desk.InReading, person: desk.SignedIn, number: str) -> Response:
        found, t = _run_of(request, session, kind, number), desk.words_of(request)
        sheet = imports.open_upload(desk.workstation_of(request), found)
        if sheet is None:
            raise HTTPException(404)
        told = [_shown_fault(kind, fault, t) for fault in _plan(session, found, _lines(found, sheet), person).faults]
        headings = [t(f"imports.fault-{name}") for name in ("line", "column", "value", "words")]
        data = write_csv(headings, ((str(each.line), each.column, each.value, each.words) for each in told))
        return Response(
            data, media_type=MEDIA["csv"], headers={"Content-Disposition": f'attachment; filename="{t("imports.faults-file")}.csv"'}
        )

    return faults_file


for _kind in KINDS:
    # An address of its own for each kind: who may take over people is not who may take over suppliers (`grants`).
    router.add_api_route(f"{ADDRESS}/{_kind}", send(_kind), methods=["POST"])
    router.add_api_route(f"{ADDRESS}/{_kind}/{{number}}", look(_kind), methods=["GET"])
    router.add_api_route(f"{ADDRESS}/{_kind}/{{number}}", change(_kind), methods=["POST"])
    router.add_api_route(f"{ADDRESS}/{_kind}/{{number}}/run", run(_kind), methods=["POST"])
    router.add_api_route(f"{ADDRESS}/{_kind}/{{number}}/errors.csv", faults(_kind), methods=["GET"])


def _run_of(request: Request, session: Session, kind: str, number: str) -> ImportRun:
    found = register.get_run(session, desk.entity_of(request), kind, number)
    if found is None:
        raise HTTPException(404)
    return found


def _lines(run: ImportRun, sheet: Sheet) -> Sequence[Line]:
    return imports.read_lines(run.kind, sheet, run.mapping)


def _plan(session: Session, run: ImportRun, lines: Sequence[Line], person: Person) -> Plan:
    return imports.plan_import(session, run.entity, run.kind, lines, person, run.at.astimezone(PARIS).date())


def _unlawful_words(told: tuple[int, str, str], t: Words) -> str:
    line, name, terms = told
    said = f"{text_words(terms, t)}. {warning_words(read_term(terms), 'private', t)}"
    return t("imports.unlawful-line", n=line, name=name, terms=said)


def _list(request: Request, session: Session, wrong_kind: str = "", wrong: str = "") -> Response:
    roles, t = desk.roles_here(request), desk.words_of(request)
    mine = [kind for kind in KINDS if may(roles, "POST", f"{ADDRESS}/{kind}")]
    runs = register.list_runs(session, desk.entity_of(request), mine)
    # Brought at the command line without a name: the shell of the machine is believed.
    who = {"system": t("imports.shell")} | people.logins_of(session, [each.actor for each in runs])
    return desk.show(
        request,
        "imports.html",
        422 if wrong else 200,
        kinds=mine,
        columns={kind: [(t(f"imports.{kind}-{each.name}"), each.needed) for each in COLUMNS[kind]] for kind in mine},
        runs=[(each, who.get(each.actor, each.actor), t.moment(each.done_at) if each.done_at else "") for each in runs],
        wrong_kind=wrong_kind,
        wrong=wrong and t(f"imports.file-{wrong}"),
    )


def _page(request: Request, session: Session, person: Person, run: ImportRun, refused: str = "") -> Response:
    t, kind = desk.words_of(request), run.kind
    sheet = imports.open_upload(desk.workstation_of(request), run) if run.done_at is None else None
    missing = imports.missing_columns(kind, run.mapping) if sheet else ()
    plan = _plan(session, run, _lines(run, sheet), person) if sheet and not missing else Plan(kind)
    mapped = [column.name for column in COLUMNS[kind] if column.name in run.mapping]
    return desk.show(
        request,
        "import.html",
        422 if refused else 200,
        run=run,
        gone=sheet is None and run.done_at is None,
        headings=sheet.headings if sheet else (),
        columns=[(each.name, t(f"imports.{kind}-{each.name}"), each.needed) for each in COLUMNS[kind]],
        missing=t("imports.missing", columns=", ".join(t(f"imports.{kind}-{name}") for name in missing)) if missing else "",
        mapped=[t(f"imports.{kind}-{name}") for name in mapped],
        steps=[_shown_step(step, mapped, t) for step in _first_steps(plan.steps)],
        plan=plan,
        counts=run.counts or plan.counts,
        good=sum(step.act != "same" for step in plan.steps),
        faults=[_shown_fault(kind, fault, t) for fault in plan.faults[:SHOWN_FAULTS]],
        more_faults=max(0, len(plan.faults) - SHOWN_FAULTS),
        unlawful=[_unlawful_words(each, t) for each in plan.unlawful[:SHOWN_NAMES]],
        absent=plan.absent[:SHOWN_NAMES],
        more_absent=max(0, len(plan.absent) - SHOWN_NAMES),
        refused=refused and t(f"people.wrong-{refused}"),
    )


def _first_steps(steps: Sequence[Step]) -> list[Step]:
    """What changes comes before what stays; in the order of the list."""
    order = {"changed": 0, "new": 1, "same": 2}
    return sorted(steps, key=lambda step: order[step.act])[:SHOWN_LINES]


def _shown_step(step: Step, mapped: Sequence[str], t: Words) -> ShownStep:
    changed = {name: before for name, before, _ in step.changes}
    after = {name: value for name, _, value in step.changes}

    def cell(name: str) -> tuple[str, str, bool]:
        value = after.get(name, step.line.values.get(name, ""))
        return _told(name, value, t), _told(name, changed.get(name, ""), t), name in changed and step.act == "changed"

    return ShownStep(step.line.number, step.act, tuple(cell(name) for name in mapped))


def _told(name: str, value: str, t: Words) -> str:
    """As a person reads it."""
    if not value:
        return ""
    match name:
        case "roles":
            told = ", ".join(t(f"role.{role}") for role in value.split())
        case "regime" | "size":
            told = t(f"imports.{name}-{value}")
        case "terms":
            told = text_words(value, t)
        case "amount":
            told = t.amount(value, "EUR")
        case "issued" | "due" | "day":
            told = t.day(date.fromisoformat(value))
        case "iban":
            told = " ".join(value[place : place + 4] for place in range(0, len(value), 4))
        case _:
            told = value
    return told


def _shown_fault(kind: str, fault: Fault, t: Words) -> ShownFault:
    places = {"n": fault.value} if fault.code in ("twice", "contradicts", "too-many") else {}
    words = t(f"imports.wrong-{fault.code}", **places) if places else t(f"imports.wrong-{fault.code}")
    return ShownFault(fault.line, t(f"imports.{kind}-{fault.column}") if fault.column else "", "" if places else fault.value, words)
