"""Files that people write (rules, circuits), read from YAML with the place of every word. No type, tag or reference of YAML's passes.

Words stay words, as typed: « 320.00 » keeps its decimals and « non » stays « non »; the vocabulary gives them types.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

LONGEST = 300_000
"""Characters of a file: some thousand lines of a table. More is refused before it is parsed."""
DEEPEST = 12
MOST = 40_000
"""Words, lists and sections of a file."""
ODD = re.compile(r"[^\n -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What is neither text nor the end of a line: other ends of line would shift every place that we tell."""


@dataclass(frozen=True, slots=True, order=True)
class Flaw:
    """What is wrong at a place of a file, in French. Lines and columns count from 1. Not grave: told, and the file holds."""

    line: int
    column: int
    message: str
    grave: bool = True

    def told(self, file: str) -> str:
        return f"{file}:{self.line}:{self.column}: {'' if self.grave else 'avis : '}{self.message}"


@dataclass(frozen=True, slots=True)
class Word:
    """One scalar as typed. `rows`: the lines of a block (`|`), each with its number and all its leading spaces."""

    text: str
    line: int
    column: int
    rows: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple["Node", ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Section:
    entries: Mapping[str, "Node"]
    keys: Mapping[str, Word]
    line: int
    column: int


Node: TypeAlias = Word | Listing | Section
Flaws: TypeAlias = list[Flaw]


@dataclass(slots=True)
class _Open:
    """A list or section still being read."""

    line: int
    column: int
    mapping: bool
    items: list[Node] = field(default_factory=list)
    keys: list[Word] = field(default_factory=list)


class _Unreadable(Exception):
    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.flaw = Flaw(line, column, message)


def read_marked(text: str, flaws: Flaws) -> Section | None:
    """The file as sections, lists and words; None, with the reason among the flaws, where it is no such file."""
    text = text.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        _bounded(text)
        top = _built(text)
        if isinstance(top, Section):
            return top
        flaws.append(Flaw(1, 1, "le fichier doit être une suite de « mot: valeur »"))
    except _Unreadable as error:
        flaws.append(error.flaw)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        why = error.problem or error.context
        flaws.append(Flaw(line, column, f"ce n'est pas du YAML lisible ({why}) : vérifiez le retrait et les guillemets"))
    except (YAMLError, ValueError, OverflowError, RecursionError) as error:
        flaws.append(Flaw(1, 1, f"ce n'est pas du YAML lisible ({str(error)[:80]})"))
    return None


def _bounded(text: str) -> None:
    if len(text) > LONGEST:
        raise _Unreadable(1, 1, f"le fichier est trop grand ({len(text)} caractères, {LONGEST} au plus) : divisez-le")
    odd = ODD.search(text)
    if odd:
        before = text[: odd.start()]
        message = f"caractère de commande U+{ord(odd[0]):04X} : remplacez-le (une tabulation, par des espaces)"
        raise _Unreadable(before.count("\n") + 1, odd.start() - before.rfind("\n"), message)


def _built(text: str) -> Node | None:
    """By the parser's events, so that nothing is expanded and depth and number are bounded while it is read."""
    lines = text.split("\n")
    tree = _Tree()
    for event in YAML(typ="safe", pure=True).parse(text):
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _Unreadable(line, column, "les renvois (& et *) ne sont pas admis : écrivez la valeur")
        if getattr(event, "tag", None):
            raise _Unreadable(line, column, "les étiquettes YAML (« ! ») ne sont pas admises : écrivez la valeur seule")
        match event:
            case DocumentStartEvent() if tree.done is not None:
                raise _Unreadable(line, column, "un seul document par fichier (« --- » en trop)")
            case MappingStartEvent() | SequenceStartEvent():
                tree.begin(_Open(line, column, isinstance(event, MappingStartEvent)))
            case ScalarEvent() if ODD.search(event.value):
                raise _Unreadable(
                    line, column, "caractère de commande écrit par un échappement (« \\x », « \\u ») : écrivez le texte lui-même"
                )
            case ScalarEvent():
                last = min(event.end_mark.line, len(lines))
                rows = tuple((n + 1, lines[n]) for n in range(line, last)) if event.style == "|" else ()
                tree.add(Word(event.value, line, column, rows))
            case MappingEndEvent() | SequenceEndEvent():
                tree.add(_closed(tree.stack.pop()))
    return tree.done


@dataclass(slots=True)
class _Tree:
    """Lists and sections still open, from the outside in."""

    stack: list[_Open] = field(default_factory=list)
    done: Node | None = None
    count: int = 0

    def begin(self, opened: _Open) -> None:
        if len(self.stack) >= DEEPEST:
            raise _Unreadable(opened.line, opened.column, f"trop imbriqué ({DEEPEST} niveaux au plus)")
        self.stack.append(opened)

    def add(self, node: Node) -> None:
        self.count += 1
        if self.count > MOST:
            raise _Unreadable(node.line, node.column, f"trop d'éléments ({MOST} au plus)")
        if not self.stack:
            self.done = node
        elif self.stack[-1].mapping and len(self.stack[-1].keys) == len(self.stack[-1].items):
            if not isinstance(node, Word):
                raise _Unreadable(node.line, node.column, "une liste ne peut pas servir de nom")
            self.stack[-1].keys.append(node)
        else:
            self.stack[-1].items.append(node)


def _closed(opened: _Open) -> Node:
    if not opened.mapping:
        return Listing(tuple(opened.items), opened.line, opened.column)
    seen: dict[str, Word] = {}
    for key in opened.keys:
        if key.text in seen:
            raise _Unreadable(key.line, key.column, f"« {key.text} » est déjà écrit à la ligne {seen[key.text].line} : gardez-en un")
        seen[key.text] = key
    return Section(dict(zip(seen, opened.items, strict=True)), seen, opened.line, opened.column)


def closest(word: str, known: Iterable[str]) -> str:
    """« (vouliez-vous dire « x » ?) », or what there is; for the end of a message."""
    names = sorted(known)
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold()[:80], folded, 1, 0.6)
    if near:
        return f"vouliez-vous dire « {folded[near[0]]} » ?"
    return "connus : " + ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "il n'y en a pas"


def flaw_at(node: Node, message: str, *, grave: bool = True) -> Flaw:
    return Flaw(node.line, node.column, message, grave)


def only_keys(section: Section, allowed: Collection[str], flaws: Flaws, where: str = "") -> None:
    """Refuse words that nobody asks for: a slip of the pen must not be passed over in silence."""
    for name, key in section.keys.items():
        if name not in allowed:
            flaws.append(flaw_at(key, f"{where}« {name} » est inconnu ici : {closest(name, allowed)}"))


def word_of(section: Section, key: str, flaws: Flaws, where: str = "", *, needed: bool = True) -> Word | None:
    """The word under a key; a flaw where it is missing or no word."""
    node = section.entries.get(key)
    if isinstance(node, Word) and (node.text.strip() or not needed):
        return node
    if node is None:
        if needed:
            flaws.append(flaw_at(section, f"{where}il manque « {key}: … »"))
    else:
        flaws.append(flaw_at(node, f"{where}« {key} » demande un mot ou une phrase"))
    return None


def text_of(section: Section, key: str, flaws: Flaws, where: str = "", *, needed: bool = True) -> str:
    word = word_of(section, key, flaws, where, needed=needed)
    return word.text.strip() if word else ""


def section_of(section: Section, key: str, flaws: Flaws, where: str = "", *, needed: bool = True) -> Section | None:
    node = section.entries.get(key)
    if isinstance(node, Section):
        return node
    if node is None:
        if needed:
            flaws.append(flaw_at(section, f"{where}il manque « {key}: … »"))
    else:
        flaws.append(flaw_at(node, f"{where}« {key} » demande une suite de « nom: valeur »"))
    return None


def items_of(section: Section, key: str, flaws: Flaws, where: str = "", *, needed: bool = True) -> tuple[Node, ...]:
    """The list under a key; a lone word or section counts as a list of one."""
    node = section.entries.get(key)
    if isinstance(node, Listing):
        return node.items
    if node is None:
        if needed:
            flaws.append(flaw_at(section, f"{where}il manque « {key}: … »"))
        return ()
    return (node,)


def sections_in(section: Section, flaws: Flaws, where: str = "") -> Iterator[tuple[Word, Section]]:
    """Entries that are sections, in the order written; a flaw for each that is not."""
    for name, node in section.entries.items():
        if isinstance(node, Section):
            yield section.keys[name], node
        else:
            flaws.append(flaw_at(node, f"{where}« {name} » demande une suite de « nom: valeur »"))


def yes_of(section: Section, key: str, flaws: Flaws, where: str = "") -> bool:
    """« oui » or « non », non where it is not written."""
    word = word_of(section, key, flaws, where, needed=False)
    if word is None or word.text in ("oui", "non"):
        return word is not None and word.text == "oui"
    flaws.append(flaw_at(word, f"{where}« {key} » demande oui ou non, lu « {word.text[:40]} »"))
    return False
