"""Where the business terms of EN 16931-1 stand in an XML invoice: CII (Factur-X, ZUGFeRD, ZUGFeRD 1 too) and UBL 2.1, one table of paths.

The paths are those of CEN/TS 16931-3-2 (UBL) and -3-3 (CII). Namespaces are not compared below the root: they carry version numbers, and
the names of the elements do not clash. What the terms mean as fields is the business of `ocr.structured`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias

from lxml import etree

MAX_BYTES = 16 << 20
"""Of one XML file. A text of more than 10 MB in one element is refused by libxml2 itself."""
MAX_TEXT = 2000
"""Characters of one value."""

Node: TypeAlias = Any
"""An lxml element; lxml brings no types."""


class Syntax(StrEnum):
    """How the invoice is written."""

    CII = "cii"
    ZUGFERD_1 = "zugferd-1"
    UBL_INVOICE = "ubl-invoice"
    UBL_CREDIT_NOTE = "ubl-credit-note"


class NoInvoice(ValueError):
    """These bytes are no invoice that may be read: `reason` is doctype, too-large, malformed or not-invoice."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def parse_xml(xml: bytes) -> Node:
    """The root, comments left out. No DTD, no entity, nothing fetched, bounded. Raises NoInvoice."""
    if len(xml) > MAX_BYTES:
        raise NoInvoice("too-large", f"{len(xml) >> 20} Mo > {MAX_BYTES >> 20} Mo")
    if b"<!DOCTYPE" in xml:
        raise NoInvoice("doctype")  # No invoice of these formats has one; with none there are no entities.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        # Blanks before the declaration are no XML, and common.
        root = etree.fromstring(xml.lstrip(b" \t\r\n"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NoInvoice("malformed", str(error)[:200]) from error
    if root is None:
        raise NoInvoice("malformed")
    if root.getroottree().docinfo.doctype:
        raise NoInvoice("doctype")  # In another encoding than ASCII's.
    return root


def syntax_of(root: Node) -> Syntax | None:
    """By the name of the root and its namespace; None where it is no invoice (an order, a life-cycle message…)."""
    found = etree.QName(root)
    return next((syntax for name, space, syntax in ROOTS if found.localname == name and (found.namespace or "").startswith(space)), None)


ROOTS = (
    ("CrossIndustryInvoice", "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:", Syntax.CII),
    ("CrossIndustryDocument", "urn:ferd:CrossIndustryDocument:invoice:", Syntax.ZUGFERD_1),
    ("Invoice", "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2", Syntax.UBL_INVOICE),
    ("CreditNote", "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2", Syntax.UBL_CREDIT_NOTE),
)
"""Local name, beginning of the namespace."""


LEVELS = (
    ("extended-ctc-fr", "EXTENDED-CTC-FR"), ("extended", "EXTENDED"), ("comfort", "COMFORT"), ("basicwl", "BASIC WL"), ("basic", "BASIC"),
    ("minimum", "MINIMUM"), ("xrechnung", "XRechnung"), ("peppol", "Peppol BIS"), ("en16931", "EN 16931"),
)  # fmt: skip
"""By what a guideline (BT-24) contains; the first that fits, for all of them contain en16931."""


def level_of(guideline: str | None) -> str:
    """The profile that BT-24 names; empty where it names none that is known."""
    plain = (guideline or "").casefold().replace("-wl", "wl")
    return next((level for part, level in LEVELS if part in plain), "")


# --- the table: where each business term stands ---

_DEAL = "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement"
_DELIVERY = "SupplyChainTradeTransaction/ApplicableHeaderTradeDelivery"
_PAYING = "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement"
_SUMS = f"{_PAYING}/SpecifiedTradeSettlementHeaderMonetarySummation"
_SELLER, _BUYER = f"{_DEAL}/SellerTradeParty", f"{_DEAL}/BuyerTradeParty"
_SUPPLIER, _CUSTOMER = "AccountingSupplierParty/Party", "AccountingCustomerParty/Party"


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a term stands in either syntax; the first place that has a value counts."""

    cii: tuple[str, ...]
    ubl: tuple[str, ...]


PATHS: dict[str, Paths] = {
    "BT-1": Paths(("ExchangedDocument/ID",), ("ID",)),
    "BT-2": Paths(("ExchangedDocument/IssueDateTime/DateTimeString",), ("IssueDate",)),
    "BT-3": Paths(("ExchangedDocument/TypeCode",), ("InvoiceTypeCode", "CreditNoteTypeCode")),
    "BT-5": Paths((f"{_PAYING}/InvoiceCurrencyCode",), ("DocumentCurrencyCode",)),
    "BT-9": Paths(
        (f"{_PAYING}/SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString",),
        ("DueDate", "PaymentMeans/PaymentDueDate", "PaymentTerms/PaymentDueDate"),
    ),
    "BT-10": Paths((f"{_DEAL}/BuyerReference",), ("BuyerReference",)),
    "BT-12": Paths((f"{_DEAL}/ContractReferencedDocument/IssuerAssignedID",), ("ContractDocumentReference/ID",)),
    "BT-13": Paths((f"{_DEAL}/BuyerOrderReferencedDocument/IssuerAssignedID",), ("OrderReference/ID",)),
    "BT-17": Paths((f"{_DEAL}/AdditionalReferencedDocument[TypeCode='50']/IssuerAssignedID",), ("OriginatorDocumentReference/ID",)),
    "BT-20": Paths((f"{_PAYING}/SpecifiedTradePaymentTerms/Description",), ("PaymentTerms/Note",)),
    "BT-23": Paths(("ExchangedDocumentContext/BusinessProcessSpecifiedDocumentContextParameter/ID",), ("ProfileID",)),
    "BT-24": Paths(("ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID",), ("CustomizationID",)),
    "BT-27": Paths((f"{_SELLER}/Name",), (f"{_SUPPLIER}/PartyLegalEntity/RegistrationName", f"{_SUPPLIER}/PartyName/Name")),
    "BT-29": Paths(
        (
            f"{_SELLER}/GlobalID[@schemeID='0009']",
            f"{_SELLER}/ID[@schemeID='0009']",
            f"{_SELLER}/SpecifiedLegalOrganization/ID[@schemeID='0009']",
            f"{_SELLER}/SpecifiedLegalOrganization/ID",
        ),
        (
            f"{_SUPPLIER}/PartyIdentification/ID[@schemeID='0009']",
            f"{_SUPPLIER}/PartyLegalEntity/CompanyID[@schemeID='0009']",
            f"{_SUPPLIER}/PartyLegalEntity/CompanyID",
        ),
    ),
    "BT-30": Paths(
        (
            f"{_SELLER}/SpecifiedLegalOrganization/ID[@schemeID='0002']",
            f"{_SELLER}/GlobalID[@schemeID='0002']",
            f"{_SELLER}/ID[@schemeID='0002']",
            f"{_SELLER}/GlobalID[@schemeID='0009']",
            f"{_SELLER}/SpecifiedLegalOrganization/ID[@schemeID='0009']",
        ),
        (
            f"{_SUPPLIER}/PartyLegalEntity/CompanyID[@schemeID='0002']",
            f"{_SUPPLIER}/PartyIdentification/ID[@schemeID='0002']",
            f"{_SUPPLIER}/PartyIdentification/ID[@schemeID='0009']",
            f"{_SUPPLIER}/PartyLegalEntity/CompanyID[@schemeID='0009']",
        ),
    ),
    "BT-31": Paths(
        (f"{_SELLER}/SpecifiedTaxRegistration/ID[@schemeID='VA']",),
        (f"{_SUPPLIER}/PartyTaxScheme[TaxScheme/ID='VAT']/CompanyID", f"{_SUPPLIER}/PartyTaxScheme[not(TaxScheme/ID)]/CompanyID"),
    ),
    "BT-40": Paths((f"{_SELLER}/PostalTradeAddress/CountryID",), (f"{_SUPPLIER}/PostalAddress/Country/IdentificationCode",)),
    "BT-44": Paths((f"{_BUYER}/Name",), (f"{_CUSTOMER}/PartyLegalEntity/RegistrationName", f"{_CUSTOMER}/PartyName/Name")),
    "BT-47": Paths(
        (
            f"{_BUYER}/SpecifiedLegalOrganization/ID[@schemeID='0002']",
            f"{_BUYER}/GlobalID[@schemeID='0002']",
            f"{_BUYER}/ID[@schemeID='0002']",
            f"{_BUYER}/GlobalID[@schemeID='0009']",
            f"{_BUYER}/ID[@schemeID='0009']",
            f"{_BUYER}/SpecifiedLegalOrganization/ID[@schemeID='0009']",
        ),
        (
            f"{_CUSTOMER}/PartyLegalEntity/CompanyID[@schemeID='0002']",
            f"{_CUSTOMER}/PartyIdentification/ID[@schemeID='0002']",
            f"{_CUSTOMER}/PartyIdentification/ID[@schemeID='0009']",
            f"{_CUSTOMER}/PartyLegalEntity/CompanyID[@schemeID='0009']",
        ),
    ),
    "BT-55": Paths((f"{_BUYER}/PostalTradeAddress/CountryID",), (f"{_CUSTOMER}/PostalAddress/Country/IdentificationCode",)),
    "BT-72": Paths((f"{_DELIVERY}/ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString",), ("Delivery/ActualDeliveryDate",)),
    "BT-84": Paths(
        (f"{_PAYING}/SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/IBANID",),
        ("PaymentMeans/PayeeFinancialAccount/ID",),
    ),
    "BT-86": Paths(
        (f"{_PAYING}/SpecifiedTradeSettlementPaymentMeans/PayeeSpecifiedCreditorFinancialInstitution/BICID",),
        (
            "PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/ID",
            "PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/FinancialInstitution/ID",
        ),
    ),
    "BT-109": Paths((f"{_SUMS}/TaxBasisTotalAmount",), ("LegalMonetaryTotal/TaxExclusiveAmount",)),
    "BT-110": Paths((f"{_SUMS}/TaxTotalAmount",), ("TaxTotal/TaxAmount",)),
    "BT-112": Paths((f"{_SUMS}/GrandTotalAmount",), ("LegalMonetaryTotal/TaxInclusiveAmount",)),
    "BT-113": Paths((f"{_SUMS}/TotalPrepaidAmount",), ("LegalMonetaryTotal/PrepaidAmount",)),
    "BT-115": Paths((f"{_SUMS}/DuePayableAmount",), ("LegalMonetaryTotal/PayableAmount",)),
    # Rows, and what stands in each of them.
    "BG-23": Paths((f"{_PAYING}/ApplicableTradeTax",), ("TaxTotal/TaxSubtotal",)),
    "BT-116": Paths(("BasisAmount",), ("TaxableAmount",)),
    "BT-117": Paths(("CalculatedAmount",), ("TaxAmount",)),
    "BT-119": Paths(("RateApplicablePercent",), ("TaxCategory/Percent", "Percent")),
    "BG-25": Paths(("SupplyChainTradeTransaction/IncludedSupplyChainTradeLineItem",), ("InvoiceLine", "CreditNoteLine")),
    "BT-129": Paths(("SpecifiedLineTradeDelivery/BilledQuantity",), ("InvoicedQuantity", "CreditedQuantity")),
    "BT-131": Paths(
        ("SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount",), ("LineExtensionAmount",)
    ),
    "BT-146": Paths(("SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount",), ("Price/PriceAmount",)),
    "BT-149": Paths(("SpecifiedLineTradeAgreement/NetPriceProductTradePrice/BasisQuantity",), ("Price/BaseQuantity",)),
    "BT-152": Paths(
        ("SpecifiedLineTradeSettlement/ApplicableTradeTax/RateApplicablePercent",),
        ("Item/ClassifiedTaxCategory/Percent", "TaxTotal/TaxSubtotal/TaxCategory/Percent", "TaxTotal/TaxSubtotal/Percent"),
    ),
    "BT-153": Paths(("SpecifiedTradeProduct/Name",), ("Item/Name",)),
    "BT-154": Paths(("SpecifiedTradeProduct/Description",), ("Item/Description",)),
    "BT-X-8": Paths(("AssociatedDocumentLineDocument/LineStatusReasonCode",), ()),
}
"""By the number of the term; BT-X-8 (kind of line) is Factur-X EXTENDED's."""

OLD_NAMES = {
    "ExchangedDocumentContext": "SpecifiedExchangedDocumentContext",
    "ExchangedDocument": "HeaderExchangedDocument",
    "SupplyChainTradeTransaction": "SpecifiedSupplyChainTradeTransaction",
    "ApplicableHeaderTradeAgreement": "ApplicableSupplyChainTradeAgreement",
    "ApplicableHeaderTradeDelivery": "ApplicableSupplyChainTradeDelivery",
    "ApplicableHeaderTradeSettlement": "ApplicableSupplyChainTradeSettlement",
    "SpecifiedTradeSettlementHeaderMonetarySummation": "SpecifiedTradeSettlementMonetarySummation",
    "SpecifiedTradeSettlementLineMonetarySummation": "SpecifiedTradeSettlementMonetarySummation",
    "SpecifiedLineTradeAgreement": "SpecifiedSupplyChainTradeAgreement",
    "SpecifiedLineTradeDelivery": "SpecifiedSupplyChainTradeDelivery",
    "SpecifiedLineTradeSettlement": "SpecifiedSupplyChainTradeSettlement",
    "RateApplicablePercent": "ApplicablePercent",
    "IssuerAssignedID": "ID",
}
"""CII's names (D16B and later) as ZUGFeRD 1 wrote them."""


# --- how a place is found ---


def first_text(node: Node, syntax: Syntax, paths: Paths) -> str | None:
    """The first place that has a text."""
    return next(all_texts(node, syntax, paths), None)


def all_texts(node: Node, syntax: Syntax, paths: Paths) -> Iterator[str]:
    for found in all_nodes(node, syntax, paths):
        if text := plain_text(found):
            yield text


def all_nodes(node: Node, syntax: Syntax, paths: Paths) -> Iterator[Node]:
    old = syntax is Syntax.ZUGFERD_1
    for path in paths.ubl if syntax in UBL else paths.cii:
        yield from _compiled(path, old)(node)


UBL = (Syntax.UBL_INVOICE, Syntax.UBL_CREDIT_NOTE)


def plain_text(node: Node) -> str:
    """Its own text, runs of blanks as one, bounded."""
    return " ".join((node.text or "")[: 4 * MAX_TEXT].split())[:MAX_TEXT]


@cache
def _compiled(path: str, old: bool) -> etree.XPath:
    """Element names are compared without their namespace; what stands after @ or in quotes is none."""

    def local(match: re.Match[str]) -> str:
        name = OLD_NAMES.get(match[0], match[0]) if old else match[0]
        return f"*[local-name()='{name}']"

    return etree.XPath(re.sub(r"(?<![@'\w-])[A-Z]\w*(?!['\w])", local, path))
