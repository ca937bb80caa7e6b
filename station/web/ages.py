"""How long something has waited, as a person says it."""

from datetime import datetime, timedelta

from station.web.words import Words


def age_words(since: datetime, now: datetime, t: Words) -> str:
    """« depuis 12 min »."""
    return t("age.since", age=span_words(now - since, t))


def span_words(span: timedelta, t: Words) -> str:
    """The one unit that a person would use: seconds, minutes, hours or days."""
    seconds = max(0, int(span.total_seconds()))
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size * (2 if unit == "day" else 1):
            return t(f"age.{unit}", n=seconds // size)
    return t("age.second", n=seconds)
