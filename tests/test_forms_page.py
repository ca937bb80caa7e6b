"""The desk's pages of circuits: what waits for me, a form with its fields, why a document is where it is."""

import hashlib
import html
import re
from dataclasses import replace

import pytest
import webhome
from argon2 import PasswordHasher
from test_circuits_at_work import House, other, outside  # noqa: F401 a fixture
from test_circuits_at_work import house as _house
from test_web import visitor

from station.records import people

WORD = "une phrase assez longue"
house = _house


@pytest.fixture
def desk(house, monkeypatch):
    monkeypatch.setattr(people, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    with house.workstation.database.writing() as session:
        for login in ("clara", "marc", "carole"):
            people.set_password(session, login, WORD)

    def browser(login: str):
        found = visitor(house.workstation)
        assert found.post("/sign-in", data={"login": login, "password": WORD}).status_code == 303
        return found

    house.browser = browser
    return house


def form_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(revision)" value="(\d+)">', page))


def test_a_held_scan_stands_in_the_mailroom_s_list_and_is_answered_there(desk):
    document = webhome.held(desk.workstation, "copieur.jpg", webhome.PAPERS[2])
    marc = desk.browser("marc")
    listed = marc.get("/formulaires").text
    assert "Renumériser copieur.jpg" in listed and "À moi de faire</a>" not in listed
    number = re.search(r'id="form-(\d+)"', listed)[1]
    page = marc.get(f"/formulaires/{number}").text
    assert 'id="answer-fait"' in page and f"/documents/{document}/circuits" in page
    clara = desk.browser("clara")
    assert "demandée à quelqu&#39;un d&#39;autre" in clara.get(f"/formulaires/{number}").text
    assert marc.post(f"/formulaires/{number}", data={"answer": "fait", **form_of(page)}).status_code == 303
    assert marc.post(f"/formulaires/{number}", data={"answer": "fait", **form_of(page)}).status_code == 409
    assert "Renumériser copieur.jpg" in marc.get("/formulaires?vue=faites").text


def test_what_a_field_cannot_be_is_said_and_what_was_typed_stays(desk):
    document = desk.invoice()
    desk.submit(document)
    from station import tasks

    desk.decide(document, tasks.send_back, "anne", "Quel service ?")
    (check,) = desk.asked(document)
    desk.answer(check, "clara", "refuser")
    (form,) = desk.asked(document)
    with desk.workstation.database.writing() as session:
        people.set_password(session, "anne", WORD)
    anne = desk.browser("anne")
    page = anne.get(f"/formulaires/{form.id}").text
    assert 'name="champ-motif_refus"' in page and "Le fournisseur lira ce texte." in page
    sent = {"answer": "refuser", "champ-motif_refus": "", "champ-courriel_fournisseur": "a@exemple.fr", **form_of(page)}
    answer = anne.post(f"/formulaires/{form.id}", data=sent)
    assert answer.status_code == 422 and "à remplir" in answer.text and 'value="a@exemple.fr"' in answer.text
    assert anne.post(f"/formulaires/{form.id}", data={**sent, "champ-motif_refus": "Non commandé"}).status_code == 303


def test_why_tells_each_line_and_the_smallest_change(desk):
    document = desk.invoice("6000.00")
    desk.submit(document)
    clara = desk.browser("clara")
    page = clara.get(f"/documents/{document}/circuits").text
    assert (
        "Ligne A5 : appliquée" in page
        and "Elle s&#39;appliquerait si" in page
        and "5 000,00" in page.replace("\u202f", " ").replace("\xa0", " ")
    )
    told = clara.get(f"/documents/{document}").text
    assert "En est à" in told
    assert "Facture dans un nouvel état" in told and "in review" not in told


def test_a_rule_s_version_bears_one_hash_on_the_approval_page_and_in_why(desk):
    document = desk.invoice()
    desk.submit(document)
    with desk.workstation.database.writing() as session:
        people.set_password(session, "anne", WORD)
    anne, clara = desk.browser("anne"), desk.browser("clara")
    shown = re.search(r"empreinte ([0-9a-f]{12})", anne.get(f"/approbations/{desk.approval(document).id}").text)[1]
    why = clara.get(f"/documents/{document}/circuits").text
    assert re.search(r"Circuit « Facture de fournisseur »[^<]*empreinte ([0-9a-f]+)", re.sub(r"[\xa0\u202f]", " ", why))[1] == shown
    prints = {
        "facture-fournisseur.circuit": shown,
        "approbation-fournisseurs.regles": _print_of("Règles « approbation-fournisseurs »", why),
    }
    for file, told in prints.items():
        page = clara.get(f"/regles/{file}/versions/1").text
        text = html.unescape(re.search(r"<pre[^>]*><code>(.*?)</code>", page, re.DOTALL)[1])
        assert hashlib.sha256(text.encode()).hexdigest()[:12] == told
        assert page.index(told) < page.index("Empreinte du sens")
    assert "Approuver 1 234,56" in re.sub(r"[\xa0\u202f]", " ", anne.get(f"/approbations/{desk.approval(document).id}").text)


def _print_of(named: str, page: str) -> str:
    return re.search(named + r", version 1, empreinte ([0-9a-f]{12})", re.sub(r"[\xa0\u202f]", " ", page))[1]


def test_a_task_shows_what_the_checks_found(desk):
    webhome.held(desk.workstation, "copieur.jpg", webhome.PAPERS[2])
    desk.turn()
    (task,) = desk.asked()
    page = desk.browser("marc").get(f"/formulaires/{task.id}").text
    assert "Bloquant" in page and "n’ont rien relevé" not in page


def test_a_form_s_button_fills_its_fields_and_stays_on_the_page(desk, request):
    outside_house = request.getfixturevalue("outside")
    document = other(outside_house)
    clara = desk.browser("clara")
    (form,) = outside_house.asked(document)
    page = clara.get(f"/formulaires/{form.id}").text
    sent = {"answer": "calculer", "champ-depart": "2026-11-20", "champ-jours": "3", "champ-echeance_voulue": "", **form_of(page)}
    answer = clara.post(f"/formulaires/{form.id}", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/formulaires/{form.id}")
    assert 'value="2026-11-25"' in clara.get(f"/formulaires/{form.id}").text
    wrong = clara.post(f"/formulaires/{form.id}", data={**sent, "champ-jours": "beaucoup"})
    assert wrong.status_code == 422 and "Jours" in wrong.text and 'value="beaucoup"' in wrong.text


def test_another_company_s_task_is_as_good_as_none(desk):
    webhome.held(desk.workstation, "copieur.jpg", webhome.PAPERS[2])
    desk.turn()
    (task,) = desk.asked()
    settings = desk.workstation.settings.model_copy(update={"entity": "autre"})
    desk.workstation = replace(desk.workstation, settings=settings)
    marc = desk.browser("marc")
    assert marc.get(f"/formulaires/{task.id}").status_code == 404
    assert marc.post(f"/formulaires/{task.id}", data={"answer": "fait", "revision": "0"}).status_code == 404


def test_the_letter_that_an_answer_sends_is_shown_before(desk):
    house: House = desk
    document = house.invoice()
    text = """
circuit: lettre
titre: Lettre
vocabulaire:
  numero: {libelle: Numéro, type: texte}
  nature: {libelle: Nature, type: liste, choix: {facture: facture, avoir: avoir, autre: autre}}
lancement: [{quand: document, si: {nature: autre}}]
debut: demander
etapes:
  demander:
    activite: tache
    titre: Demander
    objet: Écrire ?
    pour: {role: clerk}
    reponses: {ecrire: {libelle: Écrire, vers: lettre}, laisser: {libelle: Laisser, vers: fini}}
  lettre: {activite: courriel, titre: Lettre, a: a@exemple.fr, objet: "Facture {{ numero }}", texte: "Bonjour, {{ numero }}.", vers: fini}
  fini: {activite: fin, titre: Fini, issue: fini}
"""
    house.turn()
    house.activate(text, circuit=True)
    other(house)
    (task,) = [each for each in house.asked() if each.step == "demander"]
    page = house.browser("clara").get(f"/formulaires/{task.id}").text
    assert 'id="letter-ecrire"' in page and "Bonjour, 2026/318." in page and document
