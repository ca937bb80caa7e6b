"""Electronic invoices for tests: one small French invoice, in each way in which it may be written, and a PDF that carries it."""

import zlib
from pathlib import Path

import pikepdf

NUMBER, IBAN, SIREN = "FA-2026-117", "FR7630006000011234567890189", "732829320"
EN_16931 = "urn:cen.eu:en16931:2017"
MINIMUM = "urn:factur-x.eu:1p0:minimum"
BASIC_WL = "urn:factur-x.eu:1p0:basicwl"
EXTENDED = "urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended"
PAGE = ("Facture FA-2026-117", "Date 14/09/2026", "Total HT 300.00", "TVA 20% 60.00", "Total TTC 360.00", f"IBAN {IBAN}")
"""What a page shows of it."""

_CII = """<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
<rsm:ExchangedDocumentContext>{frame}
 <ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>{guideline}</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>
</rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>FA-2026-117</ram:ID><ram:TypeCode>380</ram:TypeCode>
 <ram:IssueDateTime><udt:DateTimeString format="102">20260914</udt:DateTimeString></ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>{lines}
<ram:ApplicableHeaderTradeAgreement>{reference}
 <ram:SellerTradeParty><ram:Name>Menuiserie Caron SARL</ram:Name>
  <ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">732829320</ram:ID></ram:SpecifiedLegalOrganization>
  <ram:PostalTradeAddress>{town}<ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
  <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR44732829320</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
 <ram:BuyerTradeParty><ram:Name>Ville de Test</ram:Name>{buyer}</ram:BuyerTradeParty>
 <ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>BC-88</ram:IssuerAssignedID></ram:BuyerOrderReferencedDocument>
</ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeDelivery>{delivery}</ram:ApplicableHeaderTradeDelivery>
<ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>{settlement}
 <ram:SpecifiedTradeSettlementHeaderMonetarySummation>{sum}
  <ram:TaxBasisTotalAmount>300.00</ram:TaxBasisTotalAmount><ram:TaxTotalAmount currencyID="EUR">60.00</ram:TaxTotalAmount>
  <ram:GrandTotalAmount>{gross}</ram:GrandTotalAmount><ram:DuePayableAmount>{gross}</ram:DuePayableAmount>
 </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
</ram:ApplicableHeaderTradeSettlement>
</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"""
_LINE = """<ram:IncludedSupplyChainTradeLineItem>
 <ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>
 <ram:SpecifiedTradeProduct><ram:Name>Porte en chêne</ram:Name></ram:SpecifiedTradeProduct>
 <ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice><ram:ChargeAmount>1500.0000</ram:ChargeAmount>
  <ram:BasisQuantity unitCode="C62">10</ram:BasisQuantity></ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
 <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">2</ram:BilledQuantity></ram:SpecifiedLineTradeDelivery>
 <ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax><ram:TypeCode>VAT</ram:TypeCode><ram:CategoryCode>S</ram:CategoryCode>
  <ram:RateApplicablePercent>20.00</ram:RateApplicablePercent></ram:ApplicableTradeTax>
  <ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>300.00</ram:LineTotalAmount>
  </ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement></ram:IncludedSupplyChainTradeLineItem>"""
_PAYING = """<ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>58</ram:TypeCode><ram:PayeePartyCreditorFinancialAccount>
 <ram:IBANID>{iban}</ram:IBANID></ram:PayeePartyCreditorFinancialAccount></ram:SpecifiedTradeSettlementPaymentMeans>
 <ram:ApplicableTradeTax><ram:CalculatedAmount>60.00</ram:CalculatedAmount><ram:TypeCode>VAT</ram:TypeCode>
  <ram:BasisAmount>300.00</ram:BasisAmount><ram:CategoryCode>S</ram:CategoryCode>
  <ram:RateApplicablePercent>20.00</ram:RateApplicablePercent></ram:ApplicableTradeTax>
 <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime><udt:DateTimeString format="102">20261014</udt:DateTimeString></ram:DueDateDateTime>
 </ram:SpecifiedTradePaymentTerms>"""
_ZUGFERD_1 = (
    ("rsm:ExchangedDocumentContext", "rsm:SpecifiedExchangedDocumentContext"),
    ("rsm:ExchangedDocument>", "rsm:HeaderExchangedDocument>"),
    ("SupplyChainTradeTransaction", "SpecifiedSupplyChainTradeTransaction"),
    ("ApplicableHeaderTrade", "ApplicableSupplyChainTrade"),
    ("HeaderMonetarySummation", "MonetarySummation"),
    ("LineMonetarySummation", "MonetarySummation"),
    ("SpecifiedLineTrade", "SpecifiedSupplyChainTrade"),
    ("RateApplicablePercent", "ApplicablePercent"),
    ("IssuerAssignedID", "ID"),
    ("CrossIndustryInvoice xmlns", "CrossIndustryDocument xmlns"),
    ("/rsm:CrossIndustryInvoice", "/rsm:CrossIndustryDocument"),
    ("urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100", "urn:ferd:CrossIndustryDocument:invoice:1p0"),
    ("BusinessInformationEntity:100", "BusinessInformationEntity:12"),
    ("UnqualifiedDataType:100", "UnqualifiedDataType:15"),
)
_UBL = """<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>FA-2026-117</cbc:ID><cbc:IssueDate>2026-09-14</cbc:IssueDate>{due}
{code}<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode><cac:OrderReference><cbc:ID>BC-88</cbc:ID></cac:OrderReference>
<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Caron</cbc:Name></cac:PartyName>
 <cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
 <cac:PartyTaxScheme><cbc:CompanyID>123</cbc:CompanyID><cac:TaxScheme><cbc:ID>LOC</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
 <cac:PartyTaxScheme><cbc:CompanyID>FR44732829320</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
 <cac:PartyLegalEntity><cbc:RegistrationName>Menuiserie Caron SARL</cbc:RegistrationName>
  <cbc:CompanyID schemeID="0002">732829320</cbc:CompanyID></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>
 <cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
 <cac:PartyLegalEntity><cbc:RegistrationName>Ville de Test</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party>
</cac:AccountingCustomerParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>58</cbc:PaymentMeansCode>{due_credit}
 <cac:PayeeFinancialAccount><cbc:ID>FR7630006000011234567890189</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">60.00</cbc:TaxAmount><cac:TaxSubtotal>
 <cbc:TaxableAmount currencyID="EUR">300.00</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">60.00</cbc:TaxAmount>
 <cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20.0</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory>
 </cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">300.00</cbc:LineExtensionAmount>
 <cbc:TaxExclusiveAmount currencyID="EUR">300.00</cbc:TaxExclusiveAmount>
 <cbc:TaxInclusiveAmount currencyID="EUR">360.00</cbc:TaxInclusiveAmount>
 <cbc:PayableAmount currencyID="EUR">360.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:{line}Line><cbc:ID>1</cbc:ID><cbc:{quantity} unitCode="C62">2</cbc:{quantity}>
 <cbc:LineExtensionAmount currencyID="EUR">300.00</cbc:LineExtensionAmount>
 <cac:Item><cbc:Name>Porte en chêne</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent>
  <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item>
 <cac:Price><cbc:PriceAmount currencyID="EUR">150.00</cbc:PriceAmount></cac:Price></cac:{line}Line>
</{root}>"""


def cii(guideline: str = EN_16931, iban: str = IBAN, gross: str = "360.00", frame: str = "", reference: str = "") -> bytes:
    """In CII; MINIMUM knows neither lines nor bank, BASIC WL no lines."""
    full, lines = guideline != MINIMUM, guideline not in (MINIMUM, BASIC_WL)
    process = "ram:BusinessProcessSpecifiedDocumentContextParameter"
    context = f"<{process}><ram:ID>{frame}</ram:ID></{process}>"
    return _CII.format(
        guideline=guideline,
        frame=context if frame else "",
        reference=f"<ram:BuyerReference>{reference}</ram:BuyerReference>" if reference else "",
        lines=_LINE if lines else "",
        town="<ram:CityName>Metz</ram:CityName>" if full else "",
        buyer="<ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>" if full else "",
        delivery="",
        settlement=_PAYING.format(iban=iban) if full else "",
        sum="<ram:LineTotalAmount>300.00</ram:LineTotalAmount>" if full else "",
        gross=gross,
    ).encode()


def zugferd_1() -> bytes:
    """The same with the names and namespaces of 2014."""
    text = cii("urn:ferd:CrossIndustryDocument:invoice:1p0:comfort").decode()
    for new, old in _ZUGFERD_1:
        text = text.replace(new, old)
    return text.encode()


def ubl(root: str = "Invoice") -> bytes:
    """Invoice or CreditNote."""
    credit = root == "CreditNote"
    due = "2026-10-14"
    return _UBL.format(
        root=root,
        line=root,
        quantity="CreditedQuantity" if credit else "InvoicedQuantity",
        code="" if credit else "<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>",
        due="" if credit else f"<cbc:DueDate>{due}</cbc:DueDate>",
        due_credit=f"<cbc:PaymentDueDate>{due}</cbc:PaymentDueDate>" if credit else "",
    ).encode()


def carrier(path: Path, attached: dict[str, bytes], shown: tuple[str, ...] = PAGE, *, tree: bool = True) -> Path:
    """A drawn PDF that shows lines of text and carries files, in the tree of embedded files or in /AF alone."""
    with pikepdf.new() as pdf:
        sheet = pdf.add_blank_page(page_size=(420, 300))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        sheet.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        drawing = "".join(f"BT /F1 14 Tf 20 {270 - 30 * row} Td ({line}) Tj ET " for row, line in enumerate(shown))
        sheet.Contents = pdf.make_stream(drawing.encode())
        for name, data in attached.items():
            if tree:
                pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, data, filename=name)
                continue
            stream = pdf.make_stream(zlib.compress(data), Type=pikepdf.Name.EmbeddedFile, Filter=pikepdf.Name.FlateDecode)
            spec = pikepdf.Dictionary(Type=pikepdf.Name.Filespec, F=name, UF=name, EF=pikepdf.Dictionary(F=stream))
            pdf.Root.AF = pikepdf.Array([*pdf.Root.get("/AF", pikepdf.Array()), pdf.make_indirect(spec)])
        pdf.save(path)
    return path
