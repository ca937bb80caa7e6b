"""Setting a house up: what is done and what is missing, and each answer written into sceau.toml, which stays the truth."""

import difflib
import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
import tomlkit
from asn1crypto import x509
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from sqlalchemy.orm import Session
from tomlkit.items import AoT, Table

from config.secrets import keep_secret, read_secrets, write_private
from config.settings import FILE_NAME, PASSWORD_VARIABLE, Settings, example_text
from sealing.fitness import KeyTrouble, certificate_troubles
from sealing.ledger import Actor, ActorKind, Event
from station.dossier import NoDossier, pending_dossier, require_dossier
from station.keyring import roots_of
from station.probe import probe_folder
from station.records import people
from station.records.ledger import append_event
from station.records.tables import Identity, Person
from workflow.roles import Role

_KEY_FILE = "keys/cachet-demande.key"
STEPS = ("company", "seal", "mail", "station", "people", "dossier")


class Refused(Exception):
    """An answer that cannot be written; `reason` is a key under `installation.wrong-…`, `detail` what was found. Nothing was changed."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the assistant."""

    name: str
    done: bool
    missing: str = ""
    """Key under `installation.missing-…` of what is still to be done."""


def steps_of(session: Session, settings: Settings, seal: str, at: datetime) -> tuple[Step, ...]:
    """What is done and what is missing; `seal`: why nothing can be sealed now, empty where it can."""
    company = settings.company_named(settings.entity)
    told = {
        "company": "company" if company is None else "company-more" if not (company.siren and company.address) else "",
        "seal": "seal" if seal else "",
        "mail": "" if settings.mail.host else "mail",
        "station": "" if any(each.name != "demo" for each in settings.stations) else "station",
        "people": people_missing(session, at),
        "dossier": _dossier_missing(session, settings),
    }
    return tuple(Step(name, not told[name], told[name]) for name in STEPS)


def _dossier_missing(session: Session, settings: Settings) -> str:
    """Where sealing waits for an organisation dossier, one is to be prepared, then countersigned by another person."""
    try:
        require_dossier(session, settings)
    except NoDossier:
        return "dossier" if pending_dossier(session, settings.entity) is None else "dossier-signature"
    return ""


def people_missing(session: Session, at: datetime) -> str:
    """One who administers, and two who work: four eyes take two."""
    day = at.date()
    linked = set(session.scalars(sa.select(Identity.pseudonym)))
    able = [
        each
        for each in people.list_people(session)
        if each.ended_at is None and not each.practice and (each.password_hash or each.pseudonym in linked)
    ]
    roles = {each.pseudonym: people.own_roles(session, each.pseudonym, day) for each in able}
    if not any(Role.ADMINISTRATOR in held for held in roles.values()):
        return "administrator"
    return "" if sum(bool(held - {Role.ADMINISTRATOR, Role.AUDITOR}) for held in roles.values()) >= 2 else "two"


# --- the file ---


def read_text(home: Path) -> str:
    file = home / FILE_NAME
    return file.read_text(encoding="utf-8") if file.exists() else example_text()


def with_row(text: str, table: str, key: str, values: Mapping[str, object]) -> str:
    """The text with one `[[table]]` set, found by its `key`; comments and everything else stay as they are."""
    document = tomlkit.parse(text)
    rows = document.get(table)
    if not isinstance(rows, AoT):
        # Written on one line: the same rows in the form that one can be added to.
        inline = [tomlkit.item(dict(each)) for each in rows] if isinstance(rows, list) else []
        if rows is not None:
            document.remove(table)
        rows = tomlkit.aot()
        for each in inline:
            rows.append(each)
        document.append(table, rows)
    row = next((each for each in rows if each.get(key) == values[key]), None)
    if row is None:
        row = tomlkit.table()
        rows.append(row)
    _put(row, values)
    return tomlkit.dumps(document)


def with_values(text: str, section: str, values: Mapping[str, object]) -> str:
    """The text with some keys of a section set; empty section: of the file itself."""
    document = tomlkit.parse(text)
    if section and section not in document:
        document.append(section, tomlkit.table())
    _put(document[section] if section else document, values)  # type: ignore[arg-type]
    return tomlkit.dumps(document)


def _put(table: Table, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        table[name] = tomlkit.string(value, multiline=True) if isinstance(value, str) and "\n" in value else value


def check_text(home: Path, text: str) -> Settings:
    """As a start would read it. Raises Refused with what stands against it."""
    try:
        return Settings.model_validate({**tomllib.loads(text), "home": home})
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        if isinstance(error, tomllib.TOMLDecodeError):
            raise Refused("settings", str(error)) from error
        first = error.errors()[0]
        if first["type"].startswith("string_"):
            # The form of a word, which the field's own example says better.
            raise Refused("form", str(first["loc"][-1])) from error
        raise Refused("settings", first["msg"].removeprefix("Value error, ")) from error


def changes_of(before: str, after: str) -> list[str]:
    """Lines that go (« - ») and come (« + »)."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))]


def write_text(session: Session, settings: Settings, text: str, step: str, person: Person, at: datetime) -> None:
    """Checked, then written whole or not at all, once the ledger knows who answered which step. Raises Refused."""
    check_text(settings.home, text)
    payload = {"what": "settings", "step": step}
    append_event(session, Event(settings.entity, "register", {}, Actor(person.pseudonym, ActorKind.HUMAN), at, "system", payload))
    write_private(settings.home / FILE_NAME, text.encode("utf-8"))


# --- the seal ---


def request_seal(home: Path, organisation: str, siren: str) -> bytes:
    """A new key and the request for its certificate (PKCS#10, PEM); the key stays here, 0600. A key that waits is used again."""
    path = home / _KEY_FILE
    if path.is_file():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_private(path, key.private_bytes(*form))
    names = [(NameOID.COUNTRY_NAME, "FR"), (NameOID.ORGANIZATION_NAME, organisation[:64])]
    names.append((NameOID.COMMON_NAME, f"{organisation[:55]} - cachet"))
    if siren:
        # EN 319 412-1, 5.1.4: national trade register, country, number.
        names.append((NameOID.ORGANIZATION_IDENTIFIER, f"NTRFR-{siren}"))
    subject = pyca.Name([pyca.NameAttribute(kind, value) for kind, value in names])
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Refused("key")
    request = pyca.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True)
class TakenSeal:
    """What was kept of a certificate: files under SCEAU_HOME, to be named in the settings."""

    file: str
    root: str = ""
    """Of the root that came with it and is to be trusted from now on; empty: it was trusted already, or none came."""


def take_seal(settings: Settings, data: bytes, password: str, at: datetime, *, trust: bool = False) -> TakenSeal | tuple[KeyTrouble, ...]:
    """A PKCS#12, or the authority's answer to our request (PEM, DER): judged at once, kept with its password, 0600, where it may seal.

    Returns what stands against sealing with it otherwise. The seal in use stays as it is until the settings name this one.
    Raises Refused where it cannot be read, or where it ends in a root that nobody trusts yet, unless `trust` says to.
    """
    key, certificate, others = _opened(settings.home, data, password)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise Refused("other-key")
    chain = tuple(_plain(each) for each in others)
    root = next((each for each in others if each.subject == each.issuer), None)
    known = roots_of(settings)
    unknown = root is not None and _plain(root).sha256 not in {each.sha256 for each in known}
    roots = (*known, *([_plain(root)] if root is not None else []))
    troubles = certificate_troubles(_plain(certificate), chain, roots, (), at)
    # Lists of revoked certificates are fetched once the certificate is in use: their absence is told there.
    lasting = tuple(each for each in troubles if each.problem != "key-revocation")
    if lasting:
        return lasting
    if root is not None and unknown and not trust:
        raise Refused("new-root", f"{root.subject.rfc4514_string()}, SHA-256 {root.fingerprint(hashes.SHA256()).hex()}")
    name = certificate.fingerprint(hashes.SHA256()).hex()[:16]
    taken = TakenSeal(f"keys/cachet-{name}.p12", f"keys/racine-{name}.pem" if unknown else "")
    if root is not None and taken.root:
        write_private(settings.home / taken.root, root.public_bytes(serialization.Encoding.PEM))
    # One password for every seal of the house: the one in use opens as before, whichever of them the settings name.
    given, kept = os.environ.get(PASSWORD_VARIABLE), read_secrets(settings.home).get(PASSWORD_VARIABLE)
    secret = given or kept or secrets.token_urlsafe(24)
    sealed = serialization.BestAvailableEncryption(secret.encode())
    write_private(settings.home / taken.file, pkcs12.serialize_key_and_certificates(b"cachet", key, certificate, others, sealed))
    if not (given or kept):
        keep_secret(settings.home, PASSWORD_VARIABLE, secret)
    return taken


def end_request(home: Path) -> None:
    """The key of the request now lies in its certificate's file, locked: the open one goes."""
    (home / _KEY_FILE).unlink(missing_ok=True)


def _opened(home: Path, data: bytes, password: str) -> tuple[object, pyca.Certificate, list[pyca.Certificate]]:
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password.encode() or None)
    except ValueError:
        certificates = _certificates(data)
        if not certificates:
            raise Refused("unreadable") from None
        if not (home / _KEY_FILE).is_file():
            raise Refused("no-request") from None
        own = serialization.load_pem_private_key((home / _KEY_FILE).read_bytes(), None)
        mine = next((each for each in certificates if each.public_key() == own.public_key()), None)
        if mine is None:
            raise Refused("other-key") from None
        return own, mine, [each for each in certificates if each is not mine]
    if key is None or certificate is None:
        raise Refused("unreadable")
    return key, certificate, list(others)


def _certificates(data: bytes) -> list[pyca.Certificate]:
    try:
        return pyca.load_pem_x509_certificates(data) if b"-----BEGIN" in data else [pyca.load_der_x509_certificate(data)]
    except ValueError:
        return []


def _plain(certificate: pyca.Certificate) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def seal_text(settings: Settings, text: str, taken: TakenSeal) -> str:
    """The settings that name the seal that was taken, and the root that came with it."""
    text = with_values(text, "sealing", {"source": "pkcs12", "file": taken.file})
    return with_values(text, "trust", {"roots": [*settings.trust.roots, taken.root]}) if taken.root else text


# --- stations ---


def try_folder(settings: Settings, folder: str, at: datetime, language: str, *, make: bool) -> tuple[bool, str]:
    """Whether a scanner's folder can serve, in words; one inside the home may still have to be made, which only `make` does."""
    path = (settings.home / folder).resolve()
    if path.is_relative_to(settings.home.resolve()):
        if not make and not path.exists():
            return True, ""
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return False, str(error.strerror)
    found = probe_folder(path, at)
    return found.ok, found.words(language)
