"""Services that circuits call by name: asked by POST with JSON, through the outbox; the typed answer wakes the run.

The service sees one key at every try (`Idempotency-Key`): what it did once it need not do twice. Secrets stand in the environment or in a
file of their own, never in rules.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from config.settings import Connector, Settings, keeps_secrets
from station import outbox, outgoing
from station.lookups import LookupFailed, typed_value
from station.outbox import Parcel, Undelivered
from station.records import circuits as records
from station.records.tables import CircuitCall
from station.stored import rule_value_in, rule_values_out
from station.workstation import Workstation
from workflow.vocabulary import Kind, Value

KIND = "service"
LASTING = frozenset(range(400, 500)) - {408, 409, 425, 429}
"""Answers after which another try is of no use (RFC 9110, 15.5)."""


def connector_named(settings: Settings, name: str) -> Connector | None:
    return next((each for each in settings.connectors if each.name == name), None)


def put_call(session: Session, call: CircuitCall, revision: int) -> None:
    """Into the outbox, once for each time that the run asks, in the caller's transaction."""
    call.outbox_key = f"{call.run_id}:{revision}:{call.key}"
    outbox.put(session, call.entity, KIND, call.outbox_key, {"call": call.id}, call.put_at)


def deliver_service(workstation: Workstation, parcel: Parcel) -> None:
    """A `station.outbox.Sender`. The answer is kept beside the call; the circuit's next turn hears of it."""
    with workstation.database.reading() as session:
        call = _waiting(session, parcel)
        if call is None:
            return
        name, parameters = call.name, dict(call.parameters)
    connector = connector_named(workstation.settings, name)
    if connector is None:
        raise Undelivered(f"aucun [[connector]] ne s'appelle « {name} » / no [[connector]] has this name", lasting=True)
    results = ask_service(connector, workstation.settings, parameters, idempotency_key(parcel))
    with workstation.database.writing() as session:
        call = _waiting(session, parcel)
        if call is not None:
            call.state, call.results, call.done_at = records.ANSWERED, rule_values_out(results), workstation.clock()


def _waiting(session: Session, parcel: Parcel) -> CircuitCall | None:
    """The call that waits for the answer to this very parcel; None where it has it, or asked something else since."""
    call = session.get(CircuitCall, int(parcel.payload["call"]))
    return call if call is not None and call.state == records.WAITING and call.outbox_key == parcel.key else None


def idempotency_key(parcel: Parcel) -> str:
    """The same at every try."""
    return hashlib.sha256(f"{parcel.entity}\n{parcel.kind}\n{parcel.key}".encode()).hexdigest()[:32]


def ask_service(connector: Connector, settings: Settings, parameters: Mapping[str, Any], key: str) -> dict[str, Value]:
    """Raises Undelivered, and NoAnswer (an OSError)."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": key}
    secret = secret_of(connector, settings)
    if secret and not keeps_secrets(connector.url):
        raise Undelivered("le secret ne part que par https / the secret leaves by https only", lasting=True)
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    body = json.dumps({name: _plain(rule_value_in(value)) for name, value in parameters.items()}, ensure_ascii=False).encode()
    try:
        # The settings' own file names it: it may lie in the house's network.
        answer = outgoing.post(outgoing.checked(connector.url, True), headers, body, connector.seconds)
    except outgoing.NotAllowed as error:
        raise Undelivered(f"l'adresse n'est pas admise / the address is not allowed ({error})", lasting=True) from error
    if not 200 <= answer.status < 300:
        raise Undelivered(f"le service répond {answer.status} / the service answers {answer.status}", lasting=answer.status in LASTING)
    return read_answer(connector, answer.body)


def read_answer(connector: Connector, body: bytes) -> dict[str, Value]:
    """Raises Undelivered for good: what was done is done, and the answer would be the same again."""
    try:
        told = json.loads(body, parse_float=Decimal)
        if not isinstance(told, dict):
            raise LookupFailed("un objet JSON est attendu")
        return {name: typed_value(Kind(word), told.get(name)) for name, word in connector.gives.items()}
    except (ValueError, RecursionError, LookupFailed) as error:
        words = str(error) if isinstance(error, LookupFailed) else type(error).__name__
        raise Undelivered(
            f"la réponse n'est pas celle qui est annoncée / not the answer that was announced ({words})", lasting=True
        ) from error


def secret_of(connector: Connector, settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """Raises Undelivered where a file is named and cannot be read."""
    if not connector.secret_file:
        return environment.get(connector.secret_variable, "")
    try:
        return (settings.home / connector.secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Undelivered(f"le secret ne peut pas être lu / the secret cannot be read ({connector.secret_file})") from error


def _plain(value: Value) -> str | int | bool | None:
    """Amounts and numbers as text: no float touches them."""
    return (
        value if isinstance(value, bool | int | str) or value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    )
