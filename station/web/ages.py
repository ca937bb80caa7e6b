"""How long something has waited, as a person says it."""

from datetime import datetime, timedelta

from station.figures import in_one_unit
from station.web.words import Words


def age_words(since: datetime, now: datetime, t: Words) -> str:
    """« depuis 12 min »."""
    return t("age.since", age=span_words(now - since, t))


def span_words(span: timedelta, t: Words) -> str:
    """The one unit that a person would use: seconds, minutes, hours or days."""
    unit, count = in_one_unit(span)
    return t(f"age.{unit}", n=count)
