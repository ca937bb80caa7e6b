"""Plays a scanner that writes into a folder: it dribbles, pauses between pages, renames, jams, and lies about names."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Scanner:
    """Each method is a generator: one step of the scanner per `next`, so that a test decides what happens between two steps."""

    folder: Path

    def dribble(self, name: str, content: bytes, piece: int = 1000) -> Iterator[int]:
        """Writes piece by piece and closes at the end; yields the bytes written so far."""
        with (self.folder / name).open("wb", buffering=0) as file:
            for start in range(0, len(content), piece):
                file.write(content[start : start + piece])
                yield start + piece

    def page_by_page(self, name: str, pages: list[bytes]) -> Iterator[int]:
        """Closes the file after each page and opens it again for the next, as some copiers do."""
        for number, page in enumerate(pages, 1):
            with (self.folder / name).open("ab", buffering=0) as file:
                file.write(page)
            yield number

    def jam(self, name: str, content: bytes, at: int) -> Iterator[int]:
        """Stops in the middle and never comes back."""
        (self.folder / name).write_bytes(content[:at])
        yield at

    def rename(self, name: str, content: bytes) -> Iterator[int]:
        """Writes under another name, then gives the right one: the polite way."""
        draft = self.folder / f"{name}.part"
        draft.write_bytes(content)
        yield 0
        draft.rename(self.folder / name)
        yield len(content)

    def drop(self, name: str | bytes, content: bytes = b"scan") -> Path:
        """A whole file at once; the name may be bytes that are no UTF-8."""
        path = self.folder / os.fsdecode(name)
        path.write_bytes(content)
        return path
