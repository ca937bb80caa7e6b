"""The log while the database does not serve: a line when it begins and one when it is over, instead of dozens a second.

The engine and every turn of the station say it again at each try. They are counted; what is not about the database passes as it is.
"""

import logging
import sys

from config.logs import Folded, Folding
from station.outages import outage_of
from station.problems import PROBLEMS

log = logging.getLogger("sceau.database")
pages = logging.getLogger("sceau.pages")
"""Of what could not be answered."""
CALM_SECONDS = 5.0
"""A database that comes back answers some threads before others; so long nobody must have complained."""
BRIEF_SECONDS = 4.0
"""Of what is shorter, and was said in one line, nobody need hear twice. A heartbeat that met it asks again after three seconds."""
LONGEST = 300
"""Signs of the first line that is kept back, told with ours."""


def _kind_of(record: logging.LogRecord) -> str:
    """Code of the problem of the database that a line was written about, handed in with it or being handled; "" of every other line."""
    return outage_of(getattr(record, "outage", None) or sys.exc_info()[1]) or ""


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


def _ended(folded: Folded) -> None:
    if not folded.withheld and (folded.seconds < BRIEF_SECONDS or not folded.over):
        return  # The one line said it all.
    french, english = (
        ("La base de données sert de nouveau, après", "The database serves again, after")
        if folded.over
        else (
            "Ce processus s'arrête, et la base de données ne sert toujours pas, depuis",
            "This process ends, and the database does not serve since",
        )
    )
    log.warning(
        "%s %.0f s ; lignes retenues : %d. / %s %.0f s; lines kept back: %d.",
        french,
        folded.seconds,
        folded.withheld,
        english,
        folded.seconds,
        folded.withheld,
    )


OUTAGE = Folding(_kind_of, _begun, _ended)
"""Of this process."""


def fold_lines(*names: str) -> None:
    """From here on what these loggers say again and again of a database that does not serve is said once."""
    for name in names:
        # A filter that is there already is not added again.
        logging.getLogger(name).addFilter(OUTAGE)


def tell_page(path: str, error: Exception) -> None:
    """A page or an answer that the database kept from somebody."""
    pages.warning("%s: %s", path, " ".join(str(getattr(error, "orig", None) or error).split()), extra={"outage": error})


def tell_over() -> float | None:
    """To be called whenever the database has just served: seconds of the outage that is over now, told once; of a brief one nothing."""
    over = OUTAGE.look_over(CALM_SECONDS)
    return over.seconds if over is not None and over.seconds >= BRIEF_SECONDS else None


def tell_end() -> None:
    """To be called when the process ends: how much was kept back is told."""
    OUTAGE.close()
