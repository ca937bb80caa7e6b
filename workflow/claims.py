"""What a letter asks for on a day: what is left of the invoice, and between professionals or of a public buyer interest and indemnity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from workflow.interest import BelowFloor, Interest, MissingRate, Mode, Rates, Regime, Terms, indemnity_of, interest_of
from workflow.receivables import NOTHING, Customer, Happening, Item, Standing, reductions_of

REGIMES = {Customer.PRIVATE: Regime.PRIVATE, Customer.PUBLIC: Regime.PUBLIC}
"""Consumers owe neither interest of L. 441-10 nor its indemnity."""


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


def claim_of(
    item: Item,
    customer: Customer,
    events: Sequence[Happening],
    standing: Standing,
    today: date,
    rates: Rates,
    mode: Mode = Mode.SPLIT,
    contract_rate: Decimal | None = None,
    unsaid: bool = False,
) -> Claim:
    """What is owed on `today`. A rate that is not known is never guessed: interest ends the day before its half-year.

    `unsaid`: the invoice is known not to state the penalties (art. L. 441-9 C. com.). What the law itself sets is due all the same and
    without a reminder (art. L. 441-10, II: the ECB's rate and 10 points where the contract is silent, never less than three times the
    legal rate where it is not); of a contract's rate only that least is asked for, and the rest is for a person.
    """
    regime = REGIMES.get(customer)
    if regime is None or today <= item.due or standing.balance <= 0:
        return Claim(standing.balance, None, NOTHING, today)
    agreed = contract_rate if regime is Regime.PRIVATE else None
    least = unsaid and agreed is not None
    terms = Terms(regime, mode, agreed, least=least)
    reductions = reductions_of(events, today)
    indemnity = indemnity_of(item.due, today, rates)
    until, missing = today, ""
    while until > item.due:
        try:
            found = interest_of(item.amount, item.due, until, terms, rates, [each for each in reductions if each.day <= until])
        except MissingRate as error:
            missing, until = error.half, first_of(error.half) - timedelta(days=1)
            continue
        except BelowFloor:
            return Claim(standing.balance, None, indemnity, until, unlawful=True)
        return Claim(standing.balance, found, indemnity, until, missing, least=least)
    return Claim(standing.balance, None, indemnity, until, missing)


def first_of(half: str) -> date:
    """First day of « 2026-H2 »."""
    year, number = half.split("-H")
    return date(int(year), 1 if number == "1" else 7, 1)
