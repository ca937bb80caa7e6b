"""`sceau memory`: what was learned of suppliers, shown, exported and undone."""

from typing import Any

from sqlalchemy.orm import Session

from station import learning
from station.records import people
from station.records.learned import NoLesson
from station.records.tables import LessonRow
from station.workstation import Workstation


def recall(workstation: Workstation, action: str, number: int) -> list[dict[str, Any]]:
    """Lessons as plain JSON values: those that stand (`list`), one (`show`), all with the undone (`export`). Raises NoLesson."""
    with workstation.database.reading() as session:
        if action == "show":
            return [learning.told_lesson(session, _any_lesson(session, number))]
        told = learning.export_lessons(session, workstation.settings.entity)["lessons"]
        return [each for each in told if action == "export" or each["undone_at"] is None]


def forget(workstation: Workstation, number: int, reason: str, login: str) -> list[dict[str, Any]]:
    """Undo a lesson in the name of a person. Raises NoLesson, people.NoPerson."""
    with workstation.database.writing() as session:
        person = people.named(session, login, practice=workstation.practice)
        undone = learning.undo_lesson(session, workstation, number, reason, person)
        return [learning.told_lesson(session, undone.row)]


def _any_lesson(session: Session, number: int) -> LessonRow:
    row = session.get(LessonRow, number)
    if row is None:
        raise NoLesson(str(number))
    return row
