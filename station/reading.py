"""What a document says, told once for every place that asks: `fields_of` is the order in which the words are weighed.

A person's word comes before all of them (`station.records.tables.TRUST`); it stands beside in the records and is not asked for here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from capture.findings import Finding
from config.settings import Settings
from ocr.confidence import Thresholds
from ocr.fields import NOTHING, extract
from ocr.second import Place, SecondReading, doubtful_places, weigh
from ocr.structured import Structured, differences, told_by_xml
from ocr.suppliers import Lesson, Use, apply_lessons
from ocr.text import PageText
from ocr.values import Field, Known
from station.records.tables import Document, FieldRow
from station.stored import field_text

Look = Callable[[tuple[Place, ...]], Iterable[SecondReading]]
"""What the other engine reads at doubtful places; it may look now, or tell what it saw before."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What was learned of suppliers."""

    lessons: Sequence[Lesson] = ()
    own: frozenset[str] = frozenset()
    """SIREN, VAT numbers and accounts of the companies that receive the invoices."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a document says, by the names of `ocr.values.NAMES`."""

    page: dict[str, Field]
    """The page's word, read or concluded."""
    xml: dict[str, Field]
    """That of the electronic invoice, with the places at which the page shows the same."""
    uses: tuple[Use, ...]
    """Lessons that spoke."""
    apart: tuple[Finding, ...]
    """Where page and XML say different things."""

    @property
    def fields(self) -> dict[str, Field]:
        """The values that count."""
        return {**self.page, **self.xml}


def fields_of(
    texts: Sequence[PageText],
    known: Known = NOTHING,
    look: Look = lambda _places: (),
    memory: Memory = Memory(),
    invoice: Structured | None = None,
) -> Told:
    """What a document says. The same arguments tell the same: nothing here asks a clock, a file or the records."""
    # 1. What the pages say, each value as sure as such values were when they were measured.
    read = extract(texts, known)
    # 2. A second look at doubtful places moves the confidence, never the value.
    return told_of(texts, weigh(read, look(doubtful_in(read, texts))), memory, invoice)


def told_of(texts: Sequence[PageText], looked: Mapping[str, Field], memory: Memory = Memory(), invoice: Structured | None = None) -> Told:
    """The rest of the order, where the pages' own words were found and looked at before."""
    # 3. What was learned of the supplier, of all that the XML leaves open.
    lessons = [lesson for lesson in memory.lessons if invoice is None or lesson.field not in invoice.fields]
    page, uses = apply_lessons(texts, looked, lessons, memory.own)
    # 4. The XML is the invoice, the page only its picture (L. 102 B LPF).
    apart = differences(invoice, page, texts) if invoice else ()
    return Told(page, told_by_xml(invoice, page), uses, apart)


def doubtful_in(read: Mapping[str, Field], texts: Sequence[PageText]) -> tuple[Place, ...]:
    """Places of values that are not green and may have been misread."""
    return doubtful_places(read, texts, Thresholds().green)


def known_by(settings: Settings, arrival: date | None = None) -> Known:
    """What the installation knows before it reads."""
    identity = settings.identity
    return Known(tuple(identity.names), tuple(identity.sirens), tuple(identity.vat_ids), settings.own_ibans, arrival)


def known_of(settings: Settings, document: Document) -> Known:
    """The same, with the day on the document's slip, else the day on which it came in."""
    slip = document.batch.arrival_date
    return known_by(settings, date.fromisoformat(slip) if slip and re.fullmatch(r"\d{4}-\d\d-\d\d", slip) else document.received_at.date())


def own_numbers(settings: Settings) -> frozenset[str]:
    """SIREN, VAT numbers and accounts of the companies that this installation works for."""
    identity = settings.identity
    return frozenset({*identity.sirens, *identity.vat_ids, *settings.own_ibans})


# --- as rows of the records ---


def field_rows(document_id: str, told: Told) -> Iterator[FieldRow]:
    """The page's word and, beside it, the XML's: each value keeps where it comes from."""
    return (field_row(document_id, field) for field in (*told.page.values(), *told.xml.values()))


def field_row(document_id: str, field: Field) -> FieldRow:
    """A field as it is kept."""
    return FieldRow(
        document_id=document_id,
        name=field.name,
        source=str(field.source),
        value=field_text(field.value),
        raw=field.raw,
        page=field.page,
        box=list(field.box) if field.box else None,
        confidence=field.confidence,
        reason=field.reason,
    )
