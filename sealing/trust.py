"""Trusted lists (ETSI TS 119 612): whether a certificate is qualified in the sense of eIDAS, by lists that are handed in as text.

Nothing is fetched. Where no list is at hand, or the one at hand is past its date, the answer is `Unknown`, never a yes.
"""

# pyHanko annotates most of its interface, not all of it.
# mypy: disable-error-code="no-untyped-call"

import asyncio
import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import x509
from lxml import etree
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.qualified import eutl_parse
from pyhanko.sign.validation.qualified.assess import QualificationAssessor
from pyhanko.sign.validation.qualified.eutl_parse import LOTL_RULE, TLReference
from pyhanko.sign.validation.qualified.tsp import QTST_URI, QcCertType, TSPRegistry, TSPTrustManager
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath

from capture.catalogue import finding
from capture.findings import Finding
from sealing.qualification import NotQualified, Qualification, Qualified, Unknown

# What pyHanko would write to the log is what the answers say in words.
for _name in ("pyhanko.sign.validation.qualified.assess", "pyhanko.sign.validation.qualified.eutl_parse"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

EU = "EU"
"""Territory of the list of lists."""

TSL = "{http://uri.etsi.org/02231/v2#}"
KINDS = {QcCertType.QC_ESIGN: "signature", QcCertType.QC_ESEAL: "seal", QcCertType.QC_WEB: "website"}


class UntrustedList(Exception):
    """The list is not signed by one of those who may, or is none."""


@dataclass(frozen=True, slots=True)
class TrustedList:
    """One territory's list whose signature was found good."""

    territory: str
    address: str
    sequence: int
    """TSLSequenceNumber: rises with each edition."""
    issued: datetime
    next_update: datetime | None
    """None: the scheme is closed, and its list vouches for nothing any more."""
    sha256: str
    """Hexadecimal, of the file as it was fetched."""
    registry: TSPRegistry
    references: tuple[TLReference, ...] = ()
    """The lists to which a list of lists points."""

    def stale(self, moment: datetime) -> bool:
        return self.next_update is None or moment > self.next_update


@dataclass(frozen=True, slots=True)
class TrustedLists:
    """The lists at hand, and what is wrong with those that are not."""

    lists: tuple[TrustedList, ...] = ()
    troubles: tuple[str, ...] = ()

    def warnings(self, moment: datetime) -> tuple[Finding, ...]:
        """`trusted-list-old` for each list past its date, `trusted-list-refused` for each that was not believed."""
        old = [
            finding("trusted-list-old", measured=each.territory, limit=_day(each.next_update)) for each in self.lists if each.stale(moment)
        ]
        return (*old, *(finding("trusted-list-refused", measured=trouble) for trouble in self.troubles))


def read_list(xml: str, signers: Sequence[x509.Certificate], address: str, moment: datetime | None = None) -> TrustedList:
    """One list, its XAdES signature checked against those who may sign it, as of `moment` (now if it is not given).

    Raises UntrustedList.
    """
    try:
        # What follows is read from the signed part only: a signature may cover less than the file.
        signed = eutl_parse._validate_and_extract_tl_data_multiple_certs(xml, list(signers), moment)
        territory, sequence, issued, next_update = _scheme(signed)
        references: Sequence[TLReference] = ()
        registry = TSPRegistry()
        if territory == EU:
            references = eutl_parse.parse_lotl_unsafe(signed).references
        else:
            eutl_parse.trust_list_to_registry_unsafe(signed, registry)
    except (SignatureValidationError, ValueError, KeyError, AttributeError, TypeError, etree.LxmlError, AssertionError) as error:
        raise UntrustedList(f"{address}: {' '.join(str(error).split())[:300]}") from error
    sha256 = hashlib.sha256(xml.encode("utf-8")).hexdigest()
    return TrustedList(territory, address, sequence, issued, next_update, sha256, registry, tuple(references))


def known_signers() -> tuple[x509.Certificate, ...]:
    """Those who may sign the European list of lists, as pyHanko brings them along."""
    return tuple(eutl_parse.latest_known_lotl_tlso_certs())


def references_of(lotl: TrustedList, territories: Collection[str]) -> tuple[TLReference, ...]:
    """The lists of these territories to which the list of lists points."""
    return tuple(each for each in lotl.references if LOTL_RULE not in each.scheme_rules and each.territory in territories)


def read_lists(
    address: str,
    texts: Mapping[str, str],
    signers: Sequence[x509.Certificate],
    territories: Collection[str],
    moment: datetime | None = None,
) -> TrustedLists:
    """The list of lists at `address` and those of the territories, from their texts by address; each is believed by its signature."""
    if address not in texts:
        return TrustedLists()
    try:
        lotl = read_list(texts[address], signers, address, moment)
    except UntrustedList as error:
        return TrustedLists(troubles=(str(error),))
    lists, troubles = [lotl], []
    for reference in references_of(lotl, territories):
        if reference.location_uri not in texts:
            continue
        try:
            found = read_list(texts[reference.location_uri], reference.tlso_certs, reference.location_uri, moment)
        except UntrustedList as error:
            troubles.append(str(error))
            continue
        if found.territory == reference.territory:
            lists.append(found)
        else:
            troubles.append(f"{reference.location_uri}: list of {found.territory} where that of {reference.territory} was expected")
    return TrustedLists(tuple(lists), tuple(troubles))


def qualification_of(chain: Sequence[x509.Certificate], lists: TrustedLists, moment: datetime) -> Qualification:
    """Whether the first certificate of a chain is qualified at a moment (with its time zone), and by which service.

    TS 119 615, 4.4 and 4.5. The chain may leave its root out. Revocation is not looked at here.
    """
    national = [each for each in lists.lists if each.territory != EU]
    if not national:
        return Unknown("; ".join(lists.troubles) or "aucune liste de confiance en main / no trusted list at hand")
    if old := [each for each in lists.lists if each.stale(moment)]:
        return Unknown("; ".join(f"list {each.territory} past its date ({_day(each.next_update)})" for each in old))
    found = [_by_list(chain, each, moment) for each in national]
    if qualified := next((each for each in found if isinstance(each, Qualified)), None):
        return qualified
    country = _country(chain[0])
    if country not in {each.territory for each in national}:
        return Unknown(f"issuer of {country or 'no country'}, whose list is not at hand")
    return next(each for each, listed in zip(found, national, strict=True) if listed.territory == country)


def _by_list(chain: Sequence[x509.Certificate], listed: TrustedList, moment: datetime) -> Qualification:
    try:
        path = asyncio.run(_path(chain, listed.registry, moment))
    except (PathError, ValidationError, ValueError):
        return NotQualified(f"no service of the list {listed.territory} stands behind it, or none in force on {_day(moment)}")
    services = [each.base_info for each in listed.registry.applicable_tsps_on_path(path, moment)]
    if stamping := next((each for each in services if each.service_type == QTST_URI), None):
        # A time authority is qualified by being listed: its certificate need not say so (TS 119 615, 4.5).
        return Qualified("timestamp", stamping.service_name, listed.territory, qscd=False, list_sha256=listed.sha256)
    try:
        result = QualificationAssessor(listed.registry).check_entity_cert_qualified(path, moment)
    except NotImplementedError as error:
        return Unknown(str(error))
    if result.service_definition is None:
        return NotQualified(f"no service of the list {listed.territory} stands behind it, or none in force on {_day(moment)}")
    if not result.status.qualified:
        return NotQualified(f"{result.service_definition.base_info.service_name}: this certificate is not a qualified one")
    service = result.service_definition.base_info.service_name
    return Qualified(KINDS[result.status.qc_type], service, listed.territory, result.status.qc_key_security.is_qscd, listed.sha256)


async def _path(chain: Sequence[x509.Certificate], registry: TSPRegistry, moment: datetime) -> ValidationPath:
    context = ValidationContext(
        trust_manager=TSPTrustManager(registry), moment=moment.astimezone(UTC), allow_fetching=False, revocation_mode="soft-fail"
    )
    return await CertificateValidator(chain[0], intermediate_certs=list(chain[1:]), validation_context=context).async_validate_path()


def _country(certificate: x509.Certificate) -> str | None:
    told = certificate.issuer.native.get("country_name")
    return str(told).upper() if told else None


def _scheme(xml: str) -> tuple[str, int, datetime, datetime | None]:
    """Territory, sequence number, and the two dates (TS 119 612, 5.3.10, 5.3.2, 5.3.14, 5.3.15)."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    scheme = etree.fromstring(xml.encode("utf-8"), parser).find(f"{TSL}SchemeInformation")
    if scheme is None:
        raise ValueError("no SchemeInformation")
    next_update = scheme.findtext(f"{TSL}NextUpdate/{TSL}dateTime")
    return (
        _text(scheme.findtext(f"{TSL}SchemeTerritory")).strip().upper(),
        int(_text(scheme.findtext(f"{TSL}TSLSequenceNumber"))),
        _moment(_text(scheme.findtext(f"{TSL}ListIssueDateTime"))),
        _moment(next_update) if next_update else None,
    )


def _text(found: str | None) -> str:
    if not found:
        raise ValueError("the scheme does not say territory, sequence or date")
    return found


def _moment(text: str) -> datetime:
    told = datetime.fromisoformat(text.strip())
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "closed"
