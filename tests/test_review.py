"""The review of an invoice: the queue, what is said and not yet submitted, and what submitting makes of it."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import reviewed
import sqlalchemy as sa
import webhome
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_web import text_of, visitor

from config.settings import Company
from station import direction, erasure, facts, particulars, review
from station.audit import audit_ledger
from station.receivables import own_keys, sales_of
from station.records import documents, people
from station.records import review as records
from station.records.tables import (
    AccountChange,
    Document,
    FieldRow,
    InvoiceRow,
    LedgerPayload,
    LessonRow,
    PersonRole,
    Review,
    ReviewEvent,
    State,
)
from station.web import review as pages
from station.web.words import words_in
from station.workstation import Workstation
from workflow.roles import Role

OTHER_IBAN = "FR1420041010050500013M02606"


@dataclass
class Room:
    """Three invoices, and two colleagues who look at them."""

    workstation: Workstation
    ids: list[str]
    clerk: TestClient
    colleague: TestClient

    def save(self, browser: TestClient, number: int, name: str, text: str, revision: int = 0, **more: object):
        data = {"name": name, "text": text, "revision": revision, "seen": revision, **more}
        return browser.post(f"/relecture/{self.ids[number]}/champs", data=data)

    def submit(self, browser: TestClient, number: int = 0, **more: str):
        page = browser.get(f"/relecture/{self.ids[number]}").text
        return browser.post(f"/relecture/{self.ids[number]}", data=form_of(page) | {"action": "submit"} | more)

    def value(self, number: int, name: str, source: str = "person") -> str | None:
        with self.workstation.database.reading() as session:
            where = (FieldRow.document_id == self.ids[number], FieldRow.name == name, FieldRow.source == source)
            return session.scalar(sa.select(FieldRow.value).where(*where))

    def row(self, number: int) -> Review:
        with self.workstation.database.reading() as session:
            return session.get_one(Review, self.ids[number])

    def count(self, table: type, **where: object) -> int:
        with self.workstation.database.reading() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(table).filter_by(**where)) or 0


def form_of(page: str) -> dict[str, str]:
    """The form of values as a browser without script would send it."""
    form = re.search(r'<form class="values".*?</form>', page, re.S)[0]
    inputs = re.findall(r"<input ([^>]*)>", form)
    found = {}
    for each in inputs:
        kind, name, value = (re.search(rf'{key}="([^"]*)"', each) for key in ("type", "name", "value"))
        if name and (kind is None or kind[1] == "hidden"):
            found[name[1]] = (value[1] if value else "").replace("&#34;", '"').replace("&amp;", "&").replace("&#39;", "'")
    return found


def signed_in(workstation: Workstation, login: str) -> TestClient:
    client = visitor(workstation)
    assert client.post("/sign-in", data={"login": login, "password": "essai"}).status_code == 303
    return client


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    workstation = webhome.open_home(tmp_path)
    ids = reviewed.three(workstation)
    yield Room(workstation, ids, signed_in(workstation, people.PRACTICE_LOGIN), signed_in(workstation, people.SECOND_LOGIN))
    workstation.database.close()


def figures(browser: TestClient) -> dict[str, str]:
    page = browser.get("/relecture").text
    return dict(re.findall(r'id="count-(\w+)"[^>]*><strong>(\d+)', page))


# --- the queue ---


def test_the_queue_counts_what_has_to_be_looked_at_and_tells_the_sure_apart(room):
    reviewed.invoice(room.workstation, replace(reviewed.PAPERS[4], siren="443061841"), doubtful={})
    assert figures(room.clerk)["waiting"] == "3" and figures(room.clerk)["sure"] == "1"
    assert "Cabinet Aubry" not in room.clerk.get("/relecture").text
    assert "Cabinet Aubry &amp; Fils" in room.clerk.get("/relecture?state=sure").text


def test_the_queue_is_filtered_by_supplier_doubt_and_due_day(room):
    by_supplier = room.clerk.get("/relecture", params={"supplier": "menuiserie"}).text
    assert "Menuiserie Le Goff" in by_supplier and "Imprimerie des Quais" not in by_supplier
    assert "Imprimerie" in room.clerk.get("/relecture", params={"doubt": "iban"}).text
    assert "Imprimerie" not in room.clerk.get("/relecture", params={"doubt": "invoice_number"}).text
    assert "Imprimerie" not in room.clerk.get("/relecture", params={"due": "2026-11-20"}).text


def test_the_queue_is_sorted_by_amount(room):
    page = room.clerk.get("/relecture", params={"sort": "gross"}).text
    places = [page.index(name) for name in ("Menuiserie", "Imprimerie", "Fournitures")]
    assert places == sorted(places)


def test_what_is_due_within_a_week_is_urgent(room):
    with room.workstation.database.writing() as session:
        session.add(FieldRow(document_id=room.ids[2], name="due_date", source="read", value="2026-11-25", confidence=0.999))
        session.get_one(Document, room.ids[2]).revision += 1
    assert figures(room.clerk)["urgent"] == "1"
    page = room.clerk.get("/relecture").text
    assert page.index("Fournitures") < page.index("Imprimerie")


def test_a_confidential_letter_leaves_the_queue_with_its_names(room):
    room.clerk.get("/relecture")
    with room.workstation.database.writing() as session:
        session.get_one(Document, room.ids[0]).confidential = True
    assert "Imprimerie" not in room.clerk.get("/relecture").text
    assert room.row(0).supplier == "" and room.clerk.get(f"/relecture/{room.ids[0]}").status_code == 423


def test_a_document_is_held_with_its_reason_and_taken_up_again(room):
    address = f"/relecture/{room.ids[0]}/file"
    assert room.clerk.post(address, data={"what": "hold", "reason": " "}).status_code == 422
    room.clerk.post(address, data={"what": "hold", "reason": "Bon de commande absent"})
    assert figures(room.clerk)["held"] == "1"
    assert "Bon de commande absent" in room.colleague.get("/relecture?state=held").text
    room.colleague.post(address, data={"what": "resume"})
    assert figures(room.clerk)["waiting"] == "3"


def test_a_document_is_postponed_to_a_day_to_come_only(room):
    address = f"/relecture/{room.ids[0]}/file"
    assert room.clerk.post(address, data={"what": "postpone", "until": "2026-11-20"}).status_code == 422
    room.clerk.post(address, data={"what": "postpone", "until": "2026-11-21"})
    assert figures(room.clerk)["postponed"] == "1"
    tomorrow = replace(room.workstation, clock=lambda: webhome.NOON.replace(day=21))
    with tomorrow.database.reading() as session:
        assert records.count_queue(session, "essai", "", tomorrow.clock().date()).team == 3


def test_what_is_handed_to_a_colleague_heads_his_queue(room):
    room.clerk.get("/relecture")
    room.clerk.post(f"/relecture/{room.ids[2]}/file", data={"what": "hand", "to": people.SECOND_LOGIN, "reason": "TVA étrangère ?"})
    assert figures(room.colleague)["mine"] == "1" and figures(room.clerk)["mine"] == "0"
    assert f'id="start" href="/relecture/{room.ids[2]}"' in room.colleague.get("/relecture").text
    assert f'id="start" href="/relecture/{room.ids[0]}"' in room.clerk.get("/relecture").text
    assert room.clerk.post(f"/relecture/{room.ids[2]}/file", data={"what": "hand", "to": "nobody"}).status_code == 422


def test_a_filter_is_kept_under_a_name_by_each_person(room):
    room.clerk.post("/relecture/vues", data={"name": "IBAN", "query": "state=waiting&doubt=iban"})
    assert ">IBAN</a>" in room.clerk.get("/relecture").text
    assert ">IBAN</a>" not in room.colleague.get("/relecture").text


# --- what is said and not yet submitted ---


def test_each_save_is_an_event_and_nothing_counts_before_it_is_submitted(room):
    told = room.save(room.clerk, 0, "total_tax", "205,76").json()
    assert (told["revision"], told["fields"][0]["state"]) == (1, "confirmed")
    assert re.search(r"Enregistré \d\d:\d\d:\d\d", told["saved"])
    assert room.count(ReviewEvent) == 1 and room.value(0, "total_tax") is None


def test_a_typed_value_is_searched_on_the_page_and_its_place_attached(room):
    entry = room.save(room.clerk, 0, "total_tax", "1 028,80").json()["fields"][0]
    assert entry["state"] == "said" and entry["box"][1] in range(720, 740)
    nowhere = room.save(room.clerk, 0, "total_tax", "77,77", 1).json()["fields"][0]
    assert nowhere["state"] == "said" and nowhere["box"] is None


def test_clicked_words_keep_the_place_that_was_clicked(room):
    entry = room.save(room.clerk, 0, "total_net", "1028,80", page=1, box="10,20,30,40").json()["fields"][0]
    assert (entry["page"], entry["box"]) == (1, [10, 20, 30, 40])


def test_what_is_no_value_is_kept_as_typed_with_what_to_do(room):
    entry = room.save(room.clerk, 0, "issue_date", "hier").json()["fields"][0]
    assert entry["text"] == "hier" and "12/03/2024" in entry["wrong"]
    assert 'value="hier"' in room.clerk.get(f"/relecture/{room.ids[0]}").text


def test_undo_and_redo_go_across_fields(room):
    room.save(room.clerk, 0, "total_tax", "1,00")
    room.save(room.clerk, 0, "invoice_number", "X-1", 1)

    def step(way: str) -> str:
        return room.clerk.post(f"/relecture/{room.ids[0]}/pas", data={"way": way, "script": "yes"}).json()["fields"][0]["name"]

    assert [step("undo"), step("undo")] == ["invoice_number", "total_tax"]
    assert 'name="v-total_tax" value="205,76"' in room.clerk.get(f"/relecture/{room.ids[0]}").text
    assert step("redo") == "total_tax"
    assert 'name="v-total_tax" value="1,00"' in room.clerk.get(f"/relecture/{room.ids[0]}").text


@given(st.lists(st.sampled_from(["set", "undo", "redo"]), max_size=30))
def test_undoing_all_and_redoing_all_gives_the_same_draft(kinds):
    events = [ReviewEvent(kind=kind, field=f"f{n % 3}", before=None, after=_mark(n), revision=n) for n, kind in enumerate(kinds)]
    done, undone = review.stacks_of(events)
    assert len(done) + len(undone) <= kinds.count("set")
    back = [ReviewEvent(kind="undo", field="", revision=0) for _ in done]
    again = [ReviewEvent(kind="redo", field="", revision=0) for _ in done]
    assert review.draft_of([*events, *back]) == {}
    assert review.draft_of([*events, *back, *again]) == review.draft_of(events)


def _mark(n: int) -> dict[str, object]:
    return {"state": "said", "typed": str(n), "value": str(n), "base": None, "page": None, "box": None, "wrong": None, "by": ""}


# --- two at once ---


def test_a_colleague_who_has_it_open_is_named_and_may_be_followed(room):
    room.clerk.post(f"/relecture/{room.ids[0]}/presence")
    notice = room.colleague.post(f"/relecture/{room.ids[0]}/presence").json()["notice"]
    assert people.PRACTICE_LOGIN in notice and "0 min" in notice
    assert f'id="start" href="/relecture/{room.ids[1]}"' in room.colleague.get("/relecture").text
    room.colleague.post(f"/relecture/{room.ids[0]}/file", data={"what": "take"})
    assert people.SECOND_LOGIN in room.clerk.post(f"/relecture/{room.ids[0]}/presence").json()["notice"]


def test_who_is_silent_for_ten_minutes_keeps_nobody_waiting(room):
    room.clerk.post(f"/relecture/{room.ids[0]}/presence")
    with room.workstation.database.writing() as session:
        session.get_one(Review, room.ids[0]).active_at = webhome.NOON - records.SILENT * 2
    assert room.colleague.post(f"/relecture/{room.ids[0]}/presence").json()["notice"] == ""


def test_a_save_against_another_word_is_refused_and_tells_whose_it_is(room):
    room.save(room.colleague, 0, "invoice_number", "A-1")
    answer = room.save(room.clerk, 0, "invoice_number", "B-2")
    clash = answer.json()["clashes"][0]
    assert answer.status_code == 409 and people.SECOND_LOGIN in clash["words"] and (clash["theirs"], clash["mine"]) == ("A-1", "B-2")
    assert room.save(room.clerk, 0, "invoice_number", "B-2", answer.json()["revision"]).status_code == 200


def test_what_a_colleague_said_of_another_field_comes_with_the_answer(room):
    room.save(room.colleague, 0, "invoice_number", "A-1")
    told = room.save(room.clerk, 0, "total_tax", "205,76").json()
    assert [(each["name"], each["text"]) for each in told["others"]] == [("invoice_number", "A-1")]


def test_on_a_conflict_the_form_comes_back_with_what_was_typed_and_a_choice(room):
    form = form_of(room.clerk.get(f"/relecture/{room.ids[0]}").text) | {"action": "save", "v-invoice_number": "B-2"}
    room.save(room.colleague, 0, "invoice_number", "A-1")
    answer = room.clerk.post(f"/relecture/{room.ids[0]}", data=form)
    assert answer.status_code == 409 and 'value="B-2"' in answer.text and "Garder le mien" in answer.text
    room.clerk.post(f"/relecture/{room.ids[0]}", data=form_of(answer.text) | {"action": "save", "pick-invoice_number": "mine"})
    assert 'name="v-invoice_number" value="B-2"' in room.clerk.get(f"/relecture/{room.ids[0]}").text


def test_taking_the_other_word_leaves_it_as_it_is(room):
    form = form_of(room.clerk.get(f"/relecture/{room.ids[0]}").text) | {"action": "save", "v-invoice_number": "B-2"}
    room.save(room.colleague, 0, "invoice_number", "A-1")
    again = room.clerk.post(f"/relecture/{room.ids[0]}", data=form | {"pick-invoice_number": "theirs"})
    assert again.status_code == 303
    assert 'name="v-invoice_number" value="A-1"' in room.clerk.get(f"/relecture/{room.ids[0]}").text


def test_a_value_changed_on_another_page_meanwhile_is_no_longer_overwritten(room):
    room.save(room.clerk, 0, "invoice_number", "B-2")
    room.colleague.post(f"/documents/{room.ids[0]}/fields/invoice_number", data={"value": "A-1"})
    answer = room.submit(room.clerk, whole="yes")
    assert answer.status_code == 409 and room.value(0, "invoice_number") == "A-1"


# --- submitting ---


def test_a_doubtful_value_that_was_passed_over_keeps_the_document_open(room):
    answer = room.submit(room.clerk)
    assert answer.status_code == 422 and "TVA, IBAN" in text_of(answer.text)
    assert room.row(0).done_at is None


def test_submitting_writes_what_was_said_with_its_ledger_entries_and_opens_the_next(room):
    room.save(room.clerk, 0, "total_tax", "205,76")
    room.save(room.clerk, 0, "iban", "FR76 3000 6000 0112 3456 7890 189", 1)
    answer = room.submit(room.clerk)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/relecture/{room.ids[1]}")
    assert room.value(0, "total_tax") == "205.76" and room.value(0, "total_net") is None
    with room.workstation.database.reading() as session:
        where = (LedgerPayload.document_id == room.ids[0], LedgerPayload.type == "said")
        assert session.scalar(sa.select(sa.func.count()).select_from(LedgerPayload).where(*where)) == 2
    assert figures(room.clerk)["waiting"] == "2"


def test_without_a_script_the_boxes_say_what_is_right(room):
    page = form_of(room.clerk.get(f"/relecture/{room.ids[0]}").text)
    answer = room.clerk.post(f"/relecture/{room.ids[0]}", data=page | {"ok-total_tax": "yes", "ok-iban": "yes", "action": "submit"})
    assert answer.status_code == 303 and room.value(0, "total_tax") == "205.76"


def test_who_looked_at_all_of_it_confirms_the_rest_at_once(room):
    assert room.submit(room.clerk, whole="yes").status_code == 303
    assert room.value(0, "total_net") == "1028.80"


def test_a_correction_teaches_the_supplier_memory(room):
    room.save(room.clerk, 0, "invoice_number", "F-2026-0417")
    assert room.count(LessonRow) == 0
    with room.workstation.database.writing() as session:
        session.execute(
            sa.update(FieldRow).where(FieldRow.document_id == room.ids[1], FieldRow.name == "total_tax").values(value="4860.00")
        )
    room.save(room.clerk, 1, "total_tax", "486,00")
    room.submit(room.clerk, 1, whole="yes")
    assert room.count(LessonRow, field="total_tax") == 1


def test_the_records_still_agree_with_the_ledger(room):
    room.save(room.clerk, 0, "total_tax", "1,00")
    room.submit(room.clerk, 0, whole="yes")
    told = {each.name: each for each in audit_ledger(room.workstation)}
    assert told["chain"].ok and "said" not in str(told.get("records"))


def test_what_is_not_readable_cannot_be_submitted_and_is_not_lost(room):
    room.save(room.clerk, 0, "issue_date", "hier")
    answer = room.submit(room.clerk, whole="yes")
    assert answer.status_code == 422 and 'value="hier"' in answer.text and "Rien n’est perdu" in answer.text


# --- rows ---


def rows(*cells: dict[str, str]) -> str:
    return json.dumps(list(cells))


def test_lines_are_typed_in_a_grid_and_kept_as_rows(room):
    typed = rows({"description": "Vis <b>", "quantity": "2", "unit_price": "514,40", "net": "1 028,80", "rate": "20"})
    assert room.save(room.clerk, 0, "lines", typed).json()["fields"][0]["state"] == "said"
    room.submit(room.clerk, whole="yes")
    kept = json.loads(room.value(0, "lines") or "")
    assert (kept[0]["description"], kept[0]["net"]) == ("Vis <b>", "1028.80")
    assert "Vis <b>" not in room.clerk.get(f"/relecture/{room.ids[0]}").text


def test_as_many_lines_as_a_grid_takes_are_saved(room):
    rows = [
        {"description": f"Prestation n° {n} : {'é' * 80}", "quantity": "1", "unit_price": "10,00", "net": "10,00", "rate": "20"}
        for n in range(pages.review.MOST_ROWS)
    ]
    assert room.save(room.clerk, 0, "lines", json.dumps(rows)).status_code == 200


def test_a_row_left_as_it_was_is_confirmed_and_one_that_is_no_number_is_told(room):
    same = rows({"rate": "20", "base": "1 028,80", "tax": "205,76"})
    assert room.save(room.clerk, 0, "vat_breakdown", same).json()["fields"][0]["state"] == "confirmed"
    wrong = room.save(room.clerk, 0, "vat_breakdown", rows({"rate": "vingt", "base": "1", "tax": "1"}), 1).json()["fields"][0]
    assert wrong["state"] == "unclear" and wrong["wrong"] and wrong["rows"][0][0] == "vingt"


def test_the_strip_adds_up_what_the_clerk_said(room):
    assert room.save(room.clerk, 0, "total_tax", "205,76").json()["strip"]["good"] is True
    told = room.save(room.clerk, 0, "total_tax", "206,76", 1).json()["strip"]
    assert told["good"] is False and "= 1,00" in told["text"]


# --- an account that changes ---


def changed_account(room: Room) -> str:
    """A second invoice of the first supplier, with another account."""
    room.clerk.post(f"/documents/{room.ids[0]}/fields")
    paper = replace(reviewed.THREE[0], number="F-2026-0555", iban=OTHER_IBAN, gross="1235.56", tax="206.76")
    room.ids.append(reviewed.invoice(room.workstation, paper, hours=0, vouch=False))
    return room.ids[-1]


def ask_account(room: Room) -> int:
    changed_account(room)
    room.submit(room.clerk, 3, whole="yes")
    with room.workstation.database.reading() as session:
        return session.scalars(sa.select(AccountChange.id)).one()


def test_an_account_that_changes_waits_for_another_person_with_both_crops(room):
    number = ask_account(room)
    assert room.value(3, "iban") is None and figures(room.clerk)["account"] == "1"
    assert "une autre personne" in room.clerk.get(f"/relecture/comptes/{number}").text
    assert room.clerk.post(f"/relecture/comptes/{number}", data={"choice": "approve"}).status_code == 409
    for which in ("new", "known"):
        crop = room.colleague.get(f"/relecture/comptes/{number}/{which}.jpg")
        assert Image.open(io.BytesIO(crop.content)).width > 100


def test_the_second_person_makes_the_account_known(room):
    number = ask_account(room)
    room.colleague.post(f"/relecture/comptes/{number}", data={"choice": "approve"})
    assert room.value(3, "iban") == OTHER_IBAN
    with room.workstation.database.reading() as session:
        assert session.scalars(sa.select(InvoiceRow.iban_known).where(InvoiceRow.document_id == room.ids[3])).first() is True
        kinds = session.scalars(sa.select(LedgerPayload.type).where(LedgerPayload.document_id == room.ids[3])).all()
    assert list(kinds).count("account") == 2
    assert room.colleague.post(f"/relecture/comptes/{number}", data={"choice": "approve"}).status_code == 409


def test_a_refused_account_puts_the_invoice_back_with_the_reason(room):
    number = ask_account(room)
    assert room.colleague.post(f"/relecture/comptes/{number}", data={"choice": "refuse"}).status_code == 422
    room.colleague.post(f"/relecture/comptes/{number}", data={"choice": "refuse", "reason": "Le fournisseur dément"})
    assert room.value(3, "iban") is None
    assert "Le fournisseur dément" in room.clerk.get("/relecture").text


def test_an_invoice_of_which_the_account_was_refused_stands_red_and_first(room):
    """Every value of it was read with certainty: the account is the only reason to look at it."""
    number = ask_account(room)
    room.colleague.post(f"/relecture/comptes/{number}", data={"choice": "refuse", "reason": "Le fournisseur dément"})
    page = room.clerk.get("/relecture").text
    assert re.findall(r'id="open-([^"]+)"', page)[0] == room.ids[3]
    assert "Compte bancaire refusé" in text_of(page)
    assert room.ids[3] not in room.clerk.get("/relecture?state=sure").text
    assert "de nouveau à relire" in text_of(room.clerk.get(f"/relecture/{room.ids[3]}").text)


def test_a_sure_value_of_an_account_that_nobody_stands_for_is_looked_at(room):
    paper = replace(reviewed.PAPERS[4], siren="443061841")
    reviewed.invoice(room.workstation, paper, doubtful={}, vouch=False)
    assert figures(room.clerk)["sure"] == "0" and figures(room.clerk)["waiting"] == "4"


def test_an_approver_finds_accounts_that_wait_decides_and_comes_back_to_a_page_of_theirs(room, monkeypatch):
    number = ask_account(room)
    with room.workstation.database.writing() as session:
        who = people.find(session, people.SECOND_LOGIN).pseudonym
        kept = sa.or_(PersonRole.pseudonym != who, PersonRole.role == Role.APPROVER)
        session.execute(sa.delete(PersonRole).where(sa.not_(kept)))
    assert f'href="/relecture/comptes/{number}?retour=approbations"' in room.colleague.get("/approbations").text
    assert 'href="/approbations"' in room.colleague.get(f"/relecture/comptes/{number}").text
    answer = room.colleague.post(f"/relecture/comptes/{number}", data={"choice": "approve"})
    assert answer.headers["location"] == "/approbations"


def test_a_first_account_is_compared_with_nothing_and_says_so(room):
    reviewed.invoice(room.workstation, replace(reviewed.PAPERS[4], siren="443061841"), vouch=False)
    with room.workstation.database.reading() as session:
        room.ids.append(session.scalars(sa.select(Document.id).order_by(Document.received_at.desc())).first())
    room.submit(room.clerk, 3, whole="yes")
    with room.workstation.database.reading() as session:
        number = session.scalars(sa.select(AccountChange.id)).one()
    page = text_of(room.colleague.get(f"/relecture/comptes/{number}").text)
    assert "premier compte" in page and "deux extraits" not in page


def test_who_typed_an_account_is_not_its_second_person_though_another_submitted(room):
    room.save(room.colleague, 0, "iban", OTHER_IBAN)
    room.submit(room.clerk, whole="yes")
    with room.workstation.database.reading() as session:
        number = session.scalars(sa.select(AccountChange.id)).one()
    assert room.colleague.post(f"/relecture/comptes/{number}", data={"choice": "approve"}).status_code == 409
    assert 'id="approve"' not in room.colleague.get(f"/relecture/comptes/{number}").text


def test_an_account_that_the_page_does_not_show_waits_too(room):
    room.save(room.clerk, 0, "iban", OTHER_IBAN)
    room.submit(room.clerk, whole="yes")
    assert room.value(0, "iban") is None and room.row(0).stage == "account"


# --- what helps ---


def test_signs_that_the_second_reader_saw_otherwise_are_in_doubt():
    second = [review.SecondReading("iban", "FR76 3OO6")]
    assert review.doubtful_signs("iban", "FR76 3006", "FR76 3006", (), second) == tuple(c in "0" for c in "FR76 3006")


def test_other_readings_are_offered_the_sums_before_the_rest_of_the_page(room):
    with room.workstation.database.writing() as session:
        where = (FieldRow.document_id == room.ids[0], FieldRow.name == "total_tax")
        session.execute(sa.update(FieldRow).where(*where).values(value="208.76"))
    page = room.clerk.get(f"/relecture/{room.ids[0]}").text
    offered = re.search(r'id="v-total_tax".*?data-alternatives="([^"]*)"', page, re.S)[1].replace("&#34;", '"')
    assert json.loads(offered.replace("&quot;", '"'))[0] == "205,76"


def test_the_sealed_page_comes_in_tiles_of_its_own_pixels(room):
    facts = room.clerk.get(f"/relecture/{room.ids[0]}/image/1.json").json()
    assert (facts["sealed"], facts["width"], facts["height"]) == (True, 910, 1287)
    tile = room.clerk.get(f"{facts['tiles']}/{facts['levels'] - 1}-1-0")
    drawn = webhome.draw_page(replace(reviewed.THREE[0], siren="732829320")).crop((512, 0, 910, 512))
    assert tile.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(tile.content)).convert("RGB").tobytes() == drawn.tobytes()
    assert room.clerk.get(f"{facts['tiles']}/9-0-0").status_code == 404


def test_without_its_sealed_page_the_image_says_that_it_is_a_working_one(room):
    other = webhome.sealed(room.workstation, "sans.tif", webhome.PAPERS[5])
    assert room.clerk.get(f"/relecture/{other}/image/1.json").json() == {"sealed": False, "words": words_in("fr")("document.working-image")}


# --- keys ---


def test_each_person_chooses_keys_but_no_single_letter_and_none_twice(room):
    send = lambda **keys: room.clerk.post("/relecture/touches", data={f"key-{name}": combo for name, combo in keys.items()})  # noqa: E731
    assert send(zoom="alt+x").status_code == 303
    assert (
        "Alt+X" in room.clerk.get(f"/relecture/{room.ids[0]}").text and "Alt+X" not in room.colleague.get(f"/relecture/{room.ids[0]}").text
    )
    assert [send(zoom=combo).status_code for combo in ("Z", "Shift+Z", "Ctrl+W", "Alt+R", "Meta+Z", "F5")] == [422] * 6


def test_the_usual_keys_are_those_of_the_map_and_no_browser_s():
    assert pages.key_trouble(pages.KEYS) is None


def test_a_hostile_value_is_only_text(room):
    room.save(room.clerk, 0, "supplier_name", '"><script>alert(1)</script>')
    page = room.clerk.get(f"/relecture/{room.ids[0]}").text
    assert "<script>alert" not in page
    room.submit(room.clerk, whole="yes")
    assert "<script>alert" not in room.clerk.get("/relecture?state=done").text


def test_an_erased_document_leaves_nothing_of_its_review(tmp_path):
    workstation = webhome.open_home(tmp_path)
    gone = webhome.received(workstation, "lettre.tif", webhome.PAPERS[5], 0)
    with workstation.database.writing() as session:
        document = session.get_one(Document, gone)
        row = review.note_review(session, document, review.Thresholds())
        records.add_event(session, row, "set", "iban", (None, _mark(1)), "p-1", webhome.NOON)
        asked = AccountChange(
            document_id=gone, entity="essai", supplier="siren:1", iban=OTHER_IBAN, known=[], asked_by="p-1", asked_at=webhome.NOON
        )
        session.add(asked)
        document.state = State.SET_ASIDE
        session.flush()
        erasure._delete_rows(session, erasure.scope_of(session, document, webhome.NOON.date()), webhome.NOON)
        left = [session.scalar(sa.select(sa.func.count()).select_from(table)) for table in (Review, ReviewEvent, AccountChange)]
    workstation.database.close()
    assert left == [0, 0, 0]


# --- our own invoice on paper ---

OURS = "FR1420041010050500013M02606"


def sold(room) -> str:
    """A paper of ours of which the customer was read as the seller: our account stands on it."""
    told = Company(entity="essai", name="Quai Ouest SARL", siren="552100554", iban=OURS)
    room.workstation.settings.__dict__["company"] = (told,)
    paper = replace(reviewed.PAPERS[4], supplier="Martin SA", siren="443061841", iban=OURS)
    document = reviewed.invoice(room.workstation, paper, doubtful={}, vouch=False)
    with room.workstation.database.writing() as session:
        session.execute(sa.delete(FieldRow).where(FieldRow.document_id == document, FieldRow.name == "iban"))
    review.tend_reviews(room.workstation)
    return document


def test_a_paper_with_our_own_account_is_asked_about_and_never_goes_through_unopened(room):
    document = sold(room)
    page = text_of(room.clerk.get(f"/relecture/{document}").text)
    assert "semble être la nôtre" in page and "client Martin SA" in page
    with room.workstation.database.reading() as session:
        assert session.get_one(Review, document).doubts == ["supplier_name"]
        assert particulars.is_vouched(session, session.get_one(Document, document), OURS, room.workstation.settings)
    assert "semble être la nôtre" not in text_of(room.clerk.get(f"/relecture/{room.ids[0]}").text)


def test_said_to_be_ours_it_is_a_claim_on_its_customer_and_no_debt(room):
    document = sold(room)
    assert room.clerk.post(f"/relecture/{document}/file", data={"what": "ours"}).status_code == 303
    with room.workstation.database.reading() as session:
        row = session.get_one(Document, document)
        best = documents.best_rows(row)
        assert [best[name].value for name in ("supplier_siren", "buyer_name")] == ["552100554", "Martin SA"]
        assert facts.facts_of(session, room.workstation, row)["sens"] == "emise"
        own = own_keys(room.workstation.settings.of_company("essai"))
        day = row.received_at.date()
        listed, others = (direction.waiting_on(session, "essai", day, 99, own=keys) for keys in ((), own))
        assert {each.document_id for each in listed} - {each.document_id for each in others} == {document}
        assert [sale.document.id for sale in sales_of(session, room.workstation.settings.of_company("essai"))] == [document]
    assert "semble être la nôtre" not in text_of(room.clerk.get(f"/relecture/{document}").text)


def test_where_nothing_is_ours_nothing_is_said_to_be(room):
    assert room.clerk.post(f"/relecture/{room.ids[0]}/file", data={"what": "ours"}).status_code == 422
