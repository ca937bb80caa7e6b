"""The tables of a rule file as grids to be edited: their cells as typed, and the same file with other lines in them.

A grid is read whether or not its cells are right: a draft may hold what is still wrong. All else of the file stays as it was written.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from workflow.marked import Flaw, Flaws, Section, Word, read_marked
from workflow.rules import read_row
from workflow.tables import ELSE
from workflow.vocabulary import Kind, Variable, Vocabulary, read_vocabulary

BARRED = "|\n\r"
"""What no cell can hold: it would part it."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    line: int
    column: int
    """Place in the file, from 1; a cell that was never written stands at 0."""


@dataclass(frozen=True, slots=True)
class Grid:
    """One table: `head` names its columns after the first, which names the line; conditions, then results, then perhaps a note."""

    table: str
    title: str
    policy: str
    head: tuple[str, ...]
    inputs: int
    outputs: int
    noted: bool
    rows: tuple[tuple[Cell, ...], ...]
    first: int
    last: int
    """Lines of the file between which the grid stands, both counted."""

    @property
    def width(self) -> int:
        """Cells of a line, its name counted."""
        return 1 + self.inputs + self.outputs + self.noted


def words_of(text: str) -> Vocabulary:
    """What the file's vocabulary says as far as it can be read; empty where it cannot."""
    flaws: Flaws = []
    top = read_marked(text, flaws)
    section = top.entries.get("vocabulaire") if top else None
    return read_vocabulary(section, flaws) if isinstance(section, Section) else {}


def variable_of(vocabulary: Vocabulary, heading: str) -> Variable | None:
    """The word that a column's title names: by its label in any case, or by its name."""
    for each in vocabulary.values():
        if heading in (each.name, each.label) or heading.casefold() == each.label.casefold():
            return each
    return None


def grids_of(text: str) -> tuple[Grid, ...]:
    """The tables of a file that stand as grids; none where the file as a whole cannot be read."""
    top = read_marked(text, [])
    bodies = top.entries.get("tables") if top else None
    if not isinstance(bodies, Section):
        return ()
    found = (_grid(name, body) for name, body in bodies.entries.items() if isinstance(body, Section))
    return tuple(grid for grid in found if grid)


def _grid(name: str, body: Section) -> Grid | None:
    word = body.entries.get("lignes")
    if not isinstance(word, Word) or not word.rows:
        return None
    written = [(number, raw) for number, raw in word.rows if raw.strip()]
    parted = [read_row(number, raw) for number, raw in written if _is_row(raw)]
    rows = [row for row in parted if not isinstance(row, str)]
    if len(rows) < len(parted) or not rows or len(rows[0].groups) not in (2, 3) or len(rows[0].groups[0]) < 2:
        return None
    groups = rows[0].groups
    head = tuple(text for group in (groups[0][1:], *groups[1:]) for text, _ in group)
    inputs, outputs, noted = len(groups[0]) - 1, len(groups[1]), len(groups) == 3
    cells = tuple(_fitted(row.number, row.groups, (inputs + 1, outputs, *((1,) if noted else ()))) for row in rows[1:])
    return Grid(name, _said(body, "titre"), _said(body, "choisir"), head, inputs, outputs, noted, cells, written[0][0], written[-1][0])


def _is_row(raw: str) -> bool:
    return not raw.strip().startswith("#") and bool(set(raw.strip()) - set("|-: "))


def _said(body: Section, key: str) -> str:
    word = body.entries.get(key)
    return word.text if isinstance(word, Word) else ""


def _fitted(number: int, groups: Sequence[Sequence[tuple[str, int]]], widths: Sequence[int]) -> tuple[Cell, ...]:
    """The cells of a line as many as its titles; what stands too much is left away, what is missing is empty."""
    cells: list[Cell] = []
    for at, width in enumerate(widths):
        group = groups[at] if at < len(groups) else ()
        cells += [Cell(group[n][0], number, group[n][1]) if n < len(group) else Cell("", number, 0) for n in range(width)]
    return tuple(cells)


def with_rows(text: str, table: str, rows: Sequence[Sequence[str]]) -> str:
    """The file with these lines in one table, their cells in the order of its titles; where nothing differs, the file as it was.

    Comments inside the grid go above its titles. Raises KeyError for a table that is none, ValueError for a cell that holds « | » or a
    line's end, and for a line of another width.
    """
    text = text.replace("\r\n", "\n")
    grid = next((each for each in grids_of(text) if each.table == table), None)
    if grid is None:
        raise KeyError(table)
    cleaned = [_cleaned(row) for row in rows]
    if any(len(row) != grid.width for row in cleaned) or any(sign in cell for row in cleaned for cell in row for sign in BARRED):
        raise ValueError(table)
    if cleaned == [tuple(cell.text for cell in row) for row in grid.rows]:
        return text
    lines = text.split("\n")
    block = lines[grid.first - 1 : grid.last]
    lead = block[0][: len(block[0]) - len(block[0].lstrip())]
    comments = [line for line in block if line.strip().startswith("#")]
    return "\n".join([*lines[: grid.first - 1], *comments, *(lead + line for line in drawn(grid, cleaned)), *lines[grid.last :]])


def _cleaned(row: Sequence[str]) -> tuple[str, ...]:
    """A line of nothing but « - » would be taken for the rule under the titles: one without a name is named « ? »."""
    cells = tuple(cell.strip() for cell in row)
    return cells if cells[:1] != ("",) else ("?", *cells[1:])


def drawn(grid: Grid, rows: Sequence[Sequence[str]]) -> list[str]:
    """Titles, rule and lines, each column as wide as its widest cell."""
    every = [("", *grid.head), *rows]
    widths = [max(len(row[at]) for row in every) for at in range(grid.width)]
    told = [_drawn_row(grid, [f" {cell.ljust(width)} " for cell, width in zip(row, widths, strict=True)]) for row in every]
    return [told[0], _drawn_row(grid, ["-" * (width + 2) for width in widths]), *told[1:]]


def _drawn_row(grid: Grid, cells: Sequence[str]) -> str:
    ends = (1 + grid.inputs, 1 + grid.inputs + grid.outputs, grid.width) if grid.noted else (1 + grid.inputs, grid.width)
    starts = (0, *ends[:-1])
    return "|" + "||".join("|".join(cells[start:end]) for start, end in zip(starts, ends, strict=True)) + "|"


def fresh_row(grid: Grid, vocabulary: Vocabulary) -> tuple[str, ...]:
    """A new line: a free name, no condition, results as far as they have one to begin with."""
    taken = {row[0].text for row in grid.rows if row}
    stem = next((row[0].text.rstrip("0123456789") for row in grid.rows if row and row[0].text[-1:].isdigit()), "R")
    name = next(
        f"{stem}{number}" for number in range(len(grid.rows) + 1, len(grid.rows) + 1 + len(taken) + 1) if f"{stem}{number}" not in taken
    )
    results = [_first_result(variable_of(vocabulary, title)) for title in grid.head[grid.inputs : grid.inputs + grid.outputs]]
    return (name, *["-"] * grid.inputs, *results, *([""] if grid.noted else []))


def _first_result(variable: Variable | None) -> str:
    if variable is None:
        return ""
    return variable.choices[0][0] if variable.choices else "-" if variable.optional else ""


def moved(rows: Sequence[tuple[str, ...]], act: str, at: int, fresh: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The lines after one of: add (below `at`; -1: first), remove, up, down. The line « sinon » stays the last one.

    Raises ValueError for another act or a line that is not there.
    """
    lines = list(rows)
    if act == "add" and -1 <= at < len(lines):
        lines.insert(at + 1, fresh)
    elif act == "remove" and 0 <= at < len(lines):
        del lines[at]
    elif act in ("up", "down") and 0 <= at < len(lines):
        other = at + (1 if act == "down" else -1)
        if 0 <= other < len(lines):
            lines[at], lines[other] = lines[other], lines[at]
    else:
        raise ValueError(f"{act} {at}")
    return [row for row in lines if row[0] != ELSE] + [row for row in lines if row[0] == ELSE]


def flaws_at(grid: Grid, flaws: Iterable[Flaw]) -> dict[tuple[int, int], list[Flaw]]:
    """Flaws by line and cell of the grid, both from 0; those of a line as a whole stand at its first cell."""
    found: dict[tuple[int, int], list[Flaw]] = {}
    for flaw in flaws:
        for number, row in enumerate(grid.rows):
            if row and row[0].line == flaw.line:
                at = next((n for n, cell in enumerate(row) if cell.column == flaw.column), 0)
                found.setdefault((number, at), []).append(flaw)
    return found


# --- cells as a French reader writes them ---

_DECIMALS = (Kind.AMOUNT, Kind.NUMBER)


def in_french(variable: Variable | None, text: str) -> str:
    """A cell or a value with the decimal comma: « <= 700,50 ». Two values stay parted by a comma and a space."""
    if variable is None or variable.kind not in _DECIMALS or re.search(r"\d,\d", text):
        return text
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text)


def from_french(variable: Variable | None, text: str) -> str:
    """As the file has it: decimals after a point, thousands not parted: « ]700,50..5 000,00] » is « ]700.50..5000.00] »."""
    if variable is None or variable.kind not in _DECIMALS:
        return text
    joined = re.sub(r"(?<=\d)[ \u00a0\u202f](?=\d{3}(?!\d))", "", text)
    return re.sub(r"(?<=\d),(?=\d)", ".", joined)


# --- the examples inside a file ---


@dataclass(frozen=True, slots=True)
class Trial:
    """One example as typed, and what became of it: passed, failed or untried (something else is wrong first)."""

    title: str
    table: str
    given: tuple[tuple[str, Word], ...]
    """Name of the value, and the word that says it."""
    wanted: tuple[tuple[str, Word], ...]
    standing: str
    flaws: tuple[Flaw, ...]
    line: int


def trials_of(text: str, flaws: Sequence[Flaw]) -> tuple[Trial, ...]:
    """The examples of a file in its order, told by the flaws that `load_rules` found in the same text.

    Examples are tried once nothing else is wrong: then what is wrong stands at their titles.
    """
    top = read_marked(text, [])
    node = top.entries.get("essais") if top else None
    items = [each for each in getattr(node, "items", (node,)) if isinstance(each, Section)]
    titles = [item.entries.get("titre") for item in items]
    places = {(word.line, word.column) for word in titles if isinstance(word, Word)}
    grave = [flaw for flaw in flaws if flaw.grave]
    tried = all((flaw.line, flaw.column) in places for flaw in grave)
    starts = sorted([*(item.line for item in items), *(key.line for key in (top.keys.values() if top else ())), 1 << 30])
    found = []
    for item in items:
        after = next(line for line in starts if line > item.line)
        own = tuple(flaw for flaw in grave if item.line <= flaw.line < after)
        standing = "failed" if own else "passed" if tried else "untried"
        found.append(
            Trial(_said(item, "titre"), _said(item, "table"), _pairs(item, "avec"), _pairs(item, "attendu"), standing, own, item.line)
        )
    return tuple(found)


def _pairs(item: Section, key: str) -> tuple[tuple[str, Word], ...]:
    node = item.entries.get(key)
    parts = [each for each in getattr(node, "items", (node,)) if isinstance(each, Section)]
    return tuple((name, word) for part in parts for name, word in part.entries.items() if isinstance(word, Word))


_BARE = re.compile(r"[\w.+/€%-]+( [\w.+/€%-]+)*")


def with_words(text: str, changed: Mapping[tuple[int, int], str]) -> str:
    """The file with other words at these places (line and column, as `Word` has them); a word of several lines stays as it is.

    A new word is put between quotes where YAML would read signs of its own in it.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    for (line, column), new in sorted(changed.items(), reverse=True):
        raw = lines[line - 1]
        old = _scalar(raw[column - 1 :])
        lines[line - 1] = raw[: column - 1] + _quoted(new) + raw[column - 1 + len(old) :]
    return "\n".join(lines)


def _scalar(rest: str) -> str:
    """The word that begins here, as it is written: between quotes, or up to a sign that ends it."""
    if rest[:1] in ("'", '"'):
        found = re.match(r"'(?:[^']|'')*'" if rest[0] == "'" else r'"(?:[^"\\]|\\.)*"', rest)
        return found[0] if found else rest
    found = re.match(r"(?:[^,{}\[\]#:]|:(?=\S)|(?<=\S)#)*", rest)
    return found[0].rstrip() if found else ""


def _quoted(word: str) -> str:
    return word if _BARE.fullmatch(word) else "'" + word.replace("'", "''") + "'"
