"""Where the station's time comes from: its authorities, its clock as it was checked, and what waits for time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pyhanko.sign.timestamps import TimeStamper

from config.settings import Settings
from sealing.authority import Clock, TimeAuthority
from sealing.keys import Practice, load_practice, make_practice
from station.workstation import Workstation


def stamper_of(settings: Settings, clock: Clock) -> TimeStamper:
    """The time authorities as they are set, in their order."""
    return TimeAuthority(_practice(settings, clock).time, clock, settings.sealing.policy_oid)


def clock_word(workstation: Workstation) -> str:  # noqa: ARG001 for now
    """The state of the clock for an entry of the ledger: "ntp +0.012", "system"."""
    return "system"


def _practice(settings: Settings, clock: Callable[[], datetime]) -> Practice:
    folder = settings.home / "keys" / "practice"
    if not folder.exists():
        begin = clock().astimezone(UTC).replace(microsecond=0) - timedelta(minutes=5)
        make_practice(folder, begin, begin + timedelta(days=3652))
    return load_practice(folder)
