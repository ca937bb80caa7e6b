"""Lists that others publish: revocation lists and trusted lists, fetched on demand or daily into the home, used offline afterwards.

Sealing and verifying never wait for the network: they use what lies here, and say where it is out of date. The libraries of trusted
lists (XML schemas, XML signatures) are loaded only where one is read: they take a second, and memory, that no other work needs.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from asn1crypto import crl as asn1_crl
from asn1crypto import pem, x509

from config.settings import Settings
from sealing.authority import Clock
from sealing.fitness import lists_for, next_update
from sealing.keys import UnusableKey, load_trust
from station import outgoing

if TYPE_CHECKING:
    from sealing.trust import TrustedList, TrustedLists

log = logging.getLogger("sceau.trust")

MAX_BYTES = 64 * 2**20
"""The largest trusted list is about 10 MB, the largest French revocation list about as much."""
SECONDS = 300.0
"""For all of a list."""
AGAIN = timedelta(minutes=10)
"""Wait after a fetch that failed."""

Get: TypeAlias = Callable[[str], bytes]
"""Address to content; raises OSError."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one list."""

    address: str
    kept: bool
    """Whether what lies in the home now is what was fetched."""
    detail: str
    """Territory and number, or why it was not kept."""


# Where they lie.


def trust_folder(home: Path) -> Path:
    return home / "trust"


def trust_snapshot(home: Path) -> list[tuple[str, Path]]:
    """Name and path of every list and certificate at hand, and of the notes of when each was fetched: what a package carries along."""
    folder = trust_folder(home)
    found = [*folder.glob("*.pem"), *folder.glob("lists/*.xml"), *folder.glob("crl/*.crl")]
    notes = [(f"{kind}.json", folder / kind / "index.json") for kind in ("lists", "crl")]
    named = [(path.name, path) for path in found if not path.name.startswith(".")]
    return sorted(named + [(name, path) for name, path in notes if path.exists()])


def trusted_lists(settings: Settings) -> "TrustedLists":
    """The trusted lists at hand, their signatures checked; none where none was fetched or their signers are not at hand."""
    folder = trust_folder(settings.home) / "lists"
    stamp = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in folder.glob("*"))) if folder.is_dir() else ()
    return _read_kept(
        folder, stamp, settings.home, settings.trust.lists_url, settings.trust.lists_signers, tuple(settings.trust.territories)
    )


@lru_cache(maxsize=4)
def _read_kept(
    folder: Path, stamp: tuple[tuple[str, int], ...], home: Path, address: str, signers: str, territories: tuple[str, ...]
) -> "TrustedLists":
    """Checking the signature of a list of 10 MB takes a second: once for each state of the folder (`stamp`)."""
    from sealing.trust import TrustedLists, read_lists

    if not stamp:
        return TrustedLists()
    notes = {url: note for url, note in _notes(folder).items() if (folder / note["file"]).exists()}
    texts = {url: (folder / note["file"]).read_text("utf-8") for url, note in notes.items()}
    # As of the fetch: who signed may since have another certificate. Whether a list is still in force is its own date's matter.
    fetched = datetime.fromisoformat(notes[address]["fetched_at"]) if address in notes else None
    try:
        return read_lists(address, texts, _signers(home, signers), territories, fetched)
    except UnusableKey as error:
        return TrustedLists(troubles=(str(error),))


def list_texts(lists: "Sequence[TrustedList]") -> list[str]:
    """One line per list: territory, edition, dates."""
    ends = [f"{each.next_update:%Y-%m-%d}" if each.next_update else "closed" for each in lists]
    return [f"{each.territory} n° {each.sequence}: {each.issued:%Y-%m-%d} – {end}" for each, end in zip(lists, ends, strict=True)]


def _signers(home: Path, file: str) -> tuple[x509.Certificate, ...]:
    from sealing.trust import known_signers

    return load_trust(home / file) if file else known_signers()


def kept_crls(settings: Settings) -> tuple[bytes, ...]:
    """DER of every revocation list at hand: files that the settings name, then what was fetched."""
    named = [settings.home / name for name in settings.trust.revocation if not _is_address(name)]
    fetched = sorted((trust_folder(settings.home) / "crl").glob("*.crl"))
    return tuple(_der(path.read_bytes()) for path in [*named, *fetched] if path.is_file())


def crls_noted(settings: Settings, name: str) -> tuple[bytes, ...]:
    """Of the lists at hand those that concern the certificates noted under a name; all where none are noted yet."""
    path, crls = trust_folder(settings.home) / f"{name}.pem", kept_crls(settings)
    return lists_for(load_trust(path), crls) if path.exists() else crls


def _der(data: bytes) -> bytes:
    return bytes(pem.unarmor(data)[2]) if pem.detect(data) else data


# How they come.


def tend_trust(settings: Settings, clock: Clock, get: Get | None = None) -> tuple[Fetched, ...]:
    """Fetch what is due, in production and where the settings want it: a list that is missing, or the time since the last fetch."""
    if settings.sealing.mode != "production" or not settings.trust.hours:
        return ()
    now = clock()
    folder = trust_folder(settings.home)
    tried = _tried(folder)
    missing = any(address not in _notes(folder / "crl") for address in crl_addresses(settings))
    age = now - tried if tried else None
    due = age is None or age >= timedelta(hours=settings.trust.hours) or (missing and age >= AGAIN) or age < timedelta(0)
    return fetch_trust(settings, clock, get) if due else ()


def fetch_trust(settings: Settings, clock: Clock, get: Get | None = None) -> tuple[Fetched, ...]:
    """Fetch revocation lists and trusted lists now. What does not come, or is not believed, leaves what lies here as it was."""
    get = get or _getter(settings)
    folder = trust_folder(settings.home)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(folder / "tried.json", json.dumps({"at": clock().isoformat()}).encode())
    told = (*fetch_crls(settings, clock, get), *_fetch_lists(settings, clock, get))
    for each in told:
        (log.info if each.kept else log.warning)("%s: %s", each.address, each.detail)
    return told


def fetch_crls(settings: Settings, clock: Clock, get: Get) -> Iterator[Fetched]:
    """The revocation lists that certificates and settings name. Their signatures are checked where they are used."""
    folder = trust_folder(settings.home) / "crl"
    for address in crl_addresses(settings):
        try:
            data = _der(get(address))
            asn1_crl.CertificateList.load(data, strict=True).native  # noqa: B018 parsed to its end: what is no list is told here
        except (OSError, ValueError, TypeError) as error:
            yield Fetched(address, False, f"{error}")
            continue
        end = next_update(data)
        kept = _notes(folder).get(address)
        before = next_update((folder / kept["file"]).read_bytes()) if kept and (folder / kept["file"]).exists() else None
        if before is not None and end is not None and end < before:
            yield Fetched(address, False, f"older than the one at hand ({end:%Y-%m-%d %H:%M UTC})")
            continue
        _keep(folder, address, f"{hashlib.sha256(address.encode()).hexdigest()[:16]}.crl", data, clock())
        yield Fetched(address, True, f"until {end:%Y-%m-%d %H:%M UTC}" if end else "no end said")


def crl_addresses(settings: Settings) -> tuple[str, ...]:
    """Where revocation lists are fetched: named by the settings, and by the certificates noted in the home (seal, time authorities)."""
    named = [name for name in settings.trust.revocation if _is_address(name)]
    for path in sorted(trust_folder(settings.home).glob("*.pem")):
        if path.name.startswith(".") or path.name == "seal-practice.pem":
            continue
        try:
            named += [address for certificate in load_trust(path) for address in _points(certificate)]
        except UnusableKey as error:
            log.warning("%s: %s", path.name, error)
    return tuple(dict.fromkeys(named))


def keep_certificates(home: Path, name: str, certificates: Iterable[x509.Certificate]) -> None:
    """Note certificates as `trust/<name>.pem`: their revocation lists are fetched from now on, and packages carry them."""
    data = b"".join(pem.armor("CERTIFICATE", each.dump()) for each in certificates)
    path = trust_folder(home) / f"{name}.pem"
    if not path.exists() or path.read_bytes() != data:
        _write(path, data)


def _points(certificate: x509.Certificate) -> Iterator[str]:
    """RFC 5280, 4.2.1.13."""
    for point in certificate.crl_distribution_points:
        if point.url and _is_address(point.url):
            yield str(point.url)


def _is_address(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _fetch_lists(settings: Settings, clock: Clock, get: Get) -> Iterator[Fetched]:
    address, folder = settings.trust.lists_url, trust_folder(settings.home) / "lists"
    if not address:
        return
    from sealing.trust import UntrustedList, read_list, references_of

    try:
        signers = _signers(settings.home, settings.trust.lists_signers)
        xml = get(address).decode("utf-8")
        lotl = read_list(xml, signers, address)
    except (OSError, UnicodeDecodeError, UntrustedList, UnusableKey) as error:
        yield Fetched(address, False, str(error))
        return
    yield _keep_list(folder, address, lotl.territory, lotl.sequence, xml, clock())
    for reference in references_of(lotl, settings.trust.territories):
        try:
            xml = get(reference.location_uri).decode("utf-8")
            found = read_list(xml, reference.tlso_certs, reference.location_uri)
        except (OSError, UnicodeDecodeError, UntrustedList) as error:
            yield Fetched(reference.location_uri, False, str(error))
            continue
        yield _keep_list(folder, reference.location_uri, found.territory, found.sequence, xml, clock())


def _keep_list(folder: Path, address: str, territory: str, sequence: int, xml: str, at: datetime) -> Fetched:
    """An edition below the one at hand is refused: who answers for the server could hide a withdrawal so."""
    kept = _notes(folder).get(address, {}).get("sequence", 0)
    if sequence < kept:
        return Fetched(address, False, f"{territory} n° {sequence}: older than n° {kept}, which is at hand")
    _keep(folder, address, f"{territory}.xml", xml.encode("utf-8"), at, sequence=sequence)
    return Fetched(address, True, f"{territory} n° {sequence}")


def fetch(address: str, allow_private: bool = True) -> bytes:
    """GET, bounded in time and size; what is signed may be redirected to any public host. Raises OSError."""
    try:
        answer = outgoing.fetch(outgoing.checked(address, allow_private), SECONDS, most=MAX_BYTES, elsewhere=True)
    except outgoing.NotAllowed as error:
        raise OSError(str(error)) from error
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status}")
    return answer.body


def _getter(settings: Settings) -> Get:
    """Hosts that the settings or our own certificates name may lie in the house's network; those that only a foreign list names may not."""
    named = (urlsplit(address).hostname or "" for address in (settings.trust.lists_url, *crl_addresses(settings)))
    ours = [host for host in (*named, *settings.outgoing.private_hosts) if host]
    return lambda address: fetch(address, outgoing.is_private_host(address, ours))


# The notes beside them.


def _notes(folder: Path) -> dict[str, dict[str, Any]]:
    """Address to file, hexadecimal SHA-256 and time of the fetch."""
    try:
        told = json.loads((folder / "index.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _keep(folder: Path, address: str, file: str, data: bytes, at: datetime, **more: Any) -> None:
    _write(folder / file, data)
    note = {"file": file, "sha256": hashlib.sha256(data).hexdigest(), "fetched_at": at.isoformat(), **more}
    _write(folder / "index.json", json.dumps({**_notes(folder), address: note}, indent=1, sort_keys=True).encode())


def _tried(folder: Path) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads((folder / "tried.json").read_text("utf-8"))["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")  # Several children may note the same at once.
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
