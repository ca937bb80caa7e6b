"""What other rules, or another circuit, would have made of values that were decided before: the same values, both versions, compared."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from workflow.circuit import Appeared, Circuit, Ended, Started, State, begins, step
from workflow.tables import Decision, Refused, RuleSet, decide
from workflow.vocabulary import Kind, Value, Vocabulary, shown


@dataclass(frozen=True, slots=True)
class Past:
    """One document as it was decided: its values, and the tables that were asked about them; `key` says which document."""

    key: str
    at: datetime
    values: Mapping[str, Value]
    tables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Turn:
    """One document for which something is other: what came of it, what would; `grave`: no decision would be taken at all."""

    key: str
    at: datetime
    where: str
    before: str
    after: str
    amount: Decimal | None
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of values. `says`: results alone; by which line they came is `by`."""

    says: str
    by: str = ""
    refused: bool = False


Judge: TypeAlias = Callable[[Past], Mapping[str, Outcome]]
"""What comes of a document, by table (or, of a circuit, under one name)."""


def by_rules(rules: RuleSet) -> Judge:
    """Each table that the document was asked about and that these rules have."""

    def judge(past: Past) -> Mapping[str, Outcome]:
        return {name: told(rules, decide(rules, name, past.values)) for name in rules.tables if name in past.tables}

    return judge


def told(rules: RuleSet, decision: Decision | Refused) -> Outcome:
    if isinstance(decision, Refused):
        return Outcome("pas de décision : " + " ; ".join(decision.reasons), refused=True)
    variables = rules.tables[decision.table].outputs
    one_by_one = (", ".join(f"{each.label} = {shown(each, one[each.name]) or 'vide'}" for each in variables) for one in decision.outputs)
    results = " ; ".join(one_by_one)
    return Outcome(results or "rien", ", ".join(decision.lines))


def by_circuit(circuit: Circuit) -> Judge:
    """How far a document goes until somebody or something is waited for."""
    begun_by_document = any(launch.kind == "document" for launch in circuit.launches)

    def judge(past: Past) -> Mapping[str, Outcome]:
        known = {name: value for name, value in past.values.items() if name in circuit.vocabulary}
        if begun_by_document and begins(circuit, Appeared(known)) is False:
            return {"": Outcome("le circuit ne commence pas")}
        state, commands = step(circuit, None, Started(past.at, known))
        return {"": _stop(circuit, state, ended=any(isinstance(each, Ended) for each in commands))}

    return judge


def _stop(circuit: Circuit, state: State, *, ended: bool) -> Outcome:
    title = circuit.steps[state.step].title
    if state.standing == "stuck":
        return Outcome(f"s'arrête à « {title} » : une valeur manque", refused=True)
    return Outcome(f"{'finit' if ended else 'attend'} à « {title} »", state.step)


_ENGLISH = (
    (re.compile(r"pas de décision : (.*)", re.DOTALL), r"no decision: \1"),
    (re.compile(r"s'arrête à « (.*) » : une valeur manque", re.DOTALL), r"stops at “\1”: a value is missing"),
    (re.compile(r"finit à « (.*) »", re.DOTALL), r"ends at “\1”"),
    (re.compile(r"attend à « (.*) »", re.DOTALL), r"waits at “\1”"),
    (re.compile(r"le circuit ne commence pas"), "the circuit does not begin"),
    (re.compile(r"rien"), "nothing"),
)


def in_english(says: str) -> str:
    """What an outcome says, as it is kept, in an English frame; the file's own words stay."""
    for pattern, frame in _ENGLISH:
        if found := pattern.fullmatch(says):
            return found.expand(frame)
    return re.sub(r" = vide(?=$|, | ; )", " = empty", says)


def compare(
    before: Judge, after: Judge, pasts: Iterable[Past], amount: Callable[[Past], Decimal | None]
) -> Iterator[tuple[Past, tuple[Turn, ...]]]:
    """Each document with what would be other of it; nothing where all results are the same, whatever line they come from."""
    none = Outcome("")
    for past in pasts:
        old, new = before(past), after(past)
        pairs = ((name, old.get(name, none), new.get(name, none)) for name in {**old, **new})
        yield (
            past,
            tuple(
                Turn(past.key, past.at, name, was.says, would.says, amount(past), would.refused)
                for name, was, would in pairs
                if was.says != would.says
            ),
        )


def amount_in(vocabulary: Vocabulary) -> Callable[[Past], Decimal | None]:
    """The amount of a document: with tax where it is said so, else the first amount of the vocabulary that it has."""
    names = [each.name for each in vocabulary.values() if each.kind is Kind.AMOUNT]
    order = sorted({"montant_ttc", "montant_avoir", *names}, key=lambda name: (name != "montant_ttc", name != "montant_avoir", name))

    def amount(past: Past) -> Decimal | None:
        found = (past.values.get(name) for name in order)
        return next((value for value in found if isinstance(value, Decimal)), None)

    return amount
