"""Draft rules tried on documents that were decided: which of them would go another way, and what they amount to.

What is replayed are the values as each decision had them (`decision_made`), not those that a document has today. Documents of the period
that no circuit decided, for they came before there were circuits, are tried with the values they have now; of those at most `OLDER`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from config.settings import Settings
from station.beside import Beside, beside
from station.facts import facts_of
from station.lookups import outside_of
from station.records import circuits as records
from station.records.tables import CircuitRun, CircuitVersion, DecisionMade, Document, RuleReplay, RuleVersion, State
from station.rule_versions import NotInForce, circuit_of, rules_of
from station.stored import rule_values_in
from station.workstation import Workstation
from workflow.circuit import PARIS, Appeared, Circuit, begins
from workflow.circuit_file import load_circuit
from workflow.marked import Flaw
from workflow.replaying import Judge, Past, Turn, amount_in, by_circuit, by_rules, compare, in_english
from workflow.rules import load_rules
from workflow.tables import RuleSet
from workflow.vocabulary import Value, Vocabulary, grouped

RULES, CIRCUIT = "regles", "circuit"
OLDER = 5000
"""Documents without a decision that are read value by value, the newest first."""
KEPT = 500
"""Differences that are kept with a replay, the largest amounts first; how many there are is kept besides."""
AT_ONCE = 1000


class Unreadable(Exception):
    """The text is refused; `flaws` say why."""

    def __init__(self, flaws: tuple[Flaw, ...]) -> None:
        super().__init__(flaws[0].message if flaws else "")
        self.flaws = flaws


@dataclass(frozen=True, slots=True)
class Period:
    """Days of Paris, both counted."""

    first: date
    last: date

    def moments(self) -> tuple[datetime, datetime]:
        """From the first (counted) to the second (not counted), UTC."""
        ends = (self.first, self.last + timedelta(days=1))
        low, high = (datetime(day.year, day.month, day.day, tzinfo=PARIS).astimezone(UTC) for day in ends)
        return low, high


@dataclass(frozen=True, slots=True)
class Result:
    """`turns`: those that change, the largest amounts first, at most KEPT; the numbers count documents, and count all."""

    period: Period
    seen: int
    changed: int
    amount: Decimal
    refused: int
    """Documents of which nothing would be decided."""
    older: int
    """Of those seen, how many were tried with the values of today."""
    left: int
    """Documents of the period that were not tried."""
    turns: tuple[Turn, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "seen": self.seen, "changed": self.changed, "amount": f"{self.amount:f}", "refused": self.refused, "older": self.older,
            "left": self.left, "turns": [[turn.key, turn.at.isoformat(), turn.where, turn.before, turn.after,
                                          None if turn.amount is None else f"{turn.amount:f}", turn.grave] for turn in self.turns],
        }  # fmt: skip


def result_of(row: RuleReplay) -> Result:
    """As it was stored."""
    told = row.result
    turns = tuple(
        Turn(key, datetime.fromisoformat(at), where, before, after, None if amount is None else Decimal(amount), grave)
        for key, at, where, before, after, amount, grave in told["turns"]
    )
    period = Period(date.fromisoformat(row.starts), date.fromisoformat(row.ends))
    numbers = (told["seen"], told["changed"], Decimal(told["amount"]), told["refused"], told["older"], told["left"])
    return Result(period, *numbers, turns)


# --- reading a text as what it is to replace ---


def rules_in_force(session: Session, entity: str) -> dict[str, RuleSet]:
    """By name. A text that this version of Sceau no longer reads is left out."""
    found: dict[str, RuleSet] = {}
    for name, row in records.in_force(session, RuleVersion, entity).items():
        with suppress(NotInForce):
            found[name] = rules_of(row)
    return found


def circuits_in_force(session: Session, settings: Settings, entity: str, rules: Mapping[str, RuleSet] | None = None) -> dict[str, Circuit]:
    """By name, with the rules that are in force (or `rules`); those that do not hold with them are left out."""
    if rules is None:
        return _as_they_stand(session, settings, entity)
    known, outside = rules, outside_of(settings)
    loaded = (load_circuit(row.text, known, outside).circuit for row in records.in_force(session, CircuitVersion, entity).values())
    return {circuit.name: circuit for circuit in loaded if circuit}


def _as_they_stand(session: Session, settings: Settings, entity: str) -> dict[str, Circuit]:
    rows = records.in_force(session, RuleVersion, entity)
    sound: dict[str, RuleVersion] = {}
    for name, row in rows.items():
        with suppress(NotInForce):
            rules_of(row)
            sound[name] = row
    found: dict[str, Circuit] = {}
    for name, each in records.in_force(session, CircuitVersion, entity).items():
        with suppress(NotInForce):
            found[name] = circuit_of(each, sound, settings)
    return found


_read_rules = lru_cache(maxsize=32)(load_rules)
"""A text is read once, however often it is replayed: its proof takes longer than hundreds of decisions."""


def read_text(session: Session, settings: Settings, entity: str, kind: str, text: str) -> tuple[RuleSet | Circuit | None, tuple[Flaw, ...]]:
    """What the text says, a circuit with the rules that are in force; None, and why."""
    if kind == RULES:
        loaded = _read_rules(text)
        return loaded.rules, loaded.flaws
    read = load_circuit(text, rules_in_force(session, entity), outside_of(settings))
    return read.circuit, read.flaws


# --- replaying ---


def replay_text(
    workstation: Workstation, session: Session, entity: str, kind: str, name: str, texts: tuple[str, str], period: Period
) -> Result:
    """What the second text would decide otherwise than the first one, over the documents of a period. Raises Unreadable."""
    said = [_said(session, workstation.settings, entity, kind, text) for text in texts]
    judges: list[Judge] = [by_rules(each) if isinstance(each, RuleSet) else by_circuit(each) for each in said]
    vocabulary: Vocabulary = {**said[0].vocabulary, **said[1].vocabulary}
    pasts = decided_before(session, entity, name, period) if kind == RULES else begun_before(session, entity, name, period)
    circuits = (
        _users(session, workstation.settings, entity, name) if kind == RULES else [each for each in said if isinstance(each, Circuit)]
    )
    older = Older(session, workstation, entity, period, said[1], circuits, {past.key for past in pasts})
    tally = _Tally(period)
    for _, turns in compare(judges[0], judges[1], _both(pasts, older), amount_in(vocabulary)):
        tally.add(turns)
    return tally.result(older.tried, older.left)


def _said(session: Session, settings: Settings, entity: str, kind: str, text: str) -> RuleSet | Circuit:
    said, flaws = read_text(session, settings, entity, kind, text)
    if said is None:
        raise Unreadable(tuple(flaw for flaw in flaws if flaw.grave))
    return said


def _both(pasts: list[Past], older: "Older") -> Iterator[Past]:
    yield from pasts
    yield from older.pasts()


class _Tally:
    def __init__(self, period: Period) -> None:
        self.period, self.seen, self.turns = period, 0, list[Turn]()
        self.changed: dict[str, Decimal | None] = {}
        self.refused: set[str] = set()

    def add(self, turns: tuple[Turn, ...]) -> None:
        self.seen += 1
        for turn in turns:
            self.changed[turn.key] = turn.amount
            self.turns.append(turn)
            if turn.grave:
                self.refused.add(turn.key)

    def result(self, older: int, left: int) -> Result:
        turns = sorted(self.turns, key=lambda turn: (-(turn.amount or 0), turn.at, turn.key, turn.where))
        amount = sum((each for each in self.changed.values() if each is not None), Decimal(0))
        return Result(self.period, self.seen, len(self.changed), amount, len(self.refused), older, left, tuple(turns[:KEPT]))


def decided_before(session: Session, entity: str, name: str, period: Period) -> list[Past]:
    """Each document that rules of this name decided, with the values of its last decision by each table."""
    low, high = period.moments()
    columns = (DecisionMade.run_id, DecisionMade.document_id, DecisionMade.table, DecisionMade.inputs, DecisionMade.at)
    where = (DecisionMade.entity == entity, DecisionMade.rules == name, DecisionMade.at >= low, DecisionMade.at < high)
    found: dict[str, Past] = {}
    query = sa.select(*columns).where(*where).order_by(DecisionMade.id).execution_options(yield_per=AT_ONCE)
    for run_id, document_id, table, inputs, at in session.execute(query):
        key = document_id or f"run-{run_id}"
        before = found.get(key)
        values = {**(before.values if before else {}), **rule_values_in(inputs)}
        found[key] = Past(key, at, values, (before.tables if before else frozenset()) | {table})
    return list(found.values())


def begun_before(session: Session, entity: str, name: str, period: Period) -> list[Past]:
    """Each document that went into a circuit of this name, with the values that it has there."""
    low, high = period.moments()
    columns = (CircuitRun.id, CircuitRun.document_id, CircuitRun.started_at, CircuitRun.state)
    where = (CircuitRun.entity == entity, CircuitRun.circuit == name, CircuitRun.started_at >= low, CircuitRun.started_at < high)
    found: dict[str, Past] = {}
    query = sa.select(*columns).where(*where).order_by(CircuitRun.id).execution_options(yield_per=AT_ONCE)
    for run_id, document_id, at, state in session.execute(query):
        key = document_id or f"run-{run_id}"
        found[key] = Past(key, at, rule_values_in(state.get("values") or {}))
    return list(found.values())


def _users(session: Session, settings: Settings, entity: str, rules: str) -> list[Circuit]:
    """Circuits in force that use rules of this name."""
    return [circuit for circuit in circuits_in_force(session, settings, entity).values() if rules in circuit.rules]


class Older:
    """Documents of the period that nothing replayed has decided, though a circuit would begin with them: with their values of today.

    Rules are asked by each table of which every value is known.
    """

    def __init__(
        self,
        session: Session,
        workstation: Workstation,
        entity: str,
        period: Period,
        said: RuleSet | Circuit,
        circuits: Sequence[Circuit],
        decided: set[str],
    ) -> None:
        self.session, self.workstation, self.entity, self.said = session, workstation, entity, said
        self.circuits = [each for each in circuits if any(launch.kind == "document" for launch in each.launches)]
        self.tried = self.left = 0
        low, high = period.moments()
        where = [Document.entity == entity, Document.received_at >= low, Document.received_at < high, Document.state == State.SEALED]
        query = sa.select(Document.id).where(*where, Document.confidential.is_(False)).order_by(Document.received_at.desc(), Document.id)
        self.ids = [number for number in session.scalars(query) if number not in decided] if self.circuits else []

    def pasts(self) -> Iterator[Past]:
        for at in range(0, min(len(self.ids), OLDER), 200):
            # What their values are taken from comes with them: asked for one by one, it costs more than the rules.
            query = sa.select(Document).where(Document.id.in_(self.ids[at : min(at + 200, OLDER)]))
            lot = self.session.scalars(query.options(selectinload(Document.fields), selectinload(Document.findings))).all()
            known = beside(self.session, self.workstation.settings, self.entity, lot)
            for document in lot:
                past = self._past(document, known)
                if past:
                    self.tried += 1
                    yield past
        self.left = max(len(self.ids) - OLDER, 0)

    def _past(self, document: Document, known: Beside) -> Past | None:
        values: dict[str, Value] = facts_of(self.session, self.workstation, document, known)
        if not any(begins(circuit, Appeared(values)) is True for circuit in self.circuits):
            return None
        asked: set[str] = set()
        if isinstance(self.said, RuleSet):
            asked = {name for name, table in self.said.tables.items() if all(each.name in values for each in table.inputs)}
            if not asked:
                return None
        return Past(document.id, document.received_at, values, frozenset(asked))


def store_replay(
    session: Session, entity: str, kind: str, name: str, shas: tuple[str, str], result: Result, by: str, at: datetime
) -> RuleReplay:
    """Keep a result, with the hashes of what was held against (first) and of what was tried (second)."""
    row = RuleReplay(
        entity=entity, kind=kind, name=name, sha256=shas[1], against=shas[0], starts=result.period.first.isoformat(),
        ends=result.period.last.isoformat(), result=result.as_json(), by=by, at=at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def forget_documents(session: Session, ids: Collection[str]) -> None:
    """What kept replays say of documents that are erased goes with them; that they were counted stays."""
    rows = session.scalars(sa.select(RuleReplay).where(sa.or_(*(sa.cast(RuleReplay.result, sa.Text).contains(each) for each in ids))))
    for row in rows if ids else ():
        row.result = {**row.result, "turns": [turn for turn in row.result["turns"] if turn[0] not in ids]}


# --- from a file, at the command line ---


class NoVersion(Exception):
    """There is no such version, or none is in force."""


def replay_file(workstation: Workstation, entity: str, kind: str, text: str, against: str, period: Period) -> tuple[str, Result]:
    """What the text of a file would decide otherwise than a version: by number, by the beginning of its hash, or (empty) the one in force.

    Returns which version it was held against. Raises Unreadable, NoVersion.
    """
    with workstation.database.reading() as session:
        said = _said(session, workstation.settings, entity, kind, text)
        table: type[Any] = RuleVersion if kind == RULES else CircuitVersion
        rows: list[RuleVersion | CircuitVersion] = records.versions_of(session, table, entity, said.name)
        row = next((each for each in rows if _is_meant(each, against)), None)
        if row is None:
            raise NoVersion(said.name)
        result = replay_text(workstation, session, entity, kind, said.name, (row.text, text), period)
        return f"{row.name} {row.number} ({row.sha256[:12]})", result


def _is_meant(row: RuleVersion | CircuitVersion, against: str) -> bool:
    if not against:
        return row.active_from is not None and row.ended_at is None
    return str(row.number) == against or (len(against) >= 8 and against in (row.sha256[: len(against)], row.meaning[: len(against)]))


def replay_lines(against: str, result: Result, language: str) -> list[str]:
    """The sentence of all, then one line for each document that changes; numbers and days as each language writes them."""
    english, amount = language == "en", _money(result.amount, language)
    period = result.period
    days = f"from {period.first} to {period.last}" if english else f"du {period.first:%d/%m/%Y} au {period.last:%d/%m/%Y}"
    head = (
        f"{result.changed} of {result.seen} documents go another way than by {against}, {amount} in all ({days})"
        if english
        else f"{result.changed} documents sur {result.seen} changent de circuit par rapport à {against}, pour {amount} ({days})"
    )
    notes = [f"{result.refused} {'would be left without a decision' if english else 'resteraient sans décision'}"] if result.refused else []
    today = "tried with the values of today" if english else "essayés avec les valeurs d'aujourd'hui"
    notes += [f"{result.older} {today}"] if result.older else []
    notes += [f"{result.left} {'older ones were not replayed' if english else 'plus anciens non rejoués'}"] if result.left else []
    amounts = ("" if turn.amount is None else _money(turn.amount, language) for turn in result.turns)
    told = in_english if english else str
    rows = [f"{turn.key}  {each:>14}  {told(turn.before)} → {told(turn.after)}" for turn, each in zip(result.turns, amounts, strict=True)]
    return [head, *notes, *rows]


def _money(amount: Decimal, language: str) -> str:
    return f"€{amount:,.2f}" if language == "en" else f"{grouped(amount.quantize(Decimal('0.01')))} €"
