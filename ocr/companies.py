"""Whose identifiers and accounts: sorted into the supplier's and the buyer's by where they stand and what is printed around them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ocr.choices import Choice, ranked
from ocr.identifiers import (
    IBAN_LENGTHS,
    Identifier,
    compact,
    read_identifier,
    valid_bic,
    valid_iban,
    valid_siren,
    valid_siret,
    valid_vat,
    vat_siren,
)
from ocr.labels import labels_in
from ocr.layout import Sheet, Spot, above, fold, left_of, once, right_of, segments_of
from ocr.parties import Block, blocks_of, headed_side, heading_side, holds_contact
from ocr.values import Known

_D = "[0-9OISB]"
_SIRET = re.compile(rf"(?<![0-9A-Z]){_D}{{3}}[ .]?{_D}{{3}}[ .]?{_D}{{3}}[ .]?{_D}{{3,5}} ?{_D}{{0,2}}(?![0-9A-Z])")
_SIREN = re.compile(rf"(?<![0-9A-Z]){_D}{{3}}[ .]?{_D}{{3}}[ .]?{_D}{{3}}(?![0-9A-Z])")
_VAT_FORMS: dict[str, str] = {
    "FR": r"[0-9A-Z]{2}(?:[ .-]?[0-9OISB]){9}",
    "DE": r"(?:[ ./]?[0-9OISB]){9}",
    "BE": r"(?:[ .-]?[0-9O]){10}",
    "NL": r"(?:[ .-]?[0-9O]){9}[ .-]?B[ .]?[0-9O]{2}",
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
    "(?:(?<![0-9A-Z])|(?<=TVA)|(?<=IDNR)|(?<=BTW))(?:"
    + "|".join(f"{country}[ -]?{form}" for country, form in _VAT_FORMS.items())
    + r")(?:(?= ?(?:MWST|TVA|IVA))|(?![0-9A-Z]| [0-9]{2}))"
)
_BROKEN_VAT = re.compile(r"(?<![0-9A-Z])(?:" + "|".join(_VAT_FORMS) + r")(?: ?[0-9]{1,3})*$")
"""A VAT number that ends with its line; the next line has the rest."""
_IBAN = re.compile(r"(?<![0-9A-Z])(?:IBAN)?([A-Z]{2} ?[0-9OISBDGLZ]{2}(?:[ .-]?[A-Z0-9]){2,30})")
_GROUPS = re.compile(r"(?=[A-Z ]{0,8}\d)[0-9A-Z]{1,4}(?: ?[0-9A-Z]{1,4})*(?![0-9A-Za-z])")
"""Figures and capitals in groups, as account numbers are printed."""
_LETTERED = frozenset({"GB", "NL", "IE", "BG", "RO", "LV", "GI"})
"""Countries whose account numbers begin with four letters of the bank (SWIFT IBAN registry)."""
_BIC = re.compile(r"(?<![0-9A-Za-z])[A-Z]{4} ?[A-Z]{2} ?[A-Z0-9]{2}(?: ?[A-Z0-9]{3})?(?![0-9A-Za-z])")
_BIC_LABEL = re.compile(r"(?:bic|b i c|swift)(?: (?:code|swift|bic|nr|n))*$")
_THEIRS = re.compile(
    r"(?<![a-z])(?:votre|vos|ihre?n?|ihrem|uw|your|client|kunden?|customer|klant|acheteur|kaufer|afnemer|preneur|buyer|destinataire"
    r"|empfanger"
    r"|leistungsempfanger|abonne)(?![a-z])"
)
_OURS = re.compile(
    r"(?<![a-z])(?:notre|nos|unsere?|unserem|onze?|our|fournisseur|vendeur|emetteur|verkaufer|lieferant|leverancier|seller"
    r"|supplier)(?![a-z])"
)
_ACCOUNT = re.compile(r"konto|compte|account|rekening")
_THEIR_ACCOUNT = re.compile(
    r"(?:votre|vos|ihrem|ihr|ihres|uw|your|client|kunden|customer|klant) (?:\w+ )?(?:compte|konto|bankkonto|rekening|bankrekening"
    r"|account|iban)|votre iban"
)
_DEBITED = re.compile(
    r"preleve|prelevement|debite|eingezogen|einzug|lastschrift|abgebucht|abbuch|belastet|incass|afgeschreven|direct debit"
    r"|debited|collected from|mandat"
)
NO_BLOCKS: Mapping[tuple[int, int], Block] = MappingProxyType({})
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
class Companies:
    """The identifiers on the pages, sorted."""

    choices: dict[str, tuple[Choice, ...]]
    """Scored candidates of supplier_siren, supplier_siret, supplier_vat_id and buyer_siren, the best first."""
    own: tuple[Spot, ...]
    """Where the supplier's stand."""
    theirs: tuple[Spot, ...]
    """Where the buyer's stand."""


def sort_companies(sheets: Sequence[Sheet], known: Known) -> Companies:
    """The supplier is the company for whose identifiers most speaks; the buyer one that a label or the settings call so."""
    groups: dict[str, list[Found]] = defaultdict(list)
    for sheet in sheets:
        blocks = _block_index(sheet)
        for found in find_identifiers(sheet, blocks):
            groups[found.company].append(found)
    scores = {company: _group_score(group) - 8.0 * _is_known(group, known) for company, group in groups.items()}
    order = sorted(groups, key=lambda company: -scores[company])
    supplier = order[0] if order and scores[order[0]] >= -1.0 else None
    buyer = min((c for c in order if c != supplier), key=lambda company: scores[company], default=None)
    choices = {name: ranked(_group_choices(groups, scores, supplier, kind)) for kind, name in _NAMED.items()}
    if not choices["supplier_siren"] or choices["supplier_siren"][0].score <= 0:
        choices["supplier_siren"] = ranked([*_inner_sirens(choices["supplier_siret"]), *choices["supplier_siren"]])
    apart = supplier is not None and buyer is not None and scores[buyer] < min(0.8, scores[supplier] - 1.0)
    theirs: list[Found] = groups[buyer] if buyer is not None and (apart or scores[buyer] < -0.5) else []
    choices["buyer_siren"] = ranked(_buyer_choice(found) for found in theirs if found.kind in {"siren", "siret"})
    own = tuple(found.spot for found in groups[supplier]) if supplier is not None else ()
    return Companies(choices, own, tuple(found.spot for found in theirs))


_NAMED = {"siren": "supplier_siren", "siret": "supplier_siret", "vat": "supplier_vat_id"}


def _group_choices(groups: dict[str, list[Found]], scores: dict[str, float], supplier: str | None, kind: str) -> Iterator[Choice]:
    for company, group in groups.items():
        own = [found for found in group if found.kind == kind]
        if not own:
            continue
        best = max(own, key=lambda found: found.score)
        # Those of other companies are told as alternatives only.
        chosen = company == supplier
        score = (1.5 + max(0.0, min(2.0, scores[company]))) if chosen else -1.0 + 0.1 * max(-9.0, scores[company])
        yield Choice(
            best.identifier.value,
            best.spot,
            score + (0.6 if best.identifier.valid else 0.0),
            _why(best),
            says=(("group", scores[company]),),
        )


def _inner_sirens(sirets: Iterable[Choice]) -> Iterator[Choice]:
    """The SIREN is the first nine figures of a SIRET (art. R. 123-221 C. com.)."""
    for choice in sirets:
        yield Choice(str(choice.value)[:9], choice.spot, choice.score, f"within the SIRET, {choice.reason}", says=choice.says)


def _buyer_choice(found: Found) -> Choice:
    return Choice(found.identifier.value[:9], found.spot, 1.5 + 0.5 * found.identifier.valid - 0.3 * found.score, _why(found))


def _why(found: Found) -> str:
    words = ["checksum passes" if found.identifier.valid else "checksum does not pass"]
    words += ["misread letters corrected"] if found.identifier.corrected else []
    return ", ".join(words)


def _is_known(group: Sequence[Found], known: Known) -> bool:
    numbers = {*known.sirens, *known.vat_ids}
    return any(found.identifier.value in numbers or found.company in numbers for found in group)


def find_identifiers(sheet: Sheet, blocks: Mapping[tuple[int, int], Block] = NO_BLOCKS) -> Iterator[Found]:
    """SIREN and SIRET beside their labels (or valid), VAT numbers by their country's form."""
    for row, column, segment in segments_of(sheet):
        text = segment.text[:_MAX_TEXT]
        for match in _VAT.finditer(text):
            yield _found("vat", read_identifier(match[0], valid_vat, letters=2), Spot(sheet, row, column, *match.span()), blocks)
        if (broken := _BROKEN_VAT.search(text)) and (rest := _continued(sheet, row, segment.box[0])):
            identifier = read_identifier(broken[0] + rest, valid_vat, letters=2)
            if identifier.valid:
                yield _found("vat", identifier, Spot(sheet, row, column, *broken.span()), blocks)
        for match in _SIRET.finditer(text):
            spot = Spot(sheet, row, column, *match.span())
            identifier = read_identifier(match[0], valid_siret)
            labelled = "siret" in left_of(spot)[-30:] or any("siret" in heading for _, heading in above(spot, 1))
            if len(identifier.value) == 14 and identifier.value.isdigit() and (labelled or identifier.valid):
                yield _found("siret", identifier, spot, blocks)
        for match in _SIREN.finditer(text):
            spot = Spot(sheet, row, column, *match.span())
            identifier = read_identifier(match[0], valid_siren)
            if identifier.value.isdigit() and _names_siren(left_of(spot), right_of(spot)):
                yield _found("siren", identifier, spot, blocks)


def iban_choices(sheets: Sequence[Sheet], known: Known) -> tuple[Choice, ...]:
    """Scored accounts, the one to pay to first; the buyer's own, which a direct debit prints, far below 0.8."""
    found = [account for sheet in sheets for account in find_ibans(sheet)]
    return ranked(
        Choice(f.identifier.value, f.spot, f.score - 8.0 * (f.identifier.value in known.ibans), _why(f), says=(("place", f.score),))
        for f in found
    )


@once
def find_ibans(sheet: Sheet) -> Iterator[Found]:
    """Account numbers of the right length for their country; one that is broken over two columns or two lines is joined."""
    for row, column, segment in segments_of(sheet):
        rest = " ".join(s.text for s in sheet.rows[row][column:])[:_MAX_TEXT]
        for match in _IBAN.finditer(rest):
            if match.start(1) >= len(segment.text):
                break
            wanted = IBAN_LENGTHS.get(match[1][:2], 0)
            broken = len(compact(match[1])) < wanted and match.end(1) >= len(segment.text)
            printed = match[1] + _continued(sheet, row, segment.box[0]) if broken else match[1]
            value = compact(printed)[:wanted]
            if not wanted or len(value) != wanted:
                continue
            identifier = read_identifier(value, valid_iban, letters=8 if value[:2] in _LETTERED else 2)
            spot = Spot(sheet, row, column, match.start(1), min(match.end(1), len(segment.text)))
            labelled = (
                "iban" in left_of(spot)[-30:] or match[0].startswith("IBAN") or any("iban" in heading for _, heading in above(spot, 1))
            )
            if not identifier.valid and (not labelled or (broken and len(compact(match[1])) < 8)):
                continue
            score = 0.9 + 1.0 * labelled + 1.0 * identifier.valid + 0.2 * (spot.depth > 0.7)
            yield Found("iban", identifier, spot, score - 4.0 * _is_debited(spot))


def bic_choices(sheets: Sequence[Sheet], ibans: Sequence[Choice]) -> tuple[Choice, ...]:
    """Codes of banks beside their label, the one nearest to the account that is paid to first."""
    account = ibans[0] if ibans and ibans[0].score > 0.8 else None
    return ranked(_bic_choice(spot, account) for sheet in sheets for spot in _find_bics(sheet, account))


def _find_bics(sheet: Sheet, account: Choice | None) -> Iterator[Spot]:
    for row, column, segment in segments_of(sheet):
        for match in _BIC.finditer(segment.text[:_MAX_TEXT]):
            spot = Spot(sheet, row, column, *match.span())
            if not valid_bic(compact(match[0])) or match[0].startswith("IBAN"):
                continue
            labelled = _BIC_LABEL.search(left_of(spot)) or any(_BIC_LABEL.search(heading) for _, heading in above(spot, 1))
            same = account is not None and account.spot is not None and (account.spot.sheet, account.spot.row) == (sheet, row)
            if labelled or (
                same and account is not None and compact(match[0])[4:6] == str(account.value)[:2] and re.search(r"\d|XXX", match[0])
            ):
                yield spot


def _bic_choice(spot: Spot, account: Choice | None) -> Choice:
    value = compact(spot.raw)
    score = 1.5
    if account is not None and account.spot is not None:
        score += 1.0 * (value[4:6] == str(account.value)[:2])
        near = account.spot.sheet is spot.sheet and abs(account.spot.row - spot.row) <= 3
        score += 1.0 * near - 0.01 * abs(account.spot.row - spot.row)
    return Choice(value, spot, score, "« BIC »")


def _continued(sheet: Sheet, row: int, x0: int) -> str:
    """The rest of an account number on the next line of the same column: the groups of figures with which that line begins."""
    if row + 1 >= len(sheet.rows):
        return ""
    below = (_GROUPS.match(s.text) for s in sheet.rows[row + 1] if abs(s.box[0] - x0) < 12 * s.height)
    return next((found[0] for found in below if found), "")


def _is_debited(spot: Spot) -> bool:
    """The account is the buyer's: « sera prélevé sur votre compte », « von Ihrem Konto ». The line before belongs to the sentence."""
    own = fold(spot.segment.text[: spot.start])[-120:]
    told = labels_in(own or left_of(spot, 40), "parties")
    if any(label.kind == "buyer" and _ACCOUNT.search(label.phrase) for label in told) or _THEIR_ACCOUNT.search(own[-60:]):
        return True
    before = " ".join(text for _, text in above(spot, 1) if len(text) > 25)[-120:]
    return bool(_DEBITED.search(own) or (_DEBITED.search(before) and _THEIRS.search(before) and not re.search(r"\d{4}", before)))


def _block_index(sheet: Sheet) -> dict[tuple[int, int], Block]:
    return {place: block for block in blocks_of(sheet) for place in block.lines}


def _found(kind: str, identifier: Identifier, spot: Spot, blocks: Mapping[tuple[int, int], Block]) -> Found:
    block = blocks.get((spot.row, spot.column))
    side = _side(spot, block)
    score = {"supplier": 2.0, "buyer": -3.0}.get(side or "", 0.0)
    if side is None and block is not None:
        score += {"supplier": 2.0, "buyer": -2.5, "delivery": -2.5}.get(headed_side(block) or "", 0.0)
        score += 0.5 * holds_contact(block)
    score += 1.0 if spot.depth > 0.85 else 0.0
    score += 0.5 if spot.box[0] < spot.sheet.width / 2 and spot.depth < 0.5 else 0.0
    score += 0.5 if identifier.valid else 0.0
    return Found(kind, identifier, spot, score)


def _side(spot: Spot, block: Block | None, rows: int = 16) -> str | None:
    """Whose it is: said to its left in its own segment, else by the nearest heading above in its column."""
    own = labels_in(fold(spot.segment.text[: spot.start])[-60:], "parties") or labels_in(left_of(spot, 30), "parties")
    if own:
        return own[-1].kind
    said = fold(spot.segment.text[: spot.start])[-45:]
    if _THEIRS.search(said):
        return "buyer"
    if _OURS.search(said):
        return "supplier"
    if spot.depth > 0.85 or (block is not None and len(block.lines) >= 3):
        # What stands in a block of its own is headed by it or by nothing.
        return None
    for _, text in above(spot, rows):
        if side := heading_side(text):
            return "buyer" if side == "delivery" else side
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
