"""The words by which mentions are known. Texts are folded (`ocr.layout.fold`); `tight` ones without spaces, which readers lose.

They are wide on purpose: a mention that is there and not seen costs a clerk a look, a hundred times a day.
"""

import re

INVOICE_WORDS = re.compile(r"factur|honoraires|\bavoir\b|invoice|rechnung|gutschrift|credit note|creditnota")
"""Folded: the paper calls itself an invoice or a credit note."""
OLD_ARTICLE = re.compile(r"\bart(?:icle)?s? (?:n )?(\d{3}[ 0-9a-z]{0,12}?) (?:du |of the )?(?:c ?g ?i\b|code general des impots)")
"""Folded: an article of the CGI, its number in the first group."""
RATE = re.compile(r"\d ?%|% ?\d|\btva\b.{0,12}\d")
"""Folded: a rate of VAT."""

EXEMPT = re.compile(
    r"293bdu|autoliquid|reversecharge|exoner|exempt"
    r"|nonapplicable|nonsoumis|nonassujetti|horschamp|horstva|franchise(?:en)?base|franchisedetva|vatex|regimeparticulier|regimedelamarge"
    r"|tvasurlamarge|debours|intracommunautaire|intracom|exportation|detaxe|steuerfrei|umkehrung|steuerschuldner|verlegd|vrijgesteld|kleinunternehmer|kleineondernemer"
)
"""Tight: a reason why no VAT is due."""
EXEMPT_ARTICLE = re.compile(r"\bart(?:icle)?s? ?(?:l |n )?(?:293|26[0-3]|259|283|29[4-8]|44|138|146|151|19[46])(?!\d)")
"""Folded: its provision, of the CGI or of the directive."""
NEVER_INVOICED = re.compile(r"\bart(?:icle)?s? ?(?:l |n )?261(?!\d)")
"""Folded: exempt operations (art. 261 to 261 E CGI) have no invoice to be sent electronically."""
CUSTOMER_OWES = re.compile(r"autoliquid|reversecharge|262ter|283[12](?:nonies|bis)|livraisonintracom|steuerschuldner|verlegd")
"""Tight: the customer owes the tax, or the goods went to another member state."""
VAT_NUMBER = re.compile(
    r"fr[0-9a-z]{2}\d{9}|de\d{9}|be[01]\d{9}|nl\d{9}b\d{2}|lu\d{8}|it\d{11}|es[0-9a-z]\d{7}[0-9a-z]|atu\d{8}|pt\d{9}|pl\d{10}"
    r"|ie\d[0-9a-z]\d{5}[a-z]"
)
"""Tight: a VAT number of the member states whose invoices usually arrive."""
TERMS = re.compile(
    r"echeance|areception|comptant|payable|avantle|regleraule?|reglementa|reglement(?:par)?(?:cheque|virement|carte|prelevement)"
    r"|preleve|jours|findemois|duedate|paymentterms|net\d0"
)
"""Tight: when or how to pay."""
PENALTIES = re.compile(r"penalit|interets?deretard|interetlegal|interetslegaux|interetsmoratoires|l44110|l4416|latepay|latefee")
INDEMNITY = re.compile(
    r"indemniteforfait|fraisderecouvr|recoverycost|d4415|l44110|indemnitede40|40euros?pour|compensationfor|40compensation"
)
DISCOUNT = re.compile(r"es[co]{1,3}mpte|earlypay|earlysettle|cashdiscount|paiementanticipe|reglementanticipe")
NATURE = re.compile(
    r"livraisons?debiens|prestations?deservices?|biensetservices|naturedes?operations?|categoriedes?operations?|typedoperation"
    r"|operationmixte"
)
"""Tight: whether goods, services or both were supplied."""
SELF_BILLED = re.compile(r"autofactur|selfbill")
ON_THE_WHOLE = re.compile(
    r"remise|rabais|ristourne|escomptede|fraisde(?!recouv)|transport|livraison|acompte|majoration|ecoparticipation|ecocontribution|discount|shipping"
    r"|rabatt|versand|korting|verzend"
)
"""Tight: something that is added to, or taken off, the sum of the lines."""
