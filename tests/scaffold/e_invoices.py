"""Small e-invoices in several syntaxes, and PDF files that carry them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pypdfium2

from tests.suite.rendering.made_pdfs import draw_text, make_pdf

CII = "urn:un:unece:uncefact:data:standard"
FERD = "urn:ferd:CrossIndustryDocument:invoice:1p0"
UBL = "urn:oasis:names:specification:ubl:schema:xsd"

CII_LINE = """
<ram:IncludedSupplyChainTradeLineItem>
 <ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID></ram:AssociatedDocumentLineDocument>
 <ram:SpecifiedTradeProduct><ram:Name>Schrauben  M8</ram:Name></ram:SpecifiedTradeProduct>
 <ram:SpecifiedLineTradeAgreement>
  <ram:NetPriceProductTradePrice><ram:ChargeAmount>2.5000</ram:ChargeAmount>
  </ram:NetPriceProductTradePrice>
 </ram:SpecifiedLineTradeAgreement>
 <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">40</ram:BilledQuantity>
 </ram:SpecifiedLineTradeDelivery>
 <ram:SpecifiedLineTradeSettlement><ram:SpecifiedTradeSettlementLineMonetarySummation>
  <ram:LineTotalAmount>100.00</ram:LineTotalAmount>
 </ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
</ram:IncludedSupplyChainTradeLineItem>"""
CII_REMARK = """
<ram:IncludedSupplyChainTradeLineItem><ram:AssociatedDocumentLineDocument>
 <ram:IncludedNote><ram:Content>Wir danken</ram:Content></ram:IncludedNote>
</ram:AssociatedDocumentLineDocument></ram:IncludedSupplyChainTradeLineItem>"""
CII_INVOICE = (
    f"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossIndustryInvoice xmlns:rsm="{CII}:CrossIndustryInvoice:100"
 xmlns:ram="{CII}:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="{CII}:UnqualifiedDataType:100">
<rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>
 <ram:ID>urn:cen.eu:en16931:2017</ram:ID>
</ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>R-77</ram:ID><ram:TypeCode>380</ram:TypeCode>
 <ram:IssueDateTime><udt:DateTimeString format="102">20240312</udt:DateTimeString>
 </ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>"""
    + CII_LINE
    + CII_REMARK
    + """
<ram:ApplicableHeaderTradeAgreement>
 <ram:SellerTradeParty><ram:Name>Weber &amp; Sohn GmbH</ram:Name>
  <ram:PostalTradeAddress><ram:PostcodeCode>10115</ram:PostcodeCode>
   <ram:LineOne>Hauptstr. 5</ram:LineOne><ram:CityName>Berlin</ram:CityName>
   <ram:CountryID>DE</ram:CountryID></ram:PostalTradeAddress>
  <ram:SpecifiedTaxRegistration><ram:ID schemeID="FC">37/001/12345</ram:ID>
  </ram:SpecifiedTaxRegistration>
  <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE136695976</ram:ID>
  </ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
 <ram:BuyerTradeParty><ram:Name>Kranz AG</ram:Name></ram:BuyerTradeParty>
</ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
 <ram:SpecifiedTradePaymentTerms><ram:DueDateDateTime>
  <udt:DateTimeString format="102">20240411</udt:DateTimeString></ram:DueDateDateTime>
 </ram:SpecifiedTradePaymentTerms>
 <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
  <ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
  <ram:TaxTotalAmount currencyID="CHF">18.30</ram:TaxTotalAmount>
  <ram:TaxTotalAmount currencyID="EUR">19.00</ram:TaxTotalAmount>
  <ram:GrandTotalAmount>119.00</ram:GrandTotalAmount>
 </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
</ram:ApplicableHeaderTradeSettlement></rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""
)
# ZUGFeRD 1 has the same terms under other names.
FERD_INVOICE = CII_INVOICE
for new_name, old_name in {
    f"{CII}:CrossIndustryInvoice:100": FERD,
    "CrossIndustryInvoice": "CrossIndustryDocument",
    "ExchangedDocumentContext": "SpecifiedExchangedDocumentContext",
    "rsm:ExchangedDocument>": "rsm:HeaderExchangedDocument>",
    "rsm:SupplyChainTradeTransaction": "rsm:SpecifiedSupplyChainTradeTransaction",
    "ApplicableHeaderTrade": "ApplicableSupplyChainTrade",
    "SpecifiedLineTrade": "SpecifiedSupplyChainTrade",
    "SpecifiedTradeSettlementHeaderMonetary": "SpecifiedTradeSettlementMonetary",
    "SpecifiedTradeSettlementLineMonetary": "SpecifiedTradeSettlementMonetary",
}.items():
    FERD_INVOICE = FERD_INVOICE.replace(new_name, old_name)

UBL_INVOICE = f"""<Invoice xmlns="{UBL}:Invoice-2" xmlns:cac="{UBL}:CommonAggregateComponents-2"
 xmlns:cbc="{UBL}:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
<cbc:ID>R-77</cbc:ID><cbc:IssueDate>2024-03-12</cbc:IssueDate><cbc:DueDate>2024-04-11</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party>
 <cac:PartyName><cbc:Name>Webers Schrauben</cbc:Name></cac:PartyName>
 <cac:PostalAddress><cbc:StreetName>Hauptstr. 5</cbc:StreetName><cbc:CityName>Berlin</cbc:CityName>
  <cbc:PostalZone>10115</cbc:PostalZone></cac:PostalAddress>
 <cac:PartyTaxScheme><cbc:CompanyID>DE136695976</cbc:CompanyID>
  <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
 <cac:PartyLegalEntity><cbc:RegistrationName>Weber &amp; Sohn GmbH</cbc:RegistrationName>
 </cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyName><cbc:Name>Kranz AG</cbc:Name></cac:PartyName>
</cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">19.00</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount>100.00</cbc:TaxExclusiveAmount>
 <cbc:TaxInclusiveAmount>119.00</cbc:TaxInclusiveAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>0</cbc:ID><cbc:InvoicedQuantity>0</cbc:InvoicedQuantity>
 <cbc:LineExtensionAmount>0.00</cbc:LineExtensionAmount>
 <cac:Item><cbc:Name>-- Eisenwaren --</cbc:Name></cac:Item></cac:InvoiceLine>
<cac:InvoiceLine><cbc:ID>1</cbc:ID>
 <cbc:InvoicedQuantity unitCode="C62">40</cbc:InvoicedQuantity>
 <cbc:LineExtensionAmount>100.00</cbc:LineExtensionAmount>
 <cac:Item><cbc:Name>Schrauben M8</cbc:Name></cac:Item>
 <cac:Price><cbc:PriceAmount>2.5000</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
</Invoice>"""
UBL_CREDIT_NOTE = (
    UBL_INVOICE.replace("Invoice-2", "CreditNote-2")
    .replace("<Invoice ", "<CreditNote ")
    .replace("</Invoice>", "</CreditNote>")
    .replace("InvoiceLine", "CreditNoteLine")
    .replace("InvoicedQuantity", "CreditedQuantity")
    .replace("InvoiceTypeCode>380", "CreditNoteTypeCode>381")
    .replace("/cbc:InvoiceTypeCode", "/cbc:CreditNoteTypeCode")
    .replace("<cbc:DueDate>2024-04-11</cbc:DueDate>", "")
)
ISDOC_INVOICE = """<Invoice xmlns="http://isdoc.cz/namespace/2013" version="6.0.1">
<DocumentType>1</DocumentType><ID>R-77</ID><IssueDate>2024-03-12</IssueDate>
<LocalCurrencyCode>EUR</LocalCurrencyCode>
<AccountingSupplierParty><Party><PartyName><Name>Weber &amp; Sohn GmbH</Name></PartyName>
<PostalAddress><StreetName>Hauptstr.</StreetName><BuildingNumber>5</BuildingNumber>
<CityName>Berlin</CityName><PostalZone>10115</PostalZone></PostalAddress>
<PartyTaxScheme><CompanyID>DE136695976</CompanyID><TaxScheme>VAT</TaxScheme></PartyTaxScheme>
</Party></AccountingSupplierParty>
<AccountingCustomerParty><Party><PartyName><Name>Kranz AG</Name></PartyName></Party>
</AccountingCustomerParty>
<InvoiceLines><InvoiceLine><InvoicedQuantity>40</InvoicedQuantity>
<LineExtensionAmount>100.00</LineExtensionAmount><UnitPrice>2.5000</UnitPrice>
<Item><Description>Schrauben M8</Description></Item></InvoiceLine></InvoiceLines>
<TaxTotal><TaxAmount>19.00</TaxAmount></TaxTotal>
<LegalMonetaryTotal><TaxExclusiveAmount>100.00</TaxExclusiveAmount>
<TaxInclusiveAmount>119.00</TaxInclusiveAmount></LegalMonetaryTotal>
<PaymentMeans><Payment><Details><PaymentDueDate>2024-04-11</PaymentDueDate></Details></Payment>
</PaymentMeans></Invoice>"""
UPD_INVOICE = """<?xml version="1.0" encoding="windows-1251"?>
<Файл ИдФайл="ON_NSCHFDOPPR_1" ВерсФорм="5.03"><Документ Функция="СЧФДОП">
<СвСчФакт НомерДок="17/А" ДатаДок="12.03.2024">
<СвПрод><ИдСв><СвЮЛУч НаимОрг="ООО &quot;Вектор&quot;" ИННЮЛ="7707083893"/></ИдСв></СвПрод>
<СвПокуп><ИдСв><СвИП ИННФЛ="500100732259"/></ИдСв></СвПокуп>
<ДенИзм КодОКВ="643" НаимОКВ="Российский рубль"/></СвСчФакт>
<ТаблСчФакт><СведТов НомСтр="1" НаимТов="Болт М8" КолТов="40" ЦенаТов="2.50"
 СтТовБезНДС="100.00" СтТовУчНал="120.00"/>
<ВсегоОпл СтТовБезНДСВсего="100.00" СтТовУчНалВсего="120.00">
<СумНалВсего><СумНал>20.00</СумНал></СумНалВсего></ВсегоОпл></ТаблСчФакт></Документ></Файл>"""


def write_pdf(
    path: Path, attachments: Mapping[str, str | bytes], page_lines: Sequence[str] = ()
) -> None:
    """A PDF of one page with these lines, which carries these files."""
    pdf = pypdfium2.PdfDocument(make_pdf(path, [draw_text(*page_lines)]).read_bytes())
    for name, content in attachments.items():
        data = content.encode() if isinstance(content, str) else content
        pdf.new_attachment(name).set_data(data)
    pdf.save(path)
    pdf.close()
