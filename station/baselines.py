"""Each station's baseline: what its own accepted pages look like, learned anew as they come."""

import threading

import sqlalchemy as sa
from sqlalchemy.orm import Session

from conformity.baseline import Baseline, Signature, learn
from station.records.tables import Document, PageRow, State

NEWEST = 300
"""Pages that a baseline is learned from: a scanner ages, and its lamp with it."""
LEARN_EVERY = 25
"""Documents judged between two lessons: the query reads some hundred rows."""


class Baselines:
    """Kept per process; a restart learns them again from the records."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Baseline]] = {}
        self._lock = threading.Lock()

    def of(self, session: Session, station: str) -> Baseline:
        """The station's baseline, at most `LEARN_EVERY` documents old."""
        with self._lock:
            asked, baseline = self._known.get(station, (0, Baseline()))
            if asked % LEARN_EVERY == 0:
                baseline = learn_baseline(session, station)
            self._known[station] = asked + 1, baseline
            return baseline


def learn_baseline(session: Session, station: str) -> Baseline:
    """From the newest pages that were sealed without a doubt; a page that was blamed teaches nothing."""
    rows = session.scalars(
        sa.select(PageRow.seen)
        .join(Document)
        .where(Document.station == station, Document.state == State.SEALED, Document.verdict == "conform", PageRow.superseded == 0)
        .order_by(PageRow.id.desc())
        .limit(NEWEST)
    )
    told = [seen["signature"] for seen in rows if seen and seen.get("signature")]
    return learn(Signature.from_json(signature) for signature in told)
