"""Words that a company writes itself (letters, e-mails): templates that can say a value, choose, and go through a list. Nothing else.

Jinja's sandbox keeps a template from what it may not touch; here only a few kinds of its nodes pass at all, so that none computes, calls,
loads or runs for long. What values contain is text and never a template.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from config.settings import Settings

SHIPPED = Path(__file__).parents[1] / "config" / "letters"
LANGUAGES = ("fr", "en")
LONGEST = 20_000
"""Characters of a template, and of what comes out of it times five."""
DEEPEST = 40
"""Choices, names and comparisons within one another; an « elif » is one more."""
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Const, nodes.If, nodes.For, nodes.Not, nodes.And,
    nodes.Or, nodes.Compare, nodes.Operand,
)  # fmt: skip


class BadTemplate(ValueError):
    """A template that is not admitted; the text says where and why, in French."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A letter in one language."""

    subject: str
    body: str
    several: tuple[str, str] | None = None
    """Subject and body of a letter about several invoices; None where the template is about one only."""


class _Sandbox(ImmutableSandboxedEnvironment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b` is the entry b of the mapping a; no method and no attribute of any value is reached."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return self.undefined(obj=obj, name=attribute)


@cache
def _environment() -> _Sandbox:
    made = _Sandbox(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    for table in (made.globals, made.filters, made.tests):
        table.clear()
    return made


def check_template(text: str) -> None:
    """Raises BadTemplate for what a template may not do, before anything of it runs."""
    if len(text) > LONGEST:
        raise BadTemplate(f"le modèle est trop long ({len(text)} caractères, {LONGEST} au plus)")
    try:
        tree = _environment().parse(text)
    except TemplateSyntaxError as error:
        raise BadTemplate(f"ligne {error.lineno} : ce n'est pas un modèle lisible ({error.message})") from error
    except (RecursionError, MemoryError, ValueError, OverflowError) as error:
        raise BadTemplate("ce n'est pas un modèle lisible : trop de parenthèses ou un nombre trop long") from error
    _check_node(tree, 0, 0)


def _check_node(node: nodes.Node, loops: int, depth: int) -> None:
    if depth > DEEPEST:
        raise BadTemplate(f"ligne {node.lineno} : trop de choix les uns dans les autres ({DEEPEST} au plus)")
    if not isinstance(node, ALLOWED) or (isinstance(node, nodes.Getattr) and node.attr.startswith("_")):
        raise BadTemplate(
            f"ligne {node.lineno} : un modèle dit des valeurs et choisit (if, for) ; « {type(node).__name__} » n'est pas admis"
        )
    inner = loops + isinstance(node, nodes.For)
    if inner > 1 or (isinstance(node, nodes.For) and node.recursive):
        raise BadTemplate(f"ligne {node.lineno} : une boucle dans une boucle n'est pas admise")
    for child in node.iter_child_nodes():
        _check_node(child, inner, depth + 1)


def fill(text: str, values: Mapping[str, Any]) -> str:
    """The template with its values, mappings, lists and text. Raises BadTemplate, also for a value that is not known."""
    check_template(text)
    try:
        return _within(_environment().from_string(text).generate(dict(values)))
    except UndefinedError as error:
        raise BadTemplate(f"une valeur du modèle n'est pas connue ({error.message})") from error
    except BadTemplate:
        raise
    except (TypeError, ValueError, SyntaxError, RecursionError) as error:
        raise BadTemplate(f"le modèle compare ou parcourt ce qui ne s'y prête pas ({error})") from error


def _within(pieces: Iterable[str]) -> str:
    """Put together, and given up where it becomes too long: a list of thousands is not written out first."""
    found, length = [], 0
    for piece in pieces:
        found.append(piece)
        length += len(piece)
        if length > LONGEST * 5:
            raise BadTemplate("le texte produit est trop long")
    return "".join(found)


def load_letters(settings: Settings) -> dict[str, dict[str, Wording]]:
    """By name and language: those of the company before those that ship. Raises BadTemplate, OSError."""
    letters = read_letters(SHIPPED)
    if settings.dunning.letters:
        letters |= read_letters(settings.home / settings.dunning.letters)
    return letters


def read_letters(folder: Path) -> dict[str, dict[str, Wording]]:
    """The letters of a folder, each proved. Raises BadTemplate that names the file, OSError."""
    return {path.stem: _read_letter(path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.toml"))}


def _wording(told: Mapping[str, Any]) -> Wording:
    """Raises KeyError."""
    several = (str(told["several_subject"]), str(told["several_body"]).lstrip("\n")) if "several_body" in told else None
    return Wording(str(told["subject"]), str(told["body"]).lstrip("\n"), several)


@lru_cache(maxsize=256)
def _read_letter(path: Path, _changed: int) -> dict[str, Wording]:
    """Proved once as it stands: a morning asks for it a thousand times."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        found = {language: _wording(told[language]) for language in LANGUAGES}
        for each in found.values():
            for text in (each.subject, each.body, *(each.several or ())):
                check_template(text)
    except (BadTemplate, ValueError, KeyError, TypeError) as error:
        raise BadTemplate(f"{path.name} : {error}") from error
    return found
