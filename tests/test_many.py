"""An installation of many documents asks otherwise and finds the same; here few count as many."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
import webhome
from test_web import enter

from station.deadlines import forget_due
from station.records import circuits as of_circuits
from station.records import documents, totals
from station.records import review as of_reviews
from station.records import tasks as of_tasks
from station.records.scope import Scope, put_scope
from station.records.tables import CircuitWatch, Document, InvoiceRow, InvoiceStanding, Review, State, Supplier
from station.review import tend_reviews
from station.search import tend_search


@pytest.fixture
def many(tmp_path, monkeypatch):
    """A home with three sealed invoices and one that is held."""
    monkeypatch.setattr(totals, "_KNOWN", {})
    workstation = webhome.open_home(tmp_path / "home")
    for paper in webhome.PAPERS[:3]:
        webhome.sealed(workstation, f"{paper.number.replace('/', '-')}.tif", paper)
    yield workstation
    workstation.database.close()


def counted(workstation):
    with workstation.database.reading() as session:
        found = documents.list_documents(session)
        return found.total, documents.count_states(session), documents.cost_at_rest(session)


def test_many_are_counted_as_few_are(many, monkeypatch):
    few = counted(many)
    monkeypatch.setattr(totals, "MANY", 1)
    assert counted(many) == few
    assert few[0] == 3


def test_sums_are_remembered_and_what_is_on_its_way_is_not(many, monkeypatch):
    monkeypatch.setattr(totals, "MANY", 1)
    before = counted(many)[1]
    with many.database.writing() as session:
        document = session.scalars(sa.select(Document)).first()
        document.state = State.HELD
    after = counted(many)[1]
    assert after[State.HELD] == before.get(State.HELD, 0) + 1
    assert after[State.SEALED] == before[State.SEALED]


def test_a_small_company_in_a_big_house_counts_once_a_minute_too(many, monkeypatch):
    monkeypatch.setattr(totals, "MANY", 2)
    with many.database.reading() as session:
        put_scope(session, Scope("filiale", frozenset(), primary=False))
        assert totals.is_large(session)
        # What is known of the whole house is asked for no company again.
        put_scope(session, Scope("essai", frozenset(), primary=True))
        asked = []
        sa.event.listen(many.database.reader, "before_cursor_execute", lambda *told: asked.append(told))
        assert totals.is_large(session)
        assert asked == []


def test_a_turn_that_looked_at_all_looks_at_what_changed_lately_then_at_all_again(many, monkeypatch):
    monkeypatch.setattr(totals, "MANY", 1)
    tend_reviews(many)
    # The first turn found something; only one that finds nothing more looked through everything.
    tend_reviews(many)
    forget(many, changed_at=webhome.NOON - timedelta(days=1))
    tend_reviews(many)
    assert reviews(many) == 2
    forget(many, changed_at=webhome.NOON)
    tend_reviews(many)
    assert reviews(many) == 2
    monkeypatch.setattr(totals, "WHOLE_SECONDS", 0.0)
    tend_reviews(many)
    assert reviews(many) == 3


LATELY = webhome.NOON + timedelta(days=1)


@pytest.fixture
def watched(many):
    """Reviewed, approved and seen by circuits; nothing changed lately."""
    tend_reviews(many)
    with many.database.writing() as session:
        for review in session.scalars(sa.select(Review)):
            document = session.get_one(Document, review.document_id)
            common = {"document_id": document.id, "entity": document.entity, "seen": document.revision}
            session.add(CircuitWatch(**common, stage=review.stage, submitted_at=review.done_at, appeared=True, facts={}))
            session.add(InvoiceStanding(**common, state="approved", since=webhome.NOON, by="system", expected=True))
    return many, review.document_id


def terms_changed(session, document_id):
    key = "siren:732829320"
    session.add(InvoiceRow(document_id=document_id, supplier=key, number="1", likeness="1", credit=False, iban="", iban_known=False))
    session.flush()
    forget_due(session, Supplier(entity="essai", key=key))


def compared_again(session, document_id):
    session.get_one(InvoiceStanding, document_id).seen = -1


def taken_up_again(session, document_id):
    review = session.get_one(Review, document_id)
    review.stage, review.done_at = "done" if review.stage == "open" else "open", None


@pytest.mark.parametrize(
    ("mark", "look"),
    [
        (terms_changed, lambda session: [each.id for each in of_reviews.stale_documents(session, 9, LATELY)]),
        (compared_again, lambda session: [each.id for each in of_tasks.changed_documents(session, 9, LATELY)]),
        (taken_up_again, lambda session: list(of_circuits.changed_documents(session, 9, LATELY))),
    ],
    ids=["terms", "approval", "review"],
)
def test_what_is_marked_to_be_looked_at_again_is_seen_at_once_though_its_document_did_not_change(watched, mark, look):
    home, document_id = watched
    with home.database.writing() as session:
        assert look(session) == []
        mark(session, document_id)
    with home.database.reading() as session:
        assert document_id in look(session)


def forget(workstation, changed_at):
    """As if the queue had never seen a document that changed then: of two times, another one."""
    with workstation.database.writing() as session:
        review = session.scalars(sa.select(Review).order_by(Review.document_id)).first()
        session.execute(sa.update(Document).where(Document.id == review.document_id).values(changed_at=changed_at))
        session.delete(review)


def reviews(workstation):
    with workstation.database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(Review))


def test_the_list_of_many_is_searched_by_the_words_of_the_index(many, monkeypatch):
    tend_search(many)
    monkeypatch.setattr(totals, "MANY", 1)
    with many.database.reading() as session:
        found = documents.list_documents(session, search="menuiser goff").documents
        assert [document.title for document in found] == ["2026-318.tif"]


@pytest.fixture
def two_companies(many, monkeypatch):
    """The two oldest documents are another company's, the very oldest held at its quay; one hit is the most that is shown."""
    with many.database.writing() as session:
        held, older, _ = came = list(session.scalars(sa.select(Document)))
        for minute, document in enumerate(came):
            document.received_at = webhome.NOON + timedelta(minutes=minute)
        held.entity, held.station, held.state = "filiale", "quai", State.HELD
        older.entity, older.station = "filiale", "annexe"
    tend_search(many)
    monkeypatch.setattr(totals, "MANY", 1)
    monkeypatch.setattr(documents, "MOST_FOUND", 1)
    return many, {"held": held.id, "older": older.id}


THERE = frozenset({"quai", "annexe"})


def test_of_many_those_that_a_cause_troubles_are_found_however_many_newer_ones_bear_the_words(two_companies):
    home, named = two_companies
    with home.database.writing() as session:
        session.get(Document, named["older"]).problem = "over-budget"
    with home.database.reading() as session:
        found = documents.list_documents(session, search="tif", cause="over-budget")
        assert ([document.id for document in found.documents], found.cut) == ([named["older"]], False)


@pytest.mark.parametrize(
    ("scope", "states", "shown", "cut"),
    [
        (Scope("filiale", THERE), (), "older", True),
        (Scope("filiale", THERE, only=frozenset({"quai"})), (), "held", False),
        (None, (State.HELD,), "held", False),
    ],
)
def test_what_is_not_seen_or_not_asked_for_takes_no_place_among_the_newest_hits(two_companies, scope, states, shown, cut):
    home, named = two_companies
    with home.database.reading() as session:
        put_scope(session, scope)
        found = documents.list_documents(session, search="tif", states=states)
    assert ([document.id for document in found.documents], found.total, found.cut) == ([named[shown]], 1, cut)


def test_the_page_says_where_it_leaves_out_older_hits(two_companies):
    browser = enter(two_companies[0])
    assert "seuls les plus récents" in browser.get("/documents?q=tif").text
    assert "seuls les plus récents" not in browser.get("/documents?q=tif&state=held").text
