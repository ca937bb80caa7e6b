"""Decision tables, evaluated without a guess and proved. What is proved and what runs are the same regions of values (`workflow/unary.py`).

A line is a box of regions, one set a column; covering, overlap and gaps are then arithmetic of sets, exact for every input.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

from workflow.marked import Flaw, Flaws, Word
from workflow.unary import Regions, UnaryTest, regions_of
from workflow.vocabulary import Value, Variable, Vocabulary, refusal, shown

ELSE = "sinon"
"""Name of the line that applies when no other does."""
LONGEST_PROOF = 50_000
"""Boxes looked at to prove one table; above, the table is refused: what cannot be proved is not loaded."""


class Policy(StrEnum):
    """Which lines count (the hit policy of DMN): the first that applies; all of them, in order; the only one."""

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


# --- evaluation ---


def decide(rules: RuleSet, table: str, values: Mapping[str, object]) -> Decision | Refused:
    """What a table says. Values beside its inputs are passed over. Raises KeyError for a table that is not there."""
    asked = rules.tables[table]
    reasons = reasons_against(asked, values)
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
    reasons = reasons_against(table, values)
    if reasons:
        return reasons
    lines = _applying(table, [values[each.name] for each in table.inputs])  # type: ignore[misc]
    return lines[0] if lines else None


def reasons_against(table: Table, values: Mapping[str, object]) -> tuple[str, ...]:
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


def assembled(
    name: str, title: str, policy: Policy, inputs: tuple[Variable, ...], outputs: tuple[Variable, ...], lines: Sequence[Line]
) -> Table:
    """A table of lines with their tests: the values of each column are parted, and each test is asked once a part."""
    # rule-engine builds its grammar's tables whenever it is loaded (half a second): only where a table is.
    from workflow.expressions import mask_of

    regions = tuple(regions_of(variable, [line.tests[at] for line in lines]) for at, variable in enumerate(inputs))
    masked = [replace(line, masks=tuple(mask_of(region, test) for region, test in zip(regions, line.tests, strict=True))) for line in lines]
    kept = tuple(line for line in masked if line.name != ELSE)
    ways = tuple(
        tuple(sum(1 << at for at, line in enumerate(kept) if line.masks[column] >> region & 1) for region in range(len(each.samples)))
        for column, each in enumerate(regions)
    )
    return Table(name, title, policy, inputs, outputs, kept, next((line for line in masked if line.name == ELSE), None), regions, ways)


# --- boxes: a set of regions per column, as bits. A line is one; what is proved of boxes is proved of all values. ---


@dataclass(slots=True)
class Work:
    left: int


class TooLong(Exception):
    """More boxes than a proof may look at."""


def uncovered(box: tuple[int, ...], lines: Sequence[tuple[int, ...]], work: Work) -> tuple[int, ...] | None:
    """A part of a box that no line covers; None where they cover it. By splitting along one line after another."""
    stack = [(box, 0)]
    lines = [line for line in lines if all(mine & theirs for mine, theirs in zip(box, line, strict=True))]
    while stack:
        work.left -= 1
        if work.left < 0:
            raise TooLong
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
    work = Work(LONGEST_PROOF)
    try:
        if table.policy is Policy.FIRST:
            for at, line in enumerate(lines):
                if uncovered(line.masks, [each.masks for each in lines[:at]], work) is None:
                    takers = [each.name for each in lines[:at] if all(a & b for a, b in zip(each.masks, line.masks, strict=True))]
                    message = f"{where}ligne {line.name} : elle ne peut jamais s'appliquer, {_lines(takers)} avant elle tous ses cas"
                    flaws.append(Flaw(*line.at, message))
        elif table.policy is Policy.UNIQUE:
            _prove_unique(table, lines, where, flaws)
        gap = uncovered(whole, [line.masks for line in lines], work)
    except TooLong:
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
    if len(names) > 5:
        return f"les lignes {', '.join(names[:3])} et {len(names) - 3} autres prennent"
    return f"la ligne {names[0]} prend" if len(names) == 1 else f"les lignes {', '.join(names[:-1])} et {names[-1]} prennent"


def _never(table: Table, line: Line, where: str, flaws: Flaws) -> bool:
    found = False
    for regions, test, mask, column in zip(table.regions, line.tests, line.masks, line.cells_at, strict=True):
        if not mask:
            message = f"{where}ligne {line.name}, colonne « {regions.variable.label} » : aucune valeur ne répond à « {test.text[:60]} »"
            flaws.append(Flaw(line.at[0], column, message))
            found = True
    return found


def _prove_unique(table: Table, lines: Sequence[Line], where: str, flaws: Flaws) -> None:
    for first, second in combinations(lines, 2):
        both = tuple(a & b for a, b in zip(first.masks, second.masks, strict=True))
        if all(both):
            message = f"{where}les lignes {first.name} et {second.name} s'appliquent toutes deux, par exemple à : {_told(table, both)}"
            flaws.append(Flaw(*second.at, f"{message} (une seule le doit)"))
