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


def explain(rules: RuleSet, table: str, values: Mapping[str, object]) -> Trace:
    """The same decision, with each line, each test, and the smallest change that would have made each other line fire."""
    decision = decide(rules, table, values)
    asked = rules.tables[table]
    if reasons_against(asked, values):
        return Trace(decision, ())
    given: list[Value] = [values[each.name] for each in asked.inputs]  # type: ignore[misc]
    fired = decision.lines if isinstance(decision, Decision) else ()
    every = (*asked.lines, asked.otherwise) if asked.otherwise else asked.lines
    work = Work(LONGEST_HUNT)
    return Trace(decision, tuple(_line_trace(asked, at, line, given, fired, work) for at, line in enumerate(every)))


def _line_trace(table: Table, at: int, line: Line, given: Sequence[Value], fired: Sequence[str], work: Work) -> LineTrace:
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
    changes, smallest = _changes(table, at, given, work)
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


# --- the smallest change ---


def _changes(table: Table, at: int, given: Sequence[Value], work: Work) -> tuple[tuple[Change, ...], bool]:
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
        part = uncovered(box, barring, Work(LONGEST_PROOF))
    except TooLong:
        part = None
    if part is None:
        return (), False
    found = []
    for column, (regions, mask, value) in enumerate(zip(table.regions, part, given, strict=True)):
        if not mask >> regions.of(value) & 1:
            found.append(_change(table, column, value, _near(regions, mask, value)[0][1]))
    return tuple(found), False
