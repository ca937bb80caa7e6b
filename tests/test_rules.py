"""Rules say what they say for every value, refuse what they cannot mean with its place, and tell why; nothing in a file is ever run."""

import itertools
import random
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import cost
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from config.rulebook import check_files, check_named, shipped_files, shipped_rules
from station.cli import app
from workflow import expressions, unary
from workflow.expressions import BarredExpression, compiled, matches
from workflow.marked import LONGEST, Flaw
from workflow.replaying import in_english
from workflow.rules import Loaded, load_rules
from workflow.tables import Decision, Line, Policy, Refused, RuleSet, Table, assembled, decide, prove
from workflow.tracing import FRAMES, explain
from workflow.unary import UnaryTest, read_test, regions_of
from workflow.vocabulary import Kind, Misread, Value, Variable, refusal, shown, value_of

FILE = """\
regles: approbation
titre: Approbation
vocabulaire:
  montant_ttc: {libelle: Montant TTC, type: montant, minimum: 0}
  connu: {libelle: Fournisseur connu, type: oui/non}
  pays: {libelle: Pays, type: liste, choix: {FR: France, BE: Belgique}, facultatif: oui}
  jour: {libelle: Jour, type: date}
  groupe: {libelle: Groupe, type: texte}
  rang: {libelle: Rang, type: entier, facultatif: oui}
tables:
  qui:
    titre: Qui approuve
    choisir: premiere
    lignes: |
      |       | Montant TTC | Fournisseur connu | Pays    || Groupe    | Rang || note        |
      |-------|-------------|-------------------|---------||-----------|------||-------------|
      | R1    | <= 500      | oui               | FR      || comptable | 1    || petit       |
      | R2    | ]500..5000] | oui               | non(BE) || chef      | -    ||             |
      | R3    | > 5000      | -                 | -       || direction | 3    || beaucoup    |
      | sinon | -           | -                 | -       || chef      | 2    ||             |
essais:
  - titre: petite
    avec: {montant_ttc: 320.00, connu: oui, pays: FR}
    attendu: {ligne: R1, groupe: comptable, rang: 1}
"""
SMALL: dict[str, Value] = {"montant_ttc": Decimal("320.00"), "connu": True, "pays": "FR"}


def loaded(text: str) -> RuleSet:
    found = load_rules(text)
    assert found.rules is not None, [flaw.told("x") for flaw in found.flaws]
    return found.rules


def placed(text: str, at: str) -> tuple[int, int]:
    """Line and column of the « ¤ » in a text, which is then taken out."""
    before = text[: text.index(at)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


# --- the language ---


def test_a_decision_gives_typed_results_and_says_which_rules_gave_them() -> None:
    rules = loaded(FILE)
    decision = decide(rules, "qui", SMALL)
    assert isinstance(decision, Decision)
    assert (decision.rules, decision.version, decision.lines) == ("approbation", rules.version, ("R1",))
    assert decision.result == {"groupe": "comptable", "rang": 1}


@pytest.mark.parametrize(
    ("amount", "known", "country", "line"),
    [
        ("500", True, "FR", "R1"),
        ("500.01", True, "FR", "R2"),
        ("5000", True, "FR", "R2"),
        ("5000.01", False, None, "R3"),
        ("5000", True, "BE", "sinon"),
        ("5000", True, None, "sinon"),
        ("5000", False, "FR", "sinon"),
    ],
)
def test_bounds_belong_to_the_side_that_their_bracket_says(amount: str, known: bool, country: str | None, line: str) -> None:
    decision = decide(loaded(FILE), "qui", {"montant_ttc": Decimal(amount), "connu": known, "pays": country})
    assert isinstance(decision, Decision)
    assert decision.lines == (line,)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"montant_ttc": None}, "« Montant TTC » : la valeur manque"),
        ({"montant_ttc": 320.0}, "« Montant TTC » : il faut un montant, reçu float"),
        ({"montant_ttc": "320"}, "« Montant TTC » : il faut un montant, reçu str"),
        ({"montant_ttc": True}, "« Montant TTC » : il faut un montant, reçu bool"),
        ({"montant_ttc": Decimal("NaN")}, "« Montant TTC » : il faut un nombre fini"),
        ({"montant_ttc": Decimal("0.001")}, "« Montant TTC » : un montant a deux décimales au plus"),
        ({"montant_ttc": Decimal(-1)}, "« Montant TTC » : hors limites (0,00 € à …)"),
        ({"connu": 1}, "« Fournisseur connu » : il faut oui ou non, reçu int"),
        ({"pays": "FRA"}, "« Pays » : « FRA » n'est pas un choix : vouliez-vous dire « FR » ?"),
    ],
)
def test_a_missing_value_or_a_wrong_type_is_refused_and_never_goes_to_the_default_line(change: dict[str, object], reason: str) -> None:
    refused = decide(loaded(FILE), "qui", {**SMALL, **change})
    assert isinstance(refused, Refused)
    assert refused.reasons == (reason,)


def test_a_value_that_is_not_there_at_all_is_refused_even_where_it_may_be_empty() -> None:
    refused = decide(loaded(FILE), "qui", {"montant_ttc": Decimal(1), "connu": True})
    assert isinstance(refused, Refused)
    assert refused.reasons == ("« Pays » : la valeur manque",)


def test_a_moment_is_no_date() -> None:
    assert refusal(Variable("jour", "Jour", Kind.DATE), datetime(2026, 1, 1)) is not None  # noqa: DTZ001
    assert refusal(Variable("jour", "Jour", Kind.DATE), date(2026, 1, 1)) is None


def test_all_lines_that_apply_count_where_the_table_says_so() -> None:
    rules = loaded(
        FILE.replace("premiere", "toutes")
        .replace("]500..5000]", "<= 5000    ")
        .replace("attendu: {", "attendu: [{")
        .replace("1}\n", "1}, {ligne: R2}]\n")
    )
    decision = decide(rules, "qui", SMALL)
    assert isinstance(decision, Decision)
    assert decision.lines == ("R1", "R2")
    assert [each["groupe"] for each in decision.outputs] == ["comptable", "chef"]


def test_no_line_is_no_decision() -> None:
    rules = loaded(re.sub(r" +\| sinon.*\n", "", FILE))
    refused = decide(rules, "qui", {**SMALL, "connu": False})
    assert isinstance(refused, Refused)
    assert refused.reasons == ("aucune ligne ne s'applique à ces valeurs",)


def test_the_version_is_that_of_what_is_said_not_of_how_it_is_written() -> None:
    version = loaded(FILE).version
    assert loaded("# Une remarque\n" + FILE.replace("| <= 500      |", "|    <= 500   |")).version == version
    assert loaded(FILE.replace("<= 500 ", "<= 499 ")).version != version
    assert loaded(FILE.replace("| beaucoup ", "| vraiment ")).version != version


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.AMOUNT, "5 000.50", Decimal("5000.50")),
        (Kind.NUMBER, "-0.125", Decimal("-0.125")),
        (Kind.WHOLE, "12", 12),
        (Kind.DATE, "31/12/2026", date(2026, 12, 31)),
        (Kind.DATE, "2026-12-31", date(2026, 12, 31)),
        (Kind.YES_NO, "non", False),
        (Kind.TEXT, '"Dupont & Fils, SA"', "Dupont & Fils, SA"),
    ],
)
def test_values_are_read_as_typed(kind: Kind, text: str, value: Value) -> None:
    assert value_of(Variable("v", "V", kind), text) == value


def test_values_are_shown_as_a_french_reader_expects_them() -> None:
    assert shown(Variable("v", "V", Kind.AMOUNT), Decimal("-1234567.5")) == "-1 234 567,50 €"
    assert shown(Variable("v", "V", Kind.WHOLE, unit="jours"), 1000) == "1 000 jours"
    assert shown(Variable("v", "V", Kind.CHOICE, (("FR", "France"),)), "FR") == "France"


# --- flaws, each with its place ---

FLAWS: list[tuple[str, str, str]] = [
    (
        "> 5000 ",
        "¤> 5000 EUR",
        "ligne R3, colonne « Montant TTC » : « > 5000 EUR » n'est pas un test valable (exemples : > 5000, [0..5], -)",
    ),
    ("> 5000 ", "¤1,5", "les décimales s'écrivent avec un point"),
    ("> 5000 ", "¤[5..1]", "l'intervalle est à l'envers : écrivez [1..5]"),
    ("> 5000 ", "¤[1..]", "n'est pas un test valable"),
    ("> 5000 ", "¤~ 5", "n'est pas un test valable"),
    ("> 5000 ", "¤ ", "case vide : écrivez « - »"),
    ("> 5000 ", "¤> 0.001", "deux décimales au plus"),
    ("> 5000 ", "¤vide", "« Montant TTC » n'est jamais vide"),
    ("> 5000 ", "¤< 0", "aucune valeur ne répond à « < 0 »"),
    ("non(BE)", "¤non(BE", "il manque la parenthèse"),
    ("non(BE)", "¤≠ BE", "écrivez non(BE)"),
    ("non(BE)", "¤> FR", "plus grand et plus petit demandent"),
    ("non(BE)", "¤FRA", "vouliez-vous dire « FR » ?"),
    ("oui               | FR", "¤vrai | FR", "il faut oui ou non"),
    ("comptable | 1", "comptable | ¤un", "« un » n'est pas une valeur de type entier"),
    ("comptable | 1", "¤- | 1", "« - » n'est pas une valeur de type texte"),
    ("| Montant TTC |", "| ¤Montant TCC |", "colonne « Montant TCC » inconnue du vocabulaire : vouliez-vous dire « Montant TTC » ?"),
    ("| Pays    ||", "| ¤Montant TTC ||", "la colonne « Montant TTC » est écrite deux fois"),
    ("| R3    | > 5000      |", "| ¤R3    |", "il faut 4 || 2 || 1 cases comme dans les titres, il y en a 3 || 2 || 1"),
    ("| R3    |", "| ¤R2    |", "il y a déjà une ligne R2"),
    ("| sinon | - ", "| ¤sinon | 7 ", "la ligne sinon est la dernière, et ses conditions sont toutes « - »"),
    ("      | R3", "      ¤R3", "une ligne de table commence et finit par « | »"),
    ("choisir: premiere", "choisir: ¤premier", "vouliez-vous dire « premiere » ?"),
    ("    titre: Qui", "    ¤titres: Qui", "« titres » est inconnu ici : vouliez-vous dire « titre » ?"),
    ("type: montant", "type: ¤argent", "type « argent » inconnu"),
    ("  connu: {libelle: Fournisseur connu,", "  ¤connu: {libelle: Montant TTC,", "« Montant TTC » désigne déjà « montant_ttc »"),
    ("  jour: {", "  ¤Jour: {", "un nom s'écrit en minuscules"),
    ("  jour: {", "  ¤connu: {", "« connu » est déjà écrit à la ligne 5"),
    ("choix: {FR: France, BE: Belgique}", "choix: ¤{oui: Oui}", "« oui » ne peut pas être un choix"),
    ("minimum: 0", "minimum: ¤beaucoup", "« minimum » : il faut un nombre"),
    ("facultatif: oui}\n  jour", "facultatif: ¤peut-être}\n  jour", "« facultatif » demande oui ou non"),
    ("- titre: petite", "- titre: ¤petite\n    table: qui", ""),
    ("groupe: comptable, rang", "groupe: chef, rang", "résultat différent, obtenu ligne R1 (groupe: comptable, rang: 1)"),
    ("ligne: R1", "ligne: R2", "attendu ligne R2, obtenu ligne R1"),
    ("ligne: R1", "ligne: ¤R9", "ligne R9 inconnue"),
    ("connu: oui, pays", "¤conu: oui, pays", "« conu » est inconnu du vocabulaire : vouliez-vous dire « connu » ?"),
    ("montant_ttc: 320.00, connu", "connu", "il manque une valeur pour « montant_ttc »"),
    ("montant_ttc: 320.00", "montant_ttc: ¤320 EUR", "« 320 EUR » n'est pas une valeur de type montant"),
    ("regles: approbation", "regles: approbation\n¤regels: x", "« regels » est inconnu ici : vouliez-vous dire « regles » ?"),
    ("  montant_ttc: {", "  montant_ttc: ¤&a {", "les renvois (& et *) ne sont pas admis"),
    ("titre: Approbation", "titre: ¤!!python/object/apply:os.system [x]", "les étiquettes YAML (« ! ») ne sont pas admises"),
    ("titre: Approbation", "titre: ¤\tApprobation", "caractère de commande U+0009"),
    ("titre: Approbation", "titre: ¤\u2028Approbation", "caractère de commande U+2028"),
    ("lignes: |", "lignes: ¤>", "écrivez la table sous « lignes: | »"),
]


@pytest.mark.parametrize(("old", "new", "message"), [each for each in FLAWS if each[2]])
def test_each_flaw_refuses_the_file_and_tells_its_line_and_column(old: str, new: str, message: str) -> None:
    assert old in FILE
    text = FILE.replace(old, new, 1)
    flaws = load_rules(text.replace("¤", "")).flaws
    assert load_rules(text.replace("¤", "")).rules is None
    told = next((flaw for flaw in flaws if message in flaw.message), None)
    assert told is not None, [flaw.told("x") for flaw in flaws]
    if "¤" in new:
        assert (told.line, told.column) == placed(text, "¤")
    assert all(1 <= flaw.line <= text.count("\n") + 1 for flaw in flaws)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("> 400,00", "écrivez « > 400.00 »"),
        ("400,5", "écrivez « 400.5 » ou « 400, 5 »"),
        ("> 5 000,50 €", "écrivez « > 5 000.50 »"),
        ("> 5000 EUR", "écrivez « > 5000 »"),
        ("[400,00 à 5000,00]", "écrivez « [400.00..5000.00] »"),
        ("]5000..500]", "l'intervalle est à l'envers : écrivez ]500..5000]"),
        ("]500..500]", "l'intervalle est vide, aucune valeur n'y est : écrivez 500"),
    ],
)
def test_what_was_probably_meant_is_suggested(cell: str, message: str) -> None:
    found = read_test(Variable("m", "Montant", Kind.AMOUNT), cell)
    assert isinstance(found, Misread)
    assert message in found.message


def test_a_flaw_reads_as_compilers_write_theirs() -> None:
    assert Flaw(22, 33, "non").told("approbation.regles.yaml") == "approbation.regles.yaml:22:33: non"


def test_a_line_that_can_never_apply_is_refused_and_told_what_takes_its_cases() -> None:
    text = FILE.replace("| > 5000      | -                 | -   ", "| ]500..600]  | oui               | FR  ")
    assert [flaw.message for flaw in load_rules(text).flaws] == [
        "table « qui », ligne R3 : elle ne peut jamais s'appliquer, la ligne R2 prend avant elle tous ses cas"
    ]


def test_lines_that_only_together_take_all_cases_of_another_are_seen() -> None:
    text = FILE.replace("| > 5000      | -                 | -   ", "| [1..4000]   | oui               | FR  ")
    assert any("les lignes R1 et R2 prennent avant elle tous ses cas" in flaw.message for flaw in load_rules(text).flaws)


def test_two_lines_of_a_unique_table_that_overlap_are_told_with_an_example() -> None:
    text = FILE.replace("premiere", "unique").replace("]500..5000]", "[500..5000]")
    assert any(
        "les lignes R1 et R2 s'appliquent toutes deux, par exemple à : Montant TTC = 500,00 €, Fournisseur connu = oui, Pays = France"
        in each.message
        for each in load_rules(text).flaws
    )


def test_a_case_without_a_line_is_told_with_an_example_that_can_occur() -> None:
    found = load_rules(re.sub(r" +\| sinon.*\n", "", FILE).replace("]500..5000]", "]501..5000]"))
    assert found.rules is not None
    (flaw,) = found.flaws
    assert not flaw.grave
    example = re.search(r"Montant TTC = ([\d ,]+) €, Fournisseur connu = (oui|non), Pays = (\w+)", flaw.message)
    assert example is not None
    values = {
        "montant_ttc": Decimal(example[1].replace(" ", "").replace(",", ".")),
        "connu": example[2] == "oui",
        "pays": {"France": "FR", "Belgique": "BE", "vide": None}[example[3]],
    }
    assert isinstance(decide(found.rules, "qui", values), Refused)


def test_no_gap_is_seen_between_one_cent_and_the_next() -> None:
    text = FILE.replace("]500..5000]", "[500.01..5000]").replace("> 5000 ", ">= 5000.01")
    covering = re.sub(r"oui               \| (FR     |non\(BE\))", "-                 | -      ", text)
    assert load_rules(re.sub(r" +\| sinon.*\n", "", covering)).flaws == ()


def test_a_table_that_cannot_be_proved_in_time_is_refused() -> None:
    chance = random.Random(1)
    columns = tuple(Variable(f"v{n}", f"V{n}", Kind.YES_NO) for n in range(24))
    tests = {word: read_test(columns[0], word) for word in ("oui", "non", "-")}
    rows = [{n: chance.choice(("oui", "non")) for n in chance.sample(range(24), 3)} for _ in range(110)]
    lines = [
        Line(f"R{at}", tuple(test for n in range(24) if isinstance(test := tests[row.get(n, "-")], UnaryTest)), (), cells_at=(1,) * 24)
        for at, row in enumerate(rows)
    ]
    flaws: list[Flaw] = []
    cost.within(500, lambda: prove(assembled("t", "T", Policy.FIRST, columns, (), lines), flaws, ""))
    assert flaws[-1].grave
    assert flaws[-1].message == "trop de combinaisons pour prouver qu'aucune ligne n'est inutile : faites-en deux tables"


# --- hostile files ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "\x00",
        "a: " + "[" * 5000,
        "a: " + "{a: " * 3000,
        "- " * 5000,
        "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
        "a: !!python/object/apply:os.system ['true']",
        "--- a: 1\n--- b: 2",
        "a: 1\n" * 1_000_000,
        "a:\n" + "".join(f"  k{n}: x\n" for n in range(60_000)),
        "%YAML 9.9\n---\na: b",
        "? [a, b]\n: c",
        "<<: {a: b}\na: c",
        "a: '" + "x" * (LONGEST - 5) + "'",
        '"\\u0000": x',
        'regles: "\\ud800"',
        'titre: "a\\x1bb"',
    ],
)
def test_a_hostile_file_is_refused_in_time_with_a_place(text: str) -> None:
    found = cost.within(1000, lambda: load_rules(text))
    assert found.rules is None
    assert found.flaws


@pytest.mark.parametrize(
    "cell",
    [
        '"a" =~ "(a+)+$"',
        "v.__class__",
        "__import__('os')",
        "$split(v)",
        "[x for x in v]",
        "v[0]",
        "v ? 1 : 2",
        "1 + 1",
        "=HYPERLINK(x)",
        "9**9**9",
        'd"2026-01-01"',
        "non(non(FR))",
        "-" * 2000,
        ",".join("1" * 200),
        "9" * 400,
        '"\\"',
    ],
)
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.AMOUNT, Kind.CHOICE])
def test_no_cell_is_an_expression(kind: Kind, cell: str) -> None:
    test = read_test(Variable("v", "V", kind, (("FR", "France"),) if kind is Kind.CHOICE else ()), cell)
    if not isinstance(test, Misread):  # Then it is a word, and compared as one.
        assert all(isinstance(part, unary.Point) and isinstance(part.value, str) for part in test.parts)
        assert kind is Kind.TEXT


def test_what_tells_the_state_of_a_station_loads_no_rule_engine() -> None:
    """Its grammar's tables are built at every import, half a second."""
    asked = "import sys, station.status; sys.exit('rule_engine' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


@pytest.mark.parametrize(
    "expression", ['v =~ "a"', "v.length", "v[0]", "v + v", "[x for x in [v]]", "$today", "v ? 1 : 2", "w", "[v]", 'v in "abc"', "v ?? v"]
)
def test_a_tree_with_any_other_kind_of_node_is_barred(monkeypatch: pytest.MonkeyPatch, expression: str) -> None:
    monkeypatch.setattr(expressions, "expression", lambda _test: expression)
    with pytest.raises(Exception) as caught:
        compiled(Variable("v", "V", Kind.TEXT), UnaryTest("x", (unary.Point("x"),)))
    assert isinstance(caught.value, BarredExpression | expressions.EngineError)


SIGNS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30)


@given(SIGNS, SIGNS)
def test_a_text_is_compared_as_it_is_whatever_signs_it_bears(constant: str, value: str) -> None:
    variable = Variable("v", "V", Kind.TEXT)
    rule = compiled(variable, UnaryTest("x", (unary.Point(constant),)))
    assert matches(rule, constant)
    assert matches(rule, value) == (constant == value)


def test_an_accent_is_the_same_however_it_is_coded() -> None:
    regions = regions_of(WORD, [UnaryTest("x", (unary.Point("Électricité"),))])
    assert regions.of("E\u0301lectricite\u0301") == regions.of("Électricité") == 0
    assert regions.of("Electricite") == 1


# --- laws, against a plain interpreter ---


@dataclass(frozen=True)
class Cell:
    """A cell as text, and what it means, said a second time in plain Python."""

    text: str
    means: Callable[[Value], bool]


AMOUNT = Variable("a", "A", Kind.AMOUNT, low=Decimal(0))
NUMBER = Variable("n", "N", Kind.NUMBER, optional=True)
WHOLE = Variable("e", "E", Kind.WHOLE)
DAY = Variable("d", "D", Kind.DATE)
FLAG = Variable("b", "B", Kind.YES_NO, optional=True)
LAND = Variable("l", "L", Kind.CHOICE, (("FR", "France"), ("BE", "Belgique"), ("DE", "Allemagne")), optional=True)
WORD = Variable("t", "T", Kind.TEXT)
COLUMNS = (AMOUNT, NUMBER, WHOLE, DAY, FLAG, LAND, WORD)
POOL: dict[str, tuple[Value, ...]] = {
    "a": (Decimal(0), Decimal("0.01"), Decimal("4.99"), Decimal(5), Decimal("5.01"), Decimal(7), Decimal(900)),
    "n": (None, Decimal("-1.5"), Decimal(0), Decimal("0.25"), Decimal("0.5"), Decimal(2), Decimal(3)),
    "e": (-1, 0, 1, 2, 3, 9),
    "d": tuple(date(2026, 1, day) for day in (1, 2, 3, 9)),
    "b": (None, True, False),
    "l": (None, "FR", "BE", "DE"),
    "t": ("x", "y", "z", "autre"),
}
WRITTEN: dict[str, tuple[str, ...]] = {
    "a": ("0.01", "5", "7"),
    "n": ("0", "0.5", "2"),
    "e": ("0", "1", "3"),
    "d": ("2026-01-02", "03/01/2026"),
    "b": ("oui", "non"),
    "l": ("FR", "BE"),
    "t": ("x", '"y"'),
}


def cells(variable: Variable) -> st.SearchStrategy[Cell]:
    constants = st.sampled_from(WRITTEN[variable.name])

    def value(text: str) -> Value:
        read = value_of(variable, text)
        assert not isinstance(read, Misread)
        return read

    kinds = [
        st.just(Cell("-", lambda _: True)),
        constants.map(lambda text: Cell(text, lambda v: v == value(text))),
        st.lists(constants, min_size=1, max_size=3).map(lambda some: Cell(", ".join(some), lambda v: v in [value(one) for one in some])),
        st.lists(constants, min_size=1, max_size=2).map(
            lambda some: Cell(f"non({', '.join(some)})", lambda v: v is not None and v not in [value(one) for one in some])
        ),
    ]
    if variable.optional:
        kinds += [st.just(Cell("vide", lambda v: v is None)), st.just(Cell("non(vide)", lambda v: v is not None))]
    if variable.kind in unary.ORDERED:
        kinds += [
            constants.map(lambda text: Cell(f"> {text}", lambda v: v is not None and v > value(text))),  # type: ignore[operator]
            constants.map(lambda text: Cell(f"<= {text}", lambda v: v is not None and v <= value(text))),  # type: ignore[operator]
            st.lists(constants, min_size=2, max_size=2, unique=True).map(
                lambda two: Cell(
                    f"]{min(two, key=value)}..{max(two, key=value)}]",  # type: ignore[arg-type]
                    lambda v: v is not None and min(map(value, two)) < v <= max(map(value, two)),  # type: ignore[type-var,operator]
                )
            ),
        ]
    return st.one_of(kinds)


@dataclass(frozen=True)
class Drawn:
    rules: RuleSet
    means: tuple[tuple[Callable[[Value], bool], ...], ...]

    @property
    def table(self) -> Table:
        return self.rules.tables["t"]

    def applying(self, values: Mapping[str, Value]) -> list[int]:
        row = [values[each.name] for each in self.table.inputs]
        return [at for at, line in enumerate(self.means) if all(test(value) for test, value in zip(line, row, strict=True))]


@st.composite
def drawn(draw: st.DrawFn, policies: tuple[Policy, ...] = (Policy.FIRST, Policy.ALL), otherwise: bool = True) -> Drawn:
    columns = tuple(draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3, unique_by=lambda each: each.name)))
    rows = draw(st.lists(st.tuples(*(cells(each) for each in columns)), min_size=1, max_size=4))
    lines = [
        Line(f"R{at}", tuple(_read(column, cell) for column, cell in zip(columns, row, strict=True)), (at,)) for at, row in enumerate(rows)
    ]
    if otherwise and draw(st.booleans()):
        lines.append(Line("sinon", (UnaryTest("-"),) * len(columns), (99,)))
    table = assembled("t", "T", draw(st.sampled_from(policies)), columns, (Variable("o", "O", Kind.WHOLE),), lines)
    return Drawn(RuleSet("r", "R", {}, {"t": table}, (), "0" * 64), tuple(tuple(cell.means for cell in row) for row in rows))


def _read(variable: Variable, cell: Cell) -> UnaryTest:
    test = read_test(variable, cell.text)
    assert isinstance(test, UnaryTest), test
    return test


def inputs(table: Table) -> st.SearchStrategy[dict[str, Value]]:
    return st.fixed_dictionaries({each.name: st.sampled_from(POOL[each.name]) for each in table.inputs})


@given(drawn(), st.data())
def test_a_decision_is_that_of_a_plain_interpreter(rules: Drawn, data: st.DataObject) -> None:
    values = data.draw(inputs(rules.table))
    applying = rules.applying(values)
    decision = decide(rules.rules, "t", values)
    wanted = applying if rules.table.policy is Policy.ALL else applying[:1]
    names = [f"R{at}" for at in wanted] or (["sinon"] if rules.table.otherwise else [])
    assert (list(decision.lines) if isinstance(decision, Decision) else []) == names
    if isinstance(decision, Decision) and wanted:
        assert [each["o"] for each in decision.outputs] == wanted


@given(drawn(), st.data())
def test_the_regions_answer_as_rule_engine_does_for_the_value_itself(rules: Drawn, data: st.DataObject) -> None:
    values = data.draw(inputs(rules.table))
    for line in rules.table.lines:
        for variable, regions, test, mask in zip(rules.table.inputs, rules.table.regions, line.tests, line.masks, strict=True):
            value = values[variable.name]
            assert bool(mask >> regions.of(value) & 1) == (test.always or matches(compiled(variable, test), value))


@given(drawn(), st.data())
def test_the_trace_agrees_with_the_outcome(rules: Drawn, data: st.DataObject) -> None:
    values = data.draw(inputs(rules.table))
    trace = explain(rules.rules, "t", values)
    assert trace.decision == decide(rules.rules, "t", values)
    fired = trace.decision.lines if isinstance(trace.decision, Decision) else ()
    assert tuple(line.line for line in trace.lines if line.fired) == fired
    for line, means in zip(trace.lines, rules.means, strict=False):
        assert [cell.matched for cell in line.cells] == [test(values[cell.variable]) for test, cell in zip(means, line.cells, strict=True)]


def _fires(rules: Drawn, values: Mapping[str, Value], line: str) -> bool:
    decision = decide(rules.rules, "t", values)
    return isinstance(decision, Decision) and line in decision.lines


@given(drawn(), st.data())
def test_the_smallest_change_fires_the_line_and_no_change_of_fewer_columns_does(rules: Drawn, data: st.DataObject) -> None:
    values = data.draw(inputs(rules.table))
    names = [each.name for each in rules.table.inputs]
    samples = {each.variable.name: [s for at, s in enumerate(each.samples) if each.valid >> at & 1] for each in rules.table.regions}
    for line in explain(rules.rules, "t", values).lines:
        if line.fired:
            continue
        changed = {**values, **{change.variable: change.after for change in line.changes}}
        assert _fires(rules, changed, line.line) == bool(line.changes)
        fewer = range(1, len(line.changes)) if line.changes else range(1, len(names) + 1)
        for count in fewer:
            for columns in itertools.combinations(names, count):
                for picked in itertools.product(*(samples[name] for name in columns)):
                    assert not _fires(rules, {**values, **dict(zip(columns, picked, strict=True))}, line.line)


@given(drawn(), st.data())
def test_a_change_of_one_amount_is_the_nearest_of_all_that_are_tried(rules: Drawn, data: st.DataObject) -> None:
    values = data.draw(inputs(rules.table))
    for line in explain(rules.rules, "t", values).lines:
        if len(line.changes) == 1 and line.changes[0].variable in ("a", "e"):
            (change,) = line.changes
            before, after = values[change.variable], change.after
            assert isinstance(before, Decimal | int)
            assert isinstance(after, Decimal | int)
            for other in POOL[change.variable]:
                assert isinstance(other, Decimal | int)
                if abs(other - before) < abs(after - before):
                    assert not _fires(rules, {**values, change.variable: other}, line.line)


def proved(table: Table) -> list[str]:
    flaws: list[Flaw] = []
    prove(replace(table, lines=tuple(replace(line, cells_at=(1,) * len(table.inputs)) for line in table.lines)), flaws, "")
    return [flaw.message for flaw in flaws]


@given(drawn(policies=(Policy.FIRST, Policy.UNIQUE), otherwise=False))
def test_the_proof_says_what_trying_every_region_says(rules: Drawn) -> None:
    table = rules.table
    every = [
        dict(zip((each.name for each in table.inputs), row, strict=True))
        for row in itertools.product(*([s for at, s in enumerate(each.samples) if each.valid >> at & 1] for each in table.regions))
    ]
    told = proved(table)
    never = {at for at in range(len(rules.means)) if not any(at in rules.applying(values) for values in every)}
    if table.policy is Policy.FIRST:
        shadowed = {at for at in range(len(rules.means)) if not any(rules.applying(values)[:1] == [at] for values in every)} - never
        assert {f"R{at}" for at in shadowed} == {found[1] for each in told if (found := re.match(r"ligne (R\d) : elle ne peut", each))}
    else:
        assert any(len(rules.applying(values)) > 1 for values in every) == any("s'appliquent toutes deux" in each for each in told)
    assert {f"R{at}" for at in never} == {found[1] for each in told if (found := re.match(r"ligne (R\d), colonne .* aucune valeur", each))}
    assert any(not rules.applying(values) for values in every) == any("aucune ligne pour" in each for each in told)


@given(st.sampled_from(COLUMNS), st.data())
def test_a_value_lies_in_the_one_region_whose_tests_it_answers(variable: Variable, data: st.DataObject) -> None:
    some = data.draw(st.lists(cells(variable), min_size=1, max_size=4))
    regions = regions_of(variable, [_read(variable, cell) for cell in some])
    for at, sample in enumerate(regions.samples):
        if regions.valid >> at & 1:
            assert regions.of(sample) == at
    value = data.draw(st.sampled_from(POOL[variable.name]))
    assert regions.valid >> regions.of(value) & 1


# --- why ---


def test_why_is_told_in_french_with_the_smallest_change() -> None:
    trace = explain(loaded(FILE), "qui", {**SMALL, "montant_ttc": Decimal(600)})
    assert trace.told()[1:3] == (
        "Ligne R1 : non (Montant TTC : 600,00 €, il faut « <= 500 »). "
        "Elle s'appliquerait si : Montant TTC = 500,00 € (au lieu de 600,00 €).",
        "Ligne R2 : appliquée (Montant TTC : 600,00 €, répond à « ]500..5000] » ; Fournisseur connu : oui, répond à « oui » ; "
        "Pays : France, répond à « non(BE) »). Groupe = chef, Rang = vide.",
    )
    assert trace.lines[2].changes[0].after == Decimal("5000.01")


def test_an_english_reader_is_told_why_in_english_around_the_words_of_the_file() -> None:
    assert explain(loaded(FILE), "qui", {**SMALL, "montant_ttc": Decimal(600)}, "en").told()[1:3] == (
        "Line R1: not applied (Montant TTC: 600,00 €, needs “<= 500”). It would apply if Montant TTC = 500,00 € (instead of 600,00 €).",
        "Line R2: applied (Montant TTC: 600,00 €, meets “]500..5000]”; Fournisseur connu: oui, meets “oui”; "
        "Pays: France, meets “non(BE)”). Groupe = chef, Rang = empty.",
    )
    assert {frozenset(each) for each in FRAMES.values()} == {frozenset(FRAMES["fr"])}


def test_an_outcome_that_was_kept_in_french_is_told_in_english_around_the_words_of_the_file() -> None:
    assert in_english("attend à « Approbation à deux »") == "waits at “Approbation à deux”"
    assert in_english("Groupe = chef, Rang = vide") == "Groupe = chef, Rang = empty"
    assert in_english("pas de décision : « A » : la valeur manque") == "no decision: « A » : la valeur manque"


def test_of_two_values_that_could_change_the_nearer_is_told() -> None:
    columns = (Variable("a", "A", Kind.WHOLE), Variable("b", "B", Kind.WHOLE))
    at_most = read_test(columns[0], "<= 10")
    assert isinstance(at_most, UnaryTest)
    lines = [Line("R1", (at_most, at_most), ()), Line("R2", (UnaryTest("-"), UnaryTest("-")), ())]
    rules = RuleSet("r", "R", {}, {"t": assembled("t", "T", Policy.FIRST, columns, (), lines)}, (), "0" * 64)
    (change,) = explain(rules, "t", {"a": 5, "b": 9}).lines[1].changes
    assert (change.variable, change.after) == ("b", 11)


def test_a_line_that_an_earlier_one_forestalled_says_so() -> None:
    trace = explain(loaded(FILE), "qui", SMALL)
    assert trace.lines[3].told.startswith("Ligne sinon : non (la ligne R1 passe avant). Elle s'appliquerait si : Fournisseur connu = non")


def test_a_refused_decision_tells_its_reasons_and_no_lines() -> None:
    trace = explain(loaded(FILE), "qui", {})
    assert trace.lines == ()
    assert "Pas de décision : « Montant TTC » : la valeur manque." in trace.told()


# --- the shipped rules, and the command ---


def test_the_shipped_files_hold_without_a_remark_and_each_table_has_examples() -> None:
    checked = check_files(shipped_files())
    assert [each.path.name for each in checked if not each.holds or each.flaws] == []
    assert {"approbation-fournisseurs", "avoirs", "retenues", "suivi-clients"} == set(shipped_rules())


def test_the_example_of_the_documentation_is_a_rule_file_that_holds() -> None:
    page = (Path(__file__).parent.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    assert [load_rules(block).flaws for block in blocks] == [()]


def test_a_table_of_nine_hundred_lines_is_proved_and_explained_at_a_bounded_cost() -> None:
    head = "regles: r\ntitre: t\nvocabulaire:\n  m: {libelle: M, type: entier}\n  o: {libelle: O, type: entier}\ntables:\n  t:\n"
    rows = "".join(f"      | L{n} | [{n * 10}..{n * 10 + 9}] || {n} |\n" for n in range(900))
    table = f"    titre: t\n    choisir: unique\n    lignes: |\n      | | M || O |\n{rows}      | sinon | - || -1 |\n"
    text = f"{head}{table}essais:\n  - titre: x\n    avec: {{m: 5}}\n    attendu: {{ligne: L0, o: 0}}\n"
    explained = cost.within(400, lambda: explain(loaded(text), "t", {"m": 4321}))
    assert explained.lines[900].changes[0].after in (-1, 9000)


def test_ten_thousand_decisions_cost_four_times_as_much_as_a_quarter_of_them() -> None:
    rules = shipped_rules()["approbation-fournisseurs"]
    values: list[dict[str, Value]] = [
        {"montant_ttc": Decimal(n) / 100, "fournisseur": ("connu", "nouveau")[n % 2], "commande": (None, "egale")[n % 3 == 0]}
        for n in range(10_000)
    ]

    def decided(some: list[dict[str, Value]]) -> bool:
        return all(isinstance(decide(rules, "qui-approuve", each), Decision) for each in some)

    assert decided(values)
    cost.within(100, lambda: decided(values), lambda: decided(values[:2500]))


def test_rules_check_prints_place_and_message_and_exits_3(tmp_path: Path) -> None:
    good, bad = tmp_path / "bon.regles.yaml", tmp_path / "faux.regles.yaml"
    good.write_text(FILE.replace("approbation", "bonnes", 1), encoding="utf-8")
    bad.write_text(FILE.replace("> 5000 ", "> 5000 EUR"), encoding="utf-8")
    run = CliRunner()
    assert run.invoke(app, ["rules", "check", str(good)]).exit_code == 0
    done = run.invoke(app, ["rules", "check", str(good), str(bad)])
    assert done.exit_code == 3
    assert done.stdout.startswith(f"{bad}:19:17: ligne R3, colonne « Montant TTC » : « > 5000 EUR » n'est pas un test valable")
    assert run.invoke(app, ["rules", "check", str(tmp_path / "rien.regles.yaml")]).exit_code == 1
    assert run.invoke(app, ["rules", "check"]).exit_code == 0


SHIPPED_CIRCUIT = next(path for path in shipped_files() if path.name == "facture-fournisseur.circuit.yaml")
REGISTER = """
[[connector]]
name = "registre"
url = "https://lots.example/lot"
takes = {numero = "texte", montant = "montant"}
gives = {lot = "texte"}
"""


def test_rules_check_knows_what_the_named_installation_knows_and_without_one_says_what_it_could_not_look_up(tmp_path, monkeypatch) -> None:
    file = tmp_path / "x.circuit.yaml"
    text = SHIPPED_CIRCUIT.read_text(encoding="utf-8").replace("service: export-comptable", "service: registre")
    file.write_text(text, encoding="utf-8")
    assert "service: registre" in text
    monkeypatch.delenv("SCEAU_HOME", raising=False)
    away = CliRunner().invoke(app, ["rules", "check", str(file)])
    assert (away.exit_code, away.stdout.count("n'a pas pu être vérifié(e)"), "avis :" in away.stdout) == (0, 1, True)
    monkeypatch.setenv("SCEAU_HOME", str(tmp_path))
    (tmp_path / "sceau.toml").write_text('entity = "essai"', encoding="utf-8")
    home = CliRunner().invoke(app, ["rules", "check", str(file)])
    assert (home.exit_code, "« registre » inconnu(e) de cette installation" in home.stdout) == (3, True)
    (tmp_path / "sceau.toml").write_text('entity = "essai"\n' + REGISTER, encoding="utf-8")
    known = CliRunner().invoke(app, ["rules", "check", str(file)])
    assert (known.exit_code, known.output) == (0, "")


def test_a_file_of_another_name_or_coding_is_refused(tmp_path: Path) -> None:
    other, latin = tmp_path / "x.yaml", tmp_path / "x.regles.yaml"
    other.write_text(FILE, encoding="utf-8")
    latin.write_bytes(b"regles: x\ntitre: \xe9t\xe9\n")
    told = check_named([other, latin])
    assert [each.holds for each in told] == [False, False]
    assert told[1].flaws[0].told("f") == "f:2:8: le fichier n'est pas en UTF-8 : enregistrez-le ainsi"


def test_two_files_cannot_bear_the_same_rules(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.regles.yaml").write_text(FILE, encoding="utf-8")
    assert [each.holds for each in check_named(sorted(tmp_path.iterdir()))] == [True, False]


def test_a_flaw_leaves_nothing_loaded() -> None:
    assert load_rules(FILE.replace("FR      ||", "XX      ||")) == Loaded(None, load_rules(FILE.replace("FR      ||", "XX      ||")).flaws)
