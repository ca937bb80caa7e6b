"""Logs: one line per event on stderr, with UTC time; never a value from an invoice, never a secret."""

import logging
import time


class OneLine(logging.Formatter):
    """One event, one line: what was sent from outside (names of files, addresses) can neither begin a line nor hide one."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Control and direction signs are written as escapes; a traceback of ours comes after it, on lines of its own."""
        text = super().formatMessage(record)
        return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def start_logs(level: int = logging.INFO) -> None:
    """Set up the root logger once; libraries speak only from warnings on."""
    handler = logging.StreamHandler()
    formatter = OneLine("%(asctime)sZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sceau").setLevel(level)
    for talkative in ("pyhanko", "pyhanko_certvalidator", "ocrmypdf", "pypdfium2", "pdfminer", "fontTools", "img2pdf", "PIL"):
        # What they have to say about a file is said by our findings and checks; their tracebacks would only frighten.
        logging.getLogger(talkative).setLevel(logging.CRITICAL)
    logging.captureWarnings(True)
