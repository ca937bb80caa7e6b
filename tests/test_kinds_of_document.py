"""Each kind of document has its text, its way and its term; what nobody knows is kept as an invoice is."""

import re
from datetime import date
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Station
from station.web.words import LANGUAGES, words_in
from workflow.kinds import DUTIES, INVOICES, KINDS, SIGNED, Profile, Way, duties_on, kind_named, kind_of, longest_duty

TODAY = date(2026, 11, 22)
CODES = [kind.code for kind in KINDS]


def test_a_station_may_be_set_to_each_kind_and_to_no_other():
    assert list(get_args(Station.model_fields["document_type"].annotation)) == CODES


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_screens_name_each_kind_as_the_table_does(language):
    t = words_in(language)
    assert [t(f"type.{kind.code}") for kind in KINDS] == [kind.english if language == "en" else kind.french for kind in KINDS]
    assert all(t(f"way.{way}") and t(f"profile.{profile}") for way in Way for profile in Profile)


def test_a_code_fits_its_column_and_a_slip():
    assert all(re.fullmatch(r"[a-z-]{1,20}", code) for code in CODES)


@pytest.mark.parametrize(("said", "code"), [("Facture", "invoice"), ("BON DE LIVRAISON", "delivery"), (" cheque ", "cheque"), ("?", None)])
def test_a_slip_names_a_kind_in_either_language(said, code):
    assert kind_named(said) == code


@given(st.sampled_from(KINDS))
def test_every_name_of_a_kind_leads_to_it(kind):
    assert {kind_named(name) for name in (kind.code, kind.french, kind.english, kind.french.upper())} == {kind.code}
    assert kind_of(kind.code) is kind


@given(st.text(max_size=30).filter(lambda text: text not in [*CODES, "passport"]))
def test_an_unknown_kind_claims_nothing_and_is_kept_as_an_invoice_is(text):
    assert kind_of(text).profile is Profile.HOUSE
    assert duties_on(text, TODAY) == duties_on("invoice", TODAY)


def test_a_fingerprint_alone_is_refused_for_the_papers_of_the_audit_trail_and_an_officer_signs_them():
    trail = [kind.code for kind in KINDS if not SIGNED[kind.profile].fingerprint_suffices]
    assert trail == ["order", "delivery", "contract"]
    assert "À signer" in SIGNED[Profile.AUDIT_TRAIL].given


def test_letters_and_others_have_no_term_and_everything_else_has():
    assert [code for code in CODES if longest_duty(code, TODAY) is None] == ["letter", "other"]


@pytest.mark.parametrize("code", sorted(INVOICES))
def test_an_invoice_is_kept_ten_years_for_the_books_and_six_for_the_tax_office(code):
    assert [(duty.years, duty.authority) for duty in duties_on(code, TODAY)] == [(10, "art. L. 123-22 C. com."), (6, "art. L. 102 B LPF")]


@given(st.sampled_from(CODES), st.dates())
def test_a_duty_holds_from_its_day_on(code, day):
    assert set(duties_on(code, day)) == {duty for duty in DUTIES if code in duty.kinds and day >= duty.since}
