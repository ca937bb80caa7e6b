"""The auditor's package from the desk: choose a period, watch it being made, take its parts; those made before."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, Response

from station.exports import Busy, Export, Exports, NoExport, Stage, scope_from
from station.package import Scope, scope_of
from station.web import desk
from station.web.access import note_export
from station.web.words import Words, typeset

router = APIRouter()
SHOWN = 50
"""Packages on the page, newest first."""
Text = Annotated[str, Form(max_length=60)]
LOOKS: dict[Stage, tuple[str, str]] = {
    Stage.RUNNING: ("busy", "hourglass"),
    Stage.DONE: ("good", "circle-check"),
    Stage.REFUSED: ("watch", "triangle-alert"),
    Stage.STOPPED: ("calm", "circle-x"),
    Stage.BROKEN: ("bad", "circle-x"),
    Stage.WITHDRAWN: ("calm", "archive"),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was sent."""

    begin: str = ""
    end: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class ShownExport:
    id: str
    title: str
    tone: str
    icon: str
    state: str
    begun: str
    living: bool
    done: int
    total: int
    told: str
    warning: str
    trouble: str
    parts: tuple[str, ...]


def exports_of(request: Request) -> Exports:
    """The packages of this server, looked for at the first question."""
    exports: Exports | None = getattr(request.app.state, "exports", None)
    if exports is None:
        exports = request.app.state.exports = Exports(desk.house_of(request))
    return exports


def mine(request: Request) -> tuple[Export, ...]:
    """The packages of the company in which the person works, newest first."""
    return tuple(each for each in exports_of(request).all() if _belongs(request, each))


def own_one(request: Request, number: str) -> Export:
    """Raises NoExport; for another company's, too."""
    export = exports_of(request).one(number)
    if not _belongs(request, export):
        raise NoExport(number)
    return export


def _belongs(request: Request, export: Export) -> bool:
    return (export.entity or desk.house_of(request).settings.entity) == desk.entity_of(request)


@router.get("/export")
def export_page(request: Request, seen: str = "", document: str = "", htmx: desk.FromHtmx = None) -> Response:
    """The form, and the packages that were made; asked by HTMX only whether anything changed."""
    change = _change(mine(request))
    if htmx and seen == change:
        return desk.nothing_new()
    this_year = desk.workstation_of(request).clock().date().replace(month=1, day=1)
    typed = Typed(document=document[:40]) if document else Typed(this_year.isoformat(), _today(request).isoformat())
    return _page(request, typed, fragment=bool(htmx))


@router.post("/export")
def begin_export(request: Request, person: desk.SignedIn, begin: Text = "", end: Text = "", document: Text = "") -> Response:
    """Begin; where the days are none, or another is at work, the page says so and keeps what was typed."""
    typed = Typed(begin.strip(), end.strip(), document.strip())
    scope = scope_of("", "", typed.document) if typed.document else scope_of(typed.begin, typed.end)
    if scope is None:
        return _page(request, typed, wrong="export.wrong-days", status=422)
    try:
        exports_of(request).start(scope, person.pseudonym, desk.entity_of(request))
    except Busy:
        return _page(request, typed, wrong="export.wrong-busy", status=409)
    note_export(request, person, scope)
    return desk.go_to(request, "/export")


@router.post("/export/{number}/stop")
def stop_export(request: Request, number: str) -> Response:
    """Stop the one at work; one that has just ended is left as it is."""
    try:
        exports_of(request).stop(own_one(request, number).id)
    except NoExport:
        return desk.go_to(request, "/export")
    return desk.go_to(request, "/export", "flash.export-stopping")


@router.post("/export/{number}/remove")
def remove_export(request: Request, number: str) -> Response:
    try:
        exports_of(request).remove(own_one(request, number).id)
    except NoExport as error:
        raise HTTPException(404) from error
    except Busy as error:
        raise HTTPException(409) from error
    return desk.go_to(request, "/export", "flash.export-removed")


@router.get("/export/{number}/{name}")
def export_part(request: Request, number: str, name: str) -> Response:
    """One part, as a download."""
    try:
        path = exports_of(request).part(own_one(request, number).id, name)
    except NoExport as error:
        raise HTTPException(404) from error
    return FileResponse(path, media_type="application/zip", filename=name)


def show_export(export: Export, t: Words) -> ShownExport:
    tone, icon = LOOKS[export.stage]
    french, english = export.trouble
    told = t("export.told", documents=t.number(export.documents), size=t.size(export.bytes)) if export.stage is Stage.DONE else ""
    return ShownExport(
        id=export.id,
        title=_title(scope_from(export.scope), t),
        tone="watch" if export.lost else tone,
        icon="triangle-alert" if export.lost else icon,
        state=t(f"export.stage-{export.stage.value}"),
        begun=t("export.begun", at=t.moment(datetime.fromisoformat(export.begun_at)), actor=export.actor),
        living=export.living,
        done=export.done,
        total=export.total,
        told=_progress(export, t) if export.living else told,
        warning=_warning(export, t),
        trouble=typeset(english if t.language == "en" else french),
        parts=export.parts,
    )


def _progress(export: Export, t: Words) -> str:
    """Before the documents are counted there is no number to tell."""
    if not export.total:
        return t("export.begins")
    return t("export.progress", done=t.number(export.done), total=t.number(export.total), size=t.size(export.bytes))


def _title(scope: Scope, t: Words) -> str:
    told = scope.as_json()
    if "document" in told:
        return t("export.of-document", document=told["document"])
    return t("export.of-period", begin=t.day(date.fromisoformat(told["from"])), end=t.day(date.fromisoformat(told["to"])))


def _warning(export: Export, t: Words) -> str:
    if export.lost:
        return t("export.lost", n=t.number(export.lost))
    return t("export.withheld", n=t.number(export.withheld)) if export.withheld else ""


def _change(exports: tuple[Export, ...]) -> str:
    return desk.fingerprint_of(*((each.id, each.stage, each.done, each.bytes) for each in exports))


def _today(request: Request) -> date:
    return desk.workstation_of(request).clock().date()


def _page(request: Request, typed: Typed, *, fragment: bool = False, wrong: str | None = None, status: int = 200) -> Response:
    t, exports = desk.words_of(request), mine(request)
    return desk.show(
        request,
        "_export.html" if fragment else "export.html",
        status,
        shown=[show_export(each, t) for each in exports[:SHOWN]],
        older=len(exports[SHOWN:]),
        running=any(each.living for each in exports),
        change=_change(exports),
        typed=typed,
        wrong=wrong and t(wrong),
    )
