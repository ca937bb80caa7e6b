"""Customers and their invoices in every state, written through the acts: for the pages' tests and pictures."""

from datetime import date, timedelta
from decimal import Decimal

from station.receivables import By, Issued, Noted, issue_item, note_event
from station.records.tables import Customer
from station.workstation import Workstation
from workflow.receivables import What

CUSTOMERS = (
    ("C-001", "Boulangerie Aubert", "private", "fr", "732829320"),
    ("C-002", "Commune de Saint-Brieuc", "public", "fr", ""),
    ("C-003", "Madame Lefèvre", "consumer", "fr", ""),
    ("C-004", "Harbour & Sons Ltd", "private", "en", ""),
)


def add_customers(workstation: Workstation) -> dict[str, int]:
    """Rows of the register by their number."""
    entity, made = workstation.settings.entity, {}
    with workstation.database.writing() as session:
        for number, name, regime, language, siren in CUSTOMERS:
            row = Customer(entity=entity, number=number, name=name, regime=regime, language=language, siren=siren)
            row.vat_id = row.contact = row.phone = ""
            row.address, row.email = "12 rue des Lices\n35000 Rennes", f"compta@{number.lower()}.example"
            row.changed_by, row.changed_at = "system", workstation.clock()
            session.add(row)
            session.flush()
            made[number] = row.id
    return made


def add_items(workstation: Workstation, by: By) -> dict[str, int]:
    """An invoice in each state; their rows by number."""
    customers, today, made = add_customers(workstation), by.today, {}
    told: tuple[tuple[str, str, str, int, tuple[Noted, ...]], ...] = (
        ("F-101", "C-001", "1200.00", 20, ()),
        ("F-102", "C-001", "4800.50", -75, (Noted(What.PAYMENT, today - timedelta(days=40), 150050, reference="VIR-7781"),)),
        ("F-103", "C-002", "12000.00", -120, ()),
        ("F-104", "C-002", "640.00", -10, (Noted(What.DISPUTE, today, reason="Livraison incomplète selon le client"),)),
        ("F-105", "C-003", "89.90", -45, ()),
        ("F-106", "C-004", "2500.00", -20, (Noted(What.PROMISE, today, 250000, until=today + timedelta(days=8)),)),
        ("F-107", "C-004", "990.00", -200, (Noted(What.PAYMENT, today - timedelta(days=190), 99000, reference="VIR-1"),)),
        ("F-108", "C-001", "300.00", -30, (Noted(What.CANCEL, today, reason="Facture établie deux fois"),)),
        ("F-109", "C-004", "410.00", -30, (Noted(What.INSOLVENCY, today, reason="Redressement judiciaire, TC de Rennes"),)),
        ("F-110", "C-003", "55.00", -700, ()),
        ("F-111", "C-001", "150.00", -5, (Noted(What.PAYMENT, today, 20000, reference="VIR-9", keep=True),)),
        ("F-112", "C-004", "780.00", -60, (Noted(What.PROMISE, today - timedelta(days=30), 78000, until=today - timedelta(days=10)),)),
    )
    with workstation.database.writing() as session:
        for number, customer, amount, due, events in told:
            owner = session.get_one(Customer, customers[customer])
            due_on = today + timedelta(days=due)
            item = issue_item(session, owner.entity, owner, Issued(number, cents(amount), due_on - timedelta(days=30), due_on), by)
            made[number] = item.id
            for noted in events:
                note_event(session, item, noted, by)
    return made


def cents(amount: str) -> int:
    return int(Decimal(amount) * 100)


TODAY = date(2026, 11, 20)
