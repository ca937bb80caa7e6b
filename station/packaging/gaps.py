"""What is not in the records of a document and might be asked for: codes, with their words in French and English."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from workflow.kinds import INVOICES


@dataclass(frozen=True, slots=True)
class Gap:
    """Something an auditor may look for and will not find here."""

    code: str
    french: str
    english: str


_ELSEWHERE: tuple[Gap, ...] = (
    Gap("no-order", "bon de commande : non enregistré ici", "purchase order: not recorded here"),
    Gap("no-delivery", "bon de livraison ou service fait : non enregistré ici", "delivery note or service done: not recorded here"),
    Gap("no-approval", "approbation (bon à payer) : non enregistrée ici", "approval for payment: not recorded here"),
    Gap("no-accounting-entry", "écriture comptable : non enregistrée ici", "accounting entry: not recorded here"),
    Gap("no-payment", "aucun paiement noté", "no payment noted"),
)
"""Stages of an invoice; of one that the records do not hold, only the company can say where it is kept."""
_VALUES: tuple[tuple[str, Gap], ...] = (
    ("supplier", Gap("no-supplier", "nom du fournisseur : non lu, non saisi", "supplier's name: neither read nor typed")),
    ("number", Gap("no-number", "numéro de facture : non lu, non saisi", "invoice number: neither read nor typed")),
    ("issued", Gap("no-date", "date de facture : non lue, non saisie", "date of issue: neither read nor typed")),
    ("gross", Gap("no-amount", "montant total : non lu, non saisi", "total amount: neither read nor typed")),
)
_FILES: tuple[Gap, ...] = (
    Gap("file-missing", "un fichier scellé manque au coffre", "a sealed file is missing from the vault"),
    Gap("file-damaged", "un fichier scellé n'a plus son empreinte", "a sealed file no longer has its fingerprint"),
)
_PAYLOADS = Gap(
    "payload-missing",
    "le détail d'une écriture manque, sans effacement inscrit",
    "the payload of an entry is missing, and no erasure of it is recorded",
)
LOST_PAPERS: tuple[Gap, ...] = (
    Gap("dossier-missing", "un dossier d'organisation manque au coffre", "an organisation dossier is missing from the vault"),
    Gap("mandate-missing", "un mandat signé manque au coffre", "a signed mandate is missing from the vault"),
)
"""Of the organisation: kept, and not there any more or not what they were."""
CONFIDENTIAL = Gap("confidential", "pli confidentiel : cité par son numéro seul", "confidential: named by its number only")
GAPS: Mapping[str, Gap] = {
    gap.code: gap for gap in (*_ELSEWHERE, *(gap for _, gap in _VALUES), *_FILES, _PAYLOADS, *LOST_PAPERS, CONFIDENTIAL)
}
WITHHELD: Mapping[str, str] = {"confidential": "confidential", "missing": "file-missing", "damaged": "file-damaged"}
"""Reason why a file is withheld → its gap."""


def gaps_of(
    document_type: str,
    values: Mapping[str, object],
    withheld: frozenset[str] = frozenset(),
    *,
    whole: bool = True,
    filled: Collection[str] = (),
) -> tuple[str, ...]:
    """Codes for one document; `values` are those of its row of the index, `withheld` the reasons for which some of its files are.

    `filled`: codes of stages that the records hold.
    `whole`: all that its entries commit to is here. What is in a package was not erased, so that nothing else may be missing.
    """
    files = (*(WITHHELD[reason] for reason in sorted(withheld)), *(() if whole else (_PAYLOADS.code,)))
    if document_type not in INVOICES:
        return files
    unknown = tuple(gap.code for name, gap in _VALUES if values.get(name) is None)
    return (*(gap.code for gap in _ELSEWHERE if gap.code not in filled), *unknown, *files)
