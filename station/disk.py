"""How much room is left where the station keeps everything, and from when a person should know."""

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

LITTLE = 500_000_000
"""Bytes. Below, the screens warn: a stack of some fifteen colour pages, and the room that sealing them takes. House policy."""
NONE = 50_000_000
"""Bytes. Below, one colour page may no longer be kept, and soon the records cannot be written either. House policy."""


class Room(StrEnum):
    """What a person needs to know of the disk."""

    ENOUGH = "enough"
    LITTLE = "little"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk under SCEAU_HOME."""

    free: int
    """Bytes that the station may still use."""
    total: int
    """Bytes."""

    @property
    def room(self) -> Room:
        return Room.NONE if self.free < NONE else Room.LITTLE if self.free < LITTLE else Room.ENOUGH


def look_at_disk(home: Path) -> Disk:
    """Works on a full disk as well, for it writes nothing. Raises OSError where there is no such folder."""
    usage = shutil.disk_usage(home)
    return Disk(usage.free, usage.total)
