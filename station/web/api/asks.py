"""What each operation asks for: a scope of the token, and the page that does the same. Denied unless it stands here.

The page tells who may (`station/web/grants.py`): a token's person must hold a role today that opens it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from station.access import Act
from station.web.access import READINGS

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Ask:
    """Of one operation."""

    scope: str
    """Of `station.api_tokens.SCOPES`; empty: every token."""
    method: str
    page: str
    """The page that does the same, as its router writes it."""
    masked: bool = False
    """Shows nothing of what a « pli confidentiel » contains."""
    act: Act | None = None
    """As what the reading is noted; None: nothing of a document is read."""


def _of(scope: str, like: str, *, masked: bool = False, act: Act | None = None) -> Ask:
    method, page = like.split()
    return Ask(scope, method, page, masked, act or READINGS.get((method, page)))


ASKS: Mapping[tuple[str, str], Ask] = {
    ("GET", "/me"): _of("", "GET /account"),
    # Documents
    ("GET", "/documents"): _of("documents:read", "GET /documents"),
    ("POST", "/documents"): _of("documents:write", "POST /upload"),
    ("GET", "/documents/{document_id}"): _of("documents:read", "GET /documents/{document_id}"),
    ("GET", "/documents/{document_id}/fields"): _of("documents:read", "GET /documents/{document_id}/fields/{name}", act=Act.SEEN),
    ("POST", "/documents/{document_id}/fields/{name}"): _of("documents:write", "POST /documents/{document_id}/fields/{name}"),
    ("GET", "/documents/{document_id}/findings"): _of("documents:read", "GET /documents/{document_id}"),
    ("GET", "/documents/{document_id}/pages"): _of("documents:read", "GET /documents/{document_id}"),
    ("GET", "/documents/{document_id}/pages/{number}/image"): _of(
        "documents:read", "GET /documents/{document_id}/pages/{number}/{kind}.jpg"
    ),
    ("GET", "/documents/{document_id}/verdict"): _of("documents:read", "GET /documents/{document_id}/verdict"),
    ("GET", "/documents/{document_id}/originals"): _of("documents:read", "GET /documents/{document_id}"),
    ("GET", "/documents/{document_id}/originals/{sha256}"): _of("documents:read", "GET /documents/{document_id}/originals/{sha256}"),
    ("GET", "/documents/{document_id}/sealed"): _of("documents:read", "GET /documents/{document_id}/sealed.pdf"),
    ("GET", "/documents/{document_id}/capture-data"): _of("documents:read", "GET /documents/{document_id}/capture-data.json"),
    ("GET", "/documents/{document_id}/proof"): _of("documents:read", "GET /documents/{document_id}"),
    ("GET", "/documents/{document_id}/decisions"): _of(
        "documents:read", "GET /documents/{document_id}/decision/{choice}", masked=True, act=Act.SEEN
    ),
    ("POST", "/documents/{document_id}/decisions"): _of("documents:write", "POST /documents/{document_id}/decision/{choice}", masked=True),
    ("PUT", "/documents/{document_id}/nature"): _of("documents:write", "POST /documents/{document_id}/source"),
    ("POST", "/documents/{document_id}/corrections"): _of("documents:write", "POST /documents/{document_id}/correct"),
    ("GET", "/duplicates"): _of("documents:read", "GET /duplicates"),
    ("POST", "/duplicates/{first}/{second}"): _of("documents:write", "POST /duplicates/{first}/{second}"),
    ("GET", "/documents/{document_id}/retention"): _of("retention:read", "GET /documents/{document_id}/retention", act=Act.SEEN),
    ("PUT", "/documents/{document_id}/retention"): _of("retention:write", "POST /documents/{document_id}/retention"),
    ("POST", "/documents/{document_id}/erasure"): _of("erasure:write", "POST /documents/{document_id}/erasure"),
    # Review
    ("GET", "/review"): _of("review:read", "GET /relecture"),
    ("GET", "/review/counts"): _of("review:read", "GET /relecture"),
    ("GET", "/review/{document_id}"): _of("review:read", "GET /relecture/{document_id}"),
    ("GET", "/review/{document_id}/words"): _of("review:read", "GET /relecture/{document_id}/mots.json", act=Act.SEEN),
    ("PATCH", "/review/{document_id}/fields"): _of("review:write", "POST /relecture/{document_id}/champs"),
    ("POST", "/review/{document_id}/take"): _of("review:write", "POST /relecture/{document_id}/presence"),
    ("POST", "/review/{document_id}/undo"): _of("review:write", "POST /relecture/{document_id}/pas"),
    ("POST", "/review/{document_id}/redo"): _of("review:write", "POST /relecture/{document_id}/pas"),
    ("POST", "/review/{document_id}/submit"): _of("review:write", "POST /relecture/{document_id}"),
    ("POST", "/review/{document_id}/postpone"): _of("review:write", "POST /relecture/{document_id}/file"),
    ("POST", "/review/{document_id}/hold"): _of("review:write", "POST /relecture/{document_id}/file"),
    ("POST", "/review/{document_id}/hand-over"): _of("review:write", "POST /relecture/{document_id}/file"),
    ("POST", "/review/{document_id}/resume"): _of("review:write", "POST /relecture/{document_id}/file"),
    ("GET", "/accounts"): _of("accounts:read", "GET /relecture/comptes/{number}"),
    ("GET", "/accounts/{number}"): _of("accounts:read", "GET /relecture/comptes/{number}", act=Act.SEEN),
    ("POST", "/accounts/{number}/decision"): _of("accounts:write", "POST /relecture/comptes/{number}"),
    ("GET", "/search"): _of("search:read", "GET /recherche"),
    ("GET", "/approvals"): _of("approvals:read", "GET /approbations"),
    ("GET", "/approvals/{number}"): _of("approvals:read", "GET /approbations/{number}", act=Act.SEEN),
    ("POST", "/approvals/{number}/decision"): _of("approvals:write", "POST /approbations/{number}"),
    ("GET", "/suppliers"): _of("suppliers:read", "GET /fournisseurs"),
    ("GET", "/suppliers/{number}"): _of("suppliers:read", "GET /fournisseurs/{number}"),
    ("POST", "/suppliers/accounts/decision"): _of("accounts:write", "POST /fournisseurs/comptes"),
    ("GET", "/customers"): _of("suppliers:read", "GET /fournisseurs"),
    # What the house owes, and the accounts
    ("GET", "/accounting/next"): _of("payables:read", "GET /comptabilite"),
    ("GET", "/accounting/batches"): _of("payables:read", "GET /comptabilite"),
    ("POST", "/accounting/batches"): _of("payables:write", "POST /comptabilite/lots"),
    ("GET", "/accounting/batches/{number}"): _of("payables:read", "GET /comptabilite/lots/{number}"),
    ("GET", "/accounting/batches/{number}/file"): _of("payables:read", "GET /comptabilite/lots/{number}/lot.csv"),
    ("POST", "/accounting/batches/{number}/reverse"): _of("payables:write", "POST /comptabilite/lots/{number}/annuler"),
    ("GET", "/payables/{document_id}"): _of("payables:read", "GET /comptabilite/factures/{document_id}"),
    ("POST", "/payables/{document_id}/payments"): _of("payables:write", "POST /comptabilite/factures/{document_id}/paiements"),
    ("POST", "/payables/{document_id}/steps"): _of("payables:write", "POST /comptabilite/factures/{document_id}"),
    ("GET", "/receivables"): _of("receivables:read", "GET /encours"),
    ("POST", "/receivables"): _of("receivables:write", "POST /encours/nouvelle"),
    ("GET", "/receivables/ageing"): _of("receivables:read", "GET /encours"),
    ("GET", "/receivables/{number}"): _of("receivables:read", "GET /encours/{number}"),
    ("POST", "/receivables/{number}/events"): _of("receivables:write", "POST /encours/{number}/evenements"),
    ("GET", "/reminders"): _of("reminders:read", "GET /relances"),
    ("GET", "/reminders/suspensions"): _of("reminders:read", "GET /relances"),
    ("POST", "/reminders/suspensions"): _of("reminders:write", "POST /relances/suspendre"),
    ("POST", "/reminders/suspensions/{number}/resume"): _of("reminders:write", "POST /relances/reprendre/{number}"),
    ("POST", "/reminders/{number}/postpone"): _of("reminders:write", "POST /relances/suspendre"),
    ("GET", "/reminders/sendings"): _of("reminders:read", "GET /relances/envoyees"),
    # Stations and batches
    ("GET", "/stations"): _of("stations:read", "GET /stations"),
    ("GET", "/stations/{name}"): _of("stations:read", "GET /stations/{name}"),
    ("GET", "/stations/{name}/passports"): _of("stations:read", "GET /stations/{name}"),
    ("GET", "/stations/{name}/passports/{number}"): _of("stations:read", "GET /stations/{name}/passports/{number}.json"),
    ("GET", "/batches"): _of("batches:read", "GET /desk/{name}/history"),
    ("GET", "/batches/{batch_id}"): _of("batches:read", "GET /batches/{batch_id}"),
    ("GET", "/stations/{name}/batch"): _of("batches:read", "GET /desk/{name}/preview"),
    ("POST", "/stations/{name}/batch"): _of("batches:write", "POST /desk/{name}/open"),
    ("PATCH", "/stations/{name}/batch"): _of("batches:write", "POST /desk/{name}/sheets"),
    ("POST", "/stations/{name}/batch/edits"): _of("batches:write", "POST /desk/{name}/edit"),
    ("POST", "/stations/{name}/batch/undo"): _of("batches:write", "POST /desk/{name}/undo"),
    ("POST", "/stations/{name}/batch/redo"): _of("batches:write", "POST /desk/{name}/redo"),
    ("POST", "/stations/{name}/batch/redo/drop"): _of("batches:write", "POST /desk/{name}/redo/drop"),
    ("POST", "/stations/{name}/batch/end"): _of("batches:write", "POST /desk/{name}/end"),
    # Controls, holds, retention
    ("GET", "/controls"): _of("controls:read", "GET /controles"),
    ("POST", "/controls/{code}/results"): _of("controls:write", "POST /controles/results/{code}"),
    ("GET", "/controls/lots"): _of("controls:read", "GET /controles"),
    ("GET", "/controls/lots/{number}"): _of("controls:read", "GET /controles/lots/{number}"),
    ("POST", "/controls/lots/{number}/pages"): _of("controls:write", "POST /controles/lots/{number}"),
    ("GET", "/tolerances"): _of("controls:read", "GET /tolerances"),
    ("GET", "/holds"): _of("holds:read", "GET /holds"),
    ("POST", "/holds"): _of("holds:write", "POST /holds"),
    ("POST", "/holds/{number}/lift"): _of("holds:write", "POST /holds/{number}/lift"),
    ("GET", "/retention"): _of("retention:read", "GET /retention"),
    ("POST", "/retention/ask"): _of("retention:write", "POST /retention/ask"),
    ("POST", "/retention/decide"): _of("retention:write", "POST /retention/decide"),
    # What leaves the house
    ("GET", "/exports"): _of("exports:read", "GET /export"),
    ("POST", "/exports"): _of("exports:write", "POST /export"),
    ("GET", "/exports/{number}"): _of("exports:read", "GET /export"),
    ("GET", "/exports/{number}/parts/{name}"): _of("exports:read", "GET /export/{number}/{name}"),
    ("POST", "/exports/{number}/stop"): _of("exports:write", "POST /export/{number}/stop"),
    ("DELETE", "/exports/{number}"): _of("exports:write", "POST /export/{number}/remove"),
    ("GET", "/outbox"): _of("webhooks:read", "GET /envois"),
    ("POST", "/outbox/{number}/retry"): _of("webhooks:write", "POST /envois/{number}/retry"),
    ("POST", "/outbox/{number}/drop"): _of("webhooks:write", "POST /envois/{number}/drop"),
    ("GET", "/webhooks"): _of("webhooks:read", "GET /envois"),
    ("POST", "/webhooks"): _of("webhooks:write", "POST /envois/webhooks"),
    ("DELETE", "/webhooks/{number}"): _of("webhooks:write", "POST /envois/webhooks/{number}/end"),
    # Evidence
    ("GET", "/ledger"): _of("ledger:read", "GET /ledger"),
    ("GET", "/ledger/entries"): _of("ledger:read", "GET /conformite"),
    ("GET", "/ledger/checkpoints"): _of("ledger:read", "GET /ledger"),
    ("GET", "/ledger/proofs/inclusion"): _of("ledger:read", "GET /ledger"),
    ("GET", "/ledger/proofs/consistency"): _of("ledger:read", "GET /ledger"),
    # People
    ("GET", "/people"): _of("people:read", "GET /people"),
    ("POST", "/people"): _of("people:write", "POST /people"),
    ("GET", "/people/{pseudonym}"): _of("people:read", "GET /people/{pseudonym}"),
    ("POST", "/people/{pseudonym}/roles"): _of("people:write", "POST /people/{pseudonym}/roles"),
    ("DELETE", "/people/{pseudonym}/roles/{number}"): _of("people:write", "POST /people/{pseudonym}/roles/{number}/take"),
    ("POST", "/people/{pseudonym}/password"): _of("people:write", "POST /people/{pseudonym}/password"),
    ("POST", "/people/{pseudonym}/end"): _of("people:write", "POST /people/{pseudonym}/end"),
}
