"""The database does not serve: no fault of the page or the turn that met it, and asking again later makes nothing worse."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from station.problems import problem_of
from station.records.database import DatabaseRefused

OUTAGES: tuple[type[Exception], ...] = (DBAPIError, DatabaseRefused, PoolExhausted)
"""What may be one; `outage_of` tells whether it is."""
RETRY_SECONDS = 30
"""What a program is asked to wait (RFC 9110, 10.2.3): as long as the station's own work waits."""


def outage_of(error: BaseException | None) -> str | None:
    """Code of the problem (`station.problems`) that keeps the database from serving; None where the trouble is another."""
    code = problem_of(error).code if isinstance(error, OUTAGES) else ""
    return code if code.startswith("database-") or code in ("disk-full", "read-only") else None


def told_as(error: Exception) -> str | None:
    """Whose words tell whom it keeps from a page: `database-away`, whatever the server's own trouble, or `disk-full`; else None."""
    code = outage_of(error)
    return "database-away" if code not in (None, "disk-full") else code
