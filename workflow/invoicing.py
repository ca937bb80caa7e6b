"""Where an invoice stands between its arrival and its payment, whatever channel told so, and which moves are expected.

The states are those that scans, Chorus Pro and the plateformes agréées (CDAR, XP Z12-012) have in common. Inside this house only an
expected move is made. What comes from outside may jump: it has happened already, so it is recorded, and told.
"""

from dataclasses import dataclass
from enum import StrEnum


class InvoiceState(StrEnum):
    """In brackets: the status codes of Chorus Pro and of CDAR that say the same."""

    AVAILABLE = "available"
    """Sealed, in the queue (MISE_A_DISPOSITION; 203)."""
    MISROUTED = "misrouted"
    """For another entity (A_RECYCLER; 221)."""
    IN_REVIEW = "in review"
    """Somebody looks at it (PRISE_EN_COMPTE_DESTINATAIRE; 204)."""
    SUSPENDED = "suspended"
    """Waits for a document (SUSPENDUE, A_COMPLETER; 208)."""
    COMPLETED = "completed"
    """The document came (COMPLETEE; 209)."""
    DISPUTED = "disputed"
    """Contested (207)."""
    PARTIALLY_APPROVED = "partially approved"
    """(206)"""
    APPROVED = "approved"
    """Bon à payer (SERVICE_FAIT, VALIDEE; 205, 214)."""
    POSTED = "posted"
    """In the accounts (MANDATEE, COMPTABILISEE)."""
    PAYMENT_SENT = "payment sent"
    """The bank has the order (MISE_EN_PAIEMENT; 211)."""
    PAID = "paid"
    """(212)"""
    REFUSED = "refused"
    """(REJETEE; 210)"""
    CANCELLED = "cancelled"
    """Withdrawn by its sender (ABANDONNEE, SUPPRIMEE; 220)."""


S = InvoiceState
_OPEN = frozenset({S.IN_REVIEW, S.SUSPENDED, S.COMPLETED, S.DISPUTED, S.PARTIALLY_APPROVED})
_ENDS = frozenset({S.REFUSED, S.CANCELLED, S.MISROUTED})
MOVES: dict[InvoiceState | None, frozenset[InvoiceState]] = {
    None: frozenset({S.AVAILABLE, S.IN_REVIEW}),
    S.AVAILABLE: frozenset({S.IN_REVIEW}) | _ENDS,
    S.MISROUTED: frozenset({S.AVAILABLE, S.IN_REVIEW, S.REFUSED, S.CANCELLED}),
    S.IN_REVIEW: (_OPEN - {S.IN_REVIEW, S.COMPLETED}) | _ENDS | {S.APPROVED},
    S.SUSPENDED: frozenset({S.COMPLETED, S.IN_REVIEW, S.DISPUTED}) | _ENDS,
    S.COMPLETED: (_OPEN - {S.COMPLETED}) | _ENDS | {S.APPROVED},
    S.DISPUTED: frozenset({S.IN_REVIEW, S.SUSPENDED, S.PARTIALLY_APPROVED, S.APPROVED}) | _ENDS,
    S.PARTIALLY_APPROVED: frozenset({S.IN_REVIEW, S.DISPUTED, S.APPROVED, S.POSTED, S.REFUSED, S.CANCELLED}),
    # Back to review where its values changed after the approval, which is then void.
    S.APPROVED: frozenset({S.IN_REVIEW, S.DISPUTED, S.POSTED, S.PAYMENT_SENT, S.CANCELLED}),
    # Back to approved where the batch that brought it into the accounts is taken back.
    S.POSTED: frozenset({S.APPROVED, S.DISPUTED, S.PAYMENT_SENT, S.PAID, S.CANCELLED}),
    S.PAYMENT_SENT: frozenset({S.POSTED, S.PAID, S.DISPUTED}),
    S.PAID: frozenset({S.DISPUTED}),
    S.REFUSED: frozenset({S.IN_REVIEW, S.CANCELLED}),
    S.CANCELLED: frozenset(),
}
"""None: nothing was said of it yet. House policy, after the life cycles of Chorus Pro and of XP Z12-012, whose steps may be left out."""


EXPORTED = frozenset({S.POSTED, S.PAYMENT_SENT, S.PAID})
"""The accounts have it."""


class UnexpectedMove(Exception):
    """This house does not move an invoice so; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Move:
    """From one state to another; `expected` False: the outside jumped, which a person should be told."""

    before: InvoiceState | None
    after: InvoiceState
    expected: bool


def move_invoice(before: InvoiceState | None, after: InvoiceState, *, outside: bool = False) -> Move | None:
    """The move to be recorded, None where it stands there already. Raises UnexpectedMove of one that this house would make itself."""
    if before == after:
        return None
    expected = after in MOVES[before]
    if not expected and not outside:
        raise UnexpectedMove(f"{before} > {after}")
    return Move(before, after, expected)
