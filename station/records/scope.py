"""What a session sees: of several companies one, of several stations those of a person. A row outside is as if it were not there.

Put on the session once, the limit holds for every question that is asked of it, by whatever code: lists, counts, single rows, subqueries,
updates. A page therefore cannot forget it, and answers for another company's document as it does for one that never was.
What belongs to a document (`document_id`) is where its document is. A relationship of a row that is seen is followed: its document's
batch is told, whoever's it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import ORMExecuteState, Session, aliased, with_loader_criteria

from station.records.tables import Arrival, Base, Document, Mail, Mandate, PageRow

EVERYWHERE = {"everywhere": True}
"""Execution options of a question that names its company itself and is asked about any: the head of a log before an entry is added."""
_KEY = "scope"


@dataclass(frozen=True, slots=True)
class Scope:
    """One company, as one person sees it."""

    entity: str
    stations: frozenset[str]
    """That are not this company's (`primary`), or that are."""
    primary: bool = False
    """The installation's own company: to it belongs, too, whatever station the settings no longer name."""
    only: frozenset[str] | None = None
    """The stations of a person who sees no others; None: all of the company's."""


def put_scope(session: Session, scope: Scope | None) -> None:
    """From now on the session sees no more than this; None: everything."""
    session.info[_KEY] = scope
    session.expire_all()


def seen_stations(session: Session) -> frozenset[str] | None:
    """For questions in the database's own words, which the limits do not reach: the stations whose documents are seen; None: all."""
    scope: Scope | None = session.info.get(_KEY)
    return None if scope is None else scope.only


def seen_company(session: Session) -> str | None:
    """For questions in the database's own words: the company whose documents are seen; None: all."""
    scope: Scope | None = session.info.get(_KEY)
    return None if scope is None else scope.entity


@contextmanager
def lifted(session: Session) -> Iterator[None]:
    """For a moment the session sees the whole house: bytes are kept once whoever received them, and what hangs together goes together."""
    scope = session.info.get(_KEY)
    session.info[_KEY] = None
    try:
        yield
    finally:
        session.info[_KEY] = scope


@sa.event.listens_for(Session, "do_orm_execute")
def _keep_inside(state: ORMExecuteState) -> None:
    scope: Scope | None = state.session.info.get(_KEY)
    if scope is None or state.is_column_load or state.is_relationship_load or state.execution_options.get("everywhere"):
        return
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(*_limits(scope))


@cache
def _limits(scope: Scope) -> tuple[Any, ...]:
    """A condition for each table that belongs to somebody."""
    limits = ((mapper.class_, limit_of(mapper.class_, scope)) for mapper in Base.registry.mappers)
    return tuple(
        with_loader_criteria(table, condition, include_aliases=True, propagate_to_loaders=False)
        for table, condition in limits
        if condition is not None
    )


def limit_of(table: Any, scope: Scope) -> sa.ColumnElement[bool] | None:
    """Which rows of a table are inside; None where all are, for they are nobody's."""
    columns = sa.inspect(table).mapper.columns
    if sa.inspect(table).mapper.local_table.name == "original":
        return _of_files(table.sha256, scope)
    parts: list[sa.ColumnElement[bool]] = []
    if "entity" in columns:
        parts.append(table.entity == scope.entity)
    if "document_id" in columns and ("entity" not in columns or scope.only is not None):
        inside = _of_documents(table.document_id, scope)
        parts.append(inside if not columns["document_id"].nullable else sa.or_(table.document_id.is_(None), inside))
    elif "station" in columns:
        if "entity" not in columns:
            parts.append(table.station.not_in(scope.stations) if scope.primary else table.station.in_(scope.stations))
        if scope.only is not None:
            parts.append(table.station.in_(scope.only))
    if {"older_id", "newer_id"} <= set(columns.keys()):
        parts += [_of_documents(table.older_id, scope), _of_documents(table.newer_id, scope)]
    return sa.and_(*parts) if parts else None


def _of_files(sha256: Any, scope: Scope) -> sa.ColumnElement[bool]:
    """The bytes are kept once; whoever has them in a document, a mandate or a message sees them."""
    ways = []
    kinds: tuple[Any, ...] = (Arrival, PageRow, Mandate, Mail)
    for kind in kinds:
        beside = aliased(kind)
        inside = limit_of(beside, scope)
        ways.append(sa.exists(sa.select(sa.literal(1)).where(beside.sha256 == sha256, sa.true() if inside is None else inside)))
    return sa.or_(*ways)


def _of_documents(identifier: Any, scope: Scope) -> sa.ColumnElement[bool]:
    document = sa.alias(Document.__table__)
    asked = [document.c.id == identifier, document.c.entity == scope.entity]
    if scope.only is not None:
        asked.append(document.c.station.in_(scope.only))
    return sa.exists().where(*asked)
