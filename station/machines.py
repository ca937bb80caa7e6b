"""What holds between machines that share one database and one store: whose keys they need, and what none keeps of what is erased."""

import sqlalchemy as sa

from config.settings import Unusable
from station.derived import forget_copies
from station.records.scope import lifted
from station.records.tables import CheckpointRow, Document, State
from station.workstation import Workstation


def require_ledger_keys(workstation: Workstation) -> None:
    """A further machine signs with the keys of the first one, never with new ones: they would contradict what was signed before.

    Raises Unusable where the shared database holds checkpoints of a ledger whose key does not lie in this home. A home with a database of
    its own keeps what it does: there is no other machine whose keys could be meant.
    """
    if workstation.database.url.startswith("sqlite"):
        return
    with workstation.database.reading() as session, lifted(session):
        signed = set(session.scalars(sa.select(CheckpointRow.entity).distinct()))
    folder = workstation.home / "keys" / "ledger"
    if missing := sorted(entity for entity in signed if not (folder / f"{entity}.pem").exists()):
        raise Unusable(
            f"{folder} : la clé du registre {', '.join(missing)} n'est pas sur ce poste. Rien n'a été écrit. Copiez-y le dossier keys/ du "
            f"premier poste, puis relancez. / The key of the ledger {', '.join(missing)} is not on this machine. Nothing was written. Copy "
            "the folder keys/ of the first machine here, then start again."
        )


def forget_erased(workstation: Workstation) -> int:
    """Copies in this home of what was erased on another machine go; returns how many documents'."""

    def lives(found: set[str]) -> set[str]:
        alive: set[str] = set()
        names = sorted(found)
        with workstation.database.reading() as session, lifted(session):
            for start in range(0, len(names), 500):
                query = sa.select(Document.id).where(Document.id.in_(names[start : start + 500]), Document.state != State.ERASED)
                alive.update(session.scalars(query))
        return alive

    return forget_copies(workstation.settings, lives)
