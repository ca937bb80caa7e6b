"""The words beside the values: what is found in a text, and that the lists are written as they are looked for."""

import tomllib
from importlib.resources import files

import pytest

from ocr.labels import AMOUNTS, DATES, NUMBERS, PARTIES, labels_in, nearest_label
from ocr.layout import fold


@pytest.mark.parametrize(
    ("printed", "vocabulary", "kind"),
    [
        ("Montant total H.T.", "amounts", "net"),
        ("Reste à payer", "amounts", "due"),
        ("Acompte déjà versé", "amounts", "paid"),
        ("Gesamtsumme inkl. MwSt.", "amounts", "gross"),
        ("zzgl. Umsatzsteuer", "amounts", "tax"),
        ("Totaalbedrag exclusief btw", "amounts", "net"),
        ("Nog te voldoen bedrag", "amounts", "due"),
        ("À régler avant le", "dates", "due"),
        ("zahlbar bis spätestens", "dates", "due"),
        ("Uiterste betaaldatum", "dates", "due"),
        ("Date d'émission de la facture", "dates", "issue"),
        ("Leverdatum", "dates", "delivery"),
        ("Réf. de la facture", "numbers", "number"),
        ("Gutschrift-Nr.", "numbers", "number"),
        ("Factuurkenmerk", "numbers", "number"),
        ("Uw inkooporder nr.", "numbers", "order"),
        ("N° de bon de livraison", "numbers", "other"),
        ("Debiteurennummer", "numbers", "other"),
        ("Rechnungsanschrift", "parties", "buyer"),
    ],
)
def test_a_label_names_its_kind_however_it_is_printed(printed, vocabulary, kind):
    label = nearest_label(fold(printed), vocabulary)
    assert label is not None
    assert (label.kind, label.end) == (kind, len(fold(printed)))


def test_the_longest_phrase_wins_over_the_shorter_one_within_it():
    assert [label.kind for label in labels_in("date de livraison", "dates")] == ["delivery"]


def test_a_label_whose_spaces_the_reader_lost_is_known():
    assert nearest_label("numerodefacture", "numbers").kind == "number"


def test_a_phrase_is_a_whole_word():
    assert labels_in("subtotality", "amounts") == ()


def test_places_are_those_of_the_text():
    text = "le total ttc est ici"
    (label,) = labels_in(text, "amounts")
    assert text[label.start : label.end] == "total ttc"


def test_every_list_is_written_as_it_is_looked_for():
    crossed = tomllib.loads(files("ocr").joinpath("labels.toml").read_text("utf-8"))
    words = [word for entries in crossed.values() for entry in entries for part in entry["words"] for word in part.split(", ")]
    words += [phrase for vocabulary in (AMOUNTS, DATES, NUMBERS, PARTIES) for phrases in vocabulary.values() for phrase in phrases]
    assert [word for word in words if fold(word) != word] == []


def test_kinds_of_the_crossed_lists_are_those_of_the_written_ones():
    crossed = tomllib.loads(files("ocr").joinpath("labels.toml").read_text("utf-8"))
    for name, vocabulary in (("amounts", AMOUNTS), ("dates", DATES), ("numbers", NUMBERS), ("parties", PARTIES)):
        assert {entry["kind"] for entry in crossed[name]} <= set(vocabulary)
