"""Rules, circuits, sentences and letters that mean harm: each ends in words, soon, and nothing of it runs."""

import sys
from pathlib import Path

import cost
import pytest

from station.wording import BadTemplate, fill
from workflow.circuit_file import Outside, load_circuit
from workflow.phrases import read_phrase
from workflow.rules import load_rules
from workflow.unary import read_test
from workflow.vocabulary import Kind, Misread, Variable

YARDS = 300
"""Each (see `cost`); the slowest takes a third of it (docs/measurements.md)."""
BARRED = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "shutil.rmtree", "os.remove")
WATCHED: list[list[str]] = []
TEXT = {"v": Variable("v", "V", Kind.TEXT)}


def _watch(event, _):
    if WATCHED and event in BARRED:
        WATCHED[-1].append(event)


sys.addaudithook(_watch)


def harmless(act):
    """What comes of it: at a bounded cost, and no process, connection or removal is asked for (PEP 578)."""

    def watched():
        WATCHED.append([])
        try:
            result = act()
            assert WATCHED[-1] == []
            return result
        finally:
            WATCHED.pop()

    return cost.within(YARDS, watched)


RUNS = {
    "attributes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "format": "{{ '{0.__class__.__init__.__globals__}'.format(v) }}",
    "wide": "{{ '%999999999d' % 1 }}",
    "power": "{{ 9**9**9**9 }}",
    "times": "{{ 'a' * 10**10 }}",
    "range": "{% for x in range(10**9) %}a{% endfor %}",
    "import": "{{ __import__('os').system('true') }}",
    "builtins": "{{ v.__init__.__globals__.__builtins__.eval('1') }}",
    "self": "{{ self._TemplateReference__context }}",
    "recursive": "{% for a in v recursive %}{{ loop(a) }}{% endfor %}",
    "item": "{{ v['__class__'] }}",
    "filter": "{{ v|attr('__class__') }}",
    "include": "{% include '/etc/passwd' %}",
    "loops": "{% for a in v %}{% for b in v %}x{% endfor %}{% endfor %}",
}
DEEP = {
    "parentheses": "{{ " + "(" * 3900 + "v" + ")" * 3900 + " }}",
    "brackets": "{{ " + "[" * 3900 + "]" * 3900 + " }}",
    "not": "{{ " + "not " * 1900 + "v }}",
    "choices": "{% if v %}" * 380 + "x" + "{% endif %}" * 380,
    "and": "{{ v" + " and v" * 1100 + " }}",
    "else": "{{ " + "v if v else " * 600 + "v }}",
    "attribute": "{{ v" + ".a" * 3000 + " }}",
    "braces": "{" * 7900,
    "number": "{{ " + "9" * 7900 + " }}",
    "minus": "{{ " + "-" * 7900 + "1 }}",
}


@pytest.mark.parametrize("text", [*RUNS.values(), *DEEP.values()], ids=[*RUNS, *DEEP])
def test_no_sentence_and_no_letter_runs_loops_or_digs(text):
    assert isinstance(harmless(lambda: read_phrase(text, TEXT)), Misread)
    assert harmless(lambda: refused(text, "x"))


def refused(text, value):
    with pytest.raises(BadTemplate) as told:
        fill(text, {"v": value})
    return str(told.value)


def test_a_letter_that_writes_a_list_of_thousands_out_is_given_up_before_it_is_written():
    assert "trop long" in harmless(lambda: refused("{% for each in v %}" + "x" * 19_000 + "{% endfor %}", range(10**9)))


FILES = {
    "aliases": "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghijkl", "bcdefghijklm", strict=True)),
    "merge": "a: &a {b: c}\nd:\n  <<: *a\n",
    "object": "!!python/object/apply:os.system ['true']",
    "name": "a: !!python/name:os.system",
    "number": "regles: " + "9" * 200_000,
    "sixties": "a: " + "1:" * 50_000 + "1",
    "lists": "[" * 200_000,
    "maps": "{a: " * 50_000,
    "dashes": "- " * 100_000,
    "elements": "[" + "a," * 100_000 + "]",
    "twice": "regles: x\n" * 20_000,
    "escape": 'a: "\\UFFFFFFFF"',
    "escapes": 'a: "' + "\\x41" * 60_000,
    "indent": "a: |" + "9" * 5000 + "\n x",
    "documents": "---\n" * 60_000,
    "anchors": "&" * 100_000,
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_of_yaml_that_grows_digs_or_names_objects_is_refused_with_a_place(text):
    for load in (lambda: load_rules(text), lambda: load_circuit(text, {}, Outside())):
        flaws = harmless(load).flaws
        assert any(flaw.grave for flaw in flaws)
        assert all(flaw.line >= 1 and flaw.column >= 1 and flaw.message for flaw in flaws)


SHIPPED = Path(__file__).parents[1] / "config"
FORMS = {
    "heading": ("À quelle facture de {{ nom_fournisseur }}", "{{ ''.__class__.__mro__ }}"),
    "loop": ("À quelle facture de {{ nom_fournisseur }}", "{% for x in range(10**9) %}a{% endfor %}"),
    "field": ("numero_origine: {", "__class__: {"),
    "button": ("vers: origine}", "vers: __import__('os').system('true')}"),
    "deadline": ("delai: 3 jours ouvrés", "delai: 99999999999 jours ouvrés"),
}


@pytest.mark.parametrize(("before", "after"), FORMS.values(), ids=FORMS)
def test_a_form_asks_for_words_of_its_vocabulary_and_runs_nothing(before, after):
    text = (SHIPPED / "circuits" / "avoir.circuit.yaml").read_text(encoding="utf-8")
    rules = load_rules((SHIPPED / "rules" / "avoirs.regles.yaml").read_text(encoding="utf-8")).rules
    line = text[: text.index(before)].count("\n") + 1
    flaws = harmless(lambda: load_circuit(text.replace(before, after, 1), {rules.name: rules}, Outside())).flaws
    assert any(flaw.grave and flaw.line == line for flaw in flaws)


CELLS = {
    "import": "__import__('os').system('true')",
    "regular": '"a" =~ "(a+)+$"',
    "a's": "a" * 5000 + "!",
    "intervals": "[" * 3000 + "1..2" + "]" * 3000,
    "nots": "non(" * 1000 + "1" + ")" * 1000,
    "power": "9**9**9**9",
    "exponent": "1e999999999",
    "range": "[0..1e999999999]",
    "digits": "]" + "9" * 5000 + ".." + "9" * 5001 + "[",
    "commas": "1," * 3000,
    "spaces": "1" + " " * 5000 + "x",
    "quotes": '"' * 3001,
}


@pytest.mark.parametrize("kind", [Kind.AMOUNT, Kind.WHOLE, Kind.DATE, Kind.TEXT])
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_cell_is_read_in_no_time_whatever_stands_in_it(kind, cell):
    found = harmless(lambda: read_test(Variable("v", "V", kind), cell))
    assert kind is Kind.TEXT or isinstance(found, Misread)


def test_the_watch_sees_what_runs():
    with pytest.raises(AssertionError):
        harmless(lambda: sys.audit("os.system", b"true"))
