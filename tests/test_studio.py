"""The studio: drafts, trials, replays, and rules put in force by a second person. Real rows, and the pages over HTTP on loopback."""

import html
import json
import re
from contextlib import nullcontext
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from studiohome import AMOUNTS, FILE, NAME, decided, decided_many, open_studio, with_threshold
from test_web import text_of as words_of
from typer.testing import CliRunner
from walked import signed_in
from webhome import NOON, PAPERS, sealed

from station import cli, replay, rule_versions, studio
from station.beside import beside
from station.facts import facts_of
from station.records import circuits as records
from station.records import people
from station.records.tables import Delegation, Document, LedgerPayload, Person, RuleRequest, RuleVersion
from station.replay import CIRCUIT, RULES, Period, replay_text
from station.studio import File, NotOffered
from station.web.studio import show_replay
from station.web.words import words_in
from workflow.rules import load_rules

PERIOD = Period(NOON.date() - timedelta(days=2), NOON.date())
APPROVAL = File(RULES, NAME)


@pytest.fixture
def home(tmp_path):
    workstation = open_studio(tmp_path)
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    yield workstation
    workstation.database.close()


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """For what only reads."""
    workstation = open_studio(tmp_path_factory.mktemp("studio"))
    with workstation.database.writing() as session:
        people.ensure_practice(session)
    yield workstation
    workstation.database.close()


def text_in_force(workstation, name=NAME, table=RuleVersion):
    with workstation.database.reading() as session:
        return records.in_force(session, table, workstation.settings.entity)[name].text


def replayed(workstation, text, kind=RULES, name=NAME, before=None):
    with workstation.database.reading() as session:
        table = studio.TABLES[kind]
        before = before or records.in_force(session, table, workstation.settings.entity)[name].text
        return replay_text(workstation, session, workstation.settings.entity, kind, name, (before, text), PERIOD)


def asked(workstation, text, login=people.PRACTICE_LOGIN, reason="Le seuil suit les achats"):
    """The number of a request, after a replay, by one person."""
    entity = workstation.settings.entity
    result = replayed(workstation, text)
    with workstation.database.writing() as session:
        person = session.get_one(Person, login)
        active = studio.active_version(session, entity, APPROVAL)
        shas = (active.sha256, studio.digest(text))
        row = replay.store_replay(session, entity, RULES, NAME, shas, result, person.pseudonym, workstation.clock())
        return studio.ask_activation(session, workstation, entity, APPROVAL, text, row, reason, person).id


def activated(workstation, number, login=people.SECOND_LOGIN):
    with workstation.database.writing() as session:
        return studio.activate(session, workstation, session.get_one(RuleRequest, number), session.get_one(Person, login)).number


# --- replay ---


def test_unchanged_rules_change_nothing(still):
    result = replayed(still, text_in_force(still))
    assert (result.seen, result.changed, result.turns) == (len(AMOUNTS), 0, ())


def test_a_changed_threshold_names_the_invoices_that_would_go_another_way_and_their_amount(still):
    result = replayed(still, with_threshold(text_in_force(still)))
    assert (result.changed, result.amount) == (2, Decimal("12546.00"))
    assert [turn.amount for turn in result.turns] == [Decimal("7200.00"), Decimal("5346.00")]
    assert result.turns[0].where == "qui-approuve"
    assert "deux personnes" in result.turns[0].before
    assert "une personne" in result.turns[0].after


def test_another_line_with_the_same_result_is_no_other_way(still):
    text = text_in_force(still)
    assert replayed(still, text.replace("| A5 |", "| B5 |").replace("ligne: A5", "ligne: B5")).changed == 0


def test_a_decision_that_would_no_longer_be_taken_is_told(still):
    text = re.sub(r"\n      \| A5 [^\n]*", "", text_in_force(still)).replace(
        "  - titre: Un centime de plus\n    table: qui-approuve\n    avec: {montant_ttc: 5000.01, fournisseur: connu, commande: vide}\n"
        "    attendu: {ligne: A5, voie: double}\n",
        "",
    )
    assert load_rules(text).rules is not None
    result = replayed(still, text)
    assert (result.changed, result.refused) == (3, 3)
    assert result.turns[0].after.startswith("pas de décision")


def test_documents_outside_the_period_are_not_replayed(still):
    with still.database.reading() as session:
        past = replay.decided_before(session, still.settings.entity, NAME, Period(date(2026, 1, 1), date(2026, 1, 31)))
    assert past == []


def test_other_companies_decisions_are_not_replayed(still):
    with still.database.reading() as session:
        assert replay.decided_before(session, "autre", NAME, PERIOD) == []


def test_a_circuit_is_replayed_up_to_where_somebody_is_waited_for(still):
    name = "facture-fournisseur"
    text = text_in_force(still, name, studio.TABLES[CIRCUIT])
    assert replayed(still, text, CIRCUIT, name).changed == 0
    turned = text.replace("{si: {voie: simple}, vers: approbation}", "{si: {voie: simple}, vers: approbation-double}")
    with still.database.reading() as session:
        said = studio.check_text(session, still.settings, still.settings.entity, File(CIRCUIT, name), turned)
    assert not said.holds  # « approbation » would never be reached
    other = text.replace("- {si: {voie: simple}, vers: approbation}\n      - {si: {voie: double}, vers: approbation-double}",
                         "- {si: {voie: simple}, vers: approbation-double}\n      - {si: {voie: double}, vers: approbation}")  # fmt: skip
    result = replayed(still, other, CIRCUIT, name)
    assert result.changed == len(AMOUNTS)
    assert {(turn.before, turn.after) for turn in result.turns} == {
        ("attend à « Approbation »", "attend à « Approbation à deux »"),
        ("attend à « Approbation à deux »", "attend à « Approbation »"),
    }


def test_of_thousands_that_are_replayed_all_count_and_the_first_are_kept(tmp_path):
    home = open_studio(tmp_path, ())
    decided_many(home, 5000)
    result = replayed(home, with_threshold(text_in_force(home)))
    assert (result.seen, result.changed) == (5000, 1667)
    assert len(result.turns) == replay.KEPT
    home.database.close()


def test_a_result_is_read_back_as_it_was_kept(home):
    result = replayed(home, with_threshold(text_in_force(home)))
    with home.database.writing() as session:
        row = replay.store_replay(session, home.settings.entity, RULES, NAME, ("a", "b"), result, "p", NOON)
        session.expire(row)
        assert replay.result_of(row) == result


def test_what_a_kept_replay_says_of_a_document_goes_with_it(home):
    result = replayed(home, with_threshold(text_in_force(home)))
    gone, stays = (turn.key for turn in result.turns)
    with home.database.writing() as session:
        row = replay.store_replay(session, home.settings.entity, RULES, NAME, ("a", "b"), result, "p", NOON)
        replay.forget_documents(session, (gone,))
        assert [turn.key for turn in replay.result_of(row).turns] == [stays]
        assert replay.result_of(row).changed == 2


def test_of_a_confidential_document_a_replay_shows_that_it_changes_and_nothing_else(home):
    result = replayed(home, with_threshold(text_in_force(home)))
    with home.database.writing() as session:
        session.get_one(Document, result.turns[0].key).confidential = True
        row = replay.store_replay(session, home.settings.entity, RULES, NAME, ("a", "b"), result, "p", NOON)
        told = show_replay(session, row, words_in("fr"))
    assert told.turns[0] == ("", "document non montré", "", "", "", False)
    assert told.turns[1][2] != ""


@pytest.fixture
def undecided(tmp_path):
    """Sealed documents of before there were circuits."""
    workstation = open_studio(tmp_path, ())
    for number in range(3):
        sealed(workstation, f"ancienne-{number}.tif", PAPERS[number])
    yield workstation
    workstation.database.close()


def test_documents_that_no_circuit_decided_are_replayed_with_as_many_questions_as_one(undecided, monkeypatch):
    text, asked, counts = text_in_force(undecided), [], []
    with undecided.database.reading() as session:
        sa.event.listen(session.get_bind(), "before_cursor_execute", lambda *told: asked.append(told[2]))
    for most in (1, 1, 3):
        monkeypatch.setattr(replay, "OLDER", most)
        asked.clear()
        result = replayed(undecided, text)
        assert (result.older, result.left) == (most, 3 - most)
        counts.append(len(asked))
    assert counts[1] == counts[2]


def test_what_is_known_of_a_lot_is_what_is_known_of_each(undecided):
    with undecided.database.reading() as session:
        lot = session.scalars(sa.select(Document)).all()
        known = beside(session, undecided.settings, undecided.settings.entity, lot)
        facts = [facts_of(session, undecided, each, known) for each in lot]
        assert facts == [facts_of(session, undecided, each) for each in lot]
        assert len({str(each["nom_fournisseur"]) for each in facts}) == 3


# --- drafts ---


def test_a_draft_is_its_writers_alone_and_changes_nothing_in_force(home):
    entity = home.settings.entity
    with home.database.writing() as session:
        one, other = (session.get_one(Person, login) for login in (people.PRACTICE_LOGIN, people.SECOND_LOGIN))
        before = studio.active_version(session, entity, APPROVAL)
        studio.save_draft(session, entity, APPROVAL, one, "n'importe quoi", before.sha256, NOON)
        assert studio.find_draft(session, entity, APPROVAL, other.pseudonym) is None
        assert studio.active_version(session, entity, APPROVAL).sha256 == before.sha256


def test_a_draft_changed_elsewhere_meanwhile_is_not_written_over(home):
    entity = home.settings.entity
    with home.database.writing() as session:
        person = session.get_one(Person, people.PRACTICE_LOGIN)
        seen = studio.active_version(session, entity, APPROVAL).sha256
        studio.save_draft(session, entity, APPROVAL, person, "un", seen, NOON)
        with pytest.raises(NotOffered, match="moved"):
            studio.save_draft(session, entity, APPROVAL, person, "deux", seen, NOON)


def test_rules_under_another_name_and_rules_that_break_a_circuit_are_refused(still):
    text, entity = text_in_force(still), still.settings.entity
    with still.database.reading() as session:
        renamed = studio.check_text(session, still.settings, entity, APPROVAL, text.replace(f"regles: {NAME}", "regles: autre"))
        broken = studio.check_text(session, still.settings, entity, APPROVAL, text.replace("double", "deux"))
    assert not renamed.holds
    assert "doit rester" in renamed.flaws[-1].message
    assert not broken.holds
    assert "facture-fournisseur" in broken.flaws[-1].message


# --- activation ---


def test_a_second_person_puts_a_version_in_force_and_each_act_is_in_the_ledger(home):
    text = with_threshold(text_in_force(home))
    number = asked(home, text)
    assert text_in_force(home) != text
    assert activated(home, number) == 2
    assert text_in_force(home) == text
    with home.database.reading() as session:
        bodies = [row.body.decode() for row in session.scalars(sa.select(LedgerPayload).where(LedgerPayload.type == "rules"))]
        versions = studio.versions_of(session, home.settings.entity, APPROVAL)
    assert any('"asked"' in body and '"changed":2' in body and '"amount":"12546.00"' in body for body in bodies)
    assert any('"activated"' in body for body in bodies)
    assert [row.ended_at is None for row in versions] == [True, False]


def test_who_asked_does_not_activate_and_neither_does_their_deputy(home):
    number = asked(home, with_threshold(text_in_force(home)))
    with pytest.raises(NotOffered, match="same-person"):
        activated(home, number, people.PRACTICE_LOGIN)
    with home.database.writing() as session:
        giver, taker = (session.get_one(Person, login).pseudonym for login in (people.PRACTICE_LOGIN, people.SECOND_LOGIN))
        today = home.clock().date()
        row = Delegation(giver=giver, taker=taker, role="clerk", starts=today.isoformat(), ends=today.isoformat(), given_at=home.clock())
        session.add(row)
    with pytest.raises(NotOffered, match="same-person"):
        activated(home, number)


def test_nothing_is_asked_without_a_replay_of_this_very_text_against_what_is_in_force(home):
    text, entity = with_threshold(text_in_force(home)), home.settings.entity
    with home.database.writing() as session:
        person = session.get_one(Person, people.PRACTICE_LOGIN)
        active = studio.active_version(session, entity, APPROVAL)
        result = replayed(home, text)
        other = replay.store_replay(session, entity, RULES, NAME, (active.sha256, "0" * 64), result, "p", NOON)
        older = replay.store_replay(session, entity, RULES, NAME, ("0" * 64, studio.digest(text)), result, "p", NOON)
        for row in (other, older):
            assert studio.bar_to_ask(session, home.settings, entity, APPROVAL, text, row) == "stale"
        with pytest.raises(NotOffered, match="stale"):
            studio.ask_activation(session, home, entity, APPROVAL, text, other, "motif", person)


def test_a_request_asked_before_another_version_came_into_force_is_replayed_again_first(home):
    first = asked(home, with_threshold(text_in_force(home)))
    with home.database.writing() as session:
        row = records.in_force(session, RuleVersion, home.settings.entity)[NAME]
        written = rule_versions.write_version(
            session,
            home,
            home.settings.entity,
            with_threshold(row.text, "9000"),
            session.get_one(Person, people.PRACTICE_LOGIN),
            circuit=False,
        )
        assert rule_versions.activate_version(session, home, written.row, session.get_one(Person, people.SECOND_LOGIN)) == ""
    with pytest.raises(NotOffered, match="stale"):
        activated(home, first)


def test_going_back_is_a_new_version_with_the_older_text(home):
    shipped = text_in_force(home)
    activated(home, asked(home, with_threshold(shipped)))
    assert activated(home, asked(home, shipped, reason="Retour")) == 3
    assert text_in_force(home) == shipped
    with home.database.reading() as session:
        assert studio.versions_of(session, home.settings.entity, APPROVAL)[0].sha256 == studio.digest(shipped)


def test_a_refusal_and_a_withdrawal_leave_everything_as_it_was(home):
    before = text_in_force(home)
    first = asked(home, with_threshold(before))
    with home.database.writing() as session:
        row, second = session.get_one(RuleRequest, first), session.get_one(Person, people.SECOND_LOGIN)
        with pytest.raises(ValueError, match="reason"):
            studio.refuse(session, row, " ", second, NOON)
        studio.refuse(session, row, "Trop haut", second, home.clock())
    number = asked(home, with_threshold(before, "9000"))
    with home.database.writing() as session:
        row = session.get_one(RuleRequest, number)
        with pytest.raises(NotOffered, match="other"):
            studio.withdraw(session, row, session.get_one(Person, people.SECOND_LOGIN), NOON)
        studio.withdraw(session, row, session.get_one(Person, people.PRACTICE_LOGIN), home.clock())
    assert text_in_force(home) == before
    with pytest.raises(NotOffered, match="decided"):
        activated(home, first)


# --- the pages ---


@pytest.fixture
def clerk(home):
    return signed_in(home, people.PRACTICE_LOGIN, people.PRACTICE_PASSWORD)


def text_of(page):
    """What a reader sees, with plain spaces and signs."""
    return html.unescape(words_of(page)).replace("\u00a0", " ").replace("\u202f", " ").replace("’", "'")


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def field_with(page, value):
    return re.search(rf'name="([cw]-[^"]+)" value="{re.escape(value)}"', page)[1]


def test_the_list_names_each_file_and_what_is_in_force(clerk):
    page = text_of(clerk.get("/regles").text)
    assert "Approbation des factures de fournisseurs" in page
    assert "Facture de fournisseur" in page
    assert "version 1, en vigueur depuis le" in page


def test_a_cell_is_changed_replayed_asked_and_put_in_force_by_somebody_else(home, clerk):
    page = clerk.get(f"/regles/{FILE}").text
    cells = {field_with(page, "]500..5000]"): "]500..8000]", field_with(page, "&gt; 5000"): "> 8000"}
    words = {field_with(page, "5000,01"): "8 000,01", field_with(page, "5000,00"): "8000.00"}
    assert clerk.post(f"/regles/{FILE}", data={"seen": hidden(page, "seen"), **cells, **words}).status_code == 303
    page = clerk.get(f"/regles/{FILE}").text
    assert "ligne A5, Montant TTC" in text_of(page)
    days = {"first": PERIOD.first.isoformat(), "last": PERIOD.last.isoformat()}
    told = clerk.get(clerk.post(f"/regles/{FILE}/rejeu", data=days).headers["location"]).text
    assert "2 documents changent de circuit, pour 12 546,00 €" in text_of(told)
    assert re.search(r'href="/documents/[^"]+"', told)
    assert 'href="#ask"' in told
    address = re.search(r'href="(/regles/[^"]+/rejeu/\d+)#ask"', clerk.get(f"/regles/{FILE}").text)
    assert address
    assert 'id="ask"' in clerk.get(address[1]).text
    data = {"replayed": hidden(told, "replayed"), "reason": "Le seuil suit les achats"}
    assert clerk.post(f"/regles/{FILE}/demander", data=data).status_code == 303
    page = clerk.get(f"/regles/{FILE}").text
    assert "une autre personne doit décider" in text_of(page)
    assert 'value="activate"' not in page
    second = signed_in(home, people.SECOND_LOGIN, people.PRACTICE_PASSWORD)
    page = second.get(f"/regles/{FILE}").text
    assert second.post(f"/regles/{FILE}/decider", data={"request": hidden(page, "request"), "choice": "activate"}).status_code == 303
    assert "]500..8000]" in text_in_force(home)
    assert "version 2, en vigueur" in text_of(second.get(f"/regles/{FILE}").text)


def test_the_grid_takes_and_shows_the_decimal_comma_and_the_file_keeps_the_point(home, clerk):
    page = clerk.get(f"/regles/{FILE}").text
    cells = {field_with(page, "]500..5000]"): "]700,50..5 000,00]", field_with(page, "&gt; 5000"): "> 5000,00"}
    clerk.post(f"/regles/{FILE}", data={"seen": hidden(page, "seen"), **cells})
    page = clerk.get(f"/regles/{FILE}").text
    assert field_with(page, "]700,50..5000,00]") in cells
    assert "]700.50..5000.00]" in page
    assert "n&#39;est pas un test valable" not in page


def test_a_new_table_is_begun_tried_asked_and_put_in_force_by_somebody_else(home, clerk):
    wrong = clerk.post("/regles", data={"kind": "regles", "name": "Frais généraux", "like": NAME})
    assert (wrong.status_code, "Ce nom ne convient pas" in text_of(wrong.text)) == (422, True)
    assert clerk.post("/regles", data={"kind": "regles", "name": NAME, "like": NAME}).status_code == 422
    begun = clerk.post("/regles", data={"kind": "regles", "name": "frais-generaux", "like": NAME})
    assert begun.headers["location"] == "/regles/frais-generaux.regles"
    second = signed_in(home, people.SECOND_LOGIN, people.PRACTICE_PASSWORD)
    assert second.get("/regles/frais-generaux.regles").status_code == 404
    days = {"first": PERIOD.first.isoformat(), "last": PERIOD.last.isoformat()}
    told = clerk.get(clerk.post("/regles/frais-generaux.regles/rejeu", data=days).headers["location"]).text
    data = {"replayed": hidden(told, "replayed"), "reason": "Les frais ont leur table"}
    assert clerk.post("/regles/frais-generaux.regles/demander", data=data).status_code == 303
    page = second.get("/regles/frais-generaux.regles").text
    data = {"request": hidden(page, "request"), "choice": "activate"}
    assert second.post("/regles/frais-generaux.regles/decider", data=data).status_code == 303
    assert "version 1, en vigueur" in text_of(second.get("/regles/frais-generaux.regles").text)


def test_a_wrong_cell_is_kept_and_told_in_its_place_with_a_suggestion(clerk):
    page = clerk.get(f"/regles/{FILE}").text
    name = field_with(page, "]500..5000]")
    clerk.post(f"/regles/{FILE}", data={"seen": hidden(page, "seen"), name: "> cinq"})
    page = clerk.get(f"/regles/{FILE}").text
    assert f'id="{name}-flaw"' in page
    assert re.search(rf'value="&gt; cinq"[^>]*aria-invalid="true" aria-describedby="{name}-flaw"', page)
    assert "exemples" in text_of(page)
    days = {"first": PERIOD.first.isoformat(), "last": PERIOD.last.isoformat()}
    assert clerk.post(f"/regles/{FILE}/rejeu", data=days).status_code == 422


def test_a_line_is_added_by_a_button_that_also_keeps_what_was_typed(clerk):
    page = clerk.get(f"/regles/{FILE}").text
    name = field_with(page, "&gt; 5000")
    answer = clerk.post(f"/regles/{FILE}", data={"seen": hidden(page, "seen"), name: "> 6000", "act": "add:qui-approuve:0"})
    assert answer.headers["location"] == f"/regles/{FILE}#table-qui-approuve"
    page = clerk.get(f"/regles/{FILE}").text
    assert 'value="A7"' in page
    assert 'value="&gt; 6000"' in page


def test_a_trial_on_a_document_tells_each_line_and_the_smallest_change(clerk):
    query = {"table": "qui-approuve", "v-montant_ttc": "6000", "v-fournisseur": "connu", "v-commande": ""}
    page = text_of(clerk.get(f"/regles/{FILE}/essayer", params=query).text)
    assert "Ligne A5 : appliquée" in page
    assert "Elle s'appliquerait si : Montant TTC = 5 000,00 €" in page


def test_a_trial_takes_the_values_of_a_document_and_its_reading_is_noted(home, clerk):
    page = clerk.get(f"/regles/{FILE}/essayer").text
    document = re.search(r'<option value="([0-9a-f-]{20,})"', page)[1]
    shown = clerk.get(f"/regles/{FILE}/essayer", params={"table": "qui-approuve", "document": document}).text
    assert re.search(r'id="v-montant_ttc" name="v-montant_ttc" value="\d', shown)
    assert clerk.get(f"/regles/{FILE}/essayer", params={"document": "nulle-part"}).status_code == 200


def test_a_circuit_is_shown_as_a_drawing_and_as_a_list(clerk):
    page = clerk.get("/regles/facture-fournisseur.circuit").text
    assert "<svg" in page
    assert "<title" in page
    assert 'role="img" aria-labelledby="drawing-title drawing-desc"' in page
    assert "Les étapes en liste" in page
    assert page.count('class="box') == len(re.findall(r"<li><strong>", page))


def test_a_circuit_text_with_a_flaw_is_kept_and_told_with_its_place(clerk):
    page = clerk.get("/regles/facture-fournisseur.circuit").text
    data = {"seen": hidden(page, "seen"), "text": "circuit: facture-fournisseur\ntitre: Essai\n"}
    assert clerk.post("/regles/facture-fournisseur.circuit", data=data).status_code == 303
    page = text_of(clerk.get("/regles/facture-fournisseur.circuit").text)
    assert "il manque" in page
    assert "Le dessin revient" in page


def test_a_version_page_tells_what_differs_and_leads_back(home, clerk):
    activated(home, asked(home, with_threshold(text_in_force(home))))
    page = text_of(clerk.get(f"/regles/{FILE}/versions/1").text)
    assert "De la version 1 à la version 2" in page
    assert "ligne A5, Montant TTC : « > 5000 » → « > 8000 »" in page
    assert "Rejouer cette version" in page
    assert clerk.get(f"/regles/{FILE}/versions/9").status_code == 404


def test_what_is_not_there_is_not_found_and_a_text_of_markup_is_shown_as_text(clerk):
    assert clerk.get("/regles/nulle-part.regles").status_code == 404
    assert clerk.get("/regles/avoirs.autre").status_code == 404
    page = clerk.get(f"/regles/{FILE}").text
    clerk.post(f"/regles/{FILE}", data={"seen": hidden(page, "seen"), field_with(page, "&gt; 5000"): '"><script>alert(1)</script>'})
    assert "<script>alert" not in clerk.get(f"/regles/{FILE}").text


def test_a_large_file_passes_the_door_of_small_forms(clerk):
    page = clerk.get(f"/regles/{FILE}").text
    text = text_in_force(clerk.app.state.workstation) + "# " + "a" * 100_000
    assert clerk.post(f"/regles/{FILE}", data={"seen": hidden(page, "seen"), "text": text}).status_code == 303
    assert clerk.post("/regles", data={"text": "a" * 100_000}).status_code == 413


def test_decisions_of_no_document_are_replayed_too(home):
    decided(home, None, Decimal("6000.00"))
    assert replayed(home, with_threshold(text_in_force(home))).changed == 3


# --- at the command line ---


@pytest.fixture
def typed(still, tmp_path, monkeypatch):
    """`sceau rules replay` in the home, on a file."""
    monkeypatch.setattr(cli, "_settings", lambda: nullcontext(still.settings))

    def run(text, *options, name=f"{NAME}.regles.yaml"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        days = ["--first", PERIOD.first.isoformat(), "--last", PERIOD.last.isoformat()]
        return CliRunner().invoke(cli.app, ["rules", "replay", str(file), *days, *options])

    return run


def test_the_command_tells_which_documents_a_file_would_send_another_way(still, typed):
    told = typed(with_threshold(text_in_force(still)))
    assert told.exit_code == 0
    assert "2 documents sur 6 changent de circuit" in told.output
    assert "12 546,00 €" in told.output
    assert "du " in told.output
    assert not re.search(r"\d{4}-\d\d-\d\d", told.output)
    assert json.loads(typed(text_in_force(still), "--against", "1", "--json").output)["changed"] == 0


def test_the_command_refuses_a_file_with_flaws_and_a_version_that_is_none(still, typed):
    refused = typed(text_in_force(still).replace("> 5000", "> cinq"))
    assert refused.exit_code == 3
    assert re.search(r"regles\.yaml:\d+:\d+: ligne A5", refused.output.replace("\n", ""))
    assert typed(text_in_force(still), "--against", "99").exit_code == 2
