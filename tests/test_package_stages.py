"""What happened to an invoice after its seal is in the package: told among its decisions, and no gap any more."""

import json
from datetime import date
from pathlib import Path

import packages
import pytest
import sqlalchemy as sa
from test_package import verified

from station.packaging.stages import stages_of
from station.records.tables import (
    AccountingBatch,
    AccountingItem,
    AccountingLine,
    Disbursement,
    Document,
    InvoiceStanding,
    PayableEvent,
    Task,
    TaskEvent,
)

AT = packages.day("2024-11-25")
INVOICE = sa.select(Document.id).where(Document.title.like("facture%"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    workstation = packages.small_home(tmp_path_factory.mktemp("stages"), 1)
    with workstation.database.writing() as session:
        tell_all(session, session.scalars(INVOICE).one())
    yield workstation
    workstation.database.close()


def tell_all(session, document: str) -> None:
    here = {"entity": "essai", "document_id": document}
    approval = Task(
        **here, kind="approval", title="x", why={}, role="approver", group_name="", state="done", round=1, place=1, needed=1, bound={},
        prepared_by=[], prepared_since=AT, opened_by="p-1", opened_at=AT, rule="", rule_version="",
    )  # fmt: skip
    batch = AccountingBatch(
        entity="essai", year=2026, number=3, day="2026-11-25", invoices=1, debit="12.00", credit="12.00", sha256="a" * 64, plan=1,
        made_by="p-1", made_at=AT,
    )  # fmt: skip
    session.add_all((approval, batch))
    session.flush()
    item = AccountingItem(
        **here, batch_id=batch.id, held=document, year=2026, entry=17, supplier="x", number="F-1", issued="2026-11-02",
        due=None, gross="12.00", sealed="b" * 64,
    )  # fmt: skip
    session.add(item)
    session.flush()
    empty = dict.fromkeys(("account_label", "auxiliary", "auxiliary_label", "rate"), "")
    session.add_all((
        TaskEvent(**here, task_id=approval.id, what="approved", actor="p-2", at=AT, told={"reason": "conforme"}),
        AccountingLine(item_id=item.id, entity="essai", place=1, account="606", label="achats", debit="12.00", credit="0.00", **empty),
        Disbursement(**here, stage="paid", day="2026-11-25", amount="12.00", reference="VIR", source="hand", key="k", actor="p-3", at=AT),
        InvoiceStanding(**here, state="paid", since=AT, by="p-3", expected=True, seen=0),
        PayableEvent(**here, step="service done", day="2026-11-20", reason="", actor="p-4", at=AT),
    ))  # fmt: skip


def test_stages_that_are_recorded_are_in_the_package_and_no_gaps(home, tmp_path: Path):
    done = packages.export(home, tmp_path / "out.zip")
    assert set(done.gaps) == {"no-order"}
    files = packages.members(tmp_path / "out.zip")
    trail = json.loads(next(body for name, body in files.items() if name.endswith("/trail.json")))
    told = {each["choice"]: each for each in trail["decisions"]}
    assert set(told) == {"service-done", "approval-approved", "accounting-entry", "payment-paid"}
    assert (told["approval-approved"]["actor"], told["approval-approved"]["reason"]) == ("p-2", "conforme")
    assert told["accounting-entry"]["detail"]["entry"] == "2026-17"
    assert told["accounting-entry"]["detail"]["lines"][0]["account"] == "606"
    assert (told["payment-paid"]["detail"]["amount"], trail["gaps"]) == ("12.00", ["no-order"])
    assert verified(tmp_path, tmp_path / "out.zip") == 0


def test_one_approval_of_two_and_a_part_of_the_amount_are_told_and_stay_gaps(home):
    with home.database.writing() as session:
        session.execute(sa.update(Task).values(needed=2))
        session.execute(sa.update(InvoiceStanding).values(state="posted"))
        session.execute(sa.update(AccountingItem).values(held=None))
        document = session.scalars(INVOICE).one()
        found = stages_of(session, [document], date(2026, 11, 30))[document]
        assert found.filled == {"no-delivery"}
        assert {each["choice"] for each in found.told} == {"service-done", "approval-approved", "payment-paid"}
        session.rollback()
