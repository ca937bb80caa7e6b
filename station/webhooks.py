"""Webhooks: what happened is told to addresses that somebody subscribed, signed as Standard Webhooks asks, identifiers only.

Events are read off the ledger behind the cursor of each subscription and put into the outbox: whatever has an entry is told, also what
another process wrote while nobody listened; nothing that was rolled back is. Only the end of an export has no entry: it is put by itself.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Actor, ActorKind, Event
from station import outbox, outgoing
from station.outbox import Parcel, Undelivered
from station.records.intake import SYSTEM
from station.records.ledger import append_event, tree_of
from station.records.tables import LedgerPayload, Person, Webhook
from station.workstation import Workstation

KIND = "webhook"
SECONDS = 15.0
"""For the whole answer of a subscriber."""
AT_ONCE = 500
"""Entries of one turn."""
MOST = 20
"""Subscriptions in force of one legal entity."""
EVENTS: Mapping[str, str] = {
    "received": "document.received",
    "held": "document.held",
    "decided": "document.decided",
    "read": "document.read",
    "sealed": "document.sealed",
    "signed": "document.signed",
    "failed": "document.failed",
    "said": "document.value-said",
    "corrected": "document.corrected",
    "formed": "document.formed",
    "replaced": "document.replaced",
    "erased": "document.erased",
    "batch opened": "batch.opened",
    "batch closed": "batch.closed",
    "account": "account.changed",
    "state": "invoice.state",
    "task": "task.changed",
    "hold": "hold.changed",
}
"""Type of the ledger's entry to name of the event."""
EXPORT_READY = "export.ready"
NAMES = (*EVENTS.values(), EXPORT_READY)
TOLD = ("what", "act", "decision", "outcome", "to", "task", "kind")
"""Of an entry's payload, what is told along where it is a plain word or number: never a value, a name or a reason."""
WORD = 40


class BadSubscription(Exception):
    """It cannot be; `reason` is a key under `sendings.wrong-…` of the words: url, private, events, many."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- subscriptions ---


def subscribe(session: Session, workstation: Workstation, entity: str, url: str, events: list[str], person: Person) -> Webhook:
    """From the next entry on. Raises BadSubscription."""
    target_of(workstation, url)
    if not events or not set(events) <= set(NAMES):
        raise BadSubscription("events")
    if len(subscriptions(session, entity)) >= MOST:
        raise BadSubscription("many")
    now = workstation.clock()
    row = Webhook(
        entity=entity, url=url, events=[name for name in NAMES if name in events], made_by=person.pseudonym, made_at=now,
        secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(), sequence=tree_of(session, entity).size,
    )  # fmt: skip
    session.add(row)
    session.flush()
    _enter(session, row, "subscribed", person, now)
    # The entry that tells of it is none of its events.
    row.sequence = tree_of(session, entity).size
    return row


def unsubscribe(session: Session, entity: str, number: int, person: Person, at: datetime) -> Webhook:
    """Nothing more is told there; what waits for it is dropped when its turn comes. Raises outbox.Gone."""
    row = session.get(Webhook, number)
    if row is None or row.entity != entity or row.ended_at is not None:
        raise outbox.Gone(str(number))
    row.ended_at, row.ended_by = at, person.pseudonym
    _enter(session, row, "unsubscribed", person, at)
    return row


def _end_gone(workstation: Workstation, number: int) -> None:
    """The subscriber itself said that it listens no more."""
    now = workstation.clock()
    with workstation.database.writing() as session:
        row = session.get_one(Webhook, number, with_for_update=True)
        if row.ended_at is None:
            row.ended_at, row.ended_by = now, SYSTEM.pseudonym
            _enter(session, row, "gone", None, now)


def subscriptions(session: Session, entity: str) -> list[Webhook]:
    """In force, oldest first."""
    return list(session.scalars(sa.select(Webhook).where(Webhook.entity == entity, Webhook.ended_at.is_(None)).order_by(Webhook.id)))


def target_of(workstation: Workstation, url: str) -> outgoing.Target:
    """https anywhere outside; http, and the house's own network, only where the settings name the host. Raises BadSubscription."""
    private = outgoing.is_private_host(url, workstation.settings.outgoing.private_hosts)
    try:
        if len(url) > 500:
            raise outgoing.NotAllowed("form", url[:200])
        return outgoing.checked(url, private, schemes=outgoing.SCHEMES if private else {"https"})
    except outgoing.NotAllowed as error:
        raise BadSubscription("private" if error.reason == "private" else "url") from error


def _enter(session: Session, row: Webhook, what: str, person: Person | None, at: datetime) -> None:
    """The leaf holds no address: where events go is told by the payload."""
    payload = {"what": what, "webhook": row.id, "url": row.url, "events": list(row.events)}
    actor = SYSTEM if person is None else Actor(person.pseudonym, ActorKind.HUMAN)
    append_event(session, Event(row.entity, "webhook", {}, actor, at, "system", payload))


# --- from the ledger into the outbox ---


def tend_webhooks(workstation: Workstation) -> int:
    """Put what happened since into the outbox; returns how many messages."""
    with workstation.database.reading() as session:
        behind = [row.id for row in session.scalars(sa.select(Webhook).where(Webhook.ended_at.is_(None))) if _is_behind(session, row)]
    put = 0
    for number in behind:
        with workstation.database.writing() as session:
            put += _tell_next(session, session.get_one(Webhook, number))
    return put


def _is_behind(session: Session, row: Webhook) -> bool:
    return row.sequence < tree_of(session, row.entity).size


def _tell_next(session: Session, webhook: Webhook) -> int:
    """The next entries, and the cursor behind them, in one transaction."""
    query = sa.select(LedgerPayload).where(LedgerPayload.entity == webhook.entity, LedgerPayload.sequence >= webhook.sequence)
    rows = list(session.scalars(query.order_by(LedgerPayload.sequence).limit(AT_ONCE)))
    told = 0
    for row in rows:
        name = EVENTS.get(row.type)
        if name is None or name not in webhook.events:
            continue
        data = {"entity": row.entity, "sequence": row.sequence, "document": row.document_id, **_plain(row.body)}
        _put(
            session, webhook, name, f"{webhook.id}:{row.sequence}", row.at, {key: value for key, value in data.items() if value is not None}
        )
        told += 1
    if rows:
        webhook.sequence = rows[-1].sequence + 1
    return told


def _plain(body: bytes | None) -> dict[str, Any]:
    payload = json.loads(body) if body else {}
    return {name: payload[name] for name in TOLD if isinstance(payload.get(name), int) or _is_word(payload.get(name))}


def _is_word(value: object) -> bool:
    """One of our own words; what a person typed is a sentence, has capitals or digits, or is longer."""
    return (
        isinstance(value, str)
        and len(value) <= WORD
        and value.replace("-", "").replace("_", "").replace(" ", "").isalpha()
        and value.islower()
    )


def tell_export(session: Session, entity: str, number: str, at: datetime) -> None:
    """A package is ready to be fetched."""
    for webhook in subscriptions(session, entity):
        if EXPORT_READY in webhook.events:
            _put(session, webhook, EXPORT_READY, f"{webhook.id}:export:{number}", at, {"entity": entity, "export": number})


def _put(session: Session, webhook: Webhook, name: str, key: str, at: datetime, data: Mapping[str, Any]) -> None:
    payload = {"webhook": webhook.id, "message": {"type": name, "timestamp": at.isoformat(timespec="milliseconds"), "data": dict(data)}}
    outbox.put(session, webhook.entity, KIND, key, payload, at)


# --- out of the house ---


def deliver_webhook(workstation: Workstation, parcel: Parcel) -> None:
    """A `station.outbox.Sender`. A subscriber that answers 410 is told no more: its subscription ends (Standard Webhooks)."""
    with workstation.database.reading() as session:
        webhook = session.get(Webhook, int(parcel.payload["webhook"]))
        if webhook is None or webhook.ended_at is not None:
            raise Undelivered("l'abonnement a pris fin / the subscription has ended", dropped=True)
        url, secret = webhook.url, webhook.secret
    try:
        target = target_of(workstation, url)
        body = rfc8785.dumps(parcel.payload["message"])
        answer = outgoing.post(target, signed_headers(secret, message_id(parcel), workstation.clock(), body), body, SECONDS)
    except BadSubscription as error:
        raise Undelivered("cette adresse n'est plus admise / this address is no longer allowed", lasting=True) from error
    except outgoing.NotAllowed as error:
        raise Undelivered(
            f"l'adresse mène au réseau interne, elle est refusée / the address leads inside and is refused ({error})"
        ) from error
    except outgoing.NoAnswer as error:
        raise Undelivered(outbox.trouble_words(error), alike=f"{webhook.id}:") from error
    if answer.status == 410:
        _end_gone(workstation, webhook.id)
        raise Undelivered(
            "l'abonné répond 410 : son abonnement a pris fin / the subscriber answers 410: its subscription ended", dropped=True
        )
    if not 200 <= answer.status < 300:
        raise Undelivered(f"l'abonné répond {answer.status} / the subscriber answers {answer.status}")


def message_id(parcel: Parcel) -> str:
    """The same at every try: by it a subscriber tells a repetition."""
    return "msg_" + hashlib.sha256(f"{parcel.entity}\n{parcel.key}".encode()).hexdigest()[:32]


def signed_headers(secret: str, name: str, at: datetime, body: bytes) -> dict[str, str]:
    """Standard Webhooks 1.0: `webhook-signature` is v1, HMAC-SHA256 over id, timestamp and body."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(_key_of(secret), f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def _key_of(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise Undelivered("le secret de l'abonnement est illisible / the subscription's secret cannot be read", lasting=True) from error
