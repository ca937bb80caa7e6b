"""Missing, repeated and stray pages are noticed; complete stacks raise no alarm."""

import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.catalogue import finding, message
from capture.findings import Finding, Level
from ocr.text import Line, PageText, Word
from workflow.completeness import Count, PageFact, check_batch, check_document
from workflow.numbering import Printed, printed_number

BODY = {0.3: "Reliure de registres 480,00", 0.4: "Dorure à chaud 130,00", 0.5: "12/14 rue des Tanneurs, 69005 Lyon", 0.55: "le 12/10/2026"}


def text(lines: Mapping[float, str], page: int = 1) -> PageText:
    """Each line at its share of the page's height; letters of 20 pixels."""
    return PageText(page, 2480, 3508, tuple(line(words, int(depth * 3508)) for depth, words in lines.items()), "test")


def line(words: str, top: int) -> Line:
    laid, left = [], 200
    for word in words.split():
        laid.append(Word(word, left, top, left + 20 * len(word), top + 36, 0.9))
        left += 20 * len(word) + 12
    return Line(tuple(laid))


def fact(number: int, read: PageText | None = None, **facts: object) -> PageFact:
    values: dict[str, object] = {"width_mm": 210.0, "height_mm": 297.0, "raster": f"raster {number}", "text": read} | facts
    return PageFact(number, **values)  # type: ignore[arg-type]


def document(*lines: Mapping[float, str] | None) -> list[PageFact]:
    """One page for each, None for one that was not read."""
    return [fact(i, text(words, i) if words is not None else None) for i, words in enumerate(lines, 1)]


def numbered(numbers: Sequence[int], total: int, form: str = "Page {}/{}") -> list[PageFact]:
    return document(*({**BODY, 0.95: form.format(number, total)} for number in numbers))


def codes(found: Sequence[Finding]) -> list[str]:
    return [one.code for one in found]


# --- printed page numbers ---


@pytest.mark.parametrize(
    "words", ["Page 2/3", "Page : 2 / 3", "page 2 sur 3", "Page 2 of 3", "Seite 2 von 3", "Blz. 2 van 3", "p. 2/3", "N° F-12 - Page 2/3"]
)
def test_a_page_number_is_read_in_the_ways_it_is_printed(words: str) -> None:
    assert printed_number(text({**BODY, 0.2: words})) == Printed(2, 3, True)


def test_a_page_number_whose_label_stands_apart_is_read() -> None:
    apart = text({0.08: "Page", 0.1: "2 / 3"})
    assert printed_number(apart) == Printed(2, 3, True)


@pytest.mark.parametrize("words", ["- 2/3 -", "2 / 3", "(2/3)", "2 sur 3"])
def test_a_number_alone_at_the_foot_is_believed_but_not_surely(words: str) -> None:
    assert printed_number(text({**BODY, 0.96: words})) == Printed(2, 3, False)
    assert printed_number(text({**BODY, 0.6: words})) is None


@pytest.mark.parametrize(
    "words",
    [
        "12/14 rue des Lilas",
        "le 02/03/2026",
        "03/24",
        "Page 1/10/2026",
        "Suite page 2/3",
        "voir page 2 sur 3",
        "Page 4/3",
        "lot 2/3",
        "1/2 tarif",
    ],
)
def test_dates_house_numbers_and_other_pages_are_no_page_number(words: str) -> None:
    assert printed_number(text({**BODY, 0.95: words})) is None


@pytest.mark.parametrize("form", ["Page {}/{}", "Seite {} von {}", "{} / {}"])
@given(st.data())
def test_a_dropped_page_is_missed_and_a_whole_document_never(form: str, data: st.DataObject) -> None:
    total = data.draw(st.integers(2, 9))
    dropped = data.draw(st.sets(st.integers(1, total), max_size=total - 1))
    left = [number for number in range(1, total + 1) if number not in dropped]
    found = check_document(numbered(left, total, form))
    assert codes(found) == (["page-missing"] if dropped else [])
    if dropped:
        assert found[0].measured == ", ".join(map(str, sorted(dropped)))
        assert found[0].limit == str(total)


def test_of_two_hundred_stacks_with_dropped_pages_hardly_one_is_missed_and_no_whole_one_alarms() -> None:
    chance, caught, alarms = random.Random(7), 0, 0
    for _ in range(200):
        total = chance.randint(2, 12)
        whole = numbered(range(1, total + 1), total, chance.choice(["Page {}/{}", "Page {} sur {}", "Blz. {} van {}"]))
        gone = set(chance.sample(range(total), chance.randint(1, max(1, total // 3))))
        caught += bool(check_document([page for i, page in enumerate(whole) if i not in gone]))
        alarms += bool(check_document(whole))
    assert caught >= 198
    assert alarms == 0


def test_a_page_whose_number_was_not_read_may_be_the_one_that_seems_missing() -> None:
    first, _, third = numbered([1, 2, 3], 3)
    assert codes(check_document([first, fact(2), third])) == []
    assert codes(check_document([first, fact(2, blank=True), third])) == ["page-missing"]


def test_an_annex_numbered_by_itself_is_no_gap() -> None:
    assert check_document(numbered([1, 2], 2) + numbered([1], 1) + numbered([1, 2, 3], 3)) == ()


def test_numbers_without_a_total_begin_again_with_the_next_paper() -> None:
    assert check_document(document(*({**BODY, 0.95: f"Page {number}"} for number in (1, 2, 1, 2)))) == ()


def test_a_second_page_alone_lacks_its_first() -> None:
    assert codes(check_document(document({**BODY, 0.95: "Page 2"}))) == ["page-missing"]
    assert check_document(document(BODY, {**BODY, 0.95: "Page 2"})) == ()


def test_pages_out_of_order_and_pages_scanned_twice_are_told() -> None:
    assert codes(check_document(numbered([1, 3, 2], 3))) == ["page-order"]
    assert codes(check_document(numbered([1, 2, 2, 3], 3))) == ["page-repeated"]


# --- amounts carried forward ---


def carried(out: str, brought: str) -> list[PageFact]:
    return document({**BODY, 0.9: f"À reporter {out}"}, {0.1: f"Report {brought}", **BODY})


def test_an_amount_carried_must_be_brought() -> None:
    assert check_document(carried("1 234,56", "1 234,56")) == ()
    (found,) = check_document(carried("1 234,56", "1 334,56"))
    assert (found.code, found.page, found.measured, found.limit) == ("carry-mismatch", 2, "1334.56", "1234.56")


@pytest.mark.parametrize(
    ("out", "brought"),
    [
        ("Sous-total à reporter", "Report de la page 1"),
        ("Report à la page suivante", "Report page précédente"),
        ("Übertrag auf Seite 2", "Übertrag von Seite 1"),
        ("Carried forward", "Brought forward"),
        ("À reporter :", "Montant reporté"),
    ],
)
def test_amounts_carried_are_known_by_what_is_printed_beside_them(out: str, brought: str) -> None:
    assert codes(check_document(document({0.9: f"{out} 610,00"}, {0.1: f"{brought} 611,00"}))) == ["carry-mismatch"]


def test_a_balance_brought_forward_on_a_last_page_is_nothing_lost() -> None:
    assert check_document(document({0.1: "Report à nouveau 610,00", **BODY, 0.7: "Total reporté 610,00"})) == ()


def test_an_amount_carried_on_the_last_page_lacks_a_page() -> None:
    assert codes(check_document(carried("610,00", "610,00")[:1])) == ["carry-lost"]
    assert codes(check_document(document({**BODY, 0.9: "Übertrag 610,00"}))) == ["carry-lost"]


def test_freight_is_no_amount_carried() -> None:
    assert check_document(document({**BODY, 0.8: "Transport 45,00"}, {0.2: "Transport 12,00", **BODY})) == ()


# --- invoice numbers ---


def invoice(number: str) -> dict[float, str]:
    return {0.1: f"Facture n° {number}", **BODY}


def test_two_invoices_in_one_document_are_told() -> None:
    (found,) = check_document(document(invoice("F-2026-0118"), invoice("F-2026-0119")))
    assert (found.code, found.page, found.measured, found.limit) == ("two-invoice-numbers", 2, "F-2026-0119", "F-2026-0118")


def test_one_invoice_on_two_pages_is_one() -> None:
    assert check_document(document(invoice("F-2026-0118"), invoice("F-2026-O118"))) == ()
    assert check_document(document(invoice("F-2026-0118"), {0.05: "Annule la facture F-2026-0118", **invoice("A-77")})) == ()


def test_pages_numbered_as_one_document_are_one_whatever_invoices_they_name() -> None:
    first, second = ({**invoice(number), 0.95: f"Page {page}/2"} for page, number in ((1, "F-2026-0118"), (2, "F-2026-0119")))
    assert check_document(document(first, second)) == ()


# --- a batch ---


@pytest.mark.parametrize(
    ("pages", "count", "mismatch"),
    [
        (12, Count(12), False),
        (24, Count(12), False),
        (24, Count(12, duplex=True), False),
        (12, Count(12, duplex=True), True),
        (24, Count(12, duplex=False), True),
        (11, Count(12), True),
        (23, Count(12), True),
        (13, Count(), False),
        (13, Count(duplex=True), True),
    ],
)
def test_pages_are_held_against_the_sheets_counted(pages: int, count: Count, mismatch: bool) -> None:
    found = check_batch([fact(i) for i in range(1, pages + 1)], count)
    assert codes(found) == (["count-mismatch"] if mismatch else [])


def test_sheets_put_aside_as_confidential_are_among_those_counted():
    assert codes(check_batch(sides("ppp"), Count(4))) == ["count-mismatch"]
    assert check_batch(sides("ppp"), Count(4, aside=1)) == ()


def test_of_two_counts_that_would_fit_it_is_said_which_is_for_one_side_of_each_sheet():
    found = finding("count-mismatch", measured="5", limit="6 / 12")
    assert "il en faudrait 6 (recto) ou 12 (recto verso)." in message(found)
    assert "6 (one-sided) or 12 (two-sided)" in message(found, "en")


def test_the_same_raster_twice_is_told_save_for_blank_pages() -> None:
    (found,) = check_batch([fact(1), fact(2), fact(3, raster="raster 1")])
    assert (found.code, found.page, found.limit) == ("page-repeated", 3, "1")
    assert check_batch([fact(1, blank=True), fact(2, raster="raster 1", blank=True)]) == ()


def test_a_second_scan_of_a_paper_is_told_but_not_the_next_invoice_of_a_subscription() -> None:
    prices = {0.6: "10 x 48,00 = 480,00", 0.7: "4 x 32,50 = 130,00", 0.8: "Total 610,00"}
    paper = text({**invoice("F-2026-0118"), **prices})
    following = text({**invoice("F-2026-0119"), **prices})
    assert codes(check_batch([fact(1, paper, phash=0b1011), fact(2, paper, phash=0b1110)])) == ["page-alike"]
    assert check_batch([fact(1, paper, phash=7), fact(2, following, phash=7)]) == ()
    assert check_batch([fact(1, paper, phash=0), fact(2, paper, phash=2**40 - 1)]) == ()
    assert check_batch([fact(1, phash=7), fact(2, phash=7)]) == ()


def test_a_page_longer_than_its_neighbours_is_told() -> None:
    stack = [fact(i, height_mm=297.0 + 0.2 * i) for i in range(1, 7)]
    (found,) = check_batch([*stack, fact(7, height_mm=341.0)])
    assert (found.code, found.page, found.measured) == ("odd-length", 7, "341 mm")


def test_receipts_and_other_known_sheets_are_no_odd_length() -> None:
    stack = [fact(i) for i in range(1, 7)]
    assert check_batch([*stack, fact(7, width_mm=80.0, height_mm=160.0), fact(8, height_mm=148.0)]) == ()
    assert check_batch([fact(i, width_mm=80.0, height_mm=90.0 + 30 * i) for i in range(1, 9)]) == ()


def sides(pattern: str) -> list[PageFact]:
    """p is printed, b is blank."""
    return [fact(i, blank=side == "b") for i, side in enumerate(pattern, 1)]


def test_blank_sides_that_change_from_back_to_front_are_told() -> None:
    (found,) = check_batch(sides("pbpbpppbbpbpbppp"), Count(8))
    assert (found.code, found.page, found.measured) == ("sides-shifted", 9, "3")
    assert codes(check_batch(sides("bpbpbp"), Count(duplex=True))) == ["sides-shifted"]


def test_a_stack_with_blank_backs_here_and_there_is_as_it_should_be() -> None:
    assert check_batch(sides("pbpppbpppb"), Count(5)) == ()
    assert check_batch(sides("pbpbbppb"), Count(duplex=True)) == ()
    assert check_batch(sides("pbpbbpbp"), Count(duplex=False)) == ()
    assert check_batch(sides("pbpbbp"), Count(duplex=True)) == ()
    assert check_batch(sides("bpbppbpb"), Count(duplex=True)) == ()


def test_every_cue_is_for_review_and_has_a_remedy() -> None:
    found = [*check_document(numbered([1], 2)), *check_batch([fact(1)], Count(2))]
    assert {one.level for one in found} == {Level.REVIEW}
    assert {one.clause for one in found} == {"I-1"}
    assert "rescannez" in message(found[0])
