"""What differs between two versions of a rule or circuit file, in words: which line, which column, from what to what."""

from collections.abc import Mapping
from dataclasses import dataclass

from workflow.grid import Grid, grids_of
from workflow.marked import Listing, Node, Section, Word, read_marked


@dataclass(frozen=True, slots=True)
class Difference:
    """`before` or `after` None: it is new, or gone. `where`: table and line, or the path in the file."""

    where: tuple[str, ...]
    before: str | None
    after: str | None
    kind: str = "value"
    """value, line (a whole line of a table), order (of a table's lines), text (unreadable as a file: a line of it)."""

    def told(self, language: str = "fr") -> str:
        """One sentence: « Qui approuve, ligne A5, Montant TTC : « > 5000 » → « > 8000 » »; labels stay as their owners wrote them."""
        if language == "en":
            return self._told_in_english()
        place = ", ".join(self.where)
        if self.kind == "order":
            return f"{place} : l'ordre des lignes change, « {self.before} » → « {self.after} »"
        if self.before is None:
            return f"{place} : ajouté « {self.after} »" if self.kind != "line" else f"{place} : ligne ajoutée ({self.after})"
        if self.after is None:
            return f"{place} : supprimé « {self.before} »" if self.kind != "line" else f"{place} : ligne supprimée ({self.before})"
        return f"{place} : « {self.before} » → « {self.after} »"

    def _told_in_english(self) -> str:
        names = (f"line {each.removeprefix('ligne ')}" if each.startswith("ligne ") else each for each in self.where)
        place = "text" if self.kind == "text" else ", ".join(names)
        if self.kind == "order":
            return f"{place}: the order of the lines changes, “{self.before}” → “{self.after}”"
        if self.before is None:
            return f"{place}: added “{self.after}”" if self.kind != "line" else f"{place}: line added ({self.after})"
        if self.after is None:
            return f"{place}: removed “{self.before}”" if self.kind != "line" else f"{place}: line removed ({self.before})"
        return f"{place}: “{self.before}” → “{self.after}”"


def differences(old: str, new: str) -> tuple[Difference, ...]:
    """Between two texts; comments, spaces and the order of keys do not count. Tables first, in the order of the new file."""
    if old == new:
        return ()
    before, after = read_marked(old, []), read_marked(new, [])
    if before is None or after is None:
        return _by_text(old, new)
    grids = {grid.table: grid for grid in grids_of(old)}, {grid.table: grid for grid in grids_of(new)}
    found: list[Difference] = []
    for name, grid in grids[1].items():
        if name in grids[0]:
            found += _grid_differences(grids[0][name], grid)
    both = grids[0].keys() & grids[1].keys()
    return (*found, *_path_differences(_paths(before, both), _paths(after, both)))


def _grid_differences(old: Grid, new: Grid) -> list[Difference]:
    title = new.title or new.table
    before, after = _lines(old), _lines(new)
    found = [Difference((title, f"ligne {name}"), None, _sentence(cells), "line") for name, cells in after.items() if name not in before]
    found += [Difference((title, f"ligne {name}"), _sentence(cells), None, "line") for name, cells in before.items() if name not in after]
    for name, cells in after.items():
        if name in before:
            columns = [*cells, *(each for each in before[name] if each not in cells)]
            found += [
                Difference((title, f"ligne {name}", column), before[name].get(column), cells.get(column))
                for column in columns
                if before[name].get(column) != cells.get(column)
            ]
    kept = [name for name in before if name in after], [name for name in after if name in before]
    if kept[0] != kept[1]:
        found.append(Difference((title,), ", ".join(kept[0]), ", ".join(kept[1]), "order"))
    return found


def _lines(grid: Grid) -> dict[str, dict[str, str]]:
    """By name of the line, by title of the column."""
    return {row[0].text: {title: cell.text for title, cell in zip(grid.head, row[1:], strict=True)} for row in grid.rows}


def _sentence(cells: Mapping[str, str]) -> str:
    return ", ".join(f"{title} : {text}" for title, text in cells.items() if text not in ("-", ""))


def _paths(top: Section, grids: set[str]) -> dict[tuple[str, ...], str]:
    """Each word of the file by where it stands; the lines of `grids` left out."""
    found: dict[tuple[str, ...], str] = {}

    def walk(node: Node, path: tuple[str, ...]) -> None:
        if isinstance(node, Word):
            if not (len(path) == 3 and path[0] == "tables" and path[1] in grids and path[2] == "lignes"):
                found[path] = " ".join(node.text.split())
        elif isinstance(node, Listing):
            if all(isinstance(item, Word) for item in node.items):
                found[path] = ", ".join(item.text for item in node.items if isinstance(item, Word))
                return
            for number, item in enumerate(node.items, 1):
                title = item.entries.get("titre") if isinstance(item, Section) else None
                walk(item, (*path, f"« {title.text} »" if isinstance(title, Word) else str(number)))
        else:
            for name, inner in node.entries.items():
                walk(inner, (*path, name))

    walk(top, ())
    return found


def _path_differences(old: Mapping[tuple[str, ...], str], new: Mapping[tuple[str, ...], str]) -> tuple[Difference, ...]:
    every = [*new, *(path for path in old if path not in new)]
    return tuple(Difference(path, old.get(path), new.get(path)) for path in every if old.get(path) != new.get(path))


def _by_text(old: str, new: str) -> tuple[Difference, ...]:
    """A file that cannot be read is compared line by line."""
    before, after = old.splitlines(), new.splitlines()
    gone, come = [each for each in before if each not in after], [each for each in after if each not in before]
    return (
        *(Difference(("texte",), line.strip(), None, "text") for line in gone),
        *(Difference(("texte",), None, line.strip(), "text") for line in come),
    )
