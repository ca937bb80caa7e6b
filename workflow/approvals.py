"""Who must say yes before an invoice is paid, and when a yes counts: steps by amount, what the yes is about, and who may not give it.

It knows no database: people are pseudonyms, and whether two of them stand in for one another is handed in.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

HOUSE_CURRENCY = "EUR"
"""In which the steps count; an invoice in another one goes to the strictest step, for no rate is guessed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the house's table of authority; who is addressed is a person, a group or, where neither is named, a role."""

    below: Decimal | None = None
    """For amounts with tax that are smaller; None: for all."""
    role: str = "approver"
    group: str = ""
    person: str = ""
    """Login."""
    two: bool = False
    """Two people approve, one after the other."""


@dataclass(frozen=True, slots=True)
class Why:
    """Which step was chosen and what for; data, for the screens to say."""

    code: str
    """only (there is one step for all), below, from, between; unknown (no amount was read), currency (another), no-currency (none read)."""
    amount: str = ""
    currency: str = ""
    least: str = ""
    """Amount from which the step holds; empty: none."""
    below: str = ""
    two: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who is to be asked, and by which version of which rule."""

    step: Step
    why: Why
    rule: str
    version: str


def choose_step(steps: Sequence[Step], amount: Decimal | None, currency: str) -> Chosen:
    """The step of an amount with tax; exactly at a threshold, the stricter one. A credit note weighs as much as its invoice. `currency`:
    empty where none was read."""
    table = sorted(steps or (Step(),), key=lambda step: (step.below is None, step.below or Decimal(0)))
    rule, version = "steps", _version_of(table)
    strictest = len(table) - 1
    if amount is None or currency != HOUSE_CURRENCY:
        place = strictest
        code = "unknown" if amount is None else "currency" if currency else "no-currency"
    else:
        place = next((i for i, step in enumerate(table) if step.below is None or abs(amount) < step.below), strictest)
        code = ""
    step = table[place]
    least = table[place - 1].below if place else None
    code = (
        code
        or {(False, False): "only", (False, True): "below", (True, False): "from", (True, True): "between"}[
            (least is not None, step.below is not None)
        ]
    )
    told = Why(code, _text(amount), currency, _text(least), _text(step.below), step.two)
    return Chosen(step, told, rule, version)


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"


def _version_of(table: Iterable[Step]) -> str:
    """Twelve hexadecimal digits that change with the table."""
    return hashlib.sha256(repr([(_text(step.below), step.role, step.group, step.person, step.two) for step in table]).encode()).hexdigest()[
        :12
    ]


@dataclass(frozen=True, slots=True)
class Bound:
    """What an approval is about: when any of it changes, the approval is void."""

    sealed: str
    """SHA-256 of the sealed file, as it was before timestamps were added to it."""
    supplier: str
    siren: str
    number: str
    gross: str
    """Canonical text; empty: not known."""
    currency: str
    iban: str
    kind: str = ""
    """Invoice or credit note: the sign of the amount."""
    net: str = ""
    tax: str = ""
    due: str = ""
    rate: str = ""
    """Units of the currency for one euro, where a person said so: it makes the amount by which the approver was chosen."""

    def digest(self) -> str:
        """SHA-256, hexadecimal. Without a rate it is what it was before rates were bound: what waits since then is not asked again."""
        told = {name: value for name, value in asdict(self).items() if name != "rate" or value}
        return hashlib.sha256(json.dumps(told, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def covers(self, now: "Bound") -> bool:
        """Whether a yes to this is one to what is there now. A rate that came after it does not void it: the amount was approved in its
        own currency, by whoever decides of amounts that are not known in euros. Another rate does."""
        return self == now or (not self.rate and self == replace(now, rate=""))

    def changes(self, other: "Bound") -> tuple[str, ...]:
        """Names of what is another."""
        mine, theirs = asdict(self), asdict(other)
        return tuple(name for name in mine if mine[name] != theirs[name])


class Bar(StrEnum):
    """Why somebody may not decide."""

    NOT_APPROVER = "not-approver"
    NOT_ADDRESSED = "not-addressed"
    PREPARED = "prepared"
    """Who said the values does not approve them (preparer is not approver)."""
    STANDS_IN = "stands-in"
    """Nor does who stood in for them, or they for them, on any day since."""
    DECIDED = "decided"
    """One of two approvals is theirs already, or that of whom they stand in for."""
    CONFIRMED = "confirmed"
    """They confirmed the account of a new supplier: the second yes to a first purchase is somebody else's."""


AreOne: TypeAlias = Callable[[str, str], bool]
"""Whether one stands in for the other, by a mandate of the house (`station.records.people.are_one`)."""


@dataclass(frozen=True, slots=True)
class Table:
    """Who sits around one approval."""

    prepared: frozenset[str]
    """Who read, typed or submitted the values."""
    approved: tuple[str, ...] = ()
    """Who approved before, where two are needed."""
    handed: tuple[tuple[str, str], ...] = ()
    """Who gave this approval to whom."""
    confirmed: frozenset[str] = frozenset()
    """Who confirmed the supplier's account, where that bars from this approval."""


def circle_of(person: str, handed: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Whoever counts as one with a person because one gave the approval to the other, over however many hands."""
    circle, pairs = {person}, [frozenset(pair) for pair in handed]
    while grown := {each for pair in pairs if pair & circle for each in pair} - circle:
        circle |= grown
    return frozenset(circle)


def bar_of(person: str, table: Table, are_one: AreOne, *, approver: bool = True, addressed: bool = True) -> Bar | None:
    """Why this person may not decide; None: they may."""
    if not approver:
        return Bar.NOT_APPROVER
    circle = circle_of(person, table.handed)
    if circle & table.prepared:
        return Bar.PREPARED
    if any(are_one(one, person) for one in table.prepared):
        return Bar.STANDS_IN
    if circle & set(table.approved) or any(are_one(one, person) for one in table.approved):
        return Bar.DECIDED
    if circle & table.confirmed or any(are_one(one, person) for one in table.confirmed):
        return Bar.CONFIRMED
    return None if addressed else Bar.NOT_ADDRESSED
