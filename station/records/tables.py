"""The tables. Files, documents and pages are many-to-many: one file may hold many documents, one document may come from several files."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from capture.findings import Authority, Level


class Moment(sa.TypeDecorator[datetime]):
    """A UTC time with its zone, on databases that keep zones and on those that do not."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy's interface
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 SQLAlchemy's interface
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class State(StrEnum):
    """Where a document stands in intake; what happens to it over weeks is the workflow's."""

    RECEIVED = "received"
    JUDGED = "judged"
    HELD = "held"
    READ = "read"
    SEALED = "sealed"
    FAILED = "failed"
    DUPLICATE = "duplicate"
    SET_ASIDE = "set aside"
    WAITING = "waiting"
    """Judged; its batch is open, so that it is not yet known which document its pages belong to."""
    REPLACED = "replaced"
    """Its pages went to other documents; what was sealed of it stays."""
    ERASED = "erased"
    """Without retention duty, or after its end, erased by two people; the certificate stays."""


MOVES: dict[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.JUDGED, State.HELD, State.FAILED, State.DUPLICATE, State.WAITING, State.REPLACED, State.SET_ASIDE}),
    State.WAITING: frozenset({State.RECEIVED, State.HELD, State.REPLACED, State.SET_ASIDE}),
    State.JUDGED: frozenset({State.READ, State.HELD, State.FAILED, State.RECEIVED}),
    State.HELD: frozenset({State.RECEIVED, State.SET_ASIDE, State.REPLACED, State.SEALED}),
    State.READ: frozenset({State.SEALED, State.HELD, State.FAILED, State.RECEIVED}),
    State.FAILED: frozenset({State.RECEIVED, State.SET_ASIDE, State.SEALED}),
    State.SEALED: frozenset({State.RECEIVED, State.REPLACED, State.SET_ASIDE, State.ERASED}),
    State.DUPLICATE: frozenset(),
    State.REPLACED: frozenset({State.ERASED}),
    State.SET_ASIDE: frozenset({State.RECEIVED, State.ERASED, State.SEALED}),
    State.ERASED: frozenset(),
}
"""A decision sends a held or failed document back to `received`, and so does a passing trouble: it is worked again from the start.
A correction sends a sealed one there for a further version; given up, or taken back out of those set aside, it is sealed as it was."""

OPEN_STATES = frozenset({State.RECEIVED, State.JUDGED, State.READ})
"""States in which a worker has something to do."""


def choice(kind: type[StrEnum]) -> sa.Enum:
    """A column of a StrEnum that stores values, not member names, as plain text."""
    return sa.Enum(kind, values_callable=lambda members: [m.value for m in members], native_enum=False, length=20, create_constraint=False)


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 SQLAlchemy's own form
        datetime: Moment,
        dict[str, Any]: sa.JSON,
        list[Any]: sa.JSON,
        State: choice(State),
        Level: choice(Level),
        Authority: choice(Authority),
    }
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Original(Base):
    """Bytes in the vault, once, by their SHA-256."""

    __tablename__ = "original"
    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    kept_at: Mapped[datetime]


class StoreLock(Base):
    """The lock that an object store has set on a kept file, as it was asked for last."""

    __tablename__ = "store_lock"
    room: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    """originals or archive."""
    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    until: Mapped[str] = mapped_column(sa.String(10))
    """ISO day; the store lets nobody remove the file before it, and keeps it in the mode that the settings say."""
    held: Mapped[bool]
    """Under a legal hold, which has no end of its own."""
    set_at: Mapped[datetime]


class Batch(Base):
    """What an operator fed together; a lone file is a batch of one."""

    __tablename__ = "batch"
    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    station: Mapped[str] = mapped_column(sa.String(40))
    kind: Mapped[str] = mapped_column(sa.String(10), default="file")
    """file (of one, closed at once), folder (closes after a set delay), desk (closes when a person says so)."""
    opened_by: Mapped[str | None] = mapped_column(sa.String(32))
    """Pseudonym of who opened it at the desk."""
    opened_at: Mapped[datetime]
    touched_at: Mapped[datetime | None]
    """Newest arrival."""
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    """Nothing joins it any more; it closes once all its files are judged."""
    closed_at: Mapped[datetime | None]
    """Its documents are formed."""
    expected_sheets: Mapped[int | None]
    """As counted on paper: from the batch slip or typed at the desk."""
    arrival_date: Mapped[str | None] = mapped_column(sa.String(10))
    """Day on which the mail came (ISO), from the slip or the desk."""
    source: Mapped[str | None] = mapped_column(sa.String(12))
    """Nature of what lies in it, where its opener said so; None: as the station is set."""
    slip: Mapped[str | None] = mapped_column(sa.String(60))
    """The printed slip that was read in it: a tolerance may have been decided when it was printed."""
    box: Mapped[str | None] = mapped_column(sa.String(40))
    """Label of the box in which the paper lies."""
    recipe: Mapped[dict[str, Any] | None]
    """How its sheets are separated into documents (`capture.separate.Recipe` as JSON); None: as the station is set."""
    edits: Mapped[list[Any] | None]
    """What a person changed in the proposed documents, in order (`station.batches.Edit` as JSON); undo takes the last away."""
    counted_pages: Mapped[int | None]
    """Sides of paper in its documents when it was closed: counted once, for what is corrected later changes no pile."""
    findings: Mapped[list[Any] | None]
    """What did not add up when it was closed (`capture.findings.Finding` as JSON); None until then."""


TROUBLED = sa.text("problem IS NOT NULL")


class Document(Base):
    __tablename__ = "document"
    __table_args__ = (
        sa.Index("ix_document_standing", "state", "received_at"),
        sa.Index("ix_document_received", "received_at"),
        sa.Index("ix_document_problem", "problem", sqlite_where=TROUBLED, postgresql_where=TROUBLED),
    )
    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    batch_id: Mapped[str] = mapped_column(sa.ForeignKey("batch.id"), index=True)
    station: Mapped[str] = mapped_column(sa.String(40))
    operator: Mapped[str] = mapped_column(sa.String(80))
    document_type: Mapped[str] = mapped_column(sa.String(20))
    title: Mapped[str] = mapped_column(sa.Text)
    """The file's name as a person may read it."""
    source: Mapped[str] = mapped_column(sa.String(12), default="paper")
    """Nature of what was captured (`conformity.circumstances.Source`): paper, print, electronic; unknown until a person says."""
    source_said: Mapped[bool] = mapped_column(default=False)
    """A person said so of this very document; else it is what is said of everything at its station, or in its batch."""
    supplier: Mapped[str | None] = mapped_column(sa.String(80))
    """As a slip or a person named it: judging comes before reading."""
    policy: Mapped[dict[str, Any] | None]
    """Name, version and hash of the policy by which it was judged."""
    tolerance_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tolerance.id"))
    """The decision by which its missing colours are accepted."""
    state: Mapped[State] = mapped_column(index=True)
    verdict: Mapped[str | None] = mapped_column(sa.String(10))
    """conform, review or blocked; None until judged."""
    paper_stays: Mapped[bool] = mapped_column(default=False)
    """Worked although it does not conform: the paper remains the original and may not be destroyed."""
    received_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    revision: Mapped[int] = mapped_column(default=1)
    attempt: Mapped[int] = mapped_column(default=1)
    queued: Mapped[int] = mapped_column(default=0)
    """The newest attempt that was given to the engine."""
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime | None]
    """Not before this time, after a passing trouble."""
    problem: Mapped[str | None] = mapped_column(sa.String(40))
    """Code of the trouble a person should know of."""
    problem_detail: Mapped[str | None] = mapped_column(sa.Text)
    formed: Mapped[bool] = mapped_column(default=False)
    """Its pages were judged when they came in as part of a file or batch, and need not be judged from their file again."""
    confidential: Mapped[bool] = mapped_column(default=False)
    """Pli confidentiel: taken out of all queues, its images and values shown to nobody in the mailroom."""

    arrivals: Mapped[list["Arrival"]] = relationship(back_populates="document", order_by="Arrival.id")
    pages: Mapped[list["PageRow"]] = relationship(back_populates="document", order_by="PageRow.number")
    findings: Mapped[list["FindingRow"]] = relationship(back_populates="document", order_by="FindingRow.id")
    fields: Mapped[list["FieldRow"]] = relationship(back_populates="document", order_by="FieldRow.id")
    archives: Mapped[list["Archive"]] = relationship(back_populates="document", order_by="Archive.version")
    readings: Mapped[list["Reading"]] = relationship(back_populates="document", order_by="Reading.version")
    decisions: Mapped[list["Decision"]] = relationship(back_populates="document", order_by="Decision.id")
    tolerance: Mapped["Tolerance | None"] = relationship()
    batch: Mapped[Batch] = relationship()

    @property
    def current_pages(self) -> list["PageRow"]:
        """Its pages in order, without those that a new scan replaced."""
        return [page for page in self.pages if not page.superseded]


LYING = sa.text("emptied_at IS NULL AND moved_to <> ''")


class Arrival(Base):
    """One file that came; unique, so that a restart between commit and move is no false duplicate."""

    __tablename__ = "arrival"
    __table_args__ = (
        sa.UniqueConstraint("station", "name", "inode", "mtime_ns", "size", "visit"),
        sa.Index("ix_arrival_again", "id", sqlite_where=sa.text("duplicate IS 1"), postgresql_where=sa.text("duplicate IS true")),
        sa.Index("ix_arrival_station", "station", "arrived_at"),
        # Of those that still lie in processed/ only: the emptied are nearly all there are.
        sa.Index("ix_arrival_lying", "arrived_at", sqlite_where=LYING, postgresql_where=LYING),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str] = mapped_column(sa.String(40))
    name: Mapped[str] = mapped_column(sa.Text)
    """The file's name; bytes that are not UTF-8 are written \\xNN."""
    inode: Mapped[str] = mapped_column(sa.String(24))
    mtime_ns: Mapped[int] = mapped_column(sa.BigInteger)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    visit: Mapped[int]
    """How often the very same file was put into the folder again."""
    sha256: Mapped[str] = mapped_column(sa.ForeignKey("original.sha256"), index=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    duplicate: Mapped[bool]
    """The same bytes had arrived before: `document_id` is the document they already were."""
    arrived_at: Mapped[datetime] = mapped_column(index=True)
    moved_to: Mapped[str | None] = mapped_column(sa.Text)
    """Absolute path under processed/ (see `station.stored.stored_path`); None until moved, empty where the file was not ours to move."""
    emptied_at: Mapped[datetime | None]
    document: Mapped[Document] = relationship(back_populates="arrivals")


class PageRow(Base):
    """One sheet side of a document, as coded in its original; a superseded page stays."""

    __tablename__ = "page"
    __table_args__ = (sa.UniqueConstraint("document_id", "number", "superseded"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    number: Mapped[int]
    superseded: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str] = mapped_column(sa.ForeignKey("original.sha256"))
    coding: Mapped[dict[str, Any]]
    """The page's `capture.scan.Page` as JSON."""
    raster: Mapped[str | None] = mapped_column(sa.String(64))
    """Canonical raster v1, hexadecimal SHA-256; None where the page does not decode."""
    seen: Mapped[dict[str, Any] | None]
    """What one look at its pixels gave beside the findings (`station.pixels.note_seen`): codes, blankness, likeness, signature."""
    document: Mapped[Document] = relationship(back_populates="pages")


class Link(Base):
    """Which document came out of which: nothing that was taken in or sealed disappears without a trace."""

    __tablename__ = "link"
    __table_args__ = (sa.UniqueConstraint("older_id", "newer_id", "kind"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    older_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    newer_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    """formed (a stack and a document out of it), rescan (a new scan and the document that took its page), corrected (sealed versions)."""
    made_at: Mapped[datetime]


class Redo(Base):
    """A person asked for one page to be scanned anew; the next file of the station takes its place."""

    __tablename__ = "redo"
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str] = mapped_column(sa.String(40), index=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    page: Mapped[int]
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    asked_at: Mapped[datetime]
    carrier_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"), index=True)
    """The document that the new scan came in as."""
    done_at: Mapped[datetime | None]
    """Carried out, or taken back."""


class FindingRow(Base):
    __tablename__ = "finding"
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    page: Mapped[int | None]
    code: Mapped[str] = mapped_column(sa.String(40))
    level: Mapped[Level]
    clause: Mapped[str | None] = mapped_column(sa.String(10))
    authority: Mapped[Authority]
    measured: Mapped[str | None] = mapped_column(sa.Text)
    limit: Mapped[str | None] = mapped_column(sa.Text)
    document: Mapped[Document] = relationship(back_populates="findings")


class Reading(Base):
    """A text of a document; versions stand beside the sealed image, which is never sealed again for one."""

    __tablename__ = "reading"
    __table_args__ = (sa.UniqueConstraint("document_id", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    version: Mapped[int]
    engine: Mapped[str] = mapped_column(sa.String(80))
    path: Mapped[str] = mapped_column(sa.Text)
    """Relative to SCEAU_HOME."""
    words: Mapped[int]
    in_archive: Mapped[bool]
    read_at: Mapped[datetime]
    document: Mapped[Document] = relationship(back_populates="readings")


TRUST = ("person", "xml", "rule", "read")
"""Sources of a value; where several are known the word of the first counts."""
OF_THE_PAGE = ("read", "rule")
"""Sources of which a name has one at most: its page shows the value, or it was concluded."""


SAID = sa.text("source = 'person'")


class FieldRow(Base):
    """A value read from a document; a newer reading replaces it, a person's correction is a row of its own."""

    __tablename__ = "field"
    __table_args__ = (
        sa.UniqueConstraint("document_id", "name", "source"),
        # What people said is little among what was read.
        sa.Index("ix_field_said", "id", sqlite_where=SAID, postgresql_where=SAID),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    source: Mapped[str] = mapped_column(sa.String(10))
    """One of `TRUST`."""
    value: Mapped[str | None] = mapped_column(sa.Text)
    """Canonical text: ISO date, decimal with a point."""
    raw: Mapped[str | None] = mapped_column(sa.Text)
    page: Mapped[int | None]
    box: Mapped[list[Any] | None]
    confidence: Mapped[float | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    actor: Mapped[str | None] = mapped_column(sa.String(32))
    """Of a value that a person typed or confirmed: who."""
    said_at: Mapped[datetime | None]
    document: Mapped[Document] = relationship(back_populates="fields")

    @property
    def rank(self) -> int:
        """Where it stands in `TRUST`; the lowest counts."""
        return TRUST.index(self.source) if self.source in TRUST else len(TRUST)


class LessonRow(Base):
    """What one correction of a person taught about a supplier's paper; undone, it stays with who undid it and why."""

    __tablename__ = "lesson"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    supplier: Mapped[str] = mapped_column(sa.String(120), index=True)
    """Under which the supplier is known: `siren:732829320`, `vat:…`, `iban:…` or `name:…`."""
    title: Mapped[str] = mapped_column(sa.Text)
    """The supplier as a person calls it."""
    field: Mapped[str] = mapped_column(sa.String(40))
    data: Mapped[dict[str, Any]]
    """`ocr.suppliers.Lesson` as JSON."""
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    """Which paper taught it."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    taught_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(sa.String(32))
    undone_reason: Mapped[str | None] = mapped_column(sa.Text)
    uses: Mapped[list["LessonUse"]] = relationship(back_populates="lesson", order_by="LessonUse.id")


class LessonUse(Base):
    """One document whose value a lesson decided, and what would have stood there without it."""

    __tablename__ = "lesson_use"
    __table_args__ = (sa.UniqueConstraint("lesson_id", "document_id", "field"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    lesson_id: Mapped[int] = mapped_column(sa.ForeignKey("lesson.id"), index=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    field: Mapped[str] = mapped_column(sa.String(40))
    before: Mapped[str | None] = mapped_column(sa.Text)
    """Canonical text; None where nothing was read."""
    after: Mapped[str | None] = mapped_column(sa.Text)
    used_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    """When, the lesson being undone, the value was read anew, or a person was found to have said it."""
    lesson: Mapped[LessonRow] = relationship(back_populates="uses")


class InvoiceRow(Base):
    """What tells an invoice from all others (`workflow.duplicates.InvoiceKey`), for one indexed question; follows the document's values.

    One row for each way in which its supplier may be known again.
    """

    __tablename__ = "invoice_key"
    __table_args__ = (
        sa.Index("ix_invoice_key_likeness", "supplier", "likeness"),
        sa.Index("ix_invoice_key_issued", "supplier", "issued"),
    )
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), primary_key=True)
    supplier: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    """With its kind, « siren:732829320 »; empty where nothing tells it."""
    number: Mapped[str] = mapped_column(sa.String(40), index=True)
    likeness: Mapped[str] = mapped_column(sa.String(40))
    """The number with signs that readers confuse made one."""
    issued: Mapped[str | None] = mapped_column(sa.String(10))
    """ISO date."""
    gross: Mapped[str | None] = mapped_column(sa.String(40))
    """Decimal with a point and two decimals or more."""
    credit: Mapped[bool]
    iban: Mapped[str] = mapped_column(sa.String(34))
    """Empty where none was read, or its check digits do not fit."""
    iban_known: Mapped[bool]
    """The first of its supplier, or one known before: later ones are held against it."""


class Archive(Base):
    """One sealed PDF/A-3, by its SHA-256; one per version of a document."""

    __tablename__ = "archive"
    __table_args__ = (
        sa.UniqueConstraint("document_id", "version"),
        sa.Index("ix_archive_stamp_ends", "stamp_ends"),
        sa.Index("ix_archive_stamped_with", "stamped_with"),
    )
    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    version: Mapped[int]
    extends: Mapped[str | None] = mapped_column(sa.String(64))
    """SHA-256 of the archive whose bytes this file begins with (renewed, signed); None of one sealed afresh."""
    size: Mapped[int] = mapped_column(sa.BigInteger)
    attached: Mapped[int] = mapped_column(sa.BigInteger)
    """Bytes of the attachments inside."""
    level: Mapped[str] = mapped_column(sa.String(20))
    """Evidence level in words of ETSI EN 319 142-1: B-LTA…"""
    practice: Mapped[bool]
    profile: Mapped[str | None] = mapped_column(sa.String(20))
    """`sealing.evidence.EvidenceProfile` under which it was made; None of files of the versions before, which were all sealed."""
    qualified: Mapped[str | None] = mapped_column(sa.String(20))
    """What in it is qualified by a trusted list: seal, timestamp, signature; empty: nothing; None: nobody looked."""
    officer: Mapped[str | None] = mapped_column(sa.String(32))
    """Pseudonym of the officer whose signature this file adds to the one that it extends (A102 B-1)."""
    stamp_ends: Mapped[datetime | None]
    """End of the certificates of its newest timestamp, before which it is renewed; None until somebody looked (`station.renewal`)."""
    stamped_with: Mapped[str | None] = mapped_column(sa.String(80))
    """Algorithms of that timestamp: "ec-256 sha256"."""
    checks: Mapped[list[Any]]
    """What was proved after writing: name, ok, detail."""
    sealed_at: Mapped[datetime]
    document: Mapped[Document] = relationship(back_populates="archives")


class Decision(Base):
    """What a person decided about a held document."""

    __tablename__ = "decision"
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    choice: Mapped[str] = mapped_column(sa.String(20))
    """treat (worked, the paper stays the original), rescan (set aside, a new scan is expected), retry, redo (a page scanned anew),
    correct, confidential, not-invoice…"""
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    decided_at: Mapped[datetime]
    was: Mapped[State | None]
    """Where the document stood."""
    detail: Mapped[dict[str, Any] | None]
    """Of a correction: what was changed, from and to; and what the sealed version consisted of, for the correction may be given up."""
    document: Mapped[Document] = relationship(back_populates="decisions")


class Erasure(Base):
    """A document without retention duty that one person asked to erase; nothing goes before another confirms it."""

    __tablename__ = "erasure"
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    reason: Mapped[str | None] = mapped_column(sa.Text)
    """None once carried out: the certificate tells it."""
    asked_by: Mapped[str] = mapped_column(sa.String(32))
    asked_at: Mapped[datetime]
    confirmed_by: Mapped[str | None] = mapped_column(sa.String(32))
    confirmed_at: Mapped[datetime | None]
    """From now on files may be gone; whoever comes by finishes what is left."""
    visa: Mapped[str | None] = mapped_column(sa.String(120))
    """Of a public body: number and day of the visa d'élimination (C. patr. R. 212-14, L. 214-3)."""
    certificate: Mapped[str | None] = mapped_column(sa.String(64))
    """SHA-256 of the certificate's file, hexadecimal."""
    done_at: Mapped[datetime | None]
    """Carried out, or taken back."""


class Mandate(Base):
    """A company's mandate to a third party that archives for it (A102 B-2, II-1); never erased, ended by its last day or a revocation."""

    __tablename__ = "mandate"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    third_party: Mapped[str] = mapped_column(sa.String(200))
    scope: Mapped[str] = mapped_column(sa.Text)
    """What it covers, in words."""
    starts: Mapped[str] = mapped_column(sa.String(10))
    """First day (ISO, UTC) of sealing."""
    ends: Mapped[str | None] = mapped_column(sa.String(10))
    """Last such day; None: until revoked."""
    name: Mapped[str] = mapped_column(sa.Text)
    """Of the signed file."""
    sha256: Mapped[str] = mapped_column(sa.ForeignKey("original.sha256"))
    """The signed file, in the vault of originals."""
    recorded_by: Mapped[str] = mapped_column(sa.String(32))
    recorded_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(sa.String(32))
    revoked_reason: Mapped[str | None] = mapped_column(sa.Text)


class Hold(Base):
    """A legal hold: nothing that it covers is deleted, whatever its date, until a person lifts it or its last day has passed."""

    __tablename__ = "hold"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    scope: Mapped[str] = mapped_column(sa.String(10))
    """document, supplier, year or audit."""
    value: Mapped[str] = mapped_column(sa.String(80))
    """Identifier of the document, the supplier (SIREN or name), the year; of an audit the days it covers, `2024-01-01/2025-12-31`."""
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    starts: Mapped[str] = mapped_column(sa.String(10))
    ends: Mapped[str | None] = mapped_column(sa.String(10))
    """Last day in force; None: until lifted."""
    placed_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(sa.String(32))
    lifted_reason: Mapped[str | None] = mapped_column(sa.Text)


class RetentionRow(Base):
    """Until when one sealed document must be kept, with all of which that is the latest; triggers refuse to delete its files before."""

    __tablename__ = "retention"
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), primary_key=True)
    components: Mapped[list[Any]]
    """`workflow.retention.Component` as JSON, each with rule, start event, years, text and day."""
    until: Mapped[str | None] = mapped_column(sa.String(10), index=True)
    """Last day (ISO) on which it must be kept; None: nothing asks for it."""
    hold_id: Mapped[int | None] = mapped_column(sa.ForeignKey("hold.id"))
    """A legal hold that covers it now."""
    asset: Mapped[bool] = mapped_column(default=False)
    """Invoice of a fixed asset."""
    last_operation: Mapped[str | None] = mapped_column(sa.String(10))
    """Day (ISO) of the last operation entered in the books (L. 102 B), where a person said it."""
    said_by: Mapped[str | None] = mapped_column(sa.String(32))
    kind: Mapped[str] = mapped_column(sa.String(40))
    """By whose duties it was computed: while the term lies ahead, another kind does not shorten it."""
    rules: Mapped[str] = mapped_column(sa.String(16))
    """`station.retention.rules_mark` of the rules and duties by which it was computed."""
    computed_at: Mapped[datetime]


class Tolerance(Base):
    """A person's decision that colours carry no meaning on certain documents (BOI-CF-COM-10-10-30-10, § 100, 105); never erased."""

    __tablename__ = "tolerance"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    scope: Mapped[str] = mapped_column(sa.String(10))
    """batch, supplier or station."""
    value: Mapped[str] = mapped_column(sa.String(80))
    """Which one: identifier of the batch, the supplier as it is named on documents, name of the station."""
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    starts: Mapped[str] = mapped_column(sa.String(10))
    """First day (ISO, UTC) of arrival on which documents are covered."""
    ends: Mapped[str | None] = mapped_column(sa.String(10))
    """Last such day; None: until revoked."""
    decided_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(sa.String(32))
    revoked_reason: Mapped[str | None] = mapped_column(sa.Text)


class PassportRow(Base):
    """What one scanned target said of a station's scanner; the ledger holds the hash of its body."""

    __tablename__ = "passport"
    __table_args__ = (sa.UniqueConstraint("document_id", "target"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    station: Mapped[str] = mapped_column(sa.String(40), index=True)
    device: Mapped[str] = mapped_column(sa.String(120))
    """The scanner as it calls itself; empty where nobody said."""
    target: Mapped[str] = mapped_column(sa.String(60))
    """Name of the printed target."""
    made_at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(sa.String(10))
    """ok, warn or fail."""
    body: Mapped[dict[str, Any]]
    """`conformity.passport.Passport` as JSON."""
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    """The scan of the target, with which the passport is sealed."""


class DossierRow(Base):
    """One version of the organisation dossier (A102 B-2, II): prepared by one, countersigned by another, then sealed; never erased."""

    __tablename__ = "dossier"
    __table_args__ = (sa.UniqueConstraint("entity", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    version: Mapped[int]
    configuration: Mapped[dict[str, Any]]
    """What it describes (`station.dossier.describe`)."""
    configuration_sha256: Mapped[str] = mapped_column(sa.String(64))
    """Of the canonical JSON (RFC 8785): another configuration asks for another version."""
    annex: Mapped[dict[str, Any]]
    """What stood on the day of preparation and asks for no new version: passports, newest controls."""
    reason: Mapped[str] = mapped_column(sa.Text)
    prepared_by: Mapped[str] = mapped_column(sa.String(32))
    prepared_at: Mapped[datetime]
    signed_by: Mapped[str | None] = mapped_column(sa.String(32))
    signed_at: Mapped[datetime | None]
    """In force from then on, until the next."""
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    """The sealed PDF, in the vault of archives."""
    size: Mapped[int | None] = mapped_column(sa.BigInteger)
    practice: Mapped[bool] = mapped_column(default=False)
    withdrawn_at: Mapped[datetime | None]
    """Taken back before it was countersigned."""


class DossierText(Base):
    """A part of the dossier that only the company knows, as a person wrote it; the newest row of a key counts, older ones stay."""

    __tablename__ = "dossier_text"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    key: Mapped[str] = mapped_column(sa.String(40))
    text: Mapped[str] = mapped_column(sa.Text)
    author: Mapped[str] = mapped_column(sa.String(32))
    said_at: Mapped[datetime]


class StorageNotice(Base):
    """The storage places changed: where one lies outside France, the tax service must be told within a month (L. 102 C LPF)."""

    __tablename__ = "storage_notice"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    places: Mapped[list[Any]]
    noticed_at: Mapped[datetime]
    due: Mapped[str | None] = mapped_column(sa.String(10))
    """Last day (ISO) of the declaration; None where none is asked for."""
    declared_at: Mapped[datetime | None]
    declared_by: Mapped[str | None] = mapped_column(sa.String(32))
    note: Mapped[str | None] = mapped_column(sa.Text)


class ControlRow(Base):
    """A version of one internal control that a person changed; without rows the shipped plan holds (`workflow.controls.PLAN`)."""

    __tablename__ = "control"
    __table_args__ = (sa.UniqueConstraint("entity", "code", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    code: Mapped[str] = mapped_column(sa.String(40))
    version: Mapped[int]
    owner: Mapped[str] = mapped_column(sa.String(120))
    every_days: Mapped[int]
    procedure: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    since: Mapped[datetime]


class ControlLot(Base):
    """Sealed pages of one station and day from which a sample is drawn and compared with the paper (after ISO 2859-1)."""

    __tablename__ = "control_lot"
    __table_args__ = (sa.UniqueConstraint("entity", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    """`<day>/<station>`; a lot submitted again ends in `/2`, `/3`…"""
    station: Mapped[str] = mapped_column(sa.String(40))
    day: Mapped[str] = mapped_column(sa.String(10))
    """Day (ISO, UTC) of sealing."""
    pages: Mapped[int]
    """Size of the lot."""
    plan: Mapped[dict[str, Any]]
    """`workflow.sampling.Plan` as JSON: code letter, sample size, acceptance and rejection number, severity, AQL."""
    items_sha256: Mapped[str] = mapped_column(sa.String(64))
    """Of the pages that the draw was made from, one « document:page » per line."""
    checkpoint: Mapped[int] = mapped_column(sa.BigInteger)
    """Size of the checkpoint whose note seeds the draw."""
    seed: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of that note."""
    sample: Mapped[list[Any]]
    """The pages drawn, « document:page », in the order of the draw."""
    drawn_at: Mapped[datetime]
    drawn_by: Mapped[str] = mapped_column(sa.String(32))
    outcome: Mapped[str | None] = mapped_column(sa.String(10))
    """pass or fail; None while pages remain to be looked at."""
    closed_at: Mapped[datetime | None]
    box: Mapped[str] = mapped_column(sa.String(40), default="")
    """Label of the box in which the paper lies."""
    place: Mapped[str] = mapped_column(sa.String(120), default="")


class LotDocument(Base):
    """A document of a lot: it is in one lot only, until the lot fails and is submitted anew."""

    __tablename__ = "lot_document"
    lot_id: Mapped[int] = mapped_column(sa.ForeignKey("control_lot.id"), primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), primary_key=True, index=True)
    archive: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the sealed file that was in the lot."""
    pages: Mapped[int]


class ControlResult(Base):
    """What one execution of a control found; of a sample, one row per page."""

    __tablename__ = "control_result"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    control: Mapped[str] = mapped_column(sa.String(40), index=True)
    version: Mapped[int]
    """Of the control in the plan."""
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(sa.String(32))
    outcome: Mapped[str] = mapped_column(sa.String(10))
    """pass, fail, or void (could not be carried out)."""
    note: Mapped[str] = mapped_column(sa.Text, default="")
    lot_id: Mapped[int | None] = mapped_column(sa.ForeignKey("control_lot.id"), index=True)
    document_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"))
    page: Mapped[int | None]
    answers: Mapped[dict[str, Any] | None]
    """Of a page: identical, colour, complete."""
    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    """Of its ledger entry."""


class CorrectiveAction(Base):
    """What has to be done after a control failed: by whom, until when, and what was done."""

    __tablename__ = "corrective_action"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    result_id: Mapped[int] = mapped_column(sa.ForeignKey("control_result.id"), index=True)
    lot_id: Mapped[int | None] = mapped_column(sa.ForeignKey("control_lot.id"), index=True)
    what: Mapped[str] = mapped_column(sa.Text)
    owner: Mapped[str] = mapped_column(sa.String(120))
    due: Mapped[str] = mapped_column(sa.String(10))
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(sa.String(32))
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None] = mapped_column(sa.String(32))
    done: Mapped[str | None] = mapped_column(sa.Text)


class DestructionSlip(Base):
    """Papers of one lot that may be destroyed: prepared by one person, signed by another as the owner; nothing is destroyed by itself."""

    __tablename__ = "destruction_slip"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    lot_id: Mapped[int] = mapped_column(sa.ForeignKey("control_lot.id"), index=True)
    documents: Mapped[list[Any]]
    """Identifiers of the documents whose paper may go."""
    kept: Mapped[list[Any]]
    """[identifier, code of the reason] of those whose paper stays."""
    prepared_by: Mapped[str] = mapped_column(sa.String(32))
    prepared_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(sa.Text, default="")
    signed_by: Mapped[str | None] = mapped_column(sa.String(32))
    signed_at: Mapped[datetime | None]
    visa: Mapped[str | None] = mapped_column(sa.String(80))
    """Of a public body: number of the visa d'élimination (R. 212-14 C. patr.)."""
    visa_day: Mapped[str | None] = mapped_column(sa.String(10))
    visa_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    """Sealed scan of the visa, a document of its own."""
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    """The sealed slip, in the vault of archives."""
    withdrawn_at: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]
    """When a person said that the paper is gone."""
    destroyed_by: Mapped[str | None] = mapped_column(sa.String(32))
    method: Mapped[str | None] = mapped_column(sa.Text)


class Person(Base):
    """Who may sign in; the ledger knows only the pseudonym."""

    __tablename__ = "person"
    login: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    pseudonym: Mapped[str] = mapped_column(sa.String(32), unique=True)
    password_hash: Mapped[str | None] = mapped_column(sa.Text)
    practice: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str | None] = mapped_column(sa.String(120))
    email: Mapped[str | None] = mapped_column(sa.String(200), unique=True)
    """In lower case; one account per address, so that one human is not two."""
    entities: Mapped[list[Any] | None]
    """Legal entities whose documents this person may see; None: all of this installation."""
    stations: Mapped[list[Any] | None]
    """Stations to which the mailroom's work of this person is limited; None: all of their entities."""
    password_ends: Mapped[datetime | None]
    """Of a password that somebody else made: it serves once, to choose another, and until then at the latest."""
    epoch: Mapped[int] = mapped_column(default=0, server_default="0")
    """Grows with every change of roles, password, second factor; sessions begun before it end."""
    totp_secret: Mapped[str | None] = mapped_column(sa.String(64))
    """Base32, RFC 6238; None: no second factor is asked."""
    totp_pending: Mapped[str | None] = mapped_column(sa.String(64))
    """Shown to its person, not yet proved by a first code."""
    totp_step: Mapped[int | None] = mapped_column(sa.BigInteger)
    """Of the newest code that was accepted: none serves twice."""
    ended_at: Mapped[datetime | None]
    """Since then nobody enters; the account stays, for the ledger's pseudonyms must keep their person."""


class PersonRole(Base):
    """One role of one person, with its days; taken back, never deleted."""

    __tablename__ = "person_role"
    id: Mapped[int] = mapped_column(primary_key=True)
    pseudonym: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    role: Mapped[str] = mapped_column(sa.String(20))
    starts: Mapped[str | None] = mapped_column(sa.String(10))
    """First day (ISO, UTC); None: since ever."""
    ends: Mapped[str | None] = mapped_column(sa.String(10))
    """Last day; None: until it is taken back."""
    given_by: Mapped[str | None] = mapped_column(sa.String(32))
    """None: the machine's own command line, or the practice station."""
    given_at: Mapped[datetime | None]
    taken_by: Mapped[str | None] = mapped_column(sa.String(32))
    taken_at: Mapped[datetime | None]


class Delegation(Base):
    """A deputy holds a role of somebody for some days; it makes nobody two."""

    __tablename__ = "delegation"
    id: Mapped[int] = mapped_column(primary_key=True)
    giver: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    taker: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    role: Mapped[str] = mapped_column(sa.String(20))
    starts: Mapped[str] = mapped_column(sa.String(10))
    ends: Mapped[str] = mapped_column(sa.String(10))
    """First and last day (ISO, UTC)."""
    given_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """Taken back before its last day."""


class PersonGroup(Base):
    """People who are addressed together: « comptabilité », « direction ». Ended, never deleted: tasks of the past name it."""

    __tablename__ = "person_group"
    __table_args__ = (sa.UniqueConstraint("entity", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    name: Mapped[str] = mapped_column(sa.String(60))
    made_by: Mapped[str | None] = mapped_column(sa.String(32))
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class GroupMember(Base):
    """One person in one group, with the days; taken out, never deleted."""

    __tablename__ = "group_member"
    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(sa.ForeignKey("person_group.id"), index=True)
    pseudonym: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    starts: Mapped[str | None] = mapped_column(sa.String(10))
    """First day (ISO, UTC); None: since ever."""
    ends: Mapped[str | None] = mapped_column(sa.String(10))
    """Last day; None: until taken out."""
    given_by: Mapped[str | None] = mapped_column(sa.String(32))
    given_at: Mapped[datetime]
    taken_by: Mapped[str | None] = mapped_column(sa.String(32))
    taken_at: Mapped[datetime | None]


class Visit(Base):
    """One time that somebody signed in, so that it can be ended here and not only in the browser that keeps its cookie."""

    __tablename__ = "visit"
    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    """Hexadecimal SHA-256 of the number in the cookie: who reads the database opens nothing with it."""
    pseudonym: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    begun_at: Mapped[datetime]
    way: Mapped[str] = mapped_column(sa.String(10))
    """password; provider."""
    address: Mapped[str] = mapped_column(sa.String(45))
    browser: Mapped[str] = mapped_column(sa.String(40))
    """In words that its person knows it by ("Firefox, Linux")."""
    ended_at: Mapped[datetime | None]


class Identity(Base):
    """A person at a provider of identities: known by issuer and subject, never by name or address (OpenID Connect Core, 5.7)."""

    __tablename__ = "identity"
    __table_args__ = (sa.UniqueConstraint("issuer", "subject"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    issuer: Mapped[str] = mapped_column(sa.String(500))
    subject: Mapped[str] = mapped_column(sa.String(255))
    pseudonym: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    linked_at: Mapped[datetime]


class RecoveryCode(Base):
    """Stands in for a one-time code whose telephone is lost; serves once."""

    __tablename__ = "recovery_code"
    id: Mapped[int] = mapped_column(primary_key=True)
    pseudonym: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    digest: Mapped[str] = mapped_column(sa.String(64))
    """Hexadecimal SHA-256: of 118 random bits no table of guesses can be made."""
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Attempt(Base):
    """Failed tries to sign in, counted by account, address and both; no evidence, forgotten after a day."""

    __tablename__ = "attempt"
    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    """Hexadecimal SHA-256 of what is counted."""
    count: Mapped[int]
    newest: Mapped[int] = mapped_column(sa.BigInteger, index=True)
    """Milliseconds since 1970."""


class LedgerRow(Base):
    """One entry of an entity's log. Triggers refuse update and delete."""

    __tablename__ = "ledger"
    entity: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    entry: Mapped[bytes]
    """Canonical bytes, entry format v1: the Merkle leaf."""
    root: Mapped[bytes]
    """Tree head after this entry (RFC 6962)."""
    peaks: Mapped[bytes]
    """Roots of the complete subtrees after this entry, 32 bytes each, largest first."""


class LedgerPayload(Base):
    """What an entry commits to; erasable with its salt, never changed."""

    __tablename__ = "ledger_payload"
    entity: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    document_id: Mapped[str | None] = mapped_column(sa.String(32), index=True)
    type: Mapped[str] = mapped_column(sa.String(40))
    at: Mapped[datetime]
    salt: Mapped[bytes]
    body: Mapped[bytes]
    """Canonical JSON."""


class CheckpointRow(Base):
    """A signed checkpoint of an entity's log. Triggers refuse update and delete."""

    __tablename__ = "checkpoint"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    note: Mapped[str] = mapped_column(sa.Text)
    """C2SP signed note with the log's own signature; cosignatures stand with the deliveries."""
    token: Mapped[bytes | None]
    """RFC 3161 token over the note's text, DER; None where no authority answered when it was made."""
    made_at: Mapped[datetime]


class Delivery(Base):
    """A checkpoint on its way to one witness outside, or arrived there."""

    __tablename__ = "delivery"
    id: Mapped[int] = mapped_column(primary_key=True)
    checkpoint_id: Mapped[int] = mapped_column(sa.ForeignKey("checkpoint.id"), index=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    witness: Mapped[str] = mapped_column(sa.String(400))
    """`folder:<path>`, `mail:<address>` or `log:<name of the witness's key>`."""
    tries: Mapped[int] = mapped_column(default=0)
    try_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(sa.Text)
    """Why the last try failed; None where it did not."""
    cosignature: Mapped[str | None] = mapped_column(sa.Text)
    """Signature lines that the witness gave."""


class OutboxRow(Base):
    """What is to leave the house, or has left: `station.outbox`."""

    __tablename__ = "outbox"
    __table_args__ = (sa.UniqueConstraint("kind", "key"), sa.Index("ix_outbox_due", "state", "try_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    key: Mapped[str] = mapped_column(sa.String(200))
    """Once per kind, whoever puts it how often."""
    payload: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    """None once it was sent or given up: personal data stay no longer than they are needed."""
    digest: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the payload's canonical bytes (RFC 8785)."""
    state: Mapped[str] = mapped_column(sa.String(10))
    """`station.outbox.Sent`."""
    tries: Mapped[int] = mapped_column(default=0)
    put_at: Mapped[datetime]
    try_at: Mapped[datetime]
    lease: Mapped[str | None] = mapped_column(sa.String(16))
    """Of the worker that sends it now."""
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(sa.Text)
    """Why the last try failed; None where it did not."""


class ApiToken(Base):
    """By what a program acts for a person: `station.api_tokens`."""

    __tablename__ = "api_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    pseudonym: Mapped[str] = mapped_column(sa.ForeignKey("person.pseudonym"), index=True)
    name: Mapped[str] = mapped_column(sa.String(80))
    prefix: Mapped[str] = mapped_column(sa.String(16))
    """The beginning, by which a person tells it from others."""
    digest: Mapped[str] = mapped_column(sa.String(64), unique=True)
    """SHA-256 of the whole: it is random, so that nobody finds it by trying."""
    scopes: Mapped[list[Any]]
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(sa.String(32))


class Idempotency(Base):
    """What was answered to a request that changes something, by the key that the program gave it; for a day."""

    __tablename__ = "idempotency"
    token_id: Mapped[int] = mapped_column(sa.ForeignKey("api_token.id"), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(128), primary_key=True)
    digest: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 over method, address and body."""
    at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    """None while the first is still at work."""
    headers: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    body: Mapped[bytes | None]


class Webhook(Base):
    """Where events are told: `station.webhooks`."""

    __tablename__ = "webhook"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    url: Mapped[str] = mapped_column(sa.String(500))
    events: Mapped[list[Any]]
    secret: Mapped[str] = mapped_column(sa.String(80))
    """As Standard Webhooks writes it (`whsec_…`); it signs, so that it is kept as it is."""
    sequence: Mapped[int] = mapped_column(sa.BigInteger)
    """Entries of the ledger before this one were told, or came before the subscription."""
    made_by: Mapped[str] = mapped_column(sa.String(32))
    made_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(sa.String(32))
    ended_at: Mapped[datetime | None]


class Witnessed(Base):
    """The newest checkpoint of another log that this installation has countersigned; it never goes back (C2SP tlog-witness)."""

    __tablename__ = "witnessed"
    origin: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    root: Mapped[bytes]
    note: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime]


class Sighting(Base):
    """A file that lies in a station's folder and is not taken in, with the reason; gone when it is taken or removed."""

    __tablename__ = "sighting"
    station: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(400), primary_key=True)
    reason: Mapped[str] = mapped_column(sa.String(40))
    detail: Mapped[str | None] = mapped_column(sa.Text)
    since: Mapped[datetime]


class Probe(Base):
    """What the newest probe of a station's folder found."""

    __tablename__ = "probe"
    station: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    probed_at: Mapped[datetime]
    readable: Mapped[bool]
    writable: Mapped[bool]
    movable: Mapped[bool]
    """Renaming works, also into processed/."""
    notified: Mapped[bool]
    """The system tells of files that we write; of those that others write to a share, nobody knows."""
    network: Mapped[str] = mapped_column(sa.String(40))
    """Type of the network file system; empty on a local disk."""
    detail: Mapped[str | None] = mapped_column(sa.Text)
    """What the system said where something did not work."""


class MailboxCursor(Base):
    """How far a mailbox was looked through; UIDs only grow as long as UIDVALIDITY stays (RFC 9051, 2.3.1.1)."""

    __tablename__ = "mailbox_cursor"
    station: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    account: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    """Whose folder on which server (`station.post.account_of`): numbers of one mean nothing in another."""
    uidvalidity: Mapped[int] = mapped_column(sa.BigInteger)
    uid: Mapped[int] = mapped_column(sa.BigInteger)
    """The highest that was looked at."""
    looked_at: Mapped[datetime | None]
    """Last time the server answered."""
    trouble: Mapped[str | None] = mapped_column(sa.String(40))
    """Code of why it does not answer now; its words are in `station.problems`."""
    detail: Mapped[str | None] = mapped_column(sa.Text)
    since: Mapped[datetime | None]


class Mail(Base):
    """A message that was looked at, whatever it yielded: it is never fetched twice.

    Of several rows with the same number the newest counts: a server that was restored may have given it to another message.
    """

    __tablename__ = "mail"
    __table_args__ = (sa.Index("ix_mail_number", "station", "account", "uidvalidity", "uid"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str] = mapped_column(sa.String(40))
    account: Mapped[str] = mapped_column(sa.Text)
    """Whose folder on which server (`station.post.account_of`)."""
    uidvalidity: Mapped[int] = mapped_column(sa.BigInteger)
    uid: Mapped[int] = mapped_column(sa.BigInteger)
    fingerprint: Mapped[str] = mapped_column(sa.String(64), index=True)
    """Of its heading (`capture.mailbox.Heading.fingerprint`); stays when its text is erased, so that it is not fetched again."""
    message_id: Mapped[str] = mapped_column(sa.Text)
    """Empty where the message has none."""
    sender: Mapped[str] = mapped_column(sa.Text)
    subject: Mapped[str] = mapped_column(sa.Text)
    state: Mapped[str] = mapped_column(sa.String(20))
    """`capture.mailbox.MailState`."""
    sha256: Mapped[str | None] = mapped_column(sa.ForeignKey("original.sha256"), index=True)
    """The raw message in the vault; None where it was not fetched."""
    files: Mapped[list[Any]]
    """Its attachments that became files of the station: name, sha256."""
    noted_at: Mapped[datetime]
    flagged_at: Mapped[datetime | None]


class ClockCheck(Base):
    """One look at the machine's clock (`sealing.ticks.Look`): what servers said of it, and whether it was set since the look before."""

    __tablename__ = "clock_check"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    """By the clock itself."""
    steady: Mapped[float]
    """Seconds since the machine started."""
    boot: Mapped[str] = mapped_column(sa.String(64))
    """Which start of the machine."""
    health: Mapped[str] = mapped_column(sa.String(10))
    """`sealing.ticks.Health`."""
    offset: Mapped[float | None]
    """Seconds to add to the clock, by the servers; None where none said."""
    answers: Mapped[list[Any]]
    """Of each server: server, offset, delay."""
    even_since: Mapped[float | None]
    """Of a clock that was set: the steady time since which it has run evenly."""
    actor: Mapped[str | None] = mapped_column(sa.String(32))
    """Who confirmed the clock; None where nobody had to."""


class FixityRow(Base):
    """What the last look at one kept file found."""

    __tablename__ = "fixity"
    kind: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    """original or archive."""
    sha256: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(index=True)
    condition: Mapped[str] = mapped_column(sa.String(10))
    """`capture.originals.Condition`; or unknown: no entry of the ledger tells of it."""
    page: Mapped[int | None]
    """Page of an archive that a second renderer drew."""
    rendering: Mapped[str | None] = mapped_column(sa.String(10))
    """`sealing.renderer.Rendering` of that page."""
    detail: Mapped[str] = mapped_column(sa.Text)
    """In French: what was compared, or what is wrong."""


class FixityRun(Base):
    """One reading of the kept files: a day of the schedule, or one that a person asked for."""

    __tablename__ = "fixity_run"
    id: Mapped[int] = mapped_column(primary_key=True)
    trigger: Mapped[str] = mapped_column(sa.String(10))
    """schedule or demand."""
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]]
    """`station.fixity.Tally` as JSON; the ended run's entry in the ledger holds the hash of its report."""
    sequence: Mapped[int | None] = mapped_column(sa.BigInteger)
    """Its entry in the ledger."""


class BackupRun(Base):
    """One backup, or one rehearsal of its restoration; without an end it runs, or broke off."""

    __tablename__ = "backup_run"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    """backup or drill."""
    asked_by: Mapped[str | None] = mapped_column(sa.String(32))
    """Pseudonym of whoever asked for it; None: the schedule, or the command line."""
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    place: Mapped[str] = mapped_column(sa.Text)
    """Where the backup lies."""
    outcome: Mapped[str] = mapped_column(sa.String(10))
    """asked, running, whole, flawed (made, or restored, and something in it is wrong), failed, empty (of a drill: nothing to check)."""
    size: Mapped[int] = mapped_column(sa.BigInteger)
    """Bytes that it holds."""
    figures: Mapped[dict[str, Any]]
    """`station.backup.Made` or `station.restore.Restored` as JSON."""
    trouble: Mapped[str | None] = mapped_column(sa.Text)
    """Why it failed, in French and English."""
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    """Of a drill: its sealed report, in the vault of archives."""


class Access(Base):
    """One reading of a document, an export or a search: who looked at what. No evidence, hence apart from the ledger and short-lived."""

    __tablename__ = "access"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(sa.String(32))
    """Pseudonym; of a command « sceau export : » and the system's account."""
    act: Mapped[str] = mapped_column(sa.String(20))
    """`station.access.Act`."""
    object: Mapped[str] = mapped_column(sa.String(200))
    """Id of the document, with the file's hash or page where one was asked; of a package its days; of a search its kind, no words."""
    entity: Mapped[str] = mapped_column(sa.String(60))


AGAIN = sa.text("seen <= 0")
"""To be looked at again although its document did not change; few at a time."""


class Review(Base):
    """Where the review of one invoice stands; what of it the queue shows is noted here, so that a hundred thousand of them sort at once."""

    __tablename__ = "review"
    __table_args__ = (
        sa.Index("ix_review_queue", "entity", "stage", "due"),
        sa.Index("ix_review_doubtful", "entity", "stage", "doubtful", "due"),
        sa.Index("ix_review_done", "entity", "done_at"),
        sa.Index("ix_review_submitted", "done_at"),
        sa.Index("ix_review_again", "seen", sqlite_where=AGAIN, postgresql_where=AGAIN),
    )
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    seen: Mapped[int]
    """Revision of the document from which the columns below were noted; 0: to be noted anew."""
    stage: Mapped[str] = mapped_column(sa.String(10))
    """open, account (waits for a second person), done, gone (no invoice to review any more)."""
    doubts: Mapped[list[Any]]
    """Names of the values to be looked at (`ocr.confidence.doubts`); none: it goes through untouched."""
    doubtful: Mapped[bool]
    title: Mapped[str] = mapped_column(sa.Text)
    supplier: Mapped[str] = mapped_column(sa.String(200))
    number: Mapped[str] = mapped_column(sa.String(80))
    gross: Mapped[str | None] = mapped_column(sa.String(40))
    """Decimal with a point."""
    currency: Mapped[str | None] = mapped_column(sa.String(3))
    due: Mapped[str | None] = mapped_column(sa.String(10))
    """ISO date."""
    received_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(default=0)
    """Of its events; a save carries the one that it knows."""
    holder: Mapped[str | None] = mapped_column(sa.String(32))
    """Pseudonym of who has it open: told to others, it keeps nobody out."""
    active_at: Mapped[datetime | None]
    assigned_to: Mapped[str | None] = mapped_column(sa.String(32), index=True)
    assigned_by: Mapped[str | None] = mapped_column(sa.String(32))
    postponed_until: Mapped[str | None] = mapped_column(sa.String(10))
    """First day (ISO) on which it is in the queue again."""
    hold_reason: Mapped[str | None] = mapped_column(sa.Text)
    """Why it waits, or why it was handed over; None where it does not."""
    hold_by: Mapped[str | None] = mapped_column(sa.String(32))
    held: Mapped[bool] = mapped_column(default=False)
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None] = mapped_column(sa.String(32))


class ReviewEvent(Base):
    """One thing that a clerk did to one field; what is in force is what these tell in order. Erased with its document."""

    __tablename__ = "review_event"
    __table_args__ = (sa.UniqueConstraint("document_id", "revision"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    revision: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(10))
    """set, undo, redo, submit; hold, postpone, hand, resume; return (somebody who decides sent it back)."""
    field: Mapped[str] = mapped_column(sa.String(40))
    before: Mapped[dict[str, Any] | None]
    """`station.review.Mark` as JSON; None where nothing had been said."""
    after: Mapped[dict[str, Any] | None]
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]


class AccountChange(Base):
    """Another account than those known of a supplier: it counts once a second person has compared both crops."""

    __tablename__ = "account_change"
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    supplier: Mapped[str] = mapped_column(sa.String(120), index=True)
    """As in `invoice_key`: « siren:732829320 »."""
    iban: Mapped[str] = mapped_column(sa.String(34))
    known: Mapped[list[Any]]
    """Accounts known before; none where it was typed and the page does not show it."""
    earlier_id: Mapped[str | None] = mapped_column(sa.String(32))
    """An invoice that bears a known account."""
    crop: Mapped[bytes | None]
    """The piece of the page, JPEG, as it was shown."""
    earlier_crop: Mapped[bytes | None]
    asked_by: Mapped[str] = mapped_column(sa.String(32))
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(sa.String(32))
    decided_at: Mapped[datetime | None]
    approved: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str | None] = mapped_column(sa.Text)


class Supplier(Base):
    """The house's register of suppliers, one per legal entity: what an import brought, never removed by one."""

    __tablename__ = "supplier"
    __table_args__ = (sa.UniqueConstraint("entity", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    key: Mapped[str] = mapped_column(sa.String(120), index=True)
    """By what it is known, the surest: « siren:732829320 », « vat:DE136695976 » (as in `invoice_key`), else « number:F0042 »."""
    number: Mapped[str] = mapped_column(sa.String(40), default="")
    """In the house's accounts."""
    siren: Mapped[str] = mapped_column(sa.String(9), default="")
    name: Mapped[str] = mapped_column(sa.String(200))
    vat_id: Mapped[str] = mapped_column(sa.String(20), default="")
    size: Mapped[str] = mapped_column(sa.String(5), default="")
    """GE, ETI, PME, MICRO; empty: not known."""
    terms_days: Mapped[int | None]
    """Days until payment is due."""
    terms_end_of_month: Mapped[bool] = mapped_column(default=False)
    """Counted from the end of the month."""
    email: Mapped[str] = mapped_column(sa.String(200), default="")
    changed_by: Mapped[str] = mapped_column(sa.String(32))
    changed_at: Mapped[datetime]
    added_at: Mapped[datetime | None]
    """Since when the register knows it; None: since before this was noted."""


class SupplierAccount(Base):
    """An account of a supplier. It counts as known once a second person has approved what the first one brought."""

    __tablename__ = "supplier_account"
    __table_args__ = (sa.UniqueConstraint("supplier_id", "iban"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    supplier_id: Mapped[int] = mapped_column(sa.ForeignKey("supplier.id"))
    entity: Mapped[str] = mapped_column(sa.String(60))
    iban: Mapped[str] = mapped_column(sa.String(34), index=True)
    state: Mapped[str] = mapped_column(sa.String(10))
    """waiting, approved, refused."""
    verified_by: Mapped[str] = mapped_column(sa.String(32))
    """Who brought it, by an import or by hand, or said last whose it is."""
    verified_at: Mapped[datetime]
    hands: Mapped[list[Any]]
    """Whoever else had a hand in it, each with the moment (ISO 8601): who sent the list, who brought it before its supplier got a SIREN."""
    approved_by: Mapped[str | None] = mapped_column(sa.String(32))
    """The second person, who approved or refused it."""
    approved_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    """Why it was refused."""


class Customer(Base):
    """The house's register of customers, one per legal entity."""

    __tablename__ = "customer"
    __table_args__ = (sa.UniqueConstraint("entity", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    number: Mapped[str] = mapped_column(sa.String(40))
    """In the house's accounts: by what it is known."""
    name: Mapped[str] = mapped_column(sa.String(200))
    siren: Mapped[str] = mapped_column(sa.String(9), default="")
    vat_id: Mapped[str] = mapped_column(sa.String(20), default="")
    regime: Mapped[str] = mapped_column(sa.String(10), default="private")
    """private, public, consumer: by which law it is reminded."""
    language: Mapped[str] = mapped_column(sa.String(2), default="fr")
    address: Mapped[str] = mapped_column(sa.Text, default="")
    contact: Mapped[str] = mapped_column(sa.String(120), default="")
    email: Mapped[str] = mapped_column(sa.String(200), default="")
    phone: Mapped[str] = mapped_column(sa.String(40), default="")
    terms_days: Mapped[int | None]
    ladder: Mapped[str] = mapped_column(sa.String(40), default="")
    """Class by which its reminders go; empty: that of its regime."""
    contract_rate: Mapped[str] = mapped_column(sa.String(8), default="")
    """Of late payment, per cent a year, where a contract names one: decimal with a point; empty: the law's."""
    terms: Mapped[str] = mapped_column(sa.String(20), server_default="", default="")
    """Payment terms that are more than days, as `workflow.terms.term_text` writes them; empty: `terms_days` tell."""
    changed_by: Mapped[str] = mapped_column(sa.String(32))
    changed_at: Mapped[datetime]


class RateRow(Base):
    """Interest rates of a half-year that a company entered: one person with the sources, another confirmed them."""

    __tablename__ = "rate_row"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    half: Mapped[str] = mapped_column(sa.String(7))
    """« 2027-H1 »."""
    ecb: Mapped[str] = mapped_column(sa.String(6))
    """Per cent a year, decimal with a point; in force on the first day of the half-year."""
    ecb_since: Mapped[str] = mapped_column(sa.String(10))
    ecb_source: Mapped[str] = mapped_column(sa.String(300))
    ecb_grade: Mapped[str] = mapped_column(sa.String(12))
    """text, secondary."""
    legal: Mapped[str] = mapped_column(sa.String(6))
    """Legal interest rate, professionals."""
    persons: Mapped[str] = mapped_column(sa.String(6))
    """The same, natural persons."""
    legal_source: Mapped[str] = mapped_column(sa.String(300))
    legal_grade: Mapped[str] = mapped_column(sa.String(12))
    state: Mapped[str] = mapped_column(sa.String(10))
    """waiting, confirmed, refused."""
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(sa.String(32))
    decided_at: Mapped[datetime | None]


class ImportRun(Base):
    """One file of suppliers, customers or people: uploaded, its columns named, then taken over or dropped."""

    __tablename__ = "import_run"
    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    """suppliers, customers, people, invoices, payments."""
    name: Mapped[str] = mapped_column(sa.String(200))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    mapping: Mapped[dict[str, Any]]
    """Field to the heading of its column: proposed for the next file of the kind."""
    counts: Mapped[dict[str, Any]]
    """New, changed, same, wrong, absent; empty until it is done."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class Task(Base):
    """Something that one person is asked to decide or to answer; exactly one of those who are addressed does. Erased with its document."""

    __tablename__ = "task"
    __table_args__ = (sa.Index("ix_task_open", "entity", "state", "due"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    """approval, question."""
    title: Mapped[str] = mapped_column(sa.String(300))
    """What it is about, as lists name it."""
    why: Mapped[dict[str, Any]]
    """Why it was asked of these people: `workflow.approvals.Why` as JSON, or `{"text": …}`."""
    role: Mapped[str] = mapped_column(sa.String(20))
    """Addressed: a person, else a group, else whoever has the role; the others are empty or None."""
    group_name: Mapped[str] = mapped_column(sa.String(60))
    person: Mapped[str | None] = mapped_column(sa.String(32), index=True)
    """Pseudonym."""
    due: Mapped[str | None] = mapped_column(sa.String(10))
    """ISO date."""
    state: Mapped[str] = mapped_column(sa.String(10))
    """open, done, cancelled."""
    round: Mapped[int]
    """Of approvals of one document: a new one begins when the values changed."""
    place: Mapped[int]
    """First or second approval of its round."""
    needed: Mapped[int]
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id"), index=True)
    """Of a question: the task during which it was asked."""
    question: Mapped[str | None] = mapped_column(sa.Text)
    bound: Mapped[dict[str, Any]]
    """What the decision is about: `workflow.approvals.Bound` as JSON; empty where it is about no values."""
    prepared_by: Mapped[list[Any]]
    """Pseudonyms of who said or submitted the values."""
    prepared_since: Mapped[datetime]
    decision: Mapped[str | None] = mapped_column(sa.String(12))
    """approved, refused, answered; of a cancelled one why: changed, gone, decided, withdrawn."""
    decided_by: Mapped[str | None] = mapped_column(sa.String(32))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    """Of a refusal; the answer to a question."""
    rule: Mapped[str] = mapped_column(sa.String(80))
    """By which rule it was opened, and its version."""
    rule_version: Mapped[str] = mapped_column(sa.String(64))
    opened_by: Mapped[str] = mapped_column(sa.String(32))
    opened_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(default=0)
    """Grows with each act; whoever acts on an older one is told."""


class TaskEvent(Base):
    """What was done with a task, in order."""

    __tablename__ = "task_event"
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(sa.ForeignKey("task.id"), index=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    what: Mapped[str] = mapped_column(sa.String(12))
    """opened, approved, refused, asked, answered, delegated, reassigned, cancelled."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]
    told: Mapped[dict[str, Any]]
    """reason, to (pseudonym), question, changes (names of values)."""


class InvoiceStanding(Base):
    """Where an invoice stands between arrival and payment (`workflow.invoicing.InvoiceState`); how it got there, the ledger tells."""

    __tablename__ = "invoice_state"
    __table_args__ = (sa.Index("ix_invoice_state_again", "seen", sqlite_where=AGAIN, postgresql_where=AGAIN),)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    state: Mapped[str] = mapped_column(sa.String(20))
    since: Mapped[datetime]
    by: Mapped[str] = mapped_column(sa.String(40))
    """Pseudonym, or the channel that told so."""
    expected: Mapped[bool]
    """False: told from outside, and not the step that was to come."""
    seen: Mapped[int]
    """Revision of the document whose values were last compared with those that were approved; -1: to be compared again."""
    exported_at: Mapped[datetime | None]
    """When the accounts first had it (`workflow.invoicing.EXPORTED`), whatever became of it since: a closing asks for it."""


class AccountingPlan(Base):
    """How the house enters what it buys (`workflow.accounting.Plan`): each version stays, for batches name theirs."""

    __tablename__ = "accounting_plan"
    __table_args__ = (sa.UniqueConstraint("entity", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    version: Mapped[int]
    told: Mapped[dict[str, Any]]
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]


class AccountingBatch(Base):
    """Approved invoices handed to the accounts together; numbered without gaps in each entity and year, never removed."""

    __tablename__ = "accounting_batch"
    __table_args__ = (sa.UniqueConstraint("entity", "year", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    year: Mapped[int]
    number: Mapped[int]
    plan: Mapped[int]
    """Version of `accounting_plan` by which its file is written; 0: as shipped."""
    day: Mapped[str] = mapped_column(sa.String(10))
    """ISO date on which it was made, by the wall clock."""
    invoices: Mapped[int]
    debit: Mapped[str] = mapped_column(sa.String(30))
    """EUR, canonical text; equal to the credit."""
    credit: Mapped[str] = mapped_column(sa.String(30))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    """Of its file: made again from the lines, it has these bytes."""
    made_by: Mapped[str] = mapped_column(sa.String(32))
    made_at: Mapped[datetime]
    reversed_by: Mapped[str | None] = mapped_column(sa.String(32))
    """A second person took it back: its invoices are to be exported anew."""
    reversed_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)


class AccountingItem(Base):
    """One invoice in a batch."""

    __tablename__ = "accounting_item"
    __table_args__ = (sa.UniqueConstraint("held"), sa.UniqueConstraint("entity", "year", "entry"))
    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("accounting_batch.id"), index=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    held: Mapped[str | None] = mapped_column(sa.String(32))
    """The document's identifier while the batch stands, nothing once it was taken back: so that no invoice is in two."""
    year: Mapped[int]
    entry: Mapped[int]
    """Number of the entry, without gaps in each entity and year."""
    supplier: Mapped[str] = mapped_column(sa.Text)
    number: Mapped[str] = mapped_column(sa.Text)
    issued: Mapped[str] = mapped_column(sa.String(10))
    due: Mapped[str | None] = mapped_column(sa.String(10))
    gross: Mapped[str] = mapped_column(sa.String(30))
    """EUR with tax; less than nothing of a credit note."""
    sealed: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the sealed file."""


class AccountingLine(Base):
    """One line of an entry, as it went into the file."""

    __tablename__ = "accounting_line"
    __table_args__ = (sa.UniqueConstraint("item_id", "place"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("accounting_item.id"))
    entity: Mapped[str] = mapped_column(sa.String(60))
    place: Mapped[int]
    account: Mapped[str] = mapped_column(sa.String(20))
    account_label: Mapped[str] = mapped_column(sa.Text)
    auxiliary: Mapped[str] = mapped_column(sa.String(40))
    auxiliary_label: Mapped[str] = mapped_column(sa.Text)
    label: Mapped[str] = mapped_column(sa.Text)
    debit: Mapped[str] = mapped_column(sa.String(30))
    credit: Mapped[str] = mapped_column(sa.String(30))
    rate: Mapped[str] = mapped_column(sa.String(10))


class AccountingWord(Base):
    """What a person said of how one invoice is entered (`station.accounting_words`); what is said anew ends what was said before."""

    __tablename__ = "accounting_word"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60), index=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(12))
    """rate, tax, sums, elsewhere."""
    told: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(sa.String(64))
    """Of the amounts of which it was said."""
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(sa.String(32))


class PayableEvent(Base):
    """What moved the day on which an invoice is to be paid (`workflow.payables.Step`), or that it was contested."""

    __tablename__ = "payable_event"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    step: Mapped[str] = mapped_column(sa.String(16))
    """service done, suspended, resumed, received; disputed, settled."""
    day: Mapped[str] = mapped_column(sa.String(10))
    reason: Mapped[str] = mapped_column(sa.Text)
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]


class Disbursement(Base):
    """A payment of what the house owes: by hand, from a list, from a program; once by its key."""

    __tablename__ = "disbursement"
    __table_args__ = (sa.UniqueConstraint("entity", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), index=True)
    stage: Mapped[str] = mapped_column(sa.String(4))
    """sent (the bank has the order), paid (the funds are at the supplier's disposal)."""
    day: Mapped[str] = mapped_column(sa.String(10))
    amount: Mapped[str] = mapped_column(sa.String(30))
    """EUR, more than nothing."""
    reference: Mapped[str] = mapped_column(sa.Text)
    source: Mapped[str] = mapped_column(sa.String(6))
    """hand, list, api."""
    key: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of what was told: the same list again changes nothing."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]


class AgendaRow(Base):
    """One thing to be done on a day: business time is data (`station.agenda`). What it is about is re-read when it is done."""

    __tablename__ = "agenda"
    __table_args__ = (sa.UniqueConstraint("entity", "kind", "object", "level"), sa.Index("ix_agenda_due", "entity", "state", "day"))
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(20))
    """dunning, call, bounce, …: who acts on it (`station.ticking`)."""
    object: Mapped[str] = mapped_column(sa.String(80))
    """Identifier of what it is about, as its kind names it."""
    level: Mapped[str] = mapped_column(sa.String(40))
    """Step of a ladder; empty where there is one only."""
    day: Mapped[str] = mapped_column(sa.String(10))
    """ISO date on which it is due."""
    not_before: Mapped[str | None] = mapped_column(sa.String(10))
    """Always empty: who postpones suspends until the day before. The column is of a released migration."""
    suspended_until: Mapped[str | None] = mapped_column(sa.String(10))
    """Last day of a suspension in force; planning again moves it behind."""
    revision: Mapped[int] = mapped_column(default=1)
    """Grows with each change of day, suspension or postponement: what was enqueued for an older one does nothing."""
    state: Mapped[str] = mapped_column(sa.String(10))
    """planned, open (a person is asked), done, dropped."""
    reason: Mapped[str] = mapped_column(sa.Text)
    """Why it is planned; of a dropped one, why not; of a done one, what was noted."""
    told: Mapped[dict[str, Any]]
    """What its kind needs besides; no names and no amounts that could be old by then."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    made_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class Suspension(Base):
    """Reminders of an item, a customer or a batch rest until a day, with a reason."""

    __tablename__ = "suspension"
    __table_args__ = (sa.Index("ix_suspension_scope", "entity", "scope", "value"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    scope: Mapped[str] = mapped_column(sa.String(10))
    """item, customer, batch."""
    value: Mapped[str] = mapped_column(sa.String(80))
    reason: Mapped[str] = mapped_column(sa.Text)
    starts: Mapped[str] = mapped_column(sa.String(10))
    ends: Mapped[str] = mapped_column(sa.String(10))
    """Last day, ISO."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(sa.String(32))
    lifted_reason: Mapped[str | None] = mapped_column(sa.Text)


class Sending(Base):
    """One level of one item's ladder, written before it leaves and settled after: there is never a second one."""

    __tablename__ = "sending"
    __table_args__ = (sa.UniqueConstraint("entity", "item_id", "level"), sa.Index("ix_sending_state", "entity", "state"))
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    item_id: Mapped[str] = mapped_column(sa.String(80))
    customer: Mapped[str] = mapped_column(sa.String(80))
    level: Mapped[str] = mapped_column(sa.String(40))
    channel: Mapped[str] = mapped_column(sa.String(12))
    """email, letter, registered, call."""
    agenda_id: Mapped[int] = mapped_column(sa.ForeignKey("agenda.id"), index=True)
    revision: Mapped[int]
    """Of the agenda's row when this was written: with its number it makes the Message-ID, which stays."""
    message_id: Mapped[str] = mapped_column(sa.String(200), index=True)
    state: Mapped[str] = mapped_column(sa.String(10))
    """leaving, sent, queued (to be printed or handed to the provider), printed, exported, deposited, received, bounced, asked, unsure."""
    recipient: Mapped[str] = mapped_column(sa.Text)
    """E-mail address, or the lines of the postal one."""
    language: Mapped[str] = mapped_column(sa.String(2))
    subject: Mapped[str] = mapped_column(sa.Text)
    body: Mapped[str] = mapped_column(sa.Text)
    balance: Mapped[str] = mapped_column(sa.String(20))
    """EUR as decimal text, as it was read when this was written."""
    interest: Mapped[str] = mapped_column(sa.String(20))
    indemnity: Mapped[str] = mapped_column(sa.String(20))
    computation: Mapped[dict[str, Any]]
    rules: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the ladders that chose it."""
    sha256: Mapped[str | None] = mapped_column(sa.String(64))
    """Of the sealed letter in the vault of archives; of an e-mail there is none, its text stands here."""
    begun_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(sa.String(32))
    """Who printed, exported or called; system where it left by itself."""
    tracking: Mapped[str] = mapped_column(sa.String(40), default="")
    """Number of the registered letter."""
    deposited_on: Mapped[str | None] = mapped_column(sa.String(10))
    deposit_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    """Of the sealed note of the proof of deposit, which names the provider's file by its SHA-256."""
    received_on: Mapped[str | None] = mapped_column(sa.String(10))
    receipt: Mapped[str] = mapped_column(sa.String(12), default="")
    """delivered, refused, unclaimed, returned."""
    receipt_sha256: Mapped[str | None] = mapped_column(sa.String(64))
    note: Mapped[str] = mapped_column(sa.Text, default="")
    letter: Mapped[int | None] = mapped_column(index=True)
    """Where several invoices leave in one letter: the row of the one that bears its text; None where it is about this item alone."""
    """What came back: why it bounced, what was said on the telephone."""


class LadderVersion(Base):
    """One version of a company's ladders of reminders; the text of a row never changes. In force from `active_from` until `ended_at`."""

    __tablename__ = "ladder_version"
    __table_args__ = (sa.UniqueConstraint("entity", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    number: Mapped[int]
    """From 1, in this entity."""
    name: Mapped[str] = mapped_column(sa.String(120))
    """Of the file that it was read from, for messages."""
    meaning: Mapped[str] = mapped_column(sa.String(64))
    """`Ladders.version`: SHA-256 of what the text says."""
    sha256: Mapped[str] = mapped_column(sa.String(64))
    """Of the text's bytes."""
    text: Mapped[str] = mapped_column(sa.Text)
    reason: Mapped[str] = mapped_column(sa.Text)
    made_by: Mapped[str] = mapped_column(sa.String(32))
    """Pseudonym, or « system » of a file that ships or that the settings name."""
    made_at: Mapped[datetime]
    active_from: Mapped[datetime | None]
    activated_by: Mapped[str | None] = mapped_column(sa.String(32))
    """Pseudonym of the second person."""
    ended_at: Mapped[datetime | None]
    refused_by: Mapped[str | None] = mapped_column(sa.String(32))
    """Who said no, or whoever wrote it and took it back."""
    refused_at: Mapped[datetime | None]
    words: Mapped[str | None] = mapped_column(sa.Text)
    """Of a refusal."""


class RuleVersion(Base):
    """One version of rules, as it was written; the text of a row never changes. In force from `active_from` until `ended_at`."""

    __tablename__ = "rule_version"
    __table_args__ = (sa.UniqueConstraint("entity", "name", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    name: Mapped[str] = mapped_column(sa.String(60))
    title: Mapped[str] = mapped_column(sa.String(300))
    number: Mapped[int]
    """From 1, of this name in this entity."""
    meaning: Mapped[str] = mapped_column(sa.String(64))
    """`RuleSet.version`: SHA-256 of what the text says."""
    sha256: Mapped[str] = mapped_column(sa.String(64))
    """Of the text's bytes."""
    text: Mapped[str] = mapped_column(sa.Text)
    made_by: Mapped[str] = mapped_column(sa.String(32))
    """Pseudonym, or « system » of what Sceau brings along."""
    made_at: Mapped[datetime]
    active_from: Mapped[datetime | None]
    activated_by: Mapped[str | None] = mapped_column(sa.String(32))
    """Pseudonym of the second person."""
    ended_at: Mapped[datetime | None]


class CircuitVersion(Base):
    """One version of a circuit, as `RuleVersion`."""

    __tablename__ = "circuit_version"
    __table_args__ = (sa.UniqueConstraint("entity", "name", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    name: Mapped[str] = mapped_column(sa.String(60))
    title: Mapped[str] = mapped_column(sa.String(300))
    number: Mapped[int]
    meaning: Mapped[str] = mapped_column(sa.String(64))
    """`Circuit.version` with the rules that were in force when it was written."""
    sha256: Mapped[str] = mapped_column(sa.String(64))
    text: Mapped[str] = mapped_column(sa.Text)
    made_by: Mapped[str] = mapped_column(sa.String(32))
    made_at: Mapped[datetime]
    active_from: Mapped[datetime | None]
    activated_by: Mapped[str | None] = mapped_column(sa.String(32))
    ended_at: Mapped[datetime | None]
    struck_at: Mapped[datetime | None]
    """Until when it was looked whether its time of day has come."""


class CircuitRun(Base):
    """One document in one circuit: where it stands. It stays with the versions that were in force when it was submitted."""

    __tablename__ = "circuit_run"
    __table_args__ = (sa.Index("ix_circuit_run_open", "entity", "standing", "wake_on"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    document_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"), index=True)
    """None: begun by a time of day, about no document."""
    circuit: Mapped[str] = mapped_column(sa.String(60))
    version_id: Mapped[int] = mapped_column(sa.ForeignKey("circuit_version.id"))
    rules: Mapped[dict[str, Any]]
    """Name of the rules and identifier of their `RuleVersion`."""
    meaning: Mapped[str] = mapped_column(sa.String(64))
    """`Circuit.version` of both together."""
    begun_by: Mapped[str] = mapped_column(sa.String(12))
    """document, changement, heure, person."""
    submitted_at: Mapped[datetime]
    """Whose rules hold; of one begun again because values changed, when the first one was submitted."""
    started_at: Mapped[datetime]
    state: Mapped[dict[str, Any]]
    """`workflow.circuit.State` as JSON, each value with its kind."""
    step: Mapped[str] = mapped_column(sa.String(60))
    standing: Mapped[str] = mapped_column(sa.String(10))
    """running, stuck, ended."""
    outcome: Mapped[str] = mapped_column(sa.String(60))
    trouble: Mapped[str | None] = mapped_column(sa.Text)
    """Why it is stuck, in French."""
    bound: Mapped[str] = mapped_column(sa.String(64))
    """`workflow.approvals.Bound.digest` of what is to be approved; empty where nothing is."""
    approval_id: Mapped[int | None] = mapped_column(sa.ForeignKey("task.id"), index=True)
    """The approval that it waits for."""
    wake_on: Mapped[str | None] = mapped_column(sa.String(10))
    """ISO day on which time alone takes it further."""
    revision: Mapped[int]
    ended_at: Mapped[datetime | None]


class CircuitStep(Base):
    """One happening of a run and what came of it, in one transaction. Erased with its document."""

    __tablename__ = "circuit_step"
    __table_args__ = (sa.UniqueConstraint("run_id", "revision"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("circuit_run.id"))
    document_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"), index=True)
    revision: Mapped[int]
    event: Mapped[str] = mapped_column(sa.String(12))
    """started, answered, found, changed, ticked, cancelled."""
    before: Mapped[str] = mapped_column(sa.String(60))
    after: Mapped[str] = mapped_column(sa.String(60))
    """Names of steps."""
    told: Mapped[dict[str, Any]]
    """What the event brought (answer, values), and the commands that came of it."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]


class CircuitTask(Base):
    """A question or a form that a circuit puts to somebody; approvals of invoices are rows of `task`. Erased with its document."""

    __tablename__ = "circuit_task"
    __table_args__ = (sa.UniqueConstraint("run_id", "serial", "kind"), sa.Index("ix_circuit_task_open", "entity", "state", "due"))
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("circuit_run.id"))
    document_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"), index=True)
    serial: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(10))
    """task, form, trouble (a circuit that cannot go on)."""
    step: Mapped[str] = mapped_column(sa.String(60))
    title: Mapped[str] = mapped_column(sa.String(300))
    asked: Mapped[list[Any]]
    """Of whom: pairs of « role », « groupe » or « personne » and the name; who was told later stands behind."""
    answers: Mapped[list[Any]]
    """Pairs of code and label."""
    not_by: Mapped[list[Any]]
    """Pseudonyms of who may not answer."""
    since: Mapped[datetime]
    """Whoever stood in for one of those since then may not, either."""
    due: Mapped[str | None] = mapped_column(sa.String(10))
    state: Mapped[str] = mapped_column(sa.String(10))
    """open, done, cancelled."""
    answer: Mapped[str | None] = mapped_column(sa.String(60))
    answered_by: Mapped[str | None] = mapped_column(sa.String(32))
    answered_at: Mapped[datetime | None]
    words: Mapped[str | None] = mapped_column(sa.Text)
    """What the last look-up or typed value met, in French."""
    opened_at: Mapped[datetime]
    revision: Mapped[int]


class CircuitCall(Base):
    """A look-up or service that a run waits for; its outcome wakes the run. Erased with its document."""

    __tablename__ = "circuit_call"
    __table_args__ = (sa.UniqueConstraint("run_id", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("circuit_run.id"))
    document_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"), index=True)
    key: Mapped[str] = mapped_column(sa.String(120))
    serial: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(10))
    """lookup, service."""
    name: Mapped[str] = mapped_column(sa.String(60))
    outbox_key: Mapped[str | None] = mapped_column(sa.String(200))
    """Of a service: under which the outbox has it."""
    parameters: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(sa.String(10), index=True)
    """waiting, answered (to be told to the run), settled."""
    results: Mapped[dict[str, Any] | None]
    """None: nothing was found, or it failed for good."""
    trouble: Mapped[str | None] = mapped_column(sa.Text)
    put_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class DecisionMade(Base):
    """A decision of a table: by which rule, version and hash, of which values, by which lines. Erased with its document."""

    __tablename__ = "decision_made"
    __table_args__ = (sa.UniqueConstraint("run_id", "revision", "serial"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("circuit_run.id"))
    document_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"), index=True)
    revision: Mapped[int]
    serial: Mapped[int]
    """In which order, of those of one revision."""
    step: Mapped[str] = mapped_column(sa.String(60))
    rule_id: Mapped[int] = mapped_column(sa.ForeignKey("rule_version.id"))
    rules: Mapped[str] = mapped_column(sa.String(60))
    table: Mapped[str] = mapped_column("table_name", sa.String(60))
    meaning: Mapped[str] = mapped_column(sa.String(64))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    inputs: Mapped[dict[str, Any]]
    """Each value with its kind."""
    outputs: Mapped[dict[str, Any]]
    lines: Mapped[list[Any]]
    at: Mapped[datetime]


class CircuitWatch(Base):
    """What circuits saw of a document when they last looked: they look again when it changed. Erased with its document."""

    __tablename__ = "circuit_watch"
    __table_args__ = (sa.Index("ix_circuit_watch_again", "seen", sqlite_where=AGAIN, postgresql_where=AGAIN),)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    seen: Mapped[int]
    """Revision of the document; -1: its review went on since (`station.records.review`)."""
    stage: Mapped[str] = mapped_column(sa.String(10))
    """Of its review."""
    submitted_at: Mapped[datetime | None]
    """When its review was last submitted."""
    appeared: Mapped[bool]
    """It was there to begin circuits."""
    facts: Mapped[dict[str, Any]]
    """Name of a value and the beginning of its SHA-256: which of them changed."""


class RuleDraft(Base):
    """What one person is writing of one file; nobody else sees it, and it holds nothing that is in force."""

    __tablename__ = "rule_draft"
    __table_args__ = (sa.UniqueConstraint("entity", "kind", "name", "person"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(10))
    """regles, circuit."""
    name: Mapped[str] = mapped_column(sa.String(60))
    person: Mapped[str] = mapped_column(sa.String(32))
    """Pseudonym."""
    text: Mapped[str] = mapped_column(sa.Text)
    base: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the text from which it was begun."""
    changed_at: Mapped[datetime]


class RuleReplay(Base):
    """What a text would have decided of past documents, beside what is in force: told before it is asked to be put in force."""

    __tablename__ = "rule_replay"
    __table_args__ = (sa.Index("ix_rule_replay_text", "entity", "kind", "name", "sha256"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(10))
    name: Mapped[str] = mapped_column(sa.String(60))
    sha256: Mapped[str] = mapped_column(sa.String(64))
    """Of the text that was tried."""
    against: Mapped[str] = mapped_column(sa.String(64))
    """SHA-256 of the text it was held against."""
    starts: Mapped[str] = mapped_column(sa.String(10))
    ends: Mapped[str] = mapped_column(sa.String(10))
    """First and last day, ISO."""
    result: Mapped[dict[str, Any]]
    """How many documents, how many change and their amount, and the first of them (identifiers, no names)."""
    by: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]


class RuleRequest(Base):
    """One person asks that a version be put in force, another does it or refuses; with the replay that was shown to both."""

    __tablename__ = "rule_request"
    __table_args__ = (sa.Index("ix_rule_request_open", "entity", "decided_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    kind: Mapped[str] = mapped_column(sa.String(10))
    name: Mapped[str] = mapped_column(sa.String(60))
    version_id: Mapped[int]
    """Of `rule_version` or `circuit_version`, by kind."""
    replay_id: Mapped[int] = mapped_column(sa.ForeignKey("rule_replay.id"))
    reason: Mapped[str] = mapped_column(sa.Text)
    asked_by: Mapped[str] = mapped_column(sa.String(32))
    asked_at: Mapped[datetime]
    decision: Mapped[str | None] = mapped_column(sa.String(10))
    """activated, refused, withdrawn."""
    decided_by: Mapped[str | None] = mapped_column(sa.String(32))
    decided_at: Mapped[datetime | None]
    words: Mapped[str | None] = mapped_column(sa.Text)
    """Of a refusal."""


class OpenItem(Base):
    """An invoice that a customer owes, as it was issued; what is left of it is derived from its events (`workflow.receivables`)."""

    __tablename__ = "open_item"
    __table_args__ = (sa.UniqueConstraint("entity", "number"), sa.Index("ix_open_item_due", "entity", "due"))
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id"), index=True)
    number: Mapped[str] = mapped_column(sa.String(80))
    """Of the invoice, as it is printed."""
    cents: Mapped[int] = mapped_column(sa.BigInteger)
    """EUR with tax, in cents, more than 0."""
    issued: Mapped[str] = mapped_column(sa.String(10))
    due: Mapped[str] = mapped_column(sa.String(10))
    """ISO dates."""
    mentions: Mapped[bool | None]
    """Whether the invoice names penalties and indemnity (art. L. 441-9 C. com.); None where nobody looked."""
    document_id: Mapped[str | None] = mapped_column(sa.ForeignKey("document.id"), index=True)
    """The sealed copy, where there is one."""
    source: Mapped[str] = mapped_column(sa.String(10))
    """document, list, api, hand."""
    batch: Mapped[str] = mapped_column(sa.String(32))
    """The list or the batch of the desk that it came with; empty where it came alone."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    made_at: Mapped[datetime]


class ItemEvent(Base):
    """What happened to an open item, in the order in which it was noted; never changed: an END takes another back."""

    __tablename__ = "item_event"
    __table_args__ = (sa.UniqueConstraint("item_id", "what", "reference"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("open_item.id"), index=True)
    what: Mapped[str] = mapped_column(sa.String(12))
    """`workflow.receivables.What`."""
    day: Mapped[str] = mapped_column(sa.String(10))
    """ISO date on which it holds."""
    cents: Mapped[int] = mapped_column(sa.BigInteger)
    """Of a payment, a credit note, a promise; 0 of the others."""
    of: Mapped[int | None] = mapped_column(sa.ForeignKey("item_event.id"))
    """Event that an END ends; of a PAYMENT from a customer's credit, what was given back of the other invoice."""
    until: Mapped[str | None] = mapped_column(sa.String(10))
    """Of a promise: last day on which it can be kept."""
    reference: Mapped[str | None] = mapped_column(sa.String(80))
    """The bank's, or the credit note's number: the same again is the same event."""
    reason: Mapped[str] = mapped_column(sa.Text)
    source: Mapped[str] = mapped_column(sa.String(10))
    actor: Mapped[str] = mapped_column(sa.String(32))
    at: Mapped[datetime]


class CustomerContact(Base):
    """A person at a customer's to whom reminders go; ended, not removed, for letters name who was written to."""

    __tablename__ = "customer_contact"
    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    customer_id: Mapped[int] = mapped_column(sa.ForeignKey("customer.id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(120))
    part: Mapped[str] = mapped_column(sa.String(80))
    """What they do there, as they call it."""
    email: Mapped[str] = mapped_column(sa.String(200))
    phone: Mapped[str] = mapped_column(sa.String(40))
    reminded: Mapped[bool]
    """Whether reminders go there."""
    actor: Mapped[str] = mapped_column(sa.String(32))
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Preference(Base):
    """How one person likes the screens: keys, saved views."""

    __tablename__ = "preference"
    pseudonym: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    value: Mapped[dict[str, Any]]


class SearchEntry(Base):
    """What the search filters and sorts by, a narrow row a document; none of what is confidential or erased (triggers, 0006)."""

    __tablename__ = "search_entry"
    __table_args__ = (sa.Index("ix_search_entry_day", "entity", "day", "id"), sa.Index("ix_search_entry_cents", "entity", "cents"))
    id: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(sa.ForeignKey("document.id"), unique=True)
    entity: Mapped[str] = mapped_column(sa.String(60))
    state: Mapped[State]
    day: Mapped[str] = mapped_column(sa.String(10))
    """ISO date of the invoice, else of its arrival."""
    cents: Mapped[int | None] = mapped_column(sa.BigInteger)
    """Total with tax, in hundredths, rounded half up."""


class SearchText(Base):
    """The words of a document; the index (`search_index`, or the column `vector` on PostgreSQL) follows it by triggers."""

    __tablename__ = "search_text"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """That of its `search_entry`."""
    title: Mapped[str] = mapped_column(sa.Text)
    supplier: Mapped[str] = mapped_column(sa.Text)
    number: Mapped[str] = mapped_column(sa.Text)
    """As printed, and without signs between."""
    identifiers: Mapped[str] = mapped_column(sa.Text)
    """SIREN, SIRET, VAT number of the supplier."""
    told: Mapped[str] = mapped_column(sa.Text)
    """All values that count, amounts and dates as people write them."""
    body: Mapped[str] = mapped_column(sa.Text)
    """What was read, all pages."""


class SearchDue(Base):
    """Documents whose words changed since they were indexed; written by triggers."""

    __tablename__ = "search_due"
    document_id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    turn: Mapped[int]
    """Grows with each change: one that comes while the document is being indexed is not lost."""


class SearchChore(Base):
    """Work on the whole index that is to be done: `purge`, words of erased documents are to leave its pages."""

    __tablename__ = "search_chore"
    name: Mapped[str] = mapped_column(sa.String(20), primary_key=True)


class Tally(Base):
    """What the processes counted, together: how often, and how many seconds it took in all; never set back."""

    __tablename__ = "tally"
    hour: Mapped[str] = mapped_column(sa.String(13), primary_key=True)
    """UTC, `2026-11-22T16`; empty: since the beginning."""
    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    count: Mapped[int] = mapped_column(sa.BigInteger)
    total: Mapped[float]


class Gauge(Base):
    """A figure as it was measured last; whoever asks for figures reads these rows and counts nothing."""

    __tablename__ = "gauge"
    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(120), primary_key=True)
    value: Mapped[float]
    at: Mapped[datetime]


class Alert(Base):
    """Something that the house is told of: once when it begins, once when it is over."""

    __tablename__ = "alert"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(20))
    object: Mapped[str] = mapped_column(sa.String(120))
    """What it is about: a worker, a station, a ledger, a document's identifier; empty where there is one only."""
    measured: Mapped[str] = mapped_column(sa.Text)
    """As it was when it was last looked at."""
    since: Mapped[datetime]
    told_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    cleared_at: Mapped[datetime | None] = mapped_column(index=True)
    """Its end was told, or needed no telling."""


class Worker(Base):
    """A process that works documents; its heartbeat tells the living from the dead."""

    __tablename__ = "worker"
    executor: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    """serve, work or take."""
    host: Mapped[str] = mapped_column(sa.String(80), server_default="")
    """Name of its machine."""
    pid: Mapped[int]
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    """Last time every folder was looked into; a watcher that beats but no longer looks is blind."""
    taken_at: Mapped[datetime | None]
    """Last successful intake."""
