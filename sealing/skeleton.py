"""A skeleton is what a PNG file has besides its image data: with the archive's image stream it gives the scanner's file back."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import pikepdf

from sealing.codestream import PNG_SIGNATURE, read_chunks, sole_image

FORM = "sceau-png-skeleton-1"


class CannotRebuild(Exception):
    """The original cannot be had from this archive: no skeleton, or image data that are not its own."""


def skeleton_name(page: int) -> str:
    """The attachment's file name; pages count from 1."""
    return f"original-{page:04d}.png-skeleton.json"


def make_skeleton(path: Path, sha256: str | None = None) -> bytes:
    """JSON of a few hundred bytes from which `rebuild_png` makes the file again.

    Image data are named by length and number of equal chunks; every other chunk is kept whole, and so is what follows the last one.
    `sha256` is that of the whole file where the caller knows it already. Raises CannotArchive if the file is cut.
    """
    png = path.read_bytes()
    chunks: list[dict[str, Any]] = []
    used = len(PNG_SIGNATURE)
    for name, data, stored in read_chunks(png):
        used += 12 + len(data)
        crc = zlib.crc32(data, zlib.crc32(name.encode("latin-1"))).to_bytes(4, "big")
        odd = {} if crc == stored else {"crc": stored.hex()}
        if name != "IDAT":
            chunks.append({"name": name, "data": base64.b64encode(data).decode(), **odd})
        elif chunks and chunks[-1].get("length") == len(data) and not odd and "crc" not in chunks[-1]:
            chunks[-1]["times"] += 1
        else:
            chunks.append({"name": name, "length": len(data), "times": 1, **odd})
    tail = base64.b64encode(png[used:]).decode()
    digest = sha256 or hashlib.sha256(png).hexdigest()
    document = {"form": FORM, "sha256": digest, "size": len(png), "chunks": chunks, "tail": tail}
    return json.dumps(document, separators=(",", ":")).encode()


def image_length(skeleton: bytes) -> int:
    """Bytes of image data that a skeleton counts on. Raises CannotRebuild if it is none."""
    return sum(int(chunk["length"]) * int(chunk["times"]) for chunk in _parse(skeleton)["chunks"] if "length" in chunk)


def rebuild_png(archive: Path, page: int) -> bytes:
    """The scanner's PNG file behind a page (from 1) of an archive. Raises CannotRebuild."""
    try:
        with pikepdf.open(archive) as pdf:
            return join_png(_find_skeleton(pdf, page), _image_data(pdf, page))
    except (pikepdf.PdfError, OSError, KeyError, TypeError, ValueError) as error:
        raise CannotRebuild(f"{archive.name}: {error}") from error


def join_png(skeleton: bytes, image: bytes) -> bytes:
    """Skeleton and image data together. Raises CannotRebuild if the result is not the file of which the skeleton holds the hash."""
    document = _parse(skeleton)
    parts, at = [PNG_SIGNATURE], 0
    for chunk in document["chunks"]:
        name = chunk["name"].encode("latin-1")
        for _ in range(int(chunk.get("times", 1))):
            data = image[at : at + chunk["length"]] if "length" in chunk else base64.b64decode(chunk["data"])
            at += chunk.get("length", 0)
            crc = bytes.fromhex(chunk["crc"]) if "crc" in chunk else zlib.crc32(data, zlib.crc32(name)).to_bytes(4, "big")
            parts += [len(data).to_bytes(4, "big"), name, data, crc]
    png = b"".join([*parts, base64.b64decode(document["tail"])])
    if hashlib.sha256(png).hexdigest() != document["sha256"]:
        raise CannotRebuild("the image data are not those of the original")
    return png


def _parse(skeleton: bytes) -> dict[str, Any]:
    try:
        document = json.loads(skeleton)
    except ValueError as error:
        raise CannotRebuild(f"not a skeleton: {error}") from error
    if not isinstance(document, dict) or document.get("form") != FORM:
        raise CannotRebuild("not a skeleton")
    return document


def _find_skeleton(pdf: pikepdf.Pdf, page: int) -> bytes:
    if skeleton_name(page) not in pdf.attachments:
        raise CannotRebuild(f"no skeleton for page {page}")
    return pdf.attachments[skeleton_name(page)].get_file().read_bytes()


def _image_data(pdf: pikepdf.Pdf, page: int) -> bytes:
    return bytes(sole_image(pdf, page).read_raw_bytes())
