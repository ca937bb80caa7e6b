"""The search index as it is asked and kept: words by the database's own full text, days, amounts and states by a narrow table beside.

Nothing that a person types reaches an index's own language: a term is words of letters and digits, which are quoted here.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from station.records.database import Database
from station.records.scope import seen_company, seen_stations
from station.records.tables import Document, SearchChore, SearchDue, SearchEntry, SearchText, State
from station.records.totals import once_found

_WORD = re.compile(r"[^\W_]+")


class _Smooth(dict[int, str]):
    """Signs to what they are without case and accents, one for one, so that places stay; learned as they come."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        apart = unicodedata.normalize("NFD", sign)
        bare = (apart[0] if all(map(unicodedata.combining, apart[1:])) else sign).lower()
        self[code] = bare if len(bare) == 1 else sign
        return self[code]


_SMOOTH = _Smooth()


def smooth(text: str) -> str:
    """As the index compares: composed signs without accents, small; as long as `text`, place by place."""
    return text.translate(_SMOOTH)


def plain_words(text: str) -> tuple[str, ...]:
    """Words of letters and digits, smoothed, in order: what the index would make of the text."""
    return tuple(_WORD.findall(smooth(unicodedata.normalize("NFC", text))))


COLUMNS = ("title", "supplier", "number", "identifiers", "told", "body")
WEIGHTS = {"title": 3.0, "supplier": 6.0, "number": 10.0, "identifiers": 6.0, "told": 3.0, "body": 1.0}
"""What a hit is worth by where it is: a number that is the invoice's comes before one that it mentions."""
COUNTED = 10_000
"""Hits that are counted, and weighed by relevance; of more it is said that there are more, and the newest come first: to weigh a word
SQLite counts all texts in which it stands, of a million of them a twentieth of a second for each word."""
NUMBERED_FROM = datetime(2000, 1, 1, tzinfo=UTC)
"""Entries are numbered by seconds from here: 32 bits last until 2068."""
PURGE_PAGES = 500
"""Pages of the index that are written anew in one transaction."""
HIDDEN = (State.REPLACED,)
"""States that are shown where asked for only: what a stack says is said by the documents that came out of it."""


@dataclass(frozen=True, slots=True)
class Term:
    """Words that have to stand one after the other."""

    forms: tuple[tuple[str, ...], ...]
    """Ways to write it, each of words as `plain_words` gives them; one is enough."""
    prefix: bool = True
    """The last word may go on."""
    column: str = ""
    """One of `COLUMNS`; empty: any."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody looks for; all of it must hold."""

    terms: tuple[Term, ...] = ()
    cents: tuple[tuple[int | None, int | None], ...] = ()
    """From and to, both included, in hundredths; None: open."""
    days: tuple[tuple[str, str], ...] = ()
    """From and to, both included, ISO; empty: open."""
    states: frozenset[State] = frozenset()
    """One of these; empty: any but `HIDDEN`."""

    @property
    def empty(self) -> bool:
        return not (self.terms or self.cents or self.days or self.states)


@dataclass(frozen=True, slots=True)
class Found:
    """One screenful."""

    document_ids: tuple[str, ...]
    total: int
    """At most `COUNTED` + 1, which says: more."""
    after: str
    """Cursor of the next screenful; empty where this is the last."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How one database asks its full text."""

    source: sa.FromClause
    id: sa.ColumnElement[int]
    """That of the `search_entry`."""
    holds: sa.ColumnElement[bool]
    score: sa.ColumnElement[float]
    """The lower, the better."""
    column: "Column"
    """A column of `search_entry` as it is filtered and sorted by."""


Column: TypeAlias = Callable[[Any], sa.ColumnElement[Any]]


def as_it_is(column: Any) -> sa.ColumnElement[Any]:
    """What an index of the table may answer."""
    return sa.type_coerce(column, column.type)


def after_words(column: Any) -> sa.ColumnElement[Any]:
    """The same value, of which SQLite uses no index (its manual: unary « + »): it would ask the words of each row of a whole company."""
    return sa.literal_column(f"+search_entry.{column.key}", column.type)


Match: TypeAlias = Callable[[Sequence[Term]], Matching]


def match_fts5(terms: Sequence[Term]) -> Matching:
    """SQLite's FTS5, ranked by BM25."""
    index = sa.table("search_index", sa.column("rowid", sa.Integer), sa.column("search_index", sa.Text))
    weights = (WEIGHTS[name] for name in COLUMNS)
    score = sa.func.bm25(sa.literal_column("search_index"), *weights, type_=sa.Float)
    return Matching(index, index.c.rowid, index.c.search_index.op("MATCH")(fts5_words(terms)), score, after_words)


def fts5_words(terms: Iterable[Term]) -> str:
    """In FTS5's language: every word quoted, so that none of them is an operator of it."""
    return " AND ".join(_fts5_term(term) for term in terms)


def _fts5_term(term: Term) -> str:
    scope = f"{term.column} : " if term.column else ""
    forms = (f'"{" ".join(form)}"{"*" if _open_ended(term, form) else ""}' for form in term.forms)
    return f"({' OR '.join(scope + form for form in forms)})"


def match_tsvector(terms: Sequence[Term]) -> Matching:
    """PostgreSQL's own, over words that were smoothed here, for its dictionaries leave accents as they are."""
    words = sa.func.to_tsquery(sa.literal_column("'simple'"), tsquery_words(terms))
    vector: sa.ColumnElement[Any] = sa.literal_column("search_text.vector")
    # Its rank is of single precision, and a cursor that came back in double would be no place of it.
    score = -sa.cast(sa.func.ts_rank(vector, words), sa.Double)
    return Matching(SearchText.__table__, SearchText.__table__.c.id, vector.op("@@", return_type=sa.Boolean())(words), score, as_it_is)


_LABELS = {"supplier": "A", "number": "B", "identifiers": "C", "title": "D", "told": "D", "body": "D"}
"""Weights of a tsvector, by which a query asks for one column."""


def tsquery_words(terms: Iterable[Term]) -> str:
    """In the language of `to_tsquery`."""
    return " & ".join(f"({' | '.join(_tsquery_form(term, form) for form in term.forms)})" for term in terms)


def _tsquery_form(term: Term, form: tuple[str, ...]) -> str:
    label = _LABELS.get(term.column, "") if term.column else ""
    marks = ["*" if _open_ended(term, form) and place == len(form) - 1 else "" for place in range(len(form))]
    # What lies in quotes is one word of it; folded, as the vector is.
    words = (f"'{_joined(word)}'" + (f":{mark}{label}" if mark or label else "") for word, mark in zip(form, marks, strict=True))
    return " <-> ".join(words)


def _open_ended(term: Term, form: tuple[str, ...]) -> bool:
    """A single sign that may go on would be half of all there is."""
    return term.prefix and len(form[-1]) > 1


MATCHES: Mapping[str, Match] = {"sqlite": match_fts5, "postgresql": match_tsvector}


def find_entries(session: Session, asked: Asked, entities: Sequence[str], order: str = "score", after: str = "", size: int = 20) -> Found:
    """A screenful by `order` (score or date, the newest first), from the cursor on.

    A cursor is a place, not a number: what came meanwhile shifts no screenful. Where scores moved, a hit at the border may be seen twice.
    """
    entry = SearchEntry.__table__
    matching = MATCHES[session.get_bind().dialect.name](asked.terms) if asked.terms else None
    source: sa.FromClause = entry if matching is None else sa.join(matching.source, entry, entry.c.id == matching.id)
    column = as_it_is if matching is None else matching.column
    where = [*_filters(asked, entities, column, seen_stations(session)), *([] if matching is None else [matching.holds])]
    counted = sa.select(entry.c.id).select_from(source).where(*where).limit(COUNTED + 1).subquery()
    total = session.scalar(sa.select(sa.func.count()).select_from(counted)) or 0
    by_score = order == "score" and matching is not None
    place = _place(after, by_score)
    if by_score and matching is not None and total > COUNTED:
        query = sa.select(entry.c.document_id, sa.literal(0.0), entry.c.id).select_from(source).where(*where)
        query = query.order_by(matching.id.desc())
        if place is not None:
            query = query.where(matching.id < place[1])
    elif by_score and matching is not None:
        ranked = sa.select(entry.c.id, entry.c.document_id, matching.score.label("at")).select_from(source).where(*where)
        hits = ranked.subquery()
        query = sa.select(hits.c.document_id, hits.c.at, hits.c.id).order_by(hits.c.at, hits.c.id.desc())
        if place is not None:
            query = query.where(sa.or_(hits.c.at > place[0], sa.and_(hits.c.at == place[0], hits.c.id < place[1])))
    else:
        day = column(entry.c.day)
        query = sa.select(entry.c.document_id, entry.c.day, entry.c.id).select_from(source).where(*where)
        query = query.order_by(day.desc(), entry.c.id.desc())
        if place is not None:
            query = query.where(sa.or_(day < place[0], sa.and_(day == place[0], entry.c.id < place[1])))
    rows = session.execute(query.limit(size + 1)).all()
    last = rows[size - 1] if len(rows) > size else None
    cursor = "" if last is None else f"{float(last[1]).hex() if by_score else last[1]}~{last[2]}"
    return Found(tuple(row[0] for row in rows[:size]), total, cursor)


def found_words(
    session: Session, typed: str, limit: int, states: Sequence[State] = (), among: sa.Select[Any] | None = None
) -> list[str] | None:
    """Of what the session sees, documents in which every word that was typed stands, or goes on, the newest first, at most so many; None
    where nothing typed is a word. `states`: one of these; empty: any. `among`: of these documents only, which should be few.

    What is not seen takes no place among them: a small company finds its own beside a big one."""
    words = plain_words(typed)
    if not words:
        return None
    entry = SearchEntry.__table__
    matching = MATCHES[session.get_bind().dialect.name](tuple(Term(((word,),)) for word in words))
    source = sa.join(matching.source, entry, entry.c.id == matching.id)
    where, company, stations = [matching.holds], seen_company(session), seen_stations(session)
    where += [matching.column(entry.c.entity) == company] if company is not None else []
    where += [matching.column(entry.c.state).in_(states)] if states else []
    where += [_at_stations(stations)] if stations is not None else []
    where += [entry.c.document_id.in_(among)] if among is not None else []
    query = sa.select(entry.c.document_id).select_from(source).where(*where).order_by(matching.id.desc())
    return list(session.scalars(query.limit(limit)))


def _place(after: str, by_score: bool) -> tuple[float | str, int] | None:
    """The inverse of the cursor; None of what is none, which begins at the top."""
    at, _, number = after.partition("~")
    if not (number.isascii() and number.isdigit()) or len(number) > 18:
        return None
    try:
        return (float.fromhex(at) if by_score else at[:10]), int(number)
    except (ValueError, OverflowError):
        return None


def _filters(asked: Asked, entities: Sequence[str], column: Column, stations: frozenset[str] | None) -> list[sa.ColumnElement[bool]]:
    entry = SearchEntry.__table__.c
    state, cents, day = column(entry.state), column(entry.cents), column(entry.day)
    shown = state.in_(asked.states) if asked.states else state.not_in(HIDDEN)
    found: list[sa.ColumnElement[bool]] = [column(entry.entity).in_(entities), shown]
    if stations is not None:
        found.append(_at_stations(stations))
    for low, high in asked.cents:
        found += ([] if low is None else [cents >= low]) + ([] if high is None else [cents <= high])
    for first, last in asked.days:
        found += ([day >= first] if first else []) + ([day <= last] if last else [])
    return found


def _at_stations(stations: frozenset[str]) -> sa.ColumnElement[bool]:
    """Of who sees some stations only: asked of what was found, row by row."""
    document = sa.alias(Document.__table__)
    return sa.exists().where(document.c.id == SearchEntry.__table__.c.document_id, document.c.station.in_(stations))


# --- keeping it ---


@dataclass(frozen=True, slots=True)
class Words:
    """What of a document can be found."""

    day: str
    cents: int | None
    columns: Mapping[str, str]
    """By `COLUMNS`."""


def due_documents(session: Session, limit: int) -> list[tuple[str, int]]:
    """Identifiers of what has to be indexed, with their turns; the newest first."""
    query = sa.select(SearchDue.document_id, SearchDue.turn).join(Document, Document.id == SearchDue.document_id)
    return [(row[0], row[1]) for row in session.execute(query.order_by(once_found(Document.received_at).desc()).limit(limit))]


def count_due(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(SearchDue)) or 0


def put_words(session: Session, document: Document, words: Words) -> None:
    """In place of what could be found of it before; nothing of what is confidential or erased."""
    session.flush()
    held = session.scalar(sa.select(SearchEntry).where(SearchEntry.document_id == document.id))
    if document.confidential or document.state == State.ERASED:
        if held is not None:
            session.execute(sa.delete(SearchText).where(SearchText.id == held.id))
            session.delete(held)
        return
    if held is None:
        held = SearchEntry(id=_free_number(session, document.received_at), document_id=document.id, entity="", state=document.state, day="")
        session.add(held)
    held.entity, held.state, held.day, held.cents = document.entity, document.state, words.day, words.cents
    session.flush()
    session.execute(sa.delete(SearchText).where(SearchText.id == held.id))
    session.execute(sa.insert(SearchText).values(id=held.id, **words.columns))
    if session.get_bind().dialect.name == "postgresql":
        _note_vector(session, held.id, words)


def _free_number(session: Session, at: datetime) -> int:
    """The later a document came, the higher: whichever is indexed first, the newest hits are those with the highest numbers."""
    wanted = max(1, int((at - NUMBERED_FROM).total_seconds()))
    near = SearchEntry.id.between(wanted, wanted + 100_000)
    for number in session.scalars(sa.select(SearchEntry.id).where(near).order_by(SearchEntry.id)):
        if number != wanted:
            break
        wanted += 1
    return wanted


def _note_vector(session: Session, entry_id: int, words: Words) -> None:
    """Only letters, digits and spaces go in: its parser would make one word of an address, and signs of amounts."""
    parts = " || ".join(f"setweight(to_tsvector('simple', :{name}), '{_LABELS[name]}')" for name in COLUMNS)
    folded = {name: _joined(" ".join(plain_words(words.columns[name]))) for name in COLUMNS}
    session.execute(sa.text(f"UPDATE search_text SET vector = {parts} WHERE id = :id"), {"id": entry_id, **folded})  # noqa: S608 names of our own


def _joined(text: str) -> str:
    """Smoothed, with the letters that are two of them written so: of those, PostgreSQL knows one form only."""
    return smooth(text).replace("œ", "oe").replace("æ", "ae")


def settle_turn(session: Session, document_id: str, turn: int) -> None:
    """It was indexed as of this turn; a change that came meanwhile keeps it due."""
    session.execute(sa.delete(SearchDue).where(SearchDue.document_id == document_id, SearchDue.turn == turn))


def rebuild_index(session: Session) -> int:
    """Make the index anew from the words that are kept, whatever became of it, and everything due; how many documents that are."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("INSERT INTO search_index (search_index) VALUES ('rebuild')"))
    session.execute(sa.delete(SearchDue))
    shown = sa.select(Document.id, sa.literal(1)).where(Document.state != State.ERASED, Document.confidential.is_(False))
    session.execute(sa.insert(SearchDue).from_select(["document_id", "turn"], shown))
    return count_due(session)


PURGE = "purge"


def purge_wanted(session: Session) -> bool:
    """Whether words of something concealed or erased may still lie in the pages of the index, where nothing finds them."""
    return session.get(SearchChore, PURGE) is not None


def purge_step(session: Session, *, first: bool) -> bool:
    """Merge some pages of the index, so that what is marked as deleted goes from the file; True when all are merged.

    SQLite, « The FTS5 'merge' command »: a negative figure begins to merge all there is; when a call changes fewer than two rows,
    nothing is left to do.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.execute(sa.text("PRAGMA secure_delete = ON"))
        before = session.scalar(sa.text("SELECT total_changes()")) or 0
        step = -PURGE_PAGES if first else PURGE_PAGES
        session.execute(sa.text("INSERT INTO search_index (search_index, rank) VALUES ('merge', :step)"), {"step": step})
        if (session.scalar(sa.text("SELECT total_changes()")) or 0) - before >= 2:
            return False
    session.execute(sa.delete(SearchChore).where(SearchChore.name == PURGE))
    return True


def settle_log(database: Database) -> None:
    """SQLite keeps pages as they were in its log until a checkpoint; one that a reader holds up comes at the next occasion."""
    if database.writer.dialect.name != "sqlite":
        return
    raw = database.writer.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout=500")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()
    finally:
        raw.close()
