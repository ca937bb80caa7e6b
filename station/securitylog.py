"""What security needs to know afterwards, one line of JSON per event: signing in, refusals, rights that change.

People stand there by pseudonym, browsers by address; never a login, a password, a code or a token. Whatever was sent from outside is
written so that it can neither begin a line nor end one.
"""

import json
import logging

log = logging.getLogger("sceau.security")
LONGEST = 200
"""Characters of a value: an address may be as long as a request."""


def note(event: str, *, request: str = "", who: str | None = None, address: str = "", level: int = logging.INFO, **more: object) -> None:
    """Write one event. `request`: number of the request, which its answer carries too; `who`: pseudonym, None: nobody known."""
    told = {"event": event, "request": request, "who": who, "address": address, **more}
    plain = {key: _short(value) for key, value in told.items() if value not in (None, "")}
    # ASCII only: line and direction marks of Unicode are escaped, too.
    log.log(level, "%s", json.dumps(plain, ensure_ascii=True, sort_keys=False))


def _short(value: object) -> object:
    return value if isinstance(value, bool | int | float) else str(value)[:LONGEST]
