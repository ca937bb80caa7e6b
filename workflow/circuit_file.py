"""Circuit files (`*.circuit.yaml`), read and proved: each step is reached, each answer leads on, and from each there is a way to an end."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Literal, TypeAlias

from workflow.circuit import (
    Activity,
    Answer,
    Ask,
    Call,
    Circuit,
    Consult,
    Decide,
    End,
    Escalation,
    Field,
    Form,
    Launch,
    Service,
    Span,
    Timing,
    Wait,
    Ways,
    Whom,
    Write,
    ways_out,
)
from workflow.marked import (
    Flaw,
    Flaws,
    Node,
    Section,
    Word,
    closest,
    flaw_at,
    items_of,
    only_keys,
    read_marked,
    section_of,
    sections_in,
    text_of,
    word_of,
    yes_of,
)
from workflow.phrases import Phrase, has_break, read_phrase
from workflow.roles import Role
from workflow.tables import Line, Policy, RuleSet, Table, assembled, prove
from workflow.unary import UnaryTest, read_test
from workflow.vocabulary import NAME, Kind, Misread, Variable, Vocabulary, read_vocabulary

MOST_STEPS = 200
MOST_WAYS = 50
OUTCOME = re.compile(r"[a-zà-ÿ][a-zà-ÿ' -]{0,59}")
_ADDRESS = re.compile(r"[^@\s,;:<>\"()\[\]\\]{1,64}@[^@\s,;:<>\"()\[\]\\]{1,190}")
_SPAN = re.compile(r"(\d{1,4}) jours?( ouvrés?)?")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a named look-up or service of the installation takes and gives, by type."""

    takes: Mapping[str, Kind]
    gives: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class Outside:
    """What an installation has: look-ups (a database, a CSV) and services, by name. Addresses and secrets stand elsewhere."""

    sources: Mapping[str, Signature] = field(default_factory=dict)
    services: Mapping[str, Signature] = field(default_factory=dict)
    whole: bool = True
    """All of it is known; False: a file is read away from its installation, and a name that is not known here may be known there."""


@dataclass(frozen=True, slots=True)
class LoadedCircuit:
    """The circuit of a file, or None where a flaw is grave."""

    circuit: Circuit | None
    flaws: tuple[Flaw, ...]


def load_circuit(text: str, rules: Mapping[str, RuleSet], outside: Outside) -> LoadedCircuit:
    """Read and check one circuit file against the rules and the outside that it names. Never raises for what a file says."""
    flaws: Flaws = []
    top = read_marked(text, flaws)
    circuit = _circuit(top, rules, outside, flaws) if top else None
    if any(flaw.grave for flaw in flaws):
        circuit = None
    return LoadedCircuit(circuit, tuple(sorted(flaws)))


@dataclass(slots=True)
class _Sheet:
    """What the parts of one file need to be read."""

    vocabulary: Vocabulary
    rules: Mapping[str, RuleSet]
    outside: Outside
    names: tuple[str, ...]
    flaws: Flaws
    targets: list[Word] = field(default_factory=list)

    def flaw(self, node: Node, message: str) -> None:
        self.flaws.append(flaw_at(node, message))


def _circuit(top: Section, rules: Mapping[str, RuleSet], outside: Outside, flaws: Flaws) -> Circuit:
    only_keys(top, ("circuit", "titre", "regles", "vocabulaire", "lancement", "debut", "etapes"), flaws)
    name = word_of(top, "circuit", flaws)
    if name and not NAME.fullmatch(name.text.replace("-", "_")):
        flaws.append(flaw_at(name, "« circuit » : un nom s'écrit en minuscules sans accent (exemple : facture-fournisseur)"))
    used = _used_rules(top, rules, flaws)
    vocabulary = _words(top, used, flaws)
    steps = section_of(top, "etapes", flaws)
    names = tuple(steps.entries) if steps else ()
    if steps and len(names) > MOST_STEPS:
        flaws.append(flaw_at(steps, f"{MOST_STEPS} étapes au plus"))
        steps = None
    sheet = _Sheet(vocabulary, used, outside, names, flaws)
    activities: dict[str, Activity] = {}
    for key, body in sections_in(steps, flaws, "étapes : ") if steps else ():
        if not NAME.fullmatch(key.text.replace("-", "_")):
            sheet.flaw(key, f"étape « {key.text[:40]} » : un nom s'écrit en minuscules sans accent")
        activity = _activity(key, body, sheet)
        if activity:
            activities[key.text] = activity
    launches = tuple(launch for node in items_of(top, "lancement", flaws) if (launch := _launch(node, sheet)))
    start = _target(top, "debut", sheet, "")
    if steps and not any(flaw.grave for flaw in flaws):
        _prove_graph(steps, start, activities, flaws)
    return Circuit(
        name.text if name else "", text_of(top, "titre", flaws), _version(top, used), vocabulary, used, launches, start, activities
    )


def _used_rules(top: Section, rules: Mapping[str, RuleSet], flaws: Flaws) -> dict[str, RuleSet]:
    used = {}
    for node in items_of(top, "regles", flaws, needed=False):
        if isinstance(node, Word) and node.text in rules:
            used[node.text] = rules[node.text]
        else:
            named = node.text[:40] if isinstance(node, Word) else "…"
            flaws.append(flaw_at(node, f"règles « {named} » inconnues : {closest(named, rules)}"))
    return used


def _words(top: Section, used: Mapping[str, RuleSet], flaws: Flaws) -> Vocabulary:
    """The circuit's own words and those of its rules; one name has one meaning."""
    own = section_of(top, "vocabulaire", flaws, needed=False)
    words: dict[str, Variable] = dict(read_vocabulary(own, flaws)) if own else {}
    for each in used.values():
        for name, variable in each.vocabulary.items():
            if name in words and words[name] != variable:
                place: Node = own.keys[name] if own and name in own.keys else top.keys["regles"]
                flaws.append(flaw_at(place, f"« {name} » a un autre sens dans les règles « {each.name} » : écrivez la même définition"))
            words[name] = variable
    return words


Plain: TypeAlias = "str | list[Plain] | dict[str, Plain]"


def _version(top: Section, used: Mapping[str, RuleSet]) -> str:
    rules = [[name, each.version] for name, each in sorted(used.items())]
    order = {name: list(node.entries) for name, node in top.entries.items() if isinstance(node, Section)}
    said = json.dumps(["circuit/1", _plain(top), order, rules], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _plain(node: Node) -> Plain:
    match node:
        case Word(text=text):
            return text.strip()
        case Section(entries=entries):
            return {name: _plain(each) for name, each in entries.items()}
        case _:
            return [_plain(each) for each in node.items]


# --- one step ---

ACTIVITIES: dict[str, tuple[str, ...]] = {
    "decision": ("table", "suite", "vers"),
    "consulter": ("source", "avec", "donne", "suite", "vers", "absent"),
    "formulaire": ("objet", "pour", "champs", "boutons", "delai", "rappel", "escalade"),
    "tache": ("objet", "pour", "reponses", "delai", "rappel", "escalade", "quatre_yeux", "autre_que"),
    "courriel": ("a", "objet", "texte", "vers"),
    "service": ("service", "avec", "donne", "suite", "vers", "echec"),
    "attendre": ("jusqua", "delai", "condition", "vers", "trop_tard"),
    "fin": ("issue",),
}
"""The closed list of activities, and what each is told."""


def _activity(key: Word, body: Section, sheet: _Sheet) -> Activity | None:
    where = f"étape « {key.text[:40]} » : "
    kind = word_of(body, "activite", sheet.flaws, where)
    title = text_of(body, "titre", sheet.flaws, where)
    if kind is None:
        return None
    if kind.text not in ACTIVITIES:
        sheet.flaw(kind, f"{where}activité « {kind.text[:40]} » inconnue : {closest(kind.text, ACTIVITIES)}")
        return None
    only_keys(body, ("activite", "titre", *ACTIVITIES[kind.text]), sheet.flaws, where)
    readers = {
        "decision": _decide,
        "consulter": _consult,
        "formulaire": _form,
        "tache": _ask,
        "courriel": _write,
        "service": _service,
        "attendre": _wait,
        "fin": _end,
    }
    return readers[kind.text](key.text, title, body, sheet, where)


def _target(section: Section, key: str, sheet: _Sheet, where: str, *, needed: bool = True) -> str:
    word = word_of(section, key, sheet.flaws, where, needed=needed)
    if word is None or (not needed and not word.text):
        return ""
    return _step_named(word, sheet, where)


def _step_named(word: Word, sheet: _Sheet, where: str) -> str:
    if word.text not in sheet.names:
        sheet.flaw(word, f"{where}étape « {word.text[:40]} » inconnue : {closest(word.text, sheet.names)}")
    return word.text


def _ways(body: Section, sheet: _Sheet, where: str, name: str) -> Ways | None:
    """`vers: étape`, or `suite:` with conditions; proved to answer every value, each way to be of use."""
    if ("vers" in body.entries) == ("suite" in body.entries):
        sheet.flaw(body, f"{where}écrivez « vers: étape », ou « suite: » avec des conditions")
        return None
    if "vers" in body.entries:
        table = assembled(name, "", Policy.FIRST, (), (), [Line("1", (), ())])
        return Ways(table, (_target(body, "vers", sheet, where),))
    rows: list[tuple[dict[str, UnaryTest], Section]] = []
    targets = []
    nodes = items_of(body, "suite", sheet.flaws, where)
    for node in nodes[:MOST_WAYS]:
        if not isinstance(node, Section):
            sheet.flaw(node, f"{where}chaque suite dit « si: {{…}} » et « vers: étape »")
            return None
        only_keys(node, ("si", "vers"), sheet.flaws, where)
        targets.append(_target(node, "vers", sheet, where))
        rows.append((_tests(node, "si", sheet, where, needed=False), node))
    before = len(sheet.flaws)
    if len(nodes) > MOST_WAYS:
        sheet.flaw(nodes[MOST_WAYS], f"{where}{MOST_WAYS} suites au plus")
    ways = Ways(_conditions(name, rows, sheet), tuple(targets))
    if len(sheet.flaws) == before:
        prove(ways.table, sheet.flaws, f"{where}suite, ", gaps_grave=True, remedy="ajoutez « - vers: étape » à la fin, sans « si »")
    return ways


def _conditions(name: str, rows: Sequence[tuple[Mapping[str, UnaryTest], Section]], sheet: _Sheet) -> Table:
    columns = tuple(dict.fromkeys(each for tests, _ in rows for each in tests))
    inputs = tuple(sheet.vocabulary[each] for each in columns)
    lines = [
        Line(
            str(number),
            tuple(tests.get(each, UnaryTest("-")) for each in columns),
            (),
            at=(node.line, node.column),
            cells_at=(node.column,) * len(columns),
        )
        for number, (tests, node) in enumerate(rows, 1)
    ]
    return assembled(name, "", Policy.FIRST, inputs, (), lines)


def _tests(section: Section, key: str, sheet: _Sheet, where: str, *, needed: bool = True) -> dict[str, UnaryTest]:
    """Conditions on words of the vocabulary, in the notation of the cells."""
    body = section_of(section, key, sheet.flaws, where, needed=needed)
    found: dict[str, UnaryTest] = {}
    for name, node in body.entries.items() if body else ():
        variable = sheet.vocabulary.get(name)
        if variable is None:
            sheet.flaw(
                body.keys[name] if body else node, f"{where}« {name[:40]} » est inconnu du vocabulaire : {closest(name, sheet.vocabulary)}"
            )
        elif not isinstance(node, Word):
            sheet.flaw(node, f'{where}« {name} » demande un test entre guillemets (exemple : "> 5000")')
        else:
            test = read_test(variable, node.text)
            if isinstance(test, Misread):
                sheet.flaw(node, f"{where}« {variable.label} » : {test.message}")
            else:
                found[name] = test
    return found


def _decide(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> Decide | None:
    word = word_of(body, "table", sheet.flaws, where)
    ways = _ways(body, sheet, where, name)
    if word is None or ways is None:
        return None
    known = {f"{each.name}/{table}" for each in sheet.rules.values() for table in each.tables}
    if word.text not in known:
        sheet.flaw(word, f"{where}table « {word.text[:60]} » inconnue : {closest(word.text, known)}")
        return None
    rules, table = word.text.split("/")
    if sheet.rules[rules].tables[table].policy is Policy.ALL:
        sheet.flaw(word, f"{where}la table « {table} » choisit toutes les lignes ; un circuit en demande une (premiere ou unique)")
    return Decide(name, title, rules, table, ways)


def _call(key: str, body: Section, known: Mapping[str, Signature], sheet: _Sheet, where: str) -> Call | None:
    word = word_of(body, key, sheet.flaws, where)
    if word is None:
        return None
    signature = known.get(word.text)
    if signature is None and not sheet.outside.whole:
        told = f"{key} « {word.text[:40]} » n'a pas pu être vérifié(e) : aucune installation n'est nommée (SCEAU_HOME)"
        sheet.flaws.append(Flaw(word.line, word.column, where + told, grave=False))
        takes, gives = (_typed(body, each, None, sheet, where, by_variable=each == "donne") for each in ("avec", "donne"))
        return Call(word.text, takes, gives)
    if signature is None:
        sheet.flaw(word, f"{where}{key} « {word.text[:40]} » inconnu(e) de cette installation : {closest(word.text, known)}")
        return None
    takes = _typed(body, "avec", signature.takes, sheet, where, by_variable=False)
    for missing in signature.takes.keys() - takes.keys():
        sheet.flaw(body, f"{where}« {word.text} » demande « {missing} » : écrivez-le sous « avec »")
    return Call(word.text, takes, _typed(body, "donne", signature.gives, sheet, where, by_variable=True))


def _typed(body: Section, key: str, kinds: Mapping[str, Kind] | None, sheet: _Sheet, where: str, *, by_variable: bool) -> dict[str, str]:
    """`avec`: parameter and variable; `donne`: variable and result. Both must be known, and of one type; without `kinds` any is."""
    section = section_of(body, key, sheet.flaws, where, needed=False)
    found = {}
    for left, node in section.entries.items() if section else ():
        right = node.text if isinstance(node, Word) else ""
        variable, outer = (left, right) if by_variable else (right, left)
        if variable not in sheet.vocabulary:
            sheet.flaw(node, f"{where}« {variable[:40]} » est inconnu du vocabulaire : {closest(variable, sheet.vocabulary)}")
        elif kinds is None:
            found[left] = right
        elif outer not in kinds:
            sheet.flaw(node, f"{where}« {outer[:40]} » est inconnu ici : {closest(outer, kinds)}")
        elif not _alike(sheet.vocabulary[variable].kind, kinds[outer]):
            kind = sheet.vocabulary[variable].kind.value
            sheet.flaw(node, f"{where}« {variable} » est de type {kind}, « {outer} » de type {kinds[outer].value}")
        else:
            found[left] = right
    return found


def _alike(first: Kind, second: Kind) -> bool:
    words = {Kind.TEXT, Kind.CHOICE}
    return first is second or {first, second} <= words


def _consult(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> Consult | None:
    call, ways = _call("source", body, sheet.outside.sources, sheet, where), _ways(body, sheet, where, name)
    absent = _target(body, "absent", sheet, where)
    return Consult(name, title, call, ways, absent) if call and ways else None


def _service(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> Service | None:
    call, ways = _call("service", body, sheet.outside.services, sheet, where), _ways(body, sheet, where, name)
    failed = _target(body, "echec", sheet, where)
    return Service(name, title, call, ways, failed) if call and ways else None


def _phrase(section: Section, key: str, sheet: _Sheet, where: str) -> Phrase | None:
    word = word_of(section, key, sheet.flaws, where)
    if word is None:
        return None
    phrase = read_phrase(word.text, sheet.vocabulary)
    if isinstance(phrase, Misread):
        line = word.rows[phrase.at] if phrase.at < len(word.rows) else None
        place = (line[0], len(line[1]) - len(line[1].lstrip()) + 1) if line else (word.line, word.column)
        sheet.flaws.append(Flaw(*place, f"{where}« {key} » : {phrase.message}"))
        return None
    return phrase


_WHOM: tuple[Literal["groupe", "role", "personne"], ...] = ("groupe", "role", "personne")


def _whom(node: Node | None, owner: Node, sheet: _Sheet, where: str) -> Whom | None:
    kinds = [kind for kind in _WHOM if isinstance(node, Section) and kind in node.entries]
    if not isinstance(node, Section) or len(node.entries) != 1 or not kinds:
        sheet.flaw(node or owner, f"{where}« pour » demande un seul de : groupe, role, personne (exemple : {{role: approver}})")
        return None
    kind = kinds[0]
    name = _phrase(node, kind, sheet, where)
    if name and kind == "role" and not name.names and name.text not in {role.value for role in Role}:
        sheet.flaw(node.entries[kind], f"{where}rôle « {name.text[:40]} » inconnu : {closest(name.text, [role.value for role in Role])}")
    return Whom(kind, name) if name else None


def _span(word: Word | None, sheet: _Sheet, where: str) -> Span | None:
    if word is None:
        return None
    found = _SPAN.fullmatch(word.text.strip())
    if found is None or not 0 < int(found[1]) <= 3660:
        sheet.flaw(word, f"{where}« {word.text[:40]} » n'est pas un délai (exemples : 10 jours, 3 jours ouvrés)")
        return None
    return Span(int(found[1]), bool(found[2]))


def _timing(body: Section, sheet: _Sheet, where: str) -> Timing:
    within, remind = (_span(word_of(body, key, sheet.flaws, where, needed=False), sheet, where) for key in ("delai", "rappel"))
    escalations = []
    for node in items_of(body, "escalade", sheet.flaws, where, needed=False):
        if not isinstance(node, Section):
            sheet.flaw(node, f"{where}« escalade » demande « apres » et « pour »")
            continue
        only_keys(node, ("apres", "pour"), sheet.flaws, where)
        after = _span(word_of(node, "apres", sheet.flaws, where), sheet, where)
        whom = _whom(node.entries.get("pour"), node, sheet, where)
        if after and whom:
            escalations.append(Escalation(after, whom))
    if within is None and "delai" not in body.entries and ("rappel" in body.entries or "escalade" in body.entries):
        sheet.flaw(body, f"{where}un rappel ou une escalade demande un « delai »")
    return Timing(within, remind, tuple(escalations))


def _answers(body: Section, key: str, sheet: _Sheet, where: str) -> tuple[tuple[Word, Section], ...]:
    section = section_of(body, key, sheet.flaws, where)
    if section and not section.entries:
        sheet.flaw(section, f"{where}sans réponse possible, personne n'en sort : écrivez au moins une réponse sous « {key} »")
    return tuple(sections_in(section, sheet.flaws, where)) if section else ()


def _ask(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> Ask | None:
    subject, whom = _phrase(body, "objet", sheet, where), _whom(body.entries.get("pour"), body, sheet, where)
    answers = []
    for key, each in _answers(body, "reponses", sheet, where):
        only_keys(each, ("libelle", "vers"), sheet.flaws, where)
        answers.append(Answer(key.text, text_of(each, "libelle", sheet.flaws, where), _target(each, "vers", sheet, where)))
    codes = {each.code for each in answers}
    twice = _among(body, "quatre_yeux", codes, "réponse", sheet, where)
    others = _among(body, "autre_que", set(sheet.names), "étape", sheet, where)
    if not (subject and whom and answers):
        return None
    return Ask(name, title, subject, whom, tuple(answers), _timing(body, sheet, where), frozenset(twice), others)


def _among(body: Section, key: str, known: set[str], what: str, sheet: _Sheet, where: str) -> tuple[str, ...]:
    found = []
    for node in items_of(body, key, sheet.flaws, where, needed=False):
        if isinstance(node, Word) and node.text in known:
            found.append(node.text)
        else:
            named = node.text[:40] if isinstance(node, Word) else "…"
            sheet.flaw(node, f"{where}« {key} » : {what} « {named} » inconnue : {closest(named, known)}")
    return tuple(found)


def _form(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> Form | None:
    subject, whom = _phrase(body, "objet", sheet, where), _whom(body.entries.get("pour"), body, sheet, where)
    fields = []
    section = section_of(body, "champs", sheet.flaws, where)
    for key, each in sections_in(section, sheet.flaws, where) if section else ():
        only_keys(each, ("obligatoire", "aide"), sheet.flaws, where)
        if key.text not in sheet.vocabulary:
            sheet.flaw(key, f"{where}champ « {key.text[:40]} » inconnu du vocabulaire : {closest(key.text, sheet.vocabulary)}")
        fields.append(
            Field(key.text, yes_of(each, "obligatoire", sheet.flaws, where), text_of(each, "aide", sheet.flaws, where, needed=False))
        )
    answers: list[Answer] = []
    fills: dict[str, tuple[str, Call]] = {}
    for key, each in _answers(body, "boutons", sheet, where):
        label = text_of(each, "libelle", sheet.flaws, where)
        if "service" in each.entries:
            only_keys(each, ("libelle", "service", "avec", "donne"), sheet.flaws, where)
            call = _call("service", each, sheet.outside.services, sheet, where)
            if call:
                fills[key.text] = (label, call)
        else:
            only_keys(each, ("libelle", "vers"), sheet.flaws, where)
            answers.append(Answer(key.text, label, _target(each, "vers", sheet, where)))
    if not answers:
        sheet.flaw(body, f"{where}aucun bouton ne mène plus loin : il en faut un avec « vers »")
    if not (subject and whom and answers):
        return None
    return Form(name, title, subject, whom, tuple(fields), tuple(answers), fills, _timing(body, sheet, where))


def _write(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> Write | None:
    to, subject, text = (_phrase(body, key, sheet, where) for key in ("a", "objet", "texte"))
    for key, phrase in (("a", to), ("objet", subject)):
        if phrase and has_break(phrase.text.strip()):
            sheet.flaw(body.entries[key], f"{where}« {key} » tient sur une ligne : une deuxième deviendrait un autre en-tête du courriel")
    if to and not to.names and "{" not in to.text and not _ADDRESS.fullmatch(to.text.strip()):
        told = "n'est pas une adresse (exemple : compta@exemple.fr, ou {{ courriel }})"
        sheet.flaw(body.entries["a"], f"{where}« {to.text.strip()[:60]} » {told}")
    target = _target(body, "vers", sheet, where)
    return Write(name, title, to, subject, text, target) if to and subject and text else None


def _wait(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> Wait | None:
    until = word_of(body, "jusqua", sheet.flaws, where, needed=False)
    within = _span(word_of(body, "delai", sheet.flaws, where, needed=False), sheet, where)
    condition = None
    if "condition" in body.entries:
        tests = _tests(body, "condition", sheet, where)
        node = body.entries["condition"]
        condition = _conditions(name, [(tests, node)], sheet) if tests and isinstance(node, Section) else None
        if "delai" in body.entries and "trop_tard" not in body.entries:
            sheet.flaw(body, f"{where}une condition avec un « delai » demande « trop_tard: étape »")
    if until and (until.text not in sheet.vocabulary or sheet.vocabulary[until.text].kind is not Kind.DATE):
        dates = [each.name for each in sheet.vocabulary.values() if each.kind is Kind.DATE]
        sheet.flaw(until, f"{where}« {until.text[:40]} » n'est pas une date du vocabulaire : {closest(until.text, dates)}")
    asked = ("jusqua" in body.entries) + ("condition" in body.entries or "delai" in body.entries)
    if asked != 1:
        sheet.flaw(body, f"{where}on attend « jusqua » une date, un « delai », ou une « condition » (avec un délai au plus)")
    if "trop_tard" in body.entries and ("condition" not in body.entries or "delai" not in body.entries):
        sheet.flaw(body, f"{where}« trop_tard » va avec une condition et un délai")
    late = _target(body, "trop_tard", sheet, where, needed=False)
    return Wait(name, title, until.text if until else None, within, condition, _target(body, "vers", sheet, where), late or None)


def _end(name: str, title: str, body: Section, sheet: _Sheet, where: str) -> End | None:
    outcome = word_of(body, "issue", sheet.flaws, where)
    if outcome and not OUTCOME.fullmatch(outcome.text):
        sheet.flaw(outcome, f"{where}une issue se dit en un mot ou deux, en minuscules (exemple : bon à payer)")
    return End(name, title, outcome.text) if outcome else None


# --- what begins it ---


def _launch(node: Node, sheet: _Sheet) -> Launch | None:
    where = "lancement : "
    if not isinstance(node, Section):
        sheet.flaw(node, f"{where}chaque lancement dit « quand: document », « heure » ou « changement »")
        return None
    only_keys(node, ("quand", "si", "a", "jours", "de"), sheet.flaws, where)
    when = word_of(node, "quand", sheet.flaws, where)
    condition = None
    if "si" in node.entries:
        tests = _tests(node, "si", sheet, where)
        condition = _conditions("lancement", [(tests, node)], sheet) if tests else None
    match when.text if when else "":
        case "document":
            return Launch("document", condition)
        case "heure":
            return _timed_launch(node, sheet, where)
        case "changement":
            names = _among(node, "de", set(sheet.vocabulary), "valeur", sheet, where)
            if not names:
                sheet.flaw(node, f"{where}un changement dit de quelles valeurs (exemple : de: [iban])")
            return Launch("changement", condition, names=frozenset(names))
        case other:
            if when:
                sheet.flaw(when, f"{where}« {other[:40]} » : {closest(other, ('document', 'heure', 'changement'))}")
            return None


def _timed_launch(node: Section, sheet: _Sheet, where: str) -> Launch | None:
    word, days = word_of(node, "a", sheet.flaws, where), word_of(node, "jours", sheet.flaws, where)
    if "si" in node.entries:
        sheet.flaw(node.keys["si"], f"{where}une heure n'a pas de condition sur un document : mettez-la dans la première étape")
    if word and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", word.text):
        sheet.flaw(word, f'{where}« {word.text[:20]} » n\'est pas une heure (exemple : "08:00")')
        return None
    if days and days.text not in ("ouvrés", "tous"):
        sheet.flaw(days, f"{where}jours « {days.text[:20]} » : {closest(days.text, ('ouvrés', 'tous'))}")
    return Launch("heure", at=time.fromisoformat(word.text), business=bool(days and days.text == "ouvrés")) if word else None


# --- the graph ---


def _prove_graph(steps: Section, start: str, activities: Mapping[str, Activity], flaws: Flaws) -> None:
    """Every step is reached from the start, reaches an end, and no circle runs without anybody or anything being waited for."""
    onward = {name: {target for _, target in ways_out(each)} for name, each in activities.items()}
    reached = _reached({start}, onward)
    for name in activities.keys() - reached:
        flaws.append(flaw_at(steps.keys[name], f"étape « {name} » : aucun chemin n'y mène depuis « {start} »"))
    backward: dict[str, set[str]] = {name: set() for name in activities}
    for name, targets in onward.items():
        for target in targets:
            backward[target].add(name)
    ending = _reached({name for name, each in activities.items() if isinstance(each, End)}, backward)
    for name in activities.keys() - ending:
        flaws.append(flaw_at(steps.keys[name], f"étape « {name} » : aucun chemin n'en mène à une « fin »"))
    at_once = {name: targets for name, targets in onward.items() if _runs_on(activities[name])}
    for name, targets in at_once.items():
        if name in _reached(targets, at_once):
            flaws.append(flaw_at(steps.keys[name], f"étape « {name} » : ce cercle tournerait sans fin, personne n'y est attendu"))


def _runs_on(activity: Activity) -> bool:
    """Whether it may go on without a person or a day. A look-up or service answers by itself: a circle of them never ends."""
    return isinstance(activity, Decide | Write | Consult | Service) or (isinstance(activity, Wait) and activity.condition is not None)


def _reached(start: set[str], onward: Mapping[str, set[str]]) -> set[str]:
    found, fresh = set(start), set(start)
    while fresh:
        fresh = {target for name in fresh for target in onward.get(name, ())} - found
        found |= fresh
    return found
