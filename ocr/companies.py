"""Who sells and who buys: identifiers, accounts and names, sorted by where they stand and what is printed around them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ocr.identifiers import (
    IBAN_LENGTHS,
    Identifier,
    compact,
    read_identifier,
    valid_iban,
    valid_siren,
    valid_siret,
    valid_vat,
    vat_siren,
)
from ocr.labels import LEGAL_FORMS, labels_in
from ocr.layout import Sheet, Spot, above, fold, left_of, right_of, segments_of

_D = "[0-9OISB]"
_SIRET = re.compile(rf"(?<![0-9A-Z]){_D}{{3}}[ .]?{_D}{{3}}[ .]?{_D}{{3}}[ .]?{_D}{{3,5}} ?{_D}{{0,2}}(?![0-9A-Z])")
_SIREN = re.compile(rf"(?<![0-9A-Z]){_D}{{3}}[ .]?{_D}{{3}}[ .]?{_D}{{3}}(?![0-9A-Z])")
_VAT_FORMS: dict[str, str] = {
    "FR": r"[0-9A-Z]{2}(?:[ .]?[0-9OISB]){9}",
    "DE": r"(?:[ .]?[0-9OISB]){9}",
    "BE": r"(?:[ .]?[0-9]){10}",
    "NL": r"(?:[ .]?[0-9]){9}[ .]?B[ .]?[0-9]{2}",
    "LU": r"(?:[ .]?[0-9]){8}",
    "IT": r"(?:[ .]?[0-9]){11}",
    "ES": r"[ ]?[0-9A-Z][0-9]{7}[0-9A-Z]",
    "IE": r"[ ]?[0-9][0-9A-Z][0-9]{5}[A-Z]{1,2}",
    "AT": r"[ ]?U[0-9]{8}",
    "GB": r"(?:[ .]?[0-9]){9}",
    "PT": r"(?:[ .]?[0-9]){9}",
    "PL": r"(?:[ .]?[0-9]){10}",
    "SE": r"(?:[ .]?[0-9]){12}",
    "DK": r"(?:[ .]?[0-9]){8}",
    "FI": r"(?:[ .]?[0-9]){8}",
    "CZ": r"(?:[ .]?[0-9]){8,10}",
    "CHE": r"[- ]?[0-9]{3}[. ]?[0-9]{3}[. ]?[0-9]{3}",
}
_VAT = re.compile(
    "(?<![0-9A-Za-z])(?:" + "|".join(f"{country} ?{form}" for country, form in _VAT_FORMS.items()) + r")(?![0-9A-Z]| [0-9]{2})"
)
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2} ?[0-9OISB]{2}(?: ?[A-Z0-9]){10,30}")
_POSTAL = re.compile(r"(?<![\w.,/-])(?:[A-Z]{1,3}[- ])?\d{4,6} [^\W\d_]{3,}")
"""A postal code before its town, as in France, Germany and most of Europe."""
_MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Found:
    """An identifier on a page and how much speaks for its being the supplier's."""

    kind: str
    """siren, siret, vat or iban."""
    identifier: Identifier
    spot: Spot
    score: float

    @property
    def company(self) -> str:
        """The SIREN within, or the number itself."""
        value = self.identifier.value
        return {"siren": value, "siret": value[:9]}.get(self.kind) or vat_siren(value) or value


@dataclass(frozen=True, slots=True)
class Name:
    """A name and how much speaks for it."""

    text: str
    spot: Spot
    score: float


def supplier_identifiers(sheets: Sequence[Sheet]) -> dict[str, Found]:
    """SIREN, SIRET and VAT number of one and the same company, by kind: the one for which most speaks."""
    groups: dict[str, list[Found]] = defaultdict(list)
    for sheet in sheets:
        for found in find_identifiers(sheet):
            groups[found.company].append(found)
    if not groups:
        return {}
    chosen = max(groups.values(), key=_group_score)
    if _group_score(chosen) < -1.0:
        return {}
    return {kind: max((f for f in chosen if f.kind == kind), key=lambda f: f.score) for kind in {f.kind for f in chosen}}


def find_identifiers(sheet: Sheet) -> Iterator[Found]:
    """SIREN and SIRET beside their labels (or valid), VAT numbers by their country's form."""
    for row, column, segment in segments_of(sheet):
        text = segment.text[:_MAX_TEXT]
        for match in _VAT.finditer(text):
            yield _found("vat", read_identifier(match[0], valid_vat, letters=2), Spot(sheet, row, column, *match.span()))
        for match in _SIRET.finditer(text):
            spot = Spot(sheet, row, column, *match.span())
            identifier = read_identifier(match[0], valid_siret)
            labelled = "siret" in left_of(spot)[-30:]
            if len(identifier.value) == 14 and identifier.value.isdigit() and (labelled or identifier.valid):
                yield _found("siret", identifier, spot)
        for match in _SIREN.finditer(text):
            spot = Spot(sheet, row, column, *match.span())
            identifier = read_identifier(match[0], valid_siren)
            if identifier.value.isdigit() and _names_siren(left_of(spot), right_of(spot)):
                yield _found("siren", identifier, spot)


def find_ibans(sheet: Sheet) -> Iterator[Found]:
    """Account numbers of the right length for their country; one that is broken over two columns of a row is joined."""
    for row, column, segment in segments_of(sheet):
        rest = " ".join(s.text for s in sheet.rows[row][column:])[:_MAX_TEXT]
        for match in _IBAN.finditer(rest):
            if match.start() >= len(segment.text):
                break
            value = compact(match[0])[: IBAN_LENGTHS.get(match[0][:2], 0)]
            identifier = read_identifier(value, valid_iban, letters=2)
            if len(value) != IBAN_LENGTHS.get(value[:2]):
                continue
            spot = Spot(sheet, row, column, match.start(), min(match.end(), len(segment.text)))
            score = (
                (1.0 if "iban" in left_of(spot)[-30:] else 0.0) + (1.0 if identifier.valid else 0.0) + (0.2 if spot.depth > 0.7 else 0.0)
            )
            theirs = any(label.kind == "buyer" for label in labels_in(left_of(spot), "parties"))
            yield Found("iban", identifier, spot, score - (3.0 if theirs else 0.0))


def supplier_iban(sheets: Sequence[Sheet]) -> Found | None:
    """The account to pay to; never the buyer's own."""
    found = [f for sheet in sheets for f in find_ibans(sheet) if f.score > 0]
    return max(found, key=lambda f: f.score, default=None)


def find_names(sheets: Sequence[Sheet]) -> tuple[Name | None, Name | None]:
    """The supplier's and the buyer's names: the line above the street of an address. The least certain of all fields."""
    blocks = [spot for sheet in sheets[:1] for spot in (*address_names(sheet), *_formed_names(sheet))]
    if not blocks:
        return None, None
    own = {found.spot for found in supplier_identifiers(sheets).values()}
    suppliers = [Name(spot.raw, spot, _supplier_says(spot, own)) for spot in blocks]
    supplier = max(suppliers, key=lambda name: name.score)
    buyers = [Name(spot.raw, spot, _buyer_says(spot)) for spot in blocks if fold(spot.raw) != fold(supplier.text)]
    buyer = max(buyers, key=lambda name: name.score, default=None)
    return supplier if supplier.score > 0.5 else None, buyer if buyer and buyer.score > 0.5 else None


def address_names(sheet: Sheet) -> Iterator[Spot]:
    """For every line with a postal code, the nearest line above it in its column that looks like a name."""
    for row, _, segment in segments_of(sheet):
        if not _POSTAL.search(segment.text[:_MAX_TEXT]) or len(segment.text) > 60:
            continue
        x0 = segment.box[0]
        for up in range(row - 1, max(-1, row - 7), -1):
            aligned = [(c, s) for c, s in enumerate(sheet.rows[up]) if abs(s.box[0] - x0) < 3 * segment.height]
            if aligned and _looks_a_name(aligned[0][1].text):
                yield Spot(sheet, up, aligned[0][0], 0, len(aligned[0][1].text))
                break


def _formed_names(sheet: Sheet) -> Iterator[Spot]:
    """Lines that end in a legal form: « Atelier Berthier SARL »."""
    for row, column, segment in segments_of(sheet):
        text = segment.text
        if _looks_a_name(text) and fold(text).split()[-1:] and fold(text).split()[-1] in LEGAL_FORMS:
            yield Spot(sheet, row, column, 0, len(text))


def _supplier_says(spot: Spot, own: set[Spot]) -> float:
    near = any(abs(spot.box[0] - other.box[0]) < 6 * spot.segment.height and 0 < other.row - spot.row < 12 for other in own)
    left = spot.box[0] < spot.sheet.width / 2
    side = {"supplier": 2.5, "buyer": -4.0}.get(_side(spot) or "", 0.0)
    return side + 2.0 * near + 0.6 * left + 1.0 * _has_form(spot.raw) + 0.4 * (1 - spot.depth)


def _buyer_says(spot: Spot) -> float:
    return (
        {"buyer": 3.0, "supplier": -3.0}.get(_side(spot) or "", 0.0)
        + 0.5 * _has_form(spot.raw)
        + 0.4 * (1 - spot.depth)
        + 0.3 * (spot.depth < 0.5)
    )


def _has_form(text: str) -> bool:
    return any(word in LEGAL_FORMS for word in fold(text).split())


def _found(kind: str, identifier: Identifier, spot: Spot) -> Found:
    side = _side(spot)
    score = {"supplier": 2.0, "buyer": -3.0}.get(side or "", 0.0)
    score += 1.0 if spot.depth > 0.85 else 0.0
    score += 0.5 if spot.box[0] < spot.sheet.width / 2 and spot.depth < 0.5 else 0.0
    score += 0.5 if identifier.valid else 0.0
    return Found(kind, identifier, spot, score)


def _side(spot: Spot, rows: int = 16) -> str | None:
    """Whose it is: said to its left in its own segment, else by the nearest heading above in its column."""
    own = labels_in(fold(spot.segment.text[: spot.start])[-60:], "parties") or labels_in(left_of(spot, 30), "parties")
    if own:
        return own[-1].kind
    if spot.depth > 0.85:
        return None
    for _, text in above(spot, rows):
        labels = labels_in(text, "parties")
        if labels and labels[0].start < 12 and len(text) < labels[0].end + 24:
            return labels[0].kind
    return None


def _group_score(group: Sequence[Found]) -> float:
    """The best of each kind; several kinds that agree count for more."""
    best: dict[str, float] = {}
    for found in group:
        best[found.kind] = max(best.get(found.kind, -9.0), found.score)
    scores = sorted(best.values(), reverse=True)
    return scores[0] + 0.6 * sum(max(0.0, score + 0.5) for score in scores[1:])


def _names_siren(left: str, right: str) -> bool:
    return bool(re.search(r"\b(?:siren|rcs|r c s|rm)\b[^0-9]{0,30}$", left[-45:]) or re.match(r"(?:rcs|r c s|rm)\b", right))


def _looks_a_name(text: str) -> bool:
    """Mostly letters; no label of a party, an amount, a date or a number in it."""
    folded = fold(text)
    letters = sum(c.isalpha() for c in text)
    if not 2 < len(text) <= 60 or letters < 0.7 * len(text.replace(" ", "")) or re.search(r"[\d:@]|www|http", text):
        return False
    vocabularies = ("dates", "numbers", "amounts", "parties")
    heading = any(label.end - label.start > 0.8 * len(folded) for name in vocabularies for label in labels_in(folded, name))
    return not heading and not re.match(r"(?:facture|invoice|rechnung|factuur|note d honoraires|duplicata)", folded)
