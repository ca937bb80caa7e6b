"""A circuit goes one happening at a time, never by a guess, and a file that could lead nowhere is refused with its place."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import cost
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.rulebook import OUTSIDE, shipped_circuits, shipped_rules
from workflow import circuit as c
from workflow.calendar import is_business_day
from workflow.circuit import Answered, Changed, Circuit, Command, Event, Found, Standing, Started, State, Ticked, begins, step
from workflow.circuit_file import LoadedCircuit, Outside, Signature, load_circuit
from workflow.marked import Flaw
from workflow.phrases import Phrase, PhraseFailed, read_phrase, written
from workflow.vocabulary import Kind, Misread, Value, Variable

MORNING = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
"""A Tuesday."""
One = TypeVar("One")
RULES = shipped_rules()
CIRCUITS = shipped_circuits()
INVOICE = CIRCUITS["facture-fournisseur"]
VALUES: dict[str, Value] = {
    "montant_ttc": Decimal("320.00"),
    "fournisseur": "connu",
    "constats": 0,
    "doublon": False,
    "iban_change": False,
    "commande": None,
    "numero": "F-1",
    "nom_fournisseur": "Dupont SA",
    "nature": "facture",
}

FILE = """\
circuit: essai
titre: Essai
regles: [retenues]
vocabulaire:
  nom: {libelle: Nom, type: texte}
  jour: {libelle: Jour, type: date, facultatif: oui}
  montant: {libelle: Montant, type: montant, facultatif: oui}
  iban: {libelle: IBAN, type: texte, facultatif: oui}
lancement:
  - quand: document
    si: {montant: "> 100"}
  - quand: heure
    a: "08:00"
    jours: ouvrés
  - quand: changement
    de: [iban]
debut: trier
etapes:
  trier:
    activite: decision
    titre: Trier
    table: retenues/suite
    suite:
      - {si: {suite_retenue: renumeriser}, vers: demander}
      - {vers: remplir}
  demander:
    activite: tache
    titre: Demander
    objet: "Voir {{ nom }}"
    pour: {role: clerk}
    reponses:
      oui: {libelle: Oui, vers: ecrire}
      non: {libelle: Non, vers: fini}
    delai: 3 jours ouvrés
    rappel: 1 jour ouvré
    escalade:
      - {apres: 2 jours ouvrés, pour: {groupe: "chefs de {{ nom }}"}}
    quatre_yeux: [oui]
  remplir:
    activite: formulaire
    titre: Remplir
    objet: Remplir
    pour: {personne: "{{ nom }}"}
    champs:
      jour: {obligatoire: oui, aide: Un jour}
      montant: {}
    boutons:
      fini: {libelle: Fini, vers: attendre}
      chercher: {libelle: Chercher, service: montants, avec: {nom: nom}, donne: {montant: total}}
  ecrire:
    activite: courriel
    titre: Écrire
    a: "{{ nom }}@example.test"
    objet: "Objet {{ nom }}"
    texte: |
      Bonjour {{ nom }},
      {% if montant %}Montant : {{ montant }}{% endif %}
    vers: appeler
  appeler:
    activite: service
    titre: Appeler
    service: montants
    avec: {nom: nom}
    donne: {montant: total}
    vers: fini
    echec: demander
  attendre:
    activite: attendre
    titre: Attendre
    condition: {montant: "> 10"}
    delai: 10 jours
    vers: fini
    trop_tard: demander
  fini: {activite: fin, titre: Fini, issue: fait}
"""
HERE = Outside(services={"montants": Signature({"nom": Kind.TEXT}, {"total": Kind.AMOUNT})})


def read(text: str = FILE) -> LoadedCircuit:
    return load_circuit(text, RULES, HERE)


def loaded(text: str = FILE) -> Circuit:
    found = read(text)
    assert found.circuit is not None, [flaw.told("x") for flaw in found.flaws]
    return found.circuit


def only(commands: Sequence[Command], kind: type[One]) -> One:
    (found,) = (each for each in commands if isinstance(each, kind))
    return found


def begun(circuit: Circuit, **values: Value) -> tuple[State, tuple[Command, ...]]:
    return step(circuit, None, Started(MORNING, values))


def scan(**more: Value) -> tuple[State, tuple[Command, ...]]:
    return begun(loaded(), **{"nom": "Anne", "papier_la": True, "motif": "qualite", **more})


# --- the default circuits ---


def answer(circuit: Circuit, state: State, code: str, by: str = "p1", **values: Value) -> tuple[State, tuple[Command, ...]]:
    return step(circuit, state, Answered(MORNING, state.serial, code, by, values))


def test_a_small_invoice_is_approved_by_one_person_and_exported_once() -> None:
    state, commands = begun(INVOICE, **VALUES)
    assert [each.decision.lines for each in commands if isinstance(each, c.Decided)] == [("sinon",), ("A3",)]
    task = only(commands, c.OpenTask)
    assert (task.title, task.to, task.due) == ("Approuver 320,00 € à Dupont SA, facture F-1", ("role", "approver"), date(2026, 12, 4))
    state, commands = answer(INVOICE, state, "approuver")
    call = only(commands, c.CallService)
    assert call.parameters == {"numero": "F-1", "montant": Decimal("320.00")}
    state, commands = step(INVOICE, state, Found(MORNING, state.serial, {"lot": "2026-12"}))
    assert (state.standing, state.outcome, state.values["lot_comptable"]) == (Standing.ENDED, "bon à payer", "2026-12")


def test_each_decision_is_kept_with_its_rule_line_and_version() -> None:
    decision = next(each for each in begun(INVOICE, **VALUES)[1] if isinstance(each, c.Decided)).decision
    assert (decision.rules, decision.table, decision.version) == (
        "approbation-fournisseurs",
        "controle",
        RULES["approbation-fournisseurs"].version,
    )


def test_above_five_thousand_two_different_persons_must_say_yes() -> None:
    state, _ = begun(INVOICE, **{**VALUES, "montant_ttc": Decimal("5000.01")})
    assert state.step == "approbation-double"
    first, commands = answer(INVOICE, state, "approuver", "p1")
    assert only(commands, c.OpenTask).not_by == ("p1",)
    same, commands = answer(INVOICE, first, "approuver", "p1")
    assert same == first
    assert only(commands, c.NotTaken).reasons == ("une deuxième personne doit répondre (quatre yeux)",)
    second, _ = answer(INVOICE, first, "approuver", "p2")
    assert second.step == "comptabilite"


def test_one_person_alone_can_refuse_what_two_must_approve() -> None:
    state, _ = begun(INVOICE, **{**VALUES, "montant_ttc": Decimal(90_000)})
    assert answer(INVOICE, state, "refuser", "p1")[0].step == "motif"


def test_who_verified_cannot_approve() -> None:
    state, _ = begun(INVOICE, **{**VALUES, "doublon": True})
    state, _ = answer(INVOICE, state, "correcte", "p1")
    assert state.step == "approbation"
    assert answer(INVOICE, state, "approuver", "p1")[0] == state
    assert answer(INVOICE, state, "approuver", "p2")[0].step == "comptabilite"


def test_an_answer_to_an_older_task_changes_nothing() -> None:
    state, _ = begun(INVOICE, **VALUES)
    back, _ = answer(INVOICE, state, "renvoyer")
    late, commands = step(INVOICE, back, Answered(MORNING, state.serial, "approuver", "p2"))
    assert late == back
    assert only(commands, c.NotTaken).reasons == ("cette tâche n'est plus ouverte",)


def test_a_missing_value_stops_the_circuit_and_its_arrival_sets_it_going() -> None:
    values = {name: value for name, value in VALUES.items() if name != "iban_change"}
    state, commands = begun(INVOICE, **values)
    assert (state.standing, only(commands, c.Stuck).reasons) == (Standing.STUCK, ("« IBAN changé » : la valeur manque",))
    going, _ = step(INVOICE, state, Changed(MORNING, {"iban_change": False}))
    assert going.step == "approbation"


def test_a_value_of_another_type_is_not_taken() -> None:
    state, _ = begun(INVOICE, **VALUES)
    same, commands = step(INVOICE, state, Changed(MORNING, {"montant_ttc": 12.5}))  # type: ignore[dict-item]
    assert same == state
    assert "reçu float" in only(commands, c.NotTaken).reasons[0]


def test_a_paid_invoice_is_never_chased_and_the_balance_is_read_again_each_time() -> None:
    circuit = CIRCUITS["suivi-client"]
    state, commands = begun(circuit, numero="C-1", nom_client="Ville", sens="emise", echeance=date(2026, 12, 25))
    assert only(commands, c.Wake).day == date(2026, 12, 28)
    state, commands = step(circuit, state, Ticked(datetime(2026, 12, 28, 8, tzinfo=UTC)))
    assert only(commands, c.LookUp).source == "solde-client"
    paid = {"reste_du": Decimal(0), "jours_de_retard": 3, "litige": False, "suspendue": False, "regime": "prive"}
    ended, _ = step(circuit, state, Found(MORNING, state.serial, paid))
    assert ended.outcome == "soldée"
    late, _ = step(circuit, state, Found(MORNING, state.serial, {**paid, "reste_du": Decimal(5)}))
    assert late.step == "appeler"


def test_a_changed_iban_needs_a_call_and_two_persons_other_than_the_caller() -> None:
    circuit = CIRCUITS["changement-iban"]
    state, _ = begun(circuit, nom_fournisseur="Dupont", iban="FR76", iban_change=True)
    same, commands = answer(circuit, state, "confirme", "p1")
    assert same == state
    assert len(only(commands, c.NotTaken).reasons) == 2
    state, _ = answer(circuit, state, "confirme", "p1", appele="Mme Roy", numero_appele="01 02 03 04 05")
    assert answer(circuit, state, "accepter", "p1")[0] == state
    state, _ = answer(circuit, state, "accepter", "p2")
    state, _ = answer(circuit, state, "accepter", "p3")
    assert state.outcome == "iban accepté"


def test_a_credit_note_without_its_invoice_asks_for_it() -> None:
    circuit = CIRCUITS["avoir"]
    state, commands = begun(circuit, numero="A-1", nom_fournisseur="Dupont", nature="avoir", montant_avoir=Decimal(10))
    assert only(commands, c.LookUp).parameters["numero"] is None
    state, _ = step(circuit, state, Found(MORNING, state.serial, None))
    state, commands = answer(circuit, state, "chercher", numero_origine="F-9")
    assert only(commands, c.LookUp).parameters["numero"] == "F-9"
    state, _ = step(circuit, state, Found(MORNING, state.serial, {"trouvee": True, "reste": Decimal(50), "depasse": False}))
    assert state.step == "imputer"


# --- the activities ---


def test_a_task_reminds_before_and_escalates_after_its_deadline_once_each() -> None:
    circuit = loaded()
    state, commands = scan()
    assert only(commands, c.OpenTask).due == date(2026, 12, 4)
    told: list[tuple[date, Command]] = []
    for days in range(20):
        at = MORNING + timedelta(days=days)
        for hour in (0, 6):
            state, more = step(circuit, state, Ticked(at + timedelta(hours=hour)))
            told += [(at.date(), each) for each in more if not isinstance(each, c.Wake)]
    assert [(day, type(each).__name__) for day, each in told] == [(date(2026, 12, 3), "Remind"), (date(2026, 12, 8), "Escalate")]
    assert isinstance(told[1][1], c.Escalate)
    assert told[1][1].to == ("groupe", "chefs de Anne")


def test_a_reminder_moves_to_an_earlier_business_day_and_an_escalation_to_a_later() -> None:
    text = (
        FILE.replace("3 jours ouvrés", "4 jours ouvrés")
        .replace("rappel: 1 jour ouvré", "rappel: 1 jour")
        .replace("apres: 2 jours ouvrés", "apres: 5 jours")
    )
    state, _ = begun(loaded(text), nom="Anne", papier_la=True, motif="qualite")
    assert state.due == date(2026, 12, 7)
    assert [(each.what, each.day) for each in state.alarms] == [("remind", date(2026, 12, 4)), ("escalate", date(2026, 12, 14))]


def test_a_condition_written_over_two_lines_is_refused_and_not_evaluated() -> None:
    text = FILE.replace('condition: {montant: "> 10"}', 'condition: {nom: "\\"a\\nb\\""}')
    assert any("un texte tient sur une ligne" in flaw.message for flaw in read(text).flaws)


def test_a_letter_is_put_out_with_values_as_they_are_read() -> None:
    circuit = loaded()
    state, _ = scan(montant=Decimal("1234.5"))
    state, _ = answer(circuit, state, "oui", "p1")
    state, commands = answer(circuit, state, "oui", "p2")
    mail = only(commands, c.SendMail)
    assert (mail.to, mail.subject) == ("Anne@example.test", "Objet Anne")
    assert mail.body.split("\n")[1].strip() == "Montant : 1 234,50 €"


def test_no_value_can_begin_another_heading_of_a_letter() -> None:
    circuit = loaded()
    circuit = replace(circuit, steps={**circuit.steps, "ecrire": replace(circuit.steps["ecrire"], to=_phrase("a@example.test"))})
    state, _ = scan(nom="a\nBcc: all")
    state, _ = answer(circuit, state, "oui", "p1")
    _, commands = answer(circuit, state, "oui", "p2")
    assert only(commands, c.SendMail).subject == "Objet a Bcc: all"


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\u2028", "\x0b"])
def test_a_recipient_of_two_lines_is_not_written_to(sign: str) -> None:
    circuit = loaded()
    state, _ = scan(nom=f"b@example.test{sign}Bcc: a")
    state, _ = answer(circuit, state, "oui", "p1")
    stuck, commands = answer(circuit, state, "oui", "p2")
    assert not [each for each in commands if isinstance(each, c.SendMail)]
    assert "tient sur une ligne" in only(commands, c.Stuck).reasons[0]
    assert stuck.standing is Standing.STUCK


def test_a_service_that_fails_goes_where_the_circuit_says_and_one_that_answers_badly_stops_it() -> None:
    circuit = loaded()
    state, _ = answer(circuit, scan()[0], "oui", "p1")
    state, _ = answer(circuit, state, "oui", "p2")
    assert state.step == "appeler"
    assert step(circuit, state, Found(MORNING, state.serial, None))[0].step == "demander"
    for bad in ({}, {"total": "beaucoup"}):
        stuck, commands = step(circuit, state, Found(MORNING, state.serial, bad))
        assert stuck.standing is Standing.STUCK
        assert only(commands, c.Stuck).step == "appeler"


def test_a_form_is_filled_by_a_service_and_keeps_what_was_typed() -> None:
    circuit = loaded()
    state, _ = scan(motif="autre")
    state, commands = answer(circuit, state, "chercher", jour=date(2026, 12, 24))
    assert only(commands, c.CallService).parameters == {"nom": "Anne"}
    state, commands = step(circuit, state, Found(MORNING, state.serial, {"total": Decimal(7)}))
    assert only(commands, c.ShowForm).values == {"jour": date(2026, 12, 24), "montant": Decimal(7)}
    state, _ = answer(circuit, state, "fini")
    assert state.step == "attendre"


def test_a_form_that_waits_for_an_answer_asks_nothing_else() -> None:
    circuit = loaded()
    state, _ = scan(motif="autre")
    waiting, _ = answer(circuit, state, "chercher", jour=date(2026, 12, 24))
    same, commands = answer(circuit, waiting, "chercher", jour=date(2026, 12, 24))
    assert same == waiting and "déjà attendue" in only(commands, c.NotTaken).reasons[0]
    free, _ = step(circuit, waiting, Found(MORNING, waiting.serial, None))
    assert only(answer(circuit, free, "chercher", jour=date(2026, 12, 24))[1], c.CallService)


def test_a_form_asks_again_for_what_is_missing_or_wrong() -> None:
    circuit = loaded()
    state, _ = scan(motif="autre")
    assert answer(circuit, state, "fini")[1] == (c.NotTaken(("« Jour » : à remplir",)),)
    same, commands = answer(circuit, state, "fini", jour="demain")
    assert same == state
    assert "il faut une date" in only(commands, c.NotTaken).reasons[0]
    assert answer(circuit, state, "rien")[0] == state


def test_waiting_ends_by_its_condition_or_by_its_time() -> None:
    circuit = loaded()
    state, _ = scan(motif="autre")
    state, commands = answer(circuit, state, "fini", jour=date(2026, 12, 24))
    assert only(commands, c.Wake).day == date(2026, 12, 11)
    assert step(circuit, state, Changed(MORNING, {"montant": Decimal(10)}))[0].step == "attendre"
    assert step(circuit, state, Changed(MORNING, {"montant": Decimal(11)}))[0].step == "fini"
    assert step(circuit, state, Ticked(MORNING + timedelta(days=9)))[0] == state
    assert step(circuit, state, Ticked(MORNING + timedelta(days=10)))[0].step == "demander"


def test_a_cancelled_circuit_takes_nothing_more() -> None:
    circuit = loaded()
    state, commands = step(circuit, scan()[0], c.Cancelled(MORNING, "p1", "erreur"))
    assert commands == (c.CloseTask(2), c.Ended("abandon"))
    assert step(circuit, state, Ticked(MORNING))[0] == state


def test_a_document_stays_with_the_version_it_began_with() -> None:
    state, _ = scan()
    with pytest.raises(c.WrongCircuit):
        step(loaded(FILE.replace("3 jours ouvrés", "4 jours ouvrés")), state, Ticked(MORNING))


def test_the_version_follows_the_rules_that_are_used_and_no_remark() -> None:
    assert loaded("# Une remarque\n" + FILE).version == loaded().version
    other = {**RULES, "retenues": replace(RULES["retenues"], version="0" * 64)}
    found = load_circuit(FILE, other, HERE).circuit
    assert found is not None
    assert found.version != loaded().version


@given(st.lists(st.integers(0, 9), max_size=12))
def test_the_same_happenings_give_the_same_and_every_key_is_used_once(choices: list[int]) -> None:
    def run() -> tuple[State, list[Command]]:
        state, commands = begun(INVOICE, **{**VALUES, "fournisseur": "nouveau"})
        every = list(commands)
        for number, choice in enumerate(choices):
            at = MORNING + timedelta(days=number)
            codes = [each.code for each in getattr(INVOICE.steps[state.step], "answers", ())]
            events: list[Event] = [
                Ticked(at),
                Found(at, state.serial, {"lot": "L"}),
                Found(at, state.serial, None),
                Changed(at, {"motif_refus": "x"}),
            ]
            events += [Answered(at, state.serial, code, f"p{choice % 3}", {"motif_refus": "x"}) for code in codes]
            state, commands = step(INVOICE, state, events[choice % len(events)])
            every += commands
        return state, every

    state, commands = run()
    assert (state, commands) == run()
    keys = [key for each in commands if (key := getattr(each, "key", None))]
    assert len(keys) == len(set(keys))
    assert state.standing is not Standing.ENDED or state.outcome in ("bon à payer", "refusée")


# --- what begins a circuit ---


def test_a_document_begins_a_circuit_when_its_condition_holds_and_a_doubt_is_told() -> None:
    circuit = loaded()
    assert begins(circuit, c.Appeared({"montant": Decimal("100.01")})) is True
    assert begins(circuit, c.Appeared({"montant": Decimal(100)})) is False
    assert begins(circuit, c.Appeared({"montant": None})) is False
    assert begins(circuit, c.Appeared({"montant": 100.5})) == ("« Montant » : il faut un montant, reçu float",)  # type: ignore[dict-item]


def test_a_change_begins_a_circuit_only_of_the_named_values() -> None:
    circuit = loaded()
    assert begins(circuit, c.Altered({}, frozenset({"iban"}))) is True
    assert begins(circuit, c.Altered({}, frozenset({"nom"}))) is False


def test_a_time_of_day_is_that_of_paris_on_business_days() -> None:
    circuit = loaded()

    def struck(first: datetime, last: datetime) -> Any:
        return begins(circuit, c.Struck(first, last))

    seven = datetime(2026, 12, 1, 7, 0, tzinfo=UTC)
    assert struck(seven - timedelta(minutes=1), seven) is True
    assert struck(seven, seven + timedelta(hours=1)) is False
    assert struck(datetime(2026, 12, 25, 0, tzinfo=UTC), datetime(2026, 12, 27, 23, tzinfo=UTC)) is False
    assert struck(datetime(2026, 7, 1, 5, 59, tzinfo=UTC), datetime(2026, 7, 1, 6, 0, tzinfo=UTC)) is True


# --- flaws, each with its place ---


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("vers: ecrire}", "vers: ¤ecrir}", "étape « ecrir » inconnue : vouliez-vous dire « ecrire » ?"),
        ("debut: trier", "debut: ¤trie", "étape « trie » inconnue"),
        ("activite: tache", "activite: ¤tâche", "activité « tâche » inconnue : vouliez-vous dire « tache » ?"),
        ("retenues/suite", "¤retenues/suit", "table « retenues/suit » inconnue"),
        ("regles: [retenues]", "regles: [¤retenue]", "règles « retenue » inconnues : vouliez-vous dire « retenues » ?"),
        (
            "{si: {suite_retenue: renumeriser}, vers: demander}",
            "{si: {suite_retenue: ¤renum}, vers: demander}",
            "vouliez-vous dire « renumeriser » ?",
        ),
        (
            "{si: {suite_retenue: renumeriser}, vers: demander}",
            "{si: {¤suite: renumeriser}, vers: demander}",
            "« suite » est inconnu du vocabulaire",
        ),
        (
            "      - {vers: remplir}",
            "      - ¤{si: {suite_retenue: demander}, vers: remplir}",
            "aucune ligne pour, par exemple : Suite = faire regarder",
        ),
        ("      - {vers: remplir}", "      - {vers: remplir}\n      - ¤{vers: fini}", "elle ne peut jamais s'appliquer"),
        ("vers: attendre}", "vers: fini}", "étape « attendre » : aucun chemin n'y mène depuis « trier »"),
        (
            "      oui: {libelle: Oui, vers: ecrire}\n      non: {libelle: Non, vers: fini}\n",
            "      ¤{}\n",
            "sans réponse possible, personne n'en sort",
        ),
        (
            "fini: {activite: fin, titre: Fini, issue: fait}",
            "fini: {activite: attendre, titre: Fini, delai: 1 jour, vers: trier}",
            "aucun chemin n'en mène à une « fin »",
        ),
        ("    vers: appeler", "    vers: ¤nulle-part", "étape « nulle-part » inconnue"),
        ("echec: demander", "", "il manque « echec: … »"),
        ("service: montants\n", "service: ¤montant\n", "inconnu(e) de cette installation : vouliez-vous dire « montants » ?"),
        (
            "    avec: {nom: nom}\n    donne: {montant: total}",
            "    avec: {nom: ¤montant}\n    donne: {montant: total}",
            "« montant » est de type montant, « nom » de type texte",
        ),
        (
            "    avec: {nom: nom}\n    donne: {montant: total}",
            "    donne: {montant: ¤totale}",
            "« totale » est inconnu ici : vouliez-vous dire « total » ?",
        ),
        ("delai: 3 jours ouvrés", "delai: ¤3 semaines", "« 3 semaines » n'est pas un délai (exemples : 10 jours, 3 jours ouvrés)"),
        ("    delai: 3 jours ouvrés\n", "", "un rappel ou une escalade demande un « delai »"),
        ("pour: {role: clerk}", "pour: {role: ¤clark}", "rôle « clark » inconnu : vouliez-vous dire « clerk » ?"),
        ("pour: {role: clerk}", "pour: ¤{role: clerk, groupe: x}", "« pour » demande un seul de"),
        ("quatre_yeux: [oui]", "quatre_yeux: [¤peut-être]", "réponse « peut-être » inconnue"),
        ("quatre_yeux: [oui]", "autre_que: [¤demandeur]", "étape « demandeur » inconnue"),
        ("      jour: {obligatoire", "      ¤jours: {obligatoire", "champ « jours » inconnu du vocabulaire : vouliez-vous dire « jour » ?"),
        ("fini: {libelle: Fini, vers: attendre}\n", "\n", "aucun bouton ne mène plus loin"),
        ('condition: {montant: "> 10"}', 'condition: {montant: ¤"> dix"}', "« > dix » n'est pas un test valable"),
        ("    trop_tard: demander\n", "", "demande « trop_tard: étape »"),
        ("issue: fait", "issue: ¤FAIT!", "une issue se dit en un mot ou deux"),
        ('a: "08:00"', 'a: ¤"8h"', "« 8h » n'est pas une heure"),
        ("quand: heure", "quand: ¤horaire", "« horaire » : connus"),
        ("de: [iban]", "de: [¤ibam]", "valeur « ibam » inconnue : vouliez-vous dire « iban » ?"),
        ("      Bonjour {{ nom }},", "      ¤Bonjour {{ nim }},", "« nim » est inconnu du vocabulaire : vouliez-vous dire « nom » ?"),
        ("      {% if montant %}", "      ¤{% for x in nom %}", "modèle illisible"),
        ('objet: "Voir {{ nom }}"', 'objet: ¤"{{ nom.__class__ }}"', "« Getattr » n'est pas admis dans un modèle"),
        ("    titre: Trier\n", "", "il manque « titre: … »"),
        ("    titre: Trier\n", "    titre: Trier\n    ¤tables: x\n", "« tables » est inconnu ici : vouliez-vous dire « table » ?"),
        (
            "  nom: {libelle: Nom, type: texte}",
            "  nom: {libelle: Nom, type: texte}\n  ¤motif: {libelle: Motif, type: texte}",
            "« motif » a un autre sens dans les règles « retenues »",
        ),
        ("lancement:\n", "demarrage:\n", "il manque « lancement: … »"),
        ("echec: demander", "echec: appeler", "étape « appeler » : ce cercle tournerait sans fin"),
        ('a: "{{ nom }}@example.test"', 'a: ¤"a@example.test\\nBcc: b@example.test"', "« a » tient sur une ligne"),
        ('a: "{{ nom }}@example.test"', 'a: ¤"a@example.test b@example.test"', "n'est pas une adresse"),
        ('objet: "Objet {{ nom }}"', 'objet: ¤"Objet\\nBcc: b@example.test"', "« objet » tient sur une ligne"),
    ],
)
def test_each_flaw_refuses_the_file_and_tells_its_line_and_column(old: str, new: str, message: str) -> None:
    assert old in FILE
    text = FILE.replace(old, new, 1)
    found = read(text.replace("¤", ""))
    assert found.circuit is None
    told: Flaw | None = next((flaw for flaw in found.flaws if message in flaw.message), None)
    assert told is not None, [flaw.told("x") for flaw in found.flaws]
    if "¤" in text:
        before = text[: text.index("¤")]
        assert (told.line, told.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))


def test_a_circle_in_which_nobody_is_waited_for_is_refused() -> None:
    text = FILE.replace("      - {vers: remplir}", "      - {si: {suite_retenue: demander}, vers: ecrire}\n      - {vers: remplir}")
    text = text.replace("    vers: appeler", "    vers: trier").replace("vers: attendre}", "vers: appeler}")
    assert [flaw.message for flaw in read(text).flaws if "cercle" in flaw.message] == [
        "étape « trier » : ce cercle tournerait sans fin, personne n'y est attendu",
        "étape « ecrire » : ce cercle tournerait sans fin, personne n'y est attendu",
    ]


def test_a_table_that_chooses_all_lines_cannot_steer_a_circuit() -> None:
    rules = RULES["retenues"]
    every = replace(rules, tables={"suite": replace(rules.tables["suite"], policy=type(rules.tables["suite"].policy)("toutes"))})
    found = load_circuit(FILE, {"retenues": every}, HERE)
    assert any("choisit toutes les lignes" in flaw.message for flaw in found.flaws)


# --- sentences ---

WORDS = {"nom": Variable("nom", "Nom", Kind.TEXT), "urgent": Variable("urgent", "Urgent", Kind.YES_NO)}


@pytest.mark.parametrize(
    "text",
    [
        "{{ nom.__class__.__mro__ }}",
        "{{ nom['__class__'] }}",
        "{{ ''.__class__ }}",
        "{{ nom|attr('__class__') }}",
        "{{ nom|map('upper') }}",
        "{{ nom() }}",
        "{{ range(1000000000) }}",
        "{{ lipsum }}",
        "{{ self }}",
        "{{ cycler }}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% for c in nom %}{% for d in nom %}x{% endfor %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ nom ~ nom }}",
        "{{ nom % 9 }}",
        "{% set nom = 1 %}",
        "{% macro a() %}{% endmacro %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ [nom] }}",
        "{{ {'a': nom} }}",
        "{{ nom if nom > 'a' }}",
        "{{ 1 }}",
        "{{ " + "(" * 3900 + "nom" + ")" * 3900 + " }}",
        "{% if nom %}" * 600,
        "{{ nom",
        "x" * 8001,
    ],
)
def test_a_sentence_has_no_language(text: str) -> None:
    assert isinstance(cost.within(100, lambda: read_phrase(text, WORDS)), Misread)


def _phrase(text: str) -> Phrase:
    phrase = read_phrase(text, WORDS)
    assert isinstance(phrase, Phrase), phrase
    return phrase


def test_a_sentence_shows_values_and_chooses_between_texts() -> None:
    phrase = _phrase("{% if urgent %}Vite, {% endif %}{{ nom|majuscules }}{{ ' !' if nom == 'Anne' else '' }}")
    assert written(phrase, WORDS, {"nom": "Anne", "urgent": True}) == "Vite, ANNE !"
    assert written(phrase, WORDS, {"nom": "Jean", "urgent": False}) == "JEAN"


def test_a_value_is_never_read_as_a_sentence() -> None:
    assert written(_phrase("{{ nom }}"), WORDS, {"nom": "{{ urgent }}{% if %}"}) == "{{ urgent }}{% if %}"


def test_a_missing_value_and_a_text_too_long_are_refused() -> None:
    with pytest.raises(PhraseFailed, match="il manque une valeur pour « Nom »"):
        written(_phrase("{{ nom }}"), WORDS, {})
    with pytest.raises(PhraseFailed, match="dépasse"):
        written(_phrase("{{ nom }}" * 100), WORDS, {"nom": "x" * 2000})


# --- a year of the default circuits ---


def test_a_year_of_supplier_invoices_always_comes_to_an_end() -> None:
    outcomes = []
    for number in range(60):
        values: dict[str, Value] = {
            **VALUES,
            "montant_ttc": Decimal(number * 150),
            "fournisseur": ("connu", "nouveau", "bloque")[number % 3],
        }
        state, _ = begun(INVOICE, **values, courriel_fournisseur="a@example.test")
        at = MORNING
        for turn in range(365):
            at += timedelta(days=1)
            if state.standing is Standing.ENDED:
                break
            if not is_business_day(c.FRANCE, at.date()):
                continue
            state, _ = step(INVOICE, state, _happens(INVOICE, state, at, turn + number))
        outcomes.append(state.outcome)
    assert set(outcomes) == {"bon à payer", "refusée"}


def _happens(circuit: Circuit, state: State, at: datetime, turn: int) -> Event:
    activity = circuit.steps[state.step]
    choices: dict[type, Callable[[], Event]] = {
        c.Service: lambda: Found(at, state.serial, {"lot": "L"} if turn % 3 else None),
        c.Wait: lambda: Ticked(at),
    }
    if type(activity) in choices:
        return choices[type(activity)]()
    answers = getattr(activity, "answers", ())
    return Answered(at, state.serial, answers[turn % len(answers)].code, f"p{turn}", {"motif_refus": "doublon"})


def test_the_outside_that_circuits_name_is_all_that_the_station_must_bring() -> None:
    named = {each.call.name for circuit in CIRCUITS.values() for each in circuit.steps.values() if isinstance(each, c.Consult | c.Service)}
    assert named == set(OUTSIDE.sources) | set(OUTSIDE.services)
