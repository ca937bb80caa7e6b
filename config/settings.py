"""What differs between two installations: one commented TOML file. There are no secrets in it."""

import errno
import os
import tomllib
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from importlib import resources
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, ValidationInfo, field_validator, model_validator

from config.places import allowed_countries, place_allowed
from sealing.evidence import EvidenceProfile
from workflow.kinds import CHOSEN, MADE, refused_profiles

EXAMPLE_POLICY = "1.3.6.1.4.1.32473.3161.1"
"""Policy of the internal time authority: the arc that RFC 5612 reserves for examples, until a company sets its own."""


class Unusable(Exception):
    """The settings cannot be used; the text names the file, the key and what to write instead."""


TypeWord: TypeAlias = Literal["texte", "nombre", "entier", "montant", "date", "oui/non", "liste"]
"""A type of `workflow.vocabulary.Kind`."""
OWN_ROOMS = frozenset(
    {
        *("archive", "before-upgrade", "certificates", "essai", "exports", "fetched", "imports", "keys", "light", "lookups", "originals"),
        *("readings", "scratch", "slots", "tiles", "trust", "witness-memory", "work"),
    }
)
"""Folders of SCEAU_HOME in which Sceau keeps what is its own."""
EntityName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Separation(Section):
    """How a station's stacks are cut into documents: `capture.separate.Recipe`."""

    kind: Literal["none", "file", "code", "value-change", "patch", "blank", "pages"] = "file"
    pattern: Annotated[str, Field(min_length=1, max_length=200)] = "*"
    sticker: bool = True
    pages: Annotated[int, Field(ge=1)] = 1


class Policy(Section):
    """One version of what the house asks of images, beyond the arrêté: `conformity.policy.Policy`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] = "a102-b2"
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")] = "1"
    valid_from: date = date(2026, 1, 1)
    """First day (UTC) of arrival on which documents are judged by this version."""
    min_dpi: Annotated[float, Field(gt=0)] = 300.0
    dpi_tolerance_percent: Annotated[float, Field(ge=0, le=10)] = 1.0
    grey: Literal["ask", "accept"] = "ask"
    grey_reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _grey_is_explained(self) -> Self:
        """BOI-CF-COM-10-10-30-10, § 105: the use of the tolerance must be explained to the administration."""
        if self.grey == "accept" and not self.grey_reason.strip():
            raise ValueError(
                "grey = \"accept\" : dites dans grey_reason pourquoi la couleur n'a pas de sens, l'administration peut le demander "
                "/ say in grey_reason why colours carry no meaning"
            )
        return self


class Place(Section):
    """One place where invoices are stored: the archive, a replica, a back-up, the log."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    use: Literal["archive", "replica", "backup", "ledger"] = "archive"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "FR"
    """ISO 3166-1, two letters; FR also for the overseas departments."""
    provider: Annotated[str, Field(max_length=200)] = ""
    """Who runs it; empty: the company itself."""
    address: Annotated[str, Field(max_length=300)] = ""
    since: date = date(2026, 1, 1)
    until: date | None = None


class Organisation(Section):
    """What the company says of its own organisation (clause II): `conformity.clauses.Organisation`. Empty: nothing is said."""

    dossier: str = ""
    """Reference of the written procedure, as the company files it."""
    dossier_version: str = ""
    dossier_date: Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    control_plan: str = ""
    """Reference of the plan of internal controls."""
    control_months: Annotated[int, Field(ge=0, le=120)] = 0
    """A control at least every so many months; 0: no period is set."""
    third_party: str = ""
    """Who archives on the company's behalf; empty: the company itself."""
    mandate: str = ""
    """Reference of the mandate given to the third party."""
    retention_years: Annotated[int, Field(ge=6, le=99)] = 6
    """L. 102 B LPF asks for six."""
    storage: str = ""
    """Where the archive lies, in words: site and country."""
    require_dossier: Literal["as-mode", "always", "never"] = "as-mode"
    """Whether sealing waits for an organisation dossier in force; as-mode: in production yes, in practice no."""
    roles: dict[Annotated[str, Field(min_length=1, max_length=120)], Annotated[str, Field(max_length=500)]] = {}
    """Role to who holds it: a service or a function rather than a name."""
    places: list[Place] = []
    """Where invoices lie, replicas and back-ups included (L. 102 C LPF)."""
    aql: Literal["0.25", "0.40", "0.65", "1.0", "1.5", "2.5", "4.0", "6.5"] = "1.0"
    """Acceptance quality limit of the sampled pages, per cent nonconforming (`workflow.sampling`). House policy."""
    quarantine_days: Annotated[int, Field(ge=0, le=3660)] = 183
    """Days that a paper waits after its lot has passed before a slip may let it go. House policy: about six months."""

    @model_validator(mode="after")
    def _places_are_allowed(self) -> Self:
        """L. 102 C LPF: France, another member state, or a third state with a convention and online access; nowhere else."""
        for place in self.places:
            last = date.max if place.until is None else place.until - timedelta(days=1)
            if not place_allowed(place.country, last):
                raise ValueError(
                    f"places : « {place.name} » est en {place.country} : l'article L. 102 C LPF n'admet que la France, l'Union européenne "
                    f"et les États liés par une convention d'assistance ({', '.join(allowed_countries(last))}). Choisissez un autre "
                    f"lieu, ou demandez conseil. / {place.country} is no country in which invoices may be stored"
                )
        return self

    @model_validator(mode="after")
    def _third_party_has_a_mandate(self) -> Self:
        """A102 B-2, II: « un tiers mandaté à cet effet »."""
        if self.third_party and not self.mandate:
            raise ValueError(
                "third_party : un tiers n'archive que mandaté ; donnez la référence du mandat (mandate) "
                "/ a third party needs a mandate: give its reference"
            )
        return self


class Station(Section):
    """One scanner's folder."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    entity: str = ""
    """The company whose documents come in here; empty: the installation's own."""
    folder: Path | None = None
    """Where the scanner writes; default: stations/<name> under SCEAU_HOME."""
    operator: str = "atelier"
    profile: str = "a102-b2"
    """Name of the policy by which its documents are judged."""
    source: Literal["paper", "electronic", "ask"] = "paper"
    """Nature of what comes in; ask: each document is held until a person says."""
    document_type: Literal["invoice", "credit-note", "order", "delivery", "contract", "cheque", "letter", "other"] = "invoice"
    """What comes in unless a slip or a person says otherwise (`workflow.kinds`)."""
    batch_seconds: Annotated[float, Field(ge=0, le=86400)] = 0.0
    """Files that follow one another within so many seconds are one batch; 0: each file stands alone."""
    separation: Separation = Separation()
    passport_days: Annotated[int, Field(ge=0, le=3660)] = 31
    """A scanner passport at least every so many days (internal control, clause II); 0: there is no scanner to control."""
    scanner: str = ""
    """Identity of the device that Sceau itself feeds for this station, as `sceau scanners` tells it; empty: asked each time."""
    kind: Literal["folder", "mailbox"] = "folder"
    """mailbox: documents come as attachments by IMAP; they go through the station's folder as a scanner's would."""
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    tls: bool = True
    user: str = ""
    mailbox: str = "INBOX"
    """The IMAP folder."""
    mail_seconds: Annotated[float, Field(ge=0.05, le=86400)] = 60.0
    mail_megabytes: Annotated[int, Field(gt=0)] = 50
    """Larger messages are told and not fetched."""

    @model_validator(mode="after")
    def _mailbox_has_a_server(self) -> Self:
        if self.kind == "mailbox" and not (self.host and self.user):
            raise ValueError(
                f"la station « {self.name} » est une messagerie : donnez host et user, et le mot de passe dans {self.password_variable} "
                f"/ a mailbox needs host and user, and its password in {self.password_variable}"
            )
        return self

    @property
    def password_variable(self) -> str:
        """Name of the environment's variable that holds the mailbox's password."""
        return f"SCEAU_MAILBOX_{self.name.upper().replace('-', '_')}_PASSWORD"


class Intake(Section):
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    quiet_seconds: Annotated[float, Field(ge=0, le=600)] = 1.0
    growing_seconds: Annotated[float, Field(ge=0, le=600)] = 5.0
    """Quiet time for formats that a device may write page by page (TIFF, PDF)."""
    patience_seconds: Annotated[float, Field(gt=0)] = 60.0
    processed_days: Annotated[float, Field(ge=0)] = 7.0
    alert_minutes: Annotated[float, Field(gt=0)] = 15.0
    """Wait of a folder's oldest file after which the screens warn. House policy."""
    max_file_megabytes: Annotated[int, Field(gt=0)] = 4096
    max_pages: Annotated[int, Field(gt=0)] = 2000
    max_megapixels: Annotated[int, Field(gt=0)] = 300


class Identity(Section):
    """The companies that this installation works for: the buyers of what arrives (`ocr.values.Known`). Empty: nothing is known."""

    names: list[Annotated[str, Field(min_length=2, max_length=200)]] = []
    sirens: list[Annotated[str, Field(pattern=r"^\d{9}$")]] = []
    vat_ids: list[Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9A-Z]{2,13}$")]] = []
    ibans: list[Annotated[str, Field(pattern=r"^[A-Z]{2}\d\d[0-9A-Z]{10,30}$")]] = []


class BusinessDays(Section):
    """On which days something may leave by itself: never on weekends and bank holidays, nor on these."""

    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z_]+(/[A-Za-z_+-]+)*$")] = "Europe/Paris"
    """By whose midnight a day begins, and by whose clock the hours below are."""
    alsace_moselle: bool = False
    """Good Friday and 26 December are bank holidays, too (art. L. 3134-13 C. trav.)."""
    closed: list[date] = []
    """The company does not work."""
    forbidden: list[date] = []
    """It works, and nothing leaves."""
    forbidden_weekdays: list[Literal["monday", "tuesday", "wednesday", "thursday", "friday"]] = []

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("fuseau horaire inconnu (exemple : Europe/Paris) / unknown time zone") from error
        return name


class Company(Section):
    """One legal entity of the house: what letters, the dossier, retention and the checks say of it."""

    entity: EntityName
    """Short name, under which its log runs: `entity`, or one of `companies`."""
    name: Annotated[str, Field(min_length=2, max_length=200)]
    siren: Annotated[str, Field(pattern=r"^(\d{9})?$")] = ""
    vat_id: Annotated[str, Field(pattern=r"^([A-Z]{2}[0-9A-Z]{2,13})?$")] = ""
    address: Annotated[str, Field(max_length=500)] = ""
    """Letterhead, its lines parted by line ends."""
    year_end: Annotated[str, Field(pattern=r"^((0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$")] = ""
    """Month and day on which its financial year closes; empty: `retention.financial_year_end`."""
    public: bool = False
    """A public entity: its suppliers bill through Chorus Pro."""
    calendar: BusinessDays | None = None
    """Its own business days, in place of the house's."""
    signatory: Annotated[str, Field(max_length=120)] = ""
    """Who signs its reminders, by name and function; empty: `dunning.signatory`."""
    contact: Annotated[str, Field(max_length=200)] = ""
    """Telephone or e-mail for questions on its reminders; empty: `dunning.contact`."""
    iban: Annotated[str, Field(pattern=r"^([A-Z]{2}\d\d[0-9A-Z]{10,30})?$")] = ""
    """Account to which its customers pay; empty: the first of `identity.ibans`, where the house is one company only."""
    mentions: Literal["", "yes", "no"] = ""
    """Whether its invoices carry the mentions of art. L. 441-9 C. com. on late payment; empty: `dunning.mentions`."""

    @field_validator("iban")
    @classmethod
    def _iban_adds_up(cls, iban: str) -> str:
        if iban and not iban_holds(iban):
            raise ValueError(f"iban : la clé de {iban} est fausse ; recopiez-le du RIB / its check digits are wrong")
        return iban

    @field_validator("siren")
    @classmethod
    def _siren_adds_up(cls, siren: str) -> str:
        if siren and not luhn_holds(siren):
            raise ValueError(
                f"siren : {siren} n'est pas un numéro SIREN, sa clé est fausse ; recopiez-le de l'extrait Kbis / its check digit is wrong"
            )
        return siren


def luhn_holds(digits: str) -> bool:
    """Whether a SIREN's check digit fits (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def iban_holds(iban: str) -> bool:
    """Whether an IBAN's check digits fit (ISO 13616, ISO/IEC 7064 MOD 97-10)."""
    return int("".join(str(int(each, 36)) for each in iban[4:] + iban[:4])) % 97 == 1


class Suppliers(Section):
    """What the house knows of its suppliers."""

    sizes: dict[Annotated[str, Field(pattern=r"^\d{9}$")], Literal["GE", "ETI", "PME", "MICRO"]] = {}
    """SIREN to size: the size sets the day from which an invoice must come electronically."""
    ibans: dict[Annotated[str, Field(pattern=r"^(\d{9}|[A-Z]{2}[0-9A-Z]{2,13})$")], list[str]] = {}
    """SIREN, or VAT number of a supplier abroad, to its accounts as verified; an account that is not among them is told."""


class Channel(Section):
    """How invoices have to come to this house."""

    public: bool = False
    """A public entity: its suppliers bill through Chorus Pro."""
    platform: Annotated[str, Field(max_length=200)] = ""
    """The plateforme agréée that receives its invoices, as a letter to a supplier names it."""


class Direction(Section):
    """What the direction's page reckons with."""

    hour_cost: Annotated[Decimal, Field(ge=0, le=10_000)] = Decimal(0)
    """EUR that an hour of office work costs this house; 0: not set, and no cost is told."""


class Reading(Section):
    engine: Literal["rapidocr", "tesseract"] = "rapidocr"
    languages: str = "fra+eng+deu+nld"
    page_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Wall time that the reading of one page may take before the document is sealed without text."""
    document_seconds: Annotated[float, Field(gt=0)] = 1800.0


class Sealing(Section):
    """With what is sealed. Passwords are never here: the environment holds them (`PASSWORD_VARIABLE`, `PIN_VARIABLE`, `TOKEN_VARIABLE`)."""

    mode: Literal["practice", "production"] = "practice"
    """practice: keys made here, which prove nothing outside; production: the company's own certificate, and no practice one is accepted."""
    source: Literal["pkcs12", "pkcs11", "csc"] = "pkcs12"
    """Where the production key is: in a file, on a token or HSM, at a remote service (Cloud Signature Consortium)."""
    file: str = ""
    """pkcs12: path of the file, from SCEAU_HOME."""
    module: str = ""
    """pkcs11: path of the token's library."""
    token: str = ""
    """pkcs11: label of the token."""
    key: str = ""
    """pkcs11: label of the private key, and of its certificate where the token holds it."""
    certificate: str = ""
    """pkcs11: PEM file of the certificate and those above it, where the token does not hold them."""
    service_url: str = ""
    """csc: address of the service, up to `/csc/v1`; https, for PIN and token go there."""
    credential: str = ""
    """csc: identifier of the credential."""
    location: Annotated[str, Field(max_length=200)] = ""
    """Place written into the seal; empty: none."""
    warn_days: Annotated[int, Field(ge=1, le=365)] = 60
    """Days before its end from which a certificate is warned of."""
    policy_oid: Annotated[str, Field(pattern=r"^[0-2](\.\d+)+$")] = EXAMPLE_POLICY

    @model_validator(mode="after")
    def _key_is_named(self) -> Self:
        # A file that is not named yet is the set-up assistant's to make: nothing is sealed until then.
        needed: dict[str, tuple[str, ...]] = {"pkcs12": (), "pkcs11": ("module", "token", "key"), "csc": ("service_url", "credential")}
        missing = [name for name in needed[self.source] if self.mode == "production" and not getattr(self, name)]
        if missing:
            raise ValueError(
                f'mode = "production", source = "{self.source}" : donnez {", ".join(missing)} / production needs {", ".join(missing)}'
            )
        if self.mode == "production" and self.source == "csc" and not keeps_secrets(self.service_url):
            raise ValueError(
                "service_url : https:// est exigé, le code et le jeton y passent / https:// is required, for PIN and token go there"
            )
        return self


def keeps_secrets(url: str) -> bool:
    """Whether what is sent to an address is read by nobody on the way: https, or this machine itself."""
    try:
        scheme, host = (parts := urlsplit(url)).scheme, parts.hostname or ""
        return bool(host) and (scheme == "https" or (scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)))
    except ValueError:
        return False


PASSWORD_VARIABLE = "SCEAU_SEAL_PASSWORD"  # noqa: S105 the variable's name
PIN_VARIABLE = "SCEAU_SEAL_PIN"
TOKEN_VARIABLE = "SCEAU_SEAL_TOKEN"  # noqa: S105 the variable's name
"""Environment variables: of the PKCS#12 file; of the token or the remote credential; OAuth token of the remote service."""


class Trust(Section):
    """Whom this installation believes, in production: the roots it names, the revocation lists it keeps, the trusted lists it looks up."""

    roots: list[str] = []
    """PEM files, from SCEAU_HOME: roots of the seal's certificate and of the external time authorities."""
    revocation: list[str] = []
    """Revocation lists beside those that the certificates name: files from SCEAU_HOME, or addresses (http, https)."""
    lists_url: str = "https://ec.europa.eu/tools/lotl/eu-lotl.xml"
    """The European list of trusted lists; empty: no trusted list is looked up."""
    lists_signers: str = ""
    """PEM file of those who may sign it; empty: those that pyHanko brings along."""
    territories: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] = ["FR"]
    hours: Annotated[float, Field(ge=0, le=720)] = 24.0
    """In production, lists are fetched every so many hours; 0: on demand only (`sceau keys --fetch`)."""


class ApprovalStep(Section):
    """Who approves invoices of an amount: `workflow.approvals.Step`. Exactly at a threshold the stricter step holds."""

    below: Annotated[Decimal, Field(gt=0)] | None = None
    """Amounts with tax (EUR) smaller than this; absent: all that no other step covers."""
    role: Literal["approver"] = "approver"
    """Whoever holds the role is asked, unless a group or a person is named."""
    group: Annotated[str, Field(max_length=60)] = ""
    person: Annotated[str, Field(max_length=80)] = ""
    """Login."""
    two: bool = False
    """Two people approve, one after the other."""


class Evidence(Section):
    """What is put on the files of each kind of document: `sealing.evidence`."""

    profiles: dict[str, EvidenceProfile] = {}
    """Kind (`workflow.kinds`) to fiscal-min, fiscal-seal or copie-fiable; a kind that is not named is sealed: fiscal-seal."""
    unqualified: Literal["wait", "seal"] = "wait"
    """A copie fiable whose seal and timestamps are not qualified by a trusted list: wait, with its reason, or be sealed as fiscal-seal."""

    @field_validator("profiles")
    @classmethod
    def _kinds_exist(cls, profiles: dict[str, EvidenceProfile]) -> dict[str, EvidenceProfile]:
        if unknown := sorted(set(profiles) - CHOSEN - {kind.code for kind in MADE}):
            raise ValueError(f"« {unknown[0]} » n'est pas un type de document / is no kind of document")
        if refused := refused_profiles(profiles):
            raise ValueError(
                f"« {refused[0]} » ne peut pas être fiscal-min : l'art. A102 B-1 LPF demande une signature, une empreinte seule est "
                "refusée ; mettez fiscal-seal ou copie-fiable "
                f"/ {refused[0]} cannot be fiscal-min: art. A102 B-1 LPF asks for a signature, a fingerprint alone is refused"
            )
        return profiles


class Retention(Section):
    """From when and how long documents are kept: `workflow.retention`."""

    financial_year_end: Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")] = "12-31"
    """Month and day on which the financial year closes; ten years run from there (L. 123-22 C. com.)."""
    asset_years: Annotated[int, Field(ge=0, le=99)] = 20
    """How long the invoice of a fixed asset may still be asked for after its purchase (VAT regularisation: 20 years for buildings)."""


class ArchiveCare(Section):
    """How kept files are read again: `station.fixity`."""

    fixity_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Each original and each archive is read again within so many days. House policy."""
    second_look: Annotated[int, Field(ge=0, le=10_000)] = 10
    """Of every so many archives that are read again, a page of one is drawn by a second renderer; 0: of none."""


class BackupCare(Section):
    """Backups that the station makes, and rehearsals of their restoration: `station.backup`, `station.drills`."""

    folder: str = ""
    """Where backups lie, from SCEAU_HOME; a disk or a share that does not die with this machine. Empty: the station makes none."""
    hours: Annotated[int, Field(ge=0, le=8760)] = 24
    """A backup every so many hours; 0: on demand only (`sceau backup`)."""
    keys: bool = False
    """Whether keys go along, encrypted by the passphrase in `SCEAU_BACKUP_PASSPHRASE`."""
    alert_hours: Annotated[int, Field(ge=1, le=87600)] = 48
    """After so many hours without a whole backup the screens warn. House policy."""
    drill: Literal["off", "weekly", "monthly"] = "monthly"
    """How often the newest backup is restored into a scratch place and verified; a sealed report says what came of it."""
    keep_days: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Of each of so many days that have a backup the newest stays; likewise of weeks and months. 0, 0 and 0: all stay. House policy.

    The settings file of a new house says 14, 8 and 24; one that was written before loses nothing unasked.
    """
    keep_weeks: Annotated[int, Field(ge=0, le=10_000)] = 0
    keep_months: Annotated[int, Field(ge=0, le=10_000)] = 0


class StoreChoice(Section):
    """Where originals and archives lie: `station.stores`. Key and secret come from the environment or the kept secrets."""

    url: str = ""
    """Empty: in SCEAU_HOME; file:///folder (a share, another disk); s3://bucket/prefix?endpoint=https://…&region=…."""
    mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    """Of an object store's locks: whether an account with that right may remove before the date, or nobody."""
    floor_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """An object is locked so long from its arrival; then until the term of its document."""
    copies_megabytes: Annotated[int, Field(ge=64)] = 4096
    """Working copies of an object store's files on this machine, in SCEAU_HOME/fetched; no evidence."""

    @field_validator("url")
    @classmethod
    def _url_says_where(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username or parts.password or "@" in url:
            raise ValueError(
                "une clé n'a pas sa place dans store.url : SCEAU_STORE_KEY et SCEAU_STORE_SECRET "
                "/ store.url takes no key: SCEAU_STORE_KEY and SCEAU_STORE_SECRET"
            )
        known = parts.path.startswith("/") if parts.scheme == "file" and not parts.netloc else bool(parts.scheme == "s3" and parts.netloc)
        if url and not known:
            raise ValueError(
                'store.url : écrire "file:///dossier" ou "s3://compartiment/préfixe?endpoint=https://…" '
                '/ write "file:///folder" or "s3://bucket/prefix?endpoint=https://…"'
            )
        return url


class MailServer(Section):
    """A server that takes messages (SMTP submission), and in whose name they go."""

    sender: Annotated[str, Field(pattern=r"^([^@\s<>,;]+@[^@\s<>,;]+)?$")] = ""
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""


class OutgoingMail(MailServer):
    """What Sceau writes to people and to those whom it reminds. The password is in SCEAU_MAIL_PASSWORD."""

    @model_validator(mode="after")
    def _mail_is_kept_private(self) -> Self:
        if self.host and not self.sender:
            raise ValueError("[mail] : donnez sender, l'adresse d'expéditeur / give sender, the address it comes from")
        if self.tls == "none" and self.user:
            raise ValueError('[mail] : tls = "none" : en clair, aucun mot de passe ne part / no password is sent in the clear')
        if self.tls == "none" and self.host and not keeps_secrets(f"http://{self.host}"):
            raise ValueError('[mail] : tls = "none" ne vaut que pour cette machine (127.0.0.1) / in the clear only to this machine')
        return self


class Mailing(MailServer):
    """Checkpoints by e-mail: a mailbox that somebody else administers keeps them. The password is in SCEAU_LEDGER_MAIL_PASSWORD."""

    to: list[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]] = []
    sender: str = ""

    @model_validator(mode="after")
    def _mail_has_a_server(self) -> Self:
        if self.to and not (self.host and self.sender):
            raise ValueError("[ledger.mail] : donnez host et sender / give host and sender")
        if self.user and self.tls == "none":
            raise ValueError('[ledger.mail] : tls = "none" : en clair, aucun mot de passe ne part / no password is sent in the clear')
        return self


class LogWitness(Section):
    """A witness that countersigns checkpoints (C2SP tlog-witness): another installation of Sceau, or anybody's."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    """Prefix; `/add-checkpoint` is put behind it."""
    vkey: str

    @field_validator("vkey")
    @classmethod
    def _vkey_is_a_witness_s(cls, vkey: str) -> str:
        return _known_vkey(vkey, witness=True)


class WitnessedLog(Section):
    """A log of somebody else whose checkpoints this installation countersigns."""

    vkey: str

    @field_validator("vkey")
    @classmethod
    def _vkey_is_a_log_s(cls, vkey: str) -> str:
        return _known_vkey(vkey, witness=False)


def _known_vkey(vkey: str, *, witness: bool) -> str:
    # Only where a key is set: what signs it takes is not needed by every command.
    from sealing.checkpoint import COSIGNATURE, ED25519, BadNote, parse_vkey

    try:
        key = parse_vkey(vkey)
    except BadNote as error:
        raise ValueError(f"vkey : ce n'est pas une clé C2SP, recopiez-la entière ({error}) / not a verifier key: copy all of it") from error
    if key.algorithm != (COSIGNATURE if witness else ED25519):
        raise ValueError(
            "vkey : un témoin donne sa clé par « sceau ledger witness », un journal la sienne par « sceau ledger show » "
            "/ a witness's key comes from “sceau ledger witness”, a log's from “sceau ledger show”"
        )
    return vkey.strip()


class Ledger(Section):
    """When checkpoints of the log are made, and who keeps them outside this machine."""

    origin: Annotated[str, Field(pattern=r"^[^\s+]{1,150}$")] = "sceau/{entity}"
    """Name of the log in its checkpoints; `{entity}` is replaced."""
    hours: Annotated[float, Field(gt=0, le=24)] = 24.0
    """A checkpoint at least so often, also when nothing happened (NF Z42-013: daily)."""
    entries: Annotated[int, Field(ge=1)] = 1000
    """… and after so many entries."""
    folder: str = ""
    """Where a copy of each checkpoint is written: a share that somebody else administers."""
    witness_name: Annotated[str, Field(pattern=r"^[^\s+]{0,150}$")] = ""
    """Under which this installation countersigns checkpoints of others; empty: `temoin/<entity>`."""
    mail: Mailing = Mailing()
    witness: tuple[LogWitness, ...] = ()
    witnessed: tuple[WitnessedLog, ...] = ()

    @model_validator(mode="after")
    def _witnesses_differ(self) -> Self:
        if len({each.vkey for each in self.witness}) < len(self.witness):
            raise ValueError("deux [[ledger.witness]] ont la même clé / two witnesses have the same key")
        return self


class AccessCare(Section):
    """How long it is kept who read what: `station.access`."""

    months: Annotated[int, Field(ge=6, le=36)] = 12
    """CNIL, recommendation on logs of 2021: six months to a year, up to three years where internal control needs it."""


class Work(Section):
    documents_at_once: Annotated[int, Field(ge=1, le=64)] = 2
    """Of each worker. Where several machines share a database the figure of the one that started last holds for all; each has children for
    its own figure and no more."""
    documents_everywhere: Annotated[int, Field(ge=0)] = 0
    """Of all workers together; 0: no bound. For what they share: a signing service, a token, a time authority."""
    late_readings_at_once: Annotated[int, Field(ge=1, le=64)] = 1
    """Of each worker: sealed documents that are read again, in a queue of their own."""
    child_megabytes: Annotated[int, Field(ge=256)] = 4096
    """Private memory that the kernel grants each child (RLIMIT_DATA: heap and private writable mappings, touched or not); shared libraries
    and mapped files do not count. A child that asks for more gets none, and its page is tried again."""
    child_temp_megabytes: Annotated[int, Field(ge=64)] = 4096
    """What a child may lay down in its own folder of temporary files, and the most that one file of its may grow to (RLIMIT_FSIZE)."""
    confined: bool = True
    """Children that parse what strangers made reach neither network nor other files than theirs, as far as the kernel knows how."""


class Logs(Section):
    """How the process tells what it does, on standard error."""

    form: Literal["text", "json"] = "text"
    """text: a line for a person; json: an object a line, with document, worker, step, duration and cause (`config.logs.FIELDS`)."""


class Alerts(Section):
    """What the house is told of its own workstation, by e-mail and webhook, once when it begins and once when it is over. 0: never told."""

    to: list[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]] = []
    """Addresses; they need [mail]."""
    webhook: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """Address that is told by POST; signed where SCEAU_ALERT_SECRET is set (Standard Webhooks)."""
    queue_minutes: Annotated[float, Field(ge=0)] = 30.0
    """Age of the oldest document that waits for a worker."""
    worker_minutes: Annotated[float, Field(ge=0)] = 2.0
    """Silence of a worker that did not say goodbye."""
    disk_gigabytes: Annotated[float, Field(ge=0)] = 5.0
    """Free space under SCEAU_HOME."""
    disk_days: Annotated[float, Field(ge=0)] = 14.0
    """Days until it is full, as it has been filling up."""
    checkpoint_hours: Annotated[float, Field(ge=0)] = 30.0
    """Age of the newest checkpoint of a ledger that grew since."""
    witness_hours: Annotated[float, Field(ge=0)] = 24.0
    """A checkpoint that has not reached a witness."""
    tsa_minutes: Annotated[float, Field(ge=0)] = 15.0
    """A time authority that gives no timestamp."""
    backup_hours: Annotated[float, Field(ge=0)] = 0.0
    """Age of the newest good backup."""
    backups: bool = True
    """A backup that is late (`backup.alert_hours`) or incomplete, a rehearsed restore that failed or is late."""
    share_minutes: Annotated[float, Field(ge=0)] = 15.0
    """A station's folder that cannot be worked."""
    poison: bool = True
    """A document whose pages ended their processes, or that a worker gave up."""
    clock: bool = True
    """A clock that is not believed."""
    most_an_hour: Annotated[int, Field(ge=1, le=1000)] = 10
    """Messages to each address in an hour; what is more is told by the next one that leaves, and by the digest."""
    digest_hour: Annotated[int, Field(ge=-1, le=23)] = -1
    """UTC hour of a daily message with everything that lasts and what ended since the last one; -1: none."""


class TimeSource(Section):
    """An external time authority (RFC 3161), asked over HTTP."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    policy: Annotated[str, Field(pattern=r"^([0-2](\.\d+)+)?$")] = ""
    """OID under which it must stamp; empty: any."""
    roots: str = ""
    """PEM file, from SCEAU_HOME, of the roots that its certificate must lead to; empty: those of [trust]."""
    user: str = ""
    """HTTP Basic, over https only; empty: no login."""
    seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Time for its whole answer."""

    @model_validator(mode="after")
    def _password_is_kept(self) -> Self:
        if self.user and not keeps_secrets(self.url):
            raise ValueError("url : avec « user », https:// est exigé, le mot de passe y passe / with user, https:// is required")
        return self

    @property
    def password_variable(self) -> str:
        """Name of the environment's variable that holds its password."""
        return f"SCEAU_TIME_{self.name.upper().replace('-', '_')}_PASSWORD"


class Time(Section):
    """Where time comes from, how the clock is checked, and when timestamps are renewed."""

    authorities: tuple[TimeSource, ...] = Field(default=(), alias="authority")
    """External authorities in their order; none: the internal one gives the time."""
    internal_fallback: bool = False
    """Whether the internal authority stands in when none of the external ones answers; if not, documents wait."""
    token_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    """An authority's time may differ from ours by so much; beyond, its token is not used."""
    rest_minutes: Annotated[float, Field(ge=0, le=120)] = 3.0
    """So long an authority that failed is not asked again."""
    servers: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$")]] = []
    """NTP servers by which the clock is checked; three or more, of which one may be wrong."""
    check_minutes: Annotated[float, Field(ge=1, le=60)] = 60.0
    renew_days: Annotated[int, Field(ge=1, le=3650)] = 180
    """Days before its end at which a timestamp's certificate makes an archive renewed."""

    @field_validator("authorities")
    @classmethod
    def _names_differ(cls, authorities: tuple[TimeSource, ...]) -> tuple[TimeSource, ...]:
        if len({each.name for each in authorities}) < len(authorities):
            raise ValueError("deux autorités d'horodatage ont le même nom / two time authorities have the same name")
        return authorities


class Server(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    address: Annotated[str, Field(pattern=r"^(https?://[^\s/?#]+)?$")] = ""
    """Under which people reach it, for the links in e-mails; empty: http, host and port."""
    names: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]] = []
    """Further names by which browsers may ask for it; with these or `address`, any other is refused."""
    other_space: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """Address of the practice space, in the practice space that of production; empty: this machine, at the other's port."""

    @property
    def public_address(self) -> str:
        """Without a slash at its end."""
        return self.address or f"http://{self.host}:{self.port}"


class ClaimRole(Section):
    """Who carries this value in this claim holds this role, from one sign-in to the next."""

    claim: Annotated[str, Field(min_length=1, max_length=200)]
    value: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["mailroom", "clerk", "approver", "receivables", "compliance"]
    """Not administrator, whom a provider's clerk shall not make, nor auditor, whose role needs its last day."""


class Provider(Section):
    """The company's own provider of identities (OpenID Connect); its secret is in SCEAU_OIDC_SECRET."""

    issuer: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """As the provider writes it; empty: none. http only to this machine, for trying it out."""
    client_id: Annotated[str, Field(max_length=200)] = ""
    label: Annotated[str, Field(max_length=60)] = ""
    """What people call it."""
    scope: Annotated[str, Field(pattern=r"^[\x20\x21\x23-\x5b\x5d-\x7e]+$")] = "openid email"
    match: Literal["email", "login", "none"] = "email"
    """How an account that an administrator made is found the first time; afterwards issuer and subject say who it is."""
    login_claim: Annotated[str, Field(max_length=100)] = "preferred_username"
    """With match = "login": the claim that is the account's login. Only if people cannot choose it themselves at the provider."""
    trust_email: bool = False
    """The provider does not say `email_verified`, but gives addresses of the company only."""
    create: bool = False
    """Whoever the provider lets in, and to whom [[sign_in.oidc.role]] gives a role, gets an account."""
    required: bool = False
    """Passwords open only the accounts of `emergency`."""
    emergency: list[str] = []
    """Logins that keep their password for the day when the provider is away."""
    seconds: Annotated[float, Field(gt=0, le=30)] = 5.0
    """Time for each of the provider's answers."""
    roles: tuple[ClaimRole, ...] = Field(default=(), alias="role")

    @model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("[sign_in.oidc] : donnez client_id / give client_id")
        if self.issuer and "openid" not in self.scope.split():
            raise ValueError('[sign_in.oidc] scope : "openid" manque / is missing')
        if self.issuer and not keeps_secrets(self.issuer):
            raise ValueError("[sign_in.oidc] issuer : https:// est exigé hors de ce poste / https is required, save on this machine")
        if self.required and not (self.issuer and self.emergency):
            raise ValueError(
                "[sign_in.oidc] required : nommez dans emergency au moins un compte qui garde son mot de passe "
                "/ name at least one account that keeps its password"
            )
        if self.create and not self.roles:
            raise ValueError("[sign_in.oidc] create : sans [[sign_in.oidc.role]], personne n'aurait de rôle / nobody would have a role")
        return self


class SignIn(Section):
    oidc: Provider = Provider()


class Outgoing(Section):
    """Where this installation may be sent by an address that a form or somebody else's list names: `station.outgoing`."""

    private_hosts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")]] = []
    """Names that may lie in the house's own network."""


class Dunning(Section):
    """Reminders to customers who are late."""

    active: bool = False
    """Without it everything is shown and prepared, and nothing leaves."""
    hour: Annotated[int, Field(ge=0, le=23)] = 8
    """From this hour on what is due on a day leaves."""
    ladders: str = ""
    """A file `*.echelles.yaml` in place of the one that ships, relative to `home`."""
    letters: str = ""
    """A folder of templates that come before those that ship, relative to `home`."""
    contact: Annotated[str, Field(max_length=200)] = ""
    """Telephone or e-mail for questions, as letters name it."""
    signatory: Annotated[str, Field(max_length=120)] = ""
    """Who signs reminders, by name and function: a customer must know whom to answer."""
    mentions: Literal["unknown", "yes", "no"] = "unknown"
    """Whether our own invoices carry the mentions of art. L. 441-9 C. com. on penalties and indemnity: asked of an invoice whose text Sceau
    has not read."""
    interest: Literal["split", "frozen"] = "split"
    """Of private debts that cross a half-year."""
    answer_days: Annotated[int, Field(ge=1, le=60)] = 8
    """Within which a mise en demeure asks for payment."""


class Asked(Section):
    """What circuits may ask by its name: what it takes and gives, each with its type (`workflow.vocabulary.Kind`)."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    takes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")], TypeWord] = {}
    gives: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")], TypeWord] = {}
    seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """For the whole answer."""


class Lookup(Asked):
    """A question to a file or a database (`consulter`): it changes nothing there, and one row answers it."""

    csv: str = ""
    """File, relative to `lookups` in `home`: UTF-8, the first line names the columns; `takes` are compared, `gives` are read."""
    database: Annotated[str, Field(pattern=r"^([a-z][a-z0-9-]{0,39})?$")] = ""
    """Whose address is in the environment: SCEAU_LOOKUP_<NAME>_URL, as SQLAlchemy writes it."""
    select: Annotated[str, Field(max_length=4000)] = ""
    """One SELECT; what is taken stands in it as `:name`, what is given are its columns."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.csv) == bool(self.database) or bool(self.database) != bool(self.select):
            raise ValueError(f"[[lookup]] « {self.name} » : donnez csv, ou database et select / give csv, or database and select")
        words = self.select.strip().rstrip(";").strip()
        if words and (words.split(None, 1)[0].upper() not in ("SELECT", "WITH") or ";" in words):
            raise ValueError(f"[[lookup]] « {self.name} » : select est une seule lecture (SELECT) / one SELECT and nothing else")
        if ".." in Path(self.csv).parts or Path(self.csv).is_absolute():
            raise ValueError(f"[[lookup]] « {self.name} » : csv est un nom dans SCEAU_HOME/lookups / csv is a name in SCEAU_HOME/lookups")
        return self

    @property
    def url_variable(self) -> str:
        """Name of the environment's variable that holds the database's address."""
        return f"SCEAU_LOOKUP_{self.database.upper().replace('-', '_')}_URL"


class Connector(Asked):
    """A service over HTTP (`service`): asked by POST with JSON, answers with JSON. Its secret is in the environment, or in a file."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    secret_file: str = ""
    """Relative to `home`; empty: the environment's SCEAU_CONNECTOR_<NAME>_SECRET, if there is one."""

    @property
    def secret_variable(self) -> str:
        return f"SCEAU_CONNECTOR_{self.name.upper().replace('-', '_')}_SECRET"


class Payables(Section):
    """What the house owes, and who is reminded of it."""

    public_days: Literal[30, 50, 60] = 30
    """Term of a public entity: State and local authorities, public health establishments, public undertakings (R. 2192-10, -11 CCP)."""
    remind: bool = False
    """Those who keep an invoice waiting are reminded by e-mail; without it the days are shown, and nothing leaves."""
    remind_days: Annotated[int, Field(ge=0, le=60)] = 5
    """Days before the due date on which those who are asked are reminded."""
    deputy_days: Annotated[int, Field(ge=-60, le=60)] = 2
    """On which their deputies are told, too; less than 0: after it."""
    manager_days: Annotated[int, Field(ge=-60, le=60)] = 0
    """On which the managers are told."""
    managers: Annotated[str, Field(max_length=60)] = ""
    """Group of those who are told last, and to whom the sums go; empty, not there or with nobody in it: whoever holds the role of
    compliance."""
    digest: bool = False
    """Once a week the accounts get what waits for whom, the managers the sums."""
    digest_day: Literal["monday", "tuesday", "wednesday", "thursday", "friday"] = "monday"
    digest_hour: Annotated[int, Field(ge=0, le=23)] = 8


class Settings(Section):
    """Everything of one installation; `home` is where its data lives."""

    home: Path
    language: Literal["fr", "en"] = "fr"
    entity: EntityName = "essai"
    companies: list[EntityName] = []
    """Other legal entities of the house, each with a log of its own: a document may be corrected into theirs."""
    company: tuple[Company, ...] = ()
    """Legal entities with what is said of them; their names and numbers count as those of [identity], the first one's as the house's."""
    database_url: str | None = None
    server: Server = Server()
    intake: Intake = Intake()
    organisation: Organisation = Organisation()
    identity: Identity = Identity()
    suppliers: Suppliers = Suppliers()
    channel: Channel = Channel()
    direction: Direction = Direction()
    calendar: BusinessDays = BusinessDays()
    dunning: Dunning = Dunning()
    payables: Payables = Payables()
    reading: Reading = Reading()
    sealing: Sealing = Sealing()
    time: Time = Time()
    trust: Trust = Trust()
    evidence: Evidence = Evidence()
    retention: Retention = Retention()
    archive: ArchiveCare = ArchiveCare()
    store: StoreChoice = StoreChoice()
    backup: BackupCare = BackupCare()
    access: AccessCare = AccessCare()
    ledger: Ledger = Ledger()
    approvals: tuple[ApprovalStep, ...] = Field(default=(), alias="approval")
    """None: whoever holds the role approves, whatever the amount."""
    lookups: tuple[Lookup, ...] = Field(default=(), alias="lookup")
    connectors: tuple[Connector, ...] = Field(default=(), alias="connector")
    mail: OutgoingMail = OutgoingMail()
    sign_in: SignIn = SignIn()
    outgoing: Outgoing = Outgoing()
    work: Work = Work()
    logs: Logs = Logs()
    alerts: Alerts = Alerts()
    policies: tuple[Policy, ...] = Field(default=(Policy(),), alias="policy", min_length=1)
    stations: tuple[Station, ...] = Field(default=(Station(name="demo"),), alias="station", validate_default=True)
    _elsewhere: tuple[Station, ...] = PrivateAttr(default=())
    _several: bool = PrivateAttr(default=False)

    @field_validator("companies")
    @classmethod
    def _companies_differ(cls, companies: list[str], info: ValidationInfo) -> list[str]:
        if len({info.data.get("entity"), *companies}) <= len(companies):
            raise ValueError("deux sociétés ont le même nom / two companies have the same name")
        return companies

    @model_validator(mode="after")
    def _companies_are_known(self) -> Self:
        """What stands in [[company]] is said once: it is read wherever [identity], `companies`, [channel] and [retention] are."""
        names = [each.entity for each in self.company]
        if len(set(names)) < len(names):
            raise ValueError("deux [[company]] ont le même « entity » / two [[company]] have the same entity")
        others = [name for name in names if name not in self.entities]
        # Frozen for everybody else: this is still the making of it.
        put = partial(object.__setattr__, self)
        put("companies", [*self.companies, *others])
        told = {
            "names": [each.name for each in self.company],
            "sirens": [each.siren for each in self.company if each.siren],
            "vat_ids": [each.vat_id for each in self.company if each.vat_id],
        }
        known = {name: [*getattr(self.identity, name), *more] for name, more in told.items()}
        put("identity", self.identity.model_copy(update={name: list(dict.fromkeys(all_)) for name, all_ in known.items()}))
        own = self.company_named(self.entity)
        if own is not None:
            put("channel", self.channel.model_copy(update={"public": self.channel.public or own.public}))
            put("retention", self.retention.model_copy(update={"financial_year_end": self.year_end_of(self.entity)}))
        return self

    @model_validator(mode="after")
    def _stations_are_of_the_house(self) -> Self:
        for station in self.stations:
            if self.company_of(station) not in self.entities:
                raise ValueError(
                    f"« {station.entity} », société de « {station.name} », n'est ni entity ni une de companies "
                    f"/ station {station.name} names a company that is not this installation's"
                )
        return self

    @model_validator(mode="after")
    def _each_log_has_an_origin(self) -> Self:
        if self.companies and "{entity}" not in self.ledger.origin:
            raise ValueError("ledger.origin : plusieurs sociétés, donc {entity} dans le nom / several companies need {entity} in the name")
        return self

    @field_validator("approvals")
    @classmethod
    def _steps_are_a_scale(cls, approvals: tuple[ApprovalStep, ...]) -> tuple[ApprovalStep, ...]:
        bounds = [step.below for step in approvals]
        if len(set(bounds)) < len(bounds) or (bounds and None not in bounds):
            raise ValueError(
                "[[approval]] : chaque palier a son montant (below), et le dernier, sans montant, vaut pour tout le reste "
                "/ each step has an amount of its own, and the last one, without any, covers the rest"
            )
        return approvals

    @field_validator("lookups", "connectors")
    @classmethod
    def _asked_differ(cls, asked: tuple[Asked, ...]) -> tuple[Asked, ...]:
        if len({each.name for each in asked}) < len(asked):
            raise ValueError("deux [[lookup]] ou deux [[connector]] ont le même nom / two of them have the same name")
        return asked

    @field_validator("policies")
    @classmethod
    def _versions_differ(cls, policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
        for same in ([(p.name, p.version) for p in policies], [(p.name, p.valid_from) for p in policies]):
            if len(set(same)) < len(same):
                raise ValueError("deux versions d'une politique ont le même numéro ou la même date / two versions of a policy are the same")
        return policies

    @field_validator("stations")
    @classmethod
    def _profiles_exist(cls, stations: tuple[Station, ...], info: ValidationInfo) -> tuple[Station, ...]:
        names = [policy.name for policy in info.data.get("policies", ())]
        for station in stations:
            if names and station.profile not in names:
                raise ValueError(
                    f"« {station.profile} », profil de « {station.name} », n'est le nom d'aucune [[policy]] : {', '.join(names)} "
                    f"/ no policy has the name {station.profile}"
                )
        return stations

    @field_validator("stations")
    @classmethod
    def _names_differ(cls, stations: tuple[Station, ...]) -> tuple[Station, ...]:
        names = [station.name for station in stations]
        if len(set(names)) < len(names):
            raise ValueError("two stations have the same name")
        return stations

    @field_validator("stations")
    @classmethod
    def _folders_differ(cls, stations: tuple[Station, ...], info: ValidationInfo) -> tuple[Station, ...]:
        """Two stations in one folder would take each other's files; links and `..` do not hide that it is one."""
        owners: dict[Path, str] = {}
        for station in stations if "home" in info.data else ():
            folder = _folder(info.data["home"], station).resolve()
            if (other := owners.setdefault(folder, station.name)) != station.name:
                raise ValueError(
                    f"« {other} » et « {station.name} » ont le même dossier, {folder} : donnez à chaque poste le sien "
                    f"/ stations {other} and {station.name} share one folder: give each its own"
                )
        return stations

    @field_validator("stations")
    @classmethod
    def _folders_are_free(cls, stations: tuple[Station, ...], info: ValidationInfo) -> tuple[Station, ...]:
        """What lies in a station's folder is taken in and moved: never the house's own files."""
        home: Path = info.data.get("home", Path())
        for station in stations if "home" in info.data else ():
            folder, house = _folder(home, station).resolve(), home.resolve()
            room = folder.relative_to(house).parts[:1] if folder.is_relative_to(house) else None
            if house.is_relative_to(folder) or (room is not None and room[0] in OWN_ROOMS):
                raise ValueError(
                    f"« {station.name} » ne peut pas prendre {folder} : Sceau y range ses propres fichiers. Choisissez par exemple "
                    f"stations/{station.name} / {folder} holds Sceau's own files and cannot be a station's folder"
                )
        return stations

    def folder_of(self, station: Station) -> Path:
        """Absolute path of the folder in which the station's scanner writes."""
        return _folder(self.home, station)

    def company_named(self, entity: str) -> Company | None:
        """What is said of a legal entity; None where nothing is."""
        return next((each for each in self.company if each.entity == entity), None)

    def year_end_of(self, entity: str) -> str:
        """Month and day (`12-31`) on which an entity's financial year closes."""
        company = self.company_named(entity)
        return company.year_end if company is not None and company.year_end else self.retention.financial_year_end

    def is_public(self, entity: str) -> bool:
        """Whether an entity's suppliers bill through Chorus Pro."""
        company = self.company_named(entity)
        return self.channel.public if company is None else company.public

    @property
    def entities(self) -> tuple[str, ...]:
        """Every legal entity of the house, its own first."""
        return (self.entity, *self.companies)

    def company_of(self, station: Station) -> str:
        """Whose documents come in at a station."""
        return station.entity or self.entity

    def of_company(self, entity: str, stations: Collection[str] | None = None) -> Self:
        """The installation as one of its companies sees it: alone, with its own stations, or with those of them that are named.

        A company that the house does not have owns nothing.
        """
        own = tuple(each for each in self.stations if self.company_of(each) == entity and (stations is None or each.name in stations))
        told = tuple(each for each in self.company if each.entity == entity)
        calendar = next((each.calendar for each in told if each.calendar is not None), self.calendar)
        seen = self.model_copy(update={"entity": entity, "companies": [], "company": told, "stations": own, "calendar": calendar})
        seen._elsewhere = tuple(each for each in self.known_stations if each not in own)
        seen._several = self.is_group
        return seen

    @property
    def own_ibans(self) -> tuple[str, ...]:
        """Accounts of the companies that these settings show: what is paid to them is paid to us."""
        told = (*self.identity.ibans, *(each.iban for each in self.company))
        return tuple(dict.fromkeys("".join(each.split()).upper() for each in told if each))

    @property
    def is_group(self) -> bool:
        """Whether the house is several companies, also as one of them sees it: what stands in [identity] is then no single one's."""
        return self._several or len(self.entities) > 1

    @property
    def known_stations(self) -> tuple[Station, ...]:
        """Every station of the house, those of other companies last: a document may have come in at one and been handed over since."""
        return (*self.stations, *self._elsewhere)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or self.own_file

    @property
    def own_file(self) -> str:
        """The database's URL where none was chosen."""
        return f"sqlite:///{self.home / 'sceau.db'}"


def _folder(home: Path, station: Station) -> Path:
    return (home / (station.folder or Path("stations") / station.name)).absolute()


FILE_NAME = "sceau.toml"


def example_text() -> str:
    """The commented settings file as shipped."""
    return resources.files("config").joinpath("sceau.example.toml").read_text(encoding="utf-8")


def data_home(environment: Mapping[str, str]) -> Path:
    """SCEAU_HOME, or ./var."""
    return Path(environment.get("SCEAU_HOME") or "var").absolute()


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings of SCEAU_HOME/sceau.toml; where there is none yet, the shipped ones.

    Raises Unusable with file, key and reason.
    """
    home = data_home(environment)
    file = home / FILE_NAME
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else example_text()
        return Settings.model_validate({**tomllib.loads(text), "home": home})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unusable(f"{file}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise Unusable(f"{file}: {key}: {first['msg'].removeprefix('Value error, ')}") from error


def make_folder(folder: Path) -> None:
    """A folder under SCEAU_HOME, for this account alone. Raises Unusable where it cannot be; a full disk stays an OSError."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unusable(
            f"SCEAU_HOME : {folder} ne peut pas servir ({error.strerror}). Donnez un dossier où ce compte peut écrire. / "
            "Give a folder that this account can write to."
        ) from error


def write_example(home: Path) -> Path:
    """Put the commented settings file into `home` where there is none; returns its path."""
    make_folder(home)
    file = home / FILE_NAME
    if not file.exists():
        file.write_text(example_text(), encoding="utf-8")
    return file
