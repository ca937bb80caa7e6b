"""A policy is what a house asks beyond the arrêté: named, versioned, dated, and recorded with every document that it judged."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date

from conformity.limits import Limits


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a house policy."""

    name: str = "a102-b2"
    version: str = "1"
    valid_from: date = date(2026, 1, 1)
    """First day (UTC) of arrival on which documents are judged by it; until the next version's."""
    limits: Limits = field(default_factory=Limits)
    grey: str = "ask"
    """ask: missing colours hold the document; accept: colours carry no meaning on what this policy judges, for the reason given."""
    grey_reason: str = ""

    @property
    def hash(self) -> str:
        """Hexadecimal SHA-256 of everything that the policy says, so that a change without a new version shows."""
        said = json.dumps(asdict(self), default=str, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(said.encode("utf-8")).hexdigest()

    @property
    def title(self) -> str:
        return f"{self.name}, version {self.version}"

    def as_json(self) -> dict[str, str]:
        """What a document keeps of it."""
        return {"name": self.name, "version": self.version, "hash": self.hash}


def policy_on(policies: Sequence[Policy], name: str, day: date) -> Policy:
    """The newest version of that name in force on the day; its first version before any is. Raises LookupError for an unknown name."""
    versions = sorted((policy for policy in policies if policy.name == name), key=lambda policy: policy.valid_from)
    if not versions:
        raise LookupError(name)
    return next((policy for policy in reversed(versions) if policy.valid_from <= day), versions[0])
