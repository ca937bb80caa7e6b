"""A company with customers who owe: rows for the tests of reminders, and a clock that is told."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import atwork

from config.settings import Company, Dunning, Identity, OutgoingMail
from station import dunning, ticking
from station.outbox import LEASE
from station.records import people
from station.records.tables import Customer, ItemEvent, OpenItem, Person
from station.workstation import Workstation

MORNING = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)
"""A Tuesday, half past nine in Paris."""
US = Company(entity="essai", name="Imprimerie des Quais SARL", siren="732829320", address="12 quai de la Fosse\n44000 Nantes")


@dataclass
class Owing:
    """The company at work, as of `now`."""

    station: Workstation
    now: datetime = MORNING
    customers: dict[str, int] = field(default_factory=dict)

    def clock(self) -> datetime:
        return self.now

    @property
    def today(self) -> date:
        return self.now.date()

    def owes(
        self,
        number: str,
        due: date,
        amount: str = "1200.00",
        name: str = "Atelier Moreau",
        batch: str = "",
        mentions: bool | None = True,
        **said: str,
    ) -> int:
        """An open item, its customer made at need; returns its row."""
        with self.station.database.writing() as session:
            if name not in self.customers:
                told = {
                    "address": "3 rue du Port\n29200 Brest",
                    "email": f"compta@{len(self.customers)}.example",
                    "regime": "private",
                } | said
                row = Customer(
                    entity="essai", number=f"C{len(self.customers) + 1}", name=name, changed_by="system", changed_at=self.now, **told
                )
                session.add(row)
                session.flush()
                self.customers[name] = row.id
            item = OpenItem(
                entity="essai", customer_id=self.customers[name], number=number, cents=int(Decimal(amount) * 100),
                issued=(due - timedelta(days=30)).isoformat(), due=due.isoformat(), mentions=mentions, source="hand", batch=batch,
                actor="system", made_at=self.now,
            )  # fmt: skip
            session.add(item)
            session.flush()
            return item.id

    def happens(self, item: int, what: str, day: date, amount: str = "0", of: int | None = None, until: date | None = None) -> int:
        with self.station.database.writing() as session:
            row = ItemEvent(
                entity="essai", item_id=item, what=what, day=day.isoformat(), cents=int(Decimal(amount) * 100), of=of,
                until=until.isoformat() if until else None, reason="", source="hand", actor="system", at=self.now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return row.id

    def plan(self) -> None:
        """As at five in the morning: what leaves today is planned before today's hour."""
        now, self.now = self.now, self.now.replace(hour=4)
        dunning.plan_reminders(self.station, self.today)
        self.now = now

    def turn(self, now: datetime | None = None) -> int:
        """One turn of the agenda, planned that morning; how many left."""
        self.now = now or self.now
        self.plan()
        return ticking.tend_agenda(self.station)

    def later(self) -> None:
        """So much later that what a dead worker held is free."""
        self.now += LEASE + timedelta(seconds=1)

    def person(self) -> Person:
        with self.station.database.writing() as session:
            return people.ensure_practice(session) or people.list_people(session)[0]


def open_owing(home: Path, port: int = 0, keys: Path | None = None, now: datetime = MORNING, **dunning: Any) -> Owing:
    """`port`: of a mail server on loopback; 0: none is set."""
    mail = OutgoingMail(sender="relances@quais.example", host="127.0.0.1" if port else "", port=port or 25, tls="none")
    opened = atwork.open_home(
        home, keys, mail=mail, dunning=Dunning(active=True, contact="02 40 00 00 00", **dunning), company=(US,),
        identity=Identity(names=[US.name], sirens=[US.siren], ibans=["FR7630006000011234567890189"]),
    )  # fmt: skip
    made = Owing(opened, now)
    made.station = replace(opened, clock=made.clock)
    return made


def serve(owing: Owing, port: int) -> None:
    """From now on the mail server is at this port; 0: none is set."""
    mail = owing.station.settings.mail.model_copy(update={"port": port, "host": "127.0.0.1" if port else ""})
    owing.station = replace(owing.station, settings=owing.station.settings.model_copy(update={"mail": mail}))
