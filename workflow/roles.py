"""Who a person is to this house: the roles, and what holds of each. Which pages a role opens is said at the pages."""

from enum import StrEnum


class Role(StrEnum):
    """A person has several, each with its days."""

    MAILROOM = "mailroom"
    """Feeds, judges and separates what arrives."""
    CLERK = "clerk"
    """Reviews what was read."""
    APPROVER = "approver"
    """Says whether an invoice may be paid."""
    RECEIVABLES = "receivables"
    """Follows what customers owe."""
    COMPLIANCE = "compliance"
    """Answers for evidence, retention, controls and what leaves the house."""
    AUDITOR = "auditor"
    """Comes from outside for some days, looks and changes nothing."""
    ADMINISTRATOR = "administrator"
    """Makes and ends accounts; the documents are not theirs."""


EVERYONE = frozenset(Role)
EXPIRING = frozenset({Role.AUDITOR})
"""Given with a last day only."""
DELEGABLE = frozenset({Role.MAILROOM, Role.CLERK, Role.APPROVER, Role.RECEIVABLES, Role.COMPLIANCE})
"""What a deputy may hold for somebody; accounts are made by those who were named for it, and auditors do not send others."""
WORKING = DELEGABLE
"""Everything but administering accounts and looking from outside."""
