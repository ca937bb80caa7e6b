"""Which role opens which page: one table, denied unless it stands here. Every page asks it, and so does every link."""

from collections.abc import Mapping
from dataclasses import dataclass

from workflow.roles import EVERYONE, Role

MAILROOM, CLERK, APPROVER, RECEIVABLES, COMPLIANCE, AUDITOR, ADMINISTRATOR = Role
Roles = frozenset[Role]
NOBODY: Roles = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """Of one address: who may look (GET), who may act (POST)."""

    look: Roles
    act: Roles = NOBODY
    again: bool = False
    """Acting here asks for password or code again, unless it was given within ten minutes (step-up, ASVS 5.0, 7.5.3)."""
    whole: bool = False
    """Only for whoever works in every company of the house: it concerns them all."""


def _roles(*names: Role) -> Roles:
    return frozenset(names)


_PAPER = _roles(MAILROOM, CLERK, COMPLIANCE)
"""Who handles what arrives."""
_READERS = EVERYONE - {ADMINISTRATOR}
"""Who may see documents; administering accounts is no reason to."""
_WORKERS = _READERS - {AUDITOR}
"""Whom a circuit may ask."""
_PROOF = _roles(COMPLIANCE, AUDITOR)
_FEED = _roles(MAILROOM, COMPLIANCE)
_REVIEW = _roles(CLERK, COMPLIANCE)
_OFFICE = _roles(CLERK, APPROVER, COMPLIANCE)
_DIRECTION = _roles(APPROVER, COMPLIANCE)
"""Who answers for what the house pays; there is no role of its own for its direction."""
_DUES = _roles(RECEIVABLES)
"""Who acts on what customers owe."""
_LADDERS = _roles(RECEIVABLES, COMPLIANCE)
"""Who writes ladders of reminders, and who is the second pair of eyes."""
_OWED = _roles(RECEIVABLES, COMPLIANCE, AUDITOR)
"""Who sees it."""
_RULE = _roles(COMPLIANCE)
_RULES_WRITTEN = _roles(CLERK, RECEIVABLES, COMPLIANCE)
_RULES_SEEN = _RULES_WRITTEN | {APPROVER, AUDITOR}
_MAKER = _roles(ADMINISTRATOR)
_SENDING = _roles(COMPLIANCE, ADMINISTRATOR)

GRANTS: Mapping[str, Grant] = {
    # The house's hall
    "/": Grant(_roles(MAILROOM, CLERK, COMPLIANCE)),
    "/upload": Grant(NOBODY, _FEED | {CLERK}),
    "/help": Grant(EVERYONE),
    "/language": Grant(NOBODY, EVERYONE),
    "/sign-out": Grant(NOBODY, EVERYONE),
    "/entity": Grant(NOBODY, EVERYONE),
    "/confirm": Grant(EVERYONE, EVERYONE),
    "/events": Grant(EVERYONE),
    "/account": Grant(EVERYONE),
    "/account/password": Grant(NOBODY, EVERYONE),
    "/account/code": Grant(NOBODY, EVERYONE, again=True),
    "/oidc/again": Grant(EVERYONE),
    "/account/visits": Grant(NOBODY, EVERYONE, again=True),
    "/account/tokens": Grant(EVERYONE, EVERYONE, again=True),
    "/account/tokens/{number}/revoke": Grant(NOBODY, EVERYONE),
    "/api": Grant(EVERYONE),
    "/account/delegations": Grant(NOBODY, EVERYONE, again=True),
    "/account/delegations/{number}/end": Grant(NOBODY, EVERYONE),
    # People
    # What the whole house's backups hold concerns every company in it.
    "/sauvegardes": Grant(_SENDING | {AUDITOR}, _SENDING, whole=True),
    "/sauvegardes/{number}.pdf": Grant(_SENDING | {AUDITOR}, whole=True),
    "/people": Grant(_MAKER, _MAKER, again=True),
    "/people/{pseudonym}": Grant(_MAKER),
    "/people/{pseudonym}/roles": Grant(NOBODY, _MAKER, again=True),
    "/people/{pseudonym}/roles/{number}/take": Grant(NOBODY, _MAKER, again=True),
    "/people/{pseudonym}/password": Grant(NOBODY, _MAKER, again=True),
    "/people/{pseudonym}/unlink": Grant(NOBODY, _MAKER, again=True),
    "/people/{pseudonym}/end": Grant(NOBODY, _MAKER, again=True),
    "/people/{pseudonym}/tokens/{number}/revoke": Grant(NOBODY, _MAKER),
    # What leaves the house
    "/envois": Grant(_SENDING),
    "/envois/{number}/retry": Grant(NOBODY, _SENDING),
    "/envois/{number}/drop": Grant(NOBODY, _SENDING),
    "/envois/webhooks": Grant(NOBODY, _SENDING, again=True),
    "/envois/webhooks/{number}/end": Grant(NOBODY, _SENDING),
    "/people/{pseudonym}/place": Grant(NOBODY, _MAKER, again=True),
    "/people/groups": Grant(NOBODY, _MAKER, again=True),
    "/people/groups/{number}": Grant(_MAKER),
    "/people/groups/{number}/members": Grant(NOBODY, _MAKER, again=True),
    "/people/groups/{number}/members/{member}/take": Grant(NOBODY, _MAKER, again=True),
    "/people/groups/{number}/end": Grant(NOBODY, _MAKER, again=True),
    # Setting the house up
    "/installation": Grant(_MAKER, whole=True),
    "/exploitation": Grant(_MAKER, whole=True),
    "/installation/seal/request": Grant(NOBODY, _MAKER, again=True, whole=True),
    "/installation/seal": Grant(NOBODY, _MAKER, again=True, whole=True),
    "/installation/mail/test": Grant(NOBODY, _MAKER, again=True, whole=True),
    "/installation/apply": Grant(NOBODY, _MAKER, again=True, whole=True),
    "/installation/{step}": Grant(NOBODY, _MAKER, again=True, whole=True),
    # Registers, and the lists they come from
    "/imports": Grant(_REVIEW | {RECEIVABLES, ADMINISTRATOR}),
    "/imports/{kind}/modele.{form}": Grant(_REVIEW | {RECEIVABLES, ADMINISTRATOR}),
    "/imports/suppliers": Grant(NOBODY, _REVIEW | {ADMINISTRATOR}),
    "/imports/suppliers/{number}": Grant(_REVIEW | {ADMINISTRATOR}, _REVIEW | {ADMINISTRATOR}),
    "/imports/suppliers/{number}/run": Grant(NOBODY, _REVIEW | {ADMINISTRATOR}, again=True),
    "/imports/suppliers/{number}/errors.csv": Grant(_REVIEW | {ADMINISTRATOR}),
    "/imports/customers": Grant(NOBODY, _roles(RECEIVABLES, COMPLIANCE, ADMINISTRATOR)),
    "/imports/customers/{number}": Grant(_roles(RECEIVABLES, COMPLIANCE, ADMINISTRATOR), _roles(RECEIVABLES, COMPLIANCE, ADMINISTRATOR)),
    "/imports/customers/{number}/run": Grant(NOBODY, _roles(RECEIVABLES, COMPLIANCE, ADMINISTRATOR)),
    "/imports/customers/{number}/errors.csv": Grant(_roles(RECEIVABLES, COMPLIANCE, ADMINISTRATOR)),
    "/imports/invoices": Grant(NOBODY, _DUES),
    "/imports/invoices/{number}": Grant(_DUES, _DUES),
    "/imports/invoices/{number}/run": Grant(NOBODY, _DUES, again=True),
    "/imports/invoices/{number}/errors.csv": Grant(_DUES),
    "/imports/payments": Grant(NOBODY, _DUES),
    "/imports/payments/{number}": Grant(_DUES, _DUES),
    "/imports/payments/{number}/run": Grant(NOBODY, _DUES, again=True),
    "/imports/payments/{number}/errors.csv": Grant(_DUES),
    "/imports/remittances": Grant(NOBODY, _REVIEW),
    "/imports/remittances/{number}": Grant(_REVIEW, _REVIEW),
    "/imports/remittances/{number}/run": Grant(NOBODY, _REVIEW, again=True),
    "/imports/remittances/{number}/errors.csv": Grant(_REVIEW),
    "/imports/people": Grant(NOBODY, _MAKER),
    "/imports/people/{number}": Grant(_MAKER, _MAKER),
    "/imports/people/{number}/run": Grant(NOBODY, _MAKER, again=True),
    "/imports/people/{number}/errors.csv": Grant(_MAKER),
    "/fournisseurs": Grant(_OFFICE | {AUDITOR}),
    "/fournisseurs/comptes": Grant(_OFFICE | {AUDITOR}, _OFFICE, again=True),
    "/fournisseurs/{number}": Grant(_OFFICE | {AUDITOR}),
    "/fournisseurs/{number}/comptes": Grant(NOBODY, _REVIEW, again=True),
    # What customers owe
    "/relances": Grant(_OWED),
    "/relances/calendrier": Grant(_OWED),
    "/relances/envoyees": Grant(_OWED),
    "/relances/envoyees/{number}/retour": Grant(NOBODY, _DUES),
    "/relances/suspendre": Grant(NOBODY, _DUES),
    "/relances/reprendre/{number}": Grant(NOBODY, _DUES),
    "/relances/taches/{number}": Grant(NOBODY, _DUES),
    "/relances/courrier": Grant(_OWED),
    "/relances/courrier/imprimees": Grant(NOBODY, _DUES),
    "/relances/courrier/recommandes": Grant(NOBODY, _DUES),
    "/relances/courrier/{number}/{which}.pdf": Grant(_OWED),
    "/relances/courrier/{number}/{what}": Grant(NOBODY, _DUES),
    "/relances/echelles": Grant(_OWED, _LADDERS, whole=True),
    "/relances/echelles/{number}": Grant(NOBODY, _LADDERS, again=True, whole=True),
    "/encours": Grant(_OWED),
    "/encours/balance.csv": Grant(_OWED),
    "/encours/nouvelle": Grant(_DUES, _DUES),
    "/encours/clients/{number}": Grant(_OWED, _DUES),
    "/encours/clients/{number}/contacts": Grant(NOBODY, _DUES),
    "/encours/clients/{number}/procedure": Grant(NOBODY, _DUES, again=True),
    "/encours/clients/{number}/credits": Grant(NOBODY, _DUES, again=True),
    "/encours/clients/{number}/contacts/{contact}/fin": Grant(NOBODY, _DUES),
    "/encours/{number}": Grant(_OWED),
    "/encours/{number}/evenements": Grant(NOBODY, _DUES),
    "/encours/{number}/cloture": Grant(NOBODY, _DUES, again=True),
    "/taux": Grant(_RULES_SEEN, _RULES_WRITTEN),
    "/taux/{number}": Grant(NOBODY, _RULES_WRITTEN, again=True),
    # The mailroom's desk
    "/desk": Grant(_PAPER),
    "/desk/{name}": Grant(_PAPER),
    "/desk/{name}/open": Grant(NOBODY, _FEED),
    "/desk/{name}/sheets": Grant(NOBODY, _FEED),
    "/desk/{name}/slip.pdf": Grant(_PAPER),
    "/desk/{name}/redo": Grant(_FEED, _FEED),
    "/desk/{name}/redo/drop": Grant(NOBODY, _FEED),
    "/desk/{name}/preview": Grant(_PAPER),
    "/desk/{name}/edit": Grant(NOBODY, _FEED),
    "/desk/{name}/undo": Grant(NOBODY, _FEED),
    "/desk/{name}/end": Grant(_FEED, _FEED),
    "/desk/{name}/history": Grant(_PAPER | {AUDITOR}),
    "/desk/{name}/scan": Grant(NOBODY, _FEED),
    "/desk/{name}/scan/{job_id}/{act}": Grant(NOBODY, _FEED),
    "/batches/{batch_id}": Grant(_PAPER | {AUDITOR}),
    "/duplicates": Grant(_PAPER | {AUDITOR}),
    "/duplicates/{arrival_id}": Grant(_PAPER | {AUDITOR}),
    "/duplicates/{first}/{second}": Grant(_PAPER | {AUDITOR}, _PAPER),
    "/papers": Grant(_PAPER),
    "/papers/separator.pdf": Grant(_PAPER),
    "/papers/patch.pdf": Grant(_PAPER),
    "/papers/box.pdf": Grant(_PAPER),
    "/papers/slip": Grant(NOBODY, _PAPER),
    # Stations and their scanners
    "/stations": Grant(_PAPER | {AUDITOR, ADMINISTRATOR}),
    "/stations/{name}": Grant(_PAPER | {AUDITOR, ADMINISTRATOR}),
    "/stations/{name}/target.pdf": Grant(_PAPER | {ADMINISTRATOR}),
    "/stations/{name}/passports/{number}": Grant(_PAPER | {AUDITOR, ADMINISTRATOR}),
    "/stations/{name}/passports/{number}.json": Grant(_PAPER | {AUDITOR, ADMINISTRATOR}),
    "/stations/{name}/passports/{number}.pdf": Grant(_PAPER | {AUDITOR, ADMINISTRATOR}),
    "/tolerances": Grant(_PAPER | {AUDITOR}, _RULE),
    "/tolerances/{number}/revoke": Grant(NOBODY, _RULE),
    # Documents
    "/documents": Grant(_READERS),
    "/documents/{document_id}": Grant(_READERS),
    "/documents/{document_id}/pages/{number}/{kind}.jpg": Grant(_READERS),
    "/documents/{document_id}/sealed.pdf": Grant(_READERS),
    "/documents/{document_id}/capture-data.json": Grant(_READERS),
    "/documents/{document_id}/originals/{sha256}": Grant(_READERS),
    "/documents/{document_id}/verdict": Grant(_READERS),
    "/documents/{document_id}/verdict.json": Grant(_READERS),
    "/documents/{document_id}/letter": Grant(_READERS - {AUDITOR}),
    "/documents/{document_id}/source": Grant(_PAPER, _PAPER),
    "/documents/{document_id}/decision/{choice}": Grant(_PAPER, _PAPER),
    "/documents/{document_id}/correct": Grant(_PAPER, _PAPER),
    "/documents/{document_id}/fields": Grant(NOBODY, _REVIEW),
    "/documents/{document_id}/fields/{name}": Grant(_READERS, _REVIEW),
    "/documents/{document_id}/fields/{name}/crop.jpg": Grant(_READERS),
    "/memory": Grant(_REVIEW | {AUDITOR}),
    "/memory/export.json": Grant(_REVIEW | {AUDITOR}),
    "/memory/{number}/undo": Grant(NOBODY, _REVIEW),
    # Review
    "/relecture": Grant(_REVIEW),
    "/relecture/vues": Grant(NOBODY, _REVIEW),
    "/relecture/touches": Grant(_REVIEW, _REVIEW),
    "/relecture/comptes/{number}": Grant(_OFFICE | {AUDITOR}, _OFFICE, again=True),
    "/relecture/comptes/{number}/{which}.jpg": Grant(_OFFICE | {AUDITOR}),
    "/relecture/{document_id}": Grant(_REVIEW, _REVIEW),
    "/relecture/{document_id}/champs": Grant(NOBODY, _REVIEW),
    "/relecture/{document_id}/etat": Grant(NOBODY, _REVIEW),
    "/relecture/{document_id}/pas": Grant(NOBODY, _REVIEW),
    "/relecture/{document_id}/presence": Grant(NOBODY, _REVIEW),
    "/relecture/{document_id}/file": Grant(NOBODY, _REVIEW),
    "/relecture/{document_id}/image/{number}.json": Grant(_REVIEW),
    "/relecture/{document_id}/image/{number}/{version}/{level}-{column}-{row}": Grant(_REVIEW),
    "/relecture/{document_id}/mots.json": Grant(_REVIEW),
    "/relecture/{document_id}/extrait/{number}.jpg": Grant(_REVIEW),
    "/relecture/{document_id}/fenetre": Grant(_REVIEW),
    # Approvals
    "/approbations": Grant(_OFFICE),
    "/approbations/{number}": Grant(_OFFICE | {AUDITOR}, _OFFICE, again=True),
    "/approbations/{number}/page/{page}.jpg": Grant(_OFFICE | {AUDITOR}),
    # Rules and circuits
    "/regles": Grant(_RULES_SEEN, _RULES_WRITTEN),
    "/regles/{file}": Grant(_RULES_SEEN, _RULES_WRITTEN),
    "/regles/{file}/jeter": Grant(NOBODY, _RULES_WRITTEN),
    "/regles/{file}/essayer": Grant(_RULES_SEEN),
    "/regles/{file}/rejeu": Grant(NOBODY, _RULES_WRITTEN),
    "/regles/{file}/rejeu/{number}": Grant(_RULES_SEEN),
    "/regles/{file}/demander": Grant(NOBODY, _RULES_WRITTEN, again=True),
    "/regles/{file}/retirer": Grant(NOBODY, _RULES_WRITTEN),
    "/regles/{file}/decider": Grant(NOBODY, _RULE, again=True),
    "/regles/{file}/versions/{number}": Grant(_RULES_SEEN),
    # The accounts, and what the house owes
    "/comptabilite": Grant(_OFFICE | {AUDITOR}),
    "/comptabilite/lots": Grant(NOBODY, _REVIEW, again=True),
    "/comptabilite/lots/{number}": Grant(_OFFICE | {AUDITOR}),
    "/comptabilite/lots/{number}/lot.csv": Grant(_OFFICE | {AUDITOR}),
    "/comptabilite/lots/{number}/annuler": Grant(NOBODY, _OFFICE, again=True),
    "/comptabilite/reglages": Grant(_REVIEW | {AUDITOR}, _REVIEW, again=True),
    "/comptabilite/factures/{document_id}": Grant(_OFFICE | {AUDITOR}, _OFFICE),
    "/comptabilite/factures/{document_id}/paiements": Grant(NOBODY, _REVIEW, again=True),
    "/comptabilite/factures/{document_id}/ecriture": Grant(NOBODY, _OFFICE, again=True),
    # Circuits
    "/formulaires": Grant(_WORKERS),
    "/formulaires/{number}": Grant(_WORKERS | {AUDITOR}, _WORKERS, again=True),
    "/documents/{document_id}/circuits": Grant(_READERS),
    # Search
    "/recherche": Grant(_READERS),
    "/recherche/{document_id}": Grant(_READERS),
    # The direction
    "/direction": Grant(_DIRECTION),
    "/direction/cloture": Grant(_DIRECTION),
    "/direction/{figure}.csv": Grant(_DIRECTION),
    # Erasure, retention, holds
    "/documents/{document_id}/erasure": Grant(_PAPER | {AUDITOR}, _PAPER, again=True),
    "/documents/{document_id}/certificate.json": Grant(_READERS),
    "/documents/{document_id}/retention": Grant(_PROOF, _RULE),
    "/documents/{document_id}/retention.json": Grant(_PROOF),
    "/retention": Grant(_PROOF),
    "/retention/ask": Grant(NOBODY, _RULE, again=True),
    "/retention/decide": Grant(NOBODY, _RULE, again=True),
    "/holds": Grant(_PROOF, _RULE),
    "/holds/{number}/lift": Grant(NOBODY, _RULE, again=True),
    "/mandates": Grant(_PROOF, _RULE),
    "/mandates/{number}/revoke": Grant(NOBODY, _RULE),
    "/mandates/{number}/file": Grant(_PROOF),
    # Evidence
    "/ledger": Grant(EVERYONE),
    "/ledger/check": Grant(NOBODY, EVERYONE),
    "/ledger/checkpoint": Grant(NOBODY, _RULE),
    "/access": Grant(_PROOF),
    "/conformite": Grant(_PROOF),
    "/conformite/search": Grant(_PROOF, _PROOF),
    "/conformite/{document_id}": Grant(_PROOF),
    "/conformite/{document_id}/pages/{number}.png": Grant(_PROOF),
    "/export": Grant(_PROOF, _RULE, again=True),
    "/export/{number}/stop": Grant(NOBODY, _RULE),
    "/export/{number}/remove": Grant(NOBODY, _RULE),
    "/export/{number}/{name}": Grant(_PROOF),
    "/signing": Grant(_OFFICE, _OFFICE),
    "/signing/reseal": Grant(NOBODY, _RULE),
    # Organisation, controls, paper
    "/organisation": Grant(_PROOF | {ADMINISTRATOR}),
    "/organisation/texts/{key}": Grant(NOBODY, _RULE),
    "/organisation/versions": Grant(NOBODY, _RULE),
    "/organisation/versions/{number}": Grant(NOBODY, _RULE),
    "/organisation/versions/{number}.pdf": Grant(_PROOF | {ADMINISTRATOR}),
    "/organisation/places/{number}": Grant(NOBODY, _RULE),
    "/controles": Grant(_PROOF),
    "/controles/plan/{code}": Grant(NOBODY, _RULE),
    "/controles/results/{code}": Grant(NOBODY, _RULE),
    "/controles/lots/{number}": Grant(_PROOF, _RULE),
    "/controles/failures/{number}": Grant(NOBODY, _RULE),
    "/controles/actions/{number}": Grant(NOBODY, _RULE),
    "/papier": Grant(_PROOF | {MAILROOM}),
    "/papier/lots/{number}": Grant(NOBODY, _FEED),
    "/papier/lots/{number}/slip": Grant(NOBODY, _FEED, again=True),
    "/papier/slips/{number}": Grant(NOBODY, _RULE, again=True),
    "/papier/slips/{number}.pdf": Grant(_PROOF | {MAILROOM}),
}
"""By the address as its router writes it. An auditor looks and changes nothing: searching and reading the log again write nothing."""

STARTS = ("/", "/relecture", "/approbations", "/formulaires", "/documents", "/conformite", "/people", "/help")
"""Where somebody begins whom the first page is not for: the first of these that is."""


def may(roles: Roles, method: str, path: str, *, whole: bool = True) -> bool:
    """Whether any of the roles opens this; what does not stand in the table opens for nobody. `whole`: of somebody who works everywhere."""
    grant = GRANTS.get(path)
    if grant is None or (grant.whole and not whole):
        return False
    return bool(roles & (grant.look if method in {"GET", "HEAD"} else grant.act))


def asks_again(method: str, path: str) -> bool:
    grant = GRANTS.get(path)
    return grant is not None and grant.again and method not in {"GET", "HEAD"}


def start_of(roles: Roles) -> str:
    return next(path for path in STARTS if may(roles, "GET", path) or path == STARTS[-1])
