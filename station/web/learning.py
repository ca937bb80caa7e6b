"""The values of a document as a person reviews them, the form in which one is corrected, and what Sceau has learned."""

import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import Response
from PIL import Image
from sqlalchemy.orm import Session

from ocr.confidence import Thresholds, colour_of
from ocr.suppliers import CONSTANTS, Lesson
from ocr.values import LISTS, NAMES
from station import drift, learning, review
from station.acts import shown_document
from station.records import learned, people
from station.records.tables import Document, FieldRow, LessonRow, LessonUse, PageRow
from station.stored import page_from
from station.web import desk, show
from station.web.reasons import why_words as why_of
from station.web.show import Badge
from station.web.words import Words
from station.workstation import Workstation

router = APIRouter()
SOURCES = {"read": "scan-line", "xml": "code", "rule": "list", "person": "user"}
"""Symbol of each origin of a value."""
CROP_MARGIN = (0.06, 0.9)
"""Of the page's width to each side, of the value's height above and below: enough to see its label and the lines around."""
SHOWN_LESSONS = 100
"""Of one screen."""
SHOWN_USES = 20
"""Documents told below a lesson, the newest."""
_LEARNED = re.compile(r"learned from the correction of (\S*) on (\S*) \(document (\S*)\)")
_ANY_SPACE = re.compile(r"[\s\u00a0\u202f]+")
Text = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Line:
    """One value in the table of a document."""

    name: str
    label: str
    value: str
    rows: show.ShownRows | None
    """Of a value of several rows: they are shown instead of it."""
    absent: bool
    """A person said that the paper does not tell it."""
    page: int | None
    source: Badge
    colour: Badge
    why: str | None
    printed: str | None
    """The words as they were read, where they are not the value itself."""
    said: str | None
    """Who said it and when."""
    read: str | None
    """What had been read, where a person said otherwise."""
    crop: str | None
    """Address of its piece of the page."""
    form: str | None
    """Address of the form; None for tables, which are not typed in one line."""


@dataclass(frozen=True, slots=True)
class ShownLesson:
    number: int
    label: str
    value: str
    instead_of: str | None
    where: str
    taught: str
    document: str
    undone: str | None
    uses: tuple[tuple[str, str, str, bool], ...]
    """Document, its title, what changed, and whether a person should look at it again: the newest."""
    count: int
    """Documents that it influenced."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What was learned of one supplier."""

    title: str
    key: str
    lessons: tuple[ShownLesson, ...]


# --- the values of a document ---


def show_lines(session: Session, document: Document, thresholds: Thresholds, t: Words) -> tuple[Line, ...]:
    """Every value, the most trusted word first, in the order in which a clerk checks; people by their logins."""
    best = best_rows(document)
    told = {row.name: row for row in document.fields if row.source != "person" and row.value}
    currency = best["currency"].value if "currency" in best else None
    taught = (_LEARNED.search(row.reason or "") for row in best.values())
    who = people.logins_of(session, [*(row.actor for row in best.values()), *(each[1] for each in taught if each)])
    return tuple(_line(document, best[name], told.get(name), thresholds, currency, who, t) for name in _ordered(best))


def missing_fields(document: Document, t: Words) -> tuple[tuple[str, str], ...]:
    """Label and form of what nobody found, to be typed by hand."""
    best = best_rows(document)
    return tuple((t.known("field", name), _form(document, name)) for name in _ordered(learning.TYPED) if name not in best)


def to_confirm(document: Document, *, account_waits: bool = False) -> bool:
    """Whether there is a value on which nobody said anything yet; an account that waits for a second person is said."""
    said = {"iban"} if account_waits else set()
    return any(row.source != "person" for name, row in best_rows(document).items() if name in learning.TYPED and name not in said)


def best_rows(document: Document) -> dict[str, FieldRow]:
    """The word that counts, by name; a value that a person took away counts as such."""
    best: dict[str, FieldRow] = {}
    for row in document.fields:
        if (row.value or row.source == "person") and (row.name not in best or row.rank < best[row.name].rank):
            best[row.name] = row
    return best


def colour_badge(row: FieldRow, thresholds: Thresholds, t: Words) -> Badge:
    """Never a colour alone: a symbol and a word with it. What a person said is sure."""
    if row.source == "person":
        return Badge(t("confidence.person"), "good", "check")
    colour = colour_of(row.confidence or 0.0, thresholds)
    return Badge(t(f"confidence.{colour}"), *show.COLOUR_LOOKS[colour])


def why_words(reason: str | None, who: Mapping[str, str], t: Words) -> str | None:
    """Why this value, in words; what was learned tells by whom (`who`: logins by pseudonym) and when."""
    told = _LEARNED.search(reason or "")
    if told is None:
        return why_of(reason, t)
    taught = t("learn.why", author=who.get(told[1], told[1]), day=_day(told[2], t), document=told[3][:8])
    rest = why_of((reason or "").replace(told[0], "").replace("at odds with ", ""), t)
    odds = t("learn.at-odds") + " " if "at odds with" in (reason or "") else ""
    return ", ".join(part for part in (rest, odds + taught) if part)


def _line(
    document: Document,
    row: FieldRow,
    read: FieldRow | None,
    thresholds: Thresholds,
    currency: str | None,
    who: Mapping[str, str],
    t: Words,
) -> Line:
    said = row.source == "person"
    value = show.show_value(row.name, row.value, currency, t) if row.value else t("learn.absent")
    differs = said and not learned.same_value(row.name, row.value, read.value if read else None)
    return Line(
        name=row.name,
        label=t.known("field", row.name),
        value=value,
        rows=show.show_rows(row.name, row.value, currency, t),
        absent=not row.value,
        page=row.page or None,
        source=Badge(t.known("origin", row.source), "good" if said else "calm", SOURCES.get(row.source, "circle-help")),
        colour=colour_badge(row, thresholds, t),
        why=why_words(row.reason, who, t),
        printed=row.raw if row.raw and row.raw not in (row.value, value) else None,
        said=t("learn.said", actor=who.get(row.actor or "", row.actor or ""), at=t.moment(row.said_at)) if said and row.said_at else None,
        read=(show.show_value(row.name, read.value, currency, t) if read and read.value else t("learn.nothing-read")) if differs else None,
        crop=f"{_form(document, row.name)}/crop.jpg?r={document.revision}" if row.box and row.page else None,
        form=_form(document, row.name) if row.name in learning.TYPED else None,
    )


def _ordered(names: Any) -> list[str]:
    """In the legal and arithmetic order in which a clerk checks; tables last."""
    first = [name for name in show.FIELD_ORDER if name in names]
    others = [name for name in NAMES if name in names and name not in first and name not in LISTS]
    known = {*first, *others}
    return [*first, *others, *(name for name in names if name not in known)]


def _form(document: Document, name: str) -> str:
    return f"/documents/{document.id}/fields/{name}"


@router.post("/documents/{document_id}/fields")
def confirm_all(request: Request, session: desk.InWriting, person: desk.SignedIn, document_id: str) -> Response:
    """« J'ai tout relu » : what nobody said anything about is right."""
    workstation = desk.workstation_of(request)
    names, waits = review.confirm_all(session, workstation, document_id, person, crop_in(workstation))
    if waits:
        return desk.go_to(request, f"/documents/{document_id}#fields-title", "flash.values-account")
    return desk.go_to(request, f"/documents/{document_id}#fields-title", "flash.values-confirmed" if names else "flash.values-known")


@router.get("/documents/{document_id}/fields/{name}")
def field_page(request: Request, session: desk.InReading, document_id: str, name: str) -> Response:
    """One value: its place on the page, why it was chosen, and the form to correct it."""
    return _field_page(request, session, shown_document(session, document_id), name)


@router.post("/documents/{document_id}/fields/{name}")
def say_field(
    request: Request,
    session: desk.InWriting,
    person: desk.SignedIn,
    document_id: str,
    name: str,
    value: Text = "",
    absent: Text = "",
    sure: Text = "",
) -> Response:
    """Correct, confirm or take away; what cannot be read as such a value comes back as typed; `sure`: what was asked once more."""
    document = shown_document(session, document_id)
    if name not in learning.TYPED:
        raise HTTPException(404)
    try:
        said = None if absent else learning.parse_typed(name, _ANY_SPACE.sub(" ", value), confirmed=bool(sure) and sure == value)
    except learning.Unreadable as error:
        return _field_page(request, session, document, name, typed=value, wrong=error.kind)
    if said is None and not absent:
        return _field_page(request, session, document, name, typed=value, wrong="empty")
    workstation = desk.workstation_of(request)
    if name == "iban" and said is not None:
        lesson, waits = review.say_account(session, workstation, document_id, said, person, crop_in(workstation))
        if waits:
            return desk.go_to(request, f"/documents/{document_id}#fields-title", "flash.value-account")
    else:
        lesson = learning.say_value(session, workstation, document_id, name, said, person)
    served = lesson is not None and learned.lesson_of(lesson).place is not None
    return desk.go_to(request, f"/documents/{document_id}#fields-title", "flash.value-learned" if served else "flash.value-said")


def _field_page(
    request: Request, session: Session, document: Document, name: str, typed: str | None = None, wrong: str | None = None
) -> Response:
    if name not in learning.TYPED:
        raise HTTPException(404)
    t = desk.words_of(request)
    thresholds = drift.thresholds_of(session, document.entity)
    lines = {line.name: line for line in show_lines(session, document, thresholds, t)}
    shown = lines.get(name)
    kind = learning.kind_of_value(name)
    return desk.show(
        request,
        "field.html",
        422 if wrong else 200,
        document=document,
        name=name,
        label=t.known("field", name),
        line=shown,
        kind=kind,
        typed=typed if typed is not None else "" if shown is None or shown.absent else _typed_form(shown, kind),
        wrong=wrong and t(f"learn.wrong-{wrong}", typed=(typed or "").strip()[:80], **_readings(wrong, typed or "", t)),
        sure=typed if wrong == "key" else None,
        page_image=f"/documents/{document.id}/pages/{shown.page}/page.jpg?r={document.attempt}" if shown and shown.page else None,
        constant=name in CONSTANTS,
    )


def _readings(wrong: str, typed: str, t: Words) -> dict[str, str]:
    """Both readings of an amount that has two, as they may be typed without doubt."""
    if wrong != "thousands":
        return {}
    whole, _, rest = re.sub(r"[^\d.,-]", "", typed).replace(",", ".").partition(".")
    return {"thousands": t.amount(whole + rest), "decimals": t.amount(f"{whole}.{rest[:2]}")}


def _typed_form(line: Line, kind: str) -> str:
    """An amount without its currency: as one would type it."""
    return re.sub(r"[^\d,.\s-]", "", line.value).strip() if kind == "amount" else line.value


@router.get("/documents/{document_id}/fields/{name}/crop.jpg")
def field_crop(request: Request, session: desk.InReading, document_id: str, name: str) -> Response:
    """The piece of the working image in which the value stands; never evidence."""
    document = shown_document(session, document_id)
    row = best_rows(document).get(name)
    cut = cut_crop(desk.workstation_of(request), document, row.page, row.box) if row else None
    if cut is None:
        raise HTTPException(404)
    return Response(cut, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def crop_in(workstation: Workstation) -> review.Crop:
    """How the review cuts the piece of a page that shows a value."""
    return lambda document, row: cut_crop(workstation, document, row.page, row.box)


def cut_crop(workstation: Workstation, document: Document, number: int | None, box: Sequence[int] | None) -> bytes | None:
    """A box of a page with its surroundings, JPEG, from the working image; None where there is no such place or image."""
    page = next((page for page in document.current_pages if page.number == number), None)
    path = workstation.light_image(document, number or 0)
    if page is None or not box or len(box) != 4 or not path.is_file():
        return None
    with Image.open(path) as image:
        around = crop_box(box, upright_size(page), image.size)
        if around is None:
            return None
        out = io.BytesIO()
        image.convert("RGB").crop(around).save(out, "JPEG", quality=85)
    return out.getvalue()


def upright_size(page: PageRow) -> tuple[int, int]:
    """Width and height of the page as a person holds it, in its own pixels."""
    coded = page_from(page.coding)
    turned = coded.orientation in (5, 6, 7, 8)  # TIFF 6.0, Orientation: rows and columns exchanged
    return (coded.height, coded.width) if turned else (coded.width, coded.height)


def crop_box(box: Sequence[int], page: tuple[int, int], image: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The value's box with its surroundings, in pixels of the small image; None where the image is of another page, or the box outside."""
    width, height = page
    if not width or not height or abs(image[0] * height / (image[1] * width) - 1) > 0.03:
        return None
    scale = image[0] / width
    beside, above = CROP_MARGIN[0] * width, CROP_MARGIN[1] * (box[3] - box[1])
    left, top = max(0, int((box[0] - beside) * scale)), max(0, int((box[1] - above) * scale))
    right, bottom = min(image[0], int((box[2] + beside) * scale) + 1), min(image[1], int((box[3] + above) * scale) + 1)
    return (left, top, right, bottom) if right - left > 4 and bottom - top > 4 else None


# --- what was learned ---


@router.get("/memory")
def memory_page(request: Request, session: desk.InReading, page: int = 1) -> Response:
    """By supplier: what was learned, by whom, when, from which document, and which documents it influenced."""
    return _memory_page(request, session, page)


@router.get("/memory/export.json")
def export(request: Request, session: desk.InReading) -> Response:
    """All of it as JSON, to keep or to read elsewhere."""
    entity = desk.workstation_of(request).settings.entity
    body = json.dumps(learning.export_lessons(session, entity), ensure_ascii=False, indent=2)
    return Response(body, media_type="application/json", headers={"Content-Disposition": 'attachment; filename="sceau-memory.json"'})


@router.post("/memory/{number}/undo")
def undo(request: Request, session: desk.InWriting, person: desk.SignedIn, number: int, reason: Text = "", page: int = 1) -> Response:
    """Forget one lesson; what it decided is read anew, what people said stays."""
    if not reason.strip():
        return _memory_page(request, session, page, wrong=number)
    learning.undo_lesson(session, desk.workstation_of(request), number, reason, person)
    return desk.go_to(request, f"/memory#lesson-{number}", "flash.unlearned")


def _memory_page(request: Request, session: Session, page: int = 1, wrong: int | None = None) -> Response:
    t, entity = desk.words_of(request), desk.workstation_of(request).settings.entity
    count = learned.count_lessons(session, entity, replaced=False)
    pages = max(1, -(-count // SHOWN_LESSONS))
    page = min(max(1, page), pages)
    rows = learned.list_lessons(session, entity, SHOWN_LESSONS, (page - 1) * SHOWN_LESSONS, replaced=False)
    shown = {lesson.number: lesson for lesson in show_lessons(session, rows, t)}
    standing = [row for row in rows if row.undone_at is None]
    return desk.show(
        request,
        "memory.html",
        422 if wrong else 200,
        suppliers=[
            Taught(group[0].title, show_key(group[0].supplier, t), tuple(shown[row.id] for row in group))
            for group in (list(rows) for _, rows in groupby(standing, key=lambda row: (row.title, row.supplier)))
        ],
        undone=[shown[row.id] for row in rows if row.undone_at is not None],
        page=page,
        pages=pages,
        count=count,
        drift=drift.drift_now(session, entity),
        wrong=wrong,
    )


def show_lessons(session: Session, rows: Sequence[LessonRow], t: Words) -> list[ShownLesson]:
    numbers = [row.id for row in rows]
    uses, counts = learned.influenced(session, numbers, SHOWN_USES), learned.count_uses(session, numbers)
    said = learned.said_names(session, {document.id for each in uses.values() for _, document in each})
    who = people.logins_of(session, [name for row in rows for name in (row.actor, row.undone_by)])
    return [_shown_lesson(row, uses[row.id], counts.get(row.id, 0), said, who, t) for row in rows]


def _shown_lesson(
    row: LessonRow,
    uses: Sequence[tuple[LessonUse, Document]],
    count: int,
    said: Collection[tuple[str, str]],
    who: Mapping[str, str],
    t: Words,
) -> ShownLesson:
    lesson, undone = learned.lesson_of(row), row.undone_at
    reason = t("memory.corrected") if row.undone_reason == learned.CORRECTED else row.undone_reason or ""
    return ShownLesson(
        number=row.id,
        label=t.known("field", row.field),
        value=show.show_value(row.field, lesson.value, None, t),
        instead_of=show.show_value(row.field, lesson.instead_of, None, t) if lesson.instead_of else None,
        where=where_words(lesson, t),
        taught=t("memory.taught", actor=who.get(row.actor, row.actor), at=t.moment(row.taught_at)),
        document=row.document_id,
        undone=t("memory.undone-by", at=t.moment(undone), actor=who.get(row.undone_by or "", row.undone_by or ""), reason=reason)
        if undone
        else None,
        uses=tuple(
            (
                document.id,
                show.title_of(document, t),
                "" if document.confidential else _change_words(use.field, use.before, use.after, t),
                undone is not None and use.before != use.after and (document.id, use.field) not in said,
            )
            for use, document in uses
        ),
        count=count,
    )


def where_words(lesson: Lesson, t: Words) -> str:
    """« à droite de « date de facture » », « sous « … » », or where on the page."""
    place = lesson.place
    if place is None:
        return t("memory.unprinted")
    if lesson.field in CONSTANTS:
        return t("memory.constant")
    parts = [t("memory.right-of", words=place.left.replace("#", "…"))] if place.left else []
    parts += [t("memory.below", words=place.above.replace("#", "…"))] if place.above and not place.left else []
    height = "top" if place.y < 1 / 3 else "middle" if place.y < 2 / 3 else "bottom"
    side = "left" if place.x < 0.5 else "right"
    return ", ".join([*parts, t(f"memory.{height}-{side}")])


def show_key(key: str, t: Words) -> str:
    kind, _, value = key.partition(":")
    return f"{t(f'memory.key-{kind}')} {value}"


def _change_words(name: str, before: str | None, after: str | None, t: Words) -> str:
    new = show.show_value(name, after, None, t) if after else "–"
    if before == after:
        return t("memory.same", value=new)
    return t("memory.changed", before=show.show_value(name, before, None, t) if before else "–", after=new)


def _day(text: str, t: Words) -> str:
    try:
        return t.day(date.fromisoformat(text))
    except ValueError:
        return text
