"""Backups as the administrator and compliance see them: the last one, the last rehearsal of its restoration, and both at once on demand."""

import errno
import re
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, Response
from sqlalchemy.orm import Session

from station.drills import ask_run, standing_of
from station.problems import PROBLEMS, problem_of
from station.records.tables import BackupRun
from station.web import desk
from station.web.words import Words, typeset

ADDRESS = "/sauvegardes"
router = APIRouter()
OWN_WORDS = ("disk-full", "read-only", "place-away", "place-rights")
"""Troubles of the place of backups itself, where an original is not what matters."""
_AWAY = {errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN}
_REFUSED = {errno.EACCES, errno.EPERM}
_ERRNO = re.compile(r"\[Errno (\d+)\]")
TONES = {"whole": "good", "flawed": "bad", "failed": "bad", "running": "busy", "asked": "calm", "empty": "calm"}
ICONS = {"whole": "circle-check", "flawed": "circle-x", "failed": "circle-x", "running": "hourglass", "asked": "clock", "empty": "info"}


@router.get(ADDRESS)
def backups_page(request: Request, session: desk.InReading) -> Response:
    return _page(request, session)


@router.post(ADDRESS)
def ask(request: Request, session: desk.InWriting, person: desk.SignedIn, kind: Annotated[str, Form(max_length=10)] = "backup") -> Response:
    """A backup, or a rehearsal, now: the running station takes it up within half a minute."""
    workstation = desk.workstation_of(request)
    if kind not in ("backup", "drill"):
        raise HTTPException(422)
    if not workstation.settings.backup.folder:
        return _page(request, session, 422)
    ask_run(session, workstation.settings, kind, person, workstation.clock())
    return desk.go_to(request, ADDRESS)


@router.get(f"{ADDRESS}/{{number}}.pdf")
def report(request: Request, session: desk.InReading, number: int) -> Response:
    """The sealed report of a rehearsal."""
    row = session.get(BackupRun, number)
    archives = desk.workstation_of(request).archives
    if row is None or row.sha256 is None or not archives.holds(row.sha256, ".pdf"):
        raise HTTPException(404)
    return FileResponse(archives.path(row.sha256, ".pdf"), media_type="application/pdf", filename=f"essai-restauration-{number}.pdf")


def _page(request: Request, session: Session, status: int = 200) -> Response:
    workstation, t = desk.workstation_of(request), desk.words_of(request)
    now = workstation.clock()
    standing = standing_of(session, workstation.settings, now)
    care = workstation.settings.backup
    return desk.show(
        request,
        "backups.html",
        status=status,
        standing=standing,
        care=care,
        alert=standing.alert,
        last=_told(standing.last, t, now) if standing.last else None,
        drill=_told(standing.drill, t, now) if standing.drill else None,
        runs=[_told(each, t, now) for each in standing.runs],
    )


def _told(row: BackupRun, t: Words, now: datetime) -> dict[str, Any]:
    figures = row.figures or {}
    return {
        "number": row.id,
        "kind": row.kind,
        "at": t.moment(row.started_at),
        "age": _age(now - row.started_at, t),
        "place": row.place,
        "outcome": row.outcome,
        "tone": TONES[row.outcome],
        "icon": ICONS[row.outcome],
        "size": t.size(row.size),
        "rows": t.number(figures.get("rows", 0)),
        "files": t.number(figures.get("files", 0)),
        "seals": t.number(figures.get("seals", 0)),
        "keys": figures.get("keys"),
        "thinned": "thinned" in figures,
        "trouble": row.trouble,
        "said": trouble_said(row.trouble, figures.get("problem"), t),
        "bad": figures.get("bad", []),
        "failing": [each for each in figures.get("checks", []) if not each["ok"]],
        "report": row.sha256 is not None,
    }


def trouble_said(trouble: str | None, problem: str | None, t: Words) -> str | None:
    """What went wrong, what is safe, what to do; None where only the technical text tells. Runs noted without a code are known by errno."""
    number = _ERRNO.search(trouble or "")
    code = problem or "unexpected"
    if number:
        code = _place_trouble(int(number[1]))
    if code in OWN_WORDS:
        return t(f"backups.trouble-{code}")
    return None if code == "unexpected" else typeset(PROBLEMS[code].words(t.language)) if code in PROBLEMS else None


def _place_trouble(number: int) -> str:
    if number in _AWAY:
        return "place-away"
    return "place-rights" if number in _REFUSED else problem_of(OSError(number, "")).code


def _age(age: timedelta, t: Words) -> str:
    hours = int(age.total_seconds() // 3600)
    if not hours:
        return t("backups.under-an-hour")
    return t.count("backups.hours", hours) if hours < 48 else t.count("backups.days", hours // 24)
