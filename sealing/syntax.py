"""The bytes appended to a PDF/A by its seal, read as ISO 19005-3, 6.1 wants them written.

A PDF library forgives what this rule book forbids: it would read a wrong length, a missing end of line or junk between two objects
without a word. Here whatever is not written exactly as expected is refused.
"""

import re
import zlib
from dataclasses import dataclass
from mmap import mmap
from typing import TypeAlias

Bytes: TypeAlias = bytes | mmap

EOL = rb"(?:\r\n|\n|\r)"
OBJECT = re.compile(rb"(\d+) (\d+) obj" + EOL)
STREAM = re.compile(rb">>\s*stream(?:\r\n|\n)")
STREAM_END = re.compile(EOL + rb"endstream" + EOL + rb"endobj" + EOL)
OBJECT_END = re.compile(EOL + rb"endobj" + EOL)
TRAILER = re.compile(EOL + rb"?startxref" + EOL + rb"(\d+)" + EOL + rb"%%EOF" + EOL + rb"?")
HEADER = re.compile(rb"%PDF-1\.[0-7]" + EOL + rb"%[\x80-\xff]{4}")
HEX = re.compile(rb"(?<!<)<([0-9A-Fa-f\s]*)>(?!>)")
TAIL = 64
"""Bytes at the end of a file in which its last `startxref` has to stand."""


class BrokenSyntax(Exception):
    """These bytes are not a PDF as this workstation writes one. `offset` is where it shows."""

    def __init__(self, offset: int, what: str, english: str) -> None:
        super().__init__(f"octet {offset} : {what} / byte {offset}: {english}")
        self.offset = offset
        self.what = what
        self.english = english


@dataclass(frozen=True, slots=True)
class _Object:
    number: int
    begin: int
    end: int
    head: bytes
    """All of it, or up to its stream."""
    data: tuple[int, int] | None
    """Where the stream's bytes begin and end."""


def revision_ends(pdf: Bytes) -> tuple[int, ...]:
    """Where each revision ends, the first one first; the last is the size of the file.

    Every appended revision is checked on the way. Raises BrokenSyntax, also for what was written by another program.
    """
    if not HEADER.match(pdf):
        raise BrokenSyntax(0, "ce n'est pas l'en-tête d'un PDF/A", "this is not the header of a PDF/A")
    tables = _walk_tables(pdf)
    first = _trailer_after(pdf, _read_object(pdf, tables[0]).end, tables[0])
    ends = [first]
    for table in tables[1:]:
        ends.append(_check_revision(pdf, ends[-1], table))
    if ends[-1] != len(pdf):
        raise BrokenSyntax(ends[-1], f"{len(pdf) - ends[-1]} octets après la fin du document", f"{len(pdf) - ends[-1]} bytes after the end")
    return tuple(ends)


def _walk_tables(pdf: Bytes) -> list[int]:
    """Offsets of the cross-reference streams, the oldest first."""
    begin = max(0, len(pdf) - TAIL)
    found = list(TRAILER.finditer(pdf[begin:]))
    if not found or begin + found[-1].end() != len(pdf):
        raise BrokenSyntax(len(pdf), "rien ne doit suivre la marque de fin %%EOF", "nothing may follow the end mark %%EOF")
    tables = [int(found[-1][1])]
    while previous := re.search(rb"/Prev (\d+)", _read_object(pdf, tables[-1]).head):
        if int(previous[1]) >= tables[-1]:
            raise BrokenSyntax(tables[-1], "chaîne des tables en boucle", "looping chain of tables")
        tables.append(int(previous[1]))
    return tables[::-1]


def _trailer_after(pdf: Bytes, at: int, table: int) -> int:
    found = TRAILER.match(pdf, at)
    if found is None or int(found[1]) != table:
        raise BrokenSyntax(at, "fin de révision mal écrite", "badly written end of a revision")
    return found.end()


def _check_revision(pdf: Bytes, begin: int, table: int) -> int:
    """One appended revision: objects one after the other, the cross-reference stream last, and nothing else. Returns its end."""
    at, objects = begin, []
    while OBJECT.match(pdf, at):
        objects.append(_read_object(pdf, at))
        at = objects[-1].end
    if not objects or objects[-1].begin != table:
        raise BrokenSyntax(
            at, "autre chose que des objets dans la révision ajoutée", "something else than objects in the appended revision"
        )
    listed = _listed_offsets(pdf, objects[-1])
    if listed != {each.number: each.begin for each in objects}:
        raise BrokenSyntax(table, "la table ne désigne pas les objets ajoutés", "the table does not point at the appended objects")
    return _trailer_after(pdf, at, table)


def _read_object(pdf: Bytes, at: int) -> _Object:
    """ISO 19005-3, 6.1.7.1 and 6.1.9: line ends, keywords, and a stream as long as it says."""
    start = OBJECT.match(pdf, at)
    if start is None:
        raise BrokenSyntax(at, "aucun objet ici", "no object here")
    close = OBJECT_END.search(pdf, start.end() - 1)
    stream = STREAM.search(pdf, start.end(), close.end() if close else len(pdf))
    if close is None:
        raise BrokenSyntax(at, "objet sans fin", "object without an end")
    head = pdf[start.end() : stream.start() + 2 if stream else close.start()]
    _check_head(head, start.end())
    if stream is None:
        return _Object(int(start[1]), at, close.end(), head, None)
    length = re.search(rb"/Length (\d+)(?! \d+ R)", head)
    finish = STREAM_END.match(pdf, stream.end() + int(length[1])) if length else None
    if finish is None or re.search(rb"/(?:F|FFilter|FDecodeParms)[ /\[(<]", head):
        raise BrokenSyntax(stream.start(), "flux d'une autre longueur que la sienne", "stream of another length than its own")
    return _Object(int(start[1]), at, finish.end(), head, (stream.end(), finish.start()))


def _check_head(head: bytes, at: int) -> None:
    for found in HEX.finditer(head):
        digits = found[1] if found[1].isalnum() else b"".join(found[1].split())
        if len(digits) % 2:
            # ISO 19005-3, 6.1.6
            raise BrokenSyntax(at + found.start(), "chaîne hexadécimale impaire", "odd hexadecimal string")


def _listed_offsets(pdf: Bytes, table: _Object) -> dict[int, int]:
    """Object numbers and offsets of a cross-reference stream (ISO 32000-1, 7.5.8)."""
    widths = re.search(rb"/W ?\[ ?(\d+) (\d+) (\d+) ?\]", table.head)
    index = re.search(rb"/Index ?\[([\d ]*)\]", table.head)
    if widths is None or index is None or table.data is None or b"/DecodeParms" in table.head:
        raise BrokenSyntax(table.begin, "table de références inattendue", "unexpected cross-reference table")
    raw = pdf[table.data[0] : table.data[1]]
    try:
        rows = zlib.decompress(raw) if b"/FlateDecode" in table.head else raw
    except zlib.error as error:
        raise BrokenSyntax(table.begin, "table de références illisible", "unreadable cross-reference table") from error
    kind, place, rest = (int(width) for width in widths.groups())
    bounds = [int(x) for x in index[1].split()]
    numbers = [n for first, count in zip(bounds[::2], bounds[1::2], strict=True) for n in range(first, first + count)]
    size = kind + place + rest
    listed: dict[int, int] = {}
    for i, number in enumerate(numbers):
        row = rows[i * size : (i + 1) * size]
        if kind and row[:kind] == bytes(kind):
            continue  # a free entry
        if kind and int.from_bytes(row[:kind], "big") != 1:
            raise BrokenSyntax(table.begin, "objet rangé dans un flux d'objets", "object inside an object stream")
        listed[number] = int.from_bytes(row[kind : kind + place], "big")
    return listed
