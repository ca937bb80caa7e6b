"""How what was fed becomes documents: a batch is opened, proposed, corrected by a person, ended; pages are scanned anew in place.

Nothing that was taken in disappears: a stack whose pages went to several documents stays as « remplacé », sheets that belong to none are
named in the ledger, and the files lie in the vault as they came.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import uuid4

from sqlalchemy.orm import Session

from capture import codes
from capture.findings import Finding
from capture.scan import Format
from capture.separate import (
    Kind,
    Part,
    Plan,
    Reason,
    Recipe,
    Sheet,
    join_pages,
    lay_beside,
    merge_with_previous,
    move_page,
    neighbour_of,
    separate,
    set_apart,
    split_before,
)
from capture.slips import BatchSlip, BoxLabel, TargetMark, parse_slip
from config.options import recipe_of
from conformity.circumstances import COLOUR_CODES, Source
from sealing.ledger import Actor, ActorKind, Event
from station.acts import is_electronic
from station.records import batches, documents
from station.records.intake import SYSTEM
from station.records.ledger import append_event
from station.records.tables import Batch, Document, PageRow, Person, Redo, State
from station.sheets import page_fact
from station.stillness import Stillness
from station.stored import finding_from, rasters_hash
from station.versions import remember_change
from station.workstation import Workstation
from workflow.completeness import Count, check_batch
from workflow.kinds import kind_named

NewId: TypeAlias = Callable[[], str]
Edit: TypeAlias = dict[str, Any]
"""{"do": "split", "key"}, {"do": "merge", "index"}, {"do": "move", "key", "to", "at"} or {"do": "apart", "key"}."""
Kept: TypeAlias = dict[str, Any]
"""An edit as it is kept, by pages alone: split and apart as they are, {"do": "join", "last", "first"} or
{"do": "lay", "key", "beside", "after"}."""


class BatchOpen(Exception):
    """The station already has an open batch; the text is its id."""


class BatchEnded(Exception):
    """The batch is ended; what is wrong in its documents is corrected one by one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a batch before its first sheet."""

    expected_sheets: int | None = None
    arrival_date: date | None = None
    box: str | None = None
    recipe: Recipe | None = None
    """None: as the station is set."""
    source: Source | None = None
    """None: as the station is set."""


# --- at the desk ---


def begin_batch(session: Session, station: str, entity: str, batch_id: str, person: Person, opening: Opening, at: datetime) -> Batch:
    """Open a batch at the desk; every file of the station joins it until it is ended. Raises BatchOpen."""
    known = batches.open_batch_at(session, station)
    if known is not None:
        raise BatchOpen(known.id)
    arrived = opening.arrival_date.isoformat() if opening.arrival_date else None
    batch = Batch(
        id=batch_id,
        station=station,
        kind="desk",
        opened_by=person.pseudonym,
        opened_at=at,
        expected_sheets=opening.expected_sheets,
        arrival_date=arrived,
        box=opening.box,
        source=opening.source.value if opening.source else None,
        recipe=asdict(opening.recipe) if opening.recipe else None,
    )
    session.add(batch)
    session.flush()
    payload = {
        "station": station,
        "expected_sheets": opening.expected_sheets,
        "arrival_date": arrived,
        "box": opening.box,
        "source": batch.source,
    }
    append_event(session, Event(entity, "batch opened", {"batch": batch_id}, _actor(person), at, "system", payload))
    return batch


def edit_batch(session: Session, batch: Batch, recipe: Recipe, edit: Edit) -> Plan:
    """Correct the proposed documents of an open batch; the plan as it then is. Raises BatchEnded, ValueError where the edit is none."""
    if batch.ended_at is not None:
        raise BatchEnded(batch.id)
    proposed = propose_plan(session, batch, recipe)
    plan = _edited(proposed, edit)
    batch.edits = [*(batch.edits or []), _anchored(proposed, plan, edit)]
    return plan


def undo_edit(batch: Batch) -> None:
    """Take the last correction back; harmless where there is none. Raises BatchEnded."""
    if batch.ended_at is not None:
        raise BatchEnded(batch.id)
    batch.edits = (batch.edits or [])[:-1] or None


def end_batch(session: Session, batch: Batch, recipe: Recipe, person: Person | None, at: datetime, new_id: NewId) -> bool:
    """Nothing joins it any more; its documents are formed at once if all its files are judged, else as soon as they are.

    Returns whether they are. `person` is None where the batch fell quiet. Raises BatchEnded.
    """
    if batch.ended_at is not None:
        raise BatchEnded(batch.id)
    batch.ended_at = at
    session.flush()
    fed = batches.stacks_in(session, batch.id)
    waited = batches.pending_redo(session, batch.station)
    if waited is not None and waited.document_id in {document.id for document in fed}:
        # The page stays as it is: what comes later belongs to another pile.
        waited.done_at = at
    if fed:
        payload = {"station": batch.station, "files": len(fed), "expected_sheets": batch.expected_sheets, "edits": len(batch.edits or [])}
        actor = _actor(person) if person else SYSTEM
        append_event(session, Event(fed[0].entity, "batch ended", {"batch": batch.id}, actor, at, "system", payload))
    return form_when_ready(session, batch, recipe, at, new_id) is not None


def end_quiet_batches(workstation: Workstation, fed: Stillness, steady: float) -> int:
    """End folder batches into which nothing came for their station's delay; returns how many. `fed` is kept between the looks.

    By the steady clock: one that is set forward would cut a stack in two, one that is set back would leave its batch open.
    """
    ended, open_now = 0, set[str]()
    for station in workstation.settings.stations:
        with workstation.database.reading() as session:
            touched = batches.touched_folders(session, station.name)
        open_now.update(touched)
        for batch_id, touched_at in touched.items():
            if fed.seconds(batch_id, touched_at, steady) > station.batch_seconds:
                with workstation.database.writing() as session:
                    ended += _end_quiet(session, batch_id, recipe_of(station), workstation.clock())
    fed.keep(open_now)
    return ended


def _end_quiet(session: Session, batch_id: str, recipe: Recipe, at: datetime) -> bool:
    """Unless another hand did so meanwhile."""
    batch = session.get(Batch, batch_id)
    if batch is None or batch.ended_at is not None:
        return False
    end_batch(session, batch, recipe, None, at, lambda: uuid4().hex)
    return True


def told_of_batch(document: Document) -> tuple[Finding, ...]:
    """What a document shares with its pile: sheets that are missing may be its own. Nothing of an electronic file, which was in no pile."""
    if document.batch.closed_at is None or is_electronic(document):
        return ()
    return tuple(found for found in map(finding_from, document.batch.findings or ()) if found.code == "count-mismatch")


def form_ended_batches(session: Session, recipes: Mapping[str, Recipe], at: datetime, new_id: NewId) -> None:
    """Batches that ended and still wait though nothing of them is being judged: whatever kept them then, they are formed now."""
    for batch in batches.waiting_batches(session):
        form_when_ready(session, batch, recipes.get(batch.station, Recipe()), at, new_id)


def ask_redo(session: Session, document: Document, page: int, reason: str, person: Person, at: datetime) -> Redo:
    """The next file of the document's station takes the place of this page; both are kept.

    Raises ValueError where there is no such page or no reason, documents.WrongMove where the document, or another new scan of its
    station, is being worked.
    """
    if not reason.strip():
        raise ValueError("a page scanned anew needs its reason")
    if page not in {row.number for row in document.current_pages}:
        raise ValueError(f"no page {page}")
    if document.state not in REDOABLE:
        raise documents.WrongMove(f"{document.state}: redo")
    if batches.redo_at_work(session, document.station):
        # Its scan is being judged: a second wish would swallow the next sheet of the stack.
        raise documents.WrongMove("redo: a new scan is being judged")
    drop_redo(session, document.station, at)
    redo = Redo(station=document.station, document_id=document.id, page=page, reason=reason.strip(), actor=person.pseudonym, asked_at=at)
    session.add(redo)
    documents.touch(document, at)
    return redo


def drop_redo(session: Session, station: str, at: datetime) -> None:
    """The next file of the station stands for itself again."""
    waiting = batches.pending_redo(session, station)
    if waiting is not None:
        waiting.done_at = at


PASSPORT = "passport"
"""The document type of a scanned test target."""
REDOABLE = frozenset({State.WAITING, State.HELD, State.FAILED, State.SEALED})
"""Where a page may be scanned anew: of a sealed document this makes a further version."""


# --- after judging ---


def settle_judged(session: Session, document: Document, recipe: Recipe, at: datetime, new_id: NewId) -> bool:
    """Where a judged document belongs: to the page it was scanned for, to its open batch, or on its own way. True in the last case."""
    if _carry_page(session, document, at):
        return False
    batch = document.batch
    if batch.closed_at is not None:
        return True
    if not document.current_pages:
        # It cannot be told apart into sheets: it is held by itself, and must not keep its batch waiting.
        form_when_ready(session, batch, recipe, at, new_id)
        return True
    if batch.ended_at is not None:
        kept = form_when_ready(session, batch, recipe, at, new_id, current=document)
        if kept is not None:
            return document.id in kept
    documents.move_document(document, State.WAITING, at)
    if batch.ended_at is None and _bears_slip(document):
        _heed_at_once(session, batch, recipe, at)
    return False


def _bears_slip(document: Document) -> bool:
    """Asked of the one document just judged: to plan the whole pile anew for each of its files would cost more with every file."""
    texts = [code.text for page in document.current_pages for code in sheet_of(page).codes]
    return any(isinstance(parse_slip(text), BatchSlip) for text in texts)


def _heed_at_once(session: Session, batch: Batch, recipe: Recipe, at: datetime) -> None:
    """A slip in an open batch counts from when it is seen: what waits without its colours is weighed again, as what comes will be."""
    waiting = batches.stacks_in(session, batch.id, State.WAITING)
    before = batch.slip
    _heed_slips(session, batch, _plan_of(waiting, batch, recipe)[0])
    if batch.slip == before:
        return
    for stack in waiting:
        if any(row.code in COLOUR_CODES for row in stack.findings):
            documents.send_back(stack, at)


def form_when_ready(
    session: Session, batch: Batch, recipe: Recipe, at: datetime, new_id: NewId, current: Document | None = None
) -> frozenset[str] | None:
    """Form the documents of an ended batch once none of its files is still to be judged; ids of the stacks that stay whole.

    None where the batch must wait. `current` is being noted just now and goes on by itself if it stays whole.
    """
    # Two workers may note the last two files of a batch at once: the second must see what the first wrote.
    session.flush()
    session.refresh(batch, with_for_update=True)
    if batch.ended_at is None or batch.closed_at is not None:
        return None
    fed = batches.stacks_in(session, batch.id)
    if any(d.state == State.RECEIVED and (current is None or d.id != current.id) for d in fed):
        return None
    stacks = [d for d in fed if d.state == State.WAITING or (current is not None and d.id == current.id)]
    plan, rows = _plan_of(stacks, batch, recipe)
    said = _heed_slips(session, batch, plan)
    if said is not None:
        for stack in stacks:
            _heed_nature(stack, said)
    batch.closed_at = at
    sides = sum(len(part.sheets) for part in plan.documents) + concealed_pages(fed)
    _note_closed(session, batch, stacks, sides, check_plan(batch, plan, rows, concealed_pages(fed)), at)
    whole = [d for d in stacks if not is_separable(d)]
    kept = {d.id for d in whole}
    said_kinds = [(part, said_kind(part)) for part in plan.documents] + [(part, PASSPORT) for part in _target_parts(plan)]
    for index, (part, kind) in enumerate(said_kinds, 1):
        pages = [rows[key] for key in part.keys]
        owner = _whole_stack(pages, stacks)
        if owner is not None:
            kept.add(owner.id)
            _name_part(owner, kind)
        else:
            form_document(session, pages, _forming(pages[0].document, kind, new_id(), index), at)
    for stack in stacks:
        if stack.id not in kept:
            _replace_stack(session, stack, plan, at)
        elif said or current is None or stack.id != current.id:
            documents.send_back(stack, at)
    return frozenset(kept) if not said else frozenset()


def propose_plan(session: Session, batch: Batch, recipe: Recipe) -> Plan:
    """The documents that the batch would become if it ended now, corrections included."""
    return _plan_of(_proposable(session, batch), batch, recipe)[0]


def concealed_pages(fed: Iterable[Document]) -> int:
    """Pages that came and were put aside as confidential: they are in no document here, and none of them is missing."""
    return sum(len(document.current_pages) for document in fed if document.confidential and document.state == State.SET_ASIDE)


def check_plan(batch: Batch, plan: Plan, rows: Mapping[str, PageRow], aside: int = 0) -> tuple[Finding, ...]:
    """What does not add up in a proposed batch: counted sheets, repeated pages, odd lengths (clause I-1). Sheets apart are not counted."""
    keys = [key for part in plan.documents for key in part.keys]
    facts = [page_fact(rows[key], number) for number, key in enumerate(keys, 1)]
    return check_batch(facts, Count(batch.expected_sheets, aside=aside))


def recipe_in_force(batch: Batch, recipe: Recipe) -> Recipe:
    """The batch's own, or its station's."""
    if batch.recipe is None:
        return recipe
    return Recipe(**{**batch.recipe, "kind": Kind(batch.recipe["kind"])})


def page_key(page: PageRow) -> str:
    """Names a sheet for good, wherever it goes: its file, and its place in it."""
    return f"{page.sha256}:{page.coding['index']}"


def sheet_of(page: PageRow) -> Sheet:
    """A judged page as separation sees it."""
    seen = page.seen or {}
    found = tuple(codes.from_json(each) for each in seen.get("codes", ()))
    return Sheet(page_key(page), page.sha256, page.number, bool(seen.get("blank")), found, seen.get("patch"))


def _plan_of(stacks: Sequence[Document], batch: Batch, recipe: Recipe) -> tuple[Plan, dict[str, PageRow]]:
    rows = {page_key(page): page for stack in stacks if is_separable(stack) for page in stack.current_pages}
    plan = separate([sheet_of(page) for page in rows.values()], recipe_in_force(batch, recipe))
    return _replay(plan, batch.edits or ())[0], rows


def _replay(plan: Plan, edits: Iterable[Kept]) -> tuple[Plan, int]:
    """The plan as a person corrected it, and how many corrections no longer apply: their pages are not side by side any more."""
    lost = 0
    for kept in edits:
        try:
            plan = _replayed(plan, kept)
        except ValueError:
            lost += 1
    return plan, lost


def lost_edits(session: Session, batch: Batch, recipe: Recipe) -> int:
    """Corrections that no longer apply to an open batch; the preview says so."""
    sheets = [sheet_of(page) for stack in _proposable(session, batch) if is_separable(stack) for page in stack.current_pages]
    return _replay(separate(sheets, recipe_in_force(batch, recipe)), batch.edits or ())[1]


def _proposable(session: Session, batch: Batch) -> list[Document]:
    """Stacks whose pages are known; one that is judged anew keeps its place meanwhile."""
    return batches.stacks_in(session, batch.id, State.WAITING, State.RECEIVED)


def _note_closed(session: Session, batch: Batch, stacks: Sequence[Document], pages: int, found: Sequence[Finding], at: datetime) -> None:
    """What did not add up stays with the batch; a lone file is told nothing of sheets that nobody counted."""
    batch.findings = [asdict(each) for each in found]
    batch.counted_pages = pages
    if batch.kind == "file" and not found:
        return
    payload = {
        "files": len(stacks),
        "expected_sheets": batch.expected_sheets,
        "counted_pages": pages,
        "arrival_date": batch.arrival_date,
        "box": batch.box,
        "findings": [{"code": f.code, "page": f.page, "measured": f.measured, "limit": f.limit} for f in found],
    }
    entity = stacks[0].entity if stacks else None
    if entity is not None:
        append_event(session, Event(entity, "batch closed", {"batch": batch.id}, SYSTEM, at, "system", payload))


def is_separable(stack: Document) -> bool:
    """An electronic file is one document by nature, and what is cut out of it would no longer be it.

    So is a PDF with a page that is drawn: no raster stands for that page, only the file.
    """
    drawn = any(page.raster is None and page.coding.get("format") == Format.PDF for page in stack.current_pages)
    return not drawn and not any(found.code in ("electronic-document", "signed-document", "structured-invoice") for found in stack.findings)


def _edited(plan: Plan, edit: Edit) -> Plan:
    """The plan with what a button means in it, documents counted as they stand."""
    match edit:
        case {"do": "split", "key": str(key)}:
            return split_before(plan, key)
        case {"do": "merge", "index": int(index)}:
            return merge_with_previous(plan, index)
        case {"do": "move", "key": str(key), "to": int(to), "at": int(position)}:
            return move_page(plan, key, to, position)
        case {"do": "apart", "key": str(key)}:
            return set_apart(plan, key)
    raise ValueError(f"no such edit: {edit}")


def _anchored(before: Plan, after: Plan, edit: Edit) -> Kept:
    """The same edit by pages alone: when it is replayed, other files may have come or be judged anew, and documents count otherwise."""
    match edit:
        case {"do": "merge", "index": int(index)}:
            return {"do": "join", "last": before.documents[index - 1].keys[-1], "first": before.documents[index].keys[0]}
        case {"do": "move", "key": str(key)}:
            anchor, follows = neighbour_of(after, key)
            return {"do": "lay", "key": key, "beside": anchor, "after": follows}
    return edit


def _replayed(plan: Plan, kept: Kept) -> Plan:
    match kept:
        case {"do": "join", "last": str(last), "first": str(first)}:
            return join_pages(plan, last, first)
        case {"do": "lay", "key": str(key), "beside": str(anchor), "after": bool(after)}:
            return lay_beside(plan, key, anchor, after=after)
    return _edited(plan, kept)


def _follow_page(batch: Batch, was: str, now: str) -> None:
    """What a person said of a page holds for the scan that takes its place."""
    batch.edits = [{name: now if value == was else value for name, value in kept.items()} for kept in batch.edits or ()] or None


def _target_parts(plan: Plan) -> tuple[Part, ...]:
    """The sides of each test target are a document, too: the control of a device (clause II-3) is evidence."""
    sides: dict[str, list[Sheet]] = {}
    for apart in plan.apart:
        if isinstance(apart.slip, TargetMark):
            sides.setdefault(apart.slip.target, []).append(apart.sheet)
    return tuple(Part(tuple(sheets)) for sheets in sides.values())


def _heed_slips(session: Session, batch: Batch, plan: Plan) -> BatchSlip | None:
    """What printed sheets say counts where nobody said otherwise; returns the batch slip, by which the pages are then judged anew."""
    said = None
    for apart in plan.apart:
        match apart.slip:
            case BatchSlip() as slip:
                said = said or slip
                # A slip used again, or copied, names nothing: the tolerance decided with it was for one batch.
                batch.slip = batch.slip or (slip.batch if batches.first_with_slip(session, slip.batch, batch.id) else None)
                batch.expected_sheets = batch.expected_sheets or slip.sheets
                batch.arrival_date = batch.arrival_date or slip.arrived.isoformat()
            case BoxLabel() as label:
                batch.box = batch.box or label.box[:40]
    return said


def _heed_nature(stack: Document, slip: BatchSlip) -> None:
    """The slip names source and supplier of what lies under it; an electronic file is no paper, whatever a slip says."""
    if slip.nature is not None and stack.source in (Source.PAPER, Source.UNKNOWN):
        stack.source = Source(slip.nature.value).value
    stack.supplier = stack.supplier or (slip.supplier and slip.supplier[:80])


def _whole_stack(pages: Sequence[PageRow], stacks: Sequence[Document]) -> Document | None:
    """The stack whose pages these are, all of them and in its order."""
    owner = next(stack for stack in stacks if stack.id == pages[0].document_id)
    return owner if [page.id for page in owner.current_pages] == [page.id for page in pages] else None


def said_kind(part: Part) -> str | None:
    """The kind that a separator named, where it is known; a passport is made by scanning a target, never by a word on paper."""
    kind = kind_named(part.document_type or "")
    return kind if kind != PASSPORT else None


def _name_part(document: Document, kind: str | None) -> None:
    document.document_type = kind or document.document_type
    document.formed = True


@dataclass(frozen=True, slots=True)
class Forming:
    """What a document out of judged pages is to be."""

    document_id: str
    entity: str
    title: str
    document_type: str
    link: str = "formed"
    """How it is tied to the documents whose pages they were (`tables.Link.kind`)."""
    actor: Actor = SYSTEM
    detail: Mapping[str, Any] = field(default_factory=dict)
    """More that its entry tells."""


def form_document(session: Session, pages: Sequence[PageRow], forming: Forming, at: datetime) -> Document:
    """A document of its own out of judged pages; they are looked at again under it, and the documents they come from keep their rows."""
    sources = list({page.document_id: page.document for page in pages}.values())
    first = sources[0]
    document = Document(
        id=forming.document_id,
        entity=forming.entity,
        batch_id=first.batch_id,
        station=first.station,
        operator=first.operator,
        document_type=forming.document_type,
        title=forming.title,
        source=first.source,
        source_said=first.source_said,
        supplier=first.supplier,
        state=State.RECEIVED,
        paper_stays=any(source.paper_stays for source in sources),
        received_at=first.received_at,
        changed_at=at,
        formed=True,
    )
    session.add(document)
    session.flush()
    documents.replace_pages(session, document.id, [page_copy(number, page) for number, page in enumerate(pages, 1)])
    for source in sources:
        batches.link(session, source.id, document.id, forming.link, at)
    payload = {
        "batch": first.batch_id,
        "from": [source.id for source in sources],
        "pages": [page_key(page) for page in pages],
        "document_type": document.document_type,
        "title": document.title,
        "paper_stays": document.paper_stays,
        **forming.detail,
    }
    objects = {"document": document.id, "rasters": rasters_hash([page.raster for page in pages])}
    append_event(session, Event(document.entity, "formed", objects, forming.actor, at, "system", payload))
    return document


def _forming(first: Document, kind: str | None, document_id: str, index: int) -> Forming:
    return Forming(document_id, first.entity, f"{first.title} ({index})", kind or first.document_type)


def _replace_stack(session: Session, stack: Document, plan: Plan, at: datetime) -> None:
    """Its pages went to other documents; sheets that belong to none are named here and lie in the vault."""
    documents.move_document(stack, State.REPLACED, at)
    own = {page_key(page) for page in stack.current_pages}
    aside = [[apart.key, apart.reason.value] for apart in plan.apart if apart.key in own and apart.reason is not Reason.TARGET]
    payload = {"batch": stack.batch_id, "apart": aside}
    append_event(session, Event(stack.entity, "replaced", {"document": stack.id}, SYSTEM, at, "system", payload))


def page_copy(number: int, page: PageRow) -> documents.PageFact:
    """The page as it stands, at another place."""
    return documents.PageFact(number, page.sha256, {**page.coding, "number": number}, page.raster, page.seen)


# --- a page scanned anew ---


def _carry_page(session: Session, carrier: Document, at: datetime) -> bool:
    """Put the pages of a new scan where a person wanted them; False where the document was scanned for itself, or cannot serve."""
    redo = batches.redo_carried_by(session, carrier.id)
    if redo is None:
        return False
    target = documents.get_document(session, redo.document_id)
    pages = {page.number: page for page in target.current_pages}
    if target.state not in REDOABLE or redo.page not in pages:
        redo.done_at = at  # The document went on meanwhile: the new scan stands for itself.
        return False
    if not carrier.current_pages:
        redo.carrier_id = None  # Unreadable: the next one is waited for.
        return False
    was, state = page_key(pages[redo.page]), target.state
    change = remember_change(target, {"what": "page", "from": was, "to": redo.page})
    _supersede(session, target, pages[redo.page], carrier.current_pages)
    _follow_page(target.batch, was, page_key(target.current_pages[redo.page - 1]))
    redo.done_at = at
    batches.link(session, carrier.id, target.id, "rescan", at)
    target.formed = True
    documents.send_back(target, at)
    documents.add_decision(session, target, "redo", redo.reason, redo.actor, at, state, change)
    documents.move_document(carrier, State.REPLACED, at)
    objects = {"document": target.id, "scan": carrier.id, "rasters": rasters_hash([page.raster for page in target.current_pages])}
    payload = {"choice": "redo", "page": redo.page, "was": was, "reason": redo.reason, "asked_by": redo.actor}
    append_event(session, Event(target.entity, "page replaced", objects, SYSTEM, at, "system", payload))
    return True


def _supersede(session: Session, target: Document, old: PageRow, new: Sequence[PageRow]) -> None:
    """The new pages stand where the old one stood; it stays, marked."""
    worn = 1 + max((page.superseded for page in target.pages), default=0)
    number = old.number
    before = [page for page in target.current_pages if page.number < number]
    after = [page for page in target.current_pages if page.number > number]
    kept = PageRow(
        document_id=target.id, number=number, superseded=worn, sha256=old.sha256, coding=old.coding, raster=old.raster, seen=old.seen
    )
    facts = [page_copy(position, page) for position, page in enumerate([*before, *new, *after], 1)]
    documents.replace_pages(session, target.id, facts)
    session.add(kept)
    session.flush()
    session.expire(target, ["pages"])


def _actor(person: Person) -> Actor:
    return Actor(person.pseudonym, ActorKind.HUMAN)
