"""What was witnessed of a log and is not found in it: as data, and in words for whoever wanted to go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from sealing.ledger import Hash


@dataclass(frozen=True, slots=True)
class Claim:
    """Something outside the tree that says what the tree was."""

    holder: str
    """`records`, `memory`, `folder:<path>` or `log:<name>`."""
    size: int
    root: Hash | None
    """None where only the size is known, or no key of ours has signed."""
    key: str
    """Hexadecimal SHA-256 by which an acceptance names it."""
    reason: str = ""
    """Once it is found to contradict: `smaller`, `other`, `broken` (an entry is missing or changed), `key` (signed by a key
    that is not ours), `origin` (by a name not recorded)."""


class TreeContradicted(Exception):
    """The log is smaller than a checkpoint that is held outside it, or another log."""

    def __init__(self, entity: str, size: int, claims: Sequence[Claim]) -> None:
        super().__init__(f"{entity}: the log has {size} entries and contradicts {', '.join(f'{c.holder} ({c.size})' for c in claims)}")
        self.entity, self.size, self.claims = entity, size, tuple(claims)

    def words(self, language: str = "fr") -> str:
        """What happened, that nothing was deleted by this, what to do."""
        worst = max(self.claims, key=lambda claim: (claim.reason != "origin", claim.size))
        holder = worst.holder if worst.holder.startswith(("folder:", "log:")) else "witness-memory"
        english = language == "en"
        what = (_WRONG_EN if english else _WRONG_FR)[worst.reason].format(
            entity=self.entity, size=self.size, holder=holder, seen=worst.size
        )
        if worst.reason == "origin":
            return f"{what} {_NAME_EN if english else _NAME_FR}"
        return f"{what} {_TODO_EN if english else _TODO_FR}"


_WRONG_FR = {
    "smaller": "Le registre de {entity} compte {size} inscriptions, {holder} en a vu {seen} : arbre plus petit que le dernier attesté.",
    "other": "Le registre de {entity} n'est pas celui que {holder} a vu à {seen} inscriptions : arbre autre que le dernier attesté.",
    "key": "{holder} garde un point de contrôle de {entity} ({seen} inscriptions) signé par une autre clé que celle de ce poste.",
    "broken": "Le registre de {entity} ({size} inscriptions) n'est plus entier : l'inscription {seen} manque ou n'est plus celle d'alors.",
    "origin": "Le registre de {entity} a fait ses points de contrôle sous un autre nom que celui des réglages (ledger.origin).",
}
_WRONG_EN = {
    "smaller": "The ledger of {entity} has {size} entries and {holder} saw {seen}: the tree is smaller than last witnessed.",
    "other": "The ledger of {entity} is not the one that {holder} saw at {seen} entries: the tree is another than last witnessed.",
    "key": "{holder} keeps a checkpoint of {entity} ({seen} entries) that another key than this installation's has signed.",
    "broken": "The ledger of {entity} ({size} entries) is not whole any more: entry {seen} is missing or is not the one that was written.",
    "origin": "The ledger of {entity} made its checkpoints under another name than the one in the settings (ledger.origin).",
}
_TODO_FR = (
    "Ce contrôle n'a rien supprimé, et rien de nouveau n'est pris. Restaurez la sauvegarde la plus récente de SCEAU_HOME, clés comprises. "
    "Si ce qui manque est introuvable, une personne nommée l'accepte, et cela reste inscrit : "
    "sceau ledger accept --reason TEXTE --login NOM"
)
_TODO_EN = (
    "This check deleted nothing, and nothing new is taken in. Restore the newest backup of SCEAU_HOME, keys included. "
    "If what is missing cannot be found, a named person accepts it, which stays on record: "
    "sceau ledger accept --reason TEXT --login NAME"
)
_NAME_FR = (
    "Ce contrôle n'a rien supprimé, et rien de nouveau n'est pris. Remettez l'ancien nom, ou une personne nommée inscrit le changement : "
    "sceau ledger origin --reason TEXTE --login NOM"
)
_NAME_EN = (
    "This check deleted nothing, and nothing new is taken in. Put the former name back, or a named person records the change: "
    "sceau ledger origin --reason TEXT --login NAME"
)
