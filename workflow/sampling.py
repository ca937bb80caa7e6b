"""Which pages are compared with their paper, and when a lot passes: single sampling after ISO 2859-1, and a draw that anybody can repeat.

A lot is what one station sealed on one day. The draw needs nothing but a number that nobody could know when the pages were scanned, and the
list of the pages: `draw_sample` is the whole rule.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How strictly lots are looked at, by what the lots before them gave (ISO 2859-1:1999, 9.3)."""

    NORMAL = "normal"
    TIGHTENED = "tightened"


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one edition of the standard that are needed for single sampling at general level II."""

    source: str
    since: date
    letters: tuple[str, ...]
    sizes: tuple[int, ...]
    """Sample size of each letter (column n of tables 2-A and 2-B)."""
    lots: tuple[tuple[int, str], ...]
    """Largest lot of each code letter (table 1, level II); beyond the last: Q."""
    zeros: dict[str, str]
    """AQL (per cent nonconforming) → letter whose plan accepts no nonconforming page, under normal inspection. The tables are diagonal:
    all other plans of the column follow from it."""
    normal: tuple[int, ...]
    """Acceptance numbers from the third letter after that one on; a rejection number is one more."""
    tightened: tuple[int, ...]
    """The same under tightened inspection, whose plan without a nonconforming page is one letter later."""


ISO_2859_1 = Tables(
    "ISO 2859-1:1999, tables 1, 2-A et 2-B (reprises de MIL-STD-105E, tables I, II-A et II-B)",
    date(1999, 11, 15),
    tuple("ABCDEFGHJKLMNPQR"),
    (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000),
    (
        (8, "A"),
        (15, "B"),
        (25, "C"),
        (50, "D"),
        (90, "E"),
        (150, "F"),
        (280, "G"),
        (500, "H"),
        (1200, "J"),
        (3200, "K"),
        (10000, "L"),
        (35000, "M"),
        (150000, "N"),
        (500000, "P"),
    ),
    {"0.25": "H", "0.40": "G", "0.65": "F", "1.0": "E", "1.5": "D", "2.5": "C", "4.0": "B", "6.5": "A"},
    (1, 2, 3, 5, 7, 10, 14, 21),
    (1, 2, 3, 5, 8, 12, 18),
)
AQLS: tuple[str, ...] = tuple(ISO_2859_1.zeros)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pages of a lot are looked at, and how many of them may be nonconforming."""

    lot: int
    letter: str
    """Code letter of the lot's size."""
    used: str
    """Letter whose plan is used, where an arrow of the table leads to another."""
    size: int
    """Pages to look at: all, where the table asks for more than there are."""
    accept: int
    reject: int
    severity: Severity
    aql: str
    source: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def plan_from(told: dict[str, Any]) -> Plan:
    """A plan as `Plan.as_json` told it."""
    return Plan(**{**told, "severity": Severity(told["severity"])})


def code_letter(lot: int, tables: Tables = ISO_2859_1) -> str:
    """Letter of a lot's size (table 1, general level II); a lot of one page is looked at as one of two. Raises ValueError below one."""
    if lot < 1:
        raise ValueError(f"a lot of {lot} pages")
    return next((letter for largest, letter in tables.lots if lot <= largest), "Q")


def plan_for(lot: int, aql: str, severity: Severity = Severity.NORMAL, tables: Tables = ISO_2859_1) -> Plan:
    """The single sampling plan of a lot of so many pages. Raises KeyError for an AQL that is in no table, ValueError below one page."""
    letter, tight = code_letter(lot, tables), severity is Severity.TIGHTENED
    zero = tables.letters.index(tables.zeros[aql]) + (1 if tight else 0)
    used, accept = _cell(tables.letters.index(letter), zero, tables.tightened if tight else tables.normal, tight=tight)
    return Plan(lot, letter, tables.letters[used], min(lot, tables.sizes[used]), accept, accept + 1, severity, aql, tables.source)


def _cell(letter: int, zero: int, numbers: Sequence[int], *, tight: bool) -> tuple[int, int]:
    """Letter used and acceptance number: up to the plan without a nonconforming page, an arrow leads down to it; of the two letters after
    it, under normal inspection the first leads back up, all others lead on down; beyond the largest number, back to it."""
    if letter <= zero + (0 if tight else 1):
        return zero, 0
    first = zero + 3
    used = min(max(letter, first), first + len(numbers) - 1)
    return used, numbers[used - first]


def next_severity(outcomes: Sequence[tuple[Severity, bool]]) -> Severity:
    """Severity of the next lot, from those before it, oldest first: (severity under which it was looked at, passed on first submission).

    ISO 2859-1:1999, 9.3.1: two of five or fewer consecutive lots not accepted under normal inspection tighten it; 9.3.2: five consecutive
    lots accepted loosen it again. Reduced inspection is optional there, and not offered.
    """
    severity, recent = Severity.NORMAL, list[bool]()
    for _, passed in outcomes:
        recent = [*recent, passed][-5:]
        if severity is Severity.NORMAL and recent.count(False) >= 2:
            severity, recent = Severity.TIGHTENED, []
        elif severity is Severity.TIGHTENED and len(recent) == 5 and all(recent):
            severity, recent = Severity.NORMAL, []
    return severity


def must_stop(outcomes: Sequence[tuple[Severity, bool]]) -> bool:
    """Five lots not accepted under tightened inspection since it began: the process is to be mended first (ISO 2859-1:1999, 9.4)."""
    failed = 0
    for position, (severity, passed) in enumerate(outcomes):
        if severity is Severity.NORMAL or (position and outcomes[position - 1][0] is Severity.NORMAL):
            failed = 0
        failed += severity is Severity.TIGHTENED and not passed
    return failed >= 5


def judge_sample(plan: Plan, conforming: Iterable[bool]) -> bool | None:
    """True where the lot passes, False where it fails, None while pages remain to be looked at."""
    seen = list(conforming)
    failed = seen.count(False)
    if len(seen) < plan.size:
        return False if failed >= plan.reject else None
    return failed <= plan.accept


# --- the draw ---


def draw_sample(seed: bytes, lot: str, items: Iterable[str], count: int) -> tuple[str, ...]:
    """The items drawn: those with the smallest HMAC-SHA256(seed, lot + "\\n" + item), as many as asked for, in that order.

    `seed`: SHA-256 of the note of the first checkpoint that covers the lot. Each item is ranked by itself: whoever holds the list and
    the note repeats the draw with any tool, in any order. An item named twice counts once.
    """
    return tuple(sorted(set(items), key=lambda item: (rank_item(seed, lot, item), item))[:count])


def rank_item(seed: bytes, lot: str, item: str) -> bytes:
    """By which an item is drawn; 32 bytes."""
    return hmac.digest(seed, f"{lot}\n{item}".encode(), "sha256")


def items_hash(items: Iterable[str]) -> str:
    """Hexadecimal SHA-256 of the items from which was drawn, sorted, one per line."""
    return hashlib.sha256("".join(f"{item}\n" for item in sorted(set(items))).encode()).hexdigest()
