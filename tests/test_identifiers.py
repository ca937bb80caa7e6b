import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import luhn

from ocr.identifiers import (
    CONFUSIONS,
    MAX_CONFUSED,
    fits_iban,
    read_identifier,
    repairs,
    valid_bic,
    valid_iban,
    valid_siren,
    valid_siret,
    valid_vat,
    vat_siren,
)

sirens = st.integers(1_000_000, 99_999_999).map(lambda n: f"{n:08d}").map(lambda body: body + luhn.calc_check_digit(body))


@pytest.mark.parametrize(
    ("check", "number"),
    [
        (valid_siren, "732829320"),
        (valid_siren, "552100554"),
        (valid_siret, "73282932000074"),
        (valid_siret, "35600000000048"),
        (valid_siret, "35600000049837"),
        (valid_vat, "FR44732829320"),
        (valid_vat, "FR40303265045"),
        (valid_vat, "FRK7399859412"),
        (valid_vat, "FR4Z123456782"),
        (valid_vat, "DE136695976"),
        (valid_iban, "FR7630006000011234567890189"),
        (valid_iban, "FR1420041010050500013M02606"),
        (valid_iban, "GB29NWBK60161331926819"),
        (valid_bic, "COBADEFFXXX"),
    ],
)
def test_a_true_identifier_passes_its_checksum(check, number):
    assert check(number)


@pytest.mark.parametrize(
    ("check", "number"),
    [
        (valid_siren, "732829321"),
        (valid_siret, "73282932000079"),
        (valid_siret, "35600000049838"),
        (valid_siret, "7328293200007"),
        (valid_vat, "FR45732829320"),
        (valid_iban, "FR7630006000011234567890188"),
        (valid_iban, "FR2012542547256985425874698"),  # modulo 97 passes, the key of the RIB does not
        (valid_iban, "ZZ7630006000011234567890189"),
    ],
)
def test_a_false_identifier_does_not(check, number):
    assert not check(number)


def test_an_identifier_that_does_not_pass_is_still_read_as_printed():
    read = read_identifier("FR76 1254 2547 2569 8542 5874 698", valid_iban, letters=2)
    assert (read.value, read.valid, read.corrected) == ("FR7612542547256985425874698", False, False)


def test_misread_letters_are_corrected_where_one_way_alone_passes():
    read = read_identifier("FR76 3OOO 6000 0I12 34S6 7890 189", valid_iban, letters=2)
    assert (read.value, read.valid, read.corrected) == ("FR7630006000011234567890189", True, True)


def test_two_ways_that_both_pass_correct_nothing():
    both = {"1O", "10"}
    read = read_identifier("IO", lambda value: value in both)
    assert (read.value, read.corrected) == ("IO", False)


@settings(deadline=None)
@given(sirens, st.data())
def test_every_siren_with_one_misread_digit_comes_back(siren, data):
    misread = {digit: letter for letter, digit in CONFUSIONS.items()}
    places = [i for i, digit in enumerate(siren) if digit in misread]
    if not places:
        return
    i = data.draw(st.sampled_from(places))
    read = read_identifier(siren[:i] + misread[siren[i]] + siren[i + 1 :], valid_siren)
    assert (read.value, read.corrected) == (siren, True)


@settings(deadline=None)
@given(st.text("0123456789", max_size=30))
def test_digits_are_never_taken_for_letters(digits):
    assert repairs(digits) == set()


@settings(deadline=None)
@given(st.text("OISB0158", min_size=MAX_CONFUSED + 1, max_size=40))
def test_the_work_of_repairing_is_bounded(text):
    assert len(repairs(text)) < 2**MAX_CONFUSED


def test_the_siren_inside_a_vat_number_is_that_of_france_alone():
    assert vat_siren("FR44732829320") == "732829320"
    assert vat_siren("DE136695976") is None
    assert vat_siren("FR19000012345") is None  # Monaco


def test_an_iban_has_its_countrys_length():
    assert fits_iban("DE88200800000970375700")
    assert not fits_iban("DE98ZZZ09999999999")  # a creditor identifier
