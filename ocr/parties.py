"""Names of who sells and who buys: blocks of an address, sender lines, footers, account holders, and what agrees with them.

Every place where a name may stand gives a cue; cues of the same name (case, accents and legal form apart) add up.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ocr.choices import Choice, ranked
from ocr.labels import LEGAL_FORMS, labels_in
from ocr.layout import Segment, Sheet, Spot, fold, segments_of
from ocr.values import Known

MAX_BLOCK = 12
"""Lines of one block."""
_MAX_OPEN = 40
"""Blocks that a line may still belong to."""
_MAX_CUES = 300
_MAX_TEXT = 160
_NAME_LENGTH = 70

POSTAL = re.compile(
    r"(?<![\w.,/-])(?:(?:[A-Z]{1,3}[- ])?\d{4,5} [^\W\d_]{3,}|\d{4} ?[A-Z]{2},? +[^\W\d_]{3,}"
    r"|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?![A-Za-z])|[A-Z]{2} \d{5}(?!\d))"
)
"""A postal code before its town (France, Germany, Belgium), the Dutch, British and American forms."""
_STREET = re.compile(
    r"(?<![a-z])(?:rue|avenue|av|bd|boulevard|place|chemin|route|impasse|allee|quai|cours|square|zone|zac|za|zi|bp|cs|lieu dit"
    r"|residence|immeuble"
    r"|street|road|lane|drive|suite|floor|p o box|postfach|postbus)(?![a-z])|(?:strasse|str|weg|platz|gasse|ring|allee|damm|ufer"
    r"|straat|laan|plein|kade|gracht"
    r"|dijk|singel|hof|markt) ?\d|(?:strasse|straat) "
)
_ATTENTION = re.compile(
    r"^(?:a l attention|attn|att|z hd|z h|zu handen|t a v|c o|m|mme|mr|mrs|ms|monsieur|madame|herr|herrn|frau|dhr|mevr|service"
    r"|contact|ansprechpartner)(?![a-z])"
)
_PERSON = re.compile(r"(?:a l attention|attn|attention|z hd|z h|zu handen|t a v|tav|ter attentie|c o|gerichtsstand)(?![a-z])")
"""A person within the company that the block is of."""
_CALLED = re.compile(
    r"^(?:nom|name|naam|raison sociale|firma|societe|company|company name|bedrijf|bedrijfsnaam|firmenname|denomination|nom du client)$"
)
_HOLDER = re.compile(
    r"(?:titulaire(?: du compte)?|kontoinhaber|inhaber|account (?:holder|name)|beneficiary|beneficiaire|ten name van|t n v|tnv"
    r"|rekeninghouder|a l ordre de"
    r"|ordre|zugunsten|empfanger(?! der)) ?$"
)
_BUYER_ONLY = re.compile(r"livr|waren|liefer|lever|deliver|ship|expedi|chantier|installation|intervention|consumption|verbrauch")
_SEPARATOR = re.compile(r"\s+[-–—•·|*]\s*|\s*[•·|]\s*|,\s+")
_CAPITAL = re.compile(
    r"(?<![^\W_])(?:(?:société|soci.t.)[^,]{0,40})?(?:au capital|amtsgericht|handelsregister|registergericht|hrb|geschäftsführer"
    r"|registered in"
    r"|company no|kvk|rcs|r\.c\.s)(?![^\W_])",
    re.IGNORECASE,
)
"""What follows a company's name in its legal notice."""
_DOMAIN = re.compile(r"(?:@|www\.|https?://)([a-z0-9][a-z0-9-]{1,60})(?:\.[a-z0-9-]{2,20})*\.[a-z]{2,10}", re.IGNORECASE)
_NUMBERS = re.compile(r"SIRE[TN]|KvK|\bUSt|\bBTW|\bTVA|\bVAT")
_CONTACT = re.compile(r"@|www\.|\bT[ée]l|Telefon|\bFon\b|\bFax|IBAN|RCS|R\.C\.S|[Cc]apital|Geschäftsf")
_PROVIDERS = frozenset(
    {
        "gmail",
        "orange",
        "wanadoo",
        "free",
        "hotmail",
        "outlook",
        "yahoo",
        "laposte",
        "sfr",
        "gmx",
        "web",
        "kpnmail",
        "ziggo",
        "icloud",
        "live",
        "t-online",
    }
)
_TITLES = re.compile(
    r"^(?:facture|invoice|rechnung|factuur|note d honoraires|duplicata|avoir|gutschrift|credit|creditnota|recu|receipt|quittung"
    r"|bon de|devis|total|page|seite|pagina|"
    r"merci|thank|nos|vos|votre|ihre?|unsere?|uw|onze|your|our|references?|identifiants|montants?|betrage|hinweis|bemerkung"
    r"|artikel\w*|menge|produkt|leistung|qte|quantite|prix|aantal|vielen|bedankt|copie|kopie|copy|original|tel|fax|mail|email"
    r"|e mail|siret|siren|tva|iban|bic|date|datum|ref|betreff|objet|subject|sehr geehrte|"
    r"conditions|zahlung|betaling|payment|reglement|designation|description|beschreibung|omschrijving|tax|note|statement|releve"
    r"|kontoauszug|proforma|france|deutschland|"
    r"germany|nederland|belgique|belgie|the netherlands|united kingdom|logo)(?![a-z])"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines under one another, left edges in line."""

    sheet: Sheet
    lines: tuple[tuple[int, int], ...]
    """Row and column of each, from the top."""

    def segment(self, index: int) -> Segment:
        row, column = self.lines[index]
        return self.sheet.rows[row][column]

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(self.sheet.rows[row][column] for row, column in self.lines)

    @property
    def text(self) -> str:
        return "\n".join(segment.text[:_MAX_TEXT] for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Cue:
    """A place where a name stands, and for whose name it speaks."""

    text: str
    spot: Spot
    supplier: float
    buyer: float
    why: str


def blocks_of(sheet: Sheet) -> list[Block]:
    """Runs of lines whose left edges are in line and which follow closely; at most `MAX_BLOCK` lines each."""
    open_blocks: list[list[tuple[int, int]]] = []
    done: list[list[tuple[int, int]]] = []
    for row, column, segment in segments_of(sheet):
        if heading_side(segment.text):
            # A heading begins something new, also for the lines beside and below it.
            open_blocks = [block for block in open_blocks if _apart(sheet, block, segment)]
        home = next((block for block in reversed(open_blocks) if _continues(sheet, block, row, segment)), None)
        if home is None:
            home = []
            open_blocks.append(home)
            done.append(home)
        home.append((row, column))
        if len(open_blocks) > _MAX_OPEN:
            del open_blocks[0]
    return [Block(sheet, tuple(lines)) for lines in done]


def _apart(sheet: Sheet, block: Sequence[tuple[int, int]], segment: Segment) -> bool:
    return abs(sheet.rows[block[-1][0]][block[-1][1]].box[0] - segment.box[0]) > 5 * segment.height


def name_key(text: str) -> str:
    """What two writings of one company's name have in common: letters and figures, no accents, no legal form."""
    words = [word for word in fold(text.replace(".", "")).split() if word not in LEGAL_FORMS]
    return "".join(words) or "".join(fold(text).split())


def name_choices(sheets: Sequence[Sheet], own: Iterable[Spot], theirs: Iterable[Spot], known: Known) -> dict[str, tuple[Choice, ...]]:
    """Scored candidates of supplier_name and buyer_name; `own` and `theirs` are places of the supplier's and the buyer's identifiers."""
    cues = [cue for sheet in sheets[:2] for cue in _cues(sheet, set(own), set(theirs))][:_MAX_CUES]
    houses = {name_key(name) for name in known.names}
    domains = _domains(sheets)
    repeats = _repeats(sheets, {name_key(cue.text) for cue in cues})
    by_key: dict[str, list[Cue]] = defaultdict(list)
    for cue in cues:
        by_key[name_key(cue.text)].append(cue)
    suppliers, buyers = [], []
    for key, told in by_key.items():
        if len(key) < 2:
            continue
        supplier, buyer = _added(told, "supplier"), _added(told, "buyer")
        agrees = _agrees(key, domains)
        form = max(_has_form(cue.text) for cue in told)
        house = any(key == other or (len(other) > 5 and (other in key or key in other)) for other in houses)
        supplier += 1.6 * agrees + 0.8 * form + 0.3 * min(3, repeats[key] - 1) - 0.8 * max(0.0, buyer) - 8.0 * house
        buyer += 0.5 * form - 1.6 * agrees - 0.6 * max(0.0, supplier - 1.0) + 6.0 * house
        best = max(told, key=lambda cue: (_has_form(cue.text), cue.supplier + cue.buyer))
        seller = max(told, key=lambda cue: cue.supplier + 0.3 * _has_form(cue.text))
        client = max(told, key=lambda cue: cue.buyer + 0.3 * _has_form(cue.text))
        suppliers.append(Choice(seller.text, seller.spot, supplier, seller.why, says=(("cues", supplier), ("domain", agrees))))
        buyers.append(Choice((client if client.buyer > 0 else best).text, client.spot, buyer, client.why, says=(("cues", buyer),)))
    told_suppliers = ranked(suppliers)
    first = name_key(str(told_suppliers[0].value)) if told_suppliers and told_suppliers[0].score > 0.8 else ""
    return {
        "supplier_name": told_suppliers,
        "buyer_name": ranked(choice for choice in buyers if name_key(str(choice.value)) != first),
    }


def _continues(sheet: Sheet, block: Sequence[tuple[int, int]], row: int, segment: Segment) -> bool:
    if len(block) >= MAX_BLOCK or block[-1][0] >= row:
        return False
    last = sheet.rows[block[-1][0]][block[-1][1]]
    return (
        abs(last.box[0] - segment.box[0]) < 0.9 * min(last.height, segment.height)
        and segment.level - last.level < 2.8 * max(last.height, segment.height)
        and not _is_sender_line(last.text)
    )


def _is_sender_line(text: str) -> bool:
    """The small line over a window: name, street and town of the sender in one."""
    return len(text) < _MAX_TEXT and len(_SEPARATOR.split(text)) >= 3 and bool(POSTAL.search(text))


def _cues(sheet: Sheet, own: set[Spot], theirs: set[Spot]) -> Iterator[Cue]:
    for block in blocks_of(sheet):
        yield from _block_cues(block, own, theirs)
    yield from _line_cues(sheet)
    yield from _top_cues(sheet)


def _block_cues(block: Block, own: set[Spot], theirs: set[Spot]) -> Iterator[Cue]:
    """The name on top of an address; whose it is, is said by a heading, by what else the block holds, and by its place."""
    sheet = block.sheet
    postal = next(
        (i for i, segment in enumerate(block.segments) if POSTAL.search(segment.text[:_MAX_TEXT]) and len(segment.text) < 80), None
    )
    side, first = headed(block)
    if postal is None:
        postal = _foreign_town(block)
    if postal is None and (side is None or first == 0):
        return
    stop = len(block.lines) if postal is None else postal
    names = [i for i in range(first, stop) if _looks_a_name(block.segment(i).text)]
    street = next((i for i in range(first, stop) if _is_street(block.segment(i).text)), stop)
    names = [i for i in names if i < max(street, first + 1)][:5]
    if not names and 0 < first < len(block.lines) and street == first:
        # Right above the street stands a name, even if it is « Le Fournisseur ».
        names = [first - 1]
    if not names:
        return
    rows = {row for row, _ in block.lines}
    mine = any(spot.sheet is sheet and spot.row in rows and _aligned(spot, block) for spot in own)
    their = any(spot.sheet is sheet and spot.row in rows and _aligned(spot, block) for spot in theirs)
    segment = block.segment(names[0])
    depth = segment.level / max(1, sheet.height)
    contact = bool(_CONTACT.search(block.text))
    supplier = (
        {"supplier": 3.0, "buyer": -4.0, "delivery": -4.0}.get(side or "", 0.0)
        + 2.0 * mine
        - 2.0 * their
        + 0.9 * contact
        + 0.4 * bool(_NUMBERS.search(block.text))
    )
    buyer = {"buyer": 3.2, "supplier": -4.0, "delivery": -1.0}.get(side or "", 0.0) + 2.0 * their - 2.5 * mine - 0.9 * contact
    if side is None and postal is not None:
        window = 0.1 < depth < 0.36
        supplier += 0.7 * (depth < 0.1) + 0.6 * (depth > 0.85) + 0.3 * (segment.box[0] < sheet.width / 2)
        buyer += 0.9 * window + 0.3 * (depth < 0.5) - 1.5 * (depth > 0.6)
    best = max(names, key=lambda i: _line_score(block.segment(i).text, i == names[0]))
    for i in names:
        row, column = block.lines[i]
        lag = 0.0 if i == best else 1.2
        text = block.segment(i).text.strip(" ,;:-")
        why = {"supplier": "under a heading of the seller", "buyer": "under a heading of the buyer"}.get(side or "", "on top of an address")
        yield Cue(text, Spot(sheet, row, column, 0, len(block.segment(i).text)), supplier - lag, buyer - lag, why)


def _foreign_town(block: Block) -> int | None:
    """The line below a street at the head of a page, whatever the form of its postal code."""
    for i, segment in enumerate(block.segments[1:-1], start=1):
        if segment.level < 0.4 * block.sheet.height and _STREET.search(fold(segment.text[:_MAX_TEXT])) and len(segment.text) < 60:
            return i + 1
    return None


def headed_side(block: Block) -> str | None:
    """`supplier`, `buyer` or `delivery` where a heading in the block or over it says so."""
    return headed(block)[0]


def holds_contact(block: Block) -> bool:
    """A telephone, a mail box, a register: what a supplier prints of itself and rarely of its buyer."""
    return bool(_CONTACT.search(block.text))


def headed(block: Block) -> tuple[str | None, int]:
    """Whose block it is by its first lines or the line above it, and where its own lines begin."""
    side, first = None, 0
    for i in range(min(3, len(block.lines))):
        told = heading_side(block.segment(i).text)
        if told:
            side, first = told, i + 1
            break
    if side is None:
        side = _above_side(block)
    return side, first


def heading_side(text: str) -> str | None:
    """`supplier`, `buyer` or `delivery` where the text is a heading and little else."""
    folded = fold(text[:_MAX_TEXT])
    labels = labels_in(folded, "parties")
    if _PERSON.match(folded):
        return None
    if not labels or labels[0].start > 6 or labels[0].weight < 1 or _has_form(text) or re.search(r"\d", folded):
        return None
    if any(other.end - other.start > labels[0].end - labels[0].start for name in ("numbers", "dates") for other in labels_in(folded, name)):
        return None
    spare = 22 if labels[0].start == 0 else 12
    if len(folded) > labels[-1].end + spare:
        return None
    return (
        "delivery"
        if _BUYER_ONLY.search(folded) and labels[0].kind == "buyer" and not re.search(r"factur|rechnung|bill|invoice", folded)
        else labels[0].kind
    )


def _above_side(block: Block) -> str | None:
    """A heading over the block, not quite in line with it."""
    row, column = block.lines[0]
    segment = block.sheet.rows[row][column]
    for up in range(row - 1, max(-1, row - 4), -1):
        for other in block.sheet.rows[up]:
            near = segment.level - other.level < 3.5 * segment.height
            if near and abs(other.box[0] - segment.box[0]) < 5 * segment.height and (side := heading_side(other.text)):
                return side
    return None


def _line_cues(sheet: Sheet) -> Iterator[Cue]:
    """Names within lines: after their label, before a sender's separators, before « au capital de », as holder of an account."""
    for row, column, segment in segments_of(sheet):
        text = segment.text[:_MAX_TEXT]
        depth = segment.level / max(1, sheet.height)
        parts = _SEPARATOR.split(text)
        if len(parts) >= 2 and POSTAL.search(text) and (depth < 0.4 or depth > 0.85) and _looks_a_name(parts[0]):
            yield Cue(
                parts[0].strip(), Spot(sheet, row, column, 0, len(parts[0])), 2.0 + 0.4 * (len(parts) > 2), -2.0, "in the sender's line"
            )
        elif (depth > 0.75 or depth < 0.2) and (legal := _CAPITAL.search(text)) and legal.start() > 2:
            name = _SEPARATOR.split(text[: legal.start()])[0].strip(" ,;:-")
            if _looks_a_name(name):
                yield Cue(name, Spot(sheet, row, column, 0, len(name)), 2.0, -2.0, "in the legal notice")
        elif depth > 0.85 and len(parts) >= 2 and _looks_a_name(parts[0]) and _has_form(parts[0]):
            yield Cue(parts[0].strip(), Spot(sheet, row, column, 0, len(parts[0])), 1.2, -1.0, "at the foot")
        elif depth > 0.85 and _has_form(text) and _looks_a_name(text):
            yield Cue(text, Spot(sheet, row, column, 0, len(text)), 1.2, -1.0, "at the foot")
        yield from _labelled_cues(sheet, row, column, text)


def _labelled_cues(sheet: Sheet, row: int, column: int, text: str) -> Iterator[Cue]:
    """« Client : Mairie de Blois », « Name: | Lieferant GmbH », « Kontoinhaber: Lieferant GmbH »."""
    head, colon, rest = text.partition(":")
    cells = sheet.rows[row]
    if not colon and column + 1 < len(cells):
        head = text
    start = len(head) + 1
    if rest.strip():
        value, spot = rest.strip(), Spot(sheet, row, column, start + len(rest) - len(rest.lstrip()), len(text))
    elif column + 1 < len(cells):
        value = cells[column + 1].text[:_MAX_TEXT]
        spot = Spot(sheet, row, column + 1, 0, len(value))
    else:
        return
    folded = fold(head)
    if not folded or len(folded) > 45 or not _looks_a_name(value):
        return
    if _HOLDER.search(folded):
        yield Cue(value, spot, 1.2, -1.0, "holder of the account")
    elif _CALLED.match(folded):
        side = _table_side(sheet, row, column)
        yield Cue(
            value,
            spot,
            {"supplier": 3.0, "buyer": -3.0}.get(side or "", 0.3),
            {"buyer": 3.0, "supplier": -3.0}.get(side or "", 0.3),
            "beside « name »",
        )
    elif (colon or _is_beside(cells, column)) and (side := heading_side(head)):
        why = {"supplier": "beside the label of the seller", "buyer": "beside the label of the buyer"}.get(
            side, "beside the place of delivery"
        )
        weight = 2.4 if colon else 1.4
        yield Cue(value, spot, weight if side == "supplier" else -weight, {"buyer": weight, "delivery": 0.3}.get(side, -weight), why)


def _is_beside(cells: Sequence[Segment], column: int) -> bool:
    return column + 1 < len(cells) and cells[column + 1].box[0] - cells[column].box[2] < 5 * cells[column].height


def _table_side(sheet: Sheet, row: int, column: int) -> str | None:
    """The nearest heading of a party above a table of labels."""
    x0 = sheet.rows[row][column].box[0]
    for up in range(row - 1, max(-1, row - 9), -1):
        for segment in sheet.rows[up]:
            if abs(segment.box[0] - x0) < 6 * segment.height and (side := heading_side(segment.text)):
                return side
    return None


def _top_cues(sheet: Sheet) -> Iterator[Cue]:
    """What is printed large at the top of the first page: the seller's sign."""
    if sheet.page != 1:
        return
    heights = sorted(segment.height for _, _, segment in segments_of(sheet))
    if not heights:
        return
    usual = heights[len(heights) // 2]
    first = True
    for row, column, segment in segments_of(sheet):
        depth = segment.level / max(1, sheet.height)
        if depth > 0.2:
            return
        if (
            not _looks_a_name(segment.text)
            or heading_side(segment.text)
            or (len(name_key(segment.text)) < 4 and not _has_form(segment.text))
        ):
            continue
        large = min(2.0, segment.height / max(1.0, usual))
        score = 0.9 * (large - 1.0) * 1.4 + 0.7 * first + 0.4 * (depth < 0.08)
        if large > 1.35 or first or _has_form(segment.text):
            yield Cue(
                segment.text.strip(" ,;:-"),
                Spot(sheet, row, column, 0, len(segment.text)),
                score,
                -0.6 * (large > 1.35) - 0.3 * first,
                "large or first at the top",
            )
        first = False


def _looks_a_name(text: str) -> bool:
    """Mostly letters; no label, amount, date, street or number in it."""
    folded = fold(text)
    letters = sum(c.isalpha() for c in text)
    digits = sum(c.isdigit() for c in text)
    if (
        not 2 < len(text.strip()) <= _NAME_LENGTH
        or letters < 0.65 * len(text.replace(" ", ""))
        or digits > 4
        or re.search(r"[:@]|www|http|€|%", text)
    ):
        return False
    words = folded.split()
    if sum(len(word) == 1 for word in words) > max(3, len(words) // 2) or re.search(
        r"\.(?:fr|com|de|nl|be|eu|net|org|lu|at|ch)$", text.strip()
    ):
        return False
    if all(word in LEGAL_FORMS for word in words) or re.search(
        r"(?:factuur|faktuur|rechnung|facture|invoice|gutschrift|creditnota)$", folded
    ):
        return False
    if _PERSON.match(folded) or _TITLES.match(folded) or _is_street(text) or POSTAL.search(text) or re.search(r"\d{4,}", text):
        return False
    vocabularies = ("dates", "numbers", "amounts", "parties")
    return not any(label.end - label.start > 0.7 * len(folded) for name in vocabularies for label in labels_in(folded, name))


def _is_street(text: str) -> bool:
    folded = fold(text[:_MAX_TEXT])
    numbered = re.match(r"\d{1,4}(?: bis| ter| [a-d])? [a-z]", folded) or re.search(r"[a-z] \d{1,4} ?[a-z]?$", folded)
    return bool(numbered or _STREET.search(folded)) and not _has_form(text)


def _line_score(text: str, first: bool) -> float:
    folded = fold(text)
    return 1.0 * _has_form(text) + 0.6 * first - 1.0 * ("," in text) - 1.2 * bool(_ATTENTION.match(folded)) + 0.2 * text.isupper()


def _has_form(text: str) -> bool:
    return any(word in LEGAL_FORMS for word in fold(text.replace(".", "")).split()[-4:] + fold(text).split()[:1])


def _aligned(spot: Spot, block: Block) -> bool:
    left, right = min(s.box[0] for s in block.segments), max(s.box[2] for s in block.segments)
    return spot.box[0] < right and spot.box[2] > left


def _added(cues: Sequence[Cue], side: str) -> float:
    """The strongest cue, and half of the next two of other kinds."""
    best: dict[str, float] = {}
    for cue in cues:
        score = cue.supplier if side == "supplier" else cue.buyer
        best[cue.why] = max(best.get(cue.why, -9.0), score)
    scores = sorted(best.values(), reverse=True)
    return scores[0] + 0.5 * sum(max(0.0, score) for score in scores[1:3]) + 0.5 * min(0.0, scores[-1] if len(scores) > 1 else 0.0)


def _agrees(key: str, domains: Sequence[str]) -> bool:
    """The name of the web site or of the mail box is in the name, or the name in it."""
    return any(len(domain) > 3 and (domain in key or (len(key) > 3 and key in domain) or _same_start(key, domain)) for domain in domains)


def _same_start(key: str, domain: str) -> bool:
    return len(domain) >= 6 and len(key) >= 6 and key[:6] == domain[:6]


def _domains(sheets: Sequence[Sheet]) -> list[str]:
    found: Counter[str] = Counter()
    for sheet in sheets[:2]:
        for _, _, segment in segments_of(sheet):
            found.update(match[1].casefold() for match in _DOMAIN.finditer(segment.text[:300]))
    return [domain.replace("-", "") for domain, _ in found.most_common(6) if domain not in _PROVIDERS]


def _repeats(sheets: Sequence[Sheet], keys: set[str]) -> Counter[str]:
    """On how many lines each name stands."""
    seen: Counter[str] = Counter()
    wanted = sorted((key for key in keys if len(key) > 4), key=len)[:80]
    for sheet in sheets[:3]:
        for _, _, segment in segments_of(sheet):
            line = "".join(fold(segment.text[:_MAX_TEXT]).split())
            seen.update(key for key in wanted if key in line)
    return seen
