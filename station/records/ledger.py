"""The ledger's rows: append as the last statement of a transaction, and read back for whoever checks."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeAlias

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sealing.ledger import Event, Tree, Written, entry_bytes, leaf_hash, verify_log
from station.records.tables import LedgerPayload, LedgerRow

Salts: TypeAlias = Callable[[int], bytes]
_LOCK = 0x5CEA0


def append_event(session: Session, event: Event, salts: Salts = os.urandom) -> int:
    """Write one entry and its payload; returns its sequence.

    To be the last statement of the transaction: on PostgreSQL it takes an advisory lock per entity that lasts until the commit,
    on SQLite the writing transaction is alone already.
    """
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK, sa.func.hashtext(event.entity))))
    tree = tree_of(session, event.entity)
    salt = salts(16)
    entry = entry_bytes(event, tree.size, salt)
    grown = tree.append(leaf_hash(entry))
    session.add(LedgerRow(entity=event.entity, sequence=tree.size, entry=entry, root=grown.root, peaks=b"".join(grown.peaks)))
    session.add(
        LedgerPayload(
            entity=event.entity,
            sequence=tree.size,
            document_id=event.objects.get("document"),
            type=event.type,
            at=event.at,
            salt=salt,
            body=rfc8785.dumps(dict(event.payload)),
        )
    )
    session.flush()
    return tree.size


def tree_of(session: Session, entity: str) -> Tree:
    """The entity's tree as its newest entry left it."""
    newest = session.execute(
        sa.select(LedgerRow.sequence, LedgerRow.peaks).where(LedgerRow.entity == entity).order_by(LedgerRow.sequence.desc()).limit(1)
    ).first()
    if newest is None:
        return Tree()
    return Tree(newest.sequence + 1, tuple(newest.peaks[i : i + 32] for i in range(0, len(newest.peaks), 32)))


def entities(session: Session) -> list[str]:
    """Every entity that has a log."""
    return list(session.scalars(sa.select(LedgerRow.entity).distinct().order_by(LedgerRow.entity)))


def written_entries(session: Session, entity: str) -> Iterator[Written]:
    """The log in order, payloads beside their entries; streams."""
    query = (
        sa.select(LedgerRow, LedgerPayload)
        .join_from(
            LedgerRow,
            LedgerPayload,
            sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence),
            isouter=True,
        )
        .where(LedgerRow.entity == entity)
        .order_by(LedgerRow.sequence)
        .execution_options(yield_per=500)
    )
    for row, payload in session.execute(query):
        body = None if payload is None else json.loads(payload.body)
        yield Written(row.sequence, row.entry, row.root, body, None if payload is None else payload.salt)


def verify_ledger(session: Session) -> dict[str, Tree]:
    """Every entity's log walked from its first entry; raises sealing.ledger.BrokenLedger."""
    return {entity: verify_log(entity, written_entries(session, entity)) for entity in entities(session)}


def head_at(session: Session, entity: str, size: int) -> bytes | None:
    """Tree head when the log had `size` entries; None where it never had."""
    return session.scalar(sa.select(LedgerRow.root).where(LedgerRow.entity == entity, LedgerRow.sequence == size - 1))


def story_of(session: Session, document_id: str) -> list[tuple[int, str, datetime, dict[str, object]]]:
    """What the ledger tells of one document: sequence, type, time and payload, oldest first."""
    rows = session.scalars(sa.select(LedgerPayload).where(LedgerPayload.document_id == document_id).order_by(LedgerPayload.sequence))
    return [(row.sequence, row.type, row.at, json.loads(row.body)) for row in rows]
