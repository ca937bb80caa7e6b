"""Printed slips say what was put into them, and every sheet of a stack is in exactly one place whatever the recipe."""

import string
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from capture.codes import Code
from capture.separate import (
    Apart,
    Kind,
    Part,
    Plan,
    Reason,
    Recipe,
    Remark,
    Sheet,
    Side,
    merge_with_previous,
    move_page,
    separate,
    set_apart,
    split_before,
)
from capture.slips import MAX_FIELD, BatchSlip, BoxLabel, Nature, Separator, Slip, TargetMark, parse_slip, slip_text

# --- slips ---

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MAX_FIELD)
SLIPS: st.SearchStrategy[Slip] = st.one_of(
    st.builds(TargetMark, NAMES, st.integers(1, 2)),
    st.builds(
        BatchSlip,
        NAMES,
        NAMES,
        st.none() | st.integers(1, 9999),
        st.dates(min_value=date(2000, 1, 1)),
        st.none() | st.sampled_from(Nature),
        st.booleans(),
    ),
    st.builds(BoxLabel, NAMES),
    st.builds(Separator, NAMES, st.none() | NAMES),
)
QR_CAPITALS = set(string.digits + string.ascii_uppercase + " $%*+-./:")
"""ISO/IEC 18004, alphanumeric mode."""


@given(SLIPS)
def test_a_slip_is_read_as_it_was_printed_and_in_capitals_only(slip: Slip) -> None:
    printed = slip_text(slip)
    assert set(printed) <= QR_CAPITALS
    assert parse_slip(printed) == parse_slip(printed.lower()) == slip


def test_a_batch_slip_can_be_read_aloud() -> None:
    slip = BatchSlip("2026-11-22.3", "accueil", 12, date(2026, 11, 22), Nature.PAPER, grey=True)
    assert slip_text(slip) == "SCEAU:1:B:2026-11-22.3:ACCUEIL:12:2026-11-22:P:G:"


@given(st.text() | st.text(st.sampled_from("SCEAU:1TBXD%2F-GPI")).map(lambda text: "SCEAU:1:" + text))
def test_no_code_of_a_stranger_is_an_error(text: str) -> None:
    slip = parse_slip(text)
    assert slip is None or parse_slip(slip_text(slip)) == slip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.org",
        "SCEAU:2:X:A",
        "SCEAU:1:Q:A",
        "SCEAU:1:X:",
        "SCEAU:1:X:A:B",
        "SCEAU:1:T:A:3",
        "SCEAU:1:B:A:B:0:2026-11-22::",
        "SCEAU:1:B:A:B:1:2026-13-22::",
        "SCEAU:1:B:A:B:1:2026-11-22:Z:",
        "SCEAU:1:X:%FF",
        "SCEAU:1:X:" + "A" * 61,
    ],
)
def test_what_is_not_whole_is_no_slip(text: str) -> None:
    assert parse_slip(text) is None


@pytest.mark.parametrize("slip", [BoxLabel(""), BoxLabel("a" * 61), TargetMark("a", 3), BatchSlip("a", "b", 0, date(2026, 1, 1))])
def test_what_cannot_be_printed_is_refused(slip: Slip) -> None:
    with pytest.raises(ValueError, match=r"not|within"):
        slip_text(slip)


# --- stacks ---


def code(text: str, kind: str = "qr") -> Code:
    return Code(kind, text, (0, 0, 200, 200))


def pages(drawing: str, *, file: str = "scan.pdf") -> list[Sheet]:
    """One letter a sheet: `.` printed, `b` blank, `T` Patch T, `A` and `B` a code, `D` a separator of ours, `S` a batch slip,
    `f` a printed front, `r` a blank front, `k` a blank back, `p` a printed back, `F` a separator with its front known.
    """
    return [sheet(letter, i, file) for i, letter in enumerate(drawing, 1)]


def sheet(letter: str, number: int, file: str) -> Sheet:
    texts = {
        "A": "FACT-A",
        "B": "FACT-B",
        "Z": "https://example.org",
        "D": slip_text(Separator("order", "durand")),
        "F": slip_text(Separator("order", "durand")),
        "S": slip_text(BatchSlip("1", "demo", 3, date(2026, 11, 22))),
    }
    sides = {"f": Side.FRONT, "r": Side.FRONT, "F": Side.FRONT, "k": Side.BACK, "p": Side.BACK}
    read = (code(texts[letter]),) if letter in texts else ()
    return Sheet(f"{file}#{number}", file, number, letter in "brk", read, "T" if letter == "T" else None, sides.get(letter))


def numbers(plan: Plan) -> list[list[int]]:
    return [[page.number for page in part.sheets] for part in plan.documents]


def reasons(plan: Plan) -> dict[int, Reason]:
    return {apart.sheet.number: apart.reason for apart in plan.apart}


def cut(drawing: str, kind: Kind, **options: object) -> Plan:
    return separate(pages(drawing), Recipe(kind, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("drawing", "recipe", "documents"),
    [
        ("...", Recipe(Kind.NONE), [[1, 2, 3]]),
        ("...", Recipe(), [[1, 2, 3]]),
        (".....", Recipe(Kind.PAGES, pages=2), [[1, 2], [3, 4], [5]]),
        ("..T.T..", Recipe(Kind.PATCH), [[1, 2], [4], [6, 7]]),
        ("..T..", Recipe(Kind.FILE), [[1, 2, 3, 4, 5]]),
        ("A.B..A", Recipe(Kind.CODE), [[1, 2], [3, 4, 5], [6]]),
        ("A.A..B", Recipe(Kind.CODE, pattern="FACT-"), [[1, 2], [3, 4, 5], [6]]),
        ("A.Z.B.", Recipe(Kind.CODE, pattern="FACT-*"), [[1, 2, 3, 4], [5, 6]]),
        ("A.B.", Recipe(Kind.CODE, pattern="FACT-?", sticker=False), [[2], [4]]),
        (".A.A.B.", Recipe(Kind.VALUE_CHANGE), [[1], [2, 3, 4, 5], [6, 7]]),
        ("A.Z.A", Recipe(Kind.VALUE_CHANGE, pattern="FACT-*"), [[1, 2, 3, 4, 5]]),
        ("b..b.bb.b", Recipe(Kind.BLANK), [[1, 2, 3, 4], [5, 6, 7], [8, 9]]),
        ("fkfprkfk", Recipe(Kind.BLANK), [[1, 2, 3, 4, 5, 6], [7, 8]]),
        ("fprp", Recipe(Kind.BLANK), [[1, 2, 3, 4]]),
        ("..D.S.", Recipe(Kind.NONE), [[1, 2], [4], [6]]),
    ],
)
def test_each_recipe_cuts_where_it_says(drawing: str, recipe: Recipe, documents: list[list[int]]) -> None:
    assert numbers(separate(pages(drawing), recipe)) == documents


def test_each_file_is_a_document_by_default() -> None:
    stack = pages("..", file="a.pdf") + pages(".", file="b.pdf")
    assert [part.keys for part in separate(stack, Recipe()).documents] == [("a.pdf#1", "a.pdf#2"), ("b.pdf#1",)]


def test_a_separator_names_type_and_company_of_its_own_document_only() -> None:
    plan = cut(".D..S.", Kind.NONE)
    assert [(part.document_type, part.company) for part in plan.documents] == [(None, None), ("order", "durand"), (None, None)]
    assert reasons(plan) == {2: Reason.SEPARATOR, 5: Reason.BATCH_SLIP}


def test_a_code_on_a_sheet_of_its_own_speaks_for_the_document_it_opens() -> None:
    plan = cut("A..B.", Kind.CODE, sticker=False)
    assert [[one.text for one in part.codes] for part in plan.documents] == [["FACT-A"], ["FACT-B"]]


def test_the_blank_back_of_a_separator_goes_with_it_and_a_printed_one_stays() -> None:
    plan = cut("FkfkFpf", Kind.NONE)
    assert numbers(plan) == [[3, 4], [6, 7]]
    assert reasons(plan) == {1: Reason.SEPARATOR, 2: Reason.BACK, 5: Reason.SEPARATOR}
    assert [(note.key, note.remark) for note in plan.notes] == [("scan.pdf#6", Remark.PRINTED_BACK)]


def test_a_strangers_code_is_noted_and_changes_nothing() -> None:
    plan = cut(".Z.", Kind.CODE, pattern="FACT-*")
    assert numbers(plan) == [[1, 2, 3]]
    assert [(note.remark, note.text) for note in plan.notes] == [(Remark.UNKNOWN_CODE, "https://example.org")]


def test_a_separator_without_pages_is_noted() -> None:
    assert [(note.key, note.remark) for note in cut("DD.D", Kind.NONE).notes] == [
        ("scan.pdf#1", Remark.EMPTY_SEPARATOR),
        ("scan.pdf#4", Remark.EMPTY_SEPARATOR),
    ]


def test_blank_pages_are_marked_in_their_document() -> None:
    (part,) = cut(".b.b", Kind.NONE).documents
    assert [sheet.key for sheet in part.sheets if sheet.blank] == ["scan.pdf#2", "scan.pdf#4"]


def test_a_recipe_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="recipe"):
        Recipe(Kind.PAGES, pages=0)
    with pytest.raises(ValueError, match="one key"):
        separate(pages(".") + pages("."), Recipe())


# --- laws ---

STACKS = st.text(st.sampled_from(".bTABZDSfrkpF"), max_size=30)
RECIPES = st.builds(Recipe, st.sampled_from(Kind), st.sampled_from(["*", "FACT-*", "FACT-A"]), st.booleans(), st.integers(1, 5))


def places(plan: Plan) -> list[str]:
    return sorted([key for part in plan.documents for key in part.keys] + [apart.key for apart in plan.apart])


@given(STACKS, RECIPES)
def test_every_sheet_is_in_exactly_one_place_and_in_order(drawing: str, recipe: Recipe) -> None:
    stack = pages(drawing)
    plan = separate(stack, recipe)
    kept = [page.number for part in plan.documents for page in part.sheets]
    assert kept == sorted(kept)
    assert [apart.sheet.number for apart in plan.apart] == sorted(apart.sheet.number for apart in plan.apart)
    assert places(plan) == sorted(page.key for page in stack)
    assert all(part.sheets for part in plan.documents)


@given(STACKS, RECIPES)
def test_no_code_leaks_into_another_document(drawing: str, recipe: Recipe) -> None:
    """Each sheet has its own code here: a document knows those between the separator before it and its last page, and no other."""
    stack = [Sheet(p.key, p.file, p.number, p.blank, (*p.codes, code(f"OWN {p.number}")), p.patch, p.side) for p in pages(drawing)]
    plan = separate(stack, recipe)
    for before, part in zip([None, *plan.documents], plan.documents, strict=False):
        own = {int(one.text.split()[1]) for one in part.codes if one.text.startswith("OWN ")}
        last = before.sheets[-1].number if before else 0
        assert {page.number for page in part.sheets} <= own
        assert all(last < number <= part.sheets[-1].number for number in own)


@given(STACKS, RECIPES)
def test_a_type_is_that_of_the_separator_before_the_document(drawing: str, recipe: Recipe) -> None:
    assume(recipe.sticker or recipe.kind is not Kind.CODE)  # a sheet of the recipe's own is a separator too, and names no type
    plan = separate(pages(drawing), recipe)
    for before, part in zip([None, *plan.documents], plan.documents, strict=False):
        start = before.sheets[-1].number if before else 0
        between = drawing[start : part.sheets[0].number - 1]
        after_slip = between[between.rfind("S") + 1 :]
        assert (part.document_type == "order") == any(letter in after_slip for letter in "DF")


@given(STACKS, RECIPES, st.data())
def test_no_correction_loses_a_sheet(drawing: str, recipe: Recipe, data: st.DataObject) -> None:
    plan = first = separate(pages(drawing), recipe)
    for _ in range(4):
        keys, many = places(plan), len(plan.documents)
        key = data.draw(st.sampled_from([*keys, "none"]))
        index, place = data.draw(st.integers(-1, many)), data.draw(st.integers(-1, 5))
        edits = [
            lambda p, k=key: split_before(p, k),
            lambda p, k=key: set_apart(p, k),
            lambda p, i=index: merge_with_previous(p, i),
            lambda p, k=key, i=index, n=place: move_page(p, k, i, n),
        ]
        try:
            plan = data.draw(st.sampled_from(edits))(plan)
        except ValueError:
            continue
    assert places(plan) == places(first)
    assert all(part.sheets for part in plan.documents)


# --- corrections ---


def test_a_split_and_a_merge_undo_each_other() -> None:
    plan = cut("...", Kind.NONE)
    halves = split_before(plan, "scan.pdf#2")
    assert numbers(halves) == [[1], [2, 3]]
    assert merge_with_previous(halves, 1) == plan


def test_a_merge_keeps_what_both_separators_said() -> None:
    whole = merge_with_previous(cut(".D.", Kind.NONE), 1)
    assert whole.documents[0].document_type == "order"
    assert len(merge_with_previous(cut("D.D.", Kind.NONE), 1).documents[0].codes) == 2


def test_a_bracket_in_a_pattern_is_a_bracket() -> None:
    stack = [Sheet(str(i), "f", i, codes=(code(text),)) for i, text in enumerate(["[AB]1", "A1", "[AB]2"])]
    assert [part.keys for part in separate(stack, Recipe(Kind.CODE, "[AB]*")).documents] == [("0", "1"), ("2",)]


def test_what_a_separator_said_stays_with_the_first_half() -> None:
    halves = split_before(cut("D..", Kind.NONE), "scan.pdf#3")
    assert [part.document_type for part in halves.documents] == ["order", None]
    assert [len(part.codes) for part in halves.documents] == [1, 0]


def test_a_page_moves_with_its_codes_and_an_empty_document_goes() -> None:
    plan = cut("A.B", Kind.CODE)
    moved = move_page(plan, "scan.pdf#3", 0, 1)
    assert numbers(moved) == [[1, 3, 2]]
    assert [one.text for one in moved.documents[0].codes] == ["FACT-A", "FACT-B"]
    assert numbers(plan) == [[1, 2], [3]]


def test_a_sheet_set_apart_by_mistake_comes_back() -> None:
    plan = cut(".T.", Kind.PATCH)
    back = move_page(plan, "scan.pdf#2", 0, 1)
    assert numbers(back) == [[1, 2], [3]]
    assert back.apart == ()
    assert set_apart(back, "scan.pdf#2").apart == (Apart(pages(".T.")[1], Reason.PERSON),)


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: split_before(plan, "scan.pdf#1"),
        lambda plan: split_before(plan, "elsewhere"),
        lambda plan: merge_with_previous(plan, 0),
        lambda plan: merge_with_previous(plan, 2),
        lambda plan: move_page(plan, "elsewhere", 0, 0),
        lambda plan: move_page(plan, "scan.pdf#1", 2, 0),
        lambda plan: move_page(plan, "scan.pdf#1", 1, 9),
        lambda plan: set_apart(plan, "elsewhere"),
    ],
)
def test_nonsense_is_refused(edit: object) -> None:
    with pytest.raises(ValueError, match=r"document|page|place"):
        edit(cut("A.B", Kind.CODE))  # type: ignore[operator]


def test_a_document_without_separator_has_no_heading() -> None:
    assert cut("..", Kind.NONE).documents == (Part(tuple(pages(".."))),)
