"""What a letter asks for on a day: what is left of the invoice, and between professionals or of a public buyer interest and indemnity."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from workflow.interest import BelowFloor, Interest, MissingRate, Mode, Rates, Regime, Terms, indemnity_of, interest_of
from workflow.receivables import NOTHING, Customer, Happening, Item, Standing, What, in_force, reductions_of

REGIMES = {Customer.PRIVATE: Regime.PRIVATE, Customer.PUBLIC: Regime.PUBLIC}
"""Consumers owe neither interest of L. 441-10 nor its indemnity."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Interest and indemnity of one item at a date, EUR outside VAT."""

    interest: Interest | None
    """None where none is owed, or it cannot be reckoned."""
    indemnity: Decimal
    """Of this invoice, once, whatever the number of letters that name it."""
    until: date
    """Last day of interest: that on which the last of it was paid, the day before proceedings were opened, or the day that was asked."""
    regime: Regime | None
    """None of a consumer: L. 441-10 is between professionals only."""
    missing: MissingRate | None = None
    """Nothing is reckoned from that half-year on, and it is told."""
    below: BelowFloor | None = None
    """The contract's rate is below what the law allows (L. 441-10 C. com.): nothing is reckoned, for what is owed then is for a person."""
    least: bool = False
    """Of a contract's rate only three times the legal rate is reckoned, for the invoice does not state the penalties."""


def delay_of(
    item: Item,
    customer: Customer,
    events: Sequence[Happening],
    today: date,
    rates: Rates,
    mode: Mode = Mode.SPLIT,
    contract_rate: Decimal | None = None,
    unsaid: bool = False,
) -> Delay:
    """What late payment of an item costs by `today`, of what was paid late, too: pages and letters ask here. A rate that is not known is
    never guessed: interest ends the day before its half-year.

    `unsaid`: the invoice is known not to state the penalties (art. L. 441-9 C. com.). What the law itself sets is due all the same and
    without a reminder (art. L. 441-10, II: the ECB's rate and 10 points where the contract is silent, never less than three times the
    legal rate where it is not); of a contract's rate only that least is asked for, and the rest is for a person.
    """
    regime, held = REGIMES.get(customer), in_force(events, today)
    opened = min((event.day for event in held if event.what is What.INSOLVENCY), default=None)
    until = settled_on(item, events, today) or today
    if opened is not None:
        # The opening judgment stops interest (art. L. 622-28 C. com.): the day before is its last.
        until = min(until, opened - timedelta(days=1))
    if regime is None or until <= item.due or any(event.what is What.CANCEL for event in held):
        return Delay(None, NOTHING, until, regime)
    agreed = contract_rate if regime is Regime.PRIVATE else None
    least = unsaid and agreed is not None
    terms, missing = Terms(regime, mode, agreed, least=least), None
    # As it is known today: a payment that came back since never reduced the debt.
    indemnity, reductions = indemnity_of(item.due, until, rates), reductions_of(events, today)
    while until > item.due:
        try:
            found = interest_of(item.amount, item.due, until, terms, rates, [each for each in reductions if each.day <= until])
        except MissingRate as error:
            # Reckoned up to the last half-year that is known, and said.
            missing, until = error, first_of(error.half) - timedelta(days=1)
            continue
        except BelowFloor as error:
            return Delay(None, indemnity, until, regime, below=error)
        return Delay(found, indemnity, until, regime, missing, least=least)
    return Delay(None, indemnity, until, regime, missing)


def settled_on(item: Item, events: Iterable[Happening], today: date) -> date | None:
    """The day on which nothing was left any more; None while something is."""
    rest = item.amount
    for event in sorted(in_force(events, today), key=lambda each: each.day):
        if event.what in (What.PAYMENT, What.CREDIT):
            rest -= event.amount
            if rest <= 0:
                return event.day
    return None


@dataclass(frozen=True, slots=True)
class Claim:
    """EUR; interest and indemnity are outside VAT."""

    balance: Decimal
    interest: Interest | None
    """None where none is owed, or none can be reckoned."""
    indemnity: Decimal
    """Of this invoice, once, whatever the number of letters that name it."""
    until: date
    """Day up to which interest is reckoned, itself included."""
    missing: str = ""
    """Half-year whose rate the table does not know: nothing is reckoned from it on, and the letter says so."""
    unlawful: bool = False
    """The contract's rate is below what the law allows (L. 441-10 C. com.): nothing is reckoned, for what is owed then is for a person."""

    least: bool = False
    """Of a contract's rate only three times the legal rate is reckoned, for the invoice does not state the penalties."""

    @property
    def accrued(self) -> Decimal:
        return self.interest.total if self.interest else NOTHING

    @property
    def total(self) -> Decimal:
        return self.balance + self.accrued + self.indemnity


def claim_of(standing: Standing, delay: Delay, today: date) -> Claim:
    """What a letter of `today` asks for: nothing besides where nothing is open."""
    if standing.balance <= 0:
        return Claim(standing.balance, None, NOTHING, today)
    missing = delay.missing.half if delay.missing is not None else ""
    return Claim(standing.balance, delay.interest, delay.indemnity, delay.until, missing, delay.below is not None, delay.least)


def first_of(half: str) -> date:
    """First day of « 2026-H2 »."""
    year, number = half.split("-H")
    return date(int(year), 1 if number == "1" else 7, 1)
