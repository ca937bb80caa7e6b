"""`sceau status` for a person: one line for each thing, in the words of the pages, times of Paris."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from station.web.words import Words

Told: TypeAlias = Mapping[str, Any]
"""What `station.status.status_of` found, or a part of it."""


def status_lines(told: Told, t: Words) -> Iterator[tuple[str, str]]:
    """Heading and words; several lines of one heading follow one another."""
    yield t("status.home"), told["home"]
    yield t("status.documents"), _documents(told["documents"], t)
    yield t("status.workers"), "; ".join(told["workers"]) or t("status.no-workers")
    yield from ((t("status.missing"), each) for each in told["missing_workers"])
    for name, folder in told["folders"].items():
        yield t("status.folder", name=name), ", ".join(_folder(folder, t))
    for place, _, code in (each.rpartition(": ") for each in told["not_taken"]):
        named = place.replace("(folder)", t("mailroom.folder-itself"))
        yield t("status.not-taken"), t("status.pair", name=named, count=t.known("sighting", code))
    for name, box in told["mailboxes"].items():
        yield t("status.mailbox", name=name), _mailbox(box, t)
    yield t("status.database"), told["database"]["place"]
    yield t("status.store"), told["store"]["protection"]
    yield t("status.backup"), _backup(told["backup"], t)
    yield t("status.disk"), t(f"status.room-{told['disk']['room']}", free=t.size(told["disk"]["free"]), total=t.size(told["disk"]["total"]))
    yield t("status.bytes"), _bytes(told["bytes"], t)
    yield t("status.reading"), _reading(told["reading"], t)
    yield t("status.fixity"), _fixity(told["fixity"], t)
    for entity, ledger in told["ledger"].items():
        yield t("status.ledger", name=entity), t.count("status.entries", ledger["size"], head=ledger["head"][:16])
        if "contradicted" in ledger:
            yield t("status.ledger", name=entity), ledger["contradicted"]


def _documents(counts: Mapping[str, int], t: Words) -> str:
    told = [t("status.pair", name=t(f"state.{state.replace(' ', '-')}"), count=t.number(count)) for state, count in counts.items() if count]
    return ", ".join(told) or t("status.no-documents")


def _folder(folder: Told, t: Words) -> Iterator[str]:
    yield folder["folder"]
    yield t("status.watched" if folder["watched"] else "status.not-watched")
    if folder["waiting"]:
        yield t.count("status.waiting", folder["waiting"], since=_moment(folder["oldest_since"], t))
    if folder["late"]:
        yield t("status.late")
    if folder["last_taken"]:
        yield t("status.last-taken", at=_moment(folder["last_taken"], t))
    if folder["notifications"] is False:
        yield t("status.not-notified")
    if not folder["workable"]:
        yield t("status.not-workable")


def _mailbox(box: Told, t: Words) -> str:
    told = [t("status.looked-at", at=_moment(box["looked_at"], t)) if box["looked_at"] else t("status.never-looked")]
    if not box["ok"]:
        told.append(t("status.mailbox-trouble"))
    if box["by_hand"]:
        told.append(t.count("status.mailbox-left", box["by_hand"]))
    return ", ".join(told)


def _backup(backup: Told, t: Words) -> str:
    told = []
    if backup["last"]:
        told.append(t("status.last-backup", at=_moment(backup["last"], t), place=backup["place"] or "–"))
        told.append(t("status.drill", at=_moment(backup["drill"], t)) if backup["drill"] else t("status.no-drill"))
    if backup["alert"]:
        told.append(t(f"backups.alert-{backup['alert']}", hours=backup["alert_hours"]))
    return " ".join(told)


def _bytes(sizes: Told, t: Words) -> str:
    told = t("status.sizes", vault=t.size(sizes["vault"]), archive=t.size(sizes["archive"]))
    if "archive_per_page" in sizes:
        told += t("status.per-page", vault=t.size(sizes["vault_per_page"]), archive=t.size(sizes["archive_per_page"]))
    return told


def _reading(reading: Told, t: Words) -> str:
    told = t.count("status.reviewed", reading["reviewed"], wrong=t.number(reading["wrong"]))
    return f"{told} {t('status.drift')}" if reading["alarm"] else told


def _fixity(fixity: Told, t: Words) -> str:
    if not fixity["kept"]:
        return t("status.nothing-kept")
    told = t.count("status.kept", fixity["kept"], since=_moment(fixity["oldest"], t))
    spoilt = fixity["bad"] + fixity["unlike"]
    return told + (t.count("status.spoilt", spoilt) if spoilt else t.count("status.sound", fixity["kept"]))


def _moment(text: str | None, t: Words) -> str:
    return t.moment(datetime.fromisoformat(text)) if text else "–"
