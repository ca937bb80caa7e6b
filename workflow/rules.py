"""Rule files (`*.regles.yaml`): decision tables that an accountant reads, proved when loaded, evaluated without a guess, told in French.

What is proved and what is evaluated are the same regions of values (`workflow/unary.py`): a proof holds for every input.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from itertools import combinations, product

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
from workflow.unary import Regions, UnaryTest, distance, mask_of, nearest, read_test, regions_of
from workflow.vocabulary import NAME, Misread, Value, Variable, Vocabulary, plain, read_vocabulary, refusal, shown, value_of

ELSE = "sinon"
"""Name of the line that applies when no other does."""
MOST_LINES = 1000
MOST_COLUMNS = 30
LONGEST_PROOF = 50_000
"""Boxes looked at to prove one table; above, the table is refused: what cannot be proved is not loaded."""
LONGEST_HUNT = 20_000
"""Combinations looked at for the smallest change; above, a change that works is told instead of the smallest."""


class Policy(StrEnum):
    """Which lines count (DMN 1.4, 8.2.8): the first that applies; all of them, in order; the only one."""

    FIRST = "premiere"
    ALL = "toutes"
    UNIQUE = "unique"


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    tests: tuple[UnaryTest, ...]
    outputs: tuple[Value, ...]
    note: str = ""
    masks: tuple[int, ...] = ()
    """Per column, the regions that its test accepts, as bits."""
    at: tuple[int, int] = (1, 1)
    """Line and column in the file."""
    cells_at: tuple[int, ...] = ()
    """Column in the file of each test."""


@dataclass(frozen=True, slots=True)
class Table:
    """`ways[column][region]`: the lines that accept this region of this column, as bits; a line applies where all columns accept it."""

    name: str
    title: str
    policy: Policy
    inputs: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    lines: tuple[Line, ...]
    otherwise: Line | None
    regions: tuple[Regions, ...]
    ways: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Example:
    table: str
    title: str
    given: Mapping[str, Value]
    lines: tuple[str, ...] | None
    """The lines that must apply; None: not said."""
    outputs: tuple[Mapping[str, Value], ...]
    at: Word


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One file. `version`: SHA-256 of what it says, whatever its comments, spaces and order of keys."""

    name: str
    title: str
    vocabulary: Vocabulary
    tables: Mapping[str, Table]
    examples: tuple[Example, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a table says of values: `outputs`, one mapping for each line that applied."""

    rules: str
    version: str
    table: str
    lines: tuple[str, ...]
    outputs: tuple[Mapping[str, Value], ...]

    @property
    def result(self) -> Mapping[str, Value]:
        """The outputs of the first line that applied; none where none did."""
        return self.outputs[0] if self.outputs else {}


@dataclass(frozen=True, slots=True)
class Refused:
    """No decision, and why, in French: a value is missing or of another type, or no line applies. Never the default line."""

    rules: str
    version: str
    table: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellTrace:
    variable: str
    label: str
    value: Value
    test: str
    matched: bool
    told: str


@dataclass(frozen=True, slots=True)
class Change:
    variable: str
    label: str
    before: Value
    after: Value
    told: str


@dataclass(frozen=True, slots=True)
class LineTrace:
    """`changes`: for a line that did not fire, the fewest values to change, each by the least, for it to fire; empty where none is found.

    `smallest`: they are the smallest; else they work, and the table was too large to look at all.
    """

    line: str
    fired: bool
    cells: tuple[CellTrace, ...]
    outputs: Mapping[str, Value]
    note: str
    told: str
    changes: tuple[Change, ...] = ()
    smallest: bool = True


@dataclass(frozen=True, slots=True)
class Trace:
    decision: Decision | Refused
    lines: tuple[LineTrace, ...]

    def told(self) -> tuple[str, ...]:
        """Sentences, in the order of the table."""
        decision = self.decision
        head = f"Règles « {decision.rules} », table « {decision.table} », version {decision.version[:12]}."
        if isinstance(decision, Refused):
            return (head, *(f"Pas de décision : {reason}." for reason in decision.reasons), *(line.told for line in self.lines))
        return (head, *(line.told for line in self.lines))


# --- evaluation ---


def decide(rules: RuleSet, table: str, values: Mapping[str, object]) -> Decision | Refused:
    """What a table says. Values beside its inputs are passed over. Raises KeyError for a table that is not there."""
    asked = rules.tables[table]
    reasons = _reasons(asked, values)
    if reasons:
        return Refused(rules.name, rules.version, table, reasons)
    lines = _applying(asked, [values[each.name] for each in asked.inputs])  # type: ignore[misc]
    if not lines and asked.policy is not Policy.ALL:
        return Refused(rules.name, rules.version, table, ("aucune ligne ne s'applique à ces valeurs",))
    names = [each.name for each in asked.outputs]
    outputs = tuple(dict(zip(names, line.outputs, strict=True)) for line in lines)
    return Decision(rules.name, rules.version, table, tuple(line.name for line in lines), outputs)


def applies(table: Table, values: Mapping[str, object]) -> Line | tuple[str, ...] | None:
    """The first line that applies to values, or None; or why that cannot be said: a value is missing or of another type."""
    reasons = _reasons(table, values)
    if reasons:
        return reasons
    lines = _applying(table, [values[each.name] for each in table.inputs])  # type: ignore[misc]
    return lines[0] if lines else None


def _reasons(table: Table, values: Mapping[str, object]) -> tuple[str, ...]:
    found = []
    for variable in table.inputs:
        reason = refusal(variable, values[variable.name]) if variable.name in values else "la valeur manque"
        if reason:
            found.append(f"« {variable.label} » : {reason}")
    return tuple(found)


def _applying(table: Table, values: Sequence[Value]) -> list[Line]:
    bits = (1 << len(table.lines)) - 1
    for way, regions, value in zip(table.ways, table.regions, values, strict=True):
        bits &= way[regions.of(value)]
        if not bits:
            break
    if not bits:
        return [table.otherwise] if table.otherwise else []
    if table.policy is not Policy.ALL:
        return [table.lines[(bits & -bits).bit_length() - 1]]
    return [line for at, line in enumerate(table.lines) if bits >> at & 1]


def explain(rules: RuleSet, table: str, values: Mapping[str, object]) -> Trace:
    """The same decision, with each line, each test, and the smallest change that would have made each other line fire."""
    decision = decide(rules, table, values)
    asked = rules.tables[table]
    if _reasons(asked, values):
        return Trace(decision, ())
    given: list[Value] = [values[each.name] for each in asked.inputs]  # type: ignore[misc]
    fired = decision.lines if isinstance(decision, Decision) else ()
    every = (*asked.lines, asked.otherwise) if asked.otherwise else asked.lines
    return Trace(decision, tuple(_line_trace(asked, at, line, given, fired) for at, line in enumerate(every)))


def _line_trace(table: Table, at: int, line: Line, given: Sequence[Value], fired: Sequence[str]) -> LineTrace:
    cells = tuple(
        _cell_trace(regions, test, mask, value)
        for regions, test, mask, value in zip(table.regions, line.tests, line.masks, given, strict=True)
    )
    outputs = dict(zip((each.name for each in table.outputs), line.outputs, strict=True))
    if line.name in fired:
        says = ", ".join(f"{each.label} = {shown(each, value) or 'vide'}" for each, value in zip(table.outputs, line.outputs, strict=True))
        why = " ; ".join(cell.told for cell in cells if cell.test != "-") or (
            "aucune autre ligne ne s'applique" if at else "sans condition"
        )
        return LineTrace(line.name, True, cells, outputs, line.note, f"Ligne {line.name} : appliquée ({why}). {says}.")
    changes, smallest = _changes(table, at, given)
    missed = " ; ".join(cell.told for cell in cells if not cell.matched)
    why = missed or f"la ligne {', '.join(fired) or '…'} passe avant"
    would = " et ".join(each.told for each in changes)
    if would:
        would = f" Elle s'appliquerait {'' if smallest else 'par exemple '}si : {would}."
    return LineTrace(line.name, False, cells, outputs, line.note, f"Ligne {line.name} : non ({why}).{would}", changes, smallest)


def _cell_trace(regions: Regions, test: UnaryTest, mask: int, value: Value) -> CellTrace:
    matched = bool(mask >> regions.of(value) & 1)
    variable = regions.variable
    said = shown(variable, value) or "vide"
    told = f"{variable.label} : {said}, {'répond à' if matched else 'il faut'} « {test.text} »"
    return CellTrace(variable.name, variable.label, value, test.text, matched, told)


# --- boxes: a set of regions per column, as bits. A line is one; what is proved of boxes is proved of all values. ---


@dataclass(slots=True)
class _Work:
    left: int


class _TooLong(Exception):
    """More boxes than a proof may look at."""


def _uncovered(box: tuple[int, ...], lines: Sequence[tuple[int, ...]], work: _Work) -> tuple[int, ...] | None:
    """A part of a box that no line covers; None where they cover it. By splitting along one line after another."""
    stack = [(box, 0)]
    while stack:
        work.left -= 1
        if work.left < 0:
            raise _TooLong
        part, at = stack.pop()
        while at < len(lines) and not all(mine & theirs for mine, theirs in zip(part, lines[at], strict=True)):
            at += 1
        if at == len(lines):
            return part
        for column, (mine, theirs) in enumerate(zip(part, lines[at], strict=True)):
            if mine & ~theirs:
                stack.append(((*part[:column], mine & ~theirs, *part[column + 1 :]), at + 1))
                part = (*part[:column], mine & theirs, *part[column + 1 :])
    return None


def _sample(table: Table, box: Sequence[int]) -> list[Value]:
    return [regions.samples[(mask & -mask).bit_length() - 1] for regions, mask in zip(table.regions, box, strict=True)]


def _told(table: Table, box: Sequence[int]) -> str:
    return ", ".join(
        f"{regions.variable.label} = {shown(regions.variable, value) or 'vide'}"
        for regions, value in zip(table.regions, _sample(table, box), strict=True)
    )


def prove(table: Table, flaws: Flaws, where: str, *, gaps_grave: bool = False, remedy: str = f"ajoutez une ligne « {ELSE} »") -> None:
    """Lines that can never apply, overlaps where one line must be the only one, and inputs for which there is no line."""
    whole = tuple(regions.valid for regions in table.regions)
    impossible = {line.name for line in table.lines if _never(table, line, where, flaws)}
    lines = [line for line in table.lines if line.name not in impossible]
    work = _Work(LONGEST_PROOF)
    try:
        if table.policy is Policy.FIRST:
            for at, line in enumerate(lines):
                if _uncovered(line.masks, [each.masks for each in lines[:at]], work) is None:
                    takers = [each.name for each in lines[:at] if all(a & b for a, b in zip(each.masks, line.masks, strict=True))]
                    message = f"{where}ligne {line.name} : elle ne peut jamais s'appliquer, {_lines(takers)} avant elle tous ses cas"
                    flaws.append(Flaw(*line.at, message))
        elif table.policy is Policy.UNIQUE:
            _prove_unique(table, lines, where, flaws, work)
        gap = _uncovered(whole, [line.masks for line in lines], work)
    except _TooLong:
        message = f"{where}trop de combinaisons pour prouver qu'aucune ligne n'est inutile : faites-en deux tables"
        flaws.append(Flaw(*(table.lines[0].at if table.lines else (1, 1)), message))
        return
    if table.otherwise and gap is None:
        flaws.append(
            Flaw(*table.otherwise.at, f"{where}ligne {ELSE} : elle ne peut jamais s'appliquer, les autres lignes prennent tous les cas")
        )
    if gap is not None and not table.otherwise and table.policy is not Policy.ALL:
        place = table.lines[-1].at if table.lines else (1, 1)
        flaws.append(Flaw(*place, f"{where}aucune ligne pour, par exemple : {_told(table, gap)} ({remedy})", gaps_grave))


def _lines(names: Sequence[str]) -> str:
    return f"la ligne {names[0]} prend" if len(names) == 1 else f"les lignes {', '.join(names[:-1])} et {names[-1]} prennent"


def _never(table: Table, line: Line, where: str, flaws: Flaws) -> bool:
    found = False
    for regions, test, mask, column in zip(table.regions, line.tests, line.masks, line.cells_at, strict=True):
        if not mask:
            message = f"{where}ligne {line.name}, colonne « {regions.variable.label} » : aucune valeur ne répond à « {test.text[:60]} »"
            flaws.append(Flaw(line.at[0], column, message))
            found = True
    return found


def _prove_unique(table: Table, lines: Sequence[Line], where: str, flaws: Flaws, work: _Work) -> None:
    for first, second in combinations(lines, 2):
        work.left -= 1
        if work.left < 0:
            raise _TooLong
        both = tuple(a & b for a, b in zip(first.masks, second.masks, strict=True))
        if all(both):
            message = f"{where}les lignes {first.name} et {second.name} s'appliquent toutes deux, par exemple à : {_told(table, both)}"
            flaws.append(Flaw(*second.at, f"{message} (une seule le doit)"))


# --- the smallest change ---


def _changes(table: Table, at: int, given: Sequence[Value]) -> tuple[tuple[Change, ...], bool]:
    """Fewest columns first, then the least distance (`unary.distance`, summed)."""
    default = at == len(table.lines)
    box = tuple(regions.valid for regions in table.regions) if default else table.lines[at].masks
    first = table.policy is Policy.FIRST or default
    barring = table.lines if default else table.lines[:at] if first else ()
    now = [regions.of(value) for regions, value in zip(table.regions, given, strict=True)]
    choices = [_near(regions, mask, value) for regions, mask, value in zip(table.regions, box, given, strict=True)]
    must = [column for column, (mask, region) in enumerate(zip(box, now, strict=True)) if not mask >> region & 1]
    free = [column for column in range(len(box)) if column not in must]
    barred = (1 << len(barring)) - 1
    left = LONGEST_HUNT
    for more in range(len(free) + 1):
        best: tuple[Decimal, tuple[int, ...], tuple[tuple[int, Value, Decimal], ...]] | None = None
        for added in combinations(free, more):
            columns = (*must, *added)
            held = barred
            for column in range(len(box)):
                if column not in columns:
                    held &= table.ways[column][now[column]]
            for picked in product(*(choices[column] for column in columns)):
                left -= 1
                if left < 0:
                    return _any_change(table, box, [line.masks for line in barring], given)
                bits = held
                for column, (region, _, _) in zip(columns, picked, strict=True):
                    bits &= table.ways[column][region]
                far = sum((each[2] for each in picked), Decimal(0))
                if not bits and (best is None or far < best[0]):
                    best = (far, columns, picked)
        if best is not None and best[1]:
            return tuple(
                _change(table, column, given[column], each[1]) for column, each in sorted(zip(best[1], best[2], strict=True))
            ), True
    return (), True


def _near(regions: Regions, mask: int, value: Value) -> list[tuple[int, Value, Decimal]]:
    """The regions of a mask, each with its nearest value and how far it is."""
    found = []
    for region in range(len(regions.samples)):
        if mask >> region & 1:
            near = nearest(regions, region, value)
            found.append((region, near, distance(regions, near, value)))
    return sorted(found, key=lambda each: each[2])


def _change(table: Table, column: int, before: Value, after: Value) -> Change:
    variable = table.inputs[column]
    told = f"{variable.label} = {shown(variable, after) or 'vide'} (au lieu de {shown(variable, before) or 'vide'})"
    return Change(variable.name, variable.label, before, after, told)


def _any_change(
    table: Table, box: tuple[int, ...], barring: Sequence[tuple[int, ...]], given: Sequence[Value]
) -> tuple[tuple[Change, ...], bool]:
    try:
        part = _uncovered(box, barring, _Work(LONGEST_PROOF))
    except _TooLong:
        part = None
    if part is None:
        return (), False
    found = []
    for column, (regions, mask, value) in enumerate(zip(table.regions, part, given, strict=True)):
        if not mask >> regions.of(value) & 1:
            found.append(_change(table, column, value, _near(regions, mask, value)[0][1]))
    return tuple(found), False


# --- loading ---


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
class _Row:
    """Cells of one line of a grid with their columns in the file, parted at « || »."""

    number: int
    groups: tuple[tuple[tuple[str, int], ...], ...]


def _row(number: int, raw: str) -> _Row | str:
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
    return _Row(number, (*groups, tuple(cells)) if cells else tuple(groups))


@dataclass(slots=True)
class _Head:
    inputs: list[Variable] = field(default_factory=list)
    outputs: list[Variable] = field(default_factory=list)
    noted: bool = False


def _grid(name: str, title: str, policy: Policy, grid: Word, vocabulary: Vocabulary, flaws: Flaws) -> Table | None:
    where = f"table « {name} »"
    rows: list[_Row] = []
    for number, raw in grid.rows:
        if raw.strip() and not raw.strip().startswith("#") and set(raw.strip()) - set("|-: "):
            row = _row(number, raw)
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


def assembled(
    name: str, title: str, policy: Policy, inputs: tuple[Variable, ...], outputs: tuple[Variable, ...], lines: Sequence[Line]
) -> Table:
    """A table of lines with their tests: the values of each column are parted, and each test is asked once a part."""
    regions = tuple(regions_of(variable, [line.tests[at] for line in lines]) for at, variable in enumerate(inputs))
    masked = [replace(line, masks=tuple(mask_of(region, test) for region, test in zip(regions, line.tests, strict=True))) for line in lines]
    kept = tuple(line for line in masked if line.name != ELSE)
    ways = tuple(
        tuple(sum(1 << at for at, line in enumerate(kept) if line.masks[column] >> region & 1) for region in range(len(each.samples)))
        for column, each in enumerate(regions)
    )
    return Table(name, title, policy, inputs, outputs, kept, next((line for line in masked if line.name == ELSE), None), regions, ways)


def _head(row: _Row, where: str, vocabulary: Vocabulary, flaws: Flaws) -> _Head | None:
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


def _line(row: _Row, head: _Head, where: str, flaws: Flaws) -> Line | None:
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
