"""Rule files (`*.regles.yaml`): read, proved, and their examples tried; what an accountant got wrong is told with its place."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from workflow.marked import (
    Flaw,
    Flaws,
    Node,
    Section,
    Word,
    closest,
    flaw_at,
    items_of,
    only_keys,
    read_marked,
    section_of,
    sections_in,
    text_of,
    word_of,
)
from workflow.tables import ELSE, Example, Line, Policy, Refused, RuleSet, Table, assembled, decide, prove
from workflow.unary import read_test
from workflow.vocabulary import NAME, Misread, Value, Variable, Vocabulary, plain, read_vocabulary, shown, value_of

MOST_LINES = 1000
MOST_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class Loaded:
    """The rules of a file, or None where a flaw is grave."""

    rules: RuleSet | None
    flaws: tuple[Flaw, ...]


def load_rules(text: str) -> Loaded:
    """Read, check, prove and try the examples of one rule file. Never raises for what a file says."""
    flaws: Flaws = []
    top = read_marked(text, flaws)
    rules = _rules(top, flaws) if top else None
    if rules and not any(flaw.grave for flaw in flaws):
        _try_examples(rules, flaws)
    if any(flaw.grave for flaw in flaws):
        rules = None
    return Loaded(rules, tuple(sorted(flaws)))


def _rules(top: Section, flaws: Flaws) -> RuleSet:
    only_keys(top, ("regles", "titre", "vocabulaire", "tables", "essais"), flaws)
    name = word_of(top, "regles", flaws)
    if name and not NAME.fullmatch(name.text.replace("-", "_")):
        flaws.append(flaw_at(name, "« regles » : un nom s'écrit en minuscules sans accent (exemple : approbation-fournisseurs)"))
    words = section_of(top, "vocabulaire", flaws)
    vocabulary = read_vocabulary(words, flaws) if words else {}
    bodies = section_of(top, "tables", flaws)
    tables = {}
    for key, body in sections_in(bodies, flaws, "tables : ") if bodies else ():
        if not NAME.fullmatch(key.text.replace("-", "_")):
            flaws.append(flaw_at(key, f"table « {key.text[:40]} » : un nom s'écrit en minuscules sans accent"))
        table = read_table(key, body, vocabulary, flaws)
        if table:
            tables[key.text] = table
    examples = _examples(top, vocabulary, tables, flaws)
    rules = RuleSet(name.text if name else "", text_of(top, "titre", flaws), vocabulary, tables, examples, "")
    return replace(rules, version=_version(rules))


def _plain(values: Mapping[str, Value]) -> dict[str, str | None]:
    return {name: plain(value) for name, value in values.items()}


def _version(rules: RuleSet) -> str:
    words = {
        each.name: [
            each.label,
            each.kind.value,
            [list(one) for one in each.choices],
            each.optional,
            plain(each.low),
            plain(each.high),
            each.unit,
        ]
        for each in rules.vocabulary.values()
    }
    tables = {
        table.name: [
            table.title,
            table.policy.value,
            [each.name for each in table.inputs],
            [each.name for each in table.outputs],
            [
                [line.name, [test.text for test in line.tests], [plain(value) for value in line.outputs], line.note]
                for line in (*table.lines, *([table.otherwise] if table.otherwise else []))
            ],
        ]
        for table in rules.tables.values()
    }
    examples = [
        [each.table, each.title, _plain(each.given), list(each.lines or ()), [_plain(one) for one in each.outputs]]
        for each in rules.examples
    ]
    return hashlib.sha256(
        json.dumps(["regles/1", rules.name, rules.title, words, tables, examples], ensure_ascii=False, sort_keys=True).encode()
    ).hexdigest()


def read_table(key: Word, body: Section, vocabulary: Vocabulary, flaws: Flaws) -> Table | None:
    """One table of a file, proved; None, with the reasons among the flaws, where it is none."""
    where = f"table « {key.text} » : "
    before = sum(flaw.grave for flaw in flaws)
    only_keys(body, ("titre", "choisir", "lignes"), flaws, where)
    policy = word_of(body, "choisir", flaws, where)
    if policy and policy.text not in {each.value for each in Policy}:
        flaws.append(flaw_at(policy, f"{where}choisir « {policy.text[:40]} » : {closest(policy.text, [each.value for each in Policy])}"))
    grid = word_of(body, "lignes", flaws, where)
    if grid and not grid.rows:
        flaws.append(flaw_at(grid, f"{where}écrivez la table sous « lignes: | », une ligne entre deux « | »"))
    title = text_of(body, "titre", flaws, where)
    if sum(flaw.grave for flaw in flaws) > before or grid is None or policy is None:
        return None
    table = _grid(key.text, title, Policy(policy.text), grid, vocabulary, flaws)
    if table is None or sum(flaw.grave for flaw in flaws) > before:
        return None
    prove(table, flaws, f"table « {table.name} », ")
    return table


@dataclass(frozen=True, slots=True)
class GridRow:
    """Cells of one line of a grid with their columns in the file, parted at « || »."""

    number: int
    groups: tuple[tuple[tuple[str, int], ...], ...]


def read_row(number: int, raw: str) -> GridRow | str:
    """The cells of one line of a grid, or why it is none, in French."""
    body = raw.strip()
    if not body.startswith("|") or not body.endswith("|") or len(body) < 2:
        return "une ligne de table commence et finit par « | »"
    offset = len(raw) - len(raw.lstrip())
    groups: list[tuple[tuple[str, int], ...]] = []
    cells: list[tuple[str, int]] = []
    at = 1
    while at < len(body):
        end = body.index("|", at)
        piece = body[at:end]
        lead = len(piece) - len(piece.lstrip()) if piece.strip() else min(len(piece), 1)
        cells.append((piece.strip(), offset + at + lead + 1))
        at = end + 1
        if at < len(body) and body[at] == "|":
            groups.append(tuple(cells))
            cells, at = [], at + 1
    return GridRow(number, (*groups, tuple(cells)) if cells else tuple(groups))


@dataclass(slots=True)
class _Head:
    inputs: list[Variable] = field(default_factory=list)
    outputs: list[Variable] = field(default_factory=list)
    noted: bool = False


def _grid(name: str, title: str, policy: Policy, grid: Word, vocabulary: Vocabulary, flaws: Flaws) -> Table | None:
    where = f"table « {name} »"
    rows: list[GridRow] = []
    for number, raw in grid.rows:
        if raw.strip() and not raw.strip().startswith("#") and set(raw.strip()) - set("|-: "):
            row = read_row(number, raw)
            if isinstance(row, str):
                flaws.append(Flaw(number, len(raw) - len(raw.lstrip()) + 1, f"{where} : {row}"))
                return None
            rows.append(row)
    if len(rows) < 2 or len(rows) > MOST_LINES:
        flaws.append(flaw_at(grid, f"{where} : il faut une ligne de titres et de 1 à {MOST_LINES} lignes"))
        return None
    head = _head(rows[0], where, vocabulary, flaws)
    if head is None:
        return None
    lines = [line for row in rows[1:] if (line := _line(row, head, where, flaws))]
    if len(lines) < len(rows) - 1:
        return None
    for at, line in enumerate(lines):
        if line.name in {each.name for each in lines[:at]}:
            flaws.append(Flaw(*line.at, f"{where} : il y a déjà une ligne {line.name}"))
        if line.name == ELSE and (at < len(lines) - 1 or not all(test.text == "-" for test in line.tests)):
            flaws.append(Flaw(*line.at, f"{where} : la ligne {ELSE} est la dernière, et ses conditions sont toutes « - »"))
    return assembled(name, title, policy, tuple(head.inputs), tuple(head.outputs), lines)


def _head(row: GridRow, where: str, vocabulary: Vocabulary, flaws: Flaws) -> _Head | None:
    if len(row.groups) not in (2, 3) or len(row.groups[0]) < 2 or (len(row.groups) == 3 and len(row.groups[2]) != 1):
        message = "titres attendus : | ligne | conditions … || résultats … |, et, pour des remarques, || remarque |"
        flaws.append(Flaw(row.number, row.groups[0][0][1] if row.groups else 1, f"{where} : {message}"))
        return None
    head = _Head(noted=len(row.groups) == 3)
    named = {each.label.casefold(): each for each in vocabulary.values()} | {each.name: each for each in vocabulary.values()}
    for text, column in (*row.groups[0][1:], *row.groups[1]):
        variable = named.get(text) or named.get(text.casefold())
        if variable is None:
            labels = [each.label for each in vocabulary.values()]
            flaws.append(Flaw(row.number, column, f"{where} : colonne « {text[:60]} » inconnue du vocabulaire : {closest(text, labels)}"))
        elif variable in (*head.inputs, *head.outputs):
            flaws.append(Flaw(row.number, column, f"{where} : la colonne « {variable.label} » est écrite deux fois"))
        else:
            (head.inputs if len(head.inputs) + 1 < len(row.groups[0]) else head.outputs).append(variable)
    if len(head.inputs) + 1 < len(row.groups[0]) or len(head.outputs) < len(row.groups[1]):
        return None
    if len(head.inputs) + len(head.outputs) > MOST_COLUMNS:
        flaws.append(Flaw(row.number, 1, f"{where} : {MOST_COLUMNS} colonnes au plus"))
        return None
    return head


def _line(row: GridRow, head: _Head, where: str, flaws: Flaws) -> Line | None:
    widths = [len(head.inputs) + 1, len(head.outputs), *([1] if head.noted else [])]
    name, column = row.groups[0][0] if row.groups and row.groups[0] else ("", 1)
    if [len(group) for group in row.groups] != widths:
        told = " || ".join(str(width) for width in widths)
        got = " || ".join(str(len(group)) for group in row.groups)
        flaws.append(Flaw(row.number, column, f"{where}, ligne {name} : il faut {told} cases comme dans les titres, il y en a {got}"))
        return None
    if not name or len(name) > 40:
        flaws.append(Flaw(row.number, column, f"{where} : la première case nomme la ligne (exemple : R1)"))
        return None
    before = len(flaws)
    tests, outputs = [], []
    for (text, at), variable in zip(row.groups[0][1:], head.inputs, strict=True):
        test = read_test(variable, text)
        if isinstance(test, Misread):
            flaws.append(Flaw(row.number, at, f"ligne {name}, colonne « {variable.label} » : {test.message}"))
        else:
            tests.append(test)
    for (text, at), variable in zip(row.groups[1], head.outputs, strict=True):
        value = None if text == "-" and variable.optional else value_of(variable, text)
        if isinstance(value, Misread):
            message = f"ligne {name}, colonne « {variable.label} » : {not_value(variable, text, value)}"
            flaws.append(Flaw(row.number, at, message))
        else:
            outputs.append(value)
    if len(flaws) > before:
        return None
    note = row.groups[2][0][0] if head.noted else ""
    return Line(name, tuple(tests), tuple(outputs), note, (), (row.number, column), tuple(at for _, at in row.groups[0][1:]))


# --- examples ---


def _examples(top: Section, vocabulary: Vocabulary, tables: Mapping[str, Table], flaws: Flaws) -> tuple[Example, ...]:
    found = []
    if any(flaw.grave for flaw in flaws):
        return ()
    for node in items_of(top, "essais", flaws):
        example = _example(node, vocabulary, tables, flaws)
        if example:
            found.append(example)
    for name in tables:
        if name not in {each.table for each in found} and not any(flaw.grave for flaw in flaws):
            flaws.append(
                flaw_at(top.keys.get("essais", Word("", top.line, top.column)), f"essais : il en faut au moins un pour la table « {name} »")
            )
    return tuple(found)


def _example(node: Node, vocabulary: Vocabulary, tables: Mapping[str, Table], flaws: Flaws) -> Example | None:
    if not isinstance(node, Section):
        flaws.append(flaw_at(node, "essais : chaque essai a « titre », « avec » et « attendu »"))
        return None
    title = word_of(node, "titre", flaws, "essai : ")
    where = f"essai « {title.text[:60] if title else '…'} » : "
    only_keys(node, ("titre", "table", "avec", "attendu"), flaws, where)
    named = word_of(node, "table", flaws, where) if len(tables) > 1 or "table" in node.entries else None
    table = tables.get(named.text) if named else next(iter(tables.values()), None)
    if named and table is None:
        flaws.append(flaw_at(named, f"{where}table « {named.text[:40]} » inconnue : {closest(named.text, tables)}"))
    given, wanted = section_of(node, "avec", flaws, where), items_of(node, "attendu", flaws, where)
    if table is None or given is None or title is None or not wanted:
        return None
    values = _values(given, {each.name: each for each in table.inputs}, vocabulary, flaws, where)
    for variable in table.inputs:
        if variable.name not in values and variable.name not in given.entries:
            flaws.append(
                flaw_at(given, f"{where}il manque une valeur pour « {variable.name} »" + (" (ou vide)" if variable.optional else ""))
            )
    names: list[str] = []
    outputs: list[dict[str, Value]] = []
    outs = {each.name: each for each in table.outputs}
    for one in wanted:
        if not isinstance(one, Section):
            flaws.append(flaw_at(one, f"{where}« attendu » demande « ligne » et les résultats"))
            return None
        line = word_of(one, "ligne", flaws, where, needed=False)
        if line and line.text not in {each.name for each in (*table.lines, *([table.otherwise] if table.otherwise else []))}:
            flaws.append(
                flaw_at(line, f"{where}ligne {line.text[:40]} inconnue : {closest(line.text, [each.name for each in table.lines])}")
            )
        if line:
            names.append(line.text)
        outputs.append(_values(one, outs, vocabulary, flaws, where, beside=("ligne",)))
    return Example(table.name, title.text, values, tuple(names) if len(names) == len(wanted) else None, tuple(outputs), title)


def not_value(variable: Variable, text: str, misread: Misread) -> str:
    return f"« {text[:60]} » n'est pas une valeur de type {variable.kind.value} : {misread.message}"


def _values(
    section: Section, asked: Vocabulary, vocabulary: Vocabulary, flaws: Flaws, where: str, beside: Sequence[str] = ()
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, node in section.entries.items():
        if name in beside:
            continue
        variable = asked.get(name)
        if variable is None:
            why = "n'est pas dans cette table" if name in vocabulary else "est inconnu du vocabulaire"
            flaws.append(flaw_at(section.keys[name], f"{where}« {name} » {why} : {closest(name, asked)}"))
        elif not isinstance(node, Word):
            flaws.append(flaw_at(node, f"{where}« {name} » demande une valeur"))
        else:
            value = value_of(variable, node.text)
            if isinstance(value, Misread):
                flaws.append(
                    flaw_at(
                        node,
                        f"{where}« {name} » : {not_value(variable, node.text, value)}",
                    )
                )
            else:
                found[name] = value
    return found


def _try_examples(rules: RuleSet, flaws: Flaws) -> None:
    for example in rules.examples:
        decision = decide(rules, example.table, example.given)
        where = f"essai « {example.title[:60]} » : "
        if isinstance(decision, Refused):
            flaws.append(flaw_at(example.at, f"{where}pas de décision ({' ; '.join(decision.reasons)})"))
        elif example.lines is not None and decision.lines != example.lines:
            flaws.append(flaw_at(example.at, f"{where}attendu {_named(example.lines)}, obtenu {_named(decision.lines)}"))
        elif not _agree(example.outputs, decision.outputs):
            outs = rules.tables[example.table].outputs
            got = " ; ".join(", ".join(f"{v.name}: {shown(v, one[v.name]) or 'vide'}" for v in outs) for one in decision.outputs)
            flaws.append(flaw_at(example.at, f"{where}résultat différent, obtenu {_named(decision.lines)} ({got})"))


def _named(lines: Sequence[str]) -> str:
    return f"ligne {', '.join(lines)}" if lines else "aucune ligne"


def _agree(wanted: Sequence[Mapping[str, Value]], got: Sequence[Mapping[str, Value]]) -> bool:
    return len(wanted) == len(got) and all(
        all(one[name] == value for name, value in each.items()) for each, one in zip(wanted, got, strict=True)
    )
