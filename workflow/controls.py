"""The plan of internal controls (art. A. 102 B-2 LPF, II): what is controlled, by whom, how often, how; and what is overdue.

The shipped plan is a table to be read aloud; a company changes owner, frequency and procedure, and each change is a further version.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Control:
    """One control of the plan, in one version."""

    code: str
    french: str
    english: str
    purpose: str
    """Why, in French: what the clause or the standard asks."""
    owner: str
    """Role that answers for it, in French."""
    every_days: int
    """Longest time between two executions; 0: no period (each lot, each change)."""
    procedure: str
    """What is done, in French."""
    version: int = 1
    since: date = date(2026, 11, 1)
    until: date | None = None
    """First day on which a further version holds; None while this one does."""
    automatic: bool = False
    """Carried out by the station; a person may note it as well."""


PLAN: tuple[Control, ...] = (
    Control(
        "passport",
        "passeport de scanner",
        "scanner passport",
        "Prouver que l’appareil ne traite pas l’image et rend fidèlement page et couleurs (A. 102 B-2, I ; NF Z42-026).",
        "atelier de numérisation",
        31,
        "Imprimer la mire, la numériser recto verso comme d’habitude, lire le passeport ; au moindre défaut, corriger l’appareil "
        "et recommencer.",
        automatic=True,
    ),
    Control(
        "sampling",
        "échantillonnage des numérisations",
        "sampling of scans",
        "Comparer la copie au papier : identique, couleurs, complète (A. 102 B-2, II ; ISO 2859-1, niveau II).",
        "responsable qualité",
        31,
        "Former les lots des jours passés, tirer l’échantillon, comparer chaque page tirée au papier, noter trois réponses par page ; "
        "un lot refusé appelle une action corrective et bloque la destruction de son papier.",
    ),
    Control(
        "restore",
        "restitution et relecture",
        "restore and read-back",
        "Prouver la disponibilité et la lisibilité (A. 102 B-2, II) : ce qui est conservé peut être rendu.",
        "exploitation",
        92,
        "Restaurer une sauvegarde sur un autre poste, y relire au moins vingt fichiers tirés au sort, les vérifier (sceau verify) "
        "et les ouvrir.",
    ),
    Control(
        "fixity",
        "relecture des empreintes",
        "fixity",
        "Prouver l’intégrité (A. 102 B-2, II) : chaque fichier a encore son empreinte.",
        "exploitation",
        31,
        "Relire toutes les empreintes (sceau verify --ledger) sur chaque réplique ; conserver le rapport.",
        automatic=True,
    ),
    Control(
        "clock",
        "horloge",
        "clock",
        "Dater juste (A. 102 B-2, III) : l’écart de l’horloge au temps UTC reste dans la limite.",
        "exploitation",
        31,
        "Lire l’écart mesuré par le poste et le comparer à une source indépendante.",
        automatic=True,
    ),
    Control(
        "access",
        "revue des accès",
        "access review",
        "Seules les personnes habilitées agissent (décret 2016-1673 ; NF Z42-013).",
        "responsable conformité",
        183,
        "Lister comptes et habilitations, retirer ceux qui n’ont plus lieu d’être, vérifier que deux personnes restent disponibles "
        "pour ce qui demande deux signatures.",
    ),
    Control(
        "completeness",
        "complétude des lots",
        "completeness of batches",
        "Rien ne manque (A. 102 B-2, I : copie conforme) : feuilles comptées, pages numérisées, numéros de facture sans trou.",
        "comptabilité fournisseurs",
        31,
        "Rapprocher les bordereaux de lot et les documents scellés, puis les documents scellés et les factures comptabilisées ; "
        "expliquer les écarts.",
    ),
)
CODES = frozenset(control.code for control in PLAN)


@dataclass(frozen=True, slots=True)
class Overdue:
    """Something that should have been done by a day."""

    kind: str
    """control, action, lot (failed, without an action), storage (a declaration)."""
    code: str
    """Of the control; of other kinds the number of the row."""
    due: date
    last: date | None
    """Day of the newest execution."""
    owner: str
    what: str
    """In French."""


def plan_with(changes: Iterable[Control], plan: Sequence[Control] = PLAN) -> tuple[Control, ...]:
    """All versions of all controls, by the plan's order, then version; each ends when the next begins."""
    order = {control.code: position for position, control in enumerate(plan)}
    versions = sorted((*plan, *changes), key=lambda each: (order.get(each.code, len(order)), each.code, each.version))
    ended = []
    for control, following in zip(versions, [*versions[1:], None], strict=True):
        until = following.since if following is not None and following.code == control.code else None
        ended.append(replace(control, until=until))
    return tuple(ended)


def in_force(catalogue: Iterable[Control]) -> tuple[Control, ...]:
    """Newest version of each control."""
    return tuple(control for control in catalogue if control.until is None)


def overdue_on(catalogue: Iterable[Control], done: Mapping[str, date | None], since: date, day: date) -> tuple[Overdue, ...]:
    """Controls whose time is over on a day; one never done counts from the day `since` which there is something to control."""
    late = []
    for control in in_force(catalogue):
        last = done.get(control.code)
        due = (last or since) + timedelta(days=control.every_days)
        if control.every_days and due < day:
            late.append(Overdue("control", control.code, due, last, control.owner, control.french))
    return tuple(late)
