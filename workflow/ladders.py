"""Ladder files (`*.echelles.yaml`): read, proved, their examples tried, as rule files are; flaws are told in French with their place."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from workflow.calendar import FRANCE
from workflow.dunning import Channel, Ladder, Level, Reminded, forecast
from workflow.marked import (
    Flaw,
    Flaws,
    Section,
    Word,
    closest,
    flaw_at,
    items_of,
    only_keys,
    read_marked,
    section_of,
    sections_in,
    text_of,
    word_of,
    yes_of,
)
from workflow.receivables import Customer, Standing, State
from workflow.vocabulary import NAME

CHANNELS = {"courriel": Channel.EMAIL, "lettre": Channel.LETTER, "recommandé": Channel.REGISTERED, "appel": Channel.CALL}
REGIMES = {"privé": Customer.PRIVATE, "public": Customer.PUBLIC, "consommateur": Customer.CONSUMER}
TOGETHER = "client"
GROUPS = ("facture", TOGETHER)
"""What leaves in one letter: an invoice, or all that a customer owes at that level."""
EARLIEST, LATEST = -60, 365
"""Days around the due date between which a level may lie."""
SLACK = 4
"""Days by which weekend and bank holidays move a step."""
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True, slots=True)
class Ladders:
    """The ladders of one file."""

    name: str
    title: str
    ladders: tuple[Ladder, ...]
    version: str
    """SHA-256 of what they say, whatever the layout of the file."""

    def chosen(self, regime: str, named: str = "") -> Ladder | None:
        """The ladder that is named where it is for this regime, else the first for it; None where there is none."""
        fitting = [ladder for ladder in self.ladders if regime in ladder.regimes]
        return next((ladder for ladder in fitting if ladder.name == named), fitting[0] if fitting else None)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The ladders of a file, or None where a flaw is grave."""

    ladders: Ladders | None
    flaws: tuple[Flaw, ...]


def load_ladders(text: str, letters: Iterable[str] | None = None) -> Loaded:
    """Never raises for what a file says. `letters`: the templates there are; None: not asked."""
    flaws: Flaws = []
    top = read_marked(text, flaws)
    ladders = _ladders(top, frozenset(letters) if letters is not None else None, flaws) if top else None
    if top and ladders and not flaws:
        _try_examples(top, ladders, flaws)
    return Loaded(None if any(flaw.grave for flaw in flaws) else ladders, tuple(sorted(flaws)))


def _ladders(top: Section, letters: frozenset[str] | None, flaws: Flaws) -> Ladders:
    only_keys(top, ("echelles", "titre", "liste", "essais"), flaws)
    bodies = section_of(top, "liste", flaws)
    found = tuple(_ladder(key, body, letters, flaws) for key, body in sections_in(bodies, flaws, "liste : ")) if bodies else ()
    name, title = text_of(top, "echelles", flaws), text_of(top, "titre", flaws)
    said = [name, title, [_said(ladder) for ladder in found]]
    version = hashlib.sha256(json.dumps(["echelles/1", said], ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    return Ladders(name, title, found, version)


def _said(ladder: Ladder) -> dict[str, Any]:
    """What counts of a ladder. One that groups nothing says what it said before there was such a word: its version stays."""
    told = asdict(ladder) | {"regimes": sorted(ladder.regimes)}
    return told if told.pop("together") is False else told | {"together": True}


def _ladder(key: Word, body: Section, letters: frozenset[str] | None, flaws: Flaws) -> Ladder:
    where = f"échelle « {key.text[:40]} » : "
    if not NAME.fullmatch(key.text.replace("-", "_")):
        flaws.append(flaw_at(key, f"{where}un nom s'écrit en minuscules sans accent"))
    only_keys(body, ("titre", "pour", "groupe", "niveaux"), flaws, where)
    group = word_of(body, "groupe", flaws, where, needed=False)
    if group is not None and group.text not in GROUPS:
        flaws.append(flaw_at(group, f"{where}« groupe » : « {group.text[:40]} » : {closest(group.text, GROUPS)}"))
    regimes = frozenset(_regimes(body, flaws, where))
    steps = section_of(body, "niveaux", flaws, where)
    levels = list[Level]()
    for name, step in sections_in(steps, flaws, where) if steps else ():
        level = _level(name, step, letters, flaws, where)
        if levels and level.days <= levels[-1].days:
            told = f"« {level.name} » ({level.days} j) doit venir après « {levels[-1].name} » ({levels[-1].days} j)"
            flaws.append(flaw_at(name, f"{where}{told} : un niveau ne part pas avant le précédent"))
        levels.append(level)
    together = group is not None and group.text == TOGETHER
    return Ladder(key.text, text_of(body, "titre", flaws, where), regimes, tuple(_spaced(levels)), together)


def _regimes(body: Section, flaws: Flaws, where: str) -> Iterator[str]:
    for node in items_of(body, "pour", flaws, where):
        if isinstance(node, Word) and node.text in REGIMES:
            yield REGIMES[node.text].value
        else:
            told = node.text[:40] if isinstance(node, Word) else "…"
            flaws.append(flaw_at(node, f"{where}« pour » : {told} : {closest(told, REGIMES)}"))


def _level(key: Word, body: Section, letters: frozenset[str] | None, flaws: Flaws, ladder: str) -> Level:
    where = f"{ladder}niveau « {key.text[:40]} » : "
    if not NAME.fullmatch(key.text.replace("-", "_")):
        flaws.append(flaw_at(key, f"{where}un nom s'écrit en minuscules sans accent"))
    only_keys(body, ("titre", "jours", "canal", "modele", "ecart", "mise_en_demeure"), flaws, where)
    channel = word_of(body, "canal", flaws, where)
    if channel and channel.text not in CHANNELS:
        flaws.append(flaw_at(channel, f"{where}canal « {channel.text[:40]} » : {closest(channel.text, CHANNELS)}"))
    chosen = CHANNELS.get(channel.text if channel else "", Channel.CALL)
    letter = word_of(body, "modele", flaws, where, needed=chosen is not Channel.CALL)
    if letter and letter.text and letters is not None and letter.text not in letters:
        flaws.append(flaw_at(letter, f"{where}modèle « {letter.text[:40]} » : {closest(letter.text, letters)}"))
    return Level(
        name=key.text,
        title=text_of(body, "titre", flaws, where),
        days=_whole(body, "jours", EARLIEST, LATEST, flaws, where),
        channel=chosen,
        letter=letter.text if letter else "",
        gap=_whole(body, "ecart", 1, LATEST, flaws, where) if "ecart" in body.entries else 0,
        formal=yes_of(body, "mise_en_demeure", flaws, where),
    )


def _whole(body: Section, key: str, least: int, most: int, flaws: Flaws, where: str) -> int:
    word = word_of(body, key, flaws, where)
    if word is None:
        return 0
    try:
        number = int(word.text) if word.text.isascii() else None
    except ValueError:
        number = None
    if number is None or not least <= number <= most:
        flaws.append(flaw_at(word, f"{where}« {key} » demande un nombre entier de jours, de {least} à {most}, lu « {word.text[:40]} »"))
        return 0
    return number


def _spaced(levels: list[Level]) -> Iterator[Level]:
    """Where a file says no distance, it is that of the days, less what a long weekend moves: a ladder that began late keeps its pace."""
    before = 0
    for level in levels:
        yield level if level.gap else replace(level, gap=max(1, level.days - max(before, 0) - SLACK))
        before = level.days


def _try_examples(top: Section, ladders: Ladders, flaws: Flaws) -> None:
    """Each names a ladder and a due date, and the day of every level if nothing is paid, by the French calendar."""
    for node in items_of(top, "essais", flaws):
        if not isinstance(node, Section):
            flaws.append(flaw_at(node, "essais : demande une suite de « nom: valeur »"))
            continue
        only_keys(node, ("titre", "echelle", "echeance", "attendu"), flaws, "essai : ")
        named = word_of(node, "echelle", flaws, "essai : ")
        due = word_of(node, "echeance", flaws, "essai : ")
        ladder = next((each for each in ladders.ladders if named and each.name == named.text), None)
        expected = section_of(node, "attendu", flaws, "essai : ")
        if named and ladder is None:
            flaws.append(
                flaw_at(named, f"essai : échelle « {named.text[:40]} » : {closest(named.text, [x.name for x in ladders.ladders])}")
            )
        if due and _day(due) is None:
            flaws.append(flaw_at(due, f"essai : « {due.text[:40]} » n'est pas une date (exemple : 2026-11-30)"))
        if ladder and due and expected and (day := _day(due)):
            _compare(ladder, day, expected, flaws)


def _compare(ladder: Ladder, due: date, expected: Section, flaws: Flaws) -> None:
    item = Reminded("1", "1", due, min(ladder.regimes, default=Customer.PRIVATE.value))
    standing = Standing(Decimal("1.00"), State.NOT_DUE, True)
    begin = date.fromordinal(max(1, due.toordinal() + EARLIEST - 30))
    days = {each.level.name: each.day.isoformat() for each in forecast(item, standing, ladder, (), (), FRANCE, begin, _LAST)}
    for name, node in expected.entries.items():
        said = node.text if isinstance(node, Word) else ""
        if days.get(name) != said:
            flaws.append(flaw_at(node, f"essai : « {name} » part le {days.get(name, 'jamais')}, attendu {said or '…'}"))


def _day(word: Word) -> date | None:
    try:
        found = date.fromisoformat(word.text)
    except ValueError:
        return None
    return found if _FIRST < found < _LAST else None
