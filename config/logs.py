"""Logs: one line per event on stderr, with UTC time; never a value from an invoice, never a secret."""

import logging
import time


def start_logs(level: int = logging.INFO) -> None:
    """Set up the root logger once; libraries speak only from warnings on."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("sceau").setLevel(level)
    for talkative in ("pyhanko", "pyhanko_certvalidator", "ocrmypdf", "pypdfium2", "pdfminer", "fontTools", "img2pdf", "PIL"):
        # What they have to say about a file is said by our findings and checks; their tracebacks would only frighten.
        logging.getLogger(talkative).setLevel(logging.CRITICAL)
    logging.captureWarnings(True)
