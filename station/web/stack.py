"""What the desk shows of a batch: its figures, the sheet that came last with its verdict, and what is in doubt. Values in, values out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from capture.catalogue import CATALOGUE
from capture.findings import Certainty, Level
from capture.separate import Plan, Recipe
from station import acts
from station.batches import REDOABLE, concealed_pages, page_key, propose_plan
from station.records import batches
from station.records.tables import Arrival, Batch, Document, FindingRow, PageRow, Redo, State
from station.sheets import page_fact
from station.web import show
from station.web.show import Badge, ShownFinding
from station.web.words import Words
from station.workstation import Workstation
from workflow.completeness import Count, check_batch

GONE = frozenset({State.REPLACED, State.SET_ASIDE, State.DUPLICATE, State.ERASED})
"""States in which a fed document no longer counts in its batch: its pages went elsewhere, or a person put it aside."""
SOUNDS = {"good": "good", "watch": "doubt", "bad": "doubt"}


@dataclass(frozen=True, slots=True)
class Side:
    """One scanned side on the screen."""

    document_id: str
    number: int
    """Of the page in its file; 0 where the file could not be told apart into pages."""
    title: str
    image: str | None
    thumb: str | None
    badge: Badge
    findings: tuple[ShownFinding, ...]
    """What an operator should know: no indicators, nothing that is only told."""
    note: str = ""
    """What to do where no finding says it."""
    blank: bool = False
    redoable: bool = False
    """A new scan may take its place: never of what nobody may see here, nor of a file that never was a paper."""
    concealable: bool = False
    """It may be taken out of sight as a « pli confidentiel »."""

    @property
    def name(self) -> str:
        """As an address names it."""
        return f"{self.document_id}:{self.number}"

    @property
    def doubtful(self) -> bool:
        return self.badge.tone in ("watch", "bad")

    @property
    def sound(self) -> str:
        return SOUNDS.get(self.badge.tone, "")


@dataclass(frozen=True, slots=True)
class Figures:
    """The four big counters, and what is still on its way."""

    expected: int | None
    scanned: int
    documents: int
    doubts: int
    judging: int
    """Files that are taken in and not judged yet."""


@dataclass(frozen=True, slots=True)
class Stack:
    """An open batch as it stands."""

    batch: Batch
    fed: Sequence[Document]
    """Files in the order in which they came, without those that no longer count."""
    plan: Plan
    rows: Mapping[str, PageRow]
    """Judged pages by `station.batches.page_key`."""
    concealed: int
    """Pages that came and were put aside as confidential."""
    newest: Arrival | None
    """What came last, a duplicate included."""
    redo: Redo | None
    """The page that is waited for."""


def open_stack(session: Session, batch: Batch, recipe: Recipe) -> Stack:
    """All that the desk needs of an open batch, in a handful of queries."""
    loaded = [selectinload(Document.pages), selectinload(Document.findings), selectinload(Document.arrivals)]
    came = batches.stacks_in(session, batch.id)
    fed = [document for document in came if document.state not in GONE]
    session.scalars(sa.select(Document).where(Document.id.in_([each.id for each in fed])).options(*loaded)).all()
    rows = {page_key(page): page for each in fed if each.state in (State.WAITING, State.RECEIVED) for page in each.current_pages}
    plan, concealed = propose_plan(session, batch, recipe), concealed_pages(came)
    return Stack(batch, fed, plan, rows, concealed, newest_arrival(session, batch), waited_for(session, batch.station))


def newest_arrival(session: Session, batch: Batch) -> Arrival | None:
    """The file that came last at the batch's station since it was opened."""
    return session.scalars(
        sa.select(Arrival)
        .where(Arrival.station == batch.station, Arrival.arrived_at >= batch.opened_at)
        .options(selectinload(Arrival.document))
        .order_by(Arrival.id.desc())
        .limit(1)
    ).first()


def waited_for(session: Session, station: str) -> Redo | None:
    """The page that is scanned anew: the next file is to replace it, or has come and is being judged."""
    return session.scalars(sa.select(Redo).where(Redo.station == station, Redo.done_at.is_(None)).order_by(Redo.id.desc()).limit(1)).first()


def figures_of(stack: Stack, doubts: int) -> Figures:
    return Figures(
        expected=stack.batch.expected_sheets,
        scanned=sum(len(document.current_pages) for document in stack.fed) + stack.concealed,
        documents=len(stack.plan.documents),
        doubts=doubts,
        judging=sum(document.state == State.RECEIVED for document in stack.fed),
    )


# --- sides ---


def sides_of(document: Document, workstation: Workstation, t: Words) -> list[Side]:
    """Each page of a file with its verdict; one side without an image where there are no pages, or none that may be shown."""
    if is_silent(document):
        return [_silent_side(document, t)]
    return [_side(document, page, workstation, t) for page in document.current_pages] or [_side(document, None, workstation, t)]


def doubtful_sides(stack: Stack, workstation: Workstation, t: Words) -> list[Side]:
    return [side for document in stack.fed for side in sides_of(document, workstation, t) if side.doubtful]


def newest_side(session: Session, stack: Stack, workstation: Workstation, t: Words) -> Side | None:
    """The side to look at now: of the file that came last its first doubtful page, else its last. None where nothing came."""
    if stack.newest is None:
        return None
    document = stack.newest.document
    redo = session.scalars(sa.select(Redo).where(Redo.carrier_id == document.id).order_by(Redo.id.desc()).limit(1)).first()
    if redo is not None and document.state == State.REPLACED:
        document = session.get_one(Document, redo.document_id)
        return _side_at(document, redo.page, workstation, t)
    sides = sides_of(document, workstation, t)
    return next((side for side in sides if side.doubtful), sides[-1])


def find_side(session: Session, batch: Batch, name: str, workstation: Workstation, t: Words) -> Side | None:
    """The side of the batch that an address names; None where there is none, or it is shown to nobody here."""
    document_id, _, number = name.partition(":")
    document = session.get(Document, document_id)
    if document is None or document.batch_id != batch.id or is_silent(document) or not number.isdecimal():
        return None
    return _side_at(document, int(number), workstation, t)


def is_silent(document: Document) -> bool:
    """Whether nothing of what it contains, nor what was found about it, may be shown."""
    return document.confidential or document.state == State.ERASED


def _side_at(document: Document, number: int, workstation: Workstation, t: Words) -> Side | None:
    sides = sides_of(document, workstation, t)
    return sides[0] if is_silent(document) else next((side for side in sides if side.number == number), None)


def _silent_side(document: Document, t: Words) -> Side:
    """That something came and was taken out of sight, and no more than that."""
    badge = Badge(t("confidential.badge"), "calm", "lock") if document.confidential else show.state_badge(document, t)
    return Side(
        document.id, 0, show.title_of(document, t), None, None, badge, (), t("desk.confidential-text") if document.confidential else ""
    )


def _side(document: Document, page: PageRow | None, workstation: Workstation, t: Words) -> Side:
    number = page.number if page else 0
    told = [row for row in document.findings if page is None or row.page in (None, number)]
    told = [row for row in told if for_operator(row)]
    native = acts.is_electronic(document)
    if native:  # Nothing about its image is wrong with a file that never was a paper.
        told = [row for row in told if not acts.may_go_on(row.code)]
    return Side(
        document_id=document.id,
        number=number,
        title=show.title_of(document, t),
        image=image_of(document, number, "page", workstation),
        thumb=image_of(document, number, "thumb", workstation),
        badge=_verdict(document, [row.level for row in told], t, native=native),
        findings=show.show_findings(told, t),
        note=t("desk.electronic-text") if native else "",
        blank=bool(page and (page.seen or {}).get("blank")),
        redoable=document.state in REDOABLE and not native,
        concealable="confidential" in acts.offered_acts(document),
    )


def arrival_name(arrival: Arrival, t: Words) -> str:
    """The file's name, where its document's may be shown."""
    return show.title_of(arrival.document, t) if arrival.document.confidential else arrival.name


def for_operator(row: FindingRow) -> bool:
    """Whether it is told at the desk: indicators are for compliance, and what is only told can wait."""
    known = CATALOGUE.get(row.code)
    return row.level is not Level.INFO and (known is None or known.certainty is not Certainty.INDICATOR)


def _verdict(document: Document, levels: Iterable[Level], t: Words, *, native: bool) -> Badge:
    found = set(levels)
    if document.state == State.RECEIVED:
        return Badge(t("desk.verdict-judging"), "busy", "hourglass")
    if document.problem or document.state == State.FAILED:
        return Badge(t("desk.verdict-trouble"), "bad", "circle-x")
    if native and not found:
        return Badge(t("desk.verdict-electronic"), "calm", "file-text")
    if Level.BLOCKING in found and not native:
        return Badge(t("desk.verdict-bad"), "bad", "circle-x")
    if found:
        return Badge(t("desk.verdict-doubt"), "watch", "triangle-alert")
    return Badge(t("desk.verdict-good"), "good", "circle-check")


def image_of(document: Document, number: int, kind: str, workstation: Workstation) -> str | None:
    """Address of a page's light image; None where there is none yet, or where nobody in the mailroom may see it."""
    if is_silent(document) or not number or not workstation.light_image(document, number, kind).is_file():
        return None
    return f"/documents/{document.id}/pages/{number}/{kind}.jpg?r={document.attempt}"


# --- before the end ---


def completeness_of(stack: Stack, t: Words) -> tuple[ShownFinding, ...]:
    """Cues about the batch as a whole: counted sheets, repeated pages, odd lengths. Sheets set apart are not among its pages."""
    apart = {each.key for each in stack.plan.apart}
    pages = [page_fact(row, number) for number, row in enumerate((r for key, r in stack.rows.items() if key not in apart), 1)]
    found = check_batch(pages, Count(stack.batch.expected_sheets, aside=stack.concealed))
    return show.show_findings([FindingRow(**asdict(each)) for each in found if each.level is not Level.INFO], t)


# --- history ---


@dataclass(frozen=True, slots=True)
class Line:
    """A batch in the history."""

    batch: Batch
    sides: int
    documents: int
    redone: int
    lasted: timedelta | None


def history_of(session: Session, found: Sequence[Batch]) -> list[Line]:
    """Each batch with its counts, by three queries for all of them."""
    ids = [batch.id for batch in found]
    still = Document.state.not_in(tuple(GONE))
    documents = _counted(session, sa.select(Document.batch_id, sa.func.count()).where(still, Document.batch_id.in_(ids)))
    sides = _counted(
        session,
        sa.select(Document.batch_id, sa.func.count()).join(PageRow).where(still, PageRow.superseded == 0, Document.batch_id.in_(ids)),
    )
    redone = _counted(
        session,
        sa.select(Document.batch_id, sa.func.count()).join(PageRow).where(PageRow.superseded > 0, Document.batch_id.in_(ids)),
    )
    return [Line(each, sides.get(each.id, 0), documents.get(each.id, 0), redone.get(each.id, 0), _lasted(each)) for each in found]


def _counted(session: Session, query: "sa.Select[str, int]") -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(query.group_by(Document.batch_id))}


def _lasted(batch: Batch) -> timedelta | None:
    return None if batch.ended_at is None else batch.ended_at - batch.opened_at
