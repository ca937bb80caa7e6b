"""The rule and circuit files that come with Sceau, and what a folder of such files says: read, checked, in the order of their names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workflow.circuit import Circuit
from workflow.circuit_file import Outside, Signature, load_circuit
from workflow.ladders import Ladders, load_ladders
from workflow.marked import LONGEST, Flaw
from workflow.rules import load_rules
from workflow.tables import RuleSet
from workflow.vocabulary import Kind

SHIPPED = Path(__file__).parent
RULES, CIRCUITS, LADDERS = ".regles.yaml", ".circuit.yaml", ".echelles.yaml"

OUTSIDE = Outside(
    sources={
        "factures": Signature(
            {"fournisseur": Kind.TEXT, "numero": Kind.TEXT, "montant": Kind.AMOUNT},
            {"trouvee": Kind.YES_NO, "reste": Kind.AMOUNT, "depasse": Kind.YES_NO},
        ),
        "solde-client": Signature(
            {"numero": Kind.TEXT},
            {
                "reste_du": Kind.AMOUNT,
                "jours_de_retard": Kind.WHOLE,
                "litige": Kind.YES_NO,
                "suspendue": Kind.YES_NO,
                "regime": Kind.CHOICE,
            },
        ),
    },
    services={"export-comptable": Signature({"numero": Kind.TEXT, "montant": Kind.AMOUNT}, {"lot": Kind.TEXT})},
)
"""Look-ups and services that every station has, by the names that circuits give them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One file: what it says, or None where it is refused, and its flaws."""

    path: Path
    said: RuleSet | Circuit | Ladders | None
    flaws: tuple[Flaw, ...]

    @property
    def holds(self) -> bool:
        return self.said is not None


def shipped_files() -> tuple[Path, ...]:
    return (*sorted((SHIPPED / "rules").glob(f"*{RULES}")), *sorted((SHIPPED / "circuits").glob(f"*{CIRCUITS}")))


def check_files(paths: Iterable[Path], known: Mapping[str, RuleSet] | None = None, outside: Outside = OUTSIDE) -> tuple[Checked, ...]:
    """Rules before the circuits that use them; circuits may use `known` rules, too. Raises OSError for a file that cannot be read."""
    rules = dict(known or {})
    found: dict[Path, Checked] = {}
    every = tuple(dict.fromkeys(paths))
    for path in every:
        if path.name.endswith(RULES):
            text, flaws = _text(path)
            loaded = load_rules(text) if text is not None else None
            said = loaded.rules if loaded else None
            if said and said.name in {each.said.name for each in found.values() if each.said}:
                flaws, said = (Flaw(1, 1, f"il y a déjà des règles « {said.name} » dans ces fichiers"),), None
            elif said:
                rules[said.name] = said
            found[path] = Checked(path, said, (*flaws, *(loaded.flaws if loaded else ())))
    for path in every:
        if path not in found and path.name.endswith(CIRCUITS):
            text, flaws = _text(path)
            circuit = load_circuit(text, rules, outside) if text is not None else None
            found[path] = Checked(path, circuit.circuit if circuit else None, (*flaws, *(circuit.flaws if circuit else ())))
        elif path not in found and path.name.endswith(LADDERS):
            text, flaws = _text(path)
            ladders = load_ladders(text) if text is not None else None
            found[path] = Checked(path, ladders.ladders if ladders else None, (*flaws, *(ladders.flaws if ladders else ())))
        elif path not in found:
            told = f"un fichier de règles finit par {RULES}, un circuit par {CIRCUITS}, des échelles de relance par {LADDERS}"
            found[path] = Checked(path, None, (Flaw(1, 1, told),))
    return tuple(found[path] for path in every)


def check_named(paths: Iterable[Path], outside: Outside = OUTSIDE) -> tuple[Checked, ...]:
    """Check files by the rules that stand beside them, by the shipped ones, and by what an installation has. Raises OSError."""
    asked = tuple(paths)
    beside = {near for path in asked if path.name.endswith(CIRCUITS) for near in path.parent.glob(f"*{RULES}")} - set(asked)
    known = shipped_rules() | {each.said.name: each.said for each in check_files(sorted(beside)) if isinstance(each.said, RuleSet)}
    return check_files(asked, known, outside)


def _text(path: Path) -> tuple[str | None, tuple[Flaw, ...]]:
    with path.open("rb") as file:
        content = file.read(LONGEST * 4 + 1)
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, (
            Flaw(line, error.start - content.rfind(b"\n", 0, error.start), "le fichier n'est pas en UTF-8 : enregistrez-le ainsi"),
        )


def shipped_rules() -> dict[str, RuleSet]:
    return {each.said.name: each.said for each in check_files(shipped_files()) if isinstance(each.said, RuleSet)}


def shipped_circuits() -> dict[str, Circuit]:
    return {each.said.name: each.said for each in check_files(shipped_files()) if isinstance(each.said, Circuit)}
