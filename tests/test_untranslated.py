"""No word of a screen stands outside the catalogues, and each language says everything, in that language.

That both have the same keys and places, and that what a template asks for exists, stands in test_web.py."""

import ast
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from babel.messages.pofile import read_po
from jinja2 import nodes
from test_web import TEMPLATES

from capture.catalogue import CATALOGUE
from station.problems import PROBLEMS
from station.web.desk import _templates
from station.web.review import key_words
from station.web.show import tell_story
from station.web.words import LANGUAGES, words_in

WEB = TEMPLATES.parent
IN_ONE_LANGUAGE = {"letter.fr.html", "letter.en.html"}
"""Letters: each is written in its own language."""
NAMES = {"Sceau", "PDF", "XML", "JSON", "CSV", "XLSX", "SHA", "SHA-256", "IBAN", "SIREN", "RFC", "TOTP", "OK"}
"""Proper names and abbreviations that both languages write alike."""
RECOGNISE = {"learning.py", "reasons.py", "metrics.py"}  # figures of the third are for Prometheus, in English by its custom
"""They know reasons that the records hold in English, and say them in the reader's language."""
SHOWN = ("title", "alt", "aria-label", "placeholder", "aria-description", "label", "aria-valuetext")
"""Attributes that a person reads or hears."""
FRENCH = frozenset(
    {
        "le",
        "la",
        "les",
        "des",
        "est",
        "une",
        "pour",
        "avec",
        "dans",
        "sur",
        "sont",
        "qui",
        "pas",
        "cette",
        "vous",
        "votre",
        "aucun",
        "ne",
        "du",
        "au",
        "par",
        "et",
        "ou",
        "ce",
        "il",
        "elle",
    }
)
ENGLISH = frozenset(
    {
        "the",
        "of",
        "is",
        "are",
        "and",
        "for",
        "with",
        "this",
        "that",
        "your",
        "from",
        "not",
        "was",
        "were",
        "has",
        "have",
        "been",
        "to",
        "which",
        "by",
        "it",
        "you",
        "nothing",
    }
)
WORD = re.compile(r"[A-Za-zÀ-ÿ]{2,}")


def catalogue_of(language: str) -> dict[str, str]:
    return {key: text for key, text in words_in(language).catalogue.items() if key}


def entries_of(language: str) -> list[object]:
    with (WEB / "words" / f"{language}.po").open("rb") as file:
        return [entry for entry in read_po(file, locale=language) if entry.id]


# --- the catalogues ---


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_stands_twice_in_a_catalogue(language):
    ids = re.findall(r'^msgid "(.+)"$', (WEB / "words" / f"{language}.po").read_text(encoding="utf-8"), re.MULTILINE)
    assert [key for key, count in Counter(ids).items() if count > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_entry_is_empty_or_fuzzy(language):
    assert [entry.id for entry in entries_of(language) if not str(entry.string).strip() or entry.fuzzy] == []


def foreign(text: str, theirs: frozenset[str], ours: frozenset[str]) -> bool:
    """Whether a sentence speaks the other language: more of its small words than of ours, two at least. What is quoted may."""
    plain = re.sub(r"«[^»]*»|“[^”]*”|\{\w+\}", " ", text).lower().replace("’", " ")
    words = re.findall(r"[a-zà-ÿ]+", plain)
    found, own = sum(word in theirs for word in words), sum(word in ours for word in words)
    return found >= 2 and found > own


@pytest.mark.parametrize(("language", "ours", "theirs"), [("fr", FRENCH, ENGLISH), ("en", ENGLISH, FRENCH)])
def test_no_catalogue_speaks_the_other_language(language, ours, theirs):
    assert {key: text for key, text in catalogue_of(language).items() if foreign(text, theirs, ours)} == {}


def test_a_sentence_in_the_wrong_language_is_noticed():
    assert foreign("Le document est dans la file.", FRENCH, ENGLISH)
    assert not foreign("The document is in the queue.", FRENCH, ENGLISH)


# --- problems and findings ---


def test_every_problem_and_finding_speaks_both_languages():
    said = {code: (f"{p.happened} {p.safe} {p.todo}", f"{p.happened_en} {p.safe_en} {p.todo_en}") for code, p in PROBLEMS.items()}
    said |= {code: (entry.fr, entry.en) for code, entry in CATALOGUE.items()}
    assert [code for code, (fr, en) in said.items() if not fr.strip() or not en.strip() or fr == en] == []
    assert [code for code, (fr, en) in said.items() if foreign(fr, ENGLISH, FRENCH) or foreign(en, FRENCH, ENGLISH)] == []


# --- the templates ---


def templates() -> list[Path]:
    return [path for path in sorted(TEMPLATES.glob("*.html")) if path.name not in IN_ONE_LANGUAGE]


def said_outside(path: Path) -> list[str]:
    """Words of a template that stand there as they are: text between tags, and attributes that are read out."""
    tree = _templates().env.parse(path.read_text(encoding="utf-8"))
    # What a template computes takes one sign; a word that stands there stays.
    text = "".join(node.data if isinstance(node, nodes.TemplateData) else "\x00" for node in _pieces(tree))
    text = re.sub(r"<!--.*?-->|<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
    attributes = " ".join(re.findall(rf'\b(?:{"|".join(SHOWN)})="([^"]*)"', text))
    # A command or an address that somebody copies is no sentence.
    between = re.sub(r"<[^>]*>", " ", re.sub(r"<(code|pre)\b.*?</\1>", " ", text, flags=re.DOTALL))
    between = re.sub(r"&\w+;", " ", between)
    return [word for word in WORD.findall(f"{between} {attributes}".replace("\x00", " ")) if word not in NAMES]


def _pieces(tree: nodes.Template) -> list[nodes.Node]:
    """All that is written out, in the order of the source."""
    return [piece for output in tree.find_all(nodes.Output) for piece in output.nodes]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.name)
def test_a_template_says_nothing_in_words_of_its_own(path):
    assert said_outside(path) == []


def test_a_word_between_tags_and_one_in_an_attribute_are_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<p title="Bonjour">{{ t("x") }} <b class="big">Salut</b> <code>curl -H</code> &nbsp;</p>', encoding="utf-8")
    assert said_outside(page) == ["Salut", "Bonjour"]


# --- what the pages' code answers ---


def sentences_in(path: Path) -> list[str]:
    """Text of two words or more of a person's language that the code hands to a template or an answer; docstrings are ours."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
    silent |= {id(each) for node in ast.walk(tree) if isinstance(node, ast.Raise) for each in ast.walk(node)}
    silent |= {id(each) for node in ast.walk(tree) if _is_log(node) for each in ast.walk(node)}
    texts = [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent
    ]
    return [text for text in texts if "<" not in text and len(re.findall(r"[a-zà-ÿ]+", text.lower())) > 2 and _speaks(text)]


def _is_log(node: ast.AST) -> bool:
    """A line for the house's log, which is English."""
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"info", "warning", "error", "exception"}
    )


def _speaks(text: str) -> bool:
    words = re.findall(r"[a-zà-ÿ]+", text.lower())
    return " " in text.strip() and any(word in FRENCH | ENGLISH for word in words)


@pytest.mark.parametrize("path", sorted(WEB.glob("*.py")), ids=lambda path: path.name)
def test_a_page_answers_in_words_of_the_catalogue(path):
    assert sentences_in(path) == [] or path.name in RECOGNISE


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_story_says_what_became_of_an_invoice_in_words(language):
    t, document = words_in(language), SimpleNamespace(confidential=False, state="sealed")
    moment = datetime(2026, 10, 5, tzinfo=UTC)
    bodies = [("task", {"task": 1, "what": what}) for what in ("opened", "refused", "voided")]
    bodies.append(("state", {"from": "", "to": "refused", "expected": True}))
    told = [each.detail for each in tell_story([(1, kind, moment, body) for kind, body in bodies], document, t)]
    wanted = [t(f"approval.did.{what}") for what in ("opened", "refused", "voided")] + [t("invoice-state.refused")]
    assert told == wanted


def test_keys_are_named_as_they_are_written_on_the_keyboard():
    assert [key_words(words_in("fr"), combo) for combo in ("Shift+Tab", "ArrowDown", "Ctrl+Enter", "Alt++")] == [
        "Maj+Tab",
        "↓",
        "Ctrl+Entrée",
        "Alt++",
    ]
