"""Trusted lists for tests, in the shapes of ETSI TS 119 612, signed (XAdES) by a scheme operator of our own."""

import base64
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from lxml import etree
from pki import DAY, Issued, company, issue, qualified_seal
from signxml.xades.xades import XAdESSigner

NOW_ISH = datetime.fromisoformat("2026-11-01T00:00:00+00:00")
TSL = "http://uri.etsi.org/02231/v2#"
EXTRA = "http://uri.etsi.org/02231/v2/additionaltypes#"
URI = "http://uri.etsi.org/TrstSvc"
CA_QC, QTST = f"{URI}/Svctype/CA/QC", f"{URI}/Svctype/TSA/QTST"
GRANTED, WITHDRAWN = f"{URI}/TrustedList/Svcstatus/granted", f"{URI}/TrustedList/Svcstatus/withdrawn"
LOTL_URL, FR_URL, BE_URL = "http://lists.example/lotl.xml", "http://lists.example/fr.xml", "http://lists.example/be.xml"


@functools.cache
def operator(name: str = "Opérateur") -> Issued:
    """Who signs lists: valid for years around the present, for a list is checked as of the machine's clock."""
    return issue(name, usage=("digital_signature",), begin=NOW_ISH - 400 * DAY, company="Opérateur de listes")


@functools.cache
def qualified() -> Issued:
    """A certificate for seals that says of itself that it is qualified."""
    return issue("Exemple SA - cachet qualifié", company().issuing, extra=[qualified_seal()])


@dataclass(frozen=True, slots=True)
class Service:
    """One trust service of a list."""

    certificate: Issued
    name: str = "Exemple AC qualifiée"
    kind: str = CA_QC
    status: str = GRANTED
    since: datetime = NOW_ISH - 300 * DAY
    history: Sequence[tuple[str, datetime]] = ()
    """Earlier statuses and their beginnings, newest first."""


def _one(tag: str, text: str = "", *inner: str) -> str:
    return f"<{tag}>{text}{''.join(inner)}</{tag}>"


def _named(tag: str, text: str) -> str:
    return _one(tag, "", f'<Name xml:lang="en">{text}</Name>')


def _identity(*certificates: Issued) -> str:
    told = "".join(_one("DigitalId", "", _one("X509Certificate", _base64(each))) for each in certificates)
    return _one("ServiceDigitalIdentity", "", told)


def _base64(issued: Issued) -> str:
    return base64.b64encode(issued.certificate.public_bytes(serialization.Encoding.DER)).decode()


def _at(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _scheme(territory: str, sequence: int, pointers: str, issued: datetime, until: datetime | None) -> str:
    uri = '<URI xml:lang="en">http://lists.example/info</URI>'
    return _one(
        "SchemeInformation",
        "",
        _one("TSLVersionIdentifier", "5"),
        _one("TSLSequenceNumber", str(sequence)),
        _one("TSLType", f"{URI}/TrustedList/TSLType/{'EUlistofthelists' if pointers else 'EUgeneric'}"),
        _named("SchemeOperatorName", "Opérateur"),
        _named("SchemeName", f"{territory}: essai"),
        _one("SchemeInformationURI", "", uri),
        _one("StatusDeterminationApproach", f"{URI}/TrustedList/StatusDetn/EUappropriate"),
        _one("SchemeTypeCommunityRules", "", f'<URI xml:lang="en">{URI}/TrustedList/schemerules/EUcommon</URI>'),
        _one("SchemeTerritory", territory),
        _one("HistoricalInformationPeriod", "65535"),
        pointers,
        _one("ListIssueDateTime", _at(issued)),
        _one("NextUpdate", "", _one("dateTime", _at(until)) if until else ""),
    )


def _pointer(territory: str, url: str, signers: Sequence[Issued]) -> str:
    additional = (
        "<AdditionalInformation>"
        f"<OtherInformation><SchemeTerritory>{territory}</SchemeTerritory></OtherInformation>"
        '<OtherInformation><SchemeTypeCommunityRules><URI xml:lang="en">http://lists.example/rules</URI></SchemeTypeCommunityRules>'
        "</OtherInformation>"
        f'<OtherInformation><ns3:MimeType xmlns:ns3="{EXTRA}">application/vnd.etsi.tsl+xml</ns3:MimeType></OtherInformation>'
        "</AdditionalInformation>"
    )
    identities = _one("ServiceDigitalIdentities", "", _identity(*signers))
    return _one("OtherTSLPointer", "", identities, _one("TSLLocation", url), additional)


def _service(told: Service) -> str:
    def information(tag: str, status: str, since: datetime) -> str:
        return _one(
            tag,
            "",
            _one("ServiceTypeIdentifier", told.kind),
            _named("ServiceName", told.name),
            _identity(told.certificate),
            _one("ServiceStatus", status),
            _one("StatusStartingTime", _at(since)),
        )

    history = "".join(information("ServiceHistoryInstance", status, since) for status, since in told.history)
    now = information("ServiceInformation", told.status, told.since)
    return _one("TSPService", "", now, _one("ServiceHistory", "", history) if history else "")


def _provider(services: Sequence[Service]) -> str:
    listed = _one("TSPServices", "", *(_service(each) for each in services))
    return _one("TrustServiceProvider", "", _one("TSPInformation", "", _named("TSPName", "Exemple")), listed)


def signed_list(xml: str, by: Issued) -> str:
    """Enveloped XAdES over the whole list, its properties included."""
    data = etree.fromstring(f'<TrustServiceStatusList xmlns="{TSL}" Id="tsl" TSLTag="{URI}/TSLTag">{xml}</TrustServiceStatusList>')
    pem = by.pem.decode()
    signed = XAdESSigner(signature_algorithm="ecdsa-sha256").sign(data, key=by.key, cert=pem, always_add_key_value=False)
    return str(etree.tostring(signed, encoding="unicode"))


def national(
    *services: Service,
    territory: str = "FR",
    sequence: int = 10,
    until: datetime | None = NOW_ISH + 90 * DAY,
    by: Issued | None = None,
) -> str:
    """A territory's list."""
    scheme = _scheme(territory, sequence, "", NOW_ISH - timedelta(days=30), until)
    providers = _one("TrustServiceProviderList", "", _provider(services))
    return signed_list(scheme + providers, by or operator())


def list_of_lists(sequence: int = 400, until: datetime | None = NOW_ISH + 90 * DAY, by: Issued | None = None) -> str:
    """Points to France and Belgium."""
    pointers = _one("PointersToOtherTSL", "", *(_pointer(t, url, [operator()]) for t, url in (("FR", FR_URL), ("BE", BE_URL))))
    return signed_list(_scheme("EU", sequence, pointers, NOW_ISH - 30 * DAY, until), by or operator("Commission"))
