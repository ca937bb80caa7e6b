"""By which channel an invoice had to come, from its date of issue and its supplier's size; how it came is said by who calls.

Only what comes from a supplier in France to a company in France is told: a copy that a person holds in hand proves no omission, for the
same invoice may lie on the platform, too; the words say so.
"""

from dataclasses import dataclass
from datetime import date

from capture.catalogue import finding
from capture.findings import Finding
from workflow import mentions
from workflow.invoices import Circumstances, Home, Invoice, home_of, size_of, supplier_siren
from workflow.law import Channel, Issuing, Size


@dataclass(frozen=True, slots=True)
class Due:
    """The channel by which an invoice had to come."""

    issuing: Issuing
    """What says so."""
    certain: bool
    """False where it depends on the supplier's size, which is not known."""

    @property
    def channel(self) -> Channel:
        return self.issuing.channel

    @property
    def since(self) -> date:
        return self.issuing.since


def due_channel(invoice: Invoice, circumstances: Circumstances) -> Due | None:
    """A public entity's suppliers bill through Chorus Pro, all others through a plateforme agréée; None as in `due_by`."""
    return due_by(invoice, circumstances, Channel.CHORUS if circumstances.public else Channel.PLATFORM)


def due_by(invoice: Invoice, circumstances: Circumstances, channel: Channel) -> Due | None:
    """Whether its supplier had to use that channel on its date of issue. None where any way was right: a supplier abroad or unknown, an
    exempt operation, a date before the duty, or no date at all."""
    day = invoice.day("issue_date")
    if day is None or home_of(invoice) is not Home.FRANCE or mentions.NEVER_INVOICED.search(invoice.text):
        return None
    bound = [rule for rule in circumstances.law.issuing if rule.channel is channel and rule.since <= day]
    size = size_of(invoice, circumstances)
    if size is not None:
        return next((Due(rule, certain=True) for rule in bound if size in rule.sizes), None)
    everyone = frozenset().union(*(rule.sizes for rule in bound)) == frozenset(Size)
    # The newest rule made it everyone's duty; before that, the oldest is the one that may hold.
    chosen = max(bound, key=lambda rule: rule.since) if everyone else min(bound, key=lambda rule: rule.since, default=None)
    return Due(chosen, certain=everyone) if chosen else None


def wrong_channel(invoice: Invoice, circumstances: Circumstances) -> Finding | None:
    """It came as paper or a plain PDF and had to come electronically; or might have had to, which is told apart."""
    if not circumstances.captured or invoice.structured:
        return None
    due = due_channel(invoice, circumstances)
    if due is None:
        return None
    if due.certain:
        return finding("wrong-channel", measured=f"{{{due.channel}}}", limit=f"{due.issuing.text}, {{since}} {{{due.since.isoformat()}}}")
    siren = supplier_siren(invoice)
    return finding("supplier-size-unknown", measured=siren, limit=f"{{{due.channel}}}") if siren else None
