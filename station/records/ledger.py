"""The ledger's rows: append as the last statement of a transaction, and read back for whoever checks."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

import rfc8785
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from sealing.ledger import BrokenLedger, Event, Hash, Tree, Written, canonical_object, entry_bytes, leaf_hash, node_hash, verify_log
from sealing.proofs import Node
from station.records.clock import word_here
from station.records.scope import EVERYWHERE
from station.records.tables import Base, LedgerPayload, LedgerRow

Salts: TypeAlias = Callable[[int], bytes]
_ENTRY, _PAYLOAD = (sa.insert(Base.metadata.tables[table.__tablename__]) for table in (LedgerRow, LedgerPayload))


def append_event(session: Session, event: Event, salts: Salts = os.urandom) -> int:
    """Write one entry and its payload; returns its sequence.

    To be the last statement of the transaction: on PostgreSQL it takes an advisory lock per entity that lasts until the commit,
    on SQLite the writing transaction is alone already. An event that leaves its clock to the system ("system") gets the clock's state.
    """
    session.flush()
    if event.clock == "system":
        event = replace(event, clock=word_here(session))
    tree = tree_of(session, event.entity)
    salt = salts(16)
    entry = entry_bytes(event, tree.size, salt)
    grown = tree.append(leaf_hash(entry))
    # Past the unit of work, which costs as much as all the rest of an entry; nobody else writes meanwhile.
    connection, place = session.connection(), {"entity": event.entity, "sequence": tree.size}
    connection.execute(_ENTRY, place | {"entry": entry, "root": grown.root, "peaks": b"".join(grown.peaks)})
    connection.execute(
        _PAYLOAD,
        place
        | {
            "document_id": event.objects.get("document"),
            "type": event.type,
            "at": event.at,
            "salt": salt,
            "body": rfc8785.dumps(dict(event.payload)),
        },
    )
    return tree.size


def tree_of(session: Session, entity: str) -> Tree:
    """The entity's tree as its newest entry left it."""
    # Of any company: a document that is handed over begins in the other's log, which the request does not see.
    query = sa.select(LedgerRow.sequence, LedgerRow.peaks).where(LedgerRow.entity == entity).order_by(LedgerRow.sequence.desc()).limit(1)
    newest = session.execute(query, execution_options=EVERYWHERE).first()
    if newest is None:
        return Tree()
    return Tree(newest.sequence + 1, _hashes(newest.peaks))


def first_entry(session: Session, entity: str) -> bytes:
    """With its moment and its salted commitment no other installation has the same; empty where the log has none yet."""
    found = session.scalar(sa.select(LedgerRow.entry).where(LedgerRow.entity == entity, LedgerRow.sequence == 0))
    return bytes(found) if found is not None else b""


def _hashes(peaks: bytes) -> tuple[Hash, ...]:
    return tuple(peaks[i : i + 32] for i in range(0, len(peaks), 32))


def entities(session: Session) -> list[str]:
    """Every entity that has a log."""
    # One step in the index from each to the next: walking it through asks every entry of every log.
    found, next_one = list[str](), sa.select(sa.func.min(LedgerRow.entity))
    while (entity := session.scalar(next_one.where(LedgerRow.entity > found[-1]) if found else next_one)) is not None:
        found.append(entity)
    return found


def written_entries(session: Session, entity: str) -> Iterator[Written]:
    """The log in order, payloads beside their entries; streams.

    What the payload's row repeats of its entry (type, time, document) is shown to people, so it must be what the entry says.
    Raises BrokenLedger where it is not, or where a row cannot be read.
    """
    beside = sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence)
    payload = (LedgerPayload.type, LedgerPayload.at, LedgerPayload.document_id, LedgerPayload.salt, LedgerPayload.body)
    # Columns, not objects: a log of a million entries is read from time to time.
    query = (
        sa.select(LedgerRow.sequence, LedgerRow.entry, LedgerRow.root, *payload)
        .join_from(LedgerRow, LedgerPayload, beside, isouter=True)
        .where(LedgerRow.entity == entity)
        .order_by(LedgerRow.sequence)
        .execution_options(yield_per=1000, **EVERYWHERE)
    )
    sequence = 0
    try:
        rows: Iterable[Any] = session.execute(query)
        for sequence, entry, root, kind, at, document_id, salt, body in rows:
            said = canonical_object(entry)
            if body is None:
                yield Written(sequence, entry, root, None, None, said=said)
                continue
            yield Written(sequence, entry, root, canonical_object(body), bytes(salt), bytes(body), said)
            # Only now: whoever checks has found by itself whether the entry is the one that was written.
            if _beside(kind, at, document_id) != (said["type"], datetime.fromisoformat(said["at"]), said["objects"].get("document")):
                raise BrokenLedger(entity, sequence, "type, time or document beside the entry are not those of the entry")
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenLedger(entity, sequence, f"this row or a later one cannot be read: {error}") from error


def _beside(kind: str, at: datetime, document_id: str | None) -> tuple[str, datetime, str | None]:
    """What the payload's row repeats of its entry; an entry's time goes to the millisecond."""
    return kind, at.replace(microsecond=at.microsecond // 1000 * 1000), document_id


def verify_ledger(session: Session) -> dict[str, Tree]:
    """Every entity's log walked from its first entry; raises sealing.ledger.BrokenLedger."""
    trees = {entity: verify_log(entity, written_entries(session, entity)) for entity in entities(session)}
    _no_strays(session)
    return trees


def _no_strays(session: Session) -> None:
    """A payload without an entry would be told in a document's story, and nothing would vouch for it."""
    beside = sa.and_(LedgerRow.entity == LedgerPayload.entity, LedgerRow.sequence == LedgerPayload.sequence)
    stray = session.execute(
        sa.select(LedgerPayload.entity, LedgerPayload.sequence)
        .join_from(LedgerPayload, LedgerRow, beside, isouter=True)
        .where(LedgerRow.sequence.is_(None))
        .limit(1)
    ).first()
    if stray is not None:
        raise BrokenLedger(stray.entity, stray.sequence, "a payload without an entry")


def first_break(session: Session, entity: str, since: int) -> int | None:
    """Sequence of the first entry that is missing, or from `since` on (a size whose head was found right) is not what its head says.

    None where there is none. Looks at the place of every row, at leaves and heads of the newest only: cheap enough for each start.
    """
    count, lowest, highest = session.execute(
        sa.select(sa.func.count(), sa.func.min(LedgerRow.sequence), sa.func.max(LedgerRow.sequence)).where(LedgerRow.entity == entity)
    ).one()
    if count and (lowest != 0 or highest != count - 1):
        return _first_gap(session, entity)
    tree = _tree_at(session, entity, since)
    if tree.root != (head_at(session, entity, since) if since else tree.root):
        return since - 1
    rows = sa.select(LedgerRow.sequence, LedgerRow.entry, LedgerRow.root).where(LedgerRow.entity == entity, LedgerRow.sequence >= since)
    for sequence, entry, root in session.execute(rows.order_by(LedgerRow.sequence).execution_options(yield_per=500)):
        tree = tree.append(leaf_hash(entry))
        if tree.root != root:
            return int(sequence)
    return None


def _first_gap(session: Session, entity: str) -> int:
    after = aliased(LedgerRow)
    followed = sa.exists().where(after.entity == entity, after.sequence == LedgerRow.sequence + 1)
    lone = sa.select(sa.func.min(LedgerRow.sequence)).where(LedgerRow.entity == entity, ~followed)
    return int(session.scalar(lone) or 0) + 1 if head_at(session, entity, 1) is not None else 0


def _tree_at(session: Session, entity: str, size: int) -> Tree:
    """As the row of the entry `size - 1` keeps it."""
    peaks = session.scalar(sa.select(LedgerRow.peaks).where(LedgerRow.entity == entity, LedgerRow.sequence == size - 1))
    return Tree() if peaks is None else Tree(size, _hashes(peaks))


def head_at(session: Session, entity: str, size: int) -> bytes | None:
    """Tree head when the log had `size` entries; None where it never had."""
    return session.scalar(sa.select(LedgerRow.root).where(LedgerRow.entity == entity, LedgerRow.sequence == size - 1))


def subtree_roots(session: Session, entity: str, nodes: Iterable[Node]) -> dict[Node, Hash]:
    """Roots of complete subtrees, from one look-up of at most two rows each: every row keeps the peaks of the tree after it.

    The last peak after an entry that completes an even subtree is that subtree; an odd one is its last entry and the peaks before it.
    Raises BrokenLedger where a row is missing or its peaks cannot be read.
    """
    asked = set(nodes)
    ends = {node: (node[1] + 1) << node[0] for node in asked}
    wanted = {end - back for end in ends.values() for back in (1, 2) if end >= back}
    query = sa.select(LedgerRow.sequence, LedgerRow.entry, LedgerRow.peaks).where(
        LedgerRow.entity == entity, LedgerRow.sequence.in_(wanted)
    )
    rows = {row.sequence: (row.entry, row.peaks) for row in session.execute(query)}
    return {node: _subtree_root(entity, node, end, rows) for node, end in ends.items()}


def _subtree_root(entity: str, node: Node, end: int, rows: dict[int, tuple[bytes, bytes]]) -> Hash:
    level, index = node
    try:
        if level and index % 2 == 0:
            return _last_peak(rows[end - 1][1])
        root = leaf_hash(rows[end - 1][0])
        before = rows[end - 2][1] if level else b""
        for _ in range(level):
            root, before = node_hash(_last_peak(before), root), before[:-32]
    except (KeyError, ValueError) as error:
        raise BrokenLedger(entity, end - 1, "a row that a proof needs is missing or cannot be read") from error
    return root


def _last_peak(peaks: bytes) -> Hash:
    if not peaks or len(peaks) % 32:
        raise ValueError("not the peaks of a tree")
    return bytes(peaks[-32:])


def story_of(session: Session, document_id: str) -> list[tuple[int, str, datetime, dict[str, object]]]:
    """What the ledger tells of one document: sequence, type, time and payload, oldest first."""
    rows = session.scalars(sa.select(LedgerPayload).where(LedgerPayload.document_id == document_id).order_by(LedgerPayload.sequence))
    return [(row.sequence, row.type, row.at, json.loads(row.body)) for row in rows]
