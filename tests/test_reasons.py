"""Why a value was chosen is told in the reader's language: every reason that is written in the rooms of reading has its words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr import structured
from station.web.reasons import why_words
from station.web.words import words_in

ROOM = Path(structured.__file__).parent
PLACES = {"Choice": 3, "Field": 6, "Cue": 4, "Computed": 2, "_Said": 3, "_amount_field": 3}
"""Where in these calls the reason stands."""
FOREIGN = re.compile(
    r"\b(the|its|of|says|read|look|computed|checksum|missed|heading|above|label|written|gross|net \+|tax|within|may|at|on|in)\b"
)


def reasons() -> Iterator[str]:
    """Every reason in the sources, what is filled in replaced by something like it."""
    for path in sorted(ROOM.glob("*.py")):
        if path.name == "suppliers.py":  # Of lessons: told by the memory page with author and day.
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for found in _in(node):
                yield from _texts(found)


def _in(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
        yield from (each.value for each in node.keywords if each.arg == "reason")
        if len(node.args) > PLACES.get(name, 99):
            yield node.args[PLACES[name]]
    elif isinstance(node, ast.FunctionDef) and node.name in ("_why", "_prose_due"):
        yield from (each for each in ast.walk(node) if isinstance(each, ast.List | ast.JoinedStr))
    elif isinstance(node, ast.Assign | ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        first = target.elts[0] if isinstance(target, ast.Tuple) else target
        value = node.value
        if isinstance(first, ast.Name) and first.id in ("reason", "why"):
            yield value


def _texts(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield "".join(str(each.value) if isinstance(each, ast.Constant) else _sample(each) for each in node.values)
        case ast.BinOp() if isinstance(node.left, ast.JoinedStr):
            yield from _texts(node.left)
            yield from (next(_texts(node.left)) + each for each in _texts(node.right))
        case ast.IfExp():
            yield from (*_texts(node.body), *_texts(node.orelse))
        case ast.Tuple() | ast.List():
            yield from (text for each in node.elts for text in _texts(each))
        case ast.Dict():
            yield from (text for each in node.values for text in _texts(each))
        case ast.Call(func=ast.Attribute(value=inner, attr="get")):
            yield from (*_texts(inner), *_texts(node.args[1]))


def _sample(node: ast.expr) -> str:
    told = ast.unparse(node)
    for part, text in ((".reason", "its label"), ("{name}", "due_date"), ("{term}", "BT-9"), ("_name", "Factur-X")):
        if part in told:
            return text
    return "7"


REASONS = sorted(text for each in reasons() if re.search("[a-z«]", text := each.strip(" ,;")))


def test_the_reasons_of_all_rooms_are_found() -> None:
    expected = {"checksum passes", "net + tax = gross", "« 7 »", "« 7 » above", "« 7 » in the heading", "its label; read twice alike"}
    assert expected <= set(REASONS) and len(REASONS) > 40


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_reason_has_its_words(reason: str, language: str) -> None:
    told = why_words(reason, words_in(language))
    assert told and not re.search(r"[a-z]_[a-z]", told)
    assert len(re.split("[;] ", reason)) <= told.count(",") + 1
    assert language == "en" or not FOREIGN.search(told)


def test_what_may_have_been_missed_is_named_as_on_the_screens() -> None:
    told = why_words("« le »; due_date may have been missed", words_in("fr"))
    assert told == "«\u202fle\u202f», «\u202fÉchéance\u202f» a pu échapper à la lecture"


def test_a_comma_within_a_quoted_label_ends_no_reason() -> None:
    assert why_words("« net, à payer »; read twice alike", words_in("en")) == "«\u202fnet, à payer\u202f», two readings give the same value"
