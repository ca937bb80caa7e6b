"""The letter to a supplier whose invoice came by another channel than the law sets: what it rests on; its words are templates.

It informs and asks; it threatens nothing, contests neither service nor amount, and says what is not known.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from config.settings import Settings
from conformity.circumstances import Source as Nature
from station.particulars import circumstances_of, invoice_in
from station.records.tables import Document
from workflow.channel import due_channel
from workflow.invoices import size_of, supplier_siren
from workflow.kinds import INVOICES
from workflow.law import Channel, Size


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything that the templates say."""

    channel: Channel
    certain: bool
    """False: the supplier's size is not known, and the letter leaves the question to the supplier."""
    sizes: tuple[Size, ...]
    """Whom the duty binds."""
    since: date
    text: str
    calendar: str
    supplier: str
    supplier_siren: str
    number: str
    issued: date
    gross: Decimal | None
    currency: str
    electronic: bool
    """It came as a file, not on paper."""
    us: str
    """Our name; empty where the settings do not say."""
    our_sirens: tuple[str, ...]
    platform: str


def letter_of(document: Document, settings: Settings) -> Letter | None:
    """The letter that a document gives reason for; None where it came as it should, or nothing tells how it should have come."""
    invoice = invoice_in(document, settings)
    circumstances = circumstances_of(settings, document.received_at.date(), captured=document.source != Nature.PRINT)
    issued = invoice.day("issue_date")
    if document.document_type not in INVOICES or not circumstances.captured or invoice.structured or issued is None:
        return None
    due = due_channel(invoice, circumstances)
    if due is None:
        return None
    everyone = due.certain and size_of(invoice, circumstances) is None
    return Letter(
        channel=due.channel,
        certain=due.certain,
        sizes=tuple(Size) if everyone else tuple(size for size in Size if size in due.issuing.sizes),
        since=due.since,
        text=due.issuing.text,
        calendar=due.issuing.calendar,
        supplier=invoice.words("supplier_name"),
        supplier_siren=supplier_siren(invoice) or "",
        number=invoice.words("invoice_number"),
        issued=issued,
        gross=invoice.amount("total_gross"),
        currency=invoice.words("currency") or "EUR",
        electronic=document.source == Nature.ELECTRONIC,
        us=next(iter(settings.identity.names), ""),
        our_sirens=tuple(settings.identity.sirens),
        platform=settings.channel.platform,
    )
