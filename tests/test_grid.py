"""Rule tables as grids, differences in words, circuits as drawings: pure functions over texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studiohome import NAME, with_threshold

from config.rulebook import shipped_circuits, shipped_files, shipped_rules
from workflow.changes import differences
from workflow.circuit import ways_out
from workflow.drawing import HEIGHT, WIDTH, draw
from workflow.grid import flaws_at, fresh_row, grids_of, moved, trials_of, with_rows, with_words, words_of
from workflow.rules import load_rules
from workflow.tables import ELSE

TEXT = next(path for path in shipped_files() if path.name == f"{NAME}.regles.yaml").read_text(encoding="utf-8")
CONTROL, WHO = grids_of(TEXT)
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"), exclude_characters="|"), max_size=12).map(str.strip)


def rows_of(text: str, table: str) -> list[tuple[str, ...]]:
    grid = next(each for each in grids_of(text) if each.table == table)
    return [tuple(cell.text for cell in row) for row in grid.rows]


# --- grids ---


def test_a_table_is_read_as_its_cells_with_their_places():
    assert WHO.head == ("Montant TTC", "Fournisseur", "Commande", "Voie d'approbation", "Délai d'approbation", "pourquoi")
    assert (WHO.inputs, WHO.outputs, WHO.noted) == (3, 2, True)
    cell = WHO.rows[4][1]
    assert cell.text == "> 5000"
    assert TEXT.split("\n")[cell.line - 1][cell.column - 1 :].startswith("> 5000")


def test_a_grid_that_nobody_changed_leaves_the_file_as_it_was():
    assert with_rows(TEXT, "qui-approuve", rows_of(TEXT, "qui-approuve")) == TEXT


def test_a_changed_cell_changes_nothing_but_its_table():
    rows = rows_of(TEXT, "qui-approuve")
    rows[4] = (rows[4][0], "> 8000", *rows[4][2:])
    text = with_rows(TEXT, "qui-approuve", rows)
    assert rows_of(text, "controle") == rows_of(TEXT, "controle")
    assert text.startswith("# Qui approuve une facture de fournisseur.")
    assert [each.told() for each in differences(TEXT, text)] == [
        "Qui approuve, selon le montant et le fournisseur, ligne A5, Montant TTC : « > 5000 » → « > 8000 »"
    ]


@given(st.lists(st.tuples(st.just("R"), *[CELLS] * 6), min_size=1, max_size=6))
def test_whatever_is_typed_into_cells_is_read_back_as_it_was_typed(rows):
    typed = [(f"R{number}", *row[1:]) for number, row in enumerate(rows)]
    text = with_rows(TEXT, "qui-approuve", typed)
    assert rows_of(text, "qui-approuve") == [tuple(cell.strip() for cell in row) for row in typed]
    assert with_rows(text, "qui-approuve", typed) == text


@pytest.mark.parametrize("cell", ["a|b", "a\nb", "a\rb"])
def test_a_cell_that_would_part_its_line_is_refused(cell):
    rows = rows_of(TEXT, "qui-approuve")
    rows[0] = (*rows[0][:-1], cell)
    with pytest.raises(ValueError, match="qui-approuve"):
        with_rows(TEXT, "qui-approuve", rows)


def test_a_line_without_a_name_is_not_lost():
    rows = [("", "-", "-", "-", "", "", ""), *rows_of(TEXT, "qui-approuve")]
    assert rows_of(with_rows(TEXT, "qui-approuve", rows), "qui-approuve")[0][0] == "?"


def test_comments_inside_a_table_are_kept():
    text = TEXT.replace("      | A2 |", "      # la commande suffit\n      | A2 |")
    rows = rows_of(text, "qui-approuve")
    changed = with_rows(text, "qui-approuve", rows[1:])
    assert "# la commande suffit" in changed
    assert rows_of(changed, "qui-approuve") == rows[1:]


def test_lines_are_added_removed_and_moved_and_the_default_stays_last():
    rows = rows_of(TEXT, "controle")
    fresh = fresh_row(CONTROL, words_of(TEXT))
    assert fresh == ("C7", "-", "-", "-", "-", "aucune", "")
    assert [row[0] for row in moved(rows, "add", 0, fresh)] == ["C1", "C7", "C2", "C3", "C4", "C5", "sinon"]
    assert [row[0] for row in moved(rows, "down", 4, fresh)][-1] == ELSE
    assert [row[0] for row in moved(rows, "up", 1, fresh)][:2] == ["C2", "C1"]
    assert moved(rows, "remove", 0, fresh)[0][0] == "C2"
    with pytest.raises(ValueError, match="burn"):
        moved(rows, "burn", 0, fresh)


def test_a_flaw_is_found_in_its_cell():
    text = TEXT.replace("| > 5000       | connu ", "| > cinq mille | conu  ").replace(
        "| > 5000     | connu       |", "| > cinq       | conu        |"
    )
    flaws = load_rules(text).flaws
    grid = grids_of(text)[1]
    placed = flaws_at(grid, flaws)
    assert set(placed) == {(4, 1), (4, 2)}
    assert "connu" in placed[4, 2][0].message


# --- examples ---


def test_each_example_tells_whether_it_passes():
    assert {trial.standing for trial in trials_of(TEXT, load_rules(TEXT).flaws)} == {"passed"}
    text = TEXT.replace("]500..5000]", "]500..8000]").replace("| > 5000 ", "| > 8000 ")
    failed = [trial.title for trial in trials_of(text, load_rules(text).flaws) if trial.standing == "failed"]
    assert failed == ["Un centime de plus"]
    broken = TEXT.replace("]500..5000]", "]500..")
    assert {trial.standing for trial in trials_of(broken, load_rules(broken).flaws)} == {"untried"}


def test_a_word_of_an_example_is_changed_where_it_stands():
    trial = next(each for each in trials_of(TEXT, ()) if each.title == "Un centime de plus")
    word = dict(trial.given)["montant_ttc"]
    text = with_words(TEXT, {(word.line, word.column): "8000.01"})
    assert "avec: {montant_ttc: 8000.01, fournisseur: connu, commande: vide}" in text
    assert len(text.split("\n")) == len(TEXT.split("\n"))


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20).map(str.strip).filter(bool))
def test_whatever_is_typed_into_an_example_is_one_word_of_it(typed):
    trial = trials_of(TEXT, ())[-1]
    word = dict(trial.given)["fournisseur"]
    after = trials_of(with_words(TEXT, {(word.line, word.column): typed}), ())
    assert dict(after[-1].given)["fournisseur"].text == typed
    assert len(after) == len(trials_of(TEXT, ()))


# --- differences ---


def test_lines_that_come_go_and_move_are_told_in_words():
    rows = rows_of(TEXT, "controle")
    come = with_rows(TEXT, "controle", [*rows[:1], ("C9", "-", "-", "oui", "-", "comptable", ""), *rows[1:]])
    assert [each.told() for each in differences(TEXT, come)] == [
        "Ce qui se vérifie avant d'approuver, ligne C9 : ligne ajoutée (IBAN changé : oui, Vérification : comptable)"
    ]
    assert differences(come, TEXT)[0].after is None
    swapped = with_rows(TEXT, "controle", [rows[1], rows[0], *rows[2:]])
    assert [each.kind for each in differences(TEXT, swapped)] == ["order"]


def test_comments_and_spaces_are_no_difference():
    assert differences(TEXT, TEXT.replace("# Qui approuve", "# Autrement dit, qui approuve")) == ()


def test_a_circuit_tells_which_word_of_which_step_changed():
    path = next(path for path in shipped_files() if path.name == "facture-fournisseur.circuit.yaml")
    text = path.read_text(encoding="utf-8")
    told = [each.told() for each in differences(text, text.replace("rappel: 1 jour ouvré", "rappel: 2 jours ouvrés", 1))]
    assert told == ["etapes, approbation, rappel : « 1 jour ouvré » → « 2 jours ouvrés »"]


def test_a_text_that_is_no_file_is_compared_line_by_line():
    assert [each.kind for each in differences("a: b", "a: b\n  - : {")] == ["text"]


# --- drawings ---


@pytest.mark.parametrize("name", shipped_circuits())
def test_a_drawing_shows_every_step_apart_and_every_way(name):
    circuit = shipped_circuits()[name]
    drawing = draw(circuit)
    assert [box.name for box in drawing.boxes] == list(circuit.steps)
    assert {(way.source, way.target) for way in drawing.ways} == {
        (each, to) for each, step in circuit.steps.items() for _, to in ways_out(step)
    }
    places = [(box.x, box.y) for box in drawing.boxes]
    assert all(abs(x1 - x2) >= WIDTH or abs(y1 - y2) >= HEIGHT for at, (x1, y1) in enumerate(places) for x2, y2 in places[:at])
    assert all(0 <= x <= drawing.width - WIDTH and 0 <= y <= drawing.height - HEIGHT for x, y in places)


def test_the_same_circuit_is_drawn_the_same():
    circuit = shipped_circuits()["facture-fournisseur"]
    assert draw(circuit) == draw(circuit)


def test_the_shipped_threshold_is_where_the_tests_think_it_is():
    assert load_rules(with_threshold(TEXT)).rules is not None
    assert shipped_rules()[NAME].version != load_rules(with_threshold(TEXT)).rules.version


def test_an_english_reader_is_told_the_change_in_english_and_labels_stay_their_owners() -> None:
    text = TEXT.replace("> 5000 ", "> 8000 ")
    told = [each.told("en") for each in differences(TEXT, text)]
    assert told
    assert all("“> 5000” → “> 8000”" in each and "line A" in each and "ligne" not in each for each in told)
