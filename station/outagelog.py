"""The log while the database does not serve: a line when it begins and one when it is over, instead of dozens a second.

The engine and every turn of the station say it again at each try. They are counted; what is not about the database passes as it is.
"""

import logging
import sys

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from config.logs import Folding
from station.problems import PROBLEMS, problem_of

log = logging.getLogger("sceau.database")
CALM_SECONDS = 5.0
"""A database that comes back answers some threads before others; so long nobody must have complained."""
LONGEST = 300
"""Signs of the first line that is kept back, told with ours."""


def _kind_of(_record: logging.LogRecord) -> str:
    """Code of the problem of the database that a line was written about, while it is handled; "" of every other line."""
    error = sys.exc_info()[1]
    if isinstance(error, PoolExhausted):
        return "database-away"
    code = problem_of(error).code if isinstance(error, DBAPIError) else ""
    return code if code.startswith("database-") or code in ("disk-full", "read-only") else ""


def _begun(code: str, record: logging.LogRecord) -> None:
    problem, first = PROBLEMS[code], " ".join(record.getMessage().split())[:LONGEST]
    log.warning(
        "%s %s Ce qui se répète à ce sujet est compté, et dit quand c'est fini. / %s %s What repeats of it is counted, and told when it is "
        "over. (%s: %s)",
        problem.happened,
        problem.todo,
        problem.happened_en,
        problem.todo_en,
        record.name,
        first,
        extra={"cause": code},
    )


def _ended(count: int, seconds: float) -> None:
    log.warning(
        "La base de données sert de nouveau, après %.0f s ; lignes retenues : %d. / The database serves again, after %.0f s; lines kept "
        "back: %d.",
        seconds,
        count,
        seconds,
        count,
    )


OUTAGE = Folding(_kind_of, _begun, _ended)
"""Of this process."""


def fold_lines(*names: str) -> None:
    """From here on what these loggers say again and again of a database that does not serve is said once."""
    for name in names:
        # A filter that is there already is not added again.
        logging.getLogger(name).addFilter(OUTAGE)


def tell_over() -> bool:
    """To be called whenever the database has just served."""
    return OUTAGE.look_over(CALM_SECONDS)
