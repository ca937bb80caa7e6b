"""A home with rules in force, documents that they decided, and a circuit at work: for the tests of the studio."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa
from webhome import NOON, PAPERS, open_home, sealed

from station import rule_versions
from station.records import circuits as records
from station.records.tables import CircuitRun, CircuitVersion, DecisionMade, RuleVersion
from station.stored import rule_values_out
from station.workstation import Workstation
from workflow.tables import Decision, decide
from workflow.vocabulary import Value

FILE = "approbation-fournisseurs.regles"
NAME = "approbation-fournisseurs"
AMOUNTS = ("480.00", "4999.99", "5000.00", "5346.00", "7200.00", "12000.00")


def open_studio(folder: Path, amounts: tuple[str, ...] = AMOUNTS) -> Workstation:
    """With the shipped rules in force and one decided invoice for each amount (with tax)."""
    workstation = open_home(folder)
    rule_versions.install_shipped(workstation)
    for number, amount in enumerate(amounts):
        paper = PAPERS[number % len(PAPERS)]
        document_id = sealed(workstation, f"facture-{number}.tif", paper)
        decided(workstation, document_id, Decimal(amount), NOON - timedelta(hours=number))
    return workstation


def decided(workstation: Workstation, document_id: str | None, amount: Decimal, at: datetime = NOON, supplier: str = "connu") -> None:
    """Rows as a circuit writes them when its tables decided."""
    with workstation.database.writing() as session:
        entity = workstation.settings.entity
        row, circuit = (
            records.in_force(session, RuleVersion, entity)[NAME],
            records.in_force(session, CircuitVersion, entity)["facture-fournisseur"],
        )
        rules = rule_versions.rules_of(row)
        values: dict[str, Value] = {
            "fournisseur": supplier, "doublon": False, "iban_change": False, "constats": 0, "montant_ttc": amount, "commande": None,
        }  # fmt: skip
        run = CircuitRun(
            entity=entity, document_id=document_id, circuit=circuit.name, version_id=circuit.id, rules={NAME: row.id},
            meaning=circuit.meaning, begun_by="document", submitted_at=at, started_at=at, step="approbation", standing="running",
            outcome="", bound="", revision=1,
            state={"values": rule_values_out({**values, "nature": "facture", "numero": "1", "nom_fournisseur": "Bertin"})},
        )  # fmt: skip
        session.add(run)
        session.flush()
        for serial, table in enumerate(("controle", "qui-approuve")):
            decision = decide(rules, table, values)
            assert isinstance(decision, Decision)
            inputs = {each.name: values[each.name] for each in rules.tables[table].inputs}
            row_of = DecisionMade(
                entity=entity, run_id=run.id, document_id=document_id, revision=1, serial=serial, step=table, rule_id=row.id, rules=NAME,
                table=table, meaning=row.meaning, sha256=row.sha256, inputs=rule_values_out(inputs), outputs={},
                lines=list(decision.lines), at=at,
            )  # fmt: skip
            session.add(row_of)


def with_threshold(text: str, amount: str = "8000") -> str:
    """The shipped text with another threshold for two approvers, and its examples corrected."""
    changed = text.replace("]500..5000]", f"]500..{amount}]").replace("| > 5000 ", f"| > {amount} ")
    return changed.replace("montant_ttc: 5000.01", f"montant_ttc: {amount}.01").replace("montant_ttc: 5000.00", f"montant_ttc: {amount}.00")


def decided_many(workstation: Workstation, count: int) -> None:
    """As many decided runs at once, their amounts 1.50 € apart; of no document."""
    entity = workstation.settings.entity
    with workstation.database.writing() as session:
        row = records.in_force(session, RuleVersion, entity)[NAME]
        circuit = records.in_force(session, CircuitVersion, entity)["facture-fournisseur"]
        rules = rule_versions.rules_of(row)
        known: dict[str, Value] = {"fournisseur": "connu", "doublon": False, "iban_change": False, "constats": 0, "commande": None}
        words: dict[str, Value] = {"nature": "facture", "nom_fournisseur": "Bertin"}
        runs, made = [], []
        for number in range(1, count + 1):
            values = {**known, "montant_ttc": Decimal(number) * Decimal("1.5")}
            state = {"values": rule_values_out({**values, **words, "numero": str(number)})}
            runs.append({
                "id": number, "entity": entity, "circuit": circuit.name, "version_id": circuit.id, "rules": {}, "state": state,
                "meaning": "",
                "begun_by": "document", "submitted_at": NOON, "started_at": NOON, "step": "", "standing": "running", "outcome": "",
                "bound": "", "revision": 1,
            })  # fmt: skip
            for serial, table in enumerate(("controle", "qui-approuve")):
                inputs = {each.name: values[each.name] for each in rules.tables[table].inputs}
                made.append({
                    "entity": entity, "run_id": number, "revision": 1, "serial": serial, "step": table, "rule_id": row.id, "rules": NAME,
                    "table": table, "meaning": "", "sha256": "", "inputs": rule_values_out(inputs), "outputs": {}, "lines": [], "at": NOON,
                })  # fmt: skip
        session.execute(sa.insert(CircuitRun), runs)
        session.execute(sa.insert(DecisionMade), made)
