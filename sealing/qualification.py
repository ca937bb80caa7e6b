"""What trusted lists say of a certificate, as a value. Apart from `sealing.trust`, whose libraries take half a second to load."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Qualified:
    """A granted service of a trusted list stands behind the certificate."""

    kind: str
    """signature, seal, website or timestamp."""
    service: str
    territory: str
    qscd: bool
    """Whether the key is in a qualified device, as certificate and list say."""
    list_sha256: str


@dataclass(frozen=True, slots=True)
class NotQualified:
    """The lists are at hand and in force, and no granted service stands behind the certificate."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing can be said: INDETERMINATE in the words of EN 319 102-1."""

    reason: str


Qualification: TypeAlias = Qualified | NotQualified | Unknown
