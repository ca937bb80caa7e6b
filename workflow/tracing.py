"""Why a decision is as it is: each line, each test, and for a line that did not fire the smallest change that would have fired it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, product

from workflow.tables import (
    LONGEST_PROOF,
    Decision,
    Line,
    Policy,
    Refused,
    RuleSet,
    Table,
    TooLong,
    Work,
    decide,
    reasons_against,
    uncovered,
)
from workflow.unary import Regions, UnaryTest, distance, nearest
from workflow.vocabulary import Value, shown

LONGEST_HUNT = 200_000
"""Combinations looked at for the smallest changes of one trace; above, a change that works is told instead of the smallest."""

FRAMES: Mapping[str, Mapping[str, str]] = {
    "fr": {
        "head": "Règles « {rules} », table « {table} », version {version}.",
        "none": "Pas de décision : {reason}.",
        "fired": "Ligne {line} : appliquée ({why}). {says}.",
        "missed": "Ligne {line} : non ({why}).{would}",
        "alone": "aucune autre ligne ne s'applique",
        "free": "sans condition",
        "before": "la ligne {lines} passe avant",
        "would": " Elle s'appliquerait si : {changes}.",
        "perhaps": " Elle s'appliquerait par exemple si : {changes}.",
        "meets": "{label} : {said}, répond à « {test} »",
        "needs": "{label} : {said}, il faut « {test} »",
        "change": "{label} = {after} (au lieu de {before})",
        "and": " et ",
        "then": " ; ",
        "empty": "vide",
    },
    "en": {
        "head": "Rules “{rules}”, table “{table}”, version {version}.",
        "none": "No decision: {reason}.",
        "fired": "Line {line}: applied ({why}). {says}.",
        "missed": "Line {line}: not applied ({why}).{would}",
        "alone": "no other line applies",
        "free": "no condition",
        "before": "line {lines} comes first",
        "would": " It would apply if {changes}.",
        "perhaps": " It would apply, for instance, if {changes}.",
        "meets": "{label}: {said}, meets “{test}”",
        "needs": "{label}: {said}, needs “{test}”",
        "change": "{label} = {after} (instead of {before})",
        "and": " and ",
        "then": "; ",
        "empty": "empty",
    },
}
"""Sentences around the file's own words (labels, tests, values), which stay as their owners wrote them."""


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
    language: str = "fr"

    def told(self) -> tuple[str, ...]:
        """Sentences, in the order of the table."""
        decision, frame = self.decision, FRAMES[self.language]
        head = frame["head"].format(rules=decision.rules, table=decision.table, version=decision.version[:12])
        if isinstance(decision, Refused):
            reasons = (frame["none"].format(reason=reason) for reason in decision.reasons)
            return (head, *reasons, *(line.told for line in self.lines))
        return (head, *(line.told for line in self.lines))


def explain(rules: RuleSet, table: str, values: Mapping[str, object], language: str = "fr") -> Trace:
    """The same decision, with each line, each test, and the smallest change that would have made each other line fire.

    `language`: fr or en, of the sentences around the file's own words.
    """
    decision = decide(rules, table, values)
    asked = rules.tables[table]
    if reasons_against(asked, values):
        return Trace(decision, (), language)
    given: list[Value] = [values[each.name] for each in asked.inputs]  # type: ignore[misc]
    fired = decision.lines if isinstance(decision, Decision) else ()
    every = (*asked.lines, asked.otherwise) if asked.otherwise else asked.lines
    work, frame = Work(LONGEST_HUNT), FRAMES[language]
    return Trace(decision, tuple(_line_trace(asked, at, line, given, fired, work, frame) for at, line in enumerate(every)), language)


def _line_trace(
    table: Table, at: int, line: Line, given: Sequence[Value], fired: Sequence[str], work: Work, frame: Mapping[str, str]
) -> LineTrace:
    cells = tuple(
        _cell_trace(regions, test, mask, value, frame)
        for regions, test, mask, value in zip(table.regions, line.tests, line.masks, given, strict=True)
    )
    outputs = dict(zip((each.name for each in table.outputs), line.outputs, strict=True))
    if line.name in fired:
        results = zip(table.outputs, line.outputs, strict=True)
        says = ", ".join(f"{each.label} = {shown(each, value) or frame['empty']}" for each, value in results)
        why = frame["then"].join(cell.told for cell in cells if cell.test != "-") or frame["alone" if at else "free"]
        return LineTrace(line.name, True, cells, outputs, line.note, frame["fired"].format(line=line.name, why=why, says=says))
    changes, smallest = _changes(table, at, given, work, frame)
    missed = frame["then"].join(cell.told for cell in cells if not cell.matched)
    why = missed or frame["before"].format(lines=", ".join(fired) or "…")
    would = frame["and"].join(each.told for each in changes)
    would = would and frame["would" if smallest else "perhaps"].format(changes=would)
    told = frame["missed"].format(line=line.name, why=why, would=would)
    return LineTrace(line.name, False, cells, outputs, line.note, told, changes, smallest)


def _cell_trace(regions: Regions, test: UnaryTest, mask: int, value: Value, frame: Mapping[str, str]) -> CellTrace:
    matched = bool(mask >> regions.of(value) & 1)
    variable = regions.variable
    said = shown(variable, value) or frame["empty"]
    told = frame["meets" if matched else "needs"].format(label=variable.label, said=said, test=test.text)
    return CellTrace(variable.name, variable.label, value, test.text, matched, told)


# --- the smallest change ---


def _changes(table: Table, at: int, given: Sequence[Value], work: Work, frame: Mapping[str, str]) -> tuple[tuple[Change, ...], bool]:
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
    for more in range(len(free) + 1):
        best: tuple[Decimal, tuple[int, ...], tuple[tuple[int, Value, Decimal], ...]] | None = None
        for added in combinations(free, more):
            columns = (*must, *added)
            held = barred
            for column in range(len(box)):
                if column not in columns:
                    held &= table.ways[column][now[column]]
            for picked in product(*(choices[column] for column in columns)):
                work.left -= 1
                if work.left < 0:
                    return _any_change(table, box, [line.masks for line in barring], given, frame)
                bits = held
                for column, (region, _, _) in zip(columns, picked, strict=True):
                    bits &= table.ways[column][region]
                far = sum((each[2] for each in picked), Decimal(0))
                if not bits and (best is None or far < best[0]):
                    best = (far, columns, picked)
        if best is not None and best[1]:
            return tuple(
                _change(table, column, given[column], each[1], frame) for column, each in sorted(zip(best[1], best[2], strict=True))
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


def _change(table: Table, column: int, before: Value, after: Value, frame: Mapping[str, str]) -> Change:
    variable = table.inputs[column]
    now, was = (shown(variable, each) or frame["empty"] for each in (after, before))
    told = frame["change"].format(label=variable.label, after=now, before=was)
    return Change(variable.name, variable.label, before, after, told)


def _any_change(
    table: Table, box: tuple[int, ...], barring: Sequence[tuple[int, ...]], given: Sequence[Value], frame: Mapping[str, str]
) -> tuple[tuple[Change, ...], bool]:
    try:
        part = uncovered(box, barring, Work(LONGEST_PROOF))
    except TooLong:
        part = None
    if part is None:
        return (), False
    found = []
    for column, (regions, mask, value) in enumerate(zip(table.regions, part, given, strict=True)):
        if not mask >> regions.of(value) & 1:
            found.append(_change(table, column, value, _near(regions, mask, value)[0][1], frame))
    return tuple(found), False
