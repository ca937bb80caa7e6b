"""What is said of each clause of art. A102 B-2 LPF: one row each, never better than what was found, honest about what no machine knows."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from papers import A4

from capture.catalogue import CATALOGUE, finding, message
from capture.findings import Authority, Finding, Level
from capture.scan import Model, Page
from conformity.circumstances import ADDED_CODES, COLOUR_CODES, Acceptance, Source, acceptance_of, apply_source, apply_tolerance, weigh
from conformity.clauses import (
    CLAUSES,
    TEXTS,
    ClauseFacts,
    ClauseRow,
    Counted,
    Organisation,
    Outcome,
    Sealed,
    judge_clauses,
    judge_policy,
    text_on,
    worst_of,
)
from conformity.policy import Policy, policy_on

SHEET = Page(1, "lzw", True, *A4, 8, 3, Model.RGB, (300.0, 300.0))
FACTS = ClauseFacts((SHEET,), 1, Policy(), date(2026, 11, 20))
NAMED = Organisation(
    dossier="DO-7", dossier_version="3", dossier_date="2026-01-15", control_plan="PC-2", control_months=3, storage="Nantes"
)
DONE = replace(FACTS, organisation=NAMED, sealed=Sealed("B-LTA", False, (), 4))
LOGO = Acceptance("tolérance n° 3", "logo seul en couleur")

all_findings = st.lists(st.sampled_from(sorted(CATALOGUE)).map(lambda code: finding(code, page=1, measured="x")), max_size=6)


def rows(*findings: Finding, facts: ClauseFacts = FACTS) -> dict[str, ClauseRow]:
    return {row.clause: row for row in judge_clauses(findings, facts)}


def outcomes(*findings: Finding, facts: ClauseFacts = FACTS) -> dict[str, Outcome]:
    return {clause: row.outcome for clause, row in rows(*findings, facts=facts).items()}


# --- rows ---


def test_there_are_thirteen_clauses_in_the_article_s_order_and_each_has_its_row():
    assert CLAUSES == ("I-1", "I-2", "I-3", "I-4", "II-1", "II-2", "II-3", "II-4", "II-5", "II-6", "III-1", "III-2", "III-3")
    assert tuple(rows()) == CLAUSES
    assert {entry.clause for entry in CATALOGUE.values() if entry.clause} <= set(CLAUSES)


def test_a_faithful_page_conforms_to_clause_one_and_says_what_was_measured():
    told = rows()
    assert all(told[clause].outcome is Outcome.CONFORM for clause in ("I-1", "I-2", "I-3", "I-4"))
    assert told["I-4"].measured.fr == "LZW : sans perte"
    assert told["I-2"].measured.en == "24-bit colour"
    assert told["I-1"].measured.fr.startswith("1 page, 1 décodée en entier")


def test_a_lossy_page_is_against_the_clause_of_compression_and_of_no_other():
    page = replace(SHEET, codec="dct", lossless=False)
    told = rows(finding("lossy-compression", page=1, measured="JPEG"), facts=replace(FACTS, pages=(page,)))
    assert [clause for clause, row in told.items() if row.outcome is Outcome.AGAINST] == ["I-4", "II-2"]
    assert told["I-4"].measured.fr == "JPEG : avec perte"
    assert "TIFF sans compression ou LZW" in told["I-4"].remedy.fr
    assert "never JPEG" in told["I-4"].remedy.en


def test_pages_that_differ_are_counted_by_what_they_are():
    pages = (SHEET, replace(SHEET, number=2), replace(SHEET, number=3, codec="ccitt_g4", model=Model.BILEVEL, bits=1, channels=1))
    told = rows(facts=replace(FACTS, pages=pages, decoded=3))
    assert told["I-4"].measured.fr == "LZW : sans perte (2 pages), CCITT G4 : sans perte (1 page)"
    assert told["I-2"].measured.fr == "couleur 24 bits (2 pages), noir et blanc 1 bit (1 page)"


@given(all_findings)
def test_no_row_is_better_than_the_heaviest_finding_that_touches_it(found):
    told = rows(*found)
    for each in found:
        if each.clause and each.level is Level.BLOCKING and not any(f.code == "electronic-document" for f in found):
            worst = Outcome.REVIEW if each.authority is Authority.HOUSE else Outcome.AGAINST
            assert told[each.clause].outcome in {worst, Outcome.AGAINST}
            assert each.code in told[each.clause].findings


@given(all_findings)
def test_every_row_speaks_both_languages_and_names_its_words_of_the_article(found):
    for row in judge_clauses(found, FACTS):
        assert row.quotation
        for said in (row.measured, row.limit, row.remedy, row.covered_by):
            assert said is None or (said.fr and said.en)


def test_without_a_page_nothing_is_a_copy():
    assert outcomes(facts=replace(FACTS, pages=(), decoded=0))["I-1"] is Outcome.AGAINST


def test_a_page_that_was_not_opened_is_for_a_person_to_look_at():
    assert outcomes(facts=replace(FACTS, decoded=0))["I-1"] is Outcome.REVIEW
    assert outcomes(facts=replace(FACTS, decoded=0))["II-5"] is Outcome.REVIEW


def test_of_a_file_without_a_page_nothing_is_said_to_conform():
    told = rows(finding("encrypted"), facts=replace(FACTS, pages=(), decoded=0))
    assert not [clause for clause, row in told.items() if row.outcome is Outcome.CONFORM]
    assert all(told[clause].measured.fr == "rien n’a pu être examiné" for clause in ("I-2", "I-3", "I-4", "II-1"))
    assert judge_policy([], replace(FACTS, pages=(), decoded=0)).outcome is Outcome.REVIEW


def test_of_a_page_whose_pixels_were_not_seen_no_row_about_the_image_conforms():
    told = rows(facts=replace(FACTS, pages=(SHEET, replace(SHEET, number=2)), decoded=1))
    assert all(told[clause].outcome is Outcome.REVIEW for clause in ("I-2", "I-3", "I-4"))
    assert "1 page sur 2 non décodée" in told["I-3"].measured.fr
    assert told["II-1"].outcome is Outcome.CONFORM


@pytest.mark.parametrize(("sheets", "outcome"), [(1, Outcome.CONFORM), (2, Outcome.REVIEW)])
def test_fewer_pages_than_counted_sheets_are_to_be_looked_at(sheets, outcome):
    row = rows(facts=replace(FACTS, counted=Counted(sheets, 1)))["I-1"]
    assert row.outcome is outcome
    assert ("1 feuille comptée" if sheets == 1 else "2 feuilles comptées") in row.measured.fr


# --- the house ---


def test_resolution_is_the_house_s_own_row_and_touches_no_clause():
    coarse = finding("too-coarse", page=1, measured="200", limit="300")
    page = replace(SHEET, dpi=(200.0, 200.0))
    facts = replace(FACTS, pages=(page,))
    assert outcomes(coarse, facts=facts) == outcomes(facts=facts)
    row = judge_policy([coarse], facts)
    assert (row.outcome, row.authority) == (Outcome.AGAINST, Authority.HOUSE)
    assert row.measured.fr == "200 × 200 ppp"
    assert "votre politique a102-b2, version 1 ; l’arrêté ne donne aucun chiffre" in row.limit.fr
    assert judge_policy([], FACTS).outcome is Outcome.CONFORM


def test_what_only_the_house_asks_is_never_called_a_breach_of_the_article():
    assert outcomes(finding("16-bit", page=1, measured="16"))["I-1"] is Outcome.REVIEW
    assert outcomes(finding("damaged", page=1, measured="x"))["I-1"] is Outcome.AGAINST


def test_a_trouble_of_the_station_says_nothing_of_the_copy():
    assert judge_policy([finding("reading-failed", page=1), finding("disk-full")], FACTS).outcome is Outcome.CONFORM


def test_a_resolution_that_the_file_does_not_write_is_not_said_to_conform():
    silent = replace(FACTS, pages=(replace(SHEET, dpi=None, codec="jpeg2000_5_3"),))
    row = judge_policy([finding("resolution-unwritten", page=1, measured="1100 × 1000", limit="300")], silent)
    assert row.outcome is Outcome.REVIEW
    assert row.remedy


# --- organisation ---


def test_where_no_organisation_is_named_the_row_says_so_and_where_to_name_it():
    row = rows()["II-2"]
    assert row.outcome is Outcome.AGAINST
    assert row.measured.fr == "aucune organisation documentée n’est indiquée"
    assert "[organisation] dans sceau.toml" in row.remedy.fr


def test_a_named_organisation_answers_for_clause_two_by_its_references():
    told = rows(facts=replace(FACTS, organisation=NAMED, passport="P-12 du 2026-10-02"))
    assert {told[clause].outcome for clause in ("II-2", "II-3", "II-4")} == {Outcome.ORGANISATION}
    assert told["II-2"].covered_by.fr == "dossier d’organisation DO-7, version 3, du 2026-01-15"
    assert told["II-3"].covered_by.fr == "plan de contrôle PC-2, tous les 3 mois ; passeport du scanner P-12 du 2026-10-02"
    assert "P-12" in told["I-3"].covered_by.fr


def test_a_third_party_archives_under_a_mandate_only():
    third = replace(NAMED, third_party="Archives SA")
    assert outcomes()["II-1"] is Outcome.CONFORM
    assert outcomes(facts=replace(FACTS, organisation=third))["II-1"] is Outcome.AGAINST
    named = replace(FACTS, organisation=replace(third, mandate="M-4"))
    told = rows(facts=named)["II-1"]
    assert (told.outcome, "aucun mandat enregistré" in told.measured.fr, "Mandats" in told.remedy.fr) == (Outcome.REVIEW, True, True)
    mandated = rows(facts=replace(named, mandate="n° 3 (Archives SA)"))["II-1"]
    assert (mandated.outcome, "n° 3 (Archives SA), enregistré" in mandated.covered_by.fr) == (Outcome.ORGANISATION, True)


@pytest.mark.parametrize(
    ("officer", "outcome"),
    [("", Outcome.REVIEW), ("practice", Outcome.REVIEW), ("signed", Outcome.ORGANISATION), ("qualified", Outcome.CONFORM)],
)
def test_the_copy_of_an_order_wants_an_officers_signature(officer, outcome):
    sealed = replace(DONE, document_type="order", sealed=Sealed("B-LTA", False, (), 4, officer))
    row = rows(facts=sealed)["III-2"]
    assert (row.outcome, "À signer" in (row.remedy.fr if row.remedy else "")) == (outcome, outcome is Outcome.REVIEW)


def test_without_a_seal_the_fingerprint_is_the_device_and_no_token_is_claimed():
    told = rows(facts=replace(DONE, sealed=Sealed("", False, (), 4)))
    assert "sans cachet" in told["III-2"].measured.fr
    assert told["III-2"].outcome is Outcome.CONFORM
    assert "sans jeton" in told["III-3"].measured.fr
    assert "cachet" not in told["II-6"].measured.fr


# --- before and after the seal ---


def test_what_is_true_of_a_sealed_file_only_is_said_to_come():
    later = {clause for clause, outcome in outcomes().items() if outcome is Outcome.LATER}
    assert later == {"II-6", "III-1", "III-2", "III-3"}
    inside = {clause for clause, outcome in outcomes(facts=replace(FACTS, sealing=True)).items() if outcome is Outcome.LATER}
    assert inside == {"II-6", "III-2", "III-3"}


def test_of_a_sealed_document_every_row_is_complete():
    told = rows(facts=DONE)
    assert {row.outcome for row in told.values()} == {Outcome.CONFORM, Outcome.ORGANISATION}
    assert "cachet PAdES B-LTA" in told["III-2"].measured.fr
    assert told["III-3"].measured.fr.startswith("4 opérations datées au registre")


def test_a_practice_seal_is_said_to_count_for_nothing():
    row = rows(facts=replace(DONE, sealed=Sealed("B-LTA", True, (), 4)))["III-2"]
    assert row.measured.fr == "empreinte SHA-256 inscrite au registre (2°) ; cachet d’essai, qui ne compte pas"


@pytest.mark.parametrize(("check", "clause"), [("pixels", "II-6"), ("pdfa", "III-1"), ("seal", "III-2"), ("time", "III-3")])
def test_a_check_that_failed_spoils_its_clause(check, clause):
    assert outcomes(facts=replace(DONE, sealed=Sealed("B-LTA", False, (check,), 4)))[clause] in {Outcome.REVIEW, Outcome.AGAINST}


def test_a_document_of_the_audit_trail_is_told_that_a_fingerprint_is_not_enough():
    row = rows(facts=replace(DONE, document_type="order"))["III-2"]
    assert row.outcome is Outcome.REVIEW
    assert "A. 102 B-1" in row.limit.fr


@given(all_findings)
def test_of_an_electronic_original_no_clause_speaks(found):
    told = judge_clauses(found, replace(DONE, source=Source.ELECTRONIC))
    assert {row.outcome for row in told} == {Outcome.APART}


def test_the_worst_row_gives_a_heading_its_word():
    assert worst_of(rows().values()) is Outcome.AGAINST
    assert worst_of(row for row in rows().values() if row.clause.startswith("I-")) is Outcome.CONFORM


@pytest.mark.parametrize("day", [date(2016, 5, 1), date(2017, 3, 31), date(2026, 11, 20)])
def test_the_wording_is_that_of_the_day_and_the_first_one_before(day):
    assert text_on(day) is TEXTS[0]
    assert "JORFTEXT000034307622" in text_on(day).source


# --- source and tolerance ---


def test_a_tolerated_colour_is_told_names_its_decision_and_holds_no_longer():
    told = apply_tolerance([finding("grey-image", page=1, measured="lzw")], LOGO)
    assert [(each.code, each.level, each.limit) for each in told] == [
        ("grey-image", Level.INFO, "tolérance n° 3"),
        ("colour-tolerated", Level.INFO, "tolérance n° 3"),
    ]
    row = rows(*told, facts=replace(FACTS, tolerance=LOGO.name))["I-2"]
    assert row.outcome is Outcome.CONFORM
    assert "conforme par tolérance (tolérance n° 3)" in row.measured.fr
    assert "ne peut plus se voir" in row.measured.fr


@given(all_findings)
def test_a_tolerance_softens_colour_and_nothing_else(found):
    told = apply_tolerance(found, LOGO)
    assert [each for each in told if each.code not in COLOUR_CODES | ADDED_CODES] == [
        each for each in found if each.code not in COLOUR_CODES | ADDED_CODES
    ]
    assert apply_tolerance(found, None) == tuple(found)


def test_in_english_a_decision_and_a_passport_bear_english_names():
    facts = replace(FACTS, tolerance=LOGO.name, passport="n° 4 (2026-11-02)")
    assert "tolerance no. 3" in rows(facts=facts)["I-2"].covered_by.en
    assert rows(facts=facts)["I-3"].covered_by.en == "scanner passport no. 4 (2026-11-02)"
    assert "tolerance no. 3" in message(finding("colour-tolerated", measured=LOGO.reason, limit=LOGO.name), "en")
    assert "tolérance n° 3" in rows(facts=facts)["I-2"].covered_by.fr


def test_thresholding_is_a_treatment_that_no_tolerance_answers():
    assert apply_tolerance([finding("few-levels", page=1)], LOGO)[0].level is Level.BLOCKING


def test_a_print_of_an_electronic_invoice_can_be_no_copy():
    told = apply_source([], Source.PRINT)
    assert [(each.code, each.level, each.clause) for each in told] == [("print-of-electronic", Level.BLOCKING, "I-1")]
    assert rows(*told, facts=replace(FACTS, source=Source.PRINT))["I-1"].outcome is Outcome.AGAINST


def test_a_source_that_nobody_named_holds_until_someone_does():
    assert [each.code for each in apply_source([], Source.UNKNOWN)] == ["source-unknown"]


def test_a_native_file_is_held_for_its_image_no_longer_and_for_what_endangers_it_still():
    found = [finding("electronic-document", page=1), finding("lossy-compression", page=1), finding("active-content"), finding("encrypted")]
    told = {each.code: each.level for each in apply_source(found, Source.ELECTRONIC)}
    assert told == {
        "electronic-document": Level.INFO,
        "lossy-compression": Level.INFO,
        "active-content": Level.BLOCKING,
        "encrypted": Level.BLOCKING,
    }


@given(all_findings, *[st.sampled_from(list(Source))] * 2, *[st.sampled_from([None, LOGO])] * 2)
def test_weighing_again_is_weighing_anew(found, before, after, accepted, then):
    """A person corrects the source or revokes a decision: what was weighed before leaves no trace."""
    made = [each for each in found if each.code not in ADDED_CODES]
    assert weigh(weigh(made, before, accepted), after, then) == weigh(made, after, then)


# --- policies ---


def test_a_policy_that_accepts_grey_is_itself_the_acceptance():
    assert acceptance_of(Policy()) is None
    accepted = acceptance_of(Policy(name="guichet", version="2", grey="accept", grey_reason="reçus sans couleur"))
    assert accepted == Acceptance("politique guichet, version 2", "reçus sans couleur")


def test_the_policy_of_a_day_is_its_newest_version_in_force():
    first, second = Policy(), Policy(version="2", valid_from=date(2026, 10, 1))
    other = Policy(name="guichet")
    chosen = [policy_on((second, other, first), "a102-b2", date(2026, month, 1)).version for month in (9, 10, 11)]
    assert chosen == ["1", "2", "2"]
    assert policy_on((first,), "a102-b2", date(2020, 1, 1)) is first
    with pytest.raises(LookupError):
        policy_on((first,), "guichet", date(2026, 1, 1))


@given(st.sampled_from(["name", "version", "grey", "grey_reason"]), st.text(min_size=1, max_size=5))
def test_whatever_changes_in_a_policy_changes_its_hash(name, text):
    changed = replace(Policy(), **{name: text})
    assert (changed.hash == Policy().hash) == (changed == Policy())
