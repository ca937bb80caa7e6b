"""Which reminder of an open item is due, and on which day: by a ladder, what was sent, what rests, and the business calendar.

Values in, values out. A reminder never leaves for an item that is not to be reminded (`workflow.receivables.Standing`), no level leaves
twice, none on a day on which nothing may leave, and one level at a time: whatever is late, a customer is first asked kindly.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeVar

from workflow.calendar import Calendar, move_earlier, move_later
from workflow.receivables import Standing

Each = TypeVar("Each")
_DAY = timedelta(days=1)


class Channel(StrEnum):
    """By which a level goes."""

    EMAIL = "email"
    LETTER = "letter"
    REGISTERED = "registered"
    """« Lettre recommandée avec avis de réception »."""
    CALL = "call"
    """Somebody telephones: a task."""


class Warned(StrEnum):
    """What a person should know before it leaves."""

    NO_PENALTY_MENTION = "no-penalty-mention"
    """The invoice is known to lack what art. L. 441-9 C. com. asks of it on penalties and indemnity."""
    MENTION_UNKNOWN = "mention-unknown"
    """Nobody knows: neither was its text read, nor do the settings say."""
    LATE_START = "late-start"
    """It should have begun long ago: the ladder starts with its first step all the same."""


LATE = 30
"""Days after which a first reminder counts as late."""


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a ladder."""

    name: str
    title: str
    days: int
    """After the due date; before it where negative."""
    channel: Channel
    letter: str
    """Name of its template; empty of a call."""
    gap: int = 1
    """Days that lie between the last step that left and this one, however late that was."""
    formal: bool = False
    """A mise en demeure (art. 1344 C. civ.)."""


@dataclass(frozen=True, slots=True)
class Ladder:
    name: str
    title: str
    regimes: frozenset[str]
    """Values of `workflow.receivables.Customer` for which it may be chosen."""
    levels: tuple[Level, ...]
    """By their days."""
    together: bool = False
    """What a customer owes at one level leaves in one letter, which lists each invoice."""


@dataclass(frozen=True, slots=True)
class Reminded:
    """What the ladder needs to know of an item."""

    id: str
    customer: str
    due: date
    regime: str
    batch: str = ""
    """With which it came in, by which many can be suspended at once."""
    mention: bool | None = None
    """Whether the invoice bears the mentions on late payment; None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Reminders that a person suspended, first and last day included."""

    scope: str
    """item, customer, batch."""
    value: str
    starts: date
    ends: date
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A level that left."""

    level: str
    day: date


@dataclass(frozen=True, slots=True)
class Action:
    """A level of an item, and the day on which it leaves if nothing changes until then."""

    item: Reminded
    level: Level
    day: date
    rest: Rest | None = None
    """The suspension that moved it there; None where none did."""
    warned: tuple[Warned, ...] = ()


def next_action(
    item: Reminded,
    standing: Standing,
    ladder: Ladder,
    sent: Sequence[Left],
    suspensions: Iterable[Rest],
    calendar: Calendar,
    today: date,
) -> Action | None:
    """The next level and its day, today or later; None where the item is not to be reminded, or the ladder is at its end.

    Raises `workflow.calendar.NoBusinessDay`.
    """
    if not standing.may_remind or standing.balance <= 0:
        return None
    rests = [rest for rest in suspensions if covers(rest, item)]
    gone = {each.level for each in sent}
    climbed = max((place for place, level in enumerate(ladder.levels) if level.name in gone), default=-1)
    last = max((each.day for each in sent), default=None)
    for level in ladder.levels[climbed + 1 :]:
        if level.name in gone:
            continue
        found = _day_of(level, item, last, rests, calendar, today)
        if found is not None:
            day, rest = found
            return Action(item, level, day, rest, _warnings(level, item, sent, day))
    return None


def forecast(
    item: Reminded,
    standing: Standing,
    ladder: Ladder,
    sent: Sequence[Left],
    suspensions: Iterable[Rest],
    calendar: Calendar,
    today: date,
    until: date,
) -> tuple[Action, ...]:
    """What leaves until a day, this day included, if nothing is paid and nobody does anything. Raises NoBusinessDay."""
    rests, found, done, day = tuple(suspensions), list[Action](), list(sent), today
    while True:
        action = next_action(item, standing, ladder, done, rests, calendar, day)
        if action is None or action.day > until:
            return tuple(found)
        found.append(action)
        done.append(Left(action.level.name, action.day))
        # One level of an item in a day.
        day = action.day + _DAY


MOST_TOGETHER = 100
"""Invoices that one letter lists; the others follow in another."""


def gather(actions: Iterable[Action], ladder: Ladder) -> tuple[tuple[Action, ...], ...]:
    """What leaves in one letter each: every action alone, or, where the ladder says so, those of one customer, level and day together."""
    return gathered(actions, lambda action: action, lambda _: ladder.together)


def gathered(found: Iterable[Each], action_of: Callable[[Each], Action], together: Callable[[Each], bool]) -> tuple[tuple[Each, ...], ...]:
    """The same of whatever holds an action.

    By due date within a letter. Each item keeps its own level: a letter is how several leave, and nothing leaves that would not alone.
    """
    letters = dict[tuple[str, ...], list[Each]]()
    for each in found:
        action = action_of(each)
        apart = () if together(each) else (action.item.id,)
        letters.setdefault((action.item.customer, action.level.name, action.day.isoformat(), *apart), []).append(each)
    ordered = [sorted(letter, key=lambda each: _place_of(action_of(each).item)) for letter in letters.values()]
    return tuple(tuple(letter[start : start + MOST_TOGETHER]) for letter in ordered for start in range(0, len(letter), MOST_TOGETHER))


def _place_of(item: Reminded) -> tuple[date, str]:
    return item.due, item.id.zfill(20)


def covers(rest: Rest, item: Reminded) -> bool:
    """Whether a suspension is about this item, whatever the day."""
    return {"item": item.id, "customer": item.customer, "batch": item.batch or None}.get(rest.scope) == rest.value


def _day_of(
    level: Level, item: Reminded, last: date | None, rests: Sequence[Rest], calendar: Calendar, today: date
) -> tuple[date, Rest | None] | None:
    """The first day, today or later, on which a level may leave; None of a reminder before the due date for which it is too late."""
    wanted = item.due + timedelta(days=level.days)
    if level.days < 0:
        # On the day before rather than on the day after: who is asked to pay in time must still be able to.
        wanted = move_earlier(calendar, wanted)
    if last is not None:
        wanted = max(wanted, last + timedelta(days=max(1, level.gap)))
    day, rest = _rested(max(wanted, today), rests, calendar)
    return None if level.days < 0 and day > item.due else (day, rest)


def _rested(day: date, rests: Sequence[Rest], calendar: Calendar) -> tuple[date, Rest | None]:
    """The day itself or a later one on which something may leave and nothing rests; and the last suspension that stood in the way."""
    moved: Rest | None = None
    while True:
        day = move_later(calendar, day)
        standing = max((rest for rest in rests if rest.starts <= day <= rest.ends), key=lambda rest: rest.ends, default=None)
        if standing is None:
            return day, moved
        day, moved = standing.ends + _DAY, standing


def _warnings(level: Level, item: Reminded, sent: Sequence[Left], day: date) -> tuple[Warned, ...]:
    # What public buyers owe is set by their own code, whatever their supplier's invoice says; consumers owe nothing of it.
    asked = item.regime == "private" and level.days > 0
    unsaid = {None: (Warned.MENTION_UNKNOWN,), False: (Warned.NO_PENALTY_MENTION,), True: ()}[item.mention] if asked else ()
    late = not sent and (day - item.due).days - max(0, level.days) > LATE
    return unsaid + ((Warned.LATE_START,) if late else ())
