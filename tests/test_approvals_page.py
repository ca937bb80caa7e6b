"""The approver's page: on a telephone by keyboard, what it says when somebody was faster or values changed, and the e-mails."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import mailserver
import pytest
import reviewed
import sqlalchemy as sa
import webhome
from argon2 import PasswordHasher
from barriers import barriers, too_wide
from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from screenshots import serving
from test_browser import chromium  # noqa: F401 the fixture is this module's, too
from test_browser import pytestmark as needs_chromium
from test_web import text_of, visitor

from config.settings import ApprovalStep, OutgoingMail, Server, Suppliers
from station import learning, mail, outbox, review
from station.records import documents, people
from station.records.tables import Access, FieldRow, OutboxRow, Person, PersonRole, Task
from station.web import approvals
from station.web.access import Notebook
from station.workstation import Workstation
from workflow.roles import Role

NOON = webhome.NOON
WORD = "une phrase assez longue"


@dataclass
class Office:
    """Three invoices that the practice clerk reviewed; « responsable » and Anne may approve."""

    workstation: Workstation
    ids: list[str]

    def browser(self, login: str = "responsable", password: str = "essai") -> TestClient:  # noqa: S107 open by design
        browser = visitor(self.workstation)
        assert browser.post("/sign-in", data={"login": login, "password": password}).status_code == 303
        return browser

    def anne(self) -> TestClient:
        return self.browser("anne", WORD)

    def submit(self, *numbers: int) -> None:
        for number in numbers:
            with self.workstation.database.writing() as session:
                clerk = people.find(session, "atelier")
                review.get_review(session, self.ids[number])
                review.submit(session, self.workstation, self.ids[number], clerk, lambda *_: None, whole=True)

    def tasks(self) -> list[Task]:
        with self.workstation.database.reading() as session:
            return list(session.scalars(sa.select(Task).order_by(Task.id)))

    def due(self, number: int, days: int) -> None:
        with self.workstation.database.writing() as session:
            day = (NOON.date() + timedelta(days=days)).isoformat()
            session.add(FieldRow(document_id=self.ids[number], name="due_date", source="read", value=day, confidence=0.999))
            documents.touch(documents.get_document(session, self.ids[number]), NOON)


def open_office(folder: Path) -> Office:
    workstation = webhome.open_home(folder)
    known = Suppliers(ibans={key: [reviewed.THREE[0].iban] for key in ("732829320", "552100554", "542065479")})
    workstation = replace(
        workstation, settings=workstation.settings.model_copy(update={"suppliers": known, "approvals": (ApprovalStep(),)})
    )
    ids = reviewed.three(workstation)
    with workstation.database.writing() as session:
        anne = people.set_password(session, "anne", WORD)
        anne.email, anne.name = "anne@exemple.fr", "Anne Le Bihan"
        session.add(PersonRole(pseudonym=anne.pseudonym, role=Role.APPROVER))
    return Office(workstation, ids)


@pytest.fixture
def office(tmp_path, monkeypatch) -> Iterator[Office]:
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    office = open_office(tmp_path)
    yield office
    office.workstation.database.close()


def form_of(page: str) -> dict[str, str]:
    """What the button « Approuver » sends along."""
    form = re.search(r'<form method="post" action="/approbations/\d+">(.*?)</form>', page, re.S)[1]
    return dict(re.findall(r'name="(revision|digest)" value="([^"]*)"', form))


# --- before and after the page ---


def test_an_invoice_that_is_sure_reaches_an_approver_without_being_opened(office):
    paper = replace(reviewed.PAPERS[4], siren="443061841")
    document_id = reviewed.invoice(office.workstation, paper, doubtful={})
    review.tend_reviews(office.workstation)
    (task,) = office.tasks()
    assert task.document_id == document_id
    anne = office.anne()
    page = anne.get(f"/approbations/{task.id}").text
    assert "lues avec certitude" in text_of(page)
    assert anne.post(f"/approbations/{task.id}", data={"choice": "approve", **form_of(page)}).status_code == 303
    queue = office.browser().get("/relecture?state=sure").text
    assert f'id="open-{document_id}"' not in queue


def test_what_was_refused_heads_the_queue_of_who_reviewed_it_with_the_reason(office):
    office.submit(0)
    anne = office.anne()
    refusal = {"choice": "refuse", "reason": "Déjà payée en mai", **form_of(anne.get("/approbations/1").text)}
    anne.post("/approbations/1", data=refusal)
    clerk = office.browser("atelier")
    for page in (clerk.get("/relecture?mine=yes").text, clerk.get("/relecture").text):
        assert re.findall(r'id="open-([^"]+)"', page)[0] == office.ids[0]
        assert "Approbation refusée" in text_of(page) and "Déjà payée en mai" in page
    office.submit(0)
    assert "Approbation refusée" not in text_of(clerk.get("/relecture").text)
    assert [task.state for task in office.tasks()] == ["done", "open"]


# --- the page ---


def test_the_page_says_how_much_to_whom_until_when_why_me_and_what_was_checked(office):
    office.due(0, 12)
    office.submit(0)
    page = text_of(office.anne().get("/approbations/1").text)
    for words in (
        "1 234,56 €",
        "Imprimerie des Quais",
        "dans 12 jours",
        "vous avez le rôle",
        "un seul palier",
        "Image de travail, non probante",
    ):
        assert words.lower() in page.lower().replace("\u202f", " ").replace("\u00a0", " ").replace("\u2009", " "), words


def test_a_credit_note_is_weighed_without_its_sign_and_the_page_says_so(office):
    office.submit(0)
    with office.workstation.database.writing() as session:
        task = session.get_one(Task, 1)
        task.why = {"code": "from", "amount": "-3120.69", "currency": "EUR", "least": "500.00", "below": "", "two": False}
    page = text_of(office.anne().get("/approbations/1").text)
    assert "avoir, compté sans son signe" in page and "-3" not in page.partition("avoir, compté")[0][-40:]


def test_what_was_read_as_a_credit_note_is_called_one_reduces_what_is_owed_and_has_no_day(office):
    with office.workstation.database.writing() as session:
        session.add(FieldRow(document_id=office.ids[0], name="document_type_code", source="read", value="381", confidence=0.99))
    office.submit(0)
    page = text_of(office.anne().get("/approbations/1").text)
    assert "· avoir" in page
    assert re.search(r"[-−]\s?1.234,56.€", page)
    assert "il diminue ce que nous devons" in page and "à payer le" not in page.lower()


def test_a_decision_opens_the_next_one_the_most_urgent_first(office):
    office.due(2, 1)
    office.submit(0, 1, 2)
    anne = office.anne()
    listed = re.findall(r'id="task-(\d)"', anne.get("/approbations").text)
    assert listed == ["3", "1", "2"]
    sent = anne.post("/approbations/1", data={"choice": "approve", **form_of(anne.get("/approbations/1").text)})
    assert (sent.status_code, sent.headers["location"]) == (303, "/approbations/3")
    assert "Approuvée" in text_of(anne.get("/approbations/3").text)


def test_who_comes_second_is_told_who_was_faster(office):
    office.submit(0)
    anne, other = office.anne(), office.browser()
    form = form_of(other.get("/approbations/1").text)
    anne.post("/approbations/1", data={"choice": "refuse", "reason": "Double", **form})
    answer = other.post("/approbations/1", data={"choice": "approve", **form})
    assert answer.status_code == 409
    assert "Refusée par Anne Le Bihan" in text_of(answer.text)
    assert office.tasks()[0].decision == "refused"


def test_values_that_changed_are_not_approved_and_the_page_leads_to_the_new_request(office):
    office.submit(0)
    anne = office.anne()
    form = form_of(anne.get("/approbations/1").text)
    with office.workstation.database.writing() as session:
        clerk = people.find(session, "atelier")
        learning.say_value(session, office.workstation, office.ids[0], "total_gross", learning.parse_typed("total_gross", "9999,99"), clerk)
    answer = anne.post("/approbations/1", data={"choice": "approve", **form})
    assert (answer.status_code, 'href="/approbations/2"' in answer.text) == (409, True)
    assert "(changé : montant)" in text_of(answer.text).replace("\u00a0", " ")
    assert "9 999,99" in text_of(anne.get("/approbations/2").text).replace("\u202f", " ")


def test_a_refusal_without_its_reason_is_sent_back_and_decides_nothing(office):
    office.submit(0)
    anne = office.anne()
    answer = anne.post("/approbations/1", data={"choice": "refuse", "reason": " ", **form_of(anne.get("/approbations/1").text)})
    assert (answer.status_code, office.tasks()[0].state) == (422, "open")


def test_who_reviewed_it_reads_why_it_takes_another_and_finds_no_button(office):
    office.submit(0)
    clerk = office.browser("atelier")
    page = clerk.get("/approbations/1").text
    assert "une autre personne doit approuver" in text_of(page)
    assert 'id="approve"' not in page
    assert re.findall(r'id="task-(\d)"', clerk.get("/approbations").text) == []
    assert re.findall(r'id="task-(\d)"', clerk.get("/approbations?vue=equipe").text) == ["1"]


def test_the_team_is_told_what_waits_for_nobody(office):
    office.submit(0)
    with office.workstation.database.writing() as session:
        session.execute(sa.update(Person).where(Person.login.in_(("anne", "responsable", "approbation"))).values(ended_at=NOON))
    assert "Personne ne peut décider" in text_of(office.browser("atelier").get("/approbations?vue=equipe").text)


def test_a_question_is_answered_on_its_own_page(office):
    office.submit(0)
    anne, clerk = office.anne(), office.browser("atelier")
    form = form_of(anne.get("/approbations/1").text)
    anne.post("/approbations/1", data={"choice": "ask", "to": "atelier", "reason": "Commandé par qui ?", **form})
    page = clerk.get("/approbations/2").text
    assert "« Commandé par qui ?" in text_of(page).replace("\u202f", " ")
    assert clerk.post("/approbations/2", data={"choice": "answer", "reason": "Par l'atelier", "revision": "0"}).status_code == 303
    assert "Par l&#39;atelier" in anne.get("/approbations/1").text


@pytest.mark.parametrize("gone", ["/approbations/77", "/approbations/77/page/1.jpg"])
def test_a_request_that_is_gone_is_no_error_without_words(office, gone):
    answer = office.anne().get(gone)
    assert answer.status_code == 404
    assert "Rien n’est perdu" in text_of(answer.text) or gone.endswith("jpg")


def test_another_companys_request_is_as_good_as_none(office):
    office.submit(0)
    with office.workstation.database.writing() as session:
        session.execute(sa.update(Task).values(entity="autre"))
    anne = office.anne()
    assert [anne.get(f"/approbations/1{rest}").status_code for rest in ("", "/page/1.jpg")] == [404, 404]
    assert anne.post("/approbations/1", data={"choice": "approve", "revision": "0"}).status_code == 404


def test_the_light_image_never_weighs_more_than_it_may(tmp_path):
    noise = Image.effect_noise((1400, 2000), 90).convert("RGB")
    noise.save(tmp_path / "heavy.jpg", quality=95)
    data = approvals.light_jpeg(tmp_path / "heavy.jpg")
    assert len(data) <= 200_000 < (tmp_path / "heavy.jpg").stat().st_size
    assert Image.open(io.BytesIO(data)).format == "JPEG"


def test_who_opened_it_is_noted_by_the_document(office):
    office.submit(0)
    browser = office.anne()
    browser.get("/approbations/1")
    readings: Notebook = browser.app.state.readings
    readings.flush()
    with office.workstation.database.reading() as session:
        assert session.scalar(sa.select(Access.object).where(Access.act == "seen")) == office.ids[0]


# --- e-mails ---


@pytest.fixture
def post(office) -> Iterator[mailserver.Mailbox]:
    with mailserver.open_mailbox() as box:
        server = OutgoingMail(host="127.0.0.1", port=box.port, tls="none", sender="sceau@exemple.fr")
        settings = office.workstation.settings
        changed = {"mail": server, "server": Server(address="http://127.0.0.1:8080")}
        office.workstation = replace(office.workstation, settings=settings.model_copy(update=changed))
        yield box


def told(message) -> str:
    return message.get_content().replace("\r\n", "\n").replace("\u202f", " ")


def deliver(office: Office) -> None:
    outbox.deliver_due(office.workstation, {mail.KIND: mail.deliver_mail})


def test_each_person_asked_gets_one_e_mail_with_the_link_and_without_the_invoice(office, post):
    office.submit(0)
    office.submit(0)
    deliver(office)
    (message,) = post.messages
    body = told(message)
    assert (message["To"], message.is_multipart()) == ("anne@exemple.fr", False)
    for words in ("Imprimerie des Quais", "1 234,56 €", "F-2026-0417", "http://127.0.0.1:8080/approbations/1\n"):
        assert words in body


def test_who_reviewed_it_is_told_of_a_refusal_by_e_mail(office, post):
    with office.workstation.database.writing() as session:
        people.find(session, "atelier").email = "atelier@exemple.fr"
    office.submit(0)
    anne = office.anne()
    refusal = {"choice": "refuse", "reason": "Déjà payée en mai", **form_of(anne.get("/approbations/1").text)}
    anne.post("/approbations/1", data=refusal)
    deliver(office)
    (letter,) = [each for each in post.messages if "Refus" in each["subject"]]
    assert f"/relecture/{office.ids[0]}" in letter.get_content() and "Déjà payée en mai" in letter.get_content()


def test_the_link_leads_through_signing_in_to_the_page(office, post):
    office.submit(0)
    deliver(office)
    link = re.search(r"http://127.0.0.1:8080(/\S+)", told(post.messages[0]))[1]
    browser = visitor(office.workstation)
    door = browser.get(link)
    assert unquote(door.headers["location"]) == f"/sign-in?next={link}"
    entered = browser.post("/sign-in", data={"login": "anne", "password": WORD, "next": link})
    assert entered.headers["location"] == link
    assert browser.get(link).status_code == 200


def test_a_question_and_its_answer_go_by_e_mail_in_the_language_of_who_gets_them(office, post):
    office.submit(0)
    anne = office.anne()
    anne.post("/language", data={"language": "en"})
    form = form_of(anne.get("/approbations/1").text)
    anne.post("/approbations/1", data={"choice": "ask", "to": "atelier", "reason": "Who ordered it?", **form})
    office.browser("atelier").post("/approbations/2", data={"choice": "answer", "reason": "L'atelier", "revision": "0"})
    deliver(office)
    answer = next(message for message in post.messages if message["Subject"].startswith("Answer"))
    assert "“Who ordered it?”" in told(answer)
    assert told(answer).count("http://127.0.0.1:8080/approbations/1\n") == 1


def test_without_a_mail_server_nothing_is_written_and_the_page_says_so(office):
    office.submit(0)
    with office.workstation.database.reading() as session:
        assert session.scalars(sa.select(OutboxRow)).all() == []
    assert "Aucun courriel ne part" in text_of(office.anne().get("/approbations").text)


# --- a telephone ---


@pytest.fixture
def telephone(office, chromium: Browser) -> Iterator[tuple[Page, str]]:  # noqa: F811 pytest's way
    office.due(1, 5)
    office.submit(0, 1)
    with serving(office.workstation) as address:
        page = chromium.new_page(viewport={"width": 360, "height": 740}, locale="fr-FR", reduced_motion="reduce")
        page.goto(f"{address}/approbations/1")
        page.fill("#login", "anne")
        page.fill("#password", WORD)
        page.press("#password", "Enter")
        page.wait_for_url(f"{address}/approbations/1")
        yield page, address
        page.close()


def press_until(page: Page, wanted: str, most: int = 40) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == wanted:
            return
    raise AssertionError(f"the keyboard does not come to #{wanted}")


@needs_chromium
def test_on_a_telephone_by_keyboard_one_is_refused_with_its_reason_and_the_next_one_approved(office, telephone):
    page, address = telephone
    assert too_wide(page) <= 0
    assert barriers(page) == []
    press_until(page, "refuse-open")
    page.keyboard.press("Enter")
    press_until(page, "refuse-reason")
    page.keyboard.type("Pas commandé")
    press_until(page, "refuse")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/approbations/2")
    expect(page.locator("#due")).to_contain_text("dans 5 jours")
    press_until(page, "approve")
    assert page.locator("#approve").bounding_box()["height"] >= 44
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/approbations")
    assert (too_wide(page), barriers(page)) == (0, [])
    assert [(task.decision, task.reason) for task in office.tasks()] == [("refused", "Pas commandé"), ("approved", None)]
