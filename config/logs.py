"""Logs: one line per event on stderr, with UTC time, for a person or as JSON; never a value from an invoice, never a secret.

Names of files count as personal data, for they often name somebody: a line names a document by its identifier, a file by the beginning of
its fingerprint. What slips into the text of an error all the same (addresses of people, IBANs, the parameters of a statement, passwords of
the environment) is masked here, whoever wrote the line.
"""

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

FIELDS = ("worker", "document", "original", "step", "page", "seconds", "cause")
"""What a line says beside its words, where it is known: who works, identifier of the document, beginning of the file's SHA-256, step,
number of the page, duration, code of the problem (`station.problems`)."""
_SECRET = re.compile(r"PASSWORD|PIN|TOKEN|SECRET|_URL|_KEY")
_MASKS = (
    (re.compile(r"\[parameters: .*?\](?=$|\n| )", re.DOTALL), "[parameters: …]"),
    (re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"), "…"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+"), "…@…"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[0-9A-Z]{4}){2,7}(?:[ ]?[0-9A-Z]{1,3})?\b"), "IBAN…"),
)
_bound: ContextVar[Mapping[str, Any] | None] = ContextVar("sceau_log_fields", default=None)
_worker: list[str] = [""]
_form: list["Form"] = []


class Form(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


@contextmanager
def lines_about(**fields: Any) -> Iterator[None]:
    """Every line within, of our own and of libraries, says these `FIELDS`; in this thread."""
    before = _bound.set({**(_bound.get() or {}), **fields})
    try:
        yield
    finally:
        _bound.reset(before)


def name_worker(executor: str) -> None:
    """Every further line of this process names it."""
    _worker[0] = executor


def log_form() -> Form:
    """The form of this process, for those that it starts."""
    return _form[0] if _form else Form.TEXT


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What is known beside the words: handed in with the line (`extra`), bound around it, or of the process."""
    known = {"worker": _worker[0], **(_bound.get() or {})}
    told = {name: getattr(record, name, None) or known.get(name) for name in FIELDS}
    return {name: value for name, value in told.items() if value not in (None, "")}


def masked(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Without addresses of people, IBANs, parameters of statements, and without what the environment keeps secret."""
    for name, value in environment.items():
        if len(value) >= 4 and name.startswith("SCEAU_") and _SECRET.search(name) and value in text:
            text = text.replace(value, "…")
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


class OneLine(logging.Formatter):
    """One event, one line: what was sent from outside (names of files, addresses) can neither begin a line nor hide one."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Control and direction signs are written as escapes; a traceback of ours comes after it, on lines of its own."""
        text = masked(super().formatMessage(record))
        return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)

    def formatException(self, ei: Any) -> str:
        return masked(super().formatException(ei))


class OneObject(logging.Formatter):
    """One event, one JSON object on one line (RFC 8259): at, level, logger, message, `FIELDS`, and error and trace where there are."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": masked(record.getMessage()),
            **fields_of(record),
        }
        if record.exc_info and record.exc_info[0] is not None:
            told["error"] = record.exc_info[0].__name__
            told["trace"] = masked(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=True, default=str)


@dataclass(frozen=True, slots=True)
class Folded:
    """What is over, or what the process ends within."""

    withheld: int
    """Lines that were not told in any words."""
    seconds: float
    """From the first line to when all worked again, else to now."""
    over: bool
    """False: the process ends and it still lasts."""


class Folding(logging.Filter):
    """Of lines that say the same again and again the first is told in words of ours, the others are counted until it is over.

    `kind_of`: what a line repeats; empty: it is of another kind, and passes. `begun` is given kind and line, `ended` what came of it all.
    Both may log elsewhere.
    """

    def __init__(
        self,
        kind_of: Callable[[logging.LogRecord], str],
        begun: Callable[[str, logging.LogRecord], object],
        ended: Callable[[Folded], object],
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._kind_of, self._begun, self._ended, self._tick = kind_of, begun, ended, tick
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._withheld = 0
        self._first = self._last = 0.0
        self._worked: float | None = None
        """When all worked for the first time after the newest line."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = self._kind_of(record)
        if not kind:
            return True
        with self._lock:
            self._last, self._worked = self._tick(), None
            self._first = self._first if self._told else self._last
            new = kind not in self._told
            self._told.add(kind)
            self._withheld += not new
        if new:
            self._begun(kind, record)
        return False

    def look_over(self, calm_seconds: float) -> Folded | None:
        """To be asked when all works: what is over now, nothing having been said of it for so long. Told once."""
        with self._lock:
            if not self._told:
                return None
            now = self._tick()
            self._worked = now if self._worked is None else self._worked
            if now - self._last < calm_seconds:
                return None
            folded = self._taken()
        self._ended(folded)
        return folded

    def close(self) -> None:
        """The process ends: what was counted is told, over or not."""
        with self._lock:
            folded = self._taken() if self._told else None
        if folded is not None:
            self._ended(folded)

    def _taken(self) -> Folded:
        until = self._tick() if self._worked is None else self._worked
        folded = Folded(self._withheld, until - self._first, self._worked is not None)
        self._told, self._withheld, self._worked = set(), 0, None
        return folded


def start_logs(form: Form = Form.TEXT, level: int = logging.INFO) -> None:
    """Set up the root logger once; libraries speak only from warnings on."""
    handler = logging.StreamHandler()
    formatter: logging.Formatter
    if form is Form.JSON:
        formatter = OneObject()
    else:
        formatter = OneLine("%(asctime)sZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    _form[:] = [form]
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sceau").setLevel(level)
    for talkative in ("pyhanko", "pyhanko_certvalidator", "ocrmypdf", "pypdfium2", "pdfminer", "fontTools", "img2pdf", "PIL"):
        # What they have to say about a file is said by our findings and checks; their tracebacks would only frighten.
        logging.getLogger(talkative).setLevel(logging.CRITICAL)
    logging.captureWarnings(True)
