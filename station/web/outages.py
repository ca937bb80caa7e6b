"""The database does not serve: no fault of the page, and asking again later makes nothing worse. Told as such, on pages and API."""

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from station.problems import problem_of
from station.records.database import DatabaseRefused

OUTAGES: tuple[type[Exception], ...] = (DBAPIError, DatabaseRefused, PoolExhausted)
"""What may be one; `outage_of` tells whether it is."""
RETRY_SECONDS = 30
"""What a program is asked to wait (RFC 9110, 10.2.3): as long as the station's own work waits."""


def outage_of(error: Exception) -> str | None:
    """Whose words tell it, `database-away` or `disk-full`; None where the trouble is another."""
    if isinstance(error, PoolExhausted):
        return "database-away"
    code = problem_of(error).code
    if code == "disk-full":
        return code
    if code.startswith("database-") or (code == "read-only" and isinstance(error, DBAPIError)):
        return "database-away"
    return None
