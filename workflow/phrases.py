"""Sentences with places for values (« Facture {{ numero }} »): Jinja in its sandbox, and of its language only what a sentence needs.

A sentence can name words of the vocabulary, choose between two texts, compare, and show a value by a named filter. It has no loop, call,
attribute, item, arithmetic, macro or include: what it costs is bounded by its length, whoever wrote it.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workflow.marked import closest
from workflow.vocabulary import Misread, Value, Variable, Vocabulary, shown

LONGEST_PHRASE = 8000
LONGEST_RESULT = 60_000
DEEPEST_CHOICE = 40
ALLOWED: frozenset[type[nodes.Node]] = frozenset(
    {
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.Name,
        nodes.Const,
        nodes.If,
        nodes.CondExpr,
        nodes.Compare,
        nodes.Operand,
        nodes.And,
        nodes.Or,
        nodes.Not,
        nodes.Filter,
    }
)
FILTERS = ("majuscules", "minuscules")


class PhraseFailed(Exception):
    """A sentence names a value that is missing, or became too long. The message is French."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Attributes and items are nobody's business, calls neither; the syntax above bars them already."""

    def is_safe_attribute(self, _obj: Any, _attr: str, _value: Any) -> bool:
        return False

    def is_safe_callable(self, _obj: Any) -> bool:
        return False


_SANDBOX = _Sandbox(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)
_SANDBOX.globals.clear()
_SANDBOX.filters.clear()
_SANDBOX.filters["majuscules"] = lambda value: str(value).upper()
_SANDBOX.filters["minuscules"] = lambda value: str(value).lower()
_SANDBOX.tests.clear()


@dataclass(frozen=True, slots=True)
class Phrase:
    text: str
    names: frozenset[str]
    """Words of the vocabulary that it shows."""
    template: Template = field(compare=False, repr=False)


def read_phrase(text: str, vocabulary: Vocabulary) -> Phrase | Misread:
    """The sentence, or why it is none, in French; `at` is the line in it, from 0."""
    if len(text) > LONGEST_PHRASE:
        return Misread(f"texte trop long ({LONGEST_PHRASE} caractères au plus)")
    try:
        tree = _SANDBOX.parse(text)
        wrong = _barred(tree, vocabulary, 0)
        if wrong:
            return wrong
        template = _SANDBOX.from_string(text)
    except TemplateSyntaxError as error:
        return Misread("modèle illisible : écrivez {{ nom }} pour une valeur, {% if nom %} … {% endif %} pour un choix", error.lineno - 1)
    except (TemplateError, RecursionError, MemoryError, ValueError, SyntaxError) as error:
        return Misread(f"modèle illisible ({type(error).__name__})")
    return Phrase(text, frozenset(each.name for each in tree.find_all(nodes.Name)), template)


def _barred(node: nodes.Node, vocabulary: Vocabulary, depth: int) -> Misread | None:  # noqa: PLR0911 (one bar each)
    line = max((node.lineno or 1) - 1, 0)
    if type(node) not in ALLOWED or depth > DEEPEST_CHOICE:
        return Misread(
            f"« {type(node).__name__} » n'est pas admis dans un modèle : des noms, des choix « {{% if … %}} » et rien d'autre", line
        )
    if isinstance(node, nodes.Name) and (node.ctx != "load" or node.name not in vocabulary):
        return Misread(f"« {node.name[:40]} » est inconnu du vocabulaire : {closest(node.name, vocabulary)}", line)
    if isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs):
        return Misread(f"filtre « {node.name[:40]} » inconnu : {closest(node.name, FILTERS)}", line)
    if isinstance(node, nodes.Operand) and node.op not in ("eq", "ne"):
        return Misread("un modèle compare par == et != seulement : ce qui dépend d'un seuil se décide dans une table", line)
    if isinstance(node, nodes.Const) and not isinstance(node.value, str):
        return Misread("un modèle compare avec un texte entre guillemets", line)
    for inner in node.iter_child_nodes():
        wrong = _barred(inner, vocabulary, depth + 1)
        if wrong:
            return wrong
    return None


class _Told(str):
    """A value as it is read; « {% if urgent %} » asks the value, for « non » is a word, too."""

    __slots__ = ("_holds",)
    _holds: bool

    def __new__(cls, variable: Variable, value: Value) -> "_Told":
        told = super().__new__(cls, shown(variable, value))
        told._holds = value not in (None, "", False)
        return told

    def __bool__(self) -> bool:
        return self._holds


def written(phrase: Phrase, vocabulary: Vocabulary, values: Mapping[str, Value]) -> str:
    """The sentence with its values, as a French reader expects them; comparisons in it see the same words. Raises PhraseFailed."""
    missing = sorted(name for name in phrase.names if name not in values)
    if missing:
        raise PhraseFailed("il manque une valeur pour « " + " », « ".join(vocabulary[name].label for name in missing) + " »")
    told = {name: _Told(vocabulary[name], values[name]) for name in phrase.names}
    pieces, length = [], 0
    try:
        for piece in phrase.template.generate(told):
            length += len(piece)
            if length > LONGEST_RESULT:
                raise PhraseFailed(f"le texte dépasse {LONGEST_RESULT} caractères")
            pieces.append(piece)
    except TemplateError as error:
        raise PhraseFailed("le modèle ne peut pas être rempli") from error
    return "".join(pieces)


def has_break(text: str) -> bool:
    """Whether a line ends in it, or another sign of command stands in it: a heading with one could begin another heading."""
    return any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in text)


def one_line(text: str, longest: int = 300) -> str:
    """For headings: no end of line can begin another header."""
    return " ".join(text.split())[:longest]
