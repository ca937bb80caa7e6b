"""What was learned of suppliers, which documents it influenced, and what people said of values."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ocr.suppliers import AMOUNTS, Lesson, Use, lesson_from, lesson_json
from station.records.tables import OF_THE_PAGE, Document, FieldRow, LessonRow, LessonUse, State
from station.stored import field_text

MOST_LESSONS = 20_000
"""Standing lessons looked through for one document."""
CORRECTED = "corrected"
"""Why a lesson was undone, where a newer word of a person on the same value says otherwise."""
_AT_ONCE = 500
"""Lessons asked for in one query."""
RECENT = 2000
"""Reviewed values from which the promise of green is judged: what was so years ago says little."""


class NoLesson(Exception):
    """There is no such lesson, or it is undone already."""


def keep_lesson(session: Session, entity: str, title: str, lesson: Lesson, at: datetime) -> LessonRow:
    """Write down what a correction taught; its keys are kept with the data, the surest as the supplier."""
    row = LessonRow(
        entity=entity,
        supplier=lesson.supplier[:120],
        title=title[:200],
        field=lesson.field,
        data=lesson_json(lesson),
        document_id=lesson.document,
        actor=lesson.author,
        taught_at=at,
    )
    session.add(row)
    session.flush()
    return row


def get_lesson(session: Session, number: int) -> LessonRow:
    """A standing lesson. Raises NoLesson."""
    row = session.get(LessonRow, number)
    if row is None or row.undone_at is not None:
        raise NoLesson(str(number))
    return row


def standing_lessons(session: Session, entity: str) -> list[Lesson]:
    """What speaks when a document is read, each with its number."""
    rows = session.scalars(
        sa.select(LessonRow)
        .where(LessonRow.entity == entity, LessonRow.undone_at.is_(None))
        .order_by(LessonRow.id.desc())
        .limit(MOST_LESSONS)
    )
    return [lesson_of(row) for row in rows]


def lessons_taught(session: Session, document_id: str, name: str | None = None) -> list[LessonRow]:
    """Standing lessons that this document taught, of one field or of all."""
    query = sa.select(LessonRow).where(LessonRow.document_id == document_id, LessonRow.undone_at.is_(None))
    return list(session.scalars(query if name is None else query.where(LessonRow.field == name)))


def lesson_of(row: LessonRow) -> Lesson:
    return replace(lesson_from(row.data), number=row.id)


def list_lessons(session: Session, entity: str, limit: int, skipped: int = 0, *, replaced: bool = True) -> list[LessonRow]:
    """Standing ones first, by supplier, then the undone; those that a confidential document taught are told to nobody.

    `replaced`: also those in whose place the same word of a person stands.
    """
    query = sa.select(LessonRow).where(*_told(entity, replaced=replaced))
    ordered = query.order_by(LessonRow.undone_at.is_not(None), LessonRow.title, LessonRow.supplier, LessonRow.id.desc())
    return list(session.scalars(ordered.limit(limit).offset(skipped)))


def count_lessons(session: Session, entity: str, *, replaced: bool = True) -> int:
    """How many `list_lessons` would tell without a limit."""
    return session.scalar(sa.select(sa.func.count()).select_from(LessonRow).where(*_told(entity, replaced=replaced))) or 0


def _told(entity: str, *, replaced: bool) -> list[sa.ColumnElement[bool]]:
    reserved = sa.select(Document.id).where(Document.confidential)
    asked = [LessonRow.entity == entity, LessonRow.document_id.not_in(reserved)]
    return asked if replaced else [*asked, sa.or_(LessonRow.undone_at.is_(None), LessonRow.undone_reason != "")]


def note_uses(session: Session, document_id: str, uses: Iterable[Use], at: datetime, only: str | None = None) -> None:
    """Which lessons spoke on a document, in place of those of an earlier reading; `only`: of this field."""
    gone = sa.delete(LessonUse).where(LessonUse.document_id == document_id)
    standing = sa.select(LessonRow.id).where(LessonRow.undone_at.is_(None))
    # What a lesson did before it was undone stays to be seen.
    gone = gone.where(LessonUse.lesson_id.in_(standing))
    session.execute(gone if only is None else gone.where(LessonUse.field == only))
    session.add_all(
        LessonUse(
            lesson_id=use.lesson.number,
            document_id=document_id,
            field=use.after.name,
            before=None if use.before is None else field_text(use.before.value),
            after=field_text(use.after.value),
            used_at=at,
        )
        for use in uses
        if only in (None, use.after.name)
    )
    session.flush()


def influenced(session: Session, numbers: Sequence[int], newest: int | None = None) -> dict[int, list[tuple[LessonUse, Document]]]:
    """By lesson, the documents whose value it decided or confirmed, newest first; of erased ones nothing is left."""
    found: dict[int, list[tuple[LessonUse, Document]]] = {number: [] for number in numbers}
    place = sa.func.row_number().over(partition_by=LessonUse.lesson_id, order_by=LessonUse.id.desc()).label("place")
    for start in range(0, len(numbers), _AT_ONCE):
        asked = LessonUse.lesson_id.in_(numbers[start : start + _AT_ONCE])
        alive = sa.select(LessonUse.id, place).join(Document, Document.id == LessonUse.document_id)
        placed = alive.where(asked, Document.state != State.ERASED).subquery()
        query = (
            sa.select(LessonUse, Document).join(placed, placed.c.id == LessonUse.id).join(Document, Document.id == LessonUse.document_id)
        )
        query = query if newest is None else query.where(placed.c.place <= newest)
        for use, document in session.execute(query.order_by(LessonUse.id.desc())):
            found[use.lesson_id].append((use, document))
    return found


def count_uses(session: Session, numbers: Sequence[int]) -> dict[int, int]:
    """How many documents each of a screenful of lessons influenced."""
    query = sa.select(LessonUse.lesson_id, sa.func.count()).join(Document, Document.id == LessonUse.document_id)
    query = query.where(LessonUse.lesson_id.in_(numbers), Document.state != State.ERASED).group_by(LessonUse.lesson_id)
    return {row[0]: row[1] for row in session.execute(query)}


def unsettled_uses(
    session: Session, limit: int, lesson: int | None = None, passed: Collection[int] = ()
) -> list[tuple[LessonUse, Document]]:
    """What undone lessons decided and nobody read anew yet, the newest first, but for the uses `passed`; of one lesson, or of all. A lesson
    in whose place the same word of a person stands decided rightly as far as anyone knows."""
    query = _unsettled().where(LessonUse.id.not_in(passed)).order_by(LessonUse.id.desc()).limit(limit)
    found = session.execute(query if lesson is None else query.where(LessonUse.lesson_id == lesson))
    return [(use, document) for use, document in found]


def claim_use(session: Session, number: int) -> tuple[LessonUse, Document] | None:
    """One of them, kept from other processes until this transaction ends; None where another has it or is done with it."""
    found = session.execute(held(LessonUse.id == number)).first()
    return None if found is None else (found[0], found[1])


def held(which: sa.ColumnElement[bool]) -> sa.Select[LessonUse, Document]:
    """SQLite has one writer at a time and no such lock."""
    return _unsettled().where(which).with_for_update(of=LessonUse, skip_locked=True)


def _unsettled() -> sa.Select[LessonUse, Document]:
    return (
        sa.select(LessonUse, Document)
        .join(LessonRow, LessonRow.id == LessonUse.lesson_id)
        .join(Document, Document.id == LessonUse.document_id)
        .where(LessonRow.undone_at.is_not(None), LessonRow.undone_reason != "")
        .where(LessonUse.settled_at.is_(None), Document.state != State.ERASED)
    )


# --- what people said of values ---


def said_row(session: Session, document_id: str, name: str) -> FieldRow | None:
    """What a person typed or confirmed."""
    return session.scalar(
        sa.select(FieldRow).where(FieldRow.document_id == document_id, FieldRow.name == name, FieldRow.source == "person")
    )


def said_names(session: Session, document_ids: Collection[str]) -> frozenset[tuple[str, str]]:
    """Document and name of every value of these documents that a person said."""
    query = sa.select(FieldRow.document_id, FieldRow.name).where(FieldRow.document_id.in_(document_ids), FieldRow.source == "person")
    return frozenset((document_id, name) for document_id, name in session.execute(query))


def replace_said(session: Session, row: FieldRow) -> None:
    """The newest word of a person takes the place of an earlier one; what was read stays beside it."""
    session.execute(
        sa.delete(FieldRow).where(FieldRow.document_id == row.document_id, FieldRow.name == row.name, FieldRow.source == "person")
    )
    session.add(row)
    session.flush()


def replace_read(session: Session, document_id: str, name: str, row: FieldRow | None) -> None:
    """One value read anew; None where nothing is read any more."""
    session.execute(sa.delete(FieldRow).where(FieldRow.document_id == document_id, FieldRow.name == name, FieldRow.source.in_(OF_THE_PAGE)))
    if row is not None:
        session.add(row)
    session.flush()


def same_value(name: str, one: str | None, other: str | None) -> bool:
    """Whether two canonical texts say the same; 12.5 and 12.50 are one amount."""
    if one is None or other is None or name not in AMOUNTS:
        return (one or None) == (other or None)
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return one == other


def reviewed_values(session: Session, entity: str, limit: int = RECENT) -> Sequence[tuple[str, str, float | None, str | None, str | None]]:
    """Document, name, confidence, value as read and value as a person said, newest first: what is known of how often reading errs."""
    read, said = sa.orm.aliased(FieldRow), sa.orm.aliased(FieldRow)
    rows = session.execute(
        sa.select(said.document_id, said.name, read.confidence, read.value, said.value)
        .join(read, sa.and_(read.document_id == said.document_id, read.name == said.name, read.source.in_(OF_THE_PAGE)))
        .join(Document, Document.id == said.document_id)
        # In so many words: an index of these rows alone answers no parameter.
        .where(said.source == sa.literal_column("'person'"), Document.entity == entity)
        .order_by(said.id.desc())
        .limit(limit)
    )
    return [(document, name, confidence, as_read, as_said) for document, name, confidence, as_read, as_said in rows]
